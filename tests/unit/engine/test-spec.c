/* Options to OCI config: each flag family, as the JSON that a runtime would read. */
#include <unistd.h>

#include "sample.h"

#include "base/json.h"

struct fixture {
    struct sc_arena arena;
    struct sc_container container;
    struct sc_create_options *o;
    struct sc_host host;
    struct sc_inputs in;
    struct sc_oci_spec spec;
    json_t *json;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->o = &f->container.options;
    memcpy(f->container.id, SAMPLE_ID, sizeof(f->container.id));
    sc_create_options_init(f->o);
    f->container.path = sc_arena_strdup(&f->arena, "sh");
    f->container.effective_workdir = sc_arena_strdup(&f->arena, "/");
    sc_strv_add(&f->container.effective_env, &f->arena, "PATH=/bin");
    f->host = (struct sc_host){.caps = sc_caps_default() | SC_CAP_BIT(12) | SC_CAP_BIT(21), .cpu_count = 2};
    f->host.cgroups.has_swap_accounting = true;
    f->host.cgroups.cpuset_cpus = sc_arena_strdup(&f->arena, "0-1,4");
    f->host.has_idmapped_mounts = true;
    f->in = (struct sc_inputs){.container = &f->container,
                               .host = &f->host,
                               .container_dir = "/c",
                               .files_dir = "/c",
                               .run_dir = "/r",
                               .volume_dir = "/v",
                               .is_root = true,
                               .can_set_sysctls = true,
                               .has_files = true,
                               .hostname = "001122334455"};
    f->in.user.home = sc_arena_strdup(&f->arena, "/root");
    sc_strv_add(&f->in.cpu_counters, &f->arena, "/sys/devices/system/cpu/cpu1/thermal_throttle");
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    json_decref(f->json);
    sc_arena_release(&f->arena);
    free(f);
    return 0;
}

static void
build(struct fixture *f)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    assert_ok(sc_spec_build(&f->in, &f->arena, &f->spec, &err));
    f->spec.linux_.seccomp.is_set = false; /* has tests of its own: kernel/seccomp */
    assert_ok(sc_oci_encode(&f->spec, &text, &err));
    json_decref(f->json);
    f->json = NULL;
    assert_ok(sc_json_parse(text.data, text.len, "spec", &f->json, &err));
    assert_ok(sc_oci_validate(&f->spec, &err));
}

static void
refuses(struct fixture *f, enum sc_err_kind kind, const char *message)
{
    struct sc_err err = SC_ERR_INIT;

    assert_fails(sc_spec_build(&f->in, &f->arena, &f->spec, &err), kind, message);
}

/* The member at "a.b.2", compact; "" when there is none. */
static const char *
at(struct fixture *f, const char *path)
{
    json_t *json = f->json;
    char *text, *copy;

    while (*path && json) {
        size_t len = strcspn(path, ".");

        if (json_is_array(json))
            json = json_array_get(json, strtoul(path, NULL, 10));
        else
            json = json_object_getn(json, path, len);
        path += len + (path[len] == '.');
    }
    if (!json)
        return "";
    text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    copy = sc_arena_strdup(&f->arena, text);
    free(text);
    return copy;
}

/* "type source option,option" of the mount on destination, or "" */
static const char *
mount_on(struct fixture *f, const char *destination)
{
    char *text;

    for (size_t i = 0; i < f->spec.mount_count; i++) {
        const struct sc_oci_mount *m = &f->spec.mounts[i];

        if (strcmp(m->destination, destination) != 0)
            continue;
        text = sc_arena_printf(&f->arena, "%s %s ", m->type, m->source);
        for (size_t j = 0; j < m->options.count; j++)
            text = sc_arena_printf(&f->arena, "%s%s%s", text, j ? "," : "", m->options.items[j]);
        return text;
    }
    return "";
}

static char *
copy(struct fixture *f, const char *text)
{
    return sc_arena_strdup(&f->arena, text);
}

/* ---- defaults -------------------------------------------------------------------------------- */

