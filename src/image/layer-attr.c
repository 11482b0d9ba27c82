/* Owners, modes, attributes and times of what a layer holds; those of directories at the end, in one go. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/transfer-priv.h"

/* A directory as the layer last described it. It is known by its inode: a path may come to mean another one. */
struct late_dir {
    char *path;
    ino_t ino;
    mode_t mode;
    struct timespec mtime;
    bool is_implicit;
};

struct sc_layer_late {
    struct sc_arena arena;
    struct late_dir *dirs;
    size_t count, capacity;
    size_t *slots; /* open addressing over ino; 0: free, else position + 1 */
    size_t slot_count;
    uint64_t name_bytes;
};

int
sc_layer_late_new(struct sc_layer_late **out, struct sc_err *err)
{
    *out = calloc(1, sizeof(**out));
    return *out ? 0 : sc_err_nomem(err);
}

void
sc_layer_late_free(struct sc_layer_late *late)
{
    if (!late)
        return;
    sc_arena_release(&late->arena);
    free(late->dirs);
    free(late->slots);
    free(late);
}

static size_t *
late_slot(struct sc_layer_late *late, ino_t ino)
{
    size_t at = (size_t)(ino * UINT64_C(0x9e3779b97f4a7c15)) & (late->slot_count - 1);

    while (late->slots[at] && late->dirs[late->slots[at] - 1].ino != ino)
        at = (at + 1) & (late->slot_count - 1);
    return &late->slots[at];
}

static int
late_grow(struct sc_layer_late *late, struct sc_err *err)
{
    size_t capacity = late->capacity ? late->capacity * 2 : 256;
    struct late_dir *dirs = reallocarray(late->dirs, capacity, sizeof(*dirs));
    size_t *slots;

    if (!dirs)
        return sc_err_nomem(err);
    late->dirs = dirs;
    slots = calloc(capacity * 2, sizeof(*slots));
    if (!slots)
        return sc_err_nomem(err);
    free(late->slots);
    late->slots = slots;
    late->slot_count = capacity * 2;
    late->capacity = capacity;
    for (size_t i = 0; i < late->count; i++)
        *late_slot(late, late->dirs[i].ino) = i + 1;
    return 0;
}

static int
late_put(struct sc_layer_late *late, uint64_t max_bytes, const struct late_dir *dir, struct sc_err *err)
{
    size_t *slot;

    late->name_bytes += strlen(dir->path);
    if (late->name_bytes > max_bytes)
        return sc_err_set(err, SC_ERR_INVALID, "the names of its directories take more than %llu bytes",
                          (unsigned long long)max_bytes);
    if (late->count == late->capacity && late_grow(late, err) < 0)
        return -1;
    slot = late_slot(late, dir->ino);
    if (*slot == 0)
        *slot = ++late->count;
    late->dirs[*slot - 1] = *dir;
    return 0;
}

int
sc_layer_owner_err(struct sc_err *err, int errnum, uint32_t uid, uint32_t gid)
{
    sc_err_errno(err, errnum, "set owner %u:%u", uid, gid);
    if (errnum == EINVAL)
        return sc_err_remedy(err, "the image has ids beyond those that /etc/subuid and /etc/subgid give you: widen the "
                                  "ranges");
    return -1;
}

int
sc_layer_chown(const struct sc_unpack *unpack, int fd, uint32_t uid, uint32_t gid, struct sc_err *err)
{
    /* AT_EMPTY_PATH: fd may be O_PATH. Without privilege everything belongs to the user, who is root inside. */
    if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 &&
        (unpack->is_root || !sc_layer_is_anothers(errno)))
        return sc_layer_owner_err(err, errno, uid, gid);
    return 0;
}

int
sc_layer_put_dir_attrs(struct sc_unpack *unpack, int dir_fd, const char *dir, const char *base,
                       const struct sc_layer_attrs *attrs, struct sc_err *err)
{
    struct late_dir late = {.mode = attrs->mode, .mtime = attrs->mtime, .is_implicit = attrs->is_implicit};
    struct stat st;

    if (fstat(dir_fd, &st) < 0)
        return sc_err_errno(err, errno, "look at a directory");
    if (sc_layer_chown(unpack, dir_fd, attrs->uid, attrs->gid, err) < 0)
        return -1;
    late.ino = st.st_ino;
    late.path = sc_arena_printf(&unpack->late->arena, "%s%s%s", dir, *dir && *base ? "/" : "", base);
    if (!late.path)
        return sc_err_nomem(err);
    return late_put(unpack->late, unpack->limits->name_bytes, &late, err);
}

int
sc_layer_late_apply(struct sc_unpack *unpack, struct sc_err *err)
{
    /* Children before their parents, whose mode may shut us out when we are not root. */
    for (size_t i = unpack->late->count; i-- > 0;) {
        const struct late_dir *dir = &unpack->late->dirs[i];
        struct timespec times[2] = {dir->mtime, dir->mtime};
        mode_t mode = dir->mode;
        struct sc_err gone = SC_ERR_INIT;
        sc_cleanup_fd fd = sc_layer_find_dir(unpack, dir->path, &gone);
        struct stat st;

        /* A later entry may have replaced it. */
        if (fd < 0 && gone.kind != SC_ERR_NOT_FOUND && gone.kind != SC_ERR_INVALID && gone.kind != SC_ERR_DENIED) {
            *err = gone;
            return -1;
        }
        if (fd < 0)
            continue;
        if (fstat(fd, &st) < 0)
            return sc_err_errno(err, errno, "look at directory \"%.300s\"", dir->path);
        if (st.st_ino != dir->ino)
            continue;
        if (dir->is_implicit) {
            struct sc_layer_attrs attrs = sc_layer_lower_attrs(unpack, dir->path);

            if (sc_layer_chown(unpack, fd, attrs.uid, attrs.gid, err) < 0)
                return sc_err_wrap(err, "directory \"%.300s\"", dir->path);
            mode = attrs.mode;
            times[0] = times[1] = attrs.mtime;
        }
        if (fchmod(fd, mode) < 0 || futimens(fd, times) < 0)
            return sc_err_errno(err, errno, "set mode and time of directory \"%.300s\"", dir->path);
    }
    return 0;
}

int
sc_layer_put_xattrs(const struct sc_unpack *unpack, int fd, struct archive_entry *entry, struct sc_err *err)
{
    size_t total = 0, size = 0;
    const void *value = NULL;
    const char *name = NULL;

    if (archive_entry_xattr_reset(entry) == 0)
        return 0;
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
        int verdict = sc_layer_xattr_check(name, value, size, err);

        if (verdict < 0)
            return -1;
        total += strlen(name) + size;
        if (total > unpack->limits->xattr_bytes || strlen(name) > XATTR_NAME_MAX)
            return sc_err_set(err, SC_ERR_INVALID, "its extended attributes take more than %zu bytes",
                              unpack->limits->xattr_bytes);
        if (verdict == 0 || fd < 0 || fsetxattr(fd, name, value, size, 0) == 0)
            continue;
        if (!unpack->is_root && sc_layer_is_anothers(errno))
            continue;
        /* A file capability that is lost would break the program in silence; a user attribute would not. */
        if (errno == EOPNOTSUPP && strcmp(name, "security.capability") != 0)
            continue;
        return sc_err_errno(err, errno, "set its attribute \"%.100s\"", name);
    }
    return 0;
}
