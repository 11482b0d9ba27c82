/* The whole of a build: stages in their order, each instruction in its turn, and the image at the end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/build/build-priv.h"

#define NSEC_PER_SEC INT64_C(1000000000)
#define ID_DIGITS    16

/* ---- stages ------------------------------------------------------------------------------------------------------ */

static bool
is_shown(enum sc_df_op op)
{
    return op == SC_DF_RUN || op == SC_DF_COPY || op == SC_DF_ADD || op == SC_DF_WORKDIR;
}

static void
say_step(const struct sc_builder *b, size_t at, const char *what)
{
    struct sc_build_stage *stage = &b->stages[at];
    const struct sc_df_stage_plan *plan = &b->plan.stages[at];
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_buf_addf(&text, "[%s%s%zu/%zu] %s", b->plan.stage_count > 1 ? plan->shown : "",
                b->plan.stage_count > 1 ? " " : "", ++stage->steps, stage->count, what);
    sc_build_say(b, SC_BUILD_STEP, sc_buf_str(&text), 0);
}

static int
config_step(struct sc_builder *b, struct sc_build_stage *stage, const struct sc_df_step *step, bool *has_layer,
            struct sc_err *err)
{
    *has_layer = false;
    if (sc_build_config_apply(stage, step, b->arena, err) < 0)
        return -1;
    return step->op == SC_DF_WORKDIR ? sc_build_mkdir(b, stage, sc_build_config_text(stage, "WorkingDir"),
                                                      step->instr->original, has_layer, err)
                                     : 0;
}

static int
do_step(struct sc_builder *b, size_t at, const struct sc_df_instr *instr, struct sc_err *err)
{
    struct sc_build_stage *stage = &b->stages[at];
    struct sc_strv shell = {0};
    struct sc_df_step step;
    const char *history;
    bool has_layer = false, is_empty;
    int status;

    if (sc_build_check_signal(b, err) < 0 || sc_df_step_make(&stage->scope, instr, b->arena, &step, err) < 0)
        return -1;
    if (is_shown(step.op))
        say_step(b, at, step.shown);
    sc_build_shell(stage, b->arena, &shell);
    history = sc_df_step_history(&stage->scope, &step, &shell, b->arena, &is_empty);
    if (!history)
        return sc_err_nomem(err);
    status = step.op == SC_DF_RUN                            ? sc_build_run(b, stage, &step, &has_layer, err)
             : step.op == SC_DF_COPY || step.op == SC_DF_ADD ? sc_build_copy(b, stage, &step, &has_layer, err)
                                                             : config_step(b, stage, &step, &has_layer, err);
    if (status < 0) {
        if (b->signum) /* what was interrupted says it all */
            return -1;
        return instr->line > 0 ? sc_err_wrap(err, "%s:%u: %.200s", b->ask->dockerfile_name, instr->line, step.shown)
                               : sc_err_wrap(err, "%.200s", step.shown);
    }
    return sc_build_add_history(stage, history, !has_layer, has_layer ? stage->created : 0, err);
}

static void
count_steps(struct sc_builder *b, size_t at)
{
    const struct sc_df_stage_plan *plan = &b->plan.stages[at];

    b->stages[at].count = 1;
    for (size_t i = 0; i < plan->instr_count; i++)
        b->stages[at].count += is_shown(plan->instrs[i]->op);
}

/* This machine's alone is built for. */
static int
check_platform(const struct sc_builder *b, const char *text, struct sc_err *err)
{
    const struct sc_df_platform *own = &b->plan.options->platform;
    struct sc_platform want;

    if (!text || !*text)
        return 0;
    if (sc_platform_parse(text, b->arena, &want, err) < 0)
        return sc_err_wrap(err, "--platform");
    if (sc_str_eq(want.os, own->os) && sc_str_eq(want.arch, own->arch))
        return 0;
    return sc_err_set(err, SC_ERR_UNSUPPORTED, "--platform=%s: images are built for this machine alone, %s/%s", text,
                      own->os, own->arch);
}

