/* sc's default profile: what the compiled filter answers, call by call, and that the table behind it is complete. */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#include "bpf-eval.h"
#include "kernel/kernel.h"
#include "kernel/seccomp-priv.h"
#include "test.h"

#define ALLOW   SECCOMP_RET_ALLOW
#define KILL    SECCOMP_RET_KILL_PROCESS
#define EPERM_  (SECCOMP_RET_ERRNO | EPERM)
#define ENOSYS_ (SECCOMP_RET_ERRNO | ENOSYS)
#define HIGH    (UINT64_C(1) << 32)
#define NR_MAX  1024

static struct sc_arena arena;
static struct sc_err err;

static struct sc_seccomp_filter
compile(uint64_t caps, bool with_i386)
{
    struct sc_oci_seccomp profile;
    struct sc_seccomp_filter filter = {.insns = NULL};

    profile = sc_seccomp_default(caps, with_i386);
    assert_int_equal(sc_seccomp_compile(&profile, &arena, &filter, &err), 0);
    assert_true(filter.count > 0 && filter.count <= BPF_MAXINSNS);
    assert_false(filter.needs_listener);
    return filter;
}

static uint32_t
ask_arch(const struct sc_seccomp_filter *filter, uint32_t arch, uint32_t nr, uint64_t arg)
{
    struct seccomp_data data = {.nr = (int)nr, .arch = arch, .args = {arg}};

    return bpf_eval(filter, &data);
}

static uint32_t
ask(const struct sc_seccomp_filter *filter, const char *name, uint64_t arg)
{
    int number = sc_seccomp_number(seccomp_arch_native(), name);

    assert_true(number >= 0);
    return ask_arch(filter, seccomp_arch_native(), (uint32_t)number, arg);
}

static int
setup(void **state)
{
    (void)state;
    arena = (struct sc_arena)SC_ARENA_INIT;
    err = (struct sc_err)SC_ERR_INIT;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    sc_arena_release(&arena);
    return 0;
}

static void
test_answers(void **state)
{
    static const struct {
        const char *name;
        uint64_t arg;
        uint32_t answer;
    } rows[] = {
        {"read", 0, ALLOW},
        {"openat2", 0, ALLOW},
        {"execve", 0, ALLOW},
        {"ptrace", 0, ALLOW},
        {"chroot", 0, ALLOW}, /* CAP_SYS_CHROOT is among the default ones */
        {"mseal", 0, ALLOW},  /* newer than libseccomp 2.5 */
        {"mount", 0, EPERM_},
        {"unshare", CLONE_NEWUSER, EPERM_},
        {"unshare", CLONE_FS, EPERM_},
        {"setns", 0, EPERM_},
        {"bpf", 0, EPERM_},
        {"perf_event_open", 0, EPERM_},
        {"userfaultfd", 0, EPERM_},
        {"io_uring_setup", 0, EPERM_},
        {"io_uring_enter", 0, EPERM_},
        {"io_uring_register", 0, EPERM_},
        {"add_key", 0, EPERM_},
        {"keyctl", 0, EPERM_},
        {"request_key", 0, EPERM_},
        {"pivot_root", 0, EPERM_},
        {"open_by_handle_at", 0, EPERM_},
        {"open_tree_attr", 0, EPERM_},
        {"clone3", 0, ENOSYS_},
        /* the kernel takes an int where the register has 64 bits */
        {"socket", AF_VSOCK, EPERM_},
        {"socket", HIGH | AF_VSOCK, EPERM_},
        {"socket", ~UINT64_C(0) << 32 | AF_VSOCK, EPERM_},
        {"socket", AF_ALG, EPERM_},
        {"socket", HIGH | AF_ALG, EPERM_},
        {"socket", AF_UNIX, ALLOW},
        {"socket", AF_INET6, ALLOW},
        {"socket", AF_NETLINK, ALLOW},
        {"socket", HIGH | AF_INET, ALLOW},
        {"socket", 46, EPERM_},
        {"socket", 0xffffffff, EPERM_},
        {"personality", 0x0, ALLOW},
        {"personality", 0x8, ALLOW},
        {"personality", 0x20000, ALLOW},
        {"personality", 0x20008, ALLOW},
        {"personality", 0xffffffff, ALLOW},
        {"personality", HIGH | 0x8, ALLOW},
        {"personality", 0x40000, EPERM_}, /* ADDR_NO_RANDOMIZE */
        {"personality", HIGH | 0x40000, EPERM_},
        {"personality", 0x40008, EPERM_},
        {"clone", SIGCHLD, ALLOW},
        {"clone", CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, ALLOW},
        {"clone", HIGH | CLONE_VM, ALLOW},
        {"clone", CLONE_NEWUSER, EPERM_},
        {"clone", HIGH | CLONE_NEWUSER, EPERM_},
        {"clone", CLONE_NEWNS | CLONE_VM, EPERM_},
        {"clone", CLONE_NEWCGROUP, EPERM_},
        {"clone", CLONE_NEWUTS, EPERM_},
        {"clone", CLONE_NEWIPC, EPERM_},
        {"clone", CLONE_NEWPID, EPERM_},
        {"clone", CLONE_NEWNET, EPERM_},
    };
    struct sc_seccomp_filter filter = compile(sc_caps_default(), false);

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        uint32_t answer = ask(&filter, rows[i].name, rows[i].arg);

        if (answer != rows[i].answer)
            fail_msg("%s(%#llx): %#x, not %#x", rows[i].name, (unsigned long long)rows[i].arg, answer, rows[i].answer);
    }
}

