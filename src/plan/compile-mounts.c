/* The config's mounts: binds as detached trees, file systems by type, and the cgroup view for each layout. */
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>

#include "plan/plan-priv.h"

/* The user namespace whose maps shift the files of a mount: one of the mount's own maps, or the container's. */
static int
find_idmap(struct sc_compiler *c, const struct sc_oci_mount *m, int *slot, struct sc_err *err)
{
    if (!c->host->has_idmapped_mounts)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "mount on \"%s\": this kernel has no idmapped mounts",
                          m->destination);
    if (c->is_unprivileged)
        return sc_err_set(err, SC_ERR_DENIED, "mount on \"%s\": an idmapped mount needs root", m->destination);
    if (m->uid_mappings.count == 0) {
        *slot = c->idmap_slot != SC_SLOT_NONE ? c->idmap_slot : c->user_ns_slot;
        return 0;
    }
    *slot = sc_plan_new_slot(c->plan);
    struct sc_step *step = sc_steps_add(c->arena, &c->plan->before, SC_OP_IDMAP_NS, *slot,
                                        "the mount has maps of its own, which a user namespace holds");
    if (step == NULL)
        return sc_err_nomem(err);
    step->u.idmap.uid_map = sc_compile_maps_text(c->arena, &m->uid_mappings);
    step->u.idmap.gid_map = sc_compile_maps_text(c->arena, &m->gid_mappings);
    return 0;
}

/* list: where the launcher opens the source */
static int
add_bind(struct sc_compiler *c, const struct sc_oci_mount *m, const struct sc_mount_options *o, struct sc_steps *list,
         struct sc_err *err)
{
    int slot, idmap_slot = SC_SLOT_NONE;
    const char *source = m->source;
    struct sc_step *open_step, *step;

    if (source == NULL || source[0] == '\0')
        return sc_err_set(err, SC_ERR_INVALID, "mount on \"%s\": a bind mount needs a source", m->destination);
    if (source[0] != '/')
        source = sc_arena_printf(c->arena, "%s/%s", c->ask->bundle, source);
    if ((o->is_idmap || m->uid_mappings.count > 0) && find_idmap(c, m, &idmap_slot, err) < 0)
        return -1;

    slot = sc_plan_new_slot(c->plan);
    open_step = sc_compile_tree_step(c, list, slot, "the source is pinned before anything of the container runs");
    step = sc_steps_add(c->arena, &c->plan->child, SC_OP_MOUNT_TREE, slot, "a bind mount the config asks for");
    if (open_step == NULL || step == NULL)
        return sc_err_nomem(err);
    open_step->u.tree.source = source;
    open_step->u.tree.destination = m->destination;
    open_step->u.tree.is_recursive = o->is_rec;
    open_step->u.tree.must_be_proc = sc_oci_in_proc(m->destination) == SC_OCI_PROC_ROOT;
    open_step->u.tree.idmap_slot = idmap_slot;
    open_step->u.tree.is_idmap_recursive = o->is_ridmap;
    open_step->u.tree.attr_set = o->attr_set;
    open_step->u.tree.attr_clear = o->attr_clear;
    open_step->u.tree.attr_set_rec = o->attr_set_rec;
    open_step->u.tree.attr_clear_rec = o->attr_clear_rec;
    open_step->u.tree.propagation = o->propagation != 0 ? o->propagation : MS_PRIVATE | MS_REC;
    step->u.tree = open_step->u.tree;
    if (strcmp(m->destination, "/dev") == 0)
        c->dev_is_bound = true;
    return 0;
}

static struct sc_step *
add_mount(struct sc_compiler *c, const char *type, const char *source, const char *destination, unsigned long flags,
          const char *data, const char *why)
{
    struct sc_step *step = sc_steps_add(c->arena, &c->plan->child, SC_OP_MOUNT, SC_SLOT_NONE, why);

    if (step == NULL)
        return NULL;
    step->u.mount.type = type;
    step->u.mount.source = source;
    step->u.mount.destination = destination;
    step->u.mount.ms_flags = flags;
    step->u.mount.data = data;
    return step;
}

