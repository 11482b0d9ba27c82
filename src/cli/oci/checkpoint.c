/*
 * checkpoint and restore: criu(8) does the work, sc-oci tells it which of the container's mounts and namespaces come
 * from outside, and says what criu said when it fails.
 *
 * criu runs as a program, not as a service: what it is told is a command line that a person can repeat. Beside its
 * images lies descriptors.json, as runc writes it: what the standard descriptors of init were, so that a restore can
 * put its own in the place of pipes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/oci/oci-priv.h"

#define LOG_MAX       (64 << 20)
#define DESCRIPTORS   "descriptors.json"
#define DIR_DEFAULT   "checkpoint"
#define WORK_DIR_MODE 0700

extern char **environ;

struct criu {
    struct sc_oci_cli *cli;
    struct sc_strv argv;
    const char *images, *work, *log; /* log: name in the work directory */
    const char *bind_root;           /* restore: root file system, mounted on itself first; or NULL */
};

/* One argument more */
#define ADD(criu, ...) sc_strv_addf(&(criu)->argv, &(criu)->cli->arena, __VA_ARGS__)

/* criu's directories, absolute, because it changes into them. */
static int
open_dirs(struct criu *criu, bool makes, struct sc_err *err)
{
    const struct sc_oci_criu_options *o = &criu->cli->checkpoint;
    const char *asked[] = {o->image_path != NULL ? o->image_path : DIR_DEFAULT, o->work_path};
    const char **kept[] = {&criu->images, &criu->work};

    for (size_t i = 0; i < SC_ARRAY_LEN(asked); i++) {
        if (asked[i] == NULL)
            continue;
        if (makes && sc_dir_make_at(AT_FDCWD, asked[i], WORK_DIR_MODE, err) < 0)
            return -1;
        /* lint: a path of the host that the caller names */
        char *absolute = realpath(asked[i], NULL);
        if (absolute == NULL)
            return sc_err_errno(err, errno, "open %s \"%s\"", i == 0 ? "--image-path" : "--work-path", asked[i]);
        *kept[i] = sc_arena_strdup(&criu->cli->arena, absolute);
        free(absolute);
    }
    if (criu->work == NULL)
        criu->work = criu->images;
    return sc_arena_check(&criu->cli->arena, err);
}

/* What both directions are told alike. */
static int
add_common(struct criu *criu, struct sc_err *err)
{
    const struct sc_oci_criu_options *o = &criu->cli->checkpoint;
    const char *mode = o->cgroups_mode != NULL ? o->cgroups_mode : "soft";
    const struct {
        bool is_asked;
        const char *option;
    } flags[] = {{o->tcp_established, "--tcp-established"},
                 {o->ext_unix_sk, "--ext-unix-sk"},
                 {o->shell_job, "--shell-job"},
                 {o->file_locks, "--file-locks"},
                 {o->auto_dedup, "--auto-dedup"}};

    if (strcmp(mode, "soft") != 0 && strcmp(mode, "full") != 0 && strcmp(mode, "strict") != 0 &&
        strcmp(mode, "ignore") != 0)
        return sc_err_set(err, SC_ERR_INVALID, "--manage-cgroups-mode: \"%s\" is not soft, full, strict or ignore",
                          mode);
    ADD(criu, "--images-dir=%s", criu->images);
    ADD(criu, "--work-dir=%s", criu->work);
    ADD(criu, "--log-file=%s", criu->log);
    ADD(criu, "-v4");
    ADD(criu, "--manage-cgroups=%s", mode);
    for (size_t i = 0; i < SC_ARRAY_LEN(flags); i++)
        if (flags[i].is_asked)
            ADD(criu, "%s", flags[i].option);
    for (size_t i = 0; i < o->empty_ns.count; i++) {
        if (strcmp(o->empty_ns.items[i], "network") != 0 && strcmp(o->empty_ns.items[i], "net") != 0)
            return sc_err_set(err, SC_ERR_INVALID, "--empty-ns: \"%s\" is not network", o->empty_ns.items[i]);
        ADD(criu, "--empty-ns=net");
    }
    return sc_arena_check(&criu->cli->arena, err);
}

