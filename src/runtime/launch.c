/* The launcher: runs the plan's host half, clones, listens to the child, and takes everything back when it fails. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/launch-priv.h"

#define STATE_PATH_MAX 64
#define FILES_MAX      (3 + SC_SLOTS_MAX + 32) /* streams, slots, and what else is open at once */

static void
executor_release(struct sc_executor *x)
{
    for (int i = 0; i < SC_SLOTS_MAX; i++)
        sc_closep(&x->slots[i]);
    sc_closep(&x->sock);
    sc_closep(&x->write_fd);
    if (x->times != NULL)
        munmap(x->times, x->plan->child.count * sizeof(*x->times));
    x->times = NULL;
}

static void
trace(const struct sc_executor *x, enum sc_phase phase, size_t index, int64_t nsec)
{
    if (x->how->explain && x->how->trace != NULL)
        x->how->trace(x->plan, phase, index, nsec, x->how->trace_data);
}

static void
trace_child(const struct sc_executor *x)
{
    for (size_t i = 0; x->times != NULL && i < x->plan->child.count && x->times[i] != 0; i++)
        trace(x, SC_PHASE_CHILD, i, x->times[i] >= 0 ? x->times[i] : -1);
}

int
sc_step_failed(const struct sc_plan *plan, enum sc_phase phase, size_t index, int errnum, struct sc_err *err)
{
    sc_cleanup_buf title = SC_BUF_INIT;

    sc_step_title(phase == SC_PHASE_CLONE ? &plan->clone : &sc_plan_list(plan, phase)->items[index], &title);
    sc_err_errno(err, errnum, "%s", sc_buf_str(&title));
    size_t len = strlen(err->msg);
    snprintf(err->msg + len, sizeof(err->msg) - len, " (step %zu of %zu)", sc_plan_step_number(plan, phase, index),
             sc_plan_step_count(plan));
    return -1;
}

static int
prepare_filter(struct sc_executor *x, struct sc_arena *arena, struct sc_err *err)
{
    for (size_t i = 0; i < x->plan->child.count; i++) {
        if (x->plan->child.items[i].op != SC_OP_SECCOMP)
            continue;
        if (sc_seccomp_get(x->plan->child.items[i].u.seccomp.profile, x->how->seccomp_cache_fd, arena, &x->filter,
                           err) < 0)
            return -1;
        x->has_filter = true;
    }
    return 0;
}

static int
run_list(struct sc_executor *x, enum sc_phase phase, size_t from, size_t to, struct sc_err *err)
{
    const struct sc_steps *list = sc_plan_list(x->plan, phase);

    for (size_t i = from; i < to; i++) {
        int64_t start = x->how->explain ? sc_time_monotonic() : 0;

        if (sc_launcher_step(x, &list->items[i], err) < 0) {
            if (x->how->step_failed != NULL)
                x->how->step_failed(&list->items[i], err);
            return -1;
        }
        trace(x, phase, i, x->how->explain ? sc_time_monotonic() - start : 0);
    }
    sc_closep(&x->write_fd);
    return 0;
}

int
sc_launch_explain(pid_t pid, const struct sc_oci_process *process, int errnum, struct sc_err *err)
{
    char path[STATE_PATH_MAX];

    snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
    /* lint: the kernel's own file or the program's, never a container's */
    sc_cleanup_fd root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root >= 0) {
        (void)sc_program_explain(root, process->args.items[0], &process->env, process->cwd, errnum, err);
    } else {
        sc_err_errno(err, errnum, "execute \"%s\"", process->args.items[0]);
        err->exit_code = errnum == ENOENT ? 127 : 126;
    }
    return -1;
}

static const char more_namespaces[] = "raise the limits in /proc/sys/user/max_*_namespaces";

