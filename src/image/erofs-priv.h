/*
 * erofs-priv: a layer as one EROFS image, written front to back while its tar comes in.
 *
 *     the head       4096 bytes: a slot for the tar (at 896), the superblock (at 1024), the inode of the top directory
 * (at 1152) and, as far as there is room, its attributes and entries then, as they come: metadata     64 KiB at a time:
 * inodes with their attributes and the tails of small files data         whole blocks of files, each file's in one
 * piece at the end     inodes and entries of directories
 *
 * A file's inode is written when its content is there and never moves; directories stay in memory until the end, as
 * their entries must be sorted. Memory: some hundred bytes an entry, whatever the files hold.
 *
 * Where the layer's blob is a tar as it is, the image can do without data: an index of the tar. What a file holds is
 * then in the tar already, in one piece that begins on a multiple of 512 bytes; so blocks have 512 bytes, the tar is a
 * second device of the image, its blocks are numbered from SC_EROFS_TAR_AT on, and a file's inode names the first of
 * its own. Nothing is written twice. What is in several pieces (a sparse file) is data of the image, as always.
 *
 * The format is the kernel's Documentation/filesystems/erofs.rst: uncompressed, extended inodes (they have a time
 * each), attributes beside their inode. meta_blkaddr is 0, so that an inode's number is its place in units of 32 bytes.
 *
 * erofs-write.c  bytes: blocks, inodes, superblock      erofs-tree.c  names: what a layer's entries make
 * erofs-dirs.c   directories, at the end                layer-erofs.c tar entries
 * tar-heads.c    a tar of which only heads are read
 */
#ifndef SC_IMAGE_EROFS_PRIV_H
#define SC_IMAGE_EROFS_PRIV_H

#include "image/transfer-priv.h"

#define SC_EROFS_BLOCK     4096       /* bytes of a block, and .. */
#define SC_EROFS_INDEX     512        /* .. of an index's */
#define SC_EROFS_HEAD      4096       /* bytes at the front that are written last */
#define SC_EROFS_TAR_AT    0x40000000 /* number of the tar's first block: 512 GiB for the image, 1.5 TiB for the tar */
#define SC_EROFS_SLOT      32         /* unit of inode numbers */
#define SC_EROFS_INODE     64         /* bytes of an extended inode */
#define SC_EROFS_DIRENT    12
#define SC_EROFS_SUPER_AT  1024
#define SC_EROFS_ROOT_AT   1152
#define SC_EROFS_LINKS_MAX 40 /* symbolic links in one path, as in the kernel */

enum sc_erofs_type { /* EROFS_FT_*: the d_type of an entry */
                     SC_EROFS_FILE = 1,
                     SC_EROFS_DIR,
                     SC_EROFS_CHR,
                     SC_EROFS_BLK,
                     SC_EROFS_FIFO,
                     SC_EROFS_SOCK,
                     SC_EROFS_SYMLINK
};

/* An extended attribute; index stands for the prefix that is left out of name. */
struct sc_erofs_xattr {
    struct sc_erofs_xattr *next;
    uint8_t index, name_len;
    uint16_t value_len;
    const char *name;
    const void *value;
};

struct sc_erofs_dir;
struct sc_erofs_node {
    enum sc_erofs_type type;
    bool is_whiteout;
    uint32_t nlink;
    uint64_t nid;             /* of a directory: known at the end */
    const char *target;       /* of a symbolic link */
    struct sc_erofs_dir *dir; /* of a directory */
};
struct sc_erofs_entry {
    struct sc_erofs_dir *dir; /* where it is */
    struct sc_erofs_entry *next;
    struct sc_erofs_node *node; /* NULL: it was removed */
    size_t name_len;
    const char *name;
};
struct sc_erofs_dir {
    struct sc_erofs_node *node;
    struct sc_erofs_dir *parent;  /* the top's is itself */
    struct sc_erofs_entry *entry; /* its own; NULL of the top */
    struct sc_erofs_entry *first;
    size_t count; /* entries, removed ones too */
    struct sc_layer_attrs attrs;
    struct sc_erofs_xattr *xattrs;
    uint64_t hash;             /* its part in the hash of what is in it */
    struct sc_erofs_dir *work; /* next of a list that some walk makes */
    /* erofs-dirs.c */
    bool is_live, is_inline;
    struct sc_erofs_entry **sorted;
    size_t sorted_count, subdirs;
    uint64_t size, place, data_at;
};

