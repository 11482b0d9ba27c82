/*
 * plan: OCI config + facts about this host -> a plan, and the plan's printers. Pure: no system call, no file read.
 *
 *     struct sc_oci_spec ─┐
 *     struct sc_host ─────┼─ sc_plan_compile ─► struct sc_plan { before | beside, child | after | undo }
 *     struct sc_ask ──────┘                        │ executed by runtime/, printed by print.c from the same steps
 *
 * A plan is four ordered lists of typed steps and a text of undo operations (kernel/undo.c):
 *
 *     before   done by the launcher before the clone   cgroups, namespaces to join, bind sources as detached mounts
 *     beside   done by the launcher at once after it, while the child works up to wait-cgroups   v1 cgroups
 *     child    done by the new process                  mounts, pivot_root, ids, capabilities, seccomp, execve
 *     after    done by the launcher while the child waits or runs   id maps, hooks
 *
 * File descriptors that steps hand to each other live in numbered slots; a step names the slot it fills or uses.
 *
 * Invariants: everything a step points to lives in the plan's arena or in the spec. A plan that compiled cannot fail
 * on the user's input any more, only on the host's state. The child's steps need no memory, no stdio, no name lookup.
 * Every op has one row in sc_op_table (plan/ops.c); a test walks the table and proves that each op has a printer and an
 * executor.
 */
#ifndef SC_PLAN_H
#define SC_PLAN_H

#include <sys/types.h>

#include "base/base.h"
#include "kernel/cgroup/cgroup.h"
#include "kernel/cgroup/systemd/systemd.h"
#include "kernel/kernel.h"
#include "kernel/resctrl.h"
#include "oci/oci.h"

/* ---- what is known of this host (runtime/host.c detects it; tests make it up) -------------- */
struct sc_host {
    uid_t uid, gid; /* effective ids of the launcher */
    uint64_t caps;  /* its bounding set */
    struct sc_cgroup_layout cgroups;
    unsigned cpu_count;    /* possible CPUs, for per-CPU masks */
    uint64_t memory_total; /* bytes of RAM; 0: not known */
    bool root_is_ramfs;    /* the mount namespace's root cannot be pivoted away from */
    /* Where the launcher's mount namespace has proc and sysfs; filled in only where the old root stays beneath the new.
     */
    struct sc_strv bare_mounts;
    bool has_idmapped_mounts, has_time_namespaces;
    bool has_apparmor, has_selinux;
    char *resctrl;    /* where that file system is mounted; NULL: it is not, or nobody looked (only intelRdt asks) */
    bool has_resctrl; /* the kernel and the hardware have it, mounted or not */
    bool has_narrow_affinity;  /* the launcher may not run on every CPU: a program must not take after it */
    bool is_in_user_namespace; /* uid is 0, but only of a user namespace that an engine made */
    char *kernel_release;      /* "6.1.0-13-cloud-amd64" */
    char *machine;             /* uname -m */
};

