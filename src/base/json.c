#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/json-priv.h"

#define INDENT_PRETTY 4
#define INDENT_TAB    (-1)
#define REAL_EXACT    9007199254740992.0 /* 2^53: beyond it a double skips integers */

void
sc_json_decrefp(json_t **json)
{
    int saved = errno;

    json_decref(*json);
    *json = NULL;
    errno = saved;
}

bool
sc_json_big_value(const json_t *json, uint64_t *out)
{
    const char *text = json_string_value(json);
    struct sc_err ignored; /* not cleared: it is large, and every string of a document comes here */

    if (!text || text[0] != SC_JSON_BIG_MARK)
        return false;
    return sc_parse_u64(text + 1, out, &ignored) == 0 && *out > INT64_MAX;
}

/* ---- dumping --------------------------------------------------------------------- */

static void
dump_newline(struct sc_buf *out, int indent, int depth)
{
    if (indent > 0)
        sc_buf_add_newline(out, (size_t)indent * (size_t)depth);
    if (indent != INDENT_TAB)
        return;
    sc_buf_addc(out, '\n');
    while (depth-- > 0)
        sc_buf_addc(out, '\t');
}

static void dump_value(const json_t *json, struct sc_buf *out, int indent, int depth);

static void
dump_object(const json_t *json, struct sc_buf *out, int indent, int depth)
{
    json_t *obj = (json_t *)json; /* jansson's iterator is not const */
    void *at = json_object_iter(obj);

    sc_buf_addc(out, '{');
    for (bool is_first = true; at; at = json_object_iter_next(obj, at), is_first = false) {
        const char *key = json_object_iter_key(at);

        if (!is_first)
            sc_buf_addc(out, ',');
        dump_newline(out, indent, depth + 1);
        sc_buf_add_json(out, key, strlen(key));
        sc_buf_adds(out, indent ? ": " : ":");
        dump_value(json_object_iter_value(at), out, indent, depth + 1);
    }
    if (json_object_size(json) > 0)
        dump_newline(out, indent, depth);
    sc_buf_addc(out, '}');
}

static void
dump_array(const json_t *json, struct sc_buf *out, int indent, int depth)
{
    size_t count = json_array_size(json);

    sc_buf_addc(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            sc_buf_addc(out, ',');
        dump_newline(out, indent, depth + 1);
        dump_value(json_array_get(json, i), out, indent, depth + 1);
    }
    if (count > 0)
        dump_newline(out, indent, depth);
    sc_buf_addc(out, ']');
}

/* 17 digits tell every double apart; a whole one keeps its point, to stay a real. */
static void
dump_real(double value, struct sc_buf *out)
{
    size_t start = out->len;

    sc_buf_addf(out, "%.17g", value);
    if (!out->has_failed && !strpbrk(out->data + start, ".e"))
        sc_buf_adds(out, ".0");
}

