/* An image enters the index, under a name or without: who had that name keeps its image only as long as nothing else
 * leads to it. */
#include <string.h>

#include "image/image-priv.h"

/* Whether a descriptor other than `except` leads to this image. */
static int
has_image(const struct sc_store *store, const json_t *index, size_t except, const char *id, struct sc_arena *arena,
          bool *has, struct sc_err *err)
{
    json_t *manifests = sc_index_manifests(index);

    *has = false;
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        char *other;

        if (i == except || sc_index_is_held(json_array_get(manifests, i)))
            continue;
        if (sc_image_id_of(store, json_array_get(manifests, i), arena, &other, err) < 0)
            return -1;
        *has = *has || sc_str_eq(other, id);
    }
    return 0;
}

/* Takes full_name away from the image at `at`, which stays where nothing else leads to it. */
static int
release_name(const struct sc_store *store, json_t *index, size_t at, const char *new_id, struct sc_arena *arena,
             struct sc_err *err)
{
    bool is_elsewhere = false;
    char *old_id;

    if (sc_image_id_of(store, json_array_get(sc_index_manifests(index), at), arena, &old_id, err) < 0)
        return -1;
    if (old_id && strcmp(old_id, new_id) != 0 && has_image(store, index, at, old_id, arena, &is_elsewhere, err) < 0)
        return -1;
    return sc_index_drop(
        index, at, old_id && strcmp(old_id, new_id) != 0 && !is_elsewhere ? SC_INDEX_NAMELESS : SC_INDEX_GONE, err);
}

static int
index_append(json_t *index, const struct sc_index_item *item, const char *full_name, struct sc_err *err)
{
    sc_cleanup_json descriptor = json_pack("{s:s, s:s, s:I}", "mediaType", item->media_type, "digest", item->digest,
                                           "size", (json_int_t)item->size);

    if (!descriptor)
        return sc_err_nomem(err);
    if (full_name &&
        json_object_set_new(descriptor, "annotations", json_pack("{s:s}", SC_ANNOTATION_REF, full_name)) < 0)
        return sc_err_nomem(err);
    return json_array_append(sc_index_manifests(index), descriptor) < 0 ? sc_err_nomem(err) : 0;
}

int
sc_index_put(const struct sc_store *store, json_t *index, const struct sc_index_item *item, const char *full_name,
             struct sc_arena *arena, struct sc_err *err)
{
    json_t *manifests = sc_index_manifests(index);
    ssize_t at = sc_index_find(index, full_name, arena);

    if (sc_arena_check(arena, err) < 0) /* then "not found" is no answer */
        return -1;
    if (at >= 0 && sc_str_eq(sc_index_digest(json_array_get(manifests, (size_t)at)), item->digest) &&
        sc_str_eq(sc_index_ref(json_array_get(manifests, (size_t)at)), full_name))
        return 0;
    if (at >= 0 && release_name(store, index, (size_t)at, item->image_id, arena, err) < 0)
        return -1;
    for (size_t i = json_array_size(manifests); i-- > 0;) {
        const json_t *other = json_array_get(manifests, i);

        if (!sc_str_eq(sc_index_digest(other), item->digest))
            continue;
        if (!full_name && !sc_index_is_held(other)) /* it is there, under whatever name */
            return sc_arena_check(arena, err);
        if (!sc_index_ref(other) && sc_index_drop(index, i, SC_INDEX_GONE, err) < 0)
            return -1;
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    return index_append(index, item, full_name, err);
}
