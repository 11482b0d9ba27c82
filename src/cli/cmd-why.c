/* sc why: why a container ended, or is slow, in one paragraph, from recorded facts only: its exit record, the accounts
 * of its cgroups, and the log of events. */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"

#define SLOW_PERCENT 5

/* What the log of events has of its last life. */
struct facts {
    char *sender, *reaction; /* of the last signal */
    int signum, unheeded, after;
    int64_t sent_at;
    bool was_updated; /* its limits at its end need not be those of before */
    char *paused_at;
};

static const char *
attribute(const json_t *event, const char *key)
{
    return json_string_value(json_object_get(json_object_get(event, "Attributes"), key));
}

static int
number_of(const json_t *event, const char *key)
{
    const char *text = attribute(event, key);

    return text ? (int)strtol(text, NULL, 10) : 0;
}

static void
take_event(const json_t *event, struct sc_arena *arena, struct facts *out)
{
    const char *action = json_string_value(json_object_get(event, "Action"));
    char time[SC_TIME_MAX];

    if (sc_str_eq(action, "start"))
        *out = (struct facts){.signum = 0};
    if (sc_str_eq(action, "kill")) {
        out->signum = number_of(event, "signal");
        out->sent_at = json_integer_value(json_object_get(event, "timeNano"));
        out->sender = sc_arena_strdup(arena, attribute(event, "sender"));
        out->unheeded = number_of(event, "unheeded");
        out->after = number_of(event, "after");
        out->reaction = sc_arena_strdup(arena, attribute(event, "reaction"));
    }
    if (sc_str_eq(action, "update"))
        out->was_updated = true;
    if (sc_str_eq(action, "pause")) {
        sc_time_format(json_integer_value(json_object_get(event, "timeNano")), time);
        out->paused_at = sc_arena_printf(arena, "%.19sZ", time);
    }
}

static void
gather(const struct sc_engine *engine, const struct sc_container *c, struct sc_arena *arena, struct facts *out)
{
    struct sc_event_reader reader;
    json_t *event;

    sc_event_reader_open(engine->run_fd, &reader);
    while ((event = sc_event_next(&reader)) != NULL) {
        if (sc_str_eq(json_string_value(json_object_get(event, "ID")), c->id))
            take_event(event, arena, out);
        json_decref(event);
    }
    sc_event_reader_close(&reader);
}

static void
add_size(struct sc_buf *out, uint64_t bytes)
{
    char text[SC_HUMAN_MAX];

    sc_human_binary(bytes, text);
    sc_buf_adds(out, text);
}

/* "2.5 seconds", "about an hour" */
static void
add_duration(struct sc_buf *out, int64_t nsec)
{
    char text[SC_HUMAN_MAX];

    if (nsec < 60 * SC_SECOND) {
        sc_buf_addf(out, "%.1f seconds", nsec > 0 ? (double)nsec / 1e9 : 0);
        return;
    }
    sc_human_duration(nsec, text);
    if (text[0] >= 'A' && text[0] <= 'Z')
        text[0] = (char)(text[0] - 'A' + 'a');
    sc_buf_adds(out, text);
}

static const char *
signal_name(int signum)
{
    const char *name = sc_signal_name(signum);

    return name ? name : "a real-time signal";
}

/* ---- why it ended --------------------------------------------------------------------------------------- */

static void
add_unheeded(const struct facts *facts, struct sc_buf *out)
{
    sc_buf_addf(out, " %s had been sent %d s before, and it did not end of it", signal_name(facts->unheeded),
                facts->after);
    if (sc_str_eq(facts->reaction, "default"))
        sc_buf_adds(out, ": process 1 has no handler for it, and the kernel spares a process 1 without one what would "
                         "end any other (--init puts one before it).");
    else if (sc_str_eq(facts->reaction, "ignored"))
        sc_buf_adds(out, ": process 1 ignores it.");
    else if (sc_str_eq(facts->reaction, "handled"))
        sc_buf_adds(out, ": process 1 has a handler for it, which was not done in time (sc stop -t gives more).");
    else
        sc_buf_addc(out, '.');
}

