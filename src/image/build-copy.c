/* COPY and ADD: where each source goes in the image. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/build-priv.h"
#include "image/tar-read-priv.h"
#include "kernel/kernel.h"

#define NAMES_MAX ((size_t)4 << 20) /* of passwd and group */
#define DIR_MODE  0755

struct into {
    const struct sc_build_copy *copy;
    struct sc_build_walk walk;
    int root_fd; /* of the image; -1: nothing is written */
    struct sc_jail *jail;
    char dest[PATH_MAX]; /* canonical */
    bool has_dest, dest_is_dir;
};

static void
into_release(struct into *into)
{
    sc_build_walk_release(&into->walk);
}

#define CLEANUP_INTO __attribute__((cleanup(into_release))) struct into

/* ---- the owner --------------------------------------------------------------------------------------------------- */

static int
find_owner(const struct sc_build_copy *copy, int root_fd, struct sc_arena *arena, struct sc_build_walk *walk,
           struct sc_err *err)
{
    static const char *const files[] = {"/etc/passwd", "/etc/group"};
    sc_cleanup_buf passwd = SC_BUF_INIT, group = SC_BUF_INIT;
    struct sc_buf *const texts[] = {&passwd, &group};
    struct sc_user_request ask = {.user = copy->chown};
    struct sc_user_result user = {.uid = 0};
    const char *colon;

    if (!copy->chown)
        return 0;
    for (size_t i = 0; i < SC_ARRAY_LEN(files); i++) {
        int status = sc_path_open_regular(-1, root_fd, files[i]);
        sc_cleanup_fd fd = status;

        if (status >= 0 && sc_file_read_fd(fd, NAMES_MAX, texts[i], err) < 0)
            return sc_err_wrap(err, "read \"%s\" of the image", files[i]);
    }
    if (sc_user_resolve(sc_buf_str(&passwd), sc_buf_str(&group), &ask, arena, &user, err) < 0)
        return sc_err_wrap(err, "--chown=%s", copy->chown);
    walk->uid = user.uid;
    walk->gid = user.gid;
    colon = strchr(copy->chown, ':');
    /* A number alone is the group's too, as Docker has it. */
    if (!colon && copy->chown[strspn(copy->chown, "0123456789")] == '\0')
        walk->gid = user.uid;
    return 0;
}

/* ---- the destination --------------------------------------------------------------------------------------------- */

static int
look_at_dest(struct into *into, struct sc_err *err)
{
    sc_cleanup_fd fd = -1;
    struct stat st;

    if (sc_build_resolve(into->root_fd, into->copy->dest, into->dest, &fd, err) < 0)
        return sc_err_wrap(err, "destination \"%s\"", into->copy->dest);
    into->has_dest = fd >= 0;
    if (fd >= 0 && fstat(fd, &st) < 0)
        return sc_err_errno(err, errno, "look at \"/%s\"", into->dest);
    into->dest_is_dir = fd >= 0 && S_ISDIR(st.st_mode);
    if (fd >= 0 && into->copy->dest_is_dir && !into->dest_is_dir)
        return sc_err_set(err, SC_ERR_INVALID, "destination \"%s\" is not a directory", into->copy->dest);
    return 0;
}

/* One directory below another: it, made where it is missing, with the owner that the copies get. */
static int
step_into(const struct into *into, int at, const char *name, struct sc_err *err)
{
    const struct sc_build_walk *walk = &into->walk;
    sc_cleanup_fd fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0 || errno != ENOENT)
        return fd < 0 ? sc_err_errno(err, errno, "open \"%s\"", name) : sc_steal_fd(&fd);
    if (mkdirat(at, name, DIR_MODE) < 0)
        return sc_err_errno(err, errno, "make directory \"%s\"", name);
    fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fchown(fd, walk->uid, walk->gid) < 0) {
        (void)!sc_build_owner_error(err, walk->uid, walk->gid);
        return sc_err_wrap(err, "make directory \"%s\"", name);
    }
    if (fd < 0 || fchmod(fd, DIR_MODE) < 0)
        return sc_err_errno(err, errno, "make directory \"%s\"", name);
    return sc_steal_fd(&fd);
}

