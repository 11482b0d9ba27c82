/* What belongs to containers that are dead, and is still there: a monitor was killed, the machine's power failed, a
 * record is lost. Leases say whose everything is, and lie below our own run root. A link or an element of the guard
 * without a lease bears the first digits of an id in its name; it goes only if that is the id of a dead container of
 * this data root, for other data roots have containers on the same bridge. */
#include <dirent.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/net-priv.h"

#define HEX        "0123456789abcdef"
#define TARGET_MAX 128 /* of what a lease's target begins with */

/* ---- leases ---------------------------------------------------------------------------------------------------------
 */

/* All of a dead container's place on a network, by the undo text that its start would have written. */
static int
sweep_lease(const struct sc_net *net, const struct sc_network *network, const struct sc_lease *lease,
            struct sc_arena *arena, struct sc_err *err)
{
    struct sc_endpoint endpoint = {.network = *network, .index = lease->index};
    struct sc_net_ask ask = {.undo = NULL};

    endpoint.addresses[sc_address_family(&lease->address)] = lease->address;
    endpoint.network.is_guarded = network->driver == SC_NET_BRIDGE;
    endpoint.rate_out = 1; /* perhaps it had an ifb */
    memcpy(endpoint.mac, lease->mac, sizeof(endpoint.mac));
    sc_endpoint_link(lease->id, lease->index, endpoint.link);
    if (sc_ports_to(net, lease->id, endpoint.addresses, arena, &endpoint.ports, err) < 0 ||
        sc_endpoint_packets(net, &endpoint, 1, lease->id, arena, &ask, err) < 0)
        return -1;
    return sc_undo_run(ask.undo, err);
}

static int
sweep_network(const struct sc_net *net, const struct sc_network *network, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_lease_list leases;

    if (sc_network_leases(net, network, &arena, &leases, err) < 0)
        return -1;
    for (size_t i = 0; i < leases.count; i++) {
        if (!net->is_alive(leases.items[i].id, net->data) &&
            sweep_lease(net, network, &leases.items[i], &arena, err) < 0)
            return -1;
    }
    return 0;
}

/* Ports whose container has no address any more. */
static int
sweep_ports(const struct sc_net *net, struct sc_err *err)
{
    struct sc_err absent = SC_ERR_INIT;
    int fd = sc_dir_open_at(net->run_fd, SC_LEASE_PORT, &absent);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    sc_cleanup_buf undo = SC_BUF_INIT;
    struct dirent *item;

    if (fd < 0)
        return 0; /* nothing was ever published */
    if (!dir) {
        sc_closep(&fd);
        return sc_err_errno(err, errno, "read the leases of ports");
    }
    while ((item = readdir(dir)) != NULL) {
        sc_cleanup_buf target = SC_BUF_INIT;
        char owner[TARGET_MAX] = "";
        struct sc_address to = {.len = 0};
        struct sc_port port;

        if (!sc_port_key_parse(item->d_name, &port) ||
            readlinkat(dirfd(dir), item->d_name, owner, sizeof(owner) - 1) <= SC_ID_LEN ||
            strspn(owner, HEX) != SC_ID_LEN)
            continue;
        (void)sc_port_target_parse(owner, &to, &port);
        owner[SC_ID_LEN] = '\0';
        if (net->is_alive(owner, net->data))
            continue;
        if (sc_address_is_any(&to) || to.len != port.host_address.len) { /* others lead it there */
            sc_lease_port_undo(net, owner, &port, &undo);
            continue;
        }
        sc_buf_addf(&target, "%s/%s/%s %s ", net->run_path, SC_LEASE_PORT, item->d_name, owner);
        sc_firewall_undo(&port, &to, &target);
        sc_undo_add(&undo, SC_UNDO_PORT, sc_buf_str(&target));
        undo.has_failed = undo.has_failed || target.has_failed;
    }
    if (sc_buf_check(&undo, err) < 0)
        return -1;
    return sc_undo_run(sc_buf_str(&undo), err);
}

/* ---- names ----------------------------------------------------------------------------------------------------------
 */

struct names {
    struct sc_strv list;
    struct sc_arena *arena;
    const char *set; /* of the guard */
};

/* "scv0123456789ab", "scr0123456789-3" */
static bool
is_link_name(const char *name)
{
    size_t digits;

    if (!sc_str_starts(name, "scv") && !sc_str_starts(name, "scr"))
        return false;
    digits = strspn(name + 3, HEX);
    return (digits == 12 && !name[15]) || (digits == 10 && name[13] == '-' && strspn(name + 14, HEX) == 1 && !name[15]);
}

static bool
is_dead(const struct sc_net *net, const char *link)
{
    char prefix[SC_NET_LINK_MAX], id[SC_ID_LEN + 1];

    (void)snprintf(prefix, sizeof(prefix), "%s", link + 3);
    prefix[strcspn(prefix, "-")] = '\0';
    return net->find(prefix, id, net->data) && !net->is_alive(id, net->data);
}

