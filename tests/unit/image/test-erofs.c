/* The encoder of EROFS images: where things go, and the tree in memory. That the kernel reads it as it should is shown
 * by tests/integration/erofs.bats. */
#include "image/erofs-priv.h"
#include "store-fixture.h"

static void
test_places(void **state)
{
    (void)state;
    /* on the next slot */
    assert_int_equal(sc_erofs_place(4097, 64, 0, 4096), 4128);
    /* an inode does not cross a block */
    assert_int_equal(sc_erofs_place(8192 - 32, 64, 0, 4096), 8192);
    assert_int_equal(sc_erofs_place(8192 - 64, 64, 0, 4096), 8192 - 64);
    /* nor does a tail; but attributes may */
    assert_int_equal(sc_erofs_place(4096, 64, 4032, 4096), 4096);
    assert_int_equal(sc_erofs_place(4128, 64, 4032, 4096), 8192);
    assert_int_equal(sc_erofs_place(4128, 5000, 100, 4096), 4128);
    /* a tail that begins on a block */
    assert_int_equal(sc_erofs_place(8192 - 64, 64, 4096, 4096), 8192 - 64);
    /* blocks of an index */
    assert_int_equal(sc_erofs_place(1024 - 64, 64, 0, 512), 1024 - 64);
    assert_int_equal(sc_erofs_place(1024 - 32, 64, 0, 512), 1024);
    assert_int_equal(sc_erofs_place(1056, 64, 448, 512), 1536);
    assert_true(sc_erofs_tail_fits(64, 448, 512));
    assert_false(sc_erofs_tail_fits(64, 449, 512));
    assert_true(sc_erofs_tail_fits(64, 4032, 4096));
    assert_false(sc_erofs_tail_fits(64, 4033, 4096));
    assert_true(sc_erofs_tail_fits(4096, 4096, 4096));
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
    assert_int_equal(sc_erofs_init(image, fd, false, &sc_limits_default, &fixture->err), 0);
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

/* ---- an index ------------------------------------------------------------------------------------------------- */

static uint32_t
number(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* A layer of these items as an index, unpacked here; its head. */
static int
make_index(struct fixture *fixture, const struct sc_buf *tar, unsigned char head[SC_EROFS_HEAD], struct sc_err *err)
{
    static const char digest[] = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    __attribute__((cleanup(sc_layer_unpack_release))) struct sc_unpack unpack = {.root_fd = -1, .cached_fd = -1};
    sc_cleanup_fd tar_fd = openat(fixture->dir_fd, "tar", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    sc_cleanup_fd read_fd = -1;
    int fd = openat(fixture->dir_fd, "index", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    read_fd = openat(fixture->dir_fd, "index", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && read_fd >= 0 && tar_fd >= 0);
    assert_int_equal(sc_io_write_all(tar_fd, tar->data, tar->len, &fixture->err), 0);
    assert_int_equal(sc_layer_unpack_init_erofs(&unpack, fd, true, &sc_limits_default, &fixture->err), 0);
    if (sc_layer_index(tar_fd, NULL, &unpack, err) < 0)
        return -1;
    assert_int_equal(sc_layer_unpack_finish(&unpack, digest, &fixture->err), 0);
    assert_int_equal(pread(read_fd, head, SC_EROFS_HEAD, 0), SC_EROFS_HEAD);
    return 0;
}

static void
test_an_index_names_blocks_of_the_tar(void **state)
{
    static const struct tar_item items[] = {
        {.name = "first", .data = "one"}, {.name = "second", .data = "two"}, {.name = NULL}};
    struct fixture *fixture = *state;
    sc_cleanup_buf tar = SC_BUF_INIT;
    unsigned char head[SC_EROFS_HEAD], block[SC_EROFS_INDEX];
    sc_cleanup_fd fd = -1;
    const unsigned char *super = head + SC_EROFS_SUPER_AT, *slot;

    tar_build(&tar, items);
    assert_int_equal(make_index(fixture, &tar, head, &fixture->err), 0);
    assert_int_equal(super[12], 9);
    assert_int_equal(number(super + 80), 8); /* a table of devices, .. */
    assert_int_equal(super[86], 1);          /* .. which has one, .. */
    slot = head + 128 * (size_t)super[88];   /* .. here */
    assert_memory_equal(slot, "0123456789abcdef", 16);
    assert_int_equal(number(slot + 64), tar.len / 512);
    assert_int_equal(number(slot + 68), SC_EROFS_TAR_AT);
    /* the first inode behind the head: its size, and the block behind the first head of the tar */
    fd = openat(fixture->dir_fd, "index", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, block, sizeof(block), SC_EROFS_HEAD), sizeof(block));
    assert_int_equal(number(block + 8), 3);
    assert_int_equal(number(block + 16), SC_EROFS_TAR_AT + 1);
    assert_int_equal(number(block + 64 + 16), SC_EROFS_TAR_AT + 3);
}

/* Whatever is cut off of a tar, an index of it is refused as the tar itself is. */
static void
test_an_index_of_half_a_tar(void **state)
{
    static const struct tar_item items[] = {
        {.name = "first", .data = "one"}, {.name = "second", .data = "two"}, {.name = NULL}};
    struct fixture *fixture = *state;
    sc_cleanup_buf tar = SC_BUF_INIT;
    unsigned char head[SC_EROFS_HEAD];

    tar_build(&tar, items);
    for (size_t len = 2047; len > 512; len -= 511) {
        struct sc_err err = SC_ERR_INIT;

        tar.len = len;
        if (len == 1025) /* between two entries: the end, to any tar */
            continue;
        assert_int_equal(make_index(fixture, &tar, head, &err), -1);
        assert_non_null(strstr(err.msg, "runcated"));
    }
}

static void
test_where_a_file_is_in_one_piece(void **state)
{
    static const struct tar_item items[] = {
        {.name = "a", .data = "content"}, {.name = "dir", .type = '5'}, {.name = NULL}};
    struct fixture *fixture = *state;
    struct sc_tar_guard guard = {.skip = 0};
    struct sc_tar_heads *heads;
    sc_cleanup_buf tar = SC_BUF_INIT;
    sc_cleanup_fd fd = openat(fixture->dir_fd, "tar", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const void *data;

    tar_build(&tar, items);
    assert_int_equal(sc_io_write_all(fd, tar.data, tar.len, &fixture->err), 0);
    assert_int_equal(sc_tar_heads_open(fd, NULL, &heads, &fixture->err), 0);
    assert_int_equal(sc_tar_heads_next(heads, &guard, &data, &fixture->err), tar.len < 4096 ? tar.len : 4096);
    assert_int_equal(sc_tar_heads_is_whole(heads, 512, 7, &fixture->err), 1);
    assert_int_equal(sc_tar_heads_is_whole(heads, 512, 8, &fixture->err), 0);  /* the head says another size */
    assert_int_equal(sc_tar_heads_is_whole(heads, 1024, 7, &fixture->err), 0); /* what is before it is no head */
    assert_int_equal(sc_tar_heads_is_whole(heads, 513, 7, &fixture->err), 0);
    assert_int_equal(sc_tar_heads_is_whole(heads, 512, 0, &fixture->err), 0);
    assert_int_equal(sc_tar_heads_is_whole(heads, 512, UINT64_MAX, &fixture->err), 0);
    assert_int_equal(ftruncate(fd, 1023), 0);
    assert_int_equal(sc_tar_heads_is_whole(heads, 512, 7, &fixture->err), 0);
    free(heads);
    /* jumped over are whole blocks; a guard that expected a head there sees nothing from then on */
    assert_int_equal(sc_tar_heads_open(fd, NULL, &heads, &fixture->err), 0);
    guard = (struct sc_tar_guard){.skip = 1024};
    assert_int_equal(sc_tar_heads_skip(heads, &guard, 700), 512);
    assert_int_equal(sc_tar_heads_at(heads), 512);
    assert_int_equal(guard.skip, 512);
    assert_int_equal(sc_tar_heads_skip(heads, &guard, 1024), 1024);
    assert_true(guard.is_over);
    free(heads);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_attributes_are_counted),
        FIXTURE_TEST(test_paths),
        FIXTURE_TEST(test_what_is_removed_is_gone),
        FIXTURE_TEST(test_an_index_names_blocks_of_the_tar),
        FIXTURE_TEST(test_an_index_of_half_a_tar),
        FIXTURE_TEST(test_where_a_file_is_in_one_piece),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
