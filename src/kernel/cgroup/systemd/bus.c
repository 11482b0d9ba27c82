/*
 * A connection to a service manager: its own socket, where no bus is in between and no bus need be running, or else
 * the bus. Authentication is EXTERNAL with no identity given: the manager takes it from the socket, so that root of a
 * user namespace is who it is outside. musl-clean: only base.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel/cgroup/systemd/systemd.h"

#define WAIT_NSEC     INT64_C(60000000000) /* of the whole conversation: an emulated or overloaded machine is slow */
#define AUTH_LINE_MAX 256
#define MANAGER       "org.freedesktop.systemd1"
#define MANAGER_PATH  "/org/freedesktop/systemd1"
#define BUS           "org.freedesktop.DBus"
#define BUS_PATH      "/org/freedesktop/DBus"

void
sc_bus_release(struct sc_bus *bus)
{
    sc_closep(&bus->fd);
    sc_buf_release(&bus->last);
}

/* ---- bytes --------------------------------------------------------------------- */

static int
wait_ready(struct sc_bus *bus, short events, struct sc_err *err)
{
    for (;;) {
        struct pollfd ready = {.fd = bus->fd, .events = events};
        int64_t left = bus->deadline - sc_time_monotonic();
        int result = left > 0 ? poll(&ready, 1, (int)(left / 1000000) + 1) : 0;

        if (result > 0)
            return 0;
        if (result == 0)
            return sc_err_set(err, SC_ERR_BUSY, "systemd does not answer");
        if (errno != EINTR)
            return sc_err_errno(err, errno, "wait for systemd");
    }
}

static int
send_all(struct sc_bus *bus, const void *data, size_t len, struct sc_err *err)
{
    const char *at = data;

    while (len > 0) {
        ssize_t sent = send(bus->fd, at, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EAGAIN) {
            if (wait_ready(bus, POLLOUT, err) < 0)
                return -1;
            continue;
        }
        if (sent < 0 && errno != EINTR)
            return sc_err_errno(err, errno, "write to systemd");
        if (sent > 0) {
            at += sent;
            len -= (size_t)sent;
        }
    }
    return 0;
}

static int
recv_all(struct sc_bus *bus, void *data, size_t len, struct sc_err *err)
{
    char *at = data;

    while (len > 0) {
        ssize_t got;

        if (wait_ready(bus, POLLIN, err) < 0)
            return -1;
        got = recv(bus->fd, at, len, 0);
        if (got == 0)
            return sc_err_set(err, SC_ERR_PEER_DIED, "systemd closed the connection");
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return sc_err_errno(err, errno, "read from systemd");
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        }
    }
    return 0;
}

/* ---- connecting ------------------------------------------------------------------ */

static int
recv_line(struct sc_bus *bus, char line[AUTH_LINE_MAX], struct sc_err *err)
{
    size_t len = 0;

    /* Byte by byte: what follows the line is not ours to take yet. */
    do {
        if (len == AUTH_LINE_MAX - 1)
            return sc_err_set(err, SC_ERR_KERNEL, "a line of %zu bytes is too long", len);
        if (recv_all(bus, &line[len], 1, err) < 0)
            return -1;
    } while (line[len++] != '\n');
    line[len] = '\0';
    return 0;
}

/* All in one write, as sd-bus sends it: a message that reached systemd in one read with a later BEGIN would lie in its
 * buffer unread until the next one comes. */
