/* Every op has a name, a printer, and exactly one executor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan-priv.h"
#include "runtime/launch-priv.h"

static void
test_table_is_complete(void **state)
{
    (void)state;
    for (int op = 0; op < SC_OP_COUNT; op++) {
        assert_non_null(sc_op_table[op].name);
        assert_non_null(sc_op_table[op].print);
        if (op == SC_OP_CLONE)
            continue;
        assert_true(sc_child_executor((enum sc_op)op) != NULL || sc_launcher_has_op((enum sc_op)op));
        for (int other = 0; other < op; other++)
            assert_string_not_equal(sc_op_table[op].name, sc_op_table[other].name);
    }
}

static void
test_one_file_per_child_op(void **state)
{
    (void)state;
    for (int op = 0; op < SC_OP_COUNT; op++)
        assert_false(sc_child_mount_executor((enum sc_op)op) != NULL &&
                     sc_child_process_executor((enum sc_op)op) != NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table_is_complete),
                                       cmocka_unit_test(test_one_file_per_child_op)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
