/* The compiler: the order of a container's start, one stage after the other. Each stage is in a file of its own. */
#include <string.h>

#include "kernel/kernel.h"
#include "plan/plan-priv.h"

static int
add_text_step(struct sc_compiler *c, enum sc_op op, const char *text, const char *value, const char *why,
              struct sc_err *err)
{
    struct sc_step *step = sc_steps_add(c->arena, &c->plan->child, op, SC_SLOT_NONE, why);

    if (step == NULL)
        return sc_err_nomem(err);
    step->u.text.text = text;
    step->u.text.value = value;
    return 0;
}

static int
compile_identity(struct sc_compiler *c, struct sc_err *err)
{
    if (!c->ask->no_new_keyring) {
        char *name = sc_arena_printf(c->arena, "_ses.%s", c->ask->id);

        if (sc_compile_key_label(c->arena, &c->plan->child, &c->spec->process, err) < 0 ||
            add_text_step(c, SC_OP_KEYRING, name, NULL, "so that the caller's keys are not inherited", err) < 0)
            return -1;
    }
    if (c->spec->hostname != NULL && c->spec->hostname[0] != '\0' &&
        add_text_step(c, SC_OP_HOSTNAME, c->spec->hostname, NULL, "the container's own host name", err) < 0)
        return -1;
    if (c->spec->domainname != NULL && c->spec->domainname[0] != '\0' &&
        add_text_step(c, SC_OP_DOMAINNAME, c->spec->domainname, NULL, "the container's own NIS domain name", err) < 0)
        return -1;
    if (c->has_new[SC_NS_NET] && sc_steps_add(c->arena, &c->plan->child, SC_OP_LOOPBACK_UP, SC_SLOT_NONE,
                                              "a new network namespace starts with lo down") == NULL)
        return sc_err_nomem(err);
    return 0;
}

static int
add_packet(struct sc_compiler *c, struct sc_steps *list, enum sc_op op, struct sc_net_packet *packet, const char *why,
           struct sc_err *err)
{
    struct sc_step *step = sc_steps_add(c->arena, list, op, SC_SLOT_NONE, why);

    if (step == NULL)
        return sc_err_nomem(err);
    step->u.packet = packet;
    return 0;
}

/* What is done outside; the launcher does it without being asked. */
static int
compile_network(struct sc_compiler *c, struct sc_err *err)
{
    const struct sc_net_ask *net = &c->ask->net;

    if (net->count == 0)
        return 0;
    c->plan->net_shell_up = net->shell_up;
    c->plan->net_shell_down = net->shell_down;
    if (!c->has_new[SC_NS_NET])
        return sc_err_set(err, SC_ERR_INTERNAL, "a link for a network namespace that is not the container's own");
    if (net->publish != NULL &&
        add_packet(c, &c->plan->before, SC_OP_NET_PUBLISH, net->publish,
                   net->publish->why ? net->publish->why : "the host's ports lead to the container", err) < 0)
        return -1;
    for (size_t i = 0; i < net->count; i++) {
        if (add_packet(c, &c->plan->after, SC_OP_NET_LINK, net->links[i],
                       "one end in the container's namespace, the other a port of the bridge", err) < 0)
            return -1;
    }
    for (size_t i = 0; i < net->count; i++) {
        if (net->rates != NULL && net->rates[i] != NULL &&
            add_packet(c, &c->plan->after, SC_OP_NET_RATE, net->rates[i],
                       "on the host's end, where the container cannot change it", err) < 0)
            return -1;
    }
    if (net->names != NULL && add_packet(c, &c->plan->beside, SC_OP_NET_NAMES, net->names,
                                         "two sockets of the container's, for its monitor to answer on", err) < 0)
        return -1;
    return 0;
}

/* Inside, as late as it can be: the child mounts while the link is made, and the switch below sys/net is written
 * through a /proc of the container's own. Hooks and parameters of the kernel that come behind it find the network. */
static int
compile_network_inside(struct sc_compiler *c, struct sc_err *err)
{
    const struct sc_net_ask *net = &c->ask->net;

    /* Each step of the launcher has one of the child that waits for it. */
    for (size_t i = 0; i < net->count; i++) {
        if (sc_steps_add(c->arena, &c->plan->child, SC_OP_WAIT_LINK, SC_SLOT_NONE, "the link is made outside") == NULL)
            return sc_err_nomem(err);
        if (net->no_ra != NULL && net->no_ra[i] != NULL &&
            add_text_step(c, SC_OP_SYSCTL, net->no_ra[i], "0", "no router but the network's own is to be believed",
                          err) < 0)
            return -1;
        if (add_packet(c, &c->plan->child, SC_OP_NET_ADDRESS, net->inside[i], "the container's address and its way out",
                       err) < 0)
            return -1;
    }
    for (size_t i = 0; i < net->count; i++) {
        if (net->rates != NULL && net->rates[i] != NULL &&
            sc_steps_add(c->arena, &c->plan->child, SC_OP_WAIT_LINK, SC_SLOT_NONE, "its rate is set outside") == NULL)
            return sc_err_nomem(err);
    }
    return 0;
}

