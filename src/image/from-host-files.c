/* image/from-host-files.c: the set of files that becomes a layer (from-host-priv.h). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "image/from-host-priv.h"
#include "kernel/kernel.h"

#define LINKS_MAX      40 /* as the kernel's own walk */
#define TREE_DEPTH_MAX 64

int
sc_host_files_open(struct sc_host_files *files, const char *root, struct sc_arena *arena, struct sc_err *err)
{
    *files = (struct sc_host_files){.root_fd = -1, .arena = arena};
    files->root_fd = sc_dir_open_at(AT_FDCWD, root, err); /* lint: "/", or what the caller names */
    return files->root_fd < 0 ? sc_err_wrap(err, "open host root \"%s\"", root) : 0;
}

void
sc_host_files_release(struct sc_host_files *files)
{
    sc_closep(&files->root_fd);
}

/* ---- the table ---------------------------------------------------------------------------------------- */

static size_t
slot_of(const struct sc_host_files *files, const char *path)
{
    uint64_t hash = UINT64_C(1469598103934665603); /* FNV-1a */
    size_t at;

    for (const char *p = path; *p != '\0'; p++)
        hash = (hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
    for (at = hash & (files->slot_count - 1); files->slots[at] != NULL; at = (at + 1) & (files->slot_count - 1))
        if (strcmp(files->slots[at]->path, path) == 0)
            break;
    return at;
}

struct sc_host_file *
sc_host_files_find(const struct sc_host_files *files, const char *path)
{
    return files->slot_count == 0 ? NULL : files->slots[slot_of(files, path)];
}

static int
grow(struct sc_host_files *files, struct sc_err *err)
{
    size_t slot_count = files->slot_count == 0 ? 1024 : files->slot_count * 2;
    struct sc_host_file **slots = SC_ARENA_ARRAY(files->arena, struct sc_host_file *, slot_count);
    struct sc_host_file **items = SC_ARENA_ARRAY(files->arena, struct sc_host_file *, slot_count / 2);

    if (slots == NULL || items == NULL)
        return sc_err_nomem(err);
    for (size_t i = 0; i < files->count; i++)
        items[i] = files->items[i];
    files->items = items;
    files->capacity = slot_count / 2;
    files->slots = slots;
    files->slot_count = slot_count;
    for (size_t i = 0; i < files->count; i++)
        slots[slot_of(files, items[i]->path)] = items[i];
    return 0;
}

/* A new, empty entry, or the one that is there. */
static int
insert(struct sc_host_files *files, const char *path, struct sc_host_file **out, struct sc_err *err)
{
    struct sc_host_file *file = sc_host_files_find(files, path);

    if (file == NULL) {
        if (files->count == files->capacity && grow(files, err) < 0)
            return -1;
        file = SC_ARENA_NEW(files->arena, struct sc_host_file);
        if (file == NULL || (file->path = sc_arena_strdup(files->arena, path)) == NULL)
            return sc_err_nomem(err);
        files->items[files->count++] = file;
        files->slots[slot_of(files, path)] = file;
    }
    *out = file;
    return 0;
}

/* ---- reading the host ------------------------------------------------------------------------------------- */

int
sc_host_open(struct sc_host_files *files, const char *path, int flags)
{
    static const int absences[] = {ENOENT, ENOTDIR, EACCES, EPERM, ELOOP, ENAMETOOLONG, ENXIO, EXDEV};
    int fd = sc_path_open(files->root_fd, path, flags | O_CLOEXEC, 0);

    if (fd >= 0 || files->failed.kind != SC_ERR_NONE)
        return fd;
    for (size_t i = 0; i < SC_ARRAY_LEN(absences); i++)
        if (fd == -absences[i])
            return fd;
    sc_err_errno(&files->failed, -fd, "read host file \"%s\"", path);
    return fd;
}

int
sc_host_stat(struct sc_host_files *files, const char *path, struct stat *st)
{
    sc_cleanup_fd fd = sc_host_open(files, path, O_PATH);

    if (fd < 0)
        return fd;
    return fstat(fd, st) < 0 ? -errno : 0;
}

/* The image knows no owner but root: a set-id bit of another owner must not become root's. */
static mode_t
image_mode(const struct stat *st)
{
    mode_t mode = st->st_mode & 07777;

    if (st->st_uid != 0)
        mode &= ~(mode_t)S_ISUID;
    if (st->st_gid != 0)
        mode &= ~(mode_t)S_ISGID;
    return mode;
}

static int
fill_from_host(struct sc_host_files *files, struct sc_host_file *file, int fd, const struct stat *st,
               struct sc_err *err)
{
    char target[PATH_MAX];
    ssize_t len;

    file->mode = image_mode(st);
    if (S_ISDIR(st->st_mode)) {
        file->kind = SC_HOST_DIR;
        return 0;
    }
    if (S_ISREG(st->st_mode)) {
        file->kind = SC_HOST_FILE;
        file->size = (uint64_t)st->st_size;
        file->has_twins = st->st_nlink > 1;
        file->dev = st->st_dev;
        file->ino = st->st_ino;
        file->source = sc_arena_printf(files->arena, "/%s", file->path);
        return file->source != NULL ? 0 : sc_err_nomem(err);
    }
    file->kind = SC_HOST_LINK;
    file->mode = 0777;
    len = readlinkat(fd, "", target, sizeof(target) - 1);
    if (len < 0)
        return sc_err_errno(err, errno, "read host link \"/%s\"", file->path);
    file->target = sc_arena_strndup(files->arena, target, (size_t)len);
    return file->target != NULL ? 0 : sc_err_nomem(err);
}

/* One component: path is canonical but for itself. */
static int
add_component(struct sc_host_files *files, const char *path, struct sc_host_file **out, struct sc_err *err)
{
    sc_cleanup_fd fd = -1;
    struct stat st;

    *out = sc_host_files_find(files, path);
    if (*out != NULL)
        return 0;
    fd = sc_path_open(files->root_fd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return sc_err_errno(err, -fd, "read host file \"/%s\"", path);
    if (fstat(fd, &st) < 0)
        return sc_err_errno(err, errno, "read host file \"/%s\"", path);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        return sc_err_set(err, SC_ERR_INVALID, "read host file \"/%s\": not a file, directory or symbolic link", path);
    if (insert(files, path, out, err) < 0)
        return -1;
    return fill_from_host(files, *out, fd, &st, err);
}

static void
cut_last(struct sc_buf *path)
{
    while (path->len > 0 && path->data[--path->len] != '/')
        ;
    if (path->data != NULL)
        path->data[path->len] = '\0';
}

int
sc_host_files_add(struct sc_host_files *files, const char *path, struct sc_host_file **leaf, struct sc_err *err)
{
    sc_cleanup_buf done = SC_BUF_INIT;
    struct sc_host_file *file = NULL;
    const char *rest = path;
    int links = 0;

    for (;;) {
        size_t len, parent_len = done.len;
        rest += strspn(rest, "/");
        len = strcspn(rest, "/");
        if (len == 0)
            break;
        if (file != NULL && file->kind != SC_HOST_DIR)
            return sc_err_errno(err, ENOTDIR, "read host file \"%s\"", path);
        if ((len == 1 && rest[0] == '.') || (len == 2 && rest[0] == '.' && rest[1] == '.')) {
            if (len == 2)
                cut_last(&done);
            rest += len;
            file = done.len > 0 ? sc_host_files_find(files, done.data) : NULL;
            continue;
        }
        if (done.len > 0)
            sc_buf_addc(&done, '/');
        sc_buf_add(&done, rest, len);
        if (sc_buf_check(&done, err) < 0 || add_component(files, done.data, &file, err) < 0)
            return -1;
        rest += len;
        if (file->kind != SC_HOST_LINK)
            continue;
        if (++links > LINKS_MAX)
            return sc_err_errno(err, ELOOP, "read host file \"%s\"", path);
        rest = sc_arena_printf(files->arena, "%s/%s", file->target, rest);
        if (rest == NULL)
            return sc_err_nomem(err);
        done.len = rest[0] == '/' ? 0 : parent_len;
        done.data[done.len] = '\0';
        file = done.len > 0 ? sc_host_files_find(files, done.data) : NULL;
    }
    if (leaf != NULL)
        *leaf = file;
    return 0;
}

/* ---- trees ------------------------------------------------------------------------------------------------- */

static bool
is_excluded(const char *name, const char *const *excludes)
{
    for (; excludes != NULL && *excludes != NULL; excludes++)
        if (fnmatch(*excludes, name, 0) == 0)
            return true;
    return false;
}

static uint32_t
little_endian_32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/*
 * Python trusts DIR/__pycache__/NAME.TAG.pyc when it records the time and size of DIR/NAME.py. In the image every time
 * is 0, so a valid file is taken with its recorded time set to 0 (is_pyc_timed); a stale one, which depends on what was
 * run here before, is left out. So are the variants of python -O.
 */
static int
add_pyc(struct sc_host_files *files, const char *dir, const char *name, struct sc_err *err)
{
    size_t base = strcspn(name, ".");
    char *path = sc_arena_printf(files->arena, "%s/%s", dir, name);
    char *source = sc_arena_printf(files->arena, "%s/../%.*s.py", dir, (int)base, name);
    unsigned char header[SC_PYC_HEADER];
    struct sc_host_file *file;
    sc_cleanup_fd fd = -1;
    uint32_t flags;
    struct stat st;

    if (!sc_str_ends(name, ".pyc") || strstr(name, ".opt-") != NULL)
        return 0;
    if (path == NULL || source == NULL)
        return sc_err_nomem(err);
    fd = sc_host_open(files, path, O_RDONLY | O_NOFOLLOW);
    if (fd < 0 || read(fd, header, sizeof(header)) != (ssize_t)sizeof(header) || sc_host_stat(files, source, &st) < 0)
        return 0;
    flags = little_endian_32(header + 4);
    if (flags == 0 && (little_endian_32(header + 8) != (uint32_t)st.st_mtime ||
                       little_endian_32(header + 12) != (uint32_t)st.st_size))
        return 0;
    if (sc_host_files_add(files, path, &file, err) < 0)
        return -1;
    if (file != NULL && flags == 0) {
        file->is_pyc_timed = true;
        file->has_twins = false;
    }
    return 0;
}

static int add_tree(struct sc_host_files *files, const char *dir, const char *const *excludes, int depth,
                    struct sc_err *err);

static int
add_tree_entry(struct sc_host_files *files, const char *dir, const char *name, const char *const *excludes, int depth,
               struct sc_err *err)
{
    char *path = sc_arena_printf(files->arena, "%s/%s", dir, name);
    sc_cleanup_fd fd = -1;
    struct sc_host_file *file;
    struct stat st;

    if (path == NULL)
        return sc_err_nomem(err);
    fd = sc_host_open(files, path, O_PATH | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fd == -ENOENT ? 0 : sc_err_errno(err, fd < 0 ? -fd : errno, "read host file \"%s\"", path);
    if (S_ISLNK(st.st_mode)) {
        /* A link that leads nowhere on the host stays one; what it leads to is held to the rule for files below. */
        if (add_component(files, path + strspn(path, "/"), &file, err) < 0)
            return -1;
        if (sc_host_stat(files, path, &st) < 0 || !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)) ||
            (st.st_mode & S_IROTH) == 0)
            return 0;
        return sc_host_files_add(files, path, &file, err);
    }
    /* What is secret on the host (a private key) does not enter an image unasked. */
    if ((st.st_mode & S_IROTH) == 0)
        return 0;
    if (S_ISDIR(st.st_mode))
        return add_tree(files, path, excludes, depth + 1, err);
    return S_ISREG(st.st_mode) ? sc_host_files_add(files, path, &file, err) : 0;
}

static int
add_tree(struct sc_host_files *files, const char *dir, const char *const *excludes, int depth, struct sc_err *err)
{
    bool is_pycache = sc_str_ends(dir, "/__pycache__");
    sc_cleanup_dir stream = NULL;
    struct dirent *entry;
    int fd;

    if (depth > TREE_DEPTH_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "read host directory \"%s\": more than %d levels", dir, TREE_DEPTH_MAX);
    if (!is_pycache && sc_host_files_add(files, dir, NULL, err) < 0)
        return -1;
    fd = sc_host_open(files, dir, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return sc_err_errno(err, -fd, "read host directory \"%s\"", dir);
    stream = fdopendir(fd);
    if (stream == NULL) {
        sc_closep(&fd);
        return sc_err_errno(err, errno, "read host directory \"%s\"", dir);
    }
    for (errno = 0; (entry = readdir(stream)) != NULL; errno = 0) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || is_excluded(name, excludes))
            continue;
        if (is_pycache ? add_pyc(files, dir, name, err) < 0
                       : add_tree_entry(files, dir, name, excludes, depth, err) < 0)
            return -1;
    }
    return errno != 0 ? sc_err_errno(err, errno, "read host directory \"%s\"", dir) : 0;
}

