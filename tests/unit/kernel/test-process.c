/* Telling processes apart: start time, zombies, boot id, pidfds. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "test.h"

static struct sc_err err;

/* A child that sleeps until it is killed. */
static pid_t
sleeper(void)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return pid;
}

static void
reap(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
test_start_time(void **state)
{
    uint64_t first = sc_process_start_time(getpid());
    pid_t pid = sleeper();
    uint64_t child = sc_process_start_time(pid);

    (void)state;
    assert_true(first > 0);
    assert_int_equal(first, sc_process_start_time(getpid()));
    assert_true(child >= first);
    reap(pid);
    assert_int_equal(sc_process_start_time(pid), 0);
    assert_int_equal(sc_process_start_time(0), 0);
    assert_int_equal(sc_process_start_time(-1), 0);
}

/* The name in /proc/PID/stat may hold what looks like the rest of the line. */
static void
test_hostile_name(void **state)
{
    static const char *const names[] = {") R 1 1 1 1 1", "a b) (c", "(((", ")))", "x) Z 9 9 9"};
    uint64_t start = sc_process_start_time(getpid());

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        assert_int_equal(prctl(PR_SET_NAME, names[i]), 0);
        assert_int_equal(sc_process_start_time(getpid()), start);
        assert_true(sc_process_is_alive(getpid(), start));
    }
    prctl(PR_SET_NAME, "test-process");
}

static void
test_alive(void **state)
{
    pid_t pid = sleeper();
    uint64_t start = sc_process_start_time(pid);
    siginfo_t info;

    (void)state;
    assert_true(sc_process_is_alive(pid, start));
    assert_false(sc_process_is_exiting(pid, start));
    assert_true(sc_process_is_exiting(pid, start + 1));
    assert_false(sc_process_is_alive(pid, start + 1)); /* the pid was used again */
    assert_false(sc_process_is_alive(0, 0));
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_false(sc_process_is_alive(pid, start));
    assert_true(sc_process_is_exiting(pid, start));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(sc_process_is_alive(pid, start));
}

static void
test_boot_id(void **state)
{
    char first[40], second[40];

    (void)state;
    assert_ok(sc_boot_id(first, &err));
    assert_ok(sc_boot_id(second, &err));
    assert_string_equal(first, second);
    assert_int_equal(strlen(first), 36);
    assert_int_equal(strspn(first, "0123456789abcdef-"), 36);
}

static void
test_pidfd(void **state)
{
    pid_t pid = sleeper();
    uint64_t start = sc_process_start_time(pid);
    struct pollfd wait_for;
    siginfo_t info;
    char message[128];
    int fd, fd_again;

    (void)state;
    err = (struct sc_err)SC_ERR_INIT;
    fd = sc_pidfd_open(pid, start, &err);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    fd_again = sc_pidfd_open(pid, 0, &err);
    assert_true(fd_again >= 0);
    close(fd_again);
    snprintf(message, sizeof(message), "open process %d: it is not the one that started at tick %llu", (int)pid,
             (unsigned long long)start + 1);
    assert_fails(sc_pidfd_open(pid, start + 1, &err), SC_ERR_NOT_FOUND, message);

    assert_ok(sc_pidfd_kill(fd, SIGTERM, &err));
    wait_for = (struct pollfd){.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wait_for, 1, -1), 1);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
    assert_int_equal(info.si_status, SIGTERM);
    assert_fails(sc_pidfd_kill(fd, SIGTERM, &err), SC_ERR_NOT_FOUND, "send signal 15: the process has ended");
    close(fd);
    snprintf(message, sizeof(message), "open process %d: there is no such process", (int)pid);
    assert_fails(sc_pidfd_open(pid, start, &err), SC_ERR_NOT_FOUND, message);
    assert_fails(sc_pidfd_open(0, 0, &err), SC_ERR_NOT_FOUND, "open process 0: there is no such process");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_time), cmocka_unit_test(test_hostile_name), cmocka_unit_test(test_alive),
        cmocka_unit_test(test_boot_id),    cmocka_unit_test(test_pidfd),
    };

    return RUN_TESTS(tests);
}
