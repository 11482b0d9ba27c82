/* Removing an image's name, and the image with its last one. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/image-priv.h"

/* What one removal is about. */
struct removal {
    const struct sc_store *store;
    json_t *index;
    struct sc_image_match match;
    struct sc_image image; /* id is NULL where it cannot be read: then it can only lose its name */
    bool is_last;          /* no other descriptor leads to this image */
    struct sc_arena *arena;
};

static const json_t *
removal_item(const struct removal *job, size_t i)
{
    return json_array_get(sc_index_manifests(job->index), job->match.at[i]);
}

static int
removal_look(struct removal *job, const char *name_or_id, struct sc_err *err)
{
    json_t *manifests = sc_index_manifests(job->index);
    struct sc_err broken = SC_ERR_INIT;
    size_t leading = 0;

    if (sc_image_match(job->store, job->index, name_or_id, job->arena, &job->match, err) < 0)
        return -1;
    if (sc_image_read(job->store, removal_item(job, 0), false, job->arena, &job->image, &broken) < 0) {
        if (!sc_image_is_damaged(&broken)) {
            *err = broken;
            return -1;
        }
        job->image = (struct sc_image){.id = NULL};
        job->is_last = true;
        return sc_arena_check(job->arena, err);
    }
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        char *id;

        if (sc_index_is_held(json_array_get(manifests, i)))
            continue;
        if (sc_image_id_of(job->store, json_array_get(manifests, i), job->arena, &id, err) < 0)
            return -1;
        leading += sc_str_eq(id, job->image.id);
    }
    job->is_last = leading <= job->match.count;
    return sc_arena_check(job->arena, err);
}

/* By id, an image with several names is only removed by force, as with Docker, whose words these are: the caller may
 * not know them all. */
static int
removal_check_names(const struct removal *job, const char *text, struct sc_err *err)
{
    size_t names = 0;

    for (size_t i = 0; i < job->match.count; i++)
        names += sc_index_ref(removal_item(job, i)) != NULL;
    if (names < 2)
        return 0;
    sc_err_set(err, SC_ERR_BUSY, "cannot remove image \"%s\": image is referenced in multiple repositories", text);
    return sc_err_remedy(err, "remove it by each of them, or all at once with --force");
}

/* What becomes of the image's last descriptor, where a container has the image, or a mount. */
static int
removal_check_use(const struct removal *job, const char *text, bool force, sc_image_in_use_fn in_use, void *data,
                  enum sc_index_rest *rest, struct sc_err *err)
{
    struct sc_image_use use = {.kind = SC_IMAGE_FREE};
    char place[PATH_MAX];

    *rest = SC_INDEX_GONE;
    if (!job->is_last || !job->image.id)
        return 0;
    if (sc_image_is_mounted(job->store, job->image.id, place)) {
        *rest = SC_INDEX_NAMELESS;
        if (force && !job->match.by_id)
            return 0;
        sc_err_set(err, SC_ERR_BUSY, "image \"%s\" is mounted on \"%s\"", text, place);
        return sc_err_remedy(err, job->match.by_id
                                      ? "unmount it first (`sc image umount`)"
                                      : "unmount it first (`sc image umount`), or take only the name with --force");
    }
    if (in_use && in_use(job->image.id, data, &use, err) < 0)
        return -1;
    if (use.kind == SC_IMAGE_FREE)
        return 0;
    *rest = use.kind == SC_IMAGE_RUNNING ? SC_INDEX_NAMELESS : SC_INDEX_HELD;
    if (force && (use.kind != SC_IMAGE_RUNNING || !job->match.by_id))
        return 0;
    sc_err_set(err, SC_ERR_BUSY, "cannot remove image \"%s\": image is being used by %s container %s", text,
               use.kind == SC_IMAGE_RUNNING ? "running" : "stopped", use.by);
    if (use.kind == SC_IMAGE_USED)
        return sc_err_remedy(err, "remove the container first (`sc rm`), or the image all the same with --force");
    return sc_err_remedy(err, job->match.by_id ? "stop and remove the container first (`sc rm -f`)"
                                               : "stop and remove the container first (`sc rm -f`), or take only the "
                                                 "name with --force");
}

static int
compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
list_untagged(const struct removal *job, struct sc_strv *out)
{
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_reference ref;

    for (size_t i = 0; i < job->match.count; i++) {
        const char *name = sc_index_ref(removal_item(job, i));
        const char *shown;

        if (!name)
            continue;
        if (sc_reference_parse(name, job->arena, &ref, &ignored) < 0) {
            sc_strv_addf(out, job->arena, "Untagged: %s", name);
            continue;
        }
        shown = sc_reference_shown(&ref, job->arena);
        sc_strv_addf(out, job->arena, "Untagged: %s", shown ? shown : "");
    }
    if (out->count > 1)
        qsort(out->items, out->count, sizeof(*out->items), compare_lines);
}

