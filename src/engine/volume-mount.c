/* Volumes with options: what is mounted over <data>/volume/NAME/_data while a container that has it runs.
 *
 *     <run>/volume/NAME/<id>   a container that has it, and lives or is not taken back yet
 *                      /at     -> what it is mounted on
 *
 * The first makes the mount, and the last takes it away, by the undo operation volume-leave, which is written down
 * before: whoever finds a dead container takes its mount back. The directory's flock makes each of both one step. What
 * is bound (o=bind) is not mounted on the host: the container gets the directory itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine-priv.h"
#include "kernel/kernel.h"
#include "rootfs/rootfs.h"

#define DIR_MAX (sizeof("volume/") + SC_NAME_LEN)
#define TRIES   100

/* What it is, or will be where it is made by this start. */
static int
read_mount(const struct sc_engine *engine, const struct sc_mount_ask *m, struct sc_arena *arena,
           struct sc_volume_mount *out, struct sc_err *err)
{
    struct sc_err absent = SC_ERR_INIT;
    struct sc_strv labels, options = m->options;
    char path[DIR_MAX];
    sc_cleanup_fd volume = -1;

    (void)snprintf(path, sizeof(path), "volume/%s", m->source);
    volume = sc_dir_open_at(engine->data_fd, path, &absent);
    if (volume >= 0 && faccessat(volume, "_data", F_OK, 0) == 0 &&
        sc_volume_options_read(volume, arena, &labels, &options, err) < 0)
        return -1;
    return sc_volume_options_check(&options, arena, out, err);
}

static bool
is_mounted(const struct sc_volume_mount *mount)
{
    return mount->type && !(mount->flags & MS_BIND);
}

bool
sc_volume_is_up(const struct sc_engine *engine, const char *name)
{
    char path[DIR_MAX + sizeof("/_data")];
    struct stat above, there;

    (void)snprintf(path, sizeof(path), "volume/%s", name);
    if (fstatat(engine->data_fd, path, &above, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    (void)snprintf(path, sizeof(path), "volume/%s/_data", name);
    return fstatat(engine->data_fd, path, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_dev != above.st_dev;
}

/* Its content is a container's: no link in it may lead out. */
static int
open_subpath(const char *dir, struct sc_mount_ask *m, struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_fd root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC); /* lint: the volume's own, or the caller's path */
    int fd = root < 0 ? -errno : sc_path_open(root, m->subpath, O_PATH | O_CLOEXEC, 0);

    if (fd < 0) {
        sc_err_errno(err, -fd, "volume \"%s\": subpath \"%s\"", m->source, m->subpath);
        return fd == -ENOENT ? sc_err_remedy(err, "a subpath must be there before the container starts") : -1;
    }
    m->resolved = sc_arena_printf(arena, "/proc/self/fd/%d", fd); /* open as long as this command: one start */
    return sc_arena_check(arena, err);
}

static int
resolve(const struct sc_engine *engine, struct sc_mount_ask *m, bool is_dry, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_volume_mount mount;
    char *dir;

    if (read_mount(engine, m, arena, &mount, err) < 0)
        return sc_err_wrap(err, "volume \"%s\"", m->source);
    if (is_mounted(&mount) && !engine->is_root) {
        sc_err_set(err, SC_ERR_DENIED, "volume \"%s\": only root can mount %s so that all containers see it", m->source,
                   mount.type);
        return sc_err_remedy(err, "use --tmpfs for one container's memory, or a volume with o=bind");
    }
    if (is_mounted(&mount) && m->subpath)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "volume \"%s\": no subpath of what is mounted by the volume itself",
                          m->source);
    m->resolved_readonly = (mount.flags & MS_RDONLY) && !is_mounted(&mount);
    if (mount.flags & MS_BIND)
        m->resolved = sc_arena_strdup(arena, mount.device);
    if (!m->subpath)
        return sc_arena_check(arena, err);
    dir = m->resolved ? m->resolved : sc_arena_printf(arena, "%s/volume/%s/_data", engine->data_path, m->source);
    if (!dir)
        return sc_err_nomem(err);
    if (!is_dry)
        return open_subpath(dir, m, arena, err);
    m->resolved = sc_arena_printf(arena, "%s/%s", dir, m->subpath);
    return sc_arena_check(arena, err);
}

int
sc_volumes_resolve(const struct sc_engine *engine, const struct sc_container *c, bool is_dry, struct sc_arena *arena,
                   struct sc_err *err)
{
    for (size_t i = 0; i < c->options.mount_count; i++) {
        struct sc_mount_ask *m = &c->options.mounts[i];

        if (m->kind == SC_MOUNT_VOLUME && resolve(engine, m, is_dry, arena, err) < 0)
            return -1;
    }
    return 0;
}

bool
sc_volume_is_mounted(const struct sc_engine *engine, const struct sc_mount_ask *m)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_volume_mount mount;

    return m->kind == SC_MOUNT_VOLUME && read_mount(engine, m, &arena, &mount, &ignored) == 0 && is_mounted(&mount);
}

/* ---- up and down ----------------------------------------------------------------------------------------------------
 */

/* The directory of who has it, locked; whoever was the last there may be removing it. */
static int
lock_users(const struct sc_engine *engine, const char *name, struct sc_err *err)
{
    char path[DIR_MAX];

    (void)snprintf(path, sizeof(path), "volume/%s", name);
    for (int i = 0; i < TRIES; i++) {
        struct sc_err gone = SC_ERR_INIT;
        sc_cleanup_fd dir = -1;
        struct stat st;

        if (sc_dir_make_at(engine->run_fd, path, 0700, err) < 0)
            return -1;
        dir = sc_dir_open_at(engine->run_fd, path, &gone);
        if (dir < 0)
            continue;
        if (flock(dir, LOCK_EX) < 0)
            return sc_err_errno(err, errno, "lock volume \"%s\"", name);
        if (fstat(dir, &st) == 0 && st.st_nlink > 0)
            return sc_steal_fd(&dir);
    }
    return sc_err_set(err, SC_ERR_BUSY, "volume \"%s\" is being unmounted again and again", name);
}

