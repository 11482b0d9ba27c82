/* /etc/subuid and /etc/subgid: the ranges of ids that a user may map, subuid(5). */
#include <errno.h>
#include <fcntl.h>

#include "engine/engine-priv.h"

int
sc_subid_read(const char *file, const char *user, uint32_t uid, struct sc_arena *arena, struct sc_oci_id_maps *out,
              struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err missing = SC_ERR_INIT, none = SC_ERR_INIT;

    *out = (struct sc_oci_id_maps){.items = NULL};
    if (sc_file_read_at(AT_FDCWD, file, SC_SMALL_FILE_MAX, &text, &missing) < 0) { /* lint: the host's own */
        if (missing.errnum == ENOENT)
            return 0;
        *err = missing;
        return -1;
    }
    if (sc_subid_find(sc_buf_str(&text), user, uid, arena, out, &none) == 0 || none.kind == SC_ERR_NOT_FOUND)
        return 0;
    *err = none;
    return -1;
}
