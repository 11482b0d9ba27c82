/* The trees of a container: its image, what it changed, both in one, and its root with all that is mounted there. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "image/container-priv.h"
#include "kernel/kernel.h"

struct layers {
    struct sc_arena arena;
    struct sc_mount_overlay overlay;
    size_t plain; /* so many of the first are not idmapped */
    int user_ns;  /* for the rest; -1: none */
};

static void
layers_release(struct layers *layers)
{
    sc_closep(&layers->user_ns);
    sc_arena_release(&layers->arena);
}

#define CLEANUP_LAYERS __attribute__((cleanup(layers_release))) struct layers

static int
map_text(const struct sc_oci_id_maps *maps, struct sc_buf *out, struct sc_err *err)
{
    for (size_t i = 0; i < maps->count; i++)
        sc_buf_addf(out, "%u %u %u\n", maps->items[i].container_id, maps->items[i].host_id, maps->items[i].size);
    return sc_buf_check(out, err);
}

/* The container's user namespace anew: only its maps matter here. */
static int
open_user_ns(const struct sc_files *files, struct sc_err *err)
{
    sc_cleanup_buf uids = SC_BUF_INIT, gids = SC_BUF_INIT;

    if (map_text(&files->ids.uids, &uids, err) < 0 || map_text(&files->ids.gids, &gids, err) < 0)
        return -1;
    return sc_idmap_ns_create(sc_buf_str(&uids), sc_buf_str(&gids), err);
}

/* upper: on top of them, to be read like them; NULL: not. */
static int
layers_init(struct layers *layers, const struct sc_files *files, const char *upper, struct sc_err *err)
{
    const size_t count = files->lowers.count, plain = upper ? 1 : 0;
    char **lower = SC_ARENA_ARRAY(&layers->arena, char *, count + 2);
    char **images = SC_ARENA_ARRAY(&layers->arena, char *, count + 2);

    if (!lower || !images)
        return sc_err_nomem(err);
    if (upper) {
        lower[0] = sc_arena_strdup(&layers->arena, upper);
        images[0] = sc_arena_strdup(&layers->arena, "");
    }
    for (size_t i = 0; i < count; i++) {
        lower[plain + i] = files->lowers.items[i];
        images[plain + i] = files->images.items[i];
    }
    layers->plain = plain;
    layers->overlay = (struct sc_mount_overlay){
        .lower = lower, .images = images, .lower_count = plain + count, .is_userxattr = sc_process_is_in_user_ns()};
    if (files->is_idmapped) {
        layers->user_ns = open_user_ns(files, err);
        if (layers->user_ns < 0)
            return -1;
    }
    return sc_arena_check(&layers->arena, err);
}

/* In a mount namespace of its own: an idmapped mount of each layer on the layer, as a container's start makes them. */
static int
cover_layers(struct layers *layers)
{
    char **images = (char **)(uintptr_t)layers->overlay.images;

    for (size_t i = layers->plain; layers->user_ns >= 0 && i < layers->overlay.lower_count; i++) {
        const char *path = layers->overlay.lower[i];
        sc_cleanup_fd tree = -1, target = -1;
        int status;

        if (images[i][0] != '\0') {
            status = sc_mount_layer(images[i], -1, path, layers->user_ns);
            if (status < 0)
                return status;
            images[i] = sc_arena_strdup(&layers->arena, ""); /* it is there */
            if (!images[i])
                return -ENOMEM;
            continue;
        }
        target = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC); /* lint: in our data root */
        if (target < 0)
            return -errno;
        status = sc_mount_tree_open(target, "", false);
        if (status < 0)
            return status;
        tree = status;
        status = sc_mount_idmap(tree, false, layers->user_ns);
        if (status == 0)
            status = sc_mount_move(tree, target);
        if (status < 0)
            return status;
    }
    return 0;
}

