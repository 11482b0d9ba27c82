/* sc cgroup apply: what cgconfig.conf says, all of it or nothing. */
#include <fcntl.h>
#include <string.h>

#include "cli/cgroup-priv.h"

#define CONFIG_MAX ((size_t)4 << 20)

struct apply_options {
    bool dry_run;
};

static const struct sc_option apply_table[] = {
    {"dry-run", 0, SC_OPTION_FLAG, offsetof(struct apply_options, dry_run), NULL, "Only say what would be done", NULL,
     NULL},
    {.name = NULL},
};

/* What was made until now, to be taken back. */
struct apply {
    struct sc_cli *cli;
    const struct sc_cgconfig *config;
    struct sc_cgroup_layout layout;
    struct sc_strv mounted, made; /* directories */
    bool dry_run;
};

static bool
is_mounted(const struct apply *a, const char *controller, const char *dir)
{
    int place = sc_cgroup_find(&a->layout, controller);

    return place >= 0 && strcmp(a->layout.items[place].mount_point, dir) == 0;
}

/* All controllers of one directory are one hierarchy. */
static int
mount_one(struct apply *a, size_t first, struct sc_err *err)
{
    const struct sc_cgconfig *config = a->config;
    const char *dir = config->mounts[first].dir;
    sc_cleanup_buf list = SC_BUF_INIT;
    bool is_there = true;

    for (size_t i = 0; i < config->mount_count; i++) {
        if (strcmp(config->mounts[i].dir, dir) != 0)
            continue;
        if (i < first)
            return 0; /* done with that one */
        is_there = is_there && is_mounted(a, config->mounts[i].controller, dir);
        sc_buf_addf(&list, "%s%s", list.len ? "," : "", config->mounts[i].controller);
    }
    if (is_there || sc_buf_check(&list, err) < 0)
        return is_there ? 0 : -1;
    if (a->dry_run) {
        (void)printf("mount %s on %s\n", list.data, dir);
        return 0;
    }
    if (sc_cgroup_mount(list.data, dir, err) < 0)
        return -1;
    sc_strv_add(&a->mounted, &a->cli->arena, dir);
    return sc_arena_check(&a->cli->arena, err);
}

/* The places of a group, one for each hierarchy. */
static int
places(struct apply *a, const struct sc_cgconfig_group *group, struct sc_cgroup_targets *out, struct sc_err *err)
{
    sc_cleanup_buf spec = SC_BUF_INIT;

    for (size_t i = 0; i < group->param_count; i++) {
        if (!group->params[i].key)
            sc_buf_addf(&spec, "%s%s", spec.len ? "," : "", group->params[i].controller);
    }
    sc_buf_addf(&spec, ":%s", group->name);
    if (sc_buf_check(&spec, err) < 0)
        return -1;
    return sc_cgroup_spec_parse(&a->layout, spec.data, &a->cli->arena, out, err);
}

/* Remembers the highest directory of the path that is not there yet. */
static int
remember_made(struct apply *a, const struct sc_cgroup_target *target, struct sc_err *err)
{
    const char *mount_point = a->layout.items[target->hierarchy].mount_point;
    char *path = sc_arena_strdup(&a->cli->arena, target->path);

    if (!path)
        return sc_err_nomem(err);
    for (char *slash = path; *slash;) {
        char *end = strchrnul(slash + 1, '/'), saved = *end;
        struct sc_err missing = SC_ERR_INIT;
        sc_cleanup_fd fd = -1;

        *end = '\0';
        fd = sc_cgroup_open(mount_point, path, &missing);
        if (fd < 0) {
            sc_strv_addf(&a->made, &a->cli->arena, "%s%s", mount_point, path);
            break;
        }
        *end = saved;
        slash = end;
    }
    return sc_arena_check(&a->cli->arena, err);
}

/* Whose hierarchy is this place */
static int
write_group(struct apply *a, const struct sc_cgconfig_group *group, const struct sc_cgroup_target *target,
            struct sc_err *err)
{
    struct sc_cgroup_writes writes = {.items = NULL};
    struct sc_cgroup_files files;
    sc_cleanup_fd fd = -1;

