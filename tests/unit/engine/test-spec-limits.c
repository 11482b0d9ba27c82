/* Options to OCI config: limits, and what contradicts itself. */
#include "spec-fixture.h"

#define MIB ((int64_t)1 << 20)

static void
test_memory(void **state)
{
    struct spec_fixture *f = *state;

    build(f);
    assert_string_equal(at(f, "linux.resources.memory"), "");
    f->o->memory = 64 * MIB;
    build(f);
    assert_string_equal(at(f, "linux.resources.memory"), "{\"limit\":67108864,\"swap\":134217728}");
    f->o->memory_swap = 100 * MIB;
    f->o->memory_reservation = 32 * MIB;
    f->o->memory_swappiness = (struct sc_opt_i64){true, 0};
    f->o->oom_kill_disable = true;
    build(f);
    assert_string_equal(at(f, "linux.resources.memory"),
                        "{\"limit\":67108864,\"reservation\":33554432,\"swap\":104857600,"
                        "\"swappiness\":0,\"disableOOMKiller\":true}");
    f->o->memory_swap = -1;
    build(f);
    assert_string_equal(at(f, "linux.resources.memory.swap"), "-1");
}

static void
test_memory_without_swap_accounting(void **state)
{
    struct spec_fixture *f = *state;

    f->host.cgroups.has_swap_accounting = false;
    f->o->memory = 64 * MIB;
    build(f);
    assert_string_equal(at(f, "linux.resources.memory"), "{\"limit\":67108864}");
    f->o->memory_swap = 100 * MIB;
    refuses(f, SC_ERR_UNSUPPORTED, "--memory-swap: this host does not account swap (memory controller)");
}

static void
test_bad_memory(void **state)
{
    struct spec_fixture *f = *state;

    f->o->memory = MIB;
    refuses(f, SC_ERR_INVALID, "--memory 1048576: the least is 6m");
    f->o->memory = 64 * MIB;
    f->o->memory_swap = 63 * MIB;
    refuses(f, SC_ERR_INVALID, "--memory-swap is smaller than --memory");
    f->o->memory_swap = 0;
    f->o->memory_reservation = 65 * MIB;
    refuses(f, SC_ERR_INVALID, "--memory-reservation is larger than --memory");
    f->o->memory_reservation = 0;
    f->o->memory = 0;
    f->o->memory_swap = MIB;
    refuses(f, SC_ERR_INVALID, "--memory-swap without --memory");
    f->o->memory_swap = 0;
    f->o->memory_swappiness = (struct sc_opt_i64){true, 101};
    refuses(f, SC_ERR_INVALID, "--memory-swappiness 101: it must be between 0 and 100");
}

static void
test_cpu(void **state)
{
    struct spec_fixture *f = *state;

    f->o->nano_cpus = 500000000;
    f->o->cpu_shares = 512;
    f->o->cpuset_cpus = copy(f, "0,4");
    build(f);
    assert_string_equal(at(f, "linux.resources.cpu"),
                        "{\"shares\":512,\"quota\":50000,\"period\":100000,\"cpus\":\"0,4\"}");
    f->o->nano_cpus = 0;
    f->o->cpu_quota = 20000;
    f->o->cpu_period = 40000;
    build(f);
    assert_string_equal(at(f, "linux.resources.cpu"),
                        "{\"shares\":512,\"quota\":20000,\"period\":40000,\"cpus\":\"0,4\"}");
}

static void
test_bad_cpu(void **state)
{
    struct spec_fixture *f = *state;

    f->o->nano_cpus = 1000000000;
    f->o->cpu_quota = 20000;
    refuses(f, SC_ERR_INVALID, "conflicting options: --cpus and --cpu-quota");
    f->o->cpu_quota = 0;
    f->o->cpu_period = 20000;
    refuses(f, SC_ERR_INVALID, "conflicting options: --cpus and --cpu-period");
    f->o->cpu_period = 0;
    f->o->nano_cpus = 2500000000;
    refuses(f, SC_ERR_INVALID, "--cpus: more than the 2 CPUs of this host");
    f->o->nano_cpus = 1000;
    refuses(f, SC_ERR_INVALID, "--cpus: the least is 0.01");
    f->o->nano_cpus = 0;
    f->o->cpu_period = 999;
    refuses(f, SC_ERR_INVALID, "--cpu-period 999: it must be between 1000 and 1000000 microseconds");
    f->o->cpu_period = 0;
    f->o->cpu_quota = 999;
    refuses(f, SC_ERR_INVALID, "--cpu-quota 999: the least is 1000 microseconds");
    f->o->cpu_quota = 0;
    f->o->cpuset_cpus = copy(f, "1-2");
    refuses(f, SC_ERR_INVALID, "--cpuset-cpus \"1-2\": available are 0-1,4");
}

