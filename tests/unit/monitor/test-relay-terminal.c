/* The relay on a terminal: raw mode and its end, detaching, the size. */
#include "relayed.h"

static bool
is_raw(const struct user *user)
{
    struct termios modes;

    assert_int_equal(tcgetattr(user->slave, &modes), 0);
    return !(modes.c_lflag & (ICANON | ECHO | ISIG));
}

static void
start_raw(struct user *user)
{
    const uint16_t size[2] = {24, 80};

    start(user, NULL,
          (struct sc_relay){
              .with_stdin = true, .with_terminal = true, .forwards_signals = true, .detach_keys = "ctrl-p,ctrl-q"},
          true);
    assert_hears(user, SC_MSG_RESIZE, size, sizeof(size)); /* sent after raw mode was entered */
    assert_true(is_raw(user));
}

static void
test_detach(void **state)
{
    struct user user;
    int status;

    (void)state;
    start_raw(&user);
    assert_int_equal(write(user.in, "l", 1), 1);
    assert_hears(&user, SC_MSG_STDIN, "l", 1);
    say(&user, SC_MSG_STDIN_DONE, NULL, 0);
    assert_int_equal(write(user.in, "s\x10x\x03", 4), 4); /* ^P is not followed by ^Q; ^C is a byte like others */
    assert_hears(&user, SC_MSG_STDIN, "s\x10x\x03", 4);
    say(&user, SC_MSG_STDIN_DONE, NULL, 0);
    assert_int_equal(write(user.in, "\x10", 1), 1);
    assert_int_equal(write(user.in, "\x11", 1), 1);
    assert_int_equal(waitpid(user.relay, &status, 0), user.relay);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), DETACHED);
    assert_false(is_raw(&user));
    sc_closep(&user.in);
    sc_closep(&user.slave);
    sc_closep(&user.monitor);
}

static void
test_resize(void **state)
{
    struct winsize window = {.ws_row = 50, .ws_col = 132};
    const uint16_t size[2] = {50, 132};
    struct user user;

    (void)state;
    start_raw(&user);
    assert_int_equal(ioctl(user.in, TIOCSWINSZ, &window), 0); /* the kernel sends SIGWINCH to the foreground group */
    assert_hears(&user, SC_MSG_RESIZE, size, sizeof(size));
    say(&user, SC_MSG_STDOUT, "bye", 3);
    say_exit(&user, 8);
    {
        sc_cleanup_buf out = SC_BUF_INIT;

        read_until(user.out, &out, "bye");
    }
    assert_exit(&user, 8);
}

static void
assert_ends_by(int signum)
{
    struct user user;
    int status;

    start_raw(&user);
    assert_int_equal(kill(user.relay, signum), 0);
    assert_int_equal(waitpid(user.relay, &status, 0), user.relay);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), signum);
    assert_false(is_raw(&user));
    sc_closep(&user.in);
    sc_closep(&user.slave);
    sc_closep(&user.monitor);
}

static void
test_a_fatal_signal_restores_the_terminal(void **state)
{
    (void)state;
    assert_ends_by(SIGTERM);
    assert_ends_by(SIGHUP);
    assert_ends_by(SIGINT);
}

static void
test_stop_and_continue(void **state)
{
    const uint16_t size[2] = {24, 80};
    struct user user;
    int status;

    (void)state;
    start_raw(&user);
    /* A process of an orphaned group is not stopped by SIGTSTP (POSIX); SIGSTOP stops any. */
    assert_int_equal(kill(user.relay, SIGSTOP), 0);
    assert_int_equal(waitpid(user.relay, &status, WUNTRACED), user.relay);
    assert_true(WIFSTOPPED(status));
    {
        struct termios modes; /* as the shell would set them */

        assert_int_equal(tcgetattr(user.slave, &modes), 0);
        modes.c_lflag |= ICANON | ECHO | ISIG;
        assert_int_equal(tcsetattr(user.slave, TCSANOW, &modes), 0);
    }
    assert_int_equal(kill(user.relay, SIGCONT), 0);
    assert_hears(&user, SC_MSG_RESIZE, size, sizeof(size)); /* sent after raw mode was entered again */
    assert_true(is_raw(&user));
    say_exit(&user, 0);
    assert_exit(&user, 0);
}

static void
test_an_error_restores_the_terminal(void **state)
{
    struct user user;
    int status;

    (void)state;
    start_raw(&user);
    sc_closep(&user.monitor);
    assert_int_equal(waitpid(user.relay, &status, 0), user.relay);
    assert_int_equal(WEXITSTATUS(status), FAILED);
    assert_false(is_raw(&user));
    sc_closep(&user.in);
    sc_closep(&user.slave);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detach),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_a_fatal_signal_restores_the_terminal),
        cmocka_unit_test(test_stop_and_continue),
        cmocka_unit_test(test_an_error_restores_the_terminal),
    };

    return RUN_TESTS(tests);
}
