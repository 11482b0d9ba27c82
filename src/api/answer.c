/* What goes back: a head, JSON, an error in Docker's form, a stream. Every answer ends the connection. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api-priv.h"

int
sc_api_fail(struct sc_api_call *call, int status, const char *fmt, ...)
{
    char text[sizeof(call->err.msg)];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    call->status = status;
    sc_err_clear(&call->err);
    return sc_err_set(&call->err, SC_ERR_INVALID, "%s", text);
}

int
sc_api_fail_err(struct sc_api_call *call, const struct sc_err *err)
{
    int status = err->kind == SC_ERR_INVALID       ? 400
                 : err->kind == SC_ERR_NOT_FOUND   ? 404
                 : err->kind == SC_ERR_EXISTS      ? 409
                 : err->kind == SC_ERR_UNSUPPORTED ? 501
                                                   : 500;

    return sc_api_fail(call, status, "%s", err->msg);
}

static const char *
reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {201, "Created"},
                   {204, "No Content"},
                   {304, "Not Modified"},
                   {400, "Bad Request"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {409, "Conflict"},
                   {413, "Payload Too Large"},
                   {431, "Header Too Large"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"}};

    for (size_t i = 0; i < SC_ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Internal Server Error";
}

/* A client that does not read what it asked for is given up. */
static int
send_all(struct sc_api_call *call, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(call->fd, data, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sc_err_errno(&call->err, errno, "answer");
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static void
head(struct sc_api_call *call, int status, const char *type, const char *headers, struct sc_buf *out)
{
    call->has_begun = true;
    sc_buf_addf(out,
                "HTTP/1.1 %d %s\r\nServer: sc/%s (linux)\r\nApi-Version: 1.%d\r\nOstype: linux\r\n"
                "Docker-Experimental: false\r\n",
                status, reason_of(status), SC_VERSION, SC_API_MINOR_MAX);
    if (type)
        sc_buf_addf(out, "Content-Type: %s\r\n", type);
    sc_buf_adds(out, headers ? headers : "");
}

int
sc_api_answer(struct sc_api_call *call, int status, const char *type, const char *headers, const char *data, size_t len)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    head(call, status, type, headers, &text);
    if (status != 204 && status != 304)
        sc_buf_addf(&text, "Content-Length: %zu\r\n", len);
    sc_buf_adds(&text, "Connection: close\r\n\r\n");
    if (!sc_str_eq(call->request.method, "HEAD"))
        sc_buf_add(&text, data, len);
    if (sc_buf_check(&text, &call->err) < 0)
        return -1;
    return send_all(call, text.data, text.len);
}

int
sc_api_answer_json(struct sc_api_call *call, int status, json_t *take)
{
    sc_cleanup_json json = take;
    sc_cleanup_buf text = SC_BUF_INIT;

    if (!json)
        return sc_err_nomem(&call->err);
    if (sc_json_dump(json, &text, &call->err) < 0)
        return -1;
    sc_buf_addc(&text, '\n');
    return sc_api_answer(call, status, "application/json", NULL, sc_buf_str(&text), text.len);
}

int
sc_api_answer_none(struct sc_api_call *call, int status)
{
    return sc_api_answer(call, status, NULL, NULL, "", 0);
}

void
sc_api_answer_failure(struct sc_api_call *call)
{
    json_t *body;

    if (call->has_begun)
        return;
    body = json_object();
    sc_cleanup_buf clean = SC_BUF_INIT;

    sc_buf_add_utf8(&clean, call->err.msg, strlen(call->err.msg));
    (void)json_object_set_new(body, "message", json_string(sc_buf_str(&clean)));
    sc_err_clear(&call->err);
    (void)!sc_api_answer_json(call, call->status ? call->status : 500, body);
}

int
sc_api_stream_begin(struct sc_api_call *call, const char *type, const char *headers, bool is_upgrade)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (is_upgrade && call->request.wants_upgrade) {
        call->has_begun = true;
        sc_buf_addf(&text, "HTTP/1.1 101 UPGRADED\r\nContent-Type: %s\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
                    type);
    } else {
        call->in_chunks = !is_upgrade;
        head(call, 200, type, headers, &text);
        sc_buf_addf(&text, "%sConnection: close\r\n\r\n", call->in_chunks ? "Transfer-Encoding: chunked\r\n" : "");
    }
    if (sc_buf_check(&text, &call->err) < 0)
        return -1;
    return send_all(call, text.data, text.len);
}

int
sc_api_stream_write(struct sc_api_call *call, const void *data, size_t len)
{
    char size[32];

    if (len == 0)
        return 0;
    if (!call->in_chunks)
        return send_all(call, data, len);
    (void)snprintf(size, sizeof(size), "%zx\r\n", len);
    if (send_all(call, size, strlen(size)) < 0 || send_all(call, data, len) < 0)
        return -1;
    return send_all(call, "\r\n", 2);
}

int
sc_api_stream_end(struct sc_api_call *call)
{
    return call->in_chunks ? send_all(call, "0\r\n\r\n", 5) : 0;
}
