/* stop, kill, pause, wait, attach: verbs on a container that runs. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define TIMEOUT_DEFAULT 10
#define RESTART_POLL_MS 20
#define KILL_MS         60000 /* a process in uninterruptible sleep dies late */

enum end { END_TIMEOUT, END_EXITED, END_LOST };

/* Reads messages of the monitor until EXIT, or until `until` (CLOCK_MONOTONIC ns; 0: however long it takes). */
static enum end
await_exit(int sock, int64_t until, struct sc_exit *out)
{
    for (;;) {
        char body[SC_MONITOR_PACKET_MAX];
        struct pollfd poll_fd = {.fd = sock, .events = POLLIN};
        int64_t left = until ? (until - sc_time_monotonic()) / 1000000 : -1;
        struct sc_err ignored = SC_ERR_INIT;
        enum sc_monitor_msg type;
        ssize_t len;
        int ready;

        if (until && left < 0)
            left = 0;
        ready = poll(&poll_fd, 1, (int)left);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0)
            return END_TIMEOUT;
        len = sc_monitor_recv(sock, &type, body, sizeof(body), &ignored);
        if (len < 0)
            return END_LOST;
        if (type == SC_MSG_EXIT && len == (ssize_t)sizeof(*out)) {
            memcpy(out, body, sizeof(*out));
            return END_EXITED;
        }
    }
}

/* The monitor's socket; -1 without error when nobody listens any more. */
static int
connect_monitor(const struct sc_engine *engine, const char *id, int flags, int *sock, struct sc_err *err)
{
    struct sc_err connect_err = SC_ERR_INIT;
    sc_cleanup_fd run = sc_engine_run_dir(engine, id, &connect_err);

    *sock = run < 0 ? -1 : sc_monitor_connect(run, flags, &connect_err);
    if (*sock >= 0 || connect_err.kind == SC_ERR_NOT_FOUND || connect_err.kind == SC_ERR_PEER_DIED)
        return 0;
    *err = connect_err;
    return -1;
}

static int
send_signal(const struct sc_state *state, int signum, struct sc_err *err)
{
    struct sc_err gone = SC_ERR_INIT;
    sc_cleanup_fd pidfd = sc_pidfd_open(state->pid, state->start_time, &gone);

    if (pidfd < 0 && gone.kind == SC_ERR_NOT_FOUND)
        return 0; /* it has just ended */
    if (pidfd < 0) {
        *err = gone;
        return -1;
    }
    return sc_pidfd_kill(pidfd, signum, err);
}

/* Who did it is told too: `sc why` says so. */
static void
tell_of_signal(const struct sc_engine *engine, const struct sc_container *container, const char *verb, int signum)
{
    char more[96];

    (void)snprintf(more, sizeof(more), "\"signal\":\"%d\",\"sender\":\"sc %s (process %d, user %u)\"", signum, verb,
                   (int)getpid(), (unsigned)getuid());
    sc_engine_event(engine, container, "kill", more);
}

/* A frozen process takes a signal when it is thawed, so that comes after; whether it is frozen is asked after it too: a
 * pause at the same time either is seen here or sees the signal (is_ending). */
static int
signal_and_thaw(const struct sc_state *state, int signum, struct sc_err *err)
{
    if (send_signal(state, signum, err) < 0)
        return -1;
    return sc_state_status(state) == SC_STATUS_PAUSED ? sc_runtime_freeze(state, false, err) : 0;
}

/* Whether its first process has ended or is about to: in v1's freezer it would be held back from that for ever. */
static bool
is_ending(const struct sc_state *state)
{
    static const char *const pending[] = {"\nSigPnd:", "\nShdPnd:"};
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    char path[64];
    const char *at;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)state->pid);
    if (sc_file_read_at(AT_FDCWD, path, SC_SMALL_FILE_MAX, &text, &ignored) < 0) /* lint: the kernel's own */
        return true;
    at = strstr(sc_buf_str(&text), "\nState:\t");
    if (at && (at[8] == 'Z' || at[8] == 'X'))
        return true;
    for (size_t i = 0; i < SC_ARRAY_LEN(pending); i++) {
        at = strstr(sc_buf_str(&text), pending[i]);
        if (at && (strtoull(at + strlen(pending[i]), NULL, 16) & (UINT64_C(1) << (SIGKILL - 1))))
            return true;
    }
    return false;
}

