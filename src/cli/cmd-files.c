/* export, diff, commit, cp: the files of a container. sc finds it, sc-transfer does the work. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

struct files_options {
    char *output, *author, *message;
    struct sc_strv changes;
    bool pause, archive, follow_link, quiet;
};

#define AT(member) offsetof(struct files_options, member)

static const struct sc_option export_table[] = {
    {"output", 'o', SC_OPTION_STR, AT(output), "file", "Where to write (default: standard output)", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option commit_table[] = {
    {"author", 'a', SC_OPTION_STR, AT(author), "text", "Author of the image", NULL, NULL},
    {"change", 'c', SC_OPTION_STRV, AT(changes), "word", "Set image metadata, as in a Dockerfile: CMD [\"sh\"]", NULL,
     NULL},
    {"message", 'm', SC_OPTION_STR, AT(message), "text", "Comment of the image", NULL, NULL},
    {"pause", 'p', SC_OPTION_FLAG, AT(pause), NULL, "Pause the container meanwhile (default true)", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option cp_table[] = {
    {"archive", 'a', SC_OPTION_FLAG, AT(archive), NULL, "Keep the owners of what is copied to the host", NULL, NULL},
    {"follow-link", 'L', SC_OPTION_FLAG, AT(follow_link), NULL, "Copy what a link as the source leads to", NULL, NULL},
    {"quiet", 'q', SC_OPTION_FLAG, AT(quiet), NULL, "Show no progress", NULL, NULL},
    {.name = NULL},
};

static void
add(struct sc_cli *cli, struct sc_strv *words, const char *option, const char *value)
{
    if (!value)
        return;
    sc_strv_add(words, &cli->arena, option);
    sc_strv_add(words, &cli->arena, value);
}

static int
find(struct sc_cli *cli, const char *name, bool with_mounts, struct sc_container *container, struct sc_strv *words,
     struct sc_err *err)
{
    if (sc_cli_engine(cli, err) < 0 || sc_engine_find(&cli->engine, name, &cli->arena, container, err) < 0)
        return -1;
    return sc_engine_files_words(&cli->engine, container, with_mounts, &cli->arena, words, err);
}

/* ---- export ----------------------------------------------------------------------------------------------------- */

static int
run_export(struct sc_cli *cli, struct sc_err *err)
{
    struct files_options options = {.output = NULL};
    struct sc_container container = SC_CONTAINER_INIT;
    struct sc_strv args = {0}, words = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    if (!options.output && isatty(STDOUT_FILENO)) {
        sc_err_set(err, SC_ERR_INVALID, "refusing to write an archive to a terminal");
        return sc_err_remedy(err, "name a file with -o FILE, or redirect the output");
    }
    if (find(cli, args.items[0], false, &container, &words, err) < 0)
        return -1;
    add(cli, &words, "--output", options.output);
    sc_engine_files_event(&cli->engine, &container, "export");
    return sc_cli_become_transfer(cli, "container-export", &words, err);
}

/* ---- diff ------------------------------------------------------------------------------------------------------- */

static int
run_diff(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_container container = SC_CONTAINER_INIT;
    struct sc_strv args = {0}, words = {0};

    if (sc_cli_parse(cli, NULL, &args, err) < 0 || find(cli, args.items[0], false, &container, &words, err) < 0)
        return -1;
    return sc_cli_become_transfer(cli, "container-diff", &words, err);
}

/* ---- commit ----------------------------------------------------------------------------------------------------- */

/* sc-transfer as a child: what was paused must go on whatever becomes of it, so signals wait until it has. */
static int
transfer_paused(struct sc_cli *cli, const struct sc_container *container, const struct sc_strv *words,
                struct sc_err *err)
{
    sigset_t all, old;
    struct sc_err resumed = SC_ERR_INIT;
    int status = 0, hold = -1, result;
    pid_t pid;

