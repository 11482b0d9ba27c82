/* RUN, and HEALTHCHECK's options. */
#include "image/build/step-priv.h"

/* What the shell gets: the line, and behind it the here-documents with their last lines. */
static int
whole_script(struct sc_df_making *making, struct sc_df_run *out)
{
    const struct sc_df_instr *instr = making->instr;
    sc_cleanup_buf script = SC_BUF_INIT;

    sc_buf_adds(&script, instr->args);
    for (size_t i = 0; i < instr->heredoc_count; i++) {
        sc_buf_addc(&script, '\n');
        sc_buf_add(&script, instr->heredocs[i].content, instr->heredocs[i].len);
        sc_buf_adds(&script, instr->heredocs[i].name);
    }
    out->script = sc_arena_strndup(making->arena, sc_buf_str(&script), script.len);
    out->script_len = script.len;
    return sc_buf_check(&script, making->err);
}

static int
make_command(struct sc_df_making *making, struct sc_df_run *out)
{
    const struct sc_df_instr *instr = making->instr;
    const struct sc_df_heredoc *first = instr->heredocs;

    if (instr->is_json) {
        out->kind = SC_DF_RUN_EXEC;
        out->argv = instr->words;
        return 0;
    }
    out->kind = SC_DF_RUN_SHELL;
    if (instr->heredoc_count == 0) {
        out->script = instr->args;
        out->script_len = strlen(instr->args);
        return 0;
    }
    if (instr->heredoc_count > 1 || !sc_df_is_only_heredoc(instr->args))
        return whole_script(making, out);
    out->script = first->content;
    out->script_len = first->len;
    if (!sc_str_starts(first->content, "#!"))
        return 0;
    out->kind = SC_DF_RUN_FILE;
    out->file_name = first->name;
    if (strchr(first->name, '/') || strlen(first->name) > SC_DF_NAME_MAX || strcmp(first->name, ".") == 0 ||
        strcmp(first->name, "..") == 0)
        return sc_err_set(making->err, SC_ERR_INVALID, "RUN: \"%.100s\" is no name of a file, which <<%.100s is to be",
                          first->name, first->name);
    return 0;
}

int
sc_df_make_run(struct sc_df_making *making, struct sc_df_run *out)
{
    const struct sc_df_instr *instr = making->instr;
    const char *network = sc_df_flag_get(instr, "network"), *security = sc_df_flag_get(instr, "security");
    struct sc_df_mount *mounts = NULL;

    if (instr->flag_count > 0 && !(mounts = SC_ARENA_ARRAY(making->arena, struct sc_df_mount, instr->flag_count)))
        return sc_err_nomem(making->err);
    out->network = !network                       ? SC_DF_NETWORK_DEFAULT
                   : strcmp(network, "none") == 0 ? SC_DF_NETWORK_NONE
                   : strcmp(network, "host") == 0 ? SC_DF_NETWORK_HOST
                                                  : SC_DF_NETWORK_DEFAULT;
    out->is_insecure = security && strcmp(security, "insecure") == 0;
    for (size_t i = 0; i < instr->flag_count; i++) {
        if (strcmp(instr->flags[i].name, "mount") != 0)
            continue;
        if (sc_df_mount_parse(making->scope->plan, &making->how, instr->flags[i].value, making->arena,
                              &mounts[out->mount_count++], making->err) < 0)
            return sc_err_wrap(making->err, "RUN: --mount=%.100s", instr->flags[i].value);
    }
    out->mounts = mounts;
    return make_command(making, out);
}

/* Docker's least is a millisecond; 0 is as if it were not said. */
static int
make_duration(struct sc_df_making *making, const char *name, int64_t *out)
{
    const char *value = sc_df_flag_get(making->instr, name);
    struct sc_err ignored = SC_ERR_INIT;

    if (!value || *value == '\0' || strcmp(value, "0") == 0)
        return 0;
    if (strspn(value, "0123456789") == strlen(value) || sc_parse_duration(value, out, &ignored) < 0 || *out < 0)
        return sc_err_set(making->err, SC_ERR_INVALID, "HEALTHCHECK: --%s: invalid duration \"%.60s\"", name, value);
    if (*out > 0 && *out < 1000000)
        return sc_err_set(making->err, SC_ERR_INVALID, "HEALTHCHECK: --%s cannot be less than 1ms", name);
    return 0;
}

int
sc_df_make_health(struct sc_df_making *making, struct sc_df_health *out)
{
    const struct sc_df_instr *instr = making->instr;
    const char *rest = sc_df_skip_blanks(instr->args + strcspn(instr->args, " \t\v\f\r")),
               *retries = sc_df_flag_get(instr, "retries");
    struct sc_err ignored = SC_ERR_INIT;

    if (*rest == '\0' && !instr->is_json) {
        out->is_none = true;
        sc_strv_add(&out->test, making->arena, "NONE");
        return 0;
    }
    if (make_duration(making, "interval", &out->interval) < 0 || make_duration(making, "timeout", &out->timeout) < 0 ||
        make_duration(making, "start-period", &out->start_period) < 0 ||
        make_duration(making, "start-interval", &out->start_interval) < 0)
        return -1;
    if (retries && *retries && (sc_parse_i64(retries, &out->retries, &ignored) < 0 || out->retries > INT32_MAX))
        return sc_err_set(making->err, SC_ERR_INVALID, "HEALTHCHECK: --retries: invalid number \"%.60s\"", retries);
    if (out->retries < 0)
        return sc_err_set(making->err, SC_ERR_INVALID, "HEALTHCHECK: --retries cannot be negative (%.60s)", retries);
    sc_strv_add(&out->test, making->arena, instr->is_json ? "CMD" : "CMD-SHELL");
    for (size_t i = 0; instr->is_json && i < instr->words.count; i++)
        sc_strv_add(&out->test, making->arena, instr->words.items[i]);
    if (!instr->is_json)
        sc_strv_add(&out->test, making->arena, rest);
    return 0;
}
