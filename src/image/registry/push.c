/*
 * From an image in the store to a registry: what it has already is not sent (HEAD), what another repository of it has
 * is mounted, the rest is uploaded; the manifest goes last, byte for byte as it is in the store.
 *
 *     HEAD blobs/<digest>   200: there          POST blobs/uploads/?mount=..&from=..   201: mounted
 *     POST blobs/uploads/   202 Location ─► PUT Location?digest=..            a small blob, in one piece
 *                                        └► PATCH .. PATCH .. PUT ?digest=..  a large one, in chunks that can be
 * resumed
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/registry/registry-priv.h"

#define CHUNK (INT64_C(16) << 20)

struct upload {
    struct sc_channel *channel;
    const char *digest;
    char id[13];
    struct sc_progress *progress; /* NULL: none is told, of the config */
    int fd;
    int64_t size, offset;
    char *location; /* where the next request goes: a whole address */
};

static const char *
what_of(struct upload *up, const char *verb)
{
    const struct sc_client *client = up->channel->client;
    const char *text =
        sc_arena_printf(&up->channel->arena, "%s blob %s %s \"%s/%s\"", verb, up->digest,
                        strcmp(verb, "look for") == 0 ? "in" : "to", client->registry, client->repository);

    return text ? text : "push a blob";
}

static int
is_there(struct upload *up, bool *out, struct sc_err *err)
{
    static const long absent[] = {404, 0};
    struct sc_request request = {.ask = {.method = "HEAD", .body_fd = -1}, .accepts = absent};

    request.path = sc_arena_printf(&up->channel->arena, "%s/blobs/%s", up->channel->client->repository, up->digest);
    request.what = what_of(up, "look for");
    if (sc_arena_check(&up->channel->arena, err) < 0 || sc_client_request(up->channel, &request, err) < 0)
        return -1;
    *out = up->channel->answer.status == 200;
    return 0;
}

/* Takes the Location of an answer to an upload. */
static int
take_location(struct upload *up, const char *base, struct sc_err *err)
{
    const char *location = sc_http_header(&up->channel->answer, "location");

    if (!location)
        return sc_err_set(err, SC_ERR_INVALID, "%s: the registry does not say where to", what_of(up, "push"));
    up->location = sc_url_resolve(base, location, &up->channel->arena);
    return up->location ? 0 : sc_err_nomem(err);
}

/* *mounted: the registry took it from repository `from`, which may be NULL. */
static int
start(struct upload *up, const char *from, bool *mounted, struct sc_err *err)
{
    struct sc_channel *channel = up->channel;
    struct sc_request request = {.ask = {.method = "POST", .body_fd = -1}};
    const char *base;

    if (from)
        request.path = sc_arena_printf(&channel->arena, "%s/blobs/uploads/?mount=%s&from=%s",
                                       channel->client->repository, up->digest, from);
    else
        request.path = sc_arena_printf(&channel->arena, "%s/blobs/uploads/", channel->client->repository);
    request.what = what_of(up, "push");
    if (sc_arena_check(&channel->arena, err) < 0 || sc_client_request(channel, &request, err) < 0)
        return -1;
    up->offset = 0;
    *mounted = channel->answer.status == 201;
    if (*mounted)
        return 0;
    base = sc_arena_printf(&channel->arena, "%s/%s", channel->client->endpoints.items[channel->endpoint].base,
                           request.path);
    return base ? take_location(up, base, err) : sc_err_nomem(err);
}

static void
on_sent(void *data, int64_t total)
{
    const struct upload *up = data;

    sc_progress_item(up->progress, up->id, "Pushing", up->offset + total, up->size);
}

/* PUT closes the upload; with the rest of the blob in it, where there is any. */
static int
finish(struct upload *up, struct sc_err *err)
{
    struct sc_strv headers = {.items = NULL};
    struct sc_request request = {.ask = {.method = "PUT", .body_fd = -1, .headers = &headers}};

    if (up->size > up->offset) {
        sc_strv_add(&headers, &up->channel->arena, "Content-Type: application/octet-stream");
        request.ask.body_fd = up->fd;
        request.ask.body_offset = up->offset;
        request.ask.body_len = (size_t)(up->size - up->offset);
        request.ask.sent = on_sent;
        request.ask.data = up;
    }
    request.url = sc_arena_printf(&up->channel->arena, "%s%cdigest=%s", up->location,
                                  strchr(up->location, '?') ? '&' : '?', up->digest);
    request.what = what_of(up, "push");
    return sc_arena_check(&up->channel->arena, err) < 0 ? -1 : sc_client_request(up->channel, &request, err);
}

