/* dockerfile-priv: what the files of image/build share. */
#ifndef SC_IMAGE_BUILD_DOCKERFILE_PRIV_H
#define SC_IMAGE_BUILD_DOCKERFILE_PRIV_H

#include <string.h>

#include "image/build/dockerfile.h"

#define SC_DF_INSTRS_MAX 10000      /* instructions of a file */
#define SC_DF_FLAGS_MAX  128        /* flags of an instruction */
#define SC_DF_VARS_MAX   1024       /* variables that a stage has at once: a look at one passes over all */
#define SC_DF_SPENT_MAX  (64 << 20) /* bytes that the steps of one stage may grow to, all together */
#define SC_DF_WORK_MAX   (16 << 20) /* bytes that one word may move while it is expanded */
#define SC_DF_PORTS_MAX  65536      /* ports that the EXPOSEs of a stage name, all together */
#define SC_DF_NAME_MAX   255        /* of a heredoc that becomes a file */

/* ---- words.c ---- */

bool sc_df_is_blank(char c); /* the blanks that may stand in a line */
const char *sc_df_skip_blanks(const char *text);
bool sc_df_equal_nocase(const char *a, size_t len, const char *b); /* b is NUL-terminated; ASCII */
/* At blanks that are not quoted; quotes and escapes stay. False where a quote has no end (what there is, is added). */
bool sc_df_split_quoted(const char *text, char escape, struct sc_arena *arena, struct sc_strv *out);
void sc_df_split_blanks(const char *text, struct sc_arena *arena, struct sc_strv *out);
/* Takes the flags from the front of *rest. */
SC_MUST_CHECK int sc_df_split_flags(const char **rest, struct sc_arena *arena, struct sc_df_instr *instr,
                                    struct sc_err *err);
/* 1: a JSON list of strings, in out. 0: something else. -1: a JSON list of something else, or no memory. */
SC_MUST_CHECK int sc_df_json_words(const char *text, struct sc_arena *arena, struct sc_strv *out, struct sc_err *err);
/* " (did you mean X?)", or "" where none of the words is near. */
struct sc_df_hint {
    char text[96];
};
struct sc_df_hint sc_df_suggest(const char *typed, const char *const *words, size_t count);
/* Puts "Dockerfile:LINE" before err's message. */
int sc_df_wrap(const struct sc_df_instr *instr, struct sc_err *err);

/* ---- heredoc.c ---- */

/* The words <<NAME of a line, in order; contents are not there yet. */
SC_MUST_CHECK int sc_df_heredocs_find(const char *line, bool is_run, struct sc_arena *arena, struct sc_df_heredoc **out,
                                      size_t *count, struct sc_err *err);
bool sc_df_is_heredoc_word(const char *word);
/* Whether args are one heredoc and nothing else. */
bool sc_df_is_only_heredoc(const char *args);

/* ---- parse.c, check.c ---- */

/* One instruction of a line; heredocs are not looked for. */
SC_MUST_CHECK int sc_df_instr_parse(const struct sc_df_file *file, const char *line, unsigned number,
                                    struct sc_arena *arena, struct sc_df_instr *out, struct sc_err *err);
/* Whether what it says can be right, whatever its variables are. The words of COPY and ADD lose their heredocs. */
SC_MUST_CHECK int sc_df_instr_check(struct sc_df_instr *instr, struct sc_arena *arena, struct sc_err *err);
/* config.OnBuild's trigger; its heredocs are in it. */
SC_MUST_CHECK int sc_df_trigger_parse(const struct sc_df_file *file, const char *trigger, struct sc_arena *arena,
                                      const struct sc_df_instr **out, struct sc_err *err);
/* A flag's value: NULL where it is not there, "" where it has none. */
const char *sc_df_flag_get(const struct sc_df_instr *instr, const char *name);
bool sc_df_flag_is_true(const struct sc_df_instr *instr, const char *name);

/* ---- expand.c ---- */

struct sc_df_expansion {
    char escape;
    bool keep_quotes; /* quotes are characters like others: the contents of heredocs */
    sc_df_lookup *lookup;
    void *context;
    size_t *spent; /* where what it grows to is counted, up to SC_DF_SPENT_MAX; or NULL */
};
SC_MUST_CHECK int sc_df_expand_to(const struct sc_df_expansion *how, const char *text, struct sc_arena *arena,
                                  char **out, struct sc_strv *words, struct sc_err *err);

/* ---- pattern.c: the patterns of ${X#p} and ${X/p/r} ---- */
/* Bytes of the character at text; what is not UTF-8 is a character for each byte. */
size_t sc_df_char_len(const char *text);

SC_MUST_CHECK int sc_df_trim(const char *value, const char *pattern, bool is_suffix, bool is_longest,
                             struct sc_buf *out, struct sc_err *err);
SC_MUST_CHECK int sc_df_replace(const char *value, const char *pattern, const char *replacement, bool all,
                                struct sc_buf *out, struct sc_err *err);

/* ---- plan.c ---- */

struct sc_df_stage_name {
    const char *name; /* in lower case */
    size_t stage;
};

/* What --from= of an instruction means. */
SC_MUST_CHECK int sc_df_from_resolve(const struct sc_df_plan *plan, const char *from, struct sc_arena *arena,
                                     struct sc_df_from *out, struct sc_err *err);

/* ---- mount.c ---- */

/* The value of from= of a --mount, "" where there is none. */
SC_MUST_CHECK int sc_df_mount_from(const char *text, struct sc_arena *arena, const char **from, struct sc_err *err);
/* A --mount whose variables are expanded by how. */
SC_MUST_CHECK int sc_df_mount_parse(const struct sc_df_plan *plan, const struct sc_df_expansion *how, const char *text,
                                    struct sc_arena *arena, struct sc_df_mount *out, struct sc_err *err);

/* ---- expose.c ---- */

SC_MUST_CHECK int sc_df_expose_parse(const struct sc_strv *words, size_t *spent, struct sc_arena *arena,
                                     struct sc_strv *out, struct sc_err *err);

#endif
