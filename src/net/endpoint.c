/* A container's place on a network: leases taken, packets made, undo written. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/net-priv.h"

#define LINK_ID_LEN 12
#define QUEUES      " numtxqueues 1 numrxqueues 1"

void
sc_endpoint_link(const char *id, unsigned index, char out[SC_NET_LINK_MAX])
{
    if (index == 0)
        (void)snprintf(out, SC_NET_LINK_MAX, "scv%.*s", LINK_ID_LEN, id);
    else
        (void)snprintf(out, SC_NET_LINK_MAX, "scv%.*s-%x", LINK_ID_LEN - 2, id, index % SC_NET_ENDPOINTS_MAX);
}

void
sc_endpoint_release(const struct sc_net *net, const struct sc_endpoint *endpoint, const char *id)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_net_ask ask = {.undo = NULL};
    struct sc_err ignored = SC_ERR_INIT;

    if (sc_endpoint_packets(net, endpoint, 1, id, &arena, &ask, &ignored) == 0)
        (void)!sc_undo_run(ask.undo, &ignored);
}

static int
lease_addresses(const struct sc_net *net, const struct sc_endpoint_ask *ask, bool is_dry, struct sc_endpoint *out,
                struct sc_err *err)
{
    static const char *const words[] = {[SC_V4] = "--ip", [SC_V6] = "--ip6"};
    char mac[18];

    for (int f = 0; f < SC_FAMILIES; f++) {
        if (!sc_network_has(&out->network, f) && ask->ip[f])
            return sc_err_set(err, SC_ERR_INVALID, "%s %s: network \"%s\" has no subnet of that family", words[f],
                              ask->ip[f], out->network.name);
        if (!sc_network_has(&out->network, f))
            continue;
        sc_mac_format(out->mac, mac);
        if (sc_lease_address(net, &out->network, f, ask, f == SC_V4 && !ask->mac ? NULL : mac, is_dry,
                             &out->addresses[f], err) < 0)
            return -1;
        if (f == SC_V4 && !ask->mac)
            sc_mac_of(&out->addresses[f], out->mac);
    }
    return 0;
}

/* Networks that ports cannot lead to have no way in, or need none; Docker leaves them out without a word. */
static int
lease_ports(const struct sc_net *net, const struct sc_endpoint_ask *ask, bool is_dry, struct sc_endpoint *out,
            struct sc_err *err)
{
    for (size_t i = 0; i < ask->ports.count && sc_network_publishes(&out->network); i++) {
        struct sc_port port = ask->ports.items[i];

        if (port.host_address.len == 0)
            port.host_address = out->network.binding;
        if (sc_lease_port(net, ask->id, out->addresses, &port, is_dry, &out->ports, err) < 0)
            return -1;
        if (out->ports.items[out->ports.count - 1].has_beside) {
            struct sc_port *beside = &out->beside.items[out->beside.count++];

            *beside = out->ports.items[out->ports.count - 1];
            beside->host_address = (struct sc_address){.len = 16};
        }
    }
    return 0;
}

bool
sc_port_is_carried(const struct sc_endpoint *endpoint, const struct sc_port *port)
{
    return endpoint->addresses[sc_address_family(&port->host_address)].len == 0;
}

