/* -v, --mount, --tmpfs and --device: what they are read as. */
#include "test.h"

#include "cli/cli.h"

/* "bind source>target ro rslave" */
static const char *
describe(const struct sc_create_options *o, struct sc_buf *out)
{
    static const char *const kinds[] = {
        [SC_MOUNT_BIND] = "bind", [SC_MOUNT_VOLUME] = "volume", [SC_MOUNT_TMPFS] = "tmpfs"};
    const struct sc_mount_ask *m;

    assert_int_equal(o->mount_count, 1);
    m = &o->mounts[0];
    sc_buf_addf(out, "%s %s>%s", kinds[m->kind], m->source ? m->source : "", m->target);
    sc_buf_adds(out, m->is_readonly ? " ro" : "");
    sc_buf_adds(out, m->creates_source ? " makes" : "");
    sc_buf_adds(out, m->copies_up ? " copies" : "");
    sc_buf_adds(out, m->non_recursive ? " flat" : "");
    sc_buf_adds(out, m->is_idmapped ? " idmap" : "");
    if (m->propagation)
        sc_buf_addf(out, " %s", m->propagation);
    if (m->tmpfs_size)
        sc_buf_addf(out, " size=%lld", (long long)m->tmpfs_size);
    if (m->tmpfs_mode)
        sc_buf_addf(out, " mode=%o", m->tmpfs_mode);
    for (size_t i = 0; i < m->options.count; i++)
        sc_buf_addf(out, " %s", m->options.items[i]);
    return sc_buf_str(out);
}

struct good {
    const char *value, *expected;
};
struct bad {
    const char *value, *message;
};

static void
check(sc_option_set_fn set, const struct good *good, size_t good_count, const struct bad *bad, size_t bad_count)
{
    for (size_t i = 0; i < good_count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_create_options o = {0};
        struct sc_err err;

        assert_ok(set(&o, good[i].value, &arena, &err));
        assert_string_equal(describe(&o, &text), good[i].expected);
    }
    for (size_t i = 0; i < bad_count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_create_options o = {0};
        struct sc_err err;

        assert_fails(set(&o, bad[i].value, &arena, &err), SC_ERR_INVALID, bad[i].message);
        assert_int_equal(o.mount_count, 0);
    }
}

static void
test_volume(void **state)
{
    static const struct good good[] = {
        {"/a", "volume >/a copies"},
        {"/a:/b", "bind /a>/b makes"},
        {"./a:/b", "bind ./a>/b makes"},
        {"..:/b", "bind ..>/b makes"},
        {"name:/b", "volume name>/b copies"},
        {"name:/b:nocopy", "volume name>/b"},
        {"/a:/b:ro", "bind /a>/b ro makes"},
        {"/a:/b:rw", "bind /a>/b makes"},
        {"/a:/b:idmap,ro", "bind /a>/b ro makes idmap"},
        {"/a:/b:ro,rslave,z", "bind /a>/b ro makes rslave"},
        {"/a:/b:rshared", "bind /a>/b makes rshared"},
        {"/a:/b:Z,bind", "bind /a>/b makes flat"},
        {"/a:/b:cached,delegated,consistent,rbind", "bind /a>/b makes"},
        {"/a b:/c d", "bind /a b>/c d makes"},
        {"/a:/b:", "bind /a>/b makes"},
    };
    static const struct bad bad[] = {
        {"", "\"\": must be [SOURCE:]TARGET[:OPTIONS]"},
        {":/b", "\":/b\": must be [SOURCE:]TARGET[:OPTIONS]"},
        {"/a:", "\"/a:\": must be [SOURCE:]TARGET[:OPTIONS]"},
        {"/a:/b:ro:x", "\"/a:/b:ro:x\": must be [SOURCE:]TARGET[:OPTIONS]"},
        {"a", "\"a\": path \"a\" inside the container must be absolute"},
        {"a:b:c", "\"a:b:c\": path \"b\" inside the container must be absolute"},
        {"/a:b", "\"/a:b\": path \"b\" inside the container must be absolute"},
        {"/a:/b:,ro", "\"/a:/b:,ro\": \"\" is not a known option of this mount"},
        {"/a:/b:ro,rw", "\"/a:/b:ro,rw\": invalid mode: \"rw\" beside another of its kind"},
        {"/a:/b:ro,ro", "\"/a:/b:ro,ro\": invalid mode: \"ro\" beside another of its kind"},
        {"/a:/b:z,ro,Z", "\"/a:/b:z,ro,Z\": invalid mode: \"Z\" beside another of its kind"},
        {"/a:/b:shared,rslave", "\"/a:/b:shared,rslave\": invalid mode: \"rslave\" beside another of its kind"},
        {"name:/b:nocopy,nocopy", "\"name:/b:nocopy,nocopy\": invalid mode: \"nocopy\" beside another of its kind"},
        {"/a:/b:c", "\"/a:/b:c\": \"c\" is not a known option of this mount"},
        {"/a:/b:nocopy", "\"/a:/b:nocopy\": \"nocopy\" is not a known option of this mount"},
        {"name:/b:rslave", "\"name:/b:rslave\": \"rslave\" is not a known option of this mount"},
    };

    (void)state;
    check(sc_value_volume, good, SC_ARRAY_LEN(good), bad, SC_ARRAY_LEN(bad));
}

