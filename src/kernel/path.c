/* Paths inside a container's root. The root's content is hostile: nothing here follows a link out of it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel/kernel.h"

#define LINKS_MAX       40 /* as the kernel's MAXSYMLINKS */
#define PROC_ROOT_INODE 1

bool
sc_proc_is_fs(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* an O_PATH descriptor is named by procfs */
static void
fd_name(int fd, char name[32])
{
    char digits[12];
    size_t at = strlen("/proc/self/fd/");
    int n = 0;

    memcpy(name, "/proc/self/fd/", at);
    do
        digits[n++] = (char)('0' + fd % 10);
    while ((fd /= 10) > 0);
    while (n > 0)
        name[at++] = digits[--n];
    name[at] = '\0';
}

int
sc_fd_chmod(int fd, mode_t mode)
{
    char name[32];

    fd_name(fd, name);
    return fchmodat(AT_FDCWD, name, mode, 0) < 0 ? -errno : 0;
}

int
sc_fd_reopen(int proc_fd, int fd, int flags)
{
    const size_t prefix = strlen("/proc/");
    char name[32];

    fd_name(fd, name);
    fd = proc_fd >= 0 ? openat(proc_fd, name + prefix, flags | O_CLOEXEC) : open(name, flags | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

/* ---- a resolver for kernels without openat2 (before 5.6): one component at a time, links expanded by hand ---------
 */

struct walk {
    char rest[PATH_MAX]; /* what is still to be resolved */
    int fds[64];         /* the directories passed, root first: ".." goes back one */
    int depth;
    int links;
};

static void
walk_close(struct walk *w, int keep)
{
    while (w->depth > keep)
        close(w->fds[--w->depth]);
}

/* A link's text goes in front of what is left; an absolute one starts at the root again. link_fd is the link itself, so
 * that what was looked at is what is read. */
static int
walk_expand(struct walk *w, int link_fd)
{
    char target[PATH_MAX];
    ssize_t len;

    /* a link of procfs may be a magic one, whose text means nothing */
    if (sc_proc_is_fs(link_fd))
        return -ELOOP;
    len = readlinkat(link_fd, "", target, sizeof(target) - 1);
    if (len < 0)
        return -errno;
    if (++w->links > LINKS_MAX)
        return -ELOOP;
    target[len] = '\0';
    size_t rest_len = strlen(w->rest);
    if ((size_t)len + 1 + rest_len + 1 > sizeof(w->rest))
        return -ENAMETOOLONG;
    memmove(w->rest + len + 1, w->rest, rest_len + 1);
    memcpy(w->rest, target, (size_t)len);
    w->rest[len] = '/';
    if (target[0] == '/')
        walk_close(w, 1);
    return 0;
}

static int
walk_component(struct walk *w, const char *name)
{
    struct stat st;

    if (strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0) {
        if (w->depth > 1)
            walk_close(w, w->depth - 1);
        return 0;
    }
    int fd = openat(w->fds[w->depth - 1], name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = fstat(fd, &st) < 0                      ? -errno
                 : S_ISLNK(st.st_mode)                   ? walk_expand(w, fd)
                 : w->depth == (int)SC_ARRAY_LEN(w->fds) ? -ENAMETOOLONG
                                                         : 1;
    if (result == 1)
        w->fds[w->depth++] = fd;
    else
        close(fd);
    return result < 0 ? result : 0;
}

/* What the walk came to, opened as asked. */
static int
walk_end(const struct walk *w, int flags)
{
    int fd = w->fds[w->depth - 1];
    struct stat st;

    if ((flags & O_PATH) == 0)
        return sc_fd_reopen(-1, fd, flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW));
    if ((flags & O_DIRECTORY) != 0 && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        return -ENOTDIR;
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return fd >= 0 ? fd : -errno;
}

static int
walk_open(int root_fd, const char *path, int flags, mode_t mode, bool follows)
{
    static const struct walk empty;
    struct walk w = empty;
    int result = 0;

    if (strlen(path) >= sizeof(w.rest))
        return -ENAMETOOLONG;
    memcpy(w.rest, path, strlen(path) + 1);
    w.links = follows ? 0 : LINKS_MAX;
    w.fds[0] = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
    if (w.fds[0] < 0)
        return -errno;
    w.depth = 1;
    while (result == 0) {
        char name[NAME_MAX + 1];
        size_t skip = strspn(w.rest, "/"), len = strcspn(w.rest + skip, "/");

        if (len == 0)
            break;
        if (len > NAME_MAX) {
            result = -ENAMETOOLONG;
            break;
        }
        memcpy(name, w.rest + skip, len);
        name[len] = '\0';
        memmove(w.rest, w.rest + skip + len, strlen(w.rest + skip + len) + 1);
        result = walk_component(&w, name);
        if (result == -ENOENT && (flags & O_CREAT) != 0 && w.rest[strspn(w.rest, "/")] == '\0') {
            int fd = openat(w.fds[w.depth - 1], name, flags | O_NOFOLLOW | O_CLOEXEC, mode);

            result = fd >= 0 ? fd : -errno;
            walk_close(&w, 0);
            return result;
        }
    }
    if (result == 0)
        result = walk_end(&w, flags);
    walk_close(&w, 0);
    return result;
}

static int
path_open(int root_fd, const char *path, int flags, mode_t mode, bool follows)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (follows ? 0 : RESOLVE_NO_SYMLINKS),
    };
    int fd;

    /* EAGAIN: something was renamed while ".." was resolved; openat2(2) says to try again */
    for (int tries = 0; tries < 64; tries++) {
        fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        if (fd >= 0)
            return fd;
        if (errno == ENOSYS)
            return walk_open(root_fd, path, flags, mode, follows);
        if (errno != EAGAIN)
            break;
    }
    return -errno;
}

int
sc_path_open(int root_fd, const char *path, int flags, mode_t mode)
{
    return path_open(root_fd, path, flags, mode, true);
}

int
sc_path_open_plain(int root_fd, const char *path, int flags)
{
    return path_open(root_fd, path, flags, 0, false);
}

int
sc_path_open_regular(int proc_fd, int root_fd, const char *path)
{
    int fd = sc_path_open(root_fd, path, O_PATH, 0);
    struct stat st;

    if (fd < 0)
        return fd;
    int result = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? sc_fd_reopen(proc_fd, fd, O_RDONLY) : -ENXIO;
    close(fd);
    return result;
}

/* Makes the directories of path[0..len) inside the root; returns the last one's O_PATH fd. */
static int
make_directories(int root_fd, const char *path, size_t len, mode_t mode)
{
    char prefix[PATH_MAX];
    int fd;

    if (len >= sizeof(prefix))
        return -ENAMETOOLONG;
    memcpy(prefix, path, len);
    prefix[len] = '\0';
    fd = sc_path_open(root_fd, len > 0 ? prefix : "/", O_PATH | O_DIRECTORY, 0);
    if (fd != -ENOENT)
        return fd;

    /* component by component, each through the one before, so that a link on the way stays inside the root */
    size_t at = 0;
    int dir_fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
    while (dir_fd >= 0 && at < len) {
        size_t start = at + strspn(path + at, "/"), end = start + strcspn(path + start, "/");

        if (end > len)
            end = len;
        if (start >= len)
            break;
        memcpy(prefix, path, end);
        prefix[end] = '\0';
        int next = sc_path_open(root_fd, prefix, O_PATH | O_DIRECTORY, 0);
        if (next == -ENOENT) {
            if (mkdirat(dir_fd, prefix + start, mode) < 0 && errno != EEXIST) {
                next = -errno;
            } else {
                next = sc_path_open(root_fd, prefix, O_PATH | O_DIRECTORY, 0);
            }
        }
        close(dir_fd);
        dir_fd = next;
        at = end;
    }
    return dir_fd;
}

int
sc_path_parent(int root_fd, const char *path, const char **name)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        return -EINVAL;
    const char *slash = strrchr(path, '/');
    *name = slash != NULL ? slash + 1 : path;
    if ((*name)[0] == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
        return -EINVAL;
    return make_directories(root_fd, path, slash != NULL ? (size_t)(slash - path) : 0, 0755);
}

/* ---- making what a dangling link points to ---------------------------------------------------------------- */

struct expansion {
    char done[PATH_MAX]; /* "/a/b": exists, and no component of it is a link */
    char rest[PATH_MAX];
    int links;
};

static int
append_name(char *path, const char *name, size_t len)
{
    size_t at = strlen(path);

    if (at + 1 + len >= PATH_MAX)
        return -ENAMETOOLONG;
    path[at] = '/';
    memcpy(path + at + 1, name, len);
    path[at + 1 + len] = '\0';
    return 0;
}

static int
follow_link(struct expansion *e, const char *target, size_t len)
{
    size_t rest_len = strlen(e->rest);

    if (++e->links > LINKS_MAX)
        return -ELOOP;
    if (len + 1 + rest_len >= PATH_MAX)
        return -ENAMETOOLONG;
    memmove(e->rest + len + 1, e->rest, rest_len + 1);
    memcpy(e->rest, target, len);
    e->rest[len] = '/';
    if (target[0] == '/')
        e->done[0] = '\0';
    return 0;
}

/* One component of rest goes to done, or is replaced by what it links to. */
static int
expand_one(int root_fd, struct expansion *e)
{
    char target[PATH_MAX], name[NAME_MAX + 1];
    size_t skip = strspn(e->rest, "/"), len = strcspn(e->rest + skip, "/");
    ssize_t target_len = -1;

    if (len > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, e->rest + skip, len);
    name[len] = '\0';
    memmove(e->rest, e->rest + skip + len, strlen(e->rest + skip + len) + 1);
    if (len == 0 || strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0) {
        char *slash = strrchr(e->done, '/');

        if (slash != NULL)
            *slash = '\0';
        return 0;
    }
    int dir = sc_path_open(root_fd, e->done[0] != '\0' ? e->done : "/", O_PATH | O_DIRECTORY, 0);
    if (dir >= 0) {
        target_len = readlinkat(dir, name, target, sizeof(target) - 1);
        close(dir);
    }
    return target_len < 0 ? append_name(e->done, name, len) : follow_link(e, target, (size_t)target_len);
}

/* The same path without links: an image may bring /etc/resolv.conf as a link to what is made at run time. Whoever
 * changes the image meanwhile changes only which place inside the root it is. */
static int
expand_links(int root_fd, const char *path, char out[PATH_MAX])
{
    struct expansion e = {.links = 0};
    const char *done;
    int result = 0;

    if (strlen(path) >= sizeof(e.rest))
        return -ENAMETOOLONG;
    memcpy(e.rest, path, strlen(path) + 1);
    e.done[0] = '\0';
    while (result == 0 && e.rest[0] != '\0')
        result = expand_one(root_fd, &e);
    done = e.done[0] != '\0' ? e.done : "/";
    memcpy(out, done, strlen(done) + 1);
    return result;
}

static int
make_missing(int root_fd, const char *path, bool is_file, mode_t mode)
{
    const char *name;

    if (!is_file)
        return make_directories(root_fd, path, strlen(path), mode);

    int parent = sc_path_parent(root_fd, path, &name);
    if (parent < 0)
        return parent;
    /* O_EXCL: a link that points nowhere is replaced by nobody's file outside */
    int made = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, mode);
    int result = made < 0 ? -errno : 0;
    close(parent);
    if (made >= 0)
        close(made);
    return result < 0 && result != -EEXIST ? result : sc_path_open(root_fd, path, O_PATH, 0);
}

bool
sc_proc_is_root(int fd)
{
    struct stat st;

    /* a directory of procfs bound here would have another inode */
    return sc_proc_is_fs(fd) && fstat(fd, &st) == 0 && st.st_ino == PROC_ROOT_INODE;
}

/* Nearly always only the last name is missing and no link is in the way: then this saves the walk. Any error: walk. */
static int
make_last(int root_fd, const char *path, bool is_file, mode_t mode)
{
    char above[PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    size_t len = (size_t)(name - path);

    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || len >= sizeof(above))
        return -EINVAL;
    memcpy(above, path, len);
    above[len] = '\0';
    int dir = sc_path_open(root_fd, len > 0 ? above : "/", O_PATH | O_DIRECTORY, 0);
    if (dir < 0)
        return dir;
    int made = is_file ? openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, mode)
                       : mkdirat(dir, name, mode);
    int result = made < 0 ? -errno : sc_path_open(dir, name, O_PATH, 0);
    if (is_file && made >= 0)
        close(made);
    close(dir);
    return result;
}

