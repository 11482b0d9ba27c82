/* rdma.max: InfiniBand handles and objects; the one file that is the same in v1 and v2 (rdma.rst, cgroup-v2.rst). */
#include <inttypes.h>

#include "kernel/cgroup/cgroup-priv.h"

int
sc_cgroup_rdma(struct sc_cgroup_job *job, struct sc_err *err)
{
    for (size_t i = 0; i < job->resources->rdma_count; i++) {
        const struct sc_oci_rdma *rdma = &job->resources->rdma[i];
        sc_cleanup_buf line = SC_BUF_INIT;

        sc_buf_adds(&line, rdma->name);
        if (rdma->hca_handles.is_set)
            sc_buf_addf(&line, " hca_handle=%" PRIu64, rdma->hca_handles.value);
        if (rdma->hca_objects.is_set)
            sc_buf_addf(&line, " hca_object=%" PRIu64, rdma->hca_objects.value);
        if (!rdma->hca_handles.is_set && !rdma->hca_objects.is_set)
            continue;
        if (sc_buf_check(&line, err) < 0)
            return -1;
        (void)sc_cgroup_job_add(
            job, "rdma.max", sc_buf_str(&line),
            sc_arena_printf(job->arena, "at most so many RDMA handles and objects of %s", rdma->name));
    }
    return 0;
}
