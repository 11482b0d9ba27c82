/*
 * One record of the json-file format, read without building a JSON tree: a log has millions of them. Takes any
 * JSON object whose "log", "stream" and "time" are strings, in any order and among other members (Docker's "attrs").
 */
#include <string.h>

#include "monitor/log-priv.h"

struct cursor {
    const char *at, *end;
};

static void
skip_space(struct cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t' || *cursor->at == '\r'))
        cursor->at++;
}

/* Passes over c, with space before it. */
static bool
take(struct cursor *cursor, char c)
{
    skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != c)
        return false;
    cursor->at++;
    return true;
}

/* A string at hand, still escaped: *out and its length. */
static bool
take_string(struct cursor *cursor, struct cursor *out)
{
    if (!take(cursor, '"'))
        return false;
    out->at = cursor->at;
    while (cursor->at < cursor->end && *cursor->at != '"')
        cursor->at += *cursor->at == '\\' ? 2 : 1;
    if (cursor->at >= cursor->end)
        return false;
    out->end = cursor->at++;
    return true;
}

/* Passes over a value of any kind; nesting is counted, not checked. */
static bool
skip_value(struct cursor *cursor)
{
    struct cursor ignored;
    int depth = 0;

    skip_space(cursor);
    do {
        if (cursor->at >= cursor->end)
            return false;
        switch (*cursor->at) {
        case '"':
            if (!take_string(cursor, &ignored))
                return false;
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            depth--;
            break;
        default:
            break;
        }
        cursor->at++;
    } while (depth > 0 || (cursor->at < cursor->end && !strchr(",}", *cursor->at)));
    return true;
}

static int
hex4(const char *at)
{
    int value = 0;

    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *found = at[i] ? strchr(digits, at[i]) : NULL;

        if (!found)
            return -1;
        value = value * 16 + (int)(found - digits) % 16;
    }
    return value;
}

static void
add_utf8(struct sc_buf *out, unsigned code)
{
    if (code < 0x80) {
        sc_buf_addc(out, (char)code);
        return;
    }
    if (code < 0x800) {
        sc_buf_addc(out, (char)(0xc0 | code >> 6));
    } else if (code < 0x10000) {
        sc_buf_addc(out, (char)(0xe0 | code >> 12));
        sc_buf_addc(out, (char)(0x80 | (code >> 6 & 0x3f)));
    } else {
        sc_buf_addc(out, (char)(0xf0 | code >> 18));
        sc_buf_addc(out, (char)(0x80 | (code >> 12 & 0x3f)));
        sc_buf_addc(out, (char)(0x80 | (code >> 6 & 0x3f)));
    }
    sc_buf_addc(out, (char)(0x80 | (code & 0x3f)));
}

/* After "\u". Half of a surrogate pair becomes U+FFFD, NUL is a byte like others. */
static bool
add_unicode(struct cursor *text, struct sc_buf *out)
{
    int code = text->end - text->at >= 4 ? hex4(text->at) : -1, low;

    if (code < 0)
        return false;
    text->at += 4;
    if (code >= 0xd800 && code <= 0xdfff) {
        low = text->end - text->at >= 6 && memcmp(text->at, "\\u", 2) == 0 ? hex4(text->at + 2) : -1;
        if (code > 0xdbff || low < 0xdc00 || low > 0xdfff) {
            code = 0xfffd;
        } else {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            text->at += 6;
        }
    }
    add_utf8(out, (unsigned)code);
    return true;
}

static bool
unescape(struct cursor text, struct sc_buf *out)
{
    sc_buf_clear(out);
    while (text.at < text.end) {
        static const char pairs[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
        const char *plain = text.at;
        size_t i = 0;

        text.at = memchr(plain, '\\', (size_t)(text.end - plain));
        if (!text.at) {
            sc_buf_add(out, plain, (size_t)(text.end - plain));
            return true;
        }
        sc_buf_add(out, plain, (size_t)(text.at - plain));
        text.at += 2; /* take_string has seen that something follows */
        if (text.at[-1] == 'u') {
            if (!add_unicode(&text, out))
                return false;
            continue;
        }
        while (i + 1 < sizeof(pairs) && pairs[i] != text.at[-1])
            i += 2;
        if (i + 1 >= sizeof(pairs))
            return false;
        sc_buf_addc(out, pairs[i + 1]);
    }
    return true;
}

static bool
is_text(struct cursor text, const char *expected)
{
    size_t len = strlen(expected);

    return (size_t)(text.end - text.at) == len && memcmp(text.at, expected, len) == 0;
}

bool
sc_log_record_parse(const char *record, size_t len, struct sc_log_record *out, struct sc_buf *text)
{
    struct cursor cursor = {record, record + len}, log = {NULL, NULL}, stream = {NULL, NULL}, time = {NULL, NULL}, key;
    struct sc_err ignored = SC_ERR_INIT;

    out->attributes = NULL;
    out->attributes_len = 0;
    if (!take(&cursor, '{'))
        return false;
    do {
        struct cursor *value = NULL;

        if (!take_string(&cursor, &key) || !take(&cursor, ':'))
            return false;
        const char *start = cursor.at;
        if (is_text(key, "log"))
            value = &log;
        else if (is_text(key, "stream"))
            value = &stream;
        else if (is_text(key, "time"))
            value = &time;
        if (value ? !take_string(&cursor, value) : !skip_value(&cursor))
            return false;
        if (is_text(key, "attrs")) {
            out->attributes = start;
            out->attributes_len = (size_t)(cursor.at - start);
        }
    } while (take(&cursor, ','));
    if (!take(&cursor, '}') || !log.at || !stream.at || !time.at)
        return false;
    skip_space(&cursor);
    if (cursor.at != cursor.end || (size_t)(time.end - time.at) >= sizeof(out->time) || !unescape(log, text))
        return false;
    memcpy(out->time, time.at, (size_t)(time.end - time.at));
    out->time[time.end - time.at] = '\0';
    out->is_stderr = is_text(stream, "stderr");
    return sc_time_parse(out->time, &out->when, &ignored) == 0;
}

/* As in the query of a URL: what is neither a letter, a digit nor of "-_.~" by its number, a space as +. */
static void
add_escaped(struct cursor text, struct sc_buf *unescaped, struct sc_buf *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";

    if (!unescape(text, unescaped))
        return;
    for (size_t i = 0; i < unescaped->len; i++) {
        char c = unescaped->data[i];

        if (c == ' ')
            sc_buf_addc(out, '+');
        else if (c != '\0' && strchr(plain, c) != NULL)
            sc_buf_addc(out, c);
        else
            sc_buf_addf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

void
sc_log_attributes_print(const char *attributes, size_t len, struct sc_buf *out)
{
    struct cursor cursor = {attributes, attributes + len}, key, value;
    sc_cleanup_buf unescaped = SC_BUF_INIT;
    const char *between = "";

    if (!take(&cursor, '{'))
        return;
    while (take_string(&cursor, &key) && take(&cursor, ':')) {
        struct cursor from = cursor;

        if (!skip_value(&cursor))
            return;
        if (take_string(&from, &value)) {
            sc_buf_adds(out, between);
            add_escaped(key, &unescaped, out);
            sc_buf_addc(out, '=');
            add_escaped(value, &unescaped, out);
            between = ",";
        }
        if (!take(&cursor, ','))
            return;
    }
}
