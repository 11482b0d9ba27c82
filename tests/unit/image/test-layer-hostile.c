/* Unpacking layers: what is refused, and that nothing beside the layer is touched. */
#include "layer-fixture.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_hostile_names),
        FIXTURE_TEST(test_hostile_links),
        FIXTURE_TEST(test_hostile_attributes),
        FIXTURE_TEST(test_outside_is_untouched),
        FIXTURE_TEST(test_limits),
        FIXTURE_TEST(test_bomb),
    };

    return RUN_TESTS(tests);
}