static int
compile_undo(struct sc_compiler *c, struct sc_err *err)
{
    sc_cleanup_buf undo = SC_BUF_INIT;

    sc_buf_adds(&undo, c->plan->undo != NULL ? c->plan->undo : "");
    if (c->plan->resctrl_dir != NULL)
        sc_undo_add(&undo, SC_UNDO_RESCTRL_REMOVE, c->plan->resctrl_dir);
    sc_buf_adds(&undo, c->ask->net.undo != NULL ? c->ask->net.undo : "");
    if (sc_buf_check(&undo, err) < 0)
        return -1;
    c->plan->undo = sc_arena_strdup(c->arena, sc_buf_str(&undo));
    return sc_arena_check(c->arena, err);
}

static int
compile_sysctls(struct sc_compiler *c, struct sc_err *err)
{
    for (size_t i = 0; i < c->spec->linux_.sysctl.count; i++) {
        const char *entry = c->spec->linux_.sysctl.items[i];
        const char *equals = strchr(entry, '=');
        char *path = NULL;

        if (sc_oci_sysctl_path(entry, c->arena, &path, err) < 0)
            return -1;
        path = sc_arena_printf(c->arena, "sys/%s", path);
        if (path == NULL)
            return sc_err_nomem(err);
        if (add_text_step(c, SC_OP_SYSCTL, path, equals + 1, "a kernel parameter of the new namespace", err) < 0)
            return -1;
    }
    return 0;
}

/* From outside, where the devices are, once the namespace they go to exists; before hooks that may want them. */
static int
compile_net_devices(struct sc_compiler *c, struct sc_err *err)
{
    const struct sc_oci_linux *l = &c->spec->linux_;
    struct sc_step *step;

    if (l->net_device_count == 0)
        return 0;
    step = sc_steps_add(c->arena, &c->plan->after, SC_OP_NET_DEVICES, SC_SLOT_NONE,
                        "devices of the host become the container's, with their addresses");
    if (step == NULL || sc_steps_add(c->arena, &c->plan->child, SC_OP_WAIT_NET_DEVICES, SC_SLOT_NONE,
                                     "only a process outside sees the devices that are moved") == NULL)
        return sc_err_nomem(err);
    step->u.net_devices.items = l->net_devices;
    step->u.net_devices.count = l->net_device_count;
    return 0;
}

/* Hooks that run outside: createRuntime and its predecessor prestart, after the namespaces exist, before the root
 * changes. */
static int
compile_runtime_hooks(struct sc_compiler *c, struct sc_err *err)
{
    const struct sc_oci_hooks *hooks = &c->spec->hooks;

    if (hooks->prestart.count + hooks->create_runtime.count > 0) {
        struct sc_step *step = sc_steps_add(c->arena, &c->plan->after, SC_OP_HOOKS_RUNTIME, SC_SLOT_NONE,
                                            "hooks in the runtime's namespaces");

        if (step == NULL || sc_steps_add(c->arena, &c->plan->child, SC_OP_WAIT_HOOKS, SC_SLOT_NONE,
                                         "hooks outside must finish first") == NULL)
            return sc_err_nomem(err);
        step->u.hooks.lists[0] = &hooks->prestart;
        step->u.hooks.names[0] = "prestart";
        step->u.hooks.lists[1] = &hooks->create_runtime;
        step->u.hooks.names[1] = "createRuntime";
    }
    if (hooks->create_container.count > 0) {
        struct sc_step *step = sc_steps_add(c->arena, &c->plan->child, SC_OP_HOOKS_CONTAINER, SC_SLOT_NONE,
                                            "hooks in the container's namespaces");

        if (step == NULL)
            return sc_err_nomem(err);
        step->u.hooks.lists[0] = &hooks->create_container;
        step->u.hooks.names[0] = "createContainer";
    }
    return 0;
}

static int
compile_pivot(struct sc_compiler *c, struct sc_err *err)
{
    const char *propagation = c->spec->linux_.rootfs_propagation;
    bool can_pivot = !c->host->root_is_ramfs && !c->ask->no_pivot;
    const char *why = can_pivot ? "the root of the mount namespace becomes the container's; the host's is detached"
                      : c->host->root_is_ramfs
                          ? "pivot_root cannot leave a ramfs: the new root covers the old one instead"
                          : "asked for: no pivot_root";

    if (!c->has_new[SC_NS_MOUNT])
        return sc_steps_add(c->arena, &c->plan->child, SC_OP_CHROOT, SC_SLOT_NONE,
                            "pivot_root would change the root of others in this mount namespace") != NULL
                   ? 0
                   : sc_err_nomem(err);
    for (size_t i = 0; !can_pivot && i < c->host->bare_mounts.count; i++)
        if (add_text_step(c, SC_OP_DETACH, c->host->bare_mounts.items[i], NULL,
                          "with it in sight below, the kernel would let the container mount another without masks",
                          err) < 0)
            return -1;
    if (sc_steps_add(c->arena, &c->plan->child, can_pivot ? SC_OP_PIVOT : SC_OP_CHROOT, SC_SLOT_NONE, why) == NULL)
        return sc_err_nomem(err);
    if (propagation != NULL && propagation[0] != '\0') {
        struct sc_step *step =
            sc_steps_add(c->arena, &c->plan->child, SC_OP_ROOT_PROPAGATION, SC_SLOT_NONE, "rootfsPropagation");

        if (step == NULL)
            return sc_err_nomem(err);
        return sc_propagation_parse(propagation, &step->u.propagation.flags, err);
    }
    return 0;
}

