/* sc ns unshare, enter: a program in new namespaces, or in those of another process, as unshare(1) and nsenter(1). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cli/cli.h"
#include "kernel/nsfs.h"

#define SUBID_MAX ((size_t)1 << 20)

/* One kind of namespace: asked for or not, and the file that it is, or will be, bound to. */
struct ns_ask {
    bool is_asked;
    char *file;
};
#define AUTO_RANGE (-1)
struct unshare_options {
    struct ns_ask ns[SC_NS_COUNT];
    struct sc_ns_unshare ask;
    bool forks, maps_root, maps_current, maps_auto;
    int kill_child;
    struct sc_opt_i64 map_user, map_group;
    struct sc_ns_range users, groups; /* count 0: none; AUTO_RANGE: what /etc/subuid or /etc/subgid gives */
};
struct enter_options {
    struct ns_ask ns[SC_NS_COUNT];
    struct sc_ns_enter ask;
    bool all, no_fork, follows_context;
    char *target;
};

/* ---- values -------------------------------------------------------------------------------------------------- */

static int
set_ns(void *to, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct ns_ask *ask = to;

    (void)err;
    ask->is_asked = true;
    ask->file = *value ? sc_arena_strdup(arena, value) : NULL;
    return 0;
}

static int
set_propagation(void *to, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    static const struct {
        const char *name;
        unsigned long flags;
    } words[] = {{"private", MS_REC | MS_PRIVATE},
                 {"shared", MS_REC | MS_SHARED},
                 {"slave", MS_REC | MS_SLAVE},
                 {"unchanged", 0}};

    (void)arena;
    for (size_t i = 0; i < SC_ARRAY_LEN(words); i++) {
        if (strcmp(value, words[i].name) == 0) {
            *(unsigned long *)to = words[i].flags;
            return 0;
        }
    }
    return sc_err_set(err, SC_ERR_INVALID, "\"%.40s\" is not private, shared, slave or unchanged", value);
}

static int
set_setgroups(void *to, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    if (strcmp(value, "allow") != 0 && strcmp(value, "deny") != 0)
        return sc_err_set(err, SC_ERR_INVALID, "\"%.40s\" is not allow or deny", value);
    *(enum sc_setgroups *)to = *value == 'a' ? SC_SETGROUPS_ALLOW : SC_SETGROUPS_DENY;
    return 0;
}

static int
set_id(struct sc_opt_i64 *to, const char *value, bool is_group, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_user_request ask = {.user = is_group ? sc_arena_printf(arena, "0:%s", value) : value};
    sc_cleanup_buf passwd = SC_BUF_INIT, group = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_user_result found;

    /* lint: the host's own files */
    if (sc_file_read_at(AT_FDCWD, "/etc/passwd", SUBID_MAX, &passwd, &ignored) < 0 ||
        /* lint: the host's own files */
        sc_file_read_at(AT_FDCWD, "/etc/group", SUBID_MAX, &group, &ignored) < 0)
        sc_buf_clear(&group);
    if (!ask.user)
        return sc_err_nomem(err);
    if (!*value || strchr(value, ':'))
        return sc_err_set(err, SC_ERR_INVALID, "\"%.40s\" is no name and no id", value);
    if (sc_user_resolve(sc_buf_str(&passwd), sc_buf_str(&group), &ask, arena, &found, &ignored) < 0)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "this host has no %s \"%.40s\"", is_group ? "group" : "user", value);
    *to = (struct sc_opt_i64){.is_set = true, .value = is_group ? found.gid : found.uid};
    return 0;
}

int
sc_value_user_id(void *to, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return set_id(to, value, false, arena, err);
}

int
sc_value_group_id(void *to, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return set_id(to, value, true, arena, err);
}

static int
set_range(void *to, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    if (strcmp(value, "auto") == 0) {
        *(struct sc_ns_range *)to = (struct sc_ns_range){.count = AUTO_RANGE};
        return 0;
    }
    return sc_ns_range_parse(value, to, err);
}

static int
set_seconds(void *to, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_opt_i64 *seconds = to;

    (void)arena;
    seconds->is_set = true;
    return sc_parse_i64(value, &seconds->value, err);
}

