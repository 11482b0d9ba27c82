/* sc images, rmi, tag. */
#include <fnmatch.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"

struct images_options {
    bool all, quiet, no_trunc, digests, tree;
    struct sc_strv filters;
    char *format;
};

#define AT(member) offsetof(struct images_options, member)

static const struct sc_option table[] = {
    {"all", 'a', SC_OPTION_FLAG, AT(all), NULL, "Show all (the default)", NULL, NULL},
    {"digests", 0, SC_OPTION_FLAG, AT(digests), NULL, "Show digests", NULL, NULL},
    {"filter", 'f', SC_OPTION_STRV, AT(filters), "key=value",
     "Show those with this dangling, reference, label, before, since or until", NULL, NULL},
    {"format", 0, SC_OPTION_STR, AT(format), "how", "json, table, or a Go template", NULL, NULL},
    {"no-trunc", 0, SC_OPTION_FLAG, AT(no_trunc), NULL, "Show ids whole", NULL, NULL},
    {"quiet", 'q', SC_OPTION_FLAG, AT(quiet), NULL, "Show ids only", NULL, NULL},
    {"tree", 0, SC_OPTION_FLAG, AT(tree), NULL, "Show each image once, with its platform and what it takes", NULL,
     NULL},
    {.name = NULL},
};

static const struct sc_column columns[] = {
    {"Repository", "REPOSITORY"},
    {"Tag", "TAG"},
    {"Digest", "DIGEST"},
    {"ID", "IMAGE ID"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"Size", "SIZE"},
    {"VirtualSize", "SIZE"},
    {"SharedSize", "SHARED SIZE"},
    {"UniqueSize", "UNIQUE SIZE"},
    {"Containers", "CONTAINERS"},
    {NULL, NULL},
};

json_t *
sc_images_row(const struct sc_image *image, const struct sc_reference *ref, bool no_trunc, int64_t now,
              struct sc_arena *arena)
{
    struct sc_err ignored = SC_ERR_INIT;
    char size[SC_HUMAN_MAX], since[SC_HUMAN_MAX], at[SC_HUMAN_MAX];
    const char *id = image->id;
    int64_t created = 0;
    json_t *row = json_object();

    if (!no_trunc && sc_str_starts(id, "sha256:"))
        id += strlen("sha256:");
    sc_human_size(image->size, size);
    (void)json_object_set_new(row, "Containers", json_string("N/A"));
    (void)json_object_set_new(row, "CreatedAt", json_string("N/A"));
    if (image->created && sc_time_parse(image->created, &created, &ignored) == 0) {
        sc_human_time(created, at);
        (void)json_object_set_new(row, "CreatedAt", json_string(at));
        sc_human_duration(now - created, since);
        (void)json_object_set_new(row, "CreatedSince", json_sprintf("%s ago", since));
    } else {
        (void)json_object_set_new(row, "CreatedSince", json_string("N/A"));
    }
    (void)json_object_set_new(row, "Digest", json_string(image->manifest_digest ? image->manifest_digest : "<none>"));
    (void)json_object_set_new(row, "ID", no_trunc ? json_string(id) : json_sprintf("%.12s", id));
    (void)json_object_set_new(row, "Repository", json_string(ref ? sc_reference_familiar(ref, arena) : "<none>"));
    (void)json_object_set_new(row, "SharedSize", json_string("N/A")); /* `sc system df -v` adds these up */
    (void)json_object_set_new(row, "Size", json_string(size));
    (void)json_object_set_new(row, "Tag", json_string(ref && ref->tag ? ref->tag : "<none>"));
    (void)json_object_set_new(row, "UniqueSize", json_string("N/A"));
    sc_human_size_long(image->size, size);
    (void)json_object_set_new(row, "VirtualSize", json_string(size));
    return row;
}

/* A pattern of the name as it is shown, with the tag or without. */
static bool
is_like(const struct sc_reference *ref, const char *pattern, struct sc_arena *arena)
{
    const char *name = ref ? sc_reference_familiar(ref, arena) : NULL;
    char *tagged = name && ref->tag ? sc_arena_printf(arena, "%s:%s", name, ref->tag) : NULL;

    return (name && fnmatch(pattern, name, FNM_PATHNAME) == 0) ||
           (tagged && fnmatch(pattern, tagged, FNM_PATHNAME) == 0);
}

