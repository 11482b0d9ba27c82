/* A Dockerfile's text to lines, lines to instructions, instructions to stages. */
#include <ctype.h>
#include <stdio.h>

#include "image/build/dockerfile-priv.h"

static const char *const op_names[SC_DF_OPS] = {
    [SC_DF_FROM] = "FROM",
    [SC_DF_ARG] = "ARG",
    [SC_DF_ENV] = "ENV",
    [SC_DF_LABEL] = "LABEL",
    [SC_DF_RUN] = "RUN",
    [SC_DF_CMD] = "CMD",
    [SC_DF_ENTRYPOINT] = "ENTRYPOINT",
    [SC_DF_COPY] = "COPY",
    [SC_DF_ADD] = "ADD",
    [SC_DF_WORKDIR] = "WORKDIR",
    [SC_DF_USER] = "USER",
    [SC_DF_EXPOSE] = "EXPOSE",
    [SC_DF_VOLUME] = "VOLUME",
    [SC_DF_STOPSIGNAL] = "STOPSIGNAL",
    [SC_DF_HEALTHCHECK] = "HEALTHCHECK",
    [SC_DF_SHELL] = "SHELL",
    [SC_DF_ONBUILD] = "ONBUILD",
    [SC_DF_MAINTAINER] = "MAINTAINER",
};

const char *
sc_df_op_name(enum sc_df_op op)
{
    return op < SC_DF_OPS ? op_names[op] : "";
}

struct reader {
    const char *at, *end;
    unsigned line; /* of what was read last */
};

/* With its newline, if it has one. */
static bool
read_line(struct reader *reader, const char **line, size_t *len)
{
    const char *newline;

    if (reader->at == reader->end)
        return false;
    newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
    *line = reader->at;
    reader->at = newline ? newline + 1 : reader->end;
    *len = (size_t)(reader->at - *line);
    reader->line++;
    return true;
}

static size_t
without_newline(const char *line, size_t len)
{
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
        len--;
    return len;
}

static void
trim_left(const char **line, size_t *len)
{
    while (*len > 0 && sc_df_is_blank(**line)) {
        (*line)++;
        (*len)--;
    }
}

/* ---- parser directives ---- */

enum { DIRECTIVE_SYNTAX = 1, DIRECTIVE_ESCAPE = 2, DIRECTIVE_CHECK = 4 };

struct directives {
    bool are_over; /* something else was seen */
    unsigned seen;
};

/* "# name = value", of a line that has no newline. */
static bool
split_directive(const char *line, size_t len, const char **name, size_t *name_len, const char **value,
                size_t *value_len)
{
    const char *end = line + len, *at = line;

    if (len == 0 || *at++ != '#')
        return false;
    while (at < end && sc_df_is_blank(*at))
        at++;
    *name = at;
    while (at < end && isalnum((unsigned char)*at))
        at++;
    *name_len = (size_t)(at - *name);
    if (*name_len == 0 || isdigit((unsigned char)**name))
        return false;
    while (at < end && sc_df_is_blank(*at))
        at++;
    if (at == end || *at++ != '=')
        return false;
    while (at < end && sc_df_is_blank(*at))
        at++;
    while (end > at && sc_df_is_blank(end[-1]))
        end--;
    *value = at;
    *value_len = (size_t)(end - at);
    return *value_len > 0;
}

static int
directive(struct directives *directives, struct sc_df_file *file, const char *line, size_t len, struct sc_arena *arena,
          struct sc_err *err)
{
    const char *name, *value;
    size_t name_len, value_len;
    unsigned which;

