/* POST /build: `sc build -`, which takes the context as an archive; what it shows becomes Docker's lines. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "api/api-priv.h"

#define SAID_MAX (64 << 10)

static int
tell(struct sc_api_call *call, const char *before, const char *text, size_t len, const char *after)
{
    sc_cleanup_buf line = SC_BUF_INIT;

    sc_buf_adds(&line, before);
    sc_buf_add_json(&line, text, len);
    sc_buf_adds(&line, after);
    if (sc_buf_check(&line, &call->err) < 0)
        return -1;
    return sc_api_stream_write(call, line.data, line.len);
}

/* What it shows while it works; the last of it is kept for the message. */
static int
show(struct sc_api_call *call, struct sc_api_child *child, struct sc_buf *last)
{
    char data[8192];

    for (;;) {
        ssize_t n = read(child->err, data, sizeof(data));
        const char *line;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        if (last->len > SAID_MAX)
            sc_buf_clear(last);
        sc_buf_add(last, data, (size_t)n);
        line = last->has_failed ? NULL : data;
        if (!line || tell(call, "{\"stream\":", data, (size_t)n, "}\r\n") < 0)
            return -1;
    }
}

/* Clients look for these words: a library reads the id from them, Docker's command line shows them. */
static int
tell_success(struct sc_api_call *call, const char *id, size_t len)
{
    const char *digest = sc_str_starts(id, "sha256:") ? id + strlen("sha256:") : id, *line;

    if (tell(call, "{\"aux\":{\"ID\":", id, len, "}}\r\n") < 0)
        return -1;
    if (sc_api_query_is(&call->request, "q")) {
        line = sc_arena_printf(call->arena, "%.*s\n", (int)len, id);
        return line ? tell(call, "{\"stream\":", line, strlen(line), "}\r\n") : sc_err_nomem(&call->err);
    }
    line = sc_arena_printf(call->arena, "Successfully built %.12s\n", digest);
    if (!line || tell(call, "{\"stream\":", line, strlen(line), "}\r\n") < 0)
        return -1;
    for (size_t i = 0; i < call->request.query.count; i++) {
        const struct sc_api_pair *pair = &call->request.query.items[i];
        const char *name = strrchr(pair->value, '/') ? strrchr(pair->value, '/') : pair->value;

        if (strcmp(pair->key, "t") != 0 || !*pair->value)
            continue;
        line =
            sc_arena_printf(call->arena, "Successfully tagged %s%s\n", pair->value, strchr(name, ':') ? "" : ":latest");
        if (!line || tell(call, "{\"stream\":", line, strlen(line), "}\r\n") < 0)
            return -1;
    }
    return 0;
}

static int
finish(struct sc_api_call *call, struct sc_api_child *child, const struct sc_buf *said)
{
    sc_cleanup_buf id = SC_BUF_INIT;
    int code;

    if (sc_file_read_fd(child->out, SAID_MAX, &id, &call->err) < 0)
        return -1;
    code = sc_api_child_wait(child);
    if (code == 0 && tell_success(call, sc_buf_str(&id), strcspn(sc_buf_str(&id), "\n")) < 0)
        return -1;
    if (code != 0) {
        const char *why;

        (void)sc_api_fail_child(call, child, sc_buf_str(said), code);
        why = call->err.msg;
        if (tell(call, "{\"errorDetail\":{\"message\":", why, strlen(why), "},\"error\":") < 0 ||
            tell(call, "", why, strlen(why), "}\r\n") < 0)
            return -1;
    }
    return sc_api_stream_end(call);
}

static int
build(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "build", NULL);
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    sc_cleanup_buf said = SC_BUF_INIT;

    sc_cleanup_buf logins = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    char name[64] = "";
    const char *env = NULL;
    int result;

    if (sc_api_build_words(&call->request, call->arena, &words, &err) < 0 ||
        sc_api_auth_files(call->request.registry_config, &logins, &err) < 0)
        return sc_api_fail_err(call, &err);
    if (logins.len > 0) {
        if (sc_api_login_write(call, &logins, name) < 0)
            return -1;
        env = sc_arena_printf(call->arena, "REGISTRY_AUTH_FILE=%s/api/%s", call->server->run_root, name);
    }
    /* it reads the archive to its end before it says more than a pipe holds */
    result = sc_api_spawn(call, &words, SC_API_IN | SC_API_OUT | SC_API_ERR, env, &child);
    if (result == 0 && sc_api_feed_child(call, &child) == 0 &&
        sc_api_stream_begin(call, "application/json", NULL, false) == 0 && show(call, &child, &said) == 0)
        result = finish(call, &child, &said);
    else
        result = -1;
    if (name[0])
        (void)unlinkat(call->server->dir_fd, name, 0);
    return result;
}

const struct sc_api_row sc_api_build[] = {
    {"POST", "build", build},
    {NULL, NULL, NULL},
};