/* Each capability unlocks its calls and no others. */
static void
test_caps_unlock(void **state)
{
    static const struct {
        int cap;
        const char *names;
    } rows[] = {
        {CAP_SYS_ADMIN,
         "mount umount2 unshare setns bpf perf_event_open syslog clone3 open_tree_attr fsopen lsm_list_modules "
         "quotactl_fd sethostname fanotify_init"},
        {CAP_SYS_CHROOT, "chroot"},
        {CAP_SYS_PTRACE, "kcmp pidfd_getfd process_madvise"},
        {CAP_SYS_TIME, "settimeofday clock_settime"},
        {CAP_SYS_MODULE, "init_module finit_module delete_module"},
        {CAP_SYS_BOOT, "reboot"},
        {CAP_SYS_PACCT, "acct"},
        {CAP_SYS_NICE, "mbind get_mempolicy set_mempolicy set_mempolicy_home_node"},
        {CAP_SYS_TTY_CONFIG, "vhangup"},
        {CAP_SYSLOG, "syslog"},
        {38 /* CAP_PERFMON */, "perf_event_open"},
        {39 /* CAP_BPF */, "bpf"},
        {CAP_DAC_READ_SEARCH, "open_by_handle_at"},
    };
    struct sc_seccomp_filter none = compile(0, false);
    char name[SC_SECCOMP_NAME_MAX];

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        struct sc_seccomp_filter with = compile(SC_CAP_BIT(rows[i].cap), false);
        const char *cursor = rows[i].names;
        size_t wanted = 0, changed = 0;

        while (sc_seccomp_next_name(&cursor, name)) {
            assert_int_not_equal(ask(&none, name, 0), ALLOW);
            assert_int_equal(ask(&with, name, 0), ALLOW);
            wanted++;
        }
        for (uint32_t nr = 0; nr < NR_MAX; nr++)
            changed += ask_arch(&none, seccomp_arch_native(), nr, 0) != ask_arch(&with, seccomp_arch_native(), nr, 0);
        if (rows[i].cap != CAP_SYS_ADMIN)
            assert_int_equal(changed, wanted);
        else
            assert_true(changed > wanted);
    }
}

static void
test_admin_may_make_namespaces(void **state)
{
    struct sc_seccomp_filter filter = compile(SC_CAP_BIT(CAP_SYS_ADMIN), false);

    (void)state;
    assert_int_equal(ask(&filter, "clone", CLONE_NEWUSER | CLONE_NEWNET), ALLOW);
    assert_int_equal(ask(&filter, "unshare", CLONE_NEWNS), ALLOW);
    /* what no capability unlocks */
    assert_int_equal(ask(&filter, "pivot_root", 0), EPERM_);
    assert_int_equal(ask(&filter, "socket", AF_VSOCK), EPERM_);
    assert_int_equal(ask(&filter, "keyctl", 0), EPERM_);
    assert_int_equal(ask(&filter, "io_uring_setup", 0), EPERM_);
}

static void
test_unknown_numbers(void **state)
{
    struct sc_seccomp_filter filter = compile(sc_caps_default(), true);
    uint32_t native = seccomp_arch_native();

    (void)state;
    assert_int_equal(ask_arch(&filter, native, 9999, 0), ENOSYS_);
    assert_int_equal(ask_arch(&filter, native, 468, 0), ENOSYS_);
    assert_int_equal(ask_arch(&filter, native, 0x3fffffff, 0), ENOSYS_);
    /* a tracer's "skip this call" */
    assert_int_equal(ask_arch(&filter, native, UINT32_MAX, 0), ENOSYS_);
    /* an architecture that is not this one */
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_S390, 1, 0), KILL);
    assert_int_equal(ask_arch(&filter, 0, 1, 0), KILL);
}

