/* Volumes as objects of their own: listed, made, removed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define DRIVER          "\"driver\":\"local\""
#define VOLUME_PATH_MAX 256 /* "volume/" and a name that sc_volume_name_check has passed */

static size_t
count_links(const struct sc_container_list *containers, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < containers->count; i++) {
        const struct sc_create_options *o = &containers->items[i].options;
        bool has_it = false;

        for (size_t k = 0; k < o->mount_count; k++)
            has_it = has_it || (o->mounts[k].kind == SC_MOUNT_VOLUME && sc_str_eq(o->mounts[k].source, name));
        count += has_it;
    }
    return count;
}

static int
add_volume(struct sc_engine *engine, int dir_fd, const char *name, const struct sc_container_list *containers,
           struct sc_arena *arena, struct sc_volume_list *list, struct sc_err *err)
{
    struct sc_volume *items = SC_ARENA_ARRAY(arena, struct sc_volume, list->count + 1);
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_volume *volume;
    sc_cleanup_fd own = -1;
    struct stat st;

    if (!items)
        return sc_err_nomem(err);
    if (list->count > 0)
        memcpy(items, list->items, list->count * sizeof(*items));
    list->items = items;
    volume = &items[list->count];
    *volume = (struct sc_volume){.name = NULL};
    volume->name = sc_arena_strdup(arena, name);
    volume->mountpoint = sc_arena_printf(arena, "%s/volume/%s/_data", engine->data_path, name);
    volume->links = count_links(containers, name);
    volume->bytes = sc_tree_size_at(dir_fd, name);
    volume->is_anonymous = sc_engine_is_id(name);
    own = sc_dir_open_at(dir_fd, name, &ignored);
    if (own >= 0 && sc_volume_options_read(own, arena, &volume->labels, &volume->options, err) < 0)
        return sc_err_wrap(err, "volume \"%s\"", name);
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        volume->created_at = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
    list->count++;
    return sc_arena_check(arena, err);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct sc_volume *)a)->name, ((const struct sc_volume *)b)->name);
}

int
sc_volume_list(struct sc_engine *engine, struct sc_arena *arena, struct sc_volume_list *out, struct sc_err *err)
{
    struct sc_container_list containers = {.items = NULL};
    struct sc_volume_list list = {.items = NULL};
    struct sc_err absent = SC_ERR_INIT;
    sc_cleanup_fd fd = sc_dir_open_at(engine->data_fd, "volume", &absent);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    *out = list;
    if (!dir) {
        if (absent.kind == SC_ERR_NOT_FOUND)
            return 0;
        *err = absent;
        return fd < 0 ? -1 : sc_err_errno(err, errno, "read the directory of volumes");
    }
    (void)sc_steal_fd(&fd);
    if (sc_engine_list(engine, true, arena, &containers, err) < 0)
        return -1;
    while ((entry = readdir(dir))) {
        struct sc_err ignored = SC_ERR_INIT;

        if (sc_volume_name_check(entry->d_name, &ignored) == 0 &&
            add_volume(engine, dirfd(dir), entry->d_name, &containers, arena, &list, err) < 0)
            return -1;
    }
    if (list.count > 0)
        qsort(list.items, list.count, sizeof(*list.items), by_name);
    *out = list;
    return 0;
}

int
sc_volume_create(struct sc_engine *engine, const struct sc_volume_ask *ask, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_fd volume = -1, lock = -1;
    struct sc_volume_mount ignored;
    bool is_new = false;

    if (sc_volume_name_check(ask->name, err) < 0)
        return -1;
    if (sc_volume_options_check(&ask->options, &arena, &ignored, err) < 0)
        return sc_err_wrap(err, "create %s", ask->name);
    volume = sc_volume_open(engine, ask, &lock, &is_new, err);
    if (volume < 0)
        return -1;
    if (is_new)
        sc_engine_event_of(engine, "volume", "create", ask->name, DRIVER);
    return 0;
}

int
sc_volume_remove(struct sc_engine *engine, const char *name, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container_list containers = {.items = NULL};
    char path[VOLUME_PATH_MAX];
    sc_cleanup_fd volume = -1, lock = -1;
    struct sc_err absent = SC_ERR_INIT;

    if (sc_volume_name_check(name, err) < 0)
        return -1;
    (void)snprintf(path, sizeof(path), "volume/%s", name);
    volume = sc_dir_open_at(engine->data_fd, path, &absent);
    if (volume < 0 && absent.kind != SC_ERR_NOT_FOUND) {
        *err = absent;
        return -1;
    }
    if (volume < 0) {
        sc_err_set(err, SC_ERR_NOT_FOUND, "no such volume: \"%s\"", name);
        return sc_err_remedy(err, "list all with: sc volume ls");
    }
    /* Who starts with it has written its record before it waits for this. */
    lock = sc_lock_at(volume, "lock", SC_LOCK_EXCLUSIVE, true, err);
    if (lock < 0)
        return -1;
    if (sc_engine_list(engine, true, &arena, &containers, err) < 0)
        return -1;
    for (size_t i = 0; i < containers.count; i++) {
        const struct sc_container_list one = {.items = &containers.items[i], .count = 1};

        if (count_links(&one, name) > 0) {
            sc_err_set(err, SC_ERR_BUSY, "remove volume \"%s\": container \"%s\" has it", name,
                       containers.items[i].name);
            return sc_err_remedy(err, "remove the container first (`sc rm %s`)", containers.items[i].name);
        }
    }
    if (sc_volume_down(engine, name, err) < 0 || sc_engine_tree_remove(engine, engine->data_fd, path, err) < 0)
        return -1;
    sc_engine_event_of(engine, "volume", "destroy", name, DRIVER);
    return 0;
}
