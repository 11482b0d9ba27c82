/* sc history: what an image was made of, newest first. */
#include <string.h>

#include "cli/cli.h"

#define CREATED_BY_MAX 45 /* as Docker cuts it */

struct history_options {
    bool no_trunc, quiet, human;
    char *format, *platform;
};

#define AT(member) offsetof(struct history_options, member)

static const struct sc_option table[] = {
    {"format", 0, SC_OPTION_STR, AT(format), "how", "json, table, or a Go template", NULL, NULL},
    {"human", 'H', SC_OPTION_FLAG, AT(human), NULL, "Print sizes and dates in readable form (the default)", NULL, NULL},
    {"no-trunc", 0, SC_OPTION_FLAG, AT(no_trunc), NULL, "Show all of each value", NULL, NULL},
    {"platform", 0, SC_OPTION_STR, AT(platform), "platform", "Refuse an image for another one: linux/arm64", NULL,
     NULL},
    {"quiet", 'q', SC_OPTION_FLAG, AT(quiet), NULL, "Show ids only", NULL, NULL},
    {.name = NULL},
};

static const struct sc_column columns[] = {
    {"ID", "IMAGE"},
    {"CreatedAt", "CREATED AT"},
    {"CreatedSince", "CREATED"},
    {"CreatedBy", "CREATED BY"},
    {"Size", "SIZE"},
    {"Comment", "COMMENT"},
    {NULL, NULL},
};

/* When, and how long ago; what was built so that it comes out the same each time says 1970, which is no time. */
static void
read_created(const char *created, const struct history_options *options, char at[SC_HUMAN_MAX],
             char since[SC_HUMAN_MAX])
{
    struct sc_err ignored = SC_ERR_INIT;
    char age[SC_HUMAN_MAX];
    int64_t when = 0;
    bool is_known = created && sc_time_parse(created, &when, &ignored) == 0;

    if (is_known)
        sc_human_rfc3339(when, at);
    else
        (void)snprintf(at, SC_HUMAN_MAX, "%.40s", created ? created : "");
    if (!options->human) {
        (void)snprintf(since, SC_HUMAN_MAX, "%s", at);
    } else if (is_known && when > 0) {
        sc_human_duration(sc_time_now() - when, age);
        (void)snprintf(since, SC_HUMAN_MAX, "%.40s ago", age);
    } else {
        (void)snprintf(since, SC_HUMAN_MAX, "N/A");
    }
}

static json_t *
row_of(const json_t *entry, const char *id, int64_t bytes, const struct history_options *options)
{
    const char *by = json_string_value(json_object_get(entry, "created_by"));
    const char *comment = json_string_value(json_object_get(entry, "comment"));
    char size[SC_HUMAN_MAX], at[SC_HUMAN_MAX], since[SC_HUMAN_MAX];
    sc_cleanup_buf line = SC_BUF_INIT, cut = SC_BUF_INIT;

    if (options->human)
        sc_human_size(bytes, size);
    else
        (void)snprintf(size, sizeof(size), "%lld", (long long)bytes);
    /* as Docker: a tab is a space */
    for (; by && *by; by++)
        sc_buf_addc(&line, *by == '\t' ? ' ' : *by);
    by = sc_buf_str(&line);
    if (!options->no_trunc) {
        sc_human_cut(by, CREATED_BY_MAX, &cut);
        by = sc_buf_str(&cut);
    }
    read_created(json_string_value(json_object_get(entry, "created")), options, at, since);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "Comment", comment ? comment : "", "CreatedAt", at, "CreatedBy",
                     by, "CreatedSince", since, "ID", id, "Size", size);
}

/* Newest first. An image whose config tells no history has one line for each layer. */
static int
add_rows(const struct sc_image *image, const json_t *history, const struct history_options *options, json_t *rows,
         struct sc_err *err)
{
    sc_cleanup_json nothing = json_object();
    size_t layer = image->diff_ids.count, count = json_array_size(history) ? json_array_size(history) : layer;
    const char *hex = strchr(image->id, ':') ? strchr(image->id, ':') + 1 : image->id;

    for (size_t i = count; i-- > 0;) {
        const json_t *entry = json_array_size(history) ? json_array_get(history, i) : nothing;
        bool is_empty = json_is_true(json_object_get(entry, "empty_layer"));
        char id[SC_ID_LEN + sizeof("sha256:")];
        int64_t bytes = 0;

        if (!is_empty && layer > 0) {
            layer--;
            bytes = image->layer_sizes ? image->layer_sizes[layer] : 0;
        }
        /* Only the image itself has an id here: those of the steps on the way were never its. */
        if (i + 1 == count)
            (void)snprintf(id, sizeof(id), options->no_trunc ? "sha256:%s" : "%.12s", hex);
        else
            (void)snprintf(id, sizeof(id), "<missing>");
        if (json_array_append_new(rows, row_of(entry, id, bytes, options)) < 0)
            return sc_err_nomem(err);
    }
    return 0;
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    struct history_options options = {.human = true};
    struct sc_list_format how = {
        .columns = columns, .default_table = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"};
    sc_cleanup_json history = NULL;
    sc_cleanup_json rows = json_array();
    struct sc_strv args = {0};
    struct sc_image image;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_image_find(&cli->engine.store, args.items[0], &cli->arena, &image, err) < 0 ||
        sc_image_want_platform(&image, args.items[0], options.platform, &cli->arena, err) < 0 ||
        sc_image_history(&cli->engine.store, &image, &history, err) < 0 ||
        add_rows(&image, history, &options, rows, err) < 0)
        return -1;
    if (!options.human)
        how.default_table = "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
    how.format = options.quiet && !options.format ? "{{.ID}}" : options.format;
    return sc_list_print(&how, rows, err);
}

const struct sc_command sc_cmd_history = {
    .name = "history",
    .synopsis = "[OPTIONS] IMAGE",
    .help = "Show what an image was made of",
    .options = table,
    .args_min = 1,
    .args_max = 1,
    .run = run,
};
