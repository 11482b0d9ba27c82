/* The child's steps on itself: namespaces, ids, limits, privileges, the program. All [child]: no allocation, no stdio.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel/calls.h"
#include "runtime/launch-priv.h"

#define PASSWD_MAX (4 << 20)

static int
step_cgroup_join(struct sc_executor *x, const struct sc_step *step)
{
    return sc_child_result(write(x->slots[step->slot], "0", 1));
}

static int
step_resctrl_join(struct sc_executor *x, const struct sc_step *step)
{
    /* an exec in a container whose group was removed stays, as the container, in the default one */
    if (x->slots[step->slot] < 0)
        return 0;
    return sc_child_result(write(x->slots[step->slot], "0", 1));
}

static int
step_ns_join(struct sc_executor *x, const struct sc_step *step)
{
    int result = sc_ns_join(x->slots[step->slot], x->slots[SC_SLOT_PROC], step->u.ns.pid, step->u.ns.flags);

    if (result == 0 && (step->u.ns.flags & CLONE_NEWNS) != 0)
        /* lint: in the container's own root, after the change of root */
        x->slots[SC_SLOT_ROOT] = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return result;
}

/* Asks the launcher for the next `after` step and waits until it is done. */
static int
step_wait(struct sc_executor *x, const struct sc_step *step)
{
    char answer;
    const struct sc_child_msg msg = {.type = SC_CHILD_WAIT, .step = (int32_t)(step - x->plan->child.items)};
    int result = sc_child_send(x->sock, &msg, -1);

    if (result < 0)
        return result;
    ssize_t len = recv(x->sock, &answer, 1, 0);
    return len == 1 ? 0 : len < 0 ? -errno : -ECONNRESET;
}

static int
step_wait_cgroups(struct sc_executor *x, const struct sc_step *step)
{
    struct sc_handed handed;
    struct sc_err ignored = SC_ERR_INIT;
    int fds[SC_MSG_FDS_MAX];
    size_t count = SC_MSG_FDS_MAX;
    ssize_t len = sc_msg_recv(x->sock, &handed, sizeof(handed), fds, &count, &ignored);

    (void)step;
    if (len != (ssize_t)sizeof(handed) || count != handed.count)
        return -ECONNRESET;
    for (size_t i = 0; i < count; i++) {
        x->slots[handed.items[i].slot] = fds[i];
        x->is_plain[handed.items[i].slot] = handed.items[i].is_plain;
    }
    return 0;
}

static int
step_become_root(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    /* the container's processes share this user namespace: until execve none may look at our descriptors */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    /* EPERM: setgroups was given up with the map */
    if (syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
        return -errno;
    if (syscall(SYS_setresgid, step->u.ids.gid, step->u.ids.gid, step->u.ids.gid) < 0)
        return -errno;
    return sc_child_result(syscall(SYS_setresuid, step->u.ids.uid, step->u.ids.uid, step->u.ids.uid));
}

static int
step_unshare(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    return sc_child_result(unshare((int)step->u.ns.flags));
}

static int
step_time_offsets(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    return sc_ns_time_offsets(step->u.text.text);
}

static int
step_setsid(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    (void)step;
    return sc_child_result(setsid());
}

static int
step_keyring(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    return sc_keyring_join(step->u.text.text);
}

static int
step_hostname(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    return sc_child_result(step->op == SC_OP_HOSTNAME ? sethostname(step->u.text.text, strlen(step->u.text.text))
                                                      : setdomainname(step->u.text.text, strlen(step->u.text.text)));
}

static int
step_loopback(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    (void)step;
    return sc_ns_loopback_up();
}

static int
step_packet(struct sc_executor *x, const struct sc_step *step)
{
    return sc_packet_send(step->u.packet, x->pid, 0);
}

static int
step_hooks(struct sc_executor *x, const struct sc_step *step)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(step->u.hooks.lists); i++) {
        /* the bundle is not to be seen from inside any more when startContainer hooks run */
        bool is_start = step->op == SC_OP_HOOKS_START;
        int result = step->u.hooks.lists[i] != NULL
                         ? sc_child_hooks(x, step->u.hooks.lists[i], is_start ? NULL : x->how->hook_dir,
                                          is_start ? x->how->created_json : x->how->state_json)
                         : 0;

        if (result < 0)
            return result;
    }
    return 0;
}

