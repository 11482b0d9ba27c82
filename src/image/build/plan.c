/* Stages: what each begins from and needs, and which are needed for the target. */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "image/build/dockerfile-priv.h"

const char *
sc_df_build_arg(const struct sc_df_options *options, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = options->build_args.count; i-- > 0;)
        if (strncmp(options->build_args.items[i], name, len) == 0 && options->build_args.items[i][len] == '=')
            return options->build_args.items[i] + len + 1;
    return NULL;
}

/* ---- global variables ---- */

static const char *
lookup_global(void *context, const char *name, size_t len)
{
    const struct sc_strv *args = context;

    for (size_t i = 0; i < args->count; i++)
        if (strncmp(args->items[i], name, len) == 0 && args->items[i][len] == '=')
            return args->items[i] + len + 1;
    return NULL;
}

static void
set_global(struct sc_df_plan *plan, struct sc_arena *arena, const char *name, const char *value)
{
    const char *asked = sc_df_build_arg(plan->options, name);

    sc_strv_set_env(&plan->global_args, arena, sc_arena_printf(arena, "%s=%s", name, asked ? asked : value));
}

static void
platform_globals(struct sc_df_plan *plan, const struct sc_df_platform *platform, const char *prefix,
                 struct sc_arena *arena)
{
    const char *variant = platform->variant ? platform->variant : "";
    const struct {
        const char *name, *value;
    } globals[] = {
        {"PLATFORM", sc_arena_printf(arena, "%s/%s%s%s", platform->os, platform->arch, *variant ? "/" : "", variant)},
        {"OS", platform->os},
        {"OSVERSION", ""},
        {"ARCH", platform->arch},
        {"VARIANT", variant},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(globals); i++)
        set_global(plan, arena, sc_arena_printf(arena, "%s%s", prefix, globals[i].name),
                   globals[i].value ? globals[i].value : "");
}

static int
global_args(struct sc_df_plan *plan, struct sc_arena *arena, struct sc_err *err)
{
    const struct sc_df_options *options = plan->options;
    size_t spent = 0;

    platform_globals(plan, &options->build, "BUILD", arena);
    platform_globals(plan, &options->platform, "TARGET", arena);
    set_global(plan, arena, "TARGETSTAGE", options->target && *options->target ? options->target : "default");
    if (sc_arena_check(arena, err) < 0)
        return -1;
    for (size_t i = 0; i < plan->file->global_count; i++) {
        const struct sc_df_instr *instr = plan->file->globals[i];

        for (size_t k = 0; k < instr->pair_count; k++) {
            const char *asked = sc_df_build_arg(options, instr->pairs[k].key);
            char *value = NULL;

            if (!asked && !instr->pairs[k].value)
                continue;
            if (!asked && sc_df_expand(instr->pairs[k].value, plan->file->escape, lookup_global, &plan->global_args,
                                       arena, &value, err) < 0)
                return sc_df_wrap(instr, err);
            spent += asked ? 0 : strlen(value);
            if (plan->global_args.count >= SC_DF_VARS_MAX || spent > SC_DF_EXPAND_MAX)
                return sc_err_set(err, SC_ERR_INVALID, "%.100s:%u: too many or too large variables", plan->file->name,
                                  instr->line);
            sc_strv_set_env(&plan->global_args, arena,
                            sc_arena_printf(arena, "%s=%s", instr->pairs[k].key, asked ? asked : value));
        }
    }
    return sc_arena_check(arena, err);
}

/* ---- names ---- */

static int
compare_names(const void *a, const void *b)
{
    const struct sc_df_stage_name *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : x->stage < y->stage ? -1 : x->stage > y->stage;
}

static int
index_names(struct sc_df_plan *plan, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_df_stage_name *names = SC_ARENA_ARRAY(arena, struct sc_df_stage_name, plan->stage_count);
    size_t count = 0;

    if (!names)
        return sc_err_nomem(err);
    for (size_t i = 0; i < plan->stage_count; i++)
        if (plan->file->stages[i].name)
            names[count++] = (struct sc_df_stage_name){.name = plan->file->stages[i].name, .stage = i};
    if (count > 0)
        qsort(names, count, sizeof(*names), compare_names);
    plan->names = names;
    plan->name_count = count;
    return 0;
}

/* Of the stages that have this name, in whatever case, the last before `before`. -1: none. */
static ssize_t
find_stage(const struct sc_df_plan *plan, const char *name, size_t before)
{
    size_t low = 0, high = plan->name_count; /* the first that is not before it is in [low, high] */

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcasecmp(plan->names[middle].name, name);

        if (order < 0 || (order == 0 && plan->names[middle].stage < before))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && strcasecmp(plan->names[low - 1].name, name) == 0 ? (ssize_t)plan->names[low - 1].stage : -1;
}

