/* An instruction becomes a step: its variables are expanded, its values checked. */
#include <errno.h>

#include "image/build/step-priv.h"

#define SHOWN_MAX      4096 /* bytes of a progress text that variables may make */
#define LINE_MAX_SHOWN 200  /* of a script's first line */

char *
sc_df_word(struct sc_df_making *making, const char *text)
{
    char *out = NULL;

    return sc_df_expand_to(&making->how, text, making->arena, &out, NULL, making->err) < 0 ? NULL : out;
}

static int
make_words(struct sc_df_making *making, struct sc_strv *out)
{
    for (size_t i = 0; i < making->instr->words.count; i++) {
        const char *word = sc_df_word(making, making->instr->words.items[i]);

        if (!word)
            return -1;
        if (*word == '\0')
            return sc_err_set(making->err, SC_ERR_INVALID, "%s specified can not be an empty string",
                              sc_df_op_name(making->instr->op));
        sc_strv_add(out, making->arena, word);
    }
    return 0;
}

/* All see the variables as they were before the line: ENV A=1 B=$A gives B what A was. */
static int
make_pairs(struct sc_df_making *making, struct sc_df_step *out)
{
    const struct sc_df_instr *instr = making->instr;
    struct sc_df_pair *pairs = SC_ARENA_ARRAY(making->arena, struct sc_df_pair, instr->pair_count);

    if (!pairs)
        return sc_err_nomem(making->err);
    for (size_t i = 0; i < instr->pair_count; i++) {
        pairs[i].key = sc_df_word(making, instr->pairs[i].key);
        pairs[i].value = pairs[i].key ? sc_df_word(making, instr->pairs[i].value) : NULL;
        if (!pairs[i].value)
            return -1;
        if (*pairs[i].key == '\0')
            return sc_err_set(making->err, SC_ERR_INVALID, "%s names can not be blank", sc_df_op_name(instr->op));
        if (instr->op == SC_DF_ENV && strchr(pairs[i].key, '='))
            return sc_err_set(making->err, SC_ERR_INVALID, "ENV: a name cannot have '=': \"%.100s\"", pairs[i].key);
    }
    for (size_t i = 0; instr->op == SC_DF_ENV && i < instr->pair_count; i++)
        if (sc_df_scope_set_env(making->scope, pairs[i].key, pairs[i].value, making->arena, making->err) < 0)
            return -1;
    out->pairs.items = pairs;
    out->pairs.count = instr->pair_count;
    return sc_df_scope_check(making->scope, making->err);
}

/* --build-arg, else the default, else what is said before the first FROM. Each sees those before it. */
static int
make_args(struct sc_df_making *making, struct sc_df_step *out)
{
    const struct sc_df_instr *instr = making->instr;
    const struct sc_df_plan *plan = making->scope->plan;
    struct sc_df_pair *pairs = SC_ARENA_ARRAY(making->arena, struct sc_df_pair, instr->pair_count);

    if (!pairs)
        return sc_err_nomem(making->err);
    for (size_t i = 0; i < instr->pair_count; i++) {
        ssize_t global = sc_strv_find_key(&plan->global_args, instr->pairs[i].key);

        pairs[i] = (struct sc_df_pair){.key = instr->pairs[i].key,
                                       .value = sc_df_build_arg(plan->options, instr->pairs[i].key)};
        if (!pairs[i].value && instr->pairs[i].value) {
            pairs[i].value = sc_df_word(making, instr->pairs[i].value);
            if (!pairs[i].value)
                return -1;
        } else if (!pairs[i].value && global >= 0) {
            pairs[i].value = strchr(plan->global_args.items[global], '=') + 1;
        }
        if (sc_df_scope_set_arg(making->scope, pairs[i].key, pairs[i].value, making->arena, making->err) < 0)
            return -1;
    }
    out->pairs.items = pairs;
    out->pairs.count = instr->pair_count;
    return sc_df_scope_check(making->scope, making->err);
}

static int
make_text(struct sc_df_making *making, struct sc_df_step *out)
{
    struct sc_err ignored = SC_ERR_INIT;
    int number;

    out->text = sc_df_word(making, making->instr->words.items[0]);
    if (!out->text)
        return -1;
    if (making->instr->op == SC_DF_STOPSIGNAL && sc_signal_parse(out->text, &number, &ignored) < 0)
        return sc_err_set(making->err, SC_ERR_INVALID, "STOPSIGNAL: invalid signal: %.60s", out->text);
    return 0;
}

static int
make_expose(struct sc_df_making *making, struct sc_df_step *out)
{
    struct sc_strv words = {.items = NULL};

    for (size_t i = 0; i < making->instr->words.count; i++)
        if (sc_df_expand_to(&making->how, making->instr->words.items[i], making->arena, NULL, &words, making->err) < 0)
            return -1;
    return sc_df_expose_parse(&words, &making->scope->ports, making->arena, &out->list, making->err);
}

/* The trigger's text with its here-documents, so that who reads it has them. */
static int
make_onbuild(struct sc_df_making *making, struct sc_df_step *out)
{
    const struct sc_df_instr *instr = making->instr;
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_buf_adds(&text, instr->args);
    for (size_t i = 0; i < instr->heredoc_count; i++) {
        sc_buf_addc(&text, '\n');
        sc_buf_add(&text, instr->heredocs[i].content, instr->heredocs[i].len);
        sc_buf_adds(&text, instr->heredocs[i].name);
    }
    out->text = sc_arena_strndup(making->arena, sc_buf_str(&text), text.len);
    return sc_buf_check(&text, making->err);
}

