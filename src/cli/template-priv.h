/* template: what its parts share. template.c runs the text, template-eval.c what stands between the braces,
 * template-functions.c the functions there. */
#ifndef SC_CLI_TEMPLATE_PRIV_H
#define SC_CLI_TEMPLATE_PRIV_H

#include "cli/cli.h"

#define SC_TEMPLATE_NAME_MAX  32
#define SC_TEMPLATE_VARS_MAX  16
#define SC_TEMPLATE_DEPTH_MAX 64
#define SC_TEMPLATE_ARGS_MAX  16

struct sc_template_variable {
    char name[SC_TEMPLATE_NAME_MAX];
    json_t *value; /* owned */
};
struct sc_template {
    const char *at;          /* the text not yet run */
    const json_t *root;      /* $ */
    bool is_row;             /* root is a row of a list: see sc_template_run_row */
    bool trims_next;         /* the last action ended in -}} */
    const char *else_inside; /* what stood after `else` */
    size_t else_len;
    unsigned depth;
    struct sc_template_variable variables[SC_TEMPLATE_VARS_MAX];
    size_t variable_count;
};

/* A pipeline's value, a new reference. */
SC_MUST_CHECK int sc_template_eval(struct sc_template *t, const char *text, size_t len, const json_t *dot, json_t **out,
                                   struct sc_err *err);
/* Sets or adds; more than fit are dropped and not found later. */
void sc_template_set(struct sc_template *t, const char *name, json_t *value);
void sc_template_forget(struct sc_template *t, size_t count); /* all beyond the first count */

struct sc_template_args {
    json_t *items[SC_TEMPLATE_ARGS_MAX]; /* owned */
    size_t count;
    const json_t *row; /* of a list, or NULL */
};
/* A function's value, a new reference. */
typedef int (*sc_template_fn)(const struct sc_template_args *args, json_t **out, struct sc_err *err);
sc_template_fn sc_template_function(const char *name, size_t len); /* NULL: there is none of that name */
/* `index`, which `.Label "x"` calls without its name */
SC_MUST_CHECK int sc_template_index(const struct sc_template_args *args, json_t **out, struct sc_err *err);
/* Go's Sprintf over values (template-printf.c) */
SC_MUST_CHECK int sc_template_printf(const char *format, json_t *const *values, size_t count, struct sc_buf *out,
                                     struct sc_err *err);
/* template-value.c */
void sc_template_print(const json_t *value, struct sc_buf *out);
/* What `inside` says was null: [] or map[] for what Docker has as a list or map, <nil> for another member. */
void sc_template_print_null(const char *inside, size_t len, struct sc_buf *out);
bool sc_template_is_true(const json_t *value);

#endif
