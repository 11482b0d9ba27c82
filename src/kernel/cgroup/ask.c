/* What is asked of each controller, in words for the error that it is missing, and the checks of values that do not
 * depend on the cgroup version. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernel/cgroup/cgroup-priv.h"

const char *
sc_cgroup_show_size(struct sc_arena *arena, int64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;

    if (bytes == -1)
        return "unlimited";
    while (unit + 1 < SC_ARRAY_LEN(units) && bytes > 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    return sc_arena_printf(arena, "%" PRId64 " %s", bytes, units[unit]);
}

/* Whether a limit is asked for that something must enforce: -1 is "no limit", which holds without a controller. */
static bool
is_limit(const struct sc_opt_i64 *number)
{
    return number->is_set && number->value > 0;
}

const char *
sc_cgroup_ask_cpuset(const struct sc_cgroup_job *job)
{
    const struct sc_oci_cpu *cpu = &job->resources->cpu;

    if (cpu->cpus && cpu->cpus[0])
        return sc_arena_printf(job->arena, "limit to CPUs %s", cpu->cpus);
    if (cpu->mems && cpu->mems[0])
        return sc_arena_printf(job->arena, "limit to memory nodes %s", cpu->mems);
    return NULL;
}

const char *
sc_cgroup_ask_cpu(const struct sc_cgroup_job *job)
{
    const struct sc_oci_cpu *cpu = &job->resources->cpu;

    if (is_limit(&cpu->quota))
        return sc_arena_printf(job->arena, "limit CPU time to %" PRId64 " us in every %" PRIu64, cpu->quota.value,
                               sc_cgroup_is_asked_u(&cpu->period) ? cpu->period.value : 100000);
    if (sc_cgroup_is_asked_u(&cpu->shares))
        return sc_arena_printf(job->arena, "give %" PRIu64 " CPU shares", cpu->shares.value);
    if (sc_cgroup_is_asked_u(&cpu->period))
        return "set the CPU period";
    if (sc_cgroup_is_asked_u(&cpu->burst))
        return "let CPU time burst";
    if (is_limit(&cpu->realtime_runtime) || sc_cgroup_is_asked_u(&cpu->realtime_period))
        return "grant realtime CPU time";
    if (is_limit(&cpu->idle))
        return "run as idle";
    return NULL;
}

const char *
sc_cgroup_ask_memory(const struct sc_cgroup_job *job)
{
    const struct sc_oci_memory *memory = &job->resources->memory;

    if (is_limit(&memory->limit))
        return sc_arena_printf(job->arena, "limit memory to %s", sc_cgroup_show_size(job->arena, memory->limit.value));
    if (is_limit(&memory->swap))
        return sc_arena_printf(job->arena, "limit memory and swap to %s",
                               sc_cgroup_show_size(job->arena, memory->swap.value));
    if (is_limit(&memory->reservation))
        return sc_arena_printf(job->arena, "reserve %s of memory",
                               sc_cgroup_show_size(job->arena, memory->reservation.value));
    if (is_limit(&memory->kernel_tcp))
        return "limit TCP buffer memory";
    if (memory->swappiness.is_set)
        return "set swappiness";
    if (memory->disable_oom_killer.is_set && memory->disable_oom_killer.value)
        return "disable the OOM killer";
    return NULL;
}

const char *
sc_cgroup_ask_pids(const struct sc_cgroup_job *job)
{
    if (!is_limit(&job->resources->pids_limit))
        return NULL;
    return sc_arena_printf(job->arena, "limit tasks to %" PRId64, job->resources->pids_limit.value);
}

const char *
sc_cgroup_ask_devices(const struct sc_cgroup_job *job)
{
    return job->resources->device_count ? "restrict access to devices" : NULL;
}

