/* The store: removing images, what they share, and what is swept when. */
#include "two-images.h"

/* Who has every image. */
struct user {
    const char *asked;
    struct sc_image_use use;
};

static int
user(const char *image_id, void *data, struct sc_image_use *out, struct sc_err *err)
{
    struct user *who = data;

    who->asked = image_id;
    *out = who->use;
    (void)err;
    return 0;
}

static void
test_remove_shares_layers(void **state)
{
    struct fixture *fixture = *state;
    struct sc_image_removed removed;
    struct sc_image image;
    char *x, *y, text[100];
    struct sc_err err;

    two_images(fixture, &x, &y);
    assert_int_equal(fixture_count(fixture, "image/blobs/sha256"), 7);
    assert_int_equal(fixture_count(fixture, "layer"), 3);
    assert_ok(sc_image_find(&fixture->store, "x", &fixture->arena, &image, &err));
    removed = remove_ok(fixture, "x", false);
    assert_int_equal(removed.untagged.count, 1);
    assert_string_equal(removed.untagged.items[0], "Untagged: x:latest");
    assert_int_equal(removed.deleted.count, 2); /* the image and its own layer, not the shared one */
    (void)snprintf(text, sizeof(text), "Deleted: %s", x);
    assert_string_equal(removed.deleted.items[0], text);
    (void)snprintf(text, sizeof(text), "Deleted: sha256:%s", image.chain_ids.items[1]);
    assert_string_equal(removed.deleted.items[1], text);
    assert_int_equal(fixture_count(fixture, "image/blobs/sha256"), 4);
    assert_int_equal(fixture_count(fixture, "layer"), 2);
    assert_int_equal(fixture_count(fixture, "image/sc-chain"), 1);
    assert_no_image(fixture, "x");
    assert_string_equal(find_id(fixture, "y"), y);
    (void)remove_ok(fixture, y, false);
    assert_int_equal(fixture_count(fixture, "image/blobs/sha256"), 0);
    assert_int_equal(fixture_count(fixture, "layer"), 0);
    assert_int_equal(fixture_count(fixture, "image/sc-chain"), 0);
}

static void
test_remove_one_of_two_names(void **state)
{
    struct fixture *fixture = *state;
    struct sc_image_removed removed;
    struct sc_err err;
    char *x, *y, expected[200];

    two_images(fixture, &x, &y);
    assert_ok(sc_image_tag(&fixture->store, "x", "user/x:2", &err));
    (void)snprintf(expected, sizeof(expected),
                   "cannot remove image \"%s\": image is referenced in multiple repositories", x);
    assert_fails(sc_image_remove(&fixture->store, x, false, NULL, NULL, &fixture->arena, &removed, &err), SC_ERR_BUSY,
                 expected);
    removed = remove_ok(fixture, "user/x:2", false);
    assert_string_equal(removed.untagged.items[0], "Untagged: user/x:2");
    assert_int_equal(removed.deleted.count, 0);
    assert_string_equal(find_id(fixture, "x"), x);
    assert_ok(sc_image_tag(&fixture->store, "x", "user/x:2", &err));
    removed = remove_ok(fixture, x, true);
    assert_int_equal(removed.untagged.count, 2);
    assert_int_equal(removed.deleted.count, 2);
    assert_no_image(fixture, "x");
    assert_int_equal(list_count(fixture), 1);
}

/* By id, two tags of one repository are two names as well; they go in their order. */
static void
test_remove_by_id_in_one_repository(void **state)
{
    struct fixture *fixture = *state;
    struct sc_image_removed removed;
    struct sc_err err;
    char *x, *y, expected[200];

    two_images(fixture, &x, &y);
    assert_ok(sc_image_tag(&fixture->store, "x", "x:2", &err));
    (void)snprintf(expected, sizeof(expected),
                   "cannot remove image \"%s\": image is referenced in multiple repositories", x);
    assert_fails(sc_image_remove(&fixture->store, x, false, NULL, NULL, &fixture->arena, &removed, &err), SC_ERR_BUSY,
                 expected);
    removed = remove_ok(fixture, x, true);
    assert_int_equal(removed.untagged.count, 2);
    assert_string_equal(removed.untagged.items[0], "Untagged: x:2");
    assert_string_equal(removed.untagged.items[1], "Untagged: x:latest");
    assert_int_equal(removed.deleted.count, 2);
}

