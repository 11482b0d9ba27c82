/* Options to OCI config: defaults, the process, mounts, security. */
#include "spec-fixture.h"

/* ---- defaults -------------------------------------------------------------------------------- */

static void
test_defaults(void **state)
{
    struct spec_fixture *f = *state;

    build(f);
    assert_string_equal(at(f, "ociVersion"), "\"1.3.0\"");
    assert_string_equal(at(f, "process.args"), "[\"sh\"]");
    assert_string_equal(at(f, "process.env"), "[\"PATH=/bin\",\"HOSTNAME=001122334455\",\"HOME=/root\"]");
    assert_string_equal(at(f, "process.cwd"), "\"/\"");
    assert_string_equal(at(f, "process.user"), "{\"uid\":0,\"gid\":0}");
    assert_string_equal(at(f, "hostname"), "\"001122334455\"");
    assert_string_equal(at(f, "linux.namespaces"),
                        "[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"mount\"},{\"type\":\"ipc\"},"
                        "{\"type\":\"uts\"},{\"type\":\"cgroup\"}]");
    assert_string_equal(at(f, "linux.readonlyPaths"),
                        "[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]");
    assert_string_equal(
        at(f, "linux.maskedPaths"),
        "[\"/proc/acpi\",\"/proc/asound\",\"/proc/interrupts\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\","
        "\"/proc/sched_debug\",\"/proc/scsi\",\"/proc/timer_list\",\"/proc/timer_stats\",\"/sys/firmware\","
        "\"/sys/devices/virtual/powercap\",\"/sys/devices/system/cpu/cpu1/thermal_throttle\"]");
}

#define CAPS_DEFAULT                                                                                                   \
    "[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\",\"CAP_FSETID\",\"CAP_KILL\",\"CAP_SETGID\",\"CAP_SETUID\","    \
    "\"CAP_SETPCAP\",\"CAP_NET_BIND_SERVICE\",\"CAP_SYS_CHROOT\",\"CAP_SETFCAP\"]"

static void
test_capabilities(void **state)
{
    struct spec_fixture *f = *state;

    build(f);
    assert_string_equal(at(f, "process.capabilities.bounding"), CAPS_DEFAULT);
    assert_string_equal(at(f, "process.capabilities.permitted"), CAPS_DEFAULT);
    assert_string_equal(at(f, "process.capabilities.effective"), CAPS_DEFAULT);
    assert_int_equal(f->spec.process.capabilities.inheritable, 0);
    assert_int_equal(f->spec.process.capabilities.ambient, 0);
    sc_strv_add(&f->o->cap_drop, &f->arena, "ALL");
    sc_strv_add(&f->o->cap_add, &f->arena, "net_admin");
    build(f);
    assert_string_equal(at(f, "process.capabilities.bounding"), "[\"CAP_NET_ADMIN\"]");
}

