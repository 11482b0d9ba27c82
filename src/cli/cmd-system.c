/* sc system df: what takes the disk, and what of it could go. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "cli/cli.h"
#include "engine/build/build.h"

struct df_options {
    bool verbose;
    char *format;
};

#define AT(member) offsetof(struct df_options, member)

static const struct sc_option table[] = {
    {"format", 0, SC_OPTION_STR, AT(format), "how", "json, table, or a Go template", NULL, NULL},
    {"verbose", 'v', SC_OPTION_FLAG, AT(verbose), NULL, "Show each image, container and volume", NULL, NULL},
    {.name = NULL},
};

static const struct sc_column columns[] = {
    {"Type", "TYPE"}, {"TotalCount", "TOTAL"},        {"Active", "ACTIVE"},
    {"Size", "SIZE"}, {"Reclaimable", "RECLAIMABLE"}, {NULL, NULL},
};

struct usage {
    struct sc_image_list images;
    struct sc_container_list containers;
    struct sc_volume_list volumes;
    struct sc_build_usage cache;
    struct sc_build_dirs_usage dirs; /* of its mounts */
    struct sc_build_cache steps;
    int64_t *container_bytes;
    json_t *active; /* hex digits of layers and blobs that images in use need, as members */
};

static bool
image_is_active(const struct usage *usage, const struct sc_image *image)
{
    for (size_t i = 0; i < usage->containers.count; i++) {
        if (sc_str_eq(usage->containers.items[i].image_id, image->id))
            return true;
    }
    return false;
}

static const char *
hex_of(const char *digest)
{
    const char *colon = strchr(digest, ':');

    return colon ? colon + 1 : digest;
}

static void
mark(json_t *set, const struct sc_strv *digests)
{
    for (size_t i = 0; i < digests->count; i++)
        (void)json_object_set_new(set, hex_of(digests->items[i]), json_true());
}

/* The list has an image once for each of its names, here each counts once, by its first. */
static void
keep_one_of_each(struct sc_image_list *list)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        bool is_there = false;

        for (size_t k = 0; k < count && !is_there; k++)
            is_there = sc_str_eq(list->items[k].id, list->items[i].id);
        if (!is_there)
            list->items[count++] = list->items[i];
    }
    list->count = count;
}

static int
look(struct sc_cli *cli, struct usage *usage, struct sc_err *err)
{
    if (sc_image_list(&cli->engine.store, &cli->arena, &usage->images, err) < 0 ||
        sc_engine_list(&cli->engine, true, &cli->arena, &usage->containers, err) < 0 ||
        sc_volume_list(&cli->engine, &cli->arena, &usage->volumes, err) < 0 ||
        sc_build_cache_usage(&cli->engine.store, &usage->cache, err) < 0 ||
        sc_build_dirs_usage(&cli->engine, &usage->dirs, err) < 0 ||
        sc_build_cache_read(&cli->engine.store, &cli->arena, &usage->steps, err) < 0)
        return -1;
    usage->container_bytes = SC_ARENA_ARRAY(&cli->arena, int64_t, usage->containers.count + 1);
    if (!usage->container_bytes)
        return sc_err_nomem(err);
    for (size_t i = 0; i < usage->containers.count; i++) {
        char *dir = sc_arena_printf(&cli->arena, "container/%s", usage->containers.items[i].id);

        if (!dir)
            return sc_err_nomem(err);
        usage->container_bytes[i] = sc_tree_size_at(cli->engine.data_fd, dir);
    }
    for (size_t i = 0; i < usage->containers.count; i++) /* also of an image that was removed by force */
        mark(usage->active, &usage->containers.items[i].chain_ids);
    keep_one_of_each(&usage->images);
    for (size_t i = 0; i < usage->images.count; i++) {
        const struct sc_image *image = &usage->images.items[i];

        if (!image_is_active(usage, image))
            continue;
        mark(usage->active, &image->chain_ids);
        mark(usage->active, &image->layer_digests);
        (void)json_object_set_new(usage->active, hex_of(image->id), json_true());
        (void)json_object_set_new(usage->active, hex_of(image->manifest_digest), json_true());
    }
    return 0;
}

/* Adds up the entries of a directory of layers or blobs; those that are active also to *active. */
static void
add_up(int at_fd, const char *name, const json_t *set, int64_t *total, int64_t *active)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd fd = sc_dir_open_at(at_fd, name, &ignored);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir)
        return;
    (void)sc_steal_fd(&fd);
    while ((entry = readdir(dir))) {
        int64_t bytes;

        if (entry->d_name[0] == '.')
            continue;
        bytes = sc_tree_size_at(dirfd(dir), entry->d_name);
        *total += bytes;
        if (json_object_get(set, entry->d_name))
            *active += bytes;
    }
}

