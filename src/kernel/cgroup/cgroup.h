/*
 * kernel/cgroup: one vocabulary of limits (the OCI's linux.resources), three worlds to write it to.
 *
 *   detect     which hierarchies this host has and which controller lives where
 *   translate  resources -> ordered file writes; pure, one file per controller in v1/ and v2/
 *   apply      create, write, join, kill, freeze, read accounts, remove; by directory fd
 *
 * Layouts: V1 (every controller in v1 hierarchies), HYBRID (v1 plus a v2 mount holding some or no
 * controllers), V2 (pure). A "hierarchy" is one mounted tree; v1 controllers co-mounted (cpu,cpuacct) are one.
 *
 * Invariants: translate never drops a limit silently: one that no hierarchy here can enforce is
 * SC_ERR_UNSUPPORTED naming the controller. Only cgroups below the container's own path are created, written or removed
 * (parents are created when missing and never removed unless empty and made by sc). Nothing here trusts a path from a
 * container.
 */
#ifndef SC_KERNEL_CGROUP_H
#define SC_KERNEL_CGROUP_H

#include "base/base.h"
#include "oci/oci.h"

enum sc_cgroup_mode { SC_CGROUP_V1, SC_CGROUP_HYBRID, SC_CGROUP_V2, SC_CGROUP_ABSENT };

#define SC_CGROUP_HIERARCHIES_MAX 16
struct sc_cgroup_hierarchy {
    bool is_v2;
    char *mount_point;                 /* "/sys/fs/cgroup/memory" */
    struct sc_strv other_mount_points; /* where the same hierarchy, or a part of it, can be seen too */
    char *mount_root;                  /* 4th field of mountinfo: "/" unless a namespace or bind shows a part */
    char *name; /* directory name below /sys/fs/cgroup: "memory", "cpu,cpuacct", "systemd", "unified"; "" for pure v2 */
    struct sc_strv
        controllers; /* "memory"; for v1 named hierarchies "name=systemd"; v2: cgroup.controllers of the root */
    char *self_path; /* this process's cgroup here, from /proc/self/cgroup */
};
struct sc_cgroup_layout {
    enum sc_cgroup_mode mode;
    struct sc_cgroup_hierarchy items[SC_CGROUP_HIERARCHIES_MAX];
    size_t count;
    /* v1 cpuset: a new cgroup starts empty and must be filled from its parent (cpuset(7)) */
    char *cpuset_cpus, *cpuset_mems; /* effective values at the root of the hierarchy; NULL without cpuset */
    bool has_swap_accounting;        /* memory.memsw.* or memory.swap.max is there */
    bool is_delegated_part;          /* only what is delegated to a caller without root is left */
};
/* Reads /proc/self/mountinfo and /proc/self/cgroup (and a few root files). */
SC_MUST_CHECK int sc_cgroup_detect(struct sc_arena *arena, struct sc_cgroup_layout *out, struct sc_err *err);
/* Leaves only the hierarchies in which a cgroup of the caller's own is above this process; that cgroup becomes their
 * mount_point, as if it were the root. The mode stays the host's. */
SC_MUST_CHECK int sc_cgroup_keep_delegated(struct sc_cgroup_layout *layout, struct sc_arena *arena, struct sc_err *err);
/* The pure half, for tests: texts of the two files. */
SC_MUST_CHECK int sc_cgroup_parse_layout(const char *mountinfo, const char *self_cgroup, struct sc_arena *arena,
                                         struct sc_cgroup_layout *out, struct sc_err *err);
const char *sc_cgroup_mode_name(enum sc_cgroup_mode mode); /* "v1" "hybrid" "v2" */
/* Index of the hierarchy that holds controller, or -1 */
int sc_cgroup_find(const struct sc_cgroup_layout *layout, const char *controller);
int sc_cgroup_find_v2(const struct sc_cgroup_layout *layout); /* the v2 hierarchy, or -1 */

