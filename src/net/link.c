/* rtnetlink(7) requests of a bridge and of a container's link. Pure. */
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "net/net-priv.h"

#define IPV6_MIN_MTU 1280 /* RFC 8200 */

static void
add_mtu(const struct sc_network *network, struct sc_buf *out)
{
    if (network->mtu > 0)
        sc_nl_attr_u32(out, IFLA_MTU, (uint32_t)network->mtu);
}

/* An address of its own: else it would change with every port that comes and goes. No snooping of multicast: with each
 * port that comes up the kernel would start two timers of every other, and as there is no querier it sends to all
 * anyway. Nothing is learnt of frames to the groups of IEEE 802.1D (LLDP): the kernel learns their sender before our
 * guard sees them, and who sends one from a neighbour's MAC would get what is sent to it. Linux 5.0; others ignore it.
 */
void
sc_link_bridge(const struct sc_network *network, struct sc_buf *out)
{
    const unsigned char off = 0;
    const struct br_boolopt_multi no_learning = {1U << BR_BOOLOPT_NO_LL_LEARN, 1U << BR_BOOLOPT_NO_LL_LEARN};
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    size_t at = sc_nl_begin(out, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &body, sizeof(body)), info, data;
    unsigned char mac[6];

    sc_mac_of(&network->pools[SC_V4].gateway, mac);
    sc_nl_attr_str(out, IFLA_IFNAME, network->bridge);
    sc_nl_attr(out, IFLA_ADDRESS, mac, sizeof(mac));
    add_mtu(network, out);
    info = sc_nl_nest(out, IFLA_LINKINFO);
    sc_nl_attr_str(out, IFLA_INFO_KIND, "bridge");
    data = sc_nl_nest(out, IFLA_INFO_DATA);
    sc_nl_attr(out, IFLA_BR_MCAST_SNOOPING, &off, sizeof(off));
    sc_nl_attr(out, IFLA_BR_MULTI_BOOLOPT, &no_learning, sizeof(no_learning));
    sc_nl_nest_end(out, data);
    sc_nl_nest_end(out, info);
    sc_nl_end(out, at);
}

static unsigned char
kernel_family(const struct sc_address *address)
{
    return sc_address_family(address) == SC_V6 ? AF_INET6 : AF_INET;
}

/* Of IPv6 nobody else can have an address that is leased: the kernel is not to look for one, which takes a second. */
static void
add_address(const struct sc_address *address, const struct sc_subnet *subnet, unsigned index, struct sc_buf *out,
            size_t *index_at)
{
    struct ifaddrmsg body = {
        .ifa_family = kernel_family(address),
        .ifa_prefixlen = (unsigned char)subnet->prefix,
        .ifa_flags = address->len == 16 ? IFA_F_NODAD : 0,
        .ifa_scope = RT_SCOPE_UNIVERSE,
        .ifa_index = index,
    };
    size_t at = sc_nl_begin(out, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &body, sizeof(body));
    struct sc_address last = sc_subnet_last(subnet);

    if (index_at)
        *index_at = at + sizeof(struct nlmsghdr) + offsetof(struct ifaddrmsg, ifa_index);
    sc_nl_attr(out, IFA_LOCAL, address->bytes, address->len);
    sc_nl_attr(out, IFA_ADDRESS, address->bytes, address->len);
    if (address->len == 4 && subnet->prefix < 31)
        sc_nl_attr(out, IFA_BROADCAST, last.bytes, last.len);
    sc_nl_end(out, at);
}

void
sc_link_bridge_up(const struct sc_network *network, unsigned index, struct sc_buf *out)
{
    struct ifinfomsg body = {.ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

    for (int f = 0; f < SC_FAMILIES; f++) {
        const struct sc_pool *pool = &network->pools[f];

        if (sc_network_has(network, f))
            add_address(&pool->gateway, &pool->subnet, index, out, NULL);
    }
    sc_nl_end(out, sc_nl_begin(out, RTM_NEWLINK, NLM_F_ACK, &body, sizeof(body)));
}

/* No address of IPv6 is the host's end's: it is a port of a bridge. The kernel looks at every route of one whenever any
 * link changes, and would have three for each container. Below 1280 bytes a link has no IPv6 to be told of. */
bool
sc_link_is_told(const struct sc_endpoint *endpoint)
{
    int mtu = endpoint->network.mtu;

    return endpoint->ignores_ra && (mtu == 0 || mtu >= IPV6_MIN_MTU);
}

static void
add_no_address(const struct sc_endpoint *endpoint, struct sc_buf *out)
{
    const unsigned char mode = IN6_ADDR_GEN_MODE_NONE;
    size_t families, family;

    if (!sc_link_is_told(endpoint))
        return;
    families = sc_nl_nest(out, IFLA_AF_SPEC);
    family = sc_nl_nest(out, AF_INET6);
    sc_nl_attr(out, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
    sc_nl_nest_end(out, family);
    sc_nl_nest_end(out, families);
}

/* Hairpin: where bridged packets are translated too (br_netfilter), a container's own port leads back to where it came
 * from. icc=false: ports that are isolated see the bridge, but not each other. */
static void
add_port_mode(const struct sc_endpoint *endpoint, struct sc_buf *out)
{
    const unsigned char on = 1;
    size_t info, data;

    if (!endpoint->network.forbids_icc && endpoint->ports.count == 0)
        return;
    info = sc_nl_nest(out, IFLA_LINKINFO);
    sc_nl_attr_str(out, IFLA_INFO_SLAVE_KIND, "bridge");
    data = sc_nl_nest(out, IFLA_INFO_SLAVE_DATA);
    sc_nl_attr(out, IFLA_BRPORT_MODE, &on, sizeof(on));
    if (endpoint->network.forbids_icc)
        sc_nl_attr(out, IFLA_BRPORT_ISOLATED, &on, sizeof(on));
    sc_nl_nest_end(out, data);
    sc_nl_nest_end(out, info);
}

/* Of the host's end, which is there. */
static size_t
open_change(const struct sc_endpoint *endpoint, unsigned flags, struct sc_buf *out)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_flags = flags, .ifi_change = flags};
    size_t at = sc_nl_begin(out, RTM_NEWLINK, NLM_F_ACK, &body, sizeof(body));

    sc_nl_attr_str(out, IFLA_IFNAME, endpoint->link);
    return at;
}