/* What a signal that the kernel, or the program itself, sends is a sign of (signal(7)). */
static void
add_usual(int signum, struct sc_buf *out)
{
    static const struct {
        int signum;
        const char *who;
    } usual[] = {
        {SIGSEGV, "touches memory that it does not have"},
        {SIGBUS, "touches a page that cannot be had: behind the end of a file, or beyond a limit of huge pages"},
        {SIGILL, "has come to an instruction that this CPU does not have"},
        {SIGFPE, "divides by zero"},
        {SIGABRT, "has found itself in the wrong and called abort"},
        {SIGSYS, "makes a system call that its seccomp profile forbids"},
        {SIGPIPE, "writes where nobody reads any more"},
        {SIGXCPU, "has used up its CPU time (--ulimit cpu)"},
        {SIGXFSZ, "writes a file that is too large for it (--ulimit fsize)"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(usual); i++) {
        if (usual[i].signum == signum)
            sc_buf_addf(out, " It is what a program gets that %s.", usual[i].who);
    }
}

static void
add_signal(const struct sc_container *c, const struct facts *facts, struct sc_buf *out)
{
    sc_buf_addf(out, " %s ended it", signal_name(c->exit.signal));
    if (facts->signum == c->exit.signal && facts->sender) {
        sc_buf_addf(out, ", sent by %s.", facts->sender);
        if (facts->unheeded)
            add_unheeded(facts, out);
        return;
    }
    sc_buf_adds(out, "; sc did not send it: it came from inside the container, from another program of the host, or "
                     "from the kernel.");
    add_usual(c->exit.signal, out);
}

/* Of the limits only its own is recorded: who died far below it died of one above, or of the host's end. */
static bool
is_own_limit(const struct sc_usage *u)
{
    return u->memory_limit != 0 && u->memory_limit != UINT64_MAX &&
           (u->memory_peak == 0 || u->memory_peak >= u->memory_limit / 16 * 15);
}

/* A SIGKILL that sc sent is not the kernel's, though others in the container had been killed for memory before. */
static bool
is_ended_by_oom(const struct sc_container *c, const struct facts *facts)
{
    return c->exit.was_oom_killed && !(facts->sender && facts->signum == SIGKILL && c->exit.signal == SIGKILL);
}

static void
add_oom(const struct sc_container *c, const struct facts *facts, struct sc_buf *out)
{
    bool is_own = c->has_usage && is_own_limit(&c->usage);

    if (is_own)
        sc_buf_adds(out, " Its memory was out");
    else if (sc_str_eq(c->oom_place, SC_OOM_HOST))
        sc_buf_adds(out, " The memory of the host was out");
    else if (c->oom_place && !strstr(c->oom_place, c->id))
        sc_buf_addf(out, " The memory of cgroup \"%s\", which is above it, was out", c->oom_place);
    else
        sc_buf_adds(out, facts->was_updated || c->oom_place ? " Memory was out"
                                                            : " The memory of the host, or of a cgroup above, was out");
    if (is_ended_by_oom(c, facts))
        sc_buf_adds(out, ", and the kernel killed it");
    else
        sc_buf_addf(out, " %" PRIu64 " time%s while it ran", c->usage.oom_kills, c->usage.oom_kills == 1 ? "" : "s");
    if (c->oom_victim)
        sc_buf_addf(out, ": the last that was chosen was %s", c->oom_victim);
    if (is_own) {
        sc_buf_adds(out, ", at the limit of ");
        add_size(out, c->usage.memory_limit);
    }
    sc_buf_adds(out, is_own ? " (-m gives more)." : ".");
}

/* A program that has a handler ends by itself: what it was told before is nevertheless why. */
static void
add_told(const struct sc_container *c, const struct facts *facts, struct sc_buf *out)
{
    if (!facts->sender)
        return;
    sc_buf_addf(out, " %s had been sent ", signal_name(facts->signum));
    add_duration(out, c->finished_at - facts->sent_at);
    sc_buf_addf(out, " before by %s.", facts->sender);
}

static void
add_code(const struct sc_container *c, const struct facts *facts, struct sc_buf *out)
{
    int code = (int)c->exit.code, signum = code - 128;

    if (signum > 0 && is_ended_by_oom(c, facts))
        return; /* it has been said */
    if (code == 126 || code == 127) {
        sc_buf_addf(out, " With %d a shell says that a program %s.", code,
                    code == 127 ? "is missing, and a loader that a library is; see sc logs" : "cannot be executed");
    } else if (facts->sender && signum == facts->signum) {
        sc_buf_addf(out, " With %d a program says that %s ended it.", code, signal_name(signum));
    } else if (signum > 0 && signum <= 64) { /* _NSIG */
        sc_buf_addf(out, " With %d a shell says that %s ended the program it had started.", code, signal_name(signum));
        add_usual(signum, out);
    } else {
        sc_buf_adds(out, code == 0 ? " Its program was done." : " That is what its program said; see sc logs.");
    }
    add_told(c, facts, out);
}

static void
add_full_disk(const char *how, struct sc_buf *out)
{
    sc_buf_addf(out, " The disk of sc's data root, where its files are, %s (sc system df says of what).", how);
}

static void
add_restarts(const struct sc_container *c, struct sc_buf *out)
{
    const char *policy = c->options.restart ? c->options.restart : "no";
    int done = c->restart_count - (c->is_restarting ? 1 : 0);

    if (done > 0)
        sc_buf_addf(out, " It was started again %d time%s since it was last started by hand (--restart %s).", done,
                    done == 1 ? "" : "s", policy);
    if (c->is_restarting)
        sc_buf_addf(out, " It is about to be started again (--restart %s; sc stop %s keeps it down).", policy, c->name);
}

static void
add_end(const struct sc_container *c, const struct facts *facts, struct sc_buf *out)
{
    char time[SC_TIME_MAX];

    sc_time_format(c->finished_at, time);
    sc_buf_addf(out, "%s ended at %.19sZ with code %d, after ", c->name, time, (int)c->exit.code);
    add_duration(out, c->finished_at - c->started_at);
    sc_buf_addc(out, '.');
    if (c->start_error)
        sc_buf_addf(out, " What is known of it: %s.", c->start_error);
    if (c->exit.was_oom_killed || c->usage.oom_kills > 0)
        add_oom(c, facts, out);
    if (c->exit.signal != 0 && !is_ended_by_oom(c, facts) && !c->start_error)
        add_signal(c, facts, out);
    else if (c->exit.signal == 0 && !c->start_error)
        add_code(c, facts, out);
    if (c->exit.was_disk_full)
        add_full_disk("was full then", out);
    add_restarts(c, out);
    if (c->since_error)
        sc_buf_addf(out, " It could not be started since: %s.", c->since_error);
}

/* ---- what held it back ---------------------------------------------------------------------------------- */

static bool
add_throttling(const struct sc_usage *u, struct sc_buf *out)
{
    uint64_t percent = u->periods > 0 ? u->throttled_periods * 100 / u->periods : 0;

    if (percent < SLOW_PERCENT)
        return false;
    sc_buf_addf(out,
                " Its CPU quota was used up in %" PRIu64 " %% of the periods, and it waited %.1f seconds for the next "
                "(--cpus gives more).",
                percent, (double)u->throttled_ns / 1e9);
    return true;
}

static bool
add_pressure(const struct sc_usage *u, struct sc_buf *out)
{
    static const char *const names[] = {"a CPU", "memory", "I/O"};
    bool is_any = false;

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (u->pressure[i].some10 < SLOW_PERCENT * 100)
            continue;
        sc_buf_addf(out, "%s %s for %.0f %%", is_any ? "," : " In the last ten seconds some of it waited for", names[i],
                    (double)u->pressure[i].some10 / 100);
        is_any = true;
    }
    if (is_any)
        sc_buf_adds(out, " of the time.");
    return is_any;
}

