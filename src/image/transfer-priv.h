/*
 * transfer-priv: what the files of the writing half share.
 *
 *   hash.c          SHA-256                        blob.c         verified, synced blobs
 *   inflate.c       gzip                           pump.c         a stream read ahead in a thread
 *   inflating.c     the same by a jailed process   ring.c         memory between two processes
 *   stream.c        decompression, counted         layer-name.c   what a tar entry's name means (pure)
 *   layer.c         unpacking one layer            layer-path.c   reaching its directories by fd
 *   commit-layers.c its layers, side by side       ahead.c        or while their blobs come in
 *   commit.c        layers + config = image        layer-attr.c   owners, modes, xattrs, times
 *   tar-heads.c     a tar without its files        stage.c        a layer while it is made
 *   load*.c         archives in                    save.c         archives out
 *   import.c        a root tree in                 changes.c      Dockerfile words
 *
 * Everything that comes out of an archive is hostile: names, links, numbers and sizes are checked here, once, where
 * they are used.
 */
#ifndef SC_IMAGE_TRANSFER_PRIV_H
#define SC_IMAGE_TRANSFER_PRIV_H

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>

#include "image/image-priv.h"

/* ---- hash.c */
struct sc_hash {
    void *ctx; /* EVP_MD_CTX */
};
#define SC_HASH_INIT                                                                                                   \
    {                                                                                                                  \
        .ctx = NULL                                                                                                    \
    }
SC_MUST_CHECK int sc_hash_start(struct sc_hash *hash, struct sc_err *err);
SC_MUST_CHECK int sc_hash_add(struct sc_hash *hash, const void *data, size_t len, struct sc_err *err);
SC_MUST_CHECK int sc_hash_end(struct sc_hash *hash, char digest[SC_DIGEST_LEN + 1], struct sc_err *err);
void sc_hash_release(struct sc_hash *hash);
#define sc_cleanup_hash __attribute__((cleanup(sc_hash_release))) struct sc_hash
SC_MUST_CHECK int sc_hash_text(const void *data, size_t len, char digest[SC_DIGEST_LEN + 1], struct sc_err *err);
/* Of all that is in a file, wherever it was read before. */
SC_MUST_CHECK int sc_hash_file(int fd, char digest[SC_DIGEST_LEN + 1], struct sc_err *err);

/* ---- blob.c */
void sc_blob_abortp(struct sc_blob_writer **writer);
#define sc_cleanup_blob __attribute__((cleanup(sc_blob_abortp))) struct sc_blob_writer *
/* Writes a whole blob; digest and size may be NULL. */
SC_MUST_CHECK int sc_blob_put(const struct sc_store *store, const void *data, size_t len, const char *expected,
                              struct sc_arena *arena, char **digest, int64_t *size, struct sc_err *err);
int sc_blob_fd(const struct sc_blob_writer *writer); /* borrowed */
/* As sc_blob_write(), where somebody else hashes: every byte, in order, before the blob is committed. */
SC_MUST_CHECK int sc_blob_append(struct sc_blob_writer *writer, const void *data, size_t len, struct sc_err *err);
struct sc_hash *sc_blob_hash(struct sc_blob_writer *writer); /* borrowed */
/* Opens a blob for reading: the fd. */
SC_MUST_CHECK int sc_blob_open(const struct sc_store *store, const char *digest, struct sc_err *err);
SC_MUST_CHECK int sc_blob_size(const struct sc_store *store, const char *digest, int64_t *size, struct sc_err *err);
/* Puts a remedy on errors that a full disk makes. */
int sc_err_disk(struct sc_err *err, const struct sc_store *store);

