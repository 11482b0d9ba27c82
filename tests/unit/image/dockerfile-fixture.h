/* Dockerfiles of unit tests: parsed, planned, and run to their steps. */
#ifndef SC_TESTS_UNIT_DOCKERFILE_FIXTURE_H
#define SC_TESTS_UNIT_DOCKERFILE_FIXTURE_H

#include <stdio.h>

#include "test.h"

#include "image/build/dockerfile.h"

#define LIST(...)                                                                                                      \
    (struct sc_strv)                                                                                                   \
    {                                                                                                                  \
        .items = (char *[]){__VA_ARGS__, NULL}, .count = sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)              \
    }

struct df {
    struct sc_arena arena;
    struct sc_df_file file;
    struct sc_df_options options;
    struct sc_df_plan plan;
    struct sc_df_scope scope;
};

static inline void
df_release(struct df *df)
{
    sc_arena_release(&df->arena);
}
#define DF __attribute__((cleanup(df_release))) struct df

static inline int
df_parse(struct df *df, const char *text, struct sc_err *err)
{
    return sc_df_parse(text, strlen(text), "Dockerfile", &df->arena, &df->file, err);
}

static inline int
df_plan(struct df *df, const char *text, struct sc_err *err)
{
    if (!df->options.build.os) {
        df->options.build = (struct sc_df_platform){"linux", "amd64", ""};
        df->options.platform = (struct sc_df_platform){"linux", "arm64", "v8"};
    }
    if (df_parse(df, text, err) < 0)
        return -1;
    return sc_df_plan_make(&df->file, &df->options, &df->arena, &df->plan, err);
}

/* The last step of the target stage; those before are made too. */
static inline int
df_step(struct df *df, const char *text, struct sc_df_step *step, struct sc_err *err)
{
    const struct sc_df_stage_plan *stage;

    if (df_plan(df, text, err) < 0)
        return -1;
    stage = &df->plan.stages[df->plan.target];
    if (sc_df_scope_init(&df->scope, &df->plan, df->plan.target, NULL, NULL, &df->arena, err) < 0)
        return -1;
    for (size_t i = 0; i < stage->instr_count; i++)
        if (sc_df_step_make(&df->scope, stage->instrs[i], &df->arena, step, err) < 0)
            return -1;
    return 0;
}

static inline const char *
df_joined(const struct sc_strv *list, struct sc_arena *arena)
{
    char *out = sc_arena_strdup(arena, "");

    for (size_t i = 0; i < list->count; i++)
        out = sc_arena_printf(arena, "%s%s%s", out, i > 0 ? "|" : "", list->items[i]);
    return out;
}

#endif
