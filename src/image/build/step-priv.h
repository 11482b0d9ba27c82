/* step-priv: what steps and their variables share. */
#ifndef SC_IMAGE_BUILD_STEP_PRIV_H
#define SC_IMAGE_BUILD_STEP_PRIV_H

#include "image/build/dockerfile-priv.h"

/* A sc_df_lookup; context is a struct sc_df_scope. */
const char *sc_df_scope_lookup(void *context, const char *name, size_t len);
SC_MUST_CHECK int sc_df_scope_set_env(struct sc_df_scope *scope, const char *name, const char *value,
                                      struct sc_arena *arena, struct sc_err *err);
/* value NULL: declared only. */
SC_MUST_CHECK int sc_df_scope_set_arg(struct sc_df_scope *scope, const char *name, const char *value,
                                      struct sc_arena *arena, struct sc_err *err);
/* After either: that the variables are not too large, all together. */
SC_MUST_CHECK int sc_df_scope_check(const struct sc_df_scope *scope, struct sc_err *err);

/* One instruction on its way to a step. */
struct sc_df_making {
    struct sc_df_scope *scope;
    const struct sc_df_instr *instr;
    struct sc_arena *arena;
    struct sc_err *err;
    struct sc_df_expansion how; /* the scope's variables, the file's escape */
};

/* One word; NULL: err is filled. */
char *sc_df_word(struct sc_df_making *making, const char *text);

/* step-copy.c, step-run.c */
SC_MUST_CHECK int sc_df_make_copy(struct sc_df_making *making, struct sc_df_copy *out);
SC_MUST_CHECK int sc_df_make_run(struct sc_df_making *making, struct sc_df_run *out);
SC_MUST_CHECK int sc_df_make_health(struct sc_df_making *making, struct sc_df_health *out);

#endif
