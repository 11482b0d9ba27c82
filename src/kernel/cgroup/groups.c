/* Cgroups of any process: writing several files as one, moving, removing, permissions, mounting. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup-priv.h"
#include "kernel/cgroup/groups.h"
#include "kernel/kernel.h"

#define FILE_MAX   ((size_t)16 << 20)
#define MOVE_BATCH 64 /* descriptors at a time */

/* ---- files ------------------------------------------------------------------------------------------------- */

static const char *
read_file(void *data, const char *file, struct sc_arena *arena)
{
    const int *fd = data;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    if (sc_file_read_at(*fd, file, FILE_MAX, &text, &err) < 0) {
        errno = err.errnum;
        return NULL;
    }
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.data[--text.len] = '\0';
    return sc_arena_strdup(arena, sc_buf_str(&text));
}

void
sc_cgroup_dir_files(const int *fd, bool is_v2, struct sc_cgroup_files *out)
{
    *out = (struct sc_cgroup_files){.is_v2 = is_v2, .read = read_file, .data = (void *)(uintptr_t)fd};
}

/* What was there before, written back last to first; what cannot be read (devices.allow) cannot be taken back. */
static void
write_back(int fd, const struct sc_cgroup_writes *writes, const char *const *before, const bool *is_done)
{
    struct sc_err ignored = SC_ERR_INIT;

    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = writes->count; i-- > 0;) {
            /* v1 shows unlimited as a number that it takes back */
            if (is_done[i] && before[i])
                (void)!sc_cgroup_write_file(fd, writes->items[i].file, *before[i] ? before[i] : "\n", &ignored);
        }
    }
}

int
sc_cgroup_write_all(int fd, const struct sc_cgroup_writes *writes, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    const char **before = SC_ARENA_ARRAY(&arena, const char *, writes->count);
    bool *is_done = SC_ARENA_ARRAY(&arena, bool, writes->count), has_moved = true;
    struct sc_err first = SC_ERR_INIT;
    size_t left = writes->count;

    if (sc_arena_check(&arena, err) < 0)
        return -1;
    for (size_t i = 0; i < writes->count; i++)
        before[i] = read_file(&fd, writes->items[i].file, &arena);
    while (left > 0 && has_moved) {
        has_moved = false;
        first = (struct sc_err)SC_ERR_INIT;
        for (size_t i = 0; i < writes->count; i++) {
            struct sc_err one = SC_ERR_INIT;

            if (is_done[i])
                continue;
            if (sc_cgroup_write_file(fd, writes->items[i].file, writes->items[i].value, &one) < 0) {
                first = first.kind == SC_ERR_NONE ? one : first;
                continue;
            }
            is_done[i] = has_moved = true;
            left--;
        }
    }
    if (left == 0)
        return 0;
    write_back(fd, writes, before, is_done);
    *err = first;
    return -1;
}

int
sc_cgroup_attach(int fd, pid_t pid, struct sc_err *err)
{
    char text[SC_NUM_MAX];
    struct sc_err own = SC_ERR_INIT;

    (void)snprintf(text, sizeof(text), "%d", (int)pid);
    if (sc_cgroup_write_file(fd, "cgroup.procs", text, &own) == 0)
        return 0;
    if (own.errnum == ESRCH)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "no process %d", (int)pid);
    *err = own;
    return -1;
}

int
sc_cgroup_members(int fd, bool is_deep, struct sc_arena *arena, struct sc_pid_list *out, struct sc_err *err)
{
    sc_cleanup_fd readable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (readable < 0)
        return sc_err_errno(err, errno, "read a cgroup's directory");
    return sc_cgroup_collect(readable, is_deep, arena, out, err);
}

static int
by_name(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

int
sc_cgroup_names(int fd, bool of_groups, struct sc_arena *arena, struct sc_strv *out, struct sc_err *err)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;

    if (!dir)
        return sc_err_errno(err, errno, "read a cgroup's directory");
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] != '.' && (entry->d_type == DT_DIR) == of_groups)
            sc_strv_add(out, arena, entry->d_name);
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (out->count > 1)
        qsort(out->items, out->count, sizeof(*out->items), by_name);
    return 0;
}

/* ---- removing ---------------------------------------------------------------------------------------------- */

/* As for signals (live.c): a pid that was read a moment ago may be another process's by now, on the host's side. One
 * that is pinned, listed again and has not ended is this cgroup's. */
static int
move_batch(const char *dir, int fd, int above, const pid_t *pids, size_t count, struct sc_arena *arena,
           struct sc_err *err)
{
    struct sc_pid_list now = {.count = 0};
    struct sc_err ignored = SC_ERR_INIT;
    int pins[MOVE_BATCH], result;

