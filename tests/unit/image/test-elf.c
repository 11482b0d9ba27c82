/* What the ELF and ld.so.cache readers take from a file, and that damage and malice are errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "elf-build.h"

struct fixture {
    struct sc_arena arena;
    struct sc_buf file;
    struct elf_layout at;
    struct sc_elf elf;
    struct sc_err err;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    *state = f;
    return f == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    sc_arena_release(&f->arena);
    sc_buf_release(&f->file);
    free(f);
    return 0;
}

static const struct elf_spec program = {
    .interp = "/lib64/ld.so",
    .soname = "libself.so.1",
    .rpath = "$ORIGIN/../lib",
    .runpath = "/opt/a:/opt/b",
    .needed = {"libone.so.1", "libtwo.so.2"},
    .flags_1 = DF_1_NODEFLIB,
};

static void
build(struct fixture *f, const struct elf_spec *spec)
{
    elf_build(spec, &f->file, &f->at);
    assert_false(f->file.has_failed);
}

/* The file lies in memory of exactly its length, so that the sanitizer sees a read past it. */
static int
read_len(struct fixture *f, size_t len)
{
    char *exact = malloc(len == 0 ? 1 : len);
    int rc;

    assert_non_null(exact);
    memcpy(exact, f->file.data, len);
    sc_err_clear(&f->err);
    memset(&f->elf, 0, sizeof(f->elf));
    rc = sc_elf_read(exact, len, &f->arena, &f->elf, &f->err);
    free(exact);
    return rc;
}

static void
refuses(struct fixture *f, enum sc_err_kind kind, const char *message)
{
    assert_int_equal(read_len(f, f->file.len), -1);
    assert_int_equal(f->err.kind, kind);
    if (strstr(f->err.msg, message) == NULL)
        fail_msg("message \"%s\" lacks \"%s\"", f->err.msg, message);
}

static void
check_program(struct fixture *f)
{
    assert_int_equal(read_len(f, f->file.len), 0);
    assert_true(f->elf.is_dynamic);
    assert_int_equal(f->elf.type, ET_DYN);
    assert_string_equal(f->elf.interp, "/lib64/ld.so");
    assert_string_equal(f->elf.soname, "libself.so.1");
    assert_string_equal(f->elf.rpath, "$ORIGIN/../lib");
    assert_string_equal(f->elf.runpath, "/opt/a:/opt/b");
    assert_true(f->elf.no_default_dirs);
    assert_int_equal(f->elf.needed.count, 2);
    assert_string_equal(f->elf.needed.items[0], "libone.so.1");
    assert_string_equal(f->elf.needed.items[1], "libtwo.so.2");
}

static void
test_reads_64_bits(void **state)
{
    struct fixture *f = *state;

    build(f, &program);
    check_program(f);
    assert_int_equal(f->elf.bits, 64);
    assert_int_equal(f->elf.machine, sc_elf_machine_host()->machine);
}

static void
test_reads_32_bits(void **state)
{
    struct fixture *f = *state;
    struct elf_spec spec = program;

    spec.is_32 = true;
    build(f, &spec);
    check_program(f);
    assert_int_equal(f->elf.bits, 32);
    assert_int_equal(f->elf.machine, EM_386);
}

static void
test_absent_members_stay_unset(void **state)
{
    struct fixture *f = *state;
    struct elf_spec spec = {.is_32 = false};

    build(f, &spec);
    assert_int_equal(read_len(f, f->file.len), 0);
    assert_null(f->elf.interp);
    assert_null(f->elf.soname);
    assert_null(f->elf.rpath);
    assert_null(f->elf.runpath);
    assert_false(f->elf.no_default_dirs);
    assert_int_equal(f->elf.needed.count, 0);
}

static void
test_static_program_has_no_dynamic_section(void **state)
{
    struct fixture *f = *state;

    elf_add_header(&f->file, false, EM_X86_64, 1);
    elf_add_segment(&f->file, false, PT_LOAD, 0, 64);
    assert_int_equal(read_len(f, f->file.len), 0);
    assert_false(f->elf.is_dynamic);
    assert_null(f->elf.interp);
}

