/*
 * A tar stream into a directory of a container. Both are hostile: a name of the archive is cleaned as a layer's is
 * (layer-name.c), the directory that it leads to is resolved inside the container's root, links of the container
 * included, and the last name is made there anew. Nothing is followed out of the root.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/container-priv.h"
#include "kernel/kernel.h"

/* A directory gets its time when all is in it. */
struct late {
    struct late *next;
    char *path;
    struct timespec times[2];
};

struct untar {
    int root_fd;
    const char *dir;
    const struct sc_tree_ids *ids;
    struct sc_tar_in *tar;
    bool is_root, replaces;
    struct sc_arena *arena;
    struct late *late; /* the last one first */
};

struct place {
    int dir_fd;
    const char *name;
    uid_t uid;
    gid_t gid;
    mode_t mode;
    struct timespec times[2];
};

/* The path of an archive's name in the container; what a layer would take for a whiteout is a name like another. */
static int
inside(const struct untar *untar, const char *name, char out[PATH_MAX], struct sc_err *err)
{
    char clean[PATH_MAX];

    for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return sc_err_set(err, SC_ERR_INVALID, "its name has \"..\"");
    }
    if (sc_cp_clean(name, clean, err) < 0)
        return -1;
    if ((size_t)snprintf(out, PATH_MAX, "%s%s", strcmp(untar->dir, "/") == 0 ? "" : untar->dir, clean) >= PATH_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "its path is too long");
    return 0;
}

/* The directory that is to hold it, made where it is missing. */
static int
open_parent(const struct untar *untar, const char *path, const char **name, struct sc_err *err)
{
    int fd = sc_path_parent(untar->root_fd, path, name);

    return fd < 0 ? sc_err_errno(err, -fd, "open its directory") : fd;
}

static int
make_room(const struct untar *untar, const struct place *place, bool is_dir, bool *is_there, struct sc_err *err)
{
    struct stat st;

    *is_there = false;
    if (fstatat(place->dir_fd, place->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : sc_err_errno(err, errno, "look at what is there");
    if (S_ISDIR(st.st_mode) != is_dir && untar->replaces)
        return sc_tree_remove_at(place->dir_fd, place->name, err);
    if (S_ISDIR(st.st_mode) != is_dir)
        return sc_err_set(err, SC_ERR_INVALID, "cannot overwrite %s with %s", is_dir ? "non-directory" : "directory",
                          is_dir ? "directory" : "non-directory");
    *is_there = is_dir;
    return is_dir || unlinkat(place->dir_fd, place->name, 0) == 0 ? 0
                                                                  : sc_err_errno(err, errno, "replace what is there");
}

/* Owner first: it takes setuid bits and capabilities away. */
static int
put_attrs(const struct untar *untar, int fd, const struct place *place, struct archive_entry *entry, struct sc_err *err)
{
    const char *name;
    const void *value;
    size_t len;

    if (fchown(fd, place->uid, place->gid) < 0 && (untar->is_root || (errno != EPERM && errno != EINVAL)))
        return sc_err_errno(err, errno, "set its owner");
    if (fchmod(fd, place->mode) < 0)
        return sc_err_errno(err, errno, "set its mode");
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &len) == ARCHIVE_OK) {
        int is_wanted = sc_layer_xattr_check(name, value, len, err);

        if (is_wanted < 0)
            return -1;
        if (is_wanted && fsetxattr(fd, name, value, len, 0) < 0 && errno != EOPNOTSUPP &&
            (untar->is_root || errno != EPERM))
            return sc_err_errno(err, errno, "set its attribute \"%.100s\"", name);
    }
    return futimens(fd, place->times) < 0 ? sc_err_errno(err, errno, "set its time") : 0;
}

