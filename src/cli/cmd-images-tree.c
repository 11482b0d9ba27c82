/* sc images --tree: each image once, with all its names, and below it the platform that is here. */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"

#define PADDING    3
#define NAME_MIN   5 /* of a terminal that is too narrow, so much is left for names */
#define ID_WIDTH   12
#define USE_HEADER "EXTRA"

/* Numbers stand at the right. */
static const struct column {
    const char *header;
    size_t width;
    bool is_right;
} columns[] = {{"ID", ID_WIDTH, false}, {"DISK USAGE", 10, true}, {"CONTENT SIZE", 12, true}, {USE_HEADER, 5, false}};
#define COLUMN_COUNT SC_ARRAY_LEN(columns)

struct row {
    const char *name;                /* NULL: a line between two images */
    const char *cells[COLUMN_COUNT]; /* NULL: a name only */
};
struct tree {
    struct row *rows;
    size_t count, name_width, column_count;
};

static size_t
characters(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static void
add_name(struct tree *tree, const char *name)
{
    size_t width = characters(name);

    tree->rows[tree->count++] = (struct row){.name = name};
    if (width > tree->name_width)
        tree->name_width = width;
}

static void
add_cells(struct tree *tree, const struct sc_image *image, const char *digest, bool is_used, struct sc_arena *arena)
{
    struct row *row = &tree->rows[tree->count - 1];
    char usage[SC_HUMAN_MAX], content[SC_HUMAN_MAX];
    const char *colon = strchr(digest, ':');

    sc_human_size(image->size + image->content_size, usage);
    sc_human_size(image->content_size, content);
    row->cells[0] = sc_arena_printf(arena, "%.*s", ID_WIDTH, colon ? colon + 1 : digest);
    row->cells[1] = sc_arena_strdup(arena, usage);
    row->cells[2] = sc_arena_strdup(arena, content);
    row->cells[3] = is_used ? "U" : "";
}

/* The names of the image at `first` of the list, the last with what it takes; and its platform. */
static int
add_image(struct sc_cli *cli, const struct sc_image_list *list, size_t first, struct tree *tree, struct sc_err *err)
{
    const struct sc_image *image = &list->items[first];
    struct sc_image_use use = {.kind = SC_IMAGE_FREE};
    sc_cleanup_buf platform = SC_BUF_INIT, shown = SC_BUF_INIT;
    struct sc_arena *arena = &cli->arena;
    const char *name;

    if (sc_engine_image_in_use(image->id, &cli->engine, &use, err) < 0)
        return -1;
    if (!image->name)
        add_name(tree, "<untagged>");
    for (size_t i = first; image->name && i < list->count; i++) {
        struct sc_reference ref = {.tag = NULL};

        if (strcmp(list->items[i].id, image->id) == 0 && sc_image_reference(&list->items[i], &ref, arena))
            add_name(tree, sc_reference_shown(&ref, arena));
    }
    add_cells(tree, image, image->id, use.kind != SC_IMAGE_FREE, arena);
    sc_buf_addf(&platform, "%s/%s%s%s", image->os, image->architecture, image->variant ? "/" : "",
                image->variant ? image->variant : "");
    sc_buf_adds(&shown, "└─ ");
    sc_buf_add_visible(&shown, sc_buf_str(&platform));
    name = sc_arena_strdup(arena, sc_buf_str(&shown));
    if (sc_arena_check(arena, err) < 0)
        return -1;
    add_name(tree, name);
    add_cells(tree, image, image->manifest_digest, use.kind != SC_IMAGE_FREE, arena);
    tree->rows[tree->count++] = (struct row){.name = NULL};
    return sc_arena_check(arena, err);
}

static bool
is_shown_before(const struct sc_image_list *list, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (strcmp(list->items[i].id, list->items[at].id) == 0)
            return true;
    }
    return false;
}

/* On a narrow terminal the last columns go, and then the ends of names. */
static void
fit(struct tree *tree)
{
    struct winsize size = {.ws_col = 0};
    size_t width = 0;

    tree->column_count = COLUMN_COUNT;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return;
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        width += PADDING + columns[i].width;
    while (tree->column_count > 0 && width + tree->name_width > size.ws_col)
        width -= PADDING + columns[--tree->column_count].width;
    if (tree->name_width > size.ws_col)
        tree->name_width = size.ws_col < NAME_MIN ? NAME_MIN : size.ws_col;
}

static void
add_cell(const char *text, const struct column *column, bool is_last, struct sc_buf *out)
{
    size_t len = strlen(text), fill = column->width > len ? column->width - len : 0;

    sc_buf_addf(out, "%*s%*s%s", PADDING, "", column->is_right ? (int)fill : 0, "", text);
    if (!column->is_right && !is_last)
        sc_buf_addf(out, "%*s", (int)fill, "");
}

static void
add_row(const struct tree *tree, const struct row *row, struct sc_buf *out)
{
    size_t width;

    if (row->name) {
        sc_human_cut(row->name, tree->name_width, out);
        width = characters(row->name);
        for (size_t i = width; row->cells[0] && i < tree->name_width; i++)
            sc_buf_addc(out, ' ');
    }
    for (size_t i = 0; row->cells[0] && i < tree->column_count; i++)
        add_cell(row->cells[i], &columns[i], i + 1 == tree->column_count, out);
    sc_buf_addc(out, '\n');
}

int
sc_images_print_tree(struct sc_cli *cli, const struct sc_image_list *list, bool all, struct sc_err *err)
{
    struct tree tree = {.name_width = NAME_MIN};
    struct row header = {.name = "IMAGE"};
    sc_cleanup_buf out = SC_BUF_INIT;

    tree.rows = SC_ARENA_ARRAY(&cli->arena, struct row, 3 * list->count + 1); /* names, platforms, empty lines */
    if (!tree.rows)
        return sc_err_nomem(err);
    for (size_t i = 0; i < list->count; i++) {
        if ((list->items[i].name || all) && !is_shown_before(list, i) && add_image(cli, list, i, &tree, err) < 0)
            return -1;
    }
    fit(&tree);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        header.cells[i] = columns[i].header;
    sc_buf_adds(&out, "Info ->  U In Use\n\n");
    add_row(&tree, &header, &out);
    for (size_t i = 0; i < tree.count; i++)
        add_row(&tree, &tree.rows[i], &out);
    if (sc_buf_check(&out, err) < 0)
        return -1;
    (void)fwrite(sc_buf_str(&out), 1, out.len, stdout);
    return 0;
}
