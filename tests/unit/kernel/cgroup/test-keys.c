/* Keys of one version on the other: every row of the table, and each conversion there and back. */
#include <string.h>

#include "test.h"

#include "kernel/cgroup/cgroup-priv.h"
#include "kernel/cgroup/keys.h"

/* "FILE=TEXT" entries, NULL ends: the cgroup that is read. */
static const char *
read_fake(void *data, const char *file, struct sc_arena *arena)
{
    const char *const *files = data;
    size_t len = strlen(file);

    (void)arena;
    for (; *files; files++) {
        if (strncmp(*files, file, len) == 0 && (*files)[len] == '=')
            return *files + len + 1;
    }
    return NULL;
}

#define FAKE(v2, entries)                                                                                              \
    {                                                                                                                  \
        .is_v2 = (v2), .read = read_fake, .data = (void *)(uintptr_t)(entries)                                         \
    }

static const char *const v2_group[] = {
    "cpu.max=50000 100000",
    "cpu.weight=100",
    "cpu.stat=usage_usec 1234\nuser_usec 1000",
    "memory.max=67108864",
    "memory.current=4096",
    "memory.swap.max=33554432",
    "memory.swap.current=8192",
    "memory.low=max",
    "memory.events=low 0\nhigh 0\nmax 7\noom 0",
    "io.max=8:0 rbps=1048576 wbps=max riops=max wiops=30\n8:16 rbps=5 wbps=max riops=max wiops=max",
    "io.weight=default 5050\n8:0 100",
    "cgroup.freeze=1",
    "hugetlb.2MB.max=max",
    "pids.max=max",
    NULL};
static const char *const v1_group[] = {"cpu.shares=1024",
                                       "cpu.cfs_quota_us=50000",
                                       "cpu.cfs_period_us=100000",
                                       "memory.limit_in_bytes=67108864",
                                       "memory.memsw.limit_in_bytes=100663296",
                                       "memory.soft_limit_in_bytes=9223372036854771712",
                                       "memory.usage_in_bytes=4096",
                                       "memory.memsw.usage_in_bytes=12288",
                                       "blkio.throttle.read_bps_device=8:0 1048576",
                                       "blkio.throttle.write_iops_device=8:0 30\n8:16 7",
                                       "blkio.throttle.write_bps_device=",
                                       "blkio.throttle.read_iops_device=",
                                       "blkio.weight=505",
                                       "freezer.state=THAWED",
                                       NULL};

struct get_case {
    const char *key, *expected; /* NULL: there is none */
};

static void
check_get(bool is_v2, const char *const *group, const struct get_case *cases, size_t count)
{
    struct sc_cgroup_files files = FAKE(is_v2, group);

    for (size_t i = 0; i < count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_err err = SC_ERR_INIT;
        const char *value = NULL;
        int result = sc_cgroup_key_get(&files, cases[i].key, &arena, &value, &err);

        if (!cases[i].expected) {
            assert_int_equal(result, -1);
            continue;
        }
        assert_string_equal(result == 0 ? value : err.msg, cases[i].expected);
    }
}

static void
test_get_v1_on_v2(void **state)
{
    static const struct get_case cases[] = {
        {"cpu.shares", "1024"},
        {"cpu.cfs_quota_us", "50000"},
        {"cpu.cfs_period_us", "100000"},
        {"cpuacct.usage", "1234000"},
        {"memory.limit_in_bytes", "67108864"},
        {"memory.memsw.limit_in_bytes", "100663296"},
        {"memory.memsw.usage_in_bytes", "12288"},
        {"memory.soft_limit_in_bytes", "9223372036854771712"},
        {"memory.usage_in_bytes", "4096"},
        {"memory.failcnt", "7"},
        {"blkio.weight", "510"},
        {"blkio.throttle.read_bps_device", "8:0 1048576\n8:16 5"},
        {"blkio.throttle.write_iops_device", "8:0 30"},
        {"blkio.throttle.write_bps_device", ""},
        {"freezer.state", "FROZEN"},
        {"hugetlb.2MB.limit_in_bytes", "9223372036854771712"},
        {"memory.max", "67108864"}, /* its own */
        {"memory.swappiness", NULL},
        {"devices.list", NULL},
        {"memory.nothing", NULL},
    };

    (void)state;
    check_get(true, v2_group, cases, SC_ARRAY_LEN(cases));
}

