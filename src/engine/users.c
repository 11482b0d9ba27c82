/* Who the process runs as: names are looked up in the image's own passwd and group files. */
#include <string.h>

#include "engine/engine-priv.h"
#include "rootfs/rootfs.h"

enum { PASSWD, GROUP, DB_COUNT };

static int
read_dbs(const struct sc_overlay *overlay, int root_fd, struct sc_buf *out, struct sc_err *err)
{
    static const char *const names[DB_COUNT] = {[PASSWD] = "passwd", [GROUP] = "group"};

    if (root_fd < 0)
        return sc_rootfs_read_files(overlay, "etc", names, DB_COUNT, SC_SMALL_FILE_MAX, out, err);
    return sc_rootfs_read_file_at(root_fd, "etc/passwd", SC_SMALL_FILE_MAX, &out[PASSWD], err) < 0
               ? -1
               : sc_rootfs_read_file_at(root_fd, "etc/group", SC_SMALL_FILE_MAX, &out[GROUP], err);
}

int
sc_users_resolve(const char *user, const struct sc_strv *group_add, const struct sc_overlay *overlay, int root_fd,
                 struct sc_arena *arena, struct sc_user_result *out, struct sc_err *err)
{
    struct sc_user_request ask = {.user = user ? user : "", .extra_groups = *group_add};
    struct sc_buf dbs[DB_COUNT] = {SC_BUF_INIT, SC_BUF_INIT};
    int result = read_dbs(overlay, root_fd, dbs, err);

    if (result == 0)
        result = sc_user_resolve(sc_buf_str(&dbs[PASSWD]), sc_buf_str(&dbs[GROUP]), &ask, arena, out, err);
    for (size_t i = 0; i < DB_COUNT; i++)
        sc_buf_release(&dbs[i]);
    return result;
}
