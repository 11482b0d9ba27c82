/* Groups of resctrl, in a plain directory that behaves like it: making a group fills it, removing one empties it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/resctrl.h"
#include "kernel/kernel.h"
#include "test.h"

#define ROOT_SCHEMATA "    MB:0=100;1=100\n    L3:0=fffff;1=fffff\n"

static struct sc_err err;
static char root_path[32];
static int root;
static bool refuses_schemata, has_no_monitoring;

int __real_mkdirat(int dirfd, const char *path, mode_t mode);
int __real_unlinkat(int dirfd, const char *path, int flags);
int __wrap_mkdirat(int dirfd, const char *path, mode_t mode);
int __wrap_unlinkat(int dirfd, const char *path, int flags);

static void
put(int dirfd, const char *name, const char *text, mode_t mode)
{
    int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void
fill(const char *dir)
{
    int fd = openat(root, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    put(fd, "tasks", "", 0600);
    if (strstr(dir, "mon_groups") == NULL) {
        if (refuses_schemata)
            assert_int_equal(__real_mkdirat(fd, "schemata", 0700), 0);
        else
            put(fd, "schemata", ROOT_SCHEMATA, 0600);
        if (!has_no_monitoring)
            assert_int_equal(__real_mkdirat(fd, "mon_groups", 0700), 0);
    }
    close(fd);
}

int
__wrap_mkdirat(int dirfd, const char *path, mode_t mode)
{
    int result = __real_mkdirat(dirfd, path, mode);

    if (result == 0)
        fill(path);
    return result;
}

int
__wrap_unlinkat(int dirfd, const char *path, int flags)
{
    char dir[1024];

    if (flags != AT_REMOVEDIR)
        return __real_unlinkat(dirfd, path, flags);
    static const char *const files[] = {"tasks", "schemata"}, *const dirs[] = {"schemata", "mon_groups"};

    for (size_t i = 0; i < SC_ARRAY_LEN(files); i++) {
        (void)snprintf(dir, sizeof(dir), "%s/%s", path, files[i]);
        (void)__real_unlinkat(dirfd, dir, 0);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(dirs); i++) {
        (void)snprintf(dir, sizeof(dir), "%s/%s", path, dirs[i]);
        (void)__real_unlinkat(dirfd, dir, AT_REMOVEDIR);
    }
    return __real_unlinkat(dirfd, path, flags);
}

static int
setup(void **state)
{
    (void)state;
    (void)snprintf(root_path, sizeof(root_path), "/tmp/sc-resctrl.XXXXXX");
    refuses_schemata = has_no_monitoring = false;
    assert_non_null(mkdtemp(root_path));
    root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0);
    fill(".");
    assert_int_equal(__real_mkdirat(root, "info", 0700), 0);
    put(root, "info/last_cmd_status", "ok\n", 0600);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    close(root);
    return sc_tree_remove_at(AT_FDCWD, root_path, &err);
}

static bool
exists(const char *path)
{
    return faccessat(root, path, F_OK, 0) == 0;
}

static void
assert_file(const char *path, const char *text)
{
    sc_cleanup_buf have = SC_BUF_INIT;

    assert_ok(sc_file_read_at(root, path, 4096, &have, &err));
    assert_string_equal(sc_buf_str(&have), text);
}

static void
join(struct sc_resctrl_open *open)
{
    assert_int_equal(write(open->tasks, "0", 1), 1);
    if (open->monitor_tasks >= 0)
        assert_int_equal(write(open->monitor_tasks, "0", 1), 1);
    sc_closep(&open->tasks);
    sc_closep(&open->monitor_tasks);
}

static void
test_own(void **state)
{
    const struct sc_resctrl_group group = {SC_RESCTRL_OWN, "c1", "L3:0=f\nMB:0=20\n", "c1"};
    struct sc_resctrl_open open, second;

    (void)state;
    assert_ok(sc_resctrl_make(root, &group, &open, &err));
    assert_true(open.has_made_group && open.has_made_monitor);
    join(&open);
    assert_file("c1/tasks", "0");
    assert_file("c1/mon_groups/c1/tasks", "0");
    /* as the file would be after a write that replaces all of it */
    sc_cleanup_buf have = SC_BUF_INIT;
    assert_ok(sc_file_read_at(root, "c1/schemata", 4096, &have, &err));
    assert_true(sc_str_starts(sc_buf_str(&have), "L3:0=f\nMB:0=20\n"));
    /* another's: neither used nor taken back */
    assert_fails(sc_resctrl_make(root, &group, &second, &err), SC_ERR_EXISTS, "make it: file exists");
    assert_int_equal(second.tasks, -1);
    assert_true(exists("c1/mon_groups/c1"));
    sc_resctrl_unmake(root, &group, &open);
    assert_false(exists("c1"));
}

