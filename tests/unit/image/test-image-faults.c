/*
 * The store with every single system call that writes failing once: load, tag and remove are whole or without effect,
 * the next command finds a consistent store, and what was left half-made is gone after the next write.
 * The calls are those of our own code; sync calls do nothing, which only makes this fast.
 */
#include <stdarg.h>

#define FIXTURE_DIR "/dev/shm" /* thousands of small files come and go, and a disk's journal waits for each */

#include "image/tree-priv.h"
#include "store-fixture.h"

static size_t fail_at, calls;
static bool is_on, has_failed;
static const char *failed_call;
static int fail_errno;

static bool
is_to_fail(const char *call)
{
    if (!is_on || ++calls != fail_at)
        return false;
    has_failed = true;
    failed_call = call;
    errno = fail_errno;
    return true;
}

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
int __real_openat64(int dirfd, const char *path, int flags, ...);
int __wrap_openat64(int dirfd, const char *path, int flags, ...);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_mkdirat(int dirfd, const char *path, mode_t mode);
int __wrap_mkdirat(int dirfd, const char *path, mode_t mode);
int __real_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __real_symlinkat(const char *target, int dirfd, const char *path);
int __wrap_symlinkat(const char *target, int dirfd, const char *path);
int __real_mknodat(int dirfd, const char *path, mode_t mode, dev_t dev);
int __wrap_mknodat(int dirfd, const char *path, mode_t mode, dev_t dev);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __real_futimens(int fd, const struct timespec times[2]);
int __wrap_futimens(int fd, const struct timespec times[2]);
int __wrap_fsync(int fd);
int __wrap_syncfs(int fd);

ssize_t
__wrap_write(int fd, const void *data, size_t len)
{
    return is_to_fail("write") ? -1 : __real_write(fd, data, len);
}

int
__wrap_openat64(int dirfd, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return is_to_fail("openat") ? -1 : __real_openat64(dirfd, path, flags, mode);
}

int
__wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return is_to_fail("renameat") ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

int
__wrap_mkdirat(int dirfd, const char *path, mode_t mode)
{
    return is_to_fail("mkdirat") ? -1 : __real_mkdirat(dirfd, path, mode);
}

int
__wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    return is_to_fail("linkat") ? -1 : __real_linkat(from_fd, from, to_fd, to, flags);
}

int
__wrap_symlinkat(const char *target, int dirfd, const char *path)
{
    return is_to_fail("symlinkat") ? -1 : __real_symlinkat(target, dirfd, path);
}

int
__wrap_mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)
{
    return is_to_fail("mknodat") ? -1 : __real_mknodat(dirfd, path, mode, dev);
}

int
__wrap_fchmod(int fd, mode_t mode)
{
    return is_to_fail("fchmod") ? -1 : __real_fchmod(fd, mode);
}

int
__wrap_futimens(int fd, const struct timespec times[2])
{
    return is_to_fail("futimens") ? -1 : __real_futimens(fd, times);
}

int
__wrap_fsync(int fd)
{
    (void)fd;
    return is_to_fail("fsync") ? -1 : 0;
}

int
__wrap_syncfs(int fd)
{
    (void)fd;
    return is_to_fail("syncfs") ? -1 : 0;
}

/* ---- what must be true of a store, always ------------------------------------------------- */

static void
check_store(struct fixture *fixture, const char *when)
{
    struct sc_image_list list;
    struct sc_err err = SC_ERR_INIT;

    if (sc_image_list(&fixture->store, &fixture->arena, &list, &err) < 0)
        fail_msg("%s: %s", when, err.msg);
    for (size_t i = 0; i < list.count; i++) {
        const struct sc_image *image = &list.items[i];

        if (image->chain_ids.count != image->diff_ids.count)
            fail_msg("%s: image %s has no layers", when, image->id);
        for (size_t k = 0; k < image->chain_ids.count; k++) {
            char path[120];

            (void)snprintf(path, sizeof(path), "layer/%s/size", image->chain_ids.items[k]);
            if (faccessat(fixture->store.data_fd, path, F_OK, 0) < 0)
                fail_msg("%s: %s is missing", when, path);
            if (!sc_store_has_blob(&fixture->store, image->layer_digests.items[k]))
                fail_msg("%s: blob %s is missing", when, image->layer_digests.items[k]);
        }
    }
}

