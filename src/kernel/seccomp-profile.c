/*
 * kernel/seccomp-profile: sc's default profile as a table (seccomp(2), docs/concepts/seccomp.md).
 *
 * Every system call that Linux had when this was written is named exactly once, allowed or refused: so what the table
 * does not name is newer than the table, and is answered ENOSYS, on which libraries fall back (a test walks the numbers
 * and proves it). The choice of what is allowed is the one users of Docker know.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include <seccomp.h>

#include "kernel/kernel.h"
#include "kernel/seccomp-priv.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF     39
#endif

#define ALWAYS     .caps = 0, .verdict = SC_VERDICT_ALLOW
#define WITH(mask) .caps = (mask), .verdict = SC_VERDICT_ALLOW, .locked = SC_VERDICT_EPERM
#define NEVER      .caps = 0, .verdict = SC_VERDICT_EPERM
#define BIT(cap)   SC_CAP_BIT(cap)

const struct sc_seccomp_group sc_seccomp_groups[] = {
    /* ---- always allowed: the kernel's own checks (ids, capabilities, namespaces) suffice ---- */
    {.why = "descriptors: reading, writing, copying",
     .names = "read write open openat openat2 creat close close_range lseek _llseek pread64 pwrite64 readv writev "
              "preadv pwritev preadv2 pwritev2 dup dup2 dup3 pipe pipe2 fcntl fcntl64 ioctl flock fsync fdatasync "
              "sync syncfs sync_file_range fallocate fadvise64 fadvise64_64 readahead truncate truncate64 ftruncate "
              "ftruncate64 copy_file_range sendfile sendfile64 splice tee vmsplice memfd_create memfd_secret "
              "cachestat",
     ALWAYS},
    {.why = "waiting: select, poll, epoll, event, signal and timer descriptors, inotify",
     .names = "select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1 "
              "epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd "
              "signalfd4 timerfd_create timerfd_settime timerfd_settime64 timerfd_gettime timerfd_gettime64 "
              "inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark",
     ALWAYS},
    {.why = "kernel asynchronous I/O (the old interface: each operation passes the checks of the plain call)",
     .names = "io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64",
     ALWAYS},
    {.why = "files by name: the container's root and the file's owner decide",
     .names = "stat stat64 lstat lstat64 fstat fstat64 newfstatat fstatat64 statx access faccessat faccessat2 "
              "getcwd chdir fchdir getdents getdents64 readlink readlinkat rename renameat renameat2 mkdir mkdirat "
              "rmdir link linkat unlink unlinkat symlink symlinkat chmod fchmod fchmodat fchmodat2 chown chown32 "
              "fchown fchown32 lchown lchown32 fchownat umask mknod mknodat utime utimes futimesat utimensat "
              "utimensat_time64 statfs statfs64 fstatfs fstatfs64 name_to_handle_at statmount listmount",
     ALWAYS},
    {.why = "extended attributes",
     .names = "setxattr lsetxattr fsetxattr setxattrat getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr "
              "flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat",
     ALWAYS},
    {.why = "memory of one's own",
     .names = "mmap mmap2 munmap mprotect mremap msync mincore madvise brk mlock mlock2 mlockall munlock munlockall "
              "remap_file_pages pkey_alloc pkey_free pkey_mprotect membarrier map_shadow_stack mseal",
     ALWAYS},
    {.why = "processes: making, ending, waiting; clone has a rule of its own below",
     .names = "fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid "
              "getpgrp setpgid getsid setsid set_tid_address set_robust_list get_robust_list set_thread_area "
              "get_thread_area prctl arch_prctl modify_ldt rseq restart_syscall pidfd_open pidfd_send_signal "
              "process_mrelease uretprobe uprobe",
     ALWAYS},
    {.why = "looking into processes of the same container: safe since Linux 4.8, where ptrace can no longer slip "
            "past a filter, and sc needs a later kernel anyway",
     .names = "ptrace process_vm_readv process_vm_writev",
     ALWAYS},
    {.why = "signals",
     .names =
         "kill tkill tgkill pause alarm sigaltstack sigprocmask sigreturn rt_sigaction rt_sigpending rt_sigprocmask "
         "rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo",
     ALWAYS},
    {.why = "locks", .names = "futex futex_time64 futex_waitv futex_wake futex_wait futex_requeue", ALWAYS},
    {.why = "time: reading, sleeping, timers; adjtimex sets only with CAP_SYS_TIME",
     .names = "time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep "
              "clock_nanosleep_time64 nanosleep adjtimex clock_adjtime clock_adjtime64 getitimer setitimer times "
              "timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime "
              "timer_settime64",
     ALWAYS},
    {.why = "scheduling and limits",
     .names =
         "sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam "
         "sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval "
         "sched_rr_get_interval_time64 getpriority setpriority ioprio_get ioprio_set getrlimit setrlimit ugetrlimit "
         "prlimit64 "
         "getrusage getcpu",
     ALWAYS},
    {.why = "ids and capabilities: the kernel lets nobody gain by these what it does not hold",
     .names = "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid "
              "getresgid32 getgroups getgroups32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid "
              "setregid32 setresuid setresuid32 setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 "
              "setgroups setgroups32 capget capset",
     ALWAYS},
    {.why = "sandboxing oneself further",
     .names = "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self",
     ALWAYS},
    {.why = "sockets once made; socket itself, and socketcall of 32-bit x86, have rules below",
     .names = "socketpair bind connect listen accept accept4 shutdown getsockname getpeername getsockopt setsockopt "
              "send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64",
     ALWAYS},
    {.why = "System V and POSIX IPC: the IPC namespace confines them",
     .names =
         "ipc shmget shmat shmctl shmdt semget semop semctl semtimedop semtimedop_time64 msgget msgsnd msgrcv msgctl "
         "mq_open "
         "mq_unlink mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64 mq_notify mq_getsetattr",
     ALWAYS},
    {.why = "the system's name and figures", .names = "uname sysinfo getrandom", ALWAYS},
    {.why = "calls that only other architectures have",
     .names = "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls "
              "riscv_flush_icache riscv_hwprobe s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr "
              "swapcontext",
     ALWAYS},

    /* ---- allowed with a capability that makes the call meaningful; refused early otherwise ---- */
    {.why = "mounts, namespaces and the system's name",
     .names = "mount umount umount2 mount_setattr move_mount open_tree open_tree_attr fsopen fsconfig fsmount "
              "fspick setns unshare sethostname setdomainname fanotify_init lookup_dcookie quotactl quotactl_fd "
              "lsm_get_self_attr lsm_set_self_attr lsm_list_modules",
     WITH(BIT(CAP_SYS_ADMIN))},
    {.why = "a thread library tries clone3 first, and BPF cannot read its flags, which are behind a pointer: "
            "without CAP_SYS_ADMIN the call does not exist, so that the library falls back to clone",
     .names = "clone3",
     .caps = BIT(CAP_SYS_ADMIN),
     .verdict = SC_VERDICT_ALLOW,
     .locked = SC_VERDICT_ENOSYS},
    {.why = "programs in the kernel", .names = "bpf", WITH(BIT(CAP_SYS_ADMIN) | BIT(CAP_BPF))},
    {.why = "performance counters", .names = "perf_event_open", WITH(BIT(CAP_SYS_ADMIN) | BIT(CAP_PERFMON))},
    {.why = "the kernel's log", .names = "syslog", WITH(BIT(CAP_SYS_ADMIN) | BIT(CAP_SYSLOG))},
    {.why = "files by handle ignore the directories above them (the Shocker escape)",
     .names = "open_by_handle_at",
     WITH(BIT(CAP_DAC_READ_SEARCH))},
    {.why = "restarting the machine", .names = "reboot", WITH(BIT(CAP_SYS_BOOT))},
    {.why = "changing the root", .names = "chroot", WITH(BIT(CAP_SYS_CHROOT))},
    {.why = "kernel modules", .names = "init_module finit_module delete_module", WITH(BIT(CAP_SYS_MODULE))},
    {.why = "process accounting", .names = "acct", WITH(BIT(CAP_SYS_PACCT))},
    {.why = "reaching into processes beyond what ptrace's own check allows",
     .names = "kcmp pidfd_getfd process_madvise",
     WITH(BIT(CAP_SYS_PTRACE))},
    {.why = "I/O ports", .names = "iopl ioperm", WITH(BIT(CAP_SYS_RAWIO))},
    {.why = "setting the clock, which all containers share",
     .names = "settimeofday stime clock_settime clock_settime64",
     WITH(BIT(CAP_SYS_TIME))},
    {.why = "hanging up the terminal", .names = "vhangup", WITH(BIT(CAP_SYS_TTY_CONFIG))},
    {.why = "where memory is placed",
     .names = "mbind get_mempolicy set_mempolicy set_mempolicy_home_node",
     WITH(BIT(CAP_SYS_NICE))},

    /* ---- never allowed; a profile of one's own (--security-opt seccomp=FILE) can ---- */
    {.why = "the kernel's keyrings are no namespace's", .names = "add_key request_key keyctl", NEVER},
    {.why = "operations submitted to a ring are not seen by this filter",
     .names = "io_uring_setup io_uring_enter io_uring_register",
     NEVER},
    {.why = "stopping the kernel in the middle of a copy has helped too many exploits", .names = "userfaultfd", NEVER},
    {.why = "the machine as a whole", .names = "kexec_load kexec_file_load swapon swapoff", NEVER},
    {.why = "the runtime has done it", .names = "pivot_root", NEVER},
    {.why = "memory of other processes and nodes", .names = "move_pages migrate_pages", NEVER},
    {.why = "obsolete or removed: attack surface without users",
     .names = "create_module get_kernel_syms query_module nfsservctl uselib ustat sysfs _sysctl afs_syscall tuxcall "
              "security vserver getpmsg putpmsg",
     NEVER},
    {.why = "obsolete or removed, and only 32-bit x86 had them",
     .names = "bdflush break ftime gtty idle lock mpx nice oldfstat oldlstat oldolduname oldstat olduname prof "
              "profil readdir sgetmask sigaction signal sigpending sigsuspend ssetmask stty ulimit vm86 vm86old",
     NEVER},
};
const size_t sc_seccomp_group_count = SC_ARRAY_LEN(sc_seccomp_groups);

