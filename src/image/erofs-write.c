/* The bytes of an EROFS image: blocks in order, metadata between them, and what an inode looks like. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "image/erofs-priv.h"

#define BUFFER      ((size_t)1 << 20)
#define LONG        ((size_t)64 << 10) /* bytes that are worth a call of their own */
#define META        ((size_t)64 << 10)
#define RESERVE     ((uint64_t)32 << 20) /* bytes of blocks taken ahead, of an image that has at least as many already */
#define TAIL_MAX    2048                 /* a longer tail gets a block of its own */
#define XATTR_HEAD  12
#define XATTR_ENTRY 4

/* offsets and values of struct erofs_super_block and struct erofs_inode_extended */
#define MAGIC             0xE0F5E1E2u
#define COMPAT_CHECKSUM   1u
#define FORMAT_EXTENDED   1u
#define FORMAT_PLAIN      0u
#define FORMAT_INLINE     (2u << 1)
#define INODE_NLINK_AT    44
#define INCOMPAT_DEVICES  8u
#define DEVICE_SLOT       128 /* bytes: its name, and at 64 how many blocks it has, at 68 the first one's number */
#define DEVICE_AT         (SC_EROFS_SUPER_AT - DEVICE_SLOT)
#define CRC32C_POLYNOMIAL 0x82F63B78u

static void
put(unsigned char *at, size_t bytes, uint64_t value)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static int
write_at(const struct sc_erofs *image, const void *data, size_t len, uint64_t at, struct sc_err *err)
{
    const char *from = data;

    while (len > 0) {
        ssize_t put_now = pwrite(image->fd, from, len, (off_t)at);

        if (put_now < 0 && errno == EINTR)
            continue;
        if (put_now < 0)
            return sc_err_errno(err, errno, "write the layer's image");
        from += put_now;
        at += (uint64_t)put_now;
        len -= (size_t)put_now;
    }
    return 0;
}

/* Blocks for what comes next: a file system that looks for them page by page takes a third more of a processor's time
 * for a write. Where it cannot, or has few left, the write itself says so. What is over goes with the last size. */
static void
reserve(struct sc_erofs *image)
{
    if (image->end < RESERVE || image->reserved >= image->end + RESERVE / 2)
        return;
    if (image->reserved < image->end)
        image->reserved = image->end;
    if (fallocate(image->fd, 0, (off_t)image->reserved, (off_t)RESERVE) < 0)
        image->reserved = UINT64_MAX;
    else
        image->reserved += RESERVE;
}

static int
drain(struct sc_erofs *image, struct sc_err *err)
{
    if (image->used > 0 && write_at(image, image->buffer, image->used, image->end - image->used, err) < 0)
        return -1;
    image->used = 0;
    sc_io_write_behind(image->fd, (int64_t)image->end, &image->begun);
    reserve(image);
    return 0;
}

/* Whole blocks of the buffer and what comes behind it, in one call and without a copy: the number taken of `data`. */
static ssize_t
append_long(struct sc_erofs *image, const char *data, size_t len, struct sc_err *err)
{
    size_t taken = len - (image->used + len) % image->block;
    struct iovec parts[2] = {{.iov_base = image->buffer, .iov_len = image->used},
                             {.iov_base = (void *)(uintptr_t)data, .iov_len = taken}};
    ssize_t put_now;

    do
        put_now = pwritev(image->fd, parts, SC_ARRAY_LEN(parts), (off_t)(image->end - image->used));
    while (put_now < 0 && errno == EINTR);
    if (put_now < 0)
        return sc_err_errno(err, errno, "write the layer's image");
    if ((size_t)put_now < image->used) { /* a signal, or the disk is nearly full: the rest as usual */
        memmove(image->buffer, image->buffer + put_now, image->used - (size_t)put_now);
        image->used -= (size_t)put_now;
        return 0;
    }
    put_now -= (ssize_t)image->used;
    image->used = 0;
    image->end += (uint64_t)put_now;
    sc_io_write_behind(image->fd, (int64_t)image->end, &image->begun);
    reserve(image);
    return put_now;
}

