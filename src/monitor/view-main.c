/*
 * sc-view [--must] RUN-DIR ROOT: see view.h. Run as a createRuntime hook, with the container's state on standard input:
 * makes the view in that container's mount namespace and ends, leaving the server behind. ROOT is where the container's
 * root is in there. Without --must a view that cannot be had is no failure.
 *
 * It is part of every start with a limit, so what can wait until somebody reads does, and what needs nothing of the
 * container is done while the kernel makes that: it goes on when standard input ends. When the view is there it says so
 * with a byte on standard input, and nobody waits for its end.
 *
 * sc-view --calls PID: see view-calls.c. Run by sc-monitor.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "monitor/view.h"

#define STATE_MAX  65536
#define PLACE      "proc/fs" /* a directory of every procfs, covered for a moment */
#define TARGET_MAX 64
#define BIND_COUNT ((size_t)SC_VIEW_FILE_COUNT + SC_VIEW_DIR_COUNT)

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif

struct view {
    pid_t pid;
    int pidfd, fuse_fd, mount_fd, dir_fd, ns_fd;
    struct sc_view_source source;
    int server_fd;          /* to the server, which is told whose view it is */
    bool has_copies;        /* the kernel makes them */
    int copies[BIND_COUNT]; /* mounts that are nowhere yet, or -1 */
};

/* ---- the mounts: in the container's mount namespace --------------------------------------------------------- */

/* The file system as a mount that is nowhere yet. */
static int
make_mount(int fuse_fd)
{
    sc_cleanup_fd fs = (int)syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC);
    char number[SC_NUM_MAX];
    const char *const options[][2] = {
        {"source", "sc-view"}, {"fd", number}, {"rootmode", "40555"}, {"user_id", "0"}, {"group_id", "0"}};
    int mount_fd;

    if (fs < 0)
        return -errno;
    (void)snprintf(number, sizeof(number), "%d", fuse_fd);
    for (size_t i = 0; i < SC_ARRAY_LEN(options); i++) {
        if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, options[i][0], options[i][1], 0) < 0)
            return -errno;
    }
    if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "allow_other", NULL, 0) < 0 ||
        syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    mount_fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
                            MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY);
    return mount_fd < 0 ? -errno : mount_fd;
}

static int
move_onto(int mount_fd, int target_fd)
{
    return syscall(SYS_move_mount, mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
               ? -errno
               : 0;
}

/* The file that is covered: of a procfs or a sysfs, or there is nothing to cover. No link is followed to it. */
static int
open_target(int root, const char *path)
{
    int fd = sc_path_open_plain(root, path, O_PATH);
    struct statfs fs;

    if (fd >= 0 && (fstatfs(fd, &fs) < 0 || (fs.f_type != PROC_SUPER_MAGIC && fs.f_type != SYSFS_MAGIC))) {
        close(fd);
        return -ENOENT;
    }
    return fd;
}

/* What is bound, by its name in the view, and over what; NULL: nothing. */
static const char *
bind_of(size_t i, char target[TARGET_MAX])
{
    if (i < SC_VIEW_FILE_COUNT) {
        (void)snprintf(target, TARGET_MAX, "%s", sc_view_files[i].target);
        return sc_view_files[i].name;
    }
    (void)snprintf(target, TARGET_MAX, SC_VIEW_SYS "/%s", sc_view_dirs[i - SC_VIEW_FILE_COUNT]);
    return sc_view_dirs[i - SC_VIEW_FILE_COUNT];
}

static bool
is_pressure(size_t i)
{
    return i >= SC_VIEW_PRESSURE_CPU && i <= SC_VIEW_PRESSURE_MEMORY;
}

/* Each of them as a mount that is nowhere yet: those that every view has, or those of pressure. One that is not moved
 * anywhere costs the wait for all CPUs of its end, so there are none too many. */
static int
make_copies(struct view *v, bool of_pressure)
{
    char target[TARGET_MAX];

    for (size_t i = 0; i < BIND_COUNT; i++) {
        const char *name = bind_of(i, target);

        if (!name || is_pressure(i) != of_pressure)
            continue;
        v->copies[i] = (int)syscall(SYS_open_tree, v->dir_fd, name, OPEN_TREE_CLONE | O_CLOEXEC);
        if (v->copies[i] < 0)
            return -errno;
    }
    return 0;
}

/* One listing makes the names known to the kernel, which would ask for each; its first part has them all. */
static int
list_root(struct view *v)
{
    char entries[4096];

    v->dir_fd = openat(v->mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (v->dir_fd < 0)
        return -errno;
    (void)syscall(SYS_getdents64, v->dir_fd, entries, sizeof(entries));
    return 0;
}

/* [in the container's mount namespace] */
static int
bind_each(const struct view *v, int root)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < BIND_COUNT; i++) {
        char target_path[TARGET_MAX];
        sc_cleanup_fd target = bind_of(i, target_path) && v->copies[i] >= 0 ? open_target(root, target_path) : -1;

        if (target >= 0)
            result = move_onto(v->copies[i], target);
    }
    return result;
}

