/*
 * sc-ports: carries what comes to a published port at the host's IPv6 addresses to a container that has IPv4 only, as
 * Docker's userland proxy does. No rule can: nftables does not translate from one family to the other. All other
 * published ports are elements of a map, and no process is in their way.
 *
 *     client ──[::1]:8080──► sockets of the host ◄── sc-monitor, until somebody comes
 *                                  │                     │ starts, waits for its end
 *                                  └──► sc-ports ◄───────┘
 *                                          └──172.17.0.2:80──► container
 *
 * The sockets are made by the process that becomes the monitor (engine/network-carry.c), and an epoll(7) instance that
 * knows them. Who comes waits in the kernel. sc-monitor accepts nobody and reads nothing: it starts sc-ports, which
 * ends when it has nothing to carry for a while. So there is no process for a port, and none at all where nobody asks
 * by IPv6.
 *
 * Where a port leads is asked of its lease with each connection, and with each new client of udp: it may have gone on
 * to another network.
 *
 *   ports-main.c   the program: its walls, and its loop
 *   ports-carry.c  bytes on their way (tcp)
 *   ports-flow.c   datagrams (udp)
 *   ports-watch.c  sc-monitor's part
 *
 * Invariants: every byte from a socket is a stranger's, and is passed on unread. The process has no capability, no file
 * system but the directory of ports' leases, read-only, and only the system calls that it needs (kernel/jail.h).
 */
#ifndef SC_MONITOR_PORTS_H
#define SC_MONITOR_PORTS_H

#include <netinet/in.h>
#include <poll.h>

#include "base/base.h"

#define SC_CARRY_ROOM 16384 /* bytes of one direction that wait at most */
#define SC_CARRY_MAX  200   /* connections at once; others wait in the kernel */

/* What has come from one end and is to go to the other. */
struct sc_carry_half {
    unsigned char *data; /* SC_CARRY_ROOM */
    size_t at, len;
    bool has_ended, is_shut; /* no more comes; the other end knows */
};
/* ends[0] is the client, ends[1] the container; halves[i] comes from ends[i]. */
struct sc_carry {
    int ends[2]; /* -1: the slot is free */
    bool is_connecting;
    struct sc_carry_half halves[2];
};

/* "<id>/172.17.0.2/80" or ".../80/both", what a port's lease says; false: it is another container's, or leads to no
 * IPv4 address. */
bool sc_carry_target(const char *lease, const char *id, struct sockaddr_in *out);
/* Takes a client; false: the container is not to be reached, and the client is told by the end of its connection. */
bool sc_carry_begin(struct sc_carry *carry, int client_take, const struct sockaddr_in *target);
/* What it waits for: fd -1 where nothing is expected of an end. */
void sc_carry_wait(const struct sc_carry *carry, struct pollfd out[2]);
/* What poll(2) has said of both. The slot is free again once all is said. */
void sc_carry_event(struct sc_carry *carry, const struct pollfd polls[2]);
void sc_carry_end(struct sc_carry *carry);

#define SC_FLOW_MAX      256   /* clients of udp at once; one more takes the place of who was silent longest */
#define SC_DATAGRAM_ROOM 65536 /* none is larger */

struct sc_datagram {
    int sock; /* where it came */
    struct sockaddr_in6 client;
    struct in6_pktinfo at; /* the host's address that it was sent to; its answer comes from there */
    size_t len;
    unsigned char data[SC_DATAGRAM_ROOM];
};
struct sc_flow {
    int fd; /* to the container; -1: the slot is free */
    int sock;
    struct sockaddr_in6 client;
    struct in6_pktinfo at;
    int64_t last; /* when there was a datagram, on the monotonic clock */
};

/* Of those that wait at a socket of udp one; false: none waits. */
bool sc_datagram_receive(int sock, struct sc_datagram *out);
/* Its client's; NULL: it is new. */
struct sc_flow *sc_flow_find(struct sc_flow flows[SC_FLOW_MAX], const struct sc_datagram *datagram);
/* NULL: the container is not to be reached. */
struct sc_flow *sc_flow_begin(struct sc_flow flows[SC_FLOW_MAX], const struct sc_datagram *datagram,
                              const struct sockaddr_in *target);
void sc_flow_ask(struct sc_flow *flow, const struct sc_datagram *datagram, int64_t now);
/* room is for the answer, and loses what it held. */
void sc_flow_answer(struct sc_flow *flow, struct sc_datagram *room, int64_t now);
/* Ends those that were silent for long; milliseconds until there is a next one, -1: there is none left. */
int sc_flows_expire(struct sc_flow flows[SC_FLOW_MAX], int64_t now);

#endif
