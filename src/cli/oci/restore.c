/* restore: a container from criu's images, in cgroups that are made anew with the limits of its config. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/oci/criu-priv.h"

#define ROOT_DIR   "criu-root" /* in the state directory */
#define CGROUP_MAX (64 << 10)
#define STATUS_MAX (64 << 10)
#define EXTRA_FD_0 4

/* A restore under way */
struct restore {
    struct sc_oci_cli *cli;
    struct sc_oci_creation *c;
    struct sc_criu *criu;
    struct sc_process *process;
};

/* criu_opts.inherit_fd: what had this name is to be descriptor fd, of criu */
static void
add_inherited(struct sc_criu *criu, const char *key, int fd)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_criu_add_text(&text, 1, key);
    sc_criu_add_number(&text, 2, (uint64_t)fd);
    sc_criu_add_bytes(&criu->opts, SC_CRIU_INHERIT_FD, text.data, text.len);
}

/* Pipes of the old init, and files from outside, become what we have in their place. */
static int
add_descriptors(struct sc_criu *criu, struct sc_err *err)
{
    sc_cleanup_json json = NULL;

    if (sc_json_read_at(criu->images_fd, SC_CRIU_DESCRIPTORS, SC_CRIU_LOG_MAX, &json, err) < 0)
        return sc_err_wrap(err, "read the checkpoint");
    for (size_t i = 0; i < 3 && i < json_array_size(json); i++) {
        const char *target = json_string_value(json_array_get(json, i));
        bool is_known = false;

        if (target == NULL || (!sc_str_starts(target, "pipe:") && !sc_str_starts(target, "file[")))
            continue;
        /* standard output and error are often one pipe */
        for (size_t k = 0; k < i; k++)
            is_known = is_known || sc_str_eq(json_string_value(json_array_get(json, k)), target);
        if (!is_known)
            add_inherited(criu, target, (int)i);
    }
    return 0;
}

/* criu joins mount, ipc, uts and user namespaces itself; network and pid namespaces it must be handed. */
static int
add_namespaces(struct sc_criu *criu, const struct sc_oci_spec *spec, struct sc_err *err)
{
    for (size_t i = 0; i < spec->linux_.namespace_count; i++) {
        const struct sc_oci_namespace *ns = &spec->linux_.namespaces[i];
        const struct sc_criu_namespace *external = sc_criu_namespaces;
        sc_cleanup_buf text = SC_BUF_INIT;

        if (ns->path == NULL)
            continue;
        if (ns->kind == SC_NS_CGROUP || ns->kind == SC_NS_TIME)
            return sc_err_set(err, SC_ERR_UNSUPPORTED, "criu cannot join the %s namespace \"%s\"",
                              sc_ns_table[ns->kind].oci_name, ns->path);
        while (external->name != NULL && external->kind != ns->kind)
            external++;
        if (external->name != NULL) {
            /* lint: the host's, as the caller's configuration names it */
            int fd = open(ns->path, O_RDONLY | O_CLOEXEC);

            if (fd < 0)
                return sc_err_errno(err, errno, "open namespace \"%s\"", ns->path);
            add_inherited(criu, external->key, EXTRA_FD_0 + (int)criu->extra_fd_count);
            criu->extra_fds[criu->extra_fd_count++] = fd;
            continue;
        }
        sc_criu_add_text(&text, 1, sc_ns_table[ns->kind].proc_name);
        sc_criu_add_text(&text, 2, ns->path);
        sc_criu_add_bytes(&criu->opts, SC_CRIU_JOIN_NS, text.data, text.len);
    }
    return 0;
}

static void
add_mounts(struct sc_criu *criu, const struct sc_plan *plan)
{
    const struct sc_step *step;

    for (size_t at = 0; (step = sc_criu_next_bind(plan, &at)) != NULL;)
        sc_criu_addf(criu, SC_CRIU_EXTERNAL, "mnt[%s]:%s", step->u.tree.destination, step->u.tree.source);
}

static bool
is_below(const char *path, const char *top)
{
    size_t len = strlen(top);

    return strncmp(path, top, len) == 0 && path[len] == '/';
}

/* criu mounts only on what is there: the root may be a fresh copy that never had the container. What lies on another of
 * its mounts is criu's own, or came with that. */
static int
make_mountpoints(const struct sc_oci_spec *spec, const char *root_path, struct sc_err *err)
{
    /* lint: the root that the caller names */
    sc_cleanup_fd root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return sc_err_errno(err, errno, "open root \"%s\"", root_path);
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct sc_oci_mount *m = &spec->mounts[i];
        bool is_nested = false, is_file = false;
        struct stat st;

        for (size_t k = 0; k < spec->mount_count; k++)
            is_nested = is_nested || is_below(m->destination, spec->mounts[k].destination);
        if (is_nested)
            continue;
        /* lint: the host's, as the caller's configuration names it */
        if (m->source != NULL && m->source[0] == '/' && stat(m->source, &st) == 0)
            is_file = !S_ISDIR(st.st_mode);
        sc_cleanup_fd made = sc_path_make(root, m->destination, is_file, 0755);
        if (made < 0)
            return sc_err_errno(err, -made, "make mount point \"%s\"", m->destination);
    }
    return 0;
}

