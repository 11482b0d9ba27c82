/* transfer-options: the command line of sc-transfer. A short option may carry its value ("-iFILE"), a long one after
 * '='. */
#ifndef SC_IMAGE_TRANSFER_OPTIONS_H
#define SC_IMAGE_TRANSFER_OPTIONS_H

#include "base/base.h"

struct sc_transfer_option {
    char letter;            /* 0: none */
    const char *name;       /* "input" */
    const char **value;     /* where one value goes, */
    struct sc_strv *values; /* or several, */
    bool *flag;             /* or none */
};
/* Options may stand between operands, until "--" (or, with stops_at_operand, the first operand). */
SC_MUST_CHECK int sc_transfer_options(int argc, char **argv, const struct sc_transfer_option *options, size_t count,
                                      bool stops_at_operand, struct sc_arena *arena, struct sc_strv *operands,
                                      struct sc_err *err);

#endif
