/* image/elf.c: reads ELF headers and ld.so.cache from memory, with bounds on everything (elf-priv.h). */
#include <elf.h>
#include <endian.h>
#include <limits.h>
#include <string.h>

#include "image/elf-priv.h"

#if __BYTE_ORDER == __LITTLE_ENDIAN
#define HOST_ELFDATA      ELFDATA2LSB
#define HOST_CACHE_ENDIAN 2
#else
#define HOST_ELFDATA      ELFDATA2MSB
#define HOST_CACHE_ENDIAN 3
#endif

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

static const struct sc_elf_machine machines[] = {
    {EM_X86_64, 64, "x86-64", "x86_64", "x86_64-linux-gnu", 0x0303},
    {EM_386, 32, "i386", "i686", "i386-linux-gnu", 0x0003},
    {EM_X86_64, 32, "x32", "x86_64", "x86_64-linux-gnux32", 0x0803},
    {EM_AARCH64, 64, "aarch64", "aarch64", "aarch64-linux-gnu", 0x0a03},
    {EM_ARM, 32, "arm", "v7l", "arm-linux-gnueabihf", 0x0903},
    {EM_PPC64, 64, "ppc64", "power8", "powerpc64le-linux-gnu", 0x0503},
    {EM_S390, 64, "s390x", "z13", "s390x-linux-gnu", 0x0403},
    {EM_RISCV, 64, "riscv64", "riscv64", "riscv64-linux-gnu", 0x1003},
    {EM_LOONGARCH, 64, "loongarch64", "loongarch", "loongarch64-linux-gnu", 0x1403},
};

const struct sc_elf_machine *
sc_elf_machine_find(uint16_t machine, unsigned bits)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(machines); i++)
        if (machines[i].machine == machine && machines[i].bits == bits)
            return &machines[i];
    return NULL;
}

const struct sc_elf_machine *
sc_elf_machine_host(void)
{
#if defined(__x86_64__) && defined(__ILP32__)
    return sc_elf_machine_find(EM_X86_64, 32);
#elif defined(__x86_64__)
    return sc_elf_machine_find(EM_X86_64, 64);
#elif defined(__i386__)
    return sc_elf_machine_find(EM_386, 32);
#elif defined(__aarch64__)
    return sc_elf_machine_find(EM_AARCH64, 64);
#elif defined(__arm__)
    return sc_elf_machine_find(EM_ARM, 32);
#elif defined(__powerpc64__)
    return sc_elf_machine_find(EM_PPC64, 64);
#elif defined(__s390x__)
    return sc_elf_machine_find(EM_S390, 64);
#elif defined(__riscv) && __riscv_xlen == 64
    return sc_elf_machine_find(EM_RISCV, 64);
#elif defined(__loongarch64)
    return sc_elf_machine_find(EM_LOONGARCH, 64);
#else
    return NULL;
#endif
}

/* ---- one view on the file: both classes come out as 64-bit values ---------------------------------- */

struct view {
    const unsigned char *data;
    size_t len;
    bool is_64;
    uint64_t phoff;
    unsigned phnum;
};

struct segment {
    uint32_t type;
    uint64_t offset, vaddr, filesz;
};

static bool
is_inside(const struct view *view, uint64_t offset, uint64_t size)
{
    return offset <= view->len && size <= view->len - offset;
}

bool
sc_elf_has_magic(const void *data, size_t len)
{
    return len >= SELFMAG && memcmp(data, ELFMAG, SELFMAG) == 0;
}

