/* Making and opening a container's cgroup in one hierarchy. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup-priv.h"

/* What a v2 cgroup of ours should have besides its limits' controllers, so that its usage and its OOM kills can be
 * read. Enabled where the host offers them; not being able to is no error. */
static const char *const accounting[] = {"cpu", "memory", "pids", "io"};

int
sc_cgroup_open(const char *mount_point, const char *path, struct sc_err *err)
{
    char dir[PATH_MAX];
    int fd;

    if (sc_cgroup_join_path(dir, sizeof(dir), mount_point, path, err) < 0)
        return -1;
    fd = openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? sc_err_errno(err, errno, "open cgroup \"%s\"", dir) : fd;
}

static int
create_err(const char *dir, int errnum, struct sc_err *err)
{
    sc_err_errno(err, errnum, "create cgroup \"%s\"", dir);
    switch (errnum) {
    case EROFS:
        return sc_err_remedy(err, "inside a container /sys/fs/cgroup is read-only unless it is privileged");
    case EACCES:
    case EPERM:
        return sc_err_remedy(err, "run as root, or let root delegate a cgroup: chown its directory, cgroup.procs and "
                                  "cgroup.subtree_control to this user");
    case EAGAIN:
        return sc_err_remedy(err, "cgroup.max.descendants or cgroup.max.depth of a cgroup above is reached");
    case ENOSPC:
        return sc_err_remedy(err, "too many cgroups exist (65535 in v1); remove unused ones");
    default:
        return -1;
    }
}

/* ---- v2: controllers ---------------------------------------------------------- */

static bool
has_word(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = words; (at = strstr(at, word)); at += len) {
        if ((at == words || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
            return true;
    }
    return false;
}

/* Calls for each controller wanted in the leaf: first the needed, then those for accounting that the host has. */
static const char *
wanted(const struct sc_cgroup_hierarchy *hierarchy, const struct sc_strv *need, size_t index, bool *is_needed)
{
    *is_needed = need && index < need->count;
    if (*is_needed)
        return need->items[index];
    index -= need ? need->count : 0;
    if (index >= SC_ARRAY_LEN(accounting))
        return NULL;
    for (size_t i = 0; i < hierarchy->controllers.count; i++) {
        if (strcmp(hierarchy->controllers.items[i], accounting[index]) == 0)
            return accounting[index];
    }
    return "";
}

static int
enable_err(const struct sc_cgroup_hierarchy *hierarchy, const char *dir, int dir_fd, const char *controller, int errnum,
           struct sc_err *err)
{
    bool is_top = strcmp(dir, hierarchy->mount_point) == 0;

    /* The real root has no cgroup.type; the root of a cgroup namespace or of a bind mount is an ordinary cgroup. */
    if (errnum == EBUSY && is_top && faccessat(dir_fd, "cgroup.type", F_OK, 0) == 0) {
        sc_err_set(
            err, SC_ERR_BUSY,
            "enable the \"%s\" controller below \"%s\": this is a container whose own cgroup holds processes, and a "
            "cgroup v2 with processes gives its children no controllers",
            controller, dir);
        return sc_err_remedy(err,
                             "move them into a child first: mkdir %s/init && for p in $(cat %s/cgroup.procs); do echo "
                             "$p > %s/init/cgroup.procs; done",
                             dir, dir, dir);
    }
    if (errnum == EBUSY) {
        sc_err_set(
            err, SC_ERR_BUSY,
            "enable the \"%s\" controller below \"%s\": it holds processes, and a cgroup v2 with processes gives its "
            "children no controllers",
            controller, dir);
        return sc_err_remedy(err, "choose another --cgroup-parent, one that holds only cgroups");
    }
    if (errnum == ENOENT) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "enable the \"%s\" controller below \"%s\": it is not available there",
                   controller, dir);
        return sc_err_remedy(err,
                             "%s/cgroup.controllers lists what is; the cgroup above decides with "
                             "cgroup.subtree_control",
                             dir);
    }
    sc_err_errno(err, errnum, "enable the \"%s\" controller below \"%s\"", controller, dir);
    if (errnum == EACCES || errnum == EPERM)
        sc_err_remedy(err,
                      "run as root, or let root delegate this cgroup: chown its cgroup.subtree_control to this user");
    if (errnum == EINVAL && strcmp(controller, "cpu") == 0)
        sc_err_remedy(err, "the kernel refuses it while realtime processes are outside the root cgroup");
    return -1;
}

