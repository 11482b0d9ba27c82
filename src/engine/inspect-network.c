/* Networks and ports in Docker's words: inspect's NetworkSettings and PortBindings, the PORTS of ps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine-priv.h"

static void
add_port(json_t *ports, const struct sc_port *port)
{
    char address[SC_NET_ADDRESS_MAX], key[32];
    json_t *list;

    (void)snprintf(key, sizeof(key), "%u/%s", port->port, sc_proto_name(port->proto));
    list = json_object_get(ports, key);
    if (!json_is_array(list)) {
        list = json_array();
        (void)json_object_set_new(ports, key, list);
    }
    sc_address_format(&port->host_address, address);
    (void)json_array_append_new(list,
                                json_pack("{s:s, s:o}", "HostIp", address, "HostPort",
                                          port->host_port ? json_sprintf("%u", port->host_port) : json_string("")));
}

json_t *
sc_port_bindings(const struct sc_container *c)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_ports asked = {.items = NULL};
    struct sc_err ignored = SC_ERR_INIT;
    json_t *out = json_object();

    for (size_t i = 0; i < c->options.publish.count; i++)
        (void)!sc_port_parse(c->options.publish.items[i], &arena, &asked, &ignored);
    for (size_t i = 0; i < asked.count; i++)
        add_port(out, &asked.items[i]);
    return out;
}

json_t *
sc_exposed_ports(const struct sc_container *c)
{
    sc_cleanup_json bindings = sc_port_bindings(c);
    json_t *out = json_object(), *binding;
    const char *port;

    for (size_t i = 0; i < c->exposed.count; i++)
        (void)json_object_set_new(out, c->exposed.items[i], json_object());
    json_object_foreach (bindings, port, binding)
        (void)json_object_set_new(out, port, json_object());
    return out;
}

static json_t *
ports_of(const struct sc_container *c, bool is_on, const struct sc_ports *ports)
{
    json_t *out = json_object();

    for (size_t i = 0; i < c->exposed.count && is_on; i++)
        (void)json_object_set_new(out, c->exposed.items[i], json_null());
    for (size_t i = 0; i < ports->count; i++)
        add_port(out, &ports->items[i]);
    return out;
}

/* Of a container's place on a network: one id of both theirs. */
static json_t *
endpoint_id(const struct sc_container *c, const struct sc_endpoint *e)
{
    static const char digits[] = "0123456789abcdef";
    char id[SC_ID_LEN + 1] = "";

    for (size_t i = 0; e && i < SC_ID_LEN; i++) {
        const char *own = strchr(digits, c->id[i]), *network = strchr(digits, e->network.id[i]);

        id[i] = digits[(own ? own - digits : 0) ^ (network ? network - digits : 0)];
    }
    return json_string(id);
}

/* What its neighbours call it there. */
static json_t *
dns_names(const struct sc_container *c, const struct sc_attachment *a, const struct sc_endpoint *e)
{
    json_t *out;

    if (!e || !sc_network_has_names(&e->network))
        return json_null();
    out = json_pack("[s, s%]", c->name, c->id, (size_t)SC_ID_SHORT);
    for (size_t i = 0; i < a->aliases.count; i++)
        (void)json_array_append_new(out, json_string(a->aliases.items[i]));
    return out;
}

