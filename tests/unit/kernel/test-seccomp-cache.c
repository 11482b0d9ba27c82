/* The cache of compiled OCI profiles: used, kept apart, and believed only where it is whole and ours. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp-profile.h"

static char dir[32];
static int dir_fd = -1;

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
    third = sc_seccomp_default(sc_caps_default(), false);
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
    profile = sc_seccomp_default(0, false);
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
    profile = sc_seccomp_default(sc_caps_default(), true);
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
    profile = sc_seccomp_default(0, false);
    for (mode_t writable = 02; writable <= 020; writable *= 8) {
        assert_int_equal(fchmod(dir_fd, 0711 | writable), 0);
        assert_int_equal(sc_seccomp_get(&profile, dir_fd, &arena, &filter, &err), 0);
        assert_int_equal(count_entries(), 0);
    }
    assert_int_equal(fchmod(dir_fd, 0711), 0);
    assert_int_equal(sc_seccomp_get(&profile, -1, &arena, &filter, &err), 0);
    assert_int_equal(count_entries(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cache_keeps_profiles_apart, cache_setup, cache_teardown),
        cmocka_unit_test_setup_teardown(test_cache_is_used, cache_setup, cache_teardown),
        cmocka_unit_test_setup_teardown(test_cache_mends_damage, cache_setup, cache_teardown),
        cmocka_unit_test_setup_teardown(test_cache_of_others_is_not_used, cache_setup, cache_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
