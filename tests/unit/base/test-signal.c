/* Signal names both ways, against libc's numbers. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Every signal that the kernel lets one ignore and block, the three that libraries keep for themselves too, is as at
 * the start afterwards; /proc says so without the library's help. */
static void
test_reset(void **state)
{
    static const struct {
        unsigned long handler, flags, restorer, mask;
    } ignore = {.handler = 1};
    const uint64_t all = ~UINT64_C(0) & ~(UINT64_C(1) << (SIGKILL - 1)) & ~(UINT64_C(1) << (SIGSTOP - 1));
    struct sc_err err;
    sigset_t every;
    int status;

    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        sc_cleanup_buf text = SC_BUF_INIT;
        char expected[64];

        sc_sigset_fill(&every);
        (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &every, NULL, 8);
        for (int signum = 1; signum <= SC_SIGNAL_MAX; signum++)
            (void)syscall(SYS_rt_sigaction, signum, &ignore, NULL, 8);
        for (int round = 0; round < 2; round++) {
            (void)snprintf(expected, sizeof(expected), "SigBlk:\t%016" PRIx64 "\nSigIgn:\t%016" PRIx64 "\n",
                           round == 0 ? all : 0, round == 0 ? all : 0);
            sc_buf_clear(&text);
            if (sc_file_read_at(AT_FDCWD, "/proc/self/status", 65536, &text, &err) < 0 ||
                strstr(sc_buf_str(&text), expected) == NULL)
                _exit(1 + round);
            sc_signals_reset();
        }
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void
test_sets_have_every_number(void **state)
{
    sigset_t set, one;

    (void)state;
    sc_sigset_fill(&set);
    sigemptyset(&one);
    for (int signum = 1; signum <= SC_SIGNAL_MAX; signum++)
        sc_sigset_add(&one, signum);
    assert_memory_equal(&one, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    assert_memory_equal(&set, &one, 8);
    sigemptyset(&one);
    sc_sigset_add(&one, SC_SIGNAL_RT_MIN);
    sc_sigset_add(&one, SIGHUP);
    assert_int_equal(SC_SIGNAL_RT_MIN, SIGRTMIN);
    for (int signum = 1; signum <= SC_SIGNAL_MAX; signum++)
        assert_int_equal(sigismember(&one, signum) == 1, signum == SIGRTMIN || signum == SIGHUP);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_libc_s),
        cmocka_unit_test(test_every_name_parses_back),
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_sets_have_every_number),
    };

    return RUN_TESTS(tests);
}
