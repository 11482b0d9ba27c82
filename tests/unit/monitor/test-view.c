/* What the files of a view of /proc show, from made-up hosts and containers. */
#include <linux/sysinfo.h>
#include <string.h>

#include "test.h"

#include "monitor/view.h"

#define MIB ((int64_t)1 << 20)

static const char host_meminfo[] = "MemTotal:       24684084 kB\n"
                                   "MemFree:        17453664 kB\n"
                                   "MemAvailable:   20000000 kB\n"
                                   "Buffers:          100000 kB\n"
                                   "Cached:           875048 kB\n"
                                   "SwapTotal:       1048576 kB\n"
                                   "SwapFree:        1048576 kB\n"
                                   "Active(anon):     300000 kB\n"
                                   "HugePages_Total:       0\n"
                                   "DirectMap1G:     5000000 kB\n";
static const char host_slab[] =
    "MemTotal:       24684084 kB\nAnonHugePages:   1284096 kB\nKReclaimable:     141196 kB\n"
    "Slab:             200000 kB\n"
    "SReclaimable:     141196 kB\nSUnreclaim:        58804 kB\n";
static const char host_cpuinfo[] = "processor\t: 0\nmodel name\t: a\n\nprocessor\t: 1\nmodel name\t: b\n\n"
                                   "processor\t: 2\nmodel name\t: c\n\nprocessor\t: 3\nmodel name\t: d\n\n";

static char *
render(enum sc_view_file file, const char *host, const struct sc_view_values *values, int cpus)
{
    static struct sc_buf out;

    sc_buf_clear(&out);
    sc_view_render(file, host, values, cpus, &out);
    assert_false(out.has_failed);
    return (char *)(uintptr_t)sc_buf_str(&out);
}

static void
test_meminfo(void **state)
{
    struct sc_view_values v;

    (void)state;
    sc_view_values_init(&v);
    assert_string_equal(render(SC_VIEW_MEMINFO, host_meminfo, &v, 4), host_meminfo);
    v.memory_limit = 256 * MIB;
    v.memory_usage = 56 * MIB;
    v.swap_limit = 64 * MIB;
    v.swap_usage = 4 * MIB;
    v.active_file = 5 * MIB;
    v.inactive_file = 7 * MIB;
    v.file = 12 * MIB;
    v.active_anon = 20 * MIB;
    assert_string_equal(render(SC_VIEW_MEMINFO, host_meminfo, &v, 4), "MemTotal:         262144 kB\n"
                                                                      "MemFree:          204800 kB\n"
                                                                      "MemAvailable:     217088 kB\n"
                                                                      "Buffers:               0 kB\n"
                                                                      "Cached:            12288 kB\n"
                                                                      "SwapTotal:         65536 kB\n"
                                                                      "SwapFree:          61440 kB\n"
                                                                      "Active(anon):      20480 kB\n"
                                                                      "HugePages_Total:       0\n"
                                                                      "DirectMap1G:     5000000 kB\n");
    /* of a v1 cgroup the kernel does not say it: the host has more of it than the container may have memory */
    v.anon_huge = 2 * MIB;
    assert_string_equal(render(SC_VIEW_MEMINFO, host_slab, &v, 4), "MemTotal:         262144 kB\n"
                                                                   "AnonHugePages:      2048 kB\n"
                                                                   "KReclaimable:          0 kB\n"
                                                                   "Slab:                  0 kB\n"
                                                                   "SReclaimable:          0 kB\n"
                                                                   "SUnreclaim:            0 kB\n");
    /* a limit above the host's memory is none; usage above the limit leaves nothing free */
    v.memory_limit = (int64_t)1 << 50;
    assert_non_null(strstr(render(SC_VIEW_MEMINFO, host_meminfo, &v, 4), "MemTotal:       24684084 kB\n"));
    v.memory_limit = 10 * MIB;
    assert_non_null(strstr(render(SC_VIEW_MEMINFO, host_meminfo, &v, 4), "MemFree:               0 kB\n"));
    assert_non_null(strstr(render(SC_VIEW_MEMINFO, host_meminfo, &v, 4), "MemAvailable:      10240 kB\n"));
}

static void
test_cpu_count(void **state)
{
    static const struct {
        const char *list;
        double cpus;
        int host, expected;
    } cases[] = {
        {NULL, -1, 8, 8}, {NULL, 1, 8, 1},      {NULL, 1.5, 8, 2},     {NULL, 0.25, 8, 1},
        {NULL, 16, 8, 8}, {"0-3", -1, 8, 4},    {"0,2,5-6", -1, 8, 4}, {"0-3", 2, 8, 2},
        {"1", 4, 8, 1},   {"0-1023", -1, 8, 8}, {"", -1, 8, 8},        {"junk", -1, 8, 8},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_view_values v;

        sc_view_values_init(&v);
        v.cpu_list = (char *)(uintptr_t)cases[i].list;
        v.cpus = cases[i].cpus;
        assert_int_equal(sc_view_cpu_count(&v, cases[i].host), cases[i].expected);
    }
}

