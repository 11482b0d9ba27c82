/* Variables of a Dockerfile: the table of modifiers, quotes, escapes and words. */
#include "dockerfile-fixture.h"

static const char *
lookup(void *context, const char *name, size_t len)
{
    static const struct {
        const char *name, *value;
    } table[] = {
        {"A", "hello"},     {"E", ""},
        {"W", " x  y "},    {"P", "/usr/lib/lib.so.1"},
        {"S", "foobarbaz"}, {"U8", "\xc3\xa9t\xc3\xa9"},
        {"D", "$A"},        {"STAR", "a*b"},
    };

    assert_null(context);
    for (size_t i = 0; i < SC_ARRAY_LEN(table); i++)
        if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
            return table[i].value;
    return NULL;
}

static void
test_one_word(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"plain", "plain"},
        {"$A", "hello"},
        {"${A}x$A-", "hellox"
                     "hello-"},
        {"$AB", ""},
        {"$N-${N}", "-"},
        {"$", "$"},
        {"a$ b", "a$ b"},
        {"$(A)", "$(A)"},
        {"\\$A \\\\ \\x", "$A \\ x"},
        {"'$A \\'", "$A \\"},
        {"\"$A \\\" \\x \\$\"", "hello \" \\x $"},
        {"\"'$A'\"", "'hello'"},
        {"end\\", "end"},
        {"$D", "$A"}, /* once */
        {"$1$23$@", ""},
        {"${A:-w}${N:-w}${E:-w}", "helloww"},
        {"${A-w}${N-w}${E-w}", "hellow"},
        {"${A:+w}${N:+w}${E:+w}", "w"},
        {"${A+w}${N+w}${E+w}", "ww"},
        {"${A:?x}${E?x}", "hello"},
        {"${N:-${A:+${U8}}}", "\xc3\xa9t\xc3\xa9"},
        {"${N:-\"}\"}", "}"},
        {"${N:-\\}}", "}"},
        {"${N:-$A b}", "hello b"},
        {"${S#foo}", "barbaz"},
        {"${S#bar}", "foobarbaz"},
        {"${S#*b}", "arbaz"},
        {"${S##*b}", "az"},
        {"${S%b*}", "foobar"},
        {"${S%%b*}", "foo"},
        {"${S%%?a?*}", "foo"},
        {"${S%ba?}", "foobar"},
        {"${S#*}", "foobarbaz"},
        {"${S##*}", ""},
        {"${P##*/}", "lib.so.1"},
        {"${P%/*}", "/usr/lib"},
        {"${P%%.*}", "/usr/lib/lib"},
        {"${P#/*/}", "lib/lib.so.1"},
        {"${STAR#a\\*}", "b"},
        {"${U8#?}", "t\xc3\xa9"},
        {"${U8%?}", "\xc3\xa9t"},
        {"${S/b/B}", "fooBarbaz"},
        {"${S//b/B}", "fooBarBaz"},
        {"${S/ba?/X}", "fooXbaz"},
        {"${S//ba?/X}", "fooXX"},
        {"${S/o*r/-}", "f-baz"},
        {"${S//o/}", "fbarbaz"},
        {"${S//x/y}", "foobarbaz"},
        {"${P/\\//|}", "|usr/lib/lib.so.1"},
        {"${P//\\//|}", "|usr|lib|lib.so.1"},
        {"${N/a/b}", ""},
        {"${S//*/all}", "all"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_err err = SC_ERR_INIT;
        char *out = NULL;

        assert_ok(sc_df_expand(cases[i].text, '\\', lookup, NULL, &arena, &out, &err));
        if (strcmp(out, cases[i].expected) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", cases[i].text, out, cases[i].expected);
    }
}

static void
test_escape_character(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;
    char *out = NULL;

    (void)state;
    assert_ok(sc_df_expand("c:\\$A`$A \"`\"\"", '`', lookup, NULL, &arena, &out, &err));
    assert_string_equal(out, "c:\\hello$A \"");
}

static void
test_words(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"a  b", "a|b"}, {"$W", "x|y"}, {"a${W}b", "a|x|y|b"}, {"\"$W\"", " x  y "},
        {"", ""},        {"'' $E", ""}, {"a\\ b c", "a b|c"},  {"\"a b\"'c d' e", "a bc d|e"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_err err = SC_ERR_INIT;
        struct sc_strv out = {.items = NULL};

        assert_ok(sc_df_expand_words(cases[i].text, '\\', lookup, NULL, &arena, &out, &err));
        assert_string_equal(df_joined(&out, &arena), cases[i].expected);
    }
}

static void
test_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"${", "syntax error: missing '}'"},
        {"${A", "syntax error: missing '}'"},
        {"${A:", "syntax error: missing '}'"},
        {"${A:-b", "syntax error: missing '}'"},
        {"${}", "syntax error: bad substitution"},
        {"${{A}}", "syntax error: bad substitution"},
        {"${:A}", "syntax error: bad substitution"},
        {"${A!b}", "unsupported modifier (!) in substitution"},
        {"${A:b}", "unsupported modifier (:b) in substitution"},
        {"${A/b}", "syntax error: missing '/' in ${}"},
        {"${A/b/c", "syntax error: missing '}'"},
        {"${A#\\a}", "invalid escape in the pattern of a substitution"},
        {"${N?}", "N: is not allowed to be unset"},
        {"${E:?}", "E: is not allowed to be empty"},
        {"${N:?give $A}", "N: give hello"},
        {"'a", "a single quote has no end"},
        {"\"a", "a double quote has no end"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_err err = SC_ERR_INIT;
        char expected[300], *out = NULL;

        (void)snprintf(expected, sizeof(expected), "\"%s\": %s", cases[i].text, cases[i].why);
        assert_fails(sc_df_expand(cases[i].text, '\\', lookup, NULL, &arena, &out, &err), SC_ERR_INVALID, expected);
    }
}

/* Nothing that a text can do costs more than is said. */
static void
test_bounds(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf deep = SC_BUF_INIT, wide = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    char *out = NULL;

    (void)state;
    for (size_t i = 0; i < 40; i++)
        sc_buf_adds(&deep, "${N:-");
    assert_int_equal(sc_df_expand(deep.data, '\\', lookup, NULL, &arena, &out, &err), -1);
    assert_non_null(strstr(err.msg, "more than 32 variables inside of one another"));
    err = (struct sc_err)SC_ERR_INIT;
    for (size_t i = 0; i < 500000; i++)
        sc_buf_adds(&wide, "$A");
    assert_int_equal(sc_df_expand(wide.data, '\\', lookup, NULL, &arena, &out, &err), -1);
    assert_non_null(strstr(err.msg, "its variables make it larger than 1048576 bytes"));
    /* What is not taken is not free. */
    sc_buf_clear(&wide);
    for (size_t i = 0; i < 100000; i++)
        sc_buf_adds(
            &wide,
            "${A:-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}");
    err = (struct sc_err)SC_ERR_INIT;
    assert_int_equal(sc_df_expand(wide.data, '\\', lookup, NULL, &arena, &out, &err), -1);
    assert_non_null(strstr(err.msg, "its variables make it larger than"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_word), cmocka_unit_test(test_escape_character), cmocka_unit_test(test_words),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_bounds),
    };

    return RUN_TESTS(tests);
}
