/* checkpoint: the container into criu's images. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cli/oci/criu-priv.h"

#define MEM_MAJOR 1 /* /dev/null and its like (admin-guide/devices.txt) */
#define INFO_MAX  (4 << 20)

/* ---- standard descriptors ------------------------------------------------------------------------------------ */

/* The mount that the descriptor was opened through, or -1 */
static int
mount_of(pid_t pid, int fd)
{
    char path[64];
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;

    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
    if (sc_file_read_at(AT_FDCWD, path, INFO_MAX, &text, &ignored) < 0)
        return -1;
    const char *line = strstr(sc_buf_str(&text), "mnt_id:");
    return line != NULL ? (int)strtol(line + strlen("mnt_id:"), NULL, 10) : -1;
}

static bool
has_mount(const char *mountinfo, int id)
{
    for (const char *line = mountinfo; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n')
        if ((int)strtol(line, NULL, 10) == id)
            return true;
    return false;
}

/* What descriptor fd is, as runc has it in descriptors.json. A file that none of the container's mounts leads to, like
 * the host's /dev/null, is named as criu knows it from outside: file[mount:inode]. */
static const char *
describe(struct sc_criu *criu, pid_t pid, int fd, const char *mountinfo)
{
    char link[64], target[4096];
    struct stat st;

    snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, fd);
    /* lint: a descriptor of the container's, read and not followed */
    ssize_t len = readlink(link, target, sizeof(target) - 1);
    if (len < 0)
        return "";
    target[len] = '\0';
    int mount = mount_of(pid, fd);
    /* lint: the kernel's link to what is open, which no name leads to */
    if (target[0] == '/' && mount >= 0 && !has_mount(mountinfo, mount) && stat(link, &st) == 0 &&
        (S_ISREG(st.st_mode) || (S_ISCHR(st.st_mode) && major(st.st_rdev) == MEM_MAJOR))) {
        const char *key =
            sc_arena_printf(&criu->cli->arena, "file[%x:%" PRIx64 "]", (unsigned)mount, (uint64_t)st.st_ino);

        if (key != NULL)
            sc_criu_add_text(&criu->opts, SC_CRIU_EXTERNAL, key);
        return key;
    }
    return sc_arena_strdup(&criu->cli->arena, target);
}

static int
add_descriptors(struct sc_criu *criu, pid_t pid, struct sc_err *err)
{
    char path[64];
    sc_cleanup_buf text = SC_BUF_INIT, mountinfo = SC_BUF_INIT;

    snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
    if (sc_file_read_at(AT_FDCWD, path, INFO_MAX, &mountinfo, err) < 0)
        return -1;
    for (int i = 0; i < 3; i++) {
        const char *what = describe(criu, pid, i, sc_buf_str(&mountinfo));

        if (what == NULL)
            return sc_err_nomem(err);
        sc_buf_addc(&text, i == 0 ? '[' : ',');
        sc_buf_add_json(&text, what, strlen(what));
    }
    sc_buf_addc(&text, ']');
    if (sc_buf_check(&text, err) < 0)
        return -1;
    return sc_file_replace_at(criu->images_fd, SC_CRIU_DESCRIPTORS, text.data, text.len, 0600, SC_VOLATILE, err);
}

/* ---- mounts and namespaces ----------------------------------------------------------------------------------- */

/* A destination as mountinfo has it: the container's links followed. */
static const char *
resolve(struct sc_arena *arena, int root, const char *destination)
{
    char link[64], target[4096];
    sc_cleanup_fd fd = sc_path_open(root, destination, O_PATH | O_CLOEXEC, 0);

    if (fd < 0)
        return destination;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", (int)fd);
    /* lint: our own descriptor */
    ssize_t len = readlink(link, target, sizeof(target));
    return len > 0 && target[0] == '/' ? sc_arena_strndup(arena, target, (size_t)len) : destination;
}

/* What is bound from outside; criu is told a name for each, by which a restore says what is to be there. */
static int
add_mounts(struct sc_criu *criu, const struct sc_state *state, const struct sc_oci_spec *spec, struct sc_err *err)
{
    struct sc_host host = {0};
    struct sc_plan plan = {0};
    const struct sc_step *step;
    const struct sc_ask ask = {.id = state->id, .cgroup_parent = "/", .bundle = state->bundle, .no_new_keyring = true};
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/root", (int)state->pid);
    /* lint: the kernel's own link to the root of the container's first process */
    sc_cleanup_fd root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return sc_err_errno(err, errno, "open the container's root");
    if (sc_host_detect(&criu->cli->arena, &host, err) < 0 ||
        sc_plan_compile(spec, &host, &ask, &criu->cli->arena, &plan, err) < 0)
        return -1;
    for (size_t at = 0; (step = sc_criu_next_bind(&plan, &at)) != NULL;)
        sc_criu_addf(criu, SC_CRIU_EXTERNAL, "mnt[%s]:%s", resolve(&criu->cli->arena, root, step->u.tree.destination),
                     step->u.tree.destination);
    return sc_arena_check(&criu->cli->arena, err);
}

static int
add_namespaces(struct sc_criu *criu, const struct sc_oci_spec *spec, struct sc_err *err)
{
    for (const struct sc_criu_namespace *n = sc_criu_namespaces; n->name != NULL; n++) {
        const struct sc_oci_namespace *ns = sc_oci_find_namespace(spec, n->kind);
        struct stat st;

        if (ns == NULL || ns->path == NULL)
            continue;
        /* lint: the host's, as the caller's configuration names it */
        if (stat(ns->path, &st) < 0)
            return sc_err_errno(err, errno, "look at namespace \"%s\"", ns->path);
        sc_criu_addf(criu, SC_CRIU_EXTERNAL, "%s[%" PRIu64 "]:%s", n->name, (uint64_t)st.st_ino, n->key);
    }
    return 0;
}

