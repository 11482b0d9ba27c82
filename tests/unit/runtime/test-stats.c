/* The document of `events --stats`, from cgroup files that are written by hand: v1's and v2's. */
#include "test.h"

#include "../base/scratch.h"
#include "runtime/runtime.h"

struct file {
    const char *name, *text;
};

/* A cgroup directory that has these files. */
static void
make_cgroup(const struct scratch *scratch, const char *name, const struct file *files, size_t count,
            struct sc_state *state, struct sc_arena *arena)
{
    struct sc_err err;

    assert_int_equal(mkdirat(scratch->fd, name, 0755), 0);
    for (size_t i = 0; i < count; i++) {
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", name, files[i].name);
        assert_ok(sc_file_replace_at(scratch->fd, path, files[i].text, strlen(files[i].text), 0644, SC_VOLATILE, &err));
    }
    sc_strv_addf(&state->cgroup_dirs, arena, "%s/%s", scratch->path, name);
}

static void
assert_stats(const struct sc_state *state, const char *expected)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err;

    assert_ok(sc_runtime_stats(state, &text, &err));
    assert_string_equal(sc_buf_str(&text), expected);
}

#define NO_CPUSET                                                                                                      \
    "\"cpuset\":{\"cpu_exclusive\":0,\"mem_hardwall\":0,\"mem_exclusive\":0,\"memory_migrate\":0,"                     \
    "\"memory_spread_page\":0,\"memory_spread_slab\":0,\"memory_pressure\":0,\"sched_load_balance\":0,"                \
    "\"sched_relax_domain_level\":0}"
#define NO_ENTRY "{\"limit\":0,\"failcnt\":0}"
#define END      ",\"intel_rdt\":{},\"network_interfaces\":null}"

static void
test_nothing(void **context)
{
    struct sc_state state = {0};

    (void)context;
    assert_stats(&state, "{\"cpu\":{\"usage\":{\"kernel\":0,\"user\":0},\"throttling\":{}}," NO_CPUSET
                         ",\"memory\":{\"usage\":" NO_ENTRY ",\"swap\":" NO_ENTRY ",\"kernel\":" NO_ENTRY
                         ",\"kernelTCP\":" NO_ENTRY "},\"pids\":{},\"blkio\":{},\"hugetlb\":{}" END);
}

static void
test_v1(void **context)
{
    static const struct file cpu[] = {
        {"cpu.cfs_quota_us", "25000\n"},
        {"cpu.stat", "nr_periods 10\nnr_throttled 4\nthrottled_time 123456\n"},
    };
    static const struct file cpuacct[] = {
        {"cpuacct.usage", "3000\n"},
        {"cpuacct.usage_percpu", "1000 2000 \n"},
        {"cpuacct.usage_all", "cpu user system\n0 600 400\n1 1500 500\n"},
        {"cpuacct.stat", "user 2\nsystem 1\n"},
    };
    static const struct file cpuset[] = {
        {"cpuset.cpus", "0-2,7\n"},
        {"cpuset.mems", "0\n"},
        {"cpuset.sched_load_balance", "1\n"},
        {"cpuset.sched_relax_domain_level", "-1\n"},
    };
    static const struct file memory[] = {
        {"memory.usage_in_bytes", "4096\n"},
        {"memory.limit_in_bytes", "67108864\n"},
        {"memory.max_usage_in_bytes", "8192\n"},
        {"memory.failcnt", "3\n"},
        {"memory.memsw.limit_in_bytes", "9223372036854771712\n"},
        {"memory.stat", "cache 1024\nrss 2048\n"},
    };
    static const struct file pids[] = {{"pids.current", "2\n"}, {"pids.max", "max\n"}};
    static const struct file blkio[] = {
        {"blkio.throttle.io_serviced", ""},
        {"blkio.throttle.io_serviced_recursive", "8:0 Read 5\n8:0 Write 0\nTotal 5\n"},
        {"blkio.throttle.io_service_bytes_recursive", "8:0 Read 20480\nTotal 20480\n"},
    };
    static const struct file hugetlb[] = {
        {"hugetlb.2MB.usage_in_bytes", "2097152\n"},
        {"hugetlb.2MB.max_usage_in_bytes", "4194304\n"},
        {"hugetlb.2MB.failcnt", "1\n"},
        {"hugetlb.2MB.rsvd.usage_in_bytes", "7\n"},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_state state = {0};
    char expected[4096];
    long tick = 1000000000 / sysconf(_SC_CLK_TCK);

    make_cgroup(*context, "cpu", cpu, SC_ARRAY_LEN(cpu), &state, &arena);
    make_cgroup(*context, "cpuacct", cpuacct, SC_ARRAY_LEN(cpuacct), &state, &arena);
    make_cgroup(*context, "cpuset", cpuset, SC_ARRAY_LEN(cpuset), &state, &arena);
    make_cgroup(*context, "memory", memory, SC_ARRAY_LEN(memory), &state, &arena);
    make_cgroup(*context, "pids", pids, SC_ARRAY_LEN(pids), &state, &arena);
    make_cgroup(*context, "blkio", blkio, SC_ARRAY_LEN(blkio), &state, &arena);
    make_cgroup(*context, "hugetlb", hugetlb, SC_ARRAY_LEN(hugetlb), &state, &arena);
    snprintf(expected, sizeof(expected),
             "{\"cpu\":{\"usage\":{\"total\":3000,\"percpu\":[1000,2000],\"percpu_kernel\":[400,500],"
             "\"percpu_user\":[600,1500],\"kernel\":%ld,\"user\":%ld},"
             "\"throttling\":{\"periods\":10,\"throttledPeriods\":4,\"throttledTime\":123456}},"
             "\"cpuset\":{\"cpus\":[0,1,2,7],\"cpu_exclusive\":0,\"mems\":[0],\"mem_hardwall\":0,\"mem_exclusive\":0,"
             "\"memory_migrate\":0,\"memory_spread_page\":0,\"memory_spread_slab\":0,\"memory_pressure\":0,"
             "\"sched_load_balance\":1,\"sched_relax_domain_level\":-1},"
             "\"memory\":{\"cache\":1024,\"usage\":{\"limit\":67108864,\"usage\":4096,\"max\":8192,\"failcnt\":3},"
             "\"swap\":{\"limit\":9223372036854771712,\"failcnt\":0},\"kernel\":" NO_ENTRY ",\"kernelTCP\":" NO_ENTRY
             ",\"raw\":{\"cache\":1024,\"rss\":2048}},"
             "\"pids\":{\"current\":2},"
             "\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":20480}],"
             "\"ioServicedRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":5},{\"major\":8,\"op\":\"Write\"}]},"
             "\"hugetlb\":{\"2MB\":{\"usage\":2097152,\"max\":4194304,\"failcnt\":1}}" END,
             tick, 2 * tick);
    assert_stats(&state, expected);
}

