/* Leases of addresses and ports: symbolic links, made by symlink(2), which never replaces. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net-priv.h"

#define TARGET_MAX (SC_ID_LEN + SC_NET_NAMES_MAX + 32)
#define TRIES      8
/* Ports that are nobody's to ask for: as the kernel's own choice for a connection begins. */
#define PORT_FIRST 32768
#define PORT_LAST  60999

static int
open_leases(const struct sc_net *net, const char *path, struct sc_err *err)
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
    return open_leases(net, path, err);
}

/* Takes the lease, from an owner who is dead if need be: 1; 0: it is somebody's, whose id is in owner. */
static int
take(const struct sc_net *net, int dir, const char *name, const char *target, char owner[SC_ID_LEN + 1],
     struct sc_err *err)
{
    for (int i = 0; i < TRIES; i++) {
        char now[TARGET_MAX];
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
    uint32_t *items;
    size_t count, capacity;
};

static int
by_number(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return left < right ? -1 : left > right;
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
        uint32_t address;

        if (sc_address_parse(item->d_name, &address, &ignored) < 0)
            continue;
        if (out->count == out->capacity) {
            size_t capacity = out->capacity ? out->capacity * 2 : 64;
            uint32_t *items = SC_ARENA_ARRAY(arena, uint32_t, capacity);

            if (!items)
                return sc_err_nomem(err);
            if (out->count > 0)
                memcpy(items, out->items, out->count * sizeof(*items));
            out->items = items;
            out->capacity = capacity;
        }
        out->items[out->count++] = address;
    }
    if (errno != 0)
        return sc_err_errno(err, errno, "read the leases");
    if (out->count > 0)
        qsort(out->items, out->count, sizeof(*out->items), by_number);
    return 0;
}

uint32_t
sc_address_choose(const struct sc_network *network, const uint32_t *taken, size_t count)
{
    uint32_t last = sc_subnet_last(&network->range), end = sc_subnet_last(&network->subnet);
    size_t i = 0;

    for (uint32_t address = network->range.base; address <= last; address++) {
        while (i < count && taken[i] < address)
            i++;
        if (address != network->subnet.base && address != end && address != network->gateway &&
            (i == count || taken[i] != address))
            return address;
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

        sc_address_format(taken->items[i], name);
        if (take(net, dir, name, target, owner, &ignored) > 0)
            (void)unlinkat(dir, name, 0);
    }
}

static int
take_any(const struct sc_net *net, const struct sc_network *network, int dir, const char *target, bool is_dry,
         uint32_t *out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    bool was_swept = is_dry;

    for (;;) {
        char name[SC_NET_ADDRESS_MAX], owner[SC_ID_LEN + 1] = "";
        struct addresses taken;
        int result;

        if (list_addresses(dir, &arena, &taken, err) < 0)
            return -1;
        *out = sc_address_choose(network, taken.items, taken.count);
        if (*out == 0 && was_swept)
            return sc_err_set(err, SC_ERR_BUSY, "network \"%s\": every address of its range is in use", network->name);
        if (*out == 0) {
            sweep(net, dir, &taken, target);
            was_swept = true;
            continue;
        }
        if (is_dry)
            return 0;
        sc_address_format(*out, name);
        result = take(net, dir, name, target, owner, err);
        if (result != 0)
            return result < 0 ? -1 : 0;
    }
}

int
sc_lease_address(const struct sc_net *net, const struct sc_network *network, const struct sc_endpoint_ask *ask,
                 bool is_dry, uint32_t *out, struct sc_err *err)
{
    char subnet[SC_NET_CIDR_MAX], name[SC_NET_ADDRESS_MAX], owner[SC_ID_LEN + 1] = "";
    sc_cleanup_fd dir = open_network(net, network, err);
    const char *wanted = ask->ip;
    char target[TARGET_MAX];
    int result;

    if (dir < 0)
        return -1;
    if (ask->names && strlen(ask->names) >= SC_NET_NAMES_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "--network-alias: too many names");
    /* Without a MAC of its own the address says which. */
    (void)snprintf(target, sizeof(target), "%s/%u/%s/%s", ask->id, ask->index, ask->mac ? ask->mac : "",
                   ask->names ? ask->names : "");
    if (!wanted)
        return take_any(net, network, dir, target, is_dry, out, err);
    if (sc_address_parse(wanted, out, err) < 0)
        return sc_err_wrap(err, "--ip");
    sc_subnet_format(&network->subnet, subnet);
    if (!sc_subnet_has(&network->subnet, *out) || *out == network->subnet.base ||
        *out == sc_subnet_last(&network->subnet))
        return sc_err_set(err, SC_ERR_INVALID, "--ip %s is no host of network \"%s\" (%s)", wanted, network->name,
                          subnet);
    sc_address_format(*out, name);
    result = *out == network->gateway ? 0 : is_dry ? 1 : take(net, dir, name, target, owner, err);
    if (result < 0)
        return -1;
    if (result > 0)
        return 0;
    return owner[0] ? sc_err_set(err, SC_ERR_EXISTS, "--ip %s: the address is in use by container %.12s", wanted, owner)
                    : sc_err_set(err, SC_ERR_EXISTS, "--ip %s: the address is the network's gateway", wanted);
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
        sc_mac_of(out->address, out->mac);
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
        char name[SC_NET_ADDRESS_MAX], target[TARGET_MAX];
        struct sc_lease lease = {.address = all.items[i]};
        ssize_t len;

        sc_address_format(all.items[i], name);
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
sc_lease_find(const struct sc_lease_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].id, id) == 0)
            return &list->items[i];
    }
    return NULL;
}

