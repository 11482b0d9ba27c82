/* The search for libraries, rule by rule of ld.so(8), against a false root of hand-made ELF files. */
#include "host-fixture.h"

/* A program that needs one library. */
static void
put_program(struct host *host, const char *path, const char *rpath, const char *runpath, const char *needed)
{
    host_elf(host, "/lib64/ld.so", (struct elf_spec){.soname = "ld.so"});
    host_elf(host, path,
             (struct elf_spec){.interp = "/lib64/ld.so", .rpath = rpath, .runpath = runpath, .needed = {needed}});
    host_ask(host, path);
}

static void
put_library(struct host *host, const char *path, const char *needed)
{
    host_elf(host, path, (struct elf_spec){.soname = strrchr(path, '/') + 1, .needed = {needed}});
}

static void
test_default_directories_in_order(void **state)
{
    static const char *const dirs[] = {"/usr/lib",          "/lib",         "/usr/lib64", "/lib64",
                                       "/usr/lib/" TRIPLET, "/lib/" TRIPLET};
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", NULL, NULL, "libx.so.1");
    host_refuses(host, SC_ERR_NOT_FOUND,
                 "program \"/usr/bin/tool\" needs the library \"libx.so.1\", which was not found");
    /* Each next directory is looked at before the ones that have it already. */
    for (size_t i = 0; i < SC_ARRAY_LEN(dirs); i++) {
        put_library(host, sc_arena_printf(&host->arena, "%s/libx.so.1", dirs[i]), NULL);
        host_collects(host);
        for (size_t other = 0; other < SC_ARRAY_LEN(dirs); other++) {
            char *path = sc_arena_printf(&host->arena, "%s/libx.so.1", dirs[other]);
            if (other == i)
                host_has(host, path);
            else
                host_lacks(host, path);
        }
    }
    host_lacks(host, "/etc/ld.so.cache");
}

static void
test_rpath_reaches_libraries_of_libraries(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", "/opt/a:/opt/b", NULL, "libx.so.1");
    put_library(host, "/opt/a/libx.so.1", "libdeep.so.1");
    put_library(host, "/opt/b/libdeep.so.1", NULL);
    host_collects(host);
    host_has(host, "/opt/a/libx.so.1");
    host_has(host, "/opt/b/libdeep.so.1");
}

static void
test_runpath_does_not(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", NULL, "/opt/a:/opt/b", "libx.so.1");
    put_library(host, "/opt/a/libx.so.1", "libdeep.so.1");
    put_library(host, "/opt/b/libdeep.so.1", NULL);
    host_refuses(host, SC_ERR_NOT_FOUND,
                 "library \"/opt/a/libx.so.1\" of program \"/usr/bin/tool\" needs the library \"libdeep.so.1\"");
    assert_non_null(strstr(host->err.remedy, "libdeep.so.1"));
}

static void
test_runpath_silences_rpath(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", "/opt/rpath", "/opt/runpath", "libx.so.1");
    put_library(host, "/opt/rpath/libx.so.1", NULL);
    host_refuses(host, SC_ERR_NOT_FOUND, "needs the library \"libx.so.1\"");
    put_library(host, "/opt/runpath/libx.so.1", NULL);
    host_collects(host);
    host_has(host, "/opt/runpath/libx.so.1");
    host_lacks(host, "/opt/rpath/libx.so.1");
}

/* A library with a RUNPATH does not look into its loader's RPATH. */
static void
test_runpath_of_a_library_silences_its_loaders_rpath(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", "/opt/rpath", NULL, "libx.so.1");
    host_elf(host, "/opt/rpath/libx.so.1",
             (struct elf_spec){.soname = "libx.so.1", .runpath = "/opt/none", .needed = {"libdeep.so.1"}});
    put_library(host, "/opt/rpath/libdeep.so.1", NULL);
    host_refuses(host, SC_ERR_NOT_FOUND, "needs the library \"libdeep.so.1\"");
}

static void
test_rpath_before_default_directories(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", "/opt/a", NULL, "libx.so.1");
    put_library(host, "/opt/a/libx.so.1", NULL);
    put_library(host, "/usr/lib/libx.so.1", NULL);
    host_collects(host);
    host_has(host, "/opt/a/libx.so.1");
    host_lacks(host, "/usr/lib/libx.so.1");
}

