/* Hooks (config.md, "POSIX-platform Hooks"): fork and execve with exactly the environment that is given, and the state
 * on standard input. Where none is given, hooks outside get the runtime's own, and those inside the program's, as with
 * runc. What they write is kept apart from the container's own output. [child] but for sc_hooks_run. */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/launch-priv.h"

extern char **environ;

#define OUTPUT_MAX  512 /* of what a failed hook wrote, for the message */
#define WAIT_NSEC   10000000
#define EXEC_FAILED 127

/* A hook as it runs, and how it ended. */
struct hook_run {
    const struct sc_oci_hook *hook;
    const char *dir, *state_json;
    pid_t pid;        /* to be said in the state, or 0 */
    char *const *env; /* where the config gives none */
    int output_fd;    /* standard output and error, or -1: the runtime's own */
    int status;       /* of waitpid(2) */
    bool is_inside;   /* its program is the container's */
};

static _Noreturn void
hook_main(const struct hook_run *run, int in)
{
    const struct sc_oci_hook *hook = run->hook;
    char *const no_args[] = {hook->path, NULL};

    if (dup2(in, 0) < 0 || (run->output_fd >= 0 && (dup2(run->output_fd, 1) < 0 || dup2(run->output_fd, 2) < 0)))
        _exit(EXEC_FAILED);
    /* lint: the bundle, as the caller named it */
    if (run->dir != NULL && chdir(run->dir) < 0)
        _exit(EXEC_FAILED);
    if (sc_fds_close(-1, 3, ~0U) < 0)
        _exit(EXEC_FAILED);
    execve(hook->path, hook->args.count > 0 ? hook->args.items : no_args,
           hook->env.count > 0 ? hook->env.items : run->env);
    dprintf(2, "%s: %s", hook->path, strerror(errno));
    _exit(EXEC_FAILED);
}

/* Waits for the process to end, at most so long; false when it did not. A seccomp filter may be loaded already, and
 * know no pidfd_open: then it is looked at now and then. */
static bool
wait_until(pid_t pid, int64_t seconds)
{
    struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    int64_t looks = seconds * (1000000000 / WAIT_NSEC);
    int ready;

    if (p.fd >= 0) {
        do
            ready = poll(&p, 1, seconds > INT32_MAX / 1000 ? -1 : (int)(seconds * 1000));
        while (ready < 0 && errno == EINTR);
        close(p.fd);
        return ready > 0;
    }
    for (siginfo_t info = {.si_pid = 0}; looks >= 0; looks--) {
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0 || info.si_pid == pid)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = WAIT_NSEC}, NULL);
    }
    return false;
}

