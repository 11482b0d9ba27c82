/*
 * net: networks, address leases, bridge and veth, NAT and ports. It makes bytes for the kernel (kernel/nlmsg.h) and
 * packets for the plan; what a container is, engine knows.
 *
 *     <data>/network/NAME.json      a network: subnet, gateway, bridge, options (record.c)
 *     <run>/lease/net/NAME/ADDRESS  -> "<id>/INDEX/MAC/NAME NAME..."   an address of it is this container's (lease.c)
 *     <run>/lease/port/KEY          -> "<id>/ADDRESS/PORT[/both]"      a port of the host leads there (port-lease.c);
 *                                      both: the same port of the host's IPv6 is carried there (monitor/ports.h)
 *                                      KEY: "tcp,0.0.0.0,8080", "udp,::,53"; ".one-address": there may be one of a
 *                                      single address of the host
 *     table inet sc                    one nftables table of ours: chains that never change, sets of networks, maps of
 *                                      ports (firewall.c). Records and leases say all that is in it, so it can be made
 *                                      again whole.
 *
 * A container's start:  sc_network_up (bridge, table, sysctls; nothing is done where they are there)
 *                    -> sc_endpoint_make (leases) -> sc_endpoint_packets -> plan -> undo text takes all of it back
 *
 * Invariants: a lease is made by symlink(2), which never replaces and has its content at once: of two that want one
 * address exactly one gets it, and there is no half-made lease. A lease is taken from its owner only when that one is
 * not alive. What is on the host is named after the container (link "scv<id>") or the network (bridge "sc-<id>") before
 * it is made. Nothing outside table `inet sc`, our bridges and their sysctls is changed, but net.ipv4.ip_forward, which
 * is switched on, and for IPv6 conf/all/forwarding and what keeps the host's own router advertisements (up.c).
 * Networks of macvlan and ipvlan have leases only (driver.c, sublink.c).
 *
 * A network has IPv4, and IPv6 where that was asked for: arrays of SC_FAMILIES, where what is not there is an address
 * of length 0.
 */
#ifndef SC_NET_H
#define SC_NET_H

#include "base/base.h"
#include "plan/plan.h"

#define SC_NET_DEFAULT      "sc0" /* "bridge" is another name for it, as in Docker */
#define SC_NET_ADDRESS_MAX  46    /* INET6_ADDRSTRLEN */
#define SC_NET_CIDR_MAX     50
#define SC_NET_LINK_MAX     16 /* IFNAMSIZ */
#define SC_NET_NAME_MAX     128
#define SC_NET_PORT_KEY_MAX (SC_NET_ADDRESS_MAX + 12) /* "sctp,ADDRESS,65535" */
#define SC_NET_NAMES_MAX    1024

