/* The new process: one loop over prepared steps. [child] throughout: no allocation, no stdio, no locks. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/launch-priv.h"

sc_child_fn
sc_child_executor(enum sc_op op)
{
    sc_child_fn fn = sc_child_mount_executor(op);

    fn = fn != NULL ? fn : sc_child_process_executor(op);
    return fn != NULL ? fn : sc_child_schedule_executor(op);
}

static int64_t
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* fds 0, 1, 2 of the program; a terminal replaces them later */
static int
set_stdio(const struct sc_launch *how)
{
    const int given[3] = {how->in, how->out, how->err_fd};
    int fds[3], null_fd = -1;

    /* first out of the way of 0, 1, 2, which may be among them */
    for (int i = 0; i < 3; i++) {
        /* lint: a path of the host, never a container's */
        if (given[i] < 0 && null_fd < 0 && (null_fd = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
            return -errno;
        fds[i] = fcntl(given[i] >= 0 ? given[i] : null_fd, F_DUPFD_CLOEXEC, 3);
        if (fds[i] < 0)
            return -errno;
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(fds[i], i) < 0)
            return -errno;
        close(fds[i]);
    }
    return 0;
}

/* _exit(2), of which glibc's goes round for ever where a seccomp profile forbids exit_group: what is forbidden to no
 * profile is to fault. Only then: a process 1 that is traced outlives its faults. */
static _Noreturn void
end(void)
{
    (void)syscall(SYS_exit_group, 127);
    __builtin_trap();
}

static _Noreturn void
fail(struct sc_executor *x, int step, int errnum)
{
    const struct sc_child_msg msg = {.type = SC_CHILD_FAILED,
                                     .step = step,
                                     .op = step >= 0 ? (int32_t)x->plan->child.items[step].op : -1,
                                     .errnum = errnum,
                                     .hook = x->hook,
                                     .hook_status = x->hook_status};
    char byte;

    /* The launcher is gone, or a seccomp profile forbids write(2): it would wait for us as we for it. */
    if (sc_child_send(x->sock, &msg, x->hook_output > 0 ? x->hook_output : -1) < 0)
        end();
    /* the launcher looks at the root through /proc/PID/root, then closes its end */
    ssize_t len;
    do /* what was on its way to a later step is passed over */
        len = recv(x->sock, &byte, 1, 0);
    while (len > 0 || (len < 0 && errno == EINTR));
    end();
}

/* Its pid as procfs, which is the launcher's, has it: inside it is 1. */
static pid_t
own_pid(const struct sc_executor *x)
{
    char text[SC_NUM_MAX];
    ssize_t len = readlinkat(x->slots[SC_SLOT_PROC], "self", text, sizeof(text));
    pid_t pid = 0;

    for (ssize_t i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++)
        pid = pid * 10 + (text[i] - '0');
    return pid;
}

_Noreturn void
sc_child_main(struct sc_executor *x)
{
    const struct sc_steps *steps = &x->plan->child;
    int result;

    sc_signals_reset();
    umask(0);
    if (x->how->state_json != NULL)
        x->pid = own_pid(x);
    if ((result = set_stdio(x->how)) < 0)
        fail(x, -1, -result);
    for (size_t i = 0; i < steps->count; i++) {
        int64_t before = x->times != NULL ? now() : 0;

        if (x->times != NULL)
            x->times[i] = -2; /* begun: execve does not come back to say how long it took */
        result = sc_child_executor(steps->items[i].op)(x, &steps->items[i]);
        if (result < 0)
            fail(x, (int)i, -result);
        if (x->times != NULL)
            x->times[i] = now() - before;
    }
    _exit(127);
}
