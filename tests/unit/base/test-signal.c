/* Signal names both ways, against libc's numbers. */
#include <signal.h>
#include <stdio.h>

#include "test.h"

static void
test_names_are_libc_s(void **state)
{
    struct sc_err err;

    (void)state;
    for (int signum = 1; signum < 32; signum++) {
        char name[32];
        int back = 0;

        assert_non_null(sigabbrev_np(signum));
        (void)snprintf(name, sizeof(name), "SIG%s", sigabbrev_np(signum));
        /* glibc calls 29 POLL and 16 STKFLT; kill(1) says IO */
        if (signum != SIGIO)
            assert_string_equal(sc_signal_name(signum), name);
        assert_ok(sc_signal_parse(name, &back, &err));
        assert_int_equal(back, signum);
    }
}

static void
test_every_name_parses_back(void **state)
{
    struct sc_err err;

    (void)state;
    for (int signum = 1; signum <= 64; signum++) {
        int back = 0;

        if (signum == 32 || signum == 33) {
            assert_null(sc_signal_name(signum));
            continue;
        }
        assert_ok(sc_signal_parse(sc_signal_name(signum), &back, &err));
        assert_int_equal(back, signum);
        assert_ok(sc_signal_parse(sc_signal_name(signum) + 3, &back, &err));
        assert_int_equal(back, signum);
    }
    assert_null(sc_signal_name(0));
    assert_null(sc_signal_name(-1));
    assert_null(sc_signal_name(65));
}

static void
test_spellings(void **state)
{
    static const struct {
        const char *text;
        int signum;
    } good[] = {{"TERM", 15},  {"sigterm", 15},    {"SigTerm", 15},  {"15", 15},      {"64", 64},
                {"RTMIN", 34}, {"SIGRTMIN+3", 37}, {"RTMIN+20", 54}, {"RTMIN+0", 34}, {"RTMAX-30", 34},
                {"RTMAX", 64}, {"IOT", 6},         {"SIGCLD", 17}};
    static const char *const bad[] = {"",
                                      "0",
                                      "65",
                                      "-1",
                                      "TERMX",
                                      "SIG",
                                      "RTMIN+31",
                                      "RTMAX-31",
                                      "RTMIN-1",
                                      "RTMAX+1",
                                      "RTMIN+",
                                      "15x",
                                      "99999999999999999999",
                                      "SIGSIGTERM"};
    struct sc_err err;
    int signum;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(good); i++) {
        assert_ok(sc_signal_parse(good[i].text, &signum, &err));
        assert_int_equal(signum, good[i].signum);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        err = (struct sc_err)SC_ERR_INIT;
        assert_int_equal(sc_signal_parse(bad[i], &signum, &err), -1);
        assert_int_equal(err.kind, SC_ERR_INVALID);
    }
    assert_fails(sc_signal_parse("FOO", &signum, &err), SC_ERR_INVALID,
                 "\"FOO\": must be a signal name or a number from 1 to 64");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_libc_s),
        cmocka_unit_test(test_every_name_parses_back),
        cmocka_unit_test(test_spellings),
    };

    return RUN_TESTS(tests);
}
