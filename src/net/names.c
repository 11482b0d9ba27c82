/* The rules by which a container reaches who answers about names (monitor/names.h): what it sends to port 53 of
 * 127.0.0.11 goes to the port that is ours there, and the answers seem to come from 53. That port itself stays free,
 * for a container that is a name server. They are rules of its own network namespace, without conntrack, and of these
 * packets only. Pure.
 *
 *   names   ip daddr 127.0.0.11 udp dport 53 udp dport set PORT    (output), the same for tcp
 *           ip saddr 127.0.0.11 udp sport PORT udp sport set 53 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "net/firewall-priv.h"

#define CHAIN "names"

enum { SOURCE_AT = 0, TARGET_AT = 2 }; /* of a port in headers of UDP and TCP */

static void
add_rule(struct sc_buf *out, uint8_t proto, bool is_answer)
{
    const uint8_t v4 = NFPROTO_IPV4;
    const uint16_t ours = htons(SC_NAMES_PORT), dns = htons(SC_NAMES_DNS);
    const struct in_addr address = {.s_addr = inet_addr(SC_NAMES_ADDRESS)};
    const uint32_t port_at = is_answer ? SOURCE_AT : TARGET_AT;
    struct sc_fw_rule rule = sc_fw_open_rule(out, NFPROTO_INET, CHAIN);

    sc_fw_meta(out, NFT_META_NFPROTO, SC_REG_A);
    sc_fw_compare(out, NFT_CMP_EQ, &v4, sizeof(v4));
    sc_fw_payload(out, NFT_PAYLOAD_NETWORK_HEADER,
                  is_answer ? offsetof(struct iphdr, saddr) : offsetof(struct iphdr, daddr), sizeof(address), SC_REG_A);
    sc_fw_compare(out, NFT_CMP_EQ, &address, sizeof(address));
    sc_fw_meta(out, NFT_META_L4PROTO, SC_REG_A);
    sc_fw_compare(out, NFT_CMP_EQ, &proto, sizeof(proto));
    sc_fw_payload(out, NFT_PAYLOAD_TRANSPORT_HEADER, port_at, sizeof(dns), SC_REG_A);
    sc_fw_compare(out, NFT_CMP_EQ, is_answer ? &ours : &dns, sizeof(dns));
    sc_fw_load(out, SC_REG_A, is_answer ? &dns : &ours, sizeof(dns));
    sc_fw_set_payload(out, NFT_PAYLOAD_TRANSPORT_HEADER, port_at, sizeof(dns), SC_REG_A,
                      proto == IPPROTO_TCP ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check));
    sc_fw_close_rule(out, rule);
}

static void
encode(struct sc_buf *out)
{
    static const uint8_t protos[] = {IPPROTO_UDP, IPPROTO_TCP};

    sc_nl_batch_begin(out);
    sc_fw_add_table(out, NFPROTO_INET, NFT_MSG_NEWTABLE);
    sc_fw_add_chain(out, NFPROTO_INET, CHAIN, "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_RAW);
    for (size_t i = 0; i < SC_ARRAY_LEN(protos); i++) {
        add_rule(out, protos[i], false);
        add_rule(out, protos[i], true);
    }
    sc_nl_batch_end(out);
}

bool
sc_network_has_names(const struct sc_network *network)
{
    return strcmp(network->name, SC_NET_DEFAULT) != 0;
}

int
sc_names_packet(struct sc_arena *arena, struct sc_net_packet **out, struct sc_err *err)
{
    sc_cleanup_buf data = SC_BUF_INIT;

    encode(&data);
    if (sc_buf_check(&data, err) < 0)
        return -1;
    *out = sc_packet_of(arena, NETLINK_NETFILTER, "lead questions about names to " SC_NAMES_ADDRESS, "", &data);
    return *out ? 0 : sc_err_nomem(err);
}