int
sc_endpoint_make(const struct sc_net *net, const struct sc_network *network, const struct sc_endpoint_ask *ask,
                 bool is_dry, struct sc_arena *arena, struct sc_endpoint *out, struct sc_err *err)
{
    *out = (struct sc_endpoint){.network = *network,
                                .index = ask->index,
                                .has_route = ask->has_route && !network->is_internal,
                                .rate_in = ask->rate_in,
                                .rate_out = ask->rate_out};
    if (network->driver != SC_NET_BRIDGE && (ask->rate_in > 0 || ask->rate_out > 0))
        return sc_err_set(err, SC_ERR_UNSUPPORTED,
                          "--net-rate-in and --net-rate-out: network \"%s\" (%s) has no links on the host",
                          network->name, sc_net_driver_name(network->driver));
    if (ask->mac && network->driver == SC_NET_IPVLAN)
        return sc_err_set(err, SC_ERR_INVALID, "--mac-address: links of ipvlan have the MAC address of their parent");
    if (ask->mac && sc_mac_parse(ask->mac, out->mac, err) < 0)
        return sc_err_wrap(err, "--mac-address");
    sc_endpoint_link(ask->id, ask->index, out->link);
    out->ignores_ra = faccessat(AT_FDCWD, "/proc/sys/net/ipv6", F_OK, 0) == 0; /* lint: the kernel's own */
    out->ports.items = SC_ARENA_ARRAY(arena, struct sc_port, ask->ports.count * SC_FAMILIES + 1);
    out->beside.items = SC_ARENA_ARRAY(arena, struct sc_port, ask->ports.count + 1);
    if (!out->ports.items || !out->beside.items)
        return sc_err_nomem(err);
    if (lease_addresses(net, ask, is_dry, out, err) == 0 && lease_ports(net, ask, is_dry, out, err) == 0)
        return 0;
    if (!is_dry)
        sc_endpoint_release(net, out, ask->id);
    return -1;
}

/* "ports '{ tcp . 8080 : 172.17.0.2 . 80 }'"; address NULL: the key alone. */
static void
add_element_text(const struct sc_port *p, const char *address, struct sc_buf *out)
{
    char host[SC_NET_ADDRESS_MAX];
    bool is_any = sc_address_is_any(&p->host_address);

    sc_address_format(&p->host_address, host);
    sc_buf_addf(out, "%s '{ %s%s%s . %u", sc_firewall_map(p), is_any ? "" : host, is_any ? "" : " . ",
                sc_proto_name(p->proto), p->host_port);
    if (address)
        sc_buf_addf(out, " : %s . %u", address, p->port);
    sc_buf_adds(out, " }'");
}

/* What it may send as. */
static size_t
own_addresses(const struct sc_endpoint *e, struct sc_address out[SC_FAMILIES + 1])
{
    size_t count = 0;

    for (int f = 0; f < SC_FAMILIES; f++) {
        if (e->addresses[f].len > 0)
            out[count++] = e->addresses[f];
    }
    if (e->addresses[SC_V6].len > 0)
        out[count++] = sc_link_local(e->mac);
    return count;
}

static void
add_guards(const struct sc_endpoint *e, struct sc_buf *data, struct sc_buf *title, struct sc_buf *shell)
{
    struct sc_address own[SC_FAMILIES + 1];
    size_t count = own_addresses(e, own);
    char address[SC_NET_ADDRESS_MAX];

    for (size_t i = 0; i < count; i++) {
        sc_cleanup_buf element = SC_BUF_INIT;

        sc_guard_add(e->link, e->mac, &own[i], data);
        sc_address_format(&own[i], address);
        if (i == 0)
            sc_buf_addf(title, "%slet %s send as %s", title->len ? ", " : "", e->link, address);
        else
            sc_buf_addf(title, "%s %s", i + 1 < count ? "," : " and", address);
        for (size_t n = 0; sc_guard_shell(n, e->link, e->mac, &own[i], &element); n++) {
            sc_buf_addf(shell, "%snft add element bridge sc %s", shell->len ? "; " : "", sc_buf_str(&element));
            sc_buf_clear(&element);
        }
    }
    sc_buf_adds(title, " only");
}

static void
add_elements(const struct sc_endpoint *e, struct sc_buf *data, struct sc_buf *title, struct sc_buf *shell)
{
    char address[SC_NET_ADDRESS_MAX], host[SC_NET_ADDRESS_MAX + 2];

    if (e->network.is_guarded)
        add_guards(e, data, title, shell);
    for (size_t i = 0; i < e->ports.count; i++) {
        const struct sc_port *p = &e->ports.items[i];
        const struct sc_address *to = &e->addresses[sc_address_family(&p->host_address)];

        if (sc_port_is_carried(e, p))
            continue;
        sc_firewall_add_port(p, to, data);
        sc_address_format_host(&p->host_address, host);
        sc_address_format(to, address);
        sc_buf_addf(title, "%spublish %s:%u/%s", title->len ? ", " : "", host, p->host_port, sc_proto_name(p->proto));
        sc_buf_addf(shell, "%snft add element inet sc ", shell->len ? "; " : "");
        add_element_text(p, address, shell);
    }
}