static void
test_origin_of_a_program_is_where_it_really_lies(void **state)
{
    struct host *host = *state;

    put_program(host, "/opt/app/bin/tool", NULL, "$ORIGIN/../lib:${ORIGIN}/plugins", "libx.so.1");
    host_link(host, "/usr/bin/tool", "/opt/app/bin/tool");
    host->ask.programs.count = 0;
    host_ask(host, "tool");
    put_library(host, "/usr/bin/plugins/libx.so.1", NULL);
    host_refuses(host, SC_ERR_NOT_FOUND, "needs the library \"libx.so.1\"");
    put_library(host, "/opt/app/bin/plugins/libx.so.1", NULL);
    host_collects(host);
    host_has(host, "/opt/app/bin/plugins/libx.so.1");
    host_lacks(host, "/usr/bin/plugins/libx.so.1");
}

/* $ORIGIN of a library is the directory it was found by, links not followed. */
static void
test_origin_of_a_library_is_where_it_was_found(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", NULL, "/opt/a", "libx.so.1");
    host_elf(host, "/opt/real/libx.so.1.0", (struct elf_spec){.runpath = "$ORIGIN", .needed = {"libdeep.so.1"}});
    host_link(host, "/opt/a/libx.so.1", "../real/libx.so.1.0");
    put_library(host, "/opt/a/libdeep.so.1", NULL);
    host_collects(host);
    host_has_link(host, "/opt/a/libx.so.1", "../real/libx.so.1.0");
    host_has(host, "/opt/real/libx.so.1.0");
    host_has(host, "/opt/a/libdeep.so.1");
}

static void
test_lib_and_platform_tokens(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", NULL, "/opt/$LIB/${PLATFORM}/$OTHER", "libx.so.1");
    put_library(host, "/opt/lib/" TRIPLET "/x86_64/$OTHER/libx.so.1", NULL);
    host_collects(host);
    host_has(host, "/opt/lib/" TRIPLET "/x86_64/$OTHER/libx.so.1");
    assert_int_equal(unlinkat(host->root_fd, "opt/lib/" TRIPLET "/x86_64/$OTHER/libx.so.1", 0), 0);
    put_library(host, "/opt/lib64/x86_64/$OTHER/libx.so.1", NULL);
    host_collects(host);
    host_has(host, "/opt/lib64/x86_64/$OTHER/libx.so.1");
}

static void
test_relative_elements_are_passed_over(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", NULL, ":lib::/opt/a", "libx.so.1");
    put_library(host, "/lib/nowhere/libx.so.1", NULL);
    put_library(host, "/opt/a/libx.so.1", NULL);
    host_collects(host);
    host_has(host, "/opt/a/libx.so.1");
}

static void
test_another_machines_library_is_passed_over(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", NULL, "/opt/32:/opt/arm:/opt/64", "libx.so.1");
    host_elf(host, "/opt/32/libx.so.1", (struct elf_spec){.is_32 = true});
    host_elf(host, "/opt/arm/libx.so.1", (struct elf_spec){.machine = EM_AARCH64});
    put_library(host, "/opt/64/libx.so.1", NULL);
    host_collects(host);
    host_has(host, "/opt/64/libx.so.1");
    host_lacks(host, "/opt/32/libx.so.1");
    host_lacks(host, "/opt/arm/libx.so.1");
}

static void
test_a_damaged_library_is_an_error(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", NULL, NULL, "libx.so.1");
    host_text(host, "/usr/lib/libx.so.1", 0644, "GROUP ( libx.a )");
    host_refuses(host, SC_ERR_INVALID,
                 "find library \"libx.so.1\" of \"/usr/bin/tool\": read host file \"/usr/lib/libx.so.1\"");
}

static void
test_libraries_that_need_each_other(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", NULL, NULL, "liba.so.1");
    put_library(host, "/usr/lib/liba.so.1", "libb.so.1");
    put_library(host, "/usr/lib/libb.so.1", "liba.so.1");
    host_collects(host);
    host_has(host, "/usr/lib/liba.so.1");
    host_has(host, "/usr/lib/libb.so.1");
}

