/* What the images of an index need, as sets of hexadecimal digits. */
#include <stdio.h>
#include <string.h>

#include "image/image-priv.h"

#define INDEX_DEPTH_MAX 4 /* an index may list indexes */

void
sc_marks_release(struct sc_marks *marks)
{
    sc_json_decrefp(&marks->blobs);
    sc_json_decrefp(&marks->configs);
    sc_json_decrefp(&marks->chains);
}

int
sc_mark(json_t *set, const char *hex, struct sc_err *err)
{
    return json_object_set_new(set, hex, json_true()) < 0 ? sc_err_nomem(err) : 0;
}

static int mark_descriptor(const struct sc_store *store, struct sc_marks *marks, const json_t *descriptor, int depth,
                           struct sc_err *err);

static int
mark_list(const struct sc_store *store, struct sc_marks *marks, const json_t *list, int depth, struct sc_err *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (mark_descriptor(store, marks, json_array_get(list, i), depth, err) < 0)
            return -1;
    }
    return 0;
}

/* The layers that the sidecar of this config names. It is absent for images that others wrote. */
static int
mark_chain(const struct sc_store *store, struct sc_marks *marks, const char *config_hex, struct sc_err *err)
{
    char path[sizeof("sc-chain/") + SC_DIGEST_HEX_LEN];
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err absent = SC_ERR_INIT;

    (void)snprintf(path, sizeof(path), "sc-chain/%s", config_hex);
    if (sc_file_read_at(store->image_fd, path, SC_IMAGE_JSON_MAX, &text, &absent) < 0) {
        if (absent.kind == SC_ERR_NOT_FOUND)
            return 0;
        *err = absent;
        return -1;
    }
    for (char *line = text.data; line && *line;) {
        char *end = strchr(line, '\n');

        if (strlen(line) >= SC_DIGEST_HEX_LEN) {
            line[SC_DIGEST_HEX_LEN] = '\0';
            if (sc_mark(marks->chains, line, err) < 0)
                return -1;
        }
        line = end ? end + 1 : NULL;
    }
    return 0;
}

/* What a manifest or an index leads to. Read loosely: marking too much is harmless. */
static int
mark_document(const struct sc_store *store, struct sc_marks *marks, const char *digest, int depth, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json root = NULL;
    const char *config;

    if (sc_store_read_blob(store, digest, "a manifest", &text, err) < 0 ||
        sc_json_parse(sc_buf_str(&text), text.len, "manifest", &root, err) < 0)
        return -1;
    if (mark_list(store, marks, json_object_get(root, "manifests"), depth + 1, err) < 0)
        return -1;
    config = json_string_value(json_object_get(json_object_get(root, "config"), "digest"));
    if (sc_digest_is_valid(config) && (sc_mark(marks->blobs, sc_digest_hex(config), err) < 0 ||
                                       sc_mark(marks->configs, sc_digest_hex(config), err) < 0 ||
                                       mark_chain(store, marks, sc_digest_hex(config), err) < 0))
        return -1;
    for (size_t i = 0; i < json_array_size(json_object_get(root, "layers")); i++) {
        const json_t *layer = json_array_get(json_object_get(root, "layers"), i);
        const char *layer_digest = json_string_value(json_object_get(layer, "digest"));

        if (sc_digest_is_valid(layer_digest) && sc_mark(marks->blobs, sc_digest_hex(layer_digest), err) < 0)
            return -1;
    }
    return 0;
}

static int
mark_descriptor(const struct sc_store *store, struct sc_marks *marks, const json_t *descriptor, int depth,
                struct sc_err *err)
{
    const char *digest = json_string_value(json_object_get(descriptor, "digest"));

    if (!sc_digest_is_valid(digest))
        return sc_err_set(err, SC_ERR_INVALID, "a descriptor without a digest");
    if (depth > INDEX_DEPTH_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "indexes are nested deeper than %d", INDEX_DEPTH_MAX);
    if (json_object_get(marks->blobs, sc_digest_hex(digest)))
        return 0;
    /* An index may list what was not copied for other platforms. */
    if (depth > 0 && !sc_store_has_blob(store, digest))
        return 0;
    if (sc_mark(marks->blobs, sc_digest_hex(digest), err) < 0)
        return -1;
    return mark_document(store, marks, digest, depth, err);
}

int
sc_store_mark_images(const struct sc_store *store, const json_t *index, struct sc_marks *out, struct sc_err *err)
{
    sc_cleanup_marks marks = {.blobs = json_object(), .configs = json_object(), .chains = json_object()};

    if (!marks.blobs || !marks.configs || !marks.chains)
        return sc_err_nomem(err);
    if (mark_list(store, &marks, sc_index_manifests(index), 0, err) < 0)
        return sc_err_wrap(err, "find out which blobs are used");
    *out = marks;
    marks = (struct sc_marks){.blobs = NULL};
    return 0;
}
