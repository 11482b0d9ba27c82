/*
 * Text of an "org.systemd.property." annotation to a property: GVariant's text format (glib, "GVariant Text Format")
 * without dictionaries and maybes. What is not typed is typed as there: a whole number is an int32, one with a point a
 * double, a quoted text a string; an array has the type of its first element. Pure.
 */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernel/cgroup/systemd/systemd.h"

#define DEPTH_MOST 8
#define USEC       UINT64_C(1000000)

struct parser {
    const char *text, *at;
    struct sc_arena *arena;
    unsigned depth;
};

static const struct {
    const char *word, *signature;
} type_words[] = {
    {"boolean", "b"}, {"byte", "y"},   {"int16", "n"},  {"uint16", "q"}, {"int32", "i"},      {"uint32", "u"},
    {"int64", "x"},   {"uint64", "t"}, {"double", "d"}, {"string", "s"}, {"objectpath", "o"}, {"signature", "g"},
};

static int
bad(const struct parser *parser, struct sc_err *err)
{
    sc_err_set(err, SC_ERR_INVALID, "\"%s\" is not a value: column %td", parser->text, parser->at - parser->text + 1);
    return sc_err_remedy(err, "write it as systemd types it: true, 'text', uint64 5, ['a', 'b']");
}

static void
skip_space(struct parser *parser)
{
    while (isspace((unsigned char)*parser->at))
        parser->at++;
}

static bool
take(struct parser *parser, char c)
{
    skip_space(parser);
    if (*parser->at != c)
        return false;
    parser->at++;
    return true;
}

static bool
take_word(struct parser *parser, const char *word)
{
    size_t len = strlen(word);

    skip_space(parser);
    if (strncmp(parser->at, word, len) != 0 || isalnum((unsigned char)parser->at[len]))
        return false;
    parser->at += len;
    return true;
}

/* wanted: the signature that must come out, or NULL for the one that the text itself says. *signature is set to that
 * which did; the value's words are appended. */
static int parse_value(struct parser *parser, const char *wanted, const char **signature, struct sc_strv *words,
                       struct sc_err *err);

static int
parse_string(struct parser *parser, const char *wanted, const char **signature, struct sc_strv *words,
             struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    char quote = *parser->at++;

    if (wanted && !strchr("sog", wanted[0]))
        return bad(parser, err);
    for (; *parser->at != quote; parser->at++) {
        if (*parser->at == '\\')
            parser->at++;
        if (*parser->at == '\0')
            return bad(parser, err);
        sc_buf_addc(&text, *parser->at);
    }
    parser->at++;
    if (sc_buf_check(&text, err) < 0)
        return -1;
    sc_strv_add(words, parser->arena, sc_buf_str(&text));
    *signature = wanted ? wanted : "s";
    return 0;
}

static int
parse_number(struct parser *parser, const char *wanted, const char **signature, struct sc_strv *words,
             struct sc_err *err)
{
    size_t len = strspn(parser->at, "+-.0123456789abcdefABCDEFxX");
    const char *text = sc_arena_strndup(parser->arena, parser->at, len);
    bool is_hex = text && (sc_str_starts(text, "0x") || sc_str_starts(text, "0X"));
    bool is_real = !is_hex && text && strpbrk(text, ".eE");
    char *end = NULL;

    if (!text)
        return sc_err_nomem(err);
    if (!wanted)
        wanted = is_real ? "d" : "i";
    if (len == 0 || !strchr("ynqiuxtd", wanted[0]) || (is_real && wanted[0] != 'd'))
        return bad(parser, err);
    if (is_hex) {
        uint64_t number = strtoull(text, &end, 16);

        sc_strv_addf(words, parser->arena, "%" PRIu64, number);
    } else {
        (void)strtod(text, &end);
        sc_strv_add(words, parser->arena, text);
    }
    if (*end != '\0')
        return bad(parser, err);
    parser->at += len;
    *signature = wanted;
    return 0;
}

static int
parse_array(struct parser *parser, const char *wanted, const char **signature, struct sc_strv *words,
            struct sc_err *err)
{
    const char *element = wanted ? wanted + 1 : NULL;
    struct sc_strv elements = {.count = 0};
    size_t count = 0;

    if (wanted && wanted[0] != 'a')
        return bad(parser, err);
    while (!take(parser, ']')) {
        if ((count > 0 && !take(parser, ',')) || parse_value(parser, element, &element, &elements, err) < 0)
            return err->kind ? -1 : bad(parser, err);
        count++;
    }
    /* Nothing says of what type an empty one is. */
    if (!element)
        return bad(parser, err);
    sc_strv_addf(words, parser->arena, "%zu", count);
    for (size_t i = 0; i < elements.count; i++)
        sc_strv_add(words, parser->arena, elements.items[i]);
    *signature = sc_arena_printf(parser->arena, "a%s", element);
    return 0;
}

