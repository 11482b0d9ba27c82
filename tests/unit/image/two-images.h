/* two-images: a store with the images x, of layers a and b, and y, of a and c. */
#ifndef SC_TESTS_UNIT_IMAGE_TWO_IMAGES_H
#define SC_TESTS_UNIT_IMAGE_TWO_IMAGES_H

#include "store-fixture.h"

#define X    "docker.io/library/x:latest"
#define Y    "docker.io/library/y:latest"
#define UX_2 "docker.io/user/x:2"

static const struct tar_item items_a[] = {{.name = "a", .data = "aaaa"}, {NULL}};
static const struct tar_item items_b[] = {{.name = "b", .data = "bb"}, {NULL}};
static const struct tar_item items_c[] = {{.name = "c", .data = "c"}, {NULL}};

/* x has layers a and b, y has a and c. */
static inline void
two_images(struct fixture *fixture, char **x, char **y)
{
    struct sc_store_layer ab[] = {fixture_layer(fixture, items_a), fixture_layer(fixture, items_b)};
    struct sc_store_layer ac[] = {ab[0], fixture_layer(fixture, items_c)};

    *x = fixture_image(fixture, ab, 2, "x", X);
    *y = fixture_image(fixture, ac, 2, "y", Y);
}

static inline char *
find_id(struct fixture *fixture, const char *name)
{
    struct sc_image image;
    struct sc_err err;

    assert_ok(sc_image_find(&fixture->store, name, &fixture->arena, &image, &err));
    return image.id;
}

static inline void
assert_no_image(struct fixture *fixture, const char *name)
{
    struct sc_image image;
    struct sc_err err;
    char expected[300];

    (void)snprintf(expected, sizeof(expected), "no such image: \"%s\"", name);
    assert_fails(sc_image_find(&fixture->store, name, &fixture->arena, &image, &err), SC_ERR_NOT_FOUND, expected);
    assert_non_null(strstr(err.remedy, "sc pull"));
}

static inline size_t
list_count(struct fixture *fixture)
{
    struct sc_image_list list;
    struct sc_err err;

    assert_ok(sc_image_list(&fixture->store, &fixture->arena, &list, &err));
    return list.count;
}

static inline struct sc_image_removed
remove_ok(struct fixture *fixture, const char *name, bool force)
{
    struct sc_image_removed removed;
    struct sc_err err;

    assert_ok(sc_image_remove(&fixture->store, name, force, NULL, NULL, &fixture->arena, &removed, &err));
    return removed;
}

#endif
