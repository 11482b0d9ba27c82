/* rm -rf: a whole tree by descriptors of directories, however deep it is and whatever others do in it meanwhile. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"

#define TREE_OPEN_MOST 24 /* directories kept open at once, however deep the tree */

bool
sc_dir_is_empty(int dir_fd)
{
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *item;

    if (!dir) {
        sc_closep(&copy);
        return false;
    }
    while ((item = readdir(dir)) != NULL) {
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
            return false;
    }
    return true;
}

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
    const char *base = sc_path_split(name, dir);
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
