/* Leases of the host's ports: symbolic links <run>/lease/port/PROTO,ADDRESS,PORT. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net-priv.h"

/* Ports that are nobody's to ask for: as the kernel's own choice for a connection begins. */
#define PORT_FIRST 32768
#define PORT_LAST  60999
/* In the directory of leases: there is, or was, one of a single address of the host. */
#define ONE_ADDRESS_MARK ".one-address"
#define BOTH             "/both"

void
sc_port_key(const struct sc_port *port, char out[SC_LEASE_KEY_MAX])
{
    char address[SC_NET_ADDRESS_MAX];

    sc_address_format(&port->host_address, address);
    (void)snprintf(out, SC_LEASE_KEY_MAX, "%s,%s,%u", sc_proto_name(port->proto), address, port->host_port);
}

/* "ADDRESS SEPARATOR PORT" */
static bool
parse_place(const char *text, char separator, struct sc_address *address, uint16_t *port)
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

    *out = (struct sc_port){.host_port = 0};
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

bool
sc_port_target_parse(const char *target, struct sc_address *address, struct sc_port *out)
{
    size_t len = strlen(target), tail = strlen(BOTH);
    char place[SC_LEASE_TARGET_MAX];

    if (len <= SC_ID_LEN || len >= sizeof(place))
        return false;
    out->has_beside = strcmp(target + len - tail, BOTH) == 0;
    memcpy(place, target, len + 1);
    if (out->has_beside)
        place[len - tail] = '\0';
    return parse_place(place + SC_ID_LEN + 1, '/', address, &out->port);
}

static int
by_port(const void *a, const void *b)
{
    const struct sc_port *left = a, *right = b;
    int result = sc_address_compare(&left->host_address, &right->host_address);

    if (left->port != right->port)
        return left->port < right->port ? -1 : 1;
    if (left->proto != right->proto)
        return left->proto < right->proto ? -1 : 1;
    if (result != 0)
        return result;
    return left->host_port < right->host_port ? -1 : left->host_port > right->host_port;
}

int
sc_port_leases(const struct sc_net *net, const char *id, struct sc_arena *arena, struct sc_ports *out,
               struct sc_address **targets, struct sc_err *err)
{
    int fd = sc_leases_open(net, SC_LEASE_PORT, err);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct sc_ports found = {.items = NULL};
    struct sc_address *addresses = NULL;
    struct dirent *item;

    *out = found;
    *targets = NULL;
    if (!dir) {
        sc_closep(&fd);
        return fd < 0 ? -1 : sc_err_errno(err, errno, "read the leases of ports");
    }
    while ((item = readdir(dir)) != NULL) {
        char target[SC_LEASE_TARGET_MAX];
        ssize_t len = readlinkat(dirfd(dir), item->d_name, target, sizeof(target) - 1);
        struct sc_port port;
        struct sc_address to;

        if (len <= SC_ID_LEN || !sc_port_key_parse(item->d_name, &port))
            continue;
        target[len] = '\0';
        if ((id && memcmp(target, id, SC_ID_LEN) != 0) || !sc_port_target_parse(target, &to, &port))
            continue;
        if (found.count == found.capacity) {
            size_t capacity = found.capacity ? found.capacity * 2 : 16;
            struct sc_port *more = SC_ARENA_ARRAY(arena, struct sc_port, capacity);
            struct sc_address *more_addresses = SC_ARENA_ARRAY(arena, struct sc_address, capacity);

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
    struct sc_address *ignored;
    struct sc_ports leased;

    if (sc_port_leases(net, id, arena, &leased, &ignored, err) < 0)
        return -1;
    *out = (struct sc_ports){.items = SC_ARENA_ARRAY(arena, struct sc_port, leased.count * SC_FAMILIES + 1)};
    if (!out->items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < leased.count; i++) {
        out->items[out->count++] = leased.items[i];
        if (!leased.items[i].has_beside)
            continue;
        out->items[out->count] = leased.items[i];
        out->items[out->count++].host_address = (struct sc_address){.len = 16};
    }
    if (out->count > 0)
        qsort(out->items, out->count, sizeof(*out->items), by_port);
    return 0;
}

int
sc_ports_to(const struct sc_net *net, const char *id, const struct sc_address addresses[SC_FAMILIES],
            struct sc_arena *arena, struct sc_ports *out, struct sc_err *err)
{
    struct sc_ports all;
    struct sc_address *targets;

    if (sc_port_leases(net, id, arena, &all, &targets, err) < 0)
        return -1;
    *out = (struct sc_ports){.items = all.items};
    for (size_t i = 0; i < all.count; i++) {
        if (sc_address_compare(&targets[i], &addresses[sc_address_family(&targets[i])]) == 0)
            out->items[out->count++] = all.items[i];
    }
    return 0;
}

/* EADDRINUSE: a program of the host listens there, and would hear nothing more; EADDRNOTAVAIL: the host has no such
 * address; 0. */
static int
why_host_refuses(const struct sc_port *port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port->host_port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port->host_port)};
    bool is_v6 = sc_address_family(&port->host_address) == SC_V6, is_udp = port->proto == IPPROTO_UDP;
    const struct sockaddr *address = is_v6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;
    sc_cleanup_fd sock = -1;
    const int on = 1;

