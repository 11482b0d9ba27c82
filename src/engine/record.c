/* record.json: what was asked for, written once at creation. Encoding; record-decode.c is the inverse. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/engine-priv.h"

#define RECORD_VERSION 1

/* Appends `,"key":` (the comma unless it is the object's first member). */
static void
add_key(struct sc_buf *out, const char *key)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        sc_buf_addc(out, ',');
    sc_buf_add_json(out, key, strlen(key));
    sc_buf_addc(out, ':');
}

static void
add_str(struct sc_buf *out, const char *key, const char *value)
{
    if (!value)
        return;
    add_key(out, key);
    sc_buf_add_json(out, value, strlen(value));
}

static void
add_i64(struct sc_buf *out, const char *key, int64_t value)
{
    add_key(out, key);
    sc_buf_addf(out, "%" PRId64, value);
}

static void
add_bool(struct sc_buf *out, const char *key, bool value)
{
    if (!value)
        return;
    add_key(out, key);
    sc_buf_adds(out, "true");
}

static void
add_strv(struct sc_buf *out, const char *key, const struct sc_strv *list)
{
    if (list->count == 0)
        return;
    add_key(out, key);
    for (size_t i = 0; i < list->count; i++) {
        sc_buf_addc(out, i ? ',' : '[');
        sc_buf_add_json(out, list->items[i], strlen(list->items[i]));
    }
    sc_buf_addc(out, ']');
}

static void
add_mounts(struct sc_buf *out, const char *key, const struct sc_mount_ask *mounts, size_t count)
{
    if (count == 0)
        return;
    add_key(out, key);
    for (size_t i = 0; i < count; i++) {
        const struct sc_mount_ask *m = &mounts[i];

        sc_buf_adds(out, i ? ",{" : "[{");
        add_i64(out, "kind", m->kind);
        add_str(out, "source", m->source);
        add_str(out, "target", m->target);
        add_bool(out, "readonly", m->is_readonly);
        add_bool(out, "createsSource", m->creates_source);
        add_bool(out, "copiesUp", m->copies_up);
        add_str(out, "propagation", m->propagation);
        add_bool(out, "nonRecursive", m->non_recursive);
        add_bool(out, "idmapped", m->is_idmapped);
        add_i64(out, "tmpfsSize", m->tmpfs_size);
        add_i64(out, "tmpfsMode", m->tmpfs_mode);
        add_strv(out, "options", &m->options);
        add_strv(out, "labels", &m->labels);
        add_str(out, "subpath", m->subpath);
        add_bool(out, "anonymous", m->is_anonymous);
        sc_buf_addc(out, '}');
    }
    sc_buf_addc(out, ']');
}

static void
add_devices(struct sc_buf *out, const char *key, const struct sc_device_ask *devices, size_t count)
{
    if (count == 0)
        return;
    add_key(out, key);
    for (size_t i = 0; i < count; i++) {
        sc_buf_adds(out, i ? ",{" : "[{");
        add_str(out, "host", devices[i].host_path);
        add_str(out, "container", devices[i].container_path);
        add_str(out, "permissions", devices[i].permissions);
        sc_buf_addc(out, '}');
    }
    sc_buf_addc(out, ']');
}

static void
add_field(struct sc_buf *out, const struct sc_field *field, const void *base)
{
    const void *at = (const char *)base + field->offset;
    const struct sc_oci_time_offset *time = at;
    const struct sc_opt_i64 *opt = at;
    const struct sc_ns_choice *ns = at;
    size_t count = field->count_offset ? *(const size_t *)(const void *)((const char *)base + field->count_offset) : 0;

    switch (field->kind) {
    case SC_FIELD_STR:
        add_str(out, field->key, *(char *const *)at);
        break;
    case SC_FIELD_STRV:
        add_strv(out, field->key, at);
        break;
    case SC_FIELD_BOOL:
        add_bool(out, field->key, *(const bool *)at);
        break;
    case SC_FIELD_INT:
        add_i64(out, field->key, *(const int *)at);
        break;
    case SC_FIELD_I64:
        add_i64(out, field->key, *(const int64_t *)at);
        break;
    case SC_FIELD_U64:
        add_key(out, field->key);
        sc_buf_addf(out, "%" PRIu64, *(const uint64_t *)at);
        break;
    case SC_FIELD_OPT_I64:
        if (opt->is_set)
            add_i64(out, field->key, opt->value);
        break;
    case SC_FIELD_NS:
        add_key(out, field->key);
        sc_buf_addf(out, "{\"mode\":%d", (int)ns->mode);
        add_str(out, "value", ns->value);
        sc_buf_addc(out, '}');
        break;
    case SC_FIELD_TIME:
        if (time->is_set) {
            add_key(out, field->key);
            sc_buf_addf(out, "{\"secs\":%" PRId64 ",\"nanosecs\":%u}", time->secs, time->nanosecs);
        }
        break;
    case SC_FIELD_MOUNTS:
        add_mounts(out, field->key, *(struct sc_mount_ask *const *)at, count);
        break;
    case SC_FIELD_DEVICES:
        add_devices(out, field->key, *(struct sc_device_ask *const *)at, count);
        break;
    }
}

int
sc_record_encode(const struct sc_container *container, struct sc_buf *out, struct sc_err *err)
{
    sc_buf_addf(out, "{\"version\":%d", RECORD_VERSION);
    add_str(out, "id", container->id);
    for (size_t i = 0; i < sc_container_field_count; i++)
        add_field(out, &sc_container_fields[i], container);
    add_key(out, "options");
    sc_buf_addc(out, '{');
    for (size_t i = 0; i < sc_option_field_count; i++)
        add_field(out, &sc_option_fields[i], &container->options);
    sc_buf_adds(out, "}}\n");
    return sc_buf_check(out, err);
}

enum sc_durability
sc_record_durability(const struct sc_container *container)
{
    return container->is_rm ? SC_VOLATILE : SC_DURABLE;
}

int
sc_record_write_as(const struct sc_engine *engine, const struct sc_container *container, enum sc_durability most,
                   struct sc_err *err)
{
    enum sc_durability durability = sc_record_durability(container);
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_fd dir = sc_engine_data_dir(engine, container->id, err);

    if (dir < 0)
        return -1;
    if (sc_record_encode(container, &text, err) < 0)
        return -1;
    return sc_file_replace_at(dir, "record.json", text.data, text.len, 0600, durability < most ? durability : most,
                              err);
}

int
sc_record_write(const struct sc_engine *engine, const struct sc_container *container, struct sc_err *err)
{
    return sc_record_write_as(engine, container, SC_DURABLE, err);
}

int
sc_record_read(const struct sc_engine *engine, const char *id, struct sc_arena *arena, struct sc_container *out,
               struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_fd dir = sc_engine_data_dir(engine, id, err);

    if (dir < 0 || sc_file_read_at(dir, "record.json", SC_RECORD_MAX, &text, err) < 0)
        return -1;
    if (sc_record_decode(text.data, text.len, arena, out, err) < 0)
        return sc_err_wrap(err, "container %.12s: record.json", id);
    if (strcmp(out->id, id) != 0)
        return sc_err_set(err, SC_ERR_INVALID, "container %.12s: record.json is of container %.12s", id, out->id);
    return 0;
}
