/* The launcher's steps: cgroups, namespaces to join, bind sources, id maps, hooks outside. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/launch-priv.h"

#define NAMES_BACKLOG 16

typedef int (*launcher_fn)(struct sc_executor *x, const struct sc_step *step, struct sc_err *err);

/* ---- systemd ------------------------------------------------------------------------------------------------ */

void
sc_holder_end(struct sc_executor *x)
{
    if (x->holder <= 0)
        return;
    kill(x->holder, SIGKILL);
    while (waitpid(x->holder, NULL, 0) < 0 && errno == EINTR)
        ;
    x->holder = 0;
}

static int
step_unit_start(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    sc_cleanup_fd pidfd = -1;
    pid_t launcher = getpid(), pid = sc_clone3(0, -1, &pidfd);

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == launcher)
            pause();
        _exit(0);
    }
    if (pid < 0)
        return sc_err_errno(err, -pid, "fork");
    x->holder = pid;
    if (sc_systemd_start(step->u.unit.is_user, step->u.unit.unit->name, &step->u.unit.unit->properties, pid, err) == 0)
        return 0;
    x->is_foreign = err->kind == SC_ERR_EXISTS;
    return -1;
}

static int
step_unit_attach(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    if (sc_systemd_attach(step->u.unit.is_user, step->u.unit.unit->name, x->pid, err) < 0)
        return -1;
    sc_holder_end(x);
    return 0;
}

/* ---- resctrl ------------------------------------------------------------------------------------------------- */

