/* A root tree (a tar, compressed or not, from a file or a web server, or a directory) as an image of one layer. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/registry/registry.h"
#include "image/transfer-priv.h"

static int
import_tar(const struct sc_store *store, int fd, struct sc_arena *arena, char **digest, int64_t *size,
           struct sc_err *err)
{
    sc_cleanup_stream stream = NULL;
    sc_cleanup_blob writer = NULL;
    char chunk[65536];
    ssize_t got;

    /* Kept uncompressed, so that the digest is the diff id and unpacking costs nothing. */
    if (sc_stream_open(store->jail, fd, &sc_limits_default, &stream, err) < 0 ||
        sc_blob_create(store, &writer, err) < 0)
        return -1;
    while ((got = sc_stream_read(stream, chunk, sizeof(chunk), err)) > 0) {
        if (sc_blob_write(writer, chunk, (size_t)got, err) < 0)
            return -1;
    }
    if (got < 0)
        return -1;
    return sc_blob_commit(sc_steal_ptr(&writer), NULL, arena, digest, size, err);
}

static int
import_layer(const struct sc_store *store, const char *path, struct sc_arena *arena, struct sc_store_layer *layer,
             struct sc_err *err)
{
    bool is_url = sc_str_starts(path, "http://") || sc_str_starts(path, "https://");
    /* All of it before the first byte is unpacked: one that breaks off must not become an image. */
    sc_cleanup_fd fd = is_url ? sc_url_download(store, path, err) : sc_transfer_open(path, err);
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return sc_err_errno(err, errno, "look at \"%s\"", path);
    if ((S_ISDIR(st.st_mode) ? sc_import_dir(store, fd, arena, &layer->digest, &layer->size, err)
                             : import_tar(store, fd, arena, &layer->digest, &layer->size, err)) < 0)
        return -1;
    return sc_layer_make_plain(layer, arena, err);
}

int
sc_time_of_creation(int64_t *nsec, struct sc_err *err)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    int64_t seconds = 0;

    *nsec = sc_time_now();
    if (!text || !*text)
        return 0;
    if (sc_parse_i64(text, &seconds, err) < 0)
        return sc_err_wrap(err, "SOURCE_DATE_EPOCH");
    if (seconds < 0 || seconds > INT64_MAX / 1000000000)
        return sc_err_set(err, SC_ERR_INVALID, "SOURCE_DATE_EPOCH \"%s\": must be seconds since 1970", text);
    *nsec = seconds * 1000000000;
    return 0;
}

static int
import_config(const struct sc_store_layer *layer, const struct sc_import *how, const char *path, struct sc_buf *out,
              struct sc_err *err)
{
    const struct sc_strv *changes = how->changes;
    const struct sc_platform *platform = how->platform;
    const char *message = how->message;
    sc_cleanup_json config = json_object();
    sc_cleanup_json root = NULL;
    sc_cleanup_json comment = NULL;
    char created[SC_TIME_MAX], arch[SC_PLATFORM_MAX];
    int64_t now;

    if (!config)
        return sc_err_nomem(err);
    if (sc_time_of_creation(&now, err) < 0)
        return -1;
    for (size_t i = 0; changes && i < changes->count; i++) {
        if (sc_change_apply(config, changes->items[i], err) < 0)
            return -1;
    }
    sc_time_format(now, created);
    comment = message ? json_string(message) : json_sprintf("Imported from %s", path);
    if (!comment)
        return sc_err_set(err, SC_ERR_INVALID, "the message or the path is not UTF-8");
    root = json_pack("{s:s, s:s, s:s, s:O, s:O, s:{s:s, s:[s]}, s:[{s:s, s:O}]}", "architecture",
                     platform ? platform->arch : sc_platform_arch(arch), "os", platform ? platform->os : "linux",
                     "created", created, "comment", comment, "config", config, "rootfs", "type", "layers", "diff_ids",
                     layer->diff_id, "history", "created", created, "comment", comment);
    if (!root)
        return sc_err_nomem(err);
    if (platform && *platform->variant)
        (void)json_object_set_new(root, "variant", json_string(platform->variant));
    return sc_json_dump(root, out, err);
}

static int
import(const struct sc_store *store, const char *path, const char *full_name, const struct sc_import *how,
       struct sc_arena *arena, char **image_id, struct sc_err *err)
{
    const struct sc_strv *changes = how->changes;
    sc_cleanup_fd session = sc_store_session(store, err);
    struct sc_store_layer layer = {.digest = NULL};
    sc_cleanup_json unused = json_object();
    sc_cleanup_buf config = SC_BUF_INIT;

    if (session < 0)
        return -1;
    /* A wrong change is told before a long copy. */
    for (size_t i = 0; unused && changes && i < changes->count; i++) {
        if (sc_change_apply(unused, changes->items[i], err) < 0)
            return -1;
    }
    if (import_layer(store, path, arena, &layer, err) < 0 || import_config(&layer, how, path, &config, err) < 0)
        return -1;
    return sc_image_commit(store, sc_buf_str(&config), config.len, &layer, 1, full_name, arena, image_id, err);
}

int
sc_image_import(const struct sc_store *store, const char *path, const char *full_name, const struct sc_import *how,
                struct sc_arena *arena, char **image_id, struct sc_err *err)
{
    int status = import(store, path, full_name, how, arena, image_id, err);

    sc_store_collect(store);
    if (status < 0)
        return sc_err_wrap(err, "import \"%s\"", path);
    return 0;
}
