/*
 * What a container changed. The upper directory says where to look, the image what was there, and the overlay of both
 * what is there now: so that what overlay keeps in attributes (an opaque directory, one that was renamed, a file of
 * which only the metadata was copied up) need not be understood here. Where a directory of the upper layer does not
 * simply lie over the image's of the same name, both trees are walked.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/container-priv.h"

#define DEPTH_MAX   200 /* three descriptors each */
#define CAP_MAX     64
#define NAMES_START 64

struct walk {
    struct sc_arena *arena;
    struct sc_changes *out;
    char path[PATH_MAX];
};

/* The directories that one step looks at; -1: not there, or (upper) the whole directory is to be looked at. */
struct place {
    int upper, image, merged;
};

/* ---- what the engine made to mount on ------------------------------------------------------------------------- */

/* Docker has these in a layer of its own, which it does not show. */
static bool
is_mount_point(const char *path, const struct stat *st)
{
    static const char *const dirs[] = {"/proc", "/sys", "/dev", "/etc", "/run"};
    static const char *const files[] = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/sc-init"};

    for (size_t i = 0; S_ISDIR(st->st_mode) && i < SC_ARRAY_LEN(dirs); i++) {
        if (strcmp(path, dirs[i]) == 0)
            return true;
    }
    for (size_t i = 0; S_ISREG(st->st_mode) && st->st_size == 0 && i < SC_ARRAY_LEN(files); i++) {
        if (strcmp(path, files[i]) == 0)
            return true;
    }
    return false;
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static int
add(struct walk *walk, char kind, struct sc_err *err)
{
    struct sc_changes *out = walk->out;

    if (out->count == out->capacity) {
        size_t capacity = out->capacity > 0 ? 2 * out->capacity : NAMES_START;
        struct sc_change *items = SC_ARENA_ARRAY(walk->arena, struct sc_change, capacity);

        if (!items)
            return sc_err_nomem(err);
        if (out->count > 0)
            memcpy(items, out->items, out->count * sizeof(*items));
        out->items = items;
        out->capacity = capacity;
    }
    out->items[out->count].kind = kind;
    out->items[out->count].path = sc_arena_strdup(walk->arena, walk->path);
    return out->items[out->count++].path ? 0 : sc_err_nomem(err);
}

/* ---- names ---------------------------------------------------------------------------------------------------------
 */

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
read_names(int dir_fd, struct sc_arena *arena, struct sc_strv *names, struct sc_err *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir) {
        sc_closep(&fd);
        return sc_err_errno(err, errno, "read directory");
    }
    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            sc_strv_add(names, arena, entry->d_name);
    }
    return errno != 0 ? sc_err_errno(err, errno, "read directory") : sc_arena_check(arena, err);
}

/* Those of the upper directory; without one those of both trees. Sorted, each once. */
static int
names_of(const struct place *at, struct sc_arena *arena, struct sc_strv *names, struct sc_err *err)
{
    size_t kept = 0;

    if (at->upper >= 0 ? read_names(at->upper, arena, names, err) < 0
                       : (read_names(at->merged, arena, names, err) < 0 ||
                          (at->image >= 0 && read_names(at->image, arena, names, err) < 0)))
        return -1;
    if (names->count > 1)
        qsort(names->items, names->count, sizeof(*names->items), by_name);
    for (size_t i = 0; i < names->count; i++) {
        if (kept == 0 || strcmp(names->items[kept - 1], names->items[i]) != 0)
            names->items[kept++] = names->items[i];
    }
    names->count = kept;
    return 0;
}

/* ---- one entry
 * ------------------------------------------------------------------------------------------------------- */

static int
look(int dir_fd, const char *name, struct stat *st, bool *is_there, struct sc_err *err)
{
    *is_there = dir_fd >= 0 && fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) == 0;
    return dir_fd < 0 || *is_there || errno == ENOENT ? 0 : sc_err_errno(err, errno, "look at it");
}

/* File capabilities count, as with Docker; what cannot be read, or is no regular file any more, is none. */
static ssize_t
read_capability(int dir_fd, const char *name, char value[CAP_MAX])
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd fd = -1;
    struct stat st;

    return sc_tree_open(dir_fd, name, &st, &fd, &ignored) < 0 ? -1
                                                              : fgetxattr(fd, "security.capability", value, CAP_MAX);
}

static bool
same_capability(int a_dir, int b_dir, const char *name)
{
    char a[CAP_MAX], b[CAP_MAX];
    ssize_t a_len = read_capability(a_dir, name, a), b_len = read_capability(b_dir, name, b);

    return (a_len < 0 && b_len < 0) || (a_len == b_len && memcmp(a, b, (size_t)a_len) == 0);
}

static bool
has_changed(const struct place *at, const char *name, const struct stat *was, const struct stat *is)
{
    if (was->st_mode != is->st_mode || was->st_uid != is->st_uid || was->st_gid != is->st_gid ||
        was->st_rdev != is->st_rdev)
        return true;
    if (!S_ISDIR(is->st_mode) && (was->st_size != is->st_size || was->st_mtim.tv_sec != is->st_mtim.tv_sec ||
                                  was->st_mtim.tv_nsec != is->st_mtim.tv_nsec))
        return true;
    return S_ISREG(is->st_mode) && !same_capability(at->image, at->merged, name);
}

