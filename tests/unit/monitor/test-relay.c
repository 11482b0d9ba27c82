/*
 * The relay, in a forked child whose fds 0..2 are the test's pipes or the slave of a pty. The far side is a plain
 * process (exec), or this test speaking as a monitor.
 */
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#include "monitor/monitor.h"
#include "scratch.h"

enum { EXITED_BASE = 0, DETACHED = 200, FAILED = 201 }; /* how the relaying child ends */

struct user {
    pid_t relay;
    int in, out, err_out; /* our ends of its 0, 1, 2; with a pty all the master */
    int slave;            /* kept, to look at its modes */
    int monitor;          /* our end of its socket, or -1 */
};

/* In the child: relays, and ends as the container did. An error goes to fd 2. */
static void
relay_and_exit(const struct sc_relay *relay)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_exit record = {.code = 0};
    enum sc_relay_end end;

    if (sc_relay_run(relay, &end, &record, &err) < 0) {
        (void)dprintf(2, "%s: %s", sc_err_kind_name(err.kind), err.msg);
        _exit(FAILED);
    }
    _exit(end == SC_RELAY_DETACHED ? DETACHED : EXITED_BASE + record.code);
}

/* exec: the process, and our ends of its pipes in relay. */
static void
start_process(const char *script, struct sc_relay *relay)
{
    int in[2], out[2], err_pipe[2];
    pid_t pid;

    if (pipe(in) < 0 || pipe(out) < 0 || pipe(err_pipe) < 0)
        _exit(99);
    pid = fork();
    if (pid == 0) {
        (void)setsid();
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)dup2(err_pipe[1], 2);
        (void)syscall(SYS_close_range, 3U, ~0U, 0U);
        execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    close(err_pipe[1]);
    relay->sock = -1;
    relay->tty_fd = -1;
    relay->in_fd = in[1];
    relay->out_fd = out[0];
    relay->err_fd = err_pipe[0];
    relay->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
}

/* The relay over a process running script, or (script NULL) over a socket whose other end is user->monitor. */
static void
start(struct user *user, const char *script, struct sc_relay relay, bool on_pty)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err_pipe[2] = {-1, -1}, ends[2] = {-1, -1};
    int master = -1;

    *user = (struct user){.slave = -1, .monitor = -1};
    if (on_pty) {
        struct winsize size = {.ws_row = 24, .ws_col = 80};

        master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_true(master >= 0);
        assert_int_equal(grantpt(master), 0);
        assert_int_equal(unlockpt(master), 0);
        user->slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
        user->in = user->out = user->err_out = master;
    } else {
        assert_int_equal(pipe2(in, O_CLOEXEC), 0);
        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
        assert_int_equal(pipe2(err_pipe, O_CLOEXEC), 0);
        user->in = in[1];
        user->out = out[0];
        user->err_out = err_pipe[0];
    }
    if (!script)
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    user->monitor = ends[0];
    user->relay = fork();
    assert_true(user->relay >= 0);
    if (user->relay == 0) {
        (void)setsid();
        if (on_pty) {
            (void)ioctl(user->slave, TIOCSCTTY, 0);
            in[0] = out[1] = err_pipe[1] = user->slave;
        }
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)dup2(err_pipe[1], 2);
        if (script) {
            (void)syscall(SYS_close_range, 3U, ~0U, 0U);
            start_process(script, &relay);
        } else {
            (void)dup2(ends[1], 3);
            (void)syscall(SYS_close_range, 4U, ~0U, 0U);
            relay.sock = 3;
        }
        relay_and_exit(&relay);
    }
    if (!on_pty) {
        close(in[0]);
        close(out[1]);
        close(err_pipe[1]);
    }
    sc_closep(&ends[1]);
}