/* What the host or this build cannot do must be said before anything is made. */
static int
check_supported(const struct sc_compiler *c, struct sc_err *err)
{
    const struct sc_oci_linux *l = &c->spec->linux_;

    if (l->mount_label != NULL && l->mount_label[0] != '\0' && !c->host->has_selinux)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "linux.mountLabel: SELinux is not enabled on this host");
    return 0;
}

static int
compile_process_tail(struct sc_compiler *c, struct sc_err *err)
{
    struct sc_process_ask ask = {
        .process = &c->spec->process,
        .seccomp = c->spec->linux_.seccomp.is_set ? &c->spec->linux_.seccomp : NULL,
        .waits_for_start = c->ask->waits_for_start,
        .dies_with_parent = c->ask->dies_with_parent,
        .has_user_ns = c->has_user_ns,
        .denies_setgroups = c->is_unprivileged && c->has_new[SC_NS_USER] && sc_compile_maps_own_id(c),
        .may_keep_groups = c->is_unprivileged,
        .start_hooks = &c->spec->hooks.start_container,
        .init_path = c->ask->init_path,
        .preserve_fds = c->ask->preserve_fds,
        .has_calls = c->ask->has_calls,
        .host_caps = c->host->caps,
        .caps_left_out = &c->plan->caps_left_out,
        .has_apparmor = c->host->has_apparmor,
        .has_selinux = c->host->has_selinux,
    };

    return sc_compile_process(c->arena, &c->plan->child, &ask, err);
}

/* Whether the child waits for more than its cgroups, which come first, or runs what looks at its mounts. */
static bool
waits_for_launcher(const struct sc_compiler *c)
{
    const struct sc_oci_hooks *hooks = &c->spec->hooks;

    return c->ask->net.count > 0 || c->spec->linux_.net_device_count > 0 ||
           hooks->prestart.count + hooks->create_runtime.count + hooks->create_container.count > 0;
}

int
sc_plan_compile(const struct sc_oci_spec *spec, const struct sc_host *host, const struct sc_ask *ask,
                struct sc_arena *arena, struct sc_plan *out, struct sc_err *err)
{
    struct sc_compiler c = {
        .spec = spec,
        .host = host,
        .ask = ask,
        .arena = arena,
        .plan = out,
        .uid_maps = &spec->linux_.uid_mappings,
        .gid_maps = &spec->linux_.gid_mappings,
        .idmap_slot = SC_SLOT_NONE,
        .user_ns_slot = SC_SLOT_NONE,
        .cgroup_v2_slot = SC_SLOT_NONE,
        .is_unprivileged = host->uid != 0,
    };

    memset(out, 0, sizeof(*out));
    out->slot_count = SC_SLOT_FIRST_FREE;
    out->id = ask->id;
    out->spec = spec;
    out->process = &spec->process;
    if (sc_oci_validate(spec, err) < 0 || check_supported(&c, err) < 0)
        return -1;
    if (!spec->process.is_set)
        return sc_err_set(err, SC_ERR_INVALID, "process: must be given to start a container");

    sc_compile_kinds(&c);
    if (sc_compile_resctrl(&spec->linux_.intel_rdt, ask->id, host, arena, out, err) < 0 ||
        sc_compile_cgroups(&c, err) < 0 || sc_compile_all_cpus(arena, &out->child, host, err) < 0 ||
        sc_compile_namespaces(&c, err) < 0 || compile_identity(&c, err) < 0 || compile_network(&c, err) < 0 ||
        sc_compile_root(&c, err) < 0 || sc_compile_mounts(&c, err) < 0 ||
        (c.late_view == NULL && sc_compile_enter_cgroups(&c, err) < 0) || sc_compile_devices(&c, err) < 0 ||
        (waits_for_launcher(&c) && sc_compile_late_view(&c, err) < 0) || compile_network_inside(&c, err) < 0 ||
        compile_net_devices(&c, err) < 0 || compile_runtime_hooks(&c, err) < 0 || compile_sysctls(&c, err) < 0 ||
        sc_compile_protect(&c, err) < 0 || compile_pivot(&c, err) < 0 ||
        sc_compile_personality(arena, &out->child, &spec->linux_, err) < 0 || compile_process_tail(&c, err) < 0 ||
        compile_undo(&c, err) < 0)
        return -1;
    if (out->slot_count >= SC_SLOTS_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "mounts: too many bind mounts and devices: at most about %d",
                          SC_SLOTS_MAX - 40);
    return sc_arena_check(arena, err);
}
