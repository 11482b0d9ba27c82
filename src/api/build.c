/* POST /build: `sc build -`, which takes the context as an archive; what it shows becomes Docker's lines. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "api/api-priv.h"

#define SAID_MAX (64 << 10)

/* {"a":"1","b":null} of a query as --OPTION=a=1 --OPTION=b= */
static int
add_map(struct sc_api_call *call, struct sc_strv *words, const char *query, const char *option)
{
    const char *text = sc_api_query(&call->request, query), *key;
    sc_cleanup_json map = NULL;
    struct sc_err err = SC_ERR_INIT;
    json_t *value;

    if (!text || !*text)
        return 0;
    if (sc_json_parse(text, strlen(text), query, &map, &err) < 0)
        return sc_api_fail_err(call, &err);
    json_object_foreach (map, key, value) {
        sc_strv_addf(words, call->arena, "--%s=%s=%s", option, key,
                     json_is_string(value) ? json_string_value(value) : "");
    }
    return 0;
}

static int
words_of(struct sc_api_call *call, struct sc_strv *words)
{
    static const char *const flags[][2] = {{"nocache", "no-cache"}, {"pull", "pull"}};
    static const char *const values[][2] = {{"t", "tag"},
                                            {"target", "target"},
                                            {"networkmode", "network"},
                                            {"platform", "platform"},
                                            {"dockerfile", "file"}};
    const struct sc_api_pairs *query = &call->request.query;

    if (*(sc_api_query(&call->request, "remote") ? sc_api_query(&call->request, "remote") : ""))
        return sc_api_fail(call, 501, "a context from elsewhere (remote) is not supported");
    if (sc_str_eq(sc_api_query(&call->request, "version"), "2"))
        return sc_api_fail(call, 501, "BuildKit's protocol is not supported: use DOCKER_BUILDKIT=0, or sc build");
    for (size_t i = 0; i < SC_ARRAY_LEN(flags); i++) {
        if (sc_api_query_is(&call->request, flags[i][0]))
            sc_strv_addf(words, call->arena, "--%s", flags[i][1]);
    }
    for (size_t i = 0; i < query->count; i++) {
        for (size_t k = 0; k < SC_ARRAY_LEN(values); k++) {
            const char *value = query->items[i].value;

            if (strcmp(query->items[i].key, values[k][0]) == 0 && *value && strcmp(value, "Dockerfile") != 0 &&
                strcmp(value, "default") != 0)
                sc_strv_addf(words, call->arena, "--%s=%s", values[k][1], value);
        }
    }
    if (add_map(call, words, "buildargs", "build-arg") < 0 || add_map(call, words, "labels", "label") < 0)
        return -1;
    sc_strv_add(words, call->arena, "-");
    return sc_arena_check(call->arena, &call->err);
}

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

static const char *
last_error(const char *text)
{
    const char *found = NULL;

    for (const char *at = text; *at;) {
        if (sc_str_starts(at, "sc: ") && !sc_str_starts(at, "sc: note: "))
            found = at + 4;
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return found ? found : "the build failed";
}

static int
finish(struct sc_api_call *call, struct sc_api_child *child, const struct sc_buf *said)
{
    sc_cleanup_buf id = SC_BUF_INIT;
    size_t n;
    int code;

    if (sc_file_read_fd(child->out, SAID_MAX, &id, &call->err) < 0)
        return -1;
    code = sc_api_child_wait(child);
    if (code != 0) {
        const char *why = last_error(sc_buf_str(said));

        n = strcspn(why, "\n");
        if (tell(call, "{\"errorDetail\":{\"message\":", why, n, "},\"error\":") < 0 ||
            tell(call, "", why, n, "}\r\n") < 0)
            return -1;
        return sc_api_stream_end(call);
    }
    n = strcspn(sc_buf_str(&id), "\n");
    if (tell(call, "{\"aux\":{\"ID\":", sc_buf_str(&id), n, "}}\r\n") < 0)
        return -1;
    sc_buf_clear(&id);
    return sc_api_stream_end(call);
}

static int
build(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "build", NULL);
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    sc_cleanup_buf said = SC_BUF_INIT;

    /* it reads the archive to its end before it says more than a pipe holds */
    if (words_of(call, &words) < 0 ||
        sc_api_spawn(call, &words, SC_API_IN | SC_API_OUT | SC_API_ERR, NULL, -1, &child) < 0 ||
        sc_api_feed_child(call, &child) < 0 || sc_api_stream_begin(call, "application/json", NULL, false) < 0 ||
        show(call, &child, &said) < 0)
        return -1;
    return finish(call, &child, &said);
}

const struct sc_api_row sc_api_build[] = {
    {"POST", "build", build},
    {NULL, NULL, NULL},
};