/* ---- stream.c: the bytes of a file that may be compressed (gzip, zstd, bzip2, xz), known by its first bytes */
struct sc_limits {
    uint64_t ratio;      /* unpacked bytes per packed byte ... */
    uint64_t ratio_from; /* ... once this many are unpacked */
    uint64_t entries;    /* in one archive */
    uint64_t name_bytes; /* of names that are remembered */
    size_t xattr_bytes;  /* of the attributes of one entry */
};
extern const struct sc_limits sc_limits_default;
/* Takes from SC_LAYER_ENTRIES how many entries the archive of a layer may have. */
SC_MUST_CHECK int sc_limits_choose(struct sc_store *store, struct sc_err *err);
const struct sc_limits *sc_limits_of(const struct sc_store *store);
enum sc_compression {
    SC_COMPRESSION_NONE,
    SC_COMPRESSION_GZIP,
    SC_COMPRESSION_ZSTD,
    SC_COMPRESSION_BZIP2,
    SC_COMPRESSION_XZ
};
struct sc_stream;
struct sc_jail;      /* jail-priv.h */
struct sc_inflating; /* jail-priv.h */
/* fd is borrowed, limits too. jail: who inflates; NULL: we do. */
SC_MUST_CHECK int sc_stream_open(struct sc_jail *jail, int fd, const struct sc_limits *limits, struct sc_stream **out,
                                 struct sc_err *err);
/* Bytes read into data, 0 at the end. A short read is not the end. */
SC_MUST_CHECK ssize_t sc_stream_read(struct sc_stream *stream, void *data, size_t size, struct sc_err *err);
/* A file that somebody writes to its end while it is read from its beginning. */
enum sc_follow_state { SC_FOLLOW_GROWS, SC_FOLLOW_WHOLE, SC_FOLLOW_BROKEN };
struct sc_follow {
    int tell_fd, hear_fd; /* two ends: the reader may be another process; -1: closed */
    uint64_t written;     /* as told, and as heard */
    enum sc_follow_state state;
    uint64_t heard;
    enum sc_follow_state heard_state;
};
void sc_follow_init(struct sc_follow *follow);
void sc_follow_release(struct sc_follow *follow);
/* len more bytes are there; what is WHOLE or BROKEN stays so. */
void sc_follow_tell(struct sc_follow *follow, uint64_t len, enum sc_follow_state state);
/* Waits until there are more than `read` bytes, or an end. */
void sc_follow_hear(struct sc_follow *follow, uint64_t read);
/* The first bytes of a file, which say how it is compressed. */
#define SC_PEEK_MAX 512
struct sc_peek {
    enum sc_compression compression;
    size_t len;
    char data[SC_PEEK_MAX];
};
/* follow: waits for what is not written yet; NULL: the file is whole. */
SC_MUST_CHECK int sc_stream_peek(int fd, struct sc_follow *follow, struct sc_peek *out, struct sc_err *err);
/* The rest of a file whose first bytes were read; inflated here, as they say. */
SC_MUST_CHECK int sc_stream_start(int fd, struct sc_follow *follow, const struct sc_limits *limits,
                                  const struct sc_peek *peek, struct sc_stream **out, struct sc_err *err);
/* What comes in a ring (ring-priv.h), as it is. */
SC_MUST_CHECK int sc_stream_start_ring(int sock_take, struct sc_stream **out, struct sc_err *err);
/* Whether the stream's bytes need not be copied to be looked at: then the next ones, good until the next call; 0 at the
 * end. Nobody reads from it besides. */
bool sc_stream_is_lent(const struct sc_stream *stream);
SC_MUST_CHECK ssize_t sc_stream_lend(struct sc_stream *stream, const void **data, struct sc_err *err);
void sc_stream_close(struct sc_stream *stream_take);
void sc_stream_closep(struct sc_stream **stream);
#define sc_cleanup_stream __attribute__((cleanup(sc_stream_closep))) struct sc_stream *
/* What the first bytes of a file say. */
enum sc_compression sc_compression_of(const void *data, size_t len);

/* Packed bytes, for what inflates them. */
SC_MUST_CHECK ssize_t sc_stream_read_packed(struct sc_stream *stream, void *data, size_t size, struct sc_err *err);

/* ---- inflate.c: gzip */
struct sc_inflate;
SC_MUST_CHECK int sc_inflate_new(struct sc_inflate **out, struct sc_err *err);
void sc_inflate_free(struct sc_inflate *inflate);
SC_MUST_CHECK ssize_t sc_inflate_read(struct sc_inflate *inflate, struct sc_stream *stream, void *data, size_t size,
                                      struct sc_err *err);

/* ---- pump.c: a stream read ahead by a thread, hashed on the way if asked */
struct sc_pump;
SC_MUST_CHECK int sc_pump_open(struct sc_stream *stream_take, bool hashes, struct sc_pump **out, struct sc_err *err);
/* The next bytes, good until the next call; 0 at the end. */
SC_MUST_CHECK ssize_t sc_pump_next(struct sc_pump *pump, const void **data, struct sc_err *err);
/* Adds bytes of what sc_pump_next() gave last, behind the caller, who may go on and not use the hash until
 * sc_pump_hashed(): that waits for all of them, and must be asked also where the caller gives up. For pumps that do not
 * hash all. */
