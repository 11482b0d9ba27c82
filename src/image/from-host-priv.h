/*
 * image/from-host: what an image of host programs is made of, in four ideas.
 *
 *   from-host-files.c   the set of files: walks host paths keeping every symlink on the way
 *   from-host-write.c   that set as a layer
 *   from-host-libs.c    the libraries a program loads: ld.so's search, from the ELF files themselves
 *   from-host-extra.c   what a program opens by name: a table of program and library families
 *   from-host.c         programs, scripts, users and name service; the image
 *
 * Invariants: a path in the set is canonical (no "..", no symlink among its parents, each parent in the set as a
 * directory), so unpacking never writes through a link. The host is read below one root fd only. The layer depends on
 * the content of the files taken and on nothing else: not on times, owners, inode numbers or directory order.
 */
#ifndef SC_IMAGE_FROM_HOST_PRIV_H
#define SC_IMAGE_FROM_HOST_PRIV_H

#include <sys/stat.h>

#include "base/base.h"
#include "image/elf-priv.h"
#include "image/image.h"

/* ---- the set of files (from-host-files.c) ---------------------------------------------------------------- */

#define SC_PYC_HEADER 16 /* PEP 552: magic, flags, source time, source size; 32 bits each */

enum sc_host_kind { SC_HOST_DIR, SC_HOST_FILE, SC_HOST_LINK };

struct sc_host_file {
    char *path; /* in the image, without the leading "/": "usr/bin/bash" */
    enum sc_host_kind kind;
    mode_t mode;
    char *target; /* of a LINK */
    char *source; /* host path of the content; NULL: made here, in content */
    const char *content;
    uint64_t size;
    dev_t dev; /* with ino: which hard links are one file; only where has_twins */
    ino_t ino;
    bool has_twins;
    bool is_pyc_timed; /* compiled Python that records its source's time, which the image sets to 0 */
};

struct sc_host_files {
    int root_fd;          /* where the host is read */
    struct sc_err failed; /* the first file that is there, but could not be opened: the set would be incomplete */
    bool is_own_tree;     /* directories are made here, never taken from the host (base-image.c) */
    struct sc_arena *arena;
    struct sc_host_file **items; /* in the order of arrival */
    size_t count, capacity;
    struct sc_host_file **slots; /* open hash table over path */
    size_t slot_count;
};
#define SC_HOST_FILES_INIT                                                                                             \
    {                                                                                                                  \
        .root_fd = -1                                                                                                  \
    }

/* root: "/" or a directory that holds another host's files. */
SC_MUST_CHECK int sc_host_files_open(struct sc_host_files *files, const char *root, struct sc_arena *arena,
                                     struct sc_err *err);
void sc_host_files_release(struct sc_host_files *files);
#define sc_cleanup_host_files __attribute__((cleanup(sc_host_files_release))) struct sc_host_files

struct sc_host_file *sc_host_files_find(const struct sc_host_files *files, const char *path);
/* Opens a host path for reading, following links inside the root: the fd or -errno. Most callers look for what may not
 * be there; an error that speaks of no absence is remembered, and then the set cannot be written. */
int sc_host_open(struct sc_host_files *files, const char *path, int flags);
/* stat(2) inside the root: 0 or -errno */
int sc_host_stat(struct sc_host_files *files, const char *path, struct stat *st);
/* Adds an absolute host path: its parents, every symlink met, and what it ends at, which *leaf (may be NULL) gets:
 * a directory is added without its content; a leaf of NULL is the root itself. */
SC_MUST_CHECK int sc_host_files_add(struct sc_host_files *files, const char *path, struct sc_host_file **leaf,
                                    struct sc_err *err);
/* Adds a directory with all below it. Entries whose name matches a pattern (fnmatch) of `excludes` (ends with NULL, may
 * itself be NULL) are left out, and so are special files and what the world may not read. */
SC_MUST_CHECK int sc_host_files_add_tree(struct sc_host_files *files, const char *path, const char *const *excludes,
                                         struct sc_err *err);
/* Made here rather than taken; missing parents come from the host or are made with mode 0755. What is in the set
 * already is replaced, but for a directory, whose mode is set. */
SC_MUST_CHECK int sc_host_files_put_dir(struct sc_host_files *files, const char *path, mode_t mode, struct sc_err *err);
SC_MUST_CHECK int sc_host_files_put_text(struct sc_host_files *files, const char *path, mode_t mode, const char *text,
                                         size_t len, struct sc_err *err);
SC_MUST_CHECK int sc_host_files_put_link(struct sc_host_files *files, const char *path, const char *target,
                                         struct sc_err *err);
