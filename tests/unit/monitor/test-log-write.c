/* The writing side of the log: records, pieces of long lines, rotation, a disk that is full. */
#include <signal.h>
#include <sys/resource.h>

#include "monitor/log-priv.h"
#include "scratch.h"

#define NOW       INT64_C(1795425047123456789)
#define TIME      "2026-11-23T09:10:47.123456789Z"
#define OUT(text) "{\"log\":\"" text "\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}\n"
#define ERR(text) "{\"log\":\"" text "\",\"stream\":\"stderr\",\"time\":\"" TIME "\"}\n"

static void
open_log(struct sc_log_writer *log, const struct scratch *scratch, char path[128], int64_t max_size, int max_files)
{
    struct sc_err err;

    (void)snprintf(path, 128, "%s/log.json", scratch->path);
    assert_ok(sc_log_open(log, path, max_size, max_files, &err));
}

static void
put(struct sc_log_writer *log, bool is_stderr, const char *text)
{
    sc_log_write(log, is_stderr, text, strlen(text), NOW);
}

static void
assert_file(const struct scratch *scratch, const char *name, const char *expected)
{
    sc_cleanup_free char *text = scratch_read(scratch, name);

    assert_string_equal(text, expected);
}

static void
test_lines(void **state)
{
    const struct scratch *scratch = *state;
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    char path[128];

    open_log(&log, scratch, path, 0, 0);
    put(&log, false, "one\ntwo\n\nthr");
    assert_file(scratch, "log.json", OUT("one\\n") OUT("two\\n") OUT("\\n"));
    put(&log, true, "err\n");
    put(&log, false, "ee\nfour");
    assert_file(scratch, "log.json", OUT("one\\n") OUT("two\\n") OUT("\\n") ERR("err\\n") OUT("three\\n"));
    sc_log_trim(&log); /* must keep what waits */
    sc_log_finish(&log, NOW);
    assert_file(scratch, "log.json", OUT("one\\n") OUT("two\\n") OUT("\\n") ERR("err\\n") OUT("three\\n") OUT("four"));
}

static void
test_escapes(void **state)
{
    const struct scratch *scratch = *state;
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    char path[128];

    open_log(&log, scratch, path, 0, 0);
    put(&log, false, "q\" b\\ t\t r\r e\x1b[1m \xc3\xa9 \xff \xed\xa0\x80\n");
    sc_log_write(&log, false, "a\0b\n", 4, NOW);
    assert_file(scratch, "log.json",
                OUT("q\\\" b\\\\ t\\t r\\r e\\u001b[1m \xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\n")
                    OUT("a\\u0000b\\n"));
}

static void
test_the_log_is_continued(void **state)
{
    const struct scratch *scratch = *state;
    char path[128];

    for (int i = 0; i < 2; i++) {
        sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;

        open_log(&log, scratch, path, 0, 0);
        put(&log, false, "x\n");
    }
    assert_file(scratch, "log.json", OUT("x\\n") OUT("x\\n"));
}

/* The values of "log" in the file, each followed by '|'. They hold nothing that is escaped but the newline, which
 * becomes '$'. */
static char *
pieces(const struct scratch *scratch)
{
    sc_cleanup_free char *text = scratch_read(scratch, "log.json");
    struct sc_buf out = SC_BUF_INIT;

    for (const char *at = text; (at = strstr(at, "{\"log\":\""));) {
        const char *end = strchr(at += 8, '"');
        size_t len = (size_t)(end - at);

        if (len >= 2 && memcmp(end - 2, "\\n", 2) == 0) {
            sc_buf_add(&out, at, len - 2);
            sc_buf_addc(&out, '$');
        } else {
            sc_buf_add(&out, at, len);
        }
        sc_buf_addc(&out, '|');
    }
    return out.data;
}

/* A line of len bytes, written step bytes at a time, comes in pieces of 16 KiB of which only the last has the newline.
 */
static void
assert_pieces(void **state, size_t len, size_t step)
{
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    struct scratch *scratch;
    void *own_state = NULL;
    sc_cleanup_free char *line = malloc(len + 1);
    sc_cleanup_free char *found = NULL;
    sc_cleanup_buf expected = SC_BUF_INIT;
    char path[128];

    (void)state;
    assert_int_equal(scratch_setup(&own_state), 0);
    scratch = own_state;
    assert_non_null(line);
    memset(line, 'x', len);
    line[len] = '\n';
    open_log(&log, scratch, path, 0, 0);
    for (size_t at = 0; at < len + 1; at += step)
        sc_log_write(&log, false, line + at, len + 1 - at < step ? len + 1 - at : step, NOW);
    for (size_t at = 0; at <= len; at += SC_LOG_LINE_MAX) {
        size_t left = len - at;

        sc_buf_add(&expected, line + at, left < SC_LOG_LINE_MAX ? left : SC_LOG_LINE_MAX);
        sc_buf_adds(&expected, left < SC_LOG_LINE_MAX ? "$|" : "|");
    }
    found = pieces(scratch);
    assert_string_equal(found, expected.data);
    assert_int_equal(scratch_teardown(&own_state), 0);
}

