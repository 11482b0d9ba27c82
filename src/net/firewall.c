/* Table inet sc as bytes: chains that never change, which look into sets of networks and maps of ports. Pure.
 *
 *   raw          iifname @bridges ip daddr 127.0.0.0/8 drop
 *                route_localnet opens the host's loopback to us only
 *   prerouting   fib daddr type local dnat to ... map @ports_at, @ports
 *                from outside and from containers
 *   output       the same, from the host itself
 *   postrouting  ip saddr @sources oifname @bridges ct status dnat masquerade
 *                hairpin: the answer must come back this way
 *                ip saddr @sources oifname != @bridges masquerade
 *                out into the world
 *                ip saddr 127.0.0.0/8 oifname @bridges masquerade
 *                a port used by the host through its loopback
 *   forward      iifname . oifname @icc accept
 *                neighbours, where bridged packets come by here
 *                iifname @internal drop, oifname @internal drop
 *                ct state established,related accept, ct status dnat accept
 *                oifname @bridges drop
 *                nobody else reaches in, nor networks each other
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>

#include "net/firewall-priv.h"

#define MARK_RELATED_ESTABLISHED 6 /* NF_CT_STATE_BIT of IP_CT_ESTABLISHED and IP_CT_RELATED */

/* ---- expressions ---------------------------------------------------------------------------------------------- */

static void
masquerade(struct sc_buf *out)
{
    sc_fw_close_expr(out, sc_fw_open_expr(out, "masq"));
}

/* Any of the bits of a conntrack number. */
static void
conntrack(struct sc_buf *out, uint32_t key, uint32_t bits)
{
    const uint32_t zero = 0;
    struct sc_fw_nest nest = sc_fw_open_expr(out, "ct");

    sc_nl_attr_be32(out, NFTA_CT_KEY, key);
    sc_nl_attr_be32(out, NFTA_CT_DREG, SC_REG_A);
    sc_fw_close_expr(out, nest);
    nest = sc_fw_open_expr(out, "bitwise");
    sc_nl_attr_be32(out, NFTA_BITWISE_SREG, SC_REG_A);
    sc_nl_attr_be32(out, NFTA_BITWISE_DREG, SC_REG_A);
    sc_nl_attr_be32(out, NFTA_BITWISE_LEN, sizeof(bits));
    sc_fw_add_value(out, NFTA_BITWISE_MASK, &bits, sizeof(bits));
    sc_fw_add_value(out, NFTA_BITWISE_XOR, &zero, sizeof(zero));
    sc_fw_close_expr(out, nest);
    sc_fw_compare(out, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void
only_ipv4(struct sc_buf *out)
{
    const unsigned char family = NFPROTO_IPV4;

    sc_fw_meta(out, NFT_META_NFPROTO, SC_REG_A);
    sc_fw_compare(out, NFT_CMP_EQ, &family, sizeof(family));
}

static void
in_loopback(struct sc_buf *out, uint32_t offset)
{
    const unsigned char net = 127;

    only_ipv4(out);
    sc_fw_payload(out, NFT_PAYLOAD_NETWORK_HEADER, offset, sizeof(net), SC_REG_A);
    sc_fw_compare(out, NFT_CMP_EQ, &net, sizeof(net));
}

static void
to_local_address(struct sc_buf *out)
{
    const uint32_t local = RTN_LOCAL;
    struct sc_fw_nest nest = sc_fw_open_expr(out, "fib");

    sc_nl_attr_be32(out, NFTA_FIB_DREG, SC_REG_A);
    sc_nl_attr_be32(out, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    sc_nl_attr_be32(out, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    sc_fw_close_expr(out, nest);
    sc_fw_compare(out, NFT_CMP_EQ, &local, sizeof(local));
}

static void
dnat(struct sc_buf *out)
{
    struct sc_fw_nest nest = sc_fw_open_expr(out, "nat");

    sc_nl_attr_be32(out, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    sc_nl_attr_be32(out, NFTA_NAT_FAMILY, NFPROTO_IPV4);
    sc_nl_attr_be32(out, NFTA_NAT_REG_ADDR_MIN, SC_REG_A);
    sc_nl_attr_be32(out, NFTA_NAT_REG_PROTO_MIN, SC_REG_A_SECOND);
    sc_fw_close_expr(out, nest);
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

static void
add_dnat_rules(struct sc_buf *out, const char *chain)
{
    struct sc_fw_rule rule = sc_fw_open_rule(out, NFPROTO_INET, chain);

    to_local_address(out);
    only_ipv4(out);
    sc_fw_payload(out, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, daddr), sizeof(uint32_t), SC_REG_A);
    sc_fw_meta(out, NFT_META_L4PROTO, SC_REG_A_SECOND);
    sc_fw_payload(out, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(uint16_t), SC_REG_A_THIRD);
    sc_fw_lookup(out, "ports_at", SC_REG_A, false);
    dnat(out);
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, chain);
    to_local_address(out);
    only_ipv4(out);
    sc_fw_meta(out, NFT_META_L4PROTO, SC_REG_A);
    sc_fw_payload(out, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(uint16_t), SC_REG_A_SECOND);
    sc_fw_lookup(out, "ports", SC_REG_A, false);
    dnat(out);
    sc_fw_close_rule(out, rule);
}

static void
if_in(struct sc_buf *out, uint32_t key, const char *set, bool is_inverted)
{
    sc_fw_meta(out, key, SC_REG_A);
    sc_fw_lookup(out, set, 0, is_inverted);
}

static void
if_pair(struct sc_buf *out, const char *set)
{
    sc_fw_meta(out, NFT_META_IIFNAME, SC_REG_A);
    sc_fw_meta(out, NFT_META_OIFNAME, SC_REG_B);
    sc_fw_lookup(out, set, 0, false);
}

static void
add_nat_rules(struct sc_buf *out)
{
    struct sc_fw_rule rule = sc_fw_open_rule(out, NFPROTO_INET, "raw");

    if_in(out, NFT_META_IIFNAME, "bridges", false);
    in_loopback(out, offsetof(struct iphdr, daddr));
    sc_fw_verdict(out, NF_DROP);
    sc_fw_close_rule(out, rule);

    add_dnat_rules(out, "prerouting");
    add_dnat_rules(out, "output");

    rule = sc_fw_open_rule(out, NFPROTO_INET, "postrouting");
    only_ipv4(out);
    sc_fw_payload(out, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, saddr), sizeof(uint32_t), SC_REG_A);
    sc_fw_lookup(out, "sources", 0, false);
    if_in(out, NFT_META_OIFNAME, "bridges", false);
    conntrack(out, NFT_CT_STATUS, IPS_DST_NAT);
    masquerade(out);
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, "postrouting");
    only_ipv4(out);
    sc_fw_payload(out, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, saddr), sizeof(uint32_t), SC_REG_A);
    sc_fw_lookup(out, "sources", 0, false);
    if_in(out, NFT_META_OIFNAME, "bridges", true);
    masquerade(out);
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, "postrouting");
    in_loopback(out, offsetof(struct iphdr, saddr));
    if_in(out, NFT_META_OIFNAME, "bridges", false);
    masquerade(out);
    sc_fw_close_rule(out, rule);
}

