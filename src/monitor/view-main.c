/*
 * sc-view [--must] ROOT: see view.h. Run as a createRuntime hook, with the container's state on standard input: makes
 * the view in that container's mount namespace and ends, leaving guard and server behind. ROOT is where the container's
 * root is in there. Without --must a view that cannot be had is no failure.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "monitor/view.h"

#define STATE_MAX 65536
#define PLACE     "proc/fs" /* a directory of every procfs, covered for a moment */

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif

struct view {
    pid_t pid;
    int pidfd, fuse_fd, ns_fd;
    int go_fd; /* the server begins with a byte of it, and ends with its end */
    struct sc_view_source source;
    bool is_served[SC_VIEW_FILE_COUNT]; /* pressure only where the cgroup has it */
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

static int
bind_each(const struct view *v, int root, int view_fd)
{
    for (int i = 0; i < SC_VIEW_FILE_COUNT; i++) {
        sc_cleanup_fd target = open_target(root, sc_view_files[i].target), copy = -1;
        int result;

        if (target < 0 || !v->is_served[i])
            continue;
        copy = (int)syscall(SYS_open_tree, view_fd, sc_view_files[i].name, OPEN_TREE_CLONE | O_CLOEXEC);
        if (copy < 0)
            return -errno;
        result = move_onto(copy, target);
        if (result < 0)
            return result;
    }
    return 0;
}

/* Whatever of this kind covers one of the files, below the working directory. */
static void
uncover_all(void)
{
    for (int i = 0; i < SC_VIEW_FILE_COUNT; i++) {
        struct statfs fs;
        bool is_view;

        /* lint: in the container's own namespace; a dead file system does not even say what it is */
        is_view = statfs(sc_view_files[i].target, &fs) < 0 ? errno == ENOTCONN : fs.f_type == FUSE_SUPER_MAGIC;
        if (is_view)
            /* lint: in the container's own namespace, and only a file system of this kind */
            (void)umount2(sc_view_files[i].target, MNT_DETACH | UMOUNT_NOFOLLOW);
    }
}

static int
mount_view(const struct view *v, const char *root_path)
{
    sc_cleanup_fd root = -1, place = -1, mount_fd = -1, inside = -1;
    int result;

    if (setns(v->ns_fd, CLONE_NEWNS) < 0)
        return -errno;
    root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC); /* lint: ours, or where we put it ourselves */
    if (root < 0)
        return -errno;
    place = open_target(root, PLACE);
    if (place < 0)
        return place;
    mount_fd = make_mount(v->fuse_fd);
    if (mount_fd < 0)
        return mount_fd;
    (void)!write(v->go_fd, "g", 1); /* only now there is somebody to read from */
    result = move_onto(mount_fd, place);
    if (result < 0)
        return result;
    inside = openat(mount_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    result = inside < 0 ? -errno : bind_each(v, root, inside);
    if (fchdir(root) < 0)
        return -errno;
    /* the files stay where they are bound, the directory is not needed any more */
    (void)umount2(PLACE, MNT_DETACH | UMOUNT_NOFOLLOW); /* lint: checked above to be of a procfs */
    if (result < 0)
        uncover_all();
    return result;
}

/* ---- guard and server ------------------------------------------------------------------------------------------ */

/* The server is gone and the container is not: the real files again. */
static void
uncover(const struct view *v)
{
    sc_cleanup_fd ns = -1;
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)v->pid);
    ns = open(path, O_RDONLY | O_CLOEXEC); /* lint: the host's own /proc */
    /* still there, so it was that process which was opened */
    if (ns < 0 || syscall(SYS_pidfd_send_signal, v->pidfd, 0, NULL, 0) < 0 || setns(ns, CLONE_NEWNS) < 0 ||
        chdir("/") < 0) /* lint: the root of that namespace */
        return;
    uncover_all();
}

