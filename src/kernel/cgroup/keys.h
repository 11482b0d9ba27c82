/*
 * One key of a cgroup by the name that either version has for it: `memory.limit_in_bytes` is understood on v2, and
 * `memory.max` on v1. Numbers are converted by the functions that translate a container's limits too (v2/cpu.c,
 * v2/io.c).
 *
 *     key ─► which hierarchy (sc_cgroup_key_place) ─► native file and text (sc_cgroup_key_set, sc_cgroup_key_get)
 *
 * Both are pure but for the reader that is passed, because some files hold what two keys of the other version say
 * (cpu.max) or a sum of it (memory.memsw.limit_in_bytes). A key that has no counterpart is SC_ERR_UNSUPPORTED, with
 * why.
 */
#ifndef SC_KERNEL_CGROUP_KEYS_H
#define SC_KERNEL_CGROUP_KEYS_H

#include "kernel/cgroup/cgroup.h"

struct sc_cgroup_files {
    bool is_v2;
    /* The text of a file of the cgroup, without its last newline, in the arena; NULL where it cannot be read. */
    const char *(*read)(void *data, const char *file, struct sc_arena *arena);
    void *data;
};
/* Index of the hierarchy that a key belongs to; SC_ERR_UNSUPPORTED names the controller that no hierarchy has. */
SC_MUST_CHECK int sc_cgroup_key_place(const struct sc_cgroup_layout *layout, const char *key, struct sc_err *err);
/* Index of the hierarchy of a controller by its name in either version (blkio is io, cpuacct is cpu, freezer is v2's
 * own); "" and "unified" are the v2 tree. */
SC_MUST_CHECK int sc_cgroup_controller_place(const struct sc_cgroup_layout *layout, const char *controller,
                                             struct sc_err *err);
/* v2's name of a controller, or NULL where a v2 cgroup needs none (cpuacct's accounts and freezing are always there) */
const char *sc_cgroup_controller_v2(const char *controller);
/* What to write for key=value: appended to out, with hierarchy -1. */
SC_MUST_CHECK int sc_cgroup_key_set(const struct sc_cgroup_files *files, const char *key, const char *value,
                                    struct sc_arena *arena, struct sc_cgroup_writes *out, struct sc_err *err);
SC_MUST_CHECK int sc_cgroup_key_get(const struct sc_cgroup_files *files, const char *key, struct sc_arena *arena,
                                    const char **out, struct sc_err *err);
/* The table, for documents and tests: false behind its end. counterpart NULL: there is none, and why says why. */
bool sc_cgroup_key_row(size_t index, bool *is_v1_key, const char **key, const char **counterpart, const char **why);

/* cpu.shares (v1) and cpu.weight (v2) in the kernel's own proportion, 1024 to 100: twice the shares are twice the
 * weight. The ends are cut off: 10 shares and less are 1, 102400 and more are 10000. */
uint64_t sc_cgroup_weight_of_shares(uint64_t shares);
uint64_t sc_cgroup_shares_of_weight(uint64_t weight);

#endif
