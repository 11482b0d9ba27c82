/* container-options-priv: how sc tells sc-transfer of a container (engine/container-files.c writes these words). */
#ifndef SC_IMAGE_CONTAINER_OPTIONS_PRIV_H
#define SC_IMAGE_CONTAINER_OPTIONS_PRIV_H

#include "image/container-priv.h"
#include "image/transfer-options.h"

struct sc_container_words {
    const char *name, *dir, *rootfs, *root_fd, *mount_ns_fd;
    struct sc_strv lowers, images, uid_maps, gid_maps, bind_sources, bind_targets, bind_modes;
    bool is_idmapped, is_readonly;
};
#define SC_CONTAINER_OPTIONS(words)                                                                                    \
    {.name = "container", .value = &(words)->name}, {.name = "dir", .value = &(words)->dir},                           \
        {.name = "rootfs", .value = &(words)->rootfs}, {.name = "root-fd", .value = &(words)->root_fd},                \
        {.name = "mount-ns-fd", .value = &(words)->mount_ns_fd}, {.name = "lower", .values = &(words)->lowers},        \
        {.name = "layer-image", .values = &(words)->images}, {.name = "uid-map", .values = &(words)->uid_maps},        \
        {.name = "gid-map", .values = &(words)->gid_maps}, {.name = "bind-source", .values = &(words)->bind_sources},  \
        {.name = "bind-target", .values = &(words)->bind_targets},                                                     \
        {.name = "bind-mode", .values = &(words)->bind_modes}, {.name = "idmapped", .flag = &(words)->is_idmapped},    \
    {                                                                                                                  \
        .name = "read-only", .flag = &(words)->is_readonly                                                             \
    }
SC_MUST_CHECK int sc_container_words_read(struct sc_container_words *words, struct sc_arena *arena,
                                          struct sc_files *out, struct sc_err *err);

#endif