static void
test_defaults(void **state)
{
    struct fixture *f = *state;

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
    struct fixture *f = *state;

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
    struct fixture *f = *state;

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
    struct fixture *f = *state;

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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;

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
    struct fixture *f = *state;
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

/* ---- namespaces --------------------------------------------------------------------------------- */

static void
test_host_namespaces(void **state)
{
    struct fixture *f = *state;

    f->o->pid.mode = f->o->ipc.mode = f->o->uts.mode = f->o->network.mode = f->o->cgroup_ns.mode = SC_NS_HOST;
    f->in.hostname = NULL;
    f->in.shared_shm = "/dev/shm";
    build(f);
    assert_string_equal(at(f, "linux.namespaces"), "[{\"type\":\"mount\"}]");
    assert_string_equal(at(f, "hostname"), "");
    assert_string_equal(mount_on(f, "/dev/mqueue"), "mqueue mqueue nosuid,noexec,nodev");
    assert_string_equal(mount_on(f, "/dev/shm"), "bind /dev/shm bind,nosuid,noexec,nodev");
    assert_string_equal(mount_on(f, "/sys"), "sysfs sysfs nosuid,noexec,nodev,ro");
}

static void
test_joined_namespaces(void **state)
{
    struct fixture *f = *state;

    f->o->network = (struct sc_ns_choice){SC_NS_CONTAINER, copy(f, SAMPLE_ID)};
    f->o->ipc = f->o->network;
    f->o->pid = (struct sc_ns_choice){SC_NS_PATH, copy(f, "/run/ns/pid")};
    f->in.ns_paths[SC_NS_NET] = "/proc/7/ns/net";
    f->in.ns_paths[SC_NS_IPC] = "/proc/7/ns/ipc";
    f->in.ns_paths[SC_NS_PID] = "/run/ns/pid";
    f->in.shared_shm = "/run/sc/x/shm";
    f->in.files_dir = "/other";
    build(f);
    assert_string_equal(
        at(f, "linux.namespaces"),
        "[{\"type\":\"pid\",\"path\":\"/run/ns/pid\"},{\"type\":\"network\",\"path\":\"/proc/7/ns/net\"},"
        "{\"type\":\"mount\"},{\"type\":\"ipc\",\"path\":\"/proc/7/ns/"
        "ipc\"},{\"type\":\"uts\"},{\"type\":\"cgroup\"}]");
    assert_string_equal(mount_on(f, "/dev/shm"), "bind /run/sc/x/shm bind,nosuid,noexec,nodev");
    assert_string_equal(mount_on(f, "/etc/hosts"), "bind /other/hosts bind,rprivate,rw");
}

static void
test_ipc_none_and_time(void **state)
{
    struct fixture *f = *state;

    f->o->ipc.mode = SC_NS_NONE;
    f->o->time_boottime = (struct sc_oci_time_offset){true, 86400, 0};
    build(f);
    assert_string_equal(mount_on(f, "/dev/shm"), "");
    assert_string_equal(at(f, "linux.namespaces.6"), "{\"type\":\"time\"}");
    assert_string_equal(at(f, "linux.timeOffsets"), "{\"boottime\":{\"secs\":86400}}");
}

static void
set_userns(struct fixture *f)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_strv maps = {0};

    sc_strv_add(&maps, &f->arena, "0:100000:65536");
    assert_ok(sc_id_maps_parse(&maps, &f->arena, &f->in.uid_maps, &err));
    assert_ok(sc_id_maps_parse(&maps, &f->arena, &f->in.gid_maps, &err));
    f->in.has_userns = true;
}

static void
test_user_namespace(void **state)
{
    struct fixture *f = *state;
    struct sc_mount_ask mounts[] = {
        {.kind = SC_MOUNT_VOLUME, .source = copy(f, "vol"), .target = copy(f, "/vol")},
        {.kind = SC_MOUNT_BIND, .source = copy(f, "/host"), .target = copy(f, "/bind")},
    };
    struct sc_device_node node = {.host_path = copy(f, "/dev/fuse"),
                                  .path = copy(f, "/dev/f"),
                                  .permissions = copy(f, "rw"),
                                  .type = 'c',
                                  .major = 10,
                                  .minor = 229};

    set_userns(f);
    f->o->mounts = mounts;
    f->o->mount_count = 2;
    f->in.devices = (struct sc_device_nodes){.items = &node, .count = 1};
    build(f);
    assert_string_equal(at(f, "linux.namespaces.0"), "{\"type\":\"user\"}");
    assert_string_equal(at(f, "linux.uidMappings"), "[{\"containerID\":0,\"hostID\":100000,\"size\":65536}]");
    assert_string_equal(at(f, "linux.gidMappings"), "[{\"containerID\":0,\"hostID\":100000,\"size\":65536}]");
    assert_string_equal(mount_on(f, "/vol"), "bind /v/vol/_data rbind,rprivate,idmap");
    assert_string_equal(mount_on(f, "/bind"), "bind /host rbind,rprivate");
    assert_string_equal(mount_on(f, "/dev/f"), "bind /dev/fuse bind,rprivate");
    assert_string_equal(at(f, "linux.devices"), "");
    f->o->network.mode = SC_NS_HOST;
    f->o->pid.mode = SC_NS_HOST;
    f->o->ipc.mode = SC_NS_HOST;
    build(f);
    assert_string_equal(mount_on(f, "/dev/mqueue"), "");
    f->in.has_host_mqueue = true;
    build(f);
    assert_string_equal(mount_on(f, "/dev/mqueue"), "bind /dev/mqueue bind,nosuid,noexec,nodev");
    assert_string_equal(mount_on(f, "/sys"), "bind /sys rbind,nosuid,noexec,nodev,ro");
    assert_string_equal(mount_on(f, "/proc"), "bind /proc rbind,nosuid,noexec,nodev");
}

