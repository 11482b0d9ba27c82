/* features.md and features-linux.md: the document that tells engines what a runtime recognizes. The words come from the
 * tables that the decoder reads with, so that neither can know one that the other does not. */
#include <string.h>

#include "oci/oci-priv.h"

#define OCI_VERSION_LEAST "1.0.0"

#define FIELD(name, member) .key = (name), .offset = offsetof(struct sc_oci_features, member)
#define STRV(name, member)                                                                                             \
    {                                                                                                                  \
        FIELD(name, member), .kind = FIELD_STRV                                                                        \
    }
#define BOOL(name, member)                                                                                             \
    {                                                                                                                  \
        FIELD(name, member), .kind = FIELD_BOOL, .flags = FIELD_ALWAYS                                                 \
    }
/* Members of the same struct, as an object of their own. */
#define OBJECT(table)                                                                                                  \
    {                                                                                                                  \
        SC_OCI_OBJECT(struct sc_oci_features, table)                                                                   \
    }
#define INNER(name, inner)                                                                                             \
    {                                                                                                                  \
        .key = (name), .kind = FIELD_OBJ, .object = &(inner)                                                           \
    }

static const struct sc_oci_field cgroup_fields[] = {
    BOOL("v1", cgroup.v1),           BOOL("v2", cgroup.v2),
    BOOL("systemd", cgroup.systemd), BOOL("systemdUser", cgroup.systemd_user),
    BOOL("rdma", cgroup.rdma),
};
static const struct sc_oci_object cgroup_object = OBJECT(cgroup_fields);

static const struct sc_oci_field seccomp_fields[] = {
    BOOL("enabled", seccomp.enabled),        STRV("actions", seccomp.actions),
    STRV("operators", seccomp.operators),    STRV("archs", seccomp.archs),
    STRV("knownFlags", seccomp.known_flags), STRV("supportedFlags", seccomp.supported_flags),
};
static const struct sc_oci_object seccomp_object = OBJECT(seccomp_fields);

static const struct sc_oci_field apparmor_fields[] = {BOOL("enabled", apparmor)};
static const struct sc_oci_object apparmor_object = OBJECT(apparmor_fields);
static const struct sc_oci_field selinux_fields[] = {BOOL("enabled", selinux)};
static const struct sc_oci_object selinux_object = OBJECT(selinux_fields);
static const struct sc_oci_field net_devices_fields[] = {BOOL("enabled", net_devices)};
static const struct sc_oci_object net_devices_object = OBJECT(net_devices_fields);

static const struct sc_oci_field intel_rdt_fields[] = {
    BOOL("enabled", intel_rdt.enabled),
    BOOL("schemata", intel_rdt.schemata),
    BOOL("monitoring", intel_rdt.monitoring),
};
static const struct sc_oci_object intel_rdt_object = OBJECT(intel_rdt_fields);

static const struct sc_oci_field memory_policy_fields[] = {
    STRV("modes", memory_policy.modes),
    STRV("flags", memory_policy.flags),
};
static const struct sc_oci_object memory_policy_object = OBJECT(memory_policy_fields);

static const struct sc_oci_field idmap_fields[] = {BOOL("enabled", idmap)};
static const struct sc_oci_object idmap_object = OBJECT(idmap_fields);
static const struct sc_oci_field mount_extension_fields[] = {INNER("idmap", idmap_object)};
static const struct sc_oci_object mount_extensions_object = OBJECT(mount_extension_fields);

static const struct sc_oci_field linux_fields[] = {
    STRV("namespaces", namespaces),
    STRV("capabilities", capabilities),
    INNER("cgroup", cgroup_object),
    INNER("seccomp", seccomp_object),
    INNER("apparmor", apparmor_object),
    INNER("selinux", selinux_object),
    INNER("intelRdt", intel_rdt_object),
    INNER("memoryPolicy", memory_policy_object),
    INNER("mountExtensions", mount_extensions_object),
    INNER("netDevices", net_devices_object),
};
static const struct sc_oci_object linux_object = OBJECT(linux_fields);

static const struct sc_oci_field features_fields[] = {
    {FIELD("ociVersionMin", oci_version_min), .kind = FIELD_STR},
    {FIELD("ociVersionMax", oci_version_max), .kind = FIELD_STR},
    STRV("hooks", hooks),
    STRV("mountOptions", mount_options),
    INNER("linux", linux_object),
    {FIELD("annotations", annotations), .kind = FIELD_MAP},
    STRV("potentiallyUnsafeConfigAnnotations", unsafe_annotations),
};
static const struct sc_oci_object features_object = OBJECT(features_fields);

static void
add_names(const struct sc_oci_name *names, struct sc_strv *out, struct sc_arena *arena)
{
    for (; names->name; names++)
        sc_strv_add(out, arena, names->name);
}

int
sc_oci_features_fill(struct sc_oci_features *out, struct sc_arena *arena, struct sc_err *err)
{
    *out = (struct sc_oci_features){.oci_version_min = OCI_VERSION_LEAST, .oci_version_max = SC_OCI_VERSION};
    for (size_t i = 0; i < sc_oci_hooks_object.field_count; i++)
        sc_strv_add(&out->hooks, arena, sc_oci_hooks_object.fields[i].key);
    for (int cap = 0; cap <= sc_cap_last; cap++)
        sc_strv_add(&out->capabilities, arena, sc_cap_name(cap));
    add_names(sc_oci_namespace_names, &out->namespaces, arena);
    add_names(sc_oci_seccomp_action_names, &out->seccomp.actions, arena);
    add_names(sc_oci_seccomp_op_names, &out->seccomp.operators, arena);
    add_names(sc_oci_seccomp_arch_names, &out->seccomp.archs, arena);
    add_names(sc_oci_seccomp_flag_names, &out->seccomp.known_flags, arena);
    add_names(sc_oci_mpol_mode_names, &out->memory_policy.modes, arena);
    add_names(sc_oci_mpol_flag_names, &out->memory_policy.flags, arena);
    return sc_arena_check(arena, err);
}

int
sc_oci_features_encode(const struct sc_oci_features *features, struct sc_buf *out, struct sc_err *err)
{
    struct sc_oci_encoder encoder = {.out = out};

    sc_oci_encode_object(&encoder, &features_object, features);
    sc_buf_addc(out, '\n');
    return sc_buf_check(out, err);
}
