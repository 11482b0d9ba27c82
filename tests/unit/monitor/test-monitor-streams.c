/* sc-monitor, whole: how input and output go through it, and the terminal. */
#include "supervised.h"

static void
test_stdin_once_ends_with_eof(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};

    supervised_start(s,
                     &(struct how){.script = "cat; echo end", .client_flags = ALL, .interactive = true, .once = true});
    send_msg(s->client, SC_MSG_STDIN, "hello ", 6);
    send_msg(s->client, SC_MSG_STDIN_EOF, NULL, 0);
    hear_all(s->client, &told);
    assert_string_equal(sc_buf_str(&told.out), "hello end\n");
    assert_int_equal(told.done_count, 1);
    supervised_wait(s);
}

static void
test_stdin_once_ends_with_the_client(void **state)
{
    struct supervised *s = *state;

    supervised_start(s,
                     &(struct how){.script = "cat; echo end", .client_flags = ALL, .interactive = true, .once = true});
    send_msg(s->client, SC_MSG_STDIN, "hello ", 6);
    sc_closep(&s->client);
    supervised_wait(s);
    assert_log(s, "hello end\n");
}

static void
test_stdin_once_waits_for_the_last_who_feeds_it(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told second = {.started = 0};
    sc_cleanup_fd other = -1;

    supervised_start(s,
                     &(struct how){.script = "cat; echo end", .client_flags = ALL, .interactive = true, .once = true});
    other = attach(s, ALL, &second);
    sc_closep(&s->client);
    send_msg(other, SC_MSG_STDIN, "still open ", 11);
    hear_until(other, &second, "still open ");
    send_msg(other, SC_MSG_STDIN_EOF, NULL, 0);
    hear_all(other, &second);
    assert_string_equal(sc_buf_str(&second.out), "still open end\n");
    supervised_wait(s);
}

static void
test_stdin_stays_open_without_once(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told first = {.started = 0}, second = {.started = 0};
    sc_cleanup_fd other = -1;

    supervised_start(s, &(struct how){.script = "cat", .client_flags = ALL, .interactive = true});
    send_msg(s->client, SC_MSG_STDIN, "a\n", 2);
    send_msg(s->client, SC_MSG_STDIN_EOF, NULL, 0);
    hear_until(s->client, &first, "a\n");
    sc_closep(&s->client);
    other = attach(s, ALL, &second);
    send_msg(other, SC_MSG_STDIN, "b\n", 2);
    hear_until(other, &second, "b\n");
    send_kill(other, SIGKILL);
    hear_all(other, &second);
    assert_int_equal(second.exit.code, 137);
    assert_int_equal(second.exit.was_oom_killed, 0);
    supervised_wait(s);
}

static void
test_without_i_stdin_is_at_its_end(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};

    supervised_start(s, &(struct how){.script = "cat; echo end", .client_flags = BOTH});
    hear_all(s->client, &told);
    assert_string_equal(sc_buf_str(&told.out), "end\n");
    supervised_wait(s);
}

/* A container that does not read its stdin must still hear signals: KILL may not queue behind input. */
static void
test_a_signal_passes_waiting_input(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};
    static char data[SC_MONITOR_DATA_MAX];

    supervised_start(s,
                     &(struct how){.script = "echo ready; exec sleep 1000", .client_flags = ALL, .interactive = true});
    hear_until(s->client, &told, "ready");
    for (int sent = 1; sent <= 3; sent++) { /* a pipe holds two of these and a bit */
        send_msg(s->client, SC_MSG_STDIN, data, sizeof(data));
        while (sent < 3 && told.done_count < sent)
            hear_one(s->client, &told);
    }
    send_kill(s->client, SIGKILL);
    hear_all(s->client, &told);
    assert_int_equal(told.done_count, 2);
    assert_int_equal(told.exit.code, 137);
    supervised_wait(s);
}

static void
test_much_input_arrives_whole(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};
    static char data[SC_MONITOR_DATA_MAX];
    enum { PACKETS = 200 };
    char expected[32];

    supervised_start(s, &(struct how){.script = "wc -c", .client_flags = ALL, .interactive = true, .once = true});
    for (int i = 1; i <= PACKETS; i++) {
        send_msg(s->client, SC_MSG_STDIN, data, sizeof(data));
        while (told.done_count < i)
            hear_one(s->client, &told);
    }
    send_msg(s->client, SC_MSG_STDIN_EOF, NULL, 0);
    hear_all(s->client, &told);
    (void)snprintf(expected, sizeof(expected), "%d\n", PACKETS * SC_MONITOR_DATA_MAX);
    assert_string_equal(sc_buf_str(&told.out), expected);
    supervised_wait(s);
}

