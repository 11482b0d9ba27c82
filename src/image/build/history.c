/* What an image's history says of a step, in the words of Docker's builder. */
#include <inttypes.h>

#include "image/build/step-priv.h"

/* As Go's %q. */
static void
add_quoted(struct sc_buf *out, const char *text)
{
    sc_buf_addc(out, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        static const char letters[] = "abtnvfr"; /* from 7 on */

        if (c == '"' || c == '\\')
            sc_buf_addf(out, "\\%c", c);
        else if (c >= 7 && c <= 13)
            sc_buf_addf(out, "\\%c", letters[c - 7]);
        else if (c < ' ' || c == 0x7f)
            sc_buf_addf(out, "\\x%02x", c);
        else
            sc_buf_addc(out, (char)c);
    }
    sc_buf_addc(out, '"');
}

/* As Go's time.Duration: 1h0m0s, 1m30s, 1.5s, 20ms, 0s. */
static void
add_duration(struct sc_buf *out, int64_t nsec)
{
    static const struct {
        int64_t unit;
        const char *name;
    } small[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "\xc2\xb5s"}, {1, "ns"}};
    int64_t minutes = nsec / 60000000000;
    size_t i = 0;

    if (minutes >= 60)
        sc_buf_addf(out, "%" PRId64 "h", minutes / 60);
    if (minutes > 0) {
        sc_buf_addf(out, "%" PRId64 "m", minutes % 60);
        nsec %= 60000000000;
    } else {
        while (nsec > 0 && nsec < small[i].unit)
            i++;
    }
    sc_buf_addf(out, "%" PRId64, nsec / small[i].unit);
    nsec %= small[i].unit;
    if (nsec > 0) {
        size_t len = 0;
        char digits[10];

        for (int64_t unit = small[i].unit / 10; nsec > 0; unit /= 10, len++) {
            digits[len] = (char)('0' + nsec / unit);
            nsec %= unit;
        }
        digits[len] = '\0';
        sc_buf_addf(out, ".%s", digits);
    }
    sc_buf_adds(out, small[i].name);
}

static void
add_list(struct sc_buf *out, const struct sc_strv *list, bool is_quoted)
{
    sc_buf_addc(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        sc_buf_adds(out, i > 0 ? " " : "");
        if (is_quoted)
            add_quoted(out, list->items[i]);
        else
            sc_buf_adds(out, list->items[i]);
    }
    sc_buf_addc(out, ']');
}

/* The shell and its last word, as a list. */
static void
shell_words(const struct sc_strv *shell, const char *text, struct sc_arena *arena, struct sc_strv *out)
{
    for (size_t i = 0; shell && i < shell->count; i++)
        sc_strv_add(out, arena, shell->items[i]);
    if (out->count == 0) {
        sc_strv_add(out, arena, "/bin/sh");
        sc_strv_add(out, arena, "-c");
    }
    sc_strv_add(out, arena, text);
}

/* "|2 A=1 B=2 /bin/sh -c make": the arguments that it was run with come first. */
static void
add_run(struct sc_buf *out, const struct sc_df_scope *scope, const struct sc_df_run *run, const struct sc_strv *shell,
        struct sc_arena *arena)
{
    struct sc_strv words = run->argv;

    if (scope->args.count > 0)
        sc_buf_addf(out, " |%zu", scope->args.count);
    for (size_t i = 0; i < scope->args.count; i++) {
        size_t len = strcspn(scope->args.items[i], "=");
        const char *value = sc_df_scope_lookup((void *)scope, scope->args.items[i], len);

        sc_buf_addf(out, " %.*s=", (int)len, scope->args.items[i]);
        sc_buf_adds(out, value ? value : "");
    }
    if (run->kind == SC_DF_RUN_SHELL)
        shell_words(shell, run->script, arena, &words);
    else if (run->kind == SC_DF_RUN_FILE)
        shell_words(shell, sc_arena_printf(arena, "/dev/pipes/%s", run->file_name), arena, &words);
    for (size_t i = 0; i < words.count; i++) {
        sc_buf_addc(out, ' ');
        sc_buf_adds(out, words.items[i]);
    }
}

