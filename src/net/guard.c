/* Table bridge sc: what comes in from a container's link must be of the MAC and the addresses that it was given. Pure.
 *
 *   prerouting   iifname != "scv*" accept
 *                iifname . ether saddr . ip saddr @owners accept
 *                iifname . ether saddr . arp saddr ip @owners iifname . arp saddr ether . arp saddr ip @owners accept
 *                ether type arp drop
 *                icmpv6 type nd-router-advert, nd-redirect drop
 *                only the gateway tells of ways
 *                icmpv6 type nd-neighbor-advert iifname . ether saddr . TARGET @targets6 accept, else drop
 *                IPv6's ARP: whose address it speaks of
 *                iifname . ether saddr . ip6 saddr @owners6 accept
 *                drop
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#include "net/firewall-priv.h"

/* linux/netfilter_bridge.h: it does not go with net/if.h */
enum { PRE_ROUTING = 0, PRIORITY = -200 };
enum { OWNERS_ID = 20, OWNERS6_ID, TARGETS6_ID };

/* Offsets of the sender's MAC and address in ARP for Ethernet and IPv4. */
#define ARP_SENDER_MAC 8
#define ARP_SENDER     14
#define KEY_MAX        (IFNAMSIZ + 8 + 16)

/* The sets that an address is put into. */
static const struct {
    const char *name;
    enum sc_family family;
    bool is_number; /* for nft's eyes: it has no type for a part of a packet */
} sets[] = {{"owners", SC_V4, false}, {"owners6", SC_V6, false}, {"targets6", SC_V6, true}};

const char *
sc_guard_set(size_t i)
{
    return i < SC_ARRAY_LEN(sets) ? sets[i].name : NULL;
}

/* Name of the link, MAC padded to 8, address. */
static size_t
make_key(const char *link, const unsigned char mac[6], const struct sc_address *address, unsigned char out[KEY_MAX])
{
    memset(out, 0, KEY_MAX);
    memcpy(out, link, strnlen(link, IFNAMSIZ - 1));
    memcpy(out + IFNAMSIZ, mac, 6);
    memcpy(out + IFNAMSIZ + 8, address->bytes, address->len);
    return IFNAMSIZ + 8U + address->len;
}

/* Of the n-th set that the address belongs to. */
static const char *
set_of(size_t n, const struct sc_address *address, bool *is_number)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(sets); i++) {
        if (sets[i].family != sc_address_family(address) || n-- > 0)
            continue;
        *is_number = sets[i].is_number;
        return sets[i].name;
    }
    return NULL;
}

bool
sc_guard_key(size_t n, const char *link, const unsigned char mac[6], const struct sc_address *address,
             struct sc_buf *out)
{
    unsigned char key[KEY_MAX];
    bool is_number;
    const char *set = set_of(n, address, &is_number);
    size_t len = make_key(link, mac, address, key);

    if (set == NULL)
        return false;
    sc_buf_addf(out, "%s ", set);
    for (size_t i = 0; i < len; i++)
        sc_buf_addf(out, "%02x", key[i]);
    return true;
}

bool
sc_guard_shell(size_t n, const char *link, const unsigned char mac[6], const struct sc_address *address,
               struct sc_buf *out)
{
    char text[SC_NET_ADDRESS_MAX], hardware[18];
    bool is_number = false;
    const char *set = set_of(n, address, &is_number);

    if (set == NULL)
        return false;
    sc_address_format(address, text);
    sc_mac_format(mac, hardware);
    sc_buf_addf(out, "%s '{ \"%s\" . %s . ", set, link, hardware);
    if (!is_number)
        sc_buf_adds(out, text);
    for (size_t i = 0; i < address->len && is_number; i++)
        sc_buf_addf(out, "%s%02x", i == 0 ? "0x" : "", address->bytes[i]);
    sc_buf_adds(out, " }'");
    return true;
}

void
sc_guard_add(const char *link, const unsigned char mac[6], const struct sc_address *address, struct sc_buf *out)
{
    unsigned char key[KEY_MAX];
    size_t len = make_key(link, mac, address, key);
    bool is_number;
    const char *set;

    for (size_t n = 0; (set = set_of(n, address, &is_number)) != NULL; n++)
        sc_nft_lease(out, NFPROTO_BRIDGE, false, set, key, len, NULL, 0);
}

/* ---- rules ----------------------------------------------------------------------------------------------------------
 */

static struct sc_fw_rule
open_rule(struct sc_buf *out, uint16_t type)
{
    struct sc_fw_rule rule = sc_fw_open_rule(out, NFPROTO_BRIDGE, "prerouting");
    const uint16_t number = htons(type);

    sc_fw_payload(out, NFT_PAYLOAD_LL_HEADER, offsetof(struct ethhdr, h_proto), sizeof(number), SC_REG_A);
    sc_fw_compare(out, NFT_CMP_EQ, &number, sizeof(number));
    return rule;
}

static void
close_rule(struct sc_buf *out, struct sc_fw_rule rule, uint32_t verdict)
{
    sc_fw_verdict(out, verdict);
    sc_fw_close_rule(out, rule);
}

