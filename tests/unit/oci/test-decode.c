/* What a decoder makes of single members, and how it names the ones it refuses. */
#include <linux/seccomp.h>
#include <sys/resource.h>

#include "config.h"

static const struct {
    const char *text, *message;
} bad[] = {
    {"[]", "config.json: must be an object"},
    {"{", "parse config.json: line 1, column 2: a string is expected"},
    {"{\"ociVersion\":1}", "ociVersion: must be a string"},
    {"{\"process\":[]}", "process: must be an object"},
    {"{\"process\":{\"user\":{\"uid\":-1}}}", "process.user.uid: must be a number from 0 to 4294967295"},
    {"{\"process\":{\"user\":{\"uid\":4294967296}}}", "process.user.uid: must be a number from 0 to 4294967295"},
    {"{\"process\":{\"user\":{\"uid\":\"0\"}}}", "process.user.uid: must be a number"},
    {"{\"process\":{\"user\":{\"additionalGids\":3}}}", "process.user.additionalGids: must be a list"},
    {"{\"process\":{\"user\":{\"additionalGids\":[1,-1]}}}",
     "process.user.additionalGids[1]: must be a number from 0 to 4294967295"},
    {"{\"process\":{\"args\":\"sh\"}}", "process.args: must be a list of strings"},
    {"{\"process\":{\"args\":[\"sh\",2]}}", "process.args[1]: must be a string"},
    {"{\"process\":{\"terminal\":1}}", "process.terminal: must be true or false"},
    {"{\"process\":{\"rlimits\":[{}]}}", "process.rlimits[0].type: is required"},
    {"{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_NPROC\",\"hard\":1}]}}", "process.rlimits[0].soft: is required"},
    {"{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_X\",\"hard\":1,\"soft\":1}]}}",
     "process.rlimits[0].type: unknown value \"RLIMIT_X\", must be one of RLIMIT_AS, RLIMIT_CORE, RLIMIT_CPU, "
     "RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_LOCKS, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_NOFILE, "
     "RLIMIT_NPROC, RLIMIT_RSS, RLIMIT_RTPRIO, RLIMIT_RTTIME, RLIMIT_SIGPENDING, RLIMIT_STACK"},
    {"{\"process\":{\"capabilities\":{\"bounding\":\"ALL\"}}}",
     "process.capabilities.bounding: must be a list of strings"},
    {"{\"process\":{\"ioPriority\":{\"class\":\"BE\"}}}",
     "process.ioPriority.class: unknown value \"BE\", must be one of IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, "
     "IOPRIO_CLASS_IDLE"},
    {"{\"process\":{\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":2147483648}}}",
     "process.scheduler.nice: must be a number from -2147483648 to 2147483647"},
    {"{\"process\":{\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"flags\":[\"X\"]}}}",
     "process.scheduler.flags: unknown value \"X\", must be one of SCHED_FLAG_RESET_ON_FORK, SCHED_FLAG_RECLAIM, "
     "SCHED_FLAG_DL_OVERRUN, SCHED_FLAG_KEEP_POLICY, SCHED_FLAG_KEEP_PARAMS, SCHED_FLAG_UTIL_CLAMP_MIN, "
     "SCHED_FLAG_UTIL_CLAMP_MAX"},
    {"{\"mounts\":{}}", "mounts: must be a list"},
    {"{\"mounts\":[null]}", "mounts[0]: must be an object"},
    {"{\"mounts\":[{}]}", "mounts[0].destination: is required"},
    {"{\"mounts\":[{\"destination\":\"\"}]}", "mounts[0].destination: must not be empty"},
    {"{\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/b\",\"uidMappings\":[{\"containerID\":0}]}]}",
     "mounts[1].uidMappings[0].hostID: is required"},
    {"{\"hooks\":{\"poststop\":[{\"path\":7}]}}", "hooks.poststop[0].path: must be a string"},
    {"{\"annotations\":{\"a=b\":\"\"}}", "annotations: key \"a=b\" must not contain \"=\""},
    {"{\"annotations\":{\"a\":1}}", "annotations[\"a\"]: must be a string"},
    {"{\"linux\":{\"namespaces\":[{\"path\":\"/x\"}]}}", "linux.namespaces[0].type: is required"},
    {"{\"linux\":{\"namespaces\":[{\"type\":\"net\"}]}}",
     "linux.namespaces[0].type: unknown value \"net\", must be one of user, pid, network, mount, ipc, uts, cgroup, "
     "time"},
    {"{\"linux\":{\"devices\":[{\"type\":\"x\",\"path\":\"/d\"}]}}",
     "linux.devices[0].type: unknown value \"x\", must be b, c, u or p"},
    {"{\"linux\":{\"devices\":[{\"type\":\"cc\",\"path\":\"/d\"}]}}",
     "linux.devices[0].type: unknown value \"cc\", must be b, c, u or p"},
    {"{\"linux\":{\"resources\":{\"memory\":{\"limit\":\"64m\"}}}}", "linux.resources.memory.limit: must be a number"},
    {"{\"linux\":{\"resources\":{\"memory\":{\"limit\":18446744073709551615}}}}",
     "linux.resources.memory.limit: must be a number from -9223372036854775808 to 9223372036854775807"},
    {"{\"linux\":{\"resources\":{\"cpu\":{\"shares\":-5}}}}",
     "linux.resources.cpu.shares: must be a number from 0 to 18446744073709551615"},
    {"{\"linux\":{\"resources\":{\"blockIO\":{\"weight\":65536}}}}",
     "linux.resources.blockIO.weight: must be a number from 0 to 65535"},
    {"{\"linux\":{\"resources\":{\"devices\":[{\"access\":\"r\"}]}}}", "linux.resources.devices[0].allow: is required"},
    {"{\"linux\":{\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rx\"}]}}}",
     "linux.resources.devices[0].access: \"rx\" must be made of r, w and m"},
    {"{\"linux\":{\"resources\":{\"devices\":[{\"allow\":true,\"type\":\"p\"}]}}}",
     "linux.resources.devices[0].type: unknown value \"p\", must be a, b or c"},
    {"{\"linux\":{\"resources\":{\"rdma\":[]}}}", "linux.resources.rdma: must be an object"},
    {"{\"linux\":{\"resources\":{\"rdma\":{\"mlx5\":3}}}}", "linux.resources.rdma.mlx5: must be an object"},
    {"{\"linux\":{\"resources\":{\"unified\":{\"a.b\":1}}}}", "linux.resources.unified[\"a.b\"]: must be a string"},
    {"{\"linux\":{\"personality\":{}}}", "linux.personality.domain: is required"},
    {"{\"linux\":{\"personality\":\"LINUX\"}}", "linux.personality: must be an object"},
    {"{\"linux\":{\"personality\":{\"domain\":\"BSD\"}}}",
     "linux.personality.domain: unknown value \"BSD\", must be one of LINUX, LINUX32"},
    {"{\"linux\":{\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"X\"]}}}",
     "linux.personality.flags: unknown value \"X\""},
    {"{\"linux\":{\"timeOffsets\":{\"monotonic\":{\"nanosecs\":-1}}}}",
     "linux.timeOffsets.monotonic.nanosecs: must be a number from 0 to 4294967295"},
    {"{\"linux\":{\"seccomp\":{}}}", "linux.seccomp.defaultAction: is required"},
    {"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}}}",
     "linux.seccomp.defaultErrnoRet: action SCMP_ACT_ALLOW does not return an errno"},
    {"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096}}}",
     "linux.seccomp.defaultErrnoRet: must be a number from 0 to 4095"},
    {"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"]}]}}}",
     "linux.seccomp.syscalls[0].action: is required"},
    {"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":"
     "\"SCMP_ACT_TRAP\",\"args\":[{\"index\":0,\"value\":1,\"op\":\"EQ\"}]}]}}}",
     "linux.seccomp.syscalls[0].args[0].op: unknown value \"EQ\", must be one of SCMP_CMP_NE, SCMP_CMP_LT, "
     "SCMP_CMP_LE, SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ"},
    {"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[7]}}}",
     "linux.seccomp.syscalls[0]: must be an object"},
    {"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":{}}}}",
     "linux.seccomp.syscalls: must be a list"},
};