SC_MUST_CHECK int sc_pump_hash(struct sc_pump *pump, struct sc_hash *hash, const void *data, size_t len,
                               struct sc_err *err);
SC_MUST_CHECK int sc_pump_hashed(struct sc_pump *pump, struct sc_err *err);
/* At the end: the digest of all that was pumped. */
SC_MUST_CHECK int sc_pump_digest(struct sc_pump *pump, char digest[SC_DIGEST_LEN + 1], struct sc_err *err);
void sc_pump_closep(struct sc_pump **pump);
#define sc_cleanup_pump __attribute__((cleanup(sc_pump_closep))) struct sc_pump *

/* ---- tar-head.c: pure, fuzzed. Walks over the headers of a tar beside libarchive, as far as it understands them. */
struct sc_tar_guard {
    bool is_over; /* the end, or what it does not understand */
    int64_t skip; /* bytes up to the next header */
};
/* The next bytes of the tar. It fails where libarchive would read another tree than GNU tar does. */
SC_MUST_CHECK int sc_tar_guard(struct sc_tar_guard *guard, const char *data, size_t len, struct sc_err *err);

/* ---- tar-heads.c: the heads of a tar, without what its files hold */
struct sc_tar_heads;
/* fd and follow (NULL: the file is whole) are borrowed. To be freed by free(3). */
SC_MUST_CHECK int sc_tar_heads_open(int fd, struct sc_follow *follow, struct sc_tar_heads **out, struct sc_err *err);
/* The next bytes, which the guard has seen, good until the next call; 0 at the end. */
SC_MUST_CHECK ssize_t sc_tar_heads_next(struct sc_tar_heads *heads, struct sc_tar_guard *guard, const void **data,
                                        struct sc_err *err);
/* Jumps over that many bytes, or some less: returns how many. */
int64_t sc_tar_heads_skip(struct sc_tar_heads *heads, struct sc_tar_guard *guard, int64_t len);
uint64_t sc_tar_heads_at(const struct sc_tar_heads *heads); /* where the next byte is */
/* Whether the head right before `at` says, by itself, that a file of this size follows, and all of it is there: waits
 * for it. 1, 0 or -1. */
SC_MUST_CHECK int sc_tar_heads_is_whole(const struct sc_tar_heads *heads, uint64_t at, uint64_t size,
                                        struct sc_err *err);

/* A tar reader over a pumped stream, or over heads. */
struct sc_tar_in {
    struct archive *archive;
    struct sc_pump *pump;
    struct sc_tar_heads *heads; /* instead */
    struct sc_err err;          /* of the read callback */
    uint64_t entries;
    const struct sc_limits *limits;
    int64_t size, end; /* of the entry: what it promises, and where its last piece ended */
    struct sc_tar_guard guard;
};
/* hashes: sc_tar_in_digest will be asked. */
SC_MUST_CHECK int sc_tar_in_open(struct sc_stream *stream_take, const struct sc_limits *limits, bool hashes,
                                 struct sc_tar_in **out, struct sc_err *err);
/* The same over a file of which only heads are read: what is not asked for is jumped over. */
SC_MUST_CHECK int sc_tar_in_open_heads(int fd, struct sc_follow *follow, const struct sc_limits *limits,
                                       struct sc_tar_in **out, struct sc_err *err);
/* The next entry; *entry is NULL at the end. */
SC_MUST_CHECK int sc_tar_in_next(struct sc_tar_in *tar, struct archive_entry **entry, struct sc_err *err);
/* The next piece of the entry's content; *len is 0 at the end. Holes are jumped over. Pieces come in order, within the
 * size that the entry promises; anything else is an error. */
SC_MUST_CHECK int sc_tar_in_data(struct sc_tar_in *tar, const void **data, size_t *len, int64_t *offset,
                                 struct sc_err *err);
/* Right after sc_tar_in_next, over heads: whether the whole content of a file is one piece of the tar, and where. What
 * is not is to be read as usual, also to hear what is wrong with it. 1, 0 or -1. */