int
sc_host_files_add_tree(struct sc_host_files *files, const char *path, const char *const *excludes, struct sc_err *err)
{
    char *real;
    struct sc_host_file *leaf;

    if (sc_host_files_add(files, path, &leaf, err) < 0)
        return -1;
    if (leaf == NULL || leaf->kind != SC_HOST_DIR)
        return leaf == NULL ? sc_err_set(err, SC_ERR_INVALID, "read host directory \"%s\": it is the root", path) : 0;
    real = sc_arena_printf(files->arena, "/%s", leaf->path);
    if (real == NULL)
        return sc_err_nomem(err);
    return add_tree(files, real, excludes, 0, err);
}

/* ---- what is made here ----------------------------------------------------------------------------------------- */

/* The canonical directory that is to hold path; *out is its path in the image ("" for the root). */
static int
make_parent(struct sc_host_files *files, const char *path, const char **name, const char **out, struct sc_err *err)
{
    struct sc_host_file *parent;
    const char *slash;
    char *dir;
    struct stat st;

    path += strspn(path, "/");
    slash = strrchr(path, '/');
    *name = slash == NULL ? path : slash + 1;
    *out = "";
    if (slash == NULL)
        return 0;
    dir = sc_arena_strndup(files->arena, path, (size_t)(slash - path));
    if (dir == NULL)
        return sc_err_nomem(err);
    if (!files->is_own_tree && sc_host_stat(files, dir, &st) == 0 && S_ISDIR(st.st_mode)) {
        if (sc_host_files_add(files, dir, &parent, err) < 0)
            return -1;
        *out = parent == NULL ? "" : parent->path;
        return 0;
    }
    if (sc_host_files_find(files, dir) == NULL && sc_host_files_put_dir(files, dir, 0755, err) < 0)
        return -1;
    *out = dir;
    return 0;
}