/* Programs look for "cpu" where the hierarchy is "cpu,cpuacct". */
static int
add_controller_links(struct sc_compiler *c, const char *destination, struct sc_err *err)
{
    for (size_t i = 0; i < c->host->cgroups.count; i++) {
        const struct sc_cgroup_hierarchy *h = &c->host->cgroups.items[i];

        for (size_t k = 0; !h->is_v2 && h->controllers.count > 1 && k < h->controllers.count; k++) {
            struct sc_step *step;

            if (strcmp(h->controllers.items[k], h->name) == 0)
                continue;
            step = sc_steps_add(c->arena, &c->plan->child, SC_OP_SYMLINK, SC_SLOT_NONE,
                                "a controller is looked for under its own name");
            if (step == NULL)
                return sc_err_nomem(err);
            step->u.link.path = sc_arena_printf(c->arena, "%s/%s", destination, h->controllers.items[k]);
            step->u.link.target = h->name;
        }
    }
    return sc_arena_check(c->arena, err);
}

/* The container's directory of a hierarchy is bound. In a cgroup namespace that looks like a fresh mount, and is ten
 * times as fast, for the kernel compares a fresh one with all there are of its kind; but it is the host's own file
 * system, whose flags a container that may write to it must not change. */
static bool
is_cgroup_bound(const struct sc_compiler *c, unsigned long flags)
{
    if (c->plan->cgroup_path == NULL)
        return false;
    return !c->has_new[SC_NS_CGROUP] || ((flags & MS_RDONLY) != 0 && !c->has_user_ns && c->has_new[SC_NS_MOUNT]);
}

/* v1 and hybrid: a tmpfs with one directory for each hierarchy, as on the host. */
static int
add_cgroup_v1_view(struct sc_compiler *c, const char *destination, unsigned long flags, struct sc_err *err)
{
    const struct sc_cgroup_layout *layout = &c->host->cgroups;

    if (add_mount(c, "tmpfs", "tmpfs", destination, flags & ~(unsigned long)MS_RDONLY,
                  sc_compile_context(c->arena, "mode=755", c->spec->linux_.mount_label),
                  "v1 hierarchies are mounted below a tmpfs") == NULL)
        return sc_err_nomem(err);
    for (size_t i = 0; i < layout->count; i++) {
        const struct sc_cgroup_hierarchy *h = &layout->items[i];
        char *where = sc_arena_printf(c->arena, "%s/%s", destination, h->name);

        if (c->has_new[SC_NS_CGROUP] && !is_cgroup_bound(c, flags)) {
            char *data = sc_arena_strdup(c->arena, "");

            for (size_t k = 0; k < h->controllers.count && !h->is_v2; k++)
                data = sc_arena_printf(c->arena, "%s%s%s", data ? data : "", k > 0 ? "," : "", h->controllers.items[k]);
            if (!h->is_v2 && h->controllers.count == 1 && sc_str_starts(h->controllers.items[0], "name="))
                data = sc_arena_printf(c->arena, "none,%s", h->controllers.items[0]);
            if (add_mount(c, h->is_v2 ? "cgroup2" : "cgroup", "cgroup", where, flags, h->is_v2 ? NULL : data,
                          "the container's own part of this hierarchy") == NULL)
                return sc_err_nomem(err);
        } else if (is_cgroup_bound(c, flags)) {
            struct sc_oci_mount bind = {.destination = where,
                                        .source =
                                            sc_arena_printf(c->arena, "%s%s", h->mount_point, c->plan->cgroup_path)};
            struct sc_mount_options o = {.is_bind = true, .data = SC_BUF_INIT};

            if ((flags & MS_RDONLY) != 0)
                o.attr_set = MOUNT_ATTR_RDONLY;
            o.attr_set |= MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
            if (add_bind(c, &bind, &o, sc_compile_cgroup_list(c, h), err) < 0)
                return -1;
        }
    }
    if (add_controller_links(c, destination, err) < 0)
        return -1;
    if ((flags & MS_RDONLY) != 0) {
        struct sc_step *step = sc_steps_add(c->arena, &c->plan->child, SC_OP_READONLY_PATH, SC_SLOT_NONE,
                                            "the list of hierarchies is fixed");

        if (step == NULL)
            return sc_err_nomem(err);
        step->u.text.text = destination;
    }
    return sc_arena_check(c->arena, err);
}

