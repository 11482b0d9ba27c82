/* ports-carry.c, ports-flow.c: what a lease says, bytes from one end to the other, datagrams of whom. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/ports.h"
#include "scratch.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
test_target(void **state)
{
    struct sockaddr_in out;
    static const char *const bad[] = {
        "",
        ID,
        ID "/172.17.0.2",
        ID "/172.17.0.2/",
        ID "/172.17.0.2/0",
        ID "/172.17.0.2/65536",
        ID "/172.17.0.2/80x",
        ID "/172.17.0.2/80/",
        ID "/172.17.0.2/80/bot",
        ID "/172.17.0.2/80/both/",
        ID "/172.17.0.2//both",
        ID "/0.0.0.0/80", /* others lead it there */
        ID "/fd00::2/80",
        ID "/1111.1111.1111.1111/80",
        "1" ID "/172.17.0.2/80",
        "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/172.17.0.2/80",
    };

    (void)state;
    assert_true(sc_carry_target(ID "/172.17.0.2/80", ID, &out));
    assert_int_equal(out.sin_family, AF_INET);
    assert_int_equal(ntohs(out.sin_port), 80);
    assert_int_equal(ntohl(out.sin_addr.s_addr), 0xac110002);
    assert_true(sc_carry_target(ID "/172.17.0.2/81/both", ID, &out));
    assert_int_equal(ntohs(out.sin_port), 81);
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++)
        assert_false(sc_carry_target(bad[i], ID, &out));
}

/* Ends whose other sides are the test's. */
static void
make_ends(struct sc_carry *carry, int ours[2])
{
    *carry = (struct sc_carry){.ends = {-1, -1}};
    for (int i = 0; i < 2; i++) {
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        carry->ends[i] = pair[0];
        ours[i] = pair[1];
        carry->halves[i].data = malloc(SC_CARRY_ROOM);
        assert_non_null(carry->halves[i].data);
    }
}

static void
turn(struct sc_carry *carry)
{
    struct pollfd polls[2];

    sc_carry_wait(carry, polls);
    if (poll(polls, 2, 0) > 0)
        sc_carry_event(carry, polls);
}

static void
test_ends(void **state)
{
    struct sc_carry carry;
    char text[16];
    int ours[2];

    (void)state;
    make_ends(&carry, ours);
    assert_int_equal(write(ours[0], "ask", 3), 3);
    assert_int_equal(shutdown(ours[0], SHUT_WR), 0);
    turn(&carry);
    assert_int_equal(read(ours[1], text, sizeof(text)), 3);
    assert_int_equal(read(ours[1], text, sizeof(text)), -1); /* its end is not known yet */
    turn(&carry);
    assert_int_equal(read(ours[1], text, sizeof(text)), 0);
    /* the answer comes all the same */
    assert_int_equal(write(ours[1], "answer", 6), 6);
    turn(&carry);
    assert_int_equal(read(ours[0], text, sizeof(text)), 6);
    assert_true(carry.ends[0] >= 0);
    close(ours[1]);
    turn(&carry);
    assert_int_equal(read(ours[0], text, sizeof(text)), 0);
    assert_int_equal(carry.ends[0], -1);
    assert_null(carry.halves[0].data);
    close(ours[0]);
}

/* Who does not read holds the other back: nothing more is read than fits. */
static void
test_slow_end(void **state)
{
    static const char block[SC_CARRY_ROOM];
    struct sc_carry carry;
    struct pollfd polls[2];
    int ours[2], full = 0;

    (void)state;
    make_ends(&carry, ours);
    for (int i = 0; i < 1000 && !full; i++) {
        (void)!write(ours[0], block, sizeof(block));
        turn(&carry);
        sc_carry_wait(&carry, polls);
        full = polls[0].fd == -1;
    }
    assert_true(full);
    assert_int_equal(polls[1].events, POLLIN | POLLOUT);
    close(ours[1]); /* nobody is left to take it */
    turn(&carry);
    assert_int_equal(carry.ends[0], -1);
    close(ours[0]);
}

#define SECOND INT64_C(1000000000)

/* A client is its address, its port, and the address that it asked; who was silent longest makes room. */
static void
test_flows(void **state)
{
    static struct sc_flow flows[SC_FLOW_MAX];
    static struct sc_datagram one = {.sock = 7, .client = {.sin6_family = AF_INET6, .sin6_port = 1}};
    const struct sockaddr_in target = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sc_flow *first;

    (void)state;
    for (size_t i = 0; i < SC_FLOW_MAX; i++)
        flows[i].fd = -1;
    assert_int_equal(sc_flows_expire(flows, 0), -1);
    assert_null(sc_flow_find(flows, &one));
    for (in_port_t i = 0; i < SC_FLOW_MAX; i++) {
        struct sc_flow *flow;

        one.client.sin6_port = i;
        flow = sc_flow_begin(flows, &one, &target);
        assert_non_null(flow);
        flow->last = (i + 1) * SECOND;
        assert_ptr_equal(sc_flow_find(flows, &one), flow);
    }
    one.client.sin6_port = 0;
    first = sc_flow_find(flows, &one);
    assert_non_null(first);
    one.at.ipi6_addr.s6_addr[15] = 1;
    assert_null(sc_flow_find(flows, &one));
    one.at.ipi6_addr.s6_addr[15] = 0;
    one.sock = 8;
    assert_null(sc_flow_find(flows, &one));
    assert_ptr_equal(sc_flow_begin(flows, &one, &target), first);
    first->last = 2 * SECOND + 1;
    one.sock = 7;
    assert_null(sc_flow_find(flows, &one));
    /* the one of two seconds is over, the next has a nanosecond */
    assert_int_equal(sc_flows_expire(flows, 92 * SECOND), 1);
    one.client.sin6_port = 1;
    assert_null(sc_flow_find(flows, &one));
    assert_int_equal(sc_flows_expire(flows, 1000 * SECOND), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_slow_end),
        cmocka_unit_test(test_flows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
