/* Table bridge sc: what comes in from a container's link must be IPv4 or ARP of the address and MAC that it was given.
 * Pure.
 *
 *   prerouting   iifname != "scv*" accept
 *                iifname . ether saddr . ip saddr @owners accept
 *                iifname . ether saddr . arp saddr ip @owners accept
 *                drop
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <string.h>

#include "net/firewall-priv.h"

/* linux/netfilter_bridge.h: it does not go with net/if.h */
enum { PRE_ROUTING = 0, PRIORITY = -200 };

#define SET_ID     20
#define ARP_SENDER 14 /* offset of the sender's address in ARP for Ethernet and IPv4 */

void
sc_guard_key(const char *link, const unsigned char mac[6], uint32_t address, unsigned char out[SC_GUARD_KEY_LEN])
{
    uint32_t number = htonl(address);

    memset(out, 0, SC_GUARD_KEY_LEN);
    memcpy(out, link, strnlen(link, IFNAMSIZ - 1));
    memcpy(out + IFNAMSIZ, mac, 6);
    memcpy(out + IFNAMSIZ + 8, &number, sizeof(number));
}

void
sc_guard_add(const char *link, const unsigned char mac[6], uint32_t address, struct sc_buf *out)
{
    unsigned char key[SC_GUARD_KEY_LEN];

    sc_guard_key(link, mac, address, key);
    sc_nft_element(out, NFPROTO_BRIDGE, true, "owners", key, sizeof(key), NULL, 0);
}

static void
add_rule(struct sc_buf *out, uint16_t type, uint32_t sender_at)
{
    struct sc_fw_rule rule = sc_fw_open_rule(out, NFPROTO_BRIDGE, "prerouting");
    const uint16_t number = htons(type);

    sc_fw_payload(out, NFT_PAYLOAD_LL_HEADER, offsetof(struct ethhdr, h_proto), sizeof(number), SC_REG_A);
    sc_fw_compare(out, NFT_CMP_EQ, &number, sizeof(number));
    sc_fw_meta(out, NFT_META_IIFNAME, SC_REG_A);
    sc_fw_payload(out, NFT_PAYLOAD_LL_HEADER, offsetof(struct ethhdr, h_source), ETH_ALEN, SC_REG_B);
    sc_fw_payload(out, NFT_PAYLOAD_NETWORK_HEADER, sender_at, sizeof(uint32_t), SC_REG_B_THIRD);
    sc_fw_lookup(out, "owners", 0, false);
    sc_fw_verdict(out, NF_ACCEPT);
    sc_fw_close_rule(out, rule);
}

void
sc_guard_table(struct sc_buf *out)
{
    const uint32_t type = SC_NFT_TYPES(SC_NFT_TYPES(SC_NFT_TYPE_IFNAME, SC_NFT_TYPE_ETHER), SC_NFT_TYPE_ADDRESS);
    struct sc_fw_rule rule;

    sc_fw_add_table(out, NFPROTO_BRIDGE, NFT_MSG_NEWTABLE); /* so that there is one to delete */
    sc_fw_add_table(out, NFPROTO_BRIDGE, NFT_MSG_DELTABLE);
    sc_fw_add_table(out, NFPROTO_BRIDGE, NFT_MSG_NEWTABLE);
    sc_fw_add_set(out, NFPROTO_BRIDGE, "owners", SET_ID, type, SC_GUARD_KEY_LEN, 0);
    sc_fw_add_chain(out, NFPROTO_BRIDGE, "prerouting", "filter", PRE_ROUTING, PRIORITY);
    rule = sc_fw_open_rule(out, NFPROTO_BRIDGE, "prerouting");
    sc_fw_meta(out, NFT_META_IIFNAME, SC_REG_A);
    sc_fw_compare(out, NFT_CMP_NEQ, "scv", 3);
    sc_fw_verdict(out, NF_ACCEPT);
    sc_fw_close_rule(out, rule);
    add_rule(out, ETH_P_IP, offsetof(struct iphdr, saddr));
    add_rule(out, ETH_P_ARP, ARP_SENDER);
    rule = sc_fw_open_rule(out, NFPROTO_BRIDGE, "prerouting");
    sc_fw_verdict(out, NF_DROP);
    sc_fw_close_rule(out, rule);
}
