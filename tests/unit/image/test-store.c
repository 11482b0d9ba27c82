/* The store: finding and naming images, and what is no image. */
#include "two-images.h"

static void
test_layout_is_oci(void **state)
{
    struct fixture *fixture = *state;
    sc_cleanup_buf layout = SC_BUF_INIT, index = SC_BUF_INIT;
    struct sc_err err;

    assert_ok(sc_file_read_at(fixture->store.image_fd, "oci-layout", 100, &layout, &err));
    assert_string_equal(layout.data, "{\"imageLayoutVersion\":\"1.0.0\"}");
    assert_ok(sc_file_read_at(fixture->store.image_fd, "index.json", 1000, &index, &err));
    assert_string_equal(index.data, "{\"schemaVersion\":2,\"mediaType\":\"" SC_MEDIA_INDEX "\",\"manifests\":[]}");
    assert_int_equal(list_count(fixture), 0);
}

static void
test_open_refuses(void **state)
{
    struct fixture *fixture = *state;
    struct sc_store store = SC_STORE_INIT;
    struct sc_err err;
    char expected[300];

    assert_fails(sc_store_open("relative", &store, &err), SC_ERR_INVALID,
                 "open the image store in \"relative\": the path must be absolute");
    fixture_write(fixture, "file", "", 0);
    (void)snprintf(expected, sizeof(expected),
                   "open the image store in \"%s/file\": make directory \"%s/file\": not a directory", fixture->path,
                   fixture->path);
    assert_fails(sc_store_open(fixture_path(fixture, "file"), &store, &err), SC_ERR_KERNEL, expected);
    assert_int_equal(store.data_fd, -1);
}

static void
test_find(void **state)
{
    struct fixture *fixture = *state;
    char *x, *y, text[200];
    struct sc_image image;
    struct sc_err err;

    two_images(fixture, &x, &y);
    assert_string_equal(find_id(fixture, "x"), x);
    assert_string_equal(find_id(fixture, "x:latest"), x);
    assert_string_equal(find_id(fixture, "library/x"), x);
    assert_string_equal(find_id(fixture, X), x);
    assert_string_equal(find_id(fixture, "y"), y);
    assert_string_equal(find_id(fixture, x), x);
    assert_string_equal(find_id(fixture, x + 7), x);
    (void)snprintf(text, sizeof(text), "%.19s", y);
    assert_string_equal(find_id(fixture, text), y);
    (void)snprintf(text, sizeof(text), "%.12s", y + 7);
    assert_string_equal(find_id(fixture, text), y);
    assert_ok(sc_image_find(&fixture->store, "x", &fixture->arena, &image, &err));
    (void)snprintf(text, sizeof(text), "x@%s", image.manifest_digest);
    assert_string_equal(find_id(fixture, text), x);
    (void)snprintf(text, sizeof(text), "x:any@%s", image.manifest_digest);
    assert_string_equal(find_id(fixture, text), x);
    (void)snprintf(text, sizeof(text), "y@%s", image.manifest_digest);
    assert_no_image(fixture, text);
    assert_no_image(fixture, "x:other");
    assert_no_image(fixture, "z");
    assert_no_image(fixture, "sha256:0000");
    assert_fails(sc_image_find(&fixture->store, "X", &fixture->arena, &image, &err), SC_ERR_INVALID,
                 "invalid reference \"X\": a repository name must be lower-case");
}

static void
test_find_tells(void **state)
{
    struct fixture *fixture = *state;
    struct sc_image image;
    char *x, *y, chain[300], digest[SC_DIGEST_LEN + 1];
    struct sc_err err;

    two_images(fixture, &x, &y);
    assert_ok(sc_image_find(&fixture->store, "x", &fixture->arena, &image, &err));
    assert_string_equal(image.name, X);
    assert_string_equal(image.comment, "x");
    assert_int_equal(image.size, 6);
    assert_int_equal(image.chain_ids.count, 2);
    assert_string_equal(image.chain_ids.items[0], sc_digest_hex(image.diff_ids.items[0]));
    (void)snprintf(chain, sizeof(chain), "%s %s", image.diff_ids.items[0], image.diff_ids.items[1]);
    assert_ok(sc_hash_text(chain, strlen(chain), digest, &err));
    assert_string_equal(image.chain_ids.items[1], sc_digest_hex(digest));
    assert_string_equal(image.layer_digests.items[1], image.diff_ids.items[1]);
}

