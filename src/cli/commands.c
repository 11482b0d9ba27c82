/* Every way to spell a command. */
#include <string.h>

#include "cli/cli.h"

const struct sc_spelling sc_spellings[] = {
    {NULL, "run", &sc_cmd_run},
    {NULL, "build", &sc_cmd_build},
    {NULL, "create", &sc_cmd_create},
    {NULL, "start", &sc_cmd_start},
    {NULL, "stop", &sc_cmd_stop},
    {NULL, "restart", &sc_cmd_restart},
    {NULL, "kill", &sc_cmd_kill},
    {NULL, "rm", &sc_cmd_rm},
    {NULL, "ps", &sc_cmd_ps},
    {NULL, "exec", &sc_cmd_exec},
    {NULL, "attach", &sc_cmd_attach},
    {NULL, "logs", &sc_cmd_logs},
    {NULL, "wait", &sc_cmd_wait},
    {NULL, "inspect", &sc_cmd_inspect},
    {NULL, "cp", &sc_cmd_cp},
    {NULL, "diff", &sc_cmd_diff},
    {NULL, "commit", &sc_cmd_commit},
    {NULL, "export", &sc_cmd_export},
    {NULL, "rename", &sc_cmd_rename},
    {NULL, "pause", &sc_cmd_pause},
    {NULL, "unpause", &sc_cmd_unpause},
    {NULL, "why", &sc_cmd_why},
    {NULL, "top", &sc_cmd_top},
    {NULL, "stats", &sc_cmd_stats},
    {NULL, "events", &sc_cmd_events},
    {NULL, "update", &sc_cmd_update},
    {NULL, "images", &sc_cmd_images},
    {NULL, "rmi", &sc_cmd_rmi},
    {NULL, "prune", &sc_cmd_image_prune},
    {NULL, "tag", &sc_cmd_tag},
    {NULL, "load", &sc_cmd_load},
    {NULL, "save", &sc_cmd_save},
    {NULL, "import", &sc_cmd_import},
    {NULL, "pull", &sc_cmd_pull},
    {NULL, "push", &sc_cmd_push},
    {NULL, "login", &sc_cmd_login},
    {NULL, "logout", &sc_cmd_logout},
    {NULL, "port", &sc_cmd_port},
    {NULL, "history", &sc_cmd_history},
    {NULL, "api", &sc_cmd_api},
    {NULL, "doctor", &sc_cmd_doctor},
    {NULL, "info", &sc_cmd_info},
    {NULL, "version", &sc_cmd_version},
    {NULL, "help", &sc_cmd_help},
    {"builder", "build", &sc_cmd_build},
    {"builder", "prune", &sc_cmd_builder_prune},
    {"cgroup", "apply", &sc_cmd_cgroup_apply},
    {"cgroup", "classify", &sc_cmd_cgroup_classify},
    {"cgroup", "controllers", &sc_cmd_cgroup_controllers},
    {"cgroup", "create", &sc_cmd_cgroup_create},
    {"cgroup", "delete", &sc_cmd_cgroup_delete},
    {"cgroup", "exec", &sc_cmd_cgroup_exec},
    {"cgroup", "get", &sc_cmd_cgroup_get},
    {"cgroup", "ls", &sc_cmd_cgroup_ls},
    {"cgroup", "list", &sc_cmd_cgroup_ls},
    {"cgroup", "mount", &sc_cmd_cgroup_mount},
    {"cgroup", "procs", &sc_cmd_cgroup_procs},
    {"cgroup", "set", &sc_cmd_cgroup_set},
    {"cgroup", "tree", &sc_cmd_cgroup_tree},
    {"cgroup", "umount", &sc_cmd_cgroup_umount},
    {"container", "run", &sc_cmd_run},
    {"container", "create", &sc_cmd_create},
    {"container", "start", &sc_cmd_start},
    {"container", "stop", &sc_cmd_stop},
    {"container", "restart", &sc_cmd_restart},
    {"container", "kill", &sc_cmd_kill},
    {"container", "rm", &sc_cmd_rm},
    {"container", "remove", &sc_cmd_rm},
    {"container", "ls", &sc_cmd_ps},
    {"container", "list", &sc_cmd_ps},
    {"container", "ps", &sc_cmd_ps},
    {"container", "exec", &sc_cmd_exec},
    {"container", "attach", &sc_cmd_attach},
    {"container", "logs", &sc_cmd_logs},
    {"container", "wait", &sc_cmd_wait},
    {"container", "inspect", &sc_cmd_container_inspect},
    {"container", "port", &sc_cmd_port},
    {"container", "commit", &sc_cmd_commit},
    {"container", "cp", &sc_cmd_cp},
    {"container", "diff", &sc_cmd_diff},
    {"container", "export", &sc_cmd_export},
    {"container", "rename", &sc_cmd_rename},
    {"container", "pause", &sc_cmd_pause},
    {"container", "unpause", &sc_cmd_unpause},
    {"container", "top", &sc_cmd_top},
    {"container", "stats", &sc_cmd_stats},
    {"container", "update", &sc_cmd_update},
    {"container", "prune", &sc_cmd_container_prune},
    {"generate", "systemd", &sc_cmd_generate_systemd},
    {"image", "build", &sc_cmd_build},
    {"image", "ls", &sc_cmd_images},
    {"image", "list", &sc_cmd_images},
    {"image", "rm", &sc_cmd_rmi},
    {"image", "remove", &sc_cmd_rmi},
    {"image", "tag", &sc_cmd_tag},
    {"image", "inspect", &sc_cmd_image_inspect},
    {"image", "load", &sc_cmd_load},
    {"image", "save", &sc_cmd_save},
    {"image", "import", &sc_cmd_import},
    {"image", "pull", &sc_cmd_pull},
    {"image", "push", &sc_cmd_push},
    {"image", "history", &sc_cmd_history},
    {"image", "prune", &sc_cmd_image_prune},
    {"image", "from-host", &sc_cmd_from_host},
    {"image", "unpack", &sc_cmd_image_unpack},
    {"image", "mount", &sc_cmd_image_mount},
    {"image", "umount", &sc_cmd_image_umount},
    {"image", "unmount", &sc_cmd_image_umount},
    {"image", "tree", &sc_cmd_image_tree},
    {"image", "diff", &sc_cmd_image_diff},
    {"manifest", "inspect", &sc_cmd_manifest_inspect},
    {"manifest", "create", &sc_cmd_manifest_create},
    {"manifest", "annotate", &sc_cmd_manifest_annotate},
    {"manifest", "push", &sc_cmd_manifest_push},
    {"manifest", "rm", &sc_cmd_manifest_rm},
    {"network", "connect", &sc_cmd_network_connect},
    {"network", "create", &sc_cmd_network_create},
    {"network", "disconnect", &sc_cmd_network_disconnect},
    {"network", "inspect", &sc_cmd_network_inspect},
    {"network", "ls", &sc_cmd_network_ls},
    {"network", "list", &sc_cmd_network_ls},
    {"network", "prune", &sc_cmd_network_prune},
    {"network", "rm", &sc_cmd_network_rm},
    {"network", "remove", &sc_cmd_network_rm},
    {"ns", "diff", &sc_cmd_ns_diff},
    {"ns", "enter", &sc_cmd_ns_enter},
    {"ns", "ls", &sc_cmd_ns_ls},
    {"ns", "list", &sc_cmd_ns_ls},
    {"ns", "unshare", &sc_cmd_ns_unshare},
    {"system", "df", &sc_cmd_system_df},
    {"system", "events", &sc_cmd_events},
    {"system", "fsck", &sc_cmd_system_fsck},
    {"system", "info", &sc_cmd_info},
    {"system", "prune", &sc_cmd_system_prune},
    {"volume", "create", &sc_cmd_volume_create},
    {"volume", "inspect", &sc_cmd_volume_inspect},
    {"volume", "ls", &sc_cmd_volume_ls},
    {"volume", "list", &sc_cmd_volume_ls},
    {"volume", "prune", &sc_cmd_volume_prune},
    {"volume", "rm", &sc_cmd_volume_rm},
    {"volume", "remove", &sc_cmd_volume_rm},
};
const size_t sc_spelling_count = SC_ARRAY_LEN(sc_spellings);