static int
authenticate(struct sc_bus *bus, struct sc_err *err)
{
    static const char hello[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
    char line[AUTH_LINE_MAX];

    if (send_all(bus, hello, sizeof(hello) - 1, err) < 0 || recv_line(bus, line, err) < 0)
        return -1;
    if (sc_str_starts(line, "DATA") && recv_line(bus, line, err) < 0)
        return -1;
    return sc_str_starts(line, "OK ") ? 0 : sc_err_set(err, SC_ERR_DENIED, "it refuses this user");
}

static int
connect_to(struct sc_bus *bus, const char *path, struct sc_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    sc_cleanup_fd fd = -1;

    if (strlen(path) >= sizeof(address.sun_path))
        return sc_err_set(err, SC_ERR_INVALID, "connect to \"%s\": the path is too long", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return sc_err_errno(err, errno, "make a socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return sc_err_errno(err, errno, "connect to \"%s\"", path);
    bus->fd = sc_steal_fd(&fd);
    if (authenticate(bus, err) == 0)
        return 0;
    sc_closep(&bus->fd);
    return sc_err_wrap(err, "connect to \"%s\"", path);
}

static int call(struct sc_bus *bus, struct sc_dbus_message *message, const struct sc_strv *words,
                struct sc_dbus_message *reply, const char **error_name, struct sc_err *err);

static int
call_bus(struct sc_bus *bus, const char *member, const char *argument, struct sc_err *err)
{
    struct sc_dbus_message message = {
        .destination = BUS, .path = BUS_PATH, .interface = BUS, .member = member, .signature = argument ? "s" : NULL};
    char *items[2] = {(char *)argument, NULL};
    const struct sc_strv words = {.items = items, .count = argument != NULL};
    struct sc_dbus_message reply;
    const char *error_name = NULL;

    return call(bus, &message, &words, &reply, &error_name, err);
}

/* On a bus one must say hello, and signals come only to who asks for them. */
static int
enter_bus(struct sc_bus *bus, struct sc_err *err)
{
    const struct sc_strv none = {.count = 0};
    struct sc_dbus_message reply;
    const char *error_name = NULL;

    if (call_bus(bus, "Hello", NULL, err) < 0 ||
        call_bus(bus, "AddMatch",
                 "type='signal',sender='" MANAGER "',interface='" MANAGER ".Manager',member='JobRemoved'", err) < 0)
        return -1;
    return sc_bus_call(bus, MANAGER ".Manager", "Subscribe", NULL, &none, &reply, &error_name, err);
}

/* The path in "unix:path=/run/user/1000/bus,guid=..."; an abstract socket has none. */
static bool
session_bus_path(char *out, size_t size)
{
    static const char prefix[] = "unix:path=";
    const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");

    if (!address || !sc_str_starts(address, prefix))
        return false;
    address += sizeof(prefix) - 1;
    (void)snprintf(out, size, "%.*s", (int)strcspn(address, ",;"), address);
    return true;
}

static int
open_user(struct sc_bus *bus, struct sc_err *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct sc_err ignored = SC_ERR_INIT;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

    if (runtime) {
        (void)snprintf(path, sizeof(path), "%s/systemd/private", runtime);
        bus->is_private = true;
        if (connect_to(bus, path, &ignored) == 0)
            return 0;
    }
    bus->is_private = false;
    if (!session_bus_path(path, sizeof(path))) {
        if (!runtime) {
            sc_err_set(err, SC_ERR_UNSUPPORTED, "find the user's systemd: XDG_RUNTIME_DIR is not set");
            return sc_err_remedy(err, "log in through a session, or: loginctl enable-linger, and set XDG_RUNTIME_DIR "
                                      "to /run/user/UID");
        }
        (void)snprintf(path, sizeof(path), "%s/bus", runtime);
    }
    return connect_to(bus, path, err) < 0 ? -1 : enter_bus(bus, err);
}

int
sc_bus_open(bool is_user, struct sc_bus *bus, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;

    bus->is_user = is_user;
    bus->deadline = sc_time_monotonic() + WAIT_NSEC;
    if (is_user)
        return open_user(bus, err);
    bus->is_private = true;
    if (connect_to(bus, "/run/systemd/private", &ignored) == 0)
        return 0;
    bus->is_private = false;
    return connect_to(bus, "/run/dbus/system_bus_socket", err) < 0 ? -1 : enter_bus(bus, err);
}

/* ---- messages ---------------------------------------------------------------------- */

static int
recv_message(struct sc_bus *bus, struct sc_dbus_message *out, struct sc_err *err)
{
    uint8_t head[SC_DBUS_HEAD];
    size_t len;

    if (recv_all(bus, head, sizeof(head), err) < 0 || sc_dbus_length(head, &len, err) < 0)
        return -1;
    sc_buf_clear(&bus->last);
    sc_buf_add(&bus->last, head, sizeof(head));
    for (size_t have = sizeof(head); have < len;) {
        char chunk[4096];
        size_t part = len - have < sizeof(chunk) ? len - have : sizeof(chunk);

        if (recv_all(bus, chunk, part, err) < 0)
            return -1;
        sc_buf_add(&bus->last, chunk, part);
        have += part;
    }
    if (sc_buf_check(&bus->last, err) < 0)
        return -1;
    return sc_dbus_read((const uint8_t *)bus->last.data, bus->last.len, out, err);
}

static int
call(struct sc_bus *bus, struct sc_dbus_message *message, const struct sc_strv *words, struct sc_dbus_message *reply,
     const char **error_name, struct sc_err *err)
{
    sc_cleanup_buf body = SC_BUF_INIT, bytes = SC_BUF_INIT;
    const char *text;

    *error_name = NULL;
    if (message->signature && sc_dbus_write_words(message->signature, words, &body, err) < 0)
        return -1;
    message->type = SC_DBUS_CALL;
    message->serial = ++bus->serial;
    message->body = (const uint8_t *)body.data;
    message->body_len = body.len;
    if (sc_dbus_write(message, &bytes, err) < 0 || send_all(bus, bytes.data, bytes.len, err) < 0)
        return -1;
    do {
        if (recv_message(bus, reply, err) < 0)
            return -1;
    } while ((reply->type != SC_DBUS_RETURN && reply->type != SC_DBUS_ERROR) || reply->reply_serial != bus->serial);
    if (reply->type == SC_DBUS_RETURN)
        return 0;
    *error_name = reply->error_name ? reply->error_name : "";
    text = sc_dbus_string(reply, 0);
    return sc_err_set(err, SC_ERR_KERNEL, "%s", text ? text : *error_name);
}

int
sc_bus_call(struct sc_bus *bus, const char *interface, const char *member, const char *signature,
            const struct sc_strv *words, struct sc_dbus_message *reply, const char **error_name, struct sc_err *err)
{
    struct sc_dbus_message message = {.destination = bus->is_private ? NULL : MANAGER,
                                      .path = MANAGER_PATH,
                                      .interface = interface,
                                      .member = member,
                                      .signature = signature};

    return call(bus, &message, words, reply, error_name, err);
}

int
sc_bus_wait_job(struct sc_bus *bus, const struct sc_dbus_message *reply, struct sc_err *err)
{
    const char *named = sc_dbus_string(reply, 0);
    sc_cleanup_free char *job = named ? strdup(named) : NULL;
    struct sc_dbus_message signal;

    if (!job)
        return named ? sc_err_nomem(err) : sc_err_set(err, SC_ERR_KERNEL, "systemd's answer names no job");
    for (;;) {
        const char *path, *result;

        if (recv_message(bus, &signal, err) < 0)
            return sc_err_wrap(err, "wait for its job");
        if (signal.type != SC_DBUS_SIGNAL || !sc_str_eq(signal.member, "JobRemoved"))
            continue;
        /* number, path, unit, result */
        path = sc_dbus_string(&signal, 1);
        result = sc_dbus_string(&signal, 3);
        if (!path || !result || strcmp(path, job) != 0)
            continue;
        if (strcmp(result, "done") == 0)
            return 0;
        return sc_err_set(err, SC_ERR_KERNEL, "its job ended with the result \"%s\"", result);
    }
}
