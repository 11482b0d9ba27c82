/* Bytes from one connection to another and back: what comes is read when what came before is gone, so a slow end holds
 * the other back. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/ports.h"

bool
sc_carry_target(const char *lease, const char *id, struct sockaddr_in *out)
{
    size_t id_len = strlen(id);
    char address[INET_ADDRSTRLEN], number[SC_NUM_MAX];
    const char *slash;
    size_t len;
    uint32_t port = 0;
    struct sc_err ignored = SC_ERR_INIT;

    *out = (struct sockaddr_in){.sin_family = AF_INET};
    if (strncmp(lease, id, id_len) != 0 || lease[id_len] != '/')
        return false;
    lease += id_len + 1;
    slash = strchr(lease, '/');
    len = slash ? strcspn(slash + 1, "/") : 0;
    if (!slash || (size_t)(slash - lease) >= sizeof(address) || len >= sizeof(number) ||
        (slash[1 + len] && strcmp(slash + 1 + len, "/both") != 0))
        return false;
    memcpy(number, slash + 1, len);
    number[len] = '\0';
    if (sc_parse_u32(number, &port, &ignored) < 0 || port == 0 || port > UINT16_MAX)
        return false;
    memcpy(address, lease, (size_t)(slash - lease));
    address[slash - lease] = '\0';
    out->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, address, &out->sin_addr) == 1 && out->sin_addr.s_addr != htonl(INADDR_ANY);
}

void
sc_carry_end(struct sc_carry *carry)
{
    for (int i = 0; i < 2; i++) {
        sc_closep(&carry->ends[i]);
        sc_freep(&carry->halves[i].data);
    }
    *carry = (struct sc_carry){.ends = {-1, -1}};
}

/* A peer that is gone without a word must not keep its slot for ever. */
static void
keep_alive(int fd)
{
    const int on = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

bool
sc_carry_begin(struct sc_carry *carry, int client_take, const struct sockaddr_in *target)
{
    *carry = (struct sc_carry){.ends = {client_take, -1}};
    carry->ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    for (int i = 0; i < 2; i++)
        carry->halves[i].data = malloc(SC_CARRY_ROOM);
    if (carry->ends[1] >= 0 && carry->halves[0].data && carry->halves[1].data) {
        keep_alive(carry->ends[0]);
        keep_alive(carry->ends[1]);
        if (connect(carry->ends[1], (const struct sockaddr *)target, sizeof(*target)) == 0)
            return true;
        carry->is_connecting = errno == EINPROGRESS;
        if (carry->is_connecting)
            return true;
    }
    sc_carry_end(carry);
    return false;
}

void
sc_carry_wait(const struct sc_carry *carry, struct pollfd out[2])
{
    for (int i = 0; i < 2; i++) {
        const struct sc_carry_half *from = &carry->halves[i], *to = &carry->halves[!i];
        bool is_read = !from->has_ended && from->len == 0 && !carry->is_connecting,
             is_written = i == 1 && carry->is_connecting ? true : to->len > 0 && !carry->is_connecting;

        out[i] = (struct pollfd){.fd = is_read || is_written ? carry->ends[i] : -1,
                                 .events = (short)((is_read ? POLLIN : 0) | (is_written ? POLLOUT : 0))};
    }
}

static bool
is_later(ssize_t result)
{
    return result < 0 && (errno == EAGAIN || errno == EINTR);
}

/* False: the connection is broken. */
static bool
receive(struct sc_carry *carry, int i)
{
    struct sc_carry_half *half = &carry->halves[i];
    ssize_t got;

    if (half->has_ended || half->len > 0)
        return true;
    got = recv(carry->ends[i], half->data, SC_CARRY_ROOM, 0);
    if (is_later(got))
        return true;
    if (got < 0)
        return false;
    half->has_ended = got == 0;
    half->at = 0;
    half->len = (size_t)got;
    return true;
}

static bool
deliver(struct sc_carry *carry, int i)
{
    struct sc_carry_half *half = &carry->halves[i];
    ssize_t sent;

    if (half->len > 0) {
        sent = send(carry->ends[!i], half->data + half->at, half->len, MSG_NOSIGNAL);
        if (is_later(sent))
            return true;
        if (sent < 0)
            return false;
        half->at += (size_t)sent;
        half->len -= (size_t)sent;
    }
    if (half->len == 0 && half->has_ended && !half->is_shut) {
        half->is_shut = true;
        (void)shutdown(carry->ends[!i], SHUT_WR);
    }
    return true;
}

static bool
has_connected(struct sc_carry *carry)
{
    int error = 0;
    socklen_t len = sizeof(error);

    carry->is_connecting = false;
    return getsockopt(carry->ends[1], SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
}

void
sc_carry_event(struct sc_carry *carry, const struct pollfd polls[2])
{
    if (carry->is_connecting && (!polls[1].revents || !has_connected(carry))) {
        if (polls[1].revents)
            sc_carry_end(carry);
        return;
    }
    for (int i = 0; i < 2; i++) {
        if ((polls[i].revents && !receive(carry, i)) || !deliver(carry, i)) {
            sc_carry_end(carry);
            return;
        }
    }
    for (int i = 0; i < 2; i++) { /* what has come for an end whose turn was before */
        if (!deliver(carry, i)) {
            sc_carry_end(carry);
            return;
        }
    }
    if (carry->halves[0].is_shut && carry->halves[1].is_shut)
        sc_carry_end(carry);
}
