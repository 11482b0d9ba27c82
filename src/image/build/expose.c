/* EXPOSE's ports: 80, 80/udp, 8000-8010/tcp. */
#include <ctype.h>
#include <strings.h>

#include "image/build/dockerfile-priv.h"

static const char *const protocols[] = {"tcp", "udp", "sctp"};

/* A port at *at, which is put behind it. */
static bool
read_port(const char **at, unsigned *port)
{
    size_t digits = 0;

    for (*port = 0; isdigit((unsigned char)**at) && digits < 6; digits++)
        *port = *port * 10 + (unsigned)(*(*at)++ - '0');
    return digits > 0 && *port <= 65535;
}

static int
parse_one(const char *word, size_t *spent, struct sc_arena *arena, struct sc_strv *out, struct sc_err *err)
{
    const char *at = strrchr(word, ':'), *protocol = protocols[0]; /* ADDRESS:HOST: before it is docker run's */
    unsigned low, high;

    at = at ? at + 1 : word;
    if (!read_port(&at, &low))
        return sc_err_set(err, SC_ERR_INVALID, "invalid containerPort: %.60s", word);
    high = low;
    if (*at == '-') {
        at++;
        if (!read_port(&at, &high) || high < low)
            return sc_err_set(err, SC_ERR_INVALID, "invalid range of ports: %.60s", word);
    }
    if (*at == '/') {
        protocol = NULL;
        for (size_t i = 0; i < SC_ARRAY_LEN(protocols); i++)
            if (strcasecmp(at + 1, protocols[i]) == 0)
                protocol = protocols[i];
        if (!protocol)
            return sc_err_set(err, SC_ERR_INVALID, "invalid protocol of a port: %.60s (tcp, udp or sctp)", word);
    } else if (*at) {
        return sc_err_set(err, SC_ERR_INVALID, "invalid containerPort: %.60s", word);
    }
    *spent += high - low + 1;
    if (*spent > SC_DF_PORTS_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "more than %d ports", SC_DF_PORTS_MAX);
    for (; low <= high; low++)
        sc_strv_addf(out, arena, "%u/%s", low, protocol);
    return sc_arena_check(arena, err);
}

int
sc_df_expose_parse(const struct sc_strv *words, size_t *spent, struct sc_arena *arena, struct sc_strv *out,
                   struct sc_err *err)
{
    for (size_t i = 0; i < words->count; i++)
        if (parse_one(words->items[i], spent, arena, out, err) < 0)
            return -1;
    return 0;
}
