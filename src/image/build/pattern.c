/*
 * The patterns of ${X#p} and ${X/p/r}: '*' is any characters, '?' is one, '\' quotes them. A pattern is pieces with
 * a '*' between each two. The first piece has its place, each next one is best where it is found first, and only the
 * last one may be looked for from behind: so nothing is ever tried twice, and the time is that of a search for each
 * piece.
 */
#include "image/build/dockerfile-priv.h"

#define ANY UINT32_MAX /* '?' */
#define NOT SIZE_MAX

struct piece {
    const uint32_t *chars;
    size_t len;
};

struct pattern {
    struct piece *pieces; /* at least one; those at the ends may be empty */
    size_t count;
};

size_t
sc_df_char_len(const char *text)
{
    unsigned char first = (unsigned char)*text;
    size_t len = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    for (size_t i = 1; i < len; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 1;
    return len;
}

static uint32_t
char_at(const char *text, size_t len)
{
    uint32_t value = 0;

    for (size_t i = 0; i < len; i++)
        value = value << 8 | (unsigned char)text[i];
    return value; /* never ANY: 0xff begins nothing of four bytes that passes sc_df_char_len() */
}

static uint32_t *
to_chars(const char *text, struct sc_arena *arena, size_t *count)
{
    uint32_t *chars = SC_ARENA_ARRAY(arena, uint32_t, strlen(text) + 1);

    *count = 0;
    while (chars && *text) {
        size_t len = sc_df_char_len(text);

        chars[(*count)++] = char_at(text, len);
        text += len;
    }
    return chars;
}

static void
reverse(uint32_t *chars, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        uint32_t kept = chars[i];

        chars[i] = chars[count - 1 - i];
        chars[count - 1 - i] = kept;
    }
}

static int
compile(const char *text, bool is_reversed, struct sc_arena *arena, struct pattern *out, struct sc_err *err)
{
    size_t room = strlen(text) + 1, used = 0;
    uint32_t *chars = SC_ARENA_ARRAY(arena, uint32_t, room);

    out->pieces = SC_ARENA_ARRAY(arena, struct piece, room);
    if (!chars || !out->pieces)
        return sc_err_nomem(err);
    out->count = 1;
    out->pieces[0].chars = chars;
    while (*text) {
        size_t len;

        if (*text == '*') {
            out->pieces[out->count++].chars = &chars[used];
            text++;
            continue;
        }
        if (*text == '?') {
            chars[used++] = ANY;
            out->pieces[out->count - 1].len++;
            text++;
            continue;
        }
        if (*text == '\\') {
            text++;
            if (*text == '\0' || !strchr("*?\\}/", *text))
                return sc_err_set(err, SC_ERR_INVALID, "invalid escape in the pattern of a substitution");
        }
        len = sc_df_char_len(text);
        chars[used++] = char_at(text, len);
        out->pieces[out->count - 1].len++;
        text += len;
    }
    if (is_reversed) {
        for (size_t i = 0; i < out->count; i++)
            reverse(&chars[out->pieces[i].chars - chars], out->pieces[i].len);
        for (size_t i = 0; i < out->count / 2; i++) {
            struct piece kept = out->pieces[i];

            out->pieces[i] = out->pieces[out->count - 1 - i];
            out->pieces[out->count - 1 - i] = kept;
        }
    }
    return 0;
}

static bool
is_here(const struct piece *piece, const uint32_t *value, size_t count, size_t at)
{
    if (piece->len > count - at)
        return false;
    for (size_t i = 0; i < piece->len; i++)
        if (piece->chars[i] != ANY && piece->chars[i] != value[at + i])
            return false;
    return true;
}

/* The first place from `at` on, or the last. */
static size_t
find(const struct piece *piece, const uint32_t *value, size_t count, size_t at, bool is_last)
{
    if (piece->len > count - at)
        return NOT;
    if (!is_last) {
        for (; at + piece->len <= count; at++)
            if (is_here(piece, value, count, at))
                return at;
        return NOT;
    }
    for (size_t from = count - piece->len;; from--) {
        if (is_here(piece, value, count, from))
            return from;
        if (from == at)
            return NOT;
    }
}

/* The end of the shortest or longest match that begins at `at`; NOT: there is none. */
static size_t
match_end(const struct pattern *pattern, const uint32_t *value, size_t count, size_t at, bool is_longest)
{
    if (!is_here(&pattern->pieces[0], value, count, at))
        return NOT;
    at += pattern->pieces[0].len;
    for (size_t i = 1; i < pattern->count; i++) {
        at = find(&pattern->pieces[i], value, count, at, is_longest && i + 1 == pattern->count);
        if (at == NOT)
            return NOT;
        at += pattern->pieces[i].len;
    }
    return at;
}

/* So many characters of text, in bytes. */
static size_t
bytes_of(const char *text, size_t chars)
{
    const char *at = text;

    while (chars-- > 0)
        at += sc_df_char_len(at);
    return (size_t)(at - text);
}

int
sc_df_trim(const char *value, const char *pattern, bool is_suffix, bool is_longest, struct sc_buf *out,
           struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct pattern compiled = {.pieces = NULL};
    size_t count, end;
    uint32_t *chars = to_chars(value, &arena, &count);

    if (!chars)
        return sc_err_nomem(err);
    if (compile(pattern, is_suffix, &arena, &compiled, err) < 0)
        return -1;
    if (is_suffix)
        reverse(chars, count);
    end = match_end(&compiled, chars, count, 0, is_longest);
    if (end == NOT)
        end = 0;
    if (is_suffix)
        sc_buf_add(out, value, bytes_of(value, count - end));
    else
        sc_buf_adds(out, value + bytes_of(value, end));
    return sc_buf_check(out, err);
}

int
sc_df_replace(const char *value, const char *pattern, const char *replacement, bool all, struct sc_buf *out,
              struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct pattern compiled = {.pieces = NULL};
    size_t count, at = 0, done = 0;
    uint32_t *chars = to_chars(value, &arena, &count);
    const char *rest = value;

    if (!chars)
        return sc_err_nomem(err);
    if (compile(pattern, false, &arena, &compiled, err) < 0)
        return -1;
    while (*pattern && (at = find(&compiled.pieces[0], chars, count, at, false)) != NOT) {
        size_t end = match_end(&compiled, chars, count, at, true), skipped;

        if (end == NOT) /* a later piece is not there, nor is it after a later first piece */
            break;
        skipped = bytes_of(rest, at - done);
        sc_buf_add(out, rest, skipped);
        sc_buf_adds(out, replacement);
        rest += skipped + bytes_of(rest + skipped, end - at);
        if (out->len > SC_DF_EXPAND_MAX)
            return sc_err_set(err, SC_ERR_INVALID, "its variables make it larger than %d bytes", SC_DF_EXPAND_MAX);
        done = end;
        if (!all || end == count || end == at)
            break;
        at = end;
    }
    sc_buf_adds(out, rest);
    return sc_buf_check(out, err);
}
