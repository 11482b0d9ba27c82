/* Huge pages: hugetlb.SIZE.LIMIT, where only the word for the limit differs between the versions. */
#include <inttypes.h>
#include <stdio.h>

#include "kernel/cgroup/cgroup-priv.h"

int
sc_cgroup_hugetlb(struct sc_cgroup_job *job, const char *limit, struct sc_err *err)
{
    for (size_t i = 0; i < job->resources->hugepage_count; i++) {
        const struct sc_oci_hugepage *page = &job->resources->hugepages[i];
        const char *file = sc_arena_printf(job->arena, "hugetlb.%s.%s", page->page_size, limit);
        const char *reserved = sc_arena_printf(job->arena, "hugetlb.%s.rsvd.%s", page->page_size, limit);
        char value[SC_NUM_MAX];
        struct sc_cgroup_write *write;

        if (!file || !reserved)
            return sc_err_nomem(err);
        (void)snprintf(value, sizeof(value), "%" PRIu64, page->limit);
        (void)sc_cgroup_job_add(
            job, file, value,
            sc_arena_printf(job->arena, "at most %" PRIu64 " bytes of %s pages", page->limit, page->page_size));
        /* Without it a reservation beyond the limit succeeds and the fault kills (SIGBUS); Linux 5.7. */
        write =
            sc_cgroup_job_add(job, reserved, value, "and no larger reservation, so that mmap fails and no fault does");
        if (write)
            write->is_optional = true;
    }
    return 0;
}
