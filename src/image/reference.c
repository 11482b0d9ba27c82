/*
 * Image references in Docker's grammar:
 *
 *     [registry/]repository[:tag][@digest]
 *
 * The first component is a registry only when it could not be a repository's: it has a '.' or a ':', or an upper-case
 * letter, or is "localhost". Without one the registry is docker.io, whose one-word repositories belong to "library/".
 */
#include <string.h>

#include "image/image-priv.h"

#define NAME_MAX_LEN   255 /* registry and repository */
#define TAG_MAX_LEN    128
#define DEFAULT_DOMAIN "docker.io"
#define OLD_DOMAIN     "index.docker.io"
#define OFFICIAL       "library/"
#define DEFAULT_TAG    "latest"

/* Not <ctype.h>: the grammar is ASCII whatever the locale. */
static bool
is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool
is_alnum(char c)
{
    return is_lower_or_digit(c) || is_upper(c);
}

static bool
has_upper(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (is_upper(text[i]))
            return true;
    }
    return false;
}

static int
ref_err(struct sc_err *err, const char *text, const char *why)
{
    sc_err_set(err, SC_ERR_INVALID, "invalid reference \"%.300s\": %s", text, why);
    return sc_err_remedy(err, "write it as [registry/]name[:tag][@sha256:digest], for instance \"base:latest\"");
}

/* One or more digits up to the end. */
static bool
is_port(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
    }
    return len > 0 && len <= 5;
}

/* "[2001:db8::1]" or "[...]:port" */
static bool
is_ipv6_domain(const char *text, size_t len)
{
    const char *end = memchr(text, ']', len);

    if (!end || end == text + 1)
        return false;
    for (const char *c = text + 1; c < end; c++) {
        if (*c != ':' && !(*c >= '0' && *c <= '9') && !((*c | 0x20) >= 'a' && (*c | 0x20) <= 'f'))
            return false;
    }
    end++;
    return end == text + len || (*end == ':' && is_port(end + 1, (size_t)(text + len - end - 1)));
}

static bool
is_domain(const char *text, size_t len)
{
    const char *colon = memchr(text, ':', len);
    size_t host = colon ? (size_t)(colon - text) : len;

    if (len > 0 && text[0] == '[')
        return is_ipv6_domain(text, len);
    if (colon && !is_port(colon + 1, len - host - 1))
        return false;
    for (size_t i = 0; i < host; i++) {
        bool is_first = i == 0 || text[i - 1] == '.', is_last = i + 1 == host || text[i + 1] == '.';

        if (text[i] == '.' ? is_first : !is_alnum(text[i]) && (text[i] != '-' || is_first || is_last))
            return false;
    }
    return host > 0 && text[host - 1] != '.';
}

/* The length of a separator at text: '.', '_', "__" or any number of '-'; 0 for none. */
static size_t
separator_len(const char *text, size_t len)
{
    size_t n = 0;

    if (len == 0)
        return 0;
    if (text[0] == '.')
        return 1;
    if (text[0] == '_')
        return len > 1 && text[1] == '_' ? 2 : 1;
    while (n < len && text[n] == '-')
        n++;
    return n;
}

static bool
is_path_component(const char *text, size_t len)
{
    size_t i = 0;

    for (;;) {
        size_t start = i;

        while (i < len && is_lower_or_digit(text[i]))
            i++;
        if (i == start)
            return false;
        if (i == len)
            return true;
        size_t sep = separator_len(text + i, len - i);

        if (sep == 0)
            return false;
        i += sep;
    }
}

static bool
is_repository(const char *text, size_t len)
{
    while (len > 0) {
        const char *slash = memchr(text, '/', len);
        size_t part = slash ? (size_t)(slash - text) : len;

        if (!is_path_component(text, part))
            return false;
        if (!slash)
            return true;
        text += part + 1;
        len -= part + 1;
    }
    return false;
}

static bool
is_tag(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(text[i]) && text[i] != '_' && (i == 0 || (text[i] != '.' && text[i] != '-')))
            return false;
    }
    return len > 0 && len <= TAG_MAX_LEN;
}

/* How much of name[0..len) is the registry, without its slash; 0 for none. */
static size_t
domain_len(const char *name, size_t len)
{
    const char *slash = memchr(name, '/', len);
    size_t part = slash ? (size_t)(slash - name) : 0;
    bool is_domain_like;

    if (part == 0)
        return 0;
    is_domain_like = memchr(name, '.', part) || memchr(name, ':', part) || has_upper(name, part) ||
                     (part == 9 && memcmp(name, "localhost", 9) == 0);
    return is_domain_like ? part : 0;
}