static void
test_every_truncation_is_an_error(void **state)
{
    struct fixture *f = *state;

    build(f, &program);
    for (size_t len = 0; len < f->file.len; len++) {
        assert_int_equal(read_len(f, len), -1);
        assert_int_equal(f->err.kind, SC_ERR_INVALID);
    }
    assert_int_equal(read_len(f, f->file.len), 0);
}

static void
test_header_is_checked(void **state)
{
    struct fixture *f = *state;

    build(f, &program);
    f->file.data[0] = 'E';
    refuses(f, SC_ERR_INVALID, "no ELF magic number");
    f->file.data[0] = ELFMAG0;
    f->file.data[EI_CLASS] = 3;
    refuses(f, SC_ERR_INVALID, "unknown class 3");
    f->file.data[EI_CLASS] = ELFCLASS64;
    f->file.data[EI_VERSION] = 9;
    refuses(f, SC_ERR_INVALID, "unknown version 9");
    f->file.data[EI_VERSION] = EV_CURRENT;
    f->file.data[EI_DATA] ^= ELFDATA2LSB ^ ELFDATA2MSB;
    refuses(f, SC_ERR_UNSUPPORTED, "byte order");
    f->file.data[EI_DATA] = 7;
    refuses(f, SC_ERR_INVALID, "unknown byte order 7");
}

#define HEADER(f)         ((Elf64_Ehdr *)(void *)(f)->file.data)
#define SEGMENT(f, index) ((Elf64_Phdr *)(void *)((f)->file.data + sizeof(Elf64_Ehdr)) + (index))
#define DYNAMIC(f, index) ((Elf64_Dyn *)(void *)((f)->file.data + (f)->at.dynamic) + (index))

static void
test_hostile_program_headers(void **state)
{
    struct fixture *f = *state;

    build(f, &program);
    HEADER(f)->e_phoff = UINT64_MAX - 8;
    refuses(f, SC_ERR_INVALID, "program headers: they lie outside the file");
    HEADER(f)->e_phoff = f->file.len - 10;
    refuses(f, SC_ERR_INVALID, "program headers: they lie outside the file");
    HEADER(f)->e_phoff = sizeof(Elf64_Ehdr);
    HEADER(f)->e_phentsize = 1;
    refuses(f, SC_ERR_INVALID, "unexpected entry size 1");
    HEADER(f)->e_phentsize = sizeof(Elf64_Phdr);
    HEADER(f)->e_phnum = 0x7fff;
    refuses(f, SC_ERR_INVALID, "program headers: they lie outside the file");
    HEADER(f)->e_phnum = PN_XNUM;
    refuses(f, SC_ERR_INVALID, "too many");
}

static void
test_hostile_interpreter(void **state)
{
    struct fixture *f = *state;
    uint64_t size;

    build(f, &program);
    size = SEGMENT(f, 1)->p_filesz;
    SEGMENT(f, 1)->p_filesz = size - 1;
    refuses(f, SC_ERR_INVALID, "interpreter: not a path");
    SEGMENT(f, 1)->p_filesz = 0;
    refuses(f, SC_ERR_INVALID, "interpreter: not a path");
    SEGMENT(f, 1)->p_filesz = UINT64_MAX;
    refuses(f, SC_ERR_INVALID, "interpreter: it lies outside the file");
    SEGMENT(f, 1)->p_filesz = size;
    SEGMENT(f, 1)->p_offset = UINT64_MAX - 1;
    refuses(f, SC_ERR_INVALID, "interpreter: it lies outside the file");
}