static bool
add_pids(const struct sc_usage *u, struct sc_buf *out)
{
    if (u->pids_hits == 0)
        return false;
    sc_buf_addf(out, " Its limit of %" PRIu64 " tasks refused %" PRIu64 " more (--pids-limit gives more).",
                u->pids_limit, u->pids_hits);
    return true;
}

static bool
add_memory(const struct sc_usage *u, struct sc_buf *out)
{
    if (u->memory_limit == 0 || u->memory_limit == UINT64_MAX || u->memory < u->memory_limit / 10 * 9)
        return false;
    sc_buf_adds(out, " It has ");
    add_size(out, u->memory);
    sc_buf_adds(out, " of the ");
    add_size(out, u->memory_limit);
    sc_buf_adds(out, " of memory that it may have.");
    return true;
}

static void
add_running(struct sc_engine *engine, const struct sc_container *c, const struct facts *facts, struct sc_buf *out)
{
    struct sc_usage u;
    bool is_any;

    sc_buf_addf(out, "%s has been running for ", c->name);
    add_duration(out, sc_time_now() - c->started_at);
    sc_buf_addc(out, '.');
    add_restarts(c, out);
    if (c->status == SC_STATUS_PAUSED) {
        sc_buf_addf(out, " It stands still: it is paused%s%s (sc unpause %s lets it go on).",
                    facts->paused_at ? " since " : "", facts->paused_at ? facts->paused_at : "", c->name);
    }
    if (!sc_engine_usage(engine, c, &u)) {
        sc_buf_adds(out, " It has no cgroup of its own: nobody counts what it uses.");
        return;
    }
    is_any = add_throttling(&u, out);
    is_any = add_pressure(&u, out) || is_any;
    is_any = add_memory(&u, out) || is_any;
    is_any = add_pids(&u, out) || is_any;
    if (u.oom_kills > 0)
        sc_buf_addf(out, " Its memory was out %" PRIu64 " time%s, and a process of it was killed (-m gives more).",
                    u.oom_kills, u.oom_kills == 1 ? "" : "s");
    if (sc_disk_is_full(engine->data_fd)) {
        add_full_disk("is full", out);
        is_any = true;
    }
    if (!is_any && u.oom_kills == 0 && c->status != SC_STATUS_PAUSED)
        sc_buf_adds(out, " Nothing that is counted holds it back.");
}

