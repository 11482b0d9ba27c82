/* The steps of a container's life that several verbs take (runtime.md, "Lifecycle"). */
#include <string.h>

#include "cli/oci/oci-priv.h"

int
sc_oci_load_config(struct sc_oci_cli *cli, int state_dir, struct sc_oci_spec *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_file_read_at(state_dir, SC_OCI_KEPT_CONFIG, SC_OCI_CONFIG_MAX, &text, err) < 0)
        return sc_err_wrap(err, "read the container's config");
    return sc_oci_decode(text.data, text.len, &cli->arena, out, err);
}

void
sc_oci_poststop(struct sc_oci_cli *cli, const struct sc_state *state, const struct sc_oci_hooks *hooks)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    if (hooks->poststop.count == 0)
        return;
    if (sc_state_oci(state, SC_STATUS_STOPPED, &text, &err) < 0) {
        sc_oci_log(cli, "warning", err.msg);
        return;
    }
    for (size_t i = 0; i < hooks->poststop.count; i++) {
        struct sc_oci_hook_list one = {.items = &hooks->poststop.items[i], .count = 1};

        sc_err_clear(&err);
        if (sc_hooks_run(&one, "poststop", state->bundle, text.data, &err) < 0)
            sc_oci_log(cli, "warning", err.msg);
    }
}

int
sc_oci_destroy(struct sc_oci_cli *cli, const struct sc_state *state, const struct sc_oci_hooks *hooks,
               struct sc_err *err)
{
    if (sc_runtime_delete(state, err) < 0)
        return -1;
    sc_oci_poststop(cli, state, hooks);
    return sc_oci_remove_state(cli, state->id, err);
}

int
sc_oci_poststart(struct sc_oci_cli *cli, const struct sc_state *state, const struct sc_oci_hooks *hooks,
                 struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err later = SC_ERR_INIT;

    if (hooks->poststart.count == 0)
        return 0;
    if (sc_state_oci(state, SC_STATUS_RUNNING, &text, err) == 0 &&
        sc_hooks_run(&hooks->poststart, "poststart", state->bundle, text.data, err) == 0)
        return 0;
    /* the hook is the error; what goes wrong with destroying can only be told beside it */
    if (sc_oci_destroy(cli, state, hooks, &later) < 0)
        sc_oci_log(cli, "warning", later.msg);
    return -1;
}
