/* A request's body, counted or in chunks, read as it is needed. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "api/api-priv.h"

/* What came behind the head first, then the connection, which may not be silent for too long. */
static ssize_t
read_some(struct sc_api_call *call, char *data, size_t size)
{
    size_t there = call->ahead.len - call->ahead_at;
    struct pollfd poll_fd = {.fd = call->fd, .events = POLLIN};
    ssize_t n;
    int ready;

    if (there > 0) {
        if (size > there)
            size = there;
        memcpy(data, call->ahead.data + call->ahead_at, size);
        call->ahead_at += size;
        return (ssize_t)size;
    }
    do {
        ready = poll(&poll_fd, 1, SC_API_CLIENT_MS);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        return sc_api_fail(call, 408, "the body did not come in time");
    n = read(call->fd, data, size);
    if (n <= 0)
        return sc_api_fail(call, 400, "the body ended early");
    return n;
}

static int
read_line(struct sc_api_call *call, char *line, size_t size)
{
    size_t n = 0;

    for (;;) {
        line[n] = '\0';
        if (read_some(call, line + n, 1) < 0)
            return -1;
        if (line[n] == '\n')
            break;
        if (++n == size)
            return sc_api_fail(call, 400, "a chunk's line is too long");
    }
    if (n > 0 && line[n - 1] == '\r')
        n--;
    return (int)n;
}

static int
next_chunk(struct sc_api_call *call)
{
    char line[256];
    int n;

    if (call->wants_chunk_end) {
        n = read_line(call, line, sizeof(line));
        if (n != 0)
            return n < 0 ? -1 : sc_api_fail(call, 400, "a chunk is longer than it says");
    }
    n = read_line(call, line, sizeof(line));
    if (n < 0)
        return -1;
    call->left = sc_api_chunk_size(line, (size_t)n);
    if (call->left < 0)
        return sc_api_fail(call, 400, "a chunk without a size");
    call->wants_chunk_end = true;
    if (call->left > 0)
        return 0;
    call->body_ended = true;
    for (int fields = 0; fields < 64; fields++) { /* trailers */
        n = read_line(call, line, sizeof(line));
        if (n <= 0)
            return n;
    }
    return sc_api_fail(call, 400, "too much behind the last chunk");
}

ssize_t
sc_api_body_read(struct sc_api_call *call, char *data, size_t size)
{
    ssize_t n;

    if (call->request.expects_continue) {
        static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

        call->request.expects_continue = false;
        if (sc_io_write_all(call->fd, text, strlen(text), &call->err) < 0)
            return -1;
    }
    if (call->left == 0 && call->request.is_chunked && !call->body_ended && next_chunk(call) < 0)
        return -1;
    if (call->left == 0)
        return 0;
    if ((int64_t)size > call->left)
        size = (size_t)call->left;
    n = read_some(call, data, size);
    if (n > 0)
        call->left -= n;
    return n;
}

int
sc_api_body_json(struct sc_api_call *call, json_t **out)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    char piece[8192];
    ssize_t n;

    *out = NULL;
    while ((n = sc_api_body_read(call, piece, sizeof(piece))) > 0) {
        sc_buf_add(&text, piece, (size_t)n);
        if (text.len > SC_API_BODY_MAX)
            return sc_api_fail(call, 413, "a body of more than %d bytes", SC_API_BODY_MAX);
    }
    if (n < 0)
        return -1;
    if (text.len == 0)
        return 0;
    if (sc_buf_check(&text, &err) < 0 || sc_json_parse(text.data, text.len, "the body", out, &err) < 0)
        return sc_api_fail_err(call, &err);
    if (json_is_null(*out))
        sc_json_decrefp(out);
    else if (!json_is_object(*out))
        return sc_api_fail(call, 400, "the body must be an object");
    return 0;
}
