/* What every command says: errors on one line, lists, objects. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"

void
sc_print_note(const char *text)
{
    sc_cleanup_buf line = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;

    sc_buf_adds(&line, "sc: note: ");
    sc_buf_add_visible(&line, text);
    sc_buf_addc(&line, '\n');
    if (sc_buf_check(&line, &ignored) == 0)
        (void)!sc_io_write_all(STDERR_FILENO, line.data, line.len, &ignored);
}

/* Limits of the shell that anything here can meet. */
static const char *
remedy_of_limit(int errnum)
{
    switch (errnum) {
    case EMFILE:
        return "raise the shell's limit of open files (ulimit -n 1024)";
    case EFBIG:
        return "raise the shell's limit of the size of files (ulimit -f unlimited)";
    default:
        return "";
    }
}

void
sc_print_err(const struct sc_err *err)
{
    const char *remedy = err->remedy[0] ? err->remedy : remedy_of_limit(err->errnum);

    sc_cleanup_buf line = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;

    /* What was printed before comes before. */
    (void)fflush(stdout);
    sc_buf_adds(&line, "sc: ");
    sc_buf_add_visible(&line, err->msg);
    if (*remedy) {
        sc_buf_adds(&line, "; ");
        sc_buf_add_visible(&line, remedy);
    }
    sc_buf_addc(&line, '\n');
    if (sc_buf_check(&line, &ignored) < 0)
        return;
    (void)!sc_io_write_all(STDERR_FILENO, line.data, line.len, &ignored);
    sc_err_report(err, line.data + strlen("sc: "));
}

int
sc_output_flush(struct sc_err *err)
{
    int flushed = fflush(stdout), errnum = errno;
    bool has_failed = flushed != 0 || ferror(stdout);

    clearerr(stdout);
    return has_failed ? sc_err_errno(err, errnum, "write to standard output") : 0;
}

/* In a shell's single quotes \t reaches us as two characters; Docker takes it for a tab. */
static void
add_format(struct sc_buf *out, const char *text)
{
    for (; *text; text++) {
        if (text[0] == '\\' && (text[1] == 't' || text[1] == 'n')) {
            sc_buf_addc(out, text[1] == 't' ? '\t' : '\n');
            text++;
        } else {
            sc_buf_addc(out, *text);
        }
    }
}

static int
print_rows(const char *template, const json_t *header, const json_t *rows, struct sc_buf *out, struct sc_err *err)
{
    if (header) {
        if (sc_template_run(template, header, out, err) < 0)
            return -1;
        sc_buf_addc(out, '\n');
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (sc_template_run_row(template, json_array_get(rows, i), out, err) < 0)
            return -1;
        sc_buf_addc(out, '\n');
    }
    return 0;
}

static int
print_json_rows(const json_t *rows, struct sc_buf *out, struct sc_err *err)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (sc_row_dump(json_array_get(rows, i), out, err) < 0)
            return -1;
        sc_buf_addc(out, '\n');
    }
    return 0;
}

/* Labels and histories are the image's: in a table they end no line and no column, and do not speak to the terminal. */
static json_t *
visible(const json_t *value)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    const char *key;
    json_t *out, *member;
    size_t i;

    if (json_is_string(value)) {
        sc_buf_add_visible(&text, json_string_value(value));
        return json_string(sc_buf_str(&text));
    }
    if (!json_is_object(value) && !json_is_array(value))
        return json_incref((json_t *)(uintptr_t)value); /* jansson counts in what it calls const */
    out = json_is_object(value) ? json_object() : json_array();
    json_object_foreach ((json_t *)(uintptr_t)value, key, member)
        (void)json_object_set_new(out, key, visible(member));
    json_array_foreach (value, i, member)
        (void)json_array_append_new(out, visible(member));
    return out;
}

static int
print_table(const struct sc_list_format *how, const char *template, const json_t *rows, struct sc_buf *out,
            struct sc_err *err)
{
    sc_cleanup_json header = json_object();
    sc_cleanup_json shown = visible(rows);
    sc_cleanup_buf text = SC_BUF_INIT;

    for (const struct sc_column *c = how->columns; c->key; c++)
        (void)json_object_set_new(header, c->key,
                                  c->is_map ? json_pack("{s:s}", "", c->header) : json_string(c->header));
    if (print_rows(template, header, shown, &text, err) < 0)
        return -1;
    sc_table_align(sc_buf_str(&text), out);
    return sc_buf_check(&text, err);
}

int
sc_list_print(const struct sc_list_format *how, const json_t *rows, struct sc_err *err)
{
    sc_cleanup_buf out = SC_BUF_INIT, template = SC_BUF_INIT;
    const char *format = how->format ? how->format : "table";
    bool is_table = strcmp(format, "table") == 0 || sc_str_starts(format, "table ") || sc_str_starts(format, "table{");
    int result;

    if (is_table)
        format += format[5] == ' ' ? 6 : 5;
    add_format(&template, is_table && !*format ? how->default_table : format);
    if (is_table)
        result = print_table(how, sc_buf_str(&template), rows, &out, err);
    else if (strcmp(format, "json") == 0)
        result = print_json_rows(rows, &out, err);
    else
        result = print_rows(sc_buf_str(&template), NULL, rows, &out, err);
    if (result < 0)
        return sc_err_wrap(err, "--format");
    if (sc_buf_check(&template, err) < 0 || sc_buf_check(&out, err) < 0)
        return -1;
    (void)fwrite(sc_buf_str(&out), 1, out.len, stdout);
    return 0;
}

int
sc_object_print(const char *format, const json_t *object, struct sc_err *err)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    int result;

    if (!format || !*format)
        result = sc_json_dump_pretty(object, &out, err);
    else if (strcmp(format, "json") == 0)
        result = sc_json_dump(object, &out, err);
    else
        result = sc_template_run(format, object, &out, err) < 0 ? sc_err_wrap(err, "--format") : 0;
    if (result < 0)
        return -1;
    sc_buf_addc(&out, '\n');
    if (sc_buf_check(&out, err) < 0)
        return -1;
    (void)fwrite(sc_buf_str(&out), 1, out.len, stdout);
    return 0;
}

int
sc_objects_print(const char *format, const json_t *objects, const struct sc_strv *failures, struct sc_err *err)
{
    if ((!format || !*format) && sc_object_print(NULL, objects, err) < 0)
        return -1;
    for (size_t i = 0; format && *format && i < json_array_size(objects); i++) {
        if (sc_object_print(format, json_array_get(objects, i), err) < 0)
            return -1;
    }
    if (sc_output_flush(err) < 0)
        return -1;
    for (size_t i = 0; i < failures->count; i++) {
        struct sc_err one = SC_ERR_INIT;

        (void)sc_err_set(&one, SC_ERR_NOT_FOUND, "%s", failures->items[i]);
        sc_print_err(&one);
    }
    return failures->count > 0;
}
