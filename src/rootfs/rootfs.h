/*
 * rootfs: turns an image's layers into what plan/ needs for a root, and reads single files of it before it exists.
 * It mounts nothing: the overlay is mounted by the container's own first process, inside its mount namespace.
 */
#ifndef SC_ROOTFS_H
#define SC_ROOTFS_H

#include "base/base.h"
#include "plan/plan.h"

/* Fills overlay from chain ids (lowest first, as struct sc_image has them): lowerdirs "<data>/layer/<chain>/diff" top
 * first, upper and work below container_dir. Nothing is made. */
void sc_rootfs_describe(const char *data_path, const struct sc_strv *chain_ids, const char *container_dir,
                        bool is_volatile, struct sc_arena *arena, struct sc_overlay *out);
/* Layers that are images are mounted, where nobody sees it, when they are looked into first, and stay so for the start;
 * this ends it. */
void sc_rootfs_release(struct sc_overlay *overlay);
/* Makes upper and work of such an overlay: mode 0755, owner root_uid:root_gid (for a user namespace). */
SC_MUST_CHECK int sc_rootfs_prepare(const char *container_dir, uid_t root_uid, gid_t root_gid, struct sc_arena *arena,
                                    struct sc_err *err);
/* Small files of one directory ("etc": "passwd", "group") as the container would see them, from the layers (upper
 * first), honouring whiteouts and opaque directories; a link is followed inside the tree. Absent or not a regular file:
 * empty buf, returns 0. At most max bytes each. */
SC_MUST_CHECK int sc_rootfs_read_files(const struct sc_overlay *overlay, const char *dir, const char *const *names,
                                       size_t count, size_t max, struct sc_buf *out, struct sc_err *err);
/* One file of a plain directory (--rootfs DIR, or /proc/PID/root), through openat2(RESOLVE_IN_ROOT |
 * RESOLVE_NO_MAGICLINKS). */
SC_MUST_CHECK int sc_rootfs_read_file_at(int root_fd, const char *path, size_t max, struct sc_buf *out,
                                         struct sc_err *err);
/* Copies what the directory path of the overlay holds (owners, modes, times, links, devices, user and capability
 * xattrs) into the empty directory dest_fd, whose own owner and mode become path's. Absent, or not a directory: nothing
 * is copied, returns 0. Hard links become files of their own. */
SC_MUST_CHECK int sc_rootfs_copy_up(const struct sc_overlay *overlay, const char *path, int dest_fd,
                                    struct sc_err *err);

/* From ids of a container whose id 0 is the caller, to those of one where the caller is `uid` and `gid`: in the first
 * one's eyes, ids below go up by one, and that one becomes 0. */
struct sc_id_shift {
    uint32_t uid, gid;
};
/* The whole tree so, with the owners shifted. */
SC_MUST_CHECK int sc_rootfs_copy_shifted(const struct sc_overlay *overlay, const struct sc_id_shift *shift, int dest_fd,
                                         struct sc_err *err);

#endif