static void
add_row(json_t *rows, const char *type, size_t count, size_t active, int64_t bytes, int64_t free_bytes)
{
    char size[SC_HUMAN_MAX], reclaimable[SC_HUMAN_MAX];

    sc_human_size_long(bytes, size);
    sc_human_size_long(free_bytes, reclaimable);
    (void)json_array_append_new(
        rows, json_pack("{s:o, s:o, s:s, s:o, s:s}", "Active", json_sprintf("%zu", active), "Reclaimable",
                        bytes > 0 ? json_sprintf("%s (%lld%%)", reclaimable, (long long)(free_bytes * 100 / bytes))
                                  : json_string(reclaimable),
                        "Size", size, "TotalCount", json_sprintf("%zu", count), "Type", type));
}

static void
add_images(struct sc_cli *cli, const struct usage *usage, json_t *rows)
{
    int64_t total = 0, active = 0;
    size_t active_count = 0;

    for (size_t i = 0; i < usage->images.count; i++)
        active_count += image_is_active(usage, &usage->images.items[i]);
    add_up(cli->engine.data_fd, "layer", usage->active, &total, &active);
    add_up(cli->engine.store.image_fd, "blobs/sha256", usage->active, &total, &active);
    add_row(rows, "Images", usage->images.count, active_count, total, total - active);
}

static void
add_containers(const struct usage *usage, json_t *rows)
{
    int64_t total = 0, idle = 0;
    size_t running = 0;

    for (size_t i = 0; i < usage->containers.count; i++) {
        const struct sc_container *c = &usage->containers.items[i];
        bool runs = c->is_restarting || c->status == SC_STATUS_RUNNING || c->status == SC_STATUS_PAUSED;

        total += usage->container_bytes[i];
        idle += runs ? 0 : usage->container_bytes[i];
        running += runs;
    }
    add_row(rows, "Containers", usage->containers.count, running, total, idle);
}

static void
add_volumes(const struct usage *usage, json_t *rows)
{
    int64_t total = 0, idle = 0;
    size_t linked = 0;

    for (size_t i = 0; i < usage->volumes.count; i++) {
        const struct sc_volume *volume = &usage->volumes.items[i];

        total += volume->bytes;
        idle += volume->links > 0 ? 0 : volume->bytes;
        linked += volume->links > 0;
    }
    add_row(rows, "Local Volumes", usage->volumes.count, linked, total, idle);
}

/* ---- -v ---------------------------------------------------------------------------------------------------- */

static void
print_part(const char *title, const char *text)
{
    sc_cleanup_buf out = SC_BUF_INIT;

    sc_table_align(text, &out);
    (void)printf("%s space usage:\n\n%s\n", title, sc_buf_str(&out));
}

/* Bytes of the layers that another image has too. */
static int64_t
shared_bytes(const struct usage *usage, const struct sc_image *image)
{
    int64_t bytes = 0;

    for (size_t i = 0; image->layer_sizes && i < image->chain_ids.count; i++) {
        bool is_shared = false;

        for (size_t k = 0; k < usage->images.count && !is_shared; k++) {
            const struct sc_image *other = &usage->images.items[k];

            /* A chain id stands for all layers below it: it is at the same place or nowhere. */
            is_shared = !sc_str_eq(other->id, image->id) && i < other->chain_ids.count &&
                        sc_str_eq(other->chain_ids.items[i], image->chain_ids.items[i]);
        }
        if (is_shared)
            bytes += image->layer_sizes[i];
    }
    return bytes;
}

static size_t
users_of(const struct usage *usage, const struct sc_image *image)
{
    size_t users = 0;

    for (size_t i = 0; i < usage->containers.count; i++)
        users += sc_str_eq(usage->containers.items[i].image_id, image->id);
    return users;
}

static void
add_image_line(const struct usage *usage, const struct sc_image *image, struct sc_arena *arena, struct sc_buf *out)
{
    char size[SC_HUMAN_MAX], shared_size[SC_HUMAN_MAX], unique[SC_HUMAN_MAX], age[SC_HUMAN_MAX];
    int64_t shared = shared_bytes(usage, image), created = 0;
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_reference ref = {.tag = NULL};
    bool has_name = image->name && sc_reference_parse(image->name, arena, &ref, &ignored) == 0;
    bool has_age;

    sc_human_size(image->size, size);
    sc_human_size_long(shared, shared_size);
    sc_human_size_long(image->size - shared, unique);
    has_age = image->created && sc_time_parse(image->created, &created, &ignored) == 0;
    sc_human_duration(sc_time_now() - created, age);
    sc_buf_addf(out, "%s\t%s\t%.12s\t%s%s\t%s\t%s\t%s\t%zu\n", has_name ? sc_reference_familiar(&ref, arena) : "<none>",
                has_name && ref.tag ? ref.tag : "<none>", hex_of(image->id), has_age ? age : "N/A",
                has_age ? " ago" : "", size, shared_size, unique, users_of(usage, image));
}

