/* What plan/ needs to mount the root, and single files of it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "rootfs/rootfs-priv.h"

#define MOUNTS_END (-2) /* behind the last of them, as a caller may give the overlay other layers */

#define FLAT_MIN 16 /* layers: image/flat.c puts no fewer together, so that other images are not asked for it */

static bool
is_image(int layers_fd, const char *name)
{
    char path[SC_ID_LEN + sizeof("/flat/erofs")];

    (void)snprintf(path, sizeof(path), "%s/erofs", name);
    return faccessat(layers_fd, path, F_OK, 0) == 0;
}

/* How many layers, of `count` from the lowest up to this one, image/flat.c keeps together with it; 1: only itself. */
static size_t
flat_length(int layers_fd, const char *chain, size_t count)
{
    char path[SC_ID_LEN + sizeof("/flat/layers")], text[SC_NUM_MAX];
    struct sc_err ignored = SC_ERR_INIT;
    int64_t length;
    ssize_t len;

    if (count < FLAT_MIN)
        return 1;
    (void)snprintf(path, sizeof(path), "%s/flat/layers", chain);
    len = readlinkat(layers_fd, path, text, sizeof(text) - 1);
    if (len <= 0)
        return 1;
    text[len] = '\0';
    return sc_parse_i64(text, &length, &ignored) == 0 && length > 0 && (size_t)length <= count ? (size_t)length : 1;
}

static void
add_layer(struct sc_overlay *out, int layers_fd, const char *layers, const char *name, struct sc_arena *arena)
{
    sc_strv_addf(&out->lowerdirs, arena, "%s/%s/diff", layers, name);
    if (is_image(layers_fd, name))
        sc_strv_addf(&out->images, arena, "%s/%s/erofs", layers, name);
    else
        sc_strv_add(&out->images, arena, "");
}

void
sc_rootfs_describe(const char *data_path, const struct sc_strv *chain_ids, const char *container_dir, bool is_volatile,
                   struct sc_arena *arena, struct sc_overlay *out)
{
    char *layers = sc_arena_printf(arena, "%s/layer", data_path);
    /* lint: the store's own directory, looked up once: there may be hundreds of layers in it */
    sc_cleanup_fd layers_fd = layers ? openat(AT_FDCWD, layers, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

    *out = (struct sc_overlay){.is_volatile = is_volatile, .mounts = SC_ARENA_ARRAY(arena, int, chain_ids->count + 1)};
    for (size_t i = 0; out->mounts && i < chain_ids->count; i++)
        out->mounts[i] = -1;
    if (out->mounts)
        out->mounts[chain_ids->count] = MOUNTS_END;
    for (size_t left = chain_ids->count, length; left > 0; left -= length) {
        const char *chain = chain_ids->items[left - 1];
        const char *flat = NULL;

        length = flat_length(layers_fd, chain, left);
        if (length > 1)
            flat = sc_arena_printf(arena, "%s/flat", chain);
        add_layer(out, layers_fd, layers, flat ? flat : chain, arena);
    }
    out->upperdir = sc_arena_printf(arena, "%s/upper", container_dir);
    out->workdir = sc_arena_printf(arena, "%s/work", container_dir);
}

void
sc_rootfs_release(struct sc_overlay *overlay)
{
    for (size_t i = 0; overlay->mounts && overlay->mounts[i] != MOUNTS_END; i++)
        sc_closep(&overlay->mounts[i]);
}

static int
make_owned(const char *path, uid_t uid, gid_t gid, struct sc_err *err)
{
    sc_cleanup_fd fd = -1;

    if (mkdirat(AT_FDCWD, path, 0755) < 0) { /* lint: below the engine's own container directory */
        if (errno != EEXIST)
            return sc_err_errno(err, errno, "make directory \"%s\"", path);
        return 0;
    }
    if (uid == geteuid() && gid == getegid())
        return 0;
    fd = sc_dir_open_at(AT_FDCWD, path, err); /* lint: as above */
    if (fd < 0)
        return -1;
    if (fchown(fd, uid, gid) < 0)
        return sc_err_errno(err, errno, "give \"%s\" to uid %u gid %u", path, uid, gid);
    return 0;
}

int
sc_rootfs_prepare(const char *container_dir, uid_t root_uid, gid_t root_gid, struct sc_arena *arena, struct sc_err *err)
{
    const char *upper = sc_arena_printf(arena, "%s/upper", container_dir),
               *work = sc_arena_printf(arena, "%s/work", container_dir);

    if (sc_arena_check(arena, err) < 0)
        return -1;
    return make_owned(upper, root_uid, root_gid, err) < 0 ? -1 : make_owned(work, root_uid, root_gid, err);
}

/* name of the directory `in`, which is `dir` of the tree. */
static int
read_one(const struct sc_view *root, const char *dir, const struct sc_view *in, const char *name, size_t max,
         struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_view_entry entry = {.kind = SC_VIEW_ABSENT};
    sc_cleanup_view other = SC_VIEW_INIT;
    sc_cleanup_fd fd = -1;
    char path[PATH_MAX];

    if (sc_view_lookup(in, name, &entry, err) < 0)
        return -1;
    if (entry.kind == SC_VIEW_OTHER && S_ISLNK(entry.st.st_mode)) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        if (sc_view_resolve(root, path, &other, &fd, err) < 0)
            return -1;
    } else if (entry.kind == SC_VIEW_OTHER && sc_view_open_regular(in, &entry, name, &fd, err) < 0) {
        return -1;
    }
    return fd < 0 ? 0 : sc_file_read_fd(fd, max, out, err);
}

int
sc_rootfs_read_files(const struct sc_overlay *overlay, const char *dir, const char *const *names, size_t count,
                     size_t max, struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_view root = SC_VIEW_INIT, in = SC_VIEW_INIT;
    sc_cleanup_fd fd = -1;

    if (sc_view_open(overlay, &root, err) < 0 || sc_view_resolve(&root, dir, &in, &fd, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (read_one(&root, dir, &in, names[i], max, &out[i], err) < 0)
            return sc_err_wrap(err, "read \"%s/%s\" of the image", dir, names[i]);
    }
    return 0;
}

int
sc_rootfs_read_file_at(int root_fd, const char *path, size_t max, struct sc_buf *out, struct sc_err *err)
{
    int opened = sc_path_open_regular(-1, root_fd, path);
    sc_cleanup_fd fd = opened >= 0 ? opened : -1;

    if (opened == -ENOENT || opened == -ENOTDIR || opened == -ELOOP || opened == -ENXIO)
        return 0;
    if (opened < 0)
        return sc_err_errno(err, -opened, "open \"%s\" of the container", path);
    if (sc_file_read_fd(fd, max, out, err) < 0)
        return sc_err_wrap(err, "read \"%s\" of the container", path);
    return 0;
}
