/* Volumes: <data>/volume/<name>/_data. What the image has at the mount point is copied into a volume that is empty. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine-priv.h"
#include "rootfs/rootfs.h"

#define LOCK_TRIES 100

/* Into a directory of another name, then renamed over the empty one: a copy that was cut short is never taken for the
 * volume. */
static int
copy_up(int volume_fd, const struct sc_overlay *overlay, const char *target, struct sc_err *err)
{
    sc_cleanup_fd copy = -1;

    if (sc_tree_remove_at(volume_fd, "_copy", err) < 0)
        return -1;
    if (mkdirat(volume_fd, "_copy", 0755) < 0)
        return sc_err_errno(err, errno, "make directory \"_copy\"");
    copy = sc_dir_open_at(volume_fd, "_copy", err);
    if (copy < 0 || sc_rootfs_copy_up(overlay, target, copy, err) < 0)
        return -1;
    return renameat(volume_fd, "_copy", volume_fd, "_data") < 0
               ? sc_err_errno(err, errno, "rename \"_copy\" to \"_data\"")
               : 0;
}

struct copy {
    int volume_fd;
    const struct sc_overlay *overlay;
    const char *target;
};

static int
copy_up_job(void *data, struct sc_err *err)
{
    const struct copy *copy = data;

    return copy_up(copy->volume_fd, copy->overlay, copy->target, err);
}

/* The volume's directory, locked; whoever removes it holds the lock, and it is made again. */
static int
lock_volume(const struct sc_engine *engine, const char *name, int *lock, struct sc_err *err)
{
    char path[sizeof("volume/") + SC_NAME_LEN];

    (void)snprintf(path, sizeof(path), "volume/%s", name);
    for (int i = 0; i < LOCK_TRIES; i++) {
        struct sc_err gone = SC_ERR_INIT;
        sc_cleanup_fd volume = -1;
        struct stat st;

        if (mkdirat(engine->data_fd, path, 0700) < 0 && errno != EEXIST)
            return sc_err_errno(err, errno, "make volume \"%s\"", name);
        volume = sc_dir_open_at(engine->data_fd, path, &gone);
        if (volume < 0)
            continue;
        sc_closep(lock);
        *lock = sc_lock_at(volume, "lock", SC_LOCK_EXCLUSIVE, true, &gone);
        if (*lock < 0 && gone.errnum != ENOENT) {
            *err = gone;
            return -1;
        }
        if (*lock >= 0 && fstat(*lock, &st) == 0 && st.st_nlink > 0)
            return sc_steal_fd(&volume);
    }
    return sc_err_set(err, SC_ERR_BUSY, "volume \"%s\" is being removed again and again", name);
}

int
sc_volume_open(const struct sc_engine *engine, const struct sc_volume_ask *ask, int *lock, bool *is_new,
               struct sc_err *err)
{
    sc_cleanup_fd volume = lock_volume(engine, ask->name, lock, err);

    if (volume < 0)
        return -1;
    (void)fchmod(volume, 0700); /* an older sc's */
    *is_new = faccessat(volume, "_data", F_OK, 0) < 0;
    /* what it is comes before its directory, which says that it is whole */
    if (*is_new && sc_volume_options_write(volume, &ask->labels, &ask->options, err) < 0)
        return -1;
    if (*is_new && mkdirat(volume, "_data", 0755) < 0 && errno != EEXIST)
        return sc_err_errno(err, errno, "make volume \"%s\"", ask->name);
    return sc_steal_fd(&volume);
}

static int
prepare_volume(const struct sc_engine *engine, const struct sc_mount_ask *m, const struct sc_overlay *overlay,
               struct sc_err *err)
{
    const struct sc_volume_ask ask = {.name = m->source, .labels = m->labels, .options = m->options};
    sc_cleanup_fd volume = -1, data = -1, lock = -1;
    bool is_new;

    volume = sc_volume_open(engine, &ask, &lock, &is_new, err);
    if (volume < 0)
        return -1;
    /* what is mounted is filled once it is (volume-mount.c) */
    if (!m->copies_up || m->resolved || sc_volume_is_mounted(engine, m))
        return 0;
    data = sc_dir_open_at(volume, "_data", err);
    if (data < 0)
        return -1;

