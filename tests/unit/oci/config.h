/* Reading the config that has everything. */
#ifndef SC_TESTS_OCI_CONFIG_H
#define SC_TESTS_OCI_CONFIG_H

#include <fcntl.h>

#include "test.h"

#include "oci/oci-priv.h"

#define CONFIG_MOST 65536

static inline void
full_config_read(struct sc_buf *text)
{
    struct sc_err err = SC_ERR_INIT;

    if (sc_file_read_at(AT_FDCWD, FULL_CONFIG, CONFIG_MOST, text, &err) < 0)
        fail_msg("%s", err.msg);
}

#endif