static void
test_hostile_dynamic_section(void **state)
{
    struct fixture *f = *state;
    size_t strsz = 0;

    build(f, &program);
    strsz = f->at.dynamic_count - 2;
    SEGMENT(f, 2)->p_offset = f->file.len - 1;
    refuses(f, SC_ERR_INVALID, "dynamic section: it lies outside the file");
    SEGMENT(f, 2)->p_offset = f->at.dynamic;
    assert_int_equal(DYNAMIC(f, strsz)->d_tag, DT_STRSZ);
    DYNAMIC(f, strsz)->d_un.d_val = f->at.strsz + 1;
    refuses(f, SC_ERR_INVALID, "string table: it lies outside its segment");
    DYNAMIC(f, strsz)->d_un.d_val = f->at.strsz - 1;
    refuses(f, SC_ERR_INVALID, "it has no end");
    DYNAMIC(f, strsz)->d_un.d_val = f->at.strsz;
    DYNAMIC(f, strsz - 1)->d_un.d_val = 0x10;
    refuses(f, SC_ERR_INVALID, "no segment holds address 0x10");
    DYNAMIC(f, strsz - 1)->d_un.d_val = ELF_VADDR + f->at.strtab;
    SEGMENT(f, 0)->p_filesz = UINT64_MAX - ELF_VADDR;
    refuses(f, SC_ERR_INVALID, "string table: it lies outside its segment");
    SEGMENT(f, 0)->p_filesz = f->file.len;
    DYNAMIC(f, 0)->d_un.d_val = f->at.strsz;
    refuses(f, SC_ERR_INVALID, "outside the string table");
    DYNAMIC(f, strsz - 1)->d_tag = DT_DEBUG;
    refuses(f, SC_ERR_INVALID, "outside the string table");
}

static void
test_too_many_needed(void **state)
{
    struct fixture *f = *state;
    const size_t count = SC_ELF_NEEDED_MAX + 1, start = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
    const size_t strtab = start + (count + 2) * sizeof(Elf64_Dyn);

    elf_add_header(&f->file, false, EM_X86_64, 2);
    elf_add_segment(&f->file, false, PT_LOAD, 0, strtab + 2);
    elf_add_segment(&f->file, false, PT_DYNAMIC, start, (count + 2) * sizeof(Elf64_Dyn));
    elf_add_dynamic(&f->file, false, DT_STRTAB, ELF_VADDR + strtab);
    elf_add_dynamic(&f->file, false, DT_STRSZ, 2);
    for (size_t i = 0; i < count; i++)
        elf_add_dynamic(&f->file, false, DT_NEEDED, 0);
    sc_buf_add(&f->file, "x", 2);
    refuses(f, SC_ERR_INVALID, "more than 1024 libraries");
}

static void
test_last_search_path_counts_and_memory_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct elf_spec spec = {.rpath = "/first", .runpath = "/second"};

    build(f, &spec);
    assert_int_equal(DYNAMIC(f, 1)->d_tag, DT_RUNPATH);
    DYNAMIC(f, 1)->d_tag = DT_RPATH;
    assert_int_equal(read_len(f, f->file.len), 0);
    assert_string_equal(f->elf.rpath, "/second");
    assert_null(f->elf.runpath);
}

static void
test_machines(void **state)
{
    (void)state;
    assert_string_equal(sc_elf_machine_find(EM_X86_64, 64)->triplet, "x86_64-linux-gnu");
    assert_string_equal(sc_elf_machine_find(EM_X86_64, 32)->triplet, "x86_64-linux-gnux32");
    assert_string_equal(sc_elf_machine_find(EM_AARCH64, 64)->triplet, "aarch64-linux-gnu");
    assert_null(sc_elf_machine_find(EM_AARCH64, 32));
    assert_null(sc_elf_machine_find(EM_68K, 32));
    assert_non_null(sc_elf_machine_host());
    assert_int_equal(sc_elf_machine_host()->bits, sizeof(void *) * 8);
}

/* ---- ld.so.cache ------------------------------------------------------------------------------------ */

static const struct sc_elf_machine *
x86_64(void)
{
    return sc_elf_machine_find(EM_X86_64, 64);
}

static int
open_cache(struct fixture *f, struct sc_ld_cache *cache)
{
    sc_err_clear(&f->err);
    return sc_ld_cache_open(f->file.data, f->file.len, cache, &f->err);
}

static void
write_cache(struct fixture *f)
{
    struct sc_ld_entry entries[] = {
        {"libx.so.9", "/opt/x/libx.so.9", 0x0303},    {"libx.so.10", "/opt/x/libx.so.10", 0x0303},
        {"liba.so", "/opt/x/liba.so", 0x0303},        {"libx.so.9", "/opt/32/libx.so.9", 0x0003},
        {"libx.so.9", "/opt/also/libx.so.9", 0x0303},
    };

    sc_ld_cache_write(entries, SC_ARRAY_LEN(entries), &f->file);
    assert_false(f->file.has_failed);
    /* glibc halves a list that descends, digits as numbers. */
    assert_string_equal(entries[0].name, "libx.so.10");
    assert_string_equal(entries[1].name, "libx.so.9");
    assert_string_equal(entries[4].name, "liba.so");
}