static void
test_refused_members_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_oci_spec spec;
        struct sc_err err;

        assert_fails(sc_oci_decode(bad[i].text, strlen(bad[i].text), &arena, &spec, &err), SC_ERR_INVALID,
                     bad[i].message);
    }
}

/* The path in a message is cut, however long the keys of the input. */
static void
test_long_paths_are_cut(void **state)
{
    (void)state;
    for (size_t len = 200; len < 300; len++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_oci_resources resources;
        struct sc_err err = SC_ERR_INIT;

        sc_buf_addf(&text, "{\"rdma\":{\"%0*d\":{\"hcaHandles\":\"x\"}}}", (int)len, 7);
        assert_int_equal(sc_oci_decode_resources(text.data, text.len, &arena, &resources, &err), -1);
        assert_memory_equal(err.msg, "linux.resources.rdma.000", 24);
        assert_true(sc_str_ends(err.msg, ".hcaHandles: must be a number"));
        assert_true(strlen(err.msg) < 300);
    }
}

static void
test_full_config_values(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    const struct sc_oci_linux *linux_;
    struct sc_oci_spec spec;
    struct sc_err err;

    (void)state;
    full_config_read(&text);
    assert_ok(sc_oci_decode(sc_buf_str(&text), text.len, &arena, &spec, &err));
    linux_ = &spec.linux_;
    assert_true(spec.process.is_set);
    assert_int_equal(spec.process.console_height, 25);
    assert_int_equal(spec.process.user.additional_gids[1], 6);
    assert_int_equal(spec.process.capabilities.permitted, 1 << 0 | 1 << 5);
    assert_true(spec.process.capabilities.bounding == (1ULL << 0 | 1ULL << 5 | 1ULL << 40));
    assert_int_equal(spec.process.rlimits[1].resource, RLIMIT_CORE);
    assert_true(spec.process.rlimits[1].hard == RLIM_INFINITY);
    assert_null(spec.process.args.items[3]);
    assert_int_equal(spec.mounts[2].uid_mappings.items[0].host_id, 100000);
    assert_int_equal(spec.hooks.create_runtime.count, 2);
    assert_int_equal(spec.hooks.prestart.items[0].timeout.value, 3);
    assert_string_equal(spec.annotations.items[1], "com.example.key2=a=b=c");
    assert_int_equal(linux_->resources.devices[1].minor.value, 229);
    assert_true(linux_->resources.devices[1].can_write);
    assert_false(linux_->resources.devices[1].can_mknod);
    assert_false(linux_->resources.devices[2].minor.is_set);
    assert_true(linux_->resources.memory.kernel_tcp.is_set);
    assert_int_equal(linux_->resources.memory.kernel.value, -1);
    assert_int_equal(linux_->resources.pids_limit.value, 32771);
    assert_string_equal(linux_->resources.rdma[1].name, "rxe3");
    assert_false(linux_->resources.rdma[1].hca_handles.is_set);
    assert_string_equal(linux_->net_devices[0].name, "container_eth0");
    assert_int_equal(linux_->namespaces[1].kind, SC_NS_NET);
    assert_string_equal(linux_->namespaces[1].path, "/proc/12/ns/net");
    assert_null(linux_->namespaces[0].path);
    assert_ptr_equal(sc_oci_find_namespace(&spec, SC_NS_TIME), &linux_->namespaces[7]);
    assert_int_equal(linux_->seccomp.default_action, SECCOMP_RET_ERRNO | 1);
    assert_int_equal(linux_->seccomp.rules[0].action, SECCOMP_RET_ERRNO | 38);
    assert_int_equal(linux_->seccomp.rules[1].action, SECCOMP_RET_USER_NOTIF);
    assert_true(linux_->seccomp.rules[3].args[1].value == UINT64_MAX);
    assert_int_equal(linux_->seccomp.flags, SECCOMP_FILTER_FLAG_LOG | 1 << 5);
    assert_int_equal(linux_->time_boottime.secs, -604800);
    assert_int_equal(linux_->personality.value, 8);
    assert_string_equal(linux_->sysctl.items[0], "net.ipv4.ip_forward=1");
    assert_null(sc_oci_find_namespace(&(struct sc_oci_spec){.hostname = NULL}, SC_NS_PID));
}

