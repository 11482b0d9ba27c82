/* The root file system, the device nodes, and what is hidden or made read-only at the end. */
#include <limits.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "plan/plan-priv.h"

/* A bind source or root becomes a detached mount: by the launcher where it has the right, else by the child, which is
 * root in its own user namespace. */
struct sc_step *
sc_compile_tree_step(struct sc_compiler *c, struct sc_steps *list, int slot, const char *why)
{
    const struct sc_oci_namespace *mount_ns = sc_oci_find_namespace(c->spec, SC_NS_MOUNT);
    /* paths are those of the mount namespace that is joined, where only the child is */
    bool is_childs = c->is_unprivileged || (mount_ns != NULL && !c->has_new[SC_NS_MOUNT]);

    return sc_steps_add(c->arena, is_childs ? &c->plan->child : list, SC_OP_TREE_OPEN, slot, why);
}

static int
compile_overlay(struct sc_compiler *c, struct sc_err *err)
{
    bool is_idmapped = c->idmap_slot != SC_SLOT_NONE;
    struct sc_step *step;

    if (c->has_user_ns && !c->is_unprivileged && !c->has_new[SC_NS_USER]) {
        sc_err_set(err, SC_ERR_UNSUPPORTED,
                   "user namespace: the image's files cannot be shifted for a user namespace that is joined");
        return sc_err_remedy(err, "give the container the same --uidmap and --gidmap instead, or use --rootfs");
    }
    if (c->has_user_ns && !c->is_unprivileged && !is_idmapped) {
        sc_err_set(err, SC_ERR_UNSUPPORTED,
                   "user namespace: the image's files cannot be shifted: this kernel has no idmapped mounts");
        return sc_err_remedy(err, "use Linux 5.19 or later, or --userns host");
    }
    step = sc_steps_add(c->arena, is_idmapped ? &c->plan->before : &c->plan->child, SC_OP_OVERLAY, SC_SLOT_ROOT,
                        is_idmapped ? "layers are idmapped where the launcher has the right to, then stacked"
                                    : "the layers stacked, mounted where only the container sees it");
    if (step == NULL)
        return sc_err_nomem(err);
    step->u.overlay.overlay = &c->ask->overlay;
    step->u.overlay.idmap_slot = c->idmap_slot;
    return 0;
}

static int
compile_plain_root(struct sc_compiler *c, struct sc_err *err)
{
    const char *path = c->spec->root.path;
    struct sc_step *step = sc_compile_tree_step(c, &c->plan->before, SC_SLOT_ROOT,
                                                "pivot_root needs the new root to be a mount of its own");
    const char *propagation = c->spec->linux_.rootfs_propagation;

    if (step == NULL)
        return sc_err_nomem(err);
    if (path[0] != '/')
        path = sc_arena_printf(c->arena, "%s/%s", c->ask->bundle, path);
    step->u.tree.source = path;
    step->u.tree.destination = "/";
    step->u.tree.is_recursive = true;
    step->u.tree.is_root = true;
    step->u.tree.idmap_slot = SC_SLOT_NONE;
    step->u.tree.propagation = MS_PRIVATE | MS_REC;
    /* slave: what the host mounts below its root appears. shared means a peer group of its own, which ROOT_PROPAGATION
     * makes; it is never one with the host (config-linux.md, "Rootfs Mount Propagation"). */
    if (propagation != NULL && strstr(propagation, "slave") != NULL)
        step->u.tree.propagation = MS_SLAVE | MS_REC;
    return sc_arena_check(c->arena, err);
}

/* Hooks that prepare the root look for it where the config says it is; so it must be there, with all its mounts, in the
 * container's mount namespace, until the root changes. */
