/* OCI profiles through libseccomp: the meaning runc and crun give them. */
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "seccomp-profile.h"

static void
add_arg(struct sc_oci_seccomp_rule *rule, uint32_t index, int op, uint64_t value, uint64_t value_two)
{
    if (rule->args == NULL)
        rule->args = SC_ARENA_ARRAY(&arena, struct sc_oci_seccomp_arg, 6);
    assert_non_null(rule->args);
    rule->args[rule->arg_count++] = (struct sc_oci_seccomp_arg){index, value, value_two, op};
}

static void
test_rules(void **state)
{
    struct sc_oci_seccomp profile = profile_of(ALLOW);
    struct sc_seccomp_filter filter;

    (void)state;
    add_rule(&profile, SECCOMP_RET_ERRNO | 7, "getcwd no_such_call");
    add_rule(&profile, SECCOMP_RET_KILL_PROCESS, "ptrace");
    add_rule(&profile, ALLOW, "read"); /* the default action: says nothing */
    /* conditions on two arguments must both hold */
    add_arg(add_rule(&profile, EPERM_, "kill"), 0, SCMP_CMP_EQ, 1, 0);
    add_arg(&profile.rules[3], 1, SCMP_CMP_EQ, SIGKILL, 0);
    /* two on one argument are alternatives */
    add_arg(add_rule(&profile, EPERM_, "personality"), 0, SCMP_CMP_EQ, 5, 0);
    add_arg(&profile.rules[4], 0, SCMP_CMP_EQ, 6, 0);
    filter = compile(&profile);
    assert_int_equal(ask(&filter, SYS_getcwd, 0, 0), SECCOMP_RET_ERRNO | 7);
    assert_int_equal(ask(&filter, SYS_ptrace, 0, 0), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(ask(&filter, SYS_read, 0, 0), ALLOW);
    assert_int_equal(ask(&filter, SYS_kill, 1, SIGKILL), EPERM_);
    assert_int_equal(ask(&filter, SYS_kill, 1, SIGTERM), ALLOW);
    assert_int_equal(ask(&filter, SYS_kill, 2, SIGKILL), ALLOW);
    assert_int_equal(ask(&filter, SYS_personality, 5, 0), EPERM_);
    assert_int_equal(ask(&filter, SYS_personality, 6, 0), EPERM_);
    assert_int_equal(ask(&filter, SYS_personality, 7, 0), ALLOW);
    /* a default that allows leaves new calls alone */
    assert_int_equal(ask(&filter, 9999, 0, 0), ALLOW);
}

static void
test_operators(void **state)
{
    static const struct {
        int op;
        uint64_t value, value_two, arg;
        bool matches;
    } rows[] = {
        {SCMP_CMP_NE, 5, 0, 5, false},
        {SCMP_CMP_NE, 5, 0, UINT64_C(0x100000005), true}, /* an OCI comparison is of 64 bits */
        {SCMP_CMP_LT, 5, 0, 4, true},
        {SCMP_CMP_LT, 5, 0, 5, false},
        {SCMP_CMP_LE, 5, 0, 5, true},
        {SCMP_CMP_LE, 5, 0, 6, false},
        {SCMP_CMP_EQ, UINT64_C(0x100000005), 0, UINT64_C(0x100000005), true},
        {SCMP_CMP_EQ, UINT64_C(0x100000005), 0, 5, false},
        {SCMP_CMP_GE, 5, 0, 5, true},
        {SCMP_CMP_GE, 5, 0, 4, false},
        {SCMP_CMP_GT, 5, 0, 6, true},
        {SCMP_CMP_GT, 5, 0, 5, false},
        {SCMP_CMP_GT, 5, 0, UINT64_C(0x100000000), true},
        {SCMP_CMP_MASKED_EQ, 0xf0, 0x30, 0x3f, true},
        {SCMP_CMP_MASKED_EQ, 0xf0, 0x30, 0x4f, false},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        struct sc_oci_seccomp profile = profile_of(ALLOW);
        struct sc_seccomp_filter filter;

        add_arg(add_rule(&profile, EPERM_, "personality"), 0, rows[i].op, rows[i].value, rows[i].value_two);
        filter = compile(&profile);
        assert_int_equal(ask(&filter, SYS_personality, rows[i].arg, 0), rows[i].matches ? EPERM_ : ALLOW);
    }
}

static void
test_new_calls_of_a_refusing_profile(void **state)
{
    static const uint32_t defaults[] = {EPERM_, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_TRAP};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(defaults); i++) {
        struct sc_oci_seccomp profile = profile_of(defaults[i]);
        struct sc_seccomp_filter filter;

        add_rule(&profile, ALLOW, "read write openat2");
        filter = compile(&profile);
        /* no architecture listed: only what the profile says */
        assert_int_equal(ask(&filter, 9999, 0, 0), defaults[i]);
        sc_strv_add(&profile.architectures, &arena, "SCMP_ARCH_X86_64");
        sc_strv_add(&profile.architectures, &arena, "SCMP_ARCH_X86_64");
        sc_strv_add(&profile.architectures, &arena, "SCMP_ARCH_AARCH64");
        filter = compile(&profile);
        assert_int_equal(ask(&filter, SYS_read, 0, 0), ALLOW);
        assert_int_equal(ask(&filter, SYS_openat2, 0, 0), ALLOW);
        assert_int_equal(ask(&filter, SYS_openat2 - 1, 0, 0), defaults[i]);
        assert_int_equal(ask(&filter, SYS_openat2 + 1, 0, 0), ENOSYS_);
        assert_int_equal(ask(&filter, 9999, 0, 0), ENOSYS_);
    }
}

