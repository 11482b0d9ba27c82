/* Values as Go's templates print and judge them. */
#include "base/json.h"
#include "cli/template-priv.h"

void
sc_template_print(const json_t *value, struct sc_buf *out)
{
    const char *key;
    json_t *item;
    size_t count = 0;

    switch (json_typeof(value)) {
    case JSON_STRING:
        sc_buf_add(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        sc_buf_addf(out, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        sc_buf_addf(out, "%g", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        sc_buf_adds(out, json_is_true(value) ? "true" : "false");
        break;
    case JSON_NULL:
        sc_buf_adds(out, "<no value>");
        break;
    case JSON_ARRAY:
        sc_buf_addc(out, '[');
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (i > 0)
                sc_buf_addc(out, ' ');
            sc_template_print(json_array_get(value, i), out);
        }
        sc_buf_addc(out, ']');
        break;
    case JSON_OBJECT:
        sc_buf_adds(out, "map[");
        json_object_foreach ((json_t *)(uintptr_t)value, key, item) {
            sc_buf_addf(out, "%s%s:", count++ ? " " : "", key);
            sc_template_print(item, out);
        }
        sc_buf_addc(out, ']');
        break;
    }
}

bool
sc_template_is_true(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return json_string_length(value) > 0;
    case JSON_INTEGER:
        return json_integer_value(value) != 0;
    case JSON_REAL:
        return json_real_value(value) < 0 || json_real_value(value) > 0;
    case JSON_ARRAY:
        return json_array_size(value) > 0;
    case JSON_OBJECT:
        return json_object_size(value) > 0;
    default:
        return json_is_true(value);
    }
}
