/* COPY and ADD. */
#include "image/build/step-priv.h"

static int
make_files(struct sc_df_making *making, struct sc_df_copy *out)
{
    const struct sc_df_instr *instr = making->instr;
    struct sc_df_expansion raw = making->how;
    struct sc_df_heredoc *files;

    if (instr->heredoc_count == 0)
        return 0;
    raw.escape = '\\';
    raw.keep_quotes = true;
    files = SC_ARENA_ARRAY(making->arena, struct sc_df_heredoc, instr->heredoc_count);
    if (!files)
        return sc_err_nomem(making->err);
    for (size_t i = 0; i < instr->heredoc_count; i++) {
        char *content;

        files[i] = instr->heredocs[i];
        if (!files[i].is_expanded)
            continue;
        if (sc_df_expand_to(&raw, files[i].content, making->arena, &content, NULL, making->err) < 0)
            return -1;
        files[i].content = content;
        files[i].len = strlen(content);
    }
    out->files = files;
    out->file_count = instr->heredoc_count;
    return 0;
}

/* Octal, or as chmod(1): [ugoa]*[-+=][rwxXstugo]*, with commas between. */
static int
make_mode(struct sc_df_making *making, struct sc_df_copy *out)
{
    const char *at = out->chmod;
    size_t digits = strspn(at, "01234567");

    if (digits > 0 && at[digits] == '\0' && digits <= 5) {
        out->mode = (mode_t)strtoul(at, NULL, 8);
        out->has_mode = out->mode <= 07777;
        if (out->has_mode)
            return 0;
    } else if (digits == 0 && *at) {
        for (;;) {
            at += strspn(at, "ugoa");
            if (!*at || !strchr("-+=", *at))
                break;
            while (*at && strchr("-+=", *at)) {
                at++;
                at += strspn(at, "rwxXstugo");
            }
            if (*at == '\0')
                return 0;
            if (*at++ != ',')
                break;
        }
    }
    return sc_err_set(making->err, SC_ERR_INVALID, "%s: invalid chmod parameter: \"%.60s\"",
                      sc_df_op_name(making->instr->op), out->chmod);
}

/* A flag's value, expanded, in *out, which keeps NULL where the flag is not there. */
static int
make_flag(struct sc_df_making *making, const char *name, const char **out)
{
    const char *value = sc_df_flag_get(making->instr, name);

    if (!value || *value == '\0')
        return 0;
    *out = sc_df_word(making, value);
    return *out ? 0 : -1;
}

static int
make_flags(struct sc_df_making *making, struct sc_df_copy *out)
{
    const struct sc_df_instr *instr = making->instr;

    if (make_flag(making, "chown", &out->chown) < 0 || make_flag(making, "chmod", &out->chmod) < 0 ||
        make_flag(making, "checksum", &out->checksum) < 0)
        return -1;
    /* A variable without a value: as if it were not said. */
    if (out->chown && *out->chown == '\0')
        out->chown = NULL;
    if (out->checksum && *out->checksum == '\0')
        out->checksum = NULL;
    if (out->chmod && *out->chmod == '\0')
        out->chmod = NULL;
    if (out->chmod && make_mode(making, out) < 0)
        return -1;
    out->is_link = sc_df_flag_is_true(instr, "link");
    out->has_parents = sc_df_flag_is_true(instr, "parents");
    out->keep_git_dir = sc_df_flag_is_true(instr, "keep-git-dir");
    out->has_unpack = sc_df_flag_get(instr, "unpack") != NULL;
    out->is_unpacked = out->has_unpack ? sc_df_flag_is_true(instr, "unpack") : instr->op == SC_DF_ADD;
    for (size_t i = 0; i < instr->flag_count; i++) {
        const char *pattern;

        if (strcmp(instr->flags[i].name, "exclude") != 0)
            continue;
        pattern = sc_df_word(making, instr->flags[i].value);
        if (!pattern)
            return -1;
        sc_strv_add(&out->excludes, making->arena, pattern);
    }
    return 0;
}

static bool
is_dir(const char *dest)
{
    return sc_str_ends(dest, "/") || strcmp(dest, ".") == 0 || strcmp(dest, "..") == 0 || sc_str_ends(dest, "/.") ||
           sc_str_ends(dest, "/..") || *dest == '\0';
}

int
sc_df_make_copy(struct sc_df_making *making, struct sc_df_copy *out)
{
    const struct sc_df_instr *instr = making->instr;
    const char *from = sc_df_flag_get(instr, "from");

    if (from && sc_df_from_resolve(making->scope->plan, from, making->arena, &out->from, making->err) < 0)
        return -1;
    if (make_flags(making, out) < 0)
        return -1;
    for (size_t i = 0; i + 1 < instr->words.count; i++) {
        const char *source = sc_df_word(making, instr->words.items[i]);

        if (!source)
            return -1;
        sc_strv_add(&out->sources, making->arena, source);
    }
    out->dest = sc_df_word(making, instr->words.items[instr->words.count - 1]);
    if (!out->dest || make_files(making, out) < 0)
        return -1;
    out->dest_is_dir = is_dir(out->dest) || out->sources.count + out->file_count > 1;
    if (out->sources.count + out->file_count > 1 && !is_dir(out->dest))
        return sc_err_set(making->err, SC_ERR_INVALID,
                          "when using %s with more than one source file, the destination must be a directory and end "
                          "with a /",
                          sc_df_op_name(instr->op));
    if (out->checksum && (out->sources.count != 1 || out->file_count > 0))
        return sc_err_set(making->err, SC_ERR_INVALID, "ADD: checksum can't be specified for multiple sources");
    return 0;
}