static int
put(struct sc_host_files *files, const char *path, enum sc_host_kind kind, mode_t mode, struct sc_host_file **out,
    struct sc_err *err)
{
    const char *name, *parent, *whole;

    if (make_parent(files, path, &name, &parent, err) < 0)
        return -1;
    whole = parent[0] == '\0' ? name : sc_arena_printf(files->arena, "%s/%s", parent, name);
    if (whole == NULL)
        return sc_err_nomem(err);
    if (insert(files, whole, out, err) < 0)
        return -1;
    if (kind == SC_HOST_DIR && (*out)->kind == SC_HOST_LINK)
        return 0; /* the host's link to a directory stays */
    **out = (struct sc_host_file){.path = (*out)->path, .kind = kind, .mode = mode};
    return 0;
}

int
sc_host_files_put_dir(struct sc_host_files *files, const char *path, mode_t mode, struct sc_err *err)
{
    struct sc_host_file *file;

    return put(files, path, SC_HOST_DIR, mode, &file, err);
}

int
sc_host_files_put_text(struct sc_host_files *files, const char *path, mode_t mode, const char *text, size_t len,
                       struct sc_err *err)
{
    struct sc_host_file *file;

    if (put(files, path, SC_HOST_FILE, mode, &file, err) < 0)
        return -1;
    file->content = sc_arena_alloc(files->arena, len + 1);
    if (file->content == NULL)
        return sc_err_nomem(err);
    memcpy((char *)file->content, text, len);
    file->size = len;
    return 0;
}

int
sc_host_files_put_link(struct sc_host_files *files, const char *path, const char *target, struct sc_err *err)
{
    struct sc_host_file *file;

    if (put(files, path, SC_HOST_LINK, 0777, &file, err) < 0)
        return -1;
    file->target = sc_arena_strdup(files->arena, target);
    return file->target != NULL ? 0 : sc_err_nomem(err);
}

int
sc_host_files_put_copy(struct sc_host_files *files, const char *path, mode_t mode, const char *source,
                       struct sc_err *err)
{
    struct sc_host_file *file;
    struct stat st;
    int rc = sc_host_stat(files, source, &st);

    if (rc < 0)
        return sc_err_errno(err, -rc, "read host file \"%s\"", source);
    if (!S_ISREG(st.st_mode))
        return sc_err_set(err, SC_ERR_INVALID, "read host file \"%s\": not a regular file", source);
    if (put(files, path, SC_HOST_FILE, mode, &file, err) < 0)
        return -1;
    file->size = (uint64_t)st.st_size;
    file->source = sc_arena_strdup(files->arena, source);
    return file->source != NULL ? 0 : sc_err_nomem(err);
}
