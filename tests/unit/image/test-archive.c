/* Archives of images: in, out, in again; and those that are refused. */
#include "store-fixture.h"

static const struct tar_item items_a[] = {{.name = "a", .data = "aaaa"}, {NULL}};
static const struct tar_item items_b[] = {{.name = "b", .data = "bb"}, {NULL}};

#define X "docker.io/library/x:latest"

/* A second store beside the first. */
static struct sc_store
second_store(struct fixture *fixture)
{
    struct sc_store store = SC_STORE_INIT;
    struct sc_err err;

    assert_ok(sc_store_open(fixture_path(fixture, "data2"), &store, &err));
    return store;
}

static char *
image_ab(struct fixture *fixture, const char *name)
{
    struct sc_store_layer layers[] = {fixture_layer(fixture, items_a), fixture_layer(fixture, items_b)};

    return fixture_image(fixture, layers, 2, "", name);
}

static void
save(struct fixture *fixture, const char *name, enum sc_archive_format format, const char *const *images)
{
    sc_cleanup_fd fd = openat(fixture->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    struct sc_strv names = {.items = NULL};
    struct sc_err err;

    for (; *images; images++)
        sc_strv_add(&names, &fixture->arena, *images);
    assert_ok(sc_image_save(&fixture->store, &names, format, fd, NULL, &err));
}

static void
read_back(struct fixture *fixture, const char *name, struct sc_buf *out)
{
    struct sc_err err;

    assert_ok(sc_file_read_at(fixture->dir_fd, name, 1 << 24, out, &err));
}

static void
test_round_trips(void **state)
{
    static const char *const all[] = {"x", "y:2", NULL};
    struct fixture *fixture = *state;
    char *id = image_ab(fixture, X);
    struct sc_err err;

    assert_ok(sc_image_tag(&fixture->store, "x", "y:2", &err));
    for (int format = SC_ARCHIVE_DOCKER; format <= SC_ARCHIVE_OCI; format++) {
        sc_cleanup_store store = SC_STORE_INIT;
        sc_cleanup_buf first = SC_BUF_INIT, second = SC_BUF_INIT;
        struct sc_strv names = {.items = NULL};
        struct sc_image image;

        save(fixture, "one.tar", (enum sc_archive_format)format, all);
        save(fixture, "two.tar", (enum sc_archive_format)format, all);
        read_back(fixture, "one.tar", &first);
        read_back(fixture, "two.tar", &second);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.data, second.data, first.len);
        store = second_store(fixture);
        assert_ok(sc_image_load(&store, fixture_path(fixture, "one.tar"), &fixture->arena, &names, &err));
        assert_int_equal(names.count, 2);
        assert_string_equal(names.items[0], "x:latest");
        assert_string_equal(names.items[1], "y:2");
        assert_ok(sc_image_find(&store, "y:2", &fixture->arena, &image, &err));
        assert_string_equal(image.id, id);
        assert_int_equal(image.size, 6);
        assert_ok(sc_tree_remove_at(fixture->dir_fd, "data2", &err));
    }
}

static void
test_save_to_directory(void **state)
{
    struct fixture *fixture = *state;
    char *id = image_ab(fixture, X);
    sc_cleanup_store store = second_store(fixture);
    struct sc_strv names = {.items = NULL}, loaded = {.items = NULL};
    struct sc_image image;
    char expected[300];
    struct sc_err err;

    sc_strv_add(&names, &fixture->arena, "x");
    assert_ok(sc_image_save(&fixture->store, &names, SC_ARCHIVE_OCI_DIR, -1, fixture_path(fixture, "out/"), &err));
    (void)snprintf(expected, sizeof(expected), "directory \"%s/out\" exists and is not empty", fixture->path);
    assert_fails(sc_image_save(&fixture->store, &names, SC_ARCHIVE_OCI_DIR, -1, fixture_path(fixture, "out"), &err),
                 SC_ERR_EXISTS, expected);
    assert_ok(sc_image_load(&store, fixture_path(fixture, "out"), &fixture->arena, &loaded, &err));
    assert_string_equal(loaded.items[0], "x:latest");
    assert_ok(sc_image_find(&store, "x", &fixture->arena, &image, &err));
    assert_string_equal(image.id, id);
    /* Nothing but the directory itself, also after the failure. */
    assert_int_equal(fixture_count(fixture, ".."), 3);
}