/* ---- networks: what net/ has made ready ------------------------------------------------------------ */
#define SC_NET_FILLS_MAX 6
struct sc_net_fill {
    size_t at; /* offset of 32 bits: the index of link */
    const char *link;
};
/* One packet of netlink requests (kernel/nlmsg.h): the plan holds the very bytes that the kernel gets. */
#define SC_NET_INDEXES 4 /* an address and a route of each family */
struct sc_net_packet {
    const char *title; /* "make link scv0123456789ab": what an error message starts with */
    const char *shell; /* what ip(8) or nft(8) would be told for the same */
    const char *why;   /* for --explain; NULL: the step's own reason */
    int family;        /* NETLINK_ROUTE, NETLINK_NETFILTER */
    char *data;
    size_t len;
    /* What is known only at the start, as offsets of 32 bits in data; 0: not there. */
    size_t pid_at;                   /* of the container's first process */
    size_t index_at[SC_NET_INDEXES]; /* of the interface index_of, in the namespace where the packet is sent */
    const char *index_of;            /* "sc0", "eth0" */
    /* The kernel may still be taking down the link of one that had the address before, or the element of one that had
     * the port: that is waited for. */
    bool waits_if_taken;
    struct sc_net_fill fills[SC_NET_FILLS_MAX];
    size_t fill_count;
    const char *needs; /* what the kernel must have for it: a remedy; NULL: nothing special */
};
/* Where a container's questions about names arrive (net/names.c, monitor/names.h). */
#define SC_NAMES_ADDRESS "127.0.0.11"
#define SC_NAMES_DNS     53
#define SC_NAMES_PORT    31053 /* of the sockets, to which rules lead from 53 */
struct sc_net_ask {
    struct sc_net_packet *publish; /* before the clone; NULL: no port is published */
    size_t count;                  /* of links; 0: no link at all */
    struct sc_net_packet **links;  /* by the launcher, once there is the namespace */
    struct sc_net_packet **rates;  /* by the launcher, behind the links, as many; NULL where there is none */
    struct sc_net_packet **inside; /* by the new process, as many: addresses and routes */
    struct sc_net_packet *names;   /* by the launcher, there: rules for who answers about names; NULL: nobody does */
    const char **no_ra;            /* and before: NULL, or the file below /proc where advertisements are switched off */
    const char *undo;              /* text for kernel/undo.c */
    const char *shell_up;          /* for --explain=sh: commands that make bridge and table where they are not there */
    const char *shell_down;        /* and that withdraw the ports */
};

/* ---- what is asked beyond the OCI config ------------------------------------------------------ */
struct sc_overlay {           /* root of overlay layers instead of root.path's own files */
    struct sc_strv lowerdirs; /* absolute; top layer first, as overlay wants them; empty: no overlay */
    struct sc_strv images;    /* for each, "" or the EROFS image that is mounted there first; empty: all are "" */
    int *mounts;              /* of the same, in the process that starts: detached mounts, or -1; NULL: none */
    char *upperdir, *workdir; /* NULL: read-only overlay */
    bool is_volatile;         /* skip syncing (--rm containers): overlay's "volatile" option */
    bool is_userxattr;        /* layers carry user.overlay.* (unpacked without privilege) */
};
struct sc_ask {
    const char *id;
    const char *bundle; /* absolute directory; relative root.path starts here */
    struct sc_overlay overlay;
    const char *cgroup_parent;        /* for an absent cgroupsPath: "/sc" (engine), "/" (sc-oci) */
    const struct sc_systemd *systemd; /* the systemd cgroup driver; NULL: the cgroup files */
    bool waits_for_start;             /* create: stop before execve until told */
    bool dies_with_parent;            /* PR_SET_PDEATHSIG SIGKILL */
    bool no_pivot, no_new_keyring, without_cgroups;
    bool has_calls; /* a view answers sysinfo and sched_getaffinity: kernel/calls.h */
    const char
        *init_path; /* --init: host path of sc-init, bound at /run/sc-init (read-only); args are prefixed with it */
    unsigned preserve_fds; /* fds 3..2+n reach the process */
    struct sc_net_ask net;
};

