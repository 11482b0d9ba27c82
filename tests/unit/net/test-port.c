/* -p and --expose; the keys of leases. */
#include <netinet/in.h>
#include <stdio.h>

#include "net/net-priv.h"
#include "test.h"

static struct sc_arena arena;
static struct sc_err err;

/* "ADDRESS:HOST[-LAST]->PORT/PROTO" for each, separated by spaces. */
static const char *
parsed(const char *text)
{
    struct sc_ports ports = {.items = NULL};
    sc_cleanup_buf out = SC_BUF_INIT;

    assert_ok(sc_port_parse(text, &arena, &ports, &err));
    for (size_t i = 0; i < ports.count; i++) {
        const struct sc_port *p = &ports.items[i];
        char address[SC_NET_ADDRESS_MAX + 2];

        sc_address_format_host(&p->host_address, address);
        sc_buf_addf(&out, "%s%s:%u", i ? " " : "", *address ? address : "*", p->host_port);
        if (p->host_last != p->host_port)
            sc_buf_addf(&out, "-%u", p->host_last);
        sc_buf_addf(&out, "->%u/%s", p->port, sc_proto_name(p->proto));
    }
    return sc_arena_strdup(&arena, sc_buf_str(&out));
}

static void
test_publish(void **state)
{
    struct sc_ports ports = {.items = NULL};

    (void)state;
    assert_string_equal(parsed("80"), "*:0->80/tcp");
    assert_string_equal(parsed("8080:80"), "*:8080->80/tcp");
    assert_string_equal(parsed("127.0.0.1:8080:80/udp"), "127.0.0.1:8080->80/udp");
    assert_string_equal(parsed("127.0.0.1::80"), "127.0.0.1:0->80/tcp");
    assert_string_equal(parsed("8000-8002:80-82"), "*:8000->80/tcp *:8001->81/tcp *:8002->82/tcp");
    assert_string_equal(parsed("8000-8002:80/sctp"), "*:8000-8002->80/sctp");
    assert_string_equal(parsed("80-81"), "*:0->80/tcp *:0->81/tcp");
    assert_string_equal(parsed("0.0.0.0:8080:80"), "0.0.0.0:8080->80/tcp");
    assert_string_equal(parsed("[::1]:8080:80"), "[::1]:8080->80/tcp");
    assert_string_equal(parsed("[2001:db8::7]::80/udp"), "[2001:db8::7]:0->80/udp");
    assert_string_equal(parsed("[::]:8000-8001:80-81"), "[::]:8000->80/tcp [::]:8001->81/tcp");
    assert_fails(sc_port_parse("::1:8080:80", &arena, &ports, &err), SC_ERR_INVALID,
                 "publish \"::1:8080:80\": \"::1\": an IPv6 address is written [::1]");
    assert_fails(sc_port_parse("[127.0.0.1]:8080:80", &arena, &ports, &err), SC_ERR_INVALID,
                 "publish \"[127.0.0.1]:8080:80\": \"127.0.0.1\" is not an IPv6 address");
    assert_fails(sc_port_parse("[::1]:80", &arena, &ports, &err), SC_ERR_INVALID,
                 "publish \"[::1]:80\": invalid port \"[::1]\": must be 1 to 65535");
    assert_fails(sc_port_parse("[::1:80", &arena, &ports, &err), SC_ERR_INVALID,
                 "publish \"[::1:80\": \"[:\" is not an IP address");
    assert_string_equal(parsed("0:80/TCP"), "*:0->80/tcp");
    assert_fails(sc_port_parse("0-1:80", &arena, &ports, &err), SC_ERR_INVALID,
                 "publish \"0-1:80\": invalid port \"0\": must be 1 to 65535");
    assert_fails(sc_port_parse("80:65536", &arena, &ports, &err), SC_ERR_INVALID,
                 "publish \"80:65536\": invalid port \"65536\": must be 1 to 65535");
    assert_fails(sc_port_parse("80:80/icmp", &arena, &ports, &err), SC_ERR_INVALID,
                 "publish \"80:80/icmp\": invalid protocol \"icmp\": must be tcp, udp or sctp");
    assert_fails(sc_port_parse("80-81:80-82", &arena, &ports, &err), SC_ERR_INVALID,
                 "publish \"80-81:80-82\": invalid ranges specified for container and host ports: 80-82 and 80-81");
    assert_fails(sc_port_parse("82-80", &arena, &ports, &err), SC_ERR_INVALID,
                 "publish \"82-80\": invalid range of ports \"82-80\"");
    assert_fails(sc_port_parse("1.2.3:80:80", &arena, &ports, &err), SC_ERR_INVALID,
                 "publish \"1.2.3:80:80\": \"1.2.3\" is not an IP address");
    assert_fails(sc_port_parse("", &arena, &ports, &err), SC_ERR_INVALID,
                 "publish \"\": it is not [ADDRESS:][HOSTPORT:]PORT[/PROTOCOL]");
}

static void
test_keys(void **state)
{
    struct sc_port port = {.host_address = sc_address_v4(0x7f000001), .host_port = 8080, .proto = IPPROTO_UDP}, read;
    char key[SC_LEASE_KEY_MAX];

    (void)state;
    sc_port_key(&port, key);
    assert_string_equal(key, "udp,127.0.0.1,8080");
    assert_true(sc_port_key_parse(key, &read));
    assert_int_equal(sc_address_compare(&read.host_address, &port.host_address), 0);
    assert_int_equal(read.host_port, 8080);
    assert_int_equal(read.proto, IPPROTO_UDP);
    assert_ok(sc_address_parse("fd00::1", &port.host_address, &err));
    sc_port_key(&port, key);
    assert_string_equal(key, "udp,fd00::1,8080");
    assert_true(sc_port_key_parse(key, &read));
    assert_int_equal(sc_address_compare(&read.host_address, &port.host_address), 0);
    assert_false(sc_port_key_parse("udp,127.0.0.1,0", &read));
    assert_false(sc_port_key_parse("icmp,127.0.0.1,8", &read));
    assert_false(sc_port_key_parse("lock", &read));
}

static void
test_targets(void **state)
{
    static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const char *const bad[] = {
        "", "/both", "/172.17.0.2", "/172.17.0.2/80/", "/172.17.0.2/80/bot", "/172.17.0.2/both"};
    struct sc_address address;
    struct sc_port out;
    char text[160];

    (void)state;
    (void)snprintf(text, sizeof(text), "%s/172.17.0.2/80", id);
    assert_true(sc_port_target_parse(text, &address, &out));
    assert_int_equal(out.port, 80);
    assert_false(out.has_beside);
    (void)snprintf(text, sizeof(text), "%s/172.17.0.2/81/both", id);
    assert_true(sc_port_target_parse(text, &address, &out));
    assert_int_equal(out.port, 81);
    assert_true(out.has_beside);
    sc_address_format(&address, text);
    assert_string_equal(text, "172.17.0.2");
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        (void)snprintf(text, sizeof(text), "%s%s", id, bad[i]);
        assert_false(sc_port_target_parse(text, &address, &out));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_publish), cmocka_unit_test(test_keys),
                                       cmocka_unit_test(test_targets)};
    int failed = RUN_TESTS(tests);

    sc_arena_release(&arena);
    return failed;
}
