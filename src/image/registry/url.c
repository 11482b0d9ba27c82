/* Addresses: what they have in common, and how a Location is read. Pure. */
#include <string.h>
#include <strings.h>

#include "image/registry/registry-priv.h"

static bool
has_scheme(const char *url)
{
    return strncasecmp(url, "http://", strlen("http://")) == 0 || strncasecmp(url, "https://", strlen("https://")) == 0;
}

/* How much of url is "scheme://authority". */
static size_t
origin_len(const char *url)
{
    const char *authority = strstr(url, "://") + 3;

    return (size_t)(authority - url) + strcspn(authority, "/?#");
}

/* The same host is always the same text (RFC 9110, 4.2.3): in lower case, without the port that its scheme means. */
static void
normalise(char *origin)
{
    size_t len = strlen(origin);

    for (char *c = origin; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    if (sc_str_starts(origin, "https://") ? sc_str_ends(origin, ":443") : sc_str_ends(origin, ":80"))
        origin[len - (origin[4] == 's' ? strlen(":443") : strlen(":80"))] = '\0';
}

int
sc_url_origin(const char *url, struct sc_arena *arena, char **out, struct sc_err *err)
{
    if (!has_scheme(url))
        return sc_err_set(err, SC_ERR_INVALID, "\"%.200s\" is no http or https address", url);
    *out = sc_arena_strndup(arena, url, origin_len(url));
    if (!*out)
        return sc_err_nomem(err);
    normalise(*out);
    /* A user and password in an address would be a credential of somebody else's choosing. */
    if (strchr(*out, '@'))
        return sc_err_set(err, SC_ERR_INVALID, "\"%.200s\" has a user name in it", url);
    return 0;
}

char *
sc_url_resolve(const char *base, const char *location, struct sc_arena *arena)
{
    size_t path;

    if (has_scheme(location))
        return sc_arena_strdup(arena, location);
    if (sc_str_starts(location, "//"))
        return sc_arena_printf(arena, "%.*s%s", (int)(strstr(base, "://") + 1 - base), base, location);
    if (location[0] == '/')
        return sc_arena_printf(arena, "%.*s%s", (int)origin_len(base), base, location);
    path = strcspn(base, "?#");
    if (location[0] == '?')
        return sc_arena_printf(arena, "%.*s%s", (int)path, base, location);
    while (path > origin_len(base) && base[path - 1] != '/')
        path--;
    return sc_arena_printf(arena, "%.*s%s%s", (int)path, base, base[path - 1] == '/' ? "" : "/", location);
}

char *
sc_url_file_name(const char *url, struct sc_arena *arena)
{
    const size_t from = origin_len(url), len = strcspn(url + from, "?#");
    char *path = sc_arena_strndup(arena, url + from, len), *to = path, *name;

    if (!path)
        return NULL;
    /* Decoded first: an encoded '/' is one. */
    for (const char *at = path; *at; at++) {
        const int high = *at == '%' ? sc_hex_digit(at[1]) : -1, low = high < 0 ? -1 : sc_hex_digit(at[2]);

        *to++ = low < 0 ? *at : (char)(high << 4 | low);
        at += low < 0 ? 0 : 2;
        if (to[-1] == '\0') /* no name has this */
            return NULL;
    }
    *to = '\0';
    while (to > path && to[-1] == '/')
        *--to = '\0';
    name = strrchr(path, '/');
    name = name ? name + 1 : path;
    return !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strlen(name) > NAME_MAX ? NULL : name;
}

void
sc_url_encode(struct sc_buf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c))
            sc_buf_addc(out, (char)c);
        else
            sc_buf_addf(out, "%%%02X", c);
    }
}
