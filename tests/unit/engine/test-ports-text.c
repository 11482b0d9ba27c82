/* What ps says of ports. */
#include <netinet/in.h>
#include <stdarg.h>

#include "engine-fixture.h"

static struct sc_port
at(const char *address, uint16_t host_port, uint16_t port, uint8_t proto)
{
    struct sc_port out = {.host_port = host_port, .host_last = host_port, .port = port, .proto = proto};
    struct sc_err err = SC_ERR_INIT;

    assert_int_equal(sc_address_parse(address, &out.host_address, &err), 0);
    return out;
}

static void
test_ports_text(void **state)
{
    char *exposed_items[] = {"72/tcp", "70/tcp", "71/tcp", "74/udp", "80/tcp", "8000/udp"};
    struct sc_strv exposed = {.items = exposed_items, .count = SC_ARRAY_LEN(exposed_items)}, none = {.items = NULL};
    struct sc_port items[] = {
        at("0.0.0.0", 8001, 8001, IPPROTO_TCP), at("0.0.0.0", 8000, 8000, IPPROTO_TCP),
        at("::", 8000, 8000, IPPROTO_TCP),      at("::", 8001, 8001, IPPROTO_TCP),
        at("0.0.0.0", 8010, 8010, IPPROTO_TCP), at("127.0.0.1", 90, 80, IPPROTO_TCP),
        at("0.0.0.0", 53, 53, IPPROTO_UDP),     at("0.0.0.0", 91, 80, IPPROTO_TCP),
    };
    const struct sc_ports ports = {.items = items, .count = SC_ARRAY_LEN(items)}, no_ports = {.items = NULL};
    sc_cleanup_buf text = SC_BUF_INIT, nothing = SC_BUF_INIT;
    struct sc_err err;

    (void)state;
    assert_ok(sc_ports_text(&exposed, &ports, &text, &err));
    assert_string_equal(sc_buf_str(&text),
                        "74/udp, 0.0.0.0:8000-8001->8000-8001/tcp, 0.0.0.0:53->53/udp, 70-72/tcp, 8000/udp, "
                        "0.0.0.0:8010->8010/tcp, [::]:8000-8001->8000-8001/tcp, 0.0.0.0:91->80/tcp, "
                        "127.0.0.1:90->80/tcp");
    assert_ok(sc_ports_text(&none, &no_ports, &nothing, &err));
    assert_string_equal(sc_buf_str(&nothing), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ports_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
