/* store-fixture: an image store in a temporary directory, and images put into it from tars made by the test. */
#ifndef SC_TESTS_UNIT_IMAGE_STORE_FIXTURE_H
#define SC_TESTS_UNIT_IMAGE_STORE_FIXTURE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#include "tar-build.h"
#include "image/transfer-priv.h"

#ifndef FIXTURE_DIR
#define FIXTURE_DIR "/tmp"
#endif

struct fixture {
    char path[64]; /* the temporary directory; the store is "data" in it */
    char data[80];
    int dir_fd;
    struct sc_store store;
    struct sc_arena arena;
    struct sc_err err;
};

static inline int
fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (!fixture)
        return -1;
    (void)snprintf(fixture->path, sizeof(fixture->path), FIXTURE_DIR "/sc-image-test.XXXXXX");
    assert_non_null(mkdtemp(fixture->path)); /* lint: a name nobody else has */
    (void)snprintf(fixture->data, sizeof(fixture->data), "%s/data", fixture->path);
    fixture->dir_fd = openat(-1, fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fixture->dir_fd >= 0);
    assert_int_equal(sc_store_open(fixture->data, &fixture->store, &fixture->err), 0);
    *state = fixture;
    return 0;
}

static inline int
fixture_teardown(void **state)
{
    struct fixture *fixture = *state;

    sc_store_release(&fixture->store);
    sc_arena_release(&fixture->arena);
    sc_closep(&fixture->dir_fd);
    assert_int_equal(sc_tree_remove_at(-1, fixture->path, &fixture->err), 0);
    free(fixture);
    return 0;
}

/* A layer blob of the store, not compressed. */
static inline struct sc_store_layer
fixture_layer(struct fixture *fixture, const struct tar_item *items)
{
    struct sc_store_layer layer = {.media_type = (char *)(uintptr_t)SC_MEDIA_LAYER};
    sc_cleanup_buf tar = SC_BUF_INIT;
    struct sc_err err;

    tar_build(&tar, items);
    assert_ok(sc_blob_put(&fixture->store, tar.data, tar.len, NULL, &fixture->arena, &layer.digest, &layer.size, &err));
    layer.diff_id = layer.digest;
    return layer;
}

static inline void
fixture_config(const struct sc_store_layer *layers, size_t count, const char *comment, struct sc_buf *out)
{
    sc_buf_addf(out,
                "{\"architecture\":\"amd64\",\"os\":\"linux\",\"comment\":\"%s\",\"config\":{\"Cmd\":[\"sh\"]},"
                "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
                comment);
    for (size_t i = 0; i < count; i++)
        sc_buf_addf(out, "%s\"%s\"", i ? "," : "", layers[i].diff_id);
    sc_buf_adds(out, "]}}");
}

static inline int
fixture_try_image(struct fixture *fixture, const struct sc_store_layer *layers, size_t count, const char *comment,
                  const char *name, char **id, struct sc_err *err)
{
    sc_cleanup_buf config = SC_BUF_INIT;

    fixture_config(layers, count, comment, &config);
    return sc_image_commit(&fixture->store, config.data, config.len, layers, count, name, &fixture->arena, id, err);
}

static inline char *
fixture_image(struct fixture *fixture, const struct sc_store_layer *layers, size_t count, const char *comment,
              const char *name)
{
    struct sc_err err;
    char *id = NULL;

    assert_ok(fixture_try_image(fixture, layers, count, comment, name, &id, &err));
    return id;
}

/* How many entries a directory of the data root has. */
static inline size_t
fixture_count(const struct fixture *fixture, const char *dir)
{
    int fd = openat(fixture->store.data_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream;
    size_t count = 0;

    assert_true(fd >= 0);
    stream = fdopendir(fd);
    assert_non_null(stream);
    while (readdir(stream))
        count++;
    (void)closedir(stream);
    return count - 2;
}

static inline void
fixture_write(const struct fixture *fixture, const char *name, const void *data, size_t len)
{
    struct sc_err err = SC_ERR_INIT;

    assert_int_equal(sc_file_replace_at(fixture->dir_fd, name, data, len, 0644, SC_VOLATILE, &err), 0);
}

/* The path of a file in the temporary directory; good until the next call. */
static inline const char *
fixture_path(struct fixture *fixture, const char *name)
{
    return sc_arena_printf(&fixture->arena, "%s/%s", fixture->path, name);
}

/* Opens below the diff of a layer. */
static inline int
fixture_open_diff(const struct fixture *fixture, const char *chain_hex)
{
    char path[128];
    int fd;

    (void)snprintf(path, sizeof(path), "layer/%s/diff", chain_hex);
    fd = openat(fixture->store.data_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

#define FIXTURE_TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

#endif
