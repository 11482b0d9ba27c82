/* Unpacking layers: what is kept, what overlay is told, and what is refused. */
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "store-fixture.h"

/* Unpacks a layer of these items over nothing; the fd of the directory, or -1. */
static int
unpack(struct fixture *fixture, const struct tar_item *items, const struct sc_limits *limits, struct sc_err *err)
{
    struct sc_store_layer layer = fixture_layer(fixture, items);
    int fd;

    assert_int_equal(sc_tree_remove_at(fixture->dir_fd, "out", err), 0);
    assert_int_equal(mkdirat(fixture->dir_fd, "out", 0700), 0);
    fd = openat(fixture->dir_fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    if (sc_layer_unpack_within(&fixture->store, layer.digest, layer.diff_id, fd, limits ? limits : &sc_limits_default,
                               err) < 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static struct stat
look(int fd, const char *path)
{
    struct stat st;

    if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        fail_msg("%s: %s", path, strerror(errno));
    return st;
}

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

/* ---- hostile ------------------------------------------------------------------------ */

struct hostile {
    struct tar_item items[5];
    const char *message; /* after "unpack layer sha256:...: " */
};

static void
refuse(struct fixture *fixture, const struct hostile *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sc_err err = SC_ERR_INIT;

        assert_int_equal(unpack(fixture, cases[i].items, NULL, &err), -1);
        assert_true(sc_str_starts(err.msg, "unpack layer sha256:"));
        assert_string_equal(strchr(strchr(err.msg, ':') + 1, ':') + 2, cases[i].message);
        assert_int_equal(err.kind, SC_ERR_INVALID);
    }
}

static void
test_hostile_names(void **state)
{
    static const struct hostile cases[] = {
        {{{.name = "../evil"}}, "entry \"../evil\": its name has \"..\""},
        {{{.name = "a/../../evil"}}, "entry \"a/../../evil\": its name has \"..\""},
        {{{.name = "/etc/passwd"}}, "entry \"/etc/passwd\": its name is absolute"},
        {{{.name = "p", .pax = "path=/etc/passwd\n"}}, "entry \"/etc/passwd\": its name is absolute"},
        {{{.name = ".", .data = "x"}}, "entry \".\": it would replace the layer's top directory"},
        {{{.name = "./", .type = '2', .link = "/"}}, "entry \"./\": it would replace the layer's top directory"},
        {{{.name = ".", .type = '1', .link = "x"}}, "entry \".\": it would replace the layer's top directory"},
        {{{.name = ".wh..wh.plnk"}}, "entry \".wh..wh.plnk\": it is no whiteout that an OCI layer may have"},
        {{{.name = "a/.wh..."}}, "entry \"a/.wh...\": it is a whiteout of no name"},
        {{{.name = "a/.wh."}}, "entry \"a/.wh.\": it is a whiteout of no name"},
        {{{.name = ".wh.a/b"}}, "entry \".wh.a/b\": it is below a whiteout"},
        {{{.name = "whiteout", .type = '3'}},
         "entry \"whiteout\": it is a character device 0:0, which overlay would take for a whiteout"},
    };

    refuse(*state, cases, SC_ARRAY_LEN(cases));
}

static void
test_hostile_links(void **state)
{
    static const struct hostile cases[] = {
        {{{.name = "e", .type = '2', .link = "/etc"}, {.name = "e/passwd", .data = "x"}},
         "entry \"e/passwd\": directory \"e\" goes through a symbolic link that leads out of the layer"},
        {{{.name = "e", .type = '2', .link = "../../../etc"}, {.name = "e/passwd", .data = "x"}},
         "entry \"e/passwd\": directory \"e\" goes through a symbolic link that leads out of the layer"},
        {{{.name = "d/e", .type = '2', .link = "../.."}, {.name = "d/e/deeper/x", .data = "x"}},
         "entry \"d/e/deeper/x\": directory \"d/e/deeper\" goes through a symbolic link that leads out of the layer"},
        {{{.name = "a", .type = '2', .link = "b"},
          {.name = "b", .type = '2', .link = "/"},
          {.name = "a/x", .type = '5'}},
         "entry \"a/x\": directory \"a\" goes through a symbolic link that leads out of the layer"},
        {{{.name = "e", .type = '2', .link = "/proc/self/root"}, {.name = "e/x"}},
         "entry \"e/x\": directory \"e\" goes through a symbolic link that leads out of the layer"},
        {{{.name = "a", .type = '2', .link = "a"}, {.name = "a/x"}},
         "entry \"a/x\": directory \"a\" goes through a loop of symbolic links"},
        {{{.name = "a", .type = '2', .link = "nowhere"}, {.name = "a/x"}},
         "entry \"a/x\": directory \"a\" goes through what is no directory"},
        {{{.name = "f", .data = "x"}, {.name = "f/x"}},
         "entry \"f/x\": directory \"f\" goes through what is no directory"},
        {{{.name = "e", .type = '2', .link = "/etc"}, {.name = "e/.wh.passwd"}},
         "entry \"e/.wh.passwd\": directory \"e\" goes through a symbolic link that leads out of the layer"},
        {{{.name = "e", .type = '2', .link = "/etc"}, {.name = "e/.wh..wh..opq"}},
         "entry \"e/.wh..wh..opq\": directory \"e\" goes through a symbolic link that leads out of the layer"},
        {{{.name = "h", .type = '1', .link = "/etc/passwd"}},
         "entry \"h\": it is a hard link: entry \"/etc/passwd\": its name is absolute"},
        {{{.name = "h", .type = '1', .link = "../../etc/passwd"}},
         "entry \"h\": it is a hard link: entry \"../../etc/passwd\": its name has \"..\""},
        {{{.name = "e", .type = '2', .link = "/etc"}, {.name = "h", .type = '1', .link = "e/passwd"}},
         "entry \"h\": it is a hard link to \"e/passwd\": directory \"e\" goes through a symbolic link that leads out "
         "of "
         "the layer"},
        {{{.name = "h", .type = '1', .link = "missing"}},
         "entry \"h\": it is a hard link to \"missing\", which is no file of this layer before it"},
        {{{.name = "d/", .type = '5'}, {.name = "h", .type = '1', .link = "d"}},
         "entry \"h\": it is a hard link to \"d\", which is no file of this layer before it"},
        {{{.name = ".wh.w"}, {.name = "h", .type = '1', .link = "w"}},
         "entry \"h\": it is a hard link to \"w\", which is no file of this layer before it"},
        {{{.name = "h", .type = '1', .link = "."}}, "entry \"h\": it is a hard link to \".\", which is no file"},
    };

    refuse(*state, cases, SC_ARRAY_LEN(cases));
}

static void
test_hostile_attributes(void **state)
{
    static const struct hostile cases[] = {
        {{{.name = "d", .type = '5', .pax = "SCHILY.xattr.trusted.overlay.redirect=/etc\n"}},
         "entry \"d\": it has the attribute \"trusted.overlay.redirect\", which only overlay itself may set"},
        {{{.name = "f", .data = "x", .pax = "SCHILY.xattr.user.overlay.opaque=y\n"}},
         "entry \"f\": it has the attribute \"user.overlay.opaque\", which only overlay itself may set"},
        {{{.name = "l", .type = '2', .link = "x", .pax = "SCHILY.xattr.trusted.overlay.metacopy=\n"}},
         "entry \"l\": it has the attribute \"trusted.overlay.metacopy\", which only overlay itself may set"},
        {{{.name = "f", .data = "x", .pax = "uid=4294967295\n"}}, "entry \"f\": its owner is out of range"},
        {{{.name = "f", .data = "x", .pax = "gid=99999999999\n"}}, "entry \"f\": its owner is out of range"},
    };

    refuse(*state, cases, SC_ARRAY_LEN(cases));
}

/* What a hostile layer aims at is beside it; after every attack it is as it was. */
static void
test_outside_is_untouched(void **state)
{
    static const struct tar_item items[] = {
        {.name = "up", .type = '2', .link = ".."},
        {.name = "up/victim", .data = "overwritten", .mode = 0777},
        {NULL},
    };
    struct fixture *fixture = *state;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    fixture_write(fixture, "victim", "safe", 4);
    assert_int_equal(unpack(fixture, items, NULL, &err), -1);
    assert_non_null(strstr(err.msg, "leads out of the layer"));
    assert_ok(sc_file_read_at(fixture->dir_fd, "victim", 100, &text, &err));
    assert_string_equal(text.data, "safe");
}

static void
test_limits(void **state)
{
    static const struct tar_item many[] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {NULL}};
    static const struct tar_item dirs[] = {
        {.name = "aaaaaaaaaaaa/", .type = '5'}, {.name = "bbbbbbbbbbbb/", .type = '5'}, {NULL}};
    static const struct tar_item attrs[] = {{.name = "a", .pax = "SCHILY.xattr.user.a=0123456789\n"}, {NULL}};
    struct sc_limits limits = sc_limits_default;
    struct fixture *fixture = *state;
    struct sc_err err = SC_ERR_INIT;

    limits.entries = 2;
    assert_int_equal(unpack(fixture, many, &limits, &err), -1);
    assert_non_null(strstr(err.msg, "the archive has more than 2 entries"));
    limits = sc_limits_default;
    limits.name_bytes = 20;
    assert_int_equal(unpack(fixture, dirs, &limits, &err), -1);
    assert_non_null(strstr(err.msg, "the names of its directories take more than 20 bytes"));
    limits = sc_limits_default;
    limits.xattr_bytes = 10;
    assert_int_equal(unpack(fixture, attrs, &limits, &err), -1);
    assert_non_null(strstr(err.msg, "its extended attributes take more than 10 bytes"));
}

/* A blob compressed by libarchive. */
static char *
compressed_blob(struct fixture *fixture, const struct sc_buf *tar, int (*filter)(struct archive *), size_t cut)
{
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    char *out = malloc(tar->len + 65536), *digest = NULL;
    struct sc_err err;
    size_t used = 0;

    assert_int_equal(filter(archive), ARCHIVE_OK);
    assert_int_equal(archive_write_set_format_raw(archive), ARCHIVE_OK);
    (void)archive_write_set_bytes_in_last_block(archive, 1);
    assert_int_equal(archive_write_open_memory(archive, out, tar->len + 65536, &used), ARCHIVE_OK);
    archive_entry_set_filetype(entry, AE_IFREG);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(archive, tar->data, tar->len), tar->len);
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_entry_free(entry);
    (void)archive_write_free(archive);
    assert_ok(sc_blob_put(&fixture->store, out, used - cut, NULL, &fixture->arena, &digest, NULL, &err));
    free(out);
    return digest;
}

