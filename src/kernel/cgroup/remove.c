/* Removing cgroups. musl-clean: only base. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup-priv.h"

#define REMOVE_WAIT_NSEC INT64_C(2000000000)
#define REMOVE_DELAY_MAX INT64_C(10000000)

static int
remove_child(int parent_fd, const char *name, void *data, struct sc_err *err)
{
    (void)data;
    /* EBUSY: a task is still on its way out of it; the caller comes round again. */
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != EBUSY)
        return sc_err_errno(err, errno, "remove cgroup \"%s\"", name);
    return 0;
}

/* Removes what is below dir; the wait for tasks is the caller's. */
static int
remove_below(const char *dir, struct sc_err *err)
{
    const struct sc_cgroup_visitor visitor = {.leave = remove_child};
    sc_cleanup_fd fd = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return errno == ENOENT ? 0 : sc_err_errno(err, errno, "open cgroup \"%s\"", dir);
    if (!sc_cgroup_has_children(fd))
        return 0;
    /* The top of a hierarchy holds the whole host's cgroups; no container's undo may reach them. */
    if (sc_cgroup_is_mount_root(fd))
        return sc_err_set(err, SC_ERR_INVALID, "remove cgroup \"%s\": it is the root of a hierarchy", dir);
    return sc_cgroup_walk(fd, &visitor, err);
}

static int
remove_busy(const char *dir, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_pid_list pids = {.count = 0};

    if (sc_cgroup_pids(dir, &arena, &pids, err) < 0)
        return sc_err_wrap(err, "remove cgroup \"%s\"", dir);
    if (pids.count == 0)
        return sc_err_errno(err, EBUSY, "remove cgroup \"%s\"", dir);
    sc_err_errno(err, EBUSY, "remove cgroup \"%s\": it holds %zu processes, the first is %" PRIdMAX, dir, pids.count,
                 (intmax_t)pids.items[0]);
    return sc_err_remedy(err, "end them first; one in state D of ps waits for a device or a network file system");
}

int
sc_cgroup_remove(const char *dir, struct sc_err *err)
{
    int64_t deadline = 0, delay = SC_CGROUP_DELAY_FIRST;

    for (;;) {
        if (unlinkat(AT_FDCWD, dir, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        if (errno != EBUSY)
            return sc_err_errno(err, errno, "remove cgroup \"%s\"", dir);
        if (remove_below(dir, err) < 0)
            return -1;
        if (deadline == 0)
            deadline = sc_time_monotonic() + REMOVE_WAIT_NSEC;
        else if (sc_time_monotonic() >= deadline)
            return remove_busy(dir, err);
        else
            sc_cgroup_back_off(&delay, REMOVE_DELAY_MAX); /* at once after the first look: it was children */
    }
}
