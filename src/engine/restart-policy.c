/* The engine's part in restarts without a daemon (monitor/restart.h): what the monitor goes by, who waits, and how that
 * is taken back. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define RESTARTING_MAX 256
#define PLAN_FILE_MAX  (1U << 20)
#define DIE_MS         10000
#define SETTLE_MS      10000 /* for a restart that is on its way */
#define RETRY_MS       2

static bool
is_held(int fd)
{
    return flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static bool
read_file(int fd, struct sc_restarting *out)
{
    char text[RESTARTING_MAX];
    ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

    text[got > 0 ? got : 0] = '\0';
    return sc_restarting_decode(text, out);
}

/* ---- what the monitor goes by --------------------------------------------------------------------------------- */

/* Its own roots, and PATH for the programs that it runs, too. */
void
sc_engine_env(const struct sc_engine *engine, struct sc_arena *arena, struct sc_strv *out)
{
    static const char *const names[] = {
        "PATH", "HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS", "NETCONFPATH", "CNI_PATH"};

    sc_strv_addf(out, arena, "SC_DATA_ROOT=%s", engine->data_path);
    sc_strv_addf(out, arena, "SC_RUN_ROOT=%s", engine->run_path);
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        const char *value = getenv(names[i]);

        if (value && !strchr(value, '\n'))
            sc_strv_addf(out, arena, "%s=%s", names[i], value);
    }
}

/* What every plan has: what is started, and with which environment (in the arena). self: room for it. */
static int
plan_program(const struct sc_engine *engine, struct sc_arena *arena, char self[PATH_MAX], struct sc_restart_plan *plan,
             struct sc_err *err)
{
    struct sc_strv env = {0};

    if (sc_self_path(self, PATH_MAX, err) < 0)
        return -1;
    sc_engine_env(engine, arena, &env);
    plan->program = self;
    plan->envp = env.items;
    plan->env_count = env.count;
    return sc_arena_check(arena, err);
}

int
sc_restart_plan_write(const struct sc_engine *engine, const struct sc_container *container, int run_fd,
                      const struct sc_restarting *again, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    char self[PATH_MAX];
    struct sc_restart_plan plan = {
        .policy = container->options.restart, .count = again ? again->count : 0, .delay = again ? again->delay : 0};

    if (!container->options.restart) {
        (void)unlinkat(run_fd, SC_RESTART_FILE, 0);
        return 0;
    }
    if (plan_program(engine, &arena, self, &plan, err) < 0)
        return -1;
    sc_restart_plan_encode(&plan, &text);
    if (sc_buf_check(&text, err) < 0)
        return -1;
    return sc_file_replace_at(run_fd, SC_RESTART_FILE, text.data, text.len, 0600, SC_VOLATILE, err);
}

int
sc_restart_revive(const struct sc_engine *engine, const struct sc_container *container, int run_fd,
                  struct sc_restarting *restarting, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    char self[PATH_MAX];
    struct sc_restart_plan plan = {.policy = container->options.restart};
    sc_cleanup_fd done = -1;

    if (plan_program(engine, &arena, self, &plan, err) < 0)
        return -1;
    return sc_restart_leave(container->id, &plan, run_fd, restarting, &done, err);
}

bool
sc_restart_was_killed(int run_fd, struct sc_restarting *out)
{
    sc_cleanup_fd fd = openat(run_fd, SC_RESTARTING_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 && !is_held(fd) && read_file(fd, out);
}

void
sc_restart_plan_read(int run_fd, int *count, int64_t *delay)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    char *envp[SC_RESTART_ENV_MAX + 1];
    struct sc_restart_plan plan;
    bool is_known = sc_file_read_at(run_fd, SC_RESTART_FILE, PLAN_FILE_MAX, &text, &ignored) == 0 && text.len > 0 &&
                    sc_restart_plan_decode(text.data, envp, &plan);

    *count = is_known ? plan.count : 0;
    *delay = is_known ? plan.delay : 0;
}

/* ---- stopped by hand ------------------------------------------------------------------------------------------ */