static void
keep_link(const void *message, void *user)
{
    const struct nlmsghdr *head = message;
    struct ifinfomsg *link = NLMSG_DATA(head);
    struct names *names = user;
    int left = (int)IFLA_PAYLOAD(head);

    if (head->nlmsg_type != RTM_NEWLINK)
        return;
    for (struct rtattr *a = IFLA_RTA(link); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == IFLA_IFNAME && is_link_name(RTA_DATA(a)))
            sc_strv_add(&names->list, names->arena, RTA_DATA(a));
    }
}

static int
sweep_links(const struct sc_net *net, struct sc_err *err)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf request = SC_BUF_INIT;
    struct names names = {.arena = &arena};
    int result;

    sc_nl_end(&request, sc_nl_begin(&request, RTM_GETLINK, NLM_F_DUMP, &body, sizeof(body)));
    if (sc_buf_check(&request, err) < 0)
        return -1;
    result = sc_nl_dump(NETLINK_ROUTE, request.data, request.len, keep_link, &names);
    if (result < 0)
        return sc_err_errno(err, -result, "list the host's links");
    for (size_t i = 0; i < names.list.count; i++) {
        if (is_dead(net, names.list.items[i]) && sc_undo_link(names.list.items[i], err) < 0)
            return -1;
    }
    return sc_arena_check(&arena, err);
}

/* ---- the guard's sets
 * -------------------------------------------------------------------------------------------------- */

/* Each key as the undo operation has it; the link's name is what it begins with. */
static void
keep_owner(const void *message, void *user)
{
    const struct nlmsghdr *head = message;
    const size_t skip = sizeof(struct nfgenmsg);
    struct names *names = user;
    const struct nlattr *list, *value;
    size_t at = 0;

    if (head->nlmsg_len < NLMSG_LENGTH(skip))
        return;
    list = sc_nl_find((const char *)NLMSG_DATA(head) + skip, head->nlmsg_len - NLMSG_LENGTH(skip),
                      NFTA_SET_ELEM_LIST_ELEMENTS);
    while (list && at + NLA_HDRLEN <= (size_t)list->nla_len - NLA_HDRLEN) {
        const struct nlattr *element = (const void *)((const char *)list + NLA_HDRLEN + at);
        const char *key;
        size_t len;

        value = sc_nl_find_in(sc_nl_find_in(element, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
        len = value ? (size_t)value->nla_len - NLA_HDRLEN : 0;
        key = len > IFNAMSIZ && len <= SC_NFT_KEY_MAX ? (const char *)value + NLA_HDRLEN : NULL;
        if (key && memchr(key, '\0', IFNAMSIZ) && is_link_name(key)) {
            char hex[SC_NFT_KEY_MAX * 2 + 1];

            for (size_t i = 0; i < len; i++)
                (void)snprintf(hex + i * 2, 3, "%02x", (unsigned char)key[i]);
            sc_strv_add(&names->list, names->arena, key);
            sc_strv_addf(&names->list, names->arena, "%s %s", names->set, hex);
        }
        if (element->nla_len < NLA_HDRLEN)
            return;
        at += NLA_ALIGN(element->nla_len);
    }
}

static int
sweep_set(const struct sc_net *net, const char *set, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf request = SC_BUF_INIT, undo = SC_BUF_INIT;
    struct names names = {.arena = &arena, .set = set};
    size_t at = sc_nl_nft(&request, NFPROTO_BRIDGE, NFT_MSG_GETSETELEM, NLM_F_DUMP);

    sc_nl_attr_str(&request, NFTA_SET_ELEM_LIST_TABLE, SC_NFT_TABLE);
    sc_nl_attr_str(&request, NFTA_SET_ELEM_LIST_SET, set);
    sc_nl_end(&request, at);
    if (sc_buf_check(&request, err) < 0)
        return -1;
    if (sc_nl_dump(NETLINK_NETFILTER, request.data, request.len, keep_owner, &names) < 0)
        return 0; /* there is no such table */
    for (size_t i = 0; i + 1 < names.list.count; i += 2) {
        if (is_dead(net, names.list.items[i]))
            sc_undo_add(&undo, SC_UNDO_GUARD, names.list.items[i + 1]);
    }
    if (sc_arena_check(&arena, err) < 0 || sc_buf_check(&undo, err) < 0)
        return -1;
    return sc_undo_run(sc_buf_str(&undo), err);
}

static int
sweep_owners(const struct sc_net *net, struct sc_err *err)
{
    for (size_t i = 0; sc_guard_set(i); i++) {
        if (sweep_set(net, sc_guard_set(i), err) < 0)
            return -1;
    }
    return 0;
}

int
sc_network_sweep(const struct sc_net *net, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_network_list networks;

    if (sc_network_list(net, &arena, &networks, err) < 0)
        return -1;
    for (size_t i = 0; i < networks.count; i++) {
        if (sweep_network(net, &networks.items[i], err) < 0)
            return -1;
    }
    if (sweep_ports(net, err) < 0 || sweep_links(net, err) < 0)
        return -1;
    return sweep_owners(net, err);
}