SC_MUST_CHECK int sc_tar_in_place(const struct sc_tar_in *tar, struct archive_entry *entry, uint64_t *at,
                                  struct sc_err *err);
/* After the last entry: reads what is left and gives the digest of the whole uncompressed stream (NULL: not asked for).
 */
SC_MUST_CHECK int sc_tar_in_digest(struct sc_tar_in *tar, char *digest, struct sc_err *err);
void sc_tar_in_closep(struct sc_tar_in **tar);
#define sc_cleanup_tar_in __attribute__((cleanup(sc_tar_in_closep))) struct sc_tar_in *

/* ---- layer-name.c: pure, fuzzed */
enum sc_layer_name_kind {
    SC_LAYER_ROOT,     /* "./": the layer's own top directory */
    SC_LAYER_ENTRY,    /* dir/base */
    SC_LAYER_WHITEOUT, /* dir/.wh.base: base of the layers below is gone (image-spec, layer.md) */
    SC_LAYER_OPAQUE,   /* dir/.wh..wh..opq: all of dir of the layers below is gone */
};
struct sc_layer_name {
    enum sc_layer_name_kind kind;
    char dir[PATH_MAX];      /* clean and relative: no "", "." or ".." among its parts; "" is the top */
    char base[NAME_MAX + 1]; /* of ENTRY and WHITEOUT */
};
SC_MUST_CHECK int sc_layer_name_parse(const char *name, struct sc_layer_name *out, struct sc_err *err);
/* Whether an extended attribute is set: user.* and file capabilities are (1), what belongs to the host's policy is
 * passed over (0), and overlay's own are an attack (-1), as is what no kernel takes. value NULL: not known yet. */
SC_MUST_CHECK int sc_layer_xattr_check(const char *name, const void *value, size_t size, struct sc_err *err);

/* ---- layer-path.c, layer-attr.c */
/* The layers below, by their names under layer/, lowest first: implicit parents take their attributes from there. */
struct sc_layer_lowers {
    int layers_fd;
    const char *const *names;
    int *fds; /* of the same, the caller's, opened when they are needed first; -1: not yet */
    size_t count;
};
void sc_layer_lowers_release(struct sc_layer_lowers *lowers);
struct sc_layer_late; /* what is set on directories at the end */
struct sc_erofs;      /* erofs-priv.h */
struct sc_layer_attrs {
    uint32_t uid, gid;
    mode_t mode; /* 07777 */
    struct timespec mtime;
    bool is_implicit; /* a directory not listed: it shall have what it has in the layers below */
};
struct sc_unpack {
    struct sc_jailed *jailed; /* who unpacks it, in a process of its own (jail-priv.h); NULL: we do */
    struct sc_erofs *erofs;   /* what the layer is written to; NULL: the directory root_fd */
    bool is_index;            /* an image: what files hold stays in the blob, a tar as it is */
    int root_fd;              /* owned */
    bool is_root;             /* uid 0: failures to chown, mknod and set attributes are errors */
    bool makes_plain;         /* a file is made with root as its owner and the mode that it is asked for */
    bool can_make_devices;    /* root of the host: in a user namespace nobody makes them, and they are left out */
    struct sc_layer_lowers lowers;
    /* Instead of lowers: who knows what a directory has there. */
    struct sc_layer_attrs (*lower_fn)(void *data, const char *dir);
    void *lower_data;
    const struct sc_limits *limits;
    struct sc_layer_late *late;
    int cached_fd; /* the directory opened last */
    char cached_dir[PATH_MAX];
    uint64_t file_bytes;
};
/* Opens a directory of the layer, creating what is missing of it. The fd is borrowed until the next call. */
SC_MUST_CHECK int sc_layer_open_dir(struct sc_unpack *unpack, const char *dir, struct sc_err *err);
/* The same without creating: an fd to close, or -1 with ENOENT in err. */
SC_MUST_CHECK int sc_layer_find_dir(struct sc_unpack *unpack, const char *dir, struct sc_err *err);
/* To call when a directory may have gone: forgets the one opened last. */
void sc_layer_forget_dir(struct sc_unpack *unpack);
int sc_layer_path_err(struct sc_err *err, int errnum, const char *dir); /* why dir cannot be reached; returns -1 */
bool sc_layer_is_whiteout(const struct stat *st);
SC_MUST_CHECK int sc_layer_set_opaque(struct sc_unpack *unpack, int dir_fd, struct sc_err *err);