    for (size_t i = 0; i < count; i++)
        pins[i] = sc_pidfd_open(pids[i], 0, &ignored);
    result = sc_cgroup_collect(fd, true, arena, &now, err);
    for (size_t i = 0; i < count; i++) {
        struct pollfd end = {.fd = pins[i], .events = POLLIN};
        struct sc_err one = SC_ERR_INIT;
        bool is_here = false;

        for (size_t k = 0; result == 0 && pins[i] >= 0 && k < now.count && !is_here; k++)
            is_here = now.items[k] == pids[i];
        if (is_here && poll(&end, 1, 0) == 0 && sc_cgroup_attach(above, pids[i], &one) < 0 &&
            one.kind != SC_ERR_NOT_FOUND) {
            *err = one;
            sc_err_wrap(err, "move process %d out of cgroup \"%s\"", (int)pids[i], dir);
            if (one.errnum == EBUSY)
                sc_err_remedy(err, "move its processes to a cgroup without children first: sc cgroup classify");
            result = -1;
        }
        sc_closep(&pins[i]);
    }
    return result;
}

/* Forks go on while it is emptied: again until nobody is in it. */
static int
move_out(const char *dir, int above, struct sc_err *err)
{
    for (int round = 0; round < 100; round++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        sc_cleanup_fd fd = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        struct sc_pid_list pids = {.count = 0};

        if (fd < 0)
            return sc_err_errno(err, errno, "open cgroup \"%s\"", dir);
        if (sc_cgroup_collect(fd, true, &arena, &pids, err) < 0)
            return -1;
        if (pids.count == 0)
            return 0;
        for (size_t i = 0; i < pids.count; i += MOVE_BATCH) {
            const size_t left = pids.count - i;

            if (move_batch(dir, fd, above, pids.items + i, left < MOVE_BATCH ? left : MOVE_BATCH, &arena, err) < 0)
                return -1;
        }
    }
    return sc_err_set(err, SC_ERR_BUSY, "empty cgroup \"%s\": its processes fork faster than they can be moved", dir);
}

int
sc_cgroup_delete(const char *mount_point, const char *path, bool is_deep, struct sc_err *err)
{
    sc_cleanup_fd fd = -1, above = -1;
    char dir[PATH_MAX];

    if (strcmp(path, "/") == 0)
        return sc_err_set(err, SC_ERR_INVALID, "remove cgroup \"/\": it is the root of a hierarchy");
    if (sc_cgroup_join_path(dir, sizeof(dir), mount_point, path, err) < 0)
        return -1;
    /* The kernel removes one that has neither processes nor cgroups; looking at it first takes longer than that. */
    if (unlinkat(AT_FDCWD, dir, AT_REMOVEDIR) == 0)
        return 0;
    fd = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return sc_err_errno(err, errno, "remove cgroup \"%s\"", dir);
    if (!is_deep && sc_cgroup_has_children(fd)) {
        sc_err_set(err, SC_ERR_BUSY, "remove cgroup \"%s\": there are cgroups in it", dir);
        return sc_err_remedy(err, "add --recursive to remove them too");
    }
    above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above < 0)
        return sc_err_errno(err, errno, "open the cgroup above \"%s\"", dir);
    sc_closep(&fd);
    return move_out(dir, above, err) < 0 ? -1 : sc_cgroup_remove(dir, err);
}

/* ---- permissions --------------------------------------------------------------------------------------------- */

/* Group and others get of mode what the owner has: a control file that nobody can write stays so. */
static int
change_mode(int fd, const char *name, mode_t mode, struct sc_err *err)
{
    struct stat st;
    mode_t owner;

    if (mode == 0)
        return 0;
    if (fstatat(fd, name, &st, 0) < 0)
        return sc_err_errno(err, errno, "look at \"%s\"", name);
    owner = (st.st_mode >> 6) & 7;
    mode &= (owner << 6) | (owner << 3) | owner;
    return fchmodat(fd, name, mode, 0) < 0 ? sc_err_errno(err, errno, "change the mode of \"%s\"", name) : 0;
}

static int
change_owner(int fd, const char *name, const struct sc_opt_i64 *uid, const struct sc_opt_i64 *gid, struct sc_err *err)
{
    uid_t user = uid->is_set ? (uid_t)uid->value : (uid_t)-1;
    gid_t group = gid->is_set ? (gid_t)gid->value : (gid_t)-1;

    if (!uid->is_set && !gid->is_set)
        return 0;
    return fchownat(fd, name, user, group, 0) < 0 ? sc_err_errno(err, errno, "change the owner of \"%s\"", name) : 0;
}

