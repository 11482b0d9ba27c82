/* Options by table. Not getopt(3): that prints by itself. */
#include <string.h>

#include "image/transfer-options.h"

static const struct sc_transfer_option *
find_option(const struct sc_transfer_option *options, size_t count, const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
            return &options[i];
    }
    return NULL;
}

static void
store_value(const struct sc_transfer_option *option, const char *value, struct sc_arena *arena)
{
    if (option->values)
        sc_strv_add(option->values, arena, value);
    else
        *option->value = value;
}

static int
unknown_option(struct sc_err *err, const char *text)
{
    sc_err_set(err, SC_ERR_INVALID, "unknown option \"%s\"", text);
    return sc_err_remedy(err, "see `sc image --help`");
}

/* "--name", "--name=value", "--name value"; returns how many more arguments were used, or -1. */
static int
long_option(const char *text, const char *next, const struct sc_transfer_option *options, size_t count,
            struct sc_arena *arena, struct sc_err *err)
{
    size_t len = strcspn(text + 2, "=");
    const struct sc_transfer_option *option = find_option(options, count, text + 2, len);
    const char *value = text[2 + len] == '=' ? text + 2 + len + 1 : NULL;

    if (!option)
        return unknown_option(err, text);
    if (option->flag) {
        *option->flag = true;
        return value ? sc_parse_bool(value, option->flag, err) : 0;
    }
    if (!value && !next)
        return sc_err_set(err, SC_ERR_INVALID, "option \"%s\" needs a value", text);
    store_value(option, value ? value : next, arena);
    return value ? 0 : 1;
}

/* "-q", "-qi FILE", "-iFILE" */
static int
short_options(const char *text, const char *next, const struct sc_transfer_option *options, size_t count,
              struct sc_arena *arena, struct sc_err *err)
{
    for (const char *letter = text + 1; *letter; letter++) {
        const struct sc_transfer_option *option = NULL;

        for (size_t i = 0; i < count && !option; i++) {
            if (options[i].letter == *letter)
                option = &options[i];
        }
        if (!option)
            return unknown_option(err, text);
        if (option->flag) {
            *option->flag = true;
            continue;
        }
        if (letter[1] != '\0') {
            store_value(option, letter + 1 + (letter[1] == '='), arena);
            return 0;
        }
        if (!next)
            return sc_err_set(err, SC_ERR_INVALID, "option \"-%c\" needs a value", *letter);
        store_value(option, next, arena);
        return 1;
    }
    return 0;
}

int
sc_transfer_options(int argc, char **argv, const struct sc_transfer_option *options, size_t count,
                    bool stops_at_operand, struct sc_arena *arena, struct sc_strv *operands, struct sc_err *err)
{
    bool is_over = false;

    for (int i = 0; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        int used;

        if (is_over || argv[i][0] != '-' || argv[i][1] == '\0') { /* "-" is standard input */
            sc_strv_add(operands, arena, argv[i]);
            is_over = is_over || stops_at_operand;
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            is_over = true;
            continue;
        }
        used = argv[i][1] == '-' ? long_option(argv[i], next, options, count, arena, err)
                                 : short_options(argv[i], next, options, count, arena, err);
        if (used < 0)
            return -1;
        i += used;
    }
    return sc_arena_check(arena, err);
}