#if defined(__x86_64__)
static void
test_x32_and_gap(void **state)
{
    struct sc_seccomp_filter filter = compile(sc_caps_default(), true);

    (void)state;
    for (uint32_t nr = 0; nr < NR_MAX; nr++)
        assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86_64, 0x40000000 | nr, 0), KILL);
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86_64, 0x80000000, 0), KILL);
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86_64, 0xfffffffe, 0), KILL);
    for (uint32_t nr = 337; nr < 424; nr++)
        assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86_64, nr, 0), ENOSYS_);
    assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86_64, 335, 0), ALLOW); /* uretprobe */
    /* 512 to 547 once reached x32's calls without its bit */
    for (uint32_t nr = 512; nr < 548; nr++)
        assert_int_equal(ask_arch(&filter, SCMP_ARCH_X86_64, nr, 0), ENOSYS_);
}

static void
test_i386(void **state)
{
    struct sc_seccomp_filter without = compile(sc_caps_default(), false), with = compile(sc_caps_default(), true);

    (void)state;
    for (uint32_t nr = 0; nr < NR_MAX; nr++)
        assert_int_equal(ask_arch(&without, SCMP_ARCH_X86, nr, 0), KILL);
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 3, 0), ALLOW);               /* read */
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 192, 0), ALLOW);             /* mmap2 */
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 21, 0), EPERM_);             /* mount */
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 120, CLONE_NEWPID), EPERM_); /* clone */
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 120, CLONE_VM), ALLOW);
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 435, 0), ENOSYS_);     /* clone3 */
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 359, AF_INET), ALLOW); /* socket */
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 359, AF_VSOCK), EPERM_);
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 361, 0), ALLOW); /* bind */
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 337, 0), ALLOW); /* recvmmsg */
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 9999, 0), ENOSYS_);
    /* socketcall: every operation but SYS_SOCKET, however the register's other half looks */
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 102, 1), ENOSYS_);
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 102, HIGH | 1), ENOSYS_);
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 102, 3), ALLOW);
    assert_int_equal(ask_arch(&with, SCMP_ARCH_X86, 102, 21), ENOSYS_);
    /* the native side is the same */
    for (uint32_t nr = 0; nr < NR_MAX; nr++)
        assert_int_equal(ask_arch(&with, SCMP_ARCH_X86_64, nr, 1), ask_arch(&without, SCMP_ARCH_X86_64, nr, 1));
}
#endif

/* How often the table names a call. */
static size_t
count_in_table(const char *wanted)
{
    char name[SC_SECCOMP_NAME_MAX];
    size_t count = 0;

    for (size_t i = 0; i < sc_seccomp_group_count; i++) {
        const char *cursor = sc_seccomp_groups[i].names;

        while (sc_seccomp_next_name(&cursor, name))
            count += strcmp(name, wanted) == 0;
    }
    for (size_t i = 0; i < sc_seccomp_arg_group_count; i++)
        count += strcmp(sc_seccomp_arg_groups[i].name, wanted) == 0;
    return count;
}

static void
check_arch_is_whole(uint32_t arch)
{
    for (int nr = 0; nr < 468; nr++) {
        char *name = seccomp_syscall_resolve_num_arch(arch, nr);

        if (name != NULL && count_in_table(name) != 1)
            fail_msg("call %d \"%s\" is named %zu times", nr, name, count_in_table(name));
        free(name);
    }
}

/* Else a call would be answered ENOSYS that is refused for a reason, or by the wrong one of two groups. */
static void
test_table_names_every_call_once(void **state)
{
    (void)state;
    check_arch_is_whole(seccomp_arch_native());
    check_arch_is_whole(SCMP_ARCH_X86);
    check_arch_is_whole(SCMP_ARCH_X86_64);
}

