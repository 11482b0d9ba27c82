/*
 * How one request finds the process of another: `docker run` attaches first, starts then, and resizes later, each on a
 * connection of its own. The process that holds an attached client listens on a socket below <run root>/api that is
 * named KIND-ID-PID (a: attached, x: an execution), and is told
 *
 *     start             run the container now; answered "ok", or "STATUS EXIT message", or end of file: it died
 *     attach            it was started by another; no answer
 *     resize ROWS COLS  no answer
 *
 * What is left of a process that was killed is removed by the first that finds nobody there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/api-priv.h"

#define START_MS 60000

/* By the directory's descriptor: the run root's path may be longer than an address. */
static void
address_of(const struct sc_api_call *call, const char *name, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/%.63s", call->server->dir_fd, name);
}

int
sc_api_session_open(struct sc_api_call *call, char kind, const char *id, char name[64])
{
    struct sockaddr_un address;
    sc_cleanup_fd fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    (void)snprintf(name, 64, "%c-%.40s-%d", kind, id, (int)getpid());
    address_of(call, name, &address);
    (void)unlinkat(call->server->dir_fd, name, 0); /* of a process that had our pid */
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0)
        return sc_err_errno(&call->err, errno, "listen for who starts the container");
    return sc_steal_fd(&fd);
}

void
sc_api_session_close(struct sc_api_call *call, const char *name, int *fd)
{
    if (*fd >= 0)
        (void)unlinkat(call->server->dir_fd, name, 0);
    sc_closep(fd);
}

int
sc_api_notify_open(char env[64])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(sa_family_t);
    int on = 1;
    sc_cleanup_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    /* the kernel chooses the name: five digits */
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, len) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
        return -1;
    len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return -1;
    (void)snprintf(env, 64, "NOTIFY_SOCKET=@%.*s", (int)(len - offsetof(struct sockaddr_un, sun_path) - 1),
                   address.sun_path + 1);
    return sc_steal_fd(&fd);
}

/* Anybody of the network namespace may send there: who it was, the kernel says. */
bool
sc_api_notify_came(int fd)
{
    char text[64] = "", control[CMSG_SPACE(sizeof(struct ucred))] __attribute__((aligned(8)));
    struct iovec iov = {.iov_base = text, .iov_len = sizeof(text)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    struct ucred who;

    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
        return false;
    memcpy(&who, CMSG_DATA(c), sizeof(who));
    return who.uid == geteuid() && n >= 7 && memcmp(text, "READY=1", 7) == 0;
}

/* 1: told, and if it was asked for answered; 0: it is gone. */
static int
tell_one(struct sc_api_call *call, const char *name, const char *text, char *reply)
{
    struct sockaddr_un address;
    struct pollfd poll_fd;
    ssize_t n;
    sc_cleanup_fd fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    address_of(call, name, &address);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno == ECONNREFUSED)
            (void)unlinkat(call->server->dir_fd, name, 0);
        return 0;
    }
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        return 0;
    if (!reply)
        return 1;
    poll_fd = (struct pollfd){.fd = fd, .events = POLLIN};
    if (poll(&poll_fd, 1, START_MS) <= 0)
        return 0;
    n = recv(fd, reply, SC_API_SESSION_MSG - 1, 0);
    if (n <= 0)
        return 0;
    reply[n] = '\0';
    return 1;
}

bool
sc_api_session_tell(struct sc_api_call *call, char kind, const char *id, const char *text, char *reply)
{
    char prefix[64];
    bool was_told = false;
    int copy = openat(call->server->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = copy >= 0 ? fdopendir(copy) : NULL;

    (void)snprintf(prefix, sizeof(prefix), "%c-%.40s-", kind, id);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (!sc_str_starts(entry->d_name, prefix))
            continue;
        /* one alone starts it; the others then join */
        if (tell_one(call, entry->d_name, was_told && reply ? "attach" : text, was_told ? NULL : reply) == 1)
            was_told = true;
    }
    return was_told;
}

int
sc_api_terminal_resize(int fd, const char *text)
{
    struct winsize size = {0};
    struct sc_err ignored = SC_ERR_INIT;
    char rows[16];
    uint32_t h = 0, w = 0;
    size_t n = strcspn(text, " ");

    if (fd < 0 || n >= sizeof(rows) || text[n] != ' ')
        return -1;
    (void)snprintf(rows, sizeof(rows), "%.*s", (int)n, text);
    if (sc_parse_u32(rows, &h, &ignored) < 0 || sc_parse_u32(text + n + 1, &w, &ignored) < 0 || h > UINT16_MAX ||
        w > UINT16_MAX)
        return -1;
    size.ws_row = (unsigned short)h;
    size.ws_col = (unsigned short)w;
    return ioctl(fd, TIOCSWINSZ, &size);
}
