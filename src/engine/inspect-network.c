/* Networks and ports in Docker's words: inspect's NetworkSettings and PortBindings, the PORTS of ps. */
#include <stdio.h>
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
    sc_address_format(port->host_address, address);
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

static json_t *
ports_of(const struct sc_container *c, const struct sc_endpoint *e)
{
    json_t *out = json_object();

    for (size_t i = 0; i < c->exposed.count && e->network.name; i++)
        (void)json_object_set_new(out, c->exposed.items[i], json_null());
    for (size_t i = 0; i < e->ports.count; i++)
        add_port(out, &e->ports.items[i]);
    return out;
}

json_t *
sc_network_settings(struct sc_engine *engine, const struct sc_container *c, struct sc_arena *arena, struct sc_err *err)
{
    char address[SC_NET_ADDRESS_MAX] = "", gateway[SC_NET_ADDRESS_MAX] = "", mac[18] = "";
    json_t *networks = json_object(), *aliases = json_array(), *out, *one;
    struct sc_endpoint e;
    bool is_on;

    if (sc_engine_endpoint(engine, c, arena, &e, err) < 0) {
        json_decref(networks);
        json_decref(aliases);
        return NULL;
    }
    is_on = e.network.name != NULL;
    for (size_t i = 0; i < c->options.network_aliases.count; i++)
        (void)json_array_append_new(aliases, json_string(c->options.network_aliases.items[i]));
    if (is_on) {
        sc_address_format(e.address, address);
        sc_mac_format(e.mac, mac);
    }
    if (is_on && !e.network.is_internal)
        sc_address_format(e.network.gateway, gateway);
    one = json_pack("{s:o, s:s, s:s, s:s, s:i, s:s}", "Aliases", aliases, "NetworkID", is_on ? e.network.id : "",
                    "Gateway", gateway, "IPAddress", address, "IPPrefixLen", is_on ? (int)e.network.subnet.prefix : 0,
                    "MacAddress", mac);
    if (c->options.network.mode == SC_NS_BRIDGE)
        (void)json_object_set(networks, c->options.network.value, one);
    json_decref(one);
    out = json_pack("{s:s, s:s, s:o, s:s, s:s, s:i, s:s, s:o}", "SandboxID", "", "Bridge",
                    is_on ? e.network.bridge : "", "Ports", ports_of(c, &e), "Gateway", gateway, "IPAddress", address,
                    "IPPrefixLen", is_on ? (int)e.network.subnet.prefix : 0, "MacAddress", mac, "Networks", networks);
    if (!out)
        sc_err_nomem(err);
    return out;
}

int
sc_engine_ports_text(struct sc_engine *engine, const struct sc_container *c, struct sc_buf *out, struct sc_err *err)
{
    bool is_up = c->status == SC_STATUS_RUNNING || c->status == SC_STATUS_PAUSED;
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_ports ports = {.items = NULL};
    struct sc_net net;

    if (c->options.network.mode != SC_NS_BRIDGE || !is_up)
        return 0;
    sc_engine_net(engine, &net);
    if (sc_ports_of(&net, c->id, &arena, &ports, err) < 0)
        return -1;
    for (size_t i = 0; i < c->exposed.count; i++) {
        bool is_published = false;

        for (size_t k = 0; k < ports.count; k++) {
            char text[32];

            (void)snprintf(text, sizeof(text), "%u/%s", ports.items[k].port, sc_proto_name(ports.items[k].proto));
            is_published = is_published || strcmp(text, c->exposed.items[i]) == 0;
        }
        if (!is_published)
            sc_buf_addf(out, "%s%s", out->len ? ", " : "", c->exposed.items[i]);
    }
    for (size_t i = 0; i < ports.count; i++) {
        const struct sc_port *p = &ports.items[i];
        char address[SC_NET_ADDRESS_MAX];

        sc_address_format(p->host_address, address);
        sc_buf_addf(out, "%s%s:%u->%u/%s", out->len ? ", " : "", address, p->host_port, p->port,
                    sc_proto_name(p->proto));
    }
    return sc_buf_check(out, err);
}
