/* The growing byte string and its two kinds of quoting. */
#include <stdio.h>

#include "test.h"

static void
test_empty_and_clear(void **state)
{
    sc_cleanup_buf buf = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_string_equal(sc_buf_str(&buf), "");
    sc_buf_clear(&buf);
    sc_buf_adds(&buf, "");
    assert_string_equal(buf.data, "");
    sc_buf_addf(&buf, "%d%s", 12, "ab");
    sc_buf_addc(&buf, '!');
    assert_string_equal(sc_buf_str(&buf), "12ab!");
    assert_int_equal(buf.len, 5);
    sc_buf_add_newline(&buf, 2);
    sc_buf_add_newline(&buf, 0);
    assert_string_equal(sc_buf_str(&buf), "12ab!\n  \n");
    sc_buf_clear(&buf);
    assert_string_equal(sc_buf_str(&buf), "");
    assert_ok(sc_buf_check(&buf, &err));
}

static void
test_grows_with_nul_behind(void **state)
{
    sc_cleanup_buf buf = SC_BUF_INIT;
    char text[300];

    (void)state;
    memset(text, 'y', sizeof(text));
    for (size_t i = 0; i < sizeof(text); i++) {
        sc_buf_add(&buf, text, i);
        assert_int_equal(buf.data[buf.len], 0);
        assert_true(buf.len < buf.capacity);
    }
    assert_int_equal(buf.len, 299 * 300 / 2);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < 100; i++)
        sc_buf_addf(&buf, "%s", text);
    assert_int_equal(strlen(buf.data), 299 * 300 / 2 + 100 * 299);
}

static void
test_failure_sticks(void **state)
{
    sc_cleanup_buf buf = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    sc_buf_adds(&buf, "kept");
    sc_buf_add(&buf, "x", SIZE_MAX - 2);
    sc_buf_adds(&buf, "lost");
    assert_string_equal(sc_buf_str(&buf), "kept");
    assert_fails(sc_buf_check(&buf, &err), SC_ERR_KERNEL, "out of memory");
}

static void
test_utf8(void **state)
{
    const char text[] = "a\0\xff\xc3\xa9\xe2\x82";
    sc_cleanup_buf buf = SC_BUF_INIT;

    (void)state;
    sc_buf_add_utf8(&buf, text, sizeof(text) - 1);
    assert_int_equal(buf.len, 2 + 3 + 2 + 3 + 3);
    assert_memory_equal(buf.data, "a\0\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd", buf.len);
}

static void
test_json_quoting(void **state)
{
    static const struct {
        const char *in, *out;
        size_t len;
    } rows[] = {
        {"plain", "\"plain\"", 5},
        {"", "\"\"", 0},
        {"a\"b\\c/", "\"a\\\"b\\\\c/\"", 6},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"", 5},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"", 3},
        {"a\0b", "\"a\\u0000b\"", 3},
        {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xb3", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xb3\"", 11},
        /* not UTF-8: a lone continuation, overlong forms, a surrogate, past U+10FFFF, cut short */
        {"\x80", "\"\xef\xbf\xbd\"", 1},
        {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"", 2},
        {"\xe0\x9f\xbf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 3},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 3},
        {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 4},
        {"\xf0\x8f\xbf\xbf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 4},
        {"\xf5", "\"\xef\xbf\xbd\"", 1},
        {"a\xe2\x82", "\"a\xef\xbf\xbd\xef\xbf\xbd\"", 3},
        {"\xe2\x28\xa1", "\"\xef\xbf\xbd(\xef\xbf\xbd\"", 3},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        sc_cleanup_buf buf = SC_BUF_INIT;

        sc_buf_add_json(&buf, rows[i].in, rows[i].len);
        assert_string_equal(sc_buf_str(&buf), rows[i].out);
    }
}

/* sh(1) itself says whether the quoting is right. */
static void
test_visible(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"", ""},
        {"plain \\ and \"quoted\"", "plain \\ and \"quoted\""},
        {"\xc3\xa9 \xe2\x9c\x93 \xc2\xa0", "\xc3\xa9 \xe2\x9c\x93 \xc2\xa0"},
        {"\033[31mred\n\t\177", "\\x1b[31mred\\x0a\\x09\\x7f"},
        {"\xc2\x9b"
         "31m",
         "\\xc2\\x9b31m"}, /* CSI as one character, */
        {"\x9b"
         "31m",
         "\\x9b31m"}, /* and as one byte */
        {"caf\xe9", "caf\\xe9"},
        {"\xf0\x9f", "\\xf0\\x9f"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf buf = SC_BUF_INIT;

        sc_buf_add_visible(&buf, cases[i].text);
        assert_string_equal(sc_buf_str(&buf), cases[i].shown);
    }
}

static void
test_shell_quoting(void **state)
{
    static const char *const words[] = {"",    "plain", "a b", "it's", "$HOME `id` \\",     "a\nb", "~",
                                        "x=1", "*",     "''",  "#c",   "--opt=/a:b,c@d%e+f"};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(words); i++) {
        sc_cleanup_buf buf = SC_BUF_INIT;
        char back[64] = "";
        FILE *pipe;
        size_t len;

        sc_buf_adds(&buf, "printf %s ");
        sc_buf_add_shell(&buf, words[i]);
        pipe = popen(sc_buf_str(&buf), "r");
        assert_non_null(pipe);
        len = fread(back, 1, sizeof(back) - 1, pipe);
        assert_int_equal(pclose(pipe), 0);
        assert_int_equal(len, strlen(words[i]));
        assert_string_equal(back, words[i]);
    }
}

static void
test_shell_leaves_plain_words(void **state)
{
    sc_cleanup_buf buf = SC_BUF_INIT;

    (void)state;
    sc_buf_add_shell(&buf, "/sys/fs/cgroup/a.b");
    sc_buf_addc(&buf, ' ');
    sc_buf_add_shell(&buf, "");
    sc_buf_addc(&buf, ' ');
    sc_buf_add_shell(&buf, "it's");
    assert_string_equal(sc_buf_str(&buf), "/sys/fs/cgroup/a.b '' 'it'\\''s'");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_and_clear), cmocka_unit_test(test_grows_with_nul_behind),
        cmocka_unit_test(test_failure_sticks),  cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_json_quoting),    cmocka_unit_test(test_visible),
        cmocka_unit_test(test_shell_quoting),   cmocka_unit_test(test_shell_leaves_plain_words),
    };

    return RUN_TESTS(tests);
}