static void
test_ambiguous_id(void **state)
{
    struct fixture *fixture = *state;
    struct sc_store_layer layer = fixture_layer(fixture, items_a);
    struct sc_image image;
    char comment[8], prefix[2] = "", expected[100], seen[16] = "";
    struct sc_err err;

    /* 17 images: two of them begin with the same digit. */
    for (int i = 0; i < 17 && !prefix[0]; i++) {
        (void)snprintf(comment, sizeof(comment), "%d", i);
        char *id = fixture_image(fixture, &layer, 1, comment, NULL);
        char digit = id[7];
        int at = digit <= '9' ? digit - '0' : digit - 'a' + 10;

        if (seen[at])
            prefix[0] = digit;
        seen[at] = 1;
    }
    /* A letter could be an image's name as well: that does not exist, so the id is meant. */
    (void)snprintf(expected, sizeof(expected), "image id \"%s\" is ambiguous: several begin with it", prefix);
    assert_fails(sc_image_find(&fixture->store, prefix, &fixture->arena, &image, &err), SC_ERR_INVALID, expected);
}

static void
test_tag(void **state)
{
    struct fixture *fixture = *state;
    struct sc_err err;
    char *x, *y;

    two_images(fixture, &x, &y);
    assert_ok(sc_image_tag(&fixture->store, "x", "user/x:2", &err));
    assert_ok(sc_image_tag(&fixture->store, "x", "user/x:2", &err)); /* again */
    assert_string_equal(find_id(fixture, UX_2), x);
    assert_int_equal(list_count(fixture), 3);
    assert_fails(sc_image_tag(&fixture->store, "nowhere", "z", &err), SC_ERR_NOT_FOUND,
                 "tag \"nowhere\" as \"z\": no such image: \"nowhere\"");
    assert_fails(sc_image_tag(&fixture->store, "x", "UP", &err), SC_ERR_INVALID,
                 "invalid reference \"UP\": a repository name must be lower-case");
    assert_int_equal(sc_image_tag(&fixture->store, "x",
                                  "z@sha256:"
                                  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                                  &err),
                     -1);
    assert_non_null(strstr(err.msg, "a name cannot have a digest"));
    assert_int_equal(list_count(fixture), 3);
}

static void
test_tag_moves_and_leaves_dangling(void **state)
{
    struct fixture *fixture = *state;
    struct sc_image_list list;
    struct sc_err err;
    char *x, *y;

    two_images(fixture, &x, &y);
    assert_ok(sc_image_tag(&fixture->store, "x", "y", &err));
    assert_string_equal(find_id(fixture, "y"), x);
    assert_string_equal(find_id(fixture, y), y); /* still there, without a name */
    assert_ok(sc_image_list(&fixture->store, &fixture->arena, &list, &err));
    assert_int_equal(list.count, 3);
    for (size_t i = 0; i < list.count; i++)
        assert_int_equal(list.items[i].name == NULL, strcmp(list.items[i].id, y) == 0);
    /* Named again, it is no more dangling. */
    assert_ok(sc_image_tag(&fixture->store, y, "y", &err));
    assert_int_equal(list_count(fixture), 2);
}

static void
test_commit_again_is_one_image(void **state)
{
    struct fixture *fixture = *state;
    struct sc_store_layer layer = fixture_layer(fixture, items_a);
    char *first = fixture_image(fixture, &layer, 1, "", NULL);

    assert_string_equal(fixture_image(fixture, &layer, 1, "", NULL), first);
    assert_int_equal(list_count(fixture), 1);
    assert_string_equal(fixture_image(fixture, &layer, 1, "", X), first);
    assert_string_equal(fixture_image(fixture, &layer, 1, "", X), first);
    assert_int_equal(list_count(fixture), 1); /* the one without a name got it */
    (void)fixture_image(fixture, &layer, 1, "another", X);
    assert_int_equal(list_count(fixture), 2);
}

