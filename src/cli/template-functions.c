/* The functions of templates: each from the values of its arguments to a value. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "cli/template-priv.h"

static int
need(const char *name, const struct sc_template_args *args, size_t min, size_t max, struct sc_err *err)
{
    if (args->count >= min && args->count <= max)
        return 0;
    return sc_err_set(err, SC_ERR_INVALID, "template: wrong number of arguments of %s", name);
}

static int
fn_json(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (need("json", args, 1, 1, err) < 0 ||
        (args->items[0] == args->row ? sc_row_dump(args->row, &text, err) : sc_json_dump(args->items[0], &text, err)) <
            0)
        return -1;
    *out = json_stringn_nocheck(sc_buf_str(&text), text.len);
    return 0;
}

int
sc_template_index(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    json_t *value, *whole;

    if (need("index", args, 2, SC_TEMPLATE_ARGS_MAX, err) < 0)
        return -1;
    value = whole = args->items[0];
    for (size_t i = 1; i < args->count; i++) {
        const json_t *key = args->items[i];

        if (json_is_object(value) && json_is_string(key)) {
            value = json_object_get(value, json_string_value(key));
        } else if (json_is_array(value) && json_is_integer(key)) {
            json_int_t at = json_integer_value(key);

            if (at < 0 || (size_t)at >= json_array_size(value))
                return sc_err_set(err, SC_ERR_INVALID, "template: index: %lld is out of range", (long long)at);
            value = json_array_get(value, (size_t)at);
        } else if (json_is_null(value)) {
            return sc_err_set(err, SC_ERR_INVALID, "template: index: there is nothing to index");
        } else {
            return sc_err_set(err, SC_ERR_INVALID, "template: index: a map is indexed by a string, a list by a number");
        }
        if (!value) {
            /* A key that is not there is "", in the header of a list the column's name (under "", cmd-ps.c). */
            const json_t *otherwise = json_object_get(whole, "");

            *out = otherwise ? json_incref((json_t *)(uintptr_t)otherwise) : json_string("");
            return 0;
        }
        whole = value;
    }
    *out = json_incref(value);
    return 0;
}

static int
fn_len(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    const json_t *value;
    size_t len;

    if (need("len", args, 1, 1, err) < 0)
        return -1;
    value = args->items[0];
    if (json_is_string(value))
        len = json_string_length(value);
    else if (json_is_array(value))
        len = json_array_size(value);
    else if (json_is_object(value))
        len = json_object_size(value);
    else if (json_is_null(value))
        len = 0;
    else
        return sc_err_set(err, SC_ERR_INVALID, "template: len: a string, list or map has a length");
    *out = json_integer((json_int_t)len);
    return 0;
}

static int
change_case(const char *name, const struct sc_template_args *args, int (*first)(int), int (*rest)(int), json_t **out,
            struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    bool is_first = true;

    if (need(name, args, 1, 1, err) < 0)
        return -1;
    sc_template_print(args->items[0], &text);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c < 0x80)
            text.data[i] = (char)(is_first ? first(c) : rest ? rest(c) : c);
        is_first = rest != NULL || isspace(c);
    }
    if (sc_buf_check(&text, err) < 0)
        return -1;
    *out = json_stringn_nocheck(sc_buf_str(&text), text.len);
    return 0;
}

static int
fn_upper(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    return change_case("upper", args, toupper, toupper, out, err);
}

static int
fn_lower(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    return change_case("lower", args, tolower, tolower, out, err);
}

static int
fn_title(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    return change_case("title", args, toupper, NULL, out, err);
}

static int
fn_join(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (need("join", args, 2, 2, err) < 0)
        return -1;
    if (!json_is_string(args->items[1]) || (!json_is_array(args->items[0]) && !json_is_null(args->items[0])))
        return sc_err_set(err, SC_ERR_INVALID, "template: join needs a list and a string");
    for (size_t i = 0; i < json_array_size(args->items[0]); i++) {
        if (i > 0)
            sc_buf_adds(&text, json_string_value(args->items[1]));
        sc_template_print(json_array_get(args->items[0], i), &text);
    }
    if (sc_buf_check(&text, err) < 0)
        return -1;
    *out = json_stringn_nocheck(sc_buf_str(&text), text.len);
    return 0;
}

