/*
 * sc-transfer: cp between a container and this host. Both ends are a descriptor of a root and a path in it: the
 * container's, where every link is the container's and leads nowhere else, and the host's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/container-options-priv.h"
#include "image/transfer-program-priv.h"
#include "kernel/kernel.h"

#define LINKS_MAX 40

struct cp {
    struct sc_files files;
    int root_fd;  /* the container's */
    bool is_into; /* the container; else out of it */
    bool is_archive, follows;
};

/* One end of a copy. */
struct end {
    const char *word; /* as it was typed */
    int root_fd;      /* borrowed */
    bool is_host;
    char path[PATH_MAX]; /* absolute in root_fd */
    char base[NAME_MAX + 1];
    struct sc_cp_side side;
    int fd; /* of what is there, O_PATH; -1: nothing */
};

static void
end_release(struct end *end)
{
    sc_closep(&end->fd);
}

#define CLEANUP_END __attribute__((cleanup(end_release))) struct end

static int
not_found(const struct cp *cp, const struct end *end, int errnum, struct sc_err *err)
{
    if (end->is_host)
        return sc_err_errno(err, errnum, "\"%s\"", end->word);
    if (errnum == ENOENT)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "could not find the file \"%s\" in container \"%s\"", end->path,
                          cp->files.name);
    return sc_err_errno(err, errnum, "open \"%s\" in container \"%s\"", end->path, cp->files.name);
}

/* From where we are, or from the container's "/". */
static int
set_path(struct end *end, struct sc_err *err)
{
    char whole[2 * PATH_MAX];
    const char *path = end->word, *slash;

    if (!*path)
        return sc_err_set(err, SC_ERR_INVALID, "the path of what is to be copied, or of the copy, is empty");
    end->side.wants_dir = sc_cp_wants_dir(path);
    end->side.is_whole = sc_str_ends(path, "/.") || strcmp(path, ".") == 0;
    if (end->is_host && path[0] != '/') {
        sc_cleanup_free char *here = getcwd(NULL, 0);

        if (!here)
            return sc_err_errno(err, errno, "find out where \"%s\" is", path);
        if ((size_t)snprintf(whole, sizeof(whole), "%s/%s", here, path) >= sizeof(whole))
            return sc_err_set(err, SC_ERR_INVALID, "path \"%.100s...\" is too long", path);
        path = whole;
    }
    if (sc_cp_clean(path, end->path, err) < 0)
        return -1;
    slash = strrchr(end->path, '/');
    memcpy(end->base, slash + 1, strlen(slash + 1) + 1);
    if (!*end->base)
        end->side.is_whole = true; /* "/" has no name */
    return 0;
}

/* ---- the source ---------------------------------------------------------------------------------------------------
 */

static int
open_source(const struct cp *cp, struct end *end, struct sc_err *err)
{
    const bool follows = cp->follows || end->side.wants_dir;
    struct stat st;
    int status = sc_path_open(end->root_fd, end->path, O_PATH | (follows ? 0 : O_NOFOLLOW), 0);

    if (status < 0)
        return not_found(cp, end, -status, err);
    end->fd = status;
    if (fstat(end->fd, &st) < 0)
        return not_found(cp, end, errno, err);
    end->side.exists = true;
    end->side.is_dir = S_ISDIR(st.st_mode);
    if (S_ISSOCK(st.st_mode))
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "copy \"%s\": it is a socket", end->word);
    return 0;
}

/* ---- the destination ----------------------------------------------------------------------------------------------
 */