/* e NULL: the container does not run. */
static json_t *
one_network(const struct sc_container *c, const struct sc_attachment *a, const struct sc_endpoint *e)
{
    char addresses[SC_FAMILIES][SC_NET_ADDRESS_MAX] = {"", ""}, gateways[SC_FAMILIES][SC_NET_ADDRESS_MAX] = {"", ""};
    int prefixes[SC_FAMILIES] = {0, 0};
    json_t *aliases = a->aliases.count > 0 ? json_array() : json_null(), *asked;
    char mac[18] = "";

    for (size_t i = 0; i < a->aliases.count; i++)
        (void)json_array_append_new(aliases, json_string(a->aliases.items[i]));
    if (e && e->network.driver != SC_NET_IPVLAN) /* its parent's */
        sc_mac_format(e->mac, mac);
    for (int f = 0; f < SC_FAMILIES && e; f++) {
        if (e->addresses[f].len == 0)
            continue;
        sc_address_format(&e->addresses[f], addresses[f]);
        prefixes[f] = (int)e->network.pools[f].subnet.prefix;
        if (!e->network.is_internal)
            sc_address_format(&e->network.pools[f].gateway, gateways[f]);
    }
    asked = a->ip || a->ip6 ? json_object() : json_null();
    if (a->ip)
        (void)json_object_set_new(asked, "IPv4Address", json_string(a->ip));
    if (a->ip6)
        (void)json_object_set_new(asked, "IPv6Address", json_string(a->ip6));
    return json_pack("{s:o, s:n, s:o, s:s, s:o, s:s, s:s, s:i, s:s, s:s, s:i, s:s, s:n, s:i, s:o}", "IPAMConfig", asked,
                     "Links", "Aliases", aliases, "NetworkID", e ? e->network.id : "", "EndpointID", endpoint_id(c, e),
                     "Gateway", gateways[SC_V4], "IPAddress", addresses[SC_V4], "IPPrefixLen", prefixes[SC_V4],
                     "IPv6Gateway", gateways[SC_V6], "GlobalIPv6Address", addresses[SC_V6], "GlobalIPv6PrefixLen",
                     prefixes[SC_V6], "MacAddress", mac, "DriverOpts", "GwPriority", 0, "DNSNames", dns_names(c, a, e));
}

/* By name or by id, as it was asked for. */
static bool
is_named(const struct sc_network *network, const char *name)
{
    return strcmp(network->name, name) == 0 || sc_str_starts(network->id, name) ||
           (strcmp(name, "bridge") == 0 && strcmp(network->name, SC_NET_DEFAULT) == 0);
}

/* Its network namespace, for nsenter --net=: "" where it does not run. */
static const char *
sandbox_of(struct sc_engine *engine, const struct sc_container *c, struct sc_arena *arena)
{
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_state state = {0};
    const char *path = NULL;

    if (sc_engine_running_state(engine, c, arena, &state, &ignored) == 0)
        path = sc_arena_printf(arena, "/proc/%d/ns/net", (int)state.pid);
    return path ? path : "";
}

/* What is there whatever the networks are; ports and networks are taken. */
static json_t *
settings(struct sc_engine *engine, const struct sc_container *c, const char *bridge, json_t *ports, json_t *networks,
         struct sc_arena *arena, struct sc_err *err)
{
    const char *key = sandbox_of(engine, c, arena);
    json_t *out =
        json_pack("{s:s, s:s, s:s, s:b, s:s, s:i, s:n, s:n, s:o, s:o}", "SandboxID", *key ? c->id : "", "SandboxKey",
                  key, "Bridge", bridge, "HairpinMode", 0, "LinkLocalIPv6Address", "", "LinkLocalIPv6PrefixLen", 0,
                  "SecondaryIPAddresses", "SecondaryIPv6Addresses", "Ports", ports, "Networks", networks);

    if (!out)
        sc_err_nomem(err);
    return out;
}

/* Of a network that CNI's plugins or a program without privilege have made. */
static json_t *
helped_settings(struct sc_engine *engine, const struct sc_container *c, struct sc_arena *arena, struct sc_err *err)
{
    bool is_up = c->status == SC_STATUS_RUNNING || c->status == SC_STATUS_PAUSED;
    sc_cleanup_json state = is_up ? sc_helper_state(engine, c) : NULL;
    const char *kind = c->options.network.mode == SC_NS_CNI ? "cni:" : "", *slash;
    struct sc_ports ports = {.items = NULL};
    struct sc_cni_address found;
    json_t *one, *out;
    struct sc_net net;

    sc_engine_net(engine, &net);
    if (is_up && sc_ports_of(&net, c->id, arena, &ports, err) < 0)
        return NULL;
    sc_cni_result(state, &found);
    slash = strchr(found.address, '/');
    one = json_pack("{s:[], s:s, s:s, s:o, s:i, s:s}", "Aliases", "NetworkID", "", "Gateway", found.gateway,
                    "IPAddress", json_stringn(found.address, strcspn(found.address, "/")), "IPPrefixLen",
                    slash ? (int)strtol(slash + 1, NULL, 10) : 0, "MacAddress", found.mac);
    out = settings(engine, c, "", ports_of(c, is_up, &ports), json_object(), arena, err);
    if (!one || !out) {
        json_decref(one);
        json_decref(out);
        (void)sc_err_nomem(err);
        return NULL;
    }
    (void)json_object_update_missing(out, one);
    (void)(json_object_del(out, "Aliases") + json_object_del(out, "NetworkID"));
    (void)json_object_set_new(json_object_get(out, "Networks"),
                              sc_arena_printf(arena, "%s%s", kind, c->options.network.value), one);
    return out;
}

