/* sc start, and sc attach, which is the second half of sc start -a. */
#include <string.h>
#include <unistd.h>

#include "cli/ps-priv.h"

struct attach_options {
    bool attach, interactive, no_stdin, sig_proxy, all;
    struct sc_strv filters;
    char *detach_keys;
    enum sc_explain explain;
};

static int
stay(struct sc_cli *cli, const struct sc_container *container, const struct attach_options *options, int flags,
     int client, struct sc_err *err)
{
    const struct sc_stay how = {
        .sock = client,
        .flags = flags,
        .sig_proxy = options->sig_proxy,
        .detach_keys = options->detach_keys ? options->detach_keys : container->options.detach_keys,
    };

    return sc_cli_stay_with(cli, container, &how, err);
}

static int
check_terminal(const struct sc_container *container, int flags, struct sc_err *err)
{
    if (!container->options.tty || !(flags & SC_ATTACH_STDIN) || isatty(STDIN_FILENO))
        return 0;
    sc_err_set(err, SC_ERR_INVALID, "the input device is not a TTY");
    return sc_err_remedy(err, "container \"%s\" has a terminal: attach to it from one", container->name);
}

static bool
is_up(const struct sc_container *container)
{
    return container->is_restarting || container->status == SC_STATUS_RUNNING || container->status == SC_STATUS_PAUSED;
}

/* Docker's: a start does not end a pause. */
static int
refuse_paused(const struct sc_container *container, const char *verb, struct sc_err *err)
{
    if (container->status != SC_STATUS_PAUSED)
        return 0;
    sc_err_set(err, SC_ERR_BUSY, "cannot %s container \"%s\": it is paused", verb, container->name);
    return sc_err_remedy(err, "unpause it: sc unpause %s", container->name);
}

/* ---- start ----------------------------------------------------------------------------------------- */

static const struct sc_option start_table[] = {
    {"all", 0, SC_OPTION_FLAG, offsetof(struct attach_options, all), NULL, "Start all that do not run", NULL, NULL},
    {"attach", 'a', SC_OPTION_FLAG, offsetof(struct attach_options, attach), NULL, "Stay with the container's output",
     NULL, NULL},
    {"detach-keys", 0, SC_OPTION_CALL, offsetof(struct attach_options, detach_keys), "keys",
     "Keys that detach (default ctrl-p,ctrl-q)", sc_value_detach_keys, NULL},
    {"explain", 0, SC_OPTION_OPTIONAL, offsetof(struct attach_options, explain), "text|json",
     "Say what the kernel is told, step by step, and why", sc_value_explain, NULL},
    {"filter", 'f', SC_OPTION_STRV, offsetof(struct attach_options, filters), "key=value",
     "Start those of them that sc ps --filter shows", NULL, NULL},
    {"interactive", 'i', SC_OPTION_FLAG, offsetof(struct attach_options, interactive), NULL,
     "Stay with its standard input", NULL, NULL},
    {"sig-proxy", 0, SC_OPTION_FLAG, offsetof(struct attach_options, sig_proxy), NULL,
     "Forward signals to the container (default true)", NULL, NULL},
    {.name = NULL},
};

/* A container that is a service is started by systemd, which is then what runs this. */
static int
enter_service(struct sc_cli *cli, struct sc_container *container, bool *is_inside, struct sc_err *err)
{
    if (sc_engine_service_enter(container, &cli->arena, is_inside, err) < 0)
        return -1;
    if (*is_inside)
        return 0;
    if (sc_engine_service_start(&cli->engine, container, err) < 0)
        return -1;
    return sc_engine_find(&cli->engine, container->id, &cli->arena, container, err);
}

