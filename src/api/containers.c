/* Containers: what is answered at once. Streams are in streams.c and execs.c, files in files.c. */
#include <stdio.h>
#include <string.h>

#include "api/api-priv.h"

/* The words of a verb with the container of the address. */
static struct sc_strv
words_for(struct sc_api_call *call, const char *verb)
{
    return sc_api_words(call->arena, verb, NULL);
}

static int
run_on(struct sc_api_call *call, struct sc_strv *words)
{
    sc_strv_add(words, call->arena, "--");
    sc_strv_add(words, call->arena, call->word);
    return sc_api_run(call, words, NULL);
}

static void
option(struct sc_api_call *call, struct sc_strv *words, const char *query, const char *name)
{
    const char *value = sc_api_query(&call->request, query);

    if (value && *value)
        sc_strv_addf(words, call->arena, "--%s=%s", name, value);
}

/* ---- lists ------------------------------------------------------------------------------------------------------ */

/* One that goes meanwhile is none of the list: it is asked for by itself then. */
static int
summaries(struct sc_api_call *call, const json_t *rows, json_t *out)
{
    struct sc_strv words = sc_api_words(call->arena, "inspect", "--type=container", NULL);
    sc_cleanup_json all = NULL;
    const json_t *row;
    size_t i;

    if (json_array_size(rows) == 0)
        return 0;
    if (sc_api_query_is(&call->request, "size"))
        sc_strv_add(&words, call->arena, "--size");
    sc_strv_add(&words, call->arena, "--");
    json_array_foreach (rows, i, row) {
        sc_strv_add(&words, call->arena, sc_api_str_at(row, "ID"));
    }
    if (sc_api_run_json(call, &words, &all) == 0) {
        json_array_foreach (rows, i, row) {
            (void)json_array_append_new(out, sc_api_summary(json_array_get(all, i), sc_api_str_at(row, "Status")));
        }
        return 0;
    }
    json_array_foreach (rows, i, row) {
        json_t *one = NULL;

        if (sc_api_inspect(call, "container", sc_api_str_at(row, "ID"), &one) == 0)
            (void)json_array_append_new(out, sc_api_summary(one, sc_api_str_at(row, "Status")));
        json_decref(one);
    }
    return 0;
}

static int
list(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "ps", "--no-trunc",
                                        "--format={\"ID\":{{json .ID}},\"Status\":{{json .Status}}}", NULL);
    sc_cleanup_json rows = NULL, *out = json_array();
    struct sc_err err = SC_ERR_INIT;
    const char *limit = sc_api_query(&call->request, "limit");

    if (sc_api_query_is(&call->request, "all"))
        sc_strv_add(&words, call->arena, "--all");
    if (limit && strcmp(limit, "0") != 0 && strcmp(limit, "-1") != 0)
        option(call, &words, "limit", "last");
    if (sc_api_filters(sc_api_query(&call->request, "filters"), call->arena, &words, &err) < 0)
        return sc_api_fail_err(call, &err);
    if (sc_api_run_lines(call, &words, &rows) < 0 || summaries(call, rows, out) < 0)
        return -1;
    return sc_api_answer_json(call, 200, sc_steal_ptr(&out));
}

static int
inspect(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "inspect", "--type=container", NULL);
    sc_cleanup_json found = NULL;

    if (sc_api_query_is(&call->request, "size"))
        sc_strv_add(&words, call->arena, "--size");
    sc_strv_add(&words, call->arena, "--");
    sc_strv_add(&words, call->arena, call->word);
    if (sc_api_run_json(call, &words, &found) < 0)
        return -1;
    return sc_api_answer_json(call, 200, json_incref(json_array_get(found, 0)));
}

/* ---- its life --------------------------------------------------------------------------------------------------- */

static int
create(struct sc_api_call *call)
{
    struct sc_strv words = words_for(call, "create");
    sc_cleanup_json body = NULL;
    sc_cleanup_buf id = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    if (sc_api_body_json(call, &body) < 0)
        return -1;
    if (!body)
        return sc_api_fail(call, 400, "a container needs a body");
    if (sc_api_create_words(body, sc_api_query(&call->request, "name"), sc_api_query(&call->request, "platform"),
                            call->arena, &words, &err) < 0)
        return sc_api_fail_err(call, &err);
    if (sc_api_run(call, &words, &id) < 0)
        return -1;
    return sc_api_answer_json(
        call, 201, json_pack("{s:s#,s:[]}", "Id", sc_buf_str(&id), (int)strcspn(sc_buf_str(&id), "\n"), "Warnings"));
}

