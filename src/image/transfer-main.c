/*
 * sc-transfer: the commands of `sc image` that need heavy libraries, as a program of its own, so that `sc run` starts
 * without them. sc executes it in its place: what it prints is what the user sees.
 *
 *     sc-transfer [--data DIR] load | save | import | from-host | make-base | pull | push | login | logout |
 *                              manifest-inspect | manifest-create | manifest-push | unpack | mount | umount | diff |
 *                              fsck | container-export | container-diff | container-commit | container-cp |
 *                              build-context | build-copy | build-mount | build-layer | build-image
 *                              ARGUMENT...
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/event.h"
#include "image/jail-priv.h"
#include "image/transfer-program-priv.h"

/* ---- output ------------------------------------------------------------------------ */

/* One line, as sc itself prints it. Names from archives reach these messages: nothing in them may speak to the
 * terminal. */
static void
print_err(const struct sc_err *err)
{
    sc_cleanup_buf line = SC_BUF_INIT;

    sc_buf_add_visible(&line, err->msg);
    if (err->remedy[0] != '\0') {
        sc_buf_adds(&line, "; ");
        sc_buf_add_visible(&line, err->remedy);
    }
    sc_buf_addc(&line, '\n');
    (void)fprintf(stderr, "sc: %s", sc_buf_str(&line));
    sc_err_report(err, sc_buf_str(&line));
}

static int
flush_output(struct sc_err *err)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return sc_err_errno(err, errno, "write to standard output");
    return 0;
}

/* ---- names ------------------------------------------------------------------------------ */

int
sc_job_full_name(const char *text, struct sc_arena *arena, const char **out, struct sc_err *err)
{
    struct sc_reference ref;

    *out = NULL;
    if (!text)
        return 0;
    if (sc_reference_parse(text, arena, &ref, err) < 0)
        return -1;
    if (ref.digest)
        return sc_err_set(err, SC_ERR_INVALID, "invalid name \"%s\": a new image cannot be given a digest", text);
    *out = sc_reference_full(&ref, arena);
    return *out ? 0 : sc_err_nomem(err);
}

static int
data_root(const char *given, struct sc_arena *arena, const char **out, struct sc_err *err)
{
    const char *from_env = getenv("SC_DATA_ROOT"), *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

    if (given)
        *out = given;
    else if (from_env && *from_env)
        *out = from_env;
    else if (geteuid() == 0)
        *out = "/var/lib/sc";
    else if (xdg && xdg[0] == '/')
        *out = sc_arena_printf(arena, "%s/sc", xdg);
    else if (home && home[0] == '/')
        *out = sc_arena_printf(arena, "%s/.local/share/sc", home);
    else
        return sc_err_set(err, SC_ERR_INVALID, "find the data root: neither XDG_DATA_HOME nor HOME is set");
    return *out ? 0 : sc_err_nomem(err);
}

/* A relative --data is taken from where we are. */
int
sc_job_open_store(struct sc_job *job, struct sc_err *err)
{
    const char *path;
    char *why;

    if (data_root(job->data, &job->arena, &path, err) < 0)
        return -1;
    if (path[0] != '/') {
        sc_cleanup_free char *here = getcwd(NULL, 0);

        if (!here)
            return sc_err_errno(err, errno, "find out where \"%s\" is", path);
        path = sc_arena_printf(&job->arena, "%s/%s", here, path);
        if (!path)
            return sc_err_nomem(err);
    }
    if (sc_store_open(path, &job->store, err) < 0)
        return -1;
    return sc_layer_backend_choose(&job->store, &why, &job->arena, err);
}

int
sc_job_open_writer(struct sc_job *job, struct sc_err *err)
{
    sc_jail_prepare();
    if (sc_job_open_store(job, err) < 0 || sc_limits_choose(&job->store, err) < 0)
        return -1;
    return sc_jail_start(&job->store, err);
}

int
sc_job_usage(struct sc_err *err, const char *usage)
{
    sc_err_set(err, SC_ERR_INVALID, "wrong number of arguments");
    return sc_err_remedy(err, "usage: %s", usage);
}

