/* Which hierarchies and controllers the texts of mountinfo and /proc/self/cgroup stand for, host by host. */
#include "cgroup-test.h"

struct sample {
    const char *title, *mountinfo, *self;
    enum sc_cgroup_mode mode;
    const char *expected; /* "name:controllers:mount point:mount root:own path;" for each hierarchy */
};

static const struct sample samples[] = {
    {"Debian 12: pure v2",
     "23 28 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw\n"
     "28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n"
     "31 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 "
     "rw,nsdelegate,memory_recursiveprot\n",
     "0::/user.slice/user-1000.slice/session-3.scope\n", SC_CGROUP_V2,
     ":2:/sys/fs/cgroup:/:/user.slice/user-1000.slice/session-3.scope;"},
    {"Ubuntu 20.04: hybrid, cpu and cpuacct in one hierarchy",
     "25 31 0:23 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw\n"
     "34 25 0:28 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755\n"
     "35 34 0:29 / /sys/fs/cgroup/unified rw,nosuid,nodev,noexec,relatime shared:10 - cgroup2 cgroup2 rw,nsdelegate\n"
     "36 34 0:30 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,xattr,name=systemd\n"
     "39 34 0:33 / /sys/fs/cgroup/net_cls,net_prio rw,nosuid shared:15 - cgroup cgroup rw,net_cls,net_prio\n"
     "40 34 0:34 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:16 - cgroup cgroup rw,cpu,cpuacct\n"
     "41 34 0:35 / /sys/fs/cgroup/memory rw,nosuid shared:17 - cgroup cgroup rw,memory\n",
     "11:net_cls,net_prio:/\n5:memory:/user.slice\n4:cpu,cpuacct:/user.slice\n1:name=systemd:/user.slice/a.scope\n"
     "0::/user.slice/a.scope\n",
     SC_CGROUP_HYBRID,
     "unified:2:/sys/fs/cgroup/unified:/:/user.slice/a.scope;"
     "systemd:name=systemd:/sys/fs/cgroup/systemd:/:/user.slice/a.scope;"
     "net_cls,net_prio:net_cls net_prio:/sys/fs/cgroup/net_cls,net_prio:/:/;"
     "cpu,cpuacct:cpu cpuacct:/sys/fs/cgroup/cpu,cpuacct:/:/user.slice;"
     "memory:memory:/sys/fs/cgroup/memory:/:/user.slice;"},
    {"Alpine with OpenRC: v1 alone, a named hierarchy",
     "30 20 0:25 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - tmpfs cgroup_root rw,size=10240k,mode=755\n"
     "31 30 0:26 / /sys/fs/cgroup/openrc rw - cgroup openrc rw,release_agent=/lib/rc/sh/x.sh,name=openrc\n"
     "32 30 0:27 / /sys/fs/cgroup/cpuset rw,nosuid - cgroup cpuset rw,cpuset\n"
     "33 30 0:28 / /sys/fs/cgroup/pids rw,nosuid - cgroup pids rw,pids\n",
     "3:pids:/\n2:cpuset:/\n1:name=openrc:/sshd\n", SC_CGROUP_V1,
     "openrc:name=openrc:/sys/fs/cgroup/openrc:/:/sshd;cpuset:cpuset:/sys/fs/cgroup/cpuset:/:/;"
     "pids:pids:/sys/fs/cgroup/pids:/:/;"},
    {"inside a Docker container on v1: the mounts show a part",
     "700 690 0:60 / /sys ro - sysfs sysfs ro\n"
     "701 700 0:61 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
     "702 701 0:35 /docker/0123 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
     "5:memory:/docker/0123\n", SC_CGROUP_V1, "memory:memory:/sys/fs/cgroup/memory:/docker/0123:/docker/0123;"},
    {"inside a cgroup namespace on v2", "50 40 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n",
     "0::/\n", SC_CGROUP_V2, ":2:/sys/fs/cgroup:/:/;"},
    {"cgroups mounted nowhere", "28 1 254:1 / / rw - ext4 /dev/vda1 rw\n", "0::/\n", SC_CGROUP_ABSENT, ""},
    {"nothing at all", "", "", SC_CGROUP_ABSENT, ""},
    {"one hierarchy in two places: the usual one counts",
     "40 1 0:30 / /mnt/memory rw - cgroup none rw,memory\n41 1 0:30 / /sys/fs/cgroup/memory rw - cgroup none "
     "rw,memory\n"
     "42 1 0:30 / /srv/memory rw - cgroup none rw,memory\n",
     "5:memory:/\n", SC_CGROUP_V1, "memory:memory:/sys/fs/cgroup/memory:/:/;"},
    {"a bind mount of a part does not replace the whole",
     "40 1 0:30 / /mnt/cg rw - cgroup2 none rw\n41 1 0:30 /sub /sys/fs/cgroup rw - cgroup2 none rw\n", "0::/\n",
     SC_CGROUP_V2, "cg:2:/mnt/cg:/:/;"},
    {"a mount over another hides it",
     "40 1 0:30 / /sys/fs/cgroup rw - cgroup2 none rw\n41 40 0:31 / /sys/fs/cgroup rw - tmpfs none rw\n"
     "42 41 0:32 / /sys/fs/cgroup/memory rw - cgroup none rw,memory\n",
     "5:memory:/\n0::/\n", SC_CGROUP_V1, "memory:memory:/sys/fs/cgroup/memory:/:/;"},
    {"lines in the order of the mounts' making, though they were attached in another",
     "40 39 0:30 /sc/0123 /sys/fs/cgroup/memory rw - cgroup none rw,memory\n"
     "39 38 0:60 / /sys/fs/cgroup rw - tmpfs none rw\n38 1 0:61 / /sys rw - sysfs none rw\n",
     "5:memory:/sc/0123\n", SC_CGROUP_V1, "memory:memory:/sys/fs/cgroup/memory:/sc/0123:/sc/0123;"},
    {"what hides another may be listed before it",
     "39 41 0:60 / /sys/fs/cgroup rw - tmpfs none rw\n40 39 0:32 / /sys/fs/cgroup/pids rw - cgroup none rw,pids\n"
     "41 38 0:31 / /sys/fs/cgroup rw - cgroup2 none rw\n38 1 0:61 / /sys rw - sysfs none rw\n",
     "5:pids:/\n0::/\n", SC_CGROUP_V1, "pids:pids:/sys/fs/cgroup/pids:/:/;"},
    {"a mount above all of them",
     "30 1 0:61 / /sys rw - sysfs none rw\n31 30 0:30 / /sys/fs/cgroup rw - cgroup2 none rw\n"
     "32 30 0:62 / /sys rw - sysfs none rw\n",
     "0::/\n", SC_CGROUP_ABSENT, ""},
    {"a neighbour with a longer name hides nothing",
     "40 1 0:30 / /sys/fs/cgroup2 rw - cgroup2 none rw\n41 1 0:31 / /sys/fs/cgroup rw - tmpfs none rw\n", "0::/\n",
     SC_CGROUP_V2, "cgroup2:2:/sys/fs/cgroup2:/:/;"},
    {"escapes in a path, and a line cut short",
     "40 1 0:30 / /mnt/my\\040groups rw shared:1 master:2 - cgroup2 none rw\n99 1 0:1 /\n98 1 0:1 / /x rw -\n",
     "0::/\n", SC_CGROUP_V2, "my groups:2:/mnt/my groups:/:/;"},
    {"a mount option that only starts like a controller", "40 1 0:30 / /a rw - cgroup none rw,cpuacct\n",
     "2:cpu:/one\n3:cpuacct:/two\n", SC_CGROUP_V1, "a:cpuacct:/a:/:/two;"},
};

