/* Reading a log in the json-file format, over its rotated files and while it grows. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/log-priv.h"
#include "monitor/monitor.h"

#define BLOCK        16384   /* on the stack, whose limit may be small */
#define FILES_MAX    1000    /* rotated files that are looked at */
#define RECORD_MAX   1048576 /* a longer line is no record of ours */
#define OPEN_TRIES   50      /* against rotations meanwhile */
#define ASK_EVERY_MS 250     /* is_running is a question, not an event */

struct log_file {
    int fd;
    int64_t at; /* offset of the next record */
};

struct reader {
    const struct sc_log_query *query;
    sc_log_line_fn line;
    void *data;
    int dir_fd;
    const char *name;      /* of the newest file, in dir_fd */
    struct sc_buf pending; /* the start of a record */
    struct sc_buf log;     /* the output in the record at hand */
    struct sc_buf timed;   /* the same with its time and details before it */
    bool is_inside[2];     /* stdout, stderr: the last record did not end its line */
    bool is_over;          /* --until was reached, or line asked to stop */
};

static void
reader_release(struct reader *reader)
{
    sc_closep(&reader->dir_fd);
    sc_buf_release(&reader->pending);
    sc_buf_release(&reader->log);
    sc_buf_release(&reader->timed);
}

/* index 0 is the newest: "log.json", 1 is "log.json.1" */
static void
file_name(const struct reader *reader, int index, char out[NAME_MAX + 16])
{
    if (index == 0)
        (void)snprintf(out, NAME_MAX + 16, "%s", reader->name);
    else
        (void)snprintf(out, NAME_MAX + 16, "%s.%d", reader->name, index);
}

