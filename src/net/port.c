/* -p and --expose. Pure. */
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "net/net.h"

#define PART_MAX 64

static const struct {
    const char *name;
    uint8_t proto;
} protos[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};

const char *
sc_proto_name(uint8_t proto)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(protos); i++) {
        if (protos[i].proto == proto)
            return protos[i].name;
    }
    return "unknown";
}

static int
parse_proto(const char *text, uint8_t *out, struct sc_err *err)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(protos); i++) {
        if (strcasecmp(protos[i].name, text) == 0) {
            *out = protos[i].proto;
            return 0;
        }
    }
    return sc_err_set(err, SC_ERR_INVALID, "invalid protocol \"%.20s\": must be tcp, udp or sctp", text);
}

static int
parse_number(const char *text, size_t len, uint16_t *out, struct sc_err *err)
{
    unsigned value = 0;

    for (size_t i = 0; i < len && value <= UINT16_MAX; i++) {
        if (text[i] < '0' || text[i] > '9')
            value = UINT16_MAX;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (len == 0 || value == 0 || value > UINT16_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "invalid port \"%.*s\": must be 1 to 65535", (int)len, text);
    *out = (uint16_t)value;
    return 0;
}

/* "80" or "80-90" */
static int
parse_range(const char *text, size_t len, uint16_t *first, uint16_t *last, struct sc_err *err)
{
    const char *dash = memchr(text, '-', len);
    size_t head = dash ? (size_t)(dash - text) : len;

    if (parse_number(text, head, first, err) < 0)
        return -1;
    *last = *first;
    if (dash && parse_number(dash + 1, len - head - 1, last, err) < 0)
        return -1;
    return *last >= *first ? 0 : sc_err_set(err, SC_ERR_INVALID, "invalid range of ports \"%.*s\"", (int)len, text);
}

static int
add(struct sc_arena *arena, struct sc_ports *out, const struct sc_port *port, struct sc_err *err)
{
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 8;
        struct sc_port *items = SC_ARENA_ARRAY(arena, struct sc_port, capacity);

        if (!items)
            return sc_err_nomem(err);
        if (out->count > 0)
            memcpy(items, out->items, out->count * sizeof(*items));
        out->items = items;
        out->capacity = capacity;
    }
    out->items[out->count++] = *port;
    return 0;
}

/* One item for each port of the container's range. */
static int
expand(struct sc_port first, uint16_t last, uint16_t host_last, struct sc_arena *arena, struct sc_ports *out,
       struct sc_err *err)
{
    unsigned wanted = (unsigned)(last - first.port), given = (unsigned)(host_last - first.host_port);
    bool has_host = first.host_port != 0;

    if (has_host && wanted > 0 && wanted != given)
        return sc_err_set(err, SC_ERR_INVALID, "invalid ranges specified for container and host ports: %u-%u and %u-%u",
                          first.port, last, first.host_port, host_last);
    for (unsigned i = 0; i <= wanted; i++) {
        struct sc_port one = first;

        one.port = (uint16_t)(first.port + i);
        one.host_port = has_host ? (uint16_t)(first.host_port + i) : 0;
        one.host_last = wanted > 0 ? one.host_port : host_last;
        if (add(arena, out, &one, err) < 0)
            return -1;
    }
    return 0;
}

/* Splits off "/PROTO". */
static int
split_proto(const char *text, char part[PART_MAX], uint8_t *proto, struct sc_err *err)
{
    size_t len = strcspn(text, "/");

    *proto = IPPROTO_TCP;
    if (len == 0 || len >= PART_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "it is not [ADDRESS:][HOSTPORT:]PORT[/PROTOCOL]");
    memcpy(part, text, len);
    part[len] = '\0';
    return text[len] ? parse_proto(text + len + 1, proto, err) : 0;
}

/* "ADDRESS:PORT", "[ADDRESS]:PORT": splits it, and returns the port. Without an address it is all port. */
static char *
split_address(char *text)
{
    char *close = text[0] == '[' ? strchr(text, ']') : NULL;
    char *colon = close ? close + 1 : strrchr(text, ':');

    if (!colon || *colon != ':')
        return text;
    *colon = '\0';
    return colon + 1;
}

/* Any address of one family is said by 0.0.0.0 and [::]; an IPv6 address is written as in a URL. */
static int
parse_address(char *text, struct sc_address *out, struct sc_err *err)
{
    size_t len = strlen(text);

    if (text[0] == '[' && text[len - 1] == ']') {
        text[len - 1] = '\0';
        if (sc_address_parse(text + 1, out, err) < 0)
            return -1;
        return out->len == 16 ? 0 : sc_err_set(err, SC_ERR_INVALID, "\"%s\" is not an IPv6 address", text + 1);
    }
    if (text[0] != '[' && strchr(text, ':'))
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": an IPv6 address is written [%s]", text, text);
    return sc_address_parse(text, out, err);
}

static int
parse_publish(const char *text, struct sc_arena *arena, struct sc_ports *out, struct sc_err *err)
{
    struct sc_port port = {.host_port = 0};
    char part[PART_MAX], *colon, *target, *host;
    uint16_t last, host_last = 0;

    if (split_proto(text, part, &port.proto, err) < 0)
        return -1;
    colon = strrchr(part, ':');
    target = colon ? colon + 1 : part;
    if (parse_range(target, strlen(target), &port.port, &last, err) < 0)
        return -1;
    if (!colon)
        return expand(port, last, 0, arena, out, err);
    *colon = '\0';
    host = split_address(part);
    /* ":8080:80" is every address, as Docker has it */
    if (host != part && *part && parse_address(part, &port.host_address, err) < 0)
        return -1;
    if (host == part && strchr(part, '.')) /* "127.0.0.1:80": Docker says "invalid hostPort" */
        return sc_err_set(err, SC_ERR_INVALID, "invalid host port \"%s\"", part);
    if (strcmp(host, "0") == 0) /* any that is free, as for bind(2) */
        return expand(port, last, 0, arena, out, err);
    if (*host && parse_range(host, strlen(host), &port.host_port, &host_last, err) < 0)
        return -1;
    return expand(port, last, host_last, arena, out, err);
}

int
sc_port_parse(const char *text, struct sc_arena *arena, struct sc_ports *out, struct sc_err *err)
{
    return parse_publish(text, arena, out, err) < 0 ? sc_err_wrap(err, "publish \"%.80s\"", text) : 0;
}

int
sc_expose_parse(const char *text, struct sc_arena *arena, struct sc_ports *out, struct sc_err *err)
{
    struct sc_port port = {.host_port = 0};
    char part[PART_MAX];
    uint16_t last;

    if (split_proto(text, part, &port.proto, err) < 0 || parse_range(part, strlen(part), &port.port, &last, err) < 0)
        return sc_err_wrap(err, "expose \"%.80s\"", text);
    return expand(port, last, 0, arena, out, err);
}