/* Digits only: 1, and the number (too large a one is as large as can be). */
static bool
is_number(const char *text, size_t *number)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || text[len])
        return false;
    *number = len < 10 ? strtoul(text, NULL, 10) : SIZE_MAX;
    return true;
}

int
sc_df_from_resolve(const struct sc_df_plan *plan, const char *from, struct sc_arena *arena, struct sc_df_from *out,
                   struct sc_err *err)
{
    size_t number;
    ssize_t stage;

    *out = (struct sc_df_from){.kind = SC_DF_CONTEXT};
    if (*from == '\0')
        return 0;
    if (is_number(from, &number)) {
        if (number >= plan->stage_count)
            return sc_err_set(err, SC_ERR_INVALID, "invalid stage index %.20s: there are %zu stages", from,
                              plan->stage_count);
        *out = (struct sc_df_from){.kind = SC_DF_STAGE, .stage = number};
        return 0;
    }
    stage = find_stage(plan, from, plan->stage_count);
    if (stage >= 0)
        *out = (struct sc_df_from){.kind = SC_DF_STAGE, .stage = (size_t)stage};
    else
        *out = (struct sc_df_from){.kind = SC_DF_IMAGE, .image = sc_arena_strdup(arena, from)};
    return sc_arena_check(arena, err);
}

/* ---- what a stage needs ---- */

struct needs {
    size_t *stages;
    size_t count, capacity;
    const char **images;
    size_t image_count, image_capacity;
    struct sc_arena *arena;
};

static int
add_need(struct needs *needs, const struct sc_df_from *from, struct sc_err *err)
{
    if (from->kind == SC_DF_STAGE) {
        size_t *grown = sc_arena_grow(needs->arena, needs->stages, needs->count, &needs->capacity, sizeof(*grown), 4);

        if (!grown)
            return sc_err_nomem(err);
        needs->stages = grown;
        grown[needs->count++] = from->stage;
    } else if (from->kind == SC_DF_IMAGE) {
        const char **grown =
            sc_arena_grow(needs->arena, needs->images, needs->image_count, &needs->image_capacity, sizeof(*grown), 4);

        if (!grown)
            return sc_err_nomem(err);
        needs->images = grown;
        grown[needs->image_count++] = from->image;
    }
    return 0;
}

/* No variables in --from: it says which stages there are to build. */
static int
check_copy_from(const char *from, struct sc_err *err)
{
    const char *dollar = strchr(from, '$');

    if (!dollar || dollar[1] == '\0')
        return 0;
    return sc_err_set(err, SC_ERR_INVALID,
                      "variable expansion is not supported for --from, define a new stage with FROM using ARG from "
                      "global scope as a workaround");
}

static int
needs_of(const struct sc_df_plan *plan, const struct sc_df_instr *instr, struct needs *needs, struct sc_err *err)
{
    struct sc_df_from from;

    for (size_t i = 0; i < instr->flag_count; i++) {
        const struct sc_df_flag *flag = &instr->flags[i];
        const char *name = NULL;

        if (instr->op == SC_DF_COPY && strcmp(flag->name, "from") == 0) {
            name = flag->value;
            if (check_copy_from(name, err) < 0)
                return -1;
        } else if (instr->op == SC_DF_RUN && strcmp(flag->name, "mount") == 0 &&
                   sc_df_mount_from(flag->value, needs->arena, &name, err) < 0) {
            return -1;
        }
        if (name && (sc_df_from_resolve(plan, name, needs->arena, &from, err) < 0 || add_need(needs, &from, err) < 0))
            return -1;
    }
    return 0;
}

static int
compare_stages(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return x < y ? -1 : x > y;
}

