/*
 * image: references, the OCI-layout store, and layers on disk.
 *
 *     archive / from-host ──► blobs/sha256/<hex> ─► index.json (names) ──► struct sc_image
 *                                  └─ layer blob ──unpack──► layer/<chain-id>/diff
 *
 * The store is <data>/image, a valid OCI image layout (skopeo and umoci read it): oci-layout, index.json,
 * blobs/sha256/<hex>. A name is a manifest descriptor of index.json with the annotation
 * org.opencontainers.image.ref.name holding the full normalised reference ("docker.io/library/base:latest").
 * An unnamed (dangling) image is a descriptor without it. Layers are unpacked once to
 * <data>/layer/<chain-id hex>/diff in overlay's own form (whiteout = char device 0:0, opaque = trusted.overlay.opaque
 * "y"; user.overlay.* when not root), or as an EROFS image of the same beside an empty diff (stage.c).
 *
 * Invariants: a blob is in blobs/ only when its digest was verified and it was synced; a layer directory exists
 * only when complete (unpacked under a temporary name, synced, renamed); index.json changes under the exclusive
 * lock <data>/image/lock, by replacement. A digest is checked against its grammar before it is part of a path.
 * What index.json does not lead to is garbage as soon as no writer lives (image-priv.h, sweep.c).
 * Image metadata is a closed list (struct sc_image_config) and never changes security state.
 *
 * The reading half (resolve, config, list) links into sc and needs only jansson; the writing half (hashing,
 * archives, unpacking: libcrypto, libarchive, zlib, zstd) lives in lib_image_transfer and is linked only by
 * sc-transfer.
 */
#ifndef SC_IMAGE_H
#define SC_IMAGE_H

#include "base/base.h"
#include "base/json.h"

/* ---- references (reference.c): Docker's grammar and defaults ------------------- */
struct sc_reference {
    char *registry;   /* "docker.io" */
    char *repository; /* "library/base" */
    char *tag;        /* "latest", or NULL when a digest was given alone */
    char *digest;     /* "sha256:..." or NULL */
};
SC_MUST_CHECK int sc_reference_parse(const char *text, struct sc_arena *arena, struct sc_reference *out,
                                     struct sc_err *err);
/* "docker.io/library/base:latest" (what the store records) */
char *sc_reference_full(const struct sc_reference *ref, struct sc_arena *arena);
/* What Docker shows in REPOSITORY: "base", "user/app", "host:5000/x" */
char *sc_reference_familiar(const struct sc_reference *ref, struct sc_arena *arena);
/* The familiar name with its tag or digest: "base:latest" */
char *sc_reference_shown(const struct sc_reference *ref, struct sc_arena *arena);
bool sc_digest_is_valid(const char *digest); /* sha256:64 lower-case hex digits */

/* ---- the store ------------------------------------------------------------------- */
enum sc_layer_backend { SC_LAYER_DIRECTORY, SC_LAYER_EROFS };
struct sc_store {                  /* opened directories */
    int data_fd;                   /* the data root, e.g. /var/lib/sc */
    int image_fd;                  /* <data>/image */
    char *data_path;               /* absolute, in the heap */
    enum sc_layer_backend backend; /* of layers that are unpacked from now on; sc_layer_backend_choose sets it */
    struct sc_jail *jail;          /* where layers are unpacked (jail-priv.h); NULL: here */
    bool is_backend_asked;         /* .. because the user said so: then also of small layers (stage.c) */
    bool can_index;                /* EROFS: what files hold can stay in a blob that is a tar, .. */
    bool is_index_asked;           /* .. and shall, also of small layers */
    struct sc_limits *limits;      /* of layers, in the heap; NULL: sc_limits_default (transfer-priv.h) */
    struct sc_ahead_list *ahead;   /* layers unpacked before their image was known; NULL: none (transfer-priv.h) */
};
#define SC_STORE_INIT                                                                                                  \
    {                                                                                                                  \
        .data_fd = -1, .image_fd = -1                                                                                  \
    }