    struct copy copy = {volume, overlay, m->target};

    if (sc_dir_is_empty(data) && sc_rootless_run(engine, copy_up_job, &copy, err) < 0)
        return sc_err_wrap(err, "fill volume \"%s\"", m->source);
    return 0;
}

static int
prepare_bind(const struct sc_mount_ask *m, bool is_dry, struct sc_err *err)
{
    struct stat st;

    if (fstatat(AT_FDCWD, m->source, &st, AT_SYMLINK_NOFOLLOW) == 0) /* lint: the caller's own path */
        return 0;
    if (errno != ENOENT)
        return sc_err_errno(err, errno, "mount on \"%s\": bind source \"%s\"", m->target, m->source);
    if (!m->creates_source) {
        sc_err_set(err, SC_ERR_NOT_FOUND, "mount on \"%s\": bind source \"%s\" does not exist", m->target, m->source);
        return sc_err_remedy(err, "make the directory first, or use -v, which makes it");
    }
    if (is_dry)
        return 0;
    if (sc_dir_make_at(AT_FDCWD, m->source, 0755, err) < 0) /* lint: as above */
        return sc_err_wrap(err, "mount on \"%s\"", m->target);
    return 0;
}

int
sc_volumes_prepare(const struct sc_engine *engine, const struct sc_container *container,
                   const struct sc_overlay *overlay, bool is_dry, struct sc_err *err)
{
    const struct sc_create_options *o = &container->options;

    for (size_t i = 0; i < o->mount_count; i++) {
        const struct sc_mount_ask *m = &o->mounts[i];

        if (m->kind == SC_MOUNT_BIND && prepare_bind(m, is_dry, err) < 0)
            return -1;
        if (m->kind == SC_MOUNT_VOLUME && !is_dry && prepare_volume(engine, m, overlay, err) < 0)
            return -1;
    }
    return 0;
}

/* By --volumes-from a volume without a name may be another container's too. */
static bool
is_shared(const struct sc_engine *engine, const struct sc_container *container, const char *name)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_strv ids = {0};

    if (sc_engine_ids(engine, &arena, &ids, &ignored) < 0)
        return true;
    for (size_t i = 0; i < ids.count; i++) {
        struct sc_container other = SC_CONTAINER_INIT;

        if (strcmp(ids.items[i], container->id) == 0 ||
            sc_record_read(engine, ids.items[i], &arena, &other, &ignored) < 0)
            continue;
        for (size_t k = 0; k < other.options.mount_count; k++) {
            if (other.options.mounts[k].kind == SC_MOUNT_VOLUME && sc_str_eq(other.options.mounts[k].source, name))
                return true;
        }
    }
    return false;
}

void
sc_volumes_mark_shared(const struct sc_engine *engine, const struct sc_container *container)
{
    const struct sc_create_options *o = &container->options;

    for (size_t i = 0; i < o->mount_count && o->volumes_from.count > 0; i++) {
        char path[sizeof("volume//" SC_VOLUME_SHARED) + SC_NAME_LEN];
        sc_cleanup_fd mark = -1;

        if (!o->mounts[i].is_anonymous)
            continue;
        (void)snprintf(path, sizeof(path), "volume/%s/" SC_VOLUME_SHARED, o->mounts[i].source);
        /* one of its own is not there yet; where it cannot be written nothing else can */
        mark = openat(engine->data_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
}

void
sc_volumes_remove_anonymous(const struct sc_engine *engine, const struct sc_container *container)
{
    const struct sc_create_options *o = &container->options;

    for (size_t i = 0; i < o->mount_count; i++) {
        struct sc_err ignored = SC_ERR_INIT;
        char path[sizeof("volume/") + SC_NAME_LEN];

        if (!o->mounts[i].is_anonymous || !sc_engine_is_id(o->mounts[i].source) ||
            is_shared(engine, container, o->mounts[i].source))
            continue;
        (void)snprintf(path, sizeof(path), "volume/%s", o->mounts[i].source);
        if (sc_volume_down(engine, o->mounts[i].source, &ignored) < 0)
            continue;
        (void)!sc_engine_tree_remove(engine, engine->data_fd, path, &ignored);
    }
}
