/* Who "name:group" is, by an image's files; subordinate ids. */
#include <stdio.h>

#include "kernel/kernel.h"
#include "test.h"
#include "torture.h"

static const char passwd[] = "# users\n"
                             "root:x:0:0:root:/root:/bin/sh\n"
                             "\n"
                             "daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
                             "broken:x:zero:0::/:/bin/sh\n"
                             "minus:x:-5:0::/:/bin/sh\n"
                             "short:x:7\n"
                             "huge:x:99999999999:0::/:/bin/sh\n"
                             "top:x:4294967295:0::/:/bin/sh\n"
                             ":x:8:8::/:/bin/sh\n"
                             "  alice:x:1000:1000:Alice:/home/alice:/bin/sh\r\n"
                             "alice:x:2000:2000:second:/home/second:/bin/sh\n"
                             "nohome:x:1001:1001\n"
                             "5005:x:1005:1005::/five:/bin/sh\n"
                             "last:x:1006:1006::/last:/bin/sh";
static const char group[] = "root:x:0:\n"
                            "wheel:x:10:root,alice\n"
                            "broken:x:none:alice\n"
                            "audio:x:29:bob, alice\n"
                            "video:x:44:bob,alice,carol\n"
                            "again:x:44:alice\n"
                            "users:x:100:\n"
                            "users:x:101:alice\n"
                            "malice:x:666:malice,alicee\n"
                            "alice:x:1000:";

static struct sc_arena arena;
static struct sc_err err;

static int
setup(void **state)
{
    (void)state;
    arena = (struct sc_arena)SC_ARENA_INIT;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    sc_arena_release(&arena);
    return 0;
}

static const char *
describe(const struct sc_user_result *user)
{
    char *text = sc_arena_printf(&arena, "%u:%u \"%s\" %s", user->uid, user->gid, user->name, user->home);

    for (size_t i = 0; i < user->additional_gid_count; i++)
        text = sc_arena_printf(&arena, "%s%s%u", text, i == 0 ? " " : ",", user->additional_gids[i]);
    return text;
}

