/* plan/ inside: what the files of the compiler share. */
#ifndef SC_PLAN_PRIV_H
#define SC_PLAN_PRIV_H

#include "plan/plan.h"

/* The compiler's state: inputs, the plan being made, and what later stages must know of earlier ones. */
struct sc_compiler {
    const struct sc_oci_spec *spec;
    const struct sc_host *host;
    const struct sc_ask *ask;
    struct sc_arena *arena;
    struct sc_plan *plan;
    bool has_new[SC_NS_COUNT]; /* a new namespace of the kind is made */
    bool has_user_ns;          /* new or joined */
    bool is_unprivileged;      /* the launcher is not root in its user namespace's parent: the child must do it all */
    const struct sc_oci_id_maps *uid_maps, *gid_maps;
    int idmap_slot;                              /* user namespace for idmapped mounts, or SC_SLOT_NONE */
    int user_ns_slot;                            /* a user namespace that is joined, or SC_SLOT_NONE */
    int cgroup_v2_slot;                          /* directory for CLONE_INTO_CGROUP */
    int cgroup_slots[SC_CGROUP_HIERARCHIES_MAX]; /* of each hierarchy's directory; v1: the next one is its tasks file */
    bool has_cgroups_beside;                     /* those of v1 are made while the child works.. */
    bool enters_cgroups;                         /* ..and it has yet to enter them */
    const struct sc_oci_mount *late_view;        /* the mount that shows them, which is compiled later; or NULL */
    unsigned long late_view_flags;
    bool dev_is_readonly; /* once its devices are made */
    bool dev_is_bound;    /* /dev is the host's: no devices are made */
};

/* steps.c. Appends a step; NULL when memory ran out (sticky in the arena). */
struct sc_step *sc_steps_add(struct sc_arena *arena, struct sc_steps *list, enum sc_op op, int slot, const char *why);
int sc_plan_new_slot(struct sc_plan *plan); /* SC_SLOT_NONE: there are too many */

/* options.c: mount options of the specification and mount(8) */
struct sc_mount_options {
    unsigned long ms_flags;        /* MS_* for mount(2) */
    uint64_t attr_set, attr_clear; /* MOUNT_ATTR_* for mount_setattr(2), this mount */
    uint64_t attr_set_rec, attr_clear_rec;
    uint64_t propagation; /* MS_PRIVATE.. with MS_REC; 0: not said */
    bool is_bind, is_rec, is_idmap, is_ridmap, copies_up;
    struct sc_buf data; /* the rest, comma separated */
};
SC_MUST_CHECK int sc_mount_options_parse(const struct sc_strv *options, struct sc_mount_options *out,
                                         struct sc_err *err);
SC_MUST_CHECK int sc_propagation_parse(const char *text, uint64_t *out, struct sc_err *err);

/* stages */
/* The step that opens a mount tree: the launcher's, in list, or the child's where only that has the right. */
struct sc_step *sc_compile_tree_step(struct sc_compiler *c, struct sc_steps *list, int slot, const char *why);
/* The group of resctrl: made by a container, entered by an exec. Nothing where linux.intelRdt is not set. */
SC_MUST_CHECK int sc_compile_resctrl(const struct sc_oci_intel_rdt *rdt, const char *id, const struct sc_host *host,
                                     struct sc_arena *arena, struct sc_plan *plan, struct sc_err *err);
SC_MUST_CHECK int sc_compile_cgroups(struct sc_compiler *c, struct sc_err *err);
/* Where the launcher's steps about a hierarchy's cgroup are: the process is born in that of v2. */
struct sc_steps *sc_compile_cgroup_list(const struct sc_compiler *c, const struct sc_cgroup_hierarchy *h);
/* The child enters its cgroups, and makes its cgroup namespace, now if it has not yet: before anything that shows them,
 * is charged to them, or waits for the launcher. */
