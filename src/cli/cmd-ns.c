/* sc ns ls, diff: namespaces as they are, as lsns(8) shows them, with the containers they belong to. */
#include <string.h>
#include <unistd.h>

#include "cli/ns-priv.h"

enum tree { TREE_NONE, TREE_OWNER, TREE_PARENT, TREE_PROCESS };
struct ls_options {
    struct sc_ns_form form;
    bool list, no_wrap, all_columns;
    char *task;
    enum tree tree;
    struct sc_strv types;
};

#define AT(member) offsetof(struct ls_options, member)

static int
set_tree(void *to, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    static const char *const names[] = {[TREE_OWNER] = "owner", [TREE_PARENT] = "parent", [TREE_PROCESS] = "process"};

    (void)arena;
    for (int i = TREE_OWNER; i <= TREE_PROCESS; i++) {
        if (strcmp(value, names[i]) == 0 || (i == TREE_OWNER && !*value)) {
            *(enum tree *)to = i;
            return 0;
        }
    }
    return sc_err_set(err, SC_ERR_INVALID, "\"%.40s\" is not owner, parent or process", value);
}

static const struct sc_option ls_table[] = {
    {"json", 'J', SC_OPTION_FLAG, AT(form.json), NULL, "Print JSON, as lsns does", NULL, NULL},
    {"list", 'l', SC_OPTION_FLAG, AT(list), NULL, "A list, not a tree: the default", NULL, NULL},
    {"noheadings", 'n', SC_OPTION_FLAG, AT(form.no_headings), NULL, "No line of column names", NULL, NULL},
    {"notruncate", 'u', SC_OPTION_FLAG, AT(form.no_truncate), NULL, "Lines longer than the terminal is wide", NULL,
     NULL},
    {"nowrap", 'W', SC_OPTION_FLAG, AT(no_wrap), NULL, "Cells of one line, as they always are here", NULL, NULL},
    {"output", 'o', SC_OPTION_STR, AT(form.output), "columns",
     "Of NS,TYPE,PATH,NPROCS,PID,PPID,COMMAND,UID,USER,NETNSID,NSFS,PNS,ONS,CONTAINER; +COLUMNS adds to the default",
     NULL, NULL},
    {"output-all", 0, SC_OPTION_FLAG, AT(all_columns), NULL, "All columns", NULL, NULL},
    {"raw", 'r', SC_OPTION_FLAG, AT(form.raw), NULL, "Columns with one space between, spaces in them as \\x20", NULL,
     NULL},
    {"task", 'p', SC_OPTION_STR, AT(task), "pid", "Those of this process, or container", NULL, NULL},
    {"tree", 'T', SC_OPTION_OPTIONAL, AT(tree), "owner|parent|process",
     "Below the user namespace that owns it (default), below its parent, or as their processes descend", set_tree,
     NULL},
    {"type", 't', SC_OPTION_STRV, AT(types), "type", "mnt, net, ipc, user, pid, uts, cgroup or time", NULL, NULL},
    {.name = NULL},
};

/* ---- containers ------------------------------------------------------------------------------------------- */

/* The running containers, or none where the caller has no engine. */
static void
containers(struct sc_cli *cli, struct sc_container_list *out)
{
    struct sc_err ignored = SC_ERR_INIT;

    *out = (struct sc_container_list){.items = NULL};
    if (sc_cli_engine(cli, &ignored) < 0 || sc_engine_list(&cli->engine, false, &cli->arena, out, &ignored) < 0)
        out->count = 0;
}

/* Which containers' first process is in the namespace; one that is also ours is not a container's. */
static const char *
container_of(struct sc_cli *cli, const struct sc_container_list *list, const struct sc_nsfs *ns)
{
    sc_cleanup_buf names = SC_BUF_INIT;

    if (ns->ino == sc_nsfs_of(getpid(), ns->kind))
        return NULL;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].pid > 0 && sc_nsfs_of(list->items[i].pid, ns->kind) == ns->ino)
            sc_buf_addf(&names, "%s%s", names.len ? "," : "", list->items[i].name);
    }
    return names.len ? sc_arena_strdup(&cli->arena, names.data) : NULL;
}

