/* A container as it is now: what its record says, and what the kernel says of it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define ENDING_MS 2000 /* for a monitor to say how its container ended, before that is taken for running */
#define RETRY_MS  2

/* What a look at the files finds to do. */
struct todo {
    bool recover;
    bool await_end; /* the program is dead, and nothing says yet how it ended: it was this one */
    pid_t pid;
    int64_t started_at;
};

const char *
sc_container_state(const struct sc_container *c)
{
    switch (c->status) {
    case SC_STATUS_RUNNING:
        return "running";
    case SC_STATUS_PAUSED:
        return "paused";
    case SC_STATUS_STOPPED:
        return c->is_restarting ? "restarting" : "exited";
    default:
        return "created";
    }
}

void
sc_container_release(struct sc_container *container)
{
    sc_closep(&container->lock_fd);
}

/* config.json is written at each start that is to be remembered: its time is the start's. */
static int64_t
config_time(int data_fd)
{
    struct stat st;

    if (fstatat(data_fd, "config.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

/* Looks at the state file. True: the kernel says that it lives. */
static bool
load_running(const struct sc_engine *engine, struct sc_arena *arena, struct sc_container *out, struct todo *todo)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd run = sc_engine_run_dir(engine, out->id, &ignored);
    struct sc_state state = {0};
    enum sc_status status;
    int64_t delay;

    *todo = (struct todo){.recover = false};
    if (run < 0)
        return false;
    if (faccessat(run, "undo", F_OK, 0) == 0)
        todo->recover = true;
    if (faccessat(run, "state.json", F_OK, 0) < 0)
        return false;
    if (sc_state_read(run, arena, &state, &ignored) < 0) {
        todo->recover = true;
        return false;
    }
    status = sc_state_status(&state);
    if (status != SC_STATUS_RUNNING && status != SC_STATUS_PAUSED && status != SC_STATUS_CREATED) {
        *todo = (struct todo){.recover = true, .await_end = true, .pid = state.pid, .started_at = state.created_at};
        return false;
    }
    /* Its monitor holds the lock. Without one it is dying: PDEATHSIG has been sent. */
    if (!sc_engine_is_locked(engine, out->id)) {
        todo->recover = true;
        return false;
    }
    todo->recover = false;
    if (status == SC_STATUS_PAUSED && sc_hold_end(run, &state))
        status = SC_STATUS_RUNNING;
    out->status = status == SC_STATUS_PAUSED ? SC_STATUS_PAUSED : SC_STATUS_RUNNING;
    out->pid = state.pid;
    out->started_at = state.created_at;
    if (out->options.restart)
        sc_restart_plan_read(run, &out->restart_count, &delay);
    sc_health_load(run, arena, out);
    return true;
}

/* What there is to be known where it has a policy. It may be about to run: then its exit.json is gone already. */
static void
load_restarts(int data_fd, int run_fd, struct sc_container *out, struct todo *todo)
{
    struct sc_restarting restarting;

    out->was_stopped = sc_restart_was_stopped(data_fd, run_fd);
    out->has_run = config_time(data_fd) > 0;
    if (!sc_restarting_read(run_fd, &restarting)) {
        todo->recover = todo->recover || sc_restart_was_killed(run_fd, &restarting);
        return;
    }
    out->is_restarting = true;
    out->status = SC_STATUS_STOPPED;
    out->exit.code = restarting.code;
    out->exit.finished_at = out->finished_at = restarting.finished_at;
    out->restart_count = restarting.count;
    out->started_at = config_time(data_fd);
    todo->await_end = false;
}

/* What is on disk, without repairing anything. */
static int
load_once(const struct sc_engine *engine, const char *id, struct sc_arena *arena, struct sc_container *out,
          struct todo *todo, struct sc_err *err)
{
    sc_cleanup_fd data = -1, run = -1;
    struct sc_err absent = SC_ERR_INIT;
    bool has_ended = false;

    if (sc_record_read(engine, id, arena, out, err) < 0)
        return -1;
    out->status = SC_STATUS_CREATED;
    if (load_running(engine, arena, out, todo))
        return 0;
    data = sc_engine_data_dir(engine, id, err);
    if (data < 0)
        return -1;
    run = faccessat(data, "exit.json", F_OK, 0) < 0 ? sc_engine_run_dir(engine, id, &absent) : -1;
    if (sc_exit_load(run >= 0 && faccessat(run, "exit.json", F_OK, 0) == 0 ? run : data, arena, out, &has_ended, err) <
        0)
        return -1;
    if (out->status == SC_STATUS_STOPPED)
        out->started_at = config_time(data);
    if (has_ended)
        todo->await_end = false;
    if (has_ended ? out->is_rm : (config_time(data) > 0 || (out->is_rm && out->options.starts_now)))
        todo->recover = true;
    if (out->options.restart) {
        sc_closep(&run);
        run = sc_engine_run_dir(engine, id, &absent);
        load_restarts(data, run, out, todo);
    }
    sc_health_load(-1, arena, out);
    return 0;
}

/* Whether anything of the container is left to repair: taking its lock would make its run directory anew. */
static bool
has_remains(const struct sc_engine *engine, const char *id)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd data = sc_engine_data_dir(engine, id, &ignored), run = -1;

    sc_err_clear(&ignored);
    run = data < 0 ? sc_engine_run_dir(engine, id, &ignored) : -1;
    return data >= 0 || run >= 0;
}

/* One look, and a repair where nobody else is at it. */
static int
load_repaired(struct sc_engine *engine, const char *id, struct sc_arena *arena, struct sc_container *out,
              struct todo *todo, struct sc_err *err)
{
    struct sc_err first = SC_ERR_INIT, lock_err = SC_ERR_INIT;
    bool is_gone = false;
    sc_cleanup_fd lock = -1;
    int result = load_once(engine, id, arena, out, todo, &first);

    if (result == 0 && !todo->recover)
        return 0;
    if (result < 0 && first.errnum != ENOENT) {
        *err = first;
        return -1;
    }
    if (result < 0 && !has_remains(engine, id))
        return sc_err_set(err, SC_ERR_NOT_FOUND, "no such container: \"%.12s\"", id);
    lock = sc_engine_lock(engine, id, 0, &lock_err);
    if (lock < 0) {
        /* Somebody is at it just now: starting, stopping or removing it. */
        if (result == 0 && lock_err.kind == SC_ERR_BUSY)
            return 0;
        *err = result < 0 ? first : lock_err;
        return -1;
    }
    if (sc_engine_recover(engine, id, true, &is_gone, err) < 0)
        return sc_err_wrap(err, "recover container %.12s", id);
    if (is_gone)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "no such container: \"%.12s\"", id);
    sc_closep(&lock);
    return load_once(engine, id, arena, out, todo, err);
}

