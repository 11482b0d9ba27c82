/* sc run: create, start, stay with it until it ends. */
#include <unistd.h>

#include "cli/cli.h"

/* Standard input that a terminal of the container would read must be one itself, as with Docker. */
static int
check_terminal(const struct sc_run_options *options, int flags, struct sc_err *err)
{
    if (!options->create.tty || !(flags & SC_ATTACH_STDIN) || isatty(STDIN_FILENO))
        return 0;
    sc_err_set(err, SC_ERR_INVALID, "the input device is not a TTY");
    err->exit_code = 1; /* Docker's, as it has not begun to run */
    return sc_err_remedy(err, "leave out -t, or run it from a terminal");
}

static int
open_engine(struct sc_cli *cli, struct sc_err *err)
{
    const char *note = NULL;

    if (sc_cli_engine(cli, err) < 0 || sc_rootless_note(&cli->engine, &cli->arena, &note, err) < 0)
        return -1;
    if (note)
        sc_print_note(note);
    return 0;
}

/* What is made for a service that does not start goes with it, as with a start of our own. */
static int
start_service(struct sc_cli *cli, struct sc_container *container, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;

    if (sc_engine_service_start(&cli->engine, container, err) == 0)
        return 0;
    if (container->is_rm)
        (void)!sc_engine_remove(&cli->engine, container, true, true, &ignored);
    return -1;
}

/* A container without a network looks like one whose network is broken. */
static void
note_network(const struct sc_run_options *options, const struct sc_container *container)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err why = SC_ERR_INIT;

    if (!sc_engine_lacks_network(&options->create, container, &why))
        return;
    sc_buf_addf(&text, "the container has no network: %s; %s", why.msg, why.remedy);
    sc_print_note(sc_buf_str(&text));
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_run_options options;
    struct sc_strv args = {0};
    __attribute__((cleanup(sc_container_release))) struct sc_container container = SC_CONTAINER_INIT;
    struct sc_start_options how = {.client_flags = -1, .trace = sc_explain_trace, .trace_data = &options.explain};
    sc_cleanup_fd client = -1;
    int flags;

    sc_run_options_init(&options);
    if (sc_cli_parse(cli, &options, &args, err) < 0 ||
        sc_run_options_finish(&options, cli->command->name, &args, &cli->arena, err) < 0 ||
        sc_run_attach_flags(&options, &flags, err) < 0)
        return -1;
    if (options.dry_run || options.explain == SC_EXPLAIN_SH)
        return sc_run_print_plan(cli, &options, err);
    options.create.detach = options.create.detach || options.create.as_service;
    if (!options.create.detach) {
        how.client_flags = flags;
        if (check_terminal(&options, flags, err) < 0)
            return -1;
    }
    if (options.create.as_service && sc_service_check(&options.create, err) < 0)
        return -1;
    how.explain = options.explain != SC_EXPLAIN_NONE;
    sc_run_record_command(&options.create, cli, &args);
    options.create.starts_now = !options.create.as_service;
    if (open_engine(cli, err) < 0 ||
        sc_engine_create(&cli->engine, &options.create, &cli->arena, &container, err) < 0 ||
        (options.create.as_service ? start_service(cli, &container, err)
                                   : sc_engine_start(&cli->engine, &container, &how, &client, err)) < 0)
        return -1;
    sc_run_notes(&options); /* what is refused says no more than that */
    note_network(&options, &container);
    sc_service_ready();
    if (!options.create.detach)
        return sc_cli_stay_with(cli, &container,
                                &(const struct sc_stay){client, flags, options.sig_proxy, options.create.detach_keys},
                                err);
    (void)printf("%s\n", container.id);
    return 0;
}

const struct sc_command sc_cmd_run = {
    .name = "run",
    .synopsis = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .help = "Create a container and start it",
    .options = sc_run_table,
    .args_max = -1,
    .stops_at_argument = true,
    .starts_containers = true,
    .run = run,
};

/* ---- sc create ------------------------------------------------------------------------------------- */

static int
run_create(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_run_options options;
    struct sc_strv args = {0};
    __attribute__((cleanup(sc_container_release))) struct sc_container container = SC_CONTAINER_INIT;

    sc_run_options_init(&options);
    if (sc_cli_parse(cli, &options, &args, err) < 0 ||
        sc_run_options_finish(&options, cli->command->name, &args, &cli->arena, err) < 0)
        return -1;
    if (options.dry_run || options.explain != SC_EXPLAIN_NONE) /* nothing is executed that could be followed */
        return sc_run_print_plan(cli, &options, err);
    sc_run_record_command(&options.create, cli, &args);
    if (open_engine(cli, err) < 0 || sc_engine_create(&cli->engine, &options.create, &cli->arena, &container, err) < 0)
        return -1;
    sc_run_notes(&options);
    note_network(&options, &container);
    (void)printf("%s\n", container.id);
    return 0;
}

const struct sc_command sc_cmd_create = {
    .name = "create",
    .synopsis = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .help = "Create a container without starting it",
    .options = sc_create_table,
    .args_max = -1,
    .stops_at_argument = true,
    .starts_containers = true,
    .run = run_create,
};
