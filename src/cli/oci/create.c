/* create, run, start: from a bundle to a process. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"
#include "kernel/seccomp.h"
#include "monitor/monitor.h"

int
sc_oci_check_terminal(const struct sc_oci_cli *cli, bool has_terminal, bool is_detached, struct sc_err *err)
{
    if (is_detached && has_terminal && cli->console_socket == NULL)
        return sc_err_set(err, SC_ERR_INVALID,
                          "cannot allocate tty if sc-oci will detach without setting console socket");
    if (!(is_detached && has_terminal) && cli->console_socket != NULL)
        return sc_err_set(err, SC_ERR_INVALID, "cannot use console socket if sc-oci will not detach or allocate tty");
    return 0;
}

/* A descriptor goes to the engine: a terminal's master (--console-socket), a pidfd (--pidfd-socket); as runc sends
 * them, with a name beside it. */
static int
send_fd(const char *option, const char *path, const char *name, int fd, struct sc_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    sc_cleanup_fd sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (sock < 0)
        return sc_err_errno(err, errno, "make a socket");
    if (strlen(path) >= sizeof(address.sun_path))
        return sc_err_set(err, SC_ERR_INVALID, "%s: \"%s\" is too long for a socket", option, path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
        return sc_err_errno(err, errno, "connect to %s \"%s\"", option, path);
    return sc_msg_send(sock, name, strlen(name), &fd, 1, err);
}

int
sc_oci_publish(const struct sc_oci_cli *cli, struct sc_process *process, struct sc_err *err)
{
    char text[SC_NUM_MAX];

    if (process->console_fd >= 0 && cli->console_socket != NULL) {
        if (send_fd("--console-socket", cli->console_socket, "/dev/ptmx", process->console_fd, err) < 0)
            return -1;
        sc_closep(&process->console_fd);
    }
    if (cli->pidfd_socket != NULL && send_fd("--pidfd-socket", cli->pidfd_socket, "pidfd", process->pidfd, err) < 0)
        return -1;
    if (cli->pid_file == NULL)
        return 0;
    int len = snprintf(text, sizeof(text), "%d", (int)process->pid);
    return sc_file_replace_at(AT_FDCWD, cli->pid_file, text, (size_t)len, 0644, SC_VOLATILE, err);
}

void
sc_oci_creation_release(struct sc_oci_creation *c)
{
    sc_buf_release(&c->config_text);
    sc_closep(&c->dir_fd);
    sc_closep(&c->gate_fd);
    sc_closep(&c->notify_fd);
}

static int
load_spec(struct sc_oci_cli *cli, struct sc_oci_creation *c, struct sc_err *err)
{
    const char *file = c->config != NULL ? c->config : sc_arena_printf(&cli->arena, "%s/config.json", c->bundle);

    if (file == NULL)
        return sc_err_nomem(err);
    if (sc_file_read_at(AT_FDCWD, file, SC_OCI_CONFIG_MAX, &c->config_text, err) < 0)
        return -1;
    if (sc_oci_decode(c->config_text.data, c->config_text.len, &cli->arena, &c->spec, err) < 0)
        return -1;
    return sc_seccomp_recognise(&c->spec.linux_.seccomp, c->spec.process.capabilities.bounding, &cli->arena, err);
}

int
sc_oci_write_state(void *creation, pid_t pid, struct sc_buf *out, struct sc_err *err)
{
    struct sc_oci_creation *c = creation;

    c->state.pid = pid;
    return sc_state_oci(&c->state, SC_STATUS_CREATING, out, err);
}

/* crun's --config: a file of the caller's, not of the bundle. start and exec read it again. */
static int
find_config(struct sc_oci_cli *cli, struct sc_oci_creation *c, struct sc_err *err)
{
    if (cli->config == NULL || strcmp(cli->config, "config.json") == 0)
        return 0;
    /* lint: a path of the host that the caller names */
    char *absolute = realpath(cli->config, NULL);
    if (absolute == NULL)
        return sc_err_errno(err, errno, "open --config \"%s\"", cli->config);
    c->config = sc_arena_strdup(&cli->arena, absolute);
    free(absolute);
    return c->config != NULL ? 0 : sc_err_nomem(err);
}

/* config.md, "Linux Process": what cannot be given is to be warned of, not refused. */
static void
warn_of_capabilities(const struct sc_oci_cli *cli, const struct sc_oci_creation *c)
{
    const struct sc_strv *unknown = &c->spec.process.capabilities.unknown;
    sc_cleanup_buf text = SC_BUF_INIT;

    if (c->plan.caps_left_out == 0 && unknown->count == 0)
        return;
    sc_buf_adds(&text, "process.capabilities: left out, because they cannot be given here:");
    for (int cap = 0; cap < 64; cap++)
        if ((c->plan.caps_left_out & SC_CAP_BIT(cap)) != 0)
            sc_buf_addf(&text, " %s", sc_cap_name(cap) != NULL ? sc_cap_name(cap) : "?");
    for (size_t i = 0; i < unknown->count; i++)
        sc_buf_addf(&text, " %s", unknown->items[i]);
    sc_oci_log(cli, "warning", sc_buf_str(&text));
}

int
sc_oci_creation_prepare(struct sc_oci_cli *cli, const char *id, bool waits, struct sc_oci_creation *c,
                        struct sc_err *err)
{
    struct sc_ask ask = {.id = id,
                         .cgroup_parent = "/",
                         .waits_for_start = waits,
                         .no_pivot = cli->no_pivot,
                         .no_new_keyring = cli->no_new_keyring,
                         .without_cgroups = sc_str_eq(cli->cgroup_manager, "disabled")};
    /* lint: a path of the host that the caller names */
    char *absolute = realpath(cli->bundle != NULL ? cli->bundle : ".", NULL);

    if (absolute == NULL)
        return sc_err_errno(err, errno, "open bundle \"%s\"", cli->bundle != NULL ? cli->bundle : ".");
    c->bundle = sc_arena_strdup(&cli->arena, absolute);
    free(absolute);
    ask.bundle = c->bundle;
    if (find_config(cli, c, err) < 0 || load_spec(cli, c, err) < 0)
        return -1;
    if (sc_oci_check_terminal(cli, c->spec.process.terminal, waits || cli->is_detached, err) < 0 ||
        sc_oci_listen_spec(cli, &c->spec.process, err) < 0 || sc_oci_check_preserved(cli, err) < 0 ||
        sc_oci_notify_spec(cli, id, &c->spec, err) < 0)
        return -1;
    ask.preserve_fds = cli->listen_fds + cli->preserve_fds;
    if (sc_host_detect(&cli->arena, &c->host, err) < 0)
        return -1;
    if (cli->no_pivot && !c->host.root_is_ramfs && sc_host_find_bare_mounts(&c->host, &cli->arena, err) < 0)
        return -1;
    if (c->spec.linux_.intel_rdt.is_set && sc_host_find_resctrl(&c->host, &cli->arena, err) < 0)
        return -1;
    if (cli->systemd_cgroup) {
        if (sc_host_detect_systemd(&c->host, &cli->arena, &c->systemd, err) < 0)
            return -1;
        ask.systemd = &c->systemd;
    }
    if (sc_plan_compile(&c->spec, &c->host, &ask, &cli->arena, &c->plan, err) < 0)
        return -1;
    warn_of_capabilities(cli, c);
    return 0;
}

/* The process exists: from here on whoever deletes the container finds it by its pid, whatever becomes of us. */
static int
record_process(void *data, const struct sc_process *process, struct sc_err *err)
{
    struct sc_oci_creation *c = data;

    c->state.pid = process->pid;
    c->state.start_time = process->start_time;
    return sc_state_write(c->dir_fd, &c->state, SC_VOLATILE, err);
}

int
sc_oci_make_state_dir(struct sc_oci_cli *cli, const char *id, struct sc_err *err)
{
    if (sc_dir_make_at(AT_FDCWD, cli->root, 0711, err) < 0)
        return -1;
    sc_cleanup_fd root = sc_dir_open_at(AT_FDCWD, cli->root, err);
    if (root < 0)
        return -1;
    if (mkdirat(root, id, 0711) < 0) {
        if (errno == EEXIST)
            return sc_err_set(err, SC_ERR_EXISTS, "container with given ID already exists: %s", id);
        return sc_err_errno(err, errno, "make state directory of %s", id);
    }
    sc_cleanup_fd dir = sc_dir_open_at(root, id, err);
    if ((dir < 0 && err->kind != SC_ERR_NOT_FOUND) || (dir >= 0 && sc_state_lock(dir, err) < 0))
        return -1;
    /* a delete --force may have had the lock first, and then the directory is no longer there */
    if (dir < 0 || !sc_oci_dir_is_of(cli, id, dir))
        return sc_err_set(err, SC_ERR_BUSY, "create %s: it was deleted at the same moment", id);
    return sc_steal_fd(&dir);
}

int
sc_oci_cache_open(const struct sc_oci_cli *cli)
{
    char path[4096];
    struct sc_err ignored = SC_ERR_INIT;

    snprintf(path, sizeof(path), "%s/.seccomp", cli->root);
    if (sc_dir_make_at(AT_FDCWD, path, 0700, &ignored) < 0)
        return -1;
    return sc_dir_open_at(AT_FDCWD, path, &ignored);
}

static int
launch(struct sc_oci_cli *cli, struct sc_oci_creation *c, bool waits, struct sc_process *process, struct sc_err *err)
{
    struct sc_launch how = SC_LAUNCH_INIT;
    sc_cleanup_fd cache = sc_oci_cache_open(cli);
    sc_cleanup_buf state_text = SC_BUF_INIT, created_text = SC_BUF_INIT;

    how.in = 0;
    how.out = 1;
    how.err_fd = 2;
    how.seccomp_cache_fd = cache;
    how.cgroups = &c->host.cgroups;
    how.gate_fd = c->gate_fd;
    how.clears_onlcr = cli->console_socket == NULL; /* as runc: an engine sets its terminal's modes itself */
    how.explain = cli->is_debug;
    how.trace = sc_oci_log_step;
    how.trace_data = cli;
    how.state_with_pid = sc_oci_write_state;
    how.state_data = c;
    how.hook_dir = c->bundle;
    how.record = record_process;
    how.record_data = c;
    how.lock_fd = c->dir_fd;
    how.copy_fd = sc_steal_fd(&cli->copy_fd);
    /* what is needed to clean up is known before anything is made */
    sc_state_from_plan(&c->plan, process, &cli->arena, &c->state);
    c->state.bundle = c->bundle;
    c->state.is_creating = true;
    if (sc_arena_check(&cli->arena, err) < 0 || sc_state_write(c->dir_fd, &c->state, SC_VOLATILE, err) < 0)
        return -1;
    if (c->spec.hooks.create_container.count + c->spec.hooks.start_container.count > 0) {
        if (sc_state_oci(&c->state, SC_STATUS_CREATING, &state_text, err) < 0 ||
            sc_state_oci(&c->state, SC_STATUS_CREATED, &created_text, err) < 0)
            return -1;
        how.state_json = state_text.data;
        how.created_json = created_text.data;
    }
    if (sc_file_replace_at(c->dir_fd, SC_OCI_KEPT_CONFIG, c->config_text.data, c->config_text.len, 0600, SC_VOLATILE,
                           err) < 0)
        return -1;
    c->was_launched = true;
    if (!waits && !cli->is_detached)
        sc_oci_hold_signals();
    if (sc_launch_run(&c->plan, &how, process, err) < 0)
        return -1;
    c->state.is_creating = false;
    c->state.was_started = !waits;
    if (sc_state_write(c->dir_fd, &c->state, SC_VOLATILE, err) < 0 || sc_oci_publish(cli, process, err) < 0) {
        struct sc_err ignored = SC_ERR_INIT;

        kill(process->pid, SIGKILL);
        while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        (void)!sc_undo_run(c->plan.undo, &ignored);
        return -1;
    }
    return 0;
}

/* -1 only where the socket should be there and is not */
static int
bind_notify(struct sc_oci_creation *c, struct sc_err *err)
{
    struct sc_err why = SC_ERR_INIT;

    c->notify_fd = sc_oci_notify_bind(c->dir_fd, &why);
    if (why.kind == SC_ERR_NONE)
        return 0;
    *err = why;
    return -1;
}

static int
create(struct sc_oci_cli *cli, bool waits, struct sc_oci_creation *c, struct sc_process *process, struct sc_err *err)
{
    const char *id = cli->args.count > 0 ? cli->args.items[0] : "";
    struct sc_err ignored = SC_ERR_INIT;

    if (sc_oci_check_id(id, err) < 0 || sc_launch_check_files(err) < 0 ||
        sc_oci_creation_prepare(cli, id, waits, c, err) < 0)
        return -1;
    c->dir_fd = sc_oci_make_state_dir(cli, id, err);
    if (c->dir_fd < 0)
        return -1;
    if (waits)
        c->gate_fd = sc_gate_listen(c->dir_fd, err);
    if ((waits && c->gate_fd < 0) || sc_oci_notify_directory(c->dir_fd, err) < 0 ||
        (!waits && bind_notify(c, err) < 0) || launch(cli, c, waits, process, err) < 0) {
        /* runtime.md, "Lifecycle": a create that fails goes on where delete does */
        if (c->was_launched)
            sc_oci_poststop(cli, &c->state, &c->spec.hooks);
        (void)!sc_oci_remove_state(cli, id, &ignored);
        return -1;
    }
    sc_state_unlock(c->dir_fd);
    return 0;
}

int
sc_oci_verb_create(struct sc_oci_cli *cli, struct sc_err *err)
{
    sc_cleanup_creation c = SC_OCI_CREATION_INIT;
    struct sc_process process = SC_PROCESS_INIT;

    return create(cli, true, &c, &process, err);
}

int
sc_oci_creation_finish(struct sc_oci_cli *cli, struct sc_oci_creation *c, struct sc_process *process,
                       struct sc_err *err)
{
    pid_t notifier = c->notify_fd >= 0 ? sc_oci_notify_fork(c->notify_fd, process) : -1;
    if (sc_oci_wait(cli, process, err) < 0)
        return -1;
    if (notifier > 0)
        (void)waitpid(notifier, NULL, 0);
    if (cli->keeps)
        return 0;
    return sc_oci_destroy(cli, &c->state, &c->spec.hooks, err);
}

int
sc_oci_verb_run(struct sc_oci_cli *cli, struct sc_err *err)
{
    sc_cleanup_creation c = SC_OCI_CREATION_INIT;
    struct sc_process process = SC_PROCESS_INIT;

    if (create(cli, false, &c, &process, err) < 0)
        return -1;
    if (sc_oci_poststart(cli, &c.state, &c.spec.hooks, err) < 0)
        return -1;
    if (cli->is_detached)
        return c.notify_fd >= 0 ? sc_oci_notify_follow(c.notify_fd, &process, true, err) : 0;
    return sc_oci_creation_finish(cli, &c, &process, err);
}

int
sc_oci_verb_start(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    struct sc_oci_spec spec = {0};
    sc_cleanup_fd dir = sc_oci_lock_state(cli, cli->args.count > 0 ? cli->args.items[0] : NULL, &state, err);

    if (dir < 0)
        return -1;
    enum sc_status status = sc_state_status(&state);
    if (status != SC_STATUS_CREATED)
        return sc_err_set(err, SC_ERR_BUSY, "%s",
                          status == SC_STATUS_STOPPED ? "cannot start a container that has stopped"
                                                      : "cannot start an already running container");
    if (sc_oci_load_config(cli, dir, &spec, err) < 0)
        return -1;

    struct sc_err why = SC_ERR_INIT;
    sc_cleanup_fd notify = sc_oci_notify_bind(dir, &why);
    if (why.kind != SC_ERR_NONE) {
        *err = why;
        return -1;
    }
    if (sc_gate_open(dir, &spec, &state, err) < 0) {
        /* a startContainer hook that failed, or what only execve can tell: the container stops here */
        (void)!sc_oci_destroy(cli, &state, &spec.hooks, &why);
        return -1;
    }
    state.was_started = true;
    if (sc_state_write(dir, &state, SC_VOLATILE, err) < 0)
        return -1;
    sc_state_unlock(dir);
    if (sc_oci_poststart(cli, &state, &spec.hooks, err) < 0)
        return -1;
    if (notify < 0)
        return 0;

    struct sc_process process = {.pid = state.pid, .pidfd = sc_pidfd_open(state.pid, state.start_time, &why)};
    int result = process.pidfd >= 0 ? sc_oci_notify_follow(notify, &process, true, err) : 0;
    sc_closep(&process.pidfd);
    return result;
}
