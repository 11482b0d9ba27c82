#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/log-priv.h"

#define BATCH_TARGET 65536 /* bytes of records after which they are written */
#define NOTE_MAX     320

/* The end of every record of one sc_log_write: `,"stream":"stdout"`, the attributes, `,"time":"..."}` and a newline. */
struct record_tail {
    char stream[24], time[56];
    size_t stream_len, time_len;
};

static void
record_tail_make(struct record_tail *tail, bool is_stderr, int64_t now)
{
    char time[SC_TIME_MAX];

    sc_time_format(now, time);
    tail->stream_len =
        (size_t)snprintf(tail->stream, sizeof(tail->stream), ",\"stream\":\"%s\"", is_stderr ? "stderr" : "stdout");
    tail->time_len = (size_t)snprintf(tail->time, sizeof(tail->time), ",\"time\":\"%s\"}\n", time);
}

static int
log_open_file(struct sc_log_writer *log)
{
    return openat(log->dir_fd, log->name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
}

int
sc_log_open(struct sc_log_writer *log, const char *path, int64_t max_size, int max_files, struct sc_err *err)
{
    const char *slash = strrchr(path, '/');
    char dir[PATH_MAX];
    struct stat st;

    *log = (struct sc_log_writer)SC_LOG_WRITER_INIT;
    if (!slash || slash[1] == '\0' || (size_t)(slash - path) + 2 > sizeof(dir))
        return sc_err_set(err, SC_ERR_INVALID, "open log \"%s\": it is not the absolute path of a file", path);
    (void)snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - path), path);
    log->name = slash + 1;
    log->max_size = log->rotate_at = max_size;
    log->max_files = max_files;
    log->dir_fd = openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_CLOEXEC); /* lint: the engine's own directory */
    if (log->dir_fd < 0)
        return sc_err_errno(err, errno, "open log \"%s\": open its directory", path);
    log->fd = log_open_file(log);
    if (log->fd < 0)
        return sc_err_errno(err, errno, "open log \"%s\"", path);
    if (fstat(log->fd, &st) < 0)
        return sc_err_errno(err, errno, "open log \"%s\"", path);
    log->size = st.st_size;
    return 0;
}

/* path.(n-2) -> path.(n-1), ..., path -> path.1, and a new path. */
static bool
log_rotate(struct sc_log_writer *log)
{
    char from[NAME_MAX + 16], to[NAME_MAX + 16];
    int fd;

    if (log->max_files <= 1) {
        if (ftruncate(log->fd, 0) < 0)
            return false;
        log->size = 0;
        return true;
    }
    for (int i = log->max_files - 2; i >= 1; i--) {
        (void)snprintf(from, sizeof(from), "%s.%d", log->name, i);
        (void)snprintf(to, sizeof(to), "%s.%d", log->name, i + 1);
        (void)renameat(log->dir_fd, from, log->dir_fd, to);
    }
    (void)snprintf(to, sizeof(to), "%s.1", log->name);
    if (renameat(log->dir_fd, log->name, log->dir_fd, to) < 0)
        return false;
    fd = log_open_file(log);
    if (fd < 0) {
        (void)renameat(log->dir_fd, to, log->dir_fd, log->name);
        return false;
    }
    (void)close(log->fd);
    log->fd = fd;
    log->size = 0;
    return true;
}

/* All of data, or none: the file ends at a record's end either way. */
static int
log_append(struct sc_log_writer *log, const char *data, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t written = write(log->fd, data + done, len - done);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            log->lost_errno = written < 0 ? errno : ENOSPC;
            (void)!ftruncate(log->fd, (off_t)log->size);
            return -1;
        }
        done += (size_t)written;
    }
    log->size += (int64_t)len;
    return 0;
}

/* Says in the log what is not in it. */
static int
log_note_loss(struct sc_log_writer *log)
{
    struct record_tail tail;
    char note[NOTE_MAX];
    int len;

    if (log->lost_bytes == 0)
        return 0;
    record_tail_make(&tail, true, sc_time_now());
    len = snprintf(note, sizeof(note), "{\"log\":\"sc-monitor: %llu bytes of output are missing here: %s\\n\"%s%s",
                   (unsigned long long)log->lost_bytes, strerror(log->lost_errno), tail.stream, tail.time);
    if (log_append(log, note, (size_t)len) < 0)
        return -1;
    log->lost_bytes = 0;
    return 0;
}

/* Writes the first len bytes of the batch, which hold bytes of output. */
static void
batch_write(struct sc_log_writer *log, size_t len, uint64_t bytes)
{
    if (len > 0 && (log_note_loss(log) < 0 || log_append(log, log->batch.data, len) < 0))
        log->lost_bytes += bytes;
    log->batch_bytes -= bytes;
    if (len == log->batch.len) {
        sc_buf_clear(&log->batch);
        return;
    }
    memmove(log->batch.data, log->batch.data + len, log->batch.len - len + 1);
    log->batch.len -= len;
}

