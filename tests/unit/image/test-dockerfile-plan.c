/* Stages: which are needed, in which order, and their variables before they begin. */
#include "dockerfile-fixture.h"

static void
test_bases(void **state)
{
    static const char text[] = "ARG V=1 W=${V}2 X\nFROM --platform=$BUILDPLATFORM alpine:${W} AS Base\n"
                               "FROM base AS two\nFROM scratch\nFROM ${X:-busybox} AS busybox\nFROM busybox\n";
    struct sc_err err = SC_ERR_INIT;
    DF df = {.arena = SC_ARENA_INIT,
             .options = {.build_args = LIST("V=9", "V=7", "Z=1", "HTTP_PROXY=p", "TARGETOS=x")}};

    (void)state;
    assert_ok(df_plan(&df, text, &err));
    assert_int_equal(df.plan.stages[0].base_kind, SC_DF_BASE_IMAGE);
    assert_string_equal(df.plan.stages[0].base, "alpine:72");
    assert_string_equal(df.plan.stages[0].platform, "linux/amd64");
    assert_string_equal(df.plan.stages[0].name, "base");
    assert_int_equal(df.plan.stages[1].base_kind, SC_DF_BASE_STAGE);
    assert_int_equal(df.plan.stages[1].base_stage, 0);
    assert_null(df.plan.stages[1].platform);
    assert_int_equal(df.plan.stages[2].base_kind, SC_DF_BASE_SCRATCH);
    assert_string_equal(df.plan.stages[2].shown, "stage-2");
    assert_int_equal(df.plan.stages[3].base_kind, SC_DF_BASE_IMAGE); /* not itself */
    assert_int_equal(df.plan.stages[4].base_kind, SC_DF_BASE_STAGE);
    assert_int_equal(df.plan.target, 4);
    assert_false(df.plan.stages[0].is_needed);
    assert_true(df.plan.stages[3].is_needed);
    assert_string_equal(df_joined(&df.plan.unused_args, &df.arena), "Z");
}

static void
test_platform_args(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    DF df = {.arena = SC_ARENA_INIT};

    (void)state;
    assert_ok(df_plan(&df, "FROM a\n", &err));
    assert_string_equal(df_joined(&df.plan.global_args, &df.arena),
                        "BUILDPLATFORM=linux/amd64|BUILDOS=linux|BUILDOSVERSION=|BUILDARCH=amd64|BUILDVARIANT=|"
                        "TARGETPLATFORM=linux/arm64/v8|TARGETOS=linux|TARGETOSVERSION=|TARGETARCH=arm64|"
                        "TARGETVARIANT=v8|TARGETSTAGE=default");
}

/* Only what the target needs, each after what it needs, a later stage too. */
static void
test_order(void **state)
{
    static const char text[] =
        "FROM a AS one\nFROM b AS unused\nFROM c AS three\nCOPY --from=LATE /x /y\nCOPY --from=0 /x /y\n"
        "FROM d AS late\nRUN --mount=from=one,target=/m --mount=from=img,target=/n x\n"
        "FROM three\nCOPY --from=img /x /y\nCOPY --from=other:1 /x /y\n";
    struct sc_err err = SC_ERR_INIT;
    DF df = {.arena = SC_ARENA_INIT};
    bool is_done[5] = {false};
    size_t order[5], count = 0;
    ssize_t at;

    (void)state;
    assert_ok(df_plan(&df, text, &err));
    assert_int_equal(df.plan.stages[2].need_count, 2);
    assert_int_equal(df.plan.stages[3].need_count, 1);
    assert_int_equal(df.plan.stages[3].image_count, 1);
    assert_int_equal(df.plan.stages[4].image_count, 2);
    assert_string_equal(df.plan.stages[4].images[0], "img");
    while ((at = sc_df_plan_next(&df.plan, is_done)) >= 0) {
        is_done[at] = true;
        order[count++] = (size_t)at;
    }
    assert_int_equal(count, 4);
    assert_int_equal(order[0], 0);
    assert_int_equal(order[1], 3);
    assert_int_equal(order[2], 2);
    assert_int_equal(order[3], 4);
    assert_false(df.plan.stages[1].is_needed);
}

static void
test_target(void **state)
{
    static const char text[] = "FROM a AS one\nFROM b AS two\nFROM c\n";
    static const struct {
        const char *target;
        size_t stage;
    } cases[] = {{"", 2}, {"one", 0}, {"TWO", 1}, {"2", 2}, {"0", 0}};
    struct sc_err err = SC_ERR_INIT;
    DF bad = {.arena = SC_ARENA_INIT, .options = {.target = "tow"}};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        DF df = {.arena = SC_ARENA_INIT, .options = {.target = cases[i].target}};

        assert_ok(df_plan(&df, text, &err));
        assert_int_equal(df.plan.target, cases[i].stage);
    }
    assert_fails(df_plan(&bad, text, &err), SC_ERR_NOT_FOUND,
                 "Dockerfile: target stage \"tow\" could not be found (did you mean two?)");
}

