/* Where everything is: the data root and the run root. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define ROOT_DATA "/var/lib/sc"
#define ROOT_RUN  "/run/sc"

/* The value of an environment variable that names an absolute directory; NULL when it is not set. */
static int
env_dir(const char *name, const char **out, struct sc_err *err)
{
    const char *value = getenv(name);

    *out = NULL;
    if (!value || !*value)
        return 0;
    if (value[0] != '/')
        return sc_err_set(err, SC_ERR_INVALID, "%s: \"%s\" is not an absolute path", name, value);
    *out = value;
    return 0;
}

static int
choose_data(bool is_root, struct sc_arena *arena, char **out, struct sc_err *err)
{
    const char *dir;

    if (env_dir("SC_DATA_ROOT", &dir, err) < 0)
        return -1;
    if (dir || is_root) {
        *out = sc_arena_strdup(arena, dir ? dir : ROOT_DATA);
        return 0;
    }
    if (env_dir("XDG_DATA_HOME", &dir, err) < 0)
        return -1;
    if (dir) {
        *out = sc_arena_printf(arena, "%s/sc", dir);
        return 0;
    }
    if (env_dir("HOME", &dir, err) < 0)
        return -1;
    if (!dir) {
        sc_err_set(err, SC_ERR_NOT_FOUND, "choose a data directory: HOME is not set");
        return sc_err_remedy(err, "set HOME, XDG_DATA_HOME or SC_DATA_ROOT");
    }
    *out = sc_arena_printf(arena, "%s/.local/share/sc", dir);
    return 0;
}

static int
choose_run(bool is_root, const char *data, struct sc_arena *arena, char **out, struct sc_err *err)
{
    const char *dir;

    if (env_dir("SC_RUN_ROOT", &dir, err) < 0)
        return -1;
    if (dir || is_root) {
        *out = sc_arena_strdup(arena, dir ? dir : ROOT_RUN);
        return 0;
    }
    if (env_dir("XDG_RUNTIME_DIR", &dir, err) < 0)
        return -1;
    /* Without a session's directory the data root must do: a reboot is recognised by its boot id, not by the files
     * being gone. */
    *out = dir ? sc_arena_printf(arena, "%s/sc", dir) : sc_arena_printf(arena, "%s/run", data);
    return 0;
}

/* Opens the directory, making it and the sub-directories only when it is not there: a start should not pay for mkdir.
 * Nobody else may come by: a setuid program that a container, an image or a volume holds would be the host's. */
static int
open_root(const char *path, const char *const *children, const char *probe, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* lint: the engine's own root */

    if (fd < 0) {
        if (errno != ENOENT)
            return sc_err_errno(err, errno, "open \"%s\"", path);
        if (sc_dir_make_at(AT_FDCWD, path, 0700, err) < 0) /* lint: as above */
            return -1;
        fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* lint: as above */
        if (fd < 0)
            return sc_err_errno(err, errno, "open \"%s\"", path);
    }
    if (faccessat(fd, probe, F_OK, 0) < 0) {
        for (size_t i = 0; children[i]; i++) {
            if (sc_dir_make_at(fd, children[i], 0700, err) < 0)
                return sc_err_wrap(err, "in \"%s\"", path);
        }
    }
    return sc_steal_fd(&fd);
}

/* What may not be written is perhaps another user's, or a system's that is read only. */
static int
denied(const char *variable, struct sc_err *err)
{
    if ((err->kind == SC_ERR_DENIED || err->errnum == EROFS) && err->remedy[0] == '\0')
        return sc_err_remedy(err, "name a directory of your own in %s, or leave that unset", variable);
    return -1;
}

