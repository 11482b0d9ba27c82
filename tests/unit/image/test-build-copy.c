/*
 * COPY and ADD of files that somebody exchanges meanwhile: at each open, read and look of ours in turn. What is copied
 * is what the digest says: else a later build gets from the cache, by that digest, what is not in its context.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#include "image/build-priv.h"
#include "tar-build.h"

#define TEXT "what is there at first\n"

static char root[64];
static size_t exchange_at, calls; /* 0: never */
static bool is_copying;
static void (*exchange)(void);

static void
count_call(void)
{
    if (!is_copying || exchange_at == 0 || ++calls != exchange_at)
        return;
    exchange_at = 0;
    exchange();
}

ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);
ssize_t __real_pread64(int fd, void *data, size_t len, off_t at);
ssize_t __wrap_pread64(int fd, void *data, size_t len, off_t at);
int __real_openat64(int dirfd, const char *path, int flags, ...);
int __wrap_openat64(int dirfd, const char *path, int flags, ...);
int __real_fstat64(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);

ssize_t
__wrap_read(int fd, void *data, size_t len)
{
    count_call();
    return __real_read(fd, data, len);
}

ssize_t
__wrap_pread64(int fd, void *data, size_t len, off_t at)
{
    count_call();
    return __real_pread64(fd, data, len, at);
}

int
__wrap_openat64(int dirfd, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    count_call();
    return __real_openat64(dirfd, path, flags, mode);
}

int
__wrap_fstat64(int fd, struct stat *st)
{
    count_call();
    return __real_fstat64(fd, st);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static char *
path_of(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % SC_ARRAY_LEN(paths)];

    (void)snprintf(path, PATH_MAX, "%s/%s", root, name);
    return path;
}

static void
make_dir(const char *name)
{
    assert_int_equal(mkdir(path_of(name), 0755), 0); /* lint: a directory of the test's own */
}

