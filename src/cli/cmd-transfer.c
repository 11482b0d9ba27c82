/* load, save, import, from-host: sc-transfer does them, with libraries that would slow every start of sc. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

struct transfer_options {
    char *input, *output, *format, *message, *platform, *tag, *entrypoint, *root;
    struct sc_strv changes;
    bool quiet;
};

#define AT(member) offsetof(struct transfer_options, member)

static const struct sc_option load_table[] = {
    {"input", 'i', SC_OPTION_STR, AT(input), "file", "Archive or OCI layout to read (default: standard input)", NULL,
     NULL},
    {"platform", 0, SC_OPTION_STR, AT(platform), "platform", "Of several, the image for this one: linux/arm64", NULL,
     NULL},
    {"quiet", 'q', SC_OPTION_FLAG, AT(quiet), NULL, "Show no progress", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option save_table[] = {
    {"format", 0, SC_OPTION_STR, AT(format), "format", "docker-archive (default), oci-archive or oci-dir", NULL, NULL},
    {"output", 'o', SC_OPTION_STR, AT(output), "file", "Where to write (default: standard output)", NULL, NULL},
    {"platform", 0, SC_OPTION_STR, AT(platform), "platform", "Refuse an image for another one: linux/arm64", NULL,
     NULL},
    {.name = NULL},
};
static const struct sc_option import_table[] = {
    {"change", 'c', SC_OPTION_STRV, AT(changes), "word", "Set image metadata, as in a Dockerfile: CMD [\"sh\"]", NULL,
     NULL},
    {"message", 'm', SC_OPTION_STR, AT(message), "text", "Comment of the image", NULL, NULL},
    {"platform", 0, SC_OPTION_STR, AT(platform), "os/arch", "What the image is for (default: this machine)", NULL,
     NULL},
    {.name = NULL},
};
static const struct sc_option from_host_table[] = {
    {"entrypoint", 0, SC_OPTION_STR, AT(entrypoint), "program", "Entrypoint of the image", NULL, NULL},
    {"root", 0, SC_OPTION_STR, AT(root), "dir", "Take the programs from this directory instead of /", NULL, NULL},
    {"tag", 't', SC_OPTION_STR, AT(tag), "name[:tag]", "Name of the image", NULL, NULL},
    {.name = NULL},
};

int
sc_transfer_program(struct sc_arena *arena, char **out, struct sc_err *err)
{
    char self[PATH_MAX], *slash;

    if (sc_self_path(self, sizeof(self), err) < 0)
        return -1;
    slash = strrchr(self, '/');
    *out = slash ? sc_arena_printf(arena, "%.*s/sc-transfer", (int)(slash - self), self) : NULL;
    if (*out && faccessat(AT_FDCWD, *out, X_OK, 0) == 0) /* lint: our own program */
        return 0;
    *out = sc_arena_strdup(arena, SC_LIBEXECDIR "/sc-transfer");
    if (faccessat(AT_FDCWD, *out, X_OK, 0) == 0) /* lint: as above */
        return 0;
    sc_err_errno(err, errno, "find \"sc-transfer\": it is neither beside \"%s\" nor in \"%s\"", self, SC_LIBEXECDIR);
    return sc_err_remedy(err, "install sc completely: meson install");
}

/* What puts layers together needs a mount. */
static bool
must_mount(const char *verb)
{
    return sc_str_starts(verb, "container-") || strcmp(verb, "unpack") == 0 || strcmp(verb, "diff") == 0;
}

int
sc_cli_become_transfer(struct sc_cli *cli, const char *verb, const struct sc_strv *words, struct sc_err *err)
{
    struct sc_strv argv = {0};
    const char *note = NULL;
    char *program;

    if (sc_transfer_program(&cli->arena, &program, err) < 0 ||
        sc_rootless_enter(&cli->engine, must_mount(verb), &cli->arena, &note, err) < 0)
        return -1;
    if (note)
        sc_print_note(note);
    sc_strv_add(&argv, &cli->arena, program);
    sc_strv_add(&argv, &cli->arena, "--data");
    sc_strv_add(&argv, &cli->arena, cli->engine.data_path);
    sc_strv_add(&argv, &cli->arena, verb);
    for (size_t i = 0; i < words->count; i++)
        sc_strv_add(&argv, &cli->arena, words->items[i]);
    if (sc_arena_check(&cli->arena, err) < 0)
        return -1;
    if (setenv("SC_RUN_ROOT", cli->engine.run_path, 1) < 0) /* where events go */
        return sc_err_nomem(err);
    sc_err_report_keep(true);
    (void)execv(program, argv.items);
    return sc_err_errno(err, errno, "execute \"%s\"", program);
}

int
sc_cli_transfer(struct sc_cli *cli, const char *verb, void *options, struct sc_err *err)
{
    struct sc_strv args = {0}, words = {0};

    if (sc_cli_parse(cli, options, &args, err) < 0 || sc_cli_engine(cli, err) < 0)
        return -1;
    for (int i = 0; i < cli->argc; i++)
        sc_strv_add(&words, &cli->arena, cli->argv[i]);
    return sc_cli_become_transfer(cli, verb, &words, err);
}

static int
run_load(struct sc_cli *cli, struct sc_err *err)
{
    return sc_cli_transfer(cli, "load", &(struct transfer_options){.quiet = false}, err);
}

static int
run_save(struct sc_cli *cli, struct sc_err *err)
{
    return sc_cli_transfer(cli, "save", &(struct transfer_options){.quiet = false}, err);
}

static int
run_import(struct sc_cli *cli, struct sc_err *err)
{
    return sc_cli_transfer(cli, "import", &(struct transfer_options){.quiet = false}, err);
}

static int
run_from_host(struct sc_cli *cli, struct sc_err *err)
{
    return sc_cli_transfer(cli, "from-host", &(struct transfer_options){.quiet = false}, err);
}

const struct sc_command sc_cmd_load = {
    .name = "load",
    .synopsis = "[OPTIONS]",
    .help = "Read images from an archive",
    .options = load_table,
    .run = run_load,
};

const struct sc_command sc_cmd_save = {
    .name = "save",
    .synopsis = "[OPTIONS] IMAGE...",
    .help = "Write images to an archive",
    .options = save_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_save,
};

const struct sc_command sc_cmd_import = {
    .name = "import",
    .synopsis = "[OPTIONS] FILE|-|DIR [NAME[:TAG]]",
    .help = "Make an image of a root file system",
    .options = import_table,
    .args_min = 1,
    .args_max = 2,
    .run = run_import,
};

const struct sc_command sc_cmd_from_host = {
    .name = "image from-host",
    .synopsis = "[OPTIONS] PROGRAM...",
    .help = "Make an image of programs of this host and what they need",
    .options = from_host_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_from_host,
};
