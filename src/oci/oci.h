/*
 * oci: runtime-spec 1.3 (Linux) as C structs: decode, encode, validate. The structs are the specification's
 * objects under its own names (snake_case), so config.md is their documentation.
 *
 *     config.json --sc_oci_decode--> struct sc_oci_spec --sc_oci_encode--> config.json
 *
 * Invariants: everything a spec points to lives in the arena it was decoded into (or that
 * its builder used); a spec is never freed by itself. Unknown members are ignored,
 * as the specification demands. Decoding checks types and ranges;
 * sc_oci_validate checks meaning; what depends on the host is plan/'s.
 * No system call is made here.
 */
#ifndef SC_OCI_H
#define SC_OCI_H

#include <sys/types.h>

#include "base/base.h"

#define SC_OCI_VERSION "1.3.0"

/* A number that may be absent: zero and "not set" differ in the specification. */
struct sc_opt_i64 {
    bool is_set;
    int64_t value;
};
struct sc_opt_u64 {
    bool is_set;
    uint64_t value;
};
struct sc_opt_bool {
    bool is_set;
    bool value;
};

enum sc_ns_kind { /* order of creation and of joining */
                  SC_NS_USER,
                  SC_NS_PID,
                  SC_NS_NET,
                  SC_NS_MOUNT,
                  SC_NS_IPC,
                  SC_NS_UTS,
                  SC_NS_CGROUP,
                  SC_NS_TIME,
                  SC_NS_COUNT
};
struct sc_ns_info {
    const char *oci_name;  /* "mount", "network" */
    const char *proc_name; /* "mnt", "net": name under /proc/PID/ns */
    uint64_t clone_flag;
};
extern const struct sc_ns_info sc_ns_table[SC_NS_COUNT];

struct sc_oci_namespace {
    enum sc_ns_kind kind;
    char *path; /* NULL: a new one */
};
struct sc_oci_id_map {
    uint32_t container_id, host_id, size;
};
struct sc_oci_id_maps {
    struct sc_oci_id_map *items;
    size_t count;
};

struct sc_oci_capabilities { /* bit n is capability number n (linux/capability.h) */
    bool is_set;
    uint64_t bounding, effective, inheritable, permitted, ambient;
    struct sc_strv unknown; /* names this build does not know: to warn of, not to refuse (config.md, "Linux Process") */
};
struct sc_oci_rlimit {
    int resource; /* RLIMIT_* */
    uint64_t soft, hard;
};
struct sc_oci_user {
    uint32_t uid, gid;
    struct sc_opt_u64 umask;
    uint32_t *additional_gids;
    size_t additional_gid_count;
};
struct sc_oci_scheduler {
    bool is_set;
    int policy; /* SCHED_* of sched.h and linux/sched.h */
    int32_t nice, priority;
    uint64_t flags; /* SCHED_FLAG_* */
    uint64_t runtime, deadline, period;
};
struct sc_oci_io_priority {
    bool is_set;
    int klass; /* IOPRIO_CLASS_* */
    int priority;
};

struct sc_oci_process {
    bool is_set;
    bool terminal;
    uint32_t console_height, console_width; /* 0: not set */
    struct sc_oci_user user;
    struct sc_strv args, env;
    char *cwd;
    struct sc_oci_capabilities capabilities;
    struct sc_oci_rlimit *rlimits;
    size_t rlimit_count;
    bool no_new_privileges;
    char *apparmor_profile, *selinux_label;
    struct sc_opt_i64 oom_score_adj;
    struct sc_oci_scheduler scheduler;
    struct sc_oci_io_priority io_priority;
    char *exec_cpu_affinity_initial, *exec_cpu_affinity_final;
};

struct sc_oci_root {
    char *path;
    bool readonly;
};

struct sc_oci_mount {
    char *destination, *type, *source;
    struct sc_strv options;
    struct sc_oci_id_maps uid_mappings, gid_mappings;
};

