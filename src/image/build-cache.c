/* The cache of a build's steps: build.h says what it is. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "image/build.h"
#include "image/image-priv.h"

#define VERSION   1
#define BYTES_MAX ((size_t)64 << 20)

/* ---- the file ---------------------------------------------------------------------------------------------------- */

int
sc_build_cache_encode(const struct sc_build_cache *cache, struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_json root = json_pack("{s:i, s:[]}", "version", VERSION, "entries");
    json_t *entries = json_object_get(root, "entries");

    for (size_t i = 0; i < cache->count; i++) {
        const struct sc_build_entry *entry = &cache->items[i];
        json_error_t why;
        json_t *item = json_pack_ex(&why, 0, "{s:s, s:s, s:I, s:I}", "key", entry->key, "shown", entry->shown,
                                    "created", (json_int_t)entry->created, "used", (json_int_t)entry->used);

        if (!item && json_error_code(&why) == json_error_invalid_utf8)
            continue; /* that step alone is executed again */
        if (!item)
            return sc_err_nomem(err);
        if ((entry->has_layer && json_object_set_new(item, "layer", sc_built_layer_json(&entry->layer)) < 0)) {
            json_decref(item);
            return sc_err_nomem(err);
        }
        if (json_array_append_new(entries, item) < 0)
            return sc_err_nomem(err);
    }
    return root ? sc_json_dump(root, out, err) : sc_err_nomem(err);
}

static int
read_entry(const json_t *item, struct sc_arena *arena, struct sc_build_entry *out, struct sc_err *err)
{
    const json_t *layer = json_object_get(item, "layer");
    const char *key = json_string_value(json_object_get(item, "key"));
    const char *shown = json_string_value(json_object_get(item, "shown"));

    if (!key || !shown)
        return sc_err_set(err, SC_ERR_INVALID, "the build cache has an entry without a key");
    *out = (struct sc_build_entry){.key = sc_arena_strdup(arena, key),
                                   .shown = sc_arena_strdup(arena, shown),
                                   .has_layer = layer != NULL,
                                   .created = json_integer_value(json_object_get(item, "created")),
                                   .used = json_integer_value(json_object_get(item, "used"))};
    if (layer && sc_built_layer_read(layer, arena, &out->layer, err) < 0)
        return sc_err_wrap(err, "the build cache");
    return sc_arena_check(arena, err);
}

int
sc_build_cache_decode(const char *text, size_t len, struct sc_arena *arena, struct sc_build_cache *out,
                      struct sc_err *err)
{
    sc_cleanup_json root = NULL;
    const json_t *entries;

    *out = (struct sc_build_cache){.count = 0};
    if (sc_json_parse(text, len, "the build cache", &root, err) < 0)
        return -1;
    entries = json_object_get(root, "entries");
    if (json_integer_value(json_object_get(root, "version")) != VERSION || !json_is_array(entries))
        return sc_err_set(err, SC_ERR_INVALID, "the build cache is not of version %d", VERSION);
    out->items = SC_ARENA_ARRAY(arena, struct sc_build_entry, json_array_size(entries) + 1);
    if (!out->items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        if (read_entry(json_array_get(entries, i), arena, &out->items[i], err) < 0)
            return -1;
    }
    out->count = json_array_size(entries);
    return 0;
}

int
sc_build_cache_read(const struct sc_store *store, struct sc_arena *arena, struct sc_build_cache *out,
                    struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err why = SC_ERR_INIT;

    *out = (struct sc_build_cache){.count = 0};
    if (sc_file_read_at(store->image_fd, SC_BUILD_CACHE_FILE, BYTES_MAX, &text, &why) == 0 &&
        sc_build_cache_decode(sc_buf_str(&text), text.len, arena, out, &why) == 0)
        return 0;
    *out = (struct sc_build_cache){.count = 0};
    return sc_arena_check(arena, err);
}

static int
write_cache(const struct sc_store *store, const struct sc_build_cache *cache, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_build_cache_encode(cache, &text, err) < 0)
        return -1;
    if (sc_file_replace_at(store->image_fd, SC_BUILD_CACHE_FILE, text.data, text.len, 0600, SC_DURABLE, err) < 0)
        return sc_err_wrap(err, "write the build cache");
    return 0;
}

/* ---- asking it --------------------------------------------------------------------------------------------------- */