/* -v and --tmpfs are sets, --mount is a list, of which the engine then refuses two on one target. */
static void
test_repeated(void **state)
{
    static const struct {
        sc_option_set_fn set;
        const char *first, *second;
        size_t count;
    } cases[] = {
        {sc_value_volume, "/a:/b", "/a:/b:rw", 1},     {sc_value_volume, "/a", "/a", 1},
        {sc_value_volume, "/a:/b", "/a:/b:ro", 2},     {sc_value_volume, "/a:/b", "/c:/b", 2},
        {sc_value_volume, "name:/b", "name:/b", 1},    {sc_value_volume, "/a:/b:slave", "/a:/b:shared", 2},
        {sc_value_tmpfs, "/a:uid=1", "/a:uid=1", 1},   {sc_value_tmpfs, "/a:uid=1", "/a:uid=2", 2},
        {sc_value_tmpfs, "/a", "/a:size=1m", 2},       {sc_value_tmpfs, "/a", "/a:mode=700", 2},
        {sc_value_mount, "target=/b", "target=/b", 2},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_create_options o = {0};
        struct sc_err err;

        assert_ok(cases[i].set(&o, cases[i].first, &arena, &err));
        assert_ok(cases[i].set(&o, cases[i].second, &arena, &err));
        assert_int_equal(o.mount_count, cases[i].count);
    }
}

static void
test_mount(void **state)
{
    static const struct good good[] = {
        {"type=bind,source=/a,target=/b", "bind /a>/b"},
        {"type=bind,src=/a,dst=/b,readonly", "bind /a>/b ro"},
        {"type=bind,src=/a,destination=/b,ro=true", "bind /a>/b ro"},
        {"type=bind,src=/a,dst=/b,ro=false", "bind /a>/b"},
        {"type=bind,src=/a,dst=/b,bind-propagation=rshared", "bind /a>/b rshared"},
        {"type=bind,src=/a,dst=/b,bind-nonrecursive", "bind /a>/b flat"},
        {"type=bind,src=/a,dst=/b,bind-recursive=disabled", "bind /a>/b flat"},
        {"type=bind,src=/a,dst=/b,bind-recursive=enabled,consistency=cached", "bind /a>/b"},
        {"Type=bind,SRC=/a,Destination=/b,ReadOnly", "bind /a>/b ro"},
        {"TYPE=tmpfs,Target=/b,TMPFS-size=1m", "tmpfs >/b size=1048576"},
        {"target=/b", "volume >/b copies"},
        {"target=/b,readonly=false", "volume >/b copies"},
        {"source=name,target=/b", "volume name>/b copies"},
        {"type=volume,source=name,target=/b,volume-nocopy", "volume name>/b"},
        {"type=volume,source=name,target=/b,volume-nocopy=false", "volume name>/b copies"},
        {"type=tmpfs,target=/b", "tmpfs >/b"},
        {"type=tmpfs,target=/b,tmpfs-size=1m,tmpfs-mode=1770", "tmpfs >/b size=1048576 mode=1770"},
        /* a field in quotes holds commas, and doubled quotes */
        {"type=bind,\"source=/a,b\",target=/c", "bind /a,b>/c"},
        {"type=bind,\"source=/a\"\"b\",target=/c", "bind /a\"b>/c"},
    };
    static const struct bad bad[] = {
        {"", "\"\": must be KEY=VALUE"},
        {"foo", "\"foo\": must be KEY=VALUE"},
        {"type=bind", "target \"\": must be an absolute path"},
        {"type=bind,target=/b", "type bind needs a source"},
        {"type=bind,source=/a,target=b", "target \"b\": must be an absolute path"},
        {"type=other,target=/b", "type \"other\": must be bind, volume or tmpfs"},
        {"type=tmpfs,source=/a,target=/b", "type tmpfs has no source"},
        {"type=volume,readonly,target=/b", "a volume without a name is new and empty: it must not be readonly"},
        {"type=volume,target=/b,Bind-Propagation=slave", "\"Bind-Propagation\" belongs to another type of mount"},
        {"type=bind,source=/a,target=/b,frob=1", "unknown key \"frob\""},
        {"type=bind,source=/a,target=/b,", "\"\": must be KEY=VALUE"},
        {"type=bind,source=/a,target=/b,readonly=perhaps", "\"perhaps\": must be true or false"},
        {"type=bind,source=/a,target=/b,bind-propagation=up", "bind-propagation \"up\": is not known"},
        {"type=bind,source=/a,target=/b,bind-recursive=some", "bind-recursive \"some\": must be enabled or disabled"},
        {"type=bind,source=/a,target=/b,volume-nocopy", "\"volume-nocopy\" belongs to another type of mount"},
        {"type=volume,target=/b,bind-propagation=slave", "\"bind-propagation\" belongs to another type of mount"},
        {"type=volume,target=/b,tmpfs-size=1m", "\"tmpfs-size\" belongs to another type of mount"},
        {"type=tmpfs,target=/b,tmpfs-mode=9", "\"9\": must be an octal mode such as 1777"},
        {"type=tmpfs,target=/b,tmpfs-mode=77777", "\"77777\": must be an octal mode such as 1777"},
        {"type=tmpfs,target=/b,tmpfs-size=big", "\"big\": must be a size such as 512, 64k, 256m or 1.5g"},
    };

    (void)state;
    check(sc_value_mount, good, SC_ARRAY_LEN(good), bad, SC_ARRAY_LEN(bad));
}

