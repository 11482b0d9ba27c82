/* Variables, quotes and escapes of a word, as the reference's "Environment replacement" and BuildKit's shell lexer. */
#include <ctype.h>

#include "image/build/dockerfile-priv.h"

struct lex {
    const struct sc_df_expansion *how;
    const char *at;
    unsigned depth; /* of ${...} */
    size_t work;    /* bytes moved, those of operands that are not taken too */
    struct sc_arena *arena;
    struct sc_err *err;
};

/* What a run of characters becomes: the text, and where words are asked for, the words too. */
struct sink {
    struct sc_buf text;
    struct sc_buf word;
    bool in_word;
    struct sc_strv *words; /* or NULL */
};

static void
sink_release(struct sink *sink)
{
    sc_buf_release(&sink->text);
    sc_buf_release(&sink->word);
}
#define sc_cleanup_sink __attribute__((cleanup(sink_release))) struct sink

static void
end_word(struct lex *lex, struct sink *sink)
{
    if (sink->word.len > 0)
        sc_strv_add(sink->words, lex->arena, sc_arena_strndup(lex->arena, sink->word.data, sink->word.len));
    sc_buf_clear(&sink->word);
    sink->in_word = false;
}

/* Characters that blanks divide into words, unless is_whole. */
static int
add(struct lex *lex, struct sink *sink, const char *text, size_t len, bool is_whole)
{
    lex->work += len;
    sc_buf_add(&sink->text, text, len);
    if (sink->text.len > SC_DF_EXPAND_MAX || lex->work > SC_DF_WORK_MAX)
        return sc_err_set(lex->err, SC_ERR_INVALID, "its variables make it larger than %d bytes", SC_DF_EXPAND_MAX);
    if (!sink->words)
        return 0;
    if (is_whole) {
        sc_buf_add(&sink->word, text, len);
        sink->in_word = true;
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        if (!sc_df_is_blank(text[i])) {
            sc_buf_addc(&sink->word, text[i]);
            sink->in_word = true;
        } else if (sink->in_word && sink->word.len > 0) {
            end_word(lex, sink);
        }
    }
    return 0;
}

static int process(struct lex *lex, char stop, bool keep_escapes, struct sink *sink);

/* The name after "$" or "${": letters, digits and '_'; or digits; or one special character. */
static size_t
name_len(const char *at)
{
    size_t len = 0;

    if (isdigit((unsigned char)*at)) {
        while (isdigit((unsigned char)at[len]))
            len++;
        return len;
    }
    if (*at && strchr("@*#?-$!", *at))
        return 1;
    while (isalnum((unsigned char)at[len]) || at[len] == '_')
        len++;
    return len;
}

static int
bad(struct lex *lex, const char *why)
{
    return sc_err_set(lex->err, SC_ERR_INVALID, "syntax error: %s", why);
}

/* Runs to the stop character and gives what is before it. */
static int
operand(struct lex *lex, char stop, bool keep_escapes, struct sink *out)
{
    if (lex->depth > SC_DF_NEST_MAX)
        return sc_err_set(lex->err, SC_ERR_INVALID, "more than %d variables inside of one another", SC_DF_NEST_MAX);
    if (process(lex, stop, keep_escapes, out) < 0)
        return -1;
    return sc_buf_check(&out->text, lex->err);
}

/* ${X#p} ${X##p} ${X%p} ${X%%p} */
static int
trim(struct lex *lex, const char *value, const char *pattern, char kind, struct sink *sink, bool is_whole)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    bool is_longest = *pattern == kind;

    if (sc_df_trim(value, pattern + (is_longest ? 1 : 0), kind == '%', is_longest, &out, lex->err) < 0)
        return -1;
    return add(lex, sink, sc_buf_str(&out), out.len, is_whole);
}

