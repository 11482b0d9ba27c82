/* Removing much at once: all that was given goes, whoever of the processes took it, and nothing else. */
#include "store-fixture.h"

#include <sys/wait.h>

#include "image/image-priv.h"

static void
make_file(int dir_fd, const char *name, off_t size)
{
    sc_cleanup_fd fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
}

/* top/DIR/DIR/FILE, wide enough for several processes; with links to what shall stay, and a directory that is closed.
 */
static void
make_tree(int at_fd, const char *name, int width)
{
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd top = -1;

    assert_int_equal(sc_dir_make_at(at_fd, name, 0755, &err), 0);
    top = sc_dir_open_at(at_fd, name, &err);
    assert_true(top >= 0);
    make_file(top, "file", 10);
    assert_int_equal(symlinkat("../keep", top, "link"), 0);
    for (int i = 0; i < width; i++) {
        char path[64];

        (void)snprintf(path, sizeof(path), "d%d/inner%d/deep", i % 20, i);
        assert_int_equal(sc_dir_make_at(top, path, 0755, &err), 0);
        (void)snprintf(path, sizeof(path), "d%d/inner%d/deep/file", i % 20, i);
        make_file(top, path, 1);
        (void)snprintf(path, sizeof(path), "d%d/file%d", i % 20, i);
        make_file(top, path, 1);
        (void)snprintf(path, sizeof(path), "d%d/link%d", i % 20, i);
        assert_int_equal(symlinkat("../../keep", top, path), 0);
    }
    if (width > 0)
        assert_int_equal(fchmodat(top, "d0", 0, 0), 0);
}

static size_t
entries(int at_fd, const char *name)
{
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd fd = sc_dir_open_at(at_fd, name, &err);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    size_t count = 0;

    assert_non_null(dir);
    (void)sc_steal_fd(&fd);
    while (readdir(dir))
        count++;
    return count - 2;
}

static void
remove_trees(struct fixture *fixture, int width, off_t large, bool is_behind)
{
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_bulk bulk = {.count = 0};
    size_t before = entries(-1, "/proc/self/fd");
    int ends[2];
    char byte;
    sc_cleanup_fd here = -1;

    assert_int_equal(sc_dir_make_at(fixture->dir_fd, "here/keep/inner", 0755, &err), 0);
    here = sc_dir_open_at(fixture->dir_fd, "here", &err);
    assert_true(here >= 0);
    make_file(here, "keep/file", 1);
    make_tree(here, "a", width);
    make_tree(here, "b", 3);
    make_file(here, "large", large);
    make_file(here, "b/large", large);
    assert_int_equal(sc_bulk_add(&bulk, here, "large", false, &err), 0);
    assert_int_equal(sc_bulk_add(&bulk, here, "a", true, &err), 0);
    assert_int_equal(sc_bulk_add(&bulk, here, "b", true, &err), 0);
    assert_int_equal(sc_bulk_add(&bulk, here, "absent", true, &err), 0);
    if (is_behind) {
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        sc_bulk_remove_behind(&bulk);
        make_file(here, "large", 1); /* a file has gone at once, and its name may be taken */
        assert_int_equal(close(ends[1]), 0);
        assert_int_equal(read(ends[0], &byte, 1), 0); /* whoever is behind keeps nothing of ours open */
        assert_int_equal(close(ends[0]), 0);
        while (waitpid(-1, NULL, 0) > 0)
            continue;
        assert_int_equal(unlinkat(here, "large", 0), 0);
    } else {
        sc_bulk_remove(&bulk);
    }
    assert_int_equal(entries(fixture->dir_fd, "here"), 1);
    assert_int_equal(entries(here, "keep"), 2);
    assert_int_equal(sc_tree_remove_at(fixture->dir_fd, "here", &err), 0);
    sc_closep(&here);
    assert_int_equal(entries(-1, "/proc/self/fd"), before);
}

static void
test_trees(void **state)
{
    remove_trees(*state, 0, 1, false);                /* by this process alone */
    remove_trees(*state, 0, (off_t)100 << 20, false); /* two large files: two */
    remove_trees(*state, 300, 1, false);              /* as many as there may be */
    remove_trees(*state, 500, 1, false);              /* more directories than are split */
    remove_trees(*state, 0, 1, true);
    remove_trees(*state, 0, (off_t)100 << 20, true);
    remove_trees(*state, 40, (off_t)100 << 20, true);
    remove_trees(*state, 900, 1, true); /* so many that it takes long */
}

static void
test_nothing(void **state)
{
    sc_cleanup_bulk bulk = {.count = 0};

    (void)state;
    sc_bulk_remove(&bulk);
    sc_bulk_remove_behind(&bulk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_trees, fixture_setup, fixture_teardown),
        cmocka_unit_test(test_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
