/* From a name at a registry to an image in the store. */
#include <string.h>

#include "image/registry/registry-priv.h"

#define INDEX_DEPTH_MAX 4
#define TAGS_MAX        100000

struct pull {
    const struct sc_store *store;
    const struct sc_registry_options *options;
    struct sc_channel *channel;
    struct sc_platform platform;
    struct sc_arena *arena;
    struct sc_buf text; /* of the manifest */
    char *digest, *media_type, *top_digest;
    struct sc_fetch *items; /* config and layers */
    size_t count;
};

static bool
is_index(const char *media_type, const json_t *root)
{
    const char *said = json_string_value(json_object_get(root, "mediaType"));

    if (!media_type || (strcmp(media_type, SC_MEDIA_INDEX) != 0 && strcmp(media_type, SC_MEDIA_DOCKER_LIST) != 0 &&
                        strcmp(media_type, SC_MEDIA_MANIFEST) != 0 && strcmp(media_type, SC_MEDIA_DOCKER) != 0))
        media_type = said;
    if (!media_type)
        return json_is_array(json_object_get(root, "manifests"));
    return strcmp(media_type, SC_MEDIA_INDEX) == 0 || strcmp(media_type, SC_MEDIA_DOCKER_LIST) == 0;
}

static void
list_platforms(const json_t *list, struct sc_buf *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *platform = json_object_get(json_array_get(list, i), "platform");
        const char *os = json_string_value(json_object_get(platform, "os"));
        const char *arch = json_string_value(json_object_get(platform, "architecture"));
        const char *variant = json_string_value(json_object_get(platform, "variant"));

        if (!os || !arch || strcmp(os, "unknown") == 0) /* attestations */
            continue;
        sc_buf_addf(out, "%s%.20s/%.20s%s%.10s", out->len > 0 ? ", " : "", os, arch, variant ? "/" : "",
                    variant ? variant : "");
    }
}

static int
choose(const struct pull *pull, const json_t *root, const char **digest, int64_t *size, struct sc_err *err)
{
    const json_t *list = json_object_get(root, "manifests"), *best = NULL;
    int best_fit = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i), *platform = json_object_get(item, "platform");
        int fit = sc_platform_fit(&pull->platform, json_string_value(json_object_get(platform, "os")),
                                  json_string_value(json_object_get(platform, "architecture")),
                                  json_string_value(json_object_get(platform, "variant")));

        if (fit > best_fit) {
            best = item;
            best_fit = fit;
        }
    }
    /* A list of one that says no platform is that one. */
    if (!best && json_array_size(list) == 1 && !json_object_get(json_array_get(list, 0), "platform"))
        best = json_array_get(list, 0);
    if (!best) {
        sc_cleanup_buf has = SC_BUF_INIT;

        list_platforms(list, &has);
        sc_err_set(err, SC_ERR_UNSUPPORTED, "no image for %s/%s%s%s among the index's manifests", pull->platform.os,
                   pull->platform.arch, *pull->platform.variant ? "/" : "", pull->platform.variant);
        return sc_err_remedy(err, "choose with --platform of: %.300s", sc_buf_str(&has));
    }
    *digest = json_string_value(json_object_get(best, "digest"));
    *size = json_integer_value(json_object_get(best, "size"));
    if (!sc_digest_is_valid(*digest))
        return sc_err_set(err, SC_ERR_INVALID, "image index: a digest must be \"sha256:\" and 64 hexadecimal digits");
    return 0;
}

/* The manifest for the platform, by as many indexes as lead to it; the document is in pull->text. */
static int
resolve(struct pull *pull, const char *tag_or_digest, struct sc_err *err)
{
    int64_t expected_size = -1;

    for (int depth = 0; depth <= INDEX_DEPTH_MAX; depth++) {
        sc_cleanup_json root = NULL;
        const char *digest = NULL;

        sc_buf_clear(&pull->text);
        if (sc_client_manifest(pull->channel, tag_or_digest, &pull->text, &pull->digest, &pull->media_type, err) < 0)
            return -1;
        if (expected_size >= 0 && expected_size != (int64_t)pull->text.len)
            return sc_err_set(err, SC_ERR_INVALID, "manifest %s has %zu bytes, the index says %lld", pull->digest,
                              pull->text.len, (long long)expected_size);
        if (!pull->top_digest)
            pull->top_digest = pull->digest;
        if (sc_json_parse(sc_buf_str(&pull->text), pull->text.len, "manifest", &root, err) < 0)
            return -1;
        if (!is_index(pull->media_type, root))
            return 0;
        /* One of these beside the other's content is how a document is made to be read in two ways (CVE-2021-41190). */
        if (json_object_get(root, "layers") || json_object_get(root, "config"))
            return sc_err_set(err, SC_ERR_INVALID, "manifest %s: an index must not also be a manifest", pull->digest);
        if (choose(pull, root, &digest, &expected_size, err) < 0)
            return -1;
        tag_or_digest = sc_arena_strdup(&pull->channel->arena, digest);
        if (!tag_or_digest)
            return sc_err_nomem(err);
    }
    return sc_err_set(err, SC_ERR_INVALID, "indexes are nested deeper than %d", INDEX_DEPTH_MAX);
}

