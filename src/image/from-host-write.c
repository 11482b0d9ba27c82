/* image/from-host-write.c: the set of files written as a layer, the same bytes each time (from-host-priv.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "image/from-host-priv.h"
#include "image/tar-write-priv.h"
#include "image/transfer-priv.h"

#define COPY_SIZE 65536

static int
write_to_blob(void *writer, const void *data, size_t len, struct sc_err *err)
{
    return sc_blob_write(writer, data, len, err);
}

static int
compare_files(const void *a, const void *b)
{
    const struct sc_host_file *const *x = a, *const *y = b;

    return strcmp((*x)->path, (*y)->path);
}

/* The first of the files written so far that is the same file on the host. */
static const struct sc_host_file *
find_twin(const struct sc_host_files *files, size_t index)
{
    const struct sc_host_file *file = files->items[index];

    if (!file->has_twins)
        return NULL;
    for (size_t i = 0; i < index; i++)
        if (files->items[i]->has_twins && files->items[i]->ino == file->ino && files->items[i]->dev == file->dev)
            return files->items[i];
    return NULL;
}

static int
write_content(const struct sc_host_file *file, int fd, struct sc_tar *tar, struct sc_err *err)
{
    sc_cleanup_free unsigned char *chunk = malloc(COPY_SIZE);

    if (chunk == NULL)
        return sc_err_nomem(err);
    for (uint64_t done = 0; done < file->size;) {
        uint64_t left = file->size - done;
        ssize_t got = pread(fd, chunk, left < COPY_SIZE ? (size_t)left : COPY_SIZE, (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read host file \"%s\"", file->source);
        if (got == 0)
            return sc_err_set(err, SC_ERR_BUSY, "read host file \"%s\": it shrank while it was read", file->source);
        if (done == 0 && file->is_pyc_timed && got >= SC_PYC_HEADER)
            memset(chunk + 8, 0, 4);
        if (sc_tar_data(tar, chunk, (size_t)got, err) < 0)
            return -1;
        done += (uint64_t)got;
    }
    return 0;
}

static int
write_file(struct sc_host_files *files, const struct sc_host_file *file, struct sc_tar_entry *entry, struct sc_tar *tar,
           struct sc_err *err)
{
    char capability[64]; /* struct vfs_ns_cap_data has 24 bytes */
    sc_cleanup_fd fd = -1;
    ssize_t len;

    if (file->source == NULL)
        return sc_tar_add(tar, entry, err) < 0 ? -1 : sc_tar_data(tar, file->content, file->size, err);
    fd = sc_host_open(files, file->source, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return sc_err_errno(err, -fd, "read host file \"%s\"", file->source);
    len = fgetxattr(fd, "security.capability", capability, sizeof(capability));
    if (len > 0) {
        entry->capability = capability;
        entry->capability_len = (size_t)len;
    }
    return sc_tar_add(tar, entry, err) < 0 ? -1 : write_content(file, fd, tar, err);
}

static int
write_entry(struct sc_host_files *files, size_t index, struct sc_tar *tar, int64_t *content_size, struct sc_err *err)
{
    const struct sc_host_file *file = files->items[index], *twin;
    struct sc_tar_entry entry = {.path = file->path, .mode = file->mode, .size = file->size};

    switch (file->kind) {
    case SC_HOST_DIR:
        entry.type = SC_TAR_DIR;
        return sc_tar_add(tar, &entry, err);
    case SC_HOST_LINK:
        entry.type = SC_TAR_SYMLINK;
        entry.link = file->target;
        return sc_tar_add(tar, &entry, err);
    case SC_HOST_FILE:
        twin = find_twin(files, index);
        if (twin != NULL) {
            entry.type = SC_TAR_HARD_LINK;
            entry.link = twin->path;
            return sc_tar_add(tar, &entry, err);
        }
        entry.type = SC_TAR_FILE;
        *content_size += (int64_t)file->size;
        return write_file(files, file, &entry, tar, err);
    }
    SC_BUG("unknown kind of file");
}

int
sc_host_files_write(struct sc_host_files *files, const struct sc_store *store, struct sc_store_layer *layer,
                    struct sc_err *err)
{
    sc_cleanup_blob writer = NULL;
    sc_cleanup_tar tar = SC_TAR_INIT;
    int64_t content_size = 0;

    if (files->failed.kind != SC_ERR_NONE) {
        *err = files->failed;
        return -1;
    }
    if (files->count > 0)
        qsort(files->items, files->count, sizeof(void *), compare_files);
    if (sc_blob_create(store, &writer, err) < 0 || sc_tar_open(&tar, write_to_blob, writer, err) < 0)
        return -1;
    for (size_t i = 0; i < files->count; i++)
        if (write_entry(files, i, &tar, &content_size, err) < 0)
            return -1;
    if (sc_tar_finish(&tar, err) < 0)
        return -1;
    *layer = (struct sc_store_layer){.diff_size = content_size};
    if (sc_blob_commit(sc_steal_ptr(&writer), NULL, files->arena, &layer->digest, &layer->size, err) < 0)
        return -1;
    layer->diff_id = layer->digest; /* the blob is not compressed */
    layer->media_type = sc_arena_strdup(files->arena, "application/vnd.oci.image.layer.v1.tar");
    return layer->media_type != NULL ? 0 : sc_err_nomem(err);
}
