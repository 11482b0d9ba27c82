/* The record's decoder, building a spec and reading options, with each allocation failing once. */
#include "sample.h"
#include "torture.h"

#include <jansson.h>

static int
decode_job(void *context, struct sc_err *err)
{
    const struct sc_buf *text = context;
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container out;

    return sc_record_decode(text->data, text->len, &arena, &out, err);
}

static int
encode_job(void *context, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    return sc_record_encode(context, &text, err);
}

static int
spec_job(void *context, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_oci_spec spec;

    return sc_spec_build(context, &arena, &spec, err);
}

static void
test_record(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_container container;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    sample_container(&container, &arena);
    assert_ok(sc_record_encode(&container, &text, &err));
    assert_true(torture_run("encode", encode_job, &container) > 0);
    assert_true(torture_run("decode", decode_job, &text) > 0);
}

static void
test_spec(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container container = SC_CONTAINER_INIT;
    struct sc_host host = {.caps = UINT64_MAX, .cpu_count = 2};
    struct sc_inputs in = {.container = &container,
                           .host = &host,
                           .container_dir = "/c",
                           .files_dir = "/c",
                           .run_dir = "/r",
                           .volume_dir = "/v",
                           .is_root = true,
                           .has_files = true,
                           .hostname = "host"};

    (void)state;
    sc_create_options_init(&container.options);
    container.path = sc_arena_strdup(&arena, "sh");
    container.effective_workdir = sc_arena_strdup(&arena, "/");
    assert_true(torture_run("spec", spec_job, &in) > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_spec),
    };

    return RUN_TESTS(tests);
}
