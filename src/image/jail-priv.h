/*
 * jail-priv: layers are unpacked by processes that can do nothing else (kernel/jail.c).
 *
 *     sc-transfer ──fork, before it has threads──► jail ──fork for each layer──► worker
 *         │ ask: blob, output, follow (fds)          │                            │
 *         ├──────────────────────────────────────────┘                            │
 *         │◄─ result of the unpacking ────────────────────────────────────────────┤
 *         │── finish: diff id ───────────────────────────────────────────────────►│
 *         │◄─ lower: what a directory has in the layers below ────────────────────┤ (any number of times)
 *         │── its attributes ────────────────────────────────────────────────────►│
 *         │◄─ result of the finish ───────────────────────────────────────────────┘
 *
 * Each ask brings an end of a socket of its own, on which all else is said. End-of-file on it is an error to us (the
 * worker died) and the end to a worker. A worker has the blob to read, and an empty image file or a detached mount of
 * the layer's directory to write to, beyond which there is nothing. All are killed when sc-transfer ends.
 */
#ifndef SC_IMAGE_JAIL_PRIV_H
#define SC_IMAGE_JAIL_PRIV_H

#include "image/transfer-priv.h"

struct sc_jail {
    int sock; /* the jail's asks */
    pid_t pid;
    struct sc_jail *images; /* a narrower one, for layers as images; NULL: this is for both */
};
/* Starts the jail of this store: call before the first thread. NULL stays NULL: layers are then unpacked by ourselves.
 */
SC_MUST_CHECK int sc_jail_start(struct sc_store *store, struct sc_err *err);
void sc_jail_stop(struct sc_jail **jail);

/* ---- jailed.c: our end of a worker */
struct sc_jailed;
/* The layer is to be written into out_fd (borrowed until unpack): a directory, or an empty image file. */
SC_MUST_CHECK int sc_jailed_new(struct sc_jail *jail, bool is_erofs, struct sc_jailed **out, struct sc_err *err);
void sc_jailed_free(struct sc_jailed *jailed);
SC_MUST_CHECK int sc_jailed_unpack(struct sc_unpack *unpack, int blob_fd, struct sc_follow *follow, bool hashes_plain,
                                   struct sc_unpacked *out, struct sc_err *err);
SC_MUST_CHECK int sc_jailed_finish(struct sc_unpack *unpack, const char *diff_id, struct sc_err *err);

/* ---- jail-worker.c */
enum sc_jail_say { SC_JAIL_RESULT, SC_JAIL_LOWER };
struct sc_jail_ask {
    bool is_erofs, has_follow, hashes_plain;
    bool is_root, makes_plain, can_make_devices; /* of sc_unpack */
    struct sc_limits limits;
};
struct sc_jail_finish {
    char diff_id[SC_DIGEST_LEN + 1];
};
struct sc_jail_word { /* a worker's */
    enum sc_jail_say say;
    bool has_failed;
    struct sc_err err;
    struct sc_unpacked unpacked;
    char path[PATH_MAX]; /* LOWER */
};
/* The fds of an ask, in this order; the last only with has_follow. */
enum { SC_JAIL_FD_SOCK, SC_JAIL_FD_OUT, SC_JAIL_FD_BLOB, SC_JAIL_FD_FOLLOW, SC_JAIL_FD_COUNT };
/* Serves asks until there is nobody to ask. */
_Noreturn void sc_jail_serve(int sock, bool has_tree);

#endif