static bool
is_for_tasks(const char *name)
{
    return strcmp(name, "tasks") == 0 || strcmp(name, "cgroup.procs") == 0 || strcmp(name, "cgroup.threads") == 0;
}

int
sc_cgroup_permit(int fd, const struct sc_cgroup_perm *perm, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv names = {0};

    if (sc_cgroup_names(fd, false, &arena, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        bool tasks = is_for_tasks(name);

        if (change_owner(fd, name, tasks ? &perm->task_uid : &perm->admin_uid,
                         tasks ? &perm->task_gid : &perm->admin_gid, err) < 0 ||
            change_mode(fd, name, tasks ? perm->task_mode : perm->file_mode, err) < 0)
            return -1;
    }
    if (change_owner(fd, ".", &perm->admin_uid, &perm->admin_gid, err) < 0)
        return -1;
    return change_mode(fd, ".", perm->dir_mode, err);
}

/* ---- systemd --------------------------------------------------------------------------------------------------- */

/* systemd marks what it has given away (Delegate=yes) with an extended attribute of the unit's cgroup. */
static bool
is_delegated(const char *dir)
{
    char value[8];

    return getxattr(dir, "user.delegate", value, sizeof(value)) == 1 ||
           getxattr(dir, "trusted.delegate", value, sizeof(value)) == 1;
}

int
sc_cgroup_systemd_owns(const char *mount_point, const char *path, struct sc_arena *arena, const char **unit,
                       struct sc_err *err)
{
    const char *found = NULL;
    char dir[PATH_MAX];

    *unit = NULL;
    if (faccessat(AT_FDCWD, "/run/systemd/system", F_OK, 0) < 0)
        return 0;
    if (sc_cgroup_join_path(dir, sizeof(dir), mount_point, path, err) < 0)
        return -1;
    for (char *at = dir + strlen(mount_point); *at == '/';) {
        char *name = at + 1, *end = strchrnul(name, '/'), saved = *end;

        *end = '\0';
        if (sc_str_ends(name, ".slice") || sc_str_ends(name, ".service") || sc_str_ends(name, ".scope"))
            found = sc_arena_strdup(arena, name);
        if (is_delegated(dir))
            return 0;
        *end = saved;
        at = end;
    }
    *unit = found;
    return sc_arena_check(arena, err);
}

/* ---- mounting -------------------------------------------------------------------------------------------------- */

int
sc_cgroup_mount(const char *controllers, const char *dir, struct sc_err *err)
{
    bool is_v2 = strcmp(controllers, "cgroup2") == 0 || strcmp(controllers, "unified") == 0;
    bool is_named = sc_str_starts(controllers, "name=") && !strchr(controllers, ',');
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    char data[512];
    bool is_new = mkdirat(AT_FDCWD, dir, 0755) == 0;
    int errnum;

    if (!is_new && errno != EEXIST)
        return sc_err_errno(err, errno, "make the directory \"%s\"", dir);
    (void)snprintf(data, sizeof(data), "%s%s", is_named ? "none," : "", controllers);
    if (mount(is_v2 ? "cgroup2" : "cgroup", dir, is_v2 ? "cgroup2" : "cgroup", flags, is_v2 ? NULL : data) == 0)
        return 0;
    errnum = errno;
    if (is_new)
        (void)unlinkat(AT_FDCWD, dir, AT_REMOVEDIR);
    sc_err_errno(err, errnum, "mount the cgroup controllers \"%s\" on \"%s\"", controllers, dir);
    if (errnum == EBUSY)
        return sc_err_remedy(err, "they are mounted already, in another set, or used by cgroup v2: cat /proc/cgroups");
    if (errnum == ENOENT || errnum == EINVAL)
        return sc_err_remedy(err, "/proc/cgroups lists the controllers of this kernel");
    return -1;
}

int
sc_cgroup_umount(const char *dir, struct sc_err *err)
{
    struct statfs fs;

    if (statfs(dir, &fs) < 0)
        return sc_err_errno(err, errno, "unmount \"%s\"", dir);
    if (fs.f_type != CGROUP_SUPER_MAGIC && fs.f_type != CGROUP2_SUPER_MAGIC)
        return sc_err_set(err, SC_ERR_INVALID, "unmount \"%s\": it is no cgroup file system", dir);
    return umount2(dir, UMOUNT_NOFOLLOW) < 0 ? sc_err_errno(err, errno, "unmount \"%s\"", dir) : 0;
}
