/*
 * image/elf: what an ELF file asks of its loader, and glibc's library cache. Both readers are pure functions over
 * memory that nobody vouches for: every offset and count is checked before it is used, and they are fuzzed.
 *
 * Only files of this machine's byte order are read: a program of the other order cannot run here.
 * References: elf(5), the System V gABI chapter 5, ld.so(8), and glibc's own layout of /etc/ld.so.cache ("1.1").
 */
#ifndef SC_IMAGE_ELF_PRIV_H
#define SC_IMAGE_ELF_PRIV_H

#include "base/base.h"

#define SC_ELF_NEEDED_MAX 1024  /* more is damage, not a program */
#define SC_ELF_STRING_MAX 65536 /* longest search path accepted */

struct sc_elf {
    unsigned bits;        /* 32 or 64 */
    uint16_t type;        /* ET_EXEC, ET_DYN, ... */
    uint16_t machine;     /* EM_* */
    bool is_dynamic;      /* has a PT_DYNAMIC */
    bool no_default_dirs; /* DF_1_NODEFLIB */
    char *interp;         /* PT_INTERP, or NULL: static, or a library */
    char *soname;         /* or NULL */
    char *rpath;          /* DT_RPATH as written ("$ORIGIN/../lib:/opt/lib"), or NULL */
    char *runpath;        /* DT_RUNPATH, or NULL */
    struct sc_strv needed;
};

bool sc_elf_has_magic(const void *data, size_t len);
/* SC_ERR_INVALID for a damaged file, SC_ERR_UNSUPPORTED for the other byte order. Strings go to the arena. */
SC_MUST_CHECK int sc_elf_read(const void *data, size_t len, struct sc_arena *arena, struct sc_elf *out,
                              struct sc_err *err);

/* A machine as ld.so and Debian name it. */
struct sc_elf_machine {
    uint16_t machine;
    unsigned bits;
    const char *name;     /* for messages: "x86-64" */
    const char *platform; /* $PLATFORM (AT_PLATFORM of a common processor) */
    const char *triplet;  /* Debian's multiarch directory */
    int32_t cache_flags;  /* of an entry of ld.so.cache: FLAG_ELF_LIBC6 with the architecture's bits */
};
/* NULL for a machine not in the table. */
const struct sc_elf_machine *sc_elf_machine_find(uint16_t machine, unsigned bits);
/* The machine this program was built for. */
const struct sc_elf_machine *sc_elf_machine_host(void);

/* ---- /etc/ld.so.cache ------------------------------------------------------------------------------ */

struct sc_ld_cache { /* borrows the text it was opened on */
    const unsigned char *data;
    size_t len;
    uint32_t count;
};
/* Finds the new format, alone or behind the old one. */
SC_MUST_CHECK int sc_ld_cache_open(const void *data, size_t len, struct sc_ld_cache *out, struct sc_err *err);
/* The next path recorded for the library `name`, from *index on (start with 0); NULL when there is none. Entries for
 * special processors (a hwcap) are passed over: an image should run on every processor of its kind. */
const char *sc_ld_cache_next(const struct sc_ld_cache *cache, const char *name, const struct sc_elf_machine *machine,
                             uint32_t *index);

struct sc_ld_entry {
    const char *name, *path;
    int32_t flags;
};
/* Writes a cache of these entries, in the order that ld.so's search expects; sorts `entries`. */
void sc_ld_cache_write(struct sc_ld_entry *entries, size_t count, struct sc_buf *out);

#endif
