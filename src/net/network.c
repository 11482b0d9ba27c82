/* Networks as objects: made, found, listed, removed. Whoever makes or removes one holds the directory's lock. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "net/net-priv.h"

#define FILE_MAX     (SC_NET_NAME_MAX + 8)
#define ID_SHORT_LEN 12

/* Whose subnet it overlaps, "" for the host's own, NULL for nobody's. */
static const char *
overlaps(const struct sc_subnet *subnet, const struct sc_network_list *networks, const struct sc_subnets *routes,
         char text[SC_NET_CIDR_MAX])
{
    for (size_t i = 0; i < networks->count; i++) {
        const struct sc_pool *pool = &networks->items[i].pools[sc_address_family(&subnet->base)];

        if (pool->subnet.base.len > 0 && sc_subnets_overlap(subnet, &pool->subnet)) {
            sc_subnet_format(&pool->subnet, text);
            return networks->items[i].name;
        }
    }
    for (size_t i = 0; routes && i < routes->count; i++) {
        if (sc_subnets_overlap(subnet, &routes->items[i])) {
            sc_subnet_format(&routes->items[i], text);
            return "";
        }
    }
    return NULL;
}

/* A parent's network is one that the host has a route to: routes is NULL there. */
static int
check_overlap(const struct sc_network *network, const struct sc_network_list *networks, const struct sc_subnets *routes,
              struct sc_err *err)
{
    for (int f = 0; f < SC_FAMILIES; f++) {
        char text[SC_NET_CIDR_MAX], own[SC_NET_CIDR_MAX];
        const char *holder;

        if (!sc_network_has(network, f))
            continue;
        holder = overlaps(&network->pools[f].subnet, networks, routes, text);
        sc_subnet_format(&network->pools[f].subnet, own);
        if (holder && *holder)
            return sc_err_set(err, SC_ERR_EXISTS, "subnet %s overlaps %s of network \"%s\"", own, text, holder);
        if (holder)
            return sc_err_set(err, SC_ERR_EXISTS, "subnet %s overlaps the host's route to %s", own, text);
    }
    return 0;
}

static void
fill_in(struct sc_pool *pool)
{
    pool->range = pool->subnet;
    pool->gateway = sc_address_next(&pool->subnet.base);
}

static int
choose_v4(const struct sc_network_ask *ask, const struct sc_network_list *networks, const struct sc_subnets *routes,
          struct sc_pool *out, struct sc_err *err)
{
    char text[SC_NET_CIDR_MAX];

    /* The bridge is there, without its record: another data root's, or this one was lost. The kernel's word counts. */
    if (strcmp(ask->name, SC_NET_DEFAULT) == 0 && sc_host_address(SC_NET_DEFAULT, &out->gateway, &out->subnet) &&
        out->subnet.prefix <= 30) {
        out->range = out->subnet;
        return 0;
    }
    for (size_t i = 0; sc_subnet_pool(i, &out->subnet); i++) {
        if (overlaps(&out->subnet, networks, routes, text))
            continue;
        fill_in(out);
        return 0;
    }
    sc_err_set(err, SC_ERR_EXISTS, "every subnet that networks get by default overlaps a route or another network");
    return sc_err_remedy(err, "give a --subnet, or remove networks that are not used (sc network prune)");
}

/* 40 random bits overlap nothing, but for a random number that is no good. */
static int
choose_v6(const struct sc_network_list *networks, const struct sc_subnets *routes, struct sc_pool *out,
          struct sc_err *err)
{
    unsigned char random[5];
    char text[SC_NET_CIDR_MAX];

    do {
        if (getrandom(random, sizeof(random), 0) != sizeof(random))
            return sc_err_errno(err, errno, "choose a subnet");
        sc_subnet_unique_local(random, &out->subnet);
    } while (overlaps(&out->subnet, networks, routes, text));
    fill_in(out);
    return 0;
}

static int
choose_subnets(const struct sc_network_ask *ask, const struct sc_network_list *networks, struct sc_arena *arena,
               struct sc_network *out, struct sc_err *err)
{
    struct sc_subnets routes;

    if (sc_host_routes(arena, &routes, err) < 0 ||
        check_overlap(out, networks, out->driver == SC_NET_BRIDGE ? &routes : NULL, err) < 0)
        return -1;
    if (!sc_network_has(out, SC_V4) && choose_v4(ask, networks, &routes, &out->pools[SC_V4], err) < 0)
        return -1;
    return ask->wants_v6 && !sc_network_has(out, SC_V6) ? choose_v6(networks, &routes, &out->pools[SC_V6], err) : 0;
}

