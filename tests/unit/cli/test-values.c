/* One value each: numbers, limits, lists, namespaces, security. */
#include <sys/resource.h>

#include "test.h"

#include "cli/cli.h"

struct number {
    const char *value;
    int64_t expected;
};
struct bad {
    const char *value, *message;
};

static void
check_bad(sc_option_set_fn set, void *to, const struct bad *bad, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_err err;

        assert_fails(set(to, bad[i].value, &arena, &err), SC_ERR_INVALID, bad[i].message);
    }
}

static void
check_numbers(sc_option_set_fn set, const struct number *good, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        int64_t number = 12345;
        struct sc_err err;

        assert_ok(set(&number, good[i].value, &arena, &err));
        assert_int_equal(number, good[i].expected);
    }
}

#define CHECK(set, good, bad)                                                                                          \
    do {                                                                                                               \
        int64_t unused = 0;                                                                                            \
        check_numbers(set, good, SC_ARRAY_LEN(good));                                                                  \
        check_bad(set, &unused, bad, SC_ARRAY_LEN(bad));                                                               \
    } while (0)

#define SIZE " must be a size such as 512, 64k, 256m or 1.5g"

static void
test_sizes(void **state)
{
    static const struct number good[] = {
        {"0", 0},          {"512", 512},         {"512b", 512},       {"1k", 1024},       {"1K", 1024},
        {"64m", 67108864}, {"64MB", 67108864},   {"64MiB", 67108864}, {"64mb", 67108864}, {"64 m", 67108864},
        {"64 ", 64},       {"1.5g", 1610612736}, {".5k", 512},        {"1t", 1LL << 40},  {"8388607t", 8388607LL << 40},
    };
    static const struct bad bad[] = {
        {"", "\"\":" SIZE},
        {"m", "\"m\":" SIZE},
        {"-1", "\"-1\":" SIZE},
        {"12x", "\"12x\":" SIZE},
        {"1mm", "\"1mm\":" SIZE},
        {"0x10", "\"0x10\":" SIZE},
        {" 1", "\" 1\":" SIZE},
        {"1e3", "\"1e3\":" SIZE},
        {"1.2.3", "\"1.2.3\":" SIZE},
        {"8388608t", "\"8388608t\": must be a size below 8 EiB"},
        {"99999999999999999999", "\"99999999999999999999\":" SIZE},
    };
    static const struct number swap[] = {{"-1", -1}, {"0", 0}, {"1g", 1 << 30}};
    static const struct bad bad_swap[] = {{"-2", "\"-2\":" SIZE}, {"-1m", "\"-1m\":" SIZE}};

    (void)state;
    CHECK(sc_value_size, good, bad);
    CHECK(sc_value_memory_swap, swap, bad_swap);
}

static void
test_cpus(void **state)
{
    static const struct number good[] = {{"0", 0},          {".5", 500000000},  {"1.5", 1500000000},
                                         {"2", 2000000000}, {"0.000000001", 1}, {"2.0000000000", 2000000000}};
    static const struct bad bad[] = {
        {"", "\"\": must be a decimal number such as 0.5 or 2"},
        {"-1", "\"-1\": must be a decimal number such as 0.5 or 2"},
        {"many", "\"many\": must be a decimal number such as 0.5 or 2"},
        {"1/2", "\"1/2\": must be a decimal number such as 0.5 or 2"},
        {"0.0000000001", "\"0.0000000001\": must be a number of at most nine decimals"},
        {"9999999999999", "\"9999999999999\": must be a smaller number"},
    };
    static const struct number pids[] = {{"64", 64}, {"0", -1}, {"-1", -1}};
    static const struct bad bad_pids[] = {{"-2", "\"-2\": must be a number of tasks, or -1 for no limit"},
                                          {"x", "\"x\": must be a whole number from -9223372036854775808 to "
                                                "9223372036854775807"}};

    (void)state;
    CHECK(sc_value_cpus, good, bad);
    CHECK(sc_value_pids, pids, bad_pids);
}

/* Values kept as text: what is taken, and what is not. */
static void
check_texts(sc_option_set_fn set, const char *const *good, size_t good_count, const struct bad *bad, size_t bad_count)
{
    char *text = NULL;

    for (size_t i = 0; i < good_count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_err err;

        assert_ok(set(&text, good[i], &arena, &err));
        assert_string_equal(text, good[i]);
    }
    check_bad(set, &text, bad, bad_count);
}

