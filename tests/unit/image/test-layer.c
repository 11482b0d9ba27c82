/* Unpacking layers: what is kept, and what overlay is told. */
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "layer-fixture.h"

static const char *
opaque_name(void)
{
    return geteuid() == 0 ? "trusted.overlay.opaque" : "user.overlay.opaque";
}

static bool
is_opaque(int fd, const char *path)
{
    sc_cleanup_fd dir = openat(fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char value[4];

    assert_true(dir >= 0);
    return fgetxattr(dir, opaque_name(), value, sizeof(value)) == 1 && value[0] == 'y';
}

static void
test_everything_is_kept(void **state)
{
    static const struct tar_item items[] = {
        {.name = "./", .type = '5', .mode = 0751, .mtime = 7},
        {.name = "./etc/", .type = '5', .mode = 0500, .mtime = 1000},
        {.name = "./etc/passwd",
         .data = "root",
         .mode = 0640,
         .uid = 1,
         .gid = 2,
         .mtime = 1234567890,
         .pax = "mtime=1234567890.123456789\nSCHILY.xattr.user.note=hello\n"},
        {.name = "./etc/link", .type = '2', .link = "/absolute/../is data", .mtime = 99},
        {.name = "./etc/hard", .type = '1', .link = "./etc/passwd"},
        {.name = "bin/su", .data = "x", .mode = 04755},
        {.name = "bin/fifo", .type = '6', .mode = 0622},
        {.name = "tmp", .type = '5', .mode = 01777},
        {.name = "empty"},
        {NULL},
    };
    struct fixture *fixture = *state;
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd fd = unpack(fixture, items, NULL, &err);
    sc_cleanup_fd file = -1;
    char text[64];
    struct stat st;

    assert_string_equal(err.msg, "");
    st = look(fd, ".");
    assert_int_equal(st.st_mode & 07777, 0751);
    assert_int_equal(st.st_mtim.tv_sec, 7);
    st = look(fd, "etc");
    assert_int_equal(st.st_mode & 07777, 0500);
    assert_int_equal(st.st_mtim.tv_sec, 1000);
    st = look(fd, "etc/passwd");
    assert_int_equal(st.st_mode, S_IFREG | 0640);
    assert_int_equal(st.st_mtim.tv_nsec, 123456789);
    assert_int_equal(st.st_nlink, 2);
    if (geteuid() == 0) {
        assert_int_equal(st.st_uid, 1);
        assert_int_equal(st.st_gid, 2);
    }
    assert_int_equal(look(fd, "etc/hard").st_ino, st.st_ino);
    file = openat(fd, "etc/passwd", O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(file, text, sizeof(text)), 4);
    assert_int_equal(fgetxattr(file, "user.note", text, sizeof(text)), 5);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(readlinkat(fd, "etc/link", text, sizeof(text)), 20);
    assert_memory_equal(text, "/absolute/../is data", 20);
    assert_int_equal(look(fd, "etc/link").st_mtim.tv_sec, 99);
    assert_int_equal(look(fd, "bin").st_mode, S_IFDIR | 0755);
    assert_int_equal(look(fd, "bin/su").st_mode, S_IFREG | 04755);
    assert_int_equal(look(fd, "bin/fifo").st_mode, S_IFIFO | 0622);
    assert_int_equal(look(fd, "tmp").st_mode, S_IFDIR | 01777);
    assert_int_equal(look(fd, "empty").st_size, 0);
}

static void
test_names_are_bytes(void **state)
{
    /* Not UTF-8, UTF-8, and a decomposed letter, which must not be composed. */
    static const struct tar_item items[] = {
        {.name = "\xff\xfe"},
        {.name = "p", .pax = "path=d\xc3\xa9j\xc3\xa0\n"},
        {.name = "p", .pax = "path=e\xcc\x81\n"},
        {.name = "l", .type = '2', .link = "x", .pax = "linkpath=\xe6\xbc\xa2\n"},
        {NULL},
    };
    struct fixture *fixture = *state;
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd fd = unpack(fixture, items, NULL, &err);
    char text[8];

    assert_string_equal(err.msg, "");
    (void)look(fd, "\xff\xfe");
    (void)look(fd, "d\xc3\xa9j\xc3\xa0");
    (void)look(fd, "e\xcc\x81");
    assert_int_equal(readlinkat(fd, "l", text, sizeof(text)), 3);
    assert_memory_equal(text, "\xe6\xbc\xa2", 3);
}

static void
test_devices(void **state)
{
    static const struct tar_item items[] = {
        {.name = "dev/null", .type = '3', .mode = 0666, .major = 1, .minor = 3},
        {.name = "dev/sda", .type = '4', .mode = 0660, .major = 8},
        {NULL},
    };
    struct fixture *fixture = *state;
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd fd = unpack(fixture, items, NULL, &err);
    struct stat st;

    assert_string_equal(err.msg, "");
    if (geteuid() != 0) { /* without privilege they are left out */
        assert_int_equal(fstatat(fd, "dev/null", &st, 0), -1);
        return;
    }
    assert_int_equal(look(fd, "dev/null").st_mode, S_IFCHR | 0666);
    assert_int_equal(look(fd, "dev/null").st_rdev, makedev(1, 3));
    assert_int_equal(look(fd, "dev/sda").st_mode, S_IFBLK | 0660);
}

static void
test_whiteouts(void **state)
{
    static const struct tar_item items[] = {
        {.name = "gone/.wh.file"},
        {.name = "replaced"},
        {.name = ".wh.replaced"}, /* of the layers below: ours stays */
        {.name = ".wh.before"},
        {.name = "before"},
        {.name = ".wh.dir"},
        {.name = "dir/", .type = '5', .mode = 0700},
        {.name = "later/", .type = '5', .mode = 0700},
        {.name = ".wh.later"},
        {.name = ".wh.implicit"},
        {.name = "implicit/file"},
        {.name = "opaque/.wh..wh..opq"},
        {.name = "opaque/file"},
        {NULL},
    };
    struct fixture *fixture = *state;
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd fd = unpack(fixture, items, NULL, &err);
    struct stat st;

    assert_string_equal(err.msg, "");
    st = look(fd, "gone/file");
    assert_true(sc_layer_is_whiteout(&st));
    assert_true(S_ISREG(look(fd, "replaced").st_mode));
    assert_true(S_ISREG(look(fd, "before").st_mode));
    assert_true(is_opaque(fd, "dir"));
    assert_true(is_opaque(fd, "later"));
    assert_true(is_opaque(fd, "implicit"));
    assert_true(is_opaque(fd, "opaque"));
    assert_false(is_opaque(fd, "gone"));
    assert_true(S_ISREG(look(fd, "opaque/file").st_mode));
    assert_int_equal(fstatat(fd, ".wh.before", &st, 0), -1);
}

static void
test_later_entries_replace(void **state)
{
    static const struct tar_item items[] = {
        {.name = "a", .data = "old"},
        {.name = "a", .data = "newer"},
        {.name = "d/", .type = '5', .mode = 0700},
        {.name = "d/x/y", .data = "deep"},
        {.name = "d", .data = "now a file"},
        {.name = "l", .type = '2', .link = "a"},
        {.name = "l", .data = "not through the link"},
        {.name = "s/", .type = '5', .mode = 0700},
        {.name = "s/", .type = '5', .mode = 0711, .mtime = 5},
        {.name = "h", .data = "1"},
        {.name = "h2", .type = '1', .link = "h"},
        {.name = "h2", .type = '1', .link = "h2"},
        {NULL},
    };
    struct fixture *fixture = *state;
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd fd = unpack(fixture, items, NULL, &err);

    assert_string_equal(err.msg, "");
    assert_int_equal(look(fd, "a").st_size, 5);
    assert_int_equal(look(fd, "d").st_size, 10);
    assert_int_equal(look(fd, "l").st_size, 20);
    assert_int_equal(look(fd, "s").st_mode & 07777, 0711);
    assert_int_equal(look(fd, "s").st_mtim.tv_sec, 5);
    assert_int_equal(look(fd, "h2").st_nlink, 2);
}

static void
test_links_inside_are_followed(void **state)
{
    static const struct tar_item items[] = {
        {.name = "usr/lib/", .type = '5', .mode = 0755},
        {.name = "lib", .type = '2', .link = "usr/lib"},
        {.name = "usr/up", .type = '2', .link = "../usr/lib"},
        {.name = "lib/one", .data = "1"},
        {.name = "usr/up/two", .data = "22"},
        {NULL},
    };
    struct fixture *fixture = *state;
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd fd = unpack(fixture, items, NULL, &err);

    assert_string_equal(err.msg, "");
    assert_int_equal(look(fd, "usr/lib/one").st_size, 1);
    assert_int_equal(look(fd, "usr/lib/two").st_size, 2);
    assert_true(S_ISLNK(look(fd, "lib").st_mode));
}

static void
test_sparse(void **state)
{
    /* GNU's sparse format 0.1: a map of offset and length, then only the data. */
    static const struct tar_item items[] = {
        {.name = "p",
         .data = "tail",
         .pax = "GNU.sparse.major=0\nGNU.sparse.minor=1\nGNU.sparse.name=hole\n"
                "GNU.sparse.size=1048580\nGNU.sparse.numblocks=1\nGNU.sparse.map=1048576,4\n"},
        {NULL},
    };
    struct fixture *fixture = *state;
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd fd = unpack(fixture, items, NULL, &err);
    sc_cleanup_fd file = -1;
    char text[4];

    assert_string_equal(err.msg, "");
    assert_int_equal(look(fd, "hole").st_size, 1048580);
    assert_true(look(fd, "hole").st_blocks < 1048576 / 512);
    file = openat(fd, "hole", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(file, text, 4, 1048576), 4);
    assert_memory_equal(text, "tail", 4);
}

/* A parent that only a layer below lists keeps that layer's attributes. */
static void
test_implicit_parents(void **state)
{
    static const struct tar_item lower[] = {
        {.name = "secret/", .type = '5', .mode = 0710, .uid = 3, .gid = 4, .mtime = 77}, {NULL}};
    static const struct tar_item upper[] = {{.name = "secret/file", .data = "x"}, {.name = "fresh/file"}, {NULL}};
    struct fixture *fixture = *state;
    struct sc_store_layer layers[] = {fixture_layer(fixture, lower), fixture_layer(fixture, upper)};
    sc_cleanup_fd fd = -1;
    struct sc_image image;
    struct sc_err err;
    struct stat st;

    (void)fixture_image(fixture, layers, 2, "", "docker.io/library/x:latest");
    assert_ok(sc_image_find(&fixture->store, "x", &fixture->arena, &image, &err));
    fd = fixture_open_diff(fixture, image.chain_ids.items[1]);
    st = look(fd, "secret");
    assert_int_equal(st.st_mode & 07777, 0710);
    assert_int_equal(st.st_mtim.tv_sec, 77);
    if (geteuid() == 0)
        assert_int_equal(st.st_uid, 3);
    assert_int_equal(look(fd, "fresh").st_mode & 07777, 0755);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_everything_is_kept),
        FIXTURE_TEST(test_names_are_bytes),
        FIXTURE_TEST(test_devices),
        FIXTURE_TEST(test_whiteouts),
        FIXTURE_TEST(test_later_entries_replace),
        FIXTURE_TEST(test_links_inside_are_followed),
        FIXTURE_TEST(test_sparse),
        FIXTURE_TEST(test_implicit_parents),
    };

    return RUN_TESTS(tests);
}
