/* start, the child's half: it launches the container, so that init is its child, and becomes sc-monitor. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine-priv.h"

/* Pipes: the container's ends and ours. */
struct stdio {
    int in[2], out[2], err[2];
};

static int
make_pipe(int ends[2], int container_end, uint32_t uid, uint32_t gid, struct sc_err *err)
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return sc_err_errno(err, errno, "make a pipe");
    /* A program that opens /dev/stdout goes through the permissions of the pipe. */
    if ((uid != geteuid() || gid != getegid()) && fchown(ends[container_end], uid, gid) < 0 && errno != EPERM)
        return sc_err_errno(err, errno, "give a pipe to uid %u", uid);
    return 0;
}

static int
make_stdio(const struct sc_start_child *child, struct stdio *io, struct sc_err *err)
{
    const struct sc_create_options *o = &child->container->options;
    const struct sc_inputs *in = &child->job->inputs;
    uint32_t uid, gid;

    if (o->tty)
        return 0;
    (void)sc_id_map_find(&in->uid_maps, in->user.uid, &uid);
    (void)sc_id_map_find(&in->gid_maps, in->user.gid, &gid);
    if (o->interactive && make_pipe(io->in, 0, uid, gid, err) < 0)
        return -1;
    if (make_pipe(io->out, 1, uid, gid, err) < 0)
        return -1;
    return make_pipe(io->err, 1, uid, gid, err);
}

static const char *const ns_flags[] = {
    [SC_NS_USER] = "userns", [SC_NS_PID] = "pid", [SC_NS_NET] = "network",     [SC_NS_MOUNT] = "mount",
    [SC_NS_IPC] = "ipc",     [SC_NS_UTS] = "uts", [SC_NS_CGROUP] = "cgroupns", [SC_NS_TIME] = "time",
};

/* The steps by which the kernel judges a flag's value, which nothing before could. */
static void
name_flag(const struct sc_step *step, struct sc_err *err)
{
    struct rlimit limit = {0};
    const char *flag;

    switch (step->op) {
    case SC_OP_NS_OPEN:
        (void)sc_err_wrap(err, "--%s", ns_flags[step->u.ns.kind]);
        break;
    case SC_OP_SYSCTL:
        (void)sc_err_wrap(err, "--sysctl");
        if (err->errnum == ENOENT)
            (void)sc_err_remedy(err, "this kernel has no such parameter in a container");
        else if (err->errnum == EINVAL || err->errnum == ERANGE)
            (void)sc_err_remedy(err, "give a value that the kernel takes");
        break;
    case SC_OP_CGROUP_WRITE:
        flag = sc_limit_of_file(step->u.cgroup_write.file);
        if (flag)
            (void)sc_err_wrap(err, "--%s", flag);
        break;
    case SC_OP_RLIMIT:
        (void)sc_err_wrap(err, "--ulimit");
        if (err->errnum == EPERM && getrlimit(step->u.rlimit.resource, &limit) == 0)
            (void)sc_err_remedy(err, "the caller's own hard limit is %llu: stay below it, or raise it first",
                                (unsigned long long)limit.rlim_max);
        break;
    case SC_OP_OOM_SCORE:
        (void)sc_err_wrap(err, "--oom-score-adj");
        if (err->kind == SC_ERR_DENIED)
            (void)sc_err_remedy(err, "only root may go below the caller's own");
        break;
    case SC_OP_TIME_OFFSETS:
        (void)sc_err_wrap(err, "--time-offset");
        if (err->errnum == ERANGE)
            (void)sc_err_remedy(err, "a clock of the container can neither go below zero nor beyond 146 years");
        break;
    case SC_OP_CWD:
        (void)sc_err_wrap(err, "--workdir");
        /* Docker makes the directory before it starts anything, so one that cannot be made is the engine's failure */
        if (err->errnum != EACCES)
            err->exit_code = SC_CODE_ENGINE;
        break;
    default:
        break;
    }
}