/* Exactly what the images need is there. */
static void
check_clean(struct fixture *fixture, const char *when, size_t blobs, size_t layers)
{
    if (fixture_count(fixture, "image/tmp") != 0)
        fail_msg("%s: a temporary file is left", when);
    if (fixture_count(fixture, "image/blobs/sha256") != blobs)
        fail_msg("%s: %zu blobs instead of %zu", when, fixture_count(fixture, "image/blobs/sha256"), blobs);
    if (fixture_count(fixture, "layer") != layers)
        fail_msg("%s: %zu layers instead of %zu", when, fixture_count(fixture, "layer"), layers);
}

static bool
has_image(struct fixture *fixture, const char *name)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_image image;

    return sc_image_find(&fixture->store, name, &fixture->arena, &image, &err) == 0;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static const struct tar_item items_a[] = {{.name = "a", .data = "aaaa"}, {NULL}};
static const struct tar_item items_b[] = {
    {.name = "b/c", .data = "bb"},
    {.name = "b/h", .type = '1', .link = "b/c"},
    {.name = "l", .type = '2', .link = "b"},
    {.name = "f", .type = '6'},
    {.name = ".wh.gone"},
    {.name = "d/", .type = '5', .mode = 0700},
    {.name = "o/.wh..wh..opq"},
    {NULL},
};

typedef int (*fault_job)(struct fixture *fixture, struct sc_err *err);

static int
load_job(struct fixture *fixture, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv names = {.items = NULL};

    return sc_image_load(&fixture->store, fixture_path(fixture, "x.tar"), &arena, &names, err);
}

static int
tag_job(struct fixture *fixture, struct sc_err *err)
{
    return sc_image_tag(&fixture->store, "base", "x", err);
}

static int
remove_job(struct fixture *fixture, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_image_removed removed;

    return sc_image_remove(&fixture->store, "x", false, NULL, NULL, &arena, &removed, err);
}