/* Where the disk is full, the run directory has room: until the host is restarted, that is as good. */
int
sc_restart_mark_stopped(const struct sc_engine *engine, const struct sc_container *container, struct sc_err *err)
{
    struct sc_err first = SC_ERR_INIT;
    sc_cleanup_fd data = -1, run = -1, fd = -1;

    if (container->is_rm)
        return 0;
    data = sc_engine_data_dir(engine, container->id, &first);
    if (data < 0)
        return first.kind == SC_ERR_NOT_FOUND ? 0 : sc_err_set(err, first.kind, "%s", first.msg); /* it is gone */
    fd = openat(data, SC_STOPPED_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        if (container->options.restart) /* a power loss must not start it again */
            (void)fsync(data);
        return 0;
    }
    run = sc_engine_run_dir(engine, container->id, &first);
    if (run >= 0)
        fd = openat(run, SC_STOPPED_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 && container->options.restart ? sc_err_errno(err, errno, "make \"" SC_STOPPED_FILE "\"") : 0;
}

void
sc_restart_unmark_stopped(int data_fd, int run_fd)
{
    (void)unlinkat(data_fd, SC_STOPPED_FILE, 0);
    (void)unlinkat(run_fd, SC_STOPPED_FILE, 0);
}

bool
sc_restart_was_stopped(int data_fd, int run_fd)
{
    return faccessat(data_fd, SC_STOPPED_FILE, F_OK, 0) == 0 || faccessat(run_fd, SC_STOPPED_FILE, F_OK, 0) == 0;
}

bool
sc_container_starts_at_boot(const struct sc_container *c)
{
    struct sc_restart_policy policy;
    struct sc_err ignored = SC_ERR_INIT;

    if (!c->options.restart || sc_restart_policy_parse(c->options.restart, &policy, &ignored) < 0 || !c->has_run ||
        c->is_restarting || c->status == SC_STATUS_RUNNING || c->status == SC_STATUS_PAUSED)
        return false;
    return policy.kind == SC_RESTART_ALWAYS || (policy.kind == SC_RESTART_UNLESS_STOPPED && !c->was_stopped);
}

/* ---- who waits ------------------------------------------------------------------------------------------------ */

/* The file of one that waits, or starts it just now; -1: nobody does. */
static int
open_held(int run_fd, struct sc_restarting *out)
{
    sc_cleanup_fd fd = run_fd < 0 ? -1 : openat(run_fd, SC_RESTARTING_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 && is_held(fd) && read_file(fd, out) ? sc_steal_fd(&fd) : -1;
}

bool
sc_restarting_read(int run_fd, struct sc_restarting *out)
{
    sc_cleanup_fd fd = open_held(run_fd, out);

    return fd >= 0;
}

/* That it is held still, once we have a descriptor of the process, says that its number had not become another's. */
static int
end_waiter(int fd, const struct sc_restarting *restarting, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd pidfd = sc_pidfd_open(restarting->pid, 0, &ignored);

    if (pidfd < 0 || !is_held(fd))
        return 0;
    if (sc_pidfd_kill(pidfd, SIGKILL, err) < 0)
        return -1;
    return sc_pidfd_wait(pidfd, DIE_MS) ? 0 : sc_err_set(err, SC_ERR_BUSY, "process %d does not die", restarting->pid);
}

int
sc_restart_cancel(int run_fd, struct sc_err *err)
{
    struct sc_restarting restarting;
    sc_cleanup_fd fd = open_held(run_fd, &restarting);

    if (fd >= 0 && end_waiter(fd, &restarting, err) < 0)
        return -1;
    (void)unlinkat(run_fd, SC_RESTARTING_FILE, 0);
    return 0;
}

int
sc_restart_settle(struct sc_engine *engine, const char *id, bool *was_cancelled, struct sc_err *err)
{
    int64_t until = sc_time_monotonic() + (int64_t)SETTLE_MS * 1000000;
    struct sc_err gone = SC_ERR_INIT;
    sc_cleanup_fd run = sc_engine_run_dir(engine, id, &gone);
    struct sc_restarting restarting;

    *was_cancelled = false;
    while (sc_restarting_read(run, &restarting)) {
        struct sc_err busy = SC_ERR_INIT;
        sc_cleanup_arena arena = SC_ARENA_INIT;
        sc_cleanup_fd lock = sc_engine_lock(engine, id, 0, &busy);
        struct sc_state state = {0};

        if (lock >= 0) {
            *was_cancelled = true;
            return sc_restart_cancel(run, err);
        }
        if (busy.kind != SC_ERR_BUSY) {
            *err = busy;
            return -1;
        }
        if (sc_state_read(run, &arena, &state, &busy) == 0 && sc_state_has_program(&state))
            return 0; /* it runs */
        if (sc_time_monotonic() >= until) {
            *err = busy;
            return -1;
        }
        (void)poll(NULL, 0, RETRY_MS);
    }
    return 0;
}

static enum sc_restart_kind
policy_of(const struct sc_container *container)
{
    struct sc_restart_policy policy = {.kind = SC_RESTART_NO};
    struct sc_err ignored = SC_ERR_INIT;

    if (container->options.restart)
        (void)!sc_restart_policy_parse(container->options.restart, &policy, &ignored);
    return policy.kind;
}

bool
sc_restart_minds_signals(const struct sc_container *container)
{
    return policy_of(container) == SC_RESTART_UNLESS_STOPPED;
}

int
sc_restart_check(const struct sc_container *container, int data_fd, int run_fd, struct sc_err *err)
{
    struct sc_restarting restarting;

    if (!sc_restarting_read(run_fd, &restarting) || restarting.pid != getpid())
        return sc_err_set(err, SC_ERR_BUSY, "its restart was taken back");
    if (policy_of(container) != SC_RESTART_NO && !sc_restart_was_stopped(data_fd, run_fd))
        return 0;
    (void)unlinkat(run_fd, SC_RESTARTING_FILE, 0);
    return sc_err_set(err, SC_ERR_BUSY, "it is not to be started again");
}

int
sc_engine_start_again(struct sc_engine *engine, const char *id, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container container = SC_CONTAINER_INIT;
    struct sc_restarting again;
    struct sc_start_options how = {.client_flags = -1, .again = &again};
    sc_cleanup_fd run = -1;

    if (!sc_engine_is_id(id))
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": it is started by sc-monitor, not by hand", id);
    run = sc_engine_run_dir(engine, id, err);
    if (run < 0 || sc_engine_load(engine, id, &arena, &container, err) < 0)
        return -1;
    if (!sc_restarting_read(run, &again))
        return sc_err_set(err, SC_ERR_BUSY, "restart container \"%s\": it was taken back", container.name);
    return sc_engine_start(engine, &container, &how, NULL, err);
}