/* ---- steps -------------------------------------------------------------------------------------- */
enum sc_op {
    /* before */
    SC_OP_RESCTRL,
    SC_OP_UNIT_START,
    SC_OP_CGROUP_CREATE,
    SC_OP_CGROUP_OPEN,
    SC_OP_CGROUP_WRITE,
    SC_OP_CGROUP_DEVICES,
    SC_OP_CGROUP_OWNER,
    SC_OP_NS_OPEN,
    SC_OP_PIDFD_OPEN,
    SC_OP_ROOT_OPEN,
    SC_OP_IDMAP_NS,
    SC_OP_TREE_OPEN,
    SC_OP_NET_PUBLISH,
    /* the clone itself */
    SC_OP_CLONE,
    /* beside: while the child works */
    SC_OP_NET_NAMES,
    /* after */
    SC_OP_UNIT_ATTACH,
    SC_OP_IDMAP_WRITE,
    SC_OP_NET_DEVICES,
    SC_OP_NET_LINK,
    SC_OP_NET_RATE,
    SC_OP_HOOKS_RUNTIME,
    /* child, roughly in order */
    SC_OP_WAIT_UNIT,
    SC_OP_WAIT_CGROUPS,
    SC_OP_RESCTRL_JOIN,
    SC_OP_CGROUP_JOIN,
    SC_OP_NS_JOIN,
    SC_OP_WAIT_MAPS,
    SC_OP_BECOME_ROOT,
    SC_OP_UNSHARE,
    SC_OP_TIME_OFFSETS,
    SC_OP_SETSID,
    SC_OP_KEYRING,
    SC_OP_HOSTNAME,
    SC_OP_DOMAINNAME,
    SC_OP_LOOPBACK_UP,
    SC_OP_WAIT_LINK,
    SC_OP_NET_ADDRESS,
    SC_OP_PROPAGATION,
    SC_OP_OVERLAY,
    SC_OP_ROOT_ATTACH,
    SC_OP_MOUNT,
    SC_OP_MOUNT_TREE,
    SC_OP_MKNOD,
    SC_OP_SYMLINK,
    SC_OP_CONSOLE,
    SC_OP_WAIT_NET_DEVICES,
    SC_OP_WAIT_HOOKS,
    SC_OP_HOOKS_CONTAINER,
    SC_OP_SYSCTL,
    SC_OP_PIVOT,
    SC_OP_DETACH,
    SC_OP_CHROOT,
    SC_OP_READONLY_PATH,
    SC_OP_MASK_PATH,
    SC_OP_ROOT_READONLY,
    SC_OP_ROOT_PROPAGATION,
    SC_OP_RLIMIT,
    SC_OP_OOM_SCORE,
    SC_OP_SCHEDULER,
    SC_OP_IO_PRIORITY,
    SC_OP_AFFINITY,
    SC_OP_PERSONALITY,
    SC_OP_MEMORY_POLICY,
    SC_OP_LABEL,
    SC_OP_CWD,
    SC_OP_FIND_PROGRAM,
    SC_OP_HOME,
    SC_OP_WAIT_START,
    SC_OP_HOOKS_START,
    SC_OP_NULL_FDS,
    SC_OP_CLOSE_FDS,
    SC_OP_CAPS_BOUNDING,
    SC_OP_SET_IDS,
    SC_OP_UMASK,
    SC_OP_CAPS,
    SC_OP_NO_NEW_PRIVS,
    SC_OP_CALLS,
    SC_OP_SECCOMP,
    SC_OP_PDEATHSIG,
    SC_OP_EXEC,
    SC_OP_COUNT
};

#define SC_HOME_MAX  4096 /* of a home directory that passwd(5) names */
#define SC_SLOTS_MAX 160  /* each a file descriptor of the launcher */
enum { SC_SLOT_NONE = -1, SC_SLOT_ROOT = 0, SC_SLOT_PROC = 1, SC_SLOT_FIRST_FREE = 2 };

