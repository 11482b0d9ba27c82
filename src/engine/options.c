/* Options before any is given, and what may be said in them: names and paths. Pure. */
#include <string.h>

#include "engine/engine-priv.h"

void
sc_create_options_init(struct sc_create_options *options)
{
    *options = (struct sc_create_options){
        .stop_timeout = -1,
        .user_ns = {.mode = SC_NS_HOST},
        .network = {.mode = SC_NS_NONE},
        .log = {.max_size = 10 << 20, .max_files = 3},
    };
}

char *
sc_path_clean(const char *path, struct sc_arena *arena)
{
    char *out;
    size_t len = 0;

    if (path[0] != '/')
        return NULL;
    out = sc_arena_alloc(arena, strlen(path) + 2);
    if (!out)
        return NULL;
    for (const char *at = path; *at;) {
        size_t part;

        at += strspn(at, "/");
        part = strcspn(at, "/");
        if (part == 2 && at[0] == '.' && at[1] == '.') {
            while (len > 0 && out[--len] != '/')
                ;
        } else if (part > 0 && !(part == 1 && at[0] == '.')) {
            out[len++] = '/';
            memcpy(out + len, at, part);
            len += part;
        }
        at += part;
    }
    if (len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return out;
}

static bool
is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int
sc_name_check(const char *name, struct sc_err *err)
{
    size_t len = strlen(name);
    bool is_good = len >= 2 && len <= SC_NAME_LEN && is_alnum(name[0]);

    for (size_t i = 1; i < len && is_good; i++)
        is_good = is_alnum(name[i]) || name[i] == '_' || name[i] == '.' || name[i] == '-';
    if (is_good)
        return 0;
    sc_err_set(err, SC_ERR_INVALID, "invalid container name \"%.80s\"", name);
    return sc_err_remedy(err, "use 2 to %d of a-z A-Z 0-9 _ . -, the first a letter or digit", SC_NAME_LEN);
}

int
sc_volume_name_check(const char *name, struct sc_err *err)
{
    size_t len = strlen(name);
    bool is_good = len >= 1 && len <= SC_NAME_LEN &&
                   strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len &&
                   !strchr("_.-", name[0]);

    if (is_good)
        return 0;
    sc_err_set(err, SC_ERR_INVALID, "invalid volume name \"%.80s\"", name);
    return sc_err_remedy(err, "use [a-zA-Z0-9][a-zA-Z0-9_.-]*, or an absolute path for a directory of the host");
}
