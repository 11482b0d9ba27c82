/* Each wall of the jail, from the inside: what must not be possible is tried. */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/jail.h"
#include "kernel/kernel.h"

#define CAPS_KEPT 9u /* CHOWN and FOWNER */

/* The sanitizer itself needs memory, and calls, that the jail does not have. */
#ifdef __SANITIZE_ADDRESS__
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

/* In the child: says which wall is down, and ends. */
#define HOLDS(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)dprintf(2, "a wall is down: %s (errno %d)\n", #condition, errno);                                    \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)
#define IS_DENIED(call) HOLDS((call) < 0 && errno == EPERM)

static void
check_calls(void)
{
    char *const argv[] = {(char *)(uintptr_t) "true", NULL};

    if (IS_SANITIZED)
        return;
    IS_DENIED(socket(AF_INET, SOCK_STREAM, 0));
    IS_DENIED(socket(AF_UNIX, SOCK_STREAM, 0));
    IS_DENIED(syscall(SYS_execve, "/bin/true", argv, NULL));
    IS_DENIED(mount("none", "/", "tmpfs", 0, NULL));
    IS_DENIED(unshare(CLONE_NEWUSER));
    IS_DENIED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    IS_DENIED(kill(getppid(), 0));
    IS_DENIED(syscall(SYS_tgkill, getppid(), getppid(), 0));
    IS_DENIED(fcntl(0, F_SETOWN, getppid()));
    IS_DENIED(fcntl(0, F_SETSIG, SIGKILL));
    IS_DENIED(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
    IS_DENIED(syscall(SYS_bpf, 0, NULL, 0));
    IS_DENIED(syscall(SYS_io_uring_setup, 1, NULL));
    IS_DENIED(syscall(SYS_chroot, "/"));
    HOLDS(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EPERM);
    HOLDS(syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS);
    HOLDS(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

static void *
run_thread(void *data)
{
    *(int *)data = 7;
    return NULL;
}

static void
check_work(int out_fd)
{
    pthread_t thread;
    int said = 0;
    pid_t pid;

    HOLDS(write(out_fd, "x", 1) == 1);
    HOLDS(close(fcntl(out_fd, F_DUPFD_CLOEXEC, 3)) == 0 && fcntl(out_fd, F_GETFL) >= 0);
    HOLDS(pthread_create(&thread, NULL, run_thread, &said) == 0 && pthread_join(thread, NULL) == 0 && said == 7);
    pid = fork();
    if (pid == 0)
        _exit(3);
    HOLDS(pid > 0 && waitpid(pid, &said, 0) == pid && WEXITSTATUS(said) == 3);
    if (IS_SANITIZED)
        return;
    HOLDS(mmap(NULL, (size_t)SC_JAIL_MEMORY_MAX, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) ==
              MAP_FAILED &&
          errno == ENOMEM);
}

/* The last of a line: nobody is left behind when whoever started it ends. */
static void
check_narrow(int dir_fd)
{
    struct sc_err err = SC_ERR_INIT;
    pthread_t thread;
    int said = 0;

    HOLDS(sc_jail_narrow(dir_fd, &err) == 0);
    HOLDS(pthread_create(&thread, NULL, run_thread, &said) == 0 && pthread_join(thread, NULL) == 0 && said == 7);
    HOLDS(prctl(PR_SET_NAME, "narrow") == 0);
    HOLDS(IS_SANITIZED || (prctl(PR_SET_PDEATHSIG, 0) < 0 && errno == EPERM));
    if (!IS_SANITIZED)
        IS_DENIED(fork());
    HOLDS(IS_SANITIZED || sc_landlock_only(-1) == -EPERM);
}

/* A file of the directory: made, and everything outside of it out of reach. */
static void
check_tree(int tree_fd, const struct stat *top)
{
    struct stat st;
    int up, fd = openat(tree_fd, "made", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    HOLDS(fd >= 0 && fchown(fd, 12, 34) == 0 && fchmod(fd, 04755) == 0 && close(fd) == 0);
    HOLDS(openat(AT_FDCWD, "/etc/passwd", O_RDONLY) < 0 && errno == ENOENT);
    HOLDS(openat(AT_FDCWD, "/new", O_WRONLY | O_CREAT, 0600) < 0 && errno == EROFS);
    up = openat(tree_fd, "../../..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    HOLDS(up >= 0 && fstat(up, &st) == 0 && st.st_ino == top->st_ino && st.st_dev == top->st_dev);
}

static void
assert_ends_well(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* What writes an image file has nothing but the file. */
static void
test_file(void **state)
{
    int fd = memfd_create("jail", MFD_CLOEXEC);
    pid_t pid;

    (void)state;
    assert_true(fd >= 0);
    pid = fork();
    if (pid == 0) {
        struct sc_err err = SC_ERR_INIT;

        HOLDS(sc_jail_enter(0, 0, &err) == 0);
        check_work(fd);
        check_calls();
        if (!IS_SANITIZED) {
            IS_DENIED(openat(AT_FDCWD, "/", O_RDONLY));
            IS_DENIED(mkdirat(AT_FDCWD, "x", 0700));
            IS_DENIED(unlinkat(AT_FDCWD, "x", 0));
        }
        check_narrow(-1);
        _exit(0);
    }
    assert_ends_well(pid);
    close(fd);
}

/* What fills a directory has the directory. The rest needs privilege: without it there are only the other walls. */
static void
test_tree(void **state)
{
    char path[] = "/tmp/sc-test-jail.XXXXXX";
    int dir_fd, tree_fd, fd = memfd_create("jail", MFD_CLOEXEC);
    struct stat top;
    pid_t pid;

    (void)state;
    assert_non_null(mkdtemp(path));
    dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(fstat(dir_fd, &top), 0);
    tree_fd = geteuid() == 0 ? sc_mount_tree_open(dir_fd, "", false) : -1;
    pid = fork();
    if (pid == 0) {
        struct sc_err err = SC_ERR_INIT;

        HOLDS(sc_jail_enter(SC_JAIL_HAS_TREE, CAPS_KEPT, &err) == 0);
        check_work(fd);
        check_calls();
        if (tree_fd >= 0)
            check_tree(tree_fd, &top);
        /* of the capabilities, only the one is left */
        if (tree_fd >= 0)
            IS_DENIED(mknodat(tree_fd, "null", S_IFCHR | 0600, makedev(1, 3)));
        check_narrow(tree_fd >= 0 ? tree_fd : dir_fd);
        _exit(0);
    }
    assert_ends_well(pid);
    (void)unlinkat(dir_fd, "made", 0);
    assert_int_equal(rmdir(path), 0);
    close(fd);
    close(dir_fd);
    if (tree_fd >= 0)
        close(tree_fd);
}

/* Whether this kernel has Landlock, of a version that will do. */
static bool
has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 2;
}

/* Nobody in particular, who may make no namespace. */
static void
become_nobody(void)
{
    HOLDS(geteuid() != 0 || (setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0));
}

#define IS_SHUT(call) HOLDS((call) < 0 && errno == EACCES)

/* Without namespaces, a directory is all that there is all the same: neither "/" nor ".." leads out of it, and all that
 * a layer needs is made in it. */
static void
test_user(void **state)
{
    char path[] = "/tmp/sc-test-jail.XXXXXX";
    int top_fd, dir_fd;
    pid_t pid;

    (void)state;
    if (!has_landlock())
        skip();
    assert_non_null(mkdtemp(path));
    top_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(top_fd, "dir", 0700), 0);
    assert_int_equal(mkdirat(top_fd, "beside", 0755), 0);
    dir_fd = openat(top_fd, "dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(fchmod(top_fd, 0777), 0);
    assert_int_equal(geteuid() == 0 ? fchown(dir_fd, 65534, 65534) : 0, 0);
    pid = fork();
    if (pid == 0) {
        struct sc_err err = SC_ERR_INIT;

        become_nobody();
        HOLDS(sc_jail_enter(SC_JAIL_HAS_TREE, CAPS_KEPT, &err) == 0);
        HOLDS(openat(AT_FDCWD, "/etc/passwd", O_RDONLY) >= 0);
        HOLDS(sc_jail_narrow(dir_fd, &err) == 0);
        IS_SHUT(openat(AT_FDCWD, "/etc/passwd", O_RDONLY));
        IS_SHUT(openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY));
        IS_SHUT(openat(dir_fd, "..", O_RDONLY | O_DIRECTORY));
        IS_SHUT(openat(dir_fd, "../made", O_WRONLY | O_CREAT, 0600));
        IS_SHUT(mkdirat(dir_fd, "../made", 0700));
        IS_SHUT(unlinkat(dir_fd, "../beside", AT_REMOVEDIR));
        HOLDS(openat(dir_fd, "file", O_WRONLY | O_CREAT | O_EXCL, 0600) >= 0);
        HOLDS(mkdirat(dir_fd, "sub", 0700) == 0 && linkat(dir_fd, "file", dir_fd, "sub/link", 0) == 0);
        HOLDS(linkat(dir_fd, "file", dir_fd, "../made", 0) < 0);
        HOLDS(symlinkat("file", dir_fd, "soft") == 0 && mknodat(dir_fd, "fifo", S_IFIFO | 0600, 0) == 0);
        HOLDS(openat(dir_fd, "file", O_WRONLY | O_TRUNC) >= 0 && openat(dir_fd, "sub", O_RDONLY | O_DIRECTORY) >= 0);
        HOLDS(unlinkat(dir_fd, "sub/link", 0) == 0 && unlinkat(dir_fd, "sub", AT_REMOVEDIR) == 0 &&
              unlinkat(dir_fd, "file", 0) == 0 && unlinkat(dir_fd, "soft", 0) == 0 && unlinkat(dir_fd, "fifo", 0) == 0);
        _exit(0);
    }
    assert_ends_well(pid);
    /* who has no directory has nothing */
    pid = fork();
    if (pid == 0) {
        struct sc_err err = SC_ERR_INIT;

        become_nobody();
        HOLDS(sc_jail_enter(SC_JAIL_HAS_TREE, CAPS_KEPT, &err) == 0 && sc_jail_narrow(-1, &err) == 0);
        IS_SHUT(openat(AT_FDCWD, "/etc/passwd", O_RDONLY));
        IS_SHUT(openat(dir_fd, "file", O_WRONLY | O_CREAT, 0600));
        _exit(0);
    }
    assert_ends_well(pid);
    assert_int_equal(unlinkat(top_fd, "dir", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(top_fd, "beside", AT_REMOVEDIR), 0);
    assert_int_equal(rmdir(path), 0);
    close(dir_fd);
    close(top_fd);
}

/* What asks over a network has sockets of it, and reads what it has open. */
static void
test_network(void **state)
{
    char path[] = "/tmp/sc-test-jail.XXXXXX";
    int dir_fd;
    pid_t pid;

    (void)state;
    assert_non_null(mkdtemp(path));
    dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(symlinkat("target", dir_fd, "link"), 0);
    pid = fork();
    if (pid == 0) {
        struct sc_err err = SC_ERR_INIT;
        char target[16];

        HOLDS(sc_jail_enter(SC_JAIL_HAS_NET, 0, &err) == 0);
        HOLDS(socket(AF_INET, SOCK_DGRAM, 0) >= 0 && socket(AF_INET, SOCK_STREAM, 0) >= 0);
        HOLDS(readlinkat(dir_fd, "link", target, sizeof(target)) == 6);
        HOLDS(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY) >= 0);
        if (!IS_SANITIZED) {
            IS_DENIED(socket(AF_UNIX, SOCK_STREAM, 0));
            IS_DENIED(socket(AF_NETLINK, SOCK_RAW, 0));
            IS_DENIED(openat(dir_fd, "made", O_RDONLY | O_CREAT, 0600));
            IS_DENIED(openat(dir_fd, ".", O_RDWR | O_DIRECTORY));
            IS_DENIED(symlinkat("target", dir_fd, "made"));
            IS_DENIED(unlinkat(dir_fd, "link", 0));
            IS_DENIED(kill(getppid(), 0));
        }
        if (geteuid() == 0)
            HOLDS(openat(AT_FDCWD, "/tmp", O_RDONLY) < 0 && errno == ENOENT);
        _exit(0);
    }
    assert_ends_well(pid);
    assert_int_equal(unlinkat(dir_fd, "link", 0), 0);
    assert_int_equal(rmdir(path), 0);
    close(dir_fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_file), cmocka_unit_test(test_tree),
                                       cmocka_unit_test(test_user), cmocka_unit_test(test_network)};

    return RUN_TESTS(tests);
}
