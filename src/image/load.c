/* Loading archives of images: which kind it is, and the locks around it. */
#include <string.h>

#include "image/transfer-priv.h"

static int
load(const struct sc_store *store, const char *path, struct sc_arena *arena, struct sc_strv *names, struct sc_err *err)
{
    sc_cleanup_fd session = sc_store_session(store, err);
    sc_cleanup_ahead_list ahead = SC_AHEAD_LIST_INIT;
    struct sc_store with_ahead = *store;
    sc_cleanup_source source = SC_SOURCE_INIT;

    with_ahead.ahead = &ahead;
    if (session < 0 || sc_source_open(&with_ahead, path, arena, &source, err) < 0)
        return -1;
    if (sc_source_has(&source, "manifest.json"))
        return sc_load_docker(&source, names, err);
    if (sc_source_has(&source, "index.json"))
        return sc_load_oci(&source, names, err);
    sc_err_set(err, SC_ERR_INVALID, "it is no image archive: it has neither manifest.json nor index.json");
    return sc_err_remedy(err, "to make an image of a root file system use `sc image import`");
}

int
sc_image_load(const struct sc_store *store, const char *path, struct sc_arena *arena, struct sc_strv *names,
              struct sc_err *err)
{
    int status = load(store, path, arena, names, err);

    /* After the session: what a refused archive left, and what a killed writer did. */
    sc_store_collect(store);
    if (status < 0)
        return sc_err_wrap(err, "load \"%s\"", path);
    return 0;
}
