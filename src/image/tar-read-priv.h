/*
 * tar-read-priv: the tar around images, as `docker save` and its like write it.
 *
 * Layers are read by libarchive in a jail, for they hold everything that a tar can. What holds layers needs little of
 * it: files, directories and links, in ustar, GNU's or POSIX's (PAX) dialect. That little is read here, in the process
 * that has the store, without a copy of the content; so it is small, it is fuzzed, and refuses what it does not need.
 */
#ifndef SC_IMAGE_TAR_READ_PRIV_H
#define SC_IMAGE_TAR_READ_PRIV_H

#include "image/transfer-priv.h"

#define SC_TAR_READ_BLOCK  512
#define SC_TAR_RECORDS_MAX (1 << 20) /* bytes of one PAX header */

enum sc_member_kind {
    SC_MEMBER_ZEROS, /* a block of zeros: the end */
    SC_MEMBER_FILE,
    SC_MEMBER_DIR,
    SC_MEMBER_HARD_LINK,
    SC_MEMBER_SYMLINK,
    SC_MEMBER_LONG_NAME, /* GNU: the content is the next entry's name, or ... */
    SC_MEMBER_LONG_LINK, /* ... its link's target */
    SC_MEMBER_RECORDS,   /* PAX: the content says things of the next entry */
    SC_MEMBER_GLOBAL,    /* PAX: of all that follow; passed over */
    SC_MEMBER_OTHER,
};

/* ---- tar-head.c: pure, fuzzed */
struct sc_tar_head {
    enum sc_member_kind kind;
    char name[155 + 1 + 100 + 1];
    char link[100 + 1];
    int64_t size;
};
SC_MUST_CHECK int sc_tar_head_decode(const char block[SC_TAR_READ_BLOCK], struct sc_tar_head *out, struct sc_err *err);
int sc_tar_head_err(struct sc_err *err); /* what is there is no header; returns -1 */
/* What PAX records say, of what is asked for here: pieces of their text, which they change. NULL, -1: nothing. */
struct sc_tar_records {
    const char *path, *linkpath;
    int64_t size;
};
/* text ends in a byte more, which is set to NUL. */
SC_MUST_CHECK int sc_tar_records_decode(char *text, size_t len, struct sc_tar_records *out, struct sc_err *err);

/* ---- tar-read.c */
struct sc_tar_read {
    struct sc_pump *pump;
    const char *at; /* what the pump gave and is not used yet */
    size_t left;
    int64_t content, padding; /* of the entry, not read yet */
    uint64_t entries, max_entries;
    struct sc_tar_head head;
    struct sc_buf name, link, records; /* what headers before it said */
};
#define SC_TAR_READ_INIT                                                                                               \
    {                                                                                                                  \
        .pump = NULL                                                                                                   \
    }
struct sc_tar_member {
    enum sc_member_kind kind; /* FILE, DIR, HARD_LINK or SYMLINK */
    const char *name, *link;
    int64_t size;
};
SC_MUST_CHECK int sc_tar_read_open(struct sc_stream *stream_take, uint64_t max_entries, struct sc_tar_read *out,
                                   struct sc_err *err);
void sc_tar_read_release(struct sc_tar_read *tar);
#define sc_cleanup_tar_read __attribute__((cleanup(sc_tar_read_release))) struct sc_tar_read
/* The next member, good until the next call; 0 when there is none, after which the stream was read to its end. */
SC_MUST_CHECK int sc_tar_read_next(struct sc_tar_read *tar, struct sc_tar_member *out, struct sc_err *err);
/* The next bytes of its content, good until the next call; 0 at its end. */
SC_MUST_CHECK ssize_t sc_tar_read_data(struct sc_tar_read *tar, const void **data, struct sc_err *err);
/* Has those bytes added to a hash behind the caller: as sc_pump_hash() and sc_pump_hashed(). */
SC_MUST_CHECK int sc_tar_read_hash(struct sc_tar_read *tar, struct sc_hash *hash, const void *data, size_t len,
                                   struct sc_err *err);
SC_MUST_CHECK int sc_tar_read_hashed(struct sc_tar_read *tar, struct sc_err *err);

#endif
