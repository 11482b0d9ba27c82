/* Networks as objects: made, found, listed, removed. Whoever makes or removes one holds the directory's lock. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "net/net-priv.h"

#define RECORD_MAX   65536
#define FILE_MAX     (SC_NET_NAME_MAX + 8)
#define ID_SHORT_LEN 12

static const char *const reserved[] = {"bridge",  "host",    "none",  "container",
                                       "default", "private", "pasta", "slirp4netns"};

static int
check_name(const char *name, struct sc_err *err)
{
    size_t len = strlen(name);
    bool is_good = len >= 1 && len <= SC_NET_NAME_MAX && !strchr("_.-", name[0]) &&
                   strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;

    if (!is_good) {
        sc_err_set(err, SC_ERR_INVALID, "invalid network name \"%.80s\"", name);
        return sc_err_remedy(err, "use [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most %d characters", SC_NET_NAME_MAX);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(reserved); i++) {
        if (strcmp(name, reserved[i]) == 0)
            return sc_err_set(err, SC_ERR_INVALID, "network name \"%s\" is reserved", name);
    }
    return 0;
}

/* The pool of the family that the text is of, once its subnet is known. */
static struct sc_pool *
pool_of(const char *text, struct sc_network *network)
{
    return &network->pools[strchr(text, ':') ? SC_V6 : SC_V4];
}

static int
no_subnet(const char *flag, const char *text, struct sc_err *err)
{
    return sc_err_set(err, SC_ERR_INVALID, "%s %.80s: it needs a --subnet of its family", flag, text);
}

static int
take_subnet(const char *text, struct sc_network *out, struct sc_err *err)
{
    struct sc_pool *pool = pool_of(text, out);
    struct sc_subnet subnet;

    if (sc_subnet_parse(text, &subnet, err) < 0)
        return sc_err_wrap(err, "--subnet");
    if (pool->subnet.base.len > 0)
        return sc_err_set(err, SC_ERR_INVALID, "--subnet %s: a network has one of each family", text);
    if (subnet.prefix > 8U * subnet.base.len - 2)
        return sc_err_set(err, SC_ERR_INVALID, "--subnet %s: it has no room for a gateway and a container", text);
    *pool = (struct sc_pool){.subnet = subnet, .range = subnet, .gateway = sc_address_next(&subnet.base)};
    return 0;
}

static int
take_range(const char *text, struct sc_network *out, struct sc_err *err)
{
    struct sc_pool *pool = pool_of(text, out);
    char subnet[SC_NET_CIDR_MAX];

    if (pool->subnet.base.len == 0)
        return no_subnet("--ip-range", text, err);
    if (sc_subnet_parse(text, &pool->range, err) < 0)
        return sc_err_wrap(err, "--ip-range");
    sc_subnet_format(&pool->subnet, subnet);
    return sc_subnet_has(&pool->subnet, &pool->range.base) && pool->range.prefix >= pool->subnet.prefix
               ? 0
               : sc_err_set(err, SC_ERR_INVALID, "--ip-range %s is not inside the subnet %s", text, subnet);
}

static int
take_host(const char *flag, const char *text, struct sc_network *network, struct sc_address *out, struct sc_err *err)
{
    const struct sc_pool *pool = pool_of(text, network);
    char subnet[SC_NET_CIDR_MAX];

    if (pool->subnet.base.len == 0)
        return no_subnet(flag, text, err);
    if (sc_address_parse(text, out, err) < 0)
        return sc_err_wrap(err, "%s", flag);
    sc_subnet_format(&pool->subnet, subnet);
    return sc_subnet_has_host(&pool->subnet, out)
               ? 0
               : sc_err_set(err, SC_ERR_INVALID, "%s %s is no host of the subnet %s", flag, text, subnet);
}

int
sc_network_reserve(struct sc_network *network, struct sc_arena *arena, struct sc_err *err)
{
    network->reserved = SC_ARENA_ARRAY(arena, struct sc_address, network->aux.count + 1);
    if (!network->reserved)
        return sc_err_nomem(err);
    for (size_t i = 0; i < network->aux.count; i++) {
        const char *text = network->aux.items[i], *value = strchr(text, '=');

        if (!value || value == text)
            return sc_err_set(err, SC_ERR_INVALID, "--aux-address \"%.80s\": it is not NAME=ADDRESS", text);
        if (take_host("--aux-address", value + 1, network, &network->reserved[network->reserved_count], err) < 0)
            return -1;
        network->reserved_count++;
    }
    return 0;
}