static void
test_long_lines(void **state)
{
    static const size_t lens[] = {1, 16383, 16384, 16385, 32768, 40000, 100000};
    static const size_t steps[] = {1000, 16384, 32000};

    for (size_t i = 0; i < SC_ARRAY_LEN(lens); i++) {
        for (size_t j = 0; j < SC_ARRAY_LEN(steps); j++)
            assert_pieces(state, lens[i], steps[j]);
    }
}

static void
test_a_piece_does_not_cut_a_character(void **state)
{
    /* two, three and four bytes, each beginning 1.. bytes before the limit */
    static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x8b"};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(characters); i++) {
        for (size_t before = 1; before <= strlen(characters[i]); before++) {
            char data[20];
            bool fits = before == strlen(characters[i]);

            memset(data, 'x', sizeof(data));
            memcpy(data + 10 - before, characters[i], strlen(characters[i]));
            assert_int_equal(sc_log_cut(data, 10), fits ? 10 : 10 - before);
        }
    }
    /* What is no character is cut anywhere. */
    assert_int_equal(sc_log_cut("\x80\x80\x80\x80\x80", 5), 5);
    assert_int_equal(sc_log_cut("xxxx\xff", 5), 5);
    assert_int_equal(sc_log_cut("\x80", 1), 1);
}

static void
test_a_character_on_the_limit_stays_whole(void **state)
{
    const struct scratch *scratch = *state;
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    sc_cleanup_free char *text = NULL;
    static char line[SC_LOG_LINE_MAX + 10];
    char path[128];

    memset(line, 'x', sizeof(line));
    memcpy(line + SC_LOG_LINE_MAX - 1, "\xe2\x82\xac", 3);
    line[sizeof(line) - 1] = '\n';
    open_log(&log, scratch, path, 0, 0);
    for (size_t at = 0; at < sizeof(line); at += 7)
        sc_log_write(&log, false, line + at, sizeof(line) - at < 7 ? sizeof(line) - at : 7, NOW);
    text = scratch_read(scratch, "log.json");
    assert_non_null(strstr(text, "x\",\"stream\""));
    assert_non_null(strstr(text, "{\"log\":\"\xe2\x82\xac"));
    assert_null(strstr(text, "\xef\xbf\xbd"));
}

static void
test_rotation(void **state)
{
    const struct scratch *scratch = *state;
    const int64_t record = (int64_t)strlen(OUT("1\\n"));
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    char path[128];

    open_log(&log, scratch, path, 2 * record, 3);
    put(&log, false, "1\n2\n");
    assert_file(scratch, "log.json", OUT("1\\n") OUT("2\\n"));
    assert_false(scratch_has(scratch, "log.json.1"));
    put(&log, false, "3\n4\n5\n"); /* in one batch: the file must not grow past its size all the same */
    assert_file(scratch, "log.json", OUT("5\\n"));
    assert_file(scratch, "log.json.1", OUT("3\\n") OUT("4\\n"));
    assert_file(scratch, "log.json.2", OUT("1\\n") OUT("2\\n"));
    put(&log, false, "6\n7\n");
    assert_file(scratch, "log.json", OUT("7\\n"));
    assert_file(scratch, "log.json.1", OUT("5\\n") OUT("6\\n"));
    assert_file(scratch, "log.json.2", OUT("3\\n") OUT("4\\n"));
    assert_false(scratch_has(scratch, "log.json.3"));
}

/* What is in the way of a rotation is there for the next line too: the next try is as many bytes away as the size. */
static void
test_a_rotation_that_fails_is_not_tried_again_for_each_line(void **state)
{
    const struct scratch *scratch = *state;
    const int64_t record = (int64_t)strlen(OUT("1\\n"));
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    char path[128];

    open_log(&log, scratch, path, 2 * record, 2);
    assert_int_equal(mkdirat(scratch->fd, "log.json.1", 0700), 0);
    put(&log, false, "1\n2\n3\n");
    assert_file(scratch, "log.json", OUT("1\\n") OUT("2\\n") OUT("3\\n"));
    assert_int_equal(unlinkat(scratch->fd, "log.json.1", AT_REMOVEDIR), 0);
    put(&log, false, "4\n");
    assert_file(scratch, "log.json", OUT("1\\n") OUT("2\\n") OUT("3\\n") OUT("4\\n"));
    put(&log, false, "5\n6\n7\n8\n"); /* and then as ever */
    assert_file(scratch, "log.json", OUT("7\\n") OUT("8\\n"));
    assert_file(scratch, "log.json.1", OUT("5\\n") OUT("6\\n"));
}

/* Where no new file can be opened, the old one has its name again, and goes on. */
static void
test_a_rotation_without_a_new_file_is_taken_back(void **state)
{
    const struct scratch *scratch = *state;
    const int64_t record = (int64_t)strlen(OUT("1\\n"));
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    struct rlimit files, none;
    char path[128];

    open_log(&log, scratch, path, 2 * record, 3);
    put(&log, false, "1\n2\n");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = files.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    put(&log, false, "3\n");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_file(scratch, "log.json", OUT("1\\n") OUT("2\\n") OUT("3\\n"));
    assert_false(scratch_has(scratch, "log.json.1"));
}

