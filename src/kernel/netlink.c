/* Network devices into a namespace: rtnetlink(7), as little as that needs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/kernel.h"

#define REQUEST_MAX 1024
#define ANSWER_MAX  32768
#define LINKS_MAX   1024 /* devices of a namespace that are told apart */

struct request {
    union {
        struct nlmsghdr head;
        char room[REQUEST_MAX];
    };
};
typedef int (*answer_fn)(const struct nlmsghdr *message, void *data);

static void *
request_init(struct request *r, uint16_t type, uint16_t flags, size_t body_len)
{
    memset(r, 0, sizeof(*r));
    r->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(body_len);
    r->head.nlmsg_type = type;
    r->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    return NLMSG_DATA(&r->head);
}

static void
request_attr(struct request *r, uint16_t type, const void *data, size_t len)
{
    struct rtattr *attr = (void *)(r->room + NLMSG_ALIGN(r->head.nlmsg_len));

    if (NLMSG_ALIGN(r->head.nlmsg_len) + RTA_SPACE(len) > sizeof(r->room))
        return; /* no attribute of ours is that long */
    attr->rta_type = type;
    attr->rta_len = (unsigned short)RTA_LENGTH(len);
    memcpy(RTA_DATA(attr), data, len);
    r->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->head.nlmsg_len) + RTA_SPACE(len));
}

/* Sends, and gives each answer to fn (which may be NULL) until the acknowledgement or the end of a dump. 0 or -errno.
 */
static int
talk(int sock, struct request *r, answer_fn fn, void *data)
{
    _Alignas(struct nlmsghdr) char room[ANSWER_MAX];

    if (send(sock, r, r->head.nlmsg_len, 0) < 0)
        return -errno;
    for (;;) {
        ssize_t got = recv(sock, room, sizeof(room), 0);
        int left = (int)got;

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        for (struct nlmsghdr *m = (void *)room; NLMSG_OK(m, (unsigned)left); m = NLMSG_NEXT(m, left)) {
            int result = 0;

            if (m->nlmsg_type == NLMSG_ERROR)
                return ((const struct nlmsgerr *)NLMSG_DATA(m))->error;
            if (m->nlmsg_type == NLMSG_DONE)
                return 0;
            if (fn != NULL && (result = fn(m, data)) < 0)
                return result;
        }
    }
}

/* ---- what is asked and told ------------------------------------------------------------------------------- */

struct links {
    int items[LINKS_MAX];
    size_t count;
};

static int
add_link(const struct nlmsghdr *message, void *data)
{
    struct links *links = data;

    if (message->nlmsg_type != RTM_NEWLINK)
        return 0;
    if (links->count == LINKS_MAX)
        return -E2BIG;
    links->items[links->count++] = ((const struct ifinfomsg *)NLMSG_DATA(message))->ifi_index;
    return 0;
}

