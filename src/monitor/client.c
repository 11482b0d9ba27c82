#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "monitor/monitor-priv.h"

#define END_OF_INPUT 4 /* ^D, what a terminal takes for end of file */

struct sc_client *
sc_client_add(struct sc_monitor *monitor, int fd)
{
    struct sc_client *client;

    if (monitor->client_count == SC_CLIENTS_MAX) {
        (void)close(fd);
        return NULL;
    }
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    client = &monitor->clients[monitor->client_count++];
    *client = (struct sc_client){.fd = fd};
    return client;
}

void
sc_client_accept(struct sc_monitor *monitor)
{
    for (;;) {
        int fd = accept4(monitor->config.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            return;
        (void)sc_client_add(monitor, fd);
    }
}

/* ---- the container's stdin ------------------------------------------------------------ */

static int
input_fd(const struct sc_monitor *monitor)
{
    return monitor->config.tty_fd >= 0 ? monitor->config.tty_fd : monitor->config.in_fd;
}

/* With stdin_once, stdin ends with the last one who feeds it. A terminal has no end. */
static void
close_input_if_unfed(struct sc_monitor *monitor)
{
    if (!monitor->config.stdin_once || !monitor->had_feeder)
        return;
    for (size_t i = 0; i < monitor->client_count; i++) {
        if (monitor->clients[i].feeds_stdin || monitor->clients[i].input.packet)
            return;
    }
    sc_closep(&monitor->config.in_fd);
}

static void
input_release(struct sc_stdin_data *input)
{
    free(input->packet);
    *input = (struct sc_stdin_data){.packet = NULL};
}

void
sc_client_close_input(struct sc_monitor *monitor)
{
    sc_closep(&monitor->config.in_fd);
    for (size_t i = 0; i < monitor->client_count; i++)
        input_release(&monitor->clients[i].input);
}

/* The client may send more. */
static void
input_done(struct sc_client *client)
{
    uint8_t type = SC_MSG_STDIN_DONE;
    ssize_t sent;

    input_release(&client->input);
    if (client->fd < 0)
        return;
    do
        sent = send(client->fd, &type, sizeof(type), MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    client->is_owed_done = sent < 0 && errno == EAGAIN;
}

bool
sc_client_wants_input_room(const struct sc_monitor *monitor)
{
    for (size_t i = 0; i < monitor->client_count; i++) {
        if (monitor->clients[i].input.packet || monitor->clients[i].owes_eof)
            return input_fd(monitor) >= 0;
    }
    return false;
}

/* Writes what fits. False: stdin takes no more now. */
static bool
write_input_of(struct sc_monitor *monitor, struct sc_client *client)
{
    const char end = END_OF_INPUT;
    struct sc_stdin_data *input = &client->input;

    while (input->packet) {
        ssize_t written = write(input_fd(monitor), input->packet + input->at, input->len - input->at);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN)
            return false;
        if (written < 0) { /* EPIPE: nobody will read it; the client is not asked for more */
            sc_client_close_input(monitor);
            return false;
        }
        input->at += (size_t)written;
        if (input->at == input->len)
            input_done(client);
    }
    if (client->owes_eof && write(input_fd(monitor), &end, 1) < 0 && errno == EAGAIN)
        return false;
    client->owes_eof = false;
    return true;
}

void
sc_client_write_input(struct sc_monitor *monitor)
{
    for (size_t i = 0; i < monitor->client_count && input_fd(monitor) >= 0; i++) {
        if (!write_input_of(monitor, &monitor->clients[i]))
            break;
    }
    close_input_if_unfed(monitor);
}

/* ---- messages ---------------------------------------------------------------------------- */

static bool
on_hello(struct sc_monitor *monitor, struct sc_client *client, const char *body, size_t len)
{
    struct {
        uint8_t type;
        int32_t pid;
    } __attribute__((packed)) started = {SC_MSG_STARTED, monitor->config.pid};

    if (len != 1 || client->is_greeted)
        return false;
    client->is_greeted = true;
    client->flags = (unsigned char)body[0];
    client->feeds_stdin = client->flags & SC_ATTACH_STDIN;
    monitor->had_feeder |= client->feeds_stdin;
    return send(client->fd, &started, sizeof(started), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

/* packet holds the message from its type on; it is taken over when its bytes must wait. */
static bool
on_stdin(struct sc_monitor *monitor, struct sc_client *client, char **packet, size_t len)
{
    if (len < 1 || client->input.packet || !client->feeds_stdin)
        return false;
    if (input_fd(monitor) < 0)
        return true; /* not asked for more: see STDIN_DONE */
    client->input = (struct sc_stdin_data){.packet = sc_steal_ptr(packet), .at = 1, .len = len + 1};
    /* Others' input may be waiting before this; order among clients does not matter. */
    (void)write_input_of(monitor, client);
    return true;
}

static void
on_stdin_eof(struct sc_monitor *monitor, struct sc_client *client)
{
    if (!client->feeds_stdin)
        return;
    client->feeds_stdin = false;
    if (monitor->config.tty_fd >= 0) {
        client->owes_eof = true;
        (void)write_input_of(monitor, client);
    }
    close_input_if_unfed(monitor);
}

static bool
on_resize(struct sc_monitor *monitor, const char *body, size_t len)
{
    struct winsize size = {0};

    if (len != 2 * sizeof(uint16_t))
        return false;
    memcpy(&size.ws_row, body, sizeof(uint16_t));
    memcpy(&size.ws_col, body + sizeof(uint16_t), sizeof(uint16_t));
    if (monitor->config.tty_fd >= 0)
        (void)ioctl(monitor->config.tty_fd, TIOCSWINSZ, &size);
    return true;
}

static bool
on_kill(struct sc_monitor *monitor, const char *body, size_t len)
{
    struct sc_err ignored = SC_ERR_INIT;
    int32_t signum;

    if (len != sizeof(signum))
        return false;
    memcpy(&signum, body, sizeof(signum));
    /* Fails only for a number that is no signal, or when init has just ended: its exit is the answer. */
    (void)!sc_pidfd_kill(monitor->config.pidfd, signum, &ignored);
    return true;
}

static bool
on_listener(struct sc_monitor *monitor, const struct sc_client *client, int *fd)
{
    const uint8_t kept = SC_MSG_LISTENER_KEPT;

    return *fd >= 0 && sc_calls_add_take(monitor, sc_steal_fd(fd)) &&
           send(client->fd, &kept, sizeof(kept), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

/* "REFILL\0NAMES\0", fds: two sockets, or none; taken over. */
static bool
on_joined(struct sc_monitor *monitor, const char *body, size_t len, int fds[2])
{
    struct sc_monitor_config *config = &monitor->config;
    const char *names = memchr(body, '\0', len);

    if (!names || ++names == body + len || body[len - 1] != '\0')
        return false;
    /* for the rest of the container's life */
    if (*body && !config->refill && (config->refill = strdup(body)) != NULL)
        sc_refill_watch(monitor);
    if (*names && config->names_udp < 0 && fds[1] >= 0 && (config->names = strdup(names)) != NULL) {
        config->names_udp = sc_steal_fd(&fds[0]);
        config->names_tcp = sc_steal_fd(&fds[1]);
    }
    return true;
}

/* One message. False: the client broke the protocol. */
static bool
on_message(struct sc_monitor *monitor, struct sc_client *client, char **packet, size_t len, int fds[2])
{
    const char *body = *packet + 1;
    size_t body_len = len - 1;
    uint8_t type = (uint8_t)(*packet)[0];

    if (type == SC_MSG_HELLO)
        return on_hello(monitor, client, body, body_len);
    if (!client->is_greeted)
        return false;
    switch (type) {
    case SC_MSG_STDIN:
        return on_stdin(monitor, client, packet, body_len);
    case SC_MSG_STDIN_EOF:
        on_stdin_eof(monitor, client);
        return true;
    case SC_MSG_RESIZE:
        return on_resize(monitor, body, body_len);
    case SC_MSG_KILL:
        return on_kill(monitor, body, body_len);
    case SC_MSG_LISTENER:
        return on_listener(monitor, client, &fds[0]);
    case SC_MSG_JOINED:
        return on_joined(monitor, body, body_len, fds);
    default:
        return false;
    }
}

void
sc_client_drop(struct sc_monitor *monitor, struct sc_client *client)
{
    if (client->fd < 0)
        return;
    sc_chunk_forget(monitor, client);
    sc_closep(&client->fd);
    if (client->is_owner) /* fails only when it has just ended */
        (void)!sc_pidfd_kill(monitor->config.pidfd, SIGKILL, &(struct sc_err)SC_ERR_INIT);
    client->feeds_stdin = false;
    client->is_owed_done = false;
    close_input_if_unfed(monitor);
}

void
sc_client_sweep(struct sc_monitor *monitor)
{
    size_t kept = 0;

    for (size_t i = 0; i < monitor->client_count; i++) {
        struct sc_client *client = &monitor->clients[i];

        if (client->fd >= 0 || client->input.packet)
            monitor->clients[kept++] = *client;
    }
    monitor->client_count = kept;
}

/* Receives one message. False: the client is gone. */
static bool
receive(struct sc_monitor *monitor, struct sc_client *client)
{
    struct sc_err err = SC_ERR_INIT;
    int fds[2] = {-1, -1};
    size_t count = SC_ARRAY_LEN(fds);
    bool is_kept;
    ssize_t got;

    if (!monitor->recv_buf)
        monitor->recv_buf = malloc(SC_MONITOR_PACKET_MAX);
    if (!monitor->recv_buf)
        return true; /* poll will say so again */
    monitor->has_scratch = true;
    got = sc_msg_recv(client->fd, monitor->recv_buf, SC_MONITOR_PACKET_MAX, fds, &count, &err);
    if (got < 0)
        return err.errnum == EAGAIN;
    is_kept = got > 0 && on_message(monitor, client, &monitor->recv_buf, (size_t)got, fds);
    sc_closep(&fds[0]);
    sc_closep(&fds[1]);
    return is_kept;
}

void
sc_client_event(struct sc_monitor *monitor, struct sc_client *client, short events)
{
    bool is_alive = true;

    /* What it sent before it hung up still counts. */
    if (events & POLLIN)
        is_alive = receive(monitor, client);
    else if (events & (POLLHUP | POLLERR | POLLNVAL))
        is_alive = false;
    if (is_alive && (events & POLLOUT)) {
        if (client->is_owed_done)
            input_done(client);
        is_alive = sc_chunk_send(monitor, client);
    }
    if (!is_alive)
        sc_client_drop(monitor, client);
}
