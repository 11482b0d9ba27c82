/* What a container changed, told from three directories: what it wrote, what was there, what is. */
#include <sys/xattr.h>

#include "../base/scratch.h"

#include "image/container-priv.h"

struct trees {
    int upper, image, merged;
};

static int
tree(const struct scratch *scratch, const char *name)
{
    int fd;

    assert_int_equal(mkdirat(scratch->fd, name, 0755), 0);
    fd = openat(scratch->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static struct trees
trees_make(void **state)
{
    const struct scratch *scratch = *state;

    return (struct trees){tree(scratch, "upper"), tree(scratch, "image"), tree(scratch, "merged")};
}

static void
file(int dir_fd, const char *name, const char *text)
{
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static void
dir(int dir_fd, const char *name, mode_t mode)
{
    assert_int_equal(mkdirat(dir_fd, name, 0755), 0);
    assert_int_equal(fchmodat(dir_fd, name, mode, 0), 0);
}

/* All changes in one line: "C /etc, A /etc/x". */
static void
check(const struct trees *trees, bool has_upper, const char *expected)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf said = SC_BUF_INIT;
    struct sc_changes changes;
    struct sc_err err;

    assert_ok(sc_changes_find(has_upper ? trees->upper : -1, trees->image, trees->merged, &arena, &changes, &err));
    for (size_t i = 0; i < changes.count; i++)
        sc_buf_addf(&said, "%s%c %s", i > 0 ? ", " : "", changes.items[i].kind, changes.items[i].path);
    assert_string_equal(sc_buf_str(&said), expected);
    close(trees->upper);
    close(trees->image);
    close(trees->merged);
}

static void
test_never_started(void **state)
{
    struct trees trees = trees_make(state);

    file(trees.image, "x", "1");
    check(&trees, false, "");
}

static void
test_files(void **state)
{
    struct trees trees = trees_make(state);

    dir(trees.upper, "d", 0755);
    dir(trees.image, "d", 0755);
    dir(trees.merged, "d", 0755);
    file(trees.upper, "d/new", "1");
    file(trees.merged, "d/new", "1");
    file(trees.upper, "d/changed", "22");
    file(trees.image, "d/changed", "1");
    file(trees.merged, "d/changed", "22");
    file(trees.upper, "d/gone", ""); /* overlay's mark, whatever it is */
    file(trees.image, "d/gone", "1");
    file(trees.upper, "d/same", "1"); /* copied up, and as it was */
    file(trees.image, "d/same", "1");
    file(trees.merged, "d/same", "1");
    check(&trees, true, "C /d, C /d/changed, D /d/gone, A /d/new");
}

static void
test_what_was_not_touched_is_not_looked_at(void **state)
{
    struct trees trees = trees_make(state);

    file(trees.image, "a", "1");
    file(trees.merged, "a", "different, but not in the upper directory");
    check(&trees, true, "");
}

static void
test_directories(void **state)
{
    struct trees trees = trees_make(state);

    dir(trees.upper, "mode", 0700);
    dir(trees.image, "mode", 0755);
    dir(trees.merged, "mode", 0700);
    dir(trees.upper, "only-time", 0755);
    dir(trees.image, "only-time", 0755);
    dir(trees.merged, "only-time", 0755);
    dir(trees.upper, "to-file", 0755);
    dir(trees.image, "to-file", 0755);
    file(trees.image, "to-file/x", "1");
    file(trees.merged, "to-file", "1");
    dir(trees.upper, "tree", 0755);
    dir(trees.merged, "tree", 0755);
    dir(trees.merged, "tree/sub", 0755); /* in the upper layer under another name: the overlay says what is there */
    file(trees.merged, "tree/sub/f", "1");
    check(&trees, true, "C /mode, C /to-file, A /tree, A /tree/sub, A /tree/sub/f");
}

static void
test_an_opaque_directory(void **state)
{
    struct trees trees = trees_make(state);
    int fd;

    dir(trees.upper, "d", 0755);
    fd = openat(trees.upper, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) < 0) {
        close(fd);
        skip(); /* a file system without attributes */
    }
    close(fd);
    dir(trees.image, "d", 0755);
    dir(trees.merged, "d", 0755);
    file(trees.image, "d/old", "1");
    file(trees.image, "d/same", "1");
    file(trees.upper, "d/same", "1");
    file(trees.merged, "d/same", "1");
    check(&trees, true, "C /d, D /d/old");
}

static void
test_mount_points_of_the_engine(void **state)
{
    struct trees trees = trees_make(state);

    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? trees.upper : trees.merged;

        dir(fd, "proc", 0755);
        dir(fd, "etc", 0755);
        file(fd, "etc/hosts", "");
        dir(fd, "dev", 0755);
        file(fd, "dev/own", "1");
        dir(fd, "vol", 0755); /* the user's, and Docker shows it */
    }
    check(&trees, true, "A /dev, A /dev/own, A /vol");
}

/* ---- into a layer ------------------------------------------------------------------------------------------------ */

static int
take(void *sink, const void *data, size_t len, struct sc_err *err)
{
    sc_buf_add(sink, data, len);
    return sc_buf_check(sink, err);
}

static int
write_entry(int top_fd, const char *path, bool is_live, struct sc_buf *out, struct sc_err *err)
{
    const struct sc_tree_tar_how how = {.is_live = is_live};
    sc_cleanup_tree_tar tar = NULL;

    assert_int_equal(sc_tree_tar_open(take, out, &how, &tar, err), 0);
    return sc_tree_tar_add(tar, top_fd, path, path, true, err) < 0 ? -1 : sc_tree_tar_end(tar, err);
}

/* A container that runs puts a link where a directory was when its changes were listed: what that leads to may be the
 * host's. */
static void
test_no_link_on_the_way_is_followed(void **state)
{
    struct trees trees = trees_make(state);
    sc_cleanup_buf written = SC_BUF_INIT, none = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    dir(trees.image, "host", 0755);
    file(trees.image, "host/secret", "of the host");
    dir(trees.merged, "a", 0755);
    dir(trees.merged, "a/b", 0755);
    file(trees.merged, "a/b/secret", "its own");
    assert_int_equal(symlinkat("../../image/host", trees.merged, "a/link"), 0);
    assert_ok(write_entry(trees.merged, "a/b/secret", true, &written, &err));
    assert_non_null(memmem(written.data, written.len, "its own", 7));
    assert_ok(write_entry(trees.merged, "a/link/secret", true, &none, &err));
    assert_ok(write_entry(trees.merged, "a/gone/secret", true, &none, &err));
    assert_null(memmem(none.data, none.len, "secret", 6));
    assert_fails(write_entry(trees.merged, "a/link/secret", false, &none, &err), SC_ERR_KERNEL,
                 "\"a/link/secret\": open its directory: too many levels of symbolic links");
    close(trees.upper);
    close(trees.image);
    close(trees.merged);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_never_started, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_files, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_what_was_not_touched_is_not_looked_at, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_directories, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_an_opaque_directory, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_mount_points_of_the_engine, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_no_link_on_the_way_is_followed, scratch_setup, scratch_teardown),
    };

    return RUN_TESTS(tests);
}