static void
test_resolve(void **state)
{
    static const struct {
        const char *user, *result;
    } rows[] = {
        {NULL, "0:0 \"root\" /root 0,10"},
        {"", "0:0 \"root\" /root 0,10"},
        {"root", "0:0 \"root\" /root 0,10"},
        {"0", "0:0 \"root\" /root 0,10"},
        {"0:0", "0:0 \"root\" /root 0"},
        {"daemon", "1:1 \"daemon\" /usr/sbin 1"},
        /* the first of two entries; a member after a blank is another name; a group once though it has two names */
        {"alice", "1000:1000 \"alice\" /home/alice 1000,10,44,101"},
        {"1000", "1000:1000 \"alice\" /home/alice 1000,10,44,101"},
        {"2000", "2000:2000 \"alice\" /home/second 2000,10,44,101"},
        /* an explicit group ends the search for others */
        {"alice:wheel", "1000:10 \"alice\" /home/alice 10"},
        {"alice:users", "1000:100 \"alice\" /home/alice 100"},
        {"alice:44", "1000:44 \"alice\" /home/alice 44"},
        {"alice:7777", "1000:7777 \"alice\" /home/alice 7777"},
        {"alice:", "1000:1000 \"alice\" /home/alice 1000,10,44,101"},
        {":wheel", "0:10 \"root\" /root 10"},
        {":", "0:0 \"root\" /root 0,10"},
        {"nohome", "1001:1001 \"nohome\" / 1001"},
        {"last", "1006:1006 \"last\" /last 1006"},
        /* a number need not be there: group 0 then, as in Docker */
        {"4711", "4711:0 \"\" / 0"},
        {"4711:4712", "4711:4712 \"\" / 4712"},
        {"4711:wheel", "4711:10 \"\" / 10"},
        {"2147483647:2147483647", "2147483647:2147483647 \"\" / 2147483647"},
        /* a name made of digits is a name before it is a number */
        {"5005", "1005:1005 \"5005\" /five 1005"},
        /* the malformed lines' users do not exist; their numbers are free */
        {"7", "7:0 \"\" / 0"},
        {"8", "8:0 \"\" / 0"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        struct sc_user_request ask = {.user = rows[i].user};
        struct sc_user_result user;

        assert_ok(sc_user_resolve(passwd, group, &ask, &arena, &user, &err));
        assert_string_equal(describe(&user), rows[i].result);
    }
}

static void
test_refusals(void **state)
{
    static const struct {
        const char *user, *message;
        enum sc_err_kind kind;
    } rows[] = {
        {"nobody", "find user \"nobody\": the image's /etc/passwd does not have it", SC_ERR_NOT_FOUND},
        {"Alice", "find user \"Alice\": the image's /etc/passwd does not have it", SC_ERR_NOT_FOUND},
        {"alic", "find user \"alic\": the image's /etc/passwd does not have it", SC_ERR_NOT_FOUND},
        {"# users", "find user \"# users\": the image's /etc/passwd does not have it", SC_ERR_NOT_FOUND},
        /* a line whose number is broken must not make its user root */
        {"broken", "find user \"broken\": the image's /etc/passwd does not have it", SC_ERR_NOT_FOUND},
        {"minus", "find user \"minus\": the image's /etc/passwd does not have it", SC_ERR_NOT_FOUND},
        {"short", "find user \"short\": the image's /etc/passwd does not have it", SC_ERR_NOT_FOUND},
        {"huge", "find user \"huge\": the image's /etc/passwd does not have it", SC_ERR_NOT_FOUND},
        {"top", "find user \"top\": the image's /etc/passwd does not have it", SC_ERR_NOT_FOUND},
        {"alice:nogroup", "find group \"nogroup\": the image's /etc/group does not have it", SC_ERR_NOT_FOUND},
        {"alice:broken", "find group \"broken\": the image's /etc/group does not have it", SC_ERR_NOT_FOUND},
        {"-1", "find user \"-1\": a number must be between 0 and 2147483647", SC_ERR_INVALID},
        {"2147483648", "find user \"2147483648\": a number must be between 0 and 2147483647", SC_ERR_INVALID},
        {"99999999999999999999", "find user \"99999999999999999999\": a number must be between 0 and 2147483647",
         SC_ERR_INVALID},
        {"0:4294967296", "find group \"4294967296\": a number must be between 0 and 2147483647", SC_ERR_INVALID},
        {"0:-1", "find group \"-1\": a number must be between 0 and 2147483647", SC_ERR_INVALID},
        {"a:b:c", "find user \"a:b:c\": must be USER or USER:GROUP", SC_ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        struct sc_user_request ask = {.user = rows[i].user};
        struct sc_user_result user;

        assert_fails(sc_user_resolve(passwd, group, &ask, &arena, &user, &err), rows[i].kind, rows[i].message);
    }
}

static void
test_extra_groups(void **state)
{
    struct sc_user_request ask = {.user = "alice"};
    struct sc_user_result user;

    (void)state;
    sc_strv_add(&ask.extra_groups, &arena, "users");
    sc_strv_add(&ask.extra_groups, &arena, "44");
    sc_strv_add(&ask.extra_groups, &arena, "1234");
    sc_strv_add(&ask.extra_groups, &arena, "1234");
    assert_ok(sc_user_resolve(passwd, group, &ask, &arena, &user, &err));
    assert_string_equal(describe(&user), "1000:1000 \"alice\" /home/alice 1000,10,44,101,100,1234");
    sc_strv_add(&ask.extra_groups, &arena, "nosuch");
    assert_fails(sc_user_resolve(passwd, group, &ask, &arena, &user, &err), SC_ERR_NOT_FOUND,
                 "find group \"nosuch\": the image's /etc/group does not have it");
}

static void
test_absent_files(void **state)
{
    struct sc_user_request ask = {.user = ""};
    struct sc_user_result user;

    (void)state;
    assert_ok(sc_user_resolve(NULL, NULL, &ask, &arena, &user, &err));
    assert_string_equal(describe(&user), "0:0 \"\" / 0");
    ask.user = "12:13";
    assert_ok(sc_user_resolve("", "", &ask, &arena, &user, &err));
    assert_string_equal(describe(&user), "12:13 \"\" / 13");
    ask.user = "root";
    assert_fails(sc_user_resolve(NULL, NULL, &ask, &arena, &user, &err), SC_ERR_NOT_FOUND,
                 "find user \"root\": the image's /etc/passwd does not have it");
}

static void
test_huge_lines(void **state)
{
    sc_cleanup_buf users = SC_BUF_INIT;
    sc_cleanup_buf groups = SC_BUF_INIT;
    struct sc_user_request ask = {.user = "far"};
    struct sc_user_result user;

    (void)state;
    for (int i = 0; i < 200000; i++)
        sc_buf_addc(&users, i % 7 == 0 ? ':' : 'x');
    sc_buf_adds(&users, "\nfar:x:77:78::/far:/bin/sh\n");
    sc_buf_adds(&groups, "big:x:500:");
    for (int i = 0; i < 20000; i++)
        sc_buf_addf(&groups, "m%d,", i);
    sc_buf_adds(&groups, "far\n");
    for (int i = 0; i < 300; i++)
        sc_buf_addf(&groups, "g%d:x:%d:far\n", i, 1000 + i);
    assert_ok(sc_user_resolve(sc_buf_str(&users), sc_buf_str(&groups), &ask, &arena, &user, &err));
    assert_int_equal(user.uid, 77);
    assert_int_equal(user.additional_gid_count, 302);
    assert_int_equal(user.additional_gids[0], 78);
    assert_int_equal(user.additional_gids[1], 500);
    assert_int_equal(user.additional_gids[301], 1299);
}

static const char subid[] = "# ranges\n"
                            "alice:100000:65536\n"
                            "bob:165536:65536\n"
                            "1000:300000:1000\n"
                            "alice:500000:10\n"
                            "alice:none:10\n"
                            "alice:600000:0\n"
                            "alice:4294967290:100\n"
                            "alice:700000:10:10\n"
                            "alice:700000\n"
                            "01002:800000:5\n";

static const char *
describe_maps(const struct sc_oci_id_maps *maps)
{
    char *text = sc_arena_strdup(&arena, "");

    for (size_t i = 0; i < maps->count; i++)
        text = sc_arena_printf(&arena, "%s%s%u=%u+%u", text, i == 0 ? "" : " ", maps->items[i].container_id,
                               maps->items[i].host_id, maps->items[i].size);
    return text;
}

static void
test_subid(void **state)
{
    struct sc_oci_id_maps maps;

    (void)state;
    assert_ok(sc_subid_find(subid, "alice", 1, &arena, &maps, &err));
    assert_string_equal(describe_maps(&maps), "0=100000+65536 65536=500000+10");
    /* by name or by number, whichever the line has */
    assert_ok(sc_subid_find(subid, "alice", 1000, &arena, &maps, &err));
    assert_string_equal(describe_maps(&maps), "0=100000+65536 65536=300000+1000 66536=500000+10");
    assert_ok(sc_subid_find(subid, NULL, 1000, &arena, &maps, &err));
    assert_string_equal(describe_maps(&maps), "0=300000+1000");
    assert_ok(sc_subid_find(subid, "", 1002, &arena, &maps, &err));
    assert_string_equal(describe_maps(&maps), "0=800000+5");
    assert_fails(sc_subid_find(subid, "carol", 7, &arena, &maps, &err), SC_ERR_NOT_FOUND,
                 "find subordinate ids of \"carol\" (7): no range is given to it");
    assert_string_equal(err.remedy, "add a line \"carol:100000:65536\" to /etc/subuid and to /etc/subgid");
    assert_fails(sc_subid_find(NULL, NULL, 7, &arena, &maps, &err), SC_ERR_NOT_FOUND,
                 "find subordinate ids of \"\" (7): no range is given to it");
}

/* Ranges that together exceed the id space: what fits. */
static void
test_subid_overflow(void **state)
{
    struct sc_oci_id_maps maps;

    (void)state;
    assert_ok(sc_subid_find("a:1:4000000000\na:1:4000000000\n", "a", 1, &arena, &maps, &err));
    assert_string_equal(describe_maps(&maps), "0=1+4000000000");
}

static int
job_resolve(void *context, struct sc_err *job_err)
{
    sc_cleanup_arena job_arena = SC_ARENA_INIT;
    struct sc_user_request ask = {.user = context};
    struct sc_user_result user;

    sc_strv_add(&ask.extra_groups, &job_arena, "1234");
    return sc_user_resolve(passwd, group, &ask, &job_arena, &user, job_err);
}

static int
job_subid(void *context, struct sc_err *job_err)
{
    sc_cleanup_arena job_arena = SC_ARENA_INIT;
    struct sc_oci_id_maps maps;

    return sc_subid_find(subid, context, 1, &job_arena, &maps, job_err);
}

static void
test_torture(void **state)
{
    char name[] = "alice", both[] = "alice:wheel";

    (void)state;
    assert_true(torture_run("resolve a user", job_resolve, name) > 0);
    assert_true(torture_run("resolve user and group", job_resolve, both) > 0);
    assert_true(torture_run("find subordinate ids", job_subid, name) > 0);
}

static void
test_home(void **state)
{
    char home[16], small[6];
    static const char odd[] = "a:x:1:1::relative:/bin/sh\nb:x:2:2:::/bin/sh\nc:x:3:3::/nul\0x:/bin/sh\n";

    (void)state;
    assert_true(sc_user_home(passwd, strlen(passwd), 0, home, sizeof(home)));
    assert_string_equal(home, "/root");
    assert_true(sc_user_home(passwd, strlen(passwd), 1000, home, sizeof(home)));
    assert_string_equal(home, "/home/alice");
    assert_true(sc_user_home(passwd, strlen(passwd), 1006, home, sizeof(home)));
    assert_string_equal(home, "/last");
    assert_false(sc_user_home(passwd, strlen(passwd), 3000, home, sizeof(home)));
    assert_false(sc_user_home(passwd, strlen(passwd), 7, home, sizeof(home)));
    assert_false(sc_user_home("", 0, 0, home, sizeof(home)));
    /* what does not fit, is not absolute, or holds a NUL is none */
    assert_true(sc_user_home(passwd, strlen(passwd), 0, small, sizeof(small)));
    assert_false(sc_user_home(passwd, strlen(passwd), 1, small, sizeof(small)));
    for (uint32_t uid = 1; uid <= 3; uid++)
        assert_false(sc_user_home(odd, sizeof(odd) - 1, uid, home, sizeof(home)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_home),
        cmocka_unit_test_setup_teardown(test_resolve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_extra_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(test_absent_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_huge_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_subid, setup, teardown),
        cmocka_unit_test_setup_teardown(test_subid_overflow, setup, teardown),
        cmocka_unit_test(test_torture),
    };

    return RUN_TESTS(tests);
}
