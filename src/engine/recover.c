/* Repairs what a killed command, a killed monitor or a reboot has left. Called with the container's lock held, so
 * nobody else is at it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define UNDO_FILE_MAX (1U << 20)
#define DIE_MS        10000

/* What the run directory tells of the last start. */
struct remains {
    bool has_undo, has_state, is_this_boot, was_unsaid /* how it ended */;
    int restart_count;
    int64_t restart_delay;
};

static bool
exists(int dir_fd, const char *name)
{
    return dir_fd >= 0 && faccessat(dir_fd, name, F_OK, 0) == 0;
}

/* Init without its monitor is dying (PDEATHSIG); make sure and wait, also where no cgroup does it. */
static int
kill_init(const struct sc_state *state, struct sc_err *err)
{
    struct sc_err gone = SC_ERR_INIT;
    sc_cleanup_fd pidfd = -1;

    if (sc_state_status(state) == SC_STATUS_STOPPED)
        return 0;
    pidfd = sc_pidfd_open(state->pid, state->start_time, &gone);
    if (pidfd < 0)
        return 0;
    if (sc_pidfd_kill(pidfd, SIGKILL, err) < 0)
        return -1;
    return sc_pidfd_wait(pidfd, DIE_MS) ? 0 : sc_err_set(err, SC_ERR_BUSY, "process %d does not die", (int)state->pid);
}

/* Takes the host's steps back as far as they were recorded. */
static int
undo_run_dir(const struct sc_engine *engine, int run_fd, struct remains *remains, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf undo = SC_BUF_INIT;
    struct sc_state state = {0};
    struct sc_err ignored = SC_ERR_INIT;
    char boot_id[40] = "";

    remains->has_undo = exists(run_fd, "undo");
    remains->has_state = exists(run_fd, "state.json");
    sc_restart_plan_read(run_fd, &remains->restart_count, &remains->restart_delay);
    if (remains->has_state && sc_state_read(run_fd, &arena, &state, &ignored) == 0) {
        remains->is_this_boot = sc_boot_id(boot_id, &ignored) == 0 && sc_str_eq(boot_id, state.boot_id);
        /* A frozen process takes SIGKILL on cgroup v1 only when it is thawed: undo's cgroup-kill knows how. */
        if (!remains->has_undo && remains->is_this_boot && kill_init(&state, err) < 0)
            return -1;
    }
    if (remains->has_undo) {
        if (sc_file_read_at(run_fd, "undo", UNDO_FILE_MAX, &undo, err) < 0 ||
            sc_engine_undo(engine, sc_buf_str(&undo), err) < 0)
            return -1;
        if (remains->has_state && remains->is_this_boot && kill_init(&state, err) < 0)
            return -1;
    }
    return 0;
}

/* After this the run directory says no more than that nothing runs. */
static void
clear_run_dir(int run_fd)
{
    static const char *const names[] = {"monitor.sock", "state.json", "undo", "committing", SC_RESTART_FILE};

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++)
        (void)unlinkat(run_fd, names[i], 0);
}

/* What ended the last start, as far as what is left tells it. */
static int
write_truth_in(int dir_fd, const struct remains *remains, bool was_started, enum sc_durability durability,
               struct sc_err *err)
{
    if (remains->has_state && remains->is_this_boot)
        return sc_engine_exit_write(dir_fd, SC_CODE_KILLED, SIGKILL,
                                    "its monitor (sc-monitor) was killed, and it with it", false,
                                    remains->restart_count, durability, err);
    if (remains->has_undo && !remains->has_state)
        return sc_engine_exit_write(dir_fd, SC_CODE_ENGINE, 0, "the start was interrupted", true, 0, durability, err);
    if (remains->has_state || was_started)
        return sc_engine_exit_write(dir_fd, SC_CODE_REBOOT, 0, "the host was restarted while it ran", false, 0,
                                    durability, err);
    return 0;
}

