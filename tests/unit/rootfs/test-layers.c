/* The layers of an overlay read as one tree: whiteouts, opaque directories, links, and copying. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "test.h"

#include "rootfs/rootfs.h"

/* <top>/{upper,mid,low}: a container's upper directory over two layers. */
struct fixture {
    char path[64];
    int fd;
    struct sc_arena arena;
    struct sc_overlay overlay;
};

static void
put(const struct fixture *f, const char *path, const char *text)
{
    int fd = openat(f->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
}

static void
put_dir(const struct fixture *f, const char *path)
{
    struct sc_err err = SC_ERR_INIT;

    assert_ok(sc_dir_make_at(f->fd, path, 0755, &err));
}

static void
put_link(const struct fixture *f, const char *path, const char *target)
{
    assert_int_equal(symlinkat(target, f->fd, path), 0);
}

/* Allowed without privilege since Linux 5.8. */
static void
put_whiteout(const struct fixture *f, const char *path)
{
    assert_int_equal(mknodat(f->fd, path, S_IFCHR, makedev(0, 0)), 0);
}

static void
put_opaque(const struct fixture *f, const char *path)
{
    int fd = openat(f->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(
        fsetxattr(fd, f->overlay.is_userxattr ? "user.overlay.opaque" : "trusted.overlay.opaque", "y", 1, 0), 0);
    assert_int_equal(close(fd), 0);
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->path, sizeof(f->path), "/tmp/sc-rootfs-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->fd >= 0);
    put_dir(f, "upper/etc");
    put_dir(f, "mid/etc");
    put_dir(f, "low/etc");
    f->overlay.is_userxattr = geteuid() != 0;
    f->overlay.upperdir = sc_arena_printf(&f->arena, "%s/upper", f->path);
    sc_strv_addf(&f->overlay.lowerdirs, &f->arena, "%s/mid", f->path);
    sc_strv_addf(&f->overlay.lowerdirs, &f->arena, "%s/low", f->path);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;

    assert_int_equal(close(f->fd), 0);
    assert_ok(sc_tree_remove_at(AT_FDCWD, f->path, &err));
    sc_arena_release(&f->arena);
    free(f);
    return 0;
}

static int
read_one(const struct fixture *f, const char *path, size_t max, struct sc_buf *buf, struct sc_err *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char dir[256];

    (void)snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 0, path);
    return sc_rootfs_read_files(&f->overlay, dir, &name, 1, max, buf, err);
}

static void
assert_reads(const struct fixture *f, const char *path, const char *text)
{
    sc_cleanup_buf buf = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    assert_ok(read_one(f, path, 1000, &buf, &err));
    assert_string_equal(sc_buf_str(&buf), text);
}

static void
test_topmost_wins(void **state)
{
    struct fixture *f = *state;

    put(f, "low/etc/passwd", "low");
    assert_reads(f, "etc/passwd", "low");
    put(f, "mid/etc/passwd", "mid");
    assert_reads(f, "/etc/passwd", "mid");
    put(f, "upper/etc/passwd", "upper");
    assert_reads(f, "//etc/./passwd", "upper");
    assert_reads(f, "etc/absent", "");
    assert_reads(f, "etc", "");
    assert_reads(f, "etc/passwd/x", "");
}

static void
test_upper_may_not_exist_yet(void **state)
{
    struct fixture *f = *state;

    put(f, "low/etc/group", "g");
    assert_int_equal(unlinkat(f->fd, "upper/etc", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(f->fd, "upper", AT_REMOVEDIR), 0);
    assert_reads(f, "etc/group", "g");
}

static void
test_missing_layer_is_an_error(void **state)
{
    struct fixture *f = *state;
    sc_cleanup_buf buf = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    char message[128];

    assert_int_equal(renameat(f->fd, "low", f->fd, "gone"), 0);
    (void)snprintf(message, sizeof(message), "open layer \"%s/low\": no such file or directory", f->path);
    assert_fails(read_one(f, "etc/passwd", 1000, &buf, &err), SC_ERR_NOT_FOUND, message);
}

static void
test_whiteout_hides(void **state)
{
    struct fixture *f = *state;

    put(f, "low/etc/passwd", "low");
    put_whiteout(f, "mid/etc/passwd");
    assert_reads(f, "etc/passwd", "");
    put(f, "upper/etc/passwd", "again");
    assert_reads(f, "etc/passwd", "again");
}

static void
test_whiteout_of_directory_hides_what_is_in_it(void **state)
{
    struct fixture *f = *state;

    put_dir(f, "low/opt/a");
    put(f, "low/opt/a/file", "low");
    assert_reads(f, "opt/a/file", "low");
    put_whiteout(f, "mid/opt");
    assert_reads(f, "opt/a/file", "");
}

static void
test_opaque_directory_ends_the_merge(void **state)
{
    struct fixture *f = *state;

    put(f, "low/etc/passwd", "low");
    put(f, "mid/etc/group", "mid");
    put_opaque(f, "mid/etc");
    assert_reads(f, "etc/passwd", "");
    assert_reads(f, "etc/group", "mid");
}

static void
test_file_over_directory_and_back(void **state)
{
    struct fixture *f = *state;

    put_dir(f, "low/x");
    put(f, "low/x/file", "low");
    put(f, "mid/x", "a file now");
    assert_reads(f, "x/file", "");
    assert_reads(f, "x", "a file now");
    put_dir(f, "upper/x");
    assert_reads(f, "x/file", ""); /* the file between them hides the lowest directory */
}

static void
test_links_stay_inside_and_see_all_layers(void **state)
{
    struct fixture *f = *state;

    put_dir(f, "low/usr/etc");
    put(f, "low/usr/etc/passwd", "by link");
    put_dir(f, "mid/usr/etc");
    put(f, "mid/usr/etc/group", "mid group");
    put_link(f, "upper/conf", "/usr/etc");
    put_link(f, "upper/out", "../../../../../../etc/passwd");
    put_link(f, "upper/rel", "usr/../conf/group");
    put_link(f, "upper/loop", "loop");
    put(f, "low/etc/passwd", "the image's");
    assert_reads(f, "conf/passwd", "by link");
    assert_reads(f, "conf/group", "mid group");
    assert_reads(f, "rel", "mid group");
    assert_reads(f, "out", "the image's"); /* not the host's */
    assert_reads(f, "loop", "");
    assert_reads(f, "../../etc/passwd", "the image's");
}

static void
test_several_files_of_one_directory(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"passwd", "shadow", "group"};
    struct sc_buf bufs[] = {SC_BUF_INIT, SC_BUF_INIT, SC_BUF_INIT};
    struct sc_err err = SC_ERR_INIT;

    put(f, "low/etc/passwd", "p");
    put(f, "mid/etc/group.real", "g");
    put_link(f, "low/etc/group", "group.real"); /* into another layer */
    assert_ok(sc_rootfs_read_files(&f->overlay, "etc", names, SC_ARRAY_LEN(names), 100, bufs, &err));
    assert_string_equal(sc_buf_str(&bufs[0]), "p");
    assert_string_equal(sc_buf_str(&bufs[1]), "");
    assert_string_equal(sc_buf_str(&bufs[2]), "g");
    for (size_t i = 0; i < SC_ARRAY_LEN(bufs); i++)
        sc_buf_release(&bufs[i]);
}

static void
test_only_regular_files_of_bounded_size(void **state)
{
    struct fixture *f = *state;
    sc_cleanup_buf buf = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    assert_int_equal(mkfifoat(f->fd, "low/etc/passwd", 0600), 0);
    assert_reads(f, "etc/passwd", "");
    put(f, "low/etc/group", "0123456789");
    assert_fails(read_one(f, "etc/group", 9, &buf, &err), SC_ERR_INVALID,
                 "read \"etc/group\" of the image: it is larger than 9 bytes");
}

static void
test_plain_directory_stays_inside(void **state)
{
    struct fixture *f = *state;
    sc_cleanup_buf buf = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd low = openat(f->fd, "low", O_PATH | O_DIRECTORY | O_CLOEXEC);

    put(f, "low/real", "inside");
    put_link(f, "low/etc/passwd", "/real");
    assert_ok(sc_rootfs_read_file_at(low, "etc/passwd", 100, &buf, &err));
    assert_string_equal(sc_buf_str(&buf), "inside");
    sc_buf_clear(&buf);
    assert_ok(sc_rootfs_read_file_at(low, "etc/absent", 100, &buf, &err));
    assert_ok(sc_rootfs_read_file_at(low, "etc", 100, &buf, &err));
    assert_int_equal(buf.len, 0);
}

/* Of a container that runs: an open would let the fifo's writer go on, and start a watchdog. */
static void
test_only_a_regular_file_is_opened(void **state)
{
    struct fixture *f = *state;
    sc_cleanup_buf buf = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd low = openat(f->fd, "low", O_PATH | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_fd watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    char event[sizeof(struct inotify_event) + NAME_MAX + 1];

    assert_int_equal(mkfifoat(f->fd, "low/etc/passwd", 0600), 0);
    assert_true(inotify_add_watch(watch, sc_arena_printf(&f->arena, "%s/low/etc/passwd", f->path), IN_OPEN) >= 0);
    assert_ok(sc_rootfs_read_file_at(low, "etc/passwd", 100, &buf, &err));
    assert_int_equal(buf.len, 0);
    assert_int_equal(read(watch, event, sizeof(event)), -1);
    assert_int_equal(errno, EAGAIN);
}

/* ---- prepare ------------------------------------------------------------------------------------ */

static void
test_prepare_lists_layers_top_first(void **state)
{
    struct fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    struct sc_strv chains = {0};
    struct sc_overlay made;
    char *dir = sc_arena_printf(&f->arena, "%s/c", f->path), *upper;
    struct stat st;

    sc_strv_add(&chains, &f->arena, "aaa");
    sc_strv_add(&chains, &f->arena, "bbb");
    put_dir(f, "c");
    sc_rootfs_describe("/data", &chains, dir, true, &f->arena, &made);
    assert_ok(sc_rootfs_prepare(dir, geteuid(), getegid(), &f->arena, &err));
    assert_int_equal(made.lowerdirs.count, 2);
    assert_string_equal(made.lowerdirs.items[0], "/data/layer/bbb/diff");
    assert_string_equal(made.lowerdirs.items[1], "/data/layer/aaa/diff");
    assert_true(made.is_volatile);
    upper = sc_arena_printf(&f->arena, "%s/upper", dir);
    assert_string_equal(made.upperdir, upper);
    assert_int_equal(fstatat(f->fd, "c/work", &st, 0), 0);
    assert_true(S_ISDIR(st.st_mode));
    /* A second start finds them. */
    assert_ok(sc_rootfs_prepare(dir, geteuid(), getegid(), &f->arena, &err));
}

/* What image/flat.c made takes the place of the layers that it says; a number that cannot be means none. */
static void
test_many_layers_are_one(void **state)
{
    struct fixture *f = *state;
    struct sc_strv chains = {0};
    struct sc_overlay made;

    for (int i = 0; i < 20; i++)
        sc_strv_addf(&chains, &f->arena, "c%02d", i);
    put_dir(f, "layer/c18/flat");
    put_dir(f, "layer/c19/flat");
    put(f, "layer/c18/flat/erofs", "");
    put_link(f, "layer/c18/flat/layers", "17");
    put_link(f, "layer/c19/flat/layers", "21");
    sc_rootfs_describe(f->path, &chains, "c", true, &f->arena, &made);
    assert_int_equal(made.lowerdirs.count, 4);
    assert_int_equal(made.images.count, 4);
    assert_string_equal(made.lowerdirs.items[0] + strlen(f->path), "/layer/c19/diff");
    assert_string_equal(made.lowerdirs.items[1] + strlen(f->path), "/layer/c18/flat/diff");
    assert_string_equal(made.images.items[1] + strlen(f->path), "/layer/c18/flat/erofs");
    assert_string_equal(made.images.items[0], "");
    assert_string_equal(made.lowerdirs.items[3] + strlen(f->path), "/layer/c00/diff");
}

/* ---- copying up ----------------------------------------------------------------------------------- */

static void
assert_copied(int dir, const char *path, const char *text)
{
    sc_cleanup_buf buf = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    assert_ok(sc_file_read_at(dir, path, 1000, &buf, &err));
    assert_string_equal(sc_buf_str(&buf), text);
}

static void
test_copy_up_merges(void **state)
{
    struct fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd dest = -1;
    struct stat st;
    char target[16] = "";

    put_dir(f, "low/srv/data/sub");
    put(f, "low/srv/data/both", "low");
    put(f, "low/srv/data/removed", "x");
    put(f, "low/srv/data/sub/deep", "deep");
    put_link(f, "low/srv/data/link", "both");
    assert_int_equal(mkfifoat(f->fd, "low/srv/data/fifo", 0640), 0);
    assert_int_equal(fchmodat(f->fd, "low/srv/data/both", 04755, 0), 0);
    assert_int_equal(fchmodat(f->fd, "low/srv/data", 0710, 0), 0);
    put_dir(f, "mid/srv/data/sub");
    put_whiteout(f, "mid/srv/data/removed");
    put(f, "mid/srv/data/sub/more", "more");
    assert_int_equal(fchmodat(f->fd, "mid/srv/data", 01750, 0), 0);
    put_dir(f, "dest");
    dest = openat(f->fd, "dest", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(sc_rootfs_copy_up(&f->overlay, "/srv/data", dest, &err));

    assert_copied(dest, "both", "low");
    assert_copied(dest, "sub/deep", "deep");
    assert_copied(dest, "sub/more", "more");
    assert_int_equal(faccessat(dest, "removed", F_OK, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(readlinkat(dest, "link", target, sizeof(target) - 1), 4);
    assert_string_equal(target, "both");
    assert_int_equal(fstatat(dest, "both", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 04755);
    assert_int_equal(fstatat(dest, "fifo", &st, 0), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(fstat(dest, &st), 0);
    assert_int_equal(st.st_mode & 07777, 01750);
}

static void
test_copy_up_of_nothing(void **state)
{
    struct fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd dest = -1;

    put(f, "low/file", "x");
    put_dir(f, "dest");
    dest = openat(f->fd, "dest", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(sc_rootfs_copy_up(&f->overlay, "/absent", dest, &err));
    assert_ok(sc_rootfs_copy_up(&f->overlay, "/file", dest, &err));
    assert_int_equal(unlinkat(f->fd, "dest", AT_REMOVEDIR), 0); /* it is empty */
}

int
main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_topmost_wins),
        WITH_FIXTURE(test_upper_may_not_exist_yet),
        WITH_FIXTURE(test_missing_layer_is_an_error),
        WITH_FIXTURE(test_whiteout_hides),
        WITH_FIXTURE(test_whiteout_of_directory_hides_what_is_in_it),
        WITH_FIXTURE(test_opaque_directory_ends_the_merge),
        WITH_FIXTURE(test_file_over_directory_and_back),
        WITH_FIXTURE(test_links_stay_inside_and_see_all_layers),
        WITH_FIXTURE(test_several_files_of_one_directory),
        WITH_FIXTURE(test_only_regular_files_of_bounded_size),
        WITH_FIXTURE(test_plain_directory_stays_inside),
        WITH_FIXTURE(test_only_a_regular_file_is_opened),
        WITH_FIXTURE(test_prepare_lists_layers_top_first),
        WITH_FIXTURE(test_many_layers_are_one),
        WITH_FIXTURE(test_copy_up_merges),
        WITH_FIXTURE(test_copy_up_of_nothing),
    };

    return RUN_TESTS(tests);
}
