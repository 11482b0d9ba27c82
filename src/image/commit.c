/*
 * Putting an image together. Everything before the last step only adds what nobody sees yet; index.json, replaced
 * under the lock, makes the image. Whatever fails before leaves garbage for the sweep, never half an image.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/transfer-priv.h"

/* Where a layer is below <data>/layer: under its chain id, or (ours, not yet named) under a temporary name. */
struct commit_layer {
    char *name; /* of the directory */
    bool is_new;
    int64_t file_bytes;
};

struct commit {
    const struct sc_store *store;
    struct sc_arena *arena;
    struct sc_manifest manifest;
    struct sc_image image;
    int layers_fd;
    struct commit_layer *layers;
};

static void
commit_release(struct commit *commit)
{
    struct sc_err ignored = SC_ERR_INIT;

    for (size_t i = 0; commit->layers && i < commit->image.diff_ids.count; i++) {
        if (commit->layers[i].is_new)
            (void)!sc_tree_remove_at(commit->layers_fd, commit->layers[i].name, &ignored);
    }
    sc_closep(&commit->layers_fd);
}

int
sc_chain_ids(const struct sc_strv *diff_ids, struct sc_arena *arena, struct sc_strv *hex, struct sc_err *err)
{
    char chain[SC_DIGEST_LEN + 1], text[2 * SC_DIGEST_LEN + 2];

    for (size_t i = 0; i < diff_ids->count; i++) {
        if (i == 0) {
            memcpy(chain, diff_ids->items[0], sizeof(chain));
        } else {
            (void)snprintf(text, sizeof(text), "%s %s", chain, diff_ids->items[i]);
            if (sc_hash_text(text, strlen(text), chain, err) < 0)
                return -1;
        }
        sc_strv_add(hex, arena, sc_digest_hex(chain));
    }
    return sc_arena_check(arena, err);
}

static int
commit_decode(struct commit *commit, const char *manifest_digest, struct sc_err *err)
{
    sc_cleanup_buf manifest = SC_BUF_INIT, config = SC_BUF_INIT;

    if (sc_store_read_blob(commit->store, manifest_digest, "the image manifest", &manifest, err) < 0 ||
        sc_manifest_decode(sc_buf_str(&manifest), manifest.len, commit->arena, &commit->manifest, err) < 0 ||
        sc_store_read_blob(commit->store, commit->manifest.config_digest, "the image config", &config, err) < 0 ||
        sc_image_config_decode(sc_buf_str(&config), config.len, commit->arena, &commit->image, err) < 0)
        return -1;
    commit->image.id = commit->manifest.config_digest;
    if (commit->image.diff_ids.count != commit->manifest.layer_digests.count)
        return sc_err_set(err, SC_ERR_INVALID, "the manifest has %zu layers, the config %zu",
                          commit->manifest.layer_digests.count, commit->image.diff_ids.count);
    return sc_chain_ids(&commit->image.diff_ids, commit->arena, &commit->image.chain_ids, err);
}

/* Whether the layer is there, complete; then its recorded size. */
static bool
layer_is_there(const struct commit *commit, const char *chain, int64_t *file_bytes)
{
    char path[SC_DIGEST_HEX_LEN + sizeof("/size")];
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err absent = SC_ERR_INIT;

    (void)snprintf(path, sizeof(path), "%s/size", chain);
    return sc_file_read_at(commit->layers_fd, path, SC_NUM_MAX, &text, &absent) == 0 &&
           sc_parse_i64(sc_buf_str(&text), file_bytes, &absent) == 0;
}

static int
unpack_new(struct commit *commit, size_t i, struct sc_err *err)
{
    struct commit_layer *layer = &commit->layers[i];
    const char **dirs = SC_ARENA_ARRAY(commit->arena, const char *, i + 1);
    struct sc_layer_lowers lowers = {.layers_fd = commit->layers_fd, .dirs = dirs, .count = i};
    char *diff =
        sc_arena_printf(commit->arena, "tmp-%d-%lld-%zu/diff", (int)getpid(), (long long)sc_time_monotonic(), i);
    sc_cleanup_fd dir_fd = -1;
    char size[SC_NUM_MAX];

    if (!dirs || !diff)
        return sc_err_nomem(err);
    for (size_t k = 0; k < i; k++)
        dirs[k] = sc_arena_printf(commit->arena, "%s/diff", commit->layers[k].name);
    layer->name = sc_arena_strndup(commit->arena, diff, strlen(diff) - strlen("/diff"));
    if (sc_arena_check(commit->arena, err) < 0)
        return -1;
    layer->is_new = true;
    if (sc_dir_make_at(commit->layers_fd, diff, 0755, err) < 0)
        return sc_err_disk(err, commit->store);
    dir_fd = sc_dir_open_at(commit->layers_fd, diff, err);
    if (dir_fd < 0)
        return -1;
    if (sc_layer_unpack_over(commit->store, commit->manifest.layer_digests.items[i], commit->image.diff_ids.items[i],
                             dir_fd, &lowers, &sc_limits_default, &layer->file_bytes, err) < 0)
        return -1;
    (void)snprintf(size, sizeof(size), "%lld", (long long)layer->file_bytes);
    diff = sc_arena_printf(commit->arena, "%s/size", layer->name);
    if (!diff)
        return sc_err_nomem(err);
    if (sc_file_replace_at(commit->layers_fd, diff, size, strlen(size), 0644, SC_VOLATILE, err) < 0)
        return sc_err_disk(err, commit->store);
    return 0;
}