/* A number is a pid, anything else a running container. */
static int
pid_of(struct sc_cli *cli, const char *word, pid_t *pid, struct sc_err *err)
{
    struct sc_container container = SC_CONTAINER_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    int64_t number;

    if (sc_parse_i64(word, &number, &ignored) == 0 && number > 0 && number <= INT32_MAX) {
        *pid = (pid_t)number;
        if (sc_process_start_time(*pid) == 0)
            return sc_err_set(err, SC_ERR_NOT_FOUND, "no process %d", (int)*pid);
        return 0;
    }
    if (sc_cli_engine(cli, err) < 0 || sc_engine_find(&cli->engine, word, &cli->arena, &container, err) < 0)
        return -1;
    *pid = container.pid;
    sc_container_release(&container);
    if (*pid <= 0)
        return sc_err_set(err, SC_ERR_BUSY, "container \"%s\" is not running", word);
    return 0;
}

int
sc_cli_pid_of(struct sc_cli *cli, const char *word, pid_t *pid, struct sc_err *err)
{
    return pid_of(cli, word, pid, err);
}

/* ---- rows ---------------------------------------------------------------------------------------------------- */

static const char *
number(struct sc_arena *arena, uint64_t value)
{
    return sc_arena_printf(arena, "%llu", (unsigned long long)value);
}

static void
describe(struct sc_arena *arena, pid_t pid, struct sc_ns_row *row)
{
    struct sc_process_text text;

    if (pid <= 0 || !sc_process_describe(pid, arena, &text))
        return;
    row->cells[SC_NS_COL_PID] = number(arena, (uint64_t)pid);
    row->cells[SC_NS_COL_PPID] = sc_arena_printf(arena, "%d", (int)text.ppid);
    row->cells[SC_NS_COL_UID] = sc_arena_printf(arena, "%u", text.uid);
    row->cells[SC_NS_COL_USER] = text.user;
    row->cells[SC_NS_COL_COMMAND] = text.command;
}

/* The number by which this process's network namespace knows the one at the path: "unassigned" before anybody asked. */
static const char *
netns_id(struct sc_arena *arena, const char *path)
{
    int32_t id;

    if (!path || !sc_nsfs_netns_id(path, &id))
        return NULL;
    return id < 0 ? "unassigned" : sc_arena_printf(arena, "%d", (int)id);
}

static struct sc_ns_row
row_of(struct sc_cli *cli, const struct sc_container_list *list, const struct sc_nsfs *ns)
{
    struct sc_ns_row row = {.ns = ns, .branch = ""};
    const char *kind = sc_ns_table[ns->kind].proc_name;

    describe(&cli->arena, ns->pid, &row);
    row.cells[SC_NS_COL_NS] = number(&cli->arena, ns->ino);
    row.cells[SC_NS_COL_TYPE] = kind;
    row.cells[SC_NS_COL_NPROCS] = sc_arena_printf(&cli->arena, "%zu", ns->process_count);
    row.cells[SC_NS_COL_PATH] =
        ns->pid ? sc_arena_printf(&cli->arena, "/proc/%d/ns/%s", (int)ns->pid, kind) : ns->mount;
    if (ns->kind == SC_NS_NET)
        row.cells[SC_NS_COL_NETNSID] = netns_id(&cli->arena, row.cells[SC_NS_COL_PATH]);
    row.cells[SC_NS_COL_NSFS] = ns->mount;
    row.cells[SC_NS_COL_PNS] = number(&cli->arena, ns->parent);
    row.cells[SC_NS_COL_ONS] = number(&cli->arena, ns->owner);
    row.cells[SC_NS_COL_CONTAINER] = container_of(cli, list, ns);
    return row;
}

static bool
has_type(const struct sc_strv *types, enum sc_ns_kind kind)
{
    for (size_t i = 0; i < types->count; i++) {
        if (strcmp(types->items[i], sc_ns_table[kind].proc_name) == 0 ||
            strcmp(types->items[i], sc_ns_table[kind].oci_name) == 0)
            return true;
    }
    return types->count == 0;
}

