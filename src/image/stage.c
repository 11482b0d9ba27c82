/*
 * A layer while it is made, and the two ways in which it is kept:
 *
 *     layer/<chain-id>/diff     a directory: its files
 *                     /diff     an empty directory, and
 *                     /erofs    an EROFS image, which is mounted there in a container's own mount namespace
 *
 * An image costs a file instead of thousands, and each container a mount. So small layers, which have few files, stay
 * directories where nobody asked for the other: a first mount takes a millisecond, and all containers share what the
 * kernel caches of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "image/jail-priv.h"
#include "kernel/kernel.h"

int
sc_layer_open(int layers_fd, const char *name, struct sc_err *err)
{
    char path[PATH_MAX];
    sc_cleanup_fd image = -1, tree = -1;
    int status;

    (void)snprintf(path, sizeof(path), "%s/erofs", name);
    image = openat(layers_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (image < 0) {
        if (errno != ENOENT)
            return sc_err_errno(err, errno, "open layer %s", name);
        (void)snprintf(path, sizeof(path), "%s/diff", name);
        return sc_dir_open_at(layers_fd, path, err);
    }
    status = sc_mount_erofs(image, true);
    if (status < 0)
        return sc_err_errno(err, -status, "mount layer %s", name);
    tree = status;
    return sc_dir_open_at(tree, ".", err);
}

static int
open_erofs(const struct sc_store *store, int layers_fd, const char *name, struct sc_unpack *unpack, struct sc_err *err)
{
    char path[PATH_MAX];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/erofs", name);
    fd = openat(layers_fd, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return sc_err_errno(err, errno, "create the image of a layer");
    if (store->jail) { /* it is another's to fill */
        unpack->root_fd = fd;
        unpack->cached_fd = -1;
        unpack->is_root = true;
        unpack->limits = sc_limits_of(store);
        return sc_jailed_new(store->jail, true, &unpack->jailed, err);
    }
    return sc_layer_unpack_init_erofs(unpack, fd, sc_limits_of(store), err);
}

#define BLOCK     4096               /* of fs-verity's tree of hashes: any kernel that has it knows this one */
#define SMALL_MAX ((int64_t)4 << 20) /* bytes of a small layer's blob, as it comes */

/* To ext4 (the "T" of chattr(1)) layers are then trees of their own, which it spreads over the disk. Else it puts all
 * of them where the last one was, and, where it has no journal, looks for each new file at every one that was removed
 * there within the last minute or five: a load after a removal took seven times as long. Other file systems do not know
 * it. */
static void
spread(int layers_fd)
{
    int flags = 0;

    if (ioctl(layers_fd, FS_IOC_GETFLAGS, &flags) < 0 || (flags & FS_TOPDIR_FL))
        return;
    flags |= FS_TOPDIR_FL;
    (void)ioctl(layers_fd, FS_IOC_SETFLAGS, &flags);
}

int
sc_stage_open(const struct sc_store *store, int layers_fd, const char *name, int64_t blob_size,
              struct sc_unpack *unpack, struct sc_err *err)
{
    char path[PATH_MAX];
    int fd;

    spread(layers_fd);
    (void)snprintf(path, sizeof(path), "%s/diff", name);
    if (sc_dir_make_at(layers_fd, path, 0755, err) < 0)
        return sc_err_disk(err, store);
    if (store->backend == SC_LAYER_EROFS && (store->is_backend_asked || blob_size > SMALL_MAX))
        return open_erofs(store, layers_fd, name, unpack, err) < 0 ? sc_err_disk(err, store) : 0;
    fd = sc_dir_open_at(layers_fd, path, err);
    if (fd < 0 || sc_layer_unpack_init(unpack, fd, sc_limits_of(store), err) < 0)
        return -1;
    return store->jail ? sc_jailed_new(store->jail, false, &unpack->jailed, err) : 0;
}

bool
sc_stage_is_image(int layers_fd, const char *name)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/erofs", name);
    return faccessat(layers_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int
sc_stage_sync(int layers_fd, const char *name, struct sc_err *err)
{
    /* The directory comes last: its entries must not outlive, in a power loss, what they name. */
    static const char *const parts[] = {"erofs", "blob", "size", "diff", "."};
    sc_cleanup_fd dir = sc_dir_open_at(layers_fd, name, err);

    if (dir < 0)
        return -1;
    for (size_t i = 0; i < SC_ARRAY_LEN(parts); i++) {
        sc_cleanup_fd fd = openat(dir, parts[i], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0 || fsync(fd) < 0)
            return sc_err_errno(err, errno, "sync \"%s\" of a layer", parts[i]);
    }
    return 0;
}

void
sc_stage_seal(int layers_fd, const char *name)
{
    struct fsverity_enable_arg how = {.version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256, .block_size = BLOCK};
    char path[PATH_MAX];
    sc_cleanup_fd fd = -1;

    (void)snprintf(path, sizeof(path), "%s/erofs", name);
    fd = openat(layers_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) /* most file systems have none, and the layer is as good as ever there */
        (void)ioctl(fd, FS_IOC_ENABLE_VERITY, &how);
}

bool
sc_stage_is_sealed(int layers_fd, const char *name)
{
    char path[PATH_MAX];
    sc_cleanup_fd fd = -1;
    int flags = 0;

    (void)snprintf(path, sizeof(path), "%s/erofs", name);
    fd = openat(layers_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_VERITY_FL);
}

static int
write_note(const struct sc_store *store, int layers_fd, const char *name, const char *what, const char *text,
           struct sc_err *err)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s", name, what);
    if (sc_file_replace_at(layers_fd, path, text, strlen(text), 0644, SC_VOLATILE, err) < 0)
        return sc_err_disk(err, store);
    return 0;
}

int
sc_stage_note(const struct sc_store *store, int layers_fd, const char *name, uint64_t file_bytes, const char *digest,
              struct sc_err *err)
{
    char size[SC_NUM_MAX];

    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)file_bytes);
    if (write_note(store, layers_fd, name, "blob", digest, err) < 0)
        return -1;
    return write_note(store, layers_fd, name, "size", size, err);
}
