/* Unpacking layers: how their blobs are compressed, and blobs that are damaged or others than the image says. */
#include "layer-fixture.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_compressions),
        FIXTURE_TEST(test_gzip_members),
        FIXTURE_TEST(test_truncated),
        FIXTURE_TEST(test_wrong_diff_id),
    };

    return RUN_TESTS(tests);
}