static int
compare_images(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Each once, in order. */
static void
sort_needs(struct needs *needs)
{
    size_t kept = 0;

    if (needs->count > 0)
        qsort(needs->stages, needs->count, sizeof(*needs->stages), compare_stages);
    for (size_t i = 0; i < needs->count; i++)
        if (i == 0 || needs->stages[i] != needs->stages[kept - 1])
            needs->stages[kept++] = needs->stages[i];
    needs->count = kept;
    kept = 0;
    if (needs->image_count > 0)
        qsort(needs->images, needs->image_count, sizeof(*needs->images), compare_images);
    for (size_t i = 0; i < needs->image_count; i++)
        if (i == 0 || strcmp(needs->images[i], needs->images[kept - 1]) != 0)
            needs->images[kept++] = needs->images[i];
    needs->image_count = kept;
}

static int
find_needs(const struct sc_df_plan *plan, struct sc_df_stage_plan *stage, struct sc_arena *arena, struct sc_err *err)
{
    struct needs needs = {.arena = arena};
    struct sc_df_from base = {.kind = SC_DF_STAGE, .stage = stage->base_stage};

    if (stage->base_kind == SC_DF_BASE_STAGE && add_need(&needs, &base, err) < 0)
        return -1;
    for (size_t i = 0; i < stage->instr_count; i++)
        if (needs_of(plan, stage->instrs[i], &needs, err) < 0)
            return sc_df_wrap(stage->instrs[i], err);
    sort_needs(&needs);
    stage->needs = needs.stages;
    stage->need_count = needs.count;
    stage->images = needs.images;
    stage->image_count = needs.image_count;
    return 0;
}

/* ---- the graph ---- */

/* Walks from the target along the needs: each stage that is met is needed; one that is met again while it is still open
 * needs itself. */
static int
walk(struct sc_df_plan *plan, struct sc_err *err)
{
    enum { UNSEEN, OPEN, CLOSED };
    size_t room = plan->stage_count + 1;
    sc_cleanup_free unsigned char *state = calloc(room, 1);
    sc_cleanup_free size_t *path = calloc(room, sizeof(*path));
    sc_cleanup_free size_t *next = calloc(room, sizeof(*next));

    if (!state || !path || !next)
        return sc_err_nomem(err);
    for (size_t i = 0; i <= plan->stage_count; i++) {
        /* The target first, so that what is needed is known; then the others, whose circles are errors too. */
        size_t start = i == 0 ? plan->target : i - 1, depth = 0;

        if (state[start] != UNSEEN)
            continue;
        path[depth++] = start;
        state[start] = OPEN;
        while (depth > 0) {
            struct sc_df_stage_plan *stage = &plan->stages[path[depth - 1]];
            size_t *at = &next[path[depth - 1]], need;

            stage->is_needed = stage->is_needed || i == 0;
            if (*at == stage->need_count) {
                state[path[--depth]] = CLOSED;
                continue;
            }
            need = stage->needs[(*at)++];
            if (state[need] == OPEN)
                return sc_err_set(err, SC_ERR_INVALID, "%.100s:%u: circular dependency detected on stage: %.100s",
                                  plan->file->name, plan->stages[need].line, plan->stages[need].shown);
            if (state[need] == UNSEEN) {
                state[need] = OPEN;
                path[depth++] = need;
            }
        }
    }
    return 0;
}

static int
plan_stage(struct sc_df_plan *plan, size_t i, struct sc_arena *arena, struct sc_err *err)
{
    const struct sc_df_stage *stage = &plan->file->stages[i];
    struct sc_df_stage_plan *out = &plan->stages[i];
    const char *platform = sc_df_flag_get(stage->from, "platform"), *base = stage->from->words.items[0];
    char *expanded = NULL;
    ssize_t earlier;

    *out = (struct sc_df_stage_plan){.name = stage->name, .line = stage->from->line, .original = stage->from->original};
    out->shown = stage->name ? stage->name : sc_arena_printf(arena, "stage-%zu", i);
    out->instrs = stage->instrs;
    out->instr_count = stage->instr_count;
    if (sc_df_expand(base, plan->file->escape, lookup_global, &plan->global_args, arena, &expanded, err) < 0)
        return -1;
    if (*expanded == '\0')
        return sc_err_set(err, SC_ERR_INVALID, "base name (%.100s) should not be blank", base);
    out->base = expanded;
    if (platform) {
        if (sc_df_expand(platform, plan->file->escape, lookup_global, &plan->global_args, arena, &expanded, err) < 0)
            return -1;
        if (*expanded == '\0')
            return sc_err_set(err, SC_ERR_INVALID, "empty platform value from expression %.100s", platform);
        out->platform = expanded;
    }
    earlier = find_stage(plan, out->base, i);
    if (earlier >= 0) {
        out->base_kind = SC_DF_BASE_STAGE;
        out->base_stage = (size_t)earlier;
    } else {
        out->base_kind = strcmp(out->base, "scratch") == 0 ? SC_DF_BASE_SCRATCH : SC_DF_BASE_IMAGE;
    }
    return sc_arena_check(arena, err);
}

static int
find_target(struct sc_df_plan *plan, struct sc_arena *arena, struct sc_err *err)
{
    const char *target = plan->options->target, **names;
    size_t number, count = 0;
    ssize_t found;

    plan->target = plan->stage_count - 1;
    if (!target || *target == '\0')
        return 0;
    found = find_stage(plan, target, plan->stage_count);
    if (found >= 0) {
        plan->target = (size_t)found;
        return 0;
    }
    if (is_number(target, &number) && number < plan->stage_count) {
        plan->target = number;
        return 0;
    }
    names = SC_ARENA_ARRAY(arena, const char *, plan->stage_count);
    if (!names)
        return sc_err_nomem(err);
    for (size_t i = 0; i < plan->stage_count; i++)
        if (plan->stages[i].name)
            names[count++] = plan->stages[i].name;
    return sc_err_set(err, SC_ERR_NOT_FOUND, "%.100s: target stage \"%.100s\" could not be found%s", plan->file->name,
                      target, sc_df_suggest(target, names, count).text);
}

/* ---- --build-arg that nothing names ---- */

static bool
declares(const struct sc_df_instr *const *instrs, size_t count, const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; instrs[i]->op == SC_DF_ARG && k < instrs[i]->pair_count; k++)
            if (strncmp(instrs[i]->pairs[k].key, name, len) == 0 && instrs[i]->pairs[k].key[len] == '\0')
                return true;
    return false;
}