/* Gives what was unpacked its name. Another process may have unpacked the same layer meanwhile: its is as good. */
static int
publish_layers(struct commit *commit, struct sc_err *err)
{
    bool has_new = false;

    for (size_t i = 0; i < commit->image.diff_ids.count; i++)
        has_new = has_new || commit->layers[i].is_new;
    if (!has_new)
        return 0;
    /* One sync for all that was unpacked: a name must not outlive, in a power loss, what it names. */
    if (syncfs(commit->layers_fd) < 0) {
        sc_err_errno(err, errno, "sync the layers");
        return sc_err_disk(err, commit->store);
    }
    for (size_t i = 0; i < commit->image.diff_ids.count; i++) {
        struct commit_layer *layer = &commit->layers[i];
        const char *chain = commit->image.chain_ids.items[i];

        if (!layer->is_new)
            continue;
        if (renameat(commit->layers_fd, layer->name, commit->layers_fd, chain) == 0)
            layer->is_new = false;
        else if (errno != ENOTEMPTY && errno != EEXIST)
            return sc_err_errno(err, errno, "name layer %s", chain);
    }
    if (fsync(commit->layers_fd) < 0)
        return sc_err_errno(err, errno, "sync the directory of layers");
    return 0;
}

static int
commit_layers(struct commit *commit, struct sc_err *err)
{
    commit->layers_fd = sc_store_open_layers(commit->store, err);
    if (commit->layers_fd < 0)
        return -1;
    commit->layers = SC_ARENA_ARRAY(commit->arena, struct commit_layer, commit->image.diff_ids.count + 1);
    if (!commit->layers)
        return sc_err_nomem(err);
    for (size_t i = 0; i < commit->image.diff_ids.count; i++) {
        commit->layers[i].name = commit->image.chain_ids.items[i];
        if (layer_is_there(commit, commit->layers[i].name, &commit->layers[i].file_bytes)) {
            /* The directory is as verified as ever; but this blob may be new and claim to be that layer. */
            if (sc_layer_verify(commit->store, commit->manifest.layer_digests.items[i], commit->image.diff_ids.items[i],
                                err) < 0)
                return -1;
            continue;
        }
        if (unpack_new(commit, i, err) < 0)
            return -1;
    }
    return publish_layers(commit, err);
}

static int
commit_sidecar(const struct commit *commit, struct sc_err *err)
{
    char path[sizeof("sc-chain/") + SC_DIGEST_HEX_LEN];
    sc_cleanup_buf text = SC_BUF_INIT;

    for (size_t i = 0; i < commit->image.chain_ids.count; i++)
        sc_buf_addf(&text, "%s %lld\n", commit->image.chain_ids.items[i], (long long)commit->layers[i].file_bytes);
    if (sc_buf_check(&text, err) < 0)
        return -1;
    (void)snprintf(path, sizeof(path), "sc-chain/%s", sc_digest_hex(commit->image.id));
    if (sc_file_replace_at(commit->store->image_fd, path, sc_buf_str(&text), text.len, 0644, SC_DURABLE, err) < 0)
        return sc_err_disk(err, commit->store);
    return 0;
}

static int
commit_index(const struct commit *commit, const char *manifest_digest, int64_t size, const char *full_name,
             struct sc_err *err)
{
    const struct sc_index_item item = {.media_type = commit->manifest.media_type,
                                       .digest = manifest_digest,
                                       .image_id = commit->image.id,
                                       .size = size};
    sc_cleanup_fd lock = sc_store_lock(commit->store, err);
    sc_cleanup_json index = NULL;

    if (lock < 0 || sc_index_read(commit->store, &index, err) < 0 ||
        sc_index_put(commit->store, index, &item, full_name, commit->arena, err) < 0)
        return -1;
    if (sc_index_write(commit->store, index, err) < 0)
        return sc_err_disk(err, commit->store);
    return 0;
}

