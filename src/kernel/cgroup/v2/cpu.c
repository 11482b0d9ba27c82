/* cpu.weight, cpu.max, cpu.max.burst, cpu.idle (cgroup-v2.rst, "CPU"). */
#include <inttypes.h>
#include <math.h>

#include "kernel/cgroup/cgroup-priv.h"

/* The binary logarithm of value >= 1: the exponent, then one binary digit for each squaring. */
static double
log2_of(uint64_t value)
{
    int exponent = 63 - __builtin_clzll(value);
    double mantissa = (double)value / (double)(UINT64_C(1) << exponent), result = exponent, digit = 0.5;

    for (int i = 0; i < 52 && mantissa != 1.0; i++) {
        mantissa *= mantissa;
        if (mantissa >= 2.0) {
            mantissa /= 2.0;
            result += digit;
        }
        digit /= 2;
    }
    return result;
}

/* 10 to the power of exponent in 0..4: whole powers by product, the rest by the exponential series. */
static double
pow10_of(double exponent)
{
    int whole = (int)exponent;
    double x = (exponent - whole) * M_LN10, term = 1.0, result = 1.0;

    for (int i = 1; i < 40; i++) {
        term *= x / i;
        result += term;
    }
    while (whole-- > 0)
        result *= 10.0;
    return result;
}

/*
 * Shares run from 2 over 1024 (default) to 262144, weights from 1 over 100 to 10000. The old linear map sent the
 * default 1024 to 39, so a container with default shares lost against every other cgroup; the quadratic in log2(shares)
 * below meets all three points. It is the one of opencontainers/cgroups (runc 1.3) and crun 1.23, so that all agree.
 * What is in proportion stays not so (512 is 59): whoever states a proportion wants sc_cgroup_weight_of_shares.
 */
uint64_t
sc_cgroup2_cpu_weight(uint64_t shares)
{
    double l, weight;
    uint64_t whole;

    if (shares <= 2)
        return 1;
    if (shares >= 262144)
        return 10000;
    l = log2_of(shares);
    weight = pow10_of((l * l + 125.0 * l) / 612.0 - 7.0 / 34.0);
    /* Rounded up, but not for the last bits of a double: 1024 is exactly 100. */
    whole = (uint64_t)weight;
    return weight - (double)whole > 1e-9 ? whole + 1 : whole;
}

static void
add_max(struct sc_cgroup_job *job, const struct sc_oci_cpu *cpu)
{
    bool has_period = sc_cgroup_is_asked_u(&cpu->period);
    const char *value, *why;

    if (cpu->quota.value > 0 && cpu->quota.is_set) {
        uint64_t period = has_period ? cpu->period.value : 100000;

        /* On a live cgroup a quota alone keeps the period it has. */
        value = job->for_new || has_period
                    ? sc_arena_printf(job->arena, "%" PRId64 " %" PRIu64, cpu->quota.value, period)
                    : sc_arena_printf(job->arena, "%" PRId64, cpu->quota.value);
        why = has_period || job->for_new
                  ? sc_arena_printf(job->arena, "at most %" PRId64 " us of CPU time in every %" PRIu64,
                                    cpu->quota.value, period)
                  : sc_arena_printf(job->arena, "at most %" PRId64 " us of CPU time a period", cpu->quota.value);
    } else {
        value = has_period ? sc_arena_printf(job->arena, "max %" PRIu64, cpu->period.value) : "max";
        why = "unlimited CPU time";
    }
    (void)sc_cgroup_job_add(job, "cpu.max", value, why);
}

int
sc_cgroup2_cpu(struct sc_cgroup_job *job, struct sc_err *err)
{
    const struct sc_oci_cpu *cpu = &job->resources->cpu;
    bool has_quota = sc_cgroup_is_asked(&cpu->quota), has_period = sc_cgroup_is_asked_u(&cpu->period);

    if (sc_cgroup_is_asked(&cpu->realtime_runtime) || sc_cgroup_is_asked_u(&cpu->realtime_period)) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "grant realtime CPU time: cgroup v2 has no realtime budget");
        return sc_err_remedy(err,
                             "leave realtimeRuntime and realtimePeriod (--cpu-rt-runtime, --cpu-rt-period) out, or "
                             "boot with cgroup v1");
    }
    /* cpu.max holds both numbers; a period alone would silently lift the quota that is there. */
    if (!job->for_new && has_period && !has_quota)
        return sc_err_set(err, SC_ERR_INVALID,
                          "linux.resources.cpu.period: on cgroup v2 it can only be changed together with the quota");
    if (cpu->idle.is_set && cpu->idle.value == 0 && !job->for_new)
        sc_cgroup_job_add_number(job, "cpu.idle", 0, "not idle");
    if (sc_cgroup_is_asked_u(&cpu->shares))
        sc_cgroup_job_add_number(job, "cpu.weight", (int64_t)sc_cgroup2_cpu_weight(cpu->shares.value),
                                 sc_arena_printf(job->arena,
                                                 "%" PRIu64 " CPU shares as a weight, where others have 100",
                                                 cpu->shares.value));
    if (cpu->idle.is_set && cpu->idle.value == 1)
        sc_cgroup_job_add_number(job, "cpu.idle", 1, "run only when nothing else wants the CPU");
    /* burst <= quota is checked at every write, so on a live cgroup burst goes down before the quota does. */
    if (!job->for_new && cpu->burst.is_set)
        sc_cgroup_job_add_number(job, "cpu.max.burst", 0, "no burst while the quota changes");
    if (has_quota || has_period)
        add_max(job, cpu);
    if (sc_cgroup_is_asked_u(&cpu->burst))
        sc_cgroup_job_add_number(
            job, "cpu.max.burst", (int64_t)cpu->burst.value,
            sc_arena_printf(job->arena, "save up to %" PRIu64 " us of unused quota", cpu->burst.value));
    return 0;
}
