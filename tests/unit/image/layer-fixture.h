/* layer-fixture: layers of a store that are unpacked into the directory "out" beside it. */
#ifndef SC_TESTS_UNIT_IMAGE_LAYER_FIXTURE_H
#define SC_TESTS_UNIT_IMAGE_LAYER_FIXTURE_H

#include "store-fixture.h"

/* Unpacks a blob into a directory. */
static inline int
unpack_into(struct fixture *fixture, const char *digest, const char *diff_id, int dir_fd,
            const struct sc_limits *limits, struct sc_err *err)
{
    __attribute__((cleanup(sc_layer_unpack_release))) struct sc_unpack unpack = {.root_fd = -1, .cached_fd = -1};
    int own_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);

    assert_true(own_fd >= 0);
    if (sc_layer_unpack_init(&unpack, own_fd, limits, err) < 0 ||
        sc_layer_unpack_stream(&fixture->store, digest, diff_id, &unpack, err) < 0)
        return -1;
    return sc_layer_unpack_finish(&unpack, diff_id, err);
}

/* Unpacks a layer of these items over nothing; the fd of the directory, or -1. */
static inline int
unpack(struct fixture *fixture, const struct tar_item *items, const struct sc_limits *limits, struct sc_err *err)
{
    struct sc_store_layer layer = fixture_layer(fixture, items);
    int fd;

    assert_int_equal(sc_tree_remove_at(fixture->dir_fd, "out", err), 0);
    assert_int_equal(mkdirat(fixture->dir_fd, "out", 0700), 0);
    fd = openat(fixture->dir_fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    if (unpack_into(fixture, layer.digest, layer.diff_id, fd, limits ? limits : &sc_limits_default, err) < 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static inline struct stat
look(int fd, const char *path)
{
    struct stat st;

    if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        fail_msg("%s: %s", path, strerror(errno));
    return st;
}

static inline int
unpack_blob(struct fixture *fixture, const char *digest, const char *diff_id, const struct sc_limits *limits,
            struct sc_err *err)
{
    sc_cleanup_fd fd = -1;

    assert_int_equal(sc_tree_remove_at(fixture->dir_fd, "out", err), 0);
    assert_int_equal(mkdirat(fixture->dir_fd, "out", 0700), 0);
    fd = openat(fixture->dir_fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *err = (struct sc_err)SC_ERR_INIT;
    return unpack_into(fixture, digest, diff_id, fd, limits, err);
}

/* A blob compressed by libarchive. */
static inline char *
compressed_blob(struct fixture *fixture, const struct sc_buf *tar, int (*filter)(struct archive *), size_t cut)
{
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    char *out = malloc(tar->len + 65536), *digest = NULL;
    struct sc_err err;
    size_t used = 0;

    assert_int_equal(filter(archive), ARCHIVE_OK);
    assert_int_equal(archive_write_set_format_raw(archive), ARCHIVE_OK);
    (void)archive_write_set_bytes_in_last_block(archive, 1);
    assert_int_equal(archive_write_open_memory(archive, out, tar->len + 65536, &used), ARCHIVE_OK);
    archive_entry_set_filetype(entry, AE_IFREG);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(archive, tar->data, tar->len), tar->len);
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_entry_free(entry);
    (void)archive_write_free(archive);
    assert_ok(sc_blob_put(&fixture->store, out, used - cut, NULL, &fixture->arena, &digest, NULL, &err));
    free(out);
    return digest;
}

#endif
