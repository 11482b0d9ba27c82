/* RUN --mount=type=...,target=...: a line of comma-separated values, as the reference's "RUN --mount". */
#include <ctype.h>
#include <stdio.h>

#include "image/build/dockerfile-priv.h"

#define FIELDS_MAX 32

struct field {
    char *key;   /* in lower case */
    char *value; /* NULL: there is no '=' */
};

struct fields {
    struct field items[FIELDS_MAX];
    size_t count;
};

/* RFC 4180's quotes: a field that begins with '"' ends with one, and two in it are one. */
static const char *
read_field(const char *at, struct sc_buf *out, struct sc_err *err)
{
    sc_buf_clear(out);
    if (*at != '"') {
        size_t len = strcspn(at, ",");

        sc_buf_add(out, at, len);
        return at + len;
    }
    for (at++;; at++) {
        if (*at == '"' && at[1] == '"') {
            at++;
        } else if (*at == '"') {
            at++;
            break;
        }
        if (*at == '\0') {
            sc_err_set(err, SC_ERR_INVALID, "a double quote has no end");
            return NULL;
        }
        sc_buf_addc(out, *at);
    }
    if (*at != ',' && *at != '\0') {
        sc_err_set(err, SC_ERR_INVALID, "after a quoted value comes a comma");
        return NULL;
    }
    return at;
}

