/* The words of the specification: each table both ways, and the public helpers. */
#include <sched.h>
#include <seccomp.h>
#include <sys/resource.h>

#include "test.h"

#include "oci/oci-priv.h"

static void
test_capabilities_both_ways(void **state)
{
    (void)state;
    assert_int_equal(sc_cap_last, 40);
    for (int cap = 0; cap <= sc_cap_last; cap++) {
        assert_non_null(sc_cap_name(cap));
        assert_int_equal(sc_cap_from_name(sc_cap_name(cap)), cap);
        assert_int_equal(sc_cap_from_name(sc_cap_name(cap) + 4), cap);
    }
    assert_string_equal(sc_cap_name(0), "CAP_CHOWN");
    assert_string_equal(sc_cap_name(21), "CAP_SYS_ADMIN");
    assert_int_equal(sc_cap_from_name("cap_net_raw"), 13);
    assert_int_equal(sc_cap_from_name("chown"), 0);
    assert_int_equal(sc_cap_from_name("CAP_ALL"), -1);
    assert_int_equal(sc_cap_from_name("ALL"), -1);
    assert_int_equal(sc_cap_from_name(""), -1);
    assert_null(sc_cap_name(-1));
    assert_null(sc_cap_name(41));
}

static void
test_rlimits_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
        assert_non_null(sc_rlimit_name(i));
        assert_int_equal(sc_rlimit_from_name(sc_rlimit_name(i)), i);
    }
    assert_int_equal(sc_rlimit_from_name("nofile"), RLIMIT_NOFILE);
    assert_int_equal(sc_rlimit_from_name("rlimit_core"), RLIMIT_CORE);
    assert_int_equal(sc_rlimit_from_name("files"), -1);
    assert_null(sc_rlimit_name(-1));
    assert_null(sc_rlimit_name(RLIM_NLIMITS));
}

static void
test_namespaces(void **state)
{
    uint64_t flags = 0;

    (void)state;
    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        const struct sc_oci_name *name = sc_oci_name_find(sc_oci_namespace_names, sc_ns_table[kind].oci_name);

        assert_non_null(name);
        assert_int_equal(name->value, kind);
        assert_non_null(sc_ns_table[kind].proc_name);
        assert_int_equal(flags & sc_ns_table[kind].clone_flag, 0);
        flags |= sc_ns_table[kind].clone_flag;
    }
    assert_int_equal(flags, CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |
                                CLONE_NEWCGROUP | 0x80);
}

/* Our numbers of the comparisons are libseccomp's. */
static void
test_seccomp_ops(void **state)
{
    static const struct {
        const char *name;
        int op;
    } rows[] = {
        {"SCMP_CMP_NE", SCMP_CMP_NE},
        {"SCMP_CMP_LT", SCMP_CMP_LT},
        {"SCMP_CMP_LE", SCMP_CMP_LE},
        {"SCMP_CMP_EQ", SCMP_CMP_EQ},
        {"SCMP_CMP_GE", SCMP_CMP_GE},
        {"SCMP_CMP_GT", SCMP_CMP_GT},
        {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++)
        assert_int_equal(sc_oci_name_find(sc_oci_seccomp_op_names, rows[i].name)->value, rows[i].op);
    assert_null(sc_oci_name_find(sc_oci_seccomp_op_names, "SCMP_CMP_XX"));
}

static void
test_sysctl_path(void **state)
{
    static const struct {
        const char *key, *path;
    } good[] = {
        {"net.ipv4.ip_forward", "net/ipv4/ip_forward"},
        {"net/ipv4/ip_forward=1", "net/ipv4/ip_forward"},
        {"net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding"},
        {"net/ipv4/conf/eth0.1/forwarding=1", "net/ipv4/conf/eth0.1/forwarding"},
        {"single", "single"},
    };
    static const char *const bad[] = {"",   "=1",   ".a",     "a.", "a..b",    "/a",
                                      "a/", "a//b", "a/../b", "..", "net/./x", "net.//.x"};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err;
    char *path = NULL;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(good); i++) {
        assert_ok(sc_oci_sysctl_path(good[i].key, &arena, &path, &err));
        assert_string_equal(path, good[i].path);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        err = (struct sc_err)SC_ERR_INIT;
        if (sc_oci_sysctl_path(bad[i], &arena, &path, &err) != -1)
            fail_msg("\"%s\" became \"%s\"", bad[i], path);
        assert_int_equal(err.kind, SC_ERR_INVALID);
    }
    assert_fails(sc_oci_sysctl_path("a/../b=1", &arena, &path, &err), SC_ERR_INVALID,
                 "\"a/../b\" is not the name of a sysctl");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capabilities_both_ways),
        cmocka_unit_test(test_rlimits_both_ways),
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_seccomp_ops),
        cmocka_unit_test(test_sysctl_path),
    };

    return RUN_TESTS(tests);
}