static int
read_header(struct view *view, struct sc_elf *out, struct sc_err *err)
{
    const unsigned char *ident = view->data;
    uint16_t phentsize, phnum;

    if (!sc_elf_has_magic(view->data, view->len))
        return sc_err_set(err, SC_ERR_INVALID, "read ELF header: no ELF magic number");
    if (view->len < EI_NIDENT)
        return sc_err_set(err, SC_ERR_INVALID, "read ELF header: file is truncated");
    if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
        return sc_err_set(err, SC_ERR_INVALID, "read ELF header: unknown class %u", ident[EI_CLASS]);
    if (ident[EI_VERSION] != EV_CURRENT)
        return sc_err_set(err, SC_ERR_INVALID, "read ELF header: unknown version %u", ident[EI_VERSION]);
    if (ident[EI_DATA] != ELFDATA2LSB && ident[EI_DATA] != ELFDATA2MSB)
        return sc_err_set(err, SC_ERR_INVALID, "read ELF header: unknown byte order %u", ident[EI_DATA]);
    if (ident[EI_DATA] != HOST_ELFDATA)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "read ELF header: byte order of another machine");

    view->is_64 = ident[EI_CLASS] == ELFCLASS64;
    out->bits = view->is_64 ? 64 : 32;
    if (!is_inside(view, 0, view->is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)))
        return sc_err_set(err, SC_ERR_INVALID, "read ELF header: file is truncated");
    if (view->is_64) {
        Elf64_Ehdr header;
        memcpy(&header, view->data, sizeof(header));
        out->type = header.e_type;
        out->machine = header.e_machine;
        view->phoff = header.e_phoff;
        phentsize = header.e_phentsize;
        phnum = header.e_phnum;
    } else {
        Elf32_Ehdr header;
        memcpy(&header, view->data, sizeof(header));
        out->type = header.e_type;
        out->machine = header.e_machine;
        view->phoff = header.e_phoff;
        phentsize = header.e_phentsize;
        phnum = header.e_phnum;
    }
    /* PN_XNUM moves the count to a section header; only core dumps need that many. */
    if (phnum == PN_XNUM)
        return sc_err_set(err, SC_ERR_INVALID, "read ELF program headers: too many");
    if (phnum != 0 && phentsize != (view->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
        return sc_err_set(err, SC_ERR_INVALID, "read ELF program headers: unexpected entry size %u", phentsize);
    if (!is_inside(view, view->phoff, (uint64_t)phnum * phentsize))
        return sc_err_set(err, SC_ERR_INVALID, "read ELF program headers: they lie outside the file");
    view->phnum = phnum;
    return 0;
}

static struct segment
read_segment(const struct view *view, unsigned index)
{
    struct segment segment;

    if (view->is_64) {
        Elf64_Phdr header;
        memcpy(&header, view->data + view->phoff + (uint64_t)index * sizeof(header), sizeof(header));
        segment = (struct segment){header.p_type, header.p_offset, header.p_vaddr, header.p_filesz};
    } else {
        Elf32_Phdr header;
        memcpy(&header, view->data + view->phoff + (uint64_t)index * sizeof(header), sizeof(header));
        segment = (struct segment){header.p_type, header.p_offset, header.p_vaddr, header.p_filesz};
    }
    return segment;
}

static int
read_interp(const struct view *view, const struct segment *segment, struct sc_arena *arena, struct sc_elf *out,
            struct sc_err *err)
{
    const char *text;

    if (!is_inside(view, segment->offset, segment->filesz))
        return sc_err_set(err, SC_ERR_INVALID, "read ELF interpreter: it lies outside the file");
    text = (const char *)view->data + segment->offset;
    /* The kernel's own limits (fs/binfmt_elf.c): at least a character and its end, at most PATH_MAX. */
    if (segment->filesz < 2 || segment->filesz > PATH_MAX || text[segment->filesz - 1] != '\0')
        return sc_err_set(err, SC_ERR_INVALID, "read ELF interpreter: not a path");
    out->interp = sc_arena_strdup(arena, text);
    return 0;
}

/* ---- the dynamic section ------------------------------------------------------------------------------ */

struct dynamic {
    struct segment segment;
    const char *strtab;
    uint64_t strsz;
};

static uint64_t
dynamic_count(const struct view *view, const struct dynamic *dynamic)
{
    return dynamic->segment.filesz / (view->is_64 ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn));
}

static void
dynamic_entry(const struct view *view, const struct dynamic *dynamic, uint64_t index, int64_t *tag, uint64_t *value)
{
    if (view->is_64) {
        Elf64_Dyn entry;
        memcpy(&entry, view->data + dynamic->segment.offset + index * sizeof(entry), sizeof(entry));
        *tag = entry.d_tag;
        *value = entry.d_un.d_val;
    } else {
        Elf32_Dyn entry;
        memcpy(&entry, view->data + dynamic->segment.offset + index * sizeof(entry), sizeof(entry));
        *tag = entry.d_tag;
        *value = entry.d_un.d_val;
    }
}