static void
test_texts(void **state)
{
    static const char *const cpus[] = {"0", "0-3", "0-3,7", "1,1", "0-0"};
    static const struct bad bad_cpus[] = {{"0-", "\"0-\": must be a list such as 0-3,7"},
                                          {"a", "\"a\": must be a list such as 0-3,7"},
                                          {"3-1", "\"3-1\": must be a list such as 0-3,7"},
                                          {"0,", "\"0,\": must be a list such as 0-3,7"},
                                          {"-1", "\"-1\": must be a list such as 0-3,7"},
                                          {"0 1", "\"0 1\": must be a list such as 0-3,7"},
                                          {"4294967296", "\"4294967296\": must be a list such as 0-3,7"}};
    static const char *const signals[] = {"TERM", "SIGTERM", "sigterm", "15", "RTMIN+3", "SIGRTMAX-1", "64"};
    static const struct bad bad_signals[] = {
        {"NONE", "\"NONE\": must be a signal name or a number from 1 to 64"},
        {"0", "\"0\": must be a signal name or a number from 1 to 64"},
        {"65", "\"65\": must be a signal name or a number from 1 to 64"},
        {"-9", "\"-9\": must be a signal name or a number from 1 to 64"},
        {"RTMIN+31", "\"RTMIN+31\": must be a signal name or a number from 1 to 64"}};
    static const char *const keys[] = {"ctrl-p,ctrl-q", "a", "ctrl-@,x", ""};
    static const struct bad bad_keys[] = {{"ctrl-1", "detach keys \"ctrl-1\": \"ctrl-1\" is not a key"},
                                          {"a,bc", "detach keys \"a,bc\": \"bc\" is not a key"}};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    char *text = sc_arena_strdup(&arena, "x");
    struct sc_err err;

    (void)state;
    check_texts(sc_value_cpu_list, cpus, SC_ARRAY_LEN(cpus), bad_cpus, SC_ARRAY_LEN(bad_cpus));
    check_texts(sc_value_signal_text, signals, SC_ARRAY_LEN(signals), bad_signals, SC_ARRAY_LEN(bad_signals));
    check_texts(sc_value_detach_keys, keys, SC_ARRAY_LEN(keys), bad_keys, SC_ARRAY_LEN(bad_keys));
    /* empty: as if it was not given */
    assert_ok(sc_value_cpu_list(&text, "", &arena, &err));
    assert_null(text);
    text = sc_arena_strdup(&arena, "x");
    assert_ok(sc_value_signal_text(&text, "", &arena, &err));
    assert_null(text);
}

/* Lists: an entry is added as it is, or nothing is. */
static void
check_lists(sc_option_set_fn set, const char *const *good, size_t good_count, const struct bad *bad, size_t bad_count)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv list = {0};
    struct sc_err err;

    for (size_t i = 0; i < good_count; i++) {
        assert_ok(set(&list, good[i], &arena, &err));
        assert_int_equal(list.count, i + 1);
        assert_string_equal(list.items[i], good[i]);
    }
    check_bad(set, &list, bad, bad_count);
    assert_int_equal(list.count, good_count);
}

#define CHECK_LISTS(set, good, bad) check_lists(set, good, SC_ARRAY_LEN(good), bad, SC_ARRAY_LEN(bad))
#define I64                         " must be a whole number from -9223372036854775808 to 9223372036854775807"

static void
test_ulimits(void **state)
{
    static const char *const good[] = {"nofile=1024", "nofile=1024:2048", "core=0:-1",
                                       "core=-1",     "cpu=-1:-1",        "rtprio=5:5"};
    static const struct bad bad[] = {
        {"", "\"\": must be NAME=SOFT[:HARD]"},
        {"nofile", "\"nofile\": must be NAME=SOFT[:HARD]"},
        {"=1", "\"=1\": unknown limit \"\""},
        {"nofiles=1", "\"nofiles=1\": unknown limit \"nofiles\""},
        {"averyveryverylongname=1", "\"averyveryverylongname=1\": unknown limit \"averyveryverylongname\""},
        {"nofile=", "\"\": must be a number"},
        {"nofile=:1", "\"\": must be a number"},
        {"nofile=1:", "\"\": must be a number"},
        {"nofile=x", "\"x\":" I64},
        {"nofile=1:2:3", "\"2:3\":" I64},
        {"nofile=-2", "\"-2\": a limit is a number, or -1 for none"},
        {"nofile=5:1", "\"nofile=5:1\": the soft limit is above the hard limit"},
        {"nofile=-1:1", "\"nofile=-1:1\": the soft limit is above the hard limit"},
    };

    (void)state;
    CHECK_LISTS(sc_value_ulimit, good, bad);
}