struct sc_oci_hook {
    char *path;
    struct sc_strv args, env;
    struct sc_opt_i64 timeout; /* seconds */
    bool begins_early; /* the engine's own: it is started while the container's process works, and prepares; what it
                        * does to the container waits for the end of its standard input. No config says so. */
};
struct sc_oci_hook_list {
    struct sc_oci_hook *items;
    size_t count;
};
struct sc_oci_hooks {
    struct sc_oci_hook_list prestart, create_runtime, create_container, start_container, poststart, poststop;
};

struct sc_oci_device {
    char type; /* 'c' 'u' 'b' 'p' */
    char *path;
    int64_t major, minor;
    struct sc_opt_u64 file_mode, uid, gid;
};
struct sc_oci_device_rule {
    bool allow;
    char type;                      /* 'a' 'c' 'b' */
    struct sc_opt_i64 major, minor; /* not set: any */
    bool can_read, can_write, can_mknod;
};
struct sc_oci_memory {
    struct sc_opt_i64 limit, reservation, swap, kernel, kernel_tcp; /* bytes; -1: unlimited */
    struct sc_opt_u64 swappiness;
    struct sc_opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};
struct sc_oci_cpu {
    struct sc_opt_u64 shares, burst, period, realtime_period; /* microseconds but shares */
    struct sc_opt_i64 quota, realtime_runtime, idle;
    char *cpus, *mems;
};
struct sc_oci_weight_device {
    int64_t major, minor;
    struct sc_opt_u64 weight, leaf_weight;
};
struct sc_oci_throttle_device {
    int64_t major, minor;
    uint64_t rate;
};
struct sc_oci_throttle_list {
    struct sc_oci_throttle_device *items;
    size_t count;
};
struct sc_oci_block_io {
    struct sc_opt_u64 weight, leaf_weight;
    struct sc_oci_weight_device *weight_devices;
    size_t weight_device_count;
    struct sc_oci_throttle_list read_bps, write_bps, read_iops, write_iops;
};
struct sc_oci_hugepage {
    char *page_size;
    uint64_t limit;
};
struct sc_oci_net_priority {
    char *name;
    uint32_t priority;
};
struct sc_oci_rdma {
    char *name;
    struct sc_opt_u64 hca_handles, hca_objects;
};

struct sc_oci_resources {
    bool is_set;
    struct sc_oci_device_rule *devices;
    size_t device_count;
    struct sc_oci_memory memory;
    struct sc_oci_cpu cpu;
    struct sc_opt_i64 pids_limit; /* -1 (or 0 from old engines): unlimited */
    struct sc_oci_block_io block_io;
    struct sc_oci_hugepage *hugepages;
    size_t hugepage_count;
    struct sc_opt_u64 net_class_id;
    struct sc_oci_net_priority *net_priorities;
    size_t net_priority_count;
    struct sc_oci_rdma *rdma;
    size_t rdma_count;
    struct sc_strv unified; /* "memory.high=100M" */
};

struct sc_oci_seccomp_arg {
    uint32_t index;
    uint64_t value, value_two;
    int op; /* enum scmp_compare of libseccomp */
};
struct sc_oci_seccomp_rule {
    struct sc_strv names;
    uint32_t action; /* SECCOMP_RET_*, errno in the low 16 bits */
    struct sc_oci_seccomp_arg *args;
    size_t arg_count;
};
struct sc_oci_seccomp {
    bool is_set;
    uint32_t default_action;      /* SECCOMP_RET_*, errno in the low 16 bits */
    struct sc_strv architectures; /* "SCMP_ARCH_X86_64" */
    uint32_t flags;               /* SECCOMP_FILTER_FLAG_* */
    char *listener_path, *listener_metadata;
    struct sc_oci_seccomp_rule *rules;
    size_t rule_count;
    bool is_sc_default; /* engine's own default profile: newer syscalls get ENOSYS, x32 killed, ints compared low-32 */
    uint64_t
        sc_default_caps;  /* with is_sc_default: the capabilities that unlock calls. Such a profile is passed around */
    bool sc_default_i386; /* without rules; sc_seccomp_expand (kernel/seccomp.h) writes them out for config.json */
};

