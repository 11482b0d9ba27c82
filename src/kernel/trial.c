/* Trying what a container needs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/openat2.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "kernel/cgroup/groups.h"
#include "kernel/jail.h"
#include "kernel/kernel.h"
#include "kernel/nlmsg.h"
#include "kernel/trial.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* ---- in the child: each returns 0 or -errno ---------------------------------------------------------------- */

static int
own_namespace(uint64_t flag)
{
    return unshare((int)flag) < 0 ? -errno : 0;
}

/* A mount namespace whose mounts nobody else sees. */
static int
own_mounts(void)
{
    int result = own_namespace(CLONE_NEWNS);

    if (result == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        result = -errno;
    return result;
}

static int
make_dirs(const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (mkdir(names[i], 0700) < 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

/* On the file system that holds the layers: an overlay on an overlay, say, would not do. */
static int
try_overlay(int dir)
{
    static const char *const names[] = {"lower", "upper", "work", "merged"};
    char name[32];
    int result;

    (void)snprintf(name, sizeof(name), ".trial-%d", (int)getpid());
    /* before the new mount namespace, into which the working directory comes along and dir does not */
    if (fchdir(dir) < 0)
        return -errno;
    result = own_mounts();
    if (result < 0)
        return result;
    if (mkdir(name, 0700) < 0 || chdir(name) < 0)
        return -errno;
    result = make_dirs(names, SC_ARRAY_LEN(names));
    if (result == 0 && mount("overlay", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work") < 0 &&
        mount("overlay", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work,userxattr") < 0)
        result = -errno;
    if (result == 0 && mkdir("merged/written", 0700) < 0)
        result = -errno;
    (void)umount2("merged", MNT_DETACH);
    (void)rmdir("upper/written");
    (void)rmdir("work/work");
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++)
        (void)rmdir(names[i]);
    if (chdir("..") == 0)
        (void)rmdir(name);
    return result;
}

static int
try_idmap(int dir)
{
    struct sc_err err = SC_ERR_INIT;
    int user_ns = sc_idmap_ns_create("0 100000 65536", "0 100000 65536", &err);
    int mount_fd = user_ns < 0 ? -1 : sc_mount_tree_open(dir, ".", false);

    if (user_ns < 0)
        return -err.errnum;
    return mount_fd < 0 ? mount_fd : sc_mount_idmap(mount_fd, false, user_ns);
}

static int
try_seccomp(void)
{
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = 1, .filter = &allow};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

static int
try_pidfd(void)
{
    int pidfd = -1;
    pid_t pid = sc_clone3(0, -1, &pidfd);

    if (pid == 0)
        _exit(0);
    if (pid < 0)
        return pid;
    return pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0 ? -(errno ? errno : ENOSYS) : 0;
}

static int
try_openat2(void)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

    return syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how)) < 0 ? -errno : 0;
}

static int
try_mount_api(void)
{
    int result = own_mounts(), fd = result < 0 ? result : sc_mount_tree_open(AT_FDCWD, "/", true);

    return fd < 0 ? fd : sc_mount_setattr(fd, true, MOUNT_ATTR_NOSUID, 0, MS_PRIVATE);
}

static int
try_link(const char *kind)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    sc_cleanup_buf out = SC_BUF_INIT;
    int result = own_namespace(CLONE_NEWNET);
    size_t at, info;

    if (result < 0)
        return result;
    at = sc_nl_begin(&out, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &body, sizeof(body));
    sc_nl_attr_str(&out, IFLA_IFNAME, "trial0");
    info = sc_nl_nest(&out, IFLA_LINKINFO);
    sc_nl_attr_str(&out, IFLA_INFO_KIND, kind);
    sc_nl_nest_end(&out, info);
    sc_nl_end(&out, at);
    return out.has_failed ? -ENOMEM : sc_nl_send(NETLINK_ROUTE, out.data, out.len, 0);
}

static int
try_nftables(void)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    int result = own_namespace(CLONE_NEWNET);
    size_t at;

    if (result < 0)
        return result;
    sc_nl_batch_begin(&out);
    at = sc_nl_nft(&out, NFPROTO_INET, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
    sc_nl_attr_str(&out, NFTA_TABLE_NAME, "trial");
    sc_nl_end(&out, at);
    sc_nl_batch_end(&out);
    return out.has_failed ? -ENOMEM : sc_nl_send(NETLINK_NETFILTER, out.data, out.len, 0);
}

/* Mounted and left at once: nobody has to answer for that. */
static int
try_fuse(void)
{
    char data[128];
    int result = own_mounts(), fd;

    if (result < 0)
        return result;
    fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
    return mount("trial", "/proc", "fuse", MS_NOSUID | MS_NODEV, data) < 0 ? -errno : 0;
}

static int
try_landlock(void)
{
    int result = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : sc_landlock_only(-1);

    if (result < 0)
        return result;
    return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 && errno == EACCES ? 0 : -EINVAL;
}

static int
try(enum sc_trial trial, int dir)
{
    switch (trial) {
    case SC_TRIAL_OVERLAY:
        return try_overlay(dir);
    case SC_TRIAL_IDMAP:
        return try_idmap(dir);
    case SC_TRIAL_SECCOMP:
        return try_seccomp();
    case SC_TRIAL_PIDFD:
        return try_pidfd();
    case SC_TRIAL_OPENAT2:
        return try_openat2();
    case SC_TRIAL_MOUNT_API:
        return try_mount_api();
    case SC_TRIAL_BRIDGE:
        return try_link("bridge");
    case SC_TRIAL_VETH:
        return try_link("veth");
    case SC_TRIAL_NFTABLES:
        return try_nftables();
    case SC_TRIAL_FUSE:
        return try_fuse();
    case SC_TRIAL_LANDLOCK:
        return try_landlock();
    default:
        return own_namespace(sc_ns_table[trial - SC_TRIAL_USER_NS].clone_flag);
    }
}

/* ---- the parent --------------------------------------------------------------------------------------------- */

/* Without root nothing but a user namespace can be had first. */
static int
become_root(void)
{
    char uids[SC_NUM_MAX + 8], gids[SC_NUM_MAX + 8];
    struct sc_err err = SC_ERR_INIT;

    (void)snprintf(uids, sizeof(uids), "0 %u 1", geteuid());
    (void)snprintf(gids, sizeof(gids), "0 %u 1", getegid());
    return sc_idmap_enter(uids, gids, SC_IDMAP_OWN_ID, &err) < 0 ? -(err.errnum ? err.errnum : EPERM) : 0;
}

int
sc_trial_run(enum sc_trial trial, int dir)
{
    bool needs_root =
        geteuid() != 0 && trial != SC_TRIAL_USER_NS && trial != SC_TRIAL_SECCOMP && trial != SC_TRIAL_LANDLOCK;
    int status, result;
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0) {
        result = needs_root ? become_root() : 0;
        if (result == 0)
            result = try(trial, dir);
        _exit(-result);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int
sc_trial_helper(const char *program)
{
    struct stat st;

    if (stat(program, &st) < 0)
        return -errno;
    if ((st.st_mode & S_ISUID) != 0 && st.st_uid == 0)
        return 0;
    return getxattr(program, "security.capability", NULL, 0) > 0 ? 0 : -EPERM;
}

/* ---- controllers -------------------------------------------------------------------------------------------- */

/* A key of v2 and a value that every host takes; NULL: being there is all that can be asked. */
static const struct {
    const char *controller, *key, *value;
} limits[] = {
    {"cpu", "cpu.max", "50000 100000"},
    {"memory", "memory.max", "67108864"},
    {"pids", "pids.max", "100"},
    {"cpuset", NULL, NULL},
    {"io", NULL, NULL},
    {"blkio", NULL, NULL},
    {"hugetlb", NULL, NULL},
    {"freezer", "cgroup.freeze", "0"},
    {"devices", NULL, NULL},
};

static int
write_limit(const struct sc_cgroup_layout *layout, int hierarchy, int fd, const char *controller, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_writes writes = {.items = NULL};
    struct sc_cgroup_files files;

    sc_cgroup_dir_files(&fd, layout->items[hierarchy].is_v2, &files);
    for (size_t i = 0; i < SC_ARRAY_LEN(limits); i++) {
        if (strcmp(limits[i].controller, controller) == 0 && limits[i].key &&
            sc_cgroup_key_set(&files, limits[i].key, limits[i].value, &arena, &writes, err) < 0)
            return -1;
    }
    return sc_cgroup_write_all(fd, &writes, err);
}

static int
attach_program(int fd, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_oci_device_rule rule = {
        .allow = true, .type = 'a', .can_read = true, .can_write = true, .can_mknod = true};
    struct bpf_insn *insns;
    size_t count;

    if (sc_cgroup_device_program(&rule, 1, &arena, &insns, &count, err) < 0)
        return -1;
    return sc_cgroup_device_attach(fd, insns, count, err);
}

int
sc_trial_controller(const struct sc_cgroup_layout *layout, const char *controller, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    /* v2 has a program in place of the one, and the other built in */
    bool is_program = strcmp(controller, "devices") == 0 && sc_cgroup_find(layout, controller) < 0;
    int hierarchy = sc_cgroup_controller_place(layout, is_program ? "" : controller, err), result;
    struct sc_strv need = {0};
    bool was_created;
    char path[64], *dir;
    sc_cleanup_fd fd = -1;

    if (hierarchy < 0)
        return -1;
    if (layout->items[hierarchy].is_v2 && !is_program && sc_cgroup_controller_v2(controller))
        sc_strv_add(&need, &arena, sc_cgroup_controller_v2(controller));
    (void)snprintf(path, sizeof(path), "/sc-trial-%d-%s", (int)getpid(), controller);
    dir = sc_arena_printf(&arena, "%s%s", layout->items[hierarchy].mount_point, path);
    if (sc_arena_check(&arena, err) < 0)
        return -1;
    fd = sc_cgroup_create(layout, hierarchy, path, &need, false, &was_created, err);
    if (fd < 0)
        return -1;
    result = is_program ? attach_program(fd, err) : write_limit(layout, hierarchy, fd, controller, err);
    if (sc_cgroup_remove(dir, result < 0 ? &(struct sc_err)SC_ERR_INIT : err) < 0)
        result = -1;
    return result;
}