static void
test_lists(void **state)
{
    static const char *const caps[] = {"ALL", "CAP_NET_ADMIN"};
    static const char *const spelled[][2] = {
        {"all", "ALL"}, {"NET_ADMIN", "CAP_NET_ADMIN"}, {"net_admin", "CAP_NET_ADMIN"}, {"cap_chown", "CAP_CHOWN"}};
    static const struct bad bad_caps[] = {{"", "\"\": no such capability"},
                                          {"FLY", "\"FLY\": no such capability"},
                                          {"CAP_", "\"CAP_\": no such capability"},
                                          {"CAP_CAP_CHOWN", "\"CAP_CAP_CHOWN\": no such capability"}};
    static const char *const maps[] = {"0:100000:65536", "1:1:1", "0:0:4294967295"};
    static const struct bad bad_maps[] = {{"", "\"\": must be CONTAINER:HOST:COUNT"},
                                          {"0:1", "\"0:1\": must be CONTAINER:HOST:COUNT"},
                                          {"0:1:0", "\"0:1:0\": must be CONTAINER:HOST:COUNT"},
                                          {"0:1:2:3", "\"0:1:2:3\": must be CONTAINER:HOST:COUNT"},
                                          {"a:1:2", "\"a:1:2\": must be CONTAINER:HOST:COUNT"},
                                          {"0:-1:2", "\"0:-1:2\": must be CONTAINER:HOST:COUNT"},
                                          {"0:1:4294967296", "\"0:1:4294967296\": must be CONTAINER:HOST:COUNT"}};
    static const char *const labels[] = {"a", "a=", "a=b", "a=b=c", "a b=c"};
    static const struct bad bad_labels[] = {{"", "\"\": must be NAME or NAME=VALUE"},
                                            {"=x", "\"=x\": must be NAME or NAME=VALUE"}};
    static const char *const sysctls[] = {"net.ipv4.ip_forward=1", "kernel.msgmax=1", "net/ipv4/ip_forward=1",
                                          "kernel.shm_rmid_forced="};
    static const struct bad bad_sysctls[] = {{"", "\"\": must be NAME=VALUE"},
                                             {"=1", "\"=1\": must be NAME=VALUE"},
                                             {"net.ipv4.ip_forward", "\"net.ipv4.ip_forward\": must be NAME=VALUE"}};

    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err;

    (void)state;
    CHECK_LISTS(sc_value_cap, caps, bad_caps);
    for (size_t i = 0; i < SC_ARRAY_LEN(spelled); i++) {
        struct sc_strv list = {0};

        assert_ok(sc_value_cap(&list, spelled[i][0], &arena, &err));
        assert_string_equal(list.items[0], spelled[i][1]);
    }
    CHECK_LISTS(sc_value_id_map, maps, bad_maps);
    CHECK_LISTS(sc_value_label, labels, bad_labels);
    CHECK_LISTS(sc_value_sysctl, sysctls, bad_sysctls);
}

