/* The tar around images: what is read of it, and what is refused. */
#include "test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image/tar-read-priv.h"
#include "tar-build.h"

static struct sc_tar_read
open_tar(const struct sc_buf *text)
{
    struct sc_stream *stream;
    struct sc_tar_read tar;
    struct sc_err err = SC_ERR_INIT;
    int fd = memfd_create("tar", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text->data ? text->data : "", text->len), text->len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_ok(sc_stream_open(NULL, fd, &sc_limits_default, &stream, &err));
    assert_ok(sc_tar_read_open(stream, 10, &tar, &err));
    return tar; /* the fd lives as long as the test */
}

static void
put(struct sc_buf *text, const char *name, char type, const char *link, const char *data, size_t len)
{
    const struct tar_item item = {.link = link};

    tar_header(text, name, type, 0644, len, &item);
    sc_buf_add(text, data, len);
    tar_pad(text);
}

static void
next_is(struct sc_tar_read *tar, enum sc_member_kind kind, const char *name, const char *link, const char *data)
{
    sc_cleanup_buf is = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_tar_member member;
    const void *piece;
    ssize_t len;

    assert_int_equal(sc_tar_read_next(tar, &member, &err), 1);
    assert_int_equal(member.kind, kind);
    assert_string_equal(member.name, name);
    if (link)
        assert_string_equal(member.link, link);
    assert_int_equal(member.size, strlen(data));
    while ((len = sc_tar_read_data(tar, &piece, &err)) > 0)
        sc_buf_add(&is, piece, (size_t)len);
    assert_int_equal(len, 0);
    assert_string_equal(sc_buf_str(&is), data);
}

static void
ends(struct sc_tar_read *tar)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_tar_member member;

    assert_int_equal(sc_tar_read_next(tar, &member, &err), 0);
    sc_tar_read_release(tar);
}

static void
test_what_archives_have(void **state)
{
    sc_cleanup_buf text = SC_BUF_INIT, pax = SC_BUF_INIT;
    char longer[300], record[400];
    struct sc_tar_read tar;

    (void)state;
    memset(longer, 'n', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    put(&text, "dir/", '5', NULL, "", 0);
    put(&text, "old/", '0', NULL, "", 0);
    put(&text, "dir/a", '0', NULL, "one", 3);
    put(&text, "b", '\0', NULL, "", 0);
    put(&text, "hard", '1', "dir/a", "", 0);
    put(&text, "sym", '2', "../x", "", 0);
    put(&text, "././@LongLink", 'L', NULL, longer, sizeof(longer));
    put(&text, "././@LongLink", 'K', NULL, "somewhere", 10);
    (void)snprintf(record, sizeof(record), "size=5\n");
    put(&text, "short", '2', "cut off", "", 0);
    tar_pax_record(&pax, "path=renamed\n", 13);
    tar_pax_record(&pax, record, strlen(record));
    put(&text, "pax", 'x', NULL, pax.data, pax.len);
    put(&text, "as in the header", '0', NULL, "", 0); /* with no size: the record says it */
    sc_buf_adds(&text, "12345");
    tar_pad(&text);
    tar = open_tar(&text);
    tar.max_entries = 20;
    next_is(&tar, SC_MEMBER_DIR, "dir/", NULL, "");
    next_is(&tar, SC_MEMBER_DIR, "old/", NULL, "");
    next_is(&tar, SC_MEMBER_FILE, "dir/a", NULL, "one");
    next_is(&tar, SC_MEMBER_FILE, "b", NULL, "");
    next_is(&tar, SC_MEMBER_HARD_LINK, "hard", "dir/a", "");
    next_is(&tar, SC_MEMBER_SYMLINK, "sym", "../x", "");
    next_is(&tar, SC_MEMBER_SYMLINK, longer, "somewhere", "");
    next_is(&tar, SC_MEMBER_FILE, "renamed", NULL, "12345");
    ends(&tar);
}

/* What one header says is of one entry; content that nobody read is passed over. */
static void
test_nothing_is_carried_over(void **state)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_tar_member member;
    struct sc_tar_read tar;

    (void)state;
    put(&text, "././@LongLink", 'L', NULL, "long", 5);
    put(&text, "x", '0', NULL, "unread", 6);
    put(&text, "second", '0', NULL, "2", 1);
    sc_buf_add(&text, (char[1024]){0}, 1024);
    sc_buf_adds(&text, "what follows the end is not read as an entry");
    tar = open_tar(&text);
    assert_int_equal(sc_tar_read_next(&tar, &member, &err), 1);
    assert_string_equal(member.name, "long");
    next_is(&tar, SC_MEMBER_FILE, "second", NULL, "2");
    ends(&tar);
}

static void
is_refused(const struct sc_buf *text, const char *message)
{
    struct sc_tar_read tar = open_tar(text);
    struct sc_err err = SC_ERR_INIT;
    struct sc_tar_member member;
    const void *piece;
    int status;

    while ((status = sc_tar_read_next(&tar, &member, &err)) > 0) {
        ssize_t len;

        while ((len = sc_tar_read_data(&tar, &piece, &err)) > 0)
            continue;
        if (len < 0)
            break;
    }
    assert_true(err.kind == SC_ERR_INVALID);
    assert_string_equal(err.msg, message);
    sc_tar_read_release(&tar);
}