/* Range: 0-1048575, what the registry has of the upload. "0-0" is also what registries say of one that has nothing. */
static void
take_range(struct upload *up, int64_t otherwise)
{
    const char *range = sc_http_header(&up->channel->answer, "range"), *dash = range ? strchr(range, '-') : NULL;
    struct sc_err ignored = SC_ERR_INIT;
    int64_t last;

    up->offset = otherwise;
    if (dash && sc_parse_i64(dash + 1, &last, &ignored) == 0 && last >= 0 && last < up->size)
        up->offset = last > 0 ? last + 1 : 0;
}

/* After a request that failed: what has arrived? */
static int
ask_offset(struct upload *up, struct sc_err *err)
{
    struct sc_request request = {.ask = {.method = "GET", .body_fd = -1}, .url = up->location};

    request.what = what_of(up, "go on to push");
    if (sc_client_request(up->channel, &request, err) < 0)
        return -1;
    take_range(up, 0);
    return sc_http_header(&up->channel->answer, "location") ? take_location(up, up->location, err) : 0;
}

static int
send_chunk(struct upload *up, struct sc_err *err)
{
    int64_t len = up->size - up->offset < CHUNK ? up->size - up->offset : CHUNK;
    struct sc_strv headers = {.items = NULL};
    struct sc_request request = {.ask = {.method = "PATCH",
                                         .body_fd = up->fd,
                                         .body_offset = up->offset,
                                         .body_len = (size_t)len,
                                         .headers = &headers,
                                         .sent = on_sent,
                                         .data = up},
                                 .url = up->location};

    sc_strv_add(&headers, &up->channel->arena, "Content-Type: application/octet-stream");
    sc_strv_addf(&headers, &up->channel->arena, "Content-Range: %lld-%lld", (long long)up->offset,
                 (long long)(up->offset + len - 1));
    request.what = what_of(up, "push");
    if (sc_arena_check(&up->channel->arena, err) < 0 || sc_client_request(up->channel, &request, err) < 0)
        return -1;
    take_range(up, up->offset + len);
    return take_location(up, up->location, err);
}

/* What the registry has not: in chunks, and the rest with the request that ends it. */
static int
send_rest(struct upload *up, struct sc_err *err)
{
    while (up->size - up->offset > CHUNK) {
        if (send_chunk(up, err) < 0)
            return -1;
    }
    return finish(up, err);
}

/* Whether an upload that ended like this may come to a good end: it broke off, or the registry has another idea of how
 * far it is. Anything else it does not want. */
static bool
may_go_on(long status)
{
    return status < 400 || status == 400 || status == 404 || status == 408 || status == 416 || status >= 500;
}

/* Part of what broke off may have arrived: then the registry refuses to take it again, and says how far it is; or it
 * has given the upload up, and there is another from the beginning. */
static int
upload(struct upload *up, struct sc_err *err)
{
    int64_t most = 0;

    for (int tries = 1;; tries++) {
        struct sc_err cause = SC_ERR_INIT, ignored = SC_ERR_INIT;
        bool is_whole = false;

        if (send_rest(up, &cause) == 0)
            return 0;
        if (up->offset > most) { /* it brought something */
            most = up->offset;
            tries = 1;
        }
        if (tries == SC_REGISTRY_TRIES || !may_go_on(up->channel->answer.status) ||
            (ask_offset(up, &ignored) < 0 && start(up, NULL, &is_whole, &ignored) < 0)) {
            *err = cause;
            return -1;
        }
        if (is_whole)
            return 0;
    }
}

static int
push_blob(struct sc_channel *channel, const char *digest, const char *from, struct sc_progress *progress,
          struct sc_err *err)
{
    struct upload up = {.channel = channel, .digest = digest, .progress = progress};
    sc_cleanup_fd fd = sc_blob_open(channel->client->store, digest, err);
    struct sc_err refused = SC_ERR_INIT;
    bool has = false, mounted = false;
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return sc_err_errno(err, errno, "look at blob %s", digest);
    up.fd = fd;
    up.size = st.st_size;
    (void)snprintf(up.id, sizeof(up.id), "%s", sc_digest_hex(digest));
    sc_progress_item(progress, up.id, "Preparing", 0, 0);
    if (is_there(&up, &has, err) < 0)
        return -1;
    if (has) {
        sc_progress_item(progress, up.id, "Layer already exists", 0, 0);
        return 0;
    }
    /* It may not be ours to take from there: then it is sent. */
    if ((!from || start(&up, from, &mounted, &refused) < 0) && start(&up, NULL, &mounted, err) < 0)
        return -1;
    if (mounted && from && refused.kind == SC_ERR_NONE) {
        char *text = sc_arena_printf(&channel->arena, "Mounted from %s", from);

        sc_progress_item(progress, up.id, text ? text : "Mounted", 0, 0);
        return 0;
    }
    if (!mounted && upload(&up, err) < 0)
        return -1;
    sc_progress_item(progress, up.id, "Pushed", 0, 0);
    return 0;
}