    if (directives->are_over)
        return 0;
    if (!split_directive(line, len, &name, &name_len, &value, &value_len))
        which = 0;
    else
        which = sc_df_equal_nocase(name, name_len, "syntax")   ? DIRECTIVE_SYNTAX
                : sc_df_equal_nocase(name, name_len, "escape") ? DIRECTIVE_ESCAPE
                : sc_df_equal_nocase(name, name_len, "check")  ? DIRECTIVE_CHECK
                                                               : 0;
    if (which == 0) {
        directives->are_over = true;
        return 0;
    }
    if (directives->seen & which)
        return sc_err_set(err, SC_ERR_INVALID, "the directive \"%.*s\" is there twice", (int)name_len, name);
    directives->seen |= which;
    if (which == DIRECTIVE_SYNTAX)
        file->syntax = sc_arena_strndup(arena, value, value_len);
    if (which != DIRECTIVE_ESCAPE)
        return 0;
    if (value_len != 1 || (*value != '\\' && *value != '`'))
        return sc_err_set(err, SC_ERR_INVALID, "the directive escape is \\ or `, not \"%.*s\"",
                          value_len > 40 ? 40 : (int)value_len, value);
    file->escape = *value;
    return 0;
}

/* ---- lines ---- */

/* Whether the line goes on: it ends with the escape character, blanks behind it do not count. Two of them are one that
 * means itself. *len becomes what is before it. */
static bool
is_continued(const char *line, size_t *len, char escape)
{
    size_t end = *len;

    while (end > 0 && (line[end - 1] == ' ' || line[end - 1] == '\t'))
        end--;
    if (end == 0 || line[end - 1] != escape || (end > 1 && line[end - 2] == escape))
        return false;
    *len = end - 1;
    return true;
}

/* Reads on while the line is continued; comments and empty lines between are passed over. */
static void
read_continued(struct reader *reader, const char *line, size_t len, char escape, struct sc_buf *out)
{
    bool goes_on = is_continued(line, &len, escape);

    sc_buf_add(out, line, len);
    while (goes_on && read_line(reader, &line, &len)) {
        const char *text;
        size_t text_len;

        len = without_newline(line, len);
        text = line;
        text_len = len;
        trim_left(&text, &text_len);
        if (text_len == 0 || *text == '#')
            continue;
        goes_on = is_continued(line, &len, escape);
        sc_buf_add(out, line, len);
    }
}

/* The lines up to the heredoc's name, each with its newline. */
static int
read_heredoc(struct reader *reader, struct sc_df_heredoc *heredoc, struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_buf content = SC_BUF_INIT;
    size_t name_len = strlen(heredoc->name), len;
    const char *line;

    while (read_line(reader, &line, &len)) {
        size_t text_len;

        for (; heredoc->is_chomped && len > 0 && *line == '\t'; len--)
            line++;
        text_len = without_newline(line, len);
        if (text_len == name_len && memcmp(line, heredoc->name, name_len) == 0) {
            heredoc->content = sc_arena_strndup(arena, sc_buf_str(&content), content.len);
            heredoc->len = content.len;
            return sc_buf_check(&content, err) < 0 ? -1 : sc_arena_check(arena, err);
        }
        sc_buf_add(&content, line, len);
    }
    return sc_err_set(err, SC_ERR_INVALID, "the here-document <<%.100s has no end: there is no line \"%.100s\"",
                      heredoc->name, heredoc->name);
}

/* ---- an instruction ---- */

static int
find_op(const char *word, size_t len, enum sc_df_op *op, struct sc_err *err)
{
    char typed[64];
    struct sc_df_hint hint = {.text = ""};

    for (*op = 0; *op < SC_DF_OPS; (*op)++)
        if (sc_df_equal_nocase(word, len, op_names[*op]))
            return 0;
    (void)snprintf(typed, sizeof(typed), "%.*s", (int)(len < 60 ? len : 60), word);
    if (len < 60)
        hint = sc_df_suggest(typed, op_names, SC_DF_OPS);
    return sc_err_set(err, SC_ERR_INVALID, "unknown instruction: %s%s", typed, hint.text);
}

