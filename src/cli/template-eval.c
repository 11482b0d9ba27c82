/* One pipeline: operands, functions, `|`. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "cli/template-priv.h"

struct eval {
    struct sc_template *t;
    const char *at, *end;
    const json_t *dot;
    unsigned depth;
};

static void
args_release(struct sc_template_args *args)
{
    for (size_t i = 0; i < args->count; i++)
        json_decref(args->items[i]);
    args->count = 0;
}

/* ---- variables -------------------------------------------------------------------------------------------- */

void
sc_template_set(struct sc_template *t, const char *name, json_t *value)
{
    struct sc_template_variable *v;

    if (t->variable_count == SC_TEMPLATE_VARS_MAX)
        return;
    v = &t->variables[t->variable_count++];
    (void)snprintf(v->name, sizeof(v->name), "%s", name);
    v->value = json_incref(value);
}

void
sc_template_forget(struct sc_template *t, size_t count)
{
    while (t->variable_count > count)
        json_decref(t->variables[--t->variable_count].value);
}

/* ---- operands ------------------------------------------------------------------------------------------------- */

static int eval_pipeline(struct eval *e, json_t **out, struct sc_err *err);

static void
skip_blanks(struct eval *e)
{
    while (e->at < e->end && isspace((unsigned char)*e->at))
        e->at++;
}

static size_t
name_length(const struct eval *e)
{
    size_t len = 0;

    while (e->at + len < e->end &&
           (isalnum((unsigned char)e->at[len]) || e->at[len] == '_' || (unsigned char)e->at[len] >= 0x80))
        len++;
    return len;
}

/* ".A.B" after a value (taken). Docker's members begin with a capital: one that is not there is a mistake. A key of a
 * map (a label) may be missing. */
static int
eval_fields(struct eval *e, json_t *value_take, json_t **out, struct sc_err *err)
{
    sc_cleanup_json value = value_take;

    while (e->at < e->end && *e->at == '.') {
        char name[128];
        json_t *member;
        size_t len;

        e->at++;
        len = name_length(e);
        if (len == 0 || len >= sizeof(name))
            return sc_err_set(err, SC_ERR_INVALID, "template: bad field name after \".\"");
        (void)snprintf(name, sizeof(name), "%.*s", (int)len, e->at);
        e->at += len;
        if (!json_is_object(value) && !json_is_null(value))
            return sc_err_set(err, SC_ERR_INVALID, "template: cannot take field \"%s\" of what is not a map", name);
        member = json_object_get(value, name);
        if (!member && isupper((unsigned char)name[0]))
            return sc_err_set(err, SC_ERR_INVALID, "template: there is no field \"%s\"", name);
        member = member ? json_incref(member) : json_null();
        json_decref(value);
        value = member;
    }
    *out = sc_steal_ptr(&value);
    return 0;
}

static int
eval_string(struct eval *e, json_t **out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    char quote = *e->at++;

    while (e->at < e->end && *e->at != quote) {
        char c = *e->at++;

        if (quote == '"' && c == '\\' && e->at < e->end) {
            c = *e->at++;
            c = (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c);
        }
        sc_buf_addc(&text, c);
    }
    if (e->at >= e->end)
        return sc_err_set(err, SC_ERR_INVALID, "template: a string has no end");
    e->at++;
    if (sc_buf_check(&text, err) < 0 && text.len > 0)
        return -1;
    *out = json_stringn(sc_buf_str(&text), text.len);
    return *out ? 0 : sc_err_set(err, SC_ERR_INVALID, "template: a string is not UTF-8");
}

static int
eval_variable(struct eval *e, json_t **out, struct sc_err *err)
{
    size_t len;

    e->at++;
    len = name_length(e);
    if (len == 0)
        return eval_fields(e, json_incref((json_t *)(uintptr_t)e->t->root), out, err);
    for (size_t i = e->t->variable_count; i-- > 0;) {
        struct sc_template_variable *v = &e->t->variables[i];

        if (strlen(v->name) == len && strncmp(v->name, e->at, len) == 0) {
            e->at += len;
            return eval_fields(e, json_incref(v->value), out, err);
        }
    }
    return sc_err_set(err, SC_ERR_INVALID, "template: undefined variable \"$%.*s\"", (int)len, e->at);
}

static int
eval_number(struct eval *e, json_t **out, struct sc_err *err)
{
    char number[SC_NUM_MAX];
    size_t len = 0;
    int64_t value;

    while (e->at + len < e->end && (isdigit((unsigned char)e->at[len]) || e->at[len] == '-'))
        len++;
    (void)snprintf(number, sizeof(number), "%.*s", (int)len, e->at);
    if (len >= sizeof(number) || sc_parse_i64(number, &value, err) < 0)
        return sc_err_set(err, SC_ERR_INVALID, "template: bad number \"%s\"", number);
    e->at += len;
    *out = json_integer(value);
    return 0;
}

static bool
is_literal(struct eval *e, const char *word)
{
    size_t len = name_length(e);

    if (len != strlen(word) || strncmp(e->at, word, len) != 0)
        return false;
    e->at += len;
    return true;
}

