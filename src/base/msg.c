#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"

union msg_control {
    char room[CMSG_SPACE(sizeof(int) * SC_MSG_FDS_MAX)];
    struct cmsghdr align;
};

static int
msg_err(struct sc_err *err, int errnum, const char *what)
{
    sc_err_errno(err, errnum, "%s", what);
    if (errnum == EPIPE || errnum == ECONNRESET)
        err->kind = SC_ERR_PEER_DIED;
    return -1;
}

int
sc_msg_send(int sock, const void *data, size_t len, const int *fds, size_t count, struct sc_err *err)
{
    struct iovec iov = {.iov_base = (void *)data, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    union msg_control control;
    ssize_t sent;

    /* An empty packet would read as end of file. */
    if (len == 0 || count > SC_MSG_FDS_MAX)
        return sc_err_set(err, SC_ERR_INTERNAL, "send message: %zu bytes and %zu descriptors are out of range", len,
                          count);
    if (count > 0) {
        struct cmsghdr *head;

        memset(&control, 0, sizeof(control));
        msg.msg_control = control.room;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        head = CMSG_FIRSTHDR(&msg);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(head), fds, sizeof(int) * count);
    }
    do
        sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return msg_err(err, errno, "send message");
    if ((size_t)sent != len)
        return sc_err_set(err, SC_ERR_INTERNAL, "send message: %zd of %zu bytes were sent", sent, len);
    return 0;
}

/* The descriptors that came with msg, all of them: the room is for SC_MSG_FDS_MAX. */
static size_t
msg_fds(struct msghdr *msg, int *fds)
{
    size_t count = 0;

    for (struct cmsghdr *head = CMSG_FIRSTHDR(msg); head; head = CMSG_NXTHDR(msg, head)) {
        size_t here;

        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        here = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (here > SC_MSG_FDS_MAX - count)
            here = SC_MSG_FDS_MAX - count;
        memcpy(fds + count, CMSG_DATA(head), here * sizeof(int));
        count += here;
    }
    return count;
}

ssize_t
sc_msg_recv(int sock, void *data, size_t size, int *fds, size_t *count, struct sc_err *err)
{
    struct iovec iov = {.iov_base = data, .iov_len = size};
    union msg_control control;
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
    size_t room = fds && count ? *count : 0;
    int got[SC_MSG_FDS_MAX];
    size_t got_count;
    bool is_cut;
    ssize_t len;

    do
        len = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    while (len < 0 && errno == EINTR);
    if (len < 0)
        return msg_err(err, errno, "receive message");
    got_count = msg_fds(&msg, got);
    is_cut = (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    if (is_cut || !fds || got_count > room) {
        for (size_t i = 0; i < got_count; i++)
            sc_closep(&got[i]);
    }
    if (is_cut)
        return sc_err_set(err, SC_ERR_INTERNAL, "receive message: it is larger than %zu bytes or %d descriptors", size,
                          SC_MSG_FDS_MAX);
    if (fds && got_count > room)
        return sc_err_set(err, SC_ERR_INTERNAL, "receive message: %zu descriptors came where %zu are expected",
                          got_count, room);
    if (fds && count) {
        memcpy(fds, got, got_count * sizeof(int));
        *count = got_count;
    }
    return len;
}
