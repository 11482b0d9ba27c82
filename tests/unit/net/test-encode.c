/* Requests as the kernel reads them: lengths, nesting, what is filled in later. */
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netinet/in.h>

#include "net/net-priv.h"
#include "test.h"

static struct sc_err err;
static const char made_id[] = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

static struct sc_address
address(const char *text)
{
    struct sc_address out;

    assert_ok(sc_address_parse(text, &out, &err));
    return out;
}

static struct sc_endpoint
endpoint(void)
{
    static char name[] = "web", bridge[] = "sc-0123456789ab";
    struct sc_endpoint e = {.link = "scv0123456789ab", .has_route = true};
    struct sc_pool *pool = &e.network.pools[SC_V4];

    assert_ok(sc_subnet_parse("10.0.0.0/24", &pool->subnet, &err));
    pool->range = pool->subnet;
    pool->gateway = address("10.0.0.1");
    e.addresses[SC_V4] = address("10.0.0.2");
    e.network.name = name;
    e.network.bridge = bridge;
    e.network.mtu = 1400;
    sc_mac_of(&e.addresses[SC_V4], e.mac);
    return e;
}

static struct sc_endpoint
dual(void)
{
    struct sc_endpoint e = endpoint();
    struct sc_pool *pool = &e.network.pools[SC_V6];

    assert_ok(sc_subnet_parse("fd00:1::/64", &pool->subnet, &err));
    pool->range = pool->subnet;
    pool->gateway = address("fd00:1::1");
    e.addresses[SC_V6] = address("fd00:1::2");
    return e;
}

/* How many messages there are; each must end where the next begins. */
static size_t
messages(const struct sc_buf *data)
{
    size_t at = 0, count = 0;
    struct nlmsghdr head;

    for (; at < data->len; at += NLMSG_ALIGN(head.nlmsg_len), count++) {
        memcpy(&head, data->data + at, sizeof(head));
        assert_true(head.nlmsg_len >= sizeof(head));
        assert_int_equal(head.nlmsg_seq, at + 1);
        assert_true(head.nlmsg_flags & NLM_F_REQUEST);
    }
    assert_int_equal(at, data->len);
    return count;
}

static const struct nlattr *
find(const char *data, size_t len, uint16_t type)
{
    for (size_t at = 0; at + NLA_HDRLEN <= len;) {
        const struct nlattr *attr = (const void *)(data + at);

        assert_true(attr->nla_len >= NLA_HDRLEN && at + attr->nla_len <= len);
        if ((attr->nla_type & NLA_TYPE_MASK) == type)
            return attr;
        at += NLA_ALIGN(attr->nla_len);
    }
    return NULL;
}

static const struct nlattr *
inside(const struct nlattr *nest, size_t skip, uint16_t type)
{
    const struct nlattr *found;

    assert_non_null(nest);
    found = find((const char *)nest + NLA_HDRLEN + skip, nest->nla_len - NLA_HDRLEN - skip, type);
    assert_non_null(found);
    return found;
}

static void
test_veth(void **state)
{
    struct sc_endpoint e = endpoint();
    sc_cleanup_buf data = SC_BUF_INIT;
    struct sc_link_offsets at;
    const struct nlattr *info, *peer, *pid, *master;
    size_t first = sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg);

    (void)state;
    sc_link_veth(&e, &data, &at);
    assert_int_equal(messages(&data), 2); /* made, up */
    master = find(data.data + first, data.len - first, IFLA_MASTER);
    assert_ptr_equal((const char *)master + NLA_HDRLEN, data.data + at.index_at[0]);
    info = find(data.data + first, data.len - first, IFLA_LINKINFO);
    assert_string_equal((const char *)inside(info, 0, IFLA_INFO_KIND) + NLA_HDRLEN, "veth");
    peer = inside(inside(info, 0, IFLA_INFO_DATA), 0, VETH_INFO_PEER);
    assert_string_equal((const char *)inside(peer, sizeof(struct ifinfomsg), IFLA_IFNAME) + NLA_HDRLEN, "eth0");
    assert_memory_equal((const char *)inside(peer, sizeof(struct ifinfomsg), IFLA_ADDRESS) + NLA_HDRLEN, e.mac, 6);
    pid = inside(peer, sizeof(struct ifinfomsg), IFLA_NET_NS_PID);
    assert_ptr_equal((const char *)pid + NLA_HDRLEN, data.data + at.pid_at);

    /* icc=false: a message between isolates the port */
    sc_buf_clear(&data);
    e.network.forbids_icc = true;
    sc_link_veth(&e, &data, &at);
    assert_int_equal(messages(&data), 3);

    /* a kernel with IPv6: there too it is told that the host's end has no address of it, if it could have any */
    sc_buf_clear(&data);
    e.network.forbids_icc = false;
    e.ignores_ra = true;
    sc_link_veth(&e, &data, &at);
    assert_int_equal(messages(&data), 3);
    sc_buf_clear(&data);
    e.network.mtu = 1279;
    sc_link_veth(&e, &data, &at);
    assert_int_equal(messages(&data), 2);
}

