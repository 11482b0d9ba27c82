/*
 * Progress: bars on a terminal, a line for each change of state elsewhere, JSON lines (Docker's, one object each), or
 * nothing. One lock; a bar is drawn at most ten times a second.
 */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"
#include "image/registry/registry.h"

#define BAR_WIDTH     30
#define BAR_MIN       5
#define WIDTH_UNKNOWN 79 /* of what is no terminal, and shall have bars */
#define TIME_MAX      (999 * 3600)
#define DRAW_NSEC     INT64_C(100000000)
#define NSEC          INT64_C(1000000000)

struct item {
    struct sc_progress_shown shown;
    int64_t began, began_at; /* of this state: when; with how many bytes */
};

struct sc_progress {
    enum sc_progress_kind kind;
    pthread_mutex_t lock;
    struct item *items;
    size_t count, drawn; /* lines on the terminal now */
    int64_t last_draw;
};

int
sc_progress_new(enum sc_progress_kind kind, struct sc_progress **out, struct sc_err *err)
{
    struct sc_progress *progress = calloc(1, sizeof(*progress));

    if (!progress)
        return sc_err_nomem(err);
    progress->kind = kind != SC_PROGRESS_AUTO ? kind : isatty(STDOUT_FILENO) == 1 ? SC_PROGRESS_BAR : SC_PROGRESS_PLAIN;
    (void)pthread_mutex_init(&progress->lock, NULL);
    *out = progress;
    return 0;
}

void
sc_progress_free(struct sc_progress *progress)
{
    if (!progress)
        return;
    (void)pthread_mutex_destroy(&progress->lock);
    free(progress->items);
    free(progress);
}

/* "12.3MB", powers of 1000 */
static void
human(int64_t bytes, char out[16])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1000 && unit + 1 < SC_ARRAY_LEN(units)) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(out, 16, unit == 0 || value >= 100 ? "%.0f%s" : "%.1f%s", value, units[unit]);
}

/* "5s", "2m05s", "1h02m"; nobody waits for more than days */
static void
human_time(int64_t seconds, char out[16])
{
    unsigned whole = seconds < 0 ? 0 : seconds > TIME_MAX ? TIME_MAX : (unsigned)seconds;

    if (whole < 60)
        (void)snprintf(out, 16, "%us", whole);
    else if (whole < 3600)
        (void)snprintf(out, 16, "%um%02us", whole / 60, whole % 60);
    else
        (void)snprintf(out, 16, "%uh%02um", whole / 3600, whole / 60 % 60);
}

/* Adds text unless the line would be longer than width. */
static void
add_if_fits(struct sc_buf *line, const char *text, size_t width)
{
    if (line->len + strlen(text) <= width)
        sc_buf_adds(line, text);
}

/* " [===>   ]", as wide as there is room for, or not at all. */
static void
add_bar(struct sc_buf *line, int64_t done, int64_t total, size_t room)
{
    size_t width = BAR_WIDTH, filled;

    if (room < BAR_MIN + 3)
        return;
    if (room < BAR_WIDTH + 3)
        width = room - 3;
    filled = (size_t)((double)done / (double)total * (double)width);
    sc_buf_adds(line, " [");
    for (size_t i = 0; i < width; i++)
        sc_buf_addc(line, i < filled ? '=' : i == filled ? '>' : ' ');
    sc_buf_addc(line, ']');
}

/* What fits of it, the least important goes first: the bar gets narrower, then rate, bar, time left and amount go; last
 * of all stands how much is done, in percent. */
void
sc_progress_text(const struct sc_progress_shown *item, int64_t speed, size_t width, struct sc_buf *out)
{
    char done[16], total[16], rate[16], amount[40] = "", speed_text[24] = "", left[24] = "", percent[8];
    sc_cleanup_buf line = SC_BUF_INIT;
    size_t head, tail;

    sc_buf_addf(&line, "%s: %s", item->id, item->state);
    head = line.len;
    if (item->total <= 0) {
        sc_buf_add(out, sc_buf_str(&line), head < width ? head : width);
        return;
    }
    human(item->done, done);
    human(item->total, total);
    (void)snprintf(amount, sizeof(amount), " %s/%s", done, total);
    if (speed > 0) {
        human(speed, rate);
        (void)snprintf(speed_text, sizeof(speed_text), " %s/s", rate);
        human_time((item->total - item->done + speed - 1) / speed, rate);
        (void)snprintf(left, sizeof(left), " %s", rate);
    }
    if (head + strlen(amount) > width) {
        (void)snprintf(percent, sizeof(percent), " %3d%%", (int)((double)item->done / (double)item->total * 100));
        sc_buf_clear(&line);
        sc_buf_addf(&line, "%s:", item->id);
        add_if_fits(&line, percent, width);
        sc_buf_add(out, sc_buf_str(&line), line.len < width ? line.len : width);
        return;
    }
    tail = strlen(amount) + strlen(left);
    if (head + tail + strlen(speed_text) + BAR_MIN + 3 <= width)
        tail += strlen(speed_text);
    if (head + tail < width)
        add_bar(&line, item->done, item->total, width - head - tail);
    sc_buf_adds(&line, amount);
    if (line.len + strlen(speed_text) + strlen(left) <= width)
        sc_buf_adds(&line, speed_text);
    add_if_fits(&line, left, width);
    sc_buf_add(out, sc_buf_str(&line), line.len);
}

