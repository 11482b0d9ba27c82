/* sc ps, sc container list. */
#include <string.h>

#include "base/json.h"
#include "cli/ps-priv.h"

struct ps_options {
    bool all, quiet, latest, no_trunc, size;
    int64_t last;
    struct sc_strv filters;
    char *format;
};

#define AT(member) offsetof(struct ps_options, member)
#define TABLE      "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"

static const struct sc_option table[] = {
    {"all", 'a', SC_OPTION_FLAG, AT(all), NULL, "Show those that do not run, too", NULL, NULL},
    {"filter", 'f', SC_OPTION_STRV, AT(filters), "key=value",
     "Show those with this name, id, status, label, ancestor, network, volume, ...", NULL, NULL},
    {"format", 0, SC_OPTION_STR, AT(format), "how", "json, table, or a Go template", NULL, NULL},
    {"last", 'n', SC_OPTION_CALL, AT(last), "number", "Show the newest, whatever their state", sc_value_i64, NULL},
    {"latest", 'l', SC_OPTION_FLAG, AT(latest), NULL, "Show the newest, whatever its state", NULL, NULL},
    {"no-trunc", 0, SC_OPTION_FLAG, AT(no_trunc), NULL, "Show ids and commands whole", NULL, NULL},
    {"quiet", 'q', SC_OPTION_FLAG, AT(quiet), NULL, "Show ids only", NULL, NULL},
    {"size", 's', SC_OPTION_FLAG, AT(size), NULL, "Show how much each has written", NULL, NULL},
    {.name = NULL},
};

static const struct sc_column columns[] = {
    {"ID", "CONTAINER ID"},    {"Image", "IMAGE"},
    {"Command", "COMMAND"},    {"CreatedAt", "CREATED AT"},
    {"RunningFor", "CREATED"}, {"Status", "STATUS"},
    {"State", "STATE"},        {"Ports", "PORTS"},
    {"Names", "NAMES"},        {"Labels", "LABELS"},
    {"Label", "LABEL", true},  {"Mounts", "MOUNTS"},
    {"Networks", "NETWORKS"},  {"LocalVolumes", "LOCAL VOLUMES"},
    {"Size", "SIZE"},          {NULL, NULL},
};

/* ---- rows ----------------------------------------------------------------------------------------------- */

static json_t *
text_of(const struct sc_buf *buf)
{
    json_t *value = json_string(sc_buf_str(buf));

    return value ? value : json_string("?"); /* not UTF-8 */
}

/* As a Go string literal, cut to twenty characters; an argument with a blank in it in quotes. */
void
sc_human_command(const struct sc_container *c, bool no_trunc, struct sc_buf *out)
{
    sc_cleanup_buf whole = SC_BUF_INIT, cut = SC_BUF_INIT;

    sc_buf_adds(&whole, c->path ? c->path : "");
    for (size_t i = 0; i < c->args.count; i++)
        sc_buf_addf(&whole, strchr(c->args.items[i], ' ') ? " '%s'" : " %s", c->args.items[i]);
    if (no_trunc)
        sc_buf_adds(&cut, sc_buf_str(&whole));
    else
        sc_human_cut(sc_buf_str(&whole), 20, &cut);
    sc_buf_add_json(out, sc_buf_str(&cut), cut.len);
}

static json_t *
command_of(const struct sc_container *c, bool no_trunc)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_human_command(c, no_trunc, &text);
    return text_of(&text);
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, as Docker has them. */
static json_t *
joined(const struct sc_strv *list)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_free char **sorted = calloc(list->count + 1, sizeof(*sorted));

    if (!sorted)
        return json_string("?");
    if (list->count > 0)
        memcpy(sorted, list->items, list->count * sizeof(*sorted));
    qsort(sorted, list->count, sizeof(*sorted), compare_texts);
    for (size_t i = 0; i < list->count; i++)
        sc_buf_addf(&text, "%s%s", i ? "," : "", sorted[i]);
    return text_of(&text);
}

/* Each of 15 characters at most, as with Docker. */
static json_t *
mounts_of(const struct sc_container *c, bool no_trunc, int *volumes)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    *volumes = 0;
    for (size_t i = 0; i < c->options.mount_count; i++) {
        const struct sc_mount_ask *m = &c->options.mounts[i];

        *volumes += m->kind == SC_MOUNT_VOLUME;
        if (m->source) {
            sc_buf_adds(&text, text.len ? "," : "");
            if (no_trunc)
                sc_buf_adds(&text, m->source);
            else
                sc_human_cut(m->source, 15, &text);
        }
    }
    return text_of(&text);
}

/* A map of labels for {{.Label "x"}}; not part of --format json. */
static json_t *
label_map(const struct sc_strv *labels)
{
    json_t *map = json_object();

    for (size_t i = 0; i < labels->count; i++) {
        size_t len = strcspn(labels->items[i], "=");

        (void)json_object_setn_new(map, labels->items[i], len, json_string(labels->items[i] + len + 1));
    }
    return map;
}

/* "0B (virtual 1.98MB)": looked at only where it is shown. */
static json_t *
size_of(struct sc_engine *engine, const struct sc_container *c, const struct ps_options *options)
{
    char own[SC_HUMAN_MAX], all[SC_HUMAN_MAX];
    int64_t own_bytes = 0, all_bytes = 0;

    if (!options->size && !(options->format && strstr(options->format, ".Size")))
        return json_string("0B");
    sc_engine_size(engine, c, &own_bytes, &all_bytes);
    sc_human_size(own_bytes, own);
    sc_human_size(all_bytes, all);
    return all_bytes > 0 ? json_sprintf("%s (virtual %s)", own, all) : json_string(own);
}

