/* config.md and config-linux.md's outermost object: the specification's root, mounts and hooks. */
#include "oci/oci-priv.h"

#define FIELD(type, name, member) .key = (name), .offset = offsetof(type, member)

static const struct sc_oci_field root_fields[] = {
    {FIELD(struct sc_oci_root, "path", path), .kind = FIELD_STR},
    {FIELD(struct sc_oci_root, "readonly", readonly), .kind = FIELD_BOOL},
};
static const struct sc_oci_object root_object = {SC_OCI_OBJECT(struct sc_oci_root, root_fields)};

/* config.md, "Mounts": a relative destination, deprecated, is relative to "/". */
static int
mount_finish(struct sc_oci_decoder *decoder, void *obj, struct sc_err *err)
{
    struct sc_oci_mount *mount = obj;

    if (mount->destination[0] == '/')
        return 0;
    mount->destination = sc_arena_printf(decoder->arena, "/%s", mount->destination);
    return mount->destination ? 0 : sc_err_nomem(err);
}

static const struct sc_oci_field mount_fields[] = {
    {FIELD(struct sc_oci_mount, "destination", destination), .kind = FIELD_STR, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_mount, "type", type), .kind = FIELD_STR},
    {FIELD(struct sc_oci_mount, "source", source), .kind = FIELD_STR},
    {FIELD(struct sc_oci_mount, "options", options), .kind = FIELD_STRV},
    {FIELD(struct sc_oci_mount, "uidMappings", uid_mappings.items), .kind = FIELD_LIST,
     .count_offset = offsetof(struct sc_oci_mount, uid_mappings.count), .object = &sc_oci_id_map_object},
    {FIELD(struct sc_oci_mount, "gidMappings", gid_mappings.items), .kind = FIELD_LIST,
     .count_offset = offsetof(struct sc_oci_mount, gid_mappings.count), .object = &sc_oci_id_map_object},
};
static const struct sc_oci_object mount_object = {SC_OCI_OBJECT(struct sc_oci_mount, mount_fields),
                                                  .finish = mount_finish};

static const struct sc_oci_field hook_fields[] = {
    {FIELD(struct sc_oci_hook, "path", path), .kind = FIELD_STR, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_hook, "args", args), .kind = FIELD_STRV},
    {FIELD(struct sc_oci_hook, "env", env), .kind = FIELD_STRV},
    {FIELD(struct sc_oci_hook, "timeout", timeout), .kind = FIELD_OPT_I64},
};
static const struct sc_oci_object hook_object = {SC_OCI_OBJECT(struct sc_oci_hook, hook_fields)};

#define HOOK_LIST(name, member)                                                                                        \
    {                                                                                                                  \
        FIELD(struct sc_oci_hooks, name, member.items),                                                                \
            .kind = FIELD_LIST, .count_offset = offsetof(struct sc_oci_hooks, member.count), .object = &hook_object    \
    }
static const struct sc_oci_field hooks_fields[] = {
    HOOK_LIST("prestart", prestart),
    HOOK_LIST("createRuntime", create_runtime),
    HOOK_LIST("createContainer", create_container),
    HOOK_LIST("startContainer", start_container),
    HOOK_LIST("poststart", poststart),
    HOOK_LIST("poststop", poststop),
};
const struct sc_oci_object sc_oci_hooks_object = {SC_OCI_OBJECT(struct sc_oci_hooks, hooks_fields)};

static const struct sc_oci_field spec_fields[] = {
    {FIELD(struct sc_oci_spec, "ociVersion", oci_version), .kind = FIELD_STR},
    {FIELD(struct sc_oci_spec, "process", process), .kind = FIELD_OBJ, .object = &sc_oci_process_object},
    {FIELD(struct sc_oci_spec, "root", root), .kind = FIELD_OBJ, .object = &root_object},
    {FIELD(struct sc_oci_spec, "hostname", hostname), .kind = FIELD_STR},
    {FIELD(struct sc_oci_spec, "domainname", domainname), .kind = FIELD_STR},
    {FIELD(struct sc_oci_spec, "mounts", mounts), .kind = FIELD_LIST,
     .count_offset = offsetof(struct sc_oci_spec, mount_count), .object = &mount_object},
    {FIELD(struct sc_oci_spec, "hooks", hooks), .kind = FIELD_OBJ, .object = &sc_oci_hooks_object},
    {FIELD(struct sc_oci_spec, "annotations", annotations), .kind = FIELD_MAP},
    {FIELD(struct sc_oci_spec, "linux", linux_), .kind = FIELD_OBJ, .object = &sc_oci_linux_object},
};
const struct sc_oci_object sc_oci_spec_object = {SC_OCI_OBJECT(struct sc_oci_spec, spec_fields)};
