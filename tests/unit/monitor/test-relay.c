/* The relay over pipes: of an exec'ed process, and of a monitor. */
#include "relayed.h"

static void
read_all(int fd, struct sc_buf *out)
{
    struct sc_err err;

    assert_ok(sc_file_read_fd(fd, 1 << 30, out, &err));
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
    };

    return RUN_TESTS(tests);
}