static int
add_cgroup_view(struct sc_compiler *c, const struct sc_oci_mount *m, unsigned long flags, struct sc_err *err)
{
    const struct sc_cgroup_layout *layout = &c->host->cgroups;
    bool is_pure = layout->mode == SC_CGROUP_V2, is_v2_asked = strcmp(m->type, "cgroup2") == 0;
    size_t v2 = 0;

    if (sc_compile_enter_cgroups(c, err) < 0)
        return -1;
    while (v2 < layout->count && !layout->items[v2].is_v2)
        v2++;
    if ((layout->mode == SC_CGROUP_V1 || layout->mode == SC_CGROUP_HYBRID) && !is_v2_asked)
        return add_cgroup_v1_view(c, m->destination, flags, err);
    if (!is_v2_asked && (layout->mode == SC_CGROUP_ABSENT || (layout->count == 0 && !layout->is_delegated_part)))
        return 0;

    char *dir = v2 < layout->count && c->plan->cgroup_path != NULL
                    ? sc_arena_printf(c->arena, "%s%s", layout->items[v2].mount_point, c->plan->cgroup_path)
                    : NULL;
    struct sc_step *step = add_mount(c, "cgroup2", "cgroup2", m->destination, flags, NULL,
                                     "the container's own cgroup, as the root of what it sees");
    if (step == NULL)
        return sc_err_nomem(err);
    step->u.mount.fallback_bind = dir != NULL ? dir : is_pure ? "/sys/fs/cgroup" : NULL;
    if (!c->has_new[SC_NS_CGROUP] && dir != NULL) {
        /* without a cgroup namespace a fresh mount would show the whole host's tree */
        struct sc_oci_mount bind = {.destination = m->destination, .source = dir};
        struct sc_mount_options o = {
            .is_bind = true, .data = SC_BUF_INIT, .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};

        c->plan->child.count--;
        if ((flags & MS_RDONLY) != 0)
            o.attr_set |= MOUNT_ATTR_RDONLY;
        return add_bind(c, &bind, &o, &c->plan->before, err);
    }
    return 0;
}

/* Whether what is done at one place cannot matter to the other, whichever comes first. */
static bool
are_apart(const char *a, const char *b)
{
    size_t len = 0;

    /* what is not in its shortest form may be anywhere */
    if (b[0] != '/' || strstr(b, "/.") != NULL || strstr(b, "//") != NULL || sc_str_ends(b, "/"))
        return false;
    while (a[len] != '\0' && a[len] == b[len])
        len++;
    return !((a[len] == '\0' && (b[len] == '\0' || b[len] == '/')) || (b[len] == '\0' && a[len] == '/'));
}

/* Whether the view of cgroups, mount `index`, may be made after other mounts, devices and masks: nothing of them
 * concerns the place. */
static bool
can_be_late(const struct sc_compiler *c, size_t index)
{
    const struct sc_oci_linux *l = &c->spec->linux_;
    const char *place = c->spec->mounts[index].destination;

    if (!c->enters_cgroups || !are_apart("/dev", place))
        return false;
    for (size_t i = index + 1; i < c->spec->mount_count; i++)
        if (!are_apart(place, c->spec->mounts[i].destination))
            return false;
    for (size_t i = 0; i < l->device_count; i++)
        if (!are_apart(place, l->devices[i].path))
            return false;
    for (size_t i = 0; i < l->readonly_paths.count; i++)
        if (!are_apart(place, l->readonly_paths.items[i]))
            return false;
    for (size_t i = 0; i < l->masked_paths.count; i++)
        if (!are_apart(place, l->masked_paths.items[i]))
            return false;
    return true;
}

