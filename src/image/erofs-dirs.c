/*
 * The end of an EROFS image: directories. Their places follow from names alone, so that all are given out first; then
 * entries, which name places of others, are written in the same order.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image/erofs-priv.h"

static int
by_name(const void *a, const void *b)
{
    const struct sc_erofs_entry *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

/* The entries of a directory with "." and "..", in the kernel's order: by bytes. */
static int
sort_entries(struct sc_erofs *image, struct sc_erofs_dir *dir, struct sc_err *err)
{
    struct sc_erofs_entry *dots = SC_ARENA_ARRAY(&image->arena, struct sc_erofs_entry, 2);

    dir->sorted = SC_ARENA_ARRAY(&image->arena, struct sc_erofs_entry *, dir->count + 2);
    if (!dots || !dir->sorted)
        return sc_err_nomem(err);
    dots[0] = (struct sc_erofs_entry){.name = ".", .name_len = 1, .node = dir->node};
    dots[1] = (struct sc_erofs_entry){.name = "..", .name_len = 2, .node = dir->parent->node};
    dir->sorted[dir->sorted_count++] = &dots[0];
    dir->sorted[dir->sorted_count++] = &dots[1];
    for (struct sc_erofs_entry *entry = dir->first; entry; entry = entry->next) {
        if (!entry->node)
            continue;
        dir->sorted[dir->sorted_count++] = entry;
        dir->subdirs += entry->node->dir != NULL;
    }
    qsort(dir->sorted, dir->sorted_count, sizeof(void *), by_name);
    return 0;
}

/* How many entries from `from` on go into one block; *used: the bytes they take. */
static size_t
fill_block(const struct sc_erofs *image, const struct sc_erofs_dir *dir, size_t from, size_t *used)
{
    size_t count = 0;

    *used = 0;
    while (from + count < dir->sorted_count &&
           *used + SC_EROFS_DIRENT + dir->sorted[from + count]->name_len <= image->block)
        *used += SC_EROFS_DIRENT + dir->sorted[from + count++]->name_len;
    return count;
}

static uint64_t
dir_size(const struct sc_erofs *image, const struct sc_erofs_dir *dir)
{
    uint64_t whole = 0;
    size_t used = 0;

    for (size_t at = 0; at < dir->sorted_count;) {
        at += fill_block(image, dir, at, &used);
        if (at < dir->sorted_count)
            whole += image->block;
    }
    return whole + used;
}

static size_t
header_size(const struct sc_erofs_dir *dir)
{
    return SC_EROFS_INODE + sc_erofs_xattrs_size(dir->xattrs);
}

static size_t
tail_size(const struct sc_erofs *image, const struct sc_erofs_dir *dir)
{
    return dir->is_inline ? (size_t)(dir->size % image->block) : 0;
}

/* Bytes in blocks of their own. */
static uint64_t
block_bytes(const struct sc_erofs *image, const struct sc_erofs_dir *dir)
{
    return sc_erofs_round(image, dir->size - tail_size(image, dir));
}

static int
place_top(const struct sc_erofs *image, struct sc_erofs_dir *top, struct sc_err *err)
{
    const size_t room = SC_EROFS_HEAD - SC_EROFS_ROOT_AT, header = header_size(top), tail = top->size % image->block;

    if (header > room)
        return sc_err_set(err, SC_ERR_UNSUPPORTED,
                          "the attributes of the layer's top directory take more than an image can hold: %zu bytes",
                          room - SC_EROFS_INODE);
    top->place = SC_EROFS_ROOT_AT;
    top->is_inline =
        tail > 0 && header + tail <= room && sc_erofs_place(top->place, header, tail, image->block) == top->place;
    return 0;
}

