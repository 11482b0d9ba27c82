/* A request's head: the line, the fields that matter, a path and a query without their %xx. Pure. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "api/api.h"

size_t
sc_api_head_len(const char *text, size_t len)
{
    const char *end = len >= 4 ? memmem(text, len, "\r\n\r\n", 4) : NULL;

    return end ? (size_t)(end - text) + 4 : 0;
}

/* %xx, and in a query + for a space. A byte 0 would end the word somewhere else than it seems. */
static char *
decode(const char *text, size_t len, bool is_query, struct sc_arena *arena, struct sc_err *err)
{
    char *out = sc_arena_alloc(arena, len + 1);
    size_t n = 0;

    if (!out) {
        (void)sc_err_nomem(err);
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%') {
            int high = len - i > 2 ? sc_hex_digit(text[i + 1]) : -1, low = len - i > 2 ? sc_hex_digit(text[i + 2]) : -1;

            if (high < 0 || low < 0 || (high == 0 && low == 0)) {
                sc_err_set(err, SC_ERR_INVALID, "a %% in the address that two digits do not follow, or two zeros");
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        out[n++] = c;
    }
    return out;
}

static int
parse_query(const char *text, size_t len, struct sc_arena *arena, struct sc_api_pairs *out, struct sc_err *err)
{
    size_t capacity = 0, at = 0;

    while (at < len) {
        const char *piece = text + at, *amp = memchr(piece, '&', len - at);
        size_t n = amp ? (size_t)(amp - piece) : len - at;
        const char *equals = memchr(piece, '=', n);
        size_t key = equals ? (size_t)(equals - piece) : n;

        at += n + 1;
        if (n == 0)
            continue;
        out->items = sc_arena_grow(arena, out->items, out->count, &capacity, sizeof(*out->items), 8);
        if (!out->items)
            return sc_err_nomem(err);
        struct sc_api_pair *pair = &out->items[out->count];

        pair->key = decode(piece, key, true, arena, err);
        pair->value =
            pair->key ? decode(piece + key + (equals ? 1 : 0), n - key - (equals ? 1 : 0), true, arena, err) : NULL;
        if (!pair->value)
            return -1;
        out->count++;
    }
    return 0;
}

/* "v1.41/": its length, and the number; 0: there is none. */
static size_t
version_len(const char *path, unsigned *minor)
{
    size_t at = 3;
    unsigned value = 0;

    if (!sc_str_starts(path, "v1."))
        return 0;
    while (at < 7 && isdigit((unsigned char)path[at]))
        value = value * 10 + (unsigned)(path[at++] - '0');
    if (at == 3 || (path[at] != '/' && path[at] != '\0'))
        return 0;
    *minor = value;
    return at + (path[at] == '/');
}

static int
parse_target(const char *text, size_t len, struct sc_arena *arena, struct sc_api_request *out, struct sc_err *err)
{
    const char *mark = memchr(text, '?', len);
    size_t path = mark ? (size_t)(mark - text) : len;

    if (len == 0 || text[0] != '/')
        return sc_err_set(err, SC_ERR_INVALID, "an address that does not begin with /");
    out->path = decode(text + 1, path - 1, false, arena, err);
    if (!out->path)
        return -1;
    out->minor = SC_API_MINOR_MAX;
    out->path += version_len(out->path, &out->minor);
    return mark ? parse_query(mark + 1, len - path - 1, arena, &out->query, err) : 0;
}

static int
parse_line(const char *line, size_t len, struct sc_arena *arena, struct sc_api_request *out, struct sc_err *err)
{
    const char *space = memchr(line, ' ', len), *second;
    size_t method = space ? (size_t)(space - line) : 0;

    second = space ? memchr(space + 1, ' ', len - method - 1) : NULL;
    if (method == 0 || method > 8 || !second || len - (size_t)(second - line) != 9 ||
        memcmp(second + 1, "HTTP/1.", 7) != 0 || (second[8] != '0' && second[8] != '1'))
        return sc_err_set(err, SC_ERR_INVALID, "the first line is not one of HTTP/1.1");
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)line[i] < ' ' || (unsigned char)line[i] >= 0x7f)
            return sc_err_set(err, SC_ERR_INVALID, "a control character in the first line");
    }
    out->method = sc_arena_strndup(arena, line, method);
    if (!out->method)
        return sc_err_nomem(err);
    return parse_target(space + 1, (size_t)(second - space) - 1, arena, out, err);
}