/* REPOSITORY or REPOSITORY:TAG, however much of the name is written out; or a pattern */
static bool
is_asked_for(const struct sc_reference *ref, const char *wanted, struct sc_arena *arena)
{
    struct sc_reference parsed = {0};
    struct sc_err ignored = SC_ERR_INIT;
    const char *colon = strrchr(wanted, ':');

    if (is_like(ref, wanted, arena))
        return true;
    if (!ref || sc_reference_parse(wanted, arena, &parsed, &ignored) < 0 ||
        !sc_str_eq(ref->registry, parsed.registry) || !sc_str_eq(ref->repository, parsed.repository))
        return false;
    return !colon || strchr(colon, '/') || sc_str_eq(ref->tag, parsed.tag);
}

/* ---- filters ---------------------------------------------------------------------------------------------- */

static int64_t
created_at(const struct sc_image *image)
{
    struct sc_err ignored = SC_ERR_INIT;
    int64_t at = 0;

    return image->created && sc_time_parse(image->created, &at, &ignored) == 0 ? at : 0;
}

/* One filter as it was given, read. */
struct filter {
    enum { FILTER_DANGLING, FILTER_REFERENCE, FILTER_LABEL, FILTER_BEFORE, FILTER_SINCE, FILTER_UNTIL } key;
    const char *value;
    bool is_dangling;
    int64_t at; /* before, since: when that image was made; until: that time */
};

static int
read_filter(struct sc_cli *cli, const char *text, struct filter *out, struct sc_err *err)
{
    static const char *const keys[] = {"dangling=", "reference=", "label=", "before=", "since=", "until="};
    struct sc_image image = {0};

    for (size_t i = 0; i < SC_ARRAY_LEN(keys); i++) {
        if (!sc_str_starts(text, keys[i]))
            continue;
        *out = (struct filter){.key = (int)i, .value = text + strlen(keys[i])};
        if (out->key == FILTER_DANGLING && sc_parse_bool(out->value, &out->is_dangling, err) < 0)
            return sc_err_wrap(err, "--filter \"%s\"", text);
        if (out->key == FILTER_UNTIL && sc_value_time(&out->at, out->value, &cli->arena, err) < 0)
            return sc_err_wrap(err, "--filter \"%s\"", text);
        if (out->key != FILTER_BEFORE && out->key != FILTER_SINCE)
            return 0;
        if (sc_image_find(&cli->engine.store, out->value, &cli->arena, &image, err) < 0)
            return sc_err_wrap(err, "--filter \"%s\"", text);
        out->at = created_at(&image);
        return 0;
    }
    sc_err_set(err, SC_ERR_INVALID, "--filter \"%s\": is not known", text);
    if (!strchr(text, '=')) /* not even a filter: Docker refuses the flag itself */
        err->exit_code = SC_EXIT_ENGINE;
    return sc_err_remedy(err, "give dangling= reference= label= before= since= or until=");
}

static int
read_filters(struct sc_cli *cli, const struct sc_strv *texts, struct filter **out, struct sc_err *err)
{
    *out = SC_ARENA_ARRAY(&cli->arena, struct filter, texts->count + 1);
    if (!*out)
        return sc_err_nomem(err);
    for (size_t i = 0; i < texts->count; i++) {
        if (read_filter(cli, texts->items[i], &(*out)[i], err) < 0)
            return -1;
    }
    return 0;
}

static bool
passes(const struct filter *f, const struct sc_image *image, const struct sc_reference *ref, struct sc_arena *arena)
{
    switch (f->key) {
    case FILTER_DANGLING:
        return f->is_dangling == (ref == NULL);
    case FILTER_REFERENCE:
        return is_like(ref, f->value, arena);
    case FILTER_LABEL:
        return sc_cli_has_label(&image->config.labels, f->value);
    case FILTER_BEFORE:
    case FILTER_UNTIL:
        return created_at(image) < f->at;
    case FILTER_SINCE:
        return created_at(image) > f->at;
    }
    return false;
}