static void
test_own_that_is_refused(void **state)
{
    const struct sc_resctrl_group group = {SC_RESCTRL_OWN, "c1", "L3:0=5\n", NULL},
                                  monitored = {SC_RESCTRL_OWN, "c1", NULL, "c1"};
    struct sc_resctrl_open open;

    (void)state;
    refuses_schemata = true;
    put(root, "info/last_cmd_status", "Mask 5 has non-consecutive 1-bits\n", 0600);
    assert_fails(sc_resctrl_make(root, &group, &open, &err), SC_ERR_KERNEL, "open \"c1/schemata\": is a directory");
    assert_string_equal(err.remedy, "resctrl says: Mask 5 has non-consecutive 1-bits");
    assert_false(exists("c1"));
    has_no_monitoring = true;
    assert_fails(sc_resctrl_make(root, &monitored, &open, &err), SC_ERR_NOT_FOUND,
                 "make \"c1/mon_groups/c1\": no such file or directory");
    assert_non_null(strstr(err.remedy, "has no monitoring"));
    assert_false(exists("c1"));
}

static void
test_shared(void **state)
{
    struct sc_resctrl_group group = {SC_RESCTRL_SHARED, "gold", NULL, NULL};
    struct sc_resctrl_open first, second;

    (void)state;
    assert_fails(sc_resctrl_make(root, &group, &first, &err), SC_ERR_NOT_FOUND,
                 "it must be there where no schemata are given: no such file or directory");
    assert_false(exists("gold"));
    group.schemata = ROOT_SCHEMATA;
    assert_ok(sc_resctrl_make(root, &group, &first, &err));
    assert_true(first.has_made_group);
    join(&first);
    assert_ok(sc_resctrl_make(root, &group, &second, &err));
    assert_false(second.has_made_group);
    join(&second);
    /* whoever made it: others are in it */
    sc_resctrl_unmake(root, &group, &second);
    sc_resctrl_unmake(root, &group, &first);
    assert_true(exists("gold"));
    group.schemata = "L3:0=f\n";
    assert_fails(sc_resctrl_make(root, &group, &second, &err), SC_ERR_INVALID,
                 "it is there with other schemata than those asked for");
    assert_file("gold/schemata", ROOT_SCHEMATA);
    group.schemata = NULL;
    group.monitor = "c2";
    assert_ok(sc_resctrl_make(root, &group, &second, &err));
    join(&second);
    assert_file("gold/mon_groups/c2/tasks", "0");
    sc_resctrl_unmake(root, &group, &second);
    assert_false(exists("gold/mon_groups/c2"));
    put(root, "gold/tasks", "", 0600);
    sc_resctrl_unmake(root, &group, &first);
    assert_false(exists("gold"));
}

static void
test_default_group(void **state)
{
    struct sc_resctrl_group group = {SC_RESCTRL_SHARED, "", "MB:1=100\n", "c1"};
    struct sc_resctrl_open open;

    (void)state;
    assert_ok(sc_resctrl_make(root, &group, &open, &err));
    join(&open);
    assert_file("mon_groups/c1/tasks", "0");
    assert_file("tasks", "0");
    sc_resctrl_unmake(root, &group, &open);
    assert_false(exists("mon_groups/c1"));
    group.schemata = "MB:1=50\n";
    assert_fails(sc_resctrl_make(root, &group, &open, &err), SC_ERR_INVALID,
                 "it is there with other schemata than those asked for");
}

static void
test_enter(void **state)
{
    const struct sc_resctrl_group group = {SC_RESCTRL_ENTER, "gone", NULL, "c1"};
    struct sc_resctrl_open open;

    (void)state;
    assert_ok(sc_resctrl_make(root, &group, &open, &err));
    assert_int_equal(open.tasks, -1);
    assert_int_equal(open.monitor_tasks, -1);
    assert_false(exists("gone"));
}

static void
test_undo(void **state)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    char dir[64];

    (void)state;
    (void)snprintf(dir, sizeof(dir), "%s/c1", root_path);
    sc_undo_add(&text, SC_UNDO_RESCTRL_REMOVE, dir);
    assert_int_equal(__wrap_mkdirat(root, "c1", 0700), 0);
    assert_ok(sc_undo_run(sc_buf_str(&text), &err));
    assert_false(exists("c1"));
    assert_ok(sc_undo_run(sc_buf_str(&text), &err));
}

static void
test_schemata(void **state)
{
    static const struct {
        const char *have, *asked;
        bool is_same;
    } cases[] = {
        {"    MB:0=100;1= 70\n    L3:0=0000f;1=FF000\n", "L3:0=f;1=ff000\nMB:1=70\n", true},
        {"L3:0=0\n", "L3:0=0000\n", true},
        {"L3:0=f;1=f\n", "L3: 1 = f ;\n\n", true},
        {"L3:0=f;1=f\n", "L3:0=f;1=1f\n", false},
        {"L3:0=f\n", "L3:0=f;1=f\n", false},
        {"L3:0=f\n", "L3:0=ff\n", false},
        {"L3:10=f\n", "L3:1=f\n", false},
        {"L3CODE:0=f\n", "L3:0=f\n", false},
        {"L3:0=f\n", "MB:0=f\n", false},
        {"L3:0=f\n", "L3:0\n", false},
        {"", "L3:0=f\n", false},
        {"L3:0=f\n", "", true},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        assert_int_equal(sc_resctrl_has_schemata(cases[i].have, cases[i].asked), cases[i].is_same);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_that_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(test_default_group, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_undo, setup, teardown),
        cmocka_unit_test(test_schemata),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