/* The kernel keeps, for each network namespace that has looked at sys/net of a procfs, names of their own there, all in
 * one row of its hash table: beside a thousand containers a look at the host's takes a millisecond. So it is the
 * container's own /proc, where one has been mounted by now. */
static int
own_proc(struct sc_executor *x)
{
    int fd;

    if (x->own_proc == 0 && x->slots[SC_SLOT_ROOT] >= 0) {
        fd = sc_path_open_plain(x->slots[SC_SLOT_ROOT], "/proc", O_PATH | O_DIRECTORY);
        if (fd >= 0 && !sc_proc_is_root(fd)) {
            close(fd);
            fd = -1;
        }
        x->own_proc = fd >= 0 ? fd : -1;
    }
    return x->own_proc > 0 ? x->own_proc : x->slots[SC_SLOT_PROC];
}

static int
step_sysctl(struct sc_executor *x, const struct sc_step *step)
{
    return sc_proc_write(own_proc(x), step->u.text.text, step->u.text.value, strlen(step->u.text.value));
}

static int
step_label(struct sc_executor *x, const struct sc_step *step)
{
    char path[32] = "thread-self/attr/";
    size_t start = strlen(path);
    int result = -ENOENT;

    for (size_t i = 0; result == -ENOENT && i < SC_ARRAY_LEN(step->u.label.files); i++) {
        if (step->u.label.files[i] == NULL)
            break;
        memcpy(path + start, step->u.label.files[i], strlen(step->u.label.files[i]) + 1);
        result = sc_proc_write(x->slots[SC_SLOT_PROC], path, step->u.label.value, strlen(step->u.label.value));
    }
    return result;
}

static int
step_cwd(struct sc_executor *x, const struct sc_step *step)
{
    /* lint: in the container's own root, after the change of root */
    int root = x->plan->is_exec ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : x->slots[SC_SLOT_ROOT];
    char name[4096];
    int result, fd;

    if (root < 0)
        return -errno;
    /* exec must not leave a directory behind in a container that runs */
    fd = sc_path_open(root, step->u.text.text, O_PATH | O_DIRECTORY, 0);
    if (fd == -ENOENT && !x->plan->is_exec)
        fd = sc_path_make(root, step->u.text.text, false, 0755);
    if (fd < 0)
        return fd;
    result = sc_child_result(fchdir(fd));
    close(fd);
    /* CVE-2024-21626: a directory outside the root shows as "(unreachable)" */
    if (result == 0 && (syscall(SYS_getcwd, name, sizeof(name)) < 0 || name[0] != '/'))
        result = -EXDEV;
    return result;
}

/* Nothing there can be executed, which create must say and not only start. */
static bool
is_on_noexec(const char *path)
{
    struct statfs fs;

    /* lint: in the container's own root, after the change of root */
    return statfs(path, &fs) == 0 && (fs.f_flags & ST_NOEXEC) != 0;
}

static int
step_find_program(struct sc_executor *x, const struct sc_step *step)
{
    int result = -ENOENT;

    for (size_t i = 0; step->u.exec.candidates[i] != NULL; i++) {
        struct stat st;

        /* lint: in the container's own root, after the change of root */
        if (stat(step->u.exec.candidates[i], &st) < 0) {
            if (errno != ENOENT && errno != ENOTDIR)
                result = -errno;
            continue;
        }
        if (S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0 && !is_on_noexec(step->u.exec.candidates[i])) {
            x->candidate = i;
            return 0;
        }
        result = S_ISDIR(st.st_mode) ? -EISDIR : -EACCES;
    }
    return result;
}

/* What cannot be read says nothing: HOME is "/" then, as it was made. */
static int
step_home(struct sc_executor *x, const struct sc_step *step)
{
    /* lint: in the container's own root, after the change of root */
    int root = x->plan->is_exec ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : x->slots[SC_SLOT_ROOT];
    int fd = root < 0 ? -errno : sc_path_open_regular(x->slots[SC_SLOT_PROC], root, "/etc/passwd");
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size <= PASSWD_MAX) {
        char *text = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ssize_t len = text != MAP_FAILED ? read(fd, text, (size_t)st.st_size) : -1;

        if (len > 0)
            (void)sc_user_home(text, (size_t)len, step->u.home.uid, step->u.home.entry + strlen("HOME="), SC_HOME_MAX);
        if (text != MAP_FAILED)
            munmap(text, (size_t)st.st_size);
    }
    if (fd >= 0)
        close(fd);
    return 0;
}