/* Where criu is now is where what it restores goes: criu_opts.cg_root, of each hierarchy. */
static int
add_cgroup_roots(struct sc_criu *criu, struct sc_err *err)
{
    char path[64];
    sc_cleanup_buf text = SC_BUF_INIT;

    snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)criu->pid);
    if (sc_file_read_at(AT_FDCWD, path, CGROUP_MAX, &text, err) < 0)
        return -1;
    for (const char *line = sc_buf_str(&text); *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t len = strcspn(line, "\n");
        const char *controllers = memchr(line, ':', len);
        const char *dir =
            controllers != NULL ? memchr(controllers + 1, ':', len - (size_t)(controllers + 1 - line)) : NULL;
        sc_cleanup_buf one = SC_BUF_INIT;

        if (dir == NULL)
            continue;
        sc_criu_add_bytes(&one, 1, controllers + 1, (size_t)(dir - controllers - 1));
        sc_criu_add_bytes(&one, 2, dir + 1, (size_t)(line + len - dir - 1));
        sc_criu_add_bytes(&criu->opts, SC_CRIU_CG_ROOT, one.data, one.len);
    }
    return 0;
}

static int
run_hooks(struct restore *r, pid_t pid, struct sc_err *err)
{
    sc_cleanup_buf state = SC_BUF_INIT;
    const struct sc_oci_hooks *hooks = &r->c->spec.hooks;

    if (hooks->prestart.count + hooks->create_runtime.count == 0)
        return 0;
    if (sc_oci_write_state(r->c, pid, &state, err) < 0 ||
        sc_hooks_run(&hooks->prestart, "prestart", r->c->bundle, sc_buf_str(&state), err) < 0)
        return -1;
    return sc_hooks_run(&hooks->create_runtime, "createRuntime", r->c->bundle, sc_buf_str(&state), err);
}

static int
be_notified(void *data, const struct sc_criu_answer *notification, int *fd, struct sc_err *err)
{
    struct restore *r = data;

    if (sc_str_eq(notification->script, "setup-namespaces"))
        return run_hooks(r, notification->pid, err);
    /* the terminal's other end, which nobody of the container had */
    if (sc_str_eq(notification->script, "orphan-pts-master")) {
        sc_closep(&r->process->console_fd);
        r->process->console_fd = sc_steal_fd(fd);
    }
    return 0;
}

/* Some versions of criu pass over what was asked for; then the process must not run on without it. */
static int
check_restored(const struct restore *r, struct sc_err *err)
{
    char path[64];
    sc_cleanup_buf text = SC_BUF_INIT;

    if (!r->c->spec.process.no_new_privileges)
        return 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)r->process->pid);
    if (sc_file_read_at(AT_FDCWD, path, STATUS_MAX, &text, err) < 0)
        return -1;
    if (strstr(sc_buf_str(&text), "\nNoNewPrivs:\t1") == NULL)
        return sc_err_set(err, SC_ERR_UNSUPPORTED,
                          "process.noNewPrivileges: this criu does not restore it beside an AppArmor profile");
    return 0;
}

static int
restore_process(struct restore *r, struct sc_err *err)
{
    struct sc_oci_creation *c = r->c;
    struct sc_process *process = r->process;
    struct sc_criu_answer answer = {0};

    if (sc_criu_start(r->criu, err) < 0 || add_cgroup_roots(r->criu, err) < 0 ||
        sc_criu_ask(r->criu, SC_CRIU_RESTORE, "restore", be_notified, r, &answer, err) < 0)
        return -1;
    if (answer.pid <= 0)
        return sc_err_set(err, SC_ERR_KERNEL, "find the restored process: criu named none");
    process->pid = answer.pid;
    process->start_time = sc_process_start_time(process->pid);
    process->pidfd = sc_pidfd_open(process->pid, process->start_time, err);
    if (process->pidfd < 0)
        return -1;
    c->state.pid = process->pid;
    c->state.start_time = process->start_time;
    c->state.is_creating = false;
    c->state.was_started = true;
    if (check_restored(r, err) < 0 || sc_state_write(c->dir_fd, &c->state, SC_VOLATILE, err) < 0)
        return -1;
    sc_state_unlock(c->dir_fd);
    return sc_oci_publish(r->cli, process, err);
}

