/* Copies a tree of files that somebody else made. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/tree-priv.h"

#define DEPTH_MAX 256
#define CHUNK     ((size_t)128 << 10)

struct copy {
    int to_root;
    json_t *links; /* "dev:ino" of files with several names, to the first of them in the copy */
    struct sc_buf path;
    char *chunk;
    bool is_root;
    bool is_told; /* an error names its path already */
};

static int copy_dir(struct copy *copy, int from_fd, int to_fd, int depth, struct sc_err *err);

static int
copy_xattrs(const struct copy *copy, int from_fd, int to_fd, struct sc_err *err)
{
    sc_cleanup_json attrs = NULL;
    const char *name;
    json_t *value;

    if (sc_tree_xattrs(from_fd, false, &attrs, err) < 0)
        return -1;
    json_object_foreach (attrs, name, value) {
        const char *hex = json_string_value(value);
        size_t len = strlen(hex) / 2;
        sc_cleanup_free unsigned char *bytes = malloc(len + 1);

        if (!bytes)
            return sc_err_nomem(err);
        for (size_t i = 0; i < len; i++) {
            char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

            bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
        }
        if (fsetxattr(to_fd, name, bytes, len, 0) < 0 && errno != EOPNOTSUPP && (copy->is_root || errno != EPERM))
            return sc_err_errno(err, errno, "set its attribute \"%.100s\"", name);
    }
    return 0;
}

/* Owner first: chown(2) takes setuid bits and file capabilities away. */
static int
copy_attrs(const struct copy *copy, int from_fd, int to_fd, const struct stat *st, struct sc_err *err)
{
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};

    if (fchown(to_fd, st->st_uid, st->st_gid) < 0 && (copy->is_root || errno != EPERM))
        return sc_err_errno(err, errno, "set its owner");
    if (fchmod(to_fd, st->st_mode & 07777) < 0)
        return sc_err_errno(err, errno, "set its mode");
    if (copy_xattrs(copy, from_fd, to_fd, err) < 0)
        return -1;
    return futimens(to_fd, times) < 0 ? sc_err_errno(err, errno, "set its time") : 0;
}

static int
copy_file(const struct copy *copy, int from_dir, int to_dir, const char *name, const struct stat *st,
          struct sc_err *err)
{
    sc_cleanup_fd from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    sc_cleanup_fd to = from < 0 ? -1 : openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    ssize_t got;

    if (to < 0)
        return sc_err_errno(err, errno, from < 0 ? "open it" : "create it");
    while ((got = read(from, copy->chunk, CHUNK)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read it");
        if (sc_io_write_all(to, copy->chunk, (size_t)got, err) < 0)
            return -1;
    }
    return copy_attrs(copy, from, to, st, err);
}

static int
copy_other(const struct copy *copy, int from_dir, int to_dir, const char *name, const struct stat *st,
           struct sc_err *err)
{
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};
    char target[PATH_MAX];

    if (S_ISLNK(st->st_mode)) {
        ssize_t len = readlinkat(from_dir, name, target, sizeof(target) - 1);

        if (len < 0)
            return sc_err_errno(err, errno, "read the link");
        target[len] = '\0';
        if (symlinkat(target, to_dir, name) < 0)
            return sc_err_errno(err, errno, "make the link");
    } else if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0) {
        return sc_err_errno(err, errno, "make the device or fifo");
    }
    if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 && (copy->is_root || errno != EPERM))
        return sc_err_errno(err, errno, "set its owner");
    /* Just made: no link can be in its place. */
    if (!S_ISLNK(st->st_mode) && fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0)
        return sc_err_errno(err, errno, "set its mode");
    return utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? sc_err_errno(err, errno, "set its time") : 0;
}

/* Makes the file another name of one that is copied already (1), or remembers it (0). */
static int
copy_as_link(struct copy *copy, int to_dir, const char *name, const struct stat *st, struct sc_err *err)
{
    const char *path = sc_buf_str(&copy->path), *twin;
    char key[64];

    if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
        return 0;
    (void)snprintf(key, sizeof(key), "%llx:%llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
    twin = json_string_value(json_object_get(copy->links, key));
    if (!twin)
        return json_object_set_new(copy->links, key, json_stringn_nocheck(path, strlen(path))) < 0 ? sc_err_nomem(err)
                                                                                                   : 0;
    if (linkat(copy->to_root, twin, to_dir, name, 0) < 0)
        return sc_err_errno(err, errno, "link it to \"%.300s\"", twin);
    return 1;
}

static int
copy_entry(struct copy *copy, int from_dir, int to_dir, const char *name, int depth, struct sc_err *err)
{
    struct stat st;
    int linked;

    if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return sc_err_errno(err, errno, "look at it");
    if (S_ISSOCK(st.st_mode) || sc_layer_is_whiteout(&st))
        return 0;
    linked = copy_as_link(copy, to_dir, name, &st, err);
    if (linked != 0)
        return linked < 0 ? -1 : 0;
    if (S_ISDIR(st.st_mode)) {
        sc_cleanup_fd from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), to = -1;

        if (from < 0)
            return sc_err_errno(err, errno, "open it");
        if (mkdirat(to_dir, name, 0700) < 0)
            return sc_err_errno(err, errno, "make it");
        to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (to < 0)
            return sc_err_errno(err, errno, "open the copy");
        return copy_dir(copy, from, to, depth + 1, err);
    }
    return S_ISREG(st.st_mode) ? copy_file(copy, from_dir, to_dir, name, &st, err)
                               : copy_other(copy, from_dir, to_dir, name, &st, err);
}

static int
copy_dir(struct copy *copy, int from_fd, int to_fd, int depth, struct sc_err *err)
{
    int list_fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    const size_t len = copy->path.len;
    struct dirent *entry;
    struct stat st;

    if (!dir || fstat(from_fd, &st) < 0)
        return sc_err_errno(err, errno, "read a directory");
    if (depth > DEPTH_MAX)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "directories are nested deeper than %d", DEPTH_MAX);
    for (;;) {
        errno = 0;
        entry = readdir(dir);
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        sc_buf_addf(&copy->path, "%s%s", len > 0 ? "/" : "", entry->d_name);
        if (sc_buf_check(&copy->path, err) < 0)
            return -1;
        if (copy_entry(copy, from_fd, to_fd, entry->d_name, depth, err) < 0) {
            if (!copy->is_told)
                sc_err_wrap(err, "copy \"/%.300s\"", sc_buf_str(&copy->path));
            copy->is_told = true;
            return -1;
        }
        copy->path.len = len;
        copy->path.data[len] = '\0';
    }
    if (errno != 0)
        return sc_err_errno(err, errno, "read a directory");
    return copy_attrs(copy, from_fd, to_fd, &st, err);
}

int
sc_tree_copy(int from_fd, int to_fd, struct sc_err *err)
{
    sc_cleanup_json links = json_object();
    sc_cleanup_free char *chunk = malloc(CHUNK);
    struct copy copy = {.to_root = to_fd, .links = links, .chunk = chunk, .is_root = geteuid() == 0};
    int status;

    if (!links || !chunk)
        return sc_err_nomem(err);
    status = copy_dir(&copy, from_fd, to_fd, 0, err);
    sc_buf_release(&copy.path);
    return status;
}
