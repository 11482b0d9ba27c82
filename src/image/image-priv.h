/*
 * image-priv: what the reading half shares among its own files, and the writing half uses.
 *
 * Two locks keep processes apart, both flock(2), which dies with its holder:
 *
 *   <data>/image/lock      exclusive while index.json changes
 *   <data>/image/session   shared by whoever writes blobs or layers, from before its first blob until the image
 *                          is in index.json. Whoever gets it exclusively (and never waits for it) knows that no
 *                          writer lives, so what index.json does not lead to is garbage: sweep.c.
 *
 * Order: session, then lock. A reader takes neither: files are replaced, never changed.
 */
#ifndef SC_IMAGE_PRIV_H
#define SC_IMAGE_PRIV_H

#include <limits.h>

#include "base/json.h"
#include "image/build.h"
#include "image/image.h"

#define SC_IMAGE_JSON_MAX    ((size_t)8 << 20) /* largest manifest, config or index that is read */
#define SC_IMAGE_LAYERS_MAX  500               /* what one overlay mount takes (OVL_MAX_STACK) */
#define SC_DIGEST_PREFIX_LEN 7                 /* "sha256:" */
#define SC_DIGEST_HEX_LEN    64
#define SC_DIGEST_LEN        (SC_DIGEST_PREFIX_LEN + SC_DIGEST_HEX_LEN)

#define SC_MEDIA_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define SC_MEDIA_INDEX       "application/vnd.oci.image.index.v1+json"
#define SC_MEDIA_CONFIG      "application/vnd.oci.image.config.v1+json"
#define SC_MEDIA_LAYER       "application/vnd.oci.image.layer.v1.tar"
#define SC_MEDIA_LAYER_GZIP  (SC_MEDIA_LAYER "+gzip")
#define SC_MEDIA_LAYER_ZSTD  (SC_MEDIA_LAYER "+zstd")
#define SC_MEDIA_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define SC_MEDIA_DOCKER      "application/vnd.docker.distribution.manifest.v2+json"

#define SC_ANNOTATION_REF "org.opencontainers.image.ref.name"

/* ---- digest.c */
bool sc_hex_is_valid(const char *text, size_t len); /* len lower-case hexadecimal digits */
const char *sc_digest_hex(const char *digest);      /* of a valid digest: what follows "sha256:" */
/* "blobs/sha256/<hex>" of a valid digest */
#define SC_BLOB_PATH_MAX (sizeof("blobs/sha256/") + SC_DIGEST_HEX_LEN)
void sc_blob_path(const char *digest, char out[SC_BLOB_PATH_MAX]);

/* ---- store.c */
/* Take the locks described above (build.h has the session); each returns the fd that holds it. */
SC_MUST_CHECK int sc_store_lock(const struct sc_store *store, struct sc_err *err);
bool sc_store_has_blob(const struct sc_store *store, const char *digest);
SC_MUST_CHECK int sc_store_read_blob(const struct sc_store *store, const char *digest, const char *what,
                                     struct sc_buf *out, struct sc_err *err);
/* Opens <data>/layer, which is not kept open: readers do not need it. */
SC_MUST_CHECK int sc_store_open_layers(const struct sc_store *store, struct sc_err *err);

/* ---- index.c: index.json as a jansson tree, so that what others wrote into it survives */
SC_MUST_CHECK int sc_index_read(const struct sc_store *store, json_t **out, struct sc_err *err);
SC_MUST_CHECK int sc_index_write(const struct sc_store *store, const json_t *index, struct sc_err *err);
json_t *sc_index_manifests(const json_t *index);       /* the array */
const char *sc_index_digest(const json_t *descriptor); /* valid in an index that sc_index_read gave */
const char *sc_index_ref(const json_t *descriptor);    /* as recorded, or NULL */
/* The full reference of a descriptor, whoever wrote it; NULL when dangling or no reference. */
char *sc_index_name(const json_t *descriptor, struct sc_arena *arena);
/* Position of the descriptor with this full name, or -1 (also where the arena has failed: check it). */
ssize_t sc_index_find(const json_t *index, const char *full_name, struct sc_arena *arena);
/* Adds an image, or a name of it (full_name may be NULL). Another image that had this name loses it and stays,
 * dangling, as with Docker. */
struct sc_index_item {
    const char *media_type, *digest, *image_id;
    int64_t size;
};
SC_MUST_CHECK int sc_index_put(const struct sc_store *store, json_t *index, const struct sc_index_item *item,
                               const char *full_name, struct sc_arena *arena, struct sc_err *err);