/* NAME=VALUE ..., or as ENV and LABEL also had it once: NAME VALUE. */
static int
parse_pairs(struct sc_df_instr *instr, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_strv words = {.items = NULL};
    struct sc_df_pair *pairs;
    const char *name = sc_df_op_name(instr->op);

    (void)sc_df_split_quoted(instr->args, instr->file->escape, arena, &words);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (words.count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "%s requires at least one argument", name);
    pairs = SC_ARENA_ARRAY(arena, struct sc_df_pair, words.count);
    if (!pairs)
        return sc_err_nomem(err);
    instr->pairs = pairs;
    instr->pair_count = words.count;
    if (instr->op != SC_DF_ARG && !strchr(words.items[0], '=')) {
        size_t len = strcspn(instr->args, " \t\v\f\r");

        if (words.count < 2)
            return sc_err_set(err, SC_ERR_INVALID, "%s must have two arguments", name);
        pairs[0].key = sc_arena_strndup(arena, instr->args, len);
        pairs[0].value = sc_arena_strdup(arena, sc_df_skip_blanks(instr->args + len));
        instr->pair_count = 1;
        return sc_arena_check(arena, err);
    }
    for (size_t i = 0; i < words.count; i++) {
        const char *equals = strchr(words.items[i], '=');

        if (!equals && instr->op != SC_DF_ARG)
            return sc_err_set(err, SC_ERR_INVALID, "%s: there is no '=' in \"%.100s\": it must be NAME=VALUE", name,
                              words.items[i]);
        if (equals == words.items[i])
            return sc_err_set(err, SC_ERR_INVALID, "%s names can not be blank", name);
        pairs[i].key =
            equals ? sc_arena_strndup(arena, words.items[i], (size_t)(equals - words.items[i])) : words.items[i];
        pairs[i].value = equals ? equals + 1 : NULL;
    }
    return sc_arena_check(arena, err);
}

static int
parse_args(struct sc_df_instr *instr, struct sc_arena *arena, struct sc_err *err)
{
    const char *json = instr->args;
    int is_json;

    switch (instr->op) {
    case SC_DF_ARG:
    case SC_DF_ENV:
    case SC_DF_LABEL:
        return parse_pairs(instr, arena, err);
    case SC_DF_FROM:
    case SC_DF_EXPOSE:
        sc_df_split_blanks(instr->args, arena, &instr->words);
        return sc_arena_check(arena, err);
    case SC_DF_WORKDIR:
    case SC_DF_USER:
    case SC_DF_STOPSIGNAL:
    case SC_DF_MAINTAINER:
    case SC_DF_ONBUILD:
        if (*instr->args)
            sc_strv_add(&instr->words, arena, instr->args);
        return sc_arena_check(arena, err);
    case SC_DF_HEALTHCHECK: /* its first word, and then what CMD has */
        json += strcspn(json, " \t\v\f\r");
        break;
    default:
        break;
    }
    is_json = sc_df_json_words(json, arena, &instr->words, err);
    if (is_json < 0)
        return -1;
    instr->is_json = is_json == 1;
    if (!instr->is_json && (instr->op == SC_DF_COPY || instr->op == SC_DF_ADD || instr->op == SC_DF_VOLUME))
        sc_df_split_blanks(instr->args, arena, &instr->words);
    return sc_arena_check(arena, err);
}

int
sc_df_instr_parse(const struct sc_df_file *file, const char *line, unsigned number, struct sc_arena *arena,
                  struct sc_df_instr *out, struct sc_err *err)
{
    const char *rest;
    size_t len;

    line = sc_df_skip_blanks(line);
    len = strlen(line);
    while (len > 0 && sc_df_is_blank(line[len - 1]))
        len--;
    *out = (struct sc_df_instr){.file = file, .line = number, .last_line = number};
    out->original = sc_arena_strndup(arena, line, len);
    if (!out->original)
        return sc_err_nomem(err);
    len = strcspn(out->original, " \t\v\f\r");
    if (find_op(out->original, len, &out->op, err) < 0)
        return -1;
    rest = sc_df_skip_blanks(out->original + len);
    if (sc_df_split_flags(&rest, arena, out, err) < 0)
        return sc_err_wrap(err, "%s", sc_df_op_name(out->op));
    out->args = rest;
    return parse_args(out, arena, err);
}