static void
test_v2(void **context)
{
    static const struct file files[] = {
        {"cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 7\nnr_throttled 2\nthrottled_usec 9\n"},
        {"cpuset.cpus", "1\n"},
        {"cpuset.mems", "\n"},
        {"memory.current", "4096\n"},
        {"memory.max", "67108864\n"},
        {"memory.peak", "8192\n"},
        {"memory.events", "low 0\nhigh 0\nmax 5\noom 1\noom_kill 1\n"},
        {"memory.swap.max", "1048576\n"},
        {"memory.swap.current", "1000\n"},
        {"memory.stat", "anon 2048\nfile 1024\n"},
        {"pids.current", "2\n"},
        {"pids.max", "40\n"},
        {"io.stat", "8:16 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n"},
        {"hugetlb.1GB.current", "0\n"},
        {"hugetlb.1GB.events", "max 2\n"},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_state state = {0};

    make_cgroup(*context, "all", files, SC_ARRAY_LEN(files), &state, &arena);
    assert_stats(&state,
                 "{\"cpu\":{\"usage\":{\"total\":30000,\"kernel\":10000,\"user\":20000},"
                 "\"throttling\":{\"periods\":7,\"throttledPeriods\":2,\"throttledTime\":9000}},"
                 "\"cpuset\":{\"cpus\":[1],\"cpu_exclusive\":0,\"mem_hardwall\":0,\"mem_exclusive\":0,"
                 "\"memory_migrate\":0,\"memory_spread_page\":0,\"memory_spread_slab\":0,\"memory_pressure\":0,"
                 "\"sched_load_balance\":0,\"sched_relax_domain_level\":0},"
                 "\"memory\":{\"cache\":1024,\"usage\":{\"limit\":67108864,\"usage\":4096,\"max\":8192,\"failcnt\":5},"
                 "\"swap\":{\"limit\":68157440,\"usage\":5096,\"failcnt\":0},\"kernel\":" NO_ENTRY
                 ",\"kernelTCP\":" NO_ENTRY ",\"raw\":{\"anon\":2048,\"file\":1024}},"
                 "\"pids\":{\"current\":2,\"limit\":40},"
                 "\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"minor\":16,\"op\":\"Read\",\"value\":4096},"
                 "{\"major\":8,\"minor\":16,\"op\":\"Write\"}],"
                 "\"ioServicedRecursive\":[{\"major\":8,\"minor\":16,\"op\":\"Read\",\"value\":1},"
                 "{\"major\":8,\"minor\":16,\"op\":\"Write\"}]},"
                 "\"hugetlb\":{\"1GB\":{\"failcnt\":2}}" END);
}

/* "max" is as much as there can be, and with it the sum. */
static void
test_v2_without_limits(void **context)
{
    static const struct file files[] = {
        {"memory.current", "4096\n"}, {"memory.max", "max\n"}, {"memory.swap.max", "max\n"},
        {"pids.current", "1\n"},      {"pids.max", "max\n"},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_state state = {0};

    make_cgroup(*context, "all", files, SC_ARRAY_LEN(files), &state, &arena);
    assert_stats(&state, "{\"cpu\":{\"usage\":{\"kernel\":0,\"user\":0},\"throttling\":{}}," NO_CPUSET
                         ",\"memory\":{\"usage\":{\"limit\":18446744073709551615,\"usage\":4096,\"failcnt\":0},"
                         "\"swap\":{\"limit\":18446744073709551615,\"usage\":4096,\"failcnt\":0},\"kernel\":" NO_ENTRY
                         ",\"kernelTCP\":" NO_ENTRY "},\"pids\":{\"current\":1},\"blkio\":{},\"hugetlb\":{}" END);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        SCRATCH_TEST(test_v1),
        SCRATCH_TEST(test_v2),
        SCRATCH_TEST(test_v2_without_limits),
    };

    return RUN_TESTS(tests);
}
