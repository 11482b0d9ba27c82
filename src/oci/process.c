/* config.md, "Process" and "POSIX process". */
#include <string.h>

#include "oci/oci-priv.h"

#define FIELD(type, name, member) .key = (name), .offset = offsetof(type, member)

/* ---- user --------------------------------------------------------------------------- */

static int
gids_decode(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, void *obj,
            struct sc_err *err)
{
    size_t len = sc_oci_path_push(decoder, field->key);
    const json_t *list = json_object_get(json, field->key);
    struct sc_oci_user *user = obj;
    size_t count = json_array_size(list);
    size_t own_len = strlen(decoder->path);
    uint32_t *gids;

    if (!json_is_array(list))
        return sc_oci_member_err(decoder, "", err, "must be a list");
    gids = SC_ARENA_ARRAY(decoder->arena, uint32_t, count);
    if (!gids)
        return sc_err_nomem(err);
    for (size_t i = 0; i < count; i++) {
        const json_t *gid = json_array_get(list, i);

        (void)sc_oci_path_push_index(decoder, i);
        if (!json_is_integer(gid) || json_integer_value(gid) < 0 || json_integer_value(gid) > UINT32_MAX)
            return sc_oci_member_err(decoder, "", err, "must be a number from 0 to %u", UINT32_MAX);
        gids[i] = (uint32_t)json_integer_value(gid);
        sc_oci_path_pop(decoder, own_len);
    }
    user->additional_gids = count ? gids : NULL;
    user->additional_gid_count = count;
    sc_oci_path_pop(decoder, len);
    return 0;
}

static void
gids_encode(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj)
{
    const struct sc_oci_user *user = obj;

    (void)field;
    for (size_t i = 0; i < user->additional_gid_count; i++) {
        sc_oci_encode_item(encoder, i == 0);
        sc_buf_addf(encoder->out, "%u", user->additional_gids[i]);
    }
    if (user->additional_gid_count)
        sc_oci_encode_list_end(encoder);
}

static const struct sc_oci_codec gids_codec = {gids_decode, gids_encode};

static const struct sc_oci_field user_fields[] = {
    {FIELD(struct sc_oci_user, "uid", uid), .kind = FIELD_U32, .flags = FIELD_ALWAYS},
    {FIELD(struct sc_oci_user, "gid", gid), .kind = FIELD_U32, .flags = FIELD_ALWAYS},
    {FIELD(struct sc_oci_user, "umask", umask), .kind = FIELD_OPT_U64, .max = UINT32_MAX},
    {.key = "additionalGids", .kind = FIELD_CUSTOM, .codec = &gids_codec},
};
static const struct sc_oci_object user_object = {SC_OCI_OBJECT(struct sc_oci_user, user_fields)};

/* ---- capabilities ----------------------------------------------------------------------- */

static int
caps_decode(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, void *obj,
            struct sc_err *err)
{
    struct sc_oci_capabilities *caps = obj;
    uint64_t *set = (uint64_t *)((char *)obj + field->offset);
    struct sc_strv names = {.items = NULL};

    if (sc_json_get_strv(json, field->key, decoder->path, decoder->arena, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        int cap = sc_cap_from_name(names.items[i]);

        if (cap >= 0)
            *set |= 1ULL << cap;
        else if (!sc_oci_strv_has(&caps->unknown, names.items[i]))
            sc_strv_add(&caps->unknown, decoder->arena, names.items[i]);
    }
    return sc_arena_check(decoder->arena, err);
}

static void
caps_encode(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj)
{
    uint64_t set = *(const uint64_t *)((const char *)obj + field->offset);
    bool is_first = true;

    for (int cap = 0; cap <= sc_cap_last; cap++) {
        if (!(set >> cap & 1))
            continue;
        sc_oci_encode_item(encoder, is_first);
        sc_oci_encode_text(encoder, sc_cap_name(cap));
        is_first = false;
    }
    if (!is_first)
        sc_oci_encode_list_end(encoder);
}

static const struct sc_oci_codec caps_codec = {caps_decode, caps_encode};

#define CAPS(name)                                                                                                     \
    {                                                                                                                  \
        FIELD(struct sc_oci_capabilities, #name, name), .kind = FIELD_CUSTOM, .codec = &caps_codec                     \
    }
static const struct sc_oci_field capabilities_fields[] = {CAPS(bounding), CAPS(effective), CAPS(inheritable),
                                                          CAPS(permitted), CAPS(ambient)};
static const struct sc_oci_object capabilities_object = {SC_OCI_OBJECT(struct sc_oci_capabilities, capabilities_fields),
                                                         SC_OCI_IS_SET(struct sc_oci_capabilities)};

/* ---- the rest --------------------------------------------------------------------------- */

static const struct sc_oci_field rlimit_fields[] = {
    {FIELD(struct sc_oci_rlimit, "type", resource), .kind = FIELD_ENUM, .names = sc_oci_rlimit_names,
     .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_rlimit, "hard", hard), .kind = FIELD_U64, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_rlimit, "soft", soft), .kind = FIELD_U64, .flags = FIELD_REQUIRED},
};
static const struct sc_oci_object rlimit_object = {SC_OCI_OBJECT(struct sc_oci_rlimit, rlimit_fields)};

