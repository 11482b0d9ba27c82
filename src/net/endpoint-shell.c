/* For --explain=sh: a network as ip(8) and nft(8) would make it. Pure. */
#include <stdio.h>

#include "net/net-priv.h"

/* Table inet sc knows it. */
static void
add_table(const struct sc_network *n, struct sc_buf *out)
{
    static const char *const sets[] = {[SC_V4] = "sources", [SC_V6] = "sources6"};
    static const char *const forward[] = {[SC_V4] = "ipv4/ip_forward", [SC_V6] = "ipv6/conf/all/forwarding"};
    char subnet[SC_NET_CIDR_MAX];
    const char *b = n->bridge;

    sc_buf_addf(out, "nft list table inet sc >/dev/null 2>&1 || nft -f - <<'END_OF_TABLE'\n%sEND_OF_TABLE\n",
                sc_firewall_text);
    if (n->is_guarded)
        sc_buf_addf(out, "nft list table bridge sc >/dev/null 2>&1 || nft -f - <<'END_OF_TABLE'\n%sEND_OF_TABLE\n",
                    sc_guard_text);
    sc_buf_addf(out, "nft add element inet sc bridges '{ \"%s\" }'\n", b);
    if (!n->forbids_icc)
        sc_buf_addf(out, "nft add element inet sc icc '{ \"%s\" . \"%s\" }'\n", b, b);
    if (n->is_internal)
        sc_buf_addf(out, "nft add element inet sc internal '{ \"%s\" }'; nft flush chain inet sc known\n", b);
    for (int f = 0; f < SC_FAMILIES && !n->is_internal; f++) {
        if (!sc_network_has(n, f))
            continue;
        sc_subnet_format(&n->pools[f].subnet, subnet);
        if (!n->keeps_source)
            sc_buf_addf(out, "nft add element inet sc %s '{ %s }'\n", sets[f], subnet);
        sc_buf_addf(out, "echo 1 > /proc/sys/net/%s\n", forward[f]);
    }
}

static void
add_bridge(const struct sc_network *n, struct sc_buf *out)
{
    char gateway[SC_NET_ADDRESS_MAX], mac[18], mtu[32] = "";
    const char *b = n->bridge;
    unsigned char bytes[6];

    sc_mac_of(&n->pools[SC_V4].gateway, bytes);
    sc_mac_format(bytes, mac);
    if (n->mtu > 0)
        (void)snprintf(mtu, sizeof(mtu), " mtu %d", n->mtu);
    sc_buf_addf(out,
                "ip link show %s >/dev/null 2>&1 || {\n  ip link add %s address %s%s type bridge mcast_snooping 0 "
                "no_linklocal_learn 1\n"
                "  echo 1 > /proc/sys/net/ipv4/conf/%s/route_localnet\n",
                b, b, mac, mtu, b);
    if (sc_network_has(n, SC_V6))
        sc_buf_addf(out,
                    "  for name in disable_ipv6 accept_ra accept_dad; do\n"
                    "    echo 0 > /proc/sys/net/ipv6/conf/%s/$name\n  done\n",
                    b);
    for (int f = 0; f < SC_FAMILIES; f++) {
        if (!sc_network_has(n, f))
            continue;
        sc_address_format(&n->pools[f].gateway, gateway);
        sc_buf_addf(out, "  ip address add %s/%u %s dev %s\n", gateway, n->pools[f].subnet.prefix,
                    f == SC_V6 ? "nodad" : "broadcast +", b);
    }
    sc_buf_addf(out, "  ip link set %s up\n}\n", b);
}

void
sc_network_shell(const struct sc_network *n, struct sc_buf *out)
{
    if (n->driver != SC_NET_BRIDGE) {
        if (sc_network_owns_link(n))
            sc_buf_addf(out, "ip link show %s >/dev/null 2>&1 || ip link add %s up type dummy\n", n->bridge, n->bridge);
        return;
    }
    add_table(n, out);
    if (sc_network_has(n, SC_V6) && !n->is_internal)
        sc_loop_shell(out);
    add_bridge(n, out);
}
