/* What checkpoint and restore have in common: the request, and criu as a process. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/oci/criu-priv.h"

#define DIR_DEFAULT    "checkpoint"
#define WORK_DIR_MODE  0700
#define LOG_LEVEL      4
#define CONFIG_DEFAULT "/etc/criu/runc.conf" /* where hosts that had runc keep what their containers need */
#define CONFIG_KEY     "org.criu.config="
#define SOCK_FD        3 /* in criu; the extra descriptors follow */
#define IMAGES_FD      (SOCK_FD + 1 + SC_CRIU_EXTRA_FDS)
#define WORK_FD        (IMAGES_FD + 1)
#define FDS            (WORK_FD + 1 - SOCK_FD)

extern char **environ;

const struct sc_criu_namespace sc_criu_namespaces[] = {
    {SC_NS_NET, "net", "extRootNetNS"}, {SC_NS_PID, "pid", "extRootPidNS"}, {0, NULL, NULL}};

void
sc_criu_release(struct sc_criu *criu)
{
    sc_closep(&criu->sock);
    if (criu->pid > 0) {
        kill(criu->pid, SIGKILL);
        while (waitpid(criu->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        criu->pid = 0;
    }
    for (size_t i = 0; i < criu->extra_fd_count; i++)
        sc_closep(&criu->extra_fds[i]);
    criu->extra_fd_count = 0;
    sc_closep(&criu->images_fd);
    sc_buf_release(&criu->opts);
}

void
sc_criu_addf(struct sc_criu *criu, unsigned member, const char *format, ...)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    va_list args;

    va_start(args, format);
    sc_buf_vaddf(&text, format, args);
    va_end(args);
    sc_criu_add_text(&criu->opts, member, sc_buf_str(&text));
}

int
sc_criu_open_dirs(struct sc_criu *criu, bool makes, struct sc_err *err)
{
    const struct sc_oci_criu_options *o = &criu->cli->checkpoint;
    const char *asked[] = {o->image_path != NULL ? o->image_path : DIR_DEFAULT, o->work_path};
    const char **kept[] = {&criu->images, &criu->work};

    for (size_t i = 0; i < SC_ARRAY_LEN(asked); i++) {
        if (asked[i] == NULL)
            continue;
        /* of a restore only the work directory may be missing */
        if ((makes || i > 0) && sc_dir_make_at(AT_FDCWD, asked[i], WORK_DIR_MODE, err) < 0)
            return -1;
        /* lint: a path of the host that the caller names */
        char *absolute = realpath(asked[i], NULL);
        if (absolute == NULL)
            return sc_err_errno(err, errno, "open %s \"%s\"", i == 0 ? "--image-path" : "--work-path", asked[i]);
        *kept[i] = sc_arena_strdup(&criu->cli->arena, absolute);
        free(absolute);
        if (*kept[i] == NULL)
            return sc_err_nomem(err);
    }
    criu->images_fd = sc_dir_open_at(AT_FDCWD, criu->images, err);
    if (criu->work == NULL)
        criu->work = criu->images;
    return criu->images_fd < 0 ? -1 : 0;
}

/* runc's words, in the order of rpc.proto's enum criu_cg_mode */
static int
cgroups_mode(const char *word, struct sc_err *err)
{
    static const struct {
        const char *word;
        int number;
    } modes[] = {{"ignore", 0}, {"soft", 3}, {"full", 4}, {"strict", 5}};

    for (size_t i = 0; i < SC_ARRAY_LEN(modes); i++)
        if (strcmp(word, modes[i].word) == 0)
            return modes[i].number;
    return sc_err_set(err, SC_ERR_INVALID, "--manage-cgroups-mode: \"%s\" is not soft, full, strict or ignore", word);
}

/* criu's own configuration file wins over what we say; an annotation names another, or with "" none. */
static void
add_config_file(struct sc_criu *criu, const struct sc_oci_spec *spec)
{
    const char *file = CONFIG_DEFAULT;

    for (size_t i = 0; i < spec->annotations.count; i++)
        if (sc_str_starts(spec->annotations.items[i], CONFIG_KEY))
            file = spec->annotations.items[i] + strlen(CONFIG_KEY);
    if (file[0] != '\0')
        sc_criu_add_text(&criu->opts, SC_CRIU_CONFIG_FILE, file);
}

int
sc_criu_add_common(struct sc_criu *criu, const struct sc_oci_spec *spec, struct sc_err *err)
{
    const struct sc_oci_criu_options *o = &criu->cli->checkpoint;
    int mode = cgroups_mode(o->cgroups_mode != NULL ? o->cgroups_mode : "soft", err);
    const struct {
        bool is_asked;
        unsigned member;
    } flags[] = {{o->tcp_established, SC_CRIU_TCP_ESTABLISHED},
                 {o->ext_unix_sk, SC_CRIU_EXT_UNIX_SK},
                 {o->shell_job, SC_CRIU_SHELL_JOB},
                 {o->file_locks, SC_CRIU_FILE_LOCKS},
                 {o->auto_dedup, SC_CRIU_AUTO_DEDUP},
                 {o->lazy_pages, SC_CRIU_LAZY_PAGES},
                 {true, SC_CRIU_NOTIFY_SCRIPTS},
                 {true, SC_CRIU_ORPHAN_PTS_MASTER}};

    if (mode < 0)
        return -1;
    sc_criu_add_number(&criu->opts, SC_CRIU_IMAGES_DIR_FD, IMAGES_FD);
    sc_criu_add_number(&criu->opts, SC_CRIU_WORK_DIR_FD, WORK_FD);
    sc_criu_add_text(&criu->opts, SC_CRIU_LOG_FILE, criu->log);
    sc_criu_add_number(&criu->opts, SC_CRIU_LOG_LEVEL, LOG_LEVEL);
    sc_criu_add_number(&criu->opts, SC_CRIU_MANAGE_CGROUPS, 1);
    sc_criu_add_number(&criu->opts, SC_CRIU_MANAGE_CGROUPS_MODE, (uint64_t)mode);
    for (size_t i = 0; i < SC_ARRAY_LEN(flags); i++)
        if (flags[i].is_asked)
            sc_criu_add_number(&criu->opts, flags[i].member, 1);
    for (size_t i = 0; i < o->empty_ns.count; i++)
        if (strcmp(o->empty_ns.items[i], "network") != 0 && strcmp(o->empty_ns.items[i], "net") != 0)
            return sc_err_set(err, SC_ERR_INVALID, "--empty-ns: \"%s\" is not network", o->empty_ns.items[i]);
    if (o->empty_ns.count > 0)
        sc_criu_add_number(&criu->opts, SC_CRIU_EMPTY_NS, CLONE_NEWNET);
    add_config_file(criu, spec);
    return 0;
}

const struct sc_step *
sc_criu_next_bind(const struct sc_plan *plan, size_t *at)
{
    while (*at < plan->before.count + plan->beside.count) {
        const struct sc_step *step =
            *at < plan->before.count ? &plan->before.items[*at] : &plan->beside.items[*at - plan->before.count];

        ++*at;
        if (step->op == SC_OP_TREE_OPEN && !step->u.tree.is_root)
            return step;
    }
    return NULL;
}

/* ---- the process --------------------------------------------------------------------------------------------- */

/* criu wants the root to be a mount that nothing covers; it is one in a mount namespace that ends with criu. */
static int
bind_root(const struct sc_criu *criu)
{
    if (unshare(CLONE_NEWNS) < 0)
        return -1;
    /* lint: the root of a namespace of our own */
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return -1;
    /* lint: the root that the caller names, on a directory of ours */
    return mount(criu->root, criu->bound_root, NULL, MS_BIND | MS_REC, NULL);
}

/* criu takes its directories from the process that made its socket: made here, that is criu itself, and they are of its
 * own mount namespace, the only one in which it can mount. The other end goes to the parent. */
static int
make_socket(int parent)
{
    int ends[2];
    struct sc_err ignored = SC_ERR_INIT;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ||
        sc_msg_send(parent, "", 1, &ends[0], 1, &ignored) < 0)
        return -1;
    close(ends[0]);
    return ends[1];
}