/* Address families: all but the obsolete ones and those that reach past the network namespace or into little-tested
 * code (DECnet 12, Econet 19, ATM 20, IrDA 23, WANPIPE 25, ISDN 34, CAIF 37, ALG 38, VSOCK 40), and none that is
 * unknown here. */
static const uint32_t socket_families[] = {
    AF_UNSPEC, AF_UNIX,    AF_INET,      AF_AX25,      AF_IPX,        AF_APPLETALK, AF_NETROM,     AF_BRIDGE,
    AF_ATMPVC, AF_X25,     AF_INET6,     AF_ROSE,      AF_NETBEUI,    AF_SECURITY,  AF_KEY,        AF_NETLINK,
    AF_PACKET, AF_ASH,     AF_RDS,       AF_SNA,       AF_PPPOX,      AF_LLC,       AF_IB,         AF_MPLS,
    AF_CAN,    AF_TIPC,    AF_BLUETOOTH, AF_IUCV,      AF_RXRPC,      AF_PHONET,    AF_IEEE802154, AF_NFC,
    AF_KCM,    AF_QIPCRTR, 43 /* SMC */, 44 /* XDP */, 45 /* MCTP */,
};
/* PER_LINUX, PER_LINUX32, UNAME26 and both; 0xffffffff only asks. Anything else can switch off address randomisation.
 */
