/* decode(encode(x)) is x, on a config that has every member there is; and it does have every one. */
#include <stdio.h>

#include "config.h"

static json_t *
parse(const struct sc_buf *text)
{
    struct sc_err err = SC_ERR_INIT;
    json_t *json = NULL;

    if (sc_json_parse(sc_buf_str(text), text->len, "config", &json, &err) < 0)
        fail_msg("%s", err.msg);
    return json;
}

static void
test_full_config(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf text = SC_BUF_INIT, once = SC_BUF_INIT, twice = SC_BUF_INIT;
    sc_cleanup_json before = NULL;
    sc_cleanup_json after = NULL;
    struct sc_oci_spec spec;
    struct sc_err err;

    (void)state;
    full_config_read(&text);
    assert_ok(sc_oci_decode(sc_buf_str(&text), text.len, &arena, &spec, &err));
    assert_ok(sc_oci_encode(&spec, &once, &err));
    before = parse(&text);
    after = parse(&once);
    if (!json_equal(before, after))
        fail_msg("the encoder says\n%s", sc_buf_str(&once));
    assert_ok(sc_oci_decode(sc_buf_str(&once), once.len, &arena, &spec, &err));
    assert_ok(sc_oci_encode(&spec, &twice, &err));
    assert_string_equal(sc_buf_str(&once), sc_buf_str(&twice));
}

/* Members of other specifications' versions or of Docker, which an encoder never writes. */
static bool
is_never_written(const char *key)
{
    return strcmp(key, "archMap") == 0;
}

static void check_object(const json_t *const *values, size_t count, const struct sc_oci_object *object,
                         const char *path);

static void
check_field(const json_t *const *values, size_t count, const struct sc_oci_field *field, const char *path)
{
    const json_t *inner[64];
    size_t inner_count = 0;
    char here[256];
    bool is_there = false;

    (void)snprintf(here, sizeof(here), "%s.%s", path, field->key);
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_object_get(values[i], field->key);
        const char *key;
        size_t at;
        json_t *item;

        is_there = is_there || value;
        if (field->kind == FIELD_OBJ && value)
            inner[inner_count++] = value;
        else if (field->kind == FIELD_LIST)
            json_array_foreach (value, at, item)
                inner[inner_count++] = item;
        else if (field->kind == FIELD_DICT)
            json_object_foreach (value, key, item)
                inner[inner_count++] = item;
        assert_true(inner_count < SC_ARRAY_LEN(inner));
    }
    if (!is_there && !is_never_written(field->key))
        fail_msg("full-config.json lacks %s", here);
    if (field->object)
        check_object(inner, inner_count, field->object, here);
}

static void
check_object(const json_t *const *values, size_t count, const struct sc_oci_object *object, const char *path)
{
    for (size_t i = 0; i < object->field_count; i++)
        check_field(values, count, &object->fields[i], path);
}

/* A member added to a table but not to full-config.json fails here. */
static void
test_full_config_is_complete(void **state)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json json = NULL;

    (void)state;
    full_config_read(&text);
    json = parse(&text);
    check_object((const json_t *const *)&json, 1, &sc_oci_spec_object, "config");
}

static void
test_least_config_and_layout(void **state)
{
    static const char text[] = "{\n"
                               "    \"ociVersion\": \"1.3.0\",\n"
                               "    \"process\": {\n"
                               "        \"user\": {\n"
                               "            \"uid\": 0,\n"
                               "            \"gid\": 0\n"
                               "        },\n"
                               "        \"args\": [\n"
                               "            \"true\"\n"
                               "        ],\n"
                               "        \"cwd\": \"/\"\n"
                               "    },\n"
                               "    \"root\": {\n"
                               "        \"path\": \"rootfs\"\n"
                               "    },\n"
                               "    \"linux\": {\n"
                               "        \"resources\": {}\n"
                               "    }\n"
                               "}\n";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf out = SC_BUF_INIT;
    struct sc_oci_spec spec;
    struct sc_err err;

    (void)state;
    assert_ok(sc_oci_decode(text, sizeof(text) - 1, &arena, &spec, &err));
    assert_true(spec.linux_.resources.is_set);
    assert_false(spec.linux_.seccomp.is_set);
    assert_ok(sc_oci_encode(&spec, &out, &err));
    assert_string_equal(sc_buf_str(&out), text);
}

/* The engine's mark on its own profile is not the specification's: it stays out of config.json. */
static void
test_default_profile_mark_is_not_written(void **state)
{
    struct sc_oci_spec spec = {.linux_.seccomp = {.is_set = true, .is_sc_default = true, .default_action = 0x7fff0000}};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf out = SC_BUF_INIT;
    struct sc_err err;

    (void)state;
    assert_ok(sc_oci_encode(&spec, &out, &err));
    assert_string_equal(sc_buf_str(&out), "{\n"
                                          "    \"linux\": {\n"
                                          "        \"seccomp\": {\n"
                                          "            \"defaultAction\": \"SCMP_ACT_ALLOW\"\n"
                                          "        }\n"
                                          "    }\n"
                                          "}\n");
    assert_ok(sc_oci_decode("{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"isScDefault\":true}}}", 75,
                            &arena, &spec, &err));
    assert_false(spec.linux_.seccomp.is_sc_default);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_config),
        cmocka_unit_test(test_full_config_is_complete),
        cmocka_unit_test(test_least_config_and_layout),
        cmocka_unit_test(test_default_profile_mark_is_not_written),
    };

    return RUN_TESTS(tests);
}
