/* sc generate systemd: a unit file for a container, which starts it at boot and again when it fails
 * (systemd.service(5)). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#define STOP_TIMEOUT 10 /* Docker's */
#define STOP_MORE    60 /* what systemd waits longer than we do */

struct generate_options {
    bool files, makes_new, by_name, no_header;
    char *restart_policy, *prefix, *separator;
    int64_t restart_sec, start_timeout, stop_timeout; /* -1: not given */
    struct sc_strv after, wants, requires_, env;
};

static int
read_restart_policy(void *str, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    static const char *const known[] = {"no",          "on-success", "on-failure", "on-abnormal",
                                        "on-watchdog", "on-abort",   "always"};

    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (strcmp(value, known[i]) == 0) {
            *(char **)str = sc_arena_strdup(arena, value);
            return sc_arena_check(arena, err);
        }
    }
    return sc_err_set(err, SC_ERR_INVALID,
                      "\"%s\" is no restart policy: no, on-success, on-failure, on-abnormal, on-watchdog, on-abort or "
                      "always",
                      value);
}

static int
read_seconds(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    if (sc_parse_i64(value, i64, err) < 0)
        return -1;
    if (*(int64_t *)i64 < 0 || *(int64_t *)i64 > INT32_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": not a number of seconds", value);
    return 0;
}

#define AT(member) offsetof(struct generate_options, member)
static const struct sc_option generate_table[] = {
    {"after", 0, SC_OPTION_STRV, AT(after), "unit", "Start after this unit", NULL, NULL},
    {"container-prefix", 0, SC_OPTION_STR, AT(prefix), "text", "What the unit's name begins with (default container)",
     NULL, NULL},
    {"env", 'e', SC_OPTION_STRV, AT(env), "name=value", "Set an environment variable of sc", NULL, NULL},
    {"files", 'f', SC_OPTION_FLAG, AT(files), NULL, "Write a file here and print its name, not its text", NULL, NULL},
    {"name", 'n', SC_OPTION_FLAG, AT(by_name), NULL, "Use the container's name in place of its id", NULL, NULL},
    {"new", 0, SC_OPTION_FLAG, AT(makes_new), NULL, "Make a container at each start, and remove it at each stop", NULL,
     NULL},
    {"no-header", 0, SC_OPTION_FLAG, AT(no_header), NULL, "Leave out the comment at the top", NULL, NULL},
    {"requires", 0, SC_OPTION_STRV, AT(requires_), "unit", "Start only if this unit can be started", NULL, NULL},
    {"restart-policy", 0, SC_OPTION_CALL, AT(restart_policy), "policy",
     "When systemd starts it again (default on-failure)", read_restart_policy, NULL},
    {"restart-sec", 0, SC_OPTION_CALL, AT(restart_sec), "seconds", "How long systemd waits before that", read_seconds,
     NULL},
    {"separator", 0, SC_OPTION_STR, AT(separator), "text", "What is between prefix and name (default -)", NULL, NULL},
    {"start-timeout", 0, SC_OPTION_CALL, AT(start_timeout), "seconds", "How long a start may take", read_seconds, NULL},
    {"time", 't', SC_OPTION_CALL, AT(stop_timeout), "seconds", "How long a stop may take before it kills", read_seconds,
     "stop-timeout"},
    {"wants", 0, SC_OPTION_STRV, AT(wants), "unit", "Start this unit too", NULL, NULL},
    {.name = NULL},
};

/* ---- words of a command line (systemd.service(5), "Command lines") ---------------------------------------------- */

/* With systemd's own signs doubled, and quotes where the word is not one to it. */
static void
add_word(struct sc_buf *out, const char *word, bool is_command)
{
    bool is_plain = *word && !word[strcspn(word, " \t\n\"'\\;")];

    if (!is_plain)
        sc_buf_addc(out, '"');
    for (; *word; word++) {
        if (*word == '%' || (*word == '$' && is_command))
            sc_buf_addc(out, *word);
        if (*word == '\n')
            sc_buf_adds(out, "\\n");
        else if (*word == '\t')
            sc_buf_adds(out, "\\t");
        else {
            if (*word == '"' || *word == '\\')
                sc_buf_addc(out, '\\');
            sc_buf_addc(out, *word);
        }
    }
    if (!is_plain)
        sc_buf_addc(out, '"');
}