/* An image that was removed by force from under containers that do not run is held for them: its descriptor is there,
 * so that its layers stay, but no command of people's sees it. */
bool sc_index_is_held(const json_t *descriptor);
/* What becomes of descriptor `at`. */
enum sc_index_rest { SC_INDEX_GONE, SC_INDEX_NAMELESS, SC_INDEX_HELD };
SC_MUST_CHECK int sc_index_drop(json_t *index, size_t at, enum sc_index_rest rest, struct sc_err *err);

/* ---- manifest.c */
/* SC_ERR_UNSUPPORTED where a layer is of a media type that cannot be unpacked. */
SC_MUST_CHECK int sc_manifest_check_layers(const struct sc_manifest *manifest, struct sc_err *err);

/* ---- find.c */
/* What a descriptor leads to. With needs_chain, an image without its sidecar is an error. */
SC_MUST_CHECK int sc_image_read(const struct sc_store *store, const json_t *descriptor, bool needs_chain,
                                struct sc_arena *arena, struct sc_image *out, struct sc_err *err);
/* The descriptors that name_or_id means. By name: one. By id: every descriptor of that image. */
struct sc_image_match {
    bool by_id;
    size_t *at; /* positions in the index's array */
    size_t count;
    char *id; /* image id */
};
SC_MUST_CHECK int sc_image_match(const struct sc_store *store, const json_t *index, const char *name_or_id,
                                 struct sc_arena *arena, struct sc_image_match *out, struct sc_err *err);

/* ---- image-id.c */
/* The manifest behind a descriptor of the index. */
SC_MUST_CHECK int sc_image_manifest(const struct sc_store *store, const json_t *descriptor, struct sc_arena *arena,
                                    struct sc_manifest *out, struct sc_err *err);
/* Whether an error says that what was read is damaged or missing, not that reading failed (no memory, no fd). */
bool sc_image_is_damaged(const struct sc_err *err);
/* The image id behind a descriptor: its manifest's config digest. NULL where the manifest is damaged. */
SC_MUST_CHECK int sc_image_id_of(const struct sc_store *store, const json_t *descriptor, struct sc_arena *arena,
                                 char **id, struct sc_err *err);

/* ---- mounted.c */
/* Notes that an image is mounted on a directory of the caller's. */
SC_MUST_CHECK int sc_image_note_mount(const struct sc_store *store, const char *image_id, const char *place,
                                      struct sc_err *err);
/* Whether `sc image mount` has it mounted in this mount namespace, and where. */
bool sc_image_is_mounted(const struct sc_store *store, const char *image_id, char place[PATH_MAX]);

/* ---- config.c */
/* How well this machine runs a platform: 2 its own (or not said), 1 also, 0 not at all. */
int sc_platform_rank(const char *os, const char *arch);

/* ---- bulk.c: removing much at once */
struct sc_bulk {
    struct sc_bulk_task *tasks;
    size_t count, capacity;
};
void sc_bulk_release(struct sc_bulk *bulk);
#define sc_cleanup_bulk __attribute__((cleanup(sc_bulk_release))) struct sc_bulk
/* A file or a whole tree; dir_fd is borrowed until all is removed. */
SC_MUST_CHECK int sc_bulk_add(struct sc_bulk *bulk, int dir_fd, const char *name, bool is_dir, struct sc_err *err);
/* By as many processes as it is worth. What cannot be removed stays. */
void sc_bulk_remove(const struct sc_bulk *bulk);
/* The same, but what takes long is done by a process that outlives the caller: until then the directories that were
 * given may still be there, so their names must be of no meaning to anybody. The files that were given have gone. */
void sc_bulk_remove_behind(const struct sc_bulk *bulk);

/* ---- mark.c */
/* What the images of an index need: sets of hexadecimal digits, as members of JSON objects. */
struct sc_marks {
    json_t *blobs, *configs, *chains;
};
void sc_marks_release(struct sc_marks *marks);
#define sc_cleanup_marks __attribute__((cleanup(sc_marks_release))) struct sc_marks
/* One more of a set. */
SC_MUST_CHECK int sc_mark(json_t *set, const char *hex, struct sc_err *err);
SC_MUST_CHECK int sc_store_mark_images(const struct sc_store *store, const json_t *index, struct sc_marks *out,
                                       struct sc_err *err);

/* ---- sweep.c */
/* And what the cache of builds leads to. */
SC_MUST_CHECK int sc_store_mark(const struct sc_store *store, const json_t *index, struct sc_marks *out,
                                struct sc_err *err);

#endif
