/* sc ps: its filters, for cmd-ps.c and tests. */
#ifndef SC_CLI_PS_PRIV_H
#define SC_CLI_PS_PRIV_H

#include "cli/cli.h"
#include "net/net.h"

struct sc_ps_filter {
    const char *text, *value; /* "name=web", "web" */
    int kind;
    int64_t number;        /* of exited=; of before= and since= when that container was made */
    struct sc_ports ports; /* of publish= and expose= */
};
struct sc_ps_filters {
    struct sc_ps_filter *items;
    size_t count;
    bool needs_all; /* one of them asks for containers that do not run */
};
SC_MUST_CHECK int sc_ps_filters_parse(const struct sc_strv *asked, struct sc_arena *arena, struct sc_ps_filters *out,
                                      struct sc_err *err);
/* Looks for the containers that before= and since= name. */
SC_MUST_CHECK int sc_ps_filters_find(struct sc_ps_filters *filters, struct sc_engine *engine, struct sc_arena *arena,
                                     struct sc_err *err);
bool sc_ps_filters_match(const struct sc_ps_filters *filters, const struct sc_container *container,
                         struct sc_arena *arena);

/* ps-networks.c: "a,b", a new JSON string; NULL without memory */
json_t *sc_ps_networks(const struct sc_container *container);
bool sc_ps_is_on(const struct sc_container *container, const char *network);

#endif
