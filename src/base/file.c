#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"

#define FILE_CHUNK     16384
#define WRITE_BEHIND   (INT64_C(8) << 20)
#define REPLACE_TRIES  16
#define TREE_OPEN_MOST 24 /* directories kept open at once, however deep the tree */

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

/* The directory of path ("." when it has none) into dir; returns the last component, or NULL where there is none. */
static const char *
path_split(const char *path, char dir[PATH_MAX])
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
    const char *base = path_split(path, dir);
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

/* One directory on the way down. Only the deepest TREE_OPEN_MOST are open; the others are found
 * again through ".." and recognised by device and inode. */
struct tree_level {
    DIR *dir;
    dev_t dev;
    ino_t ino;
    char *name;       /* in the level above */
    bool has_removed; /* something, since the last rewind */
};
struct tree_walk {
    struct tree_level *levels;
    size_t count, capacity;
};

static void
tree_walk_release(struct tree_walk *walk)
{
    for (size_t i = 0; i < walk->count; i++) {
        sc_closedirp(&walk->levels[i].dir);
        free(walk->levels[i].name);
    }
    free(walk->levels);
}

/* "mnt_id" of proc_pid_fdinfo(5), Linux 3.15; -1 where that cannot be read */
static long
mount_id_of(int fd)
{
    char path[64], text[512], *at;
    sc_cleanup_fd info = -1;
    ssize_t len;

    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    info = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    len = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
    if (len < 0)
        return -1;
    text[len] = '\0';
    at = strstr(text, "mnt_id:");
    return at ? strtol(at + strlen("mnt_id:"), NULL, 10) : -1;
}

/* Before Linux 5.6: opened first, then compared. What cannot be told is taken for a mount point. */
static int
tree_open_classic(int dirfd, const char *name)
{
    sc_cleanup_fd fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    long own;

    if (fd < 0)
        return -1;
    own = mount_id_of(fd);
    if (own < 0 || own != mount_id_of(dirfd)) {
        errno = EXDEV;
        return -1;
    }
    return sc_steal_fd(&fd);
}

static int
tree_openat2(int dirfd, const char *name)
{
    /* RESOLVE_NO_XDEV (Linux 5.6) refuses every mount point, also a bind mount of the same filesystem. */
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};

    int fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));

    return fd < 0 && errno == ENOSYS ? tree_open_classic(dirfd, name) : fd;
}

/* Not root: a directory of ours may still deny us, but its owner may always change that. */
static int
tree_open_dir(int dirfd, const char *name)
{
    int fd = tree_openat2(dirfd, name);
    sc_cleanup_fd path_fd = -1;
    char self[64];

    if (fd >= 0 || errno != EACCES)
        return fd;
    path_fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", path_fd);
    if (path_fd < 0 || fchmodat(AT_FDCWD, self, 0700, 0) < 0) {
        errno = EACCES;
        return -1;
    }
    return tree_openat2(dirfd, name);
}

static int
tree_err(struct sc_err *err, int errnum, const char *name)
{
    if (errnum != EXDEV)
        return sc_err_errno(err, errnum, "\"%s\"", name);
    sc_err_set(err, SC_ERR_BUSY, "\"%s\": it is a mount point", name);
    return sc_err_remedy(err, "unmount it first");
}

/* Enters name below dirfd as the new deepest level. */
static int
tree_push(struct tree_walk *walk, int dirfd, const char *name, struct sc_err *err)
{
    sc_cleanup_fd fd = tree_open_dir(dirfd, name);
    struct tree_level level = {.dir = NULL};
    struct stat st;

    if (fd < 0)
        return tree_err(err, errno, name);
    if (fstat(fd, &st) < 0)
        return tree_err(err, errno, name);
    if ((st.st_mode & 0700) != 0700)
        (void)fchmod(fd, 0700);
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity ? walk->capacity * 2 : 16;
        struct tree_level *levels = realloc(walk->levels, capacity * sizeof(*levels));

        if (!levels)
            return sc_err_nomem(err);
        walk->levels = levels;
        walk->capacity = capacity;
    }
    level.dev = st.st_dev;
    level.ino = st.st_ino;
    level.name = strdup(name);
    if (!level.name)
        return sc_err_nomem(err);
    level.dir = fdopendir(fd);
    if (!level.dir) {
        int saved = errno;

        free(level.name);
        return tree_err(err, saved, name);
    }
    (void)sc_steal_fd(&fd);
    walk->levels[walk->count++] = level;
    if (walk->count > TREE_OPEN_MOST)
        sc_closedirp(&walk->levels[walk->count - 1 - TREE_OPEN_MOST].dir);
    return 0;
}

