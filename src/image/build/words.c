/* Words of a line: blanks, quotes, flags, JSON lists, and the near misses of what is not known. */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "base/json.h"
#include "image/build/dockerfile-priv.h"

#define SUGGEST_MAX 32 /* letters of a word that suggestions are looked for */

bool
sc_df_is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *
sc_df_skip_blanks(const char *text)
{
    while (sc_df_is_blank(*text))
        text++;
    return text;
}

bool
sc_df_equal_nocase(const char *a, size_t len, const char *b)
{
    return strlen(b) == len && strncasecmp(a, b, len) == 0;
}

bool
sc_df_split_quoted(const char *text, char escape, struct sc_arena *arena, struct sc_strv *out)
{
    for (const char *at = sc_df_skip_blanks(text); *at; at = sc_df_skip_blanks(at)) {
        const char *start = at;
        char quote = '\0';

        for (; *at && (quote || !sc_df_is_blank(*at)); at++) {
            if (*at == escape && quote != '\'') {
                if (at[1] == '\0')
                    continue;
                at++;
            } else if (quote) {
                quote = *at == quote ? '\0' : quote;
            } else if (*at == '\'' || *at == '"') {
                quote = *at;
            }
        }
        sc_strv_add(out, arena, sc_arena_strndup(arena, start, (size_t)(at - start)));
        if (quote)
            return false;
    }
    return true;
}

void
sc_df_split_blanks(const char *text, struct sc_arena *arena, struct sc_strv *out)
{
    for (const char *at = sc_df_skip_blanks(text); *at; at = sc_df_skip_blanks(at)) {
        const char *start = at;

        while (*at && !sc_df_is_blank(*at))
            at++;
        sc_strv_add(out, arena, sc_arena_strndup(arena, start, (size_t)(at - start)));
    }
}

/* One word without its quotes; '\' takes the next character as it is, whatever the directive says of escapes. */
static const char *
flag_word(const char *at, struct sc_buf *word)
{
    char quote = '\0';

    sc_buf_clear(word);
    for (; *at && (quote || !sc_df_is_blank(*at)); at++) {
        if (*at == '\\' && quote != '\'') {
            if (at[1] != '\0')
                sc_buf_addc(word, *++at);
        } else if (quote ? *at == quote : *at == '\'' || *at == '"') {
            quote = quote ? '\0' : *at;
        } else {
            sc_buf_addc(word, *at);
        }
    }
    return at;
}

int
sc_df_split_flags(const char **rest, struct sc_arena *arena, struct sc_df_instr *instr, struct sc_err *err)
{
    struct sc_df_flag *flags = NULL;
    size_t count = 0, capacity = 0;
    sc_cleanup_buf word = SC_BUF_INIT;

    while ((*rest = sc_df_skip_blanks(*rest))[0] == '-' && (*rest)[1] == '-') {
        const char *next = flag_word(*rest, &word), *equals;
        struct sc_df_flag *grown;

        if (strcmp(sc_buf_str(&word), "--") == 0) {
            *rest = sc_df_skip_blanks(next);
            break;
        }
        if (count == SC_DF_FLAGS_MAX)
            return sc_err_set(err, SC_ERR_INVALID, "more than %d flags", SC_DF_FLAGS_MAX);
        grown = sc_arena_grow(arena, flags, count, &capacity, sizeof(*flags), 4);
        if (!grown || word.has_failed)
            return sc_err_nomem(err);
        flags = grown;
        equals = strchr(word.data, '=');
        flags[count].name =
            sc_arena_strndup(arena, word.data + 2, equals ? (size_t)(equals - word.data - 2) : word.len - 2);
        flags[count++].value = equals ? sc_arena_strdup(arena, equals + 1) : NULL;
        *rest = next;
    }
    instr->flags = flags;
    instr->flag_count = count;
    return sc_arena_check(arena, err);
}

int
sc_df_json_words(const char *text, struct sc_arena *arena, struct sc_strv *out, struct sc_err *err)
{
    struct sc_err why = SC_ERR_INIT;
    json_t *json = NULL, *item;
    size_t i;
    int result = 1;

    text = sc_df_skip_blanks(text);
    if (*text != '[')
        return 0;
    if (sc_json_parse(text, strlen(text), "list", &json, &why) < 0) {
        if (why.kind == SC_ERR_INVALID)
            return 0;
        *err = why;
        return -1;
    }
    json_array_foreach (json, i, item) {
        if (!json_is_string(item) || strlen(json_string_value(item)) != json_string_length(item)) {
            result = sc_err_set(err, SC_ERR_INVALID, "a list in brackets must be made of strings only");
            break;
        }
        sc_strv_add(out, arena, json_string_value(item));
    }
    json_decref(json);
    if (result == 1 && sc_arena_check(arena, err) < 0)
        return -1;
    return result;
}

static bool
is_same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* How many letters to change, add, take away or swap with their neighbour, whatever their case. */
static size_t
distance(const char *a, const char *b)
{
    size_t rows[3][SUGGEST_MAX + 1], b_len = strlen(b), i;

    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (i = 1; a[i - 1]; i++) {
        const size_t *before = rows[(i + 1) % 3], *above = rows[(i + 2) % 3];
        size_t *row = rows[i % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = above[j - 1] + (is_same(a[i - 1], b[j - 1]) ? 0 : 1);

            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            best = above[j] + 1 < best ? above[j] + 1 : best;
            if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) && is_same(a[i - 2], b[j - 1]))
                best = before[j - 2] + 1 < best ? before[j - 2] + 1 : best;
            row[j] = best;
        }
    }
    return rows[(i - 1) % 3][b_len];
}

struct sc_df_hint
sc_df_suggest(const char *typed, const char *const *words, size_t count)
{
    struct sc_df_hint hint = {.text = ""};
    size_t best = strlen(typed) < 6 ? 2 : 3;

    if (strlen(typed) > SUGGEST_MAX)
        return hint;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(words[i]), far;

        if (len > SUGGEST_MAX || (far = distance(typed, words[i])) >= best || far >= len)
            continue;
        best = far;
        (void)snprintf(hint.text, sizeof(hint.text), " (did you mean %s?)", words[i]);
    }
    return hint;
}

int
sc_df_wrap(const struct sc_df_instr *instr, struct sc_err *err)
{
    if (instr->line == 0)
        return sc_err_wrap(err, "ONBUILD trigger \"%.100s\"", instr->original);
    return sc_err_wrap(err, "%.100s:%u", instr->file->name, instr->line);
}