static int
blob_size(const struct sc_store *store, const char *digest, int64_t *size, struct sc_err *err)
{
    sc_cleanup_fd fd = sc_blob_open(store, digest, err);
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return sc_err_errno(err, errno, "look at blob %s", digest);
    *size = st.st_size;
    return 0;
}

int
sc_image_commit_manifest(const struct sc_store *store, const char *manifest_digest, const char *full_name,
                         struct sc_arena *arena, char **image_id, struct sc_err *err)
{
    __attribute__((cleanup(commit_release))) struct commit commit = {.store = store, .arena = arena, .layers_fd = -1};
    /* Nobody sweeps while this is held; the caller holds one of its own since its first blob. */
    sc_cleanup_fd session = sc_store_session(store, err);
    int64_t size = 0;

    if (session < 0 || commit_decode(&commit, manifest_digest, err) < 0 ||
        blob_size(store, manifest_digest, &size, err) < 0 || commit_layers(&commit, err) < 0 ||
        commit_sidecar(&commit, err) < 0 || commit_index(&commit, manifest_digest, size, full_name, err) < 0)
        return -1;
    if (image_id)
        *image_id = commit.image.id;
    return 0;
}

/* Members in the specification's order and nothing else: the same image gives the same digest. */
static int
manifest_text(const char *config_digest, int64_t config_size, const struct sc_store_layer *layers, size_t count,
              struct sc_buf *out, struct sc_err *err)
{
    sc_buf_addf(out,
                "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":"
                "%lld},\"layers\":[",
                SC_MEDIA_MANIFEST, SC_MEDIA_CONFIG, config_digest, (long long)config_size);
    for (size_t i = 0; i < count; i++) {
        sc_buf_adds(out, i ? ",{\"mediaType\":" : "{\"mediaType\":");
        sc_buf_add_json(out, layers[i].media_type, strlen(layers[i].media_type));
        sc_buf_addf(out, ",\"digest\":\"%s\",\"size\":%lld}", layers[i].digest, (long long)layers[i].size);
    }
    sc_buf_adds(out, "]}");
    return sc_buf_check(out, err);
}

static int
check_layers(const char *config_json, size_t config_len, const struct sc_store_layer *layers, size_t count,
             struct sc_arena *arena, struct sc_err *err)
{
    struct sc_image image;

    if (sc_image_config_decode(config_json, config_len, arena, &image, err) < 0)
        return -1;
    if (image.diff_ids.count != count)
        return sc_err_set(err, SC_ERR_INVALID, "the image has %zu layers, its config says %zu", count,
                          image.diff_ids.count);
    for (size_t i = 0; i < count; i++) {
        if (!sc_digest_is_valid(layers[i].digest))
            return sc_err_set(err, SC_ERR_INVALID, "layer %zu has no valid digest", i);
        if (!sc_str_eq(layers[i].diff_id, image.diff_ids.items[i]))
            return sc_err_set(err, SC_ERR_INVALID, "layer %zu is %s, the config says %s", i, layers[i].diff_id,
                              image.diff_ids.items[i]);
    }
    return 0;
}

int
sc_image_commit(const struct sc_store *store, const char *config_json, size_t config_len,
                const struct sc_store_layer *layers, size_t count, const char *full_name, struct sc_arena *arena,
                char **image_id, struct sc_err *err)
{
    sc_cleanup_fd session = sc_store_session(store, err);
    char *config_digest = NULL, *manifest_digest = NULL;
    sc_cleanup_buf manifest = SC_BUF_INIT;
    int64_t config_size = 0;

    if (session < 0 || check_layers(config_json, config_len, layers, count, arena, err) < 0 ||
        sc_blob_put(store, config_json, config_len, NULL, arena, &config_digest, &config_size, err) < 0 ||
        manifest_text(config_digest, config_size, layers, count, &manifest, err) < 0 ||
        sc_blob_put(store, manifest.data, manifest.len, NULL, arena, &manifest_digest, NULL, err) < 0)
        return -1;
    return sc_image_commit_manifest(store, manifest_digest, full_name, arena, image_id, err);
}

void
sc_store_collect(const struct sc_store *store)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd lock = sc_store_lock(store, &ignored);
    sc_cleanup_marks marks = {.blobs = NULL};
    sc_cleanup_json index = NULL;

    if (lock >= 0 && sc_index_read(store, &index, &ignored) == 0 && sc_store_mark(store, index, &marks, &ignored) == 0)
        sc_store_sweep(store, &marks);
}
