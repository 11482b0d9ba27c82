/* sc image unpack, mount, umount, diff, tree; sc system fsck: images as trees of files and of layers. */
#include <string.h>

#include "cli/cli.h"

struct tree_options {
    bool no_trunc, repair;
};

#define AT(member) offsetof(struct tree_options, member)

static const struct sc_option tree_table[] = {
    {"no-trunc", 0, SC_OPTION_FLAG, AT(no_trunc), NULL, "Show ids whole", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option fsck_table[] = {
    {"repair", 0, SC_OPTION_FLAG, AT(repair), NULL, "Unpack damaged layers again", NULL, NULL},
    {.name = NULL},
};

static int
run_unpack(struct sc_cli *cli, struct sc_err *err)
{
    return sc_cli_transfer(cli, "unpack", &(struct tree_options){.repair = false}, err);
}

static int
run_mount(struct sc_cli *cli, struct sc_err *err)
{
    return sc_cli_transfer(cli, "mount", &(struct tree_options){.repair = false}, err);
}

static int
run_umount(struct sc_cli *cli, struct sc_err *err)
{
    return sc_cli_transfer(cli, "umount", &(struct tree_options){.repair = false}, err);
}

static int
run_diff(struct sc_cli *cli, struct sc_err *err)
{
    return sc_cli_transfer(cli, "diff", &(struct tree_options){.repair = false}, err);
}

/* A layer that is replaced goes from under the containers that stand on it. */
static int
check_idle(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_container_list list;

    if (sc_engine_list(&cli->engine, true, &cli->arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].status != SC_STATUS_RUNNING && list.items[i].status != SC_STATUS_PAUSED)
            continue;
        sc_err_set(err, SC_ERR_BUSY, "repair the store: container \"%s\" runs on it", list.items[i].name);
        return sc_err_remedy(err, "stop it with `sc stop`");
    }
    return 0;
}

static int
run_fsck(struct sc_cli *cli, struct sc_err *err)
{
    struct tree_options options = {.repair = false};
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    if (options.repair) {
        if (sc_cli_engine(cli, err) < 0 || check_idle(cli, err) < 0)
            return -1;
        sc_engine_release(&cli->engine); /* it is opened again on the way to sc-transfer */
    }
    return sc_cli_transfer(cli, "fsck", &options, err);
}

/* ---- tree ------------------------------------------------------------------------------------------------------- */

static const char *
shown_name(const struct sc_image *image, struct sc_arena *arena)
{
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_reference ref;

    return image->name && sc_reference_parse(image->name, arena, &ref, &ignored) == 0 ? sc_reference_shown(&ref, arena)
                                                                                      : "<none>";
}

/* The names of images whose uppermost layer this is. */
static void
print_tops(const struct sc_image_list *list, const char *chain, struct sc_arena *arena)
{
    bool is_first = true;

    for (size_t i = 0; i < list->count; i++) {
        const struct sc_strv *chains = &list->items[i].chain_ids;

        if (chains->count == 0 || strcmp(chains->items[chains->count - 1], chain) != 0)
            continue;
        (void)printf("%s%s", is_first ? " Top Layer of: [" : " ", shown_name(&list->items[i], arena));
        is_first = false;
    }
    if (!is_first)
        (void)putchar(']');
}

static void
print_layers(const struct sc_image_list *list, const struct sc_image *image, bool is_whole, struct sc_arena *arena)
{
    char size[SC_HUMAN_MAX];

    for (size_t i = 0; i < image->chain_ids.count; i++) {
        const char *chain = image->chain_ids.items[i];

        sc_human_size(image->layer_sizes ? image->layer_sizes[i] : 0, size);
        (void)printf("%s ID: %.*s Size: %s", i + 1 < image->chain_ids.count ? "├──" : "└──", is_whole ? 64 : 12, chain,
                     size);
        print_tops(list, chain, arena);
        (void)putchar('\n');
    }
}

static int
run_tree(struct sc_cli *cli, struct sc_err *err)
{
    struct tree_options options = {.repair = false};
    struct sc_image_list list;
    struct sc_strv args = {0};
    struct sc_image image;
    char size[SC_HUMAN_MAX];

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_image_find(&cli->engine.store, args.items[0], &cli->arena, &image, err) < 0 ||
        sc_image_list(&cli->engine.store, &cli->arena, &list, err) < 0)
        return -1;
    sc_human_size(image.size, size);
    (void)printf("Image ID: %.*s\nTags:     [", options.no_trunc ? 64 : 12, strchr(image.id, ':') + 1);
    for (size_t i = 0, count = 0; i < list.count; i++) {
        if (strcmp(list.items[i].id, image.id) == 0 && list.items[i].name)
            (void)printf("%s%s", count++ > 0 ? " " : "", shown_name(&list.items[i], &cli->arena));
    }
    (void)printf("]\nSize:     %s\nImage Layers\n", size);
    print_layers(&list, &image, options.no_trunc, &cli->arena);
    return 0;
}

const struct sc_command sc_cmd_image_unpack = {
    .name = "image unpack",
    .synopsis = "IMAGE DIR",
    .help = "Copy the files of an image into a directory",
    .args_min = 2,
    .args_max = 2,
    .run = run_unpack,
};

const struct sc_command sc_cmd_image_mount = {
    .name = "image mount",
    .synopsis = "[IMAGE [DIR]]",
    .help = "Mount the files of an image, to read them",
    .args_max = 2,
    .run = run_mount,
};

const struct sc_command sc_cmd_image_umount = {
    .name = "image umount",
    .synopsis = "IMAGE|DIR...",
    .help = "Unmount images",
    .args_min = 1,
    .args_max = -1,
    .run = run_umount,
};

const struct sc_command sc_cmd_image_diff = {
    .name = "image diff",
    .synopsis = "IMAGE IMAGE",
    .help = "Show in which files two images differ",
    .args_min = 2,
    .args_max = 2,
    .run = run_diff,
};

const struct sc_command sc_cmd_image_tree = {
    .name = "image tree",
    .synopsis = "[OPTIONS] IMAGE",
    .help = "Show the layers of an image",
    .options = tree_table,
    .args_min = 1,
    .args_max = 1,
    .run = run_tree,
};

const struct sc_command sc_cmd_system_fsck = {
    .name = "system fsck",
    .synopsis = "[OPTIONS]",
    .help = "Check the store of images for damage",
    .options = fsck_table,
    .run = run_fsck,
};
