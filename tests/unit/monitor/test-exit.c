/* exit.json: written and read back; what waitid says in a shell's words. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/json.h"
#include "monitor/monitor.h"
#include "monitor/usage-priv.h"
#include "scratch.h"

static void
test_write_and_read_are_inverses(void **state)
{
    static const struct sc_exit records[] = {
        {.code = 0, .finished_at = INT64_C(1795425047123456789)},
        {.code = 137, .signal = 9, .was_oom_killed = 1, .finished_at = 1},
        {.code = 255, .was_disk_full = 1, .restart_count = 7, .finished_at = INT64_C(999999999)},
    };
    const struct scratch *scratch = *state;

    for (size_t i = 0; i < SC_ARRAY_LEN(records); i++) {
        struct sc_exit back;
        struct sc_err err;

        assert_ok(sc_exit_write(scratch->fd, &records[i], NULL, NULL, SC_DURABLE, &err));
        assert_ok(sc_exit_read(scratch->fd, &back, &err));
        assert_int_equal(back.code, records[i].code);
        assert_int_equal(back.signal, records[i].signal);
        assert_int_equal(back.was_oom_killed, records[i].was_oom_killed);
        assert_int_equal(back.was_disk_full, records[i].was_disk_full);
        assert_int_equal(back.restart_count, records[i].restart_count);
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

    assert_ok(sc_exit_write(scratch->fd, &record, NULL, NULL, SC_VOLATILE, &err));
    text = scratch_read(scratch, "exit.json");
    assert_string_equal(text, "{\"exitCode\":137,\"signal\":9,\"oomKilled\":true,"
                              "\"finishedAt\":\"2026-11-23T09:10:47.123456789Z\"}\n");
}

/* Every member of the totals, each with a value of its own, there and back. */
static void
test_totals(void **state)
{
    const struct sc_exit record = {.code = 137, .signal = 9, .was_oom_killed = 1, .finished_at = 1};
    const struct scratch *scratch = *state;
    const struct sc_exit_words words = {
        .oom_victim = "s\"h (process 42)", .oom_place = "/a\"b", .start_error = "no \"room\""};
    struct sc_usage usage = {.cpu_ns = 0}, back;
    sc_cleanup_json json = NULL;
    struct sc_exit exit_back;
    struct sc_err err;
    uint64_t n = 1;

    for (size_t i = 0; i < sc_usage_field_count; i++)
        *(uint64_t *)(void *)((char *)&usage + sc_usage_fields[i].offset) = n++ << 33;
    usage.memory_limit = UINT64_MAX; /* none */
    assert_ok(sc_exit_write(scratch->fd, &record, &usage, &words, SC_VOLATILE, &err));
    assert_ok(sc_exit_read(scratch->fd, &exit_back, &err));
    assert_int_equal(exit_back.code, 137);
    assert_ok(sc_json_read_at(scratch->fd, "exit.json", 4096, &json, &err));
    assert_string_equal(json_string_value(json_object_get(json, "oomVictim")), "s\"h (process 42)");
    assert_string_equal(json_string_value(json_object_get(json, "startError")), "no \"room\"");
    assert_string_equal(json_string_value(json_object_get(json, "oomPlace")), "/a\"b");
    assert_ok(sc_usage_decode(json_object_get(json, "usage"), &back, &err));
    assert_memory_equal(&back, &usage, sizeof(usage));
}

