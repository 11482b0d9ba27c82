/* sc cgroup tree: what each cgroup gets when all compete, what limits it, and where that limit comes from. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "cli/cgroup-priv.h"

enum part { CPU, MEMORY, PIDS, PART_COUNT };
static const char *const controllers[PART_COUNT] = {"cpu", "memory", "pids"};

/* The tightest of a cgroup and those above it. */
struct limit {
    double value; /* -1: none */
    const char *from;
};
struct place {
    double share; /* of the machine's CPU, 0..1 */
    struct limit limits[PART_COUNT];
};
struct tree_options {
    char *format;
};
struct tree {
    struct sc_arena *arena;
    const struct sc_cgroup_layout *layout;
    int hierarchies[PART_COUNT]; /* -1: this host has it not */
    json_t *rows;
};

static const struct sc_option tree_table[] = {
    {"format", 0, SC_OPTION_STR, offsetof(struct tree_options, format), "how", "json, table, or a Go template", NULL,
     NULL},
    {.name = NULL},
};
static const struct sc_column columns[] = {
    {"Tree", "CGROUP"},       {"Path", "PATH"},       {"Procs", "PROCS"},         {"Share", "CPU SHARE"},
    {"Cpus", "CPUS"},         {"CpusFrom", "FROM"},   {"Throttled", "THROTTLED"}, {"Memory", "MEMORY"},
    {"MemoryLimit", "LIMIT"}, {"MemoryFrom", "FROM"}, {"Pids", "PIDS"},           {"PidsLimit", "LIMIT"},
    {"PidsFrom", "FROM"},     {NULL, NULL},
};

/* ---- reading -------------------------------------------------------------------------------------------------- */

/* A value by the key of v2, whatever the hierarchy is; "" where there is none. */
static const char *
value(struct tree *t, enum part part, int fd, const char *key)
{
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_cgroup_files files;
    const char *text;

    if (fd < 0)
        return "";
    sc_cgroup_dir_files(&fd, t->layout->items[t->hierarchies[part]].is_v2, &files);
    return sc_cgroup_key_get(&files, key, t->arena, &text, &ignored) < 0 ? "" : text;
}

/* In the kernel's own unit of this hierarchy: a sum is only of the same kind. */
static double
weight(struct tree *t, int fd)
{
    const char *text =
        fd < 0 ? "" : value(t, CPU, fd, t->layout->items[t->hierarchies[CPU]].is_v2 ? "cpu.weight" : "cpu.shares");

    return *text ? strtod(text, NULL) : 0;
}

static double
limit_of(struct tree *t, enum part part, int fd)
{
    static const char *const keys[PART_COUNT] = {"cpu.max", "memory.max", "pids.max"};
    const char *text = value(t, part, fd, keys[part]), *space = strchr(text, ' ');

    if (!*text || sc_str_starts(text, "max"))
        return -1;
    return part == CPU && space ? strtod(text, NULL) / strtod(space, NULL) : strtod(text, NULL);
}

static double
flat(const char *text, const char *key)
{
    size_t len = strlen(key);

    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, key, len) == 0 && line[len] == ' ')
            return strtod(line + len, NULL);
    }
    return 0;
}

static int
open_below(const struct tree *t, enum part part, const char *path)
{
    struct sc_err ignored = SC_ERR_INIT;

    return t->hierarchies[part] < 0
               ? -1
               : sc_cgroup_open(t->layout->items[t->hierarchies[part]].mount_point, path, &ignored);
}

/* Names of the cgroups below path in any of the hierarchies. */
static int
children(struct tree *t, const char *path, struct sc_strv *out, struct sc_err *err)
{
    for (int part = 0; part < PART_COUNT; part++) {
        sc_cleanup_fd fd = open_below(t, part, path);
        struct sc_strv names = {0};

        if (fd < 0)
            continue;
        if (sc_cgroup_names(fd, true, t->arena, &names, err) < 0)
            return -1;
        for (size_t i = 0; i < names.count; i++) {
            bool is_known = false;

            for (size_t j = 0; j < out->count; j++)
                is_known = is_known || strcmp(out->items[j], names.items[i]) == 0;
            if (!is_known)
                sc_strv_add(out, t->arena, names.items[i]);
        }
    }
    return sc_arena_check(t->arena, err);
}

