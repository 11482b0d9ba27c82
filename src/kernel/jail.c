/*
 * A jail for a process of ours that reads what strangers wrote: whatever the reader is talked into, there is little
 * that it can do. It keeps the descriptors that it has; what they lead to is its whole world.
 *
 *     mounts      a namespace of its own, whose root is an empty directory
 *     network     a namespace of its own, without a device that is up; no sockets can be made
 *                 (SC_JAIL_HAS_NET: the one that it is in, for sockets of IPv4 and IPv6)
 *     ipc, uts    namespaces of their own
 *     privileges  only the capabilities that it is told to keep; none can come by execve(2), which it cannot call
 *     calls       those on a list, which has none that opens anything by name unless it is to fill a directory
 *                 (SC_JAIL_HAS_NET: for reading), and none that sends a signal, be it by way of a descriptor's owner
 *     files       those below the directory that it is to fill, or none (Landlock; sc_jail_narrow)
 *     others      what has no more processes to make makes none, and ends with its parent (sc_jail_narrow)
 *     memory      SC_JAIL_MEMORY_MAX, no core dump, nothing executable that was not
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/jail.h"
#include "kernel/kernel.h"

/* Linux 5.13; the same numbers on every architecture. */
#define LANDLOCK_FIRST 444
#define LANDLOCK_LAST  446

/* AddressSanitizer needs terabytes of address space, and calls of its own. */
#ifdef __SANITIZE_ADDRESS__
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

#define CLONE_NAMESPACES                                                                                               \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* What memory, threads, open files and one's own end need. */
static const int plain_calls[] = {
    SYS_read,
    SYS_write,
    SYS_pread64,
    SYS_pwrite64,
    SYS_readv,
    SYS_writev,
    SYS_pwritev,
    SYS_lseek,
    SYS_close,
    SYS_close_range,
    SYS_dup,
    SYS_dup3,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fsync,
    SYS_fdatasync,
    SYS_sync_file_range,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_futex,
    SYS_rseq,
    SYS_gettid,
    SYS_getpid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getppid,
    SYS_set_robust_list,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_exit,
    SYS_exit_group,
    SYS_wait4,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_restart_syscall,
    SYS_sendmsg,
    SYS_recvmsg,
    SYS_sendto,
    SYS_recvfrom,
    SYS_ppoll,
    SYS_prctl,
    SYS_uname,
    SYS_sysinfo,
    /* which only take away; sc_jail_narrow does it */
    LANDLOCK_FIRST,
    LANDLOCK_FIRST + 1,
    LANDLOCK_LAST,
#ifdef SYS_poll
    SYS_poll,
#endif
};

/* What filling a directory needs besides. */
static const int tree_calls[] = {
    SYS_openat,     SYS_openat2,      SYS_mkdirat,    SYS_mknodat,   SYS_linkat,     SYS_symlinkat, SYS_unlinkat,
    SYS_fchmod,     SYS_fchmodat,     SYS_fchown,     SYS_fchownat,  SYS_utimensat,  SYS_fsetxattr, SYS_fgetxattr,
    SYS_flistxattr, SYS_fremovexattr, SYS_readlinkat, SYS_faccessat, SYS_getdents64, SYS_umask,     SYS_renameat2,
};

/* What asking over a network, reading a directory, and asking whether somebody holds a lock need besides. */
static const int net_calls[] = {
    SYS_connect,    SYS_accept4,    SYS_setsockopt, SYS_getsockopt,  SYS_shutdown,
    SYS_readlinkat, SYS_getdents64, SYS_flock,      SYS_epoll_pwait,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
};

#define ALLOW        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define DENY         BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define NETWORK_CODE 11 /* instructions of allow_network */
#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
/* The low half, which comes first: little-endian. */
#define LOAD_ARG(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + (n) * sizeof(uint64_t))

static size_t
allow_each(struct sock_filter *out, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
        out[2 * i + 1] = (struct sock_filter)ALLOW;
    }
    return 2 * count;
}

/* Sockets of two families, and nothing opened for writing. */
static size_t
allow_network(struct sock_filter *out)
{
    const struct sock_filter code[] = {
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5),
        LOAD_ARG(0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
        ALLOW,
        DENY,
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 4),
        LOAD_ARG(2),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_ACCMODE | O_CREAT | O_TRUNC, 0, 1),
        DENY,
        ALLOW,
    };

    _Static_assert(SC_ARRAY_LEN(code) == NETWORK_CODE, "the filter has room for it");
    memcpy(out, code, sizeof(code));
    return SC_ARRAY_LEN(code) + allow_each(out + SC_ARRAY_LEN(code), net_calls, SC_ARRAY_LEN(net_calls));
}

