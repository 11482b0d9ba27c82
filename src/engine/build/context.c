/* A build context that came as an archive: unpacked below image/tmp, where it is garbage once the build is over. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/build/build-priv.h"

#define ID_DIGITS 16

static int
unpack(struct sc_builder *b, const char *path, int tar_fd, struct sc_err *err)
{
    struct sc_strv words = {0};
    const struct sc_build_spawn spawn = {.words = &words,
                                         .in = tar_fd,
                                         .out = -1,
                                         .keep_fd = -1,
                                         .kind = SC_ERR_INVALID,
                                         .doing = "unpack the build context"};

    sc_strv_add(&words, b->arena, "build-context");
    sc_strv_add(&words, b->arena, "--to");
    sc_strv_add(&words, b->arena, path);
    if (sc_arena_check(b->arena, err) < 0)
        return -1;
    if (sc_build_spawn(b, &spawn, err) == 0)
        return 0;
    return b->signum ? -1 : sc_err_wrap(err, "the build context");
}

int
sc_build_context_open(struct sc_engine *engine, int tar_fd, struct sc_arena *arena, struct sc_build_context *out,
                      struct sc_err *err)
{
    struct sc_builder b = {.engine = engine, .arena = arena, .dir_fd = -1, .signal_fd = -1};
    char id[SC_ID_LEN + 1], *path;
    sigset_t old;
    int status;

    out->session_fd = sc_store_session(&engine->store, err);
    if (out->session_fd < 0 || sc_id_random(id, err) < 0)
        return -1;
    out->name = sc_arena_printf(arena, "tmp/build-context-%.*s", ID_DIGITS, id);
    path = sc_arena_printf(arena, "%s/image/%s", engine->data_path, out->name);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (mkdirat(engine->store.image_fd, out->name, 0700) < 0)
        return sc_err_errno(err, errno, "make directory \"%s\"", path);
    out->fd = sc_dir_open_at(engine->store.image_fd, out->name, err);
    if (out->fd < 0)
        return -1;
    status = sc_build_open_signals(&b, &old, err);
    if (status == 0)
        status = unpack(&b, path, tar_fd, err);
    sc_closep(&b.signal_fd);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    return status;
}

void
sc_build_context_release(struct sc_engine *engine, struct sc_build_context *context)
{
    struct sc_err ignored = SC_ERR_INIT;

    if (context->fd >= 0)
        (void)!sc_engine_tree_remove(engine, engine->store.image_fd, context->name, &ignored);
    sc_closep(&context->fd);
    sc_closep(&context->session_fd);
}
