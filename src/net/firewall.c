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

#include "net/net-priv.h"

/* nft's own numbers of data types, which say how `nft list` prints them; two are six bits each. */
enum { TYPE_ADDRESS = 7, TYPE_PROTO = 12, TYPE_PORT = 13, TYPE_IFNAME = 41, TYPE_BITS = 6 };
#define TYPES(a, b) ((a) << TYPE_BITS | (b))

enum { REG_A = NFT_REG_1, REG_B = NFT_REG_2, REG_A_SECOND = NFT_REG32_01, REG_A_THIRD = NFT_REG32_02 };

#define MARK_RELATED_ESTABLISHED 6 /* NF_CT_STATE_BIT of IP_CT_ESTABLISHED and IP_CT_RELATED */

/* ---- expressions ---------------------------------------------------------------------------------------------- */

struct nest {
    size_t expr, data;
};

static struct nest
open_expr(struct sc_buf *out, const char *name)
{
    struct nest nest;

    nest.expr = sc_nl_nest(out, NFTA_LIST_ELEM);
    sc_nl_attr_str(out, NFTA_EXPR_NAME, name);
    nest.data = sc_nl_nest(out, NFTA_EXPR_DATA);
    return nest;
}

static void
close_expr(struct sc_buf *out, struct nest nest)
{
    sc_nl_nest_end(out, nest.data);
    sc_nl_nest_end(out, nest.expr);
}

static void
add_value(struct sc_buf *out, uint16_t attr, const void *value, size_t len)
{
    size_t at = sc_nl_nest(out, attr);

    sc_nl_attr(out, NFTA_DATA_VALUE, value, len);
    sc_nl_nest_end(out, at);
}

static void
meta(struct sc_buf *out, uint32_t key, uint32_t reg)
{
    struct nest nest = open_expr(out, "meta");

    sc_nl_attr_be32(out, NFTA_META_KEY, key);
    sc_nl_attr_be32(out, NFTA_META_DREG, reg);
    close_expr(out, nest);
}

static void
payload(struct sc_buf *out, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
    struct nest nest = open_expr(out, "payload");

    sc_nl_attr_be32(out, NFTA_PAYLOAD_DREG, reg);
    sc_nl_attr_be32(out, NFTA_PAYLOAD_BASE, base);
    sc_nl_attr_be32(out, NFTA_PAYLOAD_OFFSET, offset);
    sc_nl_attr_be32(out, NFTA_PAYLOAD_LEN, len);
    close_expr(out, nest);
}

static void
compare(struct sc_buf *out, enum nft_cmp_ops op, const void *value, size_t len)
{
    struct nest nest = open_expr(out, "cmp");

    sc_nl_attr_be32(out, NFTA_CMP_SREG, REG_A);
    sc_nl_attr_be32(out, NFTA_CMP_OP, op);
    add_value(out, NFTA_CMP_DATA, value, len);
    close_expr(out, nest);
}

