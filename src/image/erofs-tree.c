/*
 * The names of an EROFS image while it is made: what the kernel does for a directory on disk. Paths are resolved as
 * openat2(2) does with RESOLVE_BENEATH (layer-path.c): links are followed, but never out of the layer.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "image/erofs-priv.h"

/* ---- entries --------------------------------------------------------------------------------------------------- */

static uint64_t
hash_of(const struct sc_erofs_dir *dir, const char *name, size_t len)
{
    uint64_t hash = dir->hash;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static struct sc_erofs_entry **
slot_of(const struct sc_erofs *image, const struct sc_erofs_dir *dir, const char *name, size_t len)
{
    size_t at = (size_t)hash_of(dir, name, len) & (image->slot_count - 1);

    for (;; at = (at + 1) & (image->slot_count - 1)) {
        struct sc_erofs_entry *entry = image->slots[at];

        if (!entry || (entry->dir == dir && entry->name_len == len && memcmp(entry->name, name, len) == 0))
            return &image->slots[at];
    }
}

static int
grow_slots(struct sc_erofs *image, struct sc_err *err)
{
    size_t old_count = image->slot_count;
    struct sc_erofs_entry **old = image->slots, **slots;

    slots = calloc(old_count ? old_count * 2 : 1024, sizeof(struct sc_erofs_entry *));
    if (!slots)
        return sc_err_nomem(err);
    image->slots = slots;
    image->slot_count = old_count ? old_count * 2 : 1024;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i])
            *slot_of(image, old[i]->dir, old[i]->name, old[i]->name_len) = old[i];
    }
    free(old);
    return 0;
}

struct sc_erofs_entry *
sc_erofs_lookup(const struct sc_erofs *image, const struct sc_erofs_dir *dir, const char *name, size_t len)
{
    return image->slot_count ? *slot_of(image, dir, name, len) : NULL;
}

int
sc_erofs_enter(struct sc_erofs *image, struct sc_erofs_dir *dir, const char *name, struct sc_erofs_node *node,
               struct sc_err *err)
{
    size_t len = strlen(name);
    struct sc_erofs_entry *entry = sc_erofs_lookup(image, dir, name, len);

    if (!entry) {
        if (image->entry_count * 2 >= image->slot_count && grow_slots(image, err) < 0)
            return -1;
        image->name_bytes += len;
        if (image->name_bytes > image->limits->name_bytes)
            return sc_err_set(err, SC_ERR_INVALID, "the layer's names take more than %llu bytes",
                              (unsigned long long)image->limits->name_bytes);
        entry = SC_ARENA_NEW(&image->arena, struct sc_erofs_entry);
        if (!entry)
            return sc_err_nomem(err);
        entry->dir = dir;
        entry->name = sc_arena_strndup(&image->arena, name, len);
        entry->name_len = len;
        entry->next = dir->first;
        if (!entry->name)
            return sc_err_nomem(err);
        dir->first = entry;
        dir->count++;
        image->entry_count++;
        *slot_of(image, dir, name, len) = entry;
    }
    entry->node = node;
    if (node->dir)
        node->dir->entry = entry;
    return 0;
}

static int
add_dir(struct sc_erofs *image, struct sc_erofs_dir *parent, const struct sc_layer_attrs *attrs,
        struct sc_erofs_dir **out, struct sc_err *err)
{
    struct sc_erofs_node *node = SC_ARENA_NEW(&image->arena, struct sc_erofs_node);
    struct sc_erofs_dir *dir = SC_ARENA_NEW(&image->arena, struct sc_erofs_dir);

    if (!node || !dir)
        return sc_err_nomem(err);
    if (image->dir_count == image->dir_capacity) {
        size_t capacity = image->dir_capacity ? image->dir_capacity * 2 : 256;
        struct sc_erofs_dir **dirs = reallocarray(image->dirs, capacity, sizeof(struct sc_erofs_dir *));

        if (!dirs)
            return sc_err_nomem(err);
        image->dirs = dirs;
        image->dir_capacity = capacity;
    }
    node->type = SC_EROFS_DIR;
    node->dir = dir;
    node->nlink = 2;
    dir->node = node;
    dir->parent = parent ? parent : dir;
    dir->attrs = *attrs;
    dir->hash = image->seed ^ (image->dir_count + 1) * UINT64_C(0xd6e8feb86659fd93);
    image->dirs[image->dir_count++] = dir;
    *out = dir;
    return 0;
}

