/* From a name or an id to an image, and the list of all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/image-priv.h"

#define CHAIN_TEXT_MAX ((size_t)SC_IMAGE_LAYERS_MAX * 96)

/* The sidecar: one line "<chain id> <bytes>" a layer, lowest first. */
static int
read_chain(const struct sc_store *store, struct sc_arena *arena, struct sc_image *image, struct sc_err *err)
{
    char path[sizeof("sc-chain/") + SC_DIGEST_HEX_LEN];
    sc_cleanup_buf text = SC_BUF_INIT;
    char *line, *end;

    (void)snprintf(path, sizeof(path), "sc-chain/%s", sc_digest_hex(image->id));
    if (sc_file_read_at(store->image_fd, path, CHAIN_TEXT_MAX, &text, err) < 0)
        return -1;
    image->layer_sizes = SC_ARENA_ARRAY(arena, int64_t, image->diff_ids.count + 1);
    if (!image->layer_sizes)
        return sc_err_nomem(err);
    for (line = text.data; line && *line; line = end + 1) {
        int64_t bytes = -1;

        end = strchr(line, '\n');
        if (!end || end - line < SC_DIGEST_HEX_LEN + 2 || !sc_hex_is_valid(line, SC_DIGEST_HEX_LEN) ||
            line[SC_DIGEST_HEX_LEN] != ' ')
            return sc_err_set(err, SC_ERR_INVALID, "read \"%s\": it is damaged", path);
        *end = '\0';
        if (sc_parse_i64(line + SC_DIGEST_HEX_LEN + 1, &bytes, err) < 0)
            return sc_err_wrap(err, "read \"%s\"", path);
        if (image->chain_ids.count < image->diff_ids.count)
            image->layer_sizes[image->chain_ids.count] = bytes;
        sc_strv_add(&image->chain_ids, arena, sc_arena_strndup(arena, line, SC_DIGEST_HEX_LEN));
        image->size += bytes;
    }
    if (image->chain_ids.count != image->diff_ids.count)
        return sc_err_set(err, SC_ERR_INVALID, "read \"%s\": it has %zu layers instead of %zu", path,
                          image->chain_ids.count, image->diff_ids.count);
    return sc_arena_check(arena, err);
}

static int
read_image(const struct sc_store *store, const json_t *descriptor, bool needs_chain, struct sc_arena *arena,
           struct sc_image *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err chain_err = SC_ERR_INIT;
    struct sc_manifest manifest;

    if (sc_image_manifest(store, descriptor, arena, &manifest, err) < 0)
        return -1;
    if (sc_store_read_blob(store, manifest.config_digest, "an image config", &text, err) < 0)
        return -1;
    if (sc_image_config_decode(sc_buf_str(&text), text.len, arena, out, err) < 0)
        return -1;
    if (out->diff_ids.count != manifest.layer_digests.count)
        return sc_err_set(err, SC_ERR_INVALID, "its manifest has %zu layers, its config %zu",
                          manifest.layer_digests.count, out->diff_ids.count);
    out->id = manifest.config_digest;
    out->layer_digests = manifest.layer_digests;
    out->manifest_digest = sc_arena_strdup(arena, sc_index_digest(descriptor));
    out->name = sc_index_name(descriptor, arena);
    out->content_size = manifest.config_size + json_integer_value(json_object_get(descriptor, "size"));
    for (size_t i = 0; i < manifest.layer_digests.count; i++)
        out->content_size += manifest.layer_sizes[i];
    if (read_chain(store, arena, out, &chain_err) < 0 && (needs_chain || !sc_image_is_damaged(&chain_err))) {
        *err = chain_err;
        return !sc_image_is_damaged(err)
                   ? -1
                   : sc_err_remedy(
                         err,
                         "it was put into the store by another program: run `sc image load -i %s/image` to unpack it",
                         store->data_path);
    }
    return sc_arena_check(arena, err);
}

