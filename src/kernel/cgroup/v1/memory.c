/* memory.limit_in_bytes, memory.memsw.limit_in_bytes and others (cgroup-v1/memory.rst). Here swap is counted together
 * with memory, as in the OCI's own words. */
#include <inttypes.h>

#include "kernel/cgroup/cgroup-priv.h"

static int
check_swap(const struct sc_cgroup_job *job, int64_t swap, struct sc_err *err)
{
    const struct sc_oci_memory *memory = &job->resources->memory;

    if (swap > 0 && !job->layout->has_swap_accounting) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "limit memory and swap to %s: this host does not account swap",
                   sc_cgroup_show_size(job->arena, swap));
        return sc_err_remedy(err, "boot with \"swapaccount=1\" on the kernel command line");
    }
    /* memsw >= limit must hold at every moment, and an absent limit is infinite. */
    if (swap > 0 && (memory->limit.value == -1 || (job->for_new && !sc_cgroup_is_asked(&memory->limit))))
        return sc_err_set(err, SC_ERR_INVALID,
                          "linux.resources.memory.swap: a limit on memory and swap together needs a limit on memory");
    return 0;
}

static void
add_limits(struct sc_cgroup_job *job, int64_t limit, int64_t swap)
{
    const char *limit_why =
        limit == -1 ? "any amount of memory"
                    : sc_arena_printf(job->arena, "at most %s of memory", sc_cgroup_show_size(job->arena, limit));

    /* The kernel refuses a memsw below the limit of the moment and a limit above the memsw of the moment. Lifting memsw
     * first makes every change possible in one order, whether the values grow or shrink. */
    if (!job->for_new && limit != 0 && swap > 0)
        sc_cgroup_job_add_number(job, "memory.memsw.limit_in_bytes", -1, "out of the way while the memory limit moves");
    if (swap == -1 && limit != 0)
        sc_cgroup_job_add_number(job, "memory.memsw.limit_in_bytes", -1, "any amount of swap");
    if (limit != 0)
        sc_cgroup_job_add_number(job, "memory.limit_in_bytes", limit, limit_why);
    if (swap > 0)
        sc_cgroup_job_add_number(job, "memory.memsw.limit_in_bytes", swap,
                                 swap == limit ? "no swap: memory and swap together have the same limit"
                                               : sc_arena_printf(job->arena, "at most %s of memory and swap together",
                                                                 sc_cgroup_show_size(job->arena, swap)));
    else if (swap == -1 && limit == 0)
        sc_cgroup_job_add_number(job, "memory.memsw.limit_in_bytes", -1, "any amount of swap");
}

int
sc_cgroup1_memory(struct sc_cgroup_job *job, struct sc_err *err)
{
    const struct sc_oci_memory *memory = &job->resources->memory;
    int64_t limit = memory->limit.is_set ? memory->limit.value : 0;
    int64_t swap = memory->swap.is_set ? memory->swap.value : 0;

    if (check_swap(job, swap, err) < 0)
        return -1;
    /* An unlimited amount of memory cannot stand beside a limit on memory and swap that was set before. */
    if (!job->for_new && limit == -1 && swap == 0)
        swap = -1;
    if (swap == -1 && !job->layout->has_swap_accounting)
        swap = 0; /* nothing limits it here */
    add_limits(job, limit, swap);
    if (sc_cgroup_is_asked(&memory->reservation))
        sc_cgroup_job_add_number(job, "memory.soft_limit_in_bytes", memory->reservation.value,
                                 sc_arena_printf(job->arena, "shrink to %s first when memory is short",
                                                 sc_cgroup_show_size(job->arena, memory->reservation.value)));
    if (sc_cgroup_is_asked(&memory->kernel_tcp))
        sc_cgroup_job_add_number(job, "memory.kmem.tcp.limit_in_bytes", memory->kernel_tcp.value,
                                 sc_arena_printf(job->arena, "at most %s of TCP buffers",
                                                 sc_cgroup_show_size(job->arena, memory->kernel_tcp.value)));
    if (memory->swappiness.is_set)
        sc_cgroup_job_add_number(job, "memory.swappiness", (int64_t)memory->swappiness.value,
                                 "how willingly memory is swapped out");
    if (memory->disable_oom_killer.is_set && (memory->disable_oom_killer.value || !job->for_new))
        sc_cgroup_job_add_number(job, "memory.oom_control", memory->disable_oom_killer.value,
                                 memory->disable_oom_killer.value ? "tasks wait for memory instead of being killed"
                                                                  : "tasks are killed when memory is out");
    return 0;
}