/* Called when the cgroups have been made, which are taken back after an error. */
static int
restore(void *data, struct sc_err *err)
{
    struct restore *r = data;

    if (restore_process(r, err) == 0)
        return 0;
    if (r->process->pid > 0) {
        kill(r->process->pid, SIGKILL);
        while (waitpid(r->process->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    return -1;
}

static int
add_restore(struct restore *r, struct sc_err *err)
{
    const struct sc_oci_criu_options *o = &r->cli->checkpoint;
    struct sc_criu *criu = r->criu;
    const struct sc_oci_spec *spec = &r->c->spec;

    if (sc_criu_add_common(criu, spec, err) < 0 || add_descriptors(criu, err) < 0 ||
        add_namespaces(criu, spec, err) < 0)
        return -1;
    sc_criu_add_text(&criu->opts, SC_CRIU_ROOT, criu->bound_root);
    sc_criu_add_number(&criu->opts, SC_CRIU_RST_SIBLING, 1);
    sc_criu_add_number(&criu->opts, SC_CRIU_EVASIVE_DEVICES, 1);
    if (o->lsm_profile != NULL)
        sc_criu_add_text(&criu->opts, SC_CRIU_LSM_PROFILE, o->lsm_profile);
    if (o->lsm_mount_context != NULL)
        sc_criu_add_text(&criu->opts, SC_CRIU_LSM_MOUNT_CONTEXT, o->lsm_mount_context);
    add_mounts(criu, &r->c->plan);
    return make_mountpoints(spec, criu->root, err);
}

/* The state directory is there: what is needed to take back what follows is written before it is made. */
static int
make(struct restore *r, struct sc_err *err)
{
    struct sc_oci_creation *c = r->c;
    struct sc_launch how = SC_LAUNCH_INIT;
    char *root = c->spec.root.path;

    how.cgroups = &c->host.cgroups;
    sc_state_from_plan(&c->plan, r->process, &r->cli->arena, &c->state);
    c->state.bundle = c->bundle;
    c->state.is_creating = true;
    r->criu->root = root[0] == '/' ? root : sc_arena_printf(&r->cli->arena, "%s/%s", c->bundle, root);
    r->criu->cgroup_dirs = &c->state.cgroup_dirs;
    /* under it a profile could not be entered any more */
    r->criu->no_new_privs = c->spec.process.no_new_privileges && c->spec.process.apparmor_profile == NULL;
    /* lint: --root, made absolute since criu works elsewhere */
    char *state_root = realpath(r->cli->root, NULL);
    if (state_root != NULL)
        r->criu->bound_root = sc_arena_printf(&r->cli->arena, "%s/%s/" ROOT_DIR, state_root, r->cli->args.items[0]);
    free(state_root);
    if (r->criu->bound_root == NULL || sc_arena_check(&r->cli->arena, err) < 0)
        return sc_err_nomem(err);
    if (mkdirat(c->dir_fd, ROOT_DIR, 0755) < 0)
        return sc_err_errno(err, errno, "make a directory for the root");
    if (sc_state_write(c->dir_fd, &c->state, SC_VOLATILE, err) < 0 ||
        sc_file_replace_at(c->dir_fd, SC_OCI_KEPT_CONFIG, c->config_text.data, c->config_text.len, 0600, SC_VOLATILE,
                           err) < 0 ||
        add_restore(r, err) < 0)
        return -1;
    if (!r->cli->is_detached)
        sc_oci_hold_signals();
    if (sc_launch_into_cgroups(&c->plan, &how, restore, r, err) < 0)
        return -1;
    (void)unlinkat(c->dir_fd, ROOT_DIR, AT_REMOVEDIR);
    return 0;
}

int
sc_oci_verb_restore(struct sc_oci_cli *cli, struct sc_err *err)
{
    sc_cleanup_creation c = SC_OCI_CREATION_INIT;
    sc_cleanup_criu criu = SC_CRIU_INIT;
    struct sc_process process = SC_PROCESS_INIT;
    struct restore r = {.cli = cli, .c = &c, .criu = &criu, .process = &process};
    struct sc_err ignored = SC_ERR_INIT;
    const char *id = cli->args.items[0];

    criu.cli = cli;
    criu.log = "restore.log";
    if (sc_oci_check_id(id, err) < 0 || sc_criu_open_dirs(&criu, false, err) < 0 ||
        sc_oci_creation_prepare(cli, id, false, &c, err) < 0)
        return -1;
    if (c.spec.linux_.intel_rdt.is_set)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "restore %s: criu does not restore what linux.intelRdt asks for",
                          id);
    c.dir_fd = sc_oci_make_state_dir(cli, id, err);
    if (c.dir_fd < 0)
        return -1;
    if (make(&r, err) < 0) {
        (void)unlinkat(c.dir_fd, ROOT_DIR, AT_REMOVEDIR);
        (void)!sc_oci_remove_state(cli, id, &ignored);
        return sc_err_wrap(err, "restore %s", id);
    }
    sc_criu_release(&criu);
    return cli->is_detached ? 0 : sc_oci_creation_finish(cli, &c, &process, err);
}
