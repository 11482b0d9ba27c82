/* linux.resources to v1 files: every field, every order that the kernel demands, every refusal. */
#include "translate-cases.h"

static struct sc_oci_throttle_device rate = {.major = 8, .minor = 16, .rate = 1048576};
static struct sc_oci_weight_device weight_device = {
    .major = 8, .minor = 0, .weight = {true, 300}, .leaf_weight = {true, 200}};
static struct sc_oci_hugepage pages[] = {{(char *)"2MB", 4194304}, {(char *)"1GB", 0}};
static struct sc_oci_net_priority priorities[] = {{(char *)"eth0", 5}, {(char *)"lo", 1}};
static struct sc_oci_rdma rdma[] = {{(char *)"mlx4_0", {true, 2}, {true, 2000}},
                                    {(char *)"mlx4_1", {true, 3}, {false, 0}}};

static const struct good good[] = {
    {"nothing", {.is_set = false}, false, ""},
    {"cpuset asked", {.cpu = {.cpus = (char *)"1", .mems = (char *)"0"}}, true, "cpuset.cpus=1;cpuset.mems=0;"},
    {"memory", {.memory = {.limit = I64(64 * MIB)}}, false, "memory.limit_in_bytes=67108864;"},
    {"memory before memsw",
     {.memory = {.limit = I64(64 * MIB), .swap = I64(128 * MIB)}},
     false,
     "memory.limit_in_bytes=67108864;memory.memsw.limit_in_bytes=134217728;"},
    {"no swap",
     {.memory = {.limit = I64(MIB), .swap = I64(MIB)}},
     false,
     "memory.limit_in_bytes=1048576;memory.memsw.limit_in_bytes=1048576;"},
    {"unlimited swap",
     {.memory = {.limit = I64(MIB), .swap = I64(-1)}},
     false,
     "memory.memsw.limit_in_bytes=-1;memory.limit_in_bytes=1048576;"},
    {"0 is not set", {.memory = {.limit = I64(0), .swap = I64(0), .reservation = I64(0), .kernel = I64(0)}}, false, ""},
    {"live: memsw out of the way first",
     {.memory = {.limit = I64(MIB), .swap = I64(2 * MIB)}},
     true,
     "memory.memsw.limit_in_bytes=-1;memory.limit_in_bytes=1048576;memory.memsw.limit_in_bytes=2097152;"},
    {"live: memory alone", {.memory = {.limit = I64(MIB)}}, true, "memory.limit_in_bytes=1048576;"},
    {"live: swap alone", {.memory = {.swap = I64(MIB)}}, true, "memory.memsw.limit_in_bytes=1048576;"},
    {"live: unlimited swap alone", {.memory = {.swap = I64(-1)}}, true, "memory.memsw.limit_in_bytes=-1;"},
    {"live: unlimited memory lifts swap too",
     {.memory = {.limit = I64(-1)}},
     true,
     "memory.memsw.limit_in_bytes=-1;memory.limit_in_bytes=-1;"},
    {"reservation, swappiness, TCP",
     {.memory = {.reservation = I64(MIB), .swappiness = U64(0), .kernel_tcp = I64(MIB), .kernel = I64(-1)}},
     false,
     "memory.soft_limit_in_bytes=1048576;memory.kmem.tcp.limit_in_bytes=1048576;memory.swappiness=0;"},
    {"no OOM killer", {.memory = {.disable_oom_killer = YES}}, false, "memory.oom_control=1;"},
    {"OOM killer as it is", {.memory = {.disable_oom_killer = NO}}, false, ""},
    {"live: OOM killer again", {.memory = {.disable_oom_killer = NO}}, true, "memory.oom_control=0;"},
    {"shares", {.cpu = {.shares = U64(512)}}, false, "cpu.shares=512;"},
    {"shares 0 is not set", {.cpu = {.shares = U64(0)}}, false, ""},
    {"period before quota before burst",
     {.cpu = {.quota = I64(50000), .period = U64(200000), .burst = U64(10000)}},
     false,
     "cpu.cfs_period_us=200000;cpu.cfs_quota_us=50000;cpu.cfs_burst_us=10000;"},
    {"quota alone", {.cpu = {.quota = I64(50000)}}, false, "cpu.cfs_quota_us=50000;"},
    {"no quota", {.cpu = {.quota = I64(-1)}}, false, "cpu.cfs_quota_us=-1;"},
    {"live: quota and burst out of the way",
     {.cpu = {.quota = I64(50000), .period = U64(200000), .burst = U64(10000)}},
     true,
     "cpu.cfs_burst_us=0;cpu.cfs_quota_us=-1;cpu.cfs_period_us=200000;cpu.cfs_quota_us=50000;cpu.cfs_burst_us=10000;"},
    {"live: no burst", {.cpu = {.burst = U64(0)}}, true, "cpu.cfs_burst_us=0;"},
    {"realtime",
     {.cpu = {.realtime_period = U64(1000000), .realtime_runtime = I64(95000)}},
     false,
     "cpu.rt_period_us=1000000;cpu.rt_runtime_us=95000;"},
    {"idle after shares", {.cpu = {.shares = U64(2), .idle = I64(1)}}, false, "cpu.shares=2;cpu.idle=1;"},
    {"live: not idle before shares", {.cpu = {.shares = U64(2), .idle = I64(0)}}, true, "cpu.idle=0;cpu.shares=2;"},
    {"pids", {.pids_limit = I64(64)}, false, "pids.max=64;"},
    {"pids unlimited", {.pids_limit = I64(-1)}, false, "pids.max=max;"},
    {"pids 0 from old engines", {.pids_limit = I64(0)}, false, "pids.max=max;"},
    {"more pids than there can be", {.pids_limit = I64(4194305)}, false, "pids.max=max;"},
    {"the most pids", {.pids_limit = I64(4194304)}, false, "pids.max=4194304;"},
    {"block I/O",
     {.block_io = {.weight = U64(500),
                   .leaf_weight = U64(10),
                   .weight_devices = &weight_device,
                   .weight_device_count = 1,
                   .read_bps = {&rate, 1},
                   .write_bps = {&rate, 1},
                   .read_iops = {&rate, 1},
                   .write_iops = {&rate, 1}}},
     false,
     "blkio.weight=500;blkio.leaf_weight=10;blkio.weight_device=8:0 300;blkio.leaf_weight_device=8:0 200;"
     "blkio.throttle.read_bps_device=8:16 1048576;blkio.throttle.write_bps_device=8:16 1048576;"
     "blkio.throttle.read_iops_device=8:16 1048576;blkio.throttle.write_iops_device=8:16 1048576;"},
    {"huge pages",
     {.hugepages = pages, .hugepage_count = 2},
     false,
     "hugetlb.2MB.limit_in_bytes=4194304;hugetlb.2MB.rsvd.limit_in_bytes=4194304?;"
     "hugetlb.1GB.limit_in_bytes=0;hugetlb.1GB.rsvd.limit_in_bytes=0?;"},
    {"network",
     {.net_class_id = U64(0x100001), .net_priorities = priorities, .net_priority_count = 2},
     false,
     "net_cls.classid=1048577;net_prio.ifpriomap=eth0 5;net_prio.ifpriomap=lo 1;"},
    {"rdma",
     {.rdma = rdma, .rdma_count = 2},
     false,
     "rdma.max=mlx4_0 hca_handle=2 hca_object=2000;rdma.max=mlx4_1 hca_handle=3;"},
};

