/* Copies a directory of the merged tree: how an empty volume gets what the image has at its mount point. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "rootfs/rootfs-priv.h"

#define DEPTH_MAX 128 /* each level holds a descriptor of every layer */
#define NAMES_MAX 16384
#define VALUE_MAX 65536
#define CHUNK     65536

static int copy_dir(const struct sc_view *from, int to_fd, const struct sc_id_shift *shift, unsigned depth,
                    struct sc_err *err);

/* The id that the copy of a file of `id` gets. */
static uint32_t
shifted(const struct sc_id_shift *shift, uint32_t keep, uint32_t id)
{
    if (!shift)
        return id;
    if (id == keep)
        return 0;
    return id < keep ? id + 1 : id;
}

/* user.* and file capabilities; not what overlay itself keeps there, nor labels of this host. */
static bool
is_wanted_xattr(const char *name)
{
    if (sc_str_starts(name, "user."))
        return !sc_str_starts(name, "user.overlay.");
    return strcmp(name, "security.capability") == 0;
}

static int
copy_xattrs(int from_fd, int to_fd, struct sc_err *err)
{
    char names[NAMES_MAX];
    ssize_t len = flistxattr(from_fd, names, sizeof(names));

    if (len < 0)
        return errno == ENOTSUP ? 0 : sc_err_errno(err, errno, "list extended attributes");
    for (char *name = names; name < names + len; name += strlen(name) + 1) {
        sc_cleanup_free char *value = NULL;
        ssize_t size;

        if (!is_wanted_xattr(name))
            continue;
        value = malloc(VALUE_MAX);
        if (!value)
            return sc_err_nomem(err);
        size = fgetxattr(from_fd, name, value, VALUE_MAX);
        if (size < 0)
            return sc_err_errno(err, errno, "read extended attribute \"%s\"", name);
        if (fsetxattr(to_fd, name, value, (size_t)size, 0) < 0 && errno != ENOTSUP && errno != EPERM)
            return sc_err_errno(err, errno, "write extended attribute \"%s\"", name);
    }
    return 0;
}

/* Owner first: chown(2) takes set-user-id bits and file capabilities away. */
static int
copy_metadata(int from_fd, int to_fd, const struct stat *st, const struct sc_id_shift *shift, struct sc_err *err)
{
    uid_t uid = shifted(shift, shift ? shift->uid : 0, st->st_uid);
    gid_t gid = shifted(shift, shift ? shift->gid : 0, st->st_gid);
    const struct timespec times[2] = {st->st_atim, st->st_mtim};

    if (fchown(to_fd, uid, gid) < 0 && !(errno == EPERM && geteuid() != 0))
        return sc_err_errno(err, errno, "set its owner");
    if (fchmod(to_fd, st->st_mode & 07777) < 0)
        return sc_err_errno(err, errno, "set its mode");
    if (copy_xattrs(from_fd, to_fd, err) < 0)
        return -1;
    return futimens(to_fd, times) < 0 ? sc_err_errno(err, errno, "set its times") : 0;
}

static int
copy_data(int from_fd, int to_fd, struct sc_err *err)
{
    sc_cleanup_free char *chunk = malloc(CHUNK);

    if (!chunk)
        return sc_err_nomem(err);
    for (;;) {
        ssize_t got = read(from_fd, chunk, CHUNK);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read");
        if (got == 0)
            return 0;
        if (sc_io_write_all(to_fd, chunk, (size_t)got, err) < 0)
            return -1;
    }
}

static int
copy_regular(int from_dir, const char *name, const struct stat *st, int to_dir, const struct sc_id_shift *shift,
             struct sc_err *err)
{
    sc_cleanup_fd from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    sc_cleanup_fd to = -1;

    if (from < 0)
        return sc_err_errno(err, errno, "open");
    to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return sc_err_errno(err, errno, "create");
    if (copy_data(from, to, err) < 0)
        return -1;
    return copy_metadata(from, to, st, shift, err);
}

static int
copy_link(int from_dir, const char *name, int to_dir, struct sc_err *err)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(from_dir, name, target, sizeof(target) - 1);

    if (len < 0)
        return sc_err_errno(err, errno, "read link");
    target[len] = '\0';
    return symlinkat(target, to_dir, name) < 0 ? sc_err_errno(err, errno, "create link") : 0;
}

