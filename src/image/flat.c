/*
 * Many small layers, kept once more as the one layer that they are together: "flat".
 *
 *     layer/<chain id>/flat/           a layer like any other (stage.c): this one and those right below it
 *                          /layers     a link to "17": so many they are
 *
 * Each layer of an overlay costs a start: looked up, opened and given to the kernel, searched for every name, and
 * mounted where it is an image. A container on a hundred of them is given one instead. It is made with its top layer,
 * is complete when that gets its name, and goes with it. Nothing depends on it: a layer without it is as good.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/tree-priv.h"

#define LENGTH_MIN  16                  /* layers: fewer cost a start next to nothing */
#define LAYER_MAX   ((int64_t)4 << 20)  /* bytes of one layer, and .. */
#define BYTES_MAX   ((int64_t)16 << 20) /* .. of all: they are there twice then */
#define ENTRIES_MAX 4096

size_t
sc_flat_next(const int64_t *sizes, size_t count, size_t *at)
{
    while (*at < count) {
        int64_t bytes = 0;
        size_t length = 0;

        while (*at < count && sizes[*at] <= LAYER_MAX && bytes + sizes[*at] <= BYTES_MAX) {
            bytes += sizes[(*at)++];
            length++;
        }
        if (length >= LENGTH_MIN)
            return length;
        if (length == 0)
            (*at)++;
    }
    return 0;
}

size_t
sc_flat_length(int layers_fd, const char *chain)
{
    char path[SC_DIGEST_HEX_LEN + sizeof("/flat/layers")], text[SC_NUM_MAX];
    struct sc_err ignored = SC_ERR_INIT;
    int64_t length = 0;
    ssize_t len;

    (void)snprintf(path, sizeof(path), "%.64s/flat/layers", chain);
    len = readlinkat(layers_fd, path, text, sizeof(text) - 1);
    if (len <= 0)
        return 0;
    text[len] = '\0';
    return sc_parse_i64(text, &length, &ignored) < 0 || length < 2 ? 0 : (size_t)length;
}

/* A tar in memory of what names[0..count), lowest first, are together: its fd. */
static int
write_tar(struct sc_flat *flat, int layers_fd, const char *const *names, size_t count, struct sc_err *err)
{
    sc_cleanup_fd fd = memfd_create("sc-flat", MFD_CLOEXEC);

    if (fd < 0)
        return sc_err_errno(err, errno, "make a file in memory");
    if (sc_flat_write(flat, layers_fd, names, count, fd, err) < 0)
        return -1;
    return lseek(fd, 0, SEEK_SET) < 0 ? sc_err_errno(err, errno, "rewind it") : sc_steal_fd(&fd);
}

static int
unpack(const struct sc_store *store, int layers_fd, const char *name, int tar_fd, const char *diff_id, size_t count,
       struct sc_err *err)
{
    __attribute__((cleanup(sc_layer_unpack_release))) struct sc_unpack into = {.root_fd = -1, .cached_fd = -1};
    char path[PATH_MAX], length[SC_NUM_MAX];
    struct sc_unpacked unpacked;
    struct stat st;

    if (fstat(tar_fd, &st) < 0)
        return sc_err_errno(err, errno, "look at it");
    if (sc_stage_open(store, layers_fd, name, -1, st.st_size, &into, err) < 0 ||
        sc_layer_unpack_blob(&into, tar_fd, NULL, false, &unpacked, err) < 0 ||
        sc_layer_unpack_finish(&into, diff_id, err) < 0 ||
        sc_stage_note(store, layers_fd, name, into.file_bytes, diff_id, err) < 0)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/layers", name);
    (void)snprintf(length, sizeof(length), "%zu", count);
    return symlinkat(length, layers_fd, path) < 0 ? sc_err_errno(err, errno, "note how many they are") : 0;
}

int
sc_flat_make(const struct sc_store *store, int layers_fd, const struct sc_flat_ask *ask, struct sc_err *err)
{
    struct sc_flat flat = {.has_below = ask->has_below, .entries_max = ask->is_unbounded ? SIZE_MAX : ENTRIES_MAX};
    struct sc_err why = SC_ERR_INIT, ignored = SC_ERR_INIT;
    sc_cleanup_fd tar = write_tar(&flat, layers_fd, ask->names, ask->count, &why);

    if (tar >= 0 && unpack(store, layers_fd, ask->name, tar, ask->diff_id, ask->count, &why) == 0)
        return 0;
    (void)!sc_tree_remove_at(layers_fd, ask->name, &ignored);
    /* too many files, too deep, more layers than files may be open, and, without root, directories that even their
     * owner may not read: they stay as they are */
    if (!ask->is_unbounded && (why.kind == SC_ERR_UNSUPPORTED || why.errnum == EMFILE || why.errnum == EACCES))
        return 0;
    *err = why;
    sc_err_wrap(err, "put %zu layers together", ask->count);
    return sc_err_disk(err, store);
}