static int
unpack_blob(struct fixture *fixture, const char *digest, const char *diff_id, const struct sc_limits *limits,
            struct sc_err *err)
{
    sc_cleanup_fd fd = -1;

    assert_int_equal(sc_tree_remove_at(fixture->dir_fd, "out", err), 0);
    assert_int_equal(mkdirat(fixture->dir_fd, "out", 0700), 0);
    fd = openat(fixture->dir_fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *err = (struct sc_err)SC_ERR_INIT;
    return sc_layer_unpack_within(&fixture->store, digest, diff_id, fd, limits, err);
}

static void
test_compressions(void **state)
{
    static const struct tar_item items[] = {{.name = "a", .data = "content"}, {NULL}};
    static int (*const filters[])(struct archive *) = {archive_write_add_filter_gzip, archive_write_add_filter_zstd,
                                                       archive_write_add_filter_bzip2, archive_write_add_filter_xz,
                                                       archive_write_add_filter_none};
    struct fixture *fixture = *state;
    sc_cleanup_buf tar = SC_BUF_INIT;
    char diff_id[SC_DIGEST_LEN + 1];
    struct sc_err err = SC_ERR_INIT;

    tar_build(&tar, items);
    assert_ok(sc_hash_text(tar.data, tar.len, diff_id, &err));
    for (size_t i = 0; i < SC_ARRAY_LEN(filters); i++) {
        char *digest = compressed_blob(fixture, &tar, filters[i], 0);

        assert_ok(unpack_blob(fixture, digest, diff_id, &sc_limits_default, &err));
        assert_int_equal(look(fixture->dir_fd, "out/a").st_size, 7);
    }
}

/* gzip(1): a file may be several members, and what follows the last is passed over. A wrong checksum is not. */
static void
test_gzip_members(void **state)
{
    static const struct tar_item items[] = {{.name = "a", .data = "content"}, {NULL}};
    struct fixture *fixture = *state;
    sc_cleanup_buf tar = SC_BUF_INIT, text = SC_BUF_INIT, whole = SC_BUF_INIT;
    char diff_id[SC_DIGEST_LEN + 1], *digest;
    struct sc_err err = SC_ERR_INIT;

    tar_build(&tar, items);
    assert_ok(sc_hash_text(tar.data, tar.len, diff_id, &err));
    for (size_t part = 0; part < 2; part++) {
        struct sc_buf half = {.data = tar.data + part * 700, .len = part ? tar.len - 700 : 700};

        digest = compressed_blob(fixture, &half, archive_write_add_filter_gzip, 0);
        sc_buf_clear(&text);
        assert_ok(sc_store_read_blob(&fixture->store, digest, "half", &text, &err));
        sc_buf_add(&whole, text.data, text.len);
    }
    sc_buf_add(&whole, "\0\0\0", 3);
    assert_ok(sc_blob_put(&fixture->store, whole.data, whole.len, NULL, &fixture->arena, &digest, NULL, &err));
    assert_ok(unpack_blob(fixture, digest, diff_id, &sc_limits_default, &err));
    assert_int_equal(look(fixture->dir_fd, "out/a").st_size, 7);
    whole.data[whole.len - 3 - 8] ^= 1; /* of the last member's checksum */
    assert_ok(sc_blob_put(&fixture->store, whole.data, whole.len, NULL, &fixture->arena, &digest, NULL, &err));
    assert_int_equal(unpack_blob(fixture, digest, diff_id, &sc_limits_default, &err), -1);
    assert_non_null(strstr(err.msg, "the gzip checksum does not match"));
}

static void
test_truncated(void **state)
{
    static const struct tar_item items[] = {{.name = "a", .data = "content"}, {NULL}};
    struct fixture *fixture = *state;
    struct sc_store_layer whole = fixture_layer(fixture, items);
    sc_cleanup_buf tar = SC_BUF_INIT;
    struct sc_err err;
    char *digest;

    tar_build(&tar, items);
    digest = compressed_blob(fixture, &tar, archive_write_add_filter_gzip, 12);
    assert_int_equal(unpack_blob(fixture, digest, whole.diff_id, &sc_limits_default, &err), -1);
    assert_non_null(strstr(err.msg, "decompress: truncated gzip data"));
    assert_int_equal(err.kind, SC_ERR_INVALID);
    assert_ok(sc_blob_put(&fixture->store, tar.data, 514, NULL, &fixture->arena, &digest, NULL, &err));
    assert_int_equal(unpack_blob(fixture, digest, whole.diff_id, &sc_limits_default, &err), -1);
    assert_non_null(strstr(err.msg, "read as tar: Truncated"));
    /* Cut between entries, a tar still reads; its digest tells. */
    assert_ok(sc_blob_put(&fixture->store, tar.data, 1024, NULL, &fixture->arena, &digest, NULL, &err));
    assert_int_equal(unpack_blob(fixture, digest, whole.diff_id, &sc_limits_default, &err), -1);
    assert_non_null(strstr(err.msg, "the image says"));
    assert_ok(sc_blob_put(&fixture->store, "no tar at all", 13, NULL, &fixture->arena, &digest, NULL, &err));
    assert_int_equal(unpack_blob(fixture, digest, whole.diff_id, &sc_limits_default, &err), -1);
    assert_non_null(strstr(err.msg, "read as tar: "));
}

static void
test_wrong_diff_id(void **state)
{
    static const struct tar_item items[] = {{.name = "a"}, {NULL}}, others[] = {{.name = "b"}, {NULL}};
    struct fixture *fixture = *state;
    struct sc_store_layer one = fixture_layer(fixture, items), other = fixture_layer(fixture, others);
    struct sc_err err;
    char expected[400];

    (void)snprintf(expected, sizeof(expected), "unpack layer %s: its content is %s, the image says %s", one.digest,
                   one.digest, other.digest);
    assert_int_equal(unpack_blob(fixture, one.digest, other.digest, &sc_limits_default, &err), -1);
    assert_string_equal(err.msg, expected);
}

static void
test_bomb(void **state)
{
    static const char zeros[1024];
    struct sc_limits limits = sc_limits_default;
    struct fixture *fixture = *state;
    sc_cleanup_buf tar = SC_BUF_INIT;
    char diff_id[SC_DIGEST_LEN + 1];
    struct sc_err err;
    char *digest;

    for (int i = 0; i < 1024; i++)
        sc_buf_add(&tar, zeros, sizeof(zeros));
    assert_ok(sc_hash_text(tar.data, tar.len, diff_id, &err));
    digest = compressed_blob(fixture, &tar, archive_write_add_filter_gzip, 0);
    limits.ratio = 100;
    limits.ratio_from = 65536;
    assert_int_equal(unpack_blob(fixture, digest, diff_id, &limits, &err), -1);
    assert_non_null(strstr(err.msg, "the archive unpacks to more than 100 times its size"));
    assert_ok(unpack_blob(fixture, digest, diff_id, &sc_limits_default, &err));
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
        FIXTURE_TEST(test_hostile_names),
        FIXTURE_TEST(test_hostile_links),
        FIXTURE_TEST(test_hostile_attributes),
        FIXTURE_TEST(test_outside_is_untouched),
        FIXTURE_TEST(test_limits),
        FIXTURE_TEST(test_compressions),
        FIXTURE_TEST(test_gzip_members),
        FIXTURE_TEST(test_truncated),
        FIXTURE_TEST(test_wrong_diff_id),
        FIXTURE_TEST(test_bomb),
        FIXTURE_TEST(test_implicit_parents),
    };

    return RUN_TESTS(tests);
}
