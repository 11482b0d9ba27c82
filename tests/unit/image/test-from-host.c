/* What an image of host programs holds: links, scripts, families, system files; and that two runs give one digest. */
#include "host-fixture.h"

/* A loader and a program without libraries: enough where only the path matters. */
static void
put_program(struct host *host, const char *path)
{
    host_elf(host, "/lib64/ld.so", (struct elf_spec){.soname = "ld.so"});
    host_elf(host, path, (struct elf_spec){.interp = "/lib64/ld.so"});
}

static void
test_every_link_of_a_chain_is_kept(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool.real");
    host_link(host, "/bin", "usr/bin");
    host_link(host, "/usr/bin/tool", "/etc/alternatives/tool");
    host_link(host, "/etc/alternatives/tool", "../../bin/tool.real");
    host_ask(host, "/bin/tool");
    host_collects(host);
    host_has_link(host, "/bin", "usr/bin");
    host_has_link(host, "/usr/bin/tool", "/etc/alternatives/tool");
    host_has_link(host, "/etc/alternatives/tool", "../../bin/tool.real");
    assert_int_equal(host_has(host, "/usr/bin/tool.real")->kind, SC_HOST_FILE);
    assert_int_equal(host_has(host, "/lib64/ld.so")->kind, SC_HOST_FILE);
    assert_string_equal(host->found.items[0], "/bin/tool");
    /* A path in the set never leads through a link. */
    host_lacks(host, "/bin/tool");
    host_lacks(host, "/bin/tool.real");
}

static void
test_merged_usr_links_come_unasked(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool");
    host_link(host, "/bin", "usr/bin");
    host_link(host, "/sbin", "usr/nowhere");
    host_ask(host, "tool");
    host_collects(host);
    host_has_link(host, "/bin", "usr/bin");
    host_lacks(host, "/sbin");
}

static void
test_links_do_not_leave_the_root(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool.real");
    host_link(host, "/usr/bin/tool", "../../../../../../usr/bin/tool.real");
    host_ask(host, "/usr/bin/tool");
    host_collects(host);
    host_has(host, "/usr/bin/tool.real");
}

static void
test_link_loop(void **state)
{
    struct host *host = *state;

    host_link(host, "/usr/bin/a", "b");
    host_link(host, "/usr/bin/b", "a");
    host_ask(host, "/usr/bin/a");
    host_refuses(host, SC_ERR_KERNEL, "\"/usr/bin/a\": too many levels of symbolic links");
}

static void
test_programs_that_are_none(void **state)
{
    static const struct {
        const char *ask, *message;
        enum sc_err_kind kind;
    } cases[] = {
        {"absent", "find program \"absent\": not in PATH \"/usr/local/sbin:", SC_ERR_NOT_FOUND},
        {"/usr/bin/absent", "find program \"/usr/bin/absent\"", SC_ERR_NOT_FOUND},
        {"/usr/bin", "\"/usr/bin\": it is a directory", SC_ERR_INVALID},
        {"/usr/bin/plain", "\"/usr/bin/plain\": it is not executable", SC_ERR_INVALID},
        {"/usr/bin/text", "\"/usr/bin/text\": neither an ELF file nor a script", SC_ERR_INVALID},
        {"/usr/bin/cut", "read ELF header: file is truncated", SC_ERR_INVALID},
        {"plain", "find program \"plain\": not in PATH", SC_ERR_NOT_FOUND},
        {"", "the name is empty", SC_ERR_INVALID},
    };
    struct host *host = *state;

    host_text(host, "/usr/bin/plain", 0644, "#!/bin/sh\n");
    host_text(host, "/usr/bin/text", 0755, "echo no first line\n");
    host_text(host, "/usr/bin/cut", 0755, "\177ELF\2");
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        host->ask.programs.count = 0;
        host_ask(host, cases[i].ask);
        host_refuses(host, cases[i].kind, cases[i].message);
    }
}

static void
test_program_for_another_machine(void **state)
{
    struct host *host = *state;

    host_elf(host, "/usr/bin/tool", (struct elf_spec){.machine = EM_S390});
    host_ask(host, "tool");
    host_refuses(host, SC_ERR_UNSUPPORTED, "program \"/usr/bin/tool\" is for s390x, and this machine is");
}

