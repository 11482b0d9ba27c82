/*
 * What sc build shows while it builds, on standard error:
 *
 *     plain   a line for each step as it begins and ends, and between them what RUN says
 *     tty     the same, and below it a line that says how long the step has been running; what else comes takes its
 *             place
 *     quiet   nothing; of a step that fails, the end of what it said
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/build-priv.h"

#define NSEC_TENTH INT64_C(100000000)
#define KEPT_BYTES ((size_t)1 << 20)
#define ERASE      "\r\033[K"
/* A line that is longer than the terminal is cut by it. */
#define NO_WRAP "\033[?7l"
#define WRAP    "\033[?7h"

int
sc_build_show_open(struct sc_build_show *show, const char *progress, bool is_quiet, struct sc_build_ask *ask,
                   struct sc_err *err)
{
    static const char *const known[] = {"auto", "plain", "tty", "quiet"};
    const char *how = is_quiet ? "quiet" : "auto", *term = getenv("TERM");
    bool is_known = !progress;

    for (size_t i = 0; progress && i < SC_ARRAY_LEN(known); i++)
        is_known = is_known || strcmp(progress, known[i]) == 0;
    if (!is_known)
        return sc_err_set(err, SC_ERR_INVALID, "--progress \"%s\": it is auto, plain, tty or quiet", progress);
    if (progress && !is_quiet)
        how = progress;
    *show = (struct sc_build_show){.is_quiet = strcmp(how, "quiet") == 0, .is_at_begin = true, .text = SC_BUF_INIT};
    show->is_live = strcmp(how, "tty") == 0 ||
                    (strcmp(how, "auto") == 0 && isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0);
    if (show->is_quiet) {
        show->kept = tmpfile();
        if (!show->kept)
            return sc_err_errno(err, errno, "make a temporary file");
        ask->out_keep = KEPT_BYTES;
    }
    ask->out_fd = show->is_quiet ? fileno(show->kept) : STDERR_FILENO;
    ask->has_ticks = show->is_live;
    ask->say = sc_build_show_event;
    ask->say_data = show;
    return 0;
}

static void
erase(struct sc_build_show *show)
{
    if (show->is_drawn)
        (void)fputs(ERASE, stderr);
    show->is_drawn = false;
}

/* Not over what RUN has not ended with a line's end. */
static void
draw(struct sc_build_show *show)
{
    const int64_t nsec = sc_time_monotonic() - show->begin;

    if (!show->is_live || !show->is_running || !show->is_at_begin)
        return;
    (void)fprintf(stderr, ERASE NO_WRAP "%5llds #%zu %s" WRAP, (long long)(nsec / NSEC_TENTH / 10), show->step,
                  sc_buf_str(&show->text));
    show->is_drawn = true;
}

/* The cursor at the beginning of a line, where we know it. */
static void
begin_line(struct sc_build_show *show)
{
    erase(show);
    if (!show->is_at_begin)
        (void)fputc('\n', stderr);
    show->is_at_begin = true;
}

static void
begin_step(struct sc_build_show *show, const char *text)
{
    show->step++;
    show->begin = sc_time_monotonic();
    show->is_running = true;
    sc_buf_clear(&show->text);
    sc_buf_add_visible(&show->text, text);
    if (show->kept) /* what an earlier one said is of no use any more */
        (void)!(ftruncate(fileno(show->kept), 0) == 0 && lseek(fileno(show->kept), 0, SEEK_SET) == 0);
}

void
sc_build_show_event(void *data, enum sc_build_event event, const char *text, int64_t nsec)
{
    struct sc_build_show *show = data;

    if (event == SC_BUILD_STEP)
        begin_step(show, text);
    if (event == SC_BUILD_NOTE) {
        begin_line(show);
        sc_print_note(text);
        return;
    }
    if (show->is_quiet)
        return;
    switch (event) {
    case SC_BUILD_STEP:
        begin_line(show);
        (void)fprintf(stderr, "#%zu %s\n", show->step, sc_buf_str(&show->text));
        break;
    case SC_BUILD_CACHED:
        begin_line(show);
        (void)fprintf(stderr, "#%zu CACHED\n", show->step);
        show->is_running = false;
        break;
    case SC_BUILD_DONE:
        begin_line(show);
        (void)fprintf(stderr, "#%zu DONE %lld.%llds\n", show->step, (long long)(nsec / NSEC_TENTH / 10),
                      (long long)(nsec / NSEC_TENTH % 10));
        show->is_running = false;
        break;
    case SC_BUILD_OUTPUT:
        erase(show);
        show->is_at_begin = *text == '\n';
        break;
    case SC_BUILD_TICK:
        draw(show);
        break;
    case SC_BUILD_NOTE: /* was shown */
        break;
    }
    (void)fflush(stderr);
}

void
sc_build_show_end(struct sc_build_show *show, bool has_failed)
{
    char data[4096];
    ssize_t got;

    begin_line(show);
    if (show->kept && has_failed && lseek(fileno(show->kept), 0, SEEK_SET) == 0) {
        while ((got = read(fileno(show->kept), data, sizeof(data))) > 0)
            (void)fwrite(data, 1, (size_t)got, stderr);
    }
    (void)fflush(stderr);
    if (show->kept)
        (void)fclose(show->kept);
    show->kept = NULL;
    sc_buf_release(&show->text);
}
