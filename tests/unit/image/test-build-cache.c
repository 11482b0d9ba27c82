/* The cache of a build's steps: its file, what is found in it, what it keeps. And where paths of a COPY lead. */
#include "two-images.h"
#include "image/build-priv.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMES_4(d)  d d d d
#define TIMES_16(d) TIMES_4(d) TIMES_4(d) TIMES_4(d) TIMES_4(d)
#define HEX(d)      TIMES_16(d) TIMES_16(d) TIMES_16(d) TIMES_16(d)

static struct sc_build_entry
entry_of(const char *key, bool has_layer)
{
    return (struct sc_build_entry){.key = (char *)(uintptr_t)key,
                                   .shown = (char *)(uintptr_t) "RUN x",
                                   .has_layer = has_layer,
                                   .created = 5,
                                   .used = 7,
                                   .layer = {.digest = (char *)(uintptr_t) "sha256:" HEX("a"),
                                             .diff_id = (char *)(uintptr_t) "sha256:" HEX("b"),
                                             .media_type = (char *)(uintptr_t)SC_MEDIA_LAYER,
                                             .chain = (char *)(uintptr_t)HEX("c"),
                                             .size = 10,
                                             .bytes = 3}};
}

static void
test_text_and_back(void **state)
{
    struct fixture *fixture = *state;
    struct sc_build_entry entries[] = {entry_of("k1", true), entry_of("k2", false)};
    struct sc_build_cache cache = {.items = entries, .count = 2}, back;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    assert_ok(sc_build_cache_encode(&cache, &text, &err));
    assert_ok(sc_build_cache_decode(text.data, text.len, &fixture->arena, &back, &err));
    assert_int_equal(back.count, 2);
    assert_string_equal(back.items[0].key, "k1");
    assert_true(back.items[0].has_layer);
    assert_string_equal(back.items[0].layer.chain, HEX("c"));
    assert_int_equal(back.items[0].layer.bytes, 3);
    assert_int_equal(back.items[0].used, 7);
    assert_false(back.items[1].has_layer);
    assert_true(sc_build_cache_has_stem(&back, "k"));
    assert_false(sc_build_cache_has_stem(&back, "k1x"));
}

/* What cannot be written is left out, and nothing else. */
static void
test_not_utf8_is_left_out(void **state)
{
    struct fixture *fixture = *state;
    struct sc_build_entry entries[] = {entry_of("k1", true), entry_of("k2", false), entry_of("k3", false)};
    struct sc_build_cache cache = {.items = entries, .count = 3}, back;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    entries[1].shown = (char *)(uintptr_t) "RUN \xc3";
    assert_ok(sc_build_cache_encode(&cache, &text, &err));
    assert_ok(sc_build_cache_decode(text.data, text.len, &fixture->arena, &back, &err));
    assert_int_equal(back.count, 2);
    assert_string_equal(back.items[0].key, "k1");
    assert_string_equal(back.items[1].key, "k3");
}

static void
test_damage_is_an_empty_cache(void **state)
{
    static const char *const texts[] = {
        "", "[]", "{\"version\":2,\"entries\":[]}", "{\"version\":1,\"entries\":[{\"key\":\"k\"}]}",
        ("{\"version\":1,\"entries\":[{\"key\":\"k\",\"shown\":\"\",\"layer\":{\"digest\":\"../../x\",\"diffId\":\"\","
         "\"chain\":\"..\",\"mediaType\":\"\"}}]}")};
    struct fixture *fixture = *state;
    struct sc_build_cache cache;

    for (size_t i = 0; i < SC_ARRAY_LEN(texts); i++) {
        struct sc_err err = SC_ERR_INIT;

        assert_int_equal(sc_build_cache_decode(texts[i], strlen(texts[i]), &fixture->arena, &cache, &err), -1);
        assert_int_equal(err.kind, SC_ERR_INVALID);
        sc_err_clear(&err);
        assert_ok(sc_file_replace_at(fixture->store.image_fd, SC_BUILD_CACHE_FILE, texts[i], strlen(texts[i]), 0600,
                                     SC_VOLATILE, &err));
        assert_ok(sc_build_cache_read(&fixture->store, &fixture->arena, &cache, &err));
        assert_int_equal(cache.count, 0);
    }
}

