/*
 * kill-at: runs a program and kills one of the processes it starts at that process's n-th system call.
 *
 *     kill-at [-r] [-e ERRNO | -p DIR] ROLE N PROGRAM [ARGUMENT...]
 *
 * Roles are told apart by descent and by what is executed:
 *
 *     cli       the program itself                     launcher  a child of it, until it executes something
 *     monitor   a process that executed sc-monitor     init      a child of the launcher, until it executes something
 *     any       whichever comes to the n-th call of all
 *     child     another name of launcher: sc-oci launches by itself, and its child is the container's first process
 *
 * SIGKILL comes at the entry of the call, so the call is not made: for every n that is each state between two calls.
 * Then all processes run on untraced by calls until they end; with -r until the program itself has ended. N = 0 kills
 * nothing. Last line of standard error: "kill-at: killed ROLE at call N (number NR)" and exit status 0, or "kill-at:
 * ROLE made M calls" and exit status 10 when there was no n-th call. 3: something did not end in a minute.
 *
 * With -e the call fails instead: it is not made, and the process sees the error ERRNO (ENOSPC, EIO, EDQUOT or ENOMEM)
 * and lives on. Then only calls are counted that work on files and can fail for want of space, memory or a working
 * disk, and those of sc's own programs only (busybox tells nobody that it could not write its list of applets), and the
 * exit status is the program's own (128 and more: it was killed by a signal), 250 when there was no n-th call.
 *
 * With -p the power of the disk fails: the file system of DIR (ext4, xfs, f2fs) is shut down, nothing that was not on
 * it yet comes there any more, and what the program asks of it fails from then on. The exit status is as with -e.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRACEES_MAX 256

enum role { ROLE_NONE, ROLE_CLI, ROLE_LAUNCHER, ROLE_MONITOR, ROLE_INIT, ROLE_OTHER, ROLE_ANY, ROLE_COUNT };
static const char *const role_names[ROLE_COUNT] = {"", "cli", "launcher", "monitor", "init", "other", "any"};

struct tracee {
    pid_t pid;
    enum role role;
    unsigned long calls;
    bool is_failing; /* in the call that is to fail */
    bool is_foreign; /* runs a program that is not of sc */
};

struct tracer {
    struct tracee items[TRACEES_MAX];
    size_t count;
    pid_t root;
    bool root_ended, until_root;
    int root_status;
    int error;        /* 0: kill */
    const char *disk; /* whose power fails, or NULL */
    enum role target;
    unsigned long at;
    bool has_executed; /* the program is the one that was asked for */
    bool has_killed;
    unsigned long calls[ROLE_COUNT]; /* most that a process of this role made */
};

_Noreturn static void
die(const char *what)
{
    fprintf(stderr, "kill-at: %s: %s\n", what, strerror(errno));
    exit(2);
}

_Noreturn static void
on_alarm(int signum)
{
    static const char text[] = "kill-at: something did not end in a minute\n";

    (void)signum;
    if (write(2, text, sizeof(text) - 1) < 0)
        _exit(3);
    _exit(3);
}

static struct tracee *
find(struct tracer *t, pid_t pid)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->items[i].pid == pid)
            return &t->items[i];
    if (t->count == TRACEES_MAX) {
        errno = E2BIG;
        die("too many processes");
    }
    t->items[t->count] = (struct tracee){.pid = pid};
    return &t->items[t->count++];
}

static void
forget(struct tracer *t, pid_t pid, int status)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->items[i].pid == pid)
            t->items[i] = t->items[--t->count];
    if (pid == t->root)
        t->root_ended = true, t->root_status = status;
}

static void
on_fork(struct tracer *t, pid_t parent_pid)
{
    unsigned long child = 0;

    if (ptrace(PTRACE_GETEVENTMSG, parent_pid, NULL, &child) < 0)
        return;
    enum role parent = find(t, parent_pid)->role;
    find(t, (pid_t)child)->role = parent == ROLE_CLI ? ROLE_LAUNCHER : parent == ROLE_LAUNCHER ? ROLE_INIT : ROLE_OTHER;
}

