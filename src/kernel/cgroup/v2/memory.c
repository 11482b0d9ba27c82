/* memory.max, memory.swap.max, memory.low (cgroup-v2.rst, "Memory"). v2 counts swap by itself; the OCI counts it
 * together with memory, so the difference is written. */
#include <inttypes.h>
#include <stdio.h>

#include "kernel/cgroup/cgroup-priv.h"

static struct sc_cgroup_write *
add_size(struct sc_cgroup_job *job, const char *file, int64_t bytes, const char *why)
{
    char text[SC_NUM_MAX];

    if (bytes == -1)
        return sc_cgroup_job_add(job, file, "max", why);
    (void)snprintf(text, sizeof(text), "%" PRId64, bytes);
    return sc_cgroup_job_add(job, file, text, why);
}

/* What v2 has no file for; "unlimited" and "as it is" need none. */
static int
check_unsupported(const struct sc_oci_memory *memory, struct sc_err *err)
{
    if (memory->kernel_tcp.is_set && memory->kernel_tcp.value > 0) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "limit TCP buffer memory: cgroup v2 has no such limit");
        return sc_err_remedy(err, "leave it out: the memory limit counts socket buffers too");
    }
    if (memory->swappiness.is_set) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "set swappiness: cgroup v2 has no swappiness of a cgroup");
        return sc_err_remedy(err, "leave --memory-swappiness out and limit swap itself with --memory-swap");
    }
    if (memory->disable_oom_killer.is_set && memory->disable_oom_killer.value) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "disable the OOM killer: cgroup v2 cannot");
        return sc_err_remedy(err, "leave --oom-kill-disable out, or throttle instead of killing with unified "
                                  "\"memory.high\"");
    }
    return 0;
}

/* memory+swap of the OCI to memory.swap.max: 0 is "not set" and -1 "unlimited" whatever the limit (as runc and crun).
 */
static int
swap_of(const struct sc_cgroup_job *job, int64_t limit, int64_t total, int64_t *swap, struct sc_err *err)
{
    *swap = total;
    if (total <= 0 || limit == -1)
        return 0;
    if (limit == 0)
        return sc_err_set(err, SC_ERR_INVALID,
                          "linux.resources.memory.swap: a limit on memory and swap together needs a limit on memory");
    *swap = total - limit;
    if (job->layout->has_swap_accounting)
        return 0;
    sc_err_set(err, SC_ERR_UNSUPPORTED, "limit memory and swap to %s: this host does not account swap",
               sc_cgroup_show_size(job->arena, total));
    return sc_err_remedy(err, "boot with \"swapaccount=1\" on the kernel command line");
}

static void
add_swap(struct sc_cgroup_job *job, int64_t swap)
{
    struct sc_cgroup_write *write;

    if (swap == -1) {
        write = add_size(job, "memory.swap.max", -1, "any amount of swap");
        if (write)
            write->is_optional = true; /* without swap accounting nothing limits it */
        return;
    }
    (void)add_size(job, "memory.swap.max", swap,
                   swap == 0
                       ? "no swap: memory and swap together have the same limit"
                       : sc_arena_printf(job->arena, "at most %s of swap", sc_cgroup_show_size(job->arena, swap)));
}

int
sc_cgroup2_memory(struct sc_cgroup_job *job, struct sc_err *err)
{
    const struct sc_oci_memory *memory = &job->resources->memory;
    int64_t limit = memory->limit.is_set ? memory->limit.value : 0;
    int64_t total = memory->swap.is_set ? memory->swap.value : 0, swap = 0;
    struct sc_cgroup_write *write;

    if (check_unsupported(memory, err) < 0 || swap_of(job, limit, total, &swap, err) < 0)
        return -1;
    if (total != 0)
        add_swap(job, swap);
    else if (limit == -1 && !job->for_new)
        add_swap(job, -1); /* a swap limit computed from an old memory limit means nothing any more */
    if (limit != 0) {
        write = add_size(
            job, "memory.max", limit,
            limit == -1 ? "any amount of memory"
                        : sc_arena_printf(job->arena, "at most %s of memory", sc_cgroup_show_size(job->arena, limit)));
        /* v1 refuses a limit below the usage; v2 takes it and kills until it fits. */
        if (write && limit > 0 && !job->for_new && memory->check_before_update.is_set &&
            memory->check_before_update.value)
            write->not_below = "memory.current";
    }
    if (sc_cgroup_is_asked(&memory->reservation))
        (void)add_size(job, "memory.low", memory->reservation.value,
                       sc_arena_printf(job->arena, "keep %s of memory from being reclaimed",
                                       sc_cgroup_show_size(job->arena, memory->reservation.value)));
    return 0;
}
