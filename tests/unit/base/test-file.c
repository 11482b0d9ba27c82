/* Whole-file reading, replacement, directories, locks and ids. */
#include <sys/file.h>
#include <sys/wait.h>

#include "scratch.h"

static void
test_replace_and_read(void **state)
{
    struct scratch *scratch = *state;
    sc_cleanup_buf buf = SC_BUF_INIT;
    struct sc_err err;
    struct stat st;

    umask(077);
    assert_ok(sc_file_replace_at(scratch->fd, "f", "one", 3, 0644, SC_DURABLE, &err));
    assert_ok(sc_file_replace_at(scratch->fd, "f", "two!", 4, 0640, SC_VOLATILE, &err));
    assert_ok(sc_file_read_at(scratch->fd, "f", 4, &buf, &err));
    assert_string_equal(sc_buf_str(&buf), "two!");
    assert_int_equal(fstatat(scratch->fd, "f", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640); /* whatever the umask */
    assert_int_equal(scratch_count(scratch), 1);

    assert_ok(sc_dir_make_at(scratch->fd, "a/b", 0755, &err));
    assert_ok(sc_file_replace_at(scratch->fd, "a/b/f", "", 0, 0600, SC_DURABLE, &err));
    assert_int_equal(fstatat(scratch->fd, "a/b/f", &st, 0), 0);
    assert_int_equal(st.st_size, 0);
}

static void
test_replace_refuses(void **state)
{
    struct scratch *scratch = *state;
    struct sc_err err;

    assert_fails(sc_file_replace_at(scratch->fd, "no/f", "x", 1, 0600, SC_VOLATILE, &err), SC_ERR_NOT_FOUND,
                 "replace \"no/f\": open its directory: no such file or directory");
    assert_fails(sc_file_replace_at(scratch->fd, "a/", "x", 1, 0600, SC_VOLATILE, &err), SC_ERR_INVALID,
                 "replace \"a/\": it is not a file name");
    assert_fails(sc_file_replace_at(scratch->fd, "..", "x", 1, 0600, SC_VOLATILE, &err), SC_ERR_INVALID,
                 "replace \"..\": it is not a file name");
    assert_ok(sc_dir_make_at(scratch->fd, "d", 0755, &err));
    assert_fails(sc_file_replace_at(scratch->fd, "d", "x", 1, 0600, SC_VOLATILE, &err), SC_ERR_KERNEL,
                 "replace \"d\": rename: is a directory");
    assert_int_equal(scratch_count(scratch), 1); /* no temporary file is left */
}

static void
test_read_limits(void **state)
{
    struct scratch *scratch = *state;
    sc_cleanup_buf buf = SC_BUF_INIT;
    struct sc_err err;
    static char big[100000];

    memset(big, 'z', sizeof(big));
    assert_ok(sc_file_replace_at(scratch->fd, "big", big, sizeof(big), 0600, SC_VOLATILE, &err));
    assert_ok(sc_file_read_at(scratch->fd, "big", sizeof(big), &buf, &err));
    assert_int_equal(buf.len, sizeof(big));
    sc_buf_clear(&buf);
    assert_fails(sc_file_read_at(scratch->fd, "big", sizeof(big) - 1, &buf, &err), SC_ERR_INVALID,
                 "read \"big\": it is larger than 99999 bytes");
    assert_fails(sc_file_read_at(scratch->fd, "none", 1, &buf, &err), SC_ERR_NOT_FOUND,
                 "open \"none\": no such file or directory");
    assert_fails(sc_file_read_at(scratch->fd, ".", 1, &buf, &err), SC_ERR_KERNEL, "read \".\": read: is a directory");
}

static void
test_write_at(void **state)
{
    struct scratch *scratch = *state;
    sc_cleanup_buf buf = SC_BUF_INIT;
    struct sc_err err;

    assert_fails(sc_file_write_at(scratch->fd, "f", "1", &err), SC_ERR_NOT_FOUND,
                 "open \"f\": no such file or directory"); /* it never creates */
    assert_ok(sc_file_replace_at(scratch->fd, "f", "abc", 3, 0600, SC_VOLATILE, &err));
    assert_ok(sc_file_write_at(scratch->fd, "f", "1", &err));
    assert_ok(sc_file_read_at(scratch->fd, "f", 10, &buf, &err));
    assert_string_equal(sc_buf_str(&buf), "1bc");
    assert_fails(sc_file_write_at(AT_FDCWD, "/dev/full", "max\n", &err), SC_ERR_KERNEL,
                 "write \"max\" to \"/dev/full\": no space left on device");
}

static void
test_write_all(void **state)
{
    sc_cleanup_fd in = -1, out = -1;
    struct sc_err err;
    static char big[300000];
    int ends[2], status;
    pid_t child;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    in = ends[0];
    out = ends[1];
    assert_int_equal(fcntl(out, F_SETFL, O_NONBLOCK), 0); /* it waits instead of giving up */
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        size_t total = 0;
        char part[1000];
        ssize_t got;

        (void)close(out);
        while ((got = read(in, part, sizeof(part))) > 0)
            total += (size_t)got;
        _exit(total == sizeof(big) ? 0 : 1);
    }
    assert_ok(sc_io_write_all(out, big, sizeof(big), &err));
    sc_closep(&out);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
test_dir_make_and_open(void **state)
{
    struct scratch *scratch = *state;
    sc_cleanup_fd fd = -1;
    struct sc_err err;
    struct stat st;

    umask(022);
    assert_ok(sc_dir_make_at(scratch->fd, "a//b/c/", 0711, &err));
    assert_ok(sc_dir_make_at(scratch->fd, "a/b/c", 0700, &err));
    assert_ok(sc_dir_make_at(scratch->fd, ".", 0700, &err));
    assert_int_equal(fstatat(scratch->fd, "a/b/c", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0711);
    assert_ok(sc_file_replace_at(scratch->fd, "a/f", "", 0, 0600, SC_VOLATILE, &err));
    assert_fails(sc_dir_make_at(scratch->fd, "a/f", 0700, &err), SC_ERR_KERNEL,
                 "make directory \"a/f\": not a directory");
    assert_fails(sc_dir_make_at(scratch->fd, "a/f/g", 0700, &err), SC_ERR_KERNEL,
                 "make directory \"a/f/g\": not a directory");
    assert_fails(sc_dir_make_at(scratch->fd, "", 0700, &err), SC_ERR_NOT_FOUND,
                 "make directory \"\": no such file or directory");

    fd = sc_dir_open_at(scratch->fd, "a", &err);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(symlinkat("a", scratch->fd, "link"), 0);
    assert_fails(sc_dir_open_at(scratch->fd, "link", &err), SC_ERR_KERNEL, "open directory \"link\": not a directory");
    assert_int_equal(sc_fd_cloexec(fd, false), 0);
    assert_int_equal(fcntl(fd, F_GETFD), 0);
    assert_int_equal(sc_fd_cloexec(fd, true), 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

/* In a child, which may close what it likes; its exit code has a bit for each of 10 to 15 that is open. */
static void
test_close_but(void **state)
{
    int keep[] = {14, 11, -1, 11, 2}, status = 0;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        int open_bits = 0;

        for (int fd = 10; fd <= 15; fd++)
            (void)dup2(2, fd);
        sc_fds_close_but(3, keep, SC_ARRAY_LEN(keep));
        for (int fd = 10; fd <= 15; fd++)
            open_bits |= fcntl(fd, F_GETFD) >= 0 ? 1 << (fd - 10) : 0;
        _exit(fcntl(2, F_GETFD) < 0 || fcntl(0, F_GETFD) < 0 ? 255 : open_bits);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1 << 1 | 1 << 4);
}

static void
test_locks(void **state)
{
    struct scratch *scratch = *state;
    sc_cleanup_fd one = -1, two = -1;
    struct sc_err err;
    char message[128];

    one = sc_lock_at(scratch->fd, "lock", SC_LOCK_SHARED, false, &err);
    two = sc_lock_at(scratch->fd, "lock", SC_LOCK_SHARED, false, &err);
    assert_true(one >= 0 && two >= 0);
    assert_fails(sc_lock_at(scratch->fd, "lock", SC_LOCK_EXCLUSIVE, false, &err), SC_ERR_BUSY,
                 "lock \"lock\": another process holds it");
    sc_closep(&one);
    sc_closep(&two);
    one = sc_lock_at(scratch->fd, "lock", SC_LOCK_EXCLUSIVE, false, &err);
    assert_true(one >= 0);
    assert_fails(sc_lock_at(scratch->fd, "lock", SC_LOCK_SHARED, false, &err), SC_ERR_BUSY,
                 "lock \"lock\": another process holds it");
    /* A lock on a file that is no longer there excludes nobody: a new file is made and locked. */
    assert_int_equal(unlinkat(scratch->fd, "lock", 0), 0);
    two = sc_lock_at(scratch->fd, "lock", SC_LOCK_EXCLUSIVE, false, &err);
    assert_true(two >= 0);
    assert_int_equal(symlinkat("lock", scratch->fd, "link"), 0);
    /* "lock" is the name of many files: a message says which */
    (void)snprintf(message, sizeof(message), "lock \"%s/link\": too many levels of symbolic links", scratch->path);
    assert_fails(sc_lock_at(scratch->fd, "link", SC_LOCK_SHARED, false, &err), SC_ERR_KERNEL, message);
}

/* The waiter must not end up with the lock of the file that the first holder removed. */
static void
test_lock_of_a_removed_file(void **state)
{
    struct scratch *scratch = *state;
    sc_cleanup_fd held = -1;
    struct sc_err err;
    struct stat named;
    int status;
    pid_t child;

    held = sc_lock_at(scratch->fd, "lock", SC_LOCK_EXCLUSIVE, false, &err);
    assert_true(held >= 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct stat mine, there;
        int fd;

        (void)close(held);
        fd = sc_lock_at(scratch->fd, "lock", SC_LOCK_EXCLUSIVE, true, &err);
        if (fd < 0 || fstat(fd, &mine) < 0 || fstatat(scratch->fd, "lock", &there, 0) < 0)
            _exit(1);
        _exit(mine.st_ino == there.st_ino ? 0 : 2);
    }
    /* Until the child waits for the lock: its line in /proc/locks begins with "->". */
    for (bool is_waiting = false; !is_waiting;) {
        sc_cleanup_buf locks = SC_BUF_INIT;
        char want[64];

        (void)snprintf(want, sizeof(want), "-> FLOCK  ADVISORY  WRITE %d ", (int)child);
        assert_ok(sc_file_read_at(AT_FDCWD, "/proc/locks", 1 << 20, &locks, &err));
        is_waiting = strstr(sc_buf_str(&locks), want) != NULL;
        assert_int_equal(waitpid(child, &status, WNOHANG), 0);
    }
    assert_int_equal(unlinkat(scratch->fd, "lock", 0), 0);
    sc_closep(&held);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(fstatat(scratch->fd, "lock", &named, 0), 0);
}

static void
test_ids(void **state)
{
    char one[SC_ID_LEN + 1], two[SC_ID_LEN + 1];
    struct sc_err err;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        assert_ok(sc_id_random(one, &err));
        assert_int_equal(strlen(one), SC_ID_LEN);
        assert_int_equal(strspn(one, "0123456789abcdef"), SC_ID_LEN);
        assert_true(strspn(one, "0123456789") < 12);
    }
    assert_ok(sc_id_random(two, &err));
    assert_string_not_equal(one, two);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_replace_and_read),
        SCRATCH_TEST(test_replace_refuses),
        SCRATCH_TEST(test_read_limits),
        SCRATCH_TEST(test_write_at),
        cmocka_unit_test(test_write_all),
        SCRATCH_TEST(test_dir_make_and_open),
        SCRATCH_TEST(test_locks),
        cmocka_unit_test(test_close_but),
        SCRATCH_TEST(test_locks),
        SCRATCH_TEST(test_lock_of_a_removed_file),
        cmocka_unit_test(test_ids),
    };

    return RUN_TESTS(tests);
}
