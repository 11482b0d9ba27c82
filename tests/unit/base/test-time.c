/* RFC 3339 both ways. */
#include "test.h"

#define SEC 1000000000LL

static void
test_format(void **state)
{
    static const struct {
        int64_t nsec;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000000000Z"},
        {1, "1970-01-01T00:00:00.000000001Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {951782400 * SEC, "2000-02-29T00:00:00.000000000Z"},
        {1795425047 * SEC + 123456789, "2026-11-23T09:10:47.123456789Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
    };
    struct sc_err err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        char text[SC_TIME_MAX];
        int64_t back = 1;

        sc_time_format(rows[i].nsec, text);
        assert_string_equal(text, rows[i].text);
        if (rows[i].nsec == INT64_MIN)
            continue; /* its whole seconds are out of range before the fraction is added */
        assert_ok(sc_time_parse(text, &back, &err));
        assert_true(back == rows[i].nsec);
    }
}

static void
test_parse(void **state)
{
    static const struct {
        const char *text;
        int64_t nsec;
    } rows[] = {
        {"2026-11-23T09:10:47Z", 1795425047 * SEC},      {"2026-11-23t09:10:47z", 1795425047 * SEC},
        {"2026-11-23T10:40:47+01:30", 1795425047 * SEC}, {"2026-11-23T07:10:47.5-02:00", 1795425047 * SEC + SEC / 2},
        {"1970-01-01T00:00:00.1234567899Z", 123456789},
    };
    static const char *const bad[] = {
        "",
        "2026-11-23",
        "2026-11-23T09:10:47",
        "2026-11-23 09:10:47Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+1:00",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00Zx",
        "26-01-01T00:00:00Z",
        "9999-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
    };
    struct sc_err err;
    int64_t value;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        assert_ok(sc_time_parse(rows[i].text, &value, &err));
        assert_true(value == rows[i].nsec);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        err = (struct sc_err)SC_ERR_INIT;
        if (sc_time_parse(bad[i], &value, &err) != -1)
            fail_msg("\"%s\" was taken for a time", bad[i]);
        assert_int_equal(err.kind, SC_ERR_INVALID);
    }
    assert_fails(sc_time_parse("now", &value, &err), SC_ERR_INVALID,
                 "\"now\": must be a time such as 2026-11-23T09:10:47Z");
}

static void
test_clocks_run(void **state)
{
    int64_t first = sc_time_monotonic();

    (void)state;
    assert_true(first > 0);
    assert_true(sc_time_monotonic() >= first);
    assert_true(sc_time_now() > 1700000000 * SEC);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_clocks_run),
    };

    return RUN_TESTS(tests);
}
