/* Image manifests: whatever decodes has valid digests only, and lists of equal length. */
#include "image/image-priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_manifest manifest;

    if (sc_manifest_decode((const char *)data, size, &arena, &manifest, &err) < 0) {
        if (err.kind == SC_ERR_NONE || err.msg[0] == '\0')
            SC_BUG("an error without a word");
        return 0;
    }
    if (!sc_digest_is_valid(manifest.config_digest) || manifest.config_size < 0 || !manifest.media_type)
        SC_BUG("an incomplete config descriptor");
    if (manifest.layer_digests.count != manifest.layer_media_types.count ||
        manifest.layer_digests.count > SC_IMAGE_LAYERS_MAX)
        SC_BUG("lists of different length");
    for (size_t i = 0; i < manifest.layer_digests.count; i++) {
        char path[SC_BLOB_PATH_MAX];

        if (manifest.layer_sizes[i] < 0)
            SC_BUG("a negative size");
        sc_blob_path(manifest.layer_digests.items[i], path);
    }
    return 0;
}
