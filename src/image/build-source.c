/* Which files the words of a COPY name: links, wildcards, and what .dockerignore leaves out. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/build-priv.h"
#include "kernel/kernel.h"

#define LINKS_MAX 40
#define DEPTH_MAX 100

/* ---- paths ------------------------------------------------------------------------------------------------------- */

struct resolve {
    int root_fd, dir_fd; /* dir_fd: the directory that `canonical` is; -1: it is not there */
    char *canonical;     /* PATH_MAX */
    char left[PATH_MAX];
    int links;
};

static int
too_long(const char *path, struct sc_err *err)
{
    return sc_err_set(err, SC_ERR_INVALID, "path \"%.100s...\" is too long", path);
}

static int
go_to(struct resolve *r, struct sc_err *err)
{
    int status = sc_path_open_plain(r->root_fd, *r->canonical ? r->canonical : ".", O_PATH | O_DIRECTORY);

    sc_closep(&r->dir_fd);
    if (status < 0 && status != -ENOENT && status != -ENOTDIR)
        return sc_err_errno(err, -status, "open \"/%s\"", r->canonical);
    r->dir_fd = status < 0 ? -1 : status;
    return 0;
}

static int
go_up(struct resolve *r, struct sc_err *err)
{
    char *slash = strrchr(r->canonical, '/');

    *(slash ? slash : r->canonical) = '\0';
    return go_to(r, err);
}

static int
follow(struct resolve *r, int link_fd, struct sc_err *err)
{
    char target[PATH_MAX], whole[2 * PATH_MAX];
    ssize_t len = readlinkat(link_fd, "", target, sizeof(target) - 1);

    if (len < 0)
        return sc_err_errno(err, errno, "read the link in \"/%s\"", r->canonical);
    target[len] = '\0';
    if (++r->links > LINKS_MAX)
        return sc_err_errno(err, ELOOP, "follow the links of \"/%s\"", r->canonical);
    if ((size_t)snprintf(whole, sizeof(whole), "%s/%s", target, r->left) >= PATH_MAX)
        return too_long(whole, err);
    memcpy(r->left, whole, strlen(whole) + 1);
    if (target[0] != '/')
        return 0;
    *r->canonical = '\0';
    return go_to(r, err);
}

