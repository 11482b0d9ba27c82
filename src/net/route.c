/* What the host reaches already: a network of ours must not take it away. */
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "net/net-priv.h"

static void
keep(const void *message, void *user)
{
    const struct nlmsghdr *head = message;
    struct rtmsg *route = NLMSG_DATA(head);
    struct sc_subnets *out = user;
    int left = (int)RTM_PAYLOAD(head);
    unsigned char len = route->rtm_family == AF_INET6 ? 16 : 4;

    if (head->nlmsg_type != RTM_NEWROUTE || (route->rtm_family != AF_INET && route->rtm_family != AF_INET6) ||
        route->rtm_dst_len == 0 || route->rtm_table == RT_TABLE_LOCAL)
        return;
    for (struct rtattr *a = RTM_RTA(route); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        struct sc_address base = {.len = len};

        if (a->rta_type != RTA_DST || RTA_PAYLOAD(a) < len)
            continue;
        memcpy(base.bytes, RTA_DATA(a), len);
        struct sc_subnet *items = sc_arena_grow(out->arena, out->items, out->count, &out->capacity, sizeof(*items), 16);
        if (!items)
            return; /* the arena remembers */
        out->items = items;
        out->items[out->count++] = (struct sc_subnet){.base = base, .prefix = route->rtm_dst_len};
    }
}

int
sc_host_routes(struct sc_arena *arena, struct sc_subnets *out, struct sc_err *err)
{
    struct rtmsg body = {.rtm_family = AF_UNSPEC};
    sc_cleanup_buf request = SC_BUF_INIT;
    int result;

    *out = (struct sc_subnets){.arena = arena};
    sc_nl_end(&request, sc_nl_begin(&request, RTM_GETROUTE, NLM_F_DUMP, &body, sizeof(body)));
    if (sc_buf_check(&request, err) < 0)
        return -1;
    result = sc_nl_dump(NETLINK_ROUTE, request.data, request.len, keep, out);
    if (result < 0)
        return sc_err_errno(err, -result, "list the host's routes");
    return sc_arena_check(arena, err);
}

struct first {
    unsigned index; /* of the link */
    bool is_there;
    struct ifaddrmsg body;
    struct sc_address address;
};

static void
keep_first(const void *message, void *user)
{
    const struct nlmsghdr *head = message;
    struct ifaddrmsg *body = NLMSG_DATA(head);
    struct first *out = user;
    int left = (int)IFA_PAYLOAD(head);

    if (head->nlmsg_type != RTM_NEWADDR || body->ifa_family != AF_INET || body->ifa_index != out->index ||
        (body->ifa_flags & IFA_F_SECONDARY) != 0 || out->is_there)
        return;
    for (struct rtattr *a = IFA_RTA(body); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type != IFA_LOCAL || RTA_PAYLOAD(a) != 4)
            continue;
        out->address.len = 4;
        memcpy(out->address.bytes, RTA_DATA(a), 4);
        out->body = *body;
        out->is_there = true;
    }
}

/* By a dump: the ioctls for it wait while any link of the host comes or goes. */
bool
sc_host_address(const char *link, struct sc_address *address, struct sc_subnet *subnet)
{
    struct first first = {.index = sc_nl_link_index(link)};
    struct ifaddrmsg body = {.ifa_family = AF_INET, .ifa_index = first.index};
    sc_cleanup_buf request = SC_BUF_INIT;

    if (first.index == 0)
        return false;
    sc_nl_end(&request, sc_nl_begin(&request, RTM_GETADDR, NLM_F_DUMP, &body, sizeof(body)));
    if (request.has_failed || sc_nl_dump_strict(NETLINK_ROUTE, request.data, request.len, keep_first, &first) < 0 ||
        !first.is_there)
        return false;
    *address = first.address;
    *subnet = (struct sc_subnet){.base = *address, .prefix = first.body.ifa_prefixlen};
    for (unsigned i = 0; i < 32; i++) {
        if (i >= subnet->prefix)
            subnet->base.bytes[i / 8] &= (unsigned char)~(0x80U >> i % 8);
    }
    return true;
}