void
sc_job_event(const char *action, const char *name)
{
    const char *root = getenv("SC_RUN_ROOT"); /* sc itself sets it */
    sc_cleanup_fd run = -1;
    sc_cleanup_buf attributes = SC_BUF_INIT;
    struct sc_event event = {.type = "image", .action = action, .id = name};

    if (!root && geteuid() == 0)
        root = "/run/sc";
    run = root ? open(root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1; /* lint: the engine's own */
    if (run < 0)
        return;
    sc_buf_adds(&attributes, "\"name\":");
    sc_buf_add_json(&attributes, name, strlen(name));
    event.attributes = sc_buf_str(&attributes);
    sc_event_add(run, &event);
}

/* ---- load --------------------------------------------------------------------------------- */

static int
run_load(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL}, names = {.items = NULL};
    const char *input = NULL, *platform = NULL;
    struct sc_platform want;
    bool is_quiet = false;
    const struct sc_transfer_option options[] = {
        {.letter = 'i', .name = "input", .value = &input},
        {.letter = 'q', .name = "quiet", .flag = &is_quiet},
        {.name = "platform", .value = &platform},
    };
    int status;

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count > 0)
        return sc_job_usage(err, "sc image load [-q] [--platform OS/ARCH] [-i FILE]");
    if (platform && sc_platform_parse(platform, &job->arena, &want, err) < 0)
        return sc_err_wrap(err, "--platform");
    if (!input && isatty(STDIN_FILENO)) {
        sc_err_set(err, SC_ERR_INVALID, "load an image: standard input is a terminal");
        return sc_err_remedy(err, "name the archive with -i FILE, or redirect it to standard input");
    }
    if (sc_job_open_writer(job, err) < 0 || sc_interrupt_ready(job, "load", err) < 0)
        return -1;
    status = sc_image_load_for(&job->store, input ? input : "-", platform ? &want : NULL, &job->arena, &names, err);
    /* Docker prints these also with --quiet, which is about progress. Images before a bad one are there to stay. */
    for (size_t i = 0; i < names.count; i++)
        (void)printf("Loaded image%s: %s\n", sc_str_starts(names.items[i], "sha256:") ? " ID" : "", names.items[i]);
    for (size_t i = 0; i < names.count; i++)
        sc_job_event("load", names.items[i]);
    return status;
}

/* ---- save ----------------------------------------------------------------------------------- */

static int
save_format(const char *text, enum sc_archive_format *out, struct sc_err *err)
{
    if (!text || strcmp(text, "docker-archive") == 0)
        *out = SC_ARCHIVE_DOCKER;
    else if (strcmp(text, "oci-archive") == 0)
        *out = SC_ARCHIVE_OCI;
    else if (strcmp(text, "oci-dir") == 0)
        *out = SC_ARCHIVE_OCI_DIR;
    else {
        sc_err_set(err, SC_ERR_INVALID, "invalid value \"%s\" of --format", text);
        return sc_err_remedy(err, "give docker-archive, oci-archive or oci-dir");
    }
    return 0;
}

