/*
 * The relay, in a forked child whose fds 0..2 are the test's pipes or the slave of a pty. The far side is a plain
 * process (exec), or this test speaking as a monitor.
 */
#ifndef SC_TESTS_MONITOR_RELAYED_H
#define SC_TESTS_MONITOR_RELAYED_H

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#include "monitor/monitor.h"
#include "scratch.h"

enum { EXITED_BASE = 0, DETACHED = 200, FAILED = 201 }; /* how the relaying child ends */

struct user {
    pid_t relay;
    int in, out, err_out; /* our ends of its 0, 1, 2; with a pty all the master */
    int slave;            /* kept, to look at its modes */
    int monitor;          /* our end of its socket, or -1 */
};

/* In the child: relays, and ends as the container did. An error goes to fd 2. */
static inline void
relay_and_exit(const struct sc_relay *relay)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_exit record = {.code = 0};
    enum sc_relay_end end;

    if (sc_relay_run(relay, &end, &record, &err) < 0) {
        (void)dprintf(2, "%s: %s", sc_err_kind_name(err.kind), err.msg);
        _exit(FAILED);
    }
    _exit(end == SC_RELAY_DETACHED ? DETACHED : EXITED_BASE + record.code);
}

/* exec: the process, and our ends of its pipes in relay. */
static inline void
start_process(const char *script, struct sc_relay *relay)
{
    int in[2], out[2], err_pipe[2];
    pid_t pid;

    if (pipe(in) < 0 || pipe(out) < 0 || pipe(err_pipe) < 0)
        _exit(99);
    pid = fork();
    if (pid == 0) {
        (void)setsid();
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)dup2(err_pipe[1], 2);
        (void)syscall(SYS_close_range, 3U, ~0U, 0U);
        execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    close(err_pipe[1]);
    relay->sock = -1;
    relay->tty_fd = -1;
    relay->in_fd = in[1];
    relay->out_fd = out[0];
    relay->err_fd = err_pipe[0];
    relay->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
}

/* The relay over a process running script, or (script NULL) over a socket whose other end is user->monitor. */
static inline void
start(struct user *user, const char *script, struct sc_relay relay, bool on_pty)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err_pipe[2] = {-1, -1}, ends[2] = {-1, -1};
    int master = -1;

    *user = (struct user){.slave = -1, .monitor = -1};
    if (on_pty) {
        struct winsize size = {.ws_row = 24, .ws_col = 80};

        master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_true(master >= 0);
        assert_int_equal(grantpt(master), 0);
        assert_int_equal(unlockpt(master), 0);
        user->slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
        user->in = user->out = user->err_out = master;
    } else {
        assert_int_equal(pipe2(in, O_CLOEXEC), 0);
        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
        assert_int_equal(pipe2(err_pipe, O_CLOEXEC), 0);
        user->in = in[1];
        user->out = out[0];
        user->err_out = err_pipe[0];
    }
    if (!script)
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    user->monitor = ends[0];
    user->relay = fork();
    assert_true(user->relay >= 0);
    if (user->relay == 0) {
        (void)setsid();
        if (on_pty) {
            (void)ioctl(user->slave, TIOCSCTTY, 0);
            in[0] = out[1] = err_pipe[1] = user->slave;
        }
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)dup2(err_pipe[1], 2);
        if (script) {
            (void)syscall(SYS_close_range, 3U, ~0U, 0U);
            start_process(script, &relay);
        } else {
            (void)dup2(ends[1], 3);
            (void)syscall(SYS_close_range, 4U, ~0U, 0U);
            relay.sock = 3;
        }
        relay_and_exit(&relay);
    }
    if (!on_pty) {
        close(in[0]);
        close(out[1]);
        close(err_pipe[1]);
    }
    sc_closep(&ends[1]);
}

static inline int
finish(struct user *user)
{
    int status = -1;

    assert_int_equal(waitpid(user->relay, &status, 0), user->relay);
    sc_closep(&user->in);
    if (user->slave < 0) {
        sc_closep(&user->out);
        sc_closep(&user->err_out);
    }
    sc_closep(&user->slave);
    sc_closep(&user->monitor);
    return status;
}

static inline void
assert_exit(struct user *user, int code)
{
    int status = finish(user);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

/* Reads the terminal until text has come. */
static inline void
read_until(int fd, struct sc_buf *out, const char *text)
{
    while (!strstr(sc_buf_str(out), text)) {
        char part[256];
        ssize_t got = read(fd, part, sizeof(part));

        assert_true(got > 0);
        sc_buf_add(out, part, (size_t)got);
    }
}

static inline void
assert_hears(const struct user *user, enum sc_monitor_msg expected, const void *body, size_t len)
{
    static char room[SC_MONITOR_PACKET_MAX];
    enum sc_monitor_msg type = 0;
    struct sc_err err;
    ssize_t got;

    assert_ok((got = sc_monitor_recv(user->monitor, &type, room, sizeof(room), &err)));
    assert_int_equal(type, expected);
    assert_int_equal(got, len);
    assert_memory_equal(room, body, len);
}

static inline void
say(const struct user *user, enum sc_monitor_msg type, const void *body, size_t len)
{
    struct sc_err err;

    assert_ok(sc_monitor_send(user->monitor, type, body, len, &err));
}

static inline void
say_exit(const struct user *user, int code)
{
    struct sc_exit record;

    memset(&record, 0, sizeof(record));
    record.code = code;
    say(user, SC_MSG_EXIT, &record, sizeof(record));
}

#endif