static int
parse_tuple(struct parser *parser, const char *wanted, const char **signature, struct sc_strv *words,
            struct sc_err *err)
{
    sc_cleanup_buf whole = SC_BUF_INIT;
    size_t count = 0;

    sc_buf_addc(&whole, '(');
    while (!take(parser, ')')) {
        const char *element = NULL;

        if ((count > 0 && !take(parser, ',')) || parse_value(parser, NULL, &element, words, err) < 0)
            return err->kind ? -1 : bad(parser, err);
        sc_buf_adds(&whole, element);
        count++;
    }
    sc_buf_addc(&whole, ')');
    if (sc_buf_check(&whole, err) < 0)
        return -1;
    if (count == 0 || (wanted && strcmp(wanted, whole.data) != 0))
        return bad(parser, err);
    *signature = sc_arena_strdup(parser->arena, whole.data);
    return 0;
}

/* "@as []", "uint64 5": the type is said before the value. */
static const char *
parse_type(struct parser *parser)
{
    skip_space(parser);
    if (*parser->at == '@') {
        size_t len = strspn(++parser->at, "abynqiuxtdsogv()");
        const char *type = sc_arena_strndup(parser->arena, parser->at, len);

        parser->at += len;
        return type;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(type_words); i++) {
        if (take_word(parser, type_words[i].word))
            return type_words[i].signature;
    }
    return NULL;
}

static int
parse_untyped(struct parser *parser, const char *wanted, const char **signature, struct sc_strv *words,
              struct sc_err *err)
{
    if (*parser->at == '\'' || *parser->at == '"')
        return parse_string(parser, wanted, signature, words, err);
    if (take(parser, '['))
        return parse_array(parser, wanted, signature, words, err);
    if (take(parser, '('))
        return parse_tuple(parser, wanted, signature, words, err);
    if (!wanted || wanted[0] == 'b') {
        const char *flag = take_word(parser, "true") ? "true" : take_word(parser, "false") ? "false" : NULL;

        if (flag) {
            sc_strv_add(words, parser->arena, flag);
            *signature = "b";
            return 0;
        }
    }
    return parse_number(parser, wanted, signature, words, err);
}

static int
parse_value(struct parser *parser, const char *wanted, const char **signature, struct sc_strv *words,
            struct sc_err *err)
{
    const char *type = parse_type(parser);
    int result;

    skip_space(parser);
    if (++parser->depth > DEPTH_MOST || (type && wanted && strcmp(type, wanted) != 0))
        return bad(parser, err);
    result = parse_untyped(parser, type ? type : wanted, signature, words, err);
    parser->depth--;
    return result;
}

/* TimeoutStopSec=, a number of seconds, is TimeoutStopUSec, a uint64 of microseconds, on the bus. */
static int
seconds_to_usec(struct sc_unit_property *property, struct sc_arena *arena, struct sc_err *err)
{
    double seconds;

    if (!strchr("nqiuxtd", property->signature[0]))
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\" is not a number of seconds", property->words.items[0]);
    seconds = strtod(property->words.items[0], NULL);
    if (!(seconds >= 0 && seconds < (double)(UINT64_MAX / USEC)))
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\" is not a number of seconds", property->words.items[0]);
    property->name = sc_arena_printf(arena, "%.*sUSec", (int)(strlen(property->name) - 3), property->name);
    property->signature = sc_arena_strdup(arena, "t");
    property->words = (struct sc_strv){.count = 0};
    sc_strv_addf(&property->words, arena, "%" PRIu64, (uint64_t)(seconds * (double)USEC + 0.5));
    return sc_arena_check(arena, err);
}

int
sc_systemd_annotation(const char *name, const char *text, struct sc_arena *arena, struct sc_unit_property *out,
                      struct sc_err *err)
{
    struct parser parser = {.text = text, .at = text, .arena = arena};
    sc_cleanup_buf trial = SC_BUF_INIT;
    const char *signature = NULL;
    struct sc_err own = SC_ERR_INIT;

    *out = (struct sc_unit_property){.name = sc_arena_strdup(arena, name)};
    for (const char *c = name; *c || c < name + 3; c++) {
        if (!isalpha((unsigned char)*c))
            return sc_err_set(err, SC_ERR_INVALID, "\"%s\" is not the name of a systemd property", name);
    }
    if (parse_value(&parser, NULL, &signature, &out->words, &own) < 0) {
        *err = own;
        return -1;
    }
    skip_space(&parser);
    if (*parser.at)
        return bad(&parser, err);
    out->signature = sc_arena_strdup(arena, signature);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    /* Numbers must fit their types; better said now than when the container is half made. */
    if (sc_dbus_write_words(out->signature, &out->words, &trial, err) < 0)
        return -1;
    return sc_str_ends(name, "Sec") && !sc_str_ends(name, "USec") ? seconds_to_usec(out, arena, err) : 0;
}