/* Patterns of names are alternatives, the others conditions. */
static bool
passes_all(const struct filter *filters, size_t count, const struct sc_image *image, const struct sc_reference *ref,
           struct sc_arena *arena)
{
    bool has_pattern = false, is_like_one = false;

    for (size_t i = 0; i < count; i++) {
        bool is_passed = passes(&filters[i], image, ref, arena);

        if (filters[i].key == FILTER_REFERENCE) {
            has_pattern = true;
            is_like_one = is_like_one || is_passed;
        } else if (!is_passed) {
            return false;
        }
    }
    return !has_pattern || is_like_one;
}

/* Leaves in list what is asked for. */
static int
choose(struct sc_cli *cli, const struct images_options *options, const char *wanted, struct sc_image_list *list,
       struct sc_err *err)
{
    struct filter *filters = NULL;
    size_t count = 0;

    if (read_filters(cli, &options->filters, &filters, err) < 0 ||
        sc_image_list(&cli->engine.store, &cli->arena, list, err) < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        struct sc_reference ref = {0};
        const struct sc_reference *named = sc_image_reference(&list->items[i], &ref, &cli->arena);

        if ((!wanted || is_asked_for(named, wanted, &cli->arena)) &&
            passes_all(filters, options->filters.count, &list->items[i], named, &cli->arena))
            list->items[count++] = list->items[i];
    }
    list->count = count;
    return 0;
}

