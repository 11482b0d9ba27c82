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
