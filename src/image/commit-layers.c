/*
 * The layers of an image that are not unpacked yet. Each is a stream of its own into a directory of its own, so they
 * are unpacked side by side; only what a layer takes from those below it (the attributes of directories that it
 * mentions without listing them) waits until all are there, and is done from the lowest up.
 *
 *     <data>/layer/<chain-id>/diff    the files
 *                            /size    bytes of file content
 *                            /blob    digest of the blob that it was unpacked from
 *                            /flat    see flat.c
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/tree-priv.h"

#define WORKERS_MAX 4
#define SYNC_EACH   4 /* layers that are synced one by one */

/* Where a layer is below <data>/layer: under its chain id, or (ours, not yet named) under a temporary name. */
struct layer {
    char *name;               /* of the directory */
    bool is_new, is_unpacked; /* unpacked: ahead of this, with its blob */
    bool is_flat;             /* a new one, and those below it are kept together too */
    int64_t *file_bytes;
    struct sc_unpack unpack; /* of a new one */
};

struct job {
    const struct sc_store *store;
    const struct sc_manifest *manifest;
    const struct sc_image *image;
    struct sc_arena *arena;
    int layers_fd;
    struct layer *layers;
    const char **names; /* of every layer, as they are now */
    struct sc_layer_lowers lowers;
    /* What the workers share: the next layer to take, and the failure of the lowest one that failed. */
    pthread_mutex_t mutex;
    size_t next, failed_at;
    struct sc_err err;
};

static void
job_release(struct job *job)
{
    struct sc_err ignored = SC_ERR_INIT;

    for (size_t i = 0; job->layers && i < job->image->diff_ids.count; i++) {
        sc_layer_unpack_release(&job->layers[i].unpack);
        if (job->layers[i].is_new)
            (void)!sc_tree_remove_at(job->layers_fd, job->layers[i].name, &ignored);
    }
    sc_layer_lowers_release(&job->lowers);
    sc_closep(&job->layers_fd);
    (void)pthread_mutex_destroy(&job->mutex);
}

/* Whether the layer is there, complete; then its recorded size. */
static bool
layer_is_there(const struct job *job, const char *chain, int64_t *file_bytes)
{
    char path[SC_DIGEST_HEX_LEN + sizeof("/size")];
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err absent = SC_ERR_INIT;

    (void)snprintf(path, sizeof(path), "%s/size", chain);
    return sc_file_read_at(job->layers_fd, path, SC_NUM_MAX, &text, &absent) == 0 &&
           sc_parse_i64(sc_buf_str(&text), file_bytes, &absent) == 0;
}

/* Whether the directory was unpacked from this very blob, so that the blob is known to hold the layer. */
static bool
layer_is_of_blob(const struct job *job, const char *chain, const char *digest)
{
    char path[SC_DIGEST_HEX_LEN + sizeof("/blob")];
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err absent = SC_ERR_INIT;

    (void)snprintf(path, sizeof(path), "%s/blob", chain);
    return sc_file_read_at(job->layers_fd, path, SC_DIGEST_LEN + 1, &text, &absent) == 0 &&
           strcmp(sc_buf_str(&text), digest) == 0;
}

/* Prepares the directory of a layer that is not there. */
static int
stage(struct job *job, size_t i, struct sc_err *err)
{
    struct layer *layer = &job->layers[i];
    const char *digest = job->manifest->layer_digests.items[i];
    sc_cleanup_fd blob = -1;

    layer->is_unpacked =
        sc_ahead_take(job->store, digest, job->image->diff_ids.items[i], job->arena, &layer->name, &layer->unpack);
    if (!layer->is_unpacked)
        layer->name = sc_arena_printf(job->arena, "tmp-%d-%lld-%zu", (int)getpid(), (long long)sc_time_monotonic(), i);
    if (!layer->name)
        return sc_err_nomem(err);
    layer->unpack.lowers = job->lowers;
    layer->unpack.lowers.count = i;
    job->names[i] = layer->name;
    layer->is_new = true;
    if (layer->is_unpacked)
        return sc_stage_adopt(job->store, job->layers_fd, layer->name, digest, err);
    blob = sc_blob_open(job->store, digest, err);
    return blob < 0 ? -1
                    : sc_stage_open(job->store, job->layers_fd, layer->name, blob, job->manifest->layer_sizes[i],
                                    &layer->unpack, err);
}

