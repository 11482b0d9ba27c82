/* How much disk a tree takes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

/* One descriptor a level: what lies deeper than anything sensible is not counted. */
#define DEPTH_MAX 200
#define BLOCK     512 /* the unit of st_blocks, stat(2) */

static void
add_entry(int at_fd, const char *name, int depth, int64_t *bytes)
{
    sc_cleanup_fd fd = -1;
    sc_cleanup_dir dir = NULL;
    struct dirent *entry;
    struct stat st;

    if (fstatat(at_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    /* A file of several names takes its room once; each name found counts its share. */
    *bytes += (int64_t)st.st_blocks * BLOCK / (S_ISDIR(st.st_mode) || st.st_nlink == 0 ? 1 : (int64_t)st.st_nlink);
    if (!S_ISDIR(st.st_mode) || depth >= DEPTH_MAX)
        return;
    fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return;
    (void)sc_steal_fd(&fd);
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            add_entry(dirfd(dir), entry->d_name, depth + 1, bytes);
    }
}

int64_t
sc_tree_size_at(int dirfd, const char *name)
{
    int64_t bytes = 0;

    add_entry(dirfd, name, 0, &bytes);
    return bytes;
}