int
sc_erofs_append(struct sc_erofs *image, const void *data, size_t len, struct sc_err *err)
{
    const char *from = data;

    if (!image->buffer)
        image->buffer = malloc(BUFFER);
    if (!image->buffer)
        return sc_err_nomem(err);
    if (len >= LONG) {
        ssize_t taken = append_long(image, from, len, err);

        if (taken < 0)
            return -1;
        from += taken;
        len -= (size_t)taken;
    }
    while (len > 0) {
        size_t part = BUFFER - image->used < len ? BUFFER - image->used : len;

        memcpy(image->buffer + image->used, from, part);
        image->used += part;
        image->end += part;
        from += part;
        len -= part;
        if (image->used == BUFFER && drain(image, err) < 0)
            return -1;
    }
    return 0;
}

static uint64_t
round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

uint64_t
sc_erofs_round(const struct sc_erofs *image, uint64_t at)
{
    return round_up(at, image->block);
}

uint32_t
sc_erofs_block(const struct sc_erofs *image, uint64_t at)
{
    return (uint32_t)(at / image->block);
}

static bool
is_index(const struct sc_erofs *image)
{
    return image->block == SC_EROFS_INDEX;
}

/* How many blocks the image itself may have. */
static uint64_t
blocks_max(const struct sc_erofs *image)
{
    return is_index(image) ? SC_EROFS_TAR_AT : UINT32_MAX;
}

static int
check_size(const struct sc_erofs *image, uint64_t size, struct sc_err *err)
{
    if (size / image->block >= blocks_max(image))
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "the layer takes more than %llu blocks of an image",
                          (unsigned long long)blocks_max(image));
    return 0;
}

/* What is jumped over reads as zeros. */
static int
jump(struct sc_erofs *image, uint64_t to, struct sc_err *err)
{
    if (check_size(image, to, err) < 0 || drain(image, err) < 0)
        return -1;
    image->end = to;
    return 0;
}

/* What is jumped over is a hole of the file. */
int
sc_erofs_pad(struct sc_erofs *image, uint64_t to, struct sc_err *err)
{
    static const char zeros[SC_EROFS_BLOCK];
    const uint64_t from = image->end;

    if (to - from <= sizeof(zeros))
        return check_size(image, to, err) < 0 ? -1 : sc_erofs_append(image, zeros, (size_t)(to - from), err);
    if (jump(image, to, err) < 0)
        return -1;
    if (image->reserved != UINT64_MAX && image->reserved > from) /* else they would stay: a hole has no last size */
        (void)fallocate(image->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
                        (off_t)((to < image->reserved ? to : image->reserved) - from));
    return 0;
}

static int
meta_drain(struct sc_erofs *image, struct sc_err *err)
{
    size_t used = image->meta_used;

    image->meta_used = image->meta_size = 0;
    return used > 0 ? write_at(image, image->meta, used, image->meta_at, err) : 0;
}

int
sc_erofs_flush(struct sc_erofs *image, struct sc_err *err)
{
    if (meta_drain(image, err) < 0 || drain(image, err) < 0)
        return -1;
    sc_freep(&image->buffer);
    sc_freep(&image->meta);
    return 0;
}

void
sc_erofs_release(struct sc_erofs *image)
{
    sc_closep(&image->fd);
    sc_arena_release(&image->arena);
    sc_freep(&image->buffer);
    sc_freep(&image->meta);
    sc_freep(&image->dirs);
    sc_freep(&image->slots);
    sc_freep(&image->linked);
}

/* ---- inodes ------------------------------------------------------------------------------------------------ */

size_t
sc_erofs_xattrs_size(const struct sc_erofs_xattr *xattrs)
{
    size_t size = xattrs ? XATTR_HEAD : 0;

    for (; xattrs; xattrs = xattrs->next)
        size += (size_t)round_up(XATTR_ENTRY + xattrs->name_len + (size_t)xattrs->value_len, 4);
    return size;
}

