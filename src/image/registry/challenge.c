/*
 * WWW-Authenticate: one header may hold several challenges, several headers one each (RFC 9110, 11.6.1):
 *
 *     Bearer realm="https://auth.example/token",service="r",scope="repository:a/b:pull", Basic realm="r"
 */
#include <string.h>
#include <strings.h>

#include "image/registry/registry-priv.h"

#define PARAM_MAX 4096

struct reader {
    const char *at;
    struct sc_arena *arena;
};

static bool
is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static void
skip(struct reader *r, const char *chars)
{
    r->at += strspn(r->at, chars);
}

static char *
read_token(struct reader *r)
{
    const char *start = r->at;

    while (is_token_char(*r->at))
        r->at++;
    return r->at == start ? NULL : sc_arena_strndup(r->arena, start, (size_t)(r->at - start));
}

/* A token or a quoted string; NULL where there is neither. */
static char *
read_value(struct reader *r)
{
    char text[PARAM_MAX];
    size_t len = 0;

    if (*r->at != '"')
        return read_token(r);
    for (r->at++; *r->at && *r->at != '"'; r->at++) {
        if (*r->at == '\\' && r->at[1])
            r->at++;
        if (len + 1 >= sizeof(text))
            return NULL;
        text[len++] = *r->at;
    }
    if (*r->at != '"')
        return NULL;
    r->at++;
    return sc_arena_strndup(r->arena, text, len);
}

static void
take_param(struct sc_challenge *challenge, const char *name, char *value)
{
    if (strcasecmp(name, "realm") == 0)
        challenge->realm = value;
    else if (strcasecmp(name, "service") == 0)
        challenge->service = value;
    else if (strcasecmp(name, "scope") == 0)
        challenge->scope = value;
}

static void
offer(const char *scheme, const struct sc_challenge *challenge, struct sc_challenge *best, bool *has_best)
{
    bool is_bearer = scheme && strcasecmp(scheme, "Bearer") == 0 && challenge->realm;
    bool is_basic = scheme && strcasecmp(scheme, "Basic") == 0;

    if ((!is_bearer && !is_basic) || (*has_best && (best->is_bearer || !is_bearer)))
        return;
    *best = *challenge;
    best->is_bearer = is_bearer;
    *has_best = true;
}

/* What cannot be read ends the reading of this header; what came before it counts. */
static void
parse_header(const char *value, struct sc_arena *arena, struct sc_challenge *best, bool *has_best)
{
    struct reader r = {.at = value, .arena = arena};
    struct sc_challenge now = {.realm = NULL};
    const char *scheme = NULL;

    for (;;) {
        char *word;

        skip(&r, " \t,");
        word = read_token(&r);
        if (!word)
            break;
        skip(&r, " \t");
        if (*r.at == '=') {
            char *text;

            r.at++;
            skip(&r, " \t=");
            text = read_value(&r);
            if (text)
                take_param(&now, word, text);
            else if (*r.at && *r.at != ',') /* no token68 either ("Negotiate YWJj=="), which names nothing */
                break;
            continue;
        }
        offer(scheme, &now, best, has_best);
        scheme = word;
        now = (struct sc_challenge){.realm = NULL};
    }
    offer(scheme, &now, best, has_best);
}

int
sc_challenge_parse(const struct sc_strv *headers, struct sc_arena *arena, struct sc_challenge *out, struct sc_err *err)
{
    bool has_best = false;

    for (size_t i = 0; i < headers->count; i++) {
        if (sc_str_starts(headers->items[i], "www-authenticate: "))
            parse_header(headers->items[i] + strlen("www-authenticate: "), arena, out, &has_best);
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (!has_best)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "the registry asks for a login, but for none that is known here");
    return 0;
}
