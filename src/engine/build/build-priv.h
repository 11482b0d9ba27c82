/* build-priv: what the files of a build share. */
#ifndef SC_ENGINE_BUILD_PRIV_H
#define SC_ENGINE_BUILD_PRIV_H

#include <signal.h>

#include "engine/build/build.h"
#include "engine/engine-priv.h"
#include "image/build/dockerfile.h"

#define SC_BUILD_DIR "build-" /* and an id: a build's directory below image/tmp */

/* A stage while it is built, and then its result. */
struct sc_build_stage {
    struct sc_df_scope scope;
    struct sc_built_layers layers;
    json_t *root;        /* the image's config document */
    bool has_cmd;        /* CMD was in this stage */
    int64_t created;     /* of its last layer; 0: none is known */
    size_t inherited;    /* so much of the history is the base image's */
    size_t steps, count; /* those shown so far, and in all */
};

struct sc_builder {
    struct sc_engine *engine;
    const struct sc_build_ask *ask;
    struct sc_arena *arena;
    struct sc_df_plan plan;
    struct sc_build_stage *stages;
    struct sc_build_cache cache;    /* as it was */
    struct sc_build_entry *entries; /* used or made by this build */
    size_t entry_count, entry_capacity;
    char *dir_name, *dir; /* below image/tmp; absolute */
    size_t steps;         /* directories so far */
    int64_t epoch;        /* what SOURCE_DATE_EPOCH says, in ns: when all of it was made; -1: nothing */
    int dir_fd, signal_fd;
    int signum; /* the signal that has come; 0: none */
};

/* ---- dirs.c: directories that a cache mount keeps from build to build, <data>/build-cache/NAME/data */
struct sc_build_dir {
    char *name, *path; /* path: absolute; of what is mounted */
    int lock_fd;
    bool is_new; /* data is not there yet, and nobody else is at it */
};
struct sc_build_dirs {
    struct sc_build_dir *items;
    size_t count;
};
/* name: 64 hex digits. Waits for what another build has to itself, until a signal. */
SC_MUST_CHECK int sc_build_dirs_take(struct sc_builder *b, const struct sc_strv *names, const int *sharing,
                                     struct sc_build_dirs *out, struct sc_err *err);
/* data is there now: others may come. */
SC_MUST_CHECK int sc_build_dir_made(const struct sc_builder *b, struct sc_build_dir *dir, int sharing,
                                    struct sc_err *err);
void sc_build_dirs_release(struct sc_build_dirs *dirs);

/* ---- secret.c: files on a tmpfs */
struct sc_build_secret_dir {
    int base_fd, dir_fd, lock_fd;
    char name[64];
    char *path;
    size_t count;
};
/* *path: the file, as the container's uid, gid and mode have it. */
SC_MUST_CHECK int sc_build_secret_put(struct sc_builder *b, struct sc_build_secret_dir *dir,
                                      const struct sc_build_secret *secret, const struct sc_df_mount *mount,
                                      char **path, struct sc_err *err);
void sc_build_secret_dir_release(const struct sc_engine *engine, struct sc_build_secret_dir *dir);
/* What a build that was killed has left. */
void sc_build_secrets_sweep(const struct sc_builder *b);

/* ---- spawn.c: sc-transfer as a child, which a signal ends */
struct sc_build_spawn {
    const struct sc_strv *words; /* after --data DIR */
    int in, out;                 /* -1: /dev/null */
    int keep_fd;                 /* open in it, or -1 */
    enum sc_err_kind kind;       /* of what it says */
    const char *doing;
};
SC_MUST_CHECK int sc_build_spawn(struct sc_builder *b, const struct sc_build_spawn *spawn, struct sc_err *err);
int sc_build_tick_ms(const struct sc_builder *b); /* how long to wait before SC_BUILD_TICK; -1: for ever */
/* JSON in, JSON out (the caller decrefs). */
SC_MUST_CHECK int sc_build_transfer(struct sc_builder *b, const struct sc_strv *words, const json_t *input, int keep_fd,
                                    json_t **out, struct sc_err *err);
/* Whether a signal has come: then an error with its exit code. */
SC_MUST_CHECK int sc_build_check_signal(struct sc_builder *b, struct sc_err *err);
int sc_build_interrupted(const struct sc_builder *b, struct sc_err *err);

/* ---- build.c */
/* Signals wait from here on until somebody asks; *old: the mask as it was, which the caller sets again. */
SC_MUST_CHECK int sc_build_open_signals(struct sc_builder *b, sigset_t *old, struct sc_err *err);

/* ---- base.c */
/* The image, pulled or made where it is missing. */
SC_MUST_CHECK int sc_build_get_image(struct sc_builder *b, const char *name, const char *platform, struct sc_image *out,
                                     struct sc_err *err);
/* A stage that begins with the image, or (NULL) with nothing. */
SC_MUST_CHECK int sc_build_begin_image(struct sc_builder *b, const struct sc_image *image, struct sc_build_stage *stage,
                                       struct sc_err *err);

/* ---- config.c: pure */
/* What a step does to the configuration, but for Env, which is the scope's. */
SC_MUST_CHECK int sc_build_config_apply(struct sc_build_stage *stage, const struct sc_df_step *step,
                                        struct sc_arena *arena, struct sc_err *err);
