/*
 * image/tar-write: a tar stream that is a function of its entries alone: no times, owners or names of the host.
 *
 * ustar (POSIX.1-1988), with a pax extended header (POSIX.1-2001) before an entry only where ustar cannot say it: a
 * name of more than 100 bytes (255 where it can be split), a long link target, a file of 8 GiB or more, a file
 * capability. Every entry is of uid 0, gid 0 and time 0. The caller gives the order.
 */
#ifndef SC_IMAGE_TAR_WRITE_PRIV_H
#define SC_IMAGE_TAR_WRITE_PRIV_H

#include "base/base.h"

#define SC_TAR_BUFFER 65536

enum sc_tar_type { SC_TAR_FILE, SC_TAR_HARD_LINK, SC_TAR_SYMLINK, SC_TAR_DIR };

struct sc_tar_entry {
    const char *path; /* relative, without a leading "/" or "./": "usr/bin/bash" */
    enum sc_tar_type type;
    mode_t mode;            /* permission bits with setuid, setgid and sticky */
    uint64_t size;          /* of a FILE; its content follows by sc_tar_data */
    const char *link;       /* target of a SYMLINK, or path of the entry that a HARD_LINK repeats */
    const void *capability; /* the security.capability attribute, or NULL */
    size_t capability_len;
};

typedef int (*sc_tar_sink_fn)(void *sink, const void *data, size_t len, struct sc_err *err);

struct sc_tar {
    sc_tar_sink_fn write;
    void *sink;
    char *buffer; /* heap, SC_TAR_BUFFER bytes; collects small pieces */
    size_t used;
    uint64_t owed;    /* content bytes still to come for the open entry */
    uint64_t padding; /* zero bytes after them */
};
#define SC_TAR_INIT                                                                                                    \
    {                                                                                                                  \
        .buffer = NULL                                                                                                 \
    }

SC_MUST_CHECK int sc_tar_open(struct sc_tar *tar, sc_tar_sink_fn write, void *sink, struct sc_err *err);
/* The entry before must have got all its content (an internal error else). */
SC_MUST_CHECK int sc_tar_add(struct sc_tar *tar, const struct sc_tar_entry *entry, struct sc_err *err);
SC_MUST_CHECK int sc_tar_data(struct sc_tar *tar, const void *data, size_t len, struct sc_err *err);
/* Two zero blocks end the stream. */
SC_MUST_CHECK int sc_tar_finish(struct sc_tar *tar, struct sc_err *err);
void sc_tar_release(struct sc_tar *tar);
#define sc_cleanup_tar __attribute__((cleanup(sc_tar_release))) struct sc_tar

#endif