/* For the engine's own hook (spec-view.c). */
static int
state_for_hook(void *data, pid_t pid, struct sc_buf *out, struct sc_err *err)
{
    const struct sc_container *c = data;

    sc_buf_addf(out, "{\"ociVersion\":\"%s\",\"id\":\"%s\",\"status\":\"creating\",\"pid\":%d}", SC_OCI_VERSION, c->id,
                (int)pid);
    return sc_buf_check(out, err);
}

static int
keep_calls(void *data, int listener_take, struct sc_err *err)
{
    struct sc_start_child *child = data;

    (void)err;
    sc_closep(&child->calls_fd);
    child->calls_fd = listener_take;
    return 0;
}

static int
launch(struct sc_start_child *child, const struct stdio *io, struct sc_process *process, struct sc_err *err)
{
    struct sc_launch how = SC_LAUNCH_INIT;

    how.in = io->in[0];
    how.out = io->out[1];
    how.err_fd = io->err[1];
    how.seccomp_cache_fd = child->seccomp_fd;
    how.cgroups = &child->job->host.cgroups;
    how.explain = child->how->explain;
    how.trace = child->how->trace;
    how.trace_data = child->how->trace_data;
    how.step_failed = name_flag;
    how.state_with_pid = state_for_hook;
    how.state_data = child->container;
    how.calls = keep_calls;
    how.calls_data = child;
    return sc_launch_run(&child->job->plan, &how, process, err);
}

static int
write_state(const struct sc_start_child *child, const struct sc_process *process, struct sc_arena *arena,
            struct sc_err *err)
{
    struct sc_state state = {0};

    sc_state_from_plan(&child->job->plan, process, arena, &state);
    state.bundle = sc_arena_strdup(arena, child->job->inputs.container_dir);
    state.was_started = true;
    if (sc_arena_check(arena, err) < 0)
        return -1;
    return sc_state_write(child->run_fd, &state, SC_VOLATILE, err);
}

/* The directories of its cgroups, one a line; NULL: it has none, or the text has no room. */
static const char *
cgroup_lines(const struct sc_strv *dirs, struct sc_arena *arena)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    for (size_t i = 0; i < dirs->count; i++)
        sc_buf_addf(&text, "%s%s", i ? "\n" : "", dirs->items[i]);
    return text.len > 0 && !text.has_failed ? sc_arena_strdup(arena, sc_buf_str(&text)) : NULL;
}

static const char *
event_attributes(const struct sc_container *container, struct sc_arena *arena)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_event_attributes(container, &text);
    return sc_arena_strdup(arena, sc_buf_str(&text));
}

const char *
sc_refill_lines(const struct sc_engine *engine, struct sc_arena *arena)
{
    struct sc_err ignored = SC_ERR_INIT;
    char self[PATH_MAX];

    return sc_self_path(self, sizeof(self), &ignored) < 0
               ? NULL
               : sc_arena_printf(arena, "%s\n%s\n%s", self, engine->data_path, engine->run_path);
}

/* Only who has a bridge's network has anything in our tables. */
static const char *
refill_lines(const struct sc_start_child *child, struct sc_arena *arena)
{
    const struct sc_inputs *in = &child->job->inputs;

    for (size_t i = 0; i < in->endpoint_count; i++) {
        if (in->endpoints[i].network.driver == SC_NET_BRIDGE)
            return sc_refill_lines(child->engine, arena);
    }
    return NULL;
}

static const char *
health_lines(const struct sc_start_child *child, struct sc_arena *arena)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_strv env = {0};
    char self[PATH_MAX];

    if (!sc_container_has_health(child->container) || sc_self_path(self, sizeof(self), &ignored) < 0)
        return NULL;
    sc_engine_env(child->engine, arena, &env);
    sc_buf_adds(&text, self);
    for (size_t i = 0; i < env.count; i++)
        sc_buf_addf(&text, "\n%s", env.items[i]);
    return text.has_failed ? NULL : sc_arena_strdup(arena, sc_buf_str(&text));
}

/* "7 9": what a monitor keeps open for others. NULL: nothing. */
static const char *
held_list(const struct sc_layers_held *held, struct sc_arena *arena)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    for (size_t i = 0; i < held->count; i++)
        sc_buf_addf(&text, "%s%d", i ? " " : "", held->fds[i]);
    return text.len > 0 && !text.has_failed ? sc_arena_strdup(arena, sc_buf_str(&text)) : NULL;
}

