/*
 * A tar stream into a container, by a process behind the walls of a jail (kernel/jail.c): the archive may be a
 * stranger's. All that it has is the stream, and the container's tree as a detached mount of which no device can be
 * opened and from which ".." leads nowhere. It ends with us.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/container-priv.h"
#include "image/jail-priv.h"
#include "kernel/jail.h"
#include "kernel/kernel.h"

enum { SOCK_FD = 3, ROOT_FD = 4 };

struct word {
    bool has_failed;
    struct sc_err err;
};

/* The tree with all that is mounted in it. Mounts are copied in the mount namespace that they are in: of a running
 * container, its own. Where that cannot be had (an old kernel), the root itself, and shut in by less. */
static int
open_tree_of(const struct sc_files *files, int root_fd)
{
    int tree;

    if (files->mount_ns_fd >= 0 && setns(files->mount_ns_fd, CLONE_NEWNS) < 0) /* lint: an fd */
        return root_fd;
    tree = sc_mount_tree_open(root_fd, "", true);
    if (tree < 0)
        return root_fd;
    (void)sc_mount_setattr(tree, true, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, 0);
    return tree;
}

/* sock, tree and from_fd as SOCK_FD, ROOT_FD and 0; nothing else stays open. */
static int
keep_only(int sock, int tree, int from_fd)
{
    sc_cleanup_fd sock_high = fcntl(sock, F_DUPFD_CLOEXEC, ROOT_FD + 1);
    sc_cleanup_fd tree_high = fcntl(tree, F_DUPFD_CLOEXEC, ROOT_FD + 1);

    if (sock_high < 0 || tree_high < 0 || (from_fd != 0 && dup2(from_fd, 0) < 0) ||
        dup3(sock_high, SOCK_FD, O_CLOEXEC) < 0 || dup3(tree_high, ROOT_FD, O_CLOEXEC) < 0)
        return -1;
    (void)sc_steal_fd(&sock_high);
    (void)sc_steal_fd(&tree_high);
    return close_range(ROOT_FD + 1, ~0U, 0) < 0 || close_range(1, 2, 0) < 0 ? -1 : 0;
}

_Noreturn static void
work(const struct sc_files *files, int sock, int from_fd, int root_fd, const char *dir)
{
    const bool is_root = sc_process_can_chown(); /* asked of /proc, which is out of reach soon */
    struct word word = {.has_failed = true};

    (void)prctl(PR_SET_NAME, "sc-unpack");
    if (keep_only(sock, open_tree_of(files, root_fd), from_fd) < 0)
        _exit(1);
    if (sc_jail_enter(SC_JAIL_HAS_TREE, SC_JAIL_TREE_CAPS, &word.err) == 0 && sc_jail_narrow(ROOT_FD, &word.err) == 0)
        word.has_failed = sc_untar(files, 0, ROOT_FD, dir, is_root, &word.err) < 0;
    (void)!send(SOCK_FD, &word, sizeof(word), MSG_NOSIGNAL);
    _exit(0);
}

int
sc_untar_jailed(const struct sc_files *files, int from_fd, int root_fd, const char *dir, struct sc_err *err)
{
    struct word word;
    int pair[2];
    ssize_t len;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return sc_err_errno(err, errno, "start the process that unpacks");
    pid = fork();
    if (pid == 0) {
        close(pair[0]);
        work(files, pair[1], from_fd, root_fd, dir);
    }
    close(pair[1]);
    if (pid < 0) {
        sc_err_errno(err, errno, "start the process that unpacks");
        close(pair[0]);
        return -1;
    }
    do
        len = recv(pair[0], &word, sizeof(word), 0);
    while (len < 0 && errno == EINTR);
    close(pair[0]);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (len != (ssize_t)sizeof(word))
        return sc_err_set(err, SC_ERR_PEER_DIED, "the process that unpacks it ended: killed, or out of memory");
    if (!word.has_failed)
        return 0;
    /* Its strings are a stranger's by now, perhaps. */
    *err = word.err;
    err->msg[sizeof(err->msg) - 1] = err->remedy[sizeof(err->remedy) - 1] = '\0';
    return -1;
}