static const char *
attach_path(const struct sc_compiler *c)
{
    const struct sc_oci_hooks *hooks = &c->spec->hooks;
    bool has_hooks = hooks->prestart.count + hooks->create_runtime.count + hooks->create_container.count > 0;
    const char *path = c->spec->root.path;

    if (c->has_new[SC_NS_MOUNT] &&
        (!has_hooks || c->ask->overlay.lowerdirs.count > 0 || c->host->root_is_ramfs || c->ask->no_pivot))
        return NULL;
    return path[0] == '/' ? path : sc_arena_printf(c->arena, "%s/%s", c->ask->bundle, path);
}

int
sc_compile_root(struct sc_compiler *c, struct sc_err *err)
{
    bool has_overlay = c->ask->overlay.lowerdirs.count > 0;
    const char *path = attach_path(c);
    bool is_shared = !c->has_new[SC_NS_MOUNT];
    struct sc_step *attach;

    if (is_shared && has_overlay)
        return sc_err_set(err, SC_ERR_INTERNAL, "layers need a mount namespace of the container's own");
    if ((has_overlay ? compile_overlay(c, err) : compile_plain_root(c, err)) < 0)
        return -1;
    attach = sc_steps_add(c->arena, &c->plan->child, SC_OP_ROOT_ATTACH, SC_SLOT_ROOT,
                          is_shared      ? "there is no mount namespace of its own: others see it, and all below it"
                          : path != NULL ? "where hooks look for it, in this mount namespace alone"
                                         : "mounted over the old root, in this mount namespace alone");
    if (attach == NULL)
        return sc_err_nomem(err);
    attach->u.text.text = path;
    attach->u.text.value = is_shared ? "never over /" : NULL;
    return 0;
}

/* ---- devices ------------------------------------------------------------------------------------ */