struct sc_step {
    enum sc_op op;
    const char *why; /* one clause for a person: "so that no mount leaks to the host" */
    int slot;        /* the slot this step fills or uses; SC_SLOT_NONE */
    union {
        struct {
            const char *mount_point, *path;
            bool is_v2, may_exist;
            const struct sc_strv *need_controllers;
            int hierarchy;
            pid_t beside; /* CGROUP_OPEN: the process to be joined; 0: none */
        } cgroup;
        struct {
            const struct sc_unit *unit;
            bool is_user;
        } unit; /* UNIT_START UNIT_ATTACH */
        struct {
            const char *mount_point, *path, *file, *value;
            bool is_optional;
        } cgroup_write;
        struct {
            const char *mount_point, *path;
            uint32_t uid;
        } cgroup_owner;
        struct {
            const char *mount_point;
            const struct sc_resctrl_group *group;
            bool is_monitor; /* RESCTRL_JOIN: of its monitoring group */
        } resctrl;           /* RESCTRL RESCTRL_JOIN */
        struct {
            const struct bpf_insn *insns;
            size_t insn_count;
            const char *summary;
        } devices;
        struct {
            enum sc_ns_kind kind;
            const char *path;
            uint64_t flags;
            pid_t pid;
            uint64_t start_time; /* PIDFD_OPEN: of the process that is meant */
        } ns;                    /* NS_OPEN NS_JOIN PIDFD_OPEN ROOT_OPEN UNSHARE */
        struct {
            const char *uid_map, *gid_map;
            enum sc_idmap_how how;
        } idmap; /* texts for /proc/PID/uid_map: IDMAP_NS IDMAP_WRITE */
        struct {
            const char *source, *destination;
            bool is_recursive, creates_source, is_root, must_be_proc;
            int idmap_slot;
            uint64_t attr_set, attr_clear, attr_set_rec, attr_clear_rec, propagation;
            bool is_idmap_recursive;
        } tree;
        struct {
            const struct sc_overlay *overlay;
            int idmap_slot;
        } overlay;
        struct {
            uint64_t flags;
            int cgroup_slot;
            /* Namespaces that exist and that a short-lived process joins to clone from: pid and user namespaces, and
             * with a user namespace all, since they may belong to another. In this order. */
            struct {
                int slot;
                enum sc_ns_kind kind;
                const char *path;
            } joins[SC_NS_COUNT];
            size_t join_count;
        } clone;
        struct {
            const char *module;   /* "AppArmor" */
            const char *files[2]; /* below /proc/thread-self/attr; the second where the kernel lacks the first; NULL */
            const char *value;
        } label;
        struct {
            const char *text, *value;
        } text; /* HOSTNAME DOMAINNAME KEYRING TIME_OFFSETS SYSCTL(path, value) AFFINITY DETACH, the path steps,
                   ROOT_ATTACH */
        struct {
            uint64_t flags;
            const char *path; /* inside the root; NULL: "/" of the namespace as it is now */
        } propagation;
        struct {
            const char *type, *source, *destination, *data;
            unsigned long ms_flags;
            const char *fallback_bind;
            const char *label; /* SELinux label of the mounted directory itself, where the mount cannot take one */
            bool is_optional, copies_up, keeps_mode; /* of a tmpfs: begins with what it covers; has that one's mode */
        } mount;
        struct {
            const char *path;
            unsigned mode;
            uint32_t uid, gid;
            int64_t major, minor;
            char type;
        } node;
        struct {
            const char *target, *path;
        } link;
        struct {
            const struct sc_oci_hook_list *lists[2];
            const char *names[2];
        } hooks;
        struct {
            const struct sc_oci_net_device *items;
            size_t count;
        } net_devices;
        struct {
            int resource;
            uint64_t soft, hard;
        } rlimit;
        struct {
            int64_t value;
        } number; /* OOM_SCORE PERSONALITY UMASK CLOSE_FDS(preserved) */
        const struct sc_oci_scheduler *scheduler;
        const struct sc_oci_io_priority *io_priority;
        const struct sc_oci_memory_policy *memory_policy;
        struct {
            uint64_t bounding, effective, permitted, inheritable, ambient;
        } caps;
        struct {
            uint32_t uid, gid; /* BECOME_ROOT: which are mapped, where 0 is not */
            const uint32_t *groups;
            size_t group_count;
            bool may_keep_groups;
        } ids;
        struct sc_net_packet *packet; /* NET_PUBLISH NET_LINK NET_RATE NET_ADDRESS NET_NAMES */
        struct {
            const struct sc_oci_seccomp *profile;
        } seccomp;
        struct {
            uint32_t width, height;
            uint32_t uid;
            bool binds_console;
        } console;
        struct {
            char *const *argv;
            char *const *envp;
            char *const *candidates;
        } exec; /* FIND_PROGRAM EXEC */
        struct {
            uint32_t uid;
            char *entry; /* "HOME=" of the environment, with room for SC_HOME_MAX bytes behind it */
        } home;
    } u;
};

struct sc_steps {
    struct sc_step *items;
    size_t count, capacity;
};

