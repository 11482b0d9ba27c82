#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define SPAWN_STACK 32768

struct spawn {
    const char *const *argv;
    const char *const *envp;
    int stdio[3];
    volatile int errnum; /* written by the child, which shares our memory */
};

/* Runs in the child, in the parent's memory: system calls only. Returning ends the child. */
/* It shares our stack and ends in execve: what ASan poisoned here would stay poisoned. */
__attribute__((no_sanitize("address"))) static int
spawn_child(void *data)
{
    struct spawn *spawn = data;
    int high[3];

    /* execve(2) resets handlers but keeps what is ignored or blocked; the program must not notice ours. */
    sc_signals_reset();

    /* First out of the way of 0..2, as the three may be each other's numbers. */
    for (int i = 0; i < 3; i++) {
        high[i] = fcntl(spawn->stdio[i], F_DUPFD, 3);
        if (high[i] < 0)
            goto fail;
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(high[i], i) < 0)
            goto fail;
    }
    if (sc_fds_close(-1, 3, ~0U) < 0)
        goto fail;
    (void)execve(spawn->argv[0], (char *const *)spawn->argv, (char *const *)spawn->envp);
fail:
    spawn->errnum = errno;
    return 127;
}

static pid_t
spawn_start(struct spawn *spawn)
{
    _Alignas(16) char stack[SPAWN_STACK];
    sigset_t all, old;
    pid_t pid;
    int saved;

    /* A handler run in the child would change the parent's memory. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &old);
    /* As vfork(2): no copy of the page tables, and we wait until it has left our memory. */
    pid = clone(spawn_child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, spawn);
    saved = errno;
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    errno = saved;
    return pid;
}

/* Waits at most `seconds` for the child to end, 0: for ever; whoever has not ended then is killed. Without
 * pidfd_open(2), before Linux 5.3, there is no limit. */
static bool
has_ended(pid_t pid, int seconds)
{
    sc_cleanup_fd fd = seconds > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    struct pollfd end = {.fd = fd, .events = POLLIN};
    struct timespec now;
    int64_t until, left = (int64_t)seconds * 1000;
    int count;

    if (fd < 0)
        return true;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    until = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + left;
    do {
        count = poll(&end, 1, (int)left);
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        left = until - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    } while (count < 0 && errno == EINTR && left > 0);
    if (count > 0)
        return true;
    (void)kill(pid, SIGKILL); /* ours, and not waited for yet: nobody else has this number */
    return false;
}

int
sc_spawn_wait(const char *const argv[], const char *const envp[], int in, int out, int err_fd, int *status,
              struct sc_err *err)
{
    return sc_spawn_wait_for(argv, envp, in, out, err_fd, 0, status, err);
}

int
sc_spawn_wait_for(const char *const argv[], const char *const envp[], int in, int out, int err_fd, int seconds,
                  int *status, struct sc_err *err)
{
    struct spawn spawn = {.argv = argv, .envp = envp, .stdio = {in, out, err_fd}};
    sc_cleanup_fd null_fd = -1;
    bool in_time;
    int result = 0;
    pid_t pid;

    for (size_t i = 0; i < SC_ARRAY_LEN(spawn.stdio); i++) {
        if (spawn.stdio[i] >= 0)
            continue;
        if (null_fd < 0)
            null_fd = openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (null_fd < 0)
            return sc_err_errno(err, errno, "run \"%s\": open \"/dev/null\"", argv[0]);
        spawn.stdio[i] = null_fd;
    }
    pid = spawn_start(&spawn);
    if (pid < 0)
        return sc_err_errno(err, errno, "run \"%s\": fork", argv[0]);
    in_time = has_ended(pid, seconds);
    while (waitpid(pid, &result, 0) < 0) {
        if (errno != EINTR)
            return sc_err_errno(err, errno, "run \"%s\": wait for it", argv[0]);
    }
    if (spawn.errnum)
        return sc_err_errno(err, spawn.errnum, "run \"%s\"", argv[0]);
    if (!in_time)
        return sc_err_set(err, SC_ERR_BUSY, "run \"%s\": has not ended within %d seconds", argv[0], seconds);
    *status = result;
    return 0;
}
