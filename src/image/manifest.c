/* Image manifests: OCI's (image-spec, manifest.md) and Docker's schema 2, which differ in media types only. */
#include <string.h>

#include "image/image-priv.h"

static int
descriptor_decode(const json_t *item, const char *where, struct sc_arena *arena, char **digest, char **media_type,
                  int64_t *size, struct sc_err *err)
{
    int64_t bytes = -1;

    *digest = *media_type = NULL;
    if (!json_is_object(item))
        return sc_err_set(err, SC_ERR_INVALID, "%s: must be an object", where);
    if (sc_json_get_str(item, "digest", where, arena, digest, err) < 0 ||
        sc_json_get_str(item, "mediaType", where, arena, media_type, err) < 0 ||
        sc_json_get_i64(item, "size", where, &bytes, err) < 0)
        return -1;
    if (!sc_digest_is_valid(*digest))
        return sc_err_set(err, SC_ERR_INVALID, "%s.digest: must be \"sha256:\" and 64 hexadecimal digits", where);
    if (!*media_type || !**media_type)
        return sc_err_set(err, SC_ERR_INVALID, "%s.mediaType: is missing", where);
    if (bytes < 0)
        return sc_err_set(err, SC_ERR_INVALID, "%s.size: must be a number of bytes", where);
    *size = bytes;
    return 0;
}

static int
manifest_check_kind(const json_t *root, struct sc_manifest *out, struct sc_err *err)
{
    int64_t version = 0;

    if (sc_json_get_i64(root, "schemaVersion", "", &version, err) < 0)
        return -1;
    if (version == 1)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "schemaVersion: 1 is Docker's format of before 2016");
    if (version != 2)
        return sc_err_set(err, SC_ERR_INVALID, "schemaVersion: must be 2");
    if (out->media_type && strcmp(out->media_type, SC_MEDIA_MANIFEST) != 0 &&
        strcmp(out->media_type, SC_MEDIA_DOCKER) != 0)
        return sc_err_set(err, SC_ERR_INVALID, "mediaType: \"%.200s\" is no image manifest", out->media_type);
    /* One of these beside the other's content is how a document is made to be read in two ways (CVE-2021-41190). */
    if (json_object_get(root, "manifests"))
        return sc_err_set(err, SC_ERR_INVALID, "manifests: an image manifest must not also be an index");
    return 0;
}

static int
manifest_decode_layers(const json_t *root, struct sc_arena *arena, struct sc_manifest *out, struct sc_err *err)
{
    json_t *layers = NULL;
    size_t count;

    if (sc_json_get_arr(root, "layers", "", &layers, err) < 0)
        return -1;
    if (!layers)
        return sc_err_set(err, SC_ERR_INVALID, "layers: is missing");
    count = json_array_size(layers);
    if (count > SC_IMAGE_LAYERS_MAX)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "layers: %zu are more than the %d that overlay can stack", count,
                          SC_IMAGE_LAYERS_MAX);
    out->layer_sizes = SC_ARENA_ARRAY(arena, int64_t, count ? count : 1);
    if (!out->layer_sizes)
        return sc_err_nomem(err);
    for (size_t i = 0; i < count; i++) {
        char where[32], *digest, *media_type;

        (void)snprintf(where, sizeof(where), "layers[%zu]", i);
        if (descriptor_decode(json_array_get(layers, i), where, arena, &digest, &media_type, &out->layer_sizes[i],
                              err) < 0)
            return -1;
        sc_strv_add(&out->layer_digests, arena, digest);
        sc_strv_add(&out->layer_media_types, arena, media_type);
    }
    return sc_arena_check(arena, err);
}

int
sc_manifest_decode(const char *text, size_t len, struct sc_arena *arena, struct sc_manifest *out, struct sc_err *err)
{
    struct sc_manifest manifest = {.media_type = NULL};
    sc_cleanup_json root = NULL;
    json_t *config = NULL;

    if (sc_json_parse(text, len, "image manifest", &root, err) < 0)
        return -1;
    if (!json_is_object(root))
        return sc_err_set(err, SC_ERR_INVALID, "image manifest: must be an object");
    if (sc_json_get_str(root, "mediaType", "", arena, &manifest.media_type, err) < 0 ||
        manifest_check_kind(root, &manifest, err) < 0 || sc_json_get_obj(root, "config", "", &config, err) < 0)
        return sc_err_wrap(err, "image manifest");
    if (!config)
        return sc_err_set(err, SC_ERR_INVALID, "image manifest: config: is missing");
    if (descriptor_decode(config, "config", arena, &manifest.config_digest, &manifest.config_media_type,
                          &manifest.config_size, err) < 0 ||
        manifest_decode_layers(root, arena, &manifest, err) < 0)
        return sc_err_wrap(err, "image manifest");
    if (!manifest.media_type) /* optional in OCI: the descriptor that led here says it as well */
        manifest.media_type = sc_arena_strdup(arena, SC_MEDIA_MANIFEST);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    *out = manifest;
    return 0;
}

int
sc_manifest_check_layers(const struct sc_manifest *manifest, struct sc_err *err)
{
    static const char *const known[] = {
        SC_MEDIA_LAYER,
        SC_MEDIA_LAYER_GZIP,
        SC_MEDIA_LAYER_ZSTD,
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    };

    for (size_t i = 0; i < manifest->layer_media_types.count; i++) {
        bool is_known = false;

        for (size_t k = 0; k < SC_ARRAY_LEN(known); k++)
            is_known = is_known || strcmp(known[k], manifest->layer_media_types.items[i]) == 0;
        if (!is_known)
            return sc_err_set(err, SC_ERR_UNSUPPORTED, "layer %zu is of the unknown type \"%.200s\"", i,
                              manifest->layer_media_types.items[i]);
    }
    return 0;
}