/* Bind mounts come from outside: on the way out criu is told a name for each, on the way back what bears it now. */
static void
add_mounts(struct criu *criu, const struct sc_oci_spec *spec, bool is_restore)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct sc_oci_mount *m = &spec->mounts[i];
        bool is_bind = sc_str_eq(m->type, "bind");

        for (size_t k = 0; k < m->options.count; k++)
            is_bind = is_bind || strcmp(m->options.items[k], "bind") == 0 || strcmp(m->options.items[k], "rbind") == 0;
        if (is_bind)
            ADD(criu, "--external=mnt[%s]:%s", m->destination, is_restore ? m->source : m->destination);
    }
}

/* The last that criu calls an error, for the message. */
static const char *
last_error(const struct criu *criu)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    const char *path = sc_arena_printf(&criu->cli->arena, "%s/%s", criu->work, criu->log), *found = NULL;

    if (path == NULL || sc_file_read_at(AT_FDCWD, path, LOG_MAX, &text, &ignored) < 0)
        return "it wrote no log";
    for (const char *line = sc_buf_str(&text); *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t len = strcspn(line, "\n");
        const char *error = memmem(line, len, "Error (", strlen("Error ("));

        if (error != NULL)
            found = sc_arena_strndup(&criu->cli->arena, error, (size_t)(line + len - error));
    }
    return found != NULL ? found : "its log names no error";
}

/* criu wants the root to be a mount; it is one in a mount namespace that ends with criu. */
static int
bind_root(const char *root)
{
    if (unshare(CLONE_NEWNS) < 0)
        return -1;
    /* lint: the root of a namespace of our own */
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return -1;
    /* lint: the root that the caller names, in a namespace of our own */
    return mount(root, root, NULL, MS_BIND | MS_REC, NULL);
}

static _Noreturn void
become_criu(const struct criu *criu, const char *path)
{
    if (criu->bind_root != NULL && bind_root(criu->bind_root) < 0)
        _exit(126);
    (void)execve(path, criu->argv.items, environ);
    _exit(127);
}

static int
run_criu(struct criu *criu, const char *what, struct sc_err *err)
{
    char path[4096];
    int status = 0;

    if (sc_arena_check(&criu->cli->arena, err) < 0 || sc_oci_program_find(criu->cli->criu, path, sizeof(path), err) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        become_criu(criu, path);
    if (pid < 0)
        return sc_err_errno(err, errno, "run \"%s\"", path);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return sc_err_errno(err, errno, "wait for \"%s\"", path);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) >= 126)
        return sc_err_set(err, SC_ERR_KERNEL, "criu %s: \"%s\" could not be started", what, path);
    return sc_err_set(err, SC_ERR_KERNEL, "criu %s failed: %s (log file: %s/%s)", what, last_error(criu), criu->work,
                      criu->log);
}

/* ---- checkpoint ------------------------------------------------------------------------------------------------ */

static int
write_descriptors(const struct criu *criu, pid_t pid, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    for (int i = 0; i < 3; i++) {
        char link[64], target[4096];

        snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, i);
        /* lint: a descriptor of the container's, read and not followed */
        ssize_t len = readlink(link, target, sizeof(target));

        sc_buf_addc(&text, i == 0 ? '[' : ',');
        sc_buf_add_json(&text, target, len > 0 && (size_t)len < sizeof(target) ? (size_t)len : 0);
    }
    sc_buf_addc(&text, ']');
    const char *path = sc_arena_printf(&criu->cli->arena, "%s/" DESCRIPTORS, criu->images);
    if (path == NULL || sc_buf_check(&text, err) < 0)
        return path == NULL ? sc_err_nomem(err) : -1;
    return sc_file_replace_at(AT_FDCWD, path, text.data, text.len, 0600, SC_VOLATILE, err);
}

