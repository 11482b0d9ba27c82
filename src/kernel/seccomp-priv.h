/*
 * kernel/seccomp-priv: what the seccomp-*.c files share.
 *
 *   seccomp-profile.c   the table of sc's default profile, and its expansion to OCI rules
 *   seccomp-emit.c      that table to BPF: a search tree over ranges of numbers
 *   seccomp-oci.c       any other profile to BPF through libseccomp, as runc and crun do
 *   seccomp.c           which of the two, the cache, loading
 *
 * Why the default profile does not go through libseccomp's generator: it must answer three ways (allowed, refused,
 * unknown here) over the whole number space, compare low words only, and know calls that are newer than the installed
 * library. As ranges that is a third of the instructions, and compiles in a fraction of the time. libseccomp still
 * gives names their numbers.
 */
#ifndef SC_KERNEL_SECCOMP_PRIV_H
#define SC_KERNEL_SECCOMP_PRIV_H

#include "kernel/seccomp.h"

/* What the filter answers. */
enum sc_verdict {
    SC_VERDICT_ALLOW,
    SC_VERDICT_EPERM,  /* known and refused */
    SC_VERDICT_ENOSYS, /* as an older kernel would: callers have a fallback */
    SC_VERDICT_KILL,   /* the process: nothing honest gets here */
};

/* Calls that share one answer. */
struct sc_seccomp_group {
    const char *why;
    const char *names; /* separated by single spaces */
    uint64_t caps;     /* 0: the verdict always holds; else only with one of these capabilities */
    enum sc_verdict verdict;
    enum sc_verdict locked; /* the verdict without such a capability */
};

/* A call allowed only when the low 32 bits of one argument, masked, are one of the values. */
struct sc_seccomp_arg_group {
    const char *why;
    const char *name;
    uint64_t caps; /* with one of these the call is allowed whatever its arguments */
    uint32_t index, mask;
    const uint32_t *values;
    size_t value_count;
    enum sc_verdict otherwise;
};

extern const struct sc_seccomp_group sc_seccomp_groups[];
extern const size_t sc_seccomp_group_count;
extern const struct sc_seccomp_arg_group sc_seccomp_arg_groups[];
extern const size_t sc_seccomp_arg_group_count;

#define SC_SECCOMP_NAME_MAX 48
/* Takes the next name off *cursor; false at the end. */
bool sc_seccomp_next_name(const char **cursor, char name[SC_SECCOMP_NAME_MAX]);
/* The number of a call on arch (SCMP_ARCH_*), -1 where it has none. Knows calls that this libseccomp does not. */
int sc_seccomp_number(uint32_t arch, const char *name);
enum sc_verdict sc_seccomp_group_verdict(const struct sc_seccomp_group *group, uint64_t caps);
uint32_t sc_seccomp_verdict_ret(enum sc_verdict verdict);

/* A growing program; failure is the arena's. */
struct sc_bpf {
    struct sc_arena *arena;
    struct sock_filter *insns;
    size_t count, capacity;
};
void sc_bpf_add(struct sc_bpf *bpf, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k);

SC_MUST_CHECK int sc_seccomp_emit_default(uint64_t caps, bool with_i386, struct sc_arena *arena,
                                          struct sc_seccomp_filter *out, struct sc_err *err);
SC_MUST_CHECK int sc_seccomp_compile_oci(const struct sc_oci_seccomp *profile, struct sc_arena *arena,
                                         struct sc_seccomp_filter *out, struct sc_err *err);

#endif