static void
add_words(struct sc_buf *out, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            sc_buf_addc(out, ' ');
        add_word(out, words[i], true);
    }
}

/* ---- the unit --------------------------------------------------------------------------------------------------- */

struct unit {
    const struct sc_container *container;
    const struct generate_options *options;
    const char *program, *called; /* the container's name or id */
};

static void
add_units(struct sc_buf *out, const char *key, const struct sc_strv *units)
{
    for (size_t i = 0; i < units->count; i++)
        sc_buf_addf(out, "%s=%s\n", key, units->items[i]);
}

static void
add_head(const struct unit *u, const struct sc_engine *engine, const char *name, struct sc_buf *out)
{
    if (!u->options->no_header)
        sc_buf_addf(out, "# %s.service\n# made by: sc generate systemd\n\n", name);
    sc_buf_adds(out, "[Unit]\nDescription=sc container ");
    add_word(out, u->container->name, false);
    sc_buf_adds(out, "\nDocumentation=man:sc(1)\nWants=network-online.target\nAfter=network-online.target\n");
    add_units(out, "After", &u->options->after);
    add_units(out, "Wants", &u->options->wants);
    add_units(out, "Requires", &u->options->requires_);
    sc_buf_adds(out, "RequiresMountsFor=");
    add_word(out, engine->data_path, false);
    sc_buf_addc(out, '\n');
}

static void
add_exec(const struct unit *u, const char *key, const char *const *words, size_t count, struct sc_buf *out)
{
    sc_buf_addf(out, "%s=", key);
    add_word(out, u->program, true);
    sc_buf_addc(out, ' ');
    add_words(out, words, count);
    sc_buf_addc(out, '\n');
}

/* The container's own command, in the foreground, and gone with its end. */
static void
add_run(const struct unit *u, struct sc_buf *out)
{
    const struct sc_create_options *o = &u->container->options;
    const char *const before[] = {"rm", "-f", u->container->name};
    const char *const more[] = {"--rm", "--detach=false", "--interactive=false", "--name", u->container->name};
    size_t options = o->command_options < 0 ? 0 : (size_t)o->command_options;

    sc_buf_adds(out, "ExecStartPre=-");
    add_word(out, u->program, true);
    sc_buf_addc(out, ' ');
    add_words(out, before, SC_ARRAY_LEN(before));
    sc_buf_adds(out, "\nExecStart=");
    add_word(out, u->program, true);
    sc_buf_adds(out, " run ");
    add_words(out, (const char *const *)o->command_line.items, options);
    sc_buf_adds(out, options ? " " : "");
    add_words(out, more, SC_ARRAY_LEN(more));
    for (size_t i = options; i < o->command_line.count; i++) {
        sc_buf_addc(out, ' ');
        add_word(out, o->command_line.items[i], true);
    }
    sc_buf_addc(out, '\n');
}

static void
add_setting(struct sc_buf *out, const char *name, const char *value)
{
    sc_cleanup_buf both = SC_BUF_INIT;

    sc_buf_addf(&both, "%s=%s", name, value);
    sc_buf_adds(out, "Environment=");
    add_word(out, sc_buf_str(&both), false);
    sc_buf_addc(out, '\n');
}