static int
own_namespace(void)
{
    /* lint: our own */
    return unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

/* In the namespace of our own: the overlay, as sc_mount_overlay gives it. */
static int
mount_layers(struct layers *layers, bool *is_attached)
{
    int status = cover_layers(layers);

    return status < 0 ? status : sc_mount_overlay(&layers->overlay, is_attached);
}

static int
mount_aside(struct layers *layers)
{
    bool is_attached = false;
    sc_cleanup_fd fd = -1;
    int status = own_namespace();

    if (status == 0)
        status = mount_layers(layers, &is_attached);
    if (status < 0)
        return status;
    fd = status;
    return is_attached ? sc_mount_tree_open(fd, "", false) : sc_steal_fd(&fd);
}

/* An overlay in a mount namespace made for it (kernels before 6.5 must mount it on "/" to have it, and a user namespace
 * may mount in its own only), and back; from a user namespace there is no way back, and no need. */
static int
mount_detached(struct layers *layers)
{
    /* lint: our own process, before anything of the container is looked at */
    sc_cleanup_fd here = openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_fd ns = openat(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC); /* lint: as above */
    sc_cleanup_fd fd = -1;
    int status;

    if (here < 0 || ns < 0)
        return -errno;
    status = mount_aside(layers);
    if (status >= 0)
        fd = status;
    if (!layers->overlay.is_userxattr && (setns(ns, CLONE_NEWNS) < 0 || fchdir(here) < 0)) /* lint: an fd */
        return -errno;
    return status < 0 ? status : sc_steal_fd(&fd);
}

/* One directory alone is no overlay: nothing is below it that it could hide. */
static int
mount_single(const struct layers *layers)
{
    const char *dir = layers->overlay.lower[0], *image = layers->overlay.images[0];
    sc_cleanup_fd fd = -1;
    int status;

    /* A user namespace may copy mounts of a mount namespace of its own only. */
    status = layers->overlay.is_userxattr ? own_namespace() : 0;
    if (status < 0)
        return status;
    /* lint: in our data root */
    status = *image ? sc_mount_erofs(AT_FDCWD, image, true) : sc_mount_tree_open(AT_FDCWD, dir, false);
    if (status < 0)
        return status;
    fd = status;
    status = layers->user_ns >= 0 ? sc_mount_idmap(fd, false, layers->user_ns) : 0;
    return status < 0 ? status : sc_steal_fd(&fd);
}

int
sc_files_mount(const struct sc_files *files, const char *upper, struct sc_err *err)
{
    CLEANUP_LAYERS layers = {.user_ns = -1};
    sc_cleanup_fd fd = -1;
    int status;

    if (layers_init(&layers, files, upper, err) < 0)
        return -1;
    status = layers.overlay.lower_count == 1 ? mount_single(&layers) : mount_detached(&layers);
    if (status < 0)
        return sc_err_errno(err, -status, "mount the layers of \"%s\"", files->name);
    fd = status;
    status = sc_mount_setattr(fd, false, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID, 0, 0);
    if (status < 0)
        return sc_err_errno(err, -status, "make the layers of \"%s\" read-only", files->name);
    return sc_steal_fd(&fd);
}

/* A mount's fd is good for nothing but its place: its top directory, to be read. */
static int
open_layers(const struct sc_files *files, const char *upper, struct sc_err *err)
{
    sc_cleanup_fd fd = sc_files_mount(files, upper, err);

    return fd < 0 ? -1 : sc_dir_open_at(fd, ".", err);
}

static char *
upper_path(const struct sc_files *files, struct sc_arena *arena)
{
    return sc_arena_printf(arena, "%s/upper", files->dir);
}

int
sc_files_open_image(const struct sc_files *files, struct sc_err *err)
{
    if (files->rootfs) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "container \"%s\" was made of a directory, not of an image", files->name);
        return sc_err_remedy(err, "its files are in \"%s\"", files->rootfs);
    }
    return open_layers(files, NULL, err);
}

int
sc_files_open_upper(const struct sc_files *files, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    const char *path = upper_path(files, &arena);

    return path ? sc_dir_open_at(AT_FDCWD, path, err) : sc_err_nomem(err); /* lint: in our data root */
}