/* One record: a line, or a piece of one. */
static void
log_add(struct sc_log_writer *log, const struct record_tail *tail, const char *data, size_t len)
{
    size_t start = log->batch.len;

    sc_buf_adds(&log->batch, "{\"log\":");
    sc_buf_add_json(&log->batch, data, len);
    sc_buf_add(&log->batch, tail->stream, tail->stream_len);
    if (log->attributes != NULL) {
        sc_buf_adds(&log->batch, ",\"attrs\":");
        sc_buf_adds(&log->batch, log->attributes);
    }
    sc_buf_add(&log->batch, tail->time, tail->time_len);
    log->batch_bytes += len;
    if (log->batch.has_failed) { /* no memory: the batch goes, the container stays */
        log->lost_bytes += log->batch_bytes;
        log->lost_errno = ENOMEM;
        log->batch_bytes = 0;
        sc_buf_release(&log->batch);
        return;
    }
    if (log->max_size > 0 && log->size + (int64_t)log->batch.len > log->rotate_at && log->size + (int64_t)start > 0) {
        batch_write(log, start, log->batch_bytes - len);
        /* Where that fails, as in a directory that is gone, the old file grows on: by so much until the next try. */
        log->rotate_at = log_rotate(log) ? log->max_size : log->size + log->max_size;
    }
    if (log->batch.len >= BATCH_TARGET)
        batch_write(log, log->batch.len, log->batch_bytes);
}

size_t
sc_log_cut(const char *data, size_t max)
{
    size_t back = 0;
    unsigned char lead;

    /* At most three continuation bytes can precede the cut. */
    while (back < 3 && back < max && ((unsigned char)data[max - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back == max)
        return max;
    lead = (unsigned char)data[max - 1 - back];
    if ((lead >= 0xc2 && lead <= 0xdf && back < 1) || (lead >= 0xe0 && lead <= 0xef && back < 2) ||
        (lead >= 0xf0 && lead <= 0xf4 && back < 3))
        return max - 1 - back;
    return max;
}

/* Keeps the start of a line until the rest comes. */
static void
hold_add(struct sc_log_writer *log, struct sc_log_hold *hold, const struct record_tail *tail, const char *data,
         size_t len)
{
    if (!hold->data)
        hold->data = malloc(SC_LOG_LINE_MAX);
    if (!hold->data) { /* no memory to wait in: a record of its own */
        log_add(log, tail, data, len);
        return;
    }
    memcpy(hold->data + hold->len, data, len);
    hold->len += len;
}

/* Emits the held bytes, all or (at a full line's piece) without a character that is not complete yet. */
static void
hold_flush(struct sc_log_writer *log, struct sc_log_hold *hold, const struct record_tail *tail, size_t len)
{
    log_add(log, tail, hold->data, len);
    memmove(hold->data, hold->data + len, hold->len - len);
    hold->len -= len;
}

void
sc_log_write(struct sc_log_writer *log, bool is_stderr, const char *data, size_t len, int64_t now)
{
    struct sc_log_hold *hold = &log->holds[is_stderr];
    struct record_tail tail;

    if (log->fd < 0)
        return;
    record_tail_make(&tail, is_stderr, now);
    while (len > 0) {
        size_t room = SC_LOG_LINE_MAX - hold->len;
        size_t take = len < room ? len : room;
        const char *newline = memchr(data, '\n', take);

        if (newline)
            take = (size_t)(newline - data) + 1;
        if (hold->len == 0 && newline) { /* the common case copies nothing */
            log_add(log, &tail, data, take);
        } else if (hold->len == 0 && take == SC_LOG_LINE_MAX) {
            take = sc_log_cut(data, take);
            log_add(log, &tail, data, take);
        } else {
            hold_add(log, hold, &tail, data, take);
            if (newline && hold->len > 0)
                hold_flush(log, hold, &tail, hold->len);
            else if (hold->len == SC_LOG_LINE_MAX)
                hold_flush(log, hold, &tail, sc_log_cut(hold->data, hold->len));
        }
        data += take;
        len -= take;
    }
    batch_write(log, log->batch.len, log->batch_bytes);
}

void
sc_log_finish(struct sc_log_writer *log, int64_t now)
{
    if (log->fd < 0)
        return;
    for (int i = 0; i < 2; i++) {
        struct record_tail tail;

        if (log->holds[i].len == 0)
            continue;
        record_tail_make(&tail, i == 1, now);
        hold_flush(log, &log->holds[i], &tail, log->holds[i].len);
    }
    batch_write(log, log->batch.len, log->batch_bytes);
    (void)log_note_loss(log);
}

void
sc_log_trim(struct sc_log_writer *log)
{
    sc_buf_release(&log->batch);
    for (int i = 0; i < 2; i++) {
        if (log->holds[i].len == 0)
            sc_freep(&log->holds[i].data);
    }
}

void
sc_log_release(struct sc_log_writer *log)
{
    sc_closep(&log->dir_fd);
    sc_closep(&log->fd);
    sc_buf_release(&log->batch);
    for (int i = 0; i < 2; i++) {
        sc_freep(&log->holds[i].data);
        log->holds[i].len = 0;
    }
}
