/* The limits, once: flag, member of linux.resources, files of cgroup v1 and v2. The specification and `sc update` walk
 * this table, `sc __limits` prints it (docs/concepts/cgroups.md is that text), and a test sets each row on both
 * versions and looks for its file. */
#include <inttypes.h>
#include <string.h>

#include "engine/engine-priv.h"
#include "kernel/cgroup/keys.h"

#define OPTION(member)   offsetof(struct sc_create_options, member)
#define RESOURCE(member) offsetof(struct sc_oci_resources, member)
#define NONE             SC_LIMIT_OWN, 0

const struct sc_limit sc_limits[] = {
    {"memory", "memory", "memory.limit", "memory.limit_in_bytes", "memory.max", SC_FIELD_I64, OPTION(memory),
     SC_LIMIT_I64, RESOURCE(memory.limit), true, NULL},
    {"memory-swap", "memory", "memory.swap", "memory.memsw.limit_in_bytes", "memory.swap.max", SC_FIELD_I64,
     OPTION(memory_swap), NONE, true, NULL},
    {"memory-reservation", "memory", "memory.reservation", "memory.soft_limit_in_bytes", "memory.low", SC_FIELD_I64,
     OPTION(memory_reservation), SC_LIMIT_I64, RESOURCE(memory.reservation), true, NULL},
    {"memory-swappiness", "memory", "memory.swappiness", "memory.swappiness", NULL, SC_FIELD_OPT_I64,
     OPTION(memory_swappiness), NONE, true, "--memory-swap, which limits swap itself"},
    {"oom-kill-disable", "memory", "memory.disableOOMKiller", "memory.oom_control", NULL, SC_FIELD_BOOL,
     OPTION(oom_kill_disable), SC_LIMIT_BOOL, RESOURCE(memory.disable_oom_killer), false,
     "--memory-high, which slows down instead of killing"},
    {"memory-high", "memory", "unified", NULL, "memory.high", SC_FIELD_I64, OPTION(memory_high), SC_LIMIT_UNIFIED, 0,
     true, "--memory-reservation"},
    {"memory-low", "memory", "unified", NULL, "memory.low", SC_FIELD_I64, OPTION(memory_low), SC_LIMIT_UNIFIED, 0, true,
     "--memory-reservation"},
    {"memory-min", "memory", "unified", NULL, "memory.min", SC_FIELD_I64, OPTION(memory_min), SC_LIMIT_UNIFIED, 0, true,
     "--memory-reservation"},
    {"cpus", "cpu", "cpu.quota, cpu.period", "cpu.cfs_quota_us", "cpu.max", SC_FIELD_I64, OPTION(nano_cpus), NONE, true,
     NULL},
    {"cpu-period", "cpu", "cpu.period", "cpu.cfs_period_us", "cpu.max", SC_FIELD_I64, OPTION(cpu_period), SC_LIMIT_U64,
     RESOURCE(cpu.period), true, NULL},
    {"cpu-quota", "cpu", "cpu.quota", "cpu.cfs_quota_us", "cpu.max", SC_FIELD_I64, OPTION(cpu_quota), SC_LIMIT_I64,
     RESOURCE(cpu.quota), true, NULL},
    {"cpu-shares", "cpu", "cpu.shares, unified", "cpu.shares", "cpu.weight", SC_FIELD_U64, OPTION(cpu_shares),
     SC_LIMIT_SHARES, RESOURCE(cpu.shares), true, NULL},
    {"cpu-burst", "cpu", "cpu.burst", "cpu.cfs_burst_us", "cpu.max.burst", SC_FIELD_I64, OPTION(cpu_burst),
     SC_LIMIT_U64, RESOURCE(cpu.burst), true, NULL},
    {"cpu-idle", "cpu", "cpu.idle", "cpu.idle", "cpu.idle", SC_FIELD_OPT_I64, OPTION(cpu_idle), SC_LIMIT_I64,
     RESOURCE(cpu.idle), true, NULL},
    {"cpu-rt-period", "cpu", "cpu.realtimePeriod", "cpu.rt_period_us", NULL, SC_FIELD_I64, OPTION(cpu_rt_period),
     SC_LIMIT_U64, RESOURCE(cpu.realtime_period), true, "--ulimit rtprio and --ulimit rttime"},
    {"cpu-rt-runtime", "cpu", "cpu.realtimeRuntime", "cpu.rt_runtime_us", NULL, SC_FIELD_I64, OPTION(cpu_rt_runtime),
     SC_LIMIT_I64, RESOURCE(cpu.realtime_runtime), true, "--ulimit rtprio and --ulimit rttime"},
    {"cpuset-cpus", "cpuset", "cpu.cpus", "cpuset.cpus", "cpuset.cpus", SC_FIELD_STR, OPTION(cpuset_cpus),
     SC_LIMIT_TEXT, RESOURCE(cpu.cpus), true, NULL},
    {"cpuset-mems", "cpuset", "cpu.mems", "cpuset.mems", "cpuset.mems", SC_FIELD_STR, OPTION(cpuset_mems),
     SC_LIMIT_TEXT, RESOURCE(cpu.mems), true, NULL},
    {"pids-limit", "pids", "pids.limit", "pids.max", "pids.max", SC_FIELD_I64, OPTION(pids_limit), SC_LIMIT_I64,
     RESOURCE(pids_limit), true, NULL},
    {"blkio-weight", "blkio", "blockIO.weight", "blkio.weight", "io.weight", SC_FIELD_I64, OPTION(blkio_weight),
     SC_LIMIT_U64, RESOURCE(block_io.weight), true, NULL},
    {"blkio-weight-device", "blkio", "blockIO.weightDevice", "blkio.weight_device", "io.weight", SC_FIELD_STRV,
     OPTION(blkio_weight_devices), NONE, true, NULL},
    {"device-read-bps", "blkio", "blockIO.throttleReadBpsDevice", "blkio.throttle.read_bps_device", "io.max",
     SC_FIELD_STRV, OPTION(device_read_bps), NONE, true, NULL},
    {"device-write-bps", "blkio", "blockIO.throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "io.max",
     SC_FIELD_STRV, OPTION(device_write_bps), NONE, true, NULL},
    {"device-read-iops", "blkio", "blockIO.throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "io.max",
     SC_FIELD_STRV, OPTION(device_read_iops), NONE, true, NULL},
    {"device-write-iops", "blkio", "blockIO.throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "io.max",
     SC_FIELD_STRV, OPTION(device_write_iops), NONE, true, NULL},
    {"io-max", "blkio", "blockIO.throttle...", "blkio.throttle.*_device", "io.max", SC_FIELD_STRV, OPTION(io_max), NONE,
     true, NULL},
    {"device", "devices", "devices", "devices.allow", "(BPF program)", SC_FIELD_DEVICES, OPTION(devices), NONE, false,
     NULL},
    {"device-cgroup-rule", "devices", "devices", "devices.allow", "(BPF program)", SC_FIELD_STRV,
     OPTION(device_cgroup_rules), NONE, false, NULL},
    {"cgroup-conf", NULL, "unified", NULL, "(the file of that name)", SC_FIELD_STRV, OPTION(cgroup_conf), NONE, true,
     "the limit's own flag, which works on both versions"},
};
const size_t sc_limit_count = SC_ARRAY_LEN(sc_limits);