/* As Docker: a tree is for people, and has its own form. */
static int
check_tree(const struct images_options *options, struct sc_err *err)
{
    const char *other = options->quiet      ? "--quiet"
                        : options->no_trunc ? "--no-trunc"
                        : options->digests  ? "--digests"
                        : options->format   ? "--format"
                                            : NULL;

    return options->tree && other ? sc_err_set(err, SC_ERR_INVALID, "%s is not supported with --tree", other) : 0;
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    struct images_options options = {.all = false};
    struct sc_list_format how = {.columns = columns};
    struct sc_image_list list = {.items = NULL};
    struct sc_strv args = {0};
    sc_cleanup_json rows = json_array();
    int64_t now = sc_time_now();

    if (sc_cli_parse(cli, &options, &args, err) < 0 || check_tree(&options, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        choose(cli, &options, args.count > 0 ? args.items[0] : NULL, &list, err) < 0)
        return -1;
    if (options.tree)
        return sc_images_print_tree(cli, &list, options.all, err);
    for (size_t i = 0; i < list.count; i++) {
        struct sc_reference ref = {0};
        const struct sc_reference *named = sc_image_reference(&list.items[i], &ref, &cli->arena);

        (void)json_array_append_new(rows, sc_images_row(&list.items[i], named, options.no_trunc, now, &cli->arena));
    }
    how.format = options.quiet && !options.format ? "{{.ID}}" : options.format;
    how.default_table = options.digests
                            ? "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
                            : "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
    return sc_list_print(&how, rows, err);
}

const struct sc_command sc_cmd_images = {
    .name = "images",
    .synopsis = "[OPTIONS] [REPOSITORY[:TAG]]",
    .help = "List images",
    .options = table,
    .args_max = 1,
    .run = run,
};

/* ---- rmi --------------------------------------------------------------------------------------------------- */

struct rmi_options {
    bool force, no_prune;
    struct sc_strv platforms;
};

static const struct sc_option rmi_table[] = {
    {"force", 'f', SC_OPTION_FLAG, offsetof(struct rmi_options, force), NULL, "Take the name even of an image in use",
     NULL, NULL},
    {"no-prune", 0, SC_OPTION_FLAG, offsetof(struct rmi_options, no_prune), NULL,
     "Accepted for Docker's sake, without effect", NULL, NULL},
    {"platform", 0, SC_OPTION_STRV, offsetof(struct rmi_options, platforms), "platform",
     "Refuse an image for another one: linux/arm64", NULL, NULL},
    {.name = NULL},
};

/* For sc events. */
static void
tell(const struct sc_cli *cli, const char *action, const char *id, const char *name)
{
    sc_cleanup_buf attributes = SC_BUF_INIT;

    sc_buf_adds(&attributes, "\"name\":");
    sc_buf_add_json(&attributes, name, strlen(name));
    sc_engine_event_of(&cli->engine, "image", action, id, sc_buf_str(&attributes));
}

/* The lines of one image: "Untagged: NAME" each, "Deleted: ID" and those of its layers. */
static void
print_removed(const struct sc_cli *cli, const struct sc_image_removed *removed, const char *id)
{
    for (size_t i = 0; i < removed->untagged.count; i++) {
        (void)printf("%s\n", removed->untagged.items[i]);
        tell(cli, "untag", id, strchr(removed->untagged.items[i], ' ') + 1);
    }
    for (size_t i = 0; i < removed->deleted.count; i++)
        (void)printf("%s\n", removed->deleted.items[i]);
    if (removed->deleted.count > 0)
        tell(cli, "delete", id, id);
}

/* The image is for one of them, or is none that can be found, which its removal will say. */
static int
check_platforms(struct sc_cli *cli, const struct sc_image *image, const char *name, const struct sc_strv *platforms,
                struct sc_err *err)
{
    for (size_t i = 0; image->os && i < platforms->count; i++) {
        struct sc_err one = SC_ERR_INIT;

        if (sc_image_want_platform(image, name, platforms->items[i], &cli->arena, &one) == 0)
            return 0;
        if (i + 1 == platforms->count || one.kind == SC_ERR_INVALID) {
            *err = one;
            return -1;
        }
    }
    return 0;
}

static int
run_rmi(struct sc_cli *cli, struct sc_err *err)
{
    struct rmi_options options = {.force = false};
    struct sc_strv args = {0};
    const char *note = NULL; /* said when the layers were unpacked */
    int status = 0;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_rootless_enter(&cli->engine, false, &cli->arena, &note, err) < 0)
        return -1;
    for (size_t i = 0; i < args.count; i++) {
        struct sc_image_removed removed = {.deleted = {0}};
        struct sc_err one = SC_ERR_INIT, ignored = SC_ERR_INIT;
        struct sc_image image = {.id = NULL};

        if (sc_image_find(&cli->engine.store, args.items[i], &cli->arena, &image, &ignored) < 0)
            image.id = args.items[i];
        if (check_platforms(cli, &image, args.items[i], &options.platforms, &one) < 0 ||
            sc_image_remove(&cli->engine.store, args.items[i], options.force, sc_engine_image_in_use, &cli->engine,
                            &cli->arena, &removed, &one) < 0) {
            sc_print_err(&one);
            if (!(options.force && one.kind == SC_ERR_NOT_FOUND))
                status = 1;
            continue;
        }
        print_removed(cli, &removed, image.id);
    }
    return status;
}

const struct sc_command sc_cmd_rmi = {
    .name = "rmi",
    .synopsis = "[OPTIONS] IMAGE...",
    .help = "Remove images",
    .options = rmi_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_rmi,
};

/* ---- tag ----------------------------------------------------------------------------------------------------- */

static int
run_tag(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_strv args = {0};
    struct sc_image image = {.id = NULL};
    struct sc_reference ref;

    if (sc_cli_parse(cli, NULL, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_reference_parse(args.items[1], &cli->arena, &ref, err) < 0 ||
        sc_image_tag(&cli->engine.store, args.items[0], args.items[1], err) < 0)
        return -1;
    if (sc_image_find(&cli->engine.store, args.items[1], &cli->arena, &image, err) < 0)
        return -1;
    tell(cli, "tag", image.id, sc_reference_shown(&ref, &cli->arena));
    return 0;
}

const struct sc_command sc_cmd_tag = {
    .name = "tag",
    .synopsis = "IMAGE NAME[:TAG]",
    .help = "Give an image another name",
    .args_min = 2,
    .args_max = 2,
    .run = run_tag,
};
