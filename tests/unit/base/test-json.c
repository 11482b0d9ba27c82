/* The typed getters, the numbers jansson cannot hold, and the dumper. */
#include "scratch.h"

#include "base/json.h"

static json_t *
parse(const char *text)
{
    struct sc_err err = SC_ERR_INIT;
    json_t *json = NULL;

    if (sc_json_parse(text, strlen(text), "test", &json, &err) < 0)
        fail_msg("%s", err.msg);
    return json;
}

static void
test_parse_errors(void **state)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "{\"a\":1}x",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":01}",
                                      "[1,]",
                                      "\"\xff\"",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"a\":99999999999999999999}",
                                      "{\"a\":-9223372036854775809}"};
    struct sc_err err;
    json_t *json = NULL;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        err = (struct sc_err)SC_ERR_INIT;
        assert_int_equal(sc_json_parse(bad[i], strlen(bad[i]), "x", &json, &err), -1);
        assert_int_equal(err.kind, SC_ERR_INVALID);
        assert_memory_equal(err.msg, "parse x: line ", 14);
        assert_null(json);
    }
    assert_fails(sc_json_parse("{\n 1}", 5, "config.json", &json, &err), SC_ERR_INVALID,
                 "parse config.json: line 2, column 2: a string is expected");
}

/* What RFC 8259 allows and forbids, with jansson's own parser as the second opinion. */
static void
test_grammar_as_jansson_has_it(void **state)
{
    static const char *const texts[] = {
        "[]",
        " {\t} \r\n",
        "[1,2]",
        "[1 2]",
        "[1,,2]",
        "[,1]",
        "{\"a\" : 1 , \"b\":[ ]}",
        "{\"a\" 1}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"\":1}",
        "[true,false,null]",
        "[tru]",
        "[nulll]",
        "[TRUE]",
        "[0,-0,0.5,-1.25e+3,1E2,1e-2]",
        "[00]",
        "[-]",
        "[1.]",
        "[.5]",
        "[1e]",
        "[1e+]",
        "[+1]",
        "[0x1]",
        "[1e999]",
        "[NaN]",
        "[-9223372036854775808]",
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
        "[\"\\u0041\\u00e9\\u20AC\\ud83d\\udc33\"]",
        "[\"\\ud83d\"]",
        "[\"\\udc33\"]",
        "[\"\\ud83dx\"]",
        "[\"\\ud83d\\u0041\"]",
        "[\"\\u12\"]",
        "[\"\\u12g4\"]",
        "[\"\\u\"]",
        "[\"\\x\"]",
        "[\"\\",
        "[\"a",
        "[\"a\nb\"]",
        "[\"a\tb\"]",
        "[\"\x7f\"]",
        "[\"\xc3\xa9\"]",
        "[\"\xc3\"]",
        "[\"\xed\xa0\x80\"]",
        "{\"\\u0061\":1,\"a\":2}",
        "{\"a key of more than sixty-four bytes, which is as many as the parser keeps on its stack\":{\"b\":1}}",
        "{\"a\":{\"a\":{\"a\":[{\"a\":1}]}}}",
        "[1]]",
        "[1}",
        "{\"a\":1]",
        "[1]//",
        "\xef\xbb\xbf[]",
        "nul",
        "\"x\"",
        "7",
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(texts); i++) {
        sc_cleanup_json ours = NULL;
        sc_cleanup_json theirs = json_loads(texts[i], JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
        struct sc_err err = SC_ERR_INIT;

        if ((sc_json_parse(texts[i], strlen(texts[i]), "x", &ours, &err) == 0) != (theirs != NULL))
            fail_msg("%s: jansson %s it, we say \"%s\"", texts[i], theirs ? "takes" : "refuses", err.msg);
        if (theirs && !json_equal(ours, theirs))
            fail_msg("%s: the values differ", texts[i]);
    }
}

static void
test_each_refusal_says_why(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "line 1, column 1: it ends too early"},
        {"[", "line 1, column 2: it ends too early"},
        {"[}", "line 1, column 2: a value is expected"},
        {"[1\n;", "line 2, column 1: \",\" or \"]\" is expected"},
        {"{\"a\":1;", "line 1, column 7: \",\" or \"}\" is expected"},
        {"{\"a\"}", "line 1, column 5: \":\" is expected"},
        {"{1:1}", "line 1, column 2: a string is expected"},
        {"{\"a\":1,\"a\":1}", "line 1, column 11: a key that was there before"},
        {"[\"a", "line 1, column 4: a string that does not end"},
        {"[\"\n\"]", "line 1, column 3: a control character in a string"},
        {"[\"\xff\"]", "line 1, column 3: a byte that is not UTF-8"},
        {"[\"\\u0000\"]", "line 1, column 9: an escape that does not exist"},
        {"\"X\\", "line 1, column 4: an escape that does not exist"},
        {"[-x]", "line 1, column 3: a number that is not complete"},
        {"[01]", "line 1, column 3: a number with a leading zero"},
        {"[18446744073709551616]", "line 1, column 22: a number that is too large"},
        {"[1e999]", "line 1, column 7: a number that is too large"},
        {"[\"\\u000118446744073709551615\"]", "line 1, column 30: a string that stands for a number"},
        {"[] []", "line 1, column 4: something follows the end"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        struct sc_err err = SC_ERR_INIT;
        json_t *json = NULL;

        assert_int_equal(sc_json_parse(rows[i].text, strlen(rows[i].text), "x", &json, &err), -1);
        assert_memory_equal(err.msg, "parse x: ", 9);
        assert_string_equal(err.msg + 9, rows[i].why);
    }
}

