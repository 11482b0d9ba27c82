/*
 * resctrl: groups of the resctrl file system, which divide caches and memory bandwidth (Intel RDT, AMD QoS, Arm MPAM;
 * the kernel's Documentation/filesystems/resctrl.rst).
 *
 *     <mount>/                     the default group: every task that nobody moved
 *     <mount>/NAME/                a group: schemata (what it may use), tasks
 *     <mount>/NAME/mon_groups/ID/  tasks of the group that are counted on their own
 *
 * A group is one of very few: hardware has often 4 or 8 of them. Removing one moves its tasks into the default group.
 */
#ifndef SC_KERNEL_RESCTRL_H
#define SC_KERNEL_RESCTRL_H

#include "base/base.h"

enum sc_resctrl_how {
    SC_RESCTRL_OWN,    /* made, and refused where it is there */
    SC_RESCTRL_SHARED, /* made where schemata are given; where it is there they must be its own */
    SC_RESCTRL_ENTER,  /* only opened; one that is gone is no error */
};
struct sc_resctrl_group {
    enum sc_resctrl_how how;
    const char *name;     /* "" is the default group */
    const char *schemata; /* lines, each with its newline; NULL: the group's own */
    const char *monitor;  /* name of its monitoring group; NULL: none */
};
struct sc_resctrl_open {
    int tasks, monitor_tasks; /* to write; -1: not there */
    bool has_made_group, has_made_monitor;
};
#define SC_RESCTRL_OPEN_INIT                                                                                           \
    {                                                                                                                  \
        .tasks = -1, .monitor_tasks = -1                                                                               \
    }

/* Makes and opens what group asks for below root_fd, the file system's root. After an error nothing new is left and
 * nothing is open. EXISTS: an OWN group is there already, or a monitoring group. */
SC_MUST_CHECK int sc_resctrl_make(int root_fd, const struct sc_resctrl_group *group, struct sc_resctrl_open *out,
                                  struct sc_err *err);
/* Takes back what sc_resctrl_make made; a SHARED group that others use by now stays. */
void sc_resctrl_unmake(int root_fd, const struct sc_resctrl_group *group, const struct sc_resctrl_open *made);
/* Writes schemata, with the file system's own words for what it does not take (info/last_cmd_status). */
SC_MUST_CHECK int sc_resctrl_write(int root_fd, const char *name, const char *schemata, struct sc_err *err);
/* Whether every value of asked (lines "L3:0=ff;1=f") is what have says, however either pads its numbers. Pure. */
bool sc_resctrl_has_schemata(const char *have, const char *asked);

#endif
