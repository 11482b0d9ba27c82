/* Memory that ran out: noticing it when it happens, and whom the kernel chose. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup.h"
#include "monitor/monitor-priv.h"

#define RECORD_MAX 8192

/* cgroup-v1/memory.rst, "OOM Control": an eventfd that is named, with the file it watches, in cgroup.event_control. */
static int
watch1(int dir)
{
    struct sc_err ignored = SC_ERR_INIT;
    char control[64];
    sc_cleanup_fd event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sc_cleanup_fd watched = openat(dir, "memory.oom_control", O_RDONLY | O_CLOEXEC);

    (void)snprintf(control, sizeof(control), "%d %d", event, watched);
    if (event < 0 || watched < 0 || sc_file_write_at(dir, "cgroup.event_control", control, &ignored) < 0)
        return -1;
    return sc_steal_fd(&event);
}

void
sc_oom_watch(struct sc_monitor *monitor)
{
    const struct sc_monitor_config *config = &monitor->config;
    sc_cleanup_fd dir = -1;

    if (!config->watches_oom || !config->memory_dir)
        return;
    /* lint: a cgroup directory that the engine made */
    dir = open(config->memory_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir >= 0) /* v2: the file says with POLLPRI that it has changed */
        monitor->oom_fd = config->memory_is_v2 ? openat(dir, "memory.events", O_RDONLY | O_CLOEXEC) : watch1(dir);
}

/* Tells of the kills that have not been told of. */
void
sc_oom_tell(struct sc_monitor *monitor)
{
    const struct sc_monitor_config *config = &monitor->config;
    struct sc_err ignored = SC_ERR_INIT;
    uint64_t kills = 0, drained;
    char text[512];

    if (monitor->oom_fd < 0)
        return;
    if (config->memory_is_v2)
        (void)!pread(monitor->oom_fd, text, sizeof(text), 0); /* arms it again */
    else
        (void)!read(monitor->oom_fd, &drained, sizeof(drained));
    if (sc_cgroup_oom_kills(config->memory_dir, config->memory_is_v2, &kills, &ignored) < 0)
        return;
    for (; monitor->oom_told < kills; monitor->oom_told++)
        sc_monitor_event(monitor, "oom", NULL);
}

/* Of the last of its processes that was chosen, by the kernel's log. */
void
sc_oom_victim(const struct sc_monitor *monitor, struct sc_buf *victim, struct sc_buf *place)
{
    char record[RECORD_MAX];
    sc_cleanup_fd log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* lint: the host's own */
    ssize_t got;

    while (log >= 0 && ((got = read(log, record, sizeof(record) - 1)) > 0 || (got < 0 && errno == EPIPE))) {
        if (got < 0)
            continue; /* the oldest records were overwritten */
        record[got] = '\0';
        (void)sc_oom_record(record, monitor->config.id, victim, place);
    }
}
