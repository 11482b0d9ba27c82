/* io.weight and io.max (cgroup-v2.rst, "IO"). */
#include <inttypes.h>

#include "kernel/cgroup/cgroup-priv.h"

/* The line through (10, 1) and (1000, 10000), as runc and crun map it. */
uint64_t
sc_cgroup2_io_weight(uint64_t weight)
{
    return 1 + (weight - 10) * 9999 / 990;
}

/* The inverse, for kernels whose only weight is BFQ's: exact for every weight that came from above. */
uint64_t
sc_cgroup2_bfq_weight(uint64_t io_weight)
{
    return 10 + ((io_weight - 1) * 990 + 9998) / 9999;
}

static void
add_max(struct sc_cgroup_job *job, const struct sc_oci_throttle_list *list, const char *key, const char *what)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct sc_oci_throttle_device *device = &list->items[i];
        const char *line = sc_arena_printf(job->arena, "%" PRId64 ":%" PRId64 " %s=%" PRIu64, device->major,
                                           device->minor, key, device->rate);

        /* A rate of 0 lifts the limit in v1; v2 calls that "max" and refuses 0. */
        if (device->rate == 0)
            line = sc_arena_printf(job->arena, "%" PRId64 ":%" PRId64 " %s=max", device->major, device->minor, key);
        (void)sc_cgroup_job_add(job, "io.max", line,
                                sc_arena_printf(job->arena, "%s %" PRIu64 " for block device %" PRId64 ":%" PRId64,
                                                what, device->rate, device->major, device->minor));
    }
}

static int
check_leaf(const struct sc_oci_block_io *io, struct sc_err *err)
{
    bool is_asked = sc_cgroup_is_asked_u(&io->leaf_weight);

    for (size_t i = 0; i < io->weight_device_count; i++)
        is_asked = is_asked || sc_cgroup_is_asked_u(&io->weight_devices[i].leaf_weight);
    if (!is_asked)
        return 0;
    sc_err_set(err, SC_ERR_UNSUPPORTED, "linux.resources.blockIO.leafWeight: cgroup v2 has no leaf weight");
    return sc_err_remedy(err, "leave it out: in v2 a cgroup with children holds no tasks that could compete with them");
}

int
sc_cgroup2_io(struct sc_cgroup_job *job, struct sc_err *err)
{
    const struct sc_oci_block_io *io = &job->resources->block_io;

    if (check_leaf(io, err) < 0)
        return -1;
    if (sc_cgroup_is_asked_u(&io->weight)) {
        const char *line = sc_arena_printf(job->arena, "default %" PRIu64, sc_cgroup2_io_weight(io->weight.value));

        (void)sc_cgroup_job_add(job, "io.weight", line, "share of block I/O, from 1 to 10000");
    }
    for (size_t i = 0; i < io->weight_device_count; i++) {
        const struct sc_oci_weight_device *device = &io->weight_devices[i];

        if (!sc_cgroup_is_asked_u(&device->weight))
            continue;
        (void)sc_cgroup_job_add(job, "io.weight",
                                sc_arena_printf(job->arena, "%" PRId64 ":%" PRId64 " %" PRIu64, device->major,
                                                device->minor, sc_cgroup2_io_weight(device->weight.value)),
                                "share of one block device");
    }
    add_max(job, &io->read_bps, "rbps", "bytes read a second: at most");
    add_max(job, &io->write_bps, "wbps", "bytes written a second: at most");
    add_max(job, &io->read_iops, "riops", "reads a second: at most");
    add_max(job, &io->write_iops, "wiops", "writes a second: at most");
    return 0;
}
