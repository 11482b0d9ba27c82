/*
 * The part of TOML 1.0 that hosts.toml uses, as a jansson tree: comments, key = value with strings ("basic" and
 * 'literal'), booleans, integers and arrays, [tables] with dotted and quoted keys. Anything else is an error that
 * names its line. Pure.
 */
#include <string.h>

#include "image/registry/toml-priv.h"

#define DEPTH_MAX 8

struct toml {
    const char *at, *end;
    const char *name;
    int line;
    struct sc_err *err;
};

static int
wrong(struct toml *t, const char *why)
{
    return sc_err_set(t->err, SC_ERR_INVALID, "%s:%d: %s", t->name, t->line, why);
}

static char
peek(const struct toml *t)
{
    return t->at < t->end ? *t->at : '\0';
}

static void
skip_blanks(struct toml *t)
{
    while (peek(t) == ' ' || peek(t) == '\t')
        t->at++;
}

/* Blanks, comments and line ends. */
static void
skip_space(struct toml *t)
{
    for (;;) {
        skip_blanks(t);
        if (peek(t) == '#') {
            while (t->at < t->end && *t->at != '\n')
                t->at++;
        } else if (peek(t) == '\n') {
            t->line++;
            t->at++;
        } else if (peek(t) == '\r') {
            t->at++;
        } else {
            return;
        }
    }
}

static int
read_string(struct toml *t, struct sc_buf *out)
{
    char quote = *t->at++;

    while (t->at < t->end && *t->at != quote) {
        char c = *t->at++;

        if (c == '\n')
            return wrong(t, "a string ends on its own line");
        if (c == '\\' && quote == '"') {
            static const char from[] = "\"\\bfnrt", to[] = "\"\\\b\f\n\r\t";
            const char *found = peek(t) ? strchr(from, peek(t)) : NULL;

            if (!found)
                return wrong(t, "unknown escape in a string");
            c = to[found - from];
            t->at++;
        }
        sc_buf_addc(out, c);
    }
    if (t->at == t->end)
        return wrong(t, "a string does not end");
    t->at++;
    return 0;
}

static bool
is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static int
read_key(struct toml *t, struct sc_buf *out)
{
    sc_buf_clear(out);
    skip_blanks(t);
    if (peek(t) == '"' || peek(t) == '\'')
        return read_string(t, out);
    while (is_bare(peek(t)))
        sc_buf_addc(out, *t->at++);
    return out->len > 0 ? 0 : wrong(t, "a key is missing");
}

static int read_value(struct toml *t, int depth, json_t **out);

static int
read_array(struct toml *t, int depth, json_t **out)
{
    sc_cleanup_json array = json_array();

    if (depth >= DEPTH_MAX)
        return wrong(t, "arrays are nested too deep");
    t->at++;
    for (;;) {
        json_t *item = NULL;

        skip_space(t);
        if (peek(t) == ']')
            break;
        if (read_value(t, depth + 1, &item) < 0)
            return -1;
        if (json_array_append_new(array, item) < 0)
            return sc_err_nomem(t->err);
        skip_space(t);
        if (peek(t) == ',')
            t->at++;
        else if (peek(t) != ']')
            return wrong(t, "an array needs ',' or ']' here");
    }
    t->at++;
    *out = array;
    array = NULL;
    return 0;
}

static int
read_value(struct toml *t, int depth, json_t **out)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    int64_t number;

    *out = NULL;
    if (peek(t) == '[')
        return read_array(t, depth, out);
    if (peek(t) == '"' || peek(t) == '\'') {
        if (read_string(t, &text) < 0 || sc_buf_check(&text, t->err) < 0)
            return -1;
        *out = json_stringn(sc_buf_str(&text), text.len);
        return *out ? 0 : wrong(t, "a string is not UTF-8");
    }
    while (is_bare(peek(t)) || peek(t) == '+' || peek(t) == '.')
        sc_buf_addc(&text, *t->at++);
    if (strcmp(sc_buf_str(&text), "true") == 0)
        *out = json_true();
    else if (strcmp(sc_buf_str(&text), "false") == 0)
        *out = json_false();
    else if (text.len > 0 && sc_parse_i64(sc_buf_str(&text), &number, &(struct sc_err)SC_ERR_INIT) == 0)
        *out = json_integer(number);
    else
        return wrong(t, "a value must be a string, true, false, a whole number or an array");
    return *out ? 0 : sc_err_nomem(t->err);
}

/* "[a.'b'.c]": the table, made where it is not there. */
static int
read_header(struct toml *t, json_t *root, json_t **table)
{
    sc_cleanup_buf key = SC_BUF_INIT;

    t->at++;
    if (peek(t) == '[')
        return wrong(t, "arrays of tables are not known here");
    *table = root;
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        json_t *next;

        if (read_key(t, &key) < 0)
            return -1;
        next = json_object_get(*table, sc_buf_str(&key));
        if (!next) {
            next = json_object();
            if (json_object_set_new(*table, sc_buf_str(&key), next) < 0)
                return wrong(t, "a key is not UTF-8");
        }
        if (!json_is_object(next))
            return wrong(t, "a table has the name of a value");
        *table = next;
        skip_blanks(t);
        if (peek(t) == ']') {
            t->at++;
            return 0;
        }
        if (peek(t) != '.')
            break;
        t->at++;
    }
    return wrong(t, "a table's name needs ']'");
}

static int
read_pair(struct toml *t, json_t *table)
{
    sc_cleanup_buf key = SC_BUF_INIT;
    json_t *value = NULL;

    if (read_key(t, &key) < 0)
        return -1;
    skip_blanks(t);
    if (peek(t) != '=')
        return wrong(t, "'=' is missing after a key");
    t->at++;
    skip_blanks(t);
    if (json_object_get(table, sc_buf_str(&key)))
        return wrong(t, "a key is given twice");
    if (read_value(t, 0, &value) < 0)
        return -1;
    return json_object_set_new(table, sc_buf_str(&key), value) < 0 ? wrong(t, "a key is not UTF-8") : 0;
}

int
sc_toml_parse(const char *text, size_t len, const char *name, json_t **out, struct sc_err *err)
{
    struct toml t = {.at = text, .end = text + len, .name = name, .line = 1, .err = err};
    sc_cleanup_json root = json_object();
    json_t *table = root;

    if (!root)
        return sc_err_nomem(err);
    for (;;) {
        skip_space(&t);
        if (t.at == t.end)
            break;
        if (peek(&t) == '[' ? read_header(&t, root, &table) < 0 : read_pair(&t, table) < 0)
            return -1;
        skip_blanks(&t);
        if (t.at < t.end && !strchr("#\r\n", *t.at))
            return wrong(&t, "a line holds more than one value");
        if (t.at < t.end && *t.at == '\0')
            return wrong(&t, "a NUL byte");
    }
    *out = root;
    root = NULL;
    return 0;
}
