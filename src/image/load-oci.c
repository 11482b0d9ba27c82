/* OCI layouts (image-spec, image-layout.md), as a directory or in a tar. */
#include <stdio.h>
#include <string.h>

#include "image/transfer-priv.h"

#define CONTAINERD_NAME "io.containerd.image.name"
#define INDEX_DEPTH_MAX 4

static bool
is_index(const char *media_type)
{
    return sc_str_eq(media_type, SC_MEDIA_INDEX) || sc_str_eq(media_type, SC_MEDIA_DOCKER_LIST);
}

static int
blob_path(const json_t *descriptor, char path[SC_BLOB_PATH_MAX], const char **digest, struct sc_err *err)
{
    *digest = json_string_value(json_object_get(descriptor, "digest"));
    if (!sc_digest_is_valid(*digest))
        return sc_err_set(err, SC_ERR_INVALID, "digest: must be \"sha256:\" and 64 hexadecimal digits");
    sc_blob_path(*digest, path);
    return 0;
}

/* A JSON blob of the layout, verified. */
static int
read_json_blob(const struct sc_source *source, const json_t *descriptor, struct sc_buf *out, const char **digest,
               struct sc_err *err)
{
    char path[SC_BLOB_PATH_MAX], actual[SC_DIGEST_LEN + 1];

    if (blob_path(descriptor, path, digest, err) < 0 || sc_source_text(source, path, out, err) < 0 ||
        sc_hash_text(sc_buf_str(out), out->len, actual, err) < 0)
        return -1;
    if (strcmp(actual, *digest) != 0) {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\" has the wrong digest: its content is %s", path, actual);
        return sc_err_remedy(err, "the archive is damaged or was changed: get it again");
    }
    return 0;
}

/* 2: of the platform that is wanted or not said, 1: this machine can run it, 0: another platform's. */
static int
rank(const struct sc_source *source, const json_t *descriptor)
{
    const json_t *platform = json_object_get(descriptor, "platform");
    const char *os = json_string_value(json_object_get(platform, "os"));
    const char *arch = json_string_value(json_object_get(platform, "architecture"));

    if (!source->platform)
        return sc_platform_rank(os, arch);
    if (!platform)
        return 1; /* its config will say it */
    return sc_load_is_wanted(source, os, arch, json_string_value(json_object_get(platform, "variant"))) ? 2 : 0;
}

/* What the config says, where the descriptor may not have said it. */
static int
read_wanted(const struct sc_source *source, const struct sc_manifest *manifest, bool *is_wanted, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    char path[SC_BLOB_PATH_MAX];
    struct sc_image image;

    *is_wanted = true;
    if (!source->platform)
        return 0;
    sc_blob_path(manifest->config_digest, path);
    if (sc_source_text(source, path, &text, err) < 0 ||
        sc_image_config_decode(sc_buf_str(&text), text.len, source->arena, &image, err) < 0)
        return -1;
    *is_wanted = sc_load_is_wanted(source, image.os, image.architecture, image.variant);
    return 0;
}

static int
take_blob(const struct sc_source *source, const char *digest, int64_t expected_size, struct sc_err *err)
{
    char path[SC_BLOB_PATH_MAX], *actual;
    int64_t size;

    sc_blob_path(digest, path);
    if (sc_source_blob(source, path, digest, &actual, &size, err) < 0)
        return -1;
    if (size != expected_size)
        return sc_err_set(err, SC_ERR_INVALID, "blob %s has %lld bytes, the manifest says %lld", digest,
                          (long long)size, (long long)expected_size);
    return 0;
}

/* The name that a descriptor of index.json asks for, in full; NULL: none. */
static int
asked_name(const json_t *descriptor, struct sc_arena *arena, char **full, char **shown, struct sc_err *err)
{
    const json_t *annotations = json_object_get(descriptor, "annotations");
    const char *text = json_string_value(json_object_get(annotations, CONTAINERD_NAME));
    struct sc_reference ref;

    *full = *shown = NULL;
    if (!text)
        text = json_string_value(json_object_get(annotations, SC_ANNOTATION_REF));
    if (!text)
        return 0;
    if (sc_reference_parse(text, arena, &ref, err) < 0)
        return -1;
    *full = sc_reference_full(&ref, arena);
    *shown = sc_reference_shown(&ref, arena);
    return sc_arena_check(arena, err);
}