static const char *
why_firewall(const struct sc_endpoint *endpoints, size_t count, const struct sc_buf *title)
{
    bool is_guarded = false, has_ports = strstr(sc_buf_str(title), "publish ") != NULL;

    for (size_t i = 0; i < count; i++)
        is_guarded = is_guarded || endpoints[i].network.is_guarded;
    if (!is_guarded)
        return "the host's ports lead to the container";
    return has_ports ? "it can pretend to be no other, and the host's ports lead to it"
                     : "it can pretend to be no other: the bridge drops what it sends as somebody else";
}

/* One transaction for all; NULL: nothing to add. */
static int
make_firewall(const struct sc_endpoint *endpoints, size_t count, struct sc_arena *arena, struct sc_net_packet **out,
              struct sc_err *err)
{
    sc_cleanup_buf data = SC_BUF_INIT, shell = SC_BUF_INIT, title = SC_BUF_INIT;

    *out = NULL;
    sc_nl_batch_begin(&data);
    for (size_t i = 0; i < count; i++)
        add_elements(&endpoints[i], &data, &title, &shell);
    sc_nl_batch_end(&data);
    if (title.len == 0)
        return 0;
    *out = sc_packet_of(arena, NETLINK_NETFILTER, sc_arena_strdup(arena, sc_buf_str(&title)),
                        sc_arena_strdup(arena, sc_buf_str(&shell)), &data);
    if (!*out)
        return sc_err_nomem(err);
    (*out)->why = why_firewall(endpoints, count, &title);
    (*out)->waits_if_taken = true;
    return 0;
}

/* macvlan, ipvlan */
static struct sc_net_packet *
make_sub(const struct sc_endpoint *e, struct sc_arena *arena)
{
    sc_cleanup_buf data = SC_BUF_INIT, shell = SC_BUF_INIT;
    struct sc_link_offsets at = {.pid_at = 0};
    struct sc_net_packet *packet;

    sc_link_sub(e, &data, &at);
    sc_link_sub_shell(e, &shell);
    packet = sc_packet_of(
        arena, NETLINK_ROUTE,
        sc_arena_printf(arena, "make a link of %s (%s)", e->network.bridge, sc_net_driver_name(e->network.driver)),
        sc_arena_strdup(arena, sc_buf_str(&shell)), &data);
    if (packet) {
        packet->pid_at = at.pid_at;
        memcpy(packet->index_at, at.index_at, sizeof(packet->index_at));
        packet->index_of = e->network.bridge;
        packet->needs =
            e->network.driver == SC_NET_MACVLAN ? "CONFIG_MACVLAN (module macvlan)" : "CONFIG_IPVLAN (module ipvlan)";
    }
    return packet;
}

static struct sc_net_packet *
make_link(const struct sc_endpoint *e, struct sc_arena *arena)
{
    sc_cleanup_buf data = SC_BUF_INIT, shell = SC_BUF_INIT;
    struct sc_link_offsets at = {.pid_at = 0};
    struct sc_net_packet *packet;
    char mac[18], mtu[32] = "", inside[SC_NET_LINK_MAX];

    if (e->network.driver != SC_NET_BRIDGE)
        return make_sub(e, arena);
    sc_link_inside(e, inside);
    sc_mac_format(e->mac, mac);
    if (e->network.mtu > 0)
        (void)snprintf(mtu, sizeof(mtu), " mtu %d", e->network.mtu);
    sc_buf_addf(&shell,
                "ip link add %s" QUEUES "%s type veth peer name %s address %s" QUEUES
                "%s netns $PID; ip link set %s master %s%s up",
                e->link, mtu, inside, mac, mtu, e->link, e->network.bridge,
                sc_link_is_told(e) ? " addrgenmode none" : "");
    if (e->network.forbids_icc || e->ports.count > 0)
        sc_buf_addf(&shell, "; bridge link set dev %s hairpin on%s", e->link,
                    e->network.forbids_icc ? " isolated on" : "");
    sc_link_veth(e, &data, &at);
    if (e->rate_out > 0) {
        char ifb[SC_NET_LINK_MAX];

        sc_net_rate_link(e, ifb);
        sc_net_rate_make(e, &data);
        sc_buf_addf(&shell, "; ip link add %s up type ifb", ifb);
    }
    packet = sc_packet_of(arena, NETLINK_ROUTE,
                          sc_arena_printf(arena, "make link %s on bridge %s", e->link, e->network.bridge),
                          sc_arena_strdup(arena, sc_buf_str(&shell)), &data);
    if (packet) {
        packet->pid_at = at.pid_at;
        memcpy(packet->index_at, at.index_at, sizeof(packet->index_at));
        packet->index_of = e->network.bridge;
        packet->needs =
            e->rate_out > 0 ? "CONFIG_VETH and CONFIG_IFB (modules veth and ifb)" : "CONFIG_VETH (module veth)";
    }
    return packet;
}