/* Creates what is missing. */
SC_MUST_CHECK int sc_store_open(const char *data_path, struct sc_store *out, struct sc_err *err);
void sc_store_release(struct sc_store *store);
#define sc_cleanup_store __attribute__((cleanup(sc_store_release))) struct sc_store

/* How layers are kept that are unpacked from now on: what SC_LAYER_BACKEND says ("directory", "erofs", or "index":
 * EROFS whose files stay in the blob, where that is a tar, however small), else EROFS for root where the kernel mounts
 * an image file of this store, which is tried. *why says why, for people. SC_ERR_INVALID for another word,
 * SC_ERR_UNSUPPORTED where "erofs" is asked for and cannot be. */
SC_MUST_CHECK int sc_layer_backend_choose(struct sc_store *store, char **why, struct sc_arena *arena,
                                          struct sc_err *err);
const char *sc_layer_backend_name(enum sc_layer_backend backend);
/* How the layer of that chain id is kept: these words, or "index"; NULL where it is not there. */
const char *sc_layer_kept_as(const struct sc_store *store, const char *chain_id);

/* This machine's architecture in image-spec's words ("amd64"); returns its argument. */
#define SC_PLATFORM_MAX 65
const char *sc_platform_arch(char machine[SC_PLATFORM_MAX]);

struct sc_platform {
    char *os, *arch, *variant; /* variant "" where there is none */
};
/* "linux/arm64/v8", "arm64", with people's names of architectures too. */
SC_MUST_CHECK int sc_platform_parse(const char *text, struct sc_arena *arena, struct sc_platform *out,
                                    struct sc_err *err);
SC_MUST_CHECK int sc_platform_host(struct sc_arena *arena, struct sc_platform *out, struct sc_err *err);
/* How well an image of os/arch/variant does where `want` is wanted: 0 not at all, 1 only by running another
 * architecture (386 on amd64), more is better. */
int sc_platform_fit(const struct sc_platform *want, const char *os, const char *arch, const char *variant);
/* Is os/arch/variant what was asked for by name? Without a variant, every variant is. */
bool sc_platform_is(const struct sc_platform *want, const char *os, const char *arch, const char *variant);
/* 1 to 4, from the flags that /proc/cpuinfo names (x86-64 psABI) */
int sc_platform_amd64_level(const char *flags);

struct sc_image_health { /* Docker's Healthcheck; durations in ns */
    bool is_set;
    struct sc_strv test;
    int64_t interval, timeout, start_period, start_interval, retries;
};
struct sc_image_config { /* the closed list */
    struct sc_strv env, entrypoint, cmd, labels /* "k=v" */, volumes, exposed_ports;
    struct sc_strv on_build; /* of Dockerfiles that begin with the image */
    char *working_dir, *user, *stop_signal;
    struct sc_image_health healthcheck;
};
struct sc_image {
    char *id; /* config digest "sha256:..." (Docker's image id) */
    char *manifest_digest;
    char *name; /* full reference, or NULL when dangling */
    char *architecture, *variant, *os, *created, *author, *comment;
    struct sc_image_config config;
    struct sc_strv layer_digests; /* of the (compressed) blobs, lowest first */
    struct sc_strv diff_ids;      /* lowest first */
    struct sc_strv chain_ids;     /* hex of each layer's chain id, lowest first: names below layer/ */
    int64_t *layer_sizes;         /* bytes of each unpacked diff, as recorded; NULL without sidecar */
    int64_t size;                 /* their sum */
    int64_t content_size;         /* bytes of its blobs: manifest, config and layers, compressed as they are */
};
/* By name, "name:tag", name@digest, image id or unique id prefix (>= 1 hex digit, as Docker).
 * SC_ERR_NOT_FOUND: `no such image: "x"` with the remedy (sc image load / from-host / "base").
 * chain_ids are read from a sidecar <data>/image/sc-chain/<config hex> (lines "<chain hex> <bytes>") that the writer
 * records, so no hashing here. An image without it (another program wrote it) is an error whose remedy unpacks it. */