static bool
has_word(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = list; *at; at++) {
        if (strncasecmp(at, word, n) == 0)
            return true;
    }
    return false;
}

static int
parse_length(const char *value, struct sc_api_request *out, bool *has_length, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    int64_t length = -1;

    if (!isdigit((unsigned char)value[0]) || sc_parse_i64(value, &length, &ignored) < 0 || length < 0 ||
        (*has_length && length != out->length))
        return sc_err_set(err, SC_ERR_INVALID, "Content-Length is no length, or two");
    out->length = length;
    *has_length = true;
    return 0;
}

static int
parse_field(const char *name, char *value, struct sc_api_request *out, bool *has_length, struct sc_err *err)
{
    if (strcasecmp(name, "content-length") == 0)
        return parse_length(value, out, has_length, err);
    if (strcasecmp(name, "transfer-encoding") == 0) {
        if (strcasecmp(value, "chunked") != 0 || out->is_chunked)
            return sc_err_set(err, SC_ERR_INVALID, "a Transfer-Encoding other than chunked");
        out->is_chunked = true;
    } else if (strcasecmp(name, "upgrade") == 0) {
        out->wants_upgrade = has_word(value, "tcp");
    } else if (strcasecmp(name, "expect") == 0) {
        out->expects_continue = strcasecmp(value, "100-continue") == 0;
    } else if (strcasecmp(name, "x-registry-auth") == 0) {
        out->registry_auth = value;
    } else if (strcasecmp(name, "x-registry-config") == 0) {
        out->registry_config = value;
    }
    return 0;
}

int
sc_api_head_parse(const char *text, size_t len, struct sc_arena *arena, struct sc_api_request *out, struct sc_err *err)
{
    const char *end = memmem(text, len, "\r\n", 2), *at;
    bool has_length = false;

    *out = (struct sc_api_request){.length = 0};
    if (!end)
        return sc_err_set(err, SC_ERR_INVALID, "a head without an end");
    if (parse_line(text, (size_t)(end - text), arena, out, err) < 0)
        return -1;
    for (at = end + 2; at < text + len; at = end + 2) {
        const char *colon;
        char *name, *value;

        end = memmem(at, len - (size_t)(at - text), "\r\n", 2);
        if (!end)
            return sc_err_set(err, SC_ERR_INVALID, "a head without an end");
        if (end == at)
            break;
        colon = memchr(at, ':', (size_t)(end - at));
        if (!colon || colon == at || memchr(at, ' ', (size_t)(colon - at)) || memchr(at, '\t', (size_t)(colon - at)) ||
            memchr(at, '\0', (size_t)(end - at)) || memchr(at, '\n', (size_t)(end - at)))
            return sc_err_set(err, SC_ERR_INVALID, "a field of the head that is not \"Name: value\"");
        name = sc_arena_strndup(arena, at, (size_t)(colon - at));
        for (colon++; colon < end && (*colon == ' ' || *colon == '\t'); colon++)
            ;
        value = sc_arena_strndup(arena, colon, (size_t)(end - colon));
        if (!name || !value)
            return sc_err_nomem(err);
        for (size_t n = strlen(value); n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'); n--)
            value[n - 1] = '\0';
        if (parse_field(name, value, out, &has_length, err) < 0)
            return -1;
    }
    if (has_length && out->is_chunked)
        return sc_err_set(err, SC_ERR_INVALID, "a body that has both a length and chunks");
    return sc_arena_check(arena, err);
}

const char *
sc_api_query(const struct sc_api_request *request, const char *key)
{
    for (size_t i = 0; i < request->query.count; i++) {
        if (strcmp(request->query.items[i].key, key) == 0)
            return request->query.items[i].value;
    }
    return NULL;
}

bool
sc_api_query_is(const struct sc_api_request *request, const char *key)
{
    const char *value = sc_api_query(request, key);

    /* as Docker's own server reads it */
    return value && *value && strcasecmp(value, "0") != 0 && strcasecmp(value, "no") != 0 &&
           strcasecmp(value, "false") != 0 && strcasecmp(value, "none") != 0;
}

int64_t
sc_api_chunk_size(const char *line, size_t len)
{
    int64_t size = 0;
    size_t i = 0;

    for (; i < len && sc_hex_digit(line[i]) >= 0; i++) {
        if (i >= 12)
            return -1;
        size = size * 16 + sc_hex_digit(line[i]);
    }
    return i > 0 && (i == len || line[i] == ';' || line[i] == ' ') ? size : -1;
}
