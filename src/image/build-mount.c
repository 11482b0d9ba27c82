/* What a RUN's mounts leave in its upper directory: the places that were made for them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "image/build-priv.h"
#include "kernel/kernel.h"

/* *is_gone: it was there, made by nobody but the engine, and is not any more. */
static int
remove_one(int upper_fd, const char *path, bool *is_gone, struct sc_err *err)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t len = slash ? (size_t)(slash - path) : 0;
    sc_cleanup_fd dir = -1;
    struct stat st;
    int status;

    *is_gone = false;
    memcpy(parent, len > 0 ? path : ".", len > 0 ? len : 1);
    parent[len > 0 ? len : 1] = '\0';
    status = sc_path_open_plain(upper_fd, parent, O_RDONLY | O_DIRECTORY);
    if (status == -ENOENT || status == -ENOTDIR || status == -ELOOP)
        return 0;
    if (status < 0)
        return sc_err_errno(err, -status, "open \"/%s\"", parent);
    dir = status;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || (S_ISREG(st.st_mode) && st.st_size > 0) ||
        (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return 0;
    if (unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == 0)
        *is_gone = true;
    else if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT)
        return sc_err_errno(err, errno, "remove \"/%s\", which was made to mount on", path);
    return 0;
}

int
sc_build_stubs_remove(int image_root, int upper_fd, const struct sc_strv *targets, struct sc_err *err)
{
    for (size_t i = 0; i < targets->count; i++) {
        char path[PATH_MAX];
        sc_cleanup_fd there = -1;
        bool is_gone = true;

        /* As it was when the mount was made: links of the image are followed inside it. */
        if (sc_build_resolve(image_root, targets->items[i], path, &there, err) < 0)
            return -1;
        while (there < 0 && is_gone && *path) {
            char *slash;
            int status;

            if (remove_one(upper_fd, path, &is_gone, err) < 0)
                return -1;
            slash = strrchr(path, '/');
            *(slash ? slash : path) = '\0';
            status = *path ? sc_path_open_plain(image_root, path, O_PATH) : -ENOENT;
            if (status >= 0)
                there = status;
        }
    }
    return 0;
}
