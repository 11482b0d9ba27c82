/* Namespaces: which are new (one clone3 carries their flags), which are joined, and the id maps of a user namespace. */
#include <linux/sched.h>
#include <string.h>
#include <sys/mount.h>

#include "plan/plan-priv.h"

const char *
sc_compile_maps_text(struct sc_arena *arena, const struct sc_oci_id_maps *maps)
{
    char *text = sc_arena_strdup(arena, "");

    for (size_t i = 0; i < maps->count && text != NULL; i++)
        text = sc_arena_printf(arena, "%s%u %u %u\n", text, maps->items[i].container_id, maps->items[i].host_id,
                               maps->items[i].size);
    return text;
}

bool
sc_compile_maps_own_id(const struct sc_compiler *c)
{
    return c->uid_maps->count == 1 && c->uid_maps->items[0].size == 1 &&
           c->uid_maps->items[0].host_id == c->host->uid && c->gid_maps->count == 1 &&
           c->gid_maps->items[0].size == 1 && c->gid_maps->items[0].host_id == c->host->gid;
}

static void
fill_maps(struct sc_compiler *c, struct sc_step *step)
{
    step->u.idmap.uid_map = sc_compile_maps_text(c->arena, c->uid_maps);
    step->u.idmap.gid_map = sc_compile_maps_text(c->arena, c->gid_maps);
    step->u.idmap.how = !c->is_unprivileged         ? SC_IDMAP_DIRECT
                        : sc_compile_maps_own_id(c) ? SC_IDMAP_OWN_ID
                                                    : SC_IDMAP_BY_HELPERS;
}

/* Without privilege in the namespace that owns a time namespace its offsets cannot be set from outside, and clone3
 * would place the child in it at once and so freeze them (time_namespaces(7)); so the child makes it itself, writes
 * them, and enters. */
static int
compile_time_offsets(struct sc_compiler *c, struct sc_err *err)
{
    const struct sc_oci_linux *l = &c->spec->linux_;
    char *text = sc_arena_strdup(c->arena, "");

    if (!c->has_new[SC_NS_TIME] || (!l->time_monotonic.is_set && !l->time_boottime.is_set))
        return 0;
    struct sc_step *step = sc_steps_add(c->arena, &c->plan->child, SC_OP_TIME_OFFSETS, SC_SLOT_NONE,
                                        "offsets must be written before any process is in the time namespace");

    if (l->time_monotonic.is_set)
        text = sc_arena_printf(c->arena, "%smonotonic %lld %u\n", text ? text : "", (long long)l->time_monotonic.secs,
                               l->time_monotonic.nanosecs);
    if (l->time_boottime.is_set)
        text = sc_arena_printf(c->arena, "%sboottime %lld %u\n", text ? text : "", (long long)l->time_boottime.secs,
                               l->time_boottime.nanosecs);
    if (step == NULL || text == NULL)
        return sc_err_nomem(err);
    step->u.text.text = text;
    return 0;
}

static bool
is_mapped(const struct sc_oci_id_maps *maps, uint32_t id)
{
    for (size_t i = 0; i < maps->count; i++)
        if (id >= maps->items[i].container_id && id - maps->items[i].container_id < maps->items[i].size)
            return true;
    return maps->count == 0;
}

int
sc_compile_become_root(struct sc_arena *arena, struct sc_steps *steps, const struct sc_oci_linux *l,
                       const struct sc_oci_process *process, const char *why, struct sc_err *err)
{
    const struct sc_oci_user *user = &process->user;
    struct sc_step *step;

    if (sc_compile_oom_score(arena, steps, process, "its file, as timens_offsets, is the host's root's", err) < 0)
        return -1;
    step = sc_steps_add(arena, steps, SC_OP_BECOME_ROOT, SC_SLOT_NONE, why);
    if (step == NULL)
        return sc_err_nomem(err);
    step->u.ids.uid = l == NULL || is_mapped(&l->uid_mappings, 0) ? 0 : user->uid;
    step->u.ids.gid = l == NULL || is_mapped(&l->gid_mappings, 0) ? 0 : user->gid;
    return 0;
}

