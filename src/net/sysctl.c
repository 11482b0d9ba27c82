/* Settings of the kernel that networks need. */
#include <fcntl.h>

#include "net/net-priv.h"

int
sc_net_switch(const char *path, const char *value, struct sc_err *err)
{
    sc_cleanup_buf now = SC_BUF_INIT;

    if (sc_file_read_at(AT_FDCWD, path, SC_NUM_MAX, &now, err) < 0) /* lint: the kernel's own */
        return -1;
    if (sc_buf_str(&now)[0] == value[0])
        return 0;
    return sc_file_write_at(AT_FDCWD, path, value, err); /* lint: the kernel's own */
}
