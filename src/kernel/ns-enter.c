/* nsenter(1): this process enters namespaces of another, or of files. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/nsfs.h"

struct doors {
    int ns[SC_NS_COUNT], root, wd;
};

static void
doors_close(struct doors *doors)
{
    for (int kind = 0; kind < SC_NS_COUNT; kind++)
        sc_closep(&doors->ns[kind]);
    sc_closep(&doors->root);
    sc_closep(&doors->wd);
}

static bool
is_own(int fd, int kind)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_ino == sc_nsfs_of(getpid(), kind);
}

static int
open_err(const char *path, pid_t pid, struct sc_err *err)
{
    int errnum = errno;

    sc_err_errno(err, errnum, "open \"%s\"", path);
    if (pid > 0 && (errnum == EACCES || errnum == EPERM))
        return sc_err_remedy(err, "the process is another user's: run as root");
    return -1;
}

static int
open_ns(const struct sc_ns_enter *ask, int kind, int *out, struct sc_err *err)
{
    char path[64];
    const char *file = ask->files[kind];

    if (!file && (ask->pid <= 0 || (ask->flags & sc_ns_table[kind].clone_flag) == 0))
        return 0;
    if (!file) {
        (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)ask->pid, sc_ns_table[kind].proc_name);
        file = path;
    }
    *out = open(file, O_RDONLY | O_CLOEXEC);
    if (*out < 0) {
        /* a kernel without the kind has nothing to enter when all are asked for */
        if (ask->skips_own && errno == ENOENT && access("/proc/self/ns/mnt", F_OK) == 0 && file == path)
            return 0;
        return open_err(file, file == path ? ask->pid : 0, err);
    }
    if (sc_ns_check_kind(*out, sc_ns_table[kind].clone_flag) < 0)
        return sc_err_set(err, SC_ERR_INVALID, "enter \"%s\": it is no %s namespace", file, sc_ns_table[kind].oci_name);
    /* a user namespace cannot be entered twice, and those that are the caller's need no privilege */
    if (ask->skips_own && is_own(*out, kind))
        sc_closep(out);
    return 0;
}

static int
open_dir(const char *given, bool is_taken, pid_t pid, const char *name, int *out, struct sc_err *err)
{
    char path[64];

    if (!given && !is_taken)
        return 0;
    if (!given) {
        (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
        given = path;
    }
    *out = open(given, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *out < 0 ? open_err(given, given == path ? pid : 0, err) : 0;
}

static int
join(int *fd, int kind, struct sc_err *err)
{
    if (setns(*fd, (int)sc_ns_table[kind].clone_flag) < 0)
        return sc_err_errno(err, errno, "enter the %s namespace", sc_ns_table[kind].oci_name);
    sc_closep(fd);
    return 0;
}

/* The user namespace comes first, as it gives the privilege for those it owns; or last, where leaving ours for it would
 * take the privilege that the others need. */
static int
join_all(struct doors *doors, struct sc_err *err)
{
    bool has_user = doors->ns[SC_NS_USER] >= 0;

    if (has_user && setns(doors->ns[SC_NS_USER], CLONE_NEWUSER) == 0)
        sc_closep(&doors->ns[SC_NS_USER]);
    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        if (kind != SC_NS_USER && doors->ns[kind] >= 0 && join(&doors->ns[kind], kind, err) < 0)
            return -1;
    }
    return doors->ns[SC_NS_USER] >= 0 ? join(&doors->ns[SC_NS_USER], SC_NS_USER, err) : 0;
}

static int
enter_root(struct doors *doors, struct sc_err *err)
{
    if (doors->root >= 0) {
        if (doors->wd < 0)
            doors->wd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (doors->wd < 0 || fchdir(doors->root) < 0 || chroot(".") < 0)
            return sc_err_errno(err, errno, "change the root");
    }
    if (doors->wd >= 0 && fchdir(doors->wd) < 0)
        return sc_err_errno(err, errno, "change the working directory");
    return 0;
}

int
sc_ns_enter(const struct sc_ns_enter *ask, bool *needs_fork, struct sc_err *err)
{
    struct doors doors = {.root = -1, .wd = -1};
    bool is_in_user, is_in_pid;
    int result = 0;

    for (int kind = 0; kind < SC_NS_COUNT; kind++)
        doors.ns[kind] = -1;
    for (int kind = 0; kind < SC_NS_COUNT && result == 0; kind++)
        result = open_ns(ask, kind, &doors.ns[kind], err);
    if (result == 0)
        result = open_dir(ask->root, ask->takes_root, ask->pid, "root", &doors.root, err);
    if (result == 0)
        result = open_dir(ask->wd, ask->takes_wd, ask->pid, "cwd", &doors.wd, err);
    is_in_user = doors.ns[SC_NS_USER] >= 0;
    is_in_pid = doors.ns[SC_NS_PID] >= 0;
    /* Possible either before or after; which, depends on both sides' maps. */
    if (result == 0 && is_in_user && !ask->keeps_credentials)
        (void)!setgroups(0, NULL);
    if (result == 0)
        result = join_all(&doors, err);
    if (result == 0)
        result = enter_root(&doors, err);
    doors_close(&doors);
    *needs_fork = is_in_pid;
    return result;
}

int
sc_ns_enter_finish(const struct sc_ns_enter *ask, struct sc_err *err)
{
    bool is_in_user = (ask->flags & CLONE_NEWUSER) != 0 || ask->files[SC_NS_USER];
    bool becomes_root = is_in_user && !ask->keeps_credentials;

    if (ask->wd_inside && chdir(ask->wd_inside) < 0)
        return sc_err_errno(err, errno, "change to \"%s\"", ask->wd_inside);
    if (ask->gid.is_set || becomes_root) {
        if (setgroups(0, NULL) < 0 && errno != EPERM)
            return sc_err_errno(err, errno, "drop the supplementary groups");
        if (setgid((gid_t)ask->gid.value) < 0)
            return sc_err_errno(err, errno, "become group %" PRId64, ask->gid.value);
    }
    if ((ask->uid.is_set || becomes_root) && setuid((uid_t)ask->uid.value) < 0)
        return sc_err_errno(err, errno, "become user %" PRId64, ask->uid.value);
    return 0;
}
