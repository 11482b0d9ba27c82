/* sc-ports EPOLL ID LEASES "FD KEY\n..": see ports.h. Started by sc-monitor, never by hand: EPOLL and FD are numbers of
 * descriptors, LEASES the directory of ports' leases, KEY the name of the lease that says where a socket leads. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/jail.h"
#include "kernel/kernel.h"
#include "monitor/monitor.h"
#include "monitor/ports.h"

#define IDLE_MS    30000 /* without a connection, or a client of udp */
#define EVENTS_MAX 16
#define LEASE_MAX  256
#define TURN_MAX   64 /* datagrams of one socket before others have their turn */

struct ports {
    int epoll_fd, udp_fd, leases; /* udp_fd: an epoll(7) of the sockets of udp, for when no connection can be taken */
    const char *id;
    struct {
        int fd;
        bool is_udp;
        const char *key;
    } sockets[SC_PORTS_MAX];
    size_t socket_count;
    struct sc_carry carries[SC_CARRY_MAX];
    size_t carry_count;
    struct sc_flow flows[SC_FLOW_MAX];
    struct sc_datagram datagram;
};

/* As it is now. */
static bool
find_target(const struct ports *ports, int fd, struct sockaddr_in *out)
{
    char lease[LEASE_MAX];

    for (size_t i = 0; i < ports->socket_count; i++) {
        ssize_t len = ports->sockets[i].fd == fd
                          ? readlinkat(ports->leases, ports->sockets[i].key, lease, sizeof(lease) - 1)
                          : -1;

        if (len < 0)
            continue;
        lease[len] = '\0';
        return sc_carry_target(lease, ports->id, out);
    }
    return false;
}

static struct sc_carry *
free_slot(struct ports *ports)
{
    for (size_t i = 0; i < SC_CARRY_MAX; i++) {
        if (ports->carries[i].ends[0] < 0)
            return &ports->carries[i];
    }
    return NULL;
}

/* All who wait at one socket, as far as there is room. */
static void
take(struct ports *ports, int fd)
{
    struct sc_carry *slot;

    while ((slot = free_slot(ports)) != NULL) {
        struct sockaddr_in target;
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (client < 0)
            return;
        if (!find_target(ports, fd, &target))
            (void)close(client);
        else if (sc_carry_begin(slot, client, &target))
            ports->carry_count++;
    }
}

static void
ask(struct ports *ports, int fd, int64_t now)
{
    for (int i = 0; i < TURN_MAX && sc_datagram_receive(fd, &ports->datagram); i++) {
        struct sc_flow *flow = sc_flow_find(ports->flows, &ports->datagram);
        struct sockaddr_in target;

        if (!flow && find_target(ports, fd, &target))
            flow = sc_flow_begin(ports->flows, &ports->datagram, &target);
        if (flow)
            sc_flow_ask(flow, &ports->datagram, now);
    }
}

static bool
is_udp(const struct ports *ports, int fd)
{
    for (size_t i = 0; i < ports->socket_count; i++) {
        if (ports->sockets[i].fd == fd)
            return ports->sockets[i].is_udp;
    }
    return false;
}

static void
take_all(struct ports *ports, int epoll_fd, int64_t now)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(epoll_fd, events, EVENTS_MAX, 0);

    for (int i = 0; i < count; i++) {
        if (is_udp(ports, events[i].data.fd))
            ask(ports, events[i].data.fd, now);
        else
            take(ports, events[i].data.fd);
    }
}

/* Until nobody has come for a while; who comes now waits for the next of us. */
static void
serve(struct ports *ports)
{
    static struct pollfd polls[1 + 2 * SC_CARRY_MAX + SC_FLOW_MAX];
    struct pollfd *const carries = polls + 1, *const flows = carries + (size_t)2 * SC_CARRY_MAX;

    for (;;) {
        int wait = sc_flows_expire(ports->flows, sc_time_monotonic()), ready;
        bool is_idle = wait < 0 && ports->carry_count == 0;

        polls[0] = (struct pollfd){.fd = ports->carry_count < SC_CARRY_MAX ? ports->epoll_fd : ports->udp_fd,
                                   .events = POLLIN};
        for (size_t i = 0; i < SC_CARRY_MAX; i++)
            sc_carry_wait(&ports->carries[i], &carries[2 * i]);
        for (size_t i = 0; i < SC_FLOW_MAX; i++)
            flows[i] = (struct pollfd){.fd = ports->flows[i].fd, .events = POLLIN};
        ready = poll(polls, SC_ARRAY_LEN(polls), is_idle ? IDLE_MS : wait);
        if (ready == 0 && is_idle)
            return;
        for (size_t i = 0; i < SC_CARRY_MAX && ready > 0; i++) {
            struct sc_carry *carry = &ports->carries[i];

            if (!carries[2 * i].revents && !carries[2 * i + 1].revents)
                continue;
            sc_carry_event(carry, &carries[2 * i]);
            ports->carry_count -= carry->ends[0] < 0;
        }
        for (size_t i = 0; i < SC_FLOW_MAX && ready > 0; i++) {
            if (flows[i].revents)
                sc_flow_answer(&ports->flows[i], &ports->datagram, sc_time_monotonic());
        }
        if (polls[0].revents)
            take_all(ports, polls[0].fd, sc_time_monotonic());
    }
}

/* "7 tcp,0.0.0.0,8080" lines, ours to change. */
static void
read_sockets(char *text, struct ports *out)
{
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line && out->socket_count < SC_PORTS_MAX;
         line = strtok_r(NULL, "\n", &save)) {
        char *key = NULL;

        out->sockets[out->socket_count].fd = (int)strtol(line, &key, 10);
        if (*key != ' ')
            continue;
        out->sockets[out->socket_count].is_udp = sc_str_starts(key + 1, "udp,");
        out->sockets[out->socket_count++].key = key + 1;
    }
}

static int
watch_udp(struct ports *ports)
{
    ports->udp_fd = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < ports->socket_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = ports->sockets[i].fd};

        if (ports->sockets[i].is_udp && epoll_ctl(ports->udp_fd, EPOLL_CTL_ADD, event.data.fd, &event) < 0)
            return -1;
    }
    return ports->udp_fd;
}

int
main(int argc, char **argv)
{
    static struct ports ports;
    struct sc_err err = SC_ERR_INIT;

    if (argc != 5 || strlen(argv[2]) != SC_ID_LEN) {
        (void)dprintf(STDERR_FILENO, "sc-ports: it is started by sc-monitor, not by hand\n");
        return 125;
    }
    (void)prctl(PR_SET_NAME, "sc-ports");
    ports.epoll_fd = (int)strtol(argv[1], NULL, 10);
    ports.id = argv[2];
    for (size_t i = 0; i < SC_CARRY_MAX; i++)
        ports.carries[i].ends[0] = ports.carries[i].ends[1] = -1;
    for (size_t i = 0; i < SC_FLOW_MAX; i++)
        ports.flows[i].fd = -1;
    read_sockets(argv[4], &ports);
    ports.leases = sc_mount_dir_open(argv[3]);
    if (ports.leases < 0 || watch_udp(&ports) < 0 || sc_jail_enter(SC_JAIL_HAS_NET, 0, &err) < 0)
        return 125;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(&ports);
    _exit(0);
}