static int
step_wait_start(struct sc_executor *x, const struct sc_step *step)
{
    char word;
    int result;

    (void)step;
    result = sc_child_send(x->sock, &(struct sc_child_msg){.type = SC_CHILD_CREATED}, -1);
    if (result < 0)
        return result;
    ssize_t len = recv(x->sock, &word, 1, 0);
    if (len != 1)
        return len < 0 ? -errno : -ECONNRESET;
    for (;;) {
        int fd = accept4(x->how->gate_fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0 && errno != EINTR)
            return -errno;
        if (fd >= 0 && recv(fd, &word, 1, 0) == 1) {
            x->start_sock = fd;
            break;
        }
        if (fd >= 0)
            close(fd);
    }
    /* from here on errors travel to whoever said start */
    if (dup3(x->start_sock, x->sock, O_CLOEXEC) < 0)
        return -errno;
    close(x->start_sock);
    close(x->how->gate_fd);
    return 0;
}

/* The container's /dev/null, and nothing that stands in its place: a pipe would hang who opens it, and a link lead
 * away. */
static int
open_null(void)
{
    struct stat st;
    /* lint: in the container's own root, after the change of root */
    int result = 0, fd = open("/dev/null", O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || fcntl(fd, F_SETFL, 0) < 0)
        result = -errno;
    else if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        result = -ENODEV;
    if (result < 0)
        close(fd);
    return result < 0 ? result : fd;
}