static int
finish(struct user *user)
{
    int status = -1;

    assert_int_equal(waitpid(user->relay, &status, 0), user->relay);
    sc_closep(&user->in);
    if (user->slave < 0) {
        sc_closep(&user->out);
        sc_closep(&user->err_out);
    }
    sc_closep(&user->slave);
    sc_closep(&user->monitor);
    return status;
}

static void
assert_exit(struct user *user, int code)
{
    int status = finish(user);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

static void
read_all(int fd, struct sc_buf *out)
{
    struct sc_err err;

    assert_ok(sc_file_read_fd(fd, 1 << 30, out, &err));
}

/* Reads the terminal until text has come. */
static void
read_until(int fd, struct sc_buf *out, const char *text)
{
    while (!strstr(sc_buf_str(out), text)) {
        char part[256];
        ssize_t got = read(fd, part, sizeof(part));

        assert_true(got > 0);
        sc_buf_add(out, part, (size_t)got);
    }
}

static void
assert_hears(const struct user *user, enum sc_monitor_msg expected, const void *body, size_t len)
{
    static char room[SC_MONITOR_PACKET_MAX];
    enum sc_monitor_msg type = 0;
    struct sc_err err;
    ssize_t got;

    assert_ok((got = sc_monitor_recv(user->monitor, &type, room, sizeof(room), &err)));
    assert_int_equal(type, expected);
    assert_int_equal(got, len);
    assert_memory_equal(room, body, len);
}

static void
say(const struct user *user, enum sc_monitor_msg type, const void *body, size_t len)
{
    struct sc_err err;

    assert_ok(sc_monitor_send(user->monitor, type, body, len, &err));
}

static void
say_exit(const struct user *user, int code)
{
    struct sc_exit record;

    memset(&record, 0, sizeof(record));
    record.code = code;
    say(user, SC_MSG_EXIT, &record, sizeof(record));
}

/* ---- over an exec'ed process ------------------------------------------------------------ */

static void
test_pipes_both_ways(void **state)
{
    sc_cleanup_buf out = SC_BUF_INIT, err_out = SC_BUF_INIT;
    struct user user;

    (void)state;
    start(&user, "cat; echo err >&2; exit 5", (struct sc_relay){.with_stdin = true}, false);
    assert_int_equal(write(user.in, "hello\n", 6), 6);
    sc_closep(&user.in);
    read_all(user.out, &out);
    read_all(user.err_out, &err_out);
    assert_string_equal(sc_buf_str(&out), "hello\n");
    assert_string_equal(sc_buf_str(&err_out), "err\n");
    assert_exit(&user, 5);
}

static void
test_much_through_pipes(void **state)
{
    enum { SIZE = 8000000 };
    sc_cleanup_buf out = SC_BUF_INIT;
    struct user user;
    pid_t feeder;

    (void)state;
    start(&user, "cat", (struct sc_relay){.with_stdin = true}, false);
    feeder = fork();
    if (feeder == 0) {
        struct sc_err err = SC_ERR_INIT;
        static uint32_t words[SIZE / 4];

        for (uint32_t i = 0; i < SIZE / 4; i++)
            words[i] = i;
        _exit(sc_io_write_all(user.in, words, SIZE, &err) < 0);
    }
    sc_closep(&user.in);
    read_all(user.out, &out);
    assert_int_equal(waitpid(feeder, NULL, 0), feeder);
    assert_int_equal(out.len, SIZE);
    for (uint32_t i = 0; i < SIZE / 4; i++) {
        uint32_t word;

        memcpy(&word, out.data + i * 4, 4);
        assert_int_equal(word, i);
    }
    assert_exit(&user, 0);
}

static void
test_without_stdin_the_process_reads_its_end(void **state)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    struct user user;

    (void)state;
    start(&user, "cat; echo end", (struct sc_relay){.with_stdin = false}, false);
    read_all(user.out, &out);
    assert_string_equal(sc_buf_str(&out), "end\n");
    assert_exit(&user, 0);
}

