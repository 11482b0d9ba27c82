/* What the host reaches already: a network of ours must not take it away. */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

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
        if (out->count == out->capacity) {
            size_t capacity = out->capacity ? out->capacity * 2 : 16;
            struct sc_subnet *items = SC_ARENA_ARRAY(out->arena, struct sc_subnet, capacity);

            if (!items)
                return; /* the arena remembers */
            if (out->count > 0)
                memcpy(items, out->items, out->count * sizeof(*items));
            out->items = items;
            out->capacity = capacity;
        }
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

static bool
ask_address(int sock, unsigned long what, const char *link, struct sc_address *out)
{
    struct ifreq ask = {.ifr_addr = {.sa_family = AF_INET}};
    struct sockaddr_in address;

    (void)snprintf(ask.ifr_name, sizeof(ask.ifr_name), "%s", link);
    if (ioctl(sock, what, &ask) < 0)
        return false;
    memcpy(&address, &ask.ifr_addr, sizeof(address));
    *out = sc_address_v4(ntohl(address.sin_addr.s_addr));
    return true;
}

bool
sc_host_address(const char *link, struct sc_address *address, struct sc_subnet *subnet)
{
    sc_cleanup_fd sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sc_address mask;

    if (sock < 0 || !ask_address(sock, SIOCGIFADDR, link, address) || !ask_address(sock, SIOCGIFNETMASK, link, &mask))
        return false;
    *subnet = (struct sc_subnet){.base = *address};
    for (size_t i = 0; i < mask.len; i++) {
        subnet->base.bytes[i] &= mask.bytes[i];
        subnet->prefix += (unsigned)__builtin_popcount(mask.bytes[i]);
    }
    return true;
}