static void
test_much_output_arrives_whole(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0}, second = {.started = 0};
    sc_cleanup_fd other = -1;
    const size_t size = 6000000;

    supervised_start(s, &(struct how){.script = "read x; head -c 6000000 /dev/zero | tr '\\0' x; echo; echo e >&2",
                                      .client_flags = ALL,
                                      .interactive = true});
    other = attach(s, BOTH, &second);
    send_msg(s->client, SC_MSG_STDIN, "go\n", 3);
    /* Who does not read holds back all: they take turns. */
    while (!told.has_exit || !second.has_exit) {
        if (!told.has_exit)
            hear_one(s->client, &told);
        if (!second.has_exit && (told.has_exit || second.out.len < told.out.len))
            hear_one(other, &second);
    }
    assert_int_equal(told.out.len, size + 1);
    assert_int_equal(second.out.len, size + 1);
    assert_memory_equal(told.out.data, second.out.data, size + 1);
    assert_string_equal(sc_buf_str(&second.err_out), "e\n");
    supervised_wait(s);
    {
        struct sc_log_query query = {.tail = -1};
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_err err;

        assert_ok(sc_log_read(s->log, &query, NULL, add_line, &text, &err));
        assert_int_equal(text.len, size + 1 + 3); /* "[e\n" */
    }
}

static void
test_the_terminal(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};
    const uint16_t size[2] = {33, 77};

    supervised_start(s, &(struct how){.script = "tty >/dev/null && read x; stty size; cat; echo end",
                                      .client_flags = ALL,
                                      .interactive = true,
                                      .once = true,
                                      .tty = true});
    send_msg(s->client, SC_MSG_RESIZE, size, sizeof(size));
    send_msg(s->client, SC_MSG_STDIN, "typed\n", 6);
    hear_until(s->client, &told, "33 77\r\n");
    assert_non_null(strstr(sc_buf_str(&told.out), "typed\r\n")); /* the terminal's echo */
    send_msg(s->client, SC_MSG_STDIN_EOF, NULL, 0);
    hear_all(s->client, &told);
    assert_true(sc_str_ends(sc_buf_str(&told.out), "end\r\n"));
    assert_int_equal(told.exit.code, 0);
    supervised_wait(s);
}

/* Nobody has it open for a while: the line stays up. */
static void
test_the_terminal_may_be_opened_again(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};

    supervised_start(s, &(struct how){.script = "t=$(tty); exec <&- >&- 2>&-; sleep 0.2; echo back >$t",
                                      .client_flags = BOTH,
                                      .tty = true});
    hear_all(s->client, &told);
    assert_string_equal(sc_buf_str(&told.out), "back\r\n");
    supervised_wait(s);
}

static void
test_the_terminal_outlives_its_client(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told second = {.started = 0};
    sc_cleanup_fd other = -1;

    supervised_start(
        s, &(struct how){
               .script = "read x; echo got $x", .client_flags = ALL, .interactive = true, .once = true, .tty = true});
    sc_closep(&s->client); /* ctrl-p ctrl-q */
    other = attach(s, ALL, &second);
    send_msg(other, SC_MSG_STDIN, "it\n", 3);
    hear_all(other, &second);
    assert_non_null(strstr(sc_buf_str(&second.out), "got it\r\n"));
    supervised_wait(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SUPERVISED_TEST(test_stdin_once_ends_with_eof),
        SUPERVISED_TEST(test_stdin_once_ends_with_the_client),
        SUPERVISED_TEST(test_stdin_once_waits_for_the_last_who_feeds_it),
        SUPERVISED_TEST(test_stdin_stays_open_without_once),
        SUPERVISED_TEST(test_without_i_stdin_is_at_its_end),
        SUPERVISED_TEST(test_a_signal_passes_waiting_input),
        SUPERVISED_TEST(test_much_input_arrives_whole),
        SUPERVISED_TEST(test_much_output_arrives_whole),
        SUPERVISED_TEST(test_the_terminal),
        SUPERVISED_TEST(test_the_terminal_may_be_opened_again),
        SUPERVISED_TEST(test_the_terminal_outlives_its_client),
    };

    return RUN_TESTS(tests);
}