json_t *
sc_network_settings(struct sc_engine *engine, const struct sc_container *c, struct sc_arena *arena, struct sc_err *err)
{
    /* members of each of its networks, which are none of the container's */
    static const char *const only_there[] = {"Aliases",    "NetworkID", "IPAMConfig", "Links",
                                             "DriverOpts", "DNSNames",  "GwPriority"};
    struct sc_ports ports = {.items = NULL};
    struct sc_endpoint *endpoints;
    struct sc_attachments all;
    const char *bridge = "";
    json_t *networks, *first, *out;
    struct sc_net net;
    size_t count;

    if (sc_network_is_helped(&c->options))
        return helped_settings(engine, c, arena, err);
    sc_engine_net(engine, &net);
    if (sc_engine_endpoints(engine, c, arena, &endpoints, &count, err) < 0 ||
        sc_attachments_of(&c->options, arena, &all, err) < 0 ||
        (count > 0 && sc_ports_of(&net, c->id, arena, &ports, err) < 0))
        return NULL;
    if (count > 0 && endpoints[0].network.driver == SC_NET_BRIDGE)
        bridge = endpoints[0].network.bridge;
    networks = json_object();
    first = one_network(c, &(struct sc_attachment){.name = NULL}, count > 0 ? &endpoints[0] : NULL);
    for (size_t i = 0; i < all.count; i++) {
        const struct sc_endpoint *e = NULL;

        for (size_t k = 0; k < count; k++) {
            if (is_named(&endpoints[k].network, all.items[i].name))
                e = &endpoints[k];
        }
        (void)json_object_set_new(networks, all.items[i].name, one_network(c, &all.items[i], e));
    }
    /* Docker counts these two among the networks. */
    if (c->options.network.mode == SC_NS_NONE || c->options.network.mode == SC_NS_PRIVATE)
        (void)json_object_set_new(networks, "none", one_network(c, &(struct sc_attachment){.name = NULL}, NULL));
    else if (c->options.network.mode == SC_NS_HOST)
        (void)json_object_set_new(networks, "host", one_network(c, &(struct sc_attachment){.name = NULL}, NULL));
    out = settings(engine, c, bridge, ports_of(c, count > 0, &ports), networks, arena, err);
    if (out)
        (void)json_object_update_missing(out, first);
    for (size_t i = 0; i < SC_ARRAY_LEN(only_there) && out; i++)
        (void)json_object_del(out, only_there[i]);
    json_decref(first);
    return out;
}

/* ---- the PORTS of ps --------------------------------------------------------------------------------------------- */

/* Ports in a row with the same number on both sides, or unpublished: "8000-8002". */
struct run {
    struct sc_address address; /* of the host; none: not published */
    uint8_t proto;
    uint16_t first, last;
};

static void
add_run(const struct run *run, struct sc_buf *out)
{
    char address[SC_NET_ADDRESS_MAX + 2], numbers[sizeof("65535-65535")];

    (void)snprintf(numbers, sizeof(numbers), run->first == run->last ? "%u" : "%u-%u", run->first, run->last);
    sc_address_format_host(&run->address, address);
    sc_buf_adds(out, out->len ? ", " : "");
    if (run->address.len > 0)
        sc_buf_addf(out, "%s:%s->", address, numbers);
    sc_buf_addf(out, "%s/%s", numbers, sc_proto_name(run->proto));
}