static bool
is_set(int fd, const char *name)
{
    return fgetxattr(fd, name, NULL, 0) > 0;
}

/* Whether the upper directory fd hides, or comes from elsewhere than, the image's of its name. */
static bool
is_detour(int fd)
{
    return is_set(fd, "trusted.overlay.opaque") || is_set(fd, "user.overlay.opaque") ||
           is_set(fd, "trusted.overlay.redirect") || is_set(fd, "user.overlay.redirect");
}

static int walk_dir(struct walk *walk, const struct place *at, int depth, struct sc_err *err);

static int
open_dir(int at_fd, const char *name, int *fd, struct sc_err *err)
{
    *fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *fd < 0 ? sc_err_errno(err, errno, "open it") : 0;
}

/* What was a directory when it was looked at: the container, which runs, has removed or replaced it. */
static int
skip_gone(struct sc_err *err)
{
    if (err->errnum != ENOENT && err->errnum != ENOTDIR && err->errnum != ELOOP)
        return -1;
    sc_err_clear(err);
    return 0;
}

/* What is below a directory that is there now. */
static int
walk_below(struct walk *walk, const struct place *at, const char *name, bool was_dir, int depth, struct sc_err *err)
{
    sc_cleanup_fd upper = -1, image = -1, merged = -1;
    struct place below;

    if (was_dir && open_dir(at->image, name, &image, err) < 0)
        return -1;
    if (open_dir(at->merged, name, &merged, err) < 0 ||
        (was_dir && at->upper >= 0 && open_dir(at->upper, name, &upper, err) < 0))
        return skip_gone(err);
    below = (struct place){.upper = upper >= 0 && !is_detour(upper) ? upper : -1, .image = image, .merged = merged};
    return walk_dir(walk, &below, depth + 1, err);
}

static int
walk_entry(struct walk *walk, const struct place *at, const char *name, int depth, struct sc_err *err)
{
    const size_t before = walk->out->count;
    bool was_there, is_there, is_hidden = false;
    struct stat was = {.st_mode = 0}, is = {.st_mode = 0};

    if (look(at->image, name, &was, &was_there, err) < 0 || look(at->merged, name, &is, &is_there, err) < 0)
        return -1;
    if (!is_there || S_ISSOCK(is.st_mode)) /* Docker's archives have no sockets, but its list does */
        return is_there ? (was_there ? 0 : add(walk, 'A', err)) : was_there ? add(walk, 'D', err) : 0;
    if (!was_there) {
        is_hidden = is_mount_point(walk->path, &is);
        if (add(walk, 'A', err) < 0)
            return -1;
    } else if (S_ISDIR(is.st_mode) || has_changed(at, name, &was, &is)) {
        if (add(walk, 'C', err) < 0)
            return -1;
        is_hidden = S_ISDIR(is.st_mode) && !has_changed(at, name, &was, &is);
    }
    if (S_ISDIR(is.st_mode) && walk_below(walk, at, name, was_there && S_ISDIR(was.st_mode), depth, err) < 0)
        return -1;
    /* A directory that is there for what is in it alone. */
    if (is_hidden && walk->out->count == before + 1)
        walk->out->count = before;
    return 0;
}

static int
walk_dir(struct walk *walk, const struct place *at, int depth, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    const size_t len = strlen(walk->path);
    struct sc_strv names = {.items = NULL};

    if (depth > DEPTH_MAX)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "directories are nested deeper than %d", DEPTH_MAX);
    if (names_of(at, &arena, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        if (len + 1 + strlen(names.items[i]) >= sizeof(walk->path))
            return sc_err_set(err, SC_ERR_UNSUPPORTED, "\"%.100s...\": the path is too long", walk->path);
        (void)snprintf(walk->path + len, sizeof(walk->path) - len, "/%s", names.items[i]);
        if (walk_entry(walk, at, names.items[i], depth, err) < 0)
            return -1;
        walk->path[len] = '\0';
    }
    return 0;
}

int
sc_changes_find(int upper_fd, int image_fd, int merged_fd, struct sc_arena *arena, struct sc_changes *out,
                struct sc_err *err)
{
    const struct place top = {.upper = upper_fd, .image = image_fd, .merged = merged_fd};
    struct walk walk = {.arena = arena, .out = out};

    *out = (struct sc_changes){.items = NULL};
    if (upper_fd < 0)
        return 0;
    if (walk_dir(&walk, &top, 0, err) < 0)
        return sc_err_wrap(err, "find out what was changed: \"%.300s\"", walk.path);
    return 0;
}

int
sc_files_changes(const struct sc_files *files, struct sc_arena *arena, struct sc_changes *out, struct sc_err *err)
{
    struct sc_err absent = SC_ERR_INIT;
    sc_cleanup_fd image = sc_files_open_image(files, err), merged = -1, upper = -1;

    if (image < 0)
        return -1;
    merged = sc_files_open_merged(files, err);
    if (merged < 0)
        return -1;
    upper = sc_files_open_upper(files, &absent);
    if (upper < 0 && absent.errnum != ENOENT) {
        *err = absent;
        return -1;
    }
    return sc_changes_find(upper, image, merged, arena, out, err);
}
