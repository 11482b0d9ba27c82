/* sc-monitor, whole: what clients hear, what is logged and recorded, what is left. */
#include <sys/un.h>

#include "supervised.h"

#include "kernel/kernel.h"

static void
test_output_log_and_exit(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};
    struct sc_exit record;
    int64_t before = sc_time_now();
    struct sc_err err;

    supervised_start(s, &(struct how){.script = "echo out; echo err >&2; printf end; exit 7", .client_flags = BOTH});
    hear_all(s->client, &told);
    assert_string_equal(sc_buf_str(&told.out), "out\nend");
    assert_string_equal(sc_buf_str(&told.err_out), "err\n");
    assert_int_equal(told.exit.code, 7);
    assert_int_equal(told.exit.signal, 0);
    assert_int_equal(told.exit.was_oom_killed, 0);
    assert_true(told.exit.finished_at >= before && told.exit.finished_at <= sc_time_now());
    supervised_wait(s);
    assert_ok(sc_exit_read(s->data_fd, &record, &err));
    assert_int_equal(record.code, 7);
    assert_int_equal(record.finished_at, told.exit.finished_at);
    assert_int_not_equal(faccessat(s->run_fd, "monitor.sock", F_OK, 0), 0);
    assert_int_not_equal(faccessat(s->run_fd, "monitor.err", F_OK, 0), 0);
    {
        sc_cleanup_free char *text = scratch_read(s->scratch, "data/log.json");

        assert_non_null(strstr(text, "{\"log\":\"out\\n\",\"stream\":\"stdout\",\"time\":\"2"));
        assert_non_null(strstr(text, "{\"log\":\"err\\n\",\"stream\":\"stderr\",\"time\":\"2"));
        assert_non_null(strstr(text, "{\"log\":\"end\",\"stream\":\"stdout\",\"time\":\"2"));
    }
}

static void
test_a_signal_ends_it(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};

    supervised_start(s, &(struct how){.script = "echo ready; exec sleep 1000", .client_flags = BOTH});
    hear_until(s->client, &told, "ready");
    send_kill(s->client, SIGTERM);
    hear_all(s->client, &told);
    assert_int_equal(told.exit.code, 128 + SIGTERM);
    assert_int_equal(told.exit.signal, SIGTERM);
    supervised_wait(s);
}

static void
test_rm_leaves_nothing_by_the_time_of_exit(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};

    supervised_start(s, &(struct how){.script = "echo x", .client_flags = BOTH, .rm = true});
    hear_all(s->client, &told);
    assert_false(scratch_has(s->scratch, "data"));
    assert_false(scratch_has(s->scratch, "run"));
    assert_false(scratch_has(s->scratch, "name"));
    assert_string_equal(sc_buf_str(&told.out), "x\n");
    supervised_wait(s);
}

static void
test_undo_is_run(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};
    sc_cleanup_buf undo = SC_BUF_INIT;
    char path[128];
    struct sc_err err;

    (void)snprintf(path, sizeof(path), "%s/made on host", s->scratch->path);
    assert_ok(sc_dir_make_at(s->scratch->fd, "made on host/below", 0700, &err));
    sc_undo_add(&undo, SC_UNDO_TREE, path);
    scratch_write(s->scratch, "run/undo", undo.data);
    supervised_start(s, &(struct how){.script = "exit 0", .client_flags = SC_ATTACH_WAIT_ONLY});
    hear_all(s->client, &told);
    assert_false(scratch_has(s->scratch, "made on host"));
    assert_false(scratch_has(s->scratch, "run/undo"));
    assert_true(scratch_has(s->scratch, "data/exit.json"));
    supervised_wait(s);
}

static void
test_a_failed_undo_is_kept_and_told(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};
    sc_cleanup_free char *complaint = NULL;

    scratch_write(s->scratch, "run/undo", "dance /tmp\n");
    supervised_start(s, &(struct how){.script = "exit 3", .client_flags = SC_ATTACH_WAIT_ONLY});
    hear_all(s->client, &told);
    assert_int_equal(told.exit.code, 3);
    assert_true(scratch_has(s->scratch, "run/undo"));
    complaint = scratch_read(s->scratch, "run/monitor.err");
    assert_non_null(strstr(complaint, "dance"));
    supervised_wait(s);
}

