/* prune: what no container needs, and containers that do not run. */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "engine/build/build.h"

struct prune_options {
    bool all, force, volumes;
    struct sc_strv filters;
};

#define AT(member) offsetof(struct prune_options, member)

static const struct sc_option image_table[] = {
    {"all", 'a', SC_OPTION_FLAG, AT(all), NULL, "Every image that no container has, not only those without a name",
     NULL, NULL},
    {"filter", 0, SC_OPTION_STRV, AT(filters), "filter", "until=24h, label=name[=value], label!=.., dangling=false",
     NULL, NULL},
    {"force", 'f', SC_OPTION_FLAG, AT(force), NULL, "Do not ask", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option container_table[] = {
    {"filter", 0, SC_OPTION_STRV, AT(filters), "filter", "until=24h, label=name[=value], label!=..", NULL, NULL},
    {"force", 'f', SC_OPTION_FLAG, AT(force), NULL, "Do not ask", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option volume_table[] = {
    {"all", 'a', SC_OPTION_FLAG, AT(all), NULL, "Also volumes that were given a name", NULL, NULL},
    {"filter", 0, SC_OPTION_STRV, AT(filters), "filter", "all=true, label=name[=value], label!=..", NULL, NULL},
    {"force", 'f', SC_OPTION_FLAG, AT(force), NULL, "Do not ask", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option builder_table[] = {
    {"all", 'a', SC_OPTION_FLAG, AT(all), NULL, "Also what images have of it", NULL, NULL},
    {"filter", 0, SC_OPTION_STRV, AT(filters), "filter", "until=24h: what was last used before", NULL, NULL},
    {"force", 'f', SC_OPTION_FLAG, AT(force), NULL, "Do not ask", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option system_table[] = {
    {"all", 'a', SC_OPTION_FLAG, AT(all), NULL, "Every image that no container has, not only those without a name",
     NULL, NULL},
    {"filter", 0, SC_OPTION_STRV, AT(filters), "filter", "until=24h, label=name[=value], label!=..", NULL, NULL},
    {"force", 'f', SC_OPTION_FLAG, AT(force), NULL, "Do not ask", NULL, NULL},
    {"volumes", 0, SC_OPTION_FLAG, AT(volumes), NULL, "Also volumes without a name that no container has", NULL, NULL},
    {.name = NULL},
};

/* ---- what is asked for ------------------------------------------------------------------------------------ */

struct prune {
    struct prune_options *options;
    int64_t until; /* CLOCK_REALTIME ns: only what is older; 0: whatever its age */
    int64_t freed;
    bool has_failed; /* something stayed that should have gone: said, and the exit status is 1 */
};

static void
say_failure(struct prune *prune, const struct sc_err *why)
{
    sc_print_err(why);
    prune->has_failed = true;
}

/* What a kind of thing can be chosen by. */
enum { BY_LABEL = 1, BY_TIME = 2, BY_DANGLING = 4, BY_ALL = 8 };

static int
no_filter(const char *filter, unsigned int known, struct sc_err *err)
{
    sc_err_set(err, SC_ERR_INVALID, "invalid filter \"%.100s\"", filter);
    if (!strchr(filter, '=')) /* not even a filter: Docker refuses the flag itself */
        err->exit_code = SC_EXIT_ENGINE;
    if (known & BY_ALL)
        return sc_err_remedy(err, "give all=true or label=NAME[=VALUE]");
    return sc_err_remedy(err, known & BY_DANGLING ? "give until=TIME, label=NAME[=VALUE] or dangling=false"
                                                  : "give until=TIME or label=NAME[=VALUE]");
}

static int
read_filter(struct sc_cli *cli, struct prune *prune, const char *filter, unsigned int known, struct sc_err *err)
{
    bool value;

    if ((known & BY_LABEL) && (sc_str_starts(filter, "label=") || sc_str_starts(filter, "label!=")))
        return 0;
    if ((known & BY_TIME) && sc_str_starts(filter, "until="))
        return sc_value_time(&prune->until, filter + strlen("until="), &cli->arena, err);
    if ((known & BY_DANGLING) && sc_str_starts(filter, "dangling=")) {
        if (sc_parse_bool(filter + strlen("dangling="), &value, err) < 0)
            return -1;
        prune->options->all = !value;
        return 0;
    }
    if ((known & BY_ALL) && sc_str_starts(filter, "all="))
        return sc_parse_bool(filter + strlen("all="), &prune->options->all, err);
    return no_filter(filter, known, err);
}

static int
read_filters(struct sc_cli *cli, struct prune *prune, unsigned int known, struct sc_err *err)
{
    for (size_t i = 0; i < prune->options->filters.count; i++) {
        const char *filter = prune->options->filters.items[i];

        if (read_filter(cli, prune, filter, known, err) < 0)
            return err->remedy[0] ? -1 : sc_err_wrap(err, "--filter \"%.100s\"", filter);
    }
    return 0;
}

static bool
is_chosen(const struct prune *prune, const struct sc_strv *labels, int64_t created)
{
    for (size_t i = 0; i < prune->options->filters.count; i++) {
        const char *filter = prune->options->filters.items[i];

        if (sc_str_starts(filter, "label=") && !sc_cli_has_label(labels, filter + strlen("label=")))
            return false;
        if (sc_str_starts(filter, "label!=") && sc_cli_has_label(labels, filter + strlen("label!=")))
            return false;
    }
    return prune->until == 0 || created < prune->until;
}

static bool
confirm(const struct prune_options *options, const char *warning)
{
    char answer[16];

    if (options->force)
        return true;
    (void)printf("%s\nAre you sure you want to continue? [y/N] ", warning);
    (void)fflush(stdout);
    if (!fgets(answer, sizeof(answer), stdin))
        answer[0] = '\0';
    return answer[0] == 'y' || answer[0] == 'Y';
}

static void
print_freed(const struct prune *prune)
{
    char size[SC_HUMAN_MAX];

    sc_human_size_long(prune->freed, size);
    (void)printf("Total reclaimed space: %s\n", size);
}

/* ---- containers ---------------------------------------------------------------------------------------------- */

static int
prune_containers(struct sc_cli *cli, struct prune *prune, struct sc_err *err)
{
    struct sc_container_list list = {.items = NULL};
    bool has_title = false;

    if (sc_engine_list(&cli->engine, true, &cli->arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        const struct sc_container *c = &list.items[i];
        struct sc_err one = SC_ERR_INIT;
        char *dir = sc_arena_printf(&cli->arena, "container/%s", c->id);
        int64_t bytes;

        if (!dir)
            return sc_err_nomem(err);
        if (c->is_restarting || c->status == SC_STATUS_RUNNING || c->status == SC_STATUS_PAUSED ||
            !is_chosen(prune, &c->effective_labels, c->created_at))
            continue;
        bytes = sc_tree_size_at(cli->engine.data_fd, dir);
        if (sc_engine_remove(&cli->engine, c, false, false, &one) < 0) {
            /* Started or removed meanwhile: then it is not ours to remove. */
            if (one.kind != SC_ERR_BUSY && one.kind != SC_ERR_NOT_FOUND)
                say_failure(prune, &one);
            continue;
        }
        prune->freed += bytes;
        if (!has_title)
            (void)printf("Deleted Containers:\n");
        has_title = true;
        (void)printf("%s\n", c->id);
    }
    if (has_title)
        (void)putchar('\n');
    return 0;
}

/* ---- images ---------------------------------------------------------------------------------------------------- */

static void
count_freed(struct prune *prune, const struct sc_image *image, const struct sc_image_removed *removed)
{
    for (size_t i = 0; i < removed->deleted.count; i++) {
        for (size_t k = 0; image->layer_sizes && k < image->chain_ids.count; k++) {
            if (sc_str_ends(removed->deleted.items[i], image->chain_ids.items[k]))
                prune->freed += image->layer_sizes[k];
        }
    }
}

/* "Untagged: x" to "untagged: x", as Docker's prune says it. */
static void
print_removed(const struct sc_strv *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        (void)printf("%c%s\n", lines->items[i][0] | 0x20, lines->items[i] + 1);
}

static int
prune_images(struct sc_cli *cli, struct prune *prune, struct sc_err *err)
{
    struct sc_image_list list = {.items = NULL};
    bool has_title = false;

    sc_engine_collect(&cli->engine); /* what pulls and builds that were killed have left */
    if (sc_image_release_held(&cli->engine.store, sc_engine_image_in_use, &cli->engine, err) < 0 ||
        sc_image_list(&cli->engine.store, &cli->arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        const struct sc_image *image = &list.items[i];
        struct sc_image_removed removed = {.deleted = {0}};
        struct sc_err ignored = SC_ERR_INIT, one = SC_ERR_INIT;
        struct sc_image_use use = {.kind = SC_IMAGE_FREE};
        int64_t created = 0;

        if (image->created)
            (void)!sc_time_parse(image->created, &created, &ignored);
        if ((image->name && !prune->options->all) || !is_chosen(prune, &image->config.labels, created))
            continue;
        if (sc_engine_image_in_use(image->id, &cli->engine, &use, &one) < 0) {
            say_failure(prune, &one);
            continue;
        }
        if (use.kind != SC_IMAGE_FREE)
            continue;
        if (sc_image_remove(&cli->engine.store, image->name ? image->name : image->id, false, sc_engine_image_in_use,
                            &cli->engine, &cli->arena, &removed, &one) < 0) {
            /* In use since a moment ago, or gone with another of its names. */
            if (one.kind != SC_ERR_BUSY && one.kind != SC_ERR_NOT_FOUND)
                say_failure(prune, &one);
            continue;
        }
        if (!has_title)
            (void)printf("Deleted Images:\n");
        has_title = true;
        print_removed(&removed.untagged);
        print_removed(&removed.deleted);
        count_freed(prune, image, &removed);
    }
    if (has_title)
        (void)putchar('\n');
    return 0;
}

/* ---- volumes ------------------------------------------------------------------------------------------------------
 */

static int
prune_volumes(struct sc_cli *cli, struct prune *prune, bool every_name, struct sc_err *err)
{
    struct sc_volume_list list = {.items = NULL};
    bool has_title = false;

    if (sc_volume_list(&cli->engine, &cli->arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        struct sc_err one = SC_ERR_INIT;

        /* One that was given a name may hold what somebody wants to keep; one with options says where something is
         * that is not ours. Docker leaves them, too. */
        if (list.items[i].links > 0 || (!every_name && !list.items[i].is_anonymous) ||
            list.items[i].options.count > 0 || !is_chosen(prune, &list.items[i].labels, list.items[i].created_at))
            continue;
        if (sc_volume_remove(&cli->engine, list.items[i].name, &one) < 0) {
            say_failure(prune, &one);
            continue;
        }
        prune->freed += list.items[i].bytes;
        if (!has_title)
            (void)printf("Deleted Volumes:\n");
        has_title = true;
        (void)printf("%s\n", list.items[i].name);
    }
    if (has_title)
        (void)putchar('\n');
    return 0;
}

/* ---- networks --------------------------------------------------------------------------------------------------- */

static int
prune_networks(struct sc_cli *cli, struct prune *prune, struct sc_err *err)
{
    struct sc_network_list list = {.items = NULL};
    bool has_title = false;
    struct sc_net net;

    sc_engine_net(&cli->engine, &net);
    /* what dead containers have left has no name to be chosen by */
    if ((cli->engine.is_root && sc_network_sweep(&net, err) < 0) || sc_network_list(&net, &cli->arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        struct sc_err one = SC_ERR_INIT;

        if (strcmp(list.items[i].name, SC_NET_DEFAULT) == 0 ||
            !is_chosen(prune, &list.items[i].labels, list.items[i].created_at))
            continue;
        if (sc_network_remove(&net, &list.items[i], &one) < 0) {
            if (one.kind != SC_ERR_BUSY)
                say_failure(prune, &one);
            continue;
        }
        if (!has_title)
            (void)printf("Deleted Networks:\n");
        has_title = true;
        (void)printf("%s\n", list.items[i].name);
    }
    for (size_t i = 0; i < list.damaged.count && prune->options->filters.count == 0; i++) {
        struct sc_err one = SC_ERR_INIT;

        if (sc_network_remove_damaged(&net, list.damaged.items[i], &one) < 0) {
            if (one.kind != SC_ERR_BUSY)
                say_failure(prune, &one);
            continue;
        }
        (void)printf("%s%s\n", has_title ? "" : "Deleted Networks:\n", list.damaged.items[i]);
        has_title = true;
    }
    if (has_title)
        (void)putchar('\n');
    return 0;
}

/* ---- the cache of builds ----------------------------------------------------------------------------------------- */

/* Without `all`, what an image has stays: it takes no room of its own. */
static int
prune_builder(struct sc_cli *cli, struct prune *prune, bool all, struct sc_err *err)
{
    struct sc_build_pruned pruned;
    struct sc_build_dirs_usage dirs;

    if (sc_build_cache_prune(&cli->engine.store, all, prune->until, &pruned, err) < 0)
        return -1;
    sc_engine_collect(&cli->engine); /* also what killed builds have left, which is in no cache */
    prune->freed += pruned.freed;
    if (sc_build_dirs_prune(&cli->engine, prune->until, &dirs, err) < 0)
        return -1;
    prune->freed += dirs.bytes;
    return 0;
}

/* ---- commands -----------------------------------------------------------------------------------------------------
 */

static int
begin(struct sc_cli *cli, struct prune_options *options, struct prune *prune, unsigned int filters, struct sc_err *err)
{
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, options, &args, err) < 0)
        return -1;
    prune->options = options;
    return read_filters(cli, prune, filters, err);
}

static int
run_image(struct sc_cli *cli, struct sc_err *err)
{
    struct prune_options options = {.all = false};
    struct prune prune = {.freed = 0};

    if (begin(cli, &options, &prune, BY_LABEL | BY_TIME | BY_DANGLING, err) < 0)
        return -1;
    if (!confirm(&options,
                 options.all ? "WARNING! This will remove all images without at least one container associated to them."
                             : "WARNING! This will remove all dangling images."))
        return 0;
    if (sc_cli_engine(cli, err) < 0 || prune_images(cli, &prune, err) < 0)
        return -1;
    print_freed(&prune);
    return prune.has_failed;
}

static int
run_container(struct sc_cli *cli, struct sc_err *err)
{
    struct prune_options options = {.all = false};
    struct prune prune = {.freed = 0};

    if (begin(cli, &options, &prune, BY_LABEL | BY_TIME, err) < 0)
        return -1;
    if (!confirm(&options, "WARNING! This will remove all stopped containers."))
        return 0;
    if (sc_cli_engine(cli, err) < 0 || prune_containers(cli, &prune, err) < 0)
        return -1;
    print_freed(&prune);
    return prune.has_failed;
}

static int
run_volume(struct sc_cli *cli, struct sc_err *err)
{
    struct prune_options options = {.all = false};
    struct prune prune = {.freed = 0};

    if (begin(cli, &options, &prune, BY_ALL | BY_LABEL, err) < 0)
        return -1;
    if (!confirm(&options,
                 options.all ? "WARNING! This will remove all local volumes not used by at least one container."
                             : "WARNING! This will remove anonymous local volumes not used by at least one container."))
        return 0;
    if (sc_cli_engine(cli, err) < 0 || prune_volumes(cli, &prune, options.all, err) < 0)
        return -1;
    print_freed(&prune);
    return prune.has_failed;
}

/* Networks take no disk: nothing is said of space. */
static int
run_network(struct sc_cli *cli, struct sc_err *err)
{
    struct prune_options options = {.all = false};
    struct prune prune = {.freed = 0};

    if (begin(cli, &options, &prune, BY_LABEL | BY_TIME, err) < 0)
        return -1;
    if (!confirm(&options, "WARNING! This will remove all custom networks not used by at least one container."))
        return 0;
    if (sc_cli_engine(cli, err) < 0 || prune_networks(cli, &prune, err) < 0)
        return -1;
    return prune.has_failed;
}

static int
run_builder(struct sc_cli *cli, struct sc_err *err)
{
    struct prune_options options = {.all = false};
    struct prune prune = {.freed = 0};

    if (begin(cli, &options, &prune, BY_TIME, err) < 0)
        return -1;
    if (!confirm(&options, options.all ? "WARNING! This will remove all build cache."
                                       : "WARNING! This will remove all dangling build cache."))
        return 0;
    if (sc_cli_engine(cli, err) < 0 || prune_builder(cli, &prune, options.all, err) < 0)
        return -1;
    print_freed(&prune);
    return prune.has_failed;
}

static bool
has_labels(const struct prune_options *options)
{
    for (size_t i = 0; i < options->filters.count; i++) {
        if (sc_str_starts(options->filters.items[i], "label"))
            return true;
    }
    return false;
}

/* What everything is, and what of it is meant. */
static void
warn_of_all(const struct prune_options *options, struct sc_buf *out)
{
    sc_buf_adds(out, "WARNING! This will remove:\n  - all stopped containers\n"
                     "  - all networks not used by at least one container\n");
    if (options->volumes)
        sc_buf_adds(out, "  - all anonymous volumes not used by at least one container\n");
    sc_buf_adds(out, options->all ? "  - all images without at least one container associated to them\n"
                                  : "  - all dangling images\n");
    if (!has_labels(options))
        sc_buf_adds(out, options->all ? "  - all build cache\n" : "  - all dangling build cache\n");
    if (options->filters.count > 0)
        sc_buf_adds(out, "\n  Items to be pruned will be filtered with:\n");
    for (size_t i = 0; i < options->filters.count; i++)
        sc_buf_addf(out, "  - %s\n", options->filters.items[i]);
}

static int
run_system(struct sc_cli *cli, struct sc_err *err)
{
    struct prune_options options = {.all = false};
    struct prune prune = {.freed = 0};
    sc_cleanup_buf warning = SC_BUF_INIT;

    if (begin(cli, &options, &prune, BY_LABEL | BY_TIME, err) < 0)
        return -1;
    if (options.volumes && prune.until != 0)
        return sc_err_set(err, SC_ERR_INVALID, "the \"until\" filter is not supported with \"--volumes\"");
    warn_of_all(&options, &warning);
    if (!confirm(&options, sc_buf_str(&warning)))
        return 0;
    if (sc_cli_engine(cli, err) < 0 || prune_containers(cli, &prune, err) < 0 || prune_networks(cli, &prune, err) < 0 ||
        (options.volumes && prune_volumes(cli, &prune, false, err) < 0) || prune_images(cli, &prune, err) < 0 ||
        (!has_labels(&options) && prune_builder(cli, &prune, options.all, err) < 0)) /* it has none to be chosen by */
        return -1;
    print_freed(&prune);
    return prune.has_failed;
}

const struct sc_command sc_cmd_image_prune = {
    .name = "image prune",
    .synopsis = "[OPTIONS]",
    .help = "Remove images that nothing needs",
    .options = image_table,
    .run = run_image,
};

const struct sc_command sc_cmd_container_prune = {
    .name = "container prune",
    .synopsis = "[OPTIONS]",
    .help = "Remove containers that do not run",
    .options = container_table,
    .run = run_container,
};

const struct sc_command sc_cmd_volume_prune = {
    .name = "volume prune",
    .synopsis = "[OPTIONS]",
    .help = "Remove volumes without a name that no container has, or all that none has",
    .options = volume_table,
    .run = run_volume,
};

const struct sc_command sc_cmd_network_prune = {
    .name = "network prune",
    .synopsis = "[OPTIONS]",
    .help = "Remove networks that no container is on",
    .options = container_table,
    .run = run_network,
};

const struct sc_command sc_cmd_builder_prune = {
    .name = "builder prune",
    .synopsis = "[OPTIONS]",
    .help = "Remove the cache of builds",
    .options = builder_table,
    .run = run_builder,
};

const struct sc_command sc_cmd_system_prune = {
    .name = "system prune",
    .synopsis = "[OPTIONS]",
    .help = "Remove what nothing needs",
    .options = system_table,
    .run = run_system,
};
