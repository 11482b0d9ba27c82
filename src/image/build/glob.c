/* Go's path/filepath.Match, which COPY and ADD find their sources by. */
#include "image/build/dockerfile-priv.h"

/* A UTF-8 character, or a byte that is none. */
static const char *
next_char(const char *at, uint32_t *value)
{
    unsigned char first = (unsigned char)*at;
    size_t len = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    for (size_t i = 1; i < len; i++)
        if (((unsigned char)at[i] & 0xc0) != 0x80)
            len = 1;
    *value = len == 1 ? first : first & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++)
        *value = *value << 6 | ((unsigned char)at[i] & 0x3f);
    return at + len;
}

/* A character of a class, which may be escaped; NULL: there is none. */
static const char *
class_char(const char *at, uint32_t *value)
{
    if (*at == '\0' || *at == '-' || *at == ']')
        return NULL;
    if (*at == '\\' && *++at == '\0')
        return NULL;
    return next_char(at, value);
}

/* After '[': past ']', or NULL if it is malformed. */
static const char *
match_class(const char *at, uint32_t value, bool *matches)
{
    bool is_negated = *at == '^', is_in = false;

    at += is_negated ? 1 : 0;
    for (size_t ranges = 0; *at != ']' || ranges == 0; ranges++) {
        uint32_t low, high;

        at = class_char(at, &low);
        if (!at)
            return NULL;
        high = low;
        if (*at == '-' && !(at = class_char(at + 1, &high)))
            return NULL;
        is_in = is_in || (low <= value && value <= high);
        if (*at == '\0')
            return NULL;
    }
    *matches = is_in != is_negated;
    return at + 1;
}

/* One element of the pattern that is no '*', against the character at name. Past the element; NULL: malformed. */
static const char *
match_one(const char *pattern, const char *name, const char **name_next, bool *matches)
{
    uint32_t value = 0, wanted = 0;

    *matches = false;
    *name_next = *name ? next_char(name, &value) : name;
    switch (*pattern) {
    case '?':
        *matches = *name && *name != '/';
        return pattern + 1;
    case '[':
        pattern = match_class(pattern + 1, value, matches);
        *matches = *matches && *name && *name != '/';
        return pattern;
    case '\\':
        if (*++pattern == '\0')
            return NULL;
        break;
    default:
        break;
    }
    pattern = next_char(pattern, &wanted);
    *matches = *name && wanted == value;
    return pattern;
}

bool
sc_df_glob(const char *pattern, const char *name)
{
    const char *star = NULL, *retry = NULL; /* after the last '*', and where it would take one character more */

    while (*pattern || *name) {
        const char *next = NULL, *name_next = name;
        bool matches = false;

        if (*pattern == '*') {
            while (*pattern == '*')
                pattern++;
            star = pattern;
            retry = name;
            continue;
        }
        if (*pattern) {
            next = match_one(pattern, name, &name_next, &matches);
            if (!next)
                return false;
        }
        if (matches) {
            pattern = next;
            name = name_next;
            continue;
        }
        /* A '*' does not pass a slash; that ends the search, as what is before the last '*' stands where it can stand
         * first. */
        if (!star || *retry == '\0' || *retry == '/')
            return false;
        pattern = star;
        name = ++retry;
    }
    return true;
}

bool
sc_df_glob_has_wildcard(const char *pattern)
{
    return strpbrk(pattern, "*?[\\") != NULL;
}

int
sc_df_glob_check(const char *pattern, struct sc_err *err)
{
    while (pattern && *pattern) {
        const char *name_next;
        bool matches;

        pattern = *pattern == '*' ? pattern + 1 : match_one(pattern, "", &name_next, &matches);
    }
    return pattern ? 0 : sc_err_set(err, SC_ERR_INVALID, "syntax error in pattern");
}
