/*
 * Several layers as the one layer that they are together, written as a tar: what overlay would show of them
 * (Documentation/filesystems/overlayfs.rst), and what they hide of the layers below.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/tree-priv.h"
#include "kernel/kernel.h"

#define DEPTH_MAX 128 /* directories open at once, in each layer that has them */

struct walk {
    struct sc_tree_tar *tar;
    struct sc_flat *flat;
    const char *opaque; /* the attribute that overlay heeds */
    char path[PATH_MAX];
};

/* One directory in all layers that have a part in it, top first. */
struct dirs {
    int *fds;
    size_t count;
    bool is_cut; /* nothing below the last of them shows */
};

static void
dirs_release(struct dirs *dirs)
{
    for (size_t i = 0; i < dirs->count; i++)
        sc_closep(&dirs->fds[i]);
    sc_freep(&dirs->fds);
    dirs->count = 0;
}

#define CLEANUP_DIRS __attribute__((cleanup(dirs_release))) struct dirs

struct name {
    const char *text;
    size_t layer; /* which of the directories has it */
};

static int
by_name_and_layer(const void *a, const void *b)
{
    const struct name *left = a, *right = b;
    int order = strcmp(left->text, right->text);

    return order != 0 ? order : (left->layer > right->layer) - (left->layer < right->layer);
}

struct names {
    struct sc_arena *arena;
    struct name *items;
    size_t count, capacity;
};

static int
names_add(struct names *names, const char *text, size_t layer, struct sc_err *err)
{
    struct name *items = sc_arena_grow(names->arena, names->items, names->count, &names->capacity, sizeof(*items), 64);

    if (!items)
        return sc_err_nomem(err);
    names->items = items;
    names->items[names->count] = (struct name){.text = sc_arena_strdup(names->arena, text), .layer = layer};
    return names->items[names->count++].text ? 0 : sc_err_nomem(err);
}

static int
names_read(struct names *names, int dir_fd, size_t layer, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir)
        return sc_err_errno(err, errno, "read a directory");
    (void)sc_steal_fd(&fd);
    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            names_add(names, entry->d_name, layer, err) < 0)
            return -1;
    }
    return errno == 0 ? 0 : sc_err_errno(err, errno, "read a directory");
}

/* names[0..count) are one name, top first, which is a directory in the topmost: all that it is made of. */
static int
open_dirs(const struct walk *walk, const struct dirs *in, const struct name *names, size_t count, struct dirs *out,
          struct sc_err *err)
{
    out->fds = calloc(count, sizeof(*out->fds));
    if (!out->fds)
        return sc_err_nomem(err);
    for (size_t i = 0; i < count && !out->is_cut; i++) {
        char value[4];
        int fd = openat(in->fds[names[i].layer], names[i].text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0 && errno != ENOTDIR && errno != ELOOP)
            return sc_err_errno(err, errno, "open directory \"%s\"", names[i].text);
        out->is_cut = fd < 0 || (fgetxattr(fd, walk->opaque, value, sizeof(value)) == 1 && value[0] == 'y');
        if (fd >= 0)
            out->fds[out->count++] = fd;
    }
    return 0;
}

static int walk_dirs(struct walk *walk, const struct dirs *dirs, int depth, struct sc_err *err);

static int
put_dir(struct walk *walk, const struct dirs *in, const struct name *names, size_t count, int depth, struct sc_err *err)
{
    CLEANUP_DIRS dirs = {.fds = NULL};
    char mark[PATH_MAX];

    if (open_dirs(walk, in, names, count, &dirs, err) < 0 ||
        sc_tree_tar_add(walk->tar, in->fds[names[0].layer], names[0].text, walk->path, true, err) < 0)
        return -1;
    if (dirs.is_cut && walk->flat->has_below) {
        if ((size_t)snprintf(mark, sizeof(mark), "%s/.wh..opq", walk->path) >= sizeof(mark))
            return sc_err_set(err, SC_ERR_UNSUPPORTED, "\"%.100s...\": the path is too long", walk->path);
        if (sc_tree_tar_whiteout(walk->tar, mark, err) < 0)
            return -1;
    }
    return walk_dirs(walk, &dirs, depth + 1, err);
}

static int
put_name(struct walk *walk, const struct dirs *in, const struct name *names, size_t count, int depth,
         struct sc_err *err)
{
    const int at_fd = in->fds[names[0].layer];
    struct stat st;

    if (fstatat(at_fd, names[0].text, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return sc_err_errno(err, errno, "look at it");
    if (sc_layer_is_whiteout(&st))
        return walk->flat->has_below ? sc_tree_tar_whiteout(walk->tar, walk->path, err) : 0;
    if (S_ISDIR(st.st_mode))
        return put_dir(walk, in, names, count, depth, err);
    return sc_tree_tar_add(walk->tar, at_fd, names[0].text, walk->path, true, err);
}

static int
walk_dirs(struct walk *walk, const struct dirs *dirs, int depth, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct names names = {.arena = &arena};
    const size_t len = strlen(walk->path);
    size_t end;

    if (depth > DEPTH_MAX)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "directories are nested deeper than %d", DEPTH_MAX);
    for (size_t i = 0; i < dirs->count; i++) {
        if (names_read(&names, dirs->fds[i], i, err) < 0)
            return -1;
    }
    if (names.count > 0)
        qsort(names.items, names.count, sizeof(*names.items), by_name_and_layer);
    for (size_t at = 0; at < names.count; at = end) {
        const char *text = names.items[at].text;

        for (end = at + 1; end < names.count && strcmp(names.items[end].text, text) == 0;)
            end++;
        if (walk->flat->entries++ >= walk->flat->entries_max)
            return sc_err_set(err, SC_ERR_UNSUPPORTED, "there are more than %zu files", walk->flat->entries_max);
        if (len + 1 + strlen(text) >= sizeof(walk->path))
            return sc_err_set(err, SC_ERR_UNSUPPORTED, "\"%.100s...\": the path is too long", walk->path);
        (void)snprintf(walk->path + len, sizeof(walk->path) - len, "%s%s", len ? "/" : "", text);
        if (put_name(walk, dirs, &names.items[at], end - at, depth, err) < 0)
            return -1;
        walk->path[len] = '\0';
    }
    return 0;
}

static int
write_to_fd(void *sink, const void *data, size_t len, struct sc_err *err)
{
    return sc_io_write_all(*(int *)sink, data, len, err);
}

int
sc_flat_write(struct sc_flat *flat, int layers_fd, const char *const *names, size_t count, int to_fd,
              struct sc_err *err)
{
    CLEANUP_DIRS top = {.fds = calloc(count, sizeof(int))};
    sc_cleanup_tree_tar tar = NULL;
    struct walk walk = {.flat = flat,
                        .opaque = sc_process_is_in_user_ns() ? "user.overlay.opaque" : "trusted.overlay.opaque"};

    if (!top.fds)
        return sc_err_nomem(err);
    for (; top.count < count; top.count++) {
        top.fds[top.count] = sc_layer_open(layers_fd, names[count - 1 - top.count], err);
        if (top.fds[top.count] < 0)
            return -1;
    }
    if (sc_tree_tar_open(write_to_fd, &to_fd, NULL, &tar, err) < 0)
        return -1;
    walk.tar = tar;
    if (sc_tree_tar_add(tar, top.fds[0], "", "./", true, err) < 0 || walk_dirs(&walk, &top, 0, err) < 0)
        return -1;
    return sc_tree_tar_end(tar, err);
}
