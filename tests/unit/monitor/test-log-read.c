/* Reading logs: tail, since, until, timestamps, rotated files, and following a log that grows and rotates. */
#include <sys/wait.h>

#include "monitor/log-priv.h"
#include "monitor/monitor.h"
#include "scratch.h"

#define SECOND INT64_C(1000000000)
#define START  (INT64_C(1795425047) * SECOND) /* 2026-11-23T09:10:47Z */

struct seen {
    struct sc_buf text; /* stderr's pieces in [ ] */
    size_t stop_after;  /* pieces; 0: never */
    size_t count;
    pid_t writer; /* follow: runs as long as this process does */
};

static int
on_line(bool is_stderr, const char *line, size_t len, void *data)
{
    struct seen *seen = data;

    if (is_stderr)
        sc_buf_addc(&seen->text, '[');
    sc_buf_add(&seen->text, line, len);
    if (is_stderr)
        sc_buf_addc(&seen->text, ']');
    return ++seen->count == seen->stop_after;
}

static void
path_of(const struct scratch *scratch, char path[128])
{
    (void)snprintf(path, 128, "%s/log.json", scratch->path);
}

static void
assert_read(const struct scratch *scratch, struct sc_log_query query, const char *expected)
{
    struct seen seen = {.stop_after = 0};
    struct sc_err err;
    char path[128];

    path_of(scratch, path);
    assert_ok(sc_log_read(path, &query, NULL, on_line, &seen, &err));
    assert_string_equal(sc_buf_str(&seen.text), expected);
    sc_buf_release(&seen.text);
}

/* Lines "1" to count, one a second, in files of per_file. */
static void
write_numbers(const struct scratch *scratch, int count, int64_t per_file, int files)
{
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    struct sc_err err;
    char path[128];
    int64_t record =
        (int64_t)strlen("{\"log\":\"1\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47.000000000Z\"}\n");

    path_of(scratch, path);
    assert_ok(sc_log_open(&log, path, per_file * record, files, &err));
    for (int i = 1; i <= count; i++) {
        char line[16];

        (void)snprintf(line, sizeof(line), "%d\n", i);
        sc_log_write(&log, i % 4 == 0, line, strlen(line), START + i * SECOND);
    }
}

static void
test_all_over_rotated_files(void **state)
{
    const struct scratch *scratch = *state;

    write_numbers(scratch, 9, 2, 4);
    assert_true(scratch_has(scratch, "log.json.3"));
    /* 9 lines in files of two: 1..2 3..4 5..6 7..8 9, of which the oldest is gone */
    assert_read(scratch, (struct sc_log_query){.tail = -1}, "3\n[4\n]5\n6\n7\n[8\n]9\n");
}

static void
test_tail(void **state)
{
    static const struct {
        int64_t tail;
        const char *expected;
    } cases[] = {
        {0, ""},
        {1, "9\n"},
        {2, "[8\n]9\n"},
        {3, "7\n[8\n]9\n"},
        {4, "6\n7\n[8\n]9\n"},
        {6, "[4\n]5\n6\n7\n[8\n]9\n"},
        {7, "3\n[4\n]5\n6\n7\n[8\n]9\n"},
        {8, "3\n[4\n]5\n6\n7\n[8\n]9\n"},
        {1000000, "3\n[4\n]5\n6\n7\n[8\n]9\n"},
    };
    const struct scratch *scratch = *state;

    write_numbers(scratch, 9, 2, 4);
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        assert_read(scratch, (struct sc_log_query){.tail = cases[i].tail}, cases[i].expected);
}

/* Blocks of the backward search end inside records, at their ends and just after them. */
static void
test_tail_of_a_large_file(void **state)
{
    const struct scratch *scratch = *state;
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    enum { COUNT = 5000 };
    struct sc_err err;
    char path[128];

    path_of(scratch, path);
    assert_ok(sc_log_open(&log, path, 0, 0, &err));
    for (int i = 1; i <= COUNT; i++) {
        char line[200];

        (void)snprintf(line, sizeof(line), "%0*d\n", 1 + i % 150, i);
        sc_log_write(&log, false, line, strlen(line), START);
    }
    for (int tail = 1; tail <= COUNT + 1; tail += tail < 20 ? 1 : 331) {
        struct sc_log_query query = {.tail = tail};
        struct seen seen = {.stop_after = 0};
        int first = tail > COUNT ? 1 : COUNT - tail + 1;

        assert_ok(sc_log_read(path, &query, NULL, on_line, &seen, &err));
        assert_int_equal(seen.count, tail > COUNT ? COUNT : tail);
        assert_int_equal(strtol(seen.text.data, NULL, 10), first);
        sc_buf_release(&seen.text);
    }
}