/* ---- address.c: addresses and subnets of both families */
enum sc_family { SC_V4, SC_V6, SC_FAMILIES };
struct sc_address {
    unsigned char len;       /* 4 or 16; 0: none */
    unsigned char bytes[16]; /* in network order, zeroes behind len */
};
struct sc_subnet {
    struct sc_address base; /* no bits below the prefix */
    unsigned prefix;
};
SC_MUST_CHECK int sc_address_parse(const char *text, struct sc_address *out, struct sc_err *err);
void sc_address_format(const struct sc_address *address, char out[SC_NET_ADDRESS_MAX]); /* none: "" */
/* "172.17.0.2", "[fd00::2]": as it stands before ":PORT" */
void sc_address_format_host(const struct sc_address *address, char out[SC_NET_ADDRESS_MAX + 2]);
/* By number, IPv4 first. */
int sc_address_compare(const struct sc_address *a, const struct sc_address *b);
bool sc_address_is_any(const struct sc_address *address); /* 0.0.0.0, ::, none */
enum sc_family sc_address_family(const struct sc_address *address);
struct sc_address sc_address_v4(uint32_t number); /* in host order */
/* The one behind it; the last one's is the first. */
struct sc_address sc_address_next(const struct sc_address *address);
/* "10.1.2.0/24", "fd00:1::/64"; bits below the prefix are an error that names the subnet meant */
SC_MUST_CHECK int sc_subnet_parse(const char *text, struct sc_subnet *out, struct sc_err *err);
void sc_subnet_format(const struct sc_subnet *subnet, char out[SC_NET_CIDR_MAX]);
struct sc_address sc_subnet_last(const struct sc_subnet *subnet); /* IPv4: its broadcast address */
bool sc_subnet_has(const struct sc_subnet *subnet, const struct sc_address *address);
/* Whether a container can have the address: not the subnet's own, nor its broadcast address. */
bool sc_subnet_has_host(const struct sc_subnet *subnet, const struct sc_address *address);
bool sc_subnets_overlap(const struct sc_subnet *a, const struct sc_subnet *b);
/* "fdXX:XXXX:XXXX::/64" of 40 random bits (RFC 4193) */
void sc_subnet_unique_local(const unsigned char random[5], struct sc_subnet *out);
/* The n-th of the subnets that networks get by default, as Docker: 172.17/16 to 172.31/16, then 192.168.0/20 on. */
bool sc_subnet_pool(size_t n, struct sc_subnet *out);
SC_MUST_CHECK int sc_mac_parse(const char *text, unsigned char out[6], struct sc_err *err);
void sc_mac_format(const unsigned char mac[6], char out[18]);
/* Of an IPv4 address: 02:42 and its bytes, as Docker's, so that a neighbour's cache stays right when an address is used
 * again. */
void sc_mac_of(const struct sc_address *address, unsigned char out[6]);

/* ---- port.c: -p [ADDRESS:][HOST[-HOST]:]PORT[-PORT][/PROTO] */
struct sc_port {
    struct sc_address host_address; /* none: any of each family that the container has */
    uint16_t host_port;             /* 0: to be chosen */
    uint16_t host_last;             /* one of host_port..host_last is chosen; equal: that one */
    uint16_t port;                  /* the container's */
    uint8_t proto;                  /* IPPROTO_TCP, _UDP, _SCTP */
    bool has_beside;                /* of IPv4, leased: [::] of the same number is carried to the same container */
};
struct sc_ports {
    struct sc_port *items;
    size_t count, capacity;
};
/* Appends what text asks for, one item for each port of a range. */
SC_MUST_CHECK int sc_port_parse(const char *text, struct sc_arena *arena, struct sc_ports *out, struct sc_err *err);
/* --expose and an image's: "80", "80/tcp", "8000-8010/udp": host ports are to be chosen. */
SC_MUST_CHECK int sc_expose_parse(const char *text, struct sc_arena *arena, struct sc_ports *out, struct sc_err *err);
const char *sc_proto_name(uint8_t proto);