    if (port->proto == IPPROTO_SCTP) /* a socket of it would load a module */
        return 0;
    memcpy(&v4.sin_addr, port->host_address.bytes, sizeof(v4.sin_addr));
    memcpy(&v6.sin6_addr, port->host_address.bytes, sizeof(v6.sin6_addr));
    sock = socket(address->sa_family, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (sock < 0)
        return 0;
    if (is_v6) /* what listens on 0.0.0.0 is no matter of this lease */
        (void)setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (!is_udp) /* connections that are over do not count */
        (void)setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(sock, address, is_v6 ? sizeof(v6) : sizeof(v4)) == 0)
        return 0;
    return errno == EADDRINUSE || errno == EADDRNOTAVAIL ? errno : 0;
}

/* Whose lease it is; false: there is none. */
static bool
read_owner(int dir_fd, const char *key, char owner[SC_ID_LEN + 1])
{
    char target[SC_LEASE_TARGET_MAX];

    if (readlinkat(dir_fd, key, target, sizeof(target)) < SC_ID_LEN)
        return false;
    memcpy(owner, target, SC_ID_LEN);
    owner[SC_ID_LEN] = '\0';
    return true;
}

/* Who has the port at one address of the host. Reading all leases takes long where there are many, and few hosts have
 * any such lease: where there never was one there is no mark. */
static bool
is_had_at_one(int dir_fd, const struct sc_port *port, char owner[SC_ID_LEN + 1])
{
    int copy =
        faccessat(dir_fd, ONE_ADDRESS_MARK, F_OK, 0) < 0 ? -1 : openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *item;

    if (!dir)
        sc_closep(&copy);
    while (dir && (item = readdir(dir)) != NULL) {
        struct sc_port other;

        if (sc_port_key_parse(item->d_name, &other) && other.proto == port->proto &&
            other.host_port == port->host_port && other.host_address.len == port->host_address.len &&
            !sc_address_is_any(&other.host_address) && read_owner(dir_fd, item->d_name, owner))
            return true;
    }
    return false;
}

/* Who else has the port: any address is every address of its family. */
static bool
is_covered(int dir_fd, const struct sc_port *port, char owner[SC_ID_LEN + 1])
{
    struct sc_port any = *port;
    char key[SC_LEASE_KEY_MAX];

    if (sc_address_is_any(&port->host_address))
        return is_had_at_one(dir_fd, port, owner);
    memset(any.host_address.bytes, 0, sizeof(any.host_address.bytes));
    sc_port_key(&any, key);
    return read_owner(dir_fd, key, owner);
}

/* Why a port is not to be had. */
struct refusal {
    const struct sc_port *port;
    char owner[SC_ID_LEN + 1]; /* whose it is; "": no container's */
    int host_errno;            /* then */
};

/* Whether the container itself has it by another -p: any address is every address of its family. */
static bool
is_own(const struct sc_ports *own, const struct sc_port *port)
{
    for (size_t i = 0; i < own->count; i++) {
        const struct sc_port *other = &own->items[i];

        if (other->proto == port->proto && other->host_port == port->host_port &&
            other->host_address.len == port->host_address.len &&
            (sc_address_is_any(&other->host_address) || sc_address_is_any(&port->host_address) ||
             sc_address_compare(&other->host_address, &port->host_address) == 0))
            return true;
    }
    return false;
}

