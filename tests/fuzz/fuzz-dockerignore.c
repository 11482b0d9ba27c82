/* .dockerignore: a path on the first line, the patterns after it. What skips a directory leaves out all below it. */
#include <string.h>

#include "image/build/dockerfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;
    const uint8_t *newline = memchr(data, '\n', size);
    size_t path_len = newline ? (size_t)(newline - data) : size;
    char *path = sc_arena_strndup(&arena, (const char *)data, path_len);
    struct sc_ignore ignore;

    if (path_len == 0 || path_len == size || memchr(data, '\0', path_len))
        return 0;
    if (sc_ignore_parse((const char *)data + path_len + 1, size - path_len - 1, ".dockerignore", &arena, &ignore,
                        &err) < 0) {
        if (err.kind != SC_ERR_INVALID || err.msg[0] == '\0')
            SC_BUG("an error of another kind");
        return 0;
    }
    /* Each parent of the path: if it is skipped, the path is left out. */
    for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        bool is_skipped;

        *slash = '\0';
        is_skipped = *path && sc_ignore_skips_dir(&ignore, path);
        if (is_skipped && !sc_ignore_is_ignored(&ignore, path))
            SC_BUG("a directory that is skipped, but not left out");
        *slash = '/';
        if (is_skipped && slash[1] && !sc_ignore_is_ignored(&ignore, path))
            SC_BUG("a path below a skipped directory that is not left out");
    }
    if (ignore.count == 0 && sc_ignore_is_ignored(&ignore, path))
        SC_BUG("left out by nothing");
    return 0;
}