static int
set_kill(void *to, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    if (!*value) {
        *(int *)to = SIGKILL;
        return 0;
    }
    return sc_signal_parse(value, to, err);
}

static int
set_proc(void *to, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    *(char **)to = sc_arena_strdup(arena, *value ? value : "/proc");
    (void)err;
    return 0;
}

/* An optional directory: the member before it, a flag, says that it was asked for without one. */
static int
set_root(void *to, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_ns_enter *ask = to;

    (void)err;
    ask->takes_root = !*value;
    ask->root = *value ? sc_arena_strdup(arena, value) : NULL;
    return 0;
}

static int
set_wd(void *to, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_ns_enter *ask = to;

    (void)err;
    ask->takes_wd = !*value;
    ask->wd = *value ? sc_arena_strdup(arena, value) : NULL;
    return 0;
}

/* ---- what both do ------------------------------------------------------------------------------------------ */

/* 1 like unshare and nsenter, not the 125 of a container that was not started. */
static int
fail(const struct sc_err *err)
{
    sc_print_err(err);
    return 1;
}

int
sc_cli_execute(const struct sc_strv *args)
{
    static const char fallback[] = "/bin/sh";
    const char *shell = getenv("SHELL"), *program = args->count ? args->items[0] : shell && *shell ? shell : fallback;
    struct sc_err err = SC_ERR_INIT;
    char name[64];
    int errnum;

    (void)fflush(stdout);
    /* ours alone (main.c); what is ignored stays so over execve(2) */
    (void)signal(SIGXFSZ, SIG_DFL);
    if (args->count) {
        (void)execvp(program, args->items);
    } else {
        const char *slash = strrchr(program, '/');

        (void)snprintf(name, sizeof(name), "-%s", slash ? slash + 1 : program);
        (void)execl(program, name, (char *)NULL);
        /* the caller's shell need not be there */
        if (errno == ENOENT)
            (void)execl(program = fallback, "-sh", (char *)NULL);
    }
    errnum = errno;
    sc_err_errno(&err, errnum, "execute \"%s\"", program);
    sc_print_err(&err);
    return errnum == ENOENT ? 127 : 126;
}

/* ---- unshare ------------------------------------------------------------------------------------------------ */

#define AT(member) offsetof(struct unshare_options, member)
#define NS(name, letter, kind, what)                                                                                   \
    {                                                                                                                  \
        name, letter, SC_OPTION_OPTIONAL, AT(ns) + (kind) * sizeof(struct ns_ask), "file",                             \
            what ", kept by a bind mount on the file", set_ns, NULL                                                    \
    }