static void
test_a_shim_is_passed_over(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool");
    host_text(host, "/home/shims/tool", 0755, "#!/usr/bin/manager\n");
    host_text(host, "/home/shims/only", 0755, "#!/usr/bin/manager\n");
    host_ask(host, "tool");
    assert_int_equal(
        sc_host_build_open(&host->build, host->root, "/home/shims:relative:/usr/bin", &host->arena, &host->err), 0);
    assert_int_equal(sc_host_collect(&host->build, &host->ask, &host->found, &host->err), 0);
    assert_string_equal(host->found.items[0], "/usr/bin/tool");
    host_lacks(host, "/home/shims/tool");

    host->ask.programs.count = 0;
    host_ask(host, "only");
    assert_int_equal(sc_host_collect(&host->build, &host->ask, &host->found, &host->err), -1);
    assert_int_equal(host->err.kind, SC_ERR_NOT_FOUND);
    assert_non_null(strstr(host->err.msg, "\"/home/shims/only\" only leads to a version manager"));
}

/* ---- scripts --------------------------------------------------------------------------------------- */

static void
test_script_brings_its_interpreter(void **state)
{
    struct host *host = *state;

    put_program(host, "/bin/shell");
    host_text(host, "/usr/bin/script", 0755, "#! /bin/shell -e\nexit\n");
    host_ask(host, "script");
    host_collects(host);
    host_has(host, "/usr/bin/script");
    host_has(host, "/bin/shell");
}

static void
test_env_script_brings_both(void **state)
{
    static const char *const lines[] = {
        "#!/usr/bin/env tool",
        "#!/usr/bin/env -S A=b tool -u\n",
        "#!/usr/bin/env -Stool -u\nrest",
        "#!/usr/bin/env -i -u HOME tool\n",
    };
    struct host *host = *state;

    put_program(host, "/usr/bin/env");
    put_program(host, "/usr/bin/tool");
    host_ask(host, "script");
    for (size_t i = 0; i < SC_ARRAY_LEN(lines); i++) {
        host_text(host, "/usr/bin/script", 0755, lines[i]);
        host_collects(host);
        host_has(host, "/usr/bin/env");
        host_has(host, "/usr/bin/tool");
    }
    host_text(host, "/usr/bin/script", 0755, "#!/usr/bin/env absent\n");
    host_refuses(host, SC_ERR_NOT_FOUND, "script \"/usr/bin/script\": its interpreter: find program \"absent\"");
}

static void
test_interpreters_that_are_none(void **state)
{
    struct host *host = *state;

    host_ask(host, "script");
    host_text(host, "/usr/bin/script", 0755, "#!/bin/absent\n");
    host_refuses(host, SC_ERR_NOT_FOUND, "script \"/usr/bin/script\": its interpreter: find program \"/bin/absent\"");
    host_text(host, "/usr/bin/script", 0755, "#!sh\n");
    host_refuses(host, SC_ERR_INVALID, "its interpreter \"sh\" is not an absolute path");
    host_text(host, "/usr/bin/script", 0755, "#!\n");
    host_refuses(host, SC_ERR_INVALID, "its interpreter \"\" is not an absolute path");
    host_text(host, "/usr/bin/script", 0755, "#!/usr/bin/script\n");
    host_refuses(host, SC_ERR_INVALID, "more than 5 interpreters follow each other");
}

/* ---- what every image has, and what it must not have ---------------------------------------------------- */

static void
test_system_files_are_made_not_taken(void **state)
{
    struct host *host = *state;
    const struct sc_host_file *passwd;

    put_program(host, "/usr/bin/tool");
    host_text(host, "/etc/passwd", 0644, "secret:x:1000:1000:::\n");
    host_text(host, "/etc/shadow", 0600, "secret:$y$...\n");
    host_ask(host, "tool");
    host_collects(host);
    passwd = host_has(host, "/etc/passwd");
    assert_null(passwd->source);
    assert_non_null(strstr(passwd->content, "root:x:0:0:"));
    assert_non_null(strstr(passwd->content, "nobody:x:65534:65534:"));
    assert_null(strstr(passwd->content, "secret"));
    host_lacks(host, "/etc/shadow");
    host_has(host, "/etc/group");
    host_has(host, "/etc/nsswitch.conf");
    assert_int_equal(host_has(host, "/tmp")->mode, 01777);
    assert_int_equal(host_has(host, "/var/tmp")->mode, 01777);
    assert_int_equal(host_has(host, "/root")->mode, 0700);
}