static int
make_value(struct sc_df_making *making, struct sc_df_step *out)
{
    const struct sc_df_instr *instr = making->instr;

    switch (instr->op) {
    case SC_DF_ENV:
    case SC_DF_LABEL:
        return make_pairs(making, out);
    case SC_DF_ARG:
        return make_args(making, out);
    case SC_DF_RUN:
        return sc_df_make_run(making, &out->run);
    case SC_DF_CMD:
    case SC_DF_ENTRYPOINT:
        out->command = (struct sc_df_command){.is_shell = !instr->is_json, .text = instr->args, .argv = instr->words};
        return 0;
    case SC_DF_COPY:
    case SC_DF_ADD:
        return sc_df_make_copy(making, &out->copy);
    case SC_DF_WORKDIR:
    case SC_DF_USER:
    case SC_DF_STOPSIGNAL:
        return make_text(making, out);
    case SC_DF_MAINTAINER:
        out->text = instr->args;
        return 0;
    case SC_DF_ONBUILD:
        return make_onbuild(making, out);
    case SC_DF_EXPOSE:
        return make_expose(making, out);
    case SC_DF_VOLUME:
        return make_words(making, &out->list);
    case SC_DF_SHELL:
        out->list = instr->words;
        return 0;
    case SC_DF_HEALTHCHECK:
        return sc_df_make_health(making, &out->health);
    case SC_DF_FROM:
    case SC_DF_OPS:
        break;
    }
    SC_BUG("a stage's instruction that begins a stage");
}

/* The first line of a script, as Docker shows it behind the instruction. */
static const char *
shown_heredoc(const struct sc_df_making *making)
{
    const struct sc_df_instr *instr = making->instr;
    const char *start = sc_df_skip_blanks(instr->heredocs[0].content);
    size_t len = strcspn(start, "\r\n"), shown_len = len > LINE_MAX_SHOWN ? LINE_MAX_SHOWN : len;
    bool has_more = *sc_df_skip_blanks(start + len) != '\0';

    while (shown_len < len && shown_len > 0 && ((unsigned char)start[shown_len] & 0xc0) == 0x80)
        shown_len--; /* not amid a character of UTF-8 */
    return sc_arena_printf(making->arena, "%s (%.*s%s)", instr->original, (int)shown_len, start, has_more ? "..." : "");
}

static const char *
shown(const struct sc_df_making *making)
{
    const struct sc_df_instr *instr = making->instr;
    sc_cleanup_arena scratch = SC_ARENA_INIT;
    struct sc_df_expansion how = making->how;
    struct sc_err ignored = SC_ERR_INIT;
    size_t name_len = strcspn(instr->original, " \t\v\f\r");
    const char *rest = instr->original + name_len;
    char *expanded;

    how.spent = NULL;
    switch (instr->op) {
    case SC_DF_RUN:
        if (instr->heredoc_count == 1 && sc_df_is_only_heredoc(instr->args))
            return shown_heredoc(making);
        break;
    case SC_DF_COPY:
    case SC_DF_ADD:
    case SC_DF_WORKDIR:
    case SC_DF_USER:
    case SC_DF_ENV:
    case SC_DF_LABEL:
    case SC_DF_EXPOSE:
    case SC_DF_VOLUME:
    case SC_DF_STOPSIGNAL:
        if (!strchr(rest, '$'))
            break;
        if (sc_df_expand_to(&how, rest, &scratch, &expanded, NULL, &ignored) < 0) {
            if (ignored.errnum == ENOMEM)
                return NULL;
            break;
        }
        if (strlen(expanded) <= SHOWN_MAX)
            rest = expanded;
        break;
    default:
        break;
    }
    return sc_arena_printf(making->arena, "%s%s", sc_df_op_name(instr->op), rest);
}

int
sc_df_step_make(struct sc_df_scope *scope, const struct sc_df_instr *instr, struct sc_arena *arena,
                struct sc_df_step *out, struct sc_err *err)
{
    struct sc_df_making making = {
        .scope = scope,
        .instr = instr,
        .arena = arena,
        .err = err,
        .how = {.escape = instr->file->escape, .lookup = sc_df_scope_lookup, .context = scope, .spent = &scope->spent},
    };

    memset(out, 0, sizeof(*out));
    out->op = instr->op;
    out->instr = instr;
    out->shown = shown(&making); /* before ENV changes what it would be */
    if (!out->shown)
        return sc_err_nomem(err);
    if (make_value(&making, out) < 0)
        return sc_df_wrap(instr, err);
    return sc_arena_check(arena, err);
}

char *
sc_df_path_join(const char *workdir, const char *path, struct sc_arena *arena)
{
    const char *parts[2] = {*path == '/' ? "" : workdir, path};
    char *out = sc_arena_alloc(arena, strlen(workdir) + strlen(path) + 3), *to = out;

    if (!out)
        return NULL;
    for (size_t i = 0; i < SC_ARRAY_LEN(parts); i++) {
        const char *at = parts[i];

        while (*at) {
            size_t len = strcspn(at, "/");

            if (len == 2 && at[0] == '.' && at[1] == '.') {
                while (to > out && *--to != '/')
                    ;
            } else if (len > 0 && !(len == 1 && *at == '.')) {
                *to++ = '/';
                memcpy(to, at, len);
                to += len;
            }
            at += len + (at[len] == '/' ? 1 : 0);
        }
    }
    if (to == out)
        *to++ = '/';
    *to = '\0';
    return out;
}