/* ---- ports --------------------------------------------------------------------------------------------------------
 */

void
sc_port_key(const struct sc_port *port, char out[SC_LEASE_KEY_MAX])
{
    char address[SC_NET_ADDRESS_MAX];

    sc_address_format(port->host_address, address);
    (void)snprintf(out, SC_LEASE_KEY_MAX, "%s,%s,%u", sc_proto_name(port->proto), address, port->host_port);
}

/* "ADDRESS SEPARATOR PORT" */
static bool
parse_place(const char *text, char separator, uint32_t *address, uint16_t *port)
{
    const char *at = strchr(text, separator);
    struct sc_err ignored = SC_ERR_INIT;
    char copy[SC_NET_ADDRESS_MAX];
    uint32_t number;

    if (!at || (size_t)(at - text) >= sizeof(copy) || sc_parse_u32(at + 1, &number, &ignored) < 0 || number == 0 ||
        number > UINT16_MAX)
        return false;
    memcpy(copy, text, (size_t)(at - text));
    copy[at - text] = '\0';
    *port = (uint16_t)number;
    return sc_address_parse(copy, address, &ignored) == 0;
}

bool
sc_port_key_parse(const char *key, struct sc_port *out)
{
    static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
    size_t len = strcspn(key, ",");

    *out = (struct sc_port){.host_address = 0};
    if (!key[len] || !parse_place(key + len + 1, ',', &out->host_address, &out->host_port))
        return false;
    out->host_last = out->host_port;
    for (size_t i = 0; i < SC_ARRAY_LEN(protos); i++) {
        const char *name = sc_proto_name(protos[i]);

        if (strlen(name) == len && memcmp(key, name, len) == 0)
            out->proto = protos[i];
    }
    return out->proto != 0;
}

static int
by_host_port(const void *a, const void *b)
{
    const struct sc_port *left = a, *right = b;

    if (left->port != right->port)
        return left->port < right->port ? -1 : 1;
    return left->host_port < right->host_port ? -1 : left->host_port > right->host_port;
}

int
sc_port_leases(const struct sc_net *net, const char *id, struct sc_arena *arena, struct sc_ports *out,
               uint32_t **targets, struct sc_err *err)
{
    int fd = open_leases(net, SC_LEASE_PORT, err);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct sc_ports found = {.items = NULL};
    uint32_t *addresses = NULL;
    struct dirent *item;

    if (!dir) {
        sc_closep(&fd);
        return fd < 0 ? -1 : sc_err_errno(err, errno, "read the leases of ports");
    }
    while ((item = readdir(dir)) != NULL) {
        char target[TARGET_MAX];
        ssize_t len = readlinkat(dirfd(dir), item->d_name, target, sizeof(target) - 1);
        struct sc_port port;
        uint32_t to;

        if (len <= SC_ID_LEN || !sc_port_key_parse(item->d_name, &port))
            continue;
        target[len] = '\0';
        if ((id && memcmp(target, id, SC_ID_LEN) != 0) || !parse_place(target + SC_ID_LEN + 1, '/', &to, &port.port))
            continue;
        if (found.count == found.capacity) {
            size_t capacity = found.capacity ? found.capacity * 2 : 16;
            struct sc_port *more = SC_ARENA_ARRAY(arena, struct sc_port, capacity);
            uint32_t *more_addresses = SC_ARENA_ARRAY(arena, uint32_t, capacity);

            if (!more || !more_addresses)
                return sc_err_nomem(err);
            if (found.count > 0) {
                memcpy(more, found.items, found.count * sizeof(*more));
                memcpy(more_addresses, addresses, found.count * sizeof(*more_addresses));
            }
            found.items = more;
            addresses = more_addresses;
            found.capacity = capacity;
        }
        addresses[found.count] = to;
        found.items[found.count++] = port;
    }
    *out = found;
    *targets = addresses;
    return 0;
}

