/* linux.resources to v2 files and to hybrid hosts, and the conversions between the two versions' numbers. */
#include "translate-cases.h"

#define ALL "cpuset cpu io memory hugetlb pids rdma misc"

static struct sc_oci_throttle_device rates[] = {{8, 16, 1048576}, {8, 0, 0}};
static struct sc_oci_weight_device weight_device = {.major = 8, .minor = 0, .weight = {true, 1000}};
static struct sc_oci_weight_device leaf_device = {.major = 8, .minor = 0, .leaf_weight = {true, 20}};
static struct sc_oci_hugepage page = {(char *)"2MB", 4194304};
static struct sc_oci_rdma rdma = {(char *)"mlx4_0", {false, 0}, {true, 9}};
static struct sc_oci_net_priority priority = {(char *)"eth0", 5};
static char high[] = "memory.high=1M", depth[] = "cgroup.max.depth=3", misc[] = "misc.max=res_a 1",
            *unified[] = {high, depth, misc, NULL};

static const struct good good[] = {
    {"nothing", {.is_set = false}, false, ""},
    {"cpuset", {.cpu = {.cpus = (char *)"1", .mems = (char *)"0"}}, false, "cpuset.cpus=1;cpuset.mems=0;"},
    {"memory", {.memory = {.limit = I64(64 * MIB)}}, false, "memory.max=67108864;"},
    {"memory and swap",
     {.memory = {.limit = I64(64 * MIB), .swap = I64(128 * MIB)}},
     false,
     "memory.swap.max=67108864;memory.max=67108864;"},
    {"no swap", {.memory = {.limit = I64(MIB), .swap = I64(MIB)}}, false, "memory.swap.max=0;memory.max=1048576;"},
    {"unlimited swap",
     {.memory = {.limit = I64(MIB), .swap = I64(-1)}},
     false,
     "memory.swap.max=max?;memory.max=1048576;"},
    {"unlimited swap alone", {.memory = {.swap = I64(-1)}}, false, "memory.swap.max=max?;"},
    {"swap with unlimited memory is swap",
     {.memory = {.limit = I64(-1), .swap = I64(MIB)}},
     false,
     "memory.swap.max=1048576;memory.max=max;"},
    {"0 is not set", {.memory = {.limit = I64(0), .swap = I64(0), .reservation = I64(0)}}, false, ""},
    {"unlimited memory", {.memory = {.limit = I64(-1)}}, false, "memory.max=max;"},
    {"live: unlimited memory lifts swap too",
     {.memory = {.limit = I64(-1)}},
     true,
     "memory.swap.max=max?;memory.max=max;"},
    {"reservation", {.memory = {.reservation = I64(MIB)}}, false, "memory.low=1048576;"},
    {"what v2 has no file for, not asked",
     {.memory = {.kernel_tcp = I64(-1), .kernel = I64(0), .disable_oom_killer = NO}},
     false,
     ""},
    {"shares", {.cpu = {.shares = U64(1024)}}, false, "cpu.weight=100;"},
    {"quota", {.cpu = {.quota = I64(50000)}}, false, "cpu.max=50000 100000;"},
    {"quota and period", {.cpu = {.quota = I64(50000), .period = U64(200000)}}, false, "cpu.max=50000 200000;"},
    {"period alone", {.cpu = {.period = U64(200000)}}, false, "cpu.max=max 200000;"},
    {"no quota", {.cpu = {.quota = I64(-1)}}, false, "cpu.max=max;"},
    {"live: quota alone keeps the period", {.cpu = {.quota = I64(50000)}}, true, "cpu.max=50000;"},
    {"live: burst out of the way",
     {.cpu = {.quota = I64(50000), .burst = U64(1000)}},
     true,
     "cpu.max.burst=0;cpu.max=50000;cpu.max.burst=1000;"},
    {"burst after quota",
     {.cpu = {.quota = I64(50000), .burst = U64(1000)}},
     false,
     "cpu.max=50000 100000;cpu.max.burst=1000;"},
    {"idle after weight", {.cpu = {.shares = U64(2), .idle = I64(1)}}, false, "cpu.weight=1;cpu.idle=1;"},
    {"live: not idle before weight", {.cpu = {.shares = U64(2), .idle = I64(0)}}, true, "cpu.idle=0;cpu.weight=1;"},
    {"pids", {.pids_limit = I64(64)}, false, "pids.max=64;"},
    {"pids unlimited", {.pids_limit = I64(0)}, false, "pids.max=max;"},
    {"block I/O",
     {.block_io = {.weight = U64(10),
                   .weight_devices = &weight_device,
                   .weight_device_count = 1,
                   .read_bps = {rates, 2},
                   .write_bps = {rates, 1},
                   .read_iops = {rates, 1},
                   .write_iops = {rates, 1}}},
     false,
     "io.weight=default 1;io.weight=8:0 10000;io.max=8:16 rbps=1048576;io.max=8:0 rbps=max;io.max=8:16 wbps=1048576;"
     "io.max=8:16 riops=1048576;io.max=8:16 wiops=1048576;"},
    {"huge pages",
     {.hugepages = &page, .hugepage_count = 1},
     false,
     "hugetlb.2MB.max=4194304;hugetlb.2MB.rsvd.max=4194304?;"},
    {"rdma", {.rdma = &rdma, .rdma_count = 1}, false, "rdma.max=mlx4_0 hca_object=9;"},
    {"unified comes last",
     {.unified = {.items = unified, .count = 3}, .memory = {.limit = I64(MIB)}, .pids_limit = I64(3)},
     false,
     "memory.max=1048576;pids.max=3;memory.high=1M;cgroup.max.depth=3;misc.max=res_a 1;"},
};