/* What the errno alone does not tell. */
static void
explain_step(const struct sc_step *step, int errnum, struct sc_err *err)
{
    if (step->op == SC_OP_MOUNT && (errnum == ELOOP || errnum == ENOTDIR) &&
        (strcmp(step->u.mount.type, "proc") == 0 || strcmp(step->u.mount.type, "sysfs") == 0))
        (void)sc_err_remedy(err, "%s must be mounted on ordinary directory, no link of the image", step->u.mount.type);
    if (step->op == SC_OP_MOUNT_TREE && errnum == ENOTDIR)
        (void)sc_err_remedy(err, "a file is mounted on a file, a directory on a directory");
    if (step->op == SC_OP_PROPAGATION && step->u.propagation.path == NULL && errnum == EINVAL)
        (void)sc_err_remedy(err, "a chroot must be a mount point for this: mount --bind DIR DIR before chroot DIR");
    if (step->op == SC_OP_UNSHARE && (errnum == ENOSPC || errnum == EUSERS))
        (void)sc_err_remedy(err, "%s", more_namespaces);
    if (step->op == SC_OP_CALLS && errnum == EBUSY)
        (void)sc_err_remedy(err, "sc itself runs under a seccomp filter with a listener: the kernel allows one");
    if (step->op == SC_OP_SCHEDULER && errnum == EPERM && step->u.scheduler->policy == SCHED_DEADLINE)
        (void)sc_err_remedy(err, "process scheduler can't be used together with AllowedCPUs: a process with "
                                 "SCHED_DEADLINE must be free to run on every CPU (sched_setattr(2))");
}

static int
child_failed(const struct sc_executor *x, const struct sc_child_msg *msg, int output, struct sc_err *err)
{
    if (msg->step < 0 || (size_t)msg->step >= x->plan->child.count)
        return sc_err_errno(err, msg->errnum, "set up standard input and output");

    enum sc_op op = x->plan->child.items[msg->step].op;
    if (op == SC_OP_FIND_PROGRAM || op == SC_OP_EXEC)
        return sc_launch_explain(x->pid, x->plan->process, msg->errnum, err);
    if (op == SC_OP_HOOKS_CONTAINER || op == SC_OP_HOOKS_START)
        return sc_hook_failed(x->plan->child.items[msg->step].u.hooks.lists[0],
                              x->plan->child.items[msg->step].u.hooks.names[0], msg, output, err);
    (void)sc_step_failed(x->plan, SC_PHASE_CHILD, (size_t)msg->step, msg->errnum, err);
    explain_step(&x->plan->child.items[msg->step], msg->errnum, err);
    if (op == SC_OP_CWD)
        err->exit_code = 126; /* as Docker: the command is there but cannot be run so */
    if (x->how->step_failed != NULL)
        x->how->step_failed(&x->plan->child.items[msg->step], err);
    return -1;
}

static int
send_listener(const struct sc_executor *x, const struct sc_process *process, int number, struct sc_err *err)
{
    sc_cleanup_buf state = SC_BUF_INIT;
    const struct sc_oci_seccomp *profile = NULL;

    for (size_t i = 0; i < x->plan->child.count; i++)
        if (x->plan->child.items[i].op == SC_OP_SECCOMP)
            profile = x->plan->child.items[i].u.seccomp.profile;
    if (profile == NULL || profile->listener_path == NULL || x->how->state_with_pid == NULL)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "linux.seccomp: nobody listens here for SCMP_ACT_NOTIFY");
    if (x->how->state_with_pid(x->how->state_data, process->pid, &state, err) < 0)
        return -1;
    return sc_listener_send(profile, process->pid, process->pidfd, number, sc_buf_str(&state), err);
}

static int
give_calls(const struct sc_executor *x, const struct sc_process *process, int number, struct sc_err *err)
{
    int listener = sc_listener_fetch(process->pidfd, number, err);

    if (listener < 0)
        return -1;
    if (x->how->calls != NULL)
        return x->how->calls(x->how->calls_data, listener, err);
    close(listener);
    return sc_err_set(err, SC_ERR_INTERNAL, "nobody takes the listener of the calls that a view answers");
}

static void
hand_slot(const struct sc_executor *x, int slot, struct sc_handed *handed, int *fds)
{
    if (x->slots[slot] < 0)
        return;
    fds[handed->count] = x->slots[slot];
    handed->items[handed->count].slot = (uint8_t)slot;
    handed->items[handed->count++].is_plain = x->is_plain[slot];
}