static void
test_what_is_refused(void **state)
{
    static const struct {
        const char *name;
        char type;
        const char *data;
        const char *message;
    } cases[] = {
        {"dev", '3', "", "entry \"dev\": an image archive holds files, directories and links only"},
        {"sparse", 'S', "", "entry \"sparse\": an image archive holds files, directories and links only"},
        {"dir/", '5', "x", "entry \"dir/\": it has content, and is no file"},
        {"l", '1', "x", "entry \"l\": it has content, and is no file"},
        {"p", 'x', "12 path=a\n", "a PAX header of the archive is damaged"},
        {"p", 'x', "9 path=a\n9", "a PAX header of the archive is damaged"},
        {"p", 'x', "0 path=a\n", "a PAX header of the archive is damaged"},
        {"p", 'x', "8 path1\n", "a PAX header of the archive is damaged"},
        {"p", 'x', "10 size=x\n", "a size in a PAX header of the archive is no number"},
        {"p", 'x', "11 size=-1\n", "a size in a PAX header of the archive is no number"},
        {"p", 'x', "22 GNU.sparse.major=1\n", "an image archive cannot have sparse files"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf text = SC_BUF_INIT;

        put(&text, cases[i].name, cases[i].type, NULL, cases[i].data, strlen(cases[i].data));
        put(&text, "next", '0', NULL, "", 0);
        is_refused(&text, cases[i].message);
    }
}

static void
test_damage(void **state)
{
    sc_cleanup_buf text = SC_BUF_INIT, many = SC_BUF_INIT;
    const char *cut = "truncated tar archive: it ends in the middle of an entry",
               *no_tar = "it is no tar archive, or a damaged one";

    (void)state;
    sc_buf_adds(&text, "short");
    is_refused(&text, no_tar);
    sc_buf_clear(&text);
    put(&text, "a", '0', NULL, "content", 7);
    text.data[3] ^= 1;
    is_refused(&text, no_tar);
    text.data[3] ^= 1;
    text.len = 512 + 3;
    is_refused(&text, cut);
    text.len = 512 + 7;
    is_refused(&text, cut); /* what fills the block up belongs to it */
    for (int i = 0; i < 11; i++)
        put(&many, "a", '0', NULL, "", 0);
    is_refused(&many, "the archive has more than 10 entries");
}

static void
put_sum(char *block)
{
    unsigned sum = 0;

    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += (unsigned char)block[i];
    (void)snprintf(block + 148, 7, "%06o", sum);
}

/* Sizes as GNU writes what octal digits do not hold. */
static void
test_numbers(void **state)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_tar_head head;

    (void)state;
    put(&text, "big", '0', NULL, "", 0);
    memcpy(text.data + 124, "\x80\0\0\0\0\0\0\x03\0\0\0\x01", 12);
    put_sum(text.data);
    assert_ok(sc_tar_head_decode(text.data, &head, &err));
    assert_int_equal(head.size, (INT64_C(3) << 32) + 1);
    memcpy(text.data + 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
    put_sum(text.data);
    assert_fails(sc_tar_head_decode(text.data, &head, &err), SC_ERR_INVALID,
                 "a number in a header of the archive is damaged or too large");
}

/* Behind an entry with content: one whose header has something where GNU's format has a map of holes. */
static void
test_maps_of_holes(void **state)
{
    static const struct {
        char type;
        const char *magic;
        size_t at;
        bool is_refused;
    } cases[] = {
        {'0', "ustar  ", 386, true},
        {'5', "ustar  ", 482, true},
        {'6', "ustar  ", 483, true},
        {'S', "ustar  ", 386, false},
        {'0',
         "ustar\0"
         "00",
         386, false},
        {'0', "ustar  ", 345, false},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_err err = SC_ERR_INIT;

        put(&text, "first", '0', NULL, "content", 7);
        put(&text, "second", cases[i].type, NULL, "", 0);
        memcpy(text.data + 1024 + 257, cases[i].magic, 8);
        text.data[1024 + cases[i].at] = '1';
        put_sum(text.data + 1024);
        for (size_t cut = 512; cut <= 1024; cut += 512) {
            struct sc_tar_guard guard = {.skip = 0};

            assert_int_equal(sc_tar_guard(&guard, text.data, cut, &err), 0);
            if (!cases[i].is_refused)
                assert_ok(sc_tar_guard(&guard, text.data + cut, text.len - cut, &err));
            else
                assert_fails(sc_tar_guard(&guard, text.data + cut, text.len - cut, &err), SC_ERR_INVALID,
                             "entry \"second\": it has a map of holes, and is no sparse file");
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_archives_have),
        cmocka_unit_test(test_nothing_is_carried_over),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_maps_of_holes),
    };

    return RUN_TESTS(tests);
}
