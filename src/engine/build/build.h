/*
 * build: executes a Dockerfile (image/build/dockerfile.h says what it says) and leaves an image.
 *
 *     Dockerfile ─► stages ─► for each instruction: config.c what it does to the image's configuration
 *                                                   run.c    RUN: a container on the layers so far
 *                                                   copy.c   COPY, ADD, WORKDIR
 *                            ─► layers, config ─► sc-transfer build-image
 *
 * A step that changes files has a directory of its own, <data>/image/tmp/build-ID/N with upper/ and work/. RUN's
 * container is an ordinary one, with --rm, but its upper directory is there; it ends when this process does, however
 * that ends. What is in the upper directory becomes a layer in sc-transfer, which has the libraries and the jails. A
 * session of the store is held all the time, so that no layer of an unfinished build is garbage, and all that a killed
  * build leaves is.
 *
 * Invariants: nothing of the context or of an image is opened by path here. Signals wait until somebody asks: a step
 * that is interrupted is ended, and the directory removed, before the error is returned. Nothing here prints: `say`
  * does.
 */
#ifndef SC_ENGINE_BUILD_H
#define SC_ENGINE_BUILD_H

#include "engine/engine.h"
#include "image/build.h"

enum sc_build_event {
    SC_BUILD_STEP,   /* begins: text is "[2/3] RUN make" */
    SC_BUILD_CACHED, /* that step was not executed */
    SC_BUILD_DONE,   /* it was; nsec: how long it took */
    SC_BUILD_NOTE,   /* text is worth a warning */
    SC_BUILD_OUTPUT, /* of a step follows in out_fd, which ends in a line's end if text is "\n" */
    SC_BUILD_TICK,   /* some time has gone by; only where has_ticks asks for it */
};
typedef void (*sc_build_say_fn)(void *data, enum sc_build_event event, const char *text, int64_t nsec);

struct sc_build_secret {
    const char *id, *data;
    size_t len;
};

enum sc_build_to {
    SC_BUILD_TO_STORE, /* an image */
    SC_BUILD_TO_DIR,   /* its files, into a directory of the caller's: no image is made */
    SC_BUILD_TO_TAR,   /* the same as a tar */
    SC_BUILD_TO_OCI,   /* the image is in the store, and an archive of it in a file */
    SC_BUILD_TO_DOCKER,
};

struct sc_build_ask {
    enum sc_build_to to;
    const char *to_path;                      /* "-": standard output */
    const char *dockerfile, *dockerfile_name; /* its text, its name for messages */
    size_t dockerfile_len;
    const char *ignore; /* the text of .dockerignore, or NULL */
    int context_fd;     /* the directory; -1: there is none */
    struct sc_strv names /* in full */, build_args, labels;
    const char *target, *platform;
    bool no_cache, pulls, allows_host_network, allows_insecure; /* --allow: what RUN may ask for */
    const struct sc_build_secret *secrets;
    size_t secret_count;
    const struct sc_create_options *run; /* limits, network and hosts of RUN's containers */
    int out_fd;                          /* where RUN's output goes */
    size_t out_keep; /* not 0: out_fd is a file of the caller's, of which this much of the end is enough */
    bool has_ticks;
    sc_build_say_fn say;
    void *say_data;
};
/* *image_id: NULL where no image is made. */
SC_MUST_CHECK int sc_engine_build(struct sc_engine *engine, const struct sc_build_ask *ask, struct sc_arena *arena,
                                  char **image_id, struct sc_err *err);
/* sc_store_collect(), and what builds of an ordinary user have left that were killed. */
void sc_engine_collect(const struct sc_engine *engine);

/* A context that is an archive (context.c): a tar, also a compressed one, at the place where tar_fd is. */
struct sc_build_context {
    char *name;
    int fd, session_fd;
};
#define SC_BUILD_CONTEXT_INIT                                                                                          \
    {                                                                                                                  \
        .fd = -1, .session_fd = -1                                                                                     \
    }
/* Also where it fails, release what was made. */
SC_MUST_CHECK int sc_build_context_open(struct sc_engine *engine, int tar_fd, struct sc_arena *arena,
                                        struct sc_build_context *out, struct sc_err *err);
void sc_build_context_release(struct sc_engine *engine, struct sc_build_context *context);

/* The directories of RUN --mount=type=cache. */
struct sc_build_dirs_usage {
    size_t count, in_use;
    int64_t bytes, reclaimable;
};
SC_MUST_CHECK int sc_build_dirs_usage(const struct sc_engine *engine, struct sc_build_dirs_usage *out,
                                      struct sc_err *err);
/* Removes those that no build uses, and that were last used before `before` (ns; 0: whenever). */
SC_MUST_CHECK int sc_build_dirs_prune(const struct sc_engine *engine, int64_t before, struct sc_build_dirs_usage *out,
                                      struct sc_err *err);

#endif
