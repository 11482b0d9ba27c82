/* Docker's profile file: archMap, conditions, old names. The rows hold for x86-64 and for arm64. */
#include <linux/seccomp.h>

#include "config.h"

#if defined(__x86_64__)
#define GOARCH "amd64"
#define ARCH   "SCMP_ARCH_X86_64"
#else
#define GOARCH "arm64"
#define ARCH   "SCMP_ARCH_AARCH64"
#endif
#define KILL_CAP (1ULL << 5)

static bool
rule_is_kept(const char *conditions, uint64_t caps, const char *kernel)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_oci_seccomp seccomp;
    struct sc_err err;

    sc_buf_addf(&text,
                "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"kill\"],\"action\":"
                "\"SCMP_ACT_ALLOW\"%s}]}",
                conditions);
    assert_ok(sc_oci_decode_seccomp(sc_buf_str(&text), text.len, caps, kernel, &arena, &seccomp, &err));
    assert_int_equal(seccomp.default_action, SECCOMP_RET_ERRNO | 1); /* EPERM unless said otherwise */
    return seccomp.rule_count == 1;
}

static void
test_conditions(void **state)
{
    static const struct {
        const char *conditions;
        uint64_t caps;
        const char *kernel;
        bool is_kept;
    } rows[] = {
        {"", 0, "6.1", true},
        {",\"includes\":{},\"excludes\":{}", 0, "6.1", true},
        {",\"includes\":null", 0, "6.1", true},
        {",\"includes\":{\"caps\":[\"CAP_KILL\"]}", 0, "6.1", false},
        {",\"includes\":{\"caps\":[\"CAP_KILL\"]}", KILL_CAP, "6.1", true},
        {",\"includes\":{\"caps\":[\"CAP_KILL\",\"CAP_BPF\"]}", KILL_CAP, "6.1", false},
        {",\"includes\":{\"caps\":[\"CAP_NEWER\"]}", ~0ULL, "6.1", false},
        {",\"excludes\":{\"caps\":[\"CAP_KILL\"]}", KILL_CAP, "6.1", false},
        {",\"excludes\":{\"caps\":[\"CAP_KILL\",\"CAP_BPF\"]}", KILL_CAP, "6.1", false},
        {",\"excludes\":{\"caps\":[\"CAP_KILL\"]}", 0, "6.1", true},
        {",\"includes\":{\"arches\":[\"" GOARCH "\"]}", 0, "6.1", true},
        {",\"includes\":{\"arches\":[\"s390x\"]}", 0, "6.1", false},
        {",\"excludes\":{\"arches\":[\"s390x\",\"" GOARCH "\"]}", 0, "6.1", false},
        {",\"excludes\":{\"arches\":[\"s390x\"]}", 0, "6.1", true},
        {",\"includes\":{\"minKernel\":\"4.8\"}", 0, "4.8.0-1", true},
        {",\"includes\":{\"minKernel\":\"4.8\"}", 0, "4.7", false},
        {",\"includes\":{\"minKernel\":\"4.8\"}", 0, "3.10", false},
        {",\"includes\":{\"minKernel\":\"4.8\"}", 0, "6.1.0-13-amd64", true},
        {",\"includes\":{\"minKernel\":\"4.8\"}", 0, "4.10", true},
        {",\"excludes\":{\"minKernel\":\"4.8\"}", 0, "6.1", false},
        {",\"includes\":{\"caps\":[\"CAP_KILL\"],\"arches\":[\"s390x\"]}", KILL_CAP, "6.1", false},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        if (rule_is_kept(rows[i].conditions, rows[i].caps, rows[i].kernel) != rows[i].is_kept)
            fail_msg("row %zu: %s on %s", i, rows[i].conditions, rows[i].kernel);
    }
}

