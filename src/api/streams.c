/* Containers: attach, logs, wait, stats, resize: what stays open. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api-priv.h"

#define RAW          "application/vnd.docker.raw-stream"
#define UNSTARTED_MS 500

static unsigned
wanted_streams(const struct sc_api_call *call)
{
    return (sc_api_query_is(&call->request, "stdout") ? 1U : 0) | (sc_api_query_is(&call->request, "stderr") ? 2U : 0);
}

/* ---- attach ----------------------------------------------------------------------------------------------------- */

/* How one attached client is held. */
struct attached {
    struct sc_api_call *call;
    const char *id;
    bool is_tty, has_input;
    int session, starter, notify;
    char name[64];
};

/* Waits for who starts the container. 1: we are to start it; 0: another did; -1: the client is gone. */
static int
wait_for_start(struct attached *a)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = a->session, .events = POLLIN}, {.fd = a->call->fd, .events = 0}};
        char text[128];
        ssize_t n;
        sc_cleanup_fd fd = -1;

        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents & (POLLHUP | POLLERR))
            return -1;
        fd = accept4(a->session, NULL, NULL, SOCK_CLOEXEC);
        n = fd >= 0 ? recv(fd, text, sizeof(text) - 1, 0) : -1;
        if (n <= 0)
            continue;
        text[n] = '\0';
        if (strcmp(text, "start") == 0) {
            a->starter = sc_steal_fd(&fd);
            return 1;
        }
        if (strcmp(text, "attach") == 0)
            return 0;
    }
}

/* The start has failed: who asked for it is told why. */
static void
tell_failure(struct attached *a, const struct sc_api_child *child, const struct sc_buf *held, int code)
{
    char text[SC_API_SESSION_MSG];

    (void)sc_api_fail_child(a->call, child, sc_buf_str(held), code);
    (void)snprintf(text, sizeof(text), "%d %d %.900s", a->call->status, a->call->exit_code, a->call->err.msg);
    (void)!send(a->starter, text, strlen(text), MSG_NOSIGNAL);
}

static int
hold(struct attached *a, bool starts)
{
    struct sc_api_call *call = a->call;
    struct sc_strv words = {0};
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    sc_cleanup_buf held = SC_BUF_INIT;
    char env[64];
    const char *keys = sc_api_query(&call->request, "detachKeys");
    int streams = a->is_tty ? SC_API_TTY : SC_API_OUT | (a->has_input ? SC_API_IN : 0), code;
    struct sc_api_relay relay = {.child = &child,
                                 .is_tty = a->is_tty,
                                 .has_input = a->has_input,
                                 .session = a->session,
                                 .notify = -1,
                                 .streams = wanted_streams(call)};

    sc_strv_add(&words, call->arena, starts ? "start" : "attach");
    if (starts)
        sc_strv_add(&words, call->arena, "--attach");
    if (starts && a->has_input)
        sc_strv_add(&words, call->arena, "--interactive");
    if (!starts && !a->has_input)
        sc_strv_add(&words, call->arena, "--no-stdin");
    sc_strv_add(&words, call->arena, "--sig-proxy=false");
    if (keys && *keys)
        sc_strv_addf(&words, call->arena, "--detach-keys=%s", keys);
    sc_strv_add(&words, call->arena, "--");
    sc_strv_add(&words, call->arena, a->id);
    if (starts) {
        a->notify = relay.notify = sc_api_notify_open(env);
        relay.starter = &a->starter;
        relay.held = &held;
        if (a->notify < 0)
            return sc_err_errno(&call->err, errno, "listen for the start");
    }
    if (sc_api_spawn(call, &words, streams | SC_API_ERR, starts ? env : NULL, &child) < 0)
        return -1;
    code = sc_api_relay(call, &relay);
    if (starts && relay.notify >= 0 && code >= 0)
        tell_failure(a, &child, &held, code);
    return code < 0 ? -1 : sc_api_stream_end(call);
}

static int
follow_logs(struct attached *a, bool follows)
{
    struct sc_api_call *call = a->call;
    struct sc_strv words = sc_api_words(call->arena, "logs", follows ? "--follow" : "--", follows ? "--" : a->id, NULL);
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    struct sc_api_relay relay = {
        .child = &child, .is_tty = a->is_tty, .session = -1, .notify = -1, .streams = wanted_streams(call)};

    if (follows)
        sc_strv_add(&words, call->arena, a->id);
    if (sc_api_spawn(call, &words, SC_API_OUT | SC_API_ERR, NULL, &child) < 0)
        return -1;
    return sc_api_relay(call, &relay) < 0 ? -1 : sc_api_stream_end(call);
}

