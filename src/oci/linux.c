/* config-linux.md but for its cgroup and seccomp sections. */
#include <string.h>

#include "oci/oci-priv.h"

#define FIELD(type, name, member) .key = (name), .offset = offsetof(type, member)

static const struct sc_oci_field id_map_fields[] = {
    {FIELD(struct sc_oci_id_map, "containerID", container_id), .kind = FIELD_U32, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_id_map, "hostID", host_id), .kind = FIELD_U32, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_id_map, "size", size), .kind = FIELD_U32, .flags = FIELD_REQUIRED},
};
const struct sc_oci_object sc_oci_id_map_object = {SC_OCI_OBJECT(struct sc_oci_id_map, id_map_fields)};

static const struct sc_oci_field namespace_fields[] = {
    {FIELD(struct sc_oci_namespace, "type", kind), .kind = FIELD_ENUM, .names = sc_oci_namespace_names,
     .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_namespace, "path", path), .kind = FIELD_STR},
};
_Static_assert(sizeof(enum sc_ns_kind) == sizeof(int), "FIELD_ENUM writes an int");
static const struct sc_oci_object namespace_object = {SC_OCI_OBJECT(struct sc_oci_namespace, namespace_fields)};

/* ---- devices --------------------------------------------------------------------------- */

static int
device_type_decode(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, void *obj,
                   struct sc_err *err)
{
    struct sc_oci_device *device = obj;
    char *type = NULL;

    if (sc_json_get_str(json, field->key, decoder->path, decoder->arena, &type, err) < 0)
        return -1;
    if (strlen(type) != 1 || !strchr("bcup", *type))
        return sc_oci_member_err(decoder, field->key, err, "unknown value \"%s\", must be b, c, u or p", type);
    device->type = *type;
    return 0;
}

static void
device_type_encode(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj)
{
    (void)field;
    sc_buf_addf(encoder->out, "\"%c\"", ((const struct sc_oci_device *)obj)->type);
}

static const struct sc_oci_codec device_type_codec = {device_type_decode, device_type_encode};

static const struct sc_oci_field device_fields[] = {
    {.key = "type", .kind = FIELD_CUSTOM, .codec = &device_type_codec, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_device, "path", path), .kind = FIELD_STR, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_device, "major", major), .kind = FIELD_I64, .flags = FIELD_ALWAYS},
    {FIELD(struct sc_oci_device, "minor", minor), .kind = FIELD_I64, .flags = FIELD_ALWAYS},
    {FIELD(struct sc_oci_device, "fileMode", file_mode), .kind = FIELD_OPT_U64, .max = UINT32_MAX},
    {FIELD(struct sc_oci_device, "uid", uid), .kind = FIELD_OPT_U64, .max = UINT32_MAX},
    {FIELD(struct sc_oci_device, "gid", gid), .kind = FIELD_OPT_U64, .max = UINT32_MAX},
};
static const struct sc_oci_object device_object = {SC_OCI_OBJECT(struct sc_oci_device, device_fields)};

_Static_assert(offsetof(struct sc_oci_net_device, host_name) == 0, "FIELD_DICT puts the key first");
static const struct sc_oci_field net_device_fields[] = {
    {FIELD(struct sc_oci_net_device, "name", name), .kind = FIELD_STR},
};
static const struct sc_oci_object net_device_object = {SC_OCI_OBJECT(struct sc_oci_net_device, net_device_fields)};

/* ---- time, memory policy, personality, resctrl -------------------------------------------- */

static const struct sc_oci_field time_offset_fields[] = {
    {FIELD(struct sc_oci_time_offset, "secs", secs), .kind = FIELD_I64},
    {FIELD(struct sc_oci_time_offset, "nanosecs", nanosecs), .kind = FIELD_U32},
};
static const struct sc_oci_object time_offset_object = {SC_OCI_OBJECT(struct sc_oci_time_offset, time_offset_fields),
                                                        SC_OCI_IS_SET(struct sc_oci_time_offset)};

/* Its members lie in struct sc_oci_linux itself. */
static const struct sc_oci_field time_offsets_fields[] = {
    {FIELD(struct sc_oci_linux, "monotonic", time_monotonic), .kind = FIELD_OBJ, .object = &time_offset_object},
    {FIELD(struct sc_oci_linux, "boottime", time_boottime), .kind = FIELD_OBJ, .object = &time_offset_object},
};
static const struct sc_oci_object time_offsets_object = {SC_OCI_OBJECT(struct sc_oci_linux, time_offsets_fields)};

static const struct sc_oci_field memory_policy_fields[] = {
    {FIELD(struct sc_oci_memory_policy, "mode", mode), .kind = FIELD_ENUM, .names = sc_oci_mpol_mode_names,
     .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_memory_policy, "nodes", nodes), .kind = FIELD_STR},
    {FIELD(struct sc_oci_memory_policy, "flags", flags), .kind = FIELD_FLAGS32, .names = sc_oci_mpol_flag_names},
};
static const struct sc_oci_object memory_policy_object = {
    SC_OCI_OBJECT(struct sc_oci_memory_policy, memory_policy_fields), SC_OCI_IS_SET(struct sc_oci_memory_policy)};

