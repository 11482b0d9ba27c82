/*
 * Trees of files as tar: sorted, with owners, modes, times, hard links, devices, user attributes and file capabilities.
 * Sockets, which mean nothing elsewhere, are left out. The tree may be a container's, which changes it meanwhile: no
 * link is followed, and what is opened is looked at before it is read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/tree-priv.h"
#include "kernel/kernel.h"

#define DEPTH_MAX      128 /* directories open at once */
#define XATTR_LIST_MAX 65536

struct sc_tree_tar {
    struct archive *tar;
    sc_tree_tar_fn write;
    void *sink;
    struct sc_tree_tar_how how;
    struct sc_err err; /* of the write callback */
    json_t *links;     /* "dev:ino" of files with several names, to the first of them */
    bool is_told;      /* an error names its path already */
    bool is_given_up;  /* nobody takes the archive's end any more: its sink may be gone */
    char path[PATH_MAX];
};

static la_ssize_t
walk_write(struct archive *archive, void *data, const void *buffer, size_t len)
{
    struct sc_tree_tar *walk = data;

    if (walk->is_given_up)
        return (la_ssize_t)len;
    if (walk->write(walk->sink, buffer, len, &walk->err) < 0) {
        archive_set_error(archive, EIO, "%s", walk->err.msg);
        return -1;
    }
    return (la_ssize_t)len;
}

static int
walk_err(const struct sc_tree_tar *walk, struct sc_err *err)
{
    if (walk->err.kind != SC_ERR_NONE) {
        *err = walk->err;
        return -1;
    }
    return sc_err_set(err, SC_ERR_KERNEL, "write the archive: %s", archive_error_string(walk->tar));
}

/* Attributes that a layer keeps (sc_layer_xattr_check); overlay's own, which a directory taken from an upper layer may
 * have, stay behind. */
static int
add_xattrs(int fd, struct archive_entry *entry, struct sc_err *err)
{
    sc_cleanup_free char *names = malloc(XATTR_LIST_MAX), *value = malloc(XATTR_SIZE_MAX);
    ssize_t len;

    if (!names || !value)
        return sc_err_nomem(err);
    len = flistxattr(fd, names, XATTR_LIST_MAX);
    for (const char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
        struct sc_err refused = SC_ERR_INIT;
        ssize_t size;

        if (sc_layer_xattr_check(name, NULL, 0, &refused) <= 0)
            continue;
        size = fgetxattr(fd, name, value, XATTR_SIZE_MAX);
        if (size < 0)
            return sc_err_errno(err, errno, "read its attribute \"%s\"", name);
        archive_entry_xattr_add_entry(entry, name, value, (size_t)size);
    }
    return 0;
}

static int
add_content(struct sc_tree_tar *walk, int fd, int64_t size, struct sc_err *err)
{
    char chunk[65536];

    while (size > 0) {
        ssize_t got = read(fd, chunk, size < (int64_t)sizeof(chunk) ? (size_t)size : sizeof(chunk));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read it");
        if (got == 0 && walk->how.is_live) /* the rest is written as zeros */
            return 0;
        if (got == 0)
            return sc_err_set(err, SC_ERR_BUSY, "it became shorter while it was read");
        if (archive_write_data(walk->tar, chunk, (size_t)got) != got)
            return walk_err(walk, err);
        size -= got;
    }
    return 0;
}

