/* Without root: which ids the caller may map, and work that must be done with all of them.
 *
 * Id 0 of every container is the caller, ids from 1 on are the ranges that /etc/subuid and /etc/subgid give it. Layers
 * are unpacked, and what containers wrote is removed, by a process in a user namespace with the same maps; so the files
 * on disk have the owners that each container sees, and no mount is needed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/engine-priv.h"

/* The name of a uid in the host's passwd(5), "" when it has none. A static program has no name service to ask. */
static int
user_name(uint32_t uid, struct sc_arena *arena, char **out, struct sc_err *err)
{
    sc_cleanup_buf passwd = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_user_result user = {.name = NULL};
    struct sc_user_request ask = {.user = sc_arena_printf(arena, "%u", uid)};

    *out = sc_arena_strdup(arena, "");
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (sc_file_read_at(AT_FDCWD, "/etc/passwd", SC_RECORD_MAX, &passwd, &ignored) == 0 && /* lint: the host's own */
        sc_user_resolve(sc_buf_str(&passwd), "", &ask, arena, &user, &ignored) == 0 && user.name)
        *out = user.name;
    return 0;
}

static bool
can_execute(const char *program)
{
    return faccessat(AT_FDCWD, program, X_OK, 0) == 0; /* lint: the host's own */
}

/* id 0 is the caller, the ranges follow */
static int
prepend_self(struct sc_oci_id_maps *maps, uint32_t id, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_oci_id_map *items = SC_ARENA_ARRAY(arena, struct sc_oci_id_map, maps->count + 1);

    if (!items)
        return sc_err_nomem(err);
    items[0] = (struct sc_oci_id_map){0, id, 1};
    for (size_t i = 0; i < maps->count; i++) {
        items[i + 1] = maps->items[i];
        items[i + 1].container_id++;
    }
    maps->items = items;
    maps->count++;
    return 0;
}

int
sc_rootless_read(struct sc_arena *arena, struct sc_rootless *out, struct sc_err *err)
{
    uint32_t uid = geteuid(), gid = getegid();
    char *name = NULL;

    *out = (struct sc_rootless){.how = SC_IDMAP_BY_HELPERS};
    if (user_name(uid, arena, &name, err) < 0 || sc_subid_read("/etc/subuid", name, uid, arena, &out->uids, err) < 0 ||
        sc_subid_read("/etc/subgid", name, uid, arena, &out->gids, err) < 0)
        return -1;
    if (out->uids.count == 0 || out->gids.count == 0)
        out->note = sc_arena_printf(arena,
                                    "user %s has no range in /etc/sub%cid: only id 0 exists in its containers, and all "
                                    "files of images belong to it",
                                    *name ? name : sc_arena_printf(arena, "%u", uid), out->uids.count == 0 ? 'u' : 'g');
    else if (!can_execute(SC_NEWUIDMAP) || !can_execute(SC_NEWGIDMAP))
        out->note =
            sc_arena_strdup(arena, "newuidmap and newgidmap are not installed (package uidmap): only id 0 exists "
                                   "in your containers, and all files of images belong to it");
    if (out->note) {
        out->how = SC_IDMAP_OWN_ID;
        out->uids.count = out->gids.count = 0;
    }
    if (prepend_self(&out->uids, uid, arena, err) < 0)
        return -1;
    return prepend_self(&out->gids, gid, arena, err);
}

static const char *
maps_text(const struct sc_oci_id_maps *maps, struct sc_buf *out)
{
    for (size_t i = 0; i < maps->count; i++)
        sc_buf_addf(out, "%u %u %u\n", maps->items[i].container_id, maps->items[i].host_id, maps->items[i].size);
    return sc_buf_str(out);
}

