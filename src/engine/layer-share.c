/*
 * Layers that are EROFS images, mounted once for all containers that run from them.
 *
 * Every mount of an image file is a file system of its own, with pages of its own: a hundred containers of one image
 * would hold its libc a hundred times. So the first one's monitor keeps a detached copy of the mount, and says where at
 * <run>/layer/<chain id>, a link to "PID.START.FD.INODE.MTIME"; who starts later takes the descriptor out of it
 * (pidfd_getfd(2)) and copies the mount. Nothing depends on it: a link that does not hold, or a kernel that cannot copy
 * a detached mount (before 6.15), means a mount of one's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define EROFS_MAGIC 0xe0f5e1e2 /* EROFS_SUPER_MAGIC_V1 of linux/magic.h */
#define LINK_MAX    128

struct place {
    pid_t pid;
    uint64_t start_time;
    int fd;
    uint64_t inode; /* of the image file, as it was mounted: a repaired layer is another file */
    int64_t mtime_ns;
};

/* The layer's name: of <data>/layer/<chain id>/erofs, or .../<chain id>/flat/erofs, which is "<chain id>.flat". */
static void
link_path(const struct sc_engine *engine, const char *image, char *path, size_t size)
{
    const char *name = image + strlen(engine->data_path) + strlen("/layer/");
    const size_t len = strcspn(name, "/");

    (void)snprintf(path, size, "layer/%.*s%s", (int)len, name, sc_str_starts(name + len, "/flat/") ? ".flat" : "");
}

static bool
look_at_image(const char *image, struct place *place)
{
    struct stat st;

    if (fstatat(AT_FDCWD, image, &st, AT_SYMLINK_NOFOLLOW) < 0) /* lint: the store's own file */
        return false;
    place->inode = st.st_ino;
    place->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    return true;
}

static bool
read_link(int run_fd, const char *path, struct place *place)
{
    char text[LINK_MAX], *rest = text;
    int64_t numbers[5];
    struct sc_err ignored = SC_ERR_INIT;
    ssize_t len = readlinkat(run_fd, path, text, sizeof(text) - 1);

    if (len <= 0)
        return false;
    text[len] = '\0';
    for (size_t i = 0; i < SC_ARRAY_LEN(numbers); i++) {
        const char *word = strsep(&rest, ".");

        if (!word || sc_parse_i64(word, &numbers[i], &ignored) < 0)
            return false;
    }
    *place = (struct place){.pid = (pid_t)numbers[0],
                            .start_time = (uint64_t)numbers[1],
                            .fd = (int)numbers[2],
                            .inode = (uint64_t)numbers[3],
                            .mtime_ns = numbers[4]};
    return true;
}

/* A copy of the mount that a monitor holds, or -1. */
static int
copy_from(const struct place *place)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd pidfd = sc_pidfd_open(place->pid, place->start_time, &ignored), held = -1;
    struct statfs fs;

    held = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, place->fd, 0);
    if (held < 0 || fstatfs(held, &fs) < 0 || (uint32_t)fs.f_type != EROFS_MAGIC)
        return -1;
    return sc_mount_tree_open(held, "", false);
}

void
sc_layers_take(const struct sc_engine *engine, struct sc_start_job *job)
{
    struct sc_overlay *overlay = &job->ask.overlay;
    char path[LINK_MAX];

    for (size_t i = 0; overlay->mounts && i < overlay->images.count; i++) {
        struct place now, then;

        if (!*overlay->images.items[i])
            continue;
        link_path(engine, job->ask.overlay.images.items[i], path, sizeof(path));
        if (!read_link(engine->run_fd, path, &then) || !look_at_image(overlay->images.items[i], &now) ||
            now.inode != then.inode || now.mtime_ns != then.mtime_ns)
            continue;
        overlay->mounts[i] = copy_from(&then);
        if (i < SC_MONITOR_HELD_MAX && overlay->mounts[i] >= 0)
            job->layers_taken |= 1U << i;
    }
}

static bool
may_offer(const struct sc_start_job *job, size_t layer)
{
    const struct sc_overlay *overlay = &job->ask.overlay;

    return overlay->mounts && layer < overlay->images.count && layer < SC_MONITOR_HELD_MAX &&
           overlay->mounts[layer] >= 0 && (job->layers_taken & 1U << layer) == 0;
}

void
sc_layers_undo(const struct sc_engine *engine, const struct sc_start_job *job, struct sc_buf *undo)
{
    char path[LINK_MAX];
    sc_cleanup_buf whole = SC_BUF_INIT;

    for (size_t i = 0; i < SC_MONITOR_HELD_MAX; i++) {
        if (!may_offer(job, i))
            continue;
        link_path(engine, job->ask.overlay.images.items[i], path, sizeof(path));
        sc_buf_clear(&whole);
        sc_buf_addf(&whole, "%s/%s", engine->run_path, path);
        sc_undo_add(undo, SC_UNDO_UNLINK, sc_buf_str(&whole));
    }
}

/* In the place of what is there: it did not hold, or it would have been taken. */
static bool
write_link(int run_fd, const char *path, const struct place *place)
{
    char text[LINK_MAX];

    (void)snprintf(text, sizeof(text), "%d.%" PRIu64 ".%d.%" PRIu64 ".%" PRId64, place->pid, place->start_time,
                   place->fd, place->inode, place->mtime_ns);
    for (int i = 0; i < 2; i++) {
        if (symlinkat(text, run_fd, path) == 0)
            return true;
        if (errno == EEXIST ? unlinkat(run_fd, path, 0) < 0
                            : errno != ENOENT || (mkdirat(run_fd, "layer", 0700) < 0 && errno != EEXIST))
            return false;
    }
    return false;
}

void
sc_layers_offer(const struct sc_engine *engine, const struct sc_start_job *job, struct sc_layers_held *held)
{
    struct place place = {.pid = getpid()};
    char path[LINK_MAX];

    held->count = 0;
    for (size_t i = 0; i < SC_MONITOR_HELD_MAX; i++) {
        if (!may_offer(job, i) || !look_at_image(job->ask.overlay.images.items[i], &place))
            continue;
        place.fd = sc_mount_tree_open(job->ask.overlay.mounts[i], "", false);
        if (place.fd < 0)
            return;
        if (place.start_time == 0)
            place.start_time = sc_process_start_time(place.pid);
        link_path(engine, job->ask.overlay.images.items[i], path, sizeof(path));
        if (write_link(engine->run_fd, path, &place))
            held->fds[held->count++] = place.fd;
        else
            sc_closep(&place.fd);
    }
}
