/* hugetlb.SIZE.limit_in_bytes (cgroup-v1/hugetlb.rst). */
#include "kernel/cgroup/cgroup-priv.h"

int
sc_cgroup1_hugetlb(struct sc_cgroup_job *job, struct sc_err *err)
{
    return sc_cgroup_hugetlb(job, "limit_in_bytes", err);
}