int
sc_rootless_run(const struct sc_engine *engine, int (*fn)(void *data, struct sc_err *err), void *data,
                struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf uids = SC_BUF_INIT, gids = SC_BUF_INIT;
    struct sc_rootless rootless;

    if (engine->is_root)
        return fn(data, err);
    if (sc_rootless_read(&arena, &rootless, err) < 0)
        return -1;
    if (rootless.how == SC_IDMAP_OWN_ID)
        return fn(data, err);
    return sc_idmap_run(maps_text(&rootless.uids, &uids), maps_text(&rootless.gids, &gids), rootless.how, fn, data,
                        err);
}

int
sc_rootless_enter(const struct sc_engine *engine, bool must_mount, struct sc_arena *arena, const char **note,
                  struct sc_err *err)
{
    sc_cleanup_buf uids = SC_BUF_INIT, gids = SC_BUF_INIT;
    struct sc_rootless rootless;

    *note = NULL;
    if (engine->is_root)
        return 0;
    if (sc_rootless_read(arena, &rootless, err) < 0)
        return -1;
    *note = rootless.note;
    if (rootless.how == SC_IDMAP_OWN_ID && !must_mount)
        return 0;
    return sc_idmap_enter(maps_text(&rootless.uids, &uids), maps_text(&rootless.gids, &gids), rootless.how, err);
}

int
sc_rootless_note(const struct sc_engine *engine, struct sc_arena *arena, const char **note, struct sc_err *err)
{
    struct sc_rootless rootless;

    *note = NULL;
    if (engine->is_root)
        return 0;
    if (sc_rootless_read(arena, &rootless, err) < 0)
        return -1;
    *note = rootless.note;
    return 0;
}

/* ---- a program of ours there --------------------------------------------------------------------------------- */

struct spawn {
    const char *const *argv, *const *envp;
    int out, err_fd;
    int *status; /* memory that the child shares with us */
};

static int
spawn_there(void *data, struct sc_err *err)
{
    const struct spawn *spawn = data;

    return sc_spawn_wait(spawn->argv, spawn->envp, -1, spawn->out, spawn->err_fd, spawn->status, err);
}

int
sc_rootless_spawn(const struct sc_engine *engine, const char *const argv[], const char *const envp[], int out,
                  int err_fd, int *status, struct sc_err *err)
{
    struct spawn spawn = {argv, envp, out, err_fd, status};
    int result;

    if (engine->is_root)
        return spawn_there(&spawn, err);
    spawn.status = mmap(NULL, sizeof(*status), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (spawn.status == MAP_FAILED)
        return sc_err_errno(err, errno, "map memory");
    result = sc_rootless_run(engine, spawn_there, &spawn, err);
    *status = *spawn.status;
    (void)munmap(spawn.status, sizeof(*status));
    return result;
}

/* ---- removing what containers wrote ------------------------------------------------------------------------- */

struct removal {
    int dir_fd;
    const char *name;
};

static int
remove_tree(void *data, struct sc_err *err)
{
    const struct removal *removal = data;

    return sc_tree_remove_at(removal->dir_fd, removal->name, err);
}

static bool
is_denied(const struct sc_err *err)
{
    return err->errnum == EACCES || err->errnum == EPERM;
}

int
sc_engine_tree_remove(const struct sc_engine *engine, int dir_fd, const char *name, struct sc_err *err)
{
    struct removal removal = {dir_fd, name};
    struct sc_err first = SC_ERR_INIT;

    /* Most trees hold only files of the caller: what needs no namespace is done without. */
    if (sc_tree_remove_at(dir_fd, name, &first) == 0)
        return 0;
    if (!engine->is_root && is_denied(&first))
        return sc_rootless_run(engine, remove_tree, &removal, err);
    *err = first;
    return -1;
}

static int
run_undo(void *data, struct sc_err *err)
{
    const char *const *text = data;

    return sc_undo_run(*text, err);
}

int
sc_engine_undo(const struct sc_engine *engine, const char *text, struct sc_err *err)
{
    struct sc_err first = SC_ERR_INIT;

    if (sc_undo_run(text, &first) == 0)
        return 0;
    if (!engine->is_root && is_denied(&first))
        return sc_rootless_run(engine, run_undo, &text, err);
    *err = first;
    return -1;
}
