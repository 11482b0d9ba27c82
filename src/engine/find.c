/* Containers by name, id or prefix, and all of them. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine-priv.h"

static int
no_such(const char *what, struct sc_err *err)
{
    sc_err_set(err, SC_ERR_NOT_FOUND, "no such container: \"%.80s\"", what);
    return sc_err_remedy(err, "list all with: sc ps -a");
}

/* The id of the container whose id starts with prefix. */
static int
find_prefix(const struct sc_engine *engine, const char *prefix, struct sc_arena *arena, const char **id,
            struct sc_err *err)
{
    struct sc_strv ids = {0};
    size_t len = strlen(prefix);

    *id = NULL;
    if (len == 0 || len > SC_ID_LEN || strspn(prefix, "0123456789abcdef") != len)
        return no_such(prefix, err);
    if (sc_engine_ids(engine, arena, &ids, err) < 0)
        return -1;
    for (size_t i = 0; i < ids.count; i++) {
        if (strncmp(ids.items[i], prefix, len) != 0)
            continue;
        if (*id) {
            sc_err_set(err, SC_ERR_INVALID, "container id \"%s\" is ambiguous: it fits %.12s and %.12s", prefix, *id,
                       ids.items[i]);
            return sc_err_remedy(err, "give more digits, or the name");
        }
        *id = ids.items[i];
    }
    return *id ? 0 : no_such(prefix, err);
}

/* The load of an id that a user's word led to; the word is named in the error. */
static int
load_named(struct sc_engine *engine, const char *id, const char *word, struct sc_arena *arena, struct sc_container *out,
           struct sc_err *err)
{
    struct sc_err load_err = SC_ERR_INIT;

    if (sc_engine_load(engine, id, arena, out, &load_err) == 0)
        return 0;
    if (load_err.kind == SC_ERR_NOT_FOUND)
        return no_such(word, err);
    *err = load_err;
    return -1;
}

int
sc_engine_find(struct sc_engine *engine, const char *name_or_id, struct sc_arena *arena, struct sc_container *out,
               struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    char owner[SC_ID_LEN + 1] = "";
    const char *id = NULL;

    *out = (struct sc_container)SC_CONTAINER_INIT;
    /* as inspect and Docker write a name */
    if (name_or_id[0] == '/')
        name_or_id++;
    if (sc_engine_is_id(name_or_id))
        return load_named(engine, name_or_id, name_or_id, arena, out, err);
    if (sc_name_check(name_or_id, &ignored) == 0)
        sc_claim_owner(engine, "name", name_or_id, owner);
    if (owner[0]) {
        struct sc_err load_err = SC_ERR_INIT;

        if (sc_engine_load(engine, owner, arena, out, &load_err) == 0) {
            if (strcmp(out->name, name_or_id) == 0)
                return 0;
        } else if (load_err.kind != SC_ERR_NOT_FOUND) {
            *err = load_err;
            return -1;
        }
    }
    if (find_prefix(engine, name_or_id, arena, &id, err) < 0)
        return -1;
    return load_named(engine, id, name_or_id, arena, out, err);
}

static int
newest_first(const void *a, const void *b)
{
    const struct sc_container *x = a, *y = b;

    if (x->created_at != y->created_at)
        return x->created_at < y->created_at ? 1 : -1;
    return strcmp(x->id, y->id);
}

/* Directories that a monitor put aside for removal and was killed before it came to it. */
static void
sweep_gone(const struct sc_engine *engine, int root_fd)
{
    struct sc_err ignored = SC_ERR_INIT;
    int fd = sc_dir_open_at(root_fd, "container", &ignored);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *item;

    if (!dir)
        return;
    while ((item = readdir(dir)) != NULL) {
        if (sc_str_ends(item->d_name, ".gone"))
            (void)!sc_engine_tree_remove(engine, fd, item->d_name, &ignored);
    }
}

/* Run directories whose container is gone: what a crash in the middle of a removal leaves. */
static void
sweep_run(struct sc_engine *engine)
{
    struct sc_err ignored = SC_ERR_INIT;
    int fd = sc_dir_open_at(engine->run_fd, "container", &ignored);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *item;

    if (!dir)
        return;
    while ((item = readdir(dir)) != NULL) {
        sc_cleanup_fd data = -1, lock = -1;
        bool is_gone;

        if (!sc_engine_is_id(item->d_name))
            continue;
        data = sc_engine_data_dir(engine, item->d_name, &ignored);
        if (data >= 0)
            continue;
        lock = sc_engine_lock(engine, item->d_name, 0, &ignored);
        if (lock >= 0)
            (void)!sc_engine_recover(engine, item->d_name, false, &is_gone, &ignored);
    }
}

int
sc_engine_list_known(struct sc_engine *engine, bool all, struct sc_arena *arena, struct sc_container_list *out,
                     struct sc_err *err)
{
    struct sc_strv ids = {0};

    *out = (struct sc_container_list){.items = NULL};
    if (sc_engine_ids(engine, arena, &ids, err) < 0)
        return -1;
    out->items = SC_ARENA_ARRAY(arena, struct sc_container, ids.count + 1);
    if (!out->items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < ids.count; i++) {
        struct sc_container *container = &out->items[out->count];
        struct sc_err load_err = SC_ERR_INIT;

        if (sc_engine_load(engine, ids.items[i], arena, container, &load_err) < 0) {
            if (load_err.kind != SC_ERR_NOT_FOUND && out->unread.kind == SC_ERR_NONE)
                out->unread = load_err;
            continue;
        }
        if (all || container->is_restarting || container->status == SC_STATUS_RUNNING ||
            container->status == SC_STATUS_PAUSED)
            out->count++;
    }
    sweep_run(engine);
    sweep_gone(engine, engine->data_fd);
    sweep_gone(engine, engine->run_fd);
    sc_claim_sweep(engine, "name");
    sc_claim_sweep(engine, "userns");
    qsort(out->items, out->count, sizeof(*out->items), newest_first);
    return 0;
}

int
sc_engine_list(struct sc_engine *engine, bool all, struct sc_arena *arena, struct sc_container_list *out,
               struct sc_err *err)
{
    if (sc_engine_list_known(engine, all, arena, out, err) < 0)
        return -1;
    if (out->unread.kind == SC_ERR_NONE)
        return 0;
    *err = out->unread;
    return -1;
}

int
sc_engine_image_in_use(const char *image_id, void *engine, struct sc_image_use *out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container_list list = {.items = NULL};

    /* Not knowing is an error: removing would be the greater harm. */
    if (sc_engine_list(engine, true, &arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        const struct sc_container *c = &list.items[i];
        bool runs = c->is_restarting || c->status == SC_STATUS_RUNNING || c->status == SC_STATUS_PAUSED;

        if (!sc_str_eq(c->image_id, image_id) || (out->kind != SC_IMAGE_FREE && !runs))
            continue;
        out->kind = runs ? SC_IMAGE_RUNNING : SC_IMAGE_USED;
        (void)snprintf(out->by, sizeof(out->by), "%.12s", c->id);
        if (runs)
            break;
    }
    return 0;
}