static void
add_totals(const struct sc_usage *u, struct sc_buf *out)
{
    (void)add_throttling(u, out);
    (void)add_pids(u, out);
    sc_buf_addf(out, " It used %.2f seconds of CPU", (double)u->cpu_ns / 1e9);
    if (u->memory_peak > 0) {
        sc_buf_adds(out, " and at most ");
        add_size(out, u->memory_peak);
        sc_buf_adds(out, " of memory");
    }
    sc_buf_adds(out, ", read ");
    add_size(out, u->read_bytes);
    sc_buf_adds(out, " and wrote ");
    add_size(out, u->written_bytes);
    sc_buf_addc(out, '.');
}

static int
why(struct sc_cli *cli, const struct sc_container *c, const char *word, void *data, struct sc_err *err)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    struct facts facts = {.signum = 0};

    (void)word;
    (void)data;
    gather(&cli->engine, c, &cli->arena, &facts);
    if (c->status == SC_STATUS_RUNNING || c->status == SC_STATUS_PAUSED) {
        add_running(&cli->engine, c, &facts, &out);
    } else if (c->status == SC_STATUS_STOPPED) {
        add_end(c, &facts, &out);
        if (c->has_usage)
            add_totals(&c->usage, &out);
    } else if (c->start_error) {
        sc_buf_addf(&out, "%s did not start (code %d): %s.", c->name, (int)c->exit.code, c->start_error);
    } else {
        sc_buf_addf(&out, "%s has not been started: sc start %s does.", c->name, c->name);
    }
    sc_buf_addc(&out, '\n');
    if (sc_buf_check(&out, err) < 0)
        return -1;
    (void)fputs(sc_buf_str(&out), stdout);
    return 0;
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, NULL, &args, err) < 0 || sc_cli_engine(cli, err) < 0)
        return -1;
    return sc_cli_each(cli, &args, why, NULL);
}

const struct sc_command sc_cmd_why = {
    .name = "why",
    .synopsis = "CONTAINER...",
    .help = "Say why a container ended, or is slow",
    .args_min = 1,
    .args_max = -1,
    .run = run,
};
