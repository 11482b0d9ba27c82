/* Making and changing namespaces, beyond what one clone3 does. */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/kernel.h"

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* clone(2) with what it can: CLONE_PIDFD is of Linux 5.2. A cgroup is joined by the child itself. */
static int
clone_classic(uint64_t flags, int cgroup_fd, int *pidfd)
{
    /* its low byte is the exit signal, where clone3 has flags of its own */
    if ((flags & CSIGNAL) != 0 || flags > UINT32_MAX)
        return -ENOSYS;
    *pidfd = -1;
    long pid = syscall(SYS_clone, (unsigned long)flags | CLONE_PIDFD | SIGCHLD, 0UL, pidfd, 0UL, 0UL);
    if (pid != 0 || cgroup_fd < 0)
        return pid >= 0 ? (int)pid : -errno;
    int procs = openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (procs < 0 || write(procs, "0", 1) != 1)
        _exit(127);
    close(procs);
    return 0;
}

#ifdef __SANITIZE_ADDRESS__
/* The leak checker asks this when a process ends. It traces the process from a child; one that is born in another pid
 * namespace cannot, and the process would wait for it for ever. */
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
    struct stat own, of_children;

    /* without /proc, or before the first child in a new namespace: nothing to look at */
    return fstatat(AT_FDCWD, "/proc/self/ns/pid", &own, 0) < 0 ||
           fstatat(AT_FDCWD, "/proc/self/ns/pid_for_children", &of_children, 0) < 0 || own.st_ino != of_children.st_ino;
}
#endif

int
sc_clone3(uint64_t flags, int cgroup_fd, int *pidfd)
{
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        /* a sibling has the exit signal of the one that clones, and clone3 refuses to be told one */
        .exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD,
        .cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
    };
    long pid = syscall(SYS_clone3, &args, sizeof(args));

    /* E2BIG: Linux 5.3 to 5.6 know no CLONE_INTO_CGROUP */
    if (pid < 0 && (errno == ENOSYS || (errno == E2BIG && cgroup_fd >= 0)))
        return clone_classic(flags, cgroup_fd, pidfd);
    return pid >= 0 ? (int)pid : -errno;
}

int
sc_ns_loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    int result = ioctl(fd, SIOCSIFFLAGS, &request) == 0 ? 0 : -errno;
    close(fd);
    return result;
}

int
sc_ns_time_offsets(const char *text)
{
    int result = 0;

    if (unshare(CLONE_NEWTIME) < 0)
        return -errno;
    int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (write(fd, text, strlen(text)) < 0)
        result = -errno;
    close(fd);
    if (result < 0)
        return result;
    /* unshare placed only future children in it; a single-threaded process may enter it itself */
    fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (setns(fd, CLONE_NEWTIME) < 0)
        result = -errno;
    close(fd);
    return result;
}

int
sc_keyring_join(const char *name)
{
    /* ENOSYS: a kernel without keys; EDQUOT would leave the caller's keyring, so it is an error */
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) < 0 && errno != ENOSYS)
        return -errno;
    return 0;
}

/* "ns/mnt" in the process's directory of procfs */
static int
open_ns_of(int dir_fd, const char *proc_name)
{
    char path[32] = "ns/";

    memcpy(path + 3, proc_name, strlen(proc_name) + 1);
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

/* One by one, the user namespace first: the others may belong to it. All are opened before any is joined. */
static int
join_each(int dir_fd, uint64_t flags)
{
    int fds[SC_NS_COUNT], result = 0;

    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        fds[kind] = result == 0 && (flags & sc_ns_table[kind].clone_flag) != 0
                        ? open_ns_of(dir_fd, sc_ns_table[kind].proc_name)
                        : -1;
        if (fds[kind] < -1)
            result = fds[kind];
    }
    if (result == 0 && fds[SC_NS_USER] >= 0 && setns(fds[SC_NS_USER], 0) < 0)
        result = -errno;
    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        if (result == 0 && kind != SC_NS_USER && fds[kind] >= 0 && setns(fds[kind], 0) < 0)
            result = -errno;
        if (fds[kind] >= 0)
            close(fds[kind]);
    }
    return result;
}

int
sc_ns_join(int fd, int proc_fd, pid_t pid, uint64_t flags)
{
    char name[12];
    size_t at = sizeof(name) - 1;
    struct sc_err ignored = SC_ERR_INIT;

    if (setns(fd, (int)flags) == 0)
        return 0;
    /* before Linux 5.8 a pidfd stands for no namespaces; before 5.3 it is a directory of procfs */
    if ((errno != EINVAL && errno != EBADF) || pid <= 0)
        return -errno;
    name[at] = '\0';
    do
        name[--at] = (char)('0' + pid % 10);
    while ((pid /= 10) > 0);
    int dir = openat(proc_fd, name + at, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    /* still there, so it was that process which was opened */
    int result = sc_pidfd_kill(fd, 0, &ignored) < 0 ? -ESRCH : join_each(dir, flags);
    close(dir);
    return result;
}

int
sc_ns_check_kind(int ns_fd, uint64_t clone_flag)
{
    int kind = ioctl(ns_fd, NS_GET_NSTYPE);

    if (kind < 0)
        return errno == ENOTTY ? -EINVAL : -errno;
    return (uint64_t)(unsigned)kind == clone_flag ? 0 : -EINVAL;
}
