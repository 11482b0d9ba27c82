/*
 * Unpacking one layer into a directory, in the form that overlay stacks: a whiteout becomes a character device 0:0,
 * an opaque directory gets an attribute. Owners, modes (setuid included), file capabilities, times to the nanosecond,
 * hard links and holes are kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/erofs-priv.h"
#include "image/jail-priv.h"
#include "kernel/kernel.h"

#define PLAIN_UMASK 022 /* sc-transfer's */

/* One entry being unpacked: where to, and what. */
struct item {
    struct sc_unpack *unpack;
    struct sc_tar_in *tar;
    struct archive_entry *entry;
    struct sc_layer_name name;
    int dir_fd; /* borrowed */
    struct sc_layer_attrs attrs;
};

static struct sc_layer_attrs
entry_attrs(struct archive_entry *entry)
{
    int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
    struct sc_layer_attrs attrs = {
        .uid = uid < 0 || uid >= UINT32_MAX ? UINT32_MAX : (uint32_t)uid,
        .gid = gid < 0 || gid >= UINT32_MAX ? UINT32_MAX : (uint32_t)gid,
        .mode = archive_entry_perm(entry) & 07777,
        .mtime = {.tv_sec = archive_entry_mtime(entry), .tv_nsec = archive_entry_mtime_nsec(entry)},
    };

    if (attrs.mtime.tv_nsec < 0 || attrs.mtime.tv_nsec > 999999999)
        attrs.mtime.tv_nsec = 0;
    return attrs;
}

