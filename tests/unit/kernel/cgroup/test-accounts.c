/* The accounts, from directories that look like cgroups of v1, of v2, and of a hybrid host. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup-test.h"
#include "kernel/cgroup/cgroup.h"

struct fixture {
    char root[64], dirs[1024];
    int fd;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->root, sizeof(f->root), "/tmp/sc-accounts-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    f->fd = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->fd >= 0);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    struct sc_err err;

    close(f->fd);
    assert_ok(sc_tree_remove_at(AT_FDCWD, f->root, &err));
    free(f);
    return 0;
}

static void
put(struct fixture *f, const char *dir, const char *file, const char *text)
{
    struct sc_err err;
    int fd;

    if (mkdirat(f->fd, dir, 0700) == 0)
        (void)snprintf(f->dirs + strlen(f->dirs), sizeof(f->dirs) - strlen(f->dirs), "%s/%s\n", f->root, dir);
    fd = openat(f->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(sc_file_replace_at(fd, file, text, strlen(text), 0600, SC_VOLATILE, &err));
    close(fd);
}

static struct sc_usage
look(const struct fixture *f)
{
    struct sc_accounts accounts;
    struct sc_usage usage;

    sc_accounts_open(f->dirs, SC_ACCOUNTS_ALL, &accounts);
    assert_true(sc_accounts_read(&accounts, NULL, &usage));
    sc_accounts_close(&accounts);
    assert_false(sc_accounts_read(&accounts, NULL, &usage) && usage.cpu_ns > 0);
    sc_accounts_open(f->dirs, SC_ACCOUNTS_ALL, &accounts);
    assert_true(sc_accounts_read(&accounts, NULL, &usage));
    sc_accounts_close(&accounts);
    return usage;
}

static void
put_v1(struct fixture *f)
{
    put(f, "cpu", "cpu.stat", "nr_periods 10\nnr_throttled 3\nthrottled_time 12345\n");
    put(f, "cpuacct", "cpuacct.usage", "1000000\n");
    put(f, "cpuacct", "cpuacct.usage_user", "700000\n");
    put(f, "cpuacct", "cpuacct.usage_sys", "300000\n");
    put(f, "memory", "memory.usage_in_bytes", "4096\n");
    put(f, "memory", "memory.limit_in_bytes", "9223372036854771712\n");
    put(f, "memory", "memory.max_usage_in_bytes", "8192\n");
    put(f, "memory", "memory.stat",
        "cache 1\ninactive_file 1\nhierarchical_memory_limit 5\ntotal_cache 2\ntotal_swap 77\ntotal_inactive_file "
        "1024\n");
    put(f, "memory", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    put(f, "pids", "pids.current", "5\n");
    put(f, "pids", "pids.max", "max\n");
    put(f, "pids", "pids.events", "max 9\n");
    put(f, "blkio", "blkio.throttle.io_service_bytes_recursive",
        "8:0 Read 100\n8:0 Write 200\n8:0 Sync 300\n8:0 Total 300\n254:0 Read 11\n254:0 Write 22\nTotal 333\n");
    put(f, "blkio", "blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Write 2\nTotal 3\n");
}

static void
assert_v1(const struct sc_usage *u)
{
    assert_int_equal(u->cpu_ns, 1000000);
    assert_int_equal(u->user_ns, 700000);
    assert_int_equal(u->system_ns, 300000);
    assert_int_equal(u->periods, 10);
    assert_int_equal(u->throttled_periods, 3);
    assert_int_equal(u->throttled_ns, 12345);
    assert_int_equal(u->memory, 4096);
    assert_true(u->memory_limit == UINT64_MAX);
    assert_int_equal(u->memory_peak, 8192);
    assert_int_equal(u->inactive_file, 1024);
    assert_int_equal(u->swap, 77);
    assert_int_equal(u->oom_kills, 2);
    assert_int_equal(u->pids, 5);
    assert_true(u->pids_limit == UINT64_MAX);
    assert_int_equal(u->pids_hits, 9);
    assert_int_equal(u->read_bytes, 111);
    assert_int_equal(u->written_bytes, 222);
    assert_int_equal(u->reads, 1);
    assert_int_equal(u->writes, 2);
}

static void
test_v1(void **state)
{
    struct fixture *f = *state;
    struct sc_usage u;

    put_v1(f);
    u = look(f);
    assert_v1(&u);
    assert_false(u.pressure[0].is_known);
}

static void
put_pressure(struct fixture *f, const char *dir)
{
    put(f, dir, "cpu.pressure",
        "some avg10=1.25 avg60=9.00 avg300=9.00 total=500\nfull avg10=7.00 avg60=0.00 avg300=0.00 total=9\n");
    put(f, dir, "memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
    put(f, dir, "io.pressure", "some avg10=100.00 avg60=0.00 avg300=0.00 total=7\n");
}

static void
assert_pressure(const struct sc_usage *u)
{
    assert_true(u->pressure[0].is_known && u->pressure[1].is_known && u->pressure[2].is_known);
    assert_int_equal(u->pressure[0].some10, 125);
    assert_int_equal(u->pressure[0].some_us, 500);
    assert_int_equal(u->pressure[1].some10, 0);
    assert_int_equal(u->pressure[2].some10, 10000);
}

static void
test_v2(void **state)
{
    struct fixture *f = *state;
    struct sc_usage u;

    put(f, "one", "cpu.stat",
        "usage_usec 1000\nuser_usec 700\nsystem_usec 300\nnice_usec 0\nnr_periods 10\nnr_throttled 3\n"
        "throttled_usec 12\nnr_bursts 0\n");
    put(f, "one", "memory.current", "4096\n");
    put(f, "one", "memory.max", "max\n");
    put(f, "one", "memory.peak", "8192\n");
    put(f, "one", "memory.stat", "anon 1\nfile 2\ninactive_anon 3\ninactive_file 1024\n");
    put(f, "one", "memory.swap.current", "77\n");
    put(f, "one", "memory.events", "low 0\nhigh 0\nmax 5\noom 3\noom_kill 2\noom_group_kill 1\n");
    put(f, "one", "pids.current", "5\n");
    put(f, "one", "pids.max", "20\n");
    put(f, "one", "pids.events", "max 9\n");
    put(f, "one", "io.stat",
        "8:0 rbytes=100 wbytes=200 rios=1 wios=2 dbytes=5 dios=6\n254:0 rbytes=11 wbytes=22 rios=0 wios=0\n");
    put_pressure(f, "one");
    u = look(f);
    assert_int_equal(u.cpu_ns, 1000000);
    assert_int_equal(u.user_ns, 700000);
    assert_int_equal(u.system_ns, 300000);
    assert_int_equal(u.throttled_periods, 3);
    assert_int_equal(u.throttled_ns, 12000);
    assert_int_equal(u.memory, 4096);
    assert_true(u.memory_limit == UINT64_MAX);
    assert_int_equal(u.memory_peak, 8192);
    assert_int_equal(u.inactive_file, 1024);
    assert_int_equal(u.swap, 77);
    assert_int_equal(u.oom_kills, 2);
    assert_int_equal(u.pids_limit, 20);
    assert_int_equal(u.pids_hits, 9);
    assert_int_equal(u.read_bytes, 111);
    assert_int_equal(u.written_bytes, 222);
    assert_int_equal(u.reads, 1);
    assert_int_equal(u.writes, 2);
    assert_pressure(&u);
}

/* v1's controllers, and a v2 tree that holds none: it has times of its own in cpu.stat, and the pressure. */
static void
test_hybrid(void **state)
{
    struct fixture *f = *state;
    struct sc_usage u;

    put_v1(f);
    put(f, "unified", "cpu.stat", "usage_usec 1000\nuser_usec 700\nsystem_usec 300\n");
    put_pressure(f, "unified");
    u = look(f);
    assert_v1(&u);
    assert_pressure(&u);
}