static void
add_copy(struct sc_buf *out, const struct sc_df_copy *copy)
{
    if (copy->has_parents)
        sc_buf_adds(out, " --parents");
    if (copy->chown)
        sc_buf_addf(out, " --chown=%s", copy->chown);
    if (copy->chmod)
        sc_buf_addf(out, " --chmod=%s", copy->chmod);
    if (copy->is_link)
        sc_buf_adds(out, " --link");
    for (size_t i = 0; i < copy->excludes.count; i++)
        sc_buf_addf(out, " --exclude=%s", copy->excludes.items[i]);
    for (size_t i = 0; i < copy->sources.count; i++)
        sc_buf_addf(out, " %s", copy->sources.items[i]);
    for (size_t i = 0; i < copy->file_count; i++)
        sc_buf_addf(out, " <<%s", copy->files[i].name);
    sc_buf_addf(out, " %s", copy->dest);
}

static void
add_health(struct sc_buf *out, const struct sc_df_health *health)
{
    sc_buf_adds(out, " {Test:");
    add_list(out, &health->test, false);
    sc_buf_adds(out, " Interval:");
    add_duration(out, health->interval);
    sc_buf_adds(out, " Timeout:");
    add_duration(out, health->timeout);
    sc_buf_adds(out, " StartPeriod:");
    add_duration(out, health->start_period);
    sc_buf_adds(out, " StartInterval:");
    add_duration(out, health->start_interval);
    sc_buf_addf(out, " Retries:%" PRId64 "}", health->retries);
}

static void
add_command(struct sc_buf *out, const struct sc_df_command *command, const struct sc_strv *shell,
            struct sc_arena *arena)
{
    struct sc_strv words = command->argv;

    if (command->is_shell) {
        words = (struct sc_strv){.items = NULL};
        shell_words(shell, command->text, arena, &words);
    }
    sc_buf_addc(out, ' ');
    add_list(out, &words, true);
}

const char *
sc_df_step_history(const struct sc_df_scope *scope, const struct sc_df_step *step, const struct sc_strv *shell,
                   struct sc_arena *arena, bool *is_empty)
{
    sc_cleanup_buf out = SC_BUF_INIT;

    *is_empty = step->op != SC_DF_RUN && step->op != SC_DF_COPY && step->op != SC_DF_ADD && step->op != SC_DF_WORKDIR;
    sc_buf_adds(&out, sc_df_op_name(step->op));
    switch (step->op) {
    case SC_DF_ARG:
    case SC_DF_ENV:
    case SC_DF_LABEL:
        for (size_t i = 0; i < step->pairs.count; i++) {
            sc_buf_addf(&out, " %s", step->pairs.items[i].key);
            if (step->pairs.items[i].value)
                sc_buf_addf(&out, "=%s", step->pairs.items[i].value);
        }
        break;
    case SC_DF_RUN:
        add_run(&out, scope, &step->run, shell, arena);
        break;
    case SC_DF_CMD:
    case SC_DF_ENTRYPOINT:
        add_command(&out, &step->command, shell, arena);
        break;
    case SC_DF_COPY:
    case SC_DF_ADD:
        add_copy(&out, &step->copy);
        break;
    case SC_DF_EXPOSE:
    case SC_DF_VOLUME:
    case SC_DF_SHELL:
        sc_buf_addc(&out, ' ');
        add_list(&out, &step->list, false);
        break;
    case SC_DF_HEALTHCHECK:
        add_health(&out, &step->health);
        break;
    default:
        sc_buf_addf(&out, " %s", step->text);
        break;
    }
    if (step->op == SC_DF_RUN || step->op == SC_DF_COPY || step->op == SC_DF_ADD)
        sc_buf_adds(&out, " # buildkit");
    return out.has_failed ? NULL : sc_arena_strndup(arena, sc_buf_str(&out), out.len);
}
