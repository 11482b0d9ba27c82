/* Verbs that end a container or hold it: stop, restart, kill, pause, unpause, wait, rm, rename. */
#include <signal.h>

#include "cli/cli.h"

#define NO_OPTIONS NULL

static int
print_word(const char *word)
{
    (void)printf("%s\n", word);
    (void)fflush(stdout);
    return 0;
}

/* ---- stop, restart ------------------------------------------------------------------------------------------- */

struct stop_options {
    int timeout, signum;
};

static const struct sc_option stop_table[] = {
    {"signal", 's', SC_OPTION_CALL, offsetof(struct stop_options, signum), "signal",
     "Signal to send (default: the container's)", sc_value_signal, NULL},
    {"timeout", 't', SC_OPTION_CALL, offsetof(struct stop_options, timeout), "seconds",
     "Patience before it is killed (default: the container's, or 10)", sc_value_seconds, "time"},
    {.name = NULL},
};

static int
stop_one(struct sc_cli *cli, const struct sc_container *container, const char *word, void *data, struct sc_err *err)
{
    const struct stop_options *options = data;

    if (sc_engine_stop(&cli->engine, container, options->timeout, options->signum, err) < 0)
        return -1;
    return print_word(word);
}

static int
restart_one(struct sc_cli *cli, const struct sc_container *container, const char *word, void *data, struct sc_err *err)
{
    const struct stop_options *options = data;

    if (sc_engine_restart(&cli->engine, container, options->timeout, options->signum, &cli->arena, err) < 0)
        return -1;
    return print_word(word);
}

static int
stop_each(struct sc_cli *cli, sc_each_fn one, struct sc_err *err)
{
    struct stop_options options = {.timeout = -1};
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0)
        return -1;
    return sc_cli_each(cli, &args, one, &options);
}

static int
run_stop(struct sc_cli *cli, struct sc_err *err)
{
    return stop_each(cli, stop_one, err);
}

static int
run_restart(struct sc_cli *cli, struct sc_err *err)
{
    return stop_each(cli, restart_one, err);
}

const struct sc_command sc_cmd_stop = {
    .name = "stop",
    .synopsis = "[OPTIONS] CONTAINER...",
    .help = "Ask containers to end, and kill those that do not",
    .options = stop_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_stop,
};

const struct sc_command sc_cmd_restart = {
    .name = "restart",
    .synopsis = "[OPTIONS] CONTAINER...",
    .help = "Stop containers that run, and start them again",
    .options = stop_table,
    .args_min = 1,
    .args_max = -1,
    .protects_itself = true,
    .run = run_restart,
};

/* ---- kill ------------------------------------------------------------------------------------------------ */

struct kill_options {
    int signum;
};

static const struct sc_option kill_table[] = {
    {"signal", 's', SC_OPTION_CALL, offsetof(struct kill_options, signum), "signal", "Signal to send (default SIGKILL)",
     sc_value_signal, NULL},
    {.name = NULL},
};

static int
kill_one(struct sc_cli *cli, const struct sc_container *container, const char *word, void *data, struct sc_err *err)
{
    const struct kill_options *options = data;

    if (sc_engine_kill(&cli->engine, container, options->signum, err) < 0)
        return -1;
    return print_word(word);
}

static int
run_kill(struct sc_cli *cli, struct sc_err *err)
{
    struct kill_options options = {.signum = SIGKILL};
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0)
        return -1;
    return sc_cli_each(cli, &args, kill_one, &options);
}

const struct sc_command sc_cmd_kill = {
    .name = "kill",
    .synopsis = "[OPTIONS] CONTAINER...",
    .help = "Send a signal to containers",
    .options = kill_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_kill,
};

/* ---- pause, unpause ------------------------------------------------------------------------------------------ */

static int
pause_one(struct sc_cli *cli, const struct sc_container *container, const char *word, void *data, struct sc_err *err)
{
    if (sc_engine_pause(&cli->engine, container, *(const bool *)data, err) < 0)
        return -1;
    return print_word(word);
}

