/* Image references: what Docker takes and what it does not. */
#include "test.h"

#include "image/image-priv.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define A50   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A100  A50 A50
#define A250  A100 A100 A50

static void
test_accepted(void **state)
{
    static const struct {
        const char *text, *full, *shown;
    } cases[] = {
        {"base", "docker.io/library/base:latest", "base:latest"},
        {"base:1.0", "docker.io/library/base:1.0", "base:1.0"},
        {"user/app", "docker.io/user/app:latest", "user/app:latest"},
        {"library/base", "docker.io/library/base:latest", "base:latest"},
        {"docker.io/base", "docker.io/library/base:latest", "base:latest"},
        {"index.docker.io/library/base", "docker.io/library/base:latest", "base:latest"},
        {"docker.io/user/app:x", "docker.io/user/app:x", "user/app:x"},
        {"docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"},
        {"localhost/x", "localhost/x:latest", "localhost/x:latest"},
        {"localhost:5000/x/y:t", "localhost:5000/x/y:t", "localhost:5000/x/y:t"},
        {"quay.io/a/b/c", "quay.io/a/b/c:latest", "quay.io/a/b/c:latest"},
        {"host:5000/x", "host:5000/x:latest", "host:5000/x:latest"},
        {"MyHost/x", "MyHost/x:latest", "MyHost/x:latest"},
        {"[2001:db8::1]/x", "[2001:db8::1]/x:latest", "[2001:db8::1]/x:latest"},
        {"[2001:db8::1]:5000/x:t", "[2001:db8::1]:5000/x:t", "[2001:db8::1]:5000/x:t"},
        {"a.b-c_d__e--f/g", "a.b-c_d__e--f/g:latest", NULL},
        {"x/a.b-c_d__e---f", "docker.io/x/a.b-c_d__e---f:latest", "x/a.b-c_d__e---f:latest"},
        {"base:_X.y-Z", "docker.io/library/base:_X.y-Z", "base:_X.y-Z"},
        {"base@sha256:" HEX64, "docker.io/library/base@sha256:" HEX64, "base@sha256:" HEX64},
        {"base:t@sha256:" HEX64, "docker.io/library/base:t@sha256:" HEX64, "base:t@sha256:" HEX64},
        {"r.io/" HEX64, "r.io/" HEX64 ":latest", "r.io/" HEX64 ":latest"},
        {"docker.io/quay.io/x", "docker.io/quay.io/x:latest", "docker.io/quay.io/x:latest"},
        {"docker.io/" HEX64, "docker.io/library/" HEX64 ":latest", "library/" HEX64 ":latest"},
        {"abcdef", "docker.io/library/abcdef:latest", "abcdef:latest"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_reference ref;
        struct sc_err err;

        if (strcmp(cases[i].text, "a.b-c_d__e--f/g") == 0) { /* '_' is no host name's */
            assert_fails(
                sc_reference_parse(cases[i].text, &arena, &ref, &err), SC_ERR_INVALID,
                "invalid reference \"a.b-c_d__e--f/g\": the part before the first slash is no registry's host name");
            continue;
        }
        assert_ok(sc_reference_parse(cases[i].text, &arena, &ref, &err));
        assert_string_equal(sc_reference_full(&ref, &arena), cases[i].full);
        assert_string_equal(sc_reference_shown(&ref, &arena), cases[i].shown);
    }
}

static void
test_full_is_stable(void **state)
{
    static const char *const texts[] = {"base", "a/b:c", ("h:1/x@sha256:" HEX64), "localhost/library/x"};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(texts); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_reference ref, again;
        struct sc_err err;

        assert_ok(sc_reference_parse(texts[i], &arena, &ref, &err));
        assert_ok(sc_reference_parse(sc_reference_full(&ref, &arena), &arena, &again, &err));
        assert_string_equal(sc_reference_full(&ref, &arena), sc_reference_full(&again, &arena));
        assert_ok(sc_reference_parse(sc_reference_shown(&ref, &arena), &arena, &again, &err));
        assert_string_equal(sc_reference_full(&ref, &arena), sc_reference_full(&again, &arena));
    }
}