struct sc_erofs {
    int fd;            /* owned */
    uint64_t block;    /* bytes of one: SC_EROFS_INDEX where the image is an index */
    uint64_t tar_size; /* of an index: known at the end */
    struct sc_arena arena;
    const struct sc_limits *limits;
    uint64_t name_bytes, inodes;
    /* what is written in order: buffer holds [end - used, end) */
    uint64_t end;
    int64_t begun;     /* on its way to the disk */
    uint64_t reserved; /* the file has blocks up to here, or, as UINT64_MAX, gets none ahead */
    size_t used;
    char *buffer;
    /* the piece of metadata at hand */
    uint64_t meta_at;
    size_t meta_used, meta_size;
    char *meta;
    /* the file at hand */
    struct {
        uint64_t size, whole, start, done; /* whole: bytes in blocks; the rest is its tail */
        size_t tail_len;
        bool is_inline;
        char tail[SC_EROFS_BLOCK];
    } file;
    /* the tree */
    struct sc_erofs_dir *top;
    struct sc_erofs_dir **dirs; /* each after its parent */
    size_t dir_count, dir_capacity;
    struct sc_erofs_entry **slots; /* open addressing over directory and name */
    size_t slot_count, entry_count;
    uint64_t seed;
    struct sc_erofs_node **linked; /* with several names */
    size_t linked_count, linked_capacity;
};

/* ---- erofs-write.c */
/* The image goes to fd, an empty file open for reading and writing. A zeroed struct with fd -1 may be released. */
SC_MUST_CHECK int sc_erofs_init(struct sc_erofs *image, int fd_take, bool is_index, const struct sc_limits *limits,
                                struct sc_err *err);
void sc_erofs_release(struct sc_erofs *image);
/* A regular file: begin, its content in order (holes may be left out), end: its inode, which has one name. */
SC_MUST_CHECK int sc_erofs_file_begin(struct sc_erofs *image, uint64_t size, const struct sc_erofs_xattr *xattrs,
                                      struct sc_err *err);
SC_MUST_CHECK int sc_erofs_file_data(struct sc_erofs *image, uint64_t offset, const void *data, size_t len,
                                     struct sc_err *err);
SC_MUST_CHECK int sc_erofs_file_end(struct sc_erofs *image, const struct sc_layer_attrs *attrs,
                                    const struct sc_erofs_xattr *xattrs, struct sc_erofs_node **out,
                                    struct sc_err *err);
/* A regular file of an index, whose content is in the tar, `at` bytes from its beginning. */
SC_MUST_CHECK int sc_erofs_file_in_tar(struct sc_erofs *image, uint64_t size, uint64_t at,
                                       const struct sc_layer_attrs *attrs, const struct sc_erofs_xattr *xattrs,
                                       struct sc_erofs_node **out, struct sc_err *err);
/* All that has no content: mode with its type; target of a symbolic link. */
SC_MUST_CHECK int sc_erofs_special(struct sc_erofs *image, mode_t mode, uint32_t dev, const char *target,
                                   const struct sc_layer_attrs *attrs, struct sc_erofs_node **out, struct sc_err *err);
