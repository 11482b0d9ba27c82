/* list and ps. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"

#define COLUMN_GAP 3

/* "table" or "json" */
static int
read_format(const struct sc_oci_cli *cli, bool *is_json, struct sc_err *err)
{
    *is_json = cli->format != NULL && strcmp(cli->format, "json") == 0;
    if (*is_json || cli->format == NULL || strcmp(cli->format, "table") == 0)
        return 0;
    return sc_err_set(err, SC_ERR_INVALID, "invalid format option: \"%s\" is not table or json", cli->format);
}

/* ---- list ------------------------------------------------------------------------------------------------ */

enum { COL_ID, COL_PID, COL_STATUS, COL_BUNDLE, COL_CREATED, COL_OWNER, COL_COUNT };
struct list {
    struct sc_state *states;
    size_t count, capacity;
};

static int
list_add(struct list *list, struct sc_arena *arena, const struct sc_state *state, struct sc_err *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? list->capacity * 2 : 16;
        struct sc_state *states = SC_ARENA_ARRAY(arena, struct sc_state, capacity);

        if (states == NULL)
            return sc_err_nomem(err);
        if (list->count > 0)
            memcpy(states, list->states, list->count * sizeof(*states));
        list->states = states;
        list->capacity = capacity;
    }
    list->states[list->count++] = *state;
    return 0;
}

static int
compare(const void *a, const void *b)
{
    return strcmp(((const struct sc_state *)a)->id, ((const struct sc_state *)b)->id);
}