struct sc_plan {
    struct sc_steps before, beside, child, after;
    struct sc_step clone;
    char *undo; /* kernel/undo.c text: cgroups to remove */
    int slot_count;
    bool is_exec; /* joins a running container */
    const char *id;
    struct sc_strv cgroup_dirs;                /* absolute directories made for it, one per hierarchy */
    const char *net_shell_up, *net_shell_down; /* of the ask, for --explain=sh */
    const char *cgroup_path;                   /* "/sc/<id>" */
    const char *unit;                          /* its scope, with the systemd cgroup driver; else NULL */
    bool unit_is_user;
    const char *resctrl_dir; /* the directory of resctrl that is taken back; NULL: none is */
    const char *memory_dir;  /* its memory cgroup or NULL */
    struct sc_strv freezers; /* the files that say whether it is frozen: "DIR/freezer.state", "DIR/cgroup.freeze" */
    bool memory_is_v2;
    uint64_t caps_left_out; /* asked for, and not the launcher's to give: to warn of */
    const struct sc_oci_spec *spec;
    const struct sc_oci_process *process;
};

SC_MUST_CHECK int sc_plan_compile(const struct sc_oci_spec *spec, const struct sc_host *host, const struct sc_ask *ask,
                                  struct sc_arena *arena, struct sc_plan *out, struct sc_err *err);

/* A further process in a running container. */
struct sc_exec_ask {
    const char *id; /* of the container: names its group of resctrl, where linux_ has one */
    pid_t pid;      /* its init */
    uint64_t start_time;
    uint64_t ns_flags; /* CLONE_NEW* of the namespaces that differ from ours */
    bool has_user_namespace;
    const struct sc_strv *cgroup_dirs; /* absolute; joined */
    bool dies_with_parent;
    unsigned preserve_fds;
    const struct sc_oci_seccomp *seccomp;
    const struct sc_oci_linux *linux_; /* its personality and memoryPolicy; NULL: neither */
    bool no_new_keyring;
    bool has_calls; /* as struct sc_ask has it */
};
SC_MUST_CHECK int sc_plan_compile_exec(const struct sc_oci_process *process, const struct sc_host *host,
                                       const struct sc_exec_ask *ask, struct sc_arena *arena, struct sc_plan *out,
                                       struct sc_err *err);

/* The container's group of resctrl, below the mount point; "" is the default one. */
const char *sc_plan_resctrl_name(const struct sc_oci_intel_rdt *rdt, const char *id);

/* Every mount option that is not of one file system, sorted as the tables are (features.md, "Mount Options"). */
void sc_mount_option_names(struct sc_strv *out, struct sc_arena *arena);

/* ---- printers -------------------------------------------------------------------------------------- */
enum sc_phase { SC_PHASE_BEFORE, SC_PHASE_CLONE, SC_PHASE_BESIDE, SC_PHASE_CHILD, SC_PHASE_AFTER };
const struct sc_steps *sc_plan_list(const struct sc_plan *plan, enum sc_phase phase); /* not of CLONE */
const char *sc_phase_name(enum sc_phase phase);
const char *sc_op_name(enum sc_op op); /* "cgroup-create" */
/* "mount proc on /proc": what an error message starts with */
void sc_step_title(const struct sc_step *step, struct sc_buf *out);
/* the system call(s): `mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL)` */
void sc_step_call(const struct sc_step *step, struct sc_buf *out);
/* One line of --explain; nsec < 0: not executed (dry run). Number counts over the whole plan from 1. */
void sc_step_print(const struct sc_plan *plan, enum sc_phase phase, size_t index, int64_t nsec, struct sc_buf *out);
void sc_step_print_json(const struct sc_plan *plan, enum sc_phase phase, size_t index, int64_t nsec,
                        struct sc_buf *out);
size_t sc_plan_step_count(const struct sc_plan *plan);
size_t sc_plan_step_number(const struct sc_plan *plan, enum sc_phase phase, size_t index);
/* The whole plan: text (golden tests, --dry-run), a JSON array, or a runnable sh script that builds the same container
 * by hand. */
enum sc_plan_format { SC_PLAN_TEXT, SC_PLAN_JSON, SC_PLAN_SH };
SC_MUST_CHECK int sc_plan_print(const struct sc_plan *plan, enum sc_plan_format format, struct sc_buf *out,
                                struct sc_err *err);

#endif
