/* Docker's command-line grammar: --flag, --flag=value, --flag value, -f value, -fvalue, -f=value, -itd, `--`. */
#include <string.h>

#include "cli/cli.h"

struct parser {
    const struct sc_command *command;
    char **argv;
    int argc, at;
    char *base;
    struct sc_arena *arena;
    bool *wants_help;
};

static const struct sc_option *
find_long(const struct sc_command *command, const char *name, size_t len)
{
    for (const struct sc_option *o = command->options; o && o->name; o++) {
        if ((strlen(o->name) == len && strncmp(o->name, name, len) == 0) ||
            (o->alias && strlen(o->alias) == len && strncmp(o->alias, name, len) == 0))
            return o;
    }
    return NULL;
}

static const struct sc_option *
find_letter(const struct sc_command *command, char letter)
{
    for (const struct sc_option *o = command->options; o && o->name; o++) {
        if (o->letter == letter)
            return o;
    }
    return NULL;
}

static int
see_help(const struct parser *p, struct sc_err *err)
{
    return sc_err_remedy(err, "see 'sc %s --help'", p->command->name);
}

/* As Docker has it, a flag that cannot be understood is 125 with every command; a wrong number of arguments is not. */
static int
bad_flag(const struct parser *p, struct sc_err *err)
{
    err->exit_code = SC_EXIT_ENGINE;
    return see_help(p, err);
}

static int
unknown_flag(const struct parser *p, const char *name, size_t len, struct sc_err *err)
{
    const char *instead = sc_suggest_instead(name, len);
    struct sc_suggestion nearest = {.typed = name, .len = len};

    for (const struct sc_option *o = p->command->options; o && o->name; o++) {
        sc_suggest_consider(&nearest, o->name);
        sc_suggest_consider(&nearest, o->alias);
    }
    sc_err_set(err, SC_ERR_INVALID, "unknown flag: --%.*s", (int)len, name);
    if (!nearest.word && !instead)
        return bad_flag(p, err);
    err->exit_code = SC_EXIT_ENGINE;
    if (instead)
        return sc_err_remedy(err, "%s", instead);
    return sc_err_remedy(err, "did you mean --%s? see 'sc %s --help'", nearest.word, p->command->name);
}

/* Names flag and value, once. */
static int
bad_value(const struct sc_option *option, const char *value, struct sc_err *err)
{
    char flag[64];

    (void)snprintf(flag, sizeof(flag), "--%s", option->name);
    if (sc_str_starts(err->msg, flag))
        return -1;
    if (strstr(err->msg, value))
        return sc_err_wrap(err, "%s", flag);
    return sc_err_wrap(err, "%s \"%.200s\"", flag, value);
}

/* What Docker's own command line checks; what other values mean it leaves to its daemon, whose word is a plain 1. */
static bool
is_number(const struct sc_option *option)
{
    return option->kind == SC_OPTION_FLAG || option->set == sc_value_i64 || option->set == sc_value_u64 ||
           option->set == sc_value_seconds || option->set == sc_value_size;
}

static int
apply(const struct parser *p, const struct sc_option *option, const char *value, struct sc_err *err)
{
    void *to = p->base + option->offset;
    int result = 0;

    switch (option->kind) {
    case SC_OPTION_FLAG:
        result = value ? sc_parse_bool(value, to, err) : 0;
        if (!value)
            *(bool *)to = true;
        break;
    case SC_OPTION_STR:
        *(char **)to = sc_arena_strdup(p->arena, value);
        break;
    case SC_OPTION_STRV:
        sc_strv_add(to, p->arena, value);
        break;
    case SC_OPTION_CALL:
    case SC_OPTION_OPTIONAL:
        result = option->set(to, value ? value : "", p->arena, err);
        break;
    }
    if (result == 0)
        return 0;
    if (p->command->starts_containers || is_number(option))
        err->exit_code = SC_EXIT_ENGINE;
    return bad_value(option, value ? value : "", err);
}

static bool
needs_value(const struct sc_option *option)
{
    return option->kind != SC_OPTION_FLAG && option->kind != SC_OPTION_OPTIONAL;
}

/* The value of an option that has none attached: the next word. */
static int
next_word(struct parser *p, const char *shown, const char **value, struct sc_err *err)
{
    if (p->at >= p->argc) {
        sc_err_set(err, SC_ERR_INVALID, "flag needs an argument: %s", shown);
        return bad_flag(p, err);
    }
    *value = p->argv[p->at++];
    return 0;
}

