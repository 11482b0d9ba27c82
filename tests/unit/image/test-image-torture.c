/* The text formats and the reading of the store, with every single allocation failing once. */
#include "store-fixture.h"

#include "torture.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int
reference_job(void *context, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_reference ref;

    (void)context;
    if (sc_reference_parse("quay.io/user/app:1.0@sha256:" HEX, &arena, &ref, err) < 0)
        return -1;
    (void)sc_reference_full(&ref, &arena);
    (void)sc_reference_shown(&ref, &arena);
    return sc_arena_check(&arena, err);
}

static int
config_job(void *context, struct sc_err *err)
{
    static const char text[] =
        "{\"architecture\":\"amd64\",\"config\":{\"Env\":[\"A=1\",\"B=2\"],\"Cmd\":[\"c\"],\"Volumes\":{\"/v\":{}},"
        "\"Labels\":{\"k\":\"v\"},\"WorkingDir\":\"w\",\"Healthcheck\":{\"Test\":[\"CMD\"]}},"
        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\",\"sha256:" HEX "\"]}}";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_image image;

    (void)context;
    return sc_image_config_decode(text, strlen(text), &arena, &image, err);
}

static int
manifest_job(void *context, struct sc_err *err)
{
#define DESCRIPTOR "{\"mediaType\":\"m\",\"digest\":\"sha256:" HEX "\",\"size\":1}"
    static const char text[] =
        "{\"schemaVersion\":2,\"config\":" DESCRIPTOR ",\"layers\":[" DESCRIPTOR "," DESCRIPTOR "," DESCRIPTOR "]}";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_manifest manifest;

    (void)context;
    return sc_manifest_decode(text, strlen(text), &arena, &manifest, err);
}

static int
change_job(void *context, struct sc_err *err)
{
    static const char *const changes[] = {"ENV A=b C=\"d e\"", "ENV A=2",          "CMD sh -c x",
                                          "LABEL k=v",         "EXPOSE 80 53/udp", "VOLUME /v",
                                          "WORKDIR x",         "USER 1",           "STOPSIGNAL SIGINT"};
    sc_cleanup_json config = json_object();

    (void)context;
    if (!config)
        return sc_err_nomem(err);
    for (size_t i = 0; i < SC_ARRAY_LEN(changes); i++) {
        if (sc_change_apply(config, changes[i], err) < 0)
            return -1;
    }
    return 0;
}

static void
test_texts(void **state)
{
    (void)state;
    assert_true(torture_run("reference", reference_job, NULL) > 0);
    assert_true(torture_run("config", config_job, NULL) > 10);
    assert_true(torture_run("manifest", manifest_job, NULL) > 10);
    assert_true(torture_run("change", change_job, NULL) > 10);
}

static int
find_job(void *context, struct sc_err *err)
{
    struct fixture *fixture = context;
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_image_list list;
    struct sc_image image;

    if (sc_image_find(&fixture->store, "x", &arena, &image, err) < 0 ||
        sc_image_find(&fixture->store, image.id, &arena, &image, err) < 0)
        return -1;
    return sc_image_list(&fixture->store, &arena, &list, err);
}

static int
tag_job(void *context, struct sc_err *err)
{
    struct fixture *fixture = context;

    /* There and back: each takes the name from the other image. */
    if (sc_image_tag(&fixture->store, "x", "moving", err) < 0)
        return -1;
    return sc_image_tag(&fixture->store, "y", "moving", err);
}

static void
test_store(void **state)
{
    struct fixture *fixture = *state;
    struct sc_store_layer a = fixture_layer(fixture, (const struct tar_item[]){{.name = "a"}, {NULL}});
    struct sc_image_list list;
    struct sc_err err;

    (void)fixture_image(fixture, &a, 1, "x", "docker.io/library/x:latest");
    (void)fixture_image(fixture, &a, 1, "y", "docker.io/library/y:latest");
    assert_true(torture_run("find", find_job, fixture) > 30);
    assert_true(torture_run("tag", tag_job, fixture) > 30);
    /* No name was lost, and none is there twice. */
    assert_ok(sc_image_list(&fixture->store, &fixture->arena, &list, &err));
    assert_int_equal(list.count, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        FIXTURE_TEST(test_store),
    };

    return RUN_TESTS(tests);
}
