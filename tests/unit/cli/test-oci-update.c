/* update's options: from what was written to linux.resources. */
#include "test.h"

#include "cli/oci/oci-priv.h"

#define AT(member) offsetof(struct sc_oci_update_options, member)
#define TO(member) offsetof(struct sc_oci_resources, member)
#define MEBI(n)    (INT64_C(1048576) * (n))

static void
set(struct sc_oci_cli *cli, size_t offset, const char *text)
{
    *(const char **)((char *)&cli->update + offset) = text;
}

static void
test_numbers(void **state)
{
    static const struct {
        size_t from;
        const char *text;
        size_t to;
        int64_t number;
    } rows[] = {
        {AT(memory), "67108864", TO(memory.limit), MEBI(64)},
        {AT(memory), "64m", TO(memory.limit), MEBI(64)},
        {AT(memory), "-1", TO(memory.limit), -1},
        {AT(memory_swap), "1g", TO(memory.swap), MEBI(1024)},
        {AT(memory_swap), "-1", TO(memory.swap), -1},
        {AT(memory_reservation), "32m", TO(memory.reservation), MEBI(32)},
        {AT(kernel_memory_tcp), "16m", TO(memory.kernel_tcp), MEBI(16)},
        {AT(cpu_shares), "512", TO(cpu.shares), 512},
        {AT(cpu_period), "50000", TO(cpu.period), 50000},
        {AT(cpu_quota), "25000", TO(cpu.quota), 25000},
        {AT(cpu_quota), "-1", TO(cpu.quota), -1},
        {AT(cpu_burst), "1000", TO(cpu.burst), 1000},
        {AT(cpu_idle), "1", TO(cpu.idle), 1},
        {AT(cpu_rt_period), "1000000", TO(cpu.realtime_period), 1000000},
        {AT(cpu_rt_runtime), "950000", TO(cpu.realtime_runtime), 950000},
        {AT(pids_limit), "20", TO(pids_limit), 20},
        {AT(pids_limit), "-1", TO(pids_limit), -1},
        {AT(blkio_weight), "500", TO(block_io.weight), 500},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        struct sc_oci_cli cli = {.log_fd = -1};
        struct sc_oci_resources expected = {0}, got = {0};
        struct sc_err err;

        set(&cli, rows[i].from, rows[i].text);
        assert_ok(sc_oci_update_parse(&cli, &got, &err));
        /* sc_opt_i64 and sc_opt_u64 have the same form; everything else stays unset */
        *(struct sc_opt_i64 *)((char *)&expected + rows[i].to) =
            (struct sc_opt_i64){.is_set = true, .value = rows[i].number};
        assert_memory_equal(&got, &expected, sizeof(got));
        sc_arena_release(&cli.arena);
    }
}

static void
test_lists_and_what_is_passed_over(void **state)
{
    struct sc_oci_cli cli = {.log_fd = -1};
    struct sc_oci_resources got = {0};
    struct sc_err err;

    (void)state;
    cli.update.cpuset_cpus = "0-2,7";
    cli.update.cpuset_mems = "0";
    cli.update.memory = ""; /* as engines write what they do not set */
    assert_ok(sc_oci_update_parse(&cli, &got, &err));
    assert_string_equal(got.cpu.cpus, "0-2,7");
    assert_string_equal(got.cpu.mems, "0");
    assert_false(got.memory.limit.is_set);
    sc_arena_release(&cli.arena);
}

static void
test_nonsense(void **state)
{
    static const struct {
        size_t from;
        const char *text, *message;
    } rows[] = {
        {AT(memory), "x", "invalid value for --memory: \"x\": must be a size such as 512, 64k, 256m or 1.5g"},
        {AT(kernel_memory), "x",
         "invalid value for --kernel-memory: \"x\": must be a size such as 512, 64k, 256m or 1.5g"},
        {AT(cpu_shares), "-5",
         "invalid value for --cpu-share: \"-5\": must be a whole number from 0 to 18446744073709551615"},
        {AT(cpu_period), "1.5",
         "invalid value for --cpu-period: \"1.5\": must be a whole number from 0 to 18446744073709551615"},
        {AT(cpu_quota), "x",
         "invalid value for --cpu-quota: \"x\": must be a whole number from -9223372036854775808 to "
         "9223372036854775807"},
        {AT(cpu_burst), "9223372036854775808", "invalid value for --cpu-burst: \"9223372036854775808\" is too large"},
        {AT(pids_limit), "1k",
         "invalid value for --pids-limit: \"1k\": must be a whole number from -9223372036854775808 to "
         "9223372036854775807"},
        {AT(blkio_weight), "", NULL},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        struct sc_oci_cli cli = {.log_fd = -1};
        struct sc_oci_resources got = {0};
        struct sc_err err;

        set(&cli, rows[i].from, rows[i].text);
        if (rows[i].message == NULL)
            assert_ok(sc_oci_update_parse(&cli, &got, &err));
        else
            assert_fails(sc_oci_update_parse(&cli, &got, &err), SC_ERR_INVALID, rows[i].message);
        sc_arena_release(&cli.arena);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_lists_and_what_is_passed_over),
        cmocka_unit_test(test_nonsense),
    };

    return RUN_TESTS(tests);
}
