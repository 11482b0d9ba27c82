/* The monitor's part in a restart (restart.h): to decide. */
#include <fcntl.h>
#include <unistd.h>

#include "monitor/monitor-priv.h"
#include "monitor/restart.h"

#define PLAN_FILE_MAX ((size_t)1 << 20)

static bool
was_stopped(const struct sc_monitor *monitor, int run_dir)
{
    struct sc_err ignored = SC_ERR_INIT;
    /* lint: the engine's own directory */
    sc_cleanup_fd data_dir = sc_dir_open_at(AT_FDCWD, monitor->config.data_dir, &ignored);

    return faccessat(run_dir, SC_STOPPED_FILE, F_OK, 0) == 0 ||
           (data_dir >= 0 && faccessat(data_dir, SC_STOPPED_FILE, F_OK, 0) == 0);
}

/* For the next command that looks at it, as if who waits had been killed. False: not even that could be written. */
static bool
owe(int run_dir, struct sc_restarting *next)
{
    sc_cleanup_fd fd = openat(run_dir, SC_RESTARTING_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;

    next->pid = getpid();
    sc_restarting_encode(next, &text);
    if (fd < 0)
        return false;
    if (!text.has_failed && sc_io_write_all(fd, text.data, text.len, &ignored) == 0)
        return true;
    (void)unlinkat(run_dir, SC_RESTARTING_FILE, 0);
    return false;
}

/* As sc_restart_decide; *done stays -1 where it is not started again. *is_lost: nor can the next command see to it. */
static int
decide(const struct sc_monitor *monitor, int run_dir, struct sc_exit *record, int *done, bool *is_lost,
       struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    char *envp[SC_RESTART_ENV_MAX + 1];
    struct sc_restart_plan plan;
    struct sc_restart_policy policy;
    struct sc_restarting next;

    if (sc_file_read_at(run_dir, SC_RESTART_FILE, PLAN_FILE_MAX, &text, err) < 0)
        return -1;
    if (text.len == 0 || !sc_restart_plan_decode(text.data, envp, &plan))
        return sc_err_set(err, SC_ERR_INVALID, "\"" SC_RESTART_FILE "\" is not what sc has written");
    if (sc_restart_policy_parse(plan.policy, &policy, err) < 0)
        return -1;
    record->restart_count = plan.count;
    (void)unlinkat(run_dir, SC_RESTARTING_FILE, 0); /* of the restart that began this run */
    if (!sc_restart_is_due(&policy, record->code, plan.count) || was_stopped(monitor, run_dir))
        return 0;
    next = (struct sc_restarting){.count = plan.count + 1,
                                  .delay = sc_restart_delay(plan.delay, record->finished_at - monitor->started_at),
                                  .code = record->code,
                                  .finished_at = record->finished_at};
    record->restart_count = next.count;
    if (sc_restart_leave(monitor->config.id, &plan, run_dir, &next, done, err) == 0)
        return 0;
    *is_lost = !owe(run_dir, &next);
    if (*is_lost)
        record->restart_count = plan.count;
    return -1;
}

int
sc_restart_decide(const struct sc_monitor *monitor, struct sc_exit *record, struct sc_buf *why)
{
    struct sc_err err = SC_ERR_INIT;
    /* lint: the engine's own directory */
    sc_cleanup_fd run_dir = sc_dir_open_at(AT_FDCWD, monitor->config.run_dir, &err);
    bool is_lost = false;
    int done = -1;

    if (run_dir >= 0 && faccessat(run_dir, SC_RESTART_FILE, F_OK, 0) < 0) /* no policy */
        return -1;
    if (run_dir >= 0 && decide(monitor, run_dir, record, &done, &is_lost, &err) == 0)
        return done;
    sc_monitor_complain(monitor, &err);
    if (is_lost)
        sc_buf_adds(why, err.msg);
    return done;
}
