/* An image's layers as one tree, mounted nowhere. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "image/tree-priv.h"
#include "kernel/kernel.h"

/* An overlay in a mount namespace made for it: kernels before 6.5 must mount it on "/" to have it, and a user namespace
 * may mount in its own only. */
static int
overlay_aside(const struct sc_mount_overlay *overlay)
{
    bool is_attached = false;
    sc_cleanup_fd fd = -1;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) /* lint: our own */
        return -errno;
    fd = sc_mount_overlay(overlay, &is_attached);
    if (fd < 0)
        return sc_steal_fd(&fd);
    return is_attached ? sc_mount_tree_open(fd, "", false) : sc_steal_fd(&fd);
}

/* The same, back in the namespace and the directory where we were; in a user namespace there is no way back, and no
 * need. */
static int
open_overlay(const struct sc_mount_overlay *overlay)
{
    /* lint: our own process, before anything of an image is looked at */
    sc_cleanup_fd here = openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    /* lint: as above */
    sc_cleanup_fd ns = openat(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    sc_cleanup_fd fd = -1;

    if (here < 0 || ns < 0)
        return -errno;
    fd = overlay_aside(overlay);
    if (!overlay->is_userxattr && (setns(ns, CLONE_NEWNS) < 0 || fchdir(here) < 0)) /* lint: an fd */
        return -errno;
    return sc_steal_fd(&fd);
}

static int
open_single(const char *dir, const char *image)
{
    /* lint: in our data root */
    sc_cleanup_fd fd = *image ? openat(AT_FDCWD, image, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;

    if (!*image)
        return sc_mount_tree_open(AT_FDCWD, dir, false); /* lint: in our data root */
    return fd < 0 ? -errno : sc_mount_erofs(fd, true);
}

int
sc_image_open_root(const struct sc_store *store, const struct sc_image *image, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    const size_t count = image->chain_ids.count;
    char **lower = SC_ARENA_ARRAY(&arena, char *, count + 1), **images = SC_ARENA_ARRAY(&arena, char *, count + 1);
    struct sc_mount_overlay overlay = {
        .lower = lower, .images = images, .lower_count = count, .is_userxattr = sc_process_is_in_user_ns()};
    sc_cleanup_fd fd = -1;
    int status;

    if (!lower || !images)
        return sc_err_nomem(err);
    if (count == 0)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "image %s has no layers", image->id);
    for (size_t i = 0; i < count; i++) {
        const char *chain = image->chain_ids.items[count - 1 - i];

        lower[i] = sc_arena_printf(&arena, "%s/layer/%s/diff", store->data_path, chain);
        images[i] = sc_arena_printf(&arena, "%s/layer/%s/erofs", store->data_path, chain);
        if (!lower[i] || !images[i])
            return sc_err_nomem(err);
        if (faccessat(AT_FDCWD, images[i], F_OK, 0) < 0) /* lint: in our data root */
            images[i][0] = '\0';
    }
    /* One directory alone is no overlay: nothing is below it that it could hide. */
    fd = count == 1 ? open_single(lower[0], images[0]) : open_overlay(&overlay);
    if (fd < 0)
        return sc_err_errno(err, -fd, "mount the layers of image %s", image->id);
    status = sc_mount_setattr(fd, false, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID, 0, 0);
    if (status < 0)
        return sc_err_errno(err, -status, "make the layers of image %s read-only", image->id);
    return sc_steal_fd(&fd);
}