static void
test_damaged_index(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"[]", "must be an object"},
        {"{}", "manifests: is missing"},
        {"{\"manifests\":7}", "manifests: must be a list"},
        {"{\"manifests\":[{\"digest\":\"sha256:../..\"}]}",
         "manifests[0].digest: must be \"sha256:\" and 64 hexadecimal digits"},
    };
    struct fixture *fixture = *state;
    struct sc_image_list list;
    struct sc_err err;
    char expected[300];

    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        assert_ok(sc_file_replace_at(fixture->store.image_fd, "index.json", cases[i].text, strlen(cases[i].text), 0644,
                                     SC_VOLATILE, &err));
        (void)snprintf(expected, sizeof(expected), "read the image index \"%s/image/index.json\": %s", fixture->data,
                       cases[i].why);
        assert_fails(sc_image_list(&fixture->store, &fixture->arena, &list, &err), SC_ERR_INVALID, expected);
    }
}

/* skopeo writes names of its own and no sidecar. */
static void
test_image_of_another_program(void **state)
{
    struct fixture *fixture = *state;
    struct sc_store_layer layer = fixture_layer(fixture, items_a);
    struct sc_strv names = {.items = NULL};
    sc_cleanup_buf index = SC_BUF_INIT;
    struct sc_image image;
    char *id = fixture_image(fixture, &layer, 1, "", NULL), path[100];
    struct sc_err err;

    assert_ok(sc_image_find(&fixture->store, id, &fixture->arena, &image, &err));
    sc_buf_addf(&index,
                "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" SC_MEDIA_MANIFEST "\",\"digest\":\"%s\","
                "\"size\":%d,\"annotations\":{\"" SC_ANNOTATION_REF "\":\"app:1\",\"other\":\"kept\"}}]}",
                image.manifest_digest, 400);
    assert_ok(
        sc_file_replace_at(fixture->store.image_fd, "index.json", index.data, index.len, 0644, SC_VOLATILE, &err));
    (void)snprintf(path, sizeof(path), "sc-chain/%s", sc_digest_hex(id));
    assert_int_equal(unlinkat(fixture->store.image_fd, path, 0), 0);
    assert_int_equal(sc_image_find(&fixture->store, "app:1", &fixture->arena, &image, &err), -1);
    assert_non_null(strstr(err.remedy, "sc image load -i"));
    assert_int_equal(list_count(fixture), 1);
    /* What the remedy says works. */
    (void)snprintf(path, sizeof(path), "%s/image", fixture->data);
    assert_ok(sc_image_load(&fixture->store, path, &fixture->arena, &names, &err));
    assert_string_equal(names.items[0], "app:1");
    assert_string_equal(find_id(fixture, "app:1"), id);
    assert_int_equal(list_count(fixture), 1);
}

