/* Filters on this kernel: what a process under them may do. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seccomp-profile.h"

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
    profile = sc_seccomp_default(sc_caps_default(), false);
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
    profile = sc_seccomp_default(sc_caps_default(), false);
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
        PROFILE_TEST(test_load_default),
#if defined(__x86_64__)
        PROFILE_TEST(test_load_kills_x32),
#endif
        PROFILE_TEST(test_load_oci),
        PROFILE_TEST(test_load_listener),
        PROFILE_TEST(test_load_reports_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
