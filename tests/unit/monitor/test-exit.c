/* exit.json: written and read back; what waitid says in a shell's words. */
#include <signal.h>
#include <sys/wait.h>

#include "monitor/monitor.h"
#include "scratch.h"

static void
test_write_and_read_are_inverses(void **state)
{
    static const struct sc_exit records[] = {
        {.code = 0, .finished_at = INT64_C(1795425047123456789)},
        {.code = 137, .signal = 9, .was_oom_killed = 1, .finished_at = 1},
        {.code = 255, .finished_at = INT64_C(999999999)},
    };
    const struct scratch *scratch = *state;

    for (size_t i = 0; i < SC_ARRAY_LEN(records); i++) {
        struct sc_exit back;
        struct sc_err err;

        assert_ok(sc_exit_write(scratch->fd, &records[i], SC_DURABLE, &err));
        assert_ok(sc_exit_read(scratch->fd, &back, &err));
        assert_int_equal(back.code, records[i].code);
        assert_int_equal(back.signal, records[i].signal);
        assert_int_equal(back.was_oom_killed, records[i].was_oom_killed);
        assert_int_equal(back.finished_at, records[i].finished_at);
    }
}

static void
test_its_text(void **state)
{
    const struct sc_exit record = {
        .code = 137, .signal = 9, .was_oom_killed = 1, .finished_at = INT64_C(1795425047123456789)};
    const struct scratch *scratch = *state;
    sc_cleanup_free char *text = NULL;
    struct sc_err err;

    assert_ok(sc_exit_write(scratch->fd, &record, SC_VOLATILE, &err));
    text = scratch_read(scratch, "exit.json");
    assert_string_equal(text, "{\"exitCode\":137,\"signal\":9,\"oomKilled\":true,"
                              "\"finishedAt\":\"2026-11-23T09:10:47.123456789Z\"}\n");
}

static void
test_reading_what_is_no_record(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}", "exit.json: it does not hold an exit record"},
        {"{\"exitCode\":256,\"signal\":0,\"oomKilled\":false,\"finishedAt\":\"2026-11-23T09:10:47Z\"}",
         "exit.json: it does not hold an exit record"},
        {"{\"exitCode\":\"1\"}", "exit.json: exitCode: must be a number"},
    };
    const struct scratch *scratch = *state;
    struct sc_exit record;
    struct sc_err err = SC_ERR_INIT;

    assert_int_equal(sc_exit_read(scratch->fd, &record, &err), -1);
    assert_int_equal(err.kind, SC_ERR_NOT_FOUND);
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        scratch_write(scratch, "exit.json", cases[i].text);
        assert_fails(sc_exit_read(scratch->fd, &record, &err), SC_ERR_INVALID, cases[i].message);
    }
}

static void
test_codes_as_a_shell_says_them(void **state)
{
    static const struct {
        int code, status, exit_code, signal;
    } cases[] = {
        {CLD_EXITED, 0, 0, 0},
        {CLD_EXITED, 137, 137, 0},
        {CLD_KILLED, SIGKILL, 137, SIGKILL},
        {CLD_DUMPED, SIGSEGV, 139, SIGSEGV},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_exit record = {.code = -1, .signal = -1};

        sc_exit_from_wait(cases[i].code, cases[i].status, &record);
        assert_int_equal(record.code, cases[i].exit_code);
        assert_int_equal(record.signal, cases[i].signal);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_write_and_read_are_inverses),
        SCRATCH_TEST(test_its_text),
        SCRATCH_TEST(test_reading_what_is_no_record),
        cmocka_unit_test(test_codes_as_a_shell_says_them),
    };

    return RUN_TESTS(tests);
}
