/* Questions over UDP: each that a server is asked has a socket, and so a port, of its own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/names.h"

#define TAKEN_AT_ONCE 32 /* before others have their turn */

static void
finish(struct sc_names_udp *udp)
{
    sc_closep(&udp->fd);
    sc_freep(&udp->query);
}

/* Asks the next server that can be asked; the last that could not is an answer too. */
static void
ask(struct sc_names *names, struct sc_names_udp *udp, int64_t now)
{
    unsigned char refusal[SC_DNS_PLAIN_MAX];

    for (; udp->tries < sc_names_tries(names); udp->tries++) {
        sc_closep(&udp->fd);
        sc_dns_set_id(udp->query, sc_names_random_id());
        udp->fd = sc_names_connect(names, udp->tries, SOCK_DGRAM);
        if (udp->fd < 0 || send(udp->fd, udp->query, udp->len, MSG_NOSIGNAL) < 0)
            continue;
        udp->tries++;
        udp->deadline = now + SC_NAMES_TRY_MS * INT64_C(1000000);
        return;
    }
    sc_dns_set_id(udp->query, udp->client_id);
    (void)sendto(names->udp_fd, refusal, sc_names_refuse(udp->query, udp->len, refusal), MSG_NOSIGNAL | MSG_DONTWAIT,
                 (const struct sockaddr *)&udp->client, sizeof(udp->client));
    finish(udp);
}

/* A slot; where all are in use, that of whoever waits longest: its client will ask again. */
static struct sc_names_udp *
slot(struct sc_names *names)
{
    struct sc_names_udp *oldest = &names->udp[0];

    for (size_t i = 0; i < SC_NAMES_UDP_MAX; i++) {
        struct sc_names_udp *udp = &names->udp[i];

        if (udp->fd < 0)
            return udp;
        if (udp->deadline < oldest->deadline)
            oldest = udp;
    }
    finish(oldest);
    return oldest;
}

static void
forward(struct sc_names *names, const struct sockaddr_in *client, size_t len, size_t question_end, int64_t now)
{
    struct sc_names_udp *udp = slot(names);

    *udp = (struct sc_names_udp){.fd = -1, .client = *client, .len = len, .question_end = question_end};
    udp->query = malloc(len);
    if (!udp->query)
        return;
    memcpy(udp->query, names->room, len);
    udp->client_id = sc_dns_id(udp->query);
    ask(names, udp, now);
}

void
sc_names_udp_take(struct sc_names *names, int64_t now)
{
    unsigned char out[SC_NAMES_ANSWER_MAX];

    for (int i = 0; i < TAKEN_AT_ONCE; i++) {
        struct sockaddr_in client;
        socklen_t client_len = sizeof(client);
        size_t len = 0, question_end = 0;
        ssize_t got = recvfrom(names->udp_fd, names->room, sizeof(names->room), MSG_DONTWAIT,
                               (struct sockaddr *)&client, &client_len);

        if (got < 0)
            return;
        switch (sc_names_decide(names, names->room, (size_t)got, true, out, &len, &question_end)) {
        case SC_NAMES_DROP:
            break;
        case SC_NAMES_ANSWER:
            (void)sendto(names->udp_fd, out, len, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&client,
                         sizeof(client));
            break;
        case SC_NAMES_ASK:
            forward(names, &client, (size_t)got, question_end, now);
            break;
        }
    }
}

/* A server that cannot say is no reason not to ask the next one. */
static bool
is_no_answer(int rcode)
{
    return rcode == SC_DNS_SERVFAIL || rcode == SC_DNS_NOTIMP || rcode == 5; /* refused */
}

void
sc_names_udp_event(struct sc_names *names, struct sc_names_udp *udp, int64_t now)
{
    ssize_t got = recv(udp->fd, names->room, sizeof(names->room), MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got < 0) { /* nobody listens there */
        ask(names, udp, now);
        return;
    }
    /* What does not answer this very question is a forger's, or late. */
    if (!sc_dns_answers(names->room, (size_t)got, udp->query, udp->question_end, sc_dns_id(udp->query)))
        return;
    if (is_no_answer(sc_dns_rcode(names->room)) && udp->tries < names->servers.count) {
        ask(names, udp, now);
        return;
    }
    sc_dns_set_id(names->room, udp->client_id);
    (void)sendto(names->udp_fd, names->room, (size_t)got, MSG_NOSIGNAL | MSG_DONTWAIT,
                 (const struct sockaddr *)&udp->client, sizeof(udp->client));
    finish(udp);
}

void
sc_names_udp_expire(struct sc_names *names, int64_t now)
{
    for (size_t i = 0; i < SC_NAMES_UDP_MAX; i++) {
        if (names->udp[i].fd >= 0 && names->udp[i].deadline <= now)
            ask(names, &names->udp[i], now);
    }
}