int
sc_compile_late_view(struct sc_compiler *c, struct sc_err *err)
{
    const struct sc_oci_mount *view = c->late_view;

    c->late_view = NULL;
    if (view == NULL || add_cgroup_view(c, view, c->late_view_flags, err) == 0)
        return 0;
    return sc_err_wrap(err, "mounts[%zu]", (size_t)(view - c->spec->mounts));
}

/* devpts and tmpfs name groups of the host's table; in a user namespace an unmapped gid is refused by the kernel. */
static const char *
without_unmapped_gid(struct sc_compiler *c, const char *data)
{
    uint64_t mapped = 0;
    const char *gid = data != NULL ? strstr(data, "gid=5") : NULL;

    if (!c->has_new[SC_NS_USER] || gid == NULL)
        return data;
    for (size_t i = 0; i < c->gid_maps->count; i++)
        if (c->gid_maps->items[i].container_id <= 5 &&
            5 < (uint64_t)c->gid_maps->items[i].container_id + c->gid_maps->items[i].size)
            mapped = 1;
    if (mapped)
        return data;
    size_t before = (size_t)(gid - data);
    const char *after = gid + strlen("gid=5");
    if (*after == ',')
        after++;
    else if (before > 0)
        before--;
    return sc_arena_printf(c->arena, "%.*s%s", (int)before, data, after);
}

/* A label for all files of the mount, but where they have labels of the policy's own. */
static const char *
with_label(struct sc_compiler *c, const char *type, const char *data)
{
    if (strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0 || strcmp(type, "mqueue") == 0)
        return data;
    return sc_compile_context(c->arena, data, c->spec->linux_.mount_label);
}

static int
add_file_system(struct sc_compiler *c, const struct sc_oci_mount *m, const struct sc_mount_options *o,
                struct sc_err *err)
{
    const char *type = m->type != NULL && m->type[0] != '\0' ? m->type : "none";
    const char *data = o->data.len > 0 ? sc_arena_strdup(c->arena, o->data.data) : NULL;
    struct sc_step *step;

    if (strcmp(type, "none") == 0)
        return sc_err_set(err, SC_ERR_INVALID, "mount on \"%s\": needs a type, or the option bind", m->destination);
    if (o->copies_up && strcmp(type, "tmpfs") != 0)
        return sc_err_set(err, SC_ERR_INVALID, "mount on \"%s\": tmpcopyup is for a tmpfs", m->destination);
    /* what is copied is charged to the container */
    if (o->copies_up && sc_compile_enter_cgroups(c, err) < 0)
        return -1;
    if (strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0) {
        if (c->late_view != NULL || !can_be_late(c, (size_t)(m - c->spec->mounts)))
            return add_cgroup_view(c, m, o->ms_flags, err);
        c->late_view = m;
        c->late_view_flags = o->ms_flags;
        return 0;
    }
    step = add_mount(c, type, m->source != NULL && m->source[0] != '\0' ? m->source : type, m->destination, o->ms_flags,
                     with_label(c, type, without_unmapped_gid(c, data)), "a file system the config asks for");
    if (step == NULL)
        return sc_err_nomem(err);
    if (strcmp(type, "mqueue") == 0 && c->host->has_selinux)
        step->u.mount.label = c->spec->linux_.mount_label;
    if (strcmp(m->destination, "/dev") == 0 && (o->ms_flags & MS_RDONLY) != 0) {
        step->u.mount.ms_flags &= ~(unsigned long)MS_RDONLY;
        c->dev_is_readonly = true;
    }
    if (strcmp(type, "tmpfs") == 0) {
        step->u.mount.copies_up = o->copies_up;
        step->u.mount.keeps_mode = data == NULL || strstr(data, "mode=") == NULL;
    }
    bool has_user_ns = c->has_user_ns || c->host->is_in_user_namespace;
    /* A fresh sysfs shows the devices of a network namespace, and only its owner may mount one. */
    if (strcmp(type, "sysfs") == 0 && has_user_ns && !c->has_new[SC_NS_NET])
        step->u.mount.fallback_bind = "/sys";
    if (strcmp(type, "mqueue") == 0 && has_user_ns && !c->has_new[SC_NS_IPC])
        step->u.mount.fallback_bind = "/dev/mqueue";
    if (strcmp(type, "proc") == 0 && has_user_ns && !c->has_new[SC_NS_PID])
        step->u.mount.fallback_bind = "/proc";
    if (o->propagation != 0) {
        struct sc_step *p =
            sc_steps_add(c->arena, &c->plan->child, SC_OP_PROPAGATION, SC_SLOT_NONE, "asked for with the mount");

        if (p == NULL)
            return sc_err_nomem(err);
        p->u.propagation.flags = o->propagation;
        p->u.propagation.path = m->destination;
    }
    return 0;
}

