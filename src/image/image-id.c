/* The id of an image: its config's digest, which its manifest says. */
#include "image/image-priv.h"

int
sc_image_manifest(const struct sc_store *store, const json_t *descriptor, struct sc_arena *arena,
                  struct sc_manifest *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_store_read_blob(store, sc_index_digest(descriptor), "an image manifest", &text, err) < 0)
        return -1;
    return sc_manifest_decode(sc_buf_str(&text), text.len, arena, out, err);
}

bool
sc_image_is_damaged(const struct sc_err *err)
{
    return err->kind == SC_ERR_INVALID || err->kind == SC_ERR_NOT_FOUND || err->kind == SC_ERR_UNSUPPORTED;
}

int
sc_image_id_of(const struct sc_store *store, const json_t *descriptor, struct sc_arena *arena, char **id,
               struct sc_err *err)
{
    struct sc_err why = SC_ERR_INIT;
    struct sc_manifest manifest;

    *id = NULL;
    if (sc_image_manifest(store, descriptor, arena, &manifest, &why) == 0) {
        *id = manifest.config_digest;
        return 0;
    }
    if (sc_image_is_damaged(&why))
        return 0;
    *err = why;
    return -1;
}
