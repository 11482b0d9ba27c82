/* Cgroups: one directory in every hierarchy, its limits, and how the process gets there. */
#include <string.h>

#include "plan/plan-priv.h"
#include "kernel/kernel.h"

/* Is anything asked for that only a cgroup can give? Device rules are not: without privilege no device can be made or
 * opened anyway. */
static bool
asks_for_limits(const struct sc_oci_resources *r)
{
    const struct sc_oci_memory *m = &r->memory;
    const struct sc_oci_cpu *cpu = &r->cpu;
    const struct sc_oci_block_io *io = &r->block_io;

    return m->limit.is_set || m->swap.is_set || m->reservation.is_set || m->kernel.is_set || m->kernel_tcp.is_set ||
           m->swappiness.is_set || m->disable_oom_killer.value || cpu->shares.is_set || cpu->quota.is_set ||
           cpu->period.is_set || cpu->burst.is_set || cpu->idle.is_set || cpu->realtime_period.is_set ||
           cpu->realtime_runtime.is_set || cpu->cpus != NULL || cpu->mems != NULL || r->pids_limit.is_set ||
           io->weight.is_set || io->leaf_weight.is_set || io->weight_device_count > 0 ||
           io->read_bps.count + io->write_bps.count > 0 || io->read_iops.count + io->write_iops.count > 0 ||
           r->hugepage_count > 0 || r->net_class_id.is_set || r->net_priority_count > 0 || r->rdma_count > 0 ||
           r->unified.count > 0;
}

struct sc_steps *
sc_compile_cgroup_list(const struct sc_compiler *c, const struct sc_cgroup_hierarchy *h)
{
    return c->has_cgroups_beside && !h->is_v2 ? &c->plan->beside : &c->plan->before;
}

static int
add_writes(struct sc_compiler *c, const struct sc_cgroup_writes *writes, struct sc_err *err)
{
    for (size_t i = 0; i < writes->count; i++) {
        const struct sc_cgroup_write *w = &writes->items[i];
        struct sc_step *step = sc_steps_add(c->arena, sc_compile_cgroup_list(c, &c->host->cgroups.items[w->hierarchy]),
                                            SC_OP_CGROUP_WRITE, c->cgroup_slots[w->hierarchy], w->why);

        if (step == NULL)
            return sc_err_nomem(err);
        step->u.cgroup_write.mount_point = c->host->cgroups.items[w->hierarchy].mount_point;
        step->u.cgroup_write.path = c->plan->cgroup_path;
        step->u.cgroup_write.file = w->file;
        step->u.cgroup_write.value = w->value;
        step->u.cgroup_write.is_optional = w->is_optional;
    }
    return 0;
}

/* v2 has no device files: access is decided by a BPF program on the directory. */
static int
add_device_program(struct sc_compiler *c, const struct sc_oci_resources *r, struct sc_err *err)
{
    const struct sc_cgroup_layout *layout = &c->host->cgroups;
    struct bpf_insn *insns = NULL;
    size_t count = 0;
    int v2 = sc_cgroup_find_v2(layout);

    if (r->device_count == 0 || sc_cgroup_find(layout, "devices") >= 0 || v2 < 0)
        return 0;
    if (sc_cgroup_device_program(r->devices, r->device_count, c->arena, &insns, &count, err) < 0)
        return -1;

    struct sc_step *step = sc_steps_add(c->arena, &c->plan->before, SC_OP_CGROUP_DEVICES, c->cgroup_slots[v2],
                                        "device access is decided by a BPF program on v2");
    if (step == NULL)
        return sc_err_nomem(err);
    step->u.devices.insns = insns;
    step->u.devices.insn_count = count;
    step->u.devices.summary =
        sc_arena_printf(c->arena, "%zu device rules as %zu BPF instructions", r->device_count, count);
    return 0;
}

static bool
has_writable_cgroup_mount(const struct sc_oci_spec *spec)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct sc_oci_mount *m = &spec->mounts[i];
        bool is_readonly = false;

        if (m->type == NULL || (strcmp(m->type, "cgroup") != 0 && strcmp(m->type, "cgroup2") != 0))
            continue;
        for (size_t k = 0; k < m->options.count; k++)
            if (strcmp(m->options.items[k], "ro") == 0 || strcmp(m->options.items[k], "rro") == 0)
                is_readonly = true;
        if (!is_readonly)
            return true;
    }
    return false;
}