json_t *sc_build_config_of(const struct sc_build_stage *stage); /* the member "config", borrowed */
/* "" where it is not said */
const char *sc_build_config_text(const struct sc_build_stage *stage, const char *key);
/* config.Shell, or /bin/sh -c */
void sc_build_shell(const struct sc_build_stage *stage, struct sc_arena *arena, struct sc_strv *out);
SC_MUST_CHECK int sc_build_add_history(struct sc_build_stage *stage, const char *created_by, bool is_empty,
                                       int64_t created, struct sc_err *err);
/* The document of the image that the stage is: Env, layers, times. */
/* is_fixed: all that is not the base's was made `now`, whatever the cache says. */
SC_MUST_CHECK int sc_build_finish_config(struct sc_build_stage *stage, const struct sc_strv *labels, int64_t now,
                                         bool is_fixed, struct sc_err *err);

/* ---- step.c */
/* A directory for a step, below b->dir. */
SC_MUST_CHECK int sc_build_step_dir(struct sc_builder *b, char **out, struct sc_err *err);
/* The words that tell sc-transfer of the layers so far and that directory. */
SC_MUST_CHECK int sc_build_layer_words(struct sc_builder *b, const char *verb, const struct sc_build_stage *stage,
                                       const char *dir, struct sc_strv *out, struct sc_err *err);
/* What a step starts from, in a key. */
const char *sc_build_parent(const struct sc_build_stage *stage);
/* A key, or its beginning: a digest of all that the step depends on, as that may be long and secret; or NULL. */
char *sc_build_key(const char *kind, const struct sc_buf *text, struct sc_arena *arena);
/* Notes for the cache what came of a step, and puts the layer (or NULL) on the stage. written: the instruction without
 * the values of its variables, which may be secret. */
SC_MUST_CHECK int sc_build_step_done(struct sc_builder *b, struct sc_build_stage *stage, const char *key,
                                     const char *written, const struct sc_built_layer *layer, int64_t created,
                                     struct sc_err *err);
void sc_build_say(const struct sc_builder *b, enum sc_build_event event, const char *text, int64_t nsec);

/* ---- copy.c: where files are taken from. */
/* Of a stage or an image (not the context): its layers. */
SC_MUST_CHECK int sc_build_from_layers(struct sc_builder *b, const struct sc_df_from *from, struct sc_built_layers *out,
                                       struct sc_err *err);
/* The words that say so to sc-transfer; *fd: to be kept open in it. dir: a directory of the build. */
SC_MUST_CHECK int sc_build_from_words(struct sc_builder *b, const struct sc_df_from *from, const char *dir,
                                      struct sc_strv *words, int *fd, struct sc_err *err);

/* ---- output.c: -o. The files of a stage; an image that is in the store. */
SC_MUST_CHECK int sc_build_write_files(struct sc_builder *b, const struct sc_build_stage *stage, struct sc_err *err);
SC_MUST_CHECK int sc_build_write_image(struct sc_builder *b, const char *id, struct sc_err *err);

/* ---- mount.c: RUN --mount */
struct sc_build_mounts {
    struct sc_mount_ask *items; /* room for one more than the Dockerfile has */
    size_t count;
    struct sc_strv env;     /* secrets, "NAME=VALUE" */
    struct sc_strv targets; /* in the container */
    struct sc_build_dirs dirs;
    struct sc_build_secret_dir secrets;
};
#define SC_BUILD_MOUNTS_INIT                                                                                           \
    {                                                                                                                  \
        .secrets = {.base_fd = -1, .dir_fd = -1, .lock_fd = -1 }                                                       \
    }
void sc_build_mounts_release(const struct sc_engine *engine, struct sc_build_mounts *mounts);
/* All that the result depends on but the files that are bound (the caller decrefs); refuses what is not done. */
SC_MUST_CHECK int sc_build_mounts_describe(struct sc_builder *b, const struct sc_build_stage *stage,
                                           const struct sc_df_run *run, json_t **out, struct sc_err *err);
/* The digest of the files that are bound, as they are now; "" where there are none. */
SC_MUST_CHECK int sc_build_mounts_digest(struct sc_builder *b, const struct sc_df_run *run, char **out,
                                         struct sc_err *err);
/* Makes them, below dir; *digest: of the files that are bound now. */
SC_MUST_CHECK int sc_build_mounts_make(struct sc_builder *b, const struct sc_build_stage *stage,
                                       const struct sc_df_run *run, const char *dir, struct sc_build_mounts *out,
                                       char **digest, struct sc_err *err);

/* ---- run.c, copy.c: *has_layer: the step made one */
SC_MUST_CHECK int sc_build_run(struct sc_builder *b, struct sc_build_stage *stage, const struct sc_df_step *step,
                               bool *has_layer, struct sc_err *err);
SC_MUST_CHECK int sc_build_copy(struct sc_builder *b, struct sc_build_stage *stage, const struct sc_df_step *step,
                                bool *has_layer, struct sc_err *err);
/* WORKDIR's directory. */
SC_MUST_CHECK int sc_build_mkdir(struct sc_builder *b, struct sc_build_stage *stage, const char *path,
                                 const char *written, bool *has_layer, struct sc_err *err);

#endif
