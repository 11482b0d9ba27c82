/* Tables of resources and what they must become; run by the two translate tests. */
#ifndef SC_TESTS_TRANSLATE_CASES_H
#define SC_TESTS_TRANSLATE_CASES_H

#include "cgroup-test.h"

struct good {
    const char *title;
    struct sc_oci_resources resources;
    bool for_live; /* an update, not a new cgroup */
    const char *writes;
};
struct bad {
    struct sc_oci_resources resources;
    bool for_live;
    enum sc_err_kind kind;
    const char *message; /* the whole of it */
};

static inline void
run_good(const struct sc_cgroup_layout *layout, const struct good *cases, size_t count, const char *prefix)
{
    for (size_t i = 0; i < count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_cgroup_writes writes = {.count = 0};
        struct sc_strv need = {.count = 0};
        struct sc_err err = SC_ERR_INIT;
        const char *expected = sc_arena_printf(&arena, "%s%s", cases[i].for_live ? "" : prefix, cases[i].writes);
        int result = sc_cgroup_translate(layout, &cases[i].resources, !cases[i].for_live, &arena, &writes, &need, &err);

        if (result < 0)
            fail_msg("%s: %s", cases[i].title, err.msg);
        if (strcmp(show_writes(&arena, &writes), expected) != 0)
            fail_msg("%s: %s, not %s", cases[i].title, show_writes(&arena, &writes), expected);
        for (size_t j = 0; j < writes.count; j++) {
            const struct sc_cgroup_hierarchy *item = &layout->items[writes.items[j].hierarchy];

            assert_true(writes.items[j].why && writes.items[j].why[0]);
            /* v1: in the hierarchy of its controller */
            assert_true(item->is_v2 || item->controllers.count > 0);
            if (!item->is_v2 && item->controllers.items)
                assert_true(sc_str_starts(writes.items[j].file, item->controllers.items[0]));
        }
    }
}

static inline void
run_bad(const struct sc_cgroup_layout *layout, const struct bad *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_cgroup_writes writes = {.count = 77};
        struct sc_strv need = {.count = 0};
        struct sc_err err = SC_ERR_INIT;

        if (sc_cgroup_translate(layout, &cases[i].resources, !cases[i].for_live, &arena, &writes, &need, &err) == 0)
            fail_msg("no error, but: %s", cases[i].message);
        assert_string_equal(err.msg, cases[i].message);
        assert_int_equal(err.kind, cases[i].kind);
        assert_int_equal(writes.count, 77);
    }
}

#endif