/* ---- record.c: networks */
enum sc_net_driver {
    SC_NET_BRIDGE,
    SC_NET_MACVLAN, /* the container's link hangs off a link of the host, its parent; nothing of ours filters or
                       translates */
    SC_NET_IPVLAN,
};
struct sc_pool {
    struct sc_subnet subnet; /* base.len 0: the network has none of this family */
    struct sc_subnet range;  /* where addresses are taken from */
    struct sc_address gateway;
};
struct sc_network {
    char *name, *id; /* id: 64 digits */
    char *bridge; /* "sc0", "sc-<12 digits of id>"; of macvlan and ipvlan the parent, "sc-<..>" where none was named */
    enum sc_net_driver driver;
    unsigned mode; /* of macvlan and ipvlan: an index of their modes (sc_net_mode_name) */
    int64_t created_at;
    struct sc_pool pools[SC_FAMILIES];
    struct sc_address *reserved; /* --aux-address: no container's */
    size_t reserved_count;
    bool is_internal, forbids_icc;
    bool keeps_source;              /* what leaves it is not masqueraded: whoever is outside knows the way back */
    struct sc_address binding;      /* of the host, where -p names none; none: any */
    bool is_guarded;                /* set by sc_network_up, not recorded: its links must be in the table bridge sc */
    int mtu;                        /* 0: the kernel's 1500 */
    struct sc_strv labels, options; /* "k=v", as given */
    struct sc_strv aux;             /* "NAME=ADDRESS" */
};
static inline bool
sc_network_has(const struct sc_network *network, enum sc_family family)
{
    return network->pools[family].subnet.base.len > 0;
}
struct sc_network_list {
    struct sc_network *items; /* by name */
    size_t count;
    struct sc_strv damaged, why; /* names of those whose record cannot be read, and what is wrong with each */
};
/* What net/ is told of the engine. */
struct sc_net {
    int data_fd, run_fd; /* directories: <data> and <run> */
    const char *run_path, *data_path;
    bool is_dry; /* the default network is not recorded by being asked for */
    /* Whether the container lives; where not, it is made certain that nothing of it does, and its undo is run. */
    bool (*is_alive)(const char *id, void *data);
    /* The container of this data root whose id begins so; false: there is none, or more than one. */
    bool (*find)(const char *prefix, char id[SC_ID_LEN + 1], void *data);
    void *data;
};
struct sc_network_ask {                            /* `sc network create` */
    char *name, *driver;                           /* driver NULL: bridge */
    struct sc_strv subnets, gateways, ranges, aux; /* of either family; aux: "NAME=ADDRESS" */
    bool is_internal, wants_v6;
    struct sc_strv labels, options;
};
const char *sc_net_driver_name(enum sc_net_driver driver);
/* "bridge", "l2"; NULL: there is no such mode, or the driver has none. */
const char *sc_net_mode_name(enum sc_net_driver driver, unsigned mode);
/* Its way out is a gateway, not just the link. */
bool sc_network_has_gateway(const struct sc_network *network);
/* Ports of the host can lead to its containers: a bridge that is not internal. */
bool sc_network_publishes(const struct sc_network *network);
/* Chooses a subnet that overlaps no route of the host and no other network; SC_ERR_EXISTS for a name or subnet in use.
 */
SC_MUST_CHECK int sc_network_create(const struct sc_net *net, const struct sc_network_ask *ask, struct sc_arena *arena,
                                    struct sc_network *out, struct sc_err *err);
/* By name, id or unique prefix of an id. The default network is made when it is asked for first. */
SC_MUST_CHECK int sc_network_find(const struct sc_net *net, const char *name, struct sc_arena *arena,
                                  struct sc_network *out, struct sc_err *err);
SC_MUST_CHECK int sc_network_list(const struct sc_net *net, struct sc_arena *arena, struct sc_network_list *out,
                                  struct sc_err *err);
/* Its bridge too. SC_ERR_BUSY while a container has an address of it. */
SC_MUST_CHECK int sc_network_remove(const struct sc_net *net, const struct sc_network *network, struct sc_err *err);
/* One of a list's damaged ones: its record and leases. What it was is not known, so a bridge that it had stays. */
SC_MUST_CHECK int sc_network_remove_damaged(const struct sc_net *net, const char *name, struct sc_err *err);
/* Says so, and what to do; -1. */
int sc_network_damaged(const char *name, const char *why, struct sc_err *err);

/* ---- rate.c: "10mbit", "500kbyte": bits a second; "0" is SC_NET_RATE_NONE */
#define SC_NET_RATE_NONE INT64_C(-1)
SC_MUST_CHECK int sc_net_rate_parse(const char *text, int64_t *bits, struct sc_err *err);
void sc_net_rate_format(int64_t bits, char out[SC_NUM_MAX]);