int
sc_engine_open(struct sc_engine *out, struct sc_err *err)
{
    /* The last one is what open_root looks for. */
    static const char *const data_dirs[] = {"name", "userns", "volume", "container", NULL};
    static const char *const run_dirs[] = {"seccomp", "container", NULL};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_engine engine = SC_ENGINE_INIT;
    char *data = NULL, *run = NULL;

    engine.is_root = geteuid() == 0;
    if (choose_data(engine.is_root, &arena, &data, err) < 0 ||
        choose_run(engine.is_root, data, &arena, &run, err) < 0 || sc_arena_check(&arena, err) < 0)
        return -1;
    if (!data || !run)
        return sc_err_nomem(err);
    engine.data_path = strdup(data);
    engine.run_path = strdup(run);
    if (!engine.data_path || !engine.run_path)
        return sc_err_nomem(err);
    engine.data_fd = open_root(data, data_dirs, "container", err);
    if (engine.data_fd < 0)
        return denied("SC_DATA_ROOT", err);
    engine.run_fd = open_root(run, run_dirs, "container", err);
    if (engine.run_fd < 0)
        return denied("SC_RUN_ROOT", err);
    if (sc_store_open(data, &engine.store, err) < 0)
        return denied("SC_DATA_ROOT", err);
    *out = engine;
    engine = (struct sc_engine)SC_ENGINE_INIT;
    return 0;
}

void
sc_engine_release(struct sc_engine *engine)
{
    sc_freep(&engine->data_path);
    sc_freep(&engine->run_path);
    sc_closep(&engine->data_fd);
    sc_closep(&engine->run_fd);
    sc_closep(&engine->copy_fd);
    sc_store_release(&engine->store);
}

char *
sc_engine_container_path(const struct sc_engine *engine, const char *id, struct sc_arena *arena)
{
    return sc_arena_printf(arena, "%s/container/%s", engine->data_path, id);
}

char *
sc_engine_run_path(const struct sc_engine *engine, const char *id, struct sc_arena *arena)
{
    return sc_arena_printf(arena, "%s/container/%s", engine->run_path, id);
}

static int
open_container_dir(int root_fd, const char *id, struct sc_err *err)
{
    char path[sizeof("container/") + SC_ID_LEN] = "container/";

    if (!sc_engine_is_id(id))
        return sc_err_set(err, SC_ERR_INTERNAL, "\"%s\" is not a container id", id);
    memcpy(path + sizeof("container/") - 1, id, SC_ID_LEN + 1);
    return sc_dir_open_at(root_fd, path, err);
}

int
sc_engine_data_dir(const struct sc_engine *engine, const char *id, struct sc_err *err)
{
    return open_container_dir(engine->data_fd, id, err);
}

int
sc_engine_run_dir(const struct sc_engine *engine, const char *id, struct sc_err *err)
{
    return open_container_dir(engine->run_fd, id, err);
}

bool
sc_engine_is_id(const char *text)
{
    return strlen(text) == SC_ID_LEN && strspn(text, "0123456789abcdef") == SC_ID_LEN;
}

int
sc_engine_program(const char *name, struct sc_arena *arena, char **out, struct sc_err *err)
{
    char self[PATH_MAX], *slash;
    char *beside = NULL, *installed;

    if (sc_self_path(self, sizeof(self), err) < 0)
        return -1;
    slash = strrchr(self, '/');
    if (slash)
        beside = sc_arena_printf(arena, "%.*s/%s", (int)(slash - self), self, name);
    installed = sc_arena_printf(arena, "%s/%s", SC_LIBEXECDIR, name);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (beside && faccessat(AT_FDCWD, beside, X_OK, 0) == 0) { /* lint: our own programs */
        *out = beside;
        return 0;
    }
    if (faccessat(AT_FDCWD, installed, X_OK, 0) < 0) { /* lint: as above */
        sc_err_errno(err, errno, "find \"%s\": it is neither beside \"%s\" nor in \"%s\"", name, self, SC_LIBEXECDIR);
        return sc_err_remedy(err, "install sc completely: meson install");
    }
    *out = installed;
    return 0;
}

int
sc_engine_ids(const struct sc_engine *engine, struct sc_arena *arena, struct sc_strv *out, struct sc_err *err)
{
    int fd = sc_dir_open_at(engine->data_fd, "container", err);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *item;

    if (!dir)
        return fd < 0 ? -1 : sc_err_errno(err, errno, "read \"%s/container\"", engine->data_path);
    for (errno = 0; (item = readdir(dir)) != NULL; errno = 0) {
        if (sc_engine_is_id(item->d_name))
            sc_strv_add(out, arena, item->d_name);
    }
    if (errno != 0)
        return sc_err_errno(err, errno, "read \"%s/container\"", engine->data_path);
    return sc_arena_check(arena, err);
}
