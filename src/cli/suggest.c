/* The word that a misspelt one was meant to be. */
#include <string.h>

#include "cli/cli.h"

#define WORD_MAX 24 /* no command and few flags are longer */

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be put in, left out, changed or swapped with the next to make one of the other; far: more than
 * that can be counted. */
static size_t
distance(const char *a, size_t a_len, const char *b)
{
    size_t rows[3][WORD_MAX + 1], b_len = strlen(b);

    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        const size_t *above = rows[(i - 1) % 3], *higher = rows[(i + 1) % 3];
        size_t *row = rows[i % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], higher[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

const char *
sc_suggest_instead(const char *flag, size_t len)
{
    static const struct {
        const char *flag, *instead;
    } known[] = {
        {"config-from", "give the options themselves"},
        {"config-only", "give the options to the network itself"},
        {"driver-opt",
         "links are eth0, eth1.. in the order of the networks; parameters of the kernel are run's --sysctl"},
        {"gpus", "give the devices with --device"},
        {"gw-priority", "the way out is by the first network that is not internal: name that one first"},
        {"ingress", "a network is of this host"},
        {"ipam-opt", "addresses are leases of ours, without options; see --ip-range and --aux-address"},
        {"link", "containers of a network that sc network create has made know each other by name"},
        {"runtime", "sc has one runtime, its own; for another engine that is sc-oci"},
        {"storage-opt", "limit the file system that the data root is on"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (strlen(known[i].flag) == len && strncmp(known[i].flag, flag, len) == 0)
            return known[i].instead;
    }
    return NULL;
}

const char *
sc_suggest_program(const char *word)
{
    static const struct {
        const char *word, *instead;
    } known[] = {
        {"attach", "sc logs -f NAME shows what it prints, sc exec -it NAME sh gives a shell"},
        {"buildx", "sc build"},
        {"compose", "docker-compose works with sc: start 'sc api', and set DOCKER_HOST=unix:///run/sc/api.sock"},
        {"search", "search on the registry's web page; the tags of a repository: skopeo list-tags docker://NAME"},
        {"swarm", "one host only; see podman or Kubernetes, with sc-oci as their runtime"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (strcmp(known[i].word, word) == 0)
            return known[i].instead;
    }
    return NULL;
}

void
sc_suggest_consider(struct sc_suggestion *s, const char *word)
{
    size_t len = s->len, off;

    if (!word)
        return;
    off = distance(s->typed, len, word);
    /* One letter in three at most: "rnu" is run, but "foo" is not top. */
    if (off <= (len < 3 ? 0 : len < 6 ? 1 : 2) && (!s->word || off < s->off)) {
        s->word = word;
        s->off = off;
    }
}
