/* The tar stream: libarchive reads back what was written, and the same entries give the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>

#include "image/tar-write-priv.h"

struct sink {
    struct sc_buf bytes;
    size_t writes, fail_at; /* the write that fails, from 1; 0: none */
};

static int
sink_write(void *data, const void *bytes, size_t len, struct sc_err *err)
{
    struct sink *sink = data;

    if (++sink->writes == sink->fail_at)
        return sc_err_errno(err, 28, "write");
    sc_buf_add(&sink->bytes, bytes, len);
    return 0;
}

static void
sink_release(struct sink *sink)
{
    sc_buf_release(&sink->bytes);
}
#define sink_cleanup __attribute__((cleanup(sink_release))) struct sink

#define LETTERS_50 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwx"
#define NAME_100   LETTERS_50 LETTERS_50

static const char capability[] = "\1\0\0\2\0 \0\0\0\0\0\0\0\0\0\0\0\0\0"; /* 20 bytes with the final NUL */
_Static_assert(sizeof(capability) == 20, "struct vfs_cap_data");

static const struct sc_tar_entry entries[] = {
    {.path = "bin", .type = SC_TAR_SYMLINK, .mode = 0777, .link = "usr/bin"},
    {.path = "tmp", .type = SC_TAR_DIR, .mode = 01777},
    {.path = "usr/bin/su", .type = SC_TAR_FILE, .mode = 04755, .size = 5},
    {.path = "usr/bin/ping",
     .type = SC_TAR_FILE,
     .mode = 0755,
     .size = 5,
     .capability = capability,
     .capability_len = 20},
    {.path = "usr/bin/again", .type = SC_TAR_HARD_LINK, .mode = 04755, .size = 5, .link = "usr/bin/su"},
    {.path = "empty", .type = SC_TAR_FILE, .mode = 0644},
    {.path = NAME_100, .type = SC_TAR_FILE, .mode = 0600, .size = 5},
    {.path = NAME_100 "x", .type = SC_TAR_FILE, .mode = 0600, .size = 5},
    {.path = NAME_100 "/" NAME_100, .type = SC_TAR_FILE, .mode = 0600, .size = 5},
    {.path = NAME_100, .type = SC_TAR_DIR, .mode = 0755},
    {.path = NAME_100 LETTERS_50 "/x/" NAME_100 "/" NAME_100, .type = SC_TAR_FILE, .mode = 0600, .size = 5},
    {.path = "long-link", .type = SC_TAR_SYMLINK, .mode = 0777, .link = "/" NAME_100 "/y"},
    {.path = "link-100", .type = SC_TAR_SYMLINK, .mode = 0777, .link = NAME_100},
};

static int
write_all(struct sink *sink, struct sc_err *err)
{
    sc_cleanup_tar tar = SC_TAR_INIT;

    if (sc_tar_open(&tar, sink_write, sink, err) < 0)
        return -1;
    for (size_t i = 0; i < SC_ARRAY_LEN(entries); i++) {
        if (sc_tar_add(&tar, &entries[i], err) < 0)
            return -1;
        /* In two pieces, as a file is read. */
        if (entries[i].type == SC_TAR_FILE && entries[i].size > 0 &&
            (sc_tar_data(&tar, "he", 2, err) < 0 || sc_tar_data(&tar, "llo", 3, err) < 0))
            return -1;
    }
    return sc_tar_finish(&tar, err);
}

static void
check_entry(struct archive *archive, struct archive_entry *got, const struct sc_tar_entry *want)
{
    static const mode_t types[] = {
        [SC_TAR_FILE] = AE_IFREG, [SC_TAR_HARD_LINK] = 0, [SC_TAR_SYMLINK] = AE_IFLNK, [SC_TAR_DIR] = AE_IFDIR};
    size_t path_len = strlen(want->path);
    char content[16] = "";

    assert_memory_equal(archive_entry_pathname(got), want->path, path_len);
    assert_string_equal(archive_entry_pathname(got) + path_len, want->type == SC_TAR_DIR ? "/" : "");
    assert_int_equal(archive_entry_perm(got), want->mode);
    assert_int_equal(archive_entry_uid(got), 0);
    assert_int_equal(archive_entry_gid(got), 0);
    assert_int_equal(archive_entry_mtime(got), 0);
    assert_string_equal(archive_entry_uname(got), "");
    if (want->type == SC_TAR_HARD_LINK) {
        assert_string_equal(archive_entry_hardlink(got), want->link);
        return;
    }
    assert_int_equal(archive_entry_filetype(got), types[want->type]);
    if (want->type == SC_TAR_SYMLINK)
        assert_string_equal(archive_entry_symlink(got), want->link);
    if (want->type != SC_TAR_FILE)
        return;
    assert_int_equal(archive_entry_size(got), want->size);
    assert_int_equal(archive_read_data(archive, content, sizeof(content)), want->size);
    assert_string_equal(content, want->size == 0 ? "" : "hello");
}

static void
check_capability(struct archive_entry *got, const struct sc_tar_entry *want)
{
    const char *name;
    const void *value;
    size_t len;

    assert_int_equal(archive_entry_xattr_reset(got), want->capability == NULL ? 0 : 1);
    if (want->capability == NULL)
        return;
    assert_int_equal(archive_entry_xattr_next(got, &name, &value, &len), ARCHIVE_OK);
    assert_string_equal(name, "security.capability");
    assert_int_equal(len, want->capability_len);
    assert_memory_equal(value, want->capability, len);
}

