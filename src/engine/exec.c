/* exec: one more process in a running container, with the container's own confinement. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine-priv.h"
#include "kernel/seccomp.h"
#include "rootfs/rootfs.h"

/* The container's root as its init sees it. A magic link by pid: the start time is checked after it is open. */
static int
open_of(const struct sc_state *state, const char *name, int flags, const char *what, struct sc_err *err)
{
    char path[64];
    sc_cleanup_fd fd = -1;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)state->pid, name);
    fd = openat(AT_FDCWD, path, flags | O_CLOEXEC); /* lint: the kernel's own link */
    if (fd < 0)
        return sc_err_errno(err, errno, "open the %s of process %d", what, (int)state->pid);
    /* Only now is it certain whose that is: a pid is reused. */
    if (sc_process_start_time(state->pid) != state->start_time)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "process %d has just ended", (int)state->pid);
    return sc_steal_fd(&fd);
}

int
sc_engine_open_root(const struct sc_state *state, struct sc_err *err)
{
    return open_of(state, "root", O_PATH | O_DIRECTORY, "root", err);
}

int
sc_engine_open_mount_ns(const struct sc_state *state, struct sc_err *err)
{
    return open_of(state, "ns/mnt", O_RDONLY, "mount namespace", err);
}

int
sc_engine_open_net_ns(const struct sc_state *state, struct sc_err *err)
{
    return open_of(state, "ns/net", O_RDONLY, "network namespace", err);
}

static void
exec_env(const struct sc_container *c, const struct sc_exec_options *options, const char *home, struct sc_arena *arena,
         struct sc_strv *out)
{
    for (size_t i = 0; i < c->effective_env.count; i++)
        sc_strv_add(out, arena, c->effective_env.items[i]);
    if (c->options.uts.mode == SC_NS_PRIVATE && sc_strv_find_key(out, "HOSTNAME") < 0)
        sc_strv_addf(out, arena, "HOSTNAME=%s",
                     c->options.hostname ? c->options.hostname : sc_arena_strndup(arena, c->id, SC_ID_SHORT));
    if (options->tty && sc_strv_find_key(out, "TERM") < 0)
        sc_strv_add(out, arena, "TERM=xterm");
    sc_env_merge(out, arena, &options->env);
    if (sc_strv_find_key(out, "HOME") < 0)
        sc_strv_addf(out, arena, "HOME=%s", home && *home ? home : "/");
}

static int
exec_process(const struct sc_container *c, const struct sc_exec_options *options, const struct sc_state *state,
             const struct sc_host *host, struct sc_arena *arena, struct sc_oci_process *out, struct sc_err *err)
{
    struct sc_inputs inputs = {.container = c, .host = host, .is_root = host->uid == 0};
    sc_cleanup_fd root = sc_engine_open_root(state, err);
    struct sc_create_options caps = c->options;
    struct sc_container as = *c;
    uint64_t set = 0;

    if (options->args.count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "no command specified");
    if (root < 0)
        return -1;
    /* As Docker: the command cannot be run so. */
    if (sc_users_resolve(options->user ? options->user : c->effective_user, &c->options.group_add, NULL, root, arena,
                         &inputs.user, err) < 0) {
        err->exit_code = SC_CODE_CANNOT_RUN;
        return -1;
    }
    if (sc_id_maps_parse(&c->effective_uid_maps, arena, &inputs.uid_maps, err) < 0 ||
        sc_id_maps_parse(&c->effective_gid_maps, arena, &inputs.gid_maps, err) < 0)
        return -1;
    as.effective_env = (struct sc_strv){.items = NULL};
    exec_env(c, options, inputs.user.home, arena, &as.effective_env);
    if (options->workdir && options->workdir[0] != '/') {
        sc_err_set(err, SC_ERR_INVALID, "working directory \"%s\": it is not an absolute path", options->workdir);
        err->exit_code = SC_CODE_CANNOT_RUN;
        return -1;
    }
    inputs.container = &as;
    if (sc_spec_process(&inputs, arena, out, err) < 0)
        return -1;
    out->args = options->args;
    sc_terminal_of_caller(options->tty, out);
    out->cwd = options->workdir ? options->workdir : c->effective_workdir;
    if (options->privileged) {
        caps.privileged = true;
        if (sc_spec_caps(&caps, host->caps, &set, err) < 0)
            return -1;
        out->capabilities =
            (struct sc_oci_capabilities){.is_set = true, .bounding = set, .permitted = set, .effective = set};
    }
    return 0;
}

static int
exec_seccomp(const struct sc_container *c, const struct sc_exec_options *options, const struct sc_host *host,
             struct sc_arena *arena, struct sc_oci_seccomp *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    uint64_t caps = 0;

    if (options->privileged || c->options.privileged || sc_str_eq(c->options.seccomp, "unconfined"))
        return 0;
    if (sc_spec_caps(&c->options, host->caps, &caps, err) < 0)
        return -1;
    if (!c->options.seccomp) {
        *out = sc_seccomp_default(caps, c->is_i386);
        return 0;
    }
    if (sc_file_read_at(AT_FDCWD, c->options.seccomp, SC_SMALL_FILE_MAX, &text, err) <
            0 || /* lint: the caller's own path */
        sc_oci_decode_seccomp(text.data ? text.data : "", text.len, caps, host->kernel_release, arena, out, err) < 0)
        return sc_err_wrap(err, "seccomp profile \"%s\"", c->options.seccomp);
    out->is_set = true;
    return 0;
}

