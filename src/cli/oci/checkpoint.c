#include "cli/oci/oci-priv.h"
int
sc_oci_verb_checkpoint(struct sc_oci_cli *cli, struct sc_err *err)
{
    (void)cli;
    return sc_err_set(err, SC_ERR_UNSUPPORTED, "checkpoint");
}
int
sc_oci_verb_restore(struct sc_oci_cli *cli, struct sc_err *err)
{
    (void)cli;
    return sc_err_set(err, SC_ERR_UNSUPPORTED, "restore");
}