/* What the child cannot have inherited goes after it. */
static int
run_beside(struct sc_executor *x, struct sc_err *err)
{
    const struct sc_steps *list = &x->plan->beside;
    struct sc_handed handed = {0};
    int fds[SC_MSG_FDS_MAX];
    bool has_cgroups = false;

    if (list->count == 0)
        return 0;
    if (run_list(x, SC_PHASE_BESIDE, 0, list->count, err) < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        has_cgroups = has_cgroups || list->items[i].op == SC_OP_CGROUP_CREATE;
        if (list->items[i].op == SC_OP_CGROUP_CREATE)
            hand_slot(x, list->items[i].slot + 1, &handed, fds);
        else if (list->items[i].op == SC_OP_TREE_OPEN)
            hand_slot(x, list->items[i].slot, &handed, fds);
    }
    if (!has_cgroups || sc_msg_send(x->sock, &handed, sizeof(handed), fds, handed.count, err) == 0)
        return 0;
    /* a child that has failed meanwhile says why to who listens */
    return err->kind == SC_ERR_PEER_DIED ? 0 : -1;
}

/* While the kernel makes the namespaces and the child mounts, a hook of the engine's own prepares. */
static int
begin_hook(struct sc_executor *x, struct sc_err *err)
{
    for (size_t i = 0; i < x->plan->after.count; i++) {
        const struct sc_step *step = &x->plan->after.items[i];
        const struct sc_oci_hook_list *list = step->op == SC_OP_HOOKS_RUNTIME ? step->u.hooks.lists[1] : NULL;

        if (list == NULL || list->count != 1 || !list->items[0].begins_early || step->u.hooks.lists[0]->count > 0)
            continue;
        return sc_hook_begin(list, step->u.hooks.names[1], x->how->hook_dir, &x->begun, err);
    }
    return 0;
}

/* It waits for the pid. */
static int
tell_hook(struct sc_executor *x, struct sc_err *err)
{
    sc_cleanup_buf state = SC_BUF_INIT;

    if (x->begun.pid <= 0)
        return 0;
    if (x->how->state_with_pid != NULL && x->how->state_with_pid(x->how->state_data, x->pid, &state, err) < 0)
        return -1;
    sc_hook_tell(&x->begun, sc_buf_str(&state));
    return 0;
}

/* A link is made without being asked for, while the child mounts; of what comes before it in the list, the id maps, the
 * child must have asked for the last. */
static int
run_ahead(struct sc_executor *x, size_t *done, struct sc_err *err)
{
    const struct sc_steps *list = &x->plan->after;

    while (*done < list->count &&
           (list->items[*done].op == SC_OP_NET_LINK || list->items[*done].op == SC_OP_NET_RATE)) {
        if (run_list(x, SC_PHASE_AFTER, *done, *done + 1, err) < 0)
            return -1;
        ++*done;
    }
    return 0;
}

/* The child waits for the next of the steps. */
static int
answer_wait(struct sc_executor *x, size_t *asked, size_t *done, struct sc_err *err)
{
    if (*asked >= x->plan->after.count)
        return sc_err_set(err, SC_ERR_INTERNAL, "the child waits for a step that the plan does not have");
    if (*asked == *done) {
        if (run_list(x, SC_PHASE_AFTER, *done, *done + 1, err) < 0)
            return -1;
        ++*done;
    }
    ++*asked;
    if (sc_msg_send(x->sock, "", 1, NULL, 0, err) < 0)
        return sc_err_wrap(err, "answer the container's first process");
    return run_ahead(x, done, err);
}

static int
child_died(const struct sc_executor *x, struct sc_err *err)
{
    sc_err_set(err, SC_ERR_PEER_DIED, "start the container: its first process died while it was made");
    return x->has_filter ? sc_err_remedy(err, "its seccomp profile must allow write, by which it says how far it is")
                         : -1;
}

/* Listens until the child has become the program, or waits at the gate, or failed. */
static int
follow_child(struct sc_executor *x, struct sc_process *out, struct sc_err *err)
{
    size_t asked = 0, done = 0; /* of the steps after */
    bool is_execing = false;

    if (run_ahead(x, &done, err) < 0)
        return -1;
    for (;;) {
        struct sc_child_msg msg = {0};
        int fd = -1;
        size_t count = 1;
        ssize_t len = sc_msg_recv(x->sock, &msg, sizeof(msg), &fd, &count, err);

        if (len < 0)
            return -1;
        if (len == 0 && is_execing)
            return 0;
        if (len == 0)
            return child_died(x, err);
        switch ((enum sc_child_msg_type)msg.type) {
        case SC_CHILD_WAIT:
            if (answer_wait(x, &asked, &done, err) < 0)
                return -1;
            break;
        case SC_CHILD_CONSOLE:
            sc_closep(&out->console_fd);
            out->console_fd = count == 1 ? fd : -1;
            break;
        case SC_CHILD_CREATED:
            /* without the answer the child would not stay: what nobody knows of must not wait for ever */
            return sc_msg_send(x->sock, "", 1, NULL, 0, err);
        case SC_CHILD_EXECING:
            is_execing = true;
            break;
        case SC_CHILD_LISTENER:
            if ((msg.op == SC_OP_CALLS ? give_calls(x, out, msg.step, err) : send_listener(x, out, msg.step, err)) <
                    0 ||
                sc_msg_send(x->sock, "", 1, NULL, 0, err) < 0)
                return -1;
            break;
        case SC_CHILD_FAILED: {
            sc_cleanup_fd output = count == 1 ? fd : -1;

            return child_failed(x, &msg, output, err);
        }
        }
    }
}

