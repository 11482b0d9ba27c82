/* What builds that were killed have left. */
#include <dirent.h>
#include <unistd.h>

#include "engine/build/build-priv.h"

/* Files of a RUN belong to ids that only the namespace of an ordinary user can remove: sc_store_collect() has left them
 * there. Who has the session alone knows that no build lives. */
static void
collect_tmp(const struct sc_engine *engine)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd session = sc_lock_at(engine->store.image_fd, "session", SC_LOCK_EXCLUSIVE, false, &ignored);
    sc_cleanup_fd fd = session < 0 ? -1 : sc_dir_open_at(engine->store.image_fd, "tmp", &ignored);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *item;

    if (!dir)
        return;
    (void)sc_steal_fd(&fd);
    while ((item = readdir(dir)) != NULL) {
        if (sc_str_starts(item->d_name, SC_BUILD_DIR))
            (void)!sc_engine_tree_remove(engine, dirfd(dir), item->d_name, &ignored);
    }
}

void
sc_engine_collect(const struct sc_engine *engine)
{
    sc_store_collect(&engine->store);
    if (!engine->is_root)
        collect_tmp(engine);
}
