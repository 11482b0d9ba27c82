/*
 * The files of RUN --mount=type=secret, on a tmpfs: the run root where it is one, else /dev/shm. A directory for each
 * RUN, which goes with it. What a build that was killed has left has a lock that nobody holds, and the next build
 * removes it; the name says of which run root it is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine/build/build-priv.h"

#define SHM       "/dev/shm"
#define LOCK_NAME "build-secret.lock"
#define ID_DIGITS 16

static bool
is_memory(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* -1: it is no tmpfs */
static int
open_base(const struct sc_engine *engine, int which)
{
    /* lint: the engine's own root, and the host's directory */
    sc_cleanup_fd fd = openat(AT_FDCWD, which == 0 ? engine->run_path : SHM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 && is_memory(fd) ? sc_steal_fd(&fd) : -1;
}

static void
prefix_of(const struct sc_engine *engine, char out[64])
{
    char hex[SC_SHA256_HEX_LEN + 1];

    sc_sha256_hex(engine->run_path, strlen(engine->run_path), hex);
    (void)snprintf(out, 64, "sc-build-secret-%.*s-", ID_DIGITS, hex);
}

static int
open_dir(struct sc_builder *b, struct sc_build_secret_dir *dir, struct sc_err *err)
{
    sc_cleanup_fd alone = sc_lock_at(b->engine->run_fd, LOCK_NAME, SC_LOCK_EXCLUSIVE, true, err);
    const char *base = b->engine->run_path;
    char id[SC_ID_LEN + 1];

    if (alone < 0 || sc_id_random(id, err) < 0)
        return -1;
    dir->base_fd = open_base(b->engine, 0);
    if (dir->base_fd < 0) {
        base = SHM;
        dir->base_fd = open_base(b->engine, 1);
    }
    if (dir->base_fd < 0)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "there is no tmpfs for secrets: neither \"%s\" nor \"" SHM "\"",
                          b->engine->run_path);
    prefix_of(b->engine, dir->name);
    (void)snprintf(dir->name + strlen(dir->name), sizeof(dir->name) - strlen(dir->name), "%.*s", ID_DIGITS, id);
    dir->path = sc_arena_printf(b->arena, "%s/%s", base, dir->name);
    if (!dir->path)
        return sc_err_nomem(err);
    if (mkdirat(dir->base_fd, dir->name, 0700) < 0)
        return sc_err_errno(err, errno, "make directory \"%s\"", dir->path);
    dir->dir_fd = sc_dir_open_at(dir->base_fd, dir->name, err);
    if (dir->dir_fd < 0)
        return -1;
    dir->lock_fd = sc_lock_at(dir->dir_fd, "lock", SC_LOCK_EXCLUSIVE, false, err);
    return dir->lock_fd < 0 ? -1 : 0;
}

struct attributes {
    int fd;
    const struct sc_df_mount *mount;
};

static int
set_attributes(void *data, struct sc_err *err)
{
    const struct attributes *to = data;

    if (fchown(to->fd, to->mount->uid, to->mount->gid) < 0) {
        sc_err_errno(err, errno, "give it to %u:%u", to->mount->uid, to->mount->gid);
        return err->errnum == EINVAL ? sc_err_remedy(err, "see /etc/subuid and /etc/subgid") : -1;
    }
    return fchmod(to->fd, to->mount->mode) < 0 ? sc_err_errno(err, errno, "set its mode") : 0;
}

int
sc_build_secret_put(struct sc_builder *b, struct sc_build_secret_dir *dir, const struct sc_build_secret *secret,
                    const struct sc_df_mount *mount, char **path, struct sc_err *err)
{
    char name[SC_NUM_MAX];
    struct attributes to = {.mount = mount};
    sc_cleanup_fd fd = -1;

    if (dir->dir_fd < 0 && open_dir(b, dir, err) < 0)
        return -1;
    (void)snprintf(name, sizeof(name), "%zu", dir->count++);
    *path = sc_arena_printf(b->arena, "%s/%s", dir->path, name);
    if (!*path)
        return sc_err_nomem(err);
    fd = openat(dir->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return sc_err_errno(err, errno, "write \"%s\"", *path);
    to.fd = fd;
    return sc_io_write_all(fd, secret->data, secret->len, err) < 0
               ? -1
               : sc_rootless_run(b->engine, set_attributes, &to, err);
}

void
sc_build_secret_dir_release(const struct sc_engine *engine, struct sc_build_secret_dir *dir)
{
    struct sc_err ignored = SC_ERR_INIT;

    if (dir->dir_fd >= 0)
        (void)!sc_engine_tree_remove(engine, dir->base_fd, dir->name, &ignored);
    sc_closep(&dir->lock_fd);
    sc_closep(&dir->dir_fd);
    sc_closep(&dir->base_fd);
}

/* ---- what was left ----------------------------------------------------------------------------------------------- */

static void
sweep_one(const struct sc_engine *engine, int base_fd, const char *name)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd dir = sc_dir_open_at(base_fd, name, &ignored), lock = -1;
    struct stat st;

    /* Anybody may make a directory of that name in /dev/shm. */
    if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != geteuid())
        return;
    lock = sc_lock_at(dir, "lock", SC_LOCK_EXCLUSIVE, false, &ignored);
    if (lock >= 0)
        (void)!sc_engine_tree_remove(engine, base_fd, name, &ignored);
}

void
sc_build_secrets_sweep(const struct sc_builder *b)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd alone = sc_lock_at(b->engine->run_fd, LOCK_NAME, SC_LOCK_EXCLUSIVE, true, &ignored);
    char prefix[64];

    prefix_of(b->engine, prefix);
    for (int which = 0; which < 2 && alone >= 0; which++) {
        sc_cleanup_fd base = open_base(b->engine, which), fd = base < 0 ? -1 : fcntl(base, F_DUPFD_CLOEXEC, 0);
        sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        if (!dir)
            continue;
        (void)sc_steal_fd(&fd);
        while ((entry = readdir(dir))) {
            if (sc_str_starts(entry->d_name, prefix))
                sweep_one(b->engine, base, entry->d_name);
        }
    }
}