/* DT_STRTAB is an address in the loaded image: the segment that holds it says where it is in the file. */
static int
find_strtab(const struct view *view, struct dynamic *dynamic, uint64_t vaddr, struct sc_err *err)
{
    for (unsigned i = 0; i < view->phnum; i++) {
        struct segment load = read_segment(view, i);
        uint64_t into = vaddr - load.vaddr;
        if (load.type != PT_LOAD || vaddr < load.vaddr || into >= load.filesz)
            continue;
        if (dynamic->strsz > load.filesz - into || !is_inside(view, load.offset, load.filesz))
            return sc_err_set(err, SC_ERR_INVALID, "read ELF string table: it lies outside its segment");
        dynamic->strtab = (const char *)view->data + load.offset + into;
        return 0;
    }
    return sc_err_set(err, SC_ERR_INVALID, "read ELF string table: no segment holds address 0x%llx",
                      (unsigned long long)vaddr);
}

static int
copy_string(const struct dynamic *dynamic, uint64_t offset, size_t max, struct sc_arena *arena, char **out,
            struct sc_err *err)
{
    const char *text;
    size_t room, len;

    if (dynamic->strtab == NULL || offset >= dynamic->strsz)
        return sc_err_set(err, SC_ERR_INVALID, "read ELF string %llu: outside the string table",
                          (unsigned long long)offset);
    text = dynamic->strtab + offset;
    room = dynamic->strsz - offset;
    len = strnlen(text, room);
    if (len == room)
        return sc_err_set(err, SC_ERR_INVALID, "read ELF string %llu: it has no end", (unsigned long long)offset);
    if (len > max)
        return sc_err_set(err, SC_ERR_INVALID, "read ELF string %llu: longer than %zu bytes",
                          (unsigned long long)offset, max);
    *out = sc_arena_strndup(arena, text, len);
    return 0;
}

/* The last entry of a tag counts, as for ld.so; it is copied once, however often a hostile file repeats it. */
struct tags {
    bool has_strtab, has_soname, has_rpath, has_runpath;
    uint64_t strtab, soname, rpath, runpath;
};

static void
note_tag(struct tags *tags, struct dynamic *dynamic, struct sc_elf *out, int64_t tag, uint64_t value)
{
    switch (tag) {
    case DT_STRTAB:
        tags->has_strtab = true;
        tags->strtab = value;
        break;
    case DT_STRSZ:
        dynamic->strsz = value;
        break;
    case DT_SONAME:
        tags->has_soname = true;
        tags->soname = value;
        break;
    case DT_RPATH:
        tags->has_rpath = true;
        tags->rpath = value;
        break;
    case DT_RUNPATH:
        tags->has_runpath = true;
        tags->runpath = value;
        break;
    case DT_FLAGS_1:
        out->no_default_dirs = (value & DF_1_NODEFLIB) != 0;
        break;
    default:
        break;
    }
}

static int
add_needed(const struct dynamic *dynamic, uint64_t offset, struct sc_arena *arena, struct sc_elf *out,
           struct sc_err *err)
{
    char *name = NULL;

    if (out->needed.count >= SC_ELF_NEEDED_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "read ELF dynamic section: more than %d libraries needed",
                          SC_ELF_NEEDED_MAX);
    if (copy_string(dynamic, offset, PATH_MAX, arena, &name, err) < 0)
        return -1;
    if (name != NULL)
        sc_strv_add(&out->needed, arena, name);
    return 0;
}

static int
read_dynamic(const struct view *view, const struct segment *segment, struct sc_arena *arena, struct sc_elf *out,
             struct sc_err *err)
{
    struct dynamic dynamic = {.segment = *segment};
    struct tags tags = {.has_strtab = false};
    uint64_t count, value;
    int64_t tag;

