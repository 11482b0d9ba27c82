/* --pid --ipc --uts --userns --cgroupns --network: which namespace. */
#include <arpa/inet.h>
#include <string.h>

#include "cli/cli.h"

enum { TAKES_NONE = 1, TAKES_SHAREABLE = 2, TAKES_JOIN = 4, TAKES_AUTO = 8 };

/* "container:X" and "ns:PATH" join; is_word tells the words that a namespace knows beside. */
static int
parse(struct sc_ns_choice *choice, const char *value, unsigned takes, const char *known, struct sc_arena *arena,
      struct sc_err *err)
{
    static const char container[] = "container:", ns[] = "ns:", keep_id[] = "keep-id:";

    *choice = (struct sc_ns_choice){.mode = SC_NS_PRIVATE};
    if (*value == '\0') { /* as if it was not given */
        choice->mode = takes & TAKES_AUTO ? SC_NS_HOST : SC_NS_PRIVATE;
        return 0;
    }
    if (strcmp(value, "host") == 0)
        choice->mode = SC_NS_HOST;
    else if ((takes & TAKES_NONE) && strcmp(value, "none") == 0)
        choice->mode = SC_NS_NONE;
    else if ((takes & TAKES_SHAREABLE) && strcmp(value, "shareable") == 0)
        choice->mode = SC_NS_SHAREABLE;
    else if ((takes & TAKES_AUTO) && strcmp(value, "auto") == 0)
        choice->mode = SC_NS_PRIVATE;
    else if ((takes & TAKES_AUTO) && strcmp(value, "keep-id") == 0)
        choice->mode = SC_NS_KEEP_ID;
    else if ((takes & TAKES_AUTO) && sc_str_starts(value, keep_id) && value[sizeof(keep_id) - 1])
        *choice = (struct sc_ns_choice){SC_NS_KEEP_ID, sc_arena_strdup(arena, value + sizeof(keep_id) - 1)};
    else if (!(takes & TAKES_AUTO) && strcmp(value, "private") == 0 && strstr(known, "private"))
        choice->mode = SC_NS_PRIVATE;
    else if ((takes & TAKES_JOIN) && sc_str_starts(value, container) && value[sizeof(container) - 1])
        *choice = (struct sc_ns_choice){SC_NS_CONTAINER, sc_arena_strdup(arena, value + sizeof(container) - 1)};
    else if ((takes & TAKES_JOIN) && sc_str_starts(value, ns) && value[sizeof(ns) - 1] == '/')
        *choice = (struct sc_ns_choice){SC_NS_PATH, sc_arena_strdup(arena, value + sizeof(ns) - 1)};
    else {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be %s", value, known);
        return -1;
    }
    return 0;
}

int
sc_value_pid(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return parse(ns_choice, value, TAKES_JOIN, "private, host, container:NAME or ns:/PATH", arena, err);
}

int
sc_value_ipc(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return parse(ns_choice, value, TAKES_NONE | TAKES_SHAREABLE | TAKES_JOIN,
                 "private, shareable, none, host, container:NAME or ns:/PATH", arena, err);
}

int
sc_value_uts(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return parse(ns_choice, value, TAKES_JOIN, "private, host, container:NAME or ns:/PATH", arena, err);
}

int
sc_value_userns(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return parse(ns_choice, value, TAKES_AUTO | TAKES_JOIN, "host, auto, keep-id, container:NAME or ns:/PATH", arena,
                 err);
}

int
sc_value_cgroupns(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return parse(ns_choice, value, TAKES_JOIN, "private, host, container:NAME or ns:/PATH", arena, err);
}

int
sc_value_network(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    static const char known[] =
        "none, host, bridge, the name of a network, container:NAME, cni:NAME, ns:/PATH, pasta or "
        "slirp4netns";
    static const char cni[] = "cni:";
    struct sc_ns_choice *choice = ns_choice;
    struct sc_err not_a_word = SC_ERR_INIT;

    if (*value == '\0') /* Docker refuses this one */
        return sc_err_set(err, SC_ERR_INVALID, "\"\": must be %s", known);
    if (parse(ns_choice, value, TAKES_NONE | TAKES_JOIN, known, arena, &not_a_word) == 0) {
        if (choice->mode == SC_NS_NONE)
            choice->value = sc_arena_strdup(arena, value); /* asked for, not by default */
        return sc_arena_check(arena, err);
    }
    if (sc_str_starts(value, cni) && value[sizeof(cni) - 1] && !strchr(value, '/')) {
        *choice = (struct sc_ns_choice){SC_NS_CNI, sc_arena_strdup(arena, value + sizeof(cni) - 1)};
        return sc_arena_check(arena, err);
    }
    if (strcmp(value, "pasta") == 0 || strcmp(value, "slirp4netns") == 0) {
        *choice = (struct sc_ns_choice){SC_NS_USER_NET, sc_arena_strdup(arena, value)};
        return sc_arena_check(arena, err);
    }
    if (strpbrk(value, ":/=,")) {
        *err = not_a_word;
        return -1;
    }
    *choice =
        (struct sc_ns_choice){SC_NS_BRIDGE, sc_arena_strdup(arena, strcmp(value, "default") == 0 ? "bridge" : value)};
    return sc_arena_check(arena, err);
}

