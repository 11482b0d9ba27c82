/* .dockerignore, --exclude and the wildcards of COPY. */
#include "dockerfile-fixture.h"

static void
test_glob(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool matches;
    } cases[] = {
        {"abc", "abc", true},
        {"abc", "abcd", false},
        {"*", "", true},
        {"*", "abc", true},
        {"*", "a/b", false},
        {"a*", "ab/c", false},
        {"a*/b", "a/b", true},
        {"a*/b", "a/c/b", false},
        {"a*b*c*d*e*/f", "axbxcxdxe/f", true},
        {"a*b*c*d*e*/f", "axbxcxdxexxx/f", true},
        {"a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false},
        {"ab[c]", "abc", true},
        {"ab[b-d]", "abc", true},
        {"ab[e-g]", "abc", false},
        {"ab[^c]", "abc", false},
        {"ab[^e-g]", "abc", true},
        {"a\\*b", "a*b", true},
        {"a\\*b", "ab", false},
        {"a?b",
         "a\xe2\x98\xba"
         "b",
         true},
        {"a[^a]b",
         "a\xe2\x98\xba"
         "b",
         true},
        {"a???b",
         "a\xe2\x98\xba"
         "b",
         false},
        {"[a-\xce\xb6]*", "\xce\xb1", true},
        {"a?b", "a/b", false},
        {"a*b", "a/b", false},
        {"[\\]a]", "]", true},
        {"[\\-]", "-", true},
        {"[x\\-]", "x", true},
        {"*x", "xxx", true},
        {"a[^/]b", "a/b", false},
        {"[", "a", false},
        {"*.go", "x.go.go", true},
        {"**", "ab", true},
        {"", "", true},
        {"", "a", false},
    };
    static const char *const malformed[] = {"[]a]", "[-]",  "[x-]", "[-x]", "[a-b-c]", "[",
                                            "[^",   "[^bc", "a[",   "\\",   "[a\\"};
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        if (sc_df_glob(cases[i].pattern, cases[i].name) != cases[i].matches)
            fail_msg("%s and %s", cases[i].pattern, cases[i].name);
    for (size_t i = 0; i < SC_ARRAY_LEN(malformed); i++)
        assert_fails(sc_df_glob_check(malformed[i], &err), SC_ERR_INVALID, "syntax error in pattern");
    assert_ok(sc_df_glob_check("a*[b-c]\\[", &err));
    assert_true(sc_df_glob_has_wildcard("a?"));
    assert_false(sc_df_glob_has_wildcard("a]b"));
}

/* The time of a pattern with many stars grows with the product, not with a power. */
static void
test_glob_is_bounded(void **state)
{
    char name[2001], pattern[201];

    (void)state;
    memset(name, 'a', 2000);
    name[2000] = '\0';
    for (size_t i = 0; i < 200; i += 2)
        memcpy(&pattern[i], "a*", 2);
    pattern[199] = 'b';
    pattern[200] = '\0';
    assert_false(sc_df_glob(pattern, name));
}