static void
check_name_is_real(const char *name)
{
    static const uint32_t archs[] = {SCMP_ARCH_X86_64,  SCMP_ARCH_X86,   SCMP_ARCH_AARCH64, SCMP_ARCH_ARM,
                                     SCMP_ARCH_RISCV64, SCMP_ARCH_S390X, SCMP_ARCH_PPC64LE};
    /* libseccomp 2.5 does not know it, and only riscv has it. */
    bool is_known = strcmp(name, "riscv_hwprobe") == 0;

    for (size_t i = 0; i < SC_ARRAY_LEN(archs); i++)
        is_known = is_known || seccomp_syscall_resolve_name_arch(archs[i], name) != __NR_SCMP_ERROR ||
                   sc_seccomp_number(archs[i], name) >= 0;
    if (!is_known)
        fail_msg("no architecture has a call \"%s\"", name);
}

static void
test_table_has_no_misspelling(void **state)
{
    char name[SC_SECCOMP_NAME_MAX];

    (void)state;
    for (size_t i = 0; i < sc_seccomp_group_count; i++) {
        const char *cursor = sc_seccomp_groups[i].names;

        while (sc_seccomp_next_name(&cursor, name))
            check_name_is_real(name);
        assert_true(strlen(sc_seccomp_groups[i].why) > 0);
    }
    for (size_t i = 0; i < sc_seccomp_arg_group_count; i++)
        check_name_is_real(sc_seccomp_arg_groups[i].name);
}

/* The numbers that this machine's headers have, so that a wrong number in the table of later calls is found. */
static void
test_numbers_agree_with_headers(void **state)
{
    static const struct {
        const char *name;
        int number;
    } rows[] = {
        {"read", SYS_read},
        {"openat2", SYS_openat2},
        {"clone3", SYS_clone3},
        {"close_range", SYS_close_range},
        {"faccessat2", SYS_faccessat2},
        {"futex_waitv", SYS_futex_waitv},
        {"landlock_add_rule", SYS_landlock_add_rule},
#ifdef SYS_cachestat
        {"cachestat", SYS_cachestat},
#endif
#ifdef SYS_mseal
        {"mseal", SYS_mseal},
#endif
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++)
        assert_int_equal(sc_seccomp_number(seccomp_arch_native(), rows[i].name), rows[i].number);
}

/* The expanded rules through libseccomp must refuse and allow what our own generator does: two ways to one meaning. */
static void
compare_with_expanded(uint64_t caps, bool with_i386)
{
    static const uint64_t args[] = {
        0, 1, 2, 38, 40, HIGH | 40, 0x8, 0x40000, CLONE_NEWUSER, CLONE_VM, 0xffffffff, HIGH | 0x20008};
    const uint32_t archs[] = {seccomp_arch_native(), SCMP_ARCH_X86};
    struct sc_seccomp_filter own = compile(caps, with_i386), lib;
    struct sc_oci_seccomp profile;

    profile = sc_seccomp_default(caps, with_i386);
    assert_null(profile.rules);
    assert_int_equal(sc_seccomp_expand(&profile, &arena, &err), 0);
    assert_true(profile.is_sc_default);
    assert_true(profile.rule_count > 3);
    profile.is_sc_default = false;
    assert_int_equal(sc_seccomp_compile(&profile, &arena, &lib, &err), 0);
    assert_int_equal(lib.flags, own.flags);
    for (size_t i = 0; i < (with_i386 ? 2u : 1u); i++)
        for (int nr = 0; nr < 468; nr++) {
            char *name = seccomp_syscall_resolve_num_arch(archs[i], nr);

            for (size_t j = 0; name != NULL && j < SC_ARRAY_LEN(args); j++) {
                uint32_t a = ask_arch(&own, archs[i], (uint32_t)nr, args[j]);
                uint32_t b = ask_arch(&lib, archs[i], (uint32_t)nr, args[j]);

                /* An OCI profile cannot say "else ENOSYS", so socketcall is refused whole there. */
                if (a != b && strcmp(name, "socketcall") != 0)
                    fail_msg("%s(%#llx) of %#x: %#x here, %#x through libseccomp", name, (unsigned long long)args[j],
                             archs[i], a, b);
            }
            if (name != NULL && strcmp(name, "socketcall") == 0)
                assert_int_equal(ask_arch(&lib, archs[i], (uint32_t)nr, 1), ENOSYS_);
            free(name);
        }
}

static void
test_expanded_means_the_same(void **state)
{
    (void)state;
    compare_with_expanded(sc_caps_default(), false);
    compare_with_expanded(0, false);
    compare_with_expanded(~UINT64_C(0), false);
#if defined(__x86_64__)
    compare_with_expanded(sc_caps_default(), true);
    compare_with_expanded(SC_CAP_BIT(CAP_SYS_ADMIN), true);
#endif
}

