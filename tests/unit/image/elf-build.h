/*
 * elf-build: makes small ELF files byte by byte: headers, one PT_LOAD that maps the whole file, an interpreter, and a
 * dynamic section. They say what a real program says to its loader, and hold no code.
 */
#ifndef SC_TEST_ELF_BUILD_H
#define SC_TEST_ELF_BUILD_H

#include <elf.h>
#include <string.h>

#include "base/base.h"
#include "image/elf-priv.h"

#define ELF_VADDR UINT64_C(0x400000)

struct elf_spec {
    bool is_32;
    uint16_t machine; /* 0: this machine's */
    const char *interp, *soname, *rpath, *runpath;
    const char *needed[8];
    uint64_t flags_1;
};

/* Where things lie, for tests that damage them. */
struct elf_layout {
    size_t interp, strtab, strsz, dynamic, dynamic_count;
};

static inline void
elf_add_dynamic(struct sc_buf *out, bool is_32, int64_t tag, uint64_t value)
{
    if (is_32) {
        Elf32_Dyn entry = {.d_tag = (Elf32_Sword)tag, .d_un.d_val = (Elf32_Word)value};
        sc_buf_add(out, &entry, sizeof(entry));
    } else {
        Elf64_Dyn entry = {.d_tag = tag, .d_un.d_val = value};
        sc_buf_add(out, &entry, sizeof(entry));
    }
}

static inline size_t
elf_add_string(struct sc_buf *strings, const char *text)
{
    size_t at = strings->len;

    sc_buf_add(strings, text, strlen(text) + 1);
    return at;
}

static inline void
elf_add_segment(struct sc_buf *out, bool is_32, uint32_t type, uint64_t offset, uint64_t size)
{
    if (is_32) {
        Elf32_Phdr header = {.p_type = type,
                             .p_offset = (Elf32_Off)offset,
                             .p_vaddr = (Elf32_Addr)(ELF_VADDR + offset),
                             .p_filesz = (Elf32_Word)size,
                             .p_memsz = (Elf32_Word)size};
        sc_buf_add(out, &header, sizeof(header));
    } else {
        Elf64_Phdr header = {
            .p_type = type, .p_offset = offset, .p_vaddr = ELF_VADDR + offset, .p_filesz = size, .p_memsz = size};
        sc_buf_add(out, &header, sizeof(header));
    }
}

static inline void
elf_add_header(struct sc_buf *out, bool is_32, uint16_t machine, uint16_t segments)
{
    unsigned char ident[EI_NIDENT] = ELFMAG;
    const uint16_t probe = 1;

    ident[EI_CLASS] = is_32 ? ELFCLASS32 : ELFCLASS64;
    ident[EI_DATA] = *(const unsigned char *)&probe == 1 ? ELFDATA2LSB : ELFDATA2MSB;
    ident[EI_VERSION] = EV_CURRENT;
    if (is_32) {
        Elf32_Ehdr header = {.e_type = ET_DYN,
                             .e_machine = machine,
                             .e_version = EV_CURRENT,
                             .e_phoff = sizeof(header),
                             .e_ehsize = sizeof(header),
                             .e_phentsize = sizeof(Elf32_Phdr),
                             .e_phnum = segments};
        memcpy(header.e_ident, ident, sizeof(ident));
        sc_buf_add(out, &header, sizeof(header));
    } else {
        Elf64_Ehdr header = {.e_type = ET_DYN,
                             .e_machine = machine,
                             .e_version = EV_CURRENT,
                             .e_phoff = sizeof(header),
                             .e_ehsize = sizeof(header),
                             .e_phentsize = sizeof(Elf64_Phdr),
                             .e_phnum = segments};
        memcpy(header.e_ident, ident, sizeof(ident));
        sc_buf_add(out, &header, sizeof(header));
    }
}

/* Writes the file into out; *layout may be NULL. The string table is last, so that every shorter file is damaged. */
static inline void
elf_build(const struct elf_spec *spec, struct sc_buf *out, struct elf_layout *layout)
{
    size_t ehsize = spec->is_32 ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr);
    size_t phsize = spec->is_32 ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);
    size_t dynsize = spec->is_32 ? sizeof(Elf32_Dyn) : sizeof(Elf64_Dyn);
    size_t segments = spec->interp == NULL ? 2 : 3, interp_len = spec->interp == NULL ? 0 : strlen(spec->interp) + 1;
    sc_cleanup_buf strings = SC_BUF_INIT, dynamic = SC_BUF_INIT;
    struct elf_layout at = {.interp = ehsize + segments * phsize};
    uint16_t machine = spec->machine;
    size_t count = 3;

    if (machine == 0)
        machine = spec->is_32 ? EM_386 : sc_elf_machine_host()->machine;
    for (size_t i = 0; i < SC_ARRAY_LEN(spec->needed); i++)
        count += spec->needed[i] != NULL;
    count += (spec->soname != NULL) + (spec->rpath != NULL) + (spec->runpath != NULL) + (spec->flags_1 != 0);
    at.dynamic = (at.interp + interp_len + 15) & ~(size_t)15;
    at.dynamic_count = count;
    at.strtab = at.dynamic + count * dynsize;
    sc_buf_addc(&strings, '\0');
    for (size_t i = 0; i < SC_ARRAY_LEN(spec->needed); i++)
        if (spec->needed[i] != NULL)
            elf_add_dynamic(&dynamic, spec->is_32, DT_NEEDED, elf_add_string(&strings, spec->needed[i]));
    if (spec->soname != NULL)
        elf_add_dynamic(&dynamic, spec->is_32, DT_SONAME, elf_add_string(&strings, spec->soname));
    if (spec->rpath != NULL)
        elf_add_dynamic(&dynamic, spec->is_32, DT_RPATH, elf_add_string(&strings, spec->rpath));
    if (spec->runpath != NULL)
        elf_add_dynamic(&dynamic, spec->is_32, DT_RUNPATH, elf_add_string(&strings, spec->runpath));
    if (spec->flags_1 != 0)
        elf_add_dynamic(&dynamic, spec->is_32, DT_FLAGS_1, spec->flags_1);
    at.strsz = strings.len;
    elf_add_dynamic(&dynamic, spec->is_32, DT_STRTAB, ELF_VADDR + at.strtab);
    elf_add_dynamic(&dynamic, spec->is_32, DT_STRSZ, at.strsz);
    elf_add_dynamic(&dynamic, spec->is_32, DT_NULL, 0);

    elf_add_header(out, spec->is_32, machine, (uint16_t)segments);
    elf_add_segment(out, spec->is_32, PT_LOAD, 0, at.strtab + at.strsz);
    if (spec->interp != NULL)
        elf_add_segment(out, spec->is_32, PT_INTERP, at.interp, interp_len);
    elf_add_segment(out, spec->is_32, PT_DYNAMIC, at.dynamic, dynamic.len);
    if (spec->interp != NULL)
        sc_buf_add(out, spec->interp, interp_len);
    while (out->len < at.dynamic)
        sc_buf_addc(out, '\0');
    sc_buf_add(out, dynamic.data, dynamic.len);
    sc_buf_add(out, strings.data, strings.len);
    if (layout != NULL)
        *layout = at;
}

#endif
