/* sc logs. */
#include <string.h>

#include "cli/cli.h"

struct logs_options {
    bool follow, timestamps, details;
    int64_t tail, since, until;
};

static int
set_tail(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;

    (void)arena;
    if (*value == '\0' || strcmp(value, "all") == 0) {
        *(int64_t *)i64 = -1;
        return 0;
    }
    if (sc_parse_i64(value, i64, &ignored) < 0)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be how many lines, or all", value);
    return 0;
}

/* An empty one is as not given, as in Docker. */
static int
set_time(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return *value ? sc_value_time(i64, value, arena, err) : 0;
}

static const struct sc_option table[] = {
    {"details", 0, SC_OPTION_FLAG, offsetof(struct logs_options, details), NULL,
     "Accepted: no line has any, so that each begins with a space", NULL, NULL},
    {"follow", 'f', SC_OPTION_FLAG, offsetof(struct logs_options, follow), NULL, "Go on until the container ends", NULL,
     NULL},
    {"since", 0, SC_OPTION_CALL, offsetof(struct logs_options, since), "time",
     "Lines from then on: a time, or 10m for ten minutes ago", set_time, NULL},
    {"tail", 'n', SC_OPTION_CALL, offsetof(struct logs_options, tail), "number", "The last lines only", set_tail, NULL},
    {"timestamps", 't', SC_OPTION_FLAG, offsetof(struct logs_options, timestamps), NULL,
     "Say when each line was written", NULL, NULL},
    {"until", 0, SC_OPTION_CALL, offsetof(struct logs_options, until), "time", "Lines up to then", set_time, NULL},
    {.name = NULL},
};

struct followed {
    struct sc_engine *engine;
    const char *id;
    bool has_failed;
};

static bool
is_running(void *data)
{
    struct followed *followed = data;
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container now = SC_CONTAINER_INIT;
    struct sc_err ignored = SC_ERR_INIT;

    (void)fflush(stdout);
    if (followed->has_failed || sc_engine_find(followed->engine, followed->id, &arena, &now, &ignored) < 0)
        return false;
    return now.is_restarting || now.status == SC_STATUS_RUNNING || now.status == SC_STATUS_PAUSED;
}

static int
print_line(bool is_stderr, const char *line, size_t len, void *data)
{
    struct followed *followed = data;
    FILE *to = is_stderr ? stderr : stdout;

    /* Both may be one terminal: neither overtakes the other. */
    if (is_stderr)
        (void)fflush(stdout);
    followed->has_failed = fwrite(line, 1, len, to) != len;
    return followed->has_failed;
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    struct logs_options options = {.tail = -1};
    struct sc_container container = SC_CONTAINER_INIT;
    struct sc_strv args = {0};
    struct followed followed = {.engine = &cli->engine};
    struct sc_log_query query;
    char *path;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_engine_find(&cli->engine, args.items[0], &cli->arena, &container, err) < 0)
        return -1;
    path = sc_engine_log_path(&cli->engine, &container, &cli->arena);
    if (!path)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "container \"%s\" keeps no log: it was made with --log-driver none",
                          container.name);
    followed.id = container.id;
    query = (struct sc_log_query){.tail = options.tail < 0 ? -1 : options.tail,
                                  .since = options.since,
                                  .until = options.until,
                                  .follow = options.follow,
                                  .timestamps = options.timestamps,
                                  .details = options.details};
    return sc_log_read(path, &query, is_running, print_line, &followed, err);
}

const struct sc_command sc_cmd_logs = {
    .name = "logs",
    .synopsis = "[OPTIONS] CONTAINER",
    .help = "Print what a container has written",
    .options = table,
    .args_min = 1,
    .args_max = 1,
    .run = run,
};