static void
on_exec(struct tracer *t, pid_t pid)
{
    char link[64], path[512];
    struct tracee *tracee = find(t, pid);

    snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    path[len < 0 ? 0 : len] = '\0';
    t->has_executed = true;
    const char *name = strrchr(path, '/');
    tracee->is_foreign = name == NULL || strncmp(name, "/sc", 3) != 0;
    if (strstr(path, "sc-monitor")) {
        tracee->role = ROLE_MONITOR;
        tracee->calls = 0;
    } else if (tracee->role == ROLE_LAUNCHER || tracee->role == ROLE_INIT) {
        tracee->role = ROLE_OTHER;
    }
}

/* Calls that a full or broken disk, or want of memory, can fail. */
static bool
can_fail(unsigned long long nr)
{
    static const int calls[] = {
        SYS_open,       SYS_openat,    SYS_openat2,   SYS_creat,      SYS_read,       SYS_pread64,
        SYS_readv,      SYS_write,     SYS_pwrite64,  SYS_writev,     SYS_fsync,      SYS_fdatasync,
        SYS_syncfs,     SYS_rename,    SYS_renameat,  SYS_renameat2,  SYS_mkdir,      SYS_mkdirat,
        SYS_link,       SYS_linkat,    SYS_symlink,   SYS_symlinkat,  SYS_unlink,     SYS_unlinkat,
        SYS_rmdir,      SYS_mknod,     SYS_mknodat,   SYS_fchmod,     SYS_fchmodat,   SYS_fchown,
        SYS_fchownat,   SYS_utimensat, SYS_ftruncate, SYS_fallocate,  SYS_setxattr,   SYS_fsetxattr,
        SYS_lsetxattr,  SYS_fgetxattr, SYS_fstat,     SYS_newfstatat, SYS_statx,      SYS_getdents64,
        SYS_readlinkat, SYS_flock,     SYS_sendfile,  SYS_lseek,      SYS_faccessat2, SYS_copy_file_range,
        SYS_execve,     SYS_clone,     SYS_vfork,     SYS_clone3,     SYS_pipe2,      SYS_memfd_create,
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (nr == (unsigned long long)calls[i])
            return true;
    return false;
}

/* At the entry the call becomes one that does not exist; at the exit its result becomes the error. */
static void
set_failure(pid_t pid, int error)
{
#ifdef __x86_64__
    struct user_regs_struct regs;

    if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
        die("read registers");
    if (error)
        regs.rax = (unsigned long long)-(long long)error;
    else
        regs.orig_rax = (unsigned long long)-1;
    if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) < 0)
        die("write registers");
#else
    (void)pid;
    (void)error;
    errno = ENOSYS;
    die("fail a call on this machine");
#endif
}

/* FS_IOC_SHUTDOWN with NOLOGFLUSH, as ext4, xfs and f2fs all know it: not even the journal is written. */
static void
cut_power(const char *disk)
{
    unsigned int without_log = 2;
    int fd = open(disk, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || ioctl(fd, _IOR('X', 125, unsigned int), &without_log) < 0)
        die(disk);
    close(fd);
}

static void
on_call(struct tracer *t, pid_t pid)
{
    struct __ptrace_syscall_info info;
    struct tracee *tracee = find(t, pid);

    if (tracee->is_failing) {
        set_failure(pid, t->error);
        tracee->is_failing = false;
        return;
    }
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    if (t->error && (!t->has_executed || tracee->is_foreign || !can_fail(info.entry.nr)))
        return;
    t->calls[ROLE_ANY]++;
    if (++tracee->calls > t->calls[tracee->role])
        t->calls[tracee->role] = tracee->calls;
    if (t->has_killed || !t->at ||
        !(t->target == ROLE_ANY ? t->calls[ROLE_ANY] == t->at : tracee->role == t->target && tracee->calls == t->at))
        return;
    t->has_killed = true;
    if (t->disk) {
        cut_power(t->disk);
        fprintf(stderr, "kill-at: no power at call %lu of %s (number %llu)\n", t->at, role_names[t->target],
                (unsigned long long)info.entry.nr);
    } else if (t->error) {
        tracee->is_failing = true;
        set_failure(pid, 0);
        fprintf(stderr, "kill-at: failed %s at call %lu (number %llu): %s\n", role_names[t->target], t->at,
                (unsigned long long)info.entry.nr, strerror(t->error));
    } else {
        kill(pid, SIGKILL);
        fprintf(stderr, "kill-at: killed %s at call %lu (number %llu)\n", role_names[t->target], t->at,
                (unsigned long long)info.entry.nr);
    }
}