/* What Docker takes for a stop by hand, after which no policy starts it again, and which ends a pause: where no stop
 * signal was chosen, any signal. */
static bool
is_meant_to_end(const struct sc_container *container, int signum)
{
    int stop = SIGTERM;
    struct sc_err ignored = SC_ERR_INIT;

    (void)!sc_signal_parse(container->effective_stop_signal, &stop, &ignored);
    return signum == SIGKILL || signum == stop || (!container->options.stop_signal && stop == SIGTERM);
}

/* Before the signal. The policy unless-stopped minds every signal by hand. */
static int
mark_signalled(const struct sc_engine *engine, const struct sc_container *container, int signum, struct sc_err *err)
{
    return is_meant_to_end(container, signum) || sc_restart_minds_signals(container)
               ? sc_restart_mark_stopped(engine, container, err)
               : 0;
}

static int64_t
deadline(int64_t msec)
{
    return sc_time_monotonic() + msec * 1000000;
}

/* Whether init does nothing on a signal: a process 1 without a handler is spared even what would end another. */
static const char *
reaction(const struct sc_state *state, int signum)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    char path[64];
    const char *ignores, *catches;
    uint64_t bit = UINT64_C(1) << (signum - 1);

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)state->pid);
    if (sc_file_read_at(AT_FDCWD, path, SC_SMALL_FILE_MAX, &text, &ignored) < 0) /* lint: the kernel's own */
        return "unknown";
    ignores = strstr(sc_buf_str(&text), "\nSigIgn:");
    catches = strstr(sc_buf_str(&text), "\nSigCgt:");
    if (catches && (strtoull(catches + 8, NULL, 16) & bit))
        return "handled";
    if (ignores && (strtoull(ignores + 8, NULL, 16) & bit))
        return "ignored";
    return "default";
}

/* It did not end of the first signal. */
static void
tell_of_patience(const struct sc_engine *engine, const struct sc_container *container, const struct sc_state *state,
                 int timeout_sec, int signum)
{
    char more[192];

    (void)snprintf(more, sizeof(more),
                   "\"signal\":\"9\",\"sender\":\"sc stop (process %d, user %u)\",\"after\":\"%d\",\"unheeded\":\"%d\","
                   "\"reaction\":\"%s\"",
                   (int)getpid(), (unsigned)getuid(), timeout_sec, signum, reaction(state, signum));
    sc_engine_event(engine, container, "kill", more);
}

static int
stop_running(struct sc_engine *engine, const struct sc_container *container, const struct sc_state *state,
             int timeout_sec, int signum, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container now = SC_CONTAINER_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_exit exit_record;
    sc_cleanup_fd sock = -1;
    enum end end = END_LOST;

    if (connect_monitor(engine, container->id, SC_ATTACH_WAIT_ONLY, &sock, err) < 0)
        return -1;
    if (sock >= 0) {
        tell_of_signal(engine, container, "stop", signum);
        if (signal_and_thaw(state, signum, err) < 0)
            return -1;
        end = await_exit(sock, deadline((int64_t)timeout_sec * 1000), &exit_record);
        if (end == END_TIMEOUT) {
            if (signum != SIGKILL)
                tell_of_patience(engine, container, state, timeout_sec, signum);
            if (signum != SIGKILL && signal_and_thaw(state, SIGKILL, err) < 0)
                return -1;
            end = await_exit(sock, deadline(KILL_MS), &exit_record);
        }
    }
    if (end == END_TIMEOUT)
        return sc_err_set(err, SC_ERR_BUSY, "process %d does not die", (int)state->pid);
    if (end == END_EXITED)
        return 0;
    /* The monitor is gone without a word: repair, which kills. */
    if (sc_engine_load(engine, container->id, &arena, &now, &ignored) < 0)
        return ignored.kind == SC_ERR_NOT_FOUND ? 0 : sc_err_set(err, ignored.kind, "%s", ignored.msg);
    return now.status == SC_STATUS_RUNNING || now.status == SC_STATUS_PAUSED
               ? sc_err_set(err, SC_ERR_PEER_DIED, "its monitor does not answer")
               : 0;
}