static void
test_a_second_client(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told first = {.started = 0}, second = {.started = 0}, waiter = {.started = 0};
    sc_cleanup_fd other = -1, wait_only = -1;

    supervised_start(s, &(struct how){.script = "read x; echo got $x; read x; echo and $x >&2; exit 4",
                                      .client_flags = ALL,
                                      .interactive = true});
    send_msg(s->client, SC_MSG_STDIN, "one\n", 4);
    hear_until(s->client, &first, "got one\n");
    assert_int_equal(first.done_count, 1);
    wait_only = attach(s, SC_ATTACH_WAIT_ONLY, &waiter);
    other = attach(s, ALL, &second);
    assert_int_equal(second.started, waiter.started);
    assert_int_equal(kill(second.started, 0), 0);
    send_msg(other, SC_MSG_STDIN, "two\n", 4);
    hear_all(other, &second);
    hear_all(s->client, &first);
    hear_all(wait_only, &waiter);
    assert_string_equal(sc_buf_str(&first.out), "got one\n");
    assert_string_equal(sc_buf_str(&first.err_out), "and two\n");
    assert_string_equal(sc_buf_str(&second.out), ""); /* what was before is the log's */
    assert_string_equal(sc_buf_str(&second.err_out), "and two\n");
    assert_string_equal(sc_buf_str(&waiter.err_out), "");
    assert_int_equal(first.exit.code, 4);
    assert_int_equal(second.exit.code, 4);
    assert_int_equal(waiter.exit.code, 4);
    supervised_wait(s);
    assert_log(s, "got one\n[and two\n");
}

/* More than a socket holds is still on its way when init ends: the record does not wait for the reader, and nothing is
 * lost. */
static void
test_exit_is_recorded_while_a_client_sleeps(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd lock = -1;

    supervised_start(s, &(struct how){.script = "head -c 190000 /dev/zero; exit 6", .client_flags = BOTH});
    for (int i = 0; i < 3000 && faccessat(s->data_fd, "exit.json", F_OK, 0) < 0; i++)
        usleep(10000);
    assert_int_equal(faccessat(s->data_fd, "exit.json", F_OK, 0), 0);
    assert_ok((lock = sc_lock_at(s->run_fd, "lock", SC_LOCK_EXCLUSIVE, true, &err)));
    assert_int_equal(waitpid(s->monitor, NULL, WNOHANG), 0); /* it is there only for us now */
    hear_all(s->client, &told);
    assert_int_equal(told.out.len, 190000);
    assert_int_equal(told.exit.code, 6);
    supervised_wait(s);
}

static void
test_a_client_that_leaves_frees_the_others(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told second = {.started = 0};
    sc_cleanup_fd other = -1;

    supervised_start(s, &(struct how){.script = "read x; head -c 3000000 /dev/zero; echo end",
                                      .client_flags = ALL,
                                      .interactive = true});
    other = attach(s, BOTH, &second);
    send_msg(s->client, SC_MSG_STDIN, "go\n", 3);
    while (second.out.len < 32000) /* the first reads nothing, so it has been filled by now or soon */
        hear_one(other, &second);
    sc_closep(&s->client);
    hear_all(other, &second);
    assert_int_equal(second.out.len, 3000004);
    supervised_wait(s);
}

/* Outside a pid namespace, what init leaves behind may hold its pipes for ever. */
static void
test_held_pipes_do_not_delay_the_exit(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};
    long left;

    supervised_start(s, &(struct how){.script = "sleep 1000 & echo $!; exit 3", .client_flags = BOTH});
    hear_all(s->client, &told);
    left = strtol(sc_buf_str(&told.out), NULL, 10);
    assert_true(left > 1);
    assert_int_equal(kill((pid_t)left, SIGKILL), 0);
    assert_int_equal(told.exit.code, 3);
    supervised_wait(s);
}

static void
test_signals_to_the_monitor_are_ignored(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGTSTP};
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0}, second = {.started = 0};
    sc_cleanup_fd other = -1;

    supervised_start(s, &(struct how){.script = "read x; exit 9", .client_flags = ALL, .interactive = true});
    other = attach(s, SC_ATTACH_WAIT_ONLY, &second); /* now it is past its set-up */
    for (size_t i = 0; i < SC_ARRAY_LEN(signals); i++)
        assert_int_equal(kill(s->monitor, signals[i]), 0);
    send_msg(s->client, SC_MSG_STDIN, "\n", 1);
    hear_all(s->client, &told);
    assert_int_equal(told.exit.code, 9);
    supervised_wait(s);
}

/* A pipe that the caller left open must not be kept open by the monitor. */
static void
test_the_callers_descriptors_are_closed(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};
    int leak[2];
    char c;

    assert_int_equal(pipe(leak), 0);
    assert_int_equal(dup2(leak[1], 200), 200);
    supervised_start(s, &(struct how){.script = "read x", .client_flags = ALL, .interactive = true});
    close(leak[1]);
    close(200);
    assert_int_equal(read(leak[0], &c, 1), 0);
    close(leak[0]);
    send_msg(s->client, SC_MSG_STDIN, "\n", 1);
    hear_all(s->client, &told);
    supervised_wait(s);
}