static int
personality_decode(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, void *obj,
                   struct sc_err *err)
{
    size_t len = sc_oci_path_push(decoder, field->key);
    const json_t *value = json_object_get(json, field->key);
    struct sc_oci_linux *linux_ = obj;
    struct sc_strv flags = {.items = NULL};

    if (!json_is_object(value))
        return sc_oci_member_err(decoder, "", err, "must be an object");
    if (!json_object_get(value, "domain"))
        return sc_oci_member_err(decoder, "domain", err, "is required");
    if (sc_oci_decode_word(decoder, value, "domain", sc_oci_personality_names, &linux_->personality.value, err) < 0 ||
        sc_json_get_strv(value, "flags", decoder->path, decoder->arena, &flags, err) < 0)
        return -1;
    /* config-linux.md: "currently no flag values are supported". */
    if (flags.count > 0)
        return sc_oci_member_err(decoder, "flags", err, "unknown value \"%s\"", flags.items[0]);
    linux_->personality.is_set = true;
    sc_oci_path_pop(decoder, len);
    return 0;
}

static void
personality_encode(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj)
{
    const struct sc_oci_linux *linux_ = obj;
    const char *name = sc_oci_name_of(sc_oci_personality_names, linux_->personality.value);

    (void)field;
    if (linux_->personality.is_set && name)
        sc_buf_addf(encoder->out, "{\"domain\": \"%s\"}", name);
}

static const struct sc_oci_codec personality_codec = {personality_decode, personality_encode};

static const struct sc_oci_field intel_rdt_fields[] = {
    {FIELD(struct sc_oci_intel_rdt, "closID", clos_id), .kind = FIELD_STR},
    {FIELD(struct sc_oci_intel_rdt, "schemata", schemata), .kind = FIELD_STRV},
    {FIELD(struct sc_oci_intel_rdt, "l3CacheSchema", l3_cache_schema), .kind = FIELD_STR},
    {FIELD(struct sc_oci_intel_rdt, "memBwSchema", mem_bw_schema), .kind = FIELD_STR},
    {FIELD(struct sc_oci_intel_rdt, "enableMonitoring", enable_monitoring), .kind = FIELD_BOOL},
};
static const struct sc_oci_object intel_rdt_object = {SC_OCI_OBJECT(struct sc_oci_intel_rdt, intel_rdt_fields),
                                                      SC_OCI_IS_SET(struct sc_oci_intel_rdt)};

#define LIST(name, items, count, what)                                                                                 \
    {                                                                                                                  \
        FIELD(struct sc_oci_linux, name, items),                                                                       \
            .kind = FIELD_LIST, .count_offset = offsetof(struct sc_oci_linux, count), .object = (what)                 \
    }
static const struct sc_oci_field linux_fields[] = {
    LIST("uidMappings", uid_mappings.items, uid_mappings.count, &sc_oci_id_map_object),
    LIST("gidMappings", gid_mappings.items, gid_mappings.count, &sc_oci_id_map_object),
    {FIELD(struct sc_oci_linux, "sysctl", sysctl), .kind = FIELD_MAP},
    {FIELD(struct sc_oci_linux, "resources", resources), .kind = FIELD_OBJ, .object = &sc_oci_resources_object},
    {FIELD(struct sc_oci_linux, "cgroupsPath", cgroups_path), .kind = FIELD_STR},
    LIST("namespaces", namespaces, namespace_count, &namespace_object),
    LIST("devices", devices, device_count, &device_object),
    {FIELD(struct sc_oci_linux, "netDevices", net_devices), .kind = FIELD_DICT,
     .count_offset = offsetof(struct sc_oci_linux, net_device_count), .object = &net_device_object},
    {FIELD(struct sc_oci_linux, "seccomp", seccomp), .kind = FIELD_OBJ, .object = &sc_oci_seccomp_object},
    {FIELD(struct sc_oci_linux, "rootfsPropagation", rootfs_propagation), .kind = FIELD_STR},
    {FIELD(struct sc_oci_linux, "maskedPaths", masked_paths), .kind = FIELD_STRV},
    {FIELD(struct sc_oci_linux, "readonlyPaths", readonly_paths), .kind = FIELD_STRV},
    {FIELD(struct sc_oci_linux, "mountLabel", mount_label), .kind = FIELD_STR},
    {FIELD(struct sc_oci_linux, "intelRdt", intel_rdt), .kind = FIELD_OBJ, .object = &intel_rdt_object},
    {FIELD(struct sc_oci_linux, "memoryPolicy", memory_policy), .kind = FIELD_OBJ, .flags = FIELD_EMPTY_IS_ABSENT,
     .object = &memory_policy_object},
    {.key = "personality", .kind = FIELD_CUSTOM, .codec = &personality_codec},
    {.key = "timeOffsets", .kind = FIELD_OBJ, .object = &time_offsets_object},
};
const struct sc_oci_object sc_oci_linux_object = {SC_OCI_OBJECT(struct sc_oci_linux, linux_fields)};
