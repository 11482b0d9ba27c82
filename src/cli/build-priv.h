/* build-priv: the files of sc build. */
#ifndef SC_CLI_BUILD_PRIV_H
#define SC_CLI_BUILD_PRIV_H

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

/* ---- build-secret.c */
/* The words of --secret, with the files and variables that they name, into ask. */
SC_MUST_CHECK int sc_build_secrets_read(const struct sc_strv *words, struct sc_arena *arena, struct sc_build_ask *ask,
                                        struct sc_err *err);

#endif
