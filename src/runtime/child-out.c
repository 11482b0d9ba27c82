/* What a child says: to its launcher, as a number in text, as a result. [child]: no allocation, no stdio, no locks. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/launch-priv.h"

int
sc_child_send(int sock, const struct sc_child_msg *body, int fd)
{
    struct sc_child_msg copy = *body;
    struct iovec part = {.iov_base = &copy, .iov_len = sizeof(copy)};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {.bytes = {0}};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    }
    for (;;) {
        /* write where it will do: a seccomp profile that forbids sendmsg is common enough. Nobody there any more:
         * SIGPIPE ends the child, and nothing runs unsupervised. */
        ssize_t len = fd >= 0 ? sendmsg(sock, &msg, 0) : write(sock, &copy, sizeof(copy));

        if (len == (ssize_t)sizeof(copy))
            return 0;
        if (errno != EINTR)
            return -errno;
    }
}

const char *
sc_child_number(int64_t value, char text[SC_NUM_MAX])
{
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    char *at = text + SC_NUM_MAX - 1;

    *at = '\0';
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0)
        *--at = '-';
    return at;
}

int
sc_child_result(long result)
{
    return result < 0 ? -errno : 0;
}