static int
start_attached(struct sc_cli *cli, const char *name, struct attach_options *options, struct sc_err *err)
{
    struct sc_container container = SC_CONTAINER_INIT;
    struct sc_start_options how = {
        .explain = options->explain != SC_EXPLAIN_NONE, .trace = sc_explain_trace, .trace_data = &options->explain};
    sc_cleanup_fd client = -1;
    int flags = SC_ATTACH_STDOUT | SC_ATTACH_STDERR;
    bool is_inside = false;

    if (sc_engine_find(&cli->engine, name, &cli->arena, &container, err) < 0 ||
        refuse_paused(&container, "start", err) < 0)
        return -1;
    if (options->interactive && container.options.interactive)
        flags |= SC_ATTACH_STDIN;
    if (check_terminal(&container, flags, err) < 0)
        return -1;
    how.client_flags = flags;
    if (container.options.as_service && !is_up(&container) && enter_service(cli, &container, &is_inside, err) < 0)
        return -1;
    if (is_up(&container) ? sc_engine_attach(&cli->engine, &container, flags, &client, err) < 0
                          : sc_engine_start(&cli->engine, &container, &how, &client, err) < 0) {
        if (is_inside)
            sc_engine_service_failed(&cli->engine, &container, err);
        err->exit_code = 1; /* Docker's, also where a run would say 127 */
        return -1;
    }
    sc_service_ready();
    return stay(cli, &container, options, flags, client, err);
}

/* Another command has started it meanwhile: as good as ours. */
static bool
is_up_now(struct sc_cli *cli, const struct sc_container *container, struct sc_err *err)
{
    struct sc_container now = SC_CONTAINER_INIT;
    struct sc_err ignored = SC_ERR_INIT;

    if (err->kind != SC_ERR_BUSY || sc_engine_find(&cli->engine, container->id, &cli->arena, &now, &ignored) < 0 ||
        !is_up(&now))
        return false;
    sc_err_clear(err);
    return true;
}

static int
start_one(struct sc_cli *cli, const struct sc_container *container, const char *word, void *data, struct sc_err *err)
{
    struct sc_container copy = *container;

    if (refuse_paused(container, "start", err) < 0)
        return -1;
    /* Starting what runs already changes nothing, as in Docker. */
    if (!is_up(container) && container->options.as_service) {
        if (sc_engine_service_start(&cli->engine, container, err) < 0)
            return -1;
    } else if (!is_up(container) && sc_engine_start(&cli->engine, &copy, data, NULL, err) < 0 &&
               !is_up_now(cli, container, err))
        return -1;
    (void)printf("%s\n", word);
    return 0;
}

/* Those that do not run, and are meant: the names of args. Another may start one meanwhile (start_one sees that). */
static int
choose(struct sc_cli *cli, const struct attach_options *options, struct sc_strv *args, bool *has_unread,
       struct sc_err *err)
{
    struct sc_ps_filters filters = {.count = 0};
    struct sc_container_list list = {.items = NULL};

    if (sc_ps_filters_parse(&options->filters, &cli->arena, &filters, err) < 0 ||
        sc_ps_filters_find(&filters, &cli->engine, &cli->arena, err) < 0 ||
        sc_engine_list_known(&cli->engine, true, &cli->arena, &list, err) < 0)
        return -1;
    *has_unread = list.unread.kind != SC_ERR_NONE;
    if (*has_unread) /* the others are started all the same */
        sc_print_err(&list.unread);
    for (size_t i = list.count; i > 0; i--) { /* the oldest first */
        const struct sc_container *c = &list.items[i - 1];

        if (!is_up(c) && sc_ps_filters_match(&filters, c, &cli->arena))
            sc_strv_add(args, &cli->arena, c->name);
    }
    return sc_arena_check(&cli->arena, err);
}

static int
check_choice(const struct attach_options *options, const struct sc_strv *args, struct sc_err *err)
{
    if (!options->all && options->filters.count == 0) {
        if (args->count > 0)
            return 0;
        sc_err_set(err, SC_ERR_INVALID, "'sc start' requires at least 1 argument");
        return sc_err_remedy(err, "see 'sc start --help'");
    }
    if (args->count > 0)
        return sc_err_set(err, SC_ERR_INVALID, "--all and --filter choose containers: give no names");
    if (options->attach || options->interactive)
        return sc_err_set(err, SC_ERR_INVALID, "one can stay with one container only: not with --all or --filter");
    return 0;
}

