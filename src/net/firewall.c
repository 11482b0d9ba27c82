/* Table inet sc as bytes: chains that never change, which look into sets of networks and maps of ports. Pure.
 *
 *   raw          ip daddr 127.0.0.0/8 iifname @bridges drop
 *                route_localnet opens the host's loopback to us only
 *                ip6 daddr LOOP iifname @bridges notrack
 *                an answer to the host's ::1 goes round by sclo0 (up.c), where it is translated back
 *   prerouting   fib daddr type local dnat ip to ... map @ports_at, @ports; dnat ip6 to ... map @ports_at6, @ports6
 *                from outside and from containers
 *   output       the same, from the host itself
 *   postrouting  ip saddr @sources oifname @bridges ct status dnat masquerade
 *                hairpin: the answer must come back this way
 *                ip saddr @sources oifname != @bridges masquerade
 *                out into the world; both for ip6 saddr @sources6 too
 *                ip saddr 127.0.0.0/8 oifname @bridges masquerade
 *                ip6 saddr ::1 oifname @bridges snat ip6 to LOOP
 *                a port used by the host through its loopback
 *   known        ct state established,related accept
 *                empty once there is an internal network, which is asked about first, whatever its addresses were
 *   forward      jump known
 *                nearly all packets are known: they meet no other rule
 *                iifname "sclo1" drop
 *                what comes round is the host's, or nobody's
 *                iifname . oifname @icc accept
 *                neighbours, where bridged packets come by here
 *                iifname @internal drop, oifname @internal drop
 *                ct state established,related accept
 *                ct original ip daddr 127.0.0.0/8 drop
 *                what is forwarded was sent by another machine: a port on the host's loopback is not theirs
 *                ct status dnat accept
 *                oifname @bridges drop
 *                nobody else reaches in, nor networks each other
 *                accept
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#include "net/firewall-priv.h"

#define MARK_RELATED_ESTABLISHED 6 /* NF_CT_STATE_BIT of IP_CT_ESTABLISHED and IP_CT_RELATED */

/* ---- expressions ---------------------------------------------------------------------------------------------- */

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

/* The address that a connection was made to, before we led it elsewhere, is in 127.0.0.0/8. */
static void
was_to_loopback(struct sc_buf *out)
{
    const unsigned char net = 127, original = IP_CT_DIR_ORIGINAL;
    struct sc_fw_nest nest = sc_fw_open_expr(out, "ct");

    sc_nl_attr_be32(out, NFTA_CT_KEY, NFT_CT_DST_IP);
    sc_nl_attr_be32(out, NFTA_CT_DREG, SC_REG_A);
    sc_nl_attr(out, NFTA_CT_DIRECTION, &original, sizeof(original));
    sc_fw_close_expr(out, nest);
    sc_fw_compare(out, NFT_CMP_EQ, &net, sizeof(net));
}

/* What differs between the families. */
static const struct family {
    unsigned char protocol; /* NFPROTO_* */
    unsigned char address_len;
    unsigned source_at, target_at; /* in the header */
    uint32_t reg_proto, reg_port;  /* behind an address in SC_REG_A */
    const char *sources, *ports, *ports_at;
    uint32_t sources_id, ports_id, ports_at_id, type;
} families[SC_FAMILIES] = {
    [SC_V4] = {NFPROTO_IPV4, 4, offsetof(struct iphdr, saddr), offsetof(struct iphdr, daddr), SC_REG_A_SECOND,
               SC_REG_A_THIRD, "sources", "ports", "ports_at", 5, 6, 7, SC_NFT_TYPE_ADDRESS},
    [SC_V6] = {NFPROTO_IPV6, 16, offsetof(struct ip6_hdr, ip6_src), offsetof(struct ip6_hdr, ip6_dst), SC_REG_A_FIFTH,
               SC_REG_A_SIXTH, "sources6", "ports6", "ports_at6", 8, 9, 10, SC_NFT_TYPE_ADDRESS6},
};

static void
only(struct sc_buf *out, const struct family *f)
{
    sc_fw_meta(out, NFT_META_NFPROTO, SC_REG_A);
    sc_fw_compare(out, NFT_CMP_EQ, &f->protocol, sizeof(f->protocol));
}