/* Delegation (config-linux.md, "Cgroup ownership"): who runs the container's process may make cgroups of its own where
 * that process has a cgroup namespace of its own, and writes to the cgroup file system of v2. */
static int
add_owner(struct sc_compiler *c, struct sc_err *err)
{
    const struct sc_oci_namespace *user = sc_oci_find_namespace(c->spec, SC_NS_USER);
    const struct sc_oci_namespace *cgroup = sc_oci_find_namespace(c->spec, SC_NS_CGROUP);
    uint32_t uid = c->spec->process.user.uid;
    bool is_mapped = user == NULL;

    if (c->host->cgroups.mode != SC_CGROUP_V2 || c->is_unprivileged || cgroup == NULL ||
        (cgroup->path != NULL && cgroup->path[0] != '\0') || !has_writable_cgroup_mount(c->spec))
        return 0;
    for (size_t i = 0; i < c->uid_maps->count && !is_mapped; i++) {
        const struct sc_oci_id_map *map = &c->uid_maps->items[i];

        is_mapped = uid >= map->container_id && uid - map->container_id < map->size;
        if (is_mapped)
            uid = map->host_id + (uid - map->container_id);
    }
    /* the maps of a user namespace that is joined are not known here */
    if (!is_mapped || uid == c->host->uid)
        return 0;
    struct sc_step *step = sc_steps_add(c->arena, &c->plan->before, SC_OP_CGROUP_OWNER, c->cgroup_slots[0],
                                        "its own cgroup namespace, writable: it may divide its limits further");
    if (step == NULL)
        return sc_err_nomem(err);
    step->u.cgroup_owner.mount_point = c->host->cgroups.items[0].mount_point;
    step->u.cgroup_owner.path = c->plan->cgroup_path;
    step->u.cgroup_owner.uid = uid;
    return 0;
}

/* systemd makes the cgroup and holds the limits; the container's process is then born in it as in any other. A scope
 * must begin with a process, so another one holds the place until then. */
static int
add_unit(struct sc_compiler *c, const struct sc_oci_resources *r, const struct sc_cgroup_writes *writes,
         struct sc_unit *unit, struct sc_err *err)
{
    const struct sc_cgroup_layout *layout = &c->host->cgroups;
    struct sc_unit_properties *properties = &unit->properties;
    struct sc_step *step = sc_steps_add(c->arena, &c->plan->before, SC_OP_UNIT_START, SC_SLOT_NONE,
                                        "systemd makes the cgroup, as a scope");

    if (step == NULL)
        return sc_err_nomem(err);
    step->u.unit.unit = unit;
    step->u.unit.is_user = c->ask->systemd->is_user;
    c->plan->unit = unit->name;
    c->plan->unit_is_user = c->ask->systemd->is_user;
    if (sc_systemd_limits(layout, writes, c->ask->systemd, c->arena, properties, err) < 0 ||
        (r->device_count > 0 &&
         sc_systemd_devices(r->devices, r->device_count, c->ask->systemd, c->arena, properties, err) < 0))
        return -1;
    return sc_systemd_common(unit, c->ask->id, layout->mode == SC_CGROUP_V2, &c->spec->annotations, c->arena,
                             properties, err);
}

/* From another session a user may not move a process into the unit, nor have one born there: the user's systemd can
 * have it moved. */
static int
add_attach(struct sc_compiler *c, struct sc_unit *unit, struct sc_err *err)
{
    struct sc_step *step = sc_steps_add(c->arena, &c->plan->after, SC_OP_UNIT_ATTACH, SC_SLOT_NONE,
                                        "only systemd may move a process from one session to another");

    if (step == NULL || sc_steps_add(c->arena, &c->plan->child, SC_OP_WAIT_UNIT, SC_SLOT_NONE,
                                     "the cgroup namespace's root is the cgroup it is made in") == NULL)
        return sc_err_nomem(err);
    step->u.unit.unit = unit;
    step->u.unit.is_user = true;
    c->cgroup_v2_slot = SC_SLOT_NONE;
    return 0;
}