SC_MUST_CHECK int sc_compile_enter_cgroups(struct sc_compiler *c, struct sc_err *err);
SC_MUST_CHECK int sc_compile_cgroup_namespace(struct sc_compiler *c, struct sc_err *err);
/* Whether the maps name the launcher's own ids alone, which needs no privilege but costs setgroups(2). */
bool sc_compile_maps_own_id(const struct sc_compiler *c);
void sc_compile_kinds(struct sc_compiler *c); /* has_new and has_user_ns, which all stages ask */
SC_MUST_CHECK int sc_compile_namespaces(struct sc_compiler *c, struct sc_err *err);
/* "0 100000 65536\n", as uid_map takes it; NULL when memory ran out */
const char *sc_compile_maps_text(struct sc_arena *arena, const struct sc_oci_id_maps *maps);
SC_MUST_CHECK int sc_compile_root(struct sc_compiler *c, struct sc_err *err);
SC_MUST_CHECK int sc_compile_mounts(struct sc_compiler *c, struct sc_err *err);
/* The view of cgroups, if it was left: the launcher needs about as long to make them as the child for all the rest. */
SC_MUST_CHECK int sc_compile_late_view(struct sc_compiler *c, struct sc_err *err);
SC_MUST_CHECK int sc_compile_devices(struct sc_compiler *c, struct sc_err *err);
SC_MUST_CHECK int sc_compile_protect(struct sc_compiler *c, struct sc_err *err); /* masks, read-only */

/* process.c: from rlimits to execve, the same for a container and an exec */
struct sc_process_ask {
    const struct sc_oci_process *process;
    const struct sc_oci_seccomp *seccomp;
    bool waits_for_start, dies_with_parent, has_user_ns, denies_setgroups, may_keep_groups;
    bool has_calls;
    bool is_exec; /* execCPUAffinity is for those only */
    const struct sc_oci_hook_list *start_hooks;
    const char *init_path;
    unsigned preserve_fds;
    uint64_t host_caps;
    uint64_t *caps_left_out; /* filled */
    bool has_apparmor, has_selinux;
};
/* A label of the process that a security module holds; what none can hold is refused. */
SC_MUST_CHECK int sc_compile_labels(struct sc_arena *arena, struct sc_steps *steps, const struct sc_process_ask *ask,
                                    struct sc_err *err);
/* New keys get the label of the process; before the keyring is joined. */
SC_MUST_CHECK int sc_compile_key_label(struct sc_arena *arena, struct sc_steps *steps,
                                       const struct sc_oci_process *process, struct sc_err *err);
/* From here on the child is root of the user namespace; where 0 is not mapped, the user whom the program gets. */
SC_MUST_CHECK int sc_compile_become_root(struct sc_arena *arena, struct sc_steps *steps, const struct sc_oci_linux *l,
                                         const struct sc_oci_process *process, const char *why, struct sc_err *err);
/* Where the process has a user namespace, that is before its ids change: afterwards the file is not its own. */
SC_MUST_CHECK int sc_compile_oom_score(struct sc_arena *arena, struct sc_steps *steps,
                                       const struct sc_oci_process *process, const char *why, struct sc_err *err);
/* Of every process of the container: its personality and memory policy. */
SC_MUST_CHECK int sc_compile_personality(struct sc_arena *arena, struct sc_steps *steps, const struct sc_oci_linux *l,
                                         struct sc_err *err);
/* Every CPU again, where the launcher itself is kept from some; the cgroup's own list still holds. */
SC_MUST_CHECK int sc_compile_all_cpus(struct sc_arena *arena, struct sc_steps *steps, const struct sc_host *host,
                                      struct sc_err *err);
/* data with context="label" added, as mount(8) says it; data itself without a label; NULL: memory ran out */
const char *sc_compile_context(struct sc_arena *arena, const char *data, const char *label);
SC_MUST_CHECK int sc_compile_process(struct sc_arena *arena, struct sc_steps *steps, const struct sc_process_ask *ask,
                                     struct sc_err *err);

/* print: one row per op */
enum sc_print_what { SC_PRINT_TITLE, SC_PRINT_CALL };
typedef void (*sc_print_fn)(const struct sc_step *step, enum sc_print_what what, struct sc_buf *out);
struct sc_op_row {
    const char *name;
    sc_print_fn print;
};
extern const struct sc_op_row sc_op_table[SC_OP_COUNT];

/* print-flags.c */
void sc_print_ms_flags(unsigned long flags, struct sc_buf *out);
void sc_print_attr(uint64_t attr, struct sc_buf *out);
void sc_print_clone_flags(uint64_t flags, struct sc_buf *out);
void sc_print_caps(uint64_t caps, struct sc_buf *out);

/* print-sh*.c */
int sc_plan_print_sh(const struct sc_plan *plan, struct sc_buf *out, struct sc_err *err);
/* One step of the child's half of that script; false: it needs no line. */
bool sc_sh_child_step(const struct sc_plan *plan, const struct sc_step *step, struct sc_buf *out);
#define SC_INIT_INSIDE "/run/sc-init" /* where --init's program is bound in the container */

#endif