static void
monitor_config(const struct sc_start_child *child, const struct sc_process *process, const struct stdio *io,
               const struct sc_layers_held *held, const struct sc_carried *carried, struct sc_arena *arena,
               struct sc_monitor_config *out)
{
    const struct sc_container *c = child->container;
    const struct sc_create_options *o = &c->options;
    const struct sc_inputs *in = &child->job->inputs;

    *out = (struct sc_monitor_config){
        .id = c->id,
        .run_dir = in->run_dir,
        .data_dir = in->container_dir,
        .name_link = sc_arena_printf(arena, "%s/name/%s", child->engine->data_path, c->name),
        .log_path = sc_str_eq(o->log.driver, "none") ? NULL : sc_arena_printf(arena, "%s/log.json", in->container_dir),
        .log_max_size = o->log.max_size,
        .log_max_files = o->log.max_files,
        .log_attributes = sc_log_attributes(c, arena),
        .memory_dir = child->job->plan.memory_dir,
        .memory_is_v2 = child->job->plan.memory_is_v2,
        .watches_oom = o->memory > 0,
        .cgroups = cgroup_lines(&child->job->plan.cgroup_dirs, arena),
        .event = event_attributes(c, arena),
        .refill = refill_lines(child, arena),
        .held = held_list(held, arena),
        .health = health_lines(child, arena),
        .health_interval = c->health.interval,
        .health_start_interval = c->health.start_interval,
        .health_start_period = c->health.start_period,
        .names = process->names_udp >= 0 ? sc_names_lines(child->engine, o, arena) : NULL,
        .names_udp = process->names_udp,
        .names_tcp = process->names_tcp,
        .ports = carried->lines,
        .ports_fd = carried->epoll_fd,
        .pid = process->pid,
        .pidfd = process->pidfd,
        .lock_fd = child->lock_fd,
        .listen_fd = child->listen_fd,
        .client_fd = child->how->client_flags >= 0 ? child->sock : -1,
        .client_flags = child->how->client_flags >= 0 ? child->how->client_flags : 0,
        .tty_fd = o->tty ? process->console_fd : -1,
        .in_fd = io->in[1],
        .out_fd = io->out[0],
        .err_fd = io->err[0],
        .calls = child->calls_fd >= 0 ? child->job->spec.hooks.create_runtime.items[0].path : NULL,
        .calls_fd = child->calls_fd,
        .keeps_stdin_open = o->interactive,
        .stdin_once = o->interactive && !o->detach,
        .is_rm = c->is_rm,
        .dies_with_client = o->step_dir != NULL,
    };
}

/* Becomes sc-monitor; returns only when that failed. */
static int
become_monitor(const struct sc_start_child *child, const struct sc_monitor_config *config,
               const struct sc_layers_held *held, const struct sc_carried *carried, struct sc_arena *arena,
               struct sc_err *err)
{
    const int kept[] = {config->pidfd,    config->lock_fd,   config->listen_fd, config->client_fd,
                        config->tty_fd,   config->in_fd,     config->out_fd,    config->err_fd,
                        config->calls_fd, config->names_udp, config->names_tcp, config->ports_fd};
    char *const no_env[] = {NULL};
    struct sc_strv argv = {0};

    sc_monitor_config_encode(config, child->monitor_path, arena, &argv);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    for (size_t i = 0; i < SC_ARRAY_LEN(kept); i++) {
        if (kept[i] >= 0 && sc_fd_cloexec(kept[i], false) < 0)
            return sc_err_errno(err, errno, "pass a descriptor on to sc-monitor");
    }
    for (size_t i = 0; i < held->count; i++)
        (void)sc_fd_cloexec(held->fds[i], false);
    for (size_t i = 0; i < carried->count; i++)
        (void)sc_fd_cloexec(carried->fds[i], false);
    (void)execve(child->monitor_path, argv.items, no_env);
    return sc_err_errno(err, errno, "execute \"%s\"", child->monitor_path);
}