static void
on_stop(struct tracer *t, pid_t pid, int status)
{
    int signum = WSTOPSIG(status), event = status >> 16;

    if (signum == (SIGTRAP | 0x80)) {
        on_call(t, pid);
        signum = 0;
    } else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
        on_fork(t, pid);
        signum = 0;
    } else if (event == PTRACE_EVENT_EXEC) {
        on_exec(t, pid);
        signum = 0;
    } else if (event == PTRACE_EVENT_STOP) {
        /* The first stop of a new child, or a group stop; which may be seen before its parent's fork event. */
        find(t, pid);
        signum = 0;
    }
    /* ESRCH: it has been killed meanwhile. */
    if (ptrace(t->has_killed && !find(t, pid)->is_failing ? PTRACE_CONT : PTRACE_SYSCALL, pid, NULL,
               (void *)(long)signum) < 0 &&
        errno != ESRCH)
        die("ptrace");
}

static pid_t
start(char **argv)
{
    pid_t pid = fork();

    if (pid < 0)
        die("fork");
    if (pid == 0) {
        raise(SIGSTOP);
        execvp(argv[0], argv);
        die(argv[0]);
    }
    if (waitpid(pid, NULL, WUNTRACED) < 0)
        die("wait");
    /* SEIZE: no SIGSTOP for new children, which init's handlers could mistake. */
    if (ptrace(PTRACE_SEIZE, pid, NULL,
               PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                   PTRACE_O_TRACEEXEC) < 0)
        die("seize");
    kill(pid, SIGCONT);
    return pid;
}

static enum role
role_from_name(const char *name)
{
    for (enum role role = ROLE_CLI; role < ROLE_OTHER; role++)
        if (strcmp(name, role_names[role]) == 0)
            return role;
    if (strcmp(name, "child") == 0)
        return ROLE_LAUNCHER;
    if (strcmp(name, "any") == 0)
        return ROLE_ANY;
    fprintf(stderr, "kill-at: role must be cli, launcher, child, monitor, init or any, not \"%s\"\n", name);
    exit(2);
}

static int
error_from_name(const char *name)
{
    static const int errors[] = {ENOSPC, EIO, EDQUOT, ENOMEM};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (strcmp(name, strerrorname_np(errors[i])) == 0)
            return errors[i];
    fprintf(stderr, "kill-at: error must be ENOSPC, EIO, EDQUOT or ENOMEM, not \"%s\"\n", name);
    exit(2);
}

int
main(int argc, char **argv)
{
    static struct tracer tracer;
    int status;

    if (argc > 1 && strcmp(argv[1], "-r") == 0) {
        tracer.until_root = true;
        argv++;
        argc--;
    }
    if (argc > 2 && strcmp(argv[1], "-e") == 0) {
        tracer.error = error_from_name(argv[2]);
        argv += 2;
        argc -= 2;
    }
    if (argc > 2 && strcmp(argv[1], "-p") == 0) {
        tracer.disk = argv[2];
        argv += 2;
        argc -= 2;
    }
    if (argc < 4) {
        fprintf(stderr, "usage: kill-at [-r] [-e ERRNO | -p DIR] ROLE N PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    tracer.target = role_from_name(argv[1]);
    tracer.at = strtoul(argv[2], NULL, 10);
    signal(SIGALRM, on_alarm);
    alarm(60);
    tracer.root = start(argv + 3);
    find(&tracer, tracer.root)->role = ROLE_CLI;

    while (!(tracer.root_ended && tracer.until_root)) {
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0 && errno == ECHILD)
            break;
        if (pid < 0 && errno != EINTR)
            die("wait");
        if (pid > 0 && WIFSTOPPED(status))
            on_stop(&tracer, pid, status);
        else if (pid > 0)
            forget(&tracer, pid, status);
    }
    if (tracer.has_killed && (tracer.error || tracer.disk))
        return WIFEXITED(tracer.root_status) ? WEXITSTATUS(tracer.root_status) : 128 + WTERMSIG(tracer.root_status);
    if (tracer.has_killed)
        return 0;
    fprintf(stderr, "kill-at: %s made %lu calls\n", argv[1], tracer.calls[tracer.target]);
    return tracer.error || tracer.disk ? 250 : 10;
}
