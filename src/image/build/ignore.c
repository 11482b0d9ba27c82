/*
 * .dockerignore and --exclude: github.com/moby/patternmatcher's rules.
 *
 * A pattern is compared with a path whole: '*' and '?' stop at '/', "**" does not (and "**" with a slash behind it
 * is any number of directories, none too). Of all patterns that match a path or one of its parents, the last
 * decides; '!' brings back. Matching one pattern keeps, for each place of the pattern, whether it can be reached (as
 * a regular expression's automaton does): time is pattern times path, whatever the pattern.
 */
#include "image/build/dockerfile-priv.h"

#define PATTERN_MAX 4096 /* bytes of a pattern */
#define PATH_MOST   8192 /* bytes of a path; a longer one is never left out */

enum token_kind {
    TOKEN_CHAR,
    TOKEN_ANY,   /* ? */
    TOKEN_CLASS, /* [...] */
    TOKEN_STAR,  /* any characters but '/' */
    TOKEN_ALL,   /* any characters: "**" at the end */
    TOKEN_DIRS,  /* nothing, or any characters and a '/': "**" and what is behind it */
};

struct token {
    enum token_kind kind;
    char byte;         /* CHAR */
    const char *class; /* CLASS: after '[' */
};

struct sc_ignore_pattern {
    const char *text; /* clean, without '!' */
    bool is_exception;
    bool is_plain; /* no wildcard: text is the path */
    struct token *tokens;
    size_t count;
};

/* filepath.Clean() of a relative path, which may begin with "..". */
static char *
clean(const char *text, struct sc_arena *arena)
{
    char *out = sc_arena_alloc(arena, strlen(text) + 2), *to = out, *floor;
    bool is_rooted = *text == '/';

    if (!out)
        return NULL;
    if (is_rooted)
        *to++ = '/';
    floor = to; /* what ".." cannot take away is before it */
    while (*text) {
        size_t len = strcspn(text, "/");

        if (len == 0 || (len == 1 && *text == '.')) {
            text += len + (text[len] == '/' ? 1 : 0);
            continue;
        }
        if (len == 2 && text[0] == '.' && text[1] == '.' && (is_rooted || to > floor)) {
            while (to > floor && *--to != '/')
                ;
        } else {
            if (to > out && to[-1] != '/')
                *to++ = '/';
            memcpy(to, text, len);
            to += len;
            if (len == 2 && text[0] == '.' && text[1] == '.')
                floor = to;
        }
        text += len;
    }
    if (to == out)
        *to++ = '.';
    *to = '\0';
    return out;
}

/* After '[': past ']'. The pattern is known to be well-formed. */
static const char *
class_end(const char *at)
{
    if (*at == '^')
        at++;
    for (bool is_first = true; *at && (*at != ']' || is_first); at++, is_first = false)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : at;
}

static int
compile(struct sc_ignore_pattern *pattern, struct sc_arena *arena, struct sc_err *err)
{
    const char *at = pattern->text;
    bool is_suffix;

    pattern->is_plain = !sc_df_glob_has_wildcard(at);
    if (pattern->is_plain)
        return 0;
    /* "**name" without a slash is what ends so, but only where there is no other wildcard (as patternmatcher has
     * it). */
    is_suffix = at[0] == '*' && at[1] == '*' && at[2] != '/' && !sc_df_glob_has_wildcard(at + 2);
    pattern->tokens = SC_ARENA_ARRAY(arena, struct token, strlen(at) + 1);
    if (!pattern->tokens)
        return sc_err_nomem(err);
    while (*at) {
        struct token *token = &pattern->tokens[pattern->count++];

        if (at[0] == '*' && at[1] == '*') {
            at += at[2] == '/' ? 3 : 2;
            token->kind = *at && !is_suffix ? TOKEN_DIRS : TOKEN_ALL;
        } else if (*at == '*') {
            token->kind = TOKEN_STAR;
            at++;
        } else if (*at == '?') {
            token->kind = TOKEN_ANY;
            at++;
        } else if (*at == '[') {
            *token = (struct token){.kind = TOKEN_CLASS, .class = at + 1};
            at = class_end(at + 1);
        } else {
            if (*at == '\\' && at[1])
                at++;
            *token = (struct token){.kind = TOKEN_CHAR, .byte = *at++};
        }
    }
    return 0;
}