/* Makes sure that the level above the deepest is open. */
static int
tree_reopen_parent(struct tree_walk *walk, struct sc_err *err)
{
    struct tree_level *level = &walk->levels[walk->count - 1], *parent = level - 1;
    sc_cleanup_fd fd = -1;
    struct stat st;

    if (parent->dir)
        return 0;
    fd = tree_open_dir(dirfd(level->dir), "..");
    if (fd < 0 || fstat(fd, &st) < 0)
        return tree_err(err, errno, parent->name);
    if (st.st_dev != parent->dev || st.st_ino != parent->ino)
        return sc_err_set(err, SC_ERR_BUSY, "\"%s\": it was moved meanwhile", level->name);
    parent->dir = fdopendir(fd);
    if (!parent->dir)
        return tree_err(err, errno, parent->name);
    (void)sc_steal_fd(&fd);
    return 0;
}

/* Removes the deepest level, which has been read to its end, from the one above (or from top). */
static int
tree_pop(struct tree_walk *walk, int top, struct sc_err *err)
{
    struct tree_level *level = &walk->levels[walk->count - 1];
    int above = top;

    if (walk->count > 1) {
        if (tree_reopen_parent(walk, err) < 0)
            return -1;
        above = dirfd(level[-1].dir);
    }
    if (unlinkat(above, level->name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
        if ((errno != ENOTEMPTY && errno != EEXIST) || !level->has_removed)
            return tree_err(err, errno, level->name);
        /* readdir(3) may skip entries when others are removed meanwhile: read it again. */
        level->has_removed = false;
        rewinddir(level->dir);
        return 0;
    }
    if (walk->count > 1)
        level[-1].has_removed = true;
    sc_closedirp(&level->dir);
    sc_freep(&level->name);
    walk->count--;
    return 0;
}

/* Takes one entry of the deepest level, or leaves that level when it has no more. */
static int
tree_step(struct tree_walk *walk, int top, struct sc_err *err)
{
    struct tree_level *level = &walk->levels[walk->count - 1];
    struct dirent *entry;
    int errnum;

    errno = 0;
    entry = readdir(level->dir);
    if (!entry && errno)
        return tree_err(err, errno, level->name);
    if (!entry)
        return tree_pop(walk, top, err);
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return 0;
    if (entry->d_type != DT_DIR) {
        if (unlinkat(dirfd(level->dir), entry->d_name, 0) == 0) {
            level->has_removed = true;
            return 0;
        }
        errnum = errno;
        if (errnum == ENOENT)
            return 0;
        if (errnum == EBUSY) /* a file that something is mounted on */
            return tree_err(err, EXDEV, entry->d_name);
        if (errnum != EISDIR && (errnum != EPERM || entry->d_type != DT_UNKNOWN))
            return tree_err(err, errnum, entry->d_name);
    }
    return tree_push(walk, dirfd(level->dir), entry->d_name, err);
}

static int
tree_remove(struct tree_walk *walk, int top, const char *name, struct sc_err *err)
{
    if (tree_push(walk, top, name, err) < 0)
        return -1;
    while (walk->count > 0) {
        if (tree_step(walk, top, err) < 0)
            return -1;
    }
    return 0;
}

int
sc_tree_remove_at(int dirfd, const char *name, struct sc_err *err)
{
    struct tree_walk walk = {.levels = NULL};
    char dir[PATH_MAX];
    const char *base = path_split(name, dir);
    sc_cleanup_fd top = -1;
    int result;

    if (!base)
        return sc_err_set(err, SC_ERR_INVALID, "remove \"%s\": it is not a name", name);
    top = openat(dirfd, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return errno == ENOENT ? 0 : sc_err_errno(err, errno, "remove \"%s\": open its directory", name);
    if (unlinkat(top, base, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return sc_err_errno(err, errno, "remove \"%s\"", name);
    result = tree_remove(&walk, top, base, err);
    tree_walk_release(&walk);
    return result < 0 ? sc_err_wrap(err, "remove \"%s\"", name) : 0;
}

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