/* ---- the file ---- */

struct parse {
    struct reader reader;
    struct directives directives;
    struct sc_df_file *file;
    struct sc_arena *arena;
    struct sc_df_stage *stages;
    size_t stage_capacity;
    const struct sc_df_instr **list; /* of the stage at hand, or of what is before the first */
    size_t count, capacity, total;
    bool is_trigger; /* of ONBUILD: no stages, no lines */
};

/* What the heredocs of an instruction say, of ONBUILD's too. */
static int
parse_heredocs(struct parse *parse, struct sc_df_instr *instr, struct sc_err *err)
{
    const struct sc_df_instr *inner = instr;
    struct sc_df_instr trigger;
    struct sc_df_heredoc *heredocs;
    size_t count;

    if (instr->op == SC_DF_ONBUILD && instr->words.count > 0) {
        if (sc_df_instr_parse(instr->file, instr->args, instr->line, parse->arena, &trigger, err) < 0)
            return sc_err_wrap(err, "ONBUILD");
        inner = &trigger;
    }
    if (inner->is_json || (inner->op != SC_DF_RUN && inner->op != SC_DF_COPY && inner->op != SC_DF_ADD))
        return 0;
    if (sc_df_heredocs_find(inner->args, inner->op == SC_DF_RUN, parse->arena, &heredocs, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (read_heredoc(&parse->reader, &heredocs[i], parse->arena, err) < 0)
            return -1;
    instr->heredocs = heredocs;
    instr->heredoc_count = count;
    if (!parse->is_trigger)
        instr->last_line = parse->reader.line;
    return 0;
}

static void
close_list(struct parse *parse)
{
    struct sc_df_stage *last = parse->stages ? &parse->stages[parse->file->stage_count - 1] : NULL;

    if (last) {
        last->instrs = parse->list;
        last->instr_count = parse->count;
    } else {
        parse->file->globals = parse->list;
        parse->file->global_count = parse->count;
    }
    parse->list = NULL;
    parse->count = parse->capacity = 0;
}

static int
add_instr(struct parse *parse, const struct sc_df_instr *instr, struct sc_err *err)
{
    const struct sc_df_instr **grown;

    if (++parse->total > SC_DF_INSTRS_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "more than %d instructions", SC_DF_INSTRS_MAX);
    if (instr->op == SC_DF_FROM) {
        struct sc_df_stage *stages;

        close_list(parse);
        stages = sc_arena_grow(parse->arena, parse->stages, parse->file->stage_count, &parse->stage_capacity,
                               sizeof(*stages), 4);
        if (!stages)
            return sc_err_nomem(err);
        parse->stages = stages;
        parse->file->stages = stages;
        stages[parse->file->stage_count++] =
            (struct sc_df_stage){.from = instr, .name = instr->words.count == 3 ? instr->words.items[2] : NULL};
        return 0;
    }
    if (!parse->is_trigger && parse->file->stage_count == 0 && instr->op != SC_DF_ARG)
        return sc_err_set(err, SC_ERR_INVALID, "%s comes before the first FROM, where only ARG may stand",
                          sc_df_op_name(instr->op));
    grown = sc_arena_grow(parse->arena, parse->list, parse->count, &parse->capacity, sizeof(void *), 8);
    if (!grown)
        return sc_err_nomem(err);
    parse->list = grown;
    parse->list[parse->count++] = instr;
    return 0;
}

/* One instruction, which begins in line. Errors have no place yet. */
static int
parse_one(struct parse *parse, const char *line, size_t len, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_df_instr *instr = SC_ARENA_NEW(parse->arena, struct sc_df_instr);
    unsigned number = parse->reader.line;

    read_continued(&parse->reader, line, len, parse->file->escape, &text);
    if (!instr || text.has_failed)
        return sc_err_nomem(err);
    if (*sc_df_skip_blanks(sc_buf_str(&text)) == '\0')
        return 0;
    if (sc_df_instr_parse(parse->file, text.data, number, parse->arena, instr, err) < 0)
        return -1;
    instr->last_line = parse->reader.line;
    if (parse->is_trigger) {
        instr->line = instr->last_line = 0;
        if (instr->op == SC_DF_FROM || instr->op == SC_DF_ONBUILD || instr->op == SC_DF_MAINTAINER)
            return sc_err_set(err, SC_ERR_INVALID, "%s isn't allowed as an ONBUILD trigger", sc_df_op_name(instr->op));
    }
    if (parse_heredocs(parse, instr, err) < 0 || sc_df_instr_check(instr, parse->arena, err) < 0)
        return -1;
    return add_instr(parse, instr, err);
}

static int
parse_all(struct parse *parse, struct sc_err *err)
{
    const char *line;
    size_t len;

    while (read_line(&parse->reader, &line, &len)) {
        unsigned number = parse->reader.line;

        trim_left(&line, &len);
        len = without_newline(line, len);
        if (directive(&parse->directives, parse->file, line, len, parse->arena, err) < 0)
            return sc_err_wrap(err, "%.100s:%u", parse->file->name, number);
        if (len == 0 || *line == '#')
            continue;
        if (parse_one(parse, line, len, err) < 0)
            return sc_err_wrap(err, "%.100s:%u", parse->file->name, number);
    }
    close_list(parse);
    return 0;
}

static int
parse_text(struct parse *parse, const char *text, size_t len, struct sc_err *err)
{
    const char *nul = memchr(text, '\0', len);

    if (len > SC_DF_TEXT_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "%.100s: larger than %d bytes", parse->file->name, SC_DF_TEXT_MAX);
    if (nul) {
        unsigned line = 1;

        for (const char *at = text; at < nul; at++)
            line += *at == '\n' ? 1 : 0;
        return sc_err_set(err, SC_ERR_INVALID, "%.100s:%u: a NUL character: this is no text", parse->file->name, line);
    }
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    parse->reader = (struct reader){.at = text, .end = text + len};
    return parse_all(parse, err) < 0 ? -1 : sc_arena_check(parse->arena, err);
}

int
sc_df_parse(const char *text, size_t len, const char *name, struct sc_arena *arena, struct sc_df_file *out,
            struct sc_err *err)
{
    struct parse parse = {.arena = arena, .file = SC_ARENA_NEW(arena, struct sc_df_file)};

    if (!parse.file)
        return sc_err_nomem(err);
    *parse.file = (struct sc_df_file){.name = sc_arena_strdup(arena, name), .escape = '\\'};
    if (!parse.file->name)
        return sc_err_nomem(err);
    if (parse_text(&parse, len ? text : "", len, err) < 0)
        return -1;
    if (parse.total == 0)
        return sc_err_set(err, SC_ERR_INVALID, "%.100s: there is no instruction in it", name);
    if (parse.file->stage_count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "%.100s: there is no FROM in it", name);
    *out = *parse.file;
    return 0;
}

int
sc_df_trigger_parse(const struct sc_df_file *file, const char *trigger, struct sc_arena *arena,
                    const struct sc_df_instr **out, struct sc_err *err)
{
    struct parse parse = {.arena = arena, .file = SC_ARENA_NEW(arena, struct sc_df_file), .is_trigger = true};
    const char *line;
    size_t len = strlen(trigger);

    if (!parse.file)
        return sc_err_nomem(err);
    *parse.file = (struct sc_df_file){.name = file->name, .escape = '\\'};
    if (len > SC_DF_TEXT_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "larger than %d bytes", SC_DF_TEXT_MAX);
    parse.reader = (struct reader){.at = trigger, .end = trigger + len};
    while (read_line(&parse.reader, &line, &len)) {
        trim_left(&line, &len);
        len = without_newline(line, len);
        if (len > 0 && *line != '#' && parse_one(&parse, line, len, err) < 0)
            return -1;
    }
    if (parse.count != 1)
        return sc_err_set(err, SC_ERR_INVALID, "a trigger is one instruction");
    *out = parse.list[0];
    return sc_arena_check(arena, err);
}