static void
test_address(void **state)
{
    struct sc_endpoint e = endpoint();
    sc_cleanup_buf data = SC_BUF_INIT;
    struct sc_link_offsets at;
    uint32_t index = 7;
    const struct ifaddrmsg *body;

    (void)state;
    sc_link_address(&e, &data, &at);
    assert_int_equal(messages(&data), 3); /* up, address, route */
    memcpy(data.data + at.index_at[0], &index, sizeof(index));
    body = (const void *)(data.data + at.index_at[0] - offsetof(struct ifaddrmsg, ifa_index));
    assert_int_equal(body->ifa_family, AF_INET);
    assert_int_equal(body->ifa_prefixlen, 24);
    assert_int_equal(body->ifa_index, 7);
    sc_buf_clear(&data);
    e.has_route = false;
    sc_link_address(&e, &data, &at);
    assert_int_equal(messages(&data), 2); /* no way out */
}

/* The kernel wants index and namespace of what the plan cannot know yet; in l3 the way out is the link itself. */
static void
test_sublink(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_endpoint e = endpoint();
    struct sc_net net = {.run_path = "/run/sc", .data_path = "/var/lib/sc"};
    struct sc_net_ask ask;
    sc_cleanup_buf data = SC_BUF_INIT;
    struct sc_link_offsets at;
    const struct nlattr *link, *pid, *info;
    size_t first = sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg);

    (void)state;
    e.network.driver = SC_NET_MACVLAN;
    e.network.id = (char[]){"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
    e.network.bridge = (char[]){"ext0"};
    sc_link_sub(&e, &data, &at);
    assert_int_equal(messages(&data), 1);
    link = find(data.data + first, data.len - first, IFLA_LINK);
    assert_ptr_equal((const char *)link + NLA_HDRLEN, data.data + at.index_at[0]);
    pid = find(data.data + first, data.len - first, IFLA_NET_NS_PID);
    assert_ptr_equal((const char *)pid + NLA_HDRLEN, data.data + at.pid_at);
    info = find(data.data + first, data.len - first, IFLA_LINKINFO);
    assert_string_equal((const char *)inside(info, 0, IFLA_INFO_KIND) + NLA_HDRLEN, "macvlan");

    assert_ok(sc_endpoint_packets(&net, &e, 1, made_id, &arena, &ask, &err));
    assert_null(ask.publish);
    assert_string_equal(ask.links[0]->shell,
                        "ip link add link ext0 name eth0 netns $PID address 02:42:0a:00:00:02 mtu 1400"
                        " type macvlan mode bridge");
    assert_string_equal(ask.links[0]->index_of, "ext0");
    assert_null(strstr(ask.undo, "link-remove"));
    assert_string_equal(ask.shell_up, "");

    e.network.driver = SC_NET_IPVLAN;
    e.network.mode = 1;
    assert_ok(sc_endpoint_packets(&net, &e, 1, made_id, &arena, &ask, &err));
    assert_string_equal(ask.links[0]->shell, "ip link add link ext0 name eth0 netns $PID mtu 1400 type ipvlan mode l3");
    assert_non_null(strstr(ask.inside[0]->shell, "; ip route add default dev eth0"));
    assert_true(ask.inside[0]->index_at[SC_FAMILIES] > ask.inside[0]->index_at[SC_V4]);
}