/* Pipes for the three, or nothing with a terminal (the pty does it) or detached. */
static int
exec_pipes(const struct sc_exec_options *options, int in[2], int out[2], int errors[2], struct sc_err *err)
{
    if (options->detach || options->tty)
        return 0;
    if ((options->interactive && pipe2(in, O_CLOEXEC) < 0) || pipe2(out, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0)
        return sc_err_errno(err, errno, "make a pipe");
    return 0;
}

/* Who hands the listener to the container's monitor. */
struct exec_owner {
    const struct sc_engine *engine;
    const struct sc_container *container;
};

static int
give_calls(void *data, int listener_take, struct sc_err *err)
{
    const struct exec_owner *owner = data;
    sc_cleanup_fd listener = listener_take, run = sc_engine_run_dir(owner->engine, owner->container->id, err);

    return run < 0 ? -1 : sc_monitor_give_listener(run, listener, err);
}

static int
exec_launch(struct sc_engine *engine, const struct sc_container *container, const struct sc_host *host,
            const struct sc_plan *plan, const struct sc_exec_options *options, struct sc_exec_process *out,
            struct sc_err *err)
{
    struct exec_owner owner = {.engine = engine, .container = container};
    int in[2] = {-1, -1}, std_out[2] = {-1, -1}, std_err[2] = {-1, -1};
    struct sc_launch how = SC_LAUNCH_INIT;
    sc_cleanup_fd cache = openat(engine->run_fd, "seccomp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = exec_pipes(options, in, std_out, std_err, err);

    how.in = in[0];
    how.out = std_out[1];
    how.err_fd = std_err[1];
    how.seccomp_cache_fd = cache;
    how.explain = options->explain;
    how.trace = options->trace;
    how.trace_data = options->trace_data;
    how.cgroups = &host->cgroups;
    how.calls = give_calls;
    how.calls_data = &owner;
    how.copy_fd = sc_steal_fd(&engine->copy_fd);
    if (result == 0)
        result = sc_launch_run(plan, &how, &out->process, err);
    sc_closep(&in[0]);
    sc_closep(&std_out[1]);
    sc_closep(&std_err[1]);
    if (result < 0) {
        sc_closep(&in[1]);
        sc_closep(&std_out[0]);
        sc_closep(&std_err[0]);
        return -1;
    }
    out->in_fd = in[1];
    out->out_fd = std_out[0];
    out->err_fd = std_err[0];
    return 0;
}

/* As Docker has it, the command is a part of the action. */
static void
tell_of_exec(const struct sc_engine *engine, const struct sc_container *container,
             const struct sc_exec_options *options, const char *action)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_buf_addf(&text, "%s:", action);
    for (size_t i = 0; i < options->args.count; i++)
        sc_buf_addf(&text, " %s", options->args.items[i]);
    sc_engine_event(engine, container, sc_buf_str(&text), NULL);
}

void
sc_engine_exec_ended(const struct sc_engine *engine, const struct sc_container *container, int code)
{
    char more[48];

    (void)snprintf(more, sizeof(more), "\"exitCode\":\"%d\"", code);
    sc_engine_event(engine, container, "exec_die", more);
}

int
sc_engine_exec(struct sc_engine *engine, const struct sc_container *container, const struct sc_exec_options *options,
               struct sc_exec_process *out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_oci_process *process = SC_ARENA_NEW(&arena, struct sc_oci_process);
    struct sc_oci_seccomp *seccomp = SC_ARENA_NEW(&arena, struct sc_oci_seccomp);
    struct sc_host *host = SC_ARENA_NEW(&arena, struct sc_host);
    struct sc_plan *plan = SC_ARENA_NEW(&arena, struct sc_plan);
    struct sc_exec_ask ask = {.dies_with_parent = !options->detach};
    struct sc_state state = {0};
    struct sc_strv cgroups;

    *out = (struct sc_exec_process){.process = SC_PROCESS_INIT, .in_fd = -1, .out_fd = -1, .err_fd = -1};
    if (!process || !seccomp || !host || !plan)
        return sc_err_nomem(err);
    if (sc_engine_running_state(engine, container, &arena, &state, err) < 0)
        return -1;
    if (container->status == SC_STATUS_PAUSED) {
        sc_err_set(err, SC_ERR_BUSY, "container \"%s\" is paused", container->name);
        return sc_err_remedy(err, "unpause it first: sc unpause %s", container->name);
    }
    if (sc_host_detect(&arena, host, err) < 0 ||
        exec_process(container, options, &state, host, &arena, process, err) < 0 ||
        exec_seccomp(container, options, host, &arena, seccomp, err) < 0)
        return -1;
    ask.pid = state.pid;
    ask.start_time = state.start_time;
    ask.ns_flags = state.ns_flags;
    ask.has_user_namespace = (state.ns_flags & CLONE_NEWUSER) != 0;
    cgroups = state.cgroup_dirs;
    if (options->group)
        sc_exec_group_make(options->group, &state, &arena, &cgroups);
    ask.cgroup_dirs = &cgroups;
    ask.seccomp = seccomp->is_set ? seccomp : NULL;
    ask.has_calls = sc_spec_has_calls(&container->options);
    if (sc_plan_compile_exec(process, host, &ask, &arena, plan, err) < 0)
        return -1;
    tell_of_exec(engine, container, options, "exec_create");
    if (exec_launch(engine, container, host, plan, options, out, err) < 0)
        return -1;
    tell_of_exec(engine, container, options, "exec_start");
    return 0;
}
