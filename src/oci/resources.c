/* config-linux.md, "Control groups": linux.resources. */
#include <string.h>

#include "oci/oci-priv.h"

#define FIELD(type, name, member) .key = (name), .offset = offsetof(type, member)

/* ---- device rules ---------------------------------------------------------------------- */

static int
access_decode(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, void *obj,
              struct sc_err *err)
{
    struct sc_oci_device_rule *rule = obj;
    char *access = NULL;

    if (sc_json_get_str(json, field->key, decoder->path, decoder->arena, &access, err) < 0)
        return -1;
    if (access[strspn(access, "rwm")] != '\0')
        return sc_oci_member_err(decoder, field->key, err, "\"%s\" must be made of r, w and m", access);
    rule->can_read = strchr(access, 'r') != NULL;
    rule->can_write = strchr(access, 'w') != NULL;
    rule->can_mknod = strchr(access, 'm') != NULL;
    return 0;
}

static void
access_encode(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj)
{
    const struct sc_oci_device_rule *rule = obj;

    (void)field;
    if (rule->can_read || rule->can_write || rule->can_mknod)
        sc_buf_addf(encoder->out, "\"%s%s%s\"", rule->can_read ? "r" : "", rule->can_write ? "w" : "",
                    rule->can_mknod ? "m" : "");
}

static const struct sc_oci_codec access_codec = {access_decode, access_encode};

static int
rule_type_decode(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, void *obj,
                 struct sc_err *err)
{
    struct sc_oci_device_rule *rule = obj;
    char *type = NULL;

    if (sc_json_get_str(json, field->key, decoder->path, decoder->arena, &type, err) < 0)
        return -1;
    if (strlen(type) > 1 || (*type && !strchr("abc", *type)))
        return sc_oci_member_err(decoder, field->key, err, "unknown value \"%s\", must be a, b or c", type);
    rule->type = *type;
    return 0;
}

static void
rule_type_encode(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj)
{
    const struct sc_oci_device_rule *rule = obj;

    (void)field;
    if (rule->type)
        sc_buf_addf(encoder->out, "\"%c\"", rule->type);
}

static const struct sc_oci_codec rule_type_codec = {rule_type_decode, rule_type_encode};

/* No type is any type, and engines write any major or minor as -1. */
static int
rule_finish(struct sc_oci_decoder *decoder, void *obj, struct sc_err *err)
{
    struct sc_oci_device_rule *rule = obj;

    (void)decoder;
    (void)err;
    if (!rule->type)
        rule->type = 'a';
    if (rule->major.value < 0)
        rule->major = (struct sc_opt_i64){.is_set = false};
    if (rule->minor.value < 0)
        rule->minor = (struct sc_opt_i64){.is_set = false};
    return 0;
}

static const struct sc_oci_field rule_fields[] = {
    {FIELD(struct sc_oci_device_rule, "allow", allow), .kind = FIELD_BOOL, .flags = FIELD_REQUIRED},
    {.key = "type", .kind = FIELD_CUSTOM, .codec = &rule_type_codec},
    {FIELD(struct sc_oci_device_rule, "major", major), .kind = FIELD_OPT_I64},
    {FIELD(struct sc_oci_device_rule, "minor", minor), .kind = FIELD_OPT_I64},
    {.key = "access", .kind = FIELD_CUSTOM, .codec = &access_codec},
};
static const struct sc_oci_object rule_object = {SC_OCI_OBJECT(struct sc_oci_device_rule, rule_fields),
                                                 .finish = rule_finish};

/* ---- memory, cpu, pids ------------------------------------------------------------------ */

