/*
 * sc-view --calls: answers sysinfo and sched_getaffinity for a container (seccomp_unotify(2)). The monitor hands it the
 * listeners, one for the container and one for each exec.
 *
 * What comes is the container's and hostile. Nothing of the caller's memory is read. Its answer is written by
 * process_vm_writev, which takes no pointer that the caller could not write to itself, while the kernel says that the
 * call still waits, so that the pid is still the caller's. Whatever cannot be answered the kernel answers itself: no
 * call decides what anybody may do. One call of each listener at a time, in turns.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <linux/sysinfo.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kernel/calls.h"
#include "monitor/view.h"

#define MASK_MAX   1024 /* bytes: 8192 CPUs */
#define STATUS_MAX 8192

#ifndef NS_GET_PID_FROM_PIDNS /* Linux 6.11 */
#define NS_GET_PID_FROM_PIDNS _IOR(0xb7, 0x6, int)
#endif

#ifdef SC_CALLS_ARCH

struct answerer {
    struct pollfd polls[1 + SC_CALLS_MAX]; /* the monitor's socket, the listeners */
    int32_t numbers[1 + SC_CALLS_MAX];     /* as the monitor counts them */
    size_t count;
    struct sc_calls_at *at;
    struct sc_view_source *source;
    ino_t own_pid_ns;
};

/* Bytes that were written, or -errno as the caller shall see it; 0: the kernel shall answer. */
static int64_t
give(int listener, const struct seccomp_notif *call, uint64_t address, const void *data, size_t len)
{
    struct iovec from = {(void *)(uintptr_t)data, len}, to = {(void *)(uintptr_t)address, len};
    ssize_t written;

    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id) < 0)
        return 0; /* it waits no more: nobody will see an answer */
    written = process_vm_writev((pid_t)call->pid, &from, 1, &to, 1, 0);
    if (written == (ssize_t)len)
        return written;
    return written >= 0 || errno == EFAULT ? -EFAULT : 0;
}

/* ---- sysinfo -------------------------------------------------------------------------------------------------- */

static bool
answer_sysinfo(const struct answerer *a, int listener, const struct seccomp_notif *call, bool is_32,
               struct seccomp_notif_resp *out)
{
    struct sc_view_sysinfo32 narrow;
    struct sc_view_values values;
    struct sysinfo info;
    int64_t result;

    if (syscall(SYS_sysinfo, &info) < 0)
        return false;
    sc_view_values_read_sysinfo(a->source, &values);
    sc_view_answer_sysinfo(&values, &info);
    sc_view_narrow_sysinfo(&info, &narrow);
    result = is_32 ? give(listener, call, call->data.args[0], &narrow, sizeof(narrow))
                   : give(listener, call, call->data.args[0], &info, sizeof(info));
    out->error = result < 0 ? (int32_t)result : 0;
    return result != 0;
}

/* ---- sched_getaffinity ---------------------------------------------------------------------------------------- */

/* A line of /proc/PID/status, "KEY:\t12\t3": its last number, of the innermost pid namespace; 0: there is none. */
static pid_t
last_number(const char *status, const char *key)
{
    const char *at = strstr(status, key), *end = at ? strchr(at + 1, '\n') : NULL;

    while (end && end > at && end[-1] != '\t')
        end--;
    return end ? (pid_t)strtol(end, NULL, 10) : 0;
}

/* The thread itself or the first of its process, if that has this number in their pid namespace; else 0. */
static pid_t
find_own(pid_t caller, pid_t wanted)
{
    char path[64], text[STATUS_MAX];
    sc_cleanup_fd fd = -1;
    ssize_t len;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)caller);
    fd = open(path, O_RDONLY | O_CLOEXEC); /* lint: the host's own /proc */
    len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (len <= 0)
        return 0;
    text[len] = '\0';
    if (last_number(text, "\nNSpid:") == wanted)
        return caller;
    return last_number(text, "\nNStgid:") == wanted ? last_number(text, "\nTgid:") : 0;
}

/* Whom the caller means, as we count; 0: nobody that is known to be of its container, and the kernel shall say. */
static pid_t
find_target(const struct answerer *a, pid_t caller, pid_t wanted)
{
    char path[64];
    sc_cleanup_fd ns = -1;
    struct stat st;

    if (wanted == 0)
        return caller;
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)caller);
    ns = open(path, O_RDONLY | O_CLOEXEC); /* lint: the host's own /proc */
    if (ns >= 0 && fstat(ns, &st) == 0 && st.st_ino != a->own_pid_ns) {
        int found = ioctl(ns, NS_GET_PID_FROM_PIDNS, wanted);

        if (found > 0)
            return found;
        if (found < 0 && errno == ESRCH)
            return 0;
    }
    /* the host's pids, or an older kernel */
    return find_own(caller, wanted);
}