/* --init: our own reaper, bound read-only where no image file can be in its place */
static int
add_init(struct sc_compiler *c, struct sc_err *err)
{
    struct sc_oci_mount bind = {.destination = (char *)SC_INIT_INSIDE, .source = (char *)c->ask->init_path};
    struct sc_mount_options o = {
        .is_bind = true, .data = SC_BUF_INIT, .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};

    return c->ask->init_path != NULL ? add_bind(c, &bind, &o, &c->plan->before, err) : 0;
}

/* A mount that is there already gets other flags: those of the mount alone with bind, the file system's own without. */
static int
add_remount(struct sc_compiler *c, const struct sc_oci_mount *m, const struct sc_mount_options *o, struct sc_err *err)
{
    const char *data = o->data.len > 0 ? sc_arena_strdup(c->arena, o->data.data) : NULL;

    if (add_mount(c, "none", "none", m->destination, o->ms_flags | (o->is_bind ? MS_BIND : 0), data,
                  "a mount made before gets the flags the config asks for") == NULL)
        return sc_err_nomem(err);
    return 0;
}

/* What is mounted over the root would not be the mount that becomes "/", and the others would be hidden by it. */
static bool
is_over_root(const char *destination)
{
    return destination[strspn(destination, "/")] == '\0' || strcmp(destination, ".") == 0;
}

int
sc_compile_mounts(struct sc_compiler *c, struct sc_err *err)
{
    for (size_t i = 0; i < c->spec->mount_count; i++) {
        const struct sc_oci_mount *m = &c->spec->mounts[i];
        struct sc_mount_options o = {.data = SC_BUF_INIT};
        int result = sc_mount_options_parse(&m->options, &o, err);

        if (result == 0 && (o.ms_flags & MS_REMOUNT) != 0) {
            result = add_remount(c, m, &o, err);
        } else if (result == 0 && is_over_root(m->destination)) {
            result = sc_err_set(err, SC_ERR_UNSUPPORTED,
                                "mount on \"%s\": the root itself is what root.path names, nothing is mounted over it",
                                m->destination);
        } else if (result == 0 && o.data.len > 0 && o.is_bind) {
            result = sc_err_set(err, SC_ERR_INVALID, "mount on \"%s\": option \"%s\" does not apply to a bind mount",
                                m->destination, o.data.data);
        } else if (result == 0) {
            bool is_bind = o.is_bind || (m->type != NULL && strcmp(m->type, "bind") == 0);

            result = is_bind ? add_bind(c, m, &o, &c->plan->before, err) : add_file_system(c, m, &o, err);
        }
        sc_buf_release(&o.data);
        if (result < 0)
            return sc_err_wrap(err, "mounts[%zu]", i);
    }
    return add_init(c, err);
}