static int
hold_client(struct attached *a, const json_t *container)
{
    struct sc_api_call *call = a->call;
    bool is_up = json_is_true(sc_api_at(container, "State.Running"));
    bool wants_logs = sc_api_query_is(&call->request, "logs"), wants_stream = sc_api_query_is(&call->request, "stream");
    int starts;

    if (!wants_stream)
        return wants_logs ? follow_logs(a, false) : sc_api_stream_end(call);
    if (is_up)
        return wants_logs && !a->has_input ? follow_logs(a, true) : hold(a, false);
    starts = wait_for_start(a);
    return starts < 0 ? -1 : hold(a, starts == 1);
}

static int
attach(struct sc_api_call *call)
{
    struct attached a = {.call = call, .session = -1, .starter = -1, .notify = -1};
    sc_cleanup_json container = NULL, *body = NULL;
    char *id;
    int result;

    /* it has none, and what it had is not the container's input */
    if (sc_api_body_json(call, &body) < 0 || sc_api_container_id(call, call->word, &id, &container) < 0)
        return -1;
    a.id = id;
    a.is_tty = json_is_true(sc_api_at(container, "Config.Tty"));
    a.has_input = sc_api_query_is(&call->request, "stdin") && json_is_true(sc_api_at(container, "Config.OpenStdin"));
    a.session = sc_api_session_open(call, 'a', id, a.name);
    if (a.session < 0)
        return -1;
    /* from here on who starts it finds us */
    result = sc_api_stream_begin(call, RAW, NULL, true);
    if (result == 0)
        result = hold_client(&a, container);
    sc_closep(&a.notify);
    sc_closep(&a.starter);
    sc_api_session_close(call, a.name, &a.session);
    return result;
}

static int
resize(struct sc_api_call *call)
{
    const char *h = sc_api_query(&call->request, "h"), *w = sc_api_query(&call->request, "w");
    char text[64], *id;

    if (!h || !w || strlen(h) > 8 || strlen(w) > 8)
        return sc_api_fail(call, 400, "h and w must be numbers");
    if (sc_api_container_id(call, call->word, &id, NULL) < 0)
        return -1;
    (void)snprintf(text, sizeof(text), "resize %s %s", h, w);
    (void)sc_api_session_tell(call, 'a', id, text, NULL);
    return sc_api_answer(call, 200, "text/plain; charset=utf-8", NULL, "", 0);
}

/* ---- logs ------------------------------------------------------------------------------------------------------- */

static int
logs(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "logs", NULL);
    sc_cleanup_json container = NULL;
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    struct sc_api_relay relay = {
        .child = &child, .ends_with_client = true, .session = -1, .notify = -1, .streams = wanted_streams(call)};
    static const char *const values[] = {"since", "until", "tail"}, *const flags[] = {"follow", "timestamps",
                                                                                      "details"};
    char *id;

    if (!relay.streams)
        return sc_api_fail(call, 400, "Bad parameters: you must choose at least one stream");
    if (sc_api_container_id(call, call->word, &id, &container) < 0)
        return -1;
    for (size_t i = 0; i < SC_ARRAY_LEN(values); i++) {
        const char *value = sc_api_query(&call->request, values[i]);

        if (value && *value && (strcmp(value, "0") != 0 || i == 2) && !sc_str_starts(value, "0.0000"))
            sc_strv_addf(&words, call->arena, "--%s=%s", values[i], i == 2 ? value : sc_api_time(call->arena, value));
        if (sc_api_query_is(&call->request, flags[i]))
            sc_strv_addf(&words, call->arena, "--%s", flags[i]);
    }
    sc_strv_add(&words, call->arena, "--");
    sc_strv_add(&words, call->arena, id);
    relay.is_tty = json_is_true(sc_api_at(container, "Config.Tty"));
    if (sc_api_spawn(call, &words, SC_API_OUT | SC_API_ERR, NULL, &child) < 0 ||
        sc_api_stream_begin(call, RAW, NULL, false) < 0)
        return -1;
    return sc_api_relay(call, &relay) < 0 ? -1 : sc_api_stream_end(call);
}

/* ---- wait ------------------------------------------------------------------------------------------------------- */

static int
answer_exit(struct sc_api_call *call, int64_t code)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_buf_addf(&text, "{\"Error\":null,\"StatusCode\":%lld}\n", (long long)code);
    if (sc_api_stream_write(call, text.data, text.len) < 0)
        return -1;
    return sc_api_stream_end(call);
}