/* The archive appears under its name whole or not at all. */
int
sc_job_to_file(struct sc_job *job, const char *path, mode_t mode, sc_job_write_fn write, void *data, struct sc_err *err)
{
    char *temp = sc_arena_printf(&job->arena, "%s.sc-%d", path, (int)getpid());
    sc_cleanup_fd fd = -1;
    struct stat st;

    if (!temp)
        return sc_err_nomem(err);
    /* A pipe or device is written as it is. */
    /* lint: the caller's own path */
    if (fstatat(AT_FDCWD, path, &st, 0) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        /* lint: the caller's own path */
        fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
            return sc_err_errno(err, errno, "open \"%s\"", path);
        return write(data, fd, err);
    }
    /* lint: the caller's own path */
    fd = openat(AT_FDCWD, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return sc_err_errno(err, errno, "create \"%s\"", path);
    sc_interrupt_file(temp);
    if (write(data, fd, err) == 0) {
        if (fsync(fd) < 0)
            sc_err_errno(err, errno, "sync \"%s\"", path);
        /* lint: the caller's own path */
        else if (renameat(AT_FDCWD, temp, AT_FDCWD, path) < 0)
            sc_err_errno(err, errno, "write \"%s\"", path);
        else
            return 0;
    }
    /* lint: the caller's own path */
    (void)unlinkat(AT_FDCWD, temp, 0);
    return -1;
}

struct save_job {
    const struct sc_store *store;
    const struct sc_strv *names;
    enum sc_archive_format format;
};

static int
save_to(void *data, int fd, struct sc_err *err)
{
    const struct save_job *save = data;

    return sc_image_save(save->store, save->names, save->format, fd, NULL, err);
}

struct saved_names {
    struct sc_strv as_given, full; /* of each the same number */
};

/* Each once, by whichever of its spellings; full NULL: it is no name. */
static void
add_name(struct saved_names *names, const char *name, const char *full, struct sc_arena *arena)
{
    for (size_t i = 0; i < names->full.count; i++) {
        if (sc_str_eq(names->full.items[i], full ? full : name))
            return;
    }
    sc_strv_add(&names->as_given, arena, name);
    sc_strv_add(&names->full, arena, full ? full : name);
}

/* As Docker: a repository without a tag is all its tags. */
static int
expand_names(struct sc_job *job, const struct sc_strv *asked, struct sc_strv *out, struct sc_err *err)
{
    struct saved_names names = {.full = {.items = NULL}};
    struct sc_image_list list;

    if (sc_image_list(&job->store, &job->arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < asked->count; i++) {
        const char *name = asked->items[i], *colon = strrchr(name, ':');
        bool has_tag = strchr(name, '@') || (colon && !strchr(colon, '/'));
        struct sc_err ignored = SC_ERR_INIT;
        bool is_known = false;
        struct sc_reference ref, other;

        if (sc_reference_parse(name, &job->arena, &ref, &ignored) < 0) {
            add_name(&names, name, NULL, &job->arena);
            continue;
        }
        for (size_t k = 0; !has_tag && k < list.count; k++) {
            const char *of = list.items[k].name;

            if (!of || sc_reference_parse(of, &job->arena, &other, &ignored) < 0 || !other.tag ||
                !sc_str_eq(other.registry, ref.registry) || !sc_str_eq(other.repository, ref.repository))
                continue;
            add_name(&names, sc_reference_shown(&other, &job->arena), of, &job->arena);
            is_known = true;
        }
        if (!is_known)
            add_name(&names, name, sc_reference_full(&ref, &job->arena), &job->arena);
    }
    *out = names.as_given;
    return sc_arena_check(&job->arena, err);
}

static int
check_platforms(struct sc_job *job, const struct sc_strv *names, const char *platform, struct sc_err *err)
{
    for (size_t i = 0; platform && i < names->count; i++) {
        struct sc_image image = {.id = NULL};

        if (sc_image_find(&job->store, names->items[i], &job->arena, &image, err) < 0)
            return -1;
        if (sc_image_want_platform(&image, names->items[i], platform, &job->arena, err) < 0)
            return sc_err_wrap(err, "save");
    }
    return 0;
}

static int
run_save(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    const char *output = NULL, *format_text = NULL, *platform = NULL;
    struct sc_strv asked = {.items = NULL}, names = {.items = NULL};
    enum sc_archive_format format;
    int status;
    const struct sc_transfer_option options[] = {
        {.letter = 'o', .name = "output", .value = &output},
        {.name = "format", .value = &format_text},
        {.name = "platform", .value = &platform},
    };

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), false, &job->arena, &asked, err) < 0 ||
        save_format(format_text, &format, err) < 0)
        return -1;
    if (asked.count == 0)
        return sc_job_usage(err, "sc image save [-o FILE] [--format docker-archive|oci-archive|oci-dir] IMAGE...");
    if (format == SC_ARCHIVE_OCI_DIR && !output) {
        sc_err_set(err, SC_ERR_INVALID, "--format oci-dir needs a directory");
        return sc_err_remedy(err, "name it with -o DIR");
    }
    if (!output && isatty(STDOUT_FILENO)) {
        sc_err_set(err, SC_ERR_INVALID, "refusing to write an archive to a terminal");
        return sc_err_remedy(err, "name a file with -o FILE, or redirect the output");
    }
    /* A docker-archive has layers as they were before they were compressed. */
    if ((format == SC_ARCHIVE_DOCKER ? sc_job_open_writer(job, err) : sc_job_open_store(job, err)) < 0 ||
        expand_names(job, &asked, &names, err) < 0 || check_platforms(job, &names, platform, err) < 0 ||
        sc_interrupt_ready(job, "save", err) < 0)
        return -1;
    if (format == SC_ARCHIVE_OCI_DIR)
        sc_interrupt_file(sc_save_temp_dir(output, &job->arena));
    if (format == SC_ARCHIVE_OCI_DIR)
        status = sc_image_save(&job->store, &names, format, -1, output, err);
    else
        status = output
                     ? sc_job_to_file(job, output, 0644, save_to, &(struct save_job){&job->store, &names, format}, err)
                     : sc_image_save(&job->store, &names, format, STDOUT_FILENO, NULL, err);
    for (size_t i = 0; status == 0 && i < names.count; i++)
        sc_job_event("save", names.items[i]);
    return status;
}

