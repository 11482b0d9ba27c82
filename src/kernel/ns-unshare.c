/* unshare(1): new namespaces for this process. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/nsfs.h"

/* ---- keeping them by a bind mount ------------------------------------------------------------------------------ */

static _Noreturn void
bind_when_told(int go, pid_t parent, const struct sc_ns_unshare *ask)
{
    char told, path[64];

    if (read(go, &told, 1) != 1)
        _exit(0); /* it gave up */
    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        const char *name = sc_ns_table[kind].proc_name;

        if (!ask->persist[kind])
            continue;
        /* the process itself is in neither of these two */
        if (kind == SC_NS_PID)
            name = "pid_for_children";
        (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)parent, name);
        if (mount(path, ask->persist[kind], NULL, MS_BIND, NULL) < 0) {
            int errnum = errno;

            while (--kind >= 0)
                if (ask->persist[kind])
                    (void)umount2(ask->persist[kind], MNT_DETACH);
            _exit(errnum);
        }
    }
    _exit(0);
}

/* It is forked before anything changes: only the old mount namespace can have the new one mounted in it. */
static int
binder_start(const struct sc_ns_unshare *ask, struct sc_ns_binder *binder, struct sc_err *err)
{
    pid_t self = getpid();
    bool is_needed = false;
    int ends[2];

    for (int kind = 0; kind < SC_NS_COUNT; kind++)
        is_needed = is_needed || ask->persist[kind];
    if (!is_needed)
        return 0;
    binder->ask = ask;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return sc_err_errno(err, errno, "make a pipe");
    binder->pid = fork();
    if (binder->pid == 0) {
        close(ends[1]);
        bind_when_told(ends[0], self, ask);
    }
    close(ends[0]);
    binder->go_fd = ends[1];
    return binder->pid < 0 ? sc_err_errno(err, errno, "fork") : 0;
}

int
sc_ns_bind(struct sc_ns_binder *binder, struct sc_err *err)
{
    sc_cleanup_buf files = SC_BUF_INIT;
    int status = 0;

    if (binder->pid <= 0)
        return 0;
    (void)!write(binder->go_fd, "g", 1);
    sc_closep(&binder->go_fd);
    while (waitpid(binder->pid, &status, 0) < 0 && errno == EINTR)
        ;
    binder->pid = -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        if (binder->ask->persist[kind])
            sc_buf_addf(&files, "%s\"%s\"", files.len ? ", " : "", binder->ask->persist[kind]);
    }
    sc_err_errno(err, WIFEXITED(status) ? WEXITSTATUS(status) : EINTR, "keep a namespace by a bind mount on %s",
                 sc_buf_str(&files));
    if (err->errnum == EINVAL)
        return sc_err_remedy(err,
                             "the file must be on a mount that is private (for --mount), and a pid namespace needs "
                             "--fork");
    return -1;
}

/* ---- entering them ------------------------------------------------------------------------------------------------
 */