static bool
is_up(const struct sc_engine *engine, const struct sc_container *container)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_state state = {0};
    struct sc_err ignored = SC_ERR_INIT;

    return container->options.restart && sc_engine_running_state(engine, container, &arena, &state, &ignored) == 0;
}

/* Now. */
static bool
is_restarting(const struct sc_engine *engine, const struct sc_container *container)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd run = container->options.restart ? sc_engine_run_dir(engine, container->id, &ignored) : -1;
    struct sc_restarting restarting;

    return sc_restarting_read(run, &restarting);
}

/* Ends it where it runs. */
static int
end_once(struct sc_engine *engine, const struct sc_container *container, int timeout_sec, int signum, bool *runs,
         struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_state state = {0};
    struct sc_err state_err = SC_ERR_INIT;

    *runs = sc_engine_running_state(engine, container, &arena, &state, &state_err) == 0;
    if (!*runs && state_err.kind != SC_ERR_BUSY) {
        *err = state_err;
        return -1;
    }
    if (!*runs && !is_restarting(engine, container))
        return 0;
    if (sc_restart_mark_stopped(engine, container, err) < 0)
        return -1;
    return *runs ? stop_running(engine, container, &state, timeout_sec, signum, err) : 0;
}

int
sc_engine_end(struct sc_engine *engine, const struct sc_container *container, int timeout_sec, int signum,
              bool *has_run, struct sc_err *err)
{
    if (timeout_sec < 0)
        timeout_sec = container->options.stop_timeout >= 0 ? container->options.stop_timeout : TIMEOUT_DEFAULT;
    if (signum == 0 && sc_signal_parse(container->effective_stop_signal, &signum, err) < 0)
        return -1;
    /* Its monitor may have begun a restart just before the mark, which is then taken back, or is done and stopped anew.
     */
    for (bool was_cancelled = false, runs = true; runs;) {
        if (end_once(engine, container, timeout_sec, signum, &runs, err) < 0 ||
            (container->options.restart && sc_restart_settle(engine, container->id, &was_cancelled, err) < 0))
            return sc_err_wrap(err, "stop container \"%s\"", container->name);
        *has_run = *has_run || runs || was_cancelled;
        runs = !was_cancelled && is_up(engine, container);
    }
    return 0;
}

int
sc_engine_stop(struct sc_engine *engine, const struct sc_container *container, int timeout_sec, int signum,
               struct sc_err *err)
{
    bool has_run = false;

    if (sc_engine_end(engine, container, timeout_sec, signum, &has_run, err) < 0)
        return -1;
    if (has_run)
        sc_engine_event(engine, container, "stop", NULL);
    return 0;
}

int
sc_engine_kill(struct sc_engine *engine, const struct sc_container *container, int signum, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_state state = {0};
    struct sc_exit exit_record;
    sc_cleanup_fd sock = -1;
    bool was_cancelled = false, is_last = is_meant_to_end(container, signum);

    if (is_restarting(engine, container)) {
        if (!is_last) /* there is nobody to get it, which Docker takes for done */
            return 0;
        if (sc_restart_mark_stopped(engine, container, err) < 0 ||
            sc_restart_settle(engine, container->id, &was_cancelled, err) < 0)
            return -1;
        tell_of_signal(engine, container, "kill", signum);
        if (was_cancelled)
            return 0;
    }
    if (sc_engine_running_state(engine, container, &arena, &state, err) < 0 ||
        mark_signalled(engine, container, signum, err) < 0)
        return -1;
    /* As with Docker, whoever kills finds it ended. Without a monitor the next look makes it so. */
    if (signum == SIGKILL && connect_monitor(engine, container->id, SC_ATTACH_WAIT_ONLY, &sock, err) < 0)
        return -1;
    tell_of_signal(engine, container, "kill", signum);
    if ((is_last ? signal_and_thaw(&state, signum, err) : send_signal(&state, signum, err)) < 0)
        return sc_err_wrap(err, "kill container \"%s\"", container->name);
    if (sock >= 0 && await_exit(sock, deadline(KILL_MS), &exit_record) == END_TIMEOUT) {
        sc_err_set(err, SC_ERR_BUSY, "process %d does not die", (int)state.pid);
        return sc_err_wrap(err, "kill container \"%s\"", container->name);
    }
    /* It may have ended by itself just before the mark. */
    return signum == SIGKILL && container->options.restart
               ? sc_restart_settle(engine, container->id, &was_cancelled, err)
               : 0;
}