/* ${X/p/r} ${X//p/r}, after the first slash. */
static int
replace(struct lex *lex, const char *value, struct sink *sink, bool is_whole)
{
    sc_cleanup_sink pattern = {.words = NULL}, by = {.words = NULL};
    sc_cleanup_buf out = SC_BUF_INIT;
    bool all = *lex->at == '/';

    lex->at += all ? 1 : 0;
    if (operand(lex, '/', true, &pattern) < 0 || operand(lex, '}', true, &by) < 0)
        return -1;
    if (sc_df_replace(value ? value : "", sc_buf_str(&pattern.text), sc_buf_str(&by.text), all, &out, lex->err) < 0)
        return -1;
    return add(lex, sink, sc_buf_str(&out), out.len, is_whole);
}

/* - + ? with or without ':', # and %, after the character. */
static int
modify(struct lex *lex, const char *name, size_t len, const char *value, char kind, bool null_is_unset,
       struct sink *sink, bool is_whole)
{
    sc_cleanup_sink word = {.words = NULL};
    bool is_set = value && (*value || !null_is_unset);
    const char *text = value ? value : "";

    if (operand(lex, '}', kind == '#' || kind == '%', &word) < 0)
        return -1;
    switch (kind) {
    case '-':
        text = is_set ? text : sc_buf_str(&word.text);
        break;
    case '+':
        text = is_set ? sc_buf_str(&word.text) : "";
        break;
    case '?':
        if (!is_set)
            return sc_err_set(lex->err, SC_ERR_INVALID, "%.*s: %.200s", len > 100 ? 100 : (int)len, name,
                              word.text.len ? word.text.data
                              : value       ? "is not allowed to be empty"
                                            : "is not allowed to be unset");
        break;
    default:
        return trim(lex, text, sc_buf_str(&word.text), kind, sink, is_whole);
    }
    return add(lex, sink, text, strlen(text), is_whole);
}

/* After "${". */
static int
braces(struct lex *lex, struct sink *sink, bool is_whole)
{
    const char *name = lex->at, *value;
    size_t len = name_len(name);
    bool null_is_unset;
    char kind;

    if (*name == '\0')
        return bad(lex, "missing '}'");
    if (len == 0)
        return bad(lex, "bad substitution");
    value = lex->how->lookup(lex->how->context, name, len);
    lex->at += len;
    if (*lex->at == '}') {
        lex->at++;
        return value ? add(lex, sink, value, strlen(value), is_whole) : 0;
    }
    null_is_unset = *lex->at == ':';
    lex->at += null_is_unset ? 1 : 0;
    kind = *lex->at;
    if (kind == '\0')
        return bad(lex, "missing '}'");
    lex->at++;
    if (kind == '/' && !null_is_unset)
        return replace(lex, value, sink, is_whole);
    if (!strchr("-+?", kind) && (null_is_unset || (kind != '#' && kind != '%')))
        return sc_err_set(lex->err, SC_ERR_INVALID, "unsupported modifier (%s%c) in substitution",
                          null_is_unset ? ":" : "", isprint((unsigned char)kind) ? kind : '.');
    return modify(lex, name, len, value, kind, null_is_unset, sink, is_whole);
}

/* At '$'. */
static int
dollar(struct lex *lex, struct sink *sink, bool is_whole)
{
    const char *value;
    size_t len;
    int result;

    lex->at++;
    if (*lex->at == '{') {
        lex->at++;
        lex->depth++;
        result = braces(lex, sink, is_whole);
        lex->depth--;
        return result;
    }
    len = name_len(lex->at);
    if (len == 0)
        return add(lex, sink, "$", 1, is_whole);
    value = lex->how->lookup(lex->how->context, lex->at, len);
    lex->at += len;
    return value ? add(lex, sink, value, strlen(value), is_whole) : 0;
}

/* At '\''. */
static int
single_quoted(struct lex *lex, struct sink *sink)
{
    const char *start = ++lex->at, *end = strchr(start, '\'');

    if (!end)
        return sc_err_set(lex->err, SC_ERR_INVALID, "a single quote has no end");
    lex->at = end + 1;
    return add(lex, sink, start, (size_t)(end - start), true);
}

