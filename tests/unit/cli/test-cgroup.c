/* cgconfig.conf, and libcgroup's way to name cgroups. */
#include <string.h>

#include "test.h"

#include "cli/cgroup-priv.h"

static void
test_config(void **state)
{
    static const char text[] = "# comment\n"
                               "mount {\n\tcpu = /mnt/cpu;\n\t\"name=x\" = /mnt/x; # more\n}\n"
                               "default { perm { task { uid = 0; gid = 5; fperm = 770; } admin { dperm = 755 } } }\n"
                               "group a/b {\n  cpu { cpu.shares = \"1000\"; }\n  memory {}\n}\n"
                               "template t { cpu { cpu.shares = 5; } }\n"
                               "group . {\n perm { admin { uid = 7; } }\n"
                               " devices { devices.deny = a; devices.allow = \"c 1:3 rwm\"; }\n}\n";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_cgconfig config;

    (void)state;
    assert_int_equal(sc_cgconfig_parse(text, "f", &arena, &config, &err), 0);
    assert_int_equal(config.mount_count, 2);
    assert_string_equal(config.mounts[1].controller, "name=x");
    assert_string_equal(config.mounts[1].dir, "/mnt/x");
    assert_int_equal(config.group_count, 2);
    assert_string_equal(config.groups[0].name, "a/b");
    assert_int_equal(config.groups[0].line, 7);
    assert_int_equal(config.groups[0].param_count, 3);
    assert_null(config.groups[0].params[0].key);
    assert_string_equal(config.groups[0].params[1].key, "cpu.shares");
    assert_string_equal(config.groups[0].params[1].value, "1000");
    assert_string_equal(config.groups[0].params[2].controller, "memory");
    /* the default's, and no default where the group has its own */
    assert_int_equal(config.groups[0].perm.task_gid.value, 5);
    assert_int_equal(config.groups[0].perm.task_mode, 0770);
    assert_int_equal(config.groups[0].perm.dir_mode, 0755);
    assert_false(config.groups[1].perm.task_gid.is_set);
    assert_int_equal(config.groups[1].perm.admin_uid.value, 7);
    assert_string_equal(config.groups[1].params[2].value, "c 1:3 rwm");
}

static void
test_bad_config(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"group", "f:1: expected the group's name, not the end of the file"},
        {"group a\n{ cpu\n{ cpu.shares 5; } }", "f:3: expected '=', not \"5\""},
        {"group a { cpu { cpu.shares = ; } }", "f:1: expected a value, not \";\""},
        {"group a { cpu { cpu.shares = 5 6; } }", "f:1: expected ';', not \"6\""},
        {"group a { cpu { cpu.shares = \"5; } }", "f:1: a quote is not closed on its line"},
        {"group a { }", "f:1: group \"a\" names no controller"},
        {"group a { perm { admin { uid = no-such-user-here; } } cpu {} }", "f:1: uid"},
        {"group a { perm { task { dperm = 700; } } cpu {} }", "f:1: \"dperm\" is not uid, gid, fperm"},
        {"group a { perm { admin { fperm = 999; } } cpu {} }", "f:1: fperm: \"999\" is no mode"},
        {"group a { perm { root { } } cpu {} }", "f:1: expected task, admin or '}', not \"root\""},
        {"mount { cpu = relative; }", "f:1: \"relative\" is no absolute path"},
        {"mount { cpu = /a;", "f:1: expected a name or '}', not the end of the file"},
        {"nonsense { }", "f:1: expected mount, group, template or default, not \"nonsense\""},
        {"}", "f:1: expected mount, group, template or default, not \"}\""},
        {"default { cpu { } }", "f:1: expected perm, not \"cpu\""},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_err err = SC_ERR_INIT;
        struct sc_cgconfig config;

        assert_int_equal(sc_cgconfig_parse(cases[i].text, "f", &arena, &config, &err), -1);
        assert_int_equal(err.kind == SC_ERR_INVALID || err.kind == SC_ERR_NOT_FOUND, 1);
        if (strncmp(err.msg, cases[i].says, strlen(cases[i].says)) != 0)
            assert_string_equal(err.msg, cases[i].says);
    }
}

static void
test_specs(void **state)
{
    static const char mounts[] = "1 1 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                                 "2 1 0:2 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
                                 "3 1 0:3 / /sys/fs/cgroup/x rw - cgroup cgroup rw,name=x\n";
    static const struct {
        const char *text, *expected; /* "INDEX:PATH:CONTROLLERS ..." or NULL */
    } cases[] = {
        {"memory:a/b", "0:/a/b:memory "},
        {"memory:/a//b/", "0:/a/b:memory "},
        {"memory:", "0:/:memory "},
        {"memory:.", "0:/:memory "},
        {"cpu,memory,cpuacct:a", "1:/a:cpu,cpuacct 0:/a:memory "},
        {"name=x:a", "2:/a:name=x "},
        {"*:a", "0:/a:memory 1:/a:cpu,cpuacct 2:/a:name=x "},
        {"memory:a:b", "0:/a:b:memory "},
        {"io:a", NULL},
        {"a", NULL},
        {":a", NULL},
        {",memory:a", NULL},
        {"memory:../a", NULL},
        {"memory:a/../../b", NULL},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_layout layout;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_int_equal(sc_cgroup_parse_layout(mounts, "3:name=x:/\n2:cpu,cpuacct:/\n1:memory:/\n", &arena, &layout, &err),
                     0);
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_cgroup_targets targets = {.items = NULL};
        sc_cleanup_buf got = SC_BUF_INIT;
        int result = sc_cgroup_spec_parse(&layout, cases[i].text, &arena, &targets, &err);

        assert_int_equal(result, cases[i].expected ? 0 : -1);
        for (size_t j = 0; cases[i].expected && j < targets.count; j++) {
            sc_buf_addf(&got, "%d:%s:", targets.items[j].hierarchy, targets.items[j].path);
            for (size_t k = 0; k < targets.items[j].controllers.count; k++)
                sc_buf_addf(&got, "%s%s", k ? "," : "", targets.items[j].controllers.items[k]);
            sc_buf_addc(&got, ' ');
        }
        if (cases[i].expected)
            assert_string_equal(sc_buf_str(&got), cases[i].expected);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_bad_config),
        cmocka_unit_test(test_specs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
