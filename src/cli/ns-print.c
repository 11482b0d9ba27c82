/* Rows about namespaces and processes in the forms that lsns(8) has. */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/ns-priv.h"

static const struct {
    const char *name;
    bool is_number;
} ns_columns[SC_NS_COL_COUNT] = {
    [SC_NS_COL_NS] = {"NS", true},
    [SC_NS_COL_TYPE] = {"TYPE", false},
    [SC_NS_COL_PATH] = {"PATH", false},
    [SC_NS_COL_NPROCS] = {"NPROCS", true},
    [SC_NS_COL_PID] = {"PID", true},
    [SC_NS_COL_PPID] = {"PPID", true},
    [SC_NS_COL_COMMAND] = {"COMMAND", false},
    [SC_NS_COL_UID] = {"UID", true},
    [SC_NS_COL_USER] = {"USER", false},
    [SC_NS_COL_NETNSID] = {"NETNSID", false},
    [SC_NS_COL_NSFS] = {"NSFS", false},
    [SC_NS_COL_PNS] = {"PNS", true},
    [SC_NS_COL_ONS] = {"ONS", true},
    [SC_NS_COL_CONTAINER] = {"CONTAINER", false},
};

static int
column_of(const char *name, size_t len)
{
    for (int i = 0; i < SC_NS_COL_COUNT; i++) {
        if (strlen(ns_columns[i].name) == len && strncasecmp(ns_columns[i].name, name, len) == 0)
            return i;
    }
    return -1;
}

/* "NS,PID" or "+ONS" to ids; at most twice every column. */
static int
choose(const char *text, const char *defaults, int out[2 * SC_NS_COL_COUNT], size_t *count, struct sc_err *err)
{
    const char *lists[] = {!text || *text == '+' ? defaults : text, text && *text == '+' ? text + 1 : ""};

    *count = 0;
    for (size_t i = 0; i < SC_ARRAY_LEN(lists); i++) {
        for (const char *at = lists[i]; *at;) {
            size_t len = strcspn(at, ",");
            int id = column_of(at, len);

            if (id < 0)
                return sc_err_set(err, SC_ERR_INVALID, "--output: unknown column \"%.*s\"", (int)len, at);
            if (*count == 2 * (size_t)SC_NS_COL_COUNT)
                return sc_err_set(err, SC_ERR_INVALID, "--output: too many columns");
            out[(*count)++] = id;
            at += len + (at[len] == ',');
        }
    }
    return 0;
}

/* As it is shown, in characters. */
static size_t
width_of(const char *cell)
{
    sc_cleanup_buf shown = SC_BUF_INIT;
    size_t width = 0;

    sc_buf_add_visible(&shown, cell);
    for (const char *text = sc_buf_str(&shown); *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void
add_raw(const char *text, struct sc_buf *out)
{
    for (; *text; text++) {
        if (*text == ' ' || *text == '\\' || (unsigned char)*text < 0x20 || *text == 0x7f)
            sc_buf_addf(out, "\\x%02x", (unsigned char)*text);
        else
            sc_buf_addc(out, *text);
    }
}

static void
add_cell(const struct sc_ns_row *row, const int *columns, size_t index, size_t count, const size_t *widths,
         struct sc_buf *out)
{
    const char *cell = row->cells[columns[index]] ? row->cells[columns[index]] : "";
    const char *branch = index == 0 ? row->branch : "";
    size_t width = width_of(cell) + width_of(branch), fill = widths[index] > width ? widths[index] - width : 0;
    bool is_right = ns_columns[columns[index]].is_number && !*branch;

    if (index > 0)
        sc_buf_addc(out, ' ');
    sc_buf_adds(out, branch);
    for (size_t i = 0; is_right && i < fill; i++)
        sc_buf_addc(out, ' ');
    sc_buf_add_visible(out, cell);
    for (size_t i = 0; !is_right && index + 1 < count && i < fill; i++)
        sc_buf_addc(out, ' ');
}

static size_t
terminal_width(void)
{
    struct winsize size = {.ws_col = 0};

    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static void
print_table(const struct sc_ns_rows *rows, const int *columns, size_t count, bool with_header, size_t cut)
{
    size_t widths[2 * SC_NS_COL_COUNT] = {0};
    struct sc_ns_row header = {.branch = ""};

    for (size_t c = 0; c < count; c++) {
        header.cells[columns[c]] = ns_columns[columns[c]].name;
        widths[c] = with_header ? strlen(ns_columns[columns[c]].name) : 0;
        for (size_t r = 0; r < rows->count; r++) {
            const char *cell = rows->items[r].cells[columns[c]];
            size_t width = (cell ? width_of(cell) : 0) + (c == 0 ? width_of(rows->items[r].branch) : 0);

            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (size_t r = with_header ? 0 : 1; r <= rows->count; r++) {
        sc_cleanup_buf line = SC_BUF_INIT, shown = SC_BUF_INIT;

        for (size_t c = 0; c < count; c++)
            add_cell(r == 0 ? &header : &rows->items[r - 1], columns, c, count, widths, &line);
        if (cut)
            sc_human_cut(sc_buf_str(&line), cut, &shown);
        (void)puts(sc_buf_str(cut ? &shown : &line));
    }
}

static void
print_raw(const struct sc_ns_rows *rows, const int *columns, size_t count, bool with_header)
{
    sc_cleanup_buf out = SC_BUF_INIT;

    for (size_t c = 0; with_header && c < count; c++)
        sc_buf_addf(&out, "%s%s", c ? " " : "", ns_columns[columns[c]].name);
    if (with_header)
        sc_buf_addc(&out, '\n');
    for (size_t r = 0; r < rows->count; r++) {
        for (size_t c = 0; c < count; c++) {
            if (c > 0)
                sc_buf_addc(&out, ' ');
            add_raw(rows->items[r].cells[columns[c]] ? rows->items[r].cells[columns[c]] : "", &out);
        }
        sc_buf_addc(&out, '\n');
    }
    (void)fputs(sc_buf_str(&out), stdout);
}

static int
print_json(const struct sc_ns_rows *rows, const int *columns, size_t count, const char *name, struct sc_err *err)
{
    sc_cleanup_json all = json_object();
    json_t *list = json_array();

    (void)json_object_set_new(all, name, list);
    for (size_t r = 0; r < rows->count; r++) {
        json_t *object = json_object();

        for (size_t c = 0; c < count; c++) {
            const char *cell = rows->items[r].cells[columns[c]], *from = ns_columns[columns[c]].name;
            char key[16] = "";

            for (size_t i = 0; from[i] && i + 1 < sizeof(key); i++)
                key[i] = (char)(from[i] | 0x20);
            (void)json_object_set_new(object, key,
                                      !cell ? json_null()
                                      : ns_columns[columns[c]].is_number
                                          ? json_integer((json_int_t)strtoull(cell, NULL, 10))
                                          : json_string(cell));
        }
        (void)json_array_append_new(list, object);
    }
    return sc_object_print(NULL, all, err);
}

int
sc_ns_print(const struct sc_ns_form *form, const struct sc_ns_rows *rows, const char *defaults, const char *name,
            struct sc_err *err)
{
    int columns[2 * SC_NS_COL_COUNT];
    size_t count;

    if (choose(form->output, defaults, columns, &count, err) < 0)
        return -1;
    if (form->json)
        return print_json(rows, columns, count, name, err);
    if (form->raw)
        print_raw(rows, columns, count, !form->no_headings);
    else
        print_table(rows, columns, count, !form->no_headings, form->no_truncate ? 0 : terminal_width());
    return 0;
}
