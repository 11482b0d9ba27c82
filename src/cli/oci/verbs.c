/* The verbs on a container that exists. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/oci/oci-priv.h"

#define KILL_WAIT_NS 50000000
#define KILL_TRIES   100

static int
open_state_dir(struct sc_oci_cli *cli, const char *id, struct sc_err *err)
{
    if (sc_oci_check_id(id, err) < 0)
        return -1;
    char *path = sc_arena_printf(&cli->arena, "%s/%s", cli->root, id);
    if (path == NULL)
        return sc_err_nomem(err);
    /* lint: a path of the host that the caller names */
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0 && errno == ENOENT)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "container does not exist: %s", id);
    return dir >= 0 ? dir : sc_err_errno(err, errno, "open state of %s", id);
}

static int
open_state(struct sc_oci_cli *cli, const char *id, bool is_locked, struct sc_state *state, struct sc_err *err)
{
    sc_cleanup_fd dir = open_state_dir(cli, id, err);
    struct sc_err why = SC_ERR_INIT;

    if (dir < 0 || (is_locked && sc_state_lock(dir, err) < 0))
        return -1;
    if (sc_state_read(dir, &cli->arena, state, &why) < 0) {
        /* a create that wrote nothing yet, or a delete that removed it already: there is no container */
        if (why.kind == SC_ERR_NOT_FOUND)
            return sc_err_set(err, SC_ERR_NOT_FOUND, "container does not exist: %s", id);
        *err = why;
        return sc_err_wrap(err, "read state of %s", id);
    }
    return sc_steal_fd(&dir);
}

int
sc_oci_open_state(struct sc_oci_cli *cli, const char *id, struct sc_state *state, struct sc_err *err)
{
    return open_state(cli, id, false, state, err);
}

int
sc_oci_lock_state(struct sc_oci_cli *cli, const char *id, struct sc_state *state, struct sc_err *err)
{
    return open_state(cli, id, true, state, err);
}

int
sc_oci_remove_state(struct sc_oci_cli *cli, const char *id, struct sc_err *err)
{
    sc_cleanup_fd root = sc_dir_open_at(AT_FDCWD, cli->root, err);

    return root < 0 ? -1 : sc_tree_remove_at(root, id, err);
}

static const char *
first_arg(const struct sc_oci_cli *cli)
{
    return cli->args.count > 0 ? cli->args.items[0] : NULL;
}

int
sc_oci_verb_state(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_fd dir = sc_oci_open_state(cli, first_arg(cli), &state, err);

    if (dir < 0 || sc_state_oci(&state, sc_state_status(&state), &text, err) < 0)
        return -1;
    puts(sc_buf_str(&text));
    return 0;
}

int
sc_oci_verb_kill(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    int signum = SIGTERM;
    sc_cleanup_fd dir = sc_oci_open_state(cli, first_arg(cli), &state, err);

    if (dir < 0)
        return -1;
    if (cli->args.count > 1 && sc_signal_parse(cli->args.items[1], &signum, err) < 0)
        return -1;
    enum sc_status status = sc_state_status(&state);
    if (status == SC_STATUS_STOPPED && !cli->is_all)
        return sc_err_set(err, SC_ERR_BUSY, "container not running");
    return sc_runtime_kill(&state, signum, cli->is_all, err);
}

static int
end_by_force(const struct sc_state *state, struct sc_err *err)
{
    if (sc_runtime_kill(state, SIGKILL, false, err) < 0 && sc_state_status(state) != SC_STATUS_STOPPED)
        return -1;
    for (int i = 0; i < KILL_TRIES && sc_state_status(state) != SC_STATUS_STOPPED; i++)
        nanosleep(&(struct timespec){.tv_nsec = KILL_WAIT_NS / 10}, NULL);
    return 0;
}

/* Something may still be creating, starting or deleting it: with force its process is ended first, so that the other
 * fails and lets go of the lock. */
static int
lock_for_delete(struct sc_oci_cli *cli, const char *id, struct sc_state *state, struct sc_err *err)
{
    sc_cleanup_fd seen = sc_oci_open_state(cli, id, state, err);
    struct sc_err ignored = SC_ERR_INIT;

    if (seen < 0)
        return -1;
    if (state->has_creator && !cli->is_force)
        return sc_err_set(err, SC_ERR_BUSY, "cannot delete container %s that is not stopped: creating", id);
    if (state->has_creator || (cli->is_force && sc_state_status(state) == SC_STATUS_CREATED))
        (void)!sc_runtime_delete(state, &ignored);
    return sc_oci_lock_state(cli, id, state, err);
}

/* What a create or delete that was killed left of the state: a directory without state.json. */
static int
delete_remains(struct sc_oci_cli *cli, const char *id, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd dir = open_state_dir(cli, id, &ignored);

    if (dir < 0)
        return 0;
    return sc_state_lock(dir, err) < 0 ? -1 : sc_oci_remove_state(cli, id, err);
}

