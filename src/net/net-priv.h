#ifndef SC_NET_PRIV_H
#define SC_NET_PRIV_H

#include "kernel/nlmsg.h"
#include "net/net.h"

#define SC_NET_DIR       "network"
#define SC_LEASE_NET     "lease/net"
#define SC_LEASE_PORT    "lease/port"
#define SC_LEASE_KEY_MAX SC_NET_PORT_KEY_MAX

/* ---- record.c */
SC_MUST_CHECK int sc_network_decode(const char *text, size_t len, struct sc_arena *arena, struct sc_network *out,
                                    struct sc_err *err);
SC_MUST_CHECK int sc_network_encode(const struct sc_network *network, struct sc_buf *out, struct sc_err *err);

/* ---- driver.c: pure */
SC_MUST_CHECK int sc_net_driver_parse(const char *text, enum sc_net_driver *out, struct sc_err *err);
/* "mtu=1400", "parent=eth0", into *out, whose driver is known */
SC_MUST_CHECK int sc_net_option_apply(const char *option, struct sc_arena *arena, struct sc_network *out,
                                      struct sc_err *err);

/* ---- network-list.c */
/* The directory, made where it is not there; locked: until it is closed nobody makes or removes a network. */
SC_MUST_CHECK int sc_network_dir(const struct sc_net *net, bool is_locked, struct sc_err *err);
SC_MUST_CHECK int sc_network_read(int dir_fd, const char *file, struct sc_arena *arena, struct sc_network *out,
                                  struct sc_err *err);
/* What sc_network_read failed with says that it is no record; else it could not be read now, or is not there. */
bool sc_network_is_damage(const struct sc_err *why);
/* Of an open directory, by name. */
SC_MUST_CHECK int sc_network_list_in(int dir_fd, struct sc_arena *arena, struct sc_network_list *out,
                                     struct sc_err *err);

/* ---- network-ask.c: pure: from what was asked, without subnet where none was given */
SC_MUST_CHECK int sc_network_resolve(const struct sc_network_ask *ask, struct sc_arena *arena, struct sc_network *out,
                                     struct sc_err *err);

/* Pure: `reserved` from `aux` */
SC_MUST_CHECK int sc_network_reserve(struct sc_network *network, struct sc_arena *arena, struct sc_err *err);

/* ---- route.c: the destinations of the host's routes, but for the default one */
struct sc_subnets {
    struct sc_subnet *items;
    size_t count, capacity;
    struct sc_arena *arena;
};
/* The first IPv4 address of a link, and its subnet; false: it has none. */
bool sc_host_address(const char *link, struct sc_address *address, struct sc_subnet *subnet);
SC_MUST_CHECK int sc_host_routes(struct sc_arena *arena, struct sc_subnets *out, struct sc_err *err);

/* ---- link.c: pure encoders of rtnetlink requests */
void sc_link_bridge(const struct sc_network *network, struct sc_buf *out);
void sc_link_bridge_up(const struct sc_network *network, unsigned index, struct sc_buf *out);
struct sc_link_offsets {
    size_t pid_at;
    size_t index_at[SC_NET_INDEXES]; /* all of one interface */
};
/* The kernel is told that the host's end has no address of IPv6. */
bool sc_link_is_told(const struct sc_endpoint *endpoint);
void sc_link_veth(const struct sc_endpoint *endpoint, struct sc_buf *out, struct sc_link_offsets *at);
void sc_link_address(const struct sc_endpoint *endpoint, struct sc_buf *out, struct sc_link_offsets *at);
/* The link-local address that the kernel makes of a MAC (RFC 4291, appendix A). */
struct sc_address sc_link_local(const unsigned char mac[6]);

/* ---- bridge.c */
bool sc_bridge_is_up(const struct sc_network *network);
SC_MUST_CHECK int sc_bridge_make(const struct sc_network *network, struct sc_err *err);
/* Of the families that the network has. */
SC_MUST_CHECK int sc_forwarding_on(const struct sc_network *network, struct sc_err *err);

/* ---- loop.c: how ::1 reaches published ports */
#define SC_LOOP_OUT "sclo0"
#define SC_LOOP_IN  "sclo1"
extern const struct sc_address sc_loop_address;
SC_MUST_CHECK int sc_loop_up(struct sc_err *err); /* once for all networks */
bool sc_loop_is_up(void);
void sc_loop_down(void);
void sc_loop_shell(struct sc_buf *out);

/* ---- sublink.c: macvlan and ipvlan */
void sc_link_sub(const struct sc_endpoint *endpoint, struct sc_buf *out, struct sc_link_offsets *at);
void sc_link_sub_shell(const struct sc_endpoint *endpoint, struct sc_buf *out);
/* Its bridge, or a parent that we have made */
bool sc_network_owns_link(const struct sc_network *network);
SC_MUST_CHECK int sc_network_parent_up(const struct sc_network *network, struct sc_err *err);

/* ---- rate.c: pure */
struct sc_net_rate_packet {
    struct sc_buf *data;
    struct sc_net_fill fills[SC_NET_FILLS_MAX];
    size_t fill_count;
};
void sc_net_rate_link(const struct sc_endpoint *endpoint, char out[SC_NET_LINK_MAX]); /* "scr<id>" */
void sc_net_rate_make(const struct sc_endpoint *endpoint, struct sc_buf *out);
/* The limits themselves, made or changed; the way of what the container sends to its limit; and either taken away.
 * Names of links must live as long as the packet. */