static const struct sc_option unshare_table[] = {
    {"boottime", 0, SC_OPTION_CALL, AT(ask.boottime), "seconds", "Offset of the boot-time clock, with --time",
     set_seconds, NULL},
    NS("cgroup", 'C', SC_NS_CGROUP, "A cgroup namespace"),
    {"fork", 'f', SC_OPTION_FLAG, AT(forks), NULL, "Run the program as a child", NULL, NULL},
    NS("ipc", 'i', SC_NS_IPC, "An ipc namespace"),
    {"keep-caps", 0, SC_OPTION_FLAG, AT(ask.keeps_caps), NULL, "Keep the capabilities that a user namespace gives",
     NULL, NULL},
    {"kill-child", 0, SC_OPTION_OPTIONAL, AT(kill_child), "signal", "End the child when sc is ended (--fork)", set_kill,
     NULL},
    {"map-auto", 0, SC_OPTION_FLAG, AT(maps_auto), NULL, "Map the ranges that /etc/subuid and /etc/subgid give", NULL,
     NULL},
    {"map-current-user", 'c', SC_OPTION_FLAG, AT(maps_current), NULL, "Map the caller's ids to themselves", NULL, NULL},
    {"map-group", 0, SC_OPTION_CALL, AT(map_group), "group", "Map the caller's group to this one", sc_value_group_id,
     NULL},
    {"map-groups", 0, SC_OPTION_CALL, AT(groups), "outer,inner,count|auto", "Map a range of groups", set_range, NULL},
    {"map-root-user", 'r', SC_OPTION_FLAG, AT(maps_root), NULL, "Map the caller to root", NULL, NULL},
    {"map-user", 0, SC_OPTION_CALL, AT(map_user), "user", "Map the caller to this user", sc_value_user_id, NULL},
    {"map-users", 0, SC_OPTION_CALL, AT(users), "outer,inner,count|auto", "Map a range of users", set_range, NULL},
    {"monotonic", 0, SC_OPTION_CALL, AT(ask.monotonic), "seconds", "Offset of the monotonic clock, with --time",
     set_seconds, NULL},
    NS("mount", 'm', SC_NS_MOUNT, "A mount namespace"),
    {"mount-proc", 0, SC_OPTION_OPTIONAL, AT(ask.proc_dir), "dir", "Mount a new /proc first (--mount)", set_proc, NULL},
    NS("net", 'n', SC_NS_NET, "A network namespace"),
    NS("pid", 'p', SC_NS_PID, "A pid namespace, which begins with the next child: see --fork"),
    {"propagation", 0, SC_OPTION_CALL, AT(ask.propagation), "private|shared|slave|unchanged",
     "Of the mounts in the new mount namespace (default private)", set_propagation, NULL},
    {"root", 'R', SC_OPTION_STR, AT(ask.root), "dir", "Root directory of the program", NULL, NULL},
    {"setgid", 'G', SC_OPTION_CALL, AT(ask.gid), "group", "Group of the program", sc_value_group_id, NULL},
    {"setgroups", 0, SC_OPTION_CALL, AT(ask.setgroups), "allow|deny", "Whether setgroups(2) may be called",
     set_setgroups, NULL},
    {"setuid", 'S', SC_OPTION_CALL, AT(ask.uid), "user", "User of the program", sc_value_user_id, NULL},
    NS("time", 'T', SC_NS_TIME, "A time namespace"),
    NS("user", 'U', SC_NS_USER, "A user namespace"),
    NS("uts", 'u', SC_NS_UTS, "A uts namespace"),
    {"wd", 'w', SC_OPTION_STR, AT(ask.wd), "dir", "Working directory of the program", NULL, NULL},
    {.name = NULL},
};
#undef AT
#undef NS

/* The first range that /etc/subuid or /etc/subgid gives the caller, from id 0 on. */
static int
auto_range(struct sc_arena *arena, const char *file, struct sc_ns_range *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_oci_id_maps ranges = {.items = NULL};
    struct sc_process_text self;

    /* lint: the host's own file */
    if (sc_file_read_at(AT_FDCWD, file, SUBID_MAX, &text, err) < 0)
        return sc_err_wrap(err, "--map-auto");
    if (!sc_process_describe(getpid(), arena, &self))
        return sc_err_nomem(err);
    if (sc_subid_find(sc_buf_str(&text), self.user, geteuid(), arena, &ranges, err) < 0 || ranges.count == 0) {
        sc_err_clear(err);
        return sc_err_set(err, SC_ERR_NOT_FOUND, "--map-auto: %s gives no range to user %s", file, self.user);
    }
    *out = (struct sc_ns_range){.outer = ranges.items[0].host_id, .inner = 0, .count = ranges.items[0].size};
    return 0;
}