int
sc_oci_verb_delete(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    struct sc_err why = SC_ERR_INIT;
    sc_cleanup_fd dir = lock_for_delete(cli, first_arg(cli), &state, &why);

    if (dir < 0) {
        if (cli->is_force && why.kind == SC_ERR_NOT_FOUND)
            return delete_remains(cli, first_arg(cli), err);
        *err = why;
        return -1;
    }
    enum sc_status status = sc_state_status(&state);
    if (status == SC_STATUS_CREATED || (status != SC_STATUS_STOPPED && cli->is_force)) {
        if (end_by_force(&state, &why) < 0) {
            *err = why;
            return -1;
        }
    } else if (status != SC_STATUS_STOPPED) {
        return sc_err_set(err, SC_ERR_BUSY, "cannot delete container %s that is not stopped: %s", state.id,
                          sc_status_name(status));
    }
    if (sc_runtime_delete(&state, err) < 0)
        return -1;

    struct sc_oci_spec spec = {0};
    if (state.bundle != NULL && sc_oci_load_spec(state.bundle, "config.json", &cli->arena, &spec, &why) == 0 &&
        spec.hooks.poststop.count > 0) {
        sc_cleanup_buf text = SC_BUF_INIT;

        if (sc_state_oci(&state, SC_STATUS_STOPPED, &text, err) < 0 ||
            sc_hooks_run(&spec.hooks.poststop, text.data, err) < 0)
            return -1;
    }
    return sc_oci_remove_state(cli, state.id, err);
}

static int
pause_or_resume(struct sc_oci_cli *cli, bool pause, struct sc_err *err)
{
    struct sc_state state = {0};
    sc_cleanup_fd dir = sc_oci_open_state(cli, first_arg(cli), &state, err);

    if (dir < 0)
        return -1;
    enum sc_status status = sc_state_status(&state);
    if (pause ? status != SC_STATUS_RUNNING && status != SC_STATUS_CREATED : status != SC_STATUS_PAUSED)
        return sc_err_set(err, SC_ERR_BUSY, pause ? "container not running or created: %s" : "container not paused: %s",
                          sc_status_name(status));
    return sc_runtime_freeze(&state, pause, err);
}

int
sc_oci_verb_pause(struct sc_oci_cli *cli, struct sc_err *err)
{
    return pause_or_resume(cli, true, err);
}

int
sc_oci_verb_resume(struct sc_oci_cli *cli, struct sc_err *err)
{
    return pause_or_resume(cli, false, err);
}

int
sc_oci_verb_ps(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    struct sc_pid_list pids = {0};
    sc_cleanup_fd dir = sc_oci_open_state(cli, first_arg(cli), &state, err);

    if (dir < 0)
        return -1;
    if (state.cgroup_dirs.count == 0)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "ps: the container has no cgroup");
    if (sc_cgroup_pids(state.cgroup_dirs.items[0], &cli->arena, &pids, err) < 0)
        return -1;
    bool is_json = cli->format != NULL && strcmp(cli->format, "json") == 0;
    printf(is_json ? "[" : "PID\n");
    for (size_t i = 0; i < pids.count; i++)
        printf(is_json ? "%s%d" : "%s%d\n", is_json && i > 0 ? "," : "", (int)pids.items[i]);
    printf(is_json ? "]\n" : "");
    return 0;
}

/* ---- list ------------------------------------------------------------------------------------------------ */

static void
print_row(const struct sc_state *s, bool is_json, bool is_first)
{
    enum sc_status status = sc_state_status(s);
    char created[SC_TIME_MAX];
    int pid = status == SC_STATUS_STOPPED ? 0 : (int)s->pid;

    sc_time_format(s->created_at, created);
    if (!is_json) {
        printf("%-16s %-8d %-10s %-30s %-32s %s\n", s->id, pid, sc_status_name(status), s->bundle, created, "root");
        return;
    }
    sc_cleanup_buf line = SC_BUF_INIT;
    sc_buf_addf(&line, "%s{\"ociVersion\":\"%s\",\"id\":", is_first ? "" : ",", SC_OCI_VERSION);
    sc_buf_add_json(&line, s->id, strlen(s->id));
    sc_buf_addf(&line, ",\"pid\":%d,\"status\":\"%s\",\"bundle\":", pid, sc_status_name(status));
    sc_buf_add_json(&line, s->bundle, strlen(s->bundle));
    sc_buf_addf(&line, ",\"rootfs\":");
    sc_buf_add_json(&line, s->rootfs != NULL ? s->rootfs : "", s->rootfs != NULL ? strlen(s->rootfs) : 0);
    sc_buf_addf(&line, ",\"created\":\"%s\",\"owner\":\"root\"}", created);
    fputs(sc_buf_str(&line), stdout);
}