static int
check_types(const struct sc_strv *types, struct sc_err *err)
{
    for (size_t i = 0; i < types->count; i++) {
        struct sc_strv one = {.items = &types->items[i], .count = 1};
        bool is_known = false;

        for (int kind = 0; kind < SC_NS_COUNT; kind++)
            is_known = is_known || has_type(&one, kind);
        if (!is_known)
            return sc_err_set(err, SC_ERR_INVALID,
                              "--type: \"%.40s\" is not mnt, net, ipc, user, pid, uts, cgroup or time", one.items[0]);
    }
    return 0;
}

/* ---- tree ---------------------------------------------------------------------------------------------------- */

/* The inode number of what ns hangs below; 0: it is a root. */
static uint64_t
above(const struct sc_nsfs_list *list, const struct sc_nsfs *ns, enum tree tree, struct sc_arena *arena)
{
    struct sc_process_text text;
    pid_t pid = ns->pid;

    if (tree == TREE_OWNER)
        return ns->owner;
    if (tree == TREE_PARENT)
        return ns->parent;
    while (pid > 0 && sc_process_describe(pid, arena, &text)) {
        uint64_t ino = sc_nsfs_of(text.ppid, ns->kind);

        if (ino != 0 && ino != ns->ino)
            return sc_nsfs_find(list, ino) ? ino : 0;
        pid = text.ppid;
    }
    return 0;
}

struct tree_job {
    struct sc_arena *arena;
    const struct sc_ns_rows *from;
    const uint64_t *above; /* of each row */
    bool *is_placed;
    struct sc_ns_row *to;
    size_t count;
};

static void
place(struct tree_job *job, size_t index, const char *branch, const char *indent)
{
    size_t left = 0;

    job->is_placed[index] = true;
    job->to[job->count] = job->from->items[index];
    job->to[job->count++].branch = branch;
    for (size_t i = 0; i < job->from->count; i++)
        left += job->above[i] == job->from->items[index].ns->ino && !job->is_placed[i];
    for (size_t i = 0; i < job->from->count && left > 0; i++) {
        if (job->above[i] != job->from->items[index].ns->ino || job->is_placed[i])
            continue;
        left--;
        place(job, i, sc_arena_printf(job->arena, "%s%s", indent, left ? "├─" : "└─"),
              sc_arena_printf(job->arena, "%s%s", indent, left ? "│ " : "  "));
    }
}

static bool
is_among(const struct sc_ns_rows *rows, uint64_t ino)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->items[i].ns->ino == ino)
            return true;
    }
    return false;
}

static int
make_tree(struct sc_ns_rows *rows, const struct sc_nsfs_list *list, enum tree tree, struct sc_arena *arena,
          struct sc_err *err)
{
    uint64_t *parents = SC_ARENA_ARRAY(arena, uint64_t, rows->count);
    struct tree_job job = {.arena = arena,
                           .from = rows,
                           .above = parents,
                           .is_placed = SC_ARENA_ARRAY(arena, bool, rows->count),
                           .to = SC_ARENA_ARRAY(arena, struct sc_ns_row, rows->count)};

    if (sc_arena_check(arena, err) < 0)
        return -1;
    for (size_t i = 0; i < rows->count; i++) {
        parents[i] = above(list, rows->items[i].ns, tree, arena);
        if (!is_among(rows, parents[i]))
            parents[i] = 0;
    }
    for (size_t i = 0; i < rows->count; i++) {
        if (parents[i] == 0)
            place(&job, i, "", "");
    }
    rows->items = job.to;
    rows->count = job.count;
    return sc_arena_check(arena, err);
}

/* ---- ls ------------------------------------------------------------------------------------------------------- */