static int
list_links(int sock, struct links *out)
{
    struct request r;

    out->count = 0;
    (void)request_init(&r, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
    return talk(sock, &r, add_link, out);
}

/* The index of the device with this name, 0 when there is none, or -errno. */
static int
find_link(int sock, const char *name)
{
    struct links found = {.count = 0};
    struct request r;

    (void)request_init(&r, RTM_GETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
    request_attr(&r, IFLA_IFNAME, name, strlen(name) + 1);
    int result = talk(sock, &r, add_link, &found);
    if (result == -ENODEV)
        return 0;
    return result < 0 ? result : found.count > 0 ? found.items[0] : 0;
}

/* Addresses of one device, as the requests that make them again. */
struct addresses {
    int index;
    struct sc_arena *arena;
    struct request **items;
    size_t count, capacity;
};

static int
keep_address(const struct nlmsghdr *message, void *data)
{
    struct addresses *all = data;
    const struct ifaddrmsg *ifa = NLMSG_DATA(message);
    uint32_t flags = ifa->ifa_flags;
    struct request *r;
    int left = (int)IFA_PAYLOAD(message);

    if (message->nlmsg_type != RTM_NEWADDR || (int)ifa->ifa_index != all->index || ifa->ifa_scope != RT_SCOPE_UNIVERSE)
        return 0;
    if (all->count == all->capacity) {
        size_t capacity = all->capacity != 0 ? all->capacity * 2 : 8;
        struct request **items = SC_ARENA_ARRAY(all->arena, struct request *, capacity);

        if (items == NULL)
            return -ENOMEM;
        for (size_t i = 0; i < all->count; i++)
            items[i] = all->items[i];
        all->items = items;
        all->capacity = capacity;
    }
    r = SC_ARENA_NEW(all->arena, struct request);
    if (r == NULL)
        return -ENOMEM;
    memcpy(request_init(r, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(*ifa)), ifa, sizeof(*ifa));
    for (const struct rtattr *a = IFA_RTA(ifa); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == IFA_FLAGS)
            memcpy(&flags, RTA_DATA(a), sizeof(flags));
        /* the label holds the old name; how long it has been there is nobody's concern */
        if (a->rta_type != IFA_LABEL && a->rta_type != IFA_CACHEINFO)
            request_attr(r, a->rta_type, RTA_DATA(a), RTA_PAYLOAD(a));
    }
    if ((flags & IFA_F_PERMANENT) != 0)
        all->items[all->count++] = r;
    return 0;
}

static int
list_addresses(int sock, struct addresses *out)
{
    struct request r;

    (void)request_init(&r, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
    return talk(sock, &r, keep_address, out);
}

static int
move_link(int sock, int index, int netns_fd, const char *name)
{
    struct request r;
    struct ifinfomsg *link = request_init(&r, RTM_NEWLINK, NLM_F_ACK, sizeof(*link));

    link->ifi_index = index;
    request_attr(&r, IFLA_NET_NS_FD, &netns_fd, sizeof(netns_fd));
    request_attr(&r, IFLA_IFNAME, name, strlen(name) + 1);
    return talk(sock, &r, NULL, NULL);
}

static int
bring_up(int sock, int index)
{
    struct request r;
    struct ifinfomsg *link = request_init(&r, RTM_NEWLINK, NLM_F_ACK, sizeof(*link));

    link->ifi_index = index;
    link->ifi_flags = link->ifi_change = IFF_UP;
    return talk(sock, &r, NULL, NULL);
}

/* ---- the move ------------------------------------------------------------------------------------------------ */

/* A socket belongs to the network namespace that it was made in. */
static int
socket_in(int netns_fd, struct sc_err *err)
{
    sc_cleanup_fd own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int sock;

    if (own < 0)
        return sc_err_errno(err, errno, "open our network namespace");
    if (setns(netns_fd, CLONE_NEWNET) < 0)
        return sc_err_errno(err, errno, "enter the container's network namespace");
    sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (sock < 0)
        sc_err_errno(err, errno, "make a netlink socket");
    if (setns(own, CLONE_NEWNET) < 0)
        SC_BUG("our own network namespace is closed to us");
    return sock;
}

/* The device that is there now and was not before: a template's name is the kernel's choice. */
static int
find_new(int sock, const struct links *before)
{
    struct links now;
    int result = list_links(sock, &now);

    for (size_t i = 0; result == 0 && i < now.count; i++) {
        bool was_there = false;

        for (size_t k = 0; k < before->count; k++)
            was_there = was_there || before->items[k] == now.items[i];
        if (!was_there)
            return now.items[i];
    }
    return result < 0 ? result : -ENODEV;
}

static int
settle(int sock, int index, const struct addresses *addresses)
{
    int result = 0;

    for (size_t i = 0; i < addresses->count && result == 0; i++) {
        struct ifaddrmsg *ifa = NLMSG_DATA(&addresses->items[i]->head);

        ifa->ifa_index = (uint32_t)index;
        result = talk(sock, addresses->items[i], NULL, NULL);
    }
    return result < 0 ? result : bring_up(sock, index);
}

int
sc_net_device_move(const char *host_name, const char *name, int netns_fd, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct addresses addresses = {.arena = &arena};
    struct links before;
    sc_cleanup_fd here = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    sc_cleanup_fd there = here >= 0 ? socket_in(netns_fd, err) : -1;
    int result;

    if (here < 0)
        return sc_err_errno(err, errno, "make a netlink socket");
    if (there < 0)
        return -1;
    addresses.index = find_link(here, host_name);
    if (addresses.index <= 0)
        return sc_err_errno(err, addresses.index < 0 ? -addresses.index : ENODEV, "move network device \"%s\"",
                            host_name);
    /* the kernel would say so only after the move */
    if (strchr(name, '%') == NULL && find_link(there, name) != 0)
        return sc_err_set(err, SC_ERR_EXISTS, "move network device \"%s\": the container has a device \"%s\" already",
                          host_name, name);
    result = list_addresses(here, &addresses);
    if (result == 0)
        result = list_links(there, &before);
    if (result == 0)
        result = move_link(here, addresses.index, netns_fd, name);
    if (result == 0)
        result = find_new(there, &before);
    if (result > 0)
        result = settle(there, result, &addresses);
    return result < 0 ? sc_err_errno(err, -result, "move network device \"%s\" as \"%s\"", host_name, name) : 0;
}