static void
test_remove_while_it_runs(void **state)
{
    struct fixture *fixture = *state;
    struct user who = {.use = {.kind = SC_IMAGE_RUNNING, .by = "0123456789ab"}};
    struct sc_image_removed removed;
    char *x, *y, expected[200];
    struct sc_err err;

    two_images(fixture, &x, &y);
    assert_fails(sc_image_remove(&fixture->store, "x", false, user, &who, &fixture->arena, &removed, &err), SC_ERR_BUSY,
                 "cannot remove image \"x\": image is being used by running container 0123456789ab");
    assert_string_equal(who.asked, x);
    assert_string_equal(find_id(fixture, "x"), x);
    /* A name that is not the last is nobody's business. */
    assert_ok(sc_image_tag(&fixture->store, "x", "other", &err));
    assert_ok(sc_image_remove(&fixture->store, "other", false, user, &who, &fixture->arena, &removed, &err));
    (void)snprintf(expected, sizeof(expected),
                   "cannot remove image \"%s\": image is being used by running container 0123456789ab", x);
    assert_fails(sc_image_remove(&fixture->store, x, true, user, &who, &fixture->arena, &removed, &err), SC_ERR_BUSY,
                 expected);
    /* By force it loses the name; its layers stay under the container. */
    assert_ok(sc_image_remove(&fixture->store, "x", true, user, &who, &fixture->arena, &removed, &err));
    assert_int_equal(removed.untagged.count, 1);
    assert_int_equal(removed.deleted.count, 0);
    assert_no_image(fixture, "x");
    assert_string_equal(find_id(fixture, x), x);
    assert_int_equal(fixture_count(fixture, "layer"), 3);
    assert_fails(sc_image_remove(&fixture->store, x, true, user, &who, &fixture->arena, &removed, &err), SC_ERR_BUSY,
                 expected);
    (void)remove_ok(fixture, x, false);
    assert_int_equal(fixture_count(fixture, "layer"), 2);
}

/* From under a container that does not run an image goes by force; its layers stay until that container has gone. */
static void
test_remove_under_a_container(void **state)
{
    struct fixture *fixture = *state;
    struct user who = {.use = {.kind = SC_IMAGE_USED, .by = "0123456789ab"}};
    struct sc_image_removed removed;
    struct sc_image image;
    struct sc_err err;
    char *x, *y;

    two_images(fixture, &x, &y);
    assert_fails(sc_image_remove(&fixture->store, "x", false, user, &who, &fixture->arena, &removed, &err), SC_ERR_BUSY,
                 "cannot remove image \"x\": image is being used by stopped container 0123456789ab");
    assert_ok(sc_image_remove(&fixture->store, x, true, user, &who, &fixture->arena, &removed, &err));
    assert_int_equal(removed.untagged.count, 1);
    assert_int_equal(removed.deleted.count, 1);
    assert_no_image(fixture, "x");
    assert_no_image(fixture, x);
    assert_int_equal(list_count(fixture), 1);
    assert_ok(sc_image_find_used(&fixture->store, x, &fixture->arena, &image, &err));
    assert_string_equal(image.id, x);
    /* What is swept meanwhile are not its layers; and while the container is there, neither does asking take them. */
    (void)remove_ok(fixture, y, false);
    assert_ok(sc_image_release_held(&fixture->store, user, &who, &err));
    assert_int_equal(fixture_count(fixture, "layer"), 2);
    who.use.kind = SC_IMAGE_FREE;
    assert_ok(sc_image_release_held(&fixture->store, user, &who, &err));
    assert_int_equal(fixture_count(fixture, "layer"), 0);
    assert_int_equal(fixture_count(fixture, "image/blobs/sha256"), 0);
}

/* x, held for a container that does not run: no name and no id leads to it. */
static char *
hold_x(struct fixture *fixture, struct user *who)
{
    struct sc_image_removed removed;
    struct sc_err err;
    char *x, *y;

    two_images(fixture, &x, &y);
    assert_ok(sc_image_remove(&fixture->store, x, true, user, who, &fixture->arena, &removed, &err));
    assert_no_image(fixture, x);
    return x;
}

/* x once more, of a manifest of its own where its layers are named otherwise. */
static void
put_x_again(struct fixture *fixture, const char *media_type, const char *name, const char *x)
{
    struct sc_store_layer ab[] = {fixture_layer(fixture, items_a), fixture_layer(fixture, items_b)};

    ab[0].media_type = ab[1].media_type = (char *)(uintptr_t)media_type;
    assert_string_equal(fixture_image(fixture, ab, 2, "x", name), x);
}

/* What is held is there for nobody else: the same image without a name is one that can be seen. */
static void
test_held_image_comes_without_a_name(void **state)
{
    struct fixture *fixture = *state;
    struct user who = {.use = {.kind = SC_IMAGE_USED, .by = "0123456789ab"}};
    char *x = hold_x(fixture, &who);

    put_x_again(fixture, SC_MEDIA_LAYER, NULL, x);
    assert_string_equal(find_id(fixture, x), x);
    assert_int_equal(list_count(fixture), 2);
}

/* Nor is it a name of the image: who takes the last one away leaves the image, or asks who has it. */
static void
test_held_image_is_no_name(void **state)
{
    struct fixture *fixture = *state;
    struct user who = {.use = {.kind = SC_IMAGE_USED, .by = "0123456789ab"}};
    char *x = hold_x(fixture, &who);
    struct sc_store_layer layer = fixture_layer(fixture, items_c);
    struct sc_image_removed removed;
    struct sc_err err;

    put_x_again(fixture, "application/vnd.docker.image.rootfs.diff.tar", X, x);
    assert_fails(sc_image_remove(&fixture->store, "x", false, user, &who, &fixture->arena, &removed, &err), SC_ERR_BUSY,
                 "cannot remove image \"x\": image is being used by stopped container 0123456789ab");
    (void)fixture_image(fixture, &layer, 1, "z", X);
    assert_string_equal(find_id(fixture, x), x);
    assert_int_equal(list_count(fixture), 3);
}