/* The first name of a file that has been met already, or NULL; remembers this one otherwise. */
static int
find_twin(struct sc_tree_tar *walk, const struct stat *st, const char **twin, struct sc_err *err)
{
    char key[64];

    *twin = NULL;
    if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
        return 0;
    (void)snprintf(key, sizeof(key), "%llx:%llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
    *twin = json_string_value(json_object_get(walk->links, key));
    if (!*twin && json_object_set_new(walk->links, key, json_stringn_nocheck(walk->path, strlen(walk->path))) < 0)
        return sc_err_nomem(err);
    return 0;
}

/* An id as the container knows it; what is not mapped is nobody's. */
static uint32_t
shown_id(const struct sc_oci_id_maps *maps, uint32_t id)
{
    return sc_oci_id_inside(maps, &id) ? id : SC_ID_NOBODY;
}

static int
fill_entry(struct sc_tree_tar *walk, int fd, const struct stat *st, struct archive_entry *entry, const char **twin,
           struct sc_err *err)
{
    char target[PATH_MAX];
    ssize_t len;

    if (find_twin(walk, st, twin, err) < 0)
        return -1;
    archive_entry_copy_pathname(entry, walk->path);
    archive_entry_set_mode(entry, st->st_mode);
    archive_entry_set_uid(entry, shown_id(&walk->how.ids.uids, st->st_uid));
    archive_entry_set_gid(entry, shown_id(&walk->how.ids.gids, st->st_gid));
    archive_entry_set_mtime(entry, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
    archive_entry_set_size(entry, 0);
    if (*twin) {
        archive_entry_copy_hardlink(entry, *twin);
    } else if (S_ISREG(st->st_mode)) {
        archive_entry_set_size(entry, st->st_size);
    } else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        archive_entry_set_rdevmajor(entry, major(st->st_rdev));
        archive_entry_set_rdevminor(entry, minor(st->st_rdev));
    } else if (S_ISLNK(st->st_mode)) {
        len = readlinkat(fd, "", target, sizeof(target) - 1);
        if (len < 0)
            return sc_err_errno(err, errno, "read the link");
        target[len] = '\0';
        archive_entry_copy_symlink(entry, target);
    }
    return 0;
}

/* It was there when the directory was read: a container that runs removes files. */
static int
skip_gone(struct sc_err *err)
{
    sc_err_clear(err);
    return 0;
}

static int walk_dir(struct sc_tree_tar *walk, int fd, int depth, struct sc_err *err);

static void
entry_freep(struct archive_entry **entry)
{
    if (*entry)
        archive_entry_free(*entry);
}

bool
sc_tree_is_virtual(int fd)
{
    static const unsigned long types[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                                          DEVPTS_SUPER_MAGIC};
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return false;
    for (size_t i = 0; i < SC_ARRAY_LEN(types); i++) {
        if ((unsigned long)fs.f_type == types[i])
            return true;
    }
    return false;
}

int
sc_tree_open(int at_fd, const char *name, struct stat *st, int *fd, struct sc_err *err)
{
    sc_cleanup_fd path_fd =
        *name ? openat(at_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : fcntl(at_fd, F_DUPFD_CLOEXEC, 0);
    int status;

    if (path_fd < 0 || fstat(path_fd, st) < 0)
        return sc_err_errno(err, errno, "look at it");
    if (S_ISLNK(st->st_mode))
        *fd = sc_steal_fd(&path_fd);
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return 0;
    status = sc_fd_reopen(-1, path_fd, O_RDONLY | (S_ISDIR(st->st_mode) ? O_DIRECTORY : 0));
    if (status < 0)
        return sc_err_errno(err, -status, "open it");
    *fd = status;
    return 0;
}

/* In a layer it would delete what the rest of it is called, and itself not be there (image-spec, layer.md). */
static int
check_name(const struct sc_tree_tar *walk, struct sc_err *err)
{
    const char *slash = strrchr(walk->path, '/');

    if (!walk->how.is_layer || !sc_str_starts(slash ? slash + 1 : walk->path, ".wh."))
        return 0;
    sc_err_set(err, SC_ERR_UNSUPPORTED, "no layer can have a file whose name begins with \".wh.\"");
    return sc_err_remedy(err, "give it another name, or remove it");
}

/* One name of a directory, and what is below it; at_fd is that directory. */
static int
walk_entry(struct sc_tree_tar *walk, int at_fd, const char *name, int depth, struct sc_err *err)
{
    __attribute__((cleanup(entry_freep))) struct archive_entry *entry = archive_entry_new();
    sc_cleanup_fd fd = -1;
    const char *twin;
    struct stat st = {.st_mode = 0};

    if (!entry)
        return sc_err_nomem(err);
    if (sc_tree_open(at_fd, name, &st, &fd, err) < 0)
        return walk->how.is_live && err->errnum == ENOENT ? skip_gone(err) : -1;
    if (S_ISSOCK(st.st_mode))
        return 0;
    if (check_name(walk, err) < 0 || fill_entry(walk, fd, &st, entry, &twin, err) < 0 ||
        (fd >= 0 && !S_ISLNK(st.st_mode) && add_xattrs(fd, entry, err) < 0))
        return -1;
    /* Names that are not ASCII make a warning, and are kept byte by byte. */
    if (archive_write_header(walk->tar, entry) < ARCHIVE_WARN)
        return walk_err(walk, err);
    if (S_ISREG(st.st_mode) && !twin)
        return add_content(walk, fd, st.st_size, err);
    return S_ISDIR(st.st_mode) && depth >= 0 ? walk_dir(walk, fd, depth + 1, err) : 0;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
list_names(int dir_fd, struct sc_arena *arena, struct sc_strv *names, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir)
        return sc_err_errno(err, errno, "read it");
    (void)sc_steal_fd(&fd);
    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            sc_strv_add(names, arena, entry->d_name);
    }
    if (errno != 0)
        return sc_err_errno(err, errno, "read it");
    if (names->count > 0)
        qsort(names->items, names->count, sizeof(*names->items), compare_names);
    return sc_arena_check(arena, err);
}

static int
walk_dir(struct sc_tree_tar *walk, int fd, int depth, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv names = {.items = NULL};
    size_t len = strlen(walk->path);

    if (depth > DEPTH_MAX)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "directories are nested deeper than %d", DEPTH_MAX);
    if (walk->how.is_live && depth > 1 && sc_tree_is_virtual(fd))
        return 0;
    if (list_names(fd, &arena, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        int status;

        if (len + 1 + strlen(names.items[i]) >= sizeof(walk->path))
            return sc_err_set(err, SC_ERR_UNSUPPORTED, "\"%.100s...\": the path is too long", walk->path);
        (void)snprintf(walk->path + len, sizeof(walk->path) - len, "%s%s", len ? "/" : "", names.items[i]);
        status = walk_entry(walk, fd, names.items[i], depth, err);
        if (status < 0 && !walk->is_told) { /* the innermost path says most */
            walk->is_told = true;
            sc_err_wrap(err, "\"%.300s\"", walk->path);
        }
        walk->path[len] = '\0';
        if (status < 0)
            return -1;
    }
    return 0;
}

int
sc_tree_tar_open(sc_tree_tar_fn write, void *sink, const struct sc_tree_tar_how *how, struct sc_tree_tar **out,
                 struct sc_err *err)
{
    sc_cleanup_tree_tar tar = calloc(1, sizeof(*tar));

    if (!tar)
        return sc_err_nomem(err);
    *tar = (struct sc_tree_tar){.tar = archive_write_new(), .write = write, .sink = sink, .links = json_object()};
    if (how)
        tar->how = *how;
    if (!tar->tar || !tar->links)
        return sc_err_nomem(err);
    /* ustar, with pax records for what it cannot say: nanoseconds, long names, attributes. */
    if (archive_write_set_format_pax(tar->tar) != ARCHIVE_OK || archive_write_add_filter_none(tar->tar) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(tar->tar, 1) != ARCHIVE_OK ||
        archive_write_open(tar->tar, tar, NULL, walk_write, NULL) != ARCHIVE_OK)
        return walk_err(tar, err);
    *out = sc_steal_ptr(&tar);
    return 0;
}

void
sc_tree_tar_closep(struct sc_tree_tar **tar)
{
    if (!*tar)
        return;
    (*tar)->is_given_up = true;
    if ((*tar)->tar)
        (void)archive_write_free((*tar)->tar);
    sc_json_decrefp(&(*tar)->links);
    sc_freep(tar);
}

static int
set_path(struct sc_tree_tar *tar, const char *path, struct sc_err *err)
{
    if (strlen(path) >= sizeof(tar->path))
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "\"%.100s...\": the path is too long", path);
    memcpy(tar->path, path, strlen(path) + 1);
    tar->is_told = false;
    return 0;
}