/* Inodes first, one after the other, then the blocks of those directories that have some. */
static int
place_all(struct sc_erofs *image, struct sc_err *err)
{
    uint64_t at = image->end;

    for (size_t i = 0; i < image->dir_count; i++) {
        struct sc_erofs_dir *dir = image->dirs[i];

        dir->is_live = dir == image->top || (dir->parent->is_live && dir->entry && dir->entry->node == dir->node);
        if (!dir->is_live)
            continue;
        if (sort_entries(image, dir, err) < 0)
            return -1;
        dir->size = dir_size(image, dir);
        if (dir == image->top) {
            if (place_top(image, dir, err) < 0)
                return -1;
        } else {
            size_t header = header_size(dir), tail = dir->size % image->block;

            dir->is_inline = tail > 0 && sc_erofs_tail_fits(header, tail, image->block);
            dir->place = sc_erofs_place(at, header, tail_size(image, dir), image->block);
            at = dir->place + header + tail_size(image, dir);
        }
        dir->node->nid = dir->place / SC_EROFS_SLOT;
        dir->node->nlink = (uint32_t)(2 + dir->subdirs);
    }
    at = sc_erofs_round(image, at);
    for (size_t i = 0; i < image->dir_count; i++) {
        struct sc_erofs_dir *dir = image->dirs[i];

        if (dir->is_live) {
            dir->data_at = at;
            at += block_bytes(image, dir);
        }
    }
    return 0;
}

static void
put(unsigned char *at, size_t bytes, uint64_t value)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

/* One block of entries: first all of them, then their names. Returns the number of them. */
static size_t
encode_block(const struct sc_erofs *image, const struct sc_erofs_dir *dir, size_t from, unsigned char *out)
{
    size_t used, count = fill_block(image, dir, from, &used), name_at = count * SC_EROFS_DIRENT;

    for (size_t i = 0; i < count; i++) {
        const struct sc_erofs_entry *entry = dir->sorted[from + i];
        unsigned char *at = out + i * SC_EROFS_DIRENT;

        put(at, 8, entry->node->nid);
        put(at + 8, 2, name_at);
        at[10] = (unsigned char)entry->node->type;
        memcpy(out + name_at, entry->name, entry->name_len);
        name_at += entry->name_len;
    }
    return count;
}

/* The first entry of the last block. */
static size_t
last_block(const struct sc_erofs *image, const struct sc_erofs_dir *dir)
{
    size_t at = 0, used;

    for (;;) {
        size_t next = at + fill_block(image, dir, at, &used);

        if (next >= dir->sorted_count)
            return at;
        at = next;
    }
}

static void
encode_dir(struct sc_erofs *image, const struct sc_erofs_dir *dir, unsigned char *out)
{
    const struct sc_erofs_inode inode = {.mode = S_IFDIR | dir->attrs.mode,
                                         .size = dir->size,
                                         .is_inline = dir->is_inline,
                                         .where = sc_erofs_block(image, dir->data_at),
                                         .nlink = dir->node->nlink,
                                         .attrs = &dir->attrs,
                                         .xattrs = dir->xattrs};

    sc_erofs_encode(image, &inode, out);
    if (dir->is_inline)
        (void)encode_block(image, dir, last_block(image, dir), out + header_size(dir));
}

static int
write_blocks(struct sc_erofs *image, const struct sc_erofs_dir *dir, struct sc_err *err)
{
    unsigned char block[SC_EROFS_BLOCK];
    size_t at = 0;

    for (uint64_t left = block_bytes(image, dir); left > 0; left -= image->block) {
        memset(block, 0, sizeof(block));
        at += encode_block(image, dir, at, block);
        if (sc_erofs_append(image, block, image->block, err) < 0)
            return -1;
    }
    return 0;
}

int
sc_erofs_finish(struct sc_erofs *image, const char *hex, struct sc_err *err)
{
    sc_cleanup_free unsigned char *inode = NULL;
    unsigned char head[SC_EROFS_HEAD] = {0};

    if (place_all(image, err) < 0)
        return -1;
    encode_dir(image, image->top, head + SC_EROFS_ROOT_AT);
    for (size_t i = 0; i < image->dir_count; i++) {
        const struct sc_erofs_dir *dir = image->dirs[i];
        size_t size = header_size(dir) + tail_size(image, dir);

        if (!dir->is_live || dir == image->top)
            continue;
        free(inode);
        inode = calloc(1, size);
        if (!inode)
            return sc_err_nomem(err);
        encode_dir(image, dir, inode);
        if (sc_erofs_pad(image, dir->place, err) < 0 || sc_erofs_append(image, inode, size, err) < 0)
            return -1;
    }
    if (sc_erofs_pad(image, sc_erofs_round(image, image->end), err) < 0)
        return -1;
    for (size_t i = 0; i < image->dir_count; i++) {
        if (image->dirs[i]->is_live && write_blocks(image, image->dirs[i], err) < 0)
            return -1;
    }
    return sc_erofs_put_super(image, head, hex, err);
}