int
sc_ports_of(const struct sc_net *net, const char *id, struct sc_arena *arena, struct sc_ports *out, struct sc_err *err)
{
    uint32_t *ignored;

    if (sc_port_leases(net, id, arena, out, &ignored, err) < 0)
        return -1;
    if (out->count > 0)
        qsort(out->items, out->count, sizeof(*out->items), by_host_port);
    return 0;
}

int
sc_ports_to(const struct sc_net *net, const char *id, uint32_t address, struct sc_arena *arena, struct sc_ports *out,
            struct sc_err *err)
{
    struct sc_ports all;
    uint32_t *targets;

    if (sc_port_leases(net, id, arena, &all, &targets, err) < 0)
        return -1;
    *out = (struct sc_ports){.items = all.items};
    for (size_t i = 0; i < all.count; i++) {
        if (targets[i] == address)
            out->items[out->count++] = all.items[i];
    }
    return 0;
}

/* Whether a program of the host listens there: it would hear nothing more. */
static bool
is_used_by_host(const struct sc_port *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port->host_port)};
    bool is_udp = port->proto == IPPROTO_UDP;
    sc_cleanup_fd sock = -1;
    const int on = 1;

    if (port->proto == IPPROTO_SCTP) /* a socket of it would load a module */
        return false;
    address.sin_addr.s_addr = htonl(port->host_address);
    sock = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (sock >= 0 && !is_udp) /* connections that are over do not count */
        (void)setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    return sock >= 0 && bind(sock, (const struct sockaddr *)&address, sizeof(address)) < 0 && errno == EADDRINUSE;
}

/* Who else has the port: any address is every address. */
static bool
is_covered(int dir_fd, const struct sc_port *port, char owner[SC_ID_LEN + 1])
{
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *item;

    if (!dir)
        sc_closep(&copy);
    while (dir && (item = readdir(dir)) != NULL) {
        char target[TARGET_MAX];
        struct sc_port other;
        ssize_t len;

        if (!sc_port_key_parse(item->d_name, &other) || other.proto != port->proto ||
            other.host_port != port->host_port || other.host_address == port->host_address ||
            (other.host_address && port->host_address))
            continue;
        len = readlinkat(dir_fd, item->d_name, target, sizeof(target));
        if (len < SC_ID_LEN)
            continue;
        memcpy(owner, target, SC_ID_LEN);
        owner[SC_ID_LEN] = '\0';
        return true;
    }
    return false;
}

/* 1: taken; 0: in use, by owner or (owner "") by a program of the host. */
static int
take_port(const struct sc_net *net, int dir, const char *id, uint32_t address, const struct sc_port *port, bool is_dry,
          char owner[SC_ID_LEN + 1], struct sc_err *err)
{
    char key[SC_LEASE_KEY_MAX], to[SC_NET_ADDRESS_MAX], target[TARGET_MAX];
    int result;

    owner[0] = '\0';
    if (is_covered(dir, port, owner) && net->is_alive(owner, net->data))
        return 0;
    owner[0] = '\0';
    sc_port_key(port, key);
    sc_address_format(address, to);
    (void)snprintf(target, sizeof(target), "%s/%s/%u", id, to, port->port);
    if (is_dry)
        return 1;
    result = take(net, dir, key, target, owner, err);
    if (result <= 0)
        return result;
    if (!is_used_by_host(port))
        return 1;
    (void)unlinkat(dir, key, 0);
    owner[0] = '\0';
    return 0;
}

int
sc_lease_port(const struct sc_net *net, const char *id, uint32_t address, struct sc_port *port, bool is_dry,
              struct sc_err *err)
{
    sc_cleanup_fd dir = open_leases(net, SC_LEASE_PORT, err);
    struct sc_port one = *port;
    unsigned first = port->host_port ? port->host_port : PORT_FIRST,
             last = port->host_port ? port->host_last : PORT_LAST;
    char owner[SC_ID_LEN + 1] = "", host[SC_NET_ADDRESS_MAX];

    if (dir < 0)
        return -1;
    for (unsigned number = first; number <= last; number++) {
        int result;

        one.host_port = one.host_last = (uint16_t)number;
        result = take_port(net, dir, id, address, &one, is_dry, owner, err);
        if (result < 0)
            return -1;
        if (result > 0) {
            *port = one;
            return 0;
        }
    }
    sc_address_format(port->host_address, host);
    if (first != last)
        return sc_err_set(err, SC_ERR_EXISTS, "publish port %s:%u-%u/%s: all of them are already allocated", host,
                          first, last, sc_proto_name(port->proto));
    if (owner[0])
        return sc_err_set(err, SC_ERR_EXISTS, "publish port %s:%u/%s: port is already allocated by container %.12s",
                          host, first, sc_proto_name(port->proto), owner);
    return sc_err_set(err, SC_ERR_EXISTS, "publish port %s:%u/%s: address already in use by a program of the host",
                      host, first, sc_proto_name(port->proto));
}
