/* Sockets for published ports at the host's IPv6 addresses of a container that has IPv4 only: see monitor/ports.h. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define BACKLOG 128

/* A socket of IPv6 alone: 0.0.0.0 is the firewall's. -1: errno says why. */
static int
listen_at(const struct sc_port *port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port->host_port)};
    bool is_udp = port->proto == IPPROTO_UDP;
    sc_cleanup_fd sock = socket(AF_INET6, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;

    memcpy(&address.sin6_addr, port->host_address.bytes, sizeof(address.sin6_addr));
    /* IPV6_RECVPKTINFO: an answer comes from the address that was asked */
    if (sock < 0 || setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0 ||
        (is_udp ? setsockopt(sock, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on))
                : setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on))) < 0 ||
        bind(sock, (const struct sockaddr *)&address, sizeof(address)) < 0 || (!is_udp && listen(sock, BACKLOG) < 0))
        return -1;
    return sc_steal_fd(&sock);
}

static int
refused(const struct sc_port *port, struct sc_err *err)
{
    int cause = errno;
    const char *proto = sc_proto_name(port->proto);
    char host[SC_NET_ADDRESS_MAX + 2];

    sc_address_format_host(&port->host_address, host);
    if (cause == EADDRINUSE)
        return sc_err_set(err, SC_ERR_EXISTS, "publish port %s:%u/%s: address already in use by a program of the host",
                          host, port->host_port, proto);
    if (cause == EADDRNOTAVAIL)
        return sc_err_set(err, SC_ERR_INVALID,
                          "publish port %s:%u/%s: cannot assign requested address: no link of the host has it", host,
                          port->host_port, proto);
    return sc_err_errno(err, cause, "publish port %s:%u/%s", host, port->host_port, proto);
}

/* It is not there, so it is not shown. */
static int
be_alone(struct sc_engine *engine, const char *id, const struct sc_port *beside, struct sc_err *err)
{
    char scratch[sizeof("container//lease") + SC_ID_LEN];
    struct sc_net net;

    sc_engine_net(engine, &net);
    (void)snprintf(scratch, sizeof(scratch), "container/%s/lease", id);
    return sc_lease_port_alone(&net, beside, scratch, err);
}

static int
add(struct sc_engine *engine, const char *id, struct sc_carried *out, const struct sc_port *port, bool is_beside,
    struct sc_buf *lines, struct sc_err *err)
{
    struct epoll_event event = {.events = EPOLLIN};
    char key[SC_NET_PORT_KEY_MAX];
    sc_cleanup_fd sock = -1;

    if (out->count == SC_PORTS_MAX)
        return is_beside ? be_alone(engine, id, port, err)
                         : sc_err_set(err, SC_ERR_INVALID,
                                      "a container without IPv6 can have %d ports at addresses of IPv6", SC_PORTS_MAX);
    sock = listen_at(port);
    /* Nobody asked for it by name: a host without IPv6, or a program of the host that is there already, may be. */
    if (sock < 0)
        return is_beside ? be_alone(engine, id, port, err) : refused(port, err);
    if (out->epoll_fd < 0)
        out->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    event.data.fd = sock;
    if (out->epoll_fd < 0 || epoll_ctl(out->epoll_fd, EPOLL_CTL_ADD, sock, &event) < 0)
        return sc_err_errno(err, errno, "wait for connections to port %u", port->host_port);
    sc_port_carried_key(port, is_beside, key);
    sc_buf_addf(lines, "\n%d %s", sock, key);
    out->fds[out->count++] = sc_steal_fd(&sock);
    return 0;
}

int
sc_carry_listen(struct sc_engine *engine, const struct sc_inputs *in, struct sc_arena *arena, struct sc_carried *out,
                struct sc_err *err)
{
    sc_cleanup_buf lines = SC_BUF_INIT;
    const char *id = in->container->id;
    char *program = NULL;

    for (size_t i = 0; i < in->endpoint_count; i++) {
        const struct sc_endpoint *e = &in->endpoints[i];

        for (size_t k = 0; k < e->ports.count; k++) {
            if (sc_port_is_carried(e, &e->ports.items[k]) &&
                add(engine, id, out, &e->ports.items[k], false, &lines, err) < 0)
                return -1;
        }
        for (size_t k = 0; k < e->beside.count; k++) {
            if (add(engine, id, out, &e->beside.items[k], true, &lines, err) < 0)
                return -1;
        }
    }
    if (out->count == 0)
        return 0;
    if (sc_engine_program("sc-ports", arena, &program, err) < 0 || sc_buf_check(&lines, err) < 0)
        return -1;
    out->lines = sc_arena_printf(arena, "%s\n%s/lease/port%s", program, engine->run_path, sc_buf_str(&lines));
    return out->lines ? 0 : sc_err_nomem(err);
}

int
sc_carry_connected(struct sc_engine *engine, const char *id, const struct sc_endpoint *endpoint, struct sc_err *err)
{
    for (size_t i = 0; i < endpoint->beside.count; i++) {
        const struct sc_port *port = &endpoint->beside.items[i];
        sc_cleanup_fd sock = listen_at(port);

        if (sock >= 0 && be_alone(engine, id, port, err) < 0)
            return -1;
    }
    return 0;
}