static void
test_unmapped_ids(void **state)
{
    struct fixture *f = *state;
    struct sc_oci_id_map one = {0, 1000, 1};
    uint32_t groups[] = {0, 7};

    f->in.uid_maps = f->in.gid_maps = (struct sc_oci_id_maps){&one, 1};
    f->in.has_userns = true;
    f->in.user.additional_gids = groups;
    f->in.user.additional_gid_count = 2;
    build(f);
    assert_string_equal(mount_on(f, "/dev/pts"), "devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
    assert_string_equal(at(f, "process.user.additionalGids"), "[0]");
    f->in.user.uid = 33;
    refuses(f, SC_ERR_INVALID, "user 33: it is not mapped in the container's user namespace");
    f->in.user.uid = 0;
    f->in.user.gid = 33;
    refuses(f, SC_ERR_INVALID, "group 33: it is not mapped in the container's user namespace");
}

static void
test_rootless_has_no_cgroups(void **state)
{
    struct fixture *f = *state;

    f->in.is_root = false;
    build(f);
    assert_string_equal(mount_on(f, "/sys/fs/cgroup"), "");
    assert_int_equal(f->spec.linux_.resources.device_count, 0);
}

/* ---- mounts -------------------------------------------------------------------------------------- */

static void
test_asked_mounts(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;

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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;

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
    struct fixture *f = *state;

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
    struct fixture *f = *state;

    f->o->domainname = copy(f, "dom");
    build(f);
    assert_string_equal(at(f, "domainname"), "\"dom\"");
    f->o->uts.mode = SC_NS_HOST;
    refuses(f, SC_ERR_INVALID, "conflicting options: --domainname and a UTS namespace that is not the container's own");
}

/* ---- limits ---------------------------------------------------------------------------------------- */

#define MIB ((int64_t)1 << 20)

static void
test_memory(void **state)
{
    struct fixture *f = *state;

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
    struct fixture *f = *state;

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
    struct fixture *f = *state;

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
    struct fixture *f = *state;

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
    struct fixture *f = *state;

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
    struct fixture *f = *state;

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
    struct fixture *f = *state;

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
    struct fixture *f = *state;

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
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_defaults),
        WITH_FIXTURE(test_capabilities),
        WITH_FIXTURE(test_default_mounts),
        WITH_FIXTURE(test_default_devices),
        WITH_FIXTURE(test_seccomp_choice),
        WITH_FIXTURE(test_user_and_groups),
        WITH_FIXTURE(test_process_flags),
        WITH_FIXTURE(test_bad_process_flags),
        WITH_FIXTURE(test_host_namespaces),
        WITH_FIXTURE(test_joined_namespaces),
        WITH_FIXTURE(test_ipc_none_and_time),
        WITH_FIXTURE(test_user_namespace),
        WITH_FIXTURE(test_unmapped_ids),
        WITH_FIXTURE(test_rootless_has_no_cgroups),
        WITH_FIXTURE(test_asked_mounts),
        WITH_FIXTURE(test_read_only_and_shm_size),
        WITH_FIXTURE(test_privileged),
        WITH_FIXTURE(test_device),
        WITH_FIXTURE(test_annotations),
        WITH_FIXTURE(test_systempaths_and_sysctl),
        WITH_FIXTURE(test_domainname),
        WITH_FIXTURE(test_memory),
        WITH_FIXTURE(test_memory_without_swap_accounting),
        WITH_FIXTURE(test_bad_memory),
        WITH_FIXTURE(test_cpu),
        WITH_FIXTURE(test_bad_cpu),
        WITH_FIXTURE(test_memory_ladder),
        WITH_FIXTURE(test_burst_and_idle),
        WITH_FIXTURE(test_device_rules),
        WITH_FIXTURE(test_pids),
    };

    return RUN_TESTS(tests);
}