/* ---- lease.c, endpoint.c: a container on a network */
#define SC_NET_ENDPOINTS_MAX 16 /* of one container */
struct sc_endpoint_ask {
    const char *id;
    unsigned index;                    /* of its networks, so of its link: eth0, eth1.. */
    bool has_route;                    /* its way out leads here, unless the network is internal */
    const char *ip[SC_FAMILIES], *mac; /* NULL: chosen */
    int64_t rate_in, rate_out; /* bits a second, as seen from the container; 0, SC_NET_RATE_NONE: as fast as it goes */
    const char *names;         /* what neighbours call it, separated by spaces */
    struct sc_ports ports;     /* as asked */
};
struct sc_endpoint {
    struct sc_network network;
    unsigned index;
    bool has_route;
    bool ignores_ra; /* router advertisements: the kernel has IPv6 */
    struct sc_address addresses[SC_FAMILIES];
    unsigned char mac[6];
    char link[SC_NET_LINK_MAX]; /* the host's end */
    int64_t rate_in, rate_out;
    /* As they are now: every host port chosen. One at an IPv6 address of the host, of a container that has none, is
     * carried (sc_port_is_carried). */
    struct sc_ports ports;
    struct sc_ports beside; /* carried at [::] beside the same of IPv4, whose lease is theirs too */
};
/* Whether no element leads it to the container: IPv6 of the host, which a process carries to the container's IPv4
 * (monitor/ports.h). */
bool sc_port_is_carried(const struct sc_endpoint *endpoint, const struct sc_port *port);
/* The lease that says where a carried port leads now. */
void sc_port_carried_key(const struct sc_port *port, bool is_beside, char out[SC_NET_PORT_KEY_MAX]);
/* Bridge, table, forwarding. SC_ERR_UNSUPPORTED names what the kernel lacks. */
SC_MUST_CHECK int sc_network_up(const struct sc_net *net, struct sc_network *network, struct sc_err *err);
/* Makes the tables again where another program has deleted or emptied them while containers have addresses. */
SC_MUST_CHECK int sc_network_refill(const struct sc_net *net, struct sc_err *err);
/* Removes what is left of dead containers: leases with their links and elements, and links and elements whose leases
 * are gone (sweep.c). */
SC_MUST_CHECK int sc_network_sweep(const struct sc_net *net, struct sc_err *err);
/* Takes the leases; on failure none is kept. is_dry: none is taken, and the address is what a container might get. */
SC_MUST_CHECK int sc_endpoint_make(const struct sc_net *net, const struct sc_network *network,
                                   const struct sc_endpoint_ask *ask, bool is_dry, struct sc_arena *arena,
                                   struct sc_endpoint *out, struct sc_err *err);
/* "scv" and what an id begins with: the host's end of a link */
void sc_endpoint_link(const char *id, unsigned index, char out[SC_NET_LINK_MAX]);
/* Pure: the plan's part, and the undo text. */
SC_MUST_CHECK int sc_endpoint_packets(const struct sc_net *net, const struct sc_endpoint *endpoints, size_t count,
                                      const char *id, struct sc_arena *arena, struct sc_net_ask *out,
                                      struct sc_err *err);
/* ---- names.c: who answers a container's questions about names (monitor/names.h) */
bool sc_network_has_names(const struct sc_network *network); /* all but the default one, as in Docker */
/* Pure: the rules that lead there, for the container's network namespace. */
SC_MUST_CHECK int sc_names_packet(struct sc_arena *arena, struct sc_net_packet **out, struct sc_err *err);
/* Pure: a running container's link gets other rates: *make (NULL: nothing) before *set. If there is *make, the undo
 * operation that sc_net_rate_undo appends must have been written; it is to be run where there is no rate_out any more.
 */
SC_MUST_CHECK int sc_net_rate_change(const struct sc_endpoint *before, const struct sc_endpoint *after,
                                     struct sc_arena *arena, struct sc_net_packet **make, struct sc_net_packet **set,
                                     struct sc_err *err);
void sc_net_rate_undo(const struct sc_endpoint *endpoint, struct sc_buf *out);
/* Pure: the requests for default routes by this network, sent in the container's namespace; index_at: where its link's
 * index belongs, 0 where a gateway says enough. */