static void
test_namespaces(void **state)
{
    static const struct {
        sc_option_set_fn set;
        const char *value;
        int mode;
        const char *name;
    } good[] = {
        {sc_value_pid, "host", SC_NS_HOST, NULL},
        {sc_value_pid, "private", SC_NS_PRIVATE, NULL},
        {sc_value_pid, "", SC_NS_PRIVATE, NULL},
        {sc_value_pid, "container:x", SC_NS_CONTAINER, "x"},
        {sc_value_pid, "ns:/proc/1/ns/pid", SC_NS_PATH, "/proc/1/ns/pid"},
        {sc_value_ipc, "none", SC_NS_NONE, NULL},
        {sc_value_ipc, "shareable", SC_NS_SHAREABLE, NULL},
        {sc_value_ipc, "", SC_NS_PRIVATE, NULL},
        {sc_value_uts, "host", SC_NS_HOST, NULL},
        {sc_value_cgroupns, "private", SC_NS_PRIVATE, NULL},
        {sc_value_userns, "host", SC_NS_HOST, NULL},
        {sc_value_userns, "auto", SC_NS_PRIVATE, NULL},
        {sc_value_userns, "", SC_NS_HOST, NULL},
        {sc_value_network, "none", SC_NS_NONE, "none"},
        {sc_value_network, "bridge", SC_NS_BRIDGE, "bridge"},
        {sc_value_network, "default", SC_NS_BRIDGE, "bridge"},
        {sc_value_network, "my_net", SC_NS_BRIDGE, "my_net"},
        {sc_value_network, "host", SC_NS_HOST, NULL},
        {sc_value_network, "container:a:b", SC_NS_CONTAINER, "a:b"},
    };
    static const struct {
        sc_option_set_fn set;
        struct bad bad;
    } bad[] = {
        {sc_value_pid, {"none", "\"none\": must be private, host, container:NAME or ns:/PATH"}},
        {sc_value_pid, {"container:", "\"container:\": must be private, host, container:NAME or ns:/PATH"}},
        {sc_value_pid, {"ns:relative", "\"ns:relative\": must be private, host, container:NAME or ns:/PATH"}},
        {sc_value_pid, {"Host", "\"Host\": must be private, host, container:NAME or ns:/PATH"}},
        {sc_value_uts, {"shareable", "\"shareable\": must be private, host, container:NAME or ns:/PATH"}},
        {sc_value_network,
         {"", "\"\": must be none, host, bridge, the name of a network, container:NAME, cni:NAME, ns:/PATH, pasta or "
              "slirp4netns"}},
        {sc_value_network,
         {"a:b", "\"a:b\": must be none, host, bridge, the name of a network, container:NAME, cni:NAME, ns:/PATH, "
                 "pasta or slirp4netns"}},
        {sc_value_userns, {"private", "\"private\": must be host, auto, keep-id, container:NAME or ns:/PATH"}},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(good); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_ns_choice choice = {.mode = SC_NS_PATH};
        struct sc_err err;

        assert_ok(good[i].set(&choice, good[i].value, &arena, &err));
        assert_int_equal(choice.mode, good[i].mode);
        assert_true(sc_str_eq(choice.value, good[i].name));
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        struct sc_ns_choice choice;

        check_bad(bad[i].set, &choice, &bad[i].bad, 1);
    }
}

static void
test_security(void **state)
{
    static const struct bad bad[] = {{"", "\"\": is not known"},
                                     {"foo", "\"foo\": is not known"},
                                     {"seccomp", "\"seccomp\": is not known"},
                                     {"seccomp=", "\"seccomp=\": is not known"},
                                     {"systempaths=confined", "\"systempaths=confined\": is not known"},
                                     {"no-new-privileges=perhaps", "\"perhaps\": must be true or false"},
                                     {"no-new-privilege", "\"no-new-privilege\": is not known"}};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_create_options o = {0};
    struct sc_err err;

    (void)state;
    assert_ok(sc_value_security(&o, "no-new-privileges", &arena, &err));
    assert_true(o.no_new_privileges);
    assert_ok(sc_value_security(&o, "no-new-privileges:false", &arena, &err));
    assert_false(o.no_new_privileges);
    assert_ok(sc_value_security(&o, "seccomp=unconfined", &arena, &err));
    assert_string_equal(o.seccomp, "unconfined");
    assert_ok(sc_value_security(&o, "seccomp:/a=b", &arena, &err));
    assert_string_equal(o.seccomp, "/a=b");
    assert_ok(sc_value_security(&o, "systempaths=unconfined", &arena, &err));
    assert_true(o.systempaths_unconfined);
    check_bad(sc_value_security, &o, bad, SC_ARRAY_LEN(bad));
}

