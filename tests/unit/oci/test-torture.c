/* Decoding and encoding with every single allocation failing once. */
#include "config.h"
#include "torture.h"

static int
decode_job(void *context, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    const struct sc_buf *text = context;
    struct sc_oci_spec spec;

    return sc_oci_decode(text->data, text->len, &arena, &spec, err);
}

static int
encode_job(void *context, struct sc_err *err)
{
    sc_cleanup_buf out = SC_BUF_INIT;

    return sc_oci_encode(context, &out, err);
}

static int
validate_job(void *context, struct sc_err *err)
{
    return sc_oci_validate(context, err);
}

static const char profile[] =
    "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":"
    "[\"SCMP_ARCH_X86\"]}],\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":"
    "[\"CAP_KILL\"],\"minKernel\":\"4.8\"},\"excludes\":{\"arches\":[\"s390x\"]}},{\"name\":\"write\",\"action\":"
    "\"SCMP_ACT_ALLOW\"}]}";

static int
seccomp_job(void *context, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_oci_seccomp seccomp;

    (void)context;
    return sc_oci_decode_seccomp(profile, sizeof(profile) - 1, ~0ULL, "6.1", &arena, &seccomp, err);
}

static void
test_jobs(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_oci_spec spec;
    struct sc_err err;

    (void)state;
    full_config_read(&text);
    assert_ok(sc_oci_decode(sc_buf_str(&text), text.len, &arena, &spec, &err));
    spec.process.scheduler.is_set = false; /* has both of two that exclude each other */
    assert_true(torture_run("decode", decode_job, &text) > 100);
    assert_true(torture_run("encode", encode_job, &spec) > 5);
    assert_true(torture_run("validate", validate_job, &spec) >= 2);
    assert_true(torture_run("seccomp", seccomp_job, NULL) > 20);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_jobs)};

    return RUN_TESTS(tests);
}
