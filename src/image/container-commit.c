/* What a container changed, as one more layer on its image. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "image/container-priv.h"

struct parent {
    json_t *root; /* its config */
    struct sc_image image;
    struct sc_manifest manifest;
};

static void
parent_release(struct parent *parent)
{
    sc_json_decrefp(&parent->root);
}

static int
read_parent(const struct sc_store *store, const char *image_id, struct sc_arena *arena, struct parent *out,
            struct sc_err *err)
{
    sc_cleanup_buf manifest = SC_BUF_INIT, config = SC_BUF_INIT;

    if (sc_image_find_used(store, image_id, arena, &out->image, err) < 0 ||
        sc_store_read_blob(store, out->image.manifest_digest, "the image manifest", &manifest, err) < 0 ||
        sc_manifest_decode(sc_buf_str(&manifest), manifest.len, arena, &out->manifest, err) < 0 ||
        sc_store_read_blob(store, out->manifest.config_digest, "the image config", &config, err) < 0)
        return -1;
    return sc_json_parse(sc_buf_str(&config), config.len, "the image config", &out->root, err);
}

/* As a tar, in the form of a layer (image-spec, layer.md). */
int
sc_files_layer(const struct sc_store *store, const struct sc_files *files, struct sc_arena *arena,
               struct sc_store_layer *layer, struct sc_err *err)
{
    const struct sc_tree_tar_how how = {.ids = files->ids, .is_live = true, .is_layer = true};
    sc_cleanup_fd merged = -1;
    sc_cleanup_tree_tar tar = NULL;
    sc_cleanup_blob writer = NULL;
    struct sc_changes changes;

    if (sc_files_changes(files, arena, &changes, err) < 0)
        return -1;
    if (changes.count == 0)
        return 0;
    merged = sc_files_open_merged(files, err);
    if (merged < 0 || sc_blob_create(store, &writer, err) < 0 ||
        sc_tree_tar_open(sc_tree_tar_blob, writer, &how, &tar, err) < 0)
        return -1;
    for (size_t i = 0; i < changes.count; i++) {
        const char *path = changes.items[i].path + 1; /* relative */

        if ((changes.items[i].kind == 'D' ? sc_tree_tar_whiteout(tar, path, err)
                                          : sc_tree_tar_add(tar, merged, path, path, true, err)) < 0)
            return -1;
    }
    if (sc_tree_tar_end(tar, err) < 0 ||
        sc_blob_commit(sc_steal_ptr(&writer), NULL, arena, &layer->digest, &layer->size, err) < 0)
        return -1;
    return sc_layer_make_plain(layer, arena, err);
}

static int
set_text(json_t *object, const char *key, const char *text, struct sc_err *err)
{
    if (!text || !*text)
        return 0;
    if (json_object_set_new(object, key, json_string(text)) < 0)
        return sc_err_set(err, SC_ERR_INVALID, "the %s is not UTF-8", key);
    return 0;
}

/* An array of the parent's config, or a new one, with one more item. */
static int
append_to(json_t *object, const char *key, json_t *item_take, struct sc_err *err)
{
    json_t *list = json_object_get(object, key);

    if (!json_is_array(list)) {
        list = json_array();
        if (json_object_set_new(object, key, list) < 0) {
            json_decref(item_take);
            return sc_err_nomem(err);
        }
    }
    return json_array_append_new(list, item_take) < 0 ? sc_err_nomem(err) : 0;
}

static int
add_history(json_t *root, const struct sc_commit_ask *ask, const char *created, bool is_empty, struct sc_err *err)
{
    json_t *item = json_pack("{s:s}", "created", created);

    if (!item)
        return sc_err_nomem(err);
    if (set_text(item, "author", ask->author, err) < 0 || set_text(item, "created_by", ask->created_by, err) < 0 ||
        set_text(item, "comment", ask->message, err) < 0 ||
        (is_empty && json_object_set_new(item, "empty_layer", json_true()) < 0)) {
        json_decref(item);
        return err->kind == SC_ERR_NONE ? sc_err_nomem(err) : -1;
    }
    return append_to(root, "history", item, err);
}