static int
load_manifest(const struct sc_source *source, const json_t *descriptor, const char *full, char *shown,
              struct sc_strv *names, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_manifest manifest;
    const char *digest;
    char *id = NULL;
    bool is_wanted;

    if (read_json_blob(source, descriptor, &text, &digest, err) < 0 ||
        sc_manifest_decode(sc_buf_str(&text), text.len, source->arena, &manifest, err) < 0 ||
        sc_manifest_check_layers(&manifest, err) < 0 || read_wanted(source, &manifest, &is_wanted, err) < 0)
        return -1;
    if (!is_wanted)
        return 0;
    if (take_blob(source, manifest.config_digest, manifest.config_size, err) < 0)
        return -1;
    for (size_t i = 0; i < manifest.layer_digests.count; i++) {
        if (take_blob(source, manifest.layer_digests.items[i], manifest.layer_sizes[i], err) < 0)
            return -1;
    }
    if (sc_blob_put(source->store, text.data, text.len, digest, source->arena, NULL, NULL, err) < 0 ||
        sc_image_commit_manifest(source->store, digest, full, source->arena, &id, err) < 0)
        return -1;
    sc_strv_add(names, source->arena, shown ? shown : id);
    return sc_arena_check(source->arena, err);
}

/* What is there instead of an image for this machine. */
static int
none_fits(const json_t *list, struct sc_err *err)
{
    sc_cleanup_buf has = SC_BUF_INIT;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *platform = json_object_get(json_array_get(list, i), "platform");
        const char *os = json_string_value(json_object_get(platform, "os"));
        const char *arch = json_string_value(json_object_get(platform, "architecture"));
        const char *variant = json_string_value(json_object_get(platform, "variant"));

        if (os && arch && strcmp(os, "unknown") != 0)
            sc_buf_addf(&has, " %.40s/%.40s%s%.40s", os, arch, variant ? "/" : "", variant ? variant : "");
    }
    sc_err_set(err, SC_ERR_UNSUPPORTED, "none of the %zu images of the index is for this machine",
               json_array_size(list));
    return has.len > 0 ? sc_err_remedy(err, "choose with --platform of:%.300s", sc_buf_str(&has)) : -1;
}

/* The one manifest of an index that fits best, however deep it is. */
static int
load_descriptor(const struct sc_source *source, const json_t *descriptor, int depth, const char *full, char *shown,
                struct sc_strv *names, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json index = NULL;
    const json_t *list, *best = NULL;
    const char *digest;
    int best_rank = 0;

    if (!is_index(json_string_value(json_object_get(descriptor, "mediaType"))))
        return load_manifest(source, descriptor, full, shown, names, err);
    if (depth >= INDEX_DEPTH_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "indexes are nested deeper than %d", INDEX_DEPTH_MAX);
    if (read_json_blob(source, descriptor, &text, &digest, err) < 0 ||
        sc_json_parse(sc_buf_str(&text), text.len, "image index", &index, err) < 0)
        return -1;
    list = json_object_get(index, "manifests");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);

        if (rank(source, item) > best_rank) {
            best = item;
            best_rank = rank(source, item);
        }
    }
    if (!best)
        return source->platform ? 0 : none_fits(list, err);
    return load_descriptor(source, best, depth + 1, full, shown, names, err);
}

int
sc_load_oci(const struct sc_source *source, struct sc_strv *names, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json index = NULL;
    bool has_ours = false;
    const json_t *list;

    if (sc_source_text(source, "index.json", &text, err) < 0 ||
        sc_json_parse(sc_buf_str(&text), text.len, "index.json", &index, err) < 0)
        return -1;
    list = json_object_get(index, "manifests");
    if (!json_is_array(list) || json_array_size(list) == 0)
        return sc_err_set(err, SC_ERR_INVALID, "index.json: has no manifests");
    for (size_t i = 0; i < json_array_size(list); i++)
        has_ours = has_ours || rank(source, json_array_get(list, i)) > 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        char *full, *shown;

        /* Beside images for this machine, those for others (and attestations, "unknown") are passed over. */
        if ((has_ours || source->platform) && rank(source, item) == 0)
            continue;
        if (asked_name(item, source->arena, &full, &shown, err) < 0 ||
            load_descriptor(source, item, 0, full, shown, names, err) < 0)
            return sc_err_wrap(err, "index.json: manifests[%zu]", i);
    }
    return 0;
}