static int
write_control(int dir_fd, const char *text)
{
    sc_cleanup_fd fd = openat(dir_fd, "cgroup.subtree_control", O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) >= 0 ? 0 : -1;
}

/* Only the real root, which has no cgroup.type, may hold processes beside children with controllers. The kernel would
 * still enable cpu, cpuset and pids, which work on threads, but then the children take threads alone and no container.
 */
static bool
holds_processes(int fd)
{
    char text[32];

    return faccessat(fd, "cgroup.type", F_OK, 0) == 0 &&
           sc_cgroup_read_small(fd, "cgroup.procs", text, sizeof(text)) > 0;
}

/* Enables in one directory what its children lack: in one write, or one by one to see which is refused. */
static int
enable_at(const struct sc_cgroup_hierarchy *hierarchy, const char *dir, const struct sc_strv *need, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    sc_cleanup_buf all = SC_BUF_INIT;
    const char *controller;
    char enabled[512];
    bool is_needed, is_held;

    if (fd < 0 || sc_cgroup_read_small(fd, "cgroup.subtree_control", enabled, sizeof(enabled)) < 0)
        return sc_err_errno(err, errno, "read \"%s/cgroup.subtree_control\"", dir);
    for (size_t i = 0; (controller = wanted(hierarchy, need, i, &is_needed)); i++) {
        if (controller[0] && !has_word(enabled, controller))
            sc_buf_addf(&all, "%s+%s", all.len ? " " : "", controller);
    }
    if (sc_buf_check(&all, err) < 0)
        return -1;
    if (all.len == 0)
        return 0;
    is_held = holds_processes(fd);
    if (is_held) {
        sc_cgroup_make_room(fd);
        is_held = holds_processes(fd);
    }
    if (!is_held && write_control(fd, sc_buf_str(&all)) == 0)
        return 0;
    for (size_t i = 0; (controller = wanted(hierarchy, need, i, &is_needed)); i++) {
        char one[64];

        if (!controller[0] || has_word(enabled, controller) || (is_held && !is_needed))
            continue;
        (void)snprintf(one, sizeof(one), "+%s", controller);
        if ((is_held || write_control(fd, one) < 0) && is_needed)
            return enable_err(hierarchy, dir, fd, controller, is_held ? EBUSY : errno, err);
    }
    return 0;
}

/* Whether the leaf already has every controller that it should: then nothing above needs a look. */
static bool
has_controllers(const struct sc_cgroup_hierarchy *hierarchy, int leaf, const struct sc_strv *need)
{
    const char *controller;
    char text[512];
    bool is_needed;

    if (sc_cgroup_read_small(leaf, "cgroup.controllers", text, sizeof(text)) < 0)
        return false;
    for (size_t i = 0; (controller = wanted(hierarchy, need, i, &is_needed)); i++) {
        if (controller[0] && !has_word(text, controller))
            return false;
    }
    return true;
}

static bool
wants_controllers(const struct sc_cgroup_hierarchy *hierarchy, const struct sc_strv *need)
{
    const char *controller;
    bool is_needed;

    for (size_t i = 0; (controller = wanted(hierarchy, need, i, &is_needed)); i++) {
        if (controller[0])
            return true;
    }
    return false;
}

/* A cgroup has the controllers that its parent's cgroup.subtree_control lists, so the way is from the root down. */
static int
enable_controllers(const struct sc_cgroup_hierarchy *hierarchy, char *dir, int leaf, const struct sc_strv *need,
                   struct sc_err *err)
{
    size_t top = strlen(hierarchy->mount_point);

    if (!wants_controllers(hierarchy, need) || has_controllers(hierarchy, leaf, need))
        return 0;
    for (size_t i = top; dir[i] != '\0'; i++) {
        int result;

        if (dir[i] != '/' || i == 0)
            continue;
        dir[i] = '\0';
        result = enable_at(hierarchy, dir, need, err);
        dir[i] = '/';
        if (result < 0)
            return -1;
    }
    return 0;
}