static void
test_save_by_id_has_no_names(void **state)
{
    struct fixture *fixture = *state;
    char *id = image_ab(fixture, X);
    const char *const all[] = {id, NULL};
    sc_cleanup_store store = second_store(fixture);
    struct sc_strv names = {.items = NULL};
    struct sc_err err;

    save(fixture, "one.tar", SC_ARCHIVE_DOCKER, all);
    assert_ok(sc_image_load(&store, fixture_path(fixture, "one.tar"), &fixture->arena, &names, &err));
    assert_int_equal(names.count, 1);
    assert_string_equal(names.items[0], id);
}

static void
test_save_unknown(void **state)
{
    struct fixture *fixture = *state;
    struct sc_strv names = {.items = NULL};
    struct sc_err err;

    assert_fails(sc_image_save(&fixture->store, &names, SC_ARCHIVE_DOCKER, -1, NULL, &err), SC_ERR_INVALID,
                 "no image is named");
    sc_strv_add(&names, &fixture->arena, "x");
    assert_fails(sc_image_save(&fixture->store, &names, SC_ARCHIVE_DOCKER, -1, NULL, &err), SC_ERR_NOT_FOUND,
                 "no such image: \"x\"");
}

/* ---- refused ------------------------------------------------------------------------------------ */

static void
assert_store_is_empty(const struct fixture *fixture)
{
    assert_int_equal(fixture_count(fixture, "image/blobs/sha256"), 0);
    assert_int_equal(fixture_count(fixture, "image/tmp"), 0);
    assert_int_equal(fixture_count(fixture, "image/sc-chain"), 0);
    assert_int_equal(fixture_count(fixture, "layer"), 0);
}

/* Loads a tar of these items, which must fail with this message after `load "PATH": `, and leave nothing. */
static void
refuse(struct fixture *fixture, const struct tar_item *items, const char *message)
{
    const char *path = fixture_path(fixture, "bad.tar");
    sc_cleanup_buf tar = SC_BUF_INIT;
    struct sc_strv names = {.items = NULL};
    struct sc_err err;
    char expected[1200];

    tar_build(&tar, items);
    fixture_write(fixture, "bad.tar", tar.data, tar.len);
    (void)snprintf(expected, sizeof(expected), "load \"%s\": %s", path, message);
    assert_fails(sc_image_load(&fixture->store, path, &fixture->arena, &names, &err), SC_ERR_INVALID, expected);
    assert_int_equal(names.count, 0);
    assert_store_is_empty(fixture);
}

#define HEX0   "0000000000000000000000000000000000000000000000000000000000000000"
#define CONFIG "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX0 "\"]}}"