/* A bridge of this name is to be ours, from its making to its removal. */
static int
check_bridge(const char *bridge, const struct sc_network_list *all, struct sc_err *err)
{
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->items[i].bridge, bridge) == 0)
            return sc_err_set(err, SC_ERR_EXISTS, "bridge \"%s\" is that of network \"%s\"", bridge,
                              all->items[i].name);
    }
    return sc_nl_link_index(bridge) == 0
               ? 0
               : sc_err_set(err, SC_ERR_EXISTS, "bridge \"%s\": the host has a link of that name", bridge);
}

int
sc_network_damaged(const char *name, const char *why, struct sc_err *err)
{
    sc_err_set(err, SC_ERR_INTERNAL, "network \"%.80s\" is damaged: %s", name, why);
    return sc_err_remedy(err, "remove it: sc network rm %.80s", name);
}

static int
create_locked(const struct sc_net *net, int dir, const struct sc_network_ask *ask, struct sc_arena *arena,
              struct sc_network *out, struct sc_err *err)
{
    char file[FILE_MAX], id[SC_ID_LEN + 1];
    struct sc_network_list all;
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_network_list_in(dir, arena, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.count; i++) {
        if (strcmp(all.items[i].name, ask->name) == 0)
            return sc_err_set(err, SC_ERR_EXISTS, "network with name \"%s\" already exists", ask->name);
    }
    for (size_t i = 0; i < all.damaged.count; i++) {
        if (strcmp(all.damaged.items[i], ask->name) == 0)
            return sc_network_damaged(ask->name, all.why.items[i], err);
    }
    if (out->driver == SC_NET_BRIDGE && out->bridge && check_bridge(out->bridge, &all, err) < 0)
        return -1;
    if (choose_subnets(ask, &all, arena, out, err) < 0 || sc_id_random(id, err) < 0)
        return -1;
    out->id = sc_arena_strdup(arena, id);
    if (!out->bridge) /* macvlan and ipvlan may have a parent */
        out->bridge = strcmp(ask->name, SC_NET_DEFAULT) == 0 ? sc_arena_strdup(arena, SC_NET_DEFAULT)
                                                             : sc_arena_printf(arena, "sc-%.*s", ID_SHORT_LEN, id);
    out->created_at = sc_time_now();
    if (sc_arena_check(arena, err) < 0 || sc_network_encode(out, &text, err) < 0)
        return -1;
    if (net->is_dry)
        return 0;
    (void)snprintf(file, sizeof(file), "%s.json", ask->name);
    return sc_file_replace_at(dir, file, text.data, text.len, 0600, SC_DURABLE, err);
}

int
sc_network_create(const struct sc_net *net, const struct sc_network_ask *ask, struct sc_arena *arena,
                  struct sc_network *out, struct sc_err *err)
{
    sc_cleanup_fd dir = -1;

    if (sc_network_resolve(ask, arena, out, err) < 0)
        return -1;
    dir = sc_network_dir(net, true, err);
    return dir < 0 ? -1 : create_locked(net, dir, ask, arena, out, err);
}

/* ---- find, remove
 * ------------------------------------------------------------------------------------------------------ */

static int
find_by_id(int dir, const char *name, struct sc_arena *arena, struct sc_network *out, struct sc_err *err)
{
    struct sc_network_list all;
    const struct sc_network *found = NULL;

    if (sc_network_list_in(dir, arena, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.count && *name; i++) {
        if (!sc_str_starts(all.items[i].id, name))
            continue;
        if (found)
            return sc_err_set(err, SC_ERR_INVALID, "network \"%s\" is ambiguous: more than one id begins so", name);
        found = &all.items[i];
    }
    if (!found)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "no such network: \"%.80s\"", name);
    *out = *found;
    return 0;
}

int
sc_network_find(const struct sc_net *net, const char *name, struct sc_arena *arena, struct sc_network *out,
                struct sc_err *err)
{
    struct sc_network_ask ask = {.name = (char *)(uintptr_t)SC_NET_DEFAULT};
    bool is_default = strcmp(name, "bridge") == 0 || strcmp(name, SC_NET_DEFAULT) == 0;
    sc_cleanup_fd dir = sc_network_dir(net, false, err);
    struct sc_err why = SC_ERR_INIT;
    char file[FILE_MAX];