/* ---- v1: cpusets above ---------------------------------------------------------- */

static int
fill_cpuset(int fd, const char *file, struct sc_err *err)
{
    char above[64], text[4096];

    if (sc_cgroup_read_small(fd, file, text, sizeof(text)) != 0)
        return 0; /* filled, or not a cpuset */
    (void)snprintf(above, sizeof(above), "../%s", file);
    if (sc_cgroup_read_small(fd, above, text, sizeof(text)) <= 0)
        return 0; /* the write below would say no more than the one into the leaf will */
    return sc_cgroup_write_file(fd, file, text, err);
}

/* An empty v1 cpuset above lets nothing into the leaf's. */
static int
fill_parents(const struct sc_cgroup_hierarchy *hierarchy, char *dir, struct sc_err *err)
{
    for (size_t i = strlen(hierarchy->mount_point) + 1; dir[i] != '\0'; i++) {
        sc_cleanup_fd fd = -1;
        int result = -1;

        if (dir[i] != '/')
            continue;
        dir[i] = '\0';
        fd = openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            sc_err_errno(err, errno, "open cgroup \"%s\"", dir);
        else
            result = fill_cpuset(fd, "cpuset.cpus", err) < 0 ? -1 : fill_cpuset(fd, "cpuset.mems", err);
        if (result < 0)
            (void)sc_err_wrap(err, "fill the cpuset of \"%s\"", dir);
        dir[i] = '/';
        if (result < 0)
            return -1;
    }
    return 0;
}

/* Whether the leaf's parent was left empty, by whoever made it. */
static bool
is_parent_empty(int leaf)
{
    char text[64];

    return sc_cgroup_read_small(leaf, "../cpuset.cpus", text, sizeof(text)) == 0 ||
           sc_cgroup_read_small(leaf, "../cpuset.mems", text, sizeof(text)) == 0;
}

static bool
is_v1_of(const struct sc_cgroup_hierarchy *hierarchy, const char *controller)
{
    for (size_t i = 0; i < hierarchy->controllers.count; i++) {
        if (strcmp(hierarchy->controllers.items[i], controller) == 0)
            return !hierarchy->is_v2;
    }
    return false;
}

static bool
is_below_top(const struct sc_cgroup_hierarchy *hierarchy, const char *dir)
{
    return strchr(dir + strlen(hierarchy->mount_point) + 1, '/') != NULL;
}

/* In a frozen parent our first process would freeze as it joins, and whoever started it would wait for ever. */
static int
check_parent_thawed(const struct sc_cgroup_hierarchy *hierarchy, const char *dir, int leaf, struct sc_err *err)
{
    uint64_t frozen = 0;
    char state[32];

    if (!is_below_top(hierarchy, dir))
        return 0;
    if (hierarchy->is_v2)
        (void)!sc_cgroup_read_key(leaf, "cgroup.events", "frozen", &frozen);
    else if (is_v1_of(hierarchy, "freezer") && sc_cgroup_read_small(leaf, "freezer.state", state, sizeof(state)) > 0)
        frozen = strcmp(state, "THAWED") != 0;
    if (frozen == 0)
        return 0;
    sc_err_set(err, SC_ERR_BUSY, "create cgroup \"%s\": a cgroup above it is frozen", dir);
    return sc_err_remedy(err, "thaw it first");
}

/* ---- the leaf -------------------------------------------------------------------- */

/* Below a v1 cpuset that is ours a new one begins with its CPUs and nodes. To write them instead makes the kernel look
 * at every sibling and set its scheduling domains anew. It is a matter of speed: without it they are written. */
static void
inherit_cpuset(const char *dir)
{
    sc_cleanup_fd fd = openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct sc_err ignored = SC_ERR_INIT;

    if (fd >= 0)
        (void)!sc_cgroup_write_file(fd, "cgroup.clone_children", "1", &ignored);
}

