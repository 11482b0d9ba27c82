/* Reading the log of events (monitor/event.c writes it): first the file of before, then the present one, and on into
 * the next when they are exchanged. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"

#define CHUNK 65536

void
sc_event_reader_open(int run_root_fd, struct sc_event_reader *out)
{
    *out = (struct sc_event_reader){.dir_fd = run_root_fd};
    out->fd = openat(run_root_fd, SC_EVENT_FILE_OLD, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

void
sc_event_reader_close(struct sc_event_reader *reader)
{
    sc_closep(&reader->fd);
    sc_buf_release(&reader->pending);
}

static bool
read_more(struct sc_event_reader *reader)
{
    char chunk[CHUNK];
    ssize_t got = reader->fd < 0 ? 0 : read(reader->fd, chunk, sizeof(chunk));

    if (got > 0)
        sc_buf_add(&reader->pending, chunk, (size_t)got);
    return got > 0 && !reader->pending.has_failed;
}

/* At the end of a file: the one that came after it, if there is one. */
static bool
next_file(struct sc_event_reader *reader)
{
    sc_cleanup_fd now = openat(reader->dir_fd, SC_EVENT_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat mine, theirs;

    if (now < 0)
        return false;
    if (reader->fd >= 0 && fstat(reader->fd, &mine) == 0 && fstat(now, &theirs) == 0 && mine.st_ino == theirs.st_ino)
        return false;
    sc_closep(&reader->fd);
    reader->fd = sc_steal_fd(&now);
    return true;
}

json_t *
sc_event_next(struct sc_event_reader *reader)
{
    for (;;) {
        const char *start = sc_buf_str(&reader->pending) + reader->at;
        const char *end = memchr(start, '\n', reader->pending.len - reader->at);
        struct sc_err ignored = SC_ERR_INIT;
        json_t *json = NULL;

        if (end) {
            reader->at += (size_t)(end - start) + 1;
            if (sc_json_parse(start, (size_t)(end - start), "event", &json, &ignored) == 0)
                return json;
            json_decref(json); /* half a line of a full disk */
            continue;
        }
        if (reader->at > 0) { /* what is left is the start of a line */
            memmove(reader->pending.data, reader->pending.data + reader->at, reader->pending.len - reader->at);
            reader->pending.len -= reader->at;
            reader->at = 0;
        }
        if (!read_more(reader) && !next_file(reader))
            return NULL;
    }
}
