/* The command line of sc-monitor: encode and decode are inverses; what is wrong is said. */
#include "test.h"

#include "monitor/monitor.h"

static void
assert_same(const struct sc_monitor_config *a, const struct sc_monitor_config *b)
{
    assert_true(sc_str_eq(a->id, b->id));
    assert_true(sc_str_eq(a->run_dir, b->run_dir));
    assert_true(sc_str_eq(a->data_dir, b->data_dir));
    assert_true(sc_str_eq(a->name_link, b->name_link));
    assert_true(sc_str_eq(a->log_path, b->log_path));
    assert_true(sc_str_eq(a->memory_dir, b->memory_dir));
    assert_int_equal(a->log_max_size, b->log_max_size);
    assert_int_equal(a->log_max_files, b->log_max_files);
    assert_true(sc_str_eq(a->log_attributes, b->log_attributes));
    assert_int_equal(a->memory_is_v2, b->memory_is_v2);
    assert_int_equal(a->watches_oom, b->watches_oom);
    assert_true(sc_str_eq(a->cgroups, b->cgroups));
    assert_true(sc_str_eq(a->refill, b->refill));
    assert_true(sc_str_eq(a->names, b->names));
    assert_int_equal(a->names_udp, b->names_udp);
    assert_int_equal(a->names_tcp, b->names_tcp);
    assert_true(sc_str_eq(a->ports, b->ports));
    assert_int_equal(a->ports_fd, b->ports_fd);
    assert_true(sc_str_eq(a->event, b->event));
    assert_int_equal(a->pid, b->pid);
    assert_int_equal(a->pidfd, b->pidfd);
    assert_int_equal(a->lock_fd, b->lock_fd);
    assert_int_equal(a->listen_fd, b->listen_fd);
    assert_int_equal(a->client_fd, b->client_fd);
    assert_int_equal(a->client_flags, b->client_flags);
    assert_int_equal(a->tty_fd, b->tty_fd);
    assert_int_equal(a->in_fd, b->in_fd);
    assert_int_equal(a->out_fd, b->out_fd);
    assert_int_equal(a->err_fd, b->err_fd);
    assert_true(sc_str_eq(a->calls, b->calls));
    assert_int_equal(a->calls_fd, b->calls_fd);
    assert_int_equal(a->keeps_stdin_open, b->keeps_stdin_open);
    assert_int_equal(a->stdin_once, b->stdin_once);
    assert_int_equal(a->is_rm, b->is_rm);
    assert_int_equal(a->dies_with_client, b->dies_with_client);
}

static const struct sc_monitor_config full = {
    .id = "abc",
    .run_dir = "/run/sc/container/a b=c",
    .data_dir = "/var/lib/sc/container/abc",
    .name_link = "/var/lib/sc/name/n",
    .log_path = "/var/lib/sc/container/abc/log.json",
    .log_max_size = INT64_C(10737418240),
    .log_max_files = 3,
    .log_attributes = "{\"a\":\"1\"}",
    .memory_dir = "/sys/fs/cgroup/memory/sc/abc",
    .memory_is_v2 = true,
    .watches_oom = true,
    .cgroups = "/sys/fs/cgroup/memory/sc/abc\n/sys/fs/cgroup/cpu/sc/a b=c",
    .names = "/usr/libexec/sc/sc-names\n/run/sc/lease/net\n10.0.0.1",
    .names_udp = 31,
    .names_tcp = 32,
    .ports = "/usr/libexec/sc/sc-ports\n/run/sc/lease/port\n7 tcp,0.0.0.0,8080\n9 tcp,::1,90",
    .ports_fd = 33,
    .refill = "/usr/bin/sc\n/var/lib/sc\n/run/s c",
    .event = "\"image\":\"base\",\"name\":\"n\"",
    .pid = 4194304,
    .pidfd = 3,
    .lock_fd = 4,
    .listen_fd = 5,
    .client_fd = 6,
    .client_flags = SC_ATTACH_STDIN | SC_ATTACH_STDERR,
    .tty_fd = 0,
    .in_fd = 7,
    .out_fd = 8,
    .err_fd = 9,
    .calls = "/usr/libexec/sc/sc-view",
    .calls_fd = 10,
    .keeps_stdin_open = true,
    .stdin_once = true,
    .is_rm = true,
    .dies_with_client = true,
};

static const struct sc_monitor_config small = {
    .id = "abc",
    .run_dir = "/r",
    .data_dir = "/d",
    .log_max_size = -1,
    .names_udp = -1,
    .names_tcp = -1,
    .ports_fd = -1,
    .pid = 1,
    .pidfd = 3,
    .lock_fd = -1,
    .listen_fd = -1,
    .client_fd = -1,
    .tty_fd = -1,
    .in_fd = -1,
    .out_fd = -1,
    .err_fd = -1,
    .calls_fd = -1,
};

static void
test_encode_and_decode_are_inverses(void **state)
{
    const struct sc_monitor_config *both[] = {&full, &small};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(both); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_strv argv = {.items = NULL};
        struct sc_monitor_config back;
        struct sc_err err;

        sc_monitor_config_encode(both[i], "/usr/libexec/sc/sc-monitor", &arena, &argv);
        assert_ok(sc_arena_check(&arena, &err));
        assert_string_equal(argv.items[0], "/usr/libexec/sc/sc-monitor");
        assert_null(argv.items[argv.count]);
        assert_ok(sc_monitor_config_decode((int)argv.count, argv.items, &back, &err));
        assert_same(both[i], &back);
    }
}

static void
test_what_is_default_is_not_written(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv argv = {.items = NULL};
    const char *const expected[] = {"m", "id=abc", "run_dir=/r", "data_dir=/d", "log_max_size=-1", "pid=1", "pidfd=3"};

    (void)state;
    sc_monitor_config_encode(&small, "m", &arena, &argv);
    assert_int_equal(argv.count, SC_ARRAY_LEN(expected));
    for (size_t i = 0; i < argv.count; i++)
        assert_string_equal(argv.items[i], expected[i]);
}

static void
test_errors(void **state)
{
    static const struct {
        const char *words[8];
        const char *message;
    } cases[] = {
        {{"x"}, "unknown argument \"x\""},
        {{"colour=red"}, "unknown argument \"colour=red\""},
        {{"id"}, "unknown argument \"id\""},
        {{"id=a", "id=b"}, "id is given twice"},
        {{"id=a", "run_dir=/r", "data_dir=/d", "pid=1"}, "pidfd is missing"},
        {{"id=a", "data_dir=/d", "pid=1", "pidfd=3"}, "run_dir is missing"},
        {{"pid=4294967297"}, "pid: \"4294967297\" is out of range"},
        {{"id=a", "run_dir=/r", "data_dir=/d", "pid=0", "pidfd=3"}, "pid: 0 is not a process"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        char *argv[10] = {(char *)"sc-monitor"};
        struct sc_monitor_config config;
        struct sc_err err;
        int argc = 1;

        while (cases[i].words[argc - 1]) {
            argv[argc] = (char *)(uintptr_t)cases[i].words[argc - 1];
            argc++;
        }
        assert_fails(sc_monitor_config_decode(argc, argv, &config, &err), SC_ERR_INVALID, cases[i].message);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode_and_decode_are_inverses),
        cmocka_unit_test(test_what_is_default_is_not_written),
        cmocka_unit_test(test_errors),
    };

    return RUN_TESTS(tests);
}
