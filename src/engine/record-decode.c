/* record.json back to a container. The file is the engine's own, yet a damaged one must be an error, not a surprise. */
#include <limits.h>
#include <string.h>

#include "base/json.h"
#include "engine/engine-priv.h"

#define RECORD_VERSION 1
#define ITEMS_MAX      4096

/* A number of type int or an enum below `limit`. */
static int
get_int(const json_t *obj, const char *key, const char *where, int64_t min, int64_t max, int *out, struct sc_err *err)
{
    int64_t value = *out;

    if (sc_json_get_i64(obj, key, where, &value, err) < 0)
        return -1;
    if (value < min || value > max)
        return sc_err_set(err, SC_ERR_INVALID, "%s.%s: %lld is out of range", where, key, (long long)value);
    *out = (int)value;
    return 0;
}

/* A string that is NULL may be absent, or memory has run out. */
static bool
has_run_out(const struct sc_arena *arena, struct sc_err *err)
{
    return sc_arena_check(arena, err) < 0;
}

static int
get_mount(const json_t *obj, const char *where, struct sc_arena *arena, struct sc_mount_ask *m, struct sc_err *err)
{
    int kind = 0, mode = 0;

    if (get_int(obj, "kind", where, SC_MOUNT_BIND, SC_MOUNT_TMPFS, &kind, err) < 0 ||
        sc_json_get_str(obj, "source", where, arena, &m->source, err) < 0 ||
        sc_json_get_str(obj, "target", where, arena, &m->target, err) < 0 ||
        sc_json_get_bool(obj, "readonly", where, &m->is_readonly, err) < 0 ||
        sc_json_get_bool(obj, "createsSource", where, &m->creates_source, err) < 0 ||
        sc_json_get_bool(obj, "copiesUp", where, &m->copies_up, err) < 0 ||
        sc_json_get_str(obj, "propagation", where, arena, &m->propagation, err) < 0 ||
        sc_json_get_bool(obj, "nonRecursive", where, &m->non_recursive, err) < 0 ||
        sc_json_get_bool(obj, "idmapped", where, &m->is_idmapped, err) < 0 ||
        sc_json_get_i64(obj, "tmpfsSize", where, &m->tmpfs_size, err) < 0 ||
        get_int(obj, "tmpfsMode", where, 0, 07777, &mode, err) < 0 ||
        sc_json_get_strv(obj, "options", where, arena, &m->options, err) < 0 ||
        sc_json_get_strv(obj, "labels", where, arena, &m->labels, err) < 0 ||
        sc_json_get_str(obj, "subpath", where, arena, &m->subpath, err) < 0 ||
        sc_json_get_bool(obj, "anonymous", where, &m->is_anonymous, err) < 0)
        return -1;
    m->kind = (enum sc_mount_kind)kind;
    m->tmpfs_mode = (unsigned)mode;
    if (!m->target)
        return has_run_out(arena, err) ? -1 : sc_err_set(err, SC_ERR_INVALID, "%s.target: is missing", where);
    return 0;
}

static int
get_device(const json_t *obj, const char *where, struct sc_arena *arena, struct sc_device_ask *d, struct sc_err *err)
{
    if (sc_json_get_str(obj, "host", where, arena, &d->host_path, err) < 0 ||
        sc_json_get_str(obj, "container", where, arena, &d->container_path, err) < 0 ||
        sc_json_get_str(obj, "permissions", where, arena, &d->permissions, err) < 0)
        return -1;
    if (!d->host_path)
        return has_run_out(arena, err) ? -1 : sc_err_set(err, SC_ERR_INVALID, "%s.host: is missing", where);
    return 0;
}

/* The array `key`: mounts or devices. */
static int
get_items(const json_t *obj, const struct sc_field *field, struct sc_arena *arena, void *base, struct sc_err *err)
{
    bool is_mounts = field->kind == SC_FIELD_MOUNTS;
    size_t size = is_mounts ? sizeof(struct sc_mount_ask) : sizeof(struct sc_device_ask);
    json_t *list = NULL;
    char *items;

    if (sc_json_get_arr(obj, field->key, "options", &list, err) < 0)
        return -1;
    if (!list || json_array_size(list) == 0)
        return 0;
    if (json_array_size(list) > ITEMS_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "options.%s: more than %d", field->key, ITEMS_MAX);
    items = sc_arena_array(arena, json_array_size(list), size);
    if (!items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        void *at = items + i * size;

        if (!json_is_object(item))
            return sc_err_set(err, SC_ERR_INVALID, "options.%s: must hold objects", field->key);
        if ((is_mounts ? get_mount(item, field->key, arena, at, err) : get_device(item, field->key, arena, at, err)) <
            0)
            return -1;
    }
    *(void **)(void *)((char *)base + field->offset) = items;
    *(size_t *)(void *)((char *)base + field->count_offset) = json_array_size(list);
    return 0;
}

static int
get_opt(const json_t *obj, const char *key, const char *where, struct sc_opt_i64 *out, struct sc_err *err)
{
    if (!json_object_get(obj, key))
        return 0;
    out->is_set = true;
    return sc_json_get_i64(obj, key, where, &out->value, err);
}

