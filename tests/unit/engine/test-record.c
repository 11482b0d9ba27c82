/* record.json: every member survives, damage is refused. */
#include "sample.h"

static void
test_round_trip(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf first = SC_BUF_INIT, second = SC_BUF_INIT;
    struct sc_container in, out;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    sample_container(&in, &arena);
    assert_ok(sc_record_encode(&in, &first, &err));
    assert_ok(sc_record_decode(first.data, first.len, &arena, &out, &err));
    assert_ok(sc_record_encode(&out, &second, &err));
    assert_string_equal(first.data, second.data);
    assert_int_equal(out.lock_fd, -1);
}

/* Each member, one at a time, must change the text: an encoder that forgot it would pass the round trip. */
static void
test_every_member_is_written(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf empty = SC_BUF_INIT;
    struct sc_container none = SC_CONTAINER_INIT;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    memcpy(none.id, SAMPLE_ID, sizeof(none.id));
    sc_create_options_init(&none.options);
    assert_ok(sc_record_encode(&none, &empty, &err));
    for (unsigned i = 0; i < sc_option_field_count + sc_container_field_count; i++) {
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_container one = none;

        if (i < sc_option_field_count)
            sample_fill(&sc_option_fields[i], &one.options, &arena, i);
        else
            sample_fill(&sc_container_fields[i - sc_option_field_count], &one, &arena, i);
        assert_ok(sc_record_encode(&one, &text, &err));
        assert_string_not_equal(empty.data, text.data);
    }
}

/* The table covers the whole struct: with every entry filled no byte range as large as a pointer stays as it was. */
static void
test_no_option_is_forgotten(void **state)
{
    struct sc_create_options filled;
    const char *bytes = (const char *)&filled;
    size_t run = 0;

    (void)state;
    memset(&filled, 0, sizeof(filled));
    for (unsigned i = 0; i < sc_option_field_count; i++) {
        size_t size = 0;
        char *at = (char *)&filled + sc_option_fields[i].offset;

        switch (sc_option_fields[i].kind) {
        case SC_FIELD_STRV:
            size = sizeof(struct sc_strv);
            break;
        case SC_FIELD_NS:
            size = sizeof(struct sc_ns_choice);
            break;
        case SC_FIELD_TIME:
            size = sizeof(struct sc_oci_time_offset);
            break;
        case SC_FIELD_OPT_I64:
            size = sizeof(struct sc_opt_i64);
            break;
        case SC_FIELD_BOOL:
            size = sizeof(bool);
            break;
        case SC_FIELD_INT:
            size = sizeof(int);
            break;
        default:
            size = sizeof(void *);
            break;
        }
        memset(at, 0xff, size);
        if (sc_option_fields[i].count_offset)
            memset((char *)&filled + sc_option_fields[i].count_offset, 0xff, sizeof(size_t));
    }
    /* Of a step of a build, whose container is started by who made it: never recorded. */
    memset(&filled.step_layers, 0xff, sizeof(filled.step_layers));
    memset(&filled.step_dir, 0xff, sizeof(filled.step_dir));
    /* Up to seven bytes are padding. */
    for (size_t i = 0; i < sizeof(filled); i++) {
        run = bytes[i] ? 0 : run + 1;
        if (run >= sizeof(void *))
            fail_msg("bytes %zu to %zu of struct sc_create_options are in no field", i + 1 - run, i);
    }
}

static void
assert_refused(const char *text, enum sc_err_kind kind, const char *message)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container out;
    struct sc_err err = SC_ERR_INIT;

    assert_fails(sc_record_decode(text, strlen(text), &arena, &out, &err), kind, message);
}

#define HEAD "{\"version\":1,\"id\":\"" SAMPLE_ID "\",\"name\":\"ab\","

static void
test_damage_is_refused(void **state)
{
    (void)state;
    assert_refused("[]", SC_ERR_INVALID, "it must be an object");
    assert_refused("{\"version\":2,\"id\":\"" SAMPLE_ID "\",\"options\":{}}", SC_ERR_UNSUPPORTED,
                   "version 2: this sc reads version 1");
    assert_refused("{\"version\":1,\"id\":\"../../etc\",\"options\":{}}", SC_ERR_INVALID, "id or options are missing");
    assert_refused("{\"version\":1,\"id\":\"" SAMPLE_ID "\"}", SC_ERR_INVALID, "id or options are missing");
    assert_refused("{\"version\":1,\"id\":\"" SAMPLE_ID "\",\"options\":{}}", SC_ERR_INVALID,
                   "record.name: is missing");
    assert_refused("{\"version\":1,\"id\":\"" SAMPLE_ID "\",\"name\":\"../x\",\"options\":{}}", SC_ERR_INVALID,
                   "invalid container name \"../x\"");
    assert_refused(HEAD "\"layers\":[\"../../x\"],\"options\":{}}", SC_ERR_INVALID,
                   "record.layers: \"../../x\" is not a chain id");
    assert_refused(HEAD "\"options\":{\"pid\":{\"mode\":77}}}", SC_ERR_INVALID, "pid.mode: 77 is out of range");
    assert_refused(HEAD "\"options\":{\"pid\":{\"mode\":2}}}", SC_ERR_INVALID, "options.pid.value: is missing");
    assert_refused(HEAD "\"options\":{\"mounts\":[{\"kind\":0}]}}", SC_ERR_INVALID, "mounts.target: is missing");
    assert_refused(HEAD "\"options\":{\"mounts\":[{\"kind\":3,\"target\":\"/x\"}]}}", SC_ERR_INVALID,
                   "mounts.kind: 3 is out of range");
    assert_refused(HEAD "\"options\":{\"mounts\":[7]}}", SC_ERR_INVALID, "options.mounts: must hold objects");
    assert_refused(HEAD "\"options\":{\"devices\":[{}]}}", SC_ERR_INVALID, "devices.host: is missing");
    assert_refused(HEAD "\"options\":{\"memory\":\"x\"}}", SC_ERR_INVALID, "options.memory: must be a number");
}

static void
test_defaults_of_absent_members(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container out;
    struct sc_err err = SC_ERR_INIT;
    static const char text[] = HEAD "\"options\":{}}";

    (void)state;
    assert_ok(sc_record_decode(text, sizeof(text) - 1, &arena, &out, &err));
    assert_int_equal(out.options.stop_timeout, -1);
    assert_int_equal(out.options.network.mode, SC_NS_NONE);
    assert_int_equal(out.options.user_ns.mode, SC_NS_HOST);
    assert_int_equal(out.options.log.max_files, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_member_is_written),
        cmocka_unit_test(test_no_option_is_forgotten),
        cmocka_unit_test(test_damage_is_refused),
        cmocka_unit_test(test_defaults_of_absent_members),
    };

    return RUN_TESTS(tests);
}
