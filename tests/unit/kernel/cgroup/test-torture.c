/* The parsers and the translation when the n-th allocation fails. */
#include "cgroup-test.h"
#include "torture.h"

static int
layout_job(void *context, struct sc_err *err)
{
    static const char mountinfo[] = "34 25 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
                                    "35 34 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
                                    "40 34 0:34 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout layout;

    (void)context;
    return sc_cgroup_parse_layout(mountinfo, "4:cpu,cpuacct:/\n0::/\n", &arena, &layout, err);
}

static int
path_job(void *context, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    char *path;

    (void)context;
    return sc_cgroup_path("/a//b/./c", "/sc", "abc", &arena, &path, err);
}

static struct sc_oci_throttle_device rate = {8, 16, 1048576};
static struct sc_oci_hugepage page = {(char *)"2MB", 4194304};
static struct sc_oci_rdma rdma = {(char *)"mlx4_0", {true, 9}, {true, 9}};
static struct sc_oci_device_rule rules[] = {
    {.allow = true, .type = 'c', .major = {true, 1}, .minor = {true, 3}, .can_read = true},
    {.allow = false, .type = 'c', .major = {true, 2}, .can_read = true},
    {.allow = true, .type = 'a', .minor = {true, 3}, .can_mknod = true},
};
/* It starts with an arena that is nearly full, so that each of the pieces asked for in turn finds no room. */
static const struct sc_oci_resources ask = {
    .memory = {.limit = I64(MIB), .swap = I64(2 * MIB), .reservation = I64(5)},
    .cpu = {.shares = U64(5), .quota = I64(5000), .period = U64(5000), .burst = U64(5), .cpus = (char *)"0"},
    .pids_limit = I64(7),
    .block_io = {.weight = U64(50), .read_bps = {&rate, 1}},
    .hugepages = &page,
    .hugepage_count = 1,
    .rdma = &rdma,
    .rdma_count = 1,
    .devices = rules,
    .device_count = 3,
};

struct translate_context {
    const struct sc_cgroup_layout *layout;
    size_t spent; /* bytes of the arena's first block taken beforehand */
};

static int
translate_job(void *context, struct sc_err *err)
{
    const struct translate_context *job = context;
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_writes writes;
    struct sc_strv need = {.count = 0};

    (void)sc_arena_alloc(&arena, job->spent);
    return sc_cgroup_translate(job->layout, &ask, true, &arena, &writes, &need, err);
}

static int
program_job(void *context, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct bpf_insn *insns;
    size_t count;

    (void)context;
    return sc_cgroup_device_program(rules, 3, &arena, &insns, &count, err);
}

static void
test_parsers(void **state)
{
    (void)state;
    assert_true(torture_run("layout", layout_job, NULL) >= 2);
    assert_true(torture_run("path", path_job, NULL) >= 3);
    assert_true(torture_run("program", program_job, NULL) >= 1);
}

static void
test_translate(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout v1 = layout_v1(&arena), v2 = layout_v2(&arena, "cpuset cpu io memory hugetlb pids rdma");

    (void)state;
    for (size_t spent = 64; spent < 4096; spent += 64) {
        struct translate_context one = {&v1, spent}, two = {&v2, spent};

        assert_true(torture_run("translate v1", translate_job, &one) >= 2);
        assert_true(torture_run("translate v2", translate_job, &two) >= 2);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parsers),
        cmocka_unit_test(test_translate),
    };

    return RUN_TESTS(tests);
}