/* ---- import -------------------------------------------------------------------------------------- */

static int
run_import(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL}, changes = {.items = NULL};
    const char *message = NULL, *platform = NULL, *name;
    struct sc_platform parsed;
    struct sc_import how = {.changes = &changes};
    char *id;
    const struct sc_transfer_option options[] = {
        {.letter = 'c', .name = "change", .values = &changes},
        {.letter = 'm', .name = "message", .value = &message},
        {.name = "platform", .value = &platform},
    };

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count < 1 || operands.count > 2)
        return sc_job_usage(err,
                            "sc image import [-c CHANGE]... [-m MESSAGE] [--platform OS/ARCH] FILE|-|DIR [NAME[:TAG]]");
    if (platform && sc_platform_parse(platform, &job->arena, &parsed, err) < 0)
        return -1;
    if (platform && strcmp(parsed.os, "linux") != 0)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "--platform \"%s\": only images for linux are made here", platform);
    how.message = message;
    how.platform = platform ? &parsed : NULL;
    if (sc_job_full_name(operands.count > 1 ? operands.items[1] : NULL, &job->arena, &name, err) < 0 ||
        sc_job_open_writer(job, err) < 0 || sc_interrupt_ready(job, "import", err) < 0 ||
        sc_image_import(&job->store, operands.items[0], name, &how, &job->arena, &id, err) < 0)
        return -1;
    (void)printf("%s\n", id);
    sc_job_event("import", id);
    return 0;
}

/* ---- from-host, make-base ------------------------------------------------------------------------------ */

/* The writers of these hold no session of their own: nothing may be swept between their layer and their image. */
static int
in_session(struct sc_job *job, const struct sc_from_host *ask, char **id, struct sc_err *err)
{
    sc_cleanup_fd session = sc_store_session(&job->store, err);

    if (session < 0)
        return -1;
    return ask ? sc_image_from_host(&job->store, ask, &job->arena, id, err)
               : sc_image_make_base(&job->store, &job->arena, id, err);
}

static int
make_and_print(struct sc_job *job, const struct sc_from_host *ask, struct sc_err *err)
{
    char *id = NULL;
    int status = in_session(job, ask, &id, err);

    sc_store_collect(&job->store);
    if (status == 0)
        (void)printf("%s\n", id);
    return status;
}