#define RATE_NEEDS                                                                                                     \
    "CONFIG_NET_SCH_TBF, and for --net-rate-out CONFIG_IFB, CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_U32, "              \
    "CONFIG_NET_ACT_MIRRED"

static struct sc_net_packet *
rate_packet_of(const struct sc_endpoint *e, const struct sc_net_rate_packet *rate, const struct sc_buf *shell,
               struct sc_arena *arena)
{
    struct sc_net_packet *packet =
        sc_packet_of(arena, NETLINK_ROUTE, sc_arena_printf(arena, "set the rates of %s", e->link),
                     sc_arena_strdup(arena, sc_buf_str(shell)), rate->data);

    if (packet) {
        memcpy(packet->fills, rate->fills, sizeof(packet->fills));
        packet->fill_count = rate->fill_count;
        packet->needs = RATE_NEEDS;
    }
    return packet;
}

/* *out NULL: it has none */
static int
make_rate(const struct sc_endpoint *e, struct sc_arena *arena, struct sc_net_packet **out, struct sc_err *err)
{
    sc_cleanup_buf data = SC_BUF_INIT, shell = SC_BUF_INIT;
    struct sc_net_rate_packet rate = {.data = &data};
    char name[SC_NET_LINK_MAX];
    const char *ifb;

    *out = NULL;
    if (e->rate_in <= 0 && e->rate_out <= 0)
        return 0;
    sc_net_rate_link(e, name);
    ifb = sc_arena_strdup(arena, name);
    if (!ifb)
        return sc_err_nomem(err);
    sc_net_rate_set(e, ifb, &rate, &shell);
    if (e->rate_out > 0)
        sc_net_rate_redirect(e, ifb, &rate, &shell);
    *out = rate_packet_of(e, &rate, &shell, arena);
    return *out ? 0 : sc_err_nomem(err);
}

int
sc_net_rate_change(const struct sc_endpoint *before, const struct sc_endpoint *after, struct sc_arena *arena,
                   struct sc_net_packet **make, struct sc_net_packet **set, struct sc_err *err)
{
    sc_cleanup_buf data = SC_BUF_INIT, shell = SC_BUF_INIT, link = SC_BUF_INIT;
    struct sc_net_rate_packet rate = {.data = &data};
    char name[SC_NET_LINK_MAX];
    const char *ifb;

    sc_net_rate_link(after, name);
    ifb = sc_arena_strdup(arena, name);
    if (!ifb)
        return sc_err_nomem(err);
    *make = NULL;
    if (after->rate_out > 0 && before->rate_out <= 0) {
        sc_net_rate_make(after, &link);
        *make = sc_packet_of(arena, NETLINK_ROUTE, sc_arena_printf(arena, "make link %s", ifb), "", &link);
        if (!*make)
            return sc_err_nomem(err);
        (*make)->needs = RATE_NEEDS;
    }
    sc_net_rate_set(after, ifb, &rate, &shell);
    if (*make)
        sc_net_rate_redirect(after, ifb, &rate, &shell);
    if (after->rate_in <= 0 && before->rate_in > 0)
        sc_net_rate_clear(&rate, after->link, false);
    if (after->rate_out <= 0 && before->rate_out > 0)
        sc_net_rate_clear(&rate, after->link, true);
    *set = rate_packet_of(after, &rate, &shell, arena);
    return *set ? 0 : sc_err_nomem(err);
}

