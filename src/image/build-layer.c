/* The layers of what is built, as sc and sc-transfer tell each other of them. */
#include <string.h>

#include "image/build.h"
#include "image/image-priv.h"

json_t *
sc_built_layer_json(const struct sc_built_layer *layer)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "digest", layer->digest, "diffId", layer->diff_id, "mediaType",
                     layer->media_type, "chain", layer->chain, "size", (json_int_t)layer->size, "bytes",
                     (json_int_t)layer->bytes);
}

json_t *
sc_built_layers_json(const struct sc_built_layers *layers)
{
    json_t *out = json_array();

    for (size_t i = 0; i < layers->count; i++) {
        if (json_array_append_new(out, sc_built_layer_json(&layers->items[i])) < 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

int
sc_built_layer_read(const json_t *json, struct sc_arena *arena, struct sc_built_layer *out, struct sc_err *err)
{
    const char *digest = json_string_value(json_object_get(json, "digest"));
    const char *diff_id = json_string_value(json_object_get(json, "diffId"));
    const char *chain = json_string_value(json_object_get(json, "chain"));
    const char *media_type = json_string_value(json_object_get(json, "mediaType"));

    /* Digests become names of files. */
    if (!digest || !diff_id || !chain || !media_type || !sc_digest_is_valid(digest) || !sc_digest_is_valid(diff_id) ||
        strlen(chain) != SC_DIGEST_HEX_LEN || !sc_hex_is_valid(chain, SC_DIGEST_HEX_LEN))
        return sc_err_set(err, SC_ERR_INVALID, "a layer without a valid digest");
    *out = (struct sc_built_layer){.digest = sc_arena_strdup(arena, digest),
                                   .diff_id = sc_arena_strdup(arena, diff_id),
                                   .media_type = sc_arena_strdup(arena, media_type),
                                   .chain = sc_arena_strdup(arena, chain),
                                   .size = json_integer_value(json_object_get(json, "size")),
                                   .bytes = json_integer_value(json_object_get(json, "bytes"))};
    return sc_arena_check(arena, err);
}

int
sc_built_layers_read(const json_t *json, struct sc_arena *arena, struct sc_built_layers *out, struct sc_err *err)
{
    *out = (struct sc_built_layers){.items = SC_ARENA_ARRAY(arena, struct sc_built_layer, json_array_size(json) + 1)};
    if (!out->items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (sc_built_layer_read(json_array_get(json, i), arena, &out->items[out->count++], err) < 0)
            return -1;
    }
    return 0;
}

int
sc_built_layers_add(struct sc_built_layers *layers, const struct sc_built_layer *layer, struct sc_arena *arena,
                    struct sc_err *err)
{
    struct sc_built_layer *items;

    if (!layer)
        return 0;
    /* A list of its own: stages that begin with the same one go on differently. */
    items = SC_ARENA_ARRAY(arena, struct sc_built_layer, layers->count + 1);
    if (!items)
        return sc_err_nomem(err);
    if (layers->count > 0)
        memcpy(items, layers->items, layers->count * sizeof(*items));
    items[layers->count++] = *layer;
    layers->items = items;
    return 0;
}

int
sc_image_document(const struct sc_store *store, const struct sc_image *image, struct sc_arena *arena,
                  struct sc_built_layers *layers, json_t **config, struct sc_err *err)
{
    sc_cleanup_buf manifest_text = SC_BUF_INIT, config_text = SC_BUF_INIT;
    struct sc_manifest manifest;
    const size_t count = image->diff_ids.count;

    if (sc_store_read_blob(store, image->manifest_digest, "the image manifest", &manifest_text, err) < 0 ||
        sc_manifest_decode(sc_buf_str(&manifest_text), manifest_text.len, arena, &manifest, err) < 0 ||
        sc_store_read_blob(store, image->id, "the image config", &config_text, err) < 0)
        return -1;
    if (manifest.layer_digests.count != count || image->chain_ids.count != count)
        return sc_err_set(err, SC_ERR_INVALID, "the manifest has %zu layers, the config %zu",
                          manifest.layer_digests.count, count);
    *layers =
        (struct sc_built_layers){.items = SC_ARENA_ARRAY(arena, struct sc_built_layer, count + 1), .count = count};
    if (!layers->items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < count; i++)
        layers->items[i] = (struct sc_built_layer){.digest = manifest.layer_digests.items[i],
                                                   .diff_id = image->diff_ids.items[i],
                                                   .media_type = manifest.layer_media_types.items[i],
                                                   .chain = image->chain_ids.items[i],
                                                   .size = manifest.layer_sizes[i],
                                                   .bytes = image->layer_sizes ? image->layer_sizes[i] : 0};
    return sc_json_parse(sc_buf_str(&config_text), config_text.len, "the image config", config, err);
}
