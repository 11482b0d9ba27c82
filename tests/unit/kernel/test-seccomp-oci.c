/* OCI profiles through libseccomp: the meaning runc and crun give them, the cache, and loading on this kernel. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seccomp.h>

#include "bpf-eval.h"
#include "kernel/kernel.h"
#include "kernel/seccomp-priv.h"
#include "test.h"

#define ALLOW   SECCOMP_RET_ALLOW
#define EPERM_  (SECCOMP_RET_ERRNO | EPERM)
#define ENOSYS_ (SECCOMP_RET_ERRNO | ENOSYS)

static struct sc_arena arena;
static struct sc_err err;
static char dir[32];
static int dir_fd = -1;

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

static struct sc_oci_seccomp
profile_of(uint32_t default_action)
{
    struct sc_oci_seccomp profile = {.is_set = true, .default_action = default_action};

    profile.rules = SC_ARENA_ARRAY(&arena, struct sc_oci_seccomp_rule, 8);
    assert_non_null(profile.rules);
    return profile;
}

static struct sc_oci_seccomp_rule *
add_rule(struct sc_oci_seccomp *profile, uint32_t action, const char *names)
{
    struct sc_oci_seccomp_rule *rule = &profile->rules[profile->rule_count++];
    char name[SC_SECCOMP_NAME_MAX];

    rule->action = action;
    while (sc_seccomp_next_name(&names, name))
        sc_strv_add(&rule->names, &arena, name);
    return rule;
}

static void
add_arg(struct sc_oci_seccomp_rule *rule, uint32_t index, int op, uint64_t value, uint64_t value_two)
{
    if (rule->args == NULL)
        rule->args = SC_ARENA_ARRAY(&arena, struct sc_oci_seccomp_arg, 6);
    assert_non_null(rule->args);
    rule->args[rule->arg_count++] = (struct sc_oci_seccomp_arg){index, value, value_two, op};
}

static struct sc_seccomp_filter
compile(const struct sc_oci_seccomp *profile)
{
    struct sc_seccomp_filter filter = {.insns = NULL};

    if (sc_seccomp_compile(profile, &arena, &filter, &err) < 0)
        fail_msg("%s", err.msg);
    return filter;
}

static uint32_t
ask(const struct sc_seccomp_filter *filter, uint32_t nr, uint64_t arg0, uint64_t arg1)
{
    struct seccomp_data data = {.nr = (int)nr, .arch = seccomp_arch_native(), .args = {arg0, arg1}};

    return bpf_eval(filter, &data);
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

/* ---- the cache ---- */

static size_t
count_entries(void)
{
    size_t count = 0;
    int fd = dup(dir_fd);
    char entries[4096];
    long len;

    assert_true(fd >= 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    while ((len = syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0)
        for (long at = 0; at < len; at += *(unsigned short *)(entries + at + 16))
            count += strstr(entries + at + 19, ".bpf") != NULL;
    close(fd);
    return count;
}

static void
corrupt_entries(const char *how)
{
    char entries[4096];
    long len;

    assert_int_equal(lseek(dir_fd, 0, SEEK_SET), 0);
    while ((len = syscall(SYS_getdents64, dir_fd, entries, sizeof(entries))) > 0)
        for (long at = 0; at < len; at += *(unsigned short *)(entries + at + 16)) {
            const char *name = entries + at + 19;
            struct stat st;
            int fd;
            char byte;

            if (strstr(name, ".bpf") == NULL)
                continue;
            fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);
            assert_true(fd >= 0);
            assert_int_equal(fstat(fd, &st), 0);
            if (strcmp(how, "cut") == 0) {
                assert_int_equal(ftruncate(fd, st.st_size - 8), 0);
            } else if (strcmp(how, "empty") == 0) {
                assert_int_equal(ftruncate(fd, 0), 0);
            } else {
                off_t where = strcmp(how, "head") == 0 ? 8 : st.st_size - 1;

                assert_int_equal(pread(fd, &byte, 1, where), 1);
                byte ^= 0x40;
                assert_int_equal(pwrite(fd, &byte, 1, where), 1);
            }
            close(fd);
        }
}

static void
expect_same(const struct sc_seccomp_filter *a, const struct sc_seccomp_filter *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->insns, b->insns, a->count * sizeof(*a->insns));
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->needs_listener, b->needs_listener);
}

static int
cache_setup(void **state)
{
    snprintf(dir, sizeof(dir), "/tmp/sc-seccomp.XXXXXX");
    if (mkdtemp(dir) == NULL || chmod(dir, 0711) < 0) /* as the engine makes it */
        return -1;
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_fd < 0 ? -1 : setup(state);
}

