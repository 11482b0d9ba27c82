/* Columns: what Go's tabwriter makes of Docker's lists with minwidth 10, padding 3. */
#include <string.h>

#include "cli/cli.h"

#define WIDTH_MIN   10
#define PADDING     3
#define COLUMNS_MAX 64

static size_t
characters(const char *text, size_t len)
{
    size_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* A cell ends at a tab; what follows a line's last tab belongs to no column. */
static void
measure(const char *text, size_t widths[COLUMNS_MAX])
{
    size_t column = 0;

    for (const char *at = text; *at;) {
        size_t len = strcspn(at, "\t\n");

        if (at[len] == '\t' && column < COLUMNS_MAX) {
            size_t width = characters(at, len) + PADDING;

            if (width < WIDTH_MIN)
                width = WIDTH_MIN;
            if (width > widths[column])
                widths[column] = width;
        }
        column = at[len] == '\t' ? column + 1 : 0;
        at += len + (at[len] != '\0');
    }
}

void
sc_table_align(const char *text, struct sc_buf *out)
{
    size_t widths[COLUMNS_MAX] = {0}, column = 0;

    measure(text, widths);
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, "\t\n");

        sc_buf_add(out, at, len);
        if (at[len] == '\t') {
            size_t width = column < COLUMNS_MAX ? widths[column] : 0, has = characters(at, len);

            for (size_t i = has; i < width || i == has; i++)
                sc_buf_addc(out, ' ');
            column++;
        } else {
            if (at[len] == '\n')
                sc_buf_addc(out, '\n');
            column = 0;
        }
        at += len + (at[len] != '\0');
    }
}