static int
install(struct sock_filter *filter, size_t count)
{
    struct sock_fprog program = {.len = (unsigned short)count, .filter = filter};

    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

/* Whatever is not on the lists does not happen, and says EPERM: what a library tries and can do without is no end. */
static int
wall_calls(unsigned needs)
{
#ifdef NATIVE_ARCH
    const struct sock_filter head[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        /* threads and processes, but no namespaces; clone3's flags cannot be seen, and clone does as well */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4),
        LOAD_ARG(0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NAMESPACES, 0, 1),
        DENY,
        ALLOW,
        /* descriptors, but nobody who gets a signal when something comes in (F_SETOWN, F_SETSIG): any root may kill any
         * root's process */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 0, 5),
        LOAD_ARG(1),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_DUPFD_CLOEXEC, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, F_SETFL, 1, 0),
        ALLOW,
        DENY,
        /* memory, but nothing executable */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 4),
        LOAD_ARG(2),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
        DENY,
        ALLOW,
    };
    struct sock_filter filter[SC_ARRAY_LEN(head) + NETWORK_CODE + 1 +
                              2 * (SC_ARRAY_LEN(plain_calls) + SC_ARRAY_LEN(tree_calls) + SC_ARRAY_LEN(net_calls))];
    size_t count = SC_ARRAY_LEN(head);

    memcpy(filter, head, sizeof(head));
    count += allow_each(filter + count, plain_calls, SC_ARRAY_LEN(plain_calls));
    if (needs & SC_JAIL_HAS_NET)
        count += allow_network(filter + count);
    if (needs & SC_JAIL_HAS_TREE)
        count += allow_each(filter + count, tree_calls, SC_ARRAY_LEN(tree_calls));
    filter[count++] = (struct sock_filter)DENY;
    return install(filter, count);
#else
    (void)needs;
    return -ENOSYS;
#endif
}

/* On top of the other: threads, but no processes; of oneself nothing but a name; and no more of Landlock. */
static int
wall_children(void)
{
    struct sock_filter filter[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4),
        LOAD_ARG(0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
        DENY,
        ALLOW,
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, LANDLOCK_FIRST, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LANDLOCK_LAST, 1, 0),
        DENY,
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
        LOAD_ARG(0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_NAME, 1, 0),
        DENY,
        ALLOW,
    };

    return install(filter, SC_ARRAY_LEN(filter));
}

/* An empty directory that nobody can write to becomes the root. */
static int
wall_mounts(void)
{
    int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), root = -1, result = 0;

    if (fs < 0)
        return -errno;
    if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        root = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
                            MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    result = root < 0 ? -errno : sc_mount_propagation(-1, MS_REC | MS_PRIVATE);
    if (result == 0)
        result = sc_mount_move(root, -1);
    if (result == 0)
        result = sc_mount_pivot(root, -1);
    if (root >= 0)
        close(root);
    close(fs);
    return result;
}

static int
wall_memory(void)
{
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    struct rlimit memory = {.rlim_cur = SC_JAIL_MEMORY_MAX, .rlim_max = SC_JAIL_MEMORY_MAX}, is;

    if (getrlimit(RLIMIT_AS, &is) == 0 && is.rlim_max < memory.rlim_max)
        memory.rlim_cur = memory.rlim_max = is.rlim_max;
    if ((!IS_SANITIZED && setrlimit(RLIMIT_AS, &memory) < 0) || setrlimit(RLIMIT_CORE, &none) < 0)
        return -errno;
    /* no more files than it may have open now */
    if (getrlimit(RLIMIT_NOFILE, &is) < 0)
        return -errno;
    is.rlim_max = is.rlim_cur;
    return setrlimit(RLIMIT_NOFILE, &is) < 0 ? -errno : 0;
}

/* Where we may not make namespaces (an ordinary user, a container's root), or the kernel is too old for an empty root,
 * the other walls must do. */
static bool
is_out_of_reach(int errnum)
{
    return errnum == EPERM || errnum == ENOSYS || errnum == EINVAL || errnum == ENOSPC || errnum == EUSERS;
}

int
sc_jail_narrow(int dir_fd, struct sc_err *err)
{
    int result = sc_landlock_only(dir_fd);

    if (result < 0 && result != -EOPNOTSUPP && !is_out_of_reach(-result))
        return sc_err_errno(err, -result, "shut a process into a directory");
    result = prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? -errno : IS_SANITIZED ? 0 : wall_children();
    return result < 0 && !is_out_of_reach(-result) ? sc_err_errno(err, -result, "filter the system calls of a process")
                                                   : 0;
}

int
sc_jail_enter(unsigned needs, uint64_t caps, struct sc_err *err)
{
    uint64_t effective = 0, permitted = 0, inheritable = 0;
    int result = wall_memory();

    if (result < 0)
        return sc_err_errno(err, -result, "limit a process");
    if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | (needs & SC_JAIL_HAS_NET ? 0 : CLONE_NEWNET)) == 0)
        result = wall_mounts();
    else
        result = -errno;
    if (result < 0 && !is_out_of_reach(-result))
        return sc_err_errno(err, -result, "shut a process in");
    result = sc_caps_get(&effective, &permitted, &inheritable);
    if (result == 0)
        result = sc_caps_set(effective & caps, permitted & caps, 0);
    if (result == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        result = -errno;
    if (result < 0)
        return sc_err_errno(err, -result, "take privileges from a process");
    result = IS_SANITIZED ? 0 : wall_calls(needs);
    if (result < 0 && !is_out_of_reach(-result))
        return sc_err_errno(err, -result, "filter the system calls of a process");
    return 0;
}