static int
mount_one(const struct sc_engine *engine, const struct sc_volume_mount *mount, const char *name, struct sc_err *err)
{
    char path[DIR_MAX + sizeof("/_data")];
    sc_cleanup_fd target = -1;
    int result;

    (void)snprintf(path, sizeof(path), "volume/%s/_data", name);
    target = openat(engine->data_fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0)
        return sc_err_errno(err, errno, "open volume \"%s\"", name);
    result = sc_mount_fs(target, mount->type, mount->device, mount->flags, mount->data ? mount->data : "");
    if (result == 0)
        return 0;
    sc_err_errno(err, -result, "failed to mount local volume: mount %s (type %s) on \"%s/%s\", data: \"%s\"",
                 mount->device, mount->type, engine->data_path, path, mount->data ? mount->data : "");
    return result == -ENODEV ? sc_err_remedy(err, "the kernel has no file system \"%s\": load its module", mount->type)
                             : -1;
}

/* Of the image, into what is empty. */
static int
fill(const struct sc_engine *engine, const struct sc_mount_ask *m, const struct sc_overlay *overlay, struct sc_err *err)
{
    char path[DIR_MAX + sizeof("/_data")];
    sc_cleanup_fd dir = -1;

    (void)snprintf(path, sizeof(path), "volume/%s/_data", m->source);
    dir = m->resolved ? open(m->resolved, O_RDONLY | O_DIRECTORY | O_CLOEXEC) /* lint: the caller's own path */
                      : openat(engine->data_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return sc_err_errno(err, errno, "failed to mount local volume: bind \"%s\"", m->resolved ? m->resolved : path);
    return sc_dir_is_empty(dir) ? sc_rootfs_copy_up(overlay, m->target, dir, err) : 0;
}

static int
bring_up(const struct sc_engine *engine, const struct sc_mount_ask *m, const char *id,
         const struct sc_volume_mount *mount, struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_fd users = lock_users(engine, m->source, err), mark = -1;
    const char *at = sc_arena_printf(arena, "%s/volume/%s/_data", engine->data_path, m->source);

    if (users < 0)
        return -1;
    if (!at)
        return sc_err_nomem(err);
    mark = openat(users, id, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (mark < 0 || (symlinkat(at, users, SC_VOLUME_AT) < 0 && errno != EEXIST))
        return sc_err_errno(err, errno, "mark volume \"%s\"", m->source);
    return sc_volume_is_up(engine, m->source) ? 0 : mount_one(engine, mount, m->source, err);
}

int
sc_volumes_mount(const struct sc_engine *engine, const struct sc_container *c, const struct sc_overlay *overlay,
                 struct sc_arena *arena, struct sc_err *err)
{
    struct sc_overlay image = *overlay;

    if (c->options.rootfs) {
        sc_strv_add(&image.lowerdirs, arena, c->options.rootfs);
        image.upperdir = NULL;
    }
    for (size_t i = 0; i < c->options.mount_count; i++) {
        const struct sc_mount_ask *m = &c->options.mounts[i];
        struct sc_volume_mount mount = {.type = NULL};

        if (m->kind != SC_MOUNT_VOLUME)
            continue;
        if (read_mount(engine, m, arena, &mount, err) < 0)
            return -1;
        if (!mount.type)
            continue;
        if ((is_mounted(&mount) && bring_up(engine, m, c->id, &mount, arena, err) < 0) ||
            (m->copies_up && !m->subpath && !m->resolved_readonly && !(mount.flags & MS_RDONLY) &&
             fill(engine, m, &image, err) < 0))
            return sc_err_wrap(err, "volume \"%s\"", m->source);
    }
    return 0;
}

void
sc_volumes_undo(const struct sc_engine *engine, const struct sc_container *c, struct sc_buf *undo)
{
    for (size_t i = 0; i < c->options.mount_count; i++) {
        sc_cleanup_buf target = SC_BUF_INIT;

        if (!sc_volume_is_mounted(engine, &c->options.mounts[i]))
            continue;
        sc_buf_addf(&target, "%s/volume/%s %s", engine->run_path, c->options.mounts[i].source, c->id);
        sc_undo_add(undo, SC_UNDO_VOLUME_LEAVE, sc_buf_str(&target));
        undo->has_failed = undo->has_failed || target.has_failed;
    }
}

/* Of a volume that no container has: a mount that nobody has taken back would be emptied with it. */
int
sc_volume_down(const struct sc_engine *engine, const char *name, struct sc_err *err)
{
    char path[DIR_MAX];
    sc_cleanup_fd users = -1;
    char *at;
    sc_cleanup_arena arena = SC_ARENA_INIT;

    if (!sc_volume_is_up(engine, name))
        return 0;
    users = lock_users(engine, name, err);
    at = sc_arena_printf(&arena, "%s/volume/%s/_data", engine->data_path, name);
    if (users < 0 || !at)
        return -1;
    while (umount2(at, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) /* lint: the engine's own */
        ;
    if (sc_volume_is_up(engine, name))
        return sc_err_errno(err, errno, "unmount volume \"%s\"", name);
    (void)snprintf(path, sizeof(path), "volume/%s", name);
    return sc_tree_remove_at(engine->run_fd, path, err);
}