int
sc_erofs_mkdir(struct sc_erofs *image, struct sc_erofs_dir *parent, const char *name,
               const struct sc_layer_attrs *attrs, struct sc_erofs_dir **out, struct sc_err *err)
{
    if (add_dir(image, parent, attrs, out, err) < 0)
        return -1;
    return sc_erofs_enter(image, parent, name, (*out)->node, err);
}

int
sc_erofs_init(struct sc_erofs *image, int fd_take, bool is_index, const struct sc_limits *limits, struct sc_err *err)
{
    static const struct sc_layer_attrs top = {.mode = 0755};

    image->fd = fd_take;
    image->limits = limits;
    image->block = is_index ? SC_EROFS_INDEX : SC_EROFS_BLOCK;
    image->end = SC_EROFS_HEAD; /* which comes last */
    /* Nobody shall know which names collide. */
    if (getrandom(&image->seed, sizeof(image->seed), 0) != (ssize_t)sizeof(image->seed))
        return sc_err_errno(err, errno, "get random bytes");
    return add_dir(image, NULL, &top, &image->top, err);
}

void
sc_erofs_remove(struct sc_erofs_entry *entry)
{
    struct sc_erofs_dir *work = entry->node->dir;

    entry->node->nlink--;
    entry->node = NULL;
    if (work)
        work->work = NULL;
    while (work) {
        struct sc_erofs_dir *dir = work;

        work = dir->work;
        for (struct sc_erofs_entry *at = dir->first; at; at = at->next) {
            struct sc_erofs_dir *below = at->node ? at->node->dir : NULL;

            if (below) {
                below->work = work;
                work = below;
            }
            if (at->node)
                at->node->nlink--;
            at->node = NULL;
        }
    }
}

int
sc_erofs_link(struct sc_erofs *image, struct sc_erofs_node *node, struct sc_err *err)
{
    if (image->linked_count == image->linked_capacity) {
        size_t capacity = image->linked_capacity ? image->linked_capacity * 2 : 64;
        struct sc_erofs_node **linked = reallocarray(image->linked, capacity, sizeof(struct sc_erofs_node *));

        if (!linked)
            return sc_err_nomem(err);
        image->linked = linked;
        image->linked_capacity = capacity;
    }
    if (image->linked_count == 0 || image->linked[image->linked_count - 1] != node)
        image->linked[image->linked_count++] = node;
    node->nlink++;
    return 0;
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

int
sc_erofs_xattr_set(struct sc_erofs *image, struct sc_erofs_xattr **list, const char *name, const void *value,
                   size_t len, struct sc_err *err)
{
    static const struct {
        const char *prefix;
        uint8_t index;
    } prefixes[] = {{"user.", 1}, {"trusted.", 4}, {"security.", 6}};
    struct sc_erofs_xattr *attr;
    uint8_t index = 0;
    void *copy;

    for (size_t i = 0; i < SC_ARRAY_LEN(prefixes) && !index; i++) {
        if (sc_str_starts(name, prefixes[i].prefix)) {
            index = prefixes[i].index;
            name += strlen(prefixes[i].prefix);
        }
    }
    if (!index || strlen(name) > UINT8_MAX || len > UINT16_MAX)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "an image cannot hold its attribute \"%.100s\"", name);
    for (attr = *list; attr; attr = attr->next) {
        if (attr->index == index && attr->name_len == strlen(name) && memcmp(attr->name, name, attr->name_len) == 0)
            break;
    }
    if (!attr) {
        attr = SC_ARENA_NEW(&image->arena, struct sc_erofs_xattr);
        if (!attr)
            return sc_err_nomem(err);
        attr->index = index;
        attr->name_len = (uint8_t)strlen(name);
        attr->name = sc_arena_strdup(&image->arena, name);
        attr->next = *list;
        *list = attr;
    }
    copy = sc_arena_alloc(&image->arena, len + 1);
    if (!attr->name || !copy)
        return sc_err_nomem(err);
    if (len > 0)
        memcpy(copy, value, len);
    attr->value_len = (uint16_t)len;
    attr->value = copy;
    return 0;
}

int
sc_erofs_set_opaque(struct sc_erofs *image, struct sc_erofs_dir *dir, struct sc_err *err)
{
    return sc_erofs_xattr_set(image, &dir->xattrs, "trusted.overlay.opaque", "y", 1, err);
}

/* ---- paths ------------------------------------------------------------------------------------------------------- */

/* One walk: its links are counted together. */
struct walk {
    struct sc_erofs *image;
    unsigned links;
    int errnum; /* why it ended */
};

