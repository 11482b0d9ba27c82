/* SEQPACKET messages and the descriptors that ride along. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

struct pair {
    int a, b;
};

static int
pair_setup(void **state)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    int ends[2];

    if (!pair || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    pair->a = ends[0];
    pair->b = ends[1];
    *state = pair;
    return 0;
}

static int
pair_teardown(void **state)
{
    struct pair *pair = *state;

    sc_closep(&pair->a);
    sc_closep(&pair->b);
    free(pair);
    return 0;
}

/* The lowest free descriptor: the same before and after means that none leaked. */
static int
lowest_free_fd(void)
{
    int fd = fcntl(0, F_DUPFD_CLOEXEC, 0);

    assert_true(fd >= 0);
    (void)close(fd);
    return fd;
}

static void
test_packets_keep_their_borders(void **state)
{
    struct pair *pair = *state;
    struct sc_err err = SC_ERR_INIT;
    char data[16];

    assert_ok(sc_msg_send(pair->a, "one", 3, NULL, 0, &err));
    assert_ok(sc_msg_send(pair->a, "three", 5, NULL, 0, &err));
    assert_int_equal(sc_msg_recv(pair->b, data, sizeof(data), NULL, NULL, &err), 3);
    assert_memory_equal(data, "one", 3);
    assert_int_equal(sc_msg_recv(pair->b, data, sizeof(data), NULL, NULL, &err), 5);
    sc_closep(&pair->a);
    assert_int_equal(sc_msg_recv(pair->b, data, sizeof(data), NULL, NULL, &err), 0);
    assert_int_equal(err.kind, SC_ERR_NONE);
}

static void
test_fds_arrive_close_on_exec(void **state)
{
    struct pair *pair = *state;
    int sent[SC_MSG_FDS_MAX], got[SC_MSG_FDS_MAX];
    size_t count = SC_MSG_FDS_MAX;
    struct sc_err err = SC_ERR_INIT;
    struct stat here, there;
    char data[4];

    for (size_t i = 0; i < SC_MSG_FDS_MAX; i++) {
        sent[i] = openat(AT_FDCWD, i % 2 ? "/" : "/dev/null", O_RDONLY);
        assert_true(sent[i] >= 0);
    }
    assert_ok(sc_msg_send(pair->a, "x", 1, sent, SC_MSG_FDS_MAX, &err));
    assert_int_equal(sc_msg_recv(pair->b, data, sizeof(data), got, &count, &err), 1);
    assert_int_equal(count, SC_MSG_FDS_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
        assert_int_equal(fstat(got[i], &there), 0);
        assert_int_equal(fstat(sent[i], &here), 0);
        assert_true(here.st_ino == there.st_ino && here.st_dev == there.st_dev);
        sc_closep(&got[i]);
        sc_closep(&sent[i]);
    }
    assert_ok(sc_msg_send(pair->a, "x", 1, NULL, 0, &err));
    assert_int_equal(sc_msg_recv(pair->b, data, sizeof(data), got, &count, &err), 1);
    assert_int_equal(count, 0);
}

static void
test_unwanted_fds_are_closed(void **state)
{
    struct pair *pair = *state;
    int fds[2] = {pair->a, pair->b}, got[1], before = lowest_free_fd();
    size_t room = 1;
    struct sc_err err = SC_ERR_INIT;
    char data[4];

    assert_ok(sc_msg_send(pair->a, "x", 1, fds, 2, &err));
    assert_int_equal(sc_msg_recv(pair->b, data, sizeof(data), NULL, NULL, &err), 1);
    assert_int_equal(lowest_free_fd(), before);
    assert_ok(sc_msg_send(pair->a, "x", 1, fds, 2, &err));
    assert_fails(sc_msg_recv(pair->b, data, sizeof(data), got, &room, &err), SC_ERR_INTERNAL,
                 "receive message: 2 descriptors came where 1 are expected");
    assert_int_equal(lowest_free_fd(), before);
}

static void
test_truncation_is_an_error(void **state)
{
    struct pair *pair = *state;
    int before = lowest_free_fd();
    struct sc_err err = SC_ERR_INIT;
    char data[2];

    assert_ok(sc_msg_send(pair->a, "long", 4, &pair->a, 1, &err));
    assert_fails(sc_msg_recv(pair->b, data, sizeof(data), NULL, NULL, &err), SC_ERR_INTERNAL,
                 "receive message: it is larger than 2 bytes or 32 descriptors");
    assert_int_equal(lowest_free_fd(), before);
}

static void
test_dead_peer(void **state)
{
    struct pair *pair = *state;
    struct sc_err err;

    sc_closep(&pair->b);
    /* SIGPIPE would end this program. */
    assert_fails(sc_msg_send(pair->a, "x", 1, NULL, 0, &err), SC_ERR_PEER_DIED, "send message: broken pipe");
}

static void
test_out_of_range(void **state)
{
    struct pair *pair = *state;
    int fds[SC_MSG_FDS_MAX + 1] = {0};
    struct sc_err err;

    assert_fails(sc_msg_send(pair->a, "", 0, NULL, 0, &err), SC_ERR_INTERNAL,
                 "send message: 0 bytes and 0 descriptors are out of range");
    assert_fails(sc_msg_send(pair->a, "x", 1, fds, SC_MSG_FDS_MAX + 1, &err), SC_ERR_INTERNAL,
                 "send message: 1 bytes and 33 descriptors are out of range");
}

#define PAIR_TEST(f) cmocka_unit_test_setup_teardown(f, pair_setup, pair_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_packets_keep_their_borders),
        PAIR_TEST(test_fds_arrive_close_on_exec),
        PAIR_TEST(test_unwanted_fds_are_closed),
        PAIR_TEST(test_truncation_is_an_error),
        PAIR_TEST(test_dead_peer),
        PAIR_TEST(test_out_of_range),
    };

    return RUN_TESTS(tests);
}
