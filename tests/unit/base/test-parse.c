/* Numbers, sizes, durations, decimals, booleans and lists: each row is one text. */
#include "test.h"

struct row {
    const char *text;
    int64_t value;
};

static void
test_i64(void **state)
{
    static const struct row good[] = {
        {"0", 0}, {"-1", -1}, {"007", 7}, {"9223372036854775807", INT64_MAX}, {"-9223372036854775808", INT64_MIN}};
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "1.0",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999",
                                      "1e3",
                                      "--1"};
    struct sc_err err;
    int64_t value;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(good); i++) {
        assert_ok(sc_parse_i64(good[i].text, &value, &err));
        assert_int_equal(value, good[i].value);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        value = 77;
        err = (struct sc_err)SC_ERR_INIT;
        assert_int_equal(sc_parse_i64(bad[i], &value, &err), -1);
        assert_int_equal(err.kind, SC_ERR_INVALID);
        assert_int_equal(value, 77);
    }
    assert_fails(sc_parse_i64("x", &value, &err), SC_ERR_INVALID,
                 "\"x\": must be a whole number from -9223372036854775808 to 9223372036854775807");
}

static void
test_unsigned(void **state)
{
    struct sc_err err;
    uint64_t big;
    uint32_t small;

    (void)state;
    assert_ok(sc_parse_u64("18446744073709551615", &big, &err));
    assert_true(big == UINT64_MAX);
    assert_fails(sc_parse_u64("18446744073709551616", &big, &err), SC_ERR_INVALID,
                 "\"18446744073709551616\": must be a whole number from 0 to 18446744073709551615");
    assert_fails(sc_parse_u64("-1", &big, &err), SC_ERR_INVALID,
                 "\"-1\": must be a whole number from 0 to 18446744073709551615");
    assert_ok(sc_parse_u32("4294967295", &small, &err));
    assert_true(small == UINT32_MAX);
    assert_fails(sc_parse_u32("4294967296", &small, &err), SC_ERR_INVALID,
                 "\"4294967296\": must be a whole number from 0 to 4294967295");
    assert_fails(sc_parse_u32("", &small, &err), SC_ERR_INVALID, "\"\": must be a whole number from 0 to 4294967295");
}

static void
test_size(void **state)
{
    static const struct row good[] = {
        {"0", 0},
        {"1073741824", 1073741824},
        {"512b", 512},
        {"512B", 512},
        {"64k", 65536},
        {"64K", 65536},
        {"64kb", 65536},
        {"64KiB", 65536},
        {"256m", 268435456},
        {"1.5g", 1610612736},
        {".5m", 524288},
        {"1.", 1},
        {"2 g", 2147483648},
        {"1t", 1099511627776},
        {"1p", 1125899906842624},
        {"0.1k", 102},
        {"1.0000000000000000000000001k", 1024},
        {"8191p", 8191LL << 50},
    };
    static const char *const bad[] = {"",     "m",   "-1",    "-1m",   "1x",  "1mm", "1bb", "1ibm", "1 kk",
                                      "1  m", " 1m", "1.2.3", "1kib1", "1e3", ".",   "1bi", "+1"};
    struct sc_err err;
    int64_t value;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(good); i++) {
        assert_ok(sc_parse_size(good[i].text, &value, &err));
        assert_int_equal(value, good[i].value);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        err = (struct sc_err)SC_ERR_INIT;
        assert_int_equal(sc_parse_size(bad[i], &value, &err), -1);
        assert_int_equal(err.kind, SC_ERR_INVALID);
    }
    assert_fails(sc_parse_size("12q", &value, &err), SC_ERR_INVALID,
                 "\"12q\": must be a size such as 512, 64k, 256m or 1.5g");
    assert_fails(sc_parse_size("8192p", &value, &err), SC_ERR_INVALID, "\"8192p\": must be a size below 8 EiB");
    assert_fails(sc_parse_size("9223372036854775808", &value, &err), SC_ERR_INVALID,
                 "\"9223372036854775808\": must be a size below 8 EiB");
}

