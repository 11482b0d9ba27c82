/* pids.max, the most tasks a container may hold (cgroup-v2.rst, "PID"). */
#include <inttypes.h>

#include "kernel/cgroup/cgroup-priv.h"

#define PIDS_MOST 4194304 /* PID_MAX_LIMIT: the kernel can have no more tasks, and refuses a larger number */

int
sc_cgroup2_pids(struct sc_cgroup_job *job, struct sc_err *err)
{
    const struct sc_opt_i64 *limit = &job->resources->pids_limit;

    (void)err;
    if (!limit->is_set)
        return 0;
    if (limit->value <= 0 || limit->value > PIDS_MOST)
        (void)sc_cgroup_job_add(job, "pids.max", "max", "any number of tasks");
    else
        sc_cgroup_job_add_number(job, "pids.max", limit->value,
                                 sc_arena_printf(job->arena, "at most %" PRId64 " tasks", limit->value));
    return 0;
}