static struct sc_erofs_dir *enter_link(struct walk *walk, struct sc_erofs_dir *from, const char *target);

/* One part of a path; NULL with the reason in walk. */
static struct sc_erofs_dir *
step(struct walk *walk, struct sc_erofs_dir *from, const char *name, size_t len)
{
    const struct sc_erofs_entry *entry;

    if (len == 1 && name[0] == '.')
        return from;
    if (len == 2 && name[0] == '.' && name[1] == '.') {
        walk->errnum = from->parent == from ? EXDEV : 0;
        return walk->errnum ? NULL : from->parent;
    }
    entry = sc_erofs_lookup(walk->image, from, name, len);
    if (!entry || !entry->node) {
        walk->errnum = ENOENT;
        return NULL;
    }
    if (entry->node->type == SC_EROFS_SYMLINK)
        return enter_link(walk, from, entry->node->target);
    if (!entry->node->dir)
        walk->errnum = ENOTDIR;
    return entry->node->dir;
}

/* Recursion ends with the count of links. */
static struct sc_erofs_dir *
enter_link(struct walk *walk, struct sc_erofs_dir *from, const char *target) /* NOLINT(misc-no-recursion) */
{
    if (target[0] == '/' || ++walk->links > SC_EROFS_LINKS_MAX) {
        walk->errnum = target[0] == '/' ? EXDEV : ELOOP;
        return NULL;
    }
    for (const char *part = target; *part && from; part += strspn(part, "/")) {
        size_t len = strcspn(part, "/");

        if (len > NAME_MAX) {
            walk->errnum = ENAMETOOLONG;
            return NULL;
        }
        from = step(walk, from, part, len);
        part += len;
    }
    return from;
}

static int
make_implicit(struct sc_erofs *image, struct sc_erofs_dir *parent, const char *path, size_t start, size_t end,
              struct sc_erofs_dir **out, struct sc_err *err)
{
    struct sc_layer_attrs attrs = {.mode = 0755, .is_implicit = true};
    struct sc_erofs_entry *entry = sc_erofs_lookup(image, parent, path + start, end - start);
    bool was_hidden = entry && entry->node && entry->node->is_whiteout;
    char name[NAME_MAX + 1], prefix[PATH_MAX];

    memcpy(prefix, path, end);
    prefix[end] = '\0';
    if (entry && entry->node && !was_hidden)
        return sc_layer_path_err(err, ENOTDIR, prefix);
    if (was_hidden) {
        sc_erofs_remove(entry);
        attrs.is_implicit = false;
    }
    memcpy(name, path + start, end - start);
    name[end - start] = '\0';
    if (sc_erofs_mkdir(image, parent, name, &attrs, out, err) < 0)
        return -1;
    /* The whiteout hid what the layers below have here: the new directory must as well. */
    return was_hidden ? sc_erofs_set_opaque(image, *out, err) : 0;
}

int
sc_erofs_walk(struct sc_erofs *image, const char *path, bool creates, struct sc_erofs_dir **out, struct sc_err *err)
{
    struct walk walk = {.image = image};
    struct sc_erofs_dir *at = image->top;
    size_t start = 0;

    while (path[start]) {
        size_t end = start + strcspn(path + start, "/");
        struct sc_erofs_dir *next;

        walk.errnum = 0;
        next = step(&walk, at, path + start, end - start);
        if (!next && walk.errnum != ENOENT && walk.errnum != ENOTDIR)
            return sc_layer_path_err(err, walk.errnum, path);
        if (!next && !creates)
            return walk.errnum == ENOENT ? sc_err_errno(err, ENOENT, "open directory \"%.300s\"", path)
                                         : sc_layer_path_err(err, ENOTDIR, path);
        if (!next && make_implicit(image, at, path, start, end, &next, err) < 0)
            return -1;
        at = next;
        start = end + (path[end] == '/');
    }
    *out = at;
    return 0;
}

bool
sc_erofs_path(const struct sc_erofs_dir *dir, char out[PATH_MAX])
{
    size_t at = PATH_MAX - 1;

    out[at] = '\0';
    for (; dir->parent != dir; dir = dir->parent) {
        if (dir->entry->name_len + 1 > at)
            return false;
        if (out[at] != '\0')
            out[--at] = '/';
        at -= dir->entry->name_len;
        memcpy(out + at, dir->entry->name, dir->entry->name_len);
    }
    memmove(out, out + at, PATH_MAX - at);
    return true;
}
