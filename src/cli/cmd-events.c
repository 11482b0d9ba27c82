/* sc events: what has happened and happens, in Docker's words. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"

struct events_options {
    int64_t since, until;
    struct sc_strv filters;
    char *format;
};
#define AT(member) offsetof(struct events_options, member)

static const struct sc_option table[] = {
    {"filter", 'f', SC_OPTION_STRV, AT(filters), "key=value",
     "Show those with this container, event, image, label, network, type or volume", NULL, NULL},
    {"format", 0, SC_OPTION_STR, AT(format), "how", "json, or a Go template", NULL, NULL},
    {"since", 0, SC_OPTION_CALL, AT(since), "time", "From then on: a time, or 10m for ten minutes ago", sc_value_time,
     NULL},
    {"until", 0, SC_OPTION_CALL, AT(until), "time", "Up to then, and end", sc_value_time, NULL},
    {.name = NULL},
};

/* ---- filters ----------------------------------------------------------------------------------------- */

/* Docker's; of some of them there is nothing here, so nothing is shown. */
static const char *const keys[] = {"config=", "container=", "daemon=", "event=",  "image=",   "label=", "network=",
                                   "node=",   "plugin=",    "scope=",  "secret=", "service=", "type=",  "volume="};

static int
check_filters(const struct sc_strv *filters, struct sc_err *err)
{
    for (size_t i = 0; i < filters->count; i++) {
        bool is_known = false;

        if (!strchr(filters->items[i], '=')) {
            sc_err_set(err, SC_ERR_INVALID, "--filter \"%s\": must be name=value", filters->items[i]);
            err->exit_code = SC_EXIT_ENGINE;
            return -1;
        }
        for (size_t k = 0; k < SC_ARRAY_LEN(keys); k++)
            is_known = is_known || sc_str_starts(filters->items[i], keys[k]);
        if (!is_known) {
            sc_err_set(err, SC_ERR_INVALID, "--filter \"%s\": is not known", filters->items[i]);
            return sc_err_remedy(err, "give container= event= image= label= network= type= or volume=");
        }
    }
    return 0;
}

static const char *
text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* By name, id, or an id's beginning. */
static bool
is_object(const json_t *event, const char *type, const char *wanted)
{
    const char *id = text_of(event, "ID");

    return strcmp(text_of(event, "Type"), type) == 0 &&
           (strcmp(id, wanted) == 0 || (strlen(wanted) >= 4 && sc_str_starts(id, wanted)) ||
            strcmp(text_of(json_object_get(event, "Attributes"), "name"), wanted) == 0);
}

/* "exec_start" means "exec_start: ls -l" too. */
static bool
is_action(const char *action, const char *wanted)
{
    size_t len = strlen(wanted);

    return strncmp(action, wanted, len) == 0 && (action[len] == '\0' || action[len] == ':');
}

static bool
has_label(const json_t *attributes, const char *wanted)
{
    size_t len = strcspn(wanted, "=");
    const char *value = json_string_value(json_object_getn(attributes, wanted, len));

    return value && (wanted[len] == '\0' || strcmp(value, wanted + len + 1) == 0);
}

/* An image by its name with or without the tag. */
static bool
is_image(const json_t *event, const char *wanted)
{
    const char *name = strcmp(text_of(event, "Type"), "image") == 0
                           ? text_of(event, "ID")
                           : text_of(json_object_get(event, "Attributes"), "image");
    size_t len = strlen(wanted);

    return strncmp(name, wanted, len) == 0 && (name[len] == '\0' || (name[len] == ':' && !strchr(wanted, ':')));
}