static int
start_child(struct sc_executor *x, struct sc_process *out, struct sc_err *err)
{
    int ends[2], pidfd = -1;
    int64_t start = x->how->explain ? sc_time_monotonic() : 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return sc_err_errno(err, errno, "make a socket pair");
    /* The child's end keeps out of the way of preserved descriptors. */
    int child_end = fcntl(ends[1], F_DUPFD_CLOEXEC, 3 + SC_SLOTS_MAX);
    close(ends[1]);
    if (child_end < 0) {
        int errnum = errno == EINVAL ? EMFILE : errno; /* above the limit of open files: fcntl(2) */

        close(ends[0]);
        return sc_err_errno(err, errnum, "duplicate a descriptor");
    }
    pid_t pid = sc_clone_child(x, &pidfd);
    if (pid == 0) {
        close(ends[0]);
        if (x->how->lock_fd >= 0)
            close(x->how->lock_fd);
        if (x->how->copy_fd >= 0)
            close(x->how->copy_fd);
        if (x->begun.pid > 0) /* its input ends with ours */
            close(x->begun.in);
        x->sock = child_end;
        sc_child_main(x);
    }
    close(child_end);
    x->sock = ends[0];
    if (pid < 0) {
        sc_step_failed(x->plan, SC_PHASE_CLONE, 0, -pid, err);
        if (pid == -ENOSPC || pid == -EUSERS)
            return sc_err_remedy(err, "%s", more_namespaces);
        if (pid == -EPERM)
            return sc_err_remedy(err,
                                 "this host lets only root make namespaces, or it is a chroot, where nobody makes one "
                                 "of users: `sc doctor` says what to do");
        return -1;
    }
    x->pid = out->pid = pid;
    out->pidfd = pidfd;
    if (x->plan->clone.u.clone.cgroup_slot >= 0)
        sc_holder_end(x);
    out->start_time = sc_process_start_time(pid);
    trace(x, SC_PHASE_CLONE, 0, x->how->explain ? sc_time_monotonic() - start : 0);
    return 0;
}

/* Where one cgroup of the name belongs to somebody, nothing may be killed; the others were made, or were empty. */
static void
remove_own_cgroups(const struct sc_executor *x, const struct sc_steps *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct sc_step *step = &list->items[i];
        struct sc_err ignored = SC_ERR_INIT;
        char dir[PATH_MAX];

        if (step->op != SC_OP_CGROUP_CREATE || x->slots[step->slot] < 0)
            continue;
        (void)snprintf(dir, sizeof(dir), "%s%s", step->u.cgroup.mount_point, step->u.cgroup.path);
        (void)!sc_cgroup_remove(dir, &ignored);
    }
}

/* Before the undo, which knows only of groups that are the container's alone. */
static void
remove_resctrl(const struct sc_executor *x)
{
    for (size_t i = 0; i < x->plan->before.count; i++) {
        const struct sc_step *step = &x->plan->before.items[i];

        if (step->op != SC_OP_RESCTRL || (!x->resctrl.has_made_group && !x->resctrl.has_made_monitor))
            continue;
        /* lint: a mount point of the host */
        sc_cleanup_fd root = open(step->u.resctrl.mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root >= 0)
            sc_resctrl_unmake(root, step->u.resctrl.group, &x->resctrl);
    }
}