int
sc_tree_tar_children(struct sc_tree_tar *tar, int dir_fd, const char *path, struct sc_err *err)
{
    return set_path(tar, path, err) < 0 ? -1 : walk_dir(tar, dir_fd, 0, err);
}

/* The directory that a path leads to below at_fd; no link on the way is followed: where a container runs, it may have
 * put one where a directory was, and an absolute one would be the host's. */
static int
open_above(int at_fd, const char *path, size_t len)
{
    char above[PATH_MAX];

    if (len >= sizeof(above))
        return -ENAMETOOLONG;
    memcpy(above, path, len);
    above[len] = '\0';
    return sc_path_open_plain(at_fd, above, O_PATH | O_DIRECTORY);
}

int
sc_tree_tar_add(struct sc_tree_tar *tar, int at_fd, const char *name, const char *path, bool is_alone,
                struct sc_err *err)
{
    const char *slash = strrchr(name, '/');
    int status = slash ? open_above(at_fd, name, (size_t)(slash - name)) : 0;
    sc_cleanup_fd above = slash && status >= 0 ? status : -1;

    if (status < 0 && tar->how.is_live && (status == -ENOENT || status == -ENOTDIR || status == -ELOOP))
        return 0; /* it has gone meanwhile */
    if (status < 0)
        return sc_err_errno(err, -status, "\"%.300s\": open its directory", path);
    if (set_path(tar, path, err) < 0)
        return -1;
    if (walk_entry(tar, slash ? above : at_fd, slash ? slash + 1 : name, is_alone ? -1 : 0, err) < 0)
        return tar->is_told ? -1 : sc_err_wrap(err, "\"%.300s\"", path);
    return 0;
}