static const struct sc_oci_field scheduler_fields[] = {
    {FIELD(struct sc_oci_scheduler, "policy", policy), .kind = FIELD_ENUM, .names = sc_oci_sched_policy_names,
     .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_scheduler, "nice", nice), .kind = FIELD_I32},
    {FIELD(struct sc_oci_scheduler, "priority", priority), .kind = FIELD_I32},
    {FIELD(struct sc_oci_scheduler, "flags", flags), .kind = FIELD_FLAGS64, .names = sc_oci_sched_flag_names},
    {FIELD(struct sc_oci_scheduler, "runtime", runtime), .kind = FIELD_U64},
    {FIELD(struct sc_oci_scheduler, "deadline", deadline), .kind = FIELD_U64},
    {FIELD(struct sc_oci_scheduler, "period", period), .kind = FIELD_U64},
};
static const struct sc_oci_object scheduler_object = {SC_OCI_OBJECT(struct sc_oci_scheduler, scheduler_fields),
                                                      SC_OCI_IS_SET(struct sc_oci_scheduler)};

static const struct sc_oci_field io_priority_fields[] = {
    {FIELD(struct sc_oci_io_priority, "class", klass), .kind = FIELD_ENUM, .names = sc_oci_ioprio_class_names,
     .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_io_priority, "priority", priority), .kind = FIELD_I32, .flags = FIELD_ALWAYS},
};
static const struct sc_oci_object io_priority_object = {SC_OCI_OBJECT(struct sc_oci_io_priority, io_priority_fields),
                                                        SC_OCI_IS_SET(struct sc_oci_io_priority)};

/* Objects whose members lie in struct sc_oci_process itself. */
static const struct sc_oci_field console_fields[] = {
    {FIELD(struct sc_oci_process, "height", console_height), .kind = FIELD_U32},
    {FIELD(struct sc_oci_process, "width", console_width), .kind = FIELD_U32},
};
static const struct sc_oci_object console_object = {SC_OCI_OBJECT(struct sc_oci_process, console_fields)};

static const struct sc_oci_field affinity_fields[] = {
    {FIELD(struct sc_oci_process, "initial", exec_cpu_affinity_initial), .kind = FIELD_STR},
    {FIELD(struct sc_oci_process, "final", exec_cpu_affinity_final), .kind = FIELD_STR},
};
static const struct sc_oci_object affinity_object = {SC_OCI_OBJECT(struct sc_oci_process, affinity_fields)};

static const struct sc_oci_field process_fields[] = {
    {FIELD(struct sc_oci_process, "terminal", terminal), .kind = FIELD_BOOL},
    {.key = "consoleSize", .kind = FIELD_OBJ, .object = &console_object},
    {FIELD(struct sc_oci_process, "user", user), .kind = FIELD_OBJ, .object = &user_object},
    {FIELD(struct sc_oci_process, "args", args), .kind = FIELD_STRV},
    {FIELD(struct sc_oci_process, "env", env), .kind = FIELD_STRV},
    {FIELD(struct sc_oci_process, "cwd", cwd), .kind = FIELD_STR},
    {FIELD(struct sc_oci_process, "capabilities", capabilities), .kind = FIELD_OBJ, .object = &capabilities_object},
    {FIELD(struct sc_oci_process, "rlimits", rlimits), .kind = FIELD_LIST,
     .count_offset = offsetof(struct sc_oci_process, rlimit_count), .object = &rlimit_object},
    {FIELD(struct sc_oci_process, "noNewPrivileges", no_new_privileges), .kind = FIELD_BOOL},
    {FIELD(struct sc_oci_process, "apparmorProfile", apparmor_profile), .kind = FIELD_STR},
    {FIELD(struct sc_oci_process, "oomScoreAdj", oom_score_adj), .kind = FIELD_OPT_I64},
    {FIELD(struct sc_oci_process, "scheduler", scheduler), .kind = FIELD_OBJ, .object = &scheduler_object},
    {FIELD(struct sc_oci_process, "selinuxLabel", selinux_label), .kind = FIELD_STR},
    {FIELD(struct sc_oci_process, "ioPriority", io_priority), .kind = FIELD_OBJ, .object = &io_priority_object},
    {.key = "execCPUAffinity", .kind = FIELD_OBJ, .object = &affinity_object},
};
const struct sc_oci_object sc_oci_process_object = {SC_OCI_OBJECT(struct sc_oci_process, process_fields),
                                                    SC_OCI_IS_SET(struct sc_oci_process)};