static void
test_details(void **state)
{
    const struct scratch *scratch = *state;
    static const struct {
        const char *attributes, *printed;
    } cases[] = {
        {"{}", ""},
        {"{\"a\":\"1\"}", "a=1"},
        {"{\"a\":\"x y,z=\",\"b-._~\":\"\\u00e9\\\"\"}", "a=x+y%2Cz%3D,b-._~=%C3%A9%22"},
        {"{\"a\":[1,2],\"b\":\"2\",\"c\":3}", "b=2"},
        {"{\"a\":\"1\",\"b\"", "a=1"},
        {"{\"a\"", ""},
        {"[]", ""},
        {"", ""},
    };
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    struct sc_log_query query = {.tail = -1, .details = true};
    struct seen seen = {.stop_after = 0};
    struct sc_err err;
    char path[128];

    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].attributes);
        char *exact = malloc(len + !len); /* so that a sanitizer sees a read past its end */
        sc_cleanup_buf text = SC_BUF_INIT;

        assert_non_null(exact);
        memcpy(exact, cases[i].attributes, len);
        sc_log_attributes_print(exact, len, &text);
        assert_string_equal(sc_buf_str(&text), cases[i].printed);
        free(exact);
    }
    path_of(scratch, path);
    assert_ok(sc_log_open(&log, path, 0, 0, &err));
    sc_log_write(&log, false, "before\n", 7, START);
    log.attributes = "{\"a\":\"1\",\"tag\":\"t\"}";
    sc_log_write(&log, false, "one\n", 4, START);
    assert_ok(sc_log_read(path, &query, NULL, on_line, &seen, &err));
    assert_string_equal(seen.text.data, " before\na=1,tag=t one\n");
    sc_buf_release(&seen.text);
    seen = (struct seen){.stop_after = 0};
    query.timestamps = true;
    query.tail = 1;
    assert_ok(sc_log_read(path, &query, NULL, on_line, &seen, &err));
    assert_non_null(strstr(seen.text.data, "Z a=1,tag=t one\n"));
    sc_buf_release(&seen.text);
}

static void
test_since_and_until(void **state)
{
    static const struct {
        struct sc_log_query query;
        const char *expected;
    } cases[] = {
        {{.tail = -1, .since = START + 3 * SECOND}, "3\n[4\n]5\n"},
        {{.tail = -1, .since = START + 3 * SECOND + 1}, "[4\n]5\n"},
        {{.tail = -1, .until = START + 2 * SECOND}, "1\n2\n"},
        {{.tail = -1, .until = START + 2 * SECOND - 1}, "1\n"},
        {{.tail = -1, .since = START + 2 * SECOND, .until = START + 3 * SECOND}, "2\n3\n"},
        {{.tail = 2, .since = START + 5 * SECOND}, "5\n"},
        {{.tail = -1, .since = START + 60 * SECOND}, ""},
        {{.tail = -1, .until = START}, ""},
    };
    const struct scratch *scratch = *state;

    write_numbers(scratch, 5, 0, 0);
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        assert_read(scratch, cases[i].query, cases[i].expected);
}

static void
test_timestamps_stand_before_lines_not_pieces(void **state)
{
    const struct scratch *scratch = *state;

    scratch_write(scratch, "log.json",
                  "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47.1Z\"}\n"
                  "{\"log\":\"E\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-23T09:10:48Z\"}\n"
                  "{\"log\":\"b\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:49Z\"}\n"
                  "{\"log\":\"c\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:50Z\"}\n");
    assert_read(scratch, (struct sc_log_query){.tail = -1, .timestamps = true},
                "2026-11-23T09:10:47.1Z a[2026-11-23T09:10:48Z E\n]b\n2026-11-23T09:10:50Z c\n");
}

