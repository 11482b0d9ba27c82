/* sc inspect, for containers, images, networks and volumes. */
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"

struct inspect_options {
    char *format, *type, *platform;
    bool size;
};
#define SIZE                                                                                                           \
    {                                                                                                                  \
        "size", 's', SC_OPTION_FLAG, offsetof(struct inspect_options, size), NULL,                                     \
            "Show what a container has written (SizeRw), and with its image (SizeRootFs)", NULL, NULL                  \
    }

static const struct sc_option image_table[] = {
    {"format", 'f', SC_OPTION_STR, offsetof(struct inspect_options, format), "how", "json, or a Go template", NULL,
     NULL},
    {"platform", 0, SC_OPTION_STR, offsetof(struct inspect_options, platform), "platform",
     "Refuse an image for another one: linux/arm64", NULL, NULL},
    {.name = NULL},
};

static const struct sc_option container_table[] = {
    {"format", 'f', SC_OPTION_STR, offsetof(struct inspect_options, format), "how", "json, or a Go template", NULL,
     NULL},
    SIZE,
    {.name = NULL},
};

static const struct sc_option table[] = {
    {"format", 'f', SC_OPTION_STR, offsetof(struct inspect_options, format), "how", "json, or a Go template", NULL,
     NULL},
    SIZE,
    {"type", 0, SC_OPTION_STR, offsetof(struct inspect_options, type), "type", "container, image, network or volume",
     NULL, NULL},
    {.name = NULL},
};

static int
inspect_image(struct sc_cli *cli, const char *name, json_t **out, struct sc_err *err)
{
    struct sc_image image = {0};

    if (sc_image_find(&cli->engine.store, name, &cli->arena, &image, err) < 0)
        return -1;
    return sc_engine_inspect_image(&cli->engine, &image, out, err);
}

static int
inspect_container(struct sc_cli *cli, const char *name, bool with_size, json_t **out, struct sc_err *err)
{
    struct sc_container container = SC_CONTAINER_INIT;
    int64_t own = 0, all = 0;

    if (sc_engine_find(&cli->engine, name, &cli->arena, &container, err) < 0)
        return -1;
    if (sc_engine_inspect(&cli->engine, &container, out, err) < 0)
        return -1;
    if (with_size) {
        sc_engine_size(&cli->engine, &container, &own, &all);
        (void)json_object_set_new(*out, "SizeRw", json_integer(own));
        (void)json_object_set_new(*out, "SizeRootFs", json_integer(all));
    }
    return 0;
}

/* In Docker's order: the first of that name is meant. */
static const struct kind {
    const char *type;
    int (*inspect)(struct sc_cli *cli, const char *name, json_t **out, struct sc_err *err);
} kinds[] = {{"image", inspect_image}, {"network", sc_cli_inspect_network}, {"volume", sc_cli_inspect_volume}};

static int
inspect_one(struct sc_cli *cli, const char *name, const struct inspect_options *options, json_t **out,
            struct sc_err *err)
{
    struct sc_err container_err = SC_ERR_INIT;