static int
add_directories(struct sc_compiler *c, const struct sc_strv *need, struct sc_err *err)
{
    const struct sc_cgroup_layout *layout = &c->host->cgroups;
    struct sc_buf undo = SC_BUF_INIT;
    const char *freezer = NULL;

    for (size_t i = 0; i < layout->count; i++) {
        const struct sc_cgroup_hierarchy *h = &layout->items[i];
        struct sc_step *step = sc_steps_add(c->arena, sc_compile_cgroup_list(c, h), SC_OP_CGROUP_CREATE,
                                            c->cgroup_slots[i] = sc_plan_new_slot(c->plan),
                                            c->plan->unit != NULL ? "systemd makes it only where it uses the hierarchy"
                                            : h->is_v2            ? "the v2 cgroup the process is born in"
                                                                  : "a cgroup of its own in this v1 hierarchy");
        if (step == NULL)
            return sc_err_nomem(err);
        /* the slot after it holds the open `tasks` file of a v1 cgroup */
        if (h->is_v2)
            c->cgroup_v2_slot = c->cgroup_slots[i];
        else
            sc_plan_new_slot(c->plan);
        step->u.cgroup.mount_point = h->mount_point;
        step->u.cgroup.path = c->plan->cgroup_path;
        step->u.cgroup.is_v2 = h->is_v2;
        step->u.cgroup.may_exist = c->plan->unit != NULL;
        step->u.cgroup.need_controllers = need;
        step->u.cgroup.hierarchy = (int)i;

        char *dir = sc_arena_printf(c->arena, "%s%s", h->mount_point, c->plan->cgroup_path);
        if (dir == NULL)
            return sc_err_nomem(err);
        sc_strv_add(&c->plan->cgroup_dirs, c->arena, dir);
        if (sc_arena_check(c->arena, err) < 0)
            return -1;
        if ((int)i == sc_cgroup_find(layout, "freezer") && !h->is_v2)
            freezer = c->plan->cgroup_dirs.items[c->plan->cgroup_dirs.count - 1];
        if (h->is_v2 || (int)i == sc_cgroup_find(layout, "freezer"))
            sc_strv_addf(&c->plan->freezers, c->arena, "%s/%s", dir, h->is_v2 ? "cgroup.freeze" : "freezer.state");
        if ((int)i == sc_cgroup_find(layout, "memory")) {
            c->plan->memory_dir = dir;
            c->plan->memory_is_v2 = h->is_v2;
        }
    }
    /* That one first: in v1's freezer the paused take no signal, and only there are they let go. */
    if (freezer != NULL)
        sc_undo_add(&undo, SC_UNDO_CGROUP_KILL, freezer);
    for (size_t i = 0; i < c->plan->cgroup_dirs.count; i++) {
        if (c->plan->cgroup_dirs.items[i] != freezer)
            sc_undo_add(&undo, SC_UNDO_CGROUP_KILL, c->plan->cgroup_dirs.items[i]);
    }
    if (c->plan->unit != NULL)
        sc_undo_add(&undo, c->plan->unit_is_user ? SC_UNDO_SYSTEMD_USER_STOP : SC_UNDO_SYSTEMD_STOP, c->plan->unit);
    for (size_t i = 0; i < c->plan->cgroup_dirs.count; i++)
        sc_undo_add(&undo, SC_UNDO_CGROUP_REMOVE, c->plan->cgroup_dirs.items[i]);
    int result = sc_buf_check(&undo, err);
    c->plan->undo = sc_arena_strdup(c->arena, sc_buf_str(&undo));
    sc_buf_release(&undo);
    return result;
}

static int
add_joins(struct sc_compiler *c, struct sc_err *err)
{
    for (size_t i = 0; i < c->host->cgroups.count; i++) {
        const struct sc_cgroup_hierarchy *h = &c->host->cgroups.items[i];

        if (h->is_v2)
            continue; /* CLONE_INTO_CGROUP */
        struct sc_step *step = sc_steps_add(c->arena, &c->plan->child, SC_OP_CGROUP_JOIN, c->cgroup_slots[i] + 1,
                                            "a task that moves itself skips the lock that moving another takes");
        if (step == NULL)
            return sc_err_nomem(err);
        step->u.cgroup.mount_point = h->mount_point;
        step->u.cgroup.path = c->plan->cgroup_path;
    }
    return 0;
}