/* How large the terminal is now: it may be resized meanwhile. */
static void
measure(size_t *width, size_t *rows)
{
    struct winsize size = {.ws_col = 0};

    *width = WIDTH_UNKNOWN;
    *rows = SIZE_MAX;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        return;
    if (size.ws_col > 1)
        *width = size.ws_col - 1U; /* the last column would wrap on some */
    if (size.ws_row > 1)
        *rows = size.ws_row - 1U;
}

static void
draw_item(const struct item *item, int64_t now, size_t width)
{
    sc_cleanup_buf line = SC_BUF_INIT;
    int64_t elapsed = now - item->began, moved = item->shown.done - item->began_at;
    int64_t speed = elapsed > 0 ? (int64_t)((double)moved * NSEC / (double)elapsed) : 0;

    sc_progress_text(&item->shown, speed, width, &line);
    (void)printf("\033[2K%s\n", sc_buf_str(&line));
}

/* A terminal shows no more lines than it has: those that are not done come first. */
static void
draw(struct sc_progress *progress, bool is_forced, bool is_last)
{
    int64_t now = sc_time_monotonic();
    size_t width, rows, surplus;

    if (!is_forced && now - progress->last_draw < DRAW_NSEC)
        return;
    progress->last_draw = now;
    measure(&width, &rows);
    if (progress->drawn > 0)
        (void)printf("\033[%zuA", progress->drawn);
    progress->drawn = 0;
    surplus = !is_last && progress->count > rows ? progress->count - rows : 0;
    for (size_t i = 0; i < progress->count; i++) {
        const struct item *item = &progress->items[i];

        if (surplus > 0 && item->shown.total == 0) {
            surplus--;
            continue;
        }
        if (!is_last && progress->drawn == rows)
            break;
        draw_item(item, now, width);
        progress->drawn++;
    }
    (void)printf("\033[J");
    (void)fflush(stdout);
}

static void
print_json(const char *status, const struct item *item, const char *image_id)
{
    json_t *line = json_pack("{s:s}", "status", status);

    if (line && image_id)
        (void)json_object_set_new(line, "aux", json_pack("{s:s}", "ID", image_id));
    if (line && item) {
        if (item->shown.total > 0)
            (void)json_object_set_new(line, "progressDetail",
                                      json_pack("{s:I, s:I}", "current", (json_int_t)item->shown.done, "total",
                                                (json_int_t)item->shown.total));
        (void)json_object_set_new(line, "id", json_string(item->shown.id));
    }
    if (line)
        (void)json_dumpf(line, stdout, JSON_COMPACT);
    (void)putchar('\n');
    (void)fflush(stdout);
    json_decref(line);
}

void
sc_progress_line(struct sc_progress *progress, const char *text)
{
    if (!progress || progress->kind == SC_PROGRESS_NONE)
        return;
    (void)pthread_mutex_lock(&progress->lock);
    if (progress->kind == SC_PROGRESS_JSON) {
        print_json(text, NULL, NULL);
    } else {
        /* Above the bars: they are drawn again below it. */
        if (progress->drawn > 0)
            (void)printf("\033[%zuA\033[J", progress->drawn);
        (void)printf("%s\n", text);
        progress->drawn = 0;
        if (progress->kind == SC_PROGRESS_BAR && progress->count > 0)
            draw(progress, true, false);
        (void)fflush(stdout);
    }
    (void)pthread_mutex_unlock(&progress->lock);
}

void
sc_progress_result(struct sc_progress *progress, const char *text, const char *image_id)
{
    if (progress && progress->kind == SC_PROGRESS_JSON)
        print_json(text, NULL, image_id);
    else
        (void)printf("%s\n", text);
}

static struct item *
find(struct sc_progress *progress, const char *id)
{
    struct item *items;

    for (size_t i = 0; i < progress->count; i++) {
        if (strcmp(progress->items[i].shown.id, id) == 0)
            return &progress->items[i];
    }
    items = realloc(progress->items, (progress->count + 1) * sizeof(*items));
    if (!items)
        return NULL;
    progress->items = items;
    items += progress->count++;
    *items = (struct item){.began = 0};
    (void)snprintf(items->shown.id, sizeof(items->shown.id), "%s", id);
    return items;
}

void
sc_progress_item(struct sc_progress *progress, const char *id, const char *state, int64_t done, int64_t total)
{
    struct item *item;
    bool is_new;

    if (!progress || progress->kind == SC_PROGRESS_NONE)
        return;
    (void)pthread_mutex_lock(&progress->lock);
    item = find(progress, id);
    if (item) {
        is_new = strcmp(item->shown.state, state) != 0;
        if (is_new) {
            (void)snprintf(item->shown.state, sizeof(item->shown.state), "%s", state);
            item->began = sc_time_monotonic();
            item->began_at = done;
        }
        item->shown.done = done;
        item->shown.total = total;
        if (progress->kind == SC_PROGRESS_BAR)
            draw(progress, is_new, false);
        else if (progress->kind == SC_PROGRESS_JSON &&
                 (is_new || sc_time_monotonic() - progress->last_draw > DRAW_NSEC)) {
            progress->last_draw = sc_time_monotonic();
            print_json(state, item, NULL);
        } else if (progress->kind == SC_PROGRESS_PLAIN && is_new && total == 0)
            (void)printf("%s: %s\n", id, state);
    }
    (void)pthread_mutex_unlock(&progress->lock);
}

void
sc_progress_done(struct sc_progress *progress)
{
    if (!progress || progress->kind != SC_PROGRESS_BAR)
        return;
    (void)pthread_mutex_lock(&progress->lock);
    if (progress->count > 0)
        draw(progress, true, true);
    progress->count = progress->drawn = 0;
    (void)pthread_mutex_unlock(&progress->lock);
}