/* The config and every layer, each once. */
static int
fetch_all(struct pull *pull, const struct sc_manifest *manifest, struct sc_err *err)
{
    struct sc_fetch *items = SC_ARENA_ARRAY(pull->arena, struct sc_fetch, manifest->layer_digests.count + 1);
    /* An image that is here, under whatever name, has nothing to tell of its layers. */
    const bool is_here = sc_store_has_blob(pull->store, pull->digest);
    size_t count = 0;

    pull->items = items;
    if (!items)
        return sc_err_nomem(err);
    if (manifest->config_size > (int64_t)SC_IMAGE_JSON_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "the image config is larger than %zu bytes", SC_IMAGE_JSON_MAX);
    for (size_t i = 0; i <= manifest->layer_digests.count; i++) {
        const bool is_config = i == manifest->layer_digests.count;
        const struct sc_fetch item = {.digest = is_config ? manifest->config_digest : manifest->layer_digests.items[i],
                                      .size = is_config ? manifest->config_size : manifest->layer_sizes[i],
                                      .is_silent = is_config || is_here};
        bool is_known = false;

        for (size_t k = 0; k < count; k++)
            is_known = is_known || strcmp(items[k].digest, item.digest) == 0;
        if (!is_known)
            items[count++] = item;
    }
    pull->count = count;
    return sc_fetch_blobs(pull->channel->client, items, count, err);
}

static void
say_begin(const struct pull *pull, const struct sc_reference *ref)
{
    const char *what = ref->digest ? ref->digest : ref->tag;
    char *line = sc_arena_printf(pull->arena, "%s: Pulling from %s", what, ref->repository);

    if (line)
        sc_progress_line(pull->options->progress, line);
}

static void
say_complete(const struct pull *pull)
{
    for (size_t i = 0; i < pull->count; i++) {
        char id[13];

        if (!pull->items[i].has_come || pull->items[i].is_silent)
            continue;
        (void)snprintf(id, sizeof(id), "%s", sc_digest_hex(pull->items[i].digest));
        sc_progress_item(pull->options->progress, id, "Pull complete", 0, 0);
    }
}

/* Whether the name led to this very image before. */
static bool
is_up_to_date(const struct pull *pull, const char *full_name)
{
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_image image;

    return sc_image_find(pull->store, full_name, pull->arena, &image, &ignored) == 0 &&
           sc_str_eq(image.manifest_digest, pull->digest);
}

static int
store_image(struct pull *pull, const char *full_name, struct sc_pulled *out, struct sc_err *err)
{
    struct sc_manifest manifest;

    if (sc_manifest_decode(sc_buf_str(&pull->text), pull->text.len, pull->arena, &manifest, err) < 0 ||
        sc_manifest_check_layers(&manifest, err) < 0)
        return -1;
    out->is_new = !is_up_to_date(pull, full_name);
    if (fetch_all(pull, &manifest, err) < 0)
        return -1;
    if (sc_blob_put(pull->store, pull->text.data, pull->text.len, pull->digest, pull->arena, NULL, NULL, err) < 0 ||
        sc_image_commit_manifest(pull->store, pull->digest, full_name, pull->arena, &out->image_id, err) < 0)
        return -1;
    say_complete(pull);
    return 0;
}

static int
pull_by(struct sc_channel *channel, const struct sc_store *store, const struct sc_reference *ref,
        const struct sc_registry_options *options, struct sc_arena *arena, struct sc_pulled *out, struct sc_err *err)
{
    struct pull pull = {.store = store, .options = options, .channel = channel, .arena = arena};
    char *full = sc_reference_full(ref, arena);
    int status;

    *out = (struct sc_pulled){.shown = sc_reference_shown(ref, arena)};
    if (sc_arena_check(arena, err) < 0 ||
        (options->platform ? sc_platform_parse(options->platform, arena, &pull.platform, err)
                           : sc_platform_host(arena, &pull.platform, err)) < 0)
        return -1;
    status = resolve(&pull, ref->digest ? ref->digest : ref->tag, err);
    if (status == 0) {
        say_begin(&pull, ref);
        status = store_image(&pull, full, out, err);
    }
    sc_buf_release(&pull.text);
    if (status == 0)
        out->digest = sc_arena_strdup(arena, pull.top_digest);
    return status == 0 ? sc_arena_check(arena, err) : -1;
}

int
sc_image_pull(const struct sc_store *store, const struct sc_reference *ref, const struct sc_registry_options *options,
              struct sc_arena *arena, struct sc_pulled *out, struct sc_err *err)
{
    sc_cleanup_fd session = sc_store_session(store, err);
    sc_cleanup_ahead_list ahead = SC_AHEAD_LIST_INIT;
    struct sc_store with_ahead = *store;
    sc_cleanup_client client = {.tokens = NULL};
    sc_cleanup_channel channel = {.curl = NULL};

