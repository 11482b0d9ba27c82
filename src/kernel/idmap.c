/* Id maps of user namespaces (user_namespaces(7)). */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/kernel.h"

#define PROC_NAME_MAX 64
/* The remedy for EPERM. */
#define NO_USER_NAMESPACE                                                                                              \
    "this host lets only root make user namespaces: see /proc/sys/kernel/unprivileged_userns_clone and "               \
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns; or it is a chroot, where nobody makes one"

static int
write_proc(pid_t pid, const char *file, const char *text, struct sc_err *err)
{
    char path[PROC_NAME_MAX];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return sc_err_errno(err, errno, "open %s", path);
    ssize_t len = write(fd, text, strlen(text));
    int errnum = errno;
    close(fd);
    return len >= 0 ? 0 : sc_err_errno(err, errnum, "write %s", path);
}

/* newuidmap(1) is setuid root and knows which ranges /etc/subuid gives the caller. */
static int
write_by_helper(const char *program, pid_t pid, const char *map, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv argv = {0};
    const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    int status = 0;

    sc_strv_add(&argv, &arena, program);
    sc_strv_addf(&argv, &arena, "%d", (int)pid);
    for (const char *p = map; *p != '\0';) {
        size_t len = strcspn(p, " \n");

        if (len > 0)
            sc_strv_addf(&argv, &arena, "%.*s", (int)len, p);
        p += len + (p[len] != '\0');
    }
    if (sc_arena_check(&arena, err) < 0)
        return -1;
    if (sc_spawn_wait((const char *const *)argv.items, env, -1, -1, -1, &status, err) < 0)
        return err->errnum == ENOENT ? sc_err_remedy(err, "install it (Debian: package uidmap)") : -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    sc_err_set(err, SC_ERR_DENIED, "map ids: %s refused the ranges", program);
    return sc_err_remedy(err, "/etc/subuid and /etc/subgid must give them to this user");
}

int
sc_idmap_write(pid_t pid, const char *uid_map, const char *gid_map, enum sc_idmap_how how, struct sc_err *err)
{
    const char *const maps[] = {uid_map, gid_map}, *const files[] = {"uid_map", "gid_map"},
                      *const helpers[] = {SC_NEWUIDMAP, SC_NEWGIDMAP};

    for (size_t i = 0; i < SC_ARRAY_LEN(maps); i++) {
        if (*maps[i] == '\0')
            continue;
        /* an unprivileged writer of gid_map must give setgroups up first */
        if (how == SC_IDMAP_OWN_ID && i == 1 && write_proc(pid, "setgroups", "deny", err) < 0)
            return -1;
        if ((how == SC_IDMAP_BY_HELPERS ? write_by_helper(helpers[i], pid, maps[i], err)
                                        : write_proc(pid, files[i], maps[i], err)) < 0)
            return -1;
    }
    return 0;
}

int
sc_idmap_ns_create(const char *uid_map, const char *gid_map, struct sc_err *err)
{
    char path[PROC_NAME_MAX];
    int pidfd = -1, fd = -1;
    pid_t pid = sc_clone3(CLONE_NEWUSER, -1, &pidfd);

    if (pid == 0) {
        for (;;)
            pause();
    }
    if (pid < 0) {
        (void)sc_err_errno(err, -pid, "make a user namespace");
        return pid == -EPERM ? sc_err_remedy(err, NO_USER_NAMESPACE) : -1;
    }
    int result = sc_idmap_write(pid, uid_map, gid_map, SC_IDMAP_DIRECT, err);
    if (result == 0) {
        snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            result = sc_err_errno(err, errno, "open %s", path);
    }
    /* the descriptor keeps the namespace; its process is not needed any more */
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(pidfd);
    return result == 0 ? fd : -1;
}

/* ---- work inside a user namespace ------------------------------------------------------------------------- */

/* The error as it is: both ends are this program. */
static int
answer_send(int sock, int result, const struct sc_err *err)
{
    struct sc_err answer, ignored = SC_ERR_INIT;

    memset(&answer, 0, sizeof(answer)); /* sent whole, with its padding */
    if (result < 0)
        answer = *err;
    return sc_msg_send(sock, &answer, sizeof(answer), NULL, 0, &ignored);
}

static int
answer_await(int sock, pid_t pid, const char *what, struct sc_err *err)
{
    struct sc_err answer = SC_ERR_INIT;
    ssize_t len = sc_msg_recv(sock, &answer, sizeof(answer), NULL, NULL, err);

    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (len < 0)
        return -1;
    if (len != (ssize_t)sizeof(answer))
        return sc_err_set(err, SC_ERR_PEER_DIED, "%s: the process that does it was killed", what);
    if (answer.kind == SC_ERR_NONE)
        return 0;
    answer.msg[sizeof(answer.msg) - 1] = '\0';
    answer.remedy[sizeof(answer.remedy) - 1] = '\0';
    *err = answer;
    return -1;
}

/* Waits until its parent is in the new namespace; only from outside can more than one id be mapped. */
static _Noreturn void
map_parent(int sock, pid_t parent, const char *uid_map, const char *gid_map, enum sc_idmap_how how)
{
    struct sc_err err = SC_ERR_INIT;
    char go;
    int result;

    if (recv(sock, &go, 1, 0) != 1)
        _exit(1);
    result = sc_idmap_write(parent, uid_map, gid_map, how, &err);
    _exit(answer_send(sock, result, &err) < 0 ? 1 : 0);
}

int
sc_idmap_enter(const char *uid_map, const char *gid_map, enum sc_idmap_how how, struct sc_err *err)
{
    pid_t self = getpid(), pid;
    int ends[2], result;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return sc_err_errno(err, errno, "make a socket pair");
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        map_parent(ends[1], self, uid_map, gid_map, how);
    }
    close(ends[1]);
    if (pid < 0) {
        result = sc_err_errno(err, errno, "fork");
    } else if (unshare(CLONE_NEWUSER) < 0) {
        result = sc_err_errno(err, errno, "make a user namespace");
        if (err->errnum == ENOSPC)
            (void)sc_err_remedy(err, "raise the limit in /proc/sys/user/max_user_namespaces");
        if (err->errnum == EPERM)
            (void)sc_err_remedy(err, NO_USER_NAMESPACE);
        close(ends[0]); /* end of file: the helper ends */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return result;
    } else {
        result = sc_msg_send(ends[0], "g", 1, NULL, 0, err);
        if (result == 0)
            result = answer_await(ends[0], pid, "map ids", err);
    }
    close(ends[0]);
    return result;
}

int
sc_idmap_run(const char *uid_map, const char *gid_map, enum sc_idmap_how how, int (*fn)(void *data, struct sc_err *err),
             void *data, struct sc_err *err)
{
    int ends[2], result;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return sc_err_errno(err, errno, "make a socket pair");
    pid = fork();
    if (pid == 0) {
        struct sc_err failure = SC_ERR_INIT;

        close(ends[0]);
        result = sc_idmap_enter(uid_map, gid_map, how, &failure);
        if (result == 0)
            result = fn(data, &failure);
        _exit(answer_send(ends[1], result, &failure) < 0 ? 1 : 0);
    }
    close(ends[1]);
    result = pid < 0 ? sc_err_errno(err, errno, "fork") : answer_await(ends[0], pid, "work in a user namespace", err);
    close(ends[0]);
    return result;
}
