/*
 * A layer while it is made, and the ways in which it is kept:
 *
 *     layer/<chain-id>/diff        a directory: its files
 *                     /diff        an empty directory, and
 *                     /erofs       an EROFS image, which is mounted there in a container's own mount namespace
 *                     /erofs.tar   one more name of the blob, where the image is an index of it, and holds no files
 *
 * An image costs a file instead of thousands, and each container a mount. So small layers, which have few files, stay
 * directories where nobody asked for the other: a first mount takes a millisecond, and all containers share what the
 * kernel caches of them.
 *
 * An index takes the time to write the blob, and no more room than that. But there is one copy of a file then, and what
 * damages it in the blob is not mended by unpacking the blob again: so what is small, and costs little, is kept twice.
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

#define TAR "erofs" SC_EROFS_TAR

int
sc_layer_open(int layers_fd, const char *name, struct sc_err *err)
{
    char path[PATH_MAX];
    sc_cleanup_fd tree = -1;
    int status;

    (void)snprintf(path, sizeof(path), "%s/erofs", name);
    status = sc_mount_erofs(layers_fd, path, true);
    if (status == -ENOENT) {
        (void)snprintf(path, sizeof(path), "%s/diff", name);
        return sc_dir_open_at(layers_fd, path, err);
    }
    if (status < 0)
        return sc_err_errno(err, -status, "mount layer %s", name);
    tree = status;
    return sc_dir_open_at(tree, ".", err);
}

/* Gives the blob a name beside the layer's image, where it is a tar as it is. No other reason not to is an error: the
 * image then holds everything. */
static bool
pin(int layers_fd, const char *name, int blob_fd)
{
    char path[PATH_MAX], from[64], first[SC_PEEK_MAX];
    ssize_t got = pread(blob_fd, first, sizeof(first), 0);

    if (got <= 0 || sc_compression_of(first, (size_t)got) != SC_COMPRESSION_NONE)
        return false;
    (void)snprintf(path, sizeof(path), "%s/" TAR, name);
    (void)snprintf(from, sizeof(from), "/proc/self/fd/%d", blob_fd);
    return linkat(AT_FDCWD, from, layers_fd, path, AT_SYMLINK_FOLLOW) == 0; /* lint: a file of ours, by its fd */
}

static int
open_erofs(const struct sc_store *store, int layers_fd, const char *name, int blob_fd, struct sc_unpack *unpack,
           struct sc_err *err)
{
    const bool is_index = blob_fd >= 0 && pin(layers_fd, name, blob_fd);
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
        unpack->is_index = is_index;
        unpack->limits = sc_limits_of(store);
        return sc_jailed_new(store->jail, true, &unpack->jailed, err);
    }
    return sc_layer_unpack_init_erofs(unpack, fd, is_index, sc_limits_of(store), err);
}

#define BLOCK     4096               /* of fs-verity's tree of hashes: any kernel that has it knows this one */
#define SMALL_MAX ((int64_t)4 << 20) /* bytes of a small layer's blob, as it comes */
#define LARGE_MAX ((int64_t)1 << 40) /* bytes that an index can name */

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

static bool
wants_index(const struct sc_store *store, int64_t blob_size)
{
    return store->can_index && blob_size <= LARGE_MAX && (store->is_index_asked || blob_size > SMALL_MAX);
}

int
sc_stage_open(const struct sc_store *store, int layers_fd, const char *name, int blob_fd, int64_t blob_size,
              struct sc_unpack *unpack, struct sc_err *err)
{
    char path[PATH_MAX];
    int fd;

    spread(layers_fd);
    (void)snprintf(path, sizeof(path), "%s/diff", name);
    if (sc_dir_make_at(layers_fd, path, 0755, err) < 0)
        return sc_err_disk(err, store);
    if (store->backend == SC_LAYER_EROFS && (store->is_backend_asked || blob_size > SMALL_MAX))
        return open_erofs(store, layers_fd, name, wants_index(store, blob_size) ? blob_fd : -1, unpack, err) < 0
                   ? sc_err_disk(err, store)
                   : 0;
    fd = sc_dir_open_at(layers_fd, path, err);
    if (fd < 0 || sc_layer_unpack_init(unpack, fd, sc_limits_of(store), err) < 0)
        return -1;
    return store->jail ? sc_jailed_new(store->jail, false, &unpack->jailed, err) : 0;
}

int
sc_stage_adopt(const struct sc_store *store, int layers_fd, const char *name, const char *digest, struct sc_err *err)
{
    char path[PATH_MAX], fresh[PATH_MAX], blob[SC_BLOB_PATH_MAX];
    struct stat is, should;

    (void)snprintf(path, sizeof(path), "%s/" TAR, name);
    (void)snprintf(fresh, sizeof(fresh), "%s/" TAR ".new", name);
    sc_blob_path(digest, blob);
    if (fstatat(layers_fd, path, &is, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : sc_err_errno(err, errno, "look at the blob of a layer");
    if (fstatat(store->image_fd, blob, &should, AT_SYMLINK_NOFOLLOW) < 0)
        return sc_err_errno(err, errno, "look at blob %s", digest);
    if (is.st_ino == should.st_ino)
        return 0;
    if (linkat(store->image_fd, blob, layers_fd, fresh, 0) < 0 || renameat(layers_fd, fresh, layers_fd, path) < 0) {
        sc_err_errno(err, errno, "give blob %s to its layer", digest);
        return sc_err_disk(err, store);
    }
    return 0;
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
    /* The directory comes last: its entries must not outlive, in a power loss, what they name. The blob was synced
     * before it got its name. */
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

static int
open_part(int layers_fd, const char *name, const char *part)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s", name, part);
    return openat(layers_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

static const char *const sealed[] = {"erofs", TAR};

void
sc_stage_seal(int layers_fd, const char *name)
{
    struct fsverity_enable_arg how = {.version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256, .block_size = BLOCK};

    for (size_t i = 0; i < SC_ARRAY_LEN(sealed); i++) {
        sc_cleanup_fd fd = open_part(layers_fd, name, sealed[i]);

        if (fd >= 0) /* most file systems have none, and the layer is as good as ever there */
            (void)ioctl(fd, FS_IOC_ENABLE_VERITY, &how);
    }
}

bool
sc_stage_is_sealed(int layers_fd, const char *name)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(sealed); i++) {
        sc_cleanup_fd fd = open_part(layers_fd, name, sealed[i]);
        int flags = 0;

        if (fd < 0 && i > 0) /* it is no index */
            break;
        if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & FS_VERITY_FL))
            return false;
    }
    return true;
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