static void
encode_xattrs(const struct sc_erofs_xattr *xattrs, unsigned char *out)
{
    out += XATTR_HEAD; /* no filter, nothing shared: all zero */
    for (; xattrs; xattrs = xattrs->next) {
        out[0] = xattrs->name_len;
        out[1] = xattrs->index;
        put(out + 2, 2, xattrs->value_len);
        memcpy(out + XATTR_ENTRY, xattrs->name, xattrs->name_len);
        if (xattrs->value_len > 0)
            memcpy(out + XATTR_ENTRY + xattrs->name_len, xattrs->value, xattrs->value_len);
        out += round_up(XATTR_ENTRY + xattrs->name_len + (size_t)xattrs->value_len, 4);
    }
}

void
sc_erofs_encode(struct sc_erofs *image, const struct sc_erofs_inode *inode, unsigned char *out)
{
    size_t xattrs = sc_erofs_xattrs_size(inode->xattrs);

    put(out, 2, FORMAT_EXTENDED | (inode->is_inline ? FORMAT_INLINE : FORMAT_PLAIN));
    put(out + 2, 2, xattrs > 0 ? (xattrs - XATTR_HEAD) / 4 + 1 : 0);
    put(out + 4, 2, inode->mode);
    put(out + 8, 8, inode->size);
    put(out + 16, 4, inode->where);
    put(out + 20, 4, ++image->inodes);
    put(out + 24, 4, inode->attrs->uid);
    put(out + 28, 4, inode->attrs->gid);
    put(out + 32, 8, (uint64_t)inode->attrs->mtime.tv_sec);
    put(out + 40, 4, (uint64_t)inode->attrs->mtime.tv_nsec);
    put(out + INODE_NLINK_AT, 4, inode->nlink);
    if (xattrs > 0)
        encode_xattrs(inode->xattrs, out + SC_EROFS_INODE);
}

bool
sc_erofs_tail_fits(size_t header, size_t tail, uint64_t block)
{
    return tail <= block - header % block;
}

uint64_t
sc_erofs_place(uint64_t at, size_t header, size_t tail, uint64_t block)
{
    at = round_up(at, SC_EROFS_SLOT);
    if (at % block > block - SC_EROFS_INODE || (tail > 0 && (at + header) % block + tail > block))
        at = round_up(at, block);
    return at;
}

/* Room for an inode in the metadata at hand, or in a new piece of it. */
static int
meta_take(struct sc_erofs *image, size_t header, size_t tail, unsigned char **out, uint64_t *at, struct sc_err *err)
{
    uint64_t place = sc_erofs_place(image->meta_at + image->meta_used, header, tail, image->block);

    if (image->meta_size == 0 || place + header + tail > image->meta_at + image->meta_size) {
        size_t size = (size_t)round_up(header + tail, image->block);

        size = size < META ? META : size;
        if (meta_drain(image, err) < 0)
            return -1;
        if (size > META || !image->meta) {
            char *meta = realloc(image->meta, size);

            if (!meta)
                return sc_err_nomem(err);
            image->meta = meta;
        }
        memset(image->meta, 0, size);
        place = image->meta_at = image->end; /* between files: on a block */
        image->meta_size = size;
        if (jump(image, image->end + size, err) < 0)
            return -1;
    }
    image->meta_used = (size_t)(place - image->meta_at) + header + tail;
    *out = (unsigned char *)image->meta + (place - image->meta_at);
    *at = place;
    return 0;
}

static int
node_new(struct sc_erofs *image, enum sc_erofs_type type, uint64_t place, struct sc_erofs_node **out,
         struct sc_err *err)
{
    *out = SC_ARENA_NEW(&image->arena, struct sc_erofs_node);
    if (!*out)
        return sc_err_nomem(err);
    (*out)->type = type;
    (*out)->nid = place / SC_EROFS_SLOT;
    (*out)->nlink = 1;
    return 0;
}

int
sc_erofs_file_begin(struct sc_erofs *image, uint64_t size, const struct sc_erofs_xattr *xattrs, struct sc_err *err)
{
    size_t header = SC_EROFS_INODE + sc_erofs_xattrs_size(xattrs), tail = size % image->block;

    if (size / image->block >= blocks_max(image))
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "its size of %llu bytes is more than an image can hold",
                          (unsigned long long)size);
    image->file.size = size;
    image->file.is_inline = tail > 0 && tail <= TAIL_MAX && sc_erofs_tail_fits(header, tail, image->block);
    image->file.whole = image->file.is_inline ? size - tail : size;
    image->file.start = image->end;
    image->file.done = 0;
    image->file.tail_len = image->file.is_inline ? tail : 0;
    memset(image->file.tail, 0, image->file.tail_len);
    return 0;
}

