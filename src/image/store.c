/* The store's directories, its two locks, and reading blobs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/image-priv.h"

#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define INDEX_TEXT  "{\"schemaVersion\":2,\"mediaType\":\"" SC_MEDIA_INDEX "\",\"manifests\":[]}"

void
sc_store_release(struct sc_store *store)
{
    sc_closep(&store->data_fd);
    sc_closep(&store->image_fd);
    sc_freep(&store->data_path);
    free(store->limits);
    store->limits = NULL;
}

/* Writes a file that must be there, unless another process was first. */
static int
store_seed(int image_fd, const char *name, const char *text, struct sc_err *err)
{
    if (faccessat(image_fd, name, F_OK, 0) == 0)
        return 0;
    return sc_file_replace_at(image_fd, name, text, strlen(text), 0644, SC_DURABLE, err);
}

/* What the data root holds of ours. Layers and blobs hold setuid programs, also of images known to be unsafe:
 * only the engine gets at them by path. */
static int
store_create(struct sc_store *store, struct sc_err *err)
{
    sc_cleanup_fd lock = -1;

    if (sc_dir_make_at(store->data_fd, "image", 0700, err) < 0 ||
        sc_dir_make_at(store->data_fd, "layer", 0700, err) < 0)
        return -1;
    store->image_fd = sc_dir_open_at(store->data_fd, "image", err);
    if (store->image_fd < 0)
        return -1;
    if (sc_dir_make_at(store->image_fd, "blobs/sha256", 0755, err) < 0 ||
        sc_dir_make_at(store->image_fd, "sc-chain", 0755, err) < 0 ||
        sc_dir_make_at(store->image_fd, "tmp", 0700, err) < 0)
        return -1;
    lock = sc_store_lock(store, err);
    if (lock < 0)
        return -1;
    /* oci-layout comes last: its presence says that the rest is there. */
    if (store_seed(store->image_fd, "index.json", INDEX_TEXT, err) < 0 ||
        store_seed(store->image_fd, "oci-layout", LAYOUT_TEXT, err) < 0)
        return -1;
    return 0;
}

static int
store_open(const char *data_path, struct sc_store *store, struct sc_err *err)
{
    store->data_path = strdup(data_path);
    if (!store->data_path)
        return sc_err_nomem(err);
    if (sc_dir_make_at(AT_FDCWD, data_path, 0700, err) < 0)
        return -1;
    /* lint: the data root, which the caller names */
    store->data_fd = openat(AT_FDCWD, data_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->data_fd < 0)
        return sc_err_errno(err, errno, "open directory \"%s\"", data_path);
    store->image_fd = openat(store->data_fd, "image", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (store->image_fd >= 0 && faccessat(store->image_fd, "oci-layout", F_OK, 0) == 0)
        return 0;
    sc_closep(&store->image_fd);
    return store_create(store, err);
}

int
sc_store_open(const char *data_path, struct sc_store *out, struct sc_err *err)
{
    sc_cleanup_store store = SC_STORE_INIT;

    if (data_path[0] != '/')
        return sc_err_set(err, SC_ERR_INVALID, "open the image store in \"%s\": the path must be absolute", data_path);
    if (store_open(data_path, &store, err) < 0) {
        sc_err_wrap(err, "open the image store in \"%s\"", data_path);
        if (err->kind == SC_ERR_DENIED)
            sc_err_remedy(err, "run as root, or name a directory of your own as the data root");
        return -1;
    }
    *out = store;
    store = (struct sc_store)SC_STORE_INIT;
    return 0;
}

int
sc_store_lock(const struct sc_store *store, struct sc_err *err)
{
    return sc_lock_at(store->image_fd, "lock", SC_LOCK_EXCLUSIVE, true, err);
}

int
sc_store_hold(const struct sc_store *store, struct sc_err *err)
{
    return sc_lock_at(store->image_fd, "lock", SC_LOCK_SHARED, true, err);
}

int
sc_store_session(const struct sc_store *store, struct sc_err *err)
{
    return sc_lock_at(store->image_fd, "session", SC_LOCK_SHARED, true, err);
}

int
sc_store_open_layers(const struct sc_store *store, struct sc_err *err)
{
    return sc_dir_open_at(store->data_fd, "layer", err);
}

bool
sc_store_has_blob(const struct sc_store *store, const char *digest)
{
    char path[SC_BLOB_PATH_MAX];
    struct stat st;

    sc_blob_path(digest, path);
    return fstatat(store->image_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

int
sc_store_read_blob(const struct sc_store *store, const char *digest, const char *what, struct sc_buf *out,
                   struct sc_err *err)
{
    char path[SC_BLOB_PATH_MAX];

    sc_blob_path(digest, path);
    if (sc_file_read_at(store->image_fd, path, SC_IMAGE_JSON_MAX, out, err) == 0)
        return 0;
    sc_err_wrap(err, "read %s", what);
    if (err->kind == SC_ERR_NOT_FOUND) { /* the image was found: a part of it was not */
        err->kind = SC_ERR_INVALID;
        sc_err_remedy(err, "the store is damaged: remove the image by name and load it again");
    }
    return -1;
}