static void
test_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"FROM $X\n", "Dockerfile:1: base name ($X) should not be blank"},
        {"FROM ${X\n", "Dockerfile:1: \"${X\": syntax error: missing '}'"},
        {"FROM --platform=$X a\n", "Dockerfile:1: empty platform value from expression $X"},
        {"FROM a\nCOPY --from=1 x /y\n", "Dockerfile:2: invalid stage index 1: there are 1 stages"},
        {"FROM a AS b\nCOPY --from=b x /y\n", "Dockerfile:1: circular dependency detected on stage: b"},
        {"FROM a AS b\nCOPY --from=c x /y\nFROM b AS c\n", "Dockerfile:3: circular dependency detected on stage: c"},
        {"FROM a AS b\nCOPY --from=b x /y\nFROM c\n", "Dockerfile:1: circular dependency detected on stage: b"},
        {"FROM a\nCOPY --from=${X} x /y\n",
         "Dockerfile:2: variable expansion is not supported for --from, define a new stage with FROM using ARG from "
         "global scope as a workaround"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_err err = SC_ERR_INIT;
        DF df = {.arena = SC_ARENA_INIT};

        assert_fails(df_plan(&df, cases[i].text, &err), SC_ERR_INVALID, cases[i].message);
    }
}

/* A base's triggers come first, and may need what nothing else did. */
static void
test_triggers(void **state)
{
    struct sc_strv triggers = LIST("COPY --from=tool /t /t", "RUN <<E\nmake\nE"), none = {.items = NULL},
                   bad = LIST("RUN a\nRUN b"), from = LIST("FROM x"), unknown = LIST("FOO"),
                   circle = LIST("COPY --from=1 a b");
    struct sc_err err = SC_ERR_INIT;
    DF df = {.arena = SC_ARENA_INIT};
    bool is_done[2] = {false};
    struct sc_df_step step;

    (void)state;
    assert_ok(df_plan(&df, "FROM a AS tool\nFROM b\nENV A=1\n", &err));
    assert_false(df.plan.stages[0].is_needed);
    assert_int_equal(sc_df_plan_next(&df.plan, is_done), 1);
    assert_ok(sc_df_plan_add_triggers(&df.plan, 1, &none, &df.arena, &err));
    assert_fails(sc_df_plan_add_triggers(&df.plan, 1, &bad, &df.arena, &err), SC_ERR_INVALID,
                 "Dockerfile:2: ONBUILD trigger \"RUN a\nRUN b\" of b: a trigger is one instruction");
    assert_fails(sc_df_plan_add_triggers(&df.plan, 1, &from, &df.arena, &err), SC_ERR_INVALID,
                 "Dockerfile:2: ONBUILD trigger \"FROM x\" of b: FROM isn't allowed as an ONBUILD trigger");
    assert_fails(sc_df_plan_add_triggers(&df.plan, 1, &unknown, &df.arena, &err), SC_ERR_INVALID,
                 "Dockerfile:2: ONBUILD trigger \"FOO\" of b: unknown instruction: FOO");
    assert_int_equal(df.plan.stages[1].instr_count, 1);
    assert_ok(sc_df_plan_add_triggers(&df.plan, 1, &triggers, &df.arena, &err));
    assert_int_equal(df.plan.stages[1].instr_count, 3);
    assert_int_equal(df.plan.stages[1].instrs[0]->op, SC_DF_COPY);
    assert_int_equal(df.plan.stages[1].instrs[2]->op, SC_DF_ENV);
    assert_true(df.plan.stages[0].is_needed);
    assert_false(sc_df_plan_is_ready(&df.plan, 1, is_done));
    assert_int_equal(sc_df_plan_next(&df.plan, is_done), 0);
    assert_ok(sc_df_scope_init(&df.scope, &df.plan, 1, NULL, NULL, &df.arena, &err));
    assert_ok(sc_df_step_make(&df.scope, df.plan.stages[1].instrs[1], &df.arena, &step, &err));
    assert_string_equal(step.run.script, "make\n");
    assert_fails(sc_df_plan_add_triggers(&df.plan, 1, &circle, &df.arena, &err), SC_ERR_INVALID,
                 "Dockerfile:2: circular dependency detected on stage: stage-1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bases),  cmocka_unit_test(test_platform_args), cmocka_unit_test(test_order),
        cmocka_unit_test(test_target), cmocka_unit_test(test_refused),       cmocka_unit_test(test_triggers),
    };

    return RUN_TESTS(tests);
}
