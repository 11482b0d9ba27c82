/*
 * Executions: made by one request, started by a second, looked at by a third. What is between is a file
 * <run root>/api/exec-ID: {"container","words","env",...} and, once it has been started, {"running","code"}. Those that
 * have ended an hour ago are removed by the next that is made.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api-priv.h"

#define FILE_MAX  SC_API_BODY_MAX
#define KEPT_SECS 3600

/* "exec-ID", or false: that is no id. */
static bool
file_of(const char *id, char name[128])
{
    if (strlen(id) != SC_ID_LEN || strspn(id, "0123456789abcdef") != SC_ID_LEN)
        return false;
    (void)snprintf(name, 128, "exec-%s", id);
    return true;
}

static int
load(struct sc_api_call *call, const char *id, json_t **out)
{
    char name[128];
    struct sc_err ignored = SC_ERR_INIT;

    if (!file_of(id, name) || sc_json_read_at(call->server->dir_fd, name, FILE_MAX, out, &ignored) < 0)
        return sc_api_fail(call, 404, "No such exec instance: %s", id);
    return 0;
}

static int
save(struct sc_api_call *call, const char *id, const json_t *exec)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    char name[128];

    if (!file_of(id, name))
        return sc_api_fail(call, 404, "No such exec instance: %s", id);
    if (sc_json_dump(exec, &text, &call->err) < 0)
        return -1;
    return sc_file_replace_at(call->server->dir_fd, name, text.data, text.len, 0600, SC_VOLATILE, &call->err);
}

