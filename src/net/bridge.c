/* A network's bridge, and what the kernel has to be told for it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net-priv.h"

#define V6_CONF "/proc/sys/net/ipv6/conf"

/* Up, and with the address that containers know as their gateway: the bridge may be of an earlier record. */
bool
sc_bridge_is_up(const struct sc_network *network)
{
    const struct sc_pool *pool = &network->pools[SC_V4];
    struct ifreq ask = {.ifr_ifindex = 0};
    sc_cleanup_fd sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sc_subnet subnet;
    struct sc_address address;

    (void)snprintf(ask.ifr_name, sizeof(ask.ifr_name), "%s", network->bridge);
    return sock >= 0 && ioctl(sock, SIOCGIFFLAGS, &ask) == 0 && (ask.ifr_flags & IFF_UP) != 0 &&
           sc_host_address(network->bridge, &address, &subnet) && sc_address_compare(&address, &pool->gateway) == 0 &&
           subnet.prefix == pool->subnet.prefix &&
           (!sc_network_has(network, SC_V6) || network->is_internal || sc_loop_is_up());
}

/* A host that forwards does not listen to router advertisements any more, unless it is told to by a 2: one that has its
 * own way out from them would lose it. */
static void
keep_advertisements(void)
{
    sc_cleanup_dir dir = opendir(V6_CONF); /* lint: the kernel's own */
    struct dirent *item;

    while (dir && (item = readdir(dir)) != NULL) {
        char path[sizeof(item->d_name) + 16];
        sc_cleanup_buf now = SC_BUF_INIT;
        struct sc_err ignored = SC_ERR_INIT;

        if (item->d_name[0] == '.' || strcmp(item->d_name, "all") == 0 || strcmp(item->d_name, "default") == 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s/accept_ra", item->d_name);
        if (sc_file_read_at(dirfd(dir), path, SC_NUM_MAX, &now, &ignored) == 0 && sc_buf_str(&now)[0] == '1')
            (void)!sc_file_write_at(dirfd(dir), path, "2", &ignored);
    }
}

int
sc_forwarding_on(const struct sc_network *network, struct sc_err *err)
{
    static const char v6[] = V6_CONF "/all/forwarding";
    sc_cleanup_buf now = SC_BUF_INIT;

    if (sc_net_switch("/proc/sys/net/ipv4/ip_forward", "1", err) < 0)
        return -1;
    if (!sc_network_has(network, SC_V6))
        return 0;
    if (sc_file_read_at(AT_FDCWD, v6, SC_NUM_MAX, &now, err) < 0) /* lint: the kernel's own */
        return -1;
    if (sc_buf_str(&now)[0] == '0')
        keep_advertisements();
    return sc_net_switch(v6, "1", err);
}

/* Its addresses are ours to give: no other is looked for (accept_dad), which would take a second, and none is told. */
static int
set_switches(const struct sc_network *network, struct sc_err *err)
{
    static const char *const v6_off[] = {"disable_ipv6", "accept_ra", "accept_dad"};
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/route_localnet", network->bridge);
    if (sc_net_switch(path, "1", err) < 0)
        return -1;
    for (size_t i = 0; i < SC_ARRAY_LEN(v6_off) && sc_network_has(network, SC_V6); i++) {
        (void)snprintf(path, sizeof(path), V6_CONF "/%s/%s", network->bridge, v6_off[i]);
        if (sc_net_switch(path, "0", err) < 0)
            return -1;
    }
    return 0;
}

/* Up comes last: a bridge that is up is complete. */
static int
complete(const struct sc_network *network, struct sc_err *err)
{
    sc_cleanup_buf up = SC_BUF_INIT;
    int result;

    if (set_switches(network, err) < 0)
        return -1;
    sc_link_bridge_up(network, sc_nl_link_index(network->bridge), &up);
    if (sc_buf_check(&up, err) < 0)
        return -1;
    result = sc_nl_send(NETLINK_ROUTE, up.data, up.len, EEXIST);
    return result < 0 ? sc_err_errno(err, -result, "bring up bridge \"%s\"", network->bridge) : 0;
}

int
sc_bridge_make(const struct sc_network *network, struct sc_err *err)
{
    bool was_there = sc_nl_link_index(network->bridge) != 0, has_v6 = sc_network_has(network, SC_V6);
    sc_cleanup_buf make = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    int result;

    if (has_v6 && access(V6_CONF, F_OK) < 0) /* lint: the kernel's own */
        return sc_err_set(err, SC_ERR_UNSUPPORTED,
                          "network \"%s\": this kernel has no IPv6 (CONFIG_IPV6, ipv6.disable=0)", network->name);
    sc_link_bridge(network, &make);
    if (sc_buf_check(&make, err) < 0)
        return -1;
    result = sc_nl_send(NETLINK_ROUTE, make.data, make.len, EEXIST);
    if (result == -EOPNOTSUPP) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "this kernel cannot make bridges (CONFIG_BRIDGE)");
        return sc_err_remedy(err, "load the module bridge, or use --network none or host");
    }
    if (result < 0)
        return sc_err_errno(err, -result, "make bridge \"%s\"", network->bridge);
    if ((!has_v6 || network->is_internal || sc_loop_up(err) == 0) && complete(network, err) == 0)
        return 0;
    if (!was_there)
        (void)!sc_undo_link(network->bridge, &ignored);
    return -1;
}