int
sc_engine_load(struct sc_engine *engine, const char *id, struct sc_arena *arena, struct sc_container *out,
               struct sc_err *err)
{
    int64_t until = sc_time_monotonic() + (int64_t)ENDING_MS * 1000000;
    struct todo todo;

    for (;;) {
        if (load_repaired(engine, id, arena, out, &todo, err) < 0)
            return -1;
        if (!todo.await_end)
            return 0;
        if (sc_time_monotonic() >= until)
            break;
        (void)poll(NULL, 0, RETRY_MS);
    }
    /* Its monitor lives and has not got so far: until it has, the container runs. */
    out->status = SC_STATUS_RUNNING;
    out->pid = todo.pid;
    out->started_at = todo.started_at;
    return 0;
}

int
sc_engine_not_running(const struct sc_container *container, struct sc_err *err)
{
    if (container->is_restarting)
        return sc_err_set(err, SC_ERR_BUSY, "container \"%s\" is restarting, wait until the container is running",
                          container->name);
    sc_err_set(err, SC_ERR_BUSY, "container \"%s\" is not running", container->name);
    return sc_err_remedy(err, "start it with: sc start %s", container->name);
}

int
sc_engine_running_state(const struct sc_engine *engine, const struct sc_container *container, struct sc_arena *arena,
                        struct sc_state *out, struct sc_err *err)
{
    struct sc_err state_err = SC_ERR_INIT;
    sc_cleanup_fd run = sc_engine_run_dir(engine, container->id, &state_err);

    if (run < 0 || sc_state_read(run, arena, out, &state_err) < 0) {
        if (state_err.errnum == ENOENT)
            return sc_engine_not_running(container, err);
        *err = state_err;
        return -1;
    }
    return sc_state_has_program(out) ? 0 : sc_engine_not_running(container, err);
}