static const char *
show(struct sc_arena *arena, const struct sc_cgroup_layout *layout)
{
    const char *text = "";

    for (size_t i = 0; i < layout->count; i++) {
        const struct sc_cgroup_hierarchy *item = &layout->items[i];

        text = sc_arena_printf(arena, "%s%s:%s:%s:%s:%s;", text, item->name,
                               item->is_v2 ? "2" : show_words(arena, &item->controllers), item->mount_point,
                               item->mount_root, item->self_path);
    }
    return text;
}

static void
test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(samples); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_cgroup_layout layout;
        struct sc_err err = SC_ERR_INIT;

        print_message("%s\n", samples[i].title);
        assert_int_equal(sc_cgroup_parse_layout(samples[i].mountinfo, samples[i].self, &arena, &layout, &err), 0);
        assert_int_equal(err.kind, SC_ERR_NONE);
        assert_int_equal(layout.mode, samples[i].mode);
        assert_string_equal(show(&arena, &layout), samples[i].expected);
    }
}

static void
test_too_many(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf mountinfo = SC_BUF_INIT, self = SC_BUF_INIT;
    struct sc_cgroup_layout layout = {.count = 77};
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    for (int i = 0; i <= SC_CGROUP_HIERARCHIES_MAX; i++) {
        sc_buf_addf(&mountinfo, "%d 1 0:%d / /cg/%d rw - cgroup none rw,name=n%d\n", i + 30, i, i, i);
        sc_buf_addf(&self, "%d:name=n%d:/\n", i + 1, i);
    }
    assert_int_equal(sc_cgroup_parse_layout(mountinfo.data, self.data, &arena, &layout, &err), -1);
    assert_int_equal(err.kind, SC_ERR_UNSUPPORTED);
    assert_int_equal(layout.count, 77);
}