int
sc_erofs_file_data(struct sc_erofs *image, uint64_t offset, const void *data, size_t len, struct sc_err *err)
{
    uint64_t whole = image->file.whole;
    const char *from = data;

    if (offset < whole && len > 0) {
        size_t part = whole - offset < len ? (size_t)(whole - offset) : len;

        if (offset > image->file.done && sc_erofs_pad(image, image->file.start + offset, err) < 0)
            return -1;
        if (sc_erofs_append(image, from, part, err) < 0)
            return -1;
        from += part;
        len -= part;
        offset += part;
        image->file.done = offset;
    }
    if (len > 0)
        memcpy(image->file.tail + (offset - whole), from, len);
    return 0;
}

int
sc_erofs_file_end(struct sc_erofs *image, const struct sc_layer_attrs *attrs, const struct sc_erofs_xattr *xattrs,
                  struct sc_erofs_node **out, struct sc_err *err)
{
    const struct sc_erofs_inode inode = {.mode = S_IFREG | attrs->mode,
                                         .size = image->file.size,
                                         .is_inline = image->file.is_inline,
                                         .where = sc_erofs_block(image, image->file.start),
                                         .nlink = 1,
                                         .attrs = attrs,
                                         .xattrs = xattrs};
    size_t header = SC_EROFS_INODE + sc_erofs_xattrs_size(xattrs);
    unsigned char *at;
    uint64_t place;

    /* A hole at its end, and the rest of its last block. */
    if (sc_erofs_pad(image, image->file.start + sc_erofs_round(image, image->file.whole), err) < 0 ||
        meta_take(image, header, image->file.tail_len, &at, &place, err) < 0)
        return -1;
    sc_erofs_encode(image, &inode, at);
    memcpy(at + header, image->file.tail, image->file.tail_len);
    return node_new(image, SC_EROFS_FILE, place, out, err);
}

int
sc_erofs_file_in_tar(struct sc_erofs *image, uint64_t size, uint64_t at, const struct sc_layer_attrs *attrs,
                     const struct sc_erofs_xattr *xattrs, struct sc_erofs_node **out, struct sc_err *err)
{
    const struct sc_erofs_inode inode = {.mode = S_IFREG | attrs->mode,
                                         .size = size,
                                         .where = SC_EROFS_TAR_AT + sc_erofs_block(image, at),
                                         .nlink = 1,
                                         .attrs = attrs,
                                         .xattrs = xattrs};
    unsigned char *to;
    uint64_t place;

    if ((at + size) / image->block >= UINT32_MAX - SC_EROFS_TAR_AT)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "the layer's tar is longer than an image can name blocks of");
    if (meta_take(image, SC_EROFS_INODE + sc_erofs_xattrs_size(xattrs), 0, &to, &place, err) < 0)
        return -1;
    sc_erofs_encode(image, &inode, to);
    return node_new(image, SC_EROFS_FILE, place, out, err);
}

