/* Questions over TCP (RFC 7766): of who was told that an answer was cut. One after another on a connection.
 *
 *     READS ─ a question ─► WRITES our answer ─► READS
 *                └─► SENDS it to a server ─► WAITS for the reply ─► WRITES */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/names.h"

#define PREFIX  2
#define IDLE_NS (10 * INT64_C(1000000000))
#define TRY_NS  (SC_NAMES_TRY_MS * INT64_C(1000000))

static void
finish(struct sc_names_tcp *tcp)
{
    sc_closep(&tcp->fd);
    sc_closep(&tcp->server_fd);
    sc_freep(&tcp->query);
    sc_freep(&tcp->reply);
}

static void
set_prefix(unsigned char *message, size_t len)
{
    message[0] = (unsigned char)(len >> 8);
    message[1] = (unsigned char)len;
}

static void
next_question(struct sc_names_tcp *tcp, int64_t now)
{
    sc_closep(&tcp->server_fd);
    sc_freep(&tcp->query);
    sc_freep(&tcp->reply);
    tcp->state = SC_NAMES_READS;
    tcp->at = tcp->tries = 0;
    tcp->deadline = now + IDLE_NS;
}

static void
write_reply(struct sc_names_tcp *tcp, int64_t now)
{
    sc_closep(&tcp->server_fd);
    set_prefix(tcp->reply, tcp->reply_len);
    tcp->state = SC_NAMES_WRITES;
    tcp->at = 0;
    tcp->deadline = now + IDLE_NS;
}

static void
ask(struct sc_names *names, struct sc_names_tcp *tcp, int64_t now)
{
    unsigned char *query = tcp->query + PREFIX;

    sc_freep(&tcp->reply);
    while (tcp->tries < sc_names_tries(names)) {
        sc_closep(&tcp->server_fd);
        tcp->server_fd = sc_names_connect(names, tcp->tries++, SOCK_STREAM);
        if (tcp->server_fd < 0)
            continue;
        sc_dns_set_id(query, sc_names_random_id());
        set_prefix(tcp->query, tcp->query_len);
        tcp->state = SC_NAMES_SENDS;
        tcp->at = 0;
        tcp->deadline = now + TRY_NS;
        return;
    }
    tcp->reply = malloc(PREFIX + SC_DNS_PLAIN_MAX);
    if (!tcp->reply) {
        finish(tcp);
        return;
    }
    sc_dns_set_id(query, tcp->client_id);
    tcp->reply_len = sc_names_refuse(query, tcp->query_len, tcp->reply + PREFIX);
    write_reply(tcp, now);
}

static void
take_question(struct sc_names *names, struct sc_names_tcp *tcp, int64_t now)
{
    unsigned char *query = tcp->query + PREFIX;

    tcp->reply = malloc(PREFIX + SC_NAMES_ANSWER_MAX);
    if (!tcp->reply) {
        finish(tcp);
        return;
    }
    switch (sc_names_decide(names, query, tcp->query_len, false, tcp->reply + PREFIX, &tcp->reply_len,
                            &tcp->question_end)) {
    case SC_NAMES_DROP:
        finish(tcp);
        break;
    case SC_NAMES_ANSWER:
        write_reply(tcp, now);
        break;
    case SC_NAMES_ASK:
        tcp->client_id = sc_dns_id(query);
        ask(names, tcp, now);
        break;
    }
}

/* A message with its length before it, into *out. 1: it is whole; 0: not yet; -1: the peer has gone, or says nothing.
 */
static int
read_message(int fd, struct sc_names_tcp *tcp, unsigned char **out, size_t *len)
{
    for (;;) {
        bool is_head = tcp->at < PREFIX;
        size_t end = is_head ? PREFIX : PREFIX + *len;
        ssize_t got = recv(fd, is_head ? tcp->head + tcp->at : *out + tcp->at, end - tcp->at, MSG_DONTWAIT);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (got <= 0)
            return -1;
        tcp->at += (size_t)got;
        if (tcp->at < end)
            continue;
        if (!is_head)
            return 1;
        *len = (size_t)tcp->head[0] << 8 | tcp->head[1];
        *out = *len > 0 ? malloc(PREFIX + *len) : NULL;
        if (!*out)
            return -1;
    }
}