static int
print_members(struct sc_cli *cli, const struct ls_options *options, uint64_t ino, struct sc_err *err)
{
    struct sc_nsfs_pids pids;
    struct sc_ns_rows rows = {.items = NULL};

    if (sc_nsfs_members(ino, &cli->arena, &pids, err) < 0)
        return -1;
    if (pids.count == 0)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "no process is in a namespace %llu", (unsigned long long)ino);
    rows.items = SC_ARENA_ARRAY(&cli->arena, struct sc_ns_row, pids.count);
    if (!rows.items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < pids.count; i++) {
        struct sc_ns_row row = {.branch = ""};

        describe(&cli->arena, pids.items[i], &row);
        if (row.cells[SC_NS_COL_PID])
            rows.items[rows.count++] = row;
    }
    return sc_ns_print(&options->form, &rows, "PID,PPID,USER,COMMAND", "processes", err);
}

static int
print_namespaces(struct sc_cli *cli, const struct ls_options *options, pid_t of, struct sc_err *err)
{
    struct sc_nsfs_list list;
    struct sc_container_list all;
    struct sc_ns_rows rows = {.items = NULL};

    if (sc_nsfs_scan(&cli->arena, &list, err) < 0)
        return -1;
    containers(cli, &all);
    rows.items = SC_ARENA_ARRAY(&cli->arena, struct sc_ns_row, list.count);
    if (!rows.items && list.count)
        return sc_err_nomem(err);
    for (size_t i = 0; i < list.count; i++) {
        const struct sc_nsfs *ns = &list.items[i];

        if (has_type(&options->types, ns->kind) && (of == 0 || sc_nsfs_of(of, ns->kind) == ns->ino))
            rows.items[rows.count++] = row_of(cli, &all, ns);
    }
    if (options->tree != TREE_NONE && make_tree(&rows, &list, options->tree, &cli->arena, err) < 0)
        return -1;
    if (sc_ns_print(&options->form, &rows,
                    options->types.count && has_type(&options->types, SC_NS_NET)
                        ? "NS,TYPE,NPROCS,PID,USER,NETNSID,NSFS,CONTAINER,COMMAND"
                        : "NS,TYPE,NPROCS,PID,USER,CONTAINER,COMMAND",
                    "namespaces", err) < 0)
        return -1;
    if (list.hidden && of == 0) {
        char note[160];

        (void)snprintf(note, sizeof(note), "the namespaces of %zu process%s cannot be seen by this user%s", list.hidden,
                       list.hidden == 1 ? "" : "es", geteuid() == 0 ? "" : ": ask as root");
        sc_print_note(note);
    }
    return 0;
}

static int
run_ls(struct sc_cli *cli, struct sc_err *err)
{
    struct ls_options options = {.tree = TREE_NONE};
    struct sc_strv args = {0};
    struct sc_err ignored = SC_ERR_INIT;
    const char *word;
    uint64_t ino;
    pid_t pid = 0;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || check_types(&options.types, err) < 0)
        return -1;
    if (options.all_columns)
        options.form.output = sc_arena_strdup(
            &cli->arena, "NS,TYPE,PATH,NPROCS,PID,PPID,COMMAND,UID,USER,NETNSID,NSFS,PNS,ONS,CONTAINER");
    word = args.count ? args.items[0] : options.task;
    if (args.count && options.task)
        return sc_err_set(err, SC_ERR_INVALID, "--task and a namespace contradict each other");
    if (options.list)
        options.tree = TREE_NONE;
    if (args.count && sc_parse_u64(word, &ino, &ignored) == 0)
        return print_members(cli, &options, ino, err);
    if (word && pid_of(cli, word, &pid, err) < 0)
        return -1;
    if (pid > 0 && sc_nsfs_of(pid, SC_NS_USER) == 0)
        return sc_err_set(err, SC_ERR_DENIED, "see the namespaces of process %d: it is another user's", (int)pid);
    return print_namespaces(cli, &options, pid, err);
}

/* ---- diff ----------------------------------------------------------------------------------------------------- */

/* The text of a file on one line: lines with ", " between, runs of spaces as one. */
static const char *
one_line(struct sc_arena *arena, pid_t pid, const char *file)
{
    const char *text = sc_process_file(pid, file, arena);
    sc_cleanup_buf out = SC_BUF_INIT;

    for (const char *at = text; *at; at++) {
        bool is_last = at[strspn(at, " \n\t")] == '\0';

        if (is_last)
            break;
        if (*at == '\n')
            sc_buf_adds(&out, ", ");
        else if ((*at != ' ' && *at != '\t') || (out.len && out.data[out.len - 1] != ' '))
            sc_buf_addc(&out, *at == '\t' ? ' ' : *at);
    }
    return sc_arena_strdup(arena, sc_buf_str(&out));
}

