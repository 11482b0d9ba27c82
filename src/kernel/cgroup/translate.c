/*
 * linux.resources -> file writes. A table of controllers, each with what is asked of it and its two translations; the
 * loop finds the hierarchy that holds it and refuses what no hierarchy here can enforce. Pure.
 */
#include <stdio.h>
#include <string.h>

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

/* "memory.max" is memory's; "cgroup.max.depth" is nobody's. */
static void
need_add(struct sc_cgroup_job *job, const char *file)
{
    char *controller = sc_arena_strndup(job->arena, file, strcspn(file, "."));

    if (!controller || strcmp(controller, "cgroup") == 0)
        return;
    for (size_t i = 0; i < job->need->count; i++) {
        if (strcmp(job->need->items[i], controller) == 0)
            return;
    }
    sc_strv_add(job->need, job->arena, controller);
}

struct sc_cgroup_write *
sc_cgroup_job_add(struct sc_cgroup_job *job, const char *file, const char *value, const char *why)
{
    struct sc_cgroup_write *write;

    if (job->count == job->capacity) {
        size_t capacity = job->capacity ? job->capacity * 2 : 32;
        struct sc_cgroup_write *items = SC_ARENA_ARRAY(job->arena, struct sc_cgroup_write, capacity);

        if (!items)
            return NULL;
        if (job->count)
            memcpy(items, job->items, job->count * sizeof(*items));
        job->items = items;
        job->capacity = capacity;
    }
    write = &job->items[job->count++];
    write->hierarchy = job->hierarchy;
    write->file = sc_arena_strdup(job->arena, file);
    write->value = sc_arena_strdup(job->arena, value);
    write->why = why;
    if (job->layout->items[job->hierarchy].is_v2)
        need_add(job, file);
    return write;
}

void
sc_cgroup_job_add_number(struct sc_cgroup_job *job, const char *file, int64_t value, const char *why)
{
    char text[SC_NUM_MAX];

    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    (void)sc_cgroup_job_add(job, file, text, why);
}

/* What to do about an absent controller depends on who took it away. */
static void
missing_remedy(const struct sc_cgroup_layout *layout, const char *controller, struct sc_err *err)
{
    bool is_old_only = strcmp(controller, "net_cls") == 0 || strcmp(controller, "net_prio") == 0;

    switch (layout->mode) {
    case SC_CGROUP_ABSENT:
        sc_err_remedy(err, "mount cgroup v2: mount -t cgroup2 cgroup2 /sys/fs/cgroup");
        break;
    case SC_CGROUP_V2:
        if (is_old_only)
            sc_err_remedy(err, "cgroup v2 has no such controller: leave the limit out, or match the cgroup in nftables "
                               "(socket cgroupv2)");
        else
            sc_err_remedy(
                err,
                "%s/cgroup.controllers lists what there is; a controller is missing there when the kernel was "
                "built without it, booted with cgroup_disable=%s, or when this is a container to which it was "
                "not delegated (cgroup.subtree_control of the cgroup above)",
                layout->items[0].mount_point, controller);
        break;
    case SC_CGROUP_V1:
    case SC_CGROUP_HYBRID:
        if (strcmp(controller, "memory") == 0)
            sc_err_remedy(err, "boot with \"cgroup_enable=memory swapaccount=1\" on the kernel command line");
        else
            sc_err_remedy(
                err,
                "mount it: mkdir /sys/fs/cgroup/%s && mount -t cgroup -o %s cgroup /sys/fs/cgroup/%s (it must be "
                "enabled in /proc/cgroups)",
                controller, controller, controller);
        break;
    }
}

int
sc_cgroup_missing(const struct sc_cgroup_layout *layout, const char *what, const char *controller, struct sc_err *err)
{
    if (layout->is_delegated_part) {
        sc_err_set(err, SC_ERR_DENIED, "%s: the \"%s\" cgroup controller is not delegated to this user", what,
                   controller);
        return sc_err_remedy(err,
                             "run it in a cgroup of your own: systemd-run --user --scope -p Delegate=yes -- sc ...; "
                             "or as root");
    }
    sc_err_set(err, SC_ERR_UNSUPPORTED, "%s: this host has no \"%s\" cgroup controller", what, controller);
    missing_remedy(layout, controller, err);
    return -1;
}

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