static void
test_depth_is_bounded(void **state)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    json_t *json = NULL;

    (void)state;
    for (int i = 0; i < 100000; i++)
        sc_buf_addc(&text, '[');
    assert_int_equal(sc_json_parse(text.data, text.len, "x", &json, &err), -1);
    assert_int_equal(err.kind, SC_ERR_INVALID);
    assert_non_null(strstr(err.msg, "too many levels"));
}

static void
test_absent_and_null_leave_out_alone(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_json json = parse("{\"null\":null}");
    struct sc_strv list = {.count = 3};
    char *text = NULL;
    struct sc_err err;
    int64_t i64 = 5;
    uint64_t u64 = 6;
    uint32_t u32 = 7;
    bool truth = true;
    json_t *inner = json;

    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *key = i ? "null" : "absent";

        assert_ok(sc_json_get_str(json, key, "", &arena, &text, &err));
        assert_ok(sc_json_get_i64(json, key, "", &i64, &err));
        assert_ok(sc_json_get_u64(json, key, "", &u64, &err));
        assert_ok(sc_json_get_u32(json, key, "", &u32, &err));
        assert_ok(sc_json_get_bool(json, key, "", &truth, &err));
        assert_ok(sc_json_get_strv(json, key, "", &arena, &list, &err));
        assert_ok(sc_json_get_map(json, key, "", &arena, &list, &err));
        inner = json;
        assert_ok(sc_json_get_obj(json, key, "", &inner, &err));
        assert_null(inner);
        inner = json;
        assert_ok(sc_json_get_arr(json, key, "", &inner, &err));
        assert_null(inner);
    }
    assert_null(text);
    assert_int_equal(i64, 5);
    assert_int_equal(u64, 6);
    assert_int_equal(u32, 7);
    assert_true(truth);
    assert_int_equal(list.count, 3);
}

static void
test_wrong_types_name_the_member(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_json json = parse("{\"s\":\"x\",\"n\":1,\"l\":[\"a\",1],\"o\":{\"k\":1},\"b\":\"true\",\"f\":1.5}");
    struct sc_strv list = {.count = 0};
    struct sc_err err;
    char *text = NULL;
    int64_t i64;
    uint32_t u32;
    bool truth;
    json_t *inner;

    (void)state;
    assert_fails(sc_json_get_str(json, "n", "a.b", &arena, &text, &err), SC_ERR_INVALID, "a.b.n: must be a string");
    assert_fails(sc_json_get_str(json, "n", "", &arena, &text, &err), SC_ERR_INVALID, "n: must be a string");
    assert_fails(sc_json_get_i64(json, "s", "a", &i64, &err), SC_ERR_INVALID, "a.s: must be a number");
    assert_fails(sc_json_get_i64(json, "f", "a", &i64, &err), SC_ERR_INVALID, "a.f: must be a whole number");
    assert_fails(sc_json_get_u32(json, "l", "a", &u32, &err), SC_ERR_INVALID, "a.l: must be a number");
    assert_fails(sc_json_get_bool(json, "b", "a", &truth, &err), SC_ERR_INVALID, "a.b: must be true or false");
    assert_fails(sc_json_get_strv(json, "s", "a", &arena, &list, &err), SC_ERR_INVALID,
                 "a.s: must be a list of strings");
    assert_fails(sc_json_get_strv(json, "l", "a", &arena, &list, &err), SC_ERR_INVALID, "a.l[1]: must be a string");
    assert_fails(sc_json_get_map(json, "l", "a", &arena, &list, &err), SC_ERR_INVALID,
                 "a.l: must be an object of strings");
    assert_fails(sc_json_get_map(json, "o", "a", &arena, &list, &err), SC_ERR_INVALID, "a.o[\"k\"]: must be a string");
    assert_fails(sc_json_get_obj(json, "l", "a", &inner, &err), SC_ERR_INVALID, "a.l: must be an object");
    assert_fails(sc_json_get_arr(json, "o", "a", &inner, &err), SC_ERR_INVALID, "a.o: must be a list");
}