static void
test_cache_round_trip(void **state)
{
    struct fixture *f = *state;
    struct sc_ld_cache cache;
    uint32_t index = 0;

    write_cache(f);
    assert_int_equal(open_cache(f, &cache), 0);
    assert_int_equal(cache.count, 5);
    assert_string_equal(sc_ld_cache_next(&cache, "libx.so.9", x86_64(), &index), "/opt/also/libx.so.9");
    assert_string_equal(sc_ld_cache_next(&cache, "libx.so.9", x86_64(), &index), "/opt/x/libx.so.9");
    assert_null(sc_ld_cache_next(&cache, "libx.so.9", x86_64(), &index));
    index = 0;
    assert_string_equal(sc_ld_cache_next(&cache, "libx.so.9", sc_elf_machine_find(EM_386, 32), &index),
                        "/opt/32/libx.so.9");
    index = 0;
    assert_null(sc_ld_cache_next(&cache, "libnone.so", x86_64(), &index));
}

static void
test_cache_behind_the_old_format(void **state)
{
    struct fixture *f = *state;
    sc_cleanup_buf both = SC_BUF_INIT;
    const uint32_t old_count = 1;
    struct sc_ld_cache cache;
    uint32_t index = 0;

    write_cache(f);
    sc_buf_add(&both, "ld.so-1.7.0", 12);
    sc_buf_add(&both, &old_count, sizeof(old_count));
    sc_buf_add(&both, "twelve bytes, aligned to 8", 16);
    sc_buf_add(&both, f->file.data, f->file.len);
    assert_int_equal(sc_ld_cache_open(both.data, both.len, &cache, &f->err), 0);
    assert_string_equal(sc_ld_cache_next(&cache, "liba.so", x86_64(), &index), "/opt/x/liba.so");
    assert_int_equal(sc_ld_cache_open(both.data, 24, &cache, &f->err), -1);
    assert_int_equal(f->err.kind, SC_ERR_INVALID);
}

#define CACHE_ENTRY 48 /* where the entries start */

static void
test_cache_passes_special_processors_over(void **state)
{
    struct fixture *f = *state;
    struct sc_ld_cache cache;
    uint32_t index = 0;

    write_cache(f);
    f->file.data[CACHE_ENTRY + 16] = 1; /* hwcap of libx.so.10 */
    assert_int_equal(open_cache(f, &cache), 0);
    assert_null(sc_ld_cache_next(&cache, "libx.so.10", x86_64(), &index));
}

static void
test_cache_damage(void **state)
{
    struct fixture *f = *state;
    struct sc_ld_cache cache;
    const uint32_t many = 0x10000000, outside = 0x7fffffff;
    uint32_t index = 0;

    write_cache(f);
    for (size_t len = 0; len < CACHE_ENTRY + 5 * 24; len++) {
        assert_int_equal(sc_ld_cache_open(f->file.data, len, &cache, &f->err), -1);
        assert_int_equal(f->err.kind, SC_ERR_INVALID);
    }
    /* Cut inside the strings: the last one has no end, and is not there. */
    f->file.len--;
    assert_int_equal(open_cache(f, &cache), 0);
    assert_null(sc_ld_cache_next(&cache, "liba.so", x86_64(), &index));
    memcpy(f->file.data + CACHE_ENTRY + 4, &outside, sizeof(outside));
    index = 0;
    assert_null(sc_ld_cache_next(&cache, "libx.so.10", x86_64(), &index));
    memcpy(f->file.data + 20, &many, sizeof(many));
    assert_int_equal(open_cache(f, &cache), -1);
    assert_non_null(strstr(f->err.msg, "do not fit"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_64_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reads_32_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_absent_members_stay_unset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_static_program_has_no_dynamic_section, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_truncation_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_header_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_program_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_interpreter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_dynamic_section, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_needed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_search_path_counts_and_memory_is_bounded, setup, teardown),
        cmocka_unit_test(test_machines),
        cmocka_unit_test_setup_teardown(test_cache_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cache_behind_the_old_format, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cache_passes_special_processors_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cache_damage, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