static int
fn_split(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    const char *at, *separator;
    size_t len;

    if (need("split", args, 2, 2, err) < 0)
        return -1;
    if (!json_is_string(args->items[0]) || !json_is_string(args->items[1]))
        return sc_err_set(err, SC_ERR_INVALID, "template: split needs a string and a separator");
    *out = json_array();
    separator = json_string_value(args->items[1]);
    len = strlen(separator);
    for (at = json_string_value(args->items[0]); len == 0 && *at;) { /* into characters */
        const char *start = at;

        do
            at++;
        while (((unsigned char)*at & 0xc0) == 0x80);
        (void)json_array_append_new(*out, json_stringn_nocheck(start, (size_t)(at - start)));
    }
    if (len == 0)
        return 0;
    for (at = json_string_value(args->items[0]);; at += len) {
        const char *next = strstr(at, separator);

        (void)json_array_append_new(*out, json_stringn_nocheck(at, next ? (size_t)(next - at) : strlen(at)));
        if (!next)
            return 0;
        at = next;
    }
}

static int
fn_eq(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    bool is_equal = false;

    if (need("eq", args, 2, SC_TEMPLATE_ARGS_MAX, err) < 0)
        return -1;
    for (size_t i = 1; i < args->count; i++)
        is_equal = is_equal || json_equal(args->items[0], args->items[i]);
    *out = json_boolean(is_equal);
    return 0;
}

static int
fn_ne(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    if (need("ne", args, 2, 2, err) < 0)
        return -1;
    *out = json_boolean(!json_equal(args->items[0], args->items[1]));
    return 0;
}

/* Numbers and texts have an order; two of a kind, as in Go. */
static int
compare(const char *name, const struct sc_template_args *args, int *out, struct sc_err *err)
{
    const json_t *a, *b;

    if (need(name, args, 2, 2, err) < 0)
        return -1;
    a = args->items[0];
    b = args->items[1];
    if (json_is_string(a) && json_is_string(b))
        *out = strcmp(json_string_value(a), json_string_value(b));
    else if (json_is_integer(a) && json_is_integer(b))
        *out = (json_integer_value(a) > json_integer_value(b)) - (json_integer_value(a) < json_integer_value(b));
    else if (json_is_number(a) && json_is_number(b))
        *out = (json_number_value(a) > json_number_value(b)) - (json_number_value(a) < json_number_value(b));
    else
        return sc_err_set(err, SC_ERR_INVALID, "template: %s: incompatible types for comparison", name);
    return 0;
}

/* Whether the order of the two is one of from..to: -1 less, 0 equal, 1 greater. */
static int
is_ordered(const char *name, const struct sc_template_args *args, int from, int to, json_t **out, struct sc_err *err)
{
    int order = 0;

    if (compare(name, args, &order, err) < 0)
        return -1;
    order = (order > 0) - (order < 0);
    *out = json_boolean(from <= order && order <= to);
    return 0;
}

static int
fn_lt(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    return is_ordered("lt", args, -1, -1, out, err);
}

static int
fn_le(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    return is_ordered("le", args, -1, 0, out, err);
}

static int
fn_gt(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    return is_ordered("gt", args, 1, 1, out, err);
}

static int
fn_ge(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    return is_ordered("ge", args, 0, 1, out, err);
}

/* slice X [FROM [TO]]: of a text (its bytes) or a list. */
static int
fn_slice(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    const json_t *whole;
    json_int_t bounds[2];
    size_t len;

    if (need("slice", args, 1, 3, err) < 0)
        return -1;
    whole = args->items[0];
    if (!json_is_string(whole) && !json_is_array(whole))
        return sc_err_set(err, SC_ERR_INVALID, "template: slice: a text or a list has parts");
    len = json_is_string(whole) ? json_string_length(whole) : json_array_size(whole);
    bounds[0] = 0;
    bounds[1] = (json_int_t)len;
    for (size_t i = 1; i < args->count; i++) {
        if (!json_is_integer(args->items[i]))
            return sc_err_set(err, SC_ERR_INVALID, "template: slice: where it begins and ends are whole numbers");
        bounds[i - 1] = json_integer_value(args->items[i]);
    }
    if (bounds[0] < 0 || bounds[0] > bounds[1] || bounds[1] > (json_int_t)len)
        return sc_err_set(err, SC_ERR_INVALID, "template: slice: index out of range");
    if (json_is_string(whole)) {
        *out = json_stringn_nocheck(json_string_value(whole) + bounds[0], (size_t)(bounds[1] - bounds[0]));
        return 0;
    }
    *out = json_array();
    for (json_int_t i = bounds[0]; i < bounds[1]; i++)
        (void)json_array_append(*out, json_array_get(whole, (size_t)i));
    return 0;
}

