/*
 * Which images `sc image mount` has mounted. The kernel knows what is mounted, but not which image it was; so
 *
 *     <data>/mount/<hex>              is where image <hex> is mounted that nobody named a place for, and
 *     <data>/mount/<hex>.<mount id>   leads to the place that somebody named
 *
 * and each is believed only while that very mount is there: after a umount(8) or a reboot a link means nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/image-priv.h"

/* proc_pid_fdinfo(5); 0: it cannot be told. */
static int64_t
mount_of(int fd)
{
    char path[sizeof("/proc/self/fdinfo/") + SC_NUM_MAX];
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    int64_t id = 0;
    char *line;

    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    if (sc_file_read_at(AT_FDCWD, path, 4096, &text, &ignored) < 0)
        return 0;
    line = text.data ? strstr(text.data, "mnt_id:\t") : NULL;
    if (!line)
        return 0;
    line += strlen("mnt_id:\t");
    line[strcspn(line, "\n")] = '\0';
    return sc_parse_i64(line, &id, &ignored) < 0 ? 0 : id;
}

/* The id of the mount that at_fd/name is the top of; 0: of none. */
static int64_t
mount_at(int at_fd, const char *name)
{
    sc_cleanup_fd fd = openat(at_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC); /* lint: only its mount is asked for */
    sc_cleanup_fd above = fd < 0 ? -1 : openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int64_t id = above < 0 ? 0 : mount_of(fd);

    return id == 0 || id == mount_of(above) ? 0 : id;
}

int
sc_image_note_mount(const struct sc_store *store, const char *image_id, const char *place, struct sc_err *err)
{
    char link[sizeof("mount/.") + SC_DIGEST_HEX_LEN + SC_NUM_MAX];
    sc_cleanup_free char *path = realpath(place, NULL); /* lint: the caller's own path */

    if (!path)
        return sc_err_errno(err, errno, "find directory \"%s\"", place);
    (void)snprintf(link, sizeof(link), "mount/%.64s.%lld", sc_digest_hex(image_id),
                   (long long)mount_at(AT_FDCWD, path)); /* lint: the caller's own path */
    if (sc_dir_make_at(store->data_fd, "mount", 0755, err) < 0)
        return -1;
    (void)unlinkat(store->data_fd, link, 0); /* of a mount that had this id before */
    if (symlinkat(path, store->data_fd, link) < 0)
        return sc_err_errno(err, errno, "note the mount on \"%s\"", path);
    return 0;
}

/* Whether the mount of a link is still there; a link whose mount is gone goes too. */
static bool
link_is_mounted(int dir_fd, const char *name, char place[PATH_MAX])
{
    ssize_t len = readlinkat(dir_fd, name, place, PATH_MAX - 1);
    struct sc_err ignored = SC_ERR_INIT;
    int64_t id = 0;

    if (len <= 0)
        return false;
    place[len] = '\0';
    if (sc_parse_i64(name + SC_DIGEST_HEX_LEN + 1, &id, &ignored) == 0 && id != 0 &&
        mount_at(AT_FDCWD, place) == id) /* lint: what our own link says */
        return true;
    (void)unlinkat(dir_fd, name, 0);
    return false;
}

bool
sc_image_is_mounted(const struct sc_store *store, const char *image_id, char place[PATH_MAX])
{
    const char *hex = sc_digest_hex(image_id);
    struct sc_err absent = SC_ERR_INIT;
    sc_cleanup_fd fd = sc_dir_open_at(store->data_fd, "mount", &absent);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir)
        return false;
    (void)sc_steal_fd(&fd);
    if (mount_at(dirfd(dir), hex) != 0) {
        (void)snprintf(place, PATH_MAX, "%.3900s/mount/%.64s", store->data_path, hex);
        return true;
    }
    while ((entry = readdir(dir))) {
        if (strncmp(entry->d_name, hex, SC_DIGEST_HEX_LEN) == 0 && entry->d_name[SC_DIGEST_HEX_LEN] == '.' &&
            link_is_mounted(dirfd(dir), entry->d_name, place))
            return true;
    }
    return false;
}