/* On a full disk the truth lies in the run directory, as the monitor's does: there must be a way to `sc rm`. */
static int
write_truth(int data_fd, int run_fd, const struct remains *remains, enum sc_durability durability, struct sc_err *err)
{
    bool was_started = exists(data_fd, "config.json");
    struct sc_err second = SC_ERR_INIT;

    if (exists(data_fd, "exit.json") || exists(run_fd, "exit.json"))
        return 0;
    if (write_truth_in(data_fd, remains, was_started, durability, err) == 0)
        return 0;
    if (write_truth_in(run_fd, remains, was_started, SC_VOLATILE, &second) < 0)
        return -1;
    sc_err_clear(err);
    return 0;
}

/* What its monitor would have done, or who waited in its stead, had it not been killed. */
static void
revive(const struct sc_engine *engine, const struct sc_container *container, int data_fd, int run_fd,
       const struct remains *remains)
{
    struct sc_err ignored = SC_ERR_INIT; /* it stays down, as its state says */
    struct sc_restarting now = {.count = remains->restart_count + 1,
                                .delay = sc_restart_delay(remains->restart_delay, 0),
                                .code = SC_CODE_KILLED,
                                .finished_at = sc_time_now()};
    struct sc_restarting other;
    struct sc_restart_policy policy;
    bool was_running = remains->has_state && remains->is_this_boot && remains->was_unsaid;

    /* somebody may wait already: its monitor was killed after it had decided */
    if (sc_restart_was_stopped(data_fd, run_fd) || sc_restarting_read(run_fd, &other) ||
        sc_restart_policy_parse(container->options.restart, &policy, &ignored) < 0 || policy.kind == SC_RESTART_NO ||
        (was_running && !sc_restart_is_due(&policy, now.code, remains->restart_count)))
        return;
    if (was_running || sc_restart_was_killed(run_fd, &now))
        (void)!sc_restart_revive(engine, container, run_fd, &now, &ignored);
}

int
sc_engine_recover(struct sc_engine *engine, const char *id, bool revives, bool *is_gone, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container container = SC_CONTAINER_INIT;
    struct remains remains = {.has_undo = false};
    struct sc_err record_err = SC_ERR_INIT, ignored = SC_ERR_INIT;
    sc_cleanup_fd run = sc_engine_run_dir(engine, id, err), data = -1;
    bool has_run;

    *is_gone = false;
    if (run < 0 || undo_run_dir(engine, run, &remains, err) < 0)
        return -1;
    if (!remains.has_undo)
        sc_helper_recover(engine, id);
    if (sc_record_read(engine, id, &arena, &container, &record_err) < 0) {
        /* A damaged record is the user's to look at; a missing one means that creation or removal was cut short. */
        if (record_err.errnum != ENOENT) {
            *err = record_err;
            return -1;
        }
        *is_gone = true;
        return sc_engine_remove_all(engine, id, NULL, true, err);
    }
    data = sc_engine_data_dir(engine, id, &ignored);
    has_run = remains.has_undo || remains.has_state || exists(data, "exit.json") || exists(data, "config.json");
    if (remains.has_state && remains.is_this_boot && !exists(data, "exit.json") && !exists(run, "exit.json"))
        sc_engine_event(engine, &container, "die", "\"exitCode\":\"137\"");
    if (container.is_rm && (has_run || container.options.starts_now)) {
        *is_gone = true;
        if (sc_engine_remove_all(engine, id, &container, true, err) < 0)
            return -1;
        sc_engine_event(engine, &container, "destroy", NULL);
        return 0;
    }
    remains.was_unsaid = !exists(data, "exit.json") && !exists(run, "exit.json");
    if (write_truth(data, run, &remains, sc_record_durability(&container), err) < 0)
        return -1;
    if (revives && container.options.restart)
        revive(engine, &container, data, run, &remains);
    clear_run_dir(run);
    return 0;
}
