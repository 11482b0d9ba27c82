/* Docker's units, columns, cuts and filters. */
#include <time.h>

#include "test.h"

#include "base/json.h"
#include "cli/cli.h"

#define SECOND 1000000000LL

static void
test_sizes(void **state)
{
    static const struct {
        int64_t bytes;
        const char *expected;
    } cases[] = {
        {0, "0B"},
        {1, "1B"},
        {999, "999B"},
        {1000, "1kB"},
        {1500, "1.5kB"},
        {999499, "999kB"},
        {999500, "1MB"},
        {1982946, "1.98MB"},
        {12345678, "12.3MB"},
        {123456789, "123MB"},
        {1000000000, "1GB"},
        {INT64_MAX, "9.22EB"},
        {-5, "0B"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        char text[SC_HUMAN_MAX];

        sc_human_size(cases[i].bytes, text);
        assert_string_equal(text, cases[i].expected);
    }
}

static void
test_durations(void **state)
{
    static const struct {
        int64_t seconds;
        const char *expected;
    } cases[] = {
        {0, "Less than a second"},  {1, "1 second"},          {59, "59 seconds"},      {60, "About a minute"},
        {119, "About a minute"},    {120, "2 minutes"},       {3599, "59 minutes"},    {3600, "About an hour"},
        {5399, "About an hour"},    {5400, "2 hours"},        {47 * 3600, "47 hours"}, {48 * 3600, "2 days"},
        {13 * 86400, "13 days"},    {14 * 86400, "2 weeks"},  {59 * 86400, "8 weeks"}, {60 * 86400, "2 months"},
        {729 * 86400, "24 months"}, {730 * 86400, "2 years"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        char text[SC_HUMAN_MAX];

        sc_human_duration(cases[i].seconds * SECOND, text);
        assert_string_equal(text, cases[i].expected);
    }
}

static void
test_time(void **state)
{
    char text[SC_HUMAN_MAX];

    (void)state;
    assert_int_equal(setenv("TZ", "UTC0", 1), 0);
    tzset();
    sc_human_time(1784969271 * SECOND + 5, text);
    assert_string_equal(text, "2026-07-25 08:47:51 +0000 UTC");
    assert_int_equal(setenv("TZ", "XYZ-5:30", 1), 0);
    tzset();
    sc_human_time(0, text);
    assert_string_equal(text, "1970-01-01 05:30:00 +0530 XYZ");
}

static void
test_states(void **state)
{
    struct sc_container c = SC_CONTAINER_INIT;
    const int64_t now = 1000 * SECOND;
    static const struct {
        enum sc_status status;
        int code;
        const char *expected;
    } cases[] = {
        {SC_STATUS_CREATED, 0, "Created"},
        {SC_STATUS_RUNNING, 0, "Up 5 seconds"},
        {SC_STATUS_PAUSED, 0, "Up 5 seconds (Paused)"},
        {SC_STATUS_STOPPED, 137, "Exited (137) 2 seconds ago"},
    };

    (void)state;
    c.started_at = now - 5 * SECOND;
    c.finished_at = now - 2 * SECOND;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf text = SC_BUF_INIT;

        c.status = cases[i].status;
        c.exit.code = cases[i].code;
        sc_human_status(&c, now, &text);
        assert_string_equal(sc_buf_str(&text), cases[i].expected);
    }
}

static void
test_cuts(void **state)
{
    static const struct {
        const char *text;
        size_t max;
        const char *expected;
    } cases[] = {
        {"", 5, ""},
        {"12345", 5, "12345"},
        {"123456", 5, "1234\xe2\x80\xa6"},
        {"\xc3\xa4\xc3\xb6\xc3\xbc", 3, "\xc3\xa4\xc3\xb6\xc3\xbc"},
        {"\xc3\xa4\xc3\xb6\xc3\xbcx", 3, "\xc3\xa4\xc3\xb6\xe2\x80\xa6"}, /* characters, not bytes */
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf text = SC_BUF_INIT;

        sc_human_cut(cases[i].text, cases[i].max, &text);
        assert_string_equal(sc_buf_str(&text), cases[i].expected);
    }
}

/* At least ten wide, three apart, the last column as it is. */
static void
test_columns(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"A\n", "A\n"},
        {"A\tB\n", "A         B\n"},
        {"ID\tNAME\nabcdefghijkl\tx\n", "ID             NAME\nabcdefghijkl   x\n"},
        {"A\t\tC\n1\t2\t3\n", "A                   C\n1         2         3\n"},
        {"\xc3\xa4\tB\nxx\tC\n", "\xc3\xa4         B\nxx        C\n"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf text = SC_BUF_INIT;

        sc_table_align(cases[i].text, &text);
        assert_string_equal(sc_buf_str(&text), cases[i].expected);
    }
}

/* --filter label=... */
static void
test_labels(void **state)
{
    static const struct {
        const char *wanted;
        bool expected;
    } cases[] = {
        {"a", true},  {"a=1", true}, {"a=2", false},  {"a=", false},    {"bare", true}, {"bare=", false},
        {"b", false}, {"", false},   {"empty", true}, {"empty=", true}, {"aa", false},  {"a=1=2", false},
    };
    char *items[] = {"a=1", "bare", "empty="};
    struct sc_strv labels = {.items = items, .count = SC_ARRAY_LEN(items)};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        assert_int_equal(sc_cli_has_label(&labels, cases[i].wanted), cases[i].expected);
}

/* Docker's rows escape what HTML minds, as Go does by default; a member of a row is as it is. */
static void
test_rows(void **state)
{
    static const struct {
        const char *template, *expected;
    } cases[] = {
        {"{{json .}}", "{\"By\":\"a \\u0026\\u0026 b\",\"Tag\":\"\\u003cnone\\u003e\"}"},
        {"{{json $}}", "{\"By\":\"a \\u0026\\u0026 b\",\"Tag\":\"\\u003cnone\\u003e\"}"},
        {"{{json .Tag}} {{json .By}}", "\"<none>\" \"a && b\""},
        {"{{.Tag}}", "<none>"},
    };
    sc_cleanup_json row = json_pack("{s:s, s:s}", "By", "a && b", "Tag", "<none>");

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf out = SC_BUF_INIT;
        struct sc_err err = SC_ERR_INIT;

        assert_int_equal(sc_template_run_row(cases[i].template, row, &out, &err), 0);
        assert_string_equal(sc_buf_str(&out), cases[i].expected);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),  cmocka_unit_test(test_durations), cmocka_unit_test(test_time),
        cmocka_unit_test(test_states), cmocka_unit_test(test_cuts),      cmocka_unit_test(test_columns),
        cmocka_unit_test(test_labels), cmocka_unit_test(test_rows),
    };

    return RUN_TESTS(tests);
}
