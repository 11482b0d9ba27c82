#include <inttypes.h>
#include <string.h>

#include "oci/oci-priv.h"

#define ENCODE_INDENT 4

void
sc_oci_encode_text(struct sc_oci_encoder *encoder, const char *text)
{
    sc_buf_add_json(encoder->out, text, strlen(text));
}

static void
encode_newline(struct sc_oci_encoder *encoder)
{
    sc_buf_add_newline(encoder->out, (size_t)ENCODE_INDENT * (size_t)encoder->depth);
}

/* Takes back what was added after mark. */
static void
encode_rollback(struct sc_oci_encoder *encoder, size_t mark)
{
    if (encoder->out->has_failed)
        return;
    encoder->out->len = mark;
    encoder->out->data[mark] = '\0';
}

void
sc_oci_encode_item(struct sc_oci_encoder *encoder, bool is_first)
{
    sc_buf_addc(encoder->out, is_first ? '[' : ',');
    if (is_first)
        encoder->depth++;
    encode_newline(encoder);
}

void
sc_oci_encode_list_end(struct sc_oci_encoder *encoder)
{
    encoder->depth--;
    encode_newline(encoder);
    sc_buf_addc(encoder->out, ']');
}

static void
encode_strv(struct sc_oci_encoder *encoder, const struct sc_strv *list)
{
    for (size_t i = 0; i < list->count; i++) {
        sc_oci_encode_item(encoder, i == 0);
        sc_oci_encode_text(encoder, list->items[i]);
    }
    if (list->count)
        sc_oci_encode_list_end(encoder);
}

static void
encode_flags(struct sc_oci_encoder *encoder, const struct sc_oci_name *names, uint64_t flags)
{
    bool is_first = true;

    for (; names->name; names++) {
        if ((flags & names->value) != names->value)
            continue;
        sc_oci_encode_item(encoder, is_first);
        sc_oci_encode_text(encoder, names->name);
        is_first = false;
    }
    if (!is_first)
        sc_oci_encode_list_end(encoder);
}

static void
encode_enum(struct sc_oci_encoder *encoder, const struct sc_oci_name *names, int value)
{
    const char *name = sc_oci_name_of(names, (uint64_t)value);

    if (name)
        sc_oci_encode_text(encoder, name);
    else
        SC_BUG("a value without a name in the specification");
}

static void
encode_key(struct sc_oci_encoder *encoder, const char *key, size_t len, bool is_first)
{
    if (!is_first)
        sc_buf_addc(encoder->out, ',');
    encode_newline(encoder);
    sc_buf_add_json(encoder->out, key, len);
    sc_buf_adds(encoder->out, ": ");
}

static void
encode_open(struct sc_oci_encoder *encoder)
{
    sc_buf_addc(encoder->out, '{');
    encoder->depth++;
}

static void
encode_close(struct sc_oci_encoder *encoder, bool is_empty)
{
    encoder->depth--;
    if (!is_empty)
        encode_newline(encoder);
    sc_buf_addc(encoder->out, '}');
}

static void
encode_map(struct sc_oci_encoder *encoder, const struct sc_strv *map)
{
    if (map->count == 0)
        return;
    encode_open(encoder);
    for (size_t i = 0; i < map->count; i++) {
        const char *entry = map->items[i];
        size_t len = strcspn(entry, "=");

        encode_key(encoder, entry, len, i == 0);
        sc_oci_encode_text(encoder, entry[len] ? entry + len + 1 : "");
    }
    encode_close(encoder, false);
}

/* Returns whether a member was written. */
static bool encode_members(struct sc_oci_encoder *encoder, const struct sc_oci_object *object, const void *obj);

void
sc_oci_encode_object(struct sc_oci_encoder *encoder, const struct sc_oci_object *object, const void *obj)
{
    encode_open(encoder);
    encode_close(encoder, !encode_members(encoder, object, obj));
}

void
sc_oci_encode_list(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj)
{
    const unsigned char *items = *(void *const *)((const char *)obj + field->offset);
    size_t count = *(const size_t *)((const char *)obj + field->count_offset);

    for (size_t i = 0; i < count; i++) {
        sc_oci_encode_item(encoder, i == 0);
        sc_oci_encode_object(encoder, field->object, items + i * field->object->size);
    }
    if (count)
        sc_oci_encode_list_end(encoder);
}