static void
test_cpus(void **state)
{
    struct sc_view_values v;

    (void)state;
    sc_view_values_init(&v);
    assert_string_equal(render(SC_VIEW_CPUINFO, host_cpuinfo, &v, 4), host_cpuinfo);
    v.cpu_list = (char *)(uintptr_t) "1,3";
    assert_string_equal(render(SC_VIEW_CPUINFO, host_cpuinfo, &v, 4),
                        "processor\t: 0\nmodel name\t: b\n\nprocessor\t: 1\nmodel name\t: d\n\n");
    v.cpus = 1;
    assert_string_equal(render(SC_VIEW_CPUINFO, host_cpuinfo, &v, 4), "processor\t: 0\nmodel name\t: b\n\n");
    assert_string_equal(render(SC_VIEW_CPU_ONLINE, "0-3\n", &v, 4), "0\n");
}

static void
test_stat_and_uptime(void **state)
{
    static const char host[] = "cpu  9 9 9 9 9\ncpu0 9 9\ncpu1 9 9\nintr 5\nctxt 6\nbtime 7\nprocesses 8\n";
    struct sc_view_values v;

    (void)state;
    sc_view_values_init(&v);
    assert_string_equal(render(SC_VIEW_STAT, host, &v, 2), host);
    assert_string_equal(render(SC_VIEW_UPTIME, "1.00 2.00\n", &v, 2), "1.00 2.00\n");
    v.cpu_user = 2000000000;
    v.cpu_system = 1000000000;
    v.up = 10000000000;
    v.started_at = 1234;
    assert_string_equal(render(SC_VIEW_STAT, host, &v, 2), "cpu  200 0 100 1700 0 0 0 0 0 0\n"
                                                           "cpu0 100 0 50 850 0 0 0 0 0 0\n"
                                                           "cpu1 100 0 50 850 0 0 0 0 0 0\n"
                                                           "intr 5\nctxt 6\nbtime 1234\nprocesses 8\n");
    assert_string_equal(render(SC_VIEW_UPTIME, "1.00 2.00\n", &v, 2), "10.00 17.00\n");
    /* more CPU time than one CPU has seconds: nothing was idle */
    v.cpus = 1;
    v.cpu_user = 20000000000;
    assert_string_equal(render(SC_VIEW_UPTIME, "1.00 2.00\n", &v, 2), "10.00 0.00\n");
}

static void
test_load(void **state)
{
    double load[3] = {0, 0, 0};
    struct sc_view_values v;

    (void)state;
    sc_view_load(load, 0, 0);
    assert_true(load[0] == 0);
    /* one CPU busy for a minute, seen once or in steps */
    sc_view_load(load, 60, 60);
    assert_true(load[0] > 0.63 && load[0] < 0.64 && load[1] > 0.18 && load[1] < 0.19 && load[2] > 0.06 &&
                load[2] < 0.07);
    for (int i = 0; i < 1000; i++)
        sc_view_load(load, 2, 1);
    assert_true(load[0] > 1.99 && load[0] < 2.01);
    sc_view_load(load, 50000, 100000);
    assert_true(load[0] > 0.49 && load[0] < 0.51 && load[2] > 0.49 && load[2] < 0.51);
    sc_view_values_init(&v);
    v.load[0] = 0.5;
    v.pids = 7;
    assert_string_equal(render(SC_VIEW_LOADAVG, "9 9 9 3/400 12345\n", &v, 2), "0.50 0.00 0.00 1/7 12345\n");
}