/* Docker's client reads from these words which code it is to end with. */
static int
failed_start(struct sc_api_call *call)
{
    if (call->exit_code == 127)
        return sc_api_fail(call, 400, "%.900s: executable file not found", call->err.msg);
    if (call->exit_code == 126)
        return sc_api_fail(call, 400, "%.900s: permission denied", call->err.msg);
    return -1;
}

static int
start(struct sc_api_call *call)
{
    struct sc_strv words = words_for(call, "start");
    sc_cleanup_json container = NULL;
    char reply[SC_API_SESSION_MSG], *id, *end;

    if (sc_api_container_id(call, call->word, &id, &container) < 0)
        return -1;
    if (json_is_true(sc_api_at(container, "State.Running")))
        return json_is_true(sc_api_at(container, "State.Paused"))
                   ? sc_api_fail(call, 409, "cannot start a paused container, try unpause instead")
                   : sc_api_answer_none(call, 304);
    /* Where a client is attached already, its process starts the container, and misses nothing of what it says. */
    if (!sc_api_session_tell(call, 'a', id, "start", reply)) {
        if (run_on(call, &words) < 0)
            return failed_start(call);
        return sc_api_answer_none(call, 204);
    }
    if (strcmp(reply, "ok") == 0)
        return sc_api_answer_none(call, 204);
    call->status = (int)strtol(reply, &end, 10);
    call->exit_code = (int)strtol(end, &end, 10);
    (void)sc_api_fail(call, call->status, "%s", end + (*end == ' '));
    return failed_start(call);
}

/* stop, restart: what runs already, or no longer, is Docker's 304. */
static int
stop(struct sc_api_call *call)
{
    struct sc_strv words = words_for(call, "stop");
    sc_cleanup_json container = NULL;
    char *id;

    if (sc_api_container_id(call, call->word, &id, &container) < 0)
        return -1;
    option(call, &words, "signal", "signal");
    option(call, &words, "t", "timeout");
    if (run_on(call, &words) < 0)
        return -1;
    return sc_api_answer_none(call, json_is_true(sc_api_at(container, "State.Running")) ||
                                            json_is_true(sc_api_at(container, "State.Restarting"))
                                        ? 204
                                        : 304);
}

static int
restart(struct sc_api_call *call)
{
    struct sc_strv words = words_for(call, "restart");

    option(call, &words, "signal", "signal");
    option(call, &words, "t", "timeout");
    return run_on(call, &words) < 0 ? -1 : sc_api_answer_none(call, 204);
}

static int
kill_it(struct sc_api_call *call)
{
    struct sc_strv words = words_for(call, "kill");

    option(call, &words, "signal", "signal");
    return run_on(call, &words) < 0 ? -1 : sc_api_answer_none(call, 204);
}

static int
pause_it(struct sc_api_call *call)
{
    struct sc_strv words = words_for(call, "pause");

    return run_on(call, &words) < 0 ? -1 : sc_api_answer_none(call, 204);
}

static int
unpause(struct sc_api_call *call)
{
    struct sc_strv words = words_for(call, "unpause");

    return run_on(call, &words) < 0 ? -1 : sc_api_answer_none(call, 204);
}

/* `sc rm -f` takes one that does not exist for removed; Docker's API does not. */
static int
remove_it(struct sc_api_call *call)
{
    struct sc_strv words = words_for(call, "rm");
    char *id;

    if (sc_api_container_id(call, call->word, &id, NULL) < 0)
        return -1;
    if (sc_api_query_is(&call->request, "force"))
        sc_strv_add(&words, call->arena, "--force");
    if (sc_api_query_is(&call->request, "v"))
        sc_strv_add(&words, call->arena, "--volumes");
    return run_on(call, &words) < 0 ? -1 : sc_api_answer_none(call, 204);
}

static int
rename_it(struct sc_api_call *call)
{
    const char *name = sc_api_query(&call->request, "name");
    struct sc_strv words = sc_api_words(call->arena, "rename", "--", call->word, NULL);

    sc_strv_add(&words, call->arena, name && *name == '/' ? name + 1 : name ? name : "");
    return sc_api_run(call, &words, NULL) < 0 ? -1 : sc_api_answer_none(call, 204);
}