/* What `sc stats` shows is what all the files say, from fewer of them. */
static void
test_table(void **state)
{
    struct fixture *f = *state;
    struct sc_accounts all, table;
    struct sc_usage u;
    size_t count = 0;

    put_v1(f);
    put(f, "unified", "cpu.stat", "usage_usec 1000\nuser_usec 700\nsystem_usec 300\n");
    put_pressure(f, "unified");
    sc_accounts_open(f->dirs, SC_ACCOUNTS_ALL, &all);
    sc_accounts_open(f->dirs, SC_ACCOUNTS_TABLE, &table);
    for (size_t i = 0; i < SC_ACCOUNT_FILES; i++)
        count += (all.fds[i] >= 0) - (table.fds[i] >= 0);
    assert_int_equal(count, 6);
    assert_true(sc_accounts_read(&table, NULL, &u));
    u.user_ns = 700000;
    u.system_ns = 300000;
    u.memory_peak = 8192;
    u.pids_hits = 9;
    u.reads = 1;
    u.writes = 2;
    assert_v1(&u);
    assert_pressure(&u);
    sc_accounts_close(&all);
    sc_accounts_close(&table);
}

/* What only its own processes change is not looked at again until they have run, nor memory.stat until it has grown. */
static void
test_again(void **state)
{
    struct fixture *f = *state;
    struct sc_accounts all;
    struct sc_usage u, again;

    put_v1(f);
    put(f, "unified", "cpu.stat", "usage_usec 999\nuser_usec 700\nsystem_usec 300\n");
    put_pressure(f, "unified");
    sc_accounts_open(f->dirs, SC_ACCOUNTS_ALL, &all);
    assert_true(sc_accounts_read(&all, NULL, &u));
    assert_v1(&u);
    u.inactive_file = u.user_ns = u.oom_kills = u.reads = u.throttled_ns = 1;
    u.memory_limit = u.pids = u.pids_limit = u.pressure[0].some10 = 1;
    assert_true(sc_accounts_read(&all, &u, &again));
    assert_true(again.inactive_file == 1 && again.user_ns == 1 && again.oom_kills == 1 && again.reads == 1);
    assert_int_equal(again.throttled_ns, 1);
    assert_int_equal(again.swap, 77);
    assert_true(again.memory_limit == UINT64_MAX && again.pids_limit == UINT64_MAX);
    assert_int_equal(again.pids, 5);
    assert_pressure(&again);
    u.memory++;
    assert_true(sc_accounts_read(&all, &u, &again));
    assert_int_equal(again.inactive_file, 1024);
    assert_int_equal(again.oom_kills, 1);
    u.memory--;
    u.cpu_ns--;
    assert_true(sc_accounts_read(&all, &u, &again));
    assert_v1(&again);
    sc_accounts_close(&all);
}