/* ---- the verb ------------------------------------------------------------------------------------------------ */

static int
add_page_server(struct sc_criu *criu, const char *where, struct sc_err *err)
{
    const char *colon = strrchr(where, ':');
    sc_cleanup_buf text = SC_BUF_INIT;
    uint32_t port = 0;

    if (colon == NULL || sc_parse_u32(colon + 1, &port, err) < 0 || port == 0 || port > UINT16_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "--page-server: \"%s\" is not ADDRESS:PORT", where);
    sc_criu_add_bytes(&text, 1, where, (size_t)(colon - where)); /* criu_page_server_info: address, port */
    sc_criu_add_number(&text, 2, port);
    sc_criu_add_bytes(&criu->opts, SC_CRIU_PS, text.data, text.len);
    return sc_buf_check(&text, err);
}

static int
add_dump(struct sc_criu *criu, const struct sc_state *state, const struct sc_oci_spec *spec, struct sc_err *err)
{
    const struct sc_oci_criu_options *o = &criu->cli->checkpoint;
    const char *freezer = sc_runtime_freezer(state);
    uint32_t number = 0;
    struct stat st;

    sc_criu_add_number(&criu->opts, SC_CRIU_PID, (uint64_t)state->pid);
    if (sc_criu_add_common(criu, spec, err) < 0)
        return -1;
    if (o->leaves_running)
        sc_criu_add_number(&criu->opts, SC_CRIU_LEAVE_RUNNING, 1);
    if (o->pre_dump || o->parent_path != NULL)
        sc_criu_add_number(&criu->opts, SC_CRIU_TRACK_MEM, 1);
    if (o->parent_path != NULL && o->parent_path[0] == '/')
        return sc_err_set(err, SC_ERR_INVALID, "--parent-path: \"%s\" must be relative to --image-path",
                          o->parent_path);
    if (o->parent_path != NULL) {
        /* lint: a path of the host that the caller names */
        if (fstatat(criu->images_fd, o->parent_path, &st, 0) < 0 || !S_ISDIR(st.st_mode))
            return sc_err_set(err, SC_ERR_INVALID, "--parent-path: \"%s\" is no directory, seen from \"%s\"",
                              o->parent_path, criu->images);
        sc_criu_add_text(&criu->opts, SC_CRIU_PARENT_IMG, o->parent_path);
    }
    if (o->status_fd != NULL && (sc_parse_u32(o->status_fd, &number, err) < 0 || fcntl((int)number, F_GETFD) < 0))
        return sc_err_set(err, SC_ERR_INVALID, "--status-fd: \"%s\" is not an open descriptor", o->status_fd);
    if (o->page_server != NULL && add_page_server(criu, o->page_server, err) < 0)
        return -1;
    if (freezer != NULL)
        sc_criu_add_text(&criu->opts, SC_CRIU_FREEZE_CGROUP, freezer);
    if (add_namespaces(criu, spec, err) < 0)
        return -1;
    if (o->pre_dump)
        return 0;
    if (add_mounts(criu, state, spec, err) < 0)
        return -1;
    return add_descriptors(criu, state->pid, err);
}

/* --status-fd gets a byte when whoever fetches the pages can begin to (criu(8), --status-fd). */
static int
be_notified(void *data, const struct sc_criu_answer *notification, int *fd, struct sc_err *err)
{
    const char *status_fd = ((struct sc_criu *)data)->cli->checkpoint.status_fd;
    uint32_t number = 0;

    (void)fd;
    if (status_fd == NULL || !sc_str_eq(notification->script, "status-ready"))
        return 0;
    if (sc_parse_u32(status_fd, &number, err) < 0)
        return -1;
    if (write((int)number, "", 1) < 0)
        return sc_err_errno(err, errno, "write to --status-fd");
    close((int)number);
    return 0;
}

int
sc_oci_verb_checkpoint(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    struct sc_oci_spec spec = {0};
    struct sc_criu_answer answer = {0};
    bool is_pre_dump = cli->checkpoint.pre_dump;
    const char *what = is_pre_dump ? "pre-dump" : "dump";
    sc_cleanup_criu criu = SC_CRIU_INIT;
    sc_cleanup_fd dir = sc_oci_lock_state(cli, cli->args.items[0], &state, err);

    if (dir < 0)
        return -1;
    criu.cli = cli;
    criu.log = is_pre_dump ? "pre-dump.log" : "dump.log";
    enum sc_status status = sc_state_status(&state);
    if (status != SC_STATUS_RUNNING && status != SC_STATUS_PAUSED)
        return sc_err_set(err, SC_ERR_BUSY, "container cannot be checkpointed in %s state: container not running",
                          sc_status_name(status));
    if (sc_oci_load_config(cli, dir, &spec, err) < 0 || sc_criu_open_dirs(&criu, true, err) < 0 ||
        add_dump(&criu, &state, &spec, err) < 0)
        return -1;
    if (sc_criu_start(&criu, err) < 0 ||
        sc_criu_ask(&criu, is_pre_dump ? SC_CRIU_PRE_DUMP : SC_CRIU_DUMP, what, be_notified, &criu, &answer, err) < 0)
        return sc_err_wrap(err, "checkpoint %s", state.id);
    if (is_pre_dump || cli->checkpoint.leaves_running)
        return 0;
    /* criu has ended its processes; what it was is in the images now */
    return sc_oci_destroy(cli, &state, &spec.hooks, err);
}
