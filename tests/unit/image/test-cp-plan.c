/* What `cp` is asked to do: Docker's rules of existing and missing destinations, and of "/" and "/." at the end. */
#include <stdio.h>

#include "test.h"

#include "image/container-priv.h"

static void
test_wants_dir(void **state)
{
    static const char *const dirs[] = {"/", "a/", "a/.", "/a/..", ".", ".."};
    static const char *const others[] = {"a", "/a", "a.", "a/b..", ".a", "..."};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(dirs); i++)
        assert_true(sc_cp_wants_dir(dirs[i]));
    for (size_t i = 0; i < SC_ARRAY_LEN(others); i++)
        assert_false(sc_cp_wants_dir(others[i]));
}

static void
test_clean(void **state)
{
    static const struct {
        const char *path, *clean;
    } cases[] = {
        {"", "/"},
        {"/", "/"},
        {"a", "/a"},
        {"//a//b/", "/a/b"},
        {"a/./b", "/a/b"},
        {"/a/../b", "/b"},
        {"../../a", "/a"},
        {"/../..", "/"},
        {"a/b/..", "/a"},
        {"/...", "/..."},
        {"/a/b/../../..", "/"},
        {"/.wh.x", "/.wh.x"},
    };
    char out[PATH_MAX], name[NAME_MAX + 2], message[200];
    struct sc_err err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        assert_ok(sc_cp_clean(cases[i].path, out, &err));
        assert_string_equal(out, cases[i].clean);
    }
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(message, sizeof(message), "path \"%.100s...\" is too long", name);
    assert_fails(sc_cp_clean(name, out, &err), SC_ERR_INVALID, message);
}

#define A_FILE                                                                                                         \
    {                                                                                                                  \
        .exists = true                                                                                                 \
    }
#define A_DIR                                                                                                          \
    {                                                                                                                  \
        .exists = true, .is_dir = true                                                                                 \
    }
#define WHOLE                                                                                                          \
    {                                                                                                                  \
        .exists = true, .is_dir = true, .wants_dir = true, .is_whole = true                                            \
    }

static void
test_plans(void **state)
{
    static const struct {
        struct sc_cp_side from, to;
        enum sc_cp_how how;
    } cases[] = {
        {A_FILE, A_DIR, SC_CP_INTO},
        {A_FILE, {.exists = true, .is_dir = true, .wants_dir = true}, SC_CP_INTO},
        {A_FILE, A_FILE, SC_CP_AS},
        {A_FILE, {.exists = false}, SC_CP_AS},
        {A_DIR, A_DIR, SC_CP_INTO},
        {A_DIR, {.exists = false}, SC_CP_AS},
        {A_DIR, {.wants_dir = true}, SC_CP_AS},
        {WHOLE, A_DIR, SC_CP_CONTENTS},
        {WHOLE, {.exists = false}, SC_CP_AS},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        enum sc_cp_how how = (enum sc_cp_how) - 1;
        struct sc_err err;

        assert_ok(sc_cp_plan(&cases[i].from, &cases[i].to, "s", "d", &how, &err));
        assert_int_equal(how, cases[i].how);
    }
}

static void
test_refusals(void **state)
{
    static const struct {
        struct sc_cp_side from, to;
        enum sc_err_kind kind;
        const char *why;
    } cases[] = {
        {{.exists = true, .wants_dir = true}, A_DIR, SC_ERR_INVALID, "copy \"s\": it is not a directory"},
        {A_DIR, A_FILE, SC_ERR_INVALID, "cannot copy a directory to \"d\", which is a file"},
        {WHOLE, A_FILE, SC_ERR_INVALID, "cannot copy a directory to \"d\", which is a file"},
        {A_FILE, {.wants_dir = true}, SC_ERR_NOT_FOUND, "no such directory: \"d\""},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        enum sc_cp_how how;
        struct sc_err err;

        assert_fails(sc_cp_plan(&cases[i].from, &cases[i].to, "s", "d", &how, &err), cases[i].kind, cases[i].why);
    }
}

static void
test_ids(void **state)
{
    struct sc_oci_id_map items[] = {{0, 100000, 10}, {10, 5, 1}};
    const struct sc_oci_id_maps maps = {.items = items, .count = 2}, none = {.items = NULL};
    uint32_t id = 7;

    (void)state;
    assert_true(sc_oci_id_inside(&none, &id) && id == 7 && sc_oci_id_outside(&none, &id) && id == 7);
    assert_true(sc_oci_id_outside(&maps, &id) && id == 100007 && sc_oci_id_inside(&maps, &id) && id == 7);
    id = 10;
    assert_true(sc_oci_id_outside(&maps, &id) && id == 5 && sc_oci_id_inside(&maps, &id) && id == 10);
    id = 11;
    assert_false(sc_oci_id_outside(&maps, &id));
    id = 100010;
    assert_false(sc_oci_id_inside(&maps, &id));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wants_dir), cmocka_unit_test(test_clean), cmocka_unit_test(test_plans),
        cmocka_unit_test(test_refusals),  cmocka_unit_test(test_ids),
    };

    return RUN_TESTS(tests);
}