static int
file_open(const struct reader *reader, int index)
{
    char name[NAME_MAX + 16];

    file_name(reader, index, name);
    return openat(reader->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

static bool
is_same_file(int a, int b)
{
    struct stat sa, sb;

    return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* ---- records ----------------------------------------------------------------------------------- */

static int
emit(struct reader *reader, const struct sc_log_record *record, struct sc_err *err)
{
    const struct sc_buf *text = &reader->log;
    bool starts_line = !reader->is_inside[record->is_stderr];

    reader->is_inside[record->is_stderr] = text->len > 0 && text->data[text->len - 1] != '\n';
    if ((reader->query->timestamps || reader->query->details) && starts_line) {
        sc_buf_clear(&reader->timed);
        if (reader->query->timestamps)
            sc_buf_addf(&reader->timed, "%s ", record->time);
        if (reader->query->details) {
            if (record->attributes != NULL)
                sc_log_attributes_print(record->attributes, record->attributes_len, &reader->timed);
            sc_buf_addc(&reader->timed, ' ');
        }
        sc_buf_add(&reader->timed, text->data, text->len);
        if (sc_buf_check(&reader->timed, err) < 0)
            return -1;
        text = &reader->timed;
    }
    if (reader->line(record->is_stderr, sc_buf_str(text), text->len, reader->data) != 0)
        reader->is_over = true;
    return 0;
}

/* One line of the file, without its newline. What is no record is passed over: a crash may have torn it. */
static int
on_record(struct reader *reader, const char *line, size_t len, struct sc_err *err)
{
    const struct sc_log_query *query = reader->query;
    struct sc_log_record record;
    bool is_record = sc_log_record_parse(line, len, &record, &reader->log);

    if (sc_buf_check(&reader->log, err) < 0)
        return -1;
    if (!is_record || (query->since && record.when < query->since))
        return 0;
    if (query->until && record.when > query->until) {
        reader->is_over = true;
        return 0;
    }
    return emit(reader, &record, err);
}

/* Splits what was read into records; the last one may be incomplete. */
static int
on_block(struct reader *reader, const char *block, size_t len, struct sc_err *err)
{
    while (len > 0 && !reader->is_over) {
        const char *newline = memchr(block, '\n', len);
        size_t take = newline ? (size_t)(newline - block) : len;
        int result;

        if (!newline || reader->pending.len > 0) {
            sc_buf_add(&reader->pending, block, take);
            if (sc_buf_check(&reader->pending, err) < 0)
                return -1;
            if (reader->pending.len > RECORD_MAX)
                sc_buf_clear(&reader->pending);
        }
        if (!newline)
            return 0;
        if (reader->pending.len > 0)
            result = on_record(reader, reader->pending.data, reader->pending.len, err);
        else
            result = on_record(reader, block, take, err);
        if (result < 0)
            return -1;
        sc_buf_clear(&reader->pending);
        block = newline + 1;
        len -= take + 1;
    }
    return 0;
}

/* Reads the file from where it stands to its present end. */
static int
read_to_end(struct reader *reader, struct log_file *file, struct sc_err *err)
{
    char block[BLOCK];

    while (!reader->is_over) {
        ssize_t got = pread(file->fd, block, sizeof(block), (off_t)file->at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read log \"%s\"", reader->name);
        if (got == 0)
            return 0;
        file->at += got;
        if (on_block(reader, block, (size_t)got, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- the last n records, found from the end -------------------------------------------------------- */

/* Sets file->at so that at most *lines records follow, and takes those that do off *lines. */
static int
seek_tail(const struct reader *reader, struct log_file *file, int64_t *lines, struct sc_err *err)
{
    char block[BLOCK];
    struct stat st;
    int64_t end, found = -1; /* the newline that ends the last record starts none */

    if (fstat(file->fd, &st) < 0)
        return sc_err_errno(err, errno, "read log \"%s\"", reader->name);
    end = st.st_size;
    while (end > 0) {
        size_t want = end < BLOCK ? (size_t)end : BLOCK;
        ssize_t got = pread(file->fd, block, want, (off_t)(end - (int64_t)want));

        if (got < 0 && errno == EINTR)
            continue;
        if (got != (ssize_t)want)
            return sc_err_errno(err, got < 0 ? errno : EIO, "read log \"%s\"", reader->name);
        for (const char *at = block + want; (at = memrchr(block, '\n', (size_t)(at - block)));) {
            if (++found < *lines)
                continue;
            file->at = end - (int64_t)want + (at - block) + 1;
            *lines = 0;
            return 0;
        }
        end -= (int64_t)want;
    }
    file->at = 0;
    *lines -= found + 1; /* the first record has no newline before it */
    return 0;
}

/* ---- several files ------------------------------------------------------------------------------------ */

static void
files_close(struct log_file *files, int count)
{
    for (int i = 0; i < count; i++)
        sc_closep(&files[i].fd);
}

/* Walks the files from the newest to the oldest. A rotation renames from the oldest to the newest, so at any moment one
 * number may be missing; two in a row are the end. */
struct walk {
    int index, missing;
};
#define WALK_INIT                                                                                                      \
    {                                                                                                                  \
        .index = -1, .missing = 0                                                                                      \
    }

/* The next file that is there, or -1 after the last; walk->index is its number. */
static int
walk_next(const struct reader *reader, struct walk *walk)
{
    while (walk->missing < 2 && ++walk->index < FILES_MAX) {
        int fd = file_open(reader, walk->index);

        if (fd >= 0) {
            walk->missing = 0;
            return fd;
        }
        walk->missing++;
    }
    return -1;
}

/* Opens the files, the newest first, as many as --tail needs. Returns how many. */
static int
files_open_once(const struct reader *reader, struct log_file *files, struct sc_err *err)
{
    int64_t lines = reader->query->tail;
    struct walk walk = WALK_INIT;
    int count = 0;

    while (lines != 0 || count == 0) {
        struct log_file file = {.fd = walk_next(reader, &walk)};

        if (file.fd < 0)
            break;
        if (count > 0 && is_same_file(files[count - 1].fd, file.fd)) { /* renamed since */
            sc_closep(&file.fd);
            continue;
        }
        files[count++] = file;
        if (lines >= 0 && seek_tail(reader, &files[count - 1], &lines, err) < 0) {
            files_close(files, count);
            return -1;
        }
    }
    return count;
}

/* The same, again when the newest file has become another meanwhile: then numbers and order may be wrong. */
static int
files_open(const struct reader *reader, struct log_file *files, struct sc_err *err)
{
    for (int i = 0;; i++) {
        int count = files_open_once(reader, files, err);
        sc_cleanup_fd newest = count > 0 ? file_open(reader, 0) : -1;

        if (count <= 0 || i == OPEN_TRIES || (newest >= 0 && is_same_file(newest, files[0].fd)))
            return count;
        files_close(files, count);
    }
}

/* ---- following -------------------------------------------------------------------------------------------- */

enum next { NEXT_NONE, NEXT_AGAIN /* a rotation is at work */, NEXT_EMPTIED, NEXT_FOUND };

/* Opens the file begun after file, whose number was index when it was looked up; -1 when a rotation came between. */
static int
open_newer(const struct reader *reader, const struct log_file *file, int index)
{
    sc_cleanup_fd newer = file_open(reader, index - 1);
    sc_cleanup_fd again = -1;

    if (newer < 0 && index > 1) { /* the number that a rotation at work leaves free */
        newer = file_open(reader, index - 2);
        again = file_open(reader, index - 1);
        if (again >= 0)
            return -1;
    }
    again = file_open(reader, index);
    if (newer < 0 || again < 0 || !is_same_file(again, file->fd))
        return -1;
    return sc_steal_fd(&newer);
}

/* What came after file: nothing yet; itself, emptied (a log of one file is not rotated); or *newer, the file begun
 * after it. */
static enum next
find_next(const struct reader *reader, const struct log_file *file, struct log_file *newer)
{
    struct walk walk = WALK_INIT;
    int oldest = -1;
    struct stat st;

    for (;;) {
        sc_cleanup_fd here = walk_next(reader, &walk);

        if (here < 0)
            break;
        oldest = walk.index;
        if (!is_same_file(here, file->fd))
            continue;
        if (oldest == 0)
            return fstat(here, &st) == 0 && st.st_size < file->at ? NEXT_EMPTIED : NEXT_NONE;
        newer->fd = open_newer(reader, file, oldest);
        return newer->fd >= 0 ? NEXT_FOUND : NEXT_AGAIN;
    }
    /* The writer was so fast that our file is gone: the oldest that is left comes next. With --rm, none is. */
    newer->fd = oldest >= 0 ? file_open(reader, oldest) : -1;
    return newer->fd >= 0 ? NEXT_FOUND : NEXT_NONE;
}

/* Reads all there is, through any number of rotations. */
static int
catch_up(struct reader *reader, struct log_file *file, struct sc_err *err)
{
    for (int tries = 0; tries < OPEN_TRIES;) {
        struct log_file newer = {.fd = -1};

        if (read_to_end(reader, file, err) < 0)
            return -1;
        if (reader->is_over)
            return 0;
        switch (find_next(reader, file, &newer)) {
        case NEXT_NONE:
            return 0;
        case NEXT_AGAIN:
            tries++;
            break;
        case NEXT_EMPTIED:
            file->at = 0;
            sc_buf_clear(&reader->pending);
            break;
        case NEXT_FOUND: {
            /* The last records may have come between our end of file and the rotation. */
            int result = read_to_end(reader, file, err);

            sc_closep(&file->fd);
            *file = newer;
            sc_buf_clear(&reader->pending);
            if (result < 0)
                return -1;
            tries = 0;
            break;
        }
        }
    }
    return 0;
}

/* Sleeps until something happens in the log's directory, or it is time to ask whether the container still runs. */
static void
wait_for_change(int notify_fd)
{
    struct pollfd event = {.fd = notify_fd, .events = POLLIN};
    char events[4096];

    if (poll(&event, 1, ASK_EVERY_MS) > 0)
        (void)!read(notify_fd, events, sizeof(events));
}

static int
watch(const struct reader *reader, struct sc_err *err)
{
    sc_cleanup_fd notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", reader->dir_fd);
    /* lint: our own fd */
    if (notify_fd < 0 || inotify_add_watch(notify_fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0) {
        const int errnum = errno;

        sc_err_errno(err, errnum, "watch log \"%s\"", reader->name);
        return sc_err_watch_remedy(err, errnum);
    }
    return sc_steal_fd(&notify_fd);
}

/* Where there was no log when we came: it begins with the oldest file that is there now. */
static int
oldest_open(const struct reader *reader)
{
    struct walk walk = WALK_INIT;
    int oldest = -1;

    for (int fd; (fd = walk_next(reader, &walk)) >= 0; oldest = fd)
        sc_closep(&oldest);
    return oldest;
}

static int
follow(struct reader *reader, struct log_file *file, int notify_fd, sc_log_running_fn is_running, struct sc_err *err)
{
    for (;;) {
        bool runs = is_running(reader->data); /* asked before reading: what is written before the end is read */

        if (file->fd < 0)
            *file = (struct log_file){.fd = oldest_open(reader)};
        if (file->fd >= 0 && catch_up(reader, file, err) < 0)
            return -1;
        if (!runs || reader->is_over)
            return 0;
        wait_for_change(notify_fd);
    }
}

static int
read_files(struct reader *reader, sc_log_running_fn is_running, struct sc_err *err)
{
    bool follows = reader->query->follow && is_running;
    struct log_file files[FILES_MAX];
    sc_cleanup_fd notify_fd = -1;
    int count, result = 0;

    if (follows && (notify_fd = watch(reader, err)) < 0)
        return -1;
    count = files_open(reader, files, err);
    if (count < 0)
        return -1;
    if (count == 0)
        files[count++] = (struct log_file){.fd = -1};
    for (int i = count - 1; i >= 0 && result == 0 && !reader->is_over; i--) {
        if (files[i].fd >= 0)
            result = read_to_end(reader, &files[i], err);
        if (i > 0)
            sc_buf_clear(&reader->pending); /* a torn end */
    }
    if (result == 0 && follows && !reader->is_over)
        result = follow(reader, &files[0], notify_fd, is_running, err);
    files_close(files, count);
    return result;
}

int
sc_log_read(const char *log_path, const struct sc_log_query *query, sc_log_running_fn is_running, sc_log_line_fn line,
            void *data, struct sc_err *err)
{
    __attribute__((cleanup(reader_release))) struct reader reader = {
        .query = query, .line = line, .data = data, .dir_fd = -1};
    const char *slash = strrchr(log_path, '/');
    char dir[PATH_MAX];

    if (!slash || slash[1] == '\0' || strlen(slash + 1) > NAME_MAX || (size_t)(slash - log_path) + 2 > sizeof(dir))
        return sc_err_set(err, SC_ERR_INVALID, "read log \"%s\": it is not the absolute path of a file", log_path);
    (void)snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - log_path), log_path);
    reader.name = slash + 1;
    reader.dir_fd = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* lint: the engine's own directory */
    if (reader.dir_fd < 0)
        return errno == ENOENT ? 0 : sc_err_errno(err, errno, "read log \"%s\": open its directory", log_path);
    return read_files(&reader, is_running, err);
}