static void
test_expand_leaves_others_alone(void **state)
{
    struct sc_oci_seccomp off = {.is_set = false}, other = {.is_set = true, .default_action = SECCOMP_RET_ALLOW};

    (void)state;
    assert_int_equal(sc_seccomp_expand(&off, &arena, &err), 0);
    assert_null(off.rules);
    assert_int_equal(sc_seccomp_expand(&other, &arena, &err), 0);
    assert_null(other.rules);
    assert_int_equal(other.architectures.count, 0);
}

/* What config.json holds of a profile: its words, and not that they were ours. */
static struct sc_oci_seccomp
through_json(uint64_t caps, bool with_i386)
{
    struct sc_oci_spec spec = {.oci_version = "1.0.2"}, again;
    sc_cleanup_buf text = SC_BUF_INIT;

    spec.linux_.seccomp = sc_seccomp_default(caps, with_i386);
    assert_int_equal(sc_seccomp_expand(&spec.linux_.seccomp, &arena, &err), 0);
    assert_int_equal(sc_oci_encode(&spec, &text, &err), 0);
    assert_int_equal(sc_oci_decode(text.data, text.len, &arena, &again, &err), 0);
    assert_false(again.linux_.seccomp.is_sc_default);
    return again.linux_.seccomp;
}

static bool
is_recognised(struct sc_oci_seccomp profile, uint64_t caps)
{
    assert_int_equal(sc_seccomp_recognise(&profile, caps, &arena, &err), 0);
    if (profile.is_sc_default)
        assert_int_equal(profile.sc_default_caps, caps);
    return profile.is_sc_default;
}

static void
test_recognised_by_its_words(void **state)
{
    static const uint64_t all[] = {0, SC_CAP_BIT(CAP_SYS_ADMIN), ~UINT64_C(0)};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(all); i++)
        assert_true(is_recognised(through_json(all[i], false), all[i]));
    assert_true(is_recognised(through_json(sc_caps_default(), false), sc_caps_default()));
#if defined(__x86_64__)
    struct sc_oci_seccomp i386 = through_json(sc_caps_default(), true);

    assert_int_equal(sc_seccomp_recognise(&i386, sc_caps_default(), &arena, &err), 0);
    assert_true(i386.is_sc_default);
    assert_true(i386.sc_default_i386);
#endif
}

/* One word that differs, and it is the caller's own profile: compiled as it stands. */
static void
test_another_profile_is_not_recognised(void **state)
{
    uint64_t caps = sc_caps_default();
    struct sc_oci_seccomp p;

    (void)state;
    /* a capability that unlocks calls, which the words were not written for */
    assert_false(is_recognised(through_json(caps, false), caps | SC_CAP_BIT(CAP_SYS_ADMIN)));
    p = through_json(caps, false);
    p.is_set = false;
    assert_false(is_recognised(p, caps));
    p = through_json(caps, false);
    p.flags = 0;
    assert_false(is_recognised(p, caps));
    p = through_json(caps, false);
    p.default_action = SECCOMP_RET_ALLOW;
    assert_false(is_recognised(p, caps));
    p = through_json(caps, false);
    p.architectures.count--;
    assert_false(is_recognised(p, caps));
    p = through_json(caps, false);
    p.rule_count--;
    assert_false(is_recognised(p, caps));
    p = through_json(caps, false);
    p.rules[1].names.items[0] = "reboot";
    assert_false(is_recognised(p, caps));
    p = through_json(caps, false);
    p.rules[1].names.count--;
    assert_false(is_recognised(p, caps));
    p = through_json(caps, false);
    p.rules[0].action = SECCOMP_RET_ALLOW;
    assert_false(is_recognised(p, caps));
    p = through_json(caps, false);
    p.rules[p.rule_count - 1].args[0].value_two ^= 1;
    assert_false(is_recognised(p, caps));
    p = through_json(caps, false);
    p.listener_path = "/run/agent";
    assert_false(is_recognised(p, caps));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_caps_unlock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_admin_may_make_namespaces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_numbers, setup, teardown),
#if defined(__x86_64__)
        cmocka_unit_test_setup_teardown(test_x32_and_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_i386, setup, teardown),
#endif
        cmocka_unit_test_setup_teardown(test_table_names_every_call_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_table_has_no_misspelling, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers_agree_with_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expanded_means_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expand_leaves_others_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recognised_by_its_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_profile_is_not_recognised, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
