/* pids.max, the most tasks a container may hold (cgroup-v1/pids.rst). */
#include "kernel/cgroup/cgroup-priv.h"

/* v1 and v2 have the same file with the same values. */
int
sc_cgroup1_pids(struct sc_cgroup_job *job, struct sc_err *err)
{
    return sc_cgroup2_pids(job, err);
}