/* dreg 0: of a set */
static void
lookup(struct sc_buf *out, const char *set, uint32_t dreg, bool is_inverted)
{
    struct nest nest = open_expr(out, "lookup");

    sc_nl_attr_str(out, NFTA_LOOKUP_SET, set);
    sc_nl_attr_be32(out, NFTA_LOOKUP_SREG, REG_A);
    if (dreg)
        sc_nl_attr_be32(out, NFTA_LOOKUP_DREG, dreg);
    if (is_inverted)
        sc_nl_attr_be32(out, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    close_expr(out, nest);
}

static void
verdict(struct sc_buf *out, uint32_t code)
{
    struct nest nest = open_expr(out, "immediate");
    size_t data, value;

    sc_nl_attr_be32(out, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    data = sc_nl_nest(out, NFTA_IMMEDIATE_DATA);
    value = sc_nl_nest(out, NFTA_DATA_VERDICT);
    sc_nl_attr_be32(out, NFTA_VERDICT_CODE, code);
    sc_nl_nest_end(out, value);
    sc_nl_nest_end(out, data);
    close_expr(out, nest);
}

static void
masquerade(struct sc_buf *out)
{
    close_expr(out, open_expr(out, "masq"));
}

/* Any of the bits of a conntrack number. */
static void
conntrack(struct sc_buf *out, uint32_t key, uint32_t bits)
{
    const uint32_t zero = 0;
    struct nest nest = open_expr(out, "ct");

    sc_nl_attr_be32(out, NFTA_CT_KEY, key);
    sc_nl_attr_be32(out, NFTA_CT_DREG, REG_A);
    close_expr(out, nest);
    nest = open_expr(out, "bitwise");
    sc_nl_attr_be32(out, NFTA_BITWISE_SREG, REG_A);
    sc_nl_attr_be32(out, NFTA_BITWISE_DREG, REG_A);
    sc_nl_attr_be32(out, NFTA_BITWISE_LEN, sizeof(bits));
    add_value(out, NFTA_BITWISE_MASK, &bits, sizeof(bits));
    add_value(out, NFTA_BITWISE_XOR, &zero, sizeof(zero));
    close_expr(out, nest);
    compare(out, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void
only_ipv4(struct sc_buf *out)
{
    const unsigned char family = NFPROTO_IPV4;

    meta(out, NFT_META_NFPROTO, REG_A);
    compare(out, NFT_CMP_EQ, &family, sizeof(family));
}

static void
in_loopback(struct sc_buf *out, uint32_t offset)
{
    const unsigned char net = 127;

    only_ipv4(out);
    payload(out, NFT_PAYLOAD_NETWORK_HEADER, offset, sizeof(net), REG_A);
    compare(out, NFT_CMP_EQ, &net, sizeof(net));
}

static void
to_local_address(struct sc_buf *out)
{
    const uint32_t local = RTN_LOCAL;
    struct nest nest = open_expr(out, "fib");

    sc_nl_attr_be32(out, NFTA_FIB_DREG, REG_A);
    sc_nl_attr_be32(out, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    sc_nl_attr_be32(out, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    close_expr(out, nest);
    compare(out, NFT_CMP_EQ, &local, sizeof(local));
}

static void
dnat(struct sc_buf *out)
{
    struct nest nest = open_expr(out, "nat");

    sc_nl_attr_be32(out, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    sc_nl_attr_be32(out, NFTA_NAT_FAMILY, NFPROTO_IPV4);
    sc_nl_attr_be32(out, NFTA_NAT_REG_ADDR_MIN, REG_A);
    sc_nl_attr_be32(out, NFTA_NAT_REG_PROTO_MIN, REG_A_SECOND);
    close_expr(out, nest);
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

struct rule {
    size_t message, list;
};

static struct rule
open_rule(struct sc_buf *out, const char *chain)
{
    struct rule rule = {.message = sc_nl_nft(out, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND)};

    sc_nl_attr_str(out, NFTA_RULE_TABLE, SC_NFT_TABLE);
    sc_nl_attr_str(out, NFTA_RULE_CHAIN, chain);
    rule.list = sc_nl_nest(out, NFTA_RULE_EXPRESSIONS);
    return rule;
}

static void
close_rule(struct sc_buf *out, struct rule rule)
{
    sc_nl_nest_end(out, rule.list);
    sc_nl_end(out, rule.message);
}

static void
add_dnat_rules(struct sc_buf *out, const char *chain)
{
    struct rule rule = open_rule(out, chain);

    to_local_address(out);
    only_ipv4(out);
    payload(out, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, daddr), sizeof(uint32_t), REG_A);
    meta(out, NFT_META_L4PROTO, REG_A_SECOND);
    payload(out, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(uint16_t), REG_A_THIRD);
    lookup(out, "ports_at", REG_A, false);
    dnat(out);
    close_rule(out, rule);

    rule = open_rule(out, chain);
    to_local_address(out);
    only_ipv4(out);
    meta(out, NFT_META_L4PROTO, REG_A);
    payload(out, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(uint16_t), REG_A_SECOND);
    lookup(out, "ports", REG_A, false);
    dnat(out);
    close_rule(out, rule);
}

static void
if_in(struct sc_buf *out, uint32_t key, const char *set, bool is_inverted)
{
    meta(out, key, REG_A);
    lookup(out, set, 0, is_inverted);
}

static void
if_pair(struct sc_buf *out, const char *set)
{
    meta(out, NFT_META_IIFNAME, REG_A);
    meta(out, NFT_META_OIFNAME, REG_B);
    lookup(out, set, 0, false);
}

static void
add_nat_rules(struct sc_buf *out)
{
    struct rule rule = open_rule(out, "raw");

    if_in(out, NFT_META_IIFNAME, "bridges", false);
    in_loopback(out, offsetof(struct iphdr, daddr));
    verdict(out, NF_DROP);
    close_rule(out, rule);

    add_dnat_rules(out, "prerouting");
    add_dnat_rules(out, "output");

    rule = open_rule(out, "postrouting");
    only_ipv4(out);
    payload(out, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, saddr), sizeof(uint32_t), REG_A);
    lookup(out, "sources", 0, false);
    if_in(out, NFT_META_OIFNAME, "bridges", false);
    conntrack(out, NFT_CT_STATUS, IPS_DST_NAT);
    masquerade(out);
    close_rule(out, rule);

    rule = open_rule(out, "postrouting");
    only_ipv4(out);
    payload(out, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, saddr), sizeof(uint32_t), REG_A);
    lookup(out, "sources", 0, false);
    if_in(out, NFT_META_OIFNAME, "bridges", true);
    masquerade(out);
    close_rule(out, rule);

    rule = open_rule(out, "postrouting");
    in_loopback(out, offsetof(struct iphdr, saddr));
    if_in(out, NFT_META_OIFNAME, "bridges", false);
    masquerade(out);
    close_rule(out, rule);
}

static void
add_forward_rules(struct sc_buf *out)
{
    struct rule rule = open_rule(out, "forward");

    if_pair(out, "icc");
    verdict(out, NF_ACCEPT);
    close_rule(out, rule);
    for (int i = 0; i < 2; i++) {
        rule = open_rule(out, "forward");
        if_in(out, i == 0 ? NFT_META_IIFNAME : NFT_META_OIFNAME, "internal", false);
        verdict(out, NF_DROP);
        close_rule(out, rule);
    }
    rule = open_rule(out, "forward");
    conntrack(out, NFT_CT_STATE, MARK_RELATED_ESTABLISHED);
    verdict(out, NF_ACCEPT);
    close_rule(out, rule);

    rule = open_rule(out, "forward");
    conntrack(out, NFT_CT_STATUS, IPS_DST_NAT);
    verdict(out, NF_ACCEPT);
    close_rule(out, rule);

    rule = open_rule(out, "forward");
    if_in(out, NFT_META_OIFNAME, "bridges", false);
    verdict(out, NF_DROP);
    close_rule(out, rule);
}

/* ---- table, chains, sets ------------------------------------------------------------------------------------------
 */

static void
add_table(struct sc_buf *out, uint16_t type)
{
    size_t at = sc_nl_nft(out, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);

    sc_nl_attr_str(out, NFTA_TABLE_NAME, SC_NFT_TABLE);
    sc_nl_end(out, at);
}

static void
add_chain(struct sc_buf *out, const char *name, const char *type, uint32_t hook, int priority)
{
    size_t at = sc_nl_nft(out, NFT_MSG_NEWCHAIN, NLM_F_CREATE), nest;

    sc_nl_attr_str(out, NFTA_CHAIN_TABLE, SC_NFT_TABLE);
    sc_nl_attr_str(out, NFTA_CHAIN_NAME, name);
    nest = sc_nl_nest(out, NFTA_CHAIN_HOOK);
    sc_nl_attr_be32(out, NFTA_HOOK_HOOKNUM, hook);
    sc_nl_attr_be32(out, NFTA_HOOK_PRIORITY, (uint32_t)priority);
    sc_nl_nest_end(out, nest);
    sc_nl_attr_str(out, NFTA_CHAIN_TYPE, type);
    sc_nl_end(out, at);
}

/* data_len 0: a set, else a map to an address and a port */
static void
add_set(struct sc_buf *out, const char *name, uint32_t id, uint32_t key_type, uint32_t key_len, uint32_t flags)
{
    /* For nft's eyes only: a name is no number in network order. */
    static const unsigned char host_order[] = {0, 4, 1, 0, 0, 0};
    size_t at = sc_nl_nft(out, NFT_MSG_NEWSET, NLM_F_CREATE);

    sc_nl_attr_str(out, NFTA_SET_TABLE, SC_NFT_TABLE);
    sc_nl_attr_str(out, NFTA_SET_NAME, name);
    if (flags)
        sc_nl_attr_be32(out, NFTA_SET_FLAGS, flags);
    sc_nl_attr_be32(out, NFTA_SET_KEY_TYPE, key_type);
    sc_nl_attr_be32(out, NFTA_SET_KEY_LEN, key_len);
    if (flags & NFT_SET_MAP) {
        sc_nl_attr_be32(out, NFTA_SET_DATA_TYPE, TYPES(TYPE_ADDRESS, TYPE_PORT));
        sc_nl_attr_be32(out, NFTA_SET_DATA_LEN, 8);
    }
    sc_nl_attr_be32(out, NFTA_SET_ID, id);
    if (key_type == TYPE_IFNAME)
        sc_nl_attr(out, NFTA_SET_USERDATA, host_order, sizeof(host_order));
    sc_nl_end(out, at);
}

static void
add_skeleton(struct sc_buf *out)
{
    const uint32_t pair = TYPES(TYPE_IFNAME, TYPE_IFNAME), port = TYPES(TYPE_PROTO, TYPE_PORT);

    add_set(out, "bridges", 1, TYPE_IFNAME, IFNAMSIZ, 0);
    add_set(out, "internal", 2, TYPE_IFNAME, IFNAMSIZ, 0);
    add_set(out, "icc", 4, pair, 2 * IFNAMSIZ, 0);
    add_set(out, "sources", 5, TYPE_ADDRESS, sizeof(uint32_t), NFT_SET_INTERVAL);
    add_set(out, "ports", 6, port, 8, NFT_SET_MAP);
    add_set(out, "ports_at", 7, TYPE_ADDRESS << 2 * TYPE_BITS | port, 12, NFT_SET_MAP);
    add_chain(out, "raw", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW);
    add_chain(out, "prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST);
    add_chain(out, "output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST);
    add_chain(out, "postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC);
    add_chain(out, "forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER);
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
    sc_nft_element(out, is_new, "bridges", names, IFNAMSIZ, NULL, 0);
    if (!network->forbids_icc)
        sc_nft_element(out, is_new, "icc", names, sizeof(names), NULL, 0);
    if (network->is_internal) {
        sc_nft_element(out, is_new, "internal", names, IFNAMSIZ, NULL, 0);
        return;
    }
    sc_nft_element(out, is_new, "sources", &first, sizeof(first), NULL, 0);
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
    sc_nft_element(out, true, key.map, key.bytes, key.len, data, sizeof(data));
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
    add_table(out, NFT_MSG_NEWTABLE); /* so that there is one to delete */
    add_table(out, NFT_MSG_DELTABLE);
    add_table(out, NFT_MSG_NEWTABLE);
    add_skeleton(out);
    for (size_t i = 0; i < networks->count; i++)
        sc_firewall_network(&networks->items[i], true, out);
    for (size_t i = 0; i < ports->count; i++)
        sc_firewall_add_port(&ports->items[i], targets[i], out);
    sc_nl_batch_end(out);
}
