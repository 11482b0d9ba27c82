/* Names of a layer's entries: whatever is accepted stays below the layer's directory. */
#include <string.h>

#include "image/transfer-priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_part(const char *part, size_t len)
{
    if (len == 0 || len > NAME_MAX)
        SC_BUG("an empty or overlong part");
    if ((len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
        SC_BUG("a part that leads elsewhere");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;
    char *text = sc_arena_strndup(&arena, (const char *)data, size);
    struct sc_layer_name name;

    (void)!sc_layer_xattr_check(text, data, size, &err);
    err = (struct sc_err)SC_ERR_INIT;
    if (sc_layer_name_parse(text, &name, &err) < 0) {
        if (err.kind != SC_ERR_INVALID || err.msg[0] == '\0')
            SC_BUG("an error of another kind");
        return 0;
    }
    if (name.dir[0] == '/' || strlen(name.dir) >= PATH_MAX)
        SC_BUG("a directory that is absolute or too long");
    for (const char *part = name.dir; *part;) {
        size_t len = strcspn(part, "/");

        check_part(part, len);
        part += len;
        if (*part == '/' && *++part == '\0')
            SC_BUG("a slash at the end");
    }
    if (name.kind == SC_LAYER_ENTRY || name.kind == SC_LAYER_WHITEOUT) {
        if (strchr(name.base, '/'))
            SC_BUG("a name of several parts");
        check_part(name.base, strlen(name.base));
    } else if (name.base[0] != '\0') {
        SC_BUG("a name where there is none");
    }
    if (name.kind == SC_LAYER_ROOT && name.dir[0] != '\0')
        SC_BUG("a top directory that is below another");
    return 0;
}
