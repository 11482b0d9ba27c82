/* The systemd driver's pure half: names, properties, annotations and messages. */
#include "cgroup-test.h"
#include "kernel/cgroup/systemd/systemd.h"

static const struct sc_systemd pid1 = {.version = 252, .control_group = (char *)""};
static const struct sc_systemd user = {
    .is_user = true, .version = 252, .control_group = (char *)"/user.slice/user-1.slice/user@1.service"};

/* ---- names -------------------------------------------------------------------- */

static void
test_names(void **state)
{
    static const struct {
        const char *path, *id, *name, *slice, *cgroup;
    } cases[] = {
        {NULL, "box", "sc-box.scope", "system.slice", "/system.slice/sc-box.scope"},
        {"", "a+b", "sc-a\\x2bb.scope", "system.slice", "/system.slice/sc-a\\x2bb.scope"},
        {"machine.slice:libpod:1", "box", "libpod-1.scope", "machine.slice", "/machine.slice/libpod-1.scope"},
        {"a-b-c.slice:p:n", "box", "p-n.scope", "a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice/p-n.scope"},
        {"-.slice:p:n", "box", "p-n.scope", "-.slice", "/p-n.scope"},
        {"::n", "box", "n.scope", "system.slice", "/system.slice/n.scope"},
        {":p:a/../b", "box", "p-a\\x2f..\\x2fb.scope", "system.slice", "/system.slice/p-a\\x2f..\\x2fb.scope"},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_unit unit = {.name = NULL};
    struct sc_err err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        assert_ok(sc_systemd_name(cases[i].path, cases[i].id, &pid1, &arena, &unit, &err));
        assert_string_equal(unit.name, cases[i].name);
        assert_string_equal(unit.slice, cases[i].slice);
        assert_string_equal(unit.path, cases[i].cgroup);
    }
    assert_ok(sc_systemd_name(NULL, "box", &user, &arena, &unit, &err));
    assert_string_equal(unit.path, "/user.slice/user-1.slice/user@1.service/user.slice/sc-box.scope");
}

