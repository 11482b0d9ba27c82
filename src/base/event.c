/* The log of events: one line of JSON each, appended by whoever does it, the commands and the monitors. There is no
 * daemon to ask: `sc events` reads the file and watches it. musl-clean: only base. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/event.h"

/* Two generations are kept. Who has the old file open still appends to it, and readers finish it first. */
static void
rotate(int run_root_fd, int fd)
{
    struct stat mine, now;

    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return; /* another one is at it */
    if (fstat(fd, &mine) == 0 && fstatat(run_root_fd, SC_EVENT_FILE, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
        mine.st_ino == now.st_ino)
        (void)renameat(run_root_fd, SC_EVENT_FILE, run_root_fd, SC_EVENT_FILE_OLD);
}

void
sc_event_add(int run_root_fd, const struct sc_event *event)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_buf line = SC_BUF_INIT;
    sc_cleanup_fd fd = -1;
    struct stat st;

    sc_buf_addf(&line, "{\"timeNano\":%lld,\"Type\":\"%s\",\"Action\":", (long long)sc_time_now(), event->type);
    sc_buf_add_json(&line, event->action, strlen(event->action));
    sc_buf_adds(&line, ",\"ID\":");
    sc_buf_add_json(&line, event->id, strlen(event->id));
    sc_buf_addf(&line, ",\"Attributes\":{%s%s%s}}\n", event->more ? event->more : "",
                event->more && *event->more && event->attributes && *event->attributes ? "," : "",
                event->attributes ? event->attributes : "");
    fd = openat(run_root_fd, SC_EVENT_FILE, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || line.has_failed)
        return;
    /* One write: lines of several writers stand behind each other. What cannot be written is lost, not waited for. */
    (void)!sc_io_write_all(fd, line.data, line.len, &ignored);
    if (fstat(fd, &st) == 0 && st.st_size > SC_EVENT_FILE_MAX)
        rotate(run_root_fd, fd);
}
