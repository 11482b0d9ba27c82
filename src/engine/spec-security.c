/* What is hidden, what is read-only, which system calls and devices there are. */
#include <string.h>

#include "engine/engine-priv.h"
#include "kernel/seccomp.h"

static const char *const masked[] = {
    "/proc/acpi",       "/proc/asound",        "/proc/interrupts",  "/proc/kcore",
    "/proc/keys",       "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/timer_list", "/proc/timer_stats",   "/sys/firmware",     "/sys/devices/virtual/powercap",
};
static const char *const read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

void
sc_spec_paths(const struct sc_create_options *o, struct sc_arena *arena, struct sc_strv *hidden,
              struct sc_strv *unwritable)
{
    if (o->privileged || o->systempaths_unconfined)
        return;
    for (size_t i = 0; i < SC_ARRAY_LEN(masked); i++)
        sc_strv_add(hidden, arena, masked[i]);
    for (size_t i = 0; i < SC_ARRAY_LEN(read_only); i++)
        sc_strv_add(unwritable, arena, read_only[i]);
}

static void
fill_paths(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_linux *out)
{
    const struct sc_create_options *o = &in->container->options;

    if (o->privileged || o->systempaths_unconfined)
        return;
    sc_spec_paths(o, arena, &out->masked_paths, &out->readonly_paths);
    for (size_t i = 0; i < in->cpu_counters.count; i++)
        sc_strv_add(&out->masked_paths, arena, in->cpu_counters.items[i]);
}

int
sc_spec_security(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_spec *out, struct sc_err *err)
{
    const struct sc_create_options *o = &in->container->options;
    struct sc_oci_seccomp *seccomp = &out->linux_.seccomp;

    fill_paths(in, arena, &out->linux_);
    if (o->privileged || sc_str_eq(o->seccomp, "unconfined")) {
        seccomp->is_set = false;
    } else if (o->seccomp) {
        *seccomp = in->seccomp;
    } else {
        *seccomp = sc_seccomp_default(out->process.capabilities.bounding, in->container->is_i386);
    }
    return sc_arena_check(arena, err);
}

int
sc_spec_devices(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_spec *out, struct sc_err *err)
{
    struct sc_oci_device *devices;

    if (in->devices.count == 0 || in->has_userns)
        return 0;
    devices = SC_ARENA_ARRAY(arena, struct sc_oci_device, in->devices.count);
    if (!devices)
        return sc_err_nomem(err);
    for (size_t i = 0; i < in->devices.count; i++) {
        const struct sc_device_node *node = &in->devices.items[i];

        devices[i] = (struct sc_oci_device){
            .type = node->type,
            .path = node->path,
            .major = node->major,
            .minor = node->minor,
            .file_mode = {true, node->mode},
            .uid = {true, node->uid},
            .gid = {true, node->gid},
        };
    }
    out->linux_.devices = devices;
    out->linux_.device_count = in->devices.count;
    return 0;
}