/* Before Linux 6.15 nothing can be copied from a mount that is nowhere, so it is somewhere for a moment. */
static int
bind_from_place(struct view *v, int root)
{
    sc_cleanup_fd place = open_target(root, PLACE);
    int result = place < 0 ? place : move_onto(v->mount_fd, place);

    if (result < 0)
        return result;
    result = make_copies(v, false);
    if (result == 0 && sc_view_is_served(&v->source, SC_VIEW_PRESSURE_CPU))
        result = make_copies(v, true);
    if (result == 0)
        result = bind_each(v, root);
    if (fchdir(root) < 0)
        return -errno;
    /* the files stay where they are bound, the directory is not needed any more */
    (void)umount2(PLACE, MNT_DETACH | UMOUNT_NOFOLLOW); /* lint: checked above to be of a procfs */
    return result;
}

static int
mount_view(struct view *v, const char *root_path)
{
    sc_cleanup_fd root = -1;
    int result;

    if (setns(v->ns_fd, CLONE_NEWNS) < 0)
        return -errno;
    root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC); /* lint: ours, or where we put it ourselves */
    if (root < 0)
        return -errno;
    result = v->has_copies ? bind_each(v, root) : bind_from_place(v, root);
    if (result < 0 && fchdir(root) == 0)
        sc_view_uncover();
    return result;
}

/* ---- the server ------------------------------------------------------------------------------------------------ */

static _Noreturn void
serve(const struct view *v)
{
    sc_cleanup_fd null_fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* lint: the host's own */

    (void)!chdir("/"); /* lint: so that no file system of the caller stays busy */
    for (int i = 0; null_fd >= 0 && i <= 2; i++)
        (void)dup2(null_fd, i);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    _exit(sc_view_serve(v->fuse_fd, v->server_fd) < 0 ? 1 : 0);
}

/* For the monitor, which uncovers the real files when this process ends before the container does. */
static int
write_pid(const char *run_dir, pid_t pid, struct sc_err *err)
{
    sc_cleanup_fd dir = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC); /* lint: the engine's own */
    char number[SC_NUM_MAX];
    int len = snprintf(number, sizeof(number), "%d\n", (int)pid);
    sc_cleanup_fd fd = -1;

    if (dir >= 0)
        fd = openat(dir, SC_VIEW_PID_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || write(fd, number, (size_t)len) != len)
        return sc_err_errno(err, errno, "write \"%s/" SC_VIEW_PID_FILE "\"", run_dir);
    return 0;
}

/* ---- the hook ---------------------------------------------------------------------------------------------------- */

/* "pid" of the state, which is JSON of ours. */
static pid_t
read_pid(void)
{
    static char text[STATE_MAX + 1];
    ssize_t len = read(STDIN_FILENO, text, STATE_MAX);
    const char *at;

    text[len > 0 ? len : 0] = '\0';
    at = strstr(text, "\"pid\"");
    at = at ? strpbrk(at, "0123456789") : NULL;
    return at ? (pid_t)strtol(at, NULL, 10) : 0;
}

/* The server, which answers from now on; it learns later whose view it is. */
static int
begin_server(struct view *v, const char *run_dir, struct sc_err *err)
{
    int ends[2];
    pid_t child;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return sc_err_errno(err, errno, "make a socket pair");
    v->server_fd = ends[1];
    child = fork();
    /* It keeps the mount that is nowhere: to take it down means to wait for all CPUs (RCU), which nobody must then. */
    if (child == 0) {
        close(ends[0]);
        serve(v);
    }
    close(ends[1]);
    v->server_fd = ends[0];
    if (child < 0)
        return sc_err_errno(err, errno, "fork");
    sc_closep(&v->fuse_fd);
    return write_pid(run_dir, child, err);
}

