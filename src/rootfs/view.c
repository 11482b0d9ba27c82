/* One directory of the merged tree, and one step down in it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "rootfs/rootfs-priv.h"

void
sc_view_release(struct sc_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        sc_closep(&view->fds[i]);
    sc_freep(&view->fds);
    view->count = 0;
}

void
sc_view_entry_release(struct sc_view_entry *entry)
{
    sc_view_release(&entry->dir);
    entry->kind = SC_VIEW_ABSENT;
}

bool
sc_view_is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static bool
is_opaque(const struct sc_view *view, int dir_fd)
{
    const char *name = view->is_userxattr ? "user.overlay.opaque" : "trusted.overlay.opaque";
    char value[4];

    return fgetxattr(dir_fd, name, value, sizeof(value)) == 1 && value[0] == 'y';
}

/* Room for one more layer below what the view has. */
static int
view_push_take(struct sc_view *view, size_t most, int fd, struct sc_err *err)
{
    if (!view->fds) {
        view->fds = malloc(most * sizeof(*view->fds));
        if (!view->fds) {
            sc_closep(&fd);
            return sc_err_nomem(err);
        }
    }
    view->fds[view->count++] = fd;
    return 0;
}

static int
open_layer(const char *path, struct sc_err *err)
{
    int fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* lint: the store's own directory */

    return fd < 0 ? sc_err_errno(err, errno, "open layer \"%s\"", path) : fd;
}

/* A layer in an EROFS image, mounted where nobody sees it. */
static int
open_image(const struct sc_overlay *overlay, size_t i, struct sc_err *err)
{
    const char *path = overlay->images.items[i];
    int status;

    if (overlay->mounts[i] >= 0)
        return sc_dir_open_at(overlay->mounts[i], ".", err);
    status = sc_mount_erofs(AT_FDCWD, path, true); /* lint: the store's own file */
    if (status < 0) {
        sc_err_errno(err, -status, "mount layer \"%s\"", path);
        return status == -ENODEV || status == -ENOTBLK || status == -ENOSYS || status == -EINVAL
                   ? sc_err_remedy(err, "this kernel does not mount it: `sc system fsck --repair` unpacks the layer")
                   : -1;
    }
    overlay->mounts[i] = status;
    return sc_dir_open_at(status, ".", err);
}

int
sc_view_open(const struct sc_overlay *overlay, struct sc_view *out, struct sc_err *err)
{
    size_t most = overlay->lowerdirs.count + 1;
    struct sc_err upper_err = SC_ERR_INIT;
    int fd;

    out->is_userxattr = overlay->is_userxattr;
    if (overlay->upperdir) {
        fd = open_layer(overlay->upperdir, &upper_err);
        if (fd < 0 && upper_err.errnum != ENOENT) {
            *err = upper_err;
            return -1;
        }
        if (fd >= 0 && view_push_take(out, most, fd, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < overlay->lowerdirs.count; i++) {
        bool is_image = i < overlay->images.count && *overlay->images.items[i];

        fd = is_image ? open_image(overlay, i, err) : open_layer(overlay->lowerdirs.items[i], err);
        if (fd < 0)
            return -1;
        if (view_push_take(out, most, fd, err) < 0)
            return -1;
    }
    return 0;
}

/* What one layer has under the name: *fd is the directory, or *st says what else it is; neither: nothing. Most names
 * are directories or not there, which one call tells. */
static int
look(int at_fd, const char *name, int *fd, struct stat *st, struct sc_err *err)
{
    st->st_mode = 0;
    *fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd >= 0 || errno == ENOENT)
        return 0;
    if (errno != ENOTDIR && errno != ELOOP)
        return sc_err_errno(err, errno, "open directory \"%s\"", name);
    return fstatat(at_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0 ? sc_err_errno(err, errno, "look up \"%s\"", name) : 0;
}

int
sc_view_lookup(const struct sc_view *view, const char *name, struct sc_view_entry *out, struct sc_err *err)
{
    *out = (struct sc_view_entry){.kind = SC_VIEW_ABSENT, .dir = {.is_userxattr = view->is_userxattr}};
    for (size_t i = 0; i < view->count; i++) {
        struct stat st;
        int fd;

        if (look(view->fds[i], name, &fd, &st, err) < 0)
            return -1;
        if (fd < 0 && st.st_mode == 0)
            continue;
        if (fd < 0) {
            /* Below a directory of a higher layer a file is hidden by it. */
            if (out->kind == SC_VIEW_ABSENT && !sc_view_is_whiteout(&st))
                *out = (struct sc_view_entry){.kind = SC_VIEW_OTHER, .layer = i, .st = st};
            return 0;
        }
        if (view_push_take(&out->dir, view->count, fd, err) < 0)
            return -1;
        if (out->kind == SC_VIEW_ABSENT) {
            out->kind = SC_VIEW_DIR;
            if (fstat(fd, &out->st) < 0)
                return sc_err_errno(err, errno, "look at directory \"%s\"", name);
        }
        if (i + 1 < view->count && is_opaque(view, fd))
            return 0;
    }
    return 0;
}

int
sc_view_open_regular(const struct sc_view *view, const struct sc_view_entry *entry, const char *name, int *fd,
                     struct sc_err *err)
{
    if (!S_ISREG(entry->st.st_mode))
        return 0;
    /* O_NONBLOCK: should it have become a fifo since, open must not wait. */
    *fd = openat(view->fds[entry->layer], name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return *fd < 0 ? sc_err_errno(err, errno, "open \"%s\"", name) : 0;
}
