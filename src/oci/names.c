#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <string.h>
#include <strings.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include "oci/oci-priv.h"

const struct sc_ns_info sc_ns_table[SC_NS_COUNT] = {
    [SC_NS_USER] = {"user", "user", CLONE_NEWUSER},
    [SC_NS_PID] = {"pid", "pid", CLONE_NEWPID},
    [SC_NS_NET] = {"network", "net", CLONE_NEWNET},
    [SC_NS_MOUNT] = {"mount", "mnt", CLONE_NEWNS},
    [SC_NS_IPC] = {"ipc", "ipc", CLONE_NEWIPC},
    [SC_NS_UTS] = {"uts", "uts", CLONE_NEWUTS},
    [SC_NS_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP},
    [SC_NS_TIME] = {"time", "time", CLONE_NEWTIME},
};

const struct sc_oci_name sc_oci_namespace_names[] = {
    {"user", SC_NS_USER},     {"pid", SC_NS_PID},   {"network", SC_NS_NET},
    {"mount", SC_NS_MOUNT},   {"ipc", SC_NS_IPC},   {"uts", SC_NS_UTS},
    {"cgroup", SC_NS_CGROUP}, {"time", SC_NS_TIME}, {NULL, 0},
};

const struct sc_oci_name sc_oci_rlimit_names[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
    {NULL, 0},
};