static void
test_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "it is empty"},
        {"Base", "a repository name must be lower-case"},
        {"host:5000/X", "a repository name must be lower-case"},
        {"a b", "a repository name is made of lower-case letters and digits, with '.', '_' or '-' between them"},
        {"-a", "a repository name is made of lower-case letters and digits, with '.', '_' or '-' between them"},
        {"a-", "a repository name is made of lower-case letters and digits, with '.', '_' or '-' between them"},
        {"a..b", "a repository name is made of lower-case letters and digits, with '.', '_' or '-' between them"},
        {"a___b", "a repository name is made of lower-case letters and digits, with '.', '_' or '-' between them"},
        {"a//b", "a repository name is made of lower-case letters and digits, with '.', '_' or '-' between them"},
        {"a/", "a repository name is made of lower-case letters and digits, with '.', '_' or '-' between them"},
        {"/a", "a repository name is made of lower-case letters and digits, with '.', '_' or '-' between them"},
        {"../a", "the part before the first slash is no registry's host name"},
        {"a/../b", "a repository name is made of lower-case letters and digits, with '.', '_' or '-' between them"},
        {"\xc3\xa9", "a repository name is made of lower-case letters and digits, with '.', '_' or '-' between them"},
        {"h.io/", "it has no repository name"},
        {"h:x/a", "the part before the first slash is no registry's host name"},
        {"-h.io/a", "the part before the first slash is no registry's host name"},
        {"h-.io/a", "the part before the first slash is no registry's host name"},
        {"a:", "a tag is at most 128 letters, digits, '_', '.' and '-', not beginning with '.' or '-'"},
        {"a:.x", "a tag is at most 128 letters, digits, '_', '.' and '-', not beginning with '.' or '-'"},
        {"a:-x", "a tag is at most 128 letters, digits, '_', '.' and '-', not beginning with '.' or '-'"},
        {"a:x y", "a tag is at most 128 letters, digits, '_', '.' and '-', not beginning with '.' or '-'"},
        {"a:" A100 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", /* 129 */
         "a tag is at most 128 letters, digits, '_', '.' and '-', not beginning with '.' or '-'"},
        {"a@sha256:12", "after '@' comes \"sha256:\" and 64 lower-case hexadecimal digits"},
        {"a@sha512:" HEX64, "after '@' comes \"sha256:\" and 64 lower-case hexadecimal digits"},
        {"a@", "after '@' comes \"sha256:\" and 64 lower-case hexadecimal digits"},
        {HEX64, "64 hexadecimal digits are an image id, not a name"},
        {A250, "the name is longer than 255 characters"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_err err = SC_ERR_INIT;
        struct sc_reference ref;
        char expected[600];

        (void)snprintf(expected, sizeof(expected), "invalid reference \"%.300s\": %s", cases[i].text, cases[i].why);
        assert_fails(sc_reference_parse(cases[i].text, &arena, &ref, &err), SC_ERR_INVALID, expected);
        assert_true(err.remedy[0] != '\0');
    }
}

static void
test_digest(void **state)
{
    (void)state;
    assert_true(sc_digest_is_valid("sha256:" HEX64));
    assert_false(sc_digest_is_valid(NULL));
    assert_false(sc_digest_is_valid(HEX64));
    assert_false(sc_digest_is_valid("sha256:" HEX64 "0"));
    assert_false(sc_digest_is_valid("sha256:../../../../../../../../../../../../../../../../../../../../etc/x"));
    assert_false(sc_digest_is_valid("sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"));
    assert_false(sc_digest_is_valid("sha512:" HEX64));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_full_is_stable),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_digest),
    };

    return RUN_TESTS(tests);
}