static void
test_remove_unknown(void **state)
{
    struct fixture *fixture = *state;
    struct sc_image_removed removed;
    struct sc_err err;

    assert_fails(sc_image_remove(&fixture->store, "x", true, NULL, NULL, &fixture->arena, &removed, &err),
                 SC_ERR_NOT_FOUND, "no such image: \"x\"");
}

/* A damaged image can be removed by its name, and others meanwhile stay whole. */
static void
test_damaged_image(void **state)
{
    struct fixture *fixture = *state;
    struct sc_image_list list;
    struct sc_image image;
    char *x, *y, path[SC_BLOB_PATH_MAX], expected[300];
    struct sc_err err;

    two_images(fixture, &x, &y);
    assert_ok(sc_image_find(&fixture->store, "x", &fixture->arena, &image, &err));
    sc_blob_path(image.manifest_digest, path);
    assert_int_equal(unlinkat(fixture->store.image_fd, path, 0), 0);
    (void)snprintf(expected, sizeof(expected),
                   "read image \"" X "\": read an image manifest: open \"%s\": no such file or directory", path);
    assert_fails(sc_image_find(&fixture->store, "x", &fixture->arena, &image, &err), SC_ERR_INVALID, expected);
    assert_fails(sc_image_list(&fixture->store, &fixture->arena, &list, &err), SC_ERR_INVALID, expected);
    assert_non_null(strstr(err.remedy, "sc image rm"));
    (void)remove_ok(fixture, "y", false);
    assert_int_equal(fixture_count(fixture, "layer"), 3); /* nothing is swept while x's needs are unknown */
    (void)remove_ok(fixture, "x", false);
    assert_int_equal(fixture_count(fixture, "layer"), 0);
    assert_int_equal(fixture_count(fixture, "image/blobs/sha256"), 0);
}

static void
test_sweep_waits_for_writers(void **state)
{
    struct fixture *fixture = *state;
    struct sc_err err;
    char *x, *y;
    int session;

    two_images(fixture, &x, &y);
    session = sc_store_session(&fixture->store, &err);
    assert_true(session >= 0);
    (void)fixture_layer(fixture,
                        (const struct tar_item[]){{.name = "new"}, {NULL}}); /* a writer's, not yet an image's */
    assert_int_equal(fixture_count(fixture, "image/blobs/sha256"), 8);
    (void)remove_ok(fixture, "x", false);
    assert_int_equal(fixture_count(fixture, "image/blobs/sha256"), 8);
    (void)close(session);
    sc_store_collect(&fixture->store);
    assert_int_equal(fixture_count(fixture, "image/blobs/sha256"), 4);
}

static void
test_sweep_takes_what_the_killed_left(void **state)
{
    struct fixture *fixture = *state;
    struct sc_store_layer layer = fixture_layer(fixture, items_a);
    struct sc_err err;

    (void)fixture_image(fixture, &layer, 1, "", X);
    assert_ok(sc_file_replace_at(fixture->store.image_fd, "tmp/123-456", "half", 4, 0644, SC_VOLATILE, &err));
    assert_ok(sc_file_replace_at(fixture->store.image_fd, ".sc-00.tmp", "half", 4, 0644, SC_VOLATILE, &err));
    assert_ok(sc_dir_make_at(fixture->store.data_fd, "layer/tmp-1-2-0/diff/etc", 0755, &err));
    (void)fixture_layer(fixture, items_b);
    sc_store_collect(&fixture->store);
    assert_int_equal(fixture_count(fixture, "image/tmp"), 0);
    assert_int_equal(fixture_count(fixture, "layer"), 1);
    assert_int_equal(fixture_count(fixture, "image/blobs/sha256"), 3);
    assert_int_equal(faccessat(fixture->store.image_fd, ".sc-00.tmp", F_OK, 0), -1);
    assert_int_equal(faccessat(fixture->store.image_fd, "oci-layout", F_OK, 0), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_remove_shares_layers),
        FIXTURE_TEST(test_remove_one_of_two_names),
        FIXTURE_TEST(test_remove_by_id_in_one_repository),
        FIXTURE_TEST(test_remove_while_it_runs),
        FIXTURE_TEST(test_remove_under_a_container),
        FIXTURE_TEST(test_held_image_comes_without_a_name),
        FIXTURE_TEST(test_held_image_is_no_name),
        FIXTURE_TEST(test_remove_unknown),
        FIXTURE_TEST(test_damaged_image),
        FIXTURE_TEST(test_sweep_waits_for_writers),
        FIXTURE_TEST(test_sweep_takes_what_the_killed_left),
    };

    return RUN_TESTS(tests);
}
