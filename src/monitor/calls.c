/*
 * The calls that a view answers, the monitor's part: it keeps the listeners, and has `sc-view --calls` answer. When
 * that dies, no call may wait for ever and none fail: from then on the monitor lets the kernel answer them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/monitor-priv.h"
#include "monitor/view.h"

#define EVENTS_MAX 16

struct sc_calls {
    pid_t pid; /* of who answers */
    int sock;  /* to it, or -1 when it has died: then */
    int epoll; /* has the listeners */
    struct sc_calls_at *at;
    int listeners[SC_CALLS_MAX]; /* -1: free */
};

/* [child] */
static _Noreturn void
become_view(struct sc_monitor *monitor, int sock, int mem)
{
    char number[SC_NUM_MAX];
    char *const argv[] = {(char *)(uintptr_t)monitor->config.calls, (char *)(uintptr_t) "--calls", number, NULL};
    char *const no_env[] = {NULL};

    (void)snprintf(number, sizeof(number), "%d", (int)monitor->config.pid);
    /* first out of the way of both numbers */
    sock = fcntl(sock, F_DUPFD, SC_CALLS_MEM_FD + 1);
    mem = fcntl(mem, F_DUPFD, SC_CALLS_MEM_FD + 1);
    if (dup2(sock, SC_CALLS_SOCK_FD) == SC_CALLS_SOCK_FD && dup2(mem, SC_CALLS_MEM_FD) == SC_CALLS_MEM_FD &&
        sc_fds_close(-1, SC_CALLS_MEM_FD + 1, ~0U) == 0)
        (void)execve(monitor->config.calls, argv, no_env);
    _exit(127);
}

static int
start(struct sc_monitor *monitor, struct sc_calls *calls, struct sc_err *err)
{
    sc_cleanup_fd mem = memfd_create("sc-calls", MFD_CLOEXEC), ours = -1, theirs = -1;
    int ends[2];
    void *at;

    if (mem < 0 || ftruncate(mem, sizeof(*calls->at)) < 0)
        return sc_err_errno(err, errno, "make a memory file");
    at = mmap(NULL, sizeof(*calls->at), PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
    if (at == MAP_FAILED)
        return sc_err_errno(err, errno, "map a memory file");
    calls->at = at;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return sc_err_errno(err, errno, "make a socket pair");
    ours = ends[0];
    theirs = ends[1];
    calls->pid = fork();
    if (calls->pid == 0)
        become_view(monitor, theirs, mem);
    if (calls->pid < 0)
        return sc_err_errno(err, errno, "fork");
    calls->sock = sc_steal_fd(&ours);
    return 0;
}

/* The kernel answers the call itself. */
static void
let_go(int listener, uint64_t id)
{
    struct seccomp_notif_resp response = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static void
watch(const struct sc_calls *calls, int32_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = number}};

    if (calls->listeners[number] >= 0)
        (void)epoll_ctl(calls->epoll, EPOLL_CTL_ADD, calls->listeners[number], &event);
}

/* Who answered is dead: of a call that it had taken and not answered, the memory that both share has the number. */
static void
take_over(struct sc_monitor *monitor)
{
    struct sc_calls *calls = monitor->calls;
    int32_t number = calls->at ? calls->at->number : -1;

    sc_closep(&calls->sock);
    while (calls->pid > 0 && waitpid(calls->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    calls->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (number >= 0 && number < SC_CALLS_MAX && calls->at->call.id && calls->listeners[number] >= 0)
        let_go(calls->listeners[number], calls->at->call.id);
    for (int32_t i = 0; i < SC_CALLS_MAX; i++)
        watch(calls, i);
}

static void
close_listener(struct sc_calls *calls, int32_t number)
{
    if (number >= 0 && number < SC_CALLS_MAX)
        sc_closep(&calls->listeners[number]);
}

/* What waits now; all of it, since a caller that dies makes no event. */
static void
let_all_go(struct sc_calls *calls)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(calls->epoll, events, EVENTS_MAX, 0);

    for (int i = 0; i < count; i++) {
        int32_t number = events[i].data.fd;
        union {
            struct seccomp_notif call;
            char room[SC_CALLS_ROOM];
        } got;

        if (!(events[i].events & EPOLLIN)) {
            close_listener(calls, number);
            continue;
        }
        memset(&got, 0, sizeof(got));
        if (ioctl(calls->listeners[number], SECCOMP_IOCTL_NOTIF_RECV, &got.call) == 0)
            let_go(calls->listeners[number], got.call.id);
    }
}

void
sc_calls_start(struct sc_monitor *monitor)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_calls *calls;

    if (monitor->config.calls_fd < 0 || !monitor->config.calls)
        return;
    calls = monitor->calls = malloc(sizeof(*calls));
    if (!calls)
        return;
    calls->pid = 0;
    calls->sock = calls->epoll = -1;
    calls->at = NULL;
    for (size_t i = 0; i < SC_CALLS_MAX; i++)
        calls->listeners[i] = -1;
    if (start(monitor, calls, &err) < 0) {
        sc_monitor_complain(monitor, &err);
        sc_err_clear(&err);
        take_over(monitor);
    }
    (void)sc_calls_add_take(monitor, sc_steal_fd(&monitor->config.calls_fd));
}

bool
sc_calls_add_take(struct sc_monitor *monitor, int listener_take)
{
    sc_cleanup_fd listener = listener_take;
    struct sc_calls *calls = monitor->calls;
    struct sc_err ignored = SC_ERR_INIT;
    int32_t number = 0;

    while (calls && number < SC_CALLS_MAX && calls->listeners[number] >= 0)
        number++;
    if (!calls || number == SC_CALLS_MAX)
        return false;
    calls->listeners[number] = sc_steal_fd(&listener);
    if (calls->epoll >= 0)
        watch(calls, number);
    else
        /* it is dead: taking over finds this one too */
        (void)!sc_msg_send(calls->sock, &number, sizeof(number), &calls->listeners[number], 1, &ignored);
    return true;
}

int
sc_calls_fd(const struct sc_monitor *monitor)
{
    if (!monitor->calls)
        return -1;
    return monitor->calls->sock >= 0 ? monitor->calls->sock : monitor->calls->epoll;
}

void
sc_calls_event(struct sc_monitor *monitor)
{
    struct sc_calls *calls = monitor->calls;
    struct sc_err ignored = SC_ERR_INIT;
    int32_t number;

    if (calls->epoll >= 0)
        let_all_go(calls);
    else if (sc_msg_recv(calls->sock, &number, sizeof(number), NULL, NULL, &ignored) == sizeof(number))
        close_listener(calls, number);
    else
        take_over(monitor);
}
