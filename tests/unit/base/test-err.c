/* Errors: kinds from errno, wrapping, cutting what is too long. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

static void
test_set_replaces_everything(void **state)
{
    struct sc_err err = {.kind = SC_ERR_BUSY, .errnum = 5, .exit_code = 126, .msg = "old", .remedy = "old"};

    (void)state;
    assert_int_equal(sc_err_set(&err, SC_ERR_INVALID, "bad \"%s\"", "x"), -1);
    assert_int_equal(err.kind, SC_ERR_INVALID);
    assert_int_equal(err.errnum, 0);
    assert_int_equal(err.exit_code, 0);
    assert_string_equal(err.msg, "bad \"x\"");
    assert_string_equal(err.remedy, "");
}

static void
test_set_may_read_itself(void **state)
{
    struct sc_err err = {.msg = "inner"};

    (void)state;
    sc_err_set(&err, SC_ERR_INTERNAL, "outer (%s)", err.msg);
    assert_string_equal(err.msg, "outer (inner)");
}

static void
test_errno_gives_kind(void **state)
{
    static const struct {
        int errnum;
        enum sc_err_kind kind;
    } rows[] = {
        {ENOENT, SC_ERR_NOT_FOUND},       {EEXIST, SC_ERR_EXISTS}, {EBUSY, SC_ERR_BUSY},
        {EPERM, SC_ERR_DENIED},           {EACCES, SC_ERR_DENIED}, {ENOSYS, SC_ERR_UNSUPPORTED},
        {EOPNOTSUPP, SC_ERR_UNSUPPORTED}, {EIO, SC_ERR_KERNEL},
    };
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        assert_int_equal(sc_err_errno(&err, rows[i].errnum, "do it"), -1);
        assert_int_equal(err.kind, rows[i].kind);
        assert_int_equal(err.errnum, rows[i].errnum);
    }
    sc_err_errno(&err, ENOENT, "open \"%s\"", "f");
    assert_string_equal(err.msg, "open \"f\": no such file or directory");
}

static void
test_wrap_and_remedy(void **state)
{
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    sc_err_errno(&err, EBUSY, "rmdir");
    sc_err_remedy(&err, "stop %s", "it");
    assert_int_equal(sc_err_wrap(&err, "remove cgroup \"%s\"", "a"), -1);
    assert_string_equal(err.msg, "remove cgroup \"a\": rmdir: device or resource busy");
    assert_string_equal(err.remedy, "stop it");
    assert_int_equal(err.errnum, EBUSY);
    assert_int_equal(err.kind, SC_ERR_BUSY);
}

static void
test_long_messages_are_cut(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    char text[4096];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    sc_err_set(&err, SC_ERR_INVALID, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    sc_err_wrap(&err, "ab");
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    assert_memory_equal(err.msg, "ab: xxx", 7);
    sc_err_wrap(&err, "%s", text);
    assert_true(strlen(err.msg) < sizeof(err.msg));
    sc_err_remedy(&err, "%s", text);
    assert_int_equal(strlen(err.remedy), sizeof(err.remedy) - 1);
    sc_err_errno(&err, EIO, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

/* Our table is for musl; glibc, with which this is linked, has the words that it must have. */
static void
test_words_are_glibc_s(void **state)
{
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    for (int errnum = 1; errnum <= EHWPOISON; errnum++) {
        char expected[128];

        (void)snprintf(expected, sizeof(expected), "x: %s", strerror(errnum));
        if (!isupper((unsigned char)expected[4]))
            expected[3] = (char)tolower((unsigned char)expected[3]);
        sc_err_errno(&err, errnum, "x");
        assert_string_equal(err.msg, expected);
    }
    assert_string_equal(sc_errno_text(EBUSY), "device or resource busy");
    assert_string_equal(sc_errno_text(0), "success");
}

static void
test_nomem_and_clear(void **state)
{
    struct sc_err err = {.remedy = "r", .exit_code = 3};

    (void)state;
    assert_int_equal(sc_err_nomem(&err), -1);
    assert_string_equal(err.msg, "out of memory");
    assert_int_equal(err.errnum, ENOMEM);
    assert_int_equal(err.kind, SC_ERR_KERNEL);
    assert_string_equal(err.remedy, "");
    sc_err_clear(&err);
    assert_int_equal(err.kind, SC_ERR_NONE);
    assert_string_equal(err.msg, "");
}

static void
test_every_kind_has_a_name(void **state)
{
    (void)state;
    for (int i = SC_ERR_NONE; i <= SC_ERR_INTERNAL; i++) {
        assert_non_null(sc_err_kind_name((enum sc_err_kind)i));
        assert_string_not_equal(sc_err_kind_name((enum sc_err_kind)i), "UNKNOWN");
    }
    assert_string_equal(sc_err_kind_name((enum sc_err_kind)99), "UNKNOWN");
    assert_string_equal(sc_err_kind_name((enum sc_err_kind) - 1), "UNKNOWN");
}

/* To a pipe, and to nothing else. */
static void
test_report(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    char number[16], text[256];
    FILE *file = tmpfile();
    int fds[2];
    ssize_t n;

    (void)state;
    (void)sc_err_set(&err, SC_ERR_NOT_FOUND, "no such thing");
    err.errnum = ENOENT;
    err.exit_code = 127;
    assert_int_equal(pipe(fds), 0);
    (void)snprintf(number, sizeof(number), "%d", fds[1]);
    assert_int_equal(setenv("SC_ERROR_FD", number, 1), 0);
    sc_err_report(&err, "no such thing\n");
    n = read(fds[0], text, sizeof(text));
    assert_int_equal(n, strlen("NOT_FOUND 2 127 no such thing\n"));
    assert_memory_equal(text, "NOT_FOUND 2 127 no such thing\n", (size_t)n);
    sc_err_report_keep(false);
    assert_int_equal(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
    sc_err_report_keep(true);
    assert_int_equal(fcntl(fds[1], F_GETFD), 0);
    assert_non_null(file);
    (void)snprintf(number, sizeof(number), "%d", fileno(file));
    assert_int_equal(setenv("SC_ERROR_FD", number, 1), 0);
    sc_err_report(&err, "no such thing\n");
    assert_int_equal(lseek(fileno(file), 0, SEEK_END), 0);
    (void)unsetenv("SC_ERROR_FD");
    (void)fclose(file);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_replaces_everything),
        cmocka_unit_test(test_set_may_read_itself),
        cmocka_unit_test(test_errno_gives_kind),
        cmocka_unit_test(test_wrap_and_remedy),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_nomem_and_clear),
        cmocka_unit_test(test_every_kind_has_a_name),
        cmocka_unit_test(test_words_are_glibc_s),
        cmocka_unit_test(test_report),
    };

    return RUN_TESTS(tests);
}