/* What needs no container comes first: it is being made meanwhile. */
static int
prepare(struct view *v, const char *run_dir, struct sc_err *err)
{
    int result;

    v->fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC); /* lint: the host's own */
    if (v->fuse_fd < 0)
        return sc_err_errno(err, errno, "open /dev/fuse");
    v->mount_fd = make_mount(v->fuse_fd);
    if (v->mount_fd < 0)
        return sc_err_errno(err, -v->mount_fd, "make the view of /proc");
    if (begin_server(v, run_dir, err) < 0)
        return -1;
    result = list_root(v);
    if (result < 0)
        return sc_err_errno(err, -result, "list the view of /proc");
    v->has_copies = make_copies(v, false) == 0;
    return 0;
}

/* The server is told before anybody can read. Where the cgroups have no room it looks itself. */
static int
tell_server(const struct view *v, struct sc_err *err)
{
    struct sc_view_whose whose = {.pid = v->pid};

    if (v->source.cgroup_text && strlen(v->source.cgroup_text) < sizeof(whose.cgroup_text))
        (void)snprintf(whose.cgroup_text, sizeof(whose.cgroup_text), "%s", v->source.cgroup_text);
    return sc_msg_send(v->server_fd, &whose, sizeof(whose), &v->pidfd, 1, err);
}

/* Until the container has its mounts and its cgroups, which is when standard input ends; then what depends on them. */
static int
look(struct view *v, struct sc_err *err)
{
    char more[64], path[64];
    ssize_t len;

    v->pid = read_pid();
    if (v->pid <= 0)
        return sc_err_set(err, SC_ERR_INVALID, "no pid in the state on standard input");
    v->pidfd = sc_pidfd_open(v->pid, 0, err);
    if (v->pidfd < 0)
        return -1;
    sc_view_source_begin(v->pid, &v->source);
    do
        len = read(STDIN_FILENO, more, sizeof(more));
    while (len > 0 || (len < 0 && errno == EINTR));
    sc_view_source_look(&v->source);
    if (tell_server(v, err) < 0)
        return -1;
    if (v->has_copies && sc_view_is_served(&v->source, SC_VIEW_PRESSURE_CPU))
        v->has_copies = make_copies(v, true) == 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)v->pid);
    v->ns_fd = open(path, O_RDONLY | O_CLOEXEC); /* lint: the host's own /proc */
    return v->ns_fd < 0 ? sc_err_errno(err, errno, "open %s", path) : 0;
}

static int
run(const char *run_dir, const char *root_path, struct sc_err *err)
{
    struct view v = {.pidfd = -1, .fuse_fd = -1, .mount_fd = -1, .dir_fd = -1, .ns_fd = -1, .server_fd = -1};
    int result;

    for (size_t i = 0; i < BIND_COUNT; i++)
        v.copies[i] = -1;
    if (prepare(&v, run_dir, err) < 0 || look(&v, err) < 0)
        return -1;
    result = mount_view(&v, root_path);
    if (result < 0)
        return sc_err_errno(err, -result, "mount the view of /proc");
    (void)send(STDIN_FILENO, "", 1, MSG_NOSIGNAL);
    return 0;
}

static int
answer_calls(const char *pid)
{
    static struct sc_view_source source;
    void *at = mmap(NULL, sizeof(struct sc_calls_at), PROT_READ | PROT_WRITE, MAP_SHARED, SC_CALLS_MEM_FD, 0);

    if (at == MAP_FAILED)
        return 1;
    sc_view_source_begin((pid_t)strtol(pid, NULL, 10), &source);
    sc_view_source_look(&source);
    return sc_view_calls(SC_CALLS_SOCK_FD, at, &source) < 0;
}

int
main(int argc, char **argv)
{
    bool must = argc > 1 && strcmp(argv[1], "--must") == 0;
    struct sc_err err = SC_ERR_INIT;

    if (argc == 3 && strcmp(argv[1], "--calls") == 0)
        _exit(answer_calls(argv[2]));
    if (argc != (must ? 4 : 3)) {
        (void)dprintf(STDERR_FILENO, "sc-view: it is started by sc, not by hand\n");
        return 125;
    }
    /* No ordinary end: what a sanitizer looks for at one is not in the container's mount namespace. */
    if (run(argv[argc - 2], argv[argc - 1], &err) == 0 || !must)
        _exit(0);
    (void)dprintf(STDERR_FILENO, "sc-view: %s\n", err.msg);
    _exit(1);
}