/* Where a link as the last name leads, also when nothing is there yet. */
static int
follow_last(struct end *end, int link_fd, struct sc_err *err)
{
    char target[PATH_MAX], whole[2 * PATH_MAX];
    ssize_t len = readlinkat(link_fd, "", target, sizeof(target) - 1);
    const char *slash = strrchr(end->path, '/');
    int written;

    if (len < 0)
        return sc_err_errno(err, errno, "read the link \"%s\"", end->word);
    target[len] = '\0';
    /* What is above is left to the kernel: ".." of a link's target is not of its name. */
    if (target[0] == '/')
        written = snprintf(whole, sizeof(whole), "%s", target);
    else
        written = snprintf(whole, sizeof(whole), "%.*s/%s", (int)(slash - end->path), end->path, target);
    if (written < 0 || written >= PATH_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": the link leads to a path that is too long", end->word);
    memcpy(end->path, whole, (size_t)written + 1);
    return 0;
}

static int
open_destination(const struct cp *cp, struct end *end, struct sc_err *err)
{
    struct stat st;

    for (int links = 0; links < LINKS_MAX; links++) {
        int status = sc_path_open(end->root_fd, end->path, O_PATH | O_NOFOLLOW, 0);

        if (status == -ENOENT)
            return 0;
        if (status < 0)
            return not_found(cp, end, -status, err);
        end->fd = status;
        if (fstat(end->fd, &st) < 0)
            return not_found(cp, end, errno, err);
        if (!S_ISLNK(st.st_mode)) {
            end->side.exists = true;
            end->side.is_dir = S_ISDIR(st.st_mode);
            if (end->side.wants_dir && !end->side.is_dir)
                return sc_err_set(err, SC_ERR_NOT_FOUND, "no such directory: \"%s\"", end->word);
            return 0;
        }
        if (follow_last(end, end->fd, err) < 0)
            return -1;
        sc_closep(&end->fd);
    }
    return not_found(cp, end, ELOOP, err);
}

/* The directory in which the destination is or shall be, and its name there. */
static int
open_parent(const struct cp *cp, struct end *end, const char **name, struct sc_err *err)
{
    char above[PATH_MAX];
    char *slash;
    int status;

    memcpy(above, end->path, strlen(end->path) + 1);
    slash = strrchr(above, '/');
    *name = end->path + (slash - above) + 1;
    if (!**name || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\" is not a name for a copy", end->word);
    *slash = '\0';
    status = sc_path_open(end->root_fd, *above ? above : "/", O_PATH | O_DIRECTORY, 0);
    if (status >= 0)
        return status;
    memcpy(end->path, *above ? above : "/", strlen(*above ? above : "/") + 1);
    return not_found(cp, end, -status, err);
}

/* ---- tar streams
 * ----------------------------------------------------------------------------------------------------- */

static int
write_stdout(void *sink, const void *data, size_t len, struct sc_err *err)
{
    (void)sink;
    return sc_io_write_all(STDOUT_FILENO, data, len, err);
}

static int
copy_to_stdout(const struct cp *cp, struct end *from, struct sc_err *err)
{
    const struct sc_tree_tar_how how = {.ids = cp->files.ids, .is_live = true};
    sc_cleanup_tree_tar tar = NULL;

    if (isatty(STDOUT_FILENO)) {
        sc_err_set(err, SC_ERR_INVALID, "refusing to write an archive to a terminal");
        return sc_err_remedy(err, "redirect the output");
    }
    if (open_source(cp, from, err) < 0)
        return -1;
    if (from->side.wants_dir && !from->side.is_dir)
        return sc_err_set(err, SC_ERR_INVALID, "copy \"%s\": it is not a directory", from->word);
    if (sc_tree_tar_open(write_stdout, NULL, &how, &tar, err) < 0 ||
        sc_tree_tar_add(tar, from->fd, "", from->side.is_whole ? "." : from->base, false, err) < 0)
        return -1;
    return sc_tree_tar_end(tar, err);
}

static int
copy_from_stdin(const struct cp *cp, struct end *to, struct sc_err *err)
{
    if (open_destination(cp, to, err) < 0)
        return -1;
    if (!to->side.exists || !to->side.is_dir)
        return sc_err_set(err, SC_ERR_INVALID, "destination \"%s\" of container \"%s\" must be a directory", to->word,
                          cp->files.name);
    return sc_untar_jailed(&cp->files, STDIN_FILENO, cp->root_fd, to->path, err);
}

