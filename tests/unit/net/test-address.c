/* Addresses, subnets, and which address comes next. */
#include "net/net-priv.h"
#include "test.h"

static struct sc_err err;

static struct sc_address
address(const char *text)
{
    struct sc_address out;

    assert_ok(sc_address_parse(text, &out, &err));
    return out;
}

static void
assert_address(const struct sc_address *is, const char *wanted)
{
    char text[SC_NET_ADDRESS_MAX];

    sc_address_format(is, text);
    assert_string_equal(text, wanted);
}

static void
test_subnets(void **state)
{
    struct sc_subnet a, b;
    struct sc_address at;
    char text[SC_NET_CIDR_MAX];

    (void)state;
    assert_ok(sc_subnet_parse("10.1.2.0/23", &a, &err));
    sc_subnet_format(&a, text);
    assert_string_equal(text, "10.1.2.0/23");
    at = sc_subnet_last(&a);
    assert_address(&at, "10.1.3.255");
    assert_true(sc_subnet_has(&a, &at));
    assert_false(sc_subnet_has_host(&a, &at));
    at = sc_address_next(&at);
    assert_address(&at, "10.1.4.0");
    assert_false(sc_subnet_has(&a, &at));
    assert_ok(sc_subnet_parse("10.0.0.0/8", &b, &err));
    assert_true(sc_subnets_overlap(&a, &b));
    assert_true(sc_subnets_overlap(&b, &a));
    assert_ok(sc_subnet_parse("10.1.4.0/24", &b, &err));
    assert_false(sc_subnets_overlap(&a, &b));
    assert_ok(sc_subnet_parse("0.0.0.0/0", &b, &err));
    assert_true(sc_subnets_overlap(&a, &b));
    assert_fails(sc_subnet_parse("10.1.2.3/24", &a, &err), SC_ERR_INVALID,
                 "subnet \"10.1.2.3/24\" has bits below its prefix: \"10.1.2.0/24\" is meant");
    assert_fails(sc_subnet_parse("10.1.2.0", &a, &err), SC_ERR_INVALID,
                 "\"10.1.2.0\" is not a subnet such as 10.1.2.0/24 or fd00:1:2::/64");
    assert_fails(sc_subnet_parse("10.1.2.0/33", &a, &err), SC_ERR_INVALID,
                 "\"10.1.2.0/33\" is not a subnet such as 10.1.2.0/24 or fd00:1:2::/64");
}

static void
test_v6(void **state)
{
    const unsigned char random[5] = {1, 2, 3, 4, 5};
    struct sc_address at, other;
    struct sc_subnet a, b;
    char text[SC_NET_ADDRESS_MAX + 2];

    (void)state;
    assert_ok(sc_subnet_parse("fd00:1::/63", &a, &err));
    at = sc_subnet_last(&a);
    assert_address(&at, "fd00:1:0:1:ffff:ffff:ffff:ffff");
    assert_true(sc_subnet_has_host(&a, &at)); /* there is no broadcast */
    assert_false(sc_subnet_has_host(&a, &a.base));
    at = sc_address_next(&at);
    assert_address(&at, "fd00:1:0:2::");
    assert_false(sc_subnet_has(&a, &at));
    assert_ok(sc_subnet_parse("fd00:1:0:1::/64", &b, &err));
    assert_true(sc_subnets_overlap(&a, &b));
    assert_ok(sc_subnet_parse("::/0", &b, &err));
    assert_true(sc_subnets_overlap(&a, &b));
    assert_ok(sc_subnet_parse("0.0.0.0/0", &b, &err));
    assert_false(sc_subnets_overlap(&a, &b));
    assert_fails(sc_subnet_parse("fd00::1/64", &a, &err), SC_ERR_INVALID,
                 "subnet \"fd00::1/64\" has bits below its prefix: \"fd00::/64\" is meant");
    assert_fails(sc_subnet_parse("fd00::/129", &a, &err), SC_ERR_INVALID,
                 "\"fd00::/129\" is not a subnet such as 10.1.2.0/24 or fd00:1:2::/64");
    assert_fails(sc_address_parse("fd00::g", &at, &err), SC_ERR_INVALID, "\"fd00::g\" is not an IP address");
    sc_subnet_unique_local(random, &a);
    assert_address(&a.base, "fd01:203:405::");
    assert_int_equal(a.prefix, 64);

    at = address("fd00::2");
    other = address("10.0.0.9");
    assert_true(sc_address_compare(&other, &at) < 0);
    sc_address_format_host(&at, text);
    assert_string_equal(text, "[fd00::2]");
    sc_address_format_host(&other, text);
    assert_string_equal(text, "10.0.0.9");
    at = sc_link_local((const unsigned char[]){0x02, 0x42, 0xac, 0x11, 0x00, 0x02});
    assert_address(&at, "fe80::42:acff:fe11:2");
    at = address("255.255.255.255");
    at = sc_address_next(&at);
    assert_true(sc_address_is_any(&at));
}

