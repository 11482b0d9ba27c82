/* build-priv: the files of sc build. */
#ifndef SC_CLI_BUILD_PRIV_H
#define SC_CLI_BUILD_PRIV_H

#include "engine/build/build.h"

/* ---- build-secret.c */
/* The words of --secret, with the files and variables that they name, into ask. */
SC_MUST_CHECK int sc_build_secrets_read(const struct sc_strv *words, struct sc_arena *arena, struct sc_build_ask *ask,
                                        struct sc_err *err);

#endif
