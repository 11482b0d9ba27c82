/*
 * floor: what the kernel itself asks for a container, with nothing around it.
 *
 *     floor ROOTFS PROGRAM [ARGUMENT...]
 *
 * It makes the system calls of the container that a `runc spec` bundle describes and nothing else: no JSON, no state,
 * no second process between. Every start-up figure of sc is quoted as a ratio to this one. It must be run as root.
 *
 *     parent                             child
 *     mkdir a cgroup per hierarchy
 *     clone3 pid net mount uts ipc ───►  join the cgroups, unshare cgroup (v2: clone3 does both)
 *                                        hostname, loopback up
 *                                        / private, ROOTFS bound, the eight mounts, devices, masks
 *                                        pivot_root, detach, / read-only
 *                                        rlimit, capabilities, no_new_privs
 *     wait  ◄──────────────────────────  exec
 *     rmdir the cgroups
 *
 * What a `runc spec` bundle has and this has not: the v2 device program (v1's device list is here).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN(a)          (sizeof(a) / sizeof((a)[0]))
#define HIERARCHIES_MAX 16

struct hierarchy {
    bool is_v2;
    char mount_point[256];
    char options[64]; /* v1: what to give mount(2), "cpu,cpuacct" or "none,name=systemd" */
    char dir[300];    /* our cgroup in it */
};

struct hierarchies {
    struct hierarchy items[HIERARCHIES_MAX];
    size_t count;
};

_Noreturn static void __attribute__((format(printf, 1, 2))) die(const char *fmt, ...)
{
    int errnum = errno;
    va_list args;

    va_start(args, fmt);
    fputs("floor: ", stderr);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, ": %s\n", strerror(errnum));
    _exit(125);
}

static void
put(const char *dir, const char *file, const char *text)
{
    char path[400];

    snprintf(path, sizeof(path), "%s/%s", dir, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        die("write %s to %s", text, path);
    close(fd);
}

static void
copy_from_parent(const char *parent, const char *dir, const char *file)
{
    char path[400], text[256];

    snprintf(path, sizeof(path), "%s/%s", parent, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (len < 0)
        die("read %s", path);
    close(fd);
    text[len] = '\0';
    put(dir, file, text);
}

/* ---- cgroups: the parent's part ------------------------------------------------------ */

/* 36 25 0:31 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu */
static void
hierarchy_from_line(char *line, struct hierarchies *out)
{
    struct statfs fs;
    char *save = NULL, *mount_point = NULL, *word = strtok_r(line, " ", &save);

    for (int field = 1; word && strcmp(word, "-") != 0; field++, word = strtok_r(NULL, " ", &save))
        if (field == 5)
            mount_point = word;
    const char *type = word ? strtok_r(NULL, " ", &save) : NULL;
    const char *source = type ? strtok_r(NULL, " ", &save) : NULL;
    const char *options = source ? strtok_r(NULL, " \n", &save) : NULL;
    if (!mount_point || !options || (strcmp(type, "cgroup") != 0 && strcmp(type, "cgroup2") != 0))
        return;
    /* Something else may cover it. */
    if (statfs(mount_point, &fs) < 0 || (fs.f_type != CGROUP_SUPER_MAGIC && fs.f_type != CGROUP2_SUPER_MAGIC))
        return;
    if (out->count == HIERARCHIES_MAX)
        die("more than %d hierarchies", HIERARCHIES_MAX);

    struct hierarchy *h = &out->items[out->count++];
    h->is_v2 = strcmp(type, "cgroup2") == 0;
    snprintf(h->mount_point, sizeof(h->mount_point), "%s", mount_point);
    const char *controllers = strchr(options, ',');
    controllers = controllers ? controllers + 1 : "";
    const char *name = strstr(controllers, "name=");
    snprintf(h->options, sizeof(h->options), "%s%s", name ? "none," : "", name ? name : controllers);
    snprintf(h->dir, sizeof(h->dir), "%s/sc-floor-%d", mount_point, (int)getpid());
}

static void
find_hierarchies(struct hierarchies *out)
{
    char line[1024];
    FILE *file = fopen("/proc/self/mountinfo", "re");

    if (!file)
        die("open /proc/self/mountinfo");
    while (fgets(line, sizeof(line), file))
        hierarchy_from_line(line, out);
    fclose(file);
}

static void
make_cgroup(const struct hierarchy *h)
{
    static const char *const allowed[] = {
        "c *:* m",   "b *:* m",   "c 1:3 rwm", "c 1:8 rwm",   "c 1:7 rwm", "c 5:0 rwm",
        "c 1:5 rwm", "c 1:9 rwm", "c 5:1 rwm", "c 136:* rwm", "c 5:2 rwm",
    };

    if (mkdir(h->dir, 0755) < 0)
        die("mkdir %s", h->dir);
    if (h->is_v2)
        return;
    if (strstr(h->options, "cpuset")) { /* a new one is empty, and no task may enter it (cpuset(7)) */
        copy_from_parent(h->mount_point, h->dir, "cpuset.cpus");
        copy_from_parent(h->mount_point, h->dir, "cpuset.mems");
    }
    if (strstr(h->options, "devices")) {
        put(h->dir, "devices.deny", "a");
        for (size_t i = 0; i < LEN(allowed); i++)
            put(h->dir, "devices.allow", allowed[i]);
    }
}

/* ---- the child ------------------------------------------------------------------------ */

static void
do_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
    if (mount(source, target, type, flags, data) < 0)
        die("mount %s on %s", type ? type : "a change", target);
}

static void
loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &request) < 0)
        die("loopback up");
    close(sock);
}