static bool
is_predefined(const struct sc_df_plan *plan, const char *name, size_t len)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "ftp_proxy",
                                        "no_proxy",   "all_proxy",   "SOURCE_DATE_EPOCH"};

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++)
        if (sc_df_equal_nocase(name, len, names[i]))
            return true;
    return sc_str_starts(name, "BUILDKIT_") || lookup_global((void *)&plan->global_args, name, len) != NULL;
}

static void
find_unused(struct sc_df_plan *plan, struct sc_arena *arena)
{
    const struct sc_strv *args = &plan->options->build_args;

    for (size_t i = 0; i < args->count; i++) {
        size_t len = strcspn(args->items[i], "=");
        bool is_used = is_predefined(plan, args->items[i], len);

        for (size_t k = 0; !is_used && k < plan->stage_count; k++)
            is_used = declares(plan->file->stages[k].instrs, plan->file->stages[k].instr_count, args->items[i], len);
        if (!is_used)
            sc_strv_add(&plan->unused_args, arena, sc_arena_strndup(arena, args->items[i], len));
    }
}

int
sc_df_plan_make(const struct sc_df_file *file, const struct sc_df_options *options, struct sc_arena *arena,
                struct sc_df_plan *out, struct sc_err *err)
{
    struct sc_df_plan plan = {.file = file, .options = options, .stage_count = file->stage_count};

    plan.stages = SC_ARENA_ARRAY(arena, struct sc_df_stage_plan, file->stage_count);
    if (!plan.stages)
        return sc_err_nomem(err);
    if (file->stage_count == 0)
        SC_BUG("a file that was not parsed");
    if (index_names(&plan, arena, err) < 0 || global_args(&plan, arena, err) < 0)
        return -1;
    for (size_t i = 0; i < plan.stage_count; i++)
        if (plan_stage(&plan, i, arena, err) < 0)
            return sc_df_wrap(file->stages[i].from, err);
    if (find_target(&plan, arena, err) < 0)
        return -1;
    for (size_t i = 0; i < plan.stage_count; i++)
        if (find_needs(&plan, &plan.stages[i], arena, err) < 0)
            return -1;
    if (walk(&plan, err) < 0)
        return -1;
    find_unused(&plan, arena);
    *out = plan;
    return sc_arena_check(arena, err);
}

bool
sc_df_plan_is_ready(const struct sc_df_plan *plan, size_t stage, const bool *is_done)
{
    for (size_t i = 0; i < plan->stages[stage].need_count; i++)
        if (!is_done[plan->stages[stage].needs[i]])
            return false;
    return true;
}

ssize_t
sc_df_plan_next(const struct sc_df_plan *plan, const bool *is_done)
{
    for (size_t i = 0; i < plan->stage_count; i++)
        if (plan->stages[i].is_needed && !is_done[i] && sc_df_plan_is_ready(plan, i, is_done))
            return (ssize_t)i;
    return -1;
}

int
sc_df_plan_add_triggers(struct sc_df_plan *plan, size_t stage, const struct sc_strv *triggers, struct sc_arena *arena,
                        struct sc_err *err)
{
    struct sc_df_stage_plan *to = &plan->stages[stage];
    const struct sc_df_instr **instrs;

    if (triggers->count == 0)
        return 0;
    if (triggers->count > SC_DF_INSTRS_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "%.100s:%u: %.100s has more than %d ONBUILD triggers", plan->file->name,
                          to->line, to->base, SC_DF_INSTRS_MAX);
    instrs = SC_ARENA_ARRAY(arena, const struct sc_df_instr *, triggers->count + to->instr_count);
    if (!instrs)
        return sc_err_nomem(err);
    for (size_t i = 0; i < triggers->count; i++)
        if (sc_df_trigger_parse(plan->file, triggers->items[i], arena, &instrs[i], err) < 0)
            return sc_err_wrap(err, "%.100s:%u: ONBUILD trigger \"%.100s\" of %.100s", plan->file->name, to->line,
                               triggers->items[i], to->base);
    for (size_t i = 0; i < to->instr_count; i++)
        instrs[triggers->count + i] = to->instrs[i];
    to->instrs = instrs;
    to->instr_count += triggers->count;
    if (find_needs(plan, to, arena, err) < 0)
        return -1;
    return walk(plan, err);
}