static const uint32_t personalities[] = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};
/* socketcall's operations but SYS_SOCKET (1): its family is behind a pointer, where BPF cannot look. */
static const uint32_t socketcalls[] = {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
static const uint32_t no_flag[] = {0};

const struct sc_seccomp_arg_group sc_seccomp_arg_groups[] = {
    {.why = "sockets of families that respect the network namespace",
     .name = "socket",
     .index = 0,
     .mask = 0xffffffff,
     .values = socket_families,
     .value_count = SC_ARRAY_LEN(socket_families),
     .otherwise = SC_VERDICT_EPERM},
    {.why = "32-bit x86: libraries since 2016 call socket directly and take this answer as a hint to do so",
     .name = "socketcall",
     .index = 0,
     .mask = 0xffffffff,
     .values = socketcalls,
     .value_count = SC_ARRAY_LEN(socketcalls),
     .otherwise = SC_VERDICT_ENOSYS},
    {.why = "personalities that change nothing of security",
     .name = "personality",
     .index = 0,
     .mask = 0xffffffff,
     .values = personalities,
     .value_count = SC_ARRAY_LEN(personalities),
     .otherwise = SC_VERDICT_EPERM},
    {.why = "threads and processes, but no new namespace; the low byte of the flags is a signal, so CLONE_NEWTIME "
            "cannot be meant",
     .name = "clone",
     .caps = BIT(CAP_SYS_ADMIN),
#if defined(__s390__)
     .index = 1,
#else
     .index = 0,
#endif
     .mask = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET,
     .values = no_flag,
     .value_count = 1,
     .otherwise = SC_VERDICT_EPERM},
};
const size_t sc_seccomp_arg_group_count = SC_ARRAY_LEN(sc_seccomp_arg_groups);

/* Calls that an older libseccomp does not know. From 424 on a number is the same on every architecture (arch 0). The
 * sockets and System V calls that 32-bit x86 got over time libseccomp knows only as parts of socketcall and ipc. */
static const struct {
    const char *name;
    int number;
    uint32_t arch;
} later_calls[] = {
    {"uretprobe", 335, SCMP_ARCH_X86_64},
    {"uprobe", 336, SCMP_ARCH_X86_64},
    {"map_shadow_stack", 453, SCMP_ARCH_X86_64},
    {"memfd_secret", 447, SCMP_ARCH_X86_64},
    {"futex_waitv", 449, 0},
    {"set_mempolicy_home_node", 450, 0},
    {"cachestat", 451, 0},
    {"fchmodat2", 452, 0},
    {"futex_wake", 454, 0},
    {"futex_wait", 455, 0},
    {"futex_requeue", 456, 0},
    {"statmount", 457, 0},
    {"listmount", 458, 0},
    {"lsm_get_self_attr", 459, 0},
    {"lsm_set_self_attr", 460, 0},
    {"lsm_list_modules", 461, 0},
    {"mseal", 462, 0},
    {"setxattrat", 463, 0},
    {"getxattrat", 464, 0},
    {"listxattrat", 465, 0},
    {"removexattrat", 466, 0},
    {"open_tree_attr", 467, 0},
    {"socket", 359, SCMP_ARCH_X86},
    {"socketpair", 360, SCMP_ARCH_X86},
    {"bind", 361, SCMP_ARCH_X86},
    {"connect", 362, SCMP_ARCH_X86},
    {"listen", 363, SCMP_ARCH_X86},
    {"accept4", 364, SCMP_ARCH_X86},
    {"getsockopt", 365, SCMP_ARCH_X86},
    {"setsockopt", 366, SCMP_ARCH_X86},
    {"getsockname", 367, SCMP_ARCH_X86},
    {"getpeername", 368, SCMP_ARCH_X86},
    {"sendto", 369, SCMP_ARCH_X86},
    {"sendmsg", 370, SCMP_ARCH_X86},
    {"recvfrom", 371, SCMP_ARCH_X86},
    {"recvmsg", 372, SCMP_ARCH_X86},
    {"shutdown", 373, SCMP_ARCH_X86},
    {"recvmmsg", 337, SCMP_ARCH_X86},
    {"sendmmsg", 345, SCMP_ARCH_X86},
    {"semget", 393, SCMP_ARCH_X86},
    {"semctl", 394, SCMP_ARCH_X86},
    {"shmget", 395, SCMP_ARCH_X86},
    {"shmctl", 396, SCMP_ARCH_X86},
    {"shmat", 397, SCMP_ARCH_X86},
    {"shmdt", 398, SCMP_ARCH_X86},
    {"msgget", 399, SCMP_ARCH_X86},
    {"msgsnd", 400, SCMP_ARCH_X86},
    {"msgrcv", 401, SCMP_ARCH_X86},
    {"msgctl", 402, SCMP_ARCH_X86},
};

bool
sc_seccomp_next_name(const char **cursor, char name[SC_SECCOMP_NAME_MAX])
{
    const char *start = *cursor;
    size_t len = strcspn(start, " ");

    if (len == 0)
        return false;
    if (len >= SC_SECCOMP_NAME_MAX)
        SC_BUG("a system call's name in the profile is too long");
    memcpy(name, start, len);
    name[len] = '\0';
    *cursor = start + len + (start[len] == ' ');
    return true;
}

int
sc_seccomp_number(uint32_t arch, const char *name)
{
    int number = seccomp_syscall_resolve_name_arch(arch, name);

    if (number >= 0)
        return number;
    /* Negative also for a call that libseccomp would fold into socketcall or ipc. */
    for (size_t i = 0; i < SC_ARRAY_LEN(later_calls); i++)
        if ((later_calls[i].arch == 0 || later_calls[i].arch == arch) && strcmp(later_calls[i].name, name) == 0)
            return later_calls[i].number;
    return -1;
}

enum sc_verdict
sc_seccomp_group_verdict(const struct sc_seccomp_group *group, uint64_t caps)
{
    return group->caps == 0 || (group->caps & caps) != 0 ? group->verdict : group->locked;
}

uint32_t
sc_seccomp_verdict_ret(enum sc_verdict verdict)
{
    switch (verdict) {
    case SC_VERDICT_ALLOW:
        return SCMP_ACT_ALLOW;
    case SC_VERDICT_EPERM:
        return SCMP_ACT_ERRNO(EPERM);
    case SC_VERDICT_ENOSYS:
        return SCMP_ACT_ERRNO(ENOSYS);
    case SC_VERDICT_KILL:
        return SCMP_ACT_KILL_PROCESS;
    }
    SC_BUG("unknown verdict");
}

struct sc_oci_seccomp
sc_seccomp_default(uint64_t caps, bool with_i386)
{
    return (struct sc_oci_seccomp){
        .is_set = true,
        .default_action = SCMP_ACT_ERRNO(EPERM),
        /* As runc when a profile has no flags: without it, kernels before 5.16 slow every filtered process down (SSBD).
         */
        .flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW,
        .is_sc_default = true,
        .sc_default_caps = caps,
        .sc_default_i386 = with_i386,
    };
}

static const char *
native_arch_name(void)
{
    switch (seccomp_arch_native()) {
    case SCMP_ARCH_X86_64:
        return "SCMP_ARCH_X86_64";
    case SCMP_ARCH_X86:
        return "SCMP_ARCH_X86";
    case SCMP_ARCH_AARCH64:
        return "SCMP_ARCH_AARCH64";
    case SCMP_ARCH_ARM:
        return "SCMP_ARCH_ARM";
    case SCMP_ARCH_PPC64LE:
        return "SCMP_ARCH_PPC64LE";
    case SCMP_ARCH_RISCV64:
        return "SCMP_ARCH_RISCV64";
    case SCMP_ARCH_S390X:
        return "SCMP_ARCH_S390X";
    default:
        return NULL;
    }
}

/* The calls with this verdict, whatever their arguments, as one rule. */
static void
expand_groups(struct sc_oci_seccomp *profile, enum sc_verdict verdict, struct sc_arena *arena)
{
    struct sc_oci_seccomp_rule *rule = &profile->rules[profile->rule_count];
    uint64_t caps = profile->sc_default_caps;
    char name[SC_SECCOMP_NAME_MAX];

    rule->action = sc_seccomp_verdict_ret(verdict);
    for (size_t i = 0; i < sc_seccomp_group_count; i++) {
        const char *cursor = sc_seccomp_groups[i].names;

        if (sc_seccomp_group_verdict(&sc_seccomp_groups[i], caps) != verdict)
            continue;
        while (sc_seccomp_next_name(&cursor, name))
            sc_strv_add(&rule->names, arena, name);
    }
    for (size_t i = 0; i < sc_seccomp_arg_group_count; i++) {
        const struct sc_seccomp_arg_group *arg = &sc_seccomp_arg_groups[i];
        enum sc_verdict whole = (arg->caps & caps) != 0 ? SC_VERDICT_ALLOW : arg->otherwise;

        if (whole == verdict)
            sc_strv_add(&rule->names, arena, arg->name);
    }
    if (rule->names.count > 0)
        profile->rule_count++;
}

/* A masked comparison is the one way to say "low 32 bits" that every runtime understands. A call that is not refused
 * with the default action is left to the rule that says so for all its arguments: an OCI profile cannot say "else
 * ENOSYS". */
static void
expand_arg_group(struct sc_oci_seccomp *profile, const struct sc_seccomp_arg_group *group, struct sc_arena *arena)
{
    if ((group->caps & profile->sc_default_caps) != 0 || group->otherwise != SC_VERDICT_EPERM)
        return;
    for (size_t i = 0; i < group->value_count; i++) {
        struct sc_oci_seccomp_rule *rule = &profile->rules[profile->rule_count++];

        sc_strv_add(&rule->names, arena, group->name);
        rule->action = SCMP_ACT_ALLOW;
        rule->args = SC_ARENA_NEW(arena, struct sc_oci_seccomp_arg);
        if (rule->args == NULL)
            return;
        rule->arg_count = 1;
        rule->args[0].index = group->index;
        rule->args[0].op = SCMP_CMP_MASKED_EQ;
        rule->args[0].value = group->mask;
        rule->args[0].value_two = group->values[i];
    }
}

int
sc_seccomp_expand(struct sc_oci_seccomp *profile, struct sc_arena *arena, struct sc_err *err)
{
    const char *arch = native_arch_name();
    size_t room = 3; /* one rule a verdict that needs saying */

    if (!profile->is_set || !profile->is_sc_default || profile->rules != NULL)
        return 0;
    for (size_t i = 0; i < sc_seccomp_arg_group_count; i++)
        room += sc_seccomp_arg_groups[i].value_count;
    profile->rules = SC_ARENA_ARRAY(arena, struct sc_oci_seccomp_rule, room);
    if (profile->rules == NULL)
        return sc_err_nomem(err);
    profile->rule_count = 0;
    if (arch != NULL)
        sc_strv_add(&profile->architectures, arena, arch);
    if (profile->sc_default_i386 && seccomp_arch_native() == SCMP_ARCH_X86_64)
        sc_strv_add(&profile->architectures, arena, "SCMP_ARCH_X86");
    /* What is refused comes first: for 32-bit x86 libseccomp turns "socket is allowed" into "so is socketcall for it"
     * unless a rule has said otherwise before. */
    expand_groups(profile, SC_VERDICT_ENOSYS, arena);
    expand_groups(profile, SC_VERDICT_ALLOW, arena);
    for (size_t i = 0; i < sc_seccomp_arg_group_count; i++)
        expand_arg_group(profile, &sc_seccomp_arg_groups[i], arena);
    return sc_arena_check(arena, err);
}

static bool
is_same_list(const struct sc_strv *a, const struct sc_strv *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

static bool
is_same_rule(const struct sc_oci_seccomp_rule *a, const struct sc_oci_seccomp_rule *b)
{
    if (a->action != b->action || a->arg_count != b->arg_count || !is_same_list(&a->names, &b->names))
        return false;
    for (size_t i = 0; i < a->arg_count; i++) {
        if (a->args[i].index != b->args[i].index || a->args[i].op != b->args[i].op ||
            a->args[i].value != b->args[i].value || a->args[i].value_two != b->args[i].value_two)
            return false;
    }
    return true;
}

int
sc_seccomp_recognise(struct sc_oci_seccomp *profile, uint64_t caps, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_oci_seccomp own = sc_seccomp_default(caps, profile->architectures.count > 1);

    /* What other engines write has no flags, or other actions: they pay for this comparison alone. */
    if (!profile->is_set || profile->is_sc_default || profile->flags != SECCOMP_FILTER_FLAG_SPEC_ALLOW ||
        profile->default_action != SCMP_ACT_ERRNO(EPERM) || profile->listener_path || profile->listener_metadata)
        return 0;
    if (sc_seccomp_expand(&own, arena, err) < 0)
        return -1;
    if (own.rule_count != profile->rule_count || !is_same_list(&own.architectures, &profile->architectures))
        return 0;
    for (size_t i = 0; i < own.rule_count; i++) {
        if (!is_same_rule(&own.rules[i], &profile->rules[i]))
            return 0;
    }
    profile->is_sc_default = true;
    profile->sc_default_caps = caps;
    profile->sc_default_i386 = own.sc_default_i386;
    return 0;
}