/* The content of the host's regular file `source` under this path. */
SC_MUST_CHECK int sc_host_files_put_copy(struct sc_host_files *files, const char *path, mode_t mode, const char *source,
                                         struct sc_err *err);
/* The whole set as one uncompressed layer blob of the store (from-host-write.c). */
SC_MUST_CHECK int sc_host_files_write(struct sc_host_files *files, const struct sc_store *store,
                                      struct sc_store_layer *layer, struct sc_err *err);

/* ---- programs and libraries (from-host-libs.c) -------------------------------------------------------------- */

struct sc_host_object { /* one ELF file */
    char *path;         /* as ld.so would open it: "/lib64/libc.so.6" */
    char *real;         /* after all links: "/usr/lib/x86_64-linux-gnu/libc.so.6" */
    char *origin;       /* what $ORIGIN means in it */
    char *asked;        /* of a program: the path before links were followed */
    bool is_program;
    dev_t dev;
    ino_t ino;
    struct sc_elf elf;
    struct sc_host_closure *closure; /* of a program */
};

struct sc_host_build {
    struct sc_arena *arena;
    struct sc_host_files files;
    const char *path_env;            /* PATH that programs are looked up in */
    struct sc_host_object **objects; /* each ELF file taken, once */
    size_t object_count, object_capacity;
    struct sc_buf cache_text;
    struct sc_ld_cache cache;   /* of the host; count 0: none */
    struct sc_ld_entry *cached; /* found only through the cache: the image needs a cache of its own */
    size_t cached_count, cached_capacity;
};
#define SC_HOST_BUILD_INIT                                                                                             \
    {                                                                                                                  \
        .files = SC_HOST_FILES_INIT                                                                                    \
    }

/* path_env: NULL or "" for the usual directories. (from-host.c) */
SC_MUST_CHECK int sc_host_build_open(struct sc_host_build *build, const char *root, const char *path_env,
                                     struct sc_arena *arena, struct sc_err *err);
void sc_host_build_release(struct sc_host_build *build);
#define sc_cleanup_host_build __attribute__((cleanup(sc_host_build_release))) struct sc_host_build
/* Fills the set of files with all that the image is to hold; *found gets the path of each program asked for. */
SC_MUST_CHECK int sc_host_collect(struct sc_host_build *build, const struct sc_from_host *ask, struct sc_strv *found,
                                  struct sc_err *err);

/* Reads the host's ld.so.cache. */
SC_MUST_CHECK int sc_host_libs_init(struct sc_host_build *build, struct sc_err *err);
/* Adds an ELF program, its interpreter and all libraries that ld.so would load for it. asked: the path before links. */
SC_MUST_CHECK int sc_host_add_program(struct sc_host_build *build, const char *asked, const char *real,
                                      struct sc_err *err);
/* Adds the libraries of an ELF file that is in the set and that `program` (or NULL) may dlopen(3). One that the host
 * could not load either is passed over. */
SC_MUST_CHECK int sc_host_add_plugin(struct sc_host_build *build, struct sc_host_object *program, const char *real,
                                     struct sc_err *err);
/* Writes /etc/ld.so.cache into the set where some library is found in no other way. */
SC_MUST_CHECK int sc_host_put_cache(struct sc_host_build *build, struct sc_err *err);

/* ---- families (from-host-extra.c) ------------------------------------------------------------------------------- */

/* Adds what every image gets and what the objects taken so far (and those that this brings) open by name. */
SC_MUST_CHECK int sc_host_add_extras(struct sc_host_build *build, struct sc_err *err);

/* A Python virtual environment: where pyvenv.cfg lies above the program as asked for, it and its lib. */
SC_MUST_CHECK int sc_host_add_venv(struct sc_host_build *build, const char *asked, const char *real,
                                   struct sc_err *err);

/* ---- image metadata (from-host.c) ---------------------------------------------------------------------------------
 */

struct sc_host_config {
    const struct sc_strv *env, *entrypoint, *cmd, *labels; /* each may be NULL */
    const char *created_by, *diff_id;
};
/* The OCI image config as JSON text: of this machine's architecture, created at the epoch. */
SC_MUST_CHECK int sc_host_config_write(const struct sc_host_config *config, struct sc_buf *out, struct sc_err *err);
/* Writes layer, config and names it. */
SC_MUST_CHECK int sc_host_commit(struct sc_host_files *files, const struct sc_store *store,
                                 struct sc_host_config *config, const char *full_name, char **image_id,
                                 struct sc_err *err);

#endif
