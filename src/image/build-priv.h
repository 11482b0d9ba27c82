/*
 * build-priv: the files of COPY and ADD.
 *
 *     sources ─► build-source.c: names, wildcards, .dockerignore ─► build-walk.c: a digest of all that counts, and a
 *     copy
 *
 * A tree is walked by the same code to be hashed and to be copied, and whoever copies hashes what is written: so the
 * digest that a step is kept under is of the very bytes that are in its layer, whatever somebody changes meanwhile.
 *
 * Both sides are hostile: the context may have links that lead out of it, and so may the image. A path is resolved one
 * component at a time inside its root (sc_build_resolve), and from there on no link is followed.
 */
#ifndef SC_IMAGE_BUILD_PRIV_H
#define SC_IMAGE_BUILD_PRIV_H

#include <sys/stat.h>

#include "image/build/dockerfile.h"
#include "image/container-priv.h"

/* ---- build-source.c */
/* Where path leads inside root_fd: canonical has no links, "." or ".." and no '/' at its ends ("" is the root). fd:
 * what is there, O_PATH; -1: nothing, and then canonical is where it would be. A loop of links is an error. */
SC_MUST_CHECK int sc_build_resolve(int root_fd, const char *path, char canonical[PATH_MAX], int *fd,
                                   struct sc_err *err);

struct sc_build_source {
    char *path; /* canonical, in its root */
    char *name; /* the last part of what was written, "" where it has none */
    char *written;
};
struct sc_build_sources {
    struct sc_build_source *items;
    size_t count, capacity;
};
/* What the words of a COPY name in root_fd, in the order of the words and then of names; what ignore (or NULL) leaves
 * out is not there. A word without wildcards that names nothing is SC_ERR_NOT_FOUND, `"/x": not found`. */
/* is_literal: no character of a word is a wildcard. */
SC_MUST_CHECK int sc_build_sources_find(int root_fd, const struct sc_strv *words, bool is_literal,
                                        const struct sc_ignore *ignore, struct sc_arena *arena,
                                        struct sc_build_sources *out, struct sc_err *err);
/* The names in a directory, sorted. */
SC_MUST_CHECK int sc_build_names(int dir_fd, struct sc_arena *arena, struct sc_strv *out, struct sc_err *err);

/* ---- build-walk.c */
/* What errno says of who cannot give a file to uid:gid. */
SC_MUST_CHECK int sc_build_owner_error(struct sc_err *err, uint32_t uid, uint32_t gid);
struct sc_build_walk {
    int root_fd;                               /* of the sources */
    const struct sc_ignore *ignore, *excludes; /* or NULL; excludes: relative to each source */
    bool keeps_owner, has_mode;                /* keeps_owner: else it is uid:gid */
    bool is_new_dir;                           /* the directory that gets what is in another was made for it */
    uint32_t uid, gid;
    mode_t mode; /* of all that is copied */
    struct sc_hash hash;
    char *chunk;
};
SC_MUST_CHECK int sc_build_walk_init(struct sc_build_walk *walk, struct sc_err *err);
void sc_build_walk_release(struct sc_build_walk *walk);
/* The source into the directory to_dir (-1: nothing is written) as `name`; "": it is a directory, and what is in it
 * goes into to_dir itself. ESTALE: it is one now, or none, unlike when that was decided; or it is a link. */
SC_MUST_CHECK int sc_build_walk_source(struct sc_build_walk *walk, const struct sc_build_source *source, int to_dir,
                                       const char *name, struct sc_err *err);
/* A regular file as it was when it was hashed: somebody may write to it meanwhile. */
struct sc_build_kept {
    int fd; /* its content, borrowed */
    struct stat st;
    json_t *xattrs;
};
/* The file's content into `to`, an open file of ours. Release kept on failure too. */
SC_MUST_CHECK int sc_build_walk_keep(struct sc_build_walk *walk, const struct sc_build_source *source, int to,
                                     struct sc_build_kept *kept, struct sc_err *err);
void sc_build_kept_release(struct sc_build_kept *kept);
/* A copy of it, which is in the digest already. */
SC_MUST_CHECK int sc_build_walk_put(const struct sc_build_walk *walk, const struct sc_build_kept *kept, int to_dir,
                                    const char *name, struct sc_err *err);
/* A file of the Dockerfile's own text, copied `as`; the digest has its own name. */
SC_MUST_CHECK int sc_build_walk_text(struct sc_build_walk *walk, const char *name, const char *text, size_t len,
                                     int to_dir, const char *as, struct sc_err *err);
/* What was fetched; modified: in seconds since 1970. */
struct sc_build_remote {
    const char *url;
    char *name; /* "" where the address has none */
    int fd;     /* its content, in a file of ours; -1: it is not here yet */
    int64_t modified;
    char digest[SC_DIGEST_LEN + 1];
};
SC_MUST_CHECK int sc_build_walk_remote(struct sc_build_walk *walk, const struct sc_build_remote *remote, int to_dir,
                                       const char *as, struct sc_err *err);
SC_MUST_CHECK int sc_build_walk_end(struct sc_build_walk *walk, char digest[SC_DIGEST_LEN + 1], struct sc_err *err);

/* ---- build-copy.c */
struct sc_build_copy { /* a COPY or an ADD, as the one who reads the Dockerfile says it */
    struct sc_strv sources, file_names, file_texts, excludes;
    const char *dest; /* absolute */
    bool dest_is_dir, is_unpacked, keeps_owner, has_mode, is_literal;
    const char *chown; /* "user[:group]", or NULL */
    mode_t mode;
    struct sc_build_remote *remotes; /* after the sources */
    size_t remote_count;
    bool unpacks_remotes;
    int root_fd; /* of the sources, borrowed */
    int tmp_fd;  /* a directory of ours, on a disk; borrowed */
    const struct sc_ignore *ignore;
};
/* The digest of what would be copied. */
SC_MUST_CHECK int sc_build_copy_digest(const struct sc_build_copy *copy, struct sc_arena *arena,
                                       char digest[SC_DIGEST_LEN + 1], struct sc_err *err);
/* Copies into the image's root, and says what was. */
SC_MUST_CHECK int sc_build_copy_into(const struct sc_build_copy *copy, int to_root, struct sc_jail *jail,
                                     struct sc_arena *arena, char digest[SC_DIGEST_LEN + 1], struct sc_err *err);

/* ---- build-mount.c */
/* Takes what was made to mount on back out of the upper directory: the empty files and directories on the way to each
 * target (absolute) that the image has not. What is not empty stays. */
SC_MUST_CHECK int sc_build_stubs_remove(int image_root, int upper_fd, const struct sc_strv *targets,
                                        struct sc_err *err);

#endif
