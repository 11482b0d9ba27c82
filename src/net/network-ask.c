/* A network from what was asked, without subnet where none was given. Pure. */
#include <string.h>

#include "net/net-priv.h"

static const char *const reserved[] = {"bridge",  "host",    "none",  "container",
                                       "default", "private", "pasta", "slirp4netns"};

static int
check_name(const char *name, struct sc_err *err)
{
    size_t len = strlen(name);
    bool is_good = len >= 1 && len <= SC_NET_NAME_MAX && !strchr("_.-", name[0]) &&
                   strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;

    if (!is_good) {
        sc_err_set(err, SC_ERR_INVALID, "invalid network name \"%.80s\"", name);
        return sc_err_remedy(err, "use [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most %d characters", SC_NET_NAME_MAX);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(reserved); i++) {
        if (strcmp(name, reserved[i]) == 0)
            return sc_err_set(err, SC_ERR_INVALID, "network name \"%s\" is reserved", name);
    }
    return 0;
}

/* The pool of the family that the text is of, once its subnet is known. */
static struct sc_pool *
pool_of(const char *text, struct sc_network *network)
{
    return &network->pools[strchr(text, ':') ? SC_V6 : SC_V4];
}

static int
no_subnet(const char *flag, const char *text, struct sc_err *err)
{
    return sc_err_set(err, SC_ERR_INVALID, "%s %.80s: it needs a --subnet of its family", flag, text);
}

static int
take_subnet(const char *text, struct sc_network *out, struct sc_err *err)
{
    struct sc_pool *pool = pool_of(text, out);
    struct sc_subnet subnet;

    if (sc_subnet_parse(text, &subnet, err) < 0)
        return sc_err_wrap(err, "--subnet");
    if (pool->subnet.base.len > 0)
        return sc_err_set(err, SC_ERR_INVALID, "--subnet %s: a network has one of each family", text);
    if (subnet.prefix > 8U * subnet.base.len - 2)
        return sc_err_set(err, SC_ERR_INVALID, "--subnet %s: it has no room for a gateway and a container", text);
    *pool = (struct sc_pool){.subnet = subnet, .range = subnet, .gateway = sc_address_next(&subnet.base)};
    return 0;
}

static int
take_range(const char *text, struct sc_network *out, struct sc_err *err)
{
    struct sc_pool *pool = pool_of(text, out);
    char subnet[SC_NET_CIDR_MAX];

    if (pool->subnet.base.len == 0)
        return no_subnet("--ip-range", text, err);
    if (sc_subnet_parse(text, &pool->range, err) < 0)
        return sc_err_wrap(err, "--ip-range");
    sc_subnet_format(&pool->subnet, subnet);
    return sc_subnet_has(&pool->subnet, &pool->range.base) && pool->range.prefix >= pool->subnet.prefix
               ? 0
               : sc_err_set(err, SC_ERR_INVALID, "--ip-range %s is not inside the subnet %s", text, subnet);
}

static int
take_host(const char *flag, const char *text, struct sc_network *network, struct sc_address *out, struct sc_err *err)
{
    const struct sc_pool *pool = pool_of(text, network);
    char subnet[SC_NET_CIDR_MAX];

    if (pool->subnet.base.len == 0)
        return no_subnet(flag, text, err);
    if (sc_address_parse(text, out, err) < 0)
        return sc_err_wrap(err, "%s", flag);
    sc_subnet_format(&pool->subnet, subnet);
    return sc_subnet_has_host(&pool->subnet, out)
               ? 0
               : sc_err_set(err, SC_ERR_INVALID, "%s %s is no host of the subnet %s", flag, text, subnet);
}

int
sc_network_reserve(struct sc_network *network, struct sc_arena *arena, struct sc_err *err)
{
    network->reserved = SC_ARENA_ARRAY(arena, struct sc_address, network->aux.count + 1);
    if (!network->reserved)
        return sc_err_nomem(err);
    for (size_t i = 0; i < network->aux.count; i++) {
        const char *text = network->aux.items[i], *value = strchr(text, '=');

        if (!value || value == text)
            return sc_err_set(err, SC_ERR_INVALID, "--aux-address \"%.80s\": it is not NAME=ADDRESS", text);
        if (take_host("--aux-address", value + 1, network, &network->reserved[network->reserved_count], err) < 0)
            return -1;
        network->reserved_count++;
    }
    return 0;
}

static int
take_pools(const struct sc_network_ask *ask, struct sc_arena *arena, struct sc_network *out, struct sc_err *err)
{
    for (size_t i = 0; i < ask->subnets.count; i++) {
        if (take_subnet(ask->subnets.items[i], out, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < ask->ranges.count; i++) {
        if (take_range(ask->ranges.items[i], out, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < ask->gateways.count; i++) {
        const char *text = ask->gateways.items[i];

        if (take_host("--gateway", text, out, &pool_of(text, out)->gateway, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < ask->aux.count; i++)
        sc_strv_add(&out->aux, arena, ask->aux.items[i]);
    return sc_network_reserve(out, arena, err);
}

int
sc_network_resolve(const struct sc_network_ask *ask, struct sc_arena *arena, struct sc_network *out, struct sc_err *err)
{
    *out = (struct sc_network){.name = sc_arena_strdup(arena, ask->name), .is_internal = ask->is_internal};
    if (check_name(ask->name, err) < 0)
        return -1;
    if (ask->subnets.count == 0 && ask->gateways.count + ask->ranges.count + ask->aux.count > 0)
        return sc_err_set(err, SC_ERR_INVALID, "--gateway, --ip-range and --aux-address need --subnet");
    if (sc_net_driver_parse(ask->driver, &out->driver, err) < 0)
        return -1;
    for (size_t i = 0; i < ask->options.count; i++) {
        sc_strv_add(&out->options, arena, ask->options.items[i]);
        if (sc_net_option_apply(ask->options.items[i], arena, out, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < ask->labels.count; i++)
        sc_strv_add(&out->labels, arena, ask->labels.items[i]);
    return take_pools(ask, arena, out, err) < 0 ? -1 : sc_arena_check(arena, err);
}