static void
test_certificates_come_without_keys(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool");
    host_text(host, "/etc/ssl/certs/ca-certificates.crt", 0644, "certificates");
    host_text(host, "/usr/share/ca-certificates/one.crt", 0644, "one");
    host_link(host, "/etc/ssl/certs/one.pem", "/usr/share/ca-certificates/one.crt");
    host_text(host, "/etc/ssl/certs/stray.key", 0600, "key");
    host_text(host, "/etc/ssl/private/key", 0644, "key");
    host_text(host, "/etc/ssl/unreadable", 0600, "key");
    host_link(host, "/etc/ssl/certs/linked.key", "../unreadable");
    host_ask(host, "tool");
    host_collects(host);
    host_has(host, "/etc/ssl/certs/ca-certificates.crt");
    host_has_link(host, "/etc/ssl/certs/one.pem", "/usr/share/ca-certificates/one.crt");
    host_has(host, "/usr/share/ca-certificates/one.crt");
    host_lacks(host, "/etc/ssl/certs/stray.key");
    host_lacks(host, "/etc/ssl/private/key");
    host_lacks(host, "/etc/ssl/unreadable");
}

static void
test_set_id_bits_of_others_are_dropped(void **state)
{
    struct host *host = *state;

    put_program(host, "/usr/bin/tool");
    /* Root makes it another's; anyone else's is another's already. */
    if (geteuid() == 0)
        assert_int_equal(fchownat(host->root_fd, "usr/bin/tool", 1, 1, 0), 0);
    assert_int_equal(fchmodat(host->root_fd, "usr/bin/tool", 06755, 0), 0);
    host_ask(host, "tool");
    host_collects(host);
    assert_int_equal(host_has(host, "/usr/bin/tool")->mode, 0755);
}

/* ---- families ------------------------------------------------------------------------------------------- */

static void
put_python(struct host *host)
{
    host_elf(host, "/lib64/ld.so", (struct elf_spec){.soname = "ld.so"});
    host_elf(host, "/opt/py/bin/python3.11", (struct elf_spec){.interp = "/lib64/ld.so"});
    host_link(host, "/opt/py/bin/python3", "python3.11");
    host_text(host, "/opt/py/lib/python3.11/json/__init__.py", 0644, "import re\n");
    host_text(host, "/opt/py/lib/python3.11/site-packages/extra.py", 0644, "");
    host_text(host, "/opt/py/lib/python3.11/test/test_x.py", 0644, "");
    host_elf(host, "/opt/py/lib/python3.11/lib-dynload/_x.so", (struct elf_spec){.needed = {"libx.so.1"}});
    host_elf(host, "/opt/py/lib/python3.11/lib-dynload/_broken.so", (struct elf_spec){.needed = {"libgone.so.1"}});
    host_elf(host, "/usr/lib/libx.so.1", (struct elf_spec){.soname = "libx.so.1"});
}

static void
test_python_brings_its_library(void **state)
{
    struct host *host = *state;

    put_python(host);
    host_ask(host, "/opt/py/bin/python3");
    host_collects(host);
    host_has(host, "/opt/py/lib/python3.11/json/__init__.py");
    host_has(host, "/opt/py/lib/python3.11/lib-dynload/_x.so");
    host_has(host, "/usr/lib/libx.so.1");
    /* It could not be loaded on the host either. */
    host_has(host, "/opt/py/lib/python3.11/lib-dynload/_broken.so");
    host_lacks(host, "/opt/py/lib/python3.11/site-packages");
    host_lacks(host, "/opt/py/lib/python3.11/test");
}

static void
put_pyc(struct host *host, const char *name, uint32_t flags, uint32_t mtime, uint32_t size)
{
    char *path = sc_arena_printf(&host->arena, "/opt/py/lib/python3.11/__pycache__/%s", name);
    const uint32_t header[4] = {0x0a0d0da7, flags, mtime, size};

    host_file(host, path, 0644, header, sizeof(header));
}

static void
test_python_cache_only_where_valid(void **state)
{
    static const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    struct host *host = *state;

    put_python(host);
    host_text(host, "/opt/py/lib/python3.11/a.py", 0644, "four");
    assert_int_equal(utimensat(host->root_fd, "opt/py/lib/python3.11/a.py", times, 0), 0);
    put_pyc(host, "a.cpython-311.pyc", 0, 1000, 4);
    put_pyc(host, "a.cpython-311.opt-1.pyc", 0, 1000, 4);
    put_pyc(host, "a.stale-time.pyc", 0, 999, 4);
    put_pyc(host, "a.stale-size.pyc", 0, 1000, 5);
    put_pyc(host, "a.by-hash.pyc", 1, 0, 0);
    put_pyc(host, "gone.cpython-311.pyc", 0, 1000, 4);
    host_ask(host, "/opt/py/bin/python3");
    host_collects(host);
    assert_true(host_has(host, "/opt/py/lib/python3.11/__pycache__/a.cpython-311.pyc")->is_pyc_timed);
    assert_false(host_has(host, "/opt/py/lib/python3.11/__pycache__/a.by-hash.pyc")->is_pyc_timed);
    host_lacks(host, "/opt/py/lib/python3.11/__pycache__/a.cpython-311.opt-1.pyc");
    host_lacks(host, "/opt/py/lib/python3.11/__pycache__/a.stale-time.pyc");
    host_lacks(host, "/opt/py/lib/python3.11/__pycache__/a.stale-size.pyc");
    host_lacks(host, "/opt/py/lib/python3.11/__pycache__/gone.cpython-311.pyc");
}