/* What every container may use, after the config's own rules, as runc and crun append them: making any node, and the
 * default devices of config-linux with the pty pair. Without this the default devices could not even be made. */
static const struct {
    char type;
    int major, minor;
    bool is_mknod_only;
} default_rules[] = {
    {'c', -1, -1, true}, {'b', -1, -1, true}, {'c', 1, 3, false}, {'c', 1, 5, false}, {'c', 1, 7, false},
    {'c', 1, 8, false},  {'c', 1, 9, false},  {'c', 5, 0, false}, {'c', 5, 2, false}, {'c', 136, -1, false},
};

/* not set: any */
static bool
covers_number(const struct sc_opt_i64 *wide, const struct sc_opt_i64 *narrow)
{
    return !wide->is_set || (narrow->is_set && wide->value == narrow->value);
}

static bool
has_common_number(const struct sc_opt_i64 *a, const struct sc_opt_i64 *b)
{
    return !a->is_set || !b->is_set || a->value == b->value;
}

/* Whether the config gives all of what rule allows and takes none of it back later. */
static bool
has_rule(const struct sc_oci_resources *r, const struct sc_oci_device_rule *rule)
{
    bool has = false;

    for (size_t i = 0; i < r->device_count; i++) {
        const struct sc_oci_device_rule *have = &r->devices[i];
        bool is_of_type = have->type == 'a' || have->type == rule->type;

        if (have->allow)
            has = has || (is_of_type && have->can_mknod && (have->can_read || !rule->can_read) &&
                          (have->can_write || !rule->can_write) && covers_number(&have->major, &rule->major) &&
                          covers_number(&have->minor, &rule->minor));
        else if (is_of_type && has_common_number(&have->major, &rule->major) &&
                 has_common_number(&have->minor, &rule->minor))
            has = false;
    }
    return has;
}

/* A copy of resources with the default rules at the end; the config itself stays as it was given. */
static struct sc_oci_resources *
with_default_rules(struct sc_compiler *c)
{
    const struct sc_oci_resources *given = &c->spec->linux_.resources;
    struct sc_oci_resources *r = SC_ARENA_NEW(c->arena, struct sc_oci_resources);

    if (r == NULL)
        return NULL;
    *r = *given;
    if (given->device_count == 0)
        return r;
    r->devices = SC_ARENA_ARRAY(c->arena, struct sc_oci_device_rule, given->device_count + SC_ARRAY_LEN(default_rules));
    if (r->devices == NULL)
        return NULL;
    memcpy(r->devices, given->devices, given->device_count * sizeof(*r->devices));
    for (size_t i = 0; i < SC_ARRAY_LEN(default_rules); i++) {
        struct sc_oci_device_rule rule = {.allow = true,
                                          .type = default_rules[i].type,
                                          .can_mknod = true,
                                          .can_read = !default_rules[i].is_mknod_only,
                                          .can_write = !default_rules[i].is_mknod_only};

        rule.major =
            (struct sc_opt_i64){default_rules[i].major >= 0, default_rules[i].major >= 0 ? default_rules[i].major : 0};
        rule.minor =
            (struct sc_opt_i64){default_rules[i].minor >= 0, default_rules[i].minor >= 0 ? default_rules[i].minor : 0};
        if (!has_rule(given, &rule))
            r->devices[r->device_count++] = rule;
    }
    return r;
}

/* Making many v1 cgroups takes as long as most of what the child does before it needs them, and two CPUs do both at
 * once. Not with another user namespace, in which the child might not write to them, nor where something of the config
 * names a place among them. */