static int
add_dump(struct criu *criu, const struct sc_state *state, struct sc_err *err)
{
    const struct sc_oci_criu_options *o = &criu->cli->checkpoint;
    const char *colon = o->page_server != NULL ? strrchr(o->page_server, ':') : NULL;
    uint32_t number = 0;

    ADD(criu, "--tree=%d", (int)state->pid);
    if (add_common(criu, err) < 0)
        return -1;
    if (o->leaves_running)
        ADD(criu, "--leave-running");
    if (o->lazy_pages)
        ADD(criu, "--lazy-pages");
    if (o->pre_dump || o->parent_path != NULL)
        ADD(criu, "--track-mem");
    if (o->parent_path != NULL && o->parent_path[0] == '/')
        return sc_err_set(err, SC_ERR_INVALID, "--parent-path: \"%s\" must be relative to --image-path",
                          o->parent_path);
    if (o->parent_path != NULL)
        ADD(criu, "--prev-images-dir=%s", o->parent_path);
    if (o->status_fd != NULL) {
        if (sc_parse_u32(o->status_fd, &number, err) < 0 || fcntl((int)number, F_GETFD) < 0)
            return sc_err_set(err, SC_ERR_INVALID, "--status-fd: \"%s\" is not an open descriptor", o->status_fd);
        ADD(criu, "--status-fd=%s", o->status_fd);
    }
    if (o->page_server != NULL) {
        if (colon == NULL || sc_parse_u32(colon + 1, &number, err) < 0 || number == 0 || number > UINT16_MAX)
            return sc_err_set(err, SC_ERR_INVALID, "--page-server: \"%s\" is not ADDRESS:PORT", o->page_server);
        ADD(criu, "--page-server");
        ADD(criu, "--address=%s",
            sc_arena_strndup(&criu->cli->arena, o->page_server, (size_t)(colon - o->page_server)));
        ADD(criu, "--port=%s", colon + 1);
    }
    return sc_arena_check(&criu->cli->arena, err);
}

int
sc_oci_verb_checkpoint(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    struct sc_oci_spec spec = {0};
    bool is_pre_dump = cli->checkpoint.pre_dump;
    struct criu criu = {.cli = cli, .log = is_pre_dump ? "pre-dump.log" : "dump.log"};
    sc_cleanup_fd dir = sc_oci_lock_state(cli, cli->args.items[0], &state, err);

    if (dir < 0)
        return -1;
    enum sc_status status = sc_state_status(&state);
    if (status != SC_STATUS_RUNNING)
        return sc_err_set(err, SC_ERR_BUSY, "container cannot be checkpointed in %s state: container not running",
                          sc_status_name(status));
    if (sc_oci_load_config(cli, dir, &spec, err) < 0 || open_dirs(&criu, true, err) < 0)
        return -1;
    ADD(&criu, "%s", cli->criu);
    ADD(&criu, "%s", is_pre_dump ? "pre-dump" : "dump");
    if (add_dump(&criu, &state, err) < 0)
        return -1;
    add_mounts(&criu, &spec, false);
    if (!is_pre_dump && write_descriptors(&criu, state.pid, err) < 0)
        return -1;
    if (run_criu(&criu, is_pre_dump ? "pre-dump" : "dump", err) < 0)
        return sc_err_wrap(err, "checkpoint %s", state.id);
    if (is_pre_dump || cli->checkpoint.leaves_running)
        return 0;
    /* criu has ended its processes; what it was is in the images now */
    return sc_oci_destroy(cli, &state, &spec.hooks, err);
}

/* ---- restore --------------------------------------------------------------------------------------------------- */

/* Pipes of the old init become ours: criu knows them by the name that its images have. */
static int
add_descriptors(struct criu *criu, struct sc_err *err)
{
    sc_cleanup_json json = NULL;
    const char *path = sc_arena_printf(&criu->cli->arena, "%s/" DESCRIPTORS, criu->images);

    if (path == NULL)
        return sc_err_nomem(err);
    /* lint: beside the images that the caller names */
    if (sc_json_read_at(AT_FDCWD, path, LOG_MAX, &json, err) < 0)
        return sc_err_wrap(err, "read the checkpoint");
    for (size_t i = 0; i < 3 && i < json_array_size(json); i++) {
        const char *target = json_string_value(json_array_get(json, i));

        if (target != NULL && sc_str_starts(target, "pipe:"))
            ADD(criu, "--inherit-fd=fd[%zu]:%s", i, target);
    }
    return sc_arena_check(&criu->cli->arena, err);
}