static void
test_who_breaks_the_protocol_is_dropped(void **state)
{
    static const struct {
        uint8_t packet[16];
        size_t len;
        bool greets;
    } cases[] = {
        {{SC_MSG_STDIN, 'x'}, 2, false}, /* before HELLO */
        {{SC_MSG_HELLO}, 1, false},      /* without flags */
        {{SC_MSG_HELLO, 1, 2}, 3, false},
        {{SC_MSG_HELLO, 0}, 2, true}, /* twice */
        {{SC_MSG_EXIT}, 1, true},     /* not a client's */
        {{99}, 1, true},
        {{SC_MSG_STDIN}, 1, true}, /* empty */
        {{SC_MSG_RESIZE, 1, 0}, 3, true},
        {{SC_MSG_KILL, 9}, 2, true},
        {{SC_MSG_STDIN, 'x'}, 2, true}, /* without SC_ATTACH_STDIN */
    };
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};

    supervised_start(s, &(struct how){.script = "read x; exit 5", .client_flags = ALL, .interactive = true});
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_told bad = {.started = 0};
        sc_cleanup_fd other = -1;
        enum sc_monitor_msg type;
        struct sc_err err;
        char body[8];

        if (cases[i].greets) {
            other = attach(s, SC_ATTACH_STDOUT, &bad);
        } else {
            struct sockaddr_un address = {.sun_family = AF_UNIX};

            /* As sc_monitor_connect, but for its HELLO. */
            (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/monitor.sock", s->run);
            other = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
            assert_int_equal(connect(other, (const struct sockaddr *)&address, sizeof(address)), 0);
        }
        assert_int_equal(send(other, cases[i].packet, cases[i].len, MSG_NOSIGNAL), (ssize_t)cases[i].len);
        assert_fails(sc_monitor_recv(other, &type, body, sizeof(body), &err), SC_ERR_PEER_DIED,
                     "the container's monitor ended without a word");
    }
    send_msg(s->client, SC_MSG_STDIN, "\n", 1);
    hear_all(s->client, &told);
    assert_int_equal(told.exit.code, 5);
    supervised_wait(s);
}

static void
test_the_log_rotates(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};

    supervised_start(
        s, &(struct how){
               .script = "seq 1 1000", .client_flags = SC_ATTACH_WAIT_ONLY, .log_max_size = 8192, .log_max_files = 3});
    hear_all(s->client, &told);
    supervised_wait(s);
    assert_true(scratch_has(s->scratch, "data/log.json.1"));
    assert_true(scratch_has(s->scratch, "data/log.json.2"));
    assert_false(scratch_has(s->scratch, "data/log.json.3"));
    {
        struct sc_log_query query = {.tail = 3};
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_err err;

        assert_ok(sc_log_read(s->log, &query, NULL, add_line, &text, &err));
        assert_string_equal(sc_buf_str(&text), "998\n999\n1000\n");
    }
}

static void
test_no_log(void **state)
{
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0};

    supervised_start(s, &(struct how){.script = "echo x", .client_flags = BOTH, .no_log = true});
    hear_all(s->client, &told);
    assert_string_equal(sc_buf_str(&told.out), "x\n");
    assert_false(scratch_has(s->scratch, "data/log.json"));
    supervised_wait(s);
}

/* The bound: what a container costs beside its own processes, in kB. */
static void
test_an_idle_monitor_is_small(void **state)
{
    const char *max = getenv("SC_MONITOR_PSS_MAX"); /* set where it was built with musl */
    struct supervised *s = *state;
    sc_cleanup_told told = {.started = 0}, second = {.started = 0};
    sc_cleanup_fd other = -1;
    sc_cleanup_buf rollup = SC_BUF_INIT;
    char path[64];
    const char *line;
    struct sc_err err;

    supervised_start(s, &(struct how){.script = "seq 1 20000; read x", .client_flags = ALL, .interactive = true});
    hear_until(s->client, &told, "20000\n");
    other = attach(s, SC_ATTACH_WAIT_ONLY, &second);
    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)s->monitor);
    assert_ok(sc_file_read_at(AT_FDCWD, path, 65536, &rollup, &err));
    line = strstr(sc_buf_str(&rollup), "\nPss:");
    assert_non_null(line);
    if (max)
        assert_in_range(strtol(line + 5, NULL, 10), 1, strtol(max, NULL, 10));
    send_msg(s->client, SC_MSG_STDIN, "\n", 1);
    hear_all(s->client, &told);
    supervised_wait(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SUPERVISED_TEST(test_output_log_and_exit),
        SUPERVISED_TEST(test_a_signal_ends_it),
        SUPERVISED_TEST(test_rm_leaves_nothing_by_the_time_of_exit),
        SUPERVISED_TEST(test_undo_is_run),
        SUPERVISED_TEST(test_a_failed_undo_is_kept_and_told),
        SUPERVISED_TEST(test_a_second_client),
        SUPERVISED_TEST(test_exit_is_recorded_while_a_client_sleeps),
        SUPERVISED_TEST(test_a_client_that_leaves_frees_the_others),
        SUPERVISED_TEST(test_held_pipes_do_not_delay_the_exit),
        SUPERVISED_TEST(test_signals_to_the_monitor_are_ignored),
        SUPERVISED_TEST(test_the_callers_descriptors_are_closed),
        SUPERVISED_TEST(test_who_breaks_the_protocol_is_dropped),
        SUPERVISED_TEST(test_the_log_rotates),
        SUPERVISED_TEST(test_no_log),
        SUPERVISED_TEST(test_an_idle_monitor_is_small),
    };

    return RUN_TESTS(tests);
}