const struct sc_command *
sc_cli_by_link(const char *argv0)
{
    static const struct {
        const char *name;
        const struct sc_command *command;
    } links[] = {{"cgcreate", &sc_cmd_cgroup_create},     {"cgset", &sc_cmd_cgroup_set},
                 {"cgget", &sc_cmd_cgroup_get},           {"cgexec", &sc_cmd_cgroup_exec},
                 {"cgclassify", &sc_cmd_cgroup_classify}, {"cgdelete", &sc_cmd_cgroup_delete},
                 {"lscgroup", &sc_cmd_cgroup_ls},         {"lssubsys", &sc_cmd_cgroup_controllers}};
    const char *slash = argv0 ? strrchr(argv0, '/') : NULL, *name = slash ? slash + 1 : argv0;

    for (size_t i = 0; i < SC_ARRAY_LEN(links); i++) {
        if (sc_str_eq(name, links[i].name))
            return links[i].command;
    }
    return NULL;
}

static const struct sc_command *
find(const char *group, const char *name)
{
    for (size_t i = 0; i < sc_spelling_count; i++) {
        if (sc_str_eq(sc_spellings[i].group, group) && strcmp(sc_spellings[i].name, name) == 0)
            return sc_spellings[i].command;
    }
    return NULL;
}

bool
sc_cli_is_group(const char *word)
{
    for (size_t i = 0; i < sc_spelling_count; i++) {
        if (sc_str_eq(sc_spellings[i].group, word))
            return true;
    }
    return false;
}

