/* --device and --privileged: what the host has in /dev. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "engine/engine-priv.h"

#define DEPTH_MAX 16

/* File systems and links that every container has of its own, and its console. */
static bool
is_own(const char *name)
{
    static const char *const names[] = {"pts",  "shm",  "fd",        "mqueue", "console",
                                        "ptmx", "core", "hugepages", ".lxc",   ".udev"};

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static int
add_node(struct sc_device_nodes *list, struct sc_arena *arena, const char *host_path, const char *path,
         const char *permissions, const struct stat *st, struct sc_err *err)
{
    struct sc_device_node *items = sc_arena_grow(arena, list->items, list->count, &list->capacity, sizeof(*items), 16);

    if (!items)
        return sc_err_nomem(err);
    list->items = items;
    list->items[list->count++] = (struct sc_device_node){
        .host_path = sc_arena_strdup(arena, host_path),
        .path = sc_arena_strdup(arena, path),
        .permissions = sc_arena_strdup(arena, permissions),
        .type = S_ISBLK(st->st_mode) ? 'b' : 'c',
        .major = major(st->st_rdev),
        .minor = minor(st->st_rdev),
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
    };
    return sc_arena_check(arena, err);
}

/* All nodes below a directory of the host, as nodes below path. */
static int
add_tree(struct sc_device_nodes *list, struct sc_arena *arena, const char *host_path, const char *path,
         const char *permissions, bool is_all, unsigned depth, struct sc_err *err)
{
    int fd = openat(AT_FDCWD, host_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* lint: the host's own /dev */
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *item;

    if (!dir)
        return sc_err_errno(err, errno, "read \"%s\"", host_path);
    while ((item = readdir(dir)) != NULL) {
        char *host_child, *child;
        struct stat st;

        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0 ||
            (is_all && depth == 0 && is_own(item->d_name)) || fstatat(fd, item->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        host_child = sc_arena_printf(arena, "%s/%s", host_path, item->d_name);
        child = sc_arena_printf(arena, "%s/%s", path, item->d_name);
        if (!host_child || !child)
            return sc_err_nomem(err);
        if (S_ISDIR(st.st_mode)) {
            if (depth < DEPTH_MAX && add_tree(list, arena, host_child, child, permissions, is_all, depth + 1, err) < 0)
                return -1;
        } else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
            if (add_node(list, arena, host_child, child, permissions, &st, err) < 0)
                return -1;
        }
    }
    return 0;
}

static int
add_asked(const struct sc_device_ask *ask, struct sc_arena *arena, struct sc_device_nodes *out, struct sc_err *err)
{
    const char *permissions = ask->permissions && *ask->permissions ? ask->permissions : "rwm";
    const char *path = sc_path_clean(ask->container_path ? ask->container_path : ask->host_path, arena);
    struct stat st;

    if (!path || ask->host_path[0] != '/')
        return sc_err_set(err, SC_ERR_INVALID, "--device \"%s\": it is not an absolute path", ask->host_path);
    if (strspn(permissions, "rwm") != strlen(permissions))
        return sc_err_set(err, SC_ERR_INVALID, "--device \"%s\": permissions \"%s\": only r, w and m are known",
                          ask->host_path, permissions);
    if (fstatat(AT_FDCWD, ask->host_path, &st, 0) < 0) /* lint: the caller's own path */
        return sc_err_errno(err, errno, "--device \"%s\"", ask->host_path);
    if (S_ISDIR(st.st_mode)) {
        size_t before = out->count;

        if (add_tree(out, arena, ask->host_path, path, permissions, false, 0, err) < 0)
            return -1;
        return out->count > before
                   ? 0
                   : sc_err_set(err, SC_ERR_INVALID, "--device \"%s\": no device is in it", ask->host_path);
    }
    if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
        return sc_err_set(err, SC_ERR_INVALID, "--device \"%s\": it is not a device", ask->host_path);
    return add_node(out, arena, ask->host_path, path, permissions, &st, err);
}

int
sc_devices_look(const struct sc_create_options *options, bool is_root, struct sc_arena *arena,
                struct sc_device_nodes *out, struct sc_err *err)
{
    if (options->privileged && is_root && add_tree(out, arena, "/dev", "/dev", "rwm", true, 0, err) < 0)
        return -1;
    for (size_t i = 0; i < options->device_count; i++) {
        if (add_asked(&options->devices[i], arena, out, err) < 0)
            return -1;
    }
    return 0;
}
