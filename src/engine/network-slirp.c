/* slirp4netns, for a network without root: it stays in the foreground, tells by a pipe that it is ready, and is asked
 * for ports by a socket. The address that a container sees of a client is slirp's own (10.0.2.2). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "engine/engine-priv.h"

#define READY_FD   3
#define ANSWER_MAX 4096

/* [child] Its child goes on, and is nobody's here: when it ends, whoever reaps orphans does so, and not the
 * monitor that we become. Returns in that one only. */
static void
become_orphan(int pid_pipe)
{
    pid_t child;

    (void)setsid();
    child = fork();
    if (child == 0)
        return;
    (void)!write(pid_pipe, &child, sizeof(child));
    _exit(0);
}

/* Returns the pid; the process has its ready pipe as READY_FD and no descriptor of ours. */
static pid_t
start_slirp(const char *program, int dir, const char *socket_name, pid_t pid, int ready)
{
    char ready_text[32], user[64], net[64];
    char *argv[] = {"slirp4netns",
                    "--configure",
                    "--mtu=65520",
                    "--disable-host-loopback",
                    "--api-socket",
                    (char *)socket_name,
                    ready_text,
                    user,
                    "--netns-type=path",
                    net,
                    "eth0",
                    NULL};
    char *env[] = {"PATH=/usr/bin:/bin", NULL};
    sc_cleanup_fd reader = -1, writer = -1;
    int ends[2];
    pid_t child, slirp = -1;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    reader = ends[0];
    writer = ends[1];
    (void)snprintf(ready_text, sizeof(ready_text), "--ready-fd=%d", READY_FD);
    (void)snprintf(user, sizeof(user), "--userns-path=/proc/%d/ns/user", (int)pid);
    (void)snprintf(net, sizeof(net), "/proc/%d/ns/net", (int)pid);
    child = fork();
    if (child < 0)
        return -1;
    if (child > 0) {
        sc_closep(&writer);
        if (read(reader, &slirp, sizeof(slirp)) != sizeof(slirp))
            slirp = -1;
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            ;
        return slirp;
    }
    become_orphan(writer);
    if (fchdir(dir) < 0) /* a socket's path is short: it is named from there */
        _exit(127);
    int null_fd = open("/dev/null", O_RDWR); /* lint: the host's own */
    for (int i = 0; null_fd >= 0 && i <= 2; i++)
        (void)dup2(null_fd, i);
    if (dup2(ready, READY_FD) == READY_FD && fcntl(READY_FD, F_SETFD, 0) == 0 &&
        sc_fds_close(-1, READY_FD + 1, ~0U) == 0)
        (void)execve(program, argv, env);
    _exit(127);
}

/* One request, one connection: that is its protocol. */
static int
ask(const char *socket_path, const json_t *request, struct sc_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    sc_cleanup_fd sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json answer = NULL;
    char room[ANSWER_MAX];
    ssize_t got;

    if (strlen(socket_path) >= sizeof(address.sun_path))
        return sc_err_set(err, SC_ERR_INVALID, "slirp4netns: \"%s\" is too long for a socket", socket_path);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    if (sc_json_dump(request, &text, err) < 0)
        return -1;
    if (sock < 0 || connect(sock, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return sc_err_errno(err, errno, "talk to slirp4netns");
    if (sc_io_write_all(sock, text.data, text.len, err) < 0 || shutdown(sock, SHUT_WR) < 0)
        return -1;
    got = read(sock, room, sizeof(room));
    if (got <= 0 || sc_json_parse(room, (size_t)got, "slirp4netns' answer", &answer, err) < 0)
        return got <= 0 ? sc_err_set(err, SC_ERR_PEER_DIED, "slirp4netns has not answered") : -1;
    if (json_object_get(answer, "error"))
        return sc_err_set(err, SC_ERR_EXISTS, "slirp4netns refuses to publish a port: %s",
                          json_string_value(json_object_get(json_object_get(answer, "error"), "desc")));
    return 0;
}

static int
add_ports(const json_t *state, const char *socket_path, struct sc_err *err)
{
    const json_t *ports = json_object_get(state, "ports");

    for (size_t i = 0; i < json_array_size(ports); i++) {
        const json_t *p = json_array_get(ports, i);
        const char *address = json_string_value(json_object_get(p, "hostIP"));
        sc_cleanup_json request =
            json_pack("{s:s, s:{s:O, s:s, s:O, s:O}}", "execute", "add_hostfwd", "arguments", "proto",
                      json_object_get(p, "protocol"), "host_addr", address && *address ? address : "0.0.0.0",
                      "host_port", json_object_get(p, "hostPort"), "guest_port", json_object_get(p, "containerPort"));

        if (!request)
            return sc_err_nomem(err);
        if (ask(socket_path, request, err) < 0)
            return -1;
    }
    return 0;
}

int
sc_slirp_run(json_t *state, const char *file, pid_t pid, struct sc_err *err)
{
    const char *program = json_string_value(json_object_get(state, "program"));
    sc_cleanup_arena arena = SC_ARENA_INIT;
    const char *slash = strrchr(file, '/');
    char *dir_path = slash ? sc_arena_strndup(&arena, file, (size_t)(slash - file)) : NULL;
    char *socket_name = slash ? sc_arena_printf(&arena, "%s.pid", slash + 1) : NULL;
    sc_cleanup_fd reader = -1, writer = -1, dir = -1;
    char socket_path[PATH_MAX], byte = 0;
    int ends[2];
    pid_t child;

    if (!dir_path || !socket_name)
        return sc_err_nomem(err);
    dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* lint: the engine's own */
    if (dir < 0)
        return sc_err_errno(err, errno, "open \"%s\"", dir_path);
    (void)snprintf(socket_path, sizeof(socket_path), "/proc/self/fd/%d/%s", dir, socket_name);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return sc_err_errno(err, errno, "make a pipe");
    reader = ends[0];
    writer = ends[1];
    child = start_slirp(program, dir, socket_name, pid, writer);
    sc_closep(&writer);
    if (child < 0)
        return sc_err_errno(err, errno, "start slirp4netns");
    (void)json_object_set_new(state, "pid", json_integer(child));
    (void)json_object_set_new(state, "startTime", json_integer((json_int_t)sc_process_start_time(child)));
    if (sc_helper_write(file, state, err) < 0)
        return -1;
    if (read(reader, &byte, 1) != 1 || byte != '1')
        return sc_err_set(err, SC_ERR_KERNEL, "slirp4netns has ended before its network was there");
    return add_ports(state, socket_path, err);
}

int
sc_helper_write(const char *file, const json_t *state, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_json_dump(state, &text, err) < 0)
        return -1;
    return sc_file_replace_at(AT_FDCWD, file, text.data, text.len, 0600, SC_DURABLE, err); /* lint: the engine's own */
}