/* A line of `sc events`: true when it is what was waited for. */
static bool
is_end(const char *line, size_t len, bool waits_for_removal, int64_t *code, bool *has_started)
{
    sc_cleanup_json event = NULL;
    struct sc_err ignored = SC_ERR_INIT;
    const char *action;

    if (sc_json_parse(line, len, "an event", &event, &ignored) < 0)
        return false;
    action = sc_api_str_at(event, "Action");
    *has_started = *has_started || strcmp(action, "start") == 0;
    if (strcmp(action, "die") == 0)
        (void)!sc_parse_i64(sc_api_str_at(event, "Actor.Attributes.exitCode"), code, &ignored);
    return strcmp(action, waits_for_removal ? "destroy" : "die") == 0;
}

/* What never ran and was to be removed at its end (--rm) goes without an event when its start fails. */
static bool
is_removed(struct sc_api_call *call, const char *id)
{
    struct sc_api_call other = *call;
    sc_cleanup_json container = NULL;

    return sc_api_inspect(&other, "container", id, &container) < 0 && other.status == 404;
}

/* The next end, or the removal: from the log of events, which begins before the client is answered. */
static int
wait_for_event(struct sc_api_call *call, const char *id, bool waits_for_removal, int64_t code, const char *since)
{
    struct sc_strv words = sc_api_words(call->arena, "events", "--format=json", "--filter=event=start",
                                        "--filter=event=die", "--filter=event=destroy", NULL);
    bool has_started = false;
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_strv_addf(&words, call->arena, "--filter=container=%s", id);
    sc_strv_addf(&words, call->arena, "--since=%s", since);
    if (sc_api_spawn(call, &words, SC_API_OUT, NULL, &child) < 0 ||
        sc_api_stream_begin(call, "application/json", NULL, false) < 0)
        return -1;
    for (;;) {
        struct pollfd fds[2] = {{.fd = child.out, .events = POLLIN}, {.fd = call->fd, .events = POLLRDHUP}};
        char piece[4096];
        const char *line, *newline;
        ssize_t n;
        int ready = poll(fds, 2, has_started ? -1 : UNSTARTED_MS);

        if (ready == 0 && is_removed(call, id))
            return answer_exit(call, code);
        if (ready <= 0)
            continue;
        if (fds[1].revents)
            return -1;
        n = read(child.out, piece, sizeof(piece));
        if (n <= 0)
            return -1;
        sc_buf_add(&text, piece, (size_t)n);
        line = sc_buf_str(&text);
        while ((newline = strchr(line, '\n'))) {
            if (is_end(line, (size_t)(newline - line), waits_for_removal, &code, &has_started))
                return answer_exit(call, code);
            line = newline + 1;
        }
        if (line != sc_buf_str(&text)) {
            sc_cleanup_buf rest = SC_BUF_INIT;

            sc_buf_adds(&rest, line);
            sc_buf_clear(&text);
            sc_buf_adds(&text, sc_buf_str(&rest));
        }
    }
}

static int
wait_now(struct sc_api_call *call, const char *id)
{
    struct sc_strv words = sc_api_words(call->arena, "wait", "--", id, NULL);
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    char text[32] = "";
    int64_t code = 0;

    if (sc_api_spawn(call, &words, SC_API_OUT, NULL, &child) < 0 ||
        sc_api_stream_begin(call, "application/json", NULL, false) < 0)
        return -1;
    for (;;) {
        struct pollfd fds[2] = {{.fd = child.out, .events = POLLIN}, {.fd = call->fd, .events = POLLRDHUP}};

        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents)
            return -1;
        if (fds[0].revents)
            break;
    }
    if (read(child.out, text, sizeof(text) - 1) <= 0)
        return -1;
    text[strcspn(text, "\n")] = '\0';
    if (sc_parse_i64(text, &code, &call->err) < 0)
        return -1;
    return answer_exit(call, code);
}

static int
wait_for(struct sc_api_call *call)
{
    const char *condition = sc_api_query(&call->request, "condition");
    sc_cleanup_json container = NULL;
    char since[SC_TIME_MAX], *id;

    sc_time_format(sc_time_now(), since);
    if (sc_api_container_id(call, call->word, &id, &container) < 0)
        return -1;
    if (!condition || !*condition || strcmp(condition, "not-running") == 0)
        return wait_now(call, id);
    if (strcmp(condition, "next-exit") != 0 && strcmp(condition, "removed") != 0)
        return sc_api_fail(call, 400, "invalid condition: \"%s\"", condition);
    return wait_for_event(call, id, strcmp(condition, "removed") == 0,
                          json_integer_value(sc_api_at(container, "State.ExitCode")), since);
}

const struct sc_api_row sc_api_streams[] = {
    {"POST", "containers/*/attach", attach},
    {"POST", "containers/*/resize", resize},
    {"GET", "containers/*/logs", logs},
    {"POST", "containers/*/wait", wait_for},
    {NULL, NULL, NULL},
};
