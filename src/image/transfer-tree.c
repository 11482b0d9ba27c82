/* sc-transfer: unpack, mount, umount, diff, fsck: images as trees of files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "image/transfer-program-priv.h"
#include "image/tree-priv.h"
#include "kernel/kernel.h"

/* The image and its tree; the session keeps it from being swept. */
static int
open_image(struct sc_job *job, const char *name, struct sc_image *image, int *session_fd, struct sc_err *err)
{
    *session_fd = sc_store_session(&job->store, err);
    if (*session_fd < 0 || sc_image_find(&job->store, name, &job->arena, image, err) < 0)
        return -1;
    return sc_image_open_root(&job->store, image, err);
}

/* A mount's fd is good for nothing but its place: its top directory, to be read. */
static int
open_top(int mount_fd, struct sc_err *err)
{
    return mount_fd < 0 ? -1 : sc_dir_open_at(mount_fd, ".", err);
}

/* ---- unpack ----------------------------------------------------------------------------------------------------- */

/* Only what is not there, or empty, is replaced: rename(2) sees to it; this says so before the work. */
static int
check_target(const char *path, struct sc_err *err)
{
    int fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* lint: the caller's own path */
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (!dir)
        return sc_err_errno(err, errno, "open directory \"%s\"", path);
    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        sc_err_set(err, SC_ERR_EXISTS, "unpack to \"%s\": the directory is not empty", path);
        return sc_err_remedy(err, "name one that is empty or does not exist");
    }
    return errno == 0 ? 0 : sc_err_errno(err, errno, "read directory \"%s\"", path);
}

static int
unpack_to(int root_fd, const char *temp, struct sc_err *err)
{
    sc_cleanup_fd fd = -1;

    if (mkdirat(AT_FDCWD, temp, 0700) < 0) /* lint: the caller's own path */
        return sc_err_errno(err, errno, "make directory \"%s\"", temp);
    fd = sc_dir_open_at(AT_FDCWD, temp, err);
    return fd < 0 ? -1 : sc_tree_copy(root_fd, fd, err);
}