static void
test_good(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout layout = layout_v1(&arena);

    (void)state;
    /* each new v1 cgroup first gets the cpuset without which it takes no task */
    run_good(&layout, good, SC_ARRAY_LEN(good), "cpuset.cpus=0-3?;cpuset.mems=0?;");
}

static void
test_cpuset_half_asked(void **state)
{
    static const struct good cases[] = {
        {"CPUs asked, nodes inherited", {.cpu = {.cpus = (char *)"1,3"}}, false, "cpuset.cpus=1,3;cpuset.mems=0?;"},
        {"nodes asked, CPUs inherited", {.cpu = {.mems = (char *)"0-1"}}, false, "cpuset.cpus=0-3?;cpuset.mems=0-1;"},
        {"empty is not asked",
         {.cpu = {.cpus = (char *)"", .mems = (char *)""}},
         false,
         "cpuset.cpus=0-3?;cpuset.mems=0?;"},
        {"live: nothing asked, nothing written", {.is_set = true}, true, ""},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout layout = layout_v1(&arena);

    (void)state;
    run_good(&layout, cases, SC_ARRAY_LEN(cases), "");
}

static struct sc_oci_hugepage bad_page = {(char *)"2MiB", 1};
static struct sc_oci_net_priority bad_priority = {(char *)"eth0 9", 5};
static struct sc_oci_rdma bad_rdma = {(char *)"", {true, 2}, {true, 2}};
static struct sc_oci_weight_device bad_weight = {.weight = {true, 1001}};

/* Wrong on every version. */
static const struct bad invalid[] = {
    {{.memory = {.limit = I64(-2)}}, false, SC_ERR_INVALID, "linux.resources.memory.limit: -2 is below -1 (unlimited)"},
    {{.memory = {.reservation = I64(-5)}},
     false,
     SC_ERR_INVALID,
     "linux.resources.memory.reservation: -5 is below -1 (unlimited)"},
    {{.memory = {.swap = I64(-2)}}, false, SC_ERR_INVALID, "linux.resources.memory.swap: -2 is below -1 (unlimited)"},
    {{.memory = {.limit = I64(2 * MIB), .swap = I64(MIB)}},
     false,
     SC_ERR_INVALID,
     "linux.resources.memory.swap: 1048576 bytes of memory and swap together are less than the limit of 2097152 bytes "
     "on "
     "memory alone"},
    {{.memory = {.swap = I64(MIB)}},
     false,
     SC_ERR_INVALID,
     "linux.resources.memory.swap: a limit on memory and swap together needs a limit on memory"},
    {{.memory = {.swappiness = U64(101)}},
     false,
     SC_ERR_INVALID,
     "linux.resources.memory.swappiness: 101 is above 100"},
    {{.memory = {.kernel = I64(MIB)}},
     false,
     SC_ERR_UNSUPPORTED,
     "linux.resources.memory.kernel: the kernel has no separate limit on kernel memory any more"},
    {{.cpu = {.quota = I64(999)}},
     false,
     SC_ERR_INVALID,
     "linux.resources.cpu.quota: 999 is not -1 or at least 1000 us"},
    {{.cpu = {.quota = I64(-2)}}, false, SC_ERR_INVALID, "linux.resources.cpu.quota: -2 is not -1 or at least 1000 us"},
    {{.cpu = {.period = U64(999)}},
     false,
     SC_ERR_INVALID,
     "linux.resources.cpu.period: 999 is not between 1000 and 1000000 us"},
    {{.cpu = {.period = U64(1000001)}},
     false,
     SC_ERR_INVALID,
     "linux.resources.cpu.period: 1000001 is not between 1000 and 1000000 us"},
    {{.cpu = {.quota = I64(1000), .burst = U64(1001)}},
     false,
     SC_ERR_INVALID,
     "linux.resources.cpu.burst: 1001 us are more than the quota of 1000 us"},
    {{.cpu = {.idle = I64(2)}}, false, SC_ERR_INVALID, "linux.resources.cpu.idle: 2 is not 0 or 1"},
    {{.pids_limit = I64(-2)}, false, SC_ERR_INVALID, "linux.resources.pids.limit: -2 is below -1 (unlimited)"},
    {{.block_io = {.weight = U64(9)}},
     false,
     SC_ERR_INVALID,
     "linux.resources.blockIO.weight: 9 is not between 10 and 1000"},
    {{.block_io = {.leaf_weight = U64(1001)}},
     false,
     SC_ERR_INVALID,
     "linux.resources.blockIO.leafWeight: 1001 is not between 10 and 1000"},
    {{.block_io = {.weight_devices = &bad_weight, .weight_device_count = 1}},
     false,
     SC_ERR_INVALID,
     "linux.resources.blockIO.weightDevice.weight: 1001 is not between 10 and 1000"},
    {{.hugepages = &bad_page, .hugepage_count = 1},
     false,
     SC_ERR_INVALID,
     "linux.resources.hugepageLimits.pageSize: \"2MiB\" is not a size such as \"2MB\" or \"1GB\""},
    {{.net_class_id = U64(UINT64_C(1) << 32)},
     false,
     SC_ERR_INVALID,
     "linux.resources.network.classID: 4294967296 does not fit 32 bits"},
    {{.net_priorities = &bad_priority, .net_priority_count = 1},
     false,
     SC_ERR_INVALID,
     "linux.resources.network.priorities.name: \"eth0 9\" is not a name"},
    {{.rdma = &bad_rdma, .rdma_count = 1}, false, SC_ERR_INVALID, "linux.resources.rdma: \"\" is not a name"},
};

static void
test_invalid(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout v1 = layout_v1(&arena);
    struct sc_cgroup_layout v2 = layout_v2(&arena, "cpuset cpu io memory hugetlb pids rdma");

    (void)state;
    run_bad(&v1, invalid, SC_ARRAY_LEN(invalid));
    run_bad(&v2, invalid, SC_ARRAY_LEN(invalid));
}

static void
test_cpu_list(void **state)
{
    static const struct sc_oci_resources asks[] = {{.cpu = {.cpus = (char *)"0-"}}, {.cpu = {.mems = (char *)"a"}}};
    static const char *const where[] = {"linux.resources.cpu.cpus: ", "linux.resources.cpu.mems: "};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout layout = layout_v1(&arena);

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(asks); i++) {
        struct sc_cgroup_writes writes;
        struct sc_strv need = {.count = 0};
        struct sc_err err = SC_ERR_INIT;

        assert_int_equal(sc_cgroup_translate(&layout, &asks[i], true, &arena, &writes, &need, &err), -1);
        assert_int_equal(err.kind, SC_ERR_INVALID);
        assert_true(sc_str_starts(err.msg, where[i]));
    }
}

