/* Dockerfiles, to the last step: whatever is accepted has what a builder relies on. */
#include <string.h>

#include "image/build/dockerfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_err(const struct sc_err *err)
{
    if (err->kind == SC_ERR_NONE || err->kind == SC_ERR_INTERNAL || err->msg[0] == '\0')
        SC_BUG("an error without words");
}

static void
check_part(const char *name)
{
    if (*name == '\0' || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        SC_BUG("a file's name that leads elsewhere");
}

static void
check_from(const struct sc_df_plan *plan, const struct sc_df_from *from)
{
    if ((from->kind == SC_DF_STAGE && from->stage >= plan->stage_count) ||
        (from->kind == SC_DF_IMAGE && (!from->image || *from->image == '\0')))
        SC_BUG("files from nowhere");
}

static void
check_step(const struct sc_df_scope *scope, const struct sc_df_step *step)
{
    if (!step->shown || *step->shown == '\0')
        SC_BUG("a step that shows nothing");
    if (step->op == SC_DF_RUN) {
        for (size_t i = 0; i < step->run.mount_count; i++) {
            const struct sc_df_mount *mount = &step->run.mounts[i];

            check_from(scope->plan, &mount->from);
            if (mount->type <= SC_DF_MOUNT_TMPFS && (!mount->target || *mount->target == '\0'))
                SC_BUG("a mount without a target");
            if (mount->type == SC_DF_MOUNT_SECRET && (!mount->id || (!mount->target && !mount->env)))
                SC_BUG("a secret that goes nowhere");
        }
        if (step->run.kind == SC_DF_RUN_FILE)
            check_part(step->run.file_name);
        if (step->run.kind == SC_DF_RUN_EXEC ? step->run.argv.count == 0 : !step->run.script)
            SC_BUG("nothing to run");
    } else if (step->op == SC_DF_COPY || step->op == SC_DF_ADD) {
        check_from(scope->plan, &step->copy.from);
        if (step->copy.sources.count + step->copy.file_count == 0 || !step->copy.dest)
            SC_BUG("nothing to copy");
        for (size_t i = 0; i < step->copy.file_count; i++)
            check_part(step->copy.files[i].name);
    } else if (step->op == SC_DF_WORKDIR) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        const char *path = sc_df_path_join("/a/b", step->text, &arena);

        if (*path != '/' || strstr(path, "//") || (path[1] && sc_str_ends(path, "/")))
            SC_BUG("a path that is not clean");
    }
}

static int
run_stage(const struct sc_df_plan *plan, size_t at, struct sc_df_scope *scopes, struct sc_arena *arena,
          struct sc_err *err)
{
    const struct sc_df_stage_plan *stage = &plan->stages[at];
    const struct sc_df_scope *parent = stage->base_kind == SC_DF_BASE_STAGE ? &scopes[stage->base_stage] : NULL;

    if (sc_df_scope_init(&scopes[at], plan, at, NULL, parent, arena, err) < 0)
        return -1;
    for (size_t i = 0; i < stage->instr_count; i++) {
        struct sc_df_step step;
        struct sc_strv env;
        bool is_empty;

        if (sc_df_step_make(&scopes[at], stage->instrs[i], arena, &step, err) < 0)
            return -1;
        check_step(&scopes[at], &step);
        if (!sc_df_step_history(&scopes[at], &step, NULL, arena, &is_empty))
            SC_BUG("a step without history");
        if (sc_df_scope_run_env(&scopes[at], true, arena, &env, err) < 0)
            return -1;
    }
    return 0;
}

static int
run(const uint8_t *data, size_t size, struct sc_arena *arena, struct sc_err *err)
{
    static char build_arg[] = "A=b", trigger[] = "COPY --from=0 a b";
    static char *build_args[] = {build_arg, NULL}, *onbuild[] = {trigger, NULL};
    const struct sc_strv triggers = {.items = onbuild, .count = 1};
    const struct sc_df_options options = {
        .build_args = {.items = build_args, .count = 1},
        .build = {"linux", "amd64", ""},
        .platform = {"linux", "arm", "v7"},
    };
    struct sc_df_file file;
    struct sc_df_plan plan;
    sc_cleanup_free bool *is_done = NULL;
    sc_cleanup_free struct sc_df_scope *scopes = NULL;
    ssize_t at;

    if (sc_df_parse((const char *)data, size, "Dockerfile", arena, &file, err) < 0 ||
        sc_df_plan_make(&file, &options, arena, &plan, err) < 0)
        return -1;
    is_done = calloc(plan.stage_count, sizeof(*is_done));
    scopes = calloc(plan.stage_count, sizeof(*scopes));
    if (plan.stage_count > 1 && plan.stages[plan.target].base_kind == SC_DF_BASE_IMAGE &&
        sc_df_plan_add_triggers(&plan, plan.target, &triggers, arena, err) < 0)
        return -1;
    while ((at = sc_df_plan_next(&plan, is_done)) >= 0) {
        if (run_stage(&plan, (size_t)at, scopes, arena, err) < 0)
            return -1;
        is_done[at] = true;
    }
    if (!is_done[plan.target])
        SC_BUG("a target that is never built");
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;

    if (run(data, size, &arena, &err) < 0)
        check_err(&err);
    return 0;
}
