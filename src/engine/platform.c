/* --platform, and whether this machine runs what an image is for. */
#include <string.h>

#include "engine/engine-priv.h"

static bool
asks_platform(const struct sc_create_options *options)
{
    return options->platform && *options->platform;
}

int
sc_check_platform(const struct sc_create_options *options, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_platform want = {.os = NULL}, host = {.os = NULL};

    if (!asks_platform(options))
        return 0;
    if (sc_platform_parse(options->platform, arena, &want, err) < 0)
        return sc_err_wrap(err, "--platform");
    if (sc_platform_host(arena, &host, err) < 0)
        return -1;
    if (sc_platform_fit(&host, want.os, want.arch, want.variant) > 0)
        return 0;
    sc_err_set(err, SC_ERR_UNSUPPORTED, "--platform \"%s\": this machine cannot run it, it is %s/%s%s%s",
               options->platform, host.os, host.arch, *host.variant ? "/" : "", host.variant);
    return sc_err_remedy(err, "to have the image all the same: sc pull --platform %s %s", options->platform,
                         options->image);
}

int
sc_check_image_platform(const struct sc_create_options *options, const struct sc_image *image, struct sc_arena *arena,
                        struct sc_err *err)
{
    const char *variant = image->variant ? image->variant : "";
    struct sc_platform want = {.os = NULL};

    if (!asks_platform(options))
        return sc_image_check_platform(image, err);
    if (sc_platform_parse(options->platform, arena, &want, err) < 0)
        return -1;
    if (sc_platform_fit(&want, image->os, image->architecture, variant) > 1)
        return 0;
    return sc_err_set(err, SC_ERR_NOT_FOUND, "image \"%s\" is for %s/%s%s%s, wanted is %s", options->image,
                      image->os && *image->os ? image->os : "linux", image->architecture ? image->architecture : "?",
                      *variant ? "/" : "", variant, options->platform);
}