static int
wait_hook(struct hook_run *run, pid_t pid)
{
    const struct sc_opt_i64 *timeout = &run->hook->timeout;
    bool is_late = timeout->is_set && !wait_until(pid, timeout->value);

    if (is_late)
        kill(pid, SIGKILL);
    while (waitpid(pid, &run->status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    if (is_late)
        return -ETIMEDOUT;
    return WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0 ? 0 : -ECANCELED;
}

/* A hook that does not read its standard input is its own business. */
static void
tell_state(const struct hook_run *run, int in)
{
    char number[SC_NUM_MAX]; /* the state without a pid, an object, gets one in front */
    size_t len = run->state_json != NULL ? strlen(run->state_json) : 0;

    if (len > 0 && run->pid > 0) {
        const char *pid_text = sc_child_number(run->pid, number);
        struct iovec parts[] = {{(void *)"{\"pid\":", strlen("{\"pid\":")},
                                {(void *)pid_text, strlen(pid_text)},
                                {(void *)",", 1},
                                {(void *)(run->state_json + 1), len - 1}};
        const struct msghdr msg = {.msg_iov = parts, .msg_iovlen = SC_ARRAY_LEN(parts)};

        (void)!sendmsg(in, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else if (len > 0) {
        (void)!send(in, run->state_json, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

/* Its pid, or -errno; in: its standard input, still open. */
static pid_t
begin_hook(const struct hook_run *run, int *in)
{
    int ends[2], result;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    pid_t pid = _Fork(); /* the one that takes no locks; and no clone3, which filters refuse */
    if (pid == 0)
        hook_main(run, ends[1]);
    result = pid < 0 ? -errno : 0;
    close(ends[1]);
    *in = ends[0];
    return result < 0 ? result : pid;
}

static int
run_hook(struct hook_run *run)
{
    int in = -1;
    pid_t pid = begin_hook(run, &in);

    if (pid > 0)
        tell_state(run, in);
    if (in >= 0)
        close(in);
    return pid < 0 ? pid : wait_hook(run, pid);
}

int
sc_child_hooks(struct sc_executor *x, const struct sc_oci_hook_list *list, const char *dir, const char *state_json)
{
    const struct sc_step *exec = &x->plan->child.items[x->plan->child.count - 1];
    int result = 0;

    for (size_t i = 0; i < list->count && result == 0; i++) {
        struct hook_run run = {
            .hook = &list->items[i], .dir = dir, .state_json = state_json, .pid = x->pid, .env = exec->u.exec.envp};

        run.output_fd = memfd_create("hook", MFD_CLOEXEC);
        result = run_hook(&run);
        x->hook = (int32_t)i;
        x->hook_status = run.status;
        if (result < 0)
            x->hook_output = run.output_fd;
        else if (run.output_fd >= 0)
            close(run.output_fd);
    }
    return result;
}

/* ---- outside: with words ------------------------------------------------------------------------------------ */

/* The last line or so of what it wrote, on one line. What the container's program says reaches a terminal and a log:
 * it is ASCII. */
static void
add_output(int fd, bool is_inside, struct sc_buf *out)
{
    char text[OUTPUT_MAX + 1];
    off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    ssize_t len = size > 0 ? pread(fd, text, OUTPUT_MAX, size > OUTPUT_MAX ? size - OUTPUT_MAX : 0) : 0;

    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
        len--;
    for (ssize_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = ' ';
        else if (is_inside && (unsigned char)text[i] > 0x7f)
            text[i] = '?';
    if (len > 0)
        sc_buf_addf(out, ": %.*s", (int)len, text);
}

static void
add_signal(int signum, struct sc_buf *out)
{
    const char *name = strsignal(signum);

    sc_buf_addf(out, "signal %d: %c%s", signum, tolower((unsigned char)name[0]), name + 1);
}

/* Engines and scripts look for the words and the number that runc has for it. */
static int
explain_hook(const struct hook_run *run, const char *name, size_t index, int result, struct sc_err *err)
{
    sc_cleanup_buf how = SC_BUF_INIT;

    if (result == -ETIMEDOUT)
        sc_buf_addf(&how, "did not end within %lld s", (long long)run->hook->timeout.value);
    else if (result != -ECANCELED)
        return sc_err_errno(err, -result, "error running %s hook #%zu: \"%s\"", name, index, run->hook->path);
    else if (WIFSIGNALED(run->status))
        add_signal(WTERMSIG(run->status), &how);
    else
        sc_buf_addf(&how, "exit status %d", WEXITSTATUS(run->status));
    add_output(run->output_fd, run->is_inside, &how);
    return sc_err_set(err, SC_ERR_KERNEL, "error running %s hook #%zu: \"%s\": %s", name, index, run->hook->path,
                      sc_buf_str(&how));
}

int
sc_hook_failed(const struct sc_oci_hook_list *list, const char *name, const struct sc_child_msg *msg, int output,
               struct sc_err *err)
{
    struct hook_run run = {.output_fd = output, .status = msg->hook_status, .is_inside = true};

    if (msg->hook < 0 || (size_t)msg->hook >= list->count)
        return sc_err_errno(err, msg->errnum, "run %s hooks", name);
    run.hook = &list->items[msg->hook];
    return explain_hook(&run, name, (size_t)msg->hook, -msg->errnum, err);
}

int
sc_hooks_run(const struct sc_oci_hook_list *list, const char *name, const char *dir, const char *state_json,
             struct sc_err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        sc_cleanup_fd output = memfd_create("hook", MFD_CLOEXEC);
        struct hook_run run = {
            .hook = &list->items[i], .dir = dir, .state_json = state_json, .output_fd = output, .env = environ};
        int result = run_hook(&run);

        if (result < 0)
            return explain_hook(&run, name, i, result, err);
    }
    return 0;
}

int
sc_hook_begin(const struct sc_oci_hook_list *list, const char *name, const char *dir, struct sc_hook_begun *out,
              struct sc_err *err)
{
    sc_cleanup_fd output = memfd_create("hook", MFD_CLOEXEC), in = -1;
    struct hook_run run = {.hook = &list->items[0], .dir = dir, .output_fd = output, .env = environ};
    pid_t pid = begin_hook(&run, &in);

    if (pid < 0)
        return explain_hook(&run, name, 0, pid, err);
    *out = (struct sc_hook_begun){.pid = pid, .in = sc_steal_fd(&in), .output_fd = sc_steal_fd(&output)};
    return 0;
}

void
sc_hook_tell(const struct sc_hook_begun *begun, const char *state_json)
{
    tell_state(&(struct hook_run){.state_json = state_json}, begun->in);
}

int
sc_hook_finish(const struct sc_oci_hook_list *list, const char *name, struct sc_hook_begun *begun, struct sc_err *err)
{
    struct hook_run run = {.hook = &list->items[0], .output_fd = begun->output_fd};
    char done;
    int result;

    (void)shutdown(begun->in, SHUT_WR);
    if (read(begun->in, &done, sizeof(done)) == sizeof(done))
        return 0;
    result = wait_hook(&run, begun->pid);
    if (result < 0)
        explain_hook(&run, name, 0, result, err);
    begun->pid = 0;
    close(begun->in);
    sc_closep(&begun->output_fd);
    return result < 0 ? -1 : 0;
}

static void
end_begun(struct sc_hook_begun *begun)
{
    while (waitpid(begun->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(begun->in);
    sc_closep(&begun->output_fd);
    begun->pid = 0;
}

void
sc_hook_reap(struct sc_hook_begun *begun)
{
    if (begun->pid > 0)
        end_begun(begun);
}

void
sc_hook_abandon(struct sc_hook_begun *begun)
{
    if (begun->pid <= 0)
        return;
    kill(begun->pid, SIGKILL);
    end_begun(begun);
}
