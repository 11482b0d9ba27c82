/* Questions about one text or a list of them. */
#include <string.h>

#include "oci/oci-priv.h"

bool
sc_oci_path_is_absolute(const char *path)
{
    return path && path[0] == '/';
}

bool
sc_oci_strv_has(const struct sc_strv *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0)
            return true;
    }
    return false;
}