void
sc_net_rate_undo(const struct sc_endpoint *endpoint, struct sc_buf *out)
{
    char name[SC_NET_LINK_MAX];

    sc_net_rate_link(endpoint, name);
    sc_undo_add(out, SC_UNDO_LINK, name);
}

static struct sc_net_packet *
make_inside(const struct sc_endpoint *e, struct sc_arena *arena)
{
    sc_cleanup_buf data = SC_BUF_INIT, shell = SC_BUF_INIT, title = SC_BUF_INIT;
    char address[SC_NET_ADDRESS_MAX], inside[SC_NET_LINK_MAX];
    struct sc_link_offsets at = {.pid_at = 0};
    struct sc_net_packet *packet;

    sc_link_inside(e, inside);
    sc_buf_addf(&title, "give %s the address", inside);
    sc_buf_addf(&shell, "ip link set %s up", inside);
    for (int f = 0; f < SC_FAMILIES; f++) {
        unsigned prefix = e->network.pools[f].subnet.prefix;

        if (e->addresses[f].len == 0)
            continue;
        sc_address_format(&e->addresses[f], address);
        sc_buf_addf(&title, "%s %s/%u", f == SC_V6 ? " and" : "", address, prefix);
        sc_buf_addf(&shell, "; ip address add %s/%u %s dev %s", address, prefix, f == SC_V6 ? "nodad" : "broadcast +",
                    inside);
    }
    for (int f = 0; f < SC_FAMILIES && e->has_route; f++) {
        if (e->addresses[f].len == 0)
            continue;
        sc_address_format(&e->network.pools[f].gateway, address);
        sc_buf_addf(&shell, "; ip %sroute add default %s %s", f == SC_V6 ? "-6 " : "",
                    sc_network_has_gateway(&e->network) ? "via" : "dev",
                    sc_network_has_gateway(&e->network) ? address : inside);
    }
    sc_link_address(e, &data, &at);
    packet = sc_packet_of(arena, NETLINK_ROUTE, sc_arena_strdup(arena, sc_buf_str(&title)),
                          sc_arena_strdup(arena, sc_buf_str(&shell)), &data);
    if (packet) {
        memcpy(packet->index_at, at.index_at, sizeof(packet->index_at));
        packet->index_of = sc_arena_strdup(arena, inside);
        packet->waits_if_taken = e->network.driver != SC_NET_BRIDGE;
    }
    return packet;
}

/* The link first: what is gone from the bridge can give its address away. */
static void
add_undo(const struct sc_net *net, const struct sc_endpoint *e, const char *id, struct sc_buf *undo)
{
    struct sc_address own[SC_FAMILIES + 1];
    size_t count = e->network.is_guarded ? own_addresses(e, own) : 0;
    sc_cleanup_buf target = SC_BUF_INIT;
    char address[SC_NET_ADDRESS_MAX], key[SC_LEASE_KEY_MAX];

    if (e->network.driver == SC_NET_BRIDGE) /* others' end with the container's namespace */
        sc_undo_add(undo, SC_UNDO_LINK, e->link);
    if (e->rate_out > 0)
        sc_net_rate_undo(e, undo);
    for (size_t i = 0; i < count; i++) {
        for (size_t n = 0; sc_guard_key(n, e->link, e->mac, &own[i], &target); n++) {
            sc_undo_add(undo, SC_UNDO_GUARD, sc_buf_str(&target));
            sc_buf_clear(&target);
        }
    }
    for (size_t i = 0; i < e->ports.count; i++) {
        if (sc_port_is_carried(e, &e->ports.items[i])) {
            sc_lease_port_undo(net, id, &e->ports.items[i], undo);
            continue;
        }
        sc_port_key(&e->ports.items[i], key);
        sc_buf_clear(&target);
        sc_buf_addf(&target, "%s/%s/%s %s ", net->run_path, SC_LEASE_PORT, key, id);
        sc_firewall_undo(&e->ports.items[i], &e->addresses[sc_address_family(&e->ports.items[i].host_address)],
                         &target);
        sc_undo_add(undo, SC_UNDO_PORT, sc_buf_str(&target));
    }
    for (int f = 0; f < SC_FAMILIES; f++) {
        if (e->addresses[f].len == 0)
            continue;
        sc_address_format(&e->addresses[f], address);
        sc_buf_clear(&target);
        sc_buf_addf(&target, "%s/%s/%s/%s %s", net->run_path, SC_LEASE_NET, e->network.name, address, id);
        if (sc_network_has_names(&e->network))
            sc_undo_add(undo, SC_UNDO_NAMES, sc_buf_str(&target));
        sc_undo_add(undo, SC_UNDO_LEASE, sc_buf_str(&target));
    }
    undo->has_failed = undo->has_failed || target.has_failed;
}