int
sc_erofs_special(struct sc_erofs *image, mode_t mode, uint32_t dev, const char *target,
                 const struct sc_layer_attrs *attrs, struct sc_erofs_node **out, struct sc_err *err)
{
    size_t len = target ? strlen(target) : 0;
    struct sc_erofs_inode inode = {.mode = mode,
                                   .size = len,
                                   .is_inline = len > 0 && sc_erofs_tail_fits(SC_EROFS_INODE, len, image->block),
                                   .where = dev,
                                   .nlink = 1,
                                   .attrs = attrs};
    enum sc_erofs_type type = S_ISLNK(mode)   ? SC_EROFS_SYMLINK
                              : S_ISCHR(mode) ? SC_EROFS_CHR
                              : S_ISBLK(mode) ? SC_EROFS_BLK
                                              : SC_EROFS_FIFO;
    unsigned char *at;
    uint64_t place;

    if (len > 0 && !inode.is_inline) { /* a target of nearly a whole block */
        inode.where = sc_erofs_block(image, image->end);
        if (sc_erofs_append(image, target, len, err) < 0 ||
            sc_erofs_pad(image, sc_erofs_round(image, image->end), err) < 0)
            return -1;
    }
    if (meta_take(image, SC_EROFS_INODE, inode.is_inline ? len : 0, &at, &place, err) < 0)
        return -1;
    sc_erofs_encode(image, &inode, at);
    if (inode.is_inline)
        memcpy(at + SC_EROFS_INODE, target, len);
    if (node_new(image, type, place, out, err) < 0)
        return -1;
    if (target) {
        (*out)->target = sc_arena_strdup(&image->arena, target);
        return (*out)->target ? 0 : sc_err_nomem(err);
    }
    return 0;
}

/* ---- the superblock ----------------------------------------------------------------------------------------- */

static uint32_t
crc32c(const unsigned char *data, size_t len)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
    }
    return crc;
}

/* Names that were added or taken away after an inode was written. */
static int
put_link_counts(struct sc_erofs *image, struct sc_err *err)
{
    for (size_t i = 0; i < image->linked_count; i++) {
        unsigned char bytes[4];

        put(bytes, sizeof(bytes), image->linked[i]->nlink);
        if (write_at(image, bytes, sizeof(bytes), image->linked[i]->nid * SC_EROFS_SLOT + INODE_NLINK_AT, err) < 0)
            return -1;
    }
    return 0;
}

/* The layer's tar as a second device. Its name is of no meaning to the kernel, which is told the file. */
static void
put_device(const struct sc_erofs *image, unsigned char *head, const char *hex)
{
    memcpy(head + DEVICE_AT, hex, SC_DIGEST_HEX_LEN);
    put(head + DEVICE_AT + 64, 4, sc_erofs_block(image, sc_erofs_round(image, image->tar_size)));
    put(head + DEVICE_AT + 68, 4, SC_EROFS_TAR_AT);
    put(head + SC_EROFS_SUPER_AT + 80, 4, INCOMPAT_DEVICES);
    put(head + SC_EROFS_SUPER_AT + 86, 2, 1);
    put(head + SC_EROFS_SUPER_AT + 88, 2, DEVICE_AT / DEVICE_SLOT);
}

/* The same layer gives the same bytes: its identifier is the beginning of its digest. */
static void
put_uuid(unsigned char *out, const char *hex)
{
    for (int i = 0; i < 16; i++) {
        const char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        out[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
}

int
sc_erofs_put_super(struct sc_erofs *image, unsigned char head[SC_EROFS_HEAD], const char *hex, struct sc_err *err)
{
    unsigned char *super = head + SC_EROFS_SUPER_AT;

    if (sc_erofs_pad(image, sc_erofs_round(image, image->end), err) < 0 || sc_erofs_flush(image, err) < 0 ||
        put_link_counts(image, err) < 0)
        return -1;
    if (ftruncate(image->fd, (off_t)image->end) < 0) /* a hole at the end */
        return sc_err_errno(err, errno, "make the layer's image %llu bytes long", (unsigned long long)image->end);
    put(super, 4, MAGIC);
    put(super + 8, 4, COMPAT_CHECKSUM);
    super[12] = is_index(image) ? 9 : 12; /* 2^n bytes in a block */
    put(super + 14, 2, SC_EROFS_ROOT_AT / SC_EROFS_SLOT);
    put(super + 16, 8, image->inodes);
    put(super + 36, 4, sc_erofs_block(image, image->end));
    put_uuid(super + 48, hex);
    if (is_index(image))
        put_device(image, head, hex);
    /* of the rest of the superblock's block; what is larger begins with other people's 1024 bytes */
    put(super + 4, 4, crc32c(super, is_index(image) ? SC_EROFS_INDEX : SC_EROFS_BLOCK - SC_EROFS_SUPER_AT));
    return write_at(image, head, SC_EROFS_HEAD, 0, err);
}