/* timens_offsets belongs to the host's root while a process cannot be dumped, so it is written before the ids change.
 */
static int
compile_own_time_and_root(struct sc_compiler *c, struct sc_err *err)
{
    if (compile_time_offsets(c, err) < 0)
        return -1;
    return sc_compile_become_root(c->arena, &c->plan->child, &c->spec->linux_, &c->spec->process,
                                  "what it makes now must belong to the container's root", err);
}

/* setns(2) to a pid namespace concerns children only, and the namespaces that clone3 makes must belong to a joined user
 * namespace; the launcher itself must stay where it is, with its rights, for hooks and for undoing. */
static bool
joins_before_clone(const struct sc_compiler *c)
{
    const struct sc_oci_namespace *pid = sc_oci_find_namespace(c->spec, SC_NS_PID);

    return c->has_user_ns || (pid != NULL && pid->path != NULL);
}

static int
compile_join(struct sc_compiler *c, const struct sc_oci_namespace *ns, bool before_clone, struct sc_err *err)
{
    int slot = sc_plan_new_slot(c->plan);
    struct sc_step *open_step =
        sc_steps_add(c->arena, &c->plan->before, SC_OP_NS_OPEN, slot, "a namespace that exists is joined");
    struct sc_step *clone_step = &c->plan->clone, *join;

    if (open_step == NULL)
        return sc_err_nomem(err);
    open_step->u.ns.kind = ns->kind;
    open_step->u.ns.path = ns->path;
    if (ns->kind == SC_NS_USER)
        c->user_ns_slot = slot;
    if (before_clone) {
        size_t i = clone_step->u.clone.join_count++;

        clone_step->u.clone.joins[i].slot = slot;
        clone_step->u.clone.joins[i].kind = ns->kind;
        clone_step->u.clone.joins[i].path = ns->path;
        return 0;
    }
    join = sc_steps_add(c->arena, &c->plan->child, SC_OP_NS_JOIN, slot, "a namespace that exists is joined");
    if (join == NULL)
        return sc_err_nomem(err);
    join->u.ns.kind = ns->kind;
    join->u.ns.path = ns->path;
    join->u.ns.flags = sc_ns_table[ns->kind].clone_flag;
    return 0;
}

static int
compile_joins(struct sc_compiler *c, struct sc_err *err)
{
    /* The user namespace last, while the launcher's rights still reach the others; without any it comes first and
     * gives them. */
    static const enum sc_ns_kind order[] = {SC_NS_USER, SC_NS_NET,   SC_NS_IPC, SC_NS_UTS, SC_NS_CGROUP,
                                            SC_NS_TIME, SC_NS_MOUNT, SC_NS_PID, SC_NS_USER};
    size_t first = c->is_unprivileged ? 0 : 1, end = SC_ARRAY_LEN(order) - (c->is_unprivileged ? 1 : 0);
    bool before_clone = joins_before_clone(c);

    for (size_t i = first; i < end; i++) {
        const struct sc_oci_namespace *ns = sc_oci_find_namespace(c->spec, order[i]);

        if (ns == NULL || ns->path == NULL || ns->path[0] == '\0')
            continue;
        if (compile_join(c, ns, before_clone, err) < 0)
            return -1;
    }
    return c->user_ns_slot != SC_SLOT_NONE ? compile_own_time_and_root(c, err) : 0;
}

static int
compile_id_maps(struct sc_compiler *c, struct sc_err *err)
{
    struct sc_step *write_step = sc_steps_add(c->arena, &c->plan->after, SC_OP_IDMAP_WRITE, SC_SLOT_NONE,
                                              "only a process outside may map more than one id");
    if (write_step == NULL || sc_steps_add(c->arena, &c->plan->child, SC_OP_WAIT_MAPS, SC_SLOT_NONE,
                                           "ids mean nothing until they are mapped") == NULL)
        return sc_err_nomem(err);
    fill_maps(c, write_step);
    return compile_own_time_and_root(c, err);
}