static int
make_parents(const struct sc_cgroup_hierarchy *hierarchy, char *dir, struct sc_err *err)
{
    for (size_t i = strlen(hierarchy->mount_point) + 1; dir[i] != '\0'; i++) {
        int result;

        if (dir[i] != '/')
            continue;
        dir[i] = '\0';
        result = mkdirat(AT_FDCWD, dir, 0755);
        if (result == 0 && is_v1_of(hierarchy, "cpuset"))
            inherit_cpuset(dir);
        else if (result < 0)
            result = errno == EEXIST ? 0 : create_err(dir, errno, err);
        dir[i] = '/';
        if (result < 0)
            return -1;
    }
    return 0;
}

/* A cgroup of that name from before may be taken over when nobody is in it (a reboot cannot leave one, a crash can). */
static int
check_unused(const char *dir, int fd, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_pid_list pids;
    char state[32];

    if (sc_cgroup_collect(fd, true, &arena, &pids, err) < 0)
        return sc_err_wrap(err, "look into cgroup \"%s\"", dir);
    if (pids.count > 0) {
        sc_err_set(
            err, SC_ERR_BUSY,
            "create cgroup \"%s\": container's cgroup is not empty: it holds %zu processes, the first is %" PRIdMAX,
            dir, pids.count, (intmax_t)pids.items[0]);
        return sc_err_remedy(err, "give the container another cgroup path, or end those processes");
    }
    if ((sc_cgroup_read_small(fd, "freezer.state", state, sizeof(state)) > 0 && strcmp(state, "THAWED") != 0) ||
        (sc_cgroup_read_small(fd, "cgroup.freeze", state, sizeof(state)) > 0 && strcmp(state, "0") != 0)) {
        sc_err_set(err, SC_ERR_BUSY, "create cgroup \"%s\": container's cgroup unexpectedly frozen", dir);
        return sc_err_remedy(err, "thaw it, or remove it: rmdir %s", dir);
    }
    return 0;
}

static int
prepare_leaf(const struct sc_cgroup_hierarchy *hierarchy, char *dir, int leaf, bool has_new_parents,
             const struct sc_strv *need, struct sc_err *err)
{
    if (hierarchy->is_v2)
        return enable_controllers(hierarchy, dir, leaf, need, err);
    if (!is_v1_of(hierarchy, "cpuset") || !is_below_top(hierarchy, dir))
        return 0;
    return has_new_parents || is_parent_empty(leaf) ? fill_parents(hierarchy, dir, err) : 0;
}

int
sc_cgroup_enable(const struct sc_cgroup_hierarchy *hierarchy, const char *dir, int leaf, const struct sc_strv *need,
                 struct sc_err *err)
{
    char path[PATH_MAX];

    if (!hierarchy->is_v2)
        return 0;
    if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
        return sc_err_errno(err, ENAMETOOLONG, "open cgroup \"%s\"", dir);
    return enable_controllers(hierarchy, path, leaf, need, err);
}

int
sc_cgroup_create(const struct sc_cgroup_layout *layout, int hierarchy, const char *path,
                 const struct sc_strv *need_controllers, bool may_exist, bool *was_created, struct sc_err *err)
{
    const struct sc_cgroup_hierarchy *item = &layout->items[hierarchy];
    bool is_new, has_new_parents = false;
    sc_cleanup_fd leaf = -1;
    char dir[PATH_MAX];

    if (sc_cgroup_join_path(dir, sizeof(dir), item->mount_point, path, err) < 0)
        return -1;
    is_new = mkdirat(AT_FDCWD, dir, 0755) == 0;
    if (!is_new && errno == ENOENT) {
        if (make_parents(item, dir, err) < 0)
            return -1;
        has_new_parents = true;
        is_new = mkdirat(AT_FDCWD, dir, 0755) == 0;
    }
    if (!is_new && errno != EEXIST)
        return create_err(dir, errno, err);
    leaf = openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (leaf < 0)
        return sc_err_errno(err, errno, "open cgroup \"%s\"", dir);
    if (!is_new && !may_exist && check_unused(dir, leaf, err) < 0)
        return -1;
    if (check_parent_thawed(item, dir, leaf, err) < 0 ||
        prepare_leaf(item, dir, leaf, has_new_parents, need_controllers, err) < 0) {
        if (is_new)
            (void)unlinkat(AT_FDCWD, dir, AT_REMOVEDIR);
        return -1;
    }
    *was_created = is_new;
    return sc_steal_fd(&leaf);
}
