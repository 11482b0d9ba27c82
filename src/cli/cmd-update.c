/* sc update: other limits, or another restart policy, for containers. */
#include "cli/cli.h"

static int
update_one(struct sc_cli *cli, const struct sc_container *container, const char *word, void *data, struct sc_err *err)
{
    const struct sc_run_options *options = data;

    if (sc_engine_update(&cli->engine, container, &options->create, options->only_runtime, err) < 0)
        return -1;
    (void)printf("%s\n", word);
    (void)fflush(stdout);
    return 0;
}

static int
run_update(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_run_options options;
    struct sc_strv args = {0};
    int status;

    sc_run_options_init(&options);
    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    if (options.kernel_memory == 0 && !options.create.restart && !sc_limits_any(&options.create) &&
        options.create.net_rate_in == 0 && options.create.net_rate_out == 0) {
        sc_err_set(err, SC_ERR_INVALID, "nothing to update: no limit and no restart policy is given");
        return sc_err_remedy(err, "see 'sc update --help'");
    }
    if (sc_cli_engine(cli, err) < 0)
        return -1;
    status = sc_cli_each(cli, &args, update_one, &options);
    if (status == 0)
        sc_run_notes(&options);
    return status;
}

const struct sc_command sc_cmd_update = {
    .name = "update",
    .synopsis = "[OPTIONS] CONTAINER...",
    .help = "Change the limits of containers",
    .options = sc_update_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_update,
};