void sc_net_rate_set(const struct sc_endpoint *endpoint, const char *ifb, struct sc_net_rate_packet *out,
                     struct sc_buf *shell);
void sc_net_rate_redirect(const struct sc_endpoint *endpoint, const char *ifb, struct sc_net_rate_packet *out,
                          struct sc_buf *shell);
void sc_net_rate_clear(struct sc_net_rate_packet *out, const char *link, bool is_ingress);

/* ---- sysctl.c */
/* Sets a kernel parameter of this network namespace, unless it has the value. */
SC_MUST_CHECK int sc_net_switch(const char *path, const char *value, struct sc_err *err);

/* ---- packet.c: NULL without memory */
struct sc_net_packet *sc_packet_of(struct sc_arena *arena, int family, const char *title, const char *shell,
                                   const struct sc_buf *data);

/* ---- endpoint-shell.c: what ip and nft would be told so that the network is there: sc_network_up in their words */
void sc_network_shell(const struct sc_network *network, struct sc_buf *out);

/* ---- firewall.c: table inet sc */
extern const char sc_firewall_text[], sc_guard_text[]; /* firewall-text.c: the same table, empty, as nft(8) reads it */
/* Pure: one transaction that replaces the table, whatever it was. */
void sc_firewall_encode(const struct sc_network_list *networks, const struct sc_ports *ports,
                        const struct sc_address *targets, struct sc_buf *out);
/* Its elements of the sets: added or deleted */
void sc_firewall_network(const struct sc_network *network, bool is_new, struct sc_buf *out);
/* Takes the network out of the table. Not by making that again: its other elements may be another data root's. */
SC_MUST_CHECK int sc_firewall_forget(const struct sc_network *network, struct sc_err *err);
/* address: the container's */
void sc_firewall_add_port(const struct sc_port *port, const struct sc_address *address, struct sc_buf *out);
/* "ports", "ports_at6".. */
const char *sc_firewall_map(const struct sc_port *port);
/* Map and key of a port, and what it leads to, as undo.c wants them: "ports 06000000... ac110002..." */
void sc_firewall_undo(const struct sc_port *port, const struct sc_address *address, struct sc_buf *out);
/* Makes the table again where it, or its rules, are gone. */
/* *is_guarded: there is a table bridge sc, which not every kernel can have. */
SC_MUST_CHECK int sc_firewall_ensure(const struct sc_net *net, bool *is_guarded, struct sc_err *err);

/* ---- guard.c: table bridge sc. Pure. */
const char *sc_guard_set(size_t i); /* names of its sets; NULL: no more */
void sc_guard_add(const char *link, const unsigned char mac[6], const struct sc_address *address, struct sc_buf *out);
/* The n-th of its elements as nft(8) is told of it ("owners '{ .. }'"), and as undo.c is; false: there is none. */
bool sc_guard_shell(size_t n, const char *link, const unsigned char mac[6], const struct sc_address *address,
                    struct sc_buf *out);
bool sc_guard_key(size_t n, const char *link, const unsigned char mac[6], const struct sc_address *address,
                  struct sc_buf *out);
void sc_guard_table(struct sc_buf *out); /* replaces it, without elements */

/* ---- lease.c */
#define SC_LEASE_TARGET_MAX (SC_ID_LEN + SC_NET_NAMES_MAX + SC_NET_ADDRESS_MAX + 32)
/* Of the directory of leases `path` below <run>, made if need be. */
SC_MUST_CHECK int sc_leases_open(const struct sc_net *net, const char *path, struct sc_err *err);
/* Takes the lease, from an owner who is dead if need be: 1; 0: it is somebody's, whose id is in owner; -1. */
SC_MUST_CHECK int sc_lease_take(const struct sc_net *net, int dir, const char *name, const char *target,
                                char owner[SC_ID_LEN + 1], struct sc_err *err);
/* mac: NULL where the address says it */
SC_MUST_CHECK int sc_lease_address(const struct sc_net *net, const struct sc_network *network, enum sc_family family,
                                   const struct sc_endpoint_ask *ask, const char *mac, bool is_dry,
                                   struct sc_address *out, struct sc_err *err);
/* Pure: the first address of the range that is neither taken nor reserved nor subnet, broadcast or gateway; false:
 * none. taken: sorted. */
bool sc_address_choose(const struct sc_network *network, enum sc_family family, const struct sc_address *taken,
                       size_t count, struct sc_address *out);
bool sc_address_nth(const struct sc_network *network, enum sc_family family, size_t n, struct sc_address *out);

/* ---- port-lease.c */
void sc_port_key(const struct sc_port *port, char out[SC_LEASE_KEY_MAX]);
bool sc_port_key_parse(const char *key, struct sc_port *out);
/* "<id>/ADDRESS/PORT[/both]", what a lease says: the address, out->port and ->has_beside */
bool sc_port_target_parse(const char *target, struct sc_address *address, struct sc_port *out);
/* As sc_ports_of, with the address that each leads to. */
SC_MUST_CHECK int sc_port_leases(const struct sc_net *net, const char *id, struct sc_arena *arena, struct sc_ports *out,
                                 struct sc_address **targets, struct sc_err *err);
void sc_endpoint_release(const struct sc_net *net, const struct sc_endpoint *endpoint, const char *id);

#endif
