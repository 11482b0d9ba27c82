/* sc restart: a stop and a start of the same container. */
#include <stdio.h>

#include "cli/cli.h"

struct restart_options {
    int timeout, signum;
};

static const struct sc_option restart_table[] = {
    {"signal", 's', SC_OPTION_CALL, offsetof(struct restart_options, signum), "signal",
     "Signal to send (default: the container's)", sc_value_signal, NULL},
    {"timeout", 't', SC_OPTION_CALL, offsetof(struct restart_options, timeout), "seconds",
     "Patience before it is killed (default: the container's, or 10)", sc_value_seconds, "time"},
    {.name = NULL},
};

static int
restart_one(struct sc_cli *cli, const struct sc_container *container, const char *word, void *data, struct sc_err *err)
{
    const struct restart_options *options = data;

    if (sc_engine_restart(&cli->engine, container, options->timeout, options->signum, &cli->arena, err) < 0)
        return -1;
    (void)printf("%s\n", word);
    (void)fflush(stdout);
    return 0;
}

static int
run_restart(struct sc_cli *cli, struct sc_err *err)
{
    struct restart_options options = {.timeout = -1};
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0)
        return -1;
    return sc_cli_each(cli, &args, restart_one, &options);
}

const struct sc_command sc_cmd_restart = {
    .name = "restart",
    .synopsis = "[OPTIONS] CONTAINER...",
    .help = "Stop containers that run, and start them again",
    .options = restart_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_restart,
};
