/*
 * kernel/seccomp: the OCI's linux.seccomp (or sc's default profile) to a BPF program, once, then from a cache.
 *
 * The cache is a directory of the run root: file <64-bit hash>.bpf = [head][canonical text of the profile][filter]. The
 * text is compared whole on use, so a hash collision cannot swap filters; the directory is 0700 and owned by the
 * caller's uid or it is not used.
 *
 * Rules of sc's default profile (is_sc_default), beside its allow list: integer arguments are compared in their low
 * 32 bits (the kernel truncates an int, BPF does not); clone with any CLONE_NEW* flag is EPERM, clone3 ENOSYS; a call
 * newer than the profile is ENOSYS; x32 kills the process; i386 calls kill unless the image is i386.
 */
#ifndef SC_KERNEL_SECCOMP_H
#define SC_KERNEL_SECCOMP_H

#include <linux/filter.h>

#include "base/base.h"
#include "oci/oci.h"

struct sc_seccomp_filter {
    struct sock_filter *insns; /* in the arena */
    size_t count;
    uint32_t flags;      /* SECCOMP_FILTER_FLAG_* to load with */
    bool needs_listener; /* some action is SECCOMP_RET_USER_NOTIF */
};
/* sc's default profile for a container that has `caps` (bit set): Docker's semantics (calls that a capability unlocks
 * are allowed only with it). with_i386: image is i386 (or asks for it). Pure. No rules are written out: is_sc_default
 * and the two sc_default_* members say it all to sc_seccomp_get, which then finds the cached filter without building
 * them. */
struct sc_oci_seccomp sc_seccomp_default(uint64_t caps, bool with_i386);
/* Writes the rules and architectures of such a profile out (for config.json or a reader), in place; any other profile,
 * or one that has its rules, stays as it is. A runtime that compiles the result with libseccomp refuses the same calls.
 */
SC_MUST_CHECK int sc_seccomp_expand(struct sc_oci_seccomp *profile, struct sc_arena *arena, struct sc_err *err);
/* The way back, for a config.json that is read again: a profile that says word for word what sc_seccomp_expand writes
 * for a container with `caps` is sc's default once more, with its own filter and its entry in the cache. Content alone
 * decides, so nothing can claim it; any other profile stays as it is. Pure. */
SC_MUST_CHECK int sc_seccomp_recognise(struct sc_oci_seccomp *profile, uint64_t caps, struct sc_arena *arena,
                                       struct sc_err *err);
/* Compiles without any cache: sc's default from its own table (rules are not looked at), all else through libseccomp.
 * Unknown call names are skipped as runc and crun do. */
SC_MUST_CHECK int sc_seccomp_compile(const struct sc_oci_seccomp *profile, struct sc_arena *arena,
                                     struct sc_seccomp_filter *out, struct sc_err *err);
/* The same through the cache directory cache_fd (-1: no cache). A damaged entry is ignored and rewritten. */
SC_MUST_CHECK int sc_seccomp_get(const struct sc_oci_seccomp *profile, int cache_fd, struct sc_arena *arena,
                                 struct sc_seccomp_filter *out, struct sc_err *err);
/* For the features document: what libseccomp and this kernel take of the specification's words. */
bool sc_seccomp_arch_is_known(const char *name);     /* "SCMP_ARCH_X86_64" */
bool sc_seccomp_flag_is_supported(const char *name); /* "SECCOMP_FILTER_FLAG_LOG" */
const char *sc_seccomp_library_version(struct sc_arena *arena);
/* seccomp(2) SECCOMP_SET_MODE_FILTER; returns the listener fd when asked for, else 0. Async-signal-safe, no allocation.
 * -errno on failure. */
int sc_seccomp_load(const struct sc_seccomp_filter *filter);

#endif
