/* exec: a further process in a running container. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"
#include "kernel/seccomp.h"

#define PROCESS_MAX (8 << 20)

static int
parse_user(const char *text, struct sc_oci_user *user, struct sc_err *err)
{
    const char *colon = strchr(text, ':');
    char uid[SC_NUM_MAX];

    snprintf(uid, sizeof(uid), "%.*s", colon != NULL ? (int)(colon - text) : (int)strlen(text), text);
    if (sc_parse_u32(uid, &user->uid, err) < 0)
        return sc_err_wrap(err, "--user");
    return colon != NULL && sc_parse_u32(colon + 1, &user->gid, err) < 0 ? sc_err_wrap(err, "--user") : 0;
}

static int
add_groups(struct sc_oci_cli *cli, struct sc_oci_user *user, struct sc_err *err)
{
    size_t count = user->additional_gid_count + cli->additional_gids.count;
    uint32_t *gids = SC_ARENA_ARRAY(&cli->arena, uint32_t, count + 1);

    if (gids == NULL)
        return sc_err_nomem(err);
    if (user->additional_gid_count > 0)
        memcpy(gids, user->additional_gids, user->additional_gid_count * sizeof(*gids));
    for (size_t i = 0; i < cli->additional_gids.count; i++)
        if (sc_parse_u32(cli->additional_gids.items[i], &gids[user->additional_gid_count + i], err) < 0)
            return sc_err_wrap(err, "--additional-gids");
    user->additional_gids = gids;
    user->additional_gid_count = count;
    return 0;
}

/* As runc: to the ambient set only where the config made it inheritable, as the kernel demands. A name that is not
 * known is passed over with a warning. */
static int
add_caps(const struct sc_oci_cli *cli, struct sc_oci_capabilities *caps)
{
    for (size_t i = 0; i < cli->caps.count; i++) {
        int cap = sc_cap_from_name(cli->caps.items[i]);

        if (cap < 0) {
            char text[256];

            snprintf(text, sizeof(text), "--cap: unknown capability \"%s\" is ignored", cli->caps.items[i]);
            sc_oci_log(cli, "warning", text);
            continue;
        }
        caps->is_set = true;
        caps->bounding |= SC_CAP_BIT(cap);
        caps->effective |= SC_CAP_BIT(cap);
        caps->permitted |= SC_CAP_BIT(cap);
        caps->ambient |= caps->inheritable & SC_CAP_BIT(cap);
    }
    return 0;
}

static int
read_process(struct sc_oci_cli *cli, struct sc_oci_process *p, struct sc_err *err)
{
    const struct sc_opt_u64 umask = p->user.umask; /* the container's */
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_file_read_at(AT_FDCWD, cli->process_file, PROCESS_MAX, &text, err) < 0)
        return -1;
    *p = (struct sc_oci_process){0};
    if (sc_oci_decode_process(text.data, text.len, &cli->arena, p, err) < 0 || sc_oci_validate_process(p, err) < 0)
        return sc_err_wrap(err, "--process \"%s\"", cli->process_file);
    if (!p->user.umask.is_set)
        p->user.umask = umask;
    if (cli->has_tty)
        p->terminal = true;
    return 0;
}

