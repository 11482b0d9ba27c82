/* A child's streams and a client's: Docker's frames (a byte for the stream, three zeros, four of length) or raw. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api-priv.h"

#define HELD_MAX (64 << 10)

/* One turn's state: what the child has not taken yet of the client's bytes. */
struct flow {
    struct sc_api_call *call;
    struct sc_api_relay *relay;
    char pending[16384];
    size_t len, at;
    bool input_ended, client_is_gone;
};

bool
sc_api_client_is_gone(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLRDHUP};

    return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLRDHUP | POLLERR));
}

static void
to_client(struct flow *flow, int stream, const char *data, size_t len)
{
    char head[8] = {(char)stream, 0, 0, 0, (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len};
    char frame[8 + 16384];

    if (flow->relay->streams && !(flow->relay->streams & (unsigned)stream))
        return;
    if (flow->relay->is_tty) {
        if (sc_api_stream_write(flow->call, data, len) < 0)
            flow->client_is_gone = true;
        return;
    }
    memcpy(frame, head, 8);
    memcpy(frame + 8, data, len);
    if (sc_api_stream_write(flow->call, frame, len + 8) < 0)
        flow->client_is_gone = true;
}

static void
from_child(struct flow *flow, int *fd, int stream)
{
    char data[16384];
    ssize_t n = read(*fd, data, sizeof(data));

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) { /* of a terminal: EIO */
        if (stream == 1 && flow->relay->is_tty)
            flow->relay->child->in = -1;
        sc_closep(fd);
    } else if (stream == 2 && flow->relay->held) {
        if (flow->relay->held->len < HELD_MAX)
            sc_buf_add(flow->relay->held, data, (size_t)n);
    } else {
        to_client(flow, stream, data, (size_t)n);
    }
}

static void
close_input(struct flow *flow)
{
    struct sc_api_child *child = flow->relay->child;

    flow->input_ended = true;
    if (child->in >= 0 && !flow->relay->is_tty)
        sc_closep(&child->in);
    flow->len = flow->at = 0;
}

static void
from_client(struct flow *flow)
{
    ssize_t n = recv(flow->call->fd, flow->pending, sizeof(flow->pending), MSG_DONTWAIT);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0 || (n == 0 && flow->relay->ends_with_client)) {
        flow->client_is_gone = true;
        return;
    }
    flow->at = 0;
    flow->len = flow->relay->has_input ? (size_t)n : 0;
    if (n == 0)
        close_input(flow);
}

static void
to_child(struct flow *flow)
{
    ssize_t n = write(flow->relay->child->in, flow->pending + flow->at, flow->len - flow->at);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0) {
        close_input(flow); /* it does not want more */
        return;
    }
    flow->at += (size_t)n;
    if (flow->at == flow->len)
        flow->at = flow->len = 0;
}

static void
flush_held(struct flow *flow)
{
    struct sc_buf *held = flow->relay->held;

    flow->relay->held = NULL;
    for (size_t at = 0; held && at < held->len; at += 8192)
        to_client(flow, 2, held->data + at, held->len - at < 8192 ? held->len - at : 8192);
}

static void
on_session(struct flow *flow)
{
    char text[128];
    struct pollfd poll_fd;
    ssize_t n;
    sc_cleanup_fd fd = accept4(flow->relay->session, NULL, NULL, SOCK_CLOEXEC);

    poll_fd = (struct pollfd){.fd = fd, .events = POLLIN};
    if (fd < 0 || poll(&poll_fd, 1, 1000) <= 0)
        return;
    n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    if (n <= 0)
        return;
    text[n] = '\0';
    if (sc_str_starts(text, "resize "))
        (void)sc_api_terminal_resize(flow->relay->is_tty ? flow->relay->child->in : -1, text + 7);
    else if (strcmp(text, "start") == 0) /* it runs: as good as ours */
        (void)!send(fd, "ok", 2, MSG_NOSIGNAL);
}

static void
on_notify(struct flow *flow)
{
    struct sc_api_relay *relay = flow->relay;

    if (!sc_api_notify_came(relay->notify))
        return;
    relay->notify = -1;
    if (relay->starter && *relay->starter >= 0) {
        (void)!send(*relay->starter, "ok", 2, MSG_NOSIGNAL);
        sc_closep(relay->starter);
    }
    flush_held(flow);
}

