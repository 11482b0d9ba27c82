/*
 * kernel/process: telling whether a process is still the one we mean, and signalling just that one (pidfd_open(2)).
 *
 * A pid is reused; a pid with its start time and the boot id is not. Musl-clean: sc-monitor uses this file.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/kernel.h"

/* Linux 5.3 and 5.1; the same numbers on every architecture. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#define WAIT_STEP_MS 5

/* Our own, or the beginning of it; "" for a kernel without user namespaces. */
static void
read_uid_map(char text[64])
{
    sc_cleanup_fd fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, 63) : -1;

    text[len > 0 ? len : 0] = '\0';
}

bool
sc_process_can_chown(void)
{
    unsigned long count = 0;
    char text[64], *at = text;

    read_uid_map(text);
    for (int i = 0; i < 3; i++)
        count = strtoul(at, &at, 10);
    /* several lines, or one of several ids */
    return geteuid() == 0 && (!*text || strcmp(at, "\n") != 0 || count > 1);
}

bool
sc_process_is_in_user_ns(void)
{
    char text[64];

    read_uid_map(text);
    if (!*text)
        return false;
    /* the kernel prints each number ten wide */
    return strcmp(text, "         0          0 4294967295\n") != 0;
}

#define EXITING 0x4 /* PF_EXITING, include/linux/sched.h */

/* Fields 3, 9 and 22 of proc_pid_stat(5). */
struct stat_fields {
    char state;
    unsigned long flags;
    uint64_t start_time;
};

/* False when there is no such process. */
static bool
read_stat_at(int dir_fd, const char *path, struct stat_fields *out)
{
    char text[1024], *at;
    sc_cleanup_fd fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t len;

    if (fd < 0)
        return false;
    do {
        len = read(fd, text, sizeof(text) - 1);
    } while (len < 0 && errno == EINTR);
    if (len <= 0)
        return false;
    text[len] = '\0';
    /* Field 2 is the program's name in parentheses and may hold anything, spaces and parentheses too: count from its
     * end. */
    at = strrchr(text, ')');
    if (at == NULL || at[1] != ' ' || at[2] == '\0')
        return false;
    at += 2;
    out->state = *at;
    for (int field = 3; field < 22; field++) {
        at = strchr(at, ' ');
        if (at == NULL)
            return false;
        at++;
        if (field + 1 == 9)
            out->flags = strtoul(at, NULL, 10);
    }
    out->start_time = strtoull(at, NULL, 10);
    return true;
}

static bool
read_stat(pid_t pid, struct stat_fields *out)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    return read_stat_at(AT_FDCWD, path, out);
}

uint64_t
sc_process_start_time(pid_t pid)
{
    struct stat_fields now;

    return pid > 0 && read_stat(pid, &now) ? now.start_time : 0;
}

bool
sc_process_is_alive(pid_t pid, uint64_t start_time)
{
    struct stat_fields now;

    return pid > 0 && read_stat(pid, &now) && now.start_time == start_time && now.state != 'Z' && now.state != 'X';
}

bool
sc_process_is_exiting(pid_t pid, uint64_t start_time)
{
    struct stat_fields now;

    return pid <= 0 || !read_stat(pid, &now) || now.start_time != start_time || (now.flags & EXITING);
}

int
sc_boot_id(char out[40], struct sc_err *err)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    sc_cleanup_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len;

    if (fd < 0)
        return sc_err_errno(err, errno, "read \"%s\"", path);
    len = read(fd, out, 39);
    if (len < 0)
        return sc_err_errno(err, errno, "read \"%s\"", path);
    if (len > 0 && out[len - 1] == '\n')
        len--;
    out[len] = '\0';
    if (len != 36)
        return sc_err_set(err, SC_ERR_KERNEL, "read \"%s\": \"%s\" is not a boot id", path, out);
    return 0;
}

/* State and start time of the process whose directory of procfs fd is; false when it has ended. */
static bool
is_alive_in(int fd)
{
    struct stat_fields now;

    return read_stat_at(fd, "stat", &now) && now.state != 'Z' && now.state != 'X';
}

/* Before Linux 5.3: the process's directory of procfs, which stays its own when the pid goes to another. */
static int
open_directory(pid_t pid)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        errno = ESRCH;
    return fd;
}

int
sc_pidfd_open(pid_t pid, uint64_t start_time, struct sc_err *err)
{
    sc_cleanup_fd fd = -1;

    if (pid <= 0)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "open process %d: there is no such process", (int)pid);
    fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0 && errno == ENOSYS)
        fd = open_directory(pid);
    if (fd < 0 && errno == ESRCH)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "open process %d: there is no such process", (int)pid);
    if (fd < 0)
        return sc_err_errno(err, errno, "open process %d", (int)pid);
    /* The descriptor pins its process, so what is read now is of that one or, when it is gone, absent. */
    if (start_time != 0 && sc_process_start_time(pid) != start_time)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "open process %d: it is not the one that started at tick %" PRIu64,
                          (int)pid, start_time);
    return sc_steal_fd(&fd);
}

/* kill(2) of the process whose directory fd is, read from it just before: the nearest that Linux before 5.1 has. */
static int
kill_by_directory(int fd, int signum)
{
    char text[32];
    sc_cleanup_fd stat = openat(fd, "stat", O_RDONLY | O_CLOEXEC);
    ssize_t len = stat >= 0 ? read(stat, text, sizeof(text) - 1) : -1;

    if (len <= 0) {
        errno = ESRCH;
        return -1;
    }
    text[len] = '\0';
    /* whether it is there was seen; a pid of that procfs may mean another one in our pid namespace */
    if (signum == 0)
        return 0;
    return kill((pid_t)strtol(text, NULL, 10), signum);
}

int
sc_pidfd_kill(int pidfd, int signum, struct sc_err *err)
{
    if (syscall(SYS_pidfd_send_signal, pidfd, signum, NULL, 0) == 0 ||
        (errno == ENOSYS && kill_by_directory(pidfd, signum) == 0))
        return 0;
    if (errno == ESRCH)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "send signal %d: the process has ended", signum);
    return sc_err_errno(err, errno, "send signal %d", signum);
}

bool
sc_pidfd_wait(int pidfd, int msec)
{
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    struct stat st;
    int ready;

    if (fstat(pidfd, &st) == 0 && S_ISDIR(st.st_mode)) {
        while (is_alive_in(pidfd)) {
            if (msec <= 0)
                return false;
            (void)poll(NULL, 0, WAIT_STEP_MS);
            msec -= WAIT_STEP_MS;
        }
        return true;
    }
    do
        ready = poll(&wait, 1, msec);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}