static void
test_default_mounts(void **state)
{
    struct spec_fixture *f = *state;

    build(f);
    assert_string_equal(mount_on(f, "/proc"), "proc proc nosuid,noexec,nodev");
    assert_string_equal(mount_on(f, "/dev"), "tmpfs tmpfs nosuid,strictatime,mode=755,size=65536k");
    assert_string_equal(mount_on(f, "/dev/pts"),
                        "devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
    assert_string_equal(mount_on(f, "/sys"), "sysfs sysfs nosuid,noexec,nodev,ro");
    assert_string_equal(mount_on(f, "/sys/fs/cgroup"), "cgroup cgroup ro,nosuid,noexec,nodev");
    assert_string_equal(mount_on(f, "/dev/mqueue"), "mqueue mqueue nosuid,noexec,nodev");
    assert_string_equal(mount_on(f, "/dev/shm"), "tmpfs shm nosuid,noexec,nodev,mode=1777,size=67108864");
    assert_string_equal(mount_on(f, "/etc/hosts"), "bind /c/hosts bind,rprivate,rw");
    assert_string_equal(mount_on(f, "/etc/hostname"), "bind /c/hostname bind,rprivate,rw");
    assert_string_equal(mount_on(f, "/etc/resolv.conf"), "bind /c/resolv.conf bind,rprivate,rw");
}

static void
test_default_devices(void **state)
{
    struct spec_fixture *f = *state;

    build(f);
    assert_string_equal(at(f, "linux.resources.devices.0"), "{\"allow\":false,\"type\":\"a\",\"access\":\"rwm\"}");
    assert_string_equal(at(f, "linux.resources.devices.1"), "{\"allow\":true,\"type\":\"c\",\"access\":\"m\"}");
    assert_string_equal(at(f, "linux.resources.devices.3"),
                        "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"rwm\"}");
    assert_string_equal(at(f, "linux.resources.devices.10"),
                        "{\"allow\":true,\"type\":\"c\",\"major\":136,\"access\":\"rwm\"}");
    assert_string_equal(at(f, "linux.resources.devices.11"), "");
    assert_string_equal(at(f, "linux.devices"), "");
}

static void
test_seccomp_choice(void **state)
{
    struct spec_fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;

    assert_ok(sc_spec_build(&f->in, &f->arena, &f->spec, &err));
    assert_true(f->spec.linux_.seccomp.is_set);
    assert_true(f->spec.linux_.seccomp.is_sc_default);
    assert_true(f->spec.linux_.seccomp.sc_default_caps == sc_caps_default());
    assert_false(f->spec.linux_.seccomp.sc_default_i386);
    f->container.is_i386 = true;
    assert_ok(sc_spec_build(&f->in, &f->arena, &f->spec, &err));
    assert_true(f->spec.linux_.seccomp.sc_default_i386);
    f->o->seccomp = copy(f, "unconfined");
    assert_ok(sc_spec_build(&f->in, &f->arena, &f->spec, &err));
    assert_false(f->spec.linux_.seccomp.is_set);
    f->o->seccomp = copy(f, "/profile");
    f->in.seccomp = (struct sc_oci_seccomp){.is_set = true, .default_action = 7};
    assert_ok(sc_spec_build(&f->in, &f->arena, &f->spec, &err));
    assert_int_equal(f->spec.linux_.seccomp.default_action, 7);
    assert_false(f->spec.linux_.seccomp.is_sc_default);
}

/* ---- flags of the process ------------------------------------------------------------------------- */

static void
test_user_and_groups(void **state)
{
    struct spec_fixture *f = *state;
    uint32_t groups[] = {5, 44};

    f->in.user.uid = 33;
    f->in.user.gid = 34;
    f->in.user.additional_gids = groups;
    f->in.user.additional_gid_count = 2;
    build(f);
    assert_string_equal(at(f, "process.user"), "{\"uid\":33,\"gid\":34,\"additionalGids\":[5,44]}");
}

static void
test_process_flags(void **state)
{
    struct spec_fixture *f = *state;

    f->o->tty = true;
    f->o->no_new_privileges = true;
    f->o->oom_score_adj = (struct sc_opt_i64){true, 500};
    sc_strv_add(&f->container.effective_env, &f->arena, "HOME=/mine");
    sc_strv_add(&f->o->ulimits, &f->arena, "nofile=10");
    sc_strv_add(&f->o->ulimits, &f->arena, "core=0:-1");
    sc_strv_add(&f->o->ulimits, &f->arena, "nofile=1024:2048");
    build(f);
    assert_string_equal(at(f, "process.terminal"), "true");
    assert_string_equal(at(f, "process.noNewPrivileges"), "true");
    assert_string_equal(at(f, "process.oomScoreAdj"), "500");
    assert_string_equal(at(f, "process.env"), "[\"PATH=/bin\",\"HOME=/mine\",\"HOSTNAME=001122334455\"]");
    assert_string_equal(at(f, "process.rlimits.0"), "{\"type\":\"RLIMIT_NOFILE\",\"hard\":2048,\"soft\":1024}");
    assert_int_equal(f->spec.process.rlimit_count, 2);
    assert_true(f->spec.process.rlimits[1].hard == UINT64_MAX);
}

static void
test_bad_process_flags(void **state)
{
    struct spec_fixture *f = *state;
    struct sc_oci_rlimit limit;
    struct sc_err err = SC_ERR_INIT;

    assert_fails(sc_ulimit_parse("nofile", &limit, &err), SC_ERR_INVALID,
                 "--ulimit \"nofile\": it is not NAME=SOFT[:HARD]");
    assert_fails(sc_ulimit_parse("=1", &limit, &err), SC_ERR_INVALID, "--ulimit \"=1\": it is not NAME=SOFT[:HARD]");
    assert_fails(sc_ulimit_parse("bogus=1", &limit, &err), SC_ERR_INVALID,
                 "--ulimit \"bogus=1\": unknown limit \"bogus\"");
    assert_fails(sc_ulimit_parse("core=2:1", &limit, &err), SC_ERR_INVALID,
                 "--ulimit \"core=2:1\": the soft limit is above the hard limit");
    assert_fails(sc_ulimit_parse("core=-2", &limit, &err), SC_ERR_INVALID,
                 "--ulimit \"core=-2\": a limit is a number or -1 (none)");
    f->o->oom_score_adj = (struct sc_opt_i64){true, 1001};
    refuses(f, SC_ERR_INVALID, "--oom-score-adj 1001: it must be between -1000 and 1000");
}

/* ---- mounts -------------------------------------------------------------------------------------- */

static void
test_asked_mounts(void **state)
{
    struct spec_fixture *f = *state;
    struct sc_mount_ask mounts[] = {
        {.kind = SC_MOUNT_BIND,
         .source = copy(f, "/s"),
         .target = copy(f, "/a/b/c"),
         .is_readonly = true,
         .propagation = copy(f, "rslave")},
        {.kind = SC_MOUNT_BIND,
         .source = copy(f, "/s"),
         .target = copy(f, "/a"),
         .non_recursive = true,
         .is_readonly = true},
        {.kind = SC_MOUNT_TMPFS, .target = copy(f, "/a/b"), .tmpfs_size = 4096, .tmpfs_mode = 0700},
        {.kind = SC_MOUNT_TMPFS, .target = copy(f, "/dev/shm"), .is_readonly = true},
        {.kind = SC_MOUNT_BIND, .source = copy(f, "/myhosts"), .target = copy(f, "/etc/hosts")},
    };
    size_t order[3] = {0};

    sc_strv_add(&mounts[2].options, &f->arena, "exec");
    sc_strv_add(&mounts[2].options, &f->arena, "uid=7");
    f->o->mounts = mounts;
    f->o->mount_count = SC_ARRAY_LEN(mounts);
    build(f);
    assert_string_equal(mount_on(f, "/a/b/c"), "bind /s rbind,rslave,rro");
    assert_string_equal(mount_on(f, "/a"), "bind /s bind,rprivate,ro");
    assert_string_equal(mount_on(f, "/a/b"), "tmpfs tmpfs exec,nosuid,nodev,uid=7,size=4096,mode=700");
    assert_string_equal(mount_on(f, "/dev/shm"), "tmpfs tmpfs noexec,nosuid,nodev,ro");
    assert_string_equal(mount_on(f, "/etc/hosts"), "bind /myhosts rbind,rprivate");
    for (size_t i = 0; i < f->spec.mount_count; i++) {
        for (size_t j = 0; j < 3; j++) {
            if (strcmp(f->spec.mounts[i].destination, mounts[j].target) == 0)
                order[j] = i;
        }
    }
    assert_true(order[1] < order[2] && order[2] < order[0]); /* parents first */
}

static void
test_read_only_and_shm_size(void **state)
{
    struct spec_fixture *f = *state;

    f->o->read_only = true;
    f->o->shm_size = 1 << 20;
    build(f);
    assert_string_equal(at(f, "root.readonly"), "true");
    assert_string_equal(mount_on(f, "/etc/hosts"), "bind /c/hosts bind,rprivate,ro");
    assert_string_equal(mount_on(f, "/dev/shm"), "tmpfs shm nosuid,noexec,nodev,mode=1777,size=1048576");
}

/* ---- security ------------------------------------------------------------------------------------ */

static void
test_privileged(void **state)
{
    struct spec_fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    struct sc_device_node node = {.host_path = copy(f, "/dev/kvm"),
                                  .path = copy(f, "/dev/kvm"),
                                  .permissions = copy(f, "rwm"),
                                  .type = 'c',
                                  .major = 10,
                                  .minor = 232,
                                  .mode = 0660,
                                  .gid = 104};

    f->o->privileged = true;
    f->in.devices = (struct sc_device_nodes){.items = &node, .count = 1};
    assert_ok(sc_spec_build(&f->in, &f->arena, &f->spec, &err));
    assert_false(f->spec.linux_.seccomp.is_set);
    build(f);
    assert_true(f->spec.process.capabilities.bounding == f->host.caps);
    assert_string_equal(at(f, "linux.maskedPaths"), "");
    assert_string_equal(at(f, "linux.readonlyPaths"), "");
    assert_string_equal(mount_on(f, "/sys"), "sysfs sysfs nosuid,noexec,nodev,rw");
    assert_string_equal(at(f, "linux.resources.devices"), "[{\"allow\":true,\"type\":\"a\",\"access\":\"rwm\"}]");
    assert_string_equal(
        at(f, "linux.devices"),
        "[{\"type\":\"c\",\"path\":\"/dev/kvm\",\"major\":10,\"minor\":232,\"fileMode\":432,\"uid\":0,\"gid\":104}]");
}

static void
test_device(void **state)
{
    struct spec_fixture *f = *state;
    struct sc_device_node node = {.host_path = copy(f, "/dev/fuse"),
                                  .path = copy(f, "/dev/x"),
                                  .permissions = copy(f, "r"),
                                  .type = 'c',
                                  .major = 10,
                                  .minor = 229,
                                  .mode = 0666};

    f->in.devices = (struct sc_device_nodes){.items = &node, .count = 1};
    build(f);
    assert_string_equal(at(f, "linux.devices.0.path"), "\"/dev/x\"");
    assert_string_equal(at(f, "linux.resources.devices.11"),
                        "{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":229,\"access\":\"r\"}");
}

static void
test_annotations(void **state)
{
    struct spec_fixture *f = *state;

    build(f);
    assert_string_equal(at(f, "annotations"), "");
    sc_strv_add(&f->o->annotations, &f->arena, "k=1");
    sc_strv_add(&f->o->annotations, &f->arena, "alone");
    sc_strv_add(&f->o->annotations, &f->arena, "k=a=b");
    build(f);
    assert_string_equal(at(f, "annotations"), "{\"k\":\"a=b\",\"alone\":\"\"}");
}

static void
test_systempaths_and_sysctl(void **state)
{
    struct spec_fixture *f = *state;

    f->o->systempaths_unconfined = true;
    sc_strv_add(&f->o->sysctls, &f->arena, "net.ipv4.ip_forward=1");
    build(f);
    assert_string_equal(at(f, "linux.maskedPaths"), "");
    assert_string_equal(at(f, "linux.sysctl"),
                        "{\"net.ipv4.ping_group_range\":\"0 2147483647\","
                        "\"net.ipv4.ip_unprivileged_port_start\":\"0\",\"net.ipv4.ip_forward\":\"1\"}");
    sc_strv_add(&f->o->sysctls, &f->arena, "net.ipv4.ip_unprivileged_port_start=80");
    build(f);
    assert_string_equal(at(f, "linux.sysctl"),
                        "{\"net.ipv4.ping_group_range\":\"0 2147483647\",\"net.ipv4.ip_forward\":\"1\","
                        "\"net.ipv4.ip_unprivileged_port_start\":\"80\"}");
    f->o->sysctls.count = 1;
    f->in.can_set_sysctls = false;
    build(f);
    assert_string_equal(at(f, "linux.sysctl"), "{\"net.ipv4.ip_forward\":\"1\"}");
    f->o->network.mode = SC_NS_HOST;
    refuses(f, SC_ERR_INVALID, "--sysctl \"net.ipv4.ip_forward=1\": the network namespace is not the container's own");
    f->o->sysctls.count = 0;
    sc_strv_add(&f->o->sysctls, &f->arena, "bare");
    refuses(f, SC_ERR_INVALID, "--sysctl \"bare\": it is not NAME=VALUE");
    f->o->sysctls.count = 0;
    sc_strv_add(&f->o->sysctls, &f->arena, "net/ipv4/ip_forward=1");
    refuses(f, SC_ERR_INVALID, "--sysctl \"net/ipv4/ip_forward=1\": the network namespace is not the container's own");
    f->o->sysctls.count = 0;
    sc_strv_add(&f->o->sysctls, &f->arena, "vm.swappiness=1");
    refuses(f, SC_ERR_INVALID,
            "--sysctl \"vm.swappiness=1\": \"vm/swappiness\" is not of one container but of the whole host");
}

static void
test_domainname(void **state)
{
    struct spec_fixture *f = *state;

    f->o->domainname = copy(f, "dom");
    build(f);
    assert_string_equal(at(f, "domainname"), "\"dom\"");
    f->o->uts.mode = SC_NS_HOST;
    refuses(f, SC_ERR_INVALID, "conflicting options: --domainname and a UTS namespace that is not the container's own");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPEC(test_defaults),       WITH_SPEC(test_capabilities),
        WITH_SPEC(test_default_mounts), WITH_SPEC(test_default_devices),
        WITH_SPEC(test_seccomp_choice), WITH_SPEC(test_user_and_groups),
        WITH_SPEC(test_process_flags),  WITH_SPEC(test_bad_process_flags),
        WITH_SPEC(test_asked_mounts),   WITH_SPEC(test_read_only_and_shm_size),
        WITH_SPEC(test_privileged),     WITH_SPEC(test_device),
        WITH_SPEC(test_annotations),    WITH_SPEC(test_systempaths_and_sysctl),
        WITH_SPEC(test_domainname),
    };

    return RUN_TESTS(tests);
}
