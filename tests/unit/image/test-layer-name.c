/* What the names of a layer's entries mean. */
#include "test.h"

#include "image/transfer-priv.h"

static void
test_accepted(void **state)
{
    static const struct {
        const char *name;
        enum sc_layer_name_kind kind;
        const char *dir, *base;
    } cases[] = {
        {".", SC_LAYER_ROOT, "", ""},
        {"./", SC_LAYER_ROOT, "", ""},
        {"a", SC_LAYER_ENTRY, "", "a"},
        {"./a", SC_LAYER_ENTRY, "", "a"},
        {"a/", SC_LAYER_ENTRY, "", "a"},
        {"a//b/./c/", SC_LAYER_ENTRY, "a/b", "c"},
        {"...", SC_LAYER_ENTRY, "", "..."},
        {"..a/b..", SC_LAYER_ENTRY, "..a", "b.."},
        {"a/.wh.b", SC_LAYER_WHITEOUT, "a", "b"},
        {".wh.b", SC_LAYER_WHITEOUT, "", "b"},
        {".wh...x", SC_LAYER_WHITEOUT, "", "..x"},
        {"a/.wh..wh..opq", SC_LAYER_OPAQUE, "a", ""},
        {".wh..wh..opq", SC_LAYER_OPAQUE, "", ""},
        {".whx", SC_LAYER_ENTRY, "", ".whx"},
        {"new\nline", SC_LAYER_ENTRY, "", "new\nline"},
        {"\xff\xfe", SC_LAYER_ENTRY, "", "\xff\xfe"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_layer_name name;
        struct sc_err err;

        assert_ok(sc_layer_name_parse(cases[i].name, &name, &err));
        assert_int_equal(name.kind, cases[i].kind);
        assert_string_equal(name.dir, cases[i].dir);
        assert_string_equal(name.base, cases[i].base);
    }
}

static void
test_refused(void **state)
{
    static const struct {
        const char *name, *why;
    } cases[] = {
        {"", "its name is empty"},
        {"/", "its name is absolute"},
        {"/etc/passwd", "its name is absolute"},
        {"..", "its name has \"..\""},
        {"../x", "its name has \"..\""},
        {"a/../b", "its name has \"..\""},
        {"a/..", "its name has \"..\""},
        {".wh.", "it is a whiteout of no name"},
        {".wh..", "it is a whiteout of no name"},
        {"a/.wh...", "it is a whiteout of no name"},
        {".wh..wh.plnk", "it is no whiteout that an OCI layer may have"},
        {".wh..wh..opqx", "it is no whiteout that an OCI layer may have"},
        {"a/.wh.b/c", "it is below a whiteout"},
        {".wh..wh..opq/c", "it is below a whiteout"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_layer_name name;
        struct sc_err err;
        char expected[200];

        (void)snprintf(expected, sizeof(expected), "entry \"%s\": %s", cases[i].name, cases[i].why);
        assert_fails(sc_layer_name_parse(cases[i].name, &name, &err), SC_ERR_INVALID, expected);
    }
}

static void
test_lengths(void **state)
{
    char text[PATH_MAX * 2] = "";
    struct sc_layer_name name;
    struct sc_err err;

    (void)state;
    memset(text, 'a', NAME_MAX);
    assert_ok(sc_layer_name_parse(text, &name, &err));
    assert_int_equal(strlen(name.base), NAME_MAX);
    text[NAME_MAX] = 'a';
    assert_int_equal(sc_layer_name_parse(text, &name, &err), -1);
    assert_non_null(strstr(err.msg, "a part of its name is longer than 255 bytes"));
    for (size_t i = 0; i < PATH_MAX; i++)
        text[i] = i % 2 ? '/' : 'b';
    text[PATH_MAX - 1] = '\0'; /* 4095 bytes */
    assert_ok(sc_layer_name_parse(text, &name, &err));
    for (size_t i = 0; i < PATH_MAX + 2; i++)
        text[i] = i % 2 ? '/' : 'b';
    text[PATH_MAX + 1] = '\0';
    assert_int_equal(sc_layer_name_parse(text, &name, &err), -1);
    assert_non_null(strstr(err.msg, "its name is longer than 4095 bytes"));
}

static void
test_xattrs(void **state)
{
    struct sc_err err;

    (void)state;
    assert_int_equal(sc_layer_xattr_check("user.x", NULL, 0, &err), 1);
    assert_int_equal(sc_layer_xattr_check("security.capability", NULL, 0, &err), 1);
    assert_int_equal(sc_layer_xattr_check("security.selinux", NULL, 0, &err), 0);
    assert_int_equal(sc_layer_xattr_check("trusted.x", NULL, 0, &err), 0);
    assert_int_equal(sc_layer_xattr_check("system.posix_acl_access", NULL, 0, &err), 0);
    assert_fails(sc_layer_xattr_check("trusted.overlay.redirect", NULL, 0, &err), SC_ERR_INVALID,
                 "it has the attribute \"trusted.overlay.redirect\", which only overlay itself may set");
    assert_fails(sc_layer_xattr_check("user.overlay.opaque", NULL, 0, &err), SC_ERR_INVALID,
                 "it has the attribute \"user.overlay.opaque\", which only overlay itself may set");
    assert_fails(sc_layer_xattr_check("user.", "v", 1, &err), SC_ERR_INVALID,
                 "it has the attribute \"user.\", which is no name");
}

static void
test_capabilities(void **state)
{
    static const char second[24] = {1, 0, 0, 2, 4}, third[24] = {0, 0, 0, 3, 4}, flags[24] = {2, 0, 0, 2, 4},
                      first[24] = {0, 0, 0, 1, 4};
    const struct {
        const char *value;
        size_t size;
    } bad[] = {{second, 24}, {third, 20}, {flags, 20}, {first, 12}, {first, 20}, {second, 19}, {second, 0}};
    struct sc_err err;

    (void)state;
    assert_int_equal(sc_layer_xattr_check("security.capability", second, 20, &err), 1);
    assert_int_equal(sc_layer_xattr_check("security.capability", third, 24, &err), 1);
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++)
        assert_fails(sc_layer_xattr_check("security.capability", bad[i].value, bad[i].size, &err), SC_ERR_INVALID,
                     "its attribute \"security.capability\" has no capabilities in it");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),      cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_xattrs),   cmocka_unit_test(test_capabilities),
    };

    return RUN_TESTS(tests);
}
