#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/utf8-priv.h"

void
sc_buf_release(struct sc_buf *buf)
{
    int saved = errno;

    free(buf->data);
    *buf = (struct sc_buf)SC_BUF_INIT;
    errno = saved;
}

void
sc_buf_clear(struct sc_buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

/* Room for len more bytes and the NUL after them. */
static bool
buf_reserve(struct sc_buf *buf, size_t len)
{
    size_t need, capacity;
    char *data;

    if (buf->has_failed)
        return false;
    if (__builtin_add_overflow(buf->len, len, &need) || need > SIZE_MAX / 2) {
        buf->has_failed = true;
        return false;
    }
    if (need < buf->capacity)
        return true;
    capacity = buf->capacity ? buf->capacity : 64;
    while (capacity <= need)
        capacity *= 2;
    data = realloc(buf->data, capacity);
    if (!data) {
        buf->has_failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void
sc_buf_add(struct sc_buf *buf, const void *data, size_t len)
{
    if (!buf_reserve(buf, len))
        return;
    if (len)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void
sc_buf_adds(struct sc_buf *buf, const char *text)
{
    sc_buf_add(buf, text, strlen(text));
}

void
sc_buf_addc(struct sc_buf *buf, char c)
{
    sc_buf_add(buf, &c, 1);
}

void
sc_buf_add_newline(struct sc_buf *buf, size_t indent)
{
    if (!buf_reserve(buf, indent + 1))
        return;
    buf->data[buf->len] = '\n';
    memset(buf->data + buf->len + 1, ' ', indent);
    buf->len += indent + 1;
    buf->data[buf->len] = '\0';
}

void
sc_buf_vaddf(struct sc_buf *buf, const char *fmt, va_list args)
{
    va_list again;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len < 0)
        buf->has_failed = true;
    if (len < 0 || !buf_reserve(buf, (size_t)len))
        return;
    (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
    buf->len += (size_t)len;
}

void
sc_buf_addf(struct sc_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    sc_buf_vaddf(buf, fmt, args);
    va_end(args);
}

/* Unicode, table 3-7. */
size_t
sc_utf8_len(const unsigned char *text, size_t len)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t count;

    if (text[0] < 0x80)
        return 1;
    if (text[0] >= 0xc2 && text[0] <= 0xdf)
        count = 2;
    else if (text[0] >= 0xe0 && text[0] <= 0xef)
        count = 3;
    else if (text[0] >= 0xf0 && text[0] <= 0xf4)
        count = 4;
    else
        return 0;
    if (len < count)
        return 0;
    /* The second byte's range keeps out overlong forms, surrogates and what is past U+10FFFF. */
    if (text[0] == 0xe0)
        low = 0xa0;
    else if (text[0] == 0xed)
        high = 0x9f;
    else if (text[0] == 0xf0)
        low = 0x90;
    else if (text[0] == 0xf4)
        high = 0x8f;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < count; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    return count;
}

void
sc_buf_add_visible(struct sc_buf *buf, const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t len = strlen(text), count;

    for (size_t i = 0; i < len; i += count) {
        count = sc_utf8_len(bytes + i, len - i);
        /* U+0080 to U+009F: terminals obey them as they do ESC and what follows it */
        bool is_c1 = count == 2 && bytes[i] == 0xc2 && bytes[i + 1] < 0xa0;

        if (count > 0 && bytes[i] >= 0x20 && bytes[i] != 0x7f && !is_c1) {
            sc_buf_add(buf, bytes + i, count);
            continue;
        }
        count = count > 0 ? count : 1;
        for (size_t k = 0; k < count; k++)
            sc_buf_addf(buf, "\\x%02x", bytes[i + k]);
    }
}

void
sc_buf_add_utf8(struct sc_buf *buf, const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;

    for (size_t i = 0, count; i<len; i += count> 0 ? count : 1) {
        count = sc_utf8_len(bytes + i, len - i);
        if (count > 0)
            sc_buf_add(buf, text + i, count);
        else
            sc_buf_adds(buf, "\xef\xbf\xbd");
    }
}

static void
buf_add_json_escape(struct sc_buf *buf, unsigned char c)
{
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (size_t i = 0; i + 1 < sizeof(letters); i += 2) {
        if ((unsigned char)letters[i] == c) {
            sc_buf_addc(buf, '\\');
            sc_buf_addc(buf, letters[i + 1]);
            return;
        }
    }
    sc_buf_addf(buf, "\\u%04x", c);
}

void
sc_buf_add_json(struct sc_buf *buf, const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t start = 0, i = 0;

    sc_buf_addc(buf, '"');
    while (i < len) {
        size_t count = sc_utf8_len(bytes + i, len - i);

        if (count > 0 && bytes[i] >= 0x20 && bytes[i] != '"' && bytes[i] != '\\') {
            i += count;
            continue;
        }
        sc_buf_add(buf, text + start, i - start);
        if (count == 0)
            sc_buf_adds(buf, "\xef\xbf\xbd");
        else
            buf_add_json_escape(buf, bytes[i]);
        start = ++i;
    }
    sc_buf_add(buf, text + start, i - start);
    sc_buf_addc(buf, '"');
}

void
sc_buf_add_shell(struct sc_buf *buf, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";

    if (*text && text[strspn(text, plain)] == '\0') {
        sc_buf_adds(buf, text);
        return;
    }
    sc_buf_addc(buf, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            sc_buf_adds(buf, "'\\''");
        else
            sc_buf_addc(buf, *text);
    }
    sc_buf_addc(buf, '\'');
}

const char *
sc_buf_str(const struct sc_buf *buf)
{
    return buf->data ? buf->data : "";
}

int
sc_buf_check(const struct sc_buf *buf, struct sc_err *err)
{
    return buf->has_failed ? sc_err_nomem(err) : 0;
}
