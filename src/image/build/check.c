/* What can be said of an instruction before its variables are known: its flags, and how many arguments it takes. */
#include <ctype.h>
#include <strings.h>

#include "image/build/dockerfile-priv.h"

enum flag_type { FLAG_STRING, FLAG_STRINGS, FLAG_BOOL };

/* The flags of docker/dockerfile 1.x. */
static const struct {
    const char *name;
    enum flag_type type;
    unsigned ops; /* 1 << op of those that take it */
} flag_table[] = {
    {"platform", FLAG_STRING, 1U << SC_DF_FROM},
    {"mount", FLAG_STRINGS, 1U << SC_DF_RUN},
    {"network", FLAG_STRING, 1U << SC_DF_RUN},
    {"security", FLAG_STRING, 1U << SC_DF_RUN},
    {"from", FLAG_STRING, 1U << SC_DF_COPY},
    {"chown", FLAG_STRING, 1U << SC_DF_COPY | 1U << SC_DF_ADD},
    {"chmod", FLAG_STRING, 1U << SC_DF_COPY | 1U << SC_DF_ADD},
    {"link", FLAG_BOOL, 1U << SC_DF_COPY | 1U << SC_DF_ADD},
    {"parents", FLAG_BOOL, 1U << SC_DF_COPY},
    {"exclude", FLAG_STRINGS, 1U << SC_DF_COPY | 1U << SC_DF_ADD},
    {"checksum", FLAG_STRING, 1U << SC_DF_ADD},
    {"keep-git-dir", FLAG_BOOL, 1U << SC_DF_ADD},
    {"unpack", FLAG_BOOL, 1U << SC_DF_ADD},
    {"interval", FLAG_STRING, 1U << SC_DF_HEALTHCHECK},
    {"timeout", FLAG_STRING, 1U << SC_DF_HEALTHCHECK},
    {"start-period", FLAG_STRING, 1U << SC_DF_HEALTHCHECK},
    {"start-interval", FLAG_STRING, 1U << SC_DF_HEALTHCHECK},
    {"retries", FLAG_STRING, 1U << SC_DF_HEALTHCHECK},
};

const char *
sc_df_flag_get(const struct sc_df_instr *instr, const char *name)
{
    for (size_t i = 0; i < instr->flag_count; i++)
        if (strcmp(instr->flags[i].name, name) == 0)
            return instr->flags[i].value ? instr->flags[i].value : "";
    return NULL;
}

bool
sc_df_flag_is_true(const struct sc_df_instr *instr, const char *name)
{
    const char *value = sc_df_flag_get(instr, name);

    return value && strcasecmp(value, "false") != 0;
}

static int
unknown_flag(const struct sc_df_instr *instr, const char *name, struct sc_err *err)
{
    const char *known[SC_ARRAY_LEN(flag_table)];
    size_t count = 0;

    for (size_t i = 0; i < SC_ARRAY_LEN(flag_table); i++)
        if (flag_table[i].ops & 1U << instr->op)
            known[count++] = flag_table[i].name;
    return sc_err_set(err, SC_ERR_INVALID, "%s: unknown flag: --%.60s%s", sc_df_op_name(instr->op), name,
                      sc_df_suggest(name, known, count).text);
}

static int
check_flags(const struct sc_df_instr *instr, struct sc_err *err)
{
    const char *op = sc_df_op_name(instr->op);
    unsigned seen = 0;

    for (size_t i = 0; i < instr->flag_count; i++) {
        const struct sc_df_flag *flag = &instr->flags[i];
        size_t at = 0;

        while (at < SC_ARRAY_LEN(flag_table) &&
               (!(flag_table[at].ops & 1U << instr->op) || strcmp(flag_table[at].name, flag->name) != 0))
            at++;
        if (at == SC_ARRAY_LEN(flag_table))
            return unknown_flag(instr, flag->name, err);
        if (flag_table[at].type != FLAG_STRINGS && seen & 1U << at)
            return sc_err_set(err, SC_ERR_INVALID, "%s: --%s is there twice", op, flag->name);
        seen |= 1U << at;
        if (flag_table[at].type != FLAG_BOOL ? !flag->value : flag->value && *flag->value == '\0')
            return sc_err_set(err, SC_ERR_INVALID, "%s: missing a value on flag: --%s", op, flag->name);
        if (flag_table[at].type == FLAG_BOOL && flag->value && strcasecmp(flag->value, "true") != 0 &&
            strcasecmp(flag->value, "false") != 0)
            return sc_err_set(err, SC_ERR_INVALID, "%s: --%s is true or false, not \"%.60s\"", op, flag->name,
                              flag->value);
    }
    return 0;
}

