/*
 * The directories of RUN --mount=type=cache: <data>/build-cache/NAME/, where NAME is a digest of all that makes two
 * mounts the same, with a dot and a number where several builds want one each.
 *
 *     data/   what is mounted; renamed to this when it is whole
 *     lock    flock(2): shared by who shares it, exclusive by who has it alone, makes data, or removes all of it
 *
 * A build that wants several takes all or none of them, and tries again: so no two can wait for each other.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/build/build-priv.h"

#define DIR_NAME    "build-cache"
#define TRY_MSEC    100
#define COPIES_MAX  1000
#define NSEC_SECOND INT64_C(1000000000)

static int
open_all(const struct sc_engine *engine, struct sc_err *err)
{
    if (mkdirat(engine->data_fd, DIR_NAME, 0700) < 0 && errno != EEXIST)
        return sc_err_errno(err, errno, "make directory \"%s\"", DIR_NAME);
    return sc_dir_open_at(engine->data_fd, DIR_NAME, err);
}

/* Whether the directory that was locked is still the one of that name. */
static bool
is_still_there(int all_fd, const char *name, int dir_fd)
{
    struct stat by_name, by_fd;

    return fstatat(all_fd, name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 && fstat(dir_fd, &by_fd) == 0 &&
           by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
}

/* 1: it is ours now; 0: it is another's. */
static int
try_one(const struct sc_builder *b, int all_fd, const char *name, int sharing, struct sc_build_dir *out,
        struct sc_err *err)
{
    const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    struct sc_err why = SC_ERR_INIT;
    sc_cleanup_fd dir = -1, lock = -1;
    bool is_made;

    if (mkdirat(all_fd, name, 0700) < 0 && errno != EEXIST)
        return sc_err_errno(err, errno, "make directory \"%s/%s\"", DIR_NAME, name);
    dir = sc_dir_open_at(all_fd, name, &why);
    if (dir < 0)
        return 0; /* it was removed meanwhile */
    is_made = faccessat(dir, "data", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    lock =
        sc_lock_at(dir, "lock", is_made && sharing == SC_DF_SHARED ? SC_LOCK_SHARED : SC_LOCK_EXCLUSIVE, false, &why);
    if (lock < 0 && why.kind != SC_ERR_BUSY && why.kind != SC_ERR_NOT_FOUND) {
        *err = why;
        return -1;
    }
    if (lock < 0 || !is_still_there(all_fd, name, dir))
        return 0;
    (void)futimens(lock, now);
    *out =
        (struct sc_build_dir){.name = sc_arena_strdup(b->arena, name),
                              .path = sc_arena_printf(b->arena, "%s/" DIR_NAME "/%s/data", b->engine->data_path, name),
                              .is_new = faccessat(dir, "data", F_OK, AT_SYMLINK_NOFOLLOW) < 0,
                              .lock_fd = sc_steal_fd(&lock)};
    return sc_arena_check(b->arena, err) < 0 ? -1 : 1;
}

static int
try_copies(const struct sc_builder *b, int all_fd, const char *name, int sharing, struct sc_build_dir *out,
           struct sc_err *err)
{
    int status = try_one(b, all_fd, name, sharing, out, err);

    for (int i = 1; status == 0 && sharing == SC_DF_PRIVATE && i < COPIES_MAX; i++) {
        char *other = sc_arena_printf(b->arena, "%s.%d", name, i);

        status = other ? try_one(b, all_fd, other, sharing, out, err) : sc_err_nomem(err);
    }
    return status;
}

/* The same directory twice in one RUN is one. */
static const struct sc_build_dir *
find_same(const struct sc_strv *names, size_t at, const struct sc_build_dirs *dirs)
{
    for (size_t i = 0; i < at; i++) {
        if (strcmp(names->items[i], names->items[at]) == 0)
            return &dirs->items[i];
    }
    return NULL;
}

static int
try_all(const struct sc_builder *b, int all_fd, const struct sc_strv *names, const int *sharing,
        struct sc_build_dirs *out, struct sc_err *err)
{
    for (; out->count < names->count; out->count++) {
        const struct sc_build_dir *same = find_same(names, out->count, out);
        int status;

        if (same) {
            out->items[out->count] = *same;
            out->items[out->count].is_new = false;
            out->items[out->count].lock_fd = -1;
            continue;
        }
        status = try_copies(b, all_fd, names->items[out->count], sharing[out->count], &out->items[out->count], err);
        if (status <= 0)
            return status;
    }
    return 1;
}

int
sc_build_dirs_take(struct sc_builder *b, const struct sc_strv *names, const int *sharing, struct sc_build_dirs *out,
                   struct sc_err *err)
{
    sc_cleanup_fd all = -1;

    *out = (struct sc_build_dirs){.items = SC_ARENA_ARRAY(b->arena, struct sc_build_dir, names->count + 1)};
    if (!out->items)
        return sc_err_nomem(err);
    if (names->count == 0)
        return 0;
    all = open_all(b->engine, err);
    if (all < 0)
        return -1;
    for (;;) {
        struct pollfd wait = {.fd = b->signal_fd, .events = POLLIN};
        int status = try_all(b, all, names, sharing, out, err);

        if (status > 0)
            return 0;
        sc_build_dirs_release(out);
        if (status < 0)
            return -1;
        (void)poll(&wait, 1, TRY_MSEC);
        if (sc_build_check_signal(b, err) < 0)
            return -1;
    }
}

int
sc_build_dir_made(const struct sc_builder *b, struct sc_build_dir *dir, int sharing, struct sc_err *err)
{
    char *from = sc_arena_printf(b->arena, DIR_NAME "/%s/new", dir->name);
    char *to = sc_arena_printf(b->arena, DIR_NAME "/%s/data", dir->name);

    if (!from || !to)
        return sc_err_nomem(err);
    if (renameat(b->engine->data_fd, from, b->engine->data_fd, to) < 0)
        return sc_err_errno(err, errno, "rename \"%s\"", from);
    dir->is_new = false;
    if (sharing == SC_DF_SHARED && flock(dir->lock_fd, LOCK_SH | LOCK_NB) < 0)
        return sc_err_errno(err, errno, "lock \"%s\"", dir->path);
    return 0;
}

void
sc_build_dirs_release(struct sc_build_dirs *dirs)
{
    for (size_t i = 0; i < dirs->count; i++)
        sc_closep(&dirs->items[i].lock_fd);
    dirs->count = 0;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static int
list(const struct sc_engine *engine, struct sc_arena *arena, int *all_fd, struct sc_strv *names, struct sc_err *err)
{
    struct sc_err absent = SC_ERR_INIT;
    sc_cleanup_fd fd = sc_dir_open_at(engine->data_fd, DIR_NAME, &absent);
    sc_cleanup_dir dir = NULL;
    struct dirent *entry;

    if (fd < 0 && absent.kind == SC_ERR_NOT_FOUND)
        return 0;
    *all_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    dir = fd < 0 ? NULL : fdopendir(fd);
    if (*all_fd < 0 || !dir)
        return sc_err_errno(err, errno, "read directory \"%s\"", DIR_NAME);
    (void)sc_steal_fd(&fd);
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] != '.')
            sc_strv_add(names, arena, entry->d_name);
    }
    return sc_arena_check(arena, err);
}

