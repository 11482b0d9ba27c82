/* The verbs on a container that exists. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"

#define KILL_WAIT_MS 500
#define PASSWD_MAX   (4 << 20)

static const char *
first_arg(const struct sc_oci_cli *cli)
{
    return cli->args.count > 0 ? cli->args.items[0] : NULL;
}

char *
sc_oci_owner(int dir_fd, struct sc_arena *arena)
{
    sc_cleanup_buf passwd = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_user_result user = {0};
    struct stat st;

    if (fstat(dir_fd, &st) < 0)
        return NULL;
    char *uid = sc_arena_printf(arena, "%u", (unsigned)st.st_uid);
    struct sc_user_request ask = {.user = uid};
    if (uid == NULL || sc_file_read_at(AT_FDCWD, "/etc/passwd", PASSWD_MAX, &passwd, &ignored) < 0 ||
        sc_user_resolve(sc_buf_str(&passwd), "", &ask, arena, &user, &ignored) < 0 || user.name == NULL ||
        user.name[0] == '\0')
        return uid;
    return user.name;
}

int
sc_oci_verb_state(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_fd dir = sc_oci_open_state(cli, first_arg(cli), &state, err);

    if (dir < 0)
        return -1;
    state.owner = sc_oci_owner(dir, &cli->arena);
    if (sc_state_document(&state, sc_state_status(&state), true, &text, err) < 0)
        return -1;
    puts(sc_buf_str(&text));
    return 0;
}

/* Without a pid namespace of its own, processes of the container may outlive the first. */
static bool
has_others(struct sc_oci_cli *cli, const struct sc_state *state)
{
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_pid_list pids = {0};

    return !state->has_own_pid_ns && state->cgroup_dirs.count > 0 &&
           sc_runtime_pids(state, &cli->arena, &pids, &ignored) == 0 && pids.count > 0;
}

int
sc_oci_verb_kill(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    int signum = SIGTERM;
    sc_cleanup_fd dir = sc_oci_open_state(cli, first_arg(cli), &state, err);

    if (dir < 0)
        return -1;
    /* 0 sends nothing: it asks whether the container can be signalled */
    if (cli->args.count > 1 && strcmp(cli->args.items[1], "0") == 0)
        signum = 0;
    else if (cli->args.count > 1 && sc_signal_parse(cli->args.items[1], &signum, err) < 0)
        return sc_err_wrap(err, "unknown signal");
    enum sc_status status = sc_state_status(&state);
    if (status == SC_STATUS_STOPPED && !cli->is_all && !(signum == SIGKILL && has_others(cli, &state)))
        return sc_err_set(err, SC_ERR_BUSY, "container not running");
    return sc_runtime_kill(&state, signum, cli->is_all, err);
}

static int
end_by_force(const struct sc_state *state, struct sc_err *err)
{
    struct sc_err gone = SC_ERR_INIT;
    sc_cleanup_fd pidfd = sc_pidfd_open(state->pid, state->start_time, &gone);

    if (sc_runtime_kill(state, SIGKILL, false, err) < 0 && sc_state_status(state) != SC_STATUS_STOPPED)
        return -1;
    /* what does not die of it at once the undo waits for longer, and names */
    if (pidfd >= 0)
        (void)sc_pidfd_wait(pidfd, KILL_WAIT_MS);
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

/* A directory without state.json: of a create that has not written it yet, which holds the lock until the container is
 * there; or what a create or delete that was killed left, which is removed here. -1 with no error: nothing is left. */
static int
lock_remains(struct sc_oci_cli *cli, const char *id, struct sc_state *state, struct sc_err *err)
{
    struct sc_err why = SC_ERR_INIT;
    sc_cleanup_fd dir = sc_oci_open_dir(cli, id, &why);

    if (dir < 0 || sc_state_lock(dir, err) < 0 || !sc_oci_dir_is_of(cli, id, dir))
        return -1;
    why = (struct sc_err)SC_ERR_INIT;
    if (sc_state_read(dir, &cli->arena, state, &why) == 0)
        return sc_steal_fd(&dir);
    if (why.kind != SC_ERR_NOT_FOUND)
        *err = why;
    else
        (void)!sc_oci_remove_state(cli, id, err);
    return -1;
}

int
sc_oci_verb_delete(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    struct sc_err why = SC_ERR_INIT;
    sc_cleanup_fd dir = lock_for_delete(cli, first_arg(cli), &state, &why);

    if (dir < 0 && cli->is_force && why.kind == SC_ERR_NOT_FOUND) {
        why = (struct sc_err)SC_ERR_INIT;
        dir = lock_remains(cli, first_arg(cli), &state, &why);
        if (dir < 0 && why.kind == SC_ERR_NONE)
            return 0;
    }
    if (dir < 0) {
        *err = why;
        return -1;
    }
    enum sc_status status = sc_state_status(&state);
    if (status != SC_STATUS_STOPPED && cli->is_force) {
        if (end_by_force(&state, &why) < 0) {
            *err = why;
            return -1;
        }
    } else if (status != SC_STATUS_STOPPED) {
        return sc_err_set(err, SC_ERR_BUSY, "cannot delete container %s that is not stopped: %s", state.id,
                          sc_status_name(status));
    }
    struct sc_oci_spec spec = {0};
    if (sc_oci_load_config(cli, dir, &spec, &why) < 0)
        spec = (struct sc_oci_spec){0}; /* killed before it wrote it down */
    return sc_oci_destroy(cli, &state, &spec.hooks, err);
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
