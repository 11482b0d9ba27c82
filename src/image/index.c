/* index.json: which manifests the store has, and their names (image-spec, image-layout.md and annotations.md). */
#include <string.h>

#include "image/image-priv.h"

#define ANNOTATION_HELD "sc.held" /* "container": who holds it */

static int
index_check(const json_t *index, struct sc_err *err)
{
    json_t *manifests = NULL;

    if (!json_is_object(index))
        return sc_err_set(err, SC_ERR_INVALID, "must be an object");
    if (sc_json_get_arr(index, "manifests", "", &manifests, err) < 0)
        return -1;
    if (!manifests)
        return sc_err_set(err, SC_ERR_INVALID, "manifests: is missing");
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *item = json_array_get(manifests, i);

        if (!sc_digest_is_valid(json_string_value(json_object_get(item, "digest"))))
            return sc_err_set(err, SC_ERR_INVALID,
                              "manifests[%zu].digest: must be \"sha256:\" and 64 hexadecimal digits", i);
    }
    return 0;
}

int
sc_index_read(const struct sc_store *store, json_t **out, struct sc_err *err)
{
    sc_cleanup_json index = NULL;

    if (sc_json_read_at(store->image_fd, "index.json", SC_IMAGE_JSON_MAX, &index, err) < 0)
        return sc_err_wrap(err, "read the image index in \"%s/image\"", store->data_path);
    if (index_check(index, err) < 0)
        return sc_err_wrap(err, "read the image index \"%s/image/index.json\"", store->data_path);
    *out = sc_steal_ptr(&index);
    return 0;
}

int
sc_index_write(const struct sc_store *store, const json_t *index, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_json_dump(index, &text, err) < 0)
        return -1;
    if (sc_file_replace_at(store->image_fd, "index.json", text.data, text.len, 0644, SC_DURABLE, err) < 0)
        return sc_err_wrap(err, "write the image index in \"%s/image\"", store->data_path);
    return 0;
}

json_t *
sc_index_manifests(const json_t *index)
{
    return json_object_get(index, "manifests");
}

const char *
sc_index_digest(const json_t *descriptor)
{
    return json_string_value(json_object_get(descriptor, "digest"));
}

const char *
sc_index_ref(const json_t *descriptor)
{
    return json_string_value(json_object_get(json_object_get(descriptor, "annotations"), SC_ANNOTATION_REF));
}

char *
sc_index_name(const json_t *descriptor, struct sc_arena *arena)
{
    const char *text = sc_index_ref(descriptor);
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_reference ref;

    if (!text || sc_reference_parse(text, arena, &ref, &ignored) < 0)
        return NULL;
    return sc_reference_full(&ref, arena);
}

ssize_t
sc_index_find(const json_t *index, const char *full_name, struct sc_arena *arena)
{
    json_t *manifests = sc_index_manifests(index);

    /* What we recorded ourselves compares as it is; only the names of other programs need parsing. */
    for (size_t i = 0; full_name && i < json_array_size(manifests); i++) {
        if (sc_str_eq(sc_index_ref(json_array_get(manifests, i)), full_name))
            return (ssize_t)i;
    }
    for (size_t i = 0; full_name && i < json_array_size(manifests); i++) {
        if (sc_str_eq(sc_index_name(json_array_get(manifests, i), arena), full_name))
            return (ssize_t)i;
    }
    return -1;
}

bool
sc_index_is_held(const json_t *descriptor)
{
    return json_object_get(json_object_get(descriptor, "annotations"), ANNOTATION_HELD) != NULL;
}

int
sc_index_drop(json_t *index, size_t at, enum sc_index_rest rest, struct sc_err *err)
{
    json_t *manifests = sc_index_manifests(index), *item = json_array_get(manifests, at);
    json_t *annotations = json_object_get(item, "annotations");

    if (rest == SC_INDEX_GONE) {
        (void)json_array_remove(manifests, at);
        return 0;
    }
    (void)json_object_del(annotations, SC_ANNOTATION_REF);
    if (rest == SC_INDEX_HELD) {
        if (!annotations && json_object_set_new(item, "annotations", json_object()) < 0)
            return sc_err_nomem(err);
        annotations = json_object_get(item, "annotations");
        return json_object_set_new(annotations, ANNOTATION_HELD, json_string("container")) < 0 ? sc_err_nomem(err) : 0;
    }
    if (json_object_size(annotations) == 0)
        (void)json_object_del(item, "annotations");
    return 0;
}

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
