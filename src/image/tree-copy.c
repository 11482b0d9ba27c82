/* Copies a tree of files that somebody else made, and may change meanwhile, into a directory of which the same is true:
 * what is opened is looked at before it is used, and no name is more than one component. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/tree-priv.h"
#include "kernel/kernel.h"

#define DEPTH_MAX 256
#define CHUNK     ((size_t)128 << 10)

struct copy {
    struct sc_tree_copy_how how;
    int to_root;
    json_t *links; /* "dev:ino" of files with several names, to the first of them in the copy */
    struct sc_buf path;
    char *chunk;
    bool is_root;
    bool is_told; /* an error names its path already */
};

static int copy_dir(struct copy *copy, int from_fd, int to_fd, int depth, bool has_attrs, struct sc_err *err);

int
sc_tree_set_xattrs(const json_t *attrs, int to_fd, bool is_root, struct sc_err *err)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)attrs, name, value) {
        const char *hex = json_string_value(value);
        size_t len = strlen(hex) / 2;
        sc_cleanup_free unsigned char *bytes = malloc(len + 1);

        if (!bytes)
            return sc_err_nomem(err);
        for (size_t i = 0; i < len; i++) {
            char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

            bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
        }
        if (fsetxattr(to_fd, name, bytes, len, 0) < 0 && errno != EOPNOTSUPP && (is_root || errno != EPERM))
            return sc_err_errno(err, errno, "set its attribute \"%.100s\"", name);
    }
    return 0;
}

static int
copy_xattrs(const struct copy *copy, int from_fd, int to_fd, struct sc_err *err)
{
    sc_cleanup_json attrs = NULL;

    if (sc_tree_xattrs(from_fd, false, &attrs, err) < 0)
        return -1;
    if (copy->how.is_of_caller)
        (void)json_object_del(attrs, "security.capability");
    return sc_tree_set_xattrs(attrs, to_fd, copy->is_root, err);
}

/* The owner of the copy. An owner that has no id here was nobody's; in the container it is root's, whose files are
 * the least wrong. */
static int
owner_of(const struct copy *copy, const struct stat *st, uid_t *uid, gid_t *gid, struct sc_err *err)
{
    uint32_t u = st->st_uid, g = st->st_gid;

    if (copy->how.is_of_caller) {
        *uid = geteuid();
        *gid = getegid();
        return 0;
    }
    if (copy->how.nobody_is_root && u == SC_ID_NOBODY)
        u = 0;
    if (copy->how.nobody_is_root && g == SC_ID_NOBODY)
        g = 0;
    if (!sc_oci_id_inside(&copy->how.from.uids, &u))
        u = SC_ID_NOBODY;
    if (!sc_oci_id_inside(&copy->how.from.gids, &g))
        g = SC_ID_NOBODY;
    if (!sc_oci_id_outside(&copy->how.to.uids, &u) || !sc_oci_id_outside(&copy->how.to.gids, &g))
        return sc_err_set(err, SC_ERR_INVALID, "its owner %u:%u is none of the container's ids", u, g);
    *uid = u;
    *gid = g;
    return 0;
}

/* What a stranger let his own file do with his rights, it must not do with the caller's, who has it then; and a device
 * is one of this host's, whatever it was where it came from. */
static mode_t
mode_of(const struct copy *copy, const struct stat *st)
{
    if (!copy->how.is_of_caller)
        return st->st_mode & 07777;
    return st->st_mode & (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? 0600 : 01777);
}

/* Owner first: chown(2) takes setuid bits and file capabilities away. */
static int
copy_attrs(const struct copy *copy, int from_fd, int to_fd, const struct stat *st, struct sc_err *err)
{
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};
    uid_t uid = 0;
    gid_t gid = 0;

    if (owner_of(copy, st, &uid, &gid, err) < 0)
        return -1;
    if (fchown(to_fd, uid, gid) < 0 && (copy->is_root || (errno != EPERM && errno != EINVAL)))
        return sc_err_errno(err, errno, "set its owner");
    if (fchmod(to_fd, mode_of(copy, st)) < 0)
        return sc_err_errno(err, errno, "set its mode");
    if (copy_xattrs(copy, from_fd, to_fd, err) < 0)
        return -1;
    return futimens(to_fd, times) < 0 ? sc_err_errno(err, errno, "set its time") : 0;
}