static void
test_arch_map_and_old_names(void **state)
{
    static const char text[] =
        "{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\",\"archMap\":[{\"architecture\":\"SCMP_ARCH_S390X\","
        "\"subArchitectures\":[\"SCMP_ARCH_S390\"]},{\"architecture\":\"" ARCH
        "\",\"subArchitectures\":[\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"]}],\"syscalls\":[{\"name\":\"read\",\"action\":"
        "\"SCMP_ACT_ALLOW\",\"args\":[],\"comment\":\"\",\"includes\":{},\"excludes\":{}},{\"names\":[\"clone3\"],"
        "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38}]}";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_oci_seccomp seccomp;
    struct sc_err err;

    (void)state;
    assert_ok(sc_oci_decode_seccomp(text, sizeof(text) - 1, 0, "6.1", &arena, &seccomp, &err));
    assert_true(seccomp.is_set);
    assert_false(seccomp.is_sc_default);
    assert_true(seccomp.default_action == SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(seccomp.architectures.count, 3);
    assert_string_equal(seccomp.architectures.items[0], ARCH);
    assert_string_equal(seccomp.architectures.items[2], "SCMP_ARCH_X32");
    assert_int_equal(seccomp.rule_count, 2);
    assert_string_equal(seccomp.rules[0].names.items[0], "read");
    assert_int_equal(seccomp.rules[1].action, SECCOMP_RET_ERRNO | 38);
}

static void
test_refusals(void **state)
{
    static const struct {
        const char *members, *message;
    } rows[] = {
        {"\"architectures\":[\"SCMP_ARCH_X86\"],\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86\"}]",
         "seccomp.archMap: must not be given together with architectures"},
        {"\"archMap\":{}", "seccomp.archMap: must be a list"},
        {"\"archMap\":[3]", "seccomp.archMap[0]: must be an object"},
        {"\"archMap\":[{\"architecture\":3}]", "seccomp.archMap[0].architecture: must be a string"},
        {"\"syscalls\":[{\"name\":\"a\",\"names\":[\"b\"],\"action\":\"SCMP_ACT_ALLOW\"}]",
         "seccomp.syscalls[0].name: must not be given together with names"},
        {"\"syscalls\":[{\"includes\":[],\"action\":\"SCMP_ACT_ALLOW\"}]",
         "seccomp.syscalls[0].includes: must be an object"},
        {"\"syscalls\":[{\"excludes\":{\"caps\":5},\"action\":\"SCMP_ACT_ALLOW\"}]",
         "seccomp.syscalls[0].excludes.caps: must be a list of strings"},
        {"\"syscalls\":[{\"includes\":{\"minKernel\":\"4\"},\"action\":\"SCMP_ACT_ALLOW\"}]",
         "seccomp.syscalls[0].includes.minKernel: \"4\" must be a version such as 4.8"},
        {"\"syscalls\":[{\"includes\":{\"minKernel\":\"4.8.1\"},\"action\":\"SCMP_ACT_ALLOW\"}]",
         "seccomp.syscalls[0].includes.minKernel: \"4.8.1\" must be a version such as 4.8"},
        {"\"flags\":[\"NEW\"]",
         "seccomp.flags: unknown value \"NEW\", must be one of SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG, "
         "SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_oci_seccomp seccomp;
        struct sc_err err;

        sc_buf_addf(&text, "{\"defaultAction\":\"SCMP_ACT_ALLOW\",%s}", rows[i].members);
        assert_fails(sc_oci_decode_seccomp(sc_buf_str(&text), text.len, 0, "6.1", &arena, &seccomp, &err),
                     SC_ERR_INVALID, rows[i].message);
    }
}

static void
test_action_names(void **state)
{
    static const struct {
        const char *name;
        uint32_t action;
    } rows[] = {
        {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
        {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
        {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
        {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO | 1},
        {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE | 1},
        {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
        {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
        {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_oci_seccomp seccomp;
        struct sc_err err;

        sc_buf_addf(&text, "{\"defaultAction\":\"%s\"}", rows[i].name);
        assert_ok(sc_oci_decode_seccomp(sc_buf_str(&text), text.len, 0, "6.1", &arena, &seccomp, &err));
        assert_true(seccomp.default_action == rows[i].action);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_arch_map_and_old_names),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_action_names),
    };

    return RUN_TESTS(tests);
}