static void
test_a_process_that_closes_its_stdin(void **state)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    struct user user;

    (void)state;
    start(&user, "exec <&-; echo closed; sleep 0.1; exit 4", (struct sc_relay){.with_stdin = true}, false);
    assert_int_equal(write(user.in, "x", 1), 1);
    read_all(user.out, &out);
    assert_string_equal(sc_buf_str(&out), "closed\n");
    assert_exit(&user, 4);
}

/* `sc exec C yes | head -1`: yes must get its SIGPIPE. */
static void
test_our_reader_leaves(void **state)
{
    struct user user;
    char part[2];

    (void)state;
    start(&user, "exec yes", (struct sc_relay){.with_stdin = false}, false);
    assert_int_equal(read(user.out, part, 2), 2);
    sc_closep(&user.out);
    assert_exit(&user, 128 + SIGPIPE);
}

/* What it leaves behind holds the pipes; it has ended all the same. */
static void
test_held_pipes_do_not_delay_the_end(void **state)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    struct user user;
    long left;

    (void)state;
    start(&user, "sleep 1000 & echo $!; exit 3", (struct sc_relay){.with_stdin = false}, false);
    read_all(user.out, &out);
    left = strtol(sc_buf_str(&out), NULL, 10);
    assert_true(left > 1);
    assert_int_equal(kill((pid_t)left, SIGKILL), 0);
    assert_exit(&user, 3);
}

static void
test_signals_are_forwarded(void **state)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    struct user user;

    (void)state;
    start(&user, "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.05; done",
          (struct sc_relay){.forwards_signals = true}, false);
    read_until(user.out, &out, "ready\n");
    assert_int_equal(kill(user.relay, SIGTERM), 0);
    read_until(user.out, &out, "got\n");
    assert_exit(&user, 9);
}

static void
test_a_signal_ends_the_process(void **state)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    struct user user;

    (void)state;
    start(&user, "echo ready; exec sleep 1000", (struct sc_relay){.forwards_signals = true}, false);
    read_until(user.out, &out, "ready\n");
    assert_int_equal(kill(user.relay, SIGINT), 0);
    assert_exit(&user, 128 + SIGINT);
}

/* ---- over a monitor's socket -------------------------------------------------------------- */

static void
test_messages_become_output(void **state)
{
    sc_cleanup_buf out = SC_BUF_INIT, err_out = SC_BUF_INIT;
    const int32_t pid = 77;
    struct user user;

    (void)state;
    start(&user, NULL, (struct sc_relay){.with_stdin = false}, false);
    say(&user, SC_MSG_STARTED, &pid, sizeof(pid));
    say(&user, SC_MSG_STDOUT, "out", 3);
    say(&user, SC_MSG_STDERR, "err", 3);
    say(&user, SC_MSG_STDOUT, "put", 3);
    say_exit(&user, 42);
    read_all(user.out, &out);
    read_all(user.err_out, &err_out);
    assert_string_equal(sc_buf_str(&out), "output");
    assert_string_equal(sc_buf_str(&err_out), "err");
    assert_exit(&user, 42);
}

/* One STDIN at a time: what comes next is the signal, not more input. */
static void
test_input_waits_for_its_answer(void **state)
{
    static char data[60000];
    struct user user;
    struct sc_err err;
    int32_t signum = SIGUSR1;
    size_t total = 0;

    (void)state;
    start(&user, NULL, (struct sc_relay){.with_stdin = true, .forwards_signals = true}, false);
    assert_ok(sc_io_write_all(user.in, data, sizeof(data), &err));
    for (;;) {
        static char room[SC_MONITOR_PACKET_MAX];
        enum sc_monitor_msg type = 0;
        ssize_t got;

        assert_ok((got = sc_monitor_recv(user.monitor, &type, room, sizeof(room), &err)));
        assert_int_equal(type, SC_MSG_STDIN);
        total += (size_t)got;
        if (total < sizeof(data)) {
            assert_int_equal(kill(user.relay, signum), 0);
            assert_hears(&user, SC_MSG_KILL, &signum, sizeof(signum));
        }
        say(&user, SC_MSG_STDIN_DONE, NULL, 0);
        if (total == sizeof(data))
            break;
    }
    sc_closep(&user.in);
    assert_hears(&user, SC_MSG_STDIN_EOF, NULL, 0);
    say_exit(&user, 0);
    assert_exit(&user, 0);
}

