/* sc stats: what containers use, as a table that refreshes, as Docker has it, and what holds them back. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"

#define FIRST_MS   500 /* between the two looks that a share needs */
#define REFRESH_MS 1000
#define HOME       "\033[H\033[2J"

struct stats_options {
    bool all, no_stream, no_trunc, has_since;
    char *format;
    int64_t since;
};
#define AT(member) offsetof(struct stats_options, member)

/* "5m", "-5m": how long ago; or a time */
static int
set_since(void *options, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct stats_options *o = options;

    o->has_since = true;
    return sc_value_time(&o->since, value[0] == '-' ? value + 1 : value, arena, err);
}

static const struct sc_option table[] = {
    {"all", 'a', SC_OPTION_FLAG, AT(all), NULL, "Show those that do not run, too", NULL, NULL},
    {"format", 0, SC_OPTION_STR, AT(format), "how", "json, table, or a Go template", NULL, NULL},
    {"no-stream", 0, SC_OPTION_FLAG, AT(no_stream), NULL, "Show it once", NULL, NULL},
    {"no-trunc", 0, SC_OPTION_FLAG, AT(no_trunc), NULL, "Show ids whole", NULL, NULL},
    {"since", 0, SC_OPTION_CALL, 0, "time", "What was, from then on (at most ten minutes), also when it has ended",
     set_since, NULL},
    {.name = NULL},
};

static const struct sc_column columns[] = {
    {"Container", "CONTAINER"}, {"ID", "CONTAINER ID"},
    {"Name", "NAME"},           {"Time", "TIME"},
    {"CPUPerc", "CPU %"},       {"MemUsage", "MEM USAGE / LIMIT"},
    {"MemPerc", "MEM %"},       {"NetIO", "NET I/O"},
    {"BlockIO", "BLOCK I/O"},   {"PIDs", "PIDS"},
    {"Throttled", "THROTTLED"}, {"Pressure", "PRESSURE CPU/MEM/IO"},
    {"OOMKills", "OOM"},        {NULL, NULL},
};
static const char default_table[] = "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t"
                                    "{{.BlockIO}}\t{{.PIDs}}\t{{.Throttled}}\t{{.Pressure}}\t{{.OOMKills}}";
static const char since_table[] = "{{.Time}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.BlockIO}}\t{{.PIDs}}\t"
                                  "{{.Throttled}}\t{{.Pressure}}\t{{.OOMKills}}";

/* ---- one row ------------------------------------------------------------------------------------------- */

static double
share(uint64_t now, uint64_t before, int64_t nsec)
{
    return now > before && nsec > 0 ? (double)(now - before) * 100 / (double)nsec : 0;
}

static json_t *
pair(uint64_t a, uint64_t b)
{
    char first[SC_HUMAN_MAX], second[SC_HUMAN_MAX];

    sc_human_size((int64_t)a, first);
    sc_human_size((int64_t)b, second);
    return json_sprintf("%s / %s", first, second);
}

static json_t *
pressures(const struct sc_usage *u)
{
    if (!u->pressure[0].is_known && !u->pressure[1].is_known)
        return json_string("--");
    return json_sprintf("%.2f%% / %.2f%% / %.2f%%", (double)u->pressure[0].some10 / 100,
                        (double)u->pressure[1].some10 / 100, (double)u->pressure[2].some10 / 100);
}

/* One look in numbers, for programs: {{json .Raw}}, which sc-api asks for. */
static json_t *
numbers_of(const struct sc_stats_sample *look, uint64_t limit)
{
    const struct sc_usage *u = &look->usage;

    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "when", (json_int_t)look->when, "cpu_ns",
                     (json_int_t)u->cpu_ns, "periods", (json_int_t)u->periods, "throttled_periods",
                     (json_int_t)u->throttled_periods, "throttled_ns", (json_int_t)u->throttled_ns, "memory",
                     (json_int_t)u->memory, "inactive_file", (json_int_t)u->inactive_file, "memory_limit",
                     (json_int_t)limit, "pids", (json_int_t)u->pids, "received", (json_int_t)look->received, "sent",
                     (json_int_t)look->sent, "read_bytes", (json_int_t)u->read_bytes, "written_bytes",
                     (json_int_t)u->written_bytes);
}

