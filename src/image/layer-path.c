/*
 * Reaching a layer's directories while it is unpacked. The kernel resolves every path below the layer's own fd
 * (openat2 with RESOLVE_BENEATH): a symbolic link of the layer that leads out of it, or is absolute, ends in EXDEV
 * and not in the host's files. Links that stay inside are followed, as in "lib -> usr/lib", "lib/x".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/transfer-priv.h"

#define AGAIN_MAX 32 /* openat2(2) asks for a retry when a rename elsewhere raced with ".." */

static int
open_beneath(int root_fd, const char *path, int flags, uint64_t resolve)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV | resolve};
    int fd = -1;

    for (int i = 0; i < AGAIN_MAX; i++) {
        fd = (int)syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd;
}

int
sc_layer_path_err(struct sc_err *err, int errnum, const char *dir)
{
    switch (errnum) {
    case EXDEV:
        return sc_err_set(err, SC_ERR_INVALID,
                          "directory \"%.300s\" goes through a symbolic link that leads out of the layer", dir);
    case ELOOP:
        return sc_err_set(err, SC_ERR_INVALID, "directory \"%.300s\" goes through a loop of symbolic links", dir);
    case ENOTDIR:
        return sc_err_set(err, SC_ERR_INVALID, "directory \"%.300s\" goes through what is no directory", dir);
    case ENAMETOOLONG:
        return sc_err_set(err, SC_ERR_INVALID, "directory \"%.300s\" goes through a symbolic link to a name too long",
                          dir);
    case ENOSYS:
        sc_err_set(err, SC_ERR_UNSUPPORTED, "open directory \"%.300s\": this kernel has no openat2(2)", dir);
        return sc_err_remedy(err, "Linux 5.6 or later is needed");
    default:
        return sc_err_errno(err, errnum, "open directory \"%.300s\"", dir);
    }
}

bool
sc_layer_is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

int
sc_layer_set_opaque(struct sc_unpack *unpack, int dir_fd, struct sc_err *err)
{
    /* user.overlay.* is what overlay reads when mounted with userxattr, that is without privilege (Linux 5.11). */
    if (unpack->is_root && fsetxattr(dir_fd, "trusted.overlay.opaque", "y", 1, 0) == 0)
        return 0;
    if (unpack->is_root && errno != EPERM)
        return sc_err_errno(err, errno, "set trusted.overlay.opaque");
    if (fsetxattr(dir_fd, "user.overlay.opaque", "y", 1, 0) < 0)
        return sc_err_errno(err, errno, "set user.overlay.opaque");
    return 0;
}

void
sc_layer_forget_dir(struct sc_unpack *unpack)
{
    sc_closep(&unpack->cached_fd);
}

int
sc_layer_find_dir(struct sc_unpack *unpack, const char *dir, struct sc_err *err)
{
    int fd = open_beneath(unpack->root_fd, dir, O_RDONLY | O_DIRECTORY, 0);

    return fd < 0 ? sc_layer_path_err(err, errno, dir) : fd;
}

/* Attributes for a directory that the layer does not list: those it has in the layers below, so that an upper layer
 * does not open up (or close) a directory by mentioning a file in it. */
struct sc_layer_attrs
sc_layer_lower_attrs(struct sc_unpack *unpack, const char *dir)
{
    struct sc_layer_lowers *lowers = &unpack->lowers;
    struct sc_layer_attrs attrs = {.mode = 0755};

    if (unpack->lower_fn)
        return unpack->lower_fn(unpack->lower_data, dir);
    for (size_t i = lowers->count; i-- > 0;) {
        struct sc_err absent = SC_ERR_INIT;
        sc_cleanup_fd fd = -1;
        struct stat st;

        if (lowers->fds[i] < 0)
            lowers->fds[i] = sc_layer_open(lowers->layers_fd, lowers->names[i], &absent);
        if (lowers->fds[i] >= 0)
            fd = open_beneath(lowers->fds[i], dir, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
        if (fd < 0 || fstat(fd, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode))
            attrs = (struct sc_layer_attrs){
                .uid = st.st_uid, .gid = st.st_gid, .mode = st.st_mode & 07777, .mtime = st.st_mtim};
        break;
    }
    return attrs;
}

void
sc_layer_lowers_release(struct sc_layer_lowers *lowers)
{
    for (size_t i = 0; lowers->fds && i < lowers->count; i++)
        sc_closep(&lowers->fds[i]);
}

/* Makes one missing directory `base` of parent_fd, which is `dir` as a whole, and returns its fd. */
static int
make_implicit(struct sc_unpack *unpack, int parent_fd, const char *dir, const char *base, struct sc_err *err)
{
    struct sc_layer_attrs attrs = {.mode = 0755, .is_implicit = true};
    bool was_hidden = false;
    sc_cleanup_fd fd = -1;
    struct stat st;

    if (fstatat(parent_fd, base, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        /* Something is there, but openat2 could not enter it. */
        if (!sc_layer_is_whiteout(&st))
            return sc_layer_path_err(err, ENOTDIR, dir);
        if (unlinkat(parent_fd, base, 0) < 0)
            return sc_layer_path_err(err, errno, dir);
        was_hidden = true;
        attrs = (struct sc_layer_attrs){.mode = 0755};
    }
    if (mkdirat(parent_fd, base, 0700) < 0)
        return sc_err_errno(err, errno, "make directory \"%.300s\"", dir);
    fd = openat(parent_fd, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return sc_layer_path_err(err, errno, dir);
    /* The whiteout hid what the layers below have here: the new directory must as well. */
    if (was_hidden && sc_layer_set_opaque(unpack, fd, err) < 0)
        return -1;
    if (sc_layer_put_dir_attrs(unpack, fd, dir, "", &attrs, err) < 0)
        return -1;
    return sc_steal_fd(&fd);
}

/* Walks dir part by part, making what is missing. */
static int
make_dirs(struct sc_unpack *unpack, const char *dir, struct sc_err *err)
{
    sc_cleanup_fd at = open_beneath(unpack->root_fd, "", O_RDONLY | O_DIRECTORY, 0);
    char prefix[PATH_MAX];
    size_t len = 0;

    if (at < 0)
        return sc_layer_path_err(err, errno, dir);
    while (dir[len]) {
        size_t part = len, next_len = len + strcspn(dir + len, "/");
        int next;

        memcpy(prefix, dir, next_len);
        prefix[next_len] = '\0';
        next = open_beneath(unpack->root_fd, prefix, O_RDONLY | O_DIRECTORY, 0);
        if (next < 0 && errno != ENOENT && errno != ENOTDIR)
            return sc_layer_path_err(err, errno, prefix);
        if (next < 0)
            next = make_implicit(unpack, at, prefix, prefix + part, err);
        if (next < 0)
            return -1;
        sc_closep(&at);
        at = next;
        len = next_len + (dir[next_len] == '/');
    }
    return sc_steal_fd(&at);
}

int
sc_layer_open_dir(struct sc_unpack *unpack, const char *dir, struct sc_err *err)
{
    int fd;

    if (unpack->cached_fd >= 0 && strcmp(unpack->cached_dir, dir) == 0)
        return unpack->cached_fd;
    fd = open_beneath(unpack->root_fd, dir, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
        return sc_layer_path_err(err, errno, dir);
    if (fd < 0)
        fd = make_dirs(unpack, dir, err);
    if (fd < 0)
        return -1;
    sc_layer_forget_dir(unpack);
    unpack->cached_fd = fd;
    memcpy(unpack->cached_dir, dir, strlen(dir) + 1);
    return fd;
}
