/* Drivers of networks: their words, modes and options. Pure. */
#include <string.h>

#include "net/net-priv.h"

#define MTU_MIN 68
#define MTU_MAX 65535

static const char *const driver_names[] = {
    [SC_NET_BRIDGE] = "bridge",
    [SC_NET_MACVLAN] = "macvlan",
    [SC_NET_IPVLAN] = "ipvlan",
};
/* Each driver's first mode is its default. */
static const char *const mode_names[][5] = {
    [SC_NET_BRIDGE] = {NULL},
    [SC_NET_MACVLAN] = {"bridge", "private", "vepa", "passthru", NULL},
    [SC_NET_IPVLAN] = {"l2", "l3", "l3s", NULL},
};

const char *
sc_net_driver_name(enum sc_net_driver driver)
{
    return driver_names[driver];
}

const char *
sc_net_mode_name(enum sc_net_driver driver, unsigned mode)
{
    return mode < SC_ARRAY_LEN(mode_names[driver]) ? mode_names[driver][mode] : NULL;
}

bool
sc_network_has_gateway(const struct sc_network *network)
{
    return network->driver != SC_NET_IPVLAN || network->mode == 0;
}

bool
sc_network_publishes(const struct sc_network *network)
{
    return network->driver == SC_NET_BRIDGE && !network->is_internal;
}

int
sc_net_driver_parse(const char *text, enum sc_net_driver *out, struct sc_err *err)
{
    *out = SC_NET_BRIDGE;
    for (size_t i = 0; text && i < SC_ARRAY_LEN(driver_names); i++) {
        if (strcmp(text, driver_names[i]) == 0) {
            *out = (enum sc_net_driver)i;
            return 0;
        }
    }
    return text && *text ? sc_err_set(err, SC_ERR_UNSUPPORTED,
                                      "network driver \"%.80s\": known are bridge, macvlan and ipvlan", text)
                         : 0;
}

static int
parse_mode(const char *option, const char *value, struct sc_network *out, struct sc_err *err)
{
    for (out->mode = 0; sc_net_mode_name(out->driver, out->mode); out->mode++) {
        if (strcmp(value, sc_net_mode_name(out->driver, out->mode)) == 0)
            return 0;
    }
    out->mode = 0;
    return sc_err_set(err, SC_ERR_INVALID, "--opt %.80s: must be %s", option,
                      out->driver == SC_NET_MACVLAN ? "bridge, private, vepa or passthru" : "l2, l3 or l3s");
}

static int
parse_parent(const char *option, const char *value, struct sc_arena *arena, struct sc_network *out, struct sc_err *err)
{
    if (!*value || strlen(value) >= SC_NET_LINK_MAX || strpbrk(value, "/ \t\n"))
        return sc_err_set(err, SC_ERR_INVALID, "--opt %.80s: it is not the name of a link", option);
    out->bridge = sc_arena_strdup(arena, value);
    return sc_arena_check(arena, err);
}

static int
parse_mtu(const char *option, const char *value, struct sc_network *out, struct sc_err *err)
{
    uint32_t number = 0;

    if (sc_parse_u32(value, &number, err) < 0)
        return sc_err_wrap(err, "--opt %s", option);
    if (number < MTU_MIN || number > MTU_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "--opt %s: must be %d to %d", option, MTU_MIN, MTU_MAX);
    out->mtu = (int)number;
    return 0;
}

/* The bridge's own name. Those that we make up ourselves are no user's. */
static int
parse_bridge(const char *option, const char *value, struct sc_arena *arena, struct sc_network *out, struct sc_err *err)
{
    if (sc_str_starts(value, "sc"))
        return sc_err_set(err, SC_ERR_INVALID,
                          "--opt %.80s: names of links that begin with \"sc\" are made by sc itself", option);
    return parse_parent(option, value, arena, out, err);
}

static int
parse_binding(const char *option, const char *value, struct sc_network *out, struct sc_err *err)
{
    if (sc_address_parse(value, &out->binding, err) < 0)
        return sc_err_wrap(err, "--opt %.80s", option);
    if (sc_address_is_any(&out->binding))
        out->binding.len = 0;
    return 0;
}

/* What is on unless the value says no. */
static int
parse_off(const char *option, const char *value, bool *is_off, struct sc_err *err)
{
    bool is_on = false;

    if (sc_parse_bool(value, &is_on, err) < 0)
        return sc_err_wrap(err, "--opt %.80s", option);
    *is_off = !is_on;
    return 0;
}

/* podman's word for a mode is "mode", Docker's has the driver in it. */
int
sc_net_option_apply(const char *option, struct sc_arena *arena, struct sc_network *out, struct sc_err *err)
{
    static const char *const known[] = {
        [SC_NET_BRIDGE] = ("mtu=BYTES, icc=true|false, and Docker's com.docker.network.driver.mtu, .bridge.enable_icc, "
                           ".bridge.name, .bridge.enable_ip_masquerade and .bridge.host_binding_ipv4"),
        [SC_NET_MACVLAN] = "parent=LINK, macvlan_mode=MODE and mtu=BYTES",
        [SC_NET_IPVLAN] = "parent=LINK, ipvlan_mode=MODE and mtu=BYTES",
    };
    static const char docker[] = "com.docker.network.bridge.";
    const char *value = strchr(option, '='), *word = option + sizeof(docker) - 1;
    bool is_bridge = out->driver == SC_NET_BRIDGE;

    if (sc_str_starts(option, "mtu=") || sc_str_starts(option, "com.docker.network.driver.mtu="))
        return parse_mtu(option, value + 1, out, err);
    if (is_bridge && sc_str_starts(option, "icc="))
        return parse_off(option, value + 1, &out->forbids_icc, err);
    if (is_bridge && sc_str_starts(option, docker)) {
        if (sc_str_starts(word, "enable_icc="))
            return parse_off(option, value + 1, &out->forbids_icc, err);
        if (sc_str_starts(word, "name="))
            return parse_bridge(option, value + 1, arena, out, err);
        if (sc_str_starts(word, "host_binding_ipv4="))
            return parse_binding(option, value + 1, out, err);
        if (sc_str_starts(word, "enable_ip_masquerade="))
            return parse_off(option, value + 1, &out->keeps_source, err);
    }
    if (!is_bridge && sc_str_starts(option, "parent="))
        return parse_parent(option, value + 1, arena, out, err);
    if (!is_bridge && (sc_str_starts(option, "mode=") ||
                       sc_str_starts(option, out->driver == SC_NET_MACVLAN ? "macvlan_mode=" : "ipvlan_mode=")))
        return parse_mode(option, value + 1, out, err);
    return sc_err_set(err, SC_ERR_INVALID, "--opt %.80s: known are %s", option, known[out->driver]);
}
