/* Which networks a container is on: --network, as often as it was given, and what belongs to each of them. Pure. */
#include <stdio.h>
#include <string.h>

#include "engine/engine-priv.h"

static bool
is_default(const char *name)
{
    return strcmp(name, "bridge") == 0 || strcmp(name, SC_NET_DEFAULT) == 0;
}

static int
take_address(const char *word, const char *value, enum sc_family family, struct sc_arena *arena, char **out,
             struct sc_err *err)
{
    struct sc_address address;

    if (sc_address_parse(value, &address, err) < 0)
        return -1;
    if (sc_address_family(&address) != family)
        return sc_err_set(err, SC_ERR_INVALID, "%s=%s: it is an address of the other family", word, value);
    *out = sc_arena_strdup(arena, value);
    return sc_arena_check(arena, err);
}

static int
apply(const char *key, size_t key_len, const char *value, struct sc_arena *arena, struct sc_attachment *out,
      struct sc_err *err)
{
    static const struct {
        const char *word;
        char what;
    } known[] = {{"name", 'n'}, {"alias", 'a'}, {"ip", 'i'}, {"ip6", '6'}, {"mac", 'm'}, {"mac-address", 'm'}};
    unsigned char mac[6];

    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (strlen(known[i].word) != key_len || strncmp(known[i].word, key, key_len) != 0)
            continue;
        if (!*value)
            return sc_err_set(err, SC_ERR_INVALID, "%s= is empty", known[i].word);
        if (known[i].what == 'a')
            sc_strv_add(&out->aliases, arena, value);
        else if (known[i].what == 'n')
            out->name = sc_arena_strdup(arena, value);
        else if (known[i].what == 'i')
            return take_address(known[i].word, value, SC_V4, arena, &out->ip, err);
        else if (known[i].what == '6')
            return take_address(known[i].word, value, SC_V6, arena, &out->ip6, err);
        else if (known[i].what == 'm' && sc_mac_parse(value, mac, err) < 0)
            return -1;
        if (known[i].what == 'm')
            out->mac = sc_arena_strdup(arena, value);
        return sc_arena_check(arena, err);
    }
    return sc_err_set(err, SC_ERR_INVALID,
                      "unknown option \"%.*s\": known are alias=, ip=, ip6= and mac=", (int)key_len, key);
}

/* "KEY=VALUE,KEY=VALUE" */
static int
apply_all(const char *text, struct sc_arena *arena, struct sc_attachment *out, struct sc_err *err)
{
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, ","), key_len = strcspn(at, "=");
        const char *value = key_len < len ? sc_arena_strndup(arena, at + key_len + 1, len - key_len - 1) : "";

        if (!value)
            return sc_err_nomem(err);
        if (apply(at, key_len < len ? key_len : len, value, arena, out, err) < 0)
            return -1;
        at += len + (at[len] == ',');
    }
    return 0;
}

int
sc_attachment_parse(const char *text, struct sc_arena *arena, struct sc_attachment *out, struct sc_err *err)
{
    size_t len = strcspn(text, ":,=");
    bool is_list = text[len] == '=' || text[len] == ','; /* Docker's name=NAME,ip=.. */

    *out = (struct sc_attachment){.name = is_list ? NULL : sc_arena_strndup(arena, text, len)};
    if (apply_all(is_list ? text : text[len] ? text + len + 1 : "", arena, out, err) < 0)
        return -1;
    if (!out->name || !*out->name)
        return sc_err_set(err, SC_ERR_INVALID, "no network is named");
    if (strcmp(out->name, "default") == 0)
        out->name = sc_arena_strdup(arena, "bridge");
    return sc_arena_check(arena, err);
}

char *
sc_attachment_format(const struct sc_attachment *attachment, struct sc_arena *arena)
{
    sc_cleanup_buf out = SC_BUF_INIT;

    sc_buf_addf(&out, "name=%s", attachment->name);
    for (size_t i = 0; i < attachment->aliases.count; i++)
        sc_buf_addf(&out, ",alias=%s", attachment->aliases.items[i]);
    if (attachment->ip)
        sc_buf_addf(&out, ",ip=%s", attachment->ip);
    if (attachment->ip6)
        sc_buf_addf(&out, ",ip6=%s", attachment->ip6);
    if (attachment->mac)
        sc_buf_addf(&out, ",mac=%s", attachment->mac);
    return out.has_failed ? NULL : sc_arena_strdup(arena, sc_buf_str(&out));
}

/* The first is --network with the flags --ip, --ip6, --mac-address and --network-alias. */
int
sc_attachments_of(const struct sc_create_options *o, struct sc_arena *arena, struct sc_attachments *out,
                  struct sc_err *err)
{
    *out = (struct sc_attachments){.items = NULL};
    if (o->network.mode != SC_NS_BRIDGE)
        return 0;
    out->items = SC_ARENA_ARRAY(arena, struct sc_attachment, o->networks.count + 1);
    if (!out->items)
        return sc_err_nomem(err);
    out->items[out->count++] = (struct sc_attachment){
        .name = o->network.value, .ip = o->ip, .ip6 = o->ip6, .mac = o->mac_address, .aliases = o->network_aliases};
    for (size_t i = 0; i < o->networks.count; i++) {
        if (sc_attachment_parse(o->networks.items[i], arena, &out->items[out->count++], err) < 0)
            return sc_err_wrap(err, "--network \"%.100s\"", o->networks.items[i]);
    }
    return 0;
}