static void
add_container_line(const struct sc_container *c, int64_t bytes, struct sc_buf *out)
{
    sc_cleanup_buf command = SC_BUF_INIT, status = SC_BUF_INIT;
    char size[SC_HUMAN_MAX], since[SC_HUMAN_MAX];
    size_t volumes = 0;

    for (size_t i = 0; i < c->options.mount_count; i++)
        volumes += c->options.mounts[i].kind == SC_MOUNT_VOLUME;
    sc_human_command(c, false, &command);
    sc_human_size(bytes, size);
    sc_human_duration(sc_time_now() - c->created_at, since);
    sc_human_status(c, sc_time_now(), &status);
    sc_buf_addf(out, "%.12s\t%s\t%s\t%zu\t%s\t%s ago\t%s\t%s\n", c->id, c->image_name ? c->image_name : "",
                sc_buf_str(&command), volumes, size, since, sc_buf_str(&status), c->name);
}

/* A row for each layer of an image: how it is kept, what its files hold, and how many images have it. */
static int
list_layers(struct sc_cli *cli, const struct usage *usage, json_t **out, struct sc_err *err)
{
    sc_cleanup_json seen = json_object();
    char size[SC_HUMAN_MAX];

    *out = json_array();
    for (size_t i = 0; i < usage->images.count; i++) {
        const struct sc_image *image = &usage->images.items[i];

        for (size_t k = 0; k < image->chain_ids.count; k++) {
            const char *chain = image->chain_ids.items[k];
            const char *kept_as = json_object_get(seen, chain) ? NULL : sc_layer_kept_as(&cli->engine.store, chain);
            size_t users = 0;

            if (!kept_as)
                continue;
            (void)json_object_set_new(seen, chain, json_true());
            for (size_t n = 0; n < usage->images.count; n++) {
                const struct sc_strv *chains = &usage->images.items[n].chain_ids;

                users += k < chains->count && sc_str_eq(chains->items[k], chain); /* at the same place or nowhere */
            }
            sc_human_size_long(image->layer_sizes ? image->layer_sizes[k] : 0, size);
            (void)json_array_append_new(*out, json_pack("{s:s, s:s, s:s, s:o}", "ID", chain, "KeptAs", kept_as, "Size",
                                                        size, "Images", json_sprintf("%zu", users)));
        }
    }
    return *out ? 0 : sc_err_nomem(err);
}

/* A step that made no layer has no id of its own. */
static void
print_cache(const struct usage *usage)
{
    sc_cleanup_buf rows = SC_BUF_INIT;
    int64_t now = sc_time_now();
    char size[SC_HUMAN_MAX], created[SC_HUMAN_MAX], used[SC_HUMAN_MAX];

    sc_buf_adds(&rows, "CACHE ID\tCACHE TYPE\tSIZE\tCREATED\tLAST USED\n");
    for (size_t i = 0; i < usage->steps.count; i++) {
        const struct sc_build_entry *step = &usage->steps.items[i];

        sc_human_size(step->has_layer ? step->layer.bytes : 0, size);
        sc_human_duration(now - step->created, created);
        sc_human_duration(now - step->used, used);
        sc_buf_addf(&rows, "%.12s\tregular\t%s\t%s ago\t%s ago\n", step->has_layer ? step->layer.chain : "<none>", size,
                    created, used);
    }
    sc_human_size_long(usage->cache.bytes + usage->dirs.bytes, size);
    (void)printf("Build cache usage: %s\n\n", size);
    if (usage->steps.count > 0) {
        sc_cleanup_buf aligned = SC_BUF_INIT;

        sc_table_align(sc_buf_str(&rows), &aligned);
        (void)fputs(sc_buf_str(&aligned), stdout);
        return;
    }
    (void)printf("CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED\n");
}

static void
print_layers(const json_t *layers)
{
    sc_cleanup_buf out = SC_BUF_INIT, table_text = SC_BUF_INIT;

    sc_buf_adds(&table_text, "LAYER ID\tKEPT AS\tSIZE\tIMAGES\n");
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *row = json_array_get(layers, i);

        sc_buf_addf(&table_text, "%.12s\t%s\t%s\t%s\n", json_string_value(json_object_get(row, "ID")),
                    json_string_value(json_object_get(row, "KeptAs")), json_string_value(json_object_get(row, "Size")),
                    json_string_value(json_object_get(row, "Images")));
    }
    sc_table_align(sc_buf_str(&table_text), &out);
    (void)printf("\nLayers space usage:\n\n%s", sc_buf_str(&out));
}

