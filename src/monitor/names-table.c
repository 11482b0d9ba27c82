/* Neighbours' names, from the leases (net.h) as they are now: who has just come is there, who has left is not.
 *
 *     NETWORK/ADDRESS  -> "<id>/INDEX/MAC/NAME NAME.."   a container that has ended has no names any more
 *     NETWORK/.internal                                  nothing outside is reached from there
 *
 * A container whose monitor was killed has leases until a command finds it; nobody holds its lock any more. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

#include "monitor/names.h"

#define DEFAULT "sc0" /* has no names, as Docker's bridge */

struct look {
    int containers; /* the directory of their locks; -1: all are taken to live */
    const char *id, *name;
    const unsigned char *reverse;
    size_t reverse_len;
    struct sc_names_found *out;
    /* of the network that is being looked at */
    const char *network;
    bool is_own, hides;
    char found[SC_DNS_NAME_MAX];
};

/* The names of a lease; NULL: it is none. */
static const char *
names_of(const char *target)
{
    const char *at = target;

    for (int i = 0; i < 3 && at; i++) {
        at = strchr(at, '/');
        at = at ? at + 1 : NULL;
    }
    return at;
}

enum called { NOT_CALLED, CALLED, CALLED_OF_NETWORK };

/* "web", and "web.front" on network front */
static enum called
is_called(const struct look *look, const char *name, size_t len)
{
    const char *rest = look->name + len;

    if (strlen(look->name) < len || strncasecmp(look->name, name, len) != 0)
        return NOT_CALLED;
    if (*rest == '\0')
        return CALLED;
    return *rest == '.' && strcasecmp(rest + 1, look->network) == 0 ? CALLED_OF_NETWORK : NOT_CALLED;
}

static enum called
has_name(const struct look *look, const char *names)
{
    while (*names) {
        size_t len = strcspn(names, " ");
        enum called result = len > 0 ? is_called(look, names, len) : NOT_CALLED;

        if (result != NOT_CALLED)
            return result;
        names += len + (names[len] == ' ');
    }
    return NOT_CALLED;
}

/* What PTR says of it: "web.front" */
static void
name_it(struct look *look, const char *names)
{
    size_t len = strcspn(names, " "), rest = strlen(look->network);

    if (len == 0 || len + 1 + rest >= sizeof(look->found))
        return;
    memcpy(look->found, names, len);
    look->found[len] = '.';
    memcpy(look->found + len + 1, look->network, rest + 1);
}

/* Whose lease it is. Only of names that are asked for: it is three system calls. */
static bool
is_alive(const struct look *look, const char *target)
{
    char path[SC_ID_LEN + sizeof("/lock")];
    sc_cleanup_fd fd = -1;

    if (look->containers < 0)
        return true;
    (void)snprintf(path, sizeof(path), "%.*s/lock", SC_ID_LEN, target);
    fd = openat(look->containers, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno != ENOENT;
    return flock(fd, LOCK_SH | LOCK_NB) < 0;
}

static void
look_at_lease(struct look *look, const char *text, const char *target)
{
    struct sc_names_address address = {.len = strchr(text, ':') ? 16 : 4};
    const char *names = names_of(target);
    enum called called;

    if (!names || inet_pton(address.len == 16 ? AF_INET6 : AF_INET, text, address.bytes) != 1)
        return;
    look->is_own = look->is_own || (strncmp(target, look->id, SC_ID_LEN) == 0 && target[SC_ID_LEN] == '/');
    if (look->reverse_len > 0) {
        if (address.len == look->reverse_len && memcmp(address.bytes, look->reverse, address.len) == 0 &&
            is_alive(look, target))
            name_it(look, names);
        return;
    }
    called = *look->name ? has_name(look, names) : NOT_CALLED;
    if (called == NOT_CALLED || !is_alive(look, target))
        return;
    /* A name with a dot may be a real one elsewhere, which a container of another network must not take away. */
    look->hides = look->hides || called == CALLED_OF_NETWORK || !strchr(look->name, '.');
    if (look->out->count < SC_NAMES_FOUND_MAX)
        look->out->items[look->out->count++] = address;
}

static void
look_at_network(struct look *look, const struct sc_names_network *network)
{
    const struct sc_buf *leases = &network->leases;
    size_t before = look->out->count;

    look->network = network->name;
    look->is_own = look->hides = false;
    look->found[0] = '\0';
    for (size_t at = 0; at < leases->len;) {
        const char *address = leases->data + at, *target = address + strlen(address) + 1;

        look_at_lease(look, address, target);
        at = (size_t)(target + strlen(target) + 1 - leases->data);
    }
    if (look->is_own && !network->is_internal)
        look->out->has_way_out = true;
    if (look->is_own && strcmp(look->network, DEFAULT) != 0) {
        if (look->found[0])
            memcpy(look->out->name, look->found, sizeof(look->found));
        return;
    }
    look->out->is_hidden = look->out->is_hidden || look->hides;
    look->out->count = before;
}

void
sc_names_look(struct sc_names_table *table, int leases, int containers, const char *id, const char *name,
              const unsigned char *reverse, size_t len, struct sc_names_found *out)
{
    struct look look = {
        .containers = containers, .id = id, .name = name, .reverse = reverse, .reverse_len = len, .out = out};

    out->count = 0;
    out->name[0] = '\0';
    out->is_hidden = out->has_way_out = false;
    for (const struct sc_names_network *n = sc_names_networks(table, leases); n; n = n->next)
        look_at_network(&look, n);
    out->is_hidden = out->is_hidden && out->count == 0;
}