static void
test_virtual_environment_comes_whole(void **state)
{
    struct host *host = *state;

    put_python(host);
    host_link(host, "/srv/env/bin/python3", "/opt/py/bin/python3");
    host_text(host, "/srv/env/pyvenv.cfg", 0644, "home = /opt/py/bin\n");
    host_text(host, "/srv/env/lib/python3.11/site-packages/mine.py", 0644, "");
    host_ask(host, "/srv/env/bin/python3");
    host_collects(host);
    host_has(host, "/srv/env/pyvenv.cfg");
    host_has(host, "/srv/env/lib/python3.11/site-packages/mine.py");
    host_has(host, "/opt/py/lib/python3.11/json/__init__.py");
}

static void
test_library_families(void **state)
{
    struct host *host = *state;

    host_elf(host, "/lib64/ld.so", (struct elf_spec){.soname = "ld.so"});
    host_elf(host, "/usr/lib/libtinfo.so.6", (struct elf_spec){.soname = "libtinfo.so.6"});
    host_elf(host, "/usr/lib/libc.so.6", (struct elf_spec){.soname = "libc.so.6"});
    host_elf(host, "/usr/lib/libnss_dns.so.2", (struct elf_spec){.needed = {"libresolv.so.2"}});
    host_elf(host, "/usr/lib/libresolv.so.2", (struct elf_spec){.soname = "libresolv.so.2"});
    host_elf(host, "/usr/bin/tool",
             (struct elf_spec){.interp = "/lib64/ld.so", .needed = {"libc.so.6", "libtinfo.so.6"}});
    host_text(host, "/lib/terminfo/d/dumb", 0644, "dumb");
    host_text(host, "/usr/share/terminfo/x/xterm", 0644, "xterm");
    host_text(host, "/usr/share/terminfo/w/wonder", 0644, "rare");
    host_text(host, "/usr/lib/locale/C.utf8/LC_CTYPE", 0644, "ctype");
    host_ask(host, "tool");
    host_collects(host);
    host_has(host, "/lib/terminfo/d/dumb");
    host_has(host, "/usr/share/terminfo/x/xterm");
    host_lacks(host, "/usr/share/terminfo/w/wonder");
    host_has(host, "/usr/lib/libnss_dns.so.2");
    host_has(host, "/usr/lib/libresolv.so.2");
    host_has(host, "/usr/lib/locale/C.utf8/LC_CTYPE");
}

/* ---- the layer --------------------------------------------------------------------------------------------- */

/* The digest of the layer of what was collected. */
static char *
layer_digest(struct host *host, struct sc_store_layer *layer)
{
    sc_cleanup_store store = SC_STORE_INIT;
    char *data = sc_arena_printf(&host->arena, "%s/data", host->top);

    assert_int_equal(sc_store_open(data, &store, &host->err), 0);
    if (sc_host_files_write(&host->build.files, &store, layer, &host->err) < 0)
        fail_msg("write layer: %s", host->err.msg);
    return layer->digest;
}

static void
test_times_and_order_do_not_change_the_digest(void **state)
{
    static const struct timespec times[2] = {{.tv_sec = 12345}, {.tv_sec = 12345}};
    static const char *const names[] = {"usr/bin/a", "usr/bin/b", "lib64/ld.so"};
    struct host *host = *state;
    struct sc_store_layer layer;
    char *first;

    put_program(host, "/usr/bin/a");
    put_program(host, "/usr/bin/b");
    host_text(host, "/etc/ssl/certs/one", 0644, "1");
    host_text(host, "/etc/ssl/certs/two", 0644, "2");
    host_ask(host, "a");
    host_ask(host, "b");
    host_collects(host);
    first = layer_digest(host, &layer);
    assert_string_equal(layer.diff_id, first);
    assert_true(layer.size > layer.diff_size);

    assert_int_equal(unlinkat(host->root_fd, "etc/ssl/certs/one", 0), 0);
    host_text(host, "/etc/ssl/certs/one", 0644, "1");
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++)
        assert_int_equal(utimensat(host->root_fd, names[i], times, 0), 0);
    host->ask.programs.count = 0;
    host_ask(host, "b");
    host_ask(host, "a");
    host_collects(host);
    assert_string_equal(layer_digest(host, &layer), first);

    host_text(host, "/etc/ssl/certs/one", 0644, "3");
    host_collects(host);
    assert_string_not_equal(layer_digest(host, &layer), first);
}

