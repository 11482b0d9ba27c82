/* The text of cgconfig.conf(5): mount, group, default and template sections. Pure. */
#include <ctype.h>
#include <string.h>

#include "cli/cgroup-priv.h"

struct parser {
    const char *at, *name;
    int line;
    struct sc_arena *arena;
    struct sc_cgconfig *out;
    struct sc_cgroup_perm default_perm;
    char *word;     /* the last token's text */
    bool is_quoted; /* so "{" is no brace */
};

static int
complain(const struct parser *p, const char *what, struct sc_err *err)
{
    if (!p->word)
        return sc_err_set(err, SC_ERR_INVALID, "%s:%d: %s, not the end of the file", p->name, p->line, what);
    return sc_err_set(err, SC_ERR_INVALID, "%s:%d: %s, not \"%.80s\"", p->name, p->line, what, p->word);
}

static void
skip_space(struct parser *p)
{
    for (;; p->at++) {
        if (*p->at == '#')
            p->at += strcspn(p->at, "\n");
        if (*p->at == '\n')
            p->line++;
        if (!isspace((unsigned char)*p->at))
            return;
    }
}

/* The next token into p->word: one of { } = ; or a word; NULL at the end. */
static int
next(struct parser *p, struct sc_err *err)
{
    size_t len;

    skip_space(p);
    p->is_quoted = false;
    if (*p->at == '\0') {
        p->word = NULL;
        return 0;
    }
    if (*p->at == '"') {
        len = strcspn(p->at + 1, "\"\n");
        if (p->at[1 + len] != '"')
            return sc_err_set(err, SC_ERR_INVALID, "%s:%d: a quote is not closed on its line", p->name, p->line);
        p->word = sc_arena_strndup(p->arena, p->at + 1, len);
        p->is_quoted = true;
        len += 2;
    } else {
        len = strchr("{}=;", *p->at) ? 1 : strcspn(p->at, " \t\r\n{}=;\"#");
        p->word = sc_arena_strndup(p->arena, p->at, len);
    }
    p->at += len;
    return sc_arena_check(p->arena, err);
}

static bool
is_mark(const struct parser *p, char mark)
{
    return p->word && !p->is_quoted && p->word[0] == mark && p->word[1] == '\0';
}

static bool
is_any_mark(const struct parser *p)
{
    return p->word && !p->is_quoted && p->word[0] && strchr("{}=;", p->word[0]);
}

static int
expect(struct parser *p, char mark, struct sc_err *err)
{
    char what[16];

    (void)snprintf(what, sizeof(what), "expected '%c'", mark);
    if (next(p, err) < 0)
        return -1;
    return is_mark(p, mark) ? 0 : complain(p, what, err);
}

static int
word(struct parser *p, const char *what, char **out, struct sc_err *err)
{
    if (next(p, err) < 0)
        return -1;
    if (!p->word || is_any_mark(p))
        return complain(p, what, err);
    *out = p->word;
    return 0;
}

/* After "KEY": "= VALUE ;". The last ';' of a block may be missing. */
static int
assignment(struct parser *p, char **value, bool *ends_block, struct sc_err *err)
{
    *ends_block = false;
    if (expect(p, '=', err) < 0 || word(p, "expected a value", value, err) < 0 || next(p, err) < 0)
        return -1;
    *ends_block = is_mark(p, '}');
    return *ends_block || is_mark(p, ';') ? 0 : complain(p, "expected ';'", err);
}

/* Calls fn for each "KEY = VALUE;" up to the closing brace. */
typedef int (*pair_fn)(struct parser *p, void *data, char *key, char *value, struct sc_err *err);