    if (remember_made(a, target, err) < 0 || sc_cgroup_target_create(&a->layout, target, err) < 0)
        return -1;
    fd = sc_cgroup_target_open(&a->layout, target, err);
    if (fd < 0)
        return -1;
    sc_cgroup_dir_files(&fd, a->layout.items[target->hierarchy].is_v2, &files);
    for (size_t i = 0; i < group->param_count; i++) {
        const struct sc_cgconfig_param *param = &group->params[i];
        int place = param->key ? sc_cgroup_key_place(&a->layout, param->key, err) : -2;

        if (place == -1)
            return -1;
        if (place == target->hierarchy &&
            sc_cgroup_key_set(&files, param->key, param->value, &a->cli->arena, &writes, err) < 0)
            return -1;
    }
    if (sc_cgroup_write_all(fd, &writes, err) < 0)
        return -1;
    return sc_cgroup_permit(fd, &group->perm, err);
}

static int
apply_group(struct apply *a, const struct sc_cgconfig_group *group, struct sc_err *err)
{
    struct sc_cgroup_targets targets = {.items = NULL};

    if (places(a, group, &targets, err) < 0)
        return -1;
    if (a->dry_run) {
        for (size_t i = 0; i < targets.count; i++)
            (void)printf("create %s%s\n", a->layout.items[targets.items[i].hierarchy].mount_point,
                         targets.items[i].path);
        for (size_t i = 0; i < group->param_count; i++) {
            if (group->params[i].key)
                (void)printf("set %s=%s in %s\n", group->params[i].key, group->params[i].value, group->name);
        }
        return 0;
    }
    for (size_t i = 0; i < targets.count; i++) {
        if (sc_cgroup_target_note(a->cli, &a->layout, &targets.items[i], err) < 0 ||
            write_group(a, group, &targets.items[i], err) < 0)
            return -1;
    }
    return 0;
}

static int
apply_all(struct apply *a, const char *name, struct sc_err *err)
{
    for (size_t i = 0; i < a->config->mount_count; i++) {
        if (mount_one(a, i, err) < 0)
            return -1;
    }
    if (a->mounted.count > 0 && sc_cgroup_detect(&a->cli->arena, &a->layout, err) < 0)
        return -1;
    for (size_t i = 0; i < a->config->group_count; i++) {
        if (apply_group(a, &a->config->groups[i], err) < 0)
            return sc_err_wrap(err, "%s:%d: group \"%s\"", name, a->config->groups[i].line, a->config->groups[i].name);
    }
    return 0;
}

static void
take_back(struct apply *a)
{
    struct sc_err ignored = SC_ERR_INIT;

    for (size_t i = a->made.count; i-- > 0;)
        (void)!sc_cgroup_remove(a->made.items[i], &ignored);
    for (size_t i = a->mounted.count; i-- > 0;)
        (void)!sc_cgroup_umount(a->mounted.items[i], &ignored);
}

static int
run_apply(struct sc_cli *cli, struct sc_err *err)
{
    struct apply_options options = {.dry_run = false};
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    for (size_t i = 0; i < args.count; i++) {
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_cgconfig config;
        struct apply a = {.cli = cli, .config = &config, .dry_run = options.dry_run};

        /* lint: the caller names its own file */
        if (sc_file_read_at(AT_FDCWD, args.items[i], CONFIG_MAX, &text, err) < 0 ||
            sc_cgconfig_parse(sc_buf_str(&text), args.items[i], &cli->arena, &config, err) < 0 ||
            sc_cgroup_detect(&cli->arena, &a.layout, err) < 0)
            return -1;
        if (apply_all(&a, args.items[i], err) < 0) {
            take_back(&a);
            return -1;
        }
    }
    return 0;
}

const struct sc_command sc_cmd_cgroup_apply = {
    .name = "cgroup apply",
    .synopsis = "[OPTIONS] FILE...",
    .help = "Mount and make what a cgconfig.conf says, all or nothing",
    .options = apply_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_apply,
};