/* One write the plan will do: echo value > mount_point/path/file. */
struct sc_cgroup_write {
    int hierarchy;
    char *file, *value;
    const char *why;  /* for --explain: "at most 64 MiB of memory"; static or in the arena */
    bool is_optional; /* nothing was asked: a missing file is fine, see sc_cgroup_write_optional */
    const char
        *not_below; /* "memory.current": a value under what this file holds is refused (checkBeforeUpdate); or NULL */
};
struct sc_cgroup_writes {
    struct sc_cgroup_write *items;
    size_t count;
};
/* resources -> writes, in an order the kernel accepts (v1 memory before memsw; cpuset first, period before quota).
 * Device rules are among them on v1 (devices.deny "a" first when rules exist); on v2 they become a BPF program, see
 * below. `for_new` adds what a fresh v1 cgroup needs before a task may join (cpuset). v2's controllers to enable in
 * parents' subtree_control: *need_controllers ("cpu memory pids ..."). Pure. */
SC_MUST_CHECK int sc_cgroup_translate(const struct sc_cgroup_layout *layout, const struct sc_oci_resources *resources,
                                      bool for_new, struct sc_arena *arena, struct sc_cgroup_writes *out,
                                      struct sc_strv *need_controllers, struct sc_err *err);
/* v2 device access: BPF_PROG_TYPE_CGROUP_DEVICE program for the rules (last match wins, default deny); pure. struct
 * bpf_insn of linux/bpf.h */
struct bpf_insn;
SC_MUST_CHECK int sc_cgroup_device_program(const struct sc_oci_device_rule *rules, size_t count, struct sc_arena *arena,
                                           struct bpf_insn **out, size_t *insn_count, struct sc_err *err);
/* Loads and attaches it to the cgroup directory fd (BPF_F_ALLOW_MULTI), replacing one that we attached before. */
SC_MUST_CHECK int sc_cgroup_device_attach(int cgroup_fd, const struct bpf_insn *insns, size_t insn_count,
                                          struct sc_err *err);

/* The v2 cgroup and those of its files that /sys/kernel/cgroup/delegate lists become uid's; no other file of it. */
SC_MUST_CHECK int sc_cgroup_give(int cgroup_fd, uid_t uid, struct sc_err *err);

/* "relative or absolute cgroupsPath" to the normalised path below a hierarchy's root: "/sc/ID"; NULL gives
 * default_parent/id.
 * ".." is refused. */
SC_MUST_CHECK int sc_cgroup_path(const char *cgroups_path, const char *default_parent, const char *id,
                                 struct sc_arena *arena, char **out, struct sc_err *err);

/* Where this is a container that sees the cgroups above its own (v2, no cgroup namespace): its own cgroup, whose limits
 * hold for what is made below it. Else "". */
const char *sc_cgroup_container(const struct sc_cgroup_layout *layout, struct sc_arena *arena);

/* Creates path in hierarchy (parents too; v2: enables need_controllers on the way down, v1 cpuset: fills parents).
 * Returns an O_PATH|O_DIRECTORY fd. *was_created says whether the leaf is new; a leaf that exists and holds processes
 * or is frozen is SC_ERR_BUSY unless may_exist. */
SC_MUST_CHECK int sc_cgroup_create(const struct sc_cgroup_layout *layout, int hierarchy, const char *path,
                                   const struct sc_strv *need_controllers, bool may_exist, bool *was_created,
                                   struct sc_err *err);
/* For a live one, dir, open as leaf: what it lacks of the controllers is enabled above it. On v1 there is nothing to
 * do. */
SC_MUST_CHECK int sc_cgroup_enable(const struct sc_cgroup_hierarchy *hierarchy, const char *dir, int leaf,
                                   const struct sc_strv *need_controllers, struct sc_err *err);
/* Opens an existing one (O_PATH|O_DIRECTORY). */
SC_MUST_CHECK int sc_cgroup_open(const char *mount_point, const char *path, struct sc_err *err);
/* For a process that joins pid, whose v2 cgroup *fd was: where somebody within has made it a parent, which takes no
 * more processes, *fd becomes the one below it that holds pid. */
SC_MUST_CHECK int sc_cgroup_beside(int *fd, pid_t pid, struct sc_err *err);
/* One file write; errors name file and value, and translate EBUSY/EINVAL/ENOENT into words. Where the kernel has BFQ's
 * file instead of the generic one (io.weight, blkio.weight), that is written. */
SC_MUST_CHECK int sc_cgroup_write_file(int cgroup_fd, const char *file, const char *value, struct sc_err *err);
/* The same, and *fd (-1 before the first) is left open for the next value of that file; the caller closes it. */
SC_MUST_CHECK int sc_cgroup_write_more(int *fd, int cgroup_fd, const char *file, const char *value, struct sc_err *err);
/* The same for a write with is_optional: a missing file is success, and a v1 cpuset value wider than the parent's
 * (a restricted --cgroup-parent) becomes the parent's own. */
