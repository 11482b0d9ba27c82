/* sc's default profile when memory runs out: expanding it, compiling it. */
#include "kernel/kernel.h"
#include "kernel/seccomp.h"
#include "test.h"
#include "torture.h"

static int
job_compile(void *context, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_oci_seccomp profile = sc_seccomp_default(sc_caps_default(), *(bool *)context);
    struct sc_seccomp_filter filter;

    return sc_seccomp_get(&profile, -1, &arena, &filter, err);
}

static int
job_expand(void *context, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_oci_seccomp profile = sc_seccomp_default(0, *(bool *)context);

    return sc_seccomp_expand(&profile, &arena, err);
}

static void
test_torture(void **state)
{
    bool off = false, on = true;

    (void)state;
    assert_true(torture_run("compile the default profile", job_compile, &off) > 0);
    assert_true(torture_run("compile it with i386", job_compile, &on) > 0);
    assert_true(torture_run("expand the default profile", job_expand, &on) > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_torture)};

    return RUN_TESTS(tests);
}