int
sc_path_make(int root_fd, const char *path, bool is_file, mode_t mode)
{
    char plain[PATH_MAX];
    int fd = make_last(root_fd, path, is_file, mode), result;

    if (fd >= 0)
        return fd;
    fd = sc_path_open(root_fd, path, O_PATH, 0);
    if (fd != -ENOENT)
        return fd;
    result = expand_links(root_fd, path, plain);
    return result < 0 ? result : make_missing(root_fd, plain, is_file, mode);
}

int
sc_proc_open(void)
{
    int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return -errno;
    if (!sc_proc_is_root(fd)) {
        close(fd);
        return -EXDEV;
    }
    return fd;
}

static int
open_to_write(int proc_fd, const char *path)
{
    struct open_how how = {.flags = O_WRONLY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, proc_fd, path, &how, sizeof(how));

    if (fd < 0 && errno == ENOSYS)
        fd = openat(proc_fd, path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

bool
sc_proc_can_write(const char *path)
{
    sc_cleanup_fd proc = sc_proc_open(), fd = proc < 0 ? -1 : open_to_write(proc, path);

    return fd >= 0;
}

int
sc_proc_write(int proc_fd, const char *path, const char *text, size_t len)
{
    int fd = open_to_write(proc_fd, path);

    if (fd < 0)
        return fd;
    int result = write(fd, text, len) == (ssize_t)len ? 0 : -errno;
    close(fd);
    return result;
}
