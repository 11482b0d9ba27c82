/* What allocates, with every single allocation failing once. */
#include "monitor/log-priv.h"
#include "monitor/monitor.h"
#include "scratch.h"
#include "torture.h"

static int
config_job(void *context, struct sc_err *err)
{
    const struct sc_monitor_config config = {
        .id = "abc", .run_dir = "/r", .data_dir = "/d", .log_path = "/d/log.json", .pid = 1, .log_max_files = 3};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv argv = {.items = NULL};

    (void)context;
    sc_monitor_config_encode(&config, "sc-monitor", &arena, &argv);
    return sc_arena_check(&arena, err);
}

static int
exit_job(void *context, struct sc_err *err)
{
    const struct scratch *scratch = context;
    struct sc_exit record = {.code = 3, .finished_at = 5}, back;

    if (sc_exit_write(scratch->fd, &record, NULL, NULL, SC_VOLATILE, err) < 0)
        return -1;
    return sc_exit_read(scratch->fd, &back, err);
}

static void
test_config_and_exit(void **state)
{
    assert_true(torture_run("config", config_job, NULL) > 0);
    assert_true(torture_run("exit", exit_job, *state) > 0);
}

static int
count_line(bool is_stderr, const char *line, size_t len, void *data)
{
    (void)is_stderr;
    (void)line;
    (void)len;
    (*(int *)data)++;
    return 0;
}

static int
read_job(void *context, struct sc_err *err)
{
    const struct sc_log_query query = {.tail = -1, .timestamps = true};
    int lines = 0;

    if (sc_log_read(context, &query, NULL, count_line, &lines, err) < 0)
        return -1;
    return lines == 1 ? 0 : sc_err_set(err, SC_ERR_INTERNAL, "%d lines", lines);
}

static void
test_reading(void **state)
{
    const struct scratch *scratch = *state;
    char path[128];

    scratch_write(scratch, "log.json", "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47Z\"}\n");
    (void)snprintf(path, sizeof(path), "%s/log.json", scratch->path);
    assert_true(torture_run("read", read_job, path) > 0);
}

/* The writer never fails: what it has no memory for is counted, and noted when it can be. */
static int
write_job(void *context, struct sc_err *err)
{
    const struct scratch *scratch = context;
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    char path[128], text[256] = "";
    ssize_t len;

    (void)snprintf(path, sizeof(path), "%s/log.json", scratch->path);
    (void)unlinkat(scratch->fd, "log.json", 0);
    if (sc_log_open(&log, path, 0, 0, err) < 0)
        return -1;
    sc_log_write(&log, false, "one\ntw", 6, 1);
    sc_log_write(&log, false, "o\n", 2, 1);
    sc_log_finish(&log, 1);
    {
        sc_cleanup_fd fd = openat(scratch->fd, "log.json", O_RDONLY | O_CLOEXEC);

        len = read(fd, text, sizeof(text) - 1);
    }
    if (len > 0 && strstr(text, "one\\n") && strstr(text, "\"two\\n"))
        return 0;
    /* Either the loss is noted, or the waiting line came in two pieces. */
    if (strstr(text, "bytes of output are missing here: Cannot allocate memory") ||
        (strstr(text, "\"tw\"") && strstr(text, "\"o\\n")))
        return sc_err_nomem(err);
    return sc_err_set(err, SC_ERR_INTERNAL, "the log says \"%s\"", text);
}

static void
test_writing(void **state)
{
    assert_true(torture_run("write", write_job, *state) > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_config_and_exit),
        SCRATCH_TEST(test_reading),
        SCRATCH_TEST(test_writing),
    };

    return RUN_TESTS(tests);
}