static void
test_get_v2_on_v1(void **state)
{
    static const struct get_case cases[] = {
        {"cpu.weight", "100"},
        {"cpu.max", "50000 100000"},
        {"memory.max", "67108864"},
        {"memory.low", "max"},
        {"memory.swap.max", "33554432"},
        {"memory.swap.current", "8192"},
        {"memory.current", "4096"},
        {"io.weight", "default 5000"},
        {"io.max", "8:0 rbps=1048576\n8:0 wiops=30\n8:16 wiops=7"},
        {"cgroup.freeze", "0"},
        {"memory.high", NULL},
        {"cpu.pressure", NULL},
    };

    (void)state;
    check_get(false, v1_group, cases, SC_ARRAY_LEN(cases));
}

struct set_case {
    const char *key, *value, *expected; /* "FILE=TEXT;FILE=TEXT", or NULL: refused */
};

static void
check_set(bool is_v2, const char *const *group, const struct set_case *cases, size_t count)
{
    struct sc_cgroup_files files = FAKE(is_v2, group);

    for (size_t i = 0; i < count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        sc_cleanup_buf got = SC_BUF_INIT;
        struct sc_err err = SC_ERR_INIT;
        struct sc_cgroup_writes writes = {.items = NULL};
        int result = sc_cgroup_key_set(&files, cases[i].key, cases[i].value, &arena, &writes, &err);

        if (!cases[i].expected) {
            assert_int_equal(result, -1);
            assert_true(strstr(err.msg, cases[i].key) != NULL);
            assert_int_equal(writes.count, 0);
            continue;
        }
        for (size_t j = 0; j < writes.count; j++)
            sc_buf_addf(&got, "%s%s=%s", j ? ";" : "", writes.items[j].file, writes.items[j].value);
        assert_string_equal(result == 0 ? sc_buf_str(&got) : err.msg, cases[i].expected);
    }
}

static void
test_set_v1_on_v2(void **state)
{
    static const struct set_case cases[] = {
        {"cpu.shares", "1024", "cpu.weight=100"},
        {"cpu.shares", "512", "cpu.weight=50"},
        {"cpu.shares", "2", "cpu.weight=1"},
        {"cpu.cfs_quota_us", "20000", "cpu.max=20000 100000"},
        {"cpu.cfs_quota_us", "-1", "cpu.max=max 100000"},
        {"cpu.cfs_period_us", "50000", "cpu.max=50000 50000"},
        {"memory.limit_in_bytes", "64M", "memory.max=67108864"},
        {"memory.limit_in_bytes", "-1", "memory.max=max"},
        {"memory.memsw.limit_in_bytes", "128M", "memory.swap.max=67108864"},
        {"memory.memsw.limit_in_bytes", "-1", "memory.swap.max=max"},
        {"memory.soft_limit_in_bytes", "1000", "memory.low=1000"},
        {"blkio.weight", "10", "io.weight=1"},
        {"blkio.weight", "1000", "io.weight=10000"},
        {"blkio.throttle.read_bps_device", "8:0 1048576", "io.max=8:0 rbps=1048576"},
        {"blkio.throttle.read_bps_device", "8:0 0", "io.max=8:0 rbps=max"},
        {"freezer.state", "FROZEN", "cgroup.freeze=1"},
        {"hugetlb.1GB.limit_in_bytes", "1G", "hugetlb.1GB.max=1073741824"},
        {"pids.max", "10", "pids.max=10"},
        {"cpu.shares", "1", NULL},
        {"cpu.shares", "many", NULL},
        {"cpu.cfs_quota_us", "half", NULL},
        {"memory.limit_in_bytes", "some", NULL},
        {"memory.memsw.limit_in_bytes", "1M", NULL},
        {"memory.swappiness", "10", NULL},
        {"memory.usage_in_bytes", "10", NULL},
        {"freezer.state", "COLD", NULL},
        {"blkio.throttle.read_bps_device", "sda 10", NULL},
        {"devices.deny", "a", NULL},
    };

    (void)state;
    check_set(true, v2_group, cases, SC_ARRAY_LEN(cases));
}