/* What a layer needs of nobody else. */
static int
unpack_one(const struct job *job, size_t i, struct sc_err *err)
{
    struct layer *layer = &job->layers[i];
    const char *digest = job->manifest->layer_digests.items[i], *diff_id = job->image->diff_ids.items[i];

    if (!layer->is_new) {
        /* The directory is as verified as ever; but this blob may be new and claim to be that layer. */
        if (layer_is_of_blob(job, layer->name, digest))
            return 0;
        return sc_layer_verify(job->store, digest, diff_id, err);
    }
    if (!layer->is_unpacked && sc_layer_unpack_stream(job->store, digest, diff_id, &layer->unpack, err) < 0)
        return -1;
    *layer->file_bytes = (int64_t)layer->unpack.file_bytes;
    return sc_stage_note(job->store, job->layers_fd, layer->name, layer->unpack.file_bytes, digest, err);
}

static void *
work(void *data)
{
    struct job *job = data;

    for (;;) {
        struct sc_err err = SC_ERR_INIT;
        size_t at;

        (void)pthread_mutex_lock(&job->mutex);
        at = job->next;
        if (job->failed_at < at) /* another layer failed: nobody wants more */
            at = job->image->diff_ids.count;
        job->next = at + 1;
        (void)pthread_mutex_unlock(&job->mutex);
        if (at >= job->image->diff_ids.count)
            return NULL;
        if (unpack_one(job, at, &err) == 0)
            continue;
        (void)pthread_mutex_lock(&job->mutex);
        if (at < job->failed_at) {
            job->failed_at = at;
            job->err = err;
        }
        (void)pthread_mutex_unlock(&job->mutex);
    }
}

static int
unpack_all(struct job *job, struct sc_err *err)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    pthread_t threads[WORKERS_MAX];
    size_t count = 0;

    /* This thread is one of the workers, and the only one that must be there. */
    while (count + 1 < WORKERS_MAX && count + 1 < job->image->diff_ids.count && (long)count + 1 < cpus &&
           pthread_create(&threads[count], NULL, work, job) == 0)
        count++;
    (void)work(job);
    for (size_t i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    if (job->err.kind != SC_ERR_NONE) {
        *err = job->err;
        return -1;
    }
    for (size_t i = 0; i < job->image->diff_ids.count; i++) {
        if (!job->layers[i].is_new)
            continue;
        if (sc_layer_unpack_finish(&job->layers[i].unpack, job->image->diff_ids.items[i], err) < 0) {
            sc_err_wrap(err, "unpack layer %s", job->manifest->layer_digests.items[i]);
            return sc_err_disk(err, job->store);
        }
        sc_layer_unpack_release(&job->layers[i].unpack);
    }
    return 0;
}

/* Many small layers, beside the top one of them where that is new: a layer with a name stays as it is. */
static int
flatten(struct job *job, const int64_t *sizes, struct sc_err *err)
{
    size_t end = 0, length;

    while ((length = sc_flat_next(sizes, job->image->diff_ids.count, &end)) > 0) {
        struct layer *top = &job->layers[end - 1];
        struct sc_flat_ask ask = {.name = sc_arena_printf(job->arena, "%s/flat", top->name),
                                  .names = &job->names[end - length],
                                  .count = length,
                                  .has_below = end > length,
                                  .diff_id = job->image->diff_ids.items[end - 1]};

        if (!top->is_new)
            continue;
        if (!ask.name)
            return sc_err_nomem(err);
        if (sc_flat_make(job->store, job->layers_fd, &ask, err) < 0)
            return -1;
        top->is_flat = true;
    }
    return 0;
}

/* A name must not outlive, in a power loss, what it names. A few images are synced as files: to sync the file system is
 * to wait for all that others write to it. Of directories there are too many files for that. */