static void
test_good(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout layout = layout_v2(&arena, ALL);

    (void)state;
    run_good(&layout, good, SC_ARRAY_LEN(good), "");
}

static char no_value[] = "memory.high", *no_value_list[] = {no_value, NULL};
static char slash[] = "../x.y=1", *slash_list[] = {slash, NULL};
static char no_dot[] = "memory=1", *no_dot_list[] = {no_dot, NULL};
static char procs[] = "cgroup.procs=1", *procs_list[] = {procs, NULL};
static char unknown[] = "dmem.max=1", *unknown_list[] = {unknown, NULL};

static const struct bad refused[] = {
    {{.memory = {.swappiness = U64(60)}},
     false,
     SC_ERR_UNSUPPORTED,
     "set swappiness: cgroup v2 has no swappiness of a cgroup"},
    {{.memory = {.disable_oom_killer = YES}}, false, SC_ERR_UNSUPPORTED, "disable the OOM killer: cgroup v2 cannot"},
    {{.memory = {.kernel_tcp = I64(MIB)}},
     false,
     SC_ERR_UNSUPPORTED,
     "limit TCP buffer memory: cgroup v2 has no such limit"},
    {{.memory = {.swap = I64(MIB)}},
     true,
     SC_ERR_INVALID,
     "linux.resources.memory.swap: a limit on memory and swap together needs a limit on memory"},
    {{.cpu = {.realtime_runtime = I64(5)}},
     false,
     SC_ERR_UNSUPPORTED,
     "grant realtime CPU time: cgroup v2 has no realtime budget"},
    {{.cpu = {.realtime_period = U64(5)}},
     false,
     SC_ERR_UNSUPPORTED,
     "grant realtime CPU time: cgroup v2 has no realtime budget"},
    {{.cpu = {.period = U64(5000)}},
     true,
     SC_ERR_INVALID,
     "linux.resources.cpu.period: on cgroup v2 it can only be changed together with the quota"},
    {{.block_io = {.leaf_weight = U64(10)}},
     false,
     SC_ERR_UNSUPPORTED,
     "linux.resources.blockIO.leafWeight: cgroup v2 has no leaf weight"},
    {{.block_io = {.weight_devices = &leaf_device, .weight_device_count = 1}},
     false,
     SC_ERR_UNSUPPORTED,
     "linux.resources.blockIO.leafWeight: cgroup v2 has no leaf weight"},
    {{.net_class_id = U64(1)},
     false,
     SC_ERR_UNSUPPORTED,
     "set the network class: this host has no \"net_cls\" cgroup controller"},
    {{.net_priorities = &priority, .net_priority_count = 1},
     false,
     SC_ERR_UNSUPPORTED,
     "set network priorities: this host has no \"net_prio\" cgroup controller"},
    {{.unified = {.items = no_value_list, .count = 1}},
     false,
     SC_ERR_INVALID,
     "linux.resources.unified: \"memory.high\" has no value"},
    {{.unified = {.items = slash_list, .count = 1}},
     false,
     SC_ERR_INVALID,
     "linux.resources.unified: \"../x.y\" is not a file name such as \"memory.high\""},
    {{.unified = {.items = no_dot_list, .count = 1}},
     false,
     SC_ERR_INVALID,
     "linux.resources.unified: \"memory\" is not a file name such as \"memory.high\""},
    {{.unified = {.items = procs_list, .count = 1}},
     false,
     SC_ERR_INVALID,
     "linux.resources.unified: \"cgroup.procs\" is not a limit"},
    {{.unified = {.items = unknown_list, .count = 1}},
     false,
     SC_ERR_UNSUPPORTED,
     "set unified \"dmem.max\": this host has no \"dmem\" cgroup controller"},
};