static bool
can_make_beside(const struct sc_compiler *c)
{
    const struct sc_cgroup_layout *layout = &c->host->cgroups;
    size_t v1 = 0;

    for (size_t i = 0; i < layout->count; i++) {
        v1 += layout->items[i].is_v2 ? 0 : 1;
        for (size_t k = 0; k < c->spec->mount_count; k++)
            if (c->spec->mounts[k].source != NULL &&
                sc_str_starts(c->spec->mounts[k].source, layout->items[i].mount_point))
                return false;
    }
    return v1 > 1 && 2 * v1 <= SC_MSG_FDS_MAX && c->host->cpu_count > 1 && c->ask->systemd == NULL &&
           !c->is_unprivileged && !c->host->is_in_user_namespace && !c->has_user_ns && c->has_new[SC_NS_MOUNT] &&
           (c->has_new[SC_NS_CGROUP] || sc_oci_find_namespace(c->spec, SC_NS_CGROUP) == NULL);
}

static int
no_cgroup(const struct sc_compiler *c, struct sc_err *err)
{
    if (!c->is_unprivileged && !c->host->is_in_user_namespace) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "limit resources: this host has no cgroup hierarchy mounted");
        return sc_err_remedy(err, "mount cgroup2 on /sys/fs/cgroup");
    }
    sc_err_set(err, SC_ERR_DENIED, "limit resources: no cgroup is delegated to user %u", (unsigned)c->host->uid);
    return sc_err_remedy(err,
                         "run it in a cgroup of your own: systemd-run --user --scope -p Delegate=yes -- sc ...; run "
                         "as root; or leave the limits out");
}

int
sc_compile_cgroups(struct sc_compiler *c, struct sc_err *err)
{
    struct sc_oci_resources *r = with_default_rules(c);
    struct sc_cgroup_writes writes = {0};
    struct sc_strv *need = SC_ARENA_NEW(c->arena, struct sc_strv);
    struct sc_unit *unit = SC_ARENA_NEW(c->arena, struct sc_unit);
    /* What a user's own systemd may hand out is v2 alone. */
    bool is_user_v1 = c->ask->systemd != NULL && c->ask->systemd->is_user && c->host->cgroups.mode != SC_CGROUP_V2;
    char *path = NULL;

    if (need == NULL || r == NULL || unit == NULL)
        return sc_err_nomem(err);
    c->plan->undo = sc_arena_strdup(c->arena, "");
    if (c->is_unprivileged || c->host->is_in_user_namespace)
        r->device_count = 0; /* a user namespace opens no device that its maker could not, and v1's list is root's */
    if (c->ask->without_cgroups || c->host->cgroups.count == 0 || is_user_v1)
        return asks_for_limits(r) ? no_cgroup(c, err) : 0;
    if (c->ask->systemd != NULL
            ? sc_systemd_name(c->spec->linux_.cgroups_path, c->ask->id, c->ask->systemd, c->arena, unit, err) < 0
            : sc_cgroup_path(c->spec->linux_.cgroups_path, c->ask->cgroup_parent, c->ask->id, c->arena, &path, err) < 0)
        return -1;
    c->plan->cgroup_path = c->ask->systemd != NULL ? unit->path : path;
    if (sc_cgroup_translate(&c->host->cgroups, r, true, c->arena, &writes, need, err) < 0)
        return -1;
    if (c->ask->systemd != NULL && add_unit(c, r, &writes, unit, err) < 0)
        return -1;
    c->has_cgroups_beside = c->enters_cgroups = can_make_beside(c);
    if (add_directories(c, need, err) < 0 || add_writes(c, &writes, err) < 0 || add_device_program(c, r, err) < 0 ||
        add_owner(c, err) < 0)
        return -1;
    if (c->is_unprivileged && c->ask->systemd != NULL && add_attach(c, unit, err) < 0)
        return -1;
    return c->enters_cgroups ? 0 : add_joins(c, err);
}

int
sc_compile_enter_cgroups(struct sc_compiler *c, struct sc_err *err)
{
    if (!c->enters_cgroups)
        return 0;
    c->enters_cgroups = false;
    if (sc_steps_add(c->arena, &c->plan->child, SC_OP_WAIT_CGROUPS, SC_SLOT_NONE,
                     "the launcher makes them meanwhile, and hands them over") == NULL)
        return sc_err_nomem(err);
    return add_joins(c, err) < 0 ? -1 : sc_compile_cgroup_namespace(c, err);
}