static void
test_find(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout layout = layout_v1(&arena);

    (void)state;
    assert_int_equal(sc_cgroup_find(&layout, "cpuset"), 0);
    assert_int_equal(sc_cgroup_find(&layout, "cpu"), 1);
    assert_int_equal(sc_cgroup_find(&layout, "cpuacct"), 1);
    assert_int_equal(sc_cgroup_find(&layout, "io"), -1);
    assert_int_equal(sc_cgroup_find(&layout, ""), -1);
    assert_string_equal(sc_cgroup_mode_name(SC_CGROUP_V1), "v1");
    assert_string_equal(sc_cgroup_mode_name(SC_CGROUP_HYBRID), "hybrid");
    assert_string_equal(sc_cgroup_mode_name(SC_CGROUP_V2), "v2");
    assert_string_equal(sc_cgroup_mode_name(SC_CGROUP_ABSENT), "absent");
}

static void
test_path(void **state)
{
    static const struct {
        const char *given, *parent, *expected;
    } cases[] = {
        {NULL, "/sc", "/sc/abc"},      {"", "/sc", "/sc/abc"},
        {NULL, "/", "/abc"},           {NULL, NULL, "/abc"},
        {"/a/b", "/sc", "/a/b"},       {"a/b", "/sc", "/a/b"},
        {"//a///./b/", "/sc", "/a/b"}, {"/", "/sc", "/"},
        {"/a:b:c", "/sc", "/a:b:c"},   {NULL, "user.slice", "/user.slice/abc"},
        {"/...", NULL, "/..."},
    };
    static const struct {
        const char *given, *parent;
        enum sc_err_kind kind;
        const char *message;
    } bad[] = {
        {"/a/../b", "/sc", SC_ERR_INVALID, "cgroup path \"/a/../b\": \"..\" is not allowed"},
        {"..", "/sc", SC_ERR_INVALID, "cgroup path \"..\": \"..\" is not allowed"},
        {NULL, "/sc/..", SC_ERR_INVALID, "cgroup path \"/sc/..\": \"..\" is not allowed"},
        {"system.slice:crio:abc", "/sc", SC_ERR_UNSUPPORTED,
         "linux.cgroupsPath: \"system.slice:crio:abc\" is a systemd unit, and the cgroup files are used"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_err err = SC_ERR_INIT;
        char *path = NULL;

        assert_int_equal(sc_cgroup_path(cases[i].given, cases[i].parent, "abc", &arena, &path, &err), 0);
        assert_string_equal(path, cases[i].expected);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_err err = SC_ERR_INIT;
        char *path = NULL;

        assert_int_equal(sc_cgroup_path(bad[i].given, bad[i].parent, "abc", &arena, &path, &err), -1);
        assert_int_equal(err.kind, bad[i].kind);
        assert_string_equal(err.msg, bad[i].message);
        assert_null(path);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_path),
    };

    return RUN_TESTS(tests);
}