static void
test_docker_archive_refused(void **state)
{
    static const struct {
        struct tar_item items[4];
        const char *message; /* %s: the path */
    } cases[] = {
        {{{.name = "manifest.json", .data = "{}"}}, "manifest.json: must be a list of images"},
        {{{.name = "manifest.json", .data = "[]"}}, "manifest.json: must be a list of images"},
        {{{.name = "manifest.json", .data = "[7]"}}, "manifest.json[0]: must be an object"},
        {{{.name = "manifest.json", .data = "[{}]"}}, "manifest.json[0]: Config: is missing"},
        {{{.name = "manifest.json", .data = "[{\"Config\":\"c.json\"}]"}},
         "manifest.json[0]: image config: the archive has no \"c.json\""},
        {{{.name = "manifest.json", .data = "[{\"Config\":\"../c.json\"}]"}},
         "manifest.json[0]: image config: entry \"../c.json\": its name has \"..\""},
        {{{.name = "manifest.json", .data = "[{\"Config\":\"c.json\",\"Layers\":[]}]"},
          {.name = "c.json", .data = CONFIG}},
         "manifest.json[0]: manifest.json has 0 layers, the config 1"},
        {{{.name = "manifest.json", .data = "[{\"Config\":\"c.json\",\"Layers\":[\"l.tar\"]}]"},
          {.name = "c.json", .data = CONFIG}},
         "manifest.json[0]: layer 0: the archive has no \"l.tar\""},
        {{{.name = "manifest.json", .data = "[{\"Config\":\"" HEX0 ".json\",\"Layers\":[]}]"},
          {.name = HEX0 ".json", .data = "{}"}},
         "manifest.json[0]: image config: blob sha256:" HEX0 " has the wrong digest: its content is "
         "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
        {{{.name = "manifest.json", .data = "[{\"Config\":\"c.json\",\"Layers\":[\"l\"]}]"},
          {.name = "c.json", .data = CONFIG},
          {.name = "l", .type = '2', .link = "l"}},
         "manifest.json[0]: layer 0: the archive has no \"l\""},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        refuse(*state, cases[i].items, cases[i].message);
}

static void
test_archive_entries_refused(void **state)
{
    static const struct {
        struct tar_item items[2];
        const char *why;
    } cases[] = {
        {{{.name = "../evil", .data = "x"}}, "entry \"../evil\": its name has \"..\""},
        {{{.name = "/etc/evil", .data = "x"}}, "entry \"/etc/evil\": its name is absolute"},
        {{{.name = "dev", .type = '3', .major = 1, .minor = 3}},
         "entry \"dev\": an image archive holds files, directories and links only"},
        {{{.name = "a/l", .type = '2', .link = "../../etc/passwd"}}, "link \"a/l\": it leads out of the archive"},
        {{{.name = "l", .type = '2', .link = "/etc/passwd"}},
         "link \"l\": entry \"/etc/passwd\": its name is absolute"},
        {{{.name = "l", .type = '1', .link = "../x"}}, "link \"l\": entry \"../x\": its name has \"..\""},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        char message[600];

        (void)snprintf(message, sizeof(message), "read \"%s/bad.tar\": %s", fixture->path, cases[i].why);
        refuse(fixture, cases[i].items, message);
    }
}

static void
test_oci_archive_refused(void **state)
{
    static const struct {
        struct tar_item items[4];
        const char *message;
    } cases[] = {
        {{{.name = "index.json", .data = "{}"}}, "index.json: has no manifests"},
        {{{.name = "index.json", .data = "{\"manifests\":[]}"}}, "index.json: has no manifests"},
        {{{.name = "index.json", .data = "{\"manifests\":[{\"digest\":\"sha256:../../../etc/passwd\"}]}"}},
         "index.json: manifests[0]: digest: must be \"sha256:\" and 64 hexadecimal digits"},
        {{{.name = "index.json", .data = "{\"manifests\":[{\"digest\":\"sha256:" HEX0 "\"}]}"}},
         "index.json: manifests[0]: the archive has no \"blobs/sha256/" HEX0 "\""},
        {{{.name = "index.json", .data = "{\"manifests\":[{\"digest\":\"sha256:" HEX0 "\"}]}"},
          {.name = "blobs/sha256/" HEX0, .data = "{}"}},
         "index.json: manifests[0]: \"blobs/sha256/" HEX0 "\" has the wrong digest: its content is "
         "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
        {{{.name = "index.json",
           .data = "{\"manifests\":[{\"digest\":\"sha256:"
                   "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\"}]}"},
          {.name = "blobs/sha256/44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", .data = "{}"}},
         "index.json: manifests[0]: image manifest: schemaVersion: must be 2"},
        {{{.name = "something", .data = "else"}},
         "it is no image archive: it has neither manifest.json nor index.json"},
        {{{.name = NULL}}, "it is no image archive: it has neither manifest.json nor index.json"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        refuse(*state, cases[i].items, cases[i].message);
}

/* A good archive with one byte of its layer changed, and cut at every block. */
static void
test_damaged_archives(void **state)
{
    static const char *const all[] = {"x", NULL};
    struct fixture *fixture = *state;
    struct sc_image_removed removed;
    sc_cleanup_buf tar = SC_BUF_INIT;
    struct sc_strv names = {.items = NULL};
    struct sc_err err;
    char *at;

    (void)image_ab(fixture, X);
    save(fixture, "good.tar", SC_ARCHIVE_DOCKER, all);
    read_back(fixture, "good.tar", &tar);
    assert_ok(sc_image_remove(&fixture->store, "x", false, NULL, NULL, &fixture->arena, &removed, &err));
    assert_store_is_empty(fixture);
    at = memmem(tar.data, tar.len, "aaaa", 4);
    assert_non_null(at);
    *at = 'X';
    fixture_write(fixture, "bad.tar", tar.data, tar.len);
    assert_int_equal(sc_image_load(&fixture->store, fixture_path(fixture, "bad.tar"), &fixture->arena, &names, &err),
                     -1);
    assert_non_null(strstr(err.msg, ", the image says sha256:"));
    assert_store_is_empty(fixture);
    *at = 'a';
    /* Up to manifest.json, which comes last but for `repositories`: nobody needs that one, nor the zeros at the end. */
    at = memmem(tar.data, tar.len, "repositories", sizeof("repositories") - 1);
    assert_non_null(at);
    for (size_t len = 0; len < (size_t)(at - tar.data); len += 512) {
        fixture_write(fixture, "bad.tar", tar.data, len);
        err = (struct sc_err)SC_ERR_INIT;
        assert_int_equal(
            sc_image_load(&fixture->store, fixture_path(fixture, "bad.tar"), &fixture->arena, &names, &err), -1);
        assert_int_equal(err.kind, SC_ERR_INVALID);
        assert_store_is_empty(fixture);
    }
    fixture_write(fixture, "good.tar", tar.data, tar.len);
    assert_ok(sc_image_load(&fixture->store, fixture_path(fixture, "good.tar"), &fixture->arena, &names, &err));
}

static void
test_load_missing_file(void **state)
{
    struct fixture *fixture = *state;
    struct sc_strv names = {.items = NULL};
    struct sc_err err;

    assert_fails(sc_image_load(&fixture->store, "/nonexistent/x.tar", &fixture->arena, &names, &err), SC_ERR_NOT_FOUND,
                 "load \"/nonexistent/x.tar\": open \"/nonexistent/x.tar\": no such file or directory");
}

/* ---- layouts of others -------------------------------------------------------------------------------- */

/* An OCI layout directory whose index lists two platforms and an attestation: ours is taken. */
static void
test_index_of_platforms(void **state)
{
    struct fixture *fixture = *state;
    char *id = image_ab(fixture, X), arch[SC_PLATFORM_MAX], digest[SC_DIGEST_LEN + 1], path[120];
    struct sc_strv names = {.items = NULL}, all = {.items = NULL};
    sc_cleanup_store store = second_store(fixture);
    sc_cleanup_buf list = SC_BUF_INIT, index = SC_BUF_INIT;
    struct sc_image image;
    struct sc_err err;

    sc_strv_add(&all, &fixture->arena, "x");
    assert_ok(sc_image_save(&fixture->store, &all, SC_ARCHIVE_OCI_DIR, -1, fixture_path(fixture, "out"), &err));
    assert_ok(sc_image_find(&fixture->store, "x", &fixture->arena, &image, &err));
    sc_buf_addf(&list,
                "{\"schemaVersion\":2,\"manifests\":["
                "{\"mediaType\":\"" SC_MEDIA_MANIFEST "\",\"digest\":\"sha256:" HEX0 "\",\"size\":1,"
                "\"platform\":{\"os\":\"linux\",\"architecture\":\"pdp11\"}},"
                "{\"mediaType\":\"" SC_MEDIA_MANIFEST "\",\"digest\":\"%s\",\"size\":1,"
                "\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}},"
                "{\"mediaType\":\"" SC_MEDIA_MANIFEST "\",\"digest\":\"sha256:" HEX0 "\",\"size\":1,"
                "\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}}]}",
                image.manifest_digest, sc_platform_arch(arch));
    assert_ok(sc_hash_text(list.data, list.len, digest, &err));
    (void)snprintf(path, sizeof(path), "out/blobs/sha256/%s", digest + 7);
    fixture_write(fixture, path, list.data, list.len);
    sc_buf_addf(&index,
                "{\"manifests\":[{\"mediaType\":\"" SC_MEDIA_INDEX "\",\"digest\":\"%s\",\"size\":%zu,"
                "\"annotations\":{\"" SC_ANNOTATION_REF "\":\"latest\","
                "\"io.containerd.image.name\":\"quay.io/a/b:c\"}}]}",
                digest, list.len);
    fixture_write(fixture, "out/index.json", index.data, index.len);
    assert_ok(sc_image_load(&store, fixture_path(fixture, "out"), &fixture->arena, &names, &err));
    assert_int_equal(names.count, 1);
    assert_string_equal(names.items[0], "quay.io/a/b:c");
    assert_ok(sc_image_find(&store, "quay.io/a/b:c", &fixture->arena, &image, &err));
    assert_string_equal(image.id, id);
}

/* Docker's old archives repeat a layer as a symbolic link. */
static void
test_docker_links(void **state)
{
    struct fixture *fixture = *state;
    struct sc_store_layer a = fixture_layer(fixture, items_a), twice[] = {a, a};
    sc_cleanup_buf layer = SC_BUF_INIT, config = SC_BUF_INIT, tar = SC_BUF_INIT;
    struct sc_strv names = {.items = NULL};
    struct sc_image image;
    struct sc_err err;

    tar_build(&layer, items_a);
    fixture_config(twice, 2, "", &config);
    tar_put(&tar, &(struct tar_item){.name = "one/", .type = '5'});
    tar_header(&tar, "one/layer.tar", '0', 0644, layer.len, &(struct tar_item){.name = ""});
    sc_buf_add(&tar, layer.data, layer.len);
    tar_pad(&tar);
    tar_put(&tar, &(struct tar_item){.name = "two/layer.tar", .type = '2', .link = "../one/layer.tar"});
    tar_put(&tar, &(struct tar_item){.name = "config", .data = config.data});
    tar_build(&tar, (const struct tar_item[]){{.name = "manifest.json",
                                               .data = "[{\"Config\":\"config\",\"RepoTags\":[\"old:1\"],"
                                                       "\"Layers\":[\"one/layer.tar\",\"two/layer.tar\"]}]"},
                                              {NULL}});
    fixture_write(fixture, "old.tar", tar.data, tar.len);
    assert_ok(sc_image_load(&fixture->store, fixture_path(fixture, "old.tar"), &fixture->arena, &names, &err));
    assert_ok(sc_image_find(&fixture->store, "old:1", &fixture->arena, &image, &err));
    assert_int_equal(image.chain_ids.count, 2);
    assert_string_equal(image.layer_digests.items[0], image.layer_digests.items[1]);
}

/* Members over a MiB go through the store; one whose place promises a digest is checked on the way. */
static void
test_large_members(void **state)
{
    struct fixture *fixture = *state;
    struct sc_strv names = {.items = NULL};
    sc_cleanup_buf tar = SC_BUF_INIT;
    size_t size = ((size_t)1 << 20) + 1;
    char *big = calloc(1, size);
    struct sc_err err;

    tar_header(&tar, "blobs/sha256/" HEX0, '0', 0644, size, &(struct tar_item){.name = ""});
    sc_buf_add(&tar, big, size);
    free(big);
    tar_pad(&tar);
    tar_build(&tar, (const struct tar_item[]){{NULL}});
    fixture_write(fixture, "big.tar", tar.data, tar.len);
    assert_int_equal(sc_image_load(&fixture->store, fixture_path(fixture, "big.tar"), &fixture->arena, &names, &err),
                     -1);
    assert_non_null(strstr(err.msg, "blob sha256:" HEX0 " has the wrong digest"));
    assert_store_is_empty(fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_round_trips),
        FIXTURE_TEST(test_save_to_directory),
        FIXTURE_TEST(test_save_by_id_has_no_names),
        FIXTURE_TEST(test_save_unknown),
        FIXTURE_TEST(test_docker_archive_refused),
        FIXTURE_TEST(test_archive_entries_refused),
        FIXTURE_TEST(test_oci_archive_refused),
        FIXTURE_TEST(test_damaged_archives),
        FIXTURE_TEST(test_load_missing_file),
        FIXTURE_TEST(test_index_of_platforms),
        FIXTURE_TEST(test_docker_links),
        FIXTURE_TEST(test_large_members),
    };

    return RUN_TESTS(tests);
}
