/* start, the caller's half: everything that can go wrong before the container exists, then a fork and its first
 * message. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine-priv.h"
#include "rootfs/rootfs.h"
#include "kernel/seccomp.h"

#define SETTLE_MS 10000 /* for a monitor that is cleaning up */
#define LOOK_MS   100

/* What the fork shares: the descriptors of one start. */
struct start {
    struct sc_engine *engine;
    struct sc_container *container;
    struct sc_start_job *job;
    struct sc_arena *arena;
    const struct sc_start_options *how;
    bool is_fresh; /* created by this very command, lock kept */
    char *monitor_path;
    int lock, data, run, listen, ours, theirs, seccomp;
};

static void
start_release(struct start *start)
{
    sc_closep(&start->lock);
    sc_closep(&start->data);
    sc_closep(&start->run);
    sc_closep(&start->listen);
    sc_closep(&start->ours);
    sc_closep(&start->theirs);
    sc_closep(&start->seccomp);
}
#define sc_cleanup_start __attribute__((cleanup(start_release))) struct start

/* A start by hand ends a wait for one; the one that has waited looks whether it still is to start it. */
static int
take_over(struct start *start, struct sc_err *err)
{
    const struct sc_container *c = start->container;

    start->data = sc_engine_data_dir(start->engine, c->id, err);
    start->run = start->data < 0 ? -1 : sc_engine_run_dir(start->engine, c->id, err);
    if (start->run < 0)
        return -1;
    if (start->how->again)
        return sc_restart_check(c, start->data, start->run, err) < 0
                   ? sc_err_wrap(err, "restart container \"%s\"", c->name)
                   : 0;
    if (sc_restart_cancel(start->run, err) < 0)
        return -1;
    sc_restart_unmark_stopped(start->data, start->run);
    return 0;
}

static int
take_lock(struct start *start, struct sc_err *err)
{
    struct sc_container *c = start->container;
    struct sc_container now = SC_CONTAINER_INIT;
    struct sc_err busy = SC_ERR_INIT;
    bool is_gone = false;

    start->is_fresh = c->lock_fd >= 0;
    if (start->is_fresh) {
        start->lock = sc_steal_fd(&c->lock_fd);
        return 0;
    }
    for (int left = SETTLE_MS; start->lock < 0; left -= LOOK_MS) {
        start->lock = sc_engine_lock(start->engine, c->id, left == SETTLE_MS ? 0 : LOOK_MS, &busy);
        if (start->lock >= 0)
            break;
        /* its monitor cleans up, or another start has it */
        if (sc_engine_load(start->engine, c->id, start->arena, &now, err) < 0)
            return -1;
        if (now.status == SC_STATUS_RUNNING || now.status == SC_STATUS_PAUSED)
            return sc_err_set(err, SC_ERR_BUSY, "container \"%s\" is already running", now.name);
        if (busy.kind != SC_ERR_BUSY || left <= 0) {
            *err = busy;
            return -1;
        }
    }
    if (sc_engine_recover(start->engine, c->id, false, &is_gone, err) < 0)
        return -1;
    return is_gone ? sc_err_set(err, SC_ERR_NOT_FOUND, "no such container: \"%s\"", c->name) : take_over(start, err);
}

/* config.json: for people and tools; a start does not read it. */
static int
write_config(struct start *start, struct sc_err *err)
{
    struct sc_oci_spec spec = start->job->spec;
    sc_cleanup_buf text = SC_BUF_INIT;

    if (start->is_fresh && start->container->is_rm)
        return 0;
    if (sc_seccomp_expand(&spec.linux_.seccomp, start->arena, err) < 0 || sc_oci_encode(&spec, &text, err) < 0)
        return sc_err_wrap(err, "write config.json");
    return sc_file_replace_at(start->data, "config.json", text.data, text.len, 0600, SC_VOLATILE, err);
}

