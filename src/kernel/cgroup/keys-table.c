/* Keys of either cgroup version on a host of the other: the table, and which hierarchy a key belongs to. */
#include <stdio.h>
#include <string.h>

#include "kernel/cgroup/keys-priv.h"

/* v1's keys on v2 */
static const struct sc_key_row v1_keys[] = {
    {"cpu.shares", "cpu.weight", SC_KEY_SHARES, false},
    {"cpu.cfs_quota_us", "cpu.max", SC_KEY_CPU_QUOTA, false},
    {"cpu.cfs_period_us", "cpu.max", SC_KEY_CPU_PERIOD, false},
    {"cpu.cfs_burst_us", "cpu.max.burst", SC_KEY_SAME, false},
    {"cpu.rt_runtime_us", "cgroup v2 has no realtime budget", SC_KEY_NONE, false},
    {"cpu.rt_period_us", "cgroup v2 has no realtime budget", SC_KEY_NONE, false},
    {"cpuacct.usage", "cpu.stat", SC_KEY_USAGE_NS, true},
    {"cpuset.effective_cpus", "cpuset.cpus.effective", SC_KEY_SAME, true},
    {"cpuset.effective_mems", "cpuset.mems.effective", SC_KEY_SAME, true},
    {"cpuset.cpu_exclusive", "cgroup v2 has partitions instead: cpuset.cpus.partition", SC_KEY_NONE, false},
    {"cpuset.mem_exclusive", "cgroup v2 does not reserve memory nodes", SC_KEY_NONE, false},
    {"cpuset.memory_migrate", "cgroup v2 always migrates", SC_KEY_NONE, false},
    {"memory.limit_in_bytes", "memory.max", SC_KEY_LIMIT, false},
    {"memory.soft_limit_in_bytes", "memory.low", SC_KEY_LIMIT, false},
    {"memory.memsw.limit_in_bytes", "memory.swap.max", SC_KEY_MEMSW, false},
    {"memory.usage_in_bytes", "memory.current", SC_KEY_SAME, true},
    {"memory.max_usage_in_bytes", "memory.peak", SC_KEY_SAME, true},
    {"memory.memsw.usage_in_bytes", "memory.swap.current", SC_KEY_MEMSW_USAGE, true},
    {"memory.failcnt", "memory.events max", SC_KEY_COUNT, true},
    {"memory.swappiness", "cgroup v2 has no swappiness of a cgroup", SC_KEY_NONE, false},
    {"memory.oom_control", "cgroup v2 cannot switch the OOM killer off; memory.events counts its kills", SC_KEY_NONE,
     false},
    {"memory.kmem.limit_in_bytes", "kernel memory is counted in memory.max", SC_KEY_NONE, false},
    {"memory.kmem.tcp.limit_in_bytes", "TCP buffers are counted in memory.max", SC_KEY_NONE, false},
    {"memory.use_hierarchy", "cgroup v2 always counts what is below", SC_KEY_NONE, false},
    {"memory.force_empty", "cgroup v2 has memory.reclaim instead", SC_KEY_NONE, false},
    {"blkio.weight", "io.weight", SC_KEY_WEIGHT, false},
    {"blkio.bfq.weight", "io.bfq.weight", SC_KEY_SAME, false},
    {"blkio.throttle.read_bps_device", "rbps", SC_KEY_IO_MAX_PART, false},
    {"blkio.throttle.write_bps_device", "wbps", SC_KEY_IO_MAX_PART, false},
    {"blkio.throttle.read_iops_device", "riops", SC_KEY_IO_MAX_PART, false},
    {"blkio.throttle.write_iops_device", "wiops", SC_KEY_IO_MAX_PART, false},
    {"freezer.state", "cgroup.freeze", SC_KEY_FREEZE, false},
    {"hugetlb.*.limit_in_bytes", "hugetlb.*.max", SC_KEY_LIMIT, false},
    {"hugetlb.*.usage_in_bytes", "hugetlb.*.current", SC_KEY_SAME, true},
    {"hugetlb.*.failcnt", "hugetlb.*.events max", SC_KEY_COUNT, true},
    {"devices.allow", "cgroup v2 has no device files: a BPF program decides", SC_KEY_NONE, false},
    {"devices.deny", "cgroup v2 has no device files: a BPF program decides", SC_KEY_NONE, false},
    {"devices.list", "cgroup v2 has no device files: a BPF program decides", SC_KEY_NONE, true},
    {"net_cls.classid", "cgroup v2 has none: match the cgroup's path in nftables", SC_KEY_NONE, false},
    {"net_prio.ifpriomap", "cgroup v2 has none: match the cgroup's path in nftables", SC_KEY_NONE, false},
    {"notify_on_release", "cgroup v2 has cgroup.events to poll instead", SC_KEY_NONE, false},
    {"tasks", "cgroup.threads", SC_KEY_SAME, false},
};

