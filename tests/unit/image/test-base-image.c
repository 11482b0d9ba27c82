/* The default image: made of a static busybox, the same each time; and what is refused in its place. */
#include "host-fixture.h"

static void
open_store(struct host *host, struct sc_store *store)
{
    assert_int_equal(sc_store_open(sc_arena_printf(&host->arena, "%s/data", host->top), store, &host->err), 0);
}

static void
refuses(struct host *host, const char *busybox, enum sc_err_kind kind, const char *message)
{
    sc_cleanup_store store = SC_STORE_INIT;
    char *id = NULL;

    open_store(host, &store);
    sc_err_clear(&host->err);
    assert_int_equal(setenv("SC_BUSYBOX", busybox, 1), 0);
    assert_int_equal(sc_image_make_base(&store, &host->arena, &id, &host->err), -1);
    assert_int_equal(unsetenv("SC_BUSYBOX"), 0);
    if (strstr(host->err.msg, message) == NULL)
        fail_msg("message \"%s\" lacks \"%s\"", host->err.msg, message);
    assert_int_equal(host->err.kind, kind);
}

static void
test_refused(void **state)
{
    struct host *host = *state;
    char *path = sc_arena_printf(&host->arena, "%s/busybox", host->root);

    refuses(host, "busybox", SC_ERR_INVALID, "SC_BUSYBOX \"busybox\": not an absolute path");
    refuses(host, path, SC_ERR_NOT_FOUND, "make image \"base\": read busybox");
    assert_string_equal(host->err.remedy, "apt-get install busybox-static");
    host_text(host, "/busybox", 0755, "#!/bin/sh\n");
    refuses(host, path, SC_ERR_INVALID, "no ELF magic number");
    assert_string_equal(host->err.remedy, "apt-get install busybox-static");
    host_elf(host, "/busybox", (struct elf_spec){.interp = "/lib64/ld.so"});
    refuses(host, path, SC_ERR_INVALID, "it is not static, and the image has no libraries");
    assert_string_equal(host->err.remedy, "apt-get install busybox-static");
    host_elf(host, "/busybox", (struct elf_spec){.needed = {"libc.so.6"}});
    refuses(host, path, SC_ERR_INVALID, "it is not static, and the image has no libraries");
}

static void
test_made_twice_it_is_one_image(void **state)
{
    static const char *const paths[] = {"bin/busybox", "bin/sh",      "usr/bin/env", "etc/passwd", "etc/group",
                                        "etc/hosts",   "etc/profile", "tmp",         "var/run",    "root"};
    struct host *host = *state;
    sc_cleanup_store store = SC_STORE_INIT;
    struct sc_image image = {.id = NULL};
    char *first = NULL, *second = NULL, *layer, sh[32] = "";
    struct stat st;

    open_store(host, &store);
    if (sc_image_make_base(&store, &host->arena, &first, &host->err) < 0)
        fail_msg("make base: %s (%s)", host->err.msg, host->err.remedy);
    assert_int_equal(sc_image_make_base(&store, &host->arena, &second, &host->err), 0);
    assert_string_equal(first, second);
    assert_int_equal(sc_image_find(&store, "base", &host->arena, &image, &host->err), 0);
    assert_string_equal(image.id, first);
    assert_string_equal(image.name, "docker.io/library/base:latest");
    assert_int_equal(image.config.cmd.count, 1);
    assert_string_equal(image.config.cmd.items[0], "sh");
    assert_true(sc_strv_find_key(&image.config.env, "PATH") == 0);
    assert_int_equal(image.chain_ids.count, 1);

    layer = sc_arena_printf(&host->arena, "layer/%s/diff", image.chain_ids.items[0]);
    for (size_t i = 0; i < SC_ARRAY_LEN(paths); i++) {
        char *path = sc_arena_printf(&host->arena, "%s/%s", layer, paths[i]);
        if (fstatat(store.data_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
            fail_msg("\"%s\" is not in the layer", paths[i]);
    }
    assert_int_equal(fstatat(store.data_fd, sc_arena_printf(&host->arena, "%s/tmp", layer), &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 01777);
    assert_int_equal(readlinkat(store.data_fd, sc_arena_printf(&host->arena, "%s/bin/sh", layer), sh, sizeof(sh) - 1),
                     7);
    assert_string_equal(sh, "busybox");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refused, host_setup, host_teardown),
        cmocka_unit_test_setup_teardown(test_made_twice_it_is_one_image, host_setup, host_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
