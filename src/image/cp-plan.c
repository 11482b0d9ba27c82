/* What `cp` is asked to do, as Docker understands it. Pure: what is there is given. */
#include <string.h>

#include "image/container-priv.h"

bool
sc_cp_wants_dir(const char *path)
{
    return sc_str_ends(path, "/") || sc_str_ends(path, "/.") || sc_str_ends(path, "/..") || strcmp(path, ".") == 0 ||
           strcmp(path, "..") == 0;
}

int
sc_cp_clean(const char *path, char out[PATH_MAX], struct sc_err *err)
{
    size_t used = 0;

    for (const char *part = path; *part;) {
        size_t len = strcspn(part, "/");

        if (len == 2 && memcmp(part, "..", 2) == 0) {
            while (used > 0 && out[--used] != '/')
                continue;
        } else if (len > 0 && !(len == 1 && part[0] == '.')) {
            if (len > NAME_MAX || used + len + 2 > PATH_MAX)
                return sc_err_set(err, SC_ERR_INVALID, "path \"%.100s...\" is too long", path);
            out[used++] = '/';
            memcpy(out + used, part, len);
            used += len;
        }
        part += len;
        part += strspn(part, "/");
    }
    if (used == 0)
        out[used++] = '/';
    out[used] = '\0';
    return 0;
}

int
sc_cp_plan(const struct sc_cp_side *from, const struct sc_cp_side *to, const char *source, const char *dest,
           enum sc_cp_how *how, struct sc_err *err)
{
    if (from->wants_dir && !from->is_dir)
        return sc_err_set(err, SC_ERR_INVALID, "copy \"%s\": it is not a directory", source);
    if (to->exists && to->is_dir) {
        *how = from->is_whole ? SC_CP_CONTENTS : SC_CP_INTO;
        return 0;
    }
    if (to->exists && from->is_dir)
        return sc_err_set(err, SC_ERR_INVALID, "cannot copy a directory to \"%s\", which is a file", dest);
    if (!from->is_dir && to->wants_dir)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "no such directory: \"%s\"", dest);
    *how = SC_CP_AS;
    return 0;
}
