/* Which cgroup hierarchies this host has, and which controller lives where (cgroups(7), proc_pid_mountinfo(5)). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup-priv.h"

#define DETECT_FILE_MAX ((size_t)64 << 20) /* a host of ten thousand containers has a mountinfo of megabytes */

const char *
sc_cgroup_mode_name(enum sc_cgroup_mode mode)
{
    static const char *const names[] = {
        [SC_CGROUP_V1] = "v1", [SC_CGROUP_HYBRID] = "hybrid", [SC_CGROUP_V2] = "v2", [SC_CGROUP_ABSENT] = "absent"};

    return names[mode];
}

static bool
strv_has(const struct sc_strv *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0)
            return true;
    }
    return false;
}

int
sc_cgroup_find_v2(const struct sc_cgroup_layout *layout)
{
    for (size_t i = 0; i < layout->count; i++) {
        if (layout->items[i].is_v2)
            return (int)i;
    }
    return -1;
}

int
sc_cgroup_find(const struct sc_cgroup_layout *layout, const char *controller)
{
    for (size_t i = 0; i < layout->count; i++) {
        if (strv_has(&layout->items[i].controllers, controller))
            return (int)i;
    }
    return -1;
}

/* Octal escapes of mountinfo (\040 is a space), in place. */
static void
unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from; to++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' && from[3] >= '0' &&
            from[3] <= '7') {
            *to = (char)(((from[1] - '0') << 6) | ((from[2] - '0') << 3) | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

struct mount_line {
    long id, parent;
    char *root, *point, *type, *options;
};

/* Cuts one line of mountinfo; false where it is not one. */
static bool
mount_line_parse(char *line, struct mount_line *out)
{
    char *save = NULL, *word = strtok_r(line, " ", &save);
    size_t field = 0;

    memset(out, 0, sizeof(*out));
    for (; word && strcmp(word, "-") != 0; word = strtok_r(NULL, " ", &save), field++) {
        if (field == 0)
            out->id = strtol(word, NULL, 10);
        if (field == 1)
            out->parent = strtol(word, NULL, 10);
        if (field == 3)
            out->root = word;
        if (field == 4)
            out->point = word;
    }
    if (!word || !out->point)
        return false;
    out->type = strtok_r(NULL, " ", &save);
    (void)strtok_r(NULL, " ", &save); /* the source */
    out->options = strtok_r(NULL, " ", &save);
    if (!out->type || !out->options)
        return false;
    unescape(out->root);
    unescape(out->point);
    return true;
}

/* Whether option is one of the comma-separated options. */
static bool
has_option(const char *options, const char *option, size_t len)
{
    for (const char *at = options; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (strncmp(at, option, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
    }
    return false;
}

/* The line "N:CONTROLLERS:PATH" of /proc/self/cgroup that belongs to a mount: v2 is "0::", a v1 mount carries the
 * controllers (or name=) of its hierarchy among its superblock options. */
static const char *
self_line_find(const char *self_cgroup, const struct mount_line *mount, bool is_v2)
{
    for (const char *line = self_cgroup; *line;) {
        const char *end = strchrnul(line, '\n');
        const char *list = memchr(line, ':', (size_t)(end - line));
        const char *path = list ? memchr(list + 1, ':', (size_t)(end - list - 1)) : NULL;

        if (path) {
            size_t len = strcspn(++list, ",:");

            if (is_v2 ? len == 0 : len > 0 && has_option(mount->options, list, len))
                return list;
        }
        line = *end ? end + 1 : end;
    }
    return NULL;
}

/* "/sys/fs/cgroup/memory" is "memory", "/sys/fs/cgroup" is "" */
static const char *
hierarchy_name(const char *mount_point)
{
    static const char top[] = "/sys/fs/cgroup";
    const char *slash = strrchr(mount_point, '/');

    if (strncmp(mount_point, top, sizeof(top) - 1) == 0) {
        const char *rest = mount_point + sizeof(top) - 1;

        if (*rest == '\0')
            return rest;
        if (*rest == '/')
            return rest + 1;
    }
    return slash ? slash + 1 : mount_point;
}

static bool
is_below_or_same(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

struct mount_lines {
    struct mount_line *items;
    size_t count, capacity;
};

static const struct mount_line *
line_of(const struct mount_lines *lines, long id)
{
    for (size_t i = 0; i < lines->count; i++) {
        if (lines->items[i].id == id)
            return &lines->items[i];
    }
    return NULL;
}

/* Whether mount is id itself or lies on it, by way of the mounts between; id need not be among those that are shown. */
static bool
is_upon(const struct mount_lines *lines, const struct mount_line *mount, long id)
{
    for (size_t left = lines->count; mount && left > 0; left--) {
        if (mount->id == id || mount->parent == id)
            return true;
        mount = mount->parent == mount->id ? NULL : line_of(lines, mount->parent);
    }
    return false;
}

/* A mount on the same directory or on one above it hides a hierarchy, unless the hierarchy lies on that mount. The
 * order of the lines does not tell: since Linux 6.8 it is that of their making, and one that was made first may be
 * attached last. "/" is left out: who looks from a chroot does not see what lies below it. */
static bool
is_hidden(const struct mount_lines *lines, const struct mount_line *mount)
{
    for (size_t i = 0; i < lines->count; i++) {
        const struct mount_line *other = &lines->items[i];

        if (other == mount || strcmp(other->point, "/") == 0 || !is_below_or_same(mount->point, other->point))
            continue;
        if (is_upon(lines, mount, other->parent) && !is_upon(lines, mount, other->id))
            return true;
    }
    return false;
}

static bool
is_same_hierarchy(const struct sc_cgroup_hierarchy *a, const struct sc_cgroup_hierarchy *b)
{
    if (a->is_v2 || b->is_v2)
        return a->is_v2 == b->is_v2;
    return a->controllers.count > 0 && b->controllers.count > 0 &&
           strcmp(a->controllers.items[0], b->controllers.items[0]) == 0;
}

/* The one hierarchy may be mounted many times: a whole one is better than a part (a bind mount of a subtree), and the
 * usual place better than another. */
static bool
is_better(const struct sc_cgroup_hierarchy *candidate, const struct sc_cgroup_hierarchy *known)
{
    bool candidate_whole = strcmp(candidate->mount_root, "/") == 0, known_whole = strcmp(known->mount_root, "/") == 0;

    if (candidate_whole != known_whole)
        return candidate_whole;
    return is_below_or_same(candidate->mount_point, "/sys/fs/cgroup") &&
           !is_below_or_same(known->mount_point, "/sys/fs/cgroup");
}

static int
layout_add(struct sc_cgroup_layout *layout, const struct mount_line *mount, const char *self_cgroup,
           struct sc_arena *arena, struct sc_err *err)
{
    struct sc_cgroup_hierarchy item = {.is_v2 = strcmp(mount->type, "cgroup2") == 0};
    const char *list = self_line_find(self_cgroup, mount, item.is_v2);
    const char *path;

    if (!list)
        return 0; /* a hierarchy with no line of ours is not attached to this process's namespace */
    path = strchr(list, ':') + 1;
    item.mount_point = sc_arena_strdup(arena, mount->point);
    item.mount_root = sc_arena_strdup(arena, mount->root);
    item.name = sc_arena_strdup(arena, hierarchy_name(mount->point));
    item.self_path = sc_arena_strndup(arena, path, (size_t)(strchrnul(path, '\n') - path));
    while (*list != ':') {
        size_t len = strcspn(list, ",:");
        char *controller = sc_arena_strndup(arena, list, len);

        if (controller)
            sc_strv_add(&item.controllers, arena, controller);
        list += len + (list[len] == ',');
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    for (size_t i = 0; i < layout->count; i++) {
        if (!is_same_hierarchy(&layout->items[i], &item))
            continue;
        if (is_better(&item, &layout->items[i])) {
            item.other_mount_points = layout->items[i].other_mount_points;
            sc_strv_add(&item.other_mount_points, arena, layout->items[i].mount_point);
            layout->items[i] = item;
        } else {
            sc_strv_add(&layout->items[i].other_mount_points, arena, item.mount_point);
        }
        return sc_arena_check(arena, err);
    }
    if (layout->count == SC_CGROUP_HIERARCHIES_MAX)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "read the mounted cgroup hierarchies: more than %d are mounted",
                          SC_CGROUP_HIERARCHIES_MAX);
    layout->items[layout->count++] = item;
    return 0;
}

static enum sc_cgroup_mode
layout_mode(const struct sc_cgroup_layout *layout)
{
    bool has_v1 = false, has_v2 = false;

    for (size_t i = 0; i < layout->count; i++) {
        if (layout->items[i].is_v2)
            has_v2 = true;
        else
            has_v1 = true;
    }
    if (has_v1)
        return has_v2 ? SC_CGROUP_HYBRID : SC_CGROUP_V1;
    return has_v2 ? SC_CGROUP_V2 : SC_CGROUP_ABSENT;
}

static int
mount_lines_parse(char *text, struct sc_arena *arena, struct mount_lines *out, struct sc_err *err)
{
    char *save = NULL;

    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
        struct mount_line mount;

        if (!mount_line_parse(line, &mount))
            continue;
        out->items = sc_arena_grow(arena, out->items, out->count, &out->capacity, sizeof(mount), 64);
        if (!out->items)
            return sc_arena_check(arena, err);
        out->items[out->count++] = mount;
    }
    return 0;
}

int
sc_cgroup_parse_layout(const char *mountinfo, const char *self_cgroup, struct sc_arena *arena,
                       struct sc_cgroup_layout *out, struct sc_err *err)
{
    sc_cleanup_buf copy = SC_BUF_INIT;
    sc_cleanup_arena scratch = SC_ARENA_INIT;
    struct sc_cgroup_layout layout = {.count = 0};
    struct mount_lines lines = {.count = 0};

    sc_buf_adds(&copy, mountinfo);
    if (sc_buf_check(&copy, err) < 0 || mount_lines_parse(copy.data, &scratch, &lines, err) < 0)
        return -1;
    for (size_t i = 0; i < lines.count; i++) {
        const struct mount_line *mount = &lines.items[i];

        if ((strcmp(mount->type, "cgroup") != 0 && strcmp(mount->type, "cgroup2") != 0) || is_hidden(&lines, mount))
            continue;
        if (layout_add(&layout, mount, self_cgroup, arena, err) < 0)
            return -1;
    }
    layout.mode = layout_mode(&layout);
    *out = layout;
    return 0;
}

/* ---- what only files in the hierarchies tell -------------------------------- */

static void
read_controllers(struct sc_cgroup_hierarchy *item, int dir, struct sc_arena *arena)
{
    char text[512], *save = NULL;

    if (sc_cgroup_read_small(dir, "cgroup.controllers", text, sizeof(text)) < 0)
        return;
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
        sc_strv_add(&item->controllers, arena, word);
}

static char *
read_mask(int dir, const char *effective, const char *plain, struct sc_arena *arena)
{
    char text[4096];

    if (sc_cgroup_read_small(dir, effective, text, sizeof(text)) > 0 ||
        sc_cgroup_read_small(dir, plain, text, sizeof(text)) > 0)
        return sc_arena_strdup(arena, text);
    return NULL;
}

/* The root of v2 has no memory.swap.max to look at; a cgroup below it has, so ours is asked where we are in one. A
 * kernel built without swap has no /proc/swaps. */
static bool
has_swap_accounting2(const struct sc_cgroup_hierarchy *item, int dir)
{
    size_t root_len = strcmp(item->mount_root, "/") == 0 ? 0 : strlen(item->mount_root);
    const char *own = item->self_path;

    if (strncmp(own, item->mount_root, root_len) == 0)
        own += root_len;
    while (*own == '/')
        own++;
    if (*own) {
        char file[4096];

        (void)snprintf(file, sizeof(file), "%s/memory.max", own);
        if (faccessat(dir, file, F_OK, 0) == 0) {
            (void)snprintf(file, sizeof(file), "%s/memory.swap.max", own);
            return faccessat(dir, file, F_OK, 0) == 0;
        }
    }
    return faccessat(dir, "memory.swap.max", F_OK, 0) == 0 || access("/proc/swaps", F_OK) == 0;
}

int
sc_cgroup_detect(struct sc_arena *arena, struct sc_cgroup_layout *out, struct sc_err *err)
{
    sc_cleanup_buf mountinfo = SC_BUF_INIT, self = SC_BUF_INIT;
    struct sc_cgroup_layout layout;

    if (sc_file_read_at(AT_FDCWD, "/proc/self/mountinfo", DETECT_FILE_MAX, &mountinfo, err) < 0 ||
        sc_file_read_at(AT_FDCWD, "/proc/self/cgroup", DETECT_FILE_MAX, &self, err) < 0)
        return sc_err_wrap(err, "find the cgroup hierarchies");
    if (sc_cgroup_parse_layout(sc_buf_str(&mountinfo), sc_buf_str(&self), arena, &layout, err) < 0)
        return -1;
    for (size_t i = 0; i < layout.count; i++) {
        struct sc_cgroup_hierarchy *item = &layout.items[i];
        bool has_memory = strv_has(&item->controllers, "memory"), has_cpuset = strv_has(&item->controllers, "cpuset");
        sc_cleanup_fd dir = -1;

        if (!item->is_v2 && !has_memory && !has_cpuset)
            continue;
        dir = openat(AT_FDCWD, item->mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
            continue; /* hidden after all, or gone meanwhile: creating in it will say so */
        if (item->is_v2) {
            read_controllers(item, dir, arena);
            has_cpuset = strv_has(&item->controllers, "cpuset");
            if (strv_has(&item->controllers, "memory"))
                layout.has_swap_accounting = has_swap_accounting2(item, dir);
        } else if (has_memory) {
            layout.has_swap_accounting = faccessat(dir, "memory.memsw.limit_in_bytes", F_OK, 0) == 0;
        }
        if (has_cpuset) {
            layout.cpuset_cpus =
                read_mask(dir, item->is_v2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus", "cpuset.cpus", arena);
            layout.cpuset_mems =
                read_mask(dir, item->is_v2 ? "cpuset.mems.effective" : "cpuset.effective_mems", "cpuset.mems", arena);
        }
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    *out = layout;
    return 0;
}