SC_MUST_CHECK int sc_image_find(const struct sc_store *store, const char *name_or_id, struct sc_arena *arena,
                                struct sc_image *out, struct sc_err *err);
/* While the fd that it returns is open, no image goes: whoever notes a use of an image (a container) finds the image
 * and writes the note meanwhile, so that is_in_use of sc_image_remove sees it. Never to be held for long. */
SC_MUST_CHECK int sc_store_hold(const struct sc_store *store, struct sc_err *err);
/* The image of a container, by its whole id: also one that was removed by force from under it. */
SC_MUST_CHECK int sc_image_find_used(const struct sc_store *store, const char *id, struct sc_arena *arena,
                                     struct sc_image *out, struct sc_err *err);
/* An image's name read into ref, or NULL: it has none. */
const struct sc_reference *sc_image_reference(const struct sc_image *image, struct sc_reference *ref,
                                              struct sc_arena *arena);
struct sc_image_list { /* newest first, then by name; an image with several names is there several times */
    struct sc_image *items;
    size_t count;
};
SC_MUST_CHECK int sc_image_list(const struct sc_store *store, struct sc_arena *arena, struct sc_image_list *out,
                                struct sc_err *err);
/* The config's "history" (image-spec, config.md): oldest first, an array of objects; an empty one where there is none.
 */
SC_MUST_CHECK int sc_image_history(const struct sc_store *store, const struct sc_image *image, json_t **out,
                                   struct sc_err *err);
/* SC_ERR_NOT_FOUND when the image, which was asked for by this name, is for another platform than `platform`
 * ("linux/arm64"; NULL or
 * "": any): the store has one platform of each. */
SC_MUST_CHECK int sc_image_want_platform(const struct sc_image *image, const char *name, const char *platform,
                                         struct sc_arena *arena, struct sc_err *err);
/* SC_ERR_UNSUPPORTED when the image is not for this machine: names both platforms. (i386 runs on amd64.) */
SC_MUST_CHECK int sc_image_check_platform(const struct sc_image *image, struct sc_err *err);
/* Decodes an image config blob (application/vnd.oci.image.config.v1+json or Docker's): pure, fuzzed. */
SC_MUST_CHECK int sc_image_config_decode(const char *text, size_t len, struct sc_arena *arena, struct sc_image *out,
                                         struct sc_err *err);
struct sc_manifest {
    char *media_type, *config_digest, *config_media_type;
    int64_t config_size;
    struct sc_strv layer_digests, layer_media_types;
    int64_t *layer_sizes;
};
SC_MUST_CHECK int sc_manifest_decode(const char *text, size_t len, struct sc_arena *arena, struct sc_manifest *out,
                                     struct sc_err *err); /* pure, fuzzed */

/* Names: tag adds a name; remove takes one name away (and the image when it was the last: blobs and layers nobody
 * else uses go too). *untagged and *deleted list what to print, as whole lines ("Untagged: base:latest",
 * "Deleted: sha256:..."). in_use is asked for the image id before the last name goes: SC_ERR_BUSY unless force. By
 * force, an image loses its last name, not its id, under a container that runs; under others it goes, and its layers do
 * when sc_image_release_held finds that the containers have gone. */
SC_MUST_CHECK int sc_image_tag(const struct sc_store *store, const char *source, const char *target,
                               struct sc_err *err);
struct sc_image_removed {
    struct sc_strv untagged, deleted;
};
struct sc_image_use {
    enum { SC_IMAGE_FREE, SC_IMAGE_USED, SC_IMAGE_RUNNING } kind; /* by none, by containers, by one that runs */
    char by[13];                                                  /* the first digits of that container's id */
};
typedef int (*sc_image_in_use_fn)(const char *image_id, void *data, struct sc_image_use *out, struct sc_err *err);
SC_MUST_CHECK int sc_image_remove(const struct sc_store *store, const char *name_or_id, bool force,
                                  sc_image_in_use_fn in_use, void *data, struct sc_arena *arena,
                                  struct sc_image_removed *out, struct sc_err *err);