    sc_sigset_fill(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &old);
    result = sc_engine_hold(&cli->engine, container, &hold, err);
    if (result < 0 && err->kind == SC_ERR_UNSUPPORTED) { /* as without root on v1: nothing can freeze it */
        sc_print_note("the container is not paused meanwhile: it has no cgroup that can freeze it");
        (void)sigprocmask(SIG_SETMASK, &old, NULL);
        sc_err_clear(err);
        return sc_cli_become_transfer(cli, "container-commit", words, err);
    }
    if (result == 0) {
        pid = fork();
        if (pid == 0) {
            struct sc_err why = SC_ERR_INIT;

            (void)sigprocmask(SIG_SETMASK, &old, NULL);
            (void)fcntl(hold, F_SETFD, 0); /* it stays paused for as long as it is read, whatever becomes of us */
            (void)!sc_cli_become_transfer(cli, "container-commit", words, &why);
            sc_print_err(&why);
            _exit(1);
        }
        result = pid < 0 ? sc_err_errno(err, errno, "fork") : 0;
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
        if (sc_engine_let_go(&cli->engine, container, hold, &resumed) < 0 && result == 0 &&
            resumed.kind != SC_ERR_BUSY) { /* it was killed meanwhile */
            *err = resumed;
            result = -1;
        }
    }
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    return result < 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int
run_commit(struct sc_cli *cli, struct sc_err *err)
{
    struct files_options options = {.pause = true};
    struct sc_container container = SC_CONTAINER_INIT;
    struct sc_strv args = {0}, words = {0};
    struct sc_commit_words commit;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || find(cli, args.items[0], false, &container, &words, err) < 0 ||
        sc_engine_commit_config(&cli->engine, &container, &cli->arena, &commit, err) < 0)
        return -1;
    add(cli, &words, "--image", commit.image_id);
    add(cli, &words, "--config", commit.config);
    add(cli, &words, "--created-by", commit.created_by);
    add(cli, &words, "--author", options.author);
    add(cli, &words, "--message", options.message);
    for (size_t i = 0; i < options.changes.count; i++)
        add(cli, &words, "--change", options.changes.items[i]);
    if (args.count > 1)
        add(cli, &words, "--", args.items[1]);
    if (sc_arena_check(&cli->arena, err) < 0)
        return -1;
    sc_engine_files_event(&cli->engine, &container, "commit");
    if (options.pause && container.status == SC_STATUS_RUNNING)
        return transfer_paused(cli, &container, &words, err);
    return sc_cli_become_transfer(cli, "container-commit", &words, err);
}

/* ---- cp --------------------------------------------------------------------------------------------------------- */

size_t
sc_cp_container(const char *word)
{
    const char *colon = strchr(word, ':');

    if (word[0] == '/' || word[0] == '.' || !colon || colon == word)
        return 0;
    /* "a/b:c" is a file: no container's name has a slash. */
    return memchr(word, '/', (size_t)(colon - word)) ? 0 : (size_t)(colon - word);
}

static int
run_cp(struct sc_cli *cli, struct sc_err *err)
{
    struct files_options options = {.archive = false};
    struct sc_container container = SC_CONTAINER_INIT;
    struct sc_strv args = {0}, words = {0};
    size_t from, to;
    char *name;

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    from = sc_cp_container(args.items[0]);
    to = sc_cp_container(args.items[1]);
    if (from > 0 && to > 0)
        return sc_err_set(err, SC_ERR_INVALID, "copying between containers is not supported");
    if (from == 0 && to == 0) {
        sc_err_set(err, SC_ERR_INVALID, "must specify at least one container source");
        return sc_err_remedy(err, "name a container's path as CONTAINER:PATH");
    }
    name = sc_arena_strndup(&cli->arena, args.items[from > 0 ? 0 : 1], from > 0 ? from : to);
    if (!name)
        return sc_err_nomem(err);
    if (find(cli, name, true, &container, &words, err) < 0)
        return -1;
    if (options.archive)
        sc_strv_add(&words, &cli->arena, "--archive");
    if (options.follow_link)
        sc_strv_add(&words, &cli->arena, "--follow-link");
    if (to > 0)
        sc_strv_add(&words, &cli->arena, "--into");
    add(cli, &words, "--", args.items[0] + (from > 0 ? from + 1 : 0));
    sc_strv_add(&words, &cli->arena, args.items[1] + (to > 0 ? to + 1 : 0));
    sc_engine_files_event(&cli->engine, &container, from > 0 ? "archive-path" : "extract-to-dir");
    return sc_cli_become_transfer(cli, "container-cp", &words, err);
}

const struct sc_command sc_cmd_export = {
    .name = "export",
    .synopsis = "[OPTIONS] CONTAINER",
    .help = "Write the files of a container to an archive",
    .options = export_table,
    .args_min = 1,
    .args_max = 1,
    .run = run_export,
};

const struct sc_command sc_cmd_diff = {
    .name = "diff",
    .synopsis = "CONTAINER",
    .help = "Show what a container has changed in its files",
    .args_min = 1,
    .args_max = 1,
    .run = run_diff,
};

const struct sc_command sc_cmd_commit = {
    .name = "commit",
    .synopsis = "[OPTIONS] CONTAINER [NAME[:TAG]]",
    .help = "Make an image of what a container has changed",
    .options = commit_table,
    .args_min = 1,
    .args_max = 2,
    .run = run_commit,
};

const struct sc_command sc_cmd_cp = {
    .name = "cp",
    .synopsis = "[OPTIONS] CONTAINER:PATH PATH|- or PATH|- CONTAINER:PATH",
    .help = "Copy files between a container and this host",
    .options = cp_table,
    .args_min = 2,
    .args_max = 2,
    .run = run_cp,
};
