/* net_cls.classid and net_prio.ifpriomap (cgroup-v1/net_cls.rst, net_prio.rst). */
#include <inttypes.h>

#include "kernel/cgroup/cgroup-priv.h"

int
sc_cgroup1_net_cls(struct sc_cgroup_job *job, struct sc_err *err)
{
    const struct sc_opt_u64 *id = &job->resources->net_class_id;

    (void)err;
    if (sc_cgroup_is_asked_u(id))
        sc_cgroup_job_add_number(job, "net_cls.classid", (int64_t)id->value,
                                 sc_arena_printf(job->arena, "mark packets with class %" PRIx64 ":%" PRIx64,
                                                 id->value >> 16, id->value & 0xffff));
    return 0;
}

int
sc_cgroup1_net_prio(struct sc_cgroup_job *job, struct sc_err *err)
{
    (void)err;
    for (size_t i = 0; i < job->resources->net_priority_count; i++) {
        const struct sc_oci_net_priority *item = &job->resources->net_priorities[i];
        const char *line = sc_arena_printf(job->arena, "%s %" PRIu32, item->name, item->priority);

        (void)sc_cgroup_job_add(job, "net_prio.ifpriomap", line, "priority of its packets on this interface");
    }
    return 0;
}
