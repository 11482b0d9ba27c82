/* --detach-keys: the list, and the filter that finds the sequence in what is typed. */
#include "test.h"

#include "monitor/relay-priv.h"

static void
test_lists(void **state)
{
    static const struct {
        const char *text, *bytes;
        size_t count;
    } cases[] = {
        {NULL, "", 0},
        {"", "", 0},
        {"a", "a", 1},
        {"ctrl-p,ctrl-q", "\x10\x11", 2},
        {"ctrl-@", "\0", 1},
        {"ctrl-a,ctrl-z,x", "\x01\x1ax", 3},
        {"ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", "\x1b\x1c\x1d\x1e\x1f", 5},
        {",", ",", 1},
        {",,a", ",a", 2},
        {"a,,", "a,", 2},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_detach_keys keys = {.count = 99};
        struct sc_err err;

        assert_ok(sc_detach_keys_parse(cases[i].text, &keys, &err));
        assert_int_equal(keys.count, cases[i].count);
        assert_memory_equal(keys.bytes, cases[i].bytes, keys.count);
    }
}

static void
test_bad_lists(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"ctrl-", "detach keys \"ctrl-\": \"ctrl-\" is not a key"},
        {"ctrl-P", "detach keys \"ctrl-P\": \"ctrl-P\" is not a key"},
        {"ctrl-1", "detach keys \"ctrl-1\": \"ctrl-1\" is not a key"},
        {"ctrl-pp", "detach keys \"ctrl-pp\": \"ctrl-pp\" is not a key"},
        {"a,bc", "detach keys \"a,bc\": \"bc\" is not a key"},
        {"a,", "detach keys \"a,\": \"\" is not a key"},
        {"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "detach keys \"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\": more than 16 keys"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_detach_keys keys;
        struct sc_err err;

        assert_fails(sc_detach_keys_parse(cases[i].text, &keys, &err), SC_ERR_INVALID, cases[i].message);
    }
}

/* Types in, `step` bytes at a time; the result is what came out, then "!" when the sequence was found. */
static void
assert_typed(const char *keys, const char *in, size_t step, const char *expected)
{
    struct sc_detach_filter filter = {.matched = 0};
    sc_cleanup_buf out = SC_BUF_INIT;
    struct sc_err err;
    bool is_found = false;

    assert_ok(sc_detach_keys_parse(keys, &filter.keys, &err));
    for (size_t at = 0, len = strlen(in); at < len && !is_found; at += step) {
        char part[64 + SC_DETACH_KEYS_MAX];
        size_t count = 999;

        is_found = sc_detach_filter_run(&filter, in + at, len - at < step ? len - at : step, part, &count);
        sc_buf_add(&out, part, count);
    }
    if (is_found)
        sc_buf_addc(&out, '!');
    assert_string_equal(sc_buf_str(&out), expected);
}

static void
test_filter(void **state)
{
    static const struct {
        const char *keys, *in, *out;
    } cases[] = {
        {"", "abc", "abc"},          {"x,y", "abc", "abc"},
        {"x,y", "axyb", "a!"},       {"x,y", "axb", "axb"},
        {"x,y", "ax", "a"}, /* held back: it may be the start */
        {"x,y", "xx", "x"}, /* typed twice, it arrives once and waits again */
        {"x,y", "xxy", "x!"},        {"x", "abxc", "ab!"},
        {"a,a,b", "aaab", "a!"}, /* the second a may begin the sequence that counts */
        {"a,a,b", "aacaab", "aac!"}, {"a,b,a,c", "ababac", "ab!"},
        {"a,b,a,c", "abab", "ab"},   {"ctrl-p,ctrl-q", "ls\r\x10\x11", "ls\r!"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        for (size_t step = 1; step <= 8; step++)
            assert_typed(cases[i].keys, cases[i].in, step, cases[i].out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_bad_lists),
        cmocka_unit_test(test_filter),
    };

    return RUN_TESTS(tests);
}