static int
add_restore(struct criu *criu, const struct sc_oci_spec *spec, const char *pid_file, struct sc_err *err)
{
    const struct sc_oci_criu_options *o = &criu->cli->checkpoint;

    ADD(criu, "%s", criu->cli->criu);
    ADD(criu, "restore");
    if (add_common(criu, err) < 0 || add_descriptors(criu, err) < 0)
        return -1;
    ADD(criu, "--root=%s", criu->bind_root);
    ADD(criu, "--restore-detached");
    ADD(criu, "--pidfile=%s", pid_file);
    if (o->lazy_pages)
        ADD(criu, "--lazy-pages");
    if (o->lsm_profile != NULL)
        ADD(criu, "--lsm-profile=%s", o->lsm_profile);
    if (o->lsm_mount_context != NULL)
        ADD(criu, "--lsm-mount-context=%s", o->lsm_mount_context);
    add_mounts(criu, spec, true);
    return sc_arena_check(&criu->cli->arena, err);
}

static int
find_process(const char *pid_file, struct sc_process *process, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_file_read_at(AT_FDCWD, pid_file, SC_NUM_MAX, &text, err) < 0)
        return sc_err_wrap(err, "find the restored process");
    process->pid = (pid_t)strtol(sc_buf_str(&text), NULL, 10);
    if (process->pid <= 0)
        return sc_err_set(err, SC_ERR_KERNEL, "find the restored process: criu wrote \"%s\"", sc_buf_str(&text));
    process->start_time = sc_process_start_time(process->pid);
    process->pidfd = sc_pidfd_open(process->pid, process->start_time, err);
    return process->pidfd < 0 ? -1 : 0;
}

static int
restore(struct sc_oci_cli *cli, struct sc_oci_creation *c, struct criu *criu, struct sc_process *process,
        struct sc_err *err)
{
    const char *pid_file = sc_arena_printf(&cli->arena, "%s/restore.pid", criu->work);

    if (pid_file == NULL)
        return sc_err_nomem(err);
    /* lint: a file of ours in the caller's work directory */
    (void)unlink(pid_file);
    /* the restored init is a grandchild: it becomes ours to wait for when criu has left */
    if (!cli->is_detached && !cli->no_subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return sc_err_errno(err, errno, "become a subreaper");
    if (add_restore(criu, &c->spec, pid_file, err) < 0 || run_criu(criu, "restore", err) < 0 ||
        find_process(pid_file, process, err) < 0)
        return -1;
    c->state.pid = process->pid;
    c->state.start_time = process->start_time;
    c->state.is_creating = false;
    c->state.was_started = true;
    if (sc_state_write(c->dir_fd, &c->state, SC_VOLATILE, err) < 0)
        return -1;
    sc_state_unlock(c->dir_fd);
    return sc_oci_publish(cli, process, err);
}

int
sc_oci_verb_restore(struct sc_oci_cli *cli, struct sc_err *err)
{
    sc_cleanup_creation c = SC_OCI_CREATION_INIT;
    struct sc_process process = SC_PROCESS_INIT;
    struct criu criu = {.cli = cli, .log = "restore.log"};
    struct sc_err ignored = SC_ERR_INIT;
    const char *id = cli->args.items[0];

    if (sc_oci_check_id(id, err) < 0 || open_dirs(&criu, false, err) < 0 ||
        sc_oci_creation_prepare(cli, id, false, &c, err) < 0)
        return -1;
    if (c.spec.process.terminal)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "restore %s: a container with a terminal cannot be restored", id);
    if (c.spec.linux_.intel_rdt.is_set)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "restore %s: criu does not restore what linux.intelRdt asks for",
                          id);
    c.dir_fd = sc_oci_make_state_dir(cli, id, err);
    if (c.dir_fd < 0)
        return -1;
    sc_state_from_plan(&c.plan, &process, &cli->arena, &c.state);
    c.state.bundle = c.bundle;
    c.state.is_creating = true;
    criu.bind_root = c.spec.root.path[0] == '/' ? c.spec.root.path
                                                : sc_arena_printf(&cli->arena, "%s/%s", c.bundle, c.spec.root.path);
    if (sc_state_write(c.dir_fd, &c.state, SC_VOLATILE, err) < 0 ||
        sc_file_replace_at(c.dir_fd, SC_OCI_KEPT_CONFIG, c.config_text.data, c.config_text.len, 0600, SC_VOLATILE,
                           err) < 0 ||
        restore(cli, &c, &criu, &process, err) < 0) {
        (void)!sc_runtime_delete(&c.state, &ignored);
        (void)!sc_oci_remove_state(cli, id, &ignored);
        return sc_err_wrap(err, "restore %s", id);
    }
    return cli->is_detached ? 0 : sc_oci_creation_finish(cli, &c, &process, err);
}
