/* Image configs: whatever decodes keeps what others build on. */
#include <string.h>

#include "image/image-priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_image image;

    if (sc_image_config_decode((const char *)data, size, &arena, &image, &err) < 0) {
        if (err.kind == SC_ERR_NONE || err.msg[0] == '\0')
            SC_BUG("an error without a word");
        return 0;
    }
    if (image.diff_ids.count > SC_IMAGE_LAYERS_MAX)
        SC_BUG("more layers than overlay can stack");
    for (size_t i = 0; i < image.diff_ids.count; i++) {
        if (!sc_digest_is_valid(image.diff_ids.items[i]))
            SC_BUG("an invalid digest, which would become a path");
    }
    for (size_t i = 0; i < image.config.env.count; i++) {
        if (!strchr(image.config.env.items[i], '=') || image.config.env.items[i][0] == '=')
            SC_BUG("an environment entry without a name");
    }
    if (image.config.working_dir && image.config.working_dir[0] != '\0' && image.config.working_dir[0] != '/')
        SC_BUG("a relative working directory");
    (void)!sc_image_check_platform(&image, &err);
    return 0;
}
