/* The maps that the options of `sc ns unshare` mean. */
#include "test.h"

#include "cli/cli.h"

static void
test_ranges(void **state)
{
    static const struct {
        const char *text;
        struct sc_ns_range expected;
    } good[] = {{"100000,0,65536", {100000, 0, 65536}}, {"0,0,1", {0, 0, 1}}, {"5,4294967293,1", {5, 4294967293, 1}}};
    static const char *const bad[] = {
        "",     "1",      "1,2",   "1,2,",           "1,2,0",          "1,2,3,4",        "1,2,3,",
        ",2,3", "-1,2,3", "a,2,3", "1,2,4294967296", "4294967294,0,2", "0,4294967294,2", "1, 2,3"};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(good); i++) {
        struct sc_err err = SC_ERR_INIT;
        struct sc_ns_range range = {0};

        assert_int_equal(sc_ns_range_parse(good[i].text, &range, &err), 0);
        assert_memory_equal(&range, &good[i].expected, sizeof(range));
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        struct sc_err err = SC_ERR_INIT;
        struct sc_ns_range range = {0};

        assert_int_equal(sc_ns_range_parse(bad[i], &range, &err), -1);
        assert_int_equal(err.kind, SC_ERR_INVALID);
    }
}

static void
test_maps(void **state)
{
    static const struct {
        int64_t single; /* -1: none */
        struct sc_ns_range range;
        const char *expected;
    } cases[] = {
        {0, {0, 0, 0}, "0 1000 1\n"},
        {-1, {100000, 0, 10}, "0 100000 10\n"},
        {0, {100000, 0, 10}, "0 1000 1\n1 100000 9\n"},
        {5, {100000, 0, 10}, "5 1000 1\n0 100000 5\n6 100005 4\n"},
        {9, {100000, 0, 10}, "9 1000 1\n0 100000 9\n"},
        {10, {100000, 0, 10}, "10 1000 1\n0 100000 10\n"},
        {3, {7, 3, 1}, "3 1000 1\n"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_opt_i64 single = {.is_set = cases[i].single >= 0, .value = cases[i].single};
        sc_cleanup_buf out = SC_BUF_INIT;

        sc_ns_map_add(&out, &single, 1000, &cases[i].range);
        assert_string_equal(sc_buf_str(&out), cases[i].expected);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_maps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