/* The parent's config with the container's in its place, and one more layer. What describes the parent's own making
 * goes. */
static int
make_config(struct parent *parent, const struct sc_commit_ask *ask, const char *diff_id, struct sc_buf *out,
            struct sc_err *err)
{
    static const char *const stale[] = {"author",         "comment", "container", "container_config",
                                        "docker_version", "id",      "parent",    "throwaway"};
    sc_cleanup_json config = json_deep_copy(json_object_get(parent->root, "config"));
    sc_cleanup_json own = NULL;
    char created[SC_TIME_MAX];
    json_t *root = parent->root;
    int64_t now;

    if (sc_time_of_creation(&now, err) < 0)
        return -1;
    if (!json_is_object(config)) {
        sc_json_decrefp(&config);
        config = json_object();
    }
    if (sc_json_parse(ask->config, strlen(ask->config), "the container's configuration", &own, err) < 0)
        return -1;
    if (json_object_update(config, own) < 0)
        return sc_err_nomem(err);
    for (size_t i = 0; i < ask->changes.count; i++) {
        if (sc_change_apply(config, ask->changes.items[i], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(stale); i++)
        (void)json_object_del(root, stale[i]);
    sc_time_format(now, created);
    if (json_object_set_new(root, "created", json_string(created)) < 0 || json_object_set(root, "config", config) < 0)
        return sc_err_nomem(err);
    if (set_text(root, "author", ask->author, err) < 0 || set_text(root, "comment", ask->message, err) < 0 ||
        add_history(root, ask, created, diff_id == NULL, err) < 0)
        return -1;
    if (diff_id && append_to(json_object_get(root, "rootfs"), "diff_ids", json_string(diff_id), err) < 0)
        return -1;
    return sc_json_dump(root, out, err);
}

static int
commit(const struct sc_store *store, const struct sc_files *files, const struct sc_commit_ask *ask,
       struct sc_arena *arena, char **image_id, struct sc_err *err)
{
    sc_cleanup_fd session = sc_store_session(store, err);
    __attribute__((cleanup(parent_release))) struct parent parent = {.root = NULL};
    sc_cleanup_json unused = json_object();
    sc_cleanup_buf config = SC_BUF_INIT;
    struct sc_store_layer *layers, *own;
    size_t count;

    if (session < 0)
        return -1;
    /* A wrong change is told before a long copy. */
    for (size_t i = 0; unused && i < ask->changes.count; i++) {
        if (sc_change_apply(unused, ask->changes.items[i], err) < 0)
            return -1;
    }
    if (read_parent(store, ask->image_id, arena, &parent, err) < 0)
        return -1;
    count = parent.manifest.layer_digests.count;
    layers = SC_ARENA_ARRAY(arena, struct sc_store_layer, count + 1);
    if (!layers)
        return sc_err_nomem(err);
    for (size_t i = 0; i < count; i++) {
        layers[i] = (struct sc_store_layer){.digest = parent.manifest.layer_digests.items[i],
                                            .diff_id = parent.image.diff_ids.items[i],
                                            .media_type = parent.manifest.layer_media_types.items[i],
                                            .size = parent.manifest.layer_sizes[i]};
    }
    own = &layers[count];
    if (sc_files_layer(store, files, arena, own, err) < 0 || make_config(&parent, ask, own->diff_id, &config, err) < 0)
        return -1;
    return sc_image_commit(store, sc_buf_str(&config), config.len, layers, count + (own->digest ? 1 : 0),
                           ask->full_name, arena, image_id, err);
}

int
sc_files_commit(const struct sc_store *store, const struct sc_files *files, const struct sc_commit_ask *ask,
                struct sc_arena *arena, char **image_id, struct sc_err *err)
{
    int status = commit(store, files, ask, arena, image_id, err);

    sc_store_collect(store);
    return status < 0 ? sc_err_wrap(err, "commit container \"%s\"", files->name) : 0;
}
