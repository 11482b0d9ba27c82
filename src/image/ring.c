/* Bytes from one process to another, through memory (ring-priv.h). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "image/ring-priv.h"

#define SIZE (SC_RING_SLOTS * SC_RING_SLOT)

static int
fail(struct sc_err *err)
{
    return sc_err_errno(err, errno, "share memory with the process that unpacks");
}

void
sc_ring_release(struct sc_ring *ring)
{
    sc_closep(&ring->sock);
    if (ring->memory)
        (void)munmap(ring->memory, SIZE);
    ring->memory = NULL;
}

static int
map(struct sc_ring *ring, int memory_fd, struct sc_err *err)
{
    void *memory = mmap(NULL, SIZE, ring->writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, memory_fd, 0);

    if (memory == MAP_FAILED)
        return fail(err);
    ring->memory = memory;
    return 0;
}

/* The memory goes to the other side through the socket itself, ahead of all tokens. */
static int
send_memory(int sock, int memory_fd, struct sc_err *err)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.space = {0}};
    char byte = 0;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space)};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &memory_fd, sizeof(int));
    return sendmsg(sock, &msg, MSG_NOSIGNAL) == 1 ? 0 : fail(err);
}

int
sc_ring_make(struct sc_ring *out, bool writes, int *their_sock, struct sc_err *err)
{
    sc_cleanup_ring ring = {.sock = -1, .writes = writes};
    sc_cleanup_fd memory = memfd_create("sc-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING), theirs = -1;
    int pair[2];

    if (memory < 0 || ftruncate(memory, (off_t)SIZE) < 0 || map(&ring, memory, err) < 0)
        return err->kind == SC_ERR_NONE ? fail(err) : -1;
    /* Our own mapping stays as it is. */
    if (fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | (writes ? F_SEAL_FUTURE_WRITE : 0) | F_SEAL_SEAL) <
            0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fail(err);
    ring.sock = pair[0];
    theirs = pair[1];
    if (send_memory(ring.sock, memory, err) < 0)
        return -1;
    *their_sock = sc_steal_fd(&theirs);
    *out = ring;
    ring = (struct sc_ring)SC_RING_INIT;
    return 0;
}

int
sc_ring_open(struct sc_ring *out, int sock_take, bool writes, struct sc_err *err)
{
    sc_cleanup_ring ring = {.sock = sock_take, .writes = writes};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.space = {0}};
    char byte;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space)};
    const struct cmsghdr *cmsg;
    sc_cleanup_fd memory = -1;
    ssize_t len;

    do
        len = recvmsg(ring.sock, &msg, MSG_CMSG_CLOEXEC);
    while (len < 0 && errno == EINTR);
    cmsg = len == 1 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS || cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
        return sc_err_set(err, SC_ERR_PEER_DIED, "share memory: there is none");
    memcpy(&memory, CMSG_DATA(cmsg), sizeof(int));
    if (map(&ring, memory, err) < 0)
        return -1;
    *out = ring;
    ring = (struct sc_ring)SC_RING_INIT;
    return 0;
}

/* The next token, of up to size bytes: READY and *len. */
static int
receive(const struct sc_ring *ring, int also_fd, void *token, size_t size, size_t *len, enum sc_ring_state *state,
        struct sc_err *err)
{
    /* Mostly the token is there already. */
    for (int flags = also_fd < 0 ? 0 : MSG_DONTWAIT;;) {
        struct pollfd fds[] = {{.fd = ring->sock, .events = POLLIN}, {.fd = also_fd, .events = POLLIN}};
        ssize_t got = recv(ring->sock, token, size, flags);

        if (got >= 0) {
            *len = (size_t)got;
            *state = got > 0 ? SC_RING_READY : SC_RING_GONE;
            return 0;
        }
        /* A peer that has gone left a token unread: what it sent before is still there. */
        if (errno == EINTR || errno == ECONNRESET)
            continue;
        if (errno != EAGAIN || (poll(fds, SC_ARRAY_LEN(fds), -1) < 0 && errno != EINTR))
            return sc_err_errno(err, errno, "wait for the process that unpacks");
        if (fds[0].revents == 0 && fds[1].revents != 0) {
            *state = SC_RING_HEARD;
            return 0;
        }
    }
}

int
sc_ring_room(struct sc_ring *ring, int also_fd, char **slot, enum sc_ring_state *state, struct sc_err *err)
{
    size_t len;
    char token;

    *slot = ring->memory + ring->at * SC_RING_SLOT;
    *state = SC_RING_READY;
    if (ring->lent < SC_RING_SLOTS)
        return 0;
    if (receive(ring, also_fd, &token, sizeof(token), &len, state, err) < 0)
        return -1;
    ring->lent -= *state == SC_RING_READY;
    return 0;
}

void
sc_ring_pass(struct sc_ring *ring, size_t len)
{
    uint32_t token = (uint32_t)len;

    (void)!send(ring->sock, &token, sizeof(token), MSG_NOSIGNAL);
    ring->at = (ring->at + 1) % SC_RING_SLOTS;
    ring->lent++;
}

int
sc_ring_next(struct sc_ring *ring, int also_fd, const char **data, size_t *len, enum sc_ring_state *state,
             struct sc_err *err)
{
    uint32_t token = 0;
    size_t got;

    if (receive(ring, also_fd, &token, sizeof(token), &got, state, err) < 0)
        return -1;
    if (*state != SC_RING_READY)
        return 0;
    if (got != sizeof(token) || token == 0 || token > SC_RING_SLOT)
        return sc_err_set(err, SC_ERR_PEER_DIED, "the process that unpacks it says what cannot be");
    *data = ring->memory + ring->at * SC_RING_SLOT;
    *len = token;
    return 0;
}

void
sc_ring_give_back(struct sc_ring *ring)
{
    const char token = 0;

    (void)!send(ring->sock, &token, sizeof(token), MSG_NOSIGNAL);
    ring->at = (ring->at + 1) % SC_RING_SLOTS;
}