/* pad TEXT BEFORE AFTER: with so many blanks; nothing where there is no text. */
static int
fn_pad(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    const char *text;

    if (need("pad", args, 3, 3, err) < 0)
        return -1;
    text = json_string_value(args->items[0]);
    for (int i = 1; i <= 2; i++) {
        if (!text || !json_is_integer(args->items[i]) || json_integer_value(args->items[i]) < 0 ||
            json_integer_value(args->items[i]) > 1000)
            return sc_err_set(err, SC_ERR_INVALID, "template: pad needs a text and two numbers");
    }
    *out = *text ? json_sprintf("%*s%s%*s", (int)json_integer_value(args->items[1]), "", text,
                                (int)json_integer_value(args->items[2]), "")
                 : json_string("");
    return 0;
}

/* truncate TEXT COUNT: its first characters. */
static int
fn_truncate(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    const char *text, *end;
    json_int_t left;

    if (need("truncate", args, 2, 2, err) < 0)
        return -1;
    text = json_string_value(args->items[0]);
    if (!text || !json_is_integer(args->items[1]) || json_integer_value(args->items[1]) < 0)
        return sc_err_set(err, SC_ERR_INVALID, "template: truncate needs a text and a number");
    left = json_integer_value(args->items[1]);
    for (end = text; *end && left > 0; left--)
        do
            end++;
        while (((unsigned char)*end & 0xc0) == 0x80);
    *out = json_stringn_nocheck(text, (size_t)(end - text));
    return 0;
}

static int
fn_not(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    if (need("not", args, 1, 1, err) < 0)
        return -1;
    *out = json_boolean(!sc_template_is_true(args->items[0]));
    return 0;
}

/* The first that decides, else the last. */
static int
decide(const char *name, const struct sc_template_args *args, bool decisive, json_t **out, struct sc_err *err)
{
    if (need(name, args, 1, SC_TEMPLATE_ARGS_MAX, err) < 0)
        return -1;
    *out = args->items[args->count - 1];
    for (size_t i = 0; i < args->count; i++) {
        if (sc_template_is_true(args->items[i]) == decisive) {
            *out = args->items[i];
            break;
        }
    }
    (void)json_incref(*out);
    return 0;
}

static int
fn_and(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    return decide("and", args, false, out, err);
}

static int
fn_or(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    return decide("or", args, true, out, err);
}

static int
print_all(const struct sc_template_args *args, bool is_line, json_t **out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    for (size_t i = 0; i < args->count; i++) {
        if (i > 0 && (is_line || (!json_is_string(args->items[i]) && !json_is_string(args->items[i - 1]))))
            sc_buf_addc(&text, ' ');
        sc_template_print(args->items[i], &text);
    }
    if (is_line)
        sc_buf_addc(&text, '\n');
    if (sc_buf_check(&text, err) < 0)
        return -1;
    *out = json_stringn_nocheck(sc_buf_str(&text), text.len);
    return 0;
}

static int
fn_print(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    return print_all(args, false, out, err);
}

static int
fn_println(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    return print_all(args, true, out, err);
}

static int
fn_printf(const struct sc_template_args *args, json_t **out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (args->count == 0 || !json_is_string(args->items[0]))
        return sc_err_set(err, SC_ERR_INVALID, "template: printf: the first argument must be a text");
    if (sc_template_printf(json_string_value(args->items[0]), args->items + 1, args->count - 1, &text, err) < 0 ||
        sc_buf_check(&text, err) < 0)
        return -1;
    *out = json_stringn(sc_buf_str(&text), text.len);
    return *out ? 0 : sc_err_nomem(err);
}

static const struct function {
    const char *name;
    sc_template_fn run;
} functions[] = {
    {"json", fn_json},
    {"index", sc_template_index},
    {"len", fn_len},
    {"upper", fn_upper},
    {"lower", fn_lower},
    {"title", fn_title},
    {"join", fn_join},
    {"split", fn_split},
    {"eq", fn_eq},
    {"ne", fn_ne},
    {"not", fn_not},
    {"and", fn_and},
    {"or", fn_or},
    {"print", fn_print},
    {"println", fn_println},
    {"printf", fn_printf},
    {"lt", fn_lt},
    {"le", fn_le},
    {"gt", fn_gt},
    {"ge", fn_ge},
    {"slice", fn_slice},
    {"pad", fn_pad},
    {"truncate", fn_truncate},
};

sc_template_fn
sc_template_function(const char *name, size_t len)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(functions); i++)
        if (strlen(functions[i].name) == len && strncmp(functions[i].name, name, len) == 0)
            return functions[i].run;
    return NULL;
}