static void
test_swaps_and_disks(void **state)
{
    static const char swaps[] = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
                                "/dev/sda2                               partition\t1048576\t\t0\t\t-2\n";
    static const char disks[] = "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n   8      16 sdb 1 2 3 4 5 6 7 8 9 10 11\n";
    struct sc_view_values v;

    (void)state;
    sc_view_values_init(&v);
    assert_string_equal(render(SC_VIEW_SWAPS, swaps, &v, 2), swaps);
    assert_string_equal(render(SC_VIEW_DISKSTATS, disks, &v, 2), disks);
    v.swap_limit = 0;
    assert_string_equal(render(SC_VIEW_SWAPS, swaps, &v, 2), "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    v.swap_limit = 64 * MIB;
    v.swap_usage = MIB;
    assert_non_null(strstr(render(SC_VIEW_SWAPS, swaps, &v, 2), "virtual \t65536\t\t1024\t\t0\n"));
    v.io = "";
    assert_string_equal(render(SC_VIEW_DISKSTATS, disks, &v, 2), "");
    v.io = "8:16 3 4 5120 1024\n";
    assert_string_equal(render(SC_VIEW_DISKSTATS, disks, &v, 2), "   8      16 sdb 3 0 10 0 4 0 2 0 0 0 0\n");
}

static char *
render_sys(const char *path, const char *host, const struct sc_view_values *values, int cpus)
{
    static struct sc_buf out;

    sc_buf_clear(&out);
    sc_view_render_sys(path, host, values, cpus, &out);
    assert_false(out.has_failed);
    return (char *)(uintptr_t)sc_buf_str(&out);
}

static void
test_sys_names(void **state)
{
    struct sc_view_values v;

    (void)state;
    sc_view_values_init(&v);
    v.cpus = 2;
    v.mem_list = (char *)(uintptr_t) "1";
    assert_true(sc_view_sys_is_shown("cpu", "cpu0", &v, 8));
    assert_true(sc_view_sys_is_shown("cpu", "cpu1", &v, 8));
    assert_false(sc_view_sys_is_shown("cpu", "cpu2", &v, 8));
    assert_false(sc_view_sys_is_shown("node/node1", "cpu7", &v, 8));
    assert_true(sc_view_sys_is_shown("cpu", "cpufreq", &v, 8));
    assert_true(sc_view_sys_is_shown("cpu", "cpu", &v, 8));
    assert_false(sc_view_sys_is_shown("node", "node0", &v, 8));
    assert_true(sc_view_sys_is_shown("node", "node1", &v, 8));
    assert_true(sc_view_sys_is_shown("cpu/cpu0", "node0", &v, 8));
    assert_false(sc_view_sys_is_shown("cpu/cpu0", "thermal_throttle", &v, 8));
    assert_false(sc_view_sys_depends("cpufreq"));
    assert_false(sc_view_sys_depends("cpu0"));
    assert_true(sc_view_sys_depends("cpu1"));
    assert_true(sc_view_sys_depends("node0"));
}

static void
test_nodes(void **state)
{
    static const char meminfo[] = "Node 0 MemTotal:       24684084 kB\nNode 0 MemFree:        20000000 kB\n"
                                  "Node 0 MemUsed:         4684084 kB\nNode 0 HugePages_Total:     0\n";
    struct sc_view_values v;

    (void)state;
    sc_view_values_init(&v);
    assert_string_equal(render_sys("node/node0/meminfo", meminfo, &v, 8), meminfo);
    assert_string_equal(render_sys("node/online", "0-1\n", &v, 8), "0-1\n");
    v.mem_list = (char *)(uintptr_t) "0";
    v.cpus = 2;
    v.memory_limit = 256 * MIB;
    v.memory_usage = 56 * MIB;
    assert_string_equal(render_sys("node/node0/meminfo", meminfo, &v, 8),
                        "Node 0 MemTotal:         262144 kB\nNode 0 MemFree:          204800 kB\n"
                        "Node 0 MemUsed:           57344 kB\nNode 0 HugePages_Total:     0\n");
    assert_string_equal(render_sys("node/online", "0-1\n", &v, 8), "0\n");
    assert_string_equal(render_sys("node/has_cpu", "0-1\n", &v, 8), "0\n");
    assert_string_equal(render_sys("node/node0/cpulist", "4-7\n", &v, 8), "0-1\n");
    assert_string_equal(render_sys("node/node0/cpumap", "00000000,000000f0\n", &v, 8), "00000000,00000003\n");
    /* with two nodes each keeps its own */
    v.mem_list = (char *)(uintptr_t) "0-1";
    v.cpus = 6;
    assert_string_equal(render_sys("node/node0/cpulist", "0-3\n", &v, 8), "0-3\n");
    assert_string_equal(render_sys("node/node1/cpulist", "4,5,6-7\n", &v, 8), "4-5\n");
    assert_string_equal(render_sys("node/node1/cpumap", "f0\n", &v, 8), "30\n");
    assert_string_equal(render_sys("cpu/cpu0/topology/core_id", "3\n", &v, 8), "3\n");
    assert_string_equal(render_sys("cpu/possible", "0-7\n", &v, 8), "0-7\n");
}

static void
test_sysinfo(void **state)
{
    const struct sysinfo host = {.uptime = 99999,
                                 .loads = {1, 2, 3},
                                 .totalram = 8192 * (unsigned long)MIB,
                                 .freeram = 4096 * (unsigned long)MIB,
                                 .sharedram = 5,
                                 .bufferram = 6,
                                 .totalswap = 1024 * (unsigned long)MIB,
                                 .freeswap = 1000 * (unsigned long)MIB,
                                 .procs = 300,
                                 .mem_unit = 1};
    struct sysinfo info = host;
    struct sc_view_values v;

    (void)state;
    sc_view_values_init(&v);
    sc_view_answer_sysinfo(&v, &info);
    assert_memory_equal(&info, &host, sizeof(info));
    v.memory_limit = 64 * MIB;
    v.memory_usage = 24 * MIB;
    v.shmem = 2 * MIB;
    v.swap_limit = 0;
    v.pids = 3;
    v.up = INT64_C(1500000000);
    v.cpu_user = 0;
    v.load[0] = 0.5;
    sc_view_answer_sysinfo(&v, &info);
    assert_int_equal(info.uptime, 2); /* the kernel rounds up */
    assert_int_equal(info.loads[0], 32768);
    assert_int_equal(info.totalram, 64 * MIB);
    assert_int_equal(info.freeram, 40 * MIB);
    assert_int_equal(info.sharedram, 2 * MIB);
    assert_int_equal(info.bufferram, 0);
    assert_int_equal(info.totalswap, 0);
    assert_int_equal(info.freeswap, 0);
    assert_int_equal(info.procs, 3);
    /* no limit of swap, more used than there is, and numbers in pages */
    info = host;
    info.mem_unit = 4096;
    info.totalram = 8192 * (unsigned long)MIB / 4096;
    info.totalswap = 16 * (unsigned long)MIB / 4096;
    v.swap_limit = -1;
    v.swap_usage = 1024 * MIB;
    v.memory_usage = 65 * MIB;
    v.pids = 70000;
    sc_view_answer_sysinfo(&v, &info);
    assert_int_equal(info.totalram, 64 * MIB / 4096);
    assert_int_equal(info.freeram, 0);
    assert_int_equal(info.totalswap, 16 * MIB / 4096);
    assert_int_equal(info.freeswap, 0);
    assert_int_equal(info.procs, UINT16_MAX);
}

static void
test_narrow_sysinfo(void **state)
{
    struct sysinfo info = {
        .uptime = 7, .totalram = 64 * (unsigned long)MIB, .freeram = 4096, .procs = 9, .mem_unit = 1};
    struct sc_view_sysinfo32 narrow;

    (void)state;
    assert_int_equal(sizeof(narrow), 64);
    sc_view_narrow_sysinfo(&info, &narrow);
    assert_int_equal(narrow.uptime, 7);
    assert_int_equal(narrow.totalram, 64 * MIB);
    assert_int_equal(narrow.freeram, 4096);
    assert_int_equal(narrow.procs, 9);
    assert_int_equal(narrow.mem_unit, 1);
    info.totalram = 8192 * (unsigned long)MIB;
    sc_view_narrow_sysinfo(&info, &narrow);
    assert_int_equal((uint64_t)narrow.totalram * narrow.mem_unit, 8192 * MIB);
    assert_int_equal((uint64_t)narrow.freeram * narrow.mem_unit, 4096);
    assert_true(narrow.mem_unit > 1 && narrow.mem_unit <= 4096);
}

static void
test_mask(void **state)
{
    unsigned char mask[] = {0xc4, 0x01, 0x80};

    (void)state;
    sc_view_trim_mask(mask, sizeof(mask), 5);
    assert_memory_equal(mask, ((unsigned char[]){0xc4, 0x01, 0x80}), sizeof(mask));
    sc_view_trim_mask(mask, sizeof(mask), 4);
    assert_memory_equal(mask, ((unsigned char[]){0xc4, 0x01, 0x00}), sizeof(mask));
    sc_view_trim_mask(mask, sizeof(mask), 2);
    assert_memory_equal(mask, ((unsigned char[]){0x44, 0x00, 0x00}), sizeof(mask));
    sc_view_trim_mask(mask, sizeof(mask), 1);
    assert_memory_equal(mask, ((unsigned char[]){0x04, 0x00, 0x00}), sizeof(mask));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meminfo),   cmocka_unit_test(test_cpu_count),
        cmocka_unit_test(test_cpus),      cmocka_unit_test(test_stat_and_uptime),
        cmocka_unit_test(test_load),      cmocka_unit_test(test_swaps_and_disks),
        cmocka_unit_test(test_sys_names), cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_sysinfo),   cmocka_unit_test(test_narrow_sysinfo),
        cmocka_unit_test(test_mask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