static void
test_number_ranges(void **state)
{
    sc_cleanup_json json =
        parse("{\"max\":18446744073709551615,\"big\":9223372036854775808,\"i\":9223372036854775807,"
              "\"low\":-9223372036854775808,\"neg\":-1,\"u32\":4294967295,\"u33\":4294967296,\"real\":1e6,"
              "\"zero\":-0.0,\"far\":1e300}");
    struct sc_err err;
    uint64_t u64 = 0;
    uint32_t u32 = 0;
    int64_t i64 = 0;

    (void)state;
    assert_ok(sc_json_get_u64(json, "max", "", &u64, &err));
    assert_true(u64 == UINT64_MAX);
    assert_ok(sc_json_get_u64(json, "big", "", &u64, &err));
    assert_true(u64 == 1ULL << 63);
    assert_fails(sc_json_get_i64(json, "big", "", &i64, &err), SC_ERR_INVALID,
                 "big: must be a number from -9223372036854775808 to 9223372036854775807");
    assert_ok(sc_json_get_i64(json, "i", "", &i64, &err));
    assert_true(i64 == INT64_MAX);
    assert_ok(sc_json_get_i64(json, "low", "", &i64, &err));
    assert_true(i64 == INT64_MIN);
    assert_fails(sc_json_get_u64(json, "neg", "", &u64, &err), SC_ERR_INVALID,
                 "neg: must be a number from 0 to 18446744073709551615");
    assert_ok(sc_json_get_u32(json, "u32", "", &u32, &err));
    assert_true(u32 == UINT32_MAX);
    assert_fails(sc_json_get_u32(json, "u33", "", &u32, &err), SC_ERR_INVALID,
                 "u33: must be a number from 0 to 4294967295");
    assert_fails(sc_json_get_u32(json, "max", "", &u32, &err), SC_ERR_INVALID,
                 "max: must be a number from 0 to 4294967295");
    assert_ok(sc_json_get_i64(json, "real", "", &i64, &err));
    assert_int_equal(i64, 1000000);
    assert_ok(sc_json_get_u64(json, "zero", "", &u64, &err));
    assert_int_equal(u64, 0);
    assert_fails(sc_json_get_i64(json, "far", "", &i64, &err), SC_ERR_INVALID, "far: must be a whole number");
}

/* Large numbers are carried through; strings of digits and parts of other numbers are not touched. */
static void
test_big_numbers_travel(void **state)
{
    static const char text[] = "{\"a\":18446744073709551615,\"b\":\"18446744073709551615\",\"c\":[9223372036854775808],"
                               "\"d \\\"18446744073709551615\":\"x\\\\\",\"e\":18446744073709551615}";
    sc_cleanup_json json = parse(text);
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf out = SC_BUF_INIT;
    struct sc_err err;
    char *value = NULL;

    (void)state;
    assert_ok(sc_json_dump(json, &out, &err));
    assert_string_equal(sc_buf_str(&out), text);
    assert_ok(sc_json_get_str(json, "b", "", &arena, &value, &err));
    assert_string_equal(value, "18446744073709551615");
    /* a number is never a string */
    assert_fails(sc_json_get_str(json, "a", "", &arena, &value, &err), SC_ERR_INVALID, "a: must be a string");
}

