/* Dockerfiles and .dockerignore while memory runs out: each run either does it all or says why not. */
#include "dockerfile-fixture.h"
#include "torture.h"

static const char text[] = "# syntax=x\nARG V=1 W=${V}2\nFROM --platform=$BUILDPLATFORM a:${W} AS base\nARG V T=$V\n"
                           "ENV A=1 B=$A${V:-x} C=${B/1/2} D=${B#?}${B%%*1}\nRUN <<E\n#!/bin/x\nE\n"
                           "RUN --mount=type=cache,target=/c --mount=type=secret,id=x cat <<A <<B\n1\nA\n2\nB\n"
                           "COPY --chown=$A:1 --exclude=*.o --chmod=u+x <<F a b /d/\n$A\nF\n"
                           "ONBUILD COPY <<G /x\ng\nG\nEXPOSE 80-82 $A\nVOLUME [\"/a\", \"/b\"]\nLABEL a=$A\n"
                           "HEALTHCHECK --interval=5s CMD [\"x\"]\nSHELL [\"/bin/x\", \"-c\"]\nCMD a $b\n"
                           "FROM base\nCOPY --from=base /a /b\nCOPY --from=img /a /b\nWORKDIR $A/../x\n";

static int
stage_job(struct df *df, size_t at, struct sc_df_scope *scope, const struct sc_df_scope *parent, struct sc_err *err)
{
    const struct sc_df_stage_plan *stage = &df->plan.stages[at];
    struct sc_strv env;

    if (sc_df_scope_init(scope, &df->plan, at, NULL, parent, &df->arena, err) < 0)
        return -1;
    for (size_t i = 0; i < stage->instr_count; i++) {
        struct sc_df_step step;
        bool is_empty;

        if (sc_df_step_make(scope, stage->instrs[i], &df->arena, &step, err) < 0)
            return -1;
        if (!sc_df_step_history(scope, &step, NULL, &df->arena, &is_empty))
            return sc_err_nomem(err);
    }
    return sc_df_scope_run_env(scope, true, &df->arena, &env, err);
}

static int
dockerfile_job(void *context, struct sc_err *err)
{
    DF df = {.arena = SC_ARENA_INIT, .options = {.build_args = LIST("V=3", "X=1", "http_proxy=p")}};
    struct sc_strv triggers = LIST("RUN make", "COPY <<Q /q\n1\nQ");
    struct sc_df_scope base, scope;

    (void)context;
    if (df_plan(&df, text, err) < 0 || sc_df_plan_add_triggers(&df.plan, 1, &triggers, &df.arena, err) < 0)
        return -1;
    return stage_job(&df, 0, &base, NULL, err) < 0 ? -1 : stage_job(&df, 1, &scope, &base, err);
}

static int
ignore_job(void *context, struct sc_err *err)
{
    static const char patterns[] = "a/../b\n# x\n!c*d\n**/[e-f]?\n/g/\n*.h\ni\nj\nk\nl\n";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_ignore ignore;

    (void)context;
    if (sc_ignore_parse(patterns, sizeof(patterns) - 1, ".dockerignore", &arena, &ignore, err) < 0)
        return -1;
    return sc_ignore_is_ignored(&ignore, "x/e1") ? 0 : sc_err_set(err, SC_ERR_INTERNAL, "it is not left out");
}

static void
test_dockerfile(void **state)
{
    (void)state;
    assert_true(torture_run("dockerfile", dockerfile_job, NULL) > 0);
}

static void
test_ignore(void **state)
{
    (void)state;
    assert_true(torture_run("dockerignore", ignore_job, NULL) > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dockerfile),
        cmocka_unit_test(test_ignore),
    };

    return RUN_TESTS(tests);
}