/* What is there under the name that the copy shall have: a directory stays for a directory, anything else goes; 1: it
 * cannot go, as something is mounted on it. */
static int
make_room(const struct copy *copy, int to_dir, const char *name, bool is_dir, bool *is_there, struct sc_err *err)
{
    struct stat st;

    *is_there = false;
    if (!copy->how.merges || fstatat(to_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return copy->how.merges && errno != ENOENT ? sc_err_errno(err, errno, "look at what is there") : 0;
    if (S_ISDIR(st.st_mode) != is_dir)
        return sc_err_set(err, SC_ERR_INVALID, "cannot overwrite %s with %s", is_dir ? "non-directory" : "directory",
                          is_dir ? "directory" : "non-directory");
    *is_there = is_dir;
    if (is_dir || unlinkat(to_dir, name, 0) == 0)
        return 0;
    *is_there = errno == EBUSY;
    return *is_there ? 0 : sc_err_errno(err, errno, "replace what is there");
}

/* A file on which something is mounted is written as it is. */
static int
open_busy(int to_dir, const char *name, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(to_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    int status;

    if (fd < 0 || fstat(fd, &st) < 0)
        return sc_err_errno(err, errno, "open what is there");
    if (!S_ISREG(st.st_mode))
        return sc_err_errno(err, EBUSY, "replace what is there");
    status = sc_fd_reopen(-1, fd, O_WRONLY | O_TRUNC);
    return status < 0 ? sc_err_errno(err, -status, "open what is there") : status;
}

/* Where the next bytes are that are no hole, from at on, and the next hole behind them; at at the end: there are none.
 */
static void
find_data(int from, off_t at, off_t *data, off_t *hole)
{
    *data = lseek(from, at, SEEK_DATA);
    *hole = *data < 0 ? -1 : lseek(from, *data, SEEK_HOLE);
    if (*hole < 0) {
        /* Nothing but a hole is left; or a file system that cannot say, which has none. */
        *data = errno == ENXIO ? -1 : at;
        *hole = INT64_MAX;
    }
}

static bool
is_zeros(const char *data, size_t len)
{
    return data[0] == '\0' && memcmp(data, data + 1, len - 1) == 0;
}

/* Holes stay holes: the size of a file that somebody else made says nothing about the room that there is. */
static int
copy_content(const struct copy *copy, int from, int to, int64_t size, struct sc_err *err)
{
    off_t at = 0, hole = size > (int64_t)CHUNK ? 0 : INT64_MAX, data;
    bool is_short = false; /* what was read last is a hole in the copy */
    ssize_t got;

    for (;;) {
        if (at >= hole) {
            find_data(from, at, &data, &hole);
            if (data < 0) {
                is_short = is_short || at < size;
                break;
            }
            if (lseek(from, data, SEEK_SET) < 0 || lseek(to, data, SEEK_SET) < 0)
                return sc_err_errno(err, errno, "seek");
            at = data;
        }
        got = read(from, copy->chunk, hole - at < (off_t)CHUNK ? (size_t)(hole - at) : CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read it");
        if (got == 0)
            break;
        at += got;
        /* In a layer that is an image, no hole can be told from zeros. */
        if (!copy->how.merges && got == (ssize_t)CHUNK && is_zeros(copy->chunk, CHUNK)) {
            if (lseek(to, at, SEEK_SET) < 0)
                return sc_err_errno(err, errno, "seek");
            is_short = true;
        } else {
            if (sc_io_write_all(to, copy->chunk, (size_t)got, err) < 0)
                return -1;
            is_short = false;
        }
    }
    return is_short && ftruncate(to, at < size ? size : at) < 0
               ? sc_err_errno(err, errno, "make it %lld bytes long", (long long)size)
               : 0;
}

static int
copy_file(const struct copy *copy, int from, int to_dir, const char *name, const struct stat *st, struct sc_err *err)
{
    sc_cleanup_fd to = -1;
    bool is_there;

    if (make_room(copy, to_dir, name, false, &is_there, err) < 0)
        return -1;
    to = is_there ? open_busy(to_dir, name, err)
                  : openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return is_there ? -1 : sc_err_errno(err, errno, "create it");
    return copy_content(copy, from, to, st->st_size, err) < 0 ? -1 : copy_attrs(copy, from, to, st, err);
}

static int
copy_other(const struct copy *copy, int from, int to_dir, const char *name, const struct stat *st, struct sc_err *err)
{
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};
    char target[PATH_MAX];
    bool is_there;
    uid_t uid = 0;
    gid_t gid = 0;

    if (make_room(copy, to_dir, name, false, &is_there, err) < 0 || owner_of(copy, st, &uid, &gid, err) < 0)
        return -1;
    if (S_ISLNK(st->st_mode)) {
        ssize_t len = readlinkat(from, "", target, sizeof(target) - 1);

        if (len < 0)
            return sc_err_errno(err, errno, "read the link");
        target[len] = '\0';
        if (symlinkat(target, to_dir, name) < 0)
            return sc_err_errno(err, errno, "make the link");
    } else if (mknodat(to_dir, name, st->st_mode & (S_IFMT | 0600), st->st_rdev) < 0) {
        return sc_err_errno(err, errno, "make the device or fifo");
    }
    if (fchownat(to_dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 &&
        (copy->is_root || (errno != EPERM && errno != EINVAL)))
        return sc_err_errno(err, errno, "set its owner");
    if (!S_ISLNK(st->st_mode)) {
        /* Where a container runs, a link may have taken its place: fchmodat(2) would follow it. */
        sc_cleanup_fd made = openat(to_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat now;
        int status;

        if (made < 0 || fstat(made, &now) < 0 || (now.st_mode & S_IFMT) != (st->st_mode & S_IFMT))
            return sc_err_errno(err, made < 0 ? errno : ESTALE, "look at what was made");
        status = sc_fd_chmod(made, mode_of(copy, st));
        if (status < 0)
            return sc_err_errno(err, -status, "set its mode");
    }
    return utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? sc_err_errno(err, errno, "set its time") : 0;
}

/* The first copy of the file, in its directory; no link on the way to it is followed. */
static int
link_to_twin(const struct copy *copy, const char *twin, int to_dir, const char *name)
{
    const char *slash = strrchr(twin, '/');
    sc_cleanup_fd dir = -1;
    char above[PATH_MAX];
    int status;

    if (!slash)
        return linkat(copy->to_root, twin, to_dir, name, 0) < 0 ? -errno : 0;
    if ((size_t)snprintf(above, sizeof(above), "%.*s", (int)(slash - twin), twin) >= sizeof(above))
        return -ENAMETOOLONG;
    status = sc_path_open_plain(copy->to_root, above, O_PATH | O_DIRECTORY);
    if (status < 0)
        return status;
    dir = status;
    return linkat(dir, slash + 1, to_dir, name, 0) < 0 ? -errno : 0;
}

/* Makes the file another name of one that is copied already (1), or remembers it (0). */
static int
copy_as_link(struct copy *copy, int to_dir, const char *name, const struct stat *st, struct sc_err *err)
{
    const char *path = sc_buf_str(&copy->path), *twin;
    bool is_there;
    char key[64];
    int status;

    if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
        return 0;
    (void)snprintf(key, sizeof(key), "%llx:%llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
    twin = json_string_value(json_object_get(copy->links, key));
    if (!twin)
        return json_object_set_new(copy->links, key, json_stringn_nocheck(path, strlen(path))) < 0 ? sc_err_nomem(err)
                                                                                                   : 0;
    if (make_room(copy, to_dir, name, false, &is_there, err) < 0)
        return -1;
    status = is_there ? -EXDEV : link_to_twin(copy, twin, to_dir, name);
    /* Somebody moved the twin, or something else is mounted here: then it is a file of its own. */
    if (status < 0 && copy->how.merges && (status == -ENOENT || status == -EXDEV || status == -ELOOP))
        return 0;
    return status < 0 ? sc_err_errno(err, -status, "link it to \"%.300s\"", twin) : 1;
}

static int
copy_subdir(struct copy *copy, int from, int to_dir, const char *name, int depth, struct sc_err *err)
{
    sc_cleanup_fd to = -1;
    bool is_there;

    if (make_room(copy, to_dir, name, true, &is_there, err) < 0)
        return -1;
    if (!is_there && mkdirat(to_dir, name, 0700) < 0)
        return sc_err_errno(err, errno, "make it");
    to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return sc_err_errno(err, errno, "open the copy");
    return copy_dir(copy, from, to, depth + 1, true, err);
}

static int
copy_entry(struct copy *copy, int from_dir, const char *from_name, int to_dir, const char *name, int depth,
           struct sc_err *err)
{
    sc_cleanup_fd from = -1;
    struct stat st;
    int linked;

    if (sc_tree_open(from_dir, from_name, &st, &from, err) < 0) {
        if (!copy->how.is_live || err->errnum != ENOENT || depth == 0)
            return -1;
        sc_err_clear(err); /* removed meanwhile */
        return 0;
    }
    if (S_ISSOCK(st.st_mode) || sc_layer_is_whiteout(&st))
        return 0;
    linked = copy_as_link(copy, to_dir, name, &st, err);
    if (linked != 0)
        return linked < 0 ? -1 : 0;
    if (S_ISDIR(st.st_mode))
        return copy_subdir(copy, from, to_dir, name, depth, err);
    return S_ISREG(st.st_mode) ? copy_file(copy, from, to_dir, name, &st, err)
                               : copy_other(copy, from, to_dir, name, &st, err);
}

/* One entry, its path being told in what goes wrong. */
static int
copy_named(struct copy *copy, int from_dir, const char *from_name, int to_dir, const char *name, int depth,
           struct sc_err *err)
{
    const size_t len = copy->path.len;

    sc_buf_addf(&copy->path, "%s%s", len > 0 ? "/" : "", name);
    if (sc_buf_check(&copy->path, err) < 0)
        return -1;
    if (copy_entry(copy, from_dir, from_name, to_dir, name, depth, err) < 0) {
        if (!copy->is_told)
            sc_err_wrap(err, "copy \"/%.300s\"", sc_buf_str(&copy->path));
        copy->is_told = true;
        return -1;
    }
    copy->path.len = len;
    copy->path.data[len] = '\0';
    return 0;
}

static int
copy_dir(struct copy *copy, int from_fd, int to_fd, int depth, bool has_attrs, struct sc_err *err)
{
    int list_fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    struct dirent *entry;
    struct stat st;

    if (!dir || fstat(from_fd, &st) < 0)
        return sc_err_errno(err, errno, "read a directory");
    if (depth > DEPTH_MAX)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "directories are nested deeper than %d", DEPTH_MAX);
    while (!copy->how.is_live || depth <= 1 || !sc_tree_is_virtual(from_fd)) {
        errno = 0;
        entry = readdir(dir);
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            copy_named(copy, from_fd, entry->d_name, to_fd, entry->d_name, depth + 1, err) < 0)
            return -1;
    }
    if (errno != 0)
        return sc_err_errno(err, errno, "read a directory");
    return has_attrs ? copy_attrs(copy, from_fd, to_fd, &st, err) : 0;
}

static int
copy_init(struct copy *copy, const struct sc_tree_copy_how *how, int to_root, struct sc_err *err)
{
    *copy = (struct copy){
        .to_root = to_root, .links = json_object(), .chunk = malloc(CHUNK), .is_root = sc_process_can_chown()};
    if (how)
        copy->how = *how;
    return copy->links && copy->chunk ? 0 : sc_err_nomem(err);
}

static void
copy_release(struct copy *copy)
{
    sc_buf_release(&copy->path);
    sc_json_decrefp(&copy->links);
    sc_freep(&copy->chunk);
}

#define CLEANUP_COPY __attribute__((cleanup(copy_release))) struct copy

int
sc_tree_copy(int from_fd, int to_fd, struct sc_err *err)
{
    CLEANUP_COPY copy = {.links = NULL};

    return copy_init(&copy, NULL, to_fd, err) < 0 ? -1 : copy_dir(&copy, from_fd, to_fd, 0, true, err);
}

int
sc_tree_copy_children(int from_fd, int to_fd, const struct sc_tree_copy_how *how, struct sc_err *err)
{
    CLEANUP_COPY copy = {.links = NULL};

    return copy_init(&copy, how, to_fd, err) < 0 ? -1 : copy_dir(&copy, from_fd, to_fd, 0, false, err);
}

int
sc_tree_copy_entry(int from_fd, const char *from_name, int to_fd, const char *name, const struct sc_tree_copy_how *how,
                   struct sc_err *err)
{
    CLEANUP_COPY copy = {.links = NULL};

    return copy_init(&copy, how, to_fd, err) < 0 ? -1 : copy_named(&copy, from_fd, from_name, to_fd, name, 0, err);
}