/* runtime-spec config-linux, "Default Devices" */
static const struct {
    const char *path;
    int major, minor;
} default_devices[] = {
    {"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

static const struct {
    const char *path, *target;
} default_links[] = {
    {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"}, {"/dev/core", "/proc/kcore"},      {"/dev/ptmx", "pts/ptmx"},
};

/* mknod(2) is refused in a user namespace: the host's node is bound instead. */
static int
add_bound_device(struct sc_compiler *c, const char *path, struct sc_err *err)
{
    int slot = sc_plan_new_slot(c->plan);
    struct sc_step *open_step = sc_compile_tree_step(
        c, &c->plan->before, slot, "device nodes cannot be made in a user namespace: the host's is bound");
    struct sc_step *step = sc_steps_add(c->arena, &c->plan->child, SC_OP_MOUNT_TREE, slot,
                                        "device nodes cannot be made in a user namespace");

    if (open_step == NULL || step == NULL)
        return sc_err_nomem(err);
    open_step->u.tree.source = path;
    open_step->u.tree.destination = path;
    open_step->u.tree.idmap_slot = SC_SLOT_NONE;
    open_step->u.tree.propagation = MS_PRIVATE;
    step->u.tree = open_step->u.tree;
    return 0;
}

static int
add_node(struct sc_compiler *c, char type, const char *path, unsigned mode, uint32_t uid, uint32_t gid, int64_t major,
         int64_t minor, struct sc_err *err)
{
    if ((c->has_user_ns || c->host->is_in_user_namespace) && type != 'p')
        return add_bound_device(c, path, err);

    struct sc_step *step =
        sc_steps_add(c->arena, &c->plan->child, SC_OP_MKNOD, SC_SLOT_NONE, "a device node of our own");
    if (step == NULL)
        return sc_err_nomem(err);
    step->u.node.type = type;
    step->u.node.path = path;
    step->u.node.mode = mode;
    step->u.node.uid = uid;
    step->u.node.gid = gid;
    step->u.node.major = major;
    step->u.node.minor = minor;
    return 0;
}

static bool
is_in_devices(const struct sc_oci_linux *l, const char *path)
{
    for (size_t i = 0; i < l->device_count; i++)
        if (strcmp(l->devices[i].path, path) == 0)
            return true;
    return false;
}

int
sc_compile_devices(struct sc_compiler *c, struct sc_err *err)
{
    const struct sc_oci_linux *l = &c->spec->linux_;

    if (c->dev_is_bound)
        return 0;
    for (size_t i = 0; i < SC_ARRAY_LEN(default_devices); i++)
        if (!is_in_devices(l, default_devices[i].path) &&
            add_node(c, 'c', default_devices[i].path, 0666, 0, 0, default_devices[i].major, default_devices[i].minor,
                     err) < 0)
            return -1;
    for (size_t i = 0; i < l->device_count; i++) {
        const struct sc_oci_device *d = &l->devices[i];

        if (add_node(c, d->type, d->path, d->file_mode.is_set ? (unsigned)d->file_mode.value & 07777 : 0666,
                     (uint32_t)d->uid.value, (uint32_t)d->gid.value, d->major, d->minor, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(default_links); i++) {
        struct sc_step *step =
            sc_steps_add(c->arena, &c->plan->child, SC_OP_SYMLINK, SC_SLOT_NONE, "a name that programs expect");

        if (step == NULL)
            return sc_err_nomem(err);
        step->u.link.path = default_links[i].path;
        step->u.link.target = default_links[i].target;
    }
    if (c->dev_is_readonly) {
        struct sc_step *step = sc_steps_add(c->arena, &c->plan->child, SC_OP_READONLY_PATH, SC_SLOT_NONE,
                                            "asked for with the mount, now that the devices are made");
        if (step == NULL)
            return sc_err_nomem(err);
        step->u.text.text = "/dev";
    }
    if (c->spec->process.terminal) {
        struct sc_step *step =
            sc_steps_add(c->arena, &c->plan->child, SC_OP_CONSOLE, SC_SLOT_NONE,
                         "a terminal of the container's own devpts; the master goes to the launcher");
        if (step == NULL)
            return sc_err_nomem(err);
        step->u.console.width = c->spec->process.console_width;
        step->u.console.height = c->spec->process.console_height;
        step->u.console.uid = c->spec->process.user.uid;
        step->u.console.binds_console = true;
    }
    return 0;
}

/* ---- masks --------------------------------------------------------------------------------------- */

static int
add_path_step(struct sc_compiler *c, enum sc_op op, const char *path, const char *why, struct sc_err *err)
{
    struct sc_step *step = sc_steps_add(c->arena, &c->plan->child, op, SC_SLOT_NONE, why);

    if (step == NULL)
        return sc_err_nomem(err);
    step->u.text.text = path;
    return 0;
}

static int
add_mask(struct sc_compiler *c, const char *path, struct sc_err *err)
{
    const char *label = c->spec->linux_.mount_label;

    if (add_path_step(c, SC_OP_MASK_PATH, path, "reading here would tell of the host", err) < 0)
        return -1;
    if (label != NULL && label[0] != '\0')
        c->plan->child.items[c->plan->child.count - 1].u.text.value =
            sc_compile_context(c->arena, "nr_blocks=1,nr_inodes=1", label);
    return sc_arena_check(c->arena, err);
}

int
sc_compile_protect(struct sc_compiler *c, struct sc_err *err)
{
    const struct sc_oci_linux *l = &c->spec->linux_;

    for (size_t i = 0; i < l->readonly_paths.count; i++)
        if (add_path_step(c, SC_OP_READONLY_PATH, l->readonly_paths.items[i], "writing here would change the host",
                          err) < 0)
            return -1;
    for (size_t i = 0; i < l->masked_paths.count; i++)
        if (add_mask(c, l->masked_paths.items[i], err) < 0)
            return -1;
    /* while the root can still be written */
    if (sc_compile_late_view(c, err) < 0)
        return -1;
    if (c->spec->root.readonly && add_path_step(c, SC_OP_ROOT_READONLY, "/", "asked for: a read-only root", err) < 0)
        return -1;
    return 0;
}
