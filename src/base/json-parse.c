/*
 * RFC 8259 text to a jansson tree. Not jansson's own parser: when memory runs out that one may drop a byte of a
 * string and go on, it cannot tell a missing byte of memory from one of the text, and it refuses
 * numbers above INT64_MAX.
 */
#include <math.h>
#include <string.h>

#include "base/json-priv.h"
#include "base/utf8-priv.h"

#define KEY_SHORT  64  /* keys below it need no memory of their own */
#define DEPTH_MOST 512 /* it recurses; no document of ours is deeper than twenty */

struct parser {
    const char *start, *at, *end;
    const char *what; /* names the document in messages */
    int depth;
    struct sc_buf text; /* of the string or number being read */
    struct sc_err *err;
};

static json_t *parse_value(struct parser *parser);

static void *
parse_nomem(struct parser *parser)
{
    sc_err_nomem(parser->err);
    return NULL;
}

static void *
parse_fail(struct parser *parser, const char *why)
{
    size_t line = 1, column = 1;

    for (const char *at = parser->start; at < parser->at; at++) {
        column = *at == '\n' ? 1 : column + 1;
        line += *at == '\n';
    }
    sc_err_set(parser->err, SC_ERR_INVALID, "parse %s: line %zu, column %zu: %s", parser->what, line, column, why);
    return NULL;
}

/* The byte at hand, or NUL at the end (a NUL in the text is an error wherever it stands). */
static char
peek(const struct parser *parser)
{
    return parser->at < parser->end ? *parser->at : '\0';
}

static void
skip_space(struct parser *parser)
{
    while (parser->at < parser->end &&
           (*parser->at == ' ' || *parser->at == '\n' || *parser->at == '\t' || *parser->at == '\r'))
        parser->at++;
}

/* Whether the text goes on with word, which is then passed over. */
static bool
take(struct parser *parser, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(parser->end - parser->at) < len || memcmp(parser->at, word, len) != 0)
        return false;
    parser->at += len;
    return true;
}

/* ---- strings ------------------------------------------------------------------ */

/* Four hexadecimal digits, or -1. */
static int
parse_hex4(struct parser *parser)
{
    int value = 0;

    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        char c = peek(parser);
        const char *found = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;

        if (!found)
            return -1;
        value = value * 16 + (int)(found - digits);
        parser->at++;
    }
    return value;
}

static void
add_utf8(struct sc_buf *buf, unsigned code)
{
    if (code < 0x80) {
        sc_buf_addc(buf, (char)code);
        return;
    }
    if (code < 0x800) {
        sc_buf_addc(buf, (char)(0xc0 | code >> 6));
    } else {
        if (code < 0x10000) {
            sc_buf_addc(buf, (char)(0xe0 | code >> 12));
        } else {
            sc_buf_addc(buf, (char)(0xf0 | code >> 18));
            sc_buf_addc(buf, (char)(0x80 | (code >> 12 & 0x3f)));
        }
        sc_buf_addc(buf, (char)(0x80 | (code >> 6 & 0x3f)));
    }
    sc_buf_addc(buf, (char)(0x80 | (code & 0x3f)));
}

/* After "\u". U+0000 is refused: every string here is a C string. */
static bool
parse_unicode(struct parser *parser)
{
    int code = parse_hex4(parser), low;

    if (code <= 0 || (code >= 0xdc00 && code <= 0xdfff))
        return false;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (!take(parser, "\\u"))
            return false;
        low = parse_hex4(parser);
        if (low < 0xdc00 || low > 0xdfff)
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    add_utf8(&parser->text, (unsigned)code);
    return true;
}