static void
shell_down(const struct sc_endpoint *e, struct sc_buf *out)
{
    struct sc_address own[SC_FAMILIES + 1];
    size_t count = e->network.is_guarded ? own_addresses(e, own) : 0;

    for (size_t i = 0; i < count; i++) {
        sc_cleanup_buf element = SC_BUF_INIT;

        for (size_t n = 0; sc_guard_shell(n, e->link, e->mac, &own[i], &element); n++) {
            sc_buf_addf(out, "  nft delete element bridge sc %s 2>/dev/null || :\n", sc_buf_str(&element));
            sc_buf_clear(&element);
        }
    }
    for (size_t i = 0; i < e->ports.count; i++) {
        if (sc_port_is_carried(e, &e->ports.items[i]))
            continue;
        sc_buf_adds(out, "  nft delete element inet sc ");
        add_element_text(&e->ports.items[i], NULL, out);
        sc_buf_adds(out, " 2>/dev/null || :\n");
    }
}

/* The file below /proc that has it ignore router advertisements. */
static char *
ra_switch(const struct sc_endpoint *e, struct sc_arena *arena)
{
    char inside[SC_NET_LINK_MAX];

    sc_link_inside(e, inside);
    return sc_arena_printf(arena, "sys/net/ipv6/conf/%s/accept_ra", inside);
}

int
sc_endpoint_packets(const struct sc_net *net, const struct sc_endpoint *endpoints, size_t count, const char *id,
                    struct sc_arena *arena, struct sc_net_ask *out, struct sc_err *err)
{
    sc_cleanup_buf undo = SC_BUF_INIT, up = SC_BUF_INIT, down = SC_BUF_INIT;

    *out = (struct sc_net_ask){
        .count = count,
        .links = SC_ARENA_ARRAY(arena, struct sc_net_packet *, count),
        .rates = SC_ARENA_ARRAY(arena, struct sc_net_packet *, count),
        .inside = SC_ARENA_ARRAY(arena, struct sc_net_packet *, count),
        .no_ra = SC_ARENA_ARRAY(arena, const char *, count),
    };
    if (!out->links || !out->inside || !out->rates || !out->no_ra)
        return sc_err_nomem(err);
    for (size_t i = 0; i < count; i++) {
        const struct sc_endpoint *e = &endpoints[i];

        add_undo(net, e, id, &undo);
        sc_network_shell(&e->network, &up);
        shell_down(e, &down);
        out->links[i] = make_link(e, arena);
        if (make_rate(e, arena, &out->rates[i], err) < 0)
            return -1;
        out->inside[i] = make_inside(e, arena);
        out->no_ra[i] = e->ignores_ra ? ra_switch(e, arena) : NULL;
        if (!out->links[i] || !out->inside[i])
            return sc_err_nomem(err);
    }
    if (make_firewall(endpoints, count, arena, &out->publish, err) < 0)
        return -1;
    for (size_t i = 0; i < count && !out->names; i++) {
        if (sc_network_has_names(&endpoints[i].network) && sc_names_packet(arena, &out->names, err) < 0)
            return -1;
    }
    if (sc_buf_check(&undo, err) < 0 || sc_buf_check(&up, err) < 0 || sc_buf_check(&down, err) < 0)
        return -1;
    out->undo = sc_arena_strdup(arena, sc_buf_str(&undo));
    out->shell_up = sc_arena_strdup(arena, sc_buf_str(&up));
    out->shell_down = sc_arena_strdup(arena, sc_buf_str(&down));
    return sc_arena_check(arena, err);
}