static int
run_from_host(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    const char *name = NULL, *entrypoint = NULL, *root = "/";
    struct sc_from_host ask = {.root = "/"};
    const struct sc_transfer_option options[] = {
        {.letter = 't', .name = "tag", .value = &name},
        {.name = "entrypoint", .value = &entrypoint},
        {.name = "root", .value = &root},
    };

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), false, &job->arena, &ask.programs, err) < 0)
        return -1;
    if (ask.programs.count == 0)
        return sc_job_usage(err, "sc image from-host [-t NAME[:TAG]] [--entrypoint PROGRAM] PROGRAM...");
    ask.root = root;
    if (entrypoint && *entrypoint)
        sc_strv_add(&ask.entrypoint, &job->arena, entrypoint);
    if (sc_job_full_name(name, &job->arena, &ask.full_name, err) < 0 || sc_job_open_store(job, err) < 0)
        return -1;
    return make_and_print(job, &ask, err);
}

static int
run_make_base(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    (void)argv;
    if (argc > 0)
        return sc_job_usage(err, "sc-transfer make-base");
    if (sc_job_open_store(job, err) < 0)
        return -1;
    return make_and_print(job, NULL, err);
}

/* ---- ------------------------------------------------------------------------------------------------------ */

static const struct verb {
    const char *name;
    sc_job_fn run;
} verbs[] = {
    {"interrupted", sc_job_interrupted},
    {"load", run_load},
    {"save", run_save},
    {"import", run_import},
    {"from-host", run_from_host},
    {"make-base", run_make_base},
    {"pull", sc_job_pull},
    {"push", sc_job_push},
    {"login", sc_job_login},
    {"logout", sc_job_logout},
    {"manifest-inspect", sc_job_manifest_inspect},
    {"manifest-create", sc_job_manifest_create},
    {"manifest-annotate", sc_job_manifest_annotate},
    {"manifest-push", sc_job_manifest_push},
    {"manifest-rm", sc_job_manifest_rm},
    {"unpack", sc_job_unpack},
    {"mount", sc_job_mount},
    {"umount", sc_job_umount},
    {"diff", sc_job_diff},
    {"fsck", sc_job_fsck},
    {"container-export", sc_job_container_export},
    {"container-diff", sc_job_container_diff},
    {"container-commit", sc_job_container_commit},
    {"container-cp", sc_job_container_cp},
    {"build-copy", sc_job_build_copy},
    {"build-context", sc_job_build_context},
    {"build-mount", sc_job_build_mount},
    {"build-layer", sc_job_build_layer},
    {"build-image", sc_job_build_image},
};

static int
run(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    const struct sc_transfer_option options[] = {{.name = "data", .value = &job->data}};
    struct sc_strv operands = {.items = NULL};

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), true, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count == 0)
        return sc_job_usage(err, "sc-transfer [--data DIR] VERB ARGUMENT...");
    for (size_t i = 0; i < SC_ARRAY_LEN(verbs); i++) {
        int given = (int)operands.count - 1;

        /* The arguments as they came: a "--" among them is the verb's. */
        if (strcmp(verbs[i].name, operands.items[0]) == 0)
            return verbs[i].run(job, given, argv + argc - given, err);
    }
    return sc_err_set(err, SC_ERR_INVALID, "unknown command \"%s\"", operands.items[0]);
}

int
main(int argc, char **argv)
{
    struct sc_job job = {.store = SC_STORE_INIT, .arena = SC_ARENA_INIT};
    struct sc_err err = SC_ERR_INIT;
    int status;

    /* Writing into a closed pipe, or beyond RLIMIT_FSIZE, is an error like another, and is cleaned up after. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    /* The store's modes are ours, not the caller's. */
    (void)umask(022);
    status = run(&job, argc - 1, argv + 1, &err);
    if (flush_output(status < 0 ? &(struct sc_err)SC_ERR_INIT : &err) < 0)
        status = -1;
    if (status < 0)
        print_err(&err);
    sc_jail_stop(&job.store.jail);
    sc_store_release(&job.store);
    sc_arena_release(&job.arena);
    return status < 0 ? 1 : status;
}