/* The file that stands in for FILE where the scheduler of block I/O is BFQ and FILE is not there, and in OUT what is
 * then written instead of VALUE; NULL: none does. */
const char *sc_cgroup_bfq(const char *file, const char *value, char out[64]);
SC_MUST_CHECK int sc_cgroup_write_optional(int cgroup_fd, const char *file, const char *value, struct sc_err *err);
/* All writes whose hierarchy is `hierarchy`, in order, honouring is_optional and not_below; a file written several
 * times in a row (devices.allow) is opened once. */
SC_MUST_CHECK int sc_cgroup_apply(int cgroup_fd, int hierarchy, const struct sc_cgroup_writes *writes,
                                  struct sc_err *err);

/* ---- on a live or dead container; musl-clean (the monitor uses these): no layout needed, only directories --- */
/* A container's cgroups as the state file records them: absolute directories, one per hierarchy. */
/* SIGKILLs every process below dir and waits until it is empty (cgroup.kill; else freeze+kill+thaw, v1: freezer dir).
 */
SC_MUST_CHECK int sc_cgroup_kill(const char *dir, struct sc_err *err);
/* Sends signum to every process below dir, once; absent is success. */
SC_MUST_CHECK int sc_cgroup_signal(const char *dir, int signum, struct sc_err *err);
/* rmdir dir and all below it (children first), retrying EBUSY for up to two seconds; absent is success. */
SC_MUST_CHECK int sc_cgroup_remove(const char *dir, struct sc_err *err);
SC_MUST_CHECK int sc_cgroup_freeze(const char *dir, bool is_v2, bool frozen, struct sc_err *err);
/* OOM kills so far: v1 memory.oom_control oom_kill, v2 memory.events oom_kill. */
SC_MUST_CHECK int sc_cgroup_oom_kills(const char *memory_dir, bool is_v2, uint64_t *count, struct sc_err *err);
/* What a container has used so far (accounts.c). All numbers 64 bits wide: a record of it is written to a file whole.
 */
struct sc_pressure {
    uint64_t is_known, some10 /* hundredths of a percent, last ten seconds */, some_us;
};
struct sc_usage {
    uint64_t cpu_ns, user_ns, system_ns, periods, throttled_periods, throttled_ns;
    uint64_t memory, memory_limit /* UINT64_MAX: none */, memory_peak, inactive_file, swap, oom_kills;
    uint64_t pids, pids_limit /* UINT64_MAX: none */, pids_hits /* forks that it refused */;
    uint64_t read_bytes, written_bytes, reads, writes;
    struct sc_pressure pressure[3]; /* cpu, memory, io; from v2, also on a hybrid host */
};
#define SC_ACCOUNT_FILES 25
struct sc_accounts {
    bool is_open;
    int fds[SC_ACCOUNT_FILES];
};
#define SC_ACCOUNTS_INIT                                                                                               \
    {                                                                                                                  \
        .is_open = false                                                                                               \
    }
/* Opens what there is of the files in dirs: the container's directories, one a line. SC_ACCOUNTS_TABLE: only those of
 * what `sc stats` shows; user_ns, system_ns, memory_peak, pids_limit, pids_hits, reads and writes stay unknown. */
enum sc_accounts_which { SC_ACCOUNTS_ALL, SC_ACCOUNTS_TABLE };
void sc_accounts_open(const char *dirs, enum sc_accounts_which which, struct sc_accounts *out);
/* False: the cgroups are gone. before: what was read of the same accounts the last time, or NULL; of who has not run
 * since, what only its processes change is not read again, which is half of the files and more of the time. */
bool sc_accounts_read(const struct sc_accounts *accounts, const struct sc_usage *before, struct sc_usage *out);
void sc_accounts_close(struct sc_accounts *accounts);
/* Pids below dir (cgroup.procs, recursively) */
struct sc_pid_list {
    pid_t *items;
    size_t count;
};
SC_MUST_CHECK int sc_cgroup_pids(const char *dir, struct sc_arena *arena, struct sc_pid_list *out, struct sc_err *err);

#endif
