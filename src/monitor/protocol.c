/* The socket between sc-monitor and its clients: one packet is one message, its first byte the type. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "monitor/monitor.h"

#define SOCKET_NAME    "monitor.sock"
#define SOCKET_BACKLOG 64

/* sun_path has room for 107 bytes, a run directory's path may be longer: go through the descriptor. */
static void
socket_address(int run_dir_fd, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/" SOCKET_NAME, run_dir_fd);
}

int
sc_monitor_listen(int run_dir_fd, struct sc_err *err)
{
    sc_cleanup_fd sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;

    if (sock < 0)
        return sc_err_errno(err, errno, "make the monitor's socket");
    socket_address(run_dir_fd, &address);
    /* bind(2) gives the file the mode of the socket's own inode, so nobody sees it with a wider one. */
    if (fchmod(sock, 0600) < 0)
        return sc_err_errno(err, errno, "set the mode of the monitor's socket");
    if (unlinkat(run_dir_fd, SOCKET_NAME, 0) < 0 && errno != ENOENT)
        return sc_err_errno(err, errno, "remove an old \"" SOCKET_NAME "\"");
    if (bind(sock, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return sc_err_errno(err, errno, "bind \"" SOCKET_NAME "\"");
    if (listen(sock, SOCKET_BACKLOG) < 0)
        return sc_err_errno(err, errno, "listen on \"" SOCKET_NAME "\"");
    return sc_steal_fd(&sock);
}

int
sc_monitor_connect(int run_dir_fd, int attach_flags, struct sc_err *err)
{
    sc_cleanup_fd sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    uint8_t flags = (uint8_t)attach_flags;
    struct sockaddr_un address;

    if (sock < 0)
        return sc_err_errno(err, errno, "make a socket");
    socket_address(run_dir_fd, &address);
    while (connect(sock, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno == EINTR)
            continue;
        if (errno == ENOENT || errno == ECONNREFUSED)
            return sc_err_set(err, SC_ERR_NOT_FOUND, "connect to the monitor: the container is not running");
        return sc_err_errno(err, errno, "connect to the monitor");
    }
    if (sc_monitor_send(sock, SC_MSG_HELLO, &flags, sizeof(flags), err) < 0)
        return -1;
    return sc_steal_fd(&sock);
}

static int
peer_died(struct sc_err *err, int errnum)
{
    sc_err_set(err, SC_ERR_PEER_DIED, "the container's monitor ended without a word");
    err->errnum = errnum;
    return -1;
}

int
sc_monitor_send(int sock, enum sc_monitor_msg type, const void *body, size_t len, struct sc_err *err)
{
    uint8_t head = (uint8_t)type;
    /* The cast drops const because struct iovec serves reading too. */
    struct iovec parts[] = {{.iov_base = &head, .iov_len = sizeof(head)},
                            {.iov_base = (void *)(uintptr_t)body, .iov_len = len}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = SC_ARRAY_LEN(parts)};
    ssize_t sent;

    if (len > SC_MONITOR_DATA_MAX)
        return sc_err_set(err, SC_ERR_INTERNAL, "send a message: %zu bytes are too many", len);
    do
        sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EPIPE || errno == ECONNRESET ? peer_died(err, errno)
                                                     : sc_err_errno(err, errno, "send to the monitor");
    return 0;
}

int
sc_monitor_join(int run_dir_fd, const char *refill, const char *names, int udp, int tcp, struct sc_err *err)
{
    sc_cleanup_fd sock = sc_monitor_connect(run_dir_fd, SC_ATTACH_WAIT_ONLY, err);
    const int fds[] = {udp, tcp};
    sc_cleanup_buf body = SC_BUF_INIT;
    enum sc_monitor_msg type = SC_MSG_ERROR;
    char started[sizeof(int32_t)];

    /* its answer to HELLO: a client that is gone before is not listened to any more */
    if (sock < 0 || sc_monitor_recv(sock, &type, started, sizeof(started), err) < 0)
        return -1;
    if (type != SC_MSG_STARTED)
        return sc_err_set(err, SC_ERR_PEER_DIED, "the container is ending");
    sc_buf_addc(&body, SC_MSG_JOINED);
    sc_buf_add(&body, refill ? refill : "", strlen(refill ? refill : "") + 1);
    sc_buf_add(&body, names ? names : "", strlen(names ? names : "") + 1);
    if (sc_buf_check(&body, err) < 0)
        return -1;
    return sc_msg_send(sock, body.data, body.len, fds, udp >= 0 && tcp >= 0 ? 2 : 0, err);
}

ssize_t
sc_monitor_recv(int sock, enum sc_monitor_msg *type, void *data, size_t size, struct sc_err *err)
{
    uint8_t head = 0;
    struct iovec parts[] = {{.iov_base = &head, .iov_len = sizeof(head)}, {.iov_base = data, .iov_len = size}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = SC_ARRAY_LEN(parts)};
    bool was_reset;
    ssize_t got = 0;

    do {
        /* A peer that ends with messages of ours unread makes the kernel report that once, before what it had sent. */
        was_reset = got < 0 && errno == ECONNRESET;
        got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC); /* without room for them, descriptors are closed by the kernel */
    } while (got < 0 && (errno == EINTR || (errno == ECONNRESET && !was_reset)));
    if (got < 0 && errno != ECONNRESET)
        return sc_err_errno(err, errno, "receive from the monitor");
    if (got <= 0)
        return peer_died(err, got < 0 ? errno : 0);
    if (msg.msg_flags & MSG_TRUNC)
        return sc_err_set(err, SC_ERR_INTERNAL, "receive from the monitor: the message is larger than %zu bytes", size);
    *type = (enum sc_monitor_msg)head;
    return got - 1;
}

int
sc_monitor_give_listener(int run_dir_fd, int listener, struct sc_err *err)
{
    sc_cleanup_fd sock = sc_monitor_connect(run_dir_fd, SC_ATTACH_WAIT_ONLY, err);
    const uint8_t message = SC_MSG_LISTENER;
    enum sc_monitor_msg type = SC_MSG_LISTENER;
    char room[SC_MONITOR_PACKET_MAX];

    if (sock < 0 || sc_msg_send(sock, &message, sizeof(message), &listener, 1, err) < 0)
        return -1;
    while (type != SC_MSG_LISTENER_KEPT) {
        if (sc_monitor_recv(sock, &type, room, sizeof(room), err) < 0)
            return sc_err_wrap(err, "hand over the listener of system calls");
        if (type == SC_MSG_EXIT)
            return sc_err_set(err, SC_ERR_NOT_FOUND, "hand over the listener of system calls: the container has ended");
    }
    return 0;
}