struct sc_oci_net_device {
    char *host_name, *name;
};
struct sc_oci_time_offset {
    bool is_set;
    int64_t secs;
    uint32_t nanosecs;
};
struct sc_oci_memory_policy {
    bool is_set;
    int mode; /* MPOL_* */
    char *nodes;
    uint32_t flags;
};
struct sc_oci_intel_rdt {
    bool is_set;
    char *clos_id, *l3_cache_schema, *mem_bw_schema;
    struct sc_strv schemata;
    bool enable_monitoring;
};

struct sc_oci_linux {
    struct sc_oci_namespace *namespaces;
    size_t namespace_count;
    struct sc_oci_id_maps uid_mappings, gid_mappings;
    struct sc_oci_time_offset time_monotonic, time_boottime;
    struct sc_oci_device *devices;
    size_t device_count;
    struct sc_oci_net_device *net_devices;
    size_t net_device_count;
    char *cgroups_path;
    struct sc_oci_resources resources;
    char *rootfs_propagation; /* "private" "slave" "shared" "unbindable" and their r-forms */
    struct sc_oci_seccomp seccomp;
    struct sc_strv masked_paths, readonly_paths;
    char *mount_label;
    struct sc_strv sysctl;         /* "net.ipv4.ip_forward=1" */
    struct sc_opt_u64 personality; /* PER_LINUX or PER_LINUX32 */
    struct sc_oci_memory_policy memory_policy;
    struct sc_oci_intel_rdt intel_rdt;
};

struct sc_oci_spec {
    char *oci_version, *hostname, *domainname;
    struct sc_oci_root root;
    struct sc_oci_process process;
    struct sc_oci_mount *mounts;
    size_t mount_count;
    struct sc_oci_hooks hooks;
    struct sc_strv annotations; /* "key=value" */
    struct sc_oci_linux linux_;
};

/* text is a whole config.json. Errors name the member: "linux.resources.memory.limit: must be a number". */
SC_MUST_CHECK int sc_oci_decode(const char *text, size_t len, struct sc_arena *arena, struct sc_oci_spec *out,
                                struct sc_err *err);
/* A process object alone (runc exec --process FILE). */
SC_MUST_CHECK int sc_oci_decode_process(const char *text, size_t len, struct sc_arena *arena,
                                        struct sc_oci_process *out, struct sc_err *err);
/* linux.resources alone (runc update --resources FILE). */
SC_MUST_CHECK int sc_oci_decode_resources(const char *text, size_t len, struct sc_arena *arena,
                                          struct sc_oci_resources *out, struct sc_err *err);
/* linux.seccomp alone, or Docker's profile file (--security-opt seccomp=FILE): Docker's archMap, includes and excludes
 * (by caps, arches, minKernel) are resolved for `caps` and this machine's architecture and kernel (given as "6.1"). */
SC_MUST_CHECK int sc_oci_decode_seccomp(const char *text, size_t len, uint64_t caps, const char *kernel_release,
                                        struct sc_arena *arena, struct sc_oci_seccomp *out, struct sc_err *err);
/* The inverse: indented JSON, members in the specification's order, unset ones left out. */
SC_MUST_CHECK int sc_oci_encode(const struct sc_oci_spec *spec, struct sc_buf *out, struct sc_err *err);

/* An ordered list of small named checks (validate.c), each with the rule it comes from:
 * version, root path given, process args, cwd absolute, hostname needs a UTS namespace, one namespace of a kind,
 * mappings need a user namespace (and it needs mappings or a path), time offsets need a time namespace, sysctl is
 * namespaced and its namespace is listed, destinations absolute, devices sane, capabilities, cgroups path, ... */