/* v2's keys on v1 */
static const struct sc_key_row v2_keys[] = {
    {"cpu.weight", "cpu.shares", SC_KEY_SHARES, false},
    {"cpu.max", "cpu.cfs_quota_us", SC_KEY_CPU_MAX, false},
    {"cpu.max.burst", "cpu.cfs_burst_us", SC_KEY_SAME, false},
    {"cpu.weight.nice", "cgroup v1 has only cpu.shares", SC_KEY_NONE, false},
    {"cpuset.cpus.effective", "cpuset.effective_cpus", SC_KEY_SAME, true},
    {"cpuset.mems.effective", "cpuset.effective_mems", SC_KEY_SAME, true},
    {"cpuset.cpus.partition", "cgroup v1 has cpuset.cpu_exclusive instead", SC_KEY_NONE, false},
    {"memory.max", "memory.limit_in_bytes", SC_KEY_LIMIT, false},
    {"memory.low", "memory.soft_limit_in_bytes", SC_KEY_LIMIT, false},
    {"memory.high", "cgroup v1 does not throttle by memory", SC_KEY_NONE, false},
    {"memory.min", "cgroup v1 does not protect memory", SC_KEY_NONE, false},
    {"memory.swap.max", "memory.memsw.limit_in_bytes", SC_KEY_SWAP, false},
    {"memory.swap.high", "cgroup v1 does not throttle by swap", SC_KEY_NONE, false},
    {"memory.current", "memory.usage_in_bytes", SC_KEY_SAME, true},
    {"memory.peak", "memory.max_usage_in_bytes", SC_KEY_SAME, true},
    {"memory.swap.current", "memory.memsw.usage_in_bytes", SC_KEY_SWAP_USAGE, true},
    {"memory.oom.group", "cgroup v1 kills one process at a time", SC_KEY_NONE, false},
    {"memory.reclaim", "cgroup v1 has memory.force_empty instead", SC_KEY_NONE, false},
    {"memory.pressure", "cgroup v1 has no pressure of a cgroup", SC_KEY_NONE, true},
    {"cpu.pressure", "cgroup v1 has no pressure of a cgroup", SC_KEY_NONE, true},
    {"io.pressure", "cgroup v1 has no pressure of a cgroup", SC_KEY_NONE, true},
    {"io.weight", "blkio.weight", SC_KEY_WEIGHT, false},
    {"io.bfq.weight", "blkio.bfq.weight", SC_KEY_SAME, false},
    {"io.max", "blkio.throttle.read_bps_device", SC_KEY_IO_MAX, false},
    {"io.latency", "cgroup v1 has no latency target", SC_KEY_NONE, false},
    {"cgroup.freeze", "freezer.state", SC_KEY_FREEZE, false},
    {"cgroup.kill", "cgroup v1 has no such file: `sc kill`, or signal each", SC_KEY_NONE, false},
    {"hugetlb.*.max", "hugetlb.*.limit_in_bytes", SC_KEY_LIMIT, false},
    {"hugetlb.*.current", "hugetlb.*.usage_in_bytes", SC_KEY_SAME, true},
    {"cgroup.threads", "tasks", SC_KEY_SAME, false},
};

bool
sc_cgroup_key_row(size_t index, bool *is_v1_key, const char **key, const char **counterpart, const char **why)
{
    const struct sc_key_row *row;

    if (index >= SC_ARRAY_LEN(v1_keys) + SC_ARRAY_LEN(v2_keys))
        return false;
    *is_v1_key = index < SC_ARRAY_LEN(v1_keys);
    row = *is_v1_key ? &v1_keys[index] : &v2_keys[index - SC_ARRAY_LEN(v1_keys)];
    *key = row->key;
    *counterpart = row->form == SC_KEY_NONE ? NULL : row->form == SC_KEY_IO_MAX_PART ? "io.max" : row->other;
    *why = row->form == SC_KEY_NONE ? row->other : NULL;
    return true;
}