static void
test_set_v2_on_v1(void **state)
{
    static const struct set_case cases[] = {
        {"cpu.weight", "100", "cpu.shares=1024"},
        {"cpu.max", "20000 50000", "cpu.cfs_period_us=50000;cpu.cfs_quota_us=20000"},
        {"cpu.max", "max", "cpu.cfs_quota_us=-1"},
        {"memory.max", "max", "memory.limit_in_bytes=-1"},
        {"memory.max", "1G", "memory.limit_in_bytes=1073741824"},
        {"memory.swap.max", "0", "memory.memsw.limit_in_bytes=67108864"},
        {"memory.swap.max", "max", "memory.memsw.limit_in_bytes=-1"},
        {"io.max", "8:0 rbps=5 wiops=max",
         "blkio.throttle.read_bps_device=8:0 5;blkio.throttle.write_iops_device=8:0 0"},
        {"cgroup.freeze", "1", "freezer.state=FROZEN"},
        {"cpu.weight", "0", NULL},
        {"cpu.weight", "10001", NULL},
        {"cpu.max", "5 x", NULL},
        {"io.max", "8:0", NULL},
        {"io.max", "8:0 rbps", NULL},
        {"io.max", "8:0 rbps=x", NULL},
        {"io.max", "8:0 bps=5", NULL},
        {"memory.high", "5", NULL},
        {"cgroup.freeze", "FROZEN", NULL},
    };

    (void)state;
    check_set(false, v1_group, cases, SC_ARRAY_LEN(cases));
}

/* Every weight of v2 comes back from the shares that stand for it, and every weight of block I/O. */
static void
test_there_and_back(void **state)
{
    (void)state;
    for (uint64_t weight = 1; weight <= 10000; weight++)
        assert_int_equal(sc_cgroup_weight_of_shares(sc_cgroup_shares_of_weight(weight)), weight);
    assert_int_equal(sc_cgroup_shares_of_weight(100), 1024);
    assert_int_equal(sc_cgroup_weight_of_shares(512), 50);
    assert_int_equal(sc_cgroup_weight_of_shares(2), 1);
    assert_int_equal(sc_cgroup_weight_of_shares(UINT64_MAX), 10000);
    for (uint64_t weight = 10; weight <= 1000; weight++)
        assert_int_equal(sc_cgroup2_bfq_weight(sc_cgroup2_io_weight(weight)), weight);
}

/* Each row has a counterpart or a reason, and a name that no other row of its version has. */
static void
test_table(void **state)
{
    bool is_v1_key, other_is_v1;
    const char *key, *counterpart, *why, *other;
    size_t rows = 0;

    (void)state;
    for (; sc_cgroup_key_row(rows, &is_v1_key, &key, &counterpart, &why); rows++) {
        const char *a, *b;

        assert_true((counterpart != NULL) != (why != NULL));
        for (size_t j = 0; j < rows; j++) {
            assert_true(sc_cgroup_key_row(j, &other_is_v1, &other, &a, &b));
            assert_false(other_is_v1 == is_v1_key && strcmp(other, key) == 0);
        }
    }
    assert_true(rows > 60);
}

static void
test_places(void **state)
{
    static const struct {
        const char *key;
        int v1, v2; /* index, -1: none */
    } cases[] = {{"memory.max", 0, 0},   {"cpu.max", 1, 0},        {"cpuacct.usage", 1, 0}, {"io.max", 2, 0},
                 {"blkio.weight", 2, 0}, {"freezer.state", -1, 0}, {"nosuch.key", -1, -1},  {"memory", -1, -1},
                 {"", -1, -1},           {"a/b.c", -1, -1}};
    static const char v1_mounts[] = "1 1 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                                    "2 1 0:2 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
                                    "3 1 0:3 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n";
    static const char v1_self[] = "3:blkio:/\n2:cpu,cpuacct:/\n1:memory:/\n";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout v1, v2;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_int_equal(sc_cgroup_parse_layout(v1_mounts, v1_self, &arena, &v1, &err), 0);
    assert_int_equal(
        sc_cgroup_parse_layout("1 1 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "0::/\n", &arena, &v2, &err), 0);
    /* what sc_cgroup_detect reads from the files of the tree */
    for (size_t i = 0; i < 4; i++)
        sc_strv_add(&v2.items[0].controllers, &arena, (const char *const[]){"cpu", "memory", "io", "pids"}[i]);
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        assert_int_equal(sc_cgroup_key_place(&v1, cases[i].key, &err), cases[i].v1);
        assert_int_equal(sc_cgroup_key_place(&v2, cases[i].key, &err), cases[i].v2);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_v1_on_v2), cmocka_unit_test(test_get_v2_on_v1),   cmocka_unit_test(test_set_v1_on_v2),
        cmocka_unit_test(test_set_v2_on_v1), cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_table),
        cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
