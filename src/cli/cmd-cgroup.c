/* sc cgroup create, set, get, ls: cgcreate, cgset, cgget and lscgroup of libcgroup, on either version. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cli/cgroup-priv.h"

struct cgroup_options {
    struct sc_strv groups, variables;
    struct sc_cgroup_perm perm;
    char *copy_from;
    bool no_headers, values_only, all;
};

#define AT(member) offsetof(struct cgroup_options, member)

/* "user:group", either of which may be missing */
static int
set_owner(struct sc_opt_i64 *uid, struct sc_opt_i64 *gid, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    size_t len = strcspn(value, ":");
    const char *user = sc_arena_strndup(arena, value, len);

    if (!user)
        return sc_err_nomem(err);
    if (len > 0 && sc_value_user_id(uid, user, arena, err) < 0)
        return -1;
    return value[len] && value[len + 1] ? sc_value_group_id(gid, value + len + 1, arena, err) : 0;
}

static int
set_task_owner(void *perm, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_cgroup_perm *to = perm;

    return set_owner(&to->task_uid, &to->task_gid, value, arena, err);
}

static int
set_admin_owner(void *perm, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_cgroup_perm *to = perm;

    return set_owner(&to->admin_uid, &to->admin_gid, value, arena, err);
}

static const struct sc_option create_table[] = {
    {"admin", 'a', SC_OPTION_CALL, AT(perm), "user:group", "Owner of the directory and its files", set_admin_owner,
     NULL},
    {"dperm", 'd', SC_OPTION_CALL, AT(perm.dir_mode), "mode", "Mode of the directory", sc_cgroup_value_mode, NULL},
    {"fperm", 'f', SC_OPTION_CALL, AT(perm.file_mode), "mode", "Mode of its files", sc_cgroup_value_mode, NULL},
    {"group", 'g', SC_OPTION_STRV, AT(groups), "controllers:path", "Such as memory,pids:a/b; * is all", NULL, NULL},
    {"task", 't', SC_OPTION_CALL, AT(perm), "user:group", "Owner of the files that move processes", set_task_owner,
     NULL},
    {"tperm", 's', SC_OPTION_CALL, AT(perm.task_mode), "mode", "Mode of the files that move processes",
     sc_cgroup_value_mode, NULL},
    {.name = NULL},
};
static const struct sc_option set_table[] = {
    {"copy-from", 0, SC_OPTION_STR, AT(copy_from), "path", "Take all values from this cgroup", NULL, NULL},
    {"variable", 'r', SC_OPTION_STRV, AT(variables), "key=value", "A value, by the key of either version", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option get_table[] = {
    {"all", 'a', SC_OPTION_FLAG, AT(all), NULL, "All controllers", NULL, NULL},
    {"group", 'g', SC_OPTION_STRV, AT(groups), "controllers[:path]", "All keys of these controllers", NULL, NULL},
    {"no-headers", 'n', SC_OPTION_FLAG, AT(no_headers), NULL, "No line with the cgroup's name", NULL, NULL},
    {"values-only", 'v', SC_OPTION_FLAG, AT(values_only), NULL, "Values without their keys", NULL, NULL},
    {"variable", 'r', SC_OPTION_STRV, AT(variables), "key", "This key, of either version", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option ls_table[] = {
    {"group", 'g', SC_OPTION_STRV, AT(groups), "controllers:path", "Only what is below", NULL, NULL},
    {.name = NULL},
};

/* ---- create ------------------------------------------------------------------------------------------------- */

static bool
has_perm(const struct sc_cgroup_perm *perm)
{
    return perm->task_uid.is_set || perm->task_gid.is_set || perm->admin_uid.is_set || perm->admin_gid.is_set ||
           perm->task_mode || perm->file_mode || perm->dir_mode;
}

static int
run_create(struct sc_cli *cli, struct sc_err *err)
{
    struct cgroup_options options = {.all = false};
    struct sc_cgroup_layout layout;
    struct sc_cgroup_targets targets = {.items = NULL};
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cgroup_detect(&cli->arena, &layout, err) < 0 ||
        sc_cgroup_spec_all(&layout, &options.groups, &cli->arena, &targets, err) < 0 ||
        sc_cgroup_spec_all(&layout, &args, &cli->arena, &targets, err) < 0)
        return -1;
    if (targets.count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "which cgroup? -g CONTROLLER[,CONTROLLER...]:PATH");
    for (size_t i = 0; i < targets.count; i++) {
        sc_cleanup_fd fd = -1;

        if (sc_cgroup_target_note(cli, &layout, &targets.items[i], err) < 0 ||
            sc_cgroup_target_create(&layout, &targets.items[i], err) < 0)
            return -1;
        if (!has_perm(&options.perm))
            continue;
        fd = sc_cgroup_target_open(&layout, &targets.items[i], err);
        if (fd < 0 || sc_cgroup_permit(fd, &options.perm, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- set ----------------------------------------------------------------------------------------------------- */

/* What counts memory and swap as a sum in one version is translated with the memory that will be. */
static bool
is_sum(const char *key)
{
    return strcmp(key, "memory.memsw.limit_in_bytes") == 0 || strcmp(key, "memory.swap.max") == 0;
}

/* The writes of every key that belongs to hierarchy. */
static int
collect(const struct sc_cgroup_layout *layout, int hierarchy, const int *fd, const struct sc_strv *variables,
        struct sc_arena *arena, struct sc_cgroup_writes *out, struct sc_err *err)
{
    struct sc_cgroup_files files;

    sc_cgroup_dir_files(fd, layout->items[hierarchy].is_v2, &files);
    for (size_t i = 0; i < 2 * variables->count; i++) {
        const char *variable = variables->items[i % variables->count];
        size_t len = strcspn(variable, "=");
        const char *key = sc_arena_strndup(arena, variable, len);
        int place;

        if (!key)
            return sc_err_nomem(err);
        if (is_sum(key) != (i >= variables->count))
            continue;
        place = sc_cgroup_key_place(layout, key, err);
        if (place < 0)
            return -1;
        if (place == hierarchy && sc_cgroup_key_set(&files, key, variable + len + 1, arena, out, err) < 0)
            return -1;
    }
    return 0;
}

/* Every file of src that dst can be given: what cannot be written or is refused stays, as in cgset. */
static int
copy_values(int from, int to, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_strv names = {0};
    struct sc_cgroup_files files;

    sc_cgroup_dir_files(&from, false, &files);
    if (sc_cgroup_names(from, false, arena, &names, err) < 0)
        return -1;
    for (size_t pass = 0; pass < 2; pass++) { /* the order may matter: memory before memsw */
        for (size_t i = 0; i < names.count; i++) {
            const char *name = names.items[i], *value;
            struct sc_err ignored = SC_ERR_INIT;

            if (sc_str_starts(name, "cgroup.") || strcmp(name, "tasks") == 0)
                continue;
            value = files.read(files.data, name, arena);
            if (value && *value && !strchr(value, '\n'))
                (void)!sc_cgroup_write_file(to, name, value, &ignored);
        }
    }
    return 0;
}

static int
copy_group(struct sc_cli *cli, const struct sc_cgroup_layout *layout, const char *from_path, const char *to_path,
           struct sc_err *err)
{
    bool is_found = false;

    for (size_t i = 0; i < layout->count; i++) {
        struct sc_err ignored = SC_ERR_INIT;
        sc_cleanup_fd from = sc_cgroup_open(layout->items[i].mount_point, from_path, &ignored), to = -1;

        if (from < 0)
            continue;
        to = sc_cgroup_open(layout->items[i].mount_point, to_path, &ignored);
        if (to < 0)
            continue;
        is_found = true;
        if (copy_values(from, to, &cli->arena, err) < 0)
            return -1;
    }
    return is_found ? 0
                    : sc_err_set(err, SC_ERR_NOT_FOUND, "no hierarchy has both cgroup \"%s\" and \"%s\"", from_path,
                                 to_path);
}

static int
set_group(struct sc_cli *cli, const struct sc_cgroup_layout *layout, const struct sc_strv *variables, const char *path,
          struct sc_err *err)
{
    for (size_t i = 0; i < layout->count; i++) {
        struct sc_cgroup_target target = {.hierarchy = (int)i, .path = path};
        struct sc_cgroup_writes writes = {.items = NULL};
        bool is_needed = false;
        sc_cleanup_fd fd = -1;

        for (size_t j = 0; j < variables->count; j++) {
            const char *key = sc_arena_strndup(&cli->arena, variables->items[j], strcspn(variables->items[j], "="));
            struct sc_err ignored = SC_ERR_INIT;

            is_needed = is_needed || (key && sc_cgroup_key_place(layout, key, &ignored) == (int)i);
        }
        if (!is_needed)
            continue;
        fd = sc_cgroup_target_open(layout, &target, err);
        if (fd < 0 || collect(layout, (int)i, &fd, variables, &cli->arena, &writes, err) < 0 ||
            sc_cgroup_target_note(cli, layout, &target, err) < 0 || sc_cgroup_write_all(fd, &writes, err) < 0)
            return -1;
    }
    return 0;
}

static int
check_variables(const struct sc_cgroup_layout *layout, const struct sc_strv *variables, struct sc_arena *arena,
                struct sc_err *err)
{
    for (size_t i = 0; i < variables->count; i++) {
        const char *variable = variables->items[i], *key = sc_arena_strndup(arena, variable, strcspn(variable, "="));

        if (!strchr(variable, '=') || *variable == '=')
            return sc_err_set(err, SC_ERR_INVALID, "--variable: \"%.80s\" is not KEY=VALUE", variable);
        if (!key || sc_cgroup_key_place(layout, key, err) < 0)
            return -1;
    }
    return 0;
}

static int
run_set(struct sc_cli *cli, struct sc_err *err)
{
    struct cgroup_options options = {.all = false};
    struct sc_cgroup_layout layout;
    struct sc_strv args = {0};
    const char *from = NULL;

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    if (!options.copy_from == (options.variables.count == 0))
        return sc_err_set(err, SC_ERR_INVALID, "set what? Either -r KEY=VALUE or --copy-from PATH");
    if (sc_cgroup_detect(&cli->arena, &layout, err) < 0 ||
        check_variables(&layout, &options.variables, &cli->arena, err) < 0 ||
        (options.copy_from && sc_cgroup_spec_path(options.copy_from, &cli->arena, &from, err) < 0))
        return -1;
    for (size_t i = 0; i < args.count; i++) {
        const char *path;

        if (sc_cgroup_spec_path(args.items[i], &cli->arena, &path, err) < 0)
            return -1;
        if ((from ? copy_group(cli, &layout, from, path, err)
                  : set_group(cli, &layout, &options.variables, path, err)) < 0)
            return -1;
    }
    return 0;
}

/* ---- get ----------------------------------------------------------------------------------------------------- */

struct get {
    struct sc_cli *cli;
    const struct cgroup_options *options;
    const struct sc_cgroup_layout *layout;
    struct sc_buf out;
};

static void
add_value(struct get *g, const char *key, const char *value)
{
    if (!g->options->values_only)
        sc_buf_addf(&g->out, "%s: ", key);
    for (; *value; value++) {
        sc_buf_addc(&g->out, *value);
        if (*value == '\n')
            sc_buf_addc(&g->out, '\t');
    }
    sc_buf_addc(&g->out, '\n');
}

static int
get_variables(struct get *g, const char *path, struct sc_err *err)
{
    for (size_t i = 0; i < g->options->variables.count; i++) {
        const char *key = g->options->variables.items[i], *value;
        int place = sc_cgroup_key_place(g->layout, key, err);
        struct sc_cgroup_files files;
        sc_cleanup_fd fd = place < 0 ? -1 : sc_cgroup_open(g->layout->items[place].mount_point, path, err);

        if (fd < 0)
            return -1;
        sc_cgroup_dir_files(&fd, g->layout->items[place].is_v2, &files);
        if (sc_cgroup_key_get(&files, key, &g->cli->arena, &value, err) < 0)
            return -1;
        add_value(g, key, value);
    }
    return 0;
}

/* What the files of a controller begin with in a hierarchy: "io." for blkio on v2. */
static const char *
prefix_of(const struct get *g, bool is_v2, const char *controller)
{
    const char *v2 = sc_cgroup_controller_v2(controller);

    if (is_v2 && strcmp(controller, "cpuacct") == 0)
        v2 = "cpu";
    if (!is_v2 && strcmp(controller, "io") == 0)
        controller = "blkio";
    return sc_arena_printf(&g->cli->arena, "%s.", is_v2 ? (v2 ? v2 : "cgroup") : controller);
}

static int
get_controller(struct get *g, const char *controller, const char *path, struct sc_err *err)
{
    int place = sc_cgroup_controller_place(g->layout, controller, err);
    struct sc_cgroup_files files;
    struct sc_strv names = {0};
    const char *prefix;
    sc_cleanup_fd fd = place < 0 ? -1 : sc_cgroup_open(g->layout->items[place].mount_point, path, err);

    if (fd < 0)
        return -1;
    prefix = prefix_of(g, g->layout->items[place].is_v2, controller);
    sc_cgroup_dir_files(&fd, g->layout->items[place].is_v2, &files);
    if (!prefix || sc_cgroup_names(fd, false, &g->cli->arena, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        const char *value =
            sc_str_starts(names.items[i], prefix) ? files.read(files.data, names.items[i], &g->cli->arena) : NULL;

        if (sc_str_starts(names.items[i], prefix))
            add_value(g, names.items[i], value ? value : "");
    }
    return 0;
}

/* All controllers whose hierarchy has the cgroup. */
static int
get_everything(struct get *g, const char *path, struct sc_err *err)
{
    bool is_found = false;

    for (size_t i = 0; i < g->layout->count; i++) {
        const struct sc_strv *controllers = &g->layout->items[i].controllers;
        struct sc_err ignored = SC_ERR_INIT;
        sc_cleanup_fd fd = sc_cgroup_open(g->layout->items[i].mount_point, path, &ignored);

        for (size_t j = 0; fd >= 0 && j < controllers->count; j++) {
            if (sc_str_starts(controllers->items[j], "name="))
                continue;
            is_found = true;
            if (get_controller(g, controllers->items[j], path, err) < 0)
                return -1;
        }
    }
    return is_found ? 0 : sc_err_set(err, SC_ERR_NOT_FOUND, "no hierarchy has a cgroup \"%s\"", path);
}

/* One block of output; controllers is "memory,pids" or NULL. */
static int
get_group(struct get *g, const char *shown, const char *controllers, struct sc_err *err)
{
    const char *path;

    if (sc_cgroup_spec_path(shown, &g->cli->arena, &path, err) < 0)
        return -1;
    if (!g->options->no_headers)
        sc_buf_addf(&g->out, "%s:\n", shown);
    if (get_variables(g, path, err) < 0)
        return -1;
    for (const char *at = controllers; at && *at;) {
        size_t len = strcspn(at, ",");
        const char *controller = sc_arena_strndup(&g->cli->arena, at, len);

        if (!controller || get_controller(g, controller, path, err) < 0)
            return -1;
        at += len + (at[len] == ',');
    }
    if ((g->options->all || (!controllers && g->options->variables.count == 0)) && get_everything(g, path, err) < 0)
        return -1;
    if (!g->options->no_headers)
        sc_buf_addc(&g->out, '\n');
    return 0;
}

static int
get_all(struct get *g, const struct sc_strv *args, struct sc_err *err)
{
    sc_cleanup_buf plain = SC_BUF_INIT; /* -g without a path holds for the arguments */

    for (size_t i = 0; i < g->options->groups.count; i++) {
        const char *spec = g->options->groups.items[i], *colon = strchr(spec, ':');

        if (!colon)
            sc_buf_addf(&plain, "%s%s", plain.len ? "," : "", spec);
        else if (get_group(g, colon + 1, sc_arena_strndup(&g->cli->arena, spec, (size_t)(colon - spec)), err) < 0)
            return -1;
    }
    if (args->count == 0 && (plain.len || g->options->groups.count == 0))
        return sc_err_set(err, SC_ERR_INVALID, "which cgroup? Name its path, or -g CONTROLLER:PATH");
    for (size_t i = 0; i < args->count; i++) {
        if (get_group(g, args->items[i], plain.len ? plain.data : NULL, err) < 0)
            return -1;
    }
    return sc_buf_check(&g->out, err);
}

static int
run_get(struct sc_cli *cli, struct sc_err *err)
{
    struct cgroup_options options = {.all = false};
    struct sc_cgroup_layout layout;
    struct get g = {.cli = cli, .options = &options, .layout = &layout, .out = SC_BUF_INIT};
    struct sc_strv args = {0};
    int result;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cgroup_detect(&cli->arena, &layout, err) < 0)
        return -1;
    result = get_all(&g, &args, err);
    if (result == 0)
        (void)fputs(sc_buf_str(&g.out), stdout);
    sc_buf_release(&g.out);
    return result;
}

/* ---- ls ------------------------------------------------------------------------------------------------------- */

static int
list_below(int fd, const char *prefix, const char *path, struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv names = {0};

    if (sc_cgroup_names(fd, true, &arena, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        sc_cleanup_fd child = openat(fd, names.items[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        const char *below = sc_arena_printf(&arena, "%s/%s", path, names.items[i]);

        if (child < 0 && errno == ENOENT)
            continue;
        if (!below)
            return sc_err_nomem(err);
        sc_buf_addf(out, "%s:", prefix);
        sc_buf_add_visible(out, below);
        sc_buf_addc(out, '\n');
        if (child >= 0 && list_below(child, prefix, below, out, err) < 0)
            return -1;
    }
    return 0;
}

static const char *
controllers_text(const struct sc_cgroup_hierarchy *hierarchy, struct sc_arena *arena)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    for (size_t i = 0; i < hierarchy->controllers.count; i++)
        sc_buf_addf(&text, "%s%s", i ? "," : "", hierarchy->controllers.items[i]);
    return text.len ? sc_arena_strdup(arena, text.data) : hierarchy->is_v2 ? "unified" : "none";
}

static int
run_ls(struct sc_cli *cli, struct sc_err *err)
{
    struct cgroup_options options = {.all = false};
    struct sc_cgroup_layout layout;
    struct sc_cgroup_targets targets = {.items = NULL};
    struct sc_strv args = {0};
    sc_cleanup_buf out = SC_BUF_INIT;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cgroup_detect(&cli->arena, &layout, err) < 0 ||
        sc_cgroup_spec_all(&layout, &options.groups, &cli->arena, &targets, err) < 0 ||
        sc_cgroup_spec_all(&layout, &args, &cli->arena, &targets, err) < 0)
        return -1;
    for (size_t i = 0; i < (targets.count ? targets.count : layout.count); i++) {
        struct sc_cgroup_target whole = {.hierarchy = (int)i, .path = "/"};
        const struct sc_cgroup_target *target = targets.count ? &targets.items[i] : &whole;
        const char *prefix = controllers_text(&layout.items[target->hierarchy], &cli->arena);
        bool is_root = strcmp(target->path, "/") == 0;
        sc_cleanup_fd fd = sc_cgroup_target_open(&layout, target, err);

        if (fd < 0)
            return -1;
        sc_buf_addf(&out, "%s:%s%s\n", prefix, target->path, is_root ? "" : "/");
        if (list_below(fd, prefix, is_root ? "" : target->path, &out, err) < 0)
            return -1;
    }
    if (sc_buf_check(&out, err) < 0)
        return -1;
    (void)fputs(sc_buf_str(&out), stdout);
    return 0;
}

const struct sc_command sc_cmd_cgroup_create = {
    .name = "cgroup create",
    .synopsis = "[OPTIONS] [CONTROLLERS:PATH...]",
    .help = "Make cgroups, as cgcreate does",
    .options = create_table,
    .args_max = -1,
    .run = run_create,
};

const struct sc_command sc_cmd_cgroup_set = {
    .name = "cgroup set",
    .synopsis = "[OPTIONS] PATH...",
    .help = "Set values of cgroups, all or none, as cgset does",
    .options = set_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_set,
};

const struct sc_command sc_cmd_cgroup_get = {
    .name = "cgroup get",
    .synopsis = "[OPTIONS] [PATH...]",
    .help = "Print values of cgroups, as cgget does",
    .options = get_table,
    .args_max = -1,
    .run = run_get,
};

const struct sc_command sc_cmd_cgroup_ls = {
    .name = "cgroup ls",
    .synopsis = "[OPTIONS] [CONTROLLERS:PATH...]",
    .help = "List cgroups, as lscgroup does",
    .options = ls_table,
    .args_max = -1,
    .run = run_ls,
};