static int
unshare_err(uint64_t flags, struct sc_err *err)
{
    int errnum = errno;

    sc_err_errno(err, errnum, "make the namespaces");
    if (errnum == EPERM && (flags & CLONE_NEWUSER) == 0)
        return sc_err_remedy(err, "without root a user namespace comes with them: -r, or --user");
    if (errnum == EPERM)
        return sc_err_remedy(err, "this host lets only root make user namespaces: see "
                                  "/proc/sys/kernel/unprivileged_userns_clone and "
                                  "/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
    if (errnum == ENOSPC)
        return sc_err_remedy(err, "raise the limit in /proc/sys/user/max_KIND_namespaces");
    if (errnum == EINVAL)
        return sc_err_remedy(err, "this kernel does not have one of the kinds: ls /proc/self/ns");
    return -1;
}

static int
write_setgroups(enum sc_setgroups how, struct sc_err *err)
{
    if (how == SC_SETGROUPS_LEAVE)
        return 0;
    return sc_file_write_at(AT_FDCWD, "/proc/self/setgroups", how == SC_SETGROUPS_DENY ? "deny" : "allow", err);
}

/* The two clocks' offsets; without any the namespace is only entered. */
static int
enter_time(const struct sc_ns_unshare *ask, struct sc_err *err)
{
    char text[128];
    int result;

    (void)snprintf(text, sizeof(text), "monotonic %" PRId64 " 0\nboottime %" PRId64 " 0\n", ask->monotonic.value,
                   ask->boottime.value);
    result = sc_ns_time_offsets(text);
    return result < 0
               ? sc_err_errno(err, -result, "make a time namespace with offsets of %" PRId64 " and %" PRId64 " seconds",
                              ask->monotonic.value, ask->boottime.value)
               : 0;
}

int
sc_ns_unshare(const struct sc_ns_unshare *ask, struct sc_ns_binder *binder, struct sc_err *err)
{
    uint64_t flags = ask->flags & ~(uint64_t)CLONE_NEWTIME;

    if (binder_start(ask, binder, err) < 0)
        return -1;
    if (ask->uid_map) {
        if (sc_idmap_enter(ask->uid_map, ask->gid_map, ask->how, err) < 0)
            return -1;
        flags &= ~(uint64_t)CLONE_NEWUSER;
    }
    if (flags != 0 && unshare((int)flags) < 0)
        return unshare_err(ask->flags, err);
    if (write_setgroups(ask->setgroups, err) < 0)
        return -1;
    return (ask->flags & CLONE_NEWTIME) != 0 ? enter_time(ask, err) : 0;
}

/* ---- the process that runs the program ----------------------------------------------------------------------------
 */

/* Capabilities of a new user namespace that are ambient survive the execve of a program with none of its own. */
static int
keep_caps(struct sc_err *err)
{
    uint64_t effective, permitted, inheritable;
    int result = sc_caps_get(&effective, &permitted, &inheritable);

    if (result == 0)
        result = sc_caps_set(effective, permitted, permitted);
    if (result == 0)
        result = sc_caps_set_ambient(permitted);
    return result < 0 ? sc_err_errno(err, -result, "keep the capabilities") : 0;
}

static int
set_ids(const struct sc_opt_i64 *uid, const struct sc_opt_i64 *gid, struct sc_err *err)
{
    if (gid->is_set) {
        /* EPERM: given up for good, as the maps of an unprivileged caller demand */
        if (setgroups(0, NULL) < 0 && errno != EPERM)
            return sc_err_errno(err, errno, "drop the supplementary groups");
        if (setgid((gid_t)gid->value) < 0)
            return sc_err_errno(err, errno, "become group %" PRId64, gid->value);
    }
    if (uid->is_set && setuid((uid_t)uid->value) < 0)
        return sc_err_errno(err, errno, "become user %" PRId64, uid->value);
    return 0;
}

static int
mount_proc(const char *dir, bool is_in_root, struct sc_err *err)
{
    /* so that the new /proc does not reach the namespace that this one came from */
    if (!is_in_root && mount("none", dir, NULL, MS_PRIVATE | MS_REC, NULL) < 0 && errno != EINVAL)
        return sc_err_errno(err, errno, "make \"%s\" private", dir);
    if (mount("proc", dir, "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) == 0)
        return 0;
    sc_err_errno(err, errno, "mount proc on \"%s\"", dir);
    if (err->errnum == EPERM)
        return sc_err_remedy(err, "it shows a pid namespace that is this user namespace's: add --pid --fork");
    return -1;
}

int
sc_ns_unshare_finish(const struct sc_ns_unshare *ask, struct sc_err *err)
{
    if ((ask->flags & CLONE_NEWNS) != 0 && ask->propagation != 0 &&
        mount("none", "/", NULL, ask->propagation, NULL) < 0)
        return sc_err_errno(err, errno, "change the propagation of the mounts");
    if (ask->root) {
        if (chroot(ask->root) < 0)
            return sc_err_errno(err, errno, "change the root to \"%s\"", ask->root);
        if (chdir("/") < 0)
            return sc_err_errno(err, errno, "change to the new root");
    }
    if (ask->proc_dir && mount_proc(ask->proc_dir, ask->root, err) < 0)
        return -1;
    if (ask->wd && chdir(ask->wd) < 0)
        return sc_err_errno(err, errno, "change to \"%s\"", ask->wd);
    if (set_ids(&ask->uid, &ask->gid, err) < 0)
        return -1;
    return ask->keeps_caps ? keep_caps(err) : 0;
}

/* ---- fork and wait --------------------------------------------------------------------------------------------------
 */

static void
block_signals(int how)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(how, &set, NULL);
}

int
sc_ns_fork(int kill_signal, pid_t *child, struct sc_err *err)
{
    pid_t parent = getpid();

    block_signals(SIG_BLOCK); /* they are for the program: what the terminal sends reaches it too */
    *child = fork();
    if (*child < 0) {
        sc_err_errno(err, errno, "fork");
        return err->errnum == ENOMEM
                   ? sc_err_remedy(err, "the first process of this pid namespace has ended: nobody can be born in it")
                   : -1;
    }
    if (*child > 0)
        return 1;
    block_signals(SIG_UNBLOCK);
    if (kill_signal != 0) {
        if (prctl(PR_SET_PDEATHSIG, kill_signal) < 0)
            return sc_err_errno(err, errno, "ask for signal %d at the parent's end", kill_signal);
        /* in a new pid namespace the parent is 0 either way */
        if (getppid() != 0 && getppid() != parent)
            (void)kill(getpid(), SIGKILL);
    }
    return 0;
}

int
sc_ns_await(pid_t child)
{
    int status;

    for (;;) {
        if (waitpid(child, &status, WUNTRACED) < 0) {
            if (errno == EINTR)
                continue;
            return 1;
        }
        if (!WIFSTOPPED(status))
            break;
        (void)kill(getpid(), SIGSTOP);
        (void)kill(child, SIGCONT);
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    (void)signal(WTERMSIG(status), SIG_DFL);
    block_signals(SIG_UNBLOCK);
    (void)kill(getpid(), WTERMSIG(status));
    return 128 + WTERMSIG(status); /* one that cannot end it */
}
