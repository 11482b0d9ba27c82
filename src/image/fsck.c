/*
 * Whether the store still holds what was put into it: every blob is hashed, and every layer is unpacked once more,
 * beside the one that containers use, and compared with it: content, owners, modes, times, links, attributes.
 * A layer that differs can be replaced by the fresh one, in one exchange of names.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/tree-priv.h"

struct fsck {
    const struct sc_store *store;
    struct sc_store_check *check;
    struct sc_arena arena;
    json_t *seen; /* chain ids that were checked */
    int layers_fd;
    const char *chain; /* of the layer at hand */
};

static void
fsck_release(struct fsck *fsck)
{
    sc_arena_release(&fsck->arena);
    sc_json_decrefp(&fsck->seen);
    sc_closep(&fsck->layers_fd);
}

__attribute__((format(printf, 2, 3))) static void
problem(struct fsck *fsck, const char *format, ...)
{
    char line[PATH_MAX + 1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    fsck->check->problems++;
    fsck->check->say(fsck->check->data, line);
}

/* ---- blobs ------------------------------------------------------------------------------------------------------ */

static int
check_blob(struct fsck *fsck, int dir_fd, const char *name, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    sc_cleanup_hash hash = SC_HASH_INIT;
    char actual[SC_DIGEST_LEN + 1], chunk[65536];
    ssize_t got;

    fsck->check->blobs++;
    if (strlen(name) != SC_DIGEST_HEX_LEN || !sc_hex_is_valid(name, SC_DIGEST_HEX_LEN)) {
        problem(fsck, "blob \"%s\": it is named after no digest", name);
        return 0;
    }
    if (fd < 0) {
        problem(fsck, "blob sha256:%s: open it: %s", name, strerror(errno));
        return 0;
    }
    if (sc_hash_start(&hash, err) < 0)
        return -1;
    while ((got = read(fd, chunk, sizeof(chunk))) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            problem(fsck, "blob sha256:%s: read it: %s", name, strerror(errno));
            return 0;
        }
        if (sc_hash_add(&hash, chunk, (size_t)got, err) < 0)
            return -1;
    }
    if (sc_hash_end(&hash, actual, err) < 0)
        return -1;
    if (strcmp(sc_digest_hex(actual), name) != 0)
        problem(fsck, "blob sha256:%s: its content is %s", name, actual);
    return 0;
}

static int
check_blobs(struct fsck *fsck, struct sc_err *err)
{
    int fd = sc_dir_open_at(fsck->store->image_fd, "blobs/sha256", err);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (fd < 0)
        return -1;
    if (!dir)
        return sc_err_errno(err, errno, "read the directory of blobs");
    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
        if (entry->d_name[0] != '.' && check_blob(fsck, dirfd(dir), entry->d_name, err) < 0)
            return -1;
    }
    return errno == 0 ? 0 : sc_err_errno(err, errno, "read the directory of blobs");
}

/* ---- layers ----------------------------------------------------------------------------------------------------- */

static int
tell_difference(void *data, char kind, const char *path, const char *why, struct sc_err *err)
{
    struct fsck *fsck = data;

    (void)kind;
    (void)err;
    problem(fsck, "layer %.12s: %s: %s", fsck->chain, path, why);
    return 0;
}

static int
unpack_staged(struct fsck *fsck, const struct sc_image *image, size_t i, const char *staging, struct sc_unpack *unpack,
              struct sc_err *err)
{
    const char *digest = image->layer_digests.items[i], *diff_id = image->diff_ids.items[i];
    sc_cleanup_fd blob = -1;
    int64_t size;

    if (sc_blob_size(fsck->store, digest, &size, err) < 0 || (blob = sc_blob_open(fsck->store, digest, err)) < 0 ||
        sc_stage_open(fsck->store, fsck->layers_fd, staging, blob, size, unpack, err) < 0 ||
        sc_layer_unpack_stream(fsck->store, digest, diff_id, unpack, err) < 0 ||
        sc_layer_unpack_finish(unpack, diff_id, err) < 0 ||
        sc_stage_note(fsck->store, fsck->layers_fd, staging, unpack->file_bytes, digest, err) < 0)
        return -1;
    return sc_layer_open(fsck->layers_fd, staging, err);
}

/* Layer i of the image as its blob says it, in a new directory `staging`: the fd of its files. */
static int
unpack_again(struct fsck *fsck, const struct sc_image *image, size_t i, const char *staging, struct sc_err *err)
{
    __attribute__((cleanup(sc_layer_unpack_release))) struct sc_unpack unpack = {.root_fd = -1, .cached_fd = -1};
    int fd;

    unpack.lowers = (struct sc_layer_lowers){.layers_fd = fsck->layers_fd,
                                             .names = (const char *const *)image->chain_ids.items,
                                             .fds = SC_ARENA_ARRAY(&fsck->arena, int, i + 1),
                                             .count = i};
    if (!unpack.lowers.fds)
        return sc_err_nomem(err);
    for (size_t k = 0; k < i; k++)
        unpack.lowers.fds[k] = -1;
    fd = unpack_staged(fsck, image, i, staging, &unpack, err);
    sc_layer_lowers_release(&unpack.lowers);
    return fd;
}