static int
step_resctrl(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    /* lint: a mount point of the host */
    sc_cleanup_fd root = open(step->u.resctrl.mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return sc_err_errno(err, errno, "open \"%s\"", step->u.resctrl.mount_point);
    if (sc_resctrl_make(root, step->u.resctrl.group, &x->resctrl, err) < 0) {
        x->is_foreign = err->kind == SC_ERR_EXISTS;
        return -1;
    }
    x->slots[step->slot] = x->resctrl.tasks;
    x->slots[step->slot + 1] = x->resctrl.monitor_tasks;
    return 0;
}

/* ---- cgroups ------------------------------------------------------------------------------------------------- */

static int
open_tasks(struct sc_executor *x, const struct sc_step *step, const char *path, struct sc_err *err)
{
    if (step->u.cgroup.is_v2)
        return 0;
    x->slots[step->slot + 1] = openat(x->slots[step->slot], "tasks", O_WRONLY | O_CLOEXEC);
    return x->slots[step->slot + 1] >= 0
               ? 0
               : sc_err_errno(err, errno, "open \"%s%s/tasks\"", step->u.cgroup.mount_point, path);
}

static int
step_cgroup_create(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    const struct sc_cgroup_layout *layout = x->how->cgroups;
    bool was_created = false;
    int fd = sc_cgroup_create(layout, step->u.cgroup.hierarchy, step->u.cgroup.path, step->u.cgroup.need_controllers,
                              step->u.cgroup.may_exist, &was_created, err);

    if (fd < 0) {
        x->is_foreign = err->kind == SC_ERR_BUSY;
        return -1;
    }
    x->slots[step->slot] = fd;
    return open_tasks(x, step, step->u.cgroup.path, err);
}

static int
step_cgroup_open(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    int fd = sc_cgroup_open(step->u.cgroup.mount_point, step->u.cgroup.path, err);

    if (fd < 0)
        return -1;
    x->slots[step->slot] = fd;
    if (step->u.cgroup.is_v2)
        return sc_cgroup_beside(&x->slots[step->slot], step->u.cgroup.beside, err);
    int tasks = openat(fd, "tasks", O_WRONLY | O_CLOEXEC);
    if (tasks < 0)
        return sc_err_errno(err, errno, "open \"%s/tasks\"", step->u.cgroup.mount_point);
    x->slots[step->slot + 1] = tasks;
    return 0;
}

static int
step_cgroup_write(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    int fd = x->slots[step->slot];
    const char *file = step->u.cgroup_write.file;

    if (step->u.cgroup_write.is_optional)
        return sc_cgroup_write_optional(fd, file, step->u.cgroup_write.value, err);
    /* a list of devices is a dozen values of one file */
    if (x->write_fd >= 0 && (x->written->slot != step->slot || strcmp(x->written->u.cgroup_write.file, file) != 0))
        sc_closep(&x->write_fd);
    x->written = step;
    return sc_cgroup_write_more(&x->write_fd, fd, file, step->u.cgroup_write.value, err);
}

static int
step_cgroup_devices(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    return sc_cgroup_device_attach(x->slots[step->slot], step->u.devices.insns, step->u.devices.insn_count, err);
}

static int
step_cgroup_owner(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    return sc_cgroup_give(x->slots[step->slot], step->u.cgroup_owner.uid, err);
}

static int
step_ns_open(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    /* lint: the host's, as the caller's configuration names it */
    int fd = open(step->u.ns.path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return sc_err_errno(err, errno, "open namespace \"%s\"", step->u.ns.path);
    x->slots[step->slot] = fd;
    if (sc_ns_check_kind(fd, sc_ns_table[step->u.ns.kind].clone_flag) < 0)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\" is not a %s namespace", step->u.ns.path,
                          sc_ns_table[step->u.ns.kind].oci_name);
    return 0;
}

static int
step_pidfd_open(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    x->slots[step->slot] = sc_pidfd_open(step->u.ns.pid, step->u.ns.start_time, err);
    return x->slots[step->slot] < 0 ? -1 : 0;
}

static int
step_root_open(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/root", (int)step->u.ns.pid);
    /* lint: the kernel's own link to the root of the container's first process */
    x->slots[step->slot] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (x->slots[step->slot] < 0)
        return sc_err_errno(err, errno, "open the container's root");
    /* still its own: the pid cannot have come to mean another before this */
    if (!sc_process_is_alive(step->u.ns.pid, step->u.ns.start_time))
        return sc_err_set(err, SC_ERR_BUSY, "open the container's root: container not running");
    return 0;
}

static int
step_ns_join(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    int result;

    /* The child is born in the container's user and pid namespace: its processes may not look into it, nor through it
     * at us. */
    if ((step->u.ns.flags & CLONE_NEWUSER) != 0)
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    result = sc_ns_join(x->slots[step->slot], x->slots[SC_SLOT_PROC], step->u.ns.pid, step->u.ns.flags);
    if (result == 0)
        return 0;
    return sc_err_errno(err, -result, "join namespace %s",
                        step->u.ns.path != NULL ? step->u.ns.path : "of the container");
}

static int
step_idmap_ns(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    x->slots[step->slot] = sc_idmap_ns_create(step->u.idmap.uid_map, step->u.idmap.gid_map, err);
    return x->slots[step->slot] < 0 ? -1 : 0;
}

static int
step_tree_open(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    int fd = sc_tree_open_step(step, x->slots, &x->is_plain[step->slot]);

    if (fd < 0) {
        sc_err_errno(err, -fd, "bind \"%s\" on \"%s\"", step->u.tree.source, step->u.tree.destination);
        if (fd == -EXDEV && step->u.tree.must_be_proc)
            return sc_err_remedy(err, "only a procfs may be bound on /proc");
        if (fd == -ENOSYS)
            return sc_err_remedy(err, "recursive options and id maps of a bind need mount_setattr: Linux 5.12");
        if (fd == -ENOSPC) /* a detached mount has a namespace of its own */
            return sc_err_remedy(err, "raise /proc/sys/user/max_mnt_namespaces, or /proc/sys/fs/mount-max");
        return fd == -ENOENT ? sc_err_remedy(err, "the source must exist on the host") : -1;
    }
    x->slots[step->slot] = fd;
    return 0;
}

/* ---- overlay of idmapped layers -------------------------------------------------------------------------- */

/* Overlay takes layers by path in the caller's mount namespace, and an idmapped mount must be attached to have one. A
 * short-lived process does that in a mount namespace of its own, so that nothing shows on the host. */
static int
overlay_in_helper(const struct sc_step *step, int user_ns, int *errnum)
{
    const struct sc_overlay *o = step->u.overlay.overlay;
    struct sc_step idmapped = *step;
    struct sc_overlay copy = *o;
    bool is_attached = false;

    /* lint: the host's, as the caller's configuration names it */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0) {
        *errnum = errno;
        return -1;
    }
    /* Each layer is covered by an idmapped mount of itself. Not the upper directory: overlay makes files there with the
     * ids of who mounts it, root, which the container's maps do not have; so it holds the shifted ids, and belongs to
     * this container alone. */
    for (size_t i = 0; i < o->lowerdirs.count; i++) {
        const char *path = o->lowerdirs.items[i];

        if (i < o->images.count && o->images.items[i][0] != '\0') {
            *errnum = -sc_mount_layer(o->images.items[i], o->mounts != NULL ? o->mounts[i] : -1, path, user_ns);
            if (*errnum != 0)
                return -1;
            continue;
        }
        /* lint: the host's, as the caller's configuration names it */
        int target = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        /* lint: the host's, as the caller's configuration names it */
        int tree = target >= 0 ? sc_mount_tree_open(AT_FDCWD, path, false) : -errno;
        int result = tree < 0 ? tree : sc_mount_idmap(tree, false, user_ns);

        if (result == 0)
            result = sc_mount_move(tree, target);
        if (result < 0) {
            *errnum = -result;
            return -1;
        }
    }
    copy.images.count = 0;
    idmapped.u.overlay.overlay = &copy;
    int fd = sc_overlay_step(&idmapped, &is_attached);
    if (fd >= 0 && is_attached)
        fd = sc_mount_tree_open(fd, "", false);
    *errnum = fd < 0 ? -fd : 0;
    return fd < 0 ? -1 : fd;
}