static void
address(struct sc_buf *out, const struct family *f, unsigned at)
{
    only(out, f);
    sc_fw_payload(out, NFT_PAYLOAD_NETWORK_HEADER, at, f->address_len, SC_REG_A);
}

static void
in_loopback(struct sc_buf *out, uint32_t offset)
{
    const unsigned char net = 127;

    only(out, &families[SC_V4]);
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
dnat(struct sc_buf *out, const struct family *f)
{
    struct sc_fw_nest nest = sc_fw_open_expr(out, "nat");

    sc_nl_attr_be32(out, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    sc_nl_attr_be32(out, NFTA_NAT_FAMILY, f->protocol);
    sc_nl_attr_be32(out, NFTA_NAT_REG_ADDR_MIN, SC_REG_A);
    sc_nl_attr_be32(out, NFTA_NAT_REG_PROTO_MIN, f->reg_proto);
    sc_fw_close_expr(out, nest);
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

static void
add_dnat_rules(struct sc_buf *out, const char *chain, const struct family *f)
{
    struct sc_fw_rule rule = sc_fw_open_rule(out, NFPROTO_INET, chain);

    to_local_address(out);
    address(out, f, f->target_at);
    sc_fw_meta(out, NFT_META_L4PROTO, f->reg_proto);
    sc_fw_payload(out, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(uint16_t), f->reg_port);
    sc_fw_lookup(out, f->ports_at, SC_REG_A, false);
    dnat(out, f);
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, chain);
    to_local_address(out);
    only(out, f);
    sc_fw_meta(out, NFT_META_L4PROTO, SC_REG_A);
    sc_fw_payload(out, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(uint16_t), SC_REG_A_SECOND);
    sc_fw_lookup(out, f->ports, SC_REG_A, false);
    dnat(out, f);
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

/* A packet meets the looks at sets last: those take longest. */
static void
add_raw_rules(struct sc_buf *out)
{
    const struct family *v6 = &families[SC_V6];
    struct sc_fw_rule rule = sc_fw_open_rule(out, NFPROTO_INET, "raw");

    in_loopback(out, offsetof(struct iphdr, daddr));
    if_in(out, NFT_META_IIFNAME, "bridges", false);
    sc_fw_verdict(out, NF_DROP);
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, "raw");
    address(out, v6, v6->target_at);
    sc_fw_compare(out, NFT_CMP_EQ, sc_loop_address.bytes, sc_loop_address.len);
    if_in(out, NFT_META_IIFNAME, "bridges", false);
    sc_fw_plain(out, "notrack");
    sc_fw_close_rule(out, rule);
}

/* What leaves a network, and what comes back to it by a port of the host. */
static void
add_masquerade_rules(struct sc_buf *out, const struct family *f)
{
    struct sc_fw_rule rule = sc_fw_open_rule(out, NFPROTO_INET, "postrouting");

    address(out, f, f->source_at);
    sc_fw_lookup(out, f->sources, 0, false);
    if_in(out, NFT_META_OIFNAME, "bridges", false);
    conntrack(out, NFT_CT_STATUS, IPS_DST_NAT);
    sc_fw_plain(out, "masq");
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, "postrouting");
    address(out, f, f->source_at);
    sc_fw_lookup(out, f->sources, 0, false);
    if_in(out, NFT_META_OIFNAME, "bridges", true);
    sc_fw_plain(out, "masq");
    sc_fw_close_rule(out, rule);
}

static void
add_loopback_rules(struct sc_buf *out)
{
    static const unsigned char loopback[16] = {[15] = 1};
    const struct family *v6 = &families[SC_V6];
    struct sc_fw_rule rule = sc_fw_open_rule(out, NFPROTO_INET, "postrouting");
    struct sc_fw_nest nest;

    in_loopback(out, offsetof(struct iphdr, saddr));
    if_in(out, NFT_META_OIFNAME, "bridges", false);
    sc_fw_plain(out, "masq");
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, "postrouting");
    address(out, v6, v6->source_at);
    sc_fw_compare(out, NFT_CMP_EQ, loopback, sizeof(loopback));
    if_in(out, NFT_META_OIFNAME, "bridges", false);
    sc_fw_load(out, SC_REG_A, sc_loop_address.bytes, sc_loop_address.len);
    nest = sc_fw_open_expr(out, "nat");
    sc_nl_attr_be32(out, NFTA_NAT_TYPE, NFT_NAT_SNAT);
    sc_nl_attr_be32(out, NFTA_NAT_FAMILY, NFPROTO_IPV6);
    sc_nl_attr_be32(out, NFTA_NAT_REG_ADDR_MIN, SC_REG_A);
    sc_fw_close_expr(out, nest);
    sc_fw_close_rule(out, rule);
}