/* The first len bytes of dest as a directory. */
static int
open_dir(const struct into *into, size_t len, struct sc_err *err)
{
    sc_cleanup_fd at = openat(into->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char path[PATH_MAX], *save = NULL;

    if (at < 0)
        return sc_err_errno(err, errno, "open the image's root");
    memcpy(path, into->dest, len);
    path[len] = '\0';
    for (char *part = strtok_r(path, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
        int next = step_into(into, at, part, err);

        if (next < 0)
            return sc_err_wrap(err, "destination \"%s\"", into->copy->dest);
        sc_closep(&at);
        at = next;
    }
    return sc_steal_fd(&at);
}

/* The directory that a file goes into, and its name there. */
static int
open_place(const struct into *into, const char *own_name, const char **name, struct sc_err *err)
{
    const char *slash = strrchr(into->dest, '/');

    if (into->copy->dest_is_dir || into->dest_is_dir) {
        *name = own_name;
        return open_dir(into, strlen(into->dest), err);
    }
    *name = slash ? slash + 1 : into->dest;
    if (!**name)
        return sc_err_set(err, SC_ERR_INVALID, "destination \"%s\" is not a name for a file", into->copy->dest);
    return open_dir(into, slash ? (size_t)(slash - into->dest) : 0, err);
}

/* ---- archives ---------------------------------------------------------------------------------------------------- */

/* What ADD unpacks: a tar, or what may be a compressed one. */
static bool
is_archive(int fd)
{
    static const struct {
        size_t at, len;
        const char *bytes;
    } known[] = {{0, 2, "\x1f\x8b"},
                 {0, 3, "BZh"},
                 {0, 6,
                  "\xfd"
                  "7zXZ\0"},
                 {0, 4, "\x28\xb5\x2f\xfd"},
                 {257, 5, "ustar"}};
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_tar_head tar;
    char head[SC_TAR_READ_BLOCK] = "";
    ssize_t got = pread(fd, head, sizeof(head), 0);

    /* Of before POSIX: it has no mark, but a sum of its bytes. */
    if (got == (ssize_t)sizeof(head) && sc_tar_head_decode(head, &tar, &ignored) == 0)
        return tar.kind != SC_MEMBER_ZEROS;
    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (got >= (ssize_t)(known[i].at + known[i].len) &&
            memcmp(head + known[i].at, known[i].bytes, known[i].len) == 0)
            return true;
    }
    return false;
}

/* A file may be compressed and no tar: then it is copied. */
static bool
is_tar(struct sc_jail *jail, int fd)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_stream stream = NULL;
    struct sc_tar_head head;
    char block[SC_TAR_READ_BLOCK];
    ssize_t got = 1;

    if (sc_stream_open(jail, fd, &sc_limits_default, &stream, &ignored) < 0)
        return false;
    for (size_t len = 0; len < sizeof(block); len += (size_t)got) {
        got = sc_stream_read(stream, block + len, sizeof(block) - len, &ignored);
        if (got <= 0)
            return false;
    }
    return sc_tar_head_decode(block, &head, &ignored) == 0 && head.kind != SC_MEMBER_ZEROS;
}

static int
open_source(const struct into *into, const struct sc_build_source *source, struct stat *st, struct sc_err *err)
{
    int status = sc_path_open_plain(into->copy->root_fd, *source->path ? source->path : ".", O_PATH | O_NOFOLLOW);
    sc_cleanup_fd at = -1, fd = -1;

    if (status < 0)
        return sc_err_errno(err, -status, "open \"/%s\"", source->path);
    at = status;
    if (sc_tree_open(at, "", st, &fd, err) < 0)
        return sc_err_wrap(err, "copy \"/%s\"", source->path);
    /* What is no file, directory or link has no descriptor but its place. */
    return fd < 0 ? sc_steal_fd(&at) : sc_steal_fd(&fd);
}