    if (!is_inside(view, segment->offset, segment->filesz))
        return sc_err_set(err, SC_ERR_INVALID, "read ELF dynamic section: it lies outside the file");
    count = dynamic_count(view, &dynamic);
    for (uint64_t i = 0; i < count; i++) {
        dynamic_entry(view, &dynamic, i, &tag, &value);
        if (tag == DT_NULL)
            count = i;
        else
            note_tag(&tags, &dynamic, out, tag, value);
    }
    if (tags.has_strtab && find_strtab(view, &dynamic, tags.strtab, err) < 0)
        return -1;
    for (uint64_t i = 0; i < count; i++) {
        dynamic_entry(view, &dynamic, i, &tag, &value);
        if (tag == DT_NEEDED && add_needed(&dynamic, value, arena, out, err) < 0)
            return -1;
    }
    if (tags.has_soname && copy_string(&dynamic, tags.soname, PATH_MAX, arena, &out->soname, err) < 0)
        return -1;
    if (tags.has_rpath && copy_string(&dynamic, tags.rpath, SC_ELF_STRING_MAX, arena, &out->rpath, err) < 0)
        return -1;
    if (tags.has_runpath && copy_string(&dynamic, tags.runpath, SC_ELF_STRING_MAX, arena, &out->runpath, err) < 0)
        return -1;
    return 0;
}

