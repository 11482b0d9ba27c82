/* Trees of cgroups. musl-clean: only base. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup-priv.h"

/* The way back up: where the parent's directory was read to, and the name that was entered. */
struct step {
    long position;
    char *name;
};
struct trail {
    struct step *steps;
    size_t count, capacity;
};

static void
trail_release(struct trail *trail)
{
    for (size_t i = 0; i < trail->count; i++)
        free(trail->steps[i].name);
    free(trail->steps);
}

static int
trail_push(struct trail *trail, long position, const char *name, struct sc_err *err)
{
    char *copy;

    if (trail->count == trail->capacity) {
        size_t capacity = trail->capacity ? trail->capacity * 2 : 8;
        struct step *steps = realloc(trail->steps, capacity * sizeof(*steps));

        if (!steps)
            return sc_err_nomem(err);
        trail->steps = steps;
        trail->capacity = capacity;
    }
    copy = strdup(name);
    if (!copy)
        return sc_err_nomem(err);
    trail->steps[trail->count++] = (struct step){.position = position, .name = copy};
    return 0;
}

static DIR *
open_dir(int dirfd_, const char *name)
{
    int fd = openat(dirfd_, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !dir)
        sc_closep(&fd);
    return dir;
}

/* kernfs counts subdirectories as links, as directories always did: two are "." and its own name. */
bool
sc_cgroup_has_children(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_nlink != 2;
}

bool
sc_cgroup_is_mount_root(int fd)
{
    struct stat own, above;

    return fstat(fd, &own) < 0 || fstatat(fd, "..", &above, 0) < 0 || own.st_dev != above.st_dev ||
           own.st_ino == above.st_ino;
}

/* Enters the next child of *dir; 1 when there was one, 0 at the end of the directory. */
static int
descend(DIR **dir, struct trail *trail, struct sc_err *err)
{
    struct dirent *entry;

    for (;;) {
        DIR *child;

        errno = 0;
        entry = readdir(*dir);
        if (!entry && errno && errno != ENOENT) /* ENOENT: the directory was removed while it was read */
            return sc_err_errno(err, errno, "read a cgroup directory");
        if (!entry)
            return 0;
        /* a name that begins with a dot is as good as any other: a container makes such ones too */
        if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        child = open_dir(dirfd(*dir), entry->d_name);
        if (!child && errno == ENOENT)
            continue;
        if (!child)
            return sc_err_errno(err, errno, "open cgroup directory \"%s\"", entry->d_name);
        if (trail_push(trail, telldir(*dir), entry->d_name, err) < 0) {
            sc_closedirp(&child);
            return -1;
        }
        sc_closedirp(dir);
        *dir = child;
        return 1;
    }
}

/* Back to the parent, behind the child just left. */
static int
ascend(DIR **dir, const struct step *step, struct sc_err *err)
{
    DIR *parent = open_dir(dirfd(*dir), "..");

    if (!parent)
        return sc_err_errno(err, errno, "open the cgroup above \"%s\"", step->name);
    sc_closedirp(dir);
    *dir = parent;
    seekdir(parent, step->position);
    return 0;
}

static int
walk_below(DIR **dir, struct trail *trail, const struct sc_cgroup_visitor *visitor, struct sc_err *err)
{
    for (;;) {
        struct step *last;
        int found = descend(dir, trail, err);

        if (found < 0)
            return -1;
        if (found) {
            if (visitor->enter && visitor->enter(dirfd(*dir), visitor->data, err) < 0)
                return -1;
            continue;
        }
        if (trail->count == 0)
            return 0;
        last = &trail->steps[trail->count - 1];
        if (ascend(dir, last, err) < 0 ||
            (visitor->leave && visitor->leave(dirfd(*dir), last->name, visitor->data, err) < 0))
            return -1;
        free(last->name);
        trail->count--;
    }
}

int
sc_cgroup_walk(int top, const struct sc_cgroup_visitor *visitor, struct sc_err *err)
{
    struct trail trail = {.count = 0};
    sc_cleanup_dir dir = NULL;
    int result;

    if (visitor->enter && visitor->enter(top, visitor->data, err) < 0)
        return -1;
    if (!sc_cgroup_has_children(top))
        return 0;
    dir = open_dir(top, ".");
    if (!dir)
        return errno == ENOENT ? 0 : sc_err_errno(err, errno, "open a cgroup directory");
    result = walk_below(&dir, &trail, visitor, err);
    trail_release(&trail);
    return result;
}