static void
test_pool(void **state)
{
    struct sc_subnet subnet;
    char text[SC_NET_CIDR_MAX];

    (void)state;
    assert_true(sc_subnet_pool(0, &subnet));
    sc_subnet_format(&subnet, text);
    assert_string_equal(text, "172.17.0.0/16");
    assert_true(sc_subnet_pool(14, &subnet));
    sc_subnet_format(&subnet, text);
    assert_string_equal(text, "172.31.0.0/16");
    assert_true(sc_subnet_pool(15, &subnet));
    sc_subnet_format(&subnet, text);
    assert_string_equal(text, "192.168.0.0/20");
    assert_true(sc_subnet_pool(30, &subnet));
    sc_subnet_format(&subnet, text);
    assert_string_equal(text, "192.168.240.0/20");
    assert_false(sc_subnet_pool(31, &subnet));
}

/* The next address where these are taken, "" for none. */
static const char *
chosen(const struct sc_network *network, enum sc_family family, const struct sc_address *taken, size_t count)
{
    static char text[SC_NET_ADDRESS_MAX];
    struct sc_address out = {.len = 0};

    if (!sc_address_choose(network, family, taken, count, &out))
        out.len = 0;
    sc_address_format(&out, text);
    return text;
}

static void
test_choice(void **state)
{
    struct sc_network network = {.name = NULL};
    struct sc_pool *v4 = &network.pools[SC_V4], *v6 = &network.pools[SC_V6];
    const struct sc_address taken[] = {address("10.0.0.2"), address("10.0.0.3"), address("10.0.0.5")};
    const struct sc_address all[] = {address("10.0.0.2"), address("10.0.0.3"), address("10.0.0.4"), address("10.0.0.5"),
                                     address("10.0.0.6")};
    const struct sc_address both[] = {address("10.0.0.2"), address("fd00::2"), address("fd00::3")};
    struct sc_address reserved[] = {address("10.0.0.4"), address("fd00::4")}, out;

    (void)state;
    assert_ok(sc_subnet_parse("10.0.0.0/29", &v4->subnet, &err));
    v4->range = v4->subnet;
    v4->gateway = address("10.0.0.1");
    assert_string_equal(chosen(&network, SC_V4, NULL, 0), "10.0.0.2");
    assert_string_equal(chosen(&network, SC_V4, taken, SC_ARRAY_LEN(taken)), "10.0.0.4");
    assert_string_equal(chosen(&network, SC_V4, all, SC_ARRAY_LEN(all)), "");
    assert_string_equal(chosen(&network, SC_V4, both, SC_ARRAY_LEN(both)), "10.0.0.3");
    assert_true(sc_address_nth(&network, SC_V4, 0, &out) && sc_address_compare(&out, &all[0]) == 0);
    assert_true(sc_address_nth(&network, SC_V4, 4, &out) && sc_address_compare(&out, &all[4]) == 0);
    assert_false(sc_address_nth(&network, SC_V4, 5, &out));
    assert_ok(sc_subnet_parse("fd00::/64", &v6->subnet, &err));
    v6->range = v6->subnet;
    v6->gateway = address("fd00::1");
    assert_string_equal(chosen(&network, SC_V6, both, SC_ARRAY_LEN(both)), "fd00::4");
    network.reserved = reserved;
    network.reserved_count = SC_ARRAY_LEN(reserved);
    assert_string_equal(chosen(&network, SC_V6, both, SC_ARRAY_LEN(both)), "fd00::5");
    assert_string_equal(chosen(&network, SC_V4, taken, SC_ARRAY_LEN(taken)), "10.0.0.6");
    network.reserved_count = 0;
    /* of a range only its addresses, and never gateway or broadcast */
    assert_ok(sc_subnet_parse("10.0.0.6/31", &v4->range, &err));
    assert_string_equal(chosen(&network, SC_V4, taken, SC_ARRAY_LEN(taken)), "10.0.0.6");
    v4->gateway = address("10.0.0.6");
    assert_string_equal(chosen(&network, SC_V4, taken, SC_ARRAY_LEN(taken)), "");
    assert_ok(sc_subnet_parse("255.255.255.254/31", &v4->range, &err)); /* the last there is: no endless way on */
    assert_ok(sc_subnet_parse("255.255.255.0/24", &v4->subnet, &err));
    assert_string_equal(chosen(&network, SC_V4, NULL, 0), "255.255.255.254");
}

