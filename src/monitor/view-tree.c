/* The directories of a view: the host's below SC_VIEW_SYS, numbered as the kernel asks for them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/view.h"

#define UNKNOWN_INO 0xffffffffU

/* Few are ever asked for, and one process has one view. */
static struct sc_view_node *nodes;
static size_t node_count;

struct sc_view_node *
sc_view_node_get(uint64_t number)
{
    if (number < SC_VIEW_FIRST_NODE || number - SC_VIEW_FIRST_NODE >= node_count)
        return NULL;
    return nodes[number - SC_VIEW_FIRST_NODE].path ? &nodes[number - SC_VIEW_FIRST_NODE] : NULL;
}

/* An entry that nobody uses, or a new one. */
static struct sc_view_node *
free_node(void)
{
    struct sc_view_node *more;

    for (size_t i = 0; i < node_count; i++) {
        if (!nodes[i].path)
            return &nodes[i];
    }
    more = realloc(nodes, (node_count + 1) * sizeof(*nodes));
    if (!more)
        return NULL;
    nodes = more;
    nodes[node_count] = (struct sc_view_node){.path = NULL};
    return &nodes[node_count++];
}

uint64_t
sc_view_node_find(const char *path)
{
    struct sc_view_node *node = NULL;
    struct stat st;

    for (size_t i = 0; i < node_count && !node; i++)
        node = nodes[i].path && strcmp(nodes[i].path, path) == 0 ? &nodes[i] : NULL;
    if (!node) {
        char whole[PATH_MAX];

        if (snprintf(whole, sizeof(whole), "/" SC_VIEW_SYS "/%s", path) >= (int)sizeof(whole) ||
            lstat(whole, &st) < 0) /* lint: the host's own /sys */
            return 0;
        node = free_node();
        if (!node || !(node->path = strdup(path)))
            return 0;
        node->lookups = 0;
        node->size = 0;
    }
    node->lookups++;
    return SC_VIEW_FIRST_NODE + (uint64_t)(node - nodes);
}

void
sc_view_node_forget(uint64_t number, uint64_t lookups)
{
    struct sc_view_node *node = sc_view_node_get(number);

    if (!node)
        return;
    node->lookups -= lookups < node->lookups ? lookups : node->lookups;
    if (node->lookups == 0) {
        free(node->path);
        node->path = NULL;
    }
}

void
sc_view_add_entry(const struct fuse_entry_out *entry, const char *name, uint32_t type, struct sc_buf *out)
{
    static const char zeroes[sizeof(uint64_t)];
    struct fuse_dirent head = {.ino = UNKNOWN_INO, .namelen = (uint32_t)strlen(name), .type = type};
    size_t len = FUSE_NAME_OFFSET_DIRENTPLUS + head.namelen;

    head.off = out->len + FUSE_DIRENT_ALIGN(len);
    sc_buf_add(out, (const char *)entry, sizeof(*entry));
    sc_buf_add(out, (const char *)&head, FUSE_NAME_OFFSET);
    sc_buf_add(out, name, head.namelen);
    sc_buf_add(out, zeroes, FUSE_DIRENT_ALIGN(len) - len);
}

int
sc_view_node_list(const char *path, const struct sc_view_values *values, int host_cpus, struct sc_buf *out)
{
    static const struct fuse_entry_out nothing; /* the kernel may ask */
    char whole[PATH_MAX];
    const struct dirent *entry;
    DIR *dir;

    if (snprintf(whole, sizeof(whole), "/" SC_VIEW_SYS "/%s", path) >= (int)sizeof(whole))
        return -ENAMETOOLONG;
    dir = opendir(whole); /* lint: the host's own /sys */
    if (!dir)
        return -errno;
    while ((entry = readdir(dir)) != NULL) {
        if (sc_view_sys_is_shown(path, entry->d_name, values, host_cpus))
            sc_view_add_entry(&nothing, entry->d_name, entry->d_type, out);
    }
    closedir(dir);
    return out->has_failed ? -ENOMEM : 0;
}