static void
add_nat_rules(struct sc_buf *out)
{
    static const char *const chains[] = {"prerouting", "output"};

    add_raw_rules(out);
    for (size_t i = 0; i < SC_ARRAY_LEN(chains); i++) {
        for (int f = 0; f < SC_FAMILIES; f++)
            add_dnat_rules(out, chains[i], &families[f]);
    }
    for (int f = 0; f < SC_FAMILIES; f++)
        add_masquerade_rules(out, &families[f]);
    add_loopback_rules(out);
}

static void
add_known_rule(struct sc_buf *out, const char *chain)
{
    struct sc_fw_rule rule = sc_fw_open_rule(out, NFPROTO_INET, chain);

    conntrack(out, NFT_CT_STATE, MARK_RELATED_ESTABLISHED);
    sc_fw_verdict(out, NF_ACCEPT);
    sc_fw_close_rule(out, rule);
}

static void
add_forward_rules(struct sc_buf *out)
{
    static const char loop_in[] = SC_LOOP_IN;
    char name[IFNAMSIZ] = "";
    struct sc_fw_rule rule;

    add_known_rule(out, "known");
    rule = sc_fw_open_rule(out, NFPROTO_INET, "forward");
    sc_fw_jump(out, "known");
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, "forward");
    memcpy(name, loop_in, sizeof(loop_in));
    sc_fw_meta(out, NFT_META_IIFNAME, SC_REG_A);
    sc_fw_compare(out, NFT_CMP_EQ, name, sizeof(name));
    sc_fw_verdict(out, NF_DROP);
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, "forward");
    if_pair(out, "icc");
    sc_fw_verdict(out, NF_ACCEPT);
    sc_fw_close_rule(out, rule);
    for (int i = 0; i < 2; i++) {
        rule = sc_fw_open_rule(out, NFPROTO_INET, "forward");
        if_in(out, i == 0 ? NFT_META_IIFNAME : NFT_META_OIFNAME, "internal", false);
        sc_fw_verdict(out, NF_DROP);
        sc_fw_close_rule(out, rule);
    }
    add_known_rule(out, "forward");

    /* It is led to a container before the kernel looks whether it is a martian. */
    rule = sc_fw_open_rule(out, NFPROTO_INET, "forward");
    was_to_loopback(out);
    sc_fw_verdict(out, NF_DROP);
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, "forward");
    conntrack(out, NFT_CT_STATUS, IPS_DST_NAT);
    sc_fw_verdict(out, NF_ACCEPT);
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, "forward");
    if_in(out, NFT_META_OIFNAME, "bridges", false);
    sc_fw_verdict(out, NF_DROP);
    sc_fw_close_rule(out, rule);

    rule = sc_fw_open_rule(out, NFPROTO_INET, "forward");
    sc_fw_verdict(out,
                  NF_ACCEPT); /* that there are so many tells that the maps' elements can end (SC_NFT_FORWARD_RULES) */
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
    for (int i = 0; i < SC_FAMILIES; i++) {
        const struct family *f = &families[i];

        sc_fw_add_set(out, NFPROTO_INET, f->sources, f->sources_id, f->type, f->address_len, NFT_SET_INTERVAL);
        sc_fw_add_port_map(out, f->ports, f->ports_id, port, 8, i);
        sc_fw_add_port_map(out, f->ports_at, f->ports_at_id, f->type << 2 * SC_NFT_TYPE_BITS | port,
                           8U + f->address_len, i);
    }
    sc_fw_add_chain(out, NFPROTO_INET, "raw", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW);
    sc_fw_add_chain(out, NFPROTO_INET, "prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST);
    sc_fw_add_chain(out, NFPROTO_INET, "output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST);
    sc_fw_add_chain(out, NFPROTO_INET, "postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC);
    sc_fw_add_plain_chain(out, "known");
    sc_fw_add_chain(out, NFPROTO_INET, "forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER);
    add_nat_rules(out);
    add_forward_rules(out);
}

static void
add_source(const struct sc_subnet *subnet, bool is_new, struct sc_buf *out)
{
    const struct family *f = &families[sc_address_family(&subnet->base)];
    struct sc_address last = sc_subnet_last(subnet), beyond = sc_address_next(&last);

    sc_nft_element(out, NFPROTO_INET, is_new, f->sources, subnet->base.bytes, f->address_len, NULL, 0);
    sc_nft_end_element(out, is_new, f->sources, beyond.bytes, f->address_len);
}

void
sc_firewall_network(const struct sc_network *network, bool is_new, struct sc_buf *out)
{
    char names[2 * IFNAMSIZ] = "";

    memcpy(names, network->bridge, strlen(network->bridge));
    memcpy(names + IFNAMSIZ, network->bridge, strlen(network->bridge));
    sc_nft_element(out, NFPROTO_INET, is_new, "bridges", names, IFNAMSIZ, NULL, 0);
    if (!network->forbids_icc)
        sc_nft_element(out, NFPROTO_INET, is_new, "icc", names, sizeof(names), NULL, 0);
    if (network->is_internal) {
        sc_nft_element(out, NFPROTO_INET, is_new, "internal", names, IFNAMSIZ, NULL, 0);
        if (is_new)
            sc_fw_flush_chain(out, "known");
        return;
    }
    if (network->keeps_source)
        return;
    for (int f = 0; f < SC_FAMILIES; f++) {
        if (sc_network_has(network, f))
            add_source(&network->pools[f].subnet, is_new, out);
    }
}

struct key {
    unsigned char bytes[24];
    size_t len;
};

const char *
sc_firewall_map(const struct sc_port *port)
{
    const struct family *f = &families[sc_address_family(&port->host_address)];

    return sc_address_is_any(&port->host_address) ? f->ports : f->ports_at;
}

static struct key
key_of(const struct sc_port *port)
{
    struct key key = {.len = 0};
    uint16_t number = htons(port->host_port);

    if (!sc_address_is_any(&port->host_address)) {
        memcpy(key.bytes, port->host_address.bytes, port->host_address.len);
        key.len = port->host_address.len;
    }
    key.bytes[key.len] = port->proto;
    memcpy(key.bytes + key.len + 4, &number, sizeof(number));
    key.len += 8;
    return key;
}

/* What the key leads to. */
static struct key
target_of(const struct sc_port *port, const struct sc_address *address)
{
    struct key data = {.len = address->len + 4U};
    uint16_t number = htons(port->port);

    memcpy(data.bytes, address->bytes, address->len);
    memcpy(data.bytes + address->len, &number, sizeof(number));
    return data;
}

void
sc_firewall_add_port(const struct sc_port *port, const struct sc_address *address, struct sc_buf *out)
{
    struct key key = key_of(port), data = target_of(port, address);

    sc_nft_lease(out, NFPROTO_INET, false, sc_firewall_map(port), key.bytes, key.len, data.bytes, data.len);
}

static void
add_hex(const struct key *key, struct sc_buf *out)
{
    sc_buf_adds(out, " ");
    for (size_t i = 0; i < key->len; i++)
        sc_buf_addf(out, "%02x", key->bytes[i]);
}

void
sc_firewall_undo(const struct sc_port *port, const struct sc_address *address, struct sc_buf *out)
{
    struct key key = key_of(port), data = target_of(port, address);

    sc_buf_adds(out, sc_firewall_map(port));
    add_hex(&key, out);
    add_hex(&data, out);
}

void
sc_firewall_encode(const struct sc_network_list *networks, const struct sc_ports *ports,
                   const struct sc_address *targets, struct sc_buf *out)
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
        /* else others lead it there: CNI's plugins, or who carries IPv6 to IPv4 */
        if (!sc_address_is_any(&targets[i]) && targets[i].len == ports->items[i].host_address.len)
            sc_firewall_add_port(&ports->items[i], &targets[i], out);
    sc_nl_batch_end(out);
}