/* What a directory that the layer does not list has in the layers below. */
struct sc_layer_attrs sc_layer_lower_attrs(struct sc_unpack *unpack, const char *dir);
SC_MUST_CHECK int sc_layer_late_new(struct sc_layer_late **out, struct sc_err *err);
void sc_layer_late_free(struct sc_layer_late *late);
/* Directory dir_fd, at this path, gets mode and time when all is unpacked: its time would change, and its mode may
 * forbid us to write into it. Owner is set now. */
SC_MUST_CHECK int sc_layer_put_dir_attrs(struct sc_unpack *unpack, int dir_fd, const char *dir, const char *base,
                                         const struct sc_layer_attrs *attrs, struct sc_err *err);
SC_MUST_CHECK int sc_layer_late_apply(struct sc_unpack *unpack, struct sc_err *err);
/* Whether a file could not be given to an id because that is not ours to give: EINVAL says so in a user namespace. */
static inline bool
sc_layer_is_anothers(int errnum)
{
    return errnum == EPERM || errnum == EINVAL;
}
SC_MUST_CHECK int sc_layer_owner_err(struct sc_err *err, int errnum, uint32_t uid, uint32_t gid); /* returns -1 */
SC_MUST_CHECK int sc_layer_chown(const struct sc_unpack *unpack, int fd, uint32_t uid, uint32_t gid,
                                 struct sc_err *err);
SC_MUST_CHECK int sc_layer_put_xattrs(const struct sc_unpack *unpack, int fd, struct archive_entry *entry,
                                      struct sc_err *err);

/* ---- layer.c */
/* Unpacking one layer: init, stream, finish, release. A zeroed struct with both fds -1 may be released. stream needs
 * nothing but its own layer, so that several run at once; finish looks at the layers below (set lowers before it). */
SC_MUST_CHECK int sc_layer_unpack_init(struct sc_unpack *unpack, int dir_fd_take, const struct sc_limits *limits,
                                       struct sc_err *err);
SC_MUST_CHECK int sc_layer_unpack_stream(const struct sc_store *store, const char *digest, const char *diff_id,
                                         struct sc_unpack *unpack, struct sc_err *err);
/* What came of unpacking: its digest where the blob is compressed (or it was asked for), "" where it is the blob's. */
struct sc_unpacked {
    bool is_compressed;
    char diff_id[SC_DIGEST_LEN + 1];
    uint64_t file_bytes;
};
/* The same from any file, which may still grow; hashes_plain: also the digest of what is not compressed. */
SC_MUST_CHECK int sc_layer_unpack_blob(struct sc_unpack *unpack, int blob_fd, struct sc_follow *follow,
                                       bool hashes_plain, struct sc_unpacked *out, struct sc_err *err);
/* The same from any stream. digest: of what was unpacked, is written there; NULL: it is not asked for. */
SC_MUST_CHECK int sc_layer_unpack_from(struct sc_stream *stream_take, struct sc_unpack *unpack, char *digest,
                                       struct sc_err *err);
/* The same where unpack is_index, from the tar itself. */
SC_MUST_CHECK int sc_layer_index(int tar_fd, struct sc_follow *follow, struct sc_unpack *unpack, struct sc_err *err);
SC_MUST_CHECK int sc_layer_unpack_finish(struct sc_unpack *unpack, const char *diff_id, struct sc_err *err);
/* Instead of init: the layer becomes an EROFS image in image_fd, an empty file. */
SC_MUST_CHECK int sc_layer_unpack_init_erofs(struct sc_unpack *unpack, int image_fd_take, bool is_index,
                                             const struct sc_limits *limits, struct sc_err *err);
void sc_layer_unpack_release(struct sc_unpack *unpack);

/* ---- layer-erofs.c */
/* One entry of a layer into its image; what is wrong with its name, owner and type was said before. */
SC_MUST_CHECK int sc_layer_erofs_put(struct sc_unpack *unpack, struct sc_tar_in *tar, struct archive_entry *entry,
                                     const struct sc_layer_name *name, const struct sc_layer_attrs *attrs,
                                     struct sc_err *err);
