/* What cmocka.h wants before it. */
#ifndef SC_TESTS_KERNEL_CMOCKA_H
#define SC_TESTS_KERNEL_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