static int
eval_operand(struct eval *e, json_t **out, struct sc_err *err)
{
    json_t *inner = NULL;

    if (*e->at == '.') {
        /* "." alone, or the first of ".A.B" */
        if (e->at + 1 < e->end && (isalnum((unsigned char)e->at[1]) || e->at[1] == '_'))
            return eval_fields(e, json_incref((json_t *)(uintptr_t)e->dot), out, err);
        e->at++;
        *out = json_incref((json_t *)(uintptr_t)e->dot);
        return 0;
    }
    if (*e->at == '"' || *e->at == '`')
        return eval_string(e, out, err);
    if (*e->at == '$')
        return eval_variable(e, out, err);
    if (isdigit((unsigned char)*e->at) || *e->at == '-')
        return eval_number(e, out, err);
    if (*e->at == '(') {
        e->at++;
        if (eval_pipeline(e, &inner, err) < 0)
            return -1;
        if (e->at >= e->end || *e->at != ')') {
            json_decref(inner);
            return sc_err_set(err, SC_ERR_INVALID, "template: \"(\" without \")\"");
        }
        e->at++;
        return eval_fields(e, inner, out, err);
    }
    if (is_literal(e, "true") || is_literal(e, "false")) {
        *out = json_boolean(e->at[-1] == 'e' && e->at[-2] == 'u');
        return 0;
    }
    if (is_literal(e, "nil")) {
        *out = json_null();
        return 0;
    }
    return sc_err_set(err, SC_ERR_INVALID, "template: unexpected \"%.*s\"",
                      (int)(e->end - e->at > 40 ? 40 : e->end - e->at), e->at);
}

/* The function named here, which is then behind us; NULL: none is. */
static sc_template_fn
find_function(struct eval *e)
{
    size_t len = name_length(e);
    sc_template_fn function = len > 0 ? sc_template_function(e->at, len) : NULL;

    if (function)
        e->at += len;
    return function;
}

static bool
at_end(struct eval *e)
{
    skip_blanks(e);
    return e->at >= e->end || *e->at == '|' || *e->at == ')';
}

static int
unknown_function(const struct eval *e, struct sc_err *err)
{
    sc_err_set(err, SC_ERR_INVALID, "template: function \"%.*s\" is not known", (int)name_length(e), e->at);
    return sc_err_remedy(err, "known are json index slice len upper lower title join split pad truncate eq ne lt le gt "
                              "ge and or not print printf println");
}

/* A function with arguments, or one operand; piped (taken, may be NULL) is the last argument. `.Label "x"`: a map's
 * member. */
static int
eval_command(struct eval *e, json_t *piped_take, json_t **out, struct sc_err *err)
{
    __attribute__((cleanup(args_release))) struct sc_template_args args = {.row = e->t->is_row ? e->t->root : NULL};
    sc_cleanup_json piped = piped_take;
    sc_template_fn function;

    skip_blanks(e);
    if (e->at >= e->end)
        return sc_err_set(err, SC_ERR_INVALID, "template: a value is missing");
    function = find_function(e);
    if (!function && isalpha((unsigned char)*e->at) && !sc_str_starts(e->at, "true") &&
        !sc_str_starts(e->at, "false") && !sc_str_starts(e->at, "nil"))
        return unknown_function(e, err);
    while (!at_end(e)) {
        if (args.count + 1 == SC_TEMPLATE_ARGS_MAX)
            return sc_err_set(err, SC_ERR_INVALID, "template: too many arguments");
        if (eval_operand(e, &args.items[args.count], err) < 0)
            return -1;
        args.count++;
    }
    if (piped)
        args.items[args.count++] = sc_steal_ptr(&piped);
    if (function)
        return function(&args, out, err);
    if (args.count == 1) {
        *out = json_incref(args.items[0]);
        return 0;
    }
    if (args.count == 2 && json_is_object(args.items[0]))
        return sc_template_index(&args, out, err);
    return sc_err_set(err, SC_ERR_INVALID, "template: a value is given arguments, which only functions take");
}

static int
eval_pipeline(struct eval *e, json_t **out, struct sc_err *err)
{
    json_t *value = NULL;

    if (++e->depth > SC_TEMPLATE_DEPTH_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "template: nested too deeply");
    for (;;) {
        json_t *next = NULL;

        if (eval_command(e, value, &next, err) < 0)
            return -1;
        value = next;
        skip_blanks(e);
        if (e->at >= e->end || *e->at != '|')
            break;
        e->at++;
    }
    e->depth--;
    if (!value)
        return sc_err_nomem(err);
    *out = value;
    return 0;
}

int
sc_template_eval(struct sc_template *t, const char *text, size_t len, const json_t *dot, json_t **out,
                 struct sc_err *err)
{
    struct eval e = {.t = t, .at = text, .end = text + len, .dot = dot};

    if (eval_pipeline(&e, out, err) < 0)
        return -1;
    if (e.at >= e.end)
        return 0;
    json_decref(*out);
    *out = NULL;
    return sc_err_set(err, SC_ERR_INVALID, "template: unexpected \"%c\"", *e.at);
}
