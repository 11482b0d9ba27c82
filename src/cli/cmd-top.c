/* sc top: the processes of a container, by the host's own ps(1), as Docker does it, and their pids inside. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

#define OUTPUT_MAX (64 << 20)
#define COLUMN_MAX 64

/* Runs ps with the caller's words; its output goes to out. */
static int
run_ps(const struct sc_strv *words, struct sc_buf *out, struct sc_err *err)
{
    static const char *const paths[] = {"/usr/bin/ps", "/bin/ps"};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv argv = {0};
    const char *const envp[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "COLUMNS=100000", NULL};
    sc_cleanup_fd file = memfd_create("ps", MFD_CLOEXEC);
    const char *path = NULL;
    int status = 0;

    for (size_t i = 0; i < SC_ARRAY_LEN(paths) && !path; i++) {
        if (access(paths[i], X_OK) == 0) /* lint: the host's own program */
            path = paths[i];
    }
    if (!path) {
        sc_err_set(err, SC_ERR_NOT_FOUND, "list processes: this host has no ps");
        return sc_err_remedy(err, "install procps");
    }
    if (file < 0)
        return sc_err_errno(err, errno, "make room for the output of ps");
    sc_strv_add(&argv, &arena, path);
    for (size_t i = 0; i < words->count; i++)
        sc_strv_add(&argv, &arena, words->items[i]);
    if (words->count == 0)
        sc_strv_add(&argv, &arena, "-ef");
    if (sc_arena_check(&arena, err) < 0 ||
        sc_spawn_wait((const char *const *)argv.items, envp, -1, file, file, &status, err) < 0)
        return -1;
    if (lseek(file, 0, SEEK_SET) < 0 || sc_file_read_fd(file, OUTPUT_MAX, out, err) < 0)
        return sc_err_wrap(err, "read the output of ps");
    /* 1 and no complaint: the choice is empty */
    if (WIFEXITED(status) &&
        (WEXITSTATUS(status) == 0 || (WEXITSTATUS(status) == 1 && !sc_str_starts(sc_buf_str(out), "error"))))
        return 0;
    return sc_err_set(err, SC_ERR_INVALID, "ps: %.*s", (int)strcspn(sc_buf_str(out), "\n"), sc_buf_str(out));
}

/* Splits a line into at most max words, the last of which has the rest; returns how many. */
static size_t
split(char *line, char *words[], size_t max)
{
    size_t count = 0;

    for (char *at = line + strspn(line, " "); *at && count < max;) {
        words[count++] = at;
        if (count == max)
            break;
        at += strcspn(at, " ");
        if (*at)
            *at++ = '\0';
        at += strspn(at, " ");
    }
    return count;
}

static bool
has_pid(const struct sc_pid_list *pids, const char *text)
{
    long pid = strtol(text, NULL, 10);

    for (size_t i = 0; i < pids->count; i++) {
        if (pids->items[i] == pid)
            return true;
    }
    return false;
}

/* proc(5), NSpid: the pid in each of the nested namespaces, the innermost last. */
static void
inner_pid(const char *pid, char out[SC_NUM_MAX])
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    char path[64];
    const char *line, *last;
    size_t len;

    (void)snprintf(out, SC_NUM_MAX, "-");
    (void)snprintf(path, sizeof(path), "/proc/%.16s/status", pid);
    if (sc_file_read_at(AT_FDCWD, path, OUTPUT_MAX, &text, &ignored) < 0) /* lint: the kernel's own */
        return;
    line = strstr(sc_buf_str(&text), "\nNSpid:");
    if (!line)
        return;
    len = strcspn(line + 1, "\n");
    for (last = line + 1 + len; last > line && last[-1] >= '0' && last[-1] <= '9'; last--)
        ;
    (void)snprintf(out, SC_NUM_MAX, "%.*s", (int)(line + 1 + len - last), last);
}

/* last: NULL where there is none */
static void
add_row(char *const words[], size_t count, const char *last, struct sc_buf *out)
{
    for (size_t i = 0; i < count; i++)
        sc_buf_addf(out, "%s%s", i ? "\t" : "", words[i]);
    sc_buf_addf(out, "%s%s\n", last ? "\t" : "", last ? last : "");
}

/* Whether ps was told its columns ("-o pid", "-eo pid", "axo pid", "--format pid"): then these are printed and no
 * other, as scripts that were written for Docker count on. */
static bool
has_chosen(const struct sc_strv *words)
{
    for (size_t i = 0; i < words->count; i++) {
        const char *word = words->items[i], *flags = word + (*word == '-');

        if (sc_str_starts(word, "--format") || flags[strspn(flags, "AacdeFfHjLlMmTwxyZ")] == 'o')
            return true;
    }
    return false;
}

static int
filter(char *output, const struct sc_pid_list *pids, bool has_inner, struct sc_buf *out, struct sc_err *err)
{
    char *words[COLUMN_MAX], *line = strsep(&output, "\n");
    size_t columns = split(line, words, COLUMN_MAX), pid_column = columns;

    for (size_t i = 0; i < columns; i++) {
        if (strcmp(words[i], "PID") == 0)
            pid_column = i;
    }
    if (pid_column == columns) {
        sc_err_set(err, SC_ERR_INVALID, "the output of ps has no column PID");
        return sc_err_remedy(err, "let ps print it: sc top NAME -o pid,cmd");
    }
    add_row(words, columns, has_inner ? "CPID" : NULL, out);
    while ((line = strsep(&output, "\n")) != NULL) {
        char inner[SC_NUM_MAX];
        size_t count = split(line, words, columns);

        if (count <= pid_column || !has_pid(pids, words[pid_column]))
            continue;
        while (count < columns)
            words[count++] = line + strlen(line);
        if (has_inner)
            inner_pid(words[pid_column], inner);
        add_row(words, columns, has_inner ? inner : NULL, out);
    }
    return 0;
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_container container = SC_CONTAINER_INIT;
    sc_cleanup_buf output = SC_BUF_INIT, rows = SC_BUF_INIT, table = SC_BUF_INIT;
    struct sc_pid_list pids = {.items = NULL};
    struct sc_strv args = {0}, words = {0};

    if (sc_cli_parse(cli, NULL, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_engine_find(&cli->engine, args.items[0], &cli->arena, &container, err) < 0)
        return -1;
    for (size_t i = 1; i < args.count; i++)
        sc_strv_add(&words, &cli->arena, args.items[i]);
    /* The list of processes first: one that is new in it cannot be another container's. */
    if (sc_engine_pids(&cli->engine, &container, &cli->arena, &pids, err) < 0 || run_ps(&words, &output, err) < 0)
        return -1;
    sc_buf_addc(&output, '\n');
    if (sc_buf_check(&output, err) < 0 || filter(output.data, &pids, !has_chosen(&words), &rows, err) < 0 ||
        sc_buf_check(&rows, err) < 0)
        return -1;
    sc_table_align(sc_buf_str(&rows), &table);
    if (sc_buf_check(&table, err) < 0)
        return -1;
    (void)fputs(sc_buf_str(&table), stdout);
    sc_engine_event(&cli->engine, &container, "top", NULL);
    return 0;
}

const struct sc_command sc_cmd_top = {
    .name = "top",
    .synopsis = "CONTAINER [PS OPTIONS]",
    .help = "Show the processes of a container, with their pids outside and inside",
    .args_min = 1,
    .args_max = -1,
    .stops_at_argument = true,
    .run = run,
};
