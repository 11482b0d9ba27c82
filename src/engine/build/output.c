/* sc build -o: what was built, in a directory or a file of the caller's. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/build/build-priv.h"

static int
write_by(struct sc_builder *b, const struct sc_strv *words, struct sc_err *err)
{
    const struct sc_build_spawn spawn = {.words = words,
                                         .in = -1,
                                         .out = strcmp(b->ask->to_path, "-") == 0 ? STDOUT_FILENO : -1,
                                         .keep_fd = -1,
                                         .kind = SC_ERR_INVALID,
                                         .doing = "write what was built"};

    if (sc_arena_check(b->arena, err) < 0)
        return -1;
    if (sc_build_spawn(b, &spawn, err) == 0)
        return 0;
    return b->signum ? -1 : sc_err_wrap(err, "--output");
}

/* As sc export and sc cp of a container that has changed nothing. */
int
sc_build_write_files(struct sc_builder *b, const struct sc_build_stage *stage, struct sc_err *err)
{
    const char *to = b->ask->to_path;
    struct sc_strv words = {0};
    char *dir;

    if (sc_build_step_dir(b, &dir, err) < 0)
        return -1;
    if (b->ask->to == SC_BUILD_TO_TAR) {
        if (sc_build_layer_words(b, "container-export", stage, dir, &words, err) < 0)
            return -1;
        if (strcmp(to, "-") != 0) {
            sc_strv_add(&words, b->arena, "--output");
            sc_strv_add(&words, b->arena, to);
        }
        return write_by(b, &words, err);
    }
    if (sc_dir_make_at(AT_FDCWD, to, 0755, err) < 0) /* lint: the caller's own */
        return sc_err_wrap(err, "--output");
    if (sc_build_layer_words(b, "container-cp", stage, dir, &words, err) < 0)
        return -1;
    sc_strv_add(&words, b->arena, "--");
    sc_strv_add(&words, b->arena, "/.");
    sc_strv_add(&words, b->arena, *to == '/' ? to : sc_arena_printf(b->arena, "./%s", to));
    return write_by(b, &words, err);
}

int
sc_build_write_image(struct sc_builder *b, const char *id, struct sc_err *err)
{
    struct sc_strv words = {0};

    sc_strv_add(&words, b->arena, "save");
    sc_strv_add(&words, b->arena, "--format");
    sc_strv_add(&words, b->arena, b->ask->to == SC_BUILD_TO_OCI ? "oci-archive" : "docker-archive");
    if (strcmp(b->ask->to_path, "-") != 0) {
        sc_strv_add(&words, b->arena, "--output");
        sc_strv_add(&words, b->arena, b->ask->to_path);
    }
    sc_strv_add(&words, b->arena, "--");
    for (size_t i = 0; i < b->ask->names.count; i++)
        sc_strv_add(&words, b->arena, b->ask->names.items[i]);
    if (b->ask->names.count == 0)
        sc_strv_add(&words, b->arena, id);
    return write_by(b, &words, err);
}
