/* The view of /proc (monitor/view.h): a hook of the engine's own, which runs while the container waits. */
#include <linux/seccomp.h>
#include <string.h>

#include "engine/engine-priv.h"

/* Whether a limit is set that files of the view show. */
static bool
has_limit(const struct sc_create_options *o)
{
    return o->memory > 0 || o->nano_cpus > 0 || o->cpu_quota > 0 || (o->cpuset_cpus && *o->cpuset_cpus);
}

bool
sc_spec_has_calls(const struct sc_create_options *o)
{
    return sc_str_eq(o->proc_view, "full");
}

/* The kernel allows a process one listener. */
static int
check_no_listener(const struct sc_oci_seccomp *profile, struct sc_err *err)
{
    for (size_t i = 0; profile->is_set && i < profile->rule_count; i++) {
        if ((profile->rules[i].action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
            return sc_err_set(err, SC_ERR_INVALID,
                              "--proc-view full: the profile of --security-opt seccomp has a listener of its own "
                              "(SCMP_ACT_NOTIFY), and the kernel allows one");
    }
    return 0;
}

int
sc_spec_view(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_spec *out, struct sc_err *err)
{
    const struct sc_create_options *o = &in->container->options;
    bool must = sc_str_eq(o->proc_view, "on") || sc_spec_has_calls(o),
         is_auto = !o->proc_view || sc_str_eq(o->proc_view, "auto");
    struct sc_oci_hook *hook;

    if (!must && !(is_auto && has_limit(o) && in->is_root && in->has_fuse))
        return 0;
    if (!in->is_root)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "--proc-view %s: without root it cannot be mounted", o->proc_view);
    if (sc_spec_has_calls(o) && check_no_listener(&in->seccomp, err) < 0)
        return -1;
    hook = SC_ARENA_NEW(arena, struct sc_oci_hook);
    if (!hook)
        return sc_err_nomem(err);
    if (sc_engine_program("sc-view", arena, &hook->path, err) < 0)
        return -1;
    sc_strv_add(&hook->args, arena, "sc-view");
    if (must)
        sc_strv_add(&hook->args, arena, "--must");
    sc_strv_add(&hook->args, arena, in->run_dir);
    /* An overlay lies over the old root; a directory is where it was, as hooks want it. */
    sc_strv_add(&hook->args, arena, o->rootfs ? o->rootfs : "/");
    hook->begins_early = true;
    sc_strv_add(&hook->env, arena, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
    out->hooks.create_runtime = (struct sc_oci_hook_list){.items = hook, .count = 1};
    return sc_arena_check(arena, err);
}