static void
encode_dict(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj)
{
    const unsigned char *items = *(void *const *)((const char *)obj + field->offset);
    size_t count = *(const size_t *)((const char *)obj + field->count_offset);

    if (count == 0)
        return;
    encode_open(encoder);
    for (size_t i = 0; i < count; i++) {
        const void *item = items + i * field->object->size;
        const char *name = *(char *const *)item;

        encode_key(encoder, name, strlen(name), i == 0);
        sc_oci_encode_object(encoder, field->object, item);
    }
    encode_close(encoder, false);
}

/* An object without is_set is left out when it has no member. */
static void
encode_child(struct sc_oci_encoder *encoder, const struct sc_oci_object *object, const void *obj)
{
    size_t mark = encoder->out->len;
    bool is_empty;

    if (object->has_is_set && !*(const bool *)((const char *)obj + object->is_set_offset))
        return;
    encode_open(encoder);
    is_empty = !encode_members(encoder, object, obj);
    encode_close(encoder, is_empty);
    if (is_empty && !object->has_is_set)
        encode_rollback(encoder, mark);
}

static void
encode_signed(struct sc_oci_encoder *encoder, int64_t value, bool is_wanted)
{
    if (is_wanted)
        sc_buf_addf(encoder->out, "%" PRId64, value);
}

static void
encode_unsigned(struct sc_oci_encoder *encoder, uint64_t value, bool is_wanted)
{
    if (is_wanted)
        sc_buf_addf(encoder->out, "%" PRIu64, value);
}

static void
encode_truth(struct sc_oci_encoder *encoder, bool value, bool is_wanted)
{
    if (is_wanted)
        sc_buf_adds(encoder->out, value ? "true" : "false");
}

static void
encode_value(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj)
{
    bool is_always = (field->flags & (FIELD_ALWAYS | FIELD_REQUIRED)) != 0;
    const void *at = (const char *)obj + field->offset;

    switch (field->kind) {
    case FIELD_STR:
        if (*(char *const *)at)
            sc_oci_encode_text(encoder, *(char *const *)at);
        break;
    case FIELD_STRV:
        encode_strv(encoder, at);
        break;
    case FIELD_MAP:
        encode_map(encoder, at);
        break;
    case FIELD_BOOL:
        encode_truth(encoder, *(const bool *)at, *(const bool *)at || is_always);
        break;
    case FIELD_I32:
        encode_signed(encoder, *(const int32_t *)at, *(const int32_t *)at || is_always);
        break;
    case FIELD_I64:
        encode_signed(encoder, *(const int64_t *)at, *(const int64_t *)at || is_always);
        break;
    case FIELD_U32:
        encode_unsigned(encoder, *(const uint32_t *)at, *(const uint32_t *)at || is_always);
        break;
    case FIELD_U64:
        encode_unsigned(encoder, *(const uint64_t *)at, *(const uint64_t *)at || is_always);
        break;
    case FIELD_OPT_I64:
        encode_signed(encoder, ((const struct sc_opt_i64 *)at)->value, ((const struct sc_opt_i64 *)at)->is_set);
        break;
    case FIELD_OPT_U64:
        encode_unsigned(encoder, ((const struct sc_opt_u64 *)at)->value, ((const struct sc_opt_u64 *)at)->is_set);
        break;
    case FIELD_OPT_BOOL:
        encode_truth(encoder, ((const struct sc_opt_bool *)at)->value, ((const struct sc_opt_bool *)at)->is_set);
        break;
    case FIELD_ENUM:
        encode_enum(encoder, field->names, *(const int *)at);
        break;
    case FIELD_FLAGS32:
        encode_flags(encoder, field->names, *(const uint32_t *)at);
        break;
    case FIELD_FLAGS64:
        encode_flags(encoder, field->names, *(const uint64_t *)at);
        break;
    case FIELD_OBJ:
        encode_child(encoder, field->object, at);
        break;
    case FIELD_LIST:
        sc_oci_encode_list(encoder, field, obj);
        break;
    case FIELD_DICT:
        encode_dict(encoder, field, obj);
        break;
    case FIELD_CUSTOM:
        field->codec->encode(encoder, field, obj);
        break;
    }
}

static bool
encode_members(struct sc_oci_encoder *encoder, const struct sc_oci_object *object, const void *obj)
{
    bool is_first = true;

    for (size_t i = 0; i < object->field_count; i++) {
        const struct sc_oci_field *field = &object->fields[i];
        size_t mark = encoder->out->len, value_at;

        encode_key(encoder, field->key, strlen(field->key), is_first);
        value_at = encoder->out->len;
        encode_value(encoder, field, obj);
        if (encoder->out->len == value_at)
            encode_rollback(encoder, mark);
        else
            is_first = false;
    }
    return !is_first;
}
