/* Shared by cmd-ns.c and ns-print.c; nobody else includes it. */
#ifndef SC_NS_PRIV_H
#define SC_NS_PRIV_H

#include "cli/cli.h"
#include "kernel/nsfs.h"

enum sc_ns_column {
    SC_NS_COL_NS,
    SC_NS_COL_TYPE,
    SC_NS_COL_PATH,
    SC_NS_COL_NPROCS,
    SC_NS_COL_PID,
    SC_NS_COL_PPID,
    SC_NS_COL_COMMAND,
    SC_NS_COL_UID,
    SC_NS_COL_USER,
    SC_NS_COL_NETNSID,
    SC_NS_COL_NSFS,
    SC_NS_COL_PNS,
    SC_NS_COL_ONS,
    SC_NS_COL_CONTAINER,
    SC_NS_COL_COUNT
};
struct sc_ns_row {
    const char *cells[SC_NS_COL_COUNT]; /* NULL: nothing to say */
    const struct sc_nsfs *ns;           /* NULL: a row about a process */
    const char *branch;                 /* "├─", in front of the first column */
};
struct sc_ns_rows {
    struct sc_ns_row *items;
    size_t count;
};

/* What lsns's options say of the form. */
struct sc_ns_form {
    bool json, raw, no_headings, no_truncate;
    char *output; /* "NS,PID", "+ONS", or NULL: the default */
};
/* name: of the list in JSON */
SC_MUST_CHECK int sc_ns_print(const struct sc_ns_form *form, const struct sc_ns_rows *rows, const char *defaults,
                              const char *name, struct sc_err *err);

#endif