SC_MUST_CHECK int sc_layer_erofs_finish(struct sc_unpack *unpack, const char *diff_id, struct sc_err *err);

/* ---- stage.c: a layer while it is made, under a temporary name */
/* What layer `name` of <data>/layer holds, whichever way it is kept: an fd of its top directory. */
SC_MUST_CHECK int sc_layer_open(int layers_fd, const char *name, struct sc_err *err);
/* Makes <data>/layer/<name> and prepares unpack to fill it, as the store's backend and the size of its blob say.
 * blob_fd (-1: it is in no file of the store) has the blob's first bytes. */
SC_MUST_CHECK int sc_stage_open(const struct sc_store *store, int layers_fd, const char *name, int blob_fd,
                                int64_t blob_size, struct sc_unpack *unpack, struct sc_err *err);
/* The blob beside an index becomes the store's own, where it is another file of the same content. */
SC_MUST_CHECK int sc_stage_adopt(const struct sc_store *store, int layers_fd, const char *name, const char *digest,
                                 struct sc_err *err);
/* Whether it is a file, so that it can be synced alone; then sync does so, with all that is beside it. */
bool sc_stage_is_image(int layers_fd, const char *name);
SC_MUST_CHECK int sc_stage_sync(int layers_fd, const char *name, struct sc_err *err);
/* Where the file system has fs-verity, lets the kernel check every block that is ever read of a layer's image against a
 * tree of hashes made now, and nobody write to it any more. Once it is synced and nobody has it open to write. */
void sc_stage_seal(int layers_fd, const char *name);
bool sc_stage_is_sealed(int layers_fd, const char *name);
/* Records beside it what it is: bytes of files, and the blob that it came from. */
SC_MUST_CHECK int sc_stage_note(const struct sc_store *store, int layers_fd, const char *name, uint64_t file_bytes,
                                const char *digest, struct sc_err *err);

/* ---- ahead.c */
struct sc_ahead;
struct sc_ahead_list {
    struct sc_ahead *first;
    pthread_mutex_t mutex; /* of the list, while threads add to it */
};
#define SC_AHEAD_LIST_INIT                                                                                             \
    {                                                                                                                  \
        .mutex = PTHREAD_MUTEX_INITIALIZER                                                                             \
    }
void sc_ahead_release(struct sc_ahead_list *list); /* ends and removes what nobody took */
#define sc_cleanup_ahead_list __attribute__((cleanup(sc_ahead_release))) struct sc_ahead_list
/* Unpacks behind a blob's writer, if its first bytes look like a layer's; NULL: not. It belongs to the store's list. */
struct sc_ahead *sc_ahead_start(const struct sc_store *store, int blob_fd, int64_t blob_size, const void *data,
                                size_t len);
/* Waits until fewer than max run, the oldest first: for who starts them all in one thread. */
void sc_ahead_limit(struct sc_ahead_list *list, size_t max);
/* Waits for one, which was told that no more bytes come: for threads that have one each. The rest take NULL as well. */
void sc_ahead_wait(struct sc_ahead *ahead);
void sc_ahead_wrote(struct sc_ahead *ahead, size_t len);
void sc_ahead_end(struct sc_ahead *ahead);                      /* no more bytes come */
void sc_ahead_break(struct sc_ahead *ahead);                    /* nor are those that came what they should be */
void sc_ahead_name(struct sc_ahead *ahead, const char *digest); /* the blob is whole and has this name */
/* A layer that was unpacked from this blob and is diff_id: its name below layer/, and its unpack, to be finished. */
bool sc_ahead_take(const struct sc_store *store, const char *digest, const char *diff_id, struct sc_arena *arena,
                   char **name, struct sc_unpack *unpack);

/* ---- commit-layers.c */
/* Unpacks the layers that are not there, and verifies the blobs of those that are; (*file_bytes)[i] is the size of
 * each. */
SC_MUST_CHECK int sc_layers_commit(const struct sc_store *store, const struct sc_manifest *manifest,
                                   const struct sc_image *image, struct sc_arena *arena, int64_t **file_bytes,
                                   struct sc_err *err);

/* ---- commit.c */
/* The same as sc_image_commit for a manifest that exists: its blob, those of its layers and its config are in the
 * store. */
SC_MUST_CHECK int sc_image_commit_manifest(const struct sc_store *store, const char *manifest_digest,
                                           const char *full_name, struct sc_arena *arena, char **image_id,
                                           struct sc_err *err);
