/* sc build: finds the Dockerfile, .dockerignore and the context. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/build-priv.h"
#include "cli/cli.h"
#include "kernel/kernel.h"

#define FILE_MAX_BYTES ((size_t)2 << 20)
#define NAME_DEFAULT   "Dockerfile"
#define HEAD           ((size_t)512) /* so much of standard input says what it is: a block of a tar */
#define SUM_AT         148
#define SUM_LEN        8
#define CHUNK          ((size_t)64 << 10)

void
sc_build_input_release(struct sc_build_input *input, struct sc_engine *engine)
{
    sc_buf_release(&input->text);
    sc_buf_release(&input->ignore);
    sc_closep(&input->context_fd);
    sc_build_context_release(engine, &input->unpacked);
}

/* A file of the context, which may be a stranger's: no link leads out of it, and nothing but a file is waited for. */
static int
read_in_context(int context_fd, const char *name, struct sc_buf *out, struct sc_err *err)
{
    const int status = sc_path_open_regular(-1, context_fd, name);
    sc_cleanup_fd fd = status < 0 ? -1 : status;

    if (status == -ENXIO)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\" of the build context is no file", name);
    if (status < 0)
        return sc_err_errno(err, -status, "open \"%s\" of the build context", name);
    return sc_file_read_fd(fd, FILE_MAX_BYTES, out, err) < 0 ? sc_err_wrap(err, "read \"%s\"", name) : 0;
}

/* A named pipe waits for who may never come; one that a shell made, as in -f <(command), has its writer. */
static int
read_named(const char *path, struct sc_buf *out, struct sc_err *err)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    sc_cleanup_fd fd = openat(AT_FDCWD, path, flags); /* lint: the caller's own */
    struct statfs fs;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
        return sc_err_errno(err, errno, "open \"%s\"", path);
    if (S_ISFIFO(st.st_mode) && fs.f_type != PIPEFS_MAGIC) {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\" is a named pipe", path);
        return sc_err_remedy(err, "name a file, or redirect the pipe: -f - <PIPE");
    }
    if (fcntl(fd, F_SETFL, 0) < 0)
        return sc_err_errno(err, errno, "open \"%s\"", path);
    return sc_file_read_fd(fd, FILE_MAX_BYTES, out, err) < 0 ? sc_err_wrap(err, "read \"%s\"", path) : 0;
}

/* A file that the caller named, or, with the context's descriptor, one of the context. */
static int
read_one(int dir_fd, const char *path, struct sc_buf *out, struct sc_err *err)
{
    return dir_fd == AT_FDCWD ? read_named(path, out, err) /* lint: the caller's own */
                              : read_in_context(dir_fd, path, out, err);
}

/* Absent: 0 and nothing read. */
static int
read_ignore(struct sc_build_input *input, int dir_fd, const char *path, struct sc_err *err)
{
    struct sc_err why = SC_ERR_INIT;

    if (input->has_ignore)
        return 0;
    if (read_one(dir_fd, path, &input->ignore, &why) == 0) {
        input->has_ignore = true;
        return 0;
    }
    if (why.kind == SC_ERR_NOT_FOUND)
        return 0;
    *err = why;
    return -1;
}

static int
open_context(struct sc_build_input *input, const char *path, struct sc_err *err)
{
    /* lint: the caller's own */
    input->context_fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (input->context_fd >= 0)
        return 0;
    return sc_err_errno(err, errno, "open the build context \"%s\"", path);
}

/* ---- standard input ---------------------------------------------------------------------------------------------- */

/* Of old tars too, which have no magic: the sum of the block, with blanks where it stands, is in it. */
static bool
is_tar_block(const char *data, size_t len)
{
    unsigned long sum = 0, said;
    char digits[SUM_LEN + 1];

    if (len < HEAD)
        return false;
    for (size_t i = 0; i < HEAD; i++)
        sum += i >= SUM_AT && i < SUM_AT + SUM_LEN ? ' ' : (unsigned char)data[i];
    memcpy(digits, data + SUM_AT, SUM_LEN);
    digits[SUM_LEN] = '\0';
    said = strtoul(digits, NULL, 8);
    return said > 0 && said == sum;
}

static bool
is_archive(const char *data, size_t len)
{
    static const struct {
        size_t len;
        const char *bytes;
    } known[] = {{3, "\x1f\x8b\x08"},
                 {3, "BZh"},
                 {6, "\xfd"
                     "7zXZ\0"},
                 {4, "\x28\xb5\x2f\xfd"}};

    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (len >= known[i].len && memcmp(data, known[i].bytes, known[i].len) == 0)
            return true;
    }
    return is_tar_block(data, len);
}

/* At most max bytes more, fewer only at its end. */
static int
read_more(struct sc_buf *text, size_t max, struct sc_err *err)
{
    char data[HEAD];

    while (max > 0) {
        ssize_t got = read(STDIN_FILENO, data, max < sizeof(data) ? max : sizeof(data));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read standard input");
        if (got == 0)
            break;
        sc_buf_add(text, data, (size_t)got);
        max -= (size_t)got;
    }
    return sc_buf_check(text, err);
}