static bool
parse_escape(struct parser *parser)
{
    static const char pairs[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    char c = peek(parser);

    if (parser->at == parser->end)
        return false;
    parser->at++;
    if (c == 'u')
        return parse_unicode(parser);
    for (size_t i = 0; i + 1 < sizeof(pairs) - 1; i += 2) {
        if (pairs[i] == c) {
            sc_buf_addc(&parser->text, pairs[i + 1]);
            return true;
        }
    }
    return false;
}

/* Stands for itself in a string, as almost every byte does. */
static bool
is_plain(char c)
{
    return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

/* A string at hand into parser->text. */
static bool
parse_text(struct parser *parser)
{
    const char *plain;

    if (peek(parser) != '"')
        return parse_fail(parser, "a string is expected") != NULL;
    plain = ++parser->at;
    sc_buf_clear(&parser->text);
    for (;;) {
        size_t len;
        char c;

        while (parser->at < parser->end && is_plain(*parser->at))
            parser->at++;
        c = peek(parser);
        if (c == '"' || c == '\\') {
            sc_buf_add(&parser->text, plain, (size_t)(parser->at - plain));
            parser->at++;
            if (c == '"')
                break;
            if (!parse_escape(parser))
                return parse_fail(parser, "an escape that does not exist") != NULL;
            plain = parser->at;
            continue;
        }
        if (parser->at >= parser->end)
            return parse_fail(parser, "a string that does not end") != NULL;
        len = sc_utf8_len((const unsigned char *)parser->at, (size_t)(parser->end - parser->at));
        if (len == 0 || (unsigned char)c < 0x20)
            return parse_fail(parser, len ? "a control character in a string" : "a byte that is not UTF-8") != NULL;
        parser->at += len;
    }
    return sc_buf_check(&parser->text, parser->err) == 0;
}

static json_t *
parse_string(struct parser *parser)
{
    sc_cleanup_json json = NULL;
    uint64_t big;

    if (!parse_text(parser))
        return NULL;
    json = json_stringn_nocheck(sc_buf_str(&parser->text), parser->text.len);
    if (!json)
        return parse_nomem(parser);
    if (sc_json_big_value(json, &big))
        return parse_fail(parser, "a string that stands for a number");
    return sc_steal_ptr(&json);
}

/* ---- numbers ------------------------------------------------------------------- */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
skip_digits(struct parser *parser)
{
    const char *first = parser->at;

    while (is_digit(peek(parser)))
        parser->at++;
    return parser->at > first;
}

/* Passes over a number of RFC 8259, section 6; *is_real when it has a fraction or an exponent. */
static bool
skip_number(struct parser *parser, bool *is_real)
{
    *is_real = false;
    (void)take(parser, "-");
    if (!take(parser, "0") && !skip_digits(parser))
        return false;
    if (take(parser, ".")) {
        *is_real = true;
        if (!skip_digits(parser))
            return false;
    }
    if (peek(parser) == 'e' || peek(parser) == 'E') {
        *is_real = true;
        parser->at++;
        if (peek(parser) == '+' || peek(parser) == '-')
            parser->at++;
        if (!skip_digits(parser))
            return false;
    }
    return true;
}

/* parser->text holds the number. */
static json_t *
number_value(struct parser *parser, bool is_real)
{
    struct sc_err ignored; /* not cleared: it is large, and every number comes here */
    const char *text = sc_buf_str(&parser->text);
    json_t *json = NULL;
    uint64_t big;
    int64_t value;

    if (is_real) {
        double real = strtod(text, NULL);

        if (!isfinite(real))
            return parse_fail(parser, "a number that is too large");
        json = json_real(real);
    } else if (sc_parse_i64(text, &value, &ignored) == 0) {
        json = json_integer(value);
    } else if (sc_parse_u64(text, &big, &ignored) == 0) {
        json = json_sprintf("%c%s", SC_JSON_BIG_MARK, text);
    } else {
        return parse_fail(parser, "a number that is too large");
    }
    return json ? json : parse_nomem(parser);
}

static json_t *
parse_number(struct parser *parser)
{
    const char *first = parser->at;
    bool is_real;

    if (!skip_number(parser, &is_real))
        return parse_fail(parser, "a number that is not complete");
    if (is_digit(peek(parser)))
        return parse_fail(parser, "a number with a leading zero");
    sc_buf_clear(&parser->text);
    sc_buf_add(&parser->text, first, (size_t)(parser->at - first));
    if (sc_buf_check(&parser->text, parser->err) < 0)
        return NULL;
    return number_value(parser, is_real);
}

/* ---- arrays and objects ----------------------------------------------------------- */

static json_t *
parse_array(struct parser *parser)
{
    sc_cleanup_json array = json_array();

    if (!array)
        return parse_nomem(parser);
    parser->at++;
    skip_space(parser);
    if (take(parser, "]"))
        return sc_steal_ptr(&array);
    for (;;) {
        json_t *value = parse_value(parser);

        if (!value)
            return NULL;
        if (json_array_append_new(array, value) < 0)
            return parse_nomem(parser);
        skip_space(parser);
        if (take(parser, "]"))
            return sc_steal_ptr(&array);
        if (!take(parser, ","))
            return parse_fail(parser, "\",\" or \"]\" is expected");
    }
}

/* One "key": value into object. */
static bool
parse_member(struct parser *parser, json_t *object)
{
    sc_cleanup_buf long_key = SC_BUF_INIT;
    char short_key[KEY_SHORT];
    const char *key = short_key;
    json_t *value;
    size_t len;

    skip_space(parser);
    if (!parse_text(parser))
        return false;
    if (json_object_getn(object, sc_buf_str(&parser->text), parser->text.len))
        return parse_fail(parser, "a key that was there before") != NULL;
    /* parse_value uses the buffer again. */
    len = parser->text.len;
    if (len < sizeof(short_key)) {
        memcpy(short_key, sc_buf_str(&parser->text), len + 1);
    } else {
        long_key = parser->text;
        key = long_key.data;
        parser->text = (struct sc_buf)SC_BUF_INIT;
    }
    skip_space(parser);
    if (!take(parser, ":"))
        return parse_fail(parser, "\":\" is expected") != NULL;
    value = parse_value(parser);
    if (!value)
        return false;
    if (json_object_setn_new_nocheck(object, key, len, value) < 0)
        return parse_nomem(parser) != NULL;
    return true;
}

static json_t *
parse_object(struct parser *parser)
{
    sc_cleanup_json object = json_object();

    if (!object)
        return parse_nomem(parser);
    parser->at++;
    skip_space(parser);
    if (take(parser, "}"))
        return sc_steal_ptr(&object);
    for (;;) {
        if (!parse_member(parser, object))
            return NULL;
        skip_space(parser);
        if (take(parser, "}"))
            return sc_steal_ptr(&object);
        if (!take(parser, ","))
            return parse_fail(parser, "\",\" or \"}\" is expected");
    }
}

static json_t *
parse_value(struct parser *parser)
{
    json_t *json = NULL;
    char c;

    skip_space(parser);
    c = peek(parser);
    if (c == '{' || c == '[') {
        if (parser->depth == DEPTH_MOST)
            return parse_fail(parser, "too many levels");
        parser->depth++;
        json = c == '{' ? parse_object(parser) : parse_array(parser);
        parser->depth--;
        return json;
    }
    if (c == '"')
        return parse_string(parser);
    if (c == '-' || is_digit(c))
        return parse_number(parser);
    if (take(parser, "true"))
        return json_true();
    if (take(parser, "false"))
        return json_false();
    if (take(parser, "null"))
        return json_null();
    return parse_fail(parser, parser->at < parser->end ? "a value is expected" : "it ends too early");
}

int
sc_json_parse(const char *text, size_t len, const char *what, json_t **out, struct sc_err *err)
{
    struct parser parser = {.start = text, .at = text, .end = text + len, .what = what, .err = err};
    sc_cleanup_json json = parse_value(&parser);

    sc_buf_release(&parser.text);
    if (!json)
        return -1;
    skip_space(&parser);
    if (parser.at < parser.end) {
        (void)parse_fail(&parser, "something follows the end");
        return -1;
    }
    *out = sc_steal_ptr(&json);
    return 0;
}

int
sc_json_read_at(int dirfd, const char *path, size_t max, json_t **out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_file_read_at(dirfd, path, max, &text, err) < 0)
        return -1;
    return sc_json_parse(sc_buf_str(&text), text.len, path, out, err);
}
