/*
 * What the static analyzer cannot see from one file: the functions that fill a struct sc_err always return -1.
 * tests/lint/run puts this before every file it gives to clang-tidy.
 */
#ifndef SC_LINT_ANALYZER_H
#define SC_LINT_ANALYZER_H

#include "base/base.h"

static inline int
sc_lint_is_failure(int value)
{
    (void)value;
    return -1;
}
#define sc_err_set(...)    sc_lint_is_failure(sc_err_set(__VA_ARGS__))
#define sc_err_errno(...)  sc_lint_is_failure(sc_err_errno(__VA_ARGS__))
#define sc_err_wrap(...)   sc_lint_is_failure(sc_err_wrap(__VA_ARGS__))
#define sc_err_remedy(...) sc_lint_is_failure(sc_err_remedy(__VA_ARGS__))
#define sc_err_nomem(...)  sc_lint_is_failure(sc_err_nomem(__VA_ARGS__))

#endif
