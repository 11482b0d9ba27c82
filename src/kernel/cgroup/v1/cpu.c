/* cpu.shares, cpu.cfs_*, cpu.rt_*, cpu.idle (scheduler/sched-bwc.rst, sched-rt-group.rst). */
#include <inttypes.h>

#include "kernel/cgroup/cgroup-priv.h"

/* A cgroup that is idle refuses shares (EINVAL), so idle is switched off before and on after them. */
static void
add_shares(struct sc_cgroup_job *job, const struct sc_oci_cpu *cpu)
{
    if (cpu->idle.is_set && cpu->idle.value == 0 && !job->for_new)
        sc_cgroup_job_add_number(job, "cpu.idle", 0, "not idle");
    if (sc_cgroup_is_asked_u(&cpu->shares))
        sc_cgroup_job_add_number(
            job, "cpu.shares", (int64_t)cpu->shares.value,
            sc_arena_printf(job->arena, "%" PRIu64 " CPU shares, where others have 1024", cpu->shares.value));
    if (cpu->idle.is_set && cpu->idle.value == 1)
        sc_cgroup_job_add_number(job, "cpu.idle", 1, "run only when nothing else wants the CPU");
}

/* The kernel checks each write against the values already there: burst <= quota, and the ratio quota/period against the
 * parent's. On a live cgroup the way is cleared first, so that every target can be reached from every state. */
static void
add_bandwidth(struct sc_cgroup_job *job, const struct sc_oci_cpu *cpu)
{
    bool has_period = sc_cgroup_is_asked_u(&cpu->period), has_quota = sc_cgroup_is_asked(&cpu->quota);

    if (!job->for_new && cpu->burst.is_set)
        sc_cgroup_job_add_number(job, "cpu.cfs_burst_us", 0, "no burst while the quota changes");
    if (!job->for_new && has_period && has_quota && cpu->quota.value > 0)
        sc_cgroup_job_add_number(job, "cpu.cfs_quota_us", -1, "no quota while the period changes");
    if (has_period)
        sc_cgroup_job_add_number(
            job, "cpu.cfs_period_us", (int64_t)cpu->period.value,
            sc_arena_printf(job->arena, "count CPU time in periods of %" PRIu64 " us", cpu->period.value));
    if (has_quota)
        sc_cgroup_job_add_number(
            job, "cpu.cfs_quota_us", cpu->quota.value,
            cpu->quota.value < 0
                ? "unlimited CPU time"
                : sc_arena_printf(job->arena, "at most %" PRId64 " us of CPU time a period", cpu->quota.value));
    if (sc_cgroup_is_asked_u(&cpu->burst))
        sc_cgroup_job_add_number(
            job, "cpu.cfs_burst_us", (int64_t)cpu->burst.value,
            sc_arena_printf(job->arena, "save up to %" PRIu64 " us of unused quota", cpu->burst.value));
}

int
sc_cgroup1_cpu(struct sc_cgroup_job *job, struct sc_err *err)
{
    const struct sc_oci_cpu *cpu = &job->resources->cpu;

    (void)err;
    add_shares(job, cpu);
    add_bandwidth(job, cpu);
    if (sc_cgroup_is_asked_u(&cpu->realtime_period))
        sc_cgroup_job_add_number(job, "cpu.rt_period_us", (int64_t)cpu->realtime_period.value, "realtime period");
    if (sc_cgroup_is_asked(&cpu->realtime_runtime))
        sc_cgroup_job_add_number(
            job, "cpu.rt_runtime_us", cpu->realtime_runtime.value,
            sc_arena_printf(job->arena, "%" PRId64 " us of realtime CPU time a period", cpu->realtime_runtime.value));
    return 0;
}
