/* Loading a device program into the kernel and hanging it on a cgroup (bpf(2)). */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup-priv.h"

#define PROGRAM_NAME  "sc_device" /* how ours are told from others' (systemd attaches its own) */
#define ATTACHED_MOST 64          /* BPF_CGROUP_MAX_PROGS */

static int
sys_bpf(int command, union bpf_attr *attr, size_t size)
{
    return (int)syscall(SYS_bpf, command, attr, size);
}

static int
load(const struct bpf_insn *insns, size_t insn_count, char *log, size_t log_size)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof(attr));
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insns = (uintptr_t)insns;
    attr.insn_cnt = (uint32_t)insn_count;
    attr.license = (uintptr_t) "Apache-2.0"; /* the program calls no helper that would ask for GPL */
    memcpy(attr.prog_name, PROGRAM_NAME, sizeof(PROGRAM_NAME));
    if (log) {
        attr.log_buf = (uintptr_t)log;
        attr.log_size = (uint32_t)log_size;
        attr.log_level = 1;
    }
    return sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* Before Linux 5.11 programs were counted against RLIMIT_MEMLOCK, 64 KiB by default: lifted for the load alone, because
 * the container inherits the limits of its launcher. */
static int
load_unlocked(const struct bpf_insn *insns, size_t insn_count)
{
    struct rlimit old, lifted = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    int fd, saved;

    if (getrlimit(RLIMIT_MEMLOCK, &old) < 0 || setrlimit(RLIMIT_MEMLOCK, &lifted) < 0) {
        errno = EPERM;
        return -1;
    }
    fd = load(insns, insn_count, NULL, 0);
    saved = errno;
    (void)setrlimit(RLIMIT_MEMLOCK, &old);
    errno = saved;
    return fd;
}

static int
load_err(const struct bpf_insn *insns, size_t insn_count, int errnum, struct sc_err *err)
{
    char log[512] = "";
    sc_cleanup_fd fd = -1;

    if (errnum == EPERM || errnum == EACCES) {
        sc_err_errno(err, errnum, "load the device access program");
        return sc_err_remedy(err, "the bpf() system call needs CAP_BPF and CAP_NET_ADMIN (or CAP_SYS_ADMIN)");
    }
    if (errnum == EINVAL) {
        fd = load(insns, insn_count, log, sizeof(log));
        log[strcspn(log, "\n")] = '\0';
        sc_err_errno(err, errnum, "load the device access program: %s", log[0] ? log : "the kernel refuses it");
        return sc_err_remedy(err, "the kernel must be built with CONFIG_CGROUP_BPF");
    }
    return sc_err_errno(err, errnum, "load the device access program");
}

/* Opens the program with this id if it is one of ours; -1 otherwise. */
static int
open_ours(uint32_t id)
{
    struct bpf_prog_info info;
    union bpf_attr attr;
    sc_cleanup_fd fd = -1;

    memset(&attr, 0, sizeof(attr));
    attr.prog_id = id;
    fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
    if (fd < 0)
        return -1;
    memset(&info, 0, sizeof(info));
    memset(&attr, 0, sizeof(attr));
    attr.info.bpf_fd = (uint32_t)fd;
    attr.info.info_len = sizeof(info);
    attr.info.info = (uintptr_t)&info;
    if (sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) < 0 ||
        strncmp(info.name, PROGRAM_NAME, sizeof(info.name)) != 0)
        return -1;
    return sc_steal_fd(&fd);
}

/* Ids of the device programs attached to this cgroup itself. */
static uint32_t
query(int cgroup_fd, uint32_t ids[ATTACHED_MOST])
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof(attr));
    attr.query.target_fd = (uint32_t)cgroup_fd;
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = (uintptr_t)ids;
    attr.query.prog_cnt = ATTACHED_MOST;
    return sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr)) < 0 ? 0 : attr.query.prog_cnt;
}

static int
attach(int cgroup_fd, int program, int replaced)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof(attr));
    attr.target_fd = (uint32_t)cgroup_fd;
    attr.attach_bpf_fd = (uint32_t)program;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    if (replaced >= 0) {
        attr.attach_flags |= BPF_F_REPLACE;
        attr.replace_bpf_fd = (uint32_t)replaced;
    }
    return sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr));
}

static void
detach(int cgroup_fd, int program)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof(attr));
    attr.target_fd = (uint32_t)cgroup_fd;
    attr.attach_bpf_fd = (uint32_t)program;
    attr.attach_type = BPF_CGROUP_DEVICE;
    (void)sys_bpf(BPF_PROG_DETACH, &attr, sizeof(attr));
}

int
sc_cgroup_device_attach(int cgroup_fd, const struct bpf_insn *insns, size_t insn_count, struct sc_err *err)
{
    sc_cleanup_fd program = load(insns, insn_count, NULL, 0), first = -1;
    uint32_t ids[ATTACHED_MOST], count;

    if (program < 0 && errno == EPERM)
        program = load_unlocked(insns, insn_count);
    if (program < 0)
        return load_err(insns, insn_count, errno, err);
    count = query(cgroup_fd, ids);
    for (uint32_t i = 0; i < count && i < ATTACHED_MOST && first < 0; i++)
        first = open_ours(ids[i]);
    /* All attached programs must allow an access, so the old one must go: in one step where the kernel can (Linux 5.6),
     * else after the new one is there, so that at no moment there is none. */
    if (first >= 0 && attach(cgroup_fd, program, first) == 0)
        return 0;
    if (attach(cgroup_fd, program, -1) < 0) {
        int errnum = errno;

        sc_err_errno(err, errnum, "attach the device access program to the cgroup");
        if (errnum == EPERM)
            sc_err_remedy(err, "a cgroup above it has a device program attached without BPF_F_ALLOW_MULTI: see bpftool "
                               "cgroup tree");
        return -1;
    }
    if (first >= 0)
        detach(cgroup_fd, first);
    return 0;
}