static int
get_ns(const json_t *obj, const char *key, const char *where, struct sc_arena *arena, struct sc_ns_choice *out,
       struct sc_err *err)
{
    json_t *ns = NULL;
    int mode = (int)out->mode;

    if (sc_json_get_obj(obj, key, where, &ns, err) < 0)
        return -1;
    if (!ns)
        return 0;
    if (get_int(ns, "mode", key, SC_NS_PRIVATE, SC_NS_USER_NET, &mode, err) < 0 ||
        sc_json_get_str(ns, "value", key, arena, &out->value, err) < 0)
        return -1;
    out->mode = (enum sc_ns_mode)mode;
    if ((out->mode == SC_NS_CONTAINER || out->mode == SC_NS_PATH || out->mode >= SC_NS_CNI) && !out->value)
        return has_run_out(arena, err) ? -1 : sc_err_set(err, SC_ERR_INVALID, "%s.%s.value: is missing", where, key);
    return 0;
}

static int
get_time(const json_t *obj, const char *key, const char *where, struct sc_oci_time_offset *out, struct sc_err *err)
{
    json_t *time = NULL;

    if (sc_json_get_obj(obj, key, where, &time, err) < 0)
        return -1;
    if (!time)
        return 0;
    out->is_set = true;
    if (sc_json_get_i64(time, "secs", key, &out->secs, err) < 0)
        return -1;
    return sc_json_get_u32(time, "nanosecs", key, &out->nanosecs, err);
}

static int
get_field(const json_t *obj, const char *where, const struct sc_field *field, struct sc_arena *arena, void *base,
          struct sc_err *err)
{
    void *at = (char *)base + field->offset;

    switch (field->kind) {
    case SC_FIELD_STR:
        return sc_json_get_str(obj, field->key, where, arena, at, err);
    case SC_FIELD_STRV:
        return sc_json_get_strv(obj, field->key, where, arena, at, err);
    case SC_FIELD_BOOL:
        return sc_json_get_bool(obj, field->key, where, at, err);
    case SC_FIELD_INT:
        return get_int(obj, field->key, where, INT_MIN, INT_MAX, at, err);
    case SC_FIELD_I64:
        return sc_json_get_i64(obj, field->key, where, at, err);
    case SC_FIELD_U64:
        return sc_json_get_u64(obj, field->key, where, at, err);
    case SC_FIELD_OPT_I64:
        return get_opt(obj, field->key, where, at, err);
    case SC_FIELD_NS:
        return get_ns(obj, field->key, where, arena, at, err);
    case SC_FIELD_TIME:
        return get_time(obj, field->key, where, at, err);
    case SC_FIELD_MOUNTS:
    case SC_FIELD_DEVICES:
        return get_items(obj, field, arena, base, err);
    }
    return 0;
}

static int
decode_tree(const json_t *json, struct sc_arena *arena, struct sc_container *out, struct sc_err *err)
{
    json_t *options = NULL;
    char *id = NULL;
    int version = 0;

    if (!json_is_object(json))
        return sc_err_set(err, SC_ERR_INVALID, "it must be an object");
    if (get_int(json, "version", "record", 0, INT_MAX, &version, err) < 0 ||
        sc_json_get_str(json, "id", "record", arena, &id, err) < 0 ||
        sc_json_get_obj(json, "options", "record", &options, err) < 0 || sc_arena_check(arena, err) < 0)
        return -1;
    if (version != RECORD_VERSION) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "version %d: this sc reads version %d", version, RECORD_VERSION);
        return sc_err_remedy(err, "use the sc that made the container");
    }
    if (!id || !sc_engine_is_id(id) || !options)
        return sc_err_set(err, SC_ERR_INVALID, "id or options are missing");
    memcpy(out->id, id, sizeof(out->id));
    for (size_t i = 0; i < sc_container_field_count; i++) {
        if (get_field(json, "record", &sc_container_fields[i], arena, out, err) < 0)
            return -1;
    }
    sc_create_options_init(&out->options);
    for (size_t i = 0; i < sc_option_field_count; i++) {
        if (get_field(options, "options", &sc_option_fields[i], arena, &out->options, err) < 0)
            return -1;
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (!out->name || sc_name_check(out->name, err) < 0)
        return out->name ? -1 : sc_err_set(err, SC_ERR_INVALID, "record.name: is missing");
    for (size_t i = 0; i < out->chain_ids.count; i++) {
        if (!sc_engine_is_id(out->chain_ids.items[i]))
            return sc_err_set(err, SC_ERR_INVALID, "record.layers: \"%s\" is not a chain id", out->chain_ids.items[i]);
    }
    return sc_arena_check(arena, err);
}

int
sc_record_decode(const char *text, size_t len, struct sc_arena *arena, struct sc_container *out, struct sc_err *err)
{
    sc_cleanup_json json = NULL;

    *out = (struct sc_container)SC_CONTAINER_INIT;
    if (sc_json_parse(text, len, "record.json", &json, err) < 0)
        return -1;
    return decode_tree(json, arena, out, err);
}
