/*
 * The real sc-monitor (named by $SC_MONITOR) over a plain `sh -c` in place of a container. Directories are
 * run/ data/ name/ below a scratch directory. Started as the engine does it: a forked child starts init, then
 * becomes sc-monitor.
 */
#ifndef SC_TESTS_MONITOR_SUPERVISED_H
#define SC_TESTS_MONITOR_SUPERVISED_H

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#include "monitor/monitor.h"
#include "scratch.h"

#define BOTH          (SC_ATTACH_STDOUT | SC_ATTACH_STDERR)
#define ALL           (SC_ATTACH_STDIN | BOTH)
#define CLIENT_SNDBUF 65536 /* doubled by the kernel; small, so that backpressure comes soon */

struct supervised {
    struct scratch *scratch;
    char run[80], data[80], name[80], log[96];
    int run_fd, data_fd;
    pid_t monitor;
    int client; /* the first client's end, or -1 */
};

struct how {
    const char *script;
    int client_flags; /* -1: no first client */
    bool tty, interactive, once, rm, no_log;
    int64_t log_max_size;
    int log_max_files;
};

static inline int
supervised_setup(void **state)
{
    struct supervised *s = calloc(1, sizeof(*s));
    struct sc_err err = SC_ERR_INIT;
    void *scratch = NULL;

    if (!s || scratch_setup(&scratch) < 0)
        return -1;
    s->scratch = scratch;
    s->client = -1;
    (void)snprintf(s->run, sizeof(s->run), "%s/run", s->scratch->path);
    (void)snprintf(s->data, sizeof(s->data), "%s/data", s->scratch->path);
    (void)snprintf(s->name, sizeof(s->name), "%s/name", s->scratch->path);
    (void)snprintf(s->log, sizeof(s->log), "%s/log.json", s->data);
    if (sc_dir_make_at(s->scratch->fd, "run", 0700, &err) < 0 || sc_dir_make_at(s->scratch->fd, "data", 0700, &err) < 0)
        return -1;
    s->run_fd = sc_dir_open_at(s->scratch->fd, "run", &err);
    s->data_fd = sc_dir_open_at(s->scratch->fd, "data", &err);
    *state = s;
    return symlinkat("data", s->scratch->fd, "name");
}

static inline int
supervised_teardown(void **state)
{
    struct supervised *s = *state;
    void *scratch = s->scratch;

    sc_closep(&s->client);
    if (s->monitor > 0) { /* only a failed test leaves it */
        (void)kill(s->monitor, SIGKILL);
        (void)waitpid(s->monitor, NULL, 0);
    }
    close(s->run_fd);
    close(s->data_fd);
    free(s);
    return scratch_teardown(&scratch);
}

/* init: the shell. out, err_fd, in: its ends of pipes, or -1 with a terminal. */
static inline void
supervised_init(const char *script, int in, int out, int err_fd, int slave)
{
    (void)setsid();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* as a container: it ends with its monitor */
    if (slave >= 0) {
        (void)ioctl(slave, TIOCSCTTY, 0);
        in = out = err_fd = slave;
    }
    (void)dup2(in, 0);
    (void)dup2(out, 1);
    (void)dup2(err_fd, 2);
    (void)syscall(SYS_close_range, 3U, ~0U, 0U);
    execl("/bin/sh", "sh", "-c", script, (char *)NULL);
    _exit(127);
}

/* In the forked child: starts init and becomes sc-monitor. */
static inline void
supervised_become(const struct supervised *s, const struct how *how, int listen_fd, int client_fd)
{
    struct sc_monitor_config config = {.id = "test",
                                       .run_dir = s->run,
                                       .data_dir = s->data,
                                       .name_link = s->name,
                                       .log_path = how->no_log ? NULL : s->log,
                                       .log_max_size = how->log_max_size,
                                       .log_max_files = how->log_max_files,
                                       .lock_fd = -1,
                                       .listen_fd = listen_fd,
                                       .client_fd = client_fd,
                                       .client_flags = how->client_flags < 0 ? 0 : how->client_flags,
                                       .tty_fd = -1,
                                       .in_fd = -1,
                                       .out_fd = -1,
                                       .err_fd = -1,
                                       .calls_fd = -1,
                                       .keeps_stdin_open = how->interactive,
                                       .stdin_once = how->once,
                                       .is_rm = how->rm};
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err_pipe[2] = {-1, -1}, slave = -1;
    struct sc_arena arena = SC_ARENA_INIT;
    struct sc_strv argv = {.items = NULL};
    struct sc_err err = SC_ERR_INIT;

    config.lock_fd = sc_lock_at(s->run_fd, "lock", SC_LOCK_EXCLUSIVE, false, &err);
    if (how->tty) {
        config.tty_fd = posix_openpt(O_RDWR | O_NOCTTY);
        if (grantpt(config.tty_fd) < 0 || unlockpt(config.tty_fd) < 0)
            _exit(100);
        slave = open(ptsname(config.tty_fd), O_RDWR | O_NOCTTY);
    } else {
        if (pipe(in) < 0 || pipe(out) < 0 || pipe(err_pipe) < 0)
            _exit(100);
        config.in_fd = in[1];
        config.out_fd = out[0];
        config.err_fd = err_pipe[0];
    }
    config.pid = fork();
    if (config.pid == 0)
        supervised_init(how->script, in[0], out[1], err_pipe[1], slave);
    close(in[0]);
    close(out[1]);
    close(err_pipe[1]);
    close(slave);
    config.pidfd = (int)syscall(SYS_pidfd_open, config.pid, 0);
    (void)sc_fd_cloexec(config.pidfd, false);
    (void)sc_fd_cloexec(config.lock_fd, false);
    (void)sc_fd_cloexec(listen_fd, false);
    if (client_fd >= 0)
        (void)sc_fd_cloexec(client_fd, false);
    sc_monitor_config_encode(&config, getenv("SC_MONITOR"), &arena, &argv);
    execv(argv.items[0], argv.items);
    _exit(101);
}

