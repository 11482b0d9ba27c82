/* Leases of addresses: symbolic links, made by symlink(2), which never replaces. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "net/net-priv.h"

#define TRIES    8
#define GUESSES  4
#define SCAN_MAX 64 /* so many are read in no time, and the first that is free is found */
/* i_size of a directory of tmpfs (BOGO_DIRENT_SIZE) */
#define TMPFS_EMPTY 40
#define TMPFS_NAME  20

int
sc_leases_open(const struct sc_net *net, const char *path, struct sc_err *err)
{
    struct sc_err absent = SC_ERR_INIT;
    int dir = sc_dir_open_at(net->run_fd, path, &absent);

    if (dir >= 0)
        return dir;
    return sc_dir_make_at(net->run_fd, path, 0700, err) < 0 ? -1 : sc_dir_open_at(net->run_fd, path, err);
}

static int
open_network(const struct sc_net *net, const struct sc_network *network, struct sc_err *err)
{
    char path[sizeof(SC_LEASE_NET) + SC_NET_NAME_MAX + 1];

    (void)snprintf(path, sizeof(path), "%s/%s", SC_LEASE_NET, network->name);
    return sc_leases_open(net, path, err);
}

int
sc_lease_take(const struct sc_net *net, int dir, const char *name, const char *target, char owner[SC_ID_LEN + 1],
              struct sc_err *err)
{
    for (int i = 0; i < TRIES; i++) {
        char now[SC_LEASE_TARGET_MAX];
        ssize_t len;

        if (symlinkat(target, dir, name) == 0)
            return 1;
        if (errno != EEXIST)
            return sc_err_errno(err, errno, "make lease \"%s\"", name);
        len = readlinkat(dir, name, now, sizeof(now));
        if (len < 0 && errno == ENOENT)
            continue;
        owner[0] = '\0';
        if (len >= SC_ID_LEN) {
            memcpy(owner, now, SC_ID_LEN);
            owner[SC_ID_LEN] = '\0';
            if (memcmp(target, owner, SC_ID_LEN) == 0 || net->is_alive(owner, net->data))
                return memcmp(target, owner, SC_ID_LEN) == 0;
        }
        /* Its undo has been run; what that did not know of is left. The lock: an owner may be releasing it. */
        (void)flock(dir, LOCK_EX);
        if (len < SC_ID_LEN || sc_lease_is_owned(dir, name, owner))
            (void)unlinkat(dir, name, 0);
        (void)flock(dir, LOCK_UN);
    }
    return sc_err_set(err, SC_ERR_BUSY, "lease \"%s\" is taken again and again", name);
}

/* ---- addresses ------------------------------------------------------------------------------------------------- */

struct addresses {
    struct sc_address *items;
    size_t count, capacity;
};

static int
by_number(const void *a, const void *b)
{
    return sc_address_compare(a, b);
}

static int
list_addresses(int dir_fd, struct sc_arena *arena, struct addresses *out, struct sc_err *err)
{
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *item;

    *out = (struct addresses){.items = NULL};
    if (!dir) {
        sc_closep(&copy);
        return sc_err_errno(err, errno, "read the leases");
    }
    for (errno = 0; (item = readdir(dir)) != NULL; errno = 0) {
        struct sc_err ignored = SC_ERR_INIT;
        struct sc_address address, *items;

        if (sc_address_parse(item->d_name, &address, &ignored) < 0)
            continue;
        items = sc_arena_grow(arena, out->items, out->count, &out->capacity, sizeof(*items), 64);
        if (!items)
            return sc_err_nomem(err);
        out->items = items;
        out->items[out->count++] = address;
    }
    if (errno != 0)
        return sc_err_errno(err, errno, "read the leases");
    if (out->count > 0)
        qsort(out->items, out->count, sizeof(*out->items), by_number);
    return 0;
}

static bool
is_reserved(const struct sc_network *network, const struct sc_address *address)
{
    for (size_t i = 0; i < network->reserved_count; i++) {
        if (sc_address_compare(&network->reserved[i], address) == 0)
            return true;
    }
    return false;
}

static bool
is_free_host(const struct sc_network *network, enum sc_family family, const struct sc_address *address)
{
    const struct sc_pool *pool = &network->pools[family];

    return sc_subnet_has_host(&pool->subnet, address) && sc_address_compare(address, &pool->gateway) != 0 &&
           !is_reserved(network, address);
}

bool
sc_address_choose(const struct sc_network *network, enum sc_family family, const struct sc_address *taken, size_t count,
                  struct sc_address *out)
{
    const struct sc_pool *pool = &network->pools[family];
    const struct sc_address last = sc_subnet_last(&pool->range);
    size_t i = 0;