/* Containers that appear and go meanwhile are no error. */
static int
collect(struct sc_oci_cli *cli, struct list *list, struct sc_err *err)
{
    /* lint: a path of the host that the caller names */
    int root = open(cli->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return errno == ENOENT ? 0 : sc_err_errno(err, errno, "open %s", cli->root);
    sc_cleanup_dir entries = fdopendir(root);
    for (struct dirent *e = entries != NULL ? readdir(entries) : NULL; e != NULL; e = readdir(entries)) {
        struct sc_state state = {0};
        struct sc_err ignored = SC_ERR_INIT;

        if (e->d_name[0] == '.')
            continue;
        sc_cleanup_fd dir = sc_oci_open_state(cli, e->d_name, &state, &ignored);
        if (dir < 0 || state.id == NULL)
            continue;
        state.owner = sc_oci_owner(dir, &cli->arena);
        if (list_add(list, &cli->arena, &state, err) < 0)
            return -1;
    }
    if (list->count > 0)
        qsort(list->states, list->count, sizeof(*list->states), compare);
    return 0;
}

static void
print_json(const struct list *list)
{
    sc_cleanup_buf out = SC_BUF_INIT;

    sc_buf_addc(&out, '[');
    for (size_t i = 0; i < list->count; i++) {
        struct sc_err ignored = SC_ERR_INIT;

        if (i > 0)
            sc_buf_addc(&out, ',');
        (void)!sc_state_document(&list->states[i], sc_state_status(&list->states[i]), false, &out, &ignored);
    }
    puts(list->count > 0 ? (sc_buf_addc(&out, ']'), sc_buf_str(&out)) : "null"); /* as Go writes an empty list */
}

static void
print_table(struct sc_oci_cli *cli, const struct list *list)
{
    static const char *const titles[COL_COUNT] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
    const char *(*rows)[COL_COUNT] = sc_arena_array(&cli->arena, list->count + 1, sizeof(*rows));
    size_t width[COL_COUNT] = {0};

    if (rows == NULL)
        return;
    memcpy(rows[0], titles, sizeof(titles));
    for (size_t i = 0; i < list->count; i++) {
        const struct sc_state *s = &list->states[i];
        enum sc_status status = sc_state_status(s);
        char created[SC_TIME_MAX];

        sc_time_format(s->created_at, created);
        rows[i + 1][COL_ID] = s->id;
        rows[i + 1][COL_PID] = sc_arena_printf(&cli->arena, "%d", status == SC_STATUS_STOPPED ? 0 : (int)s->pid);
        rows[i + 1][COL_STATUS] = sc_status_name(status);
        rows[i + 1][COL_BUNDLE] = s->bundle != NULL ? s->bundle : "";
        rows[i + 1][COL_CREATED] = sc_arena_strdup(&cli->arena, created);
        rows[i + 1][COL_OWNER] = s->owner != NULL ? s->owner : "";
    }
    if (cli->arena.has_failed)
        return;
    for (size_t i = 0; i <= list->count; i++)
        for (int k = 0; k < COL_COUNT; k++)
            width[k] = strlen(rows[i][k]) + COLUMN_GAP > width[k] ? strlen(rows[i][k]) + COLUMN_GAP : width[k];
    for (int k = 0; k < COL_COUNT; k++) /* no column is narrower than runc's */
        width[k] = width[k] < 12 ? 12 : width[k];
    for (size_t i = 0; i <= list->count; i++)
        for (int k = 0; k < COL_COUNT; k++)
            printf(k + 1 < COL_COUNT ? "%-*s" : "%.*s\n", k + 1 < COL_COUNT ? (int)width[k] : (int)strlen(rows[i][k]),
                   rows[i][k]);
}

int
sc_oci_verb_list(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct list list = {0};
    bool is_json;

    if (read_format(cli, &is_json, err) < 0 || collect(cli, &list, err) < 0)
        return -1;
    if (cli->is_quiet)
        for (size_t i = 0; i < list.count; i++)
            puts(list.states[i].id);
    else if (is_json)
        print_json(&list);
    else
        print_table(cli, &list);
    return sc_arena_check(&cli->arena, err);
}

/* ---- ps -------------------------------------------------------------------------------------------------- */

static bool
has_pid(const struct sc_pid_list *pids, long pid)
{
    for (size_t i = 0; i < pids->count; i++)
        if (pids->items[i] == pid)
            return true;
    return false;
}

/* ps(1) of all processes; its lines of the container's are kept, found by the column PID. */
static int
print_ps(struct sc_oci_cli *cli, const struct sc_pid_list *pids, struct sc_err *err)
{
    struct sc_strv argv = {0};
    sc_cleanup_buf text = SC_BUF_INIT;
    int status = 0, column = -1;

    sc_strv_add(&argv, &cli->arena, "ps");
    for (size_t i = 1; i < cli->args.count; i++)
        sc_strv_add(&argv, &cli->arena, cli->args.items[i]);
    if (cli->args.count == 1)
        sc_strv_add(&argv, &cli->arena, "-ef");
    if (sc_arena_check(&cli->arena, err) < 0)
        return -1;
    if (sc_oci_program_output(&argv, &text, &status, err) < 0)
        return -1;
    if (status != 0)
        return sc_err_set(err, SC_ERR_INVALID, "ps: it ended with status %d", status);

    const char *line = sc_buf_str(&text);
    int at = 0;
    for (const char *word = line + strspn(line, " "); *word != '\0' && *word != '\n'; at++) {
        size_t len = strcspn(word, " \n");

        if (len == 3 && strncmp(word, "PID", 3) == 0)
            column = at;
        word += len;
        word += strspn(word, " ");
    }
    if (column < 0)
        return sc_err_set(err, SC_ERR_INVALID, "ps: couldn't find PID field in ps output");
    for (int row = 0; *line != '\0'; row++, line += strcspn(line, "\n"), line += *line == '\n') {
        const char *word = line + strspn(line, " ");

        for (int i = 0; i < column; i++) {
            word += strcspn(word, " \n");
            word += strspn(word, " ");
        }
        if (row == 0 || has_pid(pids, strtol(word, NULL, 10)))
            printf("%.*s\n", (int)strcspn(line, "\n"), line);
    }
    return 0;
}

int
sc_oci_verb_ps(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    struct sc_pid_list pids = {0};
    sc_cleanup_fd dir = -1;
    bool is_json;

    if (read_format(cli, &is_json, err) < 0)
        return -1;
    dir = sc_oci_open_state(cli, cli->args.items[0], &state, err);
    if (dir < 0 || sc_runtime_pids(&state, &cli->arena, &pids, err) < 0)
        return -1;
    if (!is_json)
        return print_ps(cli, &pids, err);
    putchar('[');
    for (size_t i = 0; i < pids.count; i++)
        printf("%s%d", i > 0 ? "," : "", (int)pids.items[i]);
    puts("]");
    return 0;
}
