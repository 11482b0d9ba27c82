/* The socket: listening below a path of any length, one packet one message, both kinds of end. */
#include <sys/socket.h>

#include "monitor/monitor.h"
#include "scratch.h"

static void
test_a_long_path_can_listen(void **state)
{
    const struct scratch *scratch = *state;
    sc_cleanup_fd run = -1, server = -1, client = -1, peer = -1;
    enum sc_monitor_msg type = 0;
    char path[600] = "", body[8];
    struct sc_err err;
    struct stat st;

    for (size_t i = 0, len = 0; i < 10; i++, len = strlen(path))
        (void)snprintf(path + len, sizeof(path) - len, "%sa-directory-with-a-rather-long-name-%02zu", i ? "/" : "", i);
    assert_ok(sc_dir_make_at(scratch->fd, path, 0755, &err));
    run = sc_dir_open_at(scratch->fd, path, &err);
    assert_true(run >= 0);
    assert_ok((server = sc_monitor_listen(run, &err)));
    assert_int_equal(fstatat(run, "monitor.sock", &st, 0), 0);
    assert_int_equal(st.st_mode, S_IFSOCK | 0600);
    assert_ok((client = sc_monitor_connect(run, SC_ATTACH_STDIN | SC_ATTACH_STDOUT, &err)));
    peer = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    assert_true(peer >= 0);
    assert_int_equal(sc_monitor_recv(peer, &type, body, sizeof(body), &err), 1);
    assert_int_equal(type, SC_MSG_HELLO);
    assert_int_equal(body[0], SC_ATTACH_STDIN | SC_ATTACH_STDOUT);
    /* A socket that a dead monitor has left is replaced. */
    sc_closep(&server);
    assert_fails(sc_monitor_connect(run, 0, &err), SC_ERR_NOT_FOUND,
                 "connect to the monitor: the container is not running");
    assert_ok((server = sc_monitor_listen(run, &err)));
}

static void
test_nobody_listens(void **state)
{
    const struct scratch *scratch = *state;
    struct sc_err err;

    assert_fails(sc_monitor_connect(scratch->fd, 0, &err), SC_ERR_NOT_FOUND,
                 "connect to the monitor: the container is not running");
}

static void
pair(int out[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, out), 0);
}

static void
test_messages_of_all_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 4, 4096, SC_MONITOR_DATA_MAX};
    static char in[SC_MONITOR_DATA_MAX], out[SC_MONITOR_PACKET_MAX];
    struct sc_err err;
    int ends[2];

    (void)state;
    pair(ends);
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (char)(i * 7);
    for (size_t i = 0; i < SC_ARRAY_LEN(sizes); i++) {
        enum sc_monitor_msg type = 0;

        assert_ok(sc_monitor_send(ends[0], SC_MSG_STDERR, in, sizes[i], &err));
        assert_int_equal(sc_monitor_recv(ends[1], &type, out, sizeof(out), &err), (ssize_t)sizes[i]);
        assert_int_equal(type, SC_MSG_STDERR);
        assert_memory_equal(in, out, sizes[i]);
    }
    assert_fails(sc_monitor_send(ends[0], SC_MSG_STDIN, in, SC_MONITOR_DATA_MAX + 1, &err), SC_ERR_INTERNAL,
                 "send a message: 32001 bytes are too many");
    close(ends[0]);
    close(ends[1]);
}

static void
test_a_message_larger_than_the_room(void **state)
{
    enum sc_monitor_msg type;
    struct sc_err err;
    char small[4];
    int ends[2];

    (void)state;
    pair(ends);
    assert_ok(sc_monitor_send(ends[0], SC_MSG_STDOUT, "12345", 5, &err));
    assert_fails(sc_monitor_recv(ends[1], &type, small, sizeof(small), &err), SC_ERR_INTERNAL,
                 "receive from the monitor: the message is larger than 4 bytes");
    close(ends[0]);
    close(ends[1]);
}

static void
test_the_other_end_is_gone(void **state)
{
    enum sc_monitor_msg type;
    struct sc_err err;
    char room[64];
    int ends[2];

    (void)state;
    pair(ends);
    close(ends[1]);
    assert_fails(sc_monitor_send(ends[0], SC_MSG_KILL, "", 0, &err), SC_ERR_PEER_DIED,
                 "the container's monitor ended without a word");
    assert_fails(sc_monitor_recv(ends[0], &type, room, sizeof(room), &err), SC_ERR_PEER_DIED,
                 "the container's monitor ended without a word");
    close(ends[0]);
}

/* A peer that closes with our message unread makes the kernel report ECONNRESET before what it had sent. */
static void
test_a_reset_does_not_hide_the_last_message(void **state)
{
    enum sc_monitor_msg type = 0;
    struct sc_err err;
    char room[64];
    int ends[2];

    (void)state;
    pair(ends);
    assert_ok(sc_monitor_send(ends[0], SC_MSG_STDIN, "unread", 6, &err));
    assert_ok(sc_monitor_send(ends[1], SC_MSG_EXIT, "bye", 3, &err));
    close(ends[1]);
    assert_int_equal(sc_monitor_recv(ends[0], &type, room, sizeof(room), &err), 3);
    assert_int_equal(type, SC_MSG_EXIT);
    assert_memory_equal(room, "bye", 3);
    assert_fails(sc_monitor_recv(ends[0], &type, room, sizeof(room), &err), SC_ERR_PEER_DIED,
                 "the container's monitor ended without a word");
    close(ends[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_a_long_path_can_listen),    SCRATCH_TEST(test_nobody_listens),
        cmocka_unit_test(test_messages_of_all_sizes), cmocka_unit_test(test_a_message_larger_than_the_room),
        cmocka_unit_test(test_the_other_end_is_gone), cmocka_unit_test(test_a_reset_does_not_hide_the_last_message),
    };

    return RUN_TESTS(tests);
}