#if defined(__x86_64__)
static uint32_t
ask_arch(const struct sc_seccomp_filter *filter, uint32_t arch, uint32_t nr)
{
    struct seccomp_data data = {.nr = (int)nr, .arch = arch};

    return bpf_eval(filter, &data);
}

static void
test_architectures(void **state)
{
    struct sc_oci_seccomp profile = profile_of(EPERM_);
    struct sc_seccomp_filter filter;

    (void)state;
    add_rule(&profile, ALLOW, "read write");
    sc_strv_add(&profile.architectures, &arena, "SCMP_ARCH_X86_64");
    filter = compile(&profile);
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86, 3), SECCOMP_RET_KILL_THREAD);
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86_64, 0x40000000), SECCOMP_RET_KILL_THREAD);
    sc_strv_add(&profile.architectures, &arena, "SCMP_ARCH_X86");
    sc_strv_add(&profile.architectures, &arena, "SCMP_ARCH_X32");
    filter = compile(&profile);
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86_64, SYS_read), ALLOW);
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86_64, 2), ENOSYS_);
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86, 3), ALLOW);
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86, 4), ALLOW);
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86, 2), EPERM_);
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86, 5), ENOSYS_);
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86_64, 0x40000000), ALLOW);
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86_64, 0x40000002), ENOSYS_);
}
#endif

static void
test_refused_profiles(void **state)
{
    struct sc_oci_seccomp profile = profile_of(SECCOMP_RET_USER_NOTIF);
    struct sc_seccomp_filter filter;

    (void)state;
    assert_int_equal(sc_seccomp_compile(&profile, &arena, &filter, &err), -1);
    assert_int_equal(err.kind, SC_ERR_INVALID);
    assert_non_null(strstr(err.msg, "SCMP_ACT_NOTIFY"));

    sc_err_clear(&err);
    profile = profile_of(ALLOW);
    sc_strv_add(&profile.architectures, &arena, "SCMP_ARCH_PDP11");
    assert_int_equal(sc_seccomp_compile(&profile, &arena, &filter, &err), -1);
    assert_int_equal(err.kind, SC_ERR_INVALID);
    assert_non_null(strstr(err.msg, "\"SCMP_ARCH_PDP11\""));

    sc_err_clear(&err);
    profile = profile_of(ALLOW);
    add_arg(add_rule(&profile, EPERM_, "kill"), 6, SCMP_CMP_EQ, 1, 0);
    assert_int_equal(sc_seccomp_compile(&profile, &arena, &filter, &err), -1);
    assert_int_equal(err.kind, SC_ERR_INVALID);
    assert_non_null(strstr(err.msg, "argument 6"));

    sc_err_clear(&err);
    profile = profile_of(0x12340000);
    assert_int_equal(sc_seccomp_compile(&profile, &arena, &filter, &err), -1);
    assert_int_equal(err.kind, SC_ERR_INVALID);
    assert_non_null(strstr(err.msg, "default action 0x12340000"));
}

static void
test_flags(void **state)
{
    struct sc_oci_seccomp profile = profile_of(ALLOW);
    struct sc_seccomp_filter filter;

    (void)state;
    profile.flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    add_rule(&profile, EPERM_, "getcwd");
    filter = compile(&profile);
    assert_int_equal(filter.flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
    assert_false(filter.needs_listener);
    add_rule(&profile, SECCOMP_RET_USER_NOTIF, "mkdir");
    filter = compile(&profile);
    assert_true(filter.needs_listener);
    assert_int_equal(filter.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    assert_int_equal(ask(&filter, SYS_mkdir, 0, 0), SECCOMP_RET_USER_NOTIF);
}

static void
test_profile_without_rules(void **state)
{
    struct sc_oci_seccomp profile = {.is_set = true, .default_action = ALLOW};
    struct sc_seccomp_filter filter = compile(&profile);

    (void)state;
    assert_int_equal(ask(&filter, SYS_read, 0, 0), ALLOW);
    assert_int_equal(ask(&filter, 9999, 0, 0), ALLOW);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PROFILE_TEST(test_rules),
        PROFILE_TEST(test_operators),
        PROFILE_TEST(test_new_calls_of_a_refusing_profile),
#if defined(__x86_64__)
        PROFILE_TEST(test_architectures),
#endif
        PROFILE_TEST(test_refused_profiles),
        PROFILE_TEST(test_flags),
        PROFILE_TEST(test_profile_without_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
