#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

#define FILE_CHUNK    16384
#define WRITE_BEHIND  (INT64_C(8) << 20)
#define REPLACE_TRIES 16

int
sc_fd_cloexec(int fd, bool on)
{
    return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

int
sc_io_write_all(int fd, const void *data, size_t len, struct sc_err *err)
{
    const char *at = data;

    while (len > 0) {
        ssize_t written = write(fd, at, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};

            (void)poll(&wait, 1, -1);
            continue;
        }
        if (written <= 0)
            return sc_err_errno(err, written < 0 ? errno : EIO, "write %zu bytes", len);
        at += written;
        len -= (size_t)written;
    }
    return 0;
}

void
sc_io_write_behind(int fd, int64_t written, int64_t *begun)
{
    int64_t whole = written - written % WRITE_BEHIND;

    if (whole <= *begun)
        return;
    (void)sync_file_range(fd, *begun, whole - *begun, SYNC_FILE_RANGE_WRITE);
    *begun = whole;
}

int
sc_file_read_fd(int fd, size_t max, struct sc_buf *buf, struct sc_err *err)
{
    char chunk[FILE_CHUNK];
    size_t total = 0;

    for (;;) {
        ssize_t got = read(fd, chunk, sizeof(chunk));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read");
        if (got == 0)
            return sc_buf_check(buf, err);
        if ((size_t)got > max - total)
            return sc_err_set(err, SC_ERR_INVALID, "it is larger than %zu bytes", max);
        total += (size_t)got;
        sc_buf_add(buf, chunk, (size_t)got);
    }
}

int
sc_file_read_at(int dirfd, const char *path, size_t max, struct sc_buf *buf, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return sc_err_errno(err, errno, "open \"%s\"", path);
    if (sc_file_read_fd(fd, max, buf, err) < 0)
        return sc_err_wrap(err, "read \"%s\"", path);
    return 0;
}

int
sc_file_write_at(int dirfd, const char *path, const char *text, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    size_t len = strlen(text);
    int shown = (int)strcspn(text, "\n");
    ssize_t written;

    if (fd < 0)
        return sc_err_errno(err, errno, "open \"%s\"", path);
    do
        written = write(fd, text, len);
    while (written < 0 && errno == EINTR);
    if (written < 0 || (size_t)written != len)
        return sc_err_errno(err, written < 0 ? errno : EIO, "write \"%.*s\" to \"%s\"", shown, text, path);
    return 0;
}

const char *
sc_path_split(const char *path, char dir[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t len = slash ? (size_t)(slash - path) : 0;

    if (*base == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0 || len >= PATH_MAX)
        return NULL;
    if (!slash) {
        memcpy(dir, ".", 2);
    } else if (len == 0) {
        memcpy(dir, "/", 2);
    } else {
        memcpy(dir, path, len);
        dir[len] = '\0';
    }
    return base;
}

/* Creates an empty file of a fresh name in dirfd; the name is kept, the mode set whatever the umask. */
static int
replace_open_temp(int dirfd, mode_t mode, char name[64], struct sc_err *err)
{
    for (int i = 0; i < REPLACE_TRIES; i++) {
        uint64_t random;
        int fd;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
            return sc_err_errno(err, errno, "get random bytes");
        (void)snprintf(name, 64, ".sc-%016llx.tmp", (unsigned long long)random);
        fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd >= 0 && fchmod(fd, mode) < 0) {
            int saved = errno;

            (void)close(fd);
            (void)unlinkat(dirfd, name, 0);
            return sc_err_errno(err, saved, "set its mode");
        }
        if (fd >= 0)
            return fd;
        if (errno != EEXIST)
            return sc_err_errno(err, errno, "create a temporary file");
    }
    return sc_err_set(err, SC_ERR_EXISTS, "create a temporary file: no free name");
}

static int
replace_write(int dirfd, int fd, const char *temp, const char *base, const void *data, size_t len,
              enum sc_durability durability, struct sc_err *err)
{
    if (sc_io_write_all(fd, data, len, err) < 0)
        return -1;
    if (durability != SC_VOLATILE && fsync(fd) < 0)
        return sc_err_errno(err, errno, "fsync");
    if (renameat(dirfd, temp, dirfd, base) < 0)
        return sc_err_errno(err, errno, "rename");
    return 0;
}

int
sc_file_replace_at(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
                   enum sc_durability durability, struct sc_err *err)
{
    char dir[PATH_MAX], temp[64];
    const char *base = sc_path_split(path, dir);
    sc_cleanup_fd parent = -1, fd = -1;

