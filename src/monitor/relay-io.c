#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "monitor/relay-priv.h"

void
sc_outlet_init(struct sc_outlet *outlet, int fd, char *data)
{
    struct stat st;

    outlet->fd = fd;
    outlet->data = data;
    outlet->most = SC_MONITOR_PACKET_MAX;
    outlet->is_broken = fstat(fd, &st) < 0;
    outlet->errnum = 0;
    outlet->at = outlet->len = 0;
    if (!outlet->is_broken && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
        outlet->most = PIPE_BUF;
}

bool
sc_outlet_is_empty(const struct sc_outlet *outlet)
{
    return outlet->at == outlet->len;
}

void
sc_outlet_write(struct sc_outlet *outlet)
{
    size_t len = outlet->len - outlet->at;
    ssize_t written;

    if (outlet->is_broken) {
        outlet->at = outlet->len;
        return;
    }
    if (len == 0)
        return;
    written = write(outlet->fd, outlet->data + outlet->at, len < outlet->most ? len : outlet->most);
    if (written < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (written < 0) { /* EPIPE; or a full disk: the container does not suffer from either */
        outlet->is_broken = true;
        outlet->errnum = errno == EBADF ? 0 : errno; /* EBADF: nobody wanted it, it was closed when we began */
        outlet->at = outlet->len;
        return;
    }
    outlet->at += (size_t)written;
}

void
sc_outlet_flush(struct sc_outlet *outlet)
{
    while (!sc_outlet_is_empty(outlet)) {
        struct pollfd room = {.fd = outlet->fd, .events = POLLOUT};

        (void)poll(&room, 1, -1);
        sc_outlet_write(outlet);
    }
}

/* ---- the container's side ---------------------------------------------------------------- */

static void
set_nonblocking(int fd)
{
    if (fd >= 0)
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void
sc_far_init(struct sc_far *far, const struct sc_relay *relay, char *data)
{
    bool is_pipes = relay->sock < 0;

    far->data = data;
    far->sock = relay->sock;
    far->tty_fd = is_pipes ? relay->tty_fd : -1;
    far->in_fd = is_pipes ? relay->in_fd : -1;
    far->out_fd = is_pipes ? relay->out_fd : -1;
    far->err_fd = is_pipes ? relay->err_fd : -1;
    far->pidfd = is_pipes ? relay->pidfd : -1;
    far->awaits_done = false;
    far->at = far->len = 0;
    /* These pipes and the terminal's master have no other user on this side. */
    set_nonblocking(far->tty_fd);
    set_nonblocking(far->in_fd);
    set_nonblocking(far->out_fd);
    set_nonblocking(far->err_fd);
    if (far->tty_fd >= 0)
        far->in_fd = far->out_fd = far->tty_fd;
    else if (!relay->with_stdin)
        sc_closep(&far->in_fd);
}

void
sc_far_stop_input(struct sc_far *far)
{
    if (far->tty_fd < 0)
        sc_closep(&far->in_fd);
    far->in_fd = -1;
    far->at = far->len = 0;
}

void
sc_far_release(struct sc_far *far)
{
    sc_far_stop_input(far);
    if (far->tty_fd < 0)
        sc_closep(&far->out_fd);
    sc_closep(&far->err_fd);
}

bool
sc_far_takes_input(const struct sc_far *far)
{
    return far->sock >= 0 ? !far->awaits_done : far->in_fd >= 0 && far->at == far->len;
}

/* A monitor that is gone is noticed where its messages are read. */
static void
send_message(struct sc_far *far, enum sc_monitor_msg type, const void *body, size_t len)
{
    struct sc_err ignored = SC_ERR_INIT;

    (void)!sc_monitor_send(far->sock, type, body, len, &ignored);
}

void
sc_far_write_input(struct sc_far *far)
{
    while (far->in_fd >= 0 && far->at < far->len) {
        ssize_t written = write(far->in_fd, far->data + far->at, far->len - far->at);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN)
            return;
        if (written < 0) {
            sc_far_stop_input(far);
            return;
        }
        far->at += (size_t)written;
    }
}

void
sc_far_send_input(struct sc_far *far, const char *data, size_t len)
{
    if (len == 0)
        return;
    if (far->sock >= 0) {
        send_message(far, SC_MSG_STDIN, data, len);
        far->awaits_done = true;
        return;
    }
    memcpy(far->data, data, len);
    far->at = 0;
    far->len = len;
    sc_far_write_input(far);
}

void
sc_far_send_eof(struct sc_far *far)
{
    static const char end_of_input[] = {4}; /* ^D: a terminal's input has no other end */

    if (far->sock >= 0)
        send_message(far, SC_MSG_STDIN_EOF, NULL, 0);
    else if (far->tty_fd >= 0)
        sc_far_send_input(far, end_of_input, sizeof(end_of_input));
    else
        sc_far_stop_input(far);
}

void
sc_far_send_size(struct sc_far *far)
{
    uint16_t size[2]; /* rows, columns */

    if (!sc_terminal_size(&size[0], &size[1]))
        return;
    if (far->sock >= 0) {
        send_message(far, SC_MSG_RESIZE, size, sizeof(size));
    } else if (far->tty_fd >= 0) {
        struct winsize window = {.ws_row = size[0], .ws_col = size[1]};

        (void)ioctl(far->tty_fd, TIOCSWINSZ, &window);
    }
}

void
sc_far_send_signal(struct sc_far *far, int signum)
{
    struct sc_err ignored = SC_ERR_INIT;
    int32_t number = signum;

    if (far->sock >= 0)
        send_message(far, SC_MSG_KILL, &number, sizeof(number));
    else if (far->pidfd >= 0)
        (void)!sc_pidfd_kill(far->pidfd, signum, &ignored);
}
