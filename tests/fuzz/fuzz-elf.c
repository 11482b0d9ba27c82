/* What reads ELF files and ld.so.cache: the first byte chooses which. */
#include <string.h>

#include "image/elf-priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_elf(const uint8_t *data, size_t size)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_elf elf;
    size_t total = 0;

    if (sc_elf_read(data, size, &arena, &elf, &err) < 0) {
        if (err.kind != SC_ERR_INVALID && err.kind != SC_ERR_UNSUPPORTED)
            SC_BUG("an error of another kind");
        return;
    }
    if (elf.needed.count > SC_ELF_NEEDED_MAX || (elf.bits != 32 && elf.bits != 64))
        SC_BUG("a result out of range");
    for (size_t i = 0; i < elf.needed.count; i++)
        total += strlen(elf.needed.items[i]);
    total += elf.interp == NULL ? 0 : strlen(elf.interp);
    total += elf.rpath == NULL ? 0 : strlen(elf.rpath);
    total += elf.runpath == NULL ? 0 : strlen(elf.runpath);
    total += elf.soname == NULL ? 0 : strlen(elf.soname);
    if (total > 0 && size == 0)
        SC_BUG("strings out of nothing");
}

static void
fuzz_cache(const uint8_t *data, size_t size)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_ld_cache cache;
    const char *path;
    uint32_t index = 0;

    if (sc_ld_cache_open(data, size, &cache, &err) < 0)
        return;
    while ((path = sc_ld_cache_next(&cache, "liba.so", NULL, &index)) != NULL)
        if (path[0] != '/')
            SC_BUG("a relative path");
    if (index != cache.count)
        SC_BUG("the search ended early");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == 'E')
        fuzz_elf(data + 1, size - 1);
    else
        fuzz_cache(data + 1, size - 1);
    return 0;
}