/* The next bytes of the image, whatever they are. */
SC_MUST_CHECK int sc_erofs_append(struct sc_erofs *image, const void *data, size_t len, struct sc_err *err);
SC_MUST_CHECK int sc_erofs_pad(struct sc_erofs *image, uint64_t to, struct sc_err *err); /* up to an offset */
/* Writes what is held, and gives its memory back; more may follow. */
SC_MUST_CHECK int sc_erofs_flush(struct sc_erofs *image, struct sc_err *err);
/* Puts the head, which holds the top directory already; hex: of the layer's diff id. */
SC_MUST_CHECK int sc_erofs_put_super(struct sc_erofs *image, unsigned char head[SC_EROFS_HEAD], const char *hex,
                                     struct sc_err *err);
struct sc_erofs_inode {
    mode_t mode; /* with its type */
    uint64_t size;
    bool is_inline;
    uint32_t where; /* block of the content (sc_erofs_block), or device number */
    uint32_t nlink;
    const struct sc_layer_attrs *attrs;
    const struct sc_erofs_xattr *xattrs;
};
size_t sc_erofs_xattrs_size(const struct sc_erofs_xattr *xattrs); /* bytes behind the inode */
/* Inode and attributes: SC_EROFS_INODE + sc_erofs_xattrs_size() bytes, zeroed before. */
void sc_erofs_encode(struct sc_erofs *image, const struct sc_erofs_inode *inode, unsigned char *out);
uint64_t sc_erofs_round(const struct sc_erofs *image, uint64_t at); /* up to a block */
uint32_t sc_erofs_block(const struct sc_erofs *image, uint64_t at); /* the number of the one that begins there */
/* Where an inode of this many bytes can be, at or after `at`, so that it and then its tail cross no block; fits: the
 * tail does so at all. Pure. */
uint64_t sc_erofs_place(uint64_t at, size_t header, size_t tail, uint64_t block);
bool sc_erofs_tail_fits(size_t header, size_t tail, uint64_t block);

/* ---- erofs-tree.c */
/* The entry of that name, also one that was removed; NULL: there never was one. */
struct sc_erofs_entry *sc_erofs_lookup(const struct sc_erofs *image, const struct sc_erofs_dir *dir, const char *name,
                                       size_t len);
/* Puts node there; nothing, or what was removed, may be there before. Takes a reference of the node. */
SC_MUST_CHECK int sc_erofs_enter(struct sc_erofs *image, struct sc_erofs_dir *dir, const char *name,
                                 struct sc_erofs_node *node, struct sc_err *err);
SC_MUST_CHECK int sc_erofs_mkdir(struct sc_erofs *image, struct sc_erofs_dir *parent, const char *name,
                                 const struct sc_layer_attrs *attrs, struct sc_erofs_dir **out, struct sc_err *err);
void sc_erofs_remove(struct sc_erofs_entry *entry); /* with all below it */
/* A directory by its path, symbolic links followed as long as they stay inside. Where `creates`, what is missing is
 * made; else SC_ERR_NOT_FOUND. */
SC_MUST_CHECK int sc_erofs_walk(struct sc_erofs *image, const char *path, bool creates, struct sc_erofs_dir **out,
                                struct sc_err *err);
/* Sets an attribute of a list in the image's arena: what has the name already gets the value. */
SC_MUST_CHECK int sc_erofs_xattr_set(struct sc_erofs *image, struct sc_erofs_xattr **list, const char *name,
                                     const void *value, size_t len, struct sc_err *err);
SC_MUST_CHECK int sc_erofs_set_opaque(struct sc_erofs *image, struct sc_erofs_dir *dir, struct sc_err *err);
/* One more name, for a node that has one. */
SC_MUST_CHECK int sc_erofs_link(struct sc_erofs *image, struct sc_erofs_node *node, struct sc_err *err);
/* "a/b" of a directory; false where it is longer than a path can be. */
bool sc_erofs_path(const struct sc_erofs_dir *dir, char out[PATH_MAX]);

/* ---- erofs-dirs.c */
/* Writes directories and superblock: the image is complete, and not synced. */
SC_MUST_CHECK int sc_erofs_finish(struct sc_erofs *image, const char *hex, struct sc_err *err);

#endif