static void
test_rates(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_endpoint e = endpoint(), other;
    struct sc_net net = {.run_path = "/run/sc", .data_path = "/var/lib/sc"};
    struct sc_net_packet *make, *set;
    struct sc_net_ask ask;
    int64_t bits = 0;
    char text[SC_NUM_MAX];

    (void)state;
    assert_ok(sc_net_rate_parse("10mbit", &bits, &err));
    assert_int_equal(bits, 10000000);
    sc_net_rate_format(bits, text);
    assert_string_equal(text, "10mbit");
    assert_ok(sc_net_rate_parse("500kByte", &bits, &err));
    assert_int_equal(bits, 4000000);
    assert_ok(sc_net_rate_parse("0", &bits, &err));
    assert_int_equal(bits, SC_NET_RATE_NONE);
    assert_fails(sc_net_rate_parse("10", &bits, &err), SC_ERR_INVALID, "\"10\" is not a rate");
    assert_fails(sc_net_rate_parse("mbit", &bits, &err), SC_ERR_INVALID, "\"mbit\" is not a rate");
    assert_fails(sc_net_rate_parse("99999999gbit", &bits, &err), SC_ERR_INVALID,
                 "\"99999999gbit\": must be 8kbit to 1000gbit a second");

    assert_ok(sc_endpoint_packets(&net, &e, 1, made_id, &arena, &ask, &err));
    assert_null(ask.rates[0]);
    e.rate_in = 1000000;
    assert_ok(sc_endpoint_packets(&net, &e, 1, made_id, &arena, &ask, &err));
    assert_int_equal(ask.rates[0]->fill_count, 1);
    assert_string_equal(ask.rates[0]->shell,
                        "tc qdisc replace dev scv0123456789ab root handle 1: tbf rate 1mbit burst 65536 limit 78036");
    assert_null(strstr(ask.undo, "link-remove scr0123456789ab"));
    e.rate_out = 1000000;
    assert_ok(sc_endpoint_packets(&net, &e, 1, made_id, &arena, &ask, &err));
    assert_int_equal(ask.rates[0]->fill_count, 5); /* two of tbf, ingress, and the filter with where it leads */
    for (size_t i = 0; i < 5; i++)
        assert_true(ask.rates[0]->fills[i].at + sizeof(uint32_t) <= ask.rates[0]->len);
    assert_string_equal(ask.rates[0]->fills[1].link, "scr0123456789ab");
    assert_non_null(strstr(ask.links[0]->shell, "; ip link add scr0123456789ab up type ifb"));
    assert_non_null(strstr(ask.undo, "link-remove scr0123456789ab"));

    /* a change of what is limited already makes no link; the end of it takes the redirection away */
    other = e;
    other.rate_out = 2000000;
    assert_ok(sc_net_rate_change(&e, &other, &arena, &make, &set, &err));
    assert_null(make);
    assert_int_equal(set->fill_count, 2);
    other.rate_in = other.rate_out = SC_NET_RATE_NONE;
    assert_ok(sc_net_rate_change(&e, &other, &arena, &make, &set, &err));
    assert_int_equal(set->fill_count, 2);
    assert_ok(sc_net_rate_change(&other, &e, &arena, &make, &set, &err));
    assert_non_null(make);
    assert_int_equal(set->fill_count, 5);
}

static void
test_table(void **state)
{
    struct sc_endpoint e = endpoint();
    struct sc_port item = {.host_address = {.len = 4}, .host_port = 8080, .port = 80, .proto = IPPROTO_TCP};
    struct sc_network_list networks = {.items = &e.network, .count = 1}, none = {.items = NULL};
    struct sc_ports ports = {.items = &item, .count = 1}, no_ports = {.items = NULL};
    sc_cleanup_buf whole = SC_BUF_INIT, empty = SC_BUF_INIT, key = SC_BUF_INIT;
    struct nlmsghdr head;

    (void)state;
    sc_firewall_encode(&none, &no_ports, NULL, &empty);
    sc_firewall_encode(&networks, &ports, &e.addresses[SC_V4], &whole);
    /* bridges, icc, both ends of sources; ports */
    assert_int_equal(messages(&whole), messages(&empty) + 5);
    memcpy(&head, whole.data, sizeof(head));
    assert_int_equal(head.nlmsg_type, NFNL_MSG_BATCH_BEGIN);
    memcpy(&head, whole.data + whole.len - sizeof(head) - sizeof(struct nfgenmsg), sizeof(head));
    assert_int_equal(head.nlmsg_type, NFNL_MSG_BATCH_END);

    sc_firewall_undo(&item, &e.addresses[SC_V4], &key);
    assert_string_equal(sc_buf_str(&key), "ports 060000001f900000 0a00000200500000");
    sc_buf_clear(&key);
    item.host_address = address("127.0.0.1");
    sc_firewall_undo(&item, &e.addresses[SC_V4], &key);
    assert_string_equal(sc_buf_str(&key), "ports_at 7f000001060000001f900000 0a00000200500000");
}