/* An entry is good for as much as its layer; one of the same key takes its place. */
static void
test_add_and_find(void **state)
{
    struct fixture *fixture = *state;
    struct sc_build_entry entries[] = {entry_of("none", false), entry_of("gone", true)};
    struct sc_build_entry again = entry_of("none", false);
    struct sc_build_pruned pruned;
    struct sc_build_cache cache;
    struct sc_err err = SC_ERR_INIT;

    again.created = 9;
    assert_ok(sc_build_cache_add(&fixture->store, entries, 2, &err));
    assert_ok(sc_build_cache_add(&fixture->store, &again, 1, &err));
    assert_ok(sc_build_cache_read(&fixture->store, &fixture->arena, &cache, &err));
    assert_int_equal(cache.count, 2);
    assert_non_null(sc_build_cache_find(&fixture->store, &cache, "none"));
    assert_int_equal(sc_build_cache_find(&fixture->store, &cache, "none")->created, 9);
    assert_null(sc_build_cache_find(&fixture->store, &cache, "gone"));
    assert_null(sc_build_cache_find(&fixture->store, &cache, "other"));
    assert_ok(sc_build_cache_prune(&fixture->store, false, 7, &pruned, &err));
    assert_int_equal(pruned.count, 0);
    assert_ok(sc_build_cache_prune(&fixture->store, false, 8, &pruned, &err));
    assert_int_equal(pruned.count, 2);
    assert_int_equal(pruned.freed, 3);
}

/* ---- paths */

static void
assert_leads(int root, const char *path, const char *canonical, bool is_there)
{
    char got[PATH_MAX];
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd fd = -1;

    assert_ok(sc_build_resolve(root, path, got, &fd, &err));
    assert_string_equal(got, canonical);
    assert_int_equal(fd >= 0, is_there);
}

static void
test_paths_stay_inside(void **state)
{
    struct fixture *fixture = *state;
    struct sc_err err = SC_ERR_INIT;
    char got[PATH_MAX];
    sc_cleanup_fd root = -1, fd = -1;

    assert_ok(sc_dir_make_at(fixture->store.image_fd, "r/a/b", 0755, &err));
    root = openat(fixture->store.image_fd, "r", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0);
    assert_int_equal(symlinkat("../../../..", root, "a/up"), 0);
    assert_int_equal(symlinkat("/a/b", root, "abs"), 0);
    assert_int_equal(symlinkat("loop", root, "loop"), 0);
    assert_int_equal(symlinkat("a/new/x", root, "dangling"), 0);
    assert_leads(root, "", "", true);
    assert_leads(root, "/", "", true);
    assert_leads(root, "a//./b/", "a/b", true);
    assert_leads(root, "../../a", "a", true);
    assert_leads(root, "a/up", "", true);
    assert_leads(root, "a/up/a/b", "a/b", true);
    assert_leads(root, "abs/..", "a", true);
    assert_leads(root, "abs/x/y", "a/b/x/y", false);
    assert_leads(root, "dangling", "a/new/x", false);
    assert_leads(root, "a/nothing/../b", "a/b", true);
    assert_int_equal(sc_build_resolve(root, "loop/x", got, &fd, &err), -1);
    assert_int_equal(err.errnum, ELOOP);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_text_and_back),
        FIXTURE_TEST(test_not_utf8_is_left_out),
        FIXTURE_TEST(test_damage_is_an_empty_cache),
        FIXTURE_TEST(test_add_and_find),
        FIXTURE_TEST(test_paths_stay_inside),
    };

    return RUN_TESTS(tests);
}
