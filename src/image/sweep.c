/*
 * Garbage: mark what index.json leads to, remove the rest. Nothing counts references, so nothing can miscount;
 * a writer killed half-way is cleaned up by the same code as a removed image.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/image-priv.h"

#define PARTIAL_AGE_MAX_S 86400 /* a blob that came in part is kept so long for whoever pulls again */
#define NSEC              INT64_C(1000000000)

/* A step's layer stays for the next build, with its blob, which that build's image would have. */
static int
mark_cache(const struct sc_store *store, struct sc_marks *marks, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_build_cache cache;

    if (sc_build_cache_read(store, &arena, &cache, err) < 0)
        return -1;
    for (size_t i = 0; i < cache.count; i++) {
        const struct sc_built_layer *layer = &cache.items[i].layer;

        if (cache.items[i].has_layer && (sc_mark(marks->blobs, sc_digest_hex(layer->digest), err) < 0 ||
                                         sc_mark(marks->chains, layer->chain, err) < 0))
            return -1;
    }
    return 0;
}

int
sc_store_mark(const struct sc_store *store, const json_t *index, struct sc_marks *out, struct sc_err *err)
{
    sc_cleanup_marks marks = {.blobs = NULL};

    if (sc_store_mark_images(store, index, &marks, err) < 0 || mark_cache(store, &marks, err) < 0)
        return -1;
    *out = marks;
    marks = (struct sc_marks){.blobs = NULL};
    return 0;
}

/* Removes what is in directory `name` and not a member of keep; with temps_only, only files that a killed
 * sc_file_replace_at left. */
static void
sweep_dir(int at_fd, const char *name, const json_t *keep, bool temps_only)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd fd = sc_dir_open_at(at_fd, name, &ignored);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir)
        return;
    (void)sc_steal_fd(&fd);
    while ((entry = readdir(dir))) {
        bool is_temp = sc_str_starts(entry->d_name, ".sc-") && sc_str_ends(entry->d_name, ".tmp");

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (is_temp || (!temps_only && !json_object_get(keep, entry->d_name)))
            (void)!sc_tree_remove_at(dirfd(dir), entry->d_name, &ignored);
    }
}

static bool
is_layer_name(const char *name)
{
    return strlen(name) == SC_DIGEST_HEX_LEN;
}

/* Notes what is in a directory and not a member of keep. A layer that could not lose its name keeps it: it would go
 * when somebody may already be making it anew. */
static void
sweep_later(struct sc_bulk *bulk, int dir_fd, const json_t *keep, bool is_layers)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd fd = dir_fd < 0 ? -1 : sc_dir_open_at(dir_fd, ".", &ignored);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir)
        return;
    (void)sc_steal_fd(&fd);
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !json_object_get(keep, entry->d_name) && !(is_layers && is_layer_name(entry->d_name)))
            (void)!sc_bulk_add(bulk, dir_fd, entry->d_name, entry->d_type == DT_DIR, &ignored);
    }
}

/* What is left of blobs that nobody came back for. The exclusive session says that nobody writes them now. */
static void
sweep_partial(int image_fd)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd fd = sc_dir_open_at(image_fd, "partial", &ignored);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    int64_t now = sc_time_now() / NSEC;
    struct dirent *entry;
    struct stat st;

    if (!dir)
        return;
    (void)sc_steal_fd(&fd);
    while ((entry = readdir(dir))) {
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            now - st.st_mtim.tv_sec > PARTIAL_AGE_MAX_S)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
}

/* Takes the names of layers that nobody needs away before anything in them goes: who is killed, or loses power, halfway
 * leaves no half layer under the name of a whole one, which the next load would take for complete. */
static void
unname_layers(int data_fd, const json_t *keep)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd fd = sc_dir_open_at(data_fd, "layer", &ignored);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    char gone[sizeof("tmp-") + SC_DIGEST_HEX_LEN + 2 * SC_NUM_MAX];
    struct dirent *entry;
    bool has_any = false;

    if (!dir)
        return;
    (void)sc_steal_fd(&fd);
    while ((entry = readdir(dir))) {
        if (!is_layer_name(entry->d_name) || json_object_get(keep, entry->d_name))
            continue;
        /* The one that was removed before may not have gone yet. */
        (void)snprintf(gone, sizeof(gone), "tmp-%.64s-%d-%lld", entry->d_name, (int)getpid(),
                       (long long)sc_time_monotonic());
        has_any = (renameat(dirfd(dir), entry->d_name, dirfd(dir), gone) == 0) || has_any;
    }
    if (has_any)
        (void)fsync(dirfd(dir));
}

/* What is needed, when no writer lives and none can begin. A name may come and go meanwhile, but only of an image that
 * is there: the lock need not be held for as long as a sweep takes. But for what lies beside index.json: whoever
 * changes a name is about to rename it. */
static int
mark_all(const struct sc_store *store, struct sc_marks *marks, struct sc_err *err)
{
    sc_cleanup_fd lock = sc_store_lock(store, err);
    sc_cleanup_json index = NULL;

    if (lock < 0 || sc_index_read(store, &index, err) < 0 || sc_store_mark(store, index, marks, err) < 0)
        return -1;
    sweep_dir(store->image_fd, ".", NULL, true);
    return 0;
}

void
sc_store_collect(const struct sc_store *store)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd session = sc_lock_at(store->image_fd, "session", SC_LOCK_EXCLUSIVE, false, &ignored);
    sc_cleanup_marks marks = {.blobs = NULL};
    sc_cleanup_bulk bulk = {.count = 0};
    sc_cleanup_fd blobs = -1, layers = -1;

    if (session < 0 || mark_all(store, &marks, &ignored) < 0)
        return;
    sweep_dir(store->image_fd, "tmp", NULL, false);
    sweep_partial(store->image_fd);
    sweep_dir(store->image_fd, "sc-chain", marks.configs, false);
    unname_layers(store->data_fd, marks.chains);
    blobs = sc_dir_open_at(store->image_fd, "blobs/sha256", &ignored);
    layers = sc_dir_open_at(store->data_fd, "layer", &ignored);
    sweep_later(&bulk, blobs, marks.blobs, false);
    sweep_later(&bulk, layers, marks.chains, true);
    sc_bulk_remove_behind(&bulk);
}