/* iifname . arp saddr ether . arp saddr ip @owners: the MAC that others will remember is said once more in ARP */
static void
owned_arp(struct sc_buf *out)
{
    sc_fw_meta(out, NFT_META_IIFNAME, SC_REG_A);
    sc_fw_payload(out, NFT_PAYLOAD_NETWORK_HEADER, ARP_SENDER_MAC, ETH_ALEN, SC_REG_B);
    sc_fw_payload(out, NFT_PAYLOAD_NETWORK_HEADER, ARP_SENDER, sizeof(uint32_t), SC_REG_B_THIRD);
    sc_fw_lookup(out, "owners", 0, false);
}

/* iifname . ether saddr . len bytes of the packet @set */
static void
owned(struct sc_buf *out, uint32_t base, uint32_t at, uint32_t len, const char *set)
{
    sc_fw_meta(out, NFT_META_IIFNAME, SC_REG_A);
    sc_fw_payload(out, NFT_PAYLOAD_LL_HEADER, offsetof(struct ethhdr, h_source), ETH_ALEN, SC_REG_B);
    sc_fw_payload(out, base, at, len, SC_REG_B_THIRD);
    sc_fw_lookup(out, set, 0, false);
}

static void
add_sender_rule(struct sc_buf *out, uint16_t type, uint32_t sender_at, uint32_t len, const char *set)
{
    struct sc_fw_rule rule = open_rule(out, type);

    owned(out, NFT_PAYLOAD_NETWORK_HEADER, sender_at, len, set);
    if (type == ETH_P_ARP)
        owned_arp(out);
    close_rule(out, rule, NF_ACCEPT);
}

static struct sc_fw_rule
open_icmp_rule(struct sc_buf *out, uint8_t type)
{
    struct sc_fw_rule rule = open_rule(out, ETH_P_IPV6);
    const uint8_t protocol = IPPROTO_ICMPV6;

    sc_fw_meta(out, NFT_META_L4PROTO, SC_REG_A);
    sc_fw_compare(out, NFT_CMP_EQ, &protocol, sizeof(protocol));
    sc_fw_payload(out, NFT_PAYLOAD_TRANSPORT_HEADER, offsetof(struct icmp6_hdr, icmp6_type), sizeof(type), SC_REG_A);
    sc_fw_compare(out, NFT_CMP_EQ, &type, sizeof(type));
    return rule;
}

static void
add_neighbour_rules(struct sc_buf *out)
{
    struct sc_fw_rule rule;

    close_rule(out, open_icmp_rule(out, ND_ROUTER_ADVERT), NF_DROP);
    close_rule(out, open_icmp_rule(out, ND_REDIRECT), NF_DROP);
    rule = open_icmp_rule(out, ND_NEIGHBOR_ADVERT);
    owned(out, NFT_PAYLOAD_TRANSPORT_HEADER, offsetof(struct nd_neighbor_advert, nd_na_target), 16, "targets6");
    close_rule(out, rule, NF_ACCEPT);
    close_rule(out, open_icmp_rule(out, ND_NEIGHBOR_ADVERT), NF_DROP);
}

void
sc_guard_table(struct sc_buf *out)
{
    const uint32_t link = SC_NFT_TYPES(SC_NFT_TYPE_IFNAME, SC_NFT_TYPE_ETHER);
    struct sc_fw_rule rule;

    sc_fw_add_table(out, NFPROTO_BRIDGE, NFT_MSG_NEWTABLE); /* so that there is one to delete */
    sc_fw_add_table(out, NFPROTO_BRIDGE, NFT_MSG_DELTABLE);
    sc_fw_add_table(out, NFPROTO_BRIDGE, NFT_MSG_NEWTABLE);
    sc_fw_add_set(out, NFPROTO_BRIDGE, "owners", OWNERS_ID, SC_NFT_TYPES(link, SC_NFT_TYPE_ADDRESS), KEY_MAX - 12,
                  NFT_SET_TIMEOUT);
    sc_fw_add_set(out, NFPROTO_BRIDGE, "owners6", OWNERS6_ID, SC_NFT_TYPES(link, SC_NFT_TYPE_ADDRESS6), KEY_MAX,
                  NFT_SET_TIMEOUT);
    sc_fw_add_target_set(out, "targets6", TARGETS6_ID, KEY_MAX);
    sc_fw_add_chain(out, NFPROTO_BRIDGE, "prerouting", "filter", PRE_ROUTING, PRIORITY);
    rule = sc_fw_open_rule(out, NFPROTO_BRIDGE, "prerouting");
    sc_fw_meta(out, NFT_META_IIFNAME, SC_REG_A);
    sc_fw_compare(out, NFT_CMP_NEQ, "scv", 3);
    close_rule(out, rule, NF_ACCEPT);
    add_sender_rule(out, ETH_P_IP, offsetof(struct iphdr, saddr), sizeof(uint32_t), "owners");
    add_sender_rule(out, ETH_P_ARP, ARP_SENDER, sizeof(uint32_t), "owners");
    close_rule(out, open_rule(out, ETH_P_ARP), NF_DROP);
    add_neighbour_rules(out);
    add_sender_rule(out, ETH_P_IPV6, offsetof(struct ip6_hdr, ip6_src), 16, "owners6");
    rule = sc_fw_open_rule(out, NFPROTO_BRIDGE, "prerouting");
    close_rule(out, rule, NF_DROP);
}
