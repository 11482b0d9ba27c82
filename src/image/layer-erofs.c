/*
 * One layer into an EROFS image. Entry for entry this is what layer.c does with files; a test compares the two. What
 * layer.c leaves to the kernel (names, links, what replaces what) erofs-tree.c knows.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "image/erofs-priv.h"

/* One entry being put: where to, and what. */
struct item {
    struct sc_unpack *unpack;
    struct sc_erofs *image;
    struct sc_tar_in *tar;
    struct archive_entry *entry;
    const struct sc_layer_name *name;
    const struct sc_layer_attrs *attrs;
    struct sc_erofs_dir *dir; /* where it goes */
};

static struct sc_erofs_entry *
what_is_there(const struct item *item)
{
    struct sc_erofs_entry *entry = sc_erofs_lookup(item->image, item->dir, item->name->base, strlen(item->name->base));

    return entry && entry->node ? entry : NULL;
}

/* Puts the node under its name, in place of what this layer already had there. */
static int
enter(const struct item *item, struct sc_erofs_node *node, struct sc_err *err)
{
    struct sc_erofs_entry *there = what_is_there(item);

    if (there)
        sc_erofs_remove(there);
    return sc_erofs_enter(item->image, item->dir, item->name->base, node, err);
}

/* Adds the entry's attributes to a list; with NULL they are only checked. */
static int
read_xattrs(const struct item *item, struct sc_erofs_xattr **list, struct sc_err *err)
{
    size_t total = 0, size = 0;
    const void *value = NULL;
    const char *name = NULL;

    if (archive_entry_xattr_reset(item->entry) == 0)
        return 0;
    while (archive_entry_xattr_next(item->entry, &name, &value, &size) == ARCHIVE_OK) {
        int verdict = sc_layer_xattr_check(name, value, size, err);

        if (verdict < 0)
            return -1;
        total += strlen(name) + size;
        if (total > item->unpack->limits->xattr_bytes || strlen(name) > XATTR_NAME_MAX)
            return sc_err_set(err, SC_ERR_INVALID, "its extended attributes take more than %zu bytes",
                              item->unpack->limits->xattr_bytes);
        if (verdict > 0 && list && sc_erofs_xattr_set(item->image, list, name, value, size, err) < 0)
            return -1;
    }
    return 0;
}

static int
put_file(const struct item *item, struct sc_err *err)
{
    int64_t size = archive_entry_size(item->entry), at;
    struct sc_erofs_xattr *xattrs = NULL;
    struct sc_erofs_node *node;
    const void *data;
    uint64_t place;
    size_t len;
    int is_in_tar;

    if (read_xattrs(item, &xattrs, err) < 0)
        return -1;
    is_in_tar = item->unpack->is_index ? sc_tar_in_place(item->tar, item->entry, &place, err) : 0;
    if (is_in_tar < 0)
        return -1;
    if (is_in_tar) {
        item->unpack->file_bytes += (uint64_t)size;
        return sc_erofs_file_in_tar(item->image, (uint64_t)size, place, item->attrs, xattrs, &node, err) < 0
                   ? -1
                   : enter(item, node, err);
    }
    if (sc_erofs_file_begin(item->image, (uint64_t)size, xattrs, err) < 0)
        return -1;
    for (;;) {
        if (sc_tar_in_data(item->tar, &data, &len, &at, err) < 0)
            return -1;
        if (len == 0)
            break;
        if (sc_erofs_file_data(item->image, (uint64_t)at, data, len, err) < 0)
            return -1;
    }
    item->unpack->file_bytes += (uint64_t)size;
    return sc_erofs_file_end(item->image, item->attrs, xattrs, &node, err) < 0 ? -1 : enter(item, node, err);
}

static int
put_dir(const struct item *item, struct sc_err *err)
{
    struct sc_erofs_dir *dir = item->image->top;

    if (item->name->kind != SC_LAYER_ROOT) {
        struct sc_erofs_entry *there = what_is_there(item);
        bool was_hidden = there && there->node->is_whiteout;

        dir = there ? there->node->dir : NULL;
        if (there && !dir)
            sc_erofs_remove(there);
        if (!dir && sc_erofs_mkdir(item->image, item->dir, item->name->base, item->attrs, &dir, err) < 0)
            return -1;
        if (was_hidden && sc_erofs_set_opaque(item->image, dir, err) < 0)
            return -1;
    }
    dir->attrs = *item->attrs;
    return read_xattrs(item, &dir->xattrs, err);
}

