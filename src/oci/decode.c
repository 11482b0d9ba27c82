#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "oci/oci-priv.h"

/* ---- paths and messages ---------------------------------------------------------- */

size_t
sc_oci_path_push(struct sc_oci_decoder *decoder, const char *key)
{
    size_t len = strlen(decoder->path), end = len;
    size_t key_len;

    /* Cut when it is long: it serves messages only. */
    if (len > 0 && len + 1 < sizeof(decoder->path))
        decoder->path[end++] = '.';
    key_len = strnlen(key, sizeof(decoder->path) - 1 - end);
    memcpy(decoder->path + end, key, key_len);
    decoder->path[end + key_len] = '\0';
    return len;
}

size_t
sc_oci_path_push_index(struct sc_oci_decoder *decoder, size_t index)
{
    size_t len = strlen(decoder->path);

    (void)snprintf(decoder->path + len, sizeof(decoder->path) - len, "[%zu]", index);
    return len;
}

void
sc_oci_path_pop(struct sc_oci_decoder *decoder, size_t len)
{
    decoder->path[len] = '\0';
}

int
sc_oci_member_err(const struct sc_oci_decoder *decoder, const char *key, struct sc_err *err, const char *fmt, ...)
{
    const char *path = decoder->path;
    char why[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    return sc_err_set(err, SC_ERR_INVALID, "%s%s%s: %s", path, *path && *key ? "." : "", key, why);
}

/* The member, or NULL when it is absent or null. */
static json_t *
member(const json_t *json, const char *key)
{
    json_t *value = json_object_get(json, key);

    return json_is_null(value) ? NULL : value;
}

/* ---- words --------------------------------------------------------------------------- */

static int
word_err(struct sc_oci_decoder *decoder, const char *key, const char *word, const struct sc_oci_name *names,
         struct sc_err *err)
{
    char known[256] = "";
    size_t len = 0;

    for (; names->name && len < sizeof(known); names++)
        len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", len ? ", " : "", names->name);
    if (len >= sizeof(known))
        return sc_oci_member_err(decoder, key, err, "unknown value \"%s\"", word);
    return sc_oci_member_err(decoder, key, err, "unknown value \"%s\", must be one of %s", word, known);
}

int
sc_oci_decode_word(struct sc_oci_decoder *decoder, const json_t *json, const char *key, const struct sc_oci_name *names,
                   uint64_t *out, struct sc_err *err)
{
    const struct sc_oci_name *found;
    char *word = NULL;

    if (sc_json_get_str(json, key, decoder->path, decoder->arena, &word, err) < 0)
        return -1;
    if (!word)
        return 0;
    found = sc_oci_name_find(names, word);
    if (!found)
        return word_err(decoder, key, word, names, err);
    *out = found->value;
    return 0;
}

static int
decode_flags(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, uint64_t *out,
             struct sc_err *err)
{
    struct sc_strv words = {.items = NULL};

    if (sc_json_get_strv(json, field->key, decoder->path, decoder->arena, &words, err) < 0)
        return -1;
    for (size_t i = 0; i < words.count; i++) {
        const struct sc_oci_name *found = sc_oci_name_find(field->names, words.items[i]);

        if (!found)
            return word_err(decoder, field->key, words.items[i], field->names, err);
        *out |= found->value;
    }
    return 0;
}

/* ---- containers ------------------------------------------------------------------------ */

static int
decode_list(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, void *obj,
            struct sc_err *err)
{
    size_t len = sc_oci_path_push(decoder, field->key);
    size_t count = json_array_size(json);
    unsigned char *items;

    if (!json_is_array(json))
        return sc_oci_member_err(decoder, "", err, "must be a list");
    if (count == 0) {
        sc_oci_path_pop(decoder, len);
        return 0;
    }
    items = sc_arena_array(decoder->arena, count, field->object->size);
    if (!items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < count; i++) {
        size_t item_len = sc_oci_path_push_index(decoder, i);

        if (sc_oci_decode_object(decoder, json_array_get(json, i), field->object, items + i * field->object->size,
                                 err) < 0)
            return -1;
        sc_oci_path_pop(decoder, item_len);
    }
    *(void **)((char *)obj + field->offset) = items;
    *(size_t *)((char *)obj + field->count_offset) = count;
    sc_oci_path_pop(decoder, len);
    return 0;
}

static int
decode_dict(struct sc_oci_decoder *decoder, json_t *json, const struct sc_oci_field *field, void *obj,
            struct sc_err *err)
{
    size_t len = sc_oci_path_push(decoder, field->key);
    unsigned char *items, *item;

    if (!json_is_object(json))
        return sc_oci_member_err(decoder, "", err, "must be an object");
    items = item = sc_arena_array(decoder->arena, json_object_size(json), field->object->size);
    if (!items)
        return sc_err_nomem(err);
    for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at)) {
        size_t item_len = sc_oci_path_push(decoder, json_object_iter_key(at));
        char *name = sc_arena_strdup(decoder->arena, json_object_iter_key(at));

        if (!name)
            return sc_err_nomem(err);
        *(char **)item = name;
        if (sc_oci_decode_object(decoder, json_object_iter_value(at), field->object, item, err) < 0)
            return -1;
        sc_oci_path_pop(decoder, item_len);
        item += field->object->size;
    }
    *(void **)((char *)obj + field->offset) = items;
    *(size_t *)((char *)obj + field->count_offset) = json_object_size(json);
    sc_oci_path_pop(decoder, len);
    return 0;
}