static bool
is_used(int all_fd, const char *name)
{
    struct sc_err why = SC_ERR_INIT;
    sc_cleanup_fd dir = sc_dir_open_at(all_fd, name, &why);
    sc_cleanup_fd lock = dir < 0 ? -1 : sc_lock_at(dir, "lock", SC_LOCK_EXCLUSIVE, false, &why);

    return lock < 0 && why.kind == SC_ERR_BUSY;
}

static int64_t
size_of(int all_fd, const char *name, struct sc_arena *arena)
{
    const char *data = sc_arena_printf(arena, "%s/data", name);

    return data ? sc_tree_size_at(all_fd, data) : 0;
}

int
sc_build_dirs_usage(const struct sc_engine *engine, struct sc_build_dirs_usage *out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv names = {0};
    sc_cleanup_fd all = -1;

    *out = (struct sc_build_dirs_usage){.count = 0};
    if (list(engine, &arena, &all, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        const int64_t bytes = size_of(all, names.items[i], &arena);
        const bool is_free = !is_used(all, names.items[i]);

        out->count++;
        out->in_use += !is_free;
        out->bytes += bytes;
        out->reclaimable += is_free ? bytes : 0;
    }
    return 0;
}

/* Out of the way by one rename first: half a cache is nobody's. */
static int
remove_one(const struct sc_engine *engine, int all_fd, const char *name, int64_t before, struct sc_arena *arena,
           struct sc_build_dirs_usage *out, struct sc_err *err)
{
    struct sc_err why = SC_ERR_INIT;
    sc_cleanup_fd dir = sc_dir_open_at(all_fd, name, &why);
    sc_cleanup_fd lock = dir < 0 ? -1 : sc_lock_at(dir, "lock", SC_LOCK_EXCLUSIVE, false, &why);
    struct stat st;
    int64_t bytes;
    char *gone;

    if (lock < 0 || !is_still_there(all_fd, name, dir) || fstat(lock, &st) < 0 ||
        (before > 0 && st.st_mtim.tv_sec * NSEC_SECOND + st.st_mtim.tv_nsec >= before))
        return 0;
    bytes = size_of(all_fd, name, arena);
    gone = sc_arena_printf(arena, "tmp/build-cache-%s-%lld", name, (long long)getpid());
    if (!gone)
        return sc_err_nomem(err);
    if (renameat(all_fd, name, engine->store.image_fd, gone) < 0)
        return sc_err_errno(err, errno, "remove \"%s/%s\"", DIR_NAME, name);
    out->count++;
    out->bytes += bytes;
    return sc_engine_tree_remove(engine, engine->store.image_fd, gone, err);
}

int
sc_build_dirs_prune(const struct sc_engine *engine, int64_t before, struct sc_build_dirs_usage *out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv names = {0};
    sc_cleanup_fd all = -1;

    *out = (struct sc_build_dirs_usage){.count = 0};
    if (list(engine, &arena, &all, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        if (remove_one(engine, all, names.items[i], before, &arena, out, err) < 0)
            return -1;
    }
    return 0;
}