static void
add_forward_rules(struct sc_buf *out)
{
    struct sc_fw_rule rule = sc_fw_open_rule(out, NFPROTO_INET, "forward");

    if_pair(out, "icc");
    sc_fw_verdict(out, NF_ACCEPT);
    sc_fw_close_rule(out, rule);
    for (int i = 0; i < 2; i++) {
        rule = sc_fw_open_rule(out, NFPROTO_INET, "forward");
        if_in(out, i == 0 ? NFT_META_IIFNAME : NFT_META_OIFNAME, "internal", false);
        sc_fw_verdict(out, NF_DROP);
        sc_fw_close_rule(out, rule);
    }
    rule = sc_fw_open_rule(out, NFPROTO_INET, "forward");
    conntrack(out, NFT_CT_STATE, MARK_RELATED_ESTABLISHED);
    sc_fw_verdict(out, NF_ACCEPT);
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, "forward");
    conntrack(out, NFT_CT_STATUS, IPS_DST_NAT);
    sc_fw_verdict(out, NF_ACCEPT);
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, "forward");
    if_in(out, NFT_META_OIFNAME, "bridges", false);
    sc_fw_verdict(out, NF_DROP);
    sc_fw_close_rule(out, rule);
}

/* ---- table, chains, sets ------------------------------------------------------------------------------------------
 */