static const struct sc_oci_field memory_fields[] = {
    {FIELD(struct sc_oci_memory, "limit", limit), .kind = FIELD_OPT_I64},
    {FIELD(struct sc_oci_memory, "reservation", reservation), .kind = FIELD_OPT_I64},
    {FIELD(struct sc_oci_memory, "swap", swap), .kind = FIELD_OPT_I64},
    {FIELD(struct sc_oci_memory, "kernel", kernel), .kind = FIELD_OPT_I64},
    {FIELD(struct sc_oci_memory, "kernelTCP", kernel_tcp), .kind = FIELD_OPT_I64},
    {FIELD(struct sc_oci_memory, "swappiness", swappiness), .kind = FIELD_OPT_U64},
    {FIELD(struct sc_oci_memory, "disableOOMKiller", disable_oom_killer), .kind = FIELD_OPT_BOOL},
    {FIELD(struct sc_oci_memory, "useHierarchy", use_hierarchy), .kind = FIELD_OPT_BOOL},
    {FIELD(struct sc_oci_memory, "checkBeforeUpdate", check_before_update), .kind = FIELD_OPT_BOOL},
};
static const struct sc_oci_object memory_object = {SC_OCI_OBJECT(struct sc_oci_memory, memory_fields)};

static const struct sc_oci_field cpu_fields[] = {
    {FIELD(struct sc_oci_cpu, "shares", shares), .kind = FIELD_OPT_U64},
    {FIELD(struct sc_oci_cpu, "quota", quota), .kind = FIELD_OPT_I64},
    {FIELD(struct sc_oci_cpu, "burst", burst), .kind = FIELD_OPT_U64},
    {FIELD(struct sc_oci_cpu, "period", period), .kind = FIELD_OPT_U64},
    {FIELD(struct sc_oci_cpu, "realtimeRuntime", realtime_runtime), .kind = FIELD_OPT_I64},
    {FIELD(struct sc_oci_cpu, "realtimePeriod", realtime_period), .kind = FIELD_OPT_U64},
    {FIELD(struct sc_oci_cpu, "cpus", cpus), .kind = FIELD_STR},
    {FIELD(struct sc_oci_cpu, "mems", mems), .kind = FIELD_STR},
    {FIELD(struct sc_oci_cpu, "idle", idle), .kind = FIELD_OPT_I64},
};
static const struct sc_oci_object cpu_object = {SC_OCI_OBJECT(struct sc_oci_cpu, cpu_fields)};

/* Its member lies in struct sc_oci_resources itself. */
static const struct sc_oci_field pids_fields[] = {
    {FIELD(struct sc_oci_resources, "limit", pids_limit), .kind = FIELD_OPT_I64},
};
static const struct sc_oci_object pids_object = {SC_OCI_OBJECT(struct sc_oci_resources, pids_fields)};

/* ---- block io --------------------------------------------------------------------------- */

static const struct sc_oci_field weight_device_fields[] = {
    {FIELD(struct sc_oci_weight_device, "major", major), .kind = FIELD_I64, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_weight_device, "minor", minor), .kind = FIELD_I64, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_weight_device, "weight", weight), .kind = FIELD_OPT_U64, .max = UINT16_MAX},
    {FIELD(struct sc_oci_weight_device, "leafWeight", leaf_weight), .kind = FIELD_OPT_U64, .max = UINT16_MAX},
};
static const struct sc_oci_object weight_device_object = {
    SC_OCI_OBJECT(struct sc_oci_weight_device, weight_device_fields)};

static const struct sc_oci_field throttle_fields[] = {
    {FIELD(struct sc_oci_throttle_device, "major", major), .kind = FIELD_I64, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_throttle_device, "minor", minor), .kind = FIELD_I64, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_throttle_device, "rate", rate), .kind = FIELD_U64, .flags = FIELD_REQUIRED},
};
static const struct sc_oci_object throttle_object = {SC_OCI_OBJECT(struct sc_oci_throttle_device, throttle_fields)};

#define THROTTLE_LIST(name, member)                                                                                    \
    {                                                                                                                  \
        FIELD(struct sc_oci_block_io, name, member.items),                                                             \
            .kind = FIELD_LIST, .count_offset = offsetof(struct sc_oci_block_io, member.count),                        \
            .object = &throttle_object                                                                                 \
    }
