/* --pid --ipc --uts --userns --cgroupns --network: which namespace. */
#include <string.h>

#include "cli/cli.h"

enum { TAKES_NONE = 1, TAKES_SHAREABLE = 2, TAKES_JOIN = 4, TAKES_AUTO = 8 };

/* "container:X" and "ns:PATH" join; is_word tells the words that a namespace knows beside. */
static int
parse(struct sc_ns_choice *choice, const char *value, unsigned takes, const char *known, struct sc_arena *arena,
      struct sc_err *err)
{
    static const char container[] = "container:", ns[] = "ns:";

    *choice = (struct sc_ns_choice){.mode = SC_NS_PRIVATE};
    if (*value == '\0') { /* as if it was not given */
        choice->mode = takes & TAKES_AUTO ? SC_NS_HOST : SC_NS_PRIVATE;
        return 0;
    }
    if (strcmp(value, "host") == 0)
        choice->mode = SC_NS_HOST;
    else if ((takes & TAKES_NONE) && strcmp(value, "none") == 0)
        choice->mode = SC_NS_NONE;
    else if ((takes & TAKES_SHAREABLE) && strcmp(value, "shareable") == 0)
        choice->mode = SC_NS_SHAREABLE;
    else if ((takes & TAKES_AUTO) && strcmp(value, "auto") == 0)
        choice->mode = SC_NS_PRIVATE;
    else if (!(takes & TAKES_AUTO) && strcmp(value, "private") == 0 && strstr(known, "private"))
        choice->mode = SC_NS_PRIVATE;
    else if ((takes & TAKES_JOIN) && sc_str_starts(value, container) && value[sizeof(container) - 1])
        *choice = (struct sc_ns_choice){SC_NS_CONTAINER, sc_arena_strdup(arena, value + sizeof(container) - 1)};
    else if ((takes & TAKES_JOIN) && sc_str_starts(value, ns) && value[sizeof(ns) - 1] == '/')
        *choice = (struct sc_ns_choice){SC_NS_PATH, sc_arena_strdup(arena, value + sizeof(ns) - 1)};
    else {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be %s", value, known);
        return -1;
    }
    return 0;
}

int
sc_value_pid(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return parse(ns_choice, value, TAKES_JOIN, "private, host, container:NAME or ns:/PATH", arena, err);
}

int
sc_value_ipc(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return parse(ns_choice, value, TAKES_NONE | TAKES_SHAREABLE | TAKES_JOIN,
                 "private, shareable, none, host, container:NAME or ns:/PATH", arena, err);
}

int
sc_value_uts(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return parse(ns_choice, value, TAKES_JOIN, "private, host, container:NAME or ns:/PATH", arena, err);
}

int
sc_value_userns(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return parse(ns_choice, value, TAKES_AUTO | TAKES_JOIN, "host, auto, container:NAME or ns:/PATH", arena, err);
}

int
sc_value_cgroupns(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return parse(ns_choice, value, TAKES_JOIN, "private, host, container:NAME or ns:/PATH", arena, err);
}

int
sc_value_network(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    static const char known[] = "none, host, container:NAME or ns:/PATH";

    if (*value == '\0') /* Docker refuses this one */
        return sc_err_set(err, SC_ERR_INVALID, "\"\": must be %s", known);
    return parse(ns_choice, value, TAKES_NONE | TAKES_JOIN, known, arena, err);
}
