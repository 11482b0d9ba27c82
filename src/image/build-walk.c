/* A tree of files as COPY takes it: its digest, and its copy. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/build-priv.h"
#include "kernel/kernel.h"

#define DEPTH_MAX   256
#define CHUNK       ((size_t)128 << 10)
#define TEXT_MODE   0644
#define REMOTE_MODE 0600 /* Docker's */

int
sc_build_walk_init(struct sc_build_walk *walk, struct sc_err *err)
{
    walk->chunk = malloc(CHUNK);
    return walk->chunk ? sc_hash_start(&walk->hash, err) : sc_err_nomem(err);
}

void
sc_build_walk_release(struct sc_build_walk *walk)
{
    sc_hash_release(&walk->hash);
    sc_freep(&walk->chunk);
}

/* ---- the digest -------------------------------------------------------------------------------------------------- */

/* One entry: everything that counts, and nothing that does not (times). No field can run into the next. */
static int
add_record(struct sc_build_walk *walk, const char *path, const struct stat *st, const char *content, json_t *xattrs,
           struct sc_err *err)
{
    sc_cleanup_json record = json_object();
    sc_cleanup_free char *text = NULL;
    mode_t mode = st->st_mode;

    /* The owner that the copy gets, where it is not the file's own, is in the step's key. */
    if (json_object_set_new(record, "mode", json_integer(mode)) < 0 ||
        json_object_set_new(record, "uid", json_integer(walk->keeps_owner ? st->st_uid : 0)) < 0 ||
        json_object_set_new(record, "gid", json_integer(walk->keeps_owner ? st->st_gid : 0)) < 0 ||
        json_object_set_new(record, "device",
                            json_integer(S_ISCHR(mode) || S_ISBLK(mode) ? (json_int_t)st->st_rdev : 0)) < 0 ||
        json_object_set_new_nocheck(record, "path", json_string_nocheck(path)) < 0 ||
        json_object_set_new_nocheck(record, "content", json_string_nocheck(content)) < 0 ||
        json_object_set(record, "xattrs", xattrs ? xattrs : json_null()) < 0)
        return sc_err_nomem(err);
    text = json_dumps(record, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENSURE_ASCII);
    if (!text) { /* names that are not UTF-8 */
        sc_cleanup_buf raw = SC_BUF_INIT;

        sc_buf_addf(&raw, "%zu:%s:%zu:%s:%u:%u:%u:%llu:", strlen(path), path, strlen(content), content, (unsigned)mode,
                    walk->keeps_owner ? st->st_uid : 0, walk->keeps_owner ? st->st_gid : 0,
                    (unsigned long long)st->st_rdev);
        text = xattrs ? json_dumps(xattrs, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENSURE_ASCII) : strdup("");
        if (!text || sc_buf_check(&raw, err) < 0)
            return sc_err_nomem(err);
        return sc_hash_add(&walk->hash, raw.data, raw.len, err) < 0
                   ? -1
                   : sc_hash_add(&walk->hash, text, strlen(text) + 1, err);
    }
    return sc_hash_add(&walk->hash, text, strlen(text) + 1, err);
}

int
sc_build_walk_end(struct sc_build_walk *walk, char digest[SC_DIGEST_LEN + 1], struct sc_err *err)
{
    return sc_hash_end(&walk->hash, digest, err);
}

/* ---- the copy ---------------------------------------------------------------------------------------------------- */