static void
test_memory_ladder(void **state)
{
    struct spec_fixture *f = *state;

    f->host.memory_total = 128 * MIB;
    f->o->memory = 129 * MIB;
    refuses(f, SC_ERR_INVALID, "--memory 135266304: more than the 134217728 bytes of memory of this host");
    f->o->memory = 64 * MIB;
    f->o->memory_high = 65 * MIB;
    refuses(f, SC_ERR_INVALID, "--memory-high is larger than --memory");
    f->o->memory_high = 48 * MIB;
    f->o->memory_min = 49 * MIB;
    refuses(f, SC_ERR_INVALID, "--memory-min is larger than --memory-high");
    f->o->memory_min = 0;
    f->o->memory_low = f->o->memory_reservation = 32 * MIB;
    refuses(f, SC_ERR_INVALID, "conflicting options: --memory-low and --memory-reservation are the same limit");
    /* a host without the controller in v2 */
    f->o->memory_reservation = 0;
    refuses(f, SC_ERR_UNSUPPORTED, "--memory-high: this host has no \"memory\" cgroup controller");
}

static void
test_burst_and_idle(void **state)
{
    struct spec_fixture *f = *state;

    f->o->cpu_burst = 5000;
    refuses(f, SC_ERR_INVALID, "--cpu-burst without a quota");
    f->o->nano_cpus = 40000000;
    refuses(f, SC_ERR_INVALID, "--cpu-burst 5000: more than the quota of 4000 microseconds");
    f->o->nano_cpus = 500000000;
    f->o->cpu_idle = (struct sc_opt_i64){true, 1};
    build(f);
    assert_string_equal(at(f, "linux.resources.cpu"), "{\"quota\":50000,\"burst\":5000,\"period\":100000,\"idle\":1}");
    f->o->cpu_shares = 100;
    refuses(f, SC_ERR_INVALID, "conflicting options: --cpu-idle and --cpu-shares: what is idle has no share");
}

static void
test_device_rules(void **state)
{
    struct sc_oci_device_rule rule;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_ok(sc_device_rule_parse("b 8:* rm", &rule, &err));
    assert_true(rule.allow && rule.type == 'b' && rule.major.value == 8 && !rule.minor.is_set);
    assert_true(rule.can_read && !rule.can_write && rule.can_mknod);
    static const char *const bad[] = {"",       "c",       "c ",         "c 1",     "c 1:",     "c 1:2",
                                      "c 1:2 ", "c 1:2 x", "c 1:2 rwmr", "d 1:2 r", "c *1:2 r", "c 1:2  r"};
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        if (sc_device_rule_parse(bad[i], &rule, &err) == 0)
            fail_msg("\"%s\" is taken for a rule", bad[i]);
    }
}

static void
test_pids(void **state)
{
    struct spec_fixture *f = *state;

    f->o->pids_limit = 64;
    build(f);
    assert_string_equal(at(f, "linux.resources.pids"), "{\"limit\":64}");
    f->o->pids_limit = -1;
    build(f);
    assert_string_equal(at(f, "linux.resources.pids"), "{\"limit\":-1}");
    f->o->pids_limit = -2;
    refuses(f, SC_ERR_INVALID, "--pids-limit -2: it is a count, or -1 for no limit");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPEC(test_memory),         WITH_SPEC(test_memory_without_swap_accounting),
        WITH_SPEC(test_bad_memory),     WITH_SPEC(test_cpu),
        WITH_SPEC(test_bad_cpu),        WITH_SPEC(test_memory_ladder),
        WITH_SPEC(test_burst_and_idle), WITH_SPEC(test_device_rules),
        WITH_SPEC(test_pids),
    };

    return RUN_TESTS(tests);
}