static void
mount_cgroups(const struct hierarchies *all)
{
    char target[300];

    if (all->count == 1 && all->items[0].is_v2) {
        do_mount("cgroup", "sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
        return;
    }
    do_mount("tmpfs", "sys/fs/cgroup", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755");
    for (size_t i = 0; i < all->count; i++) {
        const struct hierarchy *h = &all->items[i];
        snprintf(target, sizeof(target), "sys/fs/cgroup/%s", strrchr(h->mount_point, '/') + 1);
        if (mkdir(target, 0755) < 0)
            die("mkdir %s", target);
        do_mount("cgroup", target, h->is_v2 ? "cgroup2" : "cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
                 h->is_v2 ? NULL : h->options);
    }
    do_mount(NULL, "sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
}

static void
make_devices(void)
{
    static const struct {
        const char *path;
        unsigned major, minor;
    } nodes[] = {
        {"dev/null", 1, 3}, {"dev/zero", 1, 5},   {"dev/full", 1, 7},
        {"dev/tty", 5, 0},  {"dev/random", 1, 8}, {"dev/urandom", 1, 9},
    };
    static const struct {
        const char *target, *path;
    } links[] = {
        {"/proc/self/fd", "dev/fd"},       {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"},
        {"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"},
    };

    for (size_t i = 0; i < LEN(nodes); i++)
        if (mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0)
            die("mknod %s", nodes[i].path);
    for (size_t i = 0; i < LEN(links); i++)
        if (symlink(links[i].target, links[i].path) < 0)
            die("symlink %s", links[i].path);
}

static void
make_mounts(const char *rootfs, const struct hierarchies *all)
{
    const unsigned long none = MS_NOSUID | MS_NODEV | MS_NOEXEC;

    do_mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
    do_mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL);
    if (chdir(rootfs) < 0)
        die("chdir %s", rootfs);
    do_mount("proc", "proc", "proc", none, NULL);
    do_mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
    if (mkdir("dev/pts", 0755) < 0 || mkdir("dev/shm", 0755) < 0 || mkdir("dev/mqueue", 0755) < 0)
        die("mkdir in dev");
    do_mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
    do_mount("shm", "dev/shm", "tmpfs", none, "mode=1777,size=65536k");
    do_mount("mqueue", "dev/mqueue", "mqueue", none, NULL);
    do_mount("sysfs", "sys", "sysfs", none | MS_RDONLY, NULL);
    mount_cgroups(all);
    make_devices();
}

/* The lists of `runc spec`. What this kernel has not is passed over, as there. */
static void
mask_paths(void)
{
    static const char *const masked[] = {
        "/proc/acpi",       "/proc/asound",      "/proc/kcore",       "/proc/keys",    "/proc/latency_stats",
        "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
    };
    static const char *const readonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

    for (size_t i = 0; i < LEN(masked); i++) {
        if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) == 0 || errno == ENOENT)
            continue;
        if (errno != ENOTDIR)
            die("mask %s", masked[i]);
        do_mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, NULL);
    }
    for (size_t i = 0; i < LEN(readonly); i++) {
        if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) < 0) {
            if (errno == ENOENT)
                continue;
            die("bind %s", readonly[i]);
        }
        do_mount(NULL, readonly[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    }
}