static const char *
below(struct tree *t, const char *path, const char *name)
{
    const char *joined = sc_arena_printf(t->arena, "%s/%s", strcmp(path, "/") == 0 ? "" : path, name);

    return joined ? joined : "/";
}

/* The weights of all cgroups in parent, which compete with each other. */
static double
sum_of_weights(struct tree *t, const char *parent, const struct sc_strv *names)
{
    double sum = 0;

    for (size_t i = 0; i < names->count; i++) {
        sc_cleanup_fd fd = open_below(t, CPU, below(t, parent, names->items[i]));

        sum += weight(t, fd);
    }
    return sum;
}

/* What the cgroup at path gets of the share above it, and the tighter of their limits. */
static struct place
descend(struct tree *t, const char *path, double sum, const struct place *above)
{
    struct place out = *above;

    for (int part = 0; part < PART_COUNT; part++) {
        sc_cleanup_fd fd = open_below(t, part, path);
        double limit = limit_of(t, part, fd);

        if (limit >= 0 && (out.limits[part].value < 0 || limit < out.limits[part].value))
            out.limits[part] = (struct limit){.value = limit, .from = path};
        if (part == CPU && sum > 0)
            out.share = above->share * weight(t, fd) / sum;
    }
    return out;
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

/* "64MiB", four digits, as `docker stats` has it */
static json_t *
binary(double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;

    for (; bytes >= 1024 && unit + 1 < SC_ARRAY_LEN(units); unit++)
        bytes /= 1024;
    return json_sprintf("%.4g%s", bytes, units[unit]);
}

static json_t *
show_limit(enum part part, const struct limit *limit)
{
    if (limit->value < 0)
        return json_string("-");
    if (part == CPU)
        return json_sprintf("%.2f", limit->value);
    if (part == PIDS)
        return json_sprintf("%.0f", limit->value);
    return binary(limit->value);
}

/* Whose limit it is: "" for none, "own", or the path above. */
static json_t *
show_from(const struct limit *limit, const char *path)
{
    return json_string(limit->value < 0 || !limit->from ? "" : strcmp(limit->from, path) == 0 ? "own" : limit->from);
}

/* How much of the periods in which it ran the quota stopped it. */
static json_t *
show_throttled(struct tree *t, int fd)
{
    const char *stat = value(t, CPU, fd, "cpu.stat");
    double periods = flat(stat, "nr_periods"), throttled = flat(stat, "nr_throttled");

    return periods > 0 ? json_sprintf("%.0f%%", 100 * throttled / periods) : json_string("-");
}

static size_t
count_procs(struct tree *t, const int fds[PART_COUNT])
{
    struct sc_pid_list pids = {.items = NULL};
    struct sc_err ignored = SC_ERR_INIT;

    for (int part = 0; part < PART_COUNT; part++) {
        if (fds[part] >= 0 && sc_cgroup_members(fds[part], false, t->arena, &pids, &ignored) == 0 && pids.count > 0)
            break;
    }
    return pids.count;
}

static void
add_row(struct tree *t, const char *path, const char *label, const struct place *place)
{
    int fds[PART_COUNT];
    const char *memory, *pids;
    json_t *row = json_object();

    for (int part = 0; part < PART_COUNT; part++)
        fds[part] = open_below(t, part, path);
    memory = value(t, MEMORY, fds[MEMORY], "memory.current");
    pids = value(t, PIDS, fds[PIDS], "pids.current");
    (void)json_object_set_new(row, "Path", json_string(path));
    (void)json_object_set_new(row, "Tree", json_string(label));
    (void)json_object_set_new(row, "Procs", json_sprintf("%zu", count_procs(t, fds)));
    (void)json_object_set_new(row, "Share", json_sprintf("%.2f%%", 100 * place->share));
    (void)json_object_set_new(row, "Cpus", show_limit(CPU, &place->limits[CPU]));
    (void)json_object_set_new(row, "CpusFrom", show_from(&place->limits[CPU], path));
    (void)json_object_set_new(row, "Throttled", show_throttled(t, fds[CPU]));
    (void)json_object_set_new(row, "Memory", *memory ? binary(strtod(memory, NULL)) : json_string("-"));
    (void)json_object_set_new(row, "MemoryLimit", show_limit(MEMORY, &place->limits[MEMORY]));
    (void)json_object_set_new(row, "MemoryFrom", show_from(&place->limits[MEMORY], path));
    (void)json_object_set_new(row, "Pids", json_string(*pids ? pids : "-"));
    (void)json_object_set_new(row, "PidsLimit", show_limit(PIDS, &place->limits[PIDS]));
    (void)json_object_set_new(row, "PidsFrom", show_from(&place->limits[PIDS], path));
    (void)json_array_append_new(t->rows, row);
    for (int part = 0; part < PART_COUNT; part++)
        sc_closep(&fds[part]);
}

static int
walk(struct tree *t, const char *path, const char *label, const char *indent, const struct place *place,
     struct sc_err *err)
{
    struct sc_strv names = {0};
    double sum;

    add_row(t, path, label, place);
    if (children(t, path, &names, err) < 0)
        return -1;
    sum = sum_of_weights(t, path, &names);
    for (size_t i = 0; i < names.count; i++) {
        bool is_last = i + 1 == names.count;
        const char *child = below(t, path, names.items[i]);
        struct place next = descend(t, child, sum, place);

        if (walk(t, child, sc_arena_printf(t->arena, "%s%s%s", indent, is_last ? "└─" : "├─", names.items[i]),
                 sc_arena_printf(t->arena, "%s%s", indent, is_last ? "  " : "│ "), &next, err) < 0)
            return -1;
    }
    return 0;
}

/* From the root down to path: what is above counts too. */
static int
start(struct tree *t, const char *path, struct place *out, struct sc_err *err)
{
    struct place place = {.share = 1, .limits = {{-1, NULL}, {-1, NULL}, {-1, NULL}}};
    const char *parent = "/";
    bool is_there = false;

    for (int part = 0; part < PART_COUNT; part++) {
        sc_cleanup_fd fd = open_below(t, part, path);

        is_there = is_there || fd >= 0;
    }
    if (!is_there)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "no hierarchy has a cgroup \"%s\"", path);
    for (const char *at = path; *at == '/' && at[1];) {
        size_t len = strcspn(at + 1, "/");
        const char *name = sc_arena_strndup(t->arena, at + 1, len), *child;
        struct sc_strv names = {0};

        if (!name || children(t, parent, &names, err) < 0)
            return -1;
        child = below(t, parent, name);
        place = descend(t, child, sum_of_weights(t, parent, &names), &place);
        parent = child;
        at += 1 + len;
    }
    *out = place;
    return 0;
}