int
sc_files_open_merged(const struct sc_files *files, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    const char *path = upper_path(files, &arena);
    struct sc_err absent = SC_ERR_INIT;
    sc_cleanup_fd upper = -1;

    if (!path)
        return sc_err_nomem(err);
    if (files->rootfs)
        return sc_dir_open_at(AT_FDCWD, files->rootfs, err); /* lint: the caller's own */
    upper = sc_files_open_upper(files, &absent);
    return open_layers(files, upper < 0 ? NULL : path, err);
}

/* ---- the root of a stopped container -------------------------------------------------------------------------- */

static int
bind_one(int root_fd, const char *source, const char *target, bool is_readonly)
{
    /* lint: a volume of ours, or what the user named when the container was made */
    int status = sc_mount_tree_open(AT_FDCWD, source, true);
    sc_cleanup_fd tree = status, place = -1;
    struct stat st;

    if (status < 0)
        return status;
    if (fstat(tree, &st) < 0)
        return -errno;
    status = is_readonly ? sc_mount_setattr(tree, true, MOUNT_ATTR_RDONLY, 0, 0) : 0;
    if (status < 0)
        return status;
    status = sc_path_make(root_fd, target, !S_ISDIR(st.st_mode), 0755);
    if (status < 0)
        return status;
    place = status;
    return sc_mount_move(tree, place);
}

static int
bind_all(const struct sc_files *files, int root_fd, struct sc_err *err)
{
    for (size_t i = 0; i < files->bind_sources.count; i++) {
        const char *source = files->bind_sources.items[i], *target = files->bind_targets.items[i];
        int status = bind_one(root_fd, source, target, strcmp(files->bind_modes.items[i], "ro") == 0);

        if (status < 0)
            return sc_err_errno(err, -status, "mount \"%s\" on \"%s\" of container \"%s\"", source, target,
                                files->name);
    }
    return 0;
}

/* Mounts can be put on what is mounted somewhere: here on the upper directory, which only this process sees so. */
static int
attach(int mount_fd, const char *place)
{
    sc_cleanup_fd target = openat(AT_FDCWD, place, O_PATH | O_DIRECTORY | O_CLOEXEC); /* lint: in our data root */

    return target < 0 ? -errno : sc_mount_move(mount_fd, target);
}

static int
mount_writable(struct layers *layers, const struct sc_files *files)
{
    bool is_attached = false;
    sc_cleanup_fd fd = -1;
    int status = own_namespace();

    if (status == 0 && files->rootfs)
        return sc_mount_tree_open(AT_FDCWD, files->rootfs, true); /* lint: the caller's own */
    if (status == 0)
        status = mount_layers(layers, &is_attached);
    if (status < 0)
        return status;
    fd = status;
    status = is_attached ? 0 : attach(fd, layers->overlay.upper);
    return status < 0 ? status : sc_steal_fd(&fd);
}

int
sc_files_open_root(const struct sc_files *files, struct sc_err *err)
{
    CLEANUP_LAYERS layers = {.user_ns = -1};
    sc_cleanup_fd fd = -1;
    int status;

    if (files->root_fd >= 0)
        return fcntl(files->root_fd, F_DUPFD_CLOEXEC, 0);
    if (layers_init(&layers, files, NULL, err) < 0)
        return -1;
    layers.overlay.upper = upper_path(files, &layers.arena);
    layers.overlay.work = sc_arena_printf(&layers.arena, "%s/work", files->dir);
    if (sc_arena_check(&layers.arena, err) < 0)
        return -1;
    status = mount_writable(&layers, files);
    if (status < 0)
        return sc_err_errno(err, -status, "mount the root of container \"%s\"", files->name);
    fd = status;
    if (files->rootfs) {
        status = attach(fd, files->dir);
        if (status < 0)
            return sc_err_errno(err, -status, "mount the root of container \"%s\"", files->name);
    }
    if (bind_all(files, fd, err) < 0)
        return -1;
    status = sc_mount_setattr(
        fd, false, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | (files->is_readonly ? MOUNT_ATTR_RDONLY : 0), 0, 0);
    return status < 0 ? sc_err_errno(err, -status, "mount the root of container \"%s\"", files->name)
                      : sc_steal_fd(&fd);
}