/* Before anything is made on the host it is written down how to take it back: whoever finds the file finishes. */
static int
write_undo(struct start *start, struct sc_err *err)
{
    const struct sc_create_options *o = &start->container->options;
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_buf_adds(&text, start->job->plan.undo ? start->job->plan.undo : "");
    sc_volumes_undo(start->engine, start->container, &text);
    for (size_t i = 0; i < o->mount_count && start->container->is_rm; i++) {
        char *path = o->mounts[i].is_anonymous
                         ? sc_arena_printf(start->arena, "%s/volume/%s %s", start->engine->data_path,
                                           o->mounts[i].source, start->container->id)
                         : NULL;

        if (path)
            sc_undo_add(&text, SC_UNDO_VOLUME, path);
    }
    for (size_t i = 0; start->container->is_rm && i < start->job->inputs.uid_maps.count; i++) {
        char *path = sc_arena_printf(start->arena, "%s/userns/%u", start->engine->data_path,
                                     start->job->inputs.uid_maps.items[i].host_id);

        if (path && o->user_ns.mode == SC_NS_PRIVATE && start->engine->is_root)
            sc_undo_add(&text, SC_UNDO_UNLINK, path);
    }
    sc_layers_undo(start->engine, start->job, &text);
    if (sc_buf_check(&text, err) < 0 || sc_arena_check(start->arena, err) < 0)
        return -1;
    return sc_file_replace_at(start->run, "undo", sc_buf_str(&text), text.len, 0600, SC_VOLATILE, err);
}