static void
test_duration(void **state)
{
    static const struct row good[] = {
        {"0", 0},
        {"-0", 0},
        {"+0", 0},
        {"0s", 0},
        {"10s", 10000000000},
        {"300ms", 300000000},
        {"1.5h", 5400000000000},
        {"1m30s", 90000000000},
        {"1h1m1s1ms1us1ns", 3661001001001},
        {"5\xc2\xb5s", 5000},
        {"5\xce\xbcs", 5000},
        {"-1m", -60000000000},
        {"+2s", 2000000000},
        {".5s", 500000000},
        {"0.1ns", 0},
    };
    static const struct {
        const char *text;
        int64_t value;
    } written[] = {{"0s", 0},
                   {"1ms", 1000000},
                   {"1.5ms", 1500000},
                   {"200ms", 200000000},
                   {"1s", 1000000000},
                   {"10s", 10000000000},
                   {"1.000000001s", 1000000001},
                   {"1m30s", 90000000000},
                   {"1h0m0.5s", 3600500000000}};
    char text[SC_DURATION_MAX];
    static const char *const bad[] = {"",  "s",  "1x",   "1s1", "1 s", "-",  "--1s", "1m 3s",
                                      ".", ".s", "1e3s", "10",  "1.5", "-1", "00",   "0.0"};
    struct sc_err err;
    int64_t value;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(good); i++) {
        assert_ok(sc_parse_duration(good[i].text, &value, &err));
        assert_int_equal(value, good[i].value);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        err = (struct sc_err)SC_ERR_INIT;
        assert_int_equal(sc_parse_duration(bad[i], &value, &err), -1);
        assert_int_equal(err.kind, SC_ERR_INVALID);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(written); i++) {
        sc_duration_format(written[i].value, text);
        assert_string_equal(text, written[i].text);
    }
    assert_fails(sc_parse_duration("1d", &value, &err), SC_ERR_INVALID,
                 "\"1d\": must be a duration such as 10s, 300ms or 1m30s");
    assert_fails(sc_parse_duration("5", &value, &err), SC_ERR_INVALID,
                 "\"5\": must be a duration with its unit, such as 10s, 300ms or 1m30s");
    assert_fails(sc_parse_duration("2562048h", &value, &err), SC_ERR_INVALID,
                 "\"2562048h\": must be a duration below 292 years");
}

static void
test_decimal_nano(void **state)
{
    static const struct row good[] = {
        {".5", 500000000},           {"1.25", 1250000000}, {"2", 2000000000}, {"0.000000001", 1},
        {"0.5000000000", 500000000}, {"1.", 1000000000},   {"0", 0},          {"0.123456789000", 123456789},
    };
    struct sc_err err;
    int64_t value;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(good); i++) {
        assert_ok(sc_parse_decimal_nano(good[i].text, &value, &err));
        assert_int_equal(value, good[i].value);
    }
    assert_fails(sc_parse_decimal_nano("0.0000000001", &value, &err), SC_ERR_INVALID,
                 "\"0.0000000001\": must be a number of at most nine decimals");
    assert_fails(sc_parse_decimal_nano("-1", &value, &err), SC_ERR_INVALID,
                 "\"-1\": must be a decimal number such as 0.5 or 2");
    assert_fails(sc_parse_decimal_nano("", &value, &err), SC_ERR_INVALID,
                 "\"\": must be a decimal number such as 0.5 or 2");
    assert_fails(sc_parse_decimal_nano("1/2", &value, &err), SC_ERR_INVALID,
                 "\"1/2\": must be a decimal number such as 0.5 or 2");
    assert_fails(sc_parse_decimal_nano("9999999999999", &value, &err), SC_ERR_INVALID,
                 "\"9999999999999\": must be a smaller number");
}

static void
test_bool(void **state)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    struct sc_err err;
    bool value;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(yes); i++) {
        value = false;
        assert_ok(sc_parse_bool(yes[i], &value, &err));
        assert_true(value);
        assert_ok(sc_parse_bool(no[i], &value, &err));
        assert_false(value);
    }
    assert_fails(sc_parse_bool("yes", &value, &err), SC_ERR_INVALID, "\"yes\": must be true or false");
    assert_fails(sc_parse_bool("", &value, &err), SC_ERR_INVALID, "\"\": must be true or false");
}

static void
test_cpu_list(void **state)
{
    static const char *const good[] = {"0", "0-3", "0-3,7", "0,1,2", "5-5", "0,0", "1023"};
    static const char *const bad[] = {"",   ",",    "0,",    ",0",  "3-0", "a",         "0-",
                                      "-1", "0--1", "0-3-5", "0 1", "0\n", "4294967296"};
    struct sc_err err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(good); i++)
        assert_ok(sc_parse_cpu_list(good[i], &err));
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        err = (struct sc_err)SC_ERR_INIT;
        assert_int_equal(sc_parse_cpu_list(bad[i], &err), -1);
        assert_int_equal(err.kind, SC_ERR_INVALID);
    }
    assert_fails(sc_parse_cpu_list("0-x", &err), SC_ERR_INVALID, "\"0-x\": must be a list such as 0-3,7");
}

static void
test_str(void **state)
{
    (void)state;
    assert_true(sc_str_starts("abc", "ab"));
    assert_true(sc_str_starts("abc", ""));
    assert_false(sc_str_starts("a", "ab"));
    assert_true(sc_str_ends("abc", "bc"));
    assert_true(sc_str_ends("abc", ""));
    assert_false(sc_str_ends("c", "bc"));
    assert_true(sc_str_eq(NULL, NULL));
    assert_false(sc_str_eq("", NULL));
    assert_false(sc_str_eq(NULL, ""));
    assert_true(sc_str_eq("a", "a"));
    assert_false(sc_str_eq("a", "b"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_i64),      cmocka_unit_test(test_unsigned), cmocka_unit_test(test_size),
        cmocka_unit_test(test_duration), cmocka_unit_test(test_bool),     cmocka_unit_test(test_decimal_nano),
        cmocka_unit_test(test_cpu_list), cmocka_unit_test(test_str),
    };

    return RUN_TESTS(tests);
}