static void
put(const char *name, const void *data, size_t len)
{
    struct sc_err err;
    sc_cleanup_fd fd = openat(-1, path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_ok(sc_io_write_all(fd, data, len, &err));
}

static bool
has(const char *name)
{
    struct stat st;

    return fstatat(-1, path_of(name), &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
put_tar(const char *name)
{
    const struct tar_item items[] = {{.name = "unpacked", .data = "of the archive\n"}, {.name = NULL}};
    sc_cleanup_buf tar = SC_BUF_INIT;

    tar_build(&tar, items);
    put(name, tar.data, tar.len);
}

/* in: what is copied from. aside: what takes the file's place. to: the image. */
static void
begin(void)
{
    (void)snprintf(root, sizeof(root), "/tmp/sc-build-copy.XXXXXX");
    assert_non_null(mkdtemp(root)); /* lint: a name nobody else has */
    make_dir("in");
    make_dir("aside");
    make_dir("to");
}

static void
end(void)
{
    struct sc_err err;

    assert_int_equal(sc_tree_remove_at(-1, root, &err), 0);
}

static void
take_aside(void)
{
    assert_int_equal(renameat(-1, path_of("in/a"), -1, path_of("aside/old")), 0);
    assert_int_equal(renameat(-1, path_of("aside/a"), -1, path_of("in/a")), 0);
}

static void
write_in_place(void)
{
    put_tar("in/a");
}

/* ---- copies ------------------------------------------------------------------------------------------------------ */

static int
copy(bool is_add, char digest[SC_DIGEST_LEN + 1], struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    char owner[2 * SC_NUM_MAX];
    struct sc_build_copy what = {.dest = "/d/", .dest_is_dir = true, .is_unpacked = is_add, .chown = owner};
    sc_cleanup_fd from = openat(-1, path_of("in"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_fd tmp = openat(-1, root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_fd to = openat(-1, path_of("to"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status;

    (void)snprintf(owner, sizeof(owner), "%u:%u", (unsigned)geteuid(), (unsigned)getegid());
    sc_strv_add(&what.sources, &arena, "a");
    what.root_fd = from;
    what.tmp_fd = tmp;
    calls = 0;
    is_copying = true;
    status = sc_build_copy_into(&what, to, NULL, &arena, digest, err);
    is_copying = false;
    return status;
}

/* What became of it: a file, a tree that was unpacked, or a directory's content. */
static const char *
kind(void)
{
    const char *const names[] = {"to/d/unpacked", "to/d/below", "to/d/a"};
    const char *found = NULL;

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (!has(names[i]))
            continue;
        assert_null(found);
        found = names[i];
    }
    assert_non_null(found);
    return found;
}

static void
remake(const char *dir)
{
    struct sc_err err;

    assert_int_equal(sc_tree_remove_at(-1, path_of(dir), &err), 0);
    make_dir(dir);
}

/* What is in the image is what the digest is of, whichever that is: copied once more, undisturbed, it is the same. */
static void
check(bool is_add, const char *digest)
{
    const char *was = kind();
    char now[SC_DIGEST_LEN + 1];
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err;

    remake("in");
    if (strcmp(was, "to/d/unpacked") == 0) {
        put_tar("in/a");
    } else if (strcmp(was, "to/d/below") == 0) {
        make_dir("in/a");
        put("in/a/below", TEXT, strlen(TEXT));
    } else {
        assert_ok(sc_file_read_at(-1, path_of("to/d/a"), 1 << 20, &text, &err));
        put("in/a", text.data, text.len);
    }
    remake("to");
    assert_ok(copy(is_add, now, &err));
    assert_string_equal(digest, now);
    assert_string_equal(was, kind());
}

static void
try_all(bool is_add, void (*prepare)(void), void (*how)(void))
{
    size_t refused = 0, copied = 0;

    for (size_t at = 1;; at++) {
        char digest[SC_DIGEST_LEN + 1] = "";
        struct sc_err err = SC_ERR_INIT;
        bool is_last;

        begin();
        put("in/a", TEXT, strlen(TEXT));
        prepare();
        exchange = how;
        exchange_at = at;
        if (copy(is_add, digest, &err) == 0) {
            copied++;
            is_last = exchange_at > 0;
            exchange_at = 0;
            check(is_add, digest);
        } else {
            /* It is a directory, or none, where it was not before; nothing else goes wrong. */
            if (err.errnum != ESTALE)
                fail_msg("exchanged at call %zu: %s", at, err.msg);
            is_last = false;
            refused++;
        }
        end();
        if (is_last)
            break;
    }
    assert_true(copied > refused);
}

static void
prepare_tar(void)
{
    put_tar("aside/a");
}

static void
prepare_dir(void)
{
    make_dir("aside/a");
    put("aside/a/below", TEXT, strlen(TEXT));
}

/* Its file is copied, or nothing is: RUN --mount binds the copy, and the kernel would follow a link there. */
static void
prepare_link(void)
{
    put("in/b", TEXT, strlen(TEXT));
    assert_int_equal(symlinkat("b", -1, path_of("aside/a")), 0);
}

static void
prepare_nothing(void)
{
}

static void
test_another_file(void **state)
{
    (void)state;
    try_all(true, prepare_tar, take_aside);
    try_all(false, prepare_tar, take_aside);
}

static void
test_written_to(void **state)
{
    (void)state;
    try_all(true, prepare_nothing, write_in_place);
    try_all(false, prepare_nothing, write_in_place);
}

static void
test_a_directory(void **state)
{
    (void)state;
    try_all(true, prepare_dir, take_aside);
    try_all(false, prepare_dir, take_aside);
}

static void
test_a_link(void **state)
{
    (void)state;
    try_all(true, prepare_link, take_aside);
    try_all(false, prepare_link, take_aside);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_another_file), cmocka_unit_test(test_written_to),
                                       cmocka_unit_test(test_a_directory), cmocka_unit_test(test_a_link)};

    return RUN_TESTS(tests);
}