SC_MUST_CHECK int sc_oci_validate(const struct sc_oci_spec *spec, struct sc_err *err);
/* The checks of these objects alone, for exec and update. */
SC_MUST_CHECK int sc_oci_validate_process(const struct sc_oci_process *process, struct sc_err *err);
SC_MUST_CHECK int sc_oci_validate_resources(const struct sc_oci_resources *resources, struct sc_err *err);
SC_MUST_CHECK int sc_oci_validate_seccomp(const struct sc_oci_seccomp *seccomp, struct sc_err *err);

/* features.md and features-linux.md: what a runtime recognizes, whatever the host has. */
struct sc_oci_features {
    const char *oci_version_min, *oci_version_max;
    struct sc_strv hooks, mount_options;
    struct sc_strv namespaces, capabilities;
    struct {
        bool v1, v2, systemd, systemd_user, rdma;
    } cgroup;
    struct {
        bool enabled;
        struct sc_strv actions, operators, archs, known_flags, supported_flags;
    } seccomp;
    bool apparmor, selinux, idmap, net_devices;
    struct {
        bool enabled, schemata, monitoring;
    } intel_rdt;
    struct {
        struct sc_strv modes, flags;
    } memory_policy;
    struct sc_strv annotations; /* "key=value" */
    struct sc_strv unsafe_annotations;
};
/* What the tables of this folder hold: versions, hooks, namespaces, capabilities, the words of seccomp and memory
 * policies. The rest (mount options, cgroups, ...) is what others implement: runtime/features.c. */
SC_MUST_CHECK int sc_oci_features_fill(struct sc_oci_features *out, struct sc_arena *arena, struct sc_err *err);
SC_MUST_CHECK int sc_oci_features_encode(const struct sc_oci_features *features, struct sc_buf *out,
                                         struct sc_err *err);

/* Helpers used by others. */
const struct sc_oci_namespace *sc_oci_find_namespace(const struct sc_oci_spec *spec,
                                                     enum sc_ns_kind kind); /* or NULL */
/* id-map.c: an id to what it is in the namespace, and back; without maps it is the same. False: it is not mapped. */
bool sc_oci_id_inside(const struct sc_oci_id_maps *maps, uint32_t *id);
bool sc_oci_id_outside(const struct sc_oci_id_maps *maps, uint32_t *id);
/* "CAP_CHOWN", "chown", "CAP_ALL" is not accepted here; -1 when unknown */
int sc_cap_from_name(const char *name);
const char *sc_cap_name(int cap);          /* "CAP_CHOWN" or NULL */
extern const int sc_cap_last;              /* highest capability this build knows */
int sc_rlimit_from_name(const char *name); /* "RLIMIT_NOFILE" or "nofile"; -1 when unknown */
const char *sc_rlimit_name(int resource);  /* "RLIMIT_NOFILE" */
/* "SECCOMP_FILTER_FLAG_LOG"; 0 when unknown */
uint32_t sc_seccomp_flag_from_name(const char *name);
/* "net.ipv4.ip_forward" or "net/ipv4/ip_forward" to the path below /proc/sys, as sysctl(8) reads it: the separator that
 * comes first separates, the other is its opposite ("net.ipv4.conf.eth0/1.forwarding"). key ends at '=' or NUL.
 * An empty component, "." or ".." is SC_ERR_INVALID. */
SC_MUST_CHECK int sc_oci_sysctl_path(const char *key, struct sc_arena *arena, char **out, struct sc_err *err);
/* Whether that path belongs to a namespace of spec, else SC_ERR_INVALID: written, it would change the host. */
SC_MUST_CHECK int sc_oci_sysctl_check(const struct sc_oci_spec *spec, const char *path, struct sc_err *err);

/* What a mount on destination would cover of /proc, by name: nothing, the whole, a file that may be covered, or what
 * must be the kernel's own. [child]: may run between clone and exec. */
enum sc_oci_in_proc { SC_OCI_PROC_OUTSIDE, SC_OCI_PROC_ROOT, SC_OCI_PROC_FILE, SC_OCI_PROC_REFUSED };
enum sc_oci_in_proc sc_oci_in_proc(const char *destination);

#endif
