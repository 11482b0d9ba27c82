/*
 * What every unit test starts with: cmocka, the headers it wants before it, and how an outcome is asserted.
 * An error is asserted whole: its kind and its message, never only that there was one.
 */
#ifndef SC_TESTS_UNIT_TEST_H
#define SC_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

/* call uses &err; it must succeed and leave err alone. */
#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        err = (struct sc_err)SC_ERR_INIT;                                                                              \
        if ((call) < 0)                                                                                                \
            fail_msg("%s: %s: %s", #call, sc_err_kind_name(err.kind), err.msg);                                        \
        assert_int_equal(err.kind, SC_ERR_NONE);                                                                       \
    } while (0)

/* call uses &err; it must fail so and no other way. */
#define assert_fails(call, the_kind, message)                                                                          \
    do {                                                                                                               \
        err = (struct sc_err)SC_ERR_INIT;                                                                              \
        assert_int_equal((call), -1);                                                                                  \
        assert_string_equal(err.msg, (message));                                                                       \
        assert_string_equal(sc_err_kind_name(err.kind), sc_err_kind_name(the_kind));                                   \
    } while (0)

#define RUN_TESTS(tests) cmocka_run_group_tests(tests, NULL, NULL)

#endif