/* 1: taken; 0: in use. */
static int
take_one(const struct sc_net *net, int dir, const char *id, const struct sc_address *address,
         const struct sc_port *port, bool is_dry, struct refusal *why, struct sc_err *err)
{
    char key[SC_LEASE_KEY_MAX], to[SC_NET_ADDRESS_MAX], target[SC_LEASE_TARGET_MAX], *owner = why->owner;
    int result;

    owner[0] = '\0';
    if (!is_dry && !sc_address_is_any(&port->host_address)) {
        sc_cleanup_fd mark = openat(dir, ONE_ADDRESS_MARK, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (mark < 0)
            return sc_err_errno(err, errno, "mark the leases of ports");
    }
    if (is_covered(dir, port, owner) && net->is_alive(owner, net->data))
        return 0;
    owner[0] = '\0';
    sc_port_key(port, key);
    sc_address_format(address, to);
    (void)snprintf(target, sizeof(target), "%s/%s/%u%s", id, to, port->port, port->has_beside ? BOTH : "");
    if (is_dry)
        return 1;
    result = sc_lease_take(net, dir, key, target, owner, err);
    /* where a socket will be bound, that is what tells */
    if (result <= 0 || (address->len != port->host_address.len && port->host_port == port->host_last))
        return result;
    why->host_errno = why_host_refuses(port);
    if (why->host_errno == 0)
        return 1;
    (void)unlinkat(dir, key, 0);
    owner[0] = '\0';
    return 0;
}

struct wish {
    const char *id;
    const struct sc_address *addresses; /* the container's */
    const struct sc_ports *own;         /* that it has already */
    struct sc_port ports[SC_FAMILIES];  /* the same port, at the host's address of each family */
    size_t count;
};

static const struct sc_address *
target_of(const struct wish *wish, const struct sc_port *port)
{
    const struct sc_address *own = &wish->addresses[sc_address_family(&port->host_address)];

    return own->len > 0 ? own : &wish->addresses[SC_V4];
}

/* The number for all of them, or for none. */
static int
take_number(const struct sc_net *net, int dir, struct wish *wish, unsigned number, bool is_dry, struct refusal *why,
            struct sc_err *err)
{
    for (size_t i = 0; i < wish->count; i++) {
        struct sc_port *port = &wish->ports[i];
        int result = 0;

        port->host_port = port->host_last = (uint16_t)number;
        if (is_own(wish->own, port))
            (void)snprintf(why->owner, sizeof(why->owner), "%s", wish->id);
        else
            result = take_one(net, dir, wish->id, target_of(wish, port), port, is_dry, why, err);
        if (result > 0)
            continue;
        why->port = port;
        for (size_t k = 0; k < i && !is_dry; k++) {
            char key[SC_LEASE_KEY_MAX];

            sc_port_key(&wish->ports[k], key);
            (void)unlinkat(dir, key, 0);
        }
        return result;
    }
    return 1;
}

/* Whether a process carries it: of the host's IPv6 to a container that has IPv4 only (monitor/ports.h). */
static bool
will_be_carried(const struct sc_address addresses[SC_FAMILIES], const struct sc_port *port)
{
    return port->host_address.len == 16 && port->proto != IPPROTO_SCTP && addresses[SC_V6].len == 0 &&
           !sc_address_is_any(&addresses[SC_V4]);
}

/* Whether [::] comes along with it: it was asked for without an address, or had it on the network before. */
static bool
wants_beside(const struct sc_address addresses[SC_FAMILIES], const struct sc_port *port)
{
    const struct sc_port beside = {.host_address = {.len = 16}, .proto = port->proto};

    return (port->host_address.len == 0 || port->has_beside) && will_be_carried(addresses, &beside);
}

/* The host's addresses that are meant, as far as the container has an address of their family. */
static int
make_wish(const char *id, const struct sc_address addresses[SC_FAMILIES], const struct sc_port *port, struct wish *out,
          struct sc_err *err)
{
    char host[SC_NET_ADDRESS_MAX + 2];

    *out = (struct wish){.id = id, .addresses = addresses};
    if (will_be_carried(addresses, port)) {
        out->ports[out->count++] = *port;
        return 0;
    }
    for (int f = 0; f < SC_FAMILIES; f++) {
        if (addresses[f].len == 0 || (port->host_address.len > 0 && port->host_address.len != addresses[f].len))
            continue;
        out->ports[out->count] = *port;
        out->ports[out->count].has_beside = wants_beside(addresses, port);
        out->ports[out->count++].host_address.len = addresses[f].len;
    }
    if (out->count > 0)
        return 0;
    sc_address_format_host(&port->host_address, host);
    sc_err_set(err, SC_ERR_INVALID, "publish port %s:%u/%s: the container has no %s address that it could lead to",
               host, port->host_port, sc_proto_name(port->proto),
               sc_address_family(&port->host_address) == SC_V6 ? "IPv6" : "IPv4");
    return sc_err_remedy(err, "use a network that is made with --ipv6");
}

int
sc_lease_port(const struct sc_net *net, const char *id, const struct sc_address addresses[SC_FAMILIES],
              const struct sc_port *port, bool is_dry, struct sc_ports *out, struct sc_err *err)
{
    sc_cleanup_fd dir = sc_leases_open(net, SC_LEASE_PORT, err);
    struct refusal why = {.port = port};
    unsigned first = port->host_port ? port->host_port : PORT_FIRST,
             last = port->host_port ? port->host_last : PORT_LAST;
    char host[SC_NET_ADDRESS_MAX + 2];
    struct wish wish;

    if (dir < 0 || make_wish(id, addresses, port, &wish, err) < 0)
        return -1;
    wish.own = out;
    for (unsigned number = first; number <= last; number++) {
        int result = take_number(net, dir, &wish, number, is_dry, &why, err);

        if (result < 0)
            return -1;
        for (size_t i = 0; i < wish.count && result > 0; i++)
            out->items[out->count++] = wish.ports[i];
        if (result > 0)
            return 0;
    }
    sc_address_format_host(&why.port->host_address, host);
    if (first != last)
        return sc_err_set(err, SC_ERR_EXISTS, "publish port %s:%u-%u/%s: all of them are already allocated", host,
                          first, last, sc_proto_name(port->proto));
    if (strcmp(why.owner, id) == 0)
        return sc_err_set(err, SC_ERR_EXISTS, "publish port %s:%u/%s: port is already allocated: it is published twice",
                          host, first, sc_proto_name(port->proto));
    if (why.owner[0])
        return sc_err_set(err, SC_ERR_EXISTS, "publish port %s:%u/%s: port is already allocated by container %.12s",
                          host, first, sc_proto_name(port->proto), why.owner);
    if (why.host_errno == EADDRNOTAVAIL)
        return sc_err_set(err, SC_ERR_INVALID,
                          "publish port %s:%u/%s: cannot assign requested address: no link of the "
                          "host has it",
                          host, first, sc_proto_name(port->proto));
    return sc_err_set(err, SC_ERR_EXISTS, "publish port %s:%u/%s: address already in use by a program of the host",
                      host, first, sc_proto_name(port->proto));
}

void
sc_port_carried_key(const struct sc_port *port, bool is_beside, char out[SC_NET_PORT_KEY_MAX])
{
    struct sc_port leased = *port;

    if (is_beside)
        leased.host_address = sc_address_v4(0);
    sc_port_key(&leased, out);
}

int
sc_lease_port_alone(const struct sc_net *net, const struct sc_port *beside, const char *scratch, struct sc_err *err)
{
    sc_cleanup_fd dir = sc_leases_open(net, SC_LEASE_PORT, err);
    char key[SC_LEASE_KEY_MAX], target[SC_LEASE_TARGET_MAX];
    size_t tail = strlen(BOTH);
    ssize_t len;

    if (dir < 0)
        return -1;
    sc_port_carried_key(beside, true, key);
    len = readlinkat(dir, key, target, sizeof(target) - 1);
    if (len < (ssize_t)tail || memcmp(target + len - tail, BOTH, tail) != 0)
        return 0;
    target[(size_t)len - tail] = '\0';
    if (symlinkat(target, net->run_fd, scratch) < 0 || renameat(net->run_fd, scratch, dir, key) < 0)
        return sc_err_errno(err, errno, "change the lease of port %u", beside->host_port);
    return 0;
}

void
sc_lease_port_undo(const struct sc_net *net, const char *id, const struct sc_port *port, struct sc_buf *undo)
{
    sc_cleanup_buf target = SC_BUF_INIT;
    char key[SC_LEASE_KEY_MAX];

    sc_port_key(port, key);
    sc_buf_addf(&target, "%s/%s/%s %s", net->run_path, SC_LEASE_PORT, key, id);
    sc_undo_add(undo, SC_UNDO_LEASE, sc_buf_str(&target));
    undo->has_failed = undo->has_failed || target.has_failed;
}
