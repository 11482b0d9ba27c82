/* Without root: the part of the cgroup tree that was given to the caller (cgroup-v2.rst, "Delegation").
 *
 * A cgroup is delegated by giving away its directory, the file that takes processes and, on v2, the one that enables
 * controllers. The topmost such cgroup above this process is taken for the root of the hierarchy: a process may be
 * moved only between cgroups whose common ancestor is the mover's too, so a cgroup elsewhere is of no use. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup-priv.h"

/* Whether the cgroup is the caller's to fill. */
static bool
is_delegated(const struct sc_cgroup_hierarchy *item, const char *dir)
{
    static const char *const v1_files[] = {"tasks", NULL};
    static const char *const v2_files[] = {"cgroup.procs", "cgroup.subtree_control", NULL};
    const char *const *files = item->is_v2 ? v2_files : v1_files;
    sc_cleanup_fd fd = openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) < 0)
        return false;
    for (size_t i = 0; files[i]; i++) {
        if (faccessat(fd, files[i], W_OK, AT_EACCESS) < 0)
            return false;
    }
    return true;
}

/* The directory of the topmost delegated cgroup; "" when there is none. */
static void
find_top(const struct sc_cgroup_hierarchy *item, char out[PATH_MAX])
{
    size_t root_len = strcmp(item->mount_root, "/") == 0 ? 0 : strlen(item->mount_root);
    size_t mount_len = strlen(item->mount_point);
    const char *own = item->self_path;
    char dir[PATH_MAX];

    out[0] = '\0';
    if (strncmp(own, item->mount_root, root_len) != 0)
        return; /* the mount does not show it */
    own += root_len;
    if (snprintf(dir, sizeof(dir), "%s%s", item->mount_point, strcmp(own, "/") == 0 ? "" : own) >= (int)sizeof(dir))
        return;
    while (strlen(dir) >= mount_len && is_delegated(item, dir)) {
        memcpy(out, dir, strlen(dir) + 1);
        *strrchr(dir, '/') = '\0';
    }
}

/* What the top cgroup offers its children may be less than what the hierarchy has. */
static int
read_offered(struct sc_cgroup_hierarchy *item, struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(AT_FDCWD, item->mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char text[512], *save = NULL;

    if (fd < 0)
        return sc_err_errno(err, errno, "open cgroup \"%s\"", item->mount_point);
    item->controllers = (struct sc_strv){.items = NULL};
    if (sc_cgroup_read_small(fd, "cgroup.controllers", text, sizeof(text)) < 0)
        return 0;
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
        sc_strv_add(&item->controllers, arena, word);
    return sc_arena_check(arena, err);
}

int
sc_cgroup_keep_delegated(struct sc_cgroup_layout *layout, struct sc_arena *arena, struct sc_err *err)
{
    size_t kept = 0;

    layout->is_delegated_part = true;
    for (size_t i = 0; i < layout->count; i++) {
        struct sc_cgroup_hierarchy *item = &layout->items[i];
        char top[PATH_MAX];

        find_top(item, top);
        if (top[0] == '\0')
            continue;
        if (strcmp(top, item->mount_point) != 0) {
            item->mount_point = sc_arena_strdup(arena, top);
            if (!item->mount_point)
                return sc_err_nomem(err);
            if (item->is_v2 && read_offered(item, arena, err) < 0)
                return -1;
        }
        layout->items[kept++] = *item;
    }
    layout->count = kept;
    return 0;
}