/* "sha256:..." of the layers up to each, from their diff ids (image-spec, config.md, "Layer ChainID"). */
SC_MUST_CHECK int sc_chain_ids(const struct sc_strv *diff_ids, struct sc_arena *arena, struct sc_strv *hex,
                               struct sc_err *err);

/* Whether the blob, unpacked, is what diff_id says. */
SC_MUST_CHECK int sc_layer_verify(const struct sc_store *store, const char *digest, const char *diff_id,
                                  struct sc_err *err);

/* ---- load-source.c: a tar (read once, front to back, so that a pipe will do) or a directory, as named members */
struct sc_source {
    const struct sc_store *store;
    struct sc_arena *arena;
    int dir_fd;      /* of a directory, else -1 */
    json_t *members; /* of a tar: name to a position in items */
    struct sc_member *items;
    size_t count, capacity;
    uint64_t held; /* bytes of small members, in the arena */
    const struct sc_platform
        *platform;               /* only images for this one are wanted; NULL: for this machine, or as they are */
    struct sc_strv *passed_over; /* with platform: those of images that were not, once each */
};
#define SC_SOURCE_INIT                                                                                                 \
    {                                                                                                                  \
        .dir_fd = -1                                                                                                   \
    }
void sc_source_release(struct sc_source *source);
#define sc_cleanup_source __attribute__((cleanup(sc_source_release))) struct sc_source
/* path: a file, a directory, or "-". Large members of a tar become blobs of the store at once. */
SC_MUST_CHECK int sc_source_open(const struct sc_store *store, const char *path, struct sc_arena *arena,
                                 struct sc_source *out, struct sc_err *err);
bool sc_source_has(const struct sc_source *source, const char *name);
/* The whole of a member of at most SC_IMAGE_JSON_MAX bytes. An absent one is SC_ERR_INVALID: the archive is incomplete.
 */
SC_MUST_CHECK int sc_source_text(const struct sc_source *source, const char *name, struct sc_buf *out,
                                 struct sc_err *err);
/* Makes a member a blob; expected may be NULL. */
SC_MUST_CHECK int sc_source_blob(const struct sc_source *source, const char *name, const char *expected, char **digest,
                                 int64_t *size, struct sc_err *err);

/* The directory beside `path` that sc_image_save of this process fills before it gets that name; NULL without memory.
 */
char *sc_save_temp_dir(const char *path, struct sc_arena *arena);

/* ---- load-docker.c, load-oci.c: all images of a source; what was loaded goes to names also when a later one fails */
SC_MUST_CHECK int sc_load_docker(const struct sc_source *source, struct sc_strv *names, struct sc_err *err);
SC_MUST_CHECK int sc_load_oci(const struct sc_source *source, struct sc_strv *names, struct sc_err *err);
/* load-source.c: is an image of this platform wanted? One that is not is noted in passed_over. */
bool sc_load_is_wanted(const struct sc_source *source, const char *os, const char *arch, const char *variant);
/* Opens a file or "-" (standard input) for reading: the fd. */
SC_MUST_CHECK int sc_transfer_open(const char *path, struct sc_err *err);

/* ---- commit-layers.c */
/* Says of a layer whose blob is a tar as it is, and whose digest and size are filled in, what follows from it. */
SC_MUST_CHECK int sc_layer_make_plain(struct sc_store_layer *layer, struct sc_arena *arena, struct sc_err *err);
/* ---- tree-tar.c */
/* The tree at dir_fd as an uncompressed tar blob, entries sorted by name. */
SC_MUST_CHECK int sc_import_dir(const struct sc_store *store, int dir_fd, struct sc_arena *arena, char **digest,
                                int64_t *size, struct sc_err *err);

/* ---- import.c */
/* Of an image that is made here, in ns: now, or what SOURCE_DATE_EPOCH says, for who wants two imports of one tree to
 * be one image (reproducible-builds.org/specs/source-date-epoch). */
SC_MUST_CHECK int sc_time_of_creation(int64_t *nsec, struct sc_err *err);

/* ---- changes.c */
/* Applies Dockerfile words to the "config" object of an image config. Pure. */
SC_MUST_CHECK int sc_change_apply(json_t *config, const char *change, struct sc_err *err);

#endif
