/* The container's view of /proc: when its server ends before the container does, the real files must show again. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "monitor/monitor-priv.h"
#include "monitor/view.h"

void
sc_view_watch(struct sc_monitor *monitor)
{
    struct sc_err ignored = SC_ERR_INIT;
    char number[SC_NUM_MAX] = "";
    /* lint: the engine's own */
    sc_cleanup_fd dir = open(monitor->config.run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_fd fd = dir < 0 ? -1 : openat(dir, SC_VIEW_PID_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || read(fd, number, sizeof(number) - 1) <= 0)
        return;
    monitor->view_fd = sc_pidfd_open((pid_t)strtol(number, NULL, 10), 0, &ignored);
    if (monitor->view_fd < 0) /* it has ended already */
        sc_view_ended(monitor);
}

/* [child] */
static void
enter_and_uncover(const struct sc_monitor_config *config)
{
    char path[64];
    sc_cleanup_fd ns = -1;

    /* A pidfd is Linux 5.8's; before, the process is still there, so it is that one which is opened. */
    if (setns(config->pidfd, CLONE_NEWNS) < 0) {
        (void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)config->pid);
        ns = open(path, O_RDONLY | O_CLOEXEC); /* lint: the host's own /proc */
        if (ns < 0 || setns(ns, CLONE_NEWNS) < 0)
            return;
    }
    if (chdir("/") == 0) /* lint: the root of that namespace */
        sc_view_uncover();
}

void
sc_view_ended(struct sc_monitor *monitor)
{
    pid_t child;

    sc_closep(&monitor->view_fd);
    child = fork();
    if (child == 0) {
        enter_and_uncover(&monitor->config);
        _exit(0);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}