static void
pivot(void)
{
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        die("pivot_root");
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        die("detach the old root");
    mask_paths();
    do_mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
}

/* CAP_AUDIT_WRITE, CAP_KILL and CAP_NET_BIND_SERVICE, as `runc spec` keeps them. */
static void
drop_privileges(void)
{
    const uint64_t keep = 1U << CAP_AUDIT_WRITE | 1U << CAP_KILL | 1U << CAP_NET_BIND_SERVICE;
    const struct rlimit files = {1024, 1024};
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{.effective = (uint32_t)keep, .permitted = (uint32_t)keep}};

    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        die("setrlimit");
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (!(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            die("drop capability %d", cap);
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 ||
        syscall(SYS_setresuid, 0, 0, 0) < 0)
        die("set ids");
    if (syscall(SYS_capset, &header, data) < 0)
        die("capset");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        die("no_new_privs");
}

_Noreturn static void
child(const struct hierarchies *all, bool is_in_cgroup, const char *rootfs, char **argv)
{
    if (!is_in_cgroup) {
        for (size_t i = 0; i < all->count; i++)
            put(all->items[i].dir, all->items[i].is_v2 ? "cgroup.procs" : "tasks", "0");
        if (unshare(CLONE_NEWCGROUP) < 0)
            die("unshare cgroup");
    }
    if (setsid() < 0 || sethostname("floor", 5) < 0)
        die("setsid, sethostname");
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    loopback_up();
    make_mounts(rootfs, all);
    pivot();
    drop_privileges();
    if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0 && errno != ENOSYS)
        die("close_range");
    execv(argv[0], argv);
    die("exec %s", argv[0]);
}

/* ---- the parent ------------------------------------------------------------------------ */

static pid_t
spawn(struct hierarchies *all, const char *rootfs, char **argv)
{
    struct clone_args args = {
        .flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC,
        .exit_signal = SIGCHLD,
    };
    const bool is_v2 = all->count == 1 && all->items[0].is_v2;
    int dir_fd = -1;

    if (is_v2) {
        dir_fd = open(all->items[0].dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
            die("open %s", all->items[0].dir);
        args.flags |= CLONE_INTO_CGROUP | CLONE_NEWCGROUP;
        args.cgroup = (uint64_t)dir_fd;
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid < 0)
        die("clone3");
    if (pid == 0)
        child(all, is_v2, rootfs, argv);
    if (dir_fd >= 0)
        close(dir_fd);
    return pid;
}

/* The last task may still be leaving: EBUSY for a moment. */
static void
remove_cgroup(const char *dir)
{
    for (int tries = 0; rmdir(dir) < 0; tries++) {
        if (errno != EBUSY || tries == 1000)
            die("rmdir %s", dir);
        usleep(100);
    }
}

int
main(int argc, char **argv)
{
    static struct hierarchies all;
    int status;

    if (argc < 3) {
        fprintf(stderr, "usage: floor ROOTFS PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    find_hierarchies(&all);
    for (size_t i = 0; i < all.count; i++)
        make_cgroup(&all.items[i]);
    pid_t pid = spawn(&all, argv[1], argv + 2);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            die("wait");
    for (size_t i = 0; i < all.count; i++)
        remove_cgroup(all.items[i].dir);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