static inline void
supervised_start(struct supervised *s, const struct how *how)
{
    int ends[2] = {-1, -1}, listen_fd, size = CLIENT_SNDBUF;
    struct sc_err err;

    assert_non_null(getenv("SC_MONITOR"));
    assert_ok((listen_fd = sc_monitor_listen(s->run_fd, &err)));
    if (how->client_flags >= 0) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    }
    s->monitor = fork();
    assert_true(s->monitor >= 0);
    if (s->monitor == 0)
        supervised_become(s, how, listen_fd, ends[1]);
    close(listen_fd);
    if (ends[1] >= 0)
        close(ends[1]);
    s->client = ends[0];
}

static inline void
send_msg(int sock, enum sc_monitor_msg type, const void *body, size_t len)
{
    struct sc_err err;

    assert_ok(sc_monitor_send(sock, type, body, len, &err));
}

static inline void
send_kill(int sock, int signum)
{
    int32_t number = signum;

    send_msg(sock, SC_MSG_KILL, &number, sizeof(number));
}

/* What one client has been told. */
struct told {
    struct sc_buf out, err_out;
    int32_t started;
    int done_count;
    bool has_exit;
    struct sc_exit exit;
};

static inline void
told_release(struct told *told)
{
    sc_buf_release(&told->out);
    sc_buf_release(&told->err_out);
}
#define sc_cleanup_told __attribute__((cleanup(told_release))) struct told

static inline void
hear_one(int sock, struct told *told)
{
    static char body[SC_MONITOR_PACKET_MAX];
    enum sc_monitor_msg type = 0;
    struct sc_err err;
    ssize_t len;

    assert_ok((len = sc_monitor_recv(sock, &type, body, sizeof(body), &err)));
    switch (type) {
    case SC_MSG_STARTED:
        assert_int_equal(len, sizeof(told->started));
        memcpy(&told->started, body, sizeof(told->started));
        break;
    case SC_MSG_STDOUT:
        sc_buf_add(&told->out, body, (size_t)len);
        break;
    case SC_MSG_STDERR:
        sc_buf_add(&told->err_out, body, (size_t)len);
        break;
    case SC_MSG_STDIN_DONE:
        told->done_count++;
        break;
    case SC_MSG_EXIT:
        assert_int_equal(len, sizeof(told->exit));
        memcpy(&told->exit, body, sizeof(told->exit));
        told->has_exit = true;
        break;
    default:
        fail_msg("message %d", (int)type);
    }
}

/* Everything until EXIT, which must be the last. */
static inline void
hear_all(int sock, struct told *told)
{
    enum sc_monitor_msg type;
    struct sc_err err;
    char rest[8];

    while (!told->has_exit)
        hear_one(sock, told);
    assert_fails(sc_monitor_recv(sock, &type, rest, sizeof(rest), &err), SC_ERR_PEER_DIED,
                 "the container's monitor ended without a word");
}

/* Until stdout holds text. */
static inline void
hear_until(int sock, struct told *told, const char *text)
{
    while (!strstr(sc_buf_str(&told->out), text)) {
        assert_false(told->has_exit);
        hear_one(sock, told);
    }
}

/* The monitor itself ends, and well. */
static inline void
supervised_wait(struct supervised *s)
{
    int status = -1;

    assert_int_equal(waitpid(s->monitor, &status, 0), s->monitor);
    s->monitor = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static inline int
attach(struct supervised *s, int flags, struct told *told)
{
    struct sc_err err;
    int sock;

    assert_ok((sock = sc_monitor_connect(s->run_fd, flags, &err)));
    while (told->started == 0)
        hear_one(sock, told);
    return sock;
}

static inline int
add_line(bool is_stderr, const char *line, size_t len, void *data)
{
    sc_buf_add(data, is_stderr ? "[" : "", is_stderr);
    sc_buf_add(data, line, len);
    return 0;
}

static inline void
assert_log(const struct supervised *s, const char *expected)
{
    struct sc_log_query query = {.tail = -1};
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err;

    assert_ok(sc_log_read(s->log, &query, NULL, add_line, &text, &err));
    assert_string_equal(sc_buf_str(&text), expected);
}

#define SUPERVISED_TEST(f) cmocka_unit_test_setup_teardown(f, supervised_setup, supervised_teardown)

#endif