/* Docker's words; before: the look before this one. */
static json_t *
row_of(const struct stats_options *o, const struct sc_container *c, const char *word,
       const struct sc_stats_sample *before, const struct sc_stats_sample *now, uint64_t host_memory)
{
    const struct sc_usage *u = &now->usage, *b = &before->usage;
    /* As Docker counts: pages of files that nobody has looked at lately do not count. */
    uint64_t used = u->memory > u->inactive_file ? u->memory - u->inactive_file : u->memory;
    uint64_t limit = u->memory_limit == UINT64_MAX || (host_memory > 0 && u->memory_limit > host_memory)
                         ? host_memory
                         : u->memory_limit;
    uint64_t periods = u->periods - b->periods;
    char usage[SC_HUMAN_MAX], most[SC_HUMAN_MAX];
    json_t *row = json_object();

    sc_human_binary(used, usage);
    sc_human_binary(limit, most);
    (void)json_object_set_new(row, "BlockIO", pair(u->read_bytes, u->written_bytes));
    (void)json_object_set_new(row, "CPUPerc",
                              json_sprintf("%.2f%%", share(u->cpu_ns, b->cpu_ns, now->when - before->when)));
    (void)json_object_set_new(row, "Container", json_string(word));
    (void)json_object_set_new(row, "ID", json_sprintf("%.*s", o->no_trunc ? SC_ID_LEN : 12, c->id));
    (void)json_object_set_new(row, "MemPerc",
                              json_sprintf("%.2f%%", limit > 0 ? (double)used * 100 / (double)limit : 0));
    (void)json_object_set_new(row, "MemUsage", json_sprintf("%s / %s", usage, most));
    (void)json_object_set_new(row, "Name", json_string(c->name));
    (void)json_object_set_new(row, "NetIO", pair(now->received, now->sent));
    (void)json_object_set_new(row, "OOMKills", json_sprintf("%llu", (unsigned long long)u->oom_kills));
    (void)json_object_set_new(row, "PIDs", json_sprintf("%llu", (unsigned long long)u->pids));
    (void)json_object_set_new(row, "Pressure", pressures(u));
    if (o->format && strstr(o->format, ".Raw"))
        (void)json_object_set_new(row, "Raw",
                                  json_pack("{s:s,s:s,s:o,s:o}", "id", c->id, "name", c->name, "before",
                                            numbers_of(before, limit), "now", numbers_of(now, limit)));
    /* of the quota's periods since the last look, those that it was used up in */
    (void)json_object_set_new(
        row, "Throttled",
        json_sprintf("%.2f%%",
                     periods > 0 ? (double)(u->throttled_periods - b->throttled_periods) * 100 / (double)periods : 0));
    return row;
}

/* ---- looking again and again ---------------------------------------------------------------------------- */

struct watched {
    struct sc_container container;
    const char *word;
    struct sc_tracked tracked;
    struct sc_stats_sample before, now;
    bool is_running;
};

struct stats {
    struct sc_cli *cli;
    const struct stats_options *options;
    const struct sc_strv *names;
    struct sc_arena arena; /* of what is watched */
    struct watched *items;
    size_t count;
    struct stat events; /* the log of events when the containers were listed */
    uint64_t host_memory;
};

static void
forget(struct stats *stats)
{
    for (size_t i = 0; i < stats->count; i++)
        sc_tracked_release(&stats->items[i].tracked);
    stats->count = 0;
    sc_arena_release(&stats->arena);
    stats->arena = (struct sc_arena)SC_ARENA_INIT;
}

static void
add(struct stats *stats, const struct sc_container *container, const char *word)
{
    struct watched *w = &stats->items[stats->count++];
    struct sc_err ignored = SC_ERR_INIT;

    *w = (struct watched){.container = *container, .word = word, .tracked = {.net_fd = -1}};
    w->is_running = sc_engine_track(&stats->cli->engine, container, SC_ACCOUNTS_TABLE, &w->tracked, &ignored) == 0;
    if (w->is_running)
        w->is_running = sc_tracked_read(&w->tracked, NULL, &w->now) || !w->tracked.accounts.is_open;
}

static int
look_up(struct stats *stats, struct sc_err *err)
{
    struct sc_container_list list = {.items = NULL};
    size_t room;

    /* Before they are listed: what happens meanwhile is seen at the next look. */
    if (fstatat(stats->cli->engine.run_fd, SC_EVENT_FILE, &stats->events, 0) < 0) /* lint: the engine's own file */
        stats->events = (struct stat){.st_size = 0};
    if (stats->names->count == 0 &&
        sc_engine_list(&stats->cli->engine, stats->options->all, &stats->arena, &list, err) < 0)
        return -1;
    room = stats->names->count + list.count + 1;
    stats->items = SC_ARENA_ARRAY(&stats->arena, struct watched, room);
    if (!stats->items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < list.count; i++)
        add(stats, &list.items[i], sc_arena_strndup(&stats->arena, list.items[i].id, 12));
    for (size_t i = 0; i < stats->names->count; i++) {
        struct sc_container container = SC_CONTAINER_INIT;

        if (sc_engine_find(&stats->cli->engine, stats->names->items[i], &stats->arena, &container, err) < 0)
            return -1;
        add(stats, &container, stats->names->items[i]);
    }
    return sc_arena_check(&stats->arena, err);
}

/* Whether anything has started or ended since: the log of events has grown. */
static bool
is_stale(const struct stats *stats)
{
    struct stat now;

    return fstatat(stats->cli->engine.run_fd, SC_EVENT_FILE, &now, 0) == 0 && /* lint: as above */
           (now.st_ino != stats->events.st_ino || now.st_size != stats->events.st_size);
}