/* What can be said of how a namespace looks from inside, without entering it. */
static const char *
detail(struct sc_arena *arena, pid_t pid, enum sc_ns_kind kind)
{
    const char *text;
    size_t mounts = 0;

    switch (kind) {
    case SC_NS_USER:
        return sc_arena_printf(arena, "ids %s", one_line(arena, pid, "uid_map"));
    case SC_NS_TIME:
        return one_line(arena, pid, "timens_offsets");
    case SC_NS_CGROUP: /* of the last hierarchy: the others are beside it as a rule */
        text = strrchr(one_line(arena, pid, "cgroup"), ':');
        return text ? text + 1 : "";
    case SC_NS_MOUNT:
        for (const char *at = sc_process_file(pid, "mountinfo", arena); *at; at++)
            mounts += *at == '\n';
        return sc_arena_printf(arena, "%zu mounts", mounts);
    default:
        return "";
    }
}

static int
print_diff(struct sc_cli *cli, const struct sc_strv *args, const pid_t pids[2], bool *differs, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT, out = SC_BUF_INIT;

    sc_buf_addf(&text, "TYPE\t%s\t%s\t\n", args->items[0], args->items[1]);
    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        uint64_t inos[2] = {sc_nsfs_of(pids[0], kind), sc_nsfs_of(pids[1], kind)};
        const char *name = sc_ns_table[kind].proc_name, *one, *two;

        for (size_t i = 0; i < 2; i++) {
            if (inos[i] == 0 && kind != SC_NS_TIME)
                return sc_err_set(err, SC_ERR_DENIED, "see the namespaces of \"%s\": it is another user's, or gone",
                                  args->items[i]);
        }
        if (inos[0] == inos[1]) {
            sc_buf_addf(&text, "%s\t%llu\t%llu\tsame\n", name, (unsigned long long)inos[0],
                        (unsigned long long)inos[1]);
            continue;
        }
        *differs = true;
        one = detail(&cli->arena, pids[0], kind);
        two = detail(&cli->arena, pids[1], kind);
        sc_buf_addf(&text, "%s\t%llu\t%llu\tdiffers%s%s%s%s\n", name, (unsigned long long)inos[0],
                    (unsigned long long)inos[1], *one ? ": " : "", one, *one ? " | " : "", two);
    }
    if (sc_arena_check(&cli->arena, err) < 0)
        return -1;
    sc_table_align(sc_buf_str(&text), &out);
    if (sc_buf_check(&text, err) < 0 || sc_buf_check(&out, err) < 0)
        return -1;
    (void)fputs(sc_buf_str(&out), stdout);
    return 0;
}

static int
run_diff(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_strv args = {0};
    bool differs = false;
    pid_t pids[2];

    if (sc_cli_parse(cli, NULL, &args, err) < 0)
        return -1;
    /* as diff(1): 1 is an answer, 2 is trouble */
    if (pid_of(cli, args.items[0], &pids[0], err) < 0 || pid_of(cli, args.items[1], &pids[1], err) < 0 ||
        print_diff(cli, &args, pids, &differs, err) < 0) {
        sc_print_err(err);
        return 2;
    }
    return differs ? 1 : 0;
}

const struct sc_command sc_cmd_ns_ls = {
    .name = "ns ls",
    .synopsis = "[OPTIONS] [NAMESPACE|CONTAINER]",
    .help = "List namespaces, those of a container, or the processes in one",
    .options = ls_table,
    .args_max = 1,
    .run = run_ls,
};

const struct sc_command sc_cmd_ns_diff = {
    .name = "ns diff",
    .synopsis = "CONTAINER|PID CONTAINER|PID",
    .help = "Say which namespaces two processes share; 1 if any differ",
    .args_min = 2,
    .args_max = 2,
    .run = run_diff,
};