/* The id of the image that has this name now, "" for none. ids: the answers so far, by name. */
static const char *
id_of_name(struct sc_engine *engine, const char *name, json_t *ids)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_image *image = SC_ARENA_NEW(&arena, struct sc_image);
    struct sc_err ignored = SC_ERR_INIT; /* then it has another's name, or none */
    const char *known = json_string_value(json_object_get(ids, name));

    if (known)
        return known;
    if (image && sc_image_find(&engine->store, name, &arena, image, &ignored) == 0)
        (void)json_object_set_new(ids, name, json_string(image->id));
    else
        (void)json_object_set_new(ids, name, json_string(""));
    known = json_string_value(json_object_get(ids, name));
    return known ? known : "";
}

/* As Docker: by the name that was used, and by its id when the name has gone to another image, or altogether. */
static json_t *
image_of(struct sc_engine *engine, const struct sc_container *c, const struct ps_options *options, json_t *ids)
{
    const char *algorithm = "sha256:";

    if (!c->image_name)
        return json_string(c->options.rootfs ? c->options.rootfs : "");
    if (!c->image_id || (options->quiet && !options->format) ||
        (strcmp(id_of_name(engine, c->image_name, ids), c->image_id) == 0 &&
         !sc_str_starts(c->image_name, algorithm))) /* an id is none */
        return json_string(c->image_name);
    return options->no_trunc || !sc_str_starts(c->image_id, algorithm)
               ? json_string(c->image_id)
               : json_sprintf("%.12s", c->image_id + strlen(algorithm));
}

static json_t *
row_of(struct sc_engine *engine, const struct sc_container *c, const struct ps_options *options, json_t *ids,
       int64_t now)
{
    sc_cleanup_buf status = SC_BUF_INIT, ports = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT; /* it ends at this moment, perhaps */
    char since[SC_HUMAN_MAX], created[SC_HUMAN_MAX];
    int volumes;
    json_t *row = json_object();

    sc_human_status(c, now, &status);
    (void)!sc_engine_ports_text(engine, c, &ports, &ignored);
    sc_human_duration(now - c->created_at, since);
    sc_human_time(c->created_at, created);
    (void)json_object_set_new(row, "Command", command_of(c, options->no_trunc));
    (void)json_object_set_new(row, "CreatedAt", json_string(created));
    (void)json_object_set_new(row, "ID", json_sprintf("%.*s", options->no_trunc ? SC_ID_LEN : 12, c->id));
    (void)json_object_set_new(row, "Image", image_of(engine, c, options, ids));
    (void)json_object_set_new(row, "Labels", joined(&c->effective_labels));
    (void)json_object_set_new(row, "Mounts", mounts_of(c, options->no_trunc, &volumes));
    (void)json_object_set_new(row, "LocalVolumes", json_sprintf("%d", volumes));
    (void)json_object_set_new(row, "Names", json_string(c->name));
    (void)json_object_set_new(row, "Networks", sc_ps_networks(c));
    (void)json_object_set_new(row, "Ports", text_of(&ports));
    (void)json_object_set_new(row, "RunningFor", json_sprintf("%s ago", since));
    (void)json_object_set_new(row, "Size", size_of(engine, c, options));
    (void)json_object_set_new(row, "State", json_string(sc_container_state(c)));
    (void)json_object_set_new(row, "Status", text_of(&status));
    if (!sc_str_eq(options->format, "json"))
        (void)json_object_set_new(row, "Label", label_map(&c->effective_labels));
    return row;
}

json_t *
sc_ps_row(struct sc_engine *engine, const struct sc_container *container, int64_t now)
{
    sc_cleanup_json ids = json_object();

    return row_of(engine, container, &(struct ps_options){.no_trunc = true, .format = (char *)"json"}, ids, now);
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    struct ps_options options = {.last = -1};
    struct sc_list_format how = {.default_table = TABLE, .columns = columns};
    struct sc_container_list list = {.items = NULL};
    struct sc_strv args = {0};
    sc_cleanup_json rows = json_array();
    sc_cleanup_json ids = json_object();
    struct sc_ps_filters filters = {.items = NULL};
    int64_t now;

    if (sc_cli_parse(cli, &options, &args, err) < 0 ||
        sc_ps_filters_parse(&options.filters, &cli->arena, &filters, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_ps_filters_find(&filters, &cli->engine, &cli->arena, err) < 0)
        return -1;
    sc_engine_refill(&cli->engine);
    if (options.latest)
        options.last = 1;
    else if (options.last == 0) /* as Docker: of no number */
        options.last = -1;
    if (sc_engine_list_known(&cli->engine, options.all || filters.needs_all || options.last >= 0, &cli->arena, &list,
                             err) < 0)
        return -1;
    now = sc_time_now();
    for (size_t i = 0; i < list.count && (options.last < 0 || json_array_size(rows) < (size_t)options.last); i++) {
        if (sc_ps_filters_match(&filters, &list.items[i], &cli->arena))
            (void)json_array_append_new(rows, row_of(&cli->engine, &list.items[i], &options, ids, now));
    }
    how.format = options.quiet && !options.format ? "{{.ID}}" : options.format;
    if (options.size)
        how.default_table = TABLE "\t{{.Size}}";
    if (sc_list_print(&how, rows, err) < 0)
        return -1;
    if (list.unread.kind == SC_ERR_NONE)
        return 0;
    *err = list.unread;
    return -1;
}

const struct sc_command sc_cmd_ps = {
    .name = "ps",
    .synopsis = "[OPTIONS]",
    .help = "List containers",
    .options = table,
    .run = run,
};
