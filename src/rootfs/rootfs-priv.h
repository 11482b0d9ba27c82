/*
 * The layers of an overlay as one tree, read without mounting it.
 *
 * A view is one directory of that tree: the directories of the layers that contribute to it, top first. Looking
 * up a name follows the rules of Documentation/filesystems/overlayfs.rst: the topmost layer that has the name decides;
 * a character device 0:0 (whiteout) hides what is below; directories merge until one is opaque. Names are looked up one
 * component at a time and links are resolved here, against the merged tree, so no kernel path walk ever follows what a
 * layer says.
 */
#ifndef SC_ROOTFS_PRIV_H
#define SC_ROOTFS_PRIV_H

#include <sys/stat.h>

#include "rootfs/rootfs.h"

struct sc_view {
    int *fds; /* O_RDONLY|O_DIRECTORY, ours */
    size_t count;
    bool is_userxattr; /* which attributes the overlay heeds */
};
#define SC_VIEW_INIT                                                                                                   \
    {                                                                                                                  \
        .fds = NULL                                                                                                    \
    }
void sc_view_release(struct sc_view *view);
#define sc_cleanup_view __attribute__((cleanup(sc_view_release))) struct sc_view

/* The root of the overlay: upper (when it exists) and all lower layers. */
SC_MUST_CHECK int sc_view_open(const struct sc_overlay *overlay, struct sc_view *out, struct sc_err *err);

enum sc_view_kind { SC_VIEW_ABSENT, SC_VIEW_DIR, SC_VIEW_OTHER };
struct sc_view_entry {
    enum sc_view_kind kind;
    struct sc_view dir; /* SC_VIEW_DIR: ours */
    size_t layer;       /* SC_VIEW_OTHER: index into the view's fds */
    struct stat st;     /* of the topmost */
};
void sc_view_entry_release(struct sc_view_entry *entry);
#define sc_cleanup_view_entry __attribute__((cleanup(sc_view_entry_release))) struct sc_view_entry
SC_MUST_CHECK int sc_view_lookup(const struct sc_view *view, const char *name, struct sc_view_entry *out,
                                 struct sc_err *err);

/* Opens name, which is entry of the view, for reading where it is a regular file; else *fd stays as it is. */
SC_MUST_CHECK int sc_view_open_regular(const struct sc_view *view, const struct sc_view_entry *entry, const char *name,
                                       int *fd, struct sc_err *err);

/* path from the root, links resolved inside it. A directory: *dir is its view. Anything else: *fd is it, opened for
 * reading when it is a regular file, else -1. Absent: both empty. */
SC_MUST_CHECK int sc_view_resolve(const struct sc_view *root, const char *path, struct sc_view *dir, int *fd,
                                  struct sc_err *err);

bool sc_view_is_whiteout(const struct stat *st);

#endif