static int
update(struct sc_api_call *call)
{
    struct sc_strv words = words_for(call, "update");
    sc_cleanup_json body = NULL;
    struct sc_err err = SC_ERR_INIT;

    if (sc_api_body_json(call, &body) < 0)
        return -1;
    if (!body)
        return sc_api_fail(call, 400, "an update needs a body");
    if (sc_api_limit_words(body, call->arena, &words, &err) < 0)
        return sc_api_fail_err(call, &err);
    if (run_on(call, &words) < 0)
        return -1;
    return sc_api_answer_json(call, 200, json_pack("{s:[]}", "Warnings"));
}

/* ---- looks ------------------------------------------------------------------------------------------------------ */

/* Columns of ps(1), of which the last has spaces; CPID is sc's own, and last. */
static int
top(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "top", call->word, NULL);
    const char *args = sc_api_query(&call->request, "ps_args");
    sc_cleanup_buf text = SC_BUF_INIT;
    json_t *titles = json_array(), *rows = json_array();
    size_t columns = 0;

    if (call->word[0] == '-')
        return sc_api_fail(call, 404, "no such container: %s", call->word);
    for (const char *at = args ? args : "-ef"; *at;) {
        size_t n = strcspn(at, " ");
        char *word = sc_arena_strndup(call->arena, at, n);

        if (n > 0 && word)
            sc_strv_add(&words, call->arena, word);
        at += n + (at[n] == ' ');
    }
    if (sc_api_run(call, &words, &text) < 0)
        return -1;
    for (const char *line = sc_buf_str(&text); *line; line += strcspn(line, "\n") + 1) {
        json_t *row = columns == 0 ? titles : json_array();
        const char *end = line + strcspn(line, "\n"), *at = line;

        while (at < end) {
            size_t n = 0;

            /* a column ends at two spaces or more: those of a command are single */
            while (at + n < end && !(at[n] == ' ' && (at + n + 1 == end || at[n + 1] == ' ')))
                n++;
            (void)json_array_append_new(row, json_stringn(at, n));
            for (at += n; at < end && *at == ' '; at++)
                ;
        }
        if (columns == 0)
            columns = json_array_size(titles);
        else
            (void)json_array_append_new(rows, row);
        if (*end == '\0')
            break;
    }
    return sc_api_answer_json(call, 200, json_pack("{s:o,s:o}", "Titles", titles, "Processes", rows));
}

static int
changes(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "diff", "--", call->word, NULL);
    sc_cleanup_buf text = SC_BUF_INIT;
    json_t *out = json_array();

    if (sc_api_run(call, &words, &text) < 0) {
        json_decref(out);
        return -1;
    }
    for (const char *line = sc_buf_str(&text); line[0] && line[1];) {
        size_t n = strcspn(line, "\n");

        if (n > 2)
            (void)json_array_append_new(out, json_pack("{s:i,s:s%}", "Kind",
                                                       line[0] == 'A'   ? 1
                                                       : line[0] == 'D' ? 2
                                                                        : 0,
                                                       "Path", line + 2, n - 2));
        line += n + (line[n] == '\n');
    }
    return sc_api_answer_json(call, 200, out);
}

static int
prune(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "container", "prune", "--force", NULL);
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    json_t *out = json_array();

    if (sc_api_filters(sc_api_query(&call->request, "filters"), call->arena, &words, &err) < 0) {
        json_decref(out);
        return sc_api_fail_err(call, &err);
    }
    if (sc_api_run(call, &words, &text) < 0) {
        json_decref(out);
        return -1;
    }
    for (const char *line = sc_buf_str(&text); *line;) {
        size_t n = strcspn(line, "\n");

        if (n == SC_ID_LEN)
            (void)json_array_append_new(out, json_stringn(line, n));
        line += n + (line[n] == '\n');
    }
    return sc_api_answer_json(call, 200, json_pack("{s:o,s:i}", "ContainersDeleted", out, "SpaceReclaimed", 0));
}

const struct sc_api_row sc_api_containers[] = {
    {"GET", "containers/json", list},           {"POST", "containers/create", create},
    {"POST", "containers/prune", prune},        {"GET", "containers/*/json", inspect},
    {"POST", "containers/*/start", start},      {"POST", "containers/*/stop", stop},
    {"POST", "containers/*/restart", restart},  {"POST", "containers/*/kill", kill_it},
    {"POST", "containers/*/pause", pause_it},   {"POST", "containers/*/unpause", unpause},
    {"POST", "containers/*/rename", rename_it}, {"POST", "containers/*/update", update},
    {"GET", "containers/*/top", top},           {"GET", "containers/*/changes", changes},
    {"DELETE", "containers/*", remove_it},      {NULL, NULL, NULL},
};
