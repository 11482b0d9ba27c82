/*
 * sc-api: the socket, who may connect, a process for each connection, the end after an idle time.
 *
 *     sc-api SC RUN_ROOT ADDRESS IDLE_SECONDS      started by `sc api`, which has checked the words
 *
 * With LISTEN_FDS (systemd) the socket is descriptor 3 and ADDRESS is not used.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/api-priv.h"

#define CONNECTIONS_MAX 512

static volatile sig_atomic_t is_ending;

static void
on_end(int signum)
{
    (void)signum;
    is_ending = 1;
}

static void
on_child(int signum)
{
    (void)signum; /* only to wake poll */
}

/* ---- one connection --------------------------------------------------------------------------------------------- */

/* Reads the head; what came behind it stays in call->ahead. */
static int
read_head(struct sc_api_call *call)
{
    int64_t end = sc_time_monotonic() + (int64_t)SC_API_CLIENT_MS * 1000000;
    char piece[4096];

    for (;;) {
        int64_t left = (end - sc_time_monotonic()) / 1000000;
        struct pollfd poll_fd = {.fd = call->fd, .events = POLLIN};
        size_t head = sc_api_head_len(sc_buf_str(&call->ahead), call->ahead.len);
        struct sc_err err = SC_ERR_INIT;
        ssize_t n;

        if (head > 0) {
            call->ahead_at = head;
            if (sc_api_head_parse(call->ahead.data, head, call->arena, &call->request, &err) < 0)
                return sc_api_fail_err(call, &err);
            call->left = call->request.length;
            return 0;
        }
        if (call->ahead.len > SC_API_HEAD_MAX)
            return sc_api_fail(call, 431, "a head of more than %d bytes", SC_API_HEAD_MAX);
        if (left <= 0 || poll(&poll_fd, 1, (int)left) == 0)
            return call->ahead.len == 0 ? -2 : sc_api_fail(call, 408, "the head did not come in time");
        n = read(call->fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -2; /* a connection that was opened in advance, and not used */
        sc_buf_add(&call->ahead, piece, (size_t)n);
        if (call->ahead.has_failed)
            return sc_err_nomem(&call->err);
    }
}

/* The socket is one that others may be let at (its group): only its owner and root are answered. */
static bool
is_allowed(int fd)
{
    struct ucred who;
    socklen_t len = sizeof(who);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && (who.uid == 0 || who.uid == geteuid());
}

static void
serve(const struct sc_api_server *server, int fd)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_api_call call = {.server = server, .fd = fd, .arena = &arena, .err = SC_ERR_INIT};
    struct timeval patience = {.tv_sec = 600};
    char rest[4096];
    bool may = is_allowed(fd);
    int result;

    (void)prctl(PR_SET_NAME, "sc-api-call");
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    result = may ? read_head(&call) : sc_api_fail(&call, 403, "only the owner of this socket and root may");
    if (result == 0)
        result = sc_api_route(&call);
    if (result == -1)
        sc_api_answer_failure(&call);
    /* What was not read would make the kernel reset the connection, and the answer be lost. */
    (void)shutdown(fd, SHUT_WR);
    if (!may) { /* its request was not waited for, and would find nobody to take it */
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

        (void)poll(&poll_fd, 1, 1000);
    }
    for (int i = 0; i < 256 && recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0; i++)
        ;
    sc_buf_release(&call.ahead);
}

/* ---- the socket ------------------------------------------------------------------------------------------------- */

