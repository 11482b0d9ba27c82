/* seccomp-profile: OCI profiles made by a test, and their filters; all of it lives as long as a test. */
#ifndef SC_TESTS_UNIT_KERNEL_SECCOMP_PROFILE_H
#define SC_TESTS_UNIT_KERNEL_SECCOMP_PROFILE_H

#include <errno.h>

#include <seccomp.h>

#include "bpf-eval.h"
#include "kernel/kernel.h"
#include "kernel/seccomp-priv.h"
#include "test.h"

#define ALLOW   SECCOMP_RET_ALLOW
#define EPERM_  (SECCOMP_RET_ERRNO | EPERM)
#define ENOSYS_ (SECCOMP_RET_ERRNO | ENOSYS)

static struct sc_arena arena;
static struct sc_err err;

static inline int
setup(void **state)
{
    (void)state;
    arena = (struct sc_arena)SC_ARENA_INIT;
    err = (struct sc_err)SC_ERR_INIT;
    return 0;
}

static inline int
teardown(void **state)
{
    (void)state;
    sc_arena_release(&arena);
    return 0;
}

static inline struct sc_oci_seccomp
profile_of(uint32_t default_action)
{
    struct sc_oci_seccomp profile = {.is_set = true, .default_action = default_action};

    profile.rules = SC_ARENA_ARRAY(&arena, struct sc_oci_seccomp_rule, 8);
    assert_non_null(profile.rules);
    return profile;
}

static inline struct sc_oci_seccomp_rule *
add_rule(struct sc_oci_seccomp *profile, uint32_t action, const char *names)
{
    struct sc_oci_seccomp_rule *rule = &profile->rules[profile->rule_count++];
    char name[SC_SECCOMP_NAME_MAX];

    rule->action = action;
    while (sc_seccomp_next_name(&names, name))
        sc_strv_add(&rule->names, &arena, name);
    return rule;
}

static inline struct sc_seccomp_filter
compile(const struct sc_oci_seccomp *profile)
{
    struct sc_seccomp_filter filter = {.insns = NULL};

    if (sc_seccomp_compile(profile, &arena, &filter, &err) < 0)
        fail_msg("%s", err.msg);
    return filter;
}

static inline uint32_t
ask(const struct sc_seccomp_filter *filter, uint32_t nr, uint64_t arg0, uint64_t arg1)
{
    struct seccomp_data data = {.nr = (int)nr, .arch = seccomp_arch_native(), .args = {arg0, arg1}};

    return bpf_eval(filter, &data);
}

#define PROFILE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif
