/* What a network needs on the host, made once and looked at with each start: table, forwarding, bridge. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net-priv.h"

#define ROUNDS 8 /* of making the table again while others take ports */

/* ---- table --------------------------------------------------------------------------------------------------------
 */

/* Some program may have deleted the table, or have emptied its chains. */
static int
has_rules(uint8_t family, const char *chain, bool *out, struct sc_err *err)
{
    int result = sc_nft_has_rules(family, chain, out);

    if (result == 0)
        return 0;
    if (result != -EPROTONOSUPPORT && result != -EOPNOTSUPP && result != -EINVAL)
        return sc_err_errno(err, -result, "look at nftables' table inet sc");
    sc_err_set(err, SC_ERR_UNSUPPORTED, "this kernel has no nf_tables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET)");
    return sc_err_remedy(err, "load the module nf_tables, or use --network none or host");
}

static int
send_table(const struct sc_network_list *networks, const struct sc_ports *ports, const struct sc_address *targets,
           struct sc_err *err)
{
    sc_cleanup_buf batch = SC_BUF_INIT;
    int result;

    sc_firewall_encode(networks, ports, targets, &batch);
    if (sc_buf_check(&batch, err) < 0)
        return -1;
    result = sc_nl_send(NETLINK_NETFILTER, batch.data, batch.len, 0);
    if (result == 0)
        return 0;
    sc_err_errno(err, -result, "make nftables' table inet sc");
    return result == -ENOENT || result == -EOPNOTSUPP
               ? sc_err_remedy(err, "the kernel must have nft_nat, nft_masq, nft_ct and nft_fib_inet")
               : -1;
}

/* Rules that are made anew must be those of all networks with containers. */
static int
check_damaged(const struct sc_net *net, const struct sc_network_list *all, struct sc_arena *arena, struct sc_err *err)
{
    for (size_t i = 0; i < all->damaged.count; i++) {
        const struct sc_network network = {.name = all->damaged.items[i]};
        struct sc_lease_list leases;

        if (sc_network_leases(net, &network, arena, &leases, err) < 0)
            return -1;
        for (size_t k = 0; k < leases.count; k++) {
            if (net->is_alive(leases.items[k].id, net->data))
                return sc_network_damaged(network.name, all->why.items[i], err);
        }
    }
    return 0;
}

/* A port that is taken meanwhile adds its element itself, unless it was too early for the old table and is in no new
 * one: so until the leases are the same before and after. The lock keeps those away that give ports back. */
static int
replace_table(const struct sc_net *net, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_network_list networks;
    struct sc_err absent = SC_ERR_INIT;
    struct sc_ports ports, now;
    struct sc_address *targets, *ignored;
    sc_cleanup_fd lock = -1;

    if (sc_dir_make_at(net->run_fd, SC_LEASE_PORT, 0700, err) < 0)
        return -1;
    lock = sc_dir_open_at(net->run_fd, SC_LEASE_PORT, &absent);
    if (lock < 0 || flock(lock, LOCK_EX) < 0 || sc_port_leases(net, NULL, &arena, &ports, &targets, err) < 0)
        return lock < 0 ? -1 : sc_err_wrap(err, "lock the leases of ports");
    for (int i = 0; i < ROUNDS; i++) {
        if (sc_network_list(net, &arena, &networks, err) < 0 || check_damaged(net, &networks, &arena, err) < 0 ||
            send_table(&networks, &ports, targets, err) < 0 ||
            sc_port_leases(net, NULL, &arena, &now, &ignored, err) < 0)
            return -1;
        if (now.count == ports.count &&
            (now.count == 0 || memcmp(now.items, ports.items, now.count * sizeof(*now.items)) == 0))
            return 0;
        ports = now;
        targets = ignored;
    }
    return 0;
}

/* ---- the guard of the bridges' ports ------------------------------------------------------------------------------
 */

/* Of every container that has an address. */
static int
encode_guards(const struct sc_net *net, struct sc_buf *out, size_t *count, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_network_list networks;
    char link[SC_NET_LINK_MAX];

    *count = 0;
    if (sc_network_list(net, &arena, &networks, err) < 0 || check_damaged(net, &networks, &arena, err) < 0)
        return -1;
    sc_nl_batch_begin(out);
    sc_guard_table(out);
    for (size_t i = 0; i < networks.count; i++) {
        struct sc_lease_list leases;

        if (networks.items[i].driver != SC_NET_BRIDGE)
            continue;
        if (sc_network_leases(net, &networks.items[i], &arena, &leases, err) < 0)
            return -1;
        for (size_t k = 0; k < leases.count; k++) {
            const struct sc_lease *lease = &leases.items[k];

            sc_endpoint_link(lease->id, lease->index, link);
            sc_guard_add(link, lease->mac, &lease->address, out);
            if (sc_address_family(&lease->address) == SC_V6) {
                const struct sc_address local = sc_link_local(lease->mac);

                sc_guard_add(link, lease->mac, &local, out);
            }
        }
        *count += leases.count;
    }
    sc_nl_batch_end(out);
    return sc_buf_check(out, err);
}

/* As for ports: a lease that is taken meanwhile may be in no table. */
static int
replace_guards(const struct sc_net *net, bool *is_guarded, struct sc_err *err)
{
    size_t before = SIZE_MAX, now = 0;

    *is_guarded = true;
    for (int i = 0; i < ROUNDS && now != before; i++) {
        sc_cleanup_buf batch = SC_BUF_INIT;
        int result;

        before = now;
        if (encode_guards(net, &batch, &now, err) < 0)
            return -1;
        if (i > 0 && now == before)
            return 0;
        result = sc_nl_send(NETLINK_NETFILTER, batch.data, batch.len, 0);
        if (result == -EAFNOSUPPORT || result == -EOPNOTSUPP || result == -ENOENT || result == -EPROTONOSUPPORT) {
            *is_guarded = false;
            return 0;
        }
        if (result < 0)
            return sc_err_errno(err, -result, "make nftables' table bridge sc");
    }
    return 0;
}

static int
ensure_guards(const struct sc_net *net, bool *is_guarded, struct sc_err *err)
{
    struct sc_err absent = SC_ERR_INIT;
    sc_cleanup_fd lock = -1;

    if (has_rules(NFPROTO_BRIDGE, "prerouting", is_guarded, &absent) < 0 || *is_guarded)
        return 0;
    if (sc_dir_make_at(net->run_fd, SC_LEASE_PORT, 0700, err) < 0)
        return -1;
    lock = sc_dir_open_at(net->run_fd, SC_LEASE_PORT, err);
    if (lock < 0)
        return -1;
    if (flock(lock, LOCK_EX) < 0)
        return sc_err_errno(err, errno, "lock the leases of ports");
    if (has_rules(NFPROTO_BRIDGE, "prerouting", is_guarded, &absent) < 0 || *is_guarded)
        return 0;
    return replace_guards(net, is_guarded, err);
}

int
sc_firewall_ensure(const struct sc_net *net, bool *is_guarded, struct sc_err *err)
{
    bool is_there = false;

    *is_guarded = false;
    if (has_rules(NFPROTO_INET, "forward", &is_there, err) < 0)
        return -1;
    if (!is_there && replace_table(net, err) < 0)
        return -1;
    return ensure_guards(net, is_guarded, err);
}

int
sc_network_refill(const struct sc_net *net, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_network_list networks;
    bool is_guarded;

    if (faccessat(net->run_fd, SC_LEASE_NET, F_OK, 0) < 0)
        return 0;
    if (sc_network_list(net, &arena, &networks, err) < 0)
        return -1;
    for (size_t i = 0; i < networks.count; i++) {
        struct sc_lease_list leases;

        if (networks.items[i].driver != SC_NET_BRIDGE)
            continue;
        if (sc_network_leases(net, &networks.items[i], &arena, &leases, err) < 0)
            return -1;
        if (leases.count > 0)
            return sc_firewall_ensure(net, &is_guarded, err);
    }
    return 0;
}

static int
change_table(const struct sc_network *network, bool is_new, struct sc_err *err)
{
    sc_cleanup_buf batch = SC_BUF_INIT;
    int result;

    sc_nl_batch_begin(&batch);
    sc_firewall_network(network, is_new, &batch);
    sc_nl_batch_end(&batch);
    if (sc_buf_check(&batch, err) < 0)
        return -1;
    /* ENOENT: it was never up, or another program has deleted the table */
    result = sc_nl_send(NETLINK_NETFILTER, batch.data, batch.len, is_new ? 0 : ENOENT);
    return result < 0 ? sc_err_errno(err, -result, "%s table inet sc: network \"%s\"",
                                     is_new ? "add to" : "take out of", network->name)
                      : 0;
}

int
sc_firewall_forget(const struct sc_network *network, struct sc_err *err)
{
    return change_table(network, false, err);
}

int
sc_network_up(const struct sc_net *net, struct sc_network *network, struct sc_err *err)
{
    if (network->driver != SC_NET_BRIDGE)
        return sc_network_parent_up(network, err);
    if (sc_firewall_ensure(net, &network->is_guarded, err) < 0)
        return -1;
    if (sc_bridge_is_up(network))
        return 0;
    if (change_table(network, true, err) < 0)
        return -1;
    if (!network->is_internal && sc_forwarding_on(network, err) < 0)
        return sc_err_wrap(err, "forward packets");
    return sc_bridge_make(network, err);
}
