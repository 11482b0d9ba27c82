/*
 * docker-archive: manifest.json lists images, each with a config, names, and layers as tars (`docker save`,
 * `podman save`, and the hybrid with an OCI layout that Docker 25 writes).
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "image/transfer-priv.h"

/* "<hex>.json" and "blobs/sha256/<hex>" promise their digest; other names do not. */
static const char *
config_digest(const char *name, struct sc_arena *arena)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;

    if (strlen(base) < SC_DIGEST_HEX_LEN || !sc_hex_is_valid(base, SC_DIGEST_HEX_LEN) ||
        (base[SC_DIGEST_HEX_LEN] != '\0' && strcmp(base + SC_DIGEST_HEX_LEN, ".json") != 0))
        return NULL;
    return sc_arena_printf(arena, "sha256:%.*s", SC_DIGEST_HEX_LEN, base);
}

static int
layer_media_type(const struct sc_store *store, struct sc_store_layer *layer, struct sc_err *err)
{
    sc_cleanup_fd fd = sc_blob_open(store, layer->digest, err);
    char magic[8];
    ssize_t got;

    if (fd < 0)
        return -1;
    got = pread(fd, magic, sizeof(magic), 0);
    switch (sc_compression_of(magic, got > 0 ? (size_t)got : 0)) {
    case SC_COMPRESSION_NONE:
        layer->media_type = (char *)(uintptr_t)SC_MEDIA_LAYER;
        return 0;
    case SC_COMPRESSION_GZIP:
        layer->media_type = (char *)(uintptr_t)SC_MEDIA_LAYER_GZIP;
        return 0;
    case SC_COMPRESSION_ZSTD:
        layer->media_type = (char *)(uintptr_t)SC_MEDIA_LAYER_ZSTD;
        return 0;
    default:
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "layer %s is compressed with neither gzip nor zstd", layer->digest);
    }
}

static int
load_layers(const struct sc_source *source, const struct sc_strv *paths, const struct sc_strv *diff_ids,
            struct sc_store_layer *layers, struct sc_err *err)
{
    if (paths->count != diff_ids->count)
        return sc_err_set(err, SC_ERR_INVALID, "manifest.json has %zu layers, the config %zu", paths->count,
                          diff_ids->count);
    for (size_t i = 0; i < paths->count; i++) {
        layers[i].diff_id = diff_ids->items[i];
        if (sc_source_blob(source, paths->items[i], NULL, &layers[i].digest, &layers[i].size, err) < 0 ||
            layer_media_type(source->store, &layers[i], err) < 0)
            return sc_err_wrap(err, "layer %zu", i);
    }
    return 0;
}

/* Commits under the first name and tags the others; names gets what Docker would print. */
static int
commit_named(const struct sc_source *source, const struct sc_buf *config, const struct sc_store_layer *layers,
             size_t count, const struct sc_strv *tags, struct sc_strv *names, struct sc_err *err)
{
    const struct sc_store *store = source->store;
    struct sc_arena *arena = source->arena;
    struct sc_strv full = {.items = NULL}, shown = {.items = NULL};
    char *id = NULL;

    for (size_t i = 0; i < tags->count; i++) {
        struct sc_reference ref;

        if (sc_reference_parse(tags->items[i], arena, &ref, err) < 0)
            return -1;
        sc_strv_add(&full, arena, sc_reference_full(&ref, arena));
        sc_strv_add(&shown, arena, sc_reference_shown(&ref, arena));
    }
    if (sc_arena_check(arena, err) < 0 || sc_image_commit(store, sc_buf_str(config), config->len, layers, count,
                                                          full.count ? full.items[0] : NULL, arena, &id, err) < 0)
        return -1;
    for (size_t i = 0; i < full.count; i++) {
        if (i > 0 && sc_image_tag(store, id, full.items[i], err) < 0)
            return -1;
        sc_strv_add(names, arena, shown.items[i]);
    }
    if (full.count == 0)
        sc_strv_add(names, arena, id);
    return sc_arena_check(arena, err);
}

static int
load_image(const struct sc_source *source, const json_t *item, struct sc_strv *names, struct sc_err *err)
{
    struct sc_strv tags = {.items = NULL}, paths = {.items = NULL};
    sc_cleanup_buf config = SC_BUF_INIT;
    struct sc_store_layer *layers;
    struct sc_image image;
    const char *expected;
    char *path = NULL;

    if (!json_is_object(item))
        return sc_err_set(err, SC_ERR_INVALID, "must be an object");
    if (sc_json_get_str(item, "Config", "", source->arena, &path, err) < 0 ||
        sc_json_get_strv(item, "RepoTags", "", source->arena, &tags, err) < 0 ||
        sc_json_get_strv(item, "Layers", "", source->arena, &paths, err) < 0)
        return -1;
    if (!path)
        return sc_err_set(err, SC_ERR_INVALID, "Config: is missing");
    if (sc_source_text(source, path, &config, err) < 0)
        return sc_err_wrap(err, "image config");
    expected = config_digest(path, source->arena);
    if (expected &&
        sc_blob_put(source->store, sc_buf_str(&config), config.len, expected, source->arena, NULL, NULL, err) < 0)
        return sc_err_wrap(err, "image config");
    if (sc_image_config_decode(sc_buf_str(&config), config.len, source->arena, &image, err) < 0)
        return -1;
    if (!sc_load_is_wanted(source, image.os, image.architecture, image.variant))
        return 0;
    layers = SC_ARENA_ARRAY(source->arena, struct sc_store_layer, paths.count + 1);
    if (!layers)
        return sc_err_nomem(err);
    if (load_layers(source, &paths, &image.diff_ids, layers, err) < 0)
        return -1;
    return commit_named(source, &config, layers, paths.count, &tags, names, err);
}

int
sc_load_docker(const struct sc_source *source, struct sc_strv *names, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json list = NULL;

    if (sc_source_text(source, "manifest.json", &text, err) < 0 ||
        sc_json_parse(sc_buf_str(&text), text.len, "manifest.json", &list, err) < 0)
        return -1;
    if (json_object_get(list, "schemaVersion")) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "this is a directory of blobs as skopeo's \"dir:\" makes it, with no name");
        return sc_err_remedy(err, "make a layout of it: skopeo copy dir:DIR oci:LAYOUT:NAME");
    }
    if (!json_is_array(list) || json_array_size(list) == 0)
        return sc_err_set(err, SC_ERR_INVALID, "manifest.json: must be a list of images");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (load_image(source, json_array_get(list, i), names, err) < 0)
            return sc_err_wrap(err, "manifest.json[%zu]", i);
    }
    return 0;
}
