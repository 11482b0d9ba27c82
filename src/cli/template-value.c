/* Values as Go's templates print and judge them. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "cli/template-priv.h"

/* Members that are lists or maps for Docker, and null in its JSON when nothing is in them. */
static const char *const lists[] = {
    "Aliases",
    "Binds",
    "CapAdd",
    "CapDrop",
    "Cmd",
    "DNSNames",
    "DeviceCgroupRules",
    "Devices",
    "DeviceRequests",
    "Entrypoint",
    "ExecIDs",
    "ExtraHosts",
    "GroupAdd",
    "Links",
    "MaskedPaths",
    "Mounts",
    "OnBuild",
    "Env",
    "ReadonlyPaths",
    "RepoTags",
    "SecondaryIPAddresses",
    "SecurityOpt",
    "Shell",
    "SecondaryIPv6Addresses",
    "Ulimits",
    "VolumesFrom",
};
static const char *const maps[] = {
    "Annotations", "DriverOpts", "ExposedPorts", "Labels",  "Options", "PortBindings",
    "Ports",       "Status",     "StorageOpt",   "Sysctls", "Tmpfs",   "Volumes",
};

static bool
is_in(const char *const *names, size_t count, const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(names[i]) == len && strncmp(names[i], name, len) == 0)
            return true;
    return false;
}

void
sc_template_print_null(const char *inside, size_t len, struct sc_buf *out)
{
    size_t name = 0;

    while (len > 0 && isspace((unsigned char)inside[len - 1]))
        len--;
    for (size_t i = 0; i < len; i++) {
        if (inside[i] == '.')
            name = i + 1;
        else if (!isalnum((unsigned char)inside[i]) && inside[i] != '_' && inside[i] != '$' && name > 0)
            name = len; /* more than a member */
    }
    if (name == 0 || name >= len || !isupper((unsigned char)inside[name]))
        sc_buf_adds(out, "<no value>");
    else if (is_in(lists, SC_ARRAY_LEN(lists), inside + name, len - name))
        sc_buf_adds(out, "[]");
    else if (is_in(maps, SC_ARRAY_LEN(maps), inside + name, len - name))
        sc_buf_adds(out, "map[]");
    else
        sc_buf_adds(out, "<nil>");
}

/* Of a list or a map. */
static void
print_item(const json_t *item, struct sc_buf *out)
{
    if (json_is_null(item))
        sc_buf_adds(out, "<nil>");
    else
        sc_template_print(item, out);
}

void
sc_template_print(const json_t *value, struct sc_buf *out)
{
    const char *key;
    json_t *item;
    size_t count = 0;

    switch (json_typeof(value)) {
    case JSON_STRING:
        sc_buf_add(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        sc_buf_addf(out, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        sc_buf_addf(out, "%g", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        sc_buf_adds(out, json_is_true(value) ? "true" : "false");
        break;
    case JSON_NULL:
        sc_buf_adds(out, "<no value>");
        break;
    case JSON_ARRAY:
        sc_buf_addc(out, '[');
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (i > 0)
                sc_buf_addc(out, ' ');
            print_item(json_array_get(value, i), out);
        }
        sc_buf_addc(out, ']');
        break;
    case JSON_OBJECT:
        sc_buf_adds(out, "map[");
        json_object_foreach ((json_t *)(uintptr_t)value, key, item) {
            sc_buf_addf(out, "%s%s:", count++ ? " " : "", key);
            print_item(item, out);
        }
        sc_buf_addc(out, ']');
        break;
    }
}

bool
sc_template_is_true(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return json_string_length(value) > 0;
    case JSON_INTEGER:
        return json_integer_value(value) != 0;
    case JSON_REAL:
        return json_real_value(value) < 0 || json_real_value(value) > 0;
    case JSON_ARRAY:
        return json_array_size(value) > 0;
    case JSON_OBJECT:
        return json_object_size(value) > 0;
    default:
        return json_is_true(value);
    }
}

int
sc_row_dump(const json_t *row, struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_json_dump(row, &text, err) < 0)
        return -1;
    for (size_t i = 0; i < text.len; i++) { /* these three occur inside strings only */
        char c = text.data[i];

        if (c == '<' || c == '>' || c == '&')
            sc_buf_addf(out, "\\u%04x", (unsigned int)c);
        else
            sc_buf_addc(out, c);
    }
    return sc_buf_check(out, err);
}