static void
test_lists_and_maps(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_json json = parse("{\"l\":[\"a\",\"b\"],\"m\":{\"z\":\"1\",\"a\":\"=\"},\"e\":[],\"s\":\"\\u00e9\"}");
    struct sc_strv list = {.count = 0};
    struct sc_err err;
    char *text = NULL;

    (void)state;
    assert_ok(sc_json_get_strv(json, "l", "", &arena, &list, &err));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[1], "b");
    assert_null(list.items[2]);
    assert_ok(sc_json_get_map(json, "m", "", &arena, &list, &err));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0], "z=1");
    assert_string_equal(list.items[1], "a==");
    assert_ok(sc_json_get_strv(json, "e", "", &arena, &list, &err));
    assert_int_equal(list.count, 0);
    assert_ok(sc_json_get_str(json, "s", "", &arena, &text, &err));
    assert_string_equal(text, "\xc3\xa9");
}

static void
test_dump(void **state)
{
    sc_cleanup_json json = parse("{\"z\":[],\"a\":{},\"l\":[1,-2.5,1e3,null,true,false,{\"k\":\"v\\n\"}]}");
    sc_cleanup_buf out = SC_BUF_INIT;
    struct sc_err err;

    (void)state;
    assert_ok(sc_json_dump(json, &out, &err));
    assert_string_equal(sc_buf_str(&out), "{\"z\":[],\"a\":{},\"l\":[1,-2.5,1000.0,null,true,false,{\"k\":\"v\\n\"}]}");
    sc_buf_clear(&out);
    assert_ok(sc_json_dump_pretty(json, &out, &err));
    assert_string_equal(sc_buf_str(&out), "{\n"
                                          "    \"z\": [],\n"
                                          "    \"a\": {},\n"
                                          "    \"l\": [\n"
                                          "        1,\n"
                                          "        -2.5,\n"
                                          "        1000.0,\n"
                                          "        null,\n"
                                          "        true,\n"
                                          "        false,\n"
                                          "        {\n"
                                          "            \"k\": \"v\\n\"\n"
                                          "        }\n"
                                          "    ]\n"
                                          "}");
    json_decref(json);
    json = parse("{\"a\":[{\"b\":1}],\"c\":{}}");
    sc_buf_clear(&out);
    assert_ok(sc_json_dump_indented(json, 3, &out, &err));
    assert_string_equal(sc_buf_str(&out),
                        "{\n   \"a\": [\n      {\n         \"b\": 1\n      }\n   ],\n   \"c\": {}\n}");
    sc_buf_clear(&out);
    assert_ok(sc_json_dump_indented(json, 0, &out, &err));
    assert_string_equal(sc_buf_str(&out), "{\n\t\"a\": [\n\t\t{\n\t\t\t\"b\": 1\n\t\t}\n\t],\n\t\"c\": {}\n}");
}

static void
test_read_at(void **state)
{
    struct scratch *scratch = *state;
    sc_cleanup_json json = NULL;
    struct sc_err err;

    assert_ok(sc_file_replace_at(scratch->fd, "f.json", "{\"a\":1}", 7, 0600, SC_VOLATILE, &err));
    assert_ok(sc_json_read_at(scratch->fd, "f.json", 7, &json, &err));
    assert_true(json_is_object(json));
    sc_json_decrefp(&json);
    assert_null(json);
    assert_fails(sc_json_read_at(scratch->fd, "f.json", 6, &json, &err), SC_ERR_INVALID,
                 "read \"f.json\": it is larger than 6 bytes");
    assert_ok(sc_file_replace_at(scratch->fd, "f.json", "", 0, 0600, SC_VOLATILE, &err));
    assert_fails(sc_json_read_at(scratch->fd, "f.json", 6, &json, &err), SC_ERR_INVALID,
                 "parse f.json: line 1, column 1: it ends too early");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_errors),
        cmocka_unit_test(test_grammar_as_jansson_has_it),
        cmocka_unit_test(test_each_refusal_says_why),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_absent_and_null_leave_out_alone),
        cmocka_unit_test(test_wrong_types_name_the_member),
        cmocka_unit_test(test_number_ranges),
        cmocka_unit_test(test_big_numbers_travel),
        cmocka_unit_test(test_lists_and_maps),
        cmocka_unit_test(test_dump),
        SCRATCH_TEST(test_read_at),
    };

    return RUN_TESTS(tests);
}
