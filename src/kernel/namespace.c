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
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/kernel.h"

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
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

int
sc_ns_check_kind(int ns_fd, uint64_t clone_flag)
{
    int kind = ioctl(ns_fd, NS_GET_NSTYPE);

    if (kind < 0)
        return errno == ENOTTY ? -EINVAL : -errno;
    return (uint64_t)(unsigned)kind == clone_flag ? 0 : -EINVAL;
}