static int
parse_long(struct parser *p, const char *word, struct sc_err *err)
{
    size_t len = strcspn(word + 2, "=");
    const char *value = word[2 + len] == '=' ? word + 3 + len : NULL;
    const struct sc_option *option = find_long(p->command, word + 2, len);

    if (!option) {
        if (strcmp(word, "--help") == 0 || strcmp(word, "--help=true") == 0) {
            *p->wants_help = true;
            return -1;
        }
        return unknown_flag(p, word + 2, len, err);
    }
    if (!value && needs_value(option) && next_word(p, word, &value, err) < 0)
        return -1;
    return apply(p, option, value, err);
}

/* Whether word is one of those that "owner|parent|process" lists. */
static bool
is_one_of(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; len > 0 && at && strchr(list, '|'); at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        if (strcspn(at, "|") == len && strncmp(at, word, len) == 0)
            return true;
    }
    return false;
}

static int
parse_letters(struct parser *p, const char *word, struct sc_err *err)
{
    for (const char *at = word + 1; *at; at++) {
        const struct sc_option *option = find_letter(p->command, *at);
        const char *value = at[1] == '=' ? at + 2 : at[1] ? at + 1 : NULL;
        char shown[] = "-?";

        if (!option && *at == 'h') {
            *p->wants_help = true;
            return -1;
        }
        if (!option) {
            if (strlen(word) > 2)
                sc_err_set(err, SC_ERR_INVALID, "unknown shorthand flag: '%c' in %.80s", *at, word);
            else
                sc_err_set(err, SC_ERR_INVALID, "unknown shorthand flag: %.80s", word);
            return bad_flag(p, err);
        }
        if (!needs_value(option)) {
            /* "-n/run/netns/blue": no letter is a slash; "-Tparent" */
            bool has_value = at[1] == '=' ||
                             (option->kind == SC_OPTION_OPTIONAL && (at[1] == '/' || is_one_of(option->value, at + 1)));

            if (apply(p, option, has_value ? value : NULL, err) < 0)
                return -1;
            if (has_value)
                return 0;
            continue;
        }
        shown[1] = *at;
        if (!value && next_word(p, shown, &value, err) < 0)
            return -1;
        return apply(p, option, value, err);
    }
    return 0;
}

static int
check_count(const struct parser *p, size_t count, struct sc_err *err)
{
    const struct sc_command *c = p->command;

    if (count < (size_t)c->args_min)
        sc_err_set(err, SC_ERR_INVALID, "'sc %s' requires %s%d argument%s", c->name,
                   c->args_min == c->args_max ? "" : "at least ", c->args_min, c->args_min == 1 ? "" : "s");
    else if (c->args_max == 0 && count > 0)
        sc_err_set(err, SC_ERR_INVALID, "'sc %s' accepts no arguments", c->name);
    else if (c->args_max >= 0 && count > (size_t)c->args_max)
        sc_err_set(err, SC_ERR_INVALID, "'sc %s' %s %d argument%s", c->name,
                   c->args_min == c->args_max ? "requires" : "accepts at most", c->args_max,
                   c->args_max == 1 ? "" : "s");
    else
        return 0;
    return see_help(p, err);
}

int
sc_options_parse(const struct sc_command *command, int argc, char **argv, void *options, struct sc_arena *arena,
                 struct sc_strv *args, bool *wants_help, struct sc_err *err)
{
    struct parser p = {
        .command = command, .argv = argv, .argc = argc, .base = options, .arena = arena, .wants_help = wants_help};
    bool is_over = false;

    while (p.at < argc) {
        const char *word = argv[p.at++];

        if (is_over || word[0] != '-' || word[1] == '\0') {
            is_over = is_over || command->stops_at_argument;
            sc_strv_add(args, arena, word);
        } else if (strcmp(word, "--") == 0) {
            is_over = true;
        } else if ((word[1] == '-' ? parse_long(&p, word, err) : parse_letters(&p, word, err)) < 0) {
            return -1;
        }
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    return check_count(&p, args->count, err);
}

int
sc_cli_parse(struct sc_cli *cli, void *options, struct sc_strv *args, struct sc_err *err)
{
    return sc_options_parse(cli->command, cli->argc, cli->argv, options, &cli->arena, args, &cli->wants_help, err);
}