    if (!base)
        return sc_err_set(err, SC_ERR_INVALID, "replace \"%s\": it is not a file name", path);
    /* dirfd itself will do, but not for fsync(2), as it may be O_PATH */
    if (durability == SC_DURABLE || base != path) {
        parent = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0)
            return sc_err_errno(err, errno, "replace \"%s\": open its directory", path);
        dirfd = parent;
    }
    fd = replace_open_temp(dirfd, mode, temp, err);
    if (fd < 0)
        return sc_err_wrap(err, "replace \"%s\"", path);
    if (replace_write(dirfd, fd, temp, base, data, len, durability, err) < 0) {
        (void)unlinkat(dirfd, temp, 0);
        return sc_err_wrap(err, "replace \"%s\"", path);
    }
    /* The new name itself lives in the directory: without this it may be gone after a power loss. */
    if (durability == SC_DURABLE && fsync(parent) < 0)
        return sc_err_errno(err, errno, "replace \"%s\": fsync its directory", path);
    return 0;
}

/* mkdirat(2) where an existing directory (or link to one) is success. */
static int
dir_make_one(int dirfd, const char *path, mode_t mode)
{
    struct stat st;

    if (mkdirat(dirfd, path, mode) == 0)
        return 0;
    if (errno != EEXIST)
        return -1;
    if (fstatat(dirfd, path, &st, 0) < 0)
        return -1;
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return -1;
    }
    return 0;
}

int
sc_dir_make_at(int dirfd, const char *path, mode_t mode, struct sc_err *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(part))
        return sc_err_errno(err, len ? ENAMETOOLONG : ENOENT, "make directory \"%s\"", path);
    if (dir_make_one(dirfd, path, mode) == 0)
        return 0;
    if (errno != ENOENT)
        return sc_err_errno(err, errno, "make directory \"%s\"", path);
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/')
            continue;
        part[i] = '\0';
        if (dir_make_one(dirfd, part, mode) < 0)
            return sc_err_errno(err, errno, "make directory \"%s\"", part);
        part[i] = path[i];
    }
    return 0;
}

int
sc_dir_open_at(int dirfd, const char *path, struct sc_err *err)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? sc_err_errno(err, errno, "open directory \"%s\"", path) : fd;
}

/* ---- sc_tree_remove_at ------------------------------------------------------ */

/* ---- locks and ids ------------------------------------------------------------ */

/* For messages: PATH with the directory that DIRFD is, as far as the kernel knows a name for it. */
static const char *
whole_path(int dirfd, const char *path, char whole[PATH_MAX])
{
    char self[sizeof("/proc/self/fd/") + SC_NUM_MAX];
    ssize_t len;

    if (path[0] == '/' || dirfd < 0)
        return path;
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", dirfd);
    len = readlink(self, whole, PATH_MAX);
    if (len <= 0 || (size_t)len + 1 + strlen(path) >= PATH_MAX)
        return path;
    (void)snprintf(whole + len, PATH_MAX - (size_t)len, "/%s", path);
    return whole;
}

int
sc_lock_at(int dirfd, const char *path, enum sc_lock_mode mode, bool wait, struct sc_err *err)
{
    int how = (mode == SC_LOCK_SHARED ? LOCK_SH : LOCK_EX) | (wait ? 0 : LOCK_NB);

    for (;;) {
        sc_cleanup_fd fd = openat(dirfd, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        struct stat held, named;

        if (fd < 0) {
            int errnum = errno;
            char whole[PATH_MAX];

            return sc_err_errno(err, errnum, "lock \"%s\"", whole_path(dirfd, path, whole));
        }
        while (flock(fd, how) < 0) {
            if (errno == EWOULDBLOCK)
                return sc_err_set(err, SC_ERR_BUSY, "lock \"%s\": another process holds it", path);
            if (errno != EINTR)
                return sc_err_errno(err, errno, "lock \"%s\"", path);
        }
        if (fstat(fd, &held) < 0)
            return sc_err_errno(err, errno, "lock \"%s\"", path);
        /* The last holder may have removed the file while we waited: a lock on it excludes nobody. */
        if (fstatat(dirfd, path, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_dev == held.st_dev &&
            named.st_ino == held.st_ino)
            return sc_steal_fd(&fd);
    }
}

int
sc_id_random(char out[SC_ID_LEN + 1], struct sc_err *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[SC_ID_LEN / 2];

    /* The first twelve are the short id and the host name; a host name must not look like a number. */
    do {
        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
            return sc_err_errno(err, errno, "get random bytes");
        for (size_t i = 0; i < sizeof(bytes); i++) {
            out[2 * i] = digits[bytes[i] >> 4];
            out[2 * i + 1] = digits[bytes[i] & 15];
        }
        out[SC_ID_LEN] = '\0';
    } while (strspn(out, "0123456789") >= 12);
    return 0;
}
