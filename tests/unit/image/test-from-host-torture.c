/* Reading ELF files, collecting a host's programs and writing the layer, with every single allocation failing once. */
#include "host-fixture.h"
#include "torture.h"

static int
elf_job(void *context, struct sc_err *err)
{
    const struct sc_buf *file = context;
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_elf elf;

    return sc_elf_read(file->data, file->len, &arena, &elf, err);
}

static void
test_elf(void **state)
{
    static const struct elf_spec spec = {
        .interp = "/lib64/ld.so", .soname = "a", .rpath = "b", .runpath = "c", .needed = {"d", "e", "f"}};
    sc_cleanup_buf file = SC_BUF_INIT;

    (void)state;
    elf_build(&spec, &file, NULL);
    assert_true(torture_run("elf", elf_job, &file) > 0);
}

static int
collect_job(void *context, struct sc_err *err)
{
    struct host *host = context;
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_host_build build = SC_HOST_BUILD_INIT;
    struct sc_strv found = {.count = 0};

    if (sc_host_build_open(&build, host->root, NULL, &arena, err) < 0)
        return -1;
    return sc_host_collect(&build, &host->ask, &found, err);
}

static void
test_collect(void **state)
{
    struct host *host = *state;
    struct sc_ld_entry entry = {.name = "libfar.so.1", .path = "/opt/far/libfar.so.1", .flags = 0x0303};
    sc_cleanup_buf cache = SC_BUF_INIT;

    sc_ld_cache_write(&entry, 1, &cache);
    host_file(host, "/etc/ld.so.cache", 0644, cache.data, cache.len);
    host_elf(host, "/lib64/ld.so", (struct elf_spec){.soname = "ld.so"});
    host_elf(host, "/usr/bin/python3.11",
             (struct elf_spec){
                 .interp = "/lib64/ld.so", .runpath = "$ORIGIN/$LIB", .needed = {"libfar.so.1", "libtinfo.so.6"}});
    host_elf(host, "/opt/far/libfar.so.1", (struct elf_spec){.soname = "libfar.so.1"});
    host_elf(host, "/usr/lib/libtinfo.so.6", (struct elf_spec){.soname = "libtinfo.so.6"});
    host_elf(host, "/usr/lib/python3.11/lib-dynload/x.so",
             (struct elf_spec){.needed = {"libfar.so.1", "libnone.so.1"}});
    host_text(host, "/usr/share/terminfo/x/xterm", 0644, "xterm");
    host_link(host, "/usr/bin/python3", "python3.11");
    host_text(host, "/usr/bin/script", 0755, "#!/usr/bin/python3 -u\n");
    host_ask(host, "script");
    assert_true(torture_run("collect", collect_job, host) > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elf),
        cmocka_unit_test_setup_teardown(test_collect, host_setup, host_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
