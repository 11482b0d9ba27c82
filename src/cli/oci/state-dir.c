/* The directory that is a container: whether an id may name one, opening, locking and removing it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"

int
sc_oci_check_id(const char *id, struct sc_err *err)
{
    size_t len = id != NULL ? strlen(id) : 0;

    if (len == 0 || len > 1024 || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
        return sc_err_set(err, SC_ERR_INVALID, "invalid container ID format: \"%s\"", id != NULL ? id : "");
    for (const char *p = id; *p != '\0'; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              strchr("_+-.", *p) != NULL))
            return sc_err_set(err, SC_ERR_INVALID, "invalid container ID format: \"%s\"", id);
    return 0;
}

int
sc_oci_open_dir(struct sc_oci_cli *cli, const char *id, struct sc_err *err)
{
    if (sc_oci_check_id(id, err) < 0)
        return -1;
    char *path = sc_arena_printf(&cli->arena, "%s/%s", cli->root, id);
    if (path == NULL)
        return sc_err_nomem(err);
    /* lint: a path of the host that the caller names */
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0 && errno == ENOENT)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "container does not exist: %s", id);
    return dir >= 0 ? dir : sc_err_errno(err, errno, "open state of %s", id);
}

static int
open_state(struct sc_oci_cli *cli, const char *id, bool is_locked, struct sc_state *state, struct sc_err *err)
{
    sc_cleanup_fd dir = sc_oci_open_dir(cli, id, err);
    struct sc_err why = SC_ERR_INIT;

    if (dir < 0 || (is_locked && sc_state_lock(dir, err) < 0))
        return -1;
    if (sc_state_read(dir, &cli->arena, state, &why) < 0) {
        /* a create that wrote nothing yet, or a delete that removed it already: there is no container */
        if (why.kind == SC_ERR_NOT_FOUND)
            return sc_err_set(err, SC_ERR_NOT_FOUND, "container does not exist: %s", id);
        *err = why;
        return sc_err_wrap(err, "read state of %s", id);
    }
    return sc_steal_fd(&dir);
}

int
sc_oci_open_state(struct sc_oci_cli *cli, const char *id, struct sc_state *state, struct sc_err *err)
{
    return open_state(cli, id, false, state, err);
}

int
sc_oci_lock_state(struct sc_oci_cli *cli, const char *id, struct sc_state *state, struct sc_err *err)
{
    return open_state(cli, id, true, state, err);
}

int
sc_oci_remove_state(struct sc_oci_cli *cli, const char *id, struct sc_err *err)
{
    sc_cleanup_fd root = sc_dir_open_at(AT_FDCWD, cli->root, err);

    return root < 0 ? -1 : sc_tree_remove_at(root, id, err);
}

bool
sc_oci_dir_is_of(const struct sc_oci_cli *cli, const char *id, int dir_fd)
{
    struct sc_err ignored = SC_ERR_INIT;
    struct stat now, held;
    sc_cleanup_fd root = sc_dir_open_at(AT_FDCWD, cli->root, &ignored);

    return root >= 0 && fstatat(root, id, &now, AT_SYMLINK_NOFOLLOW) == 0 && fstat(dir_fd, &held) == 0 &&
           now.st_dev == held.st_dev && now.st_ino == held.st_ino;
}
