/* Who waits to start a container again (restart.h): left by its monitor, or by a command that finds that one killed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "monitor/restart.h"

#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)

static void
leave_caller(void)
{
    sc_cleanup_fd null_fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* lint: the host's own */

    (void)setsid();
    (void)prctl(PR_SET_NAME, "sc-restart");
    for (int i = 0; null_fd >= 0 && i <= 2; i++)
        (void)dup2(null_fd, i);
}

/* [child] Until the end of its maker's work (which closes the pipe), and then until the time has come. */
static _Noreturn void
wait_and_start(const char *id, const struct sc_restart_plan *plan, int64_t until, int held, int done)
{
    char fd[16], verb[] = "__restart";
    char *argv[] = {plan->program, verb, (char *)(uintptr_t)id, fd, NULL};
    const struct timespec moment = {.tv_sec = until / NS_PER_SEC, .tv_nsec = until % NS_PER_SEC};
    int keep[] = {held, done};
    ssize_t got;
    char byte;

    sc_fds_close_but(3, keep, SC_ARRAY_LEN(keep));
    leave_caller();
    do
        got = read(done, &byte, 1);
    while (got < 0 && errno == EINTR);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, NULL) == EINTR)
        ;
    (void)snprintf(fd, sizeof(fd), "%d", held);
    (void)sc_fd_cloexec(held, false);
    (void)close(done);
    (void)execve(plan->program, argv, plan->envp);
    _exit(127);
}

/* A new file: who has begun the last run may hold the old one still. */
static int
make_file(int run_dir, struct sc_err *err)
{
    sc_cleanup_fd fd = -1;

    (void)unlinkat(run_dir, SC_RESTARTING_FILE, 0);
    fd = openat(run_dir, SC_RESTARTING_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    /* who asks whether it is held has it for a moment */
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return sc_err_errno(err, errno, "make \"" SC_RESTARTING_FILE "\"");
    return sc_steal_fd(&fd);
}

static int
leave(const char *id, const struct sc_restart_plan *plan, int held, struct sc_restarting *restarting, int *done,
      struct sc_err *err)
{
    int64_t until = sc_time_monotonic() + restarting->delay * NS_PER_MS;
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_fd ours = -1, theirs = -1;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return sc_err_errno(err, errno, "make a pipe");
    theirs = ends[0];
    ours = ends[1];
    restarting->pid = fork();
    if (restarting->pid < 0)
        return sc_err_errno(err, errno, "fork");
    if (restarting->pid == 0)
        wait_and_start(id, plan, until, held, theirs);
    sc_restarting_encode(restarting, &text);
    /* Whom the file does not name starts nothing. */
    if (sc_buf_check(&text, err) < 0 || sc_io_write_all(held, text.data, text.len, err) < 0)
        return sc_err_wrap(err, "write \"" SC_RESTARTING_FILE "\"");
    *done = sc_steal_fd(&ours);
    return 0;
}

int
sc_restart_leave(const char *id, const struct sc_restart_plan *plan, int run_dir, struct sc_restarting *restarting,
                 int *done, struct sc_err *err)
{
    sc_cleanup_fd held = make_file(run_dir, err);

    *done = -1;
    if (held < 0)
        return -1;
    if (leave(id, plan, held, restarting, done, err) == 0)
        return 0;
    (void)unlinkat(run_dir, SC_RESTARTING_FILE, 0);
    return -1;
}