static int
check_names(const struct sc_strv *names, struct sc_err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

    for (size_t i = 0; i < names->count; i++) {
        size_t len = strlen(names->items[i]);

        if (len == 0 || len > 253 || strspn(names->items[i], letters) != len)
            return sc_err_set(err, SC_ERR_INVALID, "--network-alias \"%.100s\": it is not a host name",
                              names->items[i]);
    }
    return 0;
}

int
sc_attachment_check(const struct sc_attachment *a, struct sc_err *err)
{
    if ((a->ip || a->ip6) && is_default(a->name))
        return sc_err_set(err, SC_ERR_INVALID,
                          "--ip: user specified IP address is supported on user defined networks only");
    if (a->aliases.count > 0 && is_default(a->name))
        return sc_err_set(
            err, SC_ERR_INVALID,
            "--network-alias: network-scoped alias is supported only for containers in user defined networks");
    return check_names(&a->aliases, err);
}

static int
check_attachments(const struct sc_create_options *o, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_attachments all;

    if (sc_attachments_of(o, &arena, &all, err) < 0)
        return -1;
    if (all.count > SC_NET_ENDPOINTS_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "--network: a container can be on %d networks", SC_NET_ENDPOINTS_MAX);
    for (size_t i = 0; i < all.count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(all.items[i].name, all.items[k].name) == 0)
                return sc_err_set(err, SC_ERR_INVALID, "network \"%s\" is specified multiple times", all.items[i].name);
        }
        if (sc_attachment_check(&all.items[i], err) < 0)
            return -1;
    }
    return 0;
}

int
sc_check_network(const struct sc_create_options *o, struct sc_err *err)
{
    bool is_bridge = o->network.mode == SC_NS_BRIDGE;

    if (o->network.mode == SC_NS_CONTAINER && (o->publish.count > 0 || o->publish_all))
        return sc_err_set(err, SC_ERR_INVALID,
                          "conflicting options: port publishing and the container type network mode");
    if (o->network.mode == SC_NS_CONTAINER && o->expose.count > 0)
        return sc_err_set(err, SC_ERR_INVALID,
                          "conflicting options: port exposing and the container type network mode");
    if (o->network.mode == SC_NS_CONTAINER && (o->add_hosts.count > 0 || o->dns.count > 0))
        return sc_err_set(err, SC_ERR_INVALID,
                          "conflicting options: custom hosts or dns and the network mode container");
    if (!is_bridge && o->networks.count > 0)
        return sc_err_set(err, SC_ERR_INVALID,
                          "conflicting options: --network with a mode that has no link, and another --network");
    if (!is_bridge && (o->ip6 || (o->ip && o->network.mode != SC_NS_CNI)))
        return sc_err_set(err, SC_ERR_INVALID,
                          "--ip: user specified IP address is supported on user defined networks only");
    if (o->mac_address && !is_bridge && o->network.mode != SC_NS_CNI)
        return sc_err_set(err, SC_ERR_INVALID,
                          "conflicting options: --mac-address and a network mode that has no link");
    if ((o->net_rate_in > 0 || o->net_rate_out > 0) && !is_bridge)
        return sc_err_set(err, SC_ERR_INVALID,
                          "conflicting options: --net-rate-in or --net-rate-out and a network mode that has no link");
    if (o->network_aliases.count > 0 && !is_bridge)
        return sc_err_set(
            err, SC_ERR_INVALID,
            "--network-alias: network-scoped alias is supported only for containers in user defined networks");
    return check_attachments(o, err);
}

int
sc_ports_asked(const struct sc_container *c, struct sc_arena *arena, struct sc_ports *out, struct sc_err *err)
{
    struct sc_ports exposed = {.items = NULL};

    for (size_t i = 0; i < c->options.publish.count; i++) {
        if (sc_port_parse(c->options.publish.items[i], arena, out, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < c->exposed.count && c->options.publish_all; i++) {
        if (sc_expose_parse(c->exposed.items[i], arena, &exposed, err) < 0)
            return -1;
    }
    size_t published = out->count;
    for (size_t i = 0; i < exposed.count; i++) {
        char text[32];
        bool is_there = false;

        for (size_t k = 0; k < published; k++)
            is_there = is_there ||
                       (out->items[k].port == exposed.items[i].port && out->items[k].proto == exposed.items[i].proto);
        (void)snprintf(text, sizeof(text), "%u/%s", exposed.items[i].port, sc_proto_name(exposed.items[i].proto));
        if (!is_there && sc_port_parse(text, arena, out, err) < 0)
            return -1;
    }
    return 0;
}
