/* Record and host to OCI config, with Docker's defaults. Pure: what must be looked at or made is in struct sc_inputs
 * already. */
#include <string.h>

#include "engine/engine-priv.h"

static bool
is_new_netns(const struct sc_create_options *options)
{
    return options->network.mode == SC_NS_PRIVATE || options->network.mode == SC_NS_NONE ||
           options->network.mode == SC_NS_BRIDGE || sc_network_is_helped(options);
}

/* The path a joined namespace has, or NULL for a new one; false: the host's, nothing is listed. */
static bool
ns_wanted(const struct sc_inputs *in, enum sc_ns_kind kind)
{
    const struct sc_create_options *o = &in->container->options;

    switch (kind) {
    case SC_NS_USER:
        return in->has_userns;
    case SC_NS_PID:
        return o->pid.mode != SC_NS_HOST;
    case SC_NS_NET:
        return o->network.mode != SC_NS_HOST;
    case SC_NS_MOUNT:
        return true;
    case SC_NS_IPC:
        return o->ipc.mode != SC_NS_HOST;
    case SC_NS_UTS:
        return o->uts.mode != SC_NS_HOST;
    case SC_NS_CGROUP:
        return o->cgroup_ns.mode != SC_NS_HOST;
    case SC_NS_TIME:
        return o->time_monotonic.is_set || o->time_boottime.is_set;
    default:
        return false;
    }
}

int
sc_spec_namespaces(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_spec *out, struct sc_err *err)
{
    struct sc_oci_linux *l = &out->linux_;

    l->namespaces = SC_ARENA_ARRAY(arena, struct sc_oci_namespace, SC_NS_COUNT);
    if (!l->namespaces)
        return sc_err_nomem(err);
    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        if (!ns_wanted(in, (enum sc_ns_kind)kind))
            continue;
        l->namespaces[l->namespace_count++] = (struct sc_oci_namespace){
            .kind = (enum sc_ns_kind)kind,
            .path = sc_arena_strdup(arena, in->ns_paths[kind]),
        };
    }
    if (in->has_userns && !in->ns_paths[SC_NS_USER]) {
        l->uid_mappings = in->uid_maps;
        l->gid_mappings = in->gid_maps;
    }
    l->time_monotonic = in->container->options.time_monotonic;
    l->time_boottime = in->container->options.time_boottime;
    return sc_arena_check(arena, err);
}

/* A kernel parameter that belongs to no namespace of the container's own would change the host. */
static int
check_sysctls(const struct sc_create_options *o, const struct sc_oci_spec *spec, struct sc_arena *arena,
              struct sc_err *err)
{
    for (size_t i = 0; i < o->sysctls.count; i++) {
        const char *entry = o->sysctls.items[i];
        char *path;

        if (!strchr(entry, '=') || entry[0] == '=')
            return sc_err_set(err, SC_ERR_INVALID, "--sysctl \"%s\": it is not NAME=VALUE", entry);
        if (sc_oci_sysctl_path(entry, arena, &path, err) < 0)
            return sc_err_wrap(err, "--sysctl");
        if (sc_str_starts(path, "net/") && !is_new_netns(o))
            return sc_err_set(err, SC_ERR_INVALID, "--sysctl \"%s\": the network namespace is not the container's own",
                              entry);
        if (sc_oci_sysctl_check(spec, path, err) < 0)
            return sc_err_wrap(err, "--sysctl \"%s\"", entry);
    }
    return 0;
}

/* What programs expect of a network namespace that is theirs alone, as Docker has it: ping without CAP_NET_RAW, and
 * every port for every user. In a user namespace the groups would have to be mapped, and /proc may not be ours to write
 * to. */
static void
set_sysctls(const struct sc_inputs *in, struct sc_arena *arena, struct sc_strv *out)
{
    static const char *const defaults[][2] = {{"net.ipv4.ping_group_range", "0 2147483647"},
                                              {"net.ipv4.ip_unprivileged_port_start", "0"}};
    const struct sc_strv *asked = &in->container->options.sysctls;
    bool has_defaults = in->can_set_sysctls && !in->has_userns && is_new_netns(&in->container->options);

    for (size_t i = 0; i < SC_ARRAY_LEN(defaults) && has_defaults; i++) {
        if (sc_strv_find_key(asked, defaults[i][0]) < 0)
            sc_strv_addf(out, arena, "%s=%s", defaults[i][0], defaults[i][1]);
    }
    for (size_t i = 0; i < asked->count; i++)
        sc_strv_add(out, arena, asked->items[i]);
}

int
sc_spec_build(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_spec *out, struct sc_err *err)
{
    const struct sc_create_options *o = &in->container->options;
    bool has_own_uts = o->uts.mode == SC_NS_PRIVATE;

    memset(out, 0, sizeof(*out));
    out->oci_version = sc_arena_strdup(arena, SC_OCI_VERSION);
    out->root.path = o->rootfs ? o->rootfs : sc_arena_strdup(arena, "/");
    out->root.readonly = o->read_only;
    if (has_own_uts && in->hostname)
        out->hostname = sc_arena_strdup(arena, in->hostname);
    if (has_own_uts && o->domainname)
        out->domainname = o->domainname;
    else if (o->domainname)
        return sc_err_set(err, SC_ERR_INVALID,
                          "conflicting options: --domainname and a UTS namespace that is not the container's own");
    if (sc_spec_process(in, arena, &out->process, err) < 0 || sc_spec_namespaces(in, arena, out, err) < 0 ||
        check_sysctls(o, out, arena, err) < 0 || sc_spec_mounts(in, arena, out, err) < 0 ||
        sc_spec_devices(in, arena, out, err) < 0 || sc_spec_resources(in, arena, &out->linux_.resources, err) < 0 ||
        sc_spec_security(in, arena, out, err) < 0 || sc_spec_view(in, arena, out, err) < 0)
        return -1;
    set_sysctls(in, arena, &out->linux_.sysctl);
    for (size_t i = 0; i < o->annotations.count; i++) {
        const char *text = o->annotations.items[i];
        const char *entry = strchr(text, '=') ? text : sc_arena_printf(arena, "%s=", text);

        if (entry)
            sc_strv_set_env(&out->annotations, arena, entry);
    }
    return sc_arena_check(arena, err);
}