void
sc_link_inside(const struct sc_endpoint *endpoint, char out[SC_NET_LINK_MAX])
{
    (void)snprintf(out, SC_NET_LINK_MAX, "eth%u", endpoint->index);
}

/* The kernel would make a queue for each CPU, and then wait for all CPUs before it uses but the first. */
static void
add_queues(struct sc_buf *out)
{
    sc_nl_attr_u32(out, IFLA_NUM_TX_QUEUES, 1);
    sc_nl_attr_u32(out, IFLA_NUM_RX_QUEUES, 1);
}

/* Both ends at once, ours on the bridge, the far one in its namespace under its final name. Ours comes up last: what is
 * changed of a link that is up is told to all of the kernel again. */
void
sc_link_veth(const struct sc_endpoint *endpoint, struct sc_buf *out, struct sc_link_offsets *offsets)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    size_t at = sc_nl_begin(out, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &body, sizeof(body));
    struct ifinfomsg far = {.ifi_family = AF_UNSPEC}; /* the kernel cannot bring it up before both ends are there */
    size_t info, data, peer;
    char name[SC_NET_LINK_MAX];

    sc_link_inside(endpoint, name);
    sc_nl_attr_str(out, IFLA_IFNAME, endpoint->link);
    add_queues(out);
    add_mtu(&endpoint->network, out);
    offsets->index_at[0] = out->len + NLA_HDRLEN;
    sc_nl_attr_u32(out, IFLA_MASTER, 0);
    info = sc_nl_nest(out, IFLA_LINKINFO);
    sc_nl_attr_str(out, IFLA_INFO_KIND, "veth");
    data = sc_nl_nest(out, IFLA_INFO_DATA);
    peer = sc_nl_nest(out, VETH_INFO_PEER);
    sc_buf_add(out, &far, sizeof(far));
    sc_nl_attr_str(out, IFLA_IFNAME, name);
    sc_nl_attr(out, IFLA_ADDRESS, endpoint->mac, sizeof(endpoint->mac));
    add_queues(out);
    add_mtu(&endpoint->network, out);
    offsets->pid_at = out->len + NLA_HDRLEN;
    sc_nl_attr_u32(out, IFLA_NET_NS_PID, 0);
    sc_nl_nest_end(out, peer);
    sc_nl_nest_end(out, data);
    sc_nl_nest_end(out, info);
    sc_nl_end(out, at);
    if (endpoint->network.forbids_icc || endpoint->ports.count > 0 || sc_link_is_told(endpoint)) {
        at = open_change(endpoint, 0, out);
        add_port_mode(endpoint, out);
        add_no_address(endpoint, out);
        sc_nl_end(out, at);
    }
    sc_nl_end(out, open_change(endpoint, IFF_UP, out));
}

void
sc_link_address(const struct sc_endpoint *endpoint, struct sc_buf *out, struct sc_link_offsets *offsets)
{
    struct ifinfomsg up = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    size_t at = sc_nl_begin(out, RTM_NEWLINK, NLM_F_ACK, &up, sizeof(up));
    char name[SC_NET_LINK_MAX];

    sc_link_inside(endpoint, name);
    sc_nl_attr_str(out, IFLA_IFNAME, name);
    sc_nl_end(out, at);
    *offsets = (struct sc_link_offsets){.pid_at = 0};
    for (int f = 0; f < SC_FAMILIES; f++) {
        if (endpoint->addresses[f].len > 0)
            add_address(&endpoint->addresses[f], &endpoint->network.pools[f].subnet, 0, out, &offsets->index_at[f]);
    }
    if (endpoint->has_route)
        sc_link_routes(&endpoint->network, out, &offsets->index_at[SC_FAMILIES]);
}

void
sc_link_routes(const struct sc_network *network, struct sc_buf *out, size_t index_at[SC_FAMILIES])
{
    for (int f = 0; f < SC_FAMILIES; f++) {
        const struct sc_address *gateway = &network->pools[f].gateway;
        struct rtmsg body = {
            .rtm_family = kernel_family(gateway),
            .rtm_table = RT_TABLE_MAIN,
            .rtm_protocol = RTPROT_BOOT,
            .rtm_scope = sc_network_has_gateway(network) ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
            .rtm_type = RTN_UNICAST,
        };
        size_t at;

        index_at[f] = 0;
        if (!sc_network_has(network, f))
            continue;
        at = sc_nl_begin(out, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &body, sizeof(body));
        if (sc_network_has_gateway(network)) {
            sc_nl_attr(out, RTA_GATEWAY, gateway->bytes, gateway->len);
        } else {
            index_at[f] = out->len + NLA_HDRLEN;
            sc_nl_attr_u32(out, RTA_OIF, 0);
        }
        sc_nl_end(out, at);
    }
}

struct sc_address
sc_link_local(const unsigned char mac[6])
{
    struct sc_address out = {.len = 16, .bytes = {0xfe, 0x80}};

    memcpy(out.bytes + 8, mac, 3);
    out.bytes[8] ^= 2;
    out.bytes[11] = 0xff;
    out.bytes[12] = 0xfe;
    memcpy(out.bytes + 13, mac + 3, 3);
    return out;
}