int
sc_oci_verb_list(struct sc_oci_cli *cli, struct sc_err *err)
{
    sc_cleanup_dir entries = NULL;
    /* lint: a path of the host that the caller names */
    int root = open(cli->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_json = cli->format != NULL && strcmp(cli->format, "json") == 0, is_first = true;

    if (root < 0 && errno != ENOENT)
        return sc_err_errno(err, errno, "open %s", cli->root);
    entries = root >= 0 ? fdopendir(root) : NULL;
    if (is_json)
        fputs("[", stdout);
    else if (!cli->is_quiet)
        printf("%-16s %-8s %-10s %-30s %-32s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER");
    for (struct dirent *e = entries != NULL ? readdir(entries) : NULL; e != NULL; e = readdir(entries)) {
        struct sc_state state = {0};
        struct sc_err ignored = SC_ERR_INIT;

        if (e->d_name[0] == '.')
            continue;
        sc_cleanup_fd dir = sc_oci_open_state(cli, e->d_name, &state, &ignored);
        if (dir < 0 || state.bundle == NULL)
            continue;
        if (cli->is_quiet && !is_json)
            puts(state.id);
        else
            print_row(&state, is_json, is_first);
        is_first = false;
    }
    if (is_json)
        fputs("]\n", stdout);
    return 0;
}

/* ---- exec --------------------------------------------------------------------------------------------------- */

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
exec_process(struct sc_oci_cli *cli, struct sc_oci_process *p, struct sc_err *err)
{
    if (cli->process_file != NULL) {
        sc_cleanup_buf text = SC_BUF_INIT;

        if (sc_file_read_at(AT_FDCWD, cli->process_file, 8 << 20, &text, err) < 0)
            return -1;
        return sc_oci_decode_process(text.data, text.len, &cli->arena, p, err);
    }
    if (cli->args.count < 2)
        return sc_err_set(err, SC_ERR_INVALID, "exec: process args cannot be empty");
    p->args = (struct sc_strv){0};
    for (size_t i = 1; i < cli->args.count; i++)
        sc_strv_add(&p->args, &cli->arena, cli->args.items[i]);
    for (size_t i = 0; i < cli->env.count; i++)
        sc_strv_set_env(&p->env, &cli->arena, cli->env.items[i]);
    p->terminal = cli->has_tty;
    if (cli->cwd != NULL)
        p->cwd = sc_arena_strdup(&cli->arena, cli->cwd);
    if (cli->no_new_privs)
        p->no_new_privileges = true;
    for (size_t i = 0; i < cli->caps.count; i++) {
        int cap = sc_cap_from_name(cli->caps.items[i]);

        if (cap < 0)
            return sc_err_set(err, SC_ERR_INVALID, "--cap: unknown capability \"%s\"", cli->caps.items[i]);
        p->capabilities.is_set = true;
        p->capabilities.bounding |= SC_CAP_BIT(cap);
        p->capabilities.effective |= SC_CAP_BIT(cap);
        p->capabilities.permitted |= SC_CAP_BIT(cap);
    }
    return cli->user != NULL ? parse_user(cli->user, &p->user, err) : sc_arena_check(&cli->arena, err);
}

int
sc_oci_verb_exec(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    struct sc_oci_spec spec = {0};
    struct sc_host host = {0};
    struct sc_plan plan;
    struct sc_launch how = SC_LAUNCH_INIT;
    struct sc_process process = SC_PROCESS_INIT;
    sc_cleanup_fd dir = sc_oci_open_state(cli, first_arg(cli), &state, err);

    if (dir < 0)
        return -1;
    enum sc_status status = sc_state_status(&state);
    if (status == SC_STATUS_PAUSED)
        return sc_err_set(err, SC_ERR_BUSY, "cannot exec in a paused container (use --ignore-paused to override)");
    if (status == SC_STATUS_STOPPED)
        return sc_err_set(err, SC_ERR_BUSY, "cannot exec in a stopped container");
    if (sc_oci_load_spec(state.bundle, "config.json", &cli->arena, &spec, err) < 0 ||
        exec_process(cli, &spec.process, err) < 0 || sc_host_detect(&cli->arena, &host, err) < 0)
        return -1;

    struct sc_exec_ask ask = {.pid = state.pid,
                              .start_time = state.start_time,
                              .cgroup_dirs = &state.cgroup_dirs,
                              .seccomp = &spec.linux_.seccomp,
                              .preserve_fds = cli->preserve_fds,
                              .no_new_keyring = cli->no_new_keyring};
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
    if (sc_launch_run(&plan, &how, &process, err) < 0)
        return -1;
    if (sc_oci_publish(cli, &process, err) < 0)
        return -1;
    return cli->is_detached ? 0 : sc_oci_wait(cli, &process, err);
}
