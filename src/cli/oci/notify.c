/*
 * sd_notify(3) and sd_listen_fds(3): what a service manager hands to its service passes through sc-oci to the
 * container.
 *
 * A container cannot reach the socket that NOTIFY_SOCKET names. It gets one of ours instead, in a directory of the
 * state that is bound to /run/notify, as runc does; its READY=1 is passed on, and then MAINPID, because the manager
 * watches sc-oci otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"

#define NOTIFY_DIR      "notify"
#define NOTIFY_INSIDE   "/run/notify"
#define NOTIFY_DATAGRAM 4096

static const char *
host_socket(void)
{
    const char *path = getenv("NOTIFY_SOCKET");

    return path != NULL && path[0] != '\0' ? path : NULL;
}

int
sc_oci_notify_spec(struct sc_oci_cli *cli, const char *id, struct sc_oci_spec *spec, struct sc_err *err)
{
    static char *const options[] = {"bind", "nosuid", "noexec", "nodev", "ro"};
    struct sc_oci_mount *mounts;
    char cwd[4096];

    if (host_socket() == NULL)
        return 0;
    if (cli->root[0] != '/' && getcwd(cwd, sizeof(cwd)) == NULL)
        return sc_err_errno(err, errno, "find the current directory");
    mounts = SC_ARENA_ARRAY(&cli->arena, struct sc_oci_mount, spec->mount_count + 1);
    if (mounts == NULL)
        return sc_err_nomem(err);
    if (spec->mount_count > 0)
        memcpy(mounts, spec->mounts, spec->mount_count * sizeof(*mounts));
    struct sc_oci_mount *mount = &mounts[spec->mount_count++];
    spec->mounts = mounts;
    mount->destination = sc_arena_strdup(&cli->arena, NOTIFY_INSIDE);
    mount->type = sc_arena_strdup(&cli->arena, "bind");
    mount->source = sc_arena_printf(&cli->arena, "%s%s%s/%s/" NOTIFY_DIR, cli->root[0] != '/' ? cwd : "",
                                    cli->root[0] != '/' ? "/" : "", cli->root, id);
    for (size_t i = 0; i < SC_ARRAY_LEN(options); i++)
        sc_strv_add(&mount->options, &cli->arena, options[i]);
    sc_strv_set_env(&spec->process.env, &cli->arena, "NOTIFY_SOCKET=" NOTIFY_INSIDE "/notify.sock");
    return sc_arena_check(&cli->arena, err);
}

int
sc_oci_notify_directory(int state_dir, struct sc_err *err)
{
    if (host_socket() == NULL)
        return 0;
    if (mkdirat(state_dir, NOTIFY_DIR, 0755) < 0 && errno != EEXIST)
        return sc_err_errno(err, errno, "make the directory of the notify socket");
    return 0;
}

int
sc_oci_notify_bind(int state_dir, struct sc_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    sc_cleanup_fd dir = -1, fd = -1;

    if (host_socket() == NULL)
        return -1;
    dir = openat(state_dir, NOTIFY_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0) /* created without a socket to notify */
        return -1;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    /* through the descriptor: a state directory's path may be longer than sun_path */
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/notify.sock", dir);
    (void)unlinkat(dir, "notify.sock", 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        fchmodat(dir, "notify.sock", 0777, 0) < 0) {
        sc_err_errno(err, errno, "bind the notify socket");
        return -1;
    }
    return sc_steal_fd(&fd);
}

/* '@' stands for the NUL of an abstract address. */
static int
send_to_host(const char *text, struct sc_err *err)
{
    const char *path = host_socket();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    sc_cleanup_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    size_t len = strlen(path);

    if (fd < 0)
        return sc_err_errno(err, errno, "make a socket");
    if (len >= sizeof(address.sun_path))
        return sc_err_set(err, SC_ERR_INVALID, "NOTIFY_SOCKET \"%s\": the path is too long", path);
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '@' ? 0 : 1));
    if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0)
        return sc_err_errno(err, errno, "notify \"%s\"", path);
    return 0;
}

/* The line READY=... of a datagram, or NULL */
static const char *
ready_line(char *text)
{
    for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n"))
        if (sc_str_starts(line, "READY="))
            return line;
    return NULL;
}

int
sc_oci_notify_follow(int fd, const struct sc_process *process, bool tells_pid, struct sc_err *err)
{
    char text[NOTIFY_DATAGRAM + 1], line[NOTIFY_DATAGRAM + 2];
    struct pollfd polled[] = {{.fd = fd, .events = POLLIN}, {.fd = process->pidfd, .events = POLLIN}};

    for (;;) {
        if (poll(polled, SC_ARRAY_LEN(polled), -1) < 0 && errno != EINTR)
            return sc_err_errno(err, errno, "wait for the container to be ready");
        if (polled[0].revents != 0) {
            ssize_t len = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

            text[len > 0 ? len : 0] = '\0';
            const char *ready = ready_line(text);
            if (ready != NULL) {
                snprintf(line, sizeof(line), "%s\n", ready);
                if (send_to_host(line, err) < 0)
                    return -1;
                snprintf(line, sizeof(line), "MAINPID=%d\n", (int)process->pid);
                return tells_pid ? send_to_host(line, err) : 0;
            }
        } else if (polled[1].revents != 0) {
            return 0; /* it has ended without being ready */
        }
    }
}

pid_t
sc_oci_notify_fork(int fd, const struct sc_process *process)
{
    struct sc_err ignored = SC_ERR_INIT;
    pid_t pid = fork();

    if (pid == 0) {
        (void)!sc_oci_notify_follow(fd, process, false, &ignored);
        _exit(0);
    }
    return pid;
}

/* ---- LISTEN_FDS ---------------------------------------------------------------------------------------------- */

int
sc_oci_listen_spec(struct sc_oci_cli *cli, struct sc_oci_process *process, struct sc_err *err)
{
    const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID"), *names = getenv("LISTEN_FDNAMES");
    struct sc_err ignored = SC_ERR_INIT;
    int64_t number = 0;

    /* sd_listen_fds(3): they are ours when LISTEN_PID says so */
    if (count == NULL || pid == NULL || sc_parse_i64(pid, &number, &ignored) < 0 || number != getpid())
        return 0;
    if (sc_parse_u32(count, &cli->listen_fds, err) < 0)
        return sc_err_wrap(err, "LISTEN_FDS");
    if (cli->listen_fds == 0)
        return 0;
    sc_strv_set_env(&process->env, &cli->arena, sc_arena_printf(&cli->arena, "LISTEN_FDS=%u", cli->listen_fds));
    sc_strv_set_env(&process->env, &cli->arena, "LISTEN_PID=1");
    if (names != NULL)
        sc_strv_set_env(&process->env, &cli->arena, sc_arena_printf(&cli->arena, "LISTEN_FDNAMES=%s", names));
    return sc_arena_check(&cli->arena, err);
}

int
sc_oci_check_preserved(const struct sc_oci_cli *cli, struct sc_err *err)
{
    for (unsigned i = 0; i < cli->listen_fds + cli->preserve_fds; i++)
        if (fcntl((int)(3 + i), F_GETFD) < 0)
            return sc_err_set(err, SC_ERR_INVALID, "%s: descriptor %u is not open (%u were promised)",
                              i < cli->listen_fds ? "LISTEN_FDS" : "--preserve-fds", 3 + i,
                              cli->listen_fds + cli->preserve_fds);
    return 0;
}