/* The open one that a port of this place belongs to; count: none. */
static size_t
find_run(const struct run *runs, size_t count, const struct sc_port *p)
{
    for (size_t i = 0; i < count; i++) {
        if (runs[i].proto == p->proto && sc_address_compare(&runs[i].address, &p->host_address) == 0)
            return i;
    }
    return count;
}

static int
by_container_port(const void *a, const void *b)
{
    const struct sc_port *left = a, *right = b;
    int result = sc_address_compare(&left->host_address, &right->host_address);

    if (left->port != right->port)
        return left->port < right->port ? -1 : 1;
    if (result != 0)
        return result;
    if (left->host_port != right->host_port)
        return left->host_port < right->host_port ? -1 : 1;
    return left->proto < right->proto ? -1 : left->proto > right->proto;
}

/* Exposed and published, by port. */
static int
all_ports(const struct sc_strv *exposed, const struct sc_ports *published, struct sc_arena *arena, struct sc_ports *out,
          struct sc_err *err)
{
    *out = (struct sc_ports){.items = SC_ARENA_ARRAY(arena, struct sc_port, exposed->count + published->count + 1)};
    if (!out->items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < published->count; i++)
        out->items[out->count++] = published->items[i];
    for (size_t i = 0; i < exposed->count; i++) {
        struct sc_ports one = {.items = NULL};
        struct sc_err ignored = SC_ERR_INIT;
        bool is_published = false;

        if (sc_expose_parse(exposed->items[i], arena, &one, &ignored) < 0 || one.count != 1)
            continue;
        for (size_t k = 0; k < published->count; k++)
            is_published = is_published || (published->items[k].port == one.items[0].port &&
                                            published->items[k].proto == one.items[0].proto);
        if (!is_published)
            out->items[out->count++] = (struct sc_port){.port = one.items[0].port, .proto = one.items[0].proto};
    }
    if (out->count > 0)
        qsort(out->items, out->count, sizeof(*out->items), by_container_port);
    return 0;
}

/* As Docker: runs that are over, then the last one of each place, then those with another number on the host. */
int
sc_ports_text(const struct sc_strv *exposed, const struct sc_ports *published, struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_ports all;
    struct run *runs;
    size_t count = 0;

    if (all_ports(exposed, published, &arena, &all, err) < 0)
        return -1;
    runs = SC_ARENA_ARRAY(&arena, struct run, all.count + 1);
    if (!runs)
        return sc_err_nomem(err);
    for (size_t i = 0; i < all.count; i++) {
        const struct sc_port *p = &all.items[i];
        size_t at = find_run(runs, count, p);

        if (p->host_address.len > 0 && p->host_port != p->port)
            continue;
        if (at < count && p->port == runs[at].last + 1) {
            runs[at].last = p->port;
            continue;
        }
        if (at < count)
            add_run(&runs[at], out);
        count += at == count;
        runs[at] = (struct run){.address = p->host_address, .proto = p->proto, .first = p->port, .last = p->port};
    }
    for (size_t i = 0; i < count; i++)
        add_run(&runs[i], out);
    for (size_t i = 0; i < all.count; i++) {
        const struct sc_port *p = &all.items[i];
        char address[SC_NET_ADDRESS_MAX + 2];

        if (p->host_address.len == 0 || p->host_port == p->port)
            continue;
        sc_address_format_host(&p->host_address, address);
        sc_buf_addf(out, "%s%s:%u->%u/%s", out->len ? ", " : "", address, p->host_port, p->port,
                    sc_proto_name(p->proto));
    }
    return sc_buf_check(out, err);
}

int
sc_engine_ports_text(struct sc_engine *engine, const struct sc_container *c, struct sc_buf *out, struct sc_err *err)
{
    bool is_up = c->status == SC_STATUS_RUNNING || c->status == SC_STATUS_PAUSED;
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_ports ports = {.items = NULL};
    struct sc_net net;

    if ((c->options.network.mode != SC_NS_BRIDGE && !sc_network_is_helped(&c->options)) || !is_up)
        return 0;
    sc_engine_net(engine, &net);
    if (sc_ports_of(&net, c->id, &arena, &ports, err) < 0)
        return -1;
    return sc_ports_text(&c->exposed, &ports, out, err);
}