static void
test_hard_links_are_written_once(void **state)
{
    struct host *host = *state;
    struct sc_store_layer layer;
    int64_t alone;

    put_program(host, "/usr/bin/a");
    host_ask(host, "a");
    host_collects(host);
    (void)layer_digest(host, &layer);
    alone = layer.diff_size;
    assert_int_equal(linkat(host->root_fd, "usr/bin/a", host->root_fd, "usr/bin/b", 0), 0);
    host_ask(host, "b");
    host_collects(host);
    (void)layer_digest(host, &layer);
    assert_int_equal(layer.diff_size, alone);
}

static void
test_a_file_that_shrinks_is_an_error(void **state)
{
    struct host *host = *state;
    sc_cleanup_store store = SC_STORE_INIT;
    char *data = sc_arena_printf(&host->arena, "%s/data", host->top);
    struct sc_store_layer layer;

    put_program(host, "/usr/bin/a");
    host_ask(host, "a");
    host_collects(host);
    host_text(host, "/usr/bin/a", 0755, "short");
    assert_int_equal(sc_store_open(data, &store, &host->err), 0);
    assert_int_equal(sc_host_files_write(&host->build.files, &store, &layer, &host->err), -1);
    assert_int_equal(host->err.kind, SC_ERR_BUSY);
    assert_non_null(strstr(host->err.msg, "\"/usr/bin/a\": it shrank"));
}

static void
test_whole_image(void **state)
{
    struct host *host = *state;
    sc_cleanup_store store = SC_STORE_INIT;
    char *data = sc_arena_printf(&host->arena, "%s/data", host->top);
    char *id = NULL, *again = NULL;
    struct sc_image image = {.id = NULL};

    put_program(host, "/opt/x/tool");
    host->ask.full_name = "docker.io/library/tools:latest";
    host_ask(host, "/opt/x/tool");
    sc_strv_add(&host->ask.cmd, &host->arena, "--help");
    sc_strv_add(&host->ask.entrypoint, &host->arena, "/opt/x/tool");
    assert_int_equal(sc_store_open(data, &store, &host->err), 0);
    if (sc_image_from_host(&store, &host->ask, &host->arena, &id, &host->err) < 0)
        fail_msg("from host: %s", host->err.msg);
    assert_int_equal(sc_image_from_host(&store, &host->ask, &host->arena, &again, &host->err), 0);
    assert_string_equal(id, again);
    assert_int_equal(sc_image_find(&store, "tools", &host->arena, &image, &host->err), 0);
    assert_string_equal(image.id, id);
    assert_int_equal(sc_image_check_platform(&image, &host->err), 0);
    assert_string_equal(image.config.env.items[0],
                        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/x");
    assert_string_equal(image.config.entrypoint.items[0], "/opt/x/tool");
    assert_int_equal(image.config.cmd.count, 1);
    assert_string_equal(image.config.cmd.items[0], "--help");
    assert_int_equal(image.layer_digests.count, 1);
}

int
main(void)
{
#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)
    const struct CMUnitTest tests[] = {
        HOST_TEST(test_every_link_of_a_chain_is_kept),
        HOST_TEST(test_merged_usr_links_come_unasked),
        HOST_TEST(test_links_do_not_leave_the_root),
        HOST_TEST(test_link_loop),
        HOST_TEST(test_programs_that_are_none),
        HOST_TEST(test_program_for_another_machine),
        HOST_TEST(test_a_shim_is_passed_over),
        HOST_TEST(test_script_brings_its_interpreter),
        HOST_TEST(test_env_script_brings_both),
        HOST_TEST(test_interpreters_that_are_none),
        HOST_TEST(test_system_files_are_made_not_taken),
        HOST_TEST(test_certificates_come_without_keys),
        HOST_TEST(test_set_id_bits_of_others_are_dropped),
        HOST_TEST(test_python_brings_its_library),
        HOST_TEST(test_python_cache_only_where_valid),
        HOST_TEST(test_virtual_environment_comes_whole),
        HOST_TEST(test_library_families),
        HOST_TEST(test_times_and_order_do_not_change_the_digest),
        HOST_TEST(test_hard_links_are_written_once),
        HOST_TEST(test_a_file_that_shrinks_is_an_error),
        HOST_TEST(test_whole_image),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