/* From the options to the lines of uid_map and gid_map. */
static int
make_maps(struct unshare_options *options, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_ns_unshare *ask = &options->ask;
    sc_cleanup_buf uids = SC_BUF_INIT, gids = SC_BUF_INIT;
    bool has_ranges;

    if (options->maps_root || options->maps_current) {
        int64_t uid = options->maps_root ? 0 : geteuid(), gid = options->maps_root ? 0 : getegid();

        options->map_user = (struct sc_opt_i64){.is_set = true, .value = uid};
        options->map_group = (struct sc_opt_i64){.is_set = true, .value = gid};
    }
    if (options->maps_auto)
        options->users.count = options->groups.count = AUTO_RANGE;
    if ((options->users.count == AUTO_RANGE && auto_range(arena, "/etc/subuid", &options->users, err) < 0) ||
        (options->groups.count == AUTO_RANGE && auto_range(arena, "/etc/subgid", &options->groups, err) < 0))
        return -1;
    has_ranges = options->users.count > 0 || options->groups.count > 0;
    if (!options->map_user.is_set && !options->map_group.is_set && !has_ranges)
        return 0;
    if (ask->setgroups == SC_SETGROUPS_ALLOW && options->map_group.is_set && !has_ranges)
        return sc_err_set(err, SC_ERR_INVALID,
                          "--setgroups allow and a map of the caller's own group contradict each "
                          "other");
    ask->flags |= CLONE_NEWUSER;
    sc_ns_map_add(&uids, &options->map_user, geteuid(), &options->users);
    sc_ns_map_add(&gids, &options->map_group, getegid(), &options->groups);
    ask->uid_map = sc_arena_strdup(arena, sc_buf_str(&uids));
    ask->gid_map = sc_arena_strdup(arena, sc_buf_str(&gids));
    ask->how = !has_ranges ? SC_IDMAP_OWN_ID : geteuid() == 0 ? SC_IDMAP_DIRECT : SC_IDMAP_BY_HELPERS;
    return sc_arena_check(arena, err);
}

static int
check_unshare(struct unshare_options *options, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_ns_unshare *ask = &options->ask;

    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        if (!options->ns[kind].is_asked)
            continue;
        ask->flags |= sc_ns_table[kind].clone_flag;
        ask->persist[kind] = options->ns[kind].file;
    }
    if (ask->proc_dir)
        ask->flags |= CLONE_NEWNS;
    options->forks = options->forks || options->kill_child != 0;
    if (make_maps(options, arena, err) < 0)
        return -1;
    if ((ask->monotonic.is_set || ask->boottime.is_set) && (ask->flags & CLONE_NEWTIME) == 0)
        return sc_err_set(err, SC_ERR_INVALID, "--monotonic and --boottime need a time namespace: --time");
    return 0;
}

static int
run_unshare(struct sc_cli *cli, struct sc_err *err)
{
    struct unshare_options options = {.ask = {.propagation = MS_REC | MS_PRIVATE}};
    struct sc_ns_binder binder = SC_NS_BINDER_INIT;
    struct sc_strv args = {0};
    pid_t child = -1;
    int result = 0;

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    if (check_unshare(&options, &cli->arena, err) < 0 || sc_ns_unshare(&options.ask, &binder, err) < 0)
        return fail(err);
    if (options.forks)
        result = sc_ns_fork(options.kill_child, &child, err);
    if (result < 0)
        return fail(err);
    if (!options.forks || result == 1) {
        if (sc_ns_bind(&binder, err) < 0) {
            if (child > 0)
                (void)kill(child, SIGKILL);
            return fail(err);
        }
        if (options.forks)
            return sc_ns_await(child);
    }
    return sc_ns_unshare_finish(&options.ask, err) < 0 ? fail(err) : sc_cli_execute(&args);
}

/* ---- enter -------------------------------------------------------------------------------------------------- */

#define AT(member) offsetof(struct enter_options, member)
#define NS(name, letter, kind)                                                                                         \
    {                                                                                                                  \
        name, letter, SC_OPTION_OPTIONAL, AT(ns) + (kind) * sizeof(struct ns_ask), "file",                             \
            "The " name " namespace, of the target or of a file", set_ns, NULL                                         \
    }

