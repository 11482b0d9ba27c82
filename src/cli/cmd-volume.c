/* sc volume: ls, create, rm, inspect, prune. */
#include <string.h>

#include "cli/cli.h"

struct volume_options {
    bool quiet, force;
    char *format, *driver;
    struct sc_strv labels, opts, filters;
};

#define AT(member) offsetof(struct volume_options, member)

static const struct sc_option ls_table[] = {
    {"filter", 'f', SC_OPTION_STRV, AT(filters), "filter",
     "name=.., dangling=true|false, driver=local, label=name[=value], label!=..", NULL, NULL},
    {"format", 0, SC_OPTION_STR, AT(format), "how", "json, table, or a Go template", NULL, NULL},
    {"quiet", 'q', SC_OPTION_FLAG, AT(quiet), NULL, "Show names only", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option create_table[] = {
    {"driver", 'd', SC_OPTION_STR, AT(driver), "driver", "local, the only one", NULL, NULL},
    {"label", 0, SC_OPTION_CALL, AT(labels), "key=value", "Set a label", sc_value_label, NULL},
    {"opt", 'o', SC_OPTION_STRV, AT(opts), "key=value", "type=, device= and o=, as mount(8) has them", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option rm_table[] = {
    {"force", 'f', SC_OPTION_FLAG, AT(force), NULL, "One that does not exist is no failure", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option inspect_table[] = {
    {"format", 'f', SC_OPTION_STR, AT(format), "how", "json, or a Go template", NULL, NULL},
    {.name = NULL},
};

static const struct sc_column columns[] = {
    {"Driver", "DRIVER"}, {"Name", "VOLUME NAME"}, {"Mountpoint", "MOUNTPOINT"},
    {"Links", "LINKS"},   {"Size", "SIZE"},        {NULL, NULL},
};

json_t *
sc_volume_row(const struct sc_volume *volume)
{
    sc_cleanup_buf labels = SC_BUF_INIT;
    char size[SC_HUMAN_MAX];

    for (size_t i = 0; i < volume->labels.count; i++)
        sc_buf_addf(&labels, "%s%s%s", i > 0 ? "," : "", volume->labels.items[i],
                    strchr(volume->labels.items[i], '=') ? "" : "=");
    sc_human_size(volume->bytes, size);
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s}", "Driver", "local", "Labels", sc_buf_str(&labels),
                     "Label", sc_cli_map_of(&volume->labels), "Links", volume->links > 0 ? "1" : "0", "Mountpoint",
                     volume->mountpoint, "Name", volume->name, "Scope", "local", "Size", size);
}

static int
is_shown(const struct sc_volume *volume, const struct sc_strv *filters, bool *out, struct sc_err *err)
{
    *out = true;
    for (size_t i = 0; i < filters->count; i++) {
        const char *filter = filters->items[i];

        if (sc_str_starts(filter, "name=")) {
            *out = *out && strstr(volume->name, filter + strlen("name="));
        } else if (sc_str_starts(filter, "dangling=")) {
            bool wanted;

            if (sc_parse_bool(filter + strlen("dangling="), &wanted, err) < 0)
                return sc_err_wrap(err, "--filter dangling");
            *out = *out && (volume->links == 0) == wanted;
        } else if (sc_str_starts(filter, "driver=")) {
            *out = *out && strcmp(filter + strlen("driver="), "local") == 0;
        } else if (sc_str_starts(filter, "label=")) {
            *out = *out && sc_cli_has_label(&volume->labels, filter + strlen("label="));
        } else if (sc_str_starts(filter, "label!=")) {
            *out = *out && !sc_cli_has_label(&volume->labels, filter + strlen("label!="));
        } else {
            return sc_err_set(err, SC_ERR_INVALID, "invalid filter \"%.100s\"", filter);
        }
    }
    return 0;
}

static int
run_ls(struct sc_cli *cli, struct sc_err *err)
{
    struct volume_options options = {.quiet = false};
    struct sc_list_format how = {.columns = columns, .default_table = "{{.Driver}}\t{{.Name}}"};
    struct sc_volume_list list = {.items = NULL};
    sc_cleanup_json rows = json_array();
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_volume_list(&cli->engine, &cli->arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        bool shown;

        if (is_shown(&list.items[i], &options.filters, &shown, err) < 0)
            return -1;
        if (shown)
            (void)json_array_append_new(rows, sc_volume_row(&list.items[i]));
    }
    how.format = options.quiet && !options.format ? "{{.Name}}" : options.format;
    return sc_list_print(&how, rows, err);
}

static int
run_create(struct sc_cli *cli, struct sc_err *err)
{
    struct volume_options options = {.quiet = false};
    struct sc_strv args = {0};
    struct sc_volume_ask ask;
    char id[SC_ID_LEN + 1];
    const char *name = id;

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    if (options.driver && strcmp(options.driver, "local") != 0)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "volume driver \"%.80s\": only local is known", options.driver);
    if (args.count > 0)
        name = args.items[0];
    else if (sc_id_random(id, err) < 0)
        return -1;
    ask = (struct sc_volume_ask){.name = name, .labels = options.labels, .options = options.opts};
    if (sc_cli_engine(cli, err) < 0 || sc_volume_create(&cli->engine, &ask, err) < 0)
        return -1;
    (void)printf("%s\n", name);
    return 0;
}

static int
run_rm(struct sc_cli *cli, struct sc_err *err)
{
    struct volume_options options = {.quiet = false};
    struct sc_strv args = {0};
    int status = 0;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0)
        return -1;
    for (size_t i = 0; i < args.count; i++) {
        struct sc_err one = SC_ERR_INIT;

        /* With -f one that is not there is as wanted, and named like the others. */
        if (sc_volume_remove(&cli->engine, args.items[i], &one) == 0 ||
            (options.force && one.kind == SC_ERR_NOT_FOUND)) {
            (void)printf("%s\n", args.items[i]);
        } else {
            sc_print_err(&one);
            status = 1;
        }
    }
    return status;
}

static int
inspect_listed(const struct sc_volume_list *list, const char *name, json_t **out, struct sc_err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct sc_volume *v = &list->items[i];
        char created[SC_TIME_MAX];

        if (strcmp(v->name, name) != 0)
            continue;
        sc_time_format(v->created_at, created);
        *out = json_pack("{s:s, s:s, s:o, s:s, s:s, s:o, s:s}", "CreatedAt", created, "Driver", "local", "Labels",
                         sc_cli_map_of(&v->labels), "Mountpoint", v->mountpoint, "Name", v->name, "Options",
                         sc_cli_map_of(&v->options), "Scope", "local");
        return *out ? 0 : sc_err_nomem(err);
    }
    sc_err_set(err, SC_ERR_NOT_FOUND, "no such volume: \"%s\"", name);
    return sc_err_remedy(err, "list all with: sc volume ls");
}

int
sc_cli_inspect_volume(struct sc_cli *cli, const char *name, json_t **out, struct sc_err *err)
{
    struct sc_volume_list list = {.items = NULL};

    if (sc_volume_list(&cli->engine, &cli->arena, &list, err) < 0)
        return -1;
    return inspect_listed(&list, name, out, err);
}

static int
run_inspect(struct sc_cli *cli, struct sc_err *err)
{
    struct volume_options options = {.quiet = false};
    struct sc_volume_list list = {.items = NULL};
    sc_cleanup_json out = json_array();
    struct sc_strv args = {0}, failures = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_volume_list(&cli->engine, &cli->arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < args.count; i++) {
        struct sc_err one = SC_ERR_INIT;
        json_t *json = NULL;

        if (inspect_listed(&list, args.items[i], &json, &one) == 0)
            (void)json_array_append_new(out, json);
        else
            sc_strv_addf(&failures, &cli->arena, "%s%s%s", one.msg, one.remedy[0] ? "; " : "", one.remedy);
    }
    return sc_objects_print(options.format, out, &failures, err);
}

const struct sc_command sc_cmd_volume_ls = {
    .name = "volume ls",
    .synopsis = "[OPTIONS]",
    .help = "List volumes",
    .options = ls_table,
    .run = run_ls,
};

const struct sc_command sc_cmd_volume_create = {
    .name = "volume create",
    .synopsis = "[OPTIONS] [NAME]",
    .help = "Make a volume",
    .options = create_table,
    .args_max = 1,
    .run = run_create,
};

const struct sc_command sc_cmd_volume_rm = {
    .name = "volume rm",
    .synopsis = "[OPTIONS] VOLUME...",
    .help = "Remove volumes",
    .options = rm_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_rm,
};

const struct sc_command sc_cmd_volume_inspect = {
    .name = "volume inspect",
    .synopsis = "[OPTIONS] VOLUME...",
    .help = "Print all that is known of volumes",
    .options = inspect_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_inspect,
};