static void
test_time_offsets(void **state)
{
    static const struct bad bad[] = {
        {"", "\"\": must be monotonic=SECONDS,boottime=SECONDS"},
        {"realtime=1", "\"realtime=1\": must be monotonic=SECONDS,boottime=SECONDS"},
        {"monotonic=1,", "\"monotonic=1,\": must be monotonic=SECONDS,boottime=SECONDS"},
        {"monotonic=soon", "\"soon\": must be a duration such as 10s, 300ms or 1m30s"},
        {"monotonic=--1", "\"--1\": must be seconds or a duration"},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_create_options o = {0};
    struct sc_err err;

    (void)state;
    assert_ok(sc_value_time_offset(&o, "monotonic=86400,boottime=-1.5s", &arena, &err));
    assert_int_equal(o.time_monotonic.secs, 86400);
    assert_int_equal(o.time_monotonic.nanosecs, 0);
    assert_int_equal(o.time_boottime.secs, -2);
    assert_int_equal(o.time_boottime.nanosecs, 500000000);
    check_bad(sc_value_time_offset, &o, bad, SC_ARRAY_LEN(bad));
}

static void
test_logging(void **state)
{
    static const struct bad bad_driver[] = {{"syslog", "\"syslog\": must be json-file, local or none"}};
    static const struct bad bad_opt[] = {{"", "\"\": is not known"},
                                         {"tags=x", "\"tags=x\": is not known"},
                                         {"max-file=0", "\"max-file=0\": must be from 1 to 1000"},
                                         {"max-file=1001", "\"max-file=1001\": must be from 1 to 1000"},
                                         {"max-size=0", "\"max-size=0\": must be above 0, or -1"}};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_create_options o = {0};
    struct sc_err err;

    (void)state;
    assert_ok(sc_value_log_driver(&o, "none", &arena, &err));
    assert_string_equal(o.log.driver, "none");
    assert_ok(sc_value_log_driver(&o, "", &arena, &err));
    assert_string_equal(o.log.driver, "json-file");
    assert_ok(sc_value_log_opt(&o, "max-size=1m", &arena, &err));
    assert_int_equal(o.log.max_size, 1 << 20);
    assert_ok(sc_value_log_opt(&o, "max-size=-1", &arena, &err));
    assert_int_equal(o.log.max_size, -1);
    assert_ok(sc_value_log_opt(&o, "max-file=5", &arena, &err));
    assert_int_equal(o.log.max_files, 5);
    assert_ok(sc_value_log_opt(&o, "tag=a", &arena, &err));
    assert_ok(sc_value_log_opt(&o, "labels=x,y", &arena, &err));
    assert_ok(sc_value_log_opt(&o, "tag=b=c", &arena, &err)); /* the last one counts */
    assert_int_equal(o.log.options.count, 2);
    assert_string_equal(o.log.options.items[0], "tag=b=c");
    check_bad(sc_value_log_driver, &o, bad_driver, SC_ARRAY_LEN(bad_driver));
    check_bad(sc_value_log_opt, &o, bad_opt, SC_ARRAY_LEN(bad_opt));
}

static void
test_ranges(void **state)
{
    static const struct bad bad_score[] = {{"1001", "\"1001\": must be from -1000 to 1000"},
                                           {"-1001", "\"-1001\": must be from -1000 to 1000"}};
    static const struct bad bad_swappiness[] = {{"101", "\"101\": must be from 0 to 100"},
                                                {"-2", "\"-2\": must be from 0 to 100"}};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_opt_i64 number = {0};
    struct sc_err err;

    (void)state;
    assert_ok(sc_value_oom_score(&number, "-1000", &arena, &err));
    assert_true(number.is_set && number.value == -1000);
    check_bad(sc_value_oom_score, &number, bad_score, SC_ARRAY_LEN(bad_score));
    assert_ok(sc_value_swappiness(&number, "0", &arena, &err));
    assert_true(number.is_set && number.value == 0);
    assert_ok(sc_value_swappiness(&number, "-1", &arena, &err)); /* Docker's "not set" */
    assert_false(number.is_set);
    check_bad(sc_value_swappiness, &number, bad_swappiness, SC_ARRAY_LEN(bad_swappiness));
}

#define FROM ": must be CONTAINER, CONTAINER:ro or CONTAINER:rw"

static void
test_volumes_from(void **state)
{
    static const char *const good[] = {"web", "web:ro", "web:rw"};
    static const struct bad bad[] = {
        {"", "\"\"" FROM}, {":ro", "\":ro\"" FROM}, {"web:", "\"web:\"" FROM}, {"web:z", "\"web:z\"" FROM}};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv list = {0};
    struct sc_err err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(good); i++) {
        assert_ok(sc_value_volumes_from(&list, good[i], &arena, &err));
        assert_string_equal(list.items[i], good[i]);
    }
    check_bad(sc_value_volumes_from, &list, bad, SC_ARRAY_LEN(bad));
}

static void
test_cp_words(void **state)
{
    static const struct {
        const char *word;
        size_t len;
    } cases[] = {
        {"web:/x", 3}, {"web:x", 3}, {"web:", 3},   {"web:/a:b", 3}, {"-", 0}, {"/x", 0},      {"x", 0},
        {":/x", 0},    {"./a:b", 0}, {"../a:b", 0}, {"/a:b", 0},     {"", 0},  {"dir/a:b", 0}, {".a:b", 0},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        assert_int_equal(sc_cp_container(cases[i].word), cases[i].len);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),    cmocka_unit_test(test_cpus),         cmocka_unit_test(test_texts),
        cmocka_unit_test(test_ulimits),  cmocka_unit_test(test_lists),        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_security), cmocka_unit_test(test_time_offsets), cmocka_unit_test(test_logging),
        cmocka_unit_test(test_ranges),   cmocka_unit_test(test_cp_words),     cmocka_unit_test(test_volumes_from),
    };

    return RUN_TESTS(tests);
}
