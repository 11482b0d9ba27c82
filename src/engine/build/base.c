/* What a stage begins with: an image, which is pulled where it is missing, or nothing. */
#include <string.h>
#include <unistd.h>

#include "engine/build/build-priv.h"

static int
find(struct sc_builder *b, const char *name, const char *platform, struct sc_image *out, struct sc_err *err)
{
    const struct sc_create_options want = {.image = (char *)(uintptr_t)name, .platform = (char *)(uintptr_t)platform};

    return sc_image_find(&b->engine->store, name, b->arena, out, err) < 0
               ? -1
               : sc_check_image_platform(&want, out, b->arena, err);
}

static int
fetch(struct sc_builder *b, const char *name, const char *platform, struct sc_err *err)
{
    struct sc_build_spawn spawn = {.in = -1, .out = -1, .keep_fd = -1, .kind = SC_ERR_NOT_FOUND};
    struct sc_strv words = {0};
    struct sc_reference ref;

    if (sc_engine_is_base(name)) {
        sc_strv_add(&words, b->arena, "make-base");
        spawn.doing = "make the default image \"base\"";
        spawn.kind = SC_ERR_KERNEL;
    } else {
        if (sc_reference_parse(name, b->arena, &ref, err) < 0)
            return -1;
        sc_strv_add(&words, b->arena, "pull");
        sc_strv_add(&words, b->arena, "--progress");
        sc_strv_add(&words, b->arena, b->ask->out_fd < 0 ? "none" : isatty(b->ask->out_fd) ? "bar" : "plain");
        if (platform)
            sc_strv_addf(&words, b->arena, "--platform=%s", platform);
        sc_strv_add(&words, b->arena, "--");
        sc_strv_add(&words, b->arena, sc_reference_shown(&ref, b->arena));
        spawn.out = b->ask->out_fd;
        spawn.doing = sc_arena_printf(b->arena, "pull \"%s\"", name);
    }
    spawn.words = &words;
    return sc_arena_check(b->arena, err) < 0 ? -1 : sc_build_spawn(b, &spawn, err);
}

int
sc_build_get_image(struct sc_builder *b, const char *name, const char *platform, struct sc_image *out,
                   struct sc_err *err)
{
    struct sc_err absent = SC_ERR_INIT;

    if (b->ask->pulls && !sc_engine_is_base(name) && fetch(b, name, platform, err) < 0)
        return -1;
    if (find(b, name, platform, out, &absent) == 0)
        return 0;
    if (absent.kind != SC_ERR_NOT_FOUND) {
        *err = absent;
        return -1;
    }
    return fetch(b, name, platform, err) < 0 ? -1 : find(b, name, platform, out, err);
}

/* An image of nothing, for this machine. */
static int
begin_scratch(struct sc_builder *b, struct sc_build_stage *stage, struct sc_err *err)
{
    const struct sc_df_platform *platform = &b->plan.options->platform;

    stage->root = json_pack("{s:s, s:s, s:{}, s:{s:s, s:[]}, s:[]}", "architecture", platform->arch, "os", platform->os,
                            "config", "rootfs", "type", "layers", "diff_ids", "history");
    if (!stage->root)
        return sc_err_nomem(err);
    return *platform->variant && json_object_set_new(stage->root, "variant", json_string(platform->variant)) < 0
               ? sc_err_nomem(err)
               : 0;
}

int
sc_build_begin_image(struct sc_builder *b, const struct sc_image *image, struct sc_build_stage *stage,
                     struct sc_err *err)
{
    static const char *const stale[] = {"author",         "comment", "container", "container_config",
                                        "docker_version", "id",      "parent",    "throwaway"};
    struct sc_err ignored = SC_ERR_INIT;

    if (!image)
        return begin_scratch(b, stage, err);
    if (sc_image_document(&b->engine->store, image, b->arena, &stage->layers, &stage->root, err) < 0)
        return -1;
    if (!json_is_object(stage->root))
        return sc_err_set(err, SC_ERR_INVALID, "the image's config is not an object");
    for (size_t i = 0; i < SC_ARRAY_LEN(stale); i++)
        (void)json_object_del(stage->root, stale[i]);
    if (!json_is_object(json_object_get(stage->root, "config")) &&
        json_object_set_new(stage->root, "config", json_object()) < 0)
        return sc_err_nomem(err);
    if (!json_is_array(json_object_get(stage->root, "history")) &&
        json_object_set_new(stage->root, "history", json_array()) < 0)
        return sc_err_nomem(err);
    stage->inherited = json_array_size(json_object_get(stage->root, "history"));
    if (image->created && sc_time_parse(image->created, &stage->created, &ignored) < 0)
        stage->created = 0;
    return 0;
}
