/* The encoder of EROFS images: where things go, and the tree in memory. That the kernel reads it as it should is shown
 * by tests/integration/erofs.bats. */
#include "image/erofs-priv.h"
#include "store-fixture.h"

static void
test_places(void **state)
{
    (void)state;
    /* on the next slot */
    assert_int_equal(sc_erofs_place(4097, 64, 0), 4128);
    /* an inode does not cross a block */
    assert_int_equal(sc_erofs_place(8192 - 32, 64, 0), 8192);
    assert_int_equal(sc_erofs_place(8192 - 64, 64, 0), 8192 - 64);
    /* nor does a tail; but attributes may */
    assert_int_equal(sc_erofs_place(4096, 64, 4032), 4096);
    assert_int_equal(sc_erofs_place(4128, 64, 4032), 8192);
    assert_int_equal(sc_erofs_place(4128, 5000, 100), 4128);
    /* a tail that begins on a block */
    assert_int_equal(sc_erofs_place(8192 - 64, 64, 4096), 8192 - 64);
    assert_true(sc_erofs_tail_fits(64, 4032));
    assert_false(sc_erofs_tail_fits(64, 4033));
    assert_true(sc_erofs_tail_fits(4096, 4096));
}

static void
test_attributes_are_counted(void **state)
{
    struct sc_erofs_xattr second = {.name_len = 3, .value_len = 2},
                          first = {.next = &second, .name_len = 1, .value_len = 0};

    (void)state;
    assert_int_equal(sc_erofs_xattrs_size(NULL), 0);
    assert_int_equal(sc_erofs_xattrs_size(&second), 12 + 12);
    assert_int_equal(sc_erofs_xattrs_size(&first), 12 + 8 + 12);
}

/* A tree with an image nobody reads. */
static void
open_tree(struct fixture *fixture, struct sc_erofs *image)
{
    int fd = openat(fixture->dir_fd, "erofs", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(sc_erofs_init(image, fd, &sc_limits_default, &fixture->err), 0);
}

static void
enter_link(struct fixture *fixture, struct sc_erofs *image, struct sc_erofs_dir *dir, const char *name,
           const char *target)
{
    static const struct sc_layer_attrs attrs = {.mode = 0777};
    struct sc_erofs_node *node;

    assert_int_equal(sc_erofs_special(image, S_IFLNK | 0777, 0, target, &attrs, &node, &fixture->err), 0);
    assert_int_equal(sc_erofs_enter(image, dir, name, node, &fixture->err), 0);
}

static void
test_paths(void **state)
{
    struct fixture *fixture = *state;
    __attribute__((cleanup(sc_erofs_release))) struct sc_erofs image = {.fd = -1};
    struct sc_erofs_dir *deep, *found;
    static const struct {
        const char *name, *target, *why;
    } bad[] = {
        {"abs", "/a", "leads out of the layer"},
        {"up", "a/../../x", "leads out of the layer"},
        {"loop", "loop", "loop of symbolic links"},
        {"none", "nothing", "no directory"},
    };
    char path[PATH_MAX];

    open_tree(fixture, &image);
    assert_int_equal(sc_erofs_walk(&image, "a/b/c", true, &deep, &fixture->err), 0);
    assert_true(deep->attrs.is_implicit);
    assert_true(sc_erofs_path(deep, path));
    assert_string_equal(path, "a/b/c");
    enter_link(fixture, &image, deep, "home", "../../..");
    enter_link(fixture, &image, image.top, "l", "./a//b/");
    assert_int_equal(sc_erofs_walk(&image, "l/c/home/a/b/c", false, &found, &fixture->err), 0);
    assert_ptr_equal(found, deep);
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        struct sc_err err = SC_ERR_INIT;

        enter_link(fixture, &image, image.top, bad[i].name, bad[i].target);
        assert_int_equal(sc_erofs_walk(&image, bad[i].name, true, &found, &err), -1);
        assert_int_equal(err.kind, SC_ERR_INVALID);
        assert_non_null(strstr(err.msg, bad[i].why));
    }
}

static void
test_what_is_removed_is_gone(void **state)
{
    struct fixture *fixture = *state;
    __attribute__((cleanup(sc_erofs_release))) struct sc_erofs image = {.fd = -1};
    struct sc_erofs_dir *dir, *again;
    struct sc_err err = SC_ERR_INIT;

    open_tree(fixture, &image);
    assert_int_equal(sc_erofs_walk(&image, "a/b", true, &dir, &fixture->err), 0);
    enter_link(fixture, &image, dir, "x", "y");
    sc_erofs_remove(sc_erofs_lookup(&image, image.top, "a", 1));
    assert_int_equal(sc_erofs_walk(&image, "a/b", false, &again, &err), -1);
    assert_int_equal(err.kind, SC_ERR_NOT_FOUND);
    assert_int_equal(sc_erofs_walk(&image, "a/b", true, &again, &fixture->err), 0);
    assert_ptr_not_equal(again, dir);
    assert_null(sc_erofs_lookup(&image, again, "x", 1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_attributes_are_counted),
        FIXTURE_TEST(test_paths),
        FIXTURE_TEST(test_what_is_removed_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
