/* The table of limits: each row's flag is one of run, create and (where it says so) update, and what is given to it
 * ends in the file that the row names, on cgroup v1 and on v2, or is refused. */
#include "cli/cli.h"
#include "engine/engine-priv.h"
#include "test.h"

/* What is given to each flag; some need a second one beside them. */
static const struct {
    const char *flag, *value, *with;
} samples[] = {
    {"memory", "64m", NULL},
    {"memory-swap", "96m", "--memory=64m"},
    {"memory-reservation", "32m", NULL},
    {"memory-swappiness", "40", NULL},
    {"oom-kill-disable", "true", NULL},
    {"memory-high", "48m", NULL},
    {"memory-low", "16m", NULL},
    {"memory-min", "8m", NULL},
    {"cpus", ".5", NULL},
    {"cpu-period", "50000", "--cpu-quota=20000"},
    {"cpu-quota", "20000", NULL},
    {"cpu-shares", "512", NULL},
    {"cpu-burst", "5000", "--cpu-quota=20000"},
    {"cpu-idle", "true", NULL},
    {"cpu-rt-period", "1000000", NULL},
    {"cpu-rt-runtime", "950000", NULL},
    {"cpuset-cpus", "0", NULL},
    {"cpuset-mems", "0", NULL},
    {"pids-limit", "64", NULL},
    {"blkio-weight", "300", NULL},
    {"blkio-weight-device", "/dev/sda:300", NULL},
    {"device-read-bps", "/dev/sda:1mb", NULL},
    {"device-write-bps", "/dev/sda:1mb", NULL},
    {"device-read-iops", "/dev/sda:100", NULL},
    {"device-write-iops", "/dev/sda:100", NULL},
    {"io-max", "/dev/sda:rbps=1m", NULL},
    {"device", "/dev/null", NULL},
    {"device-cgroup-rule", "c 10:200 rwm", NULL},
    {"cgroup-conf", "memory.high=1048576", NULL},
};

struct fixture {
    struct sc_arena arena;
    struct sc_host host;
    struct sc_container container;
    struct sc_inputs in;
    struct sc_oci_resources resources;
    struct sc_oci_throttle_device throttle;
    struct sc_oci_weight_device weight;
    struct sc_cgroup_writes writes;
};

static void
make_layout(struct fixture *f, bool is_v2)
{
    static const char *const v1[] = {"cpu", "cpuset", "memory", "pids", "devices", "blkio", "freezer"};
    static const char *const v2[] = {"cpu", "cpuset", "memory", "pids", "io"};
    struct sc_cgroup_layout *layout = &f->host.cgroups;

    layout->mode = is_v2 ? SC_CGROUP_V2 : SC_CGROUP_V1;
    layout->has_swap_accounting = true;
    layout->count = is_v2 ? 1 : SC_ARRAY_LEN(v1);
    for (size_t i = 0; i < layout->count; i++) {
        layout->items[i].is_v2 = is_v2;
        layout->items[i].mount_point = sc_arena_printf(&f->arena, "/cg/%zu", i);
        if (!is_v2)
            sc_strv_add(&layout->items[i].controllers, &f->arena, v1[i]);
    }
    for (size_t i = 0; is_v2 && i < SC_ARRAY_LEN(v2); i++)
        sc_strv_add(&layout->items[0].controllers, &f->arena, v2[i]);
}

/* The devices of this machine are not the test's: those given are 8:0. */
static void
make_block_io(struct fixture *f)
{
    const struct sc_create_options *o = &f->container.options;
    struct sc_oci_throttle_list list = {&f->throttle, 1};

    f->throttle = (struct sc_oci_throttle_device){.major = 8, .rate = 1000};
    f->weight = (struct sc_oci_weight_device){.major = 8, .weight = {true, 300}};
    if (o->device_read_bps.count > 0 || o->io_max.count > 0)
        f->in.block_io.read_bps = list;
    if (o->device_write_bps.count > 0)
        f->in.block_io.write_bps = list;
    if (o->device_read_iops.count > 0)
        f->in.block_io.read_iops = list;
    if (o->device_write_iops.count > 0)
        f->in.block_io.write_iops = list;
    if (o->blkio_weight_devices.count > 0) {
        f->in.block_io.weight_devices = &f->weight;
        f->in.block_io.weight_device_count = 1;
    }
}