static bool
matches(const json_t *event, const char *filter)
{
    const char *value = strchr(filter, '=') + 1;

    if (sc_str_starts(filter, "event="))
        return is_action(text_of(event, "Action"), value);
    if (sc_str_starts(filter, "type="))
        return strcmp(text_of(event, "Type"), value) == 0;
    if (sc_str_starts(filter, "container="))
        return is_object(event, "container", value);
    if (sc_str_starts(filter, "volume="))
        return is_object(event, "volume", value);
    if (sc_str_starts(filter, "network="))
        return is_object(event, "network", value);
    if (sc_str_starts(filter, "image="))
        return is_image(event, value);
    if (sc_str_starts(filter, "label="))
        return has_label(json_object_get(event, "Attributes"), value);
    if (sc_str_starts(filter, "scope="))
        return strcmp(value, "local") == 0;
    return false; /* there is no daemon, and no cluster */
}

/* Docker: filters of one kind are alternatives (labels are not), of different kinds conditions. */
static bool
is_shown(const json_t *event, const struct sc_strv *filters)
{
    for (size_t i = 0; i < filters->count; i++) {
        size_t key = strcspn(filters->items[i], "=") + 1;
        bool is_match = matches(event, filters->items[i]);

        for (size_t k = 0; k < filters->count && !is_match && !sc_str_starts(filters->items[i], "label="); k++)
            is_match = strncmp(filters->items[i], filters->items[k], key) == 0 && matches(event, filters->items[k]);
        if (!is_match)
            return false;
    }
    return true;
}

/* ---- output -------------------------------------------------------------------------------------------- */

/* Docker's object of what the log holds. */
static json_t *
document(const json_t *event)
{
    json_int_t nsec = json_integer_value(json_object_get(event, "timeNano"));
    json_t *attributes = json_object_get(event, "Attributes"), *out = json_object();

    if (strcmp(text_of(event, "Type"), "container") == 0) {
        (void)json_object_set(out, "status", json_object_get(event, "Action"));
        (void)json_object_set(out, "id", json_object_get(event, "ID"));
        (void)json_object_set_new(out, "from", json_string(text_of(attributes, "image")));
    }
    (void)json_object_set(out, "Type", json_object_get(event, "Type"));
    (void)json_object_set(out, "Action", json_object_get(event, "Action"));
    (void)json_object_set_new(out, "Actor",
                              json_pack("{s:O, s:O}", "ID", json_object_get(event, "ID"), "Attributes", attributes));
    (void)json_object_set_new(out, "scope", json_string("local"));
    (void)json_object_set_new(out, "time", json_integer(nsec / 1000000000));
    (void)json_object_set_new(out, "timeNano", json_integer(nsec));
    return out;
}

/* Templates name the fields as Go does. */
static json_t *
template_data(json_t *document)
{
    json_t *out = json_deep_copy(document);

    (void)json_object_set(out, "ID", json_object_get(document, "id"));
    (void)json_object_set(out, "Status", json_object_get(document, "status"));
    (void)json_object_set(out, "From", json_object_get(document, "from"));
    (void)json_object_set(out, "Scope", json_object_get(document, "scope"));
    (void)json_object_set(out, "Time", json_object_get(document, "time"));
    (void)json_object_set(out, "TimeNano", json_object_get(document, "timeNano"));
    return out;
}

/* "2026-11-26T10:00:00.000000000Z container start ID (image=base, name=web)" */
static void
add_line(const json_t *event, struct sc_buf *out)
{
    json_t *attributes = json_object_get(event, "Attributes"), *value;
    char time[SC_TIME_MAX];
    const char *key;
    bool is_first = true;

    sc_time_format(json_integer_value(json_object_get(event, "timeNano")), time);
    sc_buf_addf(out, "%s %s %s %s", time, text_of(event, "Type"), text_of(event, "Action"), text_of(event, "ID"));
    json_object_foreach (attributes, key, value) {
        sc_buf_addf(out, "%s%s=%s", is_first ? " (" : ", ", key, json_string_value(value));
        is_first = false;
    }
    sc_buf_adds(out, is_first ? "\n" : ")\n");
}