static void
read_all(struct stats *stats)
{
    for (size_t i = 0; i < stats->count; i++) {
        struct watched *w = &stats->items[i];

        if (!w->is_running)
            continue;
        w->before = w->now;
        if (!sc_tracked_read(&w->tracked, &w->before, &w->now) && w->tracked.accounts.is_open)
            w->is_running = false;
    }
}

static int
print(const struct stats *stats, bool clears, struct sc_err *err)
{
    static const struct sc_stats_sample none = {.when = 0};
    const struct sc_list_format how = {
        .format = stats->options->format, .default_table = default_table, .columns = columns};
    sc_cleanup_json rows = json_array();

    for (size_t i = 0; i < stats->count; i++) {
        const struct watched *w = &stats->items[i];

        if (w->is_running)
            (void)json_array_append_new(
                rows, row_of(stats->options, &w->container, w->word, &w->before, &w->now, stats->host_memory));
        else if (stats->options->all || stats->names->count > 0)
            (void)json_array_append_new(rows, row_of(stats->options, &w->container, w->word, &none, &none, 0));
    }
    if (clears)
        (void)fputs(HOME, stdout);
    return sc_list_print(&how, rows, err) < 0 ? -1 : sc_output_flush(err);
}

/* One descriptor for each file of each container. */
static void
raise_files_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int
watch(struct stats *stats, struct sc_err *err)
{
    bool clears = isatty(STDOUT_FILENO) && !stats->options->format && !stats->options->no_stream;

    if (look_up(stats, err) < 0)
        return -1;
    (void)poll(NULL, 0, stats->count > 0 ? FIRST_MS : 0);
    for (;;) {
        struct sc_err gone = SC_ERR_INIT;

        read_all(stats);
        if (print(stats, clears, err) < 0)
            return -1;
        if (stats->options->no_stream)
            return 0;
        (void)poll(NULL, 0, REFRESH_MS);
        if (!is_stale(stats))
            continue;
        forget(stats);
        if (look_up(stats, &gone) < 0) { /* the one that was named is removed */
            if (gone.kind == SC_ERR_NOT_FOUND && stats->names->count > 0)
                return 0;
            *err = gone;
            return -1;
        }
        (void)poll(NULL, 0, FIRST_MS);
    }
}

/* ---- what was: the black box ---------------------------------------------------------------------------- */

static void
add_past(const struct stats *stats, const struct sc_container *c, const char *word,
         const struct sc_blackbox_sample *samples, size_t count, json_t *rows)
{
    for (size_t i = 0; i < count; i++) {
        int64_t first = samples[i].made - (samples[i].when - c->started_at); /* of the first: since it was started */
        struct sc_stats_sample before = {.when = i > 0 ? samples[i - 1].made : first},
                               now = {.when = samples[i].made, .usage = samples[i].usage};
        char time[SC_TIME_MAX];
        json_t *row;

        if (i > 0)
            before.usage = samples[i - 1].usage;
        if (samples[i].when < stats->options->since)
            continue;
        sc_time_format(samples[i].when / SC_SECOND * SC_SECOND, time);
        row = row_of(stats->options, c, word, &before, &now, stats->host_memory);
        (void)json_object_set_new(row, "Time", json_sprintf("%.19sZ", time));
        (void)json_array_append_new(rows, row);
    }
}

static int
print_past(struct stats *stats, struct sc_err *err)
{
    const struct sc_list_format how = {
        .format = stats->options->format, .default_table = since_table, .columns = columns};
    sc_cleanup_json rows = json_array();

    for (size_t i = 0; i < stats->names->count; i++) {
        struct sc_container container = SC_CONTAINER_INIT;
        struct sc_blackbox_sample *samples = NULL;
        size_t count = 0;

        if (sc_engine_find(&stats->cli->engine, stats->names->items[i], &stats->arena, &container, err) < 0 ||
            sc_engine_blackbox(&stats->cli->engine, &container, &stats->arena, &samples, &count, err) < 0)
            return -1;
        add_past(stats, &container, stats->names->items[i], samples, count, rows);
    }
    return sc_list_print(&how, rows, err);
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    struct stats_options options = {.all = false};
    struct sc_strv args = {0};
    struct stats stats = {.cli = cli, .options = &options, .names = &args, .arena = SC_ARENA_INIT};
    int result;

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    if (options.has_since && args.count == 0) {
        sc_err_set(err, SC_ERR_INVALID, "--since: of which container is not said");
        return sc_err_remedy(err, "name it: sc stats --since 5m NAME");
    }
    if (sc_cli_engine(cli, err) < 0)
        return -1;
    raise_files_limit();
    stats.host_memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    result = options.has_since ? print_past(&stats, err) : watch(&stats, err);
    forget(&stats);
    return result;
}

const struct sc_command sc_cmd_stats = {
    .name = "stats",
    .synopsis = "[OPTIONS] [CONTAINER...]",
    .help = "Show what containers use",
    .options = table,
    .args_max = -1,
    .run = run,
};
