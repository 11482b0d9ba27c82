/* Addresses, subnets, and which address comes next. */
#include "net/net-priv.h"
#include "test.h"

static struct sc_err err;

static void
test_subnets(void **state)
{
    struct sc_subnet a, b;
    char text[SC_NET_CIDR_MAX];

    (void)state;
    assert_ok(sc_subnet_parse("10.1.2.0/23", &a, &err));
    sc_subnet_format(&a, text);
    assert_string_equal(text, "10.1.2.0/23");
    assert_int_equal(sc_subnet_last(&a), 0x0a0103ff);
    assert_true(sc_subnet_has(&a, 0x0a0103ff));
    assert_false(sc_subnet_has(&a, 0x0a010400));
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
                 "\"10.1.2.0\" is not a subnet such as 10.1.2.0/24");
    assert_fails(sc_subnet_parse("10.1.2.0/33", &a, &err), SC_ERR_INVALID,
                 "\"10.1.2.0/33\" is not a subnet such as 10.1.2.0/24");
    assert_fails(sc_subnet_parse("fd00::/64", &a, &err), SC_ERR_UNSUPPORTED,
                 "subnet \"fd00::/64\": IPv6 is not supported yet");
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

static void
test_choice(void **state)
{
    struct sc_network network = {.gateway = 0x0a000001};
    const uint32_t taken[] = {0x0a000002, 0x0a000003, 0x0a000005};
    const uint32_t all[] = {0x0a000002, 0x0a000003, 0x0a000004, 0x0a000005, 0x0a000006};

    (void)state;
    assert_ok(sc_subnet_parse("10.0.0.0/29", &network.subnet, &err));
    network.range = network.subnet;
    assert_int_equal(sc_address_choose(&network, NULL, 0), 0x0a000002);
    assert_int_equal(sc_address_choose(&network, taken, SC_ARRAY_LEN(taken)), 0x0a000004);
    assert_int_equal(sc_address_choose(&network, all, SC_ARRAY_LEN(all)), 0);
    /* of a range only its addresses, and never gateway or broadcast */
    assert_ok(sc_subnet_parse("10.0.0.6/31", &network.range, &err));
    assert_int_equal(sc_address_choose(&network, taken, SC_ARRAY_LEN(taken)), 0x0a000006);
    network.gateway = 0x0a000006;
    assert_int_equal(sc_address_choose(&network, taken, SC_ARRAY_LEN(taken)), 0);
}

static void
test_macs(void **state)
{
    unsigned char mac[6];
    char text[18];

    (void)state;
    sc_mac_of(0xac110002, mac);
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
    struct sc_network_ask ask = {.name = (char[]){"web"}, .subnet = (char[]){"10.1.0.0/24"}};
    struct sc_network made, read;

    (void)state;
    ask.ip_range = (char[]){"10.1.0.128/25"};
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
    assert_int_equal(read.gateway, 0x0a010001);
    assert_int_equal(read.range.base, 0x0a010080);

    ask.ip_range = (char[]){"10.2.0.0/25"};
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
                 "--ip-range 10.2.0.0/25 is not inside the subnet 10.1.0.0/24");
    ask.ip_range = NULL;
    ask.gateway = (char[]){"10.1.0.255"};
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID,
                 "--gateway 10.1.0.255 is no host of the subnet 10.1.0.0/24");
    ask.name = (char[]){"host"};
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_INVALID, "network name \"host\" is reserved");
}

static void
test_drivers(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_network_ask ask = {.name = (char[]){"web"}, .subnet = (char[]){"10.1.0.0/24"}};
    struct sc_network made, read;

    (void)state;
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
                 "--opt parent=ext0: known are mtu=BYTES and icc=true|false");
    ask.driver = (char[]){"overlay"};
    assert_fails(sc_network_resolve(&ask, &arena, &made, &err), SC_ERR_UNSUPPORTED,
                 "network driver \"overlay\": known are bridge, macvlan and ipvlan");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subnets), cmocka_unit_test(test_pool),     cmocka_unit_test(test_choice),
        cmocka_unit_test(test_macs),    cmocka_unit_test(test_networks), cmocka_unit_test(test_drivers),
    };

    return RUN_TESTS(tests);
}