SC_MUST_CHECK int sc_image_release_held(const struct sc_store *store, sc_image_in_use_fn in_use, void *data,
                                        struct sc_err *err);

/* ---- writing half (lib_image_transfer; sc-transfer only) ---------------------------- */
struct sc_store_layer {
    char *digest, *diff_id, *media_type;
    int64_t size, diff_size;
};
/* A writer streams a blob into the store under a temporary name, hashing; commit verifies `expected` (or NULL). */
struct sc_blob_writer;
SC_MUST_CHECK int sc_blob_create(const struct sc_store *store, struct sc_blob_writer **out, struct sc_err *err);
SC_MUST_CHECK int sc_blob_write(struct sc_blob_writer *writer, const void *data, size_t len, struct sc_err *err);
SC_MUST_CHECK int sc_blob_commit(struct sc_blob_writer *writer_take, const char *expected, struct sc_arena *arena,
                                 char **digest, int64_t *size, struct sc_err *err);
void sc_blob_abort(struct sc_blob_writer *writer_take);
/* Puts an image together: writes config and manifest blobs, unpacks layers that are not there yet (layer blobs must be
 * in the store), records the chain sidecar and sizes, adds `full_name` (may be NULL) to index.json. */
SC_MUST_CHECK int sc_image_commit(const struct sc_store *store, const char *config_json, size_t config_len,
                                  const struct sc_store_layer *layers, size_t count, const char *full_name,
                                  struct sc_arena *arena, char **image_id, struct sc_err *err);
/* docker-archive, OCI archive or OCI layout directory (path, or "-" for standard input; gz/zst accepted). Prints
 * nothing; *names lists "base:latest" or image ids loaded, also those before one that fails. */
SC_MUST_CHECK int sc_image_load(const struct sc_store *store, const char *path, struct sc_arena *arena,
                                struct sc_strv *names, struct sc_err *err);
/* The same of images for one platform, or for this machine where that is NULL; SC_ERR_NOT_FOUND: there is none. */
SC_MUST_CHECK int sc_image_load_for(const struct sc_store *store, const char *path, const struct sc_platform *platform,
                                    struct sc_arena *arena, struct sc_strv *names, struct sc_err *err);
enum sc_archive_format { SC_ARCHIVE_DOCKER, SC_ARCHIVE_OCI, SC_ARCHIVE_OCI_DIR };
SC_MUST_CHECK int sc_image_save(const struct sc_store *store, const struct sc_strv *names,
                                enum sc_archive_format format, int out_fd, const char *out_dir, struct sc_err *err);
/* A root tree as tar (any compression) or directory becomes a one-layer image; changes are Dockerfile words ("CMD
 * [..]", "ENV A=b"). */
struct sc_import {
    const struct sc_strv *changes;      /* or NULL */
    const char *message;                /* NULL: where it is from */
    const struct sc_platform *platform; /* NULL: this machine's */
};
SC_MUST_CHECK int sc_image_import(const struct sc_store *store, const char *path, const char *full_name,
                                  const struct sc_import *how, struct sc_arena *arena, char **image_id,
                                  struct sc_err *err);
/* An image of host programs and what they need (from-host.c). */
struct sc_from_host {
    const char *full_name;
    struct sc_strv programs; /* names looked up in PATH, or paths */
    struct sc_strv entrypoint, cmd;
    const char *root; /* where the programs are taken from: "/" (tests use another) */
};
SC_MUST_CHECK int sc_image_from_host(const struct sc_store *store, const struct sc_from_host *ask,
                                     struct sc_arena *arena, char **image_id, struct sc_err *err);
/* The default image, from Debian's static busybox (all applets linked, users, /etc files); name
 * "docker.io/library/base:latest". */
SC_MUST_CHECK int sc_image_make_base(const struct sc_store *store, struct sc_arena *arena, char **image_id,
                                     struct sc_err *err);

#endif
