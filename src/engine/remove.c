/* rm and rename. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define SETTLE_MS 10000 /* for a monitor that is cleaning up */

static int
refuse_running(const struct sc_container *container, struct sc_err *err)
{
    sc_err_set(err, SC_ERR_BUSY, "cannot remove container \"%s\": container is %s", container->name,
               sc_container_state(container));
    return sc_err_remedy(err, "stop it first (sc stop %s) or use --force", container->name);
}

int
sc_engine_remove(struct sc_engine *engine, const struct sc_container *container, bool force, bool volumes,
                 struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container now = SC_CONTAINER_INIT;
    struct sc_err load_err = SC_ERR_INIT;
    sc_cleanup_fd lock = -1;
    bool is_gone = false, has_run = false;

    if (sc_engine_load(engine, container->id, &arena, &now, &load_err) < 0) {
        if (load_err.kind == SC_ERR_NOT_FOUND && force)
            return 0;
        *err = load_err;
        return -1;
    }
    if (now.is_restarting || now.status == SC_STATUS_RUNNING || now.status == SC_STATUS_PAUSED) {
        if (!force)
            return refuse_running(&now, err);
        if (sc_engine_end(engine, &now, 0, SIGKILL, &has_run, err) < 0)
            return sc_err_wrap(err, "remove container \"%s\"", now.name);
    }
    lock = sc_engine_lock(engine, now.id, SETTLE_MS, err);
    if (lock < 0)
        return sc_err_wrap(err, "remove container \"%s\"", now.name);
    if (sc_engine_recover(engine, now.id, false, &is_gone, err) < 0)
        return sc_err_wrap(err, "remove container \"%s\"", now.name);
    if (is_gone)
        return 0;
    if (sc_engine_remove_all(engine, now.id, &now, volumes || now.is_rm, err) < 0)
        return -1;
    sc_engine_event(engine, &now, "destroy", NULL);
    sc_closep(&lock);
    /* An image that was only there for this container goes with it; if not now, then with the next. */
    (void)!sc_image_release_held(&engine->store, sc_engine_image_in_use, engine, &load_err);
    return 0;
}

/* The monitor says of its container's end what it was told at the start: the name is another now. Of a container that
 * does not run there is nothing to be said until the next start. */
static void
tell_monitor(struct sc_engine *engine, const struct sc_container *now, bool is_running)
{
    sc_cleanup_buf attributes = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT; /* an event with the old name is no reason to fail */
    sc_cleanup_fd dir = sc_engine_run_dir(engine, now->id, &ignored);

    if (dir < 0)
        return;
    sc_event_attributes(now, &attributes);
    if (!is_running || sc_buf_check(&attributes, &ignored) < 0)
        (void)unlinkat(dir, SC_MONITOR_EVENT_FILE, 0);
    else
        (void)!sc_file_replace_at(dir, SC_MONITOR_EVENT_FILE, attributes.data, attributes.len, 0600, SC_VOLATILE,
                                  &ignored);
}

int
sc_engine_rename(struct sc_engine *engine, const struct sc_container *container, const char *name, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container now = SC_CONTAINER_INIT;
    sc_cleanup_fd guard = -1;
    bool is_running = container->status == SC_STATUS_RUNNING || container->status == SC_STATUS_PAUSED;
    char *old, *more;

    if (name[0] == '/')
        name++;
    if (sc_name_check(name, err) < 0)
        return -1;
    if (is_running && container->is_rm)
        return sc_err_set(err, SC_ERR_BUSY, "rename container \"%s\": it runs and is removed when it ends",
                          container->name);
    /* The monitor of a running container holds its lock, and changes no record; renames exclude each other by the
     * directory's. */
    guard = sc_engine_data_dir(engine, container->id, err);
    if (guard < 0)
        return -1;
    if (flock(guard, LOCK_EX) < 0)
        return sc_err_errno(err, errno, "lock container \"%s\"", container->name);
    if (sc_record_read(engine, container->id, &arena, &now, err) < 0)
        return -1;
    if (strcmp(now.name, name) == 0)
        return sc_err_set(err, SC_ERR_INVALID, "rename container \"%s\": it has that name already", name);
    if (sc_name_claim(engine, name, now.id, err) < 0)
        return -1;
    old = now.name;
    now.name = sc_arena_strdup(&arena, name);
    if (!now.name || sc_record_write(engine, &now, err) < 0) {
        sc_claim_release(engine, "name", name, now.id);
        return now.name ? -1 : sc_err_nomem(err);
    }
    sc_claim_release(engine, "name", old, now.id);
    tell_monitor(engine, &now, is_running);
    more = sc_arena_printf(&arena, "\"oldName\":\"/%s\"", old);
    sc_engine_event(engine, &now, "rename", more);
    return 0;
}