/* What is loaded under a soname is not searched for again, even where it could not be found. */
static void
test_a_loaded_soname_satisfies(void **state)
{
    struct host *host = *state;

    host_elf(host, "/lib64/ld.so", (struct elf_spec){.soname = "ld-self.so.2"});
    host_elf(host, "/usr/bin/tool",
             (struct elf_spec){.interp = "/lib64/ld.so",
                               .runpath = "/opt/a",
                               .needed = {"libx-debug.so", "libuser.so.1", "ld-self.so.2"}});
    host_ask(host, "tool");
    host_elf(host, "/opt/a/libx-debug.so", (struct elf_spec){.soname = "libx.so.1"});
    put_library(host, "/opt/a/libuser.so.1", "libx.so.1");
    host_collects(host);
    host_has(host, "/opt/a/libuser.so.1");
}

static void
test_needed_with_a_slash_is_a_path(void **state)
{
    struct host *host = *state;

    put_program(host, "/opt/app/tool", NULL, NULL, "$ORIGIN/sub/libx.so");
    put_library(host, "/opt/app/sub/libx.so", NULL);
    host_collects(host);
    host_has(host, "/opt/app/sub/libx.so");
}

static void
test_missing_loader(void **state)
{
    struct host *host = *state;

    host_elf(host, "/usr/bin/tool", (struct elf_spec){.interp = "/lib/ld-none.so.1"});
    host_ask(host, "tool");
    host_refuses(host, SC_ERR_NOT_FOUND, "program \"/usr/bin/tool\": its loader \"/lib/ld-none.so.1\" does not exist");
}

static void
test_static_program_needs_nothing(void **state)
{
    struct host *host = *state;
    sc_cleanup_buf file = SC_BUF_INIT;

    elf_add_header(&file, false, EM_X86_64, 1);
    elf_add_segment(&file, false, PT_LOAD, 0, 64);
    host_file(host, "/usr/bin/tool", 0755, file.data, file.len);
    host_ask(host, "tool");
    host_collects(host);
    host_has(host, "/usr/bin/tool");
    assert_int_equal(host->build.object_count, 1);
}

/* ---- the cache ------------------------------------------------------------------------------------------ */

static void
put_cache(struct host *host, const char *name, const char *path)
{
    struct sc_ld_entry entry = {.name = name, .path = path, .flags = 0x0303};
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_ld_cache_write(&entry, 1, &text);
    host_file(host, "/etc/ld.so.cache", 0644, text.data, text.len);
}

static void
test_cache_is_read_and_made_anew(void **state)
{
    struct host *host = *state;
    const struct sc_host_file *file;
    struct sc_ld_cache cache;
    uint32_t index = 0;

    put_program(host, "/usr/bin/tool", NULL, NULL, "libx.so.1");
    put_library(host, "/opt/far/libx.so.1", NULL);
    put_library(host, "/usr/lib/libx.so.1", NULL);
    put_cache(host, "libx.so.1", "/opt/far/libx.so.1");
    host_collects(host);
    host_has(host, "/opt/far/libx.so.1");
    host_lacks(host, "/usr/lib/libx.so.1");
    file = host_has(host, "/etc/ld.so.cache");
    assert_null(file->source);
    assert_int_equal(sc_ld_cache_open(file->content, file->size, &cache, &host->err), 0);
    assert_string_equal(sc_ld_cache_next(&cache, "libx.so.1", sc_elf_machine_find(EM_X86_64, 64), &index),
                        "/opt/far/libx.so.1");
}

static void
test_cache_is_not_needed_for_default_directories(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", NULL, NULL, "libx.so.1");
    put_library(host, "/usr/lib/libx.so.1", NULL);
    put_cache(host, "libx.so.1", "/usr/lib/libx.so.1");
    host_collects(host);
    host_has(host, "/usr/lib/libx.so.1");
    host_lacks(host, "/etc/ld.so.cache");
}

