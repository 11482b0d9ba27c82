/* Compares two trees of files, name by name in order. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/tree-priv.h"

#define DEPTH_MAX      200 /* two descriptors each */
#define CHUNK          ((size_t)64 << 10)
#define XATTR_LIST_MAX 65536

struct walk {
    const struct sc_tree_diff *ask;
    json_t *links, *back; /* inode in a of a file with several names, to its inode in b; and from b to a */
    struct sc_buf path;
    char *chunks; /* two of CHUNK bytes */
};

struct names {
    struct sc_arena arena;
    struct sc_strv list;
};

static void
names_release(struct names *names)
{
    sc_arena_release(&names->arena);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
names_read(int dir_fd, struct names *out, struct sc_err *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir)
        return sc_err_errno(err, errno, "read a directory");
    for (;;) {
        errno = 0;
        entry = readdir(dir);
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            sc_strv_add(&out->list, &out->arena, entry->d_name);
    }
    if (errno != 0)
        return sc_err_errno(err, errno, "read a directory");
    if (sc_arena_check(&out->arena, err) < 0)
        return -1;
    if (out->list.count > 1)
        qsort(out->list.items, out->list.count, sizeof(*out->list.items), by_name);
    return 0;
}

static bool
is_wanted_xattr(const char *name, bool is_exact)
{
    if (strcmp(name, "security.capability") == 0)
        return true;
    if (sc_str_starts(name, "trusted.overlay.") || sc_str_starts(name, "user.overlay."))
        return is_exact;
    return sc_str_starts(name, "user.");
}

int
sc_tree_xattrs(int fd, bool is_exact, json_t **out, struct sc_err *err)
{
    sc_cleanup_json attrs = json_object();
    sc_cleanup_free char *names = NULL;
    sc_cleanup_free unsigned char *value = NULL;
    ssize_t len = flistxattr(fd, NULL, 0);

    if (len < 0 && errno != EOPNOTSUPP)
        return sc_err_errno(err, errno, "list its attributes");
    names = malloc(XATTR_LIST_MAX);
    value = len > 0 ? malloc(XATTR_SIZE_MAX) : NULL;
    if (!attrs || !names || (len > 0 && !value))
        return sc_err_nomem(err);
    if (len > 0)
        len = flistxattr(fd, names, XATTR_LIST_MAX);
    for (const char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
        sc_cleanup_buf hex = SC_BUF_INIT;
        ssize_t size;

        if (!is_wanted_xattr(name, is_exact))
            continue;
        size = fgetxattr(fd, name, value, XATTR_SIZE_MAX);
        if (size < 0)
            return sc_err_errno(err, errno, "read its attribute \"%.100s\"", name);
        for (ssize_t i = 0; i < size; i++)
            sc_buf_addf(&hex, "%02x", value[i]);
        if (sc_buf_check(&hex, err) < 0)
            return -1;
        if (json_object_set_new_nocheck(attrs, name, json_string(sc_buf_str(&hex))) < 0)
            return sc_err_nomem(err);
    }
    *out = sc_steal_ptr(&attrs);
    return 0;
}

static int
tell(const struct walk *walk, char kind, const char *why, struct sc_err *err)
{
    return walk->ask->fn(walk->ask->data, kind, sc_buf_str(&walk->path), why, err);
}