int
sc_elf_read(const void *data, size_t len, struct sc_arena *arena, struct sc_elf *out, struct sc_err *err)
{
    struct view view = {.data = data, .len = len};
    struct sc_elf elf = {.bits = 0};

    if (read_header(&view, &elf, err) < 0)
        return -1;
    for (unsigned i = 0; i < view.phnum; i++) {
        struct segment segment = read_segment(&view, i);
        /* As the kernel, the first interpreter counts; as ld.so, the one dynamic section. */
        if (segment.type == PT_INTERP && elf.interp == NULL && read_interp(&view, &segment, arena, &elf, err) < 0)
            return -1;
        if (segment.type == PT_DYNAMIC && !elf.is_dynamic) {
            elf.is_dynamic = true;
            if (read_dynamic(&view, &segment, arena, &elf, err) < 0)
                return -1;
        }
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    *out = elf;
    return 0;
}

/* ---- ld.so.cache ---------------------------------------------------------------------------------------- */

static const char cache_magic[] = "glibc-ld.so.cache1.1";
static const char cache_old_magic[] = "ld.so-1.7.0";
#define CACHE_MAGIC_LEN     (sizeof(cache_magic) - 1)
#define CACHE_OLD_MAGIC_LEN (sizeof(cache_old_magic) - 1)

/* Offsets of strings count from the start of this header. */
struct cache_header {
    char magic[CACHE_MAGIC_LEN];
    uint32_t count;
    uint32_t strings_len;
    uint8_t endian; /* 0: not said, 2: little, 3: big (glibc >= 2.33) */
    uint8_t padding[3];
    uint32_t extension_offset;
    uint32_t unused[3];
};
struct cache_entry {
    int32_t flags;
    uint32_t key, value; /* string offsets: library name, path */
    uint32_t osversion;
    uint64_t hwcap;
};
_Static_assert(sizeof(struct cache_header) == 48, "ld.so.cache header");
_Static_assert(sizeof(struct cache_entry) == 24, "ld.so.cache entry");

int
sc_ld_cache_open(const void *data, size_t len, struct sc_ld_cache *out, struct sc_err *err)
{
    const unsigned char *start = data;
    struct cache_header header;

    /* The old format: magic padded to 12 bytes, a count, entries of 12 bytes; the new one follows, aligned to 8. */
    if (len >= 16 && memcmp(start, cache_old_magic, CACHE_OLD_MAGIC_LEN) == 0) {
        uint32_t old_count;
        uint64_t skip;
        memcpy(&old_count, start + 12, sizeof(old_count));
        skip = (16 + (uint64_t)old_count * 12 + 7) & ~UINT64_C(7);
        if (skip > len)
            return sc_err_set(err, SC_ERR_INVALID, "read ld.so.cache: file is truncated");
        start += skip;
        len -= skip;
    }
    if (len < sizeof(header) || memcmp(start, cache_magic, CACHE_MAGIC_LEN) != 0)
        return sc_err_set(err, SC_ERR_INVALID, "read ld.so.cache: not in the format of glibc 2.2 or later");
    memcpy(&header, start, sizeof(header));
    if (header.endian != 0 && (header.endian & 3) != HOST_CACHE_ENDIAN)
        return sc_err_set(err, SC_ERR_INVALID, "read ld.so.cache: byte order of another machine");
    if (header.count > (len - sizeof(header)) / sizeof(struct cache_entry))
        return sc_err_set(err, SC_ERR_INVALID, "read ld.so.cache: %u entries do not fit into the file", header.count);
    *out = (struct sc_ld_cache){.data = start, .len = len, .count = header.count};
    return 0;
}

static const char *
cache_string(const struct sc_ld_cache *cache, uint32_t offset)
{
    const char *text;

    if (offset >= cache->len)
        return NULL;
    text = (const char *)cache->data + offset;
    return memchr(text, '\0', cache->len - offset) != NULL ? text : NULL;
}

const char *
sc_ld_cache_next(const struct sc_ld_cache *cache, const char *name, const struct sc_elf_machine *machine,
                 uint32_t *index)
{
    while (*index < cache->count) {
        struct cache_entry entry;
        const char *key, *value;
        memcpy(&entry, cache->data + sizeof(struct cache_header) + (size_t)*index * sizeof(entry), sizeof(entry));
        ++*index;
        if (entry.hwcap != 0 || (machine != NULL && entry.flags != machine->cache_flags))
            continue;
        key = cache_string(cache, entry.key);
        if (key == NULL || strcmp(key, name) != 0)
            continue;
        value = cache_string(cache, entry.value);
        if (value != NULL && value[0] == '/')
            return value;
    }
    return NULL;
}

static const char *
read_number(const char *text, uint64_t *out)
{
    *out = 0;
    while (*text >= '0' && *text <= '9')
        *out = *out * 10 + (uint64_t)(*text++ - '0');
    return text;
}

/* The order of the cache: runs of digits count as numbers and after any other character, so that
 * libx.so.10 stands before libx.so.9 in the descending list that ld.so searches by halves. */
static int
compare_names(const char *a, const char *b)
{
    while (*a != '\0') {
        bool a_digit = *a >= '0' && *a <= '9', b_digit = *b >= '0' && *b <= '9';
        if (a_digit != b_digit)
            return a_digit ? 1 : -1;
        if (a_digit) {
            uint64_t a_number, b_number;
            a = read_number(a, &a_number);
            b = read_number(b, &b_number);
            if (a_number != b_number)
                return a_number < b_number ? -1 : 1;
        } else if (*a != *b) {
            return *a - *b;
        } else {
            a++;
            b++;
        }
    }
    return *a - *b;
}

static int
compare_entries(const void *a, const void *b)
{
    const struct sc_ld_entry *x = a, *y = b;
    int order = compare_names(y->name, x->name);

    if (order == 0)
        order = y->flags < x->flags ? -1 : y->flags > x->flags;
    return order != 0 ? order : strcmp(x->path, y->path);
}

void
sc_ld_cache_write(struct sc_ld_entry *entries, size_t count, struct sc_buf *out)
{
    struct cache_header header = {.count = (uint32_t)count, .endian = HOST_CACHE_ENDIAN};
    size_t offset = sizeof(header) + count * sizeof(struct cache_entry);

    if (count > 0)
        qsort(entries, count, sizeof(entries[0]), compare_entries);
    memcpy(header.magic, cache_magic, sizeof(header.magic));
    for (size_t i = 0; i < count; i++)
        header.strings_len += (uint32_t)(strlen(entries[i].name) + 1 + strlen(entries[i].path) + 1);
    sc_buf_add(out, &header, sizeof(header));
    for (size_t i = 0; i < count; i++) {
        struct cache_entry entry = {.flags = entries[i].flags, .key = (uint32_t)offset};
        offset += strlen(entries[i].name) + 1;
        entry.value = (uint32_t)offset;
        offset += strlen(entries[i].path) + 1;
        sc_buf_add(out, &entry, sizeof(entry));
    }
    for (size_t i = 0; i < count; i++) {
        sc_buf_add(out, entries[i].name, strlen(entries[i].name) + 1);
        sc_buf_add(out, entries[i].path, strlen(entries[i].path) + 1);
    }
}