static int
cache_teardown(void **state)
{
    struct sc_err ignored = SC_ERR_INIT;

    close(dir_fd);
    dir_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (sc_tree_remove_at(dir_fd, dir + strlen("/tmp/"), &ignored) < 0)
        return -1;
    close(dir_fd);
    dir_fd = -1;
    return teardown(state);
}

static void
test_cache_keeps_profiles_apart(void **state)
{
    struct sc_oci_seccomp first = profile_of(ALLOW), second = profile_of(ALLOW), third;
    struct sc_seccomp_filter a, b, c, again;

    (void)state;
    add_rule(&first, EPERM_, "getcwd");
    add_rule(&second, SECCOMP_RET_USER_NOTIF, "getcwd");
    assert_int_equal(sc_seccomp_default(sc_caps_default(), false, &arena, &third, &err), 0);
    assert_int_equal(sc_seccomp_get(&first, dir_fd, &arena, &a, &err), 0);
    assert_int_equal(sc_seccomp_get(&second, dir_fd, &arena, &b, &err), 0);
    assert_int_equal(sc_seccomp_get(&third, dir_fd, &arena, &c, &err), 0);
    assert_int_equal(count_entries(), 3);
    assert_int_equal(sc_seccomp_get(&first, dir_fd, &arena, &again, &err), 0);
    expect_same(&a, &again);
    assert_int_equal(sc_seccomp_get(&second, dir_fd, &arena, &again, &err), 0);
    expect_same(&b, &again);
    assert_true(again.needs_listener);
    assert_int_equal(sc_seccomp_get(&third, dir_fd, &arena, &again, &err), 0);
    expect_same(&c, &again);
    assert_int_equal(count_entries(), 3);
    /* other capabilities, another filter */
    third.sc_default_caps |= SC_CAP_BIT(21);
    assert_int_equal(sc_seccomp_get(&third, dir_fd, &arena, &again, &err), 0);
    assert_int_equal(ask(&again, SYS_mount, 0, 0), ALLOW);
    assert_int_equal(count_entries(), 4);
}

/* The cached filter is used, not merely written: one that was put there by hand (with a right checksum) comes back. */
static void
test_cache_is_used(void **state)
{
    struct sc_oci_seccomp profile;
    struct sc_seccomp_filter filter;
    char entries[4096];
    long len;
    bool has_replaced = false;

    (void)state;
    assert_int_equal(sc_seccomp_default(0, false, &arena, &profile, &err), 0);
    assert_int_equal(sc_seccomp_get(&profile, dir_fd, &arena, &filter, &err), 0);
    len = syscall(SYS_getdents64, dir_fd, entries, sizeof(entries));
    for (long at = 0; at < len; at += *(unsigned short *)(entries + at + 16)) {
        const char *name = entries + at + 19;
        uint64_t sum = UINT64_C(0xcbf29ce484222325);
        struct sock_filter insn;
        struct stat st;
        int fd;

        if (strstr(name, ".bpf") == NULL)
            continue;
        fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);
        filter.insns[filter.count - 1].k = SECCOMP_RET_LOG;
        insn = filter.insns[filter.count - 1];
        for (size_t i = 0; i < filter.count * sizeof(insn); i++)
            sum = (sum ^ ((const unsigned char *)filter.insns)[i]) * UINT64_C(0x100000001b3);
        assert_int_equal(pwrite(fd, &insn, sizeof(insn), st.st_size - (off_t)sizeof(insn)), sizeof(insn));
        assert_int_equal(pwrite(fd, &sum, sizeof(sum), 24), sizeof(sum));
        close(fd);
        has_replaced = true;
    }
    assert_true(has_replaced);
    assert_int_equal(sc_seccomp_get(&profile, dir_fd, &arena, &filter, &err), 0);
    assert_int_equal(filter.insns[filter.count - 1].k, SECCOMP_RET_LOG);
}

static void
test_cache_mends_damage(void **state)
{
    static const char *const ways[] = {"cut", "empty", "head", "tail"};
    struct sc_oci_seccomp profile;
    struct sc_seccomp_filter good, filter;

    (void)state;
    assert_int_equal(sc_seccomp_default(sc_caps_default(), true, &arena, &profile, &err), 0);
    assert_int_equal(sc_seccomp_compile(&profile, &arena, &good, &err), 0);
    for (size_t i = 0; i < SC_ARRAY_LEN(ways); i++) {
        assert_int_equal(sc_seccomp_get(&profile, dir_fd, &arena, &filter, &err), 0);
        corrupt_entries(ways[i]);
        assert_int_equal(sc_seccomp_get(&profile, dir_fd, &arena, &filter, &err), 0);
        expect_same(&good, &filter);
        assert_int_equal(count_entries(), 1);
    }
}