static void
test_refused(void **state)
{
    static const struct bad no_io[] = {
        {{.block_io = {.weight = U64(500)}},
         false,
         SC_ERR_UNSUPPORTED,
         "weigh block I/O: this host has no \"io\" cgroup controller"},
    };
    static const struct bad no_swap[] = {
        {{.memory = {.limit = I64(MIB), .swap = I64(MIB)}},
         false,
         SC_ERR_UNSUPPORTED,
         "limit memory and swap to 1 MiB: this host does not account swap"},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout layout = layout_v2(&arena, ALL), small = layout_v2(&arena, "memory");

    (void)state;
    run_bad(&layout, refused, SC_ARRAY_LEN(refused));
    run_bad(&small, no_io, 1);
    small.has_swap_accounting = false;
    run_bad(&small, no_swap, 1);
}

static void
test_need(void **state)
{
    static const struct sc_oci_resources ask = {.memory = {.limit = I64(MIB), .reservation = I64(5)},
                                                .cpu = {.shares = U64(5), .cpus = (char *)"0"},
                                                .hugepages = &page,
                                                .hugepage_count = 1,
                                                .unified = {.items = unified, .count = 3}};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout v2 = layout_v2(&arena, ALL), hybrid = layout_v1(&arena);
    struct sc_cgroup_writes writes;
    struct sc_strv need = {.count = 0}, hybrid_need = {.count = 0};
    struct sc_oci_resources no_unified = ask;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_int_equal(sc_cgroup_translate(&v2, &ask, true, &arena, &writes, &need, &err), 0);
    assert_string_equal(show_words(&arena, &need), "cpuset cpu memory hugetlb misc");
    /* v1 hierarchies enable nothing */
    no_unified.unified.count = 0;
    assert_int_equal(sc_cgroup_translate(&hybrid, &no_unified, true, &arena, &writes, &hybrid_need, &err), 0);
    assert_int_equal(hybrid_need.count, 0);
}

static void
test_check_before_update(void **state)
{
    static const struct sc_oci_resources ask = {.memory = {.limit = I64(MIB), .check_before_update = YES}};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout layout = layout_v2(&arena, ALL);
    struct sc_strv need = {.count = 0};
    struct sc_cgroup_writes writes;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_int_equal(sc_cgroup_translate(&layout, &ask, false, &arena, &writes, &need, &err), 0);
    assert_int_equal(writes.count, 1);
    assert_string_equal(writes.items[0].not_below, "memory.current");
    assert_int_equal(sc_cgroup_translate(&layout, &ask, true, &arena, &writes, &need, &err), 0);
    assert_null(writes.items[0].not_below); /* a new cgroup uses nothing */
}

/* v1 for most, v2 for hugetlb and io: each limit goes where its controller is, in its version's words. */
static void
test_hybrid(void **state)
{
    static struct sc_oci_device_rule deny = {.type = 'a', .can_read = true, .can_write = true, .can_mknod = true};
    static const struct good cases[] = {
        {"both",
         {.memory = {.limit = I64(MIB)}, .block_io = {.weight = U64(10)}, .hugepages = &page, .hugepage_count = 1},
         false,
         "memory.limit_in_bytes=1048576;io.weight=default 1;hugetlb.2MB.max=4194304;hugetlb.2MB.rsvd.max=4194304?;"},
        {"devices without a v1 controller are a program", {.devices = &deny, .device_count = 1}, false, ""},
    };
    static char io[] = "io.latency=8:0 target=5", *io_list[] = {io, NULL}, memory[] = "memory.high=5",
                *memory_list[] = {memory, NULL};
    static const struct bad refusals[] = {
        {{.unified = {.items = memory_list, .count = 1}},
         false,
         SC_ERR_UNSUPPORTED,
         "set unified \"memory.high\": the \"memory\" controller is in a cgroup v1 hierarchy here"},
        {{.cpu = {.shares = U64(5)}},
         false,
         SC_ERR_UNSUPPORTED,
         "give 5 CPU shares: this host has no \"cpu\" cgroup controller"},
    };
    static const struct good unified_io[] = {
        {"unified", {.unified = {.items = io_list, .count = 1}}, false, "io.latency=8:0 target=5;"}};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout layout = {.mode = SC_CGROUP_HYBRID};

    (void)state;
    layout_put(&layout, &arena, false, "memory", "memory");
    layout_put(&layout, &arena, true, "unified", "io hugetlb");
    run_good(&layout, cases, SC_ARRAY_LEN(cases), "");
    run_good(&layout, unified_io, 1, "");
    run_bad(&layout, refusals, SC_ARRAY_LEN(refusals));
}

static void
test_weights(void **state)
{
    /* computed with Python's math module from the formula in v2/cpu.c */
    static const uint64_t cpu[][2] = {
        {0, 1},         {1, 1},         {2, 1},          {3, 2},          {4, 2},
        {8, 3},         {10, 4},        {16, 5},         {100, 17},       {128, 21},
        {256, 35},      {512, 59},      {1000, 99},      {1023, 100},     {1024, 100},
        {1025, 101},    {2048, 174},    {4096, 303},     {10000, 627},    {65536, 3023},
        {131072, 5478}, {200000, 7899}, {262143, 10000}, {262144, 10000}, {UINT64_MAX, 10000}};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cpu); i++)
        assert_int_equal(sc_cgroup2_cpu_weight(cpu[i][0]), cpu[i][1]);
    for (uint64_t shares = 3; shares < 20000; shares++)
        assert_true(sc_cgroup2_cpu_weight(shares) >= sc_cgroup2_cpu_weight(shares - 1));
    assert_int_equal(sc_cgroup2_io_weight(10), 1);
    assert_int_equal(sc_cgroup2_io_weight(500), 4950);
    assert_int_equal(sc_cgroup2_io_weight(1000), 10000);
    for (uint64_t weight = 10; weight <= 1000; weight++)
        assert_int_equal(sc_cgroup2_bfq_weight(sc_cgroup2_io_weight(weight)), weight);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_need),   cmocka_unit_test(test_check_before_update),
        cmocka_unit_test(test_hybrid), cmocka_unit_test(test_weights),
    };

    return RUN_TESTS(tests);
}