static void
test_undo(void **state)
{
    static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const struct sc_net net = {.run_path = "/run/sc", .data_path = "/var/lib/sc"};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_port item = {.host_address = {.len = 4}, .host_port = 8080, .port = 80, .proto = IPPROTO_TCP};
    struct sc_endpoint e = endpoint();
    struct sc_net_ask ask;

    (void)state;
    e.ports = (struct sc_ports){.items = &item, .count = 1};
    assert_ok(sc_endpoint_packets(&net, &e, 1, id, &arena, &ask, &err));
    assert_string_equal(ask.undo,
                        "link-remove scv0123456789ab\n"
                        "port-release /run/sc/lease/port/tcp,0.0.0.0,8080%20"
                        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef%20ports%20060000001f900000%20"
                        "0a00000200500000\n"
                        "names-withdraw /run/sc/lease/net/web/10.0.0.2%20"
                        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
                        "lease-release /run/sc/lease/net/web/10.0.0.2%20"
                        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
    assert_int_equal(messages(&(struct sc_buf){.data = ask.names->data, .len = ask.names->len}), 8);
    assert_string_equal(ask.links[0]->needs, "CONFIG_VETH (module veth)");
    assert_string_equal(ask.publish->shell, "nft add element inet sc ports '{ tcp . 8080 : 10.0.0.2 . 80 }'");
    assert_string_equal(ask.publish->why, "the host's ports lead to the container");
    assert_string_equal(ask.inside[0]->shell, "ip link set eth0 up; ip address add 10.0.0.2/24 broadcast + dev eth0; "
                                              "ip route add default via 10.0.0.1");
}

/* What a link may send as: one element, which goes with it. */
static void
test_guard(void **state)
{
    static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const struct sc_net net = {.run_path = "/run/sc", .data_path = "/var/lib/sc"};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf table = SC_BUF_INIT;
    struct sc_endpoint e = endpoint();
    struct sc_net_ask ask;

    (void)state;
    e.network.is_guarded = true;
    assert_ok(sc_endpoint_packets(&net, &e, 1, id, &arena, &ask, &err));
    assert_string_equal(ask.publish->title, "let scv0123456789ab send as 10.0.0.2 only");
    assert_string_equal(ask.publish->why,
                        "it can pretend to be no other: the bridge drops what it sends as somebody else");
    assert_string_equal(ask.publish->shell, "nft add element bridge sc owners "
                                            "'{ \"scv0123456789ab\" . 02:42:0a:00:00:02 . 10.0.0.2 }'");
    assert_non_null(
        strstr(ask.undo, "guard-remove owners%207363763031323334353637383961620002420a00000200000a000002\n"));
    sc_guard_table(&table);
    assert_int_equal(messages(&table), 17); /* table thrice, three sets, chain, ten rules */
}

/* IPv6 beside IPv4: both addresses, ports of both, and the link-local address is its own too. */
static void
test_dual(void **state)
{
    static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const struct sc_net net = {.run_path = "/run/sc", .data_path = "/var/lib/sc"};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_port items[] = {
        {.host_address = {.len = 4}, .host_port = 8080, .port = 80, .proto = IPPROTO_TCP},
        {.host_address = {.len = 16, .bytes = {[15] = 1}}, .host_port = 8080, .port = 80, .proto = IPPROTO_UDP}};
    struct sc_endpoint e = dual();
    sc_cleanup_buf data = SC_BUF_INIT;
    const struct ifaddrmsg *body;
    struct sc_link_offsets at;
    struct sc_net_ask ask;

    (void)state;
    e.ports = (struct sc_ports){.items = items, .count = 2};
    e.network.is_guarded = e.ignores_ra = true;
    assert_ok(sc_endpoint_packets(&net, &e, 1, id, &arena, &ask, &err));
    assert_string_equal(ask.inside[0]->shell,
                        "ip link set eth0 up; ip address add 10.0.0.2/24 broadcast + dev eth0; ip address add "
                        "fd00:1::2/64 nodad dev eth0; "
                        "ip route add default via 10.0.0.1; ip -6 route add default via fd00:1::1");
    assert_string_equal(ask.inside[0]->title, "give eth0 the address 10.0.0.2/24 and fd00:1::2/64");
    assert_string_equal(ask.no_ra[0], "sys/net/ipv6/conf/eth0/accept_ra");
    assert_string_equal(ask.publish->title,
                        "let scv0123456789ab send as 10.0.0.2, fd00:1::2 and fe80::42:aff:fe00:2 only, "
                        "publish 0.0.0.0:8080/tcp, publish [::1]:8080/udp");
    assert_string_equal(ask.publish->why, "it can pretend to be no other, and the host's ports lead to it");
    assert_non_null(strstr(ask.publish->shell, "nft add element bridge sc owners6 "
                                               "'{ \"scv0123456789ab\" . 02:42:0a:00:00:02 . fe80::42:aff:fe00:2 }'"));
    assert_non_null(strstr(ask.publish->shell,
                           "nft add element bridge sc targets6 '{ \"scv0123456789ab\" . 02:42:0a:00:00:02 . "
                           "0xfd000001000000000000000000000002 }'"));
    assert_non_null(
        strstr(ask.publish->shell, "nft add element inet sc ports_at6 '{ ::1 . udp . 8080 : fd00:1::2 . 80 }'"));
    assert_non_null(strstr(ask.undo, "%20ports_at6%2000000000000000000000000000000001110000001f900000%20"
                                     "fd00000100000000000000000000000200500000\n"));
    assert_non_null(strstr(ask.undo, "guard-remove targets6%20"));
    assert_non_null(strstr(ask.undo, "lease-release /run/sc/lease/net/web/fd00:1::2%20"));
    assert_non_null(strstr(ask.undo, "names-withdraw /run/sc/lease/net/web/fd00:1::2%20"));

    sc_link_address(&e, &data, &at);
    assert_int_equal(messages(&data), 5); /* up, two addresses, two routes */
    body = (const void *)(data.data + at.index_at[SC_V6] - offsetof(struct ifaddrmsg, ifa_index));
    assert_int_equal(body->ifa_family, AF_INET6);
    assert_int_equal(body->ifa_prefixlen, 64);
    assert_int_equal(body->ifa_flags, IFA_F_NODAD);
}

/* The second network: a link of another name, and no second way out. */
static void
test_second(void **state)
{
    static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const struct sc_net net = {.run_path = "/run/sc", .data_path = "/var/lib/sc"};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_endpoint both[] = {endpoint(), endpoint()};
    struct sc_net_ask ask;

    (void)state;
    both[1].index = 1;
    both[1].has_route = false;
    sc_endpoint_link(id, 1, both[1].link);
    assert_string_equal(both[1].link, "scv0123456789-1");
    assert_ok(sc_endpoint_packets(&net, both, 2, id, &arena, &ask, &err));
    assert_int_equal(ask.count, 2);
    assert_null(ask.publish);
    assert_string_equal(ask.inside[1]->shell, "ip link set eth1 up; ip address add 10.0.0.2/24 broadcast + dev eth1");
    assert_string_equal(ask.inside[1]->index_of, "eth1");
    assert_non_null(strstr(ask.undo, "link-remove scv0123456789ab\n"));
    assert_non_null(strstr(ask.undo, "link-remove scv0123456789-1\n"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_veth),  cmocka_unit_test(test_address), cmocka_unit_test(test_sublink),
        cmocka_unit_test(test_rates), cmocka_unit_test(test_table),   cmocka_unit_test(test_undo),
        cmocka_unit_test(test_dual),  cmocka_unit_test(test_guard),   cmocka_unit_test(test_second),
    };

    return RUN_TESTS(tests);
}
