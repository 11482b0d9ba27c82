/* Labels of the kernel's security modules: of the process, from its execve on, and of the file systems mounted for it.
 */
#include <string.h>

#include "plan/plan-priv.h"

static bool
is_given(const char *label)
{
    return label != NULL && label[0] != '\0';
}

static int
add_label(struct sc_arena *arena, struct sc_steps *steps, const char *module, const char *file, const char *fallback,
          const char *value, const char *why, struct sc_err *err)
{
    struct sc_step *step = sc_steps_add(arena, steps, SC_OP_LABEL, SC_SLOT_NONE, why);

    if (step == NULL || value == NULL)
        return sc_err_nomem(err);
    step->u.label.module = module;
    step->u.label.files[0] = file;
    step->u.label.files[1] = fallback;
    step->u.label.value = value;
    return 0;
}

int
sc_compile_labels(struct sc_arena *arena, struct sc_steps *steps, const struct sc_process_ask *ask, struct sc_err *err)
{
    const struct sc_oci_process *p = ask->process;

    if (is_given(p->apparmor_profile)) {
        if (!ask->has_apparmor)
            return sc_err_set(err, SC_ERR_UNSUPPORTED, "process.apparmorProfile: AppArmor is not enabled on this host");
        /* attr/exec is of whichever module comes first; attr/apparmor is Linux 5.8's */
        if (add_label(arena, steps, "AppArmor", "apparmor/exec", "exec",
                      sc_arena_printf(arena, "exec %s", p->apparmor_profile), "the profile holds from execve on",
                      err) < 0)
            return -1;
    }
    if (is_given(p->selinux_label)) {
        if (!ask->has_selinux)
            return sc_err_set(err, SC_ERR_UNSUPPORTED, "process.selinuxLabel: SELinux is not enabled on this host");
        if (add_label(arena, steps, "SELinux", "exec", NULL, p->selinux_label, "the label holds from execve on", err) <
            0)
            return -1;
    }
    return 0;
}

int
sc_compile_key_label(struct sc_arena *arena, struct sc_steps *steps, const struct sc_oci_process *process,
                     struct sc_err *err)
{
    if (!is_given(process->selinux_label))
        return 0;
    return add_label(arena, steps, "SELinux", "keycreate", NULL, process->selinux_label,
                     "so that the process may use the keyring made for it", err);
}

const char *
sc_compile_context(struct sc_arena *arena, const char *data, const char *label)
{
    bool has_data = data != NULL && data[0] != '\0';

    if (!is_given(label))
        return data;
    /* quoted: the categories of a label are apart by commas, as mount options are */
    return sc_arena_printf(arena, "%s%scontext=\"%s\"", has_data ? data : "", has_data ? "," : "", label);
}