static void
test_oom_records(void **state)
{
    static const struct {
        const char *record, *victim, *place; /* NULL: it is of something else */
    } cases[] = {
        {"6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/sc/abc,"
         "task_memcg=/sc/abc,task=sh,pid=42,uid=0\n",
         "sh (process 42)", "/sc/abc"},
        {"6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/top,task_memcg=/top/abc/in,task=a,b c,pid=7,uid=0",
         "a,b c (process 7)", "/top"},
        {"6,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=abc,mems_allowed=0,global_oom,"
         "task_memcg=/sc/abc,task=sh,pid=42,uid=0",
         "sh (process 42)", SC_OOM_HOST},
        {"6,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,cpuset=abc,global_oom,task_memcg=/sc/other,task=sh,pid=42", NULL,
         NULL},
        {"6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/sc/abc,task_memcg=/sc/abc,task=sh", NULL, NULL},
        {"6,1,2,-;Memory cgroup out of memory: Killed process 42 (sh) abc", NULL, NULL},
        {"", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf victim = SC_BUF_INIT, place = SC_BUF_INIT;

        print_message("%s\n", cases[i].record);
        assert_int_equal(sc_oom_record(cases[i].record, "abc", &victim, &place), cases[i].victim != NULL);
        assert_string_equal(sc_buf_str(&victim), cases[i].victim ? cases[i].victim : "");
        assert_string_equal(sc_buf_str(&place), cases[i].place ? cases[i].place : "");
    }
}

/* A ring: what was written around comes out in the order in which it was made, though the clock was set back meanwhile.
 */
static void
test_blackbox(void **state)
{
    const struct scratch *scratch = *state;
    struct sc_blackbox_sample samples[] = {{.when = 7, .made = 30}, {.when = 8, .made = 10}, {.when = 9, .made = 20}},
                              *back = NULL;
    struct {
        struct sc_blackbox_head head;
        struct sc_blackbox_sample samples[3];
    } file = {.head = SC_BLACKBOX_HEAD};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;
    size_t count = 0;

    assert_int_equal(sc_blackbox_read(scratch->fd, &arena, &back, &count, &err), -1);
    assert_int_equal(err.errnum, ENOENT);
    /* half a sample at the end: of a monitor that was killed */
    memcpy(file.samples, samples, sizeof(samples));
    assert_ok(sc_file_replace_at(scratch->fd, SC_BLACKBOX_FILE, &file, sizeof(file) - 8, 0600, SC_VOLATILE, &err));
    assert_ok(sc_blackbox_read(scratch->fd, &arena, &back, &count, &err));
    assert_int_equal(count, 2);
    assert_true(back[0].made == 10 && back[1].made == 30);
    assert_ok(sc_file_replace_at(scratch->fd, SC_BLACKBOX_FILE, &file, sizeof(file), 0600, SC_VOLATILE, &err));
    assert_ok(sc_blackbox_read(scratch->fd, &arena, &back, &count, &err));
    assert_true(count == 3 && back[0].made == 10 && back[1].made == 20 && back[2].made == 30);
    /* not of another build, nor of one that had no mark yet; of nothing yet there is nothing */
    for (int i = 0; i < 3; i++) {
        struct sc_err other = SC_ERR_INIT;

        file.head = SC_BLACKBOX_HEAD;
        file.head.version += i == 0;
        file.head.sample_size -= i == 1 ? 8 : 0;
        assert_ok(sc_file_replace_at(scratch->fd, SC_BLACKBOX_FILE, i == 2 ? (void *)samples : (void *)&file,
                                     i == 2 ? sizeof(samples) : sizeof(file), 0600, SC_VOLATILE, &err));
        assert_int_equal(sc_blackbox_read(scratch->fd, &arena, &back, &count, &other), -1);
        assert_true(other.kind == SC_ERR_UNSUPPORTED && count == 0);
    }
    assert_ok(sc_file_replace_at(scratch->fd, SC_BLACKBOX_FILE, "", 0, 0600, SC_VOLATILE, &err));
    assert_ok(sc_blackbox_read(scratch->fd, &arena, &back, &count, &err));
    assert_int_equal(count, 0);
}

static void
test_event_lines(void **state)
{
    const struct scratch *scratch = *state;
    const struct sc_event first = {.type = "container",
                                   .action = "exec_start: \"x\"\n",
                                   .id = "abc",
                                   .attributes = "\"name\":\"n\""},
                          second = {.type = "container",
                                    .action = "die",
                                    .id = "abc",
                                    .attributes = "\"name\":\"n\"",
                                    .more = "\"exitCode\":\"1\""},
                          third = {.type = "network", .action = "create", .id = "n"};
    sc_cleanup_free char *text = NULL;
    char *lines[4] = {NULL}, *rest;

    sc_event_add(scratch->fd, &first);
    sc_event_add(scratch->fd, &second);
    sc_event_add(scratch->fd, &third);
    rest = text = scratch_read(scratch, SC_EVENT_FILE);
    for (size_t i = 0; i < SC_ARRAY_LEN(lines); i++)
        lines[i] = strsep(&rest, "\n");
    assert_non_null(strstr(lines[0], ",\"Type\":\"container\",\"Action\":\"exec_start: "
                                     "\\\"x\\\"\\n\",\"ID\":\"abc\",\"Attributes\":{\"name\":\"n\"}}"));
    assert_non_null(strstr(lines[1], "\"Attributes\":{\"exitCode\":\"1\",\"name\":\"n\"}}"));
    assert_non_null(strstr(lines[2], "\"Attributes\":{}}"));
    assert_string_equal(lines[3], "");
    for (size_t i = 0; i < 3; i++) {
        sc_cleanup_json json = NULL;
        struct sc_err err = SC_ERR_INIT;

        assert_ok(sc_json_parse(lines[i], strlen(lines[i]), "line", &json, &err));
    }
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
        SCRATCH_TEST(test_totals),
        cmocka_unit_test(test_oom_records),
        SCRATCH_TEST(test_blackbox),
        SCRATCH_TEST(test_event_lines),
        SCRATCH_TEST(test_reading_what_is_no_record),
        cmocka_unit_test(test_codes_as_a_shell_says_them),
    };

    return RUN_TESTS(tests);
}
