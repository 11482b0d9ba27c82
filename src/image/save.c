/*
 * Saving images. What comes out depends on the images and the order of the names alone: no times, no owners.
 *
 *   docker-archive   <config hex>.json, <diff id hex>.tar (uncompressed), manifest.json, repositories
 *   oci-archive      an OCI image layout in a tar: blobs byte by byte, so that digests stay
 *   oci-dir          the same as a directory
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/save-priv.h"
#include "image/tar-write-priv.h"

#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"

/* ---- what is saved --------------------------------------------------------------- */

static int
save_find(const struct sc_store *store, const json_t *index, const char *name, struct sc_arena *arena,
          struct sc_save_list *list, struct sc_err *err)
{
    struct sc_save_image *image = NULL;
    struct sc_image_match match;
    const json_t *descriptor;
    struct sc_image found;

    if (sc_image_match(store, index, name, arena, &match, err) < 0)
        return -1;
    descriptor = json_array_get(sc_index_manifests(index), match.at[0]);
    if (sc_image_read(store, descriptor, false, arena, &found, err) < 0)
        return -1;
    for (size_t i = 0; i < list->count && !image; i++) {
        if (strcmp(list->items[i].image.manifest_digest, found.manifest_digest) == 0)
            image = &list->items[i];
    }
    if (!image) {
        image = &list->items[list->count++];
        image->image = found;
    }
    /* Asked for by id, an image is saved without its names, as with Docker. */
    if (!match.by_id && found.name)
        sc_strv_add(&image->names, arena, found.name);
    return sc_arena_check(arena, err);
}

static int
save_list(const struct sc_store *store, const struct sc_strv *names, struct sc_arena *arena, struct sc_save_list *list,
          struct sc_err *err)
{
    sc_cleanup_json index = NULL;