static const struct sc_option enter_table[] = {
    {"all", 'a', SC_OPTION_FLAG, AT(all), NULL, "All that are not the caller's already; so it is without any", NULL,
     NULL},
    NS("cgroup", 'C', SC_NS_CGROUP),
    {"follow-context", 'Z', SC_OPTION_FLAG, AT(follows_context), NULL,
     "For SELinux, which sc has nothing to do with: without effect", NULL, NULL},
    NS("ipc", 'i', SC_NS_IPC),
    NS("mount", 'm', SC_NS_MOUNT),
    NS("net", 'n', SC_NS_NET),
    {"no-fork", 'F', SC_OPTION_FLAG, AT(no_fork), NULL, "Stay outside of the pid namespace: children are in it", NULL,
     NULL},
    NS("pid", 'p', SC_NS_PID),
    {"preserve-credentials", 0, SC_OPTION_FLAG, AT(ask.keeps_credentials), NULL,
     "Do not become root of the user namespace", NULL, NULL},
    {"root", 'r', SC_OPTION_OPTIONAL, AT(ask), "dir", "The target's root directory, or this one", set_root, NULL},
    {"setgid", 'G', SC_OPTION_CALL, AT(ask.gid), "group", "Group of the program", sc_value_group_id, NULL},
    {"setuid", 'S', SC_OPTION_CALL, AT(ask.uid), "user", "User of the program", sc_value_user_id, NULL},
    {"target", 't', SC_OPTION_STR, AT(target), "pid", "Process or container; without it the first argument names one",
     NULL, NULL},
    NS("time", 'T', SC_NS_TIME),
    NS("user", 'U', SC_NS_USER),
    NS("uts", 'u', SC_NS_UTS),
    {"wd", 'w', SC_OPTION_OPTIONAL, AT(ask), "dir", "The target's working directory, or this one", set_wd, NULL},
    {"wdns", 'W', SC_OPTION_STR, AT(ask.wd_inside), "dir", "Working directory, as seen inside", NULL, NULL},
    {.name = NULL},
};

/* Whether all that is asked for is named by files: then there is no target. */
static bool
is_without_target(const struct enter_options *options)
{
    bool has_file = false, needs = options->all || options->ask.takes_root || options->ask.takes_wd;

    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        has_file = has_file || options->ns[kind].file;
        needs = needs || (options->ns[kind].is_asked && !options->ns[kind].file);
    }
    return has_file && !needs;
}

static int
find_target(struct sc_cli *cli, struct enter_options *options, struct sc_strv *args, struct sc_err *err)
{
    if (!options->target && is_without_target(options))
        return 0;
    if (!options->target) {
        if (args->count == 0)
            return sc_err_set(err, SC_ERR_INVALID, "which process? Name a container or a pid");
        options->target = args->items[0];
        args->items++;
        args->count--;
    }
    return sc_cli_pid_of(cli, options->target, &options->ask.pid, err);
}

static int
enter(struct sc_cli *cli, struct enter_options *options, struct sc_strv *args, bool *needs_fork, struct sc_err *err)
{
    struct sc_ns_enter *ask = &options->ask;

    if (find_target(cli, options, args, err) < 0)
        return -1;
    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        if (options->ns[kind].is_asked)
            ask->flags |= sc_ns_table[kind].clone_flag;
        ask->files[kind] = options->ns[kind].file;
    }
    ask->skips_own = options->all || (ask->flags == 0 && ask->pid > 0);
    for (int kind = 0; ask->skips_own && kind < SC_NS_COUNT; kind++)
        ask->flags |= sc_ns_table[kind].clone_flag;
    return sc_ns_enter(ask, needs_fork, err);
}

static int
run_enter(struct sc_cli *cli, struct sc_err *err)
{
    struct enter_options options = {.all = false};
    struct sc_strv args = {0};
    bool needs_fork = false;
    pid_t child = -1;
    int result = 0;

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    if (enter(cli, &options, &args, &needs_fork, err) < 0)
        return fail(err);
    if (needs_fork && !options.no_fork)
        result = sc_ns_fork(0, &child, err);
    if (result < 0)
        return fail(err);
    if (result == 1)
        return sc_ns_await(child);
    return sc_ns_enter_finish(&options.ask, err) < 0 ? fail(err) : sc_cli_execute(&args);
}

const struct sc_command sc_cmd_ns_unshare = {
    .name = "ns unshare",
    .synopsis = "[OPTIONS] [PROGRAM [ARG...]]",
    .help = "Run a program, or a shell, in new namespaces",
    .options = unshare_table,
    .args_max = -1,
    .stops_at_argument = true,
    .run = run_unshare,
};

const struct sc_command sc_cmd_ns_enter = {
    .name = "ns enter",
    .synopsis = "[OPTIONS] CONTAINER|PID [PROGRAM [ARG...]]",
    .help = "Run a program, or a shell, in namespaces of another process",
    .options = enter_table,
    .args_max = -1,
    .stops_at_argument = true,
    .starts_containers = true, /* what it enters may be hostile */
    .run = run_enter,
};