/* ---- each instruction ---- */

static int
check_from(struct sc_df_instr *instr, struct sc_arena *arena, struct sc_err *err)
{
    const char *as;
    char *name;

    if (instr->words.count != 1 && (instr->words.count != 3 || strcasecmp(instr->words.items[1], "as") != 0))
        return sc_err_set(err, SC_ERR_INVALID, "FROM requires either one or three arguments: FROM IMAGE [AS NAME]");
    if (instr->words.count == 1)
        return 0;
    as = instr->words.items[2];
    name = sc_arena_strdup(arena, as);
    if (!name)
        return sc_err_nomem(err);
    for (char *at = name; *at; at++) {
        *at = (char)tolower((unsigned char)*at);
        if (!(*at >= 'a' && *at <= 'z') && (at == name || (!isdigit((unsigned char)*at) && !strchr("-_.", *at))))
            return sc_err_set(err, SC_ERR_INVALID,
                              "invalid name for build stage: \"%.100s\": it begins with a letter, and has letters, "
                              "digits, '-', '_' and '.'",
                              as);
    }
    instr->words.items[2] = name;
    return 0;
}

/* Sources and destination; the sources that are here-documents are taken out. */
static int
check_copy(struct sc_df_instr *instr, struct sc_err *err)
{
    const char *op = sc_df_op_name(instr->op);
    size_t kept = 0, taken = 0;

    if (instr->words.count < 2)
        return sc_err_set(err, SC_ERR_INVALID, "%s requires at least two arguments%s: the last is the destination", op,
                          instr->words.count == 1 ? ", but only one was provided" : "");
    if (!instr->is_json && sc_df_is_heredoc_word(instr->words.items[instr->words.count - 1]))
        return sc_err_set(err, SC_ERR_INVALID, "%s cannot accept a here-document as a destination", op);
    for (size_t i = 0; i < instr->words.count; i++) {
        if (instr->is_json || !sc_df_is_heredoc_word(instr->words.items[i])) {
            instr->words.items[kept++] = instr->words.items[i];
            continue;
        }
        taken++;
    }
    instr->words.count = kept;
    instr->words.items[kept] = NULL;
    if (taken != instr->heredoc_count)
        return sc_err_set(err, SC_ERR_INVALID, "%s: the name of a here-document is one word without blanks", op);
    for (size_t i = 0; i < taken; i++) {
        const char *name = instr->heredocs[i].name;

        if (strchr(name, '/') || strlen(name) > SC_DF_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            return sc_err_set(err, SC_ERR_INVALID, "%s: \"%.100s\" is no name of a file, which <<%.100s is to be", op,
                              name, name);
    }
    return 0;
}

static int
check_run(const struct sc_df_instr *instr, struct sc_arena *arena, struct sc_err *err)
{
    const char *network = sc_df_flag_get(instr, "network"), *security = sc_df_flag_get(instr, "security");

    if (instr->is_json ? instr->words.count == 0 : *instr->args == '\0')
        return sc_err_set(err, SC_ERR_INVALID, "RUN requires at least one argument");
    if (network && strcmp(network, "default") != 0 && strcmp(network, "none") != 0 && strcmp(network, "host") != 0)
        return sc_err_set(err, SC_ERR_INVALID, "RUN: --network is default, none or host, not \"%.60s\"", network);
    if (security && strcmp(security, "sandbox") != 0 && strcmp(security, "insecure") != 0)
        return sc_err_set(err, SC_ERR_INVALID, "RUN: --security is sandbox or insecure, not \"%.60s\"", security);
    for (size_t i = 0; i < instr->flag_count; i++) {
        const char *from;

        if (strcmp(instr->flags[i].name, "mount") == 0 &&
            sc_df_mount_from(instr->flags[i].value, arena, &from, err) < 0)
            return sc_err_wrap(err, "RUN: --mount");
    }
    return 0;
}

static int
check_onbuild(const struct sc_df_instr *instr, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_df_instr inner;

    if (instr->words.count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "ONBUILD requires at least one argument");
    if (sc_df_instr_parse(instr->file, instr->args, instr->line, arena, &inner, err) < 0)
        return sc_err_wrap(err, "ONBUILD");
    if (inner.op == SC_DF_ONBUILD)
        return sc_err_set(err, SC_ERR_INVALID, "chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (inner.op == SC_DF_FROM || inner.op == SC_DF_MAINTAINER)
        return sc_err_set(err, SC_ERR_INVALID, "%s isn't allowed as an ONBUILD trigger", sc_df_op_name(inner.op));
    inner.heredocs = instr->heredocs;
    inner.heredoc_count = instr->heredoc_count;
    return sc_df_instr_check(&inner, arena, err) < 0 ? sc_err_wrap(err, "ONBUILD") : 0;
}

static int
check_healthcheck(const struct sc_df_instr *instr, struct sc_err *err)
{
    size_t len = strcspn(instr->args, " \t\v\f\r");
    const char *rest = sc_df_skip_blanks(instr->args + len);

    if (len == 0)
        return sc_err_set(err, SC_ERR_INVALID, "HEALTHCHECK requires at least one argument");
    if (sc_df_equal_nocase(instr->args, len, "NONE")) {
        if (*rest || instr->flag_count > 0)
            return sc_err_set(err, SC_ERR_INVALID, "HEALTHCHECK NONE takes no arguments");
        return 0;
    }
    if (!sc_df_equal_nocase(instr->args, len, "CMD"))
        return sc_err_set(err, SC_ERR_INVALID, "unknown type \"%.*s\" in HEALTHCHECK (try CMD)",
                          len > 60 ? 60 : (int)len, instr->args);
    if (instr->is_json ? instr->words.count == 0 : *rest == '\0')
        return sc_err_set(err, SC_ERR_INVALID, "missing command after HEALTHCHECK CMD");
    return 0;
}

int
sc_df_instr_check(struct sc_df_instr *instr, struct sc_arena *arena, struct sc_err *err)
{
    const char *op = sc_df_op_name(instr->op);

    if (check_flags(instr, err) < 0)
        return -1;
    switch (instr->op) {
    case SC_DF_FROM:
        return check_from(instr, arena, err);
    case SC_DF_COPY:
    case SC_DF_ADD:
        return check_copy(instr, err);
    case SC_DF_RUN:
        return check_run(instr, arena, err);
    case SC_DF_ONBUILD:
        return check_onbuild(instr, arena, err);
    case SC_DF_HEALTHCHECK:
        return check_healthcheck(instr, err);
    case SC_DF_SHELL:
        if (!instr->is_json || instr->words.count == 0)
            return sc_err_set(err, SC_ERR_INVALID,
                              "SHELL requires the arguments to be in JSON form: [\"/bin/sh\", \"-c\"]");
        return 0;
    case SC_DF_EXPOSE:
    case SC_DF_VOLUME:
        if (instr->words.count == 0)
            return sc_err_set(err, SC_ERR_INVALID, "%s requires at least one argument", op);
        return 0;
    case SC_DF_WORKDIR:
    case SC_DF_USER:
    case SC_DF_STOPSIGNAL:
    case SC_DF_MAINTAINER:
        if (instr->words.count != 1)
            return sc_err_set(err, SC_ERR_INVALID, "%s requires exactly one argument", op);
        return 0;
    default:
        return 0;
    }
}
