/* -e and --env-file. */
#include "test.h"

#include "cli/cli.h"

static const char *
joined(const struct sc_strv *list, struct sc_buf *out)
{
    for (size_t i = 0; i < list->count; i++)
        sc_buf_addf(out, "%s%s", i ? "|" : "", list->items[i]);
    return sc_buf_str(out);
}

static void
test_files(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"\n\n", ""},
        {"A=1", "A=1"},
        {"A=1\nB=2\n", "A=1|B=2"},
        {"A=1\r\nB=2\r\n", "A=1|B=2"},
        {"# a comment\n  # another\nA=1 # part of the value\n", "A=1 # part of the value"},
        {"  A=1\n\tB= 2 \n", "A=1|B= 2 "},
        {"A=\n", "A="},
        {"A=\"quoted\"\nB='so'\n", "A=\"quoted\"|B='so'"}, /* no shell reads it */
        {"A=x=y\n", "A=x=y"},
        {"SC_TEST_SET\nSC_TEST_UNSET\n", "SC_TEST_SET=from here"}, /* what is not set is left out */
        {"\xef\xbb\xbf"
         "A=1\n",
         "A=1"},
        {"A=\xc3\xa9\n", "A=\xc3\xa9"},
    };

    (void)state;
    assert_int_equal(setenv("SC_TEST_SET", "from here", 1), 0);
    assert_int_equal(unsetenv("SC_TEST_UNSET"), 0);
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_strv env = {0};
        struct sc_err err;

        assert_ok(sc_env_parse(cases[i].text, "f", &env, &arena, &err));
        assert_string_equal(joined(&env, &text), cases[i].expected);
    }
}

static void
test_bad_files(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"=1\n", "--env-file \"f\": line 1: no variable name before \"=\""},
        {"A=1\n\n  =2\n", "--env-file \"f\": line 3: no variable name before \"=\""},
        {"A B=1\n", "--env-file \"f\": line 1: the name of \"A B=1\" contains whitespace"},
        {"A =1\n", "--env-file \"f\": line 1: the name of \"A =1\" contains whitespace"},
        {"export A\n", "--env-file \"f\": line 1: the name of \"export A\" contains whitespace"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_strv env = {0};
        struct sc_err err;

        assert_fails(sc_env_parse(cases[i].text, "f", &env, &arena, &err), SC_ERR_INVALID, cases[i].message);
    }
}

static void
test_flags(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_strv env = {0};
    struct sc_err err;

    (void)state;
    assert_int_equal(setenv("SC_TEST_SET", "from here", 1), 0);
    assert_int_equal(unsetenv("SC_TEST_UNSET"), 0);
    assert_ok(sc_env_add(&env, "A=1", &arena, &err));
    assert_ok(sc_env_add(&env, "B=", &arena, &err));
    assert_ok(sc_env_add(&env, "SC_TEST_SET", &arena, &err));
    assert_ok(sc_env_add(&env, "SC_TEST_UNSET", &arena, &err)); /* without a value: takes the image's away */
    assert_string_equal(joined(&env, &text), "A=1|B=|SC_TEST_SET=from here|SC_TEST_UNSET");
    assert_fails(sc_env_add(&env, "", &arena, &err), SC_ERR_INVALID, "invalid environment variable: \"\"");
    assert_fails(sc_env_add(&env, "=x", &arena, &err), SC_ERR_INVALID, "invalid environment variable: \"=x\"");
}

static void
test_missing_file(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv files = {0}, flags = {0}, env = {0};
    struct sc_err err;

    (void)state;
    sc_strv_add(&files, &arena, "/nonexistent/env");
    assert_fails(sc_env_collect(&files, &flags, &arena, &env, &err), SC_ERR_NOT_FOUND,
                 "--env-file: open \"/nonexistent/env\": no such file or directory");
}

static void
test_label_files(void **state)
{
    static const char *const expected[] = {"a=1", "b", "c=x y", "d=e=f"};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv labels = {0};
    struct sc_err err;

    (void)state;
    assert_ok(sc_label_parse("\xef\xbb\xbf# comment\n\n  a=1\r\n\tb\n \nc=x y\n #\nd=e=f", "f", &labels, &arena, &err));
    assert_int_equal(labels.count, SC_ARRAY_LEN(expected));
    for (size_t i = 0; i < labels.count; i++)
        assert_string_equal(labels.items[i], expected[i]);
    assert_fails(sc_label_parse("a\n=x\n", "f", &labels, &arena, &err), SC_ERR_INVALID,
                 "--label-file \"f\": line 2: no name before \"=\"");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),        cmocka_unit_test(test_bad_files),   cmocka_unit_test(test_flags),
        cmocka_unit_test(test_missing_file), cmocka_unit_test(test_label_files),
    };

    return RUN_TESTS(tests);
}