bool
sc_limit_is_given(const struct sc_limit *limit, const struct sc_create_options *options)
{
    const void *at = (const char *)options + limit->option;
    const char *text;

    switch (limit->kind) {
    case SC_FIELD_I64:
        return *(const int64_t *)at != 0;
    case SC_FIELD_U64:
        return *(const uint64_t *)at != 0;
    case SC_FIELD_OPT_I64:
        return ((const struct sc_opt_i64 *)at)->is_set;
    case SC_FIELD_BOOL:
        return *(const bool *)at;
    case SC_FIELD_STR:
        text = *(char *const *)at;
        return text && *text;
    case SC_FIELD_STRV:
        return ((const struct sc_strv *)at)->count > 0;
    case SC_FIELD_DEVICES:
        return options->device_count > 0;
    default:
        return false;
    }
}

bool
sc_limits_any(const struct sc_create_options *options)
{
    for (size_t i = 0; i < sc_limit_count; i++) {
        if (sc_limits[i].can_update && sc_limit_is_given(&sc_limits[i], options))
            return true;
    }
    return false;
}

void
sc_limit_copy(const struct sc_limit *limit, const struct sc_create_options *from, struct sc_create_options *to)
{
    static const size_t sizes[] = {[SC_FIELD_I64] = sizeof(int64_t),
                                   [SC_FIELD_U64] = sizeof(uint64_t),
                                   [SC_FIELD_OPT_I64] = sizeof(struct sc_opt_i64),
                                   [SC_FIELD_BOOL] = sizeof(bool),
                                   [SC_FIELD_STR] = sizeof(char *),
                                   [SC_FIELD_STRV] = sizeof(struct sc_strv),
                                   [SC_FIELD_DEVICES] = 0};

    memcpy((char *)to + limit->option, (const char *)from + limit->option, sizes[limit->kind]);
}

const char *
sc_limit_of_file(const char *file)
{
    for (size_t i = 0; i < sc_limit_count; i++) {
        if (sc_str_eq(file, sc_limits[i].v1) || sc_str_eq(file, sc_limits[i].v2))
            return sc_limits[i].flag;
    }
    return NULL;
}

static int64_t
number_of(const struct sc_limit *limit, const struct sc_create_options *options)
{
    const void *at = (const char *)options + limit->option;

    switch (limit->kind) {
    case SC_FIELD_U64:
        return (int64_t) * (const uint64_t *)at;
    case SC_FIELD_OPT_I64:
        return ((const struct sc_opt_i64 *)at)->value;
    case SC_FIELD_BOOL:
        return *(const bool *)at;
    default:
        return *(const int64_t *)at;
    }
}