static void
check_size(struct fsck *fsck, const char *staging)
{
    sc_cleanup_buf is = SC_BUF_INIT, should = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/size", fsck->chain);
    (void)!sc_file_read_at(fsck->layers_fd, path, SC_NUM_MAX, &is, &ignored);
    (void)snprintf(path, sizeof(path), "%s/size", staging);
    (void)!sc_file_read_at(fsck->layers_fd, path, SC_NUM_MAX, &should, &ignored);
    if (!sc_str_eq(sc_buf_str(&is), sc_buf_str(&should)))
        problem(fsck, "layer %.12s: its recorded size is not that of its files", fsck->chain);
}

/* The staged layer takes the name; what had it is removed. */
static int
replace_layer(struct fsck *fsck, const char *staging, struct sc_err *err)
{
    char from[128], to[128];
    int status;

    if (syncfs(fsck->layers_fd) < 0)
        return sc_err_errno(err, errno, "sync the layers");
    sc_stage_seal(fsck->layers_fd, staging);
    status = renameat2(fsck->layers_fd, staging, fsck->layers_fd, fsck->chain, RENAME_EXCHANGE);
    if (status < 0 && errno == ENOENT)
        status = renameat(fsck->layers_fd, staging, fsck->layers_fd, fsck->chain);
    if (status < 0 || fsync(fsck->layers_fd) < 0)
        return sc_err_errno(err, errno, "replace layer %s", fsck->chain);
    /* What stands for it and those below it was right, or is looked at next; there may be none. */
    (void)snprintf(from, sizeof(from), "%s/flat", staging);
    (void)snprintf(to, sizeof(to), "%s/flat", fsck->chain);
    (void)renameat(fsck->layers_fd, from, fsck->layers_fd, to);
    return 0;
}

static int
compare_layer(struct fsck *fsck, const char *staging, int fresh_fd, struct sc_err *err)
{
    const size_t before = fsck->check->problems;
    struct sc_tree_diff diff = {.a_fd = fresh_fd, .b_fd = -1, .is_exact = true, .fn = tell_difference, .data = fsck};
    struct sc_err absent = SC_ERR_INIT;
    sc_cleanup_fd is_fd = -1;
    char line[128];

    is_fd = sc_layer_open(fsck->layers_fd, fsck->chain, &absent);
    if (is_fd < 0) {
        problem(fsck, "layer %.12s: it is not unpacked: %s", fsck->chain, absent.msg);
    } else {
        struct sc_err unread = SC_ERR_INIT;

        diff.b_fd = is_fd;
        if (sc_tree_diff(&diff, &unread) < 0)
            problem(fsck, "layer %.12s: %s", fsck->chain, unread.msg);
        check_size(fsck, staging);
    }
    if (fsck->check->problems == before || !fsck->check->repairs)
        return 0;
    if (replace_layer(fsck, staging, err) < 0)
        return -1;
    fsck->check->repaired += fsck->check->problems - before;
    (void)snprintf(line, sizeof(line), "layer %.12s: repaired", fsck->chain);
    fsck->check->say(fsck->check->data, line);
    return 0;
}

static int
check_layer(struct fsck *fsck, const struct sc_image *image, size_t i, struct sc_err *err)
{
    char staging[64];
    struct sc_err why = SC_ERR_INIT, ignored = SC_ERR_INIT;
    sc_cleanup_fd fresh = -1;
    int status = 0;

    fsck->chain = image->chain_ids.items[i];
    if (json_object_get(fsck->seen, fsck->chain))
        return 0;
    if (json_object_set_new(fsck->seen, fsck->chain, json_true()) < 0)
        return sc_err_nomem(err);
    fsck->check->layers++;
    fsck->check->sealed += sc_stage_is_sealed(fsck->layers_fd, fsck->chain);
    (void)snprintf(staging, sizeof(staging), "tmp-fsck-%d-%lld", (int)getpid(), (long long)sc_time_monotonic());
    fresh = unpack_again(fsck, image, i, staging, &why);
    if (fresh >= 0) {
        status = compare_layer(fsck, staging, fresh, err);
    } else if (why.kind == SC_ERR_INVALID || why.kind == SC_ERR_NOT_FOUND) {
        problem(fsck, "layer %.12s: it cannot be compared: %s", fsck->chain, why.msg);
    } else {
        *err = why;
        status = -1;
    }
    (void)!sc_tree_remove_at(fsck->layers_fd, staging, &ignored);
    return status;
}

/* ---- what stands for many layers ---------------------------------------------------------------------------- */

static int
replace_flat(struct fsck *fsck, const char *staging, const char *flat, struct sc_err *err)
{
    if (syncfs(fsck->layers_fd) < 0)
        return sc_err_errno(err, errno, "sync the layers");
    sc_stage_seal(fsck->layers_fd, staging);
    if (renameat2(fsck->layers_fd, staging, fsck->layers_fd, flat, RENAME_EXCHANGE) < 0 || syncfs(fsck->layers_fd) < 0)
        return sc_err_errno(err, errno, "replace what stands for layer %s", fsck->chain);
    return 0;
}

