/* The way back to the host's ::1. IPv6 has no route_localnet: what comes in by a bridge and has ::1 for its destination
 * is dropped, so the answer to a connection from ::1 to a published port may not be translated back there, and with
 * br_netfilter it would be before the kernel looks at it. So that connection gets the address sc_loop_address instead
 * of
 * ::1; the answer to it is not tracked where it comes in, but routed out by SC_LOOP_OUT, comes in again by SC_LOOP_IN,
 * the other end of the same link, and is translated there, where ::1 has a route of its own.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include "net/net-priv.h"

#define LOOP_METRIC 4096 /* the loopback's own route comes first */

const struct sc_address sc_loop_address = {
    .len = 16, .bytes = {0xfd, 0x73, 0x63, 0x6c, 0x6f, 0x6f, 0x70, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

static void
add_loop_end(const char *name, struct sc_buf *out)
{
    static const unsigned char mac[6] = {0x02, 0x73, 0x63, 0x6c, 0x6f, 0x00};

    sc_nl_attr_str(out, IFLA_IFNAME, name);
    sc_nl_attr(out, IFLA_ADDRESS, mac, sizeof(mac));
}

/* Without neighbours to ask for: the kernel sends to its own MAC there, which is the other end's too. */
static void
encode_link(struct sc_buf *out)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_NOARP, .ifi_change = IFF_NOARP};
    size_t at = sc_nl_begin(out, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &body, sizeof(body)), info, data,
           peer;

    add_loop_end(SC_LOOP_OUT, out);
    info = sc_nl_nest(out, IFLA_LINKINFO);
    sc_nl_attr_str(out, IFLA_INFO_KIND, "veth");
    data = sc_nl_nest(out, IFLA_INFO_DATA);
    peer = sc_nl_nest(out, VETH_INFO_PEER);
    sc_buf_add(out, &body, sizeof(body));
    add_loop_end(SC_LOOP_IN, out);
    sc_nl_nest_end(out, peer);
    sc_nl_nest_end(out, data);
    sc_nl_nest_end(out, info);
    sc_nl_end(out, at);
}

static void
encode_routes(unsigned out_index, unsigned in_index, struct sc_buf *out)
{
    static const struct sc_address loopback = {.len = 16, .bytes = {[15] = 1}};
    const unsigned indexes[] = {out_index, in_index};
    const struct sc_address *const targets[] = {&sc_loop_address, &loopback};
    size_t at;

    for (int i = 0; i < 2; i++) {
        struct ifinfomsg body = {.ifi_index = (int)indexes[i], .ifi_flags = IFF_UP | IFF_NOARP};

        body.ifi_change = body.ifi_flags;
        sc_nl_end(out, sc_nl_begin(out, RTM_NEWLINK, NLM_F_ACK, &body, sizeof(body)));
    }
    for (int i = 0; i < 2; i++) {
        struct rtmsg body = {.rtm_family = AF_INET6, .rtm_dst_len = 128, .rtm_protocol = RTPROT_BOOT};

        body.rtm_type = i == 0 ? RTN_UNICAST : RTN_LOCAL;
        body.rtm_table = i == 0 ? RT_TABLE_MAIN : RT_TABLE_LOCAL;
        at = sc_nl_begin(out, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &body, sizeof(body));
        sc_nl_attr(out, RTA_DST, targets[i]->bytes, targets[i]->len);
        sc_nl_attr_u32(out, RTA_OIF, indexes[i]);
        sc_nl_attr_u32(out, RTA_PRIORITY, LOOP_METRIC);
        sc_nl_end(out, at);
    }
}

bool
sc_loop_is_up(void)
{
    return sc_nl_link_index(SC_LOOP_IN) != 0;
}

int
sc_loop_up(struct sc_err *err)
{
    static const char *const switches[] = {"/proc/sys/net/ipv6/conf/" SC_LOOP_OUT "/disable_ipv6",
                                           "/proc/sys/net/ipv6/conf/" SC_LOOP_IN "/disable_ipv6"};
    sc_cleanup_buf link = SC_BUF_INIT, routes = SC_BUF_INIT;
    int result;

    encode_link(&link);
    if (sc_buf_check(&link, err) < 0)
        return -1;
    result = sc_nl_send(NETLINK_ROUTE, link.data, link.len, EEXIST);
    if (result < 0) {
        sc_err_errno(err, -result, "make link \"%s\"", SC_LOOP_OUT);
        return result == -EOPNOTSUPP ? sc_err_remedy(err, "the kernel must have CONFIG_VETH (module veth)") : -1;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(switches); i++) {
        if (sc_net_switch(switches[i], "0", err) < 0)
            return -1;
    }
    encode_routes(sc_nl_link_index(SC_LOOP_OUT), sc_nl_link_index(SC_LOOP_IN), &routes);
    if (sc_buf_check(&routes, err) < 0)
        return -1;
    result = sc_nl_send(NETLINK_ROUTE, routes.data, routes.len, EEXIST);
    return result < 0 ? sc_err_errno(err, -result, "bring up link \"%s\"", SC_LOOP_OUT) : 0;
}

void
sc_loop_down(void)
{
    struct sc_err ignored = SC_ERR_INIT;

    (void)!sc_undo_link(SC_LOOP_OUT, &ignored);
}

void
sc_loop_shell(struct sc_buf *out)
{
    char address[SC_NET_ADDRESS_MAX];

    sc_address_format(&sc_loop_address, address);
    sc_buf_addf(out,
                "ip link show %s >/dev/null 2>&1 || {\n"
                "  ip link add %s address 02:73:63:6c:6f:00 type veth peer name %s address 02:73:63:6c:6f:00\n"
                "  for link in %s %s; do\n    echo 0 > /proc/sys/net/ipv6/conf/$link/disable_ipv6\n"
                "    ip link set $link arp off up\n  done\n"
                "  ip -6 route add %s dev %s metric %d\n  ip -6 route add local ::1 dev %s table local metric %d\n}\n",
                SC_LOOP_OUT, SC_LOOP_OUT, SC_LOOP_IN, SC_LOOP_OUT, SC_LOOP_IN, address, SC_LOOP_OUT, LOOP_METRIC,
                SC_LOOP_IN, LOOP_METRIC);
}