static int
parse_name(const char *text, const char *name, size_t len, struct sc_arena *arena, struct sc_reference *out,
           struct sc_err *err)
{
    size_t domain = domain_len(name, len), skip = domain ? domain + 1 : 0;
    const char *path = name + skip;
    size_t path_len = len - skip;
    bool is_default = domain == 0 ||
                      (domain == sizeof(DEFAULT_DOMAIN) - 1 && memcmp(name, DEFAULT_DOMAIN, domain) == 0) ||
                      (domain == sizeof(OLD_DOMAIN) - 1 && memcmp(name, OLD_DOMAIN, domain) == 0);

    if (domain > 0 && !is_domain(name, domain))
        return ref_err(err, text, "the part before the first slash is no registry's host name");
    if (path_len == 0)
        return ref_err(err, text, "it has no repository name");
    if (has_upper(path, path_len))
        return ref_err(err, text, "a repository name must be lower-case");
    if (!is_repository(path, path_len))
        return ref_err(err, text,
                       "a repository name is made of lower-case letters and digits, with '.', '_' or '-' between them");
    if (domain == 0 && path_len == SC_DIGEST_HEX_LEN && sc_hex_is_valid(path, path_len))
        return ref_err(err, text, "64 hexadecimal digits are an image id, not a name");
    out->registry = is_default ? sc_arena_strdup(arena, DEFAULT_DOMAIN) : sc_arena_strndup(arena, name, domain);
    out->repository = sc_arena_printf(arena, "%s%.*s", is_default && !memchr(path, '/', path_len) ? OFFICIAL : "",
                                      (int)path_len, path);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (strlen(out->registry) + 1 + strlen(out->repository) > NAME_MAX_LEN)
        return ref_err(err, text, "the name is longer than 255 characters");
    return 0;
}

int
sc_reference_parse(const char *text, struct sc_arena *arena, struct sc_reference *out, struct sc_err *err)
{
    struct sc_reference ref = {.registry = NULL};
    size_t len = strlen(text);
    const char *at = memchr(text, '@', len), *colon;

    if (len == 0)
        return ref_err(err, text, "it is empty");
    if (at) {
        if (!sc_digest_is_valid(at + 1))
            return ref_err(err, text, "after '@' comes \"sha256:\" and 64 lower-case hexadecimal digits");
        ref.digest = sc_arena_strdup(arena, at + 1);
        len = (size_t)(at - text);
    }
    colon = memrchr(text, ':', len);
    /* A colon before a slash is the registry's port. */
    if (colon && !memchr(colon, '/', len - (size_t)(colon - text))) {
        size_t tag_len = len - (size_t)(colon - text) - 1;

        if (!is_tag(colon + 1, tag_len))
            return ref_err(err, text,
                           "a tag is at most 128 letters, digits, '_', '.' and '-', not beginning with '.' or '-'");
        ref.tag = sc_arena_strndup(arena, colon + 1, tag_len);
        len = (size_t)(colon - text);
    }
    if (parse_name(text, text, len, arena, &ref, err) < 0)
        return -1;
    if (!ref.tag && !ref.digest)
        ref.tag = sc_arena_strdup(arena, DEFAULT_TAG);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    *out = ref;
    return 0;
}

static char *
ref_join(const char *name, const struct sc_reference *ref, struct sc_arena *arena)
{
    return sc_arena_printf(arena, "%s%s%s%s%s", name, ref->tag ? ":" : "", ref->tag ? ref->tag : "",
                           ref->digest ? "@" : "", ref->digest ? ref->digest : "");
}

char *
sc_reference_full(const struct sc_reference *ref, struct sc_arena *arena)
{
    char *name = sc_arena_printf(arena, "%s/%s", ref->registry, ref->repository);

    return name ? ref_join(name, ref, arena) : NULL;
}

char *
sc_reference_familiar(const struct sc_reference *ref, struct sc_arena *arena)
{
    const char *path = ref->repository, *word = path + sizeof(OFFICIAL) - 1;

    /* Without its registry, a first component that looks like one would be taken for it. */
    if (!sc_str_eq(ref->registry, DEFAULT_DOMAIN) || domain_len(path, strlen(path)) > 0)
        return sc_arena_printf(arena, "%s/%s", ref->registry, path);
    if (sc_str_starts(path, OFFICIAL) && !strchr(word, '/') &&
        !(strlen(word) == SC_DIGEST_HEX_LEN && sc_hex_is_valid(word, SC_DIGEST_HEX_LEN)))
        path = word;
    return sc_arena_strdup(arena, path);
}

char *
sc_reference_shown(const struct sc_reference *ref, struct sc_arena *arena)
{
    char *name = sc_reference_familiar(ref, arena);

    return name ? ref_join(name, ref, arena) : NULL;
}

const struct sc_reference *
sc_image_reference(const struct sc_image *image, struct sc_reference *ref, struct sc_arena *arena)
{
    struct sc_err ignored = SC_ERR_INIT;

    return image->name && sc_reference_parse(image->name, arena, ref, &ignored) == 0 ? ref : NULL;
}
