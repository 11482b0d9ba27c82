/* Capability flags as Docker reads them, and the sets of a process, in children of the test. */
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "test.h"

#define BIT(cap) SC_CAP_BIT(cap)

static struct sc_err err;

/* Words separated by spaces. */
static struct sc_strv
words(struct sc_arena *arena, const char *text)
{
    struct sc_strv list = {.items = NULL};

    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        char *word = sc_arena_strndup(arena, text, len);

        sc_strv_add(&list, arena, word);
        text += len + (text[len] == ' ');
    }
    return list;
}

static void
test_default(void **state)
{
    static const char *const names[] = {"CHOWN",   "DAC_OVERRIDE", "FOWNER",  "FSETID", "KILL",      "NET_BIND_SERVICE",
                                        "SETFCAP", "SETGID",       "SETPCAP", "SETUID", "SYS_CHROOT"};
    uint64_t wanted = 0;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        assert_true(sc_cap_from_name(names[i]) >= 0);
        wanted |= BIT(sc_cap_from_name(names[i]));
    }
    assert_int_equal(sc_caps_default(), wanted);
    assert_int_equal(__builtin_popcountll(sc_caps_default()), 11);
}

static void
test_flags(void **state)
{
    const uint64_t base = BIT(CAP_CHOWN) | BIT(CAP_KILL) | BIT(CAP_SETUID);
    const uint64_t all = base | BIT(CAP_NET_ADMIN) | BIT(CAP_SYS_ADMIN);
    const struct {
        const char *add, *drop;
        uint64_t result;
    } rows[] = {
        {"", "", base},
        {"NET_ADMIN", "", base | BIT(CAP_NET_ADMIN)},
        {"CAP_NET_ADMIN", "", base | BIT(CAP_NET_ADMIN)},
        {"cap_net_admin", "", base | BIT(CAP_NET_ADMIN)},
        {"net_admin net_admin", "", base | BIT(CAP_NET_ADMIN)},
        {"KILL", "", base},
        {"", "KILL", BIT(CAP_CHOWN) | BIT(CAP_SETUID)},
        {"", "CAP_KILL chown", BIT(CAP_SETUID)},
        {"", "SYS_TIME", base}, /* nothing to drop */
        {"", "ALL", 0},
        {"", "all", 0},
        {"NET_ADMIN", "ALL", BIT(CAP_NET_ADMIN)},
        {"NET_ADMIN", "ALL KILL", BIT(CAP_NET_ADMIN)},
        {"ALL", "", all},
        {"All", "SYS_ADMIN", all & ~BIT(CAP_SYS_ADMIN)},
        {"ALL", "ALL", all},
        {"KILL", "KILL", base}, /* adding wins */
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        struct sc_strv add = words(&arena, rows[i].add), drop = words(&arena, rows[i].drop);
        uint64_t result = 0;

        assert_ok(sc_caps_apply_flags(base, all, &add, &drop, &result, &err));
        if (result != rows[i].result)
            fail_msg("add \"%s\" drop \"%s\": %#llx, not %#llx", rows[i].add, rows[i].drop, (unsigned long long)result,
                     (unsigned long long)rows[i].result);
    }
}

static void
test_flag_errors(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv none = words(&arena, ""), unknown = words(&arena, "KILL FLY"), all_name = words(&arena, "CAP_ALL");
    struct sc_strv absent = words(&arena, "SYS_TIME");
    uint64_t result = 42;

    (void)state;
    assert_fails(sc_caps_apply_flags(0, ~UINT64_C(0), &unknown, &none, &result, &err), SC_ERR_INVALID,
                 "read --cap-add: unknown capability \"FLY\"");
    assert_fails(sc_caps_apply_flags(0, ~UINT64_C(0), &none, &unknown, &result, &err), SC_ERR_INVALID,
                 "read --cap-drop: unknown capability \"FLY\"");
    assert_fails(sc_caps_apply_flags(0, ~UINT64_C(0), &all_name, &none, &result, &err), SC_ERR_INVALID,
                 "read --cap-add: unknown capability \"CAP_ALL\"");
    assert_fails(sc_caps_apply_flags(0, BIT(CAP_KILL), &absent, &none, &result, &err), SC_ERR_UNSUPPORTED,
                 "read --cap-add: CAP_SYS_TIME cannot be given: this kernel or sc itself does not have it");
    assert_int_equal(result, 42);
    /* what base has and this process has not is left out in silence: nobody asked for it by name */
    assert_ok(sc_caps_apply_flags(BIT(CAP_KILL) | BIT(CAP_CHOWN), BIT(CAP_KILL), &none, &none, &result, &err));
    assert_int_equal(result, BIT(CAP_KILL));
    assert_ok(sc_caps_apply_flags(BIT(CAP_KILL), BIT(CAP_KILL), NULL, NULL, &result, &err));
    assert_int_equal(result, BIT(CAP_KILL));
}

static int
in_child(int (*body)(void))
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(body());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int
body_drop_all(void)
{
    const uint64_t keep = sc_caps_all() & (BIT(CAP_KILL) | BIT(CAP_CHOWN) | BIT(CAP_SETPCAP));
    uint64_t effective = 1, permitted = 1, inheritable = 1;

    if (sc_caps_drop_bounding(keep) != 0 || sc_caps_all() != keep)
        return 1;
    if (sc_caps_set(keep & BIT(CAP_KILL), keep, keep) != 0 || sc_caps_get(&effective, &permitted, &inheritable) != 0)
        return 2;
    if (effective != (keep & BIT(CAP_KILL)) || permitted != keep || inheritable != keep)
        return 3;
    if (sc_caps_set_ambient(keep & BIT(CAP_KILL)) != 0)
        return 4;
    for (int cap = 0; cap <= CAP_SYSLOG; cap++)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) != (cap == CAP_KILL))
            return 5;
    if (sc_caps_set_ambient(0) != 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) != 0)
        return 6;
    if (sc_caps_set(0, 0, 0) != 0 || sc_caps_get(&effective, &permitted, &inheritable) != 0)
        return 7;
    if (effective != 0 || permitted != 0 || inheritable != 0)
        return 8;
    /* nothing comes back, and nothing can be given away that is not held */
    if (sc_caps_set(BIT(CAP_KILL), BIT(CAP_KILL), 0) != -EPERM || sc_caps_set_ambient(BIT(CAP_KILL)) != -EPERM)
        return 9;
    if (sc_caps_drop_bounding(0) != -EPERM)
        return 10;
    /* dropping what is not there needs no privilege */
    return sc_caps_drop_bounding(keep) == 0 ? 42 : 11;
}

static void
test_sets(void **state)
{
    uint64_t effective, permitted, inheritable;

    (void)state;
    assert_int_equal(sc_caps_get(&effective, &permitted, &inheritable), 0);
    if ((effective & (BIT(CAP_KILL) | BIT(CAP_CHOWN) | BIT(CAP_SETPCAP))) !=
        (BIT(CAP_KILL) | BIT(CAP_CHOWN) | BIT(CAP_SETPCAP)))
        skip(); /* needs root */
    assert_int_equal(in_child(body_drop_all), 42);
}

static void
test_all(void **state)
{
    uint64_t all = sc_caps_all();

    (void)state;
    for (int cap = 0; cap < 64; cap++)
        assert_int_equal((all & BIT(cap)) != 0, prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default), cmocka_unit_test(test_flags), cmocka_unit_test(test_flag_errors),
        cmocka_unit_test(test_sets),    cmocka_unit_test(test_all),
    };

    return RUN_TESTS(tests);
}
