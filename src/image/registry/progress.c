/*
 * Progress: bars on a terminal, a line for each change of state elsewhere, JSON lines (Docker's, one object each), or
 * nothing. One lock; a bar is drawn at most ten times a second.
 */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "image/registry/registry.h"

#define BAR_WIDTH   30
#define DRAW_NSEC   INT64_C(100000000)
#define NSEC        INT64_C(1000000000)
#define STATE_MAX   40
#define ITEM_ID_MAX 13

struct item {
    char id[ITEM_ID_MAX], state[STATE_MAX];
    int64_t done, total, began, began_at; /* began: when; began_at: with how many bytes */
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

static void
draw_item(const struct item *item, int64_t now)
{
    char done[16], total[16], rate[16];
    int64_t elapsed = now - item->began, moved = item->done - item->began_at, speed, filled;

    if (item->total <= 0) {
        (void)printf("\033[2K%s: %s\n", item->id, item->state);
        return;
    }
    filled = item->done * BAR_WIDTH / item->total;
    human(item->done, done);
    human(item->total, total);
    speed = elapsed > 0 ? (int64_t)((double)moved * NSEC / (double)elapsed) : 0;
    human(speed, rate);
    (void)printf("\033[2K%s: %s [", item->id, item->state);
    for (int64_t i = 0; i < BAR_WIDTH; i++)
        (void)putchar(i < filled ? '=' : i == filled ? '>' : ' ');
    (void)printf("] %s/%s", done, total);
    if (speed > 0)
        (void)printf(" %s/s %llds", rate, (long long)((item->total - item->done) / speed));
    (void)putchar('\n');
}

static void
draw(struct sc_progress *progress, bool is_forced)
{
    int64_t now = sc_time_monotonic();

    if (!is_forced && now - progress->last_draw < DRAW_NSEC)
        return;
    progress->last_draw = now;
    if (progress->drawn > 0)
        (void)printf("\033[%zuA", progress->drawn);
    for (size_t i = 0; i < progress->count; i++)
        draw_item(&progress->items[i], now);
    progress->drawn = progress->count;
    (void)fflush(stdout);
}

static void
print_json(const char *status, const struct item *item, const char *image_id)
{
    json_t *line = json_pack("{s:s}", "status", status);

    if (line && image_id)
        (void)json_object_set_new(line, "aux", json_pack("{s:s}", "ID", image_id));
    if (line && item) {
        if (item->total > 0)
            (void)json_object_set_new(
                line, "progressDetail",
                json_pack("{s:I, s:I}", "current", (json_int_t)item->done, "total", (json_int_t)item->total));
        (void)json_object_set_new(line, "id", json_string(item->id));
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
            draw(progress, true);
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
        if (strcmp(progress->items[i].id, id) == 0)
            return &progress->items[i];
    }
    items = realloc(progress->items, (progress->count + 1) * sizeof(*items));
    if (!items)
        return NULL;
    progress->items = items;
    items += progress->count++;
    *items = (struct item){.began = 0};
    (void)snprintf(items->id, sizeof(items->id), "%s", id);
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
        is_new = strcmp(item->state, state) != 0;
        if (is_new) {
            (void)snprintf(item->state, sizeof(item->state), "%s", state);
            item->began = sc_time_monotonic();
            item->began_at = done;
        }
        item->done = done;
        item->total = total;
        if (progress->kind == SC_PROGRESS_BAR)
            draw(progress, is_new);
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
        draw(progress, true);
    progress->count = progress->drawn = 0;
    (void)pthread_mutex_unlock(&progress->lock);
}