/* A user namespace with the container's maps, for idmapped mounts: it must exist before the container's own does. */
static int
compile_idmap_source(struct sc_compiler *c, struct sc_err *err)
{
    if (c->is_unprivileged || !c->host->has_idmapped_mounts)
        return 0;
    c->idmap_slot = sc_plan_new_slot(c->plan);
    struct sc_step *step = sc_steps_add(c->arena, &c->plan->before, SC_OP_IDMAP_NS, c->idmap_slot,
                                        "files of the image keep their ids on disk and are shifted by the mount");
    if (step == NULL)
        return sc_err_nomem(err);
    fill_maps(c, step);
    return 0;
}

int
sc_compile_cgroup_namespace(struct sc_compiler *c, struct sc_err *err)
{
    struct sc_step *step;

    if (!c->has_new[SC_NS_CGROUP])
        return 0;
    step = sc_steps_add(c->arena, &c->plan->child, SC_OP_UNSHARE, SC_SLOT_NONE,
                        "its root is the cgroup the process is in now, so it comes after joining");
    if (step == NULL)
        return sc_err_nomem(err);
    step->u.ns.kind = SC_NS_CGROUP;
    step->u.ns.flags = CLONE_NEWCGROUP;
    return 0;
}

void
sc_compile_kinds(struct sc_compiler *c)
{
    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        const struct sc_oci_namespace *ns = sc_oci_find_namespace(c->spec, (enum sc_ns_kind)kind);

        c->has_new[kind] = ns != NULL && (ns->path == NULL || ns->path[0] == '\0');
        if (ns != NULL && kind == SC_NS_USER)
            c->has_user_ns = true;
    }
}

int
sc_compile_namespaces(struct sc_compiler *c, struct sc_err *err)
{
    const struct sc_oci_linux *l = &c->spec->linux_;
    struct sc_step *clone_step = &c->plan->clone;
    bool has_offsets = l->time_monotonic.is_set || l->time_boottime.is_set;
    uint64_t flags = 0;

    for (int kind = 0; kind < SC_NS_COUNT; kind++)
        if (c->has_new[kind])
            flags |= sc_ns_table[kind].clone_flag;
    if (c->has_new[SC_NS_TIME] && !c->host->has_time_namespaces)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "time namespace: this kernel has none (Linux 5.6, CONFIG_TIME_NS)");
    if (c->is_unprivileged && !c->has_user_ns)
        return sc_err_set(err, SC_ERR_DENIED, "a container without a user namespace needs root");

    clone_step->op = SC_OP_CLONE;
    clone_step->slot = SC_SLOT_NONE;
    clone_step->why = "one call makes the process with every new namespace, in its v2 cgroup";
    /* A cgroup namespace's root is the cgroup its maker is in, and clone3 takes the launcher's: it is unshared after
     * joining. A time namespace with offsets is the child's to make, see compile_time_offsets. */
    clone_step->u.clone.flags =
        flags & ~(uint64_t)CLONE_NEWCGROUP & (has_offsets ? ~(uint64_t)CLONE_NEWTIME : ~UINT64_C(0));
    clone_step->u.clone.cgroup_slot = c->cgroup_v2_slot;

    if (c->has_new[SC_NS_USER] && compile_idmap_source(c, err) < 0)
        return -1;
    if (compile_joins(c, err) < 0)
        return -1;
    if (c->has_new[SC_NS_USER] && compile_id_maps(c, err) < 0)
        return -1;
    if (!c->enters_cgroups && sc_compile_cgroup_namespace(c, err) < 0)
        return -1;
    if (!c->has_user_ns && compile_time_offsets(c, err) < 0)
        return -1;
    if (sc_steps_add(c->arena, &c->plan->child, SC_OP_SETSID, SC_SLOT_NONE,
                     "no controlling terminal of the caller is kept") == NULL)
        return sc_err_nomem(err);
    if (c->has_new[SC_NS_MOUNT]) {
        struct sc_step *step =
            sc_steps_add(c->arena, &c->plan->child, SC_OP_PROPAGATION, SC_SLOT_NONE,
                         "no mount made from here on shows on the host, and none of the host's shows here");
        if (step == NULL)
            return sc_err_nomem(err);
        step->u.propagation.flags = MS_PRIVATE | MS_REC;
    }
    return 0;
}