/* A list of the configuration that a stage has from its base. */
static void
texts_of(const struct sc_build_stage *stage, const char *key, struct sc_arena *arena, struct sc_strv *out)
{
    const json_t *list = json_object_get(sc_build_config_of(stage), key);

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text)
            sc_strv_add(out, arena, text);
    }
}

static int
take_stage(struct sc_build_stage *stage, const struct sc_build_stage *from, struct sc_err *err)
{
    stage->root = json_deep_copy(from->root);
    stage->layers = from->layers;
    stage->created = from->created;
    stage->inherited = from->inherited;
    return stage->root ? 0 : sc_err_nomem(err);
}

/* The triggers of the base, an image or a stage, are instructions of this stage; its image has none of its own then.
 * *is_put_off: they need a stage that is not built yet. */
static int
take_triggers(struct sc_builder *b, size_t at, const bool *is_done, bool *is_put_off, struct sc_err *err)
{
    struct sc_strv triggers = {0};

    *is_put_off = false;
    texts_of(&b->stages[at], "OnBuild", b->arena, &triggers);
    if (triggers.count == 0)
        return sc_arena_check(b->arena, err);
    (void)json_object_del(sc_build_config_of(&b->stages[at]), "OnBuild");
    if (sc_df_plan_add_triggers(&b->plan, at, &triggers, b->arena, err) < 0)
        return -1;
    *is_put_off = !sc_df_plan_is_ready(&b->plan, at, is_done);
    return 0;
}

static int
begin_stage(struct sc_builder *b, size_t at, const bool *is_done, bool *is_put_off, struct sc_err *err)
{
    const struct sc_df_stage_plan *plan = &b->plan.stages[at];
    struct sc_build_stage *stage = &b->stages[at];
    struct sc_image image;
    int status;

    *is_put_off = false;
    if (stage->root) /* it was put off */
        return 0;
    if (check_platform(b, plan->platform, err) < 0)
        return -1;
    if (plan->base_kind == SC_DF_BASE_STAGE)
        return take_stage(stage, &b->stages[plan->base_stage], err) < 0
                   ? -1
                   : take_triggers(b, at, is_done, is_put_off, err);
    if (plan->base_kind == SC_DF_BASE_SCRATCH)
        return sc_build_begin_image(b, NULL, stage, err);
    status = sc_build_get_image(b, plan->base, b->ask->platform, &image, err);
    if (status == 0)
        status = sc_build_begin_image(b, &image, stage, err);
    if (status < 0)
        return b->signum ? -1 : sc_err_wrap(err, "%s:%u: %.200s", b->ask->dockerfile_name, plan->line, plan->original);
    return take_triggers(b, at, is_done, is_put_off, err);
}

static int
do_stage(struct sc_builder *b, size_t at, bool *is_done, struct sc_err *err)
{
    struct sc_build_stage *stage = &b->stages[at];
    struct sc_strv env = {0};
    bool is_put_off = false;

    if (begin_stage(b, at, is_done, &is_put_off, err) < 0)
        return -1;
    if (is_put_off)
        return 0;
    count_steps(b, at);
    say_step(b, at, b->plan.stages[at].original);
    texts_of(stage, "Env", b->arena, &env);
    if (sc_df_scope_init(
            &stage->scope, &b->plan, at, &env,
            b->plan.stages[at].base_kind == SC_DF_BASE_STAGE ? &b->stages[b->plan.stages[at].base_stage].scope : NULL,
            b->arena, err) < 0)
        return -1;
    for (size_t i = 0; i < b->plan.stages[at].instr_count; i++) {
        if (do_step(b, at, b->plan.stages[at].instrs[i], err) < 0)
            return -1;
    }
    /* What begins with this stage finds its environment there. */
    if (json_object_set_new(sc_build_config_of(stage), "Env", sc_json_strv(&stage->scope.env)) < 0)
        return sc_err_nomem(err);
    is_done[at] = true;
    return 0;
}

/* ---- the image --------------------------------------------------------------------------------------------------- */

