/* The accounts of a container: what its cgroups say it has used. A file that this kernel lacks leaves its number 0. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "kernel/cgroup/cgroup-priv.h"

/* A file with one number; "max" (no limit) is UINT64_MAX. */
static void
read_number(int fd, const char *file, uint64_t *out)
{
    char text[64];

    if (sc_cgroup_read_small(fd, file, text, sizeof(text)) <= 0)
        return;
    *out = strcmp(text, "max") == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
}

static void
read_key(int fd, const char *file, const char *key, uint64_t scale, uint64_t *out)
{
    uint64_t value;

    if (sc_cgroup_read_key(fd, file, key, &value) == 0)
        *out = value * scale;
}

static void
read_cpu2(int fd, struct sc_cgroup_stats *out)
{
    read_key(fd, "cpu.stat", "usage_usec", 1000, &out->cpu_usage_ns);
    read_key(fd, "cpu.stat", "user_usec", 1000, &out->cpu_user_ns);
    read_key(fd, "cpu.stat", "system_usec", 1000, &out->cpu_system_ns);
    read_key(fd, "cpu.stat", "nr_periods", 1, &out->periods);
    read_key(fd, "cpu.stat", "nr_throttled", 1, &out->throttled_periods);
    read_key(fd, "cpu.stat", "throttled_usec", 1000, &out->throttled_ns);
}

static void
read_memory2(int fd, struct sc_cgroup_stats *out)
{
    read_number(fd, "memory.current", &out->memory_usage);
    read_number(fd, "memory.max", &out->memory_limit);
    read_number(fd, "memory.peak", &out->memory_max_usage);
    read_number(fd, "memory.swap.current", &out->swap_usage);
    read_key(fd, "memory.stat", "inactive_file", 1, &out->memory_inactive_file);
    read_key(fd, "memory.events", "oom_kill", 1, &out->oom_kills);
}

static void
read_cpu1(int fd, struct sc_cgroup_stats *out)
{
    read_key(fd, "cpu.stat", "nr_periods", 1, &out->periods);
    read_key(fd, "cpu.stat", "nr_throttled", 1, &out->throttled_periods);
    read_key(fd, "cpu.stat", "throttled_time", 1, &out->throttled_ns);
}

static void
read_cpuacct1(int fd, struct sc_cgroup_stats *out)
{
    read_number(fd, "cpuacct.usage", &out->cpu_usage_ns);
    read_number(fd, "cpuacct.usage_user", &out->cpu_user_ns);
    read_number(fd, "cpuacct.usage_sys", &out->cpu_system_ns);
}

static void
read_memory1(int fd, struct sc_cgroup_stats *out)
{
    read_number(fd, "memory.usage_in_bytes", &out->memory_usage);
    read_number(fd, "memory.limit_in_bytes", &out->memory_limit);
    /* "unlimited" is the largest number of whole pages that fits a long */
    if (out->memory_limit >= UINT64_C(0x7ffffffffff00000))
        out->memory_limit = UINT64_MAX;
    read_number(fd, "memory.max_usage_in_bytes", &out->memory_max_usage);
    read_key(fd, "memory.stat", "total_inactive_file", 1, &out->memory_inactive_file);
    read_key(fd, "memory.stat", "total_swap", 1, &out->swap_usage);
    read_key(fd, "memory.oom_control", "oom_kill", 1, &out->oom_kills);
}

static void
read_pids(int fd, struct sc_cgroup_stats *out)
{
    read_number(fd, "pids.current", &out->pids_current);
    read_number(fd, "pids.max", &out->pids_limit);
}

static const struct {
    const char *controller;
    void (*v1)(int fd, struct sc_cgroup_stats *out);
    void (*v2)(int fd, struct sc_cgroup_stats *out);
} readers[] = {
    {"cpu", read_cpu1, read_cpu2},
    {"cpuacct", read_cpuacct1, NULL},
    {"memory", read_memory1, read_memory2},
    {"pids", read_pids, read_pids},
};

int
sc_cgroup_stats_read(const struct sc_cgroup_layout *layout, const char *path, struct sc_cgroup_stats *out,
                     struct sc_err *err)
{
    struct sc_cgroup_stats stats = {.memory_limit = UINT64_MAX, .pids_limit = UINT64_MAX};
    bool is_found = false;

    for (size_t i = 0; i < SC_ARRAY_LEN(readers); i++) {
        int found = sc_cgroup_find(layout, readers[i].controller);
        void (*read)(int fd, struct sc_cgroup_stats *out);
        struct sc_err own = SC_ERR_INIT;
        sc_cleanup_fd fd = -1;

        if (found < 0)
            continue;
        read = layout->items[found].is_v2 ? readers[i].v2 : readers[i].v1;
        if (!read)
            continue;
        fd = sc_cgroup_open(layout->items[found].mount_point, path, &own);
        if (fd < 0 && own.errnum == ENOENT)
            continue; /* a container made before this hierarchy was mounted */
        if (fd < 0) {
            *err = own;
            return -1;
        }
        read(fd, &stats);
        is_found = true;
    }
    if (!is_found)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "read the accounts of cgroup \"%s\": no hierarchy has it", path);
    *out = stats;
    return 0;
}
