/* cpuset.cpus and cpuset.mems (cpuset(7)). A new v1 cpuset is empty and takes no task until both are filled. */
#include "kernel/cgroup/cgroup-priv.h"

static void
add_mask(struct sc_cgroup_job *job, const char *file, const char *asked, const char *inherited, const char *what)
{
    struct sc_cgroup_write *write;

    if (asked && asked[0]) {
        (void)sc_cgroup_job_add(job, file, asked, sc_arena_printf(job->arena, "run only on %s %s", what, asked));
        return;
    }
    if (!job->for_new || !inherited)
        return;
    write = sc_cgroup_job_add(
        job, file, inherited,
        sc_arena_printf(job->arena, "all %s: a new v1 cpuset is empty and takes no task before it is filled", what));
    if (write)
        write->is_optional = true;
}

int
sc_cgroup1_cpuset(struct sc_cgroup_job *job, struct sc_err *err)
{
    (void)err;
    add_mask(job, "cpuset.cpus", job->resources->cpu.cpus, job->layout->cpuset_cpus, "CPUs");
    add_mask(job, "cpuset.mems", job->resources->cpu.mems, job->layout->cpuset_mems, "memory nodes");
    return 0;
}