/* Makes room for a new entry: what this layer already had under the name goes. *was_hidden tells of a whiteout. */
static int
clear_place(struct item *item, bool *was_hidden, struct sc_err *err)
{
    struct stat st;

    *was_hidden = false;
    if (fstatat(item->dir_fd, item->name.base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : sc_err_errno(err, errno, "look at what is there");
    *was_hidden = sc_layer_is_whiteout(&st);
    if (!S_ISDIR(st.st_mode)) {
        if (unlinkat(item->dir_fd, item->name.base, 0) < 0)
            return sc_err_errno(err, errno, "replace what is there");
        return 0;
    }
    if (sc_tree_remove_at(item->dir_fd, item->name.base, err) < 0)
        return -1;
    /* The directory opened last may have been inside; dir_fd itself is not, and stays good. */
    sc_layer_forget_dir(item->unpack);
    item->dir_fd = sc_layer_open_dir(item->unpack, item->name.dir, err);
    return item->dir_fd < 0 ? -1 : 0;
}

static int
write_content(struct item *item, int fd, struct sc_err *err)
{
    int64_t size = archive_entry_size(item->entry), end = 0, at;
    const void *data;
    size_t len;

    for (;;) {
        if (sc_tar_in_data(item->tar, &data, &len, &at, err) < 0)
            return -1;
        if (len == 0)
            break;
        if (at > end && lseek(fd, at, SEEK_SET) < 0)
            return sc_err_errno(err, errno, "seek");
        if (sc_io_write_all(fd, data, len, err) < 0)
            return -1;
        end = at + (int64_t)len;
    }
    /* A hole at the end. */
    if (end < size && ftruncate(fd, size) < 0)
        return sc_err_errno(err, errno, "make it %lld bytes long", (long long)size);
    item->unpack->file_bytes += (uint64_t)size;
    return 0;
}

static int
put_file(struct item *item, struct sc_err *err)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    /* Most files are root's, with a mode that the umask of ours lets pass: they are made as they shall be. */
    const bool is_ours = item->unpack->makes_plain && item->attrs.uid == 0 && item->attrs.gid == 0;
    const mode_t mode = is_ours && (item->attrs.mode & (07000 | PLAIN_UMASK)) == 0 ? item->attrs.mode : 0600;
    struct timespec times[2] = {item->attrs.mtime, item->attrs.mtime};
    sc_cleanup_fd fd = -1;
    bool was_hidden;

    fd = openat(item->dir_fd, item->name.base, flags, mode);
    if (fd < 0 && errno == EEXIST) {
        if (clear_place(item, &was_hidden, err) < 0)
            return -1;
        fd = openat(item->dir_fd, item->name.base, flags, mode);
    }
    if (fd < 0)
        return sc_err_errno(err, errno, "create it");
    if (write_content(item, fd, err) < 0)
        return -1;
    /* In this order: chown(2) takes away setuid bits and file capabilities, and everything touches times. */
    if (!is_ours && sc_layer_chown(item->unpack, fd, item->attrs.uid, item->attrs.gid, err) < 0)
        return -1;
    if ((!is_ours || mode != item->attrs.mode) && fchmod(fd, item->attrs.mode) < 0)
        return sc_err_errno(err, errno, "set mode %04o", item->attrs.mode);
    if (sc_layer_put_xattrs(item->unpack, fd, item->entry, err) < 0)
        return -1;
    if (futimens(fd, times) < 0)
        return sc_err_errno(err, errno, "set its time");
    return 0;
}

static int
put_dir(struct item *item, struct sc_err *err)
{
    bool is_root = item->name.kind == SC_LAYER_ROOT, was_hidden = false;
    sc_cleanup_fd fd = -1;
    struct stat st;
    int found = 0;

    if (!is_root) {
        found = fstatat(item->dir_fd, item->name.base, &st, AT_SYMLINK_NOFOLLOW);
        if (found < 0 && errno != ENOENT)
            return sc_err_errno(err, errno, "look at what is there");
    }
    if (!is_root && !(found == 0 && S_ISDIR(st.st_mode))) {
        if (clear_place(item, &was_hidden, err) < 0)
            return -1;
        if (mkdirat(item->dir_fd, item->name.base, 0700) < 0)
            return sc_err_errno(err, errno, "make the directory");
    }
    fd = openat(item->dir_fd, is_root ? "." : item->name.base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return sc_err_errno(err, errno, "open the directory");
    if (was_hidden && sc_layer_set_opaque(item->unpack, fd, err) < 0)
        return -1;
    if (sc_layer_put_dir_attrs(item->unpack, fd, item->name.dir, item->name.base, &item->attrs, err) < 0)
        return -1;
    return sc_layer_put_xattrs(item->unpack, fd, item->entry, err);
}

static int
put_symlink(struct item *item, struct sc_err *err)
{
    struct timespec times[2] = {item->attrs.mtime, item->attrs.mtime};
    const char *target = archive_entry_symlink(item->entry);
    const char *base = item->name.base;
    bool was_hidden;
    int status;

    if (sc_layer_put_xattrs(item->unpack, -1, item->entry, err) < 0)
        return -1;
    /* The target may be anything: it is data until someone follows it, and we never do beyond the layer. */
    status = symlinkat(target, item->dir_fd, base);
    if (status < 0 && errno == EEXIST) {
        if (clear_place(item, &was_hidden, err) < 0)
            return -1;
        status = symlinkat(target, item->dir_fd, base);
    }
    if (status < 0)
        return sc_err_errno(err, errno, "make the symbolic link");
    if (!(item->unpack->makes_plain && item->attrs.uid == 0 && item->attrs.gid == 0) &&
        fchownat(item->dir_fd, base, item->attrs.uid, item->attrs.gid, AT_SYMLINK_NOFOLLOW) < 0 &&
        (item->unpack->is_root || !sc_layer_is_anothers(errno)))
        return sc_layer_owner_err(err, errno, item->attrs.uid, item->attrs.gid);
    if (utimensat(item->dir_fd, base, times, AT_SYMLINK_NOFOLLOW) < 0)
        return sc_err_errno(err, errno, "set its time");
    return 0;
}

/* Devices are made as they are listed: the device cgroup of the container and its mounts decide who may use them. */
static int
put_node(struct item *item, mode_t type, struct sc_err *err)
{
    dev_t dev = type == S_IFIFO ? 0
                                : makedev((unsigned)archive_entry_rdevmajor(item->entry),
                                          (unsigned)archive_entry_rdevminor(item->entry));
    struct timespec times[2] = {item->attrs.mtime, item->attrs.mtime};
    const char *base = item->name.base;
    bool was_hidden;

    if (sc_layer_put_xattrs(item->unpack, -1, item->entry, err) < 0 || clear_place(item, &was_hidden, err) < 0)
        return -1;
    if (mknodat(item->dir_fd, base, type | 0600, dev) < 0) {
        if (errno == EPERM && !item->unpack->can_make_devices)
            return 0;
        return sc_err_errno(err, errno, "make the %s", type == S_IFIFO ? "fifo" : "device");
    }
    if (fchownat(item->dir_fd, base, item->attrs.uid, item->attrs.gid, AT_SYMLINK_NOFOLLOW) < 0 &&
        (item->unpack->is_root || !sc_layer_is_anothers(errno)))
        return sc_layer_owner_err(err, errno, item->attrs.uid, item->attrs.gid);
    /* Just made here, in a directory that only we can reach: no link can be in its place. */
    if (fchmodat(item->dir_fd, base, item->attrs.mode, 0) < 0)
        return sc_err_errno(err, errno, "set mode %04o", item->attrs.mode);
    if (utimensat(item->dir_fd, base, times, AT_SYMLINK_NOFOLLOW) < 0)
        return sc_err_errno(err, errno, "set its time");
    return 0;
}

static int
put_hard_link(struct item *item, const char *target, struct sc_err *err)
{
    struct sc_layer_name to;
    struct sc_err why = SC_ERR_INIT;
    sc_cleanup_fd to_fd = -1;
    struct stat st, here;
    bool was_hidden;

    if (sc_layer_name_parse(target, &to, err) < 0)
        return sc_err_wrap(err, "it is a hard link");
    if (to.kind != SC_LAYER_ENTRY)
        return sc_err_set(err, SC_ERR_INVALID, "it is a hard link to \"%.300s\", which is no file", target);
    to_fd = sc_layer_find_dir(item->unpack, to.dir, &why);
    if (to_fd < 0 && why.kind != SC_ERR_NOT_FOUND) {
        *err = why;
        return sc_err_wrap(err, "it is a hard link to \"%.300s\"", target);
    }
    if (to_fd < 0 || fstatat(to_fd, to.base, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode) ||
        sc_layer_is_whiteout(&st))
        return sc_err_set(err, SC_ERR_INVALID,
                          "it is a hard link to \"%.300s\", which is no file of this layer before it", target);
    if (fstatat(item->dir_fd, item->name.base, &here, AT_SYMLINK_NOFOLLOW) == 0 && here.st_ino == st.st_ino)
        return 0;
    if (clear_place(item, &was_hidden, err) < 0)
        return -1;
    if (linkat(to_fd, to.base, item->dir_fd, item->name.base, 0) < 0)
        return sc_err_errno(err, errno, "link it to \"%.300s\"", target);
    return 0;
}

/* Hides what the layers below have under the name. What this layer itself has there stays (layer.md: whiteouts apply
 * to lower layers only), in whatever order the two come. */
static int
put_whiteout(struct item *item, struct sc_err *err)
{
    sc_cleanup_fd fd = -1;
    struct stat st;

    if (fstatat(item->dir_fd, item->name.base, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return sc_err_errno(err, errno, "look at what is there");
        /* Linux 5.8 lets anybody make this one device. */
        if (mknodat(item->dir_fd, item->name.base, S_IFCHR, makedev(0, 0)) < 0)
            return sc_err_errno(err, errno, "make the whiteout");
        return 0;
    }
    if (!S_ISDIR(st.st_mode))
        return 0;
    fd = openat(item->dir_fd, item->name.base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return sc_err_errno(err, errno, "open the directory");
    return sc_layer_set_opaque(item->unpack, fd, err);
}

static int
put_by_type(struct item *item, struct sc_err *err)
{
    const char *hard_link = archive_entry_hardlink(item->entry);
    mode_t type = archive_entry_filetype(item->entry);

    if (item->name.kind == SC_LAYER_WHITEOUT)
        return put_whiteout(item, err);
    if (item->name.kind == SC_LAYER_OPAQUE)
        return sc_layer_set_opaque(item->unpack, item->dir_fd, err);
    if (hard_link)
        return put_hard_link(item, hard_link, err);
    switch (type) {
    case AE_IFREG:
        return put_file(item, err);
    case AE_IFDIR:
        return put_dir(item, err);
    case AE_IFLNK:
        return put_symlink(item, err);
    case AE_IFCHR:
        return put_node(item, S_IFCHR, err);
    case AE_IFBLK:
        return put_node(item, S_IFBLK, err);
    default:
        return put_node(item, S_IFIFO, err);
    }
}

/* A file of a directory in the directory's own place. */
static int
check_link(const struct item *item, const char *target, struct sc_err *err)
{
    const struct sc_layer_name *name = &item->name;
    struct sc_layer_name to;
    char path[PATH_MAX + NAME_MAX + 2];
    size_t len;

    if (sc_layer_name_parse(target, &to, err) < 0)
        return sc_err_wrap(err, "it is a hard link");
    len = (size_t)snprintf(path, sizeof(path), "%s%s%s", name->dir, *name->dir ? "/" : "", name->base);
    if (strncmp(to.dir, path, len) == 0 && (to.dir[len] == '/' || to.dir[len] == '\0'))
        return sc_err_set(err, SC_ERR_INVALID, "it is a hard link to \"%.300s\", which is below itself", target);
    return 0;
}

/* The kernel's numbers of devices: 12 and 20 bits (linux/kdev_t.h). What is cut off a larger one may leave 0:0. */
static int
check_device(struct archive_entry *entry, mode_t type, struct sc_err *err)
{
    const uint64_t major = archive_entry_rdevmajor(entry), minor = archive_entry_rdevminor(entry);

    if (type != AE_IFCHR && type != AE_IFBLK)
        return 0;
    if (major > 0xfff || minor > 0xfffff)
        return sc_err_set(err, SC_ERR_INVALID, "its device number is out of range");
    if (type == AE_IFCHR && major == 0 && minor == 0)
        return sc_err_set(err, SC_ERR_INVALID, "it is a character device 0:0, which overlay would take for a whiteout");
    return 0;
}

/* What no layer can hold, wherever it is unpacked to. */
static int
check_entry(const struct item *item, struct sc_err *err)
{
    bool is_link = archive_entry_hardlink(item->entry) != NULL;
    mode_t type = archive_entry_filetype(item->entry);

    if (item->name.kind == SC_LAYER_WHITEOUT || item->name.kind == SC_LAYER_OPAQUE)
        return 0;
    if (item->name.kind == SC_LAYER_ROOT && (is_link || type != AE_IFDIR))
        return sc_err_set(err, SC_ERR_INVALID, "it would replace the layer's top directory");
    /* To one tar the content is there to be skipped, to another it is the next entry. */
    if (is_link && archive_entry_size_is_set(item->entry) && archive_entry_size(item->entry) > 0)
        return sc_err_set(err, SC_ERR_INVALID, "it is a hard link with content");
    if (is_link)
        return check_link(item, archive_entry_hardlink(item->entry), err);
    if (item->attrs.uid == UINT32_MAX || item->attrs.gid == UINT32_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "its owner is out of range");
    if (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK && type != AE_IFCHR && type != AE_IFBLK &&
        type != AE_IFIFO)
        return sc_err_set(err, SC_ERR_INVALID, "a layer cannot hold an entry of its type");
    if (check_device(item->entry, type, err) < 0)
        return -1;
    if (type == AE_IFREG && archive_entry_size(item->entry) < 0)
        return sc_err_set(err, SC_ERR_INVALID, "its size is negative");
    if (type == AE_IFLNK && (!archive_entry_symlink(item->entry) || !*archive_entry_symlink(item->entry)))
        return sc_err_set(err, SC_ERR_INVALID, "it is a symbolic link to nothing");
    if (type == AE_IFLNK && strlen(archive_entry_symlink(item->entry)) >= PATH_MAX) /* symlink(2) makes none */
        return sc_err_set(err, SC_ERR_INVALID, "it is a symbolic link to a name of more than %d bytes", PATH_MAX - 1);
    return 0;
}

static int
put_in_dir(struct item *item, struct sc_err *err)
{
    item->dir_fd = sc_layer_open_dir(item->unpack, item->name.dir, err);
    return item->dir_fd < 0 ? -1 : put_by_type(item, err);
}

static int
put_entry(struct item *item, struct sc_err *err)
{
    const char *name = archive_entry_pathname(item->entry);

    if (sc_layer_name_parse(name, &item->name, err) < 0)
        return -1;
    item->attrs = entry_attrs(item->entry);
    if (check_entry(item, err) < 0 ||
        (item->unpack->erofs ? sc_layer_erofs_put(item->unpack, item->tar, item->entry, &item->name, &item->attrs, err)
                             : put_in_dir(item, err)) < 0)
        return sc_err_wrap(err, "entry \"%.300s\"", name);
    return 0;
}

void
sc_layer_unpack_release(struct sc_unpack *unpack)
{
    sc_jailed_free(unpack->jailed);
    unpack->jailed = NULL;
    sc_layer_forget_dir(unpack);
    sc_layer_late_free(unpack->late);
    unpack->late = NULL;
    sc_closep(&unpack->root_fd);
    if (unpack->erofs)
        sc_erofs_release(unpack->erofs);
    sc_freep(&unpack->erofs);
}

/* Whether a new file belongs to root:root and has the mode that it is made with: not where the directory hands down
 * its group or an access control list. */
static bool
makes_plain(int dir_fd)
{
    struct stat st;

    return geteuid() == 0 && getegid() == 0 && fstat(dir_fd, &st) == 0 && st.st_uid == 0 && st.st_gid == 0 &&
           (st.st_mode & S_ISGID) == 0 && fgetxattr(dir_fd, "system.posix_acl_default", NULL, 0) < 0 &&
           (errno == ENODATA || errno == EOPNOTSUPP);
}

int
sc_layer_unpack_init(struct sc_unpack *unpack, int dir_fd_take, const struct sc_limits *limits, struct sc_err *err)
{
    unpack->root_fd = dir_fd_take;
    unpack->is_root = geteuid() == 0;
    unpack->can_make_devices = unpack->is_root && !sc_process_is_in_user_ns();
    unpack->makes_plain = makes_plain(dir_fd_take);
    unpack->limits = limits;
    unpack->cached_fd = -1;
    return sc_layer_late_new(&unpack->late, err);
}

int
sc_layer_unpack_init_erofs(struct sc_unpack *unpack, int image_fd_take, bool is_index, const struct sc_limits *limits,
                           struct sc_err *err)
{
    sc_cleanup_fd fd = image_fd_take;

    unpack->root_fd = unpack->cached_fd = -1;
    unpack->is_root = true;
    unpack->is_index = is_index;
    unpack->limits = limits;
    unpack->erofs = calloc(1, sizeof(*unpack->erofs));
    if (!unpack->erofs)
        return sc_err_nomem(err);
    return sc_erofs_init(unpack->erofs, sc_steal_fd(&fd), is_index, limits, err);
}

static int
unpack_all(struct sc_unpack *unpack, struct sc_tar_in *tar, struct sc_err *err)
{
    struct sc_layer_attrs top = {.mode = 0755};
    struct item item = {.unpack = unpack, .tar = tar};

    if (!unpack->erofs && sc_layer_put_dir_attrs(unpack, unpack->root_fd, "", "", &top, err) < 0)
        return -1;
    for (;;) {
        if (sc_tar_in_next(tar, &item.entry, err) < 0)
            return -1;
        if (!item.entry)
            break;
        if (put_entry(&item, err) < 0)
            return -1;
    }
    sc_layer_forget_dir(unpack);
    return unpack->erofs ? sc_erofs_flush(unpack->erofs, err) : 0;
}

static int
diff_id_err(struct sc_err *err, const char *digest, const char *actual, const char *diff_id)
{
    sc_err_set(err, SC_ERR_INVALID, "unpack layer %s: its content is %s, the image says %s", digest, actual, diff_id);
    return sc_err_remedy(err, "the image is damaged or was changed: get it again");
}

int
sc_layer_verify(const struct sc_store *store, const char *digest, const char *diff_id, struct sc_err *err)
{
    sc_cleanup_fd blob = sc_blob_open(store, digest, err);
    sc_cleanup_hash hash = SC_HASH_INIT;
    sc_cleanup_stream stream = NULL;
    char actual[SC_DIGEST_LEN + 1], chunk[32768];
    ssize_t got;

    if (blob < 0)
        return -1;
    if (strcmp(digest, diff_id) == 0) /* not compressed: the digest was verified when the blob came in */
        return 0;
    if (sc_stream_open(store->jail, blob, &sc_limits_default, &stream, err) < 0 || sc_hash_start(&hash, err) < 0)
        return sc_err_wrap(err, "check layer %s", digest);
    while ((got = sc_stream_read(stream, chunk, sizeof(chunk), err)) > 0) {
        if (sc_hash_add(&hash, chunk, (size_t)got, err) < 0)
            return -1;
    }
    if (got < 0 || sc_hash_end(&hash, actual, err) < 0)
        return sc_err_wrap(err, "check layer %s", digest);
    return strcmp(actual, diff_id) == 0 ? 0 : diff_id_err(err, digest, actual, diff_id);
}

int
sc_layer_unpack_from(struct sc_stream *stream_take, struct sc_unpack *unpack, char *digest, struct sc_err *err)
{
    sc_cleanup_stream stream = stream_take;
    sc_cleanup_tar_in tar = NULL;

    if (sc_tar_in_open(sc_steal_ptr(&stream), unpack->limits, digest != NULL, &tar, err) < 0 ||
        unpack_all(unpack, tar, err) < 0)
        return -1;
    return sc_tar_in_digest(tar, digest, err);
}

int
sc_layer_index(int tar_fd, struct sc_follow *follow, struct sc_unpack *unpack, struct sc_err *err)
{
    sc_cleanup_tar_in tar = NULL;

    if (sc_tar_in_open_heads(tar_fd, follow, unpack->limits, &tar, err) < 0 || unpack_all(unpack, tar, err) < 0 ||
        sc_tar_in_digest(tar, NULL, err) < 0)
        return -1;
    unpack->erofs->tar_size = sc_tar_heads_at(tar->heads);
    return 0;
}

/* In this process. */
static int
unpack_here(struct sc_unpack *unpack, int blob_fd, struct sc_follow *follow, bool hashes_plain, struct sc_unpacked *out,
            struct sc_err *err)
{
    sc_cleanup_stream stream = NULL;
    struct sc_peek peek;

    if (unpack->is_index) {
        if (sc_layer_index(blob_fd, follow, unpack, err) < 0)
            return -1;
        out->file_bytes = unpack->file_bytes;
        return 0;
    }
    if (sc_stream_peek(blob_fd, follow, &peek, err) < 0 ||
        sc_stream_start(blob_fd, follow, unpack->limits, &peek, &stream, err) < 0)
        return -1;
    out->is_compressed = peek.compression != SC_COMPRESSION_NONE;
    if (sc_layer_unpack_from(sc_steal_ptr(&stream), unpack, out->is_compressed || hashes_plain ? out->diff_id : NULL,
                             err) < 0)
        return -1;
    out->file_bytes = unpack->file_bytes;
    return 0;
}

int
sc_layer_unpack_blob(struct sc_unpack *unpack, int blob_fd, struct sc_follow *follow, bool hashes_plain,
                     struct sc_unpacked *out, struct sc_err *err)
{
    int status;

    *out = (struct sc_unpacked){.diff_id = ""};
    status = unpack->jailed ? sc_jailed_unpack(unpack, blob_fd, follow, hashes_plain, out, err)
                            : unpack_here(unpack, blob_fd, follow, hashes_plain, out, err);
    /* Who unpacks it has not read it. */
    if (status == 0 && unpack->is_index && hashes_plain)
        status = sc_hash_file(blob_fd, out->diff_id, err);
    if (follow) /* whoever writes need not wait for us */
        sc_closep(&follow->hear_fd);
    return status;
}

int
sc_layer_unpack_stream(const struct sc_store *store, const char *digest, const char *diff_id, struct sc_unpack *unpack,
                       struct sc_err *err)
{
    sc_cleanup_fd blob = sc_blob_open(store, digest, err);
    struct sc_unpacked unpacked;
    const char *actual;

    if (blob < 0)
        return -1;
    if (sc_layer_unpack_blob(unpack, blob, NULL, true, &unpacked, err) < 0) {
        sc_err_wrap(err, "unpack layer %s", digest);
        return sc_err_disk(err, store);
    }
    /* Of what is not compressed the blob's digest counts, and a worker's is believed only when it finds damage. */
    actual = unpacked.is_compressed || strcmp(unpacked.diff_id, diff_id) != 0 ? unpacked.diff_id : digest;
    return strcmp(actual, diff_id) == 0 ? 0 : diff_id_err(err, digest, actual, diff_id);
}

int
sc_layer_unpack_finish(struct sc_unpack *unpack, const char *diff_id, struct sc_err *err)
{
    if (unpack->jailed)
        return sc_jailed_finish(unpack, diff_id, err);
    return unpack->erofs ? sc_layer_erofs_finish(unpack, diff_id, err) : sc_layer_late_apply(unpack, err);
}