static int
unpack(struct into *into, const char *shown, int archive, struct sc_err *err)
{
    /* owners are as the archive says */
    static const struct sc_files files = {.root_fd = -1, .mount_ns_fd = -1, .replaces = true};
    sc_cleanup_fd dest = -1;
    char dir[PATH_MAX + 1];

    if (lseek(archive, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "seek");
    dest = open_dir(into, strlen(into->dest), err);
    if (dest < 0)
        return -1;
    (void)snprintf(dir, sizeof(dir), "/%s", into->dest);
    if (sc_untar_jailed(&files, archive, into->root_fd, dir, err) < 0)
        return sc_err_wrap(err, "unpack \"%.300s\"", shown);
    return 0;
}

/* A file of ADD, which may be an archive. Somebody may write to it meanwhile: what is hashed, looked at, and unpacked
 * or copied, is a copy of our own. */
static int
add_file(struct into *into, const struct sc_build_source *source, struct sc_err *err)
{
    __attribute__((cleanup(sc_build_kept_release))) struct sc_build_kept kept = {.fd = -1};
    sc_cleanup_fd copy = openat(into->copy->tmp_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), to = -1;
    const char *name = "";

    if (copy < 0)
        return sc_err_errno(err, errno, "make a temporary file");
    if (sc_build_walk_keep(&into->walk, source, copy, &kept, err) < 0)
        return -1;
    if (lseek(copy, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "seek");
    if (is_archive(copy) && is_tar(into->jail, copy)) {
        char shown[PATH_MAX + 1];

        (void)snprintf(shown, sizeof(shown), "/%s", source->path);
        return unpack(into, shown, copy, err);
    }
    to = open_place(into, source->name, &name, err);
    if (to < 0)
        return -1;
    return sc_build_walk_put(&into->walk, &kept, to, name, err) < 0 ? sc_err_wrap(err, "copy \"/%.300s\"", source->path)
                                                                    : 0;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static int
copy_source(struct into *into, const struct sc_build_source *source, struct sc_err *err)
{
    sc_cleanup_fd from = -1, to = -1;
    const char *name = "";
    struct stat st = {.st_mode = 0};

    from = open_source(into, source, &st, err);
    if (from < 0)
        return -1;
    if (into->root_fd < 0)
        return sc_build_walk_source(&into->walk, source, -1, S_ISDIR(st.st_mode) ? "" : source->name, err);
    if (into->copy->is_unpacked && S_ISREG(st.st_mode)) {
        if (add_file(into, source, err) < 0)
            return -1;
        return into->has_dest ? 0 : look_at_dest(into, err);
    }
    if (S_ISDIR(st.st_mode)) {
        if (into->has_dest && !into->dest_is_dir)
            return sc_err_set(err, SC_ERR_INVALID, "cannot copy the directory \"/%s\" to the file \"%s\"", source->path,
                              into->copy->dest);
        to = open_dir(into, strlen(into->dest), err);
        into->walk.is_new_dir = !into->has_dest;
    } else {
        to = open_place(into, source->name, &name, err);
    }
    if (to < 0 || sc_build_walk_source(&into->walk, source, to, name, err) < 0)
        return -1;
    if (into->has_dest)
        return 0;
    return look_at_dest(into, err); /* the next source finds it */
}

static int
copy_text(struct into *into, size_t at, struct sc_err *err)
{
    const char *text = into->copy->file_texts.items[at], *name = into->copy->file_names.items[at];
    sc_cleanup_fd to = -1;
    const char *as = name;

    if (into->root_fd >= 0) {
        to = open_place(into, name, &as, err);
        if (to < 0)
            return -1;
    }
    /* What it is called there is in the step's key. */
    return sc_build_walk_text(&into->walk, name, text, strlen(text), to, as, err);
}

/* What was fetched. It is no archive, if it is not said to be. */
static int
copy_remote(struct into *into, const struct sc_build_remote *remote, struct sc_err *err)
{
    sc_cleanup_fd to = -1;
    const char *as = "";

    if (into->root_fd < 0)
        return sc_build_walk_remote(&into->walk, remote, -1, "", err);
    if (lseek(remote->fd, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "seek");
    if (into->copy->unpacks_remotes && is_archive(remote->fd) && is_tar(into->jail, remote->fd))
        return sc_build_walk_remote(&into->walk, remote, -1, "", err) < 0 ? -1
                                                                          : unpack(into, remote->url, remote->fd, err);
    if (!*remote->name && (into->copy->dest_is_dir || into->dest_is_dir)) {
        sc_err_set(err, SC_ERR_INVALID, "cannot determine filename for source \"%.300s\"", remote->url);
        return sc_err_remedy(err, "name the file in the destination");
    }
    to = open_place(into, remote->name, &as, err);
    return to < 0 ? -1 : sc_build_walk_remote(&into->walk, remote, to, as, err);
}

static int
copy_all(struct into *into, const struct sc_build_sources *sources, struct sc_err *err)
{
    const struct sc_build_copy *copy = into->copy;

    for (size_t i = 0; i < sources->count; i++) {
        if (copy_source(into, &sources->items[i], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < copy->remote_count; i++) {
        if (copy_remote(into, &copy->remotes[i], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < copy->file_names.count; i++) {
        if (copy_text(into, i, err) < 0)
            return -1;
    }
    return 0;
}

static int
run(struct into *into, struct sc_arena *arena, char digest[SC_DIGEST_LEN + 1], struct sc_err *err)
{
    const struct sc_build_copy *copy = into->copy;
    struct sc_build_sources sources;
    struct sc_ignore excludes;

    into->walk.root_fd = copy->root_fd;
    into->walk.ignore = copy->ignore;
    into->walk.keeps_owner = copy->keeps_owner && !copy->chown;
    into->walk.has_mode = copy->has_mode;
    into->walk.mode = copy->mode;
    if (copy->excludes.count > 0) {
        if (sc_ignore_make(&copy->excludes, arena, &excludes, err) < 0)
            return sc_err_wrap(err, "--exclude");
        into->walk.excludes = &excludes;
    }
    if (sc_build_walk_init(&into->walk, err) < 0 ||
        sc_build_sources_find(copy->root_fd, &copy->sources, copy->is_literal, copy->ignore, arena, &sources, err) < 0)
        return -1;
    if (into->root_fd >= 0 &&
        (find_owner(copy, into->root_fd, arena, &into->walk, err) < 0 || look_at_dest(into, err) < 0))
        return -1;
    if (sources.count > 1 && !copy->dest_is_dir && into->root_fd >= 0 && !into->dest_is_dir)
        return sc_err_set(err, SC_ERR_INVALID,
                          "when several files are copied, the destination must be a directory and end with a /");
    if (into->root_fd >= 0 && copy->sources.count == 0 && copy->remote_count == 0 &&
        copy->file_names.count == 0) { /* WORKDIR */
        sc_cleanup_fd made = open_dir(into, strlen(into->dest), err);

        if (made < 0)
            return -1;
    }
    return copy_all(into, &sources, err) < 0 ? -1 : sc_build_walk_end(&into->walk, digest, err);
}

int
sc_build_copy_digest(const struct sc_build_copy *copy, struct sc_arena *arena, char digest[SC_DIGEST_LEN + 1],
                     struct sc_err *err)
{
    CLEANUP_INTO into = {.copy = copy, .walk = {.hash = SC_HASH_INIT}, .root_fd = -1};

    return run(&into, arena, digest, err);
}

int
sc_build_copy_into(const struct sc_build_copy *copy, int to_root, struct sc_jail *jail, struct sc_arena *arena,
                   char digest[SC_DIGEST_LEN + 1], struct sc_err *err)
{
    CLEANUP_INTO into = {.copy = copy, .walk = {.hash = SC_HASH_INIT}, .root_fd = to_root, .jail = jail};

    return run(&into, arena, digest, err);
}