static void
test_stale_cache_entry_is_passed_over(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", NULL, NULL, "libx.so.1");
    put_library(host, "/usr/lib/libx.so.1", NULL);
    put_cache(host, "libx.so.1", "/opt/gone/libx.so.1");
    host_collects(host);
    host_has(host, "/usr/lib/libx.so.1");
}

static void
test_damaged_cache_is_an_error(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool", NULL, NULL, NULL);
    host_text(host, "/etc/ld.so.cache", 0644, "nonsense");
    host_refuses(host, SC_ERR_INVALID, "read host file \"/etc/ld.so.cache\": read ld.so.cache: not in the format");
    assert_string_equal(host->err.remedy, "run ldconfig");
}

static void
test_nodeflib_forgoes_default_directories(void **state)
{
    struct host *host = *state;

    host_elf(host, "/lib64/ld.so", (struct elf_spec){.soname = "ld.so"});
    host_elf(host, "/usr/bin/tool",
             (struct elf_spec){.interp = "/lib64/ld.so", .needed = {"libx.so.1"}, .flags_1 = DF_1_NODEFLIB});
    host_ask(host, "tool");
    put_library(host, "/usr/lib/libx.so.1", NULL);
    put_cache(host, "libx.so.1", "/usr/lib/libx.so.1");
    host_refuses(host, SC_ERR_NOT_FOUND, "needs the library \"libx.so.1\"");
    put_library(host, "/opt/far/libx.so.1", NULL);
    put_cache(host, "libx.so.1", "/opt/far/libx.so.1");
    host_collects(host);
    host_has(host, "/opt/far/libx.so.1");
}

static void
test_musl_has_its_own_search_path(void **state)
{
    struct host *host = *state;

    host_elf(host, "/lib/ld-musl-x86_64.so.1", (struct elf_spec){.soname = "libc.so"});
    host_elf(host, "/usr/bin/tool",
             (struct elf_spec){.interp = "/lib/ld-musl-x86_64.so.1", .needed = {"libx.so.1", "libc.so"}});
    host_ask(host, "tool");
    put_library(host, "/usr/lib/" TRIPLET "/libx.so.1", NULL);
    host_refuses(host, SC_ERR_NOT_FOUND, "needs the library \"libx.so.1\"");
    host_text(host, "/etc/ld-musl-x86_64.path", 0644, "/opt/m\n/opt/n\n");
    put_library(host, "/opt/n/libx.so.1", NULL);
    host_collects(host);
    host_has(host, "/opt/n/libx.so.1");
    host_has(host, "/etc/ld-musl-x86_64.path");
}

int
main(void)
{
#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)
    const struct CMUnitTest tests[] = {
        HOST_TEST(test_default_directories_in_order),
        HOST_TEST(test_rpath_reaches_libraries_of_libraries),
        HOST_TEST(test_runpath_does_not),
        HOST_TEST(test_runpath_silences_rpath),
        HOST_TEST(test_runpath_of_a_library_silences_its_loaders_rpath),
        HOST_TEST(test_rpath_before_default_directories),
        HOST_TEST(test_origin_of_a_program_is_where_it_really_lies),
        HOST_TEST(test_origin_of_a_library_is_where_it_was_found),
        HOST_TEST(test_lib_and_platform_tokens),
        HOST_TEST(test_relative_elements_are_passed_over),
        HOST_TEST(test_another_machines_library_is_passed_over),
        HOST_TEST(test_a_damaged_library_is_an_error),
        HOST_TEST(test_libraries_that_need_each_other),
        HOST_TEST(test_a_loaded_soname_satisfies),
        HOST_TEST(test_needed_with_a_slash_is_a_path),
        HOST_TEST(test_missing_loader),
        HOST_TEST(test_static_program_needs_nothing),
        HOST_TEST(test_cache_is_read_and_made_anew),
        HOST_TEST(test_cache_is_not_needed_for_default_directories),
        HOST_TEST(test_stale_cache_entry_is_passed_over),
        HOST_TEST(test_damaged_cache_is_an_error),
        HOST_TEST(test_nodeflib_forgoes_default_directories),
        HOST_TEST(test_musl_has_its_own_search_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