static void
test_v1_refusals(void **state)
{
    static char entry[] = "memory.high=1M", *entries[] = {entry, NULL};
    static const struct bad cases[] = {
        {{.memory = {.limit = I64(-1), .swap = I64(MIB)}},
         false,
         SC_ERR_INVALID,
         "linux.resources.memory.swap: a limit on memory and swap together needs a limit on memory"},
        {{.unified = {.items = entries, .count = 1}},
         false,
         SC_ERR_UNSUPPORTED,
         "linux.resources.unified: this host has no cgroup v2 hierarchy"},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout layout = layout_v1(&arena);

    (void)state;
    run_bad(&layout, cases, SC_ARRAY_LEN(cases));
}

static void
test_no_swap_accounting(void **state)
{
    static const struct good fine[] = {
        {"unlimited swap is what it is",
         {.memory = {.limit = I64(MIB), .swap = I64(-1)}},
         true,
         "memory.limit_in_bytes=1048576;"},
        {"live: unlimited memory", {.memory = {.limit = I64(-1)}}, true, "memory.limit_in_bytes=-1;"},
    };
    static const struct bad refused[] = {
        {{.memory = {.limit = I64(MIB), .swap = I64(2 * MIB)}},
         false,
         SC_ERR_UNSUPPORTED,
         "limit memory and swap to 2 MiB: this host does not account swap"},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout layout = layout_v1(&arena);

    (void)state;
    layout.has_swap_accounting = false;
    run_good(&layout, fine, SC_ARRAY_LEN(fine), "");
    run_bad(&layout, refused, SC_ARRAY_LEN(refused));
}

static struct sc_oci_device_rule deny_all = {.type = 'a', .can_read = true, .can_write = true, .can_mknod = true};

/* Each limit where nothing can enforce it: the error names the controller. */
static const struct bad missing[] = {
    {{.memory = {.limit = I64(64 * MIB)}},
     false,
     SC_ERR_UNSUPPORTED,
     "limit memory to 64 MiB: this host has no \"memory\" cgroup controller"},
    {{.memory = {.limit = I64(1000)}},
     false,
     SC_ERR_UNSUPPORTED,
     "limit memory to 1000 bytes: this host has no \"memory\" cgroup controller"},
    {{.memory = {.swap = I64(1024)}},
     false,
     SC_ERR_UNSUPPORTED,
     "limit memory and swap to 1 KiB: this host has no \"memory\" cgroup controller"},
    {{.memory = {.reservation = I64(MIB)}},
     false,
     SC_ERR_UNSUPPORTED,
     "reserve 1 MiB of memory: this host has no \"memory\" cgroup controller"},
    {{.memory = {.kernel_tcp = I64(MIB)}},
     false,
     SC_ERR_UNSUPPORTED,
     "limit TCP buffer memory: this host has no \"memory\" cgroup controller"},
    {{.memory = {.swappiness = U64(0)}},
     false,
     SC_ERR_UNSUPPORTED,
     "set swappiness: this host has no \"memory\" cgroup controller"},
    {{.memory = {.disable_oom_killer = YES}},
     false,
     SC_ERR_UNSUPPORTED,
     "disable the OOM killer: this host has no \"memory\" cgroup controller"},
    {{.cpu = {.quota = I64(50000)}},
     false,
     SC_ERR_UNSUPPORTED,
     "limit CPU time to 50000 us in every 100000: this host has no \"cpu\" cgroup controller"},
    {{.cpu = {.shares = U64(5)}},
     false,
     SC_ERR_UNSUPPORTED,
     "give 5 CPU shares: this host has no \"cpu\" cgroup controller"},
    {{.cpu = {.period = U64(5000)}},
     false,
     SC_ERR_UNSUPPORTED,
     "set the CPU period: this host has no \"cpu\" cgroup controller"},
    {{.cpu = {.burst = U64(5)}},
     false,
     SC_ERR_UNSUPPORTED,
     "let CPU time burst: this host has no \"cpu\" cgroup controller"},
    {{.cpu = {.realtime_runtime = I64(5)}},
     false,
     SC_ERR_UNSUPPORTED,
     "grant realtime CPU time: this host has no \"cpu\" cgroup controller"},
    {{.cpu = {.idle = I64(1)}}, false, SC_ERR_UNSUPPORTED, "run as idle: this host has no \"cpu\" cgroup controller"},
    {{.cpu = {.cpus = (char *)"0"}},
     false,
     SC_ERR_UNSUPPORTED,
     "limit to CPUs 0: this host has no \"cpuset\" cgroup controller"},
    {{.cpu = {.mems = (char *)"0"}},
     false,
     SC_ERR_UNSUPPORTED,
     "limit to memory nodes 0: this host has no \"cpuset\" cgroup controller"},
    {{.pids_limit = I64(64)},
     false,
     SC_ERR_UNSUPPORTED,
     "limit tasks to 64: this host has no \"pids\" cgroup controller"},
    {{.devices = &deny_all, .device_count = 1},
     false,
     SC_ERR_UNSUPPORTED,
     "restrict access to devices: this host has no \"devices\" cgroup controller"},
    {{.block_io = {.weight = U64(500)}},
     false,
     SC_ERR_UNSUPPORTED,
     "weigh block I/O: this host has no \"blkio\" cgroup controller"},
    {{.block_io = {.read_bps = {&rate, 1}}},
     false,
     SC_ERR_UNSUPPORTED,
     "limit the rate of block I/O: this host has no \"blkio\" cgroup controller"},
    {{.hugepages = pages, .hugepage_count = 1},
     false,
     SC_ERR_UNSUPPORTED,
     "limit huge pages of 2MB: this host has no \"hugetlb\" cgroup controller"},
    {{.net_class_id = U64(1)},
     false,
     SC_ERR_UNSUPPORTED,
     "set the network class: this host has no \"net_cls\" cgroup controller"},
    {{.net_priorities = priorities, .net_priority_count = 1},
     false,
     SC_ERR_UNSUPPORTED,
     "set network priorities: this host has no \"net_prio\" cgroup controller"},
    {{.rdma = rdma, .rdma_count = 1},
     false,
     SC_ERR_UNSUPPORTED,
     "limit RDMA: this host has no \"rdma\" cgroup controller"},
};

static void
test_missing(void **state)
{
    /* What asks for no limit needs no controller. */
    static const struct good nothing[] = {
        {"unlimited everything",
         {.memory = {.limit = I64(-1),
                     .swap = I64(-1),
                     .reservation = I64(-1),
                     .kernel = I64(-1),
                     .kernel_tcp = I64(-1),
                     .disable_oom_killer = NO},
          .cpu = {.quota = I64(-1), .shares = U64(0), .idle = I64(0)},
          .pids_limit = I64(-1)},
         false,
         ""},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout bare = {.mode = SC_CGROUP_V1}, absent = {.mode = SC_CGROUP_ABSENT};

    (void)state;
    layout_put(&bare, &arena, false, "systemd", "name=systemd");
    run_bad(&bare, missing, SC_ARRAY_LEN(missing));
    run_bad(&absent, missing, SC_ARRAY_LEN(missing));
    run_good(&bare, nothing, 1, "");
    run_good(&absent, nothing, 1, "");
}

static void
test_missing_remedy(void **state)
{
    static const struct sc_oci_resources memory = {.memory = {.limit = I64(MIB)}}, pids = {.pids_limit = I64(5)};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout v1 = {.mode = SC_CGROUP_V1}, absent = {.mode = SC_CGROUP_ABSENT},
                            v2 = layout_v2(&arena, "cpu");
    const struct {
        const struct sc_cgroup_layout *layout;
        const struct sc_oci_resources *resources;
        const char *remedy;
    } cases[] = {
        {&v1, &memory, "boot with \"cgroup_enable=memory swapaccount=1\""},
        {&v1, &pids, "mount it: mkdir /sys/fs/cgroup/pids && mount -t cgroup -o pids "},
        {&absent, &pids, "mount cgroup v2: mount -t cgroup2 "},
        {&v2, &memory, "/sys/fs/cgroup/cgroup.controllers lists what there is;"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_cgroup_writes writes;
        struct sc_strv need = {.count = 0};
        struct sc_err err = SC_ERR_INIT;

        assert_int_equal(sc_cgroup_translate(cases[i].layout, cases[i].resources, true, &arena, &writes, &need, &err),
                         -1);
        assert_true(sc_str_starts(err.remedy, cases[i].remedy));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),        cmocka_unit_test(test_cpuset_half_asked),
        cmocka_unit_test(test_invalid),     cmocka_unit_test(test_cpu_list),
        cmocka_unit_test(test_v1_refusals), cmocka_unit_test(test_no_swap_accounting),
        cmocka_unit_test(test_missing),     cmocka_unit_test(test_missing_remedy),
    };

    return RUN_TESTS(tests);
}