/* Adds one line or one --exclude. */
static int
add(struct sc_ignore *out, size_t *capacity, const char *text, size_t len, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_ignore_pattern *patterns, *pattern;
    char *copy;

    while (len > 0 && sc_df_is_blank(text[0])) {
        text++;
        len--;
    }
    while (len > 0 && sc_df_is_blank(text[len - 1]))
        len--;
    if (len == 0)
        return 0;
    if (len > PATTERN_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "a pattern is longer than %d bytes", PATTERN_MAX);
    patterns = sc_arena_grow(arena, out->patterns, out->count, capacity, sizeof(*patterns), 8);
    if (!patterns)
        return sc_err_nomem(err);
    out->patterns = patterns;
    pattern = &patterns[out->count];
    *pattern = (struct sc_ignore_pattern){.is_exception = *text == '!'};
    if (pattern->is_exception) {
        do {
            text++;
            len--;
        } while (len > 0 && sc_df_is_blank(*text));
        if (len == 0)
            return sc_err_set(err, SC_ERR_INVALID, "illegal exclusion pattern: \"!\"");
        out->has_exceptions = true;
    }
    copy = sc_arena_strndup(arena, text, len);
    if (!copy || !(copy = clean(copy, arena)))
        return sc_err_nomem(err);
    if (copy[0] == '/' && copy[1])
        copy++;
    pattern->text = copy;
    if (sc_df_glob_check(copy, err) < 0)
        return sc_err_wrap(err, "\"%.100s\"", copy);
    out->count++;
    return compile(pattern, arena, err);
}

int
sc_ignore_parse(const char *text, size_t len, const char *name, struct sc_arena *arena, struct sc_ignore *out,
                struct sc_err *err)
{
    const char *end;
    size_t capacity = 0;
    unsigned line = 0;

    *out = (struct sc_ignore){.patterns = NULL};
    if (len > SC_DF_TEXT_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "%.100s: larger than %d bytes", name, SC_DF_TEXT_MAX);
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    for (end = text + len; text < end;) {
        const char *newline = memchr(text, '\n', (size_t)(end - text)), *stop = newline ? newline : end;
        int result = 0;

        line++;
        if (memchr(text, '\0', (size_t)(stop - text)))
            result = sc_err_set(err, SC_ERR_INVALID, "a NUL character: this is no text");
        else if (*text != '#')
            result = add(out, &capacity, text, (size_t)(stop - text), arena, err);
        if (result < 0)
            return sc_err_wrap(err, "%.100s:%u", name, line);
        text = newline ? newline + 1 : end;
    }
    return sc_arena_check(arena, err);
}

int
sc_ignore_make(const struct sc_strv *patterns, struct sc_arena *arena, struct sc_ignore *out, struct sc_err *err)
{
    size_t capacity = 0;

    *out = (struct sc_ignore){.patterns = NULL};
    for (size_t i = 0; i < patterns->count; i++)
        if (add(out, &capacity, patterns->items[i], strlen(patterns->items[i]), arena, err) < 0)
            return -1;
    return sc_arena_check(arena, err);
}

/* ---- matching ---- */

static bool
in_class(const struct token *token, const char *path, size_t len)
{
    char pattern[PATTERN_MAX + 3], name[8];
    size_t class_len = (size_t)(class_end(token->class) - token->class);

    pattern[0] = '[';
    memcpy(pattern + 1, token->class, class_len);
    pattern[class_len + 1] = '\0';
    memcpy(name, path, len);
    name[len] = '\0';
    return sc_df_glob(pattern, name);
}

