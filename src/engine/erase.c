/* The last of a container: its record, its files, its names. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/engine-priv.h"

int
sc_engine_remove_all(struct sc_engine *engine, const char *id, const struct sc_container *container, bool volumes,
                     struct sc_err *err)
{
    char path[sizeof("container//record.json") + SC_ID_LEN];

    if (container && volumes)
        sc_volumes_remove_anonymous(engine, container);
    /* First the record: what is left without one is garbage to whoever comes by. */
    (void)snprintf(path, sizeof(path), "container/%s/record.json", id);
    if (unlinkat(engine->data_fd, path, 0) < 0 && errno != ENOENT)
        return sc_err_errno(err, errno, "remove \"%s/%s\"", engine->data_path, path);
    (void)snprintf(path, sizeof(path), "container/%s", id);
    if (sc_engine_tree_remove(engine, engine->data_fd, path, err) < 0)
        return sc_err_wrap(err, "remove container %.12s", id);
    if (container) {
        if (container->name) /* a creation that failed early has claimed none */
            sc_claim_release(engine, "name", container->name, id);
        sc_userns_release(engine, container);
    }
    /* Last the directory of the lock we hold: then nobody can mistake what is left for a container. */
    if (sc_tree_remove_at(engine->run_fd, path, err) < 0)
        return sc_err_wrap(err, "remove container %.12s", id);
    return 0;
}