static int
put_special(const struct item *item, mode_t type, struct sc_err *err)
{
    const char *target = type == S_IFLNK ? archive_entry_symlink(item->entry) : NULL;
    unsigned major = (unsigned)archive_entry_rdevmajor(item->entry) & 0xfff,
             minor = (unsigned)archive_entry_rdevminor(item->entry) & 0xfffff;
    /* as the kernel writes it down (new_encode_dev) */
    uint32_t dev = type == S_IFCHR || type == S_IFBLK ? (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12 : 0;
    struct sc_erofs_node *node;

    if (read_xattrs(item, NULL, err) < 0 ||
        sc_erofs_special(item->image, type | (type == S_IFLNK ? 0777 : item->attrs->mode), dev, target, item->attrs,
                         &node, err) < 0)
        return -1;
    return enter(item, node, err);
}

static int
put_hard_link(const struct item *item, const char *target, struct sc_err *err)
{
    struct sc_erofs_entry *to_entry = NULL, *there = what_is_there(item);
    struct sc_err why = SC_ERR_INIT;
    struct sc_erofs_dir *dir;
    struct sc_layer_name to;

    if (sc_layer_name_parse(target, &to, err) < 0)
        return sc_err_wrap(err, "it is a hard link");
    if (to.kind != SC_LAYER_ENTRY)
        return sc_err_set(err, SC_ERR_INVALID, "it is a hard link to \"%.300s\", which is no file", target);
    if (sc_erofs_walk(item->image, to.dir, false, &dir, &why) == 0) {
        to_entry = sc_erofs_lookup(item->image, dir, to.base, strlen(to.base));
    } else if (why.kind != SC_ERR_NOT_FOUND) {
        *err = why;
        return sc_err_wrap(err, "it is a hard link to \"%.300s\"", target);
    }
    if (!to_entry || !to_entry->node || to_entry->node->dir || to_entry->node->is_whiteout)
        return sc_err_set(err, SC_ERR_INVALID,
                          "it is a hard link to \"%.300s\", which is no file of this layer before it", target);
    if (there && there->node == to_entry->node)
        return 0;
    if (sc_erofs_link(item->image, to_entry->node, err) < 0)
        return -1;
    return enter(item, to_entry->node, err);
}

/* Hides what the layers below have under the name; what this layer itself has there stays. */
static int
put_whiteout(const struct item *item, struct sc_err *err)
{
    static const struct sc_layer_attrs attrs = {.mode = 0};
    struct sc_erofs_entry *there = what_is_there(item);
    struct sc_erofs_node *node;

    if (there)
        return there->node->dir ? sc_erofs_set_opaque(item->image, there->node->dir, err) : 0;
    if (sc_erofs_special(item->image, S_IFCHR, 0, NULL, &attrs, &node, err) < 0)
        return -1;
    node->is_whiteout = true;
    return enter(item, node, err);
}

int
sc_layer_erofs_put(struct sc_unpack *unpack, struct sc_tar_in *tar, struct archive_entry *entry,
                   const struct sc_layer_name *name, const struct sc_layer_attrs *attrs, struct sc_err *err)
{
    struct item item = {
        .unpack = unpack, .image = unpack->erofs, .tar = tar, .entry = entry, .name = name, .attrs = attrs};
    const char *hard_link = archive_entry_hardlink(entry);

    if (sc_erofs_walk(item.image, name->dir, true, &item.dir, err) < 0)
        return -1;
    if (name->kind == SC_LAYER_WHITEOUT)
        return put_whiteout(&item, err);
    if (name->kind == SC_LAYER_OPAQUE)
        return sc_erofs_set_opaque(item.image, item.dir, err);
    if (hard_link)
        return put_hard_link(&item, hard_link, err);
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return put_file(&item, err);
    case AE_IFDIR:
        return put_dir(&item, err);
    case AE_IFLNK:
        return put_special(&item, S_IFLNK, err);
    case AE_IFCHR:
        return put_special(&item, S_IFCHR, err);
    case AE_IFBLK:
        return put_special(&item, S_IFBLK, err);
    default:
        return put_special(&item, S_IFIFO, err);
    }
}

int
sc_layer_erofs_finish(struct sc_unpack *unpack, const char *diff_id, struct sc_err *err)
{
    struct sc_erofs *image = unpack->erofs;

    for (size_t i = 0; i < image->dir_count; i++) {
        struct sc_erofs_dir *dir = image->dirs[i];
        char path[PATH_MAX];

        if (dir->attrs.is_implicit && dir->entry && dir->entry->node == dir->node && sc_erofs_path(dir, path))
            dir->attrs = sc_layer_lower_attrs(unpack, path);
    }
    return sc_erofs_finish(image, sc_digest_hex(diff_id), err);
}
