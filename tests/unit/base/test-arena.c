/* Arena, string lists, cleanup and steal helpers. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "test.h"

static void
test_alloc_is_zeroed_and_aligned(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    static const char zero[100000];

    (void)state;
    for (size_t size = 0; size < sizeof(zero); size = size * 3 + 1) {
        for (int i = 0; i < 5; i++) {
            unsigned char *data = sc_arena_alloc(&arena, size);

            assert_non_null(data);
            assert_int_equal((uintptr_t)data % _Alignof(max_align_t), 0);
            assert_memory_equal(data, zero, size);
            memset(data, 0xff, size); /* overlaps would show in the next piece */
        }
    }
    assert_false(arena.has_failed);
}

static void
test_overflow_fails_and_sticks(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_ok(sc_arena_check(&arena, &err));
    assert_null(sc_arena_array(&arena, SIZE_MAX / 2, 3));
    assert_true(arena.has_failed);
    assert_non_null(sc_arena_alloc(&arena, 1));
    assert_fails(sc_arena_check(&arena, &err), SC_ERR_KERNEL, "out of memory");
    sc_arena_release(&arena);
    assert_false(arena.has_failed);
    assert_null(sc_arena_alloc(&arena, SIZE_MAX));
    assert_null(sc_arena_alloc(&arena, SIZE_MAX - 32));
    assert_true(arena.has_failed);
}

static void
test_grow_keeps_what_is_there(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    size_t capacity = 0, huge = SIZE_MAX / 2;
    int *items = NULL, *same;

    (void)state;
    for (int i = 0; i < 5; i++) {
        items = sc_arena_grow(&arena, items, (size_t)i, &capacity, sizeof(*items), 2);
        assert_non_null(items);
        items[i] = i;
        assert_int_equal(capacity, i < 2 ? 2 : i < 4 ? 4 : 8);
    }
    for (int i = 0; i < 5; i++)
        assert_int_equal(items[i], i);
    same = sc_arena_grow(&arena, items, 5, &capacity, sizeof(*items), 2);
    assert_ptr_equal(same, items);
    assert_null(sc_arena_grow(&arena, items, huge, &huge, sizeof(*items), 2));
    assert_true(arena.has_failed);
    assert_int_equal(huge, SIZE_MAX / 2);
}

static void
test_strings(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;

    (void)state;
    assert_string_equal(sc_arena_strdup(&arena, "abc"), "abc");
    assert_null(sc_arena_strdup(&arena, NULL));
    assert_string_equal(sc_arena_strndup(&arena, "abcdef", 3), "abc");
    assert_string_equal(sc_arena_strndup(&arena, "ab", 10), "ab");
    assert_null(sc_arena_strndup(&arena, NULL, 3));
    assert_string_equal(sc_arena_printf(&arena, "%s-%d", "x", 7), "x-7");
    assert_false(arena.has_failed);
}

static void
test_strv_grows_and_ends_with_null(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv list = {.items = NULL};

    (void)state;
    for (int i = 0; i < 100; i++) {
        sc_strv_addf(&list, &arena, "item %d", i);
        assert_int_equal(list.count, i + 1);
        assert_null(list.items[i + 1]);
    }
    assert_string_equal(list.items[0], "item 0");
    assert_string_equal(list.items[99], "item 99");
    sc_strv_add(&list, &arena, NULL); /* a failed copy, which the arena remembers */
    assert_int_equal(list.count, 100);
}

static void
test_strv_keys(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv list = {.items = NULL};

    (void)state;
    sc_strv_add(&list, &arena, "PATHX=1");
    sc_strv_add(&list, &arena, "PATH=2");
    sc_strv_add(&list, &arena, "BARE");
    assert_int_equal(sc_strv_find_key(&list, "PATH"), 1);
    assert_int_equal(sc_strv_find_key(&list, "PAT"), -1);
    assert_int_equal(sc_strv_find_key(&list, "BARE"), -1);
    sc_strv_set_env(&list, &arena, "PATH=new=er");
    assert_string_equal(list.items[1], "PATH=new=er");
    assert_int_equal(list.count, 3);
    sc_strv_set_env(&list, &arena, "HOME=/");
    assert_int_equal(list.count, 4);
    assert_string_equal(list.items[3], "HOME=/");
    assert_null(list.items[4]);
}

static void
test_cleanups_accept_empty_run_twice_keep_errno(void **state)
{
    int fd = openat(AT_FDCWD, "/", O_RDONLY | O_CLOEXEC), old;
    DIR *dir = NULL;
    char *text;

    (void)state;
    assert_true(fd >= 0);
    old = fd;
    dir = fdopendir(dup(fd));
    assert_non_null(dir);
    text = strdup("x");
    errno = EXDEV;
    sc_closep(&fd);
    sc_closep(&fd);
    assert_int_equal(fd, -1);
    sc_closedirp(&dir);
    sc_closedirp(&dir);
    assert_null(dir);
    sc_freep(&text);
    sc_freep(&text);
    assert_null(text);
    assert_int_equal(errno, EXDEV);
    assert_int_equal(fcntl(old, F_GETFD), -1);
    assert_int_equal(errno, EBADF);
}

static void
test_steal(void **state)
{
    char *text = strdup("mine"), *taken;
    int fd = 7;

    (void)state;
    assert_int_equal(sc_steal_fd(&fd), 7);
    assert_int_equal(fd, -1);
    taken = sc_steal_ptr(&text);
    assert_null(text);
    assert_string_equal(taken, "mine");
    free(taken);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_is_zeroed_and_aligned),
        cmocka_unit_test(test_overflow_fails_and_sticks),
        cmocka_unit_test(test_grow_keeps_what_is_there),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_strv_grows_and_ends_with_null),
        cmocka_unit_test(test_strv_keys),
        cmocka_unit_test(test_cleanups_accept_empty_run_twice_keep_errno),
        cmocka_unit_test(test_steal),
    };

    return RUN_TESTS(tests);
}