int
sc_image_read(const struct sc_store *store, const json_t *descriptor, bool needs_chain, struct sc_arena *arena,
              struct sc_image *out, struct sc_err *err)
{
    const char *name = sc_index_ref(descriptor);

    *out = (struct sc_image){.id = NULL};
    if (read_image(store, descriptor, needs_chain, arena, out, err) < 0)
        return sc_err_wrap(err, "read image \"%s\"", name ? name : sc_index_digest(descriptor));
    return 0;
}

static int
no_such_image(struct sc_err *err, const char *name)
{
    sc_err_set(err, SC_ERR_NOT_FOUND, "no such image: \"%.300s\"", name);
    return sc_err_remedy(err, "list what is there with: sc images; get it with: sc pull, or sc load");
}

/* The hexadecimal digits of an image id or its prefix ("ab12", "sha256:ab12"); NULL where text is none. */
static const char *
id_prefix(const char *text)
{
    const char *hex = sc_str_starts(text, "sha256:") ? text + SC_DIGEST_PREFIX_LEN : text;
    size_t len = strlen(hex);

    return len > 0 && len <= SC_DIGEST_HEX_LEN && sc_hex_is_valid(hex, len) ? hex : NULL;
}

static int
match_id(const struct sc_store *store, const json_t *index, const char *text, const char *prefix,
         struct sc_arena *arena, struct sc_image_match *out, struct sc_err *err)
{
    json_t *manifests = sc_index_manifests(index);
    size_t len = strlen(prefix);

    out->by_id = true;
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        char *id;

        if (sc_index_is_held(json_array_get(manifests, i)))
            continue;
        if (sc_image_id_of(store, json_array_get(manifests, i), arena, &id, err) < 0)
            return -1;
        /* A damaged image has no id; it can still be named. */
        if (!id || strncmp(sc_digest_hex(id), prefix, len) != 0)
            continue;
        if (out->id && strcmp(out->id, id) != 0) {
            sc_err_set(err, SC_ERR_INVALID, "image id \"%s\" is ambiguous: several begin with it", text);
            return sc_err_remedy(err, "give more digits, as `sc image ls --no-trunc` shows them");
        }
        out->id = id;
        out->at[out->count++] = i;
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    return out->count > 0 ? 0 : no_such_image(err, text);
}

/* name@digest: the manifest's digest, in that repository whatever the tag; or the digest of the index it was pulled by.
 */
static ssize_t
find_by_digest(const json_t *index, const struct sc_reference *ref, struct sc_arena *arena)
{
    json_t *manifests = sc_index_manifests(index);

    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *item = json_array_get(manifests, i);
        const char *text = sc_index_ref(item);
        struct sc_err ignored = SC_ERR_INIT;
        struct sc_reference other;

        if (text && sc_reference_parse(text, arena, &other, &ignored) == 0 &&
            sc_str_eq(other.registry, ref->registry) && sc_str_eq(other.repository, ref->repository) &&
            (sc_str_eq(sc_index_digest(item), ref->digest) || sc_str_eq(other.digest, ref->digest)))
            return (ssize_t)i;
    }
    return -1;
}

int
sc_image_match(const struct sc_store *store, const json_t *index, const char *name_or_id, struct sc_arena *arena,
               struct sc_image_match *out, struct sc_err *err)
{
    struct sc_image_match match = {.by_id = false};
    const char *prefix = id_prefix(name_or_id);
    struct sc_err ref_err = SC_ERR_INIT;
    struct sc_reference ref;
    ssize_t at = -1;