/* The process of config.json, with what the options say instead. */
static int
exec_process(struct sc_oci_cli *cli, struct sc_oci_process *p, struct sc_err *err)
{
    if (cli->process_file != NULL)
        return read_process(cli, p, err);
    if (cli->args.count < 2)
        return sc_err_set(err, SC_ERR_INVALID, "process args cannot be empty: give a command, or --process FILE");
    p->args = (struct sc_strv){0};
    for (size_t i = 1; i < cli->args.count; i++)
        sc_strv_add(&p->args, &cli->arena, cli->args.items[i]);
    for (size_t i = 0; i < cli->env.count; i++) {
        if (strchr(cli->env.items[i], '=') == NULL || cli->env.items[i][0] == '=')
            return sc_err_set(err, SC_ERR_INVALID, "--env: \"%s\" is not NAME=VALUE", cli->env.items[i]);
        sc_strv_set_env(&p->env, &cli->arena, cli->env.items[i]);
    }
    p->terminal = cli->has_tty;
    if (cli->cwd != NULL)
        p->cwd = sc_arena_strdup(&cli->arena, cli->cwd);
    if (cli->apparmor != NULL)
        p->apparmor_profile = sc_arena_strdup(&cli->arena, cli->apparmor);
    if (cli->process_label != NULL)
        p->selinux_label = sc_arena_strdup(&cli->arena, cli->process_label);
    if (cli->no_new_privs.is_set)
        p->no_new_privileges = cli->no_new_privs.value;
    if (cli->user != NULL && parse_user(cli->user, &p->user, err) < 0)
        return -1;
    if (add_caps(cli, &p->capabilities) < 0 || add_groups(cli, &p->user, err) < 0)
        return -1;
    return sc_oci_validate_process(p, err) < 0 ? -1 : sc_arena_check(&cli->arena, err);
}

/* ---- --cgroup -------------------------------------------------------------------------------------------------- */

/* Does the last component of the hierarchy's mount point, "cpu,cpuacct", name this controller? */
static bool
is_dir_of(const char *dir, const char *cgroup_path, const char *controller, size_t len)
{
    size_t mount_len = strlen(dir) - (cgroup_path != NULL ? strlen(cgroup_path) : 0);
    char mount[4096];

    snprintf(mount, sizeof(mount), "%.*s", (int)mount_len, dir);
    const char *name = strrchr(mount, '/') != NULL ? strrchr(mount, '/') + 1 : mount;
    for (const char *at = name; *at != '\0'; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == len && strncmp(at, controller, len) == 0)
            return true;
    return false;
}

/* [CONTROLLER[,CONTROLLER...]:]PATH, below the container's own cgroup; it must exist. */
static int
enter_cgroup(struct sc_oci_cli *cli, const struct sc_state *state, const char *text, struct sc_strv *dirs,
             struct sc_err *err)
{
    const char *colon = strchr(text, ':'), *path = colon != NULL ? colon + 1 : text;
    bool found = false;

    for (const char *at = path; *at != '\0'; at += strcspn(at, "/"), at += *at == '/')
        if (strcspn(at, "/") == 2 && strncmp(at, "..", 2) == 0)
            return sc_err_set(err, SC_ERR_INVALID,
                              "bad sub cgroup path \"%s\": \"..\" would leave the container's cgroup", text);
    for (size_t i = 0; i < state->cgroup_dirs.count; i++) {
        bool is_meant = colon == NULL;

        for (const char *at = text; !is_meant && at < colon; at += strcspn(at, ",:"), at += *at == ',')
            is_meant = is_dir_of(state->cgroup_dirs.items[i], state->cgroup_path, at, strcspn(at, ",:"));
        if (!is_meant)
            continue;
        found = true;
        char *dir =
            sc_arena_printf(&cli->arena, "%s%s%s", state->cgroup_dirs.items[i], path[0] == '/' ? "" : "/", path);
        if (dir == NULL)
            return sc_err_nomem(err);
        /* lint: a cgroup directory that the engine made */
        if (access(dir, F_OK) < 0)
            return sc_err_errno(err, errno, "--cgroup \"%s\": enter \"%s\"", text, dir);
        dirs->items[i] = dir;
    }
    return found ? 0
                 : sc_err_set(err, SC_ERR_INVALID,
                              "--cgroup \"%s\": unknown controller: the container has no cgroup of it", text);
}

static int
exec_cgroups(struct sc_oci_cli *cli, const struct sc_state *state, struct sc_strv *dirs, struct sc_err *err)
{
    for (size_t i = 0; i < state->cgroup_dirs.count; i++)
        sc_strv_add(dirs, &cli->arena, state->cgroup_dirs.items[i]);
    if (sc_arena_check(&cli->arena, err) < 0)
        return -1;
    for (size_t i = 0; i < cli->cgroups.count; i++)
        if (enter_cgroup(cli, state, cli->cgroups.items[i], dirs, err) < 0)
            return -1;
    return 0;
}

