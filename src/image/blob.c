/* Blobs: written under a temporary name, hashed on the way, verified, synced, and only then given their name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/transfer-priv.h"

#define NAME_TRIES 16

struct sc_blob_writer {
    const struct sc_store *store;
    int fd;
    char path[64]; /* below image_fd; "" when there is no file to remove */
    struct sc_hash hash;
    int64_t size, begun; /* written, and on its way to the disk */
};

int
sc_err_disk(struct sc_err *err, const struct sc_store *store)
{
    if (err->errnum == ENOSPC || err->errnum == EDQUOT)
        sc_err_remedy(err, "free space where \"%s\" is (`sc image rm` removes images), then run it again",
                      store->data_path);
    return -1;
}

void
sc_blob_abort(struct sc_blob_writer *writer)
{
    int saved = errno;

    if (!writer)
        return;
    sc_closep(&writer->fd);
    if (writer->path[0] != '\0')
        (void)unlinkat(writer->store->image_fd, writer->path, 0);
    sc_hash_release(&writer->hash);
    free(writer);
    errno = saved;
}

void
sc_blob_abortp(struct sc_blob_writer **writer)
{
    sc_blob_abort(*writer);
    *writer = NULL;
}

int
sc_blob_create(const struct sc_store *store, struct sc_blob_writer **out, struct sc_err *err)
{
    sc_cleanup_blob writer = calloc(1, sizeof(*writer));

    if (!writer)
        return sc_err_nomem(err);
    writer->store = store;
    writer->fd = -1;
    if (sc_hash_start(&writer->hash, err) < 0)
        return -1;
    for (int i = 0; i < NAME_TRIES && writer->fd < 0; i++) {
        char name[sizeof(writer->path)];

        /* Process and moment only tell a person whose it is: that a writer lives is known from the session lock. */
        (void)snprintf(name, sizeof(name), "tmp/%d-%lld", (int)getpid(), (long long)sc_time_monotonic());
        writer->fd = openat(store->image_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (writer->fd >= 0)
            memcpy(writer->path, name, sizeof(name));
        else if (errno != EEXIST)
            break;
    }
    if (writer->fd < 0) {
        sc_err_errno(err, errno, "create a blob in \"%s/image\"", store->data_path);
        return sc_err_disk(err, store);
    }
    *out = sc_steal_ptr(&writer);
    return 0;
}

int
sc_blob_append(struct sc_blob_writer *writer, const void *data, size_t len, struct sc_err *err)
{
    if (sc_io_write_all(writer->fd, data, len, err) < 0) {
        sc_err_wrap(err, "write a blob in \"%s/image\"", writer->store->data_path);
        return sc_err_disk(err, writer->store);
    }
    writer->size += (int64_t)len;
    sc_io_write_behind(writer->fd, writer->size, &writer->begun);
    return 0;
}

int
sc_blob_write(struct sc_blob_writer *writer, const void *data, size_t len, struct sc_err *err)
{
    return sc_hash_add(&writer->hash, data, len, err) < 0 ? -1 : sc_blob_append(writer, data, len, err);
}

struct sc_hash *
sc_blob_hash(struct sc_blob_writer *writer)
{
    return &writer->hash;
}

/* Gives the verified file its name. One that is there already is the same by its digest, and synced. */
static int
blob_publish(struct sc_blob_writer *writer, const char *digest, struct sc_err *err)
{
    const struct sc_store *store = writer->store;
    sc_cleanup_fd dir = -1;
    char path[SC_BLOB_PATH_MAX];

    if (sc_store_has_blob(store, digest))
        return 0;
    sc_blob_path(digest, path);
    dir = sc_dir_open_at(store->image_fd, "blobs/sha256", err);
    if (dir < 0)
        return -1;
    if (fchmod(writer->fd, 0644) < 0 || fsync(writer->fd) < 0)
        return sc_err_errno(err, errno, "sync blob %s", digest);
    if (renameat(store->image_fd, writer->path, store->image_fd, path) < 0)
        return sc_err_errno(err, errno, "name blob %s", digest);
    writer->path[0] = '\0';
    if (fsync(dir) < 0)
        return sc_err_errno(err, errno, "sync the directory of blob %s", digest);
    return 0;
}

int
sc_blob_commit(struct sc_blob_writer *writer_take, const char *expected, struct sc_arena *arena, char **digest,
               int64_t *size, struct sc_err *err)
{
    sc_cleanup_blob writer = writer_take;
    char actual[SC_DIGEST_LEN + 1];

    if (sc_hash_end(&writer->hash, actual, err) < 0)
        return -1;
    if (expected && strcmp(expected, actual) != 0) {
        sc_err_set(err, SC_ERR_INVALID, "blob %s has the wrong digest: its content is %s", expected, actual);
        return sc_err_remedy(err, "the source is damaged or was changed: get it again");
    }
    if (blob_publish(writer, actual, err) < 0)
        return sc_err_disk(err, writer->store);
    if (digest) {
        *digest = sc_arena_strdup(arena, actual);
        if (!*digest)
            return sc_err_nomem(err);
    }
    if (size)
        *size = writer->size;
    return 0;
}

int
sc_blob_put(const struct sc_store *store, const void *data, size_t len, const char *expected, struct sc_arena *arena,
            char **digest, int64_t *size, struct sc_err *err)
{
    sc_cleanup_blob writer = NULL;

    if (sc_blob_create(store, &writer, err) < 0 || sc_blob_write(writer, data, len, err) < 0)
        return -1;
    return sc_blob_commit(sc_steal_ptr(&writer), expected, arena, digest, size, err);
}

int
sc_blob_fd(const struct sc_blob_writer *writer)
{
    return writer->fd;
}

int
sc_blob_open(const struct sc_store *store, const char *digest, struct sc_err *err)
{
    char path[SC_BLOB_PATH_MAX];
    int fd;

    sc_blob_path(digest, path);
    fd = openat(store->image_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return sc_err_errno(err, errno, "open blob %s", digest);
    return fd;
}

int
sc_blob_size(const struct sc_store *store, const char *digest, int64_t *size, struct sc_err *err)
{
    sc_cleanup_fd fd = sc_blob_open(store, digest, err);
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return sc_err_errno(err, errno, "look at blob %s", digest);
    *size = st.st_size;
    return 0;
}
