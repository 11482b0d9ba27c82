/*
 * build: what sc (which executes a Dockerfile, engine/build/) and sc-transfer (which makes layers and images) share:
 * layers as they are named between the two, and the cache of steps.
 *
 * The cache is one file, <data>/image/sc-build-cache.json, replaced under the store's lock: for each step that was
 * executed its key and the layer that came of it. A key says all that the step depends on: the layers below, the
 * instruction with its variables, and for COPY and ADD the digest of exactly the files that were copied. An entry is
 * written when its layer is on the disk, by who holds a session (image-priv.h) since before the layer was made; and a
 * layer that an entry names is not garbage (sweep.c). A file that is damaged or of another version is an empty cache:
  * nothing but time is lost with it.
 */
#ifndef SC_IMAGE_BUILD_H
#define SC_IMAGE_BUILD_H

#include "base/json.h"
#include "image/image.h"

/* ---- layers (build-layer.c) */
struct sc_built_layer {
    char *digest, *diff_id, *media_type; /* of the blob */
    char *chain;                         /* hex: the name below layer/ */
    int64_t size;                        /* of the blob */
    int64_t bytes;                       /* in its files */
};
struct sc_built_layers {
    struct sc_built_layer *items; /* lowest first */
    size_t count;
};
json_t *sc_built_layer_json(const struct sc_built_layer *layer);    /* NULL: no memory */
json_t *sc_built_layers_json(const struct sc_built_layers *layers); /* NULL: no memory */
SC_MUST_CHECK int sc_built_layer_read(const json_t *json, struct sc_arena *arena, struct sc_built_layer *out,
                                      struct sc_err *err);
SC_MUST_CHECK int sc_built_layers_read(const json_t *json, struct sc_arena *arena, struct sc_built_layers *out,
                                       struct sc_err *err);
/* with one more; layer NULL: as they are */
SC_MUST_CHECK int sc_built_layers_add(struct sc_built_layers *layers, const struct sc_built_layer *layer,
                                      struct sc_arena *arena, struct sc_err *err);
/* All of an image: its layers, and its config as it is in the store (the caller decrefs). */
SC_MUST_CHECK int sc_image_document(const struct sc_store *store, const struct sc_image *image, struct sc_arena *arena,
                                    struct sc_built_layers *layers, json_t **config, struct sc_err *err);

/* ---- the cache of steps (build-cache.c) */
#define SC_BUILD_CACHE_FILE "sc-build-cache.json"
struct sc_build_entry {
    char *key, *shown; /* shown: the instruction as it is written, for people: no values */
    bool has_layer;    /* false: the step changed nothing */
    struct sc_built_layer layer;
    int64_t created, used; /* CLOCK_REALTIME ns: made; last asked for */
};
struct sc_build_cache {
    struct sc_build_entry *items; /* in the order of use, the last one last */
    size_t count;
};
/* Memory alone is an error. */
SC_MUST_CHECK int sc_build_cache_read(const struct sc_store *store, struct sc_arena *arena, struct sc_build_cache *out,
                                      struct sc_err *err);
/* Pure. The text of the file, and back; SC_ERR_INVALID: it is none. */
SC_MUST_CHECK int sc_build_cache_encode(const struct sc_build_cache *cache, struct sc_buf *out, struct sc_err *err);
SC_MUST_CHECK int sc_build_cache_decode(const char *text, size_t len, struct sc_arena *arena,
                                        struct sc_build_cache *out, struct sc_err *err);
/* The entry of this key whose layer is there; NULL: none. */
const struct sc_build_entry *sc_build_cache_find(const struct sc_store *store, const struct sc_build_cache *cache,
                                                 const char *key);
/* Whether any key begins with stem. Pure. */
bool sc_build_cache_has_stem(const struct sc_build_cache *cache, const char *stem);
/* Adds entries, or replaces those of the same keys; of more than SC_BUILD_ENTRIES_MAX the longest unused go. The caller
 * holds a session. */
#define SC_BUILD_ENTRIES_MAX 2000
SC_MUST_CHECK int sc_build_cache_add(const struct sc_store *store, const struct sc_build_entry *entries, size_t count,
                                     struct sc_err *err);
/* Forgets all entries, or those whose layers no image has and that were last used before `before` (ns; 0: whenever);
 * *freed: bytes of their layers that nothing else needs. The caller collects garbage. */
struct sc_build_pruned {
    size_t count;
    int64_t freed;
};
SC_MUST_CHECK int sc_build_cache_prune(const struct sc_store *store, bool all, int64_t before,
                                       struct sc_build_pruned *out, struct sc_err *err);
/* Of the cache: entries, those whose layers an image has, bytes of layers, and of those that no image has. */
struct sc_build_usage {
    size_t count, shared;
    int64_t bytes, reclaimable;
};
SC_MUST_CHECK int sc_build_cache_usage(const struct sc_store *store, struct sc_build_usage *out, struct sc_err *err);

/* While the fd that it returns is open, nothing of the store is garbage (image-priv.h, `session`). */
SC_MUST_CHECK int sc_store_session(const struct sc_store *store, struct sc_err *err);

/* Removes blobs, sidecars, layers and temporary files that neither an image nor the cache leads to, unless a writer
 * lives (the last of them sweeps). Call with neither the lock nor a session of one's own. What cannot be removed, and
 * all of it where an image is damaged and nobody knows what it needs, waits for the next sweep (sweep.c). */
void sc_store_collect(const struct sc_store *store);

#endif