static int
inherited(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    struct sc_err ignored = SC_ERR_INIT;
    int64_t number = 0;
    int type = 0, domain = 0;
    socklen_t len = sizeof(type);

    if (!pid || !count || strcmp(count, "1") != 0 || sc_parse_i64(pid, &number, &ignored) < 0 || number != getpid())
        return -1;
    if (getsockopt(3, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM ||
        getsockopt(3, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain != AF_UNIX)
        return -1;
    (void)sc_fd_cloexec(3, true);
    return 3;
}

/* connect(2) says the same of a file that is no socket, and that stays. */
static bool
is_socket(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode); /* lint: the caller names its own socket */
}

/* Binds path, in place of what a server that is no more has left there. */
static int
listen_at(const char *path, struct sc_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    sc_cleanup_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before;
    int result;

    if (strlen(path) >= sizeof(address.sun_path))
        return sc_err_set(err, SC_ERR_INVALID, "listen at \"%s\": longer than %zu bytes", path,
                          sizeof(address.sun_path) - 1);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0)
        return sc_err_errno(err, errno, "listen at \"%s\"", path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return sc_err_set(err, SC_ERR_EXISTS, "listen at \"%s\": another server listens there", path);
    if (errno == ECONNREFUSED && is_socket(path))
        (void)unlink(path); /* lint: the caller names its own socket */
    before = umask(0117);
    result = bind(fd, (const struct sockaddr *)&address, sizeof(address));
    (void)umask(before);
    if (result < 0 || listen(fd, 128) < 0)
        return sc_err_errno(err, errno, "listen at \"%s\"", path);
    return sc_steal_fd(&fd);
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static void
reap(int *running, int64_t *last)
{
    while (waitpid(-1, NULL, WNOHANG) > 0) {
        (*running)--;
        *last = sc_time_monotonic();
    }
}

static void
refuse(int fd)
{
    static const char text[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        "Content-Length: 35\r\nConnection: close\r\n\r\n{\"message\":\"too many connections\"}\n";

    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
take(const struct sc_api_server *server, int listener, int *running, const sigset_t *mask)
{
    sc_cleanup_fd fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    pid_t pid;

    if (fd < 0)
        return;
    if (*running >= CONNECTIONS_MAX) {
        refuse(fd);
        return;
    }
    pid = fork();
    if (pid == 0) {
        (void)close(listener);
        (void)signal(SIGTERM, SIG_DFL);
        (void)signal(SIGINT, SIG_DFL);
        (void)signal(SIGCHLD, SIG_DFL);
        (void)sigprocmask(SIG_SETMASK, mask, NULL);
        serve(server, fd);
        _exit(0);
    }
    if (pid > 0)
        (*running)++;
}

/* Signals are let in by ppoll alone, so that none comes between a look and the sleep. */
static void
loop(const struct sc_api_server *server, int listener, int64_t idle_seconds)
{
    struct sigaction end = {.sa_handler = on_end}, child = {.sa_handler = on_child};
    sigset_t blocked, before;
    int64_t last = sc_time_monotonic();
    int running = 0;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &blocked, &before);
    (void)sigaction(SIGTERM, &end, NULL);
    (void)sigaction(SIGINT, &end, NULL);
    (void)sigaction(SIGCHLD, &child, NULL);
    while (!is_ending) {
        struct pollfd poll_fd = {.fd = listener, .events = POLLIN};
        int64_t left = last + idle_seconds * 1000000000 - sc_time_monotonic();
        struct timespec timeout = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        bool may_end = idle_seconds > 0 && running == 0;
        int ready;

        if (may_end && left <= 0)
            return;
        ready = ppoll(&poll_fd, 1, may_end ? &timeout : NULL, &before);
        if (ready > 0) {
            last = sc_time_monotonic();
            take(server, listener, &running, &before);
        }
        reap(&running, &last);
    }
}

/* What nobody uses any more: executions that were made, logins of requests that were killed, and the directory when no
 * client is attached. */
static void
clean_up(int run_fd, int dir_fd)
{
    sc_cleanup_dir dir = fdopendir(dir_fd);

    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (sc_str_starts(entry->d_name, "exec-") || sc_str_starts(entry->d_name, "login-"))
            (void)unlinkat(dir_fd, entry->d_name, 0);
    }
    (void)unlinkat(run_fd, "api", AT_REMOVEDIR);
}

static int
say(const struct sc_err *err)
{
    (void)fprintf(stderr, "sc: %s\n", err->msg);
    return 1;
}

int
main(int argc, char **argv)
{
    struct sc_api_server server = {.dir_fd = -1};
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd run_fd = -1, dir_fd = -1, listener = -1;
    int64_t idle = 0;
    bool is_ours;

    if (argc != 5 || sc_parse_i64(argv[4], &idle, &err) < 0) {
        (void)fputs("sc: it is started by sc api, not by hand\n", stderr);
        return 125;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    server.sc = argv[1];
    server.run_root = argv[2];
    run_fd = sc_dir_open_at(AT_FDCWD, argv[2], &err); /* lint: the run root */
    if (run_fd < 0 || sc_dir_make_at(run_fd, "api", 0700, &err) < 0)
        return say(&err);
    dir_fd = sc_dir_open_at(run_fd, "api", &err);
    if (dir_fd < 0)
        return say(&err);
    server.dir_fd = dir_fd;
    listener = inherited();
    is_ours = listener < 0;
    if (is_ours)
        listener = listen_at(argv[3], &err);
    if (listener < 0)
        return say(&err);
    loop(&server, listener, idle);
    if (is_ours)
        (void)unlink(argv[3]); /* lint: the socket that was made above */
    clean_up(run_fd, sc_steal_fd(&dir_fd));
    return 0;
}