void sc_link_routes(const struct sc_network *network, struct sc_buf *out, size_t index_at[SC_FAMILIES]);
/* Pure: the removal of a link of macvlan or ipvlan, sent there too. */
void sc_link_sub_remove(const struct sc_endpoint *endpoint, struct sc_buf *out);
void sc_link_inside(const struct sc_endpoint *endpoint, char out[SC_NET_LINK_MAX]); /* "eth0" */
/* Takes a lease for each family that is asked for and that the container has, all of one number. out has room for
 * SC_FAMILIES more. Of one whose network others make the address is 0.0.0.0: no element of ours leads there. */
SC_MUST_CHECK int sc_lease_port(const struct sc_net *net, const char *id,
                                const struct sc_address addresses[SC_FAMILIES], const struct sc_port *port, bool is_dry,
                                struct sc_ports *out, struct sc_err *err);
void sc_lease_port_undo(const struct sc_net *net, const char *id, const struct sc_port *port, struct sc_buf *undo);
/* Who has the addresses of a network, by address: of both families one each for a container. */
struct sc_lease {
    struct sc_address address;
    unsigned char mac[6];
    unsigned index;
    char id[SC_ID_LEN + 1];
    char *names; /* separated by spaces */
};
struct sc_lease_list {
    struct sc_lease *items;
    size_t count;
};
SC_MUST_CHECK int sc_network_leases(const struct sc_net *net, const struct sc_network *network, struct sc_arena *arena,
                                    struct sc_lease_list *out, struct sc_err *err);
/* NULL: the container has none of this family. */
const struct sc_lease *sc_lease_find(const struct sc_lease_list *list, const char *id, enum sc_family family);
/* Without the port at [::] that is carried beside it: it could not be had. scratch: a name below <run> that is
 * nobody's. */
SC_MUST_CHECK int sc_lease_port_alone(const struct sc_net *net, const struct sc_port *beside, const char *scratch,
                                      struct sc_err *err);
/* The published ports of all containers, read from the leases: those of id only (NULL: all), by port, with those that
 * are carried beside others. */
SC_MUST_CHECK int sc_ports_of(const struct sc_net *net, const char *id, struct sc_arena *arena, struct sc_ports *out,
                              struct sc_err *err);
/* Those of id that lead to these addresses of it. */
SC_MUST_CHECK int sc_ports_to(const struct sc_net *net, const char *id, const struct sc_address addresses[SC_FAMILIES],
                              struct sc_arena *arena, struct sc_ports *out, struct sc_err *err);

/* ---- forward.c: who else drops what we forward */
struct sc_forward_drop {
    uint8_t family; /* NFPROTO_* */
    char table[64], chain[64];
    enum { SC_FORWARD_OTHER, SC_FORWARD_DOCKER, SC_FORWARD_UFW } whose; /* where such rules are told */
};
/* Whether a chain of another's drops what none of its rules allows, and no rule of its table speaks of the link. Tables
 * of the older iptables are not seen. */
bool sc_forward_is_dropped(const char *link, struct sc_forward_drop *out);

/* ---- cni.c: networks that plugins make. A state is one JSON object, kept by the caller; see cni.c */
struct json_t;
/* Found by name, and its plugins too: *state is {"conf", "path"}. */
SC_MUST_CHECK int sc_cni_load(const char *name, struct json_t **state, struct sc_err *err);
/* Whether one of its plugins has this capability: "portMappings", "mac", "ips". */
bool sc_cni_can(const struct json_t *state, const char *capability);
/* The network namespace of pid gets its link; state gets "result". On failure sc_cni_del is the caller's to call. */
SC_MUST_CHECK int sc_cni_add(struct json_t *state, pid_t pid, struct sc_err *err);
SC_MUST_CHECK int sc_cni_del(const struct json_t *state, struct sc_err *err);
struct sc_cni_address {
    const char *address, *gateway, *mac; /* in state; never NULL */
};
void sc_cni_result(const struct json_t *state, struct sc_cni_address *out);
/* resolv.conf, as the plugins say it; nothing where they name no server. */
void sc_cni_resolv(const struct json_t *state, struct sc_buf *out);

#endif
