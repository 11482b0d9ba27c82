/* printf of templates: Go's verbs over JSON values, as far as values of JSON can have them. */
#include <string.h>

#include "base/json.h"
#include "cli/template-priv.h"

/* "%[flags][width][.precision]" at text: its length without the verb. */
static size_t
directive_length(const char *text)
{
    size_t len = 1;

    len += strspn(text + len, "-+# 0");
    len += strspn(text + len, "0123456789");
    if (text[len] == '.')
        len += 1 + strspn(text + len + 1, "0123456789");
    return len;
}

/* The text of a value, in the width that the directive asks for. */
static void
add_padded(const char *directive, size_t len, const char *text, struct sc_buf *out)
{
    char format[32];

    (void)snprintf(format, sizeof(format), "%.*ss", (int)len, directive);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    sc_buf_addf(out, format, text);
#pragma GCC diagnostic pop
}

static void
add_number(const char *directive, size_t len, char verb, long long number, struct sc_buf *out)
{
    char format[32];

    (void)snprintf(format, sizeof(format), "%.*sll%c", (int)len, directive, verb);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    sc_buf_addf(out, format, number);
#pragma GCC diagnostic pop
}

static int
add_value(const char *directive, size_t len, char verb, const json_t *value, struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (strchr("dxXo", verb) && json_is_integer(value)) {
        add_number(directive, len, verb, (long long)json_integer_value(value), out);
        return 0;
    }
    if (verb == 'q' && json_is_string(value))
        sc_buf_add_json(&text, json_string_value(value), json_string_length(value));
    else if (verb == 'v' || (verb == 's' && !json_is_number(value) && !json_is_boolean(value)) ||
             (verb == 't' && json_is_boolean(value)) || (strchr("feg", verb) && json_is_real(value)))
        sc_template_print(value, &text);
    else
        return sc_err_set(err, SC_ERR_INVALID, "template: printf: %%%c is not for such a value", verb);
    if (sc_buf_check(&text, err) < 0)
        return -1;
    add_padded(directive, len, sc_buf_str(&text), out);
    return 0;
}

int
sc_template_printf(const char *format, json_t *const *values, size_t count, struct sc_buf *out, struct sc_err *err)
{
    size_t used = 0;

    for (; *format; format++) {
        size_t len;

        if (*format != '%') {
            sc_buf_addc(out, *format);
            continue;
        }
        len = directive_length(format);
        if (format[len] == '%') {
            sc_buf_addc(out, '%');
        } else if (len > 16 || !format[len] || !strchr("sdvqtxXofeg", format[len])) {
            return sc_err_set(err, SC_ERR_INVALID, "template: printf: \"%.20s\" is not known", format);
        } else if (used == count) {
            return sc_err_set(err, SC_ERR_INVALID, "template: printf: more directives than values");
        } else if (add_value(format, len, format[len], values[used++], out, err) < 0) {
            return -1;
        }
        format += len;
    }
    return used == count ? 0 : sc_err_set(err, SC_ERR_INVALID, "template: printf: more values than directives");
}