/* A file that only v2 has: its controller must be there. */
static int
check_is_v2(const struct sc_limit *limit, const struct sc_cgroup_layout *layout, struct sc_err *err)
{
    int found = sc_cgroup_find(layout, limit->controller);

    if (found >= 0 && layout->items[found].is_v2)
        return 0;
    if (found >= 0) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "--%s: the \"%s\" cgroup controller is in cgroup v1 here, which has no %s",
                   limit->flag, limit->controller, limit->v2);
        return sc_err_remedy(err, "give %s, or boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1)",
                             limit->instead);
    }
    sc_err_set(err, SC_ERR_UNSUPPORTED, "--%s: this host has no \"%s\" cgroup controller", limit->flag,
               limit->controller);
    return sc_err_remedy(err, "cgroup.controllers of the v2 hierarchy lists what there is");
}

/* What is twice as much is so on v2 too. The runtime's translation of cpu.shares, runc's, bends; so the weight is given
 * itself there. */
static void
fill_shares(uint64_t shares, const struct sc_cgroup_layout *layout, struct sc_arena *arena,
            struct sc_oci_resources *out)
{
    int found = sc_cgroup_find(layout, "cpu");

    if (found >= 0 && layout->items[found].is_v2)
        sc_strv_addf(&out->unified, arena, "cpu.weight=%" PRIu64, sc_cgroup_weight_of_shares(shares));
    else
        out->cpu.shares = (struct sc_opt_u64){true, shares};
}

static int
fill(const struct sc_limit *limit, const struct sc_create_options *options, const struct sc_cgroup_layout *layout,
     struct sc_arena *arena, struct sc_oci_resources *out, struct sc_err *err)
{
    void *to = (char *)out + limit->resource;

    switch (limit->to) {
    case SC_LIMIT_OWN:
        break;
    case SC_LIMIT_I64:
        *(struct sc_opt_i64 *)to = (struct sc_opt_i64){true, number_of(limit, options)};
        break;
    case SC_LIMIT_U64:
        *(struct sc_opt_u64 *)to = (struct sc_opt_u64){true, (uint64_t)number_of(limit, options)};
        break;
    case SC_LIMIT_BOOL:
        *(struct sc_opt_bool *)to = (struct sc_opt_bool){true, number_of(limit, options) != 0};
        break;
    case SC_LIMIT_TEXT:
        *(char **)to = *(char *const *)(const void *)((const char *)options + limit->option);
        break;
    case SC_LIMIT_SHARES:
        fill_shares(options->cpu_shares, layout, arena, out);
        break;
    case SC_LIMIT_UNIFIED:
        if (check_is_v2(limit, layout, err) < 0)
            return -1;
        sc_strv_addf(&out->unified, arena, "%s=%" PRId64, limit->v2, number_of(limit, options));
        break;
    }
    return 0;
}

int
sc_limits_fill(const struct sc_create_options *options, const struct sc_cgroup_layout *layout, struct sc_arena *arena,
               struct sc_oci_resources *out, struct sc_err *err)
{
    for (size_t i = 0; i < sc_limit_count; i++) {
        if (sc_limit_is_given(&sc_limits[i], options) && fill(&sc_limits[i], options, layout, arena, out, err) < 0)
            return -1;
    }
    return sc_arena_check(arena, err);
}

static void
add_file(struct sc_buf *out, const char *file)
{
    if (file && file[0] == '(')
        sc_buf_addf(out, " %s |", file);
    else if (file)
        sc_buf_addf(out, " `%s` |", file);
    else
        sc_buf_adds(out, " refused |");
}

void
sc_limits_print(struct sc_buf *out)
{
    sc_buf_adds(out, "| flag | `linux.resources` | v1 file | v2 file | `update` |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < sc_limit_count; i++) {
        sc_buf_addf(out, "| `--%s` | `%s` |", sc_limits[i].flag, sc_limits[i].member);
        add_file(out, sc_limits[i].v1);
        add_file(out, sc_limits[i].v2);
        sc_buf_adds(out, sc_limits[i].can_update ? " yes |\n" : " |\n");
    }
}

/* ---- rlimits ---- */

/* The last one of a name counts. */
static bool
is_replaced(const struct sc_strv *ulimits, size_t at)
{
    size_t len = strcspn(ulimits->items[at], "=") + 1;

    for (size_t i = at + 1; i < ulimits->count; i++) {
        if (strncmp(ulimits->items[i], ulimits->items[at], len) == 0)
            return true;
    }
    return false;
}

json_t *
sc_ulimits_json(const struct sc_strv *ulimits)
{
    json_t *out = json_array();

    for (size_t i = 0; i < ulimits->count; i++) {
        struct sc_oci_rlimit limit;
        struct sc_err ignored = SC_ERR_INIT;
        size_t len = strcspn(ulimits->items[i], "=");

        if (!is_replaced(ulimits, i) && sc_ulimit_parse(ulimits->items[i], &limit, &ignored) == 0)
            (void)json_array_append_new(out, json_pack("{s:s%, s:I, s:I}", "Name", ulimits->items[i], len, "Hard",
                                                       (json_int_t)limit.hard, "Soft", (json_int_t)limit.soft));
    }
    return out;
}