static void
detach(const char *name)
{
    sc_cleanup_fd null_fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* lint: the host's own */

    (void)setsid();
    (void)!chdir("/"); /* lint: so that no file system of the caller stays busy */
    for (int i = 0; null_fd >= 0 && i <= 2; i++)
        (void)dup2(null_fd, i);
    (void)prctl(PR_SET_NAME, name);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
}

static void
await_either(int one, int other)
{
    struct pollfd fds[] = {{.fd = one, .events = POLLIN}, {.fd = other, .events = POLLIN}};

    while (poll(fds, SC_ARRAY_LEN(fds), -1) < 0 && errno == EINTR)
        ;
}

static _Noreturn void
guard(struct view *v, int go)
{
    sc_cleanup_fd server_fd = -1;
    struct sc_err ignored = SC_ERR_INIT;
    int status = 0;
    pid_t server;

    detach("sc-view-guard");
    sc_closep(&v->ns_fd); /* it would keep the namespace alive, and with it the mounts that are waited for */
    server = fork();
    if (server == 0) {
        char told;

        (void)prctl(PR_SET_NAME, "sc-view");
        if (read(go, &told, 1) != 1)
            _exit(0);
        _exit(sc_view_serve(v->fuse_fd, &v->source) < 0 ? 1 : 0);
    }
    if (server < 0)
        _exit(1);
    /* Readers that wait for an answer get an error once nobody holds the device. */
    sc_closep(&v->fuse_fd);
    server_fd = sc_pidfd_open(server, 0, &ignored);
    await_either(server_fd, v->pidfd);
    /* the container has ended, whoever still holds its mount namespace: a server would wait for that */
    if (sc_pidfd_wait(v->pidfd, 0))
        (void)kill(server, SIGKILL);
    while (waitpid(server, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        uncover(v);
    _exit(0);
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

static int
prepare(struct view *v, struct sc_arena *arena, struct sc_err *err)
{
    char path[64];

    v->pid = read_pid();
    if (v->pid <= 0)
        return sc_err_set(err, SC_ERR_INVALID, "no pid in the state on standard input");
    v->pidfd = sc_pidfd_open(v->pid, 0, err);
    if (v->pidfd < 0 || sc_view_source_find(v->pid, arena, &v->source, err) < 0)
        return -1;
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)v->pid);
    v->ns_fd = open(path, O_RDONLY | O_CLOEXEC); /* lint: the host's own /proc */
    if (v->ns_fd < 0)
        return sc_err_errno(err, errno, "open %s", path);
    for (int i = 0; i < SC_VIEW_FILE_COUNT; i++) {
        sc_cleanup_buf text = SC_BUF_INIT;

        v->is_served[i] = sc_view_host_text(&v->source, (enum sc_view_file)i, &text);
    }
    v->fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC); /* lint: the host's own */
    return v->fuse_fd < 0 ? sc_err_errno(err, errno, "open /dev/fuse") : 0;
}

static int
run(const char *root_path, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct view v = {.pidfd = -1, .fuse_fd = -1, .ns_fd = -1, .go_fd = -1};
    pid_t child;
    int ends[2], result;

    if (prepare(&v, &arena, err) < 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return sc_err_errno(err, errno, "make a pipe");
    child = fork();
    if (child == 0) {
        close(ends[1]);
        guard(&v, ends[0]);
    }
    close(ends[0]);
    v.go_fd = ends[1];
    if (child < 0)
        return sc_err_errno(err, errno, "fork");
    result = mount_view(&v, root_path);
    return result < 0 ? sc_err_errno(err, -result, "mount the view of /proc") : 0;
}

int
main(int argc, char **argv)
{
    bool must = argc > 1 && strcmp(argv[1], "--must") == 0;
    struct sc_err err = SC_ERR_INIT;

    if (argc != (must ? 3 : 2)) {
        (void)dprintf(STDERR_FILENO, "sc-view: it is started by sc, not by hand\n");
        return 125;
    }
    if (run(argv[argc - 1], &err) == 0 || !must)
        return 0;
    (void)dprintf(STDERR_FILENO, "sc-view: %s\n", err.msg);
    return 1;
}
