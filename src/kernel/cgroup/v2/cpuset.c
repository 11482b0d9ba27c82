/* cpuset.cpus and cpuset.mems (cgroup-v2.rst); empty means the parent's, so nothing is written unasked. */
#include "kernel/cgroup/cgroup-priv.h"

int
sc_cgroup2_cpuset(struct sc_cgroup_job *job, struct sc_err *err)
{
    const struct sc_oci_cpu *cpu = &job->resources->cpu;

    (void)err;
    if (cpu->cpus && cpu->cpus[0])
        (void)sc_cgroup_job_add(job, "cpuset.cpus", cpu->cpus,
                                sc_arena_printf(job->arena, "run only on CPUs %s", cpu->cpus));
    if (cpu->mems && cpu->mems[0])
        (void)sc_cgroup_job_add(job, "cpuset.mems", cpu->mems,
                                sc_arena_printf(job->arena, "run only on memory nodes %s", cpu->mems));
    return 0;
}