static int
put_file(const struct untar *untar, const struct place *place, struct archive_entry *entry, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(place->dir_fd, place->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int64_t at, size = archive_entry_size(entry);
    const void *data;
    size_t len;

    if (fd < 0)
        return sc_err_errno(err, errno, "create it");
    for (;;) {
        if (sc_tar_in_data(untar->tar, &data, &len, &at, err) < 0)
            return -1;
        if (len == 0)
            break;
        if (lseek(fd, at, SEEK_SET) < 0)
            return sc_err_errno(err, errno, "seek");
        if (sc_io_write_all(fd, data, len, err) < 0)
            return -1;
    }
    if (ftruncate(fd, size) < 0) /* a hole at the end */
        return sc_err_errno(err, errno, "make it %lld bytes long", (long long)size);
    return put_attrs(untar, fd, place, entry, err);
}

static int
put_dir(const struct untar *untar, const struct place *place, bool is_there, struct archive_entry *entry,
        struct sc_err *err)
{
    sc_cleanup_fd fd = -1;

    if (!is_there && mkdirat(place->dir_fd, place->name, 0700) < 0)
        return sc_err_errno(err, errno, "make it");
    fd = openat(place->dir_fd, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? sc_err_errno(err, errno, "open it") : put_attrs(untar, fd, place, entry, err);
}

static int
remember(struct untar *untar, const char *path, const struct place *place, struct sc_err *err)
{
    struct late *late = SC_ARENA_NEW(untar->arena, struct late);

    if (!late)
        return sc_err_nomem(err);
    *late = (struct late){
        .next = untar->late, .path = sc_arena_strdup(untar->arena, path), .times = {place->times[0], place->times[1]}};
    untar->late = late;
    return late->path ? 0 : sc_err_nomem(err);
}

/* What is no directory any more has no time to lose. */
static void
set_late(const struct untar *untar)
{
    for (const struct late *late = untar->late; late; late = late->next) {
        int status = sc_path_open(untar->root_fd, late->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        sc_cleanup_fd fd = status < 0 ? -1 : status;

        if (fd >= 0)
            (void)!futimens(fd, late->times);
    }
}

static int
put_hard_link(const struct untar *untar, const struct place *place, const char *target, struct sc_err *err)
{
    char path[PATH_MAX];
    const char *name;
    sc_cleanup_fd dir = -1;

    if (inside(untar, target, path, err) < 0)
        return -1;
    dir = open_parent(untar, path, &name, err);
    if (dir < 0)
        return -1;
    /* Without following a link of that name. */
    return linkat(dir, name, place->dir_fd, place->name, 0) < 0 ? sc_err_errno(err, errno, "link it to \"%s\"", target)
                                                                : 0;
}

static int
put_other(const struct untar *untar, const struct place *place, struct archive_entry *entry, struct sc_err *err)
{
    mode_t type = archive_entry_filetype(entry);
    dev_t dev = type == AE_IFIFO
                    ? 0
                    : makedev((unsigned)archive_entry_rdevmajor(entry), (unsigned)archive_entry_rdevminor(entry));
    mode_t mask;
    int status;

    if (type == AE_IFLNK) {
        const char *target = archive_entry_symlink(entry);

        if (!target || !*target)
            return sc_err_set(err, SC_ERR_INVALID, "it is a symbolic link to nothing");
        if (symlinkat(target, place->dir_fd, place->name) < 0)
            return sc_err_errno(err, errno, "make the link");
    } else if (type != AE_IFIFO && type != AE_IFCHR && type != AE_IFBLK) {
        return sc_err_set(err, SC_ERR_INVALID, "it is of a type that cannot be copied");
    } else {
        /* With its mode from the beginning: later, the container may have put something else in its place. */
        mask = umask(0);
        status = mknodat(place->dir_fd, place->name, type | place->mode, dev) < 0 ? -errno : 0;
        (void)umask(mask);
        if (status < 0)
            return sc_err_errno(err, -status, "make the device or fifo");
    }
    if (fchownat(place->dir_fd, place->name, place->uid, place->gid, AT_SYMLINK_NOFOLLOW) < 0 &&
        (untar->is_root || (errno != EPERM && errno != EINVAL)))
        return sc_err_errno(err, errno, "set its owner");
    return utimensat(place->dir_fd, place->name, place->times, AT_SYMLINK_NOFOLLOW) < 0
               ? sc_err_errno(err, errno, "set its time")
               : 0;
}

static int
fill_place(const struct untar *untar, struct archive_entry *entry, struct place *place, struct sc_err *err)
{
    int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
    long nsec = archive_entry_mtime_nsec(entry);
    uint32_t outer_uid = (uint32_t)uid, outer_gid = (uint32_t)gid;

    if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX ||
        !sc_oci_id_outside(&untar->ids->uids, &outer_uid) || !sc_oci_id_outside(&untar->ids->gids, &outer_gid))
        return sc_err_set(err, SC_ERR_INVALID, "its owner %lld:%lld is none of the container's ids", (long long)uid,
                          (long long)gid);
    place->uid = outer_uid;
    place->gid = outer_gid;
    place->mode = archive_entry_perm(entry) & 07777;
    place->times[0] = place->times[1] =
        (struct timespec){.tv_sec = archive_entry_mtime(entry), .tv_nsec = nsec >= 0 && nsec <= 999999999 ? nsec : 0};
    return 0;
}

static int
put_entry(struct untar *untar, struct archive_entry *entry, struct sc_err *err)
{
    const char *target = archive_entry_hardlink(entry);
    const bool is_dir = !target && archive_entry_filetype(entry) == AE_IFDIR;
    struct place place = {.dir_fd = -1};
    sc_cleanup_fd dir = -1;
    char path[PATH_MAX];
    bool is_there;

    if (inside(untar, archive_entry_pathname(entry), path, err) < 0)
        return -1;
    if (strcmp(path, untar->dir) == 0 ||
        (path[strlen(path) - 1] == '/' && strncmp(path, untar->dir, strlen(path) - 1) == 0))
        return 0; /* "./": the directory itself stays as it is, as with Docker */
    if (fill_place(untar, entry, &place, err) < 0)
        return -1;
    dir = open_parent(untar, path, &place.name, err);
    if (dir < 0)
        return -1;
    place.dir_fd = dir;
    if (make_room(untar, &place, is_dir, &is_there, err) < 0)
        return -1;
    if (target)
        return put_hard_link(untar, &place, target, err);
    if (is_dir)
        return put_dir(untar, &place, is_there, entry, err) < 0 ? -1 : remember(untar, path, &place, err);
    return archive_entry_filetype(entry) == AE_IFREG ? put_file(untar, &place, entry, err)
                                                     : put_other(untar, &place, entry, err);
}

int
sc_untar(const struct sc_files *files, int from_fd, int root_fd, const char *dir, bool is_root, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct untar untar = {.root_fd = root_fd,
                          .dir = dir,
                          .ids = &files->ids,
                          .is_root = is_root,
                          .replaces = files->replaces,
                          .arena = &arena};
    sc_cleanup_tar_in tar = NULL;
    struct archive_entry *entry;
    struct sc_stream *stream = NULL;

    if (sc_stream_open(NULL, from_fd, &sc_limits_default, &stream, err) < 0 ||
        sc_tar_in_open(stream, &sc_limits_default, false, &tar, err) < 0)
        return -1;
    untar.tar = tar;
    for (;;) {
        if (sc_tar_in_next(tar, &entry, err) < 0)
            return -1;
        if (!entry)
            break;
        if (put_entry(&untar, entry, err) < 0)
            return sc_err_wrap(err, "entry \"%.300s\"", archive_entry_pathname(entry));
    }
    set_late(&untar);
    return 0;
}
