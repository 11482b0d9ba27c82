/* Shared by keys.c and keys-table.c; nobody else includes it. */
#ifndef SC_CGROUP_KEYS_PRIV_H
#define SC_CGROUP_KEYS_PRIV_H

#include "kernel/cgroup/cgroup-priv.h"
#include "kernel/cgroup/keys.h"

enum sc_key_form {
    SC_KEY_SAME,       /* the text as it is */
    SC_KEY_LIMIT,      /* a number; -1 in v1 is "max" in v2 */
    SC_KEY_SHARES,     /* cpu.shares and cpu.weight */
    SC_KEY_WEIGHT,     /* blkio.weight and io.weight */
    SC_KEY_FREEZE,     /* FROZEN, THAWED and 1, 0 */
    SC_KEY_CPU_QUOTA,  /* first word of cpu.max */
    SC_KEY_CPU_PERIOD, /* second word of cpu.max */
    SC_KEY_CPU_MAX,    /* both files of v1 */
    SC_KEY_MEMSW,      /* memory and swap together, of memory.max and memory.swap.max */
    SC_KEY_SWAP,       /* the difference of v1's two limits */
    SC_KEY_MEMSW_USAGE,
    SC_KEY_SWAP_USAGE,
    SC_KEY_IO_MAX_PART, /* "8:0 1000" of "8:0 rbps=1000 wbps=max ..."; the row's other names the part */
    SC_KEY_IO_MAX,      /* all four files of v1 */
    SC_KEY_USAGE_NS,    /* nanoseconds, of cpu.stat's usage_usec */
    SC_KEY_COUNT,       /* a number of a flat-keyed file: other is "FILE KEY" */
    SC_KEY_NONE,
};

struct sc_key_row {
    const char *key;   /* '*' stands for a page size */
    const char *other; /* the native file; for SC_KEY_NONE: why not */
    enum sc_key_form form;
    bool is_readonly;
};

/* The row for a key that is not this version's own, with its star filled in; NULL: the key is native. */
const struct sc_key_row *sc_cgroup_key_find_row(bool is_v2, const char *key, struct sc_arena *arena,
                                                struct sc_key_row *filled);

#endif