static int
step_overlay(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    int ends[2], fd = -1, pidfd = -1;
    size_t count = 1;
    int32_t answer = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return sc_err_errno(err, errno, "make a socket pair");
    pid_t pid = sc_clone3(0, -1, &pidfd);
    if (pid == 0) {
        struct sc_err ignored = SC_ERR_INIT;
        int errnum = 0, tree = overlay_in_helper(step, x->slots[step->u.overlay.idmap_slot], &errnum);

        answer = errnum;
        (void)!sc_msg_send(ends[1], &answer, sizeof(answer), &tree, tree >= 0 ? 1 : 0, &ignored);
        _exit(0);
    }
    close(ends[1]);
    int result = -1;
    if (pid < 0)
        sc_err_errno(err, -pid, "fork");
    else if (sc_msg_recv(ends[0], &answer, sizeof(answer), &fd, &count, err) < 0)
        sc_err_wrap(err, "mount overlay");
    else if (count == 0 || answer != 0)
        sc_err_errno(err, answer != 0 ? answer : EPROTO, "mount overlay of idmapped layers");
    else
        result = 0;
    close(ends[0]);
    if (pid > 0) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        close(pidfd);
    }
    if (result == 0)
        x->slots[SC_SLOT_ROOT] = fd;
    return result;
}

/* ---- after the clone --------------------------------------------------------------------------------------- */

static int
step_idmap_write(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    return sc_idmap_write(x->pid, step->u.idmap.uid_map, step->u.idmap.gid_map, step->u.idmap.how, err);
}

static int
step_hooks(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    sc_cleanup_buf state = SC_BUF_INIT;

    if (x->begun.pid > 0)
        return sc_hook_finish(step->u.hooks.lists[1], step->u.hooks.names[1], &x->begun, err);
    if (x->how->state_with_pid != NULL && x->how->state_with_pid(x->how->state_data, x->pid, &state, err) < 0)
        return -1;
    for (size_t i = 0; i < SC_ARRAY_LEN(step->u.hooks.lists); i++)
        if (step->u.hooks.lists[i] != NULL &&
            sc_hooks_run(step->u.hooks.lists[i], step->u.hooks.names[i], x->how->hook_dir, sc_buf_str(&state), err) < 0)
            return -1;
    return 0;
}

static int
step_affinity(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    int result = sc_affinity_set(step->u.text.text);

    (void)x;
    return result < 0 ? sc_err_errno(err, -result, "run on CPUs %s", step->u.text.text) : 0;
}