static void
test_blob_digest_is_verified(void **state)
{
    static const char empty[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    struct fixture *fixture = *state;
    struct sc_err err;
    char *digest;

    assert_ok(sc_blob_put(&fixture->store, "", 0, empty, &fixture->arena, &digest, NULL, &err));
    assert_string_equal(digest, empty);
    assert_fails(
        sc_blob_put(&fixture->store, "x", 1, empty, &fixture->arena, &digest, NULL, &err), SC_ERR_INVALID,
        "blob sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 has the wrong digest: its "
        "content is sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
    assert_int_equal(fixture_count(fixture, "image/blobs/sha256"), 1);
    assert_int_equal(fixture_count(fixture, "image/tmp"), 0);
}

/* A config that lies about its layers makes no image. */
static void
test_commit_refuses(void **state)
{
    struct fixture *fixture = *state;
    struct sc_store_layer a = fixture_layer(fixture, items_a), b = fixture_layer(fixture, items_b), lie = a;
    sc_cleanup_buf config = SC_BUF_INIT;
    struct sc_err err;
    char *id, expected[300];

    fixture_config(&a, 1, "", &config);
    assert_fails(sc_image_commit(&fixture->store, config.data, config.len, NULL, 0, X, &fixture->arena, &id, &err),
                 SC_ERR_INVALID, "the image has 0 layers, its config says 1");
    (void)snprintf(expected, sizeof(expected), "layer 0 is %s, the config says %s", b.diff_id, a.diff_id);
    assert_fails(sc_image_commit(&fixture->store, config.data, config.len, &b, 1, X, &fixture->arena, &id, &err),
                 SC_ERR_INVALID, expected);
    /* The right diff id on the wrong blob, before and after the layer is there. */
    lie.digest = b.digest;
    (void)snprintf(expected, sizeof(expected), "unpack layer %s: its content is %s, the image says %s", b.digest,
                   b.digest, a.diff_id);
    assert_fails(fixture_try_image(fixture, &lie, 1, "", X, &id, &err), SC_ERR_INVALID, expected);
    assert_int_equal(list_count(fixture), 0);
    assert_int_equal(fixture_count(fixture, "layer"), 0);
    (void)fixture_image(fixture, &a, 1, "", X);
    assert_fails(fixture_try_image(fixture, &lie, 1, "", Y, &id, &err), SC_ERR_INVALID, expected);
    assert_int_equal(list_count(fixture), 1);
}

/* As an image of others comes, by pull or in an archive: its config knows one layer, its manifest two. */
static void
test_commit_of_another_count(void **state)
{
    struct fixture *fixture = *state;
    struct sc_store_layer a = fixture_layer(fixture, items_a), b = fixture_layer(fixture, items_b);
    sc_cleanup_buf config = SC_BUF_INIT, manifest = SC_BUF_INIT;
    char *config_digest = NULL, *manifest_digest = NULL, *id;
    int64_t size = 0;
    struct sc_err err = SC_ERR_INIT;

    fixture_config(&a, 1, "", &config);
    assert_ok(
        sc_blob_put(&fixture->store, config.data, config.len, NULL, &fixture->arena, &config_digest, &size, &err));
    sc_buf_addf(
        &manifest,
        "{\"schemaVersion\":2,\"mediaType\":\"" SC_MEDIA_MANIFEST "\",\"config\":{\"mediaType\":\"" SC_MEDIA_CONFIG
        "\",\"digest\":\"%s\",\"size\":%lld},\"layers\":[{\"mediaType\":\"" SC_MEDIA_LAYER
        "\",\"digest\":\"%s\",\"size\":%lld},{\"mediaType\":\"" SC_MEDIA_LAYER "\",\"digest\":\"%s\",\"size\":%lld}]}",
        config_digest, (long long)size, a.digest, (long long)a.size, b.digest, (long long)b.size);
    assert_ok(
        sc_blob_put(&fixture->store, manifest.data, manifest.len, NULL, &fixture->arena, &manifest_digest, NULL, &err));
    assert_fails(sc_image_commit_manifest(&fixture->store, manifest_digest, X, &fixture->arena, &id, &err),
                 SC_ERR_INVALID, "the manifest has 2 layers, the config 1");
    assert_int_equal(list_count(fixture), 0);
    assert_int_equal(fixture_count(fixture, "layer"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_layout_is_oci),
        FIXTURE_TEST(test_open_refuses),
        FIXTURE_TEST(test_find),
        FIXTURE_TEST(test_find_tells),
        FIXTURE_TEST(test_ambiguous_id),
        FIXTURE_TEST(test_tag),
        FIXTURE_TEST(test_tag_moves_and_leaves_dangling),
        FIXTURE_TEST(test_commit_again_is_one_image),
        FIXTURE_TEST(test_damaged_index),
        FIXTURE_TEST(test_image_of_another_program),
        FIXTURE_TEST(test_blob_digest_is_verified),
        FIXTURE_TEST(test_commit_refuses),
        FIXTURE_TEST(test_commit_of_another_count),
    };

    return RUN_TESTS(tests);
}