    for (struct sc_address address = pool->range.base;; address = sc_address_next(&address)) {
        while (i < count && sc_address_compare(&taken[i], &address) < 0)
            i++;
        if ((i == count || sc_address_compare(&taken[i], &address) != 0) && is_free_host(network, family, &address)) {
            *out = address;
            return true;
        }
        if (sc_address_compare(&address, &last) == 0)
            return false;
    }
}

/* The n-th of the addresses that containers can have. */
bool
sc_address_nth(const struct sc_network *network, enum sc_family family, size_t n, struct sc_address *out)
{
    const struct sc_pool *pool = &network->pools[family];
    const struct sc_address last = sc_subnet_last(&pool->range);

    for (struct sc_address address = pool->range.base;; address = sc_address_next(&address)) {
        if (is_free_host(network, family, &address) && n-- == 0) {
            *out = address;
            return true;
        }
        if (sc_address_compare(&address, &last) == 0)
            return false;
    }
}

/* Reading hundreds of leases takes longer than all else here. But a directory of tmpfs tells by its size how many it
 * has, and where none has been given back the next address is the one behind so many; where one has, it may be this
 * one all the same. 1: taken; 0: it was not free, or there is no telling, or there are few; -1. */
static int
take_next(const struct sc_network *network, enum sc_family family, int dir, const char *target, struct sc_address *out,
          struct sc_err *err)
{
    char name[SC_NET_ADDRESS_MAX];
    struct statfs fs;
    struct stat info;
    size_t count;

    if (fstatfs(dir, &fs) < 0 || fs.f_type != TMPFS_MAGIC || fstat(dir, &info) < 0 || info.st_size < TMPFS_EMPTY)
        return 0;
    count = (size_t)(info.st_size - TMPFS_EMPTY) / TMPFS_NAME;
    if (network->is_internal && count > 0)
        count--; /* its mark */
    if (sc_network_has(network, SC_V4) && sc_network_has(network, SC_V6))
        count /= 2;
    /* others that start or end just now are a few addresses away */
    for (size_t i = 0; count >= SCAN_MAX && i < GUESSES && sc_address_nth(network, family, count + i, out); i++) {
        sc_address_format(out, name);
        if (symlinkat(target, dir, name) == 0)
            return 1;
        if (errno != EEXIST)
            return sc_err_errno(err, errno, "make lease \"%s\"", name);
    }
    return 0;
}

/* All are taken: by containers that died without a word, perhaps. */
static void
sweep(const struct sc_net *net, int dir, const struct addresses *taken, const char *target)
{
    for (size_t i = 0; i < taken->count; i++) {
        char name[SC_NET_ADDRESS_MAX], owner[SC_ID_LEN + 1] = "";
        struct sc_err ignored = SC_ERR_INIT;

        sc_address_format(&taken->items[i], name);
        if (sc_lease_take(net, dir, name, target, owner, &ignored) > 0)
            (void)unlinkat(dir, name, 0);
    }
}

static int
take_any(const struct sc_net *net, const struct sc_network *network, enum sc_family family, int dir, const char *target,
         bool is_dry, struct sc_address *out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    bool was_swept = is_dry;
    int next = is_dry ? 0 : take_next(network, family, dir, target, out, err);

    if (next != 0)
        return next < 0 ? -1 : 0;
    for (;;) {
        char name[SC_NET_ADDRESS_MAX], owner[SC_ID_LEN + 1] = "";
        struct addresses taken;
        bool is_found;
        int result;

        if (list_addresses(dir, &arena, &taken, err) < 0)
            return -1;
        is_found = sc_address_choose(network, family, taken.items, taken.count, out);
        if (!is_found && was_swept)
            return sc_err_set(err, SC_ERR_BUSY, "network \"%s\": every address of its range is in use", network->name);
        if (!is_found) {
            sweep(net, dir, &taken, target);
            was_swept = true;
            continue;
        }
        if (is_dry)
            return 0;
        sc_address_format(out, name);
        result = sc_lease_take(net, dir, name, target, owner, err);
        if (result != 0)
            return result < 0 ? -1 : 0;
    }
}

