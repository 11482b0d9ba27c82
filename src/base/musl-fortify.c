/*
 * The archives of libseccomp and jansson are compiled with glibc's headers and _FORTIFY_SOURCE, so that they call the
 * checking variants of some functions, which musl does not have. All else that they call is plain ISO C and POSIX with
 * the same binary interface in both libraries. bin/musl/meson.build links a program of both before it relies on this.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

/* glibc declares these only to itself */
int __vsnprintf_chk(char *out, size_t size, int flag, size_t room, const char *fmt, va_list args) SC_PRINTF(5, 0);
int __snprintf_chk(char *out, size_t size, int flag, size_t room, const char *fmt, ...) SC_PRINTF(5, 6);
int __fprintf_chk(FILE *file, int flag, const char *fmt, ...) SC_PRINTF(3, 4);
char *__strncpy_chk(char *out, const char *text, size_t size, size_t room);

int
__vsnprintf_chk(char *out, size_t size, int flag, size_t room, const char *fmt, va_list args)
{
    (void)flag;
    if (room < size)
        SC_BUG("snprintf would write past its buffer");
    return vsnprintf(out, size, fmt, args);
}

int
__snprintf_chk(char *out, size_t size, int flag, size_t room, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int len = __vsnprintf_chk(out, size, flag, room, fmt, args);
    va_end(args);
    return len;
}

int
__fprintf_chk(FILE *file, int flag, const char *fmt, ...)
{
    va_list args;

    (void)flag;
    va_start(args, fmt);
    int len = vfprintf(file, fmt, args);
    va_end(args);
    return len;
}

char *
__strncpy_chk(char *out, const char *text, size_t size, size_t room)
{
    if (room < size)
        SC_BUG("strncpy would write past its buffer");
    return strncpy(out, text, size); /* lint: it is what the archive called */
}
