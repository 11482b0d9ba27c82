/* Networks whose containers' links hang off a link of the host: macvlan and ipvlan. There is no bridge and nothing to
 * filter: a container is a machine of its parent's network, and the parent's own host is the one that it cannot reach.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "net/net-priv.h"

static void
add_mode(const struct sc_network *network, struct sc_buf *out)
{
    static const uint32_t macvlan[] = {MACVLAN_MODE_BRIDGE, MACVLAN_MODE_PRIVATE, MACVLAN_MODE_VEPA,
                                       MACVLAN_MODE_PASSTHRU};
    static const uint16_t ipvlan[] = {IPVLAN_MODE_L2, IPVLAN_MODE_L3, IPVLAN_MODE_L3S};

    if (network->driver == SC_NET_MACVLAN)
        sc_nl_attr_u32(out, IFLA_MACVLAN_MODE, macvlan[network->mode]);
    else
        sc_nl_attr(out, IFLA_IPVLAN_MODE, &ipvlan[network->mode], sizeof(ipvlan[0]));
}

/* The kernel looks for the parent here and makes the link there. An ipvlan has its parent's MAC address. */
void
sc_link_sub(const struct sc_endpoint *endpoint, struct sc_buf *out, struct sc_link_offsets *offsets)
{
    const struct sc_network *network = &endpoint->network;
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    size_t at = sc_nl_begin(out, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &body, sizeof(body)), info, data;
    char name[SC_NET_LINK_MAX];

    sc_link_inside(endpoint, name);
    sc_nl_attr_str(out, IFLA_IFNAME, name);
    offsets->index_at[0] = out->len + NLA_HDRLEN;
    sc_nl_attr_u32(out, IFLA_LINK, 0);
    offsets->pid_at = out->len + NLA_HDRLEN;
    sc_nl_attr_u32(out, IFLA_NET_NS_PID, 0);
    if (network->driver == SC_NET_MACVLAN)
        sc_nl_attr(out, IFLA_ADDRESS, endpoint->mac, sizeof(endpoint->mac));
    if (network->mtu > 0)
        sc_nl_attr_u32(out, IFLA_MTU, (uint32_t)network->mtu);
    info = sc_nl_nest(out, IFLA_LINKINFO);
    sc_nl_attr_str(out, IFLA_INFO_KIND, sc_net_driver_name(network->driver));
    data = sc_nl_nest(out, IFLA_INFO_DATA);
    add_mode(network, out);
    sc_nl_nest_end(out, data);
    sc_nl_nest_end(out, info);
    sc_nl_end(out, at);
}

/* To be sent in the container's namespace: nothing of it is in ours. */
void
sc_link_sub_remove(const struct sc_endpoint *endpoint, struct sc_buf *out)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    size_t at = sc_nl_begin(out, RTM_DELLINK, NLM_F_ACK, &body, sizeof(body));
    char name[SC_NET_LINK_MAX];

    sc_link_inside(endpoint, name);
    sc_nl_attr_str(out, IFLA_IFNAME, name);
    sc_nl_end(out, at);
}

void
sc_link_sub_shell(const struct sc_endpoint *endpoint, struct sc_buf *out)
{
    const struct sc_network *network = &endpoint->network;
    char mac[18], inside[SC_NET_LINK_MAX];

    sc_link_inside(endpoint, inside);
    sc_mac_format(endpoint->mac, mac);
    sc_buf_addf(out, "ip link add link %s name %s netns $PID", network->bridge, inside);
    if (network->driver == SC_NET_MACVLAN)
        sc_buf_addf(out, " address %s", mac);
    if (network->mtu > 0)
        sc_buf_addf(out, " mtu %d", network->mtu);
    sc_buf_addf(out, " type %s mode %s", sc_net_driver_name(network->driver),
                sc_net_mode_name(network->driver, network->mode));
}

bool
sc_network_owns_link(const struct sc_network *network)
{
    return network->driver == SC_NET_BRIDGE ||
           (sc_str_starts(network->bridge, "sc-") && strncmp(network->bridge + 3, network->id, 12) == 0);
}

/* ---- its parent ------------------------------------------------------------------------------------------------- */

/* A parent that leads nowhere: for containers among themselves. */
static int
make_dummy(const struct sc_network *network, struct sc_err *err)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    sc_cleanup_buf request = SC_BUF_INIT;
    size_t at = sc_nl_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &body, sizeof(body)), info;
    int result;

    sc_nl_attr_str(&request, IFLA_IFNAME, network->bridge);
    info = sc_nl_nest(&request, IFLA_LINKINFO);
    sc_nl_attr_str(&request, IFLA_INFO_KIND, "dummy");
    sc_nl_nest_end(&request, info);
    sc_nl_end(&request, at);
    if (sc_buf_check(&request, err) < 0)
        return -1;
    result = sc_nl_send(NETLINK_ROUTE, request.data, request.len, EEXIST);
    if (result == -EOPNOTSUPP) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "this kernel cannot make dummy links (CONFIG_DUMMY)");
        return sc_err_remedy(err, "make the network with --opt parent=LINK, a link of the host");
    }
    return result < 0 ? sc_err_errno(err, -result, "make link \"%s\"", network->bridge) : 0;
}

/* 1: up, 0: down, -1: there is none */
static int
parent_state(const char *name)
{
    struct ifreq ask = {.ifr_ifindex = 0};
    sc_cleanup_fd sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)snprintf(ask.ifr_name, sizeof(ask.ifr_name), "%s", name);
    if (sock < 0 || ioctl(sock, SIOCGIFFLAGS, &ask) < 0)
        return -1;
    return (ask.ifr_flags & IFF_UP) != 0;
}

int
sc_network_parent_up(const struct sc_network *network, struct sc_err *err)
{
    int state = parent_state(network->bridge);

    if (state == 1)
        return 0;
    if (sc_network_owns_link(network))
        return make_dummy(network, err);
    if (state < 0)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "network \"%s\": its parent \"%s\" is no link of this host",
                          network->name, network->bridge);
    sc_err_set(err, SC_ERR_BUSY, "network \"%s\": its parent \"%s\" is down", network->name, network->bridge);
    return sc_err_remedy(err, "bring it up (ip link set %s up)", network->bridge);
}