static _Noreturn void
become_criu(const struct sc_criu *criu, const char *path, int parent)
{
    char number[] = {'0' + SOCK_FD, '\0'};
    char *argv[] = {(char *)"criu", (char *)"swrk", number, NULL};
    int fds[FDS], count = 0;

    sc_signals_reset();
    if (criu->bound_root != NULL && bind_root(criu) < 0)
        _exit(126);
    for (size_t i = 0; i < FDS; i++)
        fds[i] = -1;
    fds[count++] = make_socket(parent);
    for (size_t i = 0; i < criu->extra_fd_count; i++)
        fds[count++] = criu->extra_fds[i];
    /* lint: paths of the host that the caller names */
    fds[IMAGES_FD - SOCK_FD] = open(criu->images, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* lint: paths of the host that the caller names */
    fds[WORK_FD - SOCK_FD] = open(criu->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* criu does not know of it; what it restores inherits it */
    if (criu->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        _exit(126);
    /* what is restored has our standard descriptors; a dump has nothing to say there that its log does not */
    if (criu->bound_root == NULL) {
        /* lint: the host's */
        int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int i = 0; i < SOCK_FD; i++)
            (void)dup2(null_fd, i);
    }
    /* first out of the way of the numbers they get */
    for (size_t i = 0; i < FDS; i++)
        if (fds[i] >= 0)
            fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, SOCK_FD + FDS);
    for (size_t i = 0; i < FDS; i++)
        if (fds[i] >= 0)
            (void)dup2(fds[i], SOCK_FD + (int)i);
    (void)execve(path, argv, environ);
    _exit(127);
}

static int
join_cgroups(const struct sc_criu *criu, struct sc_err *err)
{
    char pid[SC_NUM_MAX];

    snprintf(pid, sizeof(pid), "%d", (int)criu->pid);
    for (size_t i = 0; i < criu->cgroup_dirs->count; i++) {
        sc_cleanup_fd dir = sc_dir_open_at(AT_FDCWD, criu->cgroup_dirs->items[i], err);

        if (dir < 0 || sc_file_write_at(dir, "cgroup.procs", pid, err) < 0)
            return sc_err_wrap(err, "put criu into \"%s\"", criu->cgroup_dirs->items[i]);
    }
    return 0;
}

int
sc_criu_start(struct sc_criu *criu, struct sc_err *err)
{
    char path[4096], byte;
    int ends[2];
    size_t count = 1;
    struct sc_err ignored = SC_ERR_INIT;

    if (sc_oci_program_find(criu->cli->criu, path, sizeof(path), err) < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return sc_err_errno(err, errno, "make a socket pair");
    criu->pid = fork();
    if (criu->pid == 0)
        become_criu(criu, path, ends[1]);
    int errnum = errno;
    close(ends[1]);
    ssize_t len = criu->pid > 0 ? sc_msg_recv(ends[0], &byte, 1, &criu->sock, &count, &ignored) : 0;
    close(ends[0]);
    if (criu->pid < 0)
        return sc_err_errno(err, errnum, "run \"%s\"", path);
    if (len != 1 || count != 1)
        return sc_err_set(err, SC_ERR_KERNEL, "run \"%s\": the root could not be made ready for it", path);
    return criu->cgroup_dirs != NULL ? join_cgroups(criu, err) : 0;
}

/* What criu calls errors and goes on after: programs that are not there, processes that are younger than a pre-dump. */
static bool
is_harmless(const char *line, size_t len)
{
    static const char *const parts[] = {"exited, status=", "No parent image found"};

    for (size_t i = 0; i < SC_ARRAY_LEN(parts); i++)
        if (memmem(line, len, parts[i], strlen(parts[i])) != NULL)
            return true;
    return false;
}

/* The first error of criu's log, which is the cause of those after it */
static const char *
first_error(const struct sc_criu *criu)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    const char *path = sc_arena_printf(&criu->cli->arena, "%s/%s", criu->work, criu->log);

    if (path == NULL || sc_file_read_at(AT_FDCWD, path, SC_CRIU_LOG_MAX, &text, &ignored) < 0)
        return "it wrote no log";
    for (const char *line = sc_buf_str(&text); *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t len = strcspn(line, "\n");
        const char *error = memmem(line, len, "Error (", strlen("Error ("));

        if (error != NULL && !is_harmless(line, len))
            return sc_arena_strndup(&criu->cli->arena, error, (size_t)(line + len - error));
    }
    return "its log names no error";
}

int
sc_criu_ask(struct sc_criu *criu, enum sc_criu_type type, const char *what, sc_criu_notify_fn notify, void *data,
            struct sc_criu_answer *answer, struct sc_err *err)
{
    struct sc_err talk = SC_ERR_INIT;
    int status = 0;

    if (sc_buf_check(&criu->opts, err) < 0)
        return -1;
    int result = sc_criu_talk(criu->sock, type, &criu->opts, notify, data, &criu->cli->arena, answer, &talk);
    /* after a pre-dump it waits for more questions */
    (void)shutdown(criu->sock, SHUT_WR);
    while (waitpid(criu->pid, &status, 0) < 0)
        if (errno != EINTR)
            return sc_err_errno(err, errno, "wait for criu");
    criu->pid = 0;
    if (result == 0 && answer->is_success && answer->type == (int)type)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) >= 126)
        return sc_err_set(err, SC_ERR_KERNEL, "criu %s: \"%s\" could not be started", what, criu->cli->criu);
    if (result < 0 && talk.kind != SC_ERR_PEER_DIED) {
        *err = talk;
        return -1;
    }
    return sc_err_set(err, SC_ERR_KERNEL, "criu %s failed: %s (log file: %s/%s)", what, first_error(criu), criu->work,
                      criu->log);
}
