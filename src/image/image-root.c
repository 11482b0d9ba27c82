/* An image's layers as one tree, mounted nowhere. */
#include <fcntl.h>
#include <unistd.h>

#include "image/container-priv.h"

int
sc_image_open_root(const struct sc_store *store, const struct sc_image *image, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_files files = {.name = image->id, .root_fd = -1, .mount_ns_fd = -1};

    if (image->chain_ids.count == 0)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "image %s has no layers", image->id);
    for (size_t i = image->chain_ids.count; i > 0; i--) {
        const char *chain = image->chain_ids.items[i - 1];
        const char *erofs = sc_arena_printf(&arena, "%s/layer/%s/erofs", store->data_path, chain);

        sc_strv_addf(&files.lowers, &arena, "%s/layer/%s/diff", store->data_path, chain);
        /* lint: in our data root */
        sc_strv_add(&files.images, &arena, erofs && faccessat(AT_FDCWD, erofs, F_OK, 0) == 0 ? erofs : "");
    }
    return sc_arena_check(&arena, err) < 0 ? -1 : sc_files_mount(&files, NULL, err);
}