/* At '"'. Only a quote, '$' and the escape character itself can be escaped there. */
static int
double_quoted(struct lex *lex, bool keep_escapes, struct sink *sink)
{
    char escape = lex->how->escape;

    lex->at++;
    if (add(lex, sink, "", 0, true) < 0)
        return -1;
    while (*lex->at != '"') {
        if (*lex->at == '\0')
            return sc_err_set(lex->err, SC_ERR_INVALID, "a double quote has no end");
        if (*lex->at == '$') {
            if (dollar(lex, sink, true) < 0)
                return -1;
            continue;
        }
        if (*lex->at == escape && (lex->at[1] == '"' || lex->at[1] == '$' || lex->at[1] == escape)) {
            if (keep_escapes && add(lex, sink, lex->at, 1, true) < 0)
                return -1;
            lex->at++;
        } else if (*lex->at == escape && lex->at[1] == '\0') {
            lex->at++;
            continue;
        }
        if (add(lex, sink, lex->at, 1, true) < 0)
            return -1;
        lex->at++;
    }
    lex->at++;
    return 0;
}

/* To the stop character, which is passed over; '\0': to the end. */
static int
process(struct lex *lex, char stop, bool keep_escapes, struct sink *sink)
{
    while (*lex->at) {
        int result;

        if (stop && *lex->at == stop) {
            lex->at++;
            return 0;
        }
        if (*lex->at == '$') {
            result = dollar(lex, sink, false);
        } else if (*lex->at == '\'' && !lex->how->keep_quotes) {
            result = single_quoted(lex, sink);
        } else if (*lex->at == '"' && !lex->how->keep_quotes) {
            result = double_quoted(lex, keep_escapes, sink);
        } else if (*lex->at == lex->how->escape) {
            result = keep_escapes ? add(lex, sink, lex->at, 1, true) : 0;
            lex->at++;
            if (result == 0 && *lex->at) {
                result = add(lex, sink, lex->at, 1, true);
                lex->at++;
            }
        } else {
            result = add(lex, sink, lex->at, 1, false);
            lex->at++;
        }
        if (result < 0)
            return -1;
    }
    return stop ? bad(lex, stop == '}' ? "missing '}'" : "missing '/' in ${}") : 0;
}

int
sc_df_expand_to(const struct sc_df_expansion *how, const char *text, struct sc_arena *arena, char **out,
                struct sc_strv *words, struct sc_err *err)
{
    struct lex lex = {.how = how, .at = text, .arena = arena, .err = err};
    sc_cleanup_sink sink = {.words = words};

    if (process(&lex, '\0', false, &sink) < 0)
        return sc_err_wrap(err, "\"%.100s\"", text);
    if (words)
        end_word(&lex, &sink);
    if (sink.text.has_failed || sink.word.has_failed)
        return sc_err_nomem(err);
    if (how->spent && (*how->spent += sink.text.len) > SC_DF_SPENT_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "the variables of the stage make it larger than %d bytes",
                          SC_DF_SPENT_MAX);
    if (out)
        *out = sc_arena_strndup(arena, sc_buf_str(&sink.text), sink.text.len);
    return sc_arena_check(arena, err);
}

int
sc_df_expand(const char *text, char escape, sc_df_lookup *lookup, void *context, struct sc_arena *arena, char **out,
             struct sc_err *err)
{
    struct sc_df_expansion how = {.escape = escape, .lookup = lookup, .context = context};

    return sc_df_expand_to(&how, text, arena, out, NULL, err);
}

int
sc_df_expand_words(const char *text, char escape, sc_df_lookup *lookup, void *context, struct sc_arena *arena,
                   struct sc_strv *out, struct sc_err *err)
{
    struct sc_df_expansion how = {.escape = escape, .lookup = lookup, .context = context};

    return sc_df_expand_to(&how, text, arena, NULL, out, err);
}
