/* tree-priv: whole trees of files, copied and compared. Nothing in them is trusted: no link is followed. */
#ifndef SC_IMAGE_TREE_PRIV_H
#define SC_IMAGE_TREE_PRIV_H

#include "image/transfer-priv.h"
#include "oci/oci.h"

/* ---- image-root.c */
/* What containers of the image see, as a detached mount that cannot be written: its fd. */
SC_MUST_CHECK int sc_image_open_root(const struct sc_store *store, const struct sc_image *image, struct sc_err *err);

/* ---- tree-copy.c */
/* Everything below from_fd into the empty directory to_fd, which also gets from_fd's own attributes. Hard links, times,
 * owners, devices, user attributes and file capabilities are kept; sockets and whiteouts stay behind. */
SC_MUST_CHECK int sc_tree_copy(int from_fd, int to_fd, struct sc_err *err);
#define SC_ID_NOBODY 65534U
struct sc_tree_ids { /* of a container, to those that its files have here; empty: they are the same */
    struct sc_oci_id_maps uids, gids;
};
struct sc_tree_copy_how {
    struct sc_tree_ids from, to;
    bool merges;         /* into what is there: directories stay, other files are replaced by files */
    bool is_of_caller;   /* whatever the owner was: without set-id bits, capabilities, and devices for others */
    bool nobody_is_root; /* in a user namespace: ids that are not mapped */
    bool is_live;        /* somebody may change the tree meanwhile: what has gone is left out */
};
/* All that is in directory from_fd; to_fd itself stays as it is. */
SC_MUST_CHECK int sc_tree_copy_children(int from_fd, int to_fd, const struct sc_tree_copy_how *how, struct sc_err *err);
/* from_fd's from_name ("": what from_fd itself is), and what is below it, as to_fd's name. */
SC_MUST_CHECK int sc_tree_copy_entry(int from_fd, const char *from_name, int to_fd, const char *name,
                                     const struct sc_tree_copy_how *how, struct sc_err *err);
/* Of procfs, sysfs and the like: a copy of a tree does not go into these, where it is live. */
bool sc_tree_is_virtual(int fd);
/* at_fd's name ("": what at_fd itself is): a regular file or a directory is opened for reading, a link for
 * readlinkat(2) alone; *fd stays -1 for the rest, as to open a device would do something. What st says is what fd is,
 * whatever has taken the name meanwhile. */
SC_MUST_CHECK int sc_tree_open(int at_fd, const char *name, struct stat *st, int *fd, struct sc_err *err);

/* ---- tree-diff.c */
/* How b differs from a: 'A' only in b, 'D' only in a, 'C' in both. path is absolute within the tree. Not 0: end. */
typedef int (*sc_tree_diff_fn)(void *data, char kind, const char *path, const char *why, struct sc_err *err);
struct sc_tree_diff {
    int a_fd, b_fd;
    bool is_exact; /* times, hard links and overlay's own attributes count too */
    sc_tree_diff_fn fn;
    void *data;
};
/* In the order of names. Below what is only in one of them nothing is listed. */
SC_MUST_CHECK int sc_tree_diff(const struct sc_tree_diff *diff, struct sc_err *err);
/* The attributes of an open file that count, as an object of name and hexadecimal value. */
SC_MUST_CHECK int sc_tree_xattrs(int fd, bool is_exact, json_t **out, struct sc_err *err);
/* Gives them to another, as far as its file system has any; is_root: one that may not be set is an error. */
SC_MUST_CHECK int sc_tree_set_xattrs(const json_t *attrs, int to_fd, bool is_root, struct sc_err *err);

/* ---- tree-tar.c */
struct sc_tree_tar_how {
    struct sc_tree_ids ids;
    bool is_live;  /* somebody may change the tree meanwhile: what has gone is left out */
    bool is_layer; /* a name that would delete something of the layers below is refused */
};
typedef int (*sc_tree_tar_fn)(void *sink, const void *data, size_t len, struct sc_err *err);
struct sc_tree_tar;
/* how: NULL for none of it. */
SC_MUST_CHECK int sc_tree_tar_open(sc_tree_tar_fn write, void *sink, const struct sc_tree_tar_how *how,
                                   struct sc_tree_tar **out, struct sc_err *err);
void sc_tree_tar_closep(struct sc_tree_tar **tar);
#define sc_cleanup_tree_tar __attribute__((cleanup(sc_tree_tar_closep))) struct sc_tree_tar *
/* All that is in directory dir_fd, below path ("": the names alone). */
SC_MUST_CHECK int sc_tree_tar_children(struct sc_tree_tar *tar, int dir_fd, const char *path, struct sc_err *err);
/* at_fd's name ("": what at_fd itself is; a path: no link on the way is followed) as path, and what is below it unless
 * is_alone. */
SC_MUST_CHECK int sc_tree_tar_add(struct sc_tree_tar *tar, int at_fd, const char *name, const char *path, bool is_alone,
                                  struct sc_err *err);
/* path of the layers below is gone. */
SC_MUST_CHECK int sc_tree_tar_whiteout(struct sc_tree_tar *tar, const char *path, struct sc_err *err);
SC_MUST_CHECK int sc_tree_tar_end(struct sc_tree_tar *tar, struct sc_err *err);
int sc_tree_tar_blob(void *writer, const void *data, size_t len, struct sc_err *err); /* into a struct sc_blob_writer */

/* ---- flat.c, flat-walk.c: several layers as the one that they are together */
struct sc_flat {
    bool has_below; /* there are layers below them, of which they hide something */
    size_t entries, entries_max;
};
/* names[0..count), lowest first, as a tar. SC_ERR_UNSUPPORTED: they are too many, too deep. */
SC_MUST_CHECK int sc_flat_write(struct sc_flat *flat, int layers_fd, const char *const *names, size_t count, int to_fd,
                                struct sc_err *err);
/* Of layers with these sizes, lowest first, from *at on: how many are to be put together next, up to the one before
 * *at, which moves; 0: no more. Pure. */
size_t sc_flat_next(const int64_t *sizes, size_t count, size_t *at);
/* How many layers, down from this one, its "flat" stands for; 0: it has none. */
size_t sc_flat_length(int layers_fd, const char *chain);
struct sc_flat_ask {
    const char *name;         /* where to, below layer/ */
    const char *const *names; /* of the layers, lowest first */
    size_t count;
    bool has_below;
    bool is_unbounded;   /* what cannot be is an error; else it is left out */
    const char *diff_id; /* of the top one */
};
SC_MUST_CHECK int sc_flat_make(const struct sc_store *store, int layers_fd, const struct sc_flat_ask *ask,
                               struct sc_err *err);

/* ---- fsck.c */
struct sc_store_check {
    bool repairs;
    void (*say)(void *data, const char *line); /* each problem, and each repair */
    void *data;
    size_t layers, blobs, problems, repaired;
    size_t sealed; /* layers of which the kernel checks each block (fs-verity) */
};
/* Every blob against its name, every layer against what its blob unpacks to. With repairs, a layer that differs is
 * unpacked anew. */
SC_MUST_CHECK int sc_store_fsck(const struct sc_store *store, struct sc_store_check *check, struct sc_err *err);

#endif