static void
dump_value(const json_t *json, struct sc_buf *out, int indent, int depth)
{
    uint64_t big;

    switch (json_typeof(json)) {
    case JSON_OBJECT:
        dump_object(json, out, indent, depth);
        break;
    case JSON_ARRAY:
        dump_array(json, out, indent, depth);
        break;
    case JSON_STRING:
        if (sc_json_big_value(json, &big))
            sc_buf_addf(out, "%" PRIu64, big);
        else
            sc_buf_add_json(out, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        sc_buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        break;
    case JSON_REAL:
        dump_real(json_real_value(json), out);
        break;
    case JSON_TRUE:
        sc_buf_adds(out, "true");
        break;
    case JSON_FALSE:
        sc_buf_adds(out, "false");
        break;
    case JSON_NULL:
        sc_buf_adds(out, "null");
        break;
    }
}

int
sc_json_dump(const json_t *json, struct sc_buf *out, struct sc_err *err)
{
    dump_value(json, out, 0, 0);
    return sc_buf_check(out, err);
}

int
sc_json_dump_pretty(const json_t *json, struct sc_buf *out, struct sc_err *err)
{
    dump_value(json, out, INDENT_PRETTY, 0);
    return sc_buf_check(out, err);
}

int
sc_json_dump_indented(const json_t *json, unsigned spaces, struct sc_buf *out, struct sc_err *err)
{
    dump_value(json, out, spaces > 0 ? (int)spaces : INDENT_TAB, 0);
    return sc_buf_check(out, err);
}

/* ---- getters ---------------------------------------------------------------------- */

/* The member, or NULL when it is absent or null. */
static json_t *
json_member(const json_t *obj, const char *key)
{
    json_t *json = json_object_get(obj, key);

    return json_is_null(json) ? NULL : json;
}

static int
json_type_err(struct sc_err *err, const char *where, const char *key, const char *expected)
{
    return sc_err_set(err, SC_ERR_INVALID, "%s%s%s: must be %s", where, *where ? "." : "", key, expected);
}

static bool
json_is_text(const json_t *json)
{
    uint64_t big;

    return json_is_string(json) && !sc_json_big_value(json, &big);
}

int
sc_json_get_str(const json_t *obj, const char *key, const char *where, struct sc_arena *arena, char **out,
                struct sc_err *err)
{
    const json_t *json = json_member(obj, key);
    char *text;

    if (!json)
        return 0;
    if (!json_is_text(json))
        return json_type_err(err, where, key, "a string");
    text = sc_arena_strdup(arena, json_string_value(json));
    if (!text)
        return sc_err_nomem(err);
    *out = text;
    return 0;
}

/* A number as its magnitude and sign. A real such as 1e6 counts when it is a whole number. */
static int
json_get_whole(const json_t *json, const char *key, const char *where, bool *is_negative, uint64_t *magnitude,
               struct sc_err *err)
{
    *is_negative = false;
    if (sc_json_big_value(json, magnitude))
        return 0;
    if (json_is_integer(json)) {
        json_int_t value = json_integer_value(json);

        *is_negative = value < 0;
        *magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        return 0;
    }
    if (json_is_real(json)) {
        double value = json_real_value(json);

        if (fabs(value) >= REAL_EXACT || value != (double)(int64_t)value)
            return json_type_err(err, where, key, "a whole number");
        *is_negative = value < 0;
        *magnitude = (uint64_t)(int64_t)fabs(value);
        return 0;
    }
    return json_type_err(err, where, key, "a number");
}

int
sc_json_get_i64(const json_t *obj, const char *key, const char *where, int64_t *out, struct sc_err *err)
{
    const json_t *json = json_member(obj, key);
    uint64_t magnitude = 0;
    bool is_negative = false;

    if (!json)
        return 0;
    if (json_get_whole(json, key, where, &is_negative, &magnitude, err) < 0)
        return -1;
    if (magnitude > (uint64_t)INT64_MAX + is_negative)
        return json_type_err(err, where, key, "a number from -9223372036854775808 to 9223372036854775807");
    *out = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

static int
json_get_unsigned(const json_t *obj, const char *key, const char *where, uint64_t max, uint64_t *out,
                  struct sc_err *err)
{
    const json_t *json = json_member(obj, key);
    uint64_t magnitude = 0;
    bool is_negative = false;

    if (!json)
        return 0;
    if (json_get_whole(json, key, where, &is_negative, &magnitude, err) < 0)
        return -1;
    if ((is_negative && magnitude != 0) || magnitude > max) {
        sc_err_set(err, SC_ERR_INVALID, "%s%s%s: must be a number from 0 to %" PRIu64, where, *where ? "." : "", key,
                   max);
        return -1;
    }
    *out = magnitude;
    return 0;
}

int
sc_json_get_u64(const json_t *obj, const char *key, const char *where, uint64_t *out, struct sc_err *err)
{
    return json_get_unsigned(obj, key, where, UINT64_MAX, out, err);
}

int
sc_json_get_u32(const json_t *obj, const char *key, const char *where, uint32_t *out, struct sc_err *err)
{
    uint64_t value = *out;

    if (json_get_unsigned(obj, key, where, UINT32_MAX, &value, err) < 0)
        return -1;
    *out = (uint32_t)value;
    return 0;
}

int
sc_json_get_bool(const json_t *obj, const char *key, const char *where, bool *out, struct sc_err *err)
{
    const json_t *json = json_member(obj, key);

    if (!json)
        return 0;
    if (!json_is_boolean(json))
        return json_type_err(err, where, key, "true or false");
    *out = json_is_true(json);
    return 0;
}

int
sc_json_get_strv(const json_t *obj, const char *key, const char *where, struct sc_arena *arena, struct sc_strv *out,
                 struct sc_err *err)
{
    const json_t *json = json_member(obj, key);
    struct sc_strv list = {.items = NULL};

    if (!json)
        return 0;
    if (!json_is_array(json))
        return json_type_err(err, where, key, "a list of strings");
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *item = json_array_get(json, i);

        if (!json_is_text(item))
            return sc_err_set(err, SC_ERR_INVALID, "%s%s%s[%zu]: must be a string", where, *where ? "." : "", key, i);
        sc_strv_add(&list, arena, json_string_value(item));
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    *out = list;
    return 0;
}

int
sc_json_get_map(const json_t *obj, const char *key, const char *where, struct sc_arena *arena, struct sc_strv *out,
                struct sc_err *err)
{
    json_t *json = json_member(obj, key);
    struct sc_strv list = {.items = NULL};

    if (!json)
        return 0;
    if (!json_is_object(json))
        return json_type_err(err, where, key, "an object of strings");
    for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at)) {
        const json_t *value = json_object_iter_value(at);
        const char *name = json_object_iter_key(at);

        if (!json_is_text(value))
            return sc_err_set(err, SC_ERR_INVALID, "%s%s%s[\"%s\"]: must be a string", where, *where ? "." : "", key,
                              name);
        sc_strv_addf(&list, arena, "%s=%s", name, json_string_value(value));
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    *out = list;
    return 0;
}

int
sc_json_get_obj(const json_t *obj, const char *key, const char *where, json_t **out, struct sc_err *err)
{
    json_t *json = json_member(obj, key);

    if (json && !json_is_object(json))
        return json_type_err(err, where, key, "an object");
    *out = json;
    return 0;
}

int
sc_json_get_arr(const json_t *obj, const char *key, const char *where, json_t **out, struct sc_err *err)
{
    json_t *json = json_member(obj, key);

    if (json && !json_is_array(json))
        return json_type_err(err, where, key, "a list");
    *out = json;
    return 0;
}

json_t *
sc_json_strv(const struct sc_strv *list)
{
    json_t *out = json_array();

    for (size_t i = 0; i < list->count; i++)
        (void)json_array_append_new(out, json_string(list->items[i]));
    return out;
}