static bool
is_there(const struct sc_store *store, const struct sc_built_layer *layer)
{
    char path[sizeof("layer//size") + SC_DIGEST_HEX_LEN];
    struct stat st;

    (void)snprintf(path, sizeof(path), "layer/%s/size", layer->chain);
    return sc_store_has_blob(store, layer->digest) && fstatat(store->data_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

const struct sc_build_entry *
sc_build_cache_find(const struct sc_store *store, const struct sc_build_cache *cache, const char *key)
{
    for (size_t i = cache->count; i > 0; i--) {
        const struct sc_build_entry *entry = &cache->items[i - 1];

        if (strcmp(entry->key, key) == 0)
            return !entry->has_layer || is_there(store, &entry->layer) ? entry : NULL;
    }
    return NULL;
}

bool
sc_build_cache_has_stem(const struct sc_build_cache *cache, const char *stem)
{
    for (size_t i = 0; i < cache->count; i++) {
        if (sc_str_starts(cache->items[i].key, stem))
            return true;
    }
    return false;
}

/* ---- changing it ------------------------------------------------------------------------------------------------- */

static bool
is_among(const struct sc_build_entry *entries, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].key, key) == 0)
            return true;
    }
    return false;
}

int
sc_build_cache_add(const struct sc_store *store, const struct sc_build_entry *entries, size_t count, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_fd lock = sc_store_lock(store, err);
    struct sc_build_cache now = {.count = 0}, next = {.count = 0};
    size_t from;

    if (lock < 0 || sc_build_cache_read(store, &arena, &now, err) < 0)
        return -1;
    next.items = SC_ARENA_ARRAY(&arena, struct sc_build_entry, now.count + count + 1);
    if (!next.items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < now.count; i++) {
        if (!is_among(entries, count, now.items[i].key))
            next.items[next.count++] = now.items[i];
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_among(&entries[i + 1], count - i - 1, entries[i].key))
            next.items[next.count++] = entries[i];
    }
    from = next.count > SC_BUILD_ENTRIES_MAX ? next.count - SC_BUILD_ENTRIES_MAX : 0;
    return write_cache(store, &(struct sc_build_cache){.items = next.items + from, .count = next.count - from}, err);
}

/* What the images lead to, without the cache. */
static int
mark_images(const struct sc_store *store, struct sc_marks *marks, struct sc_err *err)
{
    sc_cleanup_json index = NULL;

    return sc_index_read(store, &index, err) < 0 ? -1 : sc_store_mark_images(store, index, marks, err);
}

static bool
has_image(const struct sc_marks *marks, const struct sc_build_entry *entry)
{
    return entry->has_layer && json_object_get(marks->chains, entry->layer.chain);
}

int
sc_build_cache_prune(const struct sc_store *store, bool all, int64_t before, struct sc_build_pruned *out,
                     struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_fd lock = sc_store_lock(store, err);
    sc_cleanup_marks marks = {.blobs = NULL};
    struct sc_build_cache cache = {.count = 0};
    size_t kept = 0;

    *out = (struct sc_build_pruned){.count = 0};
    if (lock < 0 || mark_images(store, &marks, err) < 0 || sc_build_cache_read(store, &arena, &cache, err) < 0)
        return -1;
    for (size_t i = 0; i < cache.count; i++) {
        const struct sc_build_entry *entry = &cache.items[i];

        if ((!all && has_image(&marks, entry)) || (before > 0 && entry->used >= before)) {
            cache.items[kept++] = *entry;
            continue;
        }
        out->count++;
        if (entry->has_layer && !has_image(&marks, entry))
            out->freed += entry->layer.bytes;
    }
    cache.count = kept;
    return out->count > 0 ? write_cache(store, &cache, err) : 0;
}

int
sc_build_cache_usage(const struct sc_store *store, struct sc_build_usage *out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_marks marks = {.blobs = NULL};
    struct sc_build_cache cache = {.count = 0};

    *out = (struct sc_build_usage){.count = 0};
    if (mark_images(store, &marks, err) < 0 || sc_build_cache_read(store, &arena, &cache, err) < 0)
        return -1;
    for (size_t i = 0; i < cache.count; i++) {
        const struct sc_build_entry *entry = &cache.items[i];

        out->count++;
        if (!entry->has_layer)
            continue;
        out->bytes += entry->layer.bytes;
        if (has_image(&marks, entry))
            out->shared++;
        else
            out->reclaimable += entry->layer.bytes;
    }
    return 0;
}
