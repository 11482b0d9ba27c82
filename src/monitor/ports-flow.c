/* Datagrams of a published udp port, from a client of IPv6 to the container and back. Each client has a socket of its
 * own towards the container, so that answers are told apart, until neither has said anything for a while. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/ports.h"

#define FLOW_NS INT64_C(90000000000) /* without a datagram; as Docker's userland proxy */
#define MS_NS   INT64_C(1000000)

union control {
    struct cmsghdr head;
    unsigned char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

bool
sc_datagram_receive(int sock, struct sc_datagram *out)
{
    union control control;
    struct iovec data = {.iov_base = out->data, .iov_len = sizeof(out->data)};
    struct msghdr message = {.msg_name = &out->client,
                             .msg_namelen = sizeof(out->client),
                             .msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t got = recvmsg(sock, &message, MSG_DONTWAIT);

    if (got < 0)
        return false;
    out->sock = sock;
    out->len = (size_t)got;
    memset(&out->at, 0, sizeof(out->at));
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
            memcpy(&out->at, CMSG_DATA(c), sizeof(out->at));
    }
    /* Only an address of a link needs one; else the host's routes say where the answer goes. */
    if (!IN6_IS_ADDR_LINKLOCAL(&out->at.ipi6_addr))
        out->at.ipi6_ifindex = 0;
    return true;
}

struct sc_flow *
sc_flow_find(struct sc_flow flows[SC_FLOW_MAX], const struct sc_datagram *datagram)
{
    for (size_t i = 0; i < SC_FLOW_MAX; i++) {
        struct sc_flow *flow = &flows[i];

        if (flow->fd >= 0 && flow->sock == datagram->sock && flow->client.sin6_port == datagram->client.sin6_port &&
            flow->client.sin6_scope_id == datagram->client.sin6_scope_id &&
            IN6_ARE_ADDR_EQUAL(&flow->client.sin6_addr, &datagram->client.sin6_addr) &&
            IN6_ARE_ADDR_EQUAL(&flow->at.ipi6_addr, &datagram->at.ipi6_addr))
            return flow;
    }
    return NULL;
}

struct sc_flow *
sc_flow_begin(struct sc_flow flows[SC_FLOW_MAX], const struct sc_datagram *datagram, const struct sockaddr_in *target)
{
    sc_cleanup_fd sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sc_flow *slot = &flows[0];

    if (sock < 0 || connect(sock, (const struct sockaddr *)target, sizeof(*target)) < 0)
        return NULL;
    for (size_t i = 0; i < SC_FLOW_MAX && slot->fd >= 0; i++) {
        if (flows[i].fd < 0 || flows[i].last < slot->last)
            slot = &flows[i];
    }
    sc_closep(&slot->fd);
    *slot = (struct sc_flow){
        .fd = sc_steal_fd(&sock), .sock = datagram->sock, .client = datagram->client, .at = datagram->at};
    return slot;
}

void
sc_flow_ask(struct sc_flow *flow, const struct sc_datagram *datagram, int64_t now)
{
    flow->last = now;
    /* Once more where what came before was refused: the kernel says that with the next call. */
    if (send(flow->fd, datagram->data, datagram->len, MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED)
        (void)!send(flow->fd, datagram->data, datagram->len, MSG_NOSIGNAL);
}

void
sc_flow_answer(struct sc_flow *flow, struct sc_datagram *room, int64_t now)
{
    union control control;
    ssize_t got = recv(flow->fd, room->data, sizeof(room->data), 0);
    struct iovec data = {.iov_base = room->data, .iov_len = got < 0 ? 0 : (size_t)got};
    struct msghdr message = {.msg_name = &flow->client,
                             .msg_namelen = sizeof(flow->client),
                             .msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};

    if (got < 0) /* nobody listens there, or not yet */
        return;
    memset(&control, 0, sizeof(control));
    control.head =
        (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(flow->at)), .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO};
    memcpy(CMSG_DATA(&control.head), &flow->at, sizeof(flow->at));
    flow->last = now;
    (void)!sendmsg(flow->sock, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int
sc_flows_expire(struct sc_flow flows[SC_FLOW_MAX], int64_t now)
{
    int64_t least = -1;

    for (size_t i = 0; i < SC_FLOW_MAX; i++) {
        int64_t left = flows[i].last + FLOW_NS - now;

        if (flows[i].fd < 0)
            continue;
        if (left <= 0)
            sc_closep(&flows[i].fd);
        else if (least < 0 || left < least)
            least = left;
    }
    return least < 0 ? -1 : (int)(least / MS_NS) + 1;
}