static int
run_start(struct sc_cli *cli, struct sc_err *err)
{
    struct attach_options options = {.sig_proxy = true};
    struct sc_start_options how = {.client_flags = -1, .trace = sc_explain_trace, .trace_data = &options.explain};
    struct sc_strv args = {0};
    bool has_unread = false;

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    if (options.explain == SC_EXPLAIN_SH)
        return sc_err_set(err, SC_ERR_INVALID, "--explain \"sh\": is for sc run and sc create");
    if ((options.attach || options.interactive) && args.count > 1) {
        sc_err_set(err, SC_ERR_INVALID, "one can stay with one container only");
        return sc_err_remedy(err, "leave out -a and -i, or start them one by one");
    }
    if (check_choice(&options, &args, err) < 0 || sc_cli_engine(cli, err) < 0)
        return -1;
    if ((options.all || options.filters.count > 0) && choose(cli, &options, &args, &has_unread, err) < 0)
        return -1;
    if (options.attach || options.interactive)
        return start_attached(cli, args.items[0], &options, err);
    how.explain = options.explain != SC_EXPLAIN_NONE;
    return sc_cli_each(cli, &args, start_one, &how) != 0 || has_unread;
}

const struct sc_command sc_cmd_start = {
    .name = "start",
    .synopsis = "[OPTIONS] CONTAINER...",
    .help = "Start containers that do not run",
    .options = start_table,
    .args_min = 0,
    .args_max = -1,
    .starts_containers = true,
    .run = run_start,
};

/* ---- attach ------------------------------------------------------------------------------------------ */

static const struct sc_option attach_table[] = {
    {"detach-keys", 0, SC_OPTION_CALL, offsetof(struct attach_options, detach_keys), "keys",
     "Keys that detach (default ctrl-p,ctrl-q)", sc_value_detach_keys, NULL},
    {"no-stdin", 0, SC_OPTION_FLAG, offsetof(struct attach_options, no_stdin), NULL, "Leave standard input alone", NULL,
     NULL},
    {"sig-proxy", 0, SC_OPTION_FLAG, offsetof(struct attach_options, sig_proxy), NULL,
     "Forward signals to the container (default true)", NULL, NULL},
    {.name = NULL},
};

static int
run_attach(struct sc_cli *cli, struct sc_err *err)
{
    struct attach_options options = {.sig_proxy = true};
    struct sc_container container = SC_CONTAINER_INIT;
    struct sc_strv args = {0};
    sc_cleanup_fd client = -1;
    int flags = SC_ATTACH_STDOUT | SC_ATTACH_STDERR;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_engine_find(&cli->engine, args.items[0], &cli->arena, &container, err) < 0)
        return -1;
    if (container.status == SC_STATUS_PAUSED) {
        sc_err_set(err, SC_ERR_BUSY, "container \"%s\" is paused", container.name);
        return sc_err_remedy(err, "unpause it first: sc unpause %s", container.name);
    }
    if (container.is_restarting)
        return sc_err_set(err, SC_ERR_BUSY, "you cannot attach to a restarting container, wait until it is running");
    if (container.status != SC_STATUS_RUNNING) {
        sc_err_set(err, SC_ERR_BUSY, "container \"%s\" is not running", container.name);
        return sc_err_remedy(err, "start it first: sc start %s", container.name);
    }
    if (!options.no_stdin && container.options.interactive)
        flags |= SC_ATTACH_STDIN;
    if (check_terminal(&container, flags, err) < 0 ||
        sc_engine_attach(&cli->engine, &container, flags, &client, err) < 0)
        return -1;
    return stay(cli, &container, &options, flags, client, err);
}

const struct sc_command sc_cmd_attach = {
    .name = "attach",
    .synopsis = "[OPTIONS] CONTAINER",
    .help = "Connect this terminal to a running container",
    .options = attach_table,
    .args_min = 1,
    .args_max = 1,
    .run = run_attach,
};
