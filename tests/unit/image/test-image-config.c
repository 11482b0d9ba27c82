/* Image configs and manifests, decoded. */
#include "test.h"

#include "image/image-priv.h"

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\"]}"

static void
test_config_whole(void **state)
{
    static const char text[] = "{\"architecture\":\"arm\",\"variant\":\"v7\",\"os\":\"linux\",\"created\":\"2020-01-"
                               "01T00:00:00Z\",\"author\":\"me\","
                               "\"comment\":\"c\",\"config\":{\"User\":\"1:2\",\"ExposedPorts\":{\"80/tcp\":{},\"53/"
                               "udp\":{}},\"Env\":[\"A=1\",\"B=\"],"
                               "\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\",\"d\"],\"Volumes\":{\"/"
                               "v\":{}},\"WorkingDir\":\"w\",\"Labels\":{\"k\":\"v\"},"
                               "\"StopSignal\":\"SIGINT\",\"Privileged\":true,\"CapAdd\":[\"ALL\"],"
                               "\"Healthcheck\":{\"Test\":[\"CMD\",\"t\"],\"Interval\":1,\"Timeout\":2,\"StartPeriod\":"
                               "3,\"Retries\":4}}," ROOTFS "}";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_image image;
    struct sc_err err;

    (void)state;
    assert_ok(sc_image_config_decode(text, strlen(text), &arena, &image, &err));
    assert_string_equal(image.architecture, "arm");
    assert_string_equal(image.variant, "v7");
    assert_string_equal(image.created, "2020-01-01T00:00:00Z");
    assert_string_equal(image.author, "me");
    assert_string_equal(image.comment, "c");
    assert_string_equal(image.config.user, "1:2");
    assert_int_equal(image.config.exposed_ports.count, 2);
    assert_string_equal(image.config.exposed_ports.items[1], "53/udp");
    assert_string_equal(image.config.env.items[1], "B=");
    assert_string_equal(image.config.entrypoint.items[0], "/e");
    assert_int_equal(image.config.cmd.count, 2);
    assert_string_equal(image.config.volumes.items[0], "/v");
    assert_string_equal(image.config.working_dir, "/w");
    assert_string_equal(image.config.labels.items[0], "k=v");
    assert_string_equal(image.config.stop_signal, "SIGINT");
    assert_true(image.config.healthcheck.is_set);
    assert_int_equal(image.config.healthcheck.retries, 4);
    assert_int_equal(image.config.healthcheck.start_period, 3);
    assert_string_equal(image.diff_ids.items[0], "sha256:" HEX);
}

static void
test_config_nulls(void **state)
{
    static const char text[] =
        "{\"architecture\":null,\"config\":{\"Entrypoint\":null,\"Volumes\":null,\"Labels\":null,"
        "\"Healthcheck\":null,\"Env\":null},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}}";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_image image;
    struct sc_err err;

    (void)state;
    assert_ok(sc_image_config_decode(text, strlen(text), &arena, &image, &err));
    assert_int_equal(image.config.entrypoint.count, 0);
    assert_int_equal(image.diff_ids.count, 0);
    assert_false(image.config.healthcheck.is_set);
}

static void
test_config_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[]", "image config: must be an object"},
        {"{}", "image config: rootfs: is missing"},
        {"{\"rootfs\":7}", "image config: rootfs: must be an object"},
        {"{\"rootfs\":{}}", "image config: rootfs.type: must be \"layers\""},
        {"{\"rootfs\":{\"type\":\"windows\"}}", "image config: rootfs.type: must be \"layers\""},
        {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:../../x\"]}}",
         "image config: rootfs.diff_ids[0]: must be \"sha256:\" and 64 hexadecimal digits"},
        {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[1]}}", "image config: rootfs.diff_ids[0]: must be a string"},
        {"{\"architecture\":[]," ROOTFS "}", "image config: architecture: must be a string"},
        {"{\"config\":[]," ROOTFS "}", "image config: config: must be an object"},
        {"{\"config\":{\"Env\":[\"A\"]}," ROOTFS "}", "image config: config.Env[0]: \"A\" is not NAME=VALUE"},
        {"{\"config\":{\"Env\":[\"=x\"]}," ROOTFS "}", "image config: config.Env[0]: \"=x\" is not NAME=VALUE"},
        {"{\"config\":{\"Cmd\":\"sh\"}," ROOTFS "}", "image config: config.Cmd: must be a list of strings"},
        {"{\"config\":{\"Volumes\":[]}," ROOTFS "}", "image config: config.Volumes: must be an object"},
        {"{\"config\":{\"Healthcheck\":{\"Interval\":-1}}," ROOTFS "}",
         "image config: config.Healthcheck: a duration or count is negative"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_image image;
        struct sc_err err;

        assert_fails(sc_image_config_decode(cases[i].text, strlen(cases[i].text), &arena, &image, &err), SC_ERR_INVALID,
                     cases[i].message);
    }
}

