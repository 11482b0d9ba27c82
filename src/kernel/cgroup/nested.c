/* Containers in a container on cgroup v2, where a cgroup that gives controllers to its children holds no process itself
 * ("no internal processes", cgroup-v2.rst). That is met twice: by the inner engine in its root, where the container's
 * processes are, and by the outer one when it later adds a process. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup-priv.h"
#include "kernel/cgroup/groups.h"

#define LEAF            "init"
#define CGROUP_FILE_MAX ((size_t)1 << 16)
#define ROUNDS          100
#define FIRST_PIDNS     "pid:[4026531836]" /* PROC_PID_INIT_INO (linux/proc_ns.h) */

static bool
has_pid(const struct sc_pid_list *pids, pid_t pid)
{
    for (size_t i = 0; i < pids->count; i++) {
        if (pids->items[i] == pid)
            return true;
    }
    return false;
}

/* ---- the inner engine ---------------------------------------------------------------------------------------- */

/* Some containers share the host's pid namespace; those are taken for the host. */
static bool
is_in_container(void)
{
    char target[64];
    ssize_t len = readlink("/proc/self/ns/pid", target, sizeof(target) - 1);

    if (len < 0)
        return false;
    target[len] = '\0';
    return strcmp(target, FIRST_PIDNS) != 0;
}

static bool
cut_end(char *path, const char *end)
{
    if (!sc_str_ends(path, end))
        return false;
    path[strlen(path) - strlen(end)] = '\0';
    return true;
}

/* The line "0::PATH" of process 1, less the leaf into which it, or systemd as process 1, has moved. */
static char *
path_of_init(struct sc_arena *arena)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    const char *line;
    char *path;

    if (sc_file_read_at(AT_FDCWD, "/proc/1/cgroup", CGROUP_FILE_MAX, &text, &ignored) < 0 ||
        (line = strstr(sc_buf_str(&text), "0::/")) == NULL)
        return NULL;
    line += 3;
    path = sc_arena_strndup(arena, line, strcspn(line, "\n"));
    if (path && !cut_end(path, "/" LEAF))
        (void)cut_end(path, "/init.scope");
    return path;
}

const char *
sc_cgroup_container(const struct sc_cgroup_layout *layout, struct sc_arena *arena)
{
    const struct sc_cgroup_hierarchy *only = &layout->items[0];
    const char *path;

    if (layout->mode != SC_CGROUP_V2 || layout->is_delegated_part || !sc_str_eq(only->mount_root, "/") ||
        sc_str_eq(only->self_path, "/") || !is_in_container() || (path = path_of_init(arena)) == NULL)
        return "";
    /* "/.." is outside of our cgroup namespace. */
    return path[0] == '/' && path[1] != '\0' && !sc_str_starts(path, "/..") && sc_str_starts(only->self_path, path)
               ? path
               : "";
}

/* One look at it: whether nobody was left. */
static int
move_down(int fd, int leaf, bool *is_empty, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_pid_list pids;

    if (sc_cgroup_members(fd, false, &arena, &pids, err) < 0)
        return -1;
    for (size_t i = 0; i < pids.count; i++) {
        struct sc_err one = SC_ERR_INIT;

        if (sc_cgroup_attach(leaf, pids.items[i], &one) == 0 || one.kind == SC_ERR_NOT_FOUND)
            continue;
        *err = one;
        return -1;
    }
    *is_empty = pids.count == 0;
    return 0;
}

void
sc_cgroup_make_room(int fd)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_pid_list pids;
    sc_cleanup_fd leaf = -1;
    bool is_empty = false;

    /* Where process 1 is elsewhere, those here are in a session or a service, and others know why. */
    if (!is_in_container() || sc_cgroup_members(fd, false, &arena, &pids, &ignored) < 0 || !has_pid(&pids, 1))
        return;
    if (mkdirat(fd, LEAF, 0755) < 0 && errno != EEXIST)
        return;
    leaf = openat(fd, LEAF, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    /* Forks go on meanwhile: again until nobody is left. */
    for (int i = 0; leaf >= 0 && !is_empty && i < ROUNDS; i++) {
        if (move_down(fd, leaf, &is_empty, &ignored) < 0)
            return;
    }
}

/* ---- the outer engine ---------------------------------------------------------------------------------------- */

struct search {
    pid_t pid;
    int found;
};

static int
look_for(int fd, void *data, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct search *search = data;
    struct sc_pid_list pids;

    if (search->found >= 0)
        return 0;
    if (sc_cgroup_collect(fd, false, &arena, &pids, err) < 0)
        return -1;
    if (has_pid(&pids, search->pid) && (search->found = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
        return sc_err_errno(err, errno, "open the cgroup of process %d", (int)search->pid);
    return 0;
}

int
sc_cgroup_beside(int *fd, pid_t pid, struct sc_err *err)
{
    struct search search = {.pid = pid, .found = -1};
    const struct sc_cgroup_visitor visitor = {.enter = look_for, .data = &search};
    sc_cleanup_fd readable = -1;
    char text[512];

    if (sc_cgroup_read_small(*fd, "cgroup.subtree_control", text, sizeof(text)) <= 0)
        return 0;
    readable = openat(*fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (readable < 0)
        return sc_err_errno(err, errno, "read a cgroup's directory");
    if (sc_cgroup_walk(readable, &visitor, err) < 0) {
        sc_closep(&search.found);
        return -1;
    }
    if (search.found >= 0) {
        sc_closep(fd);
        *fd = search.found;
    }
    return 0;
}
