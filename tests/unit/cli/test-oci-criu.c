/* What criu is asked and answers, byte for byte as protocol buffers have it. */
#include <string.h>

#include "test.h"

#include "cli/oci/oci-priv.h"

static void
test_members(void **state)
{
    static const unsigned char expected[] = {0x08, 0x96, 0x01,                   /* 1: 150 */
                                             0x18, 0x01,                         /* 3: 1 */
                                             0x9a, 0x03, 0x03, 'a',  0x80, 'b',  /* 51: three bytes */
                                             0xaa, 0x02, 0x00,                   /* 37: none */
                                             0xb0, 0x02, 0x80, 0x80, 0x80, 0x80, /* 38: CLONE_NEWNET */
                                             0x04};
    sc_cleanup_buf buf = SC_BUF_INIT;

    (void)state;
    sc_criu_add_number(&buf, 1, 150);
    sc_criu_add_number(&buf, 3, 1);
    sc_criu_add_text(&buf, 51,
                     "a\x80"
                     "b");
    sc_criu_add_text(&buf, 37, "");
    sc_criu_add_number(&buf, 38, 0x40000000);
    assert_int_equal(buf.len, sizeof(expected));
    assert_memory_equal(buf.data, expected, sizeof(expected));
}

/* As criu 3.17 sends them. */
static void
test_answers(void **state)
{
    static const unsigned char restored[] = {0x08, 0x02, 0x10, 0x01, 0x22, 0x03, 0x08, 0xf6, 0x01};
    static const unsigned char failed[] = {0x08, 0x01, 0x10, 0x00, 0x38, 0x16, 0x4a, 0x02, 'n', 'o'};
    static const unsigned char notified[] = {0x08, 0x06, 0x10, 0x01, 0x2a, 0x0a, 0x0a, 0x06,
                                             'p',  'o',  's',  't',  '-',  'x',  0x10, 0x07};
    struct sc_criu_answer answer;
    struct sc_err err;
    sc_cleanup_arena arena = SC_ARENA_INIT;

    (void)state;
    assert_ok(sc_criu_read_answer(restored, sizeof(restored), &arena, &answer, &err));
    assert_int_equal(answer.type, SC_CRIU_RESTORE);
    assert_true(answer.is_success);
    assert_int_equal(answer.pid, 246);
    assert_ok(sc_criu_read_answer(failed, sizeof(failed), &arena, &answer, &err));
    assert_int_equal(answer.type, SC_CRIU_DUMP);
    assert_false(answer.is_success);
    assert_int_equal(answer.errnum, 22);
    assert_int_equal(answer.pid, 0);
    assert_ok(sc_criu_read_answer(notified, sizeof(notified), &arena, &answer, &err));
    assert_int_equal(answer.type, SC_CRIU_NOTIFY);
    assert_string_equal(answer.script, "post-x");
    assert_int_equal(answer.pid, 7);
}

/* Cut short anywhere but between two members it is no answer; the copy's end is where a sanitizer would see more read.
 */
static void
test_cut_short(void **state)
{
    static const unsigned char whole[] = {0x08, 0x06, 0x10, 0x01, 0x2a, 0x0a, 0x0a, 0x06, 'p',  'o', 's', 't', '-',
                                          'x',  0x10, 0x07, 0xd2, 0x01, 0x81, 0x00, 0xff, 0x0f, 1,   2,   3,   4};
    sc_cleanup_arena arena = SC_ARENA_INIT;

    (void)state;
    for (size_t len = 0; len < sizeof(whole); len++) {
        unsigned char *copy = test_malloc(len + 1);
        struct sc_criu_answer answer;
        struct sc_err err;
        bool is_between = len == 2 || len == 4 || len == 16 || len == 21;

        memcpy(copy, whole, len);
        assert_int_equal(sc_criu_read_answer(copy, len, &arena, &answer, &err), is_between ? 0 : -1);
        test_free(copy);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_members), cmocka_unit_test(test_answers),
                                       cmocka_unit_test(test_cut_short)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
