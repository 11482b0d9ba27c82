/* docker-archive, as `docker load`, `podman load` and skopeo take it. Layers go in uncompressed, under their diff ids.
 */
#include <string.h>

#include "image/save-priv.h"

/* The layer's uncompressed bytes go to out, or (out NULL) are only counted and verified. */
static int
pour_layer(const struct sc_store *store, const char *digest, const char *diff_id, struct sc_save_out *out,
           uint64_t *size, struct sc_err *err)
{
    sc_cleanup_fd blob = sc_blob_open(store, digest, err);
    sc_cleanup_stream stream = NULL;
    sc_cleanup_hash hash = SC_HASH_INIT;
    char chunk[65536], actual[SC_DIGEST_LEN + 1];
    ssize_t got;

    *size = 0;
    if (blob < 0 || sc_stream_open(store->jail, blob, &sc_limits_default, &stream, err) < 0 ||
        sc_hash_start(&hash, err) < 0)
        return -1;
    while ((got = sc_stream_read(stream, chunk, sizeof(chunk), err)) > 0) {
        *size += (uint64_t)got;
        if (sc_hash_add(&hash, chunk, (size_t)got, err) < 0 || (out && sc_save_data(out, chunk, (size_t)got, err) < 0))
            return -1;
    }
    if (got < 0 || sc_hash_end(&hash, actual, err) < 0)
        return -1;
    if (strcmp(actual, diff_id) != 0)
        return sc_err_set(err, SC_ERR_INVALID, "layer %s is damaged: its content is %s, the image says %s", digest,
                          actual, diff_id);
    return 0;
}

static int
save_layer(const struct sc_store *store, const char *digest, const char *diff_id, const char *name,
           struct sc_save_out *out, struct sc_err *err)
{
    uint64_t size = 0, poured;

    /* A tar says the size of a file before its content: a compressed layer is read twice. */
    if (strcmp(digest, diff_id) != 0) {
        if (pour_layer(store, digest, diff_id, NULL, &size, err) < 0)
            return -1;
    } else {
        int64_t stored;

        if (sc_blob_size(store, digest, &stored, err) < 0)
            return -1;
        size = (uint64_t)stored;
    }
    if (sc_save_begin_file(out, name, size, err) < 0)
        return -1;
    return pour_layer(store, digest, diff_id, out, &poured, err);
}

/* Every layer of every image once; adds their names to each image's "Layers". */
static int
save_layers(const struct sc_store *store, const struct sc_save_image *image, json_t *seen, json_t *names,
            struct sc_save_out *out, struct sc_err *err)
{
    for (size_t i = 0; i < image->image.diff_ids.count; i++) {
        const char *diff_id = image->image.diff_ids.items[i];
        sc_cleanup_json name = json_sprintf("%s.tar", sc_digest_hex(diff_id));

        if (!name || json_array_append(names, name) < 0)
            return sc_err_nomem(err);
        if (json_object_get(seen, diff_id))
            continue;
        if (json_object_set_new(seen, diff_id, json_true()) < 0)
            return sc_err_nomem(err);
        if (save_layer(store, image->image.layer_digests.items[i], diff_id, json_string_value(name), out, err) < 0)
            return -1;
    }
    return 0;
}

/* Names as `docker images` shows them; in `repositories` each points to the image's top layer. */
static int
save_names(const struct sc_save_image *image, struct sc_arena *arena, json_t *tags, json_t *repositories,
           struct sc_err *err)
{
    size_t layers = image->image.diff_ids.count;

    for (size_t i = 0; i < image->names.count; i++) {
        struct sc_reference ref;
        const char *familiar;
        json_t *of_name;

        if (sc_reference_parse(image->names.items[i], arena, &ref, err) < 0)
            return -1;
        familiar = sc_reference_familiar(&ref, arena);
        if (!familiar)
            return sc_err_nomem(err);
        if (!ref.tag)
            continue;
        if (json_array_append_new(tags, json_sprintf("%s:%s", familiar, ref.tag)) < 0)
            return sc_err_nomem(err);
        of_name = json_object_get(repositories, familiar);
        if (!of_name) {
            of_name = json_object();
            if (json_object_set_new(repositories, familiar, of_name) < 0)
                return sc_err_nomem(err);
        }
        if (layers > 0 && json_object_set_new(of_name, ref.tag,
                                              json_string(sc_digest_hex(image->image.diff_ids.items[layers - 1]))) < 0)
            return sc_err_nomem(err);
    }
    return 0;
}

static int
save_image(const struct sc_store *store, const struct sc_save_image *image, struct sc_arena *arena, json_t *seen,
           json_t *manifest, json_t *repositories, struct sc_save_out *out, struct sc_err *err)
{
    sc_cleanup_json tags = json_array();
    sc_cleanup_json layers = json_array();
    sc_cleanup_json item = NULL;
    sc_cleanup_buf config = SC_BUF_INIT;
    const char *name = sc_arena_printf(arena, "%s.json", sc_digest_hex(image->image.id));

    if (!tags || !layers || !name)
        return sc_err_nomem(err);
    if (save_layers(store, image, seen, layers, out, err) < 0 || save_names(image, arena, tags, repositories, err) < 0)
        return -1;
    if (!json_object_get(seen, name)) {
        if (json_object_set_new(seen, name, json_true()) < 0)
            return sc_err_nomem(err);
        if (sc_store_read_blob(store, image->image.id, "the image config", &config, err) < 0 ||
            sc_save_text(out, name, &config, err) < 0)
            return -1;
    }
    item = json_pack("{s:s, s:O, s:O}", "Config", name, "RepoTags", tags, "Layers", layers);
    return item && json_array_append(manifest, item) == 0 ? 0 : sc_err_nomem(err);
}

int
sc_save_docker(const struct sc_store *store, const struct sc_save_list *list, struct sc_arena *arena,
               struct sc_save_out *out, struct sc_err *err)
{
    sc_cleanup_json seen = json_object();
    sc_cleanup_json manifest = json_array();
    sc_cleanup_json repositories = json_object();
    sc_cleanup_buf manifest_text = SC_BUF_INIT, repositories_text = SC_BUF_INIT;

    if (!seen || !manifest || !repositories)
        return sc_err_nomem(err);
    for (size_t i = 0; i < list->count; i++) {
        if (save_image(store, &list->items[i], arena, seen, manifest, repositories, out, err) < 0)
            return -1;
    }
    if (sc_json_dump(manifest, &manifest_text, err) < 0 ||
        sc_save_text(out, "manifest.json", &manifest_text, err) < 0 ||
        sc_json_dump(repositories, &repositories_text, err) < 0)
        return -1;
    return sc_save_text(out, "repositories", &repositories_text, err);
}