static void
test_bad_names(void **state)
{
    static const struct {
        const char *path, *message;
    } cases[] = {
        {"/sc/box", "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"/sc/box\" "
                    "instead"},
        {"a:b", "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"a:b\" instead"},
        {"a.slice:b:c:d", "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got "
                          "\"a.slice:b:c:d\" instead"},
        {"a.slice:b:", "linux.cgroupsPath: \"a.slice:b:\" names no unit"},
        {"a.slice:b:c.slice", "linux.cgroupsPath: \"a.slice:b:c.slice\": a slice holds no process itself"},
        {"a:b:c", "linux.cgroupsPath: \"a\" is not the name of a slice"},
        {".slice:b:c", "linux.cgroupsPath: \".slice\" is not the name of a slice"},
        {"-a.slice:b:c", "linux.cgroupsPath: \"-a.slice\" is not the name of a slice"},
        {"a-.slice:b:c", "linux.cgroupsPath: \"a-.slice\" is not the name of a slice"},
        {"a--b.slice:b:c", "linux.cgroupsPath: \"a--b.slice\" is not the name of a slice"},
        {"../a.slice:b:c", "linux.cgroupsPath: \"../a.slice\" is not the name of a slice"},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_unit unit = {.name = NULL};
    struct sc_err err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        assert_fails(sc_systemd_name(cases[i].path, "box", &pid1, &arena, &unit, &err), SC_ERR_INVALID,
                     cases[i].message);
}

/* ---- annotations ---------------------------------------------------------------- */

static const char *
show(struct sc_arena *arena, const struct sc_unit_property *property)
{
    char *text = sc_arena_printf(arena, "%s %s", property->name, property->signature);

    for (size_t i = 0; i < property->words.count; i++)
        text = sc_arena_printf(arena, "%s %s", text, property->words.items[i]);
    return text;
}

static void
test_annotations(void **state)
{
    static const struct {
        const char *name, *text, *property;
    } cases[] = {
        {"CollectMode", "'inactive-or-failed'", "CollectMode s inactive-or-failed"},
        {"Description", "\"it's \\\"this\\\"\"", "Description s it's \"this\""},
        {"SendSIGHUP", "true", "SendSIGHUP b true"},
        {"SendSIGHUP", " false ", "SendSIGHUP b false"},
        {"KillSignal", "15", "KillSignal i 15"},
        {"MemoryLow", "uint64 1048576", "MemoryLow t 1048576"},
        {"MemoryLow", "@t 0x10", "MemoryLow t 16"},
        {"Nice", "int16 -5", "Nice n -5"},
        {"Ratio", "1.5", "Ratio d 1.5"},
        {"After", "['a.service', 'b.service']", "After as 2 a.service b.service"},
        {"After", "@as []", "After as 0"},
        {"AllowedCPUs", "[byte 1, 255]", "AllowedCPUs ay 2 1 255"},
        {"DeviceAllow", "[('/dev/null', 'r')]", "DeviceAllow a(ss) 1 /dev/null r"},
        {"TimeoutStopSec", "7", "TimeoutStopUSec t 7000000"},
        {"TimeoutStopSec", "uint64 0", "TimeoutStopUSec t 0"},
        {"TimeoutStopSec", "1.5", "TimeoutStopUSec t 1500000"},
        {"TimeoutStopUSec", "uint64 9", "TimeoutStopUSec t 9"},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_unit_property property;
    struct sc_err err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        assert_ok(sc_systemd_annotation(cases[i].name, cases[i].text, &arena, &property, &err));
        assert_string_equal(show(&arena, &property), cases[i].property);
    }
}

static void
test_bad_annotations(void **state)
{
    static const struct {
        const char *name, *text, *message;
    } cases[] = {
        {"CollectMode", "", "\"\" is not a value: column 1"},
        {"CollectMode", "inactive", "\"inactive\" is not a value: column 1"},
        {"CollectMode", "'open", "\"'open\" is not a value: column 6"},
        {"CollectMode", "true false", "\"true false\" is not a value: column 6"},
        {"After", "[]", "\"[]\" is not a value: column 3"},
        {"After", "['a', 1]", "\"['a', 1]\" is not a value: column 7"},
        {"After", "['a' 'b']", "\"['a' 'b']\" is not a value: column 6"},
        {"After", "{'a': 1}", "\"{'a': 1}\" is not a value: column 1"},
        {"After", "[[[[[[[[[[1]]]]]]]]]]", "\"[[[[[[[[[[1]]]]]]]]]]\" is not a value: column 9"},
        {"Nice", "byte 256", "\"256\" does not fit the type \"y\""},
        {"Nice", "int16 40000", "\"40000\" does not fit the type \"n\""},
        {"Nice", "uint64 1.5", "\"uint64 1.5\" is not a value: column 8"},
        {"TimeoutStopSec", "'7'", "\"7\" is not a number of seconds"},
        {"TimeoutStopSec", "-1", "\"-1\" is not a number of seconds"},
        {"A B", "1", "\"A B\" is not the name of a systemd property"},
        {"AB", "1", "\"AB\" is not the name of a systemd property"},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_unit_property property;
    struct sc_err err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        assert_fails(sc_systemd_annotation(cases[i].name, cases[i].text, &arena, &property, &err), SC_ERR_INVALID,
                     cases[i].message);
}

/* ---- limits ------------------------------------------------------------------------- */

static const char *
limits_of(struct sc_arena *arena, const struct sc_oci_resources *resources, unsigned version)
{
    const struct sc_cgroup_layout layout = layout_v2(arena, "cpuset cpu io memory pids");
    const struct sc_systemd systemd = {.version = version};
    struct sc_unit_properties properties = {.count = 0};
    struct sc_cgroup_writes writes = {.count = 0};
    struct sc_strv need = {.count = 0};
    struct sc_err err;
    char *text = sc_arena_strdup(arena, "");

    assert_ok(sc_cgroup_translate(&layout, resources, true, arena, &writes, &need, &err));
    assert_ok(sc_systemd_limits(&layout, &writes, &systemd, arena, &properties, &err));
    for (size_t i = 0; i < properties.count; i++)
        text = sc_arena_printf(arena, "%s%s\n", text, show(arena, &properties.items[i]));
    return text;
}

static void
test_limits(void **state)
{
    const struct sc_oci_resources sets = {.cpu = {.cpus = (char *)"0,9-10"}};
    const struct sc_oci_resources odd = {.cpu = {.quota = I64(33333), .period = U64(50000)}};
    const struct sc_oci_resources unlimited = {
        .memory = {.limit = I64(-1), .swap = I64(-1)}, .cpu = {.quota = I64(-1)}, .pids_limit = I64(-1)};
    sc_cleanup_arena arena = SC_ARENA_INIT;

    (void)state;
    assert_string_equal(limits_of(&arena, &sets, 252), "AllowedCPUs ay 2 1 6\n");
    assert_string_equal(limits_of(&arena, &sets, 243), "");
    /* whole percents, rounded up */
    assert_string_equal(limits_of(&arena, &odd, 252), "CPUQuotaPeriodUSec t 50000\nCPUQuotaPerSecUSec t 670000\n");
    assert_string_equal(limits_of(&arena, &odd, 241), "CPUQuotaPerSecUSec t 670000\n");
    assert_string_equal(limits_of(&arena, &unlimited, 252),
                        "MemoryMax t 18446744073709551615\n"
                        "TasksMax t 18446744073709551615\nCPUQuotaPerSecUSec t 18446744073709551615\n");
}

/* ---- messages ------------------------------------------------------------------------- */

static void
words_put(struct sc_strv *words, struct sc_arena *arena, const char *text)
{
    char *copy = sc_arena_strdup(arena, text), *save = NULL;

    words->count = 0;
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        sc_strv_add(words, arena, word);
}

static void
test_words(void **state)
{
    /* Every alignment there is, and an array whose padding does not count */
    static const uint8_t expected[] = {7, 0,   0, 0, 1,   0,   0, 0, /* y, padding, b */
                                       2, 0,   0, 0, 'a', 'b', 0, 0, /* s, padding to the array */
                                       9, 0,   0, 0, 0,   0,   0, 0, /* length without the padding of 8 after it */
                                       1, 't', 0, 0, 0,   0,   0, 0, /* struct: v of t, aligned to 8 in the message */
                                       5, 0,   0, 0, 0,   0,   0, 0};
    static const struct {
        const char *signature, *words, *message;
    } bad[] = {
        {"s", "", "a value of type \"s\" is missing"},
        {"s", "a b", "\"b\" is more than the signature \"s\" takes"},
        {"as", "2 a", "a value of type \"s\" is missing"},
        {"as", "", "an array has no length"},
        {"v", "ss a b", "\"ss\" is not the signature of a value"},
        {"()", "", "\"()\" is not a D-Bus signature"},
        {"(s", "a", "\"(s\" is not a D-Bus signature"},
        {"h", "1", "\"h\" is not a D-Bus signature"},
        {"d", "nan", "\"nan\" is not a number"},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf out = SC_BUF_INIT;
    struct sc_strv words = {.count = 0};
    struct sc_err err;

    (void)state;
    words_put(&words, &arena, "7 true ab 1 t 5");
    assert_ok(sc_dbus_write_words("ybsa(v)", &words, &out, &err));
    assert_int_equal(out.len, sizeof(expected));
    assert_int_equal(out.data[16], 16); /* one struct: 3 bytes of signature, padding, 8 of value */
    assert_memory_equal(out.data, expected, 16);
    assert_memory_equal(out.data + 24, expected + 24, 16);
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        words_put(&words, &arena, bad[i].words);
        assert_fails(sc_dbus_write_words(bad[i].signature, &words, &out, &err), SC_ERR_INVALID, bad[i].message);
    }
}

static void
test_round_trip(void **state)
{
    const struct sc_dbus_message sent = {.type = SC_DBUS_SIGNAL,
                                         .serial = 9,
                                         .path = "/manager",
                                         .interface = "i.Manager",
                                         .member = "JobRemoved",
                                         .signature = "uoss"};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf body = SC_BUF_INIT, bytes = SC_BUF_INIT;
    struct sc_dbus_message with_body = sent, got;
    struct sc_strv words = {.count = 0};
    struct sc_err err;

    (void)state;
    words_put(&words, &arena, "7 /job/7 x.scope done");
    assert_ok(sc_dbus_write_words("uoss", &words, &body, &err));
    with_body.body = (const uint8_t *)body.data;
    with_body.body_len = body.len;
    assert_ok(sc_dbus_write(&with_body, &bytes, &err));
    assert_ok(sc_dbus_read((const uint8_t *)bytes.data, bytes.len, &got, &err));
    assert_int_equal(got.type, SC_DBUS_SIGNAL);
    assert_int_equal(got.serial, 9);
    assert_string_equal(got.member, "JobRemoved");
    assert_null(sc_dbus_string(&got, 0)); /* a number */
    assert_string_equal(sc_dbus_string(&got, 1), "/job/7");
    assert_string_equal(sc_dbus_string(&got, 3), "done");
    assert_null(sc_dbus_string(&got, 4));
    /* cut anywhere it is no message */
    for (size_t len = 0; len < bytes.len; len++)
        assert_fails(sc_dbus_read((const uint8_t *)bytes.data, len, &got, &err), SC_ERR_KERNEL,
                     "read a D-Bus message: it is cut off");
    bytes.data[16 + 4] = 0x7f; /* the length of its first string */
    bytes.data[16 + 5] = 0x7f;
    assert_fails(sc_dbus_read((const uint8_t *)bytes.data, bytes.len, &got, &err), SC_ERR_KERNEL,
                 "read a D-Bus message: its header is damaged");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),           cmocka_unit_test(test_bad_names), cmocka_unit_test(test_annotations),
        cmocka_unit_test(test_bad_annotations), cmocka_unit_test(test_limits),    cmocka_unit_test(test_words),
        cmocka_unit_test(test_round_trip),
    };

    return RUN_TESTS(tests);
}