static void
test_macs(void **state)
{
    struct sc_address at;
    unsigned char mac[6];
    char text[18];

    (void)state;
    at = address("172.17.0.2");
    sc_mac_of(&at, mac);
    sc_mac_format(mac, text);
    assert_string_equal(text, "02:42:ac:11:00:02");
    assert_ok(sc_mac_parse("0A:1b:2c:3d:4e:5f", mac, &err));
    sc_mac_format(mac, text);
    assert_string_equal(text, "0a:1b:2c:3d:4e:5f");
    assert_fails(sc_mac_parse("01:00:5e:00:00:01", mac, &err), SC_ERR_INVALID,
                 "MAC address \"01:00:5e:00:00:01\" is a multicast address");
    assert_fails(sc_mac_parse("02:42:ac:11:00", mac, &err), SC_ERR_INVALID,
                 "\"02:42:ac:11:00\" is not a MAC address such as 02:42:ac:11:00:02");
    assert_fails(sc_mac_parse("02:42:ac:11:0::2", mac, &err), SC_ERR_INVALID,
                 "\"02:42:ac:11:0::2\" is not a MAC address such as 02:42:ac:11:00:02");
    assert_fails(sc_mac_parse("02:42:ac:11:00:g2", mac, &err), SC_ERR_INVALID,
                 "\"02:42:ac:11:00:g2\" is not a MAC address such as 02:42:ac:11:00:02");
}

static void
test_networks(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_network_ask ask = {.name = (char[]){"web"}};
    struct sc_network made, read;

    (void)state;
    sc_strv_add(&ask.subnets, &arena, "10.1.0.0/24");
    sc_strv_add(&ask.subnets, &arena, "fd00:1::/64");
    sc_strv_add(&ask.ranges, &arena, "10.1.0.128/25");
    sc_strv_add(&ask.gateways, &arena, "fd00:1::9");
    sc_strv_add(&ask.aux, &arena, "router=10.1.0.200");
    sc_strv_add(&ask.options, &arena, "mtu=1400");
    sc_strv_add(&ask.options, &arena, "icc=false");
    assert_ok(sc_network_resolve(&ask, &arena, &made, &err));
    made.id = (char[]){"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
    made.bridge = (char[]){"sc-0123456789ab"};
    assert_ok(sc_network_encode(&made, &text, &err));
    assert_ok(sc_network_decode(sc_buf_str(&text), text.len, &arena, &read, &err));
    assert_string_equal(read.name, "web");
    assert_int_equal(read.mtu, 1400);
    assert_true(read.forbids_icc);
    assert_address(&read.pools[SC_V4].gateway, "10.1.0.1");
    assert_address(&read.pools[SC_V4].range.base, "10.1.0.128");
    assert_address(&read.pools[SC_V6].gateway, "fd00:1::9");
    assert_int_equal(read.pools[SC_V6].range.prefix, 64);
    assert_int_equal(read.reserved_count, 1);
    assert_address(&read.reserved[0], "10.1.0.200");

    ask.aux.count = ask.gateways.count = 0;
    ask.ranges.items[0] = (char[]){"10.2.0.0/25"};
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
                 "--ip-range 10.2.0.0/25 is not inside the subnet 10.1.0.0/24");
    ask.ranges.count = 0;
    sc_strv_add(&ask.gateways, &arena, "10.1.0.255");
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
                 "--gateway 10.1.0.255 is no host of the subnet 10.1.0.0/24");
    ask.gateways.items[0] = (char[]){"fd00:1::"};
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
                 "--gateway fd00:1:: is no host of the subnet fd00:1::/64");
    ask.gateways.count = 0;
    sc_strv_add(&ask.aux, &arena, "=10.1.0.3");
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
                 "--aux-address \"=10.1.0.3\": it is not NAME=ADDRESS");
    ask.aux.items[0] = (char[]){"a=fd00:2::1"};
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
                 "--aux-address fd00:2::1 is no host of the subnet fd00:1::/64");
    ask.aux.count = 0;
    sc_strv_add(&ask.subnets, &arena, "10.2.0.0/24");
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
                 "--subnet 10.2.0.0/24: a network has one of each family");
    ask.subnets.count = 1;
    ask.subnets.items[0] = (char[]){"fd00::/127"};
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
                 "--subnet fd00::/127: it has no room for a gateway and a container");
    ask.subnets.count = 0;
    sc_strv_add(&ask.gateways, &arena, "10.1.0.1");
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
                 "--gateway, --ip-range and --aux-address need --subnet");
    ask.gateways.count = 0;
    ask.name = (char[]){"host"};
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID, "network name \"host\" is reserved");
}

