/* Removing an image's name, and the image with its last one. */
#include <limits.h>
#include <string.h>

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

        if (sc_image_id_of(job->store, json_array_get(manifests, i), job->arena, &id, err) < 0)
            return -1;
        leading += sc_str_eq(id, job->image.id);
    }
    job->is_last = leading <= job->match.count;
    return sc_arena_check(job->arena, err);
}

/* By id, an image whose names are in several repositories is only removed by force: the caller may not know them all.
 */
static int
removal_check_names(const struct removal *job, const char *text, struct sc_err *err)
{
    struct sc_reference first = {.registry = NULL}, ref;
    struct sc_err ignored = SC_ERR_INIT;

    for (size_t i = 0; i < job->match.count; i++) {
        const char *name = sc_index_ref(removal_item(job, i));

        if (!name || sc_reference_parse(name, job->arena, &ref, &ignored) < 0)
            continue;
        if (first.registry &&
            (!sc_str_eq(first.registry, ref.registry) || !sc_str_eq(first.repository, ref.repository))) {
            sc_err_set(err, SC_ERR_BUSY, "image \"%s\" has names in several repositories", text);
            return sc_err_remedy(err, "remove it by each of its names, or all at once with --force");
        }
        first = ref;
    }
    return sc_arena_check(job->arena, err);
}

/* Whether the image must stay without a name, because a container has it, or a mount. */
static int
removal_check_use(const struct removal *job, const char *text, bool force, sc_image_in_use_fn in_use, void *data,
                  bool *must_keep, struct sc_err *err)
{
    bool has_name = false, is_mounted;
    char place[PATH_MAX];

    *must_keep = false;
    if (!job->is_last || !job->image.id)
        return 0;
    is_mounted = sc_image_is_mounted(job->store, job->image.id, place);
    if (!is_mounted) {
        int is_used = in_use ? in_use(job->image.id, data, err) : 0;

        if (is_used <= 0)
            return is_used;
    }
    for (size_t i = 0; i < job->match.count; i++)
        has_name = has_name || sc_index_ref(removal_item(job, i));
    if (force && has_name) {
        *must_keep = true;
        return 0;
    }
    if (is_mounted) {
        sc_err_set(err, SC_ERR_BUSY, "image \"%s\" is mounted on \"%s\"", text, place);
        return sc_err_remedy(err, has_name ? "unmount it first (`sc image umount`), or take only the name with --force"
                                           : "unmount it first (`sc image umount`)");
    }
    sc_err_set(err, SC_ERR_BUSY, "image \"%s\" is used by a container", text);
    return sc_err_remedy(err, has_name ? "remove the container first (`sc rm`), or only the name with --force"
                                       : "remove the container first (`sc rm`)");
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

static int
remove_locked(struct removal *job, const char *text, bool force, sc_image_in_use_fn in_use, void *data,
              struct sc_image_removed *out, struct sc_err *err)
{
    sc_cleanup_marks marks = {.blobs = NULL};
    struct sc_err unmarked = SC_ERR_INIT;
    bool must_keep;

    if (removal_look(job, text, err) < 0)
        return -1;
    if (job->match.by_id && !force && removal_check_names(job, text, err) < 0)
        return -1;
    if (removal_check_use(job, text, force, in_use, data, &must_keep, err) < 0)
        return -1;
    list_untagged(job, &out->untagged);
    for (size_t i = job->match.count; i-- > 0;)
        sc_index_drop(job->index, job->match.at[i], must_keep && i == 0);
    if (sc_store_mark(job->store, job->index, &marks, &unmarked) < 0 && !sc_image_is_damaged(&unmarked)) {
        *err = unmarked;
        return -1;
    }
    if (!must_keep)
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