/* The one that was asked for. */
static int
take_wanted(const struct sc_net *net, const struct sc_network *network, enum sc_family family, int dir,
            const char *wanted, const char *target, bool is_dry, struct sc_address *out, struct sc_err *err)
{
    const char *flag = family == SC_V6 ? "--ip6" : "--ip";
    const struct sc_pool *pool = &network->pools[family];
    char subnet[SC_NET_CIDR_MAX], name[SC_NET_ADDRESS_MAX], owner[SC_ID_LEN + 1] = "";
    int result;

    if (sc_address_parse(wanted, out, err) < 0)
        return sc_err_wrap(err, "%s", flag);
    sc_subnet_format(&pool->subnet, subnet);
    if (!sc_subnet_has_host(&pool->subnet, out))
        return sc_err_set(err, SC_ERR_INVALID, "%s %s is no host of network \"%s\" (%s)", flag, wanted, network->name,
                          subnet);
    if (sc_address_compare(out, &pool->gateway) == 0)
        return sc_err_set(err, SC_ERR_EXISTS, "%s %s: the address is the network's gateway", flag, wanted);
    if (is_reserved(network, out))
        return sc_err_set(err, SC_ERR_EXISTS, "%s %s: the address is reserved on network \"%s\" (--aux-address)", flag,
                          wanted, network->name);
    sc_address_format(out, name);
    result = is_dry ? 1 : sc_lease_take(net, dir, name, target, owner, err);
    if (result == 0)
        sc_err_set(err, SC_ERR_EXISTS, "%s %s: the address is in use by container %.12s", flag, wanted, owner);
    return result > 0 ? 0 : -1;
}

int
sc_lease_address(const struct sc_net *net, const struct sc_network *network, enum sc_family family,
                 const struct sc_endpoint_ask *ask, const char *mac, bool is_dry, struct sc_address *out,
                 struct sc_err *err)
{
    sc_cleanup_fd dir = open_network(net, network, err);
    const char *wanted = ask->ip[family];
    char target[SC_LEASE_TARGET_MAX];

    if (dir < 0)
        return -1;
    /* For who answers about names: from there nothing leads outside. */
    if (network->is_internal && !is_dry) {
        sc_cleanup_fd mark = openat(dir, ".internal", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (mark < 0)
            return sc_err_errno(err, errno, "mark network \"%s\" as internal", network->name);
    }
    if (ask->names && strlen(ask->names) >= SC_NET_NAMES_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "--network-alias: too many names");
    (void)snprintf(target, sizeof(target), "%s/%u/%s/%s", ask->id, ask->index, mac ? mac : "",
                   ask->names ? ask->names : "");
    return wanted ? take_wanted(net, network, family, dir, wanted, target, is_dry, out, err)
                  : take_any(net, network, family, dir, target, is_dry, out, err);
}

/* "ID/INDEX/MAC/NAME NAME" */
static bool
parse_lease(const char *target, struct sc_arena *arena, struct sc_lease *out)
{
    const char *index = strchr(target, '/'), *mac = index ? strchr(index + 1, '/') : NULL,
               *names = mac ? strchr(mac + 1, '/') : NULL;
    struct sc_err ignored = SC_ERR_INIT;
    char text[18];

    if (!names || index - target != SC_ID_LEN || index + 2 > mac || (size_t)(names - mac) > sizeof(text))
        return false;
    memcpy(out->id, target, SC_ID_LEN);
    out->id[SC_ID_LEN] = '\0';
    for (const char *c = index + 1; c < mac; c++)
        out->index = out->index * 10 + (unsigned)(*c - '0') % 10;
    (void)snprintf(text, sizeof(text), "%.*s", (int)(names - mac - 1), mac + 1);
    if (!*text)
        sc_mac_of(&out->address, out->mac);
    else if (sc_mac_parse(text, out->mac, &ignored) < 0)
        return false;
    out->names = sc_arena_strdup(arena, names + 1);
    return out->names && out->index < SC_NET_ENDPOINTS_MAX;
}

int
sc_network_leases(const struct sc_net *net, const struct sc_network *network, struct sc_arena *arena,
                  struct sc_lease_list *out, struct sc_err *err)
{
    sc_cleanup_fd dir = open_network(net, network, err);
    struct addresses all;

    *out = (struct sc_lease_list){.items = NULL};
    if (dir < 0 || list_addresses(dir, arena, &all, err) < 0)
        return -1;
    out->items = SC_ARENA_ARRAY(arena, struct sc_lease, all.count + 1);
    if (!out->items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < all.count; i++) {
        char name[SC_NET_ADDRESS_MAX], target[SC_LEASE_TARGET_MAX];
        struct sc_lease lease = {.address = all.items[i]};
        ssize_t len;

        sc_address_format(&all.items[i], name);
        len = readlinkat(dir, name, target, sizeof(target) - 1);
        if (len < 0)
            continue;
        target[len] = '\0';
        if (parse_lease(target, arena, &lease))
            out->items[out->count++] = lease;
    }
    return sc_arena_check(arena, err);
}

const struct sc_lease *
sc_lease_find(const struct sc_lease_list *list, const char *id, enum sc_family family)
{
    for (size_t i = 0; i < list->count; i++) {
        if (sc_address_family(&list->items[i].address) == family && strcmp(list->items[i].id, id) == 0)
            return &list->items[i];
    }
    return NULL;
}
