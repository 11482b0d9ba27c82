/* Restart: a stop and a start of the same container. */
#include "engine/engine-priv.h"

int
sc_engine_restart(struct sc_engine *engine, const struct sc_container *container, int timeout_sec, int signum,
                  struct sc_arena *arena, struct sc_err *err)
{
    const struct sc_start_options how = {.client_flags = -1};
    struct sc_container now = SC_CONTAINER_INIT;

    if (container->is_restarting || container->status == SC_STATUS_RUNNING || container->status == SC_STATUS_PAUSED) {
        if (container->options.rm) {
            sc_err_set(err, SC_ERR_BUSY, "cannot restart container \"%s\": its end removes it (--rm)", container->name);
            return sc_err_remedy(err, "run it without --rm");
        }
        if (sc_engine_stop(engine, container, timeout_sec, signum, err) < 0)
            return -1;
    }
    if (sc_engine_find(engine, container->id, arena, &now, err) < 0 ||
        (now.options.as_service ? sc_engine_service_start(engine, &now, err)
                                : sc_engine_start(engine, &now, &how, NULL, err)) < 0)
        return -1;
    sc_engine_event(engine, &now, "restart", NULL);
    return 0;
}
