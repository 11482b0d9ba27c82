/* Options to OCI config: namespaces, the host's, joined, and with maps of ids. */
#include "spec-fixture.h"

static void
test_host_namespaces(void **state)
{
    struct spec_fixture *f = *state;

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
    struct spec_fixture *f = *state;

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
    struct spec_fixture *f = *state;

    f->o->ipc.mode = SC_NS_NONE;
    f->o->time_boottime = (struct sc_oci_time_offset){true, 86400, 0};
    build(f);
    assert_string_equal(mount_on(f, "/dev/shm"), "");
    assert_string_equal(at(f, "linux.namespaces.6"), "{\"type\":\"time\"}");
    assert_string_equal(at(f, "linux.timeOffsets"), "{\"boottime\":{\"secs\":86400}}");
}

static void
set_userns(struct spec_fixture *f)
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
    struct spec_fixture *f = *state;
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
    struct spec_fixture *f = *state;
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
    struct spec_fixture *f = *state;

    f->in.is_root = false;
    build(f);
    assert_string_equal(mount_on(f, "/sys/fs/cgroup"), "");
    assert_int_equal(f->spec.linux_.resources.device_count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPEC(test_host_namespaces), WITH_SPEC(test_joined_namespaces), WITH_SPEC(test_ipc_none_and_time),
        WITH_SPEC(test_user_namespace),  WITH_SPEC(test_unmapped_ids),      WITH_SPEC(test_rootless_has_no_cgroups),
    };

    return RUN_TESTS(tests);
}
