/*
 * Binds without open_tree(2), move_mount(2) (Linux 5.2) and mount_setattr(2) (5.12): the launcher pins the source by
 * descriptor all the same, and the child binds it by mount(2) in its own mount namespace, having looked that each name
 * still leads to the file that is meant. What mount(2) cannot do, recursive attributes and id maps, stays refused.
 * [child] throughout.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/launch-priv.h"

static bool
is_same_file(int a, int b)
{
    struct stat one, other;

    return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

int
sc_classic_tree_open(const struct sc_step *step)
{
    if (step->u.tree.attr_set_rec != 0 || step->u.tree.attr_clear_rec != 0 || step->u.tree.idmap_slot != SC_SLOT_NONE)
        return -ENOSYS;
    /* lint: the host's, as the caller's configuration names it */
    int fd = open(step->u.tree.source, O_PATH | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

/* The source as this mount namespace has it: a descriptor of the launcher's cannot be bound here. */
static int
open_again(const char *source, int pinned)
{
    /* lint: the host's, as the caller's configuration names it */
    int fd = open(source, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (pinned >= 0 && !is_same_file(fd, pinned)) {
        close(fd);
        return -ESTALE;
    }
    return fd;
}

/* The mount that now covers what destination names; source_fd says what must be seen there. */
static int
open_mounted(const struct sc_executor *x, const char *destination, int source_fd)
{
    int fd = sc_path_open(x->slots[SC_SLOT_ROOT], destination, O_PATH, 0);

    if (fd >= 0 && !is_same_file(fd, source_fd)) {
        close(fd);
        return -ESTALE;
    }
    return fd;
}

static int
bind_over(const struct sc_executor *x, int source_fd, int target, const char *destination, const struct sc_bind *bind)
{
    int result = sc_mount_bind_tree(source_fd, target, bind->is_recursive);
    int mounted = result == 0 ? open_mounted(x, destination, source_fd) : result;

    if (mounted < 0)
        return mounted;
    if (bind->attr_set != 0 || bind->attr_clear != 0)
        result = sc_mount_change(mounted, bind->attr_set, bind->attr_clear);
    if (result == 0 && bind->propagation != 0)
        result = sc_mount_propagation(mounted, (unsigned long)bind->propagation);
    close(mounted);
    return result;
}

int
sc_classic_bind(const struct sc_executor *x, const char *source, int pinned, int target, const char *destination,
                const struct sc_bind *bind)
{
    int fd = open_again(source, pinned);

    if (fd < 0)
        return fd;
    int result = bind_over(x, fd, target, destination, bind);
    close(fd);
    return result;
}

int
sc_classic_readonly(const struct sc_executor *x, int target, const char *path)
{
    const struct sc_bind bind = {.is_recursive = true, .attr_set = MOUNT_ATTR_RDONLY};

    return bind_over(x, target, target, path, &bind);
}

/* The step that opened what slot holds */
static const struct sc_step *
opener_of(const struct sc_plan *plan, int slot)
{
    static const enum sc_phase phases[] = {SC_PHASE_BEFORE, SC_PHASE_BESIDE, SC_PHASE_CHILD};

    for (size_t k = 0; k < SC_ARRAY_LEN(phases); k++) {
        const struct sc_steps *list = sc_plan_list(plan, phases[k]);

        for (size_t i = 0; i < list->count; i++)
            if (list->items[i].op == SC_OP_TREE_OPEN && list->items[i].slot == slot)
                return &list->items[i];
    }
    return NULL;
}

int
sc_classic_root(struct sc_executor *x)
{
    const struct sc_step *step = opener_of(x->plan, SC_SLOT_ROOT);
    int pinned = x->slots[SC_SLOT_ROOT];
    int source = step != NULL ? open_again(step->u.tree.source, pinned) : -ENOSYS;

    if (source < 0)
        return source;
    int root = sc_mount_root_over(source);
    close(source);
    if (root < 0)
        return root;
    if (!is_same_file(root, pinned)) {
        close(root);
        return -ESTALE;
    }
    close(pinned);
    x->slots[SC_SLOT_ROOT] = root;
    int result = sc_mount_change(root, step->u.tree.attr_set, step->u.tree.attr_clear);
    if (result == 0 && step->u.tree.propagation != 0)
        result = sc_mount_propagation(root, (unsigned long)step->u.tree.propagation);
    return result;
}