bool
sc_cli_is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int
unknown_command(const char *group, const char *word, struct sc_err *err)
{
    struct sc_suggestion nearest = {.typed = word, .len = strlen(word)};
    const char *blank = group ? " " : "";

    if (!group)
        group = "";
    for (size_t i = 0; i < sc_spelling_count; i++) {
        const char *of = sc_spellings[i].group ? sc_spellings[i].group : "";

        if (strcmp(of, group) == 0)
            sc_suggest_consider(&nearest, sc_spellings[i].name);
        else if (!*group)
            sc_suggest_consider(&nearest, of);
    }
    sc_err_set(err, SC_ERR_INVALID, "\"%s%s%.80s\" is not a command", group, blank, word);
    if (sc_suggest_program(word))
        return sc_err_remedy(err, "%s", sc_suggest_program(word));
    if (nearest.word)
        return sc_err_remedy(err, "did you mean '%s%s%s'? see 'sc --help'", group, blank, nearest.word);
    return sc_err_remedy(err, "see 'sc --help'");
}

int
sc_cli_find(int argc, char **argv, const struct sc_command **out, int *used, struct sc_err *err)
{
    *used = 1;
    if (argc == 0 || sc_cli_is_help(argv[0])) {
        *used = argc;
        *out = &sc_cmd_help;
        return 0;
    }
    if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-v") == 0) {
        *out = &sc_cmd_version_line;
        return 0;
    }
    *out = find(NULL, argv[0]);
    if (*out)
        return 0;
    if (!sc_cli_is_group(argv[0])) {
        if (argv[0][0] == '-') {
            sc_err_set(err, SC_ERR_INVALID, "unknown flag: %.80s", argv[0]);
            err->exit_code = SC_EXIT_ENGINE;
        } else {
            return unknown_command(NULL, argv[0], err);
        }
        return sc_err_remedy(err, "see 'sc --help'");
    }
    if (argc > 1 && sc_cli_is_help(argv[1])) {
        *used = argc;
        *out = &sc_cmd_help;
        return 0;
    }
    *used = 2;
    *out = argc > 1 ? find(argv[0], argv[1]) : NULL;
    if (*out)
        return 0;
    if (argc > 1)
        return unknown_command(argv[0], argv[1], err);
    sc_err_set(err, SC_ERR_INVALID, "\"%s\" needs a command", argv[0]);
    return sc_err_remedy(err, "see 'sc --help'");
}
