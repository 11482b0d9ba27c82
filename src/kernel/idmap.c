/* Id maps of user namespaces (user_namespaces(7)). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/kernel.h"

#define PROC_NAME_MAX   64
#define HELPER_ARGS_MAX 64

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
    if (sc_arena_check(&arena, err) < 0 ||
        sc_spawn_wait((const char *const *)argv.items, env, -1, -1, -1, &status, err) < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    sc_err_set(err, SC_ERR_DENIED, "map ids: %s refused the ranges", program);
    return sc_err_remedy(err, "give yourself ranges in /etc/subuid and /etc/subgid");
}

static bool
is_one_id(const char *map)
{
    const char *newline = strchr(map, '\n');

    return newline != NULL && newline[1] == '\0' && strcmp(newline - 2, " 1\n") == 0;
}

int
sc_idmap_write(pid_t pid, const char *uid_map, const char *gid_map, bool denies_setgroups, struct sc_err *err)
{
    if (denies_setgroups) {
        /* an unprivileged writer of gid_map must give setgroups up first; the helpers do not need that */
        if (!is_one_id(uid_map) || !is_one_id(gid_map)) {
            if (write_by_helper("/usr/bin/newuidmap", pid, uid_map, err) < 0)
                return -1;
            return write_by_helper("/usr/bin/newgidmap", pid, gid_map, err);
        }
        if (write_proc(pid, "setgroups", "deny", err) < 0)
            return -1;
    }
    if (write_proc(pid, "uid_map", uid_map, err) < 0)
        return -1;
    return write_proc(pid, "gid_map", gid_map, err);
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
    if (pid < 0)
        return sc_err_errno(err, -pid, "make a user namespace");
    int result = sc_idmap_write(pid, uid_map, gid_map, false, err);
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