/* Without processor time nobody knows who has run. */
static void
test_again_without_times(void **state)
{
    struct fixture *f = *state;
    struct sc_accounts all;
    struct sc_usage u, again;

    put(f, "memory", "memory.usage_in_bytes", "4096\n");
    put(f, "memory", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    sc_accounts_open(f->dirs, SC_ACCOUNTS_ALL, &all);
    assert_true(sc_accounts_read(&all, NULL, &u));
    assert_int_equal(u.cpu_ns, 0);
    u.oom_kills = 1;
    assert_true(sc_accounts_read(&all, &u, &again));
    assert_int_equal(again.oom_kills, 2);
    sc_accounts_close(&all);
}

static void
test_nothing_there(void **state)
{
    struct sc_accounts accounts;
    struct sc_usage usage;

    (void)state;
    sc_accounts_open("/no/such/cgroup\n", SC_ACCOUNTS_ALL, &accounts);
    assert_false(accounts.is_open);
    assert_false(sc_accounts_read(&accounts, NULL, &usage));
    sc_accounts_close(&accounts);
    sc_accounts_open("", SC_ACCOUNTS_ALL, &accounts);
    assert_false(sc_accounts_read(&accounts, NULL, &usage));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_v1, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v2, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hybrid, setup, teardown),
        cmocka_unit_test_setup_teardown(test_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_again_without_times, setup, teardown),
        cmocka_unit_test(test_nothing_there),
    };

    return RUN_TESTS(tests);
}