/* Flag and value through the command line, the specification and the translation. */
static int
translate(struct fixture *f, size_t sample, bool is_v2, struct sc_err *err)
{
    struct sc_run_options options;
    struct sc_strv args = {0}, need = {0};
    bool wants_help = false;
    char *argv[] = {sc_arena_printf(&f->arena, "--%s=%s", samples[sample].flag, samples[sample].value),
                    sc_arena_strdup(&f->arena, samples[sample].with ? samples[sample].with : "image"),
                    sc_arena_strdup(&f->arena, "image")};

    sc_run_options_init(&options);
    if (sc_options_parse(&sc_cmd_run, 3, argv, &options, &f->arena, &args, &wants_help, err) < 0)
        fail_msg("%s: %s", argv[0], err->msg);
    f->container.options = options.create;
    f->host.cpu_count = 4;
    make_layout(f, is_v2);
    make_block_io(f);
    f->in.container = &f->container;
    f->in.host = &f->host;
    f->in.is_root = true;
    if (sc_spec_resources(&f->in, &f->arena, &f->resources, err) < 0)
        return -1;
    return sc_cgroup_translate(&f->host.cgroups, &f->resources, true, &f->arena, &f->writes, &need, err);
}

static bool
has_file(const struct fixture *f, const char *file)
{
    size_t prefix = strcspn(file, "*");

    for (size_t i = 0; i < f->writes.count; i++) {
        if (file[prefix] == '*' ? strncmp(f->writes.items[i].file, file, prefix) == 0
                                : strcmp(f->writes.items[i].file, file) == 0)
            return true;
    }
    return false;
}

static size_t
sample_of(const char *flag)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(samples); i++) {
        if (strcmp(samples[i].flag, flag) == 0)
            return i;
    }
    fail_msg("no sample for --%s", flag);
    return 0;
}

static bool
has_option(const struct sc_option *table, const char *name)
{
    for (; table->name; table++) {
        if (strcmp(table->name, name) == 0)
            return true;
    }
    return false;
}

static void
test_each_row_is_a_flag(void **state)
{
    (void)state;
    assert_int_equal(SC_ARRAY_LEN(samples), sc_limit_count);
    for (size_t i = 0; i < sc_limit_count; i++) {
        const struct sc_limit *limit = &sc_limits[i];

        if (!has_option(sc_run_table, limit->flag) || !has_option(sc_create_table, limit->flag))
            fail_msg("--%s is no flag of run and create", limit->flag);
        if (has_option(sc_update_table, limit->flag) != limit->can_update)
            fail_msg("--%s: update and the table do not agree", limit->flag);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(limit->flag, sc_limits[k].flag);
    }
}

/* And no flag of update is without a row, but for the three that are no limits and those of the network's links. */
static void
test_each_flag_of_update_is_a_row(void **state)
{
    (void)state;
    for (const struct sc_option *o = sc_update_table; o->name; o++) {
        bool is_there = strcmp(o->name, "runtime") == 0 || strcmp(o->name, "restart") == 0 ||
                        strcmp(o->name, "kernel-memory") == 0 ||
                        strncmp(o->name, "net-rate-", strlen("net-rate-")) == 0;

        for (size_t i = 0; i < sc_limit_count; i++)
            is_there = is_there || strcmp(sc_limits[i].flag, o->name) == 0;
        if (!is_there)
            fail_msg("--%s of update has no row in the table of limits", o->name);
    }
}

static void
check_version(bool is_v2)
{
    for (size_t i = 0; i < sc_limit_count; i++) {
        const struct sc_limit *limit = &sc_limits[i];
        const char *file = is_v2 ? limit->v2 : limit->v1;
        struct fixture *f = calloc(1, sizeof(*f));
        struct sc_err err = SC_ERR_INIT;
        int result;

        assert_non_null(f);
        result = translate(f, sample_of(limit->flag), is_v2, &err);
        if (!file) {
            if (result == 0 || err.kind != SC_ERR_UNSUPPORTED || !err.remedy[0])
                fail_msg("--%s on v%d: it is not refused with a remedy: %s", limit->flag, is_v2 ? 2 : 1, err.msg);
        } else if (result < 0) {
            fail_msg("--%s on v%d: %s", limit->flag, is_v2 ? 2 : 1, err.msg);
        } else if (file[0] != '(' && !has_file(f, file)) {
            fail_msg("--%s on v%d: nothing is written to %s", limit->flag, is_v2 ? 2 : 1, file);
        }
        if (!sc_limit_is_given(limit, &f->container.options))
            fail_msg("--%s: it is not seen to be given", limit->flag);
        sc_arena_release(&f->arena);
        free(f);
    }
}

static void
test_each_row_on_v1(void **state)
{
    (void)state;
    check_version(false);
}

static void
test_each_row_on_v2(void **state)
{
    (void)state;
    check_version(true);
}

static void
test_nothing_given_is_nothing(void **state)
{
    struct sc_run_options options;

    (void)state;
    sc_run_options_init(&options);
    for (size_t i = 0; i < sc_limit_count; i++)
        assert_false(sc_limit_is_given(&sc_limits[i], &options.create));
    assert_false(sc_limits_any(&options.create));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_row_is_a_flag),       cmocka_unit_test(test_each_flag_of_update_is_a_row),
        cmocka_unit_test(test_each_row_on_v1),           cmocka_unit_test(test_each_row_on_v2),
        cmocka_unit_test(test_nothing_given_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