static int
pause_all(struct sc_cli *cli, bool paused, struct sc_err *err)
{
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, NULL, &args, err) < 0 || sc_cli_engine(cli, err) < 0)
        return -1;
    return sc_cli_each(cli, &args, pause_one, &paused);
}

static int
run_pause(struct sc_cli *cli, struct sc_err *err)
{
    return pause_all(cli, true, err);
}

static int
run_unpause(struct sc_cli *cli, struct sc_err *err)
{
    return pause_all(cli, false, err);
}

const struct sc_command sc_cmd_pause = {
    .name = "pause",
    .synopsis = "CONTAINER...",
    .help = "Freeze all processes of containers",
    .options = NO_OPTIONS,
    .args_min = 1,
    .args_max = -1,
    .run = run_pause,
};

const struct sc_command sc_cmd_unpause = {
    .name = "unpause",
    .synopsis = "CONTAINER...",
    .help = "Let paused containers go on",
    .options = NO_OPTIONS,
    .args_min = 1,
    .args_max = -1,
    .run = run_unpause,
};

/* ---- wait ---------------------------------------------------------------------------------------------------------
 */

static int
wait_one(struct sc_cli *cli, const struct sc_container *container, const char *word, void *data, struct sc_err *err)
{
    struct sc_exit exit_record;

    (void)word;
    (void)data;
    if (sc_engine_wait(&cli->engine, container, &exit_record, err) < 0)
        return -1;
    (void)printf("%d\n", (int)exit_record.code);
    (void)fflush(stdout);
    return 0;
}

static int
run_wait(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, NULL, &args, err) < 0 || sc_cli_engine(cli, err) < 0)
        return -1;
    return sc_cli_each(cli, &args, wait_one, NULL);
}

const struct sc_command sc_cmd_wait = {
    .name = "wait",
    .synopsis = "CONTAINER...",
    .help = "Wait until containers end, and print their exit codes",
    .options = NO_OPTIONS,
    .args_min = 1,
    .args_max = -1,
    .run = run_wait,
};

/* ---- rm
 * --------------------------------------------------------------------------------------------------------------- */

struct rm_options {
    bool force, volumes;
};

static const struct sc_option rm_table[] = {
    {"force", 'f', SC_OPTION_FLAG, offsetof(struct rm_options, force), NULL, "Kill it first when it runs", NULL, NULL},
    {"volumes", 'v', SC_OPTION_FLAG, offsetof(struct rm_options, volumes), NULL, "Remove its anonymous volumes too",
     NULL, NULL},
    {.name = NULL},
};

static int
run_rm(struct sc_cli *cli, struct sc_err *err)
{
    struct rm_options options = {.force = false};
    struct sc_strv args = {0};
    int status = 0;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0)
        return -1;
    for (size_t i = 0; i < args.count; i++) {
        struct sc_container container = SC_CONTAINER_INIT;
        struct sc_err one = SC_ERR_INIT;
        int found = sc_engine_find(&cli->engine, args.items[i], &cli->arena, &container, &one);

        if (found == 0 && sc_engine_remove(&cli->engine, &container, options.force, options.volumes, &one) == 0) {
            (void)print_word(args.items[i]);
            continue;
        }
        sc_print_err(&one);
        /* With -f what is not there is what was asked for. */
        if (!(found < 0 && options.force && one.kind == SC_ERR_NOT_FOUND))
            status = 1;
    }
    return status;
}

const struct sc_command sc_cmd_rm = {
    .name = "rm",
    .synopsis = "[OPTIONS] CONTAINER...",
    .help = "Remove containers",
    .options = rm_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_rm,
};

/* ---- rename
 * --------------------------------------------------------------------------------------------------------------- */

static int
run_rename(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_container container = SC_CONTAINER_INIT;
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, NULL, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_engine_find(&cli->engine, args.items[0], &cli->arena, &container, err) < 0)
        return -1;
    return sc_engine_rename(&cli->engine, &container, args.items[1], err);
}

const struct sc_command sc_cmd_rename = {
    .name = "rename",
    .synopsis = "CONTAINER NAME",
    .help = "Rename a container",
    .options = NO_OPTIONS,
    .args_min = 2,
    .args_max = 2,
    .run = run_rename,
};
