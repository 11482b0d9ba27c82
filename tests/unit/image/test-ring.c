/* Memory between two processes; here both sides are this one. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "image/ring-priv.h"

struct pair {
    struct sc_ring writer, reader;
};

/* Whoever makes a ring is the writer of one kind, and the reader of the other. */
static struct pair
make(bool maker_writes)
{
    struct pair pair = {.writer = SC_RING_INIT, .reader = SC_RING_INIT};
    struct sc_err err = SC_ERR_INIT;
    int sock = -1;

    assert_ok(sc_ring_make(maker_writes ? &pair.writer : &pair.reader, maker_writes, &sock, &err));
    assert_ok(sc_ring_open(maker_writes ? &pair.reader : &pair.writer, sock, !maker_writes, &err));
    return pair;
}

static void
release(struct pair *pair)
{
    sc_ring_release(&pair->writer);
    sc_ring_release(&pair->reader);
}

static void
put(struct sc_ring *writer, char byte, size_t len)
{
    struct sc_err err = SC_ERR_INIT;
    enum sc_ring_state state;
    char *slot;

    assert_ok(sc_ring_room(writer, -1, &slot, &state, &err));
    assert_int_equal(state, SC_RING_READY);
    memset(slot, byte, len);
    sc_ring_pass(writer, len);
}

static void
expect(struct sc_ring *reader, char byte, size_t len)
{
    struct sc_err err = SC_ERR_INIT;
    enum sc_ring_state state;
    const char *data;
    size_t got;

    assert_ok(sc_ring_next(reader, -1, &data, &got, &state, &err));
    assert_int_equal(state, SC_RING_READY);
    assert_int_equal(got, len);
    assert_int_equal(data[0], byte);
    assert_int_equal(data[len - 1], byte);
    sc_ring_give_back(reader);
}

static void
go_round(bool maker_writes)
{
    struct pair pair = make(maker_writes);

    for (char i = 0; i < 3 * SC_RING_SLOTS; i++) {
        put(&pair.writer, i, SC_RING_SLOT);
        if (i > 0)
            expect(&pair.reader, (char)(i - 1), SC_RING_SLOT);
    }
    release(&pair);
}

static void
test_bytes_come_in_order(void **state)
{
    (void)state;
    go_round(true);
    go_round(false);
}

/* What was passed before the writer went is there, although a slot that was given back is not heard of any more. */
static void
test_the_end(void **state)
{
    struct pair pair = make(false);
    struct sc_err err = SC_ERR_INIT;
    enum sc_ring_state is;
    const char *data;
    size_t len;

    (void)state;
    put(&pair.writer, 'a', 1);
    put(&pair.writer, 'b', 2);
    expect(&pair.reader, 'a', 1);
    sc_ring_release(&pair.writer);
    expect(&pair.reader, 'b', 2);
    assert_ok(sc_ring_next(&pair.reader, -1, &data, &len, &is, &err));
    assert_int_equal(is, SC_RING_GONE);
    release(&pair);
}

static void
test_a_full_ring_waits(void **state)
{
    struct pair pair = make(true);
    struct sc_err err = SC_ERR_INIT;
    enum sc_ring_state is;
    char *slot;
    int other[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, other), 0);
    for (char i = 0; i < SC_RING_SLOTS; i++)
        put(&pair.writer, i, 1);
    assert_int_equal(send(other[0], "x", 1, 0), 1);
    assert_ok(sc_ring_room(&pair.writer, other[1], &slot, &is, &err));
    assert_int_equal(is, SC_RING_HEARD);
    expect(&pair.reader, 0, 1);
    assert_ok(sc_ring_room(&pair.writer, other[1], &slot, &is, &err));
    assert_int_equal(is, SC_RING_READY);
    sc_ring_pass(&pair.writer, 1);
    sc_ring_release(&pair.reader);
    assert_ok(sc_ring_room(&pair.writer, -1, &slot, &is, &err));
    assert_int_equal(is, SC_RING_GONE);
    sc_ring_pass(&pair.writer, 1); /* and no signal */
    close(other[0]);
    close(other[1]);
    release(&pair);
}

static int
take_memory(int sock)
{
    char space[CMSG_SPACE(sizeof(int))], byte;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    int fd;

    assert_int_equal(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC), 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
    return fd;
}

/* What a hostile other side could do to the memory. */
static void
test_walls(void **state)
{
    const size_t size = SC_RING_SLOTS * SC_RING_SLOT;
    struct sc_ring ring = SC_RING_INIT;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    for (int writes = 0; writes < 2; writes++) {
        int sock = -1, fd;
        void *memory;

        assert_ok(sc_ring_make(&ring, writes, &sock, &err));
        fd = take_memory(sock);
        assert_int_equal(ftruncate(fd, 0), -1);
        assert_int_equal(errno, EPERM);
        assert_int_equal(ftruncate(fd, (off_t)size * 2), -1);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
        assert_int_equal(pwrite(fd, "x", 1, 0), writes ? -1 : 1);
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        assert_true(writes ? memory == MAP_FAILED && errno == EPERM : memory != MAP_FAILED);
        if (memory != MAP_FAILED)
            munmap(memory, size);
        if (writes) { /* nor later, from a mapping to read */
            memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
            assert_true(memory != MAP_FAILED);
            assert_int_equal(mprotect(memory, size, PROT_READ | PROT_WRITE), -1);
            munmap(memory, size);
        }
        close(fd);
        close(sock);
        sc_ring_release(&ring);
    }
}

static void
expect_refused(const void *token, size_t len)
{
    struct sc_ring ring = SC_RING_INIT;
    struct sc_err err = SC_ERR_INIT;
    enum sc_ring_state is;
    const char *data;
    int sock = -1;
    size_t got;

    assert_ok(sc_ring_make(&ring, false, &sock, &err));
    assert_int_equal(send(sock, token, len, 0), len);
    assert_fails(sc_ring_next(&ring, -1, &data, &got, &is, &err), SC_ERR_PEER_DIED,
                 "the process that unpacks it says what cannot be");
    close(sock);
    sc_ring_release(&ring);
}

static void
test_lengths_that_cannot_be(void **state)
{
    const uint32_t none = 0, more = SC_RING_SLOT + 1, all = UINT32_MAX;

    (void)state;
    expect_refused(&none, sizeof(none));
    expect_refused(&more, sizeof(more));
    expect_refused(&all, sizeof(all));
    expect_refused("abc", 3);
}

static void
test_a_socket_without_memory(void **state)
{
    struct sc_ring ring = SC_RING_INIT;
    struct sc_err err = SC_ERR_INIT;
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(send(pair[0], "x", 1, 0), 1);
    assert_fails(sc_ring_open(&ring, pair[1], false, &err), SC_ERR_PEER_DIED, "share memory: there is none");
    close(pair[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_come_in_order),    cmocka_unit_test(test_the_end),
        cmocka_unit_test(test_a_full_ring_waits),      cmocka_unit_test(test_walls),
        cmocka_unit_test(test_lengths_that_cannot_be), cmocka_unit_test(test_a_socket_without_memory),
    };

    return RUN_TESTS(tests);
}
