/*
 * Whether this host can do what a container needs, found out by doing it: each trial runs in a child of its own, in
 * namespaces of its own, and leaves nothing. `sc doctor` prints the results; a start does not ask them.
 *
 * A caller without root tries in a user namespace in which its id is 0, as its containers are.
 */
#ifndef SC_KERNEL_TRIAL_H
#define SC_KERNEL_TRIAL_H

#include "kernel/cgroup/cgroup.h"

enum sc_trial {
    SC_TRIAL_USER_NS, /* the kinds in the order of enum sc_ns_kind */
    SC_TRIAL_PID_NS,
    SC_TRIAL_NET_NS,
    SC_TRIAL_MOUNT_NS,
    SC_TRIAL_IPC_NS,
    SC_TRIAL_UTS_NS,
    SC_TRIAL_CGROUP_NS,
    SC_TRIAL_TIME_NS,
    SC_TRIAL_OVERLAY, /* below the directory dir */
    SC_TRIAL_IDMAP,   /* of a mount of dir; root alone */
    SC_TRIAL_SECCOMP, /* a filter */
    SC_TRIAL_PIDFD,   /* pidfd_open, clone3 */
    SC_TRIAL_OPENAT2,
    SC_TRIAL_MOUNT_API, /* open_tree, mount_setattr */
    SC_TRIAL_BRIDGE,
    SC_TRIAL_VETH,
    SC_TRIAL_NFTABLES,
    SC_TRIAL_FUSE,
    SC_TRIAL_LANDLOCK,
    SC_TRIAL_COUNT
};
/* 0 or -errno. dir: a directory that the caller may write, -1 fits all but those that say so. */
int sc_trial_run(enum sc_trial trial, int dir);

/* Makes a cgroup in the controller's hierarchy, writes a limit and removes it. For "devices" on v2: attaches a program.
 */
SC_MUST_CHECK int sc_trial_controller(const struct sc_cgroup_layout *layout, const char *controller,
                                      struct sc_err *err);
/* newuidmap or newgidmap: -ENOENT when missing, -EPERM when neither setuid nor with capabilities. */
int sc_trial_helper(const char *program);

#endif