/* SCHED_ISO is reserved and was never implemented, yet the specification lists it. */
#define SCHED_ISO_RESERVED 4
const struct sc_oci_name sc_oci_sched_policy_names[] = {
    {"SCHED_OTHER", SCHED_NORMAL},
    {"SCHED_FIFO", SCHED_FIFO},
    {"SCHED_RR", SCHED_RR},
    {"SCHED_BATCH", SCHED_BATCH},
    {"SCHED_ISO", SCHED_ISO_RESERVED},
    {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", SCHED_DEADLINE},
    {NULL, 0},
};

const struct sc_oci_name sc_oci_sched_flag_names[] = {
    {"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},   {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
    {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},         {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
    {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},       {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX}, {NULL, 0},
};

const struct sc_oci_name sc_oci_ioprio_class_names[] = {
    {"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
    {"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE},
    {"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE},
    {NULL, 0},
};

#define MPOL_WEIGHTED_INTERLEAVE_6_9 6 /* Linux 6.9 */
const struct sc_oci_name sc_oci_mpol_mode_names[] = {
    {"MPOL_DEFAULT", MPOL_DEFAULT},       {"MPOL_BIND", MPOL_BIND},
    {"MPOL_INTERLEAVE", MPOL_INTERLEAVE}, {"MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED_INTERLEAVE_6_9},
    {"MPOL_PREFERRED", MPOL_PREFERRED},   {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
    {"MPOL_LOCAL", MPOL_LOCAL},           {NULL, 0},
};

const struct sc_oci_name sc_oci_mpol_flag_names[] = {
    {"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING},
    {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
    {"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
    {NULL, 0},
};

const struct sc_oci_name sc_oci_personality_names[] = {{"LINUX", PER_LINUX}, {"LINUX32", PER_LINUX32}, {NULL, 0}};

/* Of two names of one number the first is written. */
const struct sc_oci_name sc_oci_seccomp_action_names[] = {
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
    {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
    {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
    {NULL, 0},
};

#define SECCOMP_FLAG_WAIT_KILLABLE_RECV (1U << 5) /* Linux 5.19 */
const struct sc_oci_name sc_oci_seccomp_flag_names[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FLAG_WAIT_KILLABLE_RECV},
    {NULL, 0},
};

/* The numbers are those of enum scmp_compare (seccomp.h of libseccomp). */
const struct sc_oci_name sc_oci_seccomp_op_names[] = {
    {"SCMP_CMP_NE", 1}, {"SCMP_CMP_LT", 2}, {"SCMP_CMP_LE", 3},        {"SCMP_CMP_EQ", 4},
    {"SCMP_CMP_GE", 5}, {"SCMP_CMP_GT", 6}, {"SCMP_CMP_MASKED_EQ", 7}, {NULL, 0},
};

/* Values are not used: what an architecture means is kernel/'s. */
const struct sc_oci_name sc_oci_seccomp_arch_names[] = {
    {"SCMP_ARCH_X86", 0},     {"SCMP_ARCH_X86_64", 0},   {"SCMP_ARCH_X32", 0},         {"SCMP_ARCH_ARM", 0},
    {"SCMP_ARCH_AARCH64", 0}, {"SCMP_ARCH_MIPS", 0},     {"SCMP_ARCH_MIPS64", 0},      {"SCMP_ARCH_MIPS64N32", 0},
    {"SCMP_ARCH_MIPSEL", 0},  {"SCMP_ARCH_MIPSEL64", 0}, {"SCMP_ARCH_MIPSEL64N32", 0}, {"SCMP_ARCH_PPC", 0},
    {"SCMP_ARCH_PPC64", 0},   {"SCMP_ARCH_PPC64LE", 0},  {"SCMP_ARCH_S390", 0},        {"SCMP_ARCH_S390X", 0},
    {"SCMP_ARCH_PARISC", 0},  {"SCMP_ARCH_PARISC64", 0}, {"SCMP_ARCH_RISCV64", 0},     {"SCMP_ARCH_LOONGARCH64", 0},
    {"SCMP_ARCH_M68K", 0},    {"SCMP_ARCH_SH", 0},       {"SCMP_ARCH_SHEB", 0},        {NULL, 0},
};

const struct sc_oci_name *
sc_oci_name_find(const struct sc_oci_name *names, const char *name)
{
    for (; names->name; names++) {
        if (strcmp(names->name, name) == 0)
            return names;
    }
    return NULL;
}

const char *
sc_oci_name_of(const struct sc_oci_name *names, uint64_t value)
{
    for (; names->name; names++) {
        if (names->value == value)
            return names->name;
    }
    return NULL;
}

/* ---- public helpers ------------------------------------------------------------ */

static const char *const cap_names[] = {
    [CAP_CHOWN] = "CAP_CHOWN",
    [CAP_DAC_OVERRIDE] = "CAP_DAC_OVERRIDE",
    [CAP_DAC_READ_SEARCH] = "CAP_DAC_READ_SEARCH",
    [CAP_FOWNER] = "CAP_FOWNER",
    [CAP_FSETID] = "CAP_FSETID",
    [CAP_KILL] = "CAP_KILL",
    [CAP_SETGID] = "CAP_SETGID",
    [CAP_SETUID] = "CAP_SETUID",
    [CAP_SETPCAP] = "CAP_SETPCAP",
    [CAP_LINUX_IMMUTABLE] = "CAP_LINUX_IMMUTABLE",
    [CAP_NET_BIND_SERVICE] = "CAP_NET_BIND_SERVICE",
    [CAP_NET_BROADCAST] = "CAP_NET_BROADCAST",
    [CAP_NET_ADMIN] = "CAP_NET_ADMIN",
    [CAP_NET_RAW] = "CAP_NET_RAW",
    [CAP_IPC_LOCK] = "CAP_IPC_LOCK",
    [CAP_IPC_OWNER] = "CAP_IPC_OWNER",
    [CAP_SYS_MODULE] = "CAP_SYS_MODULE",
    [CAP_SYS_RAWIO] = "CAP_SYS_RAWIO",
    [CAP_SYS_CHROOT] = "CAP_SYS_CHROOT",
    [CAP_SYS_PTRACE] = "CAP_SYS_PTRACE",
    [CAP_SYS_PACCT] = "CAP_SYS_PACCT",
    [CAP_SYS_ADMIN] = "CAP_SYS_ADMIN",
    [CAP_SYS_BOOT] = "CAP_SYS_BOOT",
    [CAP_SYS_NICE] = "CAP_SYS_NICE",
    [CAP_SYS_RESOURCE] = "CAP_SYS_RESOURCE",
    [CAP_SYS_TIME] = "CAP_SYS_TIME",
    [CAP_SYS_TTY_CONFIG] = "CAP_SYS_TTY_CONFIG",
    [CAP_MKNOD] = "CAP_MKNOD",
    [CAP_LEASE] = "CAP_LEASE",
    [CAP_AUDIT_WRITE] = "CAP_AUDIT_WRITE",
    [CAP_AUDIT_CONTROL] = "CAP_AUDIT_CONTROL",
    [CAP_SETFCAP] = "CAP_SETFCAP",
    [CAP_MAC_OVERRIDE] = "CAP_MAC_OVERRIDE",
    [CAP_MAC_ADMIN] = "CAP_MAC_ADMIN",
    [CAP_SYSLOG] = "CAP_SYSLOG",
    [CAP_WAKE_ALARM] = "CAP_WAKE_ALARM",
    [CAP_BLOCK_SUSPEND] = "CAP_BLOCK_SUSPEND",
    [CAP_AUDIT_READ] = "CAP_AUDIT_READ",
    [CAP_PERFMON] = "CAP_PERFMON",
    [CAP_BPF] = "CAP_BPF",
    [CAP_CHECKPOINT_RESTORE] = "CAP_CHECKPOINT_RESTORE",
};
const int sc_cap_last = (int)SC_ARRAY_LEN(cap_names) - 1;

int
sc_cap_from_name(const char *name)
{
    if (strncasecmp(name, "CAP_", 4) == 0)
        name += 4;
    for (int i = 0; i <= sc_cap_last; i++) {
        if (strcasecmp(cap_names[i] + 4, name) == 0)
            return i;
    }
    return -1;
}

const char *
sc_cap_name(int cap)
{
    return cap >= 0 && cap <= sc_cap_last ? cap_names[cap] : NULL;
}

int
sc_rlimit_from_name(const char *name)
{
    if (strncasecmp(name, "RLIMIT_", 7) == 0)
        name += 7;
    for (const struct sc_oci_name *at = sc_oci_rlimit_names; at->name; at++) {
        if (strcasecmp(at->name + 7, name) == 0)
            return (int)at->value;
    }
    return -1;
}

const char *
sc_rlimit_name(int resource)
{
    return resource < 0 ? NULL : sc_oci_name_of(sc_oci_rlimit_names, (uint64_t)resource);
}

uint32_t
sc_seccomp_flag_from_name(const char *name)
{
    const struct sc_oci_name *found = sc_oci_name_find(sc_oci_seccomp_flag_names, name);

    return found ? (uint32_t)found->value : 0;
}

const struct sc_oci_namespace *
sc_oci_find_namespace(const struct sc_oci_spec *spec, enum sc_ns_kind kind)
{
    for (size_t i = 0; i < spec->linux_.namespace_count; i++) {
        if (spec->linux_.namespaces[i].kind == kind)
            return &spec->linux_.namespaces[i];
    }
    return NULL;
}
