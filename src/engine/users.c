/* Who the process runs as: names are looked up in the image's own passwd and group files. */
#include <string.h>

#include "engine/engine-priv.h"
#include "rootfs/rootfs.h"

static int
read_db(const char *path, const struct sc_overlay *overlay, int root_fd, struct sc_buf *out, struct sc_err *err)
{
    return root_fd >= 0 ? sc_rootfs_read_file_at(root_fd, path, SC_SMALL_FILE_MAX, out, err)
                        : sc_rootfs_read_file(overlay, path, SC_SMALL_FILE_MAX, out, err);
}

int
sc_users_resolve(const char *user, const struct sc_strv *group_add, const struct sc_overlay *overlay, int root_fd,
                 struct sc_arena *arena, struct sc_user_result *out, struct sc_err *err)
{
    struct sc_user_request ask = {.user = user ? user : "", .extra_groups = *group_add};
    sc_cleanup_buf passwd = SC_BUF_INIT, group = SC_BUF_INIT;

    if (read_db("etc/passwd", overlay, root_fd, &passwd, err) < 0 ||
        read_db("etc/group", overlay, root_fd, &group, err) < 0)
        return -1;
    return sc_user_resolve(sc_buf_str(&passwd), sc_buf_str(&group), &ask, arena, out, err);
}
