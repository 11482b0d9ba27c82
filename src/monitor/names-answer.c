/* What becomes of a question: neighbours are told of here, all else is a server's to answer. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "monitor/names.h"

static void
add_addresses(struct sc_names *names, const struct sc_dns_question *question, struct sc_dns_answer *answer)
{
    const struct sc_names_found *found = &names->found;
    size_t len = question->type == SC_DNS_AAAA ? 16 : 4, first = names->turn++ % found->count;

    if (question->type != SC_DNS_A && question->type != SC_DNS_AAAA)
        return; /* the name is there, and has nothing else */
    for (size_t i = 0; i < found->count; i++) {
        const struct sc_names_address *a = &found->items[(first + i) % found->count];

        if (a->len == len)
            sc_dns_answer_address(answer, a->bytes, len);
    }
}

/* Of a name that is nobody's here; -1: a server is to be asked. Nothing of a container that is only on internal
 * networks gets outside, names that it makes up neither. */
static int
rcode_of_others(const struct sc_names *names, const struct sc_dns_question *question, bool is_reverse)
{
    bool is_single = question->name[0] && !strchr(question->name, '.');

    if (names->found.is_hidden)
        return SC_DNS_NXDOMAIN;
    if (names->found.has_way_out && names->servers.count > 0)
        return -1;
    return is_single || is_reverse ? SC_DNS_NXDOMAIN : SC_DNS_SERVFAIL;
}

enum sc_names_fate
sc_names_decide(struct sc_names *names, const unsigned char *query, size_t len, bool is_udp, unsigned char *out,
                size_t *out_len, size_t *question_end)
{
    struct sc_dns_answer answer = {.data = out, .size = SC_NAMES_ANSWER_MAX};
    struct sc_dns_question question;
    enum sc_dns_kind kind = sc_dns_parse(query, len, &question);
    unsigned char address[16];
    size_t address_len = 0;
    int rcode = question.rcode;

    if (kind == SC_DNS_IS_NONE)
        return SC_NAMES_DROP;
    if (is_udp)
        answer.size = question.answer_max;
    *question_end = question.end;
    if (kind == SC_DNS_ASKS) {
        address_len = question.type == SC_DNS_PTR ? sc_dns_reverse(question.name, address) : 0;
        sc_names_look(&names->table, names->leases, names->containers, names->id, question.name, address, address_len,
                      &names->found);
        if (names->found.count == 0 && !names->found.name[0])
            rcode = rcode_of_others(names, &question, address_len > 0);
    }
    if (rcode < 0)
        return SC_NAMES_ASK;
    sc_dns_answer_begin(&answer, query, &question, rcode);
    if (kind == SC_DNS_ASKS && names->found.count > 0)
        add_addresses(names, &question, &answer);
    else if (kind == SC_DNS_ASKS && names->found.name[0])
        sc_dns_answer_name(&answer, names->found.name);
    sc_dns_answer_end(&answer, &question);
    *out_len = answer.len;
    return SC_NAMES_ANSWER;
}

size_t
sc_names_refuse(const unsigned char *query, size_t len, unsigned char *out)
{
    struct sc_dns_answer answer = {.data = out, .size = SC_DNS_PLAIN_MAX};
    struct sc_dns_question question;

    (void)sc_dns_parse(query, len, &question);
    sc_dns_answer_begin(&answer, query, &question, SC_DNS_SERVFAIL);
    sc_dns_answer_end(&answer, &question);
    return answer.len;
}

size_t
sc_names_tries(const struct sc_names *names)
{
    return names->servers.count == 1 ? 2 : names->servers.count;
}

int
sc_names_connect(const struct sc_names *names, size_t try, int type)
{
    const struct sc_names_server *server = &names->servers.items[try % names->servers.count];
    sc_cleanup_fd fd = socket(server->address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    /* The kernel chooses a port at random: with the id, that is what a forger would have to guess. */
    if (fd < 0 || (connect(fd, (const struct sockaddr *)&server->address, server->len) < 0 && errno != EINPROGRESS))
        return -1;
    return sc_steal_fd(&fd);
}

uint16_t
sc_names_random_id(void)
{
    uint16_t id = 0;

    while (getrandom(&id, sizeof(id), 0) != sizeof(id))
        ;
    return id;
}