static void
test_cache_of_others_is_not_used(void **state)
{
    struct sc_oci_seccomp profile;
    struct sc_seccomp_filter filter;

    (void)state;
    assert_int_equal(sc_seccomp_default(0, false, &arena, &profile, &err), 0);
    for (mode_t writable = 02; writable <= 020; writable *= 8) {
        assert_int_equal(fchmod(dir_fd, 0711 | writable), 0);
        assert_int_equal(sc_seccomp_get(&profile, dir_fd, &arena, &filter, &err), 0);
        assert_int_equal(count_entries(), 0);
    }
    assert_int_equal(fchmod(dir_fd, 0711), 0);
    assert_int_equal(sc_seccomp_get(&profile, -1, &arena, &filter, &err), 0);
    assert_int_equal(count_entries(), 0);
}

/* ---- on this kernel ---- */

/* Runs body under the filter in a child; returns the wait status. */
static int
run_filtered(const struct sc_seccomp_filter *filter, int (*body)(void))
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sc_seccomp_load(filter) != 0)
            _exit(99);
        _exit(body());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int
body_default(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0)
        return 1;
    close(fd);
    if (syscall(SYS_socket, AF_VSOCK, SOCK_STREAM, 0) >= 0 || errno != EPERM)
        return 2;
    if (syscall(SYS_socket, UINT64_C(0x100000000) | AF_VSOCK, SOCK_STREAM, 0) >= 0 || errno != EPERM)
        return 3;
    if (syscall(SYS_clone3, NULL, 0) >= 0 || errno != ENOSYS)
        return 4;
    if (unshare(CLONE_NEWNS) == 0 || errno != EPERM)
        return 5;
    if (syscall(9999) >= 0 || errno != ENOSYS)
        return 6;
    if (syscall(SYS_keyctl, 0, 0, 0, 0, 0) >= 0 || errno != EPERM)
        return 7;
    return getpid() > 0 ? 42 : 8;
}

static void
test_load_default(void **state)
{
    struct sc_oci_seccomp profile;
    struct sc_seccomp_filter filter;
    int status;

    (void)state;
    assert_int_equal(sc_seccomp_default(sc_caps_default(), false, &arena, &profile, &err), 0);
    filter = compile(&profile);
    status = run_filtered(&filter, body_default);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

#if defined(__x86_64__)
static int
body_x32(void)
{
    (void)syscall(0x40000000 + SYS_getpid);
    return 0;
}

static void
test_load_kills_x32(void **state)
{
    struct sc_oci_seccomp profile;
    struct sc_seccomp_filter filter;
    int status;

    (void)state;
    assert_int_equal(sc_seccomp_default(sc_caps_default(), false, &arena, &profile, &err), 0);
    filter = compile(&profile);
    status = run_filtered(&filter, body_x32);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}
#endif

static int
body_getcwd(void)
{
    char path[64];

    return syscall(SYS_getcwd, path, sizeof(path)) < 0 ? errno : 0;
}

static void
test_load_oci(void **state)
{
    struct sc_oci_seccomp profile = profile_of(ALLOW);
    struct sc_seccomp_filter filter;
    int status;

    (void)state;
    add_rule(&profile, SECCOMP_RET_ERRNO | 77, "getcwd");
    filter = compile(&profile);
    status = run_filtered(&filter, body_getcwd);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 77);
}

static void
test_load_listener(void **state)
{
    struct sc_oci_seccomp profile = profile_of(ALLOW);
    struct sc_seccomp_filter filter;
    int status = 0;
    pid_t pid;

    (void)state;
    add_rule(&profile, SECCOMP_RET_USER_NOTIF, "getcwd");
    filter = compile(&profile);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -1 : sc_seccomp_load(&filter);

        _exit(fd > 2 && fcntl(fd, F_GETFD) == FD_CLOEXEC ? 42 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

static void
test_load_reports_errors(void **state)
{
    struct sc_seccomp_filter empty = {.insns = NULL, .count = 0};

    (void)state;
    assert_int_equal(sc_seccomp_load(&empty), -EINVAL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_operators, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_calls_of_a_refusing_profile, setup, teardown),
#if defined(__x86_64__)
        cmocka_unit_test_setup_teardown(test_architectures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_kills_x32, setup, teardown),
#endif
        cmocka_unit_test_setup_teardown(test_refused_profiles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_profile_without_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cache_keeps_profiles_apart, cache_setup, cache_teardown),
        cmocka_unit_test_setup_teardown(test_cache_is_used, cache_setup, cache_teardown),
        cmocka_unit_test_setup_teardown(test_cache_mends_damage, cache_setup, cache_teardown),
        cmocka_unit_test_setup_teardown(test_cache_of_others_is_not_used, cache_setup, cache_teardown),
        cmocka_unit_test_setup_teardown(test_load_default, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_oci, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_listener, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_reports_errors, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