static void
test_what_is_no_record_is_passed_over(void **state)
{
    const struct scratch *scratch = *state;

    scratch_write(scratch, "log.json",
                  "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47Z\"}\n"
                  "\n"
                  "{\"log\":\"torn\\n\",\"stre\n"
                  "{\"log\":1,\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47Z\"}\n"
                  "{\"log\":\"x\",\"stream\":\"stdout\",\"time\":\"yesterday\"}\n"
                  "[1]\n"
                  "{\"log\":\"b\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47Z\",\"attrs\":{\"k\":\"v\"}}\n"
                  "{\"log\":\"the end is torn");
    assert_read(scratch, (struct sc_log_query){.tail = -1}, "a\nb\n");
}

static void
test_records(void **state)
{
    static const struct {
        const char *record, *log; /* NULL: it is none */
    } cases[] = {
        {"{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47Z\"}", "a"},
        {" { \"time\" : \"2026-11-23T09:10:47Z\" , \"stream\" : \"x\" , \"log\" : \"\" } ", ""},
        {"{\"attrs\":{\"a\":[1,{\"log\":\"}\"}],\"b\":\"\\\"}\"},\"log\":\"a\",\"stream\":\"x\",\"n\":-1.5,"
         "\"time\":\"2026-11-23T09:10:47Z\"}",
         "a"},
        {"{\"log\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\udc0B\",\"stream\":\"x\","
         "\"time\":\"2026-11-23T09:10:47Z\"}",
         "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8b"},
        {"{\"log\":\"\\ud83d.\\udc0b\\ud83d\\u0041\",\"stream\":\"x\",\"time\":\"2026-11-23T09:10:47Z\"}",
         "\xef\xbf\xbd.\xef\xbf\xbd\xef\xbf\xbd"
         "A"},
        {"", NULL},
        {"{}", NULL},
        {"{", NULL},
        {"[1]", NULL},
        {"{\"log\":\"a\",\"stream\":\"stdout\"}", NULL},
        {"{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47Z\"} x", NULL},
        {"{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47Z\"", NULL},
        {"{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47Z\",}", NULL},
        {"{\"log\":1,\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47Z\"}", NULL},
        {"{\"log\":\"\\x\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47Z\"}", NULL},
        {"{\"log\":\"\\u00g0\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47Z\"}", NULL},
        {"{\"log\":\"\\u00\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47Z\"}", NULL},
        {"{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"never\"}", NULL},
        {"{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"2026-11-23T09:10:47.00000000000000000000000000Z\"}", NULL},
        {"{\"log\":\"a\\", NULL},
        {"{\"x\":[1", NULL},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].record);
        char *exact = malloc(len + !len); /* so that a sanitizer sees a read past its end */
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_log_record record;

        assert_non_null(exact);
        memcpy(exact, cases[i].record, len);
        assert_int_equal(sc_log_record_parse(exact, len, &record, &text), cases[i].log != NULL);
        if (cases[i].log)
            assert_string_equal(sc_buf_str(&text), cases[i].log);
        free(exact);
    }
}

static void
test_bytes_come_back(void **state)
{
    const struct scratch *scratch = *state;
    static const char bytes[] = "q\" b\\ t\t e\x1b \xc3\xa9 nul\0 end\n";
    struct seen seen = {.stop_after = 0};
    struct sc_log_query query = {.tail = -1};
    struct sc_err err;
    char path[128];

    path_of(scratch, path);
    {
        sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;

        assert_ok(sc_log_open(&log, path, 0, 0, &err));
        sc_log_write(&log, false, bytes, sizeof(bytes) - 1, START);
    }
    assert_ok(sc_log_read(path, &query, NULL, on_line, &seen, &err));
    assert_int_equal(seen.text.len, sizeof(bytes) - 1);
    assert_memory_equal(seen.text.data, bytes, sizeof(bytes) - 1);
    sc_buf_release(&seen.text);
}

static void
test_no_log_is_empty(void **state)
{
    const struct scratch *scratch = *state;
    struct sc_log_query query = {.tail = -1};
    struct sc_err err;

    assert_read(scratch, query, "");
    assert_fails(sc_log_read("log.json", &query, NULL, on_line, NULL, &err), SC_ERR_INVALID,
                 "read log \"log.json\": it is not the absolute path of a file");
    assert_ok(sc_log_read("/nonexistent/log.json", &query, NULL, on_line, NULL, &err));
}

static void
test_the_reader_can_stop(void **state)
{
    const struct scratch *scratch = *state;
    struct seen seen = {.stop_after = 2};
    struct sc_log_query query = {.tail = -1};
    struct sc_err err;
    char path[128];

    write_numbers(scratch, 9, 2, 4);
    path_of(scratch, path);
    assert_ok(sc_log_read(path, &query, NULL, on_line, &seen, &err));
    assert_string_equal(seen.text.data, "3\n[4\n]");
    sc_buf_release(&seen.text);
}