const char *
sc_cgroup_ask_blkio(const struct sc_cgroup_job *job)
{
    const struct sc_oci_block_io *io = &job->resources->block_io;

    if (io->read_bps.count || io->write_bps.count || io->read_iops.count || io->write_iops.count)
        return "limit the rate of block I/O";
    if (sc_cgroup_is_asked_u(&io->weight) || sc_cgroup_is_asked_u(&io->leaf_weight) || io->weight_device_count)
        return "weigh block I/O";
    return NULL;
}

const char *
sc_cgroup_ask_hugetlb(const struct sc_cgroup_job *job)
{
    if (!job->resources->hugepage_count)
        return NULL;
    return sc_arena_printf(job->arena, "limit huge pages of %s", job->resources->hugepages[0].page_size);
}

const char *
sc_cgroup_ask_net_cls(const struct sc_cgroup_job *job)
{
    return sc_cgroup_is_asked_u(&job->resources->net_class_id) ? "set the network class" : NULL;
}

const char *
sc_cgroup_ask_net_prio(const struct sc_cgroup_job *job)
{
    return job->resources->net_priority_count ? "set network priorities" : NULL;
}

const char *
sc_cgroup_ask_rdma(const struct sc_cgroup_job *job)
{
    return job->resources->rdma_count ? "limit RDMA" : NULL;
}

/* ---- values --------------------------------------------------------------- */

static int
check_memory(const struct sc_oci_memory *memory, struct sc_err *err)
{
    const struct {
        const char *name;
        const struct sc_opt_i64 *number;
    } numbers[] = {{"limit", &memory->limit},
                   {"reservation", &memory->reservation},
                   {"swap", &memory->swap},
                   {"kernel", &memory->kernel},
                   {"kernelTCP", &memory->kernel_tcp}};

    for (size_t i = 0; i < SC_ARRAY_LEN(numbers); i++) {
        if (numbers[i].number->is_set && numbers[i].number->value < -1)
            return sc_err_set(err, SC_ERR_INVALID, "linux.resources.memory.%s: %" PRId64 " is below -1 (unlimited)",
                              numbers[i].name, numbers[i].number->value);
    }
    if (is_limit(&memory->swap) && is_limit(&memory->limit) && memory->swap.value < memory->limit.value) {
        sc_err_set(err, SC_ERR_INVALID,
                   "linux.resources.memory.swap: %" PRId64 " bytes of memory and swap together are less than the "
                   "limit of %" PRId64 " bytes on memory alone",
                   memory->swap.value, memory->limit.value);
        return sc_err_remedy(err, "give memory and swap (--memory-swap) as a sum of at least the memory limit");
    }
    if (memory->swappiness.is_set && memory->swappiness.value > 100)
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.memory.swappiness: %" PRIu64 " is above 100",
                          memory->swappiness.value);
    if (is_limit(&memory->kernel)) {
        /* memory.kmem.limit_in_bytes has been refused by the kernel since Linux 5.16. */
        sc_err_set(err, SC_ERR_UNSUPPORTED,
                   "linux.resources.memory.kernel: the kernel has no separate limit on kernel memory any more");
        return sc_err_remedy(err, "leave it out: the memory limit counts kernel memory too");
    }
    return 0;
}