    if (names->count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "no image is named");
    list->items = SC_ARENA_ARRAY(arena, struct sc_save_image, names->count);
    if (!list->items)
        return sc_err_nomem(err);
    if (sc_index_read(store, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < names->count; i++) {
        if (save_find(store, index, names->items[i], arena, list, err) < 0)
            return -1;
    }
    return 0;
}

static int
write_fd(void *sink, const void *data, size_t len, struct sc_err *err)
{
    const int *fd = sink;

    return sc_io_write_all(*fd, data, len, err) < 0 ? sc_err_wrap(err, "write the archive") : 0;
}

static int
save_dir(struct sc_save_out *out, const char *name, struct sc_err *err)
{
    struct sc_tar_entry entry = {.path = name, .type = SC_TAR_DIR, .mode = 0755};

    return out->tar ? sc_tar_add(out->tar, &entry, err) : sc_dir_make_at(out->dir_fd, name, 0755, err);
}

static int
save_blob(const struct sc_store *store, struct sc_save_out *out, const char *digest, struct sc_err *err)
{
    sc_cleanup_fd fd = sc_blob_open(store, digest, err);
    char path[SC_BLOB_PATH_MAX], chunk[65536];
    struct stat st;
    ssize_t got;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return sc_err_errno(err, errno, "look at blob %s", digest);
    sc_blob_path(digest, path);
    if (sc_save_begin_file(out, path, (uint64_t)st.st_size, err) < 0)
        return -1;
    while ((got = read(fd, chunk, sizeof(chunk))) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read blob %s", digest);
        if (sc_save_data(out, chunk, (size_t)got, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- OCI ------------------------------------------------------------------------------ */

static int
compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every blob once, in the order of digests. */
static int
save_blobs(const struct sc_store *store, const struct sc_save_list *list, struct sc_arena *arena,
           struct sc_save_out *out, struct sc_err *err)
{
    struct sc_strv all = {.items = NULL};

    for (size_t i = 0; i < list->count; i++) {
        const struct sc_image *image = &list->items[i].image;

        sc_strv_add(&all, arena, image->manifest_digest);
        sc_strv_add(&all, arena, image->id);
        for (size_t k = 0; k < image->layer_digests.count; k++)
            sc_strv_add(&all, arena, image->layer_digests.items[k]);
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    qsort(all.items, all.count, sizeof(*all.items), compare_text);
    for (size_t i = 0; i < all.count; i++) {
        if (i > 0 && strcmp(all.items[i], all.items[i - 1]) == 0)
            continue;
        if (save_blob(store, out, all.items[i], err) < 0)
            return -1;
    }
    return 0;
}

static int
add_descriptor(const struct sc_store *store, const struct sc_save_image *image, const char *name, struct sc_buf *text,
               struct sc_err *err)
{
    sc_cleanup_buf manifest_text = SC_BUF_INIT;
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_manifest manifest;

    if (sc_store_read_blob(store, image->image.manifest_digest, "the image manifest", &manifest_text, err) < 0 ||
        sc_manifest_decode(sc_buf_str(&manifest_text), manifest_text.len, &arena, &manifest, err) < 0)
        return -1;
    if (text->data[text->len - 1] == '}')
        sc_buf_addc(text, ',');
    sc_buf_addf(text, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu", manifest.media_type,
                image->image.manifest_digest, manifest_text.len);
    if (name) {
        /* containerd and Docker look for the first, everybody else for the second. */
        sc_buf_adds(text, ",\"annotations\":{\"io.containerd.image.name\":");
        sc_buf_add_json(text, name, strlen(name));
        sc_buf_adds(text, ",\"" SC_ANNOTATION_REF "\":");
        sc_buf_add_json(text, name, strlen(name));
        sc_buf_addc(text, '}');
    }
    sc_buf_addc(text, '}');
    return sc_buf_check(text, err);
}

int
sc_save_oci(const struct sc_store *store, const struct sc_save_list *list, struct sc_arena *arena,
            struct sc_save_out *out, struct sc_err *err)
{
    sc_cleanup_buf layout = SC_BUF_INIT, index = SC_BUF_INIT;

    sc_buf_adds(&layout, LAYOUT_TEXT);
    sc_buf_adds(&index, "{\"schemaVersion\":2,\"mediaType\":\"" SC_MEDIA_INDEX "\",\"manifests\":[");
    if (sc_buf_check(&index, err) < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        const struct sc_save_image *image = &list->items[i];

        for (size_t k = 0; k < image->names.count || k == 0; k++) {
            if (add_descriptor(store, image, image->names.count ? image->names.items[k] : NULL, &index, err) < 0)
                return -1;
        }
    }
    sc_buf_adds(&index, "]}");
    if (save_dir(out, "blobs", err) < 0 || save_dir(out, "blobs/sha256", err) < 0 ||
        save_blobs(store, list, arena, out, err) < 0 || sc_save_text(out, "oci-layout", &layout, err) < 0)
        return -1;
    return sc_save_text(out, "index.json", &index, err);
}

/* ---- ---------------------------------------------------------------------------------- */

static int
save_tar(const struct sc_store *store, const struct sc_save_list *list, enum sc_archive_format format, int out_fd,
         struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_tar tar = SC_TAR_INIT;
    struct sc_save_out out = {.tar = &tar, .dir_fd = -1, .file_fd = -1};

    if (sc_tar_open(&tar, write_fd, &out_fd, err) < 0)
        return -1;
    if ((format == SC_ARCHIVE_DOCKER ? sc_save_docker(store, list, arena, &out, err)
                                     : sc_save_oci(store, list, arena, &out, err)) < 0)
        return -1;
    return sc_tar_finish(&tar, err);
}

char *
sc_save_temp_dir(const char *path, struct sc_arena *arena)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        len--;
    return sc_arena_printf(arena, "%.*s.sc-%d", (int)len, path, (int)getpid());
}

/* Fills a new directory beside the wanted one, then gives it its name: it is there whole or not at all. */
static int
save_to_dir(const struct sc_store *store, const struct sc_save_list *list, const char *path, struct sc_arena *arena,
            struct sc_err *err)
{
    struct sc_save_out out = {.dir_fd = -1, .file_fd = -1};
    struct sc_err ignored = SC_ERR_INIT;
    char *temp = sc_save_temp_dir(path, arena);
    int status;

    if (!temp)
        return sc_err_nomem(err);
    /* lint: the caller's own path */
    if (mkdirat(AT_FDCWD, temp, 0755) < 0)
        return sc_err_errno(err, errno, "make directory \"%s\"", temp);
    out.dir_fd = sc_dir_open_at(AT_FDCWD, temp, err);
    status = out.dir_fd < 0 ? -1 : sc_save_oci(store, list, arena, &out, err);
    if (status == 0 && syncfs(out.dir_fd) < 0)
        status = sc_err_errno(err, errno, "sync \"%s\"", path);
    sc_closep(&out.file_fd);
    sc_closep(&out.dir_fd);
    /* rename(2) replaces an empty directory, and nothing else. */
    /* lint: the caller's own path */
    if (status == 0 && renameat(AT_FDCWD, temp, AT_FDCWD, path) < 0) {
        status = errno == ENOTEMPTY || errno == EEXIST
                     ? sc_err_set(err, SC_ERR_EXISTS, "directory \"%s\" exists and is not empty", path)
                     : sc_err_errno(err, errno, "make directory \"%s\"", path);
    }
    if (status < 0)
        (void)!sc_tree_remove_at(AT_FDCWD, temp, &ignored);
    return status;
}

int
sc_image_save(const struct sc_store *store, const struct sc_strv *names, enum sc_archive_format format, int out_fd,
              const char *out_dir, struct sc_err *err)
{
    /* Nobody sweeps meanwhile, should one of the images be removed. */
    sc_cleanup_fd session = sc_store_session(store, err);
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_save_list list = {.items = NULL};

    if (session < 0 || save_list(store, names, &arena, &list, err) < 0)
        return -1;
    if (format == SC_ARCHIVE_OCI_DIR)
        return save_to_dir(store, &list, out_dir, &arena, err);
    return save_tar(store, &list, format, out_fd, &arena, err);
}
