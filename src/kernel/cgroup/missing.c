/* The error of a controller that this host has not, and what to do about it. */
#include <string.h>

#include "kernel/cgroup/cgroup-priv.h"

/* What to do about an absent controller depends on who took it away. */
static void
missing_remedy(const struct sc_cgroup_layout *layout, const char *controller, struct sc_err *err)
{
    bool is_old_only = strcmp(controller, "net_cls") == 0 || strcmp(controller, "net_prio") == 0;

    switch (layout->mode) {
    case SC_CGROUP_ABSENT:
        sc_err_remedy(err, "mount cgroup v2: mount -t cgroup2 cgroup2 /sys/fs/cgroup");
        break;
    case SC_CGROUP_V2:
        if (is_old_only)
            sc_err_remedy(err, "cgroup v2 has no such controller: leave the limit out, or match the cgroup in nftables "
                               "(socket cgroupv2)");
        else
            sc_err_remedy(
                err,
                "%s/cgroup.controllers lists what there is; a controller is missing there when the kernel was "
                "built without it, booted with cgroup_disable=%s, or when this is a container to which it was "
                "not delegated (cgroup.subtree_control of the cgroup above)",
                layout->items[0].mount_point, controller);
        break;
    case SC_CGROUP_V1:
    case SC_CGROUP_HYBRID:
        if (strcmp(controller, "memory") == 0)
            sc_err_remedy(err, "boot with \"cgroup_enable=memory swapaccount=1\" on the kernel command line");
        else
            sc_err_remedy(
                err,
                "mount it: mkdir /sys/fs/cgroup/%s && mount -t cgroup -o %s cgroup /sys/fs/cgroup/%s (it must be "
                "enabled in /proc/cgroups)",
                controller, controller, controller);
        break;
    }
}

int
sc_cgroup_missing(const struct sc_cgroup_layout *layout, const char *what, const char *controller, struct sc_err *err)
{
    if (layout->is_delegated_part) {
        sc_err_set(err, SC_ERR_DENIED, "%s: the \"%s\" cgroup controller is not delegated to this user", what,
                   controller);
        return sc_err_remedy(err,
                             "run it in a cgroup of your own: systemd-run --user --scope -p Delegate=yes -- sc ...; "
                             "or as root");
    }
    sc_err_set(err, SC_ERR_UNSUPPORTED, "%s: this host has no \"%s\" cgroup controller", what, controller);
    missing_remedy(layout, controller, err);
    return -1;
}