/* ---- finding ------------------------------------------------------------------------------------------------ */

/* Whether key is the row's; *size and *len: what stands for its star. */
static bool
row_matches(const struct sc_key_row *row, const char *key, const char **size, int *len)
{
    const char *star = strchr(row->key, '*');
    size_t before = star ? (size_t)(star - row->key) : 0, after = star ? strlen(star + 1) : 0, total = strlen(key);

    *size = "";
    *len = 0;
    if (!star)
        return strcmp(row->key, key) == 0;
    if (total <= before + after || strncmp(row->key, key, before) != 0 || strcmp(star + 1, key + total - after) != 0)
        return false;
    *size = key + before;
    *len = (int)(total - before - after);
    /* "hugetlb.2MB.rsvd.max" is another file */
    return memchr(*size, '.', (size_t)*len) == NULL;
}

const struct sc_key_row *
sc_cgroup_key_find_row(bool is_v2, const char *key, struct sc_arena *arena, struct sc_key_row *filled)
{
    const struct sc_key_row *rows = is_v2 ? v1_keys : v2_keys;
    size_t count = is_v2 ? SC_ARRAY_LEN(v1_keys) : SC_ARRAY_LEN(v2_keys);

    for (size_t i = 0; i < count; i++) {
        const char *size, *star = strchr(rows[i].other, '*');
        int len;

        if (!row_matches(&rows[i], key, &size, &len))
            continue;
        *filled = rows[i];
        if (star && rows[i].form != SC_KEY_NONE)
            filled->other =
                sc_arena_printf(arena, "%.*s%.*s%s", (int)(star - rows[i].other), rows[i].other, len, size, star + 1);
        return filled;
    }
    return NULL;
}

const char *
sc_cgroup_controller_v2(const char *controller)
{
    if (strcmp(controller, "blkio") == 0)
        return "io";
    if (strcmp(controller, "cpuacct") == 0)
        return NULL;
    if (strcmp(controller, "freezer") == 0 || strcmp(controller, "cgroup") == 0 || strcmp(controller, "unified") == 0 ||
        !*controller)
        return NULL;
    return controller;
}

int
sc_cgroup_controller_place(const struct sc_cgroup_layout *layout, const char *controller, struct sc_err *err)
{
    const char *v2 = sc_cgroup_controller_v2(controller);
    int hierarchy = sc_cgroup_find(layout, controller);

    if (hierarchy < 0 && v2)
        hierarchy = sc_cgroup_find(layout, v2);
    /* v2's "io" where v1 has "blkio" */
    if (hierarchy < 0 && strcmp(controller, "io") == 0)
        hierarchy = sc_cgroup_find(layout, "blkio");
    if (hierarchy < 0 && !v2)
        hierarchy = sc_cgroup_find_v2(layout);
    if (hierarchy >= 0)
        return hierarchy;
    sc_err_set(err, SC_ERR_UNSUPPORTED, "this host has no \"%s\" cgroup controller mounted", controller);
    return sc_err_remedy(err, "`sc info` and /proc/cgroups show what there is");
}

int
sc_cgroup_key_place(const struct sc_cgroup_layout *layout, const char *key, struct sc_err *err)
{
    size_t len = strcspn(key, ".");
    char controller[64];

    if (len == 0 || len >= sizeof(controller) || strchr(key, '/') || key[len] != '.')
        return sc_err_set(err, SC_ERR_INVALID, "\"%.80s\" is no key of a cgroup: CONTROLLER.NAME", key);
    memcpy(controller, key, len);
    controller[len] = '\0';
    /* v2's way to freeze, on a host whose freezer is v1's */
    if (strcmp(key, "cgroup.freeze") == 0 && sc_cgroup_find(layout, "freezer") >= 0)
        return sc_cgroup_find(layout, "freezer");
    return sc_cgroup_controller_place(layout, controller, err);
}