static int
split(const char *text, struct sc_arena *arena, struct fields *out, struct sc_err *err)
{
    sc_cleanup_buf buf = SC_BUF_INIT;

    out->count = 0;
    for (;;) {
        struct field *field;
        char *equals;

        text = read_field(text, &buf, err);
        if (!text)
            return -1;
        if (out->count == FIELDS_MAX)
            return sc_err_set(err, SC_ERR_INVALID, "more than %d values", FIELDS_MAX);
        field = &out->items[out->count++];
        field->key = sc_arena_strndup(arena, sc_buf_str(&buf), buf.len);
        if (!field->key || buf.has_failed)
            return sc_err_nomem(err);
        equals = strchr(field->key, '=');
        field->value = equals ? equals + 1 : NULL;
        if (equals)
            *equals = '\0';
        for (char *c = field->key; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        if (*text == '\0')
            return 0;
        text++;
    }
}

int
sc_df_mount_from(const char *text, struct sc_arena *arena, const char **from, struct sc_err *err)
{
    struct fields fields;

    *from = "";
    if (split(text, arena, &fields, err) < 0)
        return -1;
    for (size_t i = 0; i < fields.count; i++) {
        const char *dollar, *value = fields.items[i].value;

        if (!value || strcmp(fields.items[i].key, "from") != 0)
            continue;
        dollar = strchr(value, '$');
        if (dollar && dollar[1])
            return sc_err_set(err, SC_ERR_INVALID,
                              "'from' doesn't support variable expansion, define alias stage instead");
        *from = value;
    }
    return 0;
}

/* ---- values ---- */

static const char *const type_names[] = {
    [SC_DF_MOUNT_BIND] = "bind",     [SC_DF_MOUNT_CACHE] = "cache", [SC_DF_MOUNT_TMPFS] = "tmpfs",
    [SC_DF_MOUNT_SECRET] = "secret", [SC_DF_MOUNT_SSH] = "ssh",
};
static const char *const sharing_names[] = {
    [SC_DF_SHARED] = "shared", [SC_DF_PRIVATE] = "private", [SC_DF_LOCKED] = "locked"};

enum key {
    KEY_TYPE,
    KEY_FROM,
    KEY_SOURCE,
    KEY_TARGET,
    KEY_READ_ONLY,
    KEY_READ_WRITE,
    KEY_REQUIRED,
    KEY_ID,
    KEY_ENV,
    KEY_SHARING,
    KEY_SIZE,
    KEY_MODE,
    KEY_UID,
    KEY_GID,
};

#define BIT(type) (1U << SC_DF_MOUNT_##type)
#define ALL_TYPES (BIT(BIND) | BIT(CACHE) | BIT(TMPFS) | BIT(SECRET) | BIT(SSH))

static const char *const key_names[] = {"type",    "from",     "source", "src",       "target",   "dst", "destination",
                                        "ro",      "readonly", "rw",     "readwrite", "required", "id",  "env",
                                        "sharing", "size",     "mode",   "uid",       "gid"};
static const struct {
    enum key key;
    unsigned types; /* that take it */
} keys[] = {
    {KEY_TYPE, ALL_TYPES},
    {KEY_FROM, BIT(BIND) | BIT(CACHE) | BIT(TMPFS) | BIT(SSH)},
    {KEY_SOURCE, ALL_TYPES},
    {KEY_SOURCE, ALL_TYPES},
    {KEY_TARGET, ALL_TYPES},
    {KEY_TARGET, ALL_TYPES},
    {KEY_TARGET, ALL_TYPES},
    {KEY_READ_ONLY, ALL_TYPES},
    {KEY_READ_ONLY, ALL_TYPES},
    {KEY_READ_WRITE, ALL_TYPES},
    {KEY_READ_WRITE, ALL_TYPES},
    {KEY_REQUIRED, BIT(SECRET) | BIT(SSH)},
    {KEY_ID, ALL_TYPES},
    {KEY_ENV, BIT(SECRET)},
    {KEY_SHARING, BIT(CACHE)},
    {KEY_SIZE, BIT(TMPFS)},
    {KEY_MODE, BIT(CACHE) | BIT(SECRET) | BIT(SSH)},
    {KEY_UID, BIT(CACHE) | BIT(SECRET) | BIT(SSH)},
    {KEY_GID, BIT(CACHE) | BIT(SECRET) | BIT(SSH)},
};
_Static_assert(SC_ARRAY_LEN(keys) == SC_ARRAY_LEN(key_names), "one name for each key");

static int
find_name(const char *what, const char *const *names, size_t count, const char *value, struct sc_err *err)
{
    for (size_t i = 0; i < count; i++)
        if (sc_df_equal_nocase(value, strlen(value), names[i]))
            return (int)i;
    return sc_err_set(err, SC_ERR_INVALID, "unsupported %s \"%.60s\"%s", what, value,
                      sc_df_suggest(value, names, count).text);
}

static int
parse_flag(const struct field *field, bool *out, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;

    *out = true;
    if (field->value && sc_parse_bool(field->value, out, &ignored) < 0)
        return sc_err_set(err, SC_ERR_INVALID, "invalid value for %s: %.60s", field->key, field->value);
    return 0;
}

static int
parse_number(const struct field *field, int base, unsigned long most, uint32_t *out, struct sc_err *err)
{
    char *end = NULL;
    unsigned long value = 0;

    if (isdigit((unsigned char)*field->value) && strlen(field->value) < 12)
        value = strtoul(field->value, &end, base);
    if (!end || *end || value > most)
        return sc_err_set(err, SC_ERR_INVALID, "invalid value %.60s for %s", field->value, field->key);
    *out = (uint32_t)value;
    return 0;
}

static int
take(const struct sc_df_plan *plan, enum key key, const struct field *field, struct sc_arena *arena,
     struct sc_df_mount *out, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    uint32_t mode;
    int found;

    switch (key) {
    case KEY_TYPE:
        return 0; /* looked for before */
    case KEY_FROM:
        out->has_from = *field->value != '\0';
        return sc_df_from_resolve(plan, field->value, arena, &out->from, err);
    case KEY_SOURCE:
        out->source = field->value;
        return 0;
    case KEY_TARGET:
        out->target = field->value;
        return 0;
    case KEY_READ_ONLY:
        return parse_flag(field, &out->is_read_only, err);
    case KEY_READ_WRITE:
        if (parse_flag(field, &out->is_read_only, err) < 0)
            return -1;
        out->is_read_only = !out->is_read_only;
        return 0;
    case KEY_REQUIRED:
        return parse_flag(field, &out->is_required, err);
    case KEY_ID:
        out->id = field->value;
        return 0;
    case KEY_ENV:
        out->env = field->value;
        return 0;
    case KEY_SHARING:
        found = find_name("sharing value", sharing_names, SC_ARRAY_LEN(sharing_names), field->value, err);
        out->sharing = found < 0 ? SC_DF_SHARED : (enum sc_df_sharing)found;
        return found < 0 ? -1 : 0;
    case KEY_SIZE:
        if (sc_parse_size(field->value, &out->size, &ignored) < 0 || out->size < 0)
            return sc_err_set(err, SC_ERR_INVALID, "invalid value for size: %.60s", field->value);
        return 0;
    case KEY_MODE:
        if (parse_number(field, 8, 07777, &mode, err) < 0)
            return -1;
        out->has_mode = true;
        out->mode = mode;
        return 0;
    case KEY_UID:
        return parse_number(field, 10, UINT32_MAX - 1, &out->uid, err);
    case KEY_GID:
        return parse_number(field, 10, UINT32_MAX - 1, &out->gid, err);
    }
    return 0;
}

/* What is not said. */
static int
complete(struct sc_df_mount *mount, struct sc_arena *arena, struct sc_err *err)
{
    const char *slash;

    /* A variable without a value: as if it were not said. */
    if (mount->target && *mount->target == '\0')
        mount->target = NULL;
    if (mount->env && *mount->env == '\0')
        mount->env = NULL;
    if (mount->type == SC_DF_MOUNT_SECRET) {
        if (mount->source && mount->id)
            return sc_err_set(err, SC_ERR_INVALID, "both source and id can't be set");
        if (!mount->id)
            mount->id = mount->source;
        if (!mount->id && !mount->target)
            return sc_err_set(err, SC_ERR_INVALID, "a secret needs an id or a target");
        slash = mount->target ? strrchr(mount->target, '/') : NULL;
        if (!mount->id)
            mount->id = slash ? slash + 1 : mount->target;
        if (*mount->id == '\0')
            return sc_err_set(err, SC_ERR_INVALID, "the id of a secret is empty");
        if (!mount->target && !mount->env) {
            slash = strrchr(mount->id, '/');
            mount->target = sc_arena_printf(arena, "/run/secrets/%s", slash ? slash + 1 : mount->id);
        }
    } else if (mount->type == SC_DF_MOUNT_SSH) {
        if (!mount->id || *mount->id == '\0')
            mount->id = mount->source && *mount->source ? mount->source : "default";
    } else if (!mount->target) {
        return sc_err_set(err, SC_ERR_INVALID, "a mount of type %s needs a target", type_names[mount->type]);
    }
    if (mount->type == SC_DF_MOUNT_CACHE && (!mount->id || *mount->id == '\0'))
        mount->id = mount->target;
    if (!mount->source || *mount->source == '\0')
        mount->source = "/";
    if (!mount->has_mode)
        mount->mode = mount->type == SC_DF_MOUNT_SECRET ? 0400 : mount->type == SC_DF_MOUNT_SSH ? 0600 : 0755;
    return sc_arena_check(arena, err);
}

int
sc_df_mount_parse(const struct sc_df_plan *plan, const struct sc_df_expansion *how, const char *text,
                  struct sc_arena *arena, struct sc_df_mount *out, struct sc_err *err)
{
    struct fields fields;

    *out = (struct sc_df_mount){.type = SC_DF_MOUNT_BIND};
    if (split(text, arena, &fields, err) < 0)
        return -1;
    for (size_t i = 0; i < fields.count; i++) {
        struct field *field = &fields.items[i];
        int found;

        if (field->value && strcmp(field->key, "from") != 0 &&
            sc_df_expand_to(how, field->value, arena, &field->value, NULL, err) < 0)
            return -1;
        if (strcmp(field->key, "type") != 0 || !field->value)
            continue;
        found = find_name("mount type", type_names, SC_ARRAY_LEN(type_names), field->value, err);
        if (found < 0)
            return -1;
        out->type = (enum sc_df_mount_type)found;
    }
    out->is_read_only = out->type != SC_DF_MOUNT_CACHE && out->type != SC_DF_MOUNT_TMPFS;
    for (size_t i = 0; i < fields.count; i++) {
        const struct field *field = &fields.items[i];
        size_t at = 0;

        while (at < SC_ARRAY_LEN(keys) && strcmp(key_names[at], field->key) != 0)
            at++;
        if (at == SC_ARRAY_LEN(keys))
            return sc_err_set(err, SC_ERR_INVALID, "unexpected key '%.60s'%s", field->key,
                              sc_df_suggest(field->key, key_names, SC_ARRAY_LEN(key_names)).text);
        if (!(keys[at].types & 1U << out->type))
            return sc_err_set(err, SC_ERR_INVALID, "unexpected key '%s' for mount type '%s'", field->key,
                              type_names[out->type]);
        if (!field->value && keys[at].key != KEY_READ_ONLY && keys[at].key != KEY_READ_WRITE &&
            keys[at].key != KEY_REQUIRED)
            return sc_err_set(err, SC_ERR_INVALID, "invalid field '%s' must be a key=value pair", field->key);
        if (take(plan, keys[at].key, field, arena, out, err) < 0)
            return -1;
    }
    return complete(out, arena, err);
}