static void
remove_old(struct sc_api_call *call)
{
    int copy = openat(call->server->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct stat st;

    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (sc_str_starts(entry->d_name, "exec-") &&
            fstatat(call->server->dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            st.st_mtime + KEPT_SECS < sc_time_now() / 1000000000)
            (void)unlinkat(call->server->dir_fd, entry->d_name, 0);
    }
}

static int
create(struct sc_api_call *call)
{
    sc_cleanup_json body = NULL, *container = NULL;
    char *of, id[SC_ID_LEN + 1];

    if (sc_api_body_json(call, &body) < 0 || sc_api_container_id(call, call->word, &of, &container) < 0)
        return -1;
    if (!json_is_string(json_array_get(json_object_get(body, "Cmd"), 0)))
        return sc_api_fail(call, 400, "No exec command specified");
    if (!json_is_true(sc_api_at(container, "State.Running")))
        return sc_api_fail(call, 409, "Container %s is not running", of);
    if (json_is_true(sc_api_at(container, "State.Paused")))
        return sc_api_fail(call, 409, "Container %s is paused, unpause the container before exec", of);
    remove_old(call);
    (void)json_object_set_new(body, "container", json_string(of));
    if (sc_id_random(id, &call->err) < 0 || save(call, id, body) < 0)
        return -1;
    return sc_api_answer_json(call, 201, json_pack("{s:s}", "Id", id));
}

/* The words of `sc exec`. */
static int
words_of(struct sc_api_call *call, const json_t *exec, bool detaches, bool is_tty, struct sc_strv *words)
{
    const json_t *one;
    size_t i;

    sc_strv_add(words, call->arena, "exec");
    if (detaches)
        sc_strv_add(words, call->arena, "--detach");
    if (is_tty)
        sc_strv_add(words, call->arena, "--tty");
    if (json_is_true(json_object_get(exec, "AttachStdin")) && !detaches)
        sc_strv_add(words, call->arena, "--interactive");
    if (json_is_true(json_object_get(exec, "Privileged")))
        sc_strv_add(words, call->arena, "--privileged");
    if (*sc_api_str_at(exec, "User"))
        sc_strv_addf(words, call->arena, "--user=%s", sc_api_str_at(exec, "User"));
    if (*sc_api_str_at(exec, "WorkingDir"))
        sc_strv_addf(words, call->arena, "--workdir=%s", sc_api_str_at(exec, "WorkingDir"));
    if (*sc_api_str_at(exec, "DetachKeys"))
        sc_strv_addf(words, call->arena, "--detach-keys=%s", sc_api_str_at(exec, "DetachKeys"));
    json_array_foreach (json_object_get(exec, "Env"), i, one) {
        if (json_is_string(one) && strchr(json_string_value(one), '='))
            sc_strv_addf(words, call->arena, "--env=%s", json_string_value(one));
    }
    sc_strv_add(words, call->arena, "--");
    sc_strv_add(words, call->arena, sc_api_str_at(exec, "container"));
    json_array_foreach (json_object_get(exec, "Cmd"), i, one) {
        if (!json_is_string(one))
            return sc_api_fail(call, 400, "Cmd must be a list of texts");
        sc_strv_add(words, call->arena, json_string_value(one));
    }
    return sc_arena_check(call->arena, &call->err);
}

static int
mark(struct sc_api_call *call, json_t *exec, bool is_running, int code)
{
    (void)json_object_set_new(exec, "running", json_boolean(is_running));
    (void)json_object_set_new(exec, "code", json_integer(code));
    return save(call, call->word, exec);
}

static int
hold(struct sc_api_call *call, json_t *exec, const struct sc_strv *words, bool is_tty)
{
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    char name[64];
    bool has_input = json_is_true(json_object_get(exec, "AttachStdin"));
    int streams = is_tty ? SC_API_TTY : SC_API_OUT | (has_input ? SC_API_IN : 0), code;
    int session = sc_api_session_open(call, 'x', call->word, name);
    struct sc_api_relay relay = {
        .child = &child, .is_tty = is_tty, .has_input = has_input, .session = session, .notify = -1};

    if (session < 0)
        return -1;
    code = mark(call, exec, true, 0);
    if (code == 0)
        code = sc_api_spawn(call, words, streams | SC_API_ERR, NULL, &child);
    if (code == 0)
        code = sc_api_stream_begin(call, "application/vnd.docker.raw-stream", NULL, true);
    if (code == 0) {
        code = sc_api_relay(call, &relay);
        /* before the stream ends: the client then asks for the code */
        (void)!mark(call, exec, false, code < 0 ? 137 : code);
    }
    sc_api_session_close(call, name, &session);
    return code < 0 ? -1 : 0;
}

static int
start(struct sc_api_call *call)
{
    sc_cleanup_json body = NULL, *exec = NULL;
    struct sc_strv words = {0};
    bool detaches, is_tty;

    if (sc_api_body_json(call, &body) < 0 || load(call, call->word, &exec) < 0)
        return -1;
    if (json_object_get(exec, "running"))
        return sc_api_fail(call, 409, "Error: Exec command %s is already running", call->word);
    detaches = json_is_true(json_object_get(body, "Detach"));
    is_tty = json_is_true(json_object_get(exec, "Tty")) && !detaches;
    if (words_of(call, exec, detaches, is_tty, &words) < 0)
        return -1;
    if (!detaches)
        return hold(call, exec, &words, is_tty);
    if (sc_api_run(call, &words, NULL) < 0 || mark(call, exec, false, 0) < 0)
        return -1;
    return sc_api_answer(call, 200, "text/plain; charset=utf-8", NULL, "", 0);
}

static int
inspect(struct sc_api_call *call)
{
    sc_cleanup_json exec = NULL;
    json_t *code, *running, *config = json_object(), *arguments = json_array(), *one;
    size_t i;

    if (load(call, call->word, &exec) < 0) {
        json_decref(config);
        json_decref(arguments);
        return -1;
    }
    running = json_object_get(exec, "running");
    code = running && !json_is_true(running) ? json_incref(json_object_get(exec, "code")) : json_null();
    json_array_foreach (json_object_get(exec, "Cmd"), i, one) {
        if (i > 0)
            (void)json_array_append(arguments, one);
    }
    (void)json_object_set_new(config, "entrypoint", json_incref(json_array_get(json_object_get(exec, "Cmd"), 0)));
    (void)json_object_set_new(config, "arguments", arguments);
    (void)json_object_set_new(config, "tty", json_boolean(json_is_true(json_object_get(exec, "Tty"))));
    (void)json_object_set_new(config, "privileged", json_boolean(json_is_true(json_object_get(exec, "Privileged"))));
    (void)json_object_set_new(config, "user", json_string(sc_api_str_at(exec, "User")));
    return sc_api_answer_json(call, 200,
                              json_pack("{s:s,s:b,s:o,s:o,s:b,s:b,s:b,s:b,s:s,s:i}", "ID", call->word, "Running",
                                        json_is_true(running), "ExitCode", code, "ProcessConfig", config, "OpenStdin",
                                        json_is_true(json_object_get(exec, "AttachStdin")), "OpenStdout", 1,
                                        "OpenStderr", 1, "CanRemove", 0, "ContainerID",
                                        sc_api_str_at(exec, "container"), "Pid", 0));
}

static int
resize(struct sc_api_call *call)
{
    const char *h = sc_api_query(&call->request, "h"), *w = sc_api_query(&call->request, "w");
    sc_cleanup_json exec = NULL;
    char text[64];

    if (!h || !w || strlen(h) > 8 || strlen(w) > 8)
        return sc_api_fail(call, 400, "h and w must be numbers");
    if (load(call, call->word, &exec) < 0)
        return -1;
    (void)snprintf(text, sizeof(text), "resize %s %s", h, w);
    (void)sc_api_session_tell(call, 'x', call->word, text, NULL);
    return sc_api_answer(call, 200, "text/plain; charset=utf-8", NULL, "", 0);
}

const struct sc_api_row sc_api_execs[] = {
    {"POST", "containers/*/exec", create},
    {"POST", "exec/*/start", start},
    {"GET", "exec/*/json", inspect},
    {"POST", "exec/*/resize", resize},
    {NULL, NULL, NULL},
};