/* ---- where else the registry has it --------------------------------------------------------------------------- */

/* A repository of the same registry by whose name we hold an image with this blob: from there it can be mounted. */
static const char *
find_mount(const struct sc_image_list *images, const struct sc_reference *to, const char *digest,
           struct sc_arena *arena)
{
    for (size_t i = 0; i < images->count; i++) {
        const struct sc_image *image = &images->items[i];
        struct sc_err ignored = SC_ERR_INIT;
        struct sc_reference ref;

        if (!image->name || sc_reference_parse(image->name, arena, &ref, &ignored) < 0 ||
            !sc_str_eq(ref.registry, to->registry) || sc_str_eq(ref.repository, to->repository))
            continue;
        for (size_t k = 0; k < image->layer_digests.count; k++) {
            if (strcmp(image->layer_digests.items[k], digest) == 0)
                return ref.repository;
        }
    }
    return NULL;
}

/* ---- manifests -----------------------------------------------------------------------------------------------------
 */

static int
put_manifest(struct sc_channel *channel, const char *tag_or_digest, const char *media_type, const void *data,
             size_t len, struct sc_err *err)
{
    const struct sc_client *client = channel->client;
    struct sc_strv headers = {.items = NULL};
    struct sc_request request = {
        .ask = {.method = "PUT", .body_fd = -1, .body = data, .body_len = len, .headers = &headers}};

    sc_strv_addf(&headers, &channel->arena, "Content-Type: %s", media_type);
    request.path = sc_arena_printf(&channel->arena, "%s/manifests/%s", client->repository, tag_or_digest);
    request.what = sc_arena_printf(&channel->arena, "push manifest of \"%s/%s:%s\"", client->registry,
                                   client->repository, tag_or_digest);
    return sc_arena_check(&channel->arena, err) < 0 ? -1 : sc_client_request(channel, &request, err);
}

/* Before registries listed referrers, they were kept as an index under a tag made of the subject's digest
 * (distribution-spec, "Referrers Tag Schema"). */
static int
add_referrer(struct sc_channel *channel, const struct sc_manifest *manifest, const json_t *root, const char *digest,
             size_t size, struct sc_err *err)
{
    const char *subject = json_string_value(json_object_get(json_object_get(root, "subject"), "digest"));
    sc_cleanup_json index = NULL;
    sc_cleanup_json item = NULL;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err absent = SC_ERR_INIT;
    char *tag, *old_digest, *old_type;
    json_t *list, *artifact;

    if (!sc_digest_is_valid(subject) || sc_http_header(&channel->answer, "oci-subject"))
        return 0;
    tag = sc_arena_printf(&channel->arena, "sha256-%s", sc_digest_hex(subject));
    if (!tag)
        return sc_err_nomem(err);
    if (sc_client_manifest(channel, tag, &text, &old_digest, &old_type, &absent) == 0) {
        if (sc_json_parse(sc_buf_str(&text), text.len, "referrers", &index, err) < 0)
            return -1;
    } else if (absent.kind == SC_ERR_NOT_FOUND) {
        index = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", SC_MEDIA_INDEX, "manifests");
    } else {
        *err = absent;
        return -1;
    }
    list = json_object_get(index, "manifests");
    if (!json_is_array(list))
        return sc_err_set(err, SC_ERR_INVALID, "referrers of %s: \"%s\" is no index", subject, tag);
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (sc_str_eq(json_string_value(json_object_get(json_array_get(list, i), "digest")), digest))
            return 0;
    }
    item = json_pack("{s:s, s:s, s:I}", "mediaType", manifest->media_type, "digest", digest, "size", (json_int_t)size);
    artifact = json_object_get(root, "artifactType");
    (void)json_object_set_new(item, "artifactType",
                              json_string(artifact ? json_string_value(artifact) : manifest->config_media_type));
    if (json_object_get(root, "annotations"))
        (void)json_object_set(item, "annotations", json_object_get(root, "annotations"));
    if (json_array_append(list, item) < 0)
        return sc_err_nomem(err);
    sc_buf_clear(&text);
    if (sc_json_dump(index, &text, err) < 0)
        return -1;
    return put_manifest(channel, tag, SC_MEDIA_INDEX, sc_buf_str(&text), text.len, err);
}