static int
run_tree(struct sc_cli *cli, struct sc_err *err)
{
    static const char shown[] =
        "{{.Tree}}\t{{.Procs}}\t{{.Share}}\t{{.Cpus}}\t{{.CpusFrom}}\t{{.Throttled}}\t"
        "{{.Memory}}\t{{.MemoryLimit}}\t{{.MemoryFrom}}\t{{.Pids}}\t{{.PidsLimit}}\t{{.PidsFrom}}";
    struct tree_options options = {.format = NULL};
    struct sc_cgroup_layout layout;
    struct sc_strv args = {0};
    sc_cleanup_json rows = json_array();
    struct tree t = {.arena = &cli->arena, .layout = &layout, .rows = rows};
    const char *path, *colon;
    struct place place = {.share = 1};

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cgroup_detect(&cli->arena, &layout, err) < 0)
        return -1;
    for (int part = 0; part < PART_COUNT; part++)
        t.hierarchies[part] = sc_cgroup_find(&layout, controllers[part]);
    /* "memory:a/b" is as good as "a/b": all three are shown */
    colon = args.count ? strchr(args.items[0], ':') : NULL;
    if (sc_cgroup_spec_path(colon        ? colon + 1
                            : args.count ? args.items[0]
                                         : "/",
                            &cli->arena, &path, err) < 0 ||
        start(&t, path, &place, err) < 0 || walk(&t, path, path, "", &place, err) < 0)
        return -1;
    return sc_list_print(&(struct sc_list_format){.format = options.format, .columns = columns, .default_table = shown},
                         rows, err);
}

const struct sc_command sc_cmd_cgroup_tree = {
    .name = "cgroup tree",
    .synopsis = "[OPTIONS] [PATH]",
    .help = "Show cgroups with their share of the CPU, the tightest limit and usage",
    .options = tree_table,
    .args_max = 1,
    .run = run_tree,
};