    if (dir < 0)
        return -1;
    if (strlen(name) <= SC_NET_NAME_MAX && !strchr(name, '/')) {
        (void)snprintf(file, sizeof(file), "%s.json", is_default ? SC_NET_DEFAULT : name);
        if (sc_network_read(dir, file, arena, out, &why) == 0)
            return 0;
        if (sc_network_is_damage(&why))
            return sc_network_damaged(name, why.msg, err);
        if (why.errnum != ENOENT) {
            *err = why;
            return -1;
        }
    }
    if (!is_default)
        return find_by_id(dir, name, arena, out, err);
    why = (struct sc_err)SC_ERR_INIT;
    if (sc_network_create(net, &ask, arena, out, &why) == 0)
        return 0;
    /* another start was faster */
    if (sc_network_read(dir, file, arena, out, err) == 0)
        return 0;
    *err = why;
    return sc_err_wrap(err, "make the default network \"%s\"", SC_NET_DEFAULT);
}

/* Another network needs the way back to ::1. One of another data root makes it again with its next start. */
static bool
other_has_v6(int dir, const struct sc_network *network, struct sc_arena *arena)
{
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_network_list all;

    if (sc_network_list_in(dir, arena, &all, &ignored) < 0)
        return true;
    if (all.damaged.count > 0) /* perhaps one of them */
        return true;
    for (size_t i = 0; i < all.count; i++) {
        if (strcmp(all.items[i].name, network->name) != 0 && all.items[i].driver == SC_NET_BRIDGE &&
            sc_network_has(&all.items[i], SC_V6))
            return true;
    }
    return false;
}

static int
check_unused(const struct sc_net *net, const struct sc_network *network, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_lease_list leases;

    if (sc_network_leases(net, network, &arena, &leases, err) < 0)
        return -1;
    for (size_t i = 0; i < leases.count; i++) {
        if (net->is_alive(leases.items[i].id, net->data))
            return sc_err_set(err, SC_ERR_BUSY, "network \"%s\" has active endpoints: container %.12s is on it",
                              network->name, leases.items[i].id);
    }
    return 0;
}

/* The leases and, last, the record: as long as that is there, whoever was killed here can be followed by another. */
static int
remove_files(const struct sc_net *net, int dir, const char *name, struct sc_err *err)
{
    char path[sizeof(SC_LEASE_NET) + SC_NET_NAME_MAX + 1], file[FILE_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s", SC_LEASE_NET, name);
    if (sc_tree_remove_at(net->run_fd, path, err) < 0)
        return -1;
    (void)snprintf(file, sizeof(file), "%s.json", name);
    return unlinkat(dir, file, 0) < 0 && errno != ENOENT ? sc_err_errno(err, errno, "remove network \"%s\"", name) : 0;
}

int
sc_network_remove_damaged(const struct sc_net *net, const char *name, struct sc_err *err)
{
    const struct sc_network network = {.name = (char *)(uintptr_t)name};
    sc_cleanup_fd dir = sc_network_dir(net, true, err);
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_network_list all;

    if (dir < 0 || sc_network_list_in(dir, &arena, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.damaged.count; i++) {
        if (strcmp(all.damaged.items[i], name) == 0 && strlen(name) <= SC_NET_NAME_MAX)
            return check_unused(net, &network, err) < 0 ? -1 : remove_files(net, dir, name, err);
    }
    return sc_err_set(err, SC_ERR_NOT_FOUND, "no such network: \"%.80s\"", name);
}

/* What root's containers have brought up; to all others the kernel refuses it before it looks whether it is there. */
static int
take_down(const struct sc_network *network, int dir, struct sc_arena *arena, struct sc_err *err)
{
    if (sc_network_owns_link(network) && sc_undo_link(network->bridge, err) < 0)
        return -1;
    if (network->driver != SC_NET_BRIDGE)
        return 0;
    if (sc_firewall_forget(network, err) < 0)
        return -1;
    if (sc_network_has(network, SC_V6) && !other_has_v6(dir, network, arena))
        sc_loop_down();
    return 0;
}

int
sc_network_remove(const struct sc_net *net, const struct sc_network *network, struct sc_err *err)
{
    sc_cleanup_fd dir = sc_network_dir(net, true, err);
    sc_cleanup_arena arena = SC_ARENA_INIT;

    if (dir < 0 || check_unused(net, network, err) < 0)
        return -1;
    if (geteuid() == 0 && take_down(network, dir, &arena, err) < 0)
        return -1;
    return remove_files(net, dir, network->name, err);
}
