/* What src/net knows of containers: who lives, and who an id's beginning is. */
#include <dirent.h>
#include <string.h>

#include "engine/engine-priv.h"
#include "kernel/nlmsg.h"

#define SETTLE_MS 10000 /* for a monitor that is cleaning up */

/* Its process is gone, and its monitor about to be. One that is starting has no state yet. */
static bool
is_ending(const struct sc_engine *engine, const char *id)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd run = sc_engine_run_dir(engine, id, &ignored);
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_state state = {0};

    return run >= 0 && sc_state_read(run, &arena, &state, &ignored) == 0 &&
           sc_state_status(&state) == SC_STATUS_STOPPED;
}

/* Called with the id of a lease's owner. A container lives while its lock is held; whoever can take the lock finishes
 * what the dead one has left. */
static bool
is_alive(const char *id, void *data)
{
    struct sc_engine *engine = data;
    struct sc_err err = SC_ERR_INIT;
    char link[SC_NET_LINK_MAX];
    sc_cleanup_fd lock = -1;
    bool is_gone = false;

    if (!sc_engine_is_id(id))
        return false;
    lock = sc_engine_lock(engine, id, 0, &err);
    if (lock < 0 && err.kind == SC_ERR_BUSY && is_ending(engine, id)) {
        sc_err_clear(&err);
        lock = sc_engine_lock(engine, id, SETTLE_MS, &err);
    }
    if (lock < 0)
        return err.kind == SC_ERR_BUSY;
    (void)!sc_engine_recover(engine, id, true, &is_gone, &err);
    /* Its monitor may have been killed between the halves of its undo, and the link still answer to the address. */
    sc_err_clear(&err);
    for (unsigned i = 0; i < SC_NET_ENDPOINTS_MAX; i++) {
        sc_endpoint_link(id, i, link);
        if (sc_nl_link_index(link) != 0)
            (void)!sc_undo_link(link, &err);
        link[2] = 'r'; /* the ifb of its rate */
        if (sc_nl_link_index(link) != 0)
            (void)!sc_undo_link(link, &err);
    }
    return false;
}

static bool
find_id(const char *prefix, char id[SC_ID_LEN + 1], void *data)
{
    const struct sc_engine *engine = data;
    struct sc_err ignored = SC_ERR_INIT;
    int fd = sc_dir_open_at(engine->data_fd, "container", &ignored);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *item;
    size_t count = 0;

    if (!dir)
        sc_closep(&fd);
    while (dir && (item = readdir(dir)) != NULL) {
        if (!sc_engine_is_id(item->d_name) || !sc_str_starts(item->d_name, prefix))
            continue;
        memcpy(id, item->d_name, SC_ID_LEN + 1);
        count++;
    }
    return count == 1;
}

void
sc_engine_net(struct sc_engine *engine, struct sc_net *out)
{
    *out = (struct sc_net){
        .data_fd = engine->data_fd,
        .run_fd = engine->run_fd,
        .run_path = engine->run_path,
        .data_path = engine->data_path,
        .is_alive = is_alive,
        .find = find_id,
        .data = engine,
    };
}