int
sc_job_unpack(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL};
    struct sc_image image;
    sc_cleanup_fd session = -1, root = -1, top = -1;
    struct sc_err ignored = SC_ERR_INIT;
    size_t len;
    char *path, *temp;

    if (sc_transfer_options(argc, argv, NULL, 0, false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count != 2 || !*operands.items[1])
        return sc_job_usage(err, "sc image unpack IMAGE DIR");
    path = operands.items[1];
    for (len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
        path[len - 1] = '\0';
    temp = sc_arena_printf(&job->arena, "%s.sc-%d", path, (int)getpid());
    if (!temp)
        return sc_err_nomem(err);
    if (check_target(path, err) < 0 || sc_job_open_store(job, err) < 0)
        return -1;
    root = open_image(job, operands.items[0], &image, &session, err);
    top = open_top(root, err);
    if (top < 0)
        return -1;
    if (unpack_to(top, temp, err) == 0) {
        if (renameat(AT_FDCWD, temp, AT_FDCWD, path) == 0) /* lint: the caller's own path */
            return 0;
        sc_err_errno(err, errno, "name \"%s\"", path);
    }
    (void)!sc_tree_remove_at(AT_FDCWD, temp, &ignored);
    return sc_err_wrap(err, "unpack \"%s\"", operands.items[0]);
}

/* ---- mount, umount ---------------------------------------------------------------------------------------------- */

static bool
is_mounted(int at_fd, const char *name)
{
    struct statx dir, parent;

    return statx(at_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID, &dir) == 0 &&
           statx(at_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &parent) == 0 && dir.stx_mnt_id != parent.stx_mnt_id;
}

/* <data>/mount/<id>, where an image is mounted that nobody named a place for. */
static char *
own_place(struct sc_job *job, const struct sc_image *image)
{
    return sc_arena_printf(&job->arena, "%s/mount/%s", job->store.data_path, sc_digest_hex(image->id));
}

static int
list_mounts(struct sc_job *job, struct sc_err *err)
{
    struct sc_image_list list;
    struct sc_err absent = SC_ERR_INIT;
    sc_cleanup_fd dir = sc_dir_open_at(job->store.data_fd, "mount", &absent);

    if (dir < 0)
        return 0;
    if (sc_image_list(&job->store, &job->arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        if (is_mounted(dir, sc_digest_hex(list.items[i].id)))
            (void)printf("%s %s\n", list.items[i].name ? list.items[i].name : list.items[i].id,
                         own_place(job, &list.items[i]));
    }
    return 0;
}

int
sc_job_mount(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL};
    sc_cleanup_fd session = -1, root = -1, target = -1;
    struct sc_image image;
    const char *place;
    int status;

    if (sc_transfer_options(argc, argv, NULL, 0, false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count > 2)
        return sc_job_usage(err, "sc image mount [IMAGE [DIR]]");
    if (sc_job_open_store(job, err) < 0)
        return -1;
    if (operands.count == 0)
        return list_mounts(job, err);
    if (geteuid() != 0 || sc_process_is_in_user_ns()) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "mount \"%s\": only root's mounts outlive the command", operands.items[0]);
        return sc_err_remedy(err, "copy it with `sc image unpack`");
    }
    root = open_image(job, operands.items[0], &image, &session, err);
    if (root < 0)
        return -1;
    place = operands.count > 1 ? operands.items[1] : own_place(job, &image);
    if (!place)
        return sc_err_nomem(err);
    if (operands.count == 1 && sc_dir_make_at(job->store.data_fd, "mount", 0755, err) < 0)
        return -1;
    if (operands.count == 1 && mkdirat(AT_FDCWD, place, 0700) < 0 && errno != EEXIST) /* lint: in our data root */
        return sc_err_errno(err, errno, "make directory \"%s\"", place);
    if (operands.count == 1) {
        sc_cleanup_fd dir = sc_dir_open_at(job->store.data_fd, "mount", err);

        if (dir < 0)
            return -1;
        if (is_mounted(dir, sc_digest_hex(image.id))) { /* as it is asked for */
            (void)printf("%s\n", place);
            return 0;
        }
    }
    /* lint: the caller's own path */
    target = openat(AT_FDCWD, place, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (target < 0)
        return sc_err_errno(err, errno, "open directory \"%s\"", place);
    status = sc_mount_move(root, target);
    if (status < 0)
        return sc_err_errno(err, -status, "mount \"%s\" on \"%s\"", operands.items[0], place);
    /* Whoever removes the image from now on sees the mount; who did so a moment ago did not. */
    if ((operands.count > 1 && sc_image_note_mount(&job->store, image.id, place, err) < 0) ||
        sc_image_find(&job->store, image.id, &job->arena, &image, err) < 0) {
        (void)umount2(place, UMOUNT_NOFOLLOW); /* lint: the caller's own path */
        return -1;
    }
    (void)printf("%s\n", place);
    return 0;
}

static int
umount_one(struct sc_job *job, const char *word, struct sc_err *err)
{
    const char *place = word;
    struct sc_image image;
    bool is_own = !strchr(word, '/') || sc_image_find(&job->store, word, &job->arena, &image, err) == 0;

    *err = (struct sc_err)SC_ERR_INIT;
    if (is_own) {
        if (sc_image_find(&job->store, word, &job->arena, &image, err) < 0)
            return -1;
        place = own_place(job, &image);
        if (!place)
            return sc_err_nomem(err);
    }
    if (umount2(place, UMOUNT_NOFOLLOW) < 0) { /* lint: the caller's own path */
        if (errno == EINVAL || errno == ENOENT)
            return sc_err_set(err, SC_ERR_INVALID, "unmount \"%s\": it is not mounted", word);
        return sc_err_errno(err, errno, "unmount \"%s\"", word);
    }
    if (is_own)
        (void)unlinkat(AT_FDCWD, place, AT_REMOVEDIR); /* lint: in our data root */
    (void)printf("%s\n", word);
    return 0;
}

int
sc_job_umount(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL};

    if (sc_transfer_options(argc, argv, NULL, 0, false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count == 0)
        return sc_job_usage(err, "sc image umount IMAGE|DIR...");
    if (sc_job_open_store(job, err) < 0)
        return -1;
    for (size_t i = 0; i < operands.count; i++) {
        if (umount_one(job, operands.items[i], err) < 0)
            return -1;
    }
    return 0;
}

/* ---- diff ------------------------------------------------------------------------------------------------------- */

void
sc_job_print_change(char kind, const char *path)
{
    sc_cleanup_buf line = SC_BUF_INIT;

    sc_buf_addf(&line, "%c ", kind);
    sc_buf_add_visible(&line, path);
    (void)puts(sc_buf_str(&line));
}

static int
print_difference(void *data, char kind, const char *path, const char *why, struct sc_err *err)
{
    (void)data;
    (void)why;
    (void)err;
    sc_job_print_change(kind, path);
    return 0;
}

int
sc_job_diff(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL};
    sc_cleanup_fd a_session = -1, b_session = -1, a = -1, b = -1, a_top = -1, b_top = -1;
    struct sc_tree_diff diff = {.fn = print_difference};
    struct sc_image a_image, b_image;

    if (sc_transfer_options(argc, argv, NULL, 0, false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count != 2)
        return sc_job_usage(err, "sc image diff IMAGE IMAGE");
    if (sc_job_open_store(job, err) < 0)
        return -1;
    a = open_image(job, operands.items[0], &a_image, &a_session, err);
    b = a < 0 ? -1 : open_image(job, operands.items[1], &b_image, &b_session, err);
    a_top = b < 0 ? -1 : open_top(a, err);
    b_top = a_top < 0 ? -1 : open_top(b, err);
    if (b_top < 0)
        return -1;
    diff.a_fd = a_top;
    diff.b_fd = b_top;
    return sc_tree_diff(&diff, err);
}

/* ---- fsck ------------------------------------------------------------------------------------------------------- */

static void
print_line(void *data, const char *line)
{
    (void)data;
    for (; *line; line++)
        (void)putchar((unsigned char)*line < 0x20 || *line == 0x7f ? '?' : *line);
    (void)putchar('\n');
}

int
sc_job_fsck(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL};
    struct sc_store_check check = {.say = print_line};
    const struct sc_transfer_option options[] = {{.name = "repair", .flag = &check.repairs}};
    size_t left;

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count > 0)
        return sc_job_usage(err, "sc system fsck [--repair]");
    if (sc_job_open_writer(job, err) < 0 || sc_store_fsck(&job->store, &check, err) < 0)
        return -1;
    (void)printf("%zu blobs and %zu layers checked: %zu problems", check.blobs, check.layers, check.problems);
    if (check.repairs)
        (void)printf(", %zu repaired", check.repaired);
    if (check.sealed > 0)
        (void)printf("; %zu layers sealed by fs-verity", check.sealed);
    (void)putchar('\n');
    left = check.problems - check.repaired;
    if (left == 0)
        return 0;
    sc_err_set(err, SC_ERR_INVALID, "check the store in \"%s\": problems are left: %zu", job->store.data_path, left);
    return sc_err_remedy(err, check.repairs ? "remove the images that have damaged blobs, and get them again"
                                            : "`sc system fsck --repair` unpacks damaged layers again");
}