static int
take_pools(const struct sc_network_ask *ask, struct sc_arena *arena, struct sc_network *out, struct sc_err *err)
{
    for (size_t i = 0; i < ask->subnets.count; i++) {
        if (take_subnet(ask->subnets.items[i], out, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < ask->ranges.count; i++) {
        if (take_range(ask->ranges.items[i], out, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < ask->gateways.count; i++) {
        const char *text = ask->gateways.items[i];

        if (take_host("--gateway", text, out, &pool_of(text, out)->gateway, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < ask->aux.count; i++)
        sc_strv_add(&out->aux, arena, ask->aux.items[i]);
    return sc_network_reserve(out, arena, err);
}

int
sc_network_resolve(const struct sc_network_ask *ask, struct sc_arena *arena, struct sc_network *out, struct sc_err *err)
{
    *out = (struct sc_network){.name = sc_arena_strdup(arena, ask->name), .is_internal = ask->is_internal};
    if (check_name(ask->name, err) < 0)
        return -1;
    if (ask->subnets.count == 0 && ask->gateways.count + ask->ranges.count + ask->aux.count > 0)
        return sc_err_set(err, SC_ERR_INVALID, "--gateway, --ip-range and --aux-address need --subnet");
    if (sc_net_driver_parse(ask->driver, &out->driver, err) < 0)
        return -1;
    for (size_t i = 0; i < ask->options.count; i++) {
        sc_strv_add(&out->options, arena, ask->options.items[i]);
        if (sc_net_option_apply(ask->options.items[i], arena, out, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < ask->labels.count; i++)
        sc_strv_add(&out->labels, arena, ask->labels.items[i]);
    return take_pools(ask, arena, out, err) < 0 ? -1 : sc_arena_check(arena, err);
}

/* ---- the directory ---------------------------------------------------------------------------------------------- */

static int
open_dir(const struct sc_net *net, bool is_locked, struct sc_err *err)
{
    sc_cleanup_fd dir = -1;

    if (sc_dir_make_at(net->data_fd, SC_NET_DIR, 0711, err) < 0)
        return -1;
    dir = sc_dir_open_at(net->data_fd, SC_NET_DIR, err);
    if (dir >= 0 && is_locked && flock(dir, LOCK_EX) < 0)
        return sc_err_errno(err, errno, "lock the directory of networks");
    return sc_steal_fd(&dir);
}

static int
read_one(int dir, const char *file, struct sc_arena *arena, struct sc_network *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_file_read_at(dir, file, RECORD_MAX, &text, err) < 0)
        return -1;
    return sc_network_decode(sc_buf_str(&text), text.len, arena, out, err) < 0 ? sc_err_wrap(err, "read \"%s\"", file)
                                                                               : 0;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct sc_network *)a)->name, ((const struct sc_network *)b)->name);
}

static int
list_dir(int dir_fd, struct sc_arena *arena, struct sc_network_list *out, struct sc_err *err)
{
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = copy < 0 ? NULL : fdopendir(copy);
    size_t capacity = 0;
    struct dirent *item;

    *out = (struct sc_network_list){.items = NULL};
    if (!dir) {
        sc_closep(&copy);
        return sc_err_errno(err, errno, "read the directory of networks");
    }
    for (errno = 0; (item = readdir(dir)) != NULL; errno = 0) {
        if (item->d_name[0] == '.' || !sc_str_ends(item->d_name, ".json"))
            continue;
        if (out->count == capacity) {
            struct sc_network *items = SC_ARENA_ARRAY(arena, struct sc_network, capacity ? capacity * 2 : 8);

            if (!items)
                return sc_err_nomem(err);
            if (out->count > 0)
                memcpy(items, out->items, out->count * sizeof(*items));
            out->items = items;
            capacity = capacity ? capacity * 2 : 8;
        }
        if (read_one(dir_fd, item->d_name, arena, &out->items[out->count], err) < 0)
            return -1;
        out->count++;
    }
    if (errno != 0)
        return sc_err_errno(err, errno, "read the directory of networks");
    if (out->count > 0)
        qsort(out->items, out->count, sizeof(*out->items), by_name);
    return 0;
}

int
sc_network_list(const struct sc_net *net, struct sc_arena *arena, struct sc_network_list *out, struct sc_err *err)
{
    sc_cleanup_fd dir = open_dir(net, false, err);

    return dir < 0 ? -1 : list_dir(dir, arena, out, err);
}

/* ---- create ---------------------------------------------------------------------------------------------------------
 */

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

static int
create_locked(const struct sc_net *net, int dir, const struct sc_network_ask *ask, struct sc_arena *arena,
              struct sc_network *out, struct sc_err *err)
{
    char file[FILE_MAX], id[SC_ID_LEN + 1];
    struct sc_network_list all;
    sc_cleanup_buf text = SC_BUF_INIT;

    if (list_dir(dir, arena, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.count; i++) {
        if (strcmp(all.items[i].name, ask->name) == 0)
            return sc_err_set(err, SC_ERR_EXISTS, "network with name \"%s\" already exists", ask->name);
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
    dir = open_dir(net, true, err);
    return dir < 0 ? -1 : create_locked(net, dir, ask, arena, out, err);
}

/* ---- find, remove
 * ------------------------------------------------------------------------------------------------------ */

static int
find_by_id(int dir, const char *name, struct sc_arena *arena, struct sc_network *out, struct sc_err *err)
{
    struct sc_network_list all;
    const struct sc_network *found = NULL;

    if (list_dir(dir, arena, &all, err) < 0)
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
    sc_cleanup_fd dir = open_dir(net, false, err);
    struct sc_err why = SC_ERR_INIT;
    char file[FILE_MAX];

    if (dir < 0)
        return -1;
    if (strlen(name) <= SC_NET_NAME_MAX && !strchr(name, '/')) {
        (void)snprintf(file, sizeof(file), "%s.json", is_default ? SC_NET_DEFAULT : name);
        if (read_one(dir, file, arena, out, &why) == 0)
            return 0;
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
    if (read_one(dir, file, arena, out, err) == 0)
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

    if (list_dir(dir, arena, &all, &ignored) < 0)
        return true;
    for (size_t i = 0; i < all.count; i++) {
        if (strcmp(all.items[i].name, network->name) != 0 && all.items[i].driver == SC_NET_BRIDGE &&
            sc_network_has(&all.items[i], SC_V6))
            return true;
    }
    return false;
}

int
sc_network_remove(const struct sc_net *net, const struct sc_network *network, struct sc_err *err)
{
    sc_cleanup_fd dir = open_dir(net, true, err);
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_lease_list leases;
    char path[sizeof(SC_LEASE_NET) + SC_NET_NAME_MAX + 1], file[FILE_MAX];

    if (dir < 0 || sc_network_leases(net, network, &arena, &leases, err) < 0)
        return -1;
    for (size_t i = 0; i < leases.count; i++) {
        if (net->is_alive(leases.items[i].id, net->data))
            return sc_err_set(err, SC_ERR_BUSY, "network \"%s\" has active endpoints: container %.12s is on it",
                              network->name, leases.items[i].id);
    }
    if (sc_network_owns_link(network) && sc_undo_link(network->bridge, err) < 0)
        return -1;
    if (network->driver == SC_NET_BRIDGE && sc_firewall_forget(network, err) < 0)
        return -1;
    if (network->driver == SC_NET_BRIDGE && sc_network_has(network, SC_V6) && !other_has_v6(dir, network, &arena))
        sc_loop_down();
    (void)snprintf(path, sizeof(path), "%s/%s", SC_LEASE_NET, network->name);
    if (sc_tree_remove_at(net->run_fd, path, err) < 0)
        return -1;
    /* Last: as long as there is a record, whoever was killed here can be followed by another. */
    (void)snprintf(file, sizeof(file), "%s.json", network->name);
    return unlinkat(dir, file, 0) < 0 && errno != ENOENT
               ? sc_err_errno(err, errno, "remove network \"%s\"", network->name)
               : 0;
}