static int
copy_node(const struct sc_view *from, const struct sc_view_entry *entry, const char *name, int to_fd,
          const struct sc_id_shift *shift, unsigned depth, struct sc_err *err)
{
    const struct stat *st = &entry->st;
    int from_dir = entry->kind == SC_VIEW_OTHER ? from->fds[entry->layer] : -1;
    sc_cleanup_fd dir = -1;

    if (entry->kind == SC_VIEW_DIR) {
        if (mkdirat(to_fd, name, 0700) < 0)
            return sc_err_errno(err, errno, "make directory");
        dir = openat(to_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0)
            return sc_err_errno(err, errno, "open");
        return copy_dir(&entry->dir, dir, shift, depth + 1, err);
    }
    if (S_ISREG(st->st_mode))
        return copy_regular(from_dir, name, st, to_fd, shift, err);
    if (S_ISSOCK(st->st_mode))
        return 0; /* nobody listens on a copy */
    if (S_ISLNK(st->st_mode)) {
        if (copy_link(from_dir, name, to_fd, err) < 0)
            return -1;
    } else if (mknodat(to_fd, name, st->st_mode, st->st_rdev) < 0) {
        return sc_err_errno(err, errno, "make node");
    }
    if (fchownat(to_fd, name, shifted(shift, shift ? shift->uid : 0, st->st_uid),
                 shifted(shift, shift ? shift->gid : 0, st->st_gid), AT_SYMLINK_NOFOLLOW) < 0 &&
        !(errno == EPERM && geteuid() != 0))
        return sc_err_errno(err, errno, "set its owner");
    return 0;
}

/* Whether a layer above `layer` has the name: then that one was asked already. */
static bool
is_above(const struct sc_view *view, size_t layer, const char *name)
{
    struct stat st;

    for (size_t i = 0; i < layer; i++) {
        if (fstatat(view->fds[i], name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    }
    return false;
}

static int
copy_layer(const struct sc_view *from, size_t layer, int to_fd, const struct sc_id_shift *shift, unsigned depth,
           struct sc_err *err)
{
    /* A description of its own: readdir must not move the view's. */
    int fd = openat(from->fds[layer], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        sc_err_errno(err, errno, "read directory");
        sc_closep(&fd);
        return -1;
    }
    for (;;) {
        sc_cleanup_view_entry entry = {.kind = SC_VIEW_ABSENT};
        struct dirent *item;

        errno = 0;
        item = readdir(dir);
        if (!item)
            return errno ? sc_err_errno(err, errno, "read directory") : 0;
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0 || is_above(from, layer, item->d_name))
            continue;
        if (sc_view_lookup(from, item->d_name, &entry, err) < 0)
            return -1;
        if (entry.kind == SC_VIEW_ABSENT)
            continue;
        if (copy_node(from, &entry, item->d_name, to_fd, shift, depth, err) < 0)
            return sc_err_wrap(err, "\"%s\"", item->d_name);
    }
}

static int
copy_dir(const struct sc_view *from, int to_fd, const struct sc_id_shift *shift, unsigned depth, struct sc_err *err)
{
    struct stat st;

    if (depth > DEPTH_MAX)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "more than %d directories deep", DEPTH_MAX);
    for (size_t i = 0; i < from->count; i++) {
        if (copy_layer(from, i, to_fd, shift, depth, err) < 0)
            return -1;
    }
    if (fstat(from->fds[0], &st) < 0)
        return sc_err_errno(err, errno, "stat");
    return copy_metadata(from->fds[0], to_fd, &st, shift, err);
}

int
sc_rootfs_copy_up(const struct sc_overlay *overlay, const char *path, int dest_fd, struct sc_err *err)
{
    sc_cleanup_view root = SC_VIEW_INIT, dir = SC_VIEW_INIT;
    sc_cleanup_fd fd = -1;

    if (sc_view_open(overlay, &root, err) < 0 || sc_view_resolve(&root, path, &dir, &fd, err) < 0)
        return -1;
    if (dir.count == 0)
        return 0;
    if (copy_dir(&dir, dest_fd, NULL, 0, err) < 0)
        return sc_err_wrap(err, "copy \"%s\" of the image into the new volume", path);
    return 0;
}

int
sc_rootfs_copy_shifted(const struct sc_overlay *overlay, const struct sc_id_shift *shift, int dest_fd,
                       struct sc_err *err)
{
    sc_cleanup_view root = SC_VIEW_INIT;

    if (sc_view_open(overlay, &root, err) < 0)
        return -1;
    return copy_dir(&root, dest_fd, shift, 0, err) < 0 ? sc_err_wrap(err, "copy the image for other ids") : 0;
}
