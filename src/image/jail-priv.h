/*
 * jail-priv: layers are unpacked by processes that can do nothing else (kernel/jail.c).
 *
 *     sc-transfer ──fork, before it has threads──► jail ──fork for each ask──► worker
 *         │ ask: input, output, follow (fds)         │                            │
 *         ├──────────────────────────────────────────┘                            │
 *         │◄─ result of the unpacking, or of the inflating ───────────────────────┤
 *         │── finish: diff id ───────────────────────────────────────────────────►│
 *         │◄─ lower: what a directory has in the layers below ────────────────────┤ (any number of times)
 *         │── its attributes ────────────────────────────────────────────────────►│
 *         │◄─ result of the finish ───────────────────────────────────────────────┘
 *
 * Each ask brings an end of a socket of its own, on which all else is said. End-of-file on it is an error to us (the
 * worker died) and the end to a worker. A worker has its input to read, and an empty image file or a detached mount of
 * the layer's directory to write to, beyond which there is nothing. All are killed when sc-transfer ends.
 *
 * No worker is asked for a digest: one that was taken over would say another layer's, and every image that has that
 * layer would get what it made. Of what is not compressed, the blob's own digest is the diff id. What is compressed is
 * inflated by one worker and unpacked by another, and we hash what passes from the one to the other:
 *
 *     blob ─► worker: inflate ─► ring ─► we: copy, SHA-256 of the copy ─► ring ─► worker: tar ─► layer
 *
 * The second ring is memory that only we can write to (ring-priv.h): what is hashed is what is unpacked, whoever wrote
 * to the first one, and whenever.
 */
#ifndef SC_IMAGE_JAIL_PRIV_H
#define SC_IMAGE_JAIL_PRIV_H

#include "image/ring-priv.h"
#include "image/transfer-priv.h"

/* capability.h: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SYS_ADMIN (for attributes trusted.*), MKNOD and SETFCAP, which
 * files need to be made as they shall be. */
#define SC_JAIL_CAP(n) (UINT64_C(1) << (n))
#define SC_JAIL_TREE_CAPS                                                                                              \
    (SC_JAIL_CAP(0) | SC_JAIL_CAP(1) | SC_JAIL_CAP(3) | SC_JAIL_CAP(4) | SC_JAIL_CAP(21) | SC_JAIL_CAP(27) |           \
     SC_JAIL_CAP(31))
struct sc_jail {
    int sock; /* the jail's asks */
    pid_t pid;
    struct sc_jail *images; /* a narrower one, for layers as images; NULL: this is for both */
};
/* Before the store is opened: mounts that are ours, so that a worker can be given a mount of its own. Of an ordinary
 * user that takes a user namespace, in which it keeps its id; where it can have none, Landlock must do (kernel/jail.h).
 */
void sc_jail_prepare(void);
/* Starts the jail of this store: call before the first thread. NULL stays NULL: layers are then unpacked by ourselves.
 */
SC_MUST_CHECK int sc_jail_start(struct sc_store *store, struct sc_err *err);
void sc_jail_stop(struct sc_jail **jail);

/* ---- jailed.c: our end of a worker */
enum sc_jail_work { SC_JAIL_TREE, SC_JAIL_EROFS, SC_JAIL_INFLATE };
struct sc_jail_ask {
    enum sc_jail_work work;
    bool has_follow, hashes_plain;
    bool reads_ring;                                       /* the input is a ring: TREE and EROFS, without follow */
    bool is_index, is_root, makes_plain, can_make_devices; /* of sc_unpack */
    struct sc_limits limits;
    struct sc_peek peek; /* of the input: these bytes were read from it; TREE and EROFS inflate nothing */
    uint64_t heard;      /* of sc_follow */
    enum sc_follow_state heard_state;
};
struct sc_jailed;
/* The layer is to be written into out_fd (borrowed until unpack): a directory, or an empty image file. */
SC_MUST_CHECK int sc_jailed_new(struct sc_jail *jail, bool is_erofs, struct sc_jailed **out, struct sc_err *err);
void sc_jailed_free(struct sc_jailed *jailed);
/* out->is_compressed and the digest of what is compressed are known by ourselves; that of what is not (hashes_plain) is
 * only the worker's word, good to find damage with. */
SC_MUST_CHECK int sc_jailed_unpack(struct sc_unpack *unpack, int blob_fd, struct sc_follow *follow, bool hashes_plain,
                                   struct sc_unpacked *out, struct sc_err *err);
SC_MUST_CHECK int sc_jailed_finish(struct sc_unpack *unpack, const char *diff_id, struct sc_err *err);
struct sc_jail_word;
/* Asks for a worker with these fds (SC_JAIL_FD_*, -1 last if there is none); *sock is our end of its socket. */
SC_MUST_CHECK int sc_jail_employ(struct sc_jail *jail, const struct sc_jail_ask *ask, int fds[], int *sock,
                                 struct sc_err *err);
/* A worker's result. unpack: whose questions are answered; NULL: it may have none. */
SC_MUST_CHECK int sc_jail_hear(int sock, struct sc_unpack *unpack, struct sc_jail_word *word, struct sc_err *err);

/* ---- inflating.c: our end of a worker that inflates */
/* fd and follow are borrowed; of a follow its hear_fd is closed. */
SC_MUST_CHECK int sc_inflating_start(struct sc_jail *jail, int fd, struct sc_follow *follow,
                                     const struct sc_limits *limits, const struct sc_peek *peek,
                                     struct sc_inflating **out, struct sc_err *err);
void sc_inflating_free(struct sc_inflating *inflating);
void sc_inflating_freep(struct sc_inflating **inflating);
#define sc_cleanup_inflating __attribute__((cleanup(sc_inflating_freep))) struct sc_inflating *
/* Inflated bytes; 0 at the end, once the worker has said that nothing was wrong. */
SC_MUST_CHECK ssize_t sc_inflating_read(struct sc_inflating *inflating, void *data, size_t size, struct sc_err *err);
/* All inflated bytes go into the ring `to`, and into the hash; to the end, or until there is something to hear from
 * sock, whose process then read less: *is_whole. */
SC_MUST_CHECK int sc_inflating_pass(struct sc_inflating *inflating, struct sc_ring *to, int sock, struct sc_hash *hash,
                                    bool *is_whole, struct sc_err *err);

/* ---- jail-worker.c */
enum sc_jail_say { SC_JAIL_RESULT, SC_JAIL_LOWER };
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
enum { SC_JAIL_FD_SOCK, SC_JAIL_FD_OUT, SC_JAIL_FD_IN, SC_JAIL_FD_FOLLOW, SC_JAIL_FD_COUNT };
/* Serves asks until there is nobody to ask. */
_Noreturn void sc_jail_serve(int sock, bool has_tree);

#endif
