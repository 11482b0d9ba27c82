/* Which of an image's layers are put together. */
#include "test.h"

#include "image/tree-priv.h"

#define MIB   ((int64_t)1 << 20)
#define COUNT 100

static void
fill(int64_t sizes[COUNT], int64_t bytes)
{
    for (size_t i = 0; i < COUNT; i++)
        sizes[i] = bytes;
}

static void
test_few(void **state)
{
    int64_t sizes[COUNT];
    size_t at = 0;

    (void)state;
    fill(sizes, 100);
    assert_int_equal(sc_flat_next(sizes, 0, &at), 0);
    assert_int_equal(sc_flat_next(sizes, 15, &at), 0);
    at = 0;
    assert_int_equal(sc_flat_next(sizes, 16, &at), 16);
    assert_int_equal(at, 16);
    assert_int_equal(sc_flat_next(sizes, 16, &at), 0);
}

/* A large one is not copied: those below and those above it are. */
static void
test_large(void **state)
{
    int64_t sizes[COUNT];
    size_t at = 0;

    (void)state;
    fill(sizes, 100);
    sizes[0] = 5 * MIB;
    sizes[40] = 4 * MIB + 1;
    sizes[90] = 1000 * MIB;
    assert_int_equal(sc_flat_next(sizes, COUNT, &at), 39);
    assert_int_equal(at, 40);
    assert_int_equal(sc_flat_next(sizes, COUNT, &at), 49);
    assert_int_equal(at, 90);
    assert_int_equal(sc_flat_next(sizes, COUNT, &at), 0);
    assert_int_equal(at, COUNT);
}

/* Together they are not large either: what is too much begins the next one. */
static void
test_sum(void **state)
{
    int64_t sizes[COUNT];
    size_t at = 0;

    (void)state;
    fill(sizes, MIB / 2);
    assert_int_equal(sc_flat_next(sizes, COUNT, &at), 32);
    assert_int_equal(sc_flat_next(sizes, COUNT, &at), 32);
    assert_int_equal(at, 64);
    assert_int_equal(sc_flat_next(sizes, COUNT, &at), 32);
    assert_int_equal(sc_flat_next(sizes, COUNT, &at), 0);
    at = 0;
    fill(sizes, 2 * MIB); /* eight are as much as may be */
    assert_int_equal(sc_flat_next(sizes, COUNT, &at), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_sum),
    };

    return RUN_TESTS(tests);
}