/* From the places of path that the tokens before can end at to those that this one can end at. */
static void
advance(const struct token *token, const char *path, size_t len, const bool *from, bool *to)
{
    bool is_any_before = false; /* of from, at a place before i */

    memset(to, 0, len + 1);
    for (size_t i = 0; i <= len; i++) {
        size_t step = i < len ? sc_df_char_len(path + i) : 0;

        switch (token->kind) {
        case TOKEN_CHAR:
            if (i < len && from[i] && path[i] == token->byte)
                to[i + 1] = true;
            break;
        case TOKEN_ANY:
            if (i < len && from[i] && path[i] != '/')
                to[i + step] = true;
            break;
        case TOKEN_CLASS:
            if (i < len && from[i] && in_class(token, path + i, step))
                to[i + step] = true;
            break;
        case TOKEN_STAR:
            to[i] = from[i] || (i > 0 && to[i - 1] && path[i - 1] != '/');
            break;
        case TOKEN_ALL:
            to[i] = from[i] || is_any_before;
            break;
        case TOKEN_DIRS:
            to[i] = from[i] || (i > 0 && path[i - 1] == '/' && is_any_before);
            break;
        }
        is_any_before = is_any_before || from[i];
    }
}

/* Whether the pattern is path or one of its parents; or, with is_below, whether it may be something below the directory
 * path, whose last character is then its slash. */
static bool
matches(const struct sc_ignore_pattern *pattern, const char *path, size_t len, bool is_below)
{
    bool rows[2][PATH_MOST + 1], *from = rows[0], *to = rows[1];
    size_t text_len = strlen(pattern->text);

    if (pattern->is_plain) {
        if (is_below)
            return text_len > len && memcmp(pattern->text, path, len) == 0;
        return text_len <= len && memcmp(pattern->text, path, text_len) == 0 &&
               (text_len == len || path[text_len] == '/');
    }
    memset(from, 0, len + 1);
    from[0] = true;
    for (size_t i = 0; i < pattern->count; i++) {
        bool *kept = from;

        if (is_below && from[len])
            return true;
        advance(&pattern->tokens[i], path, len, from, to);
        from = to;
        to = kept;
    }
    if (from[len])
        return true;
    for (size_t i = 1; i < len && !is_below; i++)
        if (path[i] == '/' && from[i])
            return true;
    return false;
}

/* How many patterns there are up to the last that matches; 0: none does. */
static size_t
last_match(const struct sc_ignore *ignore, const char *path, size_t len)
{
    size_t at = ignore->count;

    while (at > 0 && !matches(&ignore->patterns[at - 1], path, len, false))
        at--;
    return at;
}

bool
sc_ignore_is_ignored(const struct sc_ignore *ignore, const char *path)
{
    size_t len = strlen(path), at;

    if (len == 0 || len >= PATH_MOST || strcmp(path, ".") == 0)
        return false;
    at = last_match(ignore, path, len);
    return at > 0 && !ignore->patterns[at - 1].is_exception;
}

bool
sc_ignore_skips_dir(const struct sc_ignore *ignore, const char *path)
{
    char below[PATH_MOST + 1];
    size_t len = strlen(path), at;

    if (len == 0 || len >= PATH_MOST - 1 || strcmp(path, ".") == 0)
        return false;
    at = last_match(ignore, path, len);
    if (at == 0 || ignore->patterns[at - 1].is_exception)
        return false;
    memcpy(below, path, len);
    below[len] = '/';
    below[len + 1] = '\0';
    /* What leaves the directory out leaves all in it out; only a later exception brings back. */
    for (; at < ignore->count; at++)
        if (ignore->patterns[at].is_exception && matches(&ignore->patterns[at], below, len + 1, true))
            return false;
    return true;
}
