/* Image references: the full and the familiar spelling of one mean the same again. */
#include <string.h>

#include "image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_again(const char *text, const char *full, struct sc_arena *arena)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_reference again;

    if (sc_reference_parse(text, arena, &again, &err) < 0)
        SC_BUG("what we spell, we do not read");
    if (strcmp(sc_reference_full(&again, arena), full) != 0)
        SC_BUG("it means something else when read again");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;
    char *text = sc_arena_strndup(&arena, (const char *)data, size), *full;
    struct sc_reference ref;

    if (sc_reference_parse(text, &arena, &ref, &err) < 0) {
        if (err.kind != SC_ERR_INVALID || err.msg[0] == '\0')
            SC_BUG("an error of another kind");
        return 0;
    }
    if (!ref.registry || !ref.repository || (!ref.tag && !ref.digest))
        SC_BUG("a part is missing");
    if (strstr(ref.repository, "..") || ref.repository[0] == '/')
        SC_BUG("a repository that is a path out");
    full = sc_reference_full(&ref, &arena);
    check_again(full, full, &arena);
    check_again(sc_reference_shown(&ref, &arena), full, &arena);
    return 0;
}