/* One component. *last: what it is, when it is no directory or the last one. */
static int
step(struct resolve *r, const char *part, bool is_last, int *last, struct sc_err *err)
{
    sc_cleanup_fd fd = r->dir_fd < 0 ? -1 : openat(r->dir_fd, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    const size_t len = strlen(r->canonical);
    struct stat st;

    if (r->dir_fd >= 0 && fd < 0 && errno != ENOENT && errno != ENOTDIR)
        return sc_err_errno(err, errno, "open \"%s\" in \"/%s\"", part, r->canonical);
    if (fd >= 0 && fstat(fd, &st) < 0)
        return sc_err_errno(err, errno, "look at \"%s\"", part);
    if (fd >= 0 && S_ISLNK(st.st_mode))
        return follow(r, fd, err);
    if (len + strlen(part) + 2 > PATH_MAX)
        return too_long(r->canonical, err);
    (void)snprintf(r->canonical + len, PATH_MAX - len, "%s%s", len > 0 ? "/" : "", part);
    sc_closep(&r->dir_fd);
    if (fd < 0)
        return 0;
    if (is_last)
        *last = sc_steal_fd(&fd);
    else if (S_ISDIR(st.st_mode))
        r->dir_fd = sc_steal_fd(&fd);
    return 0;
}

static int
resolve(struct resolve *r, int *last, struct sc_err *err)
{
    for (;;) {
        char *at = r->left + strspn(r->left, "/"), part[NAME_MAX + 1];
        const size_t len = strcspn(at, "/");
        bool is_last;

        if (len == 0) {
            if (*last < 0 && r->dir_fd >= 0)
                *last = sc_steal_fd(&r->dir_fd);
            return 0;
        }
        if (len > NAME_MAX)
            return sc_err_errno(err, ENAMETOOLONG, "open \"%.100s...\"", at);
        memcpy(part, at, len);
        part[len] = '\0';
        memmove(r->left, at + len, strlen(at + len) + 1);
        is_last = r->left[strspn(r->left, "/")] == '\0';
        if (strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") == 0) {
            sc_closep(last);
            if (go_up(r, err) < 0)
                return -1;
            continue;
        }
        if (step(r, part, is_last, last, err) < 0)
            return -1;
    }
}

int
sc_build_resolve(int root_fd, const char *path, char canonical[PATH_MAX], int *fd, struct sc_err *err)
{
    struct resolve r = {.root_fd = root_fd, .dir_fd = -1, .canonical = canonical};
    sc_cleanup_fd last = -1;
    int status;

    *fd = -1;
    *canonical = '\0';
    if (strlen(path) >= sizeof(r.left))
        return too_long(path, err);
    memcpy(r.left, path, strlen(path) + 1);
    status = go_to(&r, err);
    if (status == 0)
        status = resolve(&r, &last, err);
    sc_closep(&r.dir_fd);
    if (status == 0)
        *fd = sc_steal_fd(&last);
    return status;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int
sc_build_names(int dir_fd, struct sc_arena *arena, struct sc_strv *out, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir)
        return sc_err_errno(err, errno, "read a directory");
    (void)sc_steal_fd(&fd);
    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            sc_strv_add(out, arena, entry->d_name);
    }
    if (errno != 0)
        return sc_err_errno(err, errno, "read a directory");
    if (out->count > 0)
        qsort(out->items, out->count, sizeof(*out->items), compare_names);
    return sc_arena_check(arena, err);
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

struct find {
    int root_fd;
    const struct sc_ignore *ignore;
    struct sc_arena *arena;
    struct sc_build_sources *out;
    const char *word;
    bool has_wildcard, is_literal;
};

static bool
is_ignored(const struct find *find, const char *path, bool is_dir)
{
    if (!find->ignore || !*path)
        return false;
    return is_dir ? sc_ignore_skips_dir(find->ignore, path) : sc_ignore_is_ignored(find->ignore, path);
}

static int
not_found(const struct find *find, bool was_ignored, struct sc_err *err)
{
    sc_err_set(err, SC_ERR_NOT_FOUND, "\"%s%s\": not found", *find->word == '/' ? "" : "/", find->word);
    return was_ignored ? sc_err_remedy(err, ".dockerignore leaves it out") : -1;
}

/* path: without wildcards, as far as links are still in it. */
static int
found(const struct find *find, const char *path, struct sc_err *err)
{
    struct sc_build_sources *out = find->out;
    const char *slash = strrchr(path, '/');
    char canonical[PATH_MAX];
    sc_cleanup_fd fd = -1;
    struct stat st;

    if (sc_build_resolve(find->root_fd, path, canonical, &fd, err) < 0)
        return -1;
    if (fd < 0)
        return find->has_wildcard ? 0 : not_found(find, false, err);
    if (fstat(fd, &st) < 0)
        return sc_err_errno(err, errno, "look at \"/%s\"", canonical);
    /* The name that was written and the file that it leads to. */
    if (is_ignored(find, path, S_ISDIR(st.st_mode)) || is_ignored(find, canonical, S_ISDIR(st.st_mode)))
        return find->has_wildcard ? 0 : not_found(find, true, err);
    out->items = sc_arena_grow(find->arena, out->items, out->count, &out->capacity, sizeof(*out->items), 8);
    if (!out->items)
        return sc_err_nomem(err);
    out->items[out->count++] = (struct sc_build_source){.path = sc_arena_strdup(find->arena, canonical),
                                                        .name = sc_arena_strdup(find->arena, slash ? slash + 1 : path),
                                                        .written = sc_arena_strdup(find->arena, find->word)};
    return sc_arena_check(find->arena, err);
}

/* path: what is settled; rest: what is not looked at yet, without a leading '/'. */
static int
expand(const struct find *find, const char *path, const char *rest, int depth, struct sc_err *err)
{
    const size_t len = strcspn(rest, "/");
    const char *next = rest + len + strspn(rest + len, "/");
    char *part = sc_arena_strndup(find->arena, rest, len), canonical[PATH_MAX];
    struct sc_strv names = {0};
    sc_cleanup_fd dir = -1;
    struct stat st;

    if (!part)
        return sc_err_nomem(err);
    if (depth > DEPTH_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\" has too many parts", find->word);
    if (len == 0)
        return found(find, path, err);
    if (find->is_literal || !sc_df_glob_has_wildcard(part)) {
        char *below = sc_arena_printf(find->arena, "%s%s%s", path, *path ? "/" : "", part);

        return below ? expand(find, below, next, depth + 1, err) : sc_err_nomem(err);
    }
    if (sc_build_resolve(find->root_fd, path, canonical, &dir, err) < 0)
        return -1;
    if (dir < 0 || fstat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return 0;
    if (sc_build_names(dir, find->arena, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        char *below = sc_arena_printf(find->arena, "%s%s%s", path, *path ? "/" : "", names.items[i]);

        if (!below)
            return sc_err_nomem(err);
        if (sc_df_glob(part, names.items[i]) && expand(find, below, next, depth + 1, err) < 0)
            return -1;
    }
    return 0;
}

int
sc_build_sources_find(int root_fd, const struct sc_strv *words, bool is_literal, const struct sc_ignore *ignore,
                      struct sc_arena *arena, struct sc_build_sources *out, struct sc_err *err)
{
    *out = (struct sc_build_sources){.count = 0};
    for (size_t i = 0; i < words->count; i++) {
        /* "." and ".." of the word itself stay inside, as everything does. */
        const char *clean = sc_df_path_join("/", words->items[i], arena);
        struct find find = {.root_fd = root_fd,
                            .ignore = ignore,
                            .arena = arena,
                            .out = out,
                            .word = words->items[i],
                            .has_wildcard = !is_literal && sc_df_glob_has_wildcard(words->items[i]),
                            .is_literal = is_literal};

        if (!clean)
            return sc_err_nomem(err);
        if (expand(&find, "", clean + strspn(clean, "/"), 0, err) < 0)
            return -1;
    }
    return 0;
}
