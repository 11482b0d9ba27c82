/* sc cgroup exec, classify, delete, procs, mount, umount: which processes are in a cgroup, and where cgroups are. */
#include <string.h>
#include <unistd.h>

#include "cli/cgroup-priv.h"
#include "kernel/nsfs.h"

struct move_options {
    struct sc_strv groups;
    bool sticky, cancel_sticky, recursive, force;
};

#define AT(member) offsetof(struct move_options, member)
#define GROUP                                                                                                          \
    {                                                                                                                  \
        "group", 'g', SC_OPTION_STRV, AT(groups), "controllers:path", "Such as memory,pids:a/b", NULL, NULL            \
    }

static const struct sc_option exec_table[] = {
    GROUP,
    {"sticky", 0, SC_OPTION_FLAG, AT(sticky), NULL, "For cgrulesengd, which sc has none of: without effect", NULL,
     NULL},
    {.name = NULL},
};
static const struct sc_option classify_table[] = {
    {"cancel-sticky", 0, SC_OPTION_FLAG, AT(cancel_sticky), NULL, "Without effect, like --sticky", NULL, NULL},
    GROUP,
    {"sticky", 0, SC_OPTION_FLAG, AT(sticky), NULL, "For cgrulesengd, which sc has none of: without effect", NULL,
     NULL},
    {.name = NULL},
};
static const struct sc_option delete_table[] = {
    {"force", 'f', SC_OPTION_FLAG, AT(force), NULL, "Also what is systemd's", NULL, NULL},
    GROUP,
    {"recursive", 'r', SC_OPTION_FLAG, AT(recursive), NULL, "Also the cgroups below", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option procs_table[] = {
    GROUP,
    {"recursive", 'r', SC_OPTION_FLAG, AT(recursive), NULL, "Also those of the cgroups below", NULL, NULL},
    {.name = NULL},
};

/* ---- exec, classify ------------------------------------------------------------------------------------------ */

/* All are opened before anybody moves. */
static int
open_all(struct sc_cli *cli, const struct sc_cgroup_layout *layout, const struct sc_cgroup_targets *targets, int **fds,
         struct sc_err *err)
{
    *fds = SC_ARENA_ARRAY(&cli->arena, int, targets->count);
    if (!*fds)
        return sc_err_nomem(err);
    for (size_t i = 0; i < targets->count; i++) {
        (*fds)[i] = sc_cgroup_target_open(layout, &targets->items[i], err);
        if ((*fds)[i] < 0 || sc_cgroup_target_note(cli, layout, &targets->items[i], err) < 0)
            return -1; /* the process ends: what is open goes with it */
    }
    return 0;
}

static int
find_targets(struct sc_cli *cli, const struct sc_strv *specs, struct sc_cgroup_layout *layout,
             struct sc_cgroup_targets *targets, struct sc_err *err)
{
    if (sc_cgroup_detect(&cli->arena, layout, err) < 0 ||
        sc_cgroup_spec_all(layout, specs, &cli->arena, targets, err) < 0)
        return -1;
    if (targets->count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "which cgroup? -g CONTROLLER[,CONTROLLER...]:PATH");
    return 0;
}

/* "memory:a/b" as the first argument, in place of -g */
static void
take_spec(struct move_options *options, struct sc_strv *args, struct sc_arena *arena)
{
    if (options->groups.count > 0 || args->count == 0 || !strchr(args->items[0], ':'))
        return;
    sc_strv_add(&options->groups, arena, args->items[0]);
    args->items++;
    args->count--;
}

static int
run_exec(struct sc_cli *cli, struct sc_err *err)
{
    struct move_options options = {.sticky = false};
    struct sc_cgroup_layout layout;
    struct sc_cgroup_targets targets = {.items = NULL};
    struct sc_strv args = {0};
    int *fds;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || find_targets(cli, &options.groups, &layout, &targets, err) < 0 ||
        open_all(cli, &layout, &targets, &fds, err) < 0)
        return -1;
    for (size_t i = 0; i < targets.count; i++) {
        if (sc_cgroup_attach(fds[i], 0, err) < 0)
            return -1;
    }
    return sc_cli_execute(&args);
}

/* Goes on after a process that is gone, as cgclassify does. */
static int
run_classify(struct sc_cli *cli, struct sc_err *err)
{
    struct move_options options = {.sticky = false};
    struct sc_cgroup_layout layout;
    struct sc_cgroup_targets targets = {.items = NULL};
    struct sc_strv args = {0};
    int *fds, status = 0;

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    take_spec(&options, &args, &cli->arena);
    if (args.count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "which processes? Name pids or containers");
    if (find_targets(cli, &options.groups, &layout, &targets, err) < 0 ||
        open_all(cli, &layout, &targets, &fds, err) < 0)
        return -1;
    for (size_t i = 0; i < args.count; i++) {
        struct sc_err one = SC_ERR_INIT;
        pid_t pid;
        int result = sc_cli_pid_of(cli, args.items[i], &pid, &one);

        for (size_t j = 0; result == 0 && j < targets.count; j++)
            result = sc_cgroup_attach(fds[j], pid, &one);
        if (result < 0) {
            sc_print_err(&one);
            status = 1;
        }
    }
    return status;
}

/* ---- delete, procs -------------------------------------------------------------------------------------------- */

static int
check_owner(struct sc_cli *cli, const struct sc_cgroup_layout *layout, const struct sc_cgroup_target *target,
            struct sc_err *err)
{
    const char *unit;

    if (sc_cgroup_systemd_owns(layout->items[target->hierarchy].mount_point, target->path, &cli->arena, &unit, err) < 0)
        return -1;
    if (!unit)
        return 0;
    sc_err_set(err, SC_ERR_DENIED, "remove cgroup \"%s\": %s is systemd's", target->path, unit);
    return sc_err_remedy(err, "systemctl stop %s, or --force", unit);
}

static int
run_delete(struct sc_cli *cli, struct sc_err *err)
{
    struct move_options options = {.sticky = false};
    struct sc_cgroup_layout layout;
    struct sc_cgroup_targets targets = {.items = NULL};
    struct sc_strv args = {0};
    int status = 0;

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    for (size_t i = 0; i < args.count; i++)
        sc_strv_add(&options.groups, &cli->arena, args.items[i]);
    if (find_targets(cli, &options.groups, &layout, &targets, err) < 0)
        return -1;
    for (size_t i = 0; i < targets.count; i++) {
        const struct sc_cgroup_target *target = &targets.items[i];
        struct sc_err one = SC_ERR_INIT;

        if ((!options.force && check_owner(cli, &layout, target, &one) < 0) ||
            sc_cgroup_delete(layout.items[target->hierarchy].mount_point, target->path, options.recursive, &one) < 0) {
            sc_print_err(&one);
            status = 1;
        }
    }
    return status;
}

static int
by_number(const void *left, const void *right)
{
    const pid_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

static int
run_procs(struct sc_cli *cli, struct sc_err *err)
{
    struct move_options options = {.sticky = false};
    struct sc_cgroup_layout layout;
    struct sc_cgroup_targets targets = {.items = NULL};
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    for (size_t i = 0; i < args.count; i++)
        sc_strv_add(&options.groups, &cli->arena, args.items[i]);
    if (find_targets(cli, &options.groups, &layout, &targets, err) < 0)
        return -1;
    for (size_t i = 0; i < targets.count; i++) {
        sc_cleanup_fd fd = sc_cgroup_target_open(&layout, &targets.items[i], err);
        struct sc_pid_list pids = {.items = NULL};

        if (fd < 0 || sc_cgroup_members(fd, options.recursive, &cli->arena, &pids, err) < 0)
            return -1;
        if (pids.count > 1)
            qsort(pids.items, pids.count, sizeof(*pids.items), by_number);
        for (size_t j = 0; j < pids.count; j++)
            (void)printf("%d\n", (int)pids.items[j]);
    }
    return 0;
}

/* ---- mount, umount ------------------------------------------------------------------------------------------- */

static int
run_mount(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, NULL, &args, err) < 0)
        return -1;
    return sc_cgroup_mount(args.items[0], args.items[1], err);
}

