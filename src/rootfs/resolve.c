/* A path of the merged tree: links are followed here, inside the tree, as chroot(2) would. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "rootfs/rootfs-priv.h"

#define LINKS_MAX 40 /* as the kernel's MAXSYMLINKS */

struct walk {
    const struct sc_view *root;
    struct sc_view here;  /* empty: at the root */
    char where[PATH_MAX]; /* canonical path of here, "" at the root, else "/a/b" */
    char rest[PATH_MAX];  /* what is still to be walked */
    unsigned links;
};

static const struct sc_view *
walk_at(const struct walk *walk)
{
    return walk->here.count > 0 ? &walk->here : walk->root;
}

/* Takes the next component off rest; false at the end. */
static bool
walk_next(struct walk *walk, char name[NAME_MAX + 1])
{
    size_t skip = strspn(walk->rest, "/"), len = strcspn(walk->rest + skip, "/");

    if (len == 0)
        return false;
    if (len > NAME_MAX)
        len = NAME_MAX; /* no such file can exist: the lookup says so */
    memcpy(name, walk->rest + skip, len);
    name[len] = '\0';
    memmove(walk->rest, walk->rest + skip + len, strlen(walk->rest + skip + len) + 1);
    return true;
}

static int
walk_enter(struct walk *walk, const char *name, struct sc_view_entry *entry, struct sc_err *err)
{
    size_t len = strlen(walk->where), name_len = strlen(name);

    if (len + name_len + 2 > sizeof(walk->where))
        return sc_err_errno(err, ENAMETOOLONG, "\"%s\"", name);
    walk->where[len] = '/';
    memcpy(walk->where + len + 1, name, name_len + 1);
    sc_view_release(&walk->here);
    walk->here = entry->dir;
    entry->dir = (struct sc_view)SC_VIEW_INIT;
    return 0;
}

/* "..": what is above is found again from the root; every component there is a real directory. */
static int
walk_up(struct walk *walk, struct sc_err *err)
{
    char above[PATH_MAX], *slash = strrchr(walk->where, '/');

    sc_view_release(&walk->here);
    if (!slash)
        return 0;
    *slash = '\0';
    memcpy(above, walk->where, sizeof(above));
    walk->where[0] = '\0';
    for (char *at = above; *at;) {
        size_t len;
        sc_cleanup_view_entry entry = {.kind = SC_VIEW_ABSENT};
        char name[NAME_MAX + 1];

        at += strspn(at, "/");
        len = strcspn(at, "/");
        memcpy(name, at, len);
        name[len] = '\0';
        at += len;
        if (sc_view_lookup(walk_at(walk), name, &entry, err) < 0)
            return -1;
        if (entry.kind != SC_VIEW_DIR)
            return sc_err_set(err, SC_ERR_BUSY, "\"%s\" changed meanwhile", name);
        if (walk_enter(walk, name, &entry, err) < 0)
            return -1;
    }
    return 0;
}

/* Puts the link's target before what is left. False: the link leads nowhere. */
static bool
walk_link(struct walk *walk, const struct sc_view_entry *entry, const char *name)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(walk_at(walk)->fds[entry->layer], name, target, sizeof(target) - 1);
    size_t rest_len = strlen(walk->rest);

    if (len <= 0 || ++walk->links > LINKS_MAX || (size_t)len + rest_len + 2 > sizeof(walk->rest))
        return false;
    memmove(walk->rest + len + 1, walk->rest, rest_len + 1);
    memcpy(walk->rest, target, (size_t)len);
    walk->rest[len] = '/';
    if (target[0] == '/') {
        sc_view_release(&walk->here);
        walk->where[0] = '\0';
    }
    return true;
}

static bool
walk_is_done(const struct walk *walk)
{
    return walk->rest[strspn(walk->rest, "/")] == '\0';
}

static int
walk_run(struct walk *walk, struct sc_view *dir, int *fd, struct sc_err *err)
{
    char name[NAME_MAX + 1];

    while (walk_next(walk, name)) {
        sc_cleanup_view_entry entry = {.kind = SC_VIEW_ABSENT};

        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            if (walk_up(walk, err) < 0)
                return -1;
            continue;
        }
        if (sc_view_lookup(walk_at(walk), name, &entry, err) < 0)
            return -1;
        if (entry.kind == SC_VIEW_ABSENT)
            return 0;
        if (entry.kind == SC_VIEW_DIR) {
            if (walk_enter(walk, name, &entry, err) < 0)
                return -1;
        } else if (S_ISLNK(entry.st.st_mode)) {
            if (!walk_link(walk, &entry, name))
                return 0;
        } else {
            return walk_is_done(walk) ? sc_view_open_regular(walk_at(walk), &entry, name, fd, err) : 0;
        }
    }
    if (walk->here.count > 0) {
        *dir = walk->here;
        walk->here = (struct sc_view)SC_VIEW_INIT;
        return 0;
    }
    dir->is_userxattr = walk->root->is_userxattr;
    dir->fds = malloc(walk->root->count * sizeof(*dir->fds));
    if (!dir->fds)
        return sc_err_nomem(err);
    for (size_t i = 0; i < walk->root->count; i++) {
        int copy = fcntl(walk->root->fds[i], F_DUPFD_CLOEXEC, 3);

        if (copy < 0)
            return sc_err_errno(err, errno, "duplicate a descriptor");
        dir->fds[dir->count++] = copy;
    }
    return 0;
}

int
sc_view_resolve(const struct sc_view *root, const char *path, struct sc_view *dir, int *fd, struct sc_err *err)
{
    struct walk walk = {.root = root};
    int result;

    *fd = -1;
    if (root->count == 0)
        return 0;
    if (strlen(path) >= sizeof(walk.rest))
        return sc_err_errno(err, ENAMETOOLONG, "\"%.40s...\"", path);
    memcpy(walk.rest, path, strlen(path) + 1);
    result = walk_run(&walk, dir, fd, err);
    sc_view_release(&walk.here);
    return result < 0 ? sc_err_wrap(err, "look up \"%s\" in the image", path) : 0;
}