static void
test_ignored(void **state)
{
    static const struct {
        const char *patterns, *path;
        bool is_ignored;
    } cases[] = {
        {"a", "a", true},
        {"a", "a/b/c", true},
        {"a", "b/a", false},
        {"/a/", "a/b", true},
        {"./a//b/../c", "a/c", true},
        {"# a\na #", "a", false},
        {" a \r\n", "a", true},
        {" # a", "# a", true},
        {"\xef\xbb\xbf"
         "a",
         "a", true},
        {"*", "a", true},
        {"*", "a/b", true},
        {"*/b", "a/b", true},
        {"*/b", "b", false},
        {"*/*/c", "a/b/c", true},
        {"a?", "ab", true},
        {"a?", "a/b", false},
        {"*.md\n!README.md", "README.md", false},
        {"*.md\n!README.md", "x.md", true},
        {"!README.md\n*.md", "README.md", true},
        {"*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true},
        {"**/*.go", "x.go", true},
        {"**/*.go", "a/b/x.go", true},
        {"**/*.go", "x.go.txt", false},
        {"**", "a/b", true},
        {"**/a", "a", true},
        {"**/a", "b/a", true},
        {"**/a", "ba", false},
        {"**a", "ba", true},
        {"**a?", "bax", false},
        {"a/**", "a", false},
        {"a/**", "a/b/c", true},
        {"a**", "ab/c", true},
        {"a/**/c", "a/c", true},
        {"a/**/c", "a/x/y/c", true},
        {"a/**/c", "a/xc", false},
        {"a/**/b/**/c", "a/x/b/c", true},
        {"a\n!a/b", "a/b", false},
        {"a\n!a/b", "a/b/c", false},
        {"a\n!a/b", "a/c", true},
        {"a\n!a/b\na/b/c", "a/b/c/d", true},
        {"*\n!src/**\n**/*.o", "src/x/y.o", true},
        {"*\n!src/**\n**/*.o", "src/x/y.c", false},
        {"[a-c]x", "bx", true},
        {"[^a-c]x", "bx", false},
        {"a[^b]c", "a/c", false},
        {"\\*a", "*a", true},
        {"\\!a", "!a", true},
        {"! a\nb", "a", false},
        {"a.b", "axb", false},
        {"a+(b)", "a+(b)", true},
        {"\xc3\xa9?", "\xc3\xa9\xc3\xa8", true},
        {"[\xc3\xa8-\xc3\xaa]", "\xc3\xa9", true},
        {"..", "a", false},
        {"", "a", false},
        {"*", ".", false},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_err err = SC_ERR_INIT;
        struct sc_ignore ignore;

        assert_ok(
            sc_ignore_parse(cases[i].patterns, strlen(cases[i].patterns), ".dockerignore", &arena, &ignore, &err));
        if (sc_ignore_is_ignored(&ignore, cases[i].path) != cases[i].is_ignored)
            fail_msg("%s and %s", cases[i].patterns, cases[i].path);
    }
}

static void
test_skipped(void **state)
{
    static const struct {
        const char *patterns, *dir;
        bool is_skipped;
    } cases[] = {
        {"a", "a", true},
        {"a", "b", false},
        {"a/*", "a", false},
        {"a\n!a/b", "a", false},
        {"a\n!a/b", "a/c", true},
        {"a\n!b", "a", true},
        {"!a/b\na", "a", true}, /* it came too early */
        {"*\n!src/**", "src", false},
        {"*\n!src/**", "doc", true},
        {"*\n!**/*.c", "src", false},
        {"*\n!*/x/y", "src", false},
        {"*\n!*/x/y", "src/x", false},
        {"*\n!*/x/y", "src/z", true},
        {"*\n!*.c", "src", true}, /* only at the top */
        {"a\n!a/b\na/b/c", "a/b/c", true},
        {"a\n!a?", "a", true},
        {"*", ".", false},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_err err = SC_ERR_INIT;
        struct sc_ignore ignore;

        assert_ok(
            sc_ignore_parse(cases[i].patterns, strlen(cases[i].patterns), ".dockerignore", &arena, &ignore, &err));
        if (sc_ignore_skips_dir(&ignore, cases[i].dir) != cases[i].is_skipped)
            fail_msg("%s and %s", cases[i].patterns, cases[i].dir);
    }
}

static void
test_refused(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_strv excludes = LIST("a", "[");
    struct sc_ignore ignore;

    (void)state;
    assert_fails(sc_ignore_parse("a\n\n[x\n", 6, ".dockerignore", &arena, &ignore, &err), SC_ERR_INVALID,
                 ".dockerignore:3: \"[x\": syntax error in pattern");
    assert_fails(sc_ignore_parse("a\n!\n", 4, ".dockerignore", &arena, &ignore, &err), SC_ERR_INVALID,
                 ".dockerignore:2: illegal exclusion pattern: \"!\"");
    assert_fails(sc_ignore_parse("a\nb\0c\n", 6, ".dockerignore", &arena, &ignore, &err), SC_ERR_INVALID,
                 ".dockerignore:2: a NUL character: this is no text");
    assert_fails(sc_ignore_make(&excludes, &arena, &ignore, &err), SC_ERR_INVALID, "\"[\": syntax error in pattern");
    excludes.count = 1;
    assert_ok(sc_ignore_make(&excludes, &arena, &ignore, &err));
    assert_true(sc_ignore_is_ignored(&ignore, "a/b"));
    assert_false(ignore.has_exceptions);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob),    cmocka_unit_test(test_glob_is_bounded), cmocka_unit_test(test_ignored),
        cmocka_unit_test(test_skipped), cmocka_unit_test(test_refused),
    };

    return RUN_TESTS(tests);
}