    match.at = SC_ARENA_ARRAY(arena, size_t, json_array_size(sc_index_manifests(index)) + 1);
    if (!match.at)
        return sc_err_nomem(err);
    /* A name goes before an id prefix: "base" and "cafe" are both. */
    if (sc_reference_parse(name_or_id, arena, &ref, &ref_err) == 0)
        at = ref.digest ? find_by_digest(index, &ref, arena)
                        : sc_index_find(index, sc_reference_full(&ref, arena), arena);
    else if (!prefix) {
        *err = ref_err;
        return -1;
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (at >= 0) {
        match.at[match.count++] = (size_t)at;
    } else if (!prefix) {
        return no_such_image(err, name_or_id);
    } else if (match_id(store, index, name_or_id, prefix, arena, &match, err) < 0) {
        return -1;
    }
    *out = match;
    return 0;
}

int
sc_image_find(const struct sc_store *store, const char *name_or_id, struct sc_arena *arena, struct sc_image *out,
              struct sc_err *err)
{
    sc_cleanup_json index = NULL;
    struct sc_image_match match = {.count = 0};
    size_t at;

    if (sc_index_read(store, &index, err) < 0 || sc_image_match(store, index, name_or_id, arena, &match, err) < 0)
        return -1;
    if (match.count == 0)
        return no_such_image(err, name_or_id);
    at = match.at[0];
    for (size_t i = 0; i < match.count; i++) { /* of several descriptors, one with a name says most */
        if (sc_index_ref(json_array_get(sc_index_manifests(index), match.at[i]))) {
            at = match.at[i];
            break;
        }
    }
    return sc_image_read(store, json_array_get(sc_index_manifests(index), at), true, arena, out, err);
}

int
sc_image_find_used(const struct sc_store *store, const char *id, struct sc_arena *arena, struct sc_image *out,
                   struct sc_err *err)
{
    sc_cleanup_json index = NULL;
    const json_t *manifests;

    if (sc_index_read(store, &index, err) < 0)
        return -1;
    manifests = sc_index_manifests(index);
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        char *other;

        if (sc_image_id_of(store, json_array_get(manifests, i), arena, &other, err) < 0)
            return -1;
        if (sc_str_eq(other, id))
            return sc_image_read(store, json_array_get(manifests, i), true, arena, out, err);
    }
    return no_such_image(err, id);
}

static int64_t
created_at(const struct sc_image *image)
{
    struct sc_err ignored = SC_ERR_INIT;
    int64_t at = 0;

    return image->created && sc_time_parse(image->created, &at, &ignored) == 0 ? at : 0;
}

/* Newest first, then by name; those without one last. */
static int
compare_images(const void *a, const void *b)
{
    const struct sc_image *first = a, *second = b;
    int64_t at = created_at(first), other = created_at(second);

    if (at != other)
        return at < other ? 1 : -1;
    if (!first->name || !second->name)
        return !first->name && !second->name ? strcmp(first->id, second->id) : (first->name ? -1 : 1);
    return strcmp(first->name, second->name);
}

int
sc_image_list(const struct sc_store *store, struct sc_arena *arena, struct sc_image_list *out, struct sc_err *err)
{
    struct sc_image_list list = {.items = NULL};
    sc_cleanup_json index = NULL;
    json_t *manifests;

    if (sc_index_read(store, &index, err) < 0)
        return -1;
    manifests = sc_index_manifests(index);
    list.items = SC_ARENA_ARRAY(arena, struct sc_image, json_array_size(manifests) + 1);
    if (!list.items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        if (sc_index_is_held(json_array_get(manifests, i)))
            continue;
        if (sc_image_read(store, json_array_get(manifests, i), false, arena, &list.items[list.count], err) < 0)
            return sc_err_remedy(err, "remove it with `sc image rm` and its name, then load it again");
        list.count++;
    }
    qsort(list.items, list.count, sizeof(*list.items), compare_images);
    *out = list;
    return 0;
}

int
sc_image_history(const struct sc_store *store, const struct sc_image *image, json_t **out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json root = NULL;
    json_t *history = NULL;

    if (sc_store_read_blob(store, image->id, "an image config", &text, err) < 0 ||
        sc_json_parse(sc_buf_str(&text), text.len, "image config", &root, err) < 0 ||
        sc_json_get_arr(root, "history", "image config", &history, err) < 0)
        return -1;
    *out = history ? json_incref(history) : json_array();
    return *out ? 0 : sc_err_nomem(err);
}