static void
add_service(const struct unit *u, const struct sc_engine *engine, struct sc_buf *out)
{
    const struct generate_options *o = u->options;
    int own = u->container->options.stop_timeout;
    int64_t stop = o->stop_timeout >= 0 ? o->stop_timeout : own >= 0 ? own : STOP_TIMEOUT;
    char seconds[SC_NUM_MAX];
    const char *const start[] = {"start", "--attach", u->called};
    const char *const end[] = {"stop", "--time", seconds, u->called};

    (void)snprintf(seconds, sizeof(seconds), "%" PRId64, stop);
    sc_buf_adds(out, "\n[Service]\nType=notify\nNotifyAccess=main\n");
    add_setting(out, "SC_DATA_ROOT", engine->data_path);
    add_setting(out, "SC_RUN_ROOT", engine->run_path);
    for (size_t i = 0; i < o->env.count; i++) {
        sc_buf_adds(out, "Environment=");
        add_word(out, o->env.items[i], false);
        sc_buf_addc(out, '\n');
    }
    sc_buf_addf(out, "Restart=%s\n", o->restart_policy ? o->restart_policy : "on-failure");
    if (o->restart_sec >= 0)
        sc_buf_addf(out, "RestartSec=%" PRId64 "\n", o->restart_sec);
    if (o->start_timeout >= 0)
        sc_buf_addf(out, "TimeoutStartSec=%" PRId64 "\n", o->start_timeout);
    sc_buf_addf(out, "TimeoutStopSec=%" PRId64 "\nSuccessExitStatus=143\n", stop + STOP_MORE);
    if (o->makes_new)
        add_run(u, out);
    else
        add_exec(u, "ExecStart", start, SC_ARRAY_LEN(start), out);
    add_exec(u, "ExecStop", end, SC_ARRAY_LEN(end), out);
    sc_buf_adds(out, "\n[Install]\nWantedBy=default.target\n");
}

static int
write_unit(const char *name, const struct sc_buf *text, struct sc_cli *cli, struct sc_err *err)
{
    const char *file = sc_arena_printf(&cli->arena, "%s.service", name);
    sc_cleanup_free char *here = getcwd(NULL, 0);

    if (!file || !here)
        return sc_err_errno(err, here ? ENOMEM : errno, "find out where this is");
    /* lint: the caller's own directory */
    if (sc_file_replace_at(AT_FDCWD, file, sc_buf_str(text), text->len, 0644, SC_DURABLE, err) < 0)
        return -1;
    (void)printf("%s/%s\n", here, file);
    return 0;
}

static int
check(const struct sc_container *c, const struct generate_options *o, struct sc_err *err)
{
    if (c->options.as_service) {
        sc_err_set(err, SC_ERR_INVALID, "container \"%s\" is a service already, until the next boot", c->name);
        return sc_err_remedy(err, "make it without --as-service");
    }
    if (o->makes_new && c->options.command_line.count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "--new: it is not recorded how container \"%s\" was made", c->name);
    if (!o->makes_new && c->is_rm) {
        sc_err_set(err, SC_ERR_INVALID, "container \"%s\" is removed when it ends (--rm)", c->name);
        return sc_err_remedy(err, "use --new, which makes it again");
    }
    return 0;
}

static int
run_generate(struct sc_cli *cli, struct sc_err *err)
{
    struct generate_options options = {.restart_sec = -1, .start_timeout = -1, .stop_timeout = -1};
    struct sc_container container = SC_CONTAINER_INIT;
    struct unit unit = {.container = &container, .options = &options};
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_strv args = {0};
    char *program = NULL, *name;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_engine_find(&cli->engine, args.items[0], &cli->arena, &container, err) < 0 ||
        check(&container, &options, err) < 0 || sc_service_program(&cli->arena, &program, err) < 0)
        return -1;
    unit.program = program;
    unit.called = options.by_name ? container.name : container.id;
    if (options.makes_new) /* the next one has another id */
        unit.called = container.name;
    name =
        sc_arena_printf(&cli->arena, "%s%s%s", options.prefix ? options.prefix : "container",
                        options.separator ? options.separator : "-", options.by_name ? container.name : container.id);
    if (!name)
        return sc_err_nomem(err);
    if (strchr(name, '/'))
        return sc_err_set(err, SC_ERR_INVALID, "\"%s.service\" is not the name of a unit", name);
    add_head(&unit, &cli->engine, name, &text);
    add_service(&unit, &cli->engine, &text);
    if (sc_buf_check(&text, err) < 0)
        return -1;
    if (options.files)
        return write_unit(name, &text, cli, err);
    (void)fputs(sc_buf_str(&text), stdout);
    return 0;
}

const struct sc_command sc_cmd_generate_systemd = {
    .name = "generate systemd",
    .synopsis = "[OPTIONS] CONTAINER",
    .help = "Print a unit of systemd that starts a container",
    .options = generate_table,
    .args_min = 1,
    .args_max = 1,
    .run = run_generate,
};