static void
assert_failure(struct user *user, const char *expected)
{
    sc_cleanup_buf err_out = SC_BUF_INIT;

    read_all(user->err_out, &err_out);
    assert_string_equal(sc_buf_str(&err_out), expected);
    assert_exit(user, FAILED);
}

/* The command ends, whatever the container goes on to write. */
static void
test_our_reader_leaves_a_container(void **state)
{
    struct user user;

    (void)state;
    start(&user, NULL, (struct sc_relay){.with_stdin = false}, false);
    sc_closep(&user.out);
    say(&user, SC_MSG_STDOUT, "x", 1);
    assert_failure(&user, "KERNEL: write to standard output: broken pipe");
}

static void
test_the_monitor_dies(void **state)
{
    struct user user;

    (void)state;
    start(&user, NULL, (struct sc_relay){.with_stdin = false}, false);
    sc_closep(&user.monitor);
    assert_failure(&user, "PEER_DIED: the container's monitor ended without a word");
}

static void
test_an_error_arrives_whole(void **state)
{
    struct user user;
    struct sc_err sent;

    (void)state;
    memset(&sent, 0, sizeof(sent));
    sc_err_set(&sent, SC_ERR_DENIED, "mount overlay on \"/\": no");
    start(&user, NULL, (struct sc_relay){.with_stdin = false}, false);
    say(&user, SC_MSG_ERROR, &sent, sizeof(sent));
    assert_failure(&user, "DENIED: mount overlay on \"/\": no");
}

static void
test_an_unknown_message(void **state)
{
    struct user user;

    (void)state;
    start(&user, NULL, (struct sc_relay){.with_stdin = false}, false);
    say(&user, (enum sc_monitor_msg)99, "x", 1);
    assert_failure(&user, "INTERNAL: receive from the monitor: message 99 of 1 bytes is not known");
}

static void
test_bad_detach_keys(void **state)
{
    struct user user;

    (void)state;
    start(&user, NULL, (struct sc_relay){.detach_keys = "ctrl-1"}, false);
    assert_failure(&user, "INVALID: detach keys \"ctrl-1\": \"ctrl-1\" is not a key");
}

/* ---- on a terminal -------------------------------------------------------------------------- */

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
        cmocka_unit_test(test_pipes_both_ways),
        cmocka_unit_test(test_much_through_pipes),
        cmocka_unit_test(test_without_stdin_the_process_reads_its_end),
        cmocka_unit_test(test_a_process_that_closes_its_stdin),
        cmocka_unit_test(test_our_reader_leaves),
        cmocka_unit_test(test_held_pipes_do_not_delay_the_end),
        cmocka_unit_test(test_signals_are_forwarded),
        cmocka_unit_test(test_a_signal_ends_the_process),
        cmocka_unit_test(test_messages_become_output),
        cmocka_unit_test(test_input_waits_for_its_answer),
        cmocka_unit_test(test_our_reader_leaves_a_container),
        cmocka_unit_test(test_the_monitor_dies),
        cmocka_unit_test(test_an_error_arrives_whole),
        cmocka_unit_test(test_an_unknown_message),
        cmocka_unit_test(test_bad_detach_keys),
        cmocka_unit_test(test_detach),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_a_fatal_signal_restores_the_terminal),
        cmocka_unit_test(test_stop_and_continue),
        cmocka_unit_test(test_an_error_restores_the_terminal),
    };

    return RUN_TESTS(tests);
}