/* 1: all is sent; 0: not yet; -1: the peer has gone. */
static int
write_message(int fd, struct sc_names_tcp *tcp, const unsigned char *message, size_t len)
{
    ssize_t sent = send(fd, message + tcp->at, len - tcp->at, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0)
        return errno == EAGAIN || errno == EINTR || errno == ENOTCONN ? 0 : -1;
    tcp->at += (size_t)sent;
    return tcp->at == len;
}

static void
take_reply(struct sc_names *names, struct sc_names_tcp *tcp, int64_t now)
{
    unsigned char *reply = tcp->reply + PREFIX;

    if (!sc_dns_answers(reply, tcp->reply_len, tcp->query + PREFIX, tcp->question_end,
                        sc_dns_id(tcp->query + PREFIX)) ||
        (sc_dns_rcode(reply) == SC_DNS_SERVFAIL && tcp->tries < names->servers.count)) {
        ask(names, tcp, now);
        return;
    }
    sc_dns_set_id(reply, tcp->client_id);
    write_reply(tcp, now);
}

void
sc_names_tcp_event(struct sc_names *names, struct sc_names_tcp *tcp, int64_t now)
{
    int result;

    switch (tcp->state) {
    case SC_NAMES_READS:
        result = read_message(tcp->fd, tcp, &tcp->query, &tcp->query_len);
        if (result > 0)
            take_question(names, tcp, now);
        else if (result < 0)
            finish(tcp);
        break;
    case SC_NAMES_SENDS:
        result = write_message(tcp->server_fd, tcp, tcp->query, PREFIX + tcp->query_len);
        if (result > 0) {
            tcp->state = SC_NAMES_WAITS;
            tcp->at = 0;
        } else if (result < 0) {
            ask(names, tcp, now);
        }
        break;
    case SC_NAMES_WAITS:
        result = read_message(tcp->server_fd, tcp, &tcp->reply, &tcp->reply_len);
        if (result > 0)
            take_reply(names, tcp, now);
        else if (result < 0)
            ask(names, tcp, now);
        break;
    case SC_NAMES_WRITES:
        result = write_message(tcp->fd, tcp, tcp->reply, PREFIX + tcp->reply_len);
        if (result > 0)
            next_question(tcp, now);
        else if (result < 0)
            finish(tcp);
        break;
    }
}

int
sc_names_tcp_wait(const struct sc_names_tcp *tcp, short *events)
{
    bool is_server = tcp->state == SC_NAMES_SENDS || tcp->state == SC_NAMES_WAITS;

    *events = tcp->state == SC_NAMES_SENDS || tcp->state == SC_NAMES_WRITES ? POLLOUT : POLLIN;
    return is_server ? tcp->server_fd : tcp->fd;
}

void
sc_names_tcp_take(struct sc_names *names, int64_t now)
{
    for (size_t i = 0; i < SC_NAMES_TCP_MAX; i++) {
        struct sc_names_tcp *tcp = &names->tcp[i];
        int fd;

        if (tcp->fd >= 0)
            continue;
        fd = accept4(names->tcp_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        *tcp = (struct sc_names_tcp){.fd = fd, .server_fd = -1};
        next_question(tcp, now);
    }
}

void
sc_names_tcp_expire(struct sc_names *names, int64_t now)
{
    for (size_t i = 0; i < SC_NAMES_TCP_MAX; i++) {
        struct sc_names_tcp *tcp = &names->tcp[i];
        bool is_asking = tcp->state == SC_NAMES_SENDS || tcp->state == SC_NAMES_WAITS;

        if (tcp->fd < 0 || tcp->deadline > now)
            continue;
        if (is_asking)
            ask(names, tcp, now);
        else
            finish(tcp);
    }
}