static void
turn(struct flow *flow)
{
    struct sc_api_child *child = flow->relay->child;
    bool is_pending = flow->at < flow->len;
    struct pollfd fds[] = {
        {.fd = child->out, .events = POLLIN},
        {.fd = child->err, .events = POLLIN},
        {.fd = is_pending || flow->input_ended ? -1 : flow->call->fd, .events = POLLIN},
        {.fd = is_pending ? child->in : -1, .events = POLLOUT},
        {.fd = flow->relay->session, .events = POLLIN},
        {.fd = flow->relay->notify, .events = POLLIN},
        {.fd = flow->input_ended ? flow->call->fd : -1, .events = 0}, /* POLLHUP: it has closed both halves */
    };

    if (poll(fds, SC_ARRAY_LEN(fds), -1) < 0)
        return;
    if (fds[5].revents)
        on_notify(flow);
    if (fds[0].revents)
        from_child(flow, &child->out, 1);
    if (fds[1].revents)
        from_child(flow, &child->err, 2);
    if (fds[6].revents & (POLLHUP | POLLERR))
        flow->client_is_gone = true;
    if (fds[2].revents)
        from_client(flow);
    if (fds[3].revents && child->in >= 0)
        to_child(flow);
    if (fds[4].revents)
        on_session(flow);
}

int
sc_api_relay(struct sc_api_call *call, struct sc_api_relay *relay)
{
    struct flow flow = {.call = call, .relay = relay};
    size_t there = call->ahead.len - call->ahead_at;

    if (relay->has_input && there > 0 && there <= sizeof(flow.pending)) { /* came with the head */
        memcpy(flow.pending, call->ahead.data + call->ahead_at, there);
        flow.len = there;
    }
    while (relay->child->out >= 0 || relay->child->err >= 0) {
        turn(&flow);
        if (flow.client_is_gone)
            return -1;
        if (relay->child->in < 0 && flow.at < flow.len)
            flow.at = flow.len = 0;
    }
    if (relay->notify >= 0 && sc_api_notify_came(relay->notify)) {
        if (relay->starter && *relay->starter >= 0)
            (void)!send(*relay->starter, "ok", 2, MSG_NOSIGNAL);
        relay->notify = -1;
        flush_held(&flow);
    }
    return sc_api_child_wait(relay->child);
}

/* ---- one way ---------------------------------------------------------------------------------------------------- */

/* Standard output goes to the client; standard error is kept for the message. */
int
sc_api_pass(struct sc_api_call *call, struct sc_api_child *child, const char *type, const char *headers)
{
    sc_cleanup_buf said = SC_BUF_INIT;
    char data[16384];
    int code;

    while (child->out >= 0 || child->err >= 0) {
        struct pollfd fds[3] = {{.fd = child->out, .events = POLLIN},
                                {.fd = child->err, .events = POLLIN},
                                {.fd = call->fd, .events = POLLRDHUP}};
        ssize_t n;

        if (poll(fds, 3, -1) < 0)
            continue;
        if (fds[2].revents) { /* nobody waits for it any more; it may clean up */
            (void)kill(child->pid, SIGTERM);
            (void)sc_api_child_wait(child);
            return -1;
        }
        for (int i = 0; i < 2; i++) {
            int *fd = i ? &child->err : &child->out;

            if (!fds[i].revents)
                continue;
            n = read(*fd, data, sizeof(data));
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0) {
                sc_closep(fd);
            } else if (i == 0) {
                if ((!call->has_begun && sc_api_stream_begin(call, type, headers, false) < 0) ||
                    sc_api_stream_write(call, data, (size_t)n) < 0)
                    return -1;
            } else if (said.len < HELD_MAX) {
                sc_buf_add(&said, data, (size_t)n);
            }
        }
    }
    code = sc_api_child_wait(child);
    if (code != 0)
        return sc_api_fail_child(call, child, sc_buf_str(&said), code);
    if (!call->has_begun && sc_api_stream_begin(call, type, headers, false) < 0)
        return -1;
    return 0;
}

/* The request's body is the child's standard input, a piece at a time. */
int
sc_api_feed_child(struct sc_api_call *call, struct sc_api_child *child)
{
    struct sc_err ignored = SC_ERR_INIT;
    char data[16384];
    bool wants_more = true;
    ssize_t n;

    if (fcntl(child->in, F_SETFL, 0) < 0)
        return -1;
    while ((n = sc_api_body_read(call, data, sizeof(data))) > 0) {
        if (wants_more && sc_io_write_all(child->in, data, (size_t)n, &ignored) < 0)
            wants_more = false;
    }
    sc_closep(&child->in);
    return n < 0 ? -1 : 0;
}

int
sc_api_feed(struct sc_api_call *call, const struct sc_strv *words, struct sc_buf *out)
{
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    sc_cleanup_buf said = SC_BUF_INIT;
    int code;

    /* What it prints on the way is a few lines, less than a pipe holds. */
    if (sc_api_spawn(call, words, SC_API_IN | SC_API_OUT | SC_API_ERR, NULL, &child) < 0 ||
        sc_api_feed_child(call, &child) < 0)
        return -1;
    if (out && sc_file_read_fd(child.out, HELD_MAX, out, &call->err) < 0)
        return -1;
    if (sc_file_read_fd(child.err, HELD_MAX, &said, &call->err) < 0)
        return -1;
    code = sc_api_child_wait(&child);
    return code == 0 ? 0 : sc_api_fail_child(call, &child, sc_buf_str(&said), code);
}