    with_ahead.ahead = &ahead;
    if (session < 0 || sc_client_open(&client, ref, &with_ahead, options, false, err) < 0 ||
        sc_channel_open(&client, &channel, err) < 0)
        return -1;
    return pull_by(&channel, &with_ahead, ref, options, arena, out, err);
}

/* ---- what a registry says of a repository ------------------------------------------------------------------- */

/* Link: </v2/x/tags/list?last=b&n=100>; rel="next" */
static char *
next_page(const struct sc_channel *channel, const char *base, struct sc_arena *arena)
{
    const char *link = sc_http_header(&channel->answer, "link"), *open = link ? strchr(link, '<') : NULL;
    const char *close = open ? strchr(open, '>') : NULL;
    char *location;

    if (!close || !strstr(close, "next"))
        return NULL;
    location = sc_arena_strndup(arena, open + 1, (size_t)(close - open - 1));
    return location ? sc_url_resolve(base, location, arena) : NULL;
}

static int
list_tags(struct sc_channel *channel, struct sc_arena *arena, struct sc_strv *tags, struct sc_err *err)
{
    const struct sc_client *client = channel->client;
    struct sc_request request = {.ask = {.method = "GET", .body_fd = -1}};
    char *url = NULL;

    request.path = sc_arena_printf(arena, "%s/tags/list", client->repository);
    request.what = sc_arena_printf(arena, "tags of \"%s/%s\"", client->registry, client->repository);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    do {
        sc_cleanup_json root = NULL;
        struct sc_strv page = {.items = NULL};

        request.url = url;
        if (sc_client_request(channel, &request, err) < 0 ||
            sc_json_parse(sc_buf_str(&channel->answer.body), channel->answer.body.len, "list of tags", &root, err) <
                0 ||
            /* null is what some registries say of none */
            (!json_is_null(json_object_get(root, "tags")) && sc_json_get_strv(root, "tags", "", arena, &page, err) < 0))
            return -1;
        for (size_t i = 0; i < page.count; i++)
            sc_strv_add(tags, arena, page.items[i]);
        if (tags->count > TAGS_MAX)
            return sc_err_set(err, SC_ERR_UNSUPPORTED, "%s: more than %d", request.what, TAGS_MAX);
        if (!url)
            url = sc_arena_printf(arena, "%s/%s", client->endpoints.items[channel->endpoint].base, request.path);
        url = page.count > 0 && url ? next_page(channel, url, arena) : NULL;
    } while (url);
    return sc_arena_check(arena, err);
}

int
sc_registry_tags(const struct sc_reference *ref, const struct sc_registry_options *options, struct sc_arena *arena,
                 struct sc_strv *tags, struct sc_err *err)
{
    sc_cleanup_client client = {.tokens = NULL};
    sc_cleanup_channel channel = {.curl = NULL};

    if (sc_client_open(&client, ref, NULL, options, false, err) < 0 || sc_channel_open(&client, &channel, err) < 0)
        return -1;
    return list_tags(&channel, arena, tags, err);
}

int
sc_registry_manifest(const struct sc_reference *ref, const struct sc_registry_options *options, struct sc_arena *arena,
                     struct sc_buf *out, char **digest, char **media_type, struct sc_err *err)
{
    sc_cleanup_client client = {.tokens = NULL};
    sc_cleanup_channel channel = {.curl = NULL};

    if (sc_client_open(&client, ref, NULL, options, false, err) < 0 || sc_channel_open(&client, &channel, err) < 0 ||
        sc_client_manifest(&channel, ref->digest ? ref->digest : ref->tag, out, digest, media_type, err) < 0)
        return -1;
    *digest = sc_arena_strdup(arena, *digest);
    *media_type = sc_arena_strdup(arena, *media_type);
    return sc_arena_check(arena, err);
}

int
sc_registry_blob(const struct sc_reference *ref, const struct sc_registry_options *options, const char *digest,
                 struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_client client = {.tokens = NULL};
    sc_cleanup_channel channel = {.curl = NULL};
    struct sc_request request = {.ask = {.method = "GET", .body_fd = -1}};
    char actual[SC_DIGEST_LEN + 1];

    if (sc_client_open(&client, ref, NULL, options, false, err) < 0 || sc_channel_open(&client, &channel, err) < 0)
        return -1;
    request.path = sc_arena_printf(&channel.arena, "%s/blobs/%s", client.repository, digest);
    request.what = sc_arena_printf(&channel.arena, "blob %s", digest);
    if (sc_arena_check(&channel.arena, err) < 0 || sc_client_request(&channel, &request, err) < 0 ||
        sc_hash_text(sc_buf_str(&channel.answer.body), channel.answer.body.len, actual, err) < 0)
        return -1;
    if (strcmp(actual, digest) != 0)
        return sc_err_set(err, SC_ERR_INVALID, "blob %s has the wrong digest: its content is %s", digest, actual);
    sc_buf_add(out, sc_buf_str(&channel.answer.body), channel.answer.body.len);
    return sc_buf_check(out, err);
}
