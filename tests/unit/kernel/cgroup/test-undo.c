/* Undo: its text, its refusals, that it goes on after an error, and that twice is as good as once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "test.h"

static void
test_text(void **state)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    (void)state;
    sc_undo_add(&text, SC_UNDO_CGROUP_KILL, "/sys/fs/cgroup/sc/abc");
    sc_undo_add(&text, SC_UNDO_CGROUP_REMOVE, "/sys/fs/cgroup/a b");
    sc_undo_add(&text, SC_UNDO_RESCTRL_REMOVE, "/sys/fs/resctrl/abc");
    sc_undo_add(&text, SC_UNDO_TREE, "/run/100%\nx");
    sc_undo_add(&text, SC_UNDO_UNLINK, "/run/link");
    sc_undo_add(&text, SC_UNDO_SYSTEMD_STOP, "sc-a\\x2bb.scope");
    sc_undo_add(&text, SC_UNDO_SYSTEMD_USER_STOP, "x.scope");
    assert_string_equal(sc_buf_str(&text),
                        "cgroup-kill /sys/fs/cgroup/sc/abc\ncgroup-remove /sys/fs/cgroup/a%20b\n"
                        "resctrl-remove /sys/fs/resctrl/abc\ntree /run/100%25%0Ax\nunlink /run/link\n"
                        "systemd-stop sc-a\\x2bb.scope\nsystemd-user-stop x.scope\n");
}

static void
test_refusals(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"tree\n", "undo: \"tree\" is not an operation and a path"},
        {"tree /a b\n", "undo: \"tree /a b\" is not an operation and a path"},
        {"tree a\n", "undo tree: \"a\" is not an absolute path"},
        {"tree /a%2\n", "undo tree: \"/a%2\" is not an absolute path"},
        {"tree /a%00b\n", "undo tree: \"/a%00b\" is not an absolute path"},
        {"tree /no-such-dir/x/\n", "remove \"/no-such-dir/x/\": it is not a name"},
        {"systemd-stop /x.scope\n", "undo systemd-stop: \"/x.scope\" is not a name"},
        {"format /dev/sda\n", "undo: \"format\" is not an operation"},
    };
    struct sc_err err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        assert_fails(sc_undo_run(cases[i].text, &err), SC_ERR_INVALID, cases[i].message);
    assert_ok(sc_undo_run("", &err));
    assert_ok(sc_undo_run("\n\n", &err));
}

static void
test_absent_is_done(void **state)
{
    struct sc_err err;

    (void)state;
    assert_ok(sc_undo_run("cgroup-kill /sys/fs/cgroup/no-such-group\ncgroup-remove /sys/fs/cgroup/no-such-group\n"
                          "tree /no-such-dir/x\ntree /no-such-dir\nunlink /no-such-dir/x\nunlink /no-such-file\n",
                          &err));
}

static void
make(const char *path, bool is_dir)
{
    int fd = is_dir ? mkdir(path, 0700) : open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    if (!is_dir)
        (void)close(fd);
}

static void
test_files(void **state)
{
    char dir[] = "/tmp/sc-test-undo-XXXXXX", path[128];
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/tree with space", dir);
    make(path, true);
    sc_undo_add(&text, SC_UNDO_UNLINK, path); /* a directory: it fails, and the rest is done all the same */
    sc_undo_add(&text, SC_UNDO_TREE, path);
    (void)snprintf(path, sizeof(path), "%s/tree with space/file", dir);
    make(path, false);
    (void)snprintf(path, sizeof(path), "%s/100%%", dir);
    make(path, false);
    sc_undo_add(&text, SC_UNDO_UNLINK, path);

    assert_int_equal(sc_undo_run(sc_buf_str(&text), &err), -1);
    assert_int_equal(err.errnum, EISDIR);
    assert_int_equal(rmdir(dir), 0); /* nothing was left in it */
    assert_ok(sc_undo_run(sc_buf_str(&text), &err));
}

/* Two goes: the lease of an address stays until the second. */
static void
test_parts(void **state)
{
    static const char owner[] = "0123456789012345678901234567890123456789012345678901234567890123";
    char dir[] = "/tmp/sc-test-undo-XXXXXX", lease[128], file[128], line[256];
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err;
    struct stat st;
    int sock = -1;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(lease, sizeof(lease), "%s/10.0.0.2", dir);
    (void)snprintf(file, sizeof(file), "%s/file", dir);
    (void)snprintf(line, sizeof(line), "%s %s", lease, owner);
    assert_int_equal(symlink(owner, lease), 0);
    make(file, false);
    sc_undo_add(&text, SC_UNDO_LEASE, line);
    sc_undo_add(&text, SC_UNDO_UNLINK, file);

    assert_ok(sc_undo_run_part(sc_buf_str(&text), SC_UNDO_NOW, &sock, &err));
    assert_int_equal(lstat(lease, &st), 0);
    assert_int_equal(lstat(file, &st), -1);
    make(file, false);
    assert_ok(sc_undo_run_part(sc_buf_str(&text), SC_UNDO_LATER, &sock, &err));
    assert_int_equal(lstat(lease, &st), -1);
    assert_int_equal(lstat(file, &st), 0);
    assert_int_equal(sock, -1);
    assert_ok(sc_undo_run(sc_buf_str(&text), &err));
    assert_int_equal(rmdir(dir), 0);
}

/* Killing begins with the try to remove: an empty directory goes, one of systemd's does not. */
static void
test_kill_of_nobody(void **state)
{
    char dir[] = "/tmp/sc-test-undo-XXXXXX", group[64], scope[64];
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(group, sizeof(group), "%s/group", dir);
    (void)snprintf(scope, sizeof(scope), "%s/x.scope", dir);
    make(group, true);
    make(scope, true);
    sc_undo_add(&text, SC_UNDO_CGROUP_KILL, group);
    assert_ok(sc_undo_run(sc_buf_str(&text), &err));
    assert_int_equal(lstat(group, &st), -1);
    assert_ok(sc_undo_run(sc_buf_str(&text), &err));
    sc_buf_clear(&text);
    sc_undo_add(&text, SC_UNDO_CGROUP_KILL, scope);
    (void)!sc_undo_run(sc_buf_str(&text), &err);
    assert_int_equal(lstat(scope, &st), 0);
    assert_int_equal(rmdir(scope), 0);
    assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),  cmocka_unit_test(test_refusals), cmocka_unit_test(test_absent_is_done),
        cmocka_unit_test(test_files), cmocka_unit_test(test_parts),    cmocka_unit_test(test_kill_of_nobody),
    };

    return RUN_TESTS(tests);
}