/* A map is kept as "key=value" entries, which could not tell where such a key ends. */
static int
decode_map(struct sc_oci_decoder *decoder, const json_t *json, json_t *value, const struct sc_oci_field *field,
           struct sc_strv *out, struct sc_err *err)
{
    for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at)) {
        if (strchr(json_object_iter_key(at), '='))
            return sc_oci_member_err(decoder, field->key, err, "key \"%s\" must not contain \"=\"",
                                     json_object_iter_key(at));
    }
    return sc_json_get_map(json, field->key, decoder->path, decoder->arena, out, err);
}

/* ---- fields ------------------------------------------------------------------------------ */

static int
decode_text(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, char **out,
            struct sc_err *err)
{
    char *text = NULL;

    if (sc_json_get_str(json, field->key, decoder->path, decoder->arena, &text, err) < 0)
        return -1;
    if (text && *text)
        *out = text;
    else if (field->flags & FIELD_REQUIRED)
        return sc_oci_member_err(decoder, field->key, err, "must not be empty");
    return 0;
}

static int
decode_i32(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, int32_t *out,
           struct sc_err *err)
{
    int64_t value = *out;

    if (sc_json_get_i64(json, field->key, decoder->path, &value, err) < 0)
        return -1;
    if (value < INT32_MIN || value > INT32_MAX)
        return sc_oci_member_err(decoder, field->key, err, "must be a number from %d to %d", INT32_MIN, INT32_MAX);
    *out = (int32_t)value;
    return 0;
}

static int
decode_opt_u64(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field,
               struct sc_opt_u64 *out, struct sc_err *err)
{
    if (sc_json_get_u64(json, field->key, decoder->path, &out->value, err) < 0)
        return -1;
    if (field->max && out->value > field->max)
        return sc_oci_member_err(decoder, field->key, err, "must be a number from 0 to %" PRIu64, field->max);
    out->is_set = true;
    return 0;
}

static int
decode_bits(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, void *out,
            struct sc_err *err)
{
    uint64_t value = 0;

    if (field->kind == FIELD_ENUM) {
        if (sc_oci_decode_word(decoder, json, field->key, field->names, &value, err) < 0)
            return -1;
        *(int *)out = (int)value;
        return 0;
    }
    if (decode_flags(decoder, json, field, &value, err) < 0)
        return -1;
    if (field->kind == FIELD_FLAGS32)
        *(uint32_t *)out = (uint32_t)value;
    else
        *(uint64_t *)out = value;
    return 0;
}

static int
decode_child(struct sc_oci_decoder *decoder, const json_t *value, const struct sc_oci_field *field, void *out,
             struct sc_err *err)
{
    size_t len = sc_oci_path_push(decoder, field->key);

    if (sc_oci_decode_object(decoder, value, field->object, out, err) < 0)
        return -1;
    sc_oci_path_pop(decoder, len);
    return 0;
}

/* The member is there. */
static int
decode_field(struct sc_oci_decoder *decoder, const json_t *json, json_t *value, const struct sc_oci_field *field,
             void *obj, struct sc_err *err)
{
    const char *key = field->key, *where = decoder->path;
    void *out = (char *)obj + field->offset;

    switch (field->kind) {
    case FIELD_STR:
        return decode_text(decoder, json, field, out, err);
    case FIELD_STRV:
        return sc_json_get_strv(json, key, where, decoder->arena, out, err);
    case FIELD_MAP:
        return decode_map(decoder, json, value, field, out, err);
    case FIELD_BOOL:
        return sc_json_get_bool(json, key, where, out, err);
    case FIELD_I32:
        return decode_i32(decoder, json, field, out, err);
    case FIELD_I64:
        return sc_json_get_i64(json, key, where, out, err);
    case FIELD_U32:
        return sc_json_get_u32(json, key, where, out, err);
    case FIELD_U64:
        return sc_json_get_u64(json, key, where, out, err);
    case FIELD_OPT_I64:
        ((struct sc_opt_i64 *)out)->is_set = true;
        return sc_json_get_i64(json, key, where, &((struct sc_opt_i64 *)out)->value, err);
    case FIELD_OPT_U64:
        return decode_opt_u64(decoder, json, field, out, err);
    case FIELD_OPT_BOOL:
        ((struct sc_opt_bool *)out)->is_set = true;
        return sc_json_get_bool(json, key, where, &((struct sc_opt_bool *)out)->value, err);
    case FIELD_ENUM:
    case FIELD_FLAGS32:
    case FIELD_FLAGS64:
        return decode_bits(decoder, json, field, out, err);
    case FIELD_OBJ:
        return decode_child(decoder, value, field, out, err);
    case FIELD_LIST:
        return decode_list(decoder, value, field, obj, err);
    case FIELD_DICT:
        return decode_dict(decoder, value, field, obj, err);
    case FIELD_CUSTOM:
        return field->codec->decode(decoder, json, field, obj, err);
    }
    SC_BUG("a field of no kind");
}

int
sc_oci_decode_object(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_object *object, void *out,
                     struct sc_err *err)
{
    if (!json_is_object(json))
        return sc_oci_member_err(decoder, "", err, "must be an object");
    if (object->has_is_set)
        *(bool *)((char *)out + object->is_set_offset) = true;
    for (size_t i = 0; i < object->field_count; i++) {
        const struct sc_oci_field *field = &object->fields[i];
        json_t *value = member(json, field->key);

        if (!value && (field->flags & FIELD_REQUIRED))
            return sc_oci_member_err(decoder, field->key, err, "is required");
        if ((field->flags & FIELD_EMPTY_IS_ABSENT) && json_is_object(value) && json_object_size(value) == 0)
            continue;
        if (value && decode_field(decoder, json, value, field, out, err) < 0)
            return -1;
    }
    return object->finish ? object->finish(decoder, out, err) : 0;
}