static void
list_deleted(const struct removal *job, const struct sc_marks *marks, struct sc_strv *out)
{
    if (!job->is_last || !job->image.id)
        return;
    sc_strv_addf(out, job->arena, "Deleted: %s", job->image.id);
    for (size_t i = job->image.chain_ids.count; i-- > 0;) {
        if (marks->chains && !json_object_get(marks->chains, job->image.chain_ids.items[i]))
            sc_strv_addf(out, job->arena, "Deleted: sha256:%s", job->image.chain_ids.items[i]);
    }
}

/* ---- images held for containers ---------------------------------------------------------------------------- */

#define HELD_NOTE "held" /* a file of this name says that one may be held: else nobody need read the index for it */

static int
note_held(const struct sc_store *store, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(store->image_fd, HELD_NOTE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

    return fd < 0 ? sc_err_errno(err, errno, "create \"%s/image/" HELD_NOTE "\"", store->data_path) : 0;
}

static int
release_locked(const struct sc_store *store, sc_image_in_use_fn in_use, void *data, bool *has_any, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_json index = NULL;
    json_t *manifests;
    bool is_any_held = false;

    if (sc_index_read(store, &index, err) < 0)
        return -1;
    manifests = sc_index_manifests(index);
    for (size_t i = json_array_size(manifests); i-- > 0;) {
        struct sc_image_use use = {.kind = SC_IMAGE_FREE};
        char *id;

        if (!sc_index_is_held(json_array_get(manifests, i)))
            continue;
        if (sc_image_id_of(store, json_array_get(manifests, i), &arena, &id, err) < 0 ||
            (id && in_use(id, data, &use, err) < 0))
            return -1;
        is_any_held = is_any_held || use.kind != SC_IMAGE_FREE;
        *has_any = *has_any || use.kind == SC_IMAGE_FREE;
        if (use.kind == SC_IMAGE_FREE && sc_index_drop(index, i, SC_INDEX_GONE, err) < 0)
            return -1;
    }
    if (*has_any && sc_index_write(store, index, err) < 0)
        return -1;
    if (!is_any_held)
        (void)unlinkat(store->image_fd, HELD_NOTE, 0);
    return 0;
}

int
sc_image_release_held(const struct sc_store *store, sc_image_in_use_fn in_use, void *data, struct sc_err *err)
{
    sc_cleanup_fd lock = -1;
    bool has_any = false;

    if (faccessat(store->image_fd, HELD_NOTE, F_OK, 0) < 0)
        return 0;
    lock = sc_store_lock(store, err);
    if (lock < 0 || release_locked(store, in_use, data, &has_any, err) < 0)
        return -1;
    sc_closep(&lock);
    if (has_any)
        sc_store_collect(store);
    return 0;
}

/* ---- removing ------------------------------------------------------------------------------------------------ */

static int
remove_locked(struct removal *job, const char *text, bool force, sc_image_in_use_fn in_use, void *data,
              struct sc_image_removed *out, struct sc_err *err)
{
    sc_cleanup_marks marks = {.blobs = NULL};
    struct sc_err unmarked = SC_ERR_INIT;
    enum sc_index_rest rest;

    if (removal_look(job, text, err) < 0)
        return -1;
    if (job->match.by_id && !force && removal_check_names(job, text, err) < 0)
        return -1;
    if (removal_check_use(job, text, force, in_use, data, &rest, err) < 0)
        return -1;
    list_untagged(job, &out->untagged);
    if (rest == SC_INDEX_HELD && note_held(job->store, err) < 0)
        return -1;
    for (size_t i = job->match.count; i-- > 0;) {
        if (sc_index_drop(job->index, job->match.at[i], i == 0 ? rest : SC_INDEX_GONE, err) < 0)
            return -1;
    }
    if (sc_store_mark(job->store, job->index, &marks, &unmarked) < 0 && !sc_image_is_damaged(&unmarked)) {
        *err = unmarked;
        return -1;
    }
    if (rest != SC_INDEX_NAMELESS)
        list_deleted(job, &marks, &out->deleted);
    return sc_arena_check(job->arena, err) < 0 ? -1 : sc_index_write(job->store, job->index, err);
}

int
sc_image_remove(const struct sc_store *store, const char *name_or_id, bool force, sc_image_in_use_fn in_use, void *data,
                struct sc_arena *arena, struct sc_image_removed *out, struct sc_err *err)
{
    struct sc_image_removed removed = {.untagged = {.items = NULL}};
    struct removal job = {.store = store, .arena = arena};
    sc_cleanup_fd lock = sc_store_lock(store, err);
    sc_cleanup_json index = NULL;

    if (lock < 0 || sc_index_read(store, &index, err) < 0)
        return sc_err_wrap(err, "remove image \"%.300s\"", name_or_id);
    job.index = index;
    if (remove_locked(&job, name_or_id, force, in_use, data, &removed, err) < 0)
        return -1;
    sc_closep(&lock); /* nobody waits for the removal of files */
    sc_store_collect(store);
    *out = removed;
    return 0;
}