static int
make_image(struct sc_builder *b, char **image_id, struct sc_err *err)
{
    struct sc_build_stage *stage = &b->stages[b->plan.target];
    sc_cleanup_json input = NULL;
    sc_cleanup_json answer = NULL;
    struct sc_strv words = {0};
    const char *id;

    if (sc_build_finish_config(stage, &b->ask->labels, b->epoch >= 0 ? b->epoch : sc_time_now(), b->epoch >= 0, err) <
        0)
        return -1;
    input = json_pack("{s:o, s:O, s:o}", "layers", sc_built_layers_json(&stage->layers), "config", stage->root, "names",
                      sc_json_strv(&b->ask->names));
    if (!input)
        return sc_err_nomem(err);
    sc_strv_add(&words, b->arena, "build-image");
    if (sc_build_transfer(b, &words, input, -1, &answer, err) < 0)
        return -1;
    id = json_string_value(json_object_get(answer, "id"));
    *image_id = id ? sc_arena_strdup(b->arena, id) : NULL;
    return *image_id ? 0 : sc_err_set(err, SC_ERR_INTERNAL, "sc-transfer named no image");
}

static int
find_platform(struct sc_builder *b, struct sc_df_options *options, struct sc_err *err)
{
    struct sc_platform host;

    if (sc_platform_host(b->arena, &host, err) < 0)
        return -1;
    /* linux/amd64, whatever level of it the machine has; the variants of 32-bit ARM are kinds. */
    options->build = options->platform =
        (struct sc_df_platform){host.os, host.arch, sc_str_eq(host.arch, "arm") ? host.variant : ""};
    return 0;
}

/* As for import and commit: who wants the same image twice says when it was made. */
static int
find_epoch(struct sc_builder *b, const struct sc_df_options *options, struct sc_err *err)
{
    const char *text = sc_df_build_arg(options, "SOURCE_DATE_EPOCH");
    int64_t seconds = 0;

    if (!text || !*text)
        return 0;
    if (sc_parse_i64(text, &seconds, err) < 0)
        return sc_err_wrap(err, "SOURCE_DATE_EPOCH");
    if (seconds < 0 || seconds > INT64_MAX / NSEC_PER_SEC)
        return sc_err_set(err, SC_ERR_INVALID, "SOURCE_DATE_EPOCH \"%s\": must be seconds since 1970", text);
    b->epoch = seconds * NSEC_PER_SEC;
    return 0;
}

static int
build(struct sc_builder *b, char **image_id, struct sc_err *err)
{
    const struct sc_build_ask *ask = b->ask;
    struct sc_df_options options = {.build_args = ask->build_args, .target = ask->target};
    struct sc_df_file file;
    bool *is_done;
    ssize_t at;

    if (find_epoch(b, &options, err) < 0 || find_platform(b, &options, err) < 0 ||
        sc_df_parse(ask->dockerfile, ask->dockerfile_len, ask->dockerfile_name, b->arena, &file, err) < 0 ||
        sc_df_plan_make(&file, &options, b->arena, &b->plan, err) < 0 || check_platform(b, ask->platform, err) < 0)
        return -1;
    for (size_t i = 0; i < b->plan.unused_args.count; i++)
        sc_build_say(b, SC_BUILD_NOTE,
                     sc_arena_printf(b->arena, "--build-arg %s: no ARG of the Dockerfile takes it",
                                     b->plan.unused_args.items[i]),
                     0);
    b->stages = SC_ARENA_ARRAY(b->arena, struct sc_build_stage, b->plan.stage_count);
    is_done = SC_ARENA_ARRAY(b->arena, bool, b->plan.stage_count);
    if (!b->stages || !is_done)
        return sc_err_nomem(err);
    while ((at = sc_df_plan_next(&b->plan, is_done)) >= 0) {
        if (do_stage(b, (size_t)at, is_done, err) < 0)
            return -1;
    }
    if (ask->to == SC_BUILD_TO_DIR || ask->to == SC_BUILD_TO_TAR)
        return sc_build_write_files(b, &b->stages[b->plan.target], err);
    if (make_image(b, image_id, err) < 0)
        return -1;
    return ask->to == SC_BUILD_TO_STORE ? 0 : sc_build_write_image(b, *image_id, err);
}

