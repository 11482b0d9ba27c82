/*
 * config-linux.md, "Seccomp", and what Docker's profile file has beyond it: an archMap instead of
 * architectures, and rules that apply only with some capability, architecture or kernel.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

#include "oci/oci-priv.h"

#define FIELD(type, name, member) .key = (name), .offset = offsetof(type, member)
#define ERRNO_MAX                 4095 /* the kernel's MAX_ERRNO: SECCOMP_RET_ERRNO cuts what is larger */

/* ---- action and errno: two members of JSON, one number of the kernel ------------------------ */

static bool
action_has_data(uint32_t action)
{
    action &= SECCOMP_RET_ACTION_FULL;
    return action == SECCOMP_RET_ERRNO || action == SECCOMP_RET_TRACE;
}

/* field->arg is the key of the errno that goes with the action. */
static int
action_decode(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, void *obj,
              struct sc_err *err)
{
    uint32_t *out = (uint32_t *)((char *)obj + field->offset);
    const char *errno_key = field->arg;
    uint64_t action = 0, data = EPERM;

    if (sc_oci_decode_word(decoder, json, field->key, sc_oci_seccomp_action_names, &action, err) < 0 ||
        sc_json_get_u64(json, errno_key, decoder->path, &data, err) < 0)
        return -1;
    *out = (uint32_t)action;
    if (action_has_data(*out)) {
        uint64_t max = action == SECCOMP_RET_ERRNO ? ERRNO_MAX : SECCOMP_RET_DATA;

        if (data > max)
            return sc_oci_member_err(decoder, errno_key, err, "must be a number from 0 to %" PRIu64, max);
        *out |= (uint32_t)data;
    } else if (json_object_get(json, errno_key) && !json_is_null(json_object_get(json, errno_key))) {
        return sc_oci_member_err(decoder, errno_key, err, "action %s does not return an errno",
                                 sc_oci_name_of(sc_oci_seccomp_action_names, action));
    }
    return 0;
}

static void
action_encode(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj)
{
    uint32_t action = *(const uint32_t *)((const char *)obj + field->offset);
    const char *name = sc_oci_name_of(sc_oci_seccomp_action_names, action & SECCOMP_RET_ACTION_FULL);

    if (name)
        sc_oci_encode_text(encoder, name);
    else
        SC_BUG("a seccomp action without a name");
}

/* Read by action_decode. */
static int
errno_decode(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, void *obj,
             struct sc_err *err)
{
    (void)decoder;
    (void)json;
    (void)field;
    (void)obj;
    (void)err;
    return 0;
}

static void
errno_encode(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj)
{
    uint32_t action = *(const uint32_t *)((const char *)obj + field->offset);

    if (action_has_data(action))
        sc_buf_addf(encoder->out, "%u", action & SECCOMP_RET_DATA);
}

static const struct sc_oci_codec action_codec = {action_decode, action_encode};
static const struct sc_oci_codec errno_codec = {errno_decode, errno_encode};

/* ---- rules --------------------------------------------------------------------------------- */

static const struct sc_oci_field arg_fields[] = {
    {FIELD(struct sc_oci_seccomp_arg, "index", index), .kind = FIELD_U32, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_seccomp_arg, "value", value), .kind = FIELD_U64, .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_seccomp_arg, "valueTwo", value_two), .kind = FIELD_U64},
    {FIELD(struct sc_oci_seccomp_arg, "op", op), .kind = FIELD_ENUM, .names = sc_oci_seccomp_op_names,
     .flags = FIELD_REQUIRED},
};
static const struct sc_oci_object arg_object = {SC_OCI_OBJECT(struct sc_oci_seccomp_arg, arg_fields)};

static const struct sc_oci_field rule_fields[] = {
    {FIELD(struct sc_oci_seccomp_rule, "names", names), .kind = FIELD_STRV},
    {FIELD(struct sc_oci_seccomp_rule, "action", action), .kind = FIELD_CUSTOM, .codec = &action_codec,
     .arg = "errnoRet", .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_seccomp_rule, "errnoRet", action), .kind = FIELD_CUSTOM, .codec = &errno_codec},
    {FIELD(struct sc_oci_seccomp_rule, "args", args), .kind = FIELD_LIST,
     .count_offset = offsetof(struct sc_oci_seccomp_rule, arg_count), .object = &arg_object},
};
static const struct sc_oci_object rule_object = {SC_OCI_OBJECT(struct sc_oci_seccomp_rule, rule_fields)};

/* ---- Docker's conditions ---------------------------------------------------------------------- */