static int
sync_new(const struct job *job, struct sc_err *err)
{
    size_t images = 0, count = 0;
    int status = 0;

    for (size_t i = 0; i < job->image->diff_ids.count; i++) {
        count += job->layers[i].is_new;
        images +=
            job->layers[i].is_new && !job->layers[i].is_flat && sc_stage_is_image(job->layers_fd, job->layers[i].name);
    }
    if (images < count || count > SYNC_EACH) {
        if (syncfs(job->layers_fd) < 0)
            return sc_err_errno(err, errno, "sync the layers");
        return 0;
    }
    for (size_t i = 0; i < job->image->diff_ids.count && status == 0; i++) {
        if (job->layers[i].is_new)
            status = sc_stage_sync(job->layers_fd, job->layers[i].name, err);
    }
    return status;
}

static void
seal_flat(const struct job *job, const struct layer *layer)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/flat", layer->name);
    sc_stage_seal(job->layers_fd, path);
}

/* Gives what was unpacked its name. Another process may have unpacked the same layer meanwhile: its is as good. */
static int
publish(struct job *job, struct sc_err *err)
{
    bool has_new = false;

    for (size_t i = 0; i < job->image->diff_ids.count; i++)
        has_new = has_new || job->layers[i].is_new;
    if (!has_new)
        return 0;
    if (sync_new(job, err) < 0)
        return sc_err_disk(err, job->store);
    for (size_t i = 0; i < job->image->diff_ids.count; i++) {
        struct layer *layer = &job->layers[i];
        const char *chain = job->image->chain_ids.items[i];

        if (!layer->is_new)
            continue;
        sc_stage_seal(job->layers_fd, layer->name);
        if (layer->is_flat)
            seal_flat(job, layer);
        if (renameat(job->layers_fd, layer->name, job->layers_fd, chain) == 0)
            layer->is_new = false;
        else if (errno != ENOTEMPTY && errno != EEXIST)
            return sc_err_errno(err, errno, "name layer %s", chain);
    }
    if (fsync(job->layers_fd) < 0)
        return sc_err_errno(err, errno, "sync the directory of layers");
    return 0;
}

int
sc_layers_commit(const struct sc_store *store, const struct sc_manifest *manifest, const struct sc_image *image,
                 struct sc_arena *arena, int64_t **file_bytes, struct sc_err *err)
{
    __attribute__((cleanup(job_release))) struct job job = {.store = store,
                                                            .manifest = manifest,
                                                            .image = image,
                                                            .arena = arena,
                                                            .mutex = PTHREAD_MUTEX_INITIALIZER,
                                                            .layers_fd = sc_store_open_layers(store, err),
                                                            .failed_at = SIZE_MAX};
    const size_t count = image->diff_ids.count;

    if (job.layers_fd < 0)
        return -1;
    job.names = SC_ARENA_ARRAY(arena, const char *, count + 1);
    job.lowers = (struct sc_layer_lowers){
        .layers_fd = job.layers_fd, .names = job.names, .fds = SC_ARENA_ARRAY(arena, int, count + 1)};
    *file_bytes = SC_ARENA_ARRAY(arena, int64_t, count + 1);
    job.layers = SC_ARENA_ARRAY(arena, struct layer, count + 1);
    if (!job.names || !job.lowers.fds || !*file_bytes || !job.layers)
        return sc_err_nomem(err);
    for (size_t i = 0; i < count; i++)
        job.layers[i].unpack.root_fd = job.layers[i].unpack.cached_fd = job.lowers.fds[i] = -1;
    job.lowers.count = count;
    for (size_t i = 0; i < count; i++) {
        struct layer *layer = &job.layers[i];

        layer->name = image->chain_ids.items[i];
        layer->file_bytes = &(*file_bytes)[i];
        job.names[i] = layer->name;
        if (!layer_is_there(&job, layer->name, layer->file_bytes) && stage(&job, i, err) < 0)
            return -1;
    }
    return unpack_all(&job, err) < 0 || flatten(&job, *file_bytes, err) < 0 ? -1 : publish(&job, err);
}

int
sc_layer_make_plain(struct sc_store_layer *layer, struct sc_arena *arena, struct sc_err *err)
{
    layer->diff_id = layer->digest;
    layer->diff_size = layer->size;
    layer->media_type = sc_arena_strdup(arena, SC_MEDIA_LAYER);
    return layer->media_type ? 0 : sc_err_nomem(err);
}