/* A store with `base` (layer a), an archive x.tar of an image x (layers a and b), and x itself where it is wanted. */
static void
prepare(struct fixture *fixture, bool with_x)
{
    struct sc_store_layer layers[] = {fixture_layer(fixture, items_a), fixture_layer(fixture, items_b)};
    sc_cleanup_fd fd = openat(fixture->dir_fd, "x.tar", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    struct sc_image_removed removed;
    struct sc_strv names = {.items = NULL};
    struct sc_err err;

    (void)fixture_image(fixture, layers, 1, "base", "docker.io/library/base:latest");
    (void)fixture_image(fixture, layers, 2, "x", "docker.io/library/x:latest");
    sc_strv_add(&names, &fixture->arena, "x");
    assert_ok(sc_image_save(&fixture->store, &names, SC_ARCHIVE_DOCKER, fd, NULL, &err));
    if (!with_x)
        assert_ok(sc_image_remove(&fixture->store, "x", false, NULL, NULL, &fixture->arena, &removed, &err));
}

/* Runs job in a fresh store with its n-th call failing; false when it has fewer calls than that. */
static bool
run_once(const char *name, fault_job job, bool with_x, bool x_after, size_t n)
{
    struct sc_err err = SC_ERR_INIT;
    struct fixture *fixture;
    char when[200];
    void *state = NULL;
    int result;

    assert_int_equal(fixture_setup(&state), 0);
    fixture = state;
    prepare(fixture, with_x);
    fail_at = n;
    calls = 0;
    has_failed = false;
    is_on = true;
    result = job(fixture, &err);
    is_on = false;
    (void)snprintf(when, sizeof(when), "%s: call %zu (%s: %s)", name, n, has_failed ? failed_call : "-",
                   strerror(fail_errno));
    if (result < 0 && (err.kind == SC_ERR_NONE || err.msg[0] == '\0'))
        fail_msg("%s: failed without a word", when);
    if (!has_failed && result < 0)
        fail_msg("%s: %s", when, err.msg);
    if (result < 0 && strcasestr(err.msg, strerror(fail_errno)) == NULL)
        fail_msg("%s: says \"%s\"", when, err.msg);
    check_store(fixture, when);
    if (result == 0 && has_image(fixture, "x") != x_after)
        fail_msg("%s: success without effect", when);
    if (!has_image(fixture, "base"))
        fail_msg("%s: another image is gone", when);
    /* Again, undisturbed: what failed half-way is no obstacle, and nothing of it stays. */
    if (result < 0 && has_image(fixture, "x") != x_after)
        assert_ok(job(fixture, &err));
    sc_store_collect(&fixture->store);
    check_store(fixture, when);
    if (job != tag_job)
        check_clean(fixture, when, x_after ? 6 : 3, x_after ? 2 : 1);
    else
        check_clean(fixture, when, 3, 1);
    assert_int_equal(fixture_teardown(&state), 0);
    return has_failed;
}

static void
run_all(const char *name, fault_job job, bool with_x, bool x_after, size_t at_least)
{
    static const int errnos[] = {ENOSPC, EIO, EMFILE};

    for (size_t i = 0; i < SC_ARRAY_LEN(errnos); i++) {
        size_t n = 1;

        fail_errno = errnos[i];
        while (run_once(name, job, with_x, x_after, n))
            n++;
        assert_true(n > at_least);
    }
}

static void
test_load(void **state)
{
    (void)state;
    run_all("load", load_job, false, true, 60);
}

static void
test_tag(void **state)
{
    (void)state;
    run_all("tag", tag_job, false, true, 5);
}

static void
test_remove(void **state)
{
    (void)state;
    run_all("remove", remove_job, true, false, 10);
}

/* Layers put together with the n-th call failing: all of it is there, or nothing and a word why. */
static bool
flatten_once(size_t n)
{
    static const char *const whole[] = {"layer/flat/diff/a", "layer/flat/diff/b/h", "layer/flat/diff/f",
                                        "layer/flat/size"};
    struct sc_err err = SC_ERR_INIT;
    struct sc_image image;
    sc_cleanup_fd layers_fd = -1;
    struct fixture *fixture;
    void *state = NULL;
    int result;

    assert_int_equal(fixture_setup(&state), 0);
    fixture = state;
    prepare(fixture, true);
    assert_ok(sc_image_find(&fixture->store, "x", &fixture->arena, &image, &err));
    layers_fd = sc_store_open_layers(&fixture->store, &err);
    assert_true(layers_fd >= 0);
    fail_at = n;
    calls = 0;
    has_failed = false;
    is_on = true;
    result = sc_flat_make(&fixture->store, layers_fd,
                          &(struct sc_flat_ask){.name = "flat",
                                                .names = (const char *const *)image.chain_ids.items,
                                                .count = 2,
                                                .is_unbounded = true,
                                                .diff_id = image.diff_ids.items[1]},
                          &err);
    is_on = false;
    if (result < 0 && (!has_failed || strcasestr(err.msg, strerror(fail_errno)) == NULL))
        fail_msg("call %zu (%s): says \"%s\"", n, failed_call, err.msg);
    for (size_t i = 0; i < SC_ARRAY_LEN(whole); i++)
        assert_int_equal(faccessat(fixture->store.data_fd, whole[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0, result == 0);
    assert_int_equal(faccessat(fixture->store.data_fd, "layer/flat", F_OK, 0) == 0, result == 0);
    assert_int_equal(sc_flat_length(fixture->store.data_fd, "layer"), result == 0 ? 2 : 0);
    /* nothing is below them that it could hide */
    assert_int_not_equal(faccessat(fixture->store.data_fd, "layer/flat/diff/gone", F_OK, AT_SYMLINK_NOFOLLOW), 0);
    sc_closep(&layers_fd);
    assert_int_equal(fixture_teardown(&state), 0);
    return has_failed;
}

static void
test_flatten(void **state)
{
    size_t n = 1;

    (void)state;
    fail_errno = ENOSPC;
    while (flatten_once(n))
        n++;
    assert_true(n > 20);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_tag),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_flatten),
    };

    return RUN_TESTS(tests);
}