/* What engines write and the specification forgives. */
static void
test_lenience(void **state)
{
    static const char text[] =
        "{\"hostname\":\"\",\"unknown\":[{}],\"process\":{\"user\":{\"username\":\"ContainerUser\"},"
        "\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_NEWER\"],\"permitted\":[\"CAP_NEWER\",\"kill\"]}},"
        "\"mounts\":[{\"destination\":\"proc\",\"type\":\"proc\"}],"
        "\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"\"}],\"resources\":{\"devices\":[{\"allow\":false,"
        "\"major\":-1,\"minor\":-1,\"access\":\"rwm\"}],\"memory\":null},\"windows\":{}}}";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_oci_spec spec;
    struct sc_err err;

    (void)state;
    assert_ok(sc_oci_decode(text, sizeof(text) - 1, &arena, &spec, &err));
    assert_null(spec.hostname);
    assert_null(spec.linux_.namespaces[0].path);
    assert_string_equal(spec.mounts[0].destination, "/proc");
    assert_int_equal(spec.linux_.resources.devices[0].type, 'a');
    assert_false(spec.linux_.resources.devices[0].major.is_set);
    assert_false(spec.linux_.resources.devices[0].minor.is_set);
    assert_int_equal(spec.process.capabilities.bounding, 1 << 5);
    assert_int_equal(spec.process.capabilities.permitted, 1 << 5);
    assert_int_equal(spec.process.capabilities.unknown.count, 1);
    assert_string_equal(spec.process.capabilities.unknown.items[0], "CAP_NEWER");
}