/* The container runs, but nobody would watch it. */
static void
end_container(const struct sc_start_child *child, const struct sc_process *process)
{
    struct sc_err ignored = SC_ERR_INIT;

    (void)!sc_pidfd_kill(process->pidfd, SIGKILL, &ignored);
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    (void)!sc_undo_run(child->job->plan.undo ? child->job->plan.undo : "", &ignored);
}

/* Says why, leaves nothing behind, and ends. The lock is held until then. */
static _Noreturn void
fail(const struct sc_start_child *child, const struct sc_err *why)
{
    struct sc_err ignored = SC_ERR_INIT, report;
    int code = why->exit_code ? why->exit_code : SC_CODE_ENGINE;
    sc_cleanup_buf offers = SC_BUF_INIT;

    sc_layers_undo(child->engine, child->job, &offers);
    sc_volumes_undo(child->engine, child->container, &offers);
    (void)!sc_undo_run(sc_buf_str(&offers), &ignored);
    if (child->container->is_rm) {
        if (sc_engine_remove_all(child->engine, child->container->id, child->container, true, &ignored) == 0)
            sc_engine_event(child->engine, child->container, "destroy", NULL);
    } else {
        (void)!sc_engine_exit_write(child->data_fd, code, 0, why->msg, !child->how->again,
                                    child->how->again ? child->how->again->count : 0, SC_VOLATILE, &ignored);
        (void)unlinkat(child->run_fd, "state.json", 0);
        (void)unlinkat(child->run_fd, "monitor.sock", 0);
        (void)unlinkat(child->run_fd, "undo", 0);
        (void)unlinkat(child->run_fd, SC_RESTART_FILE, 0);
        (void)unlinkat(child->run_fd, SC_RESTARTING_FILE, 0);
    }
    memset(&report, 0, sizeof(report));
    report = *why;
    (void)!sc_monitor_send(child->sock, SC_MSG_ERROR, &report, sizeof(report), &ignored);
    _exit(1);
}

_Noreturn void
sc_start_child_run(struct sc_start_child *child, struct sc_arena *arena)
{
    struct stdio io = {{-1, -1}, {-1, -1}, {-1, -1}};
    struct sc_process process = SC_PROCESS_INIT;
    struct sc_monitor_config config;
    struct sc_layers_held held;
    struct sc_carried carried = {.epoll_fd = -1};
    struct sc_err err = SC_ERR_INIT;
    int32_t pid;

    /* Away from the caller's terminal and signals: ^C is for the container to get from its client. */
    (void)setsid();
    (void)prctl(PR_SET_NAME, "sc-start");
    sc_layers_offer(child->engine, child->job, &held);
    if (make_stdio(child, &io, &err) < 0 ||
        sc_carry_listen(child->engine, &child->job->inputs, arena, &carried, &err) < 0) {
        struct sc_err ignored = SC_ERR_INIT;

        (void)!sc_undo_run(child->job->plan.undo ? child->job->plan.undo : "", &ignored); /* leases */
        fail(child, &err);
    }
    if (launch(child, &io, &process, &err) < 0) {
        sc_helper_explain(&child->container->options, &err);
        fail(child, &err);
    }
    sc_closep(&io.in[0]);
    sc_closep(&io.out[1]);
    sc_closep(&io.err[1]);
    pid = process.pid;
    if (sc_helper_start(&child->job->inputs, pid, &err) < 0) {
        end_container(child, &process);
        fail(child, &err);
    }
    if (child->how->client_flags >= 0)
        sc_engine_event(child->engine, child->container, "attach", NULL);
    sc_engine_event(child->engine, child->container, "start", NULL);
    monitor_config(child, &process, &io, &held, &carried, arena, &config);
    if (write_state(child, &process, arena, &err) < 0 ||
        sc_monitor_send(child->sock, SC_MSG_STARTED, &pid, sizeof(pid), &err) < 0) {
        /* A caller that is gone does not end what it asked for. */
        if (err.kind != SC_ERR_PEER_DIED) {
            end_container(child, &process);
            fail(child, &err);
        }
        sc_err_clear(&err);
    }
    (void)!become_monitor(child, &config, &held, &carried, arena, &err);
    end_container(child, &process);
    fail(child, &err);
}
