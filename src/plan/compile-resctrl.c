/* linux.intelRdt: a group of the resctrl file system, its schemata, and how the process gets there (config-linux.md,
 * "IntelRdt"). */
#include <string.h>

#include "plan/plan-priv.h"

#define MB_PREFIX "MB:"

static void
add_line(struct sc_buf *out, const char *line, size_t len)
{
    if (len == 0)
        return;
    sc_buf_add(out, line, len);
    sc_buf_addc(out, '\n');
}

/* As they are written: the cache's, memory's, then the lines that overrule both. The file wants a newline at the end.
 * *out is NULL where nothing is asked. */
static int
make_schemata(const struct sc_oci_intel_rdt *rdt, struct sc_arena *arena, const char **out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    bool has_mb = rdt->mem_bw_schema != NULL && rdt->mem_bw_schema[0] != '\0';

    *out = NULL;
    for (const char *at = rdt->l3_cache_schema; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, "\n");

        if (!has_mb || strncmp(at, MB_PREFIX, strlen(MB_PREFIX)) != 0)
            add_line(&text, at, len);
        at += len + (at[len] == '\n');
    }
    if (has_mb)
        add_line(&text, rdt->mem_bw_schema, strlen(rdt->mem_bw_schema));
    for (size_t i = 0; i < rdt->schemata.count; i++)
        add_line(&text, rdt->schemata.items[i], strlen(rdt->schemata.items[i]));
    if (sc_buf_check(&text, err) < 0)
        return -1;
    if (text.len > 0)
        *out = sc_arena_strdup(arena, sc_buf_str(&text));
    return sc_arena_check(arena, err);
}

static int
not_mounted(const struct sc_host *host, struct sc_err *err)
{
    if (!host->has_resctrl)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "linux.intelRdt: this host has no resctrl file system");
    sc_err_set(err, SC_ERR_UNSUPPORTED, "linux.intelRdt: the resctrl file system is not mounted");
    return sc_err_remedy(err, "mount -t resctrl resctrl /sys/fs/resctrl");
}

static int
add_join(const struct sc_step *made, bool is_monitor, struct sc_arena *arena, struct sc_plan *plan, struct sc_err *err)
{
    struct sc_step *step =
        sc_steps_add(arena, &plan->child, SC_OP_RESCTRL_JOIN, made->slot + is_monitor,
                     is_monitor ? "its use is counted on its own" : "what it starts is in the group too");

    if (step == NULL)
        return sc_err_nomem(err);
    step->u.resctrl.mount_point = made->u.resctrl.mount_point;
    step->u.resctrl.group = made->u.resctrl.group;
    step->u.resctrl.is_monitor = is_monitor;
    return 0;
}

static bool
has_clos_id(const struct sc_oci_intel_rdt *rdt)
{
    return rdt->clos_id != NULL && rdt->clos_id[0] != '\0';
}

const char *
sc_plan_resctrl_name(const struct sc_oci_intel_rdt *rdt, const char *id)
{
    if (!has_clos_id(rdt))
        return id;
    return strcmp(rdt->clos_id, "/") == 0 ? "" : rdt->clos_id;
}

int
sc_compile_resctrl(const struct sc_oci_intel_rdt *rdt, const char *id, const struct sc_host *host,
                   struct sc_arena *arena, struct sc_plan *plan, struct sc_err *err)
{
    struct sc_resctrl_group *group;
    struct sc_step *step;
    bool has_clos = has_clos_id(rdt);

    if (!rdt->is_set)
        return 0;
    /* An exec is where the container is: nowhere, if the file system is gone. */
    if (host->resctrl == NULL)
        return plan->is_exec ? 0 : not_mounted(host, err);
    group = SC_ARENA_NEW(arena, struct sc_resctrl_group);
    if (group == NULL)
        return sc_err_nomem(err);
    group->how = plan->is_exec ? SC_RESCTRL_ENTER : has_clos ? SC_RESCTRL_SHARED : SC_RESCTRL_OWN;
    group->name = sc_plan_resctrl_name(rdt, id);
    group->monitor = rdt->enable_monitoring ? id : NULL;
    if (!plan->is_exec && make_schemata(rdt, arena, &group->schemata, err) < 0)
        return -1;
    /* the slot after it is for the tasks of the monitoring group */
    step =
        sc_steps_add(arena, &plan->before, SC_OP_RESCTRL, sc_plan_new_slot(plan),
                     plan->is_exec ? "the container's share of caches and memory bandwidth holds for this process too"
                     : has_clos    ? "a share of caches and memory bandwidth that others have too"
                                   : "a share of caches and memory bandwidth of its own");
    if (step == NULL)
        return sc_err_nomem(err);
    sc_plan_new_slot(plan);
    step->u.resctrl.mount_point = host->resctrl;
    step->u.resctrl.group = group;
    if (add_join(step, false, arena, plan, err) < 0 ||
        (group->monitor != NULL && add_join(step, true, arena, plan, err) < 0))
        return -1;
    /* The group that a closID names stays: others may have joined it. The file system removes a group with those below.
     */
    if (!has_clos)
        plan->resctrl_dir = sc_arena_printf(arena, "%s/%s", host->resctrl, id);
    else if (group->monitor != NULL)
        plan->resctrl_dir = sc_arena_printf(arena, "%s/%s%smon_groups/%s", host->resctrl, group->name,
                                            group->name[0] != '\0' ? "/" : "", id);
    return sc_arena_check(arena, err);
}
