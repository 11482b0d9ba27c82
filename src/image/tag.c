/* Names of images: giving and taking them. */
#include <string.h>

#include "image/image-priv.h"

static int
tag_locked(const struct sc_store *store, const char *source, const char *full_name, struct sc_arena *arena,
           struct sc_err *err)
{
    sc_cleanup_json index = NULL;
    struct sc_index_item item = {.size = 0};
    struct sc_image_match match;
    const json_t *descriptor;
    struct sc_image image;

    if (sc_index_read(store, &index, err) < 0 || sc_image_match(store, index, source, arena, &match, err) < 0)
        return -1;
    descriptor = json_array_get(sc_index_manifests(index), match.at[0]);
    if (sc_image_read(store, descriptor, false, arena, &image, err) < 0)
        return -1;
    item.media_type = sc_arena_strdup(arena, json_string_value(json_object_get(descriptor, "mediaType")));
    if (!item.media_type)
        item.media_type = SC_MEDIA_MANIFEST;
    item.size = json_integer_value(json_object_get(descriptor, "size"));
    item.digest = image.manifest_digest;
    item.image_id = image.id;
    if (sc_index_put(store, index, &item, full_name, arena, err) < 0)
        return -1;
    return sc_index_write(store, index, err);
}

int
sc_image_tag(const struct sc_store *store, const char *source, const char *target, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_reference ref;
    sc_cleanup_fd lock = -1;
    char *full_name;

    if (sc_reference_parse(target, &arena, &ref, err) < 0)
        return -1;
    if (ref.digest) {
        sc_err_set(err, SC_ERR_INVALID, "tag \"%s\" as \"%.300s\": a name cannot have a digest", source, target);
        return sc_err_remedy(err, "leave out what follows the '@'");
    }
    full_name = sc_reference_full(&ref, &arena);
    if (!full_name)
        return sc_err_nomem(err);
    /* "sha256:0123..": whoever reads it takes it for an id */
    if (strcmp(sc_reference_familiar(&ref, &arena), "sha256") == 0) {
        sc_err_set(err, SC_ERR_INVALID, "tag \"%s\" as \"%.300s\": that is how digests are written", source, target);
        return sc_err_remedy(err, "choose another name than \"sha256\"");
    }
    lock = sc_store_lock(store, err);
    if (lock < 0 || tag_locked(store, source, full_name, &arena, err) < 0)
        return sc_err_wrap(err, "tag \"%s\" as \"%s\"", source, target);
    return 0;
}