/* ---------------------------------------------------------------------------------------------------------------- */

static int
check_status(const struct sc_oci_cli *cli, const struct sc_state *state, struct sc_err *err)
{
    enum sc_status status = sc_state_status(state);

    if (status == SC_STATUS_PAUSED && !cli->ignores_paused)
        return sc_err_set(err, SC_ERR_BUSY, "cannot exec in a paused container (use --ignore-paused to override)");
    if (status == SC_STATUS_STOPPED || status == SC_STATUS_CREATING)
        return sc_err_set(err, SC_ERR_BUSY, "cannot exec in a %s container: container not running",
                          sc_status_name(status));
    return 0;
}

/* For a seccomp agent: the container's state, whose pid is that of its first process. */
static int
write_state(void *data, pid_t pid, struct sc_buf *out, struct sc_err *err)
{
    (void)pid;
    return sc_state_oci(data, sc_state_status(data), out, err);
}

static int
exec_in(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    struct sc_oci_spec spec = {0};
    struct sc_host host = {0};
    struct sc_plan plan;
    struct sc_launch how = SC_LAUNCH_INIT;
    struct sc_process process = SC_PROCESS_INIT;
    struct sc_strv cgroup_dirs = {0};
    sc_cleanup_fd dir = sc_oci_open_state(cli, cli->args.items[0], &state, err);

    if (dir < 0 || check_status(cli, &state, err) < 0 || sc_oci_load_config(cli, dir, &spec, err) < 0 ||
        sc_seccomp_recognise(&spec.linux_.seccomp, spec.process.capabilities.bounding, &cli->arena, err) < 0 ||
        exec_process(cli, &spec.process, err) < 0 ||
        sc_oci_check_terminal(cli, spec.process.terminal, cli->is_detached, err) < 0 ||
        sc_oci_check_preserved(cli, err) < 0 || exec_cgroups(cli, &state, &cgroup_dirs, err) < 0 ||
        sc_host_detect(&cli->arena, &host, err) < 0)
        return -1;

    struct sc_exec_ask ask = {.id = state.id,
                              .pid = state.pid,
                              .start_time = state.start_time,
                              .cgroup_dirs = &cgroup_dirs,
                              .seccomp = &spec.linux_.seccomp,
                              .linux_ = &spec.linux_,
                              .preserve_fds = cli->preserve_fds,
                              .no_new_keyring = cli->no_new_keyring};
    if (spec.linux_.intel_rdt.is_set && sc_host_find_resctrl(&host, &cli->arena, err) < 0)
        return -1;
    if (sc_runtime_ns_flags(state.pid, &ask.ns_flags, err) < 0)
        return -1;
    ask.has_user_namespace = (ask.ns_flags & sc_ns_table[SC_NS_USER].clone_flag) != 0;
    if (sc_plan_compile_exec(&spec.process, &host, &ask, &cli->arena, &plan, err) < 0)
        return -1;
    sc_cleanup_fd cache = sc_oci_cache_open(cli);
    how.in = 0;
    how.out = 1;
    how.err_fd = 2;
    how.seccomp_cache_fd = cache;
    how.cgroups = &host.cgroups;
    how.copy_fd = sc_steal_fd(&cli->copy_fd);
    how.clears_onlcr = cli->console_socket == NULL; /* as runc: an engine sets its terminal's modes itself */
    how.explain = cli->is_debug;
    how.trace = sc_oci_log_step;
    how.trace_data = cli;
    how.state_with_pid = write_state;
    how.state_data = &state;
    if (!cli->is_detached)
        sc_oci_hold_signals();
    if (sc_launch_run(&plan, &how, &process, err) < 0 || sc_oci_publish(cli, &process, err) < 0)
        return -1;
    return cli->is_detached ? 0 : sc_oci_wait(cli, &process, err);
}

int
sc_oci_verb_exec(struct sc_oci_cli *cli, struct sc_err *err)
{
    return exec_in(cli, err) < 0 ? sc_err_wrap(err, "exec failed") : 0;
}