static int
step_net_devices(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)x->pid);
    /* lint: the kernel's own file */
    sc_cleanup_fd netns = open(path, O_RDONLY | O_CLOEXEC);
    if (netns < 0)
        return sc_err_errno(err, errno, "open the container's network namespace");
    for (size_t i = 0; i < step->u.net_devices.count; i++) {
        const struct sc_oci_net_device *d = &step->u.net_devices.items[i];

        if (sc_net_device_move(d->host_name, d->name != NULL ? d->name : d->host_name, netns, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- networks ---------------------------------------------------------------------------------------------- */

static int
step_packet(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    int result = sc_packet_send(step->u.packet, x->pid, 0);

    if (result >= 0)
        return 0;
    sc_err_errno(err, -result, "%s", step->u.packet->title);
    return step->u.packet->needs != NULL && (result == -ENOENT || result == -EOPNOTSUPP)
               ? sc_err_remedy(err, "the kernel must have %s", step->u.packet->needs)
               : -1;
}

/* The socket on which questions wait; *fd stays -1 where it cannot be made. 0 or -errno. */
static int
bind_names(int type, uint16_t port, int *fd)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr(SC_NAMES_ADDRESS)};
    sc_cleanup_fd sock = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    if (sock < 0 || bind(sock, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        (type == SOCK_STREAM && listen(sock, NAMES_BACKLOG) < 0))
        return -errno;
    sc_closep(fd);
    *fd = sc_steal_fd(&sock);
    return 0;
}

int
sc_names_open(struct sc_net_packet *packet, int *udp, int *tcp)
{
    int result = bind_names(SOCK_DGRAM, SC_NAMES_PORT, udp);

    if (result == 0)
        result = bind_names(SOCK_STREAM, SC_NAMES_PORT, tcp);
    if (result == 0)
        result = sc_packet_send(packet, 0, 0);
    /* A kernel without such rules (nf_tables of inet): then port 53 itself is taken, and the container cannot have it.
     */
    if (result == -EOPNOTSUPP || result == -EPROTONOSUPPORT || result == -EAFNOSUPPORT || result == -ENOENT ||
        result == -EINVAL) {
        result = bind_names(SOCK_DGRAM, SC_NAMES_DNS, udp);
        if (result == 0)
            result = bind_names(SOCK_STREAM, SC_NAMES_DNS, tcp);
    }
    return result;
}

static int
step_names(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    sc_cleanup_fd own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there = -1; /* lint: the kernel's own */
    char path[64];
    int result;

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)x->pid);
    there = open(path, O_RDONLY | O_CLOEXEC); /* lint: the kernel's own */
    if (own < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
        return sc_err_errno(err, errno, "enter the container's network namespace");
    /* The child does it too, perhaps later than this; the address is there with it. */
    result = sc_ns_loopback_up();
    if (result == 0)
        result = sc_names_open(step->u.packet, &x->names_udp, &x->names_tcp);
    if (setns(own, CLONE_NEWNET) < 0)
        SC_BUG("our own network namespace is closed to us");
    return result < 0 ? sc_err_errno(err, -result, "%s", step->u.packet->title) : 0;
}

static const launcher_fn launcher_table[SC_OP_COUNT] = {
    [SC_OP_UNIT_START] = step_unit_start,
    [SC_OP_UNIT_ATTACH] = step_unit_attach,
    [SC_OP_RESCTRL] = step_resctrl,
    [SC_OP_CGROUP_CREATE] = step_cgroup_create,
    [SC_OP_CGROUP_OPEN] = step_cgroup_open,
    [SC_OP_CGROUP_WRITE] = step_cgroup_write,
    [SC_OP_CGROUP_DEVICES] = step_cgroup_devices,
    [SC_OP_CGROUP_OWNER] = step_cgroup_owner,
    [SC_OP_NS_OPEN] = step_ns_open,
    [SC_OP_PIDFD_OPEN] = step_pidfd_open,
    [SC_OP_ROOT_OPEN] = step_root_open,
    [SC_OP_NS_JOIN] = step_ns_join,
    [SC_OP_IDMAP_NS] = step_idmap_ns,
    [SC_OP_TREE_OPEN] = step_tree_open,
    [SC_OP_OVERLAY] = step_overlay,
    [SC_OP_IDMAP_WRITE] = step_idmap_write,
    [SC_OP_AFFINITY] = step_affinity,
    [SC_OP_NET_DEVICES] = step_net_devices,
    [SC_OP_NET_PUBLISH] = step_packet,
    [SC_OP_NET_LINK] = step_packet,
    [SC_OP_NET_RATE] = step_packet,
    [SC_OP_NET_NAMES] = step_names,
    [SC_OP_HOOKS_RUNTIME] = step_hooks,
};

bool
sc_launcher_has_op(enum sc_op op)
{
    return launcher_table[op] != NULL;
}

int
sc_launcher_step(struct sc_executor *x, const struct sc_step *step, struct sc_err *err)
{
    return launcher_table[step->op](x, step, err);
}