static void
test_one_file_is_emptied(void **state)
{
    const struct scratch *scratch = *state;
    const int64_t record = (int64_t)strlen(OUT("1\\n"));
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    char path[128];

    open_log(&log, scratch, path, 2 * record, 1);
    put(&log, false, "1\n2\n3\n");
    assert_file(scratch, "log.json", OUT("3\\n"));
    assert_false(scratch_has(scratch, "log.json.1"));
    put(&log, false, "4\n"); /* which has room there */
    assert_file(scratch, "log.json", OUT("3\\n") OUT("4\\n"));
}

static void
test_a_record_larger_than_the_size_has_a_file_of_its_own(void **state)
{
    const struct scratch *scratch = *state;
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    char path[128];

    open_log(&log, scratch, path, 10, 2);
    put(&log, false, "1\n");
    assert_file(scratch, "log.json", OUT("1\\n"));
    assert_false(scratch_has(scratch, "log.json.1")); /* an empty file is not put aside */
    put(&log, false, "2\n");
    assert_file(scratch, "log.json", OUT("2\\n"));
    assert_file(scratch, "log.json.1", OUT("1\\n"));
}

static void
limit_file_size(rlim_t size)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit on the size of files makes write(2) fail, after writing a part, just as a full disk does. */
static void
test_what_a_full_disk_costs_is_noted(void **state)
{
    const struct scratch *scratch = *state;
    const size_t record = strlen(OUT("1\\n"));
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    sc_cleanup_free char *text = NULL;
    char path[128];

    assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    open_log(&log, scratch, path, 0, 0);
    put(&log, false, "1\n");
    limit_file_size(record + record / 2);
    put(&log, false, "2\n");
    put(&log, false, "33\n");
    limit_file_size(RLIM_INFINITY);
    assert_file(scratch, "log.json", OUT("1\\n")); /* no torn record is left */
    put(&log, false, "4\n");
    put(&log, false, "5\n");
    text = scratch_read(scratch, "log.json");
    assert_memory_equal(text, OUT("1\\n"), record);
    assert_non_null(strstr(text + record,
                           "{\"log\":\"sc-monitor: 5 bytes of output are missing here: File too large\\n\","
                           "\"stream\":\"stderr\",\"time\":\""));
    assert_string_equal(text + strlen(text) - 2 * record, OUT("4\\n") OUT("5\\n"));
    assert_null(strstr(text, "{\"log\":\"33"));
}

static void
test_a_loss_at_the_very_end_is_noted(void **state)
{
    const struct scratch *scratch = *state;
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    sc_cleanup_free char *text = NULL;
    char path[128];

    assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    open_log(&log, scratch, path, 0, 0);
    limit_file_size(10);
    put(&log, false, "lost\n");
    limit_file_size(RLIM_INFINITY);
    sc_log_finish(&log, NOW);
    text = scratch_read(scratch, "log.json");
    assert_non_null(strstr(text, "sc-monitor: 5 bytes of output are missing here"));
}

static void
test_open_errors(void **state)
{
    const struct scratch *scratch = *state;
    sc_cleanup_log_writer log = SC_LOG_WRITER_INIT;
    char path[128], message[256];
    struct sc_err err;

    assert_fails(sc_log_open(&log, "log.json", 0, 0, &err), SC_ERR_INVALID,
                 "open log \"log.json\": it is not the absolute path of a file");
    (void)snprintf(path, sizeof(path), "%s/no/log.json", scratch->path);
    (void)snprintf(message, sizeof(message), "open log \"%s\": open its directory: no such file or directory", path);
    assert_fails(sc_log_open(&log, path, 0, 0, &err), SC_ERR_NOT_FOUND, message);
    /* Without a log, writing does nothing. */
    put(&log, false, "x\n");
    sc_log_finish(&log, NOW);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_lines),
        SCRATCH_TEST(test_escapes),
        SCRATCH_TEST(test_the_log_is_continued),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_a_piece_does_not_cut_a_character),
        SCRATCH_TEST(test_a_character_on_the_limit_stays_whole),
        SCRATCH_TEST(test_rotation),
        SCRATCH_TEST(test_a_rotation_that_fails_is_not_tried_again_for_each_line),
        SCRATCH_TEST(test_a_rotation_without_a_new_file_is_taken_back),
        SCRATCH_TEST(test_one_file_is_emptied),
        SCRATCH_TEST(test_a_record_larger_than_the_size_has_a_file_of_its_own),
        SCRATCH_TEST(test_what_a_full_disk_costs_is_noted),
        SCRATCH_TEST(test_a_loss_at_the_very_end_is_noted),
        SCRATCH_TEST(test_open_errors),
    };

    return RUN_TESTS(tests);
}
