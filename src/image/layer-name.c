/* What the name of a layer's tar entry means (image-spec, layer.md). Pure: no file is looked at. */
#include <string.h>

#include "image/transfer-priv.h"

#define WHITEOUT_PREFIX     ".wh."
#define WHITEOUT_PREFIX_LEN 4
#define OPAQUE_NAME         ".wh..wh..opq"

static int
name_err(struct sc_err *err, const char *name, const char *why)
{
    return sc_err_set(err, SC_ERR_INVALID, "entry \"%.300s\": %s", name, why);
}

/* The name without "." and empty parts, as "a/b/c"; "" for the top. */
static int
name_clean(const char *name, char out[PATH_MAX], struct sc_err *err)
{
    size_t used = 0;

    if (name[0] == '/')
        return name_err(err, name, "its name is absolute");
    if (name[0] == '\0')
        return name_err(err, name, "its name is empty");
    for (const char *part = name; *part;) {
        size_t len = strcspn(part, "/");

        if (len == 2 && memcmp(part, "..", 2) == 0)
            return name_err(err, name, "its name has \"..\"");
        if (len > NAME_MAX)
            return name_err(err, name, "a part of its name is longer than 255 bytes");
        if (len > 0 && !(len == 1 && part[0] == '.')) {
            if (used + len + 2 > PATH_MAX)
                return name_err(err, name, "its name is longer than 4095 bytes");
            if (used > 0)
                out[used++] = '/';
            memcpy(out + used, part, len);
            used += len;
        }
        part += len;
        part += strspn(part, "/");
    }
    out[used] = '\0';
    return 0;
}

/* A directory cannot be called ".wh.x": below it nothing could be found again. */
static bool
has_whiteout_part(const char *dir)
{
    for (const char *part = dir; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        if (strncmp(part, WHITEOUT_PREFIX, WHITEOUT_PREFIX_LEN) == 0)
            return true;
    }
    return false;
}

static int
name_parse_whiteout(const char *name, struct sc_layer_name *out, struct sc_err *err)
{
    const char *hidden = out->base + WHITEOUT_PREFIX_LEN;

    if (strcmp(out->base, OPAQUE_NAME) == 0) {
        out->kind = SC_LAYER_OPAQUE;
        out->base[0] = '\0';
        return 0;
    }
    if (sc_str_starts(hidden, WHITEOUT_PREFIX))
        return name_err(err, name, "it is no whiteout that an OCI layer may have");
    if (hidden[0] == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
        return name_err(err, name, "it is a whiteout of no name");
    out->kind = SC_LAYER_WHITEOUT;
    memmove(out->base, hidden, strlen(hidden) + 1);
    return 0;
}

int
sc_layer_name_parse(const char *name, struct sc_layer_name *out, struct sc_err *err)
{
    char *slash;

    if (name_clean(name, out->dir, err) < 0)
        return -1;
    out->base[0] = '\0';
    out->kind = SC_LAYER_ROOT;
    if (out->dir[0] == '\0')
        return 0;
    slash = strrchr(out->dir, '/');
    memcpy(out->base, slash ? slash + 1 : out->dir, strlen(slash ? slash + 1 : out->dir) + 1);
    (slash ? slash : out->dir)[0] = '\0';
    if (has_whiteout_part(out->dir))
        return name_err(err, name, "it is below a whiteout");
    out->kind = SC_LAYER_ENTRY;
    if (strncmp(out->base, WHITEOUT_PREFIX, WHITEOUT_PREFIX_LEN) == 0)
        return name_parse_whiteout(name, out, err);
    return 0;
}

/* linux/capability.h: of the forms that a file's capabilities have had, those that the kernel lets anybody set. */
static bool
is_capability(const unsigned char *value, size_t size)
{
    static const struct {
        unsigned char revision;
        size_t size;
    } forms[] = {{2, 20}, {3, 24}};

    for (size_t i = 0; i < SC_ARRAY_LEN(forms); i++) {
        /* 32 bits, the lowest first: the lowest is a flag, the highest eight are the revision */
        if (size == forms[i].size && value[3] == forms[i].revision && value[2] == 0 && value[1] == 0 &&
            (value[0] & ~1U) == 0)
            return true;
    }
    return false;
}

int
sc_layer_xattr_check(const char *name, const void *value, size_t size, struct sc_err *err)
{
    /* Overlay would obey these: a layer could redirect a directory to any path of the layers below, or be opaque. */
    if (sc_str_starts(name, "trusted.overlay.") || sc_str_starts(name, "user.overlay."))
        return sc_err_set(err, SC_ERR_INVALID, "it has the attribute \"%.100s\", which only overlay itself may set",
                          name);
    /* In an image of ours nothing else would refuse these before somebody reads them. */
    if (strcmp(name, "user.") == 0)
        return sc_err_set(err, SC_ERR_INVALID, "it has the attribute \"user.\", which is no name");
    if (strcmp(name, "security.capability") != 0)
        return sc_str_starts(name, "user.");
    if (value && !is_capability(value, size))
        return sc_err_set(err, SC_ERR_INVALID, "its attribute \"security.capability\" has no capabilities in it");
    return 1;
}