/* What has the copy's name already goes, but for a directory, which stays for a directory. */
static int
make_room(int to_dir, const char *name, bool is_dir, bool *is_there, struct sc_err *err)
{
    struct stat st;

    *is_there = false;
    if (fstatat(to_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : sc_err_errno(err, errno, "look at what is there");
    if (S_ISDIR(st.st_mode) != is_dir)
        return sc_err_set(err, SC_ERR_INVALID, "cannot copy %s to %s", is_dir ? "a directory" : "a file",
                          is_dir ? "a file" : "a directory");
    *is_there = is_dir;
    if (!is_dir && unlinkat(to_dir, name, 0) < 0)
        return sc_err_errno(err, errno, "replace what is there");
    return 0;
}

static void
owner_of(const struct sc_build_walk *walk, const struct stat *st, uid_t *uid, gid_t *gid)
{
    *uid = walk->keeps_owner ? st->st_uid : walk->uid;
    *gid = walk->keeps_owner ? st->st_gid : walk->gid;
}

int
sc_build_owner_error(struct sc_err *err, uint32_t uid, uint32_t gid)
{
    const int errnum = errno;

    sc_err_errno(err, errnum, "give it to %u:%u", (unsigned)uid, (unsigned)gid);
    if (errnum == EINVAL) /* ids that the user namespace has not */
        (void)sc_err_remedy(err, "see /etc/subuid and /etc/subgid");
    return -1;
}

/* Owner first: chown(2) takes setuid bits and file capabilities away. */
static int
set_attrs(const struct sc_build_walk *walk, int to_fd, const struct stat *st, const json_t *xattrs, struct sc_err *err)
{
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};
    uid_t uid;
    gid_t gid;

    owner_of(walk, st, &uid, &gid);
    if (fchown(to_fd, uid, gid) < 0)
        return sc_build_owner_error(err, uid, gid);
    if (fchmod(to_fd, walk->has_mode ? walk->mode : st->st_mode & 07777) < 0)
        return sc_err_errno(err, errno, "set its mode");
    if (sc_tree_set_xattrs(xattrs, to_fd, true, err) < 0)
        return -1;
    return futimens(to_fd, times) < 0 ? sc_err_errno(err, errno, "set its time") : 0;
}

static int
create(int to_dir, const char *name, struct sc_err *err)
{
    bool is_there;
    int fd;

    if (make_room(to_dir, name, false, &is_there, err) < 0)
        return -1;
    fd = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? sc_err_errno(err, errno, "create it") : fd;
}

static int
copy_content(const struct sc_build_walk *walk, int from, int to, char digest[SC_DIGEST_LEN + 1], struct sc_err *err)
{
    sc_cleanup_hash hash = SC_HASH_INIT;
    ssize_t got;

    if (sc_hash_start(&hash, err) < 0)
        return -1;
    for (;;) {
        got = read(from, walk->chunk, CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read it");
        if (got == 0)
            return sc_hash_end(&hash, digest, err);
        if (sc_hash_add(&hash, walk->chunk, (size_t)got, err) < 0 ||
            (to >= 0 && sc_io_write_all(to, walk->chunk, (size_t)got, err) < 0))
            return -1;
    }
}

static int
walk_file(struct sc_build_walk *walk, int from, const struct stat *st, const char *path, int to_dir, const char *name,
          struct sc_err *err)
{
    sc_cleanup_json xattrs = NULL;
    char digest[SC_DIGEST_LEN + 1];
    sc_cleanup_fd to = -1;

    if (sc_tree_xattrs(from, false, &xattrs, err) < 0)
        return -1;
    if (to_dir >= 0) {
        to = create(to_dir, name, err);
        if (to < 0)
            return -1;
    }
    if (copy_content(walk, from, to, digest, err) < 0 || (to >= 0 && set_attrs(walk, to, st, xattrs, err) < 0))
        return -1;
    return add_record(walk, path, st, digest, xattrs, err);
}

/* A link, a fifo, a device. */
static int
walk_other(struct sc_build_walk *walk, int from, const struct stat *st, const char *path, int to_dir, const char *name,
           struct sc_err *err)
{
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};
    char target[PATH_MAX] = "";
    bool is_there;
    uid_t uid;
    gid_t gid;

    if (S_ISLNK(st->st_mode)) {
        ssize_t len = readlinkat(from, "", target, sizeof(target) - 1);

        if (len < 0)
            return sc_err_errno(err, errno, "read the link");
        target[len] = '\0';
    }
    if (to_dir < 0)
        return add_record(walk, path, st, target, NULL, err);
    if (make_room(to_dir, name, false, &is_there, err) < 0)
        return -1;
    if (S_ISLNK(st->st_mode)) {
        if (symlinkat(target, to_dir, name) < 0)
            return sc_err_errno(err, errno, "make the link");
    } else if (mknodat(to_dir, name, st->st_mode & (S_IFMT | 0777), st->st_rdev) < 0) {
        return sc_err_errno(err, errno, "make the device or fifo");
    }
    owner_of(walk, st, &uid, &gid);
    if (fchownat(to_dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
        return sc_build_owner_error(err, uid, gid);
    if (utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return sc_err_errno(err, errno, "set its time");
    return add_record(walk, path, st, target, NULL, err);
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

/* A directory that is walked. One that is left out itself is made with the first thing that is kept in it, and not at
 * all where there is none: a look beforehand at each would be one more walk of all below for each level. */
struct walked {
    struct walked *above; /* NULL: what it goes into is there */
    const struct place *place;
    const struct stat *st;
    json_t *xattrs;
    int from, to; /* to: -1: nothing is written, or it is not made */
    bool is_made;
};

/* Where one entry is. Paths are of the context (`in_root`, for .dockerignore), of the source (`below`, for --exclude).
 * */
struct place {
    int from_dir;
    const char *from_name; /* "": from_dir itself */
    const char *in_root, *below;
    struct walked *above; /* what it goes into; NULL: to_dir */
    int to_dir;           /* -1: nothing is written */
    const char *name;
    int depth;
};

static int walk_place(struct sc_build_walk *walk, const struct place *place, struct sc_err *err);

static bool
is_left_out(const struct sc_build_walk *walk, const struct place *place, bool is_dir)
{
    const struct sc_ignore *const lists[] = {walk->ignore, walk->excludes};
    const char *const paths[] = {place->in_root, place->below};

    for (size_t i = 0; i < SC_ARRAY_LEN(lists); i++) {
        if (lists[i] && *paths[i] &&
            (is_dir ? sc_ignore_skips_dir(lists[i], paths[i]) : sc_ignore_is_ignored(lists[i], paths[i])))
            return true;
    }
    return false;
}

/* A directory that is left out itself, but of which something may be kept. */
static bool
is_bare(const struct sc_build_walk *walk, const struct place *place)
{
    return (walk->ignore && *place->in_root && sc_ignore_is_ignored(walk->ignore, place->in_root)) ||
           (walk->excludes && *place->below && sc_ignore_is_ignored(walk->excludes, place->below));
}

static int
walk_children(struct sc_build_walk *walk, const struct place *place, struct walked *dir, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv names = {0};

    if (place->depth > DEPTH_MAX)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "directories are nested deeper than %d", DEPTH_MAX);
    if (sc_build_names(dir->from, &arena, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        const struct place child = {
            .from_dir = dir->from,
            .from_name = name,
            .in_root = sc_arena_printf(&arena, "%s%s%s", place->in_root, *place->in_root ? "/" : "", name),
            .below = sc_arena_printf(&arena, "%s%s%s", place->below, *place->below ? "/" : "", name),
            .above = dir,
            .to_dir = -1,
            .name = name,
            .depth = place->depth + 1};

        if (sc_arena_check(&arena, err) < 0 || walk_place(walk, &child, err) < 0)
            return -1;
    }
    return 0;
}

static int
open_copy(int to_dir, const char *name, struct sc_err *err)
{
    bool is_there;
    int fd;

    if (make_room(to_dir, name, true, &is_there, err) < 0)
        return -1;
    if (!is_there && mkdirat(to_dir, name, 0700) < 0)
        return sc_err_errno(err, errno, "make it");
    fd = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? sc_err_errno(err, errno, "open the copy") : fd;
}

/* What is above first. */
static int
make_walked(struct sc_build_walk *walk, struct walked *dir, struct sc_err *err)
{
    const struct place *place = dir->place;
    int to_dir = place->to_dir;

    if (dir->is_made)
        return 0;
    if (dir->above) {
        if (make_walked(walk, dir->above, err) < 0)
            return -1;
        to_dir = dir->above->to;
    }
    if (sc_tree_xattrs(dir->from, false, &dir->xattrs, err) < 0 ||
        add_record(walk, place->below, dir->st, "", dir->xattrs, err) < 0)
        return -1;
    if (to_dir >= 0) {
        dir->to = open_copy(to_dir, place->name, err);
        if (dir->to < 0)
            return -1;
    }
    dir->is_made = true;
    return 0;
}

static int
walk_dir(struct sc_build_walk *walk, const struct place *place, int from, const struct stat *st, struct sc_err *err)
{
    struct walked dir = {.above = place->above, .place = place, .st = st, .from = from, .to = -1};
    int status = is_bare(walk, place) ? 0 : make_walked(walk, &dir, err);

    if (status == 0)
        status = walk_children(walk, place, &dir, err);
    if (status == 0 && dir.to >= 0)
        status = set_attrs(walk, dir.to, st, dir.xattrs, err);
    sc_closep(&dir.to);
    sc_json_decrefp(&dir.xattrs);
    return status;
}

/* What is no directory. */
static int
walk_leaf(struct sc_build_walk *walk, const struct place *place, int from, const struct stat *st, struct sc_err *err)
{
    int to_dir = place->to_dir, status;

    if (place->above) {
        if (make_walked(walk, place->above, err) < 0)
            return -1;
        to_dir = place->above->to;
    }
    status = S_ISREG(st->st_mode) ? walk_file(walk, from, st, place->below, to_dir, place->name, err)
                                  : walk_other(walk, from, st, place->below, to_dir, place->name, err);
    return status < 0 ? sc_err_wrap(err, "copy \"/%.300s\"", place->in_root) : 0;
}

static int
walk_place(struct sc_build_walk *walk, const struct place *place, struct sc_err *err)
{
    sc_cleanup_fd from = -1;
    struct stat st;

    if (sc_tree_open(place->from_dir, place->from_name, &st, &from, err) < 0)
        return sc_err_wrap(err, "copy \"/%.300s\"", place->in_root);
    if (is_left_out(walk, place, S_ISDIR(st.st_mode)) || S_ISSOCK(st.st_mode) || sc_layer_is_whiteout(&st))
        return 0;
    return S_ISDIR(st.st_mode) ? walk_dir(walk, place, from, &st, err) : walk_leaf(walk, place, from, &st, err);
}

/* What is in a directory, into one that is there; one that was made for it also gets its attributes. */
static int
walk_contents(struct sc_build_walk *walk, const struct place *place, int from, const struct stat *st,
              struct sc_err *err)
{
    sc_cleanup_json xattrs = NULL;
    struct walked dir = {.place = place, .st = st, .from = from, .to = place->to_dir, .is_made = true};

    if (sc_tree_xattrs(from, false, &xattrs, err) < 0 || add_record(walk, "", st, "", xattrs, err) < 0 ||
        walk_children(walk, place, &dir, err) < 0)
        return -1;
    return place->to_dir >= 0 && walk->is_new_dir ? set_attrs(walk, place->to_dir, st, xattrs, err) : 0;
}

int
sc_build_walk_source(struct sc_build_walk *walk, const struct sc_build_source *source, int to_dir, const char *name,
                     struct sc_err *err)
{
    sc_cleanup_fd at = -1, from = -1;
    struct stat st;
    struct place place = {.in_root = source->path, .below = "", .to_dir = to_dir, .name = name};
    int status = sc_path_open_plain(walk->root_fd, *source->path ? source->path : ".", O_PATH | O_NOFOLLOW);

    if (status < 0)
        return sc_err_errno(err, -status, "open \"/%s\"", source->path);
    at = status;
    if (sc_tree_open(at, "", &st, &from, err) < 0)
        return sc_err_wrap(err, "copy \"/%.300s\"", source->path);
    /* It is not what it was when its place was chosen. A link it cannot have been, as those were followed; and the copy
     * of one may be what is bound (RUN --mount). */
    if (S_ISDIR(st.st_mode) != (*name == '\0') || S_ISLNK(st.st_mode))
        return sc_err_errno(err, ESTALE, "copy \"/%.300s\"", source->path);
    if (S_ISDIR(st.st_mode))
        return walk_contents(walk, &place, from, &st, err);
    /* Its name counts, which the copy may have. */
    place.below = source->name;
    if (S_ISSOCK(st.st_mode) || sc_layer_is_whiteout(&st))
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "copy \"/%s\": it is %s", source->path,
                          S_ISSOCK(st.st_mode) ? "a socket" : "the device 0:0, by which layers delete files");
    return walk_leaf(walk, &place, from, &st, err);
}

int
sc_build_walk_keep(struct sc_build_walk *walk, const struct sc_build_source *source, int to, struct sc_build_kept *kept,
                   struct sc_err *err)
{
    sc_cleanup_fd at = -1, from = -1;
    char digest[SC_DIGEST_LEN + 1];
    int status = sc_path_open_plain(walk->root_fd, source->path, O_PATH | O_NOFOLLOW);

    *kept = (struct sc_build_kept){.fd = to};
    if (status < 0)
        return sc_err_errno(err, -status, "open \"/%s\"", source->path);
    at = status;
    if (sc_tree_open(at, "", &kept->st, &from, err) < 0)
        return sc_err_wrap(err, "copy \"/%.300s\"", source->path);
    if (!S_ISREG(kept->st.st_mode))
        return sc_err_errno(err, ESTALE, "copy \"/%s\"", source->path);
    if (sc_tree_xattrs(from, false, &kept->xattrs, err) < 0 || copy_content(walk, from, to, digest, err) < 0)
        return sc_err_wrap(err, "copy \"/%.300s\"", source->path);
    return add_record(walk, source->name, &kept->st, digest, kept->xattrs, err);
}

void
sc_build_kept_release(struct sc_build_kept *kept)
{
    sc_json_decrefp(&kept->xattrs);
}

int
sc_build_walk_put(const struct sc_build_walk *walk, const struct sc_build_kept *kept, int to_dir, const char *name,
                  struct sc_err *err)
{
    char ignored[SC_DIGEST_LEN + 1];
    sc_cleanup_fd to = create(to_dir, name, err);

    if (to < 0)
        return -1;
    if (lseek(kept->fd, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "seek");
    return copy_content(walk, kept->fd, to, ignored, err) < 0 ? -1 : set_attrs(walk, to, &kept->st, kept->xattrs, err);
}

int
sc_build_walk_text(struct sc_build_walk *walk, const char *name, const char *text, size_t len, int to_dir,
                   const char *as, struct sc_err *err)
{
    struct stat st = {.st_mode = S_IFREG | TEXT_MODE};
    char digest[SC_DIGEST_LEN + 1];
    sc_cleanup_fd to = -1;

    if (sc_hash_text(text, len, digest, err) < 0 || add_record(walk, name, &st, digest, NULL, err) < 0)
        return -1;
    if (to_dir < 0)
        return 0;
    to = create(to_dir, as, err);
    if (to < 0 || sc_io_write_all(to, text, len, err) < 0)
        return sc_err_wrap(err, "write \"%s\"", as);
    (void)clock_gettime(CLOCK_REALTIME, &st.st_mtim);
    return set_attrs(walk, to, &st, NULL, err);
}

int
sc_build_walk_remote(struct sc_build_walk *walk, const struct sc_build_remote *remote, int to_dir, const char *as,
                     struct sc_err *err)
{
    const struct sc_build_kept kept = {
        .fd = remote->fd, .st = {.st_mode = S_IFREG | REMOTE_MODE, .st_mtim = {.tv_sec = remote->modified}}};

    if (add_record(walk, remote->name, &kept.st, remote->digest, NULL, err) < 0)
        return -1;
    if (to_dir >= 0 && sc_build_walk_put(walk, &kept, to_dir, as, err) < 0)
        return sc_err_wrap(err, "write \"%s\"", as);
    return 0;
}
