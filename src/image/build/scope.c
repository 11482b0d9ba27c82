/* The variables of a stage: ENV before ARG, and both before nothing. */
#include <stdio.h>
#include <strings.h>

#include "image/build/step-priv.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *
value_in(const struct sc_strv *list, const char *name, size_t len)
{
    for (size_t i = list->count; i-- > 0;)
        if (strncmp(list->items[i], name, len) == 0 && list->items[i][len] == '=')
            return list->items[i] + len + 1;
    return NULL;
}

const char *
sc_df_scope_lookup(void *context, const char *name, size_t len)
{
    const struct sc_df_scope *scope = context;
    const char *value = value_in(&scope->env, name, len);

    return value ? value : value_in(&scope->args, name, len);
}

/* The same strings in a list of its own: stages that begin from one another, and their RUNs, do not copy them. */
static void
share(const struct sc_strv *from, struct sc_arena *arena, struct sc_strv *out)
{
    *out = (struct sc_strv){.items = NULL};
    if (from->count == 0)
        return;
    out->items = SC_ARENA_ARRAY(arena, char *, from->count + 1);
    for (size_t i = 0; out->items && i < from->count; i++)
        out->items[out->count++] = from->items[i];
    out->capacity = out->count;
}

/* Each value that a scope takes in is counted, those too that ARG has from elsewhere. */
static int
spend(struct sc_df_scope *scope, const char *value, struct sc_err *err)
{
    scope->spent += value ? strlen(value) : 0;
    if (scope->spent > SC_DF_SPENT_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "the variables of the stage make it larger than %d bytes",
                          SC_DF_SPENT_MAX);
    if (scope->env.count + scope->args.count > SC_DF_VARS_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "more than %d variables", SC_DF_VARS_MAX);
    return 0;
}

/* All the names and values of a stage are given to its programs: the kernel has no room for more either (execve(2)). */
int
sc_df_scope_check(const struct sc_df_scope *scope, struct sc_err *err)
{
    size_t size = 0;

    if (scope->env.count + scope->args.count > SC_DF_VARS_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "more than %d variables", SC_DF_VARS_MAX);
    for (size_t i = 0; i < scope->env.count; i++)
        size += strlen(scope->env.items[i]);
    for (size_t i = 0; i < scope->args.count; i++)
        size += strlen(scope->args.items[i]);
    if (size > SC_DF_EXPAND_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "the variables are larger than %d bytes", SC_DF_EXPAND_MAX);
    return 0;
}

int
sc_df_scope_set_env(struct sc_df_scope *scope, const char *name, const char *value, struct sc_arena *arena,
                    struct sc_err *err)
{
    const char *entry;

    if (spend(scope, value, err) < 0)
        return -1;
    entry = sc_arena_printf(arena, "%s=%s", name, value);
    if (!entry)
        return sc_err_nomem(err);
    sc_strv_set_env(&scope->env, arena, entry);
    return sc_arena_check(arena, err);
}

int
sc_df_scope_set_arg(struct sc_df_scope *scope, const char *name, const char *value, struct sc_arena *arena,
                    struct sc_err *err)
{
    const char *entry;
    size_t len = strlen(name), i = 0;

    if (spend(scope, value, err) < 0)
        return -1;
    entry = value ? sc_arena_printf(arena, "%s=%s", name, value) : sc_arena_strdup(arena, name);
    if (!entry)
        return sc_err_nomem(err);
    while (i < scope->args.count && (strncmp(scope->args.items[i], name, len) != 0 ||
                                     (scope->args.items[i][len] != '=' && scope->args.items[i][len] != '\0')))
        i++;
    if (i == scope->args.count)
        sc_strv_add(&scope->args, arena, entry);
    else if (value)
        scope->args.items[i] = sc_arena_strdup(arena, entry);
    return sc_arena_check(arena, err);
}

int
sc_df_scope_init(struct sc_df_scope *out, const struct sc_df_plan *plan, size_t stage, const struct sc_strv *base_env,
                 const struct sc_df_scope *parent, struct sc_arena *arena, struct sc_err *err)
{
    *out = (struct sc_df_scope){.plan = plan, .stage = stage};
    if (parent) {
        share(&parent->env, arena, &out->env);
        share(&parent->args, arena, &out->args);
    }
    for (size_t i = 0; !parent && base_env && i < base_env->count; i++)
        sc_strv_add(&out->env, arena, base_env->items[i]);
    if (!value_in(&out->env, "PATH", 4))
        sc_strv_add(&out->env, arena, DEFAULT_PATH);
    return sc_arena_check(arena, err) < 0 ? -1 : sc_df_scope_check(out, err);
}

/* The predefined proxy arguments, in both spellings, as programs look for either. */
static void
add_proxies(const struct sc_df_scope *scope, struct sc_arena *arena, struct sc_strv *out)
{
    static const struct {
        const char *lower, *upper;
    } names[] = {
        {"http_proxy", "HTTP_PROXY"}, {"https_proxy", "HTTPS_PROXY"}, {"ftp_proxy", "FTP_PROXY"},
        {"no_proxy", "NO_PROXY"},     {"all_proxy", "ALL_PROXY"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        const char *value = sc_df_build_arg(scope->plan->options, names[i].lower);

        if (!value)
            value = sc_df_build_arg(scope->plan->options, names[i].upper);
        if (!value)
            continue;
        if (!value_in(out, names[i].upper, strlen(names[i].upper)))
            sc_strv_addf(out, arena, "%s=%s", names[i].upper, value);
        if (!value_in(out, names[i].lower, strlen(names[i].lower)))
            sc_strv_addf(out, arena, "%s=%s", names[i].lower, value);
    }
}

int
sc_df_scope_run_env(const struct sc_df_scope *scope, bool with_proxies, struct sc_arena *arena, struct sc_strv *out,
                    struct sc_err *err)
{
    share(&scope->env, arena, out);
    for (size_t i = 0; i < scope->args.count; i++) {
        const char *equals = strchr(scope->args.items[i], '=');

        if (equals && !value_in(&scope->env, scope->args.items[i], (size_t)(equals - scope->args.items[i])))
            sc_strv_add(out, arena, scope->args.items[i]);
    }
    if (with_proxies)
        add_proxies(scope, arena, out);
    return sc_arena_check(arena, err);
}
