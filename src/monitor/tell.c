/* What the monitor says: in monitor.err, where nobody may be waiting, and in the log of events. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "monitor/monitor-priv.h"

#define EVENT_FILE_MAX ((size_t)1 << 20)

void
sc_monitor_complain(const struct sc_monitor *monitor, const struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_buf line = SC_BUF_INIT;
    sc_cleanup_fd dir = -1, fd = -1;

    dir = sc_dir_open_at(AT_FDCWD, monitor->config.run_dir, &ignored); /* lint: the engine's own directory */
    if (dir < 0)
        return;
    fd = openat(dir, "monitor.err", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    sc_buf_addf(&line, "%s\n", err->msg);
    if (fd >= 0 && !line.has_failed)
        (void)!sc_io_write_all(fd, line.data, line.len, &ignored);
}

int
sc_monitor_open_run_root(const struct sc_monitor *monitor)
{
    struct sc_err ignored = SC_ERR_INIT;
    /* lint: the engine's own directory */
    sc_cleanup_fd dir = sc_dir_open_at(AT_FDCWD, monitor->config.run_dir, &ignored);

    return dir < 0 ? -1 : openat(dir, "../..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void
sc_monitor_event_in(const struct sc_monitor *monitor, int run_root, const char *action, const char *more)
{
    const char *own = monitor->config.run_dir;
    sc_cleanup_buf renamed = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    char path[PATH_MAX];
    struct sc_event event = {.type = "container",
                             .action = action,
                             .id = monitor->config.id,
                             .attributes = monitor->config.event,
                             .more = more};
    int len = snprintf(path, sizeof(path), "%s/" SC_MONITOR_EVENT_FILE, own);

    if (run_root < 0 || !monitor->config.event)
        return;
    /* one that runs and is removed when it ends is never renamed */
    if (!monitor->config.is_rm && len > 0 && (size_t)len < sizeof(path) &&
        sc_file_read_at(AT_FDCWD, path, EVENT_FILE_MAX, &renamed, &ignored) == 0) /* lint: the engine's own */
        event.attributes = renamed.data;
    sc_event_add(run_root, &event);
}

void
sc_monitor_event(const struct sc_monitor *monitor, const char *action, const char *more)
{
    sc_cleanup_fd run_root = sc_monitor_open_run_root(monitor);

    sc_monitor_event_in(monitor, run_root, action, more);
}