/* This machine in Docker's words (Go's GOARCH) and in libseccomp's. */
#if defined(__x86_64__)
#define HOST_GOARCH "amd64"
#define HOST_ARCH   "SCMP_ARCH_X86_64"
#elif defined(__aarch64__)
#define HOST_GOARCH "arm64"
#define HOST_ARCH   "SCMP_ARCH_AARCH64"
#elif defined(__arm__)
#define HOST_GOARCH "arm"
#define HOST_ARCH   "SCMP_ARCH_ARM"
#elif defined(__i386__)
#define HOST_GOARCH "x86"
#define HOST_ARCH   "SCMP_ARCH_X86"
#elif defined(__riscv)
#define HOST_GOARCH "riscv64"
#define HOST_ARCH   "SCMP_ARCH_RISCV64"
#elif defined(__powerpc64__)
#define HOST_GOARCH "ppc64le"
#define HOST_ARCH   "SCMP_ARCH_PPC64LE"
#elif defined(__s390x__)
#define HOST_GOARCH "s390x"
#define HOST_ARCH   "SCMP_ARCH_S390X"
#elif defined(__loongarch64)
#define HOST_GOARCH "loong64"
#define HOST_ARCH   "SCMP_ARCH_LOONGARCH64"
#else
#error "name this architecture for seccomp profiles"
#endif

struct condition {
    bool has_arch, is_arch;
    bool has_caps, holds_all_caps, holds_any_cap;
    bool has_kernel, is_kernel;
};

/* At most six digits, so that nothing overflows; returns what follows them, or NULL where there are none. */
static const char *
version_number(const char *at, unsigned *out)
{
    size_t digits = strspn(at, "0123456789");

    *out = 0;
    if (digits == 0 || digits > 6)
        return NULL;
    for (size_t i = 0; i < digits; i++)
        *out = *out * 10 + (unsigned)(at[i] - '0');
    return at + digits;
}

const char *
sc_oci_kernel_version(const char *text, unsigned *major, unsigned *minor)
{
    const char *at = version_number(text, major);

    return at && *at == '.' ? version_number(at + 1, minor) : NULL;
}

static int
condition_kernel(struct sc_oci_decoder *decoder, const json_t *json, struct condition *out, struct sc_err *err)
{
    const struct sc_oci_seccomp_host *host = decoder->seccomp_host;
    const char *end;
    unsigned major, minor;
    char *text = NULL;

    if (sc_json_get_str(json, "minKernel", decoder->path, decoder->arena, &text, err) < 0)
        return -1;
    if (!text || !*text)
        return 0;
    end = sc_oci_kernel_version(text, &major, &minor);
    if (!end || *end)
        return sc_oci_member_err(decoder, "minKernel", err, "\"%s\" must be a version such as 4.8", text);
    out->has_kernel = true;
    out->is_kernel = host->kernel_major > major || (host->kernel_major == major && host->kernel_minor >= minor);
    return 0;
}

/* Reads "includes" or "excludes". */
static int
condition_decode(struct sc_oci_decoder *decoder, const json_t *rule, const char *key, struct condition *out,
                 struct sc_err *err)
{
    struct sc_strv arches = {.items = NULL}, caps = {.items = NULL};
    json_t *json = NULL;
    size_t len;

    if (sc_json_get_obj(rule, key, decoder->path, &json, err) < 0)
        return -1;
    if (!json)
        return 0;
    len = sc_oci_path_push(decoder, key);
    if (sc_json_get_strv(json, "arches", decoder->path, decoder->arena, &arches, err) < 0 ||
        sc_json_get_strv(json, "caps", decoder->path, decoder->arena, &caps, err) < 0 ||
        condition_kernel(decoder, json, out, err) < 0)
        return -1;
    out->has_arch = arches.count > 0;
    out->is_arch = sc_oci_strv_has(&arches, HOST_GOARCH);
    out->has_caps = caps.count > 0;
    out->holds_all_caps = true;
    for (size_t i = 0; i < caps.count; i++) {
        int cap = sc_cap_from_name(caps.items[i]);
        bool holds = cap >= 0 && (decoder->seccomp_host->caps >> cap & 1);

        out->holds_all_caps = out->holds_all_caps && holds;
        out->holds_any_cap = out->holds_any_cap || holds;
    }
    sc_oci_path_pop(decoder, len);
    return 0;
}

/* Whether a rule of Docker's profile is meant for this container on this host. */
static int
rule_applies(struct sc_oci_decoder *decoder, const json_t *rule, bool *applies, struct sc_err *err)
{
    struct condition in = {.has_arch = false}, ex = {.has_arch = false};

    if (!json_is_object(rule))
        return sc_oci_member_err(decoder, "", err, "must be an object");
    if (condition_decode(decoder, rule, "includes", &in, err) < 0 ||
        condition_decode(decoder, rule, "excludes", &ex, err) < 0)
        return -1;
    *applies = !(ex.has_arch && ex.is_arch) && !(ex.has_caps && ex.holds_any_cap) && !(ex.has_kernel && ex.is_kernel) &&
               (!in.has_arch || in.is_arch) && (!in.has_caps || in.holds_all_caps) && (!in.has_kernel || in.is_kernel);
    return 0;
}

/* Old profiles have one "name" where newer ones have "names". */
static int
rule_old_name(struct sc_oci_decoder *decoder, const json_t *json, struct sc_oci_seccomp_rule *rule, struct sc_err *err)
{
    char *name = NULL;

    if (sc_json_get_str(json, "name", decoder->path, decoder->arena, &name, err) < 0)
        return -1;
    if (!name || !*name)
        return 0;
    if (rule->names.count > 0)
        return sc_oci_member_err(decoder, "name", err, "must not be given together with names");
    sc_strv_add(&rule->names, decoder->arena, name);
    return sc_arena_check(decoder->arena, err);
}