/* ---- files
 * ----------------------------------------------------------------------------------------------------------- */

static int
copy_files(const struct cp *cp, struct end *from, struct end *to, struct sc_err *err)
{
    const bool is_in = from->is_host;
    const struct sc_tree_copy_how how = {
        .from = is_in ? (struct sc_tree_ids){.uids = {.items = NULL}} : cp->files.ids,
        .to = is_in ? cp->files.ids : (struct sc_tree_ids){.uids = {.items = NULL}},
        .merges = true,
        .is_of_caller = !is_in && !cp->is_archive,
        .nobody_is_root = is_in && sc_process_is_in_user_ns(),
        .is_live = !is_in,
    };
    sc_cleanup_fd parent = -1, source = -1;
    enum sc_cp_how plan;
    const char *name;
    int status;

    if (open_source(cp, from, err) < 0 || open_destination(cp, to, err) < 0 ||
        sc_cp_plan(&from->side, &to->side, from->word, to->word, &plan, err) < 0)
        return -1;
    switch (plan) {
    case SC_CP_INTO:
        return sc_tree_copy_entry(from->fd, "", to->fd, from->base, &how, err);
    case SC_CP_CONTENTS:
        status = sc_fd_reopen(-1, from->fd, O_RDONLY | O_DIRECTORY);
        source = status;
        if (status < 0)
            return sc_err_errno(err, -status, "open \"%s\"", from->word);
        return sc_tree_copy_children(source, to->fd, &how, err);
    case SC_CP_AS:
        parent = open_parent(cp, to, &name, err);
        return parent < 0 ? -1 : sc_tree_copy_entry(from->fd, "", parent, name, &how, err);
    }
    SC_BUG("unknown way to copy");
}

static int
cp_run(struct cp *cp, const char *source, const char *dest, struct sc_err *err)
{
    sc_cleanup_fd host = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC); /* lint: the caller's own */
    CLEANUP_END from = {.word = source, .fd = -1, .is_host = cp->is_into};
    CLEANUP_END to = {.word = dest, .fd = -1, .is_host = !cp->is_into};
    const bool is_stdin = from.is_host && strcmp(source, "-") == 0;
    const bool is_stdout = to.is_host && strcmp(dest, "-") == 0;
    sc_cleanup_fd root = -1;

    if (host < 0)
        return sc_err_errno(err, errno, "open \"/\"");
    /* Our own paths are made absolute before the namespace changes. */
    if ((!is_stdin && set_path(&from, err) < 0) || (!is_stdout && set_path(&to, err) < 0))
        return -1;
    root = sc_files_open_root(&cp->files, err);
    if (root < 0)
        return -1;
    cp->root_fd = root;
    from.root_fd = from.is_host ? host : root;
    to.root_fd = to.is_host ? host : root;
    if (is_stdin)
        return copy_from_stdin(cp, &to, err);
    return is_stdout ? copy_to_stdout(cp, &from, err) : copy_files(cp, &from, &to, err);
}

int
sc_job_container_cp(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL};
    struct sc_container_words words = {.name = NULL};
    struct cp cp = {.root_fd = -1};
    const struct sc_transfer_option options[] = {SC_CONTAINER_OPTIONS(&words),
                                                 {.name = "into", .flag = &cp.is_into},
                                                 {.name = "archive", .flag = &cp.is_archive},
                                                 {.name = "follow-link", .flag = &cp.follows}};

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), false, &job->arena, &operands, err) < 0 ||
        sc_container_words_read(&words, &job->arena, &cp.files, err) < 0)
        return -1;
    if (operands.count != 2)
        return sc_err_set(err, SC_ERR_INVALID, "this is for sc to call");
    return cp_run(&cp, operands.items[0], operands.items[1], err);
}
