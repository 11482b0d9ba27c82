/* hugetlb.SIZE.max (cgroup-v2.rst, "HugeTLB"). */
#include "kernel/cgroup/cgroup-priv.h"

int
sc_cgroup2_hugetlb(struct sc_cgroup_job *job, struct sc_err *err)
{
    return sc_cgroup_hugetlb(job, "max", err);
}