    if (options->platform && *options->platform) {
        struct sc_image image = {.id = NULL};

        if (sc_image_find(&cli->engine.store, name, &cli->arena, &image, err) < 0 ||
            sc_image_want_platform(&image, name, options->platform, &cli->arena, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(kinds); i++) {
        if (sc_str_eq(options->type, kinds[i].type))
            return kinds[i].inspect(cli, name, out, err);
    }
    if (sc_str_eq(options->type, "container"))
        return inspect_container(cli, name, options->size, out, err);
    if (inspect_container(cli, name, options->size, out, &container_err) == 0)
        return 0;
    if (container_err.kind != SC_ERR_NOT_FOUND) {
        *err = container_err;
        return -1;
    }
    if (options->size)
        sc_print_note("--size is of containers: it is passed over for what is none");
    for (size_t i = 0; i < SC_ARRAY_LEN(kinds); i++) {
        struct sc_err other_err = SC_ERR_INIT;

        if (kinds[i].inspect(cli, name, out, &other_err) == 0)
            return 0;
        if (other_err.kind != SC_ERR_NOT_FOUND && other_err.kind != SC_ERR_INVALID) {
            *err = other_err;
            return -1;
        }
    }
    sc_err_set(err, SC_ERR_NOT_FOUND, "no such object: \"%s\"", name);
    return sc_err_remedy(err, "list what is there with: sc ps -a, sc images, sc network ls, sc volume ls");
}

/* Members that Docker's JSON leaves out where they are empty, and its templates know all the same. */
static void
add_omitted(json_t *container)
{
    static const struct {
        const char *of, *name, *value;
    } omitted[] = {
        {"Config", "ExposedPorts", "{}"},   {"Config", "Healthcheck", "null"},
        {"Config", "OnBuild", "[]"},        {"Config", "StopTimeout", "null"},
        {"Config", "Shell", "[]"},          {"HostConfig", "Mounts", "[]"},
        {"HostConfig", "StorageOpt", "{}"}, {"HostConfig", "KernelMemoryTCP", "0"},
    };
    json_t *mounts = json_object_get(container, "Mounts");

    for (size_t i = 0; i < SC_ARRAY_LEN(omitted); i++) {
        json_t *of = json_object_get(container, omitted[i].of);

        if (json_is_object(of) && !json_object_get(of, omitted[i].name))
            (void)json_object_set_new(of, omitted[i].name, json_loads(omitted[i].value, JSON_DECODE_ANY, NULL));
    }
    for (const char *const *name = (const char *const[]){"SizeRw", "SizeRootFs", NULL}; *name; name++) {
        if (!json_object_get(container, *name))
            (void)json_object_set_new(container, *name, json_null());
    }
    for (size_t i = 0; i < json_array_size(mounts); i++)
        (void)json_object_update_missing_new(json_array_get(mounts, i),
                                             json_pack("{s:s, s:s, s:s}", "Name", "", "Driver", "", "Source", ""));
}

/* The same of an image. */
static void
add_omitted_of_image(json_t *image)
{
    json_t *config = json_object_get(image, "Config");

    (void)json_object_update_missing_new(image, json_pack("{s:s, s:s}", "Variant", "", "OsVersion", ""));
    (void)json_object_update_missing_new(config,
                                         json_pack("{s:s, s:n, s:[]}", "StopSignal", "", "Healthcheck", "Shell"));
}

static int
print_template(const char *format, const json_t *all, struct sc_err *err)
{
    for (size_t i = 0; i < json_array_size(all); i++) {
        if (json_object_get(json_array_get(all, i), "HostConfig"))
            add_omitted(json_array_get(all, i));
        else if (json_object_get(json_array_get(all, i), "RootFS"))
            add_omitted_of_image(json_array_get(all, i));
        if (sc_object_print(format, json_array_get(all, i), err) < 0)
            return -1;
    }
    return 0;
}

static int
inspect_all(struct sc_cli *cli, const struct sc_strv *names, const struct inspect_options *options, struct sc_err *err)
{
    sc_cleanup_json all = json_array();
    struct sc_err failures[8];
    size_t failure_count = 0;
    bool is_list = !options->format || !*options->format || strcmp(options->format, "json") == 0;

    if (sc_cli_engine(cli, err) < 0)
        return -1;
    for (size_t i = 0; i < names->count; i++) {
        struct sc_err one = SC_ERR_INIT;
        json_t *object = NULL;

        if (inspect_one(cli, names->items[i], options, &object, &one) == 0)
            (void)json_array_append_new(all, object);
        else if (failure_count < SC_ARRAY_LEN(failures))
            failures[failure_count++] = one;
    }
    if ((is_list ? sc_object_print(options->format, all, err) : print_template(options->format, all, err)) < 0)
        return -1;
    for (size_t i = 0; i < failure_count; i++)
        sc_print_err(&failures[i]);
    return failure_count > 0;
}

static int
run_typed(struct sc_cli *cli, const char *type, struct sc_err *err)
{
    struct inspect_options options = {.format = NULL};
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    if (type)
        options.type = sc_arena_strdup(&cli->arena, type);
    if (options.type && strcmp(options.type, "container") != 0) {
        bool is_known = false;

        for (size_t i = 0; i < SC_ARRAY_LEN(kinds); i++)
            is_known = is_known || strcmp(options.type, kinds[i].type) == 0;
        if (!is_known)
            return sc_err_set(err, SC_ERR_INVALID, "--type \"%s\": must be container, image, network or volume",
                              options.type);
    }
    return inspect_all(cli, &args, &options, err);
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    return run_typed(cli, NULL, err);
}

static int
run_container(struct sc_cli *cli, struct sc_err *err)
{
    return run_typed(cli, "container", err);
}

static int
run_image(struct sc_cli *cli, struct sc_err *err)
{
    return run_typed(cli, "image", err);
}

const struct sc_command sc_cmd_inspect = {
    .name = "inspect",
    .synopsis = "[OPTIONS] NAME...",
    .help = "Print all that is known of containers, images, networks or volumes",
    .options = table,
    .args_min = 1,
    .args_max = -1,
    .run = run,
};

const struct sc_command sc_cmd_container_inspect = {
    .name = "container inspect",
    .synopsis = "[OPTIONS] CONTAINER...",
    .help = "Print all that is known of containers",
    .options = container_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_container,
};

const struct sc_command sc_cmd_image_inspect = {
    .name = "image inspect",
    .synopsis = "[OPTIONS] IMAGE...",
    .help = "Print all that is known of images",
    .options = image_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_image,
};
