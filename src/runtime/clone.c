/* The clone. Where namespaces must be joined for it, a short-lived process joins them and clones a sibling of itself:
 * the launcher keeps its own rights and namespaces, and is the new process's parent all the same. */
#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/launch-priv.h"

/* What the helper says: the new process, whose pidfd rides along, or which join failed. */
struct clone_answer {
    int32_t pid, errnum;
};

static int
join_all(const struct sc_executor *x, const struct sc_step *step)
{
    for (size_t i = 0; i < step->u.clone.join_count; i++)
        if (setns(x->slots[step->u.clone.joins[i].slot], (int)sc_ns_table[step->u.clone.joins[i].kind].clone_flag) < 0)
            return -errno;
    return 0;
}

/* Returns 0 in the new process, which has the launcher as its parent; does not return in the helper. */
static int
helper_main(const struct sc_executor *x, const struct sc_step *step, int cgroup_fd, int sock)
{
    struct clone_answer answer = {.pid = 0};
    struct sc_err ignored = SC_ERR_INIT;
    int pidfd = -1, result = join_all(x, step);

    if (result == 0)
        result = sc_clone3(step->u.clone.flags | CLONE_PARENT, cgroup_fd, &pidfd);
    if (result == 0)
        return 0;
    answer.pid = result > 0 ? result : 0;
    answer.errnum = result < 0 ? -result : 0;
    (void)!sc_msg_send(sock, &answer, sizeof(answer), &pidfd, pidfd >= 0 ? 1 : 0, &ignored);
    _exit(0);
}

static int
clone_joined(const struct sc_executor *x, const struct sc_step *step, int cgroup_fd, int *pidfd)
{
    struct clone_answer answer = {.pid = 0};
    struct sc_err ignored = SC_ERR_INIT;
    int ends[2], helper_fd = -1;
    size_t count = 1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    pid_t helper = sc_clone3(0, -1, &helper_fd);
    if (helper == 0) {
        int result = helper_main(x, step, cgroup_fd, ends[1]);

        close(ends[0]);
        close(ends[1]);
        return result;
    }
    close(ends[1]);
    ssize_t len = helper < 0 ? -1 : sc_msg_recv(ends[0], &answer, sizeof(answer), pidfd, &count, &ignored);
    close(ends[0]);
    if (helper < 0)
        return helper;
    while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
        ;
    close(helper_fd);
    if (len != (ssize_t)sizeof(answer))
        return -ECHILD;
    return answer.errnum != 0 ? -answer.errnum : answer.pid;
}

int
sc_clone_child(const struct sc_executor *x, int *pidfd)
{
    const struct sc_step *step = &x->plan->clone;
    int cgroup_fd = step->u.clone.cgroup_slot >= 0 ? x->slots[step->u.clone.cgroup_slot] : -1;

    return step->u.clone.join_count > 0 ? clone_joined(x, step, cgroup_fd, pidfd)
                                        : sc_clone3(step->u.clone.flags, cgroup_fd, pidfd);
}