static void
take_back(struct sc_executor *x, struct sc_process *process)
{
    struct sc_err ignored = SC_ERR_INIT;

    if (process->pid > 0) {
        kill(process->pid, SIGKILL);
        while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    sc_process_release(process);
    sc_hook_abandon(&x->begun);
    remove_resctrl(x);
    if (x->is_foreign) {
        remove_own_cgroups(x, &x->plan->before);
        remove_own_cgroups(x, &x->plan->beside);
    } else if (x->plan->undo != NULL && !x->plan->is_exec) {
        (void)!sc_undo_run(x->plan->undo, &ignored);
    }
}

static int
make_cgroups(struct sc_executor *x, enum sc_phase phase, struct sc_err *err)
{
    const struct sc_steps *list = sc_plan_list(x->plan, phase);

    for (size_t i = 0; i < list->count; i++) {
        enum sc_op op = list->items[i].op;

        if ((op == SC_OP_UNIT_START || (op >= SC_OP_CGROUP_CREATE && op <= SC_OP_CGROUP_OWNER)) &&
            run_list(x, phase, i, i + 1, err) < 0)
            return -1;
    }
    return 0;
}

int
sc_launch_into_cgroups(const struct sc_plan *plan, const struct sc_launch *how,
                       int (*with)(void *data, struct sc_err *err), void *data, struct sc_err *err)
{
    struct sc_executor x = {.plan = plan, .how = how, .sock = -1, .start_sock = -1, .write_fd = -1};
    struct sc_process none = SC_PROCESS_INIT;

    for (int i = 0; i < SC_SLOTS_MAX; i++)
        x.slots[i] = -1;
    int result = make_cgroups(&x, SC_PHASE_BEFORE, err);
    if (result == 0)
        result = make_cgroups(&x, SC_PHASE_BESIDE, err);
    if (result == 0)
        result = with(data, err);
    sc_holder_end(&x);
    if (result < 0)
        take_back(&x, &none);
    executor_release(&x);
    return result;
}

int
sc_launch_check_files(struct sc_err *err)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return sc_err_errno(err, errno, "read the limit of open files");
    if (limit.rlim_cur < FILES_MAX)
        return sc_err_errno(err, EMFILE, "make a container with at most %llu open files",
                            (unsigned long long)limit.rlim_cur);
    return 0;
}

int
sc_launch_run(const struct sc_plan *plan, const struct sc_launch *how, struct sc_process *out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_executor x = {.plan = plan,
                            .how = how,
                            .sock = -1,
                            .start_sock = -1,
                            .null_fd = -1,
                            .mask_fd = -1,
                            .node_dir = -1,
                            .names_udp = -1,
                            .names_tcp = -1,
                            .write_fd = -1};
    int result;

    *out = (struct sc_process)SC_PROCESS_INIT;
    for (int i = 0; i < SC_SLOTS_MAX; i++)
        x.slots[i] = -1;
    x.slots[SC_SLOT_PROC] = sc_proc_open();
    if (x.slots[SC_SLOT_PROC] < 0)
        return sc_err_errno(err, -x.slots[SC_SLOT_PROC], "open /proc");
    if (how->explain) {
        x.times = mmap(NULL, (plan->child.count + 1) * sizeof(*x.times), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (x.times == MAP_FAILED)
            x.times = NULL;
    }
    result = begin_hook(&x, err);
    if (result == 0)
        result = prepare_filter(&x, &arena, err);
    if (result == 0)
        result = run_list(&x, SC_PHASE_BEFORE, 0, plan->before.count, err);
    if (result == 0)
        result = start_child(&x, out, err);
    if (result == 0)
        result = tell_hook(&x, err);
    if (result == 0)
        result = run_beside(&x, err);
    if (result == 0 && how->record != NULL)
        result = how->record(how->record_data, out, err);
    if (how->copy_fd >= 0)
        close(how->copy_fd);
    if (result == 0)
        result = follow_child(&x, out, err);
    trace_child(&x);
    sc_holder_end(&x);
    out->names_udp = x.names_udp;
    out->names_tcp = x.names_tcp;
    if (result < 0)
        take_back(&x, out);
    sc_hook_reap(&x.begun);
    executor_release(&x);
    return result;
}

void
sc_process_release(struct sc_process *process)
{
    sc_closep(&process->pidfd);
    sc_closep(&process->console_fd);
    sc_closep(&process->names_udp);
    sc_closep(&process->names_tcp);
    process->pid = 0;
}
