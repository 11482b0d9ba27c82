/* The heap of the static programs: blocks are apart, keep what is in them, and are used again. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/heap-priv.h"
#include "test.h"

#define SLOTS  200
#define ROUNDS 20000

static size_t
random_size(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t value = *seed >> 33;

    /* mostly small, some past a chunk's quarter */
    return value % 64 == 0 ? value % 600000 : value % 8 == 0 ? value % 20000 : value % 300;
}

static void
check_bytes(const unsigned char *data, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != value)
            fail_msg("byte %zu of %zu is %u, not %u", i, size, data[i], value);
}

/* The first test: nothing has been freed yet. A text that grows at the end of the heap stays where it is; something
 * behind it makes it move. */
static void
test_the_newest_grows_in_place(void **state)
{
    char *text = sc_heap_alloc(3000), *same = text, *behind, *moved;

    (void)state;
    memset(text, 'x', 3000);
    for (size_t size = 3001; size < 20000; size += 777)
        same = sc_heap_resize(same, size);
    assert_ptr_equal(same, text);
    behind = sc_heap_alloc(200000);
    moved = sc_heap_resize(same, 100000);
    assert_ptr_not_equal(moved, same);
    check_bytes((unsigned char *)moved, 3000, 'x');
    sc_heap_free(behind);
    sc_heap_free(moved);
}

static void
test_blocks_are_apart(void **state)
{
    static unsigned char *data[SLOTS];
    static size_t sizes[SLOTS];
    uint64_t seed = 1;

    (void)state;
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t slot = (size_t)(seed >> 40) % SLOTS, size = random_size(&seed);
        unsigned char value = (unsigned char)(slot + 1);

        if (data[slot] != NULL && round % 3 == 0) {
            data[slot] = sc_heap_resize(data[slot], size);
            assert_non_null(data[slot]);
            check_bytes(data[slot], size < sizes[slot] ? size : sizes[slot], value);
        } else {
            if (data[slot] != NULL)
                check_bytes(data[slot], sizes[slot], value);
            sc_heap_free(data[slot]);
            data[slot] = round % 2 == 0 ? sc_heap_alloc(size) : sc_heap_alloc_zero(size);
            assert_non_null(data[slot]);
            if (round % 2 != 0)
                check_bytes(data[slot], size, 0);
        }
        assert_int_equal((uintptr_t)data[slot] % 16, 0);
        assert_true(sc_heap_size(data[slot]) >= size);
        sizes[slot] = size;
        memset(data[slot], value, size);
    }
    for (size_t slot = 0; slot < SLOTS; slot++) {
        if (data[slot] != NULL)
            check_bytes(data[slot], sizes[slot], (unsigned char)(slot + 1));
        sc_heap_free(data[slot]);
    }
}

static void
test_freed_is_used_again(void **state)
{
    static const size_t sizes[] = {0, 1, 16, 17, 1024, 1025, 1280, 1281, 5000, 262144};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(sizes); i++) {
        void *data = sc_heap_alloc(sizes[i]);

        sc_heap_free(data);
        assert_ptr_equal(sc_heap_alloc(sizes[i]), data);
        sc_heap_free(data);
    }
    sc_heap_free(NULL);
}

static void
test_too_large_is_null(void **state)
{
    (void)state;
    assert_null(sc_heap_alloc(SIZE_MAX));
    assert_null(sc_heap_alloc(SIZE_MAX / 2));
    void *data = sc_heap_alloc(10);
    assert_null(sc_heap_resize(data, SIZE_MAX));
    sc_heap_free(data);
}

static int
end_of(void (*mistake)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        mistake();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
free_twice(void)
{
    void *data = sc_heap_alloc(40);

    sc_heap_free(data);
    sc_heap_free(data);
}

static void
free_inside(void)
{
    char *data = sc_heap_alloc(400);

    memset(data, 0, 400);
    sc_heap_free(data + 32);
}

static void
test_mistakes_end_the_program(void **state)
{
    (void)state;
    assert_int_equal(end_of(free_twice), SIGABRT);
    assert_int_equal(end_of(free_inside), SIGABRT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_newest_grows_in_place), cmocka_unit_test(test_blocks_are_apart),
        cmocka_unit_test(test_freed_is_used_again),       cmocka_unit_test(test_too_large_is_null),
        cmocka_unit_test(test_mistakes_end_the_program),
    };

    return RUN_TESTS(tests);
}
