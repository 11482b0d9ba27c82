/* Loading archives of images: which kind it is, and the locks around it. */
#include <string.h>

#include "image/transfer-priv.h"

static int
none_is_wanted(const struct sc_source *source, struct sc_err *err)
{
    const struct sc_platform *want = source->platform;
    sc_cleanup_buf has = SC_BUF_INIT;

    for (size_t i = 0; i < source->passed_over->count; i++)
        sc_buf_addf(&has, " %s", source->passed_over->items[i]);
    sc_err_set(err, SC_ERR_NOT_FOUND, "it has no image for %s/%s%s%s", want->os, want->arch, *want->variant ? "/" : "",
               want->variant);
    return sc_err_remedy(err, "choose with --platform of:%.300s", sc_buf_str(&has));
}

static int
load(const struct sc_store *store, const char *path, const struct sc_platform *platform, struct sc_arena *arena,
     struct sc_strv *names, struct sc_err *err)
{
    sc_cleanup_fd session = sc_store_session(store, err);
    sc_cleanup_ahead_list ahead = SC_AHEAD_LIST_INIT;
    struct sc_strv passed_over = {.items = NULL};
    struct sc_store with_ahead = *store;
    sc_cleanup_source source = SC_SOURCE_INIT;
    size_t before = names->count;
    int status;

    with_ahead.ahead = &ahead;
    if (session < 0 || sc_source_open(&with_ahead, path, arena, &source, err) < 0)
        return -1;
    source.platform = platform;
    source.passed_over = &passed_over;
    if (sc_source_has(&source, "manifest.json")) {
        status = sc_load_docker(&source, names, err);
    } else if (sc_source_has(&source, "index.json")) {
        status = sc_load_oci(&source, names, err);
    } else {
        sc_err_set(err, SC_ERR_INVALID, "it is no image archive: it has neither manifest.json nor index.json");
        return sc_err_remedy(err, "to make an image of a root file system use `sc image import`");
    }
    return status == 0 && platform && names->count == before ? none_is_wanted(&source, err) : status;
}

int
sc_image_load_for(const struct sc_store *store, const char *path, const struct sc_platform *platform,
                  struct sc_arena *arena, struct sc_strv *names, struct sc_err *err)
{
    int status = load(store, path, platform, arena, names, err);

    /* After the session: what a refused archive left, and what a killed writer did. */
    sc_store_collect(store);
    if (status < 0)
        return sc_err_wrap(err, "load \"%s\"", path);
    return 0;
}

int
sc_image_load(const struct sc_store *store, const char *path, struct sc_arena *arena, struct sc_strv *names,
              struct sc_err *err)
{
    return sc_image_load_for(store, path, NULL, arena, names, err);
}
