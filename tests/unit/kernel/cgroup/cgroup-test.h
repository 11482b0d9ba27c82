/* What the cgroup tests share: cmocka, made-up layouts, and looking up a write by its file. */
#ifndef SC_TESTS_CGROUP_TEST_H
#define SC_TESTS_CGROUP_TEST_H

#include "kernel/cgroup/cgroup-priv.h"
#include "test.h"

#define I64(n)                                                                                                         \
    {                                                                                                                  \
        .is_set = true, .value = (n)                                                                                   \
    }
#define U64(n)                                                                                                         \
    {                                                                                                                  \
        .is_set = true, .value = (n)                                                                                   \
    }
#define YES                                                                                                            \
    {                                                                                                                  \
        .is_set = true, .value = true                                                                                  \
    }
#define NO                                                                                                             \
    {                                                                                                                  \
        .is_set = true, .value = false                                                                                 \
    }
#define MIB (INT64_C(1) << 20)

/* Adds a hierarchy: controllers is "cpu cpuacct". */
static inline void
layout_put(struct sc_cgroup_layout *layout, struct sc_arena *arena, bool is_v2, const char *name,
           const char *controllers)
{
    struct sc_cgroup_hierarchy *item = &layout->items[layout->count++];
    char *words = sc_arena_strdup(arena, controllers), *save = NULL;

    item->is_v2 = is_v2;
    item->mount_point = sc_arena_printf(arena, "/sys/fs/cgroup%s%s", name[0] ? "/" : "", name);
    item->mount_root = sc_arena_strdup(arena, "/");
    item->self_path = sc_arena_strdup(arena, "/");
    item->name = sc_arena_strdup(arena, name);
    for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
        sc_strv_add(&item->controllers, arena, word);
}

static inline struct sc_cgroup_layout
layout_v1(struct sc_arena *arena)
{
    static const char *const names[] = {"cpuset",  "cpu cpuacct", "memory",   "pids", "devices", "blkio",
                                        "hugetlb", "net_cls",     "net_prio", "rdma", "freezer"};
    struct sc_cgroup_layout layout = {
        .mode = SC_CGROUP_V1, .cpuset_cpus = (char *)"0-3", .cpuset_mems = (char *)"0", .has_swap_accounting = true};

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++)
        layout_put(&layout, arena, false, names[i], names[i]);
    return layout;
}

static inline struct sc_cgroup_layout
layout_v2(struct sc_arena *arena, const char *controllers)
{
    struct sc_cgroup_layout layout = {.mode = SC_CGROUP_V2, .has_swap_accounting = true};

    layout_put(&layout, arena, true, "", controllers);
    return layout;
}

/* All writes as "file=value;file=value;", with "?" behind the value of an optional one. */
static inline const char *
show_writes(struct sc_arena *arena, const struct sc_cgroup_writes *writes)
{
    const char *text = "";

    for (size_t i = 0; i < writes->count; i++)
        text = sc_arena_printf(arena, "%s%s=%s%s;", text, writes->items[i].file, writes->items[i].value,
                               writes->items[i].is_optional ? "?" : "");
    return text;
}

static inline const char *
show_words(struct sc_arena *arena, const struct sc_strv *words)
{
    const char *text = "";

    for (size_t i = 0; i < words->count; i++)
        text = sc_arena_printf(arena, "%s%s%s", text, i ? " " : "", words->items[i]);
    return text;
}

#endif