static int
open_all(struct start *start, struct sc_err *err)
{
    int pair[2];

    if (start->data < 0)
        start->data = sc_engine_data_dir(start->engine, start->container->id, err);
    if (start->data < 0)
        return -1;
    if (start->run < 0)
        start->run = sc_engine_run_dir(start->engine, start->container->id, err);
    if (start->run < 0 || sc_engine_program("sc-monitor", start->arena, &start->monitor_path, err) < 0)
        return -1;
    start->seccomp =
        openat(start->engine->run_fd, "seccomp", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* without it: no cache */
    if (!start->is_fresh) {
        /* What an earlier start left must not be taken for this one's. */
        (void)unlinkat(start->run, "state.json", 0);
        (void)unlinkat(start->run, "monitor.sock", 0);
        (void)unlinkat(start->run, "monitor.err", 0);
        (void)unlinkat(start->run, "view", 0);
        (void)unlinkat(start->run, "exit.json", 0);
        (void)unlinkat(start->run, SC_HEALTH_FILE, 0);
        (void)unlinkat(start->run, SC_BLACKBOX_FILE, 0);
        (void)unlinkat(start->data, SC_BLACKBOX_FILE, 0);
    }
    if (write_undo(start, err) < 0)
        return -1;
    if ((!start->is_fresh || start->container->options.restart) &&
        sc_restart_plan_write(start->engine, start->container, start->run, start->how->again, err) < 0)
        return -1;
    if (!start->is_fresh && unlinkat(start->data, "exit.json", 0) < 0 && errno != ENOENT)
        return sc_err_errno(err, errno, "remove exit.json");
    if (write_config(start, err) < 0)
        return -1;
    start->listen = sc_monitor_listen(start->run, err);
    if (start->listen < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return sc_err_errno(err, errno, "make a socket pair");
    start->ours = pair[0];
    start->theirs = pair[1];
    return 0;
}

/* The child's one answer. */
static int
await_child(struct start *start, pid_t pid, struct sc_err *err)
{
    union {
        char bytes[SC_MONITOR_PACKET_MAX];
        struct sc_err failure;
        int32_t pid;
    } body;
    enum sc_monitor_msg type = SC_MSG_ERROR;
    ssize_t len = sc_monitor_recv(start->ours, &type, &body, sizeof(body), err);

    if (len == (ssize_t)sizeof(body.pid) && type == SC_MSG_STARTED) {
        start->container->status = SC_STATUS_RUNNING;
        start->container->pid = body.pid;
        start->container->started_at = sc_time_now();
        return 0;
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (len == (ssize_t)sizeof(body.failure) && type == SC_MSG_ERROR) {
        body.failure.msg[sizeof(body.failure.msg) - 1] = '\0';
        body.failure.remedy[sizeof(body.failure.remedy) - 1] = '\0';
        *err = body.failure;
        return -1;
    }
    if (len >= 0)
        return sc_err_set(err, SC_ERR_INTERNAL, "start container \"%s\": message %d was not expected",
                          start->container->name, (int)type);
    return sc_err_wrap(err, "start container \"%s\": its starter was killed", start->container->name);
}

static int
fork_child(struct start *start, const struct sc_start_options *how, pid_t *pid, struct sc_err *err)
{
    struct sc_start_child child = {
        .engine = start->engine,
        .container = start->container,
        .job = start->job,
        .how = how,
        .monitor_path = start->monitor_path,
        .lock_fd = start->lock,
        .listen_fd = start->listen,
        .sock = start->theirs,
        .data_fd = start->data,
        .run_fd = start->run,
        .seccomp_fd = start->seccomp,
        .calls_fd = -1,
    };

    *pid = fork();
    if (*pid < 0)
        return sc_err_errno(err, errno, "fork");
    if (*pid == 0) {
        sc_closep(&start->ours);
        sc_closep(&start->engine->copy_fd);
        sc_start_child_run(&child, start->arena);
    }
    return 0;
}

/* A start that failed before its child: what a command made for itself alone goes with it. */
static void
give_up(struct start *start, const struct sc_err *why)
{
    const struct sc_restarting *again = start->how->again;
    struct sc_err ignored = SC_ERR_INIT;

    if (start->is_fresh) {
        if (sc_engine_remove_all(start->engine, start->container->id, start->container, true, &ignored) == 0)
            sc_engine_event(start->engine, start->container, "destroy", NULL);
    } else if (start->run >= 0)
        (void)unlinkat(start->run, "undo", 0);
    if (again && start->run >= 0)
        (void)unlinkat(start->run, SC_RESTARTING_FILE, 0);
    if (!start->is_fresh && start->data < 0)
        start->data = sc_engine_data_dir(start->engine, start->container->id, &ignored);
    if (again && start->data >= 0) /* nobody is there to be told */
        (void)!sc_engine_exit_write(start->data, why->exit_code ? why->exit_code : SC_CODE_ENGINE, 0, why->msg, false,
                                    again->count, SC_VOLATILE, &ignored);
    else if (!start->is_fresh && start->data >= 0) /* at the host's boot, too, nobody is */
        (void)!sc_engine_exit_note(start->data, why, &ignored);
}

static void
leave_volumes(const struct start *start)
{
    sc_cleanup_buf undo = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;

    sc_volumes_undo(start->engine, start->container, &undo);
    (void)!sc_undo_run(sc_buf_str(&undo), &ignored);
}

int
sc_engine_start(struct sc_engine *engine, struct sc_container *container, const struct sc_start_options *how,
                int *client_fd, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_start start = {.engine = engine,
                              .container = container,
                              .arena = &arena,
                              .how = how,
                              .lock = -1,
                              .data = -1,
                              .run = -1,
                              .listen = -1,
                              .ours = -1,
                              .theirs = -1,
                              .seccomp = -1};
    pid_t pid = -1;

    if (client_fd)
        *client_fd = -1;
    if (sc_launch_check_files(err) < 0 || take_lock(&start, err) < 0)
        return -1;
    start.job = SC_ARENA_NEW(&arena, struct sc_start_job);
    if (!start.job)
        return sc_err_nomem(err);
    if (sc_engine_prepare(engine, container, false, &arena, start.job, err) < 0) {
        sc_rootfs_release(&start.job->ask.overlay);
        give_up(&start, err);
        return -1;
    }
    if (open_all(&start, err) < 0 || sc_volumes_mount(engine, container, &start.job->ask.overlay, &arena, err) < 0 ||
        fork_child(&start, how, &pid, err) < 0) {
        sc_rootfs_release(&start.job->ask.overlay);
        sc_network_give_up(start.job);
        leave_volumes(&start);
        give_up(&start, err);
        return -1;
    }
    /* The child holds them now; kept here they would outlive the container in a long-lived caller. */
    sc_closep(&start.lock);
    sc_closep(&start.theirs);
    sc_closep(&start.listen);
    sc_rootfs_release(&start.job->ask.overlay);
    int result = await_child(&start, pid, err);
    /* The last to close it waits for a grace period of RCU. Not the child: until it has started the container, that is
     * what everybody waits for. */
    sc_closep(&engine->copy_fd);
    if (result < 0)
        return -1;
    if (client_fd && how->client_flags >= 0)
        *client_fd = sc_steal_fd(&start.ours);
    return 0;
}
