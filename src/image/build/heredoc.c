/* Here-documents of RUN, COPY and ADD: [DIGITS]<<[-]NAME. */
#include "image/build/dockerfile-priv.h"

#define WORD_ENDS ">|&;()" /* besides blanks and '<' */

/* After "<<" or "<<-": the word's rest, which may be empty. NULL: word is no heredoc. */
static const char *
after_arrows(const char *word, bool *is_chomped)
{
    while (*word >= '0' && *word <= '9')
        word++;
    if (word[0] != '<' || word[1] != '<')
        return NULL;
    word += 2;
    *is_chomped = *word == '-';
    word += *is_chomped ? 1 : 0;
    return strchr(word, '<') ? NULL : word;
}

/* The name without quotes and escapes. In a shell's line it ends where the shell would end it. */
static void
read_name(const char *at, bool is_run, struct sc_buf *name, bool *is_quoted)
{
    char quote = '\0';

    *is_quoted = false;
    sc_buf_clear(name);
    for (; *at; at++) {
        if (!quote && is_run && strchr(WORD_ENDS, *at))
            return;
        if (*at == '\\' && quote != '\'' && at[1] != '\0') {
            sc_buf_addc(name, *++at);
            *is_quoted = true;
        } else if (quote ? *at == quote : *at == '\'' || *at == '"') {
            quote = quote ? '\0' : *at;
            *is_quoted = true;
        } else {
            sc_buf_addc(name, *at);
        }
    }
}

/* How many "((" of a word are open behind it: between them and "))", "<<" is a shift. */
static int
arithmetic_depth(const char *word, int depth)
{
    for (; *word; word++) {
        if (word[0] == '(' && word[1] == '(') {
            depth++;
            word++;
        } else if (depth > 0 && word[0] == ')' && word[1] == ')') {
            depth--;
            word++;
        }
    }
    return depth;
}

int
sc_df_heredocs_find(const char *line, bool is_run, struct sc_arena *arena, struct sc_df_heredoc **out, size_t *count,
                    struct sc_err *err)
{
    struct sc_strv words = {.items = NULL};
    sc_cleanup_buf name = SC_BUF_INIT;
    size_t capacity = 0;
    int depth = 0;

    *out = NULL;
    *count = 0;
    /* A quote without an end is the shell's to complain of. */
    if (!strstr(line, "<<") || !sc_df_split_quoted(line, '\\', arena, &words))
        return sc_arena_check(arena, err);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    for (size_t i = 0; i < words.count; i++) {
        struct sc_df_heredoc one = {.is_expanded = true}, *grown;
        const char *rest = after_arrows(words.items[i], &one.is_chomped);
        bool is_quoted, is_shift = depth > 0;

        depth = is_run ? arithmetic_depth(words.items[i], depth) : 0;
        if (!rest || is_shift)
            continue;
        if (*rest == '\0' && is_run && i + 1 < words.count)
            rest = words.items[++i];
        read_name(rest, is_run, &name, &is_quoted);
        if (name.has_failed)
            return sc_err_nomem(err);
        if (name.len == 0)
            continue;
        one.is_expanded = !is_quoted;
        one.name = sc_arena_strdup(arena, name.data);
        grown = sc_arena_grow(arena, *out, *count, &capacity, sizeof(**out), 2);
        if (!grown)
            return sc_err_nomem(err);
        *out = grown;
        (*out)[(*count)++] = one;
    }
    return sc_arena_check(arena, err);
}

bool
sc_df_is_heredoc_word(const char *word)
{
    bool is_chomped;
    const char *rest = after_arrows(word, &is_chomped);

    return rest && *rest;
}

bool
sc_df_is_only_heredoc(const char *args)
{
    bool is_chomped;
    const char *rest = after_arrows(args, &is_chomped);
    char quote = '\0';

    if (!rest)
        return false;
    rest = sc_df_skip_blanks(rest);
    for (const char *at = rest; *at; at++) { /* a blank, or what ends a word of the shell: there is more */
        if (!quote && (sc_df_is_blank(*at) || strchr(WORD_ENDS, *at)))
            return false;
        if (*at == '\\' && quote != '\'' && at[1] != '\0')
            at++;
        else if (quote ? *at == quote : *at == '\'' || *at == '"')
            quote = quote ? '\0' : *at;
    }
    return *rest != '\0';
}