/* The whole of standard input, of which the head is read, in a file without a name: who ends us leaves nothing. */
static int
spool(const struct sc_buf *head, const struct sc_engine *engine, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(engine->store.image_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    sc_cleanup_free char *data = malloc(CHUNK);
    ssize_t got = 0;

    if (!data)
        return sc_err_nomem(err);
    if (fd < 0)
        return sc_err_errno(err, errno, "make a temporary file");
    if (sc_io_write_all(fd, head->data, head->len, err) < 0)
        return sc_err_wrap(err, "keep the build context");
    while ((got = read(STDIN_FILENO, data, CHUNK)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read the build context from standard input");
        if (sc_io_write_all(fd, data, (size_t)got, err) < 0)
            return sc_err_wrap(err, "keep the build context");
    }
    if (lseek(fd, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "seek");
    return sc_steal_fd(&fd);
}

static int
check_stdin(struct sc_err *err)
{
    if (!isatty(STDIN_FILENO))
        return 0;
    sc_err_set(err, SC_ERR_INVALID, "standard input is a terminal");
    return sc_err_remedy(err, "redirect a Dockerfile or an archive to it, or name a directory");
}

static int
read_stdin(struct sc_build_input *input, struct sc_err *err)
{
    input->name = NAME_DEFAULT;
    if (check_stdin(err) < 0)
        return -1;
    return sc_file_read_fd(STDIN_FILENO, FILE_MAX_BYTES, &input->text, err) < 0
               ? sc_err_wrap(err, "read the Dockerfile from standard input")
               : 0;
}

/* ---- the Dockerfile ---------------------------------------------------------------------------------------------- */

/* As Docker's: the Dockerfile's own list of what to leave out, else the context's. dir: of the file. */
static int
read_file(struct sc_build_input *input, int dir, const char *file, struct sc_arena *arena, struct sc_err *err)
{
    const char *slash = strrchr(file, '/');
    char *own = sc_arena_printf(arena, "%s.dockerignore", file);

    if (!own)
        return sc_err_nomem(err);
    input->name = slash ? slash + 1 : file;
    if (read_one(dir, file, &input->text, err) < 0) {
        sc_err_wrap(err, "read the Dockerfile");
        return err->kind == SC_ERR_NOT_FOUND ? sc_err_remedy(err, "name it with -f FILE") : -1;
    }
    return read_ignore(input, dir, own, err);
}

/* A Dockerfile alone, or an archive that has one. */
static int
read_dash(struct sc_build_input *input, struct sc_engine *engine, const char *file, struct sc_arena *arena,
          struct sc_err *err)
{
    sc_cleanup_fd tar = -1;

    if (file && strcmp(file, "-") == 0)
        return sc_err_set(err, SC_ERR_INVALID, "conflicting: -f -, and a build context from standard input");
    if (check_stdin(err) < 0 || read_more(&input->text, HEAD, err) < 0)
        return -1;
    if (!is_archive(input->text.data, input->text.len)) {
        if (file)
            return sc_err_set(err, SC_ERR_INVALID, "conflicting: -f, and a Dockerfile from standard input");
        input->name = NAME_DEFAULT;
        if (read_more(&input->text, FILE_MAX_BYTES + 1 - input->text.len, err) < 0)
            return -1;
        return input->text.len > FILE_MAX_BYTES
                   ? sc_err_set(err, SC_ERR_INVALID, "the Dockerfile from standard input is longer than %zu bytes",
                                FILE_MAX_BYTES)
                   : 0;
    }
    tar = spool(&input->text, engine, err);
    if (tar < 0)
        return -1;
    sc_buf_clear(&input->text);
    if (sc_build_context_open(engine, tar, arena, &input->unpacked, err) < 0)
        return -1;
    input->context_fd = fcntl(input->unpacked.fd, F_DUPFD_CLOEXEC, 0);
    if (input->context_fd < 0)
        return sc_err_errno(err, errno, "open the build context");
    if (read_file(input, input->context_fd, file ? file : NAME_DEFAULT, arena, err) < 0)
        return -1;
    return read_ignore(input, input->context_fd, ".dockerignore", err);
}

int
sc_build_input_read(struct sc_build_input *input, struct sc_engine *engine, const char *file, const char *path,
                    struct sc_arena *arena, struct sc_err *err)
{
    int status;

    file = file && *file ? file : NULL;
    if (strcmp(path, "-") == 0)
        return read_dash(input, engine, file, arena, err);
    if (sc_str_starts(path, "http://") || sc_str_starts(path, "https://") || sc_str_starts(path, "git@") ||
        sc_str_starts(path, "git://")) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "build context \"%s\": it is not of this machine", path);
        return sc_err_remedy(err, "fetch it first, and name the directory");
    }
    if (open_context(input, path, err) < 0)
        return -1;
    if (file && strcmp(file, "-") == 0)
        status = read_stdin(input, err);
    else if (file)
        status = read_file(input, AT_FDCWD, file, arena, err); /* lint: the caller's own */
    else
        status = read_file(input, input->context_fd, NAME_DEFAULT, arena, err);
    return status < 0 ? -1 : read_ignore(input, input->context_fd, ".dockerignore", err);
}