/* The first one may be any mode, and its options are those of flags of their own; further ones are networks. */
int
sc_value_networks(void *create_options, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_create_options *o = create_options;
    bool is_first = o->network.mode == SC_NS_NONE && !o->network.value;
    struct sc_attachment a;

    if (!strpbrk(value, "=,")) {
        struct sc_ns_choice choice;

        if (sc_value_network(&choice, value, arena, err) < 0)
            return -1;
        if (is_first)
            o->network = choice;
        else if (choice.mode != SC_NS_BRIDGE)
            return sc_err_set(err, SC_ERR_INVALID, "conflicting options: \"%s\" cannot be had beside another network",
                              value);
        else
            sc_strv_add(&o->networks, arena, choice.value);
        return sc_arena_check(arena, err);
    }
    if (sc_attachment_parse(value, arena, &a, err) < 0)
        return sc_err_wrap(err, "\"%.100s\"", value);
    if (!is_first) {
        sc_strv_add(&o->networks, arena, value);
        return sc_arena_check(arena, err);
    }
    if (sc_value_network(&o->network, a.name, arena, err) < 0)
        return -1;
    o->ip = a.ip ? a.ip : o->ip;
    o->ip6 = a.ip6 ? a.ip6 : o->ip6;
    o->mac_address = a.mac ? a.mac : o->mac_address;
    for (size_t i = 0; i < a.aliases.count; i++)
        sc_strv_add(&o->network_aliases, arena, a.aliases.items[i]);
    return sc_arena_check(arena, err);
}

/* -p, checked here so that the error names the flag. */
int
sc_value_publish(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_ports ignored = {.items = NULL};

    if (sc_port_parse(value, arena, &ignored, err) < 0)
        return -1;
    sc_strv_add(strv, arena, value);
    return 0;
}

/* "80" is "80/tcp", as in an image. */
int
sc_value_expose(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_ports ports = {.items = NULL};

    if (sc_expose_parse(value, arena, &ports, err) < 0)
        return -1;
    for (size_t i = 0; i < ports.count; i++)
        sc_strv_addf(strv, arena, "%u/%s", ports.items[i].port, sc_proto_name(ports.items[i].proto));
    return 0;
}

/* "192.0.2.7", "2001:db8::7", "[2001:db8::7]" */
static bool
is_address(const char *text)
{
    size_t len = strlen(text);
    bool has_brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_address address;
    char copy[SC_NET_ADDRESS_MAX];

    if (len >= sizeof(copy))
        return false;
    (void)snprintf(copy, sizeof(copy), "%.*s", (int)(has_brackets ? len - 2 : len), text + has_brackets);
    return sc_address_parse(copy, &address, &ignored) == 0 && (!has_brackets || address.len == 16);
}

/* NAME:ADDRESS, NAME:host-gateway */
int
sc_value_add_host(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    const char *separator = strpbrk(value, ":=");

    if (!separator || separator == value)
        return sc_err_set(err, SC_ERR_INVALID, "bad format for add-host: \"%.100s\"", value);
    if (strcmp(separator + 1, "host-gateway") != 0 && !is_address(separator + 1))
        return sc_err_set(err, SC_ERR_INVALID, "invalid IP address in add-host: \"%.100s\"", separator + 1);
    if (strcspn(value, " \t\n") < (size_t)(separator - value))
        return sc_err_set(err, SC_ERR_INVALID, "bad format for add-host: \"%.100s\"", value);
    sc_strv_add(strv, arena, value);
    return 0;
}

static int
value_address(char **out, const char *value, enum sc_family family, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_err why = SC_ERR_INIT;
    struct sc_address address;

    if (sc_address_parse(value, &address, &why) < 0 || sc_address_family(&address) != family)
        return sc_err_set(err, SC_ERR_INVALID, "\"%.80s\" is not an %s address", value,
                          family == SC_V6 ? "IPv6" : "IPv4");
    *out = sc_arena_strdup(arena, value);
    return 0;
}

int
sc_value_ip(void *text, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return value_address(text, value, SC_V4, arena, err);
}

int
sc_value_ip6(void *text, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return value_address(text, value, SC_V6, arena, err);
}

int
sc_value_mac(void *text, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    unsigned char ignored[6];

    if (sc_mac_parse(value, ignored, err) < 0)
        return -1;
    *(char **)text = sc_arena_strdup(arena, value);
    return 0;
}

int
sc_value_rate(void *bits, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    return sc_net_rate_parse(value, bits, err);
}

int
sc_value_dns(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, value, address) != 1 && inet_pton(AF_INET6, value, address) != 1)
        return sc_err_set(err, SC_ERR_INVALID, "\"%.100s\" is not an IP address", value);
    sc_strv_add(strv, arena, value);
    return 0;
}

/* A word of resolv.conf. */
int
sc_value_dns_word(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    if (!*value || strpbrk(value, " \t\n"))
        return sc_err_set(err, SC_ERR_INVALID, "\"%.100s\" is not one word", value);
    sc_strv_add(strv, arena, value);
    return 0;
}
