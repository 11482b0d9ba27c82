/*
 * container-priv: the files of a container, for export, diff, commit and cp.
 *
 *     sc (finds the container, its lock, the root of its process) ──exec──► sc-transfer container-VERB --dir .. --lower
 * ..
 *
 * A running container is reached by the descriptor of its first process's root: through it its own mounts are seen,
 * volumes and tmpfs with them, and no pid can come to mean another process. A stopped one is put together in a mount
 * namespace of sc-transfer's own. What only reads does without either: the upper directory, above the layers, makes an
 * overlay that nothing is written to.
 *
 * What is in there is hostile: a name is resolved inside the root (sc_path_open), and from there on one component at a
 * time (tree-copy.c, tree-tar.c, untar.c). An archive is taken apart behind walls (untar-jailed.c).
 */
#ifndef SC_IMAGE_CONTAINER_PRIV_H
#define SC_IMAGE_CONTAINER_PRIV_H

#include "image/tree-priv.h"

struct sc_files {
    const char *name;              /* as the user typed it */
    const char *dir;               /* <data>/container/<id>; has upper/ and work/ once it was started */
    const char *rootfs;            /* a directory instead of layers, or NULL */
    struct sc_strv lowers, images; /* top first; for each an EROFS image that is mounted there, or "" */
    struct sc_tree_ids ids;
    bool is_idmapped; /* .. by mounts of the layers that are shifted; else the files themselves are */
    bool is_readonly;
    bool replaces;   /* unpacking: a directory and what is none make way for each other, as for Docker's ADD */
    int root_fd;     /* of the running container; -1: it does not run */
    int mount_ns_fd; /* .. and what its root is mounted in */
    struct sc_strv bind_sources, bind_targets, bind_modes; /* of a stopped one: "ro" or "rw" */
};

/* ---- container-files.c */
/* The layers, below upper where it is not NULL, as a detached mount that nobody can write to, run a program of with
 * other rights or open a device from: its fd. */
SC_MUST_CHECK int sc_files_mount(const struct sc_files *files, const char *upper, struct sc_err *err);
/* The rest: an fd each, of a directory that can be read. */
/* What the image has. */
SC_MUST_CHECK int sc_files_open_image(const struct sc_files *files, struct sc_err *err);
/* What the container has, without its mounts; read-only. */
SC_MUST_CHECK int sc_files_open_merged(const struct sc_files *files, struct sc_err *err);
/* What it changed, in overlay's own form; -1 with ENOENT: it never started. */
SC_MUST_CHECK int sc_files_open_upper(const struct sc_files *files, struct sc_err *err);
/* Its root with its mounts, to be written too. Of a stopped one the caller holds the lock; this process is in a mount
 * namespace of its own afterwards. */
SC_MUST_CHECK int sc_files_open_root(const struct sc_files *files, struct sc_err *err);

/* ---- container-changes.c */
struct sc_change {
    char kind; /* 'A', 'C', 'D' */
    char *path /* "/etc/passwd" */;
};
struct sc_changes {
    struct sc_change *items;
    size_t count, capacity;
};
/* As Docker has it: by what stat(2) says, times of directories aside. What the engine itself made to mount on is left
 * out. In the order of names, a directory before what is in it. */
SC_MUST_CHECK int sc_files_changes(const struct sc_files *files, struct sc_arena *arena, struct sc_changes *out,
                                   struct sc_err *err);
/* The same of three open trees (upper_fd -1: nothing was written). */
SC_MUST_CHECK int sc_changes_find(int upper_fd, int image_fd, int merged_fd, struct sc_arena *arena,
                                  struct sc_changes *out, struct sc_err *err);

/* ---- container-commit.c */
struct sc_commit_ask {
    const char *image_id, *full_name; /* full_name NULL: no name */
    const char *config;               /* the container's, as JSON with image-spec's keys */
    const char *author, *message, *created_by;
    struct sc_strv changes; /* Dockerfile words */
};
SC_MUST_CHECK int sc_files_commit(const struct sc_store *store, const struct sc_files *files,
                                  const struct sc_commit_ask *ask, struct sc_arena *arena, char **image_id,
                                  struct sc_err *err);

/* The changes as a layer's blob; layer->digest stays NULL where there are none. */
SC_MUST_CHECK int sc_files_layer(const struct sc_store *store, const struct sc_files *files, struct sc_arena *arena,
                                 struct sc_store_layer *layer, struct sc_err *err);

/* ---- untar.c */
/* A tar stream into directory `dir` (absolute) of root_fd; links on the way lead nowhere else. is_root: an owner that
 * cannot be set is an error. Of files only ids and replaces are looked at. */
SC_MUST_CHECK int sc_untar(const struct sc_files *files, int from_fd, int root_fd, const char *dir, bool is_root,
                           struct sc_err *err);

/* ---- untar-jailed.c */
/* The same behind walls, into the root that sc_files_open_root gave. Before the first thread. */
SC_MUST_CHECK int sc_untar_jailed(const struct sc_files *files, int from_fd, int root_fd, const char *dir,
                                  struct sc_err *err);

/* ---- cp-plan.c: pure */
struct sc_cp_side {
    bool exists, is_dir;
    bool wants_dir; /* it was given with a "/" or "/." at its end */
    bool is_whole;  /* of a source: "DIR/.", its content and not itself */
};
enum sc_cp_how {
    SC_CP_INTO,     /* under its own name in the directory that the destination is */
    SC_CP_CONTENTS, /* what is in it, into that directory */
    SC_CP_AS,       /* as the destination */
};
/* What Docker does, or why it does not; dest is for messages. */
SC_MUST_CHECK int sc_cp_plan(const struct sc_cp_side *from, const struct sc_cp_side *to, const char *source,
                             const char *dest, enum sc_cp_how *how, struct sc_err *err);
/* A container's path, absolute and without "", "." and ".." that lead above "/"; links are not looked at. */
SC_MUST_CHECK int sc_cp_clean(const char *path, char out[PATH_MAX], struct sc_err *err);
/* Its end says that it is a directory: "/", "/." or "/..". */
bool sc_cp_wants_dir(const char *path);

#endif