static void
add_skeleton(struct sc_buf *out)
{
    const uint32_t pair = SC_NFT_TYPES(SC_NFT_TYPE_IFNAME, SC_NFT_TYPE_IFNAME),
                   port = SC_NFT_TYPES(SC_NFT_TYPE_PROTO, SC_NFT_TYPE_PORT);

    sc_fw_add_set(out, NFPROTO_INET, "bridges", 1, SC_NFT_TYPE_IFNAME, IFNAMSIZ, 0);
    sc_fw_add_set(out, NFPROTO_INET, "internal", 2, SC_NFT_TYPE_IFNAME, IFNAMSIZ, 0);
    sc_fw_add_set(out, NFPROTO_INET, "icc", 4, pair, 2 * IFNAMSIZ, 0);
    sc_fw_add_set(out, NFPROTO_INET, "sources", 5, SC_NFT_TYPE_ADDRESS, sizeof(uint32_t), NFT_SET_INTERVAL);
    sc_fw_add_set(out, NFPROTO_INET, "ports", 6, port, 8, NFT_SET_MAP);
    sc_fw_add_set(out, NFPROTO_INET, "ports_at", 7, SC_NFT_TYPE_ADDRESS << 2 * SC_NFT_TYPE_BITS | port, 12,
                  NFT_SET_MAP);
    sc_fw_add_chain(out, NFPROTO_INET, "raw", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW);
    sc_fw_add_chain(out, NFPROTO_INET, "prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST);
    sc_fw_add_chain(out, NFPROTO_INET, "output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST);
    sc_fw_add_chain(out, NFPROTO_INET, "postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC);
    sc_fw_add_chain(out, NFPROTO_INET, "forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER);
    add_nat_rules(out);
    add_forward_rules(out);
}

void
sc_firewall_network(const struct sc_network *network, bool is_new, struct sc_buf *out)
{
    char names[2 * IFNAMSIZ] = "";
    uint32_t first = htonl(network->subnet.base), beyond = htonl(sc_subnet_last(&network->subnet) + 1);

    memcpy(names, network->bridge, strlen(network->bridge));
    memcpy(names + IFNAMSIZ, network->bridge, strlen(network->bridge));
    sc_nft_element(out, NFPROTO_INET, is_new, "bridges", names, IFNAMSIZ, NULL, 0);
    if (!network->forbids_icc)
        sc_nft_element(out, NFPROTO_INET, is_new, "icc", names, sizeof(names), NULL, 0);
    if (network->is_internal) {
        sc_nft_element(out, NFPROTO_INET, is_new, "internal", names, IFNAMSIZ, NULL, 0);
        return;
    }
    sc_nft_element(out, NFPROTO_INET, is_new, "sources", &first, sizeof(first), NULL, 0);
    sc_nft_end_element(out, is_new, "sources", &beyond, sizeof(beyond));
}

struct key {
    unsigned char bytes[12];
    size_t len;
    const char *map;
};

static struct key
key_of(const struct sc_port *port)
{
    struct key key = {.map = port->host_address ? "ports_at" : "ports"};
    uint32_t address = htonl(port->host_address);
    uint16_t number = htons(port->host_port);

    if (port->host_address) {
        memcpy(key.bytes, &address, sizeof(address));
        key.len = sizeof(address);
    }
    key.bytes[key.len] = port->proto;
    memcpy(key.bytes + key.len + 4, &number, sizeof(number));
    key.len += 8;
    return key;
}

void
sc_firewall_add_port(const struct sc_port *port, uint32_t address, struct sc_buf *out)
{
    struct key key = key_of(port);
    uint32_t to = htonl(address);
    uint16_t number = htons(port->port);
    unsigned char data[8] = "";

    memcpy(data, &to, sizeof(to));
    memcpy(data + 4, &number, sizeof(number));
    sc_nft_element(out, NFPROTO_INET, true, key.map, key.bytes, key.len, data, sizeof(data));
}

void
sc_firewall_key(const struct sc_port *port, struct sc_buf *out)
{
    struct key key = key_of(port);

    sc_buf_addf(out, "%s ", key.map);
    for (size_t i = 0; i < key.len; i++)
        sc_buf_addf(out, "%02x", key.bytes[i]);
}

void
sc_firewall_encode(const struct sc_network_list *networks, const struct sc_ports *ports, const uint32_t *targets,
                   struct sc_buf *out)
{
    sc_nl_batch_begin(out);
    sc_fw_add_table(out, NFPROTO_INET, NFT_MSG_NEWTABLE); /* so that there is one to delete */
    sc_fw_add_table(out, NFPROTO_INET, NFT_MSG_DELTABLE);
    sc_fw_add_table(out, NFPROTO_INET, NFT_MSG_NEWTABLE);
    add_skeleton(out);
    for (size_t i = 0; i < networks->count; i++)
        if (networks->items[i].driver == SC_NET_BRIDGE)
            sc_firewall_network(&networks->items[i], true, out);
    for (size_t i = 0; i < ports->count; i++)
        sc_firewall_add_port(&ports->items[i], targets[i], out);
    sc_nl_batch_end(out);
}
