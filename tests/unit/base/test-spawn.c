/* Child programs: status, descriptors, signals. */
#include <signal.h>
#include <sys/wait.h>

#include "scratch.h"

static const char *const no_env[] = {NULL};

static void
test_status_and_env(void **state)
{
    const char *const env[] = {"A=7", NULL};
    const char *const argv[] = {"/bin/sh", "-c", "exit $A", NULL};
    const char *const killed[] = {"/bin/sh", "-c", "kill -9 $$", NULL};
    struct sc_err err;
    int status = -1;

    (void)state;
    assert_ok(sc_spawn_wait(argv, env, -1, -1, -1, &status, &err));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_ok(sc_spawn_wait(killed, env, -1, -1, -1, &status, &err));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), 9);
}

/* What does not end is killed; what does, is as if there were no limit. */
static void
test_time_limit(void **state)
{
    const char *const quick[] = {"/bin/sh", "-c", "exit 3", NULL};
    const char *const never[] = {"/bin/sh", "-c", "exec sleep 1000", NULL};
    struct sc_err err;
    int status = -1;

    (void)state;
    assert_ok(sc_spawn_wait_for(quick, (const char *const *)environ, -1, -1, -1, 100, &status, &err));
    assert_int_equal(WEXITSTATUS(status), 3);
    assert_fails(sc_spawn_wait_for(never, (const char *const *)environ, -1, -1, -1, 1, &status, &err), SC_ERR_BUSY,
                 "run \"/bin/sh\": has not ended within 1 seconds");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
}

static void
test_failure_to_run(void **state)
{
    const char *const none[] = {"/none/such", NULL};
    const char *const dir[] = {"/", NULL};
    struct sc_err err;
    int status = -1;

    (void)state;
    assert_fails(sc_spawn_wait(none, no_env, -1, -1, -1, &status, &err), SC_ERR_NOT_FOUND,
                 "run \"/none/such\": no such file or directory");
    assert_fails(sc_spawn_wait(dir, no_env, -1, -1, -1, &status, &err), SC_ERR_DENIED, "run \"/\": permission denied");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
}

/* Only 0, 1 and 2 are there (and what ls itself opens to look), none of ours. */
static void
test_descriptors(void **state)
{
    const char *const argv[] = {"/bin/sh", "-c", "echo out; echo err >&2; cat; [ ! -e /proc/$$/fd/100 ]", NULL};
    struct scratch *scratch = *state;
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_fd in = -1, out = -1, err_fd = -1, stray = -1;
    struct sc_err err;
    int status = -1;

    assert_ok(sc_file_replace_at(scratch->fd, "in", "in\n", 3, 0600, SC_VOLATILE, &err));
    in = openat(scratch->fd, "in", O_RDONLY | O_CLOEXEC);
    out = openat(scratch->fd, "out", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    err_fd = openat(scratch->fd, "err", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    stray = fcntl(in, F_DUPFD, 100); /* not close-on-exec */
    assert_int_equal(stray, 100);
    assert_ok(sc_spawn_wait(argv, no_env, in, out, err_fd, &status, &err));
    assert_int_equal(status, 0);
    assert_ok(sc_file_read_at(scratch->fd, "out", 100, &text, &err));
    assert_string_equal(sc_buf_str(&text), "out\nin\n");
    sc_buf_clear(&text);
    assert_ok(sc_file_read_at(scratch->fd, "err", 100, &text, &err));
    assert_string_equal(sc_buf_str(&text), "err\n");
    assert_true(fcntl(in, F_GETFD) & FD_CLOEXEC); /* ours are as they were */
    assert_true(fcntl(out, F_GETFD) & FD_CLOEXEC);
}

/* The three may be each other's numbers. */
static void
test_descriptors_crosswise(void **state)
{
    const char *const argv[] = {"/bin/sh", "-c", "echo to 1; echo to 2 >&2", NULL};
    struct scratch *scratch = *state;
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_fd keep1 = dup(1), keep2 = dup(2);
    struct sc_err err;
    int status = -1, one, two, result;

    one = openat(scratch->fd, "one", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    two = openat(scratch->fd, "two", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    dup2(one, 2);
    dup2(two, 1);
    close(one);
    close(two);
    result = sc_spawn_wait(argv, no_env, -1, 2, 1, &status, &err);
    dup2(keep1, 1);
    dup2(keep2, 2);
    assert_int_equal(result, 0);
    assert_int_equal(status, 0);
    assert_ok(sc_file_read_at(scratch->fd, "one", 100, &text, &err));
    assert_string_equal(sc_buf_str(&text), "to 1\n");
    sc_buf_clear(&text);
    assert_ok(sc_file_read_at(scratch->fd, "two", 100, &text, &err));
    assert_string_equal(sc_buf_str(&text), "to 2\n");
}

/* The monitor blocks signals and ignores SIGPIPE; a program it runs must see neither. */
static void
test_signals_are_default(void **state)
{
    const char *const argv[] = {"/bin/sh", "-c",
                                "grep -qx 'SigBlk:[[:space:]]*0*' /proc/self/status && "
                                "grep -qx 'SigIgn:[[:space:]]*0*' /proc/self/status",
                                NULL};
    struct sc_err err;
    sigset_t blocked, before, after;
    int status = -1;

    (void)state;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigaddset(&blocked, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &before), 0);
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    assert_ok(sc_spawn_wait(argv, no_env, -1, -1, -1, &status, &err));
    assert_int_equal(status, 0);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, &after), 0);
    assert_true(sigismember(&after, SIGTERM) == 1);
    assert_true(sigismember(&after, SIGUSR1) == 0);
    assert_true(signal(SIGPIPE, SIG_DFL) == SIG_IGN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_and_env),    cmocka_unit_test(test_failure_to_run),
        cmocka_unit_test(test_time_limit),        SCRATCH_TEST(test_descriptors),
        SCRATCH_TEST(test_descriptors_crosswise), cmocka_unit_test(test_signals_are_default),
    };

    return RUN_TESTS(tests);
}