static int
push_parts(struct sc_channel *channel, const struct sc_manifest *manifest, const struct sc_reference *ref,
           struct sc_arena *arena, struct sc_err *err)
{
    struct sc_image_list images = {.items = NULL};
    struct sc_err ignored = SC_ERR_INIT;

    /* Where this cannot be read there is nothing to mount, which is no error. */
    if (sc_image_list(channel->client->store, arena, &images, &ignored) < 0)
        images.count = 0;
    for (size_t i = 0; i < manifest->layer_digests.count; i++) {
        const char *digest = manifest->layer_digests.items[i];

        if (push_blob(channel, digest, find_mount(&images, ref, digest, arena), channel->client->options->progress,
                      err) < 0)
            return -1;
    }
    return push_blob(channel, manifest->config_digest, NULL, NULL, err);
}

int
sc_image_push(const struct sc_store *store, const char *source, const struct sc_reference *ref,
              const struct sc_registry_options *options, struct sc_arena *arena, struct sc_pushed *out,
              struct sc_err *err)
{
    sc_cleanup_client client = {.tokens = NULL};
    sc_cleanup_channel channel = {.curl = NULL};
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json root = NULL;
    struct sc_manifest manifest;
    struct sc_image image;

    if (sc_image_find(store, source, arena, &image, err) < 0 ||
        sc_store_read_blob(store, image.manifest_digest, "the image manifest", &text, err) < 0 ||
        sc_manifest_decode(sc_buf_str(&text), text.len, arena, &manifest, err) < 0 ||
        sc_json_parse(sc_buf_str(&text), text.len, "manifest", &root, err) < 0)
        return -1;
    if (sc_client_open(&client, ref, store, options, true, err) < 0 || sc_channel_open(&client, &channel, err) < 0 ||
        push_parts(&channel, &manifest, ref, arena, err) < 0 ||
        put_manifest(&channel, ref->tag ? ref->tag : image.manifest_digest, manifest.media_type, text.data, text.len,
                     err) < 0 ||
        add_referrer(&channel, &manifest, root, image.manifest_digest, text.len, err) < 0)
        return -1;
    out->digest = image.manifest_digest;
    out->size = (int64_t)text.len;
    return 0;
}

int
sc_registry_manifest_put(const struct sc_reference *ref, const struct sc_registry_options *options,
                         const char *media_type, const void *data, size_t len, struct sc_err *err)
{
    sc_cleanup_client client = {.tokens = NULL};
    sc_cleanup_channel channel = {.curl = NULL};
    char digest[SC_DIGEST_LEN + 1];

    if (sc_hash_text(data, len, digest, err) < 0 || sc_client_open(&client, ref, NULL, options, true, err) < 0 ||
        sc_channel_open(&client, &channel, err) < 0)
        return -1;
    return put_manifest(&channel, ref->tag ? ref->tag : digest, media_type, data, len, err);
}

/* A blob that repository `from` of the same registry has. */
static int
mount_blob(struct sc_channel *channel, const char *digest, const char *from, struct sc_err *err)
{
    struct upload up = {.channel = channel, .digest = digest, .fd = -1};
    bool has = false, mounted = false;

    if (is_there(&up, &has, err) < 0)
        return -1;
    if (has)
        return 0;
    if (start(&up, from, &mounted, err) < 0)
        return -1;
    if (mounted)
        return 0;
    sc_err_set(err, SC_ERR_UNSUPPORTED, "%s: the registry does not take it from \"%s\"", what_of(&up, "mount"), from);
    return sc_err_remedy(err, "push the image to that repository first");
}

int
sc_registry_manifest_mount(const struct sc_reference *ref, const char *from, const struct sc_registry_options *options,
                           const char *digest, const struct sc_manifest *manifest, const struct sc_buf *text,
                           struct sc_err *err)
{
    sc_cleanup_client client = {.tokens = NULL};
    sc_cleanup_channel channel = {.curl = NULL};

    if (sc_client_open(&client, ref, NULL, options, true, err) < 0 || sc_channel_open(&client, &channel, err) < 0)
        return -1;
    for (size_t i = 0; i < manifest->layer_digests.count; i++) {
        if (mount_blob(&channel, manifest->layer_digests.items[i], from, err) < 0)
            return -1;
    }
    if (mount_blob(&channel, manifest->config_digest, from, err) < 0)
        return -1;
    return put_manifest(&channel, digest, manifest->media_type, text->data, text->len, err);
}