static int
print(const json_t *event, const char *format, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json whole = NULL;
    sc_cleanup_json data = NULL;

    if (!format || !*format) {
        add_line(event, &text);
    } else {
        whole = document(event);
        if (strcmp(format, "json") == 0 || strcmp(format, "{{json .}}") == 0) {
            if (sc_json_dump(whole, &text, err) < 0)
                return -1;
        } else {
            data = template_data(whole);
            if (sc_template_run(format, data, &text, err) < 0)
                return sc_err_wrap(err, "--format");
        }
        sc_buf_addc(&text, '\n');
    }
    if (sc_buf_check(&text, err) < 0)
        return -1;
    (void)fwrite(text.data, 1, text.len, stdout);
    return sc_output_flush(err);
}

/* ---- following ----------------------------------------------------------------------------------------- */

struct follow {
    const struct events_options *options;
    struct sc_event_reader reader;
    int watch_fd;
};

static void
follow_release(struct follow *follow)
{
    sc_event_reader_close(&follow->reader);
    sc_closep(&follow->watch_fd);
}

/* All that is there. *is_over: an event was later than --until. */
static int
drain(struct follow *follow, bool *is_over, struct sc_err *err)
{
    const struct events_options *o = follow->options;

    for (;;) {
        sc_cleanup_json event = sc_event_next(&follow->reader);
        int64_t when = json_integer_value(json_object_get(event, "timeNano"));

        if (!event)
            return 0;
        if (o->until != 0 && when > o->until) {
            *is_over = true;
            return 0;
        }
        if (when >= o->since && is_shown(event, &o->filters) && print(event, o->format, err) < 0)
            return -1;
    }
}

/* Until something is written to the directory, or --until has come. */
static int
await(struct follow *follow, bool *is_over, struct sc_err *err)
{
    struct pollfd polled = {.fd = follow->watch_fd, .events = POLLIN};
    int64_t left = follow->options->until != 0 ? (follow->options->until - sc_time_now()) / 1000000 : -1;
    char drained[4096];

    if (follow->options->until != 0 && left <= 0) {
        *is_over = true;
        return 0;
    }
    if (poll(&polled, 1, left > INT32_MAX ? INT32_MAX : (int)left) < 0 && errno != EINTR)
        return sc_err_errno(err, errno, "wait for events");
    if (polled.revents)
        (void)!read(follow->watch_fd, drained, sizeof(drained));
    return 0;
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    struct events_options options = {.since = 0};
    __attribute__((cleanup(follow_release))) struct follow follow = {.options = &options, .watch_fd = -1};
    int64_t now = sc_time_now();
    struct sc_strv args = {0};
    bool is_over = false;

    follow.reader.fd = -1;
    if (sc_cli_parse(cli, &options, &args, err) < 0 || check_filters(&options.filters, err) < 0 ||
        sc_cli_engine(cli, err) < 0)
        return -1;
    if (options.since == 0 && options.until == 0)
        options.since = now; /* Docker: what has been is asked for with --since or --until */
    follow.watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (follow.watch_fd < 0) {
        const int errnum = errno;

        sc_err_errno(err, errnum, "make a watch");
        return sc_err_watch_remedy(err, errnum);
    }
    /* Before the first look: nothing is missed between the two. */
    /* lint: the engine's own directory */
    if (inotify_add_watch(follow.watch_fd, cli->engine.run_path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) <
        0) {
        const int errnum = errno;

        sc_err_errno(err, errnum, "watch \"%s\"", cli->engine.run_path);
        return sc_err_watch_remedy(err, errnum);
    }
    sc_event_reader_open(cli->engine.run_fd, &follow.reader);
    for (;;) {
        if (drain(&follow, &is_over, err) < 0)
            return -1;
        if (is_over)
            return 0;
        if (await(&follow, &is_over, err) < 0)
            return -1;
        if (is_over)
            return drain(&follow, &is_over, err);
    }
}

const struct sc_command sc_cmd_events = {
    .name = "events",
    .synopsis = "[OPTIONS]",
    .help = "Show what happens to containers, as it happens",
    .options = table,
    .run = run,
};
