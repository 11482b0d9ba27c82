/*
 * Shared by the files of `sc cgroup`; nobody else includes it.
 *
 *     cgroup-spec.c      "memory,pids:a/b" to places in the mounted hierarchies
 *     cgroup-config.c    the text of cgconfig.conf to mounts and groups; pure
 *     cmd-cgroup.c       create, set, get, ls        cmd-cgroup-move.c   exec, classify, delete, procs, mount, umount
 *     cmd-cgroup-tree.c  tree                        cmd-cgroup-apply.c  apply
 */
#ifndef SC_CGROUP_CLI_PRIV_H
#define SC_CGROUP_CLI_PRIV_H

#include "cli/cli.h"
#include "kernel/cgroup/groups.h"

/* One cgroup in one hierarchy; controllers: those of it that were named, in either version's words. */
struct sc_cgroup_target {
    int hierarchy;
    const char *path; /* "/a/b" */
    struct sc_strv controllers;
};
struct sc_cgroup_targets {
    struct sc_cgroup_target *items;
    size_t count;
};
/* "a/../b", "//a/" and "" are not what libcgroup would take them for: refused, or normalised to "/a/b". */
SC_MUST_CHECK int sc_cgroup_spec_path(const char *text, struct sc_arena *arena, const char **out, struct sc_err *err);
/* CONTROLLER[,CONTROLLER...]:PATH, "*" for all; appended, one for each hierarchy. */
SC_MUST_CHECK int sc_cgroup_spec_parse(const struct sc_cgroup_layout *layout, const char *text, struct sc_arena *arena,
                                       struct sc_cgroup_targets *out, struct sc_err *err);
/* All of -g and, where they may hold them too, the arguments. */
SC_MUST_CHECK int sc_cgroup_spec_all(const struct sc_cgroup_layout *layout, const struct sc_strv *specs,
                                     struct sc_arena *arena, struct sc_cgroup_targets *out, struct sc_err *err);
/* Opens it; a missing one is named with its controllers. */
SC_MUST_CHECK int sc_cgroup_target_open(const struct sc_cgroup_layout *layout, const struct sc_cgroup_target *target,
                                        struct sc_err *err);
/* Makes it, with what a task needs to join (v1 cpuset) and what its controllers need above (v2). */
SC_MUST_CHECK int sc_cgroup_target_create(const struct sc_cgroup_layout *layout, const struct sc_cgroup_target *target,
                                          struct sc_err *err);
/* A note where systemd would take back what is done there. */
SC_MUST_CHECK int sc_cgroup_target_note(struct sc_cli *cli, const struct sc_cgroup_layout *layout,
                                        const struct sc_cgroup_target *target, struct sc_err *err);
int sc_cgroup_value_mode(void *mode, const char *value, struct sc_arena *arena, struct sc_err *err);

/* ---- cgconfig.conf ---- */
struct sc_cgconfig_mount {
    char *controller, *dir;
};
struct sc_cgconfig_param {
    char *controller, *key, *value; /* key NULL: only the controller's block was there */
};
struct sc_cgconfig_group {
    char *name;
    int line;
    struct sc_cgroup_perm perm;
    struct sc_cgconfig_param *params;
    size_t param_count;
};
struct sc_cgconfig {
    struct sc_cgconfig_mount *mounts;
    size_t mount_count;
    struct sc_cgconfig_group *groups;
    size_t group_count;
};
/* name is for messages, which say the line too: "cgconfig.conf:12: ...". */
SC_MUST_CHECK int sc_cgconfig_parse(const char *text, const char *name, struct sc_arena *arena, struct sc_cgconfig *out,
                                    struct sc_err *err);

#endif