static void
test_parts(void **state)
{
    static const char process[] = "{\"args\":[\"a\"],\"cwd\":\"/\",\"user\":{\"uid\":5}}";
    static const char resources[] = "{\"memory\":{\"limit\":1048576},\"pids\":{\"limit\":-1}}";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_oci_resources res;
    struct sc_oci_process proc;
    struct sc_err err;

    (void)state;
    assert_ok(sc_oci_decode_process(process, sizeof(process) - 1, &arena, &proc, &err));
    assert_true(proc.is_set);
    assert_int_equal(proc.user.uid, 5);
    assert_fails(sc_oci_decode_process("{\"cwd\":5}", 9, &arena, &proc, &err), SC_ERR_INVALID,
                 "process.cwd: must be a string");
    assert_ok(sc_oci_decode_resources(resources, sizeof(resources) - 1, &arena, &res, &err));
    assert_true(res.is_set);
    assert_int_equal(res.memory.limit.value, 1048576);
    assert_int_equal(res.pids_limit.value, -1);
    assert_fails(sc_oci_decode_resources("{\"pids\":{\"limit\":\"\"}}", 21, &arena, &res, &err), SC_ERR_INVALID,
                 "linux.resources.pids.limit: must be a number");
    assert_fails(sc_oci_decode_resources("7", 1, &arena, &res, &err), SC_ERR_INVALID, "resources: must be an object");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_members_are_named),
        cmocka_unit_test(test_long_paths_are_cut),
        cmocka_unit_test(test_full_config_values),
        cmocka_unit_test(test_lenience),
        cmocka_unit_test(test_parts),
    };

    return RUN_TESTS(tests);
}