static void
test_config_too_many_layers(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_image image;
    struct sc_err err;

    (void)state;
    sc_buf_adds(&text, "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\"");
    for (int i = 0; i < 500; i++)
        sc_buf_adds(&text, ",\"sha256:" HEX "\"");
    sc_buf_adds(&text, "]}}");
    assert_fails(sc_image_config_decode(text.data, text.len, &arena, &image, &err), SC_ERR_UNSUPPORTED,
                 "image config: rootfs.diff_ids: 501 are more than the 500 that overlay can stack");
}

#define CONFIG "\"config\":{\"mediaType\":\"c\",\"digest\":\"sha256:" HEX "\",\"size\":7}"
#define LAYER  "{\"mediaType\":\"l\",\"digest\":\"sha256:" HEX "\",\"size\":9}"

static void
test_manifest_whole(void **state)
{
    static const char text[] = "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER "," LAYER "]}";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_manifest manifest;
    struct sc_err err;

    (void)state;
    assert_ok(sc_manifest_decode(text, strlen(text), &arena, &manifest, &err));
    assert_string_equal(manifest.media_type, SC_MEDIA_MANIFEST);
    assert_string_equal(manifest.config_media_type, "c");
    assert_int_equal(manifest.config_size, 7);
    assert_int_equal(manifest.layer_digests.count, 2);
    assert_string_equal(manifest.layer_media_types.items[1], "l");
    assert_int_equal(manifest.layer_sizes[1], 9);
}

static void
test_manifest_refused(void **state)
{
    static const struct {
        const char *text, *message;
        enum sc_err_kind kind;
    } cases[] = {
        {"7", "image manifest: must be an object", SC_ERR_INVALID},
        {"{}", "image manifest: schemaVersion: must be 2", SC_ERR_INVALID},
        {"{\"schemaVersion\":1}", "image manifest: schemaVersion: 1 is Docker's format of before 2016",
         SC_ERR_UNSUPPORTED},
        {"{\"schemaVersion\":2,\"mediaType\":\"" SC_MEDIA_INDEX "\"}",
         "image manifest: mediaType: \"" SC_MEDIA_INDEX "\" is no image manifest", SC_ERR_INVALID},
        {"{\"schemaVersion\":2,\"manifests\":[]," CONFIG ",\"layers\":[]}",
         "image manifest: manifests: an image manifest must not also be an index", SC_ERR_INVALID},
        {"{\"schemaVersion\":2}", "image manifest: config: is missing", SC_ERR_INVALID},
        {"{\"schemaVersion\":2,\"config\":{}}",
         "image manifest: config.digest: must be \"sha256:\" and 64 hexadecimal digits", SC_ERR_INVALID},
        {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" HEX "\",\"mediaType\":\"c\"}}",
         "image manifest: config.size: must be a number of bytes", SC_ERR_INVALID},
        {"{\"schemaVersion\":2," CONFIG "}", "image manifest: layers: is missing", SC_ERR_INVALID},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[7]}", "image manifest: layers[0]: must be an object",
         SC_ERR_INVALID},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"sha256:" HEX "\",\"size\":1}]}",
         "image manifest: layers[0].mediaType: is missing", SC_ERR_INVALID},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"sha256:/../" HEX "\",\"size\":1}]}",
         "image manifest: layers[0].digest: must be \"sha256:\" and 64 hexadecimal digits", SC_ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_manifest manifest;
        struct sc_err err;

        assert_fails(sc_manifest_decode(cases[i].text, strlen(cases[i].text), &arena, &manifest, &err), cases[i].kind,
                     cases[i].message);
    }
}

static void
test_platform(void **state)
{
    char host[SC_PLATFORM_MAX], expected[200];
    struct sc_image image = {.name = (char *)(uintptr_t) "x", .os = (char *)(uintptr_t) "linux"};
    struct sc_err err;

    (void)state;
    image.architecture = (char *)(uintptr_t)sc_platform_arch(host);
    assert_ok(sc_image_check_platform(&image, &err));
    image.architecture = NULL;
    assert_ok(sc_image_check_platform(&image, &err));
    image.architecture = (char *)(uintptr_t) "pdp11";
    image.variant = (char *)(uintptr_t) "v7";
    (void)snprintf(expected, sizeof(expected), "image \"x\" is for linux/pdp11/v7, this machine is linux/%s", host);
    assert_fails(sc_image_check_platform(&image, &err), SC_ERR_UNSUPPORTED, expected);
    image.os = (char *)(uintptr_t) "windows";
    image.architecture = host;
    image.variant = NULL;
    (void)snprintf(expected, sizeof(expected), "image \"x\" is for windows/%s, this machine is linux/%s", host, host);
    assert_fails(sc_image_check_platform(&image, &err), SC_ERR_UNSUPPORTED, expected);
    if (strcmp(host, "amd64") == 0) {
        assert_int_equal(sc_platform_rank("linux", "386"), 1);
        assert_int_equal(sc_platform_rank("linux", "arm64"), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_whole),   cmocka_unit_test(test_config_nulls),
        cmocka_unit_test(test_config_refused), cmocka_unit_test(test_config_too_many_layers),
        cmocka_unit_test(test_manifest_whole), cmocka_unit_test(test_manifest_refused),
        cmocka_unit_test(test_platform),
    };

    return RUN_TESTS(tests);
}
