/* The undo operations of networks: a link, an address lease, names. musl-clean.
 * Each checks first that what it takes back is its owner's still: it may be run long after, and twice. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "kernel/nlmsg.h"

#define WORDS_MAX 4
#define LINK_MAX  256
#define LEASE_MAX 2048

bool
sc_undo_split(char *text, char **words, size_t count)
{
    while (count-- > 1) {
        char *space = strrchr(text, ' ');

        if (!space || !space[1])
            return false;
        *space = '\0';
        words[count] = space + 1;
    }
    words[0] = text;
    return *text != '\0';
}

bool
sc_lease_is_owned(int dir_fd, const char *name, const char *owner)
{
    char target[LINK_MAX];
    ssize_t len = readlinkat(dir_fd, name, target, sizeof(target));

    return len >= SC_ID_LEN && strlen(owner) == SC_ID_LEN && memcmp(target, owner, SC_ID_LEN) == 0;
}

int
sc_undo_link(const char *name, struct sc_err *err)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    sc_cleanup_buf request = SC_BUF_INIT;
    size_t at = sc_nl_begin(&request, RTM_DELLINK, NLM_F_ACK, &body, sizeof(body));
    int result;

    sc_nl_attr_str(&request, IFLA_IFNAME, name);
    sc_nl_end(&request, at);
    if (sc_buf_check(&request, err) < 0)
        return -1;
    result = sc_nl_send(NETLINK_ROUTE, request.data, request.len, ENODEV);
    return result < 0 ? sc_err_errno(err, -result, "remove link \"%s\"", name) : 0;
}

int
sc_lease_lock(char *path, const char **name)
{
    char *slash = strrchr(path, '/');
    int dir;

    if (!slash)
        return -1;
    *slash = '\0';
    *name = slash + 1;
    dir = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* lint: the engine's own */
    if (dir >= 0)
        (void)flock(dir, LOCK_EX);
    return dir;
}

/* "PATH OWNER" */
int
sc_undo_lease(const char *target, struct sc_err *err)
{
    sc_cleanup_free char *copy = strdup(target);
    char *words[WORDS_MAX];
    const char *name = NULL;
    sc_cleanup_fd dir = -1;

    if (!copy)
        return sc_err_nomem(err);
    if (!sc_undo_split(copy, words, 2))
        return sc_err_set(err, SC_ERR_INVALID, "undo lease: \"%s\" is not a path and an owner", target);
    dir = sc_lease_lock(words[0], &name);
    if (dir >= 0 && sc_lease_is_owned(dir, name, words[1]) && unlinkat(dir, name, 0) < 0 && errno != ENOENT)
        return sc_err_errno(err, errno, "release \"%s\"", target);
    return 0;
}

/* "PATH OWNER": a lease keeps its address until there is no link that has it, but who it was answers to no name any
 * more.
 */
int
sc_undo_names(const char *target, struct sc_err *err)
{
    sc_cleanup_free char *copy = strdup(target);
    char *words[WORDS_MAX], lease[LEASE_MAX], temporary[LINK_MAX + 8];
    const char *name = NULL;
    sc_cleanup_fd dir = -1;
    ssize_t len;
    char *names = lease;

    if (!copy)
        return sc_err_nomem(err);
    if (!sc_undo_split(copy, words, 2))
        return sc_err_set(err, SC_ERR_INVALID, "undo names: \"%s\" is not a path and an owner", target);
    dir = sc_lease_lock(words[0], &name);
    if (dir < 0 || !sc_lease_is_owned(dir, name, words[1]))
        return 0;
    len = readlinkat(dir, name, lease, sizeof(lease) - 1);
    lease[len > 0 ? len : 0] = '\0';
    for (int i = 0; i < 3 && names; i++) { /* "ID/INDEX/MAC/NAMES" */
        names = strchr(names, '/');
        names = names ? names + 1 : NULL;
    }
    if (!names || !*names)
        return 0;
    *names = '\0';
    (void)snprintf(temporary, sizeof(temporary), ".%s.new", name);
    (void)unlinkat(dir, temporary, 0);
    if (symlinkat(lease, dir, temporary) < 0 || renameat(dir, temporary, dir, name) < 0)
        return sc_err_errno(err, errno, "withdraw the names of \"%s\"", target);
    return 0;
}

/* "PROGRAM\nFILE", each of which may have spaces: a network that programs of others have made. A file that is gone has
 * been taken back already. */
int
sc_undo_network(const char *target, struct sc_err *err)
{
    static const char *const env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    sc_cleanup_free char *copy = strdup(target);
    char *file = copy ? strchr(copy, '\n') : NULL;
    int status = 0;

    if (!copy)
        return sc_err_nomem(err);
    if (!file)
        return sc_err_set(err, SC_ERR_INVALID, "undo network: \"%s\" is not a program and a file", target);
    *file++ = '\0';
    if (faccessat(AT_FDCWD, file, F_OK, 0) < 0) /* lint: the engine's own */
        return 0;
    const char *argv[] = {copy, "__network", "down", file, NULL};
    if (sc_spawn_wait(argv, env, -1, -1, -1, &status, err) < 0)
        return -1;
    return status == 0 ? 0
                       : sc_err_set(err, SC_ERR_KERNEL, "take down the network of \"%s\": see sc __network down", file);
}