static int
step_null_fds(struct sc_executor *x, const struct sc_step *step)
{
    int result = 0, null_fd = -1;
    struct stat st;

    (void)x;
    (void)step;
    for (int i = 0; result >= 0 && i < 3; i++) {
        if (fstat(i, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
            continue;
        if (null_fd < 0)
            result = null_fd = open_null();
        if (result >= 0)
            result = sc_child_result(dup2(null_fd, i));
    }
    if (null_fd >= 0)
        close(null_fd);
    return result < 0 ? result : 0;
}

static int
step_close_fds(struct sc_executor *x, const struct sc_step *step)
{
    unsigned keep = 3 + (unsigned)step->u.number.value, sock = (unsigned)x->sock;

    /* The socket stays, close-on-exec, to tell of a failed execve: no path leads through a socket. */
    if (sock < keep)
        return -EBADF;
    /* first what is above: the procfs that an old kernel needs for it is below */
    int result = sc_fds_close(x->slots[SC_SLOT_PROC], sock + 1, ~0U);
    return result < 0 ? result : sc_fds_close(x->slots[SC_SLOT_PROC], keep, sock - 1);
}

static int
step_set_ids(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return -errno;
    /* raw calls: libc's versions signal every thread, and take locks, to do so */
    /* EPERM without groups to set: setgroups was given up for an unprivileged map, the caller's own groups stay */
    if (syscall(SYS_setgroups, step->u.ids.group_count, step->u.ids.groups) < 0 &&
        !(step->u.ids.may_keep_groups && step->u.ids.group_count == 0 && errno == EPERM))
        return -errno;
    if (syscall(SYS_setresgid, step->u.ids.gid, step->u.ids.gid, step->u.ids.gid) < 0)
        return -errno;
    if (syscall(SYS_setresuid, step->u.ids.uid, step->u.ids.uid, step->u.ids.uid) < 0)
        return -errno;
    return sc_child_result(prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0));
}

static int
step_umask(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    umask((mode_t)step->u.number.value);
    return 0;
}

static int
step_caps_bounding(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    return sc_caps_drop_bounding(step->u.caps.bounding);
}

static int
step_caps(struct sc_executor *x, const struct sc_step *step)
{
    int result;

    (void)x;
    result = sc_caps_set(step->u.caps.effective, step->u.caps.permitted, step->u.caps.inheritable);
    return result < 0 ? result : sc_caps_set_ambient(step->u.caps.ambient);
}

static int
step_no_new_privs(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    (void)step;
    return sc_child_result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

/* From here on a call may wait for who listens, who has nothing to listen to until the launcher has sent it this: only
 * write(2) is sure to work. The descriptor is close-on-exec. */
static int
tell_listener(const struct sc_executor *x, enum sc_op op, int listener)
{
    const struct sc_child_msg msg = {.type = SC_CHILD_LISTENER, .step = listener, .op = (int32_t)op};
    int result = sc_child_send(x->sock, &msg, -1);
    char answer;

    if (result < 0)
        return result;
    ssize_t len = read(x->sock, &answer, 1);
    return len == 1 ? 0 : len < 0 ? -errno : -ECONNRESET;
}

static int
step_calls(struct sc_executor *x, const struct sc_step *step)
{
    int listener = sc_calls_load();

    return listener < 0 ? listener : tell_listener(x, step->op, listener);
}

static int
step_seccomp(struct sc_executor *x, const struct sc_step *step)
{
    int result = sc_seccomp_load(&x->filter);

    if (result <= 0 || !x->filter.needs_listener)
        return result < 0 ? result : 0;
    return tell_listener(x, step->op, result);
}

static int
step_pdeathsig(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    (void)step;
    return sc_child_result(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
}

static int
step_exec(struct sc_executor *x, const struct sc_step *step)
{
    /* init's candidates list is itself; a program's is what FIND_PROGRAM found */
    size_t index = step->u.exec.candidates[0] == step->u.exec.argv[0] ? 0 : x->candidate;
    int result = sc_child_send(x->sock, &(struct sc_child_msg){.type = SC_CHILD_EXECING}, -1);

    if (result < 0)
        return result; /* nobody is there any more: do not run unsupervised */
    execve(step->u.exec.candidates[index], step->u.exec.argv, step->u.exec.envp);
    return -errno;
}

sc_child_fn
sc_child_process_executor(enum sc_op op)
{
    static const sc_child_fn table[SC_OP_COUNT] = {
        [SC_OP_RESCTRL_JOIN] = step_resctrl_join,
        [SC_OP_CGROUP_JOIN] = step_cgroup_join,
        [SC_OP_NS_JOIN] = step_ns_join,
        [SC_OP_WAIT_UNIT] = step_wait,
        [SC_OP_WAIT_CGROUPS] = step_wait_cgroups,
        [SC_OP_WAIT_MAPS] = step_wait,
        [SC_OP_WAIT_NET_DEVICES] = step_wait,
        [SC_OP_WAIT_HOOKS] = step_wait,
        [SC_OP_BECOME_ROOT] = step_become_root,
        [SC_OP_UNSHARE] = step_unshare,
        [SC_OP_TIME_OFFSETS] = step_time_offsets,
        [SC_OP_SETSID] = step_setsid,
        [SC_OP_KEYRING] = step_keyring,
        [SC_OP_HOSTNAME] = step_hostname,
        [SC_OP_DOMAINNAME] = step_hostname,
        [SC_OP_LOOPBACK_UP] = step_loopback,
        [SC_OP_WAIT_LINK] = step_wait,
        [SC_OP_NET_ADDRESS] = step_packet,
        [SC_OP_HOOKS_CONTAINER] = step_hooks,
        [SC_OP_HOOKS_START] = step_hooks,
        [SC_OP_SYSCTL] = step_sysctl,
        [SC_OP_LABEL] = step_label,
        [SC_OP_CWD] = step_cwd,
        [SC_OP_FIND_PROGRAM] = step_find_program,
        [SC_OP_HOME] = step_home,
        [SC_OP_WAIT_START] = step_wait_start,
        [SC_OP_NULL_FDS] = step_null_fds,
        [SC_OP_CLOSE_FDS] = step_close_fds,
        [SC_OP_SET_IDS] = step_set_ids,
        [SC_OP_UMASK] = step_umask,
        [SC_OP_CAPS_BOUNDING] = step_caps_bounding,
        [SC_OP_CAPS] = step_caps,
        [SC_OP_NO_NEW_PRIVS] = step_no_new_privs,
        [SC_OP_CALLS] = step_calls,
        [SC_OP_SECCOMP] = step_seccomp,
        [SC_OP_PDEATHSIG] = step_pdeathsig,
        [SC_OP_EXEC] = step_exec,
    };

    return table[op];
}
