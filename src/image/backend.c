/* Which of the two ways of keeping layers (stage.c) new ones get. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/image-priv.h"
#include "kernel/kernel.h"

#define VARIABLE "SC_LAYER_BACKEND"
#define INDEX    "index" /* EROFS, and the contents of files in the blob wherever they can be */

static const char *const names[] = {[SC_LAYER_DIRECTORY] = "directory", [SC_LAYER_EROFS] = "erofs"};

const char *
sc_layer_backend_name(enum sc_layer_backend backend)
{
    return names[backend];
}

static bool
has_part(const struct sc_store *store, const char *chain_id, const char *part)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "layer/%s/%s", chain_id, part);
    return faccessat(store->data_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

const char *
sc_layer_kept_as(const struct sc_store *store, const char *chain_id)
{
    if (has_part(store, chain_id, "erofs" SC_EROFS_TAR))
        return INDEX;
    if (has_part(store, chain_id, "erofs"))
        return names[SC_LAYER_EROFS];
    return has_part(store, chain_id, "diff") ? names[SC_LAYER_DIRECTORY] : NULL;
}

/* Why EROFS cannot be, or only by what nobody wants unasked; NULL: it can. */
static const char *
why_not(const struct sc_store *store, bool *can_loop, struct sc_err *err)
{
    sc_cleanup_fd layers = -1;
    int status;

    *can_loop = false;
    if (geteuid() != 0 || sc_process_is_in_user_ns())
        return "only root can mount an image";
    layers = sc_store_open_layers(store, err);
    if (layers < 0)
        return NULL;
    status = sc_erofs_probe(layers);
    *can_loop = status == -ENOTBLK;
    switch (status) {
    case 0:
        return NULL;
    case -ENODEV:
        return "this kernel has no EROFS";
    case -ENOTBLK:
        return "the kernel mounts EROFS images of the store's file system by loop devices only (before Linux 6.12 of "
               "any)";
    case -EOPNOTSUPP:
        return "the file system of the store cannot make nameless files";
    default:
        return "the kernel does not mount an image file of the store";
    }
}

int
sc_layer_backend_choose(struct sc_store *store, char **why, struct sc_arena *arena, struct sc_err *err)
{
    const char *asked = getenv(VARIABLE), *not ;
    struct sc_err failed = SC_ERR_INIT;
    bool can_loop;

    if (asked && !*asked)
        asked = NULL;
    store->is_index_asked = asked && strcmp(asked, INDEX) == 0;
    if (asked && !store->is_index_asked && strcmp(asked, names[SC_LAYER_DIRECTORY]) != 0 &&
        strcmp(asked, names[SC_LAYER_EROFS]) != 0) {
        sc_err_set(err, SC_ERR_INVALID, VARIABLE ": \"%.100s\" is no way to keep layers", asked);
        return sc_err_remedy(err, "use \"directory\", \"erofs\" or \"" INDEX "\", or leave it unset");
    }
    store->backend = SC_LAYER_DIRECTORY;
    store->is_backend_asked = asked != NULL;
    *why = sc_arena_strdup(arena, "asked for by " VARIABLE);
    if (asked && strcmp(asked, names[SC_LAYER_DIRECTORY]) == 0)
        return sc_arena_check(arena, err);
    not = why_not(store, &can_loop, &failed);
    if (failed.kind != SC_ERR_NONE) {
        *err = failed;
        return -1;
    }
    if (asked && not &&(!can_loop || store->is_index_asked))
        return sc_err_set(err, SC_ERR_UNSUPPORTED, VARIABLE "=%s: %s", asked, not );
    if (!asked)
        *why = sc_arena_strdup(arena, not ? not : "this kernel mounts image files; small layers stay directories");
    store->backend = asked || !not ? SC_LAYER_EROFS : SC_LAYER_DIRECTORY;
    store->can_index = !not ; /* what mounts a file knows small blocks and second devices (both are older) */
    return sc_arena_check(arena, err);
}