static int
rules_decode(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, void *obj,
             struct sc_err *err)
{
    size_t len = sc_oci_path_push(decoder, field->key), count;
    const json_t *list = json_object_get(json, field->key);
    struct sc_oci_seccomp *seccomp = obj;

    if (!json_is_array(list))
        return sc_oci_member_err(decoder, "", err, "must be a list");
    count = json_array_size(list);
    seccomp->rules = count ? SC_ARENA_ARRAY(decoder->arena, struct sc_oci_seccomp_rule, count) : NULL;
    if (count && !seccomp->rules)
        return sc_err_nomem(err);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        struct sc_oci_seccomp_rule *rule = &seccomp->rules[seccomp->rule_count];
        size_t item_len = sc_oci_path_push_index(decoder, i);
        bool applies = true;

        if (decoder->seccomp_host && rule_applies(decoder, item, &applies, err) < 0)
            return -1;
        if (applies) {
            if (sc_oci_decode_object(decoder, item, &rule_object, rule, err) < 0 ||
                rule_old_name(decoder, item, rule, err) < 0)
                return -1;
            seccomp->rule_count++;
        }
        sc_oci_path_pop(decoder, item_len);
    }
    sc_oci_path_pop(decoder, len);
    return 0;
}

static void
rules_encode(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj)
{
    static const struct sc_oci_field plain = {FIELD(struct sc_oci_seccomp, "syscalls", rules), .kind = FIELD_LIST,
                                              .count_offset = offsetof(struct sc_oci_seccomp, rule_count),
                                              .object = &rule_object};

    (void)field;
    sc_oci_encode_list(encoder, &plain, obj);
}

static const struct sc_oci_codec rules_codec = {rules_decode, rules_encode};

/* archMap: the entry of this machine, and with it the architectures that the machine runs besides. */
static int
arch_map_decode(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, void *obj,
                struct sc_err *err)
{
    struct sc_oci_seccomp *seccomp = obj;
    json_t *list = NULL;

    if (!decoder->seccomp_host)
        return 0;
    if (sc_json_get_arr(json, field->key, decoder->path, &list, err) < 0)
        return -1;
    if (json_array_size(list) > 0 && seccomp->architectures.count > 0)
        return sc_oci_member_err(decoder, field->key, err, "must not be given together with architectures");
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t len = sc_oci_path_push(decoder, field->key);
        const json_t *entry = json_array_get(list, i);
        struct sc_strv subs = {.items = NULL};
        char *arch = NULL;

        (void)sc_oci_path_push_index(decoder, i);
        if (!json_is_object(entry))
            return sc_oci_member_err(decoder, "", err, "must be an object");
        if (sc_json_get_str(entry, "architecture", decoder->path, decoder->arena, &arch, err) < 0 ||
            sc_json_get_strv(entry, "subArchitectures", decoder->path, decoder->arena, &subs, err) < 0)
            return -1;
        sc_oci_path_pop(decoder, len);
        if (!sc_str_eq(arch, HOST_ARCH))
            continue;
        sc_strv_add(&seccomp->architectures, decoder->arena, arch);
        for (size_t j = 0; j < subs.count; j++)
            sc_strv_add(&seccomp->architectures, decoder->arena, subs.items[j]);
        break;
    }
    return sc_arena_check(decoder->arena, err);
}

static void
arch_map_encode(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj)
{
    (void)encoder;
    (void)field;
    (void)obj;
}

static const struct sc_oci_codec arch_map_codec = {arch_map_decode, arch_map_encode};

static const struct sc_oci_field seccomp_fields[] = {
    {FIELD(struct sc_oci_seccomp, "defaultAction", default_action), .kind = FIELD_CUSTOM, .codec = &action_codec,
     .arg = "defaultErrnoRet", .flags = FIELD_REQUIRED},
    {FIELD(struct sc_oci_seccomp, "defaultErrnoRet", default_action), .kind = FIELD_CUSTOM, .codec = &errno_codec},
    {FIELD(struct sc_oci_seccomp, "architectures", architectures), .kind = FIELD_STRV},
    {.key = "archMap", .kind = FIELD_CUSTOM, .codec = &arch_map_codec},
    {FIELD(struct sc_oci_seccomp, "flags", flags), .kind = FIELD_FLAGS32, .names = sc_oci_seccomp_flag_names},
    {FIELD(struct sc_oci_seccomp, "listenerPath", listener_path), .kind = FIELD_STR},
    {FIELD(struct sc_oci_seccomp, "listenerMetadata", listener_metadata), .kind = FIELD_STR},
    {.key = "syscalls", .kind = FIELD_CUSTOM, .codec = &rules_codec},
};
const struct sc_oci_object sc_oci_seccomp_object = {SC_OCI_OBJECT(struct sc_oci_seccomp, seccomp_fields),
                                                    SC_OCI_IS_SET(struct sc_oci_seccomp)};