/* ---- following ------------------------------------------------------------------ */

static bool
writer_runs(void *data)
{
    struct seen *seen = data;
    int status;

    if (seen->writer > 0 && waitpid(seen->writer, &status, WNOHANG) == seen->writer)
        seen->writer = 0;
    return seen->writer > 0;
}

/* A process that logs the numbers 1 to count, files of max_size bytes. It pauses, so that the reader meets all of: the
 * end of the file, a rotation while it sleeps, several rotations at once. */
static pid_t
start_writer(const char *path, int count, int64_t max_size, int max_files)
{
    pid_t pid = fork();
    struct sc_log_writer log;
    struct sc_err err = SC_ERR_INIT;

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    if (sc_log_open(&log, path, max_size, max_files, &err) < 0)
        _exit(1);
    for (int i = 1; i <= count; i++) {
        char line[16];

        (void)snprintf(line, sizeof(line), "%d\n", i);
        sc_log_write(&log, false, line, strlen(line), sc_time_now());
        if (i % 97 == 0)
            usleep(2000);
    }
    _exit(0);
}

static void
assert_follow(const struct scratch *scratch, int count, int64_t max_size, int max_files)
{
    struct sc_log_query query = {.tail = -1, .follow = true};
    sc_cleanup_buf expected = SC_BUF_INIT;
    struct seen seen = {.stop_after = 0};
    struct sc_err err;
    char path[128];

    path_of(scratch, path);
    for (int i = 1; i <= count; i++)
        sc_buf_addf(&expected, "%d\n", i);
    seen.writer = start_writer(path, count, max_size, max_files);
    assert_ok(sc_log_read(path, &query, writer_runs, on_line, &seen, &err));
    assert_int_equal(seen.writer, 0);
    assert_string_equal(sc_buf_str(&seen.text), expected.data);
    sc_buf_release(&seen.text);
}

static void
test_follow_a_file(void **state)
{
    assert_follow(*state, 2000, 0, 0);
}

static void
test_follow_through_rotations(void **state)
{
    /* So many files that none is lost however slow the reader is. */
    assert_follow(*state, 2000, 4000, 100);
}

/* --tail 0 -f: only what comes. */
static void
test_follow_from_the_end(void **state)
{
    const struct scratch *scratch = *state;
    struct sc_log_query query = {.tail = 0, .follow = true};
    struct seen seen = {.stop_after = 0};
    struct sc_err err;
    char path[128];

    write_numbers(scratch, 3, 0, 0);
    path_of(scratch, path);
    assert_ok(sc_log_read(path, &query, writer_runs, on_line, &seen, &err));
    assert_string_equal(sc_buf_str(&seen.text), "");
    sc_buf_release(&seen.text);
}

static void
test_follow_ends_when_nothing_runs(void **state)
{
    const struct scratch *scratch = *state;
    struct sc_log_query query = {.tail = 2, .follow = true};
    struct seen seen = {.stop_after = 0};
    struct sc_err err;
    char path[128];

    write_numbers(scratch, 3, 0, 0);
    path_of(scratch, path);
    assert_ok(sc_log_read(path, &query, writer_runs, on_line, &seen, &err));
    assert_string_equal(seen.text.data, "2\n3\n");
    sc_buf_release(&seen.text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_all_over_rotated_files),
        SCRATCH_TEST(test_tail),
        SCRATCH_TEST(test_tail_of_a_large_file),
        SCRATCH_TEST(test_details),
        SCRATCH_TEST(test_since_and_until),
        SCRATCH_TEST(test_timestamps_stand_before_lines_not_pieces),
        SCRATCH_TEST(test_what_is_no_record_is_passed_over),
        cmocka_unit_test(test_records),
        SCRATCH_TEST(test_bytes_come_back),
        SCRATCH_TEST(test_no_log_is_empty),
        SCRATCH_TEST(test_the_reader_can_stop),
        SCRATCH_TEST(test_follow_a_file),
        SCRATCH_TEST(test_follow_through_rotations),
        SCRATCH_TEST(test_follow_from_the_end),
        SCRATCH_TEST(test_follow_ends_when_nothing_runs),
    };

    return RUN_TESTS(tests);
}