static void
test_tmpfs(void **state)
{
    static const struct good good[] = {
        {"/a", "tmpfs >/a"},
        {"/a:size=64m,mode=0700", "tmpfs >/a size=67108864 mode=700"},
        {"/a:ro,noexec,uid=1,gid=2", "tmpfs >/a ro noexec uid=1 gid=2"},
        {"/a:size=50%", "tmpfs >/a size=50%"},
        {"/a:rw,nosuid,nodev,nr_inodes=10", "tmpfs >/a rw nosuid nodev nr_inodes=10"},
    };
    static const struct bad bad[] = {
        {"", "\"\": must be an absolute path, with options after a colon"},
        {"a", "\"a\": must be an absolute path, with options after a colon"},
        {"/a:frob", "\"/a:frob\": \"frob\" is not an option of tmpfs"},
        {"/a:uid=", "\"/a:uid=\": \"uid=\" is not an option of tmpfs"},
        {"/a:size=x", "\"x\": must be a size such as 512, 64k, 256m or 1.5g"},
        {"/a:mode=", "\"\": must be an octal mode such as 1777"},
    };

    (void)state;
    check(sc_value_tmpfs, good, SC_ARRAY_LEN(good), bad, SC_ARRAY_LEN(bad));
}

static void
test_device(void **state)
{
    static const struct {
        const char *value, *host, *container, *permissions;
    } good[] = {
        {"/dev/fuse", "/dev/fuse", "/dev/fuse", "rwm"},
        {"/dev/fuse:r", "/dev/fuse", "/dev/fuse", "r"},
        {"/dev/sda:/dev/xvdc", "/dev/sda", "/dev/xvdc", "rwm"},
        {"/dev/sda:/dev/xvdc:rw", "/dev/sda", "/dev/xvdc", "rw"},
    };
    static const char *const bad[] = {"",        "null",           "/dev/null:x",       "/dev/null:rwx",
                                      "/a:b:rw", "/a:/b:",         "/a:/b:q",           "/a:/b:rw:x",
                                      "/a:",     "/dev/null:rwmr", "/dev/null:/n:rwmrw"};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(good); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_create_options o = {0};
        struct sc_err err;

        assert_ok(sc_value_device(&o, good[i].value, &arena, &err));
        assert_int_equal(o.device_count, 1);
        assert_string_equal(o.devices[0].host_path, good[i].host);
        assert_string_equal(o.devices[0].container_path, good[i].container);
        assert_string_equal(o.devices[0].permissions, good[i].permissions);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_create_options o = {0};
        struct sc_err err;
        char message[100];

        (void)snprintf(message, sizeof(message), "\"%s\": must be /HOST[:/CONTAINER][:rwm]", bad[i]);
        assert_fails(sc_value_device(&o, bad[i], &arena, &err), SC_ERR_INVALID, message);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_volume), cmocka_unit_test(test_repeated), cmocka_unit_test(test_mount),
        cmocka_unit_test(test_tmpfs),  cmocka_unit_test(test_device),
    };

    return RUN_TESTS(tests);
}
