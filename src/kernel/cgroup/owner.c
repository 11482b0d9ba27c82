/* Giving a v2 cgroup to the user whose processes are in it (cgroup-v2.rst, "Delegation"). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup-priv.h"

#define LIST           "/sys/kernel/cgroup/delegate" /* Linux 4.15 */
#define LIST_MAX       4096
#define FILE_NAME_SIZE 256

static int
give(int cgroup_fd, const char *name, uid_t uid, struct sc_err *err)
{
    if (fchownat(cgroup_fd, name, uid, (gid_t)-1, name[0] == '\0' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    /* the list names files of every controller; only those that are enabled here have theirs */
    if (errno == ENOENT && name[0] != '\0')
        return 0;
    return sc_err_errno(err, errno, "give %s%s to user %u", name[0] != '\0' ? "its " : "the directory", name,
                        (unsigned)uid);
}

int
sc_cgroup_give(int cgroup_fd, uid_t uid, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    const char *names = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";

    if (sc_file_read_at(AT_FDCWD, LIST, LIST_MAX, &text, &ignored) == 0)
        names = sc_buf_str(&text);
    if (give(cgroup_fd, "", uid, err) < 0)
        return -1;
    while (*names != '\0') {
        size_t len = strcspn(names, "\n");
        char name[FILE_NAME_SIZE];

        if (len > 0 && len < sizeof(name)) {
            memcpy(name, names, len);
            name[len] = '\0';
            if (give(cgroup_fd, name, uid, err) < 0)
                return -1;
        }
        names += len + (names[len] != '\0');
    }
    return 0;
}
