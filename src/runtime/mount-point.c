/* The places of mounts, nodes and links inside the new root. All [child]: no allocation, no stdio. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "runtime/launch-priv.h"

static int
root_of(const struct sc_executor *x)
{
    return x->slots[SC_SLOT_ROOT];
}

int
sc_child_open_dir(struct sc_executor *x, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;

    if (x->node_dir >= 0 && len > 0 && len == x->node_dir_len && memcmp(path, x->node_path, len) == 0) {
        *name = slash + 1;
        if (slash[1] != '\0' && strcmp(slash + 1, ".") != 0 && strcmp(slash + 1, "..") != 0)
            return x->node_dir;
    }
    sc_closep(&x->node_dir);
    x->node_dir = sc_path_parent(root_of(x), path, name);
    x->node_path = path;
    x->node_dir_len = len;
    return x->node_dir;
}

/* Makes a mount point in the directory that is kept, if it is the path's. -ENOENT: it is not that simple. What is
 * mounted on the new directory covers nothing of the one that is kept, so that serves for the next. */
static int
make_in_kept(struct sc_executor *x, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;

    if (x->node_dir < 0 || len == 0 || len != x->node_dir_len || memcmp(path, x->node_path, len) != 0 ||
        slash[1] == '\0' || strcmp(slash + 1, ".") == 0 || strcmp(slash + 1, "..") == 0 ||
        mkdirat(x->node_dir, slash + 1, 0755) < 0)
        return -ENOENT;
    /* no link, whoever changes a shared root meanwhile */
    return sc_path_open_plain(x->node_dir, slash + 1, O_PATH | O_DIRECTORY);
}

/* Keeps the directory of path, where there is one, and makes the mount point in it. */
static int
make_and_keep(struct sc_executor *x, const char *path)
{
    char above[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;
    int fd = -ENOENT;

    if (len > 0 && len < sizeof(above)) {
        memcpy(above, path, len);
        above[len] = '\0';
        x->node_dir = sc_path_open(root_of(x), above, O_PATH | O_DIRECTORY, 0);
        x->node_path = path;
        x->node_dir_len = len;
        fd = make_in_kept(x, path);
    }
    if (fd >= 0)
        return fd;
    sc_closep(&x->node_dir);
    return -ENOENT;
}

int
sc_child_open_target(struct sc_executor *x, const char *destination, bool is_plain, bool is_file, bool *was_there)
{
    bool is_simple = !is_plain && !is_file;
    int fd = is_simple ? make_in_kept(x, destination) : -ENOENT;

    *was_there = false;
    if (fd >= 0)
        return fd;
    sc_closep(&x->node_dir); /* what is mounted may cover it */
    fd = is_plain ? sc_path_open_plain(root_of(x), destination, O_PATH | O_DIRECTORY)
                  : sc_path_open(root_of(x), destination, O_PATH, 0);
    *was_there = fd >= 0;
    if (fd == -ENOENT && is_simple)
        fd = make_and_keep(x, destination);
    if (fd == -ENOENT)
        fd = sc_path_make(root_of(x), destination, is_file, is_file ? 0644 : 0755);
    if (fd < 0 || !is_plain || *was_there)
        return fd;
    close(fd);
    return sc_path_open_plain(root_of(x), destination, O_PATH | O_DIRECTORY);
}