/* ---- around it --------------------------------------------------------------------------------------------------- */

static int
open_dir(struct sc_builder *b, struct sc_err *err)
{
    char id[SC_ID_LEN + 1];

    if (sc_id_random(id, err) < 0)
        return -1;
    b->dir_name = sc_arena_printf(b->arena, "tmp/" SC_BUILD_DIR "%.*s", ID_DIGITS, id);
    b->dir = sc_arena_printf(b->arena, "%s/image/%s", b->engine->data_path, b->dir_name);
    if (sc_arena_check(b->arena, err) < 0)
        return -1;
    if (mkdirat(b->engine->store.image_fd, b->dir_name, 0700) < 0)
        return sc_err_errno(err, errno, "make directory \"%s\"", b->dir);
    b->dir_fd = sc_dir_open_at(b->engine->store.image_fd, b->dir_name, err);
    if (b->dir_fd < 0)
        return -1;
    return mkdirat(b->dir_fd, "empty", 0755) < 0 ? sc_err_errno(err, errno, "make directory \"%s/empty\"", b->dir) : 0;
}

int
sc_build_open_signals(struct sc_builder *b, sigset_t *old, struct sc_err *err)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t taken;

    (void)sigemptyset(&taken);
    for (size_t i = 0; i < SC_ARRAY_LEN(numbers); i++) {
        struct sigaction now;

        /* nohup(1) and a shell's background have them ignored */
        if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            (void)sigaddset(&taken, numbers[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &taken, old);
    b->signal_fd = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    return b->signal_fd < 0 ? sc_err_errno(err, errno, "receive signals") : 0;
}

static void
release(struct sc_builder *b)
{
    struct sc_err ignored = SC_ERR_INIT;

    for (size_t i = 0; b->stages && i < b->plan.stage_count; i++)
        sc_json_decrefp(&b->stages[i].root);
    sc_closep(&b->dir_fd);
    if (b->dir_name)
        (void)!sc_engine_tree_remove(b->engine, b->engine->store.image_fd, b->dir_name, &ignored);
    sc_closep(&b->signal_fd);
}

/* With the session held, so that what the cache names is still there. */
static int
build_in_session(struct sc_builder *b, char **image_id, struct sc_err *err)
{
    sc_cleanup_fd session = sc_store_session(&b->engine->store, err);
    struct sc_err why = SC_ERR_INIT;
    int status;

    if (session < 0 || open_dir(b, err) < 0 || sc_build_cache_read(&b->engine->store, b->arena, &b->cache, err) < 0)
        return -1;
    sc_build_secrets_sweep(b);
    status = build(b, image_id, err);
    /* What was done before a step failed need not be done again. */
    if (b->entry_count > 0 && sc_build_cache_add(&b->engine->store, b->entries, b->entry_count, &why) < 0 &&
        status == 0)
        sc_build_say(b, SC_BUILD_NOTE, why.msg, 0);
    return status;
}

int
sc_engine_build(struct sc_engine *engine, const struct sc_build_ask *ask, struct sc_arena *arena, char **image_id,
                struct sc_err *err)
{
    struct sc_builder b = {.engine = engine, .ask = ask, .arena = arena, .epoch = -1, .dir_fd = -1, .signal_fd = -1};
    const struct sigaction is_ignored = {.sa_handler = SIG_IGN};
    struct sigaction old_pipe;
    sigset_t old;
    int status = sc_build_open_signals(&b, &old, err);

    /* Whom nobody reads any more tidies up first: write(2) says EPIPE. */
    (void)sigaction(SIGPIPE, &is_ignored, &old_pipe);
    if (status == 0)
        status = build_in_session(&b, image_id, err);
    release(&b);
    (void)sigaction(SIGPIPE, &old_pipe, NULL);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    sc_engine_collect(engine);
    return status;
}