void
sc_engine_before_signal(struct sc_engine *engine, const struct sc_container *container, const char *verb, int signum)
{
    struct sc_err ignored = SC_ERR_INIT; /* the signal is what matters */

    (void)!mark_signalled(engine, container, signum, &ignored);
    tell_of_signal(engine, container, verb, signum);
}

int
sc_engine_freeze(struct sc_engine *engine, const struct sc_container *container, bool paused, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_state state = {0};

    if (sc_engine_running_state(engine, container, &arena, &state, err) < 0)
        return -1;
    if ((sc_state_status(&state) == SC_STATUS_PAUSED) == paused)
        return sc_err_set(err, SC_ERR_BUSY, "container \"%s\" is %s paused", container->name,
                          paused ? "already" : "not");
    if (sc_runtime_freeze(&state, paused, err) < 0) {
        if (!paused || !is_ending(&state))
            return sc_err_wrap(err, "%s container \"%s\"", paused ? "pause" : "unpause", container->name);
        sc_err_clear(err);
        return sc_engine_not_running(container, err);
    }
    if (paused && is_ending(&state)) {
        (void)!sc_runtime_freeze(&state, false, &ignored); /* without a cgroup it is gone */
        return sc_engine_not_running(container, err);
    }
    sc_engine_event(engine, container, paused ? "pause" : "unpause", NULL);
    return 0;
}

int
sc_engine_pause(struct sc_engine *engine, const struct sc_container *container, bool paused, struct sc_err *err)
{
    sc_hold_forget(engine, container->id);
    return sc_engine_freeze(engine, container, paused, err);
}

/* As with Docker, one that is about to be started again has not ended: what counts is its next end. */
static int
await_restart(struct sc_engine *engine, const char *id, enum sc_status *status, struct sc_exit *out, struct sc_err *err)
{
    for (;;) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_container now = SC_CONTAINER_INIT;

        if (sc_engine_load(engine, id, &arena, &now, err) < 0)
            return -1;
        *status = now.status;
        *out = now.exit;
        if (!now.is_restarting)
            return 0;
        (void)poll(NULL, 0, RESTART_POLL_MS);
    }
}

int
sc_engine_wait(struct sc_engine *engine, const struct sc_container *container, struct sc_exit *out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container now = SC_CONTAINER_INIT;
    enum sc_status status = container->status;
    sc_cleanup_fd sock = -1;

    *out = container->exit;
    if (container->is_restarting && await_restart(engine, container->id, &status, out, err) < 0)
        return -1;
    if (status != SC_STATUS_RUNNING && status != SC_STATUS_PAUSED)
        return 0;
    if (connect_monitor(engine, container->id, SC_ATTACH_WAIT_ONLY, &sock, err) < 0)
        return -1;
    if (sock >= 0 && await_exit(sock, 0, out) == END_EXITED)
        return 0;
    if (sc_engine_load(engine, container->id, &arena, &now, err) < 0)
        return -1;
    if (now.status == SC_STATUS_RUNNING || now.status == SC_STATUS_PAUSED)
        return sc_err_set(err, SC_ERR_PEER_DIED, "wait for container \"%s\": its monitor does not answer",
                          container->name);
    *out = now.exit;
    return 0;
}

int
sc_engine_attach(struct sc_engine *engine, const struct sc_container *container, int attach_flags, int *client_fd,
                 struct sc_err *err)
{
    *client_fd = -1;
    if (connect_monitor(engine, container->id, attach_flags, client_fd, err) < 0)
        return -1;
    if (*client_fd < 0)
        return sc_engine_not_running(container, err);
    sc_engine_event(engine, container, "attach", NULL);
    return 0;
}

char *
sc_engine_log_path(const struct sc_engine *engine, const struct sc_container *container, struct sc_arena *arena)
{
    if (sc_str_eq(container->options.log.driver, "none"))
        return NULL;
    return sc_arena_printf(arena, "%s/container/%s/log.json", engine->data_path, container->id);
}
