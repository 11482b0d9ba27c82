/* A packet of netlink requests that a plan holds: what is known only now is filled in, and it is sent. Called by the
 * launcher, by the container's first process and for network connect. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "kernel/nlmsg.h"
#include "runtime/launch-priv.h"

#define TAKEN_TRIES    2000 /* two seconds */
#define TAKEN_PAUSE_NS 1000000L

static int
fill_index(struct sc_net_packet *packet, size_t at, const char *link)
{
    uint32_t index = sc_nl_link_index(link);

    if (index == 0)
        return -ENODEV;
    memcpy(packet->data + at, &index, sizeof(index));
    return 0;
}

/* An element that leads elsewhere is EBUSY or EEXIST, as the kernel's version has it; of a link that is EEXIST which
 * the packet itself has made. */
static bool
is_taken(const struct sc_net_packet *packet, int result)
{
    return result == -EBUSY || result == -EADDRINUSE || (result == -EEXIST && packet->family == NETLINK_NETFILTER);
}

/* number: what pid_at is for. */
static int
fill_and_send(struct sc_net_packet *packet, uint32_t number, int tolerated)
{
    const struct timespec pause = {.tv_nsec = TAKEN_PAUSE_NS};
    int result = 0;

    if (packet->pid_at != 0)
        memcpy(packet->data + packet->pid_at, &number, sizeof(number));
    for (size_t i = 0; i < SC_NET_INDEXES && result == 0; i++) {
        if (packet->index_at[i] != 0)
            result = fill_index(packet, packet->index_at[i], packet->index_of);
    }
    for (size_t i = 0; i < packet->fill_count && result == 0; i++)
        result = fill_index(packet, packet->fills[i].at, packet->fills[i].link);
    if (result < 0)
        return result;
    result = sc_nl_send(packet->family, packet->data, packet->len, tolerated);
    for (int i = 0; i < TAKEN_TRIES && packet->waits_if_taken && is_taken(packet, result); i++) {
        (void)nanosleep(&pause, NULL);
        result = sc_nl_send(packet->family, packet->data, packet->len,
                            packet->family == NETLINK_NETFILTER ? tolerated : EEXIST);
    }
    return result;
}

int
sc_packet_send(struct sc_net_packet *packet, pid_t pid, int tolerated)
{
    return fill_and_send(packet, (uint32_t)pid, tolerated);
}

int
sc_packet_send_to(struct sc_net_packet *packet, int ns_fd, int tolerated)
{
    struct nlattr attr;

    if (packet->pid_at != 0) {
        char *head = packet->data + packet->pid_at - NLA_HDRLEN;

        memcpy(&attr, head, sizeof(attr));
        attr.nla_type = IFLA_NET_NS_FD;
        memcpy(head, &attr, sizeof(attr));
    }
    return fill_and_send(packet, (uint32_t)ns_fd, tolerated);
}
