/* tree-priv: whole trees of files, copied and compared. Nothing in them is trusted: no link is followed. */
#ifndef SC_IMAGE_TREE_PRIV_H
#define SC_IMAGE_TREE_PRIV_H

#include "image/transfer-priv.h"

/* ---- image-root.c */
/* What containers of the image see, as a detached mount that cannot be written: its fd. */
SC_MUST_CHECK int sc_image_open_root(const struct sc_store *store, const struct sc_image *image, struct sc_err *err);

/* ---- tree-copy.c */
/* Everything below from_fd into the empty directory to_fd, which also gets from_fd's own attributes. Hard links, times,
 * owners, devices, user attributes and file capabilities are kept; sockets and whiteouts stay behind. */
SC_MUST_CHECK int sc_tree_copy(int from_fd, int to_fd, struct sc_err *err);

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

/* ---- fsck.c */
struct sc_store_check {
    bool repairs;
    void (*say)(void *data, const char *line); /* each problem, and each repair */
    void *data;
    size_t layers, blobs, problems, repaired;
};
/* Every blob against its name, every layer against what its blob unpacks to. With repairs, a layer that differs is
 * unpacked anew. */
SC_MUST_CHECK int sc_store_fsck(const struct sc_store *store, struct sc_store_check *check, struct sc_err *err);

#endif