static const struct sc_oci_field block_io_fields[] = {
    {FIELD(struct sc_oci_block_io, "weight", weight), .kind = FIELD_OPT_U64, .max = UINT16_MAX},
    {FIELD(struct sc_oci_block_io, "leafWeight", leaf_weight), .kind = FIELD_OPT_U64, .max = UINT16_MAX},
    {FIELD(struct sc_oci_block_io, "weightDevice", weight_devices), .kind = FIELD_LIST,
     .count_offset = offsetof(struct sc_oci_block_io, weight_device_count), .object = &weight_device_object},
    THROTTLE_LIST("throttleReadBpsDevice", read_bps),
    THROTTLE_LIST("throttleWriteBpsDevice", write_bps),
    THROTTLE_LIST("throttleReadIOPSDevice", read_iops),
    THROTTLE_LIST("throttleWriteIOPSDevice", write_iops),
};
static const struct sc_oci_object block_io_object = {SC_OCI_OBJECT(struct sc_oci_block_io, block_io_fields)};

/* ---- huge pages, network, rdma ----------------------------------------------------------- */

static const struct sc_oci_field hugepage_fields[] = {
    {FIELD(struct sc_oci_hugepage, "pageSize", page_size), .kind = FIELD_STR, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_hugepage, "limit", limit), .kind = FIELD_U64, .flags = FIELD_REQUIRED},
};
static const struct sc_oci_object hugepage_object = {SC_OCI_OBJECT(struct sc_oci_hugepage, hugepage_fields)};

static const struct sc_oci_field net_priority_fields[] = {
    {FIELD(struct sc_oci_net_priority, "name", name), .kind = FIELD_STR, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_net_priority, "priority", priority), .kind = FIELD_U32, .flags = FIELD_REQUIRED},
};
static const struct sc_oci_object net_priority_object = {
    SC_OCI_OBJECT(struct sc_oci_net_priority, net_priority_fields)};

/* Its members lie in struct sc_oci_resources itself. */
static const struct sc_oci_field network_fields[] = {
    {FIELD(struct sc_oci_resources, "classID", net_class_id), .kind = FIELD_OPT_U64, .max = UINT32_MAX},
    {FIELD(struct sc_oci_resources, "priorities", net_priorities), .kind = FIELD_LIST,
     .count_offset = offsetof(struct sc_oci_resources, net_priority_count), .object = &net_priority_object},
};
static const struct sc_oci_object network_object = {SC_OCI_OBJECT(struct sc_oci_resources, network_fields)};

_Static_assert(offsetof(struct sc_oci_rdma, name) == 0, "FIELD_DICT puts the key first");
static const struct sc_oci_field rdma_fields[] = {
    {FIELD(struct sc_oci_rdma, "hcaHandles", hca_handles), .kind = FIELD_OPT_U64, .max = UINT32_MAX},
    {FIELD(struct sc_oci_rdma, "hcaObjects", hca_objects), .kind = FIELD_OPT_U64, .max = UINT32_MAX},
};
static const struct sc_oci_object rdma_object = {SC_OCI_OBJECT(struct sc_oci_rdma, rdma_fields)};

static const struct sc_oci_field resources_fields[] = {
    {FIELD(struct sc_oci_resources, "devices", devices), .kind = FIELD_LIST,
     .count_offset = offsetof(struct sc_oci_resources, device_count), .object = &rule_object},
    {FIELD(struct sc_oci_resources, "memory", memory), .kind = FIELD_OBJ, .object = &memory_object},
    {FIELD(struct sc_oci_resources, "cpu", cpu), .kind = FIELD_OBJ, .object = &cpu_object},
    {.key = "pids", .kind = FIELD_OBJ, .object = &pids_object},
    {FIELD(struct sc_oci_resources, "blockIO", block_io), .kind = FIELD_OBJ, .object = &block_io_object},
    {FIELD(struct sc_oci_resources, "hugepageLimits", hugepages), .kind = FIELD_LIST,
     .count_offset = offsetof(struct sc_oci_resources, hugepage_count), .object = &hugepage_object},
    {.key = "network", .kind = FIELD_OBJ, .object = &network_object},
    {FIELD(struct sc_oci_resources, "rdma", rdma), .kind = FIELD_DICT,
     .count_offset = offsetof(struct sc_oci_resources, rdma_count), .object = &rdma_object},
    {FIELD(struct sc_oci_resources, "unified", unified), .kind = FIELD_MAP},
};
const struct sc_oci_object sc_oci_resources_object = {SC_OCI_OBJECT(struct sc_oci_resources, resources_fields),
                                                      SC_OCI_IS_SET(struct sc_oci_resources)};
