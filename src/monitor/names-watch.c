/* sc-monitor's part of names.h: it starts sc-names when a question waits, and again after its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "monitor/monitor-priv.h"

#define PAUSE_NS                                                                                                       \
    INT64_C(200000000) /* from one start to the next: a program that does not live must not keep us busy               \
                        */
#define MS_NS INT64_C(1000000)

enum { UDP_FD = 3, TCP_FD, FIRST_OTHER, ARGS_MAX = 16 };

bool
sc_names_is_due(const struct sc_monitor *monitor)
{
    return monitor->names_pid == 0 && (monitor->names_next == 0 || sc_time_monotonic() >= monitor->names_next);
}

int
sc_names_wait(const struct sc_monitor *monitor, int wait)
{
    int64_t left = monitor->names_next - (monitor->names_next ? sc_time_monotonic() : 0);
    int msec = (int)(left / MS_NS) + 1;

    if (monitor->config.names_udp < 0 || monitor->names_pid != 0 || left <= 0)
        return wait;
    return wait < 0 || wait > msec ? msec : wait;
}

/* [child] names: "PROGRAM\nLEASES\nSERVER..", ours to change. */
static _Noreturn void
execute(const struct sc_monitor_config *config, char *names)
{
    char udp[SC_NUM_MAX], tcp[SC_NUM_MAX], *save = NULL, *program = strtok_r(names, "\n", &save);
    char *argv[ARGS_MAX] = {program, udp, tcp, (char *)(uintptr_t)config->id, strtok_r(NULL, "\n", &save)};
    char *envp[] = {NULL};

    for (size_t i = 5; i + 1 < ARGS_MAX && argv[i - 1]; i++)
        argv[i] = strtok_r(NULL, "\n", &save);
    (void)snprintf(udp, sizeof(udp), "%d", UDP_FD);
    (void)snprintf(tcp, sizeof(tcp), "%d", TCP_FD);
    /* neither may be where the other belongs */
    int high_udp = fcntl(config->names_udp, F_DUPFD, FIRST_OTHER),
        high_tcp = fcntl(config->names_tcp, F_DUPFD, FIRST_OTHER);

    if (program && high_udp >= 0 && high_tcp >= 0 && dup2(high_udp, UDP_FD) == UDP_FD &&
        dup2(high_tcp, TCP_FD) == TCP_FD && sc_fds_close(-1, FIRST_OTHER, ~0U) == 0)
        (void)execve(program, argv, envp);
    _exit(127);
}

void
sc_names_asked(struct sc_monitor *monitor)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_free char *copy = NULL;
    pid_t child;

    if (!sc_names_is_due(monitor))
        return;
    monitor->names_next = sc_time_monotonic() + PAUSE_NS;
    copy = strdup(monitor->config.names ? monitor->config.names : "");
    child = copy ? fork() : -1;
    if (child == 0)
        execute(&monitor->config, copy);
    if (child < 0)
        return; /* without memory for it: again after the pause */
    monitor->names_pid = child;
    monitor->names_fd = sc_pidfd_open(child, 0, &ignored);
    if (monitor->names_fd >= 0)
        return;
    (void)kill(child, SIGKILL); /* nobody would hear of its end */
    sc_names_ended(monitor);
}

void
sc_names_ended(struct sc_monitor *monitor)
{
    while (waitpid(monitor->names_pid, NULL, 0) < 0 && errno == EINTR)
        ;
    sc_closep(&monitor->names_fd);
    monitor->names_pid = 0;
}

void
sc_names_stop(struct sc_monitor *monitor)
{
    if (monitor->names_pid > 0) {
        (void)kill(monitor->names_pid, SIGKILL);
        sc_names_ended(monitor);
    }
    sc_closep(&monitor->config.names_udp);
    sc_closep(&monitor->config.names_tcp);
}
