/* rm -rf: links, mount points, odd modes, depth. */
#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "scratch.h"

#define DEEP 3000 /* past PATH_MAX many times over */

static void
make_file(int dirfd, const char *name)
{
    sc_cleanup_fd fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
}

static int
count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void
test_absent_and_names(void **state)
{
    struct scratch *scratch = *state;
    struct sc_err err;

    assert_ok(sc_tree_remove_at(scratch->fd, "none", &err));
    assert_ok(sc_tree_remove_at(scratch->fd, "none/none", &err));
    assert_fails(sc_tree_remove_at(scratch->fd, "..", &err), SC_ERR_INVALID, "remove \"..\": it is not a name");
    assert_fails(sc_tree_remove_at(scratch->fd, ".", &err), SC_ERR_INVALID, "remove \".\": it is not a name");
    assert_fails(sc_tree_remove_at(scratch->fd, "", &err), SC_ERR_INVALID, "remove \"\": it is not a name");
    make_file(scratch->fd, "f");
    assert_ok(sc_tree_remove_at(scratch->fd, "f", &err));
    assert_int_equal(scratch_count(scratch), 0);
}

static void
test_wide_tree_and_links(void **state)
{
    struct scratch *scratch = *state;
    sc_cleanup_fd dir = -1;
    struct sc_err err;
    int fds = count_fds();

    assert_ok(sc_dir_make_at(scratch->fd, "keep/inner", 0755, &err));
    assert_ok(sc_dir_make_at(scratch->fd, "t/empty", 0755, &err));
    dir = sc_dir_open_at(scratch->fd, "t", &err);
    for (int i = 0; i < 500; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "f%d", i);
        make_file(dir, name);
        (void)snprintf(name, sizeof(name), "d%d/e/f", i);
        assert_ok(sc_dir_make_at(dir, name, 0755, &err));
    }
    assert_int_equal(symlinkat("../keep", dir, "link"), 0);
    assert_int_equal(symlinkat("/", dir, "root"), 0);
    assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
    assert_ok(sc_dir_make_at(dir, "closed/in", 0755, &err));
    assert_int_equal(fchmodat(dir, "closed", 0, 0), 0);
    sc_closep(&dir);
    assert_ok(sc_tree_remove_at(scratch->fd, "t", &err));
    assert_int_equal(scratch_count(scratch), 2); /* keep and keep/inner */
    assert_int_equal(symlinkat("keep", scratch->fd, "link"), 0);
    assert_ok(sc_tree_remove_at(scratch->fd, "link", &err));
    assert_int_equal(scratch_count(scratch), 2);
    assert_int_equal(count_fds(), fds);
}

/* Deeper than there may be open files, and than any path can name. */
static void
test_deep_tree(void **state)
{
    struct scratch *scratch = *state;
    sc_cleanup_fd at = dup(scratch->fd);
    struct rlimit old, few = {.rlim_cur = 64, .rlim_max = 0};
    struct sc_err err;

    for (int i = 0; i < DEEP; i++) {
        int next;

        assert_int_equal(mkdirat(at, "d", 0700), 0);
        make_file(at, "a");
        make_file(at, "z");
        next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        sc_closep(&at);
        at = next;
    }
    sc_closep(&at);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_ok(sc_tree_remove_at(scratch->fd, "d", &err));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(scratch_count(scratch), 2); /* the first "a" and "z" lie beside it */
}

/* Its owner removes what its owner closed, without any capability. */
static void
test_closed_directories_as_user(void **state)
{
    struct scratch *scratch = *state;
    int status;
    pid_t child;

    if (geteuid() == 0)
        assert_int_equal(fchownat(scratch->fd, ".", 65534, 65534, 0), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sc_err err = SC_ERR_INIT;

        if (geteuid() == 0 && (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
            _exit(1);
        if (sc_dir_make_at(scratch->fd, "t/closed/in/deep", 0700, &err) < 0 ||
            sc_dir_make_at(scratch->fd, "t/readonly/in", 0700, &err) < 0 ||
            fchmodat(scratch->fd, "t/closed/in", 0, 0) < 0 || fchmodat(scratch->fd, "t/closed", 0, 0) < 0 ||
            fchmodat(scratch->fd, "t/readonly", 0500, 0) < 0)
            _exit(2);
        _exit(sc_tree_remove_at(scratch->fd, "t", &err) < 0 ? 3 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(scratch_count(scratch), 0);
}

/* In a mount namespace of the child's own: a bind mount of the same filesystem, on a directory and on a file. */
static int
try_mounts(struct scratch *scratch)
{
    struct sc_err err = SC_ERR_INIT;
    struct stat st;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 1;
    /* The old descriptor still shows the tree of the old namespace. */
    scratch->fd = openat(AT_FDCWD, scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (scratch->fd < 0 || fchdir(scratch->fd) < 0 || mount("keep", "t/m", NULL, MS_BIND, NULL) < 0)
        return 2;
    if (sc_tree_remove_at(scratch->fd, "t", &err) == 0 || err.kind != SC_ERR_BUSY ||
        strcmp(err.msg, "remove \"t\": \"m\": it is a mount point") != 0 || strcmp(err.remedy, "unmount it first") != 0)
        return 3;
    if (fstatat(scratch->fd, "keep/inner", &st, 0) < 0)
        return 4;
    if (sc_tree_remove_at(scratch->fd, "t/m", &err) == 0 || err.kind != SC_ERR_BUSY)
        return 5;
    if (umount2("t/m", MNT_DETACH) < 0 || mount("keep/f", "t/g", NULL, MS_BIND, NULL) < 0)
        return 6;
    if (sc_tree_remove_at(scratch->fd, "t", &err) == 0 || err.kind != SC_ERR_BUSY)
        return 7;
    if (umount2("t/g", MNT_DETACH) < 0)
        return 8;
    return sc_tree_remove_at(scratch->fd, "t", &err) < 0 ? 9 : 0;
}

static void
test_mounts_are_not_crossed(void **state)
{
    struct scratch *scratch = *state;
    struct sc_err err;
    int status;
    pid_t child;

    if (geteuid() != 0)
        skip();
    assert_ok(sc_dir_make_at(scratch->fd, "keep/inner", 0755, &err));
    assert_ok(sc_dir_make_at(scratch->fd, "t/m", 0755, &err));
    assert_ok(sc_file_replace_at(scratch->fd, "keep/f", "", 0, 0600, SC_VOLATILE, &err));
    assert_ok(sc_file_replace_at(scratch->fd, "t/g", "", 0, 0600, SC_VOLATILE, &err));
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(try_mounts(scratch));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : 255, 0);
    assert_int_equal(scratch_count(scratch), 3); /* keep, keep/inner, keep/f */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_absent_and_names),
        SCRATCH_TEST(test_wide_tree_and_links),
        SCRATCH_TEST(test_deep_tree),
        SCRATCH_TEST(test_closed_directories_as_user),
        SCRATCH_TEST(test_mounts_are_not_crossed),
    };

    return RUN_TESTS(tests);
}