static bool
answer_affinity(const struct answerer *a, int listener, const struct seccomp_notif *call, bool is_32,
                struct seccomp_notif_resp *out)
{
    pid_t target = find_target(a, (pid_t)call->pid, (pid_t)call->data.args[0]);
    unsigned char mask[MASK_MAX] = {0};
    size_t len = (unsigned)call->data.args[1];
    struct sc_view_values values;
    int64_t result;
    long got;

    if (target <= 0 || len % (is_32 ? sizeof(uint32_t) : sizeof(uint64_t)) != 0)
        return false;
    got = syscall(SYS_sched_getaffinity, target, len < MASK_MAX ? (len + 7) & ~(size_t)7 : MASK_MAX, mask);
    if (got <= 0)
        return false;
    if ((size_t)got > len)
        got = (long)len;
    sc_view_values_read_cpus(a->source, &values);
    sc_view_trim_mask(mask, (size_t)got, sc_view_cpu_count(&values, SC_VIEW_CPUS_MAX));
    result = give(listener, call, call->data.args[2], mask, (size_t)got);
    out->error = result < 0 ? (int32_t)result : 0;
    out->val = result > 0 ? result : 0;
    return result != 0;
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static bool
answer(const struct answerer *a, int listener, const struct seccomp_notif *call, struct seccomp_notif_resp *out)
{
    bool is_32 = call->data.arch == SC_CALLS_ARCH32;
    int number = call->data.nr;

    if (!is_32 && call->data.arch != SC_CALLS_ARCH)
        return false;
    if (number == (is_32 ? SC_CALLS_SYSINFO32 : SYS_sysinfo))
        return answer_sysinfo(a, listener, call, is_32, out);
    if (number == (is_32 ? SC_CALLS_AFFINITY32 : SYS_sched_getaffinity))
        return answer_affinity(a, listener, call, is_32, out);
    return false;
}

/* The kernel fills in what the monitor sees too: there is no moment in which a call is taken and nobody knows. */
static void
serve(const struct answerer *a, int listener, int32_t number)
{
    struct seccomp_notif_resp response = {.id = 0};

    memset(a->at, 0, sizeof(*a->at));
    a->at->number = number;
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &a->at->call) < 0)
        return; /* the caller has died, or waits no more */
    response.id = a->at->call.id;
    if (!answer(a, listener, &a->at->call, &response))
        response = (struct seccomp_notif_resp){.id = a->at->call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
    a->at->call.id = 0;
}

/* False: the monitor has ended. */
static bool
take_listener(struct answerer *a)
{
    struct sc_err ignored = SC_ERR_INIT;
    int32_t number;
    size_t count = 1;
    int fd = -1;

    if (sc_msg_recv(a->polls[0].fd, &number, sizeof(number), &fd, &count, &ignored) != sizeof(number))
        return false;
    if (count == 1 && a->count <= SC_CALLS_MAX) {
        a->polls[a->count] = (struct pollfd){.fd = fd, .events = POLLIN};
        a->numbers[a->count++] = number;
    } else if (count == 1) {
        close(fd);
    }
    return true;
}

/* No process is left that it is about. */
static void
drop(struct answerer *a, size_t i)
{
    struct sc_err ignored = SC_ERR_INIT;

    close(a->polls[i].fd);
    (void)!sc_msg_send(a->polls[0].fd, &a->numbers[i], sizeof(a->numbers[i]), NULL, 0, &ignored);
    a->count--;
    a->polls[i] = a->polls[a->count];
    a->numbers[i] = a->numbers[a->count];
}

int
sc_view_calls(int monitor_fd, struct sc_calls_at *at, struct sc_view_source *source)
{
    static struct answerer a;
    struct stat st;

    a.at = at;
    a.source = source;
    a.polls[0] = (struct pollfd){.fd = monitor_fd, .events = POLLIN};
    a.count = 1;
    if (stat("/proc/self/ns/pid", &st) == 0) /* lint: the host's own /proc */
        a.own_pid_ns = st.st_ino;
    for (;;) {
        if (poll(a.polls, a.count, -1) < 0 && errno != EINTR)
            return -errno;
        /* from the last, since dropping one puts the last in its place */
        for (size_t i = a.count - 1; i > 0; i--) {
            if (a.polls[i].revents & POLLIN)
                serve(&a, a.polls[i].fd, a.numbers[i]);
            else if (a.polls[i].revents)
                drop(&a, i);
        }
        if (a.polls[0].revents && !take_listener(&a))
            return 0;
    }
}

#else

int
sc_view_calls(int monitor_fd, struct sc_calls_at *at, struct sc_view_source *source)
{
    (void)monitor_fd, (void)at, (void)source;
    return -ENOSYS;
}

#endif
