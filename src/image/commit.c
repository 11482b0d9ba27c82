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

struct commit {
    const struct sc_store *store;
    struct sc_arena *arena;
    struct sc_manifest manifest;
    struct sc_image image;
    int64_t *file_bytes; /* of each layer */
};

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

static int
commit_sidecar(const struct commit *commit, struct sc_err *err)
{
    char path[sizeof("sc-chain/") + SC_DIGEST_HEX_LEN];
    sc_cleanup_buf text = SC_BUF_INIT;

    for (size_t i = 0; i < commit->image.chain_ids.count; i++)
        sc_buf_addf(&text, "%s %lld\n", commit->image.chain_ids.items[i], (long long)commit->file_bytes[i]);
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

int
sc_image_commit_manifest(const struct sc_store *store, const char *manifest_digest, const char *full_name,
                         struct sc_arena *arena, char **image_id, struct sc_err *err)
{
    struct commit commit = {.store = store, .arena = arena};
    /* Nobody sweeps while this is held; the caller holds one of its own since its first blob. */
    sc_cleanup_fd session = sc_store_session(store, err);
    int64_t size = 0;

    if (session < 0 || commit_decode(&commit, manifest_digest, err) < 0 ||
        sc_blob_size(store, manifest_digest, &size, err) < 0 ||
        sc_layers_commit(store, &commit.manifest, &commit.image, arena, &commit.file_bytes, err) < 0 ||
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
