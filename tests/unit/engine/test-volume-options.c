/* What `volume create --opt` means. */
#include <stdarg.h>
#include <sys/mount.h>

#include "engine-fixture.h"

static int
check(char *const *items, size_t count, struct sc_arena *arena, struct sc_volume_mount *out, struct sc_err *err)
{
    const struct sc_strv options = {.items = (char **)(uintptr_t)items, .count = count};

    *err = (struct sc_err)SC_ERR_INIT;
    return sc_volume_options_check(&options, arena, out, err);
}

static void
test_meaning(void **state)
{
    char *const tmpfs[] = {"type=tmpfs", "device=tmpfs", "o=size=1m,,ro,nodev,rw,uid=7,noexec"};
    char *const bind[] = {"o=rbind,ro", "device=/a", "type=none", "device=/b"};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_volume_mount mount;
    struct sc_err err;

    (void)state;
    assert_ok(check(tmpfs, 0, &arena, &mount, &err));
    assert_null(mount.type);
    assert_ok(check(tmpfs, 3, &arena, &mount, &err));
    assert_string_equal(mount.type, "tmpfs");
    assert_string_equal(mount.data, "size=1m,uid=7"); /* the file system's */
    assert_int_equal(mount.flags, MS_NODEV | MS_NOEXEC);
    assert_ok(check(bind, 4, &arena, &mount, &err));
    assert_string_equal(mount.device, "/b"); /* the last word counts */
    assert_int_equal(mount.flags, MS_BIND | MS_REC | MS_RDONLY);
    assert_string_equal(mount.data, "");
}

static void
test_refused(void **state)
{
    static const struct {
        char *options[3];
        size_t count;
        const char *says;
    } cases[] = {
        {{"colour=red"}, 1, "invalid option: \"colour\""},
        {{"types=tmpfs"}, 1, "invalid option: \"types\""},
        {{"typ"}, 1, "invalid option: \"typ\""},
        {{"type=tmpfs"}, 1, "missing required option: \"device\""},
        {{"device=x", "o=ro"}, 2, "missing required option: \"type\""},
        {{"o=ro"}, 1, "missing required option: \"type\""},
        {{"type=tmpfs", "device=tmpfs", "size=1m"}, 3, "quota size requested but no quota support"},
        {{"type=none", "device=a", "o=bind"}, 3, "device \"a\": what is bound must be an absolute path"},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_volume_mount mount;
    struct sc_err err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        assert_int_equal(check(cases[i].options, cases[i].count, &arena, &mount, &err), -1);
        assert_string_equal(err.msg, cases[i].says);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
