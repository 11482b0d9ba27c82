/* Help, made of the tables. */
#include <string.h>

#include "cli/cli.h"

#define LEFT_WIDTH 30

static void
add_option_left(const struct sc_option *o, struct sc_buf *left)
{
    if (o->letter)
        sc_buf_addf(left, "  -%c, --%s", o->letter, o->name);
    else
        sc_buf_addf(left, "      --%s", o->name);
    if (o->kind == SC_OPTION_OPTIONAL)
        sc_buf_addf(left, "[=%s]", o->value);
    else if (o->value)
        sc_buf_addf(left, " %s", o->value);
}

static void
add_option(const struct sc_option *o, struct sc_buf *out)
{
    sc_cleanup_buf left = SC_BUF_INIT;

    add_option_left(o, &left);
    if (left.len + 2 > LEFT_WIDTH)
        sc_buf_addf(out, "%s\n%*s%s\n", sc_buf_str(&left), LEFT_WIDTH, "", o->help);
    else
        sc_buf_addf(out, "%-*s%s\n", LEFT_WIDTH, sc_buf_str(&left), o->help);
}

static void
add_spellings(const struct sc_command *command, struct sc_buf *out)
{
    size_t count = 0;

    for (size_t i = 0; i < sc_spelling_count; i++)
        count += sc_spellings[i].command == command;
    if (count < 2)
        return;
    sc_buf_adds(out, "\nAlso spelled:");
    count = 0;
    for (size_t i = 0; i < sc_spelling_count; i++) {
        const struct sc_spelling *s = &sc_spellings[i];

        if (s->command == command)
            sc_buf_addf(out, "%s sc %s%s%s", count++ ? "," : "", s->group ? s->group : "", s->group ? " " : "",
                        s->name);
    }
    sc_buf_addc(out, '\n');
}

void
sc_help_command(const struct sc_command *command, struct sc_buf *out)
{
    sc_buf_addf(out, "Usage: sc %s%s%s\n\n%s\n", command->name, *command->synopsis ? " " : "", command->synopsis,
                command->help);
    if (command->options && command->options->name) {
        sc_buf_adds(out, "\nOptions:\n");
        for (const struct sc_option *o = command->options; o->name; o++)
            add_option(o, out);
    }
    add_spellings(command, out);
}

static void
add_commands(const char *group, struct sc_buf *out)
{
    for (size_t i = 0; i < sc_spelling_count; i++) {
        const struct sc_spelling *s = &sc_spellings[i];

        if (sc_str_eq(s->group, group))
            sc_buf_addf(out, "  %-12s%s\n", s->name, s->command->help);
    }
}

void
sc_help_group(const char *group, struct sc_buf *out)
{
    sc_buf_addf(out, "Usage: sc %s COMMAND [OPTIONS] [ARGUMENTS]\n\nCommands:\n", group);
    add_commands(group, out);
    sc_buf_addf(out, "\nRun 'sc %s COMMAND --help' for a command's options.\n", group);
}

void
sc_help_all(struct sc_buf *out)
{
    static const char *const groups[] = {"builder",  "cgroup",  "container", "generate", "image",
                                         "manifest", "network", "ns",        "system",   "volume"};

    sc_buf_adds(out, "Usage: sc COMMAND [OPTIONS] [ARGUMENTS]\n\nRuns containers, without a daemon.\n\nCommands:\n");
    add_commands(NULL, out);
    for (size_t i = 0; i < SC_ARRAY_LEN(groups); i++) {
        sc_buf_addf(out, "\nsc %s:\n", groups[i]);
        add_commands(groups[i], out);
    }
    sc_buf_adds(out, "\nRun 'sc COMMAND --help' for a command's options; sc(1) is the manual.\n"
                     "Try: sc run -it --rm base sh\n");
}

void
sc_help_options(struct sc_buf *out)
{
    for (size_t i = 0; i < sc_spelling_count; i++) {
        const struct sc_spelling *s = &sc_spellings[i];
        const char *group = s->group ? s->group : "", *space = s->group ? " " : "";

        sc_buf_addf(out, "%s%s%s\n", group, space, s->name);
        for (const struct sc_option *o = s->command->options; o && o->name; o++) {
            sc_buf_addf(out, "%s%s%s --%s", group, space, s->name, o->name);
            if (o->alias)
                sc_buf_addf(out, " --%s", o->alias);
            if (o->letter)
                sc_buf_addf(out, " -%c", o->letter);
            sc_buf_addc(out, '\n');
        }
    }
}

/* ---- sc help [COMMAND...] ------------------------------------------------------------------------------ */

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_strv args = {0};
    const struct sc_command *command;
    int used;

    if (sc_cli_parse(cli, NULL, &args, err) < 0)
        return -1;
    if (args.count == 0) {
        sc_help_all(&text);
    } else if (args.count == 1 && sc_cli_is_group(args.items[0])) {
        sc_help_group(args.items[0], &text);
    } else {
        if (sc_cli_find((int)args.count, args.items, &command, &used, err) < 0)
            return -1;
        sc_help_command(command, &text);
    }
    if (sc_buf_check(&text, err) < 0)
        return -1;
    (void)fputs(sc_buf_str(&text), stdout);
    return 0;
}

const struct sc_command sc_cmd_help = {
    .name = "help",
    .synopsis = "[COMMAND]",
    .help = "Explain sc or one of its commands",
    .args_max = 2,
    .run = run,
};