static void
test_drivers(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_network_ask ask = {.name = (char[]){"web"}};
    char address[SC_NET_ADDRESS_MAX];
    struct sc_network made, read;

    (void)state;
    sc_strv_add(&ask.subnets, &arena, "10.1.0.0/24");
    ask.driver = (char[]){"macvlan"};
    sc_strv_add(&ask.options, &arena, "parent=ext0");
    sc_strv_add(&ask.options, &arena, "macvlan_mode=private");
    assert_ok(sc_network_resolve(&ask, &arena, &made, &err));
    made.id = (char[]){"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
    assert_ok(sc_network_encode(&made, &text, &err));
    assert_ok(sc_network_decode(sc_buf_str(&text), text.len, &arena, &read, &err));
    assert_int_equal(read.driver, SC_NET_MACVLAN);
    assert_string_equal(sc_net_mode_name(read.driver, read.mode), "private");
    assert_string_equal(read.bridge, "ext0");
    assert_true(sc_network_has_gateway(&read));
    assert_false(sc_network_publishes(&read));

    ask.options.count = 1;
    sc_strv_add(&ask.options, &arena, "macvlan_mode=l2");
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
                 "--opt macvlan_mode=l2: must be bridge, private, vepa or passthru");
    ask.options.count = 1;
    sc_strv_add(&ask.options, &arena, "icc=false");
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
                 "--opt icc=false: known are parent=LINK, macvlan_mode=MODE and mtu=BYTES");
    ask.driver = (char[]){"ipvlan"};
    ask.options.count = 1;
    sc_strv_add(&ask.options, &arena, "mode=l3");
    assert_ok(sc_network_resolve(&ask, &arena, &made, &err));
    assert_false(sc_network_has_gateway(&made));
    ask.driver = NULL;
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
                 "--opt parent=ext0: known are mtu=BYTES, icc=true|false, and Docker's com.docker.network.driver.mtu, "
                 ".bridge.enable_icc, .bridge.name, .bridge.enable_ip_masquerade and .bridge.host_binding_ipv4");
    ask.options.count = 0;
    sc_strv_add(&ask.options, &arena, "com.docker.network.bridge.name=br7");
    sc_strv_add(&ask.options, &arena, "com.docker.network.bridge.host_binding_ipv4=127.0.0.1");
    sc_strv_add(&ask.options, &arena, "com.docker.network.bridge.enable_ip_masquerade=false");
    assert_ok(sc_network_resolve(&ask, &arena, &made, &err));
    made.id = read.id;
    sc_buf_clear(&text);
    assert_ok(sc_network_encode(&made, &text, &err));
    assert_ok(sc_network_decode(sc_buf_str(&text), text.len, &arena, &read, &err));
    assert_string_equal(read.bridge, "br7");
    assert_true(read.keeps_source);
    sc_address_format(&read.binding, address);
    assert_string_equal(address, "127.0.0.1");
    sc_strv_add(&ask.options, &arena, "com.docker.network.bridge.name=sc0");
    assert_fails(
        sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
        "--opt com.docker.network.bridge.name=sc0: names of links that begin with \"sc\" are made by sc itself");
    ask.driver = (char[]){"overlay"};
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_UNSUPPORTED,
                 "network driver \"overlay\": known are bridge, macvlan and ipvlan");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subnets), cmocka_unit_test(test_v6),   cmocka_unit_test(test_pool),
        cmocka_unit_test(test_choice),  cmocka_unit_test(test_macs), cmocka_unit_test(test_networks),
        cmocka_unit_test(test_drivers),
    };

    return RUN_TESTS(tests);
}
