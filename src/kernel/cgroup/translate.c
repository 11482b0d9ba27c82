/*
 * linux.resources -> file writes. A table of controllers, each with what is asked of it and its two translations; the
 * loop finds the hierarchy that holds it and refuses what no hierarchy here can enforce. Pure.
 */
#include "kernel/cgroup/cgroup-priv.h"

struct part {
    const char *v1_name, *v2_name; /* NULL: that version has no such controller */
    const char *(*ask)(const struct sc_cgroup_job *job);
    int (*v1)(struct sc_cgroup_job *job, struct sc_err *err);
    int (*v2)(struct sc_cgroup_job *job, struct sc_err *err);
};

/* cpuset first: no task may join a v1 cgroup whose cpuset is empty. */
static const struct part parts[] = {
    {"cpuset", "cpuset", sc_cgroup_ask_cpuset, sc_cgroup1_cpuset, sc_cgroup2_cpuset},
    {"cpu", "cpu", sc_cgroup_ask_cpu, sc_cgroup1_cpu, sc_cgroup2_cpu},
    {"memory", "memory", sc_cgroup_ask_memory, sc_cgroup1_memory, sc_cgroup2_memory},
    {"pids", "pids", sc_cgroup_ask_pids, sc_cgroup1_pids, sc_cgroup2_pids},
    {"devices", NULL, sc_cgroup_ask_devices, sc_cgroup1_devices, NULL},
    {"blkio", "io", sc_cgroup_ask_blkio, sc_cgroup1_blkio, sc_cgroup2_io},
    {"hugetlb", "hugetlb", sc_cgroup_ask_hugetlb, sc_cgroup1_hugetlb, sc_cgroup2_hugetlb},
    {"net_cls", NULL, sc_cgroup_ask_net_cls, sc_cgroup1_net_cls, NULL},
    {"net_prio", NULL, sc_cgroup_ask_net_prio, sc_cgroup1_net_prio, NULL},
    {"rdma", "rdma", sc_cgroup_ask_rdma, sc_cgroup_rdma, sc_cgroup_rdma},
};

/* The hierarchy that holds the part's controller, v1 or v2, or -1. */
static int
part_find(const struct sc_cgroup_layout *layout, const struct part *part)
{
    int found = part->v1_name ? sc_cgroup_find(layout, part->v1_name) : -1;

    if (found >= 0 && !layout->items[found].is_v2)
        return found;
    found = part->v2_name ? sc_cgroup_find(layout, part->v2_name) : -1;
    return found >= 0 && layout->items[found].is_v2 ? found : -1;
}

static bool
has_v2(const struct sc_cgroup_layout *layout)
{
    return layout->mode == SC_CGROUP_V2 || layout->mode == SC_CGROUP_HYBRID;
}

static int
part_translate(struct sc_cgroup_job *job, const struct part *part, struct sc_err *err)
{
    int found = part_find(job->layout, part);
    const char *what = part->ask(job);
    bool is_v2 = found >= 0 && job->layout->items[found].is_v2;

    job->hierarchy = found;
    if (found < 0) {
        /* v2 has no devices controller and needs none: any v2 cgroup takes the BPF program. */
        if (!what || (part->v1 == sc_cgroup1_devices && has_v2(job->layout)))
            return 0;
        return sc_cgroup_missing(
            job->layout, what, job->layout->mode == SC_CGROUP_V2 && part->v2_name ? part->v2_name : part->v1_name, err);
    }
    return is_v2 ? part->v2(job, err) : part->v1(job, err);
}

int
sc_cgroup_translate(const struct sc_cgroup_layout *layout, const struct sc_oci_resources *resources, bool for_new,
                    struct sc_arena *arena, struct sc_cgroup_writes *out, struct sc_strv *need_controllers,
                    struct sc_err *err)
{
    struct sc_cgroup_job job = {
        .layout = layout, .resources = resources, .for_new = for_new, .arena = arena, .need = need_controllers};

    if (sc_cgroup_check_values(resources, err) < 0)
        return -1;
    for (size_t i = 0; i < SC_ARRAY_LEN(parts); i++) {
        if (part_translate(&job, &parts[i], err) < 0)
            return -1;
    }
    /* Last, so that what is said in the kernel's own words wins (config-linux.md, "Unified"). */
    if (sc_cgroup2_unified(&job, err) < 0)
        return -1;
    if (sc_arena_check(arena, err) < 0)
        return -1;
    out->items = job.items;
    out->count = job.count;
    return 0;
}