static int
pairs(struct parser *p, pair_fn fn, void *data, struct sc_err *err)
{
    bool ends_block = false;

    if (expect(p, '{', err) < 0)
        return -1;
    while (!ends_block) {
        char *key, *value = NULL;

        if (next(p, err) < 0)
            return -1;
        if (is_mark(p, '}'))
            return 0;
        if (!p->word || is_any_mark(p))
            return complain(p, "expected a name or '}'", err);
        key = p->word;
        if (assignment(p, &value, &ends_block, err) < 0 || fn(p, data, key, value, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- sections ------------------------------------------------------------------------------------------------ */

static int
add_mount(struct parser *p, void *data, char *key, char *value, struct sc_err *err)
{
    struct sc_cgconfig *out = p->out;
    struct sc_cgconfig_mount *grown = SC_ARENA_ARRAY(p->arena, struct sc_cgconfig_mount, out->mount_count + 1);

    (void)data;
    if (!grown)
        return sc_err_nomem(err);
    if (*value != '/')
        return sc_err_set(err, SC_ERR_INVALID, "%s:%d: \"%.80s\" is no absolute path", p->name, p->line, value);
    if (out->mount_count > 0)
        memcpy(grown, out->mounts, out->mount_count * sizeof(*grown));
    grown[out->mount_count++] = (struct sc_cgconfig_mount){.controller = key, .dir = value};
    out->mounts = grown;
    return 0;
}

struct perm_part {
    struct sc_cgroup_perm *perm;
    bool is_task;
};

static int
add_perm(struct parser *p, void *data, char *key, char *value, struct sc_err *err)
{
    struct perm_part *part = data;
    struct sc_cgroup_perm *perm = part->perm;
    int result;

    if (strcmp(key, "uid") == 0)
        result = sc_value_user_id(part->is_task ? &perm->task_uid : &perm->admin_uid, value, p->arena, err);
    else if (strcmp(key, "gid") == 0)
        result = sc_value_group_id(part->is_task ? &perm->task_gid : &perm->admin_gid, value, p->arena, err);
    else if (strcmp(key, "fperm") == 0)
        result = sc_cgroup_value_mode(part->is_task ? &perm->task_mode : &perm->file_mode, value, p->arena, err);
    else if (strcmp(key, "dperm") == 0 && !part->is_task)
        result = sc_cgroup_value_mode(&perm->dir_mode, value, p->arena, err);
    else
        return sc_err_set(err, SC_ERR_INVALID, "%s:%d: \"%.80s\" is not uid, gid, fperm%s", p->name, p->line, key,
                          part->is_task ? "" : " or dperm");
    return result < 0 ? sc_err_wrap(err, "%s:%d: %s", p->name, p->line, key) : 0;
}

/* perm { task { ... } admin { ... } } */
static int
parse_perm(struct parser *p, struct sc_cgroup_perm *perm, struct sc_err *err)
{
    if (expect(p, '{', err) < 0)
        return -1;
    for (;;) {
        struct perm_part part = {.perm = perm};

        if (next(p, err) < 0)
            return -1;
        if (is_mark(p, '}'))
            return 0;
        if (!p->word || (strcmp(p->word, "task") != 0 && strcmp(p->word, "admin") != 0))
            return complain(p, "expected task, admin or '}'", err);
        part.is_task = *p->word == 't';
        if (pairs(p, add_perm, &part, err) < 0)
            return -1;
    }
}

struct block {
    struct sc_cgconfig_group *group;
    char *controller;
};

static int
push_param(struct parser *p, const struct block *block, char *key, char *value, struct sc_err *err)
{
    struct sc_cgconfig_group *g = block->group;
    struct sc_cgconfig_param *grown = SC_ARENA_ARRAY(p->arena, struct sc_cgconfig_param, g->param_count + 1);

    if (!grown)
        return sc_err_nomem(err);
    if (g->param_count > 0)
        memcpy(grown, g->params, g->param_count * sizeof(*grown));
    grown[g->param_count++] = (struct sc_cgconfig_param){.controller = block->controller, .key = key, .value = value};
    g->params = grown;
    return 0;
}

static int
add_param(struct parser *p, void *data, char *key, char *value, struct sc_err *err)
{
    return push_param(p, data, key, value, err);
}

static int
parse_group(struct parser *p, bool is_kept, struct sc_err *err)
{
    struct sc_cgconfig *out = p->out;
    struct sc_cgconfig_group group = {.line = p->line}, *grown;
    bool has_perm = false;

    if (word(p, "expected the group's name", &group.name, err) < 0 || expect(p, '{', err) < 0)
        return -1;
    for (;;) {
        struct block block = {.group = &group};

        if (next(p, err) < 0)
            return -1;
        if (is_mark(p, '}'))
            break;
        if (!p->word || is_any_mark(p))
            return complain(p, "expected perm, a controller or '}'", err);
        if (strcmp(p->word, "perm") == 0 && !p->is_quoted) {
            has_perm = true;
            if (parse_perm(p, &group.perm, err) < 0)
                return -1;
            continue;
        }
        block.controller = p->word;
        if (push_param(p, &block, NULL, NULL, err) < 0 || pairs(p, add_param, &block, err) < 0)
            return -1;
    }
    if (!is_kept)
        return 0;
    if (group.param_count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "%s:%d: group \"%.80s\" names no controller", p->name, group.line,
                          group.name);
    if (!has_perm)
        group.perm = p->default_perm;
    grown = SC_ARENA_ARRAY(p->arena, struct sc_cgconfig_group, out->group_count + 1);
    if (!grown)
        return sc_err_nomem(err);
    if (out->group_count > 0)
        memcpy(grown, out->groups, out->group_count * sizeof(*grown));
    grown[out->group_count++] = group;
    out->groups = grown;
    return 0;
}

static int
parse_default(struct parser *p, struct sc_err *err)
{
    char *name = NULL;

    if (expect(p, '{', err) < 0 || word(p, "expected perm", &name, err) < 0)
        return -1;
    if (strcmp(name, "perm") != 0)
        return complain(p, "expected perm", err);
    return parse_perm(p, &p->default_perm, err) < 0 ? -1 : expect(p, '}', err);
}

int
sc_cgconfig_parse(const char *text, const char *name, struct sc_arena *arena, struct sc_cgconfig *out,
                  struct sc_err *err)
{
    struct parser p = {.at = text, .name = name, .line = 1, .arena = arena, .out = out};
    int result = 0;

    *out = (struct sc_cgconfig){.mounts = NULL};
    while (result == 0) {
        if (next(&p, err) < 0)
            return -1;
        if (!p.word)
            break;
        if (strcmp(p.word, "mount") == 0)
            result = pairs(&p, add_mount, NULL, err);
        else if (strcmp(p.word, "group") == 0)
            result = parse_group(&p, true, err);
        else if (strcmp(p.word, "template") == 0) /* for cgrulesengd alone */
            result = parse_group(&p, false, err);
        else if (strcmp(p.word, "default") == 0)
            result = parse_default(&p, err);
        else
            result = complain(&p, "expected mount, group, template or default", err);
    }
    return result;
}