/* As much as there is, so that two files are cut alike. */
static ssize_t
read_full(int fd, char *chunk, struct sc_err *err)
{
    size_t len = 0;

    while (len < CHUNK) {
        ssize_t got = read(fd, chunk + len, CHUNK - len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read it");
        if (got == 0)
            break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

static int
content_differs(const struct walk *walk, int a, int b, struct sc_err *err)
{
    for (;;) {
        ssize_t a_len = read_full(a, walk->chunks, err),
                b_len = a_len < 0 ? -1 : read_full(b, walk->chunks + CHUNK, err);

        if (a_len < 0 || b_len < 0)
            return -1;
        if (a_len != b_len || memcmp(walk->chunks, walk->chunks + CHUNK, (size_t)a_len) != 0)
            return 1;
        if (a_len == 0)
            return 0;
    }
}

static const char *
stat_differs(const struct sc_tree_diff *ask, const struct stat *a, const struct stat *b)
{
    if ((a->st_mode & S_IFMT) != (b->st_mode & S_IFMT))
        return "its type differs";
    if (a->st_uid != b->st_uid || a->st_gid != b->st_gid)
        return "its owner differs";
    if (a->st_mode != b->st_mode && !S_ISLNK(a->st_mode))
        return "its mode differs";
    if (S_ISREG(a->st_mode) && a->st_size != b->st_size)
        return "its size differs";
    if ((S_ISCHR(a->st_mode) || S_ISBLK(a->st_mode)) && a->st_rdev != b->st_rdev)
        return "its device number differs";
    if (sc_layer_is_whiteout(a)) /* no layer says when it was made */
        return NULL;
    if (ask->is_exact && (a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec))
        return "its time differs";
    return NULL;
}

/* Remembers under which inode of the other tree this one was met first; false where it is another now. */
static int
is_same_twin(json_t *twins, ino_t ino, ino_t twin, bool *is_same, struct sc_err *err)
{
    char key[32];
    json_t *known;

    (void)snprintf(key, sizeof(key), "%llx", (unsigned long long)ino);
    known = json_object_get(twins, key);
    if (known)
        *is_same = json_integer_value(known) == (json_int_t)twin;
    else if (json_object_set_new(twins, key, json_integer((json_int_t)twin)) < 0)
        return sc_err_nomem(err);
    return 0;
}

/* Names that are one file in one tree must be one file in the other. Their number alone says nothing: a copy of the
 * store made of hard links has more. */
static int
links_differ(const struct walk *walk, const struct stat *a, const struct stat *b, const char **why, struct sc_err *err)
{
    bool is_same = true;

    if (!walk->ask->is_exact || S_ISDIR(a->st_mode))
        return 0;
    if (a->st_nlink > 1 && is_same_twin(walk->links, a->st_ino, b->st_ino, &is_same, err) < 0)
        return -1;
    if (is_same && b->st_nlink > 1 && is_same_twin(walk->back, b->st_ino, a->st_ino, &is_same, err) < 0)
        return -1;
    if (!is_same)
        *why = "its hard links differ";
    return 0;
}

static int
target_differs(int a_dir, int b_dir, const char *name, const char **why, struct sc_err *err)
{
    char a[PATH_MAX], b[PATH_MAX];
    ssize_t a_len = readlinkat(a_dir, name, a, sizeof(a)), b_len = readlinkat(b_dir, name, b, sizeof(b));

    if (a_len < 0 || b_len < 0)
        return sc_err_errno(err, errno, "read the link");
    if (a_len != b_len || memcmp(a, b, (size_t)a_len) != 0)
        *why = "its target differs";
    return 0;
}

/* Attributes, and of files the content. */
static int
open_differs(const struct walk *walk, int a, int b, bool is_file, const char **why, struct sc_err *err)
{
    sc_cleanup_json a_attrs = NULL;
    sc_cleanup_json b_attrs = NULL;
    int differs;

    if (sc_tree_xattrs(a, walk->ask->is_exact, &a_attrs, err) < 0 ||
        sc_tree_xattrs(b, walk->ask->is_exact, &b_attrs, err) < 0)
        return -1;
    if (!json_equal(a_attrs, b_attrs)) {
        *why = "its extended attributes differ";
        return 0;
    }
    differs = is_file ? content_differs(walk, a, b, err) : 0;
    if (differs > 0)
        *why = "its content differs";
    return differs < 0 ? -1 : 0;
}

static int diff_dir(struct walk *walk, int a_fd, int b_fd, int depth, struct sc_err *err);

static int
diff_entry(struct walk *walk, int a_dir, int b_dir, const char *name, int depth, struct sc_err *err)
{
    sc_cleanup_fd a = -1, b = -1;
    struct stat a_st, b_st;
    const char *why;

    if (fstatat(a_dir, name, &a_st, AT_SYMLINK_NOFOLLOW) < 0 || fstatat(b_dir, name, &b_st, AT_SYMLINK_NOFOLLOW) < 0)
        return sc_err_errno(err, errno, "look at it");
    why = stat_differs(walk->ask, &a_st, &b_st);
    if (!why && links_differ(walk, &a_st, &b_st, &why, err) < 0)
        return -1;
    if (!why && S_ISLNK(a_st.st_mode) && target_differs(a_dir, b_dir, name, &why, err) < 0)
        return -1;
    if ((!why && S_ISREG(a_st.st_mode)) || (S_ISDIR(a_st.st_mode) && S_ISDIR(b_st.st_mode))) {
        a = openat(a_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        b = openat(b_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (a < 0 || b < 0)
            return sc_err_errno(err, errno, "open it");
        if (!why && open_differs(walk, a, b, S_ISREG(a_st.st_mode), &why, err) < 0)
            return -1;
    }
    if (why && tell(walk, 'C', why, err) < 0)
        return -1;
    return S_ISDIR(a_st.st_mode) && b >= 0 ? diff_dir(walk, a, b, depth + 1, err) : 0;
}

static int
diff_dir(struct walk *walk, int a_fd, int b_fd, int depth, struct sc_err *err)
{
    __attribute__((cleanup(names_release))) struct names a = {.arena = SC_ARENA_INIT}, b = {.arena = SC_ARENA_INIT};
    const size_t len = walk->path.len;

    if (depth > DEPTH_MAX)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "compare: directories are nested deeper than %d", DEPTH_MAX);
    if (names_read(a_fd, &a, err) < 0 || names_read(b_fd, &b, err) < 0)
        return sc_err_wrap(err, "compare \"%.300s\"", len > 0 ? sc_buf_str(&walk->path) : "/");
    for (size_t i = 0, k = 0; i < a.list.count || k < b.list.count;) {
        int order = i == a.list.count ? 1 : k == b.list.count ? -1 : strcmp(a.list.items[i], b.list.items[k]);
        const char *name = order <= 0 ? a.list.items[i] : b.list.items[k];
        int status;

        sc_buf_addf(&walk->path, "/%s", name);
        if (sc_buf_check(&walk->path, err) < 0)
            return -1;
        if (order == 0)
            status = diff_entry(walk, a_fd, b_fd, name, depth, err);
        else
            status = order < 0 ? tell(walk, 'D', "it is missing", err) : tell(walk, 'A', "it should not be there", err);
        if (status < 0)
            return -1;
        walk->path.len = len;
        walk->path.data[len] = '\0';
        i += order <= 0;
        k += order >= 0;
    }
    return 0;
}

int
sc_tree_diff(const struct sc_tree_diff *diff, struct sc_err *err)
{
    sc_cleanup_json links = json_object();
    sc_cleanup_json back = json_object();
    sc_cleanup_free char *chunks = malloc(2 * CHUNK);
    struct walk walk = {.ask = diff, .links = links, .back = back, .chunks = chunks};
    struct stat a, b;
    const char *why;
    int status = 0;

    if (!links || !back || !chunks)
        return sc_err_nomem(err);
    if (fstat(diff->a_fd, &a) < 0 || fstat(diff->b_fd, &b) < 0)
        return sc_err_errno(err, errno, "look at a directory");
    why = stat_differs(diff, &a, &b);
    if (!why && open_differs(&walk, diff->a_fd, diff->b_fd, false, &why, err) < 0)
        return -1;
    if (why)
        status = diff->fn(diff->data, 'C', "/", why, err);
    if (status == 0)
        status = diff_dir(&walk, diff->a_fd, diff->b_fd, 0, err);
    sc_buf_release(&walk.path);
    return status;
}
