/* base with every single allocation failing once. */
#include <fcntl.h>
#include <stdio.h>

#include "test.h"

#include "base/json.h"
#include "torture.h"

static int
arena_job(void *context, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv list = {.items = NULL};

    (void)context;
    for (int i = 0; i < 3000; i++)
        sc_strv_addf(&list, &arena, "KEY%d=%d", i, i);
    sc_strv_set_env(&list, &arena, "KEY7=again");
    (void)sc_arena_alloc(&arena, 100000);
    (void)sc_arena_printf(&arena, "%0100000d", 1);
    for (size_t i = 0; i < list.count; i++) {
        if (!list.items[i])
            return sc_err_set(err, SC_ERR_INTERNAL, "a hole in the list");
    }
    return sc_arena_check(&arena, err);
}

static int
buf_job(void *context, struct sc_err *err)
{
    sc_cleanup_buf buf = SC_BUF_INIT;

    (void)context;
    for (int i = 0; i < 2000; i++) {
        sc_buf_addf(&buf, "%d ", i);
        sc_buf_add_json(&buf, "a\"\xff", 3);
        sc_buf_add_shell(&buf, "it's");
    }
    return sc_buf_check(&buf, err);
}

static const char json_text[] =
    "{\"s\":\"text\",\"n\":18446744073709551615,\"l\":[\"a\",\"b\",\"c\",{\"x\":1.5}],\"m\":{\"k\":\"v\",\"k2\":\"v2\"}"
    ","
    "\"strings\":[\"one\",\"two\",\"three\",\"four\",\"five\",\"six\",\"seven\",\"eight\",\"nine\"]}";

static int
json_job(void *context, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_json json = NULL;
    sc_cleanup_buf out = SC_BUF_INIT;
    struct sc_strv list = {.items = NULL}, map = {.items = NULL};
    char *text = NULL;

    (void)context;
    if (sc_json_parse(json_text, sizeof(json_text) - 1, "json", &json, err) < 0 ||
        sc_json_get_str(json, "s", "", &arena, &text, err) < 0 ||
        sc_json_get_strv(json, "strings", "", &arena, &list, err) < 0 ||
        sc_json_get_map(json, "m", "", &arena, &map, err) < 0 || sc_json_dump(json, &out, err) < 0)
        return -1;
    sc_buf_clear(&out);
    return sc_json_dump_pretty(json, &out, err);
}

static int
file_job(void *context, struct sc_err *err)
{
    sc_cleanup_buf buf = SC_BUF_INIT;

    (void)context;
    return sc_file_read_at(AT_FDCWD, "/proc/self/status", 65536, &buf, err);
}

static int
tree_job(void *context, struct sc_err *err)
{
    const char *path = context;

    if (sc_dir_make_at(AT_FDCWD, path, 0700, err) < 0)
        return -1;
    return sc_tree_remove_at(AT_FDCWD, path, err);
}

static void
test_jobs(void **state)
{
    (void)state;
    assert_true(torture_run("arena", arena_job, NULL) > 5);
    assert_true(torture_run("buf", buf_job, NULL) > 5);
    assert_true(torture_run("json", json_job, NULL) > 20);
    assert_true(torture_run("file", file_job, NULL) >= 1);
}

static void
test_tree(void **state)
{
    char top[] = "/tmp/sc-unit.XXXXXX", path[64];
    struct sc_err err;

    (void)state;
    assert_non_null(mkdtemp(top));
    (void)snprintf(path, sizeof(path), "%s/a", top);
    torture_run("tree", tree_job, path);
    assert_ok(sc_tree_remove_at(AT_FDCWD, top, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_jobs), cmocka_unit_test(test_tree)};

    return RUN_TESTS(tests);
}