static void
test_read_back(void **state)
{
    sink_cleanup sink = {.writes = 0};
    struct sc_err err = SC_ERR_INIT;
    struct archive *archive = archive_read_new();
    struct archive_entry *got;

    (void)state;
    assert_int_equal(write_all(&sink, &err), 0);
    assert_int_equal(sink.bytes.len % 512, 0);
    assert_non_null(archive);
    assert_int_equal(archive_read_support_format_tar(archive), ARCHIVE_OK);
    assert_int_equal(archive_read_open_memory(archive, sink.bytes.data, sink.bytes.len), ARCHIVE_OK);
    for (size_t i = 0; i < SC_ARRAY_LEN(entries); i++) {
        assert_int_equal(archive_read_next_header(archive, &got), ARCHIVE_OK);
        check_entry(archive, got, &entries[i]);
        check_capability(got, &entries[i]);
    }
    assert_int_equal(archive_read_next_header(archive, &got), ARCHIVE_EOF);
    assert_int_equal(archive_read_free(archive), ARCHIVE_OK);
}

static void
test_same_entries_same_bytes(void **state)
{
    sink_cleanup first = {.writes = 0}, second = {.writes = 0};
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_int_equal(write_all(&first, &err), 0);
    assert_int_equal(write_all(&second, &err), 0);
    assert_int_equal(first.bytes.len, second.bytes.len);
    assert_memory_equal(first.bytes.data, second.bytes.data, first.bytes.len);
}

static void
test_pax_only_where_needed(void **state)
{
    static const struct sc_tar_entry plain = {.path = "etc/passwd", .type = SC_TAR_FILE, .mode = 0644};
    sink_cleanup sink = {.writes = 0};
    sc_cleanup_tar tar = SC_TAR_INIT;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_int_equal(sc_tar_open(&tar, sink_write, &sink, &err), 0);
    assert_int_equal(sc_tar_add(&tar, &plain, &err), 0);
    assert_int_equal(sc_tar_finish(&tar, &err), 0);
    assert_int_equal(sink.bytes.len, 3 * 512); /* its header, and two blocks of zeros */
}

static void
test_large_file_has_a_pax_size(void **state)
{
    static const struct sc_tar_entry limit = {.path = "a", .size = UINT64_C(077777777777)};
    static const struct sc_tar_entry large = {.path = "b", .size = UINT64_C(077777777777) + 1};
    sink_cleanup sink = {.writes = 0};
    sc_cleanup_tar fits = SC_TAR_INIT, too_large = SC_TAR_INIT;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_int_equal(sc_tar_open(&fits, sink_write, &sink, &err), 0);
    assert_int_equal(sc_tar_add(&fits, &limit, &err), 0);
    assert_int_equal(fits.used, 512);
    assert_string_equal(fits.buffer + 124, "77777777777");
    assert_int_equal(sc_tar_open(&too_large, sink_write, &sink, &err), 0);
    assert_int_equal(sc_tar_add(&too_large, &large, &err), 0);
    assert_int_equal(too_large.used, 3 * 512);
    assert_memory_equal(too_large.buffer + 512, "19 size=8589934592\n", 19);
}

static void
test_content_must_match_its_size(void **state)
{
    static const struct sc_tar_entry file = {.path = "f", .type = SC_TAR_FILE, .size = 3};
    sink_cleanup sink = {.writes = 0};
    sc_cleanup_tar tar = SC_TAR_INIT;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_int_equal(sc_tar_open(&tar, sink_write, &sink, &err), 0);
    assert_int_equal(sc_tar_add(&tar, &file, &err), 0);
    assert_int_equal(sc_tar_data(&tar, "four", 4, &err), -1);
    assert_int_equal(err.kind, SC_ERR_INTERNAL);
    assert_int_equal(sc_tar_data(&tar, "ab", 2, &err), 0);
    sc_err_clear(&err);
    assert_int_equal(sc_tar_add(&tar, &file, &err), -1);
    assert_int_equal(err.kind, SC_ERR_INTERNAL);
    sc_err_clear(&err);
    assert_int_equal(sc_tar_finish(&tar, &err), -1);
    assert_int_equal(err.kind, SC_ERR_INTERNAL);
    assert_int_equal(sc_tar_data(&tar, "c", 1, &err), 0);
    assert_int_equal(sc_tar_finish(&tar, &err), 0);
}

static void
test_a_failed_write_is_reported(void **state)
{
    static const struct sc_tar_entry file = {.path = "f", .type = SC_TAR_FILE, .size = 3 * SC_TAR_BUFFER};
    static const char content[3 * SC_TAR_BUFFER];

    (void)state;
    /* The header, the content that is larger than the buffer, the end: three writes. */
    for (size_t fail_at = 1; fail_at <= 3; fail_at++) {
        sink_cleanup sink = {.fail_at = fail_at};
        sc_cleanup_tar tar = SC_TAR_INIT;
        struct sc_err err = SC_ERR_INIT;
        assert_int_equal(sc_tar_open(&tar, sink_write, &sink, &err), 0);
        assert_int_equal(sc_tar_add(&tar, &file, &err), 0);
        if (sc_tar_data(&tar, content, sizeof(content), &err) == 0) {
            assert_int_equal(fail_at, 3);
            assert_int_equal(sc_tar_finish(&tar, &err), -1);
        }
        assert_int_equal(sink.writes, fail_at);
        assert_int_equal(err.errnum, 28);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_back),
        cmocka_unit_test(test_same_entries_same_bytes),
        cmocka_unit_test(test_pax_only_where_needed),
        cmocka_unit_test(test_large_file_has_a_pax_size),
        cmocka_unit_test(test_content_must_match_its_size),
        cmocka_unit_test(test_a_failed_write_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
