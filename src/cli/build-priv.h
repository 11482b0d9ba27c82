/* build-priv: the files of sc build. */
#ifndef SC_CLI_BUILD_PRIV_H
#define SC_CLI_BUILD_PRIV_H

#include <stdio.h>

#include "engine/build/build.h"

/* ---- build-input.c: the Dockerfile and the context */
struct sc_build_input {
    struct sc_buf text, ignore;
    const char *name;
    int context_fd; /* -1: there is none */
    bool has_ignore;
    struct sc_build_context unpacked; /* of an archive */
};
/* file: -f, or NULL; path: a directory, or "-" for standard input, which is a Dockerfile or an archive. */
SC_MUST_CHECK int sc_build_input_read(struct sc_build_input *input, struct sc_engine *engine, const char *file,
                                      const char *path, struct sc_arena *arena, struct sc_err *err);
void sc_build_input_release(struct sc_build_input *input, struct sc_engine *engine);

/* ---- build-show.c */
struct sc_build_show {
    size_t step;
    bool is_quiet, is_live;
    bool is_running, is_drawn; /* the step; the line that says so */
    bool is_at_begin;          /* of a line: the cursor */
    int64_t begin;             /* of the step, monotonic */
    struct sc_buf text;        /* of the step, as it is shown */
    FILE *kept;                /* what the step says, where nobody sees it */
};
/* progress: the word of --progress, or NULL. Fills in what ask has of output and events. End it also on failure. */
SC_MUST_CHECK int sc_build_show_open(struct sc_build_show *show, const char *progress, bool is_quiet,
                                     struct sc_build_ask *ask, struct sc_err *err);
void sc_build_show_event(void *data, enum sc_build_event event, const char *text, int64_t nsec);
/* Leaves the terminal's last line empty; what a step that failed has said is shown if nobody has seen it. */
void sc_build_show_end(struct sc_build_show *show, bool has_failed);

/* ---- build-output.c */
/* The word of -o, or NULL, into ask. */
SC_MUST_CHECK int sc_build_output_read(const char *word, struct sc_arena *arena, struct sc_build_ask *ask,
                                       struct sc_err *err);

/* ---- build-secret.c */
/* The words of --secret, with the files and variables that they name, into ask. */
SC_MUST_CHECK int sc_build_secrets_read(const struct sc_strv *words, struct sc_arena *arena, struct sc_build_ask *ask,
                                        struct sc_err *err);

#endif