static int
check_cpu(const struct sc_oci_cpu *cpu, struct sc_err *err)
{
    bool has_quota = cpu->quota.is_set && cpu->quota.value > 0;

    /* kernel/sched/core.c: a period of 1 ms to 1 s, a quota of at least 1 ms */
    if (cpu->quota.is_set && (cpu->quota.value < -1 || (has_quota && cpu->quota.value < 1000)))
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.cpu.quota: %" PRId64 " is not -1 or at least 1000 us",
                          cpu->quota.value);
    if (sc_cgroup_is_asked_u(&cpu->period) && (cpu->period.value < 1000 || cpu->period.value > 1000000))
        return sc_err_set(err, SC_ERR_INVALID,
                          "linux.resources.cpu.period: %" PRIu64 " is not between 1000 and 1000000 us",
                          cpu->period.value);
    if (cpu->burst.is_set && has_quota && cpu->burst.value > (uint64_t)cpu->quota.value)
        return sc_err_set(err, SC_ERR_INVALID,
                          "linux.resources.cpu.burst: %" PRIu64 " us are more than the quota of %" PRId64 " us",
                          cpu->burst.value, cpu->quota.value);
    if (cpu->idle.is_set && cpu->idle.value != 0 && cpu->idle.value != 1)
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.cpu.idle: %" PRId64 " is not 0 or 1", cpu->idle.value);
    if (cpu->cpus && cpu->cpus[0] && sc_parse_cpu_list(cpu->cpus, err) < 0)
        return sc_err_wrap(err, "linux.resources.cpu.cpus");
    if (cpu->mems && cpu->mems[0] && sc_parse_cpu_list(cpu->mems, err) < 0)
        return sc_err_wrap(err, "linux.resources.cpu.mems");
    return 0;
}

static int
check_weight(const char *where, const struct sc_opt_u64 *weight, struct sc_err *err)
{
    if (sc_cgroup_is_asked_u(weight) && (weight->value < 10 || weight->value > 1000))
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.blockIO.%s: %" PRIu64 " is not between 10 and 1000",
                          where, weight->value);
    return 0;
}

static int
check_block_io(const struct sc_oci_block_io *io, struct sc_err *err)
{
    if (check_weight("weight", &io->weight, err) < 0 || check_weight("leafWeight", &io->leaf_weight, err) < 0)
        return -1;
    for (size_t i = 0; i < io->weight_device_count; i++) {
        if (check_weight("weightDevice.weight", &io->weight_devices[i].weight, err) < 0 ||
            check_weight("weightDevice.leafWeight", &io->weight_devices[i].leaf_weight, err) < 0)
            return -1;
    }
    return 0;
}

/* config-linux.md, "Huge page limits": ^[1-9][0-9]*[KMG]B$ */
static int
check_hugepages(const struct sc_oci_resources *resources, struct sc_err *err)
{
    for (size_t i = 0; i < resources->hugepage_count; i++) {
        const char *size = resources->hugepages[i].page_size ? resources->hugepages[i].page_size : "";
        size_t digits = strspn(size, "0123456789");

        if (digits == 0 || size[0] == '0' || !size[digits] || !strchr("KMG", size[digits]) ||
            strcmp(size + digits + 1, "B") != 0)
            return sc_err_set(
                err, SC_ERR_INVALID,
                "linux.resources.hugepageLimits.pageSize: \"%s\" is not a size such as \"2MB\" or \"1GB\"", size);
    }
    return 0;
}

/* A name becomes a word of a line, so it must be one word. */
static int
check_word(const char *where, const char *text, struct sc_err *err)
{
    if (!text || !text[0] || strpbrk(text, " \t\r\n"))
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.%s: \"%s\" is not a name", where, text ? text : "");
    return 0;
}

int
sc_cgroup_check_values(const struct sc_oci_resources *resources, struct sc_err *err)
{
    if (check_memory(&resources->memory, err) < 0 || check_cpu(&resources->cpu, err) < 0 ||
        check_block_io(&resources->block_io, err) < 0 || check_hugepages(resources, err) < 0)
        return -1;
    if (resources->pids_limit.is_set && resources->pids_limit.value < -1)
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.pids.limit: %" PRId64 " is below -1 (unlimited)",
                          resources->pids_limit.value);
    if (resources->net_class_id.is_set && resources->net_class_id.value > UINT32_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.network.classID: %" PRIu64 " does not fit 32 bits",
                          resources->net_class_id.value);
    for (size_t i = 0; i < resources->net_priority_count; i++) {
        if (check_word("network.priorities.name", resources->net_priorities[i].name, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < resources->rdma_count; i++) {
        if (check_word("rdma", resources->rdma[i].name, err) < 0)
            return -1;
    }
    return 0;
}
