/* The features document: every word it lists is taken by the code that it speaks of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "kernel/seccomp.h"
#include "plan/plan-priv.h"
#include "runtime/runtime.h"

struct fixture {
    struct sc_arena arena;
    json_t *json;
};

static int
setup(void **state)
{
    static struct fixture f;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    f = (struct fixture){.arena = SC_ARENA_INIT};
    if (sc_runtime_features(&f.arena, &text, &err) < 0 ||
        sc_json_parse(text.data, text.len, "features", &f.json, &err) < 0)
        return -1;
    *state = &f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    json_decref(f->json);
    sc_arena_release(&f->arena);
    return 0;
}

static const json_t *
list_of(void **state, const char *object, const char *inner, const char *key)
{
    const json_t *json = ((struct fixture *)*state)->json;

    if (object)
        json = json_object_get(json, object);
    if (inner)
        json = json_object_get(json, inner);
    json = json_object_get(json, key);
    assert_true(json_is_array(json));
    assert_true(json_array_size(json) > 0);
    return json;
}

static bool
has_word(const json_t *list, const char *word)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), word) == 0)
            return true;
    return false;
}

static void
test_mount_options(void **state)
{
    const json_t *list = list_of(state, NULL, NULL, "mountOptions");

    for (size_t i = 0; i < json_array_size(list); i++) {
        struct sc_err err = SC_ERR_INIT;
        struct sc_mount_options options = {.data = SC_BUF_INIT};
        char *word = (char *)json_string_value(json_array_get(list, i));
        struct sc_strv one = {.items = &word, .count = 1};

        assert_int_equal(sc_mount_options_parse(&one, &options, &err), 0);
        if (options.data.len != 0)
            fail_msg("%s goes to the file system", word);
        sc_buf_release(&options.data);
    }
    assert_true(has_word(list, "ro") && has_word(list, "rro") && has_word(list, "rbind") && has_word(list, "ridmap"));
    assert_true(has_word(list, "rslave") && has_word(list, "tmpcopyup") && has_word(list, "rsymfollow"));
    assert_false(has_word(list, "size"));
}

/* Each word in a config of its own: what the document says is recognized must decode. */
static void
check_decodes(void **state, const json_t *list, const char *format)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < json_array_size(list); i++) {
        struct sc_err err = SC_ERR_INIT;
        struct sc_oci_spec spec = {0};
        const char *word = json_string_value(json_array_get(list, i));
        sc_cleanup_buf text = SC_BUF_INIT;
        const char *at = strchr(format, '@');

        sc_buf_addf(&text, "%.*s%s%s", (int)(at - format), format, word, at + 1);
        if (sc_oci_decode(text.data, text.len, &f->arena, &spec, &err) < 0)
            fail_msg("%s: %s", word, err.msg);
        assert_int_equal(spec.process.capabilities.unknown.count, 0);
    }
}

static void
test_words_decode(void **state)
{
    check_decodes(state, list_of(state, "linux", NULL, "namespaces"),
                  "{\"linux\":{\"namespaces\":[{\"type\":\"@\"}]}}");
    check_decodes(state, list_of(state, "linux", NULL, "capabilities"),
                  "{\"process\":{\"capabilities\":{\"bounding\":[\"@\"]}}}");
    check_decodes(state, list_of(state, "linux", "seccomp", "actions"),
                  "{\"linux\":{\"seccomp\":{\"defaultAction\":\"@\"}}}");
    check_decodes(state, list_of(state, "linux", "seccomp", "operators"),
                  "{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
                  "\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,\"op\":\"@\"}]}]}}}");
    check_decodes(state, list_of(state, "linux", "seccomp", "knownFlags"),
                  "{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"@\"]}}}");
    check_decodes(state, list_of(state, "linux", "memoryPolicy", "modes"),
                  "{\"linux\":{\"memoryPolicy\":{\"mode\":\"@\"}}}");
    check_decodes(state, list_of(state, "linux", "memoryPolicy", "flags"),
                  "{\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"@\"]}}}");
    check_decodes(state, list_of(state, NULL, NULL, "hooks"), "{\"hooks\":{\"@\":[{\"path\":\"/x\"}]}}");
}

static void
test_architectures_compile(void **state)
{
    struct fixture *f = *state;
    const json_t *list = list_of(state, "linux", "seccomp", "archs");

    assert_true(has_word(list, "SCMP_ARCH_X86_64") && has_word(list, "SCMP_ARCH_AARCH64"));
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct sc_err err = SC_ERR_INIT;
        struct sc_seccomp_filter filter;
        struct sc_oci_seccomp profile = {.is_set = true, .default_action = 0x7fff0000};

        sc_strv_add(&profile.architectures, &f->arena, json_string_value(json_array_get(list, i)));
        if (sc_seccomp_compile(&profile, &f->arena, &filter, &err) < 0)
            fail_msg("%s", err.msg);
    }
}

static void
test_versions(void **state)
{
    const json_t *json = ((struct fixture *)*state)->json;

    assert_string_equal(json_string_value(json_object_get(json, "ociVersionMin")), "1.0.0");
    assert_string_equal(json_string_value(json_object_get(json, "ociVersionMax")), "1.3.0");
    assert_int_equal(json_array_size(list_of(state, NULL, NULL, "hooks")), 6);
    assert_int_equal(json_array_size(list_of(state, "linux", NULL, "namespaces")), 8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mount_options),
        cmocka_unit_test(test_words_decode),
        cmocka_unit_test(test_architectures_compile),
        cmocka_unit_test(test_versions),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