static int
run_umount(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, NULL, &args, err) < 0)
        return -1;
    for (size_t i = 0; i < args.count; i++) {
        if (sc_cgroup_umount(args.items[i], err) < 0)
            return -1;
    }
    return 0;
}

const struct sc_command sc_cmd_cgroup_exec = {
    .name = "cgroup exec",
    .synopsis = "[OPTIONS] PROGRAM [ARG...]",
    .help = "Run a program in cgroups, as cgexec does",
    .options = exec_table,
    .args_min = 1,
    .args_max = -1,
    .stops_at_argument = true,
    .run = run_exec,
};

const struct sc_command sc_cmd_cgroup_classify = {
    .name = "cgroup classify",
    .synopsis = "[OPTIONS] CONTAINER|PID...",
    .help = "Move processes into cgroups, as cgclassify does",
    .options = classify_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_classify,
};

const struct sc_command sc_cmd_cgroup_delete = {
    .name = "cgroup delete",
    .synopsis = "[OPTIONS] [CONTROLLERS:PATH...]",
    .help = "Remove cgroups; their processes go to the cgroup above, as with cgdelete",
    .options = delete_table,
    .args_max = -1,
    .run = run_delete,
};

const struct sc_command sc_cmd_cgroup_procs = {
    .name = "cgroup procs",
    .synopsis = "[OPTIONS] [CONTROLLERS:PATH...]",
    .help = "Print the pids in cgroups",
    .options = procs_table,
    .args_max = -1,
    .run = run_procs,
};

const struct sc_command sc_cmd_cgroup_mount = {
    .name = "cgroup mount",
    .synopsis = "CONTROLLERS DIR",
    .help = "Mount a hierarchy: \"cpu,cpuacct\" or \"name=x\" of v1, \"cgroup2\" of v2",
    .args_min = 2,
    .args_max = 2,
    .run = run_mount,
};

const struct sc_command sc_cmd_cgroup_umount = {
    .name = "cgroup umount",
    .synopsis = "DIR...",
    .help = "Unmount hierarchies",
    .args_min = 1,
    .args_max = -1,
    .run = run_umount,
};