/* Against what the layers, which are whole, are together. */
static int
compare_flat(struct fsck *fsck, const char *staging, const char *flat, struct sc_err *err)
{
    struct sc_tree_diff diff = {.a_fd = -1, .b_fd = -1, .is_exact = true, .fn = tell_difference, .data = fsck};
    const size_t before = fsck->check->problems;
    sc_cleanup_fd fresh = sc_layer_open(fsck->layers_fd, staging, err), is_fd = -1;
    struct sc_err unread = SC_ERR_INIT;
    char line[128];

    if (fresh < 0)
        return -1;
    is_fd = sc_layer_open(fsck->layers_fd, flat, &unread);
    diff.a_fd = fresh;
    diff.b_fd = is_fd;
    if (is_fd < 0 || sc_tree_diff(&diff, &unread) < 0)
        problem(fsck, "layer %.12s: put together with those below it: %s", fsck->chain, unread.msg);
    if (fsck->check->problems == before || !fsck->check->repairs)
        return 0;
    if (replace_flat(fsck, staging, flat, err) < 0)
        return -1;
    fsck->check->repaired += fsck->check->problems - before;
    (void)snprintf(line, sizeof(line), "layer %.12s: repaired, put together with those below it", fsck->chain);
    fsck->check->say(fsck->check->data, line);
    return 0;
}

static int
check_flat(struct fsck *fsck, const struct sc_image *image, size_t i, struct sc_err *err)
{
    const size_t length = sc_flat_length(fsck->layers_fd, image->chain_ids.items[i]);
    char staging[64], flat[SC_DIGEST_HEX_LEN + sizeof("/flat")];
    struct sc_flat_ask ask = {.name = staging,
                              .names = (const char *const *)&image->chain_ids.items[i + 1 - length],
                              .count = length,
                              .has_below = i + 1 > length,
                              .is_unbounded = true,
                              .diff_id = image->diff_ids.items[i]};
    struct sc_err ignored = SC_ERR_INIT;
    int status;

    fsck->chain = image->chain_ids.items[i];
    (void)snprintf(flat, sizeof(flat), "%.64s/flat", fsck->chain);
    if (json_object_get(fsck->seen, flat))
        return 0;
    if (json_object_set_new(fsck->seen, flat, json_true()) < 0)
        return sc_err_nomem(err);
    (void)snprintf(staging, sizeof(staging), "tmp-fsck-%d-%lld", (int)getpid(), (long long)sc_time_monotonic());
    status = sc_flat_make(fsck->store, fsck->layers_fd, &ask, err);
    if (status == 0)
        status = compare_flat(fsck, staging, flat, err);
    (void)!sc_tree_remove_at(fsck->layers_fd, staging, &ignored);
    return status;
}

/* All that an image's layers have, once they are known to be whole themselves. */
static int
check_flats(struct fsck *fsck, const struct sc_image *image, struct sc_err *err)
{
    for (size_t i = 0; i < image->chain_ids.count; i++) {
        const size_t length = sc_flat_length(fsck->layers_fd, image->chain_ids.items[i]);

        if (length > 0 && length <= i + 1 && check_flat(fsck, image, i, err) < 0)
            return -1;
    }
    return 0;
}

static int
check_images(struct fsck *fsck, struct sc_err *err)
{
    sc_cleanup_json index = NULL;
    const json_t *manifests;

    if (sc_index_read(fsck->store, &index, err) < 0)
        return -1;
    manifests = sc_index_manifests(index);
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *descriptor = json_array_get(manifests, i);
        struct sc_err why = SC_ERR_INIT;
        struct sc_image image = {.id = NULL};

        if (sc_image_read(fsck->store, descriptor, true, &fsck->arena, &image, &why) < 0) {
            if (!sc_image_is_damaged(&why)) {
                *err = why;
                return -1;
            }
            problem(fsck, "image %s: %s", sc_index_digest(descriptor), why.msg);
            continue;
        }
        for (size_t k = 0; k < image.chain_ids.count; k++) {
            if (check_layer(fsck, &image, k, err) < 0)
                return -1;
        }
        /* what cannot be right yet is not compared with what is not either */
        if (fsck->check->problems == fsck->check->repaired && check_flats(fsck, &image, err) < 0)
            return -1;
    }
    return 0;
}

int
sc_store_fsck(const struct sc_store *store, struct sc_store_check *check, struct sc_err *err)
{
    __attribute__((cleanup(fsck_release))) struct fsck fsck = {.store = store,
                                                               .check = check,
                                                               .arena = SC_ARENA_INIT,
                                                               .seen = json_object(),
                                                               .layers_fd = sc_store_open_layers(store, err)};
    /* Nobody sweeps what is being looked at, nor the layers that are unpacked beside it. */
    sc_cleanup_fd session = fsck.layers_fd < 0 ? -1 : sc_store_session(store, err);

    if (session < 0)
        return -1;
    if (!fsck.seen)
        return sc_err_nomem(err);
    return check_blobs(&fsck, err) < 0 ? -1 : check_images(&fsck, err);
}