int
sc_tree_tar_whiteout(struct sc_tree_tar *tar, const char *path, struct sc_err *err)
{
    __attribute__((cleanup(entry_freep))) struct archive_entry *entry = archive_entry_new();
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    char name[PATH_MAX];

    if (!entry)
        return sc_err_nomem(err);
    if ((size_t)snprintf(name, sizeof(name), "%.*s.wh.%s", (int)(base - path), path, base) >= sizeof(name))
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "\"%.100s...\": the path is too long", path);
    archive_entry_copy_pathname(entry, name);
    archive_entry_set_mode(entry, S_IFREG | 0600);
    archive_entry_set_size(entry, 0);
    return archive_write_header(tar->tar, entry) < ARCHIVE_WARN ? walk_err(tar, err) : 0;
}

int
sc_tree_tar_end(struct sc_tree_tar *tar, struct sc_err *err)
{
    return archive_write_close(tar->tar) == ARCHIVE_OK ? 0 : walk_err(tar, err);
}

int
sc_tree_tar_blob(void *writer, const void *data, size_t len, struct sc_err *err)
{
    return sc_blob_write(writer, data, len, err);
}

int
sc_import_dir(const struct sc_store *store, int dir_fd, struct sc_arena *arena, char **digest, int64_t *size,
              struct sc_err *err)
{
    const struct sc_tree_tar_how how = {.is_layer = true};
    sc_cleanup_blob writer = NULL;
    sc_cleanup_tree_tar tar = NULL;

    if (sc_blob_create(store, &writer, err) < 0 || sc_tree_tar_open(sc_tree_tar_blob, writer, &how, &tar, err) < 0 ||
        sc_tree_tar_children(tar, dir_fd, "", err) < 0 || sc_tree_tar_end(tar, err) < 0)
        return -1;
    return sc_blob_commit(sc_steal_ptr(&writer), NULL, arena, digest, size, err);
}