static void
print_verbose(const struct usage *usage, const json_t *layers, struct sc_arena *arena)
{
    sc_cleanup_buf images = SC_BUF_INIT, containers = SC_BUF_INIT, volumes = SC_BUF_INIT;
    char size[SC_HUMAN_MAX];

    sc_buf_adds(&images, "REPOSITORY\tTAG\tIMAGE ID\tCREATED\tSIZE\tSHARED SIZE\tUNIQUE SIZE\tCONTAINERS\n");
    for (size_t i = 0; i < usage->images.count; i++)
        add_image_line(usage, &usage->images.items[i], arena, &images);
    sc_buf_adds(&containers, "CONTAINER ID\tIMAGE\tCOMMAND\tLOCAL VOLUMES\tSIZE\tCREATED\tSTATUS\tNAMES\n");
    for (size_t i = 0; i < usage->containers.count; i++)
        add_container_line(&usage->containers.items[i], usage->container_bytes[i], &containers);
    sc_buf_adds(&volumes, "VOLUME NAME\tLINKS\tSIZE\n");
    for (size_t i = 0; i < usage->volumes.count; i++) {
        sc_human_size(usage->volumes.items[i].bytes, size);
        sc_buf_addf(&volumes, "%s\t%zu\t%s\n", usage->volumes.items[i].name, usage->volumes.items[i].links, size);
    }
    print_part("Images", sc_buf_str(&images));
    print_part("Containers", sc_buf_str(&containers));
    print_part("Local Volumes", sc_buf_str(&volumes));
    print_cache(usage);
    print_layers(layers);
}

/* The same as an object, with the members of the rows of `sc images`, `sc ps` and `sc volume ls`. */
static json_t *
verbose_object(struct sc_cli *cli, const struct usage *usage, json_t *layers)
{
    json_t *images = json_array(), *containers = json_array(), *volumes = json_array();
    char text[SC_HUMAN_MAX];
    int64_t now = sc_time_now();

    for (size_t i = 0; i < usage->images.count; i++) {
        const struct sc_image *image = &usage->images.items[i];
        struct sc_err ignored = SC_ERR_INIT;
        struct sc_reference ref = {.tag = NULL};
        bool has_name = image->name && sc_reference_parse(image->name, &cli->arena, &ref, &ignored) == 0;
        json_t *row = sc_images_row(image, has_name ? &ref : NULL, true, now, &cli->arena);
        int64_t shared = shared_bytes(usage, image);

        (void)json_object_set_new(row, "Containers", json_sprintf("%zu", users_of(usage, image)));
        sc_human_size_long(shared, text);
        (void)json_object_set_new(row, "SharedSize", json_string(text));
        sc_human_size_long(image->size - shared, text);
        (void)json_object_set_new(row, "UniqueSize", json_string(text));
        (void)json_array_append_new(images, row);
    }
    for (size_t i = 0; i < usage->containers.count; i++) {
        json_t *row = sc_ps_row(&cli->engine, &usage->containers.items[i], now);

        sc_human_size(usage->container_bytes[i], text);
        (void)json_object_set_new(row, "Size", json_string(text));
        (void)json_array_append_new(containers, row);
    }
    for (size_t i = 0; i < usage->volumes.count; i++)
        (void)json_array_append_new(volumes, sc_volume_row(&usage->volumes.items[i]));
    return json_pack("{s:o, s:o, s:o, s:[], s:O}", "Images", images, "Containers", containers, "Volumes", volumes,
                     "BuildCache", "Layers", layers);
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    struct df_options options = {.verbose = false};
    struct sc_list_format how = {
        .columns = columns, .default_table = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}"};
    sc_cleanup_json rows = json_array();
    sc_cleanup_json active = json_object();
    sc_cleanup_json layers = NULL;
    struct usage usage = {.active = active};
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0 || look(cli, &usage, err) < 0)
        return -1;
    if (options.verbose && list_layers(cli, &usage, &layers, err) < 0)
        return -1;
    if (options.verbose && (!options.format || sc_str_starts(options.format, "table"))) {
        print_verbose(&usage, layers, &cli->arena);
        return 0;
    }
    if (options.verbose) {
        sc_cleanup_json all = verbose_object(cli, &usage, layers);

        return all ? sc_object_print(options.format, all, err) : sc_err_nomem(err);
    }
    add_images(cli, &usage, rows);
    add_containers(&usage, rows);
    add_volumes(&usage, rows);
    add_row(rows, "Build Cache", usage.cache.count + usage.dirs.count, usage.cache.shared + usage.dirs.in_use,
            usage.cache.bytes + usage.dirs.bytes, usage.cache.reclaimable + usage.dirs.reclaimable);
    how.format = options.format;
    return sc_list_print(&how, rows, err);
}

const struct sc_command sc_cmd_system_df = {
    .name = "system df",
    .synopsis = "[OPTIONS]",
    .help = "Show what takes disk space",
    .options = table,
    .run = run,
};
