/* blkio.weight and blkio.throttle.* (cgroup-v1/blkio-controller.rst). */
#include <inttypes.h>

#include "kernel/cgroup/cgroup-priv.h"

static void
add_device(struct sc_cgroup_job *job, const char *file, int64_t major, int64_t minor, uint64_t number, const char *what)
{
    const char *line = sc_arena_printf(job->arena, "%" PRId64 ":%" PRId64 " %" PRIu64, major, minor, number);

    (void)sc_cgroup_job_add(job, file, line,
                            sc_arena_printf(job->arena, "%s %" PRIu64 " for block device %" PRId64 ":%" PRId64, what,
                                            number, major, minor));
}

static void
add_throttle(struct sc_cgroup_job *job, const char *file, const struct sc_oci_throttle_list *list, const char *what)
{
    for (size_t i = 0; i < list->count; i++)
        add_device(job, file, list->items[i].major, list->items[i].minor, list->items[i].rate, what);
}

int
sc_cgroup1_blkio(struct sc_cgroup_job *job, struct sc_err *err)
{
    const struct sc_oci_block_io *io = &job->resources->block_io;

    (void)err;
    if (sc_cgroup_is_asked_u(&io->weight))
        sc_cgroup_job_add_number(job, "blkio.weight", (int64_t)io->weight.value, "share of block I/O, from 10 to 1000");
    if (sc_cgroup_is_asked_u(&io->leaf_weight))
        sc_cgroup_job_add_number(job, "blkio.leaf_weight", (int64_t)io->leaf_weight.value,
                                 "share of block I/O against its own children");
    for (size_t i = 0; i < io->weight_device_count; i++) {
        const struct sc_oci_weight_device *device = &io->weight_devices[i];

        if (sc_cgroup_is_asked_u(&device->weight))
            add_device(job, "blkio.weight_device", device->major, device->minor, device->weight.value, "weight");
        if (sc_cgroup_is_asked_u(&device->leaf_weight))
            add_device(job, "blkio.leaf_weight_device", device->major, device->minor, device->leaf_weight.value,
                       "leaf weight");
    }
    add_throttle(job, "blkio.throttle.read_bps_device", &io->read_bps, "bytes read a second: at most");
    add_throttle(job, "blkio.throttle.write_bps_device", &io->write_bps, "bytes written a second: at most");
    add_throttle(job, "blkio.throttle.read_iops_device", &io->read_iops, "reads a second: at most");
    add_throttle(job, "blkio.throttle.write_iops_device", &io->write_iops, "writes a second: at most");
    return 0;
}
